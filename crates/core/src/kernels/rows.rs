//! Rows in one piece, in vectors: their sums, and normalisation. The builds have these loops with and
//! without fused multiply-adds.

use super::simd::{F32x4, F64x2, Lane, MulAdd, Plain};
use crate::ops::loops::Real;
use crate::parallel::{grain, parallel_for, Shared};
use std::sync::OnceLock;

/// Elements that are summed in vectors before they are added to the rest.
const PART: usize = 1024;
/// The same of rows that are read in turn, which must not wait long for each other: memory is faster at
/// two places than at one.
const TURN: usize = 512;
/// Vectors that are summed side by side.
const WIDE: usize = 8;
/// Vectors that are written with one address.
const NEAR: usize = 4;

/// Calls `f(number, row)` for every row of `n` elements, in any order; threads share them.
pub fn each_row<T: Real>(to: &mut [T], n: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let n = n.max(1);
    let (rows, to) = (to.len() / n, Shared(to.as_mut_ptr()));
    parallel_for(rows, grain::rounds(grain::COMPUTED, n), |range| for r in range {
        // SAFETY: rows are apart.
        f(r, unsafe { std::slice::from_raw_parts_mut(to.get().add(r * n), n) });
    });
}

/// What rows are normalised with.
#[derive(Clone, Copy)]
pub struct Affine<'a, T> {
    /// The weight of each channel, if any.
    pub weight: Option<&'a [T]>,
    /// The bias of each channel, if any.
    pub bias: Option<&'a [T]>,
    /// Channels of both, which repeat.
    pub period: usize,
    /// Elements of a channel.
    pub space: usize,
}

/// `step` over rows of one length, whose sums start at zero; what fills up the last vector must add
/// nothing. The rows are read in turn, `P` elements of each.
///
/// # Safety
/// `n` elements of each must be readable.
#[inline(always)]
unsafe fn folded<L: Lane, const K: usize, const P: usize>(rows: [*const L::Elem; K], n: usize, filler: L::Elem, step: impl Fn(L, L) -> L) -> [f64; K]
where
    L::Elem: Real,
{
    let (mut total, group) = ([0.0; K], WIDE * L::N);
    let mut part = 0;
    // Rounding errors stay small in long rows, as each part is summed by itself.
    while part < n {
        let len = P.min(n - part);
        for (row, total) in rows.iter().zip(&mut total) {
            let x = row.wrapping_add(part);
            let mut sums = [L::splat(L::Elem::default()); WIDE];
            let mut at = 0;
            while at + group <= len {
                let from = x.wrapping_add(at);
                for (u, sum) in sums.iter_mut().enumerate() {
                    // SAFETY: inside the row.
                    *sum = step(*sum, unsafe { L::load(from.add(u * L::N)) });
                }
                at += group;
            }
            let mut room = [filler; 4];
            while at < len {
                let mut from = x.wrapping_add(at);
                if len - at < L::N {
                    // SAFETY: inside the row, and no vector has more than four numbers.
                    unsafe { std::ptr::copy_nonoverlapping(from, room.as_mut_ptr(), len - at) }
                    from = room.as_ptr();
                }
                // SAFETY: a vector is readable there.
                sums[0] = step(sums[0], unsafe { L::load(from) });
                at += L::N;
            }
            let [a, b, c, d, e, f, g, h] = sums;
            *total += a.add(e).add(c.add(g)).add(b.add(f).add(d.add(h))).sum().f64();
        }
        part += P;
    }
    total
}

/// The sums of rows of one length.
///
/// # Safety
/// `n` elements of each must be readable.
#[inline(always)]
pub unsafe fn sums<L: Lane, const K: usize>(rows: [*const L::Elem; K], n: usize) -> [f64; K]
where
    L::Elem: Real,
{
    // SAFETY: the caller's promise.
    unsafe { folded::<L, K, TURN>(rows, n, L::Elem::default(), L::add) }
}

/// The sum of a row.
///
/// # Safety
/// As `sums`.
#[inline(always)]
pub unsafe fn sum<L: Lane>(x: *const L::Elem, n: usize) -> f64
where
    L::Elem: Real,
{
    // SAFETY: the caller's promise.
    unsafe { folded::<L, 1, PART>([x], n, L::Elem::default(), L::add)[0] }
}

/// The sum of the squares of a row less a number.
///
/// # Safety
/// `n` elements must be readable.
#[inline(always)]
pub unsafe fn squares<L: Lane, M: MulAdd<L>>(x: *const L::Elem, n: usize, less: L::Elem) -> f64
where
    L::Elem: Real,
{
    let m = L::splat(less);
    // SAFETY: the caller's promise.
    unsafe {
        let [sum] = folded::<L, 1, PART>([x], n, less, |sum, v| {
            let d = v.sub(m);
            M::mul_add(d, d, sum)
        });
        sum
    }
}

