//! Arithmetic of two and three operands, with promotion and broadcasting.

use super::loops::Arith;
use super::prelude::*;


/// `alpha` times `other`, without work when it is one.
fn scaled(other: &Tensor, alpha: Scalar) -> Result {
    match alpha {
        Scalar::Int(1) => Ok(other.clone()),
        Scalar::Float(1.0) => Ok(other.clone()),
        a => other.mul(a),
    }
}

fn check_alpha(alpha: Scalar, dtype: DType) -> Result<()> {
    if matches!(alpha, Scalar::Bool(_)) && dtype != DType::Bool {
        return Err(Error::runtime("Boolean alpha only supported for Boolean results."));
    }
    if dtype.is_integral() && matches!(alpha, Scalar::Float(_) | Scalar::Complex(_)) {
        return Err(Error::runtime(
            "For integral input tensors, argument alpha must not be a floating point number.",
        ));
    }
    Ok(())
}

fn add_scaled(a: &Tensor, b: &Tensor, alpha: Scalar) -> Result {
    if matches!(alpha, Scalar::Int(1)) {
        return arith!(a, b, |x, y| x.plus(y));
    }
    let dtype = result_type(&[a, b]);
    check_alpha(alpha, dtype)?;
    dispatch_compute!(dtype, T => {
        let k: T = alpha.to();
        zip::<T, T, T>(a, b, dtype, |x: T, y: T| x.plus(k.times(y)))
    })
}

fn sub_scaled(a: &Tensor, b: &Tensor, alpha: Scalar) -> Result {
    if a.dtype() == DType::Bool && b.dtype() == DType::Bool {
        return Err(Error::runtime(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or \
             `logical_xor()` operator instead.",
        ));
    }
    if a.dtype() == DType::Bool || b.dtype() == DType::Bool {
        return Err(Error::runtime(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying \
             to invert a mask, use the `~` or `logical_not()` operator instead.",
        ));
    }
    let dtype = result_type(&[a, b]);
    check_alpha(alpha, dtype)?;
    dispatch_compute!(dtype, T => {
        let k: T = alpha.to();
        zip::<T, T, T>(a, b, dtype, |x: T, y: T| x.minus(k.times(y)))
    })
}

fn true_div(a: &Tensor, b: &Tensor) -> Result {
    let dtype = float_type(result_type(&[a, b]));
    match dtype.compute() {
        DType::Float32 => zip(a, b, dtype, |x: f32, y: f32| x / y),
        DType::Float64 => zip(a, b, dtype, |x: f64, y: f64| x / y),
        DType::Complex64 => zip(a, b, dtype, |x: Complex<f32>, y: Complex<f32>| complex_div(x, y)),
        _ => zip(a, b, dtype, |x: Complex<f64>, y: Complex<f64>| complex_div(x, y)),
    }
}

/// Quotient of complex numbers, scaled so that nothing overflows early (Smith, "Algorithm 116:
/// Complex division", 1962).
pub(crate) fn complex_div<T>(x: Complex<T>, y: Complex<T>) -> Complex<T>
where
    T: num_complex::ComplexFloat<Real = T> + PartialOrd,
{
    let (c, d) = (y.re, y.im);
    if c.abs() >= d.abs() {
        if c.is_zero() && d.is_zero() {
            return Complex::new(x.re / c.abs(), x.im / d.abs());
        }
        let r = d / c;
        let s = T::one() / (c + d * r);
        Complex::new((x.re + x.im * r) * s, (x.im - x.re * r) * s)
    } else {
        let r = c / d;
        let s = T::one() / (c * r + d);
        Complex::new((x.re * r + x.im) * s, (x.im * r - x.re) * s)
    }
}

const ZERO_DIVISION: &str = "ZeroDivisionError";

fn floor_int(x: i64, y: i64) -> i64 {
    let q = x.wrapping_div(y);
    if x.wrapping_rem(y) != 0 && (x < 0) != (y < 0) { q - 1 } else { q }
}

