//! Elementary functions of `f32`, many at a time: within two units in the last place everywhere, as
//! `examples/ulp.rs` shows. Arguments are reduced as in Cody and Waite, "Software Manual for the
//! Elementary Functions", 1980; the polynomials of the exponential are those of Moshier, "Methods and
//! Programs for Mathematical Functions", 1989.

use super::four::Four;
use super::simd::{F32x4, Floats, Lane};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E};

/// Added to a small number and taken away again, it leaves the nearest whole one.
const ROUND: f32 = 12_582_912.0;
const ROUND_WIDE: f64 = 6_755_399_441_055_744.0;

/// A polynomial, the highest power first.
#[inline(always)]
fn poly<L: Lane>(x: L, terms: &[L::Elem]) -> L {
    let mut sum = L::splat(terms[0]);
    for c in &terms[1..] {
        sum = sum.mul(x).add(L::splat(*c));
    }
    sum
}

/// `2^n` for whole `n` from -126 to 127.
#[inline(always)]
fn power_of_two<L: Floats>(n: L) -> L {
    n.add(L::splat(ROUND + 127.0)).raised()
}

/// `x 2^n` for whole `n` from -252 to 254, rounded once.
#[inline(always)]
fn scale<L: Floats>(x: L, n: L) -> L {
    if n.all_within(126.5) {
        return x.mul(power_of_two(n));
    }
    let half = n.mul(L::splat(0.5)).add(L::splat(ROUND)).sub(L::splat(ROUND));
    x.mul(power_of_two(half)).mul(power_of_two(n.sub(half)))
}

/// `exp(r) - 1 - r` for `|r|` up to half of `ln 2`.
#[inline(always)]
fn bend<L: Floats>(r: L) -> L {
    let p = poly(r, &[1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5]);
    r.mul(r).mul(p)
}

/// What rounding took from `sum`, that of `a` and the smaller `b`.
#[inline(always)]
fn lost<L: Floats>(a: L, b: L, sum: L) -> L {
    a.sub(sum).add(b)
}

/// `exp(r)` for `|r|` up to half of `ln 2`.
#[inline(always)]
fn small_exp<L: Floats>(r: L) -> L {
    let one = L::splat(1.0);
    let sum = one.add(r);
    sum.add(lost(one, r, sum).add(bend(r)))
}

/// `x` as `n ln 2 + r`.
#[inline(always)]
fn reduced<L: Floats>(x: L) -> (L, L) {
    let n = x.mul(L::splat(LOG2_E as f32)).add(L::splat(ROUND)).sub(L::splat(ROUND));
    let r = x.sub(n.mul(L::splat(0.693_359_4))).sub(n.mul(L::splat(-2.121_944_4e-4)));
    (n, r)
}

/// `exp(x)`.
#[inline(always)]
pub fn exp<L: Floats>(x: L) -> L {
    let (n, r) = reduced(x.lesser(L::splat(89.0)).greater(L::splat(-104.0)));
    scale(small_exp(r), n)
}

/// `tanh(x)`, by `exp(2 |x|) - 1`, which is exact enough near zero.
#[inline(always)]
pub fn tanh<L: Floats>(x: L) -> L {
    let (zero, two) = (L::splat(0.0), L::splat(2.0));
    let y = x.abs().lesser(L::splat(9.1));
    let (n, r) = reduced(y.add(y));
    let power = power_of_two(n);
    let e = bend(r).add(r).mul(power).add(power.sub(L::splat(1.0)));
    let sum = two.add(e);
    // What the sum lost counts where it is close to two.
    let half = e.where_less(L::splat(1.0), lost(two, e, sum).mul(L::splat(0.5)), zero);
    let q = e.div(sum);
    q.sub(q.mul(half)).signed_like(x)
}

