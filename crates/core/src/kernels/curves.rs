//! The curves of the elementary functions of `f32`. Arguments are reduced as in Cody and Waite,
//! "Software Manual for the Elementary Functions", 1980; the polynomials are nearly minimax, by least
//! squares with the weights of Lawson, "Contributions to the Theory of Linear Least Maximum
//! Approximations", 1961.
//!
//! Each function has a near form, for blocks whose elements are all within a bound, and a far form,
//! for every other block. The near forms know no infinity, no NaN and no bounds; a build may compile
//! them with fused multiply-adds, which would spoil the far forms (crates/relaxed says why).

use super::four::Four;
use super::simd::{Exact, F32x4, Floats, Lane, MulAdd, Plain, BIASED};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LN_2, LOG2_E, SQRT_2};

/// What is computed at once.
pub type Block = Four<F32x4>;

/// Added to a small number and taken away again, it leaves the nearest whole one.
const ROUND: f32 = 12_582_912.0;
/// The square root of `8 / pi`: twice the slope of the argument of `tanh` in `gelu_tanh`.
const SLOPE: f64 = 2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
/// The cubic term beside it.
const CUBIC: f64 = 0.044715;

/// What `exp(x)` is computed with: `x = n ln 2 + r`.
struct Reduction {
    /// `ROUND`, or more.
    round: f32,
    /// `1 / ln 2`.
    inverse: f32,
    /// `-ln 2` in two parts; the first has few bits.
    step: [f32; 2],
    /// `(exp(r) - 1 - r) / r^2`.
    exp: [f32; 5],
}

/// The numbers that the functions are made of. They are read from memory, behind an address that the
/// compiler cannot see through: V8 takes four instructions to make a vector from a constant in the
/// code, wherever it is used.
pub struct Coefficients {
    zero: f32,
    half: f32,
    one: f32,
    round: f32,
    /// `round`, and the bias of exponents.
    bias: f32,
    /// One less, for halves of powers.
    half_bias: f32,
    ln_2_rest: f32,
    plus: Reduction,
    minus: Reduction,
    /// `2 / ln 2`, and `-ln 2 / 2`, also in two parts.
    tanh_step: [f32; 4],
    minus_quarter: f32,
    /// `(tanh(r) - r) / r^3` in powers of `r^2`, up to 0.26.
    tanh: [f32; 3],
    fixed: f64,
    /// What `fixed` multiplies fractions by, undone.
    unfixed: f32,
    /// `(2^r - 1) / r`, for `r` up to a half.
    exp2: [f32; 6],
    /// The exponent of two in `gelu_tanh`: `x` and its cube.
    gelu_tanh: [f64; 2],
    /// Twice the slope of the argument of `tanh` there.
    gelu_tanh_slope: [f32; 2],
    /// The density of the normal distribution at zero.
    density: f32,
    sqrt_2: f32,
    minus_half: f32,
    /// `(1 + a) exp(a^2 / 2) erfc(a / sqrt(2)) - 1` in powers of `(a - 3.5) / (a + 3.5)` up to 13.1, in
    /// the manner of Shepherd and Laframboise, "Chebyshev Approximation of (1 + 2x) exp(x^2) erfc x in
    /// 0 <= x < inf", 1981.
    erfc: [f32; 10],
    erfc_turn: f32,
    /// `(erf(x) - x) / x` in powers of `x^2`, up to one.
    erf: [f32; 7],
}

pub(super) static COEFFICIENTS: Coefficients = Coefficients {
    zero: 0.0,
    half: 0.5,
    one: 1.0,
    round: ROUND,
    bias: ROUND + 127.0,
    half_bias: ROUND + 126.0,
    ln_2_rest: -2.121_944_4e-4,
    plus: Reduction {
        round: ROUND,
        inverse: LOG2_E as f32,
        step: [-0.693_359_4, 2.121_944_4e-4],
        exp: [1.381_46e-3, 8.368_716e-3, 4.166_839e-2, 1.666_652_1e-1, 0.5],
    },
    // For `exp(-x)`, by `-r`: that saves the turned sign of `x`.
    minus: Reduction {
        round: ROUND + 127.0 + 256.0,
        inverse: -LOG2_E as f32,
        step: [0.693_359_4, -2.121_944_4e-4],
        exp: [-1.381_46e-3, 8.368_716e-3, -4.166_839e-2, 1.666_652_1e-1, -0.5],
    },
    minus_quarter: -0.25,
    tanh_step: [2.0 * LOG2_E as f32, -0.5 * LN_2 as f32, -0.346_679_7, 1.060_972_2e-4],
    tanh: [-5.123_389e-2, 1.332_276_3e-1, -3.333_321_5e-1],
    fixed: BIASED,
    unfixed: 1.0 / 4_294_967_296.0,
    exp2: [1.535_336_2e-4, 1.339_887_4e-3, 9.618_437e-3, 5.550_332_4e-2, 2.402_264_7e-1, 6.931_472e-1],
    gelu_tanh: [-SLOPE * LOG2_E, -SLOPE * LOG2_E * CUBIC],
    gelu_tanh_slope: [SLOPE as f32, (3.0 * SLOPE * CUBIC) as f32],
    density: (0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2) as f32,
    sqrt_2: SQRT_2 as f32,
    minus_half: -0.5,
    erfc: [
        2.840_911e-4, 1.663_966_5e-4, -2.785_448e-3, 6.004_299e-4, 2.075_110_6e-2, -6.052_779e-2, 7.609_559_6e-2,
        1.574_786_8e-3, -1.954_251_4e-1, -4.289_363e-2,
    ],
    erfc_turn: 3.5,
    erf: [7.853_858e-5, -8.010_192e-4, 5.188_327_7e-3, -2.685_381e-2, 1.128_358_5e-1, -3.761_262_6e-1, 0.128_379_17],
};

