//! Lanes: what kernels are written over, so that one body runs on four `f32`, two `f64`, or one
//! number. The only place in the core with intrinsics.

use super::gemm::Number;

/// A few numbers that are computed together.
pub trait Lane: Copy + 'static {
    /// One of the numbers.
    type Elem: Number;
    /// How many there are.
    const N: usize;

    /// The same number everywhere.
    fn splat(x: Self::Elem) -> Self;
    /// The numbers from `from` on.
    ///
    /// # Safety
    /// `N` numbers must be readable there.
    unsafe fn load(from: *const Self::Elem) -> Self;
    /// Writes the numbers from `to` on.
    ///
    /// # Safety
    /// `N` numbers must be writable there.
    unsafe fn store(self, to: *mut Self::Elem);
    /// `self + o`.
    fn add(self, o: Self) -> Self;
    /// `self - o`.
    fn sub(self, o: Self) -> Self;
    /// `self * o`.
    fn mul(self, o: Self) -> Self;
    /// `self / o`.
    fn div(self, o: Self) -> Self;
    /// The smaller one, NaN where either is NaN.
    fn min(self, o: Self) -> Self;
    /// The larger one, NaN where either is NaN.
    fn max(self, o: Self) -> Self;
    /// The sum of the numbers, pairs first.
    fn sum(self) -> Self::Elem;
    /// Reads `N` rows of `N` numbers, the `i`-th at `from(i)`, and writes them as columns of rows
    /// `to_step` apart.
    ///
    /// # Safety
    /// The rows must be readable and writable.
    unsafe fn transpose(from: impl Fn(usize) -> *const Self::Elem, to: *mut Self::Elem, to_step: usize);
}

/// Lanes of `f32` that elementary functions are written over: besides arithmetic, their bits.
pub trait Floats: Lane<Elem = f32> {
    /// The same numbers in double precision: half of them.
    type Wide: Lane<Elem = f64>;

    /// The smaller one; `self` where it is NaN.
    fn lesser(self, bound: Self) -> Self;
    /// The larger one; `self` where it is NaN.
    fn greater(self, bound: Self) -> Self;
    /// Without the sign.
    fn abs(self) -> Self;
    /// The sign of `o` put to a number that has none.
    fn signed_like(self, o: Self) -> Self;
    /// `yes` where `self < o`, else `no`.
    fn where_less(self, o: Self, yes: Self, no: Self) -> Self;
    /// The magnitude that is larger, NaN before all numbers.
    fn farther(self, o: Self) -> Self;
    /// Whether all magnitudes are below a bound.
    fn all_within(self, bound: f32) -> bool;
    /// The lowest bits in the place of the exponent.
    fn raised(self) -> Self;
    /// `self` times two to the power of the lowest bits of `n`; there must be such a number.
    fn scaled(self, n: Self) -> Self;
    /// The first half of the bits of the number.
    fn high(self) -> Self;
    /// The first and the second half in double precision.
    fn widen(self) -> [Self::Wide; 2];
    /// Of numbers to which `BIASED` was added: how far they are from the nearest whole number, times
    /// `2^32`, and that whole number for `raised`.
    fn fixed(halves: [Self::Wide; 2]) -> (Self, Self);
}

/// Added to a number of moderate size, it leaves 32 bits for the fraction, and the bias of exponents.
pub const BIASED: f64 = 1_572_864.0 + 127.0;

