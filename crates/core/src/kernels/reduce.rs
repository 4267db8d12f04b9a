//! Elements along dimensions folded to one number. Long folds split
//! in halves (pairwise summation: Higham, "The Accuracy of Floating Point Summation", 1993), so
//! that rounding errors grow with the logarithm of the length.

use super::gemm::Number;
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::{Dims, Loop};
use crate::parallel::{available, grain, parallel_for, Shared};
use crate::tensor::Tensor;
use std::hint::black_box;
use std::ops::Sub;

/// Elements of a line that are folded in one go; longer lines are halved.
const LINE: usize = 8192;
/// The same of a line whose elements are not adjacent, which are folded one after the other.
const SPREAD_LINE: usize = 1024;
/// Rows that are folded column by column in one go.
const ROWS: usize = 64;
/// Columns that are folded at once, so that their partial results stay in the cache.
const COLUMNS: usize = 512;
/// Independent partial results of a contiguous line: enough for LLVM to fill vectors.
const PARTS: usize = 16;
/// A longer line is cut into parts that threads share.
const SHARED_LINE: usize = 1 << 16;
/// Elements that partial results take in before they are joined to those of the line so far.
const GROUP: usize = 32 * PARTS;

/// The sizes after reducing `dims`.
#[inline(never)]
pub fn reduced_sizes(sizes: &[i64], dims: &[usize], keepdim: bool) -> Dims {
    let mut out = Dims::new();
    for (d, &n) in sizes.iter().enumerate() {
        if !dims.contains(&d) {
            out.push(n);
        } else if keepdim {
            out.push(1);
        }
    }
    out
}

/// The tensor in the type it is computed in, with whatever strides it has.
#[inline(never)]
pub(super) fn typed(t: &Tensor, dtype: DType) -> Result {
    if t.dtype() == dtype { Ok(t.clone()) } else { t.copied(dtype) }
}

#[inline(never)]
pub(super) fn finish(out: Tensor, dtype: DType) -> Result {
    if out.dtype() == dtype { Ok(out) } else { out.copied(dtype) }
}

/// A fold: where each result starts (an identity of `join`), how it takes an element in (with its
/// place along the reduced dimensions), and how two partial results become one.
struct Fold<I, S, J> {
    init: I,
    step: S,
    join: J,
    /// Whether there is but one partial result of a line: for searches, which take few elements in.
    single: bool,
}

impl<I, S, J> Fold<I, S, J> {
    /// A contiguous line.
    #[inline(always)]
    fn slice<T: Copy, A: Copy>(&self, x: &[T], first: usize, init: A) -> A
    where
        S: Fn(A, T, usize) -> A,
        J: Fn(A, A) -> A,
    {
        let (step, join) = (&self.step, &self.join);
        let whole = if self.single { 0 } else { x.len() / PARTS * PARTS };
        let rest = x[whole..].iter().enumerate().fold(init, |acc, (i, v)| step(acc, *v, first + whole + i));
        if whole == 0 {
            return rest;
        }
        let mut part = [init; PARTS];
        for (g, group) in x[..whole].chunks(GROUP).enumerate() {
            let mut own = [init; PARTS];
            for (k, c) in group.chunks_exact(PARTS).enumerate() {
                for i in 0..PARTS {
                    own[i] = step(own[i], c[i], first + g * GROUP + k * PARTS + i);
                }
            }
            for i in 0..PARTS {
                part[i] = join(part[i], own[i]);
            }
        }
        join(halved(part, join), rest)
    }

    /// # Safety
    /// `len` elements must be readable from `ptr`, `stride` apart.
    unsafe fn line<T: Copy, A: Copy>(&self, ptr: *const T, len: usize, stride: i64, first: usize, init: A) -> A
    where
        S: Fn(A, T, usize) -> A,
        J: Fn(A, A) -> A,
    {
        if len > if stride == 1 { LINE } else { SPREAD_LINE } {
            let half = len / 2 / PARTS * PARTS;
            // SAFETY: both halves lie inside the line.
            return unsafe {
                let a = self.line(ptr, half, stride, first, init);
                let rest = ptr.offset(half as isize * stride as isize);
                (self.join)(a, self.line(rest, len - half, stride, first + half, init))
            };
        }
        if stride == 1 {
            // SAFETY: contiguous by its stride.
            return self.slice(unsafe { std::slice::from_raw_parts(ptr, len) }, first, init);
        }
        let mut acc = init;
        for i in 0..len {
            // SAFETY: inside the line.
            acc = (self.step)(acc, unsafe { *ptr.offset(i as isize * stride as isize) }, first + i);
        }
        acc
    }

