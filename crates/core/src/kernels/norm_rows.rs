//! Rows normalised in vectors, and the sums that this takes. The builds have these loops with and
//! without fused multiply-adds.

use super::simd::{F32x4, F64x2, Lane, MulAdd, Plain};
use crate::ops::loops::Real;
use std::sync::OnceLock;

/// Elements that are summed in vectors before they are added to the rest.
const PART: usize = 1024;
/// Vectors that are summed side by side.
const WIDE: usize = 8;
/// Vectors that are written with one address.
const NEAR: usize = 4;

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

/// `step` over a row, whose sums start at zero; what fills up the last vector must add nothing.
///
/// # Safety
/// `n` elements must be readable.
#[inline(always)]
unsafe fn folded<L: Lane>(x: *const L::Elem, n: usize, filler: L::Elem, step: impl Fn(L, L) -> L) -> f64
where
    L::Elem: Real,
{
    let (mut total, group) = (0.0, WIDE * L::N);
    let mut part = 0;
    // Rounding errors stay small in long rows, as each part is summed by itself.
    while part < n {
        let (len, x) = (PART.min(n - part), x.wrapping_add(part));
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
        total += a.add(e).add(c.add(g)).add(b.add(f).add(d.add(h))).sum().f64();
        part += PART;
    }
    total
}

/// The sum of a row.
///
/// # Safety
/// `n` elements must be readable.
#[inline(always)]
pub unsafe fn sum<L: Lane>(x: *const L::Elem, n: usize) -> f64
where
    L::Elem: Real,
{
    // SAFETY: the caller's promise.
    unsafe { folded::<L>(x, n, L::Elem::default(), L::add) }
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
        folded::<L>(x, n, less, |sum, v| {
            let d = v.sub(m);
            M::mul_add(d, d, sum)
        })
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
pub struct Norms<T: 'static> {
    /// `sum`.
    pub sum: unsafe fn(*const T, usize) -> f64,
    /// `squares`.
    pub squares: unsafe fn(*const T, usize, T) -> f64,
    /// `normalise`.
    #[allow(clippy::type_complexity, reason = "that of the function")]
    pub normalise: unsafe fn(*const T, *mut T, usize, usize, f64, &Affine<T>, &mut [f64], &mut [f64]),
}

/// The loops with a way to add products; attributes in front go to each.
#[macro_export]
macro_rules! norm_rows {
    ($(#[$attr:meta])* $L:ty, $M:ty, $T:ty) => {{
        use $crate::kernels::norm_rows::{self as rows, Affine, Norms};
        // SAFETY, in all: the caller's promise.
        $(#[$attr])*
        unsafe fn sum(x: *const $T, n: usize) -> f64 {
            unsafe { rows::sum::<$L>(x, n) }
        }
        $(#[$attr])*
        unsafe fn squares(x: *const $T, n: usize, less: $T) -> f64 {
            unsafe { rows::squares::<$L, $M>(x, n, less) }
        }
        $(#[$attr])*
        #[allow(clippy::too_many_arguments)]
        unsafe fn normalise(x: *const $T, y: *mut $T, n: usize, first: usize, eps: f64, affine: &Affine<$T>, mean: &mut [f64], scale: &mut [f64]) {
            unsafe { rows::normalise::<$L, $M>(x, y, n, first, eps, affine, mean, scale) }
        }
        Norms { sum, squares, normalise }
    }};
}

static SINGLE: OnceLock<Norms<f32>> = OnceLock::new();
static PLAIN: Norms<f32> = norm_rows!(F32x4, Plain, f32);
static DOUBLE: Norms<f64> = norm_rows!(F64x2, Plain, f64);
// For less than a vector.
static NARROW: Norms<f32> = norm_rows!(f32, Plain, f32);
static NARROW_DOUBLE: Norms<f64> = norm_rows!(f64, Plain, f64);

/// Puts other loops in the place of the plain ones.
pub fn install(norms: Norms<f32>) {
    let _ = SINGLE.set(norms);
}

/// The loops for rows or channels of so many elements.
pub fn singles(width: usize) -> &'static Norms<f32> {
    if width < F32x4::N { &NARROW } else { SINGLE.get().unwrap_or(&PLAIN) }
}

/// The same in double precision.
pub fn doubles(width: usize) -> &'static Norms<f64> {
    if width < F64x2::N { &NARROW_DOUBLE } else { &DOUBLE }
}