fn has_zero(t: &Tensor) -> bool {
    t.to_vec::<i64>().contains(&0)
}

/// Rounded quotients: `floor` or not (then truncated).
fn int_div(a: &Tensor, b: &Tensor, floor: bool) -> Result {
    let dtype = result_type(&[a, b]);
    match dtype.compute() {
        DType::Int64 => {
            if dtype == DType::Bool && !floor {
                return Err(Error::dtype("div_trunc_cpu", DType::Bool));
            }
            if dtype == DType::Bool {
                return Err(Error::dtype("div_floor_cpu", DType::Bool));
            }
            if has_zero(b) && broadcast(a.sizes(), b.sizes())?.iter().all(|n| *n != 0) {
                return Err(Error::runtime(ZERO_DIVISION));
            }
            zip(a, b, dtype, |x: i64, y: i64| if floor { floor_int(x, y) } else { x.wrapping_div(y) })
        }
        DType::Float32 if floor => zip(a, b, dtype, |x: f32, y: f32| floor_float(x.into(), y.into()) as f32),
        DType::Float64 if floor => zip(a, b, dtype, floor_float),
        DType::Float32 => zip(a, b, dtype, |x: f32, y: f32| (x / y).trunc()),
        DType::Float64 => zip(a, b, dtype, |x: f64, y: f64| (x / y).trunc()),
        _ => Err(Error::dtype(if floor { "div_floor_cpu" } else { "div_trunc_cpu" }, dtype)),
    }
}

/// Python's floor division of floats.
fn floor_float(a: f64, b: f64) -> f64 {
    if b == 0.0 {
        return a / b;
    }
    let m = a % b;
    let mut q = (a - m) / b;
    if m != 0.0 && (b < 0.0) != (m < 0.0) {
        q -= 1.0;
    }
    if q == 0.0 {
        return f64::copysign(0.0, a / b);
    }
    let f = q.floor();
    if q - f > 0.5 { f + 1.0 } else { f }
}

fn divide(a: &Tensor, b: &Tensor, mode: Option<String>) -> Result {
    match mode.as_deref() {
        None => true_div(a, b),
        Some("floor") => int_div(a, b, true),
        Some("trunc") => int_div(a, b, false),
        Some(other) => Err(Error::runtime(format!(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{other}'"
        ))),
    }
}

macro_rules! remainder {
    ($name:ident, $kernel:literal, |$x:ident, $y:ident| $int:expr, $float:expr) => {
        fn $name(a: &Tensor, b: &Tensor) -> Result {
            let dtype = result_type(&[a, b]);
            match dtype.compute() {
                DType::Int64 if dtype == DType::Bool => Err(Error::dtype($kernel, dtype)),
                DType::Int64 => {
                    if has_zero(b) && broadcast(a.sizes(), b.sizes())?.iter().all(|n| *n != 0) {
                        return Err(Error::runtime(ZERO_DIVISION));
                    }
                    zip(a, b, dtype, |$x: i64, $y: i64| $int)
                }
                DType::Float32 => zip(a, b, dtype, |$x: f32, $y: f32| $float),
                DType::Float64 => zip(a, b, dtype, |$x: f64, $y: f64| $float),
                _ => Err(Error::dtype($kernel, dtype)),
            }
        }
    };
}
remainder!(py_remainder, "remainder_cpu", |x, y| {
    let r = x.wrapping_rem(y);
    if r != 0 && (r < 0) != (y < 0) { r + y } else { r }
}, {
    let r = x % y;
    if r != 0.0 && (r < 0.0) != (y < 0.0) { r + y } else { r }
});
remainder!(c_remainder, "fmod_cpu", |x, y| x.wrapping_rem(y), x % y);

