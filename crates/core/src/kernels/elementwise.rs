//! Loops over elements: one, two or three operands with their strides, broadcast by steps of zero;
//! the result is written row-major.

use crate::layout::Loop;

/// An operand: the elements from its first one on, and its step in each dimension of the loop.
#[derive(Clone, Copy)]
pub struct Strided<'a, T> {
    /// The storage, beginning with the first element.
    pub data: &'a [T],
    /// The steps, in elements.
    pub strides: &'a [i64],
}

/// One run of an operand, that the optimiser can see is consecutive.
#[inline(always)]
fn run<T>(data: &[T], at: i64, len: usize) -> &[T] {
    &data[at as usize..][..len]
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

/// Elements that stand for a number in a loop over triples.
const CHUNK: usize = 512;

/// An operand of a run in chunks: a part of its elements, or its number over and over.
struct Chunks<'a, T> {
    data: &'a [T],
    at: i64,
    number: Vec<T>,
}

impl<'a, T: Copy> Chunks<'a, T> {
    fn new(data: &'a [T], at: i64, step: i64, len: usize) -> Chunks<'a, T> {
        let number = if step == 0 { vec![data[at as usize]; len.min(CHUNK)] } else { Vec::new() };
        Chunks { data, at, number }
    }

    #[inline(always)]
    fn part(&self, from: usize, len: usize) -> &[T] {
        if self.number.is_empty() { run(self.data, self.at + from as i64, len) } else { &self.number[..len] }
    }
}

/// `f` of every element.
#[inline(always)]
pub fn unary<A: Copy, R>(sizes: &[i64], a: Strided<A>, out: &mut [R], f: impl Fn(A) -> R) {
    let mut rest = out;
    Loop::<1>::new(sizes, [a.strides]).runs(|len, [at], [step]| {
        let (to, after) = std::mem::take(&mut rest).split_at_mut(len);
        rest = after;
        if step == 1 {
            each(run(a.data, at, len), to, &f);
        } else {
            for (i, d) in to.iter_mut().enumerate() {
                *d = f(a.data[(at + i as i64 * step) as usize]);
            }
        }
    });
}

/// `f` of every pair.
#[inline(always)]
pub fn binary<A: Copy, B: Copy, R>(
    sizes: &[i64], a: Strided<A>, b: Strided<B>, out: &mut [R], f: impl Fn(A, B) -> R,
) {
    let mut rest = out;
    Loop::<2>::new(sizes, [a.strides, b.strides]).runs(|len, at, step| {
        let (to, after) = std::mem::take(&mut rest).split_at_mut(len);
        rest = after;
        match step {
            [1, 1] => pairs(run(a.data, at[0], len), run(b.data, at[1], len), to, &f),
            [1, 0] => with_number(run(a.data, at[0], len), b.data[at[1] as usize], to, &f),
            [0, 1] => {
                let x = a.data[at[0] as usize];
                for (d, y) in to.iter_mut().zip(run(b.data, at[1], len)) {
                    *d = f(x, *y);
                }
            }
            _ => {
                for (i, d) in to.iter_mut().enumerate() {
                    let [p, q] = [0, 1].map(|k| (at[k] + i as i64 * step[k]) as usize);
                    *d = f(a.data[p], b.data[q]);
                }
            }
        }
    });
}

/// `f` of every triple.
#[inline(always)]
pub fn ternary<A: Copy, B: Copy, C: Copy, R>(
    sizes: &[i64], a: Strided<A>, b: Strided<B>, c: Strided<C>, out: &mut [R], f: impl Fn(A, B, C) -> R,
) {
    let mut rest = out;
    Loop::<3>::new(sizes, [a.strides, b.strides, c.strides]).runs(|len, at, step| {
        let (to, after) = std::mem::take(&mut rest).split_at_mut(len);
        rest = after;
        let short = len < 64 && step != [1; 3];
        if !short && step.iter().all(|s| matches!(s, 0 | 1)) {
            let (x, y, z) = (Chunks::new(a.data, at[0], step[0], len), Chunks::new(b.data, at[1], step[1], len), Chunks::new(c.data, at[2], step[2], len));
            // Without numbers the run is one chunk.
            let size = if step == [1; 3] { len } else { CHUNK };
            for (i, to) in to.chunks_mut(size.max(1)).enumerate() {
                let (from, n) = (i * size, to.len());
                triples(x.part(from, n), y.part(from, n), z.part(from, n), to, &f);
            }
        } else {
            for (i, d) in to.iter_mut().enumerate() {
                let [p, q, r] = [0, 1, 2].map(|k| (at[k] + i as i64 * step[k]) as usize);
                *d = f(a.data[p], b.data[q], c.data[r]);
            }
        }
    });
}