/// `x / (1 + e)`.
#[inline(always)]
fn over_one_and<L: Floats>(x: L, e: L) -> L {
    let one = L::splat(1.0);
    let sum = one.add(e);
    let q = x.div(sum);
    q.sub(q.mul(lost(one, e, sum)))
}

/// `1 / (1 + exp(-x))`.
#[inline(always)]
pub fn sigmoid<L: Floats>(x: L) -> L {
    let e = exp(L::splat(0.0).sub(x.abs()));
    over_one_and(x.where_less(L::splat(0.0), e, L::splat(1.0)), e)
}

/// `x / (1 + exp(-x))`.
#[inline(always)]
pub fn silu<L: Floats>(x: L) -> L {
    x.mul(sigmoid(x))
}

/// The square root of `8 / pi`: twice the slope of the argument of `tanh` in `gelu_tanh`.
const SLOPE: f64 = 2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
/// The cubic term beside it.
const CUBIC: f64 = 0.044715;

/// The exponent of `exp(-2 u)` with `u = sqrt(2 / pi) (x + 0.044715 x^3)` as `n ln 2 + r`, for `x` up
/// to 11: beyond it nothing is left. It is reduced in double precision, so that its error does not grow.
#[inline(always)]
fn gelu_exponent<L: Floats>(x: L) -> (L, L) {
    let [a, b] = x.widen();
    reduced_wide(gelu_power(a), gelu_power(b))
}

/// The power of two that `exp(-2 u)` is.
#[inline(always)]
fn gelu_power<W: Lane<Elem = f64>>(y: W) -> W {
    y.mul(y.mul(y).mul(W::splat(-SLOPE * LOG2_E * CUBIC)).add(W::splat(-SLOPE * LOG2_E)))
}

/// `2^z` as `2^n exp(r)`: both from the two halves of `z`.
#[inline(always)]
fn reduced_wide<L: Floats>(a: L::Wide, b: L::Wide) -> (L, L) {
    let round = <L::Wide as Lane>::splat(ROUND_WIDE);
    let (n, m) = (a.add(round).sub(round), b.add(round).sub(round));
    let ln2 = <L::Wide as Lane>::splat(LN_2);
    (L::narrow([n, m]), L::narrow([a.sub(n).mul(ln2), b.sub(m).mul(ln2)]))
}

/// `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`, as `x / (1 + exp(-2 u))`.
#[inline(always)]
pub fn gelu_tanh<L: Floats>(x: L) -> L {
    let (n, r) = gelu_exponent(x.lesser(L::splat(11.0)).greater(L::splat(-11.0)));
    let sum = L::splat(1.0).add(r);
    let (high, low) = (sum.widen(), lost(L::splat(1.0), r, sum).add(bend(r)).widen());
    let power = if n.all_within(126.5) {
        power_of_two(n).widen()
    } else {
        let half = n.mul(L::splat(0.5)).add(L::splat(ROUND)).sub(L::splat(ROUND));
        let ([a, b], [c, d]) = (power_of_two(half).widen(), power_of_two(n.sub(half)).widen());
        [a.mul(c), b.mul(d)]
    };
    // Minus infinity becomes NaN, as zero times infinity.
    let x = x.where_less(L::splat(-11.0), x.mul(L::splat(0.0)), x).widen();
    let one = <L::Wide as Lane>::splat(1.0);
    let below = [high[0].add(low[0]).mul(power[0]).add(one), high[1].add(low[1]).mul(power[1]).add(one)];
    L::narrow([x[0].div(below[0]), x[1].div(below[1])])
}