/// Multiply-adds in both precisions, and what they round off.
pub trait Fuse<L: Floats>: Exact<L> + MulAdd<L::Wide> {}
impl<L: Floats, M: Exact<L> + MulAdd<L::Wide>> Fuse<L> for M {}

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
    /// `exp(x)` as `(1 + q) 2^n`: `q`, and `n` in the lowest bits of a number. With `minus` it is
    /// `exp(-x)`, and there are `-q` and what `raised` makes `-2^n`, for `n` from -126 to 127.
    #[inline(always)]
    fn split<L: Floats, M: Fuse<L>>(by: &Reduction, x: L) -> (L, L) {
        let (round, [first, second]) = (L::splat(by.round), by.step.map(L::splat));
        let beside = M::mul_add(x, L::splat(by.inverse), round);
        let n = beside.sub(round);
        (Self::exp_less_one::<L, M>(by, M::mul_add(n, second, M::mul_add(n, first, x))), beside)
    }

    /// `2^n` as a product, for results that have no power of two of their own.
    #[inline(always)]
    fn powers<L: Floats>(&self, biased: L) -> [L; 2] {
        let (bias, round) = (L::splat(self.bias), L::splat(self.round));
        let n = biased.sub(bias);
        let half = n.mul(L::splat(self.half)).add(round).sub(round);
        [half.add(bias).raised(), n.sub(half).add(bias).raised()]
    }

    /// `exp(r) - 1` for small `r`. Two halves of the polynomial are computed side by side (Estrin,
    /// "Organization of Computer Systems: The Fixed Plus Variable Structure Computer", 1960).
    #[inline(always)]
    fn exp_less_one<L: Floats, M: Fuse<L>>(by: &Reduction, r: L) -> L {
        let ([a, b, c, d, e], square) = (by.exp.map(L::splat), r.mul(r));
        let (high, low) = (M::mul_add(a, square, M::mul_add(b, r, c)), M::mul_add(d, r, e));
        M::mul_add(square, M::mul_add(high, square, low), r)
    }

    /// `exp(x - less)` with a small `less`: without its power of two and less one, and that power.
    #[inline(always)]
    fn exp_parts<L: Floats, M: Fuse<L>>(&self, x: L, less: L) -> (L, L) {
        let bias = L::splat(self.bias);
        let biased = M::mul_add(x, L::splat(self.plus.inverse), bias);
        let n = biased.sub(bias);
        let less = M::mul_add(n, L::splat(self.ln_2_rest), less);
        (Self::exp_less_one::<L, M>(&self.plus, M::mul_add(n, L::splat(self.plus.step[0]), x).sub(less)), biased)
    }

    /// `exp(x)` for `|x| < 87`.
    #[inline(always)]
    pub(super) fn exp<L: Floats, M: Fuse<L>>(&self, x: L) -> L {
        let (q, n) = Self::split::<L, M>(&self.plus, x);
        q.add(L::splat(self.one)).scaled(n)
    }

    /// `1 + (1 + q) 2^n`, rounded once: what is added to `1 + 2^n` is small beside it.
    #[inline(always)]
    fn one_and<L: Floats, M: Fuse<L>>(&self, q: L, biased: L) -> L {
        let (w, one) = (biased.raised(), L::splat(self.one));
        let sum = w.add(one);
        if M::ONCE {
            return M::mul_add(q, w, sum);
        }
        // Where products are rounded too, it counts that the sum lost the one beside 2^24.
        sum.add(q.mul(w).add(one.sub(sum.sub(w))))
    }

    /// `1 + exp(-x)` for `|x| < 87`.
    #[inline(always)]
    fn one_and_exp<L: Floats, M: Fuse<L>>(&self, x: L) -> L {
        let zero = L::splat(self.zero);
        let (q, biased) = self.exp_parts::<L, M>(zero.sub(x), zero);
        self.one_and::<L, M>(q, biased)
    }

    /// The same for `|x| < 16.6`, where the sum of one and the power of two is exact.
    #[inline(always)]
    fn one_and_small_exp<L: Floats, M: Fuse<L>>(&self, x: L) -> L {
        let (q, beside) = Self::split::<L, M>(&self.minus, x);
        let w = beside.raised();
        M::mul_add(q, w, L::splat(self.one).sub(w))
    }

    /// `exp(-2 u)` with `u = sqrt(2 / pi) (x + 0.044715 x^3)`, as `exp_parts` has it. The exponent is
    /// computed in double precision, so that its error does not grow.
    #[inline(always)]
    fn gelu_tanh_exp<L: Floats, M: Fuse<L>>(&self, x: L, slopes: [f64; 2]) -> (L, L) {
        let [slope, cubic] = slopes.map(<L::Wide as Lane>::splat);
        let fixed = <L::Wide as Lane>::splat(self.fixed);
        let (r, biased) = L::fixed(x.widen().map(|x| x.mul(M::mul_add(x.mul(x), cubic, slope)).add(fixed)));
        let r = r.mul(L::splat(self.unfixed));
        let [terms @ .., slope] = &self.exp2;
        let bend = r.mul(r).mul(poly::<L, M>(r, terms));
        (M::mul_add(r, L::splat(*slope), bend), biased)
    }

    /// `exp(-a^2 / 2)`, as `exp_parts` has it.
    #[inline(always)]
    fn bell<L: Floats, M: Fuse<L>>(&self, a: L) -> (L, L) {
        let half = a.mul(L::splat(self.minus_half));
        let z = half.mul(a);
        self.exp_parts::<L, M>(z, M::excess(z, half, a))
    }

    /// `(1 + a) exp(a^2 / 2) erfc(a / sqrt(2)) - 1`.
    #[inline(always)]
    fn scaled_erfc<L: Floats, M: Fuse<L>>(&self, a: L) -> L {
        let turn = L::splat(self.erfc_turn);
        poly::<L, M>(a.sub(turn).div(a.add(turn)), &self.erfc)
    }

    /// `a erfc(a / sqrt(2))` without a power of two, and that power.
    #[inline(always)]
    fn tail<L: Floats, M: Fuse<L>>(&self, a: L) -> (L, L) {
        let one = L::splat(self.one);
        let sum = a.add(one);
        let share = a.div(sum);
        // What the sum and the quotient lost.
        let lost = a.sub(sum.sub(one));
        let rest = M::excess(a, share, sum).sub(share.mul(lost)).mul(one.sub(share));
        let (b, (q, biased)) = (self.scaled_erfc::<L, M>(a), self.bell::<L, M>(a));
        let bend = q.add(M::mul_add(b, q, b));
        (share.add(M::mul_add(share, bend, rest)), biased)
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
        let (q, biased) = k.exp_parts::<Block, Plain>(x.lesser(Block::splat(89.0)).greater(Block::splat(-104.0)), Block::splat(k.zero));
        let [v, w] = k.powers(biased);
        q.add(Block::splat(k.one)).mul(v).mul(w)
    }
}