    /// Several lines of `len` elements, which start at `starts`.
    ///
    /// # Safety
    /// Every line must be readable.
    unsafe fn lines<T: Copy, A: Copy>(
        &self, ptr: *const T, starts: &[i64], len: usize, stride: i64, first: usize, init: A,
    ) -> A
    where
        S: Fn(A, T, usize) -> A,
        J: Fn(A, A) -> A,
    {
        match starts {
            [] => init,
            // SAFETY: the caller's promise.
            [at] => unsafe { self.line(ptr.offset(*at as isize), len, stride, first, init) },
            _ => {
                let (a, b) = starts.split_at(starts.len() / 2);
                // SAFETY: as above.
                unsafe {
                    let x = self.lines(ptr, a, len, stride, first, init);
                    (self.join)(x, self.lines(ptr, b, len, stride, first + a.len() * len, init))
                }
            }
        }
    }

    /// Neighbouring results at once: rows at `starts` are folded into `acc`, whose first result is
    /// number `out`.
    ///
    /// # Safety
    /// Every row must be readable, its elements `stride` apart.
    unsafe fn columns<T: Copy, A: Copy>(
        &self, ptr: *const T, stride: i64, starts: &[i64], first: usize, out: usize, acc: &mut [A],
    ) where
        I: Fn(usize) -> A,
        S: Fn(A, T, usize) -> A,
        J: Fn(A, A) -> A,
    {
        if starts.len() > ROWS {
            let (a, b) = starts.split_at(starts.len() / 2);
            let mut other: Vec<A> = (0..acc.len()).map(|j| (self.init)(out + j)).collect();
            // SAFETY: the caller's promise.
            unsafe {
                self.columns(ptr, stride, a, first, out, acc);
                self.columns(ptr, stride, b, first + a.len(), out, &mut other);
            }
            for (x, y) in acc.iter_mut().zip(other) {
                *x = (self.join)(*x, y);
            }
            return;
        }
        for (r, at) in starts.iter().enumerate() {
            // SAFETY: as above.
            unsafe {
                let row = ptr.offset(*at as isize);
                if stride == 1 {
                    let line = std::slice::from_raw_parts(row, acc.len());
                    for (x, v) in acc.iter_mut().zip(line) {
                        *x = (self.step)(*x, *v, first + r);
                    }
                } else {
                    for (j, x) in acc.iter_mut().enumerate() {
                        *x = (self.step)(*x, *row.offset(j as isize * stride as isize), first + r);
                    }
                }
            }
        }
    }

    /// A long line, which threads share: cut where `line` halves it, and joined as there.
    ///
    /// # Safety
    /// As for `line`.
    unsafe fn shared_line<T: Copy, A: Copy + Sync>(&self, ptr: *const T, len: usize, stride: i64, init: A) -> A
    where
        S: Fn(A, T, usize) -> A,
        J: Fn(A, A) -> A,
        Self: Sync,
    {
        let mut cuts = Vec::new();
        cut(0, len, &mut |first, len| cuts.push((first, len)));
        let mut parts = vec![init; cuts.len()];
        let (from, to) = (Shared(ptr), Shared(parts.as_mut_ptr()));
        parallel_for(cuts.len(), 1, |range| {
            for i in range {
                let (first, len) = cuts[i];
                // SAFETY: inside the line; each round has a place of its own.
                unsafe {
                    let part = from.get().offset(first as isize * stride as isize);
                    to.get().add(i).write(self.line(part, len, stride, first, init));
                }
            }
        });
        joined(len, &mut parts.into_iter(), &self.join).unwrap_or(init)
    }