/// `g` times the derivative of `gelu_tanh`: with `s = sigmoid(2 u)` it is `s + x s (1 - s) 2 u'`.
#[inline(always)]
pub fn gelu_tanh_grad<L: Floats>(g: L, x: L) -> L {
    let (zero, one) = (L::splat(0.0), L::splat(1.0));
    let x = x.lesser(L::splat(11.0)).greater(L::splat(-11.0));
    let (n, r) = gelu_exponent(x.abs());
    let e = scale(small_exp(r), n);
    let (more, less) = (one.div(one.add(e)), e.div(one.add(e)));
    let (s, rest) = (x.where_less(zero, less, more), x.where_less(zero, more, less));
    let slope = x.mul(x).mul(L::splat((3.0 * SLOPE * CUBIC) as f32)).add(L::splat(SLOPE as f32));
    g.mul(s.mul(x.mul(rest).mul(slope).add(one)))
}

/// `exp(a^2) erfc(a)` for `a >= 0`, after Shepherd and Laframboise, "Chebyshev Approximation of
/// (1 + 2x) exp(x^2) erfc x in 0 <= x < inf", 1981; minimax up to 10.5.
#[inline(always)]
fn scaled_erfc<L: Floats>(a: L) -> L {
    let twice = a.add(a);
    let p = poly(twice.div(a.add(L::splat(2.0))), &[
        -3.961_073e-4, 2.342_624e-3, -3.168_556_8e-3, -1.515_197_8e-3, -1.370_742_1e-2,
        3.388_779_2e-2, 2.088_682_2e-1, -8.209_547_4e-1, 8.716_218e-1, 1.0,
    ]);
    p.div(twice.add(L::splat(1.0)))
}

/// `erf(x)`: a polynomial up to one, from `erfc` above.
#[inline(always)]
pub fn erf<L: Floats>(x: L) -> L {
    let one = L::splat(1.0);
    let a = x.abs().lesser(L::splat(4.0));
    let square = a.mul(a);
    let p = poly(square, &[7.853_858e-5, -8.010_192e-4, 5.188_327_7e-3, -2.685_381e-2, 1.128_358_5e-1, -3.761_262_6e-1, 0.128_379_17]);
    let (n, r) = reduced(L::splat(0.0).sub(square));
    let above = one.sub(scaled_erfc(a).mul(small_exp(r).mul(power_of_two(n))));
    a.where_less(one, a.mul(p).add(a), above).signed_like(x)
}

/// `exp(-x^2 / 2)` as `e 2^n`, for `x` up to 14.5, and the normal distribution below `-x` over it. The
/// exponent is reduced in double precision, so that its error does not grow.
#[inline(always)]
fn bell<L: Floats>(x: L) -> (L, L, L) {
    let ([a, b], slope) = (x.widen(), <L::Wide as Lane>::splat(-0.5 * LOG2_E));
    let (n, r) = reduced_wide(a.mul(a).mul(slope), b.mul(b).mul(slope));
    (small_exp(r), n, scaled_erfc(x.mul(L::splat(FRAC_1_SQRT_2 as f32))).mul(L::splat(0.5)))
}

/// `x` times the normal distribution below `x`.
#[inline(always)]
pub fn gelu<L: Floats>(x: L) -> L {
    let zero = L::splat(0.0);
    let y = x.abs().lesser(L::splat(14.5));
    let (e, n, tail) = bell(y);
    let lost = scale(y.mul(tail).mul(e), n);
    // Minus infinity becomes NaN, as zero times infinity.
    x.where_less(zero, x.mul(zero).sub(lost), x.sub(lost))
}

/// `g` times the derivative of `gelu`: the distribution, and `x` times the density.
#[inline(always)]
pub fn gelu_grad<L: Floats>(g: L, x: L) -> L {
    let x = x.lesser(L::splat(14.5)).greater(L::splat(-14.5));
    let (e, n, tail) = bell(x.abs());
    let e = scale(e, n);
    let below = tail.mul(e);
    let all = x.where_less(L::splat(0.0), below, L::splat(1.0).sub(below));
    g.mul(x.mul(e).mul(L::splat((0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2) as f32)).add(all))
}

type Block = Four<F32x4>;
const N: usize = Block::N;