/// `tanh(x)`, of the sum of a multiple of `ln 2 / 2` and a small rest: the one is `(w - 1) / (w + 1)`
/// with `w` a power of two, the other `t`, and together they are `((w - 1) + (w + 1) t) / ((w + 1) + (w - 1) t)`.
/// Numbers round down to multiples more than up, for where `t` is negative, digits are lost.
pub struct Tanh;
impl Function for Tanh {
    const BOUND: f32 = 9.1;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let ([inverse, step, first, second], bias, a) = (k.tanh_step.map(L::splat), L::splat(k.half_bias), x.abs());
        let biased = M::mul_add(a, inverse, L::splat(k.minus_quarter)).add(bias);
        let n = biased.sub(bias);
        // `n` is so small that one rounding of the step does not show.
        let r = if M::ONCE { M::mul_add(n, step, a) } else { M::mul_add(n, second, M::mul_add(n, first, a)) };
        let square = r.mul(r);
        let t = M::mul_add(poly::<L, M>(square, &k.tanh), square.mul(r), r);
        let (w, half) = (biased.raised(), L::splat(k.half));
        // What is above and what is below the line differ by a number that their errors have no part in.
        let above = M::mul_add(w.add(half), t, w.sub(half));
        above.div(above.add(L::splat(k.one).sub(t))).signed_like(x)
    }
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        Self::near::<Block, Plain>(k, limited(x, Self::BOUND))
    }
}