/// Two sums over rows of one length: `step` adds what it makes of a place, which must be nothing where
/// all are zero.
///
/// # Safety
/// `n` elements of each must be readable.
#[inline(always)]
unsafe fn folded_twice<L: Lane, const R: usize>(rows: [*const L::Elem; R], n: usize, step: impl Fn([L; R], [L; 2]) -> [L; 2]) -> [f64; 2]
where
    L::Elem: Real,
{
    let (mut total, group) = ([0.0; 2], NEAR * L::N);
    let mut part = 0;
    while part < n {
        let (len, rows) = (PART.min(n - part), rows.map(|row| row.wrapping_add(part)));
        let mut sums = [[L::splat(L::Elem::default()); 2]; NEAR];
        let mut at = 0;
        while at + group <= len {
            let from = rows.map(|row| row.wrapping_add(at));
            for (u, sum) in sums.iter_mut().enumerate() {
                // SAFETY: inside the rows.
                *sum = step(from.map(|row| unsafe { L::load(row.add(u * L::N)) }), *sum);
            }
            at += group;
        }
        while at < len {
            let here = rows.map(|row| {
                let (from, mut room) = (row.wrapping_add(at), [L::Elem::default(); 4]);
                // SAFETY: inside the row, and no vector has more than four numbers.
                unsafe {
                    if len - at >= L::N {
                        return L::load(from);
                    }
                    std::ptr::copy_nonoverlapping(from, room.as_mut_ptr(), len - at);
                    L::load(room.as_ptr())
                }
            });
            sums[0] = step(here, sums[0]);
            at += L::N;
        }
        let [a, b, c, d] = sums;
        for (i, total) in total.iter_mut().enumerate() {
            *total += a[i].add(b[i]).add(c[i].add(d[i])).sum().f64();
        }
        part += PART;
    }
    total
}

/// The sums of `g` and of `g (x - m)`, each times a weight of its own if there are any.
///
/// # Safety
/// `n` elements of each must be readable.
#[inline(always)]
pub unsafe fn products<L: Lane, M: MulAdd<L>>(g: *const L::Elem, w: Option<*const L::Elem>, x: *const L::Elem, n: usize, m: L::Elem) -> [f64; 2]
where
    L::Elem: Real,
{
    let m = L::splat(m);
    let add = |g: L, x: L, [sum, dot]: [L; 2]| [sum.add(g), M::mul_add(g, x.sub(m), dot)];
    // SAFETY: the caller's promise.
    unsafe {
        match w {
            Some(w) => folded_twice::<L, 3>([g, w, x], n, |[g, w, x], sums| add(g.mul(w), x, sums)),
            None => folded_twice::<L, 2>([g, x], n, |[g, x], sums| add(g, x, sums)),
        }
    }
}

/// Writes `f(x - m, others)`.
///
/// # Safety
/// `n` elements must be readable and writable, at least those of a vector.
#[inline(always)]
unsafe fn write<L: Lane, const R: usize>(x: *const L::Elem, others: [*const L::Elem; R], y: *mut L::Elem, n: usize, m: L::Elem, f: impl Fn(L, [L; R]) -> L) {
    let m = L::splat(m);
    let mut at = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while at + NEAR * L::N <= n {
            let (x, y, others) = (x.wrapping_add(at), y.wrapping_add(at), others.map(|o| o.wrapping_add(at)));
            for u in (0..NEAR * L::N).step_by(L::N) {
                f(L::load(x.add(u)).sub(m), others.map(|o| L::load(o.add(u)))).store(y.add(u));
            }
            at += NEAR * L::N;
        }
        while at < n {
            // The last vector reaches back to what is written already.
            let last = at.min(n - L::N);
            f(L::load(x.add(last)).sub(m), others.map(|o| L::load(o.add(last)))).store(y.add(last));
            at += L::N;
        }
    }
}

impl<T: Real> Affine<'_, T> {
    /// Writes row `r` of `n` elements with its moments.
    ///
    /// # Safety
    /// As `write`, for each channel.
    #[inline(always)]
    unsafe fn write<L: Lane<Elem = T>, M: MulAdd<L>>(&self, r: usize, x: *const T, y: *mut T, n: usize, mean: f64, scale: f64) {
        let (m, s) = (T::of(mean), L::splat(T::of(scale)));
        // SAFETY: the caller's promise; weight and bias have an element for each of the row, or for each channel.
        unsafe {
            if self.space > 1 {
                let channels = n / self.space;
                for c in 0..channels {
                    let (k, at) = ((r * channels + c) % self.period, c * self.space);
                    let w = L::splat(T::of(scale * self.weight.map_or(1.0, |w| w[k].f64())));
                    let b = L::splat(self.bias.map_or(T::default(), |b| b[k]));
                    write::<L, 0>(x.wrapping_add(at), [], y.wrapping_add(at), self.space, m, |d, []| M::mul_add(d, w, b));
                }
                return;
            }
            match (self.weight.map(<[T]>::as_ptr), self.bias.map(<[T]>::as_ptr)) {
                (Some(w), Some(b)) => write::<L, 2>(x, [w, b], y, n, m, |d, [w, b]| M::mul_add(d.mul(s), w, b)),
                (Some(w), None) => write::<L, 1>(x, [w], y, n, m, |d, [w]| d.mul(s).mul(w)),
                (None, Some(b)) => write::<L, 1>(x, [b], y, n, m, |d, [b]| M::mul_add(d, s, b)),
                (None, None) => write::<L, 0>(x, [], y, n, m, |d, []| d.mul(s)),
            }
        }
    }
}