    /// Every result to `emit`, with its number. `free` lets the elements come in any order.
    fn run<T: Element, A: Copy + Sync>(&self, t: &Tensor, dims: &[usize], free: bool, emit: impl Fn(usize, A) + Sync)
    where
        I: Fn(usize) -> A,
        S: Fn(A, T, usize) -> A,
        J: Fn(A, A) -> A,
        Self: Sync,
    {
        let ptr = t.ptr::<T>().cast_const();
        let (kept, inner) = loops(t, dims, free);
        let last = |l: &Loop<1>| l.sizes.last().map(|n| (*n as usize, l.strides[l.strides.len() - 1][0]));
        let (width, step) = last(&kept).unwrap_or((1, 0));
        let (len, stride) = last(&inner).unwrap_or((1, 0));
        let from = Shared(ptr);
        let folded = inner.sizes.iter().product::<i64>() as usize;
        if width >= 4 && len > 1 && step.abs() < stride.abs() {
            let (rows, bases, blocks) = (offsets(&inner, 0), offsets(&kept, 1), width.div_ceil(COLUMNS));
            parallel_for(bases.len() * blocks, grain::rounds(grain::MOVED, folded * COLUMNS.min(width)), |range| {
                let mut acc = Vec::with_capacity(COLUMNS.min(width));
                for (base, at) in range.map(|i| (i / blocks, i % blocks * COLUMNS)) {
                    let out = base * width + at;
                    acc.clear();
                    acc.extend((0..COLUMNS.min(width - at)).map(|j| (self.init)(out + j)));
                    // SAFETY: the offsets come from the layout.
                    unsafe {
                        let from = from.get().offset((bases[base] + at as i64 * step) as isize);
                        self.columns(from, step, &rows, 0, out, &mut acc);
                    }
                    acc.iter().enumerate().for_each(|(j, a)| emit(out + j, *a));
                }
            });
            return;
        }
        let starts = offsets(&inner, 1);
        let results = kept.sizes.iter().product::<i64>() as usize;
        if let ([start], 1, true) = (&starts[..], results, len > SHARED_LINE && available() > 1) {
            // SAFETY: the offsets come from the layout.
            return emit(0, unsafe { self.shared_line(ptr.offset(*start as isize), len, stride, (self.init)(0)) });
        }
        parallel_for(results, grain::rounds(grain::MOVED, folded), |range| {
            let mut out = 0;
            kept.runs(|n, at, step| {
                for i in range.start.max(out)..range.end.min(out + n) {
                    // SAFETY: the offsets come from the layout.
                    emit(i, unsafe {
                        let from = from.get().offset((at[0] + (i - out) as i64 * step[0]) as isize);
                        self.lines(from, &starts, len, stride, 0, (self.init)(i))
                    });
                }
                out += n;
            });
        });
    }
}

/// Tells the parts that a line is halved into until they are short enough for one thread.
fn cut(first: usize, len: usize, tell: &mut impl FnMut(usize, usize)) {
    if len <= SHARED_LINE {
        return tell(first, len);
    }
    let half = len / 2 / PARTS * PARTS;
    cut(first, half, tell);
    cut(first + half, len - half, tell);
}

/// The results of these parts as one.
fn joined<A>(len: usize, parts: &mut impl Iterator<Item = A>, join: &impl Fn(A, A) -> A) -> Option<A> {
    if len <= SHARED_LINE {
        return parts.next();
    }
    let half = len / 2 / PARTS * PARTS;
    let (a, b) = (joined(half, parts, join)?, joined(len - half, parts, join)?);
    Some(join(a, b))
}

/// Partial results as one, by halves.
#[inline(always)]
fn halved<A: Copy>(part: [A; PARTS], join: impl Fn(A, A) -> A) -> A {
    // LLVM sees them in memory only: it would fill but half of each vector, for the last joins.
    let mut part = *black_box(&part);
    let mut width = PARTS / 2;
    while width > 0 {
        for i in 0..width {
            part[i] = join(part[i], part[i + width]);
        }
        width /= 2;
    }
    part[0]
}

/// The loops over the dimensions that are kept and over those that are folded, these in the order of memory if they are `free`.
#[inline(never)]
fn loops(t: &Tensor, dims: &[usize], free: bool) -> (Loop<1>, Loop<1>) {
    let mut order: Vec<usize> = dims.to_vec();
    order.sort_unstable();
    if free {
        order.sort_by_key(|&d| std::cmp::Reverse(t.strides()[d].abs()));
    }
    let kept: Vec<usize> = (0..t.ndim()).filter(|d| !dims.contains(d)).collect();
    (loop_over(t, &kept), loop_over(t, &order))
}

/// The loop over some dimensions of a tensor.
fn loop_over(t: &Tensor, dims: &[usize]) -> Loop<1> {
    let sizes: Dims = dims.iter().map(|&d| t.sizes()[d]).collect();
    let strides: Dims = dims.iter().map(|&d| t.strides()[d]).collect();
    Loop::new(&sizes, [&strides])
}

/// The offsets that a loop visits, without its `inner` innermost dimensions.
#[inline(never)]
fn offsets(l: &Loop<1>, inner: usize) -> Vec<i64> {
    if l.sizes.contains(&0) {
        return Vec::new();
    }
    let mut out = vec![0];
    for (n, s) in l.sizes.iter().zip(&l.strides).take(l.sizes.len().saturating_sub(inner)) {
        out = out.iter().flat_map(|at| (0..*n).map(move |i| at + i * s[0])).collect();
    }
    out
}