/// `1 / (1 + exp(-x))`.
pub struct Sigmoid;
impl Function for Sigmoid {
    const BOUND: f32 = 16.6;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        L::splat(k.one).div(k.one_and_small_exp::<L, M>(x))
    }
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        if x.all_within(Exp::BOUND) {
            return Block::splat(k.one).div(k.one_and_exp::<Block, Plain>(x));
        }
        let above = Block::splat(k.one).div(k.one_and_exp::<Block, Plain>(limited(x, Exp::BOUND)));
        x.where_less(Block::splat(-Exp::BOUND), Exp::far(k, x), above)
    }
}

/// `x / (1 + exp(-x))`.
pub struct Silu;
impl Function for Silu {
    const BOUND: f32 = Sigmoid::BOUND;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        x.div(k.one_and_small_exp::<L, M>(x))
    }
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        if x.all_within(Exp::BOUND) {
            return x.div(k.one_and_exp::<Block, Plain>(x));
        }
        let near = limited(x, 120.0);
        let (q, biased) = k.exp_parts::<Block, Plain>(near, Block::splat(k.zero));
        let [v, w] = k.powers(biased);
        let below = Plain::mul_add(near, q, near).mul(v).mul(w);
        let above = near.div(k.one_and_exp::<Block, Plain>(limited(x, Exp::BOUND)));
        ends(k, 120.0, x, near.where_less(Block::splat(-Exp::BOUND), below, above))
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
        let wide = a.mul(L::splat(k.sqrt_2));
        let tail = k.scaled_erfc::<L, M>(wide).add(one).div(wide.add(one));
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
        let (q, biased) = k.gelu_tanh_exp::<L, M>(x, k.gelu_tanh);
        x.div(k.one_and::<L, M>(q, biased))
    }
    lane_by_lane!();
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        // Below, the exponential is too small for its power of two: the square of its root.
        let (near, zero) = (limited(x, 12.0), Block::splat(k.zero));
        let (q, biased) = k.gelu_tanh_exp::<Block, Plain>(near.abs(), k.gelu_tanh.map(|c| 0.5 * c));
        let (w, square) = (biased.raised(), Plain::mul_add(q, q, q.add(q)));
        let below = Plain::mul_add(near, square, near).mul(w).mul(w);
        let (q, biased) = k.gelu_tanh_exp::<Block, Plain>(limited(x, Self::BOUND), k.gelu_tanh);
        let above = near.div(k.one_and::<Block, Plain>(q, biased));
        ends(k, 12.0, x, near.where_less(zero.sub(Block::splat(Self::BOUND)), below, above))
    }
}

/// The derivative of `GeluTanh`: with `s = 1 / (1 + e)` and `e = exp(-2 u)` it is `s + x s s e 2 u'`.
pub struct GeluTanhSlope;
impl Function for GeluTanhSlope {
    const BOUND: f32 = 10.0;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let (q, biased) = k.gelu_tanh_exp::<L, M>(x, k.gelu_tanh);
        let (w, one) = (biased.raised(), L::splat(k.one));
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
    const BOUND: f32 = 13.0;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let (tail, biased) = k.tail::<L, M>(x.abs());
        let zero = L::splat(k.zero);
        M::mul_add(tail.mul(biased.raised()), L::splat(k.minus_half), x.where_less(zero, zero, x))
    }
    lane_by_lane!();
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        let near = limited(x, 14.5);
        let (tail, biased) = k.tail::<Block, Plain>(near.abs());
        let ([v, w], zero) = (k.powers(biased), Block::splat(k.zero));
        let half = tail.mul(Block::splat(k.half)).mul(v).mul(w);
        ends(k, 14.5, x, near.where_less(zero, zero, near).sub(half))
    }
}

/// The derivative of `Gelu`: the distribution, and `x` times the density.
pub struct GeluSlope;
impl Function for GeluSlope {
    const BOUND: f32 = 13.0;
    #[inline(always)]
    fn near<L: Floats, M: Fuse<L>>(k: &Coefficients, x: L) -> L {
        let (a, one) = (x.abs(), L::splat(k.one));
        let (q, biased) = k.bell::<L, M>(a);
        let w = biased.raised();
        let e = M::mul_add(q, w, w);
        let below = k.scaled_erfc::<L, M>(a).add(one).mul(e).mul(L::splat(k.half)).div(a.add(one));
        let all = x.where_less(L::splat(k.zero), below, one.sub(below));
        M::mul_add(x.mul(e), L::splat(k.density), all)
    }
    lane_by_lane!();
    #[inline(never)]
    fn far(k: &Coefficients, x: Block) -> Block {
        Self::near::<Block, Plain>(k, limited(x, Self::BOUND))
    }
}
