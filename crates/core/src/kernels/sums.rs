//! Sums of floating-point numbers that lie in one piece: blocks in vectors, the sums of blocks in double
//! precision and by halves. What a block gives does not depend on who sums it, or what beside it.

use crate::ops::loops::Real;
use crate::parallel::{grain, parallel_for, Shared};

/// Elements of a block.
const BLOCK: usize = 1 << 16;
/// Elements of lines that no cache holds: they are read at two places in turn.
const TWO_PLACES: usize = 1 << 22;
/// Shorter rows are not worth a loop each.
pub const SHORTEST: usize = 32;

/// Tells the sum of each row of `n` elements, with its number.
pub fn sum_rows<T: Real>(x: &[T], n: usize, tell: impl Fn(usize, f64) + Sync) {
    let rows = x.len() / n.max(1);
    if n > BLOCK {
        return (0..rows).for_each(|r| tell(r, sum_line(&x[r * n..(r + 1) * n])));
    }
    let loops = T::row_loops(n);
    parallel_for(rows, grain::rounds(grain::READ, n), |range| {
        // SAFETY: the row lies in the slice.
        range.for_each(|r| tell(r, unsafe { (loops.sum)(x[r * n..(r + 1) * n].as_ptr(), n) }));
    });
}

/// The sum of a row that is not longer than a block.
pub fn sum_block<T: Real>(x: &[T]) -> f64 {
    debug_assert!(x.len() <= BLOCK);
    // SAFETY: the row lies in the slice.
    unsafe { (T::row_loops(x.len()).sum)(x.as_ptr(), x.len()) }
}

/// The sum of many numbers, which threads share.
fn sum_line<T: Real>(x: &[T]) -> f64 {
    let mut parts = vec![0.0; x.len().div_ceil(BLOCK)];
    let (to, loops) = (Shared(parts.as_mut_ptr()), T::row_loops(BLOCK));
    // Blocks that are read with another one, half a line away: always the same ones, as their parts are shorter.
    let pairs = if x.len() < TWO_PLACES { 0 } else { x.len() / BLOCK / 2 };
    parallel_for(parts.len() - pairs, grain::rounds(grain::READ, BLOCK), |range| for i in range {
        // SAFETY: blocks of the line, each with a place of its own; those of pairs are whole.
        unsafe {
            if i < pairs {
                let pair = [i, i + pairs];
                let sums = (loops.sums)(pair.map(|i| x[i * BLOCK..].as_ptr()), BLOCK);
                pair.into_iter().zip(sums).for_each(|(i, sum)| *to.get().add(i) = sum);
            } else {
                let i = i + pairs;
                let block = &x[i * BLOCK..x.len().min((i + 1) * BLOCK)];
                *to.get().add(i) = (loops.sum)(block.as_ptr(), block.len());
            }
        }
    });
    by_halves(&parts)
}

/// Pairwise summation (Higham, "The Accuracy of Floating Point Summation", 1993).
fn by_halves(parts: &[f64]) -> f64 {
    if parts.len() <= 8 {
        return parts.iter().sum();
    }
    let (a, b) = parts.split_at(parts.len() / 2);
    by_halves(a) + by_halves(b)
}