/// Lanes that choose number by number.
pub trait Choose: Lane {
    /// Less than any number.
    const LEAST: Self::Elem;
    /// A mask of where `self > o` or `self` is NaN.
    fn exceeds(self, o: Self) -> Self;
    /// A mask of where `self > o`.
    fn above(self, o: Self) -> Self;
    /// A mask of where `self` is NaN.
    fn is_nan(self) -> Self;
    /// Whether a mask is set anywhere.
    fn any(self) -> bool;
    /// NaN where the mask is set, else `self`.
    fn with_nan(self, mask: Self) -> Self;
    /// The bits of both masks.
    fn or(self, o: Self) -> Self;
    /// `o` where it is greater, else `self`.
    fn greater(self, o: Self) -> Self;
    /// `a` where the mask is set, else `b`.
    fn select(mask: Self, a: Self, b: Self) -> Self;
    /// Every second number of `self` and `o`, from the first.
    fn evens(self, o: Self) -> Self;
    /// Every second number of `self` and `o`, from the second.
    fn odds(self, o: Self) -> Self;
    /// Whole numbers in the bits: `0`, `step`, and so on.
    fn count(step: usize) -> Self;
    /// `n` more than the whole numbers in the bits.
    fn further(self, n: usize) -> Self;
    /// Writes the whole numbers in the bits.
    ///
    /// # Safety
    /// `N` numbers must be writable there.
    unsafe fn put_whole(self, to: *mut i64);
}

/// How a product is added: the relaxed build rounds once where the processor can.
pub trait MulAdd<L: Lane> {
    /// `a * b + c`.
    fn mul_add(a: L, b: L, c: L) -> L;
}

/// What a product rounds off.
pub trait Exact<L: Floats>: MulAdd<L> {
    /// Whether `mul_add` rounds once.
    const ONCE: bool;
    /// `p - a * b`, exact where `p` is nearly the product.
    fn excess(p: L, a: L, b: L) -> L;
}

/// Two roundings, the same everywhere.
pub struct Plain;

macro_rules! plain {
    ($($L:ty),*) => { $(impl MulAdd<$L> for Plain {
        #[inline(always)]
        fn mul_add(a: $L, b: $L, c: $L) -> $L {
            Lane::add(c, Lane::mul(a, b))
        }
    })* };
}
plain!(f32, f64, F32x4, F64x2);

impl Exact<F32x4> for Plain {
    const ONCE: bool = false;
    /// The products of halves are exact (Dekker, "A Floating-Point Technique for Extending the
    /// Available Precision", 1971).
    #[inline(always)]
    fn excess(p: F32x4, a: F32x4, b: F32x4) -> F32x4 {
        let (high, other) = (a.high(), b.high());
        let (low, rest) = (a.sub(high), b.sub(other));
        p.sub(high.mul(other)).sub(high.mul(rest)).sub(low.mul(other)).sub(low.mul(rest))
    }
}

macro_rules! scalar_lane {
    ($T:ty) => {
        impl Lane for $T {
            type Elem = $T;
            const N: usize = 1;
            #[inline(always)]
            fn splat(x: $T) -> Self { x }
            #[inline(always)]
            unsafe fn load(from: *const $T) -> Self {
                // SAFETY: the caller's promise.
                unsafe { *from }
            }
            #[inline(always)]
            unsafe fn store(self, to: *mut $T) {
                // SAFETY: the caller's promise.
                unsafe { *to = self }
            }
            #[inline(always)]
            fn add(self, o: Self) -> Self { self + o }
            #[inline(always)]
            fn sub(self, o: Self) -> Self { self - o }
            #[inline(always)]
            fn mul(self, o: Self) -> Self { self * o }
            #[inline(always)]
            fn div(self, o: Self) -> Self { self / o }
            #[inline(always)]
            fn min(self, o: Self) -> Self { if self < o || self.is_nan() { self } else { o } }
            #[inline(always)]
            fn max(self, o: Self) -> Self { if self > o || self.is_nan() { self } else { o } }
            #[inline(always)]
            fn sum(self) -> $T { self }
            #[inline(always)]
            unsafe fn transpose(from: impl Fn(usize) -> *const $T, to: *mut $T, _: usize) {
                // SAFETY: the caller's promise.
                unsafe { *to = *from(0) }
            }
        }
    };
}
scalar_lane!(f32);
scalar_lane!(f64);

/// Vectors of the processor.
#[cfg(target_arch = "wasm32")]
mod vectors {
    use super::{Choose, Floats, Lane};
    use std::arch::wasm32::*;

    /// Four `f32`.
    #[derive(Clone, Copy)]
    #[repr(transparent)]
    pub struct F32x4(pub v128);

