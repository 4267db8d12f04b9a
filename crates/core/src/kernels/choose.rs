//! One of two elements by a mask. The mask is made as wide as the elements, sixteen at a time, which LLVM turns into
//! vectors; it does not where a condition picks.

use crate::parallel::{grain, parallel_for, Shared};

/// Elements at a time.
const WIDE: usize = 16;

/// Elements of four bytes, as bits: as many as there are, or one for all.
#[derive(Clone, Copy)]
pub enum Bits<'a> {
    /// One for each place.
    Each(&'a [u32]),
    /// The same everywhere.
    All(u32),
}

impl Bits<'_> {
    #[inline(always)]
    fn part(&self, from: usize) -> [u32; WIDE] {
        match self {
            Bits::Each(x) => x[from..from + WIDE].try_into().unwrap_or([0; WIDE]),
            Bits::All(x) => [*x; WIDE],
        }
    }

    #[inline(always)]
    fn one(&self, at: usize) -> u32 {
        match self {
            Bits::Each(x) => x[at],
            Bits::All(x) => *x,
        }
    }
}

/// `x` where the mask is set, else `y`.
pub fn choose(mask: &[bool], x: Bits, y: Bits, out: &mut [u32]) {
    let to = Shared(out.as_mut_ptr());
    parallel_for(mask.len(), grain::COMPUTED, |range| {
        // SAFETY: the parts are apart, and within the result.
        let out = unsafe { std::slice::from_raw_parts_mut(to.get().add(range.start), range.len()) };
        let whole = range.len() / WIDE * WIDE;
        for i in (0..whole).step_by(WIDE) {
            let at = range.start + i;
            let (x, y) = (x.part(at), y.part(at));
            let mut wide = [0; WIDE];
            for (wide, m) in wide.iter_mut().zip(&mask[at..at + WIDE]) {
                *wide = u32::from(*m).wrapping_neg();
            }
            for (k, out) in out[i..i + WIDE].iter_mut().enumerate() {
                *out = (x[k] & wide[k]) | (y[k] & !wide[k]);
            }
        }
        for (i, out) in out.iter_mut().enumerate().skip(whole) {
            let at = range.start + i;
            *out = if mask[at] { x.one(at) } else { y.one(at) };
        }
    });
}
