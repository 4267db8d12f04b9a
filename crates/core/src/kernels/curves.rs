//! The curves of the elementary functions of `f32`. Arguments are reduced as in Cody and Waite,
//! "Software Manual for the Elementary Functions", 1980; the polynomial of the exponential is that of
//! Moshier, "Methods and Programs for Mathematical Functions", 1989; the others interpolate at
//! Chebyshev nodes.
//!
//! Each function has a near form, for blocks whose elements are all within a bound, and a far form,
//! for every other block. The near forms know no infinity, no NaN and no bounds; a build may compile
//! them with fused multiply-adds, which would spoil the far forms (crates/relaxed says why).

use super::four::Four;
use super::simd::{F32x4, Floats, Lane, MulAdd, Plain, Wide, FIXED};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E, SQRT_2};

/// What is computed at once.
pub type Block = Four<F32x4>;

/// Added to a small number and taken away again, it leaves the nearest whole one.
const ROUND: f32 = 12_582_912.0;
/// The square root of `8 / pi`: twice the slope of the argument of `tanh` in `gelu_tanh`.
const SLOPE: f64 = 2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
/// The cubic term beside it.
const CUBIC: f64 = 0.044715;

/// The numbers that the functions are made of. They are read from memory, behind an address that the
/// compiler cannot see through: V8 takes four instructions to make a vector from a constant in the
/// code, wherever it is used.
pub struct Coefficients {
    zero: f32,
    half: f32,
    one: f32,
    two: f32,
    round: f32,
    /// `round`, and the bias of exponents.
    bias: f32,
    log2_e: f32,
    /// `-ln 2` in two parts; the first has few bits.
    ln_2: [f32; 2],
    /// `(exp(r) - 1 - r) / r^2`.
    exp: [f32; 6],
    /// `2 / ln 2`, and `-ln 2 / 2` in two parts.
    tanh_step: [f32; 3],
    /// `(tanh(r) - r) / r^3` in powers of `r^2`.
    tanh: [f32; 3],
    fixed: f64,
    /// What `fixed` multiplies fractions by, undone.
    unfixed: f32,
    one_wide: f64,
    /// `(2^r - 1) / r`, for `r` up to a half.
    exp2: [f32; 6],
    /// The exponent of two in `gelu_tanh`: `x` and its cube.
    gelu_tanh: [f64; 2],
    /// Twice the slope of the argument of `tanh` there.
    gelu_tanh_slope: [f32; 2],
    /// The exponent of two of `exp(-x^2 / 2)`, by the square.
    bell: f64,
    /// The density of the normal distribution at zero.
    density: f32,
    sqrt_8: f32,
    sqrt_2: f32,
    sqrt_2_wide: f64,
    /// `(1 + 2 a) exp(a^2) erfc(a)` in powers of `2 a / (a + 2)`, after Shepherd and Laframboise,
    /// "Chebyshev Approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < inf", 1981; minimax up to 10.5.
    erfc: [f32; 10],
    /// Its last terms.
    erfc_last: [f64; 2],
    /// `(erf(x) - x) / x` in powers of `x^2`, up to one.
    erf: [f32; 7],
}

pub(super) static COEFFICIENTS: Coefficients = Coefficients {
    zero: 0.0,
    half: 0.5,
    one: 1.0,
    two: 2.0,
    round: ROUND,
    bias: ROUND + 127.0,
    log2_e: LOG2_E as f32,
    ln_2: [-0.693_359_4, 2.121_944_4e-4],
    exp: [1.987_569_1e-4, 1.398_2e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5],
    tanh_step: [2.0 * LOG2_E as f32, -0.346_679_7, 1.060_972_2e-4],
    tanh: [-5.299_46e-2, 1.333_224e-1, -3.333_333e-1],
    fixed: FIXED,
    unfixed: 1.0 / 4_294_967_296.0,
    one_wide: 1.0,
    exp2: [1.545_316_3e-4, 1.339_086_3e-3, 9.618_082e-3, 5.550_357e-2, 2.402_265e-1, 6.931_472e-1],
    gelu_tanh: [-SLOPE * LOG2_E, -SLOPE * LOG2_E * CUBIC],
    gelu_tanh_slope: [SLOPE as f32, (3.0 * SLOPE * CUBIC) as f32],
    bell: -0.5 * LOG2_E,
    density: (0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2) as f32,
    sqrt_8: (2.0 * SQRT_2) as f32,
    sqrt_2: SQRT_2 as f32,
    sqrt_2_wide: SQRT_2,
    erfc: [
        -3.961_073e-4, 2.342_624e-3, -3.168_556_8e-3, -1.515_197_8e-3, -1.370_742_1e-2,
        3.388_779_2e-2, 2.088_682_2e-1, -8.209_547_4e-1, 8.716_218e-1, 1.0,
    ],
    erfc_last: [8.716_218e-1, 1.0],
    erf: [7.853_858e-5, -8.010_192e-4, 5.188_327_7e-3, -2.685_381e-2, 1.128_358_5e-1, -3.761_262_6e-1, 0.128_379_17],
};