    /// Two `f64`.
    #[derive(Clone, Copy)]
    #[repr(transparent)]
    pub struct F64x2(pub v128);

    macro_rules! lane {
        ($V:ident: $n:literal of $T:ty, $splat:ident, $add:ident, $sub:ident, $mul:ident, $div:ident, $min:ident, $max:ident, $sum:ident, $turn:ident) => {
            impl Lane for $V {
                type Elem = $T;
                const N: usize = $n;
                #[inline(always)]
                fn splat(x: $T) -> Self { $V($splat(x)) }
                #[inline(always)]
                unsafe fn load(from: *const $T) -> Self {
                    // SAFETY: the caller's promise.
                    $V(unsafe { v128_load(from.cast()) })
                }
                #[inline(always)]
                unsafe fn store(self, to: *mut $T) {
                    // SAFETY: the caller's promise.
                    unsafe { v128_store(to.cast(), self.0) }
                }
                #[inline(always)]
                fn add(self, o: Self) -> Self { $V($add(self.0, o.0)) }
                #[inline(always)]
                fn sub(self, o: Self) -> Self { $V($sub(self.0, o.0)) }
                #[inline(always)]
                fn mul(self, o: Self) -> Self { $V($mul(self.0, o.0)) }
                #[inline(always)]
                fn div(self, o: Self) -> Self { $V($div(self.0, o.0)) }
                #[inline(always)]
                fn min(self, o: Self) -> Self { $V($min(self.0, o.0)) }
                #[inline(always)]
                fn max(self, o: Self) -> Self { $V($max(self.0, o.0)) }
                #[inline(always)]
                fn sum(self) -> $T { $sum(self.0) }
                #[inline(always)]
                unsafe fn transpose(from: impl Fn(usize) -> *const $T, to: *mut $T, to_step: usize) {
                    // SAFETY: the caller's promise.
                    let rows = std::array::from_fn(|i| unsafe { v128_load(from(i).cast()) });
                    for (i, v) in $turn(rows).into_iter().enumerate() {
                        // SAFETY: the caller's promise.
                        unsafe { v128_store(to.add(i * to_step).cast(), v) }
                    }
                }
            }
        };
    }
    lane!(F32x4: 4 of f32, f32x4_splat, f32x4_add, f32x4_sub, f32x4_mul, f32x4_div, f32x4_min, f32x4_max, sum4, turn4);
    lane!(F64x2: 2 of f64, f64x2_splat, f64x2_add, f64x2_sub, f64x2_mul, f64x2_div, f64x2_min, f64x2_max, sum2, turn2);

    impl Floats for F32x4 {
        type Wide = F64x2;
        #[inline(always)]
        fn lesser(self, bound: Self) -> Self { F32x4(f32x4_pmin(self.0, bound.0)) }
        #[inline(always)]
        fn greater(self, bound: Self) -> Self { F32x4(f32x4_pmax(self.0, bound.0)) }
        #[inline(always)]
        fn abs(self) -> Self { F32x4(f32x4_abs(self.0)) }
        #[inline(always)]
        fn signed_like(self, o: Self) -> Self { F32x4(v128_or(self.0, v128_and(o.0, f32x4_splat(-0.0)))) }
        #[inline(always)]
        fn where_less(self, o: Self, yes: Self, no: Self) -> Self {
            F32x4(v128_bitselect(yes.0, no.0, f32x4_lt(self.0, o.0)))
        }
        #[inline(always)]
        fn farther(self, o: Self) -> Self { F32x4(i32x4_max(f32x4_abs(self.0), f32x4_abs(o.0))) }
        #[inline(always)]
        fn all_within(self, bound: f32) -> bool { i32x4_all_true(f32x4_lt(f32x4_abs(self.0), f32x4_splat(bound))) }
        #[inline(always)]
        fn raised(self) -> Self { F32x4(i32x4_shl(self.0, 23)) }
        #[inline(always)]
        fn scaled(self, n: Self) -> Self { F32x4(i32x4_add(self.0, i32x4_shl(n.0, 23))) }
        #[inline(always)]
        fn high(self) -> Self { F32x4(v128_and(self.0, i32x4_splat(!0xfff))) }
        #[inline(always)]
        fn widen(self) -> [F64x2; 2] {
            let high = i64x2_shuffle::<1, 1>(self.0, self.0);
            [F64x2(f64x2_promote_low_f32x4(self.0)), F64x2(f64x2_promote_low_f32x4(high))]
        }
        #[inline(always)]
        fn fixed([a, b]: [F64x2; 2]) -> (Self, Self) {
            let (low, high) = (i32x4_shuffle::<0, 2, 4, 6>(a.0, b.0), i32x4_shuffle::<1, 3, 5, 7>(a.0, b.0));
            (F32x4(f32x4_convert_i32x4(low)), F32x4(i32x4_sub(high, i32x4_shr(low, 31))))
        }
    }