/// Normalises rows from number `first` on, as many as there are means, which it writes; and one over the
/// deviations, whose squares are `eps` larger than the variance.
///
/// # Safety
/// `n` elements of each row must be readable and writable; a channel of a row, or the row if each of its
/// elements is one, must have at least as many as a vector; and there must be weights and biases for all.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "what is read, and where it goes")]
pub unsafe fn normalise<L: Lane, M: MulAdd<L>>(
    x: *const L::Elem, y: *mut L::Elem, n: usize, first: usize, eps: f64, affine: &Affine<L::Elem>, mean: &mut [f64], scale: &mut [f64],
) where
    L::Elem: Real,
{
    let (rows, count) = (mean.len(), n as f64);
    for r in 0..=rows {
        let row = |r: usize| x.wrapping_add(r * n);
        // SAFETY: the caller's promise.
        unsafe {
            // The sums of a row take long to come out of the vectors: meanwhile the row before is written.
            if r < rows {
                mean[r] = sum::<L>(row(r), n) / count;
            }
            if r > 0 {
                let r = r - 1;
                affine.write::<L, M>(first + r, row(r), y.wrapping_add(r * n), n, mean[r], scale[r]);
            }
            if r < rows {
                scale[r] = 1.0 / (squares::<L, M>(row(r), n, L::Elem::of(mean[r])) / count + eps).sqrt();
            }
        }
    }
}

/// The loops as one build has them.
pub struct RowLoops<T: 'static> {
    /// `sums` of two rows.
    pub sums: unsafe fn([*const T; 2], usize) -> [f64; 2],
    /// `sum`.
    pub sum: unsafe fn(*const T, usize) -> f64,
    /// `squares`.
    pub squares: unsafe fn(*const T, usize, T) -> f64,
    /// `products`.
    #[allow(clippy::type_complexity, reason = "that of the function")]
    pub products: unsafe fn(*const T, Option<*const T>, *const T, usize, T) -> [f64; 2],
    /// `normalise`.
    #[allow(clippy::type_complexity, reason = "that of the function")]
    pub normalise: unsafe fn(*const T, *mut T, usize, usize, f64, &Affine<T>, &mut [f64], &mut [f64]),
}

/// The loops with a way to add products; attributes in front go to each.
#[macro_export]
macro_rules! row_loops {
    ($(#[$attr:meta])* $L:ty, $M:ty, $T:ty) => {{
        use $crate::kernels::rows::{self, Affine, RowLoops};
        // SAFETY, in all: the caller's promise.
        $(#[$attr])*
        unsafe fn sums(two: [*const $T; 2], n: usize) -> [f64; 2] {
            unsafe { rows::sums::<$L, 2>(two, n) }
        }
        $(#[$attr])*
        unsafe fn sum(x: *const $T, n: usize) -> f64 {
            unsafe { rows::sum::<$L>(x, n) }
        }
        $(#[$attr])*
        unsafe fn squares(x: *const $T, n: usize, less: $T) -> f64 {
            unsafe { rows::squares::<$L, $M>(x, n, less) }
        }
        $(#[$attr])*
        unsafe fn products(g: *const $T, w: Option<*const $T>, x: *const $T, n: usize, m: $T) -> [f64; 2] {
            unsafe { rows::products::<$L, $M>(g, w, x, n, m) }
        }
        $(#[$attr])*
        #[allow(clippy::too_many_arguments)]
        unsafe fn normalise(x: *const $T, y: *mut $T, n: usize, first: usize, eps: f64, affine: &Affine<$T>, mean: &mut [f64], scale: &mut [f64]) {
            unsafe { rows::normalise::<$L, $M>(x, y, n, first, eps, affine, mean, scale) }
        }
        RowLoops { sums, sum, squares, products, normalise }
    }};
}

static SINGLE: OnceLock<RowLoops<f32>> = OnceLock::new();
static PLAIN: RowLoops<f32> = row_loops!(F32x4, Plain, f32);
static DOUBLE: RowLoops<f64> = row_loops!(F64x2, Plain, f64);
// For less than a vector.
static NARROW: RowLoops<f32> = row_loops!(f32, Plain, f32);
static NARROW_DOUBLE: RowLoops<f64> = row_loops!(f64, Plain, f64);

/// Puts other loops in the place of the plain ones.
pub fn install(loops: RowLoops<f32>) {
    let _ = SINGLE.set(loops);
}

/// The loops for rows or channels of so many elements.
pub fn singles(width: usize) -> &'static RowLoops<f32> {
    if width < F32x4::N { &NARROW } else { SINGLE.get().unwrap_or(&PLAIN) }
}

/// The same in double precision.
pub fn doubles(width: usize) -> &'static RowLoops<f64> {
    if width < F64x2::N { &NARROW_DOUBLE } else { &DOUBLE }
}