/// Multiply-adds in both precisions.
pub trait Fuse<L: Floats>: MulAdd<L> + MulAdd<L::Wide> {}
impl<L: Floats, M: MulAdd<L> + MulAdd<L::Wide>> Fuse<L> for M {}

/// A polynomial, the highest power first.
#[inline(always)]
fn poly<L: Lane, M: MulAdd<L>>(x: L, terms: &[L::Elem]) -> L {
    let mut sum = L::splat(terms[0]);
    for c in &terms[1..] {
        sum = M::mul_add(sum, x, L::splat(*c));
    }
    sum
}

impl Coefficients {
    /// `2^n` for whole `n` from -126 to 127.
    #[inline(always)]
    fn power_of_two<L: Floats>(&self, n: L) -> L {
        n.add(L::splat(self.bias)).raised()
    }

    /// `x` as `n step + r`, by `1 / step` and `-step` in two parts.
    #[inline(always)]
    fn reduced<L: Floats, M: Fuse<L>>(&self, x: L, inverse: f32, step: &[f32]) -> (L, L) {
        let round = L::splat(self.round);
        let n = M::mul_add(x, L::splat(inverse), round).sub(round);
        (n, M::mul_add(n, L::splat(step[1]), M::mul_add(n, L::splat(step[0]), x)))
    }

    /// `exp(x)` as a number about one and a whole power of two.
    #[inline(always)]
    fn exp_parts<L: Floats, M: Fuse<L>>(&self, x: L) -> (L, L) {
        let (n, r) = self.reduced::<L, M>(x, self.log2_e, &self.ln_2);
        let bend = poly::<L, M>(r, &self.exp);
        (M::mul_add(r.mul(r), bend, r).add(L::splat(self.one)), n)
    }

    /// `exp(x)` for `|x| < 87`.
    #[inline(always)]
    pub(super) fn exp<L: Floats, M: Fuse<L>>(&self, x: L) -> L {
        let (e, n) = self.exp_parts::<L, M>(x);
        e.mul(self.power_of_two(n))
    }

    /// `2^z` in double precision, about as exact as `f32`, for `|z| < 1000`.
    #[inline(always)]
    fn exp2_wide<L: Floats, M: Fuse<L>>(&self, [a, b]: [L::Wide; 2]) -> [L::Wide; 2] {
        let fixed = <L::Wide as Lane>::splat(self.fixed);
        let (a, b) = (a.add(fixed), b.add(fixed));
        let r = L::fixed([a, b]).0.mul(L::splat(self.unfixed));
        let [p, q] = poly::<L, M>(r, &self.exp2).mul(r).widen();
        let one = <L::Wide as Lane>::splat(self.one_wide);
        [p.add(one).mul(a.power()), q.add(one).mul(b.power())]
    }

    /// `2^z - 1` without its power of two, and that power, for `|z| < 126`.
    #[inline(always)]
    fn exp2_parts<L: Floats, M: Fuse<L>>(&self, [a, b]: [L::Wide; 2]) -> (L, L) {
        let fixed = <L::Wide as Lane>::splat(self.fixed);
        let (r, w) = L::fixed([a.add(fixed), b.add(fixed)]);
        let r = r.mul(L::splat(self.unfixed));
        (poly::<L, M>(r, &self.exp2).mul(r), w)
    }

    /// The exponent of two of `exp(-2 u)` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`. It is computed in
    /// double precision, so that its error does not grow.
    #[inline(always)]
    fn gelu_tanh_exponent<L: Floats, M: Fuse<L>>(&self, [a, b]: [L::Wide; 2]) -> [L::Wide; 2] {
        let [slope, cubic] = self.gelu_tanh.map(<L::Wide as Lane>::splat);
        [a.mul(M::mul_add(a.mul(a), cubic, slope)), b.mul(M::mul_add(b.mul(b), cubic, slope))]
    }

    /// `(1 + sqrt(2) a) exp(a^2 / 2) erfc(a / sqrt(2))`.
    #[inline(always)]
    fn scaled_erfc<L: Floats, M: Fuse<L>>(&self, a: L) -> L {
        poly::<L, M>(a.add(a).div(a.add(L::splat(self.sqrt_8))), &self.erfc)
    }

    /// The exponent of two of `exp(-a^2 / 2)`.
    #[inline(always)]
    fn bell_exponent<L: Floats>(&self, [a, b]: [L::Wide; 2]) -> [L::Wide; 2] {
        let slope = <L::Wide as Lane>::splat(self.bell);
        [a.mul(a).mul(slope), b.mul(b).mul(slope)]
    }
}

