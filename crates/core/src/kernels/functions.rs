//! Elementary functions of `f32`, many at a time: at most two representable numbers from the truth,
//! as `examples/ulp.rs` shows. Arguments are reduced as in Cody and Waite, "Software Manual for the
//! Elementary Functions", 1980; the polynomial of the exponential is that of Moshier, "Methods and
//! Programs for Mathematical Functions", 1989; the others interpolate at Chebyshev nodes.
//!
//! Each function has a near form, for blocks whose elements are all within a bound, and a far form,
//! for every other block. The near forms know no infinity, no NaN and no bounds; a build may compile
//! them with fused multiply-adds, which would spoil the far forms (crates/relaxed says why).

use super::four::Four;
use super::simd::{F32x4, Floats, Lane, MulAdd, Plain, Wide, FIXED};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E, SQRT_2};
use std::hint::black_box;
use std::sync::OnceLock;

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
    /// `(erf(x) - x) / x` in powers of `x^2`, up to one.
    erf: [f32; 7],
}

static COEFFICIENTS: Coefficients = Coefficients {
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
    fn exp<L: Floats, M: Fuse<L>>(&self, x: L) -> L {
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
        let (wide, [p, q]) = (a.widen(), k.scaled_erfc::<L, M>(a).widen());
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

type Block = Four<F32x4>;
const N: usize = Block::N;

/// The far form of `x - less` for a block in memory, which may be replaced by it.
///
/// # Safety
/// A block must be readable and writable.
#[cold]
#[inline(never)]
unsafe fn far<F: Function>(k: &Coefficients, x: *const f32, less: f32, y: *mut f32) {
    // SAFETY: the caller's promise.
    unsafe { F::far(k, Block::load(x).sub(Block::splat(less))).store(y) }
}

/// What is left of a slice at `at`, in a room that is filled up with zeros.
#[inline(never)]
fn fill(room: &mut [f32; N], x: &[f32], at: usize) {
    room[..x.len() - at].copy_from_slice(&x[at..]);
}

// The loops call what is computed in one place only, with blocks in the slices or, at the end, in rooms
// that stand for them: so it is compiled into them. Far blocks go through memory, near ones stay in vectors.

/// `F` of every element.
#[inline(always)]
pub fn map<F: Function, M: Fuse<F32x4>>(x: &[f32], y: &mut [f32]) {
    let (k, len) = (black_box(&COEFFICIENTS), x.len().min(y.len()));
    let mut room = [0.0; N];
    for at in (0..len).step_by(N) {
        let whole = len - at >= N;
        let (mut from, mut to) = (x[at..].as_ptr(), y[at..].as_mut_ptr());
        if !whole {
            fill(&mut room, x, at);
            (from, to) = (room.as_ptr(), room.as_mut_ptr());
        }
        // SAFETY: a block is readable and writable there.
        unsafe {
            let v = Block::load(from);
            if v.all_within(F::BOUND) {
                F::block::<M>(k, v).store(to);
            } else {
                far::<F>(k, from, 0.0, to);
            }
        }
        if !whole {
            y[at..].copy_from_slice(&room[..len - at]);
        }
    }
}

/// `g` times `F` of every element.
#[inline(always)]
pub fn map_scaled<F: Function, M: Fuse<F32x4>>(g: &[f32], x: &[f32], y: &mut [f32]) {
    let (k, len) = (black_box(&COEFFICIENTS), x.len().min(y.len()).min(g.len()));
    let (mut room, mut scales) = ([0.0; N], [0.0; N]);
    for at in (0..len).step_by(N) {
        let whole = len - at >= N;
        let (mut scale, mut from, mut to) = (g[at..].as_ptr(), x[at..].as_ptr(), y[at..].as_mut_ptr());
        if !whole {
            fill(&mut room, x, at);
            fill(&mut scales, g, at);
            (scale, from, to) = (scales.as_ptr(), room.as_ptr(), room.as_mut_ptr());
        }
        // SAFETY: a block is readable and writable there.
        unsafe {
            let v = Block::load(from);
            if v.all_within(F::BOUND) {
                F::block::<M>(k, v).mul(Block::load(scale)).store(to);
            } else {
                far::<F>(k, from, 0.0, to);
                Block::load(to).mul(Block::load(scale)).store(to);
            }
        }
        if !whole {
            y[at..].copy_from_slice(&room[..len - at]);
        }
    }
}

/// `exp(x - m)` of `len` elements, which may be replaced by it, and the sum.
///
/// # Safety
/// They must be readable and writable.
#[inline(always)]
pub unsafe fn exp_less<M: Fuse<F32x4>>(x: *const f32, m: f32, y: *mut f32, len: usize) -> f32 {
    let (k, most) = (black_box(&COEFFICIENTS), Block::splat(m));
    let (mut total, mut sum) = (0.0, Block::splat(0.0));
    let mut room = [m; N];
    for at in (0..len).step_by(N) {
        let whole = len - at >= N;
        let (mut from, mut to) = (x.wrapping_add(at), y.wrapping_add(at));
        // SAFETY: the caller's promise; a block is readable and writable there.
        unsafe {
            if !whole {
                fill(&mut room, std::slice::from_raw_parts(x, len), at);
                (from, to) = (room.as_ptr(), room.as_mut_ptr());
            }
            let v = Block::load(from).sub(most);
            if v.all_within(Exp::BOUND) {
                let e = k.exp::<Block, M>(v);
                e.store(to);
                if whole {
                    sum = sum.add(e);
                }
            } else {
                far::<Exp>(k, from, m, to);
                if whole {
                    sum = sum.add(Block::load(to));
                }
            }
            if !whole {
                std::ptr::copy_nonoverlapping(room.as_ptr(), y.add(at), len - at);
                // What filled the block up adds nothing.
                room[len - at..].fill(0.0);
                sum = sum.add(Block::load(room.as_ptr()));
            }
        }
        // A sum of sums: rounding errors stay small in long rows.
        if at % PART == PART - N {
            total += f64::from(sum.sum());
            sum = Block::splat(0.0);
        }
    }
    (total + f64::from(sum.sum())) as f32
}

/// Elements that are summed in vectors before they are added to the rest.
const PART: usize = 128 * N;

type Map = unsafe fn(&[f32], &mut [f32]);
type Scaled = unsafe fn(&[f32], &[f32], &mut [f32]);

/// The functions on slices of one length, as one build has them.
#[allow(missing_docs)]
pub struct Functions {
    pub exp: Map,
    pub tanh: Map,
    pub sigmoid: Map,
    pub silu: Map,
    pub erf: Map,
    pub gelu: Map,
    pub gelu_tanh: Map,
    pub gelu_grad: Scaled,
    pub gelu_tanh_grad: Scaled,
    pub exp_less: unsafe fn(*const f32, f32, *mut f32, usize) -> f32,
}

/// The functions with a way to add products; attributes in front go to each.
#[macro_export]
macro_rules! elementary_functions {
    ($(#[$attr:meta])* $M:ty) => {{
        use $crate::kernels::functions::{self as f, Functions};
        $crate::elementary_functions!(@map [$(#[$attr])*] $M, exp Exp, tanh Tanh, sigmoid Sigmoid, silu Silu, erf Erf, gelu Gelu, gelu_tanh GeluTanh);
        $crate::elementary_functions!(@scaled [$(#[$attr])*] $M, gelu_grad GeluSlope, gelu_tanh_grad GeluTanhSlope);
        $(#[$attr])*
        unsafe fn exp_less(x: *const f32, m: f32, y: *mut f32, len: usize) -> f32 {
            // SAFETY: the caller's promise.
            unsafe { f::exp_less::<$M>(x, m, y, len) }
        }
        Functions { exp, tanh, sigmoid, silu, erf, gelu, gelu_tanh, gelu_grad, gelu_tanh_grad, exp_less }
    }};
    (@map $attrs:tt $M:ty, $($name:ident $F:ident),*) => { $($crate::elementary_functions!(@one $attrs $M, map, $name $F, x);)* };
    (@scaled $attrs:tt $M:ty, $($name:ident $F:ident),*) => { $($crate::elementary_functions!(@one $attrs $M, map_scaled, $name $F, g, x);)* };
    (@one [$(#[$attr:meta])*] $M:ty, $run:ident, $name:ident $F:ident, $($x:ident),*) => {
        $(#[$attr])*
        unsafe fn $name($($x: &[f32],)* y: &mut [f32]) {
            f::$run::<f::$F, $M>($($x,)* y);
        }
    };
}

static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
static PLAIN: Functions = elementary_functions!(Plain);

/// Puts other functions in the place of the plain ones.
pub fn install(functions: Functions) {
    let _ = FUNCTIONS.set(functions);
}

fn functions() -> &'static Functions {
    FUNCTIONS.get().unwrap_or(&PLAIN)
}

/// Functions on slices of the same length.
macro_rules! slices {
    ($($(#[$doc:meta])* $name:ident = $field:ident($($x:ident),*);)*) => { $(
        $(#[$doc])*
        pub fn $name($($x: &[f32],)* y: &mut [f32]) {
            // SAFETY: what is installed fits the processor.
            unsafe { (functions().$field)($($x,)* y) }
        }
    )* };
}
slices! {
    /// `exp` of every element.
    exp_all = exp(x);
    /// `tanh` of every element.
    tanh_all = tanh(x);
    /// `sigmoid` of every element.
    sigmoid_all = sigmoid(x);
    /// `silu` of every element.
    silu_all = silu(x);
    /// `erf` of every element.
    erf_all = erf(x);
    /// `gelu` of every element.
    gelu_all = gelu(x);
    /// `g` times the derivative of `gelu`, of every pair.
    gelu_grad_all = gelu_grad(g, x);
    /// `gelu` by `tanh` of every element.
    gelu_tanh_all = gelu_tanh(x);
    /// `g` times the derivative of `gelu` by `tanh`, of every pair.
    gelu_tanh_grad_all = gelu_tanh_grad(g, x);
}

/// `exp(x - m)` of every element, and the sum.
pub fn exp_less_all(x: &[f32], m: f32, y: &mut [f32]) -> f32 {
    // SAFETY: inside both slices.
    unsafe { (functions().exp_less)(x.as_ptr(), m, y.as_mut_ptr(), x.len().min(y.len())) }
}

/// `exp(x - m)` in the place of every `x`, and the sum.
pub fn exp_less_in_place(x: &mut [f32], m: f32) -> f32 {
    // SAFETY: inside the slice.
    unsafe { (functions().exp_less)(x.as_ptr(), m, x.as_mut_ptr(), x.len()) }
}

/// The greatest element; NaN is passed over.
pub fn greatest(x: &[f32]) -> f32 {
    let blocks = x.chunks_exact(N);
    let mut most = blocks.remainder().iter().fold(f32::NEG_INFINITY, |m, x| if *x > m { *x } else { m });
    if x.len() >= N {
        // SAFETY: a chunk has as many elements as a block.
        let all = blocks.fold(Block::splat(most), |m, c| m.greater(unsafe { Block::load(c.as_ptr()) }));
        let mut room = [0.0; N];
        // SAFETY: as above.
        unsafe { all.store(room.as_mut_ptr()) }
        most = room.iter().fold(most, |m, x| if *x > m { *x } else { m });
    }
    most
}
