//! Loops over elements: one, two or three operands with their strides, broadcast by steps of zero;
//! the result is written row-major.
//!
//! Only `unary`, `binary` and `ternary` of a block are compiled for each expression and its types; the
//! walk from block to block is compiled once for all.

use crate::layout::Loop;
use crate::parallel::{grain, parallel_for, Shared};
use std::mem::MaybeUninit;
use std::ops::Range;

/// An operand: the address of its first element, and the bytes of each.
#[derive(Clone, Copy)]
pub struct Operand {
    /// The first element.
    pub first: *const u8,
    /// Bytes of an element.
    pub size: usize,
}

impl Operand {
    fn moved(self, elements: i64) -> Operand {
        Operand { first: self.first.wrapping_offset(elements as isize * self.size as isize), ..self }
    }
}

/// Rows of elements of the operands, and where their results go, one after the other. In a row an
/// operand has its elements side by side, or one number; not all have a number.
#[derive(Clone, Copy)]
pub struct Block<const N: usize> {
    rows: usize,
    len: usize,
    from: [Operand; N],
    /// Elements from row to row.
    down: [i64; N],
    /// 1 for elements, 0 for a number.
    step: [i64; N],
    to: *mut u8,
    to_size: usize,
}

impl<const N: usize> Block<N> {
    /// One row.
    pub fn row(len: usize, from: [Operand; N], step: [i64; N], to: *mut u8, to_size: usize) -> Block<N> {
        Block { rows: 1, len, from, down: [0; N], step, to, to_size }
    }

    /// The same from other places on.
    fn moved(&self, by: [i64; N], results: usize) -> Block<N> {
        Block { from: std::array::from_fn(|k| self.from[k].moved(by[k])), to: self.to.wrapping_add(results * self.to_size), ..*self }
    }

    /// Some of the rows, or of the elements of the only row.
    fn part(&self, range: Range<usize>) -> Block<N> {
        let at = |steps: [i64; N]| steps.map(|s| s * range.start as i64);
        match self.rows {
            1 => Block { len: range.len(), ..self.moved(at(self.step), range.start) },
            _ => Block { rows: range.len(), ..self.moved(at(self.down), range.start * self.len) },
        }
    }

    /// Calls `f` with parts that threads take.
    pub fn share(self, f: &(dyn Fn(&Block<N>) + Sync)) {
        let (n, grain) = if self.rows == 1 { (self.len, grain::MOVED) } else { (self.rows, grain::rounds(grain::MOVED, self.len)) };
        if n <= grain {
            return if n > 0 { f(&self) };
        }
        let all = Shared(self);
        parallel_for(n, grain, |range| f(&all.get().part(range)));
    }

    /// Elements of an operand in a row, or its number.
    ///
    /// # Safety
    /// They must be there, and of this type.
    #[inline(always)]
    unsafe fn operand<T>(&self, k: usize, row: usize, first: usize, len: usize) -> &[T] {
        let at = row as isize * self.down[k] as isize + first as isize * self.step[k] as isize;
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts(self.from[k].first.cast::<T>().offset(at), len) }
    }

    /// Where results go.
    ///
    /// # Safety
    /// They must be of this type.
    #[inline(always)]
    #[allow(clippy::mut_from_ref)]
    unsafe fn results<R>(&self, row: usize, first: usize, len: usize) -> &mut [R] {
        // SAFETY: the result has as many elements as the loop; threads have parts of their own.
        unsafe { std::slice::from_raw_parts_mut(self.to.cast::<R>().add(row * self.len + first), len) }
    }
}

/// Calls `f` with blocks that make up a loop with elements; its results go to `to`, row-major. If rows are not as
/// blocks must have them, nothing is done, and the error is the step of each operand in a row.
pub fn walk<const N: usize>(l: &Loop<N>, from: [Operand; N], to: *mut u8, to_size: usize, f: &(dyn Fn(&Block<N>) + Sync)) -> Result<(), [i64; N]> {
    let [(rows, down), (len, mut step)] = l.inner();
    if len == 1 {
        step = [1; N];
    }
    if step == [0; N] || step.iter().any(|s| !matches!(s, 0 | 1)) {
        return Err(step);
    }
    let first = Block { rows, len, from, down, step, to, to_size };
    let mut done = 0;
    l.blocks(|at| {
        first.moved(at, done).share(f);
        done += rows * len;
    });
    Ok(())
}

// The loops over consecutive elements, each compiled once for all who come to it.