    macro_rules! choose {
        ($V:ident of $T:ident, $gt:ident, $ne:ident, $pmax:ident, $add:ident, $whole:ident, $count:expr, $wide:expr, $shuffle:ident, [$($even:literal)*], [$($odd:literal)*]) => {
            impl Choose for $V {
                const LEAST: $T = $T::NEG_INFINITY;
                #[inline(always)]
                fn exceeds(self, o: Self) -> Self { $V(v128_or($gt(self.0, o.0), $ne(self.0, self.0))) }
                #[inline(always)]
                fn above(self, o: Self) -> Self { $V($gt(self.0, o.0)) }
                #[inline(always)]
                fn is_nan(self) -> Self { $V($ne(self.0, self.0)) }
                #[inline(always)]
                fn any(self) -> bool { v128_any_true(self.0) }
                // All bits set are a NaN.
                #[inline(always)]
                fn with_nan(self, mask: Self) -> Self { self.or(mask) }
                #[inline(always)]
                fn or(self, o: Self) -> Self { $V(v128_or(self.0, o.0)) }
                #[inline(always)]
                fn greater(self, o: Self) -> Self { $V($pmax(self.0, o.0)) }
                #[inline(always)]
                fn select(mask: Self, a: Self, b: Self) -> Self { $V(v128_bitselect(a.0, b.0, mask.0)) }
                #[inline(always)]
                fn evens(self, o: Self) -> Self { $V($shuffle::<$($even),*>(self.0, o.0)) }
                #[inline(always)]
                fn odds(self, o: Self) -> Self { $V($shuffle::<$($odd),*>(self.0, o.0)) }
                #[inline(always)]
                fn count(step: usize) -> Self { $V($count(step as _)) }
                #[inline(always)]
                fn further(self, n: usize) -> Self { $V($add(self.0, $whole(n as _))) }
                #[inline(always)]
                unsafe fn put_whole(self, to: *mut i64) {
                    for (i, v) in $wide(self.0).into_iter().enumerate() {
                        // SAFETY: the caller's promise.
                        unsafe { v128_store(to.add(2 * i).cast(), v) }
                    }
                }
            }
        };
    }
    choose!(F32x4 of f32, f32x4_gt, f32x4_ne, f32x4_pmax, i32x4_add, i32x4_splat, |step: i32| i32x4(0, step, 2 * step, 3 * step),
        |v| [i64x2_extend_low_u32x4(v), i64x2_extend_high_u32x4(v)], i32x4_shuffle, [0 2 4 6], [1 3 5 7]);
    choose!(F64x2 of f64, f64x2_gt, f64x2_ne, f64x2_pmax, i64x2_add, i64x2_splat, |step: i64| i64x2(0, step), |v| [v], i64x2_shuffle, [0 2], [1 3]);

    #[inline(always)]
    fn sum4(v: v128) -> f32 {
        (f32x4_extract_lane::<0>(v) + f32x4_extract_lane::<1>(v)) + (f32x4_extract_lane::<2>(v) + f32x4_extract_lane::<3>(v))
    }