/// `f` of every element, a block at a time; functions are named, not closures, and called in one place,
/// so that they are compiled into the loop.
#[inline(always)]
fn each(x: &[f32], y: &mut [f32], f: impl Fn(Block) -> Block) {
    let len = x.len().min(y.len());
    let (mut room, mut last) = ([0.0; N], [0.0; N]);
    for at in (0..len).step_by(N) {
        let left = len - at;
        let (mut from, mut to) = (x[at..].as_ptr(), y[at..].as_mut_ptr());
        if left < N {
            // The rest goes through a block that is filled up.
            room[..left].copy_from_slice(&x[at..len]);
            (from, to) = (room.as_ptr(), last.as_mut_ptr());
        }
        // SAFETY: a block is left, or what stands for it.
        unsafe { f(Block::load(from)).store(to) }
        if left < N {
            y[at..len].copy_from_slice(&last[..left]);
        }
    }
}

/// `each` of pairs.
#[inline(always)]
fn each_pair(x: &[f32], z: &[f32], y: &mut [f32], f: impl Fn(Block, Block) -> Block) {
    let len = x.len().min(z.len()).min(y.len());
    let (mut rooms, mut last) = ([[0.0; N]; 2], [0.0; N]);
    for at in (0..len).step_by(N) {
        let left = len - at;
        let (mut a, mut b, mut to) = (x[at..].as_ptr(), z[at..].as_ptr(), y[at..].as_mut_ptr());
        if left < N {
            rooms[0][..left].copy_from_slice(&x[at..len]);
            rooms[1][..left].copy_from_slice(&z[at..len]);
            (a, b, to) = (rooms[0].as_ptr(), rooms[1].as_ptr(), last.as_mut_ptr());
        }
        // SAFETY: a block is left, or what stands for it.
        unsafe { f(Block::load(a), Block::load(b)).store(to) }
        if left < N {
            y[at..len].copy_from_slice(&last[..left]);
        }
    }
}

/// Functions on slices of the same length.
macro_rules! slices {
    ($($(#[$doc:meta])* $name:ident($($x:ident),*) = $each:ident($f:ident);)*) => { $(
        $(#[$doc])*
        pub fn $name($($x: &[f32],)* y: &mut [f32]) {
            $each($($x,)* y, $f::<Block>);
        }
    )* };
}
slices! {
    /// `exp` of every element.
    exp_all(x) = each(exp);
    /// `tanh` of every element.
    tanh_all(x) = each(tanh);
    /// `sigmoid` of every element.
    sigmoid_all(x) = each(sigmoid);
    /// `silu` of every element.
    silu_all(x) = each(silu);
    /// `erf` of every element.
    erf_all(x) = each(erf);
    /// `gelu` of every element.
    gelu_all(x) = each(gelu);
    /// `gelu_grad` of every pair.
    gelu_grad_all(g, x) = each_pair(gelu_grad);
    /// `gelu_tanh` of every element.
    gelu_tanh_all(x) = each(gelu_tanh);
    /// `gelu_tanh_grad` of every pair.
    gelu_tanh_grad_all(g, x) = each_pair(gelu_tanh_grad);
}

/// `exp(x - m)` of every element.
pub fn exp_less_all(x: &[f32], m: f32, y: &mut [f32]) {
    y.copy_from_slice(x);
    exp_less_in_place(y, m);
}

/// `exp(x - m)` in the place of every `x`.
pub fn exp_less_in_place(x: &mut [f32], m: f32) {
    let len = x.len();
    let mut room = [0.0; N];
    for at in (0..len).step_by(N) {
        let left = len - at;
        let mut block = x[at..].as_mut_ptr();
        if left < N {
            room[..left].copy_from_slice(&x[at..]);
            block = room.as_mut_ptr();
        }
        // SAFETY: a block is left, or what stands for it.
        unsafe { exp(Block::load(block).sub(Block::splat(m))).store(block) }
        if left < N {
            x[at..].copy_from_slice(&room[..left]);
        }
    }
}