fn int_pow(mut base: i64, mut e: i64) -> i64 {
    if e < 0 {
        return match base {
            1 => 1,
            -1 => if e % 2 == 0 { 1 } else { -1 },
            _ => 0,
        };
    }
    let mut out = 1i64;
    while e > 0 {
        if e & 1 == 1 {
            out = out.wrapping_mul(base);
        }
        base = base.wrapping_mul(base);
        e >>= 1;
    }
    out
}

fn power(a: &Tensor, b: &Tensor) -> Result {
    let dtype = result_type(&[a, b]);
    match dtype.compute() {
        DType::Int64 if dtype == DType::Bool => Err(Error::dtype("pow", dtype)),
        DType::Int64 => {
            if b.0.wrapped && b.scalar()?.to::<i64>() < 0 {
                return Err(Error::runtime("Integers to negative integer powers are not allowed."));
            }
            zip(a, b, dtype, int_pow)
        }
        DType::Float32 => {
            if b.0.wrapped {
                let e: f64 = b.scalar()?.to();
                if e == 2.0 {
                    return map(a, dtype, |x: f32| x * x);
                }
                if e == 0.5 {
                    return map(a, dtype, f32::sqrt);
                }
                if e == 3.0 {
                    return map(a, dtype, |x: f32| x * x * x);
                }
            }
            zip(a, b, dtype, f32::powf)
        }
        DType::Float64 => zip(a, b, dtype, f64::powf),
        DType::Complex64 => zip(a, b, dtype, |x: Complex<f32>, y: Complex<f32>| {
            let z = complex_pow(Complex::new(x.re.into(), x.im.into()), Complex::new(y.re.into(), y.im.into()));
            Complex::new(z.re as f32, z.im as f32)
        }),
        _ => zip(a, b, dtype, complex_pow),
    }
}

fn complex_pow(x: Complex<f64>, y: Complex<f64>) -> Complex<f64> {
    if y.re == 0.0 && y.im == 0.0 {
        return Complex::new(1.0, 0.0);
    }
    if y.im == 0.0 && y.re.fract() == 0.0 && y.re.abs() <= 64.0 {
        return x.powi(y.re as i32);
    }
    if x.re == 0.0 && x.im == 0.0 {
        return Complex::new(0.0, 0.0);
    }
    x.powc(y)
}

/// The gradient of `x^n` in `x`.
fn pow_input_grad(g: &Tensor, input: &Tensor, exponent: &Tensor) -> Result {
    // Zero where the exponent is, whatever the base.
    let slope = exponent.mul(input.pow(exponent.sub(1i64, 1i64)))?;
    g.mul(slope.conj()).and_then(|t| {
        let zero = exponent.eq(0i64)?;
        zero.where_op(t.mul(0i64).nan_to_num(0.0, 0.0, 0.0), t)
    })
}

fn pow_exponent_grad(g: &Tensor, input: &Tensor, exponent: &Tensor, out: &Tensor) -> Result {
    let slope = out.mul(input.log())?;
    let slope = slope.conj()?;
    // 0^e has slope 0 for e >= 0.
    let flat = if exponent.dtype().is_complex() {
        input.eq(0i64)?
    } else {
        input.eq(0i64).logical_and(exponent.ge(0i64))?
    };
    flat.where_op(g.mul(0i64), g.mul(slope))
}

fn maximum_like(a: &Tensor, b: &Tensor, greater: bool, skip_nan: bool, kernel: &str) -> Result {
    let dtype = result_type(&[a, b]);
    macro_rules! pick {
        ($t:ty) => {
            zip(a, b, dtype, |x: $t, y: $t| {
                if x != x {
                    if skip_nan { y } else { x }
                } else if y != y {
                    if skip_nan { x } else { y }
                } else if (x > y) == greater {
                    if x == y { y } else { x }
                } else {
                    y
                }
            })
        };
    }
    match dtype.compute() {
        DType::Int64 => zip(a, b, dtype, |x: i64, y: i64| if greater { x.max(y) } else { x.min(y) }),
        DType::Float32 => pick!(f32),
        DType::Float64 => pick!(f64),
        _ if !skip_nan => Err(Error::runtime(format!("{kernel} not implemented for complex tensors."))),
        _ => Err(Error::dtype(kernel, dtype)),
    }
}