    #[inline(always)]
    fn sum2(v: v128) -> f64 {
        f64x2_extract_lane::<0>(v) + f64x2_extract_lane::<1>(v)
    }

    #[inline(always)]
    fn turn4([a, b, c, d]: [v128; 4]) -> [v128; 4] {
        let (ab, ab2) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
        let (cd, cd2) = (i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
        [
            i64x2_shuffle::<0, 2>(ab, cd), i64x2_shuffle::<1, 3>(ab, cd),
            i64x2_shuffle::<0, 2>(ab2, cd2), i64x2_shuffle::<1, 3>(ab2, cd2),
        ]
    }

    #[inline(always)]
    fn turn2([a, b]: [v128; 2]) -> [v128; 2] {
        [i64x2_shuffle::<0, 2>(a, b), i64x2_shuffle::<1, 3>(a, b)]
    }
}

/// Arrays that stand in for vectors, for tests on other processors.
#[cfg(not(target_arch = "wasm32"))]
mod vectors {
    use super::{Choose, Floats, Lane, Number};
    use std::array::from_fn;

    /// `N` numbers.
    #[derive(Clone, Copy)]
    pub struct Pack<T, const N: usize>([T; N]);
    /// Four `f32`.
    pub type F32x4 = Pack<f32, 4>;
    /// Two `f64`.
    pub type F64x2 = Pack<f64, 2>;

    impl<T: Lane<Elem = T> + Number, const N: usize> Lane for Pack<T, N> {
        type Elem = T;
        const N: usize = N;
        fn splat(x: T) -> Self { Pack([x; N]) }
        unsafe fn load(from: *const T) -> Self {
            // SAFETY: the caller's promise.
            Pack(from_fn(|i| unsafe { *from.add(i) }))
        }
        unsafe fn store(self, to: *mut T) {
            for (i, x) in self.0.into_iter().enumerate() {
                // SAFETY: the caller's promise.
                unsafe { *to.add(i) = x }
            }
        }
        fn add(self, o: Self) -> Self { Pack(from_fn(|i| Lane::add(self.0[i], o.0[i]))) }
        fn sub(self, o: Self) -> Self { Pack(from_fn(|i| self.0[i].sub(o.0[i]))) }
        fn mul(self, o: Self) -> Self { Pack(from_fn(|i| Lane::mul(self.0[i], o.0[i]))) }
        fn div(self, o: Self) -> Self { Pack(from_fn(|i| self.0[i].div(o.0[i]))) }
        fn min(self, o: Self) -> Self { Pack(from_fn(|i| self.0[i].min(o.0[i]))) }
        fn max(self, o: Self) -> Self { Pack(from_fn(|i| self.0[i].max(o.0[i]))) }
        fn sum(self) -> T {
            let half = |s: &[T]| s.iter().fold(T::default(), |a, &b| Lane::add(a, b));
            Lane::add(half(&self.0[..N / 2]), half(&self.0[N / 2..]))
        }
        unsafe fn transpose(from: impl Fn(usize) -> *const T, to: *mut T, to_step: usize) {
            for i in 0..N {
                for j in 0..N {
                    // SAFETY: the caller's promise.
                    unsafe { *to.add(j * to_step + i) = *from(i).add(j) }
                }
            }
        }
    }