/// `f` of consecutive elements.
#[inline(never)]
pub fn each<A: Copy, R>(x: &[A], out: &mut [R], f: &impl Fn(A) -> R) {
    for (d, x) in out.iter_mut().zip(x) {
        *d = f(*x);
    }
}

/// `f` of consecutive pairs.
#[inline(never)]
pub fn pairs<A: Copy, B: Copy, R>(x: &[A], y: &[B], out: &mut [R], f: &impl Fn(A, B) -> R) {
    for ((d, x), y) in out.iter_mut().zip(x).zip(y) {
        *d = f(*x, *y);
    }
}

/// `f` of consecutive elements and one number.
#[inline(never)]
pub fn with_number<A: Copy, B: Copy, R>(x: &[A], y: B, out: &mut [R], f: &impl Fn(A, B) -> R) {
    for (d, x) in out.iter_mut().zip(x) {
        *d = f(*x, y);
    }
}

/// `f` of consecutive triples.
#[inline(never)]
pub fn triples<A: Copy, B: Copy, C: Copy, R>(x: &[A], y: &[B], z: &[C], out: &mut [R], f: &impl Fn(A, B, C) -> R) {
    for (((d, x), y), z) in out.iter_mut().zip(x).zip(y).zip(z) {
        *d = f(*x, *y, *z);
    }
}

/// `f` of every element.
///
/// # Safety
/// The block must be one of elements of these types.
pub unsafe fn unary<A: Copy, R>(block: &Block<1>, f: &impl Fn(A) -> R) {
    for row in 0..block.rows {
        // SAFETY: the caller's promise.
        unsafe { each(block.operand(0, row, 0, block.len), block.results(row, 0, block.len), f) }
    }
}

/// `f` of every pair.
///
/// # Safety
/// The block must be one of elements of these types.
pub unsafe fn binary<A: Copy, B: Copy, R>(block: &Block<2>, f: &impl Fn(A, B) -> R) {
    let len = block.len;
    for row in 0..block.rows {
        // SAFETY: the caller's promise.
        unsafe {
            let to = block.results(row, 0, len);
            match block.step {
                [1, 1] => pairs(block.operand(0, row, 0, len), block.operand(1, row, 0, len), to, f),
                [1, _] => with_number(block.operand(0, row, 0, len), block.operand::<B>(1, row, 0, 1)[0], to, f),
                _ => with_number(block.operand(1, row, 0, len), block.operand::<A>(0, row, 0, 1)[0], to, &|y, x| f(x, y)),
            }
        }
    }
}

/// Elements that stand for a number in a loop over triples.
const CHUNK: usize = 512;

/// A number over and over.
struct Repeated<T>([MaybeUninit<T>; CHUNK]);

impl<T: Copy> Repeated<T> {
    #[inline(always)]
    fn new() -> Repeated<T> {
        Repeated([const { MaybeUninit::uninit() }; CHUNK])
    }

    /// Elements of an operand in a row, `len` of them at most `CHUNK` where it has a number.
    ///
    /// # Safety
    /// As for `Block::operand`; of a row the first must be asked for first, with no fewer than later.
    #[inline(always)]
    unsafe fn or_operand<'a, const N: usize>(&'a mut self, block: &'a Block<N>, k: usize, row: usize, first: usize, len: usize) -> &'a [T] {
        // SAFETY: the caller's promise.
        unsafe {
            if block.step[k] == 1 {
                return block.operand(k, row, first, len);
            }
            if first == 0 && (row == 0 || block.down[k] != 0) {
                self.0[..len].fill(MaybeUninit::new(block.operand(k, row, 0, 1)[0]));
            }
            std::slice::from_raw_parts(self.0.as_ptr().cast(), len)
        }
    }
}

/// `f` of every triple.
///
/// # Safety
/// The block must be one of elements of these types.
pub unsafe fn ternary<A: Copy, B: Copy, C: Copy, R>(block: &Block<3>, f: &impl Fn(A, B, C) -> R) {
    let (mut x, mut y, mut z) = (Repeated::<A>::new(), Repeated::<B>::new(), Repeated::<C>::new());
    let most = if block.step == [1; 3] { block.len } else { CHUNK };
    for row in 0..block.rows {
        for first in (0..block.len).step_by(most) {
            let n = most.min(block.len - first);
            // SAFETY: the caller's promise.
            unsafe {
                let (x, y) = (x.or_operand(block, 0, row, first, n), y.or_operand(block, 1, row, first, n));
                triples(x, y, z.or_operand(block, 2, row, first, n), block.results(row, first, n), f);
            }
        }
    }
}
