//! Signs, rounding, limits and the choice between values.

use super::prelude::*;
use super::arith::no_formula;
use super::masks::chosen;
use super::promote::{common, fitted, held};

/// Half to even, as IEEE and PyTorch round.
pub(crate) fn round_even(x: f64) -> f64 {
    libm::rint(x)
}

fn absolute(t: &Tensor) -> Result {
    match t.dtype().compute() {
        DType::Complex64 => map(t, DType::Float32, |z: Complex<f32>| z.re.hypot(z.im)),
        DType::Complex128 => map(t, DType::Float64, |z: Complex<f64>| z.re.hypot(z.im)),
        _ if t.dtype() == DType::Bool => Err(Error::dtype("abs_cpu", DType::Bool)),
        _ => ordered_map!("abs_cpu", t, |x| x.wrapping_abs(), x.abs()),
    }
}

fn sign_of(t: &Tensor) -> Result {
    ordered_map!("sign_cpu", t, |x| x.signum(), if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { 0.0 })
}

fn sgn_of(t: &Tensor) -> Result {
    macro_rules! unit {
        ($f:ty) => {
            map(t, t.dtype(), |z: Complex<$f>| {
                let n = z.re.hypot(z.im);
                if n == 0.0 { Complex::new(0.0, 0.0) } else { z / n }
            })
        };
    }
    match t.dtype() {
        DType::Complex64 => unit!(f32),
        DType::Complex128 => unit!(f64),
        _ => sign_of(t),
    }
}

/// What `floor` and its like do with dtypes other than floats.
fn whole(t: &Tensor, name: &str, f: impl Fn(f64) -> f64 + Sync) -> Result {
    match t.dtype() {
        d if d.is_complex() => Err(Error::not_implemented(format!("{name} is not supported for complex inputs"))),
        DType::Bool => Err(Error::dtype(&format!("{name}_vml_cpu"), DType::Bool)),
        d if d.is_integral() => t.copied(d),
        DType::Float64 => map(t, DType::Float64, f),
        d => map(t, d, |x: f32| f(x.into()) as f32),
    }
}

fn rounded(t: &Tensor) -> Result {
    match t.dtype() {
        d if d.is_complex() || d == DType::Bool => Err(Error::dtype("round_vml_cpu", d)),
        _ => whole(t, "round", round_even),
    }
}

/// Rounded to so many decimals; without any as integers would be.
fn rounded_to(t: &Tensor, decimals: i64) -> Result {
    if decimals == 0 {
        return rounded(t);
    }
    let p = 10f64.powi(decimals.unsigned_abs().min(400) as i32);
    only_real_map!("round_cpu", t, |x| {
        let p = p as F;
        if decimals < 0 { round_even((x / p).into()) as F * p } else { round_even((x * p).into()) as F / p }
    })
}