/// Share of the gradient where `mask`, half where both are equal.
fn share(g: &Tensor, mine: &Tensor, other: &Tensor, greater: bool) -> Result {
    let wins = if greater { mine.gt(other)? } else { mine.lt(other)? };
    let ties = mine.eq(other)?;
    let half = g.div(2i64, ());
    let zero = g.mul(0i64)?;
    ties.where_op(half, wins.where_op(g, zero))
}

fn clamp_with(input: &Tensor, min: Option<Tensor>, max: Option<Tensor>) -> Result {
    if min.is_none() && max.is_none() {
        return Err(Error::runtime("torch.clamp: At least one of 'min' or 'max' must not be None"));
    }
    let mut all = vec![input];
    all.extend(min.as_ref());
    all.extend(max.as_ref());
    let dtype = result_type(&all);
    if dtype.is_complex() {
        return Err(Error::runtime("clamp is not supported for complex types"));
    }
    if dtype == DType::Bool {
        return Err(Error::dtype("clamp_scalar_cpu", DType::Bool));
    }
    let mut out = crate::ops::cast(&input.detached(), dtype)?;
    if let Some(m) = min {
        out = maximum_like(&out, &m.detached_weak(), true, false, "maximum")?;
    }
    if let Some(m) = max {
        out = maximum_like(&out, &m.detached_weak(), false, false, "minimum")?;
    }
    Ok(out)
}

/// Where the input itself came through.
fn clamp_input_grad(g: &Tensor, input: &Tensor, min: Option<Tensor>, max: Option<Tensor>) -> Result {
    let mut pass = None;
    if let Some(m) = min {
        pass = Some(input.ge(m)?);
    }
    if let Some(m) = max {
        let below = input.le(m)?;
        pass = Some(match pass {
            Some(p) => p.logical_and(below)?,
            None => below,
        });
    }
    match pass {
        Some(p) => p.where_op(g, 0i64),
        None => Ok(g.clone()),
    }
}

fn lerp_with(a: &Tensor, b: &Tensor, w: &Tensor) -> Result {
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "expected dtype {} for `end` but got dtype {}",
            a.dtype().cpp_name().trim_start_matches("c10::"), b.dtype().cpp_name().trim_start_matches("c10::")
        )));
    }
    let dtype = a.dtype();
    macro_rules! run {
        ($t:ty, |$w:ident| $small:expr) => {
            zip3(a, b, w, dtype, |x: $t, y: $t, $w: $t| {
                let one = <$t as Arith>::unit();
                if $small { x + $w * (y - x) } else { y - (y - x) * (one - $w) }
            })
        };
    }
    match dtype.compute() {
        DType::Float32 => run!(f32, |w| w.abs() < 0.5),
        DType::Float64 => run!(f64, |w| w.abs() < 0.5),
        DType::Complex64 => run!(Complex<f32>, |w| w.norm() < 0.5),
        DType::Complex128 => run!(Complex<f64>, |w| w.norm() < 0.5),
        _ => Err(Error::dtype("lerp_kernel_scalar", dtype)),
    }
}

fn hypot_with(a: &Tensor, b: &Tensor) -> Result {
    real_zip!("hypot_cpu", a, b, |x, y| x.hypot(y))
}

fn log_add(a: &Tensor, b: &Tensor, base2: bool) -> Result {
    real_zip!("logaddexp_cpu", a, b, |x, y| {
        if x.is_infinite() && x == y {
            x
        } else {
            let m = if x > y { x } else { y };
            let d = -(x - y).abs();
            if base2 { m + d.exp2().ln_1p() / F::ln(2.0) } else { m + d.exp().ln_1p() }
        }
    })
}