/// The near form of a block lane by lane, for functions that would need too many registers.
macro_rules! lane_by_lane {
    () => {
        #[inline(always)]
        fn block<M: Fuse<F32x4>>(k: &Coefficients, x: Block) -> Block {
            let [a, b, c, d] = x.0;
            Four([Self::near::<F32x4, M>(k, a), Self::near::<F32x4, M>(k, b), Self::near::<F32x4, M>(k, c), Self::near::<F32x4, M>(k, d)])
        }
    };
}

/// A function of blocks.
pub trait Function {
    /// The near form holds for smaller magnitudes.
    const BOUND: f32;
    /// The near form.
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L;
    /// The near form of a block.
    #[inline(always)]
    fn block<M: Fuse<F32x4>>(k: &Coefficients, x: Block) -> Block {
        Self::near::<Block, M>(k, x)
    }
    /// The far form, for any number.
    fn far(k: &Coefficients, x: Block) -> Block;
}

/// Numbers brought between `-bound` and `bound`; NaN stays.
#[inline(always)]
fn limited(x: Block, bound: f32) -> Block {
    x.lesser(Block::splat(bound)).greater(Block::splat(-bound))
}

/// `exp(x)`.
pub struct Exp;
impl Function for Exp {
    const BOUND: f32 = 87.0;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        k.exp::<L, M>(x)
    }
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        let (e, n) = k.exp_parts::<Block, Plain>(x.lesser(Block::splat(89.0)).greater(Block::splat(-104.0)));
        // In two steps, for the results that have no power of two of their own.
        let round = Block::splat(k.round);
        let part = n.mul(Block::splat(k.half)).add(round).sub(round);
        e.mul(k.power_of_two(part)).mul(k.power_of_two(n.sub(part)))
    }
}

/// `tanh(x)`, of the sum of a multiple of `ln 2 / 2` and a small rest: the one is `(w - 1) / (w + 1)`
/// with `w` a power of two, the other `t`, and together they are `((w - 1) + (w + 1) t) / ((w + 1) + (w - 1) t)`.
pub struct Tanh;
impl Function for Tanh {
    const BOUND: f32 = 9.1;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let [inverse, step @ ..] = &k.tanh_step;
        let (n, r) = k.reduced::<L, M>(x.abs(), *inverse, step);
        let square = r.mul(r);
        let t = M::mul_add(poly::<L, M>(square, &k.tanh), square.mul(r), r);
        let (w, one) = (k.power_of_two(n), L::splat(k.one));
        let (less, more) = (w.sub(one), w.add(one));
        M::mul_add(more, t, less).div(M::mul_add(less, t, more)).signed_like(x)
    }
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        Self::near::<Block, Plain>(k, limited(x, Self::BOUND))
    }
}

/// `e / (1 + e)`. What the sum lost counts where `e` is small: one over the sum is `1 - q`, and its
/// square leaves out what is not known of large sums.
#[inline(always)]
fn share<L: Floats, M: Fuse<L>>(k: &Coefficients, e: L) -> L {
    let one = L::splat(k.one);
    let sum = e.add(one);
    let (q, gained) = (e.div(sum), sum.sub(one).sub(e));
    let rest = q.sub(one);
    M::mul_add(q.mul(gained).mul(rest), rest, q)
}

/// `1 / (1 + exp(-x))`.
pub struct Sigmoid;
impl Function for Sigmoid {
    const BOUND: f32 = Exp::BOUND;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        share::<L, M>(k, k.exp::<L, M>(x))
    }
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        share::<Block, Plain>(k, Exp::far(k, x.lesser(Block::splat(Self::BOUND))))
    }
}

/// `x / (1 + exp(-x))`.
pub struct Silu;
impl Function for Silu {
    const BOUND: f32 = Exp::BOUND;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        x.mul(Sigmoid::near::<L, M>(k, x))
    }
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        x.mul(Sigmoid::far(k, x))
    }
}

/// `erf(x)`: a polynomial up to one, from `erfc` above.
pub struct Erf;
impl Function for Erf {
    const BOUND: f32 = 4.0;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let (a, one) = (x.abs(), L::splat(k.one));
        let square = a.mul(a);
        let below = M::mul_add(a, poly::<L, M>(square, &k.erf), a);
        let (two, twice) = (L::splat(k.two), a.add(a));
        let tail = poly::<L, M>(twice.div(a.add(two)), &k.erfc).div(twice.add(one));
        let above = one.sub(tail.mul(k.exp::<L, M>(L::splat(k.zero).sub(square))));
        a.where_less(one, below, above).signed_like(x)
    }
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        Self::near::<Block, Plain>(k, limited(x, Self::BOUND))
    }
}