/// Folds the elements along `dims` in any order; `init` is an identity of `join`.
pub fn fold<T: Element, A: Copy + Sync, R: Element>(
    t: &Tensor, dims: &[usize], keepdim: bool, dtype: DType,
    init: A, step: impl Fn(A, T) -> A + Sync, join: impl Fn(A, A) -> A + Sync, last: impl Fn(A) -> R + Sync,
) -> Result {
    fold_from(t, dims, keepdim, dtype, |_| init, step, join, last)
}

/// As `fold`, each result with a start of its own.
#[allow(clippy::too_many_arguments)]
pub fn fold_from<T: Element, A: Copy + Sync, R: Element>(
    t: &Tensor, dims: &[usize], keepdim: bool, dtype: DType,
    init: impl Fn(usize) -> A + Sync, step: impl Fn(A, T) -> A + Sync, join: impl Fn(A, A) -> A + Sync,
    last: impl Fn(A) -> R + Sync,
) -> Result {
    let source = typed(t, T::DTYPE)?;
    let out = Tensor::empty(&reduced_sizes(t.sizes(), dims, keepdim), R::DTYPE)?;
    let to = Shared(out.ptr::<R>());
    let fold = Fold { init, step: |a, x, _| step(a, x), join, single: false };
    // SAFETY: each result has a place of its own.
    fold.run(&source, dims, true, |i, a| unsafe { to.get().add(i).write(last(a)) });
    finish(out, dtype)
}

/// Where along `dims`, in row-major order, the element is that `beats` all others, the first of
/// equals; and the element itself.
pub fn find<T: Element>(
    t: &Tensor, dims: &[usize], keepdim: bool, dtype: DType, beats: impl Fn(T, T) -> bool + Sync,
) -> Result<(Tensor, Tensor)> {
    let source = typed(t, T::DTYPE)?;
    let sizes = reduced_sizes(t.sizes(), dims, keepdim);
    let (values, places) = (Tensor::empty(&sizes, T::DTYPE)?, Tensor::empty(&sizes, DType::Int64)?);
    let to = Shared((values.ptr::<T>(), places.ptr::<i64>()));
    let none = (T::default(), i64::MAX);
    let fold = Fold {
        init: |_| none,
        step: |a: (T, i64), x, i| if a.1 == i64::MAX || beats(x, a.0) { (x, i as i64) } else { a },
        join: |a: (T, i64), b: (T, i64)| {
            let second = b.1 != i64::MAX
                && (a.1 == i64::MAX || beats(b.0, a.0) || (b.1 < a.1 && !beats(a.0, b.0)));
            if second { b } else { a }
        },
        single: true,
    };
    // SAFETY: each result has a place of its own.
    fold.run(&source, dims, false, |at, (value, place): (T, i64)| unsafe {
        to.get().0.add(at).write(value);
        to.get().1.add(at).write(place);
    });
    Ok((finish(values, dtype)?, places))
}

/// A fold of one contiguous row.
pub fn fold_row<T: Copy, A: Copy>(row: &[T], init: A, step: impl Fn(A, T) -> A, join: impl Fn(A, A) -> A) -> A {
    let fold = Fold { init: (), step: |a, x, _| step(a, x), join, single: false };
    // SAFETY: a slice is readable.
    unsafe { fold.line(row.as_ptr(), row.len(), 1, 0, init) }
}

/// The sum of the products of a row and another one less a number, in as many parts as `fold_row` has.
pub fn dot_row<T: Number + Sub<Output = T>>(a: &[T], b: &[T], less: T) -> T {
    if a.len() > LINE {
        let half = a.len() / 2 / PARTS * PARTS;
        let (first, second) = (dot_row(&a[..half], &b[..half], less), dot_row(&a[half..], &b[half..], less));
        return first + second;
    }
    let whole = a.len() / PARTS * PARTS;
    let rest = a[whole..].iter().zip(&b[whole..]).fold(T::default(), |s, (x, y)| s + *x * (*y - less));
    let mut part = [T::default(); PARTS];
    for (p, q) in a[..whole].chunks(GROUP).zip(b[..whole].chunks(GROUP)) {
        let mut own = [T::default(); PARTS];
        for (x, y) in p.chunks_exact(PARTS).zip(q.chunks_exact(PARTS)) {
            for i in 0..PARTS {
                own[i] += x[i] * (y[i] - less);
            }
        }
        for i in 0..PARTS {
            part[i] += own[i];
        }
    }
    halved(part, |x, y| x + y) + rest
}
