//! The small squares of minimal filtering: tiles of images, kernels and gradients as values at six by
//! six points, and sums of products of those as results; four squares at once, one in each lane.
//!
//! A convolution of 4 numbers with 3 is a product of polynomials, found from its values at 6 points
//! (Toom and Cook); read backwards it is the filter of 6 numbers with 3, in 6 products for 12 (Winograd;
//! Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016). The points are 0, ±3/4,
//! ±3/2 and infinity: constants are then exact and near one. With the usual 0, ±1, ±2 the error is twice
//! as large (as in Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution
//! for Deep Neural Networks", 2020).

use super::simd::{F32x4, Lane, MulAdd};

/// Points of a square.
pub const POINTS: usize = 36;
/// Numbers in a row of an image's tile.
pub const TILE: usize = 6;
/// How far tiles are apart, and results in a row.
pub const STEP: usize = 4;

const A: f32 = 0.75;
const B: f32 = 1.5;
const A2: f32 = A * A;
const B2: f32 = B * B;
/// One over the product of a point's distances to the others: of zero, of `A` and `-A`, of `B` and `-B`.
const AT_0: f32 = 1.0 / (A2 * B2);
const AT_A: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
const AT_B: f32 = 1.0 / (2.0 * B2 * (B2 - A2));

type V = F32x4;

/// A linear map of a row or column of a square.
trait Line<const IN: usize, const OUT: usize> {
    fn run<M: MulAdd<V>>(x: [V; IN]) -> [V; OUT];
}

/// `k * x + y`.
#[inline(always)]
fn plus<M: MulAdd<V>>(k: f32, x: V, y: V) -> V {
    M::mul_add(V::splat(k), x, y)
}

/// `k * x`.
#[inline(always)]
fn times(k: f32, x: V) -> V {
    V::splat(k).mul(x)
}

/// Rows of an image's tile: coefficients of the products of all other points' factors.
struct Image;
impl Line<6, 6> for Image {
    #[inline(always)]
    fn run<M: MulAdd<V>>(x: [V; 6]) -> [V; 6] {
        let (even_a, odd_a) = (plus::<M>(-B2, x[2], x[4]), plus::<M>(-B2, x[1], x[3]));
        let (even_b, odd_b) = (plus::<M>(-A2, x[2], x[4]), plus::<M>(-A2, x[1], x[3]));
        [
            plus::<M>(A2 * B2, x[0], plus::<M>(-A2 - B2, x[2], x[4])),
            plus::<M>(A, odd_a, even_a),
            plus::<M>(-A, odd_a, even_a),
            plus::<M>(B, odd_b, even_b),
            plus::<M>(-B, odd_b, even_b),
            plus::<M>(A2 * B2, x[1], plus::<M>(-A2 - B2, x[3], x[5])),
        ]
    }
}

/// Rows of a kernel: its values at the points, divided by their distances.
struct Filter;
impl Line<3, 6> for Filter {
    #[inline(always)]
    fn run<M: MulAdd<V>>(x: [V; 3]) -> [V; 6] {
        let (even_a, even_b) = (plus::<M>(A2 * AT_A, x[2], times(AT_A, x[0])), plus::<M>(B2 * AT_B, x[2], times(AT_B, x[0])));
        [
            times(AT_0, x[0]),
            plus::<M>(A * AT_A, x[1], even_a),
            plus::<M>(-A * AT_A, x[1], even_a),
            plus::<M>(B * AT_B, x[1], even_b),
            plus::<M>(-B * AT_B, x[1], even_b),
            x[2],
        ]
    }
}

/// Rows of a gradient's tile, which stands for a kernel of four numbers.
struct Gradient;
impl Line<4, 6> for Gradient {
    #[inline(always)]
    fn run<M: MulAdd<V>>(x: [V; 4]) -> [V; 6] {
        let (even_a, even_b) = (plus::<M>(A2 * AT_A, x[2], times(AT_A, x[0])), plus::<M>(B2 * AT_B, x[2], times(AT_B, x[0])));
        let (odd_a, odd_b) = (plus::<M>(A2, x[3], x[1]), plus::<M>(B2, x[3], x[1]));
        [
            times(AT_0, x[0]),
            plus::<M>(A * AT_A, odd_a, even_a),
            plus::<M>(-A * AT_A, odd_a, even_a),
            plus::<M>(B * AT_B, odd_b, even_b),
            plus::<M>(-B * AT_B, odd_b, even_b),
            x[3],
        ]
    }
}