ops! { TABLE, ArithOps;
    /// Sum of `input` and `alpha` times `other`, with broadcasting.
    fn add(input: AsTensor, other: AsTensor; alpha: Scalar = "1") [inplace] eval { add_scaled(&input, &other, alpha) }
        d input = |g| Ok(g.clone()), d other = |g, alpha| scaled(g, conj_scalar(alpha));
    /// Difference of `input` and `alpha` times `other`, with broadcasting.
    fn sub(input: AsTensor, other: AsTensor; alpha: Scalar = "1") [inplace] eval { sub_scaled(&input, &other, alpha) }
        d input = |g| Ok(g.clone()), d other = |g, alpha| scaled(&g.neg()?, conj_scalar(alpha));
    /// `other - alpha * input`.
    fn rsub(input: Tensor, other: Tensor; alpha: Scalar = "1") [] eval { sub_scaled(&other, &input, alpha) }
        d input = |g, alpha| scaled(&g.neg()?, conj_scalar(alpha)), d other = |g| Ok(g.clone());
    /// Product of `input` and `other`, with broadcasting.
    fn mul(input: AsTensor, other: AsTensor) [inplace] eval { arith!(&input, &other, |x, y| x.times(y)) }
        d input = |g, other| g.mul(other.conj()), d other = |g, input| g.mul(input.conj());
    /// Quotient of `input` and `other`; `rounding_mode` may be `'trunc'` or `'floor'`.
    fn div(input: AsTensor, other: AsTensor; rounding_mode: Option<String> = "null") [inplace] eval { divide(&input, &other, rounding_mode) }
        d input = |g, other, rounding_mode| match rounding_mode { None => g.div(other.conj(), ()), Some(_) => g.mul(0i64) },
        d other = |g, input, other, rounding_mode| match rounding_mode {
            None => g.mul(input.div(&other, ()).div(&other, ()).conj()).neg(),
            Some(_) => g.mul(0i64) };
    /// `floor(input / other)`.
    fn floor_divide(input: AsTensor, other: AsTensor) [inplace] eval { int_div(&input, &other, true) };
    /// Python's remainder: it has the sign of the divisor.
    fn remainder(input: Tensor, other: Tensor) [inplace] eval { py_remainder(&input, &other) }
        d input = |g| Ok(g.clone()), d other = |g, input, other| g.mul(input.div(other, "floor")).neg();
    /// C's remainder: it has the sign of the dividend.
    fn fmod(input: Tensor, other: Tensor) [inplace] eval { c_remainder(&input, &other) }
        d input = |g| Ok(g.clone()), d other = |g, input, other| g.mul(input.div(other, "trunc")).neg();
    /// `input` to the power `exponent`.
    fn pow_scalar "pow"(input: Tensor, exponent: Scalar) [inplace] eval { power(&input, &Tensor::wrapped(exponent)?) }
        d input = |g, input, exponent| match exponent {
            Scalar::Int(0) | Scalar::Float(0.0) | Scalar::Bool(false) => g.mul(0i64),
            e => { let down = match e { Scalar::Int(i) => Scalar::Int(i - 1), Scalar::Complex(z) => Scalar::Complex(z - 1.0), o => Scalar::Float(o.to_f64() - 1.0) };
                g.mul(input.pow_scalar(down).mul(e).conj()) } };
    /// `input` to the power `exponent`.
    fn pow(input: Tensor, exponent: Tensor) [inplace, PowBackward1] eval { power(&input, &exponent) }
        d input = |g, input, exponent| pow_input_grad(g, &input, &exponent),
        d exponent = |g, input, exponent, out| pow_exponent_grad(g, &input, &exponent, &out);
    /// The larger of two elements; NaN if one is.
    fn maximum(input: Tensor, other: Tensor) [] eval { maximum_like(&input, &other, true, false, "maximum") }
        d input = |g, input, other| share(g, &input, &other, true), d other = |g, input, other| share(g, &other, &input, true);
    /// The smaller of two elements; NaN if one is.
    fn minimum(input: Tensor, other: Tensor) [] eval { maximum_like(&input, &other, false, false, "minimum") }
        d input = |g, input, other| share(g, &input, &other, false), d other = |g, input, other| share(g, &other, &input, false);
    /// The larger of two elements; a NaN gives way to a number.
    fn fmax(input: Tensor, other: Tensor) [] eval { maximum_like(&input, &other, true, true, "fmax") }
        d input = |g, input, other| input.ge(&other).logical_or(other.isnan())?.where_op(g, 0i64),
        d other = |g, input, other| input.ge(&other).logical_or(other.isnan())?.where_op(0i64, g);
    /// The smaller of two elements; a NaN gives way to a number.
    fn fmin(input: Tensor, other: Tensor) [] eval { maximum_like(&input, &other, false, true, "fmin") }
        d input = |g, input, other| input.le(&other).logical_or(other.isnan())?.where_op(g, 0i64),
        d other = |g, input, other| input.le(&other).logical_or(other.isnan())?.where_op(0i64, g);
    /// Elements limited to `[min, max]`; NaN stays.
    fn clamp(input: Tensor, min: Option<Tensor> = "null", max: Option<Tensor> = "null") [inplace] eval { clamp_with(&input, min, max) }
        d input = |g, input, min, max| clamp_input_grad(g, &input, min, max),
        d min = |g, input, min, max| { let Some(m) = min else { return Err(Error::freed_graph()) };
            let below = input.lt(&m)?; let below = match max { Some(x) => below.logical_and(m.lt(x))?, None => below }; below.where_op(g, 0i64) },
        d max = |g, input, min, max| { let Some(x) = max else { return Err(Error::freed_graph()) };
            let above = input.gt(&x)?; let above = match min { Some(m) => above.logical_or(m.ge(x))?, None => above }; above.where_op(g, 0i64) };
    /// Elements not below `min`.
    fn clamp_min(input: Tensor, min: Tensor) [inplace] eval { clamp_with(&input, Some(min), None) }
        d input = |g, input, min| input.ge(min)?.where_op(g, 0i64), d min = |g, input, min| input.lt(min)?.where_op(g, 0i64);
    /// Elements not above `max`.
    fn clamp_max(input: Tensor, max: Tensor) [inplace] eval { clamp_with(&input, None, Some(max)) }
        d input = |g, input, max| input.le(max)?.where_op(g, 0i64), d max = |g, input, max| input.gt(max)?.where_op(g, 0i64);
    /// The angle of the point `(other, input)`.
    fn atan2(input: Tensor, other: Tensor) [inplace] eval { real_zip!("atan2_cpu", &input, &other, |x, y| x.atan2(y)) }
        d input = |g, input, other| g.mul(other.div(input.mul(&input).add(other.mul(&other), 1i64), ())),
        d other = |g, input, other| g.mul(input.neg().div(input.mul(&input).add(other.mul(&other), 1i64), ()));
    /// `sqrt(input^2 + other^2)` without overflow.
    fn hypot(input: Tensor, other: Tensor) [inplace] eval {
        if !result_type(&[&input, &other]).is_floating_point() { return Err(Error::dtype("hypot_cpu", result_type(&[&input, &other]))); }
        hypot_with(&input, &other) }
        d input = |g, input, out| g.mul(input.div(out, ())), d other = |g, other, out| g.mul(other.div(out, ()));
    /// `input + weight * (end - input)`.
    fn lerp(input: Tensor, end: Tensor, weight: Tensor) [inplace] eval { lerp_with(&input, &end, &weight) }
        d input = |g, weight| g.mul(weight.rsub(1i64, 1i64).conj()), d end = |g, weight| g.mul(weight.conj()),
        d weight = |g, input, end| g.mul(end.sub(input, 1i64).conj());
    /// `input + value * tensor1 * tensor2`.
    fn addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor; value: Scalar = "1") [inplace] eval {
        input.detached().add(tensor1.detached_weak().mul(tensor2.detached_weak()), value) }
        d input = |g| Ok(g.clone()), d tensor1 = |g, tensor2, value| g.mul(tensor2.mul(value).conj()),
        d tensor2 = |g, tensor1, value| g.mul(tensor1.mul(value).conj());
    /// `input + value * tensor1 / tensor2`.
    fn addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor; value: Scalar = "1") [inplace] eval {
        if tensor1.dtype().is_integral() && tensor2.dtype().is_integral() {
            return Err(Error::runtime("Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), for all dtypes."));
        }
        input.detached().add(tensor1.detached_weak().div(tensor2.detached_weak(), ()), value) }
        d input = |g| Ok(g.clone()), d tensor1 = |g, tensor2, value| g.mul(tensor2.reciprocal().mul(value).conj()),
        d tensor2 = |g, tensor1, tensor2, value| g.mul(tensor1.mul(value).div(tensor2.mul(&tensor2), ()).conj()).neg();
    /// `log(exp(input) + exp(other))`.
    fn logaddexp(input: Tensor, other: Tensor) [] eval { log_add(&input, &other, false) }
        d input = |g, input, other| g.div(other.sub(input, 1i64).exp().add(1i64, 1i64), ()),
        d other = |g, input, other| g.div(input.sub(other, 1i64).exp().add(1i64, 1i64), ());
    /// `log2(2^input + 2^other)`.
    fn logaddexp2(input: Tensor, other: Tensor) [] eval { log_add(&input, &other, true) }
        d input = |g, input, other| g.div(other.sub(input, 1i64).exp2().add(1i64, 1i64), ()),
        d other = |g, input, other| g.div(input.sub(other, 1i64).exp2().add(1i64, 1i64), ());
    /// `input * log(other)`, zero where `input` is.
    fn xlogy(input: Tensor, other: Tensor) [inplace] eval { real_zip!("xlogy_cpu", &input, &other, |x, y| if y.is_nan() { F::NAN } else if x == 0.0 { 0.0 } else { x * y.ln() }) }
        d input = |g, input, other| input.eq(0i64).logical_and(other.le(0i64))?.where_op(0i64, g.mul(other.log())),
        d other = |g, input, other| g.mul(input.div(other, ()));
    /// `input * log1p(other)`, zero where `input` is.
    fn xlog1py "special.xlog1py"(input: Tensor, other: Tensor) [] eval { real_zip!("xlog1py_cpu", &input, &other, |x, y| if y.is_nan() { F::NAN } else if x == 0.0 { 0.0 } else { x * y.ln_1p() }) }
        d input = |g, input, other| input.eq(0i64).logical_and(other.le(-1i64))?.where_op(0i64, g.mul(other.log1p())),
        d other = |g, input, other| g.mul(input.div(other.add(1i64, 1i64), ()));
    /// `input` where `condition`, else `other`.
    fn where_op "where"(condition: Tensor, input: Tensor, other: Tensor) [] eval { select_where(&condition, &input, &other) }
        d input = |g, condition| condition.where_op(g, 0i64), d other = |g, condition| condition.where_op(0i64, g);
    /// The sign of `other` with the size of `input`.
    fn copysign(input: Tensor, other: Tensor) [inplace] eval { real_zip!("copysign_cpu", &input, &other, |x, y| x.copysign(y)) }
        d input = |g, input, out| g.mul(out.div(input, ()).nan_to_num(0.0, 0.0, 0.0)), d other = |g| g.mul(0i64);
    /// The step function: `values` at zero.
    fn heaviside(input: Tensor, values: Tensor) [inplace] eval {
        if input.dtype() != values.dtype() { return Err(Error::runtime("heaviside is not yet implemented for tensors with different dtypes.")); }
        if input.dtype().is_complex() { return Err(Error::runtime("heaviside is not yet implemented for complex tensors.")); }
        let dtype = input.dtype();
        match dtype.compute() {
            DType::Int64 => zip(&input, &values, dtype, |x: i64, v: i64| if x == 0 { v } else { i64::from(x > 0) }),
            DType::Float32 => zip(&input, &values, dtype, |x: f32, v: f32| if x == 0.0 { v } else { f32::from(x > 0.0) }),
            _ => zip(&input, &values, dtype, |x: f64, v: f64| if x == 0.0 { v } else { f64::from(x > 0.0) }),
        } };
    /// Greatest common divisor.
    fn gcd(input: Tensor, other: Tensor) [inplace] eval { int_zip("gcd_cpu", &input, &other, gcd_int) };
    /// Least common multiple.
    fn lcm(input: Tensor, other: Tensor) [inplace] eval { int_zip("lcm_cpu", &input, &other, |x, y| {
        let g = gcd_int(x, y); if g == 0 { 0 } else { (x / g).wrapping_mul(y).wrapping_abs() } }) };
    /// The representable number next to `input`, towards `other`.
    fn nextafter(input: Tensor, other: Tensor) [inplace] eval {
        match result_type(&[&input, &other]) {
            DType::Float32 => zip(&input, &other, DType::Float32, libm::nextafterf),
            DType::Float64 => zip(&input, &other, DType::Float64, libm::nextafter),
            DType::BFloat16 => { let a = input.copied(DType::BFloat16)?; let b = other.copied(DType::BFloat16)?;
                zip(&a, &b, DType::BFloat16, |x: half::bf16, y: half::bf16| half::bf16::from_bits(next16(x.to_bits(), y.to_bits(), x.to_f32(), y.to_f32()))) }
            d => Err(Error::dtype("nextafter_cpu", d)),
        } };
    /// `x * 2^other`.
    fn ldexp(input: Tensor, other: Tensor) [inplace, MulBackward0] compose { input.mul(Tensor::wrapped(Scalar::Float(2.0))?.pow(&other)) };
}