fn no_nan(t: &Tensor, nan: Option<f64>, pos: Option<f64>, neg: Option<f64>) -> Result {
    let dtype = t.dtype();
    let most = match dtype {
        DType::Float16 => 65504.0,
        DType::BFloat16 => f64::from(half::bf16::MAX),
        DType::Float32 | DType::Complex64 => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    let (nan, pos, neg) = (nan.unwrap_or(0.0), pos.unwrap_or(most), neg.unwrap_or(-most));
    macro_rules! fix {
        ($f:ty) => {
            |x: $f| {
                if x.is_nan() { nan as $f }
                else if x == <$f>::INFINITY { pos as $f }
                else if x == <$f>::NEG_INFINITY { neg as $f }
                else { x }
            }
        };
    }
    match dtype.compute() {
        DType::Float32 => map(t, dtype, fix!(f32)),
        DType::Float64 => map(t, dtype, fix!(f64)),
        DType::Complex64 => map(t, dtype, |z: Complex<f32>| Complex::new(fix!(f32)(z.re), fix!(f32)(z.im))),
        DType::Complex128 => map(t, dtype, |z: Complex<f64>| Complex::new(fix!(f64)(z.re), fix!(f64)(z.im))),
        _ => t.copied(dtype),
    }
}

/// The larger or smaller of two numbers, NaN if one is.
macro_rules! pick {
    ($x:ident $op:tt $y:ident) => { if $x $op $y || $x != $x { $x } else { $y } };
}

/// The larger of two elements.
pub(crate) fn larger(kernel: &str, a: &Tensor, b: &Tensor) -> Result {
    let (a, b, dtype) = common(a, b)?;
    ranked!(kernel, dtype, zip(&a, &b, dtype, |x: T, y: T| pick!(x > y)))
}

/// The smaller of two elements.
pub(crate) fn smaller(kernel: &str, a: &Tensor, b: &Tensor) -> Result {
    let (a, b, dtype) = common(a, b)?;
    ranked!(kernel, dtype, zip(&a, &b, dtype, |x: T, y: T| pick!(x < y)))
}

fn refuse_complex(name: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dtype().is_complex() || b.dtype().is_complex() {
        return Err(Error::type_error(format!("{name} not implemented for complex tensors.")));
    }
    Ok(())
}

/// The larger or smaller of two elements, where a NaN gives way to a number.
fn number_first(a: &Tensor, b: &Tensor, greater: bool) -> Result {
    let (a, b, dtype) = common(a, b)?;
    ranked!("", dtype, zip(&a, &b, dtype, |x: T, y: T| {
        #[allow(clippy::eq_op)]
        if y != y || (x > y) == greater && x != y && x == x { x } else { y }
    }))
}

/// A gradient's share where one operand wins, half where both are equal.
fn share(g: &Tensor, mine: &Tensor, other: &Tensor, greater: bool) -> Result {
    let loses = if greater { mine.lt(other)? } else { mine.gt(other)? };
    mine.eq(other)?.where_op(g.true_divide(2i64), loses.where_op(0i64, g))
}

/// What `clamp` computes in, with its limits.
fn clamp_type(input: &Tensor, limits: &[&Tensor]) -> Result<DType> {
    let mut all = vec![input];
    all.extend(limits);
    let dtype = result_type(&all);
    if dtype.is_complex() {
        return Err(Error::not_implemented("clamp is not supported for complex types"));
    }
    Ok(dtype)
}

fn no_limits() -> Error {
    Error::runtime("torch.clamp: At least one of 'min' or 'max' must not be None")
}

fn clamp_tensors(input: &Tensor, min: Option<&Tensor>, max: Option<&Tensor>) -> Result {
    if min.is_none() && max.is_none() {
        return Err(no_limits());
    }
    let limits: Vec<&Tensor> = min.into_iter().chain(max).collect();
    let dtype = clamp_type(input, &limits)?;
    let mut out = held(input, dtype)?;
    if let Some(m) = min {
        out = ranked!("", dtype, zip(&out, &held(m, dtype)?, dtype, |x: T, y: T| pick!(x > y)))?;
    }
    if let Some(m) = max {
        out = ranked!("", dtype, zip(&out, &held(m, dtype)?, dtype, |x: T, y: T| pick!(x < y)))?;
    }
    Ok(out)
}

/// Elements limited by numbers.
pub(crate) fn clamp_numbers(input: &Tensor, min: Option<Scalar>, max: Option<Scalar>) -> Result {
    let wrap = |s: Option<Scalar>| s.map(Tensor::wrapped).transpose();
    let (lo, hi) = (wrap(min)?, wrap(max)?);
    let limits: Vec<&Tensor> = lo.iter().chain(&hi).collect();
    let dtype = clamp_type(input, &limits)?;
    let kernel = match (min, max) {
        (Some(_), Some(_)) => "clamp_scalar_cpu",
        (Some(_), None) => "clamp_min_scalar_cpu",
        (None, Some(_)) => "clamp_max_scalar_cpu",
        (None, None) => return Err(no_limits()),
    };
    if dtype == DType::Bool {
        return Err(Error::dtype(kernel, dtype));
    }
    let input = held(input, dtype)?;
    ranked!(kernel, dtype, {
        let lo: Option<T> = min.map(|s| fitted(s, dtype)).transpose()?;
        let hi: Option<T> = max.map(|s| fitted(s, dtype)).transpose()?;
        map(&input, dtype, |x: T| {
            let x = match lo { Some(m) => pick!(x > m), None => x };
            match hi { Some(m) => pick!(x < m), None => x }
        })
    })
}

/// The gradient of numbers as limits: none on a limit or beyond it.
fn clamp_grad(g: &Tensor, input: &Tensor, min: Option<Scalar>, max: Option<Scalar>) -> Result {
    let inside = match (min, max) {
        (None, None) => return Ok(g.clone()),
        (Some(lo), None) => input.gt(lo)?,
        (None, Some(hi)) => input.lt(hi)?,
        (Some(lo), Some(hi)) => input.gt(lo).logical_and(input.lt(hi))?,
    };
    inside.where_op(g, 0i64)
}

/// Which operand of `clamp` a gradient is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Input,
    Min,
    Max,
}