/// Powers of the points times sums of products: four results.
struct Results;
impl Line<6, 4> for Results {
    #[inline(always)]
    fn run<M: MulAdd<V>>(x: [V; 6]) -> [V; 4] {
        let (even_a, odd_a, even_b, odd_b) = (x[1].add(x[2]), x[1].sub(x[2]), x[3].add(x[4]), x[3].sub(x[4]));
        [
            x[0].add(even_a.add(even_b)),
            plus::<M>(A, odd_a, times(B, odd_b)),
            plus::<M>(A2, even_a, times(B2, even_b)),
            plus::<M>(A * A2, odd_a, plus::<M>(B * B2, odd_b, x[5])),
        ]
    }
}

/// The same for the three taps of a kernel's gradient.
struct Taps;
impl Line<6, 3> for Taps {
    #[inline(always)]
    fn run<M: MulAdd<V>>(x: [V; 6]) -> [V; 3] {
        let (even_a, odd_a, even_b, odd_b) = (x[1].add(x[2]), x[1].sub(x[2]), x[3].add(x[4]), x[3].sub(x[4]));
        [
            x[0].add(even_a.add(even_b)),
            plus::<M>(A, odd_a, times(B, odd_b)),
            plus::<M>(A2, even_a, plus::<M>(B2, even_b, x[5])),
        ]
    }
}

/// The map of rows and of columns; `put` is given places in the result and what comes there.
#[inline(always)]
fn square<L: Line<IN, OUT>, M: MulAdd<V>, const IN: usize, const OUT: usize>(row: impl Fn(usize) -> [V; IN], mut put: impl FnMut(usize, V)) {
    // Loops, not closures: those lack the features of the function that they are in, and are called.
    let mut half = [[V::splat(0.0); OUT]; IN];
    for (i, half) in half.iter_mut().enumerate() {
        *half = L::run::<M>(row(i));
    }
    for j in 0..OUT {
        let mut column = [V::splat(0.0); IN];
        for (v, half) in column.iter_mut().zip(&half) {
            *v = half[j];
        }
        for (i, v) in L::run::<M>(column).into_iter().enumerate() {
            put(i * OUT + j, v);
        }
    }
}

/// A row of each of four squares, from the given place on, as vectors of a number of each.
#[inline(always)]
unsafe fn gather<const N: usize>(at: [*const f32; 4], place: usize) -> [V; N] {
    let mut room = [0.0; 4 * TILE];
    // SAFETY: the caller's promise: `N` numbers, four or six, lie there.
    unsafe {
        for first in (0..=N - 4).step_by(2) {
            V::transpose(|i| at[i].add(place + first), room.as_mut_ptr().add(4 * first), 4);
        }
        std::array::from_fn(|i| V::load(room.as_ptr().add(4 * i)))
    }
}

/// Four tiles of images, whose rows are `step` apart; points are `to_step` apart.
///
/// # Safety
/// The tiles must be readable, and a vector writable for each point; so for the functions below.
#[inline(always)]
pub unsafe fn image<M: MulAdd<V>>(at: [*const f32; 4], step: usize, to: *mut f32, to_step: usize) {
    // SAFETY: the caller's promise, here and below.
    unsafe { square::<Image, M, 6, 6>(|i| gather(at, i * step), |i, v| v.store(to.add(i * to_step))) }
}

/// Four tiles of a gradient.
///
/// # Safety
/// As for `image`.
#[inline(always)]
pub unsafe fn gradient<M: MulAdd<V>>(at: [*const f32; 4], step: usize, to: *mut f32, to_step: usize) {
    unsafe { square::<Gradient, M, 4, 6>(|i| gather(at, i * step), |i, v| v.store(to.add(i * to_step))) }
}