fn next16(x: u16, y: u16, fx: f32, fy: f32) -> u16 {
    if fx.is_nan() || fy.is_nan() {
        return 0x7fc0;
    }
    if fx == fy {
        return y;
    }
    if fx == 0.0 {
        return (y & 0x8000) | 1;
    }
    if (fx < fy) == (fx > 0.0) { x + 1 } else { x - 1 }
}

fn gcd_int(x: i64, y: i64) -> i64 {
    let (mut a, mut b) = (x.unsigned_abs(), y.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a as i64
}

/// An integer function of two promoted operands.
pub(crate) fn int_zip(kernel: &str, a: &Tensor, b: &Tensor, f: impl Fn(i64, i64) -> i64) -> Result {
    let dtype = result_type(&[a, b]);
    if !dtype.is_integral() || dtype == DType::Bool {
        return Err(Error::dtype(kernel, dtype));
    }
    zip(a, b, dtype, f)
}

fn conj_scalar(s: Scalar) -> Scalar {
    match s {
        Scalar::Complex(z) => Scalar::Complex(z.conj()),
        other => other,
    }
}

fn select_where(condition: &Tensor, a: &Tensor, b: &Tensor) -> Result {
    if !matches!(condition.dtype(), DType::Bool | DType::UInt8) {
        return Err(Error::runtime(format!(
            "where expected condition to be a boolean tensor, but got a tensor with dtype {}",
            crate::dtype::spelled(condition.dtype())
        )));
    }
    let dtype = result_type(&[a, b]);
    dispatch_compute!(dtype, T => zip3(condition, a, b, dtype, |c: bool, x: T, y: T| if c { x } else { y }))
}

impl Tensor {
    /// The same values without history, still weak in promotion if it was.
    pub(crate) fn detached_weak(&self) -> Tensor {
        if self.0.wrapped || !self.requires_grad() { self.clone() } else { self.detached() }
    }
}