    impl Floats for F32x4 {
        type Wide = Pack<f64, 2>;
        fn lesser(self, bound: Self) -> Self {
            Pack(from_fn(|i| if bound.0[i] < self.0[i] { bound.0[i] } else { self.0[i] }))
        }
        fn greater(self, bound: Self) -> Self {
            Pack(from_fn(|i| if self.0[i] < bound.0[i] { bound.0[i] } else { self.0[i] }))
        }
        fn abs(self) -> Self { Pack(self.0.map(f32::abs)) }
        fn signed_like(self, o: Self) -> Self { Pack(from_fn(|i| self.0[i].copysign(o.0[i]))) }
        fn where_less(self, o: Self, yes: Self, no: Self) -> Self {
            Pack(from_fn(|i| if self.0[i] < o.0[i] { yes.0[i] } else { no.0[i] }))
        }
        fn farther(self, o: Self) -> Self {
            Pack(from_fn(|i| f32::from_bits(self.0[i].abs().to_bits().max(o.0[i].abs().to_bits()))))
        }
        fn all_within(self, bound: f32) -> bool { self.0.iter().all(|x| x.abs() < bound) }
        fn raised(self) -> Self { Pack(self.0.map(|x| f32::from_bits(x.to_bits() << 23))) }
        fn scaled(self, n: Self) -> Self {
            Pack(from_fn(|i| f32::from_bits(self.0[i].to_bits().wrapping_add(n.0[i].to_bits() << 23))))
        }
        fn high(self) -> Self { Pack(self.0.map(|x| f32::from_bits(x.to_bits() & !0xfff))) }
        fn widen(self) -> [Self::Wide; 2] {
            let [a, b, c, d] = self.0.map(f64::from);
            [Pack([a, b]), Pack([c, d])]
        }
        fn fixed(halves: [Self::Wide; 2]) -> (Self, Self) {
            let bits = |i: usize| halves[i / 2].0[i % 2].to_bits();
            let low = |i| bits(i) as i32;
            let whole = |i| ((bits(i) >> 32) as i32).wrapping_sub(low(i) >> 31);
            (Pack(from_fn(|i| low(i) as f32)), Pack(from_fn(|i| f32::from_bits(whole(i) as u32))))
        }
    }

    macro_rules! choose {
        ($V:ident: $n:literal of $T:ident, $bits:ident) => {
            /// A mask is one where it is set, else zero.
            impl Choose for $V {
                const LEAST: $T = $T::NEG_INFINITY;
                fn exceeds(self, o: Self) -> Self {
                    Pack(from_fn(|i| f32::from(u8::from(self.0[i] > o.0[i] || self.0[i].is_nan())).into()))
                }
                fn is_nan(self) -> Self {
                    Pack(from_fn(|i| f32::from(u8::from(self.0[i].is_nan())).into()))
                }
                fn above(self, o: Self) -> Self { Pack(from_fn(|i| f32::from(u8::from(self.0[i] > o.0[i])).into())) }
                fn any(self) -> bool { self.0.iter().any(|x| *x != 0.0) }
                fn with_nan(self, mask: Self) -> Self {
                    Pack(from_fn(|i| if mask.0[i] == 1.0 { $T::NAN } else { self.0[i] }))
                }
                fn or(self, o: Self) -> Self {
                    Pack(from_fn(|i| Lane::max(self.0[i], o.0[i])))
                }
                fn greater(self, o: Self) -> Self {
                    Pack(from_fn(|i| if self.0[i] < o.0[i] { o.0[i] } else { self.0[i] }))
                }
                fn select(mask: Self, a: Self, b: Self) -> Self {
                    Pack(from_fn(|i| if mask.0[i] == 1.0 { a.0[i] } else { b.0[i] }))
                }
                fn evens(self, o: Self) -> Self {
                    Pack(from_fn(|i| if 2 * i < $n { self.0[2 * i] } else { o.0[2 * i - $n] }))
                }
                fn odds(self, o: Self) -> Self {
                    Pack(from_fn(|i| if 2 * i < $n { self.0[2 * i + 1] } else { o.0[2 * i + 1 - $n] }))
                }
                fn count(step: usize) -> Self {
                    Pack(from_fn(|i| $T::from_bits((i * step) as _)))
                }
                fn further(self, n: usize) -> Self {
                    Pack(self.0.map(|x| $T::from_bits(x.to_bits() + n as $bits)))
                }
                unsafe fn put_whole(self, to: *mut i64) {
                    for (i, x) in self.0.into_iter().enumerate() {
                        // SAFETY: the caller's promise.
                        unsafe { *to.add(i) = x.to_bits() as i64 }
                    }
                }
            }
        };
    }
    choose!(F32x4: 4 of f32, u32);
    choose!(F64x2: 2 of f64, u64);
}

pub use vectors::{F32x4, F64x2};