/// Four kernels of nine numbers.
///
/// # Safety
/// As for `image`.
#[inline(always)]
pub unsafe fn filter<M: MulAdd<V>>(at: [*const f32; 4], to: *mut f32, to_step: usize) {
    let mut room = [0.0; 4 * 9];
    unsafe {
        // The last four overlap the ones before.
        for first in [0, 4, 5] {
            V::transpose(|i| at[i].add(first), room.as_mut_ptr().add(4 * first), 4);
        }
        let row = |i: usize| std::array::from_fn(|j| V::load(room.as_ptr().add(4 * (3 * i + j))));
        square::<Filter, M, 3, 6>(row, |i, v| v.store(to.add(i * to_step)));
    }
}

/// Four squares of sums as four by four results, one square after the other, plus a number.
///
/// # Safety
/// A vector must be readable for each point, and `to` writable for 64 numbers.
#[inline(always)]
pub unsafe fn results<M: MulAdd<V>>(from: *const f32, step: usize, plus: f32, to: *mut f32) {
    let (mut room, plus) = ([0.0; 64], V::splat(plus));
    unsafe {
        let row = |i: usize| std::array::from_fn(|j| V::load(from.add((TILE * i + j) * step)));
        square::<Results, M, 6, 4>(row, |i, v| v.add(plus).store(room.as_mut_ptr().add(4 * i)));
        for i in 0..STEP {
            V::transpose(|j| room.as_ptr().add(16 * i + 4 * j), to.add(4 * i), 16);
        }
    }
}

/// Four squares of sums as the taps of kernels: for each tap a vector.
///
/// # Safety
/// A vector must be readable for each point, and `to` writable for 36 numbers.
#[inline(always)]
pub unsafe fn taps<M: MulAdd<V>>(from: *const f32, step: usize, to: *mut f32) {
    unsafe {
        let row = |i: usize| std::array::from_fn(|j| V::load(from.add((TILE * i + j) * step)));
        square::<Taps, M, 6, 3>(row, |i, v| v.store(to.add(4 * i)));
    }
}

/// The functions above, as one build has them.
pub struct Squares {
    /// `image`.
    pub image: unsafe fn([*const f32; 4], usize, *mut f32, usize),
    /// `gradient`.
    pub gradient: unsafe fn([*const f32; 4], usize, *mut f32, usize),
    /// `filter`.
    pub filter: unsafe fn([*const f32; 4], *mut f32, usize),
    /// `results`.
    pub results: unsafe fn(*const f32, usize, f32, *mut f32),
    /// `taps`.
    pub taps: unsafe fn(*const f32, usize, *mut f32),
}

/// Those functions for a way to add products; attributes in front go to each.
#[macro_export]
macro_rules! filtering_squares {
    ($(#[$attr:meta])* $M:ty) => {{
        use $crate::kernels::squares::{self, Squares};
        $(#[$attr])*
        unsafe fn image(at: [*const f32; 4], step: usize, to: *mut f32, to_step: usize) {
            // SAFETY: the caller's promise, here and below.
            unsafe { squares::image::<$M>(at, step, to, to_step) }
        }
        $(#[$attr])*
        unsafe fn gradient(at: [*const f32; 4], step: usize, to: *mut f32, to_step: usize) {
            unsafe { squares::gradient::<$M>(at, step, to, to_step) }
        }
        $(#[$attr])*
        unsafe fn filter(at: [*const f32; 4], to: *mut f32, to_step: usize) {
            unsafe { squares::filter::<$M>(at, to, to_step) }
        }
        $(#[$attr])*
        unsafe fn results(from: *const f32, step: usize, plus: f32, to: *mut f32) {
            unsafe { squares::results::<$M>(from, step, plus, to) }
        }
        $(#[$attr])*
        unsafe fn taps(from: *const f32, step: usize, to: *mut f32) {
            unsafe { squares::taps::<$M>(from, step, to) }
        }
        Squares { image, gradient, filter, results, taps }
    }};
}