/// `x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2`, as `x / (1 + exp(-2 u))`.
pub struct GeluTanh;
impl Function for GeluTanh {
    const BOUND: f32 = 10.0;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let (q, w) = k.exp2_parts::<L, M>(k.gelu_tanh_exponent::<L, M>(x.widen()));
        let one = L::splat(k.one);
        let e = q.add(one);
        let power = e.mul(w);
        let sum = power.add(one);
        // What both sums lost.
        let lost = M::mul_add(one.sub(e).add(q), w, one.sub(sum).add(power));
        let y = x.div(sum);
        y.sub(y.mul(lost.mul(one.div(sum))))
    }
    lane_by_lane!();
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        let z = limited(x, 20.0).widen();
        let [p, q] = k.exp2_wide::<Block, Plain>(k.gelu_tanh_exponent::<Block, Plain>(z));
        let one = <Block as Floats>::Wide::splat(k.one_wide);
        ends(k, 20.0, x, Block::narrow([z[0].div(p.add(one)), z[1].div(q.add(one))]))
    }
}

/// The derivative of `GeluTanh`: with `s = 1 / (1 + e)` and `e = exp(-2 u)` it is `s + x s s e 2 u'`.
pub struct GeluTanhSlope;
impl Function for GeluTanhSlope {
    const BOUND: f32 = 10.0;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let (q, w) = k.exp2_parts::<L, M>(k.gelu_tanh_exponent::<L, M>(x.widen()));
        let one = L::splat(k.one);
        let e = M::mul_add(q, w, w);
        let s = one.div(e.add(one));
        let [slope, cubic] = k.gelu_tanh_slope.map(L::splat);
        let inner = M::mul_add(x.mul(x), cubic, slope);
        s.mul(M::mul_add(x.mul(inner), s.mul(e), one))
    }
    lane_by_lane!();
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        Self::near::<Block, Plain>(k, limited(x, Self::BOUND))
    }
}

/// The ends of the curves of `gelu`: beyond `bound`, `x` itself; below `-bound` nothing, and NaN for
/// minus infinity, as zero times infinity.
#[inline(always)]
fn ends(k: &Coefficients, bound: f32, x: Block, y: Block) -> Block {
    let (bound, zero) = (Block::splat(bound), Block::splat(k.zero));
    bound.where_less(x, x, x.where_less(zero.sub(bound), x.mul(zero), y))
}

/// `x` times the normal distribution below `x`: what the other tail takes away from `x`, or leaves.
pub struct Gelu;
impl Function for Gelu {
    const BOUND: f32 = 14.5;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let (a, zero) = (x.abs(), L::splat(k.zero));
        // The last steps of the polynomial in double precision, for what they would round is seen.
        let t = a.add(a).div(a.add(L::splat(k.sqrt_8)));
        let (wide, [t, s], [p, q]) = (a.widen(), t.widen(), poly::<L, M>(t, &k.erfc[..8]).widen());
        let [first, last] = k.erfc_last.map(<L::Wide as Lane>::splat);
        let p = M::mul_add(M::mul_add(p, t, first), t, last);
        let q = M::mul_add(M::mul_add(q, s, first), s, last);
        let [e, f] = k.exp2_wide::<L, M>(k.bell_exponent::<L>(wide));
        let (one, slope) = (<L::Wide as Lane>::splat(k.one_wide), <L::Wide as Lane>::splat(k.sqrt_2_wide));
        let (below, under) = (M::mul_add(wide[0], slope, one), M::mul_add(wide[1], slope, one));
        let (over, above) = (wide[0].mul(p).mul(e), wide[1].mul(q).mul(f));
        let tail = L::narrow([over.div(below.add(below)), above.div(under.add(under))]);
        x.where_less(zero, zero, x).sub(tail)
    }
    lane_by_lane!();
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        ends(k, Self::BOUND, x, Self::near::<Block, Plain>(k, limited(x, Self::BOUND)))
    }
}

/// The derivative of `Gelu`: the distribution, and `x` times the density.
pub struct GeluSlope;
impl Function for GeluSlope {
    const BOUND: f32 = 13.0;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let (a, one) = (x.abs(), L::splat(k.one));
        let (q, w) = k.exp2_parts::<L, M>(k.bell_exponent::<L>(a.widen()));
        let e = M::mul_add(q, w, w);
        let below = k.scaled_erfc::<L, M>(a).mul(e).mul(L::splat(k.half)).div(M::mul_add(a, L::splat(k.sqrt_2), one));
        let all = x.where_less(L::splat(k.zero), below, one.sub(below));
        M::mul_add(x.mul(e), L::splat(k.density), all)
    }
    lane_by_lane!();
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        Self::near::<Block, Plain>(k, limited(x, Self::BOUND))
    }
}