/// The gradient of tensors as limits: who is the result has it, half each on a limit.
fn clamp_share(g: &Tensor, x: &Tensor, min: Option<&Tensor>, max: Option<&Tensor>, of: Part) -> Result {
    let (lo, hi) = match (min, max) {
        (None, None) => return Ok(g.clone()),
        (Some(lo), None) if of == Part::Input => return share(g, x, lo, true),
        (Some(lo), None) => return share(g, lo, x, true),
        (None, Some(hi)) if of == Part::Input => return share(g, x, hi, false),
        (None, Some(hi)) => return share(g, hi, x, false),
        (Some(lo), Some(hi)) => (lo, hi),
    };
    let half = g.true_divide(2i64)?;
    let open = lo.lt(hi)?;
    match of {
        Part::Input => {
            let outside = x.lt(lo).logical_or(x.gt(hi))?;
            let tie = x.eq(lo).logical_or(x.eq(hi)).logical_and(open)?;
            outside.where_op(0i64, tie.where_op(half, g))
        }
        Part::Min => {
            let wins = lo.le(hi).logical_and(x.lt(lo))?;
            wins.where_op(g, x.eq(lo).logical_and(open)?.where_op(half, 0i64))
        }
        Part::Max => {
            let wins = x.gt(hi).logical_and(lo.le(hi)).logical_or(hi.lt(lo))?;
            wins.where_op(g, x.eq(hi).logical_and(open)?.where_op(half, 0i64))
        }
    }
}

/// The gradient where a NaN gives way: to the other where `mine` is NaN, half each on a tie.
fn number_share(g: &Tensor, input: &Tensor, other: &Tensor, greater: bool, first: bool) -> Result {
    let wins = if greater { input.gt(other)? } else { input.lt(other)? };
    let wins = wins.logical_or(other.isnan())?;
    let rest = if first { wins.where_op(g, 0i64) } else { wins.where_op(0i64, g) };
    input.eq(other)?.where_op(g.true_divide(2i64), rest)
}

fn heaviside_of(input: &Tensor, values: &Tensor) -> Result {
    if input.dtype().is_complex() || values.dtype().is_complex() {
        return Err(Error::not_implemented("heaviside is not yet implemented for complex tensors."));
    }
    if input.dtype() != values.dtype() {
        return Err(Error::runtime("heaviside is not yet implemented for tensors with different dtypes."));
    }
    let dtype = input.dtype();
    ranked!("heaviside_cpu", dtype, zip(input, values, dtype, |x: T, v: T| {
        let zero = T::default();
        if x == zero { v } else { (x > zero).convert() }
    }))
}

/// The neighbour of a half-precision number, by its bits.
fn next_half(x: u16, y: u16, from: f32, to: f32) -> u16 {
    if from.is_nan() || to.is_nan() {
        return 0x7fff;
    }
    if from == to {
        return y;
    }
    if from == 0.0 {
        return (y & 0x8000) | 1;
    }
    if (from < to) == (from > 0.0) { x + 1 } else { x - 1 }
}

fn next_after(a: &Tensor, b: &Tensor) -> Result {
    use half::{bf16, f16};
    let dtype = result_type(&[a, b]);
    match dtype {
        DType::Float32 => zip(a, b, dtype, libm::nextafterf),
        DType::Float64 => zip(a, b, dtype, libm::nextafter),
        DType::BFloat16 => zip(a, b, dtype, |x: bf16, y: bf16| {
            bf16::from_bits(next_half(x.to_bits(), y.to_bits(), x.into(), y.into()))
        }),
        DType::Float16 => zip(a, b, dtype, |x: f16, y: f16| {
            f16::from_bits(next_half(x.to_bits(), y.to_bits(), x.into(), y.into()))
        }),
        d => Err(Error::dtype("nextafter_cpu", d)),
    }
}

fn select_where(condition: &Tensor, a: &Tensor, b: &Tensor) -> Result {
    if !matches!(condition.dtype(), DType::Bool | DType::UInt8) {
        return Err(Error::runtime(format!(
            "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
            condition.dtype().scalar_type()
        )));
    }
    let dtype = result_type(&[a, b]);
    // A number that the dtype cannot hold is refused, a 0-dim tensor wraps.
    for t in [a, b] {
        if t.0.wrapped {
            fitted::<f64>(t.scalar()?, dtype)?;
        }
    }
    if dtype == DType::Float32 {
        let number = |t: &Tensor| if t.ndim() == 0 && t.dtype() != dtype { t.copied(dtype) } else { Ok(t.clone()) };
        if let Some(out) = chosen(condition, &number(a)?, &number(b)?) {
            return out;
        }
    }
    dispatch_compute!(dtype, T => zip3(condition, a, b, dtype, |c: bool, x: T, y: T| if c { x } else { y }))
}

ops! { TABLE, RoundingOps;
    /// The absolute value; of complex numbers the modulus.
    fn abs(input: Tensor) [inplace, "absolute"] eval { absolute(&input) }
        d input = |g, input| g.mul(input.sgn());

    /// -1, 0 or 1.
    fn sign(input: Tensor) [inplace] eval {
        if input.dtype().is_complex() {
            return Err(Error::not_implemented(
                "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.",
            ));
        }
        sign_of(&input)
    }
        d input = |g| g.zeros_like(());

    /// `input / |input|`, zero at zero.
    fn sgn(input: Tensor) [inplace] eval { sgn_of(&input) }
        d input = |g, input, out| {
            if input.dtype().is_complex() {
                let n = input.abs()?;
                let along = out.mul(g.mul(out.conj()).real());
                n.eq(0i64)?.where_op(0i64, g.sub(along, 1i64).true_divide(n))
            } else {
                g.zeros_like(())
            }
        };

    /// The largest integer not above.
    fn floor(input: Tensor) [inplace] eval { whole(&input, "floor", f64::floor) }
        d input = |g| g.zeros_like(());

    /// The smallest integer not below.
    fn ceil(input: Tensor) [inplace] eval { whole(&input, "ceil", f64::ceil) }
        d input = |g| g.zeros_like(());

    /// The integer part.
    fn trunc(input: Tensor) [inplace, "fix"] eval { whole(&input, "trunc", f64::trunc) }
        d input = |g| g.zeros_like(());

    /// The nearest integer, half to even.
    fn round(input: Tensor) [inplace, "special.round"] eval { rounded(&input) }
        d input = |g| g.zeros_like(());

    /// The nearest number with so many decimals.
    fn round_decimals "round"(input: Tensor; decimals: i64 = "0") [inplace, "special.round", RoundBackward1] eval {
        rounded_to(&input, decimals)
    }
        d input = |g| g.zeros_like(());

    /// The fractional part, with the sign of `input`.
    fn frac(input: Tensor) [inplace] eval { only_real_map!("frac_cpu", &input, |x| x - x.trunc()) }
        d input = |g| Ok(g.clone());

    /// NaN and infinities replaced by numbers.
    fn nan_to_num(input: Tensor, nan: Option<f64> = "null", posinf: Option<f64> = "null",
        neginf: Option<f64> = "null") [inplace] eval { no_nan(&input, nan, posinf, neginf) }
        d input = |g, input| g.mul(input.isfinite());

    /// The larger of two elements; NaN if one is.
    fn maximum(input: Tensor, other: Tensor) [] eval {
        refuse_complex("maximum", &input, &other)?;
        larger("maximum_cpu", &input, &other)
    }
        d input = |g, input, other| share(g, &input, &other, true),
        d other = |g, input, other| share(g, &other, &input, true);

    /// The smaller of two elements; NaN if one is.
    fn minimum(input: Tensor, other: Tensor) [] eval {
        refuse_complex("minimum", &input, &other)?;
        smaller("minimum_cpu", &input, &other)
    }
        d input = |g, input, other| share(g, &input, &other, false),
        d other = |g, input, other| share(g, &other, &input, false);

    /// The larger of two elements; a NaN gives way to a number.
    fn fmax(input: Tensor, other: Tensor) [] eval {
        refuse_complex("fmax", &input, &other)?;
        number_first(&input, &other, true)
    }
        d input = |g, input, other| number_share(g, &input, &other, true, true),
        d other = |g, input, other| number_share(g, &input, &other, true, false);

    /// The smaller of two elements; a NaN gives way to a number.
    fn fmin(input: Tensor, other: Tensor) [] eval {
        refuse_complex("fmin", &input, &other)?;
        number_first(&input, &other, false)
    }
        d input = |g, input, other| number_share(g, &input, &other, false, true),
        d other = |g, input, other| number_share(g, &input, &other, false, false);

    /// Elements limited to `[min, max]`; NaN stays.
    fn clamp(input: Tensor, min: Option<Tensor> = "null", max: Option<Tensor> = "null") [inplace, "clip"] eval {
        clamp_tensors(&input, min.as_ref(), max.as_ref())
    }
        d input = |g, input, min, max| clamp_share(g, &input, min.as_ref(), max.as_ref(), Part::Input),
        d min = |g, input, min, max| clamp_share(g, &input, min.as_ref(), max.as_ref(), Part::Min),
        d max = |g, input, min, max| clamp_share(g, &input, min.as_ref(), max.as_ref(), Part::Max);

    /// Elements limited to `[min, max]`; NaN stays.
    fn clamp_scalar "clamp"(input: Tensor, min: Option<Scalar> = "null", max: Option<Scalar> = "null")
        [inplace, "clip", ClampBackward1] eval { clamp_numbers(&input, min, max) }
        d input = |g, input, min, max| clamp_grad(g, &input, min, max);

    /// Elements not below `min`.
    fn clamp_min(input: Tensor, min: Tensor) [inplace, ClampMinBackward1] eval { larger("maximum_cpu", &input, &min) }
        d input = |g, input, min| share(g, &input, &min, true),
        d min = |g, input, min| share(g, &min, &input, true);

    /// Elements not below `min`.
    fn clamp_min_scalar "clamp_min"(input: Tensor, min: Scalar) [inplace] eval {
        clamp_numbers(&input, Some(min), None)
    }
        d input = |g, input, min| clamp_grad(g, &input, Some(min), None);

    /// Elements not above `max`.
    fn clamp_max(input: Tensor, max: Tensor) [inplace, ClampMaxBackward1] eval { smaller("minimum_cpu", &input, &max) }
        d input = |g, input, max| share(g, &input, &max, false),
        d max = |g, input, max| share(g, &max, &input, false);

    /// Elements not above `max`.
    fn clamp_max_scalar "clamp_max"(input: Tensor, max: Scalar) [inplace] eval {
        clamp_numbers(&input, None, Some(max))
    }
        d input = |g, input, max| clamp_grad(g, &input, None, Some(max));

    /// The sign of `other` with the size of `input`.
    fn copysign(input: Tensor, other: Tensor) [inplace] eval {
        real_zip!("copysign_cpu", &input, &other, |x, y| x.copysign(y))
    }
        d input = |g, input, out| g.mul(input.eq(0i64)?.where_op(0i64, out.true_divide(input))),
        d other = |g| g.zeros_like(());

    /// The sign of a number with the size of `input`.
    fn copysign_scalar "copysign"(input: Tensor, other: Scalar) [inplace, CopysignBackward1] eval {
        let other = Tensor::wrapped(other)?;
        real_zip!("copysign_cpu", &input, &other, |x, y| x.copysign(y))
    }
        d input = |g, input, out| g.mul(input.eq(0i64)?.where_op(0i64, out.true_divide(input)));

    /// The step function: `values` at zero.
    fn heaviside(input: Tensor, values: Tensor) [inplace, NotImplemented] eval { heaviside_of(&input, &values) }
        d input = |_g| no_formula("heaviside"),
        d values = |_g| no_formula("heaviside");

    /// The representable number next to `input`, towards `other`.
    fn nextafter(input: Tensor, other: Tensor) [inplace] eval { next_after(&input, &other) }
        d input = |g, input, other| input.eq(other)?.where_op(0i64, g),
        d other = |g, input, other| input.eq(other)?.where_op(g, 0i64);

    /// `input` where `condition`, else `other`.
    fn where_op "where"(condition: Tensor, input: Operand, other: Operand) [] eval {
        select_where(&condition, &input, &other)
    }
        d input = |g, condition| condition.where_op(g, 0i64),
        d other = |g, condition| condition.where_op(0i64, g);
}
