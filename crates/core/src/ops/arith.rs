//! The four operations, remainders, and what is made of them.

use super::loops::Arith;
use super::prelude::*;
use super::promote::{common, fitted};
use crate::kernels::complex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The factor of the second operand, checked as PyTorch checks it.
fn check_alpha(alpha: Scalar, dtype: DType) -> Result<()> {
    if matches!(alpha, Scalar::Bool(_)) && dtype != DType::Bool {
        return Err(Error::runtime("Boolean alpha only supported for Boolean results."));
    }
    if dtype.is_integral() && matches!(alpha, Scalar::Float(_) | Scalar::Complex(_)) {
        return Err(Error::runtime(
            "For integral input tensors, argument alpha must not be a floating point number.",
        ));
    }
    if !dtype.is_complex() && matches!(alpha, Scalar::Complex(_)) {
        return Err(Error::runtime("For non-complex input tensors, argument alpha must not be a complex number."));
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
        let k: T = fitted(alpha, dtype)?;
        zip::<T, T, T>(a, b, dtype, |x: T, y: T| x.plus(k.times(y)))
    })
}

fn sub_scaled(a: &Tensor, b: &Tensor, alpha: Scalar) -> Result {
    match (a.dtype() == DType::Bool, b.dtype() == DType::Bool) {
        (true, true) => return Err(Error::not_implemented(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or \
             `logical_xor()` operator instead.",
        )),
        (false, false) => {}
        _ => return Err(Error::not_implemented(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying \
             to invert a mask, use the `~` or `logical_not()` operator instead.",
        )),
    }
    if matches!(alpha, Scalar::Int(1)) {
        return arith!(a, b, |x, y| x.minus(y));
    }
    let dtype = result_type(&[a, b]);
    check_alpha(alpha, dtype)?;
    dispatch_compute!(dtype, T => {
        let k: T = fitted(alpha, dtype)?;
        zip::<T, T, T>(a, b, dtype, |x: T, y: T| x.minus(k.times(y)))
    })
}

/// `alpha` times a gradient, without work when it is one.
fn scaled(g: &Tensor, alpha: Scalar) -> Result {
    match alpha {
        Scalar::Int(1) | Scalar::Float(1.0) => Ok(g.clone()),
        Scalar::Complex(z) => g.mul(Scalar::Complex(z.conj())),
        a => g.mul(a),
    }
}

fn true_div(a: &Tensor, b: &Tensor) -> Result {
    let dtype = float_type(result_type(&[a, b]));
    match dtype.compute() {
        DType::Float32 => zip(a, b, dtype, |x: f32, y: f32| x / y),
        DType::Float64 => zip(a, b, dtype, |x: f64, y: f64| x / y),
        DType::Complex64 => zip(a, b, dtype, |x: Complex<f32>, y: Complex<f32>| complex::div(x, y)),
        _ => zip(a, b, dtype, |x: Complex<f64>, y: Complex<f64>| complex::div(x, y)),
    }
}

/// An operation on integers that has no answer for a divisor of zero.
fn int_div(a: &Tensor, b: &Tensor, dtype: DType, f: impl Fn(i64, i64) -> i64 + Sync) -> Result {
    let zero = AtomicBool::new(false);
    let out = zip(a, b, dtype, |x: i64, y: i64| {
        if y == 0 {
            zero.store(true, Relaxed);
            0
        } else {
            f(x, y)
        }
    })?;
    if zero.into_inner() { Err(Error::runtime("ZeroDivisionError")) } else { Ok(out) }
}

fn floor_int(x: i64, y: i64) -> i64 {
    let q = x.wrapping_div(y);
    if x.wrapping_rem(y) != 0 && (x < 0) != (y < 0) { q - 1 } else { q }
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

fn floor_div(a: &Tensor, b: &Tensor) -> Result {
    let (a, b, dtype) = common(a, b)?;
    match dtype.compute() {
        DType::Int64 if dtype != DType::Bool => int_div(&a, &b, dtype, floor_int),
        _ => real!("div_floor_cpu", dtype, {
            zip(&a, &b, dtype, |x: F, y: F| floor_float(x.into(), y.into()) as F)
        }),
    }
}

fn trunc_div(a: &Tensor, b: &Tensor) -> Result {
    let (a, b, dtype) = common(a, b)?;
    match dtype.compute() {
        DType::Int64 if dtype != DType::Bool => int_div(&a, &b, dtype, i64::wrapping_div),
        _ => real!("div_trunc_cpu", dtype, zip(&a, &b, dtype, |x: F, y: F| (x / y).trunc())),
    }
}

fn divide(a: &Tensor, b: &Tensor, mode: Option<&str>) -> Result {
    match mode {
        None => true_div(a, b),
        Some("floor") => floor_div(a, b),
        Some("trunc") => trunc_div(a, b),
        Some(other) => Err(Error::runtime(format!(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{other}'"
        ))),
    }
}

/// The remainder with the sign of the divisor.
fn py_remainder(a: &Tensor, b: &Tensor) -> Result {
    let (a, b, dtype) = common(a, b)?;
    match dtype.compute() {
        DType::Int64 if dtype != DType::Bool => int_div(&a, &b, dtype, |x, y| {
            let r = x.wrapping_rem(y);
            if r != 0 && (r < 0) != (y < 0) { r + y } else { r }
        }),
        _ => real!("remainder_cpu", dtype, zip(&a, &b, dtype, |x: F, y: F| {
            let r = x % y;
            if r != 0.0 && (r < 0.0) != (y < 0.0) { r + y } else { r }
        })),
    }
}

/// The remainder with the sign of the dividend.
fn c_remainder(a: &Tensor, b: &Tensor) -> Result {
    let (a, b, dtype) = common(a, b)?;
    match dtype.compute() {
        DType::Int64 if dtype != DType::Bool => int_div(&a, &b, dtype, i64::wrapping_rem),
        _ => real!("fmod_cpu", dtype, zip(&a, &b, dtype, |x: F, y: F| x % y)),
    }
}

fn add_product(a: &Tensor, b: &Tensor, c: &Tensor, value: Scalar) -> Result {
    let dtype = result_type(&[a, b, c]);
    if dtype == DType::Bool {
        return Err(Error::dtype("addcmul_cpu_out", dtype));
    }
    dispatch_compute!(dtype, T => {
        let k: T = fitted(value, dtype)?;
        zip3(a, b, c, dtype, |x: T, y: T, z: T| x.plus(k.times(y).times(z)))
    })
}

fn add_quotient(a: &Tensor, b: &Tensor, c: &Tensor, value: Scalar) -> Result {
    if b.dtype().is_integral() && c.dtype().is_integral() {
        return Err(Error::runtime(
            "Integer division with addcdiv is no longer supported, and in a future  release addcdiv \
             will perform a true division of tensor1 and tensor2. The historic addcdiv behavior can be \
             implemented as (input + value * torch.trunc(tensor1 / tensor2)).to(input.dtype) for \
             integer inputs and as (input + value * tensor1 / tensor2) for float inputs. The future \
             addcdiv behavior is just the latter implementation: (input + value * tensor1 / tensor2), \
             for all dtypes.",
        ));
    }
    let dtype = result_type(&[a, b, c]);
    match dtype.compute() {
        DType::Complex64 => {
            let k: Complex<f32> = fitted(value, dtype)?;
            zip3(a, b, c, dtype, |x: Complex<f32>, y: Complex<f32>, z: Complex<f32>| x + complex::div(k * y, z))
        }
        DType::Complex128 => {
            let k: Complex<f64> = fitted(value, dtype)?;
            zip3(a, b, c, dtype, |x: Complex<f64>, y: Complex<f64>, z: Complex<f64>| x + complex::div(k * y, z))
        }
        _ => real!("addcdiv_cpu_out", dtype, {
            let k: F = fitted(value, dtype)?;
            zip3(a, b, c, dtype, |x: F, y: F, z: F| x + k * y / z)
        }),
    }
}

/// `start + weight * (end - start)`, from the nearer end.
fn lerp_with(a: &Tensor, b: &Tensor, w: &Tensor, kernel: &str) -> Result {
    for (name, t) in [("end", b), ("weight", w)] {
        if a.dtype() != t.dtype() && !t.0.wrapped {
            return Err(Error::runtime(format!(
                "expected dtype {} for `{name}` but got dtype {}", a.dtype().cpp_name(), t.dtype().cpp_name()
            )));
        }
    }
    let dtype = a.dtype();
    macro_rules! run {
        ($t:ty, |$w:ident| $small:expr) => {
            zip3(a, b, w, dtype, |x: $t, y: $t, $w: $t| {
                if $small { x + $w * (y - x) } else { y - (y - x) * (<$t as Arith>::unit() - $w) }
            })
        };
    }
    match dtype.compute() {
        DType::Float32 => run!(f32, |w| w.abs() < 0.5),
        DType::Float64 => run!(f64, |w| w.abs() < 0.5),
        DType::Complex64 => run!(Complex<f32>, |w| w.norm() < 0.5),
        DType::Complex128 => run!(Complex<f64>, |w| w.norm() < 0.5),
        _ => Err(Error::dtype(kernel, dtype)),
    }
}

/// What backward says of an op that has no formula.
pub(crate) fn no_formula(op: &str) -> Result {
    Err(Error::runtime(format!("derivative for aten::{op} is not implemented")))
}

ops! { TABLE, ArithOps;
    /// Sum of `input` and `alpha` times `other`, with broadcasting.
    fn add(input: AsTensor, other: AsTensor; alpha: Scalar = "1") [inplace] eval { add_scaled(&input, &other, alpha) }
        quick (quick_zip!(|x, y| x + y))
        d input = |g| Ok(g.clone()),
        d other = |g, alpha| scaled(g, alpha);

    /// Difference of `input` and `alpha` times `other`, with broadcasting.
    fn sub(input: AsTensor, other: AsTensor; alpha: Scalar = "1") [inplace, "subtract"] eval {
        sub_scaled(&input, &other, alpha)
    }
        quick (quick_zip!(|x, y| x - y))
        d input = |g| Ok(g.clone()),
        d other = |g, alpha| scaled(&g.neg()?, alpha);

    /// `other - alpha * input`.
    fn rsub(input: Tensor, other: Tensor; alpha: Scalar = "1") [] eval { sub_scaled(&other, &input, alpha) }
        d input = |g, alpha| scaled(&g.neg()?, alpha),
        d other = |g| Ok(g.clone());

    /// `other - alpha * input`.
    fn rsub_scalar "rsub"(input: Tensor, other: Scalar, alpha: Scalar = "1") [RsubBackward1] eval {
        sub_scaled(&Tensor::wrapped(other)?, &input, alpha)
    }
        d input = |g, alpha| scaled(&g.neg()?, alpha);

    /// Product of `input` and `other`, with broadcasting.
    fn mul(input: AsTensor, other: AsTensor) [inplace, "multiply"] eval { arith!(&input, &other, |x, y| x.times(y)) }
        quick (quick_zip!(|x, y| x * y))
        d input = |g, other| g.mul(other.conj()),
        d other = |g, input| g.mul(input.conj());

    /// Quotient of `input` and `other`.
    fn true_divide "div"(input: AsTensor, other: AsTensor) [inplace, "divide", "true_divide"] eval {
        true_div(&input, &other)
    }
        quick (quick_zip!(|x, y| x / y))
        d input = |g, other| g.true_divide(other.conj()),
        d other = |g, input, other| g.mul(input.true_divide(&other).true_divide(&other).conj()).neg();

    /// Quotient of `input` and `other`; `rounding_mode` may be `'trunc'` or `'floor'`.
    fn div(input: AsTensor, other: AsTensor; rounding_mode: Option<String> = "null")
        [inplace, "divide", DivBackward2] eval { divide(&input, &other, rounding_mode.as_deref()) }
        d input = |g, other, rounding_mode| match rounding_mode {
            None => g.true_divide(other.conj()),
            Some(_) => g.zeros_like(()),
        },
        d other = |g, input, other, rounding_mode| match rounding_mode {
            None => g.mul(input.true_divide(&other).true_divide(&other).conj()).neg(),
            Some(_) => g.zeros_like(()),
        };

    /// `floor(input / other)`.
    fn floor_divide(input: AsTensor, other: AsTensor) [inplace, NotImplemented] eval { floor_div(&input, &other) }
        d input = |_g| no_formula("floor_divide"),
        d other = |_g| no_formula("floor_divide");

    /// Python's remainder: it has the sign of the divisor.
    fn remainder(input: Tensor, other: Tensor) [inplace, RemainderBackward1] eval { py_remainder(&input, &other) }
        d input = |g| Ok(g.clone()),
        d other = |g, input, other| g.mul(input.div(other, "floor")).neg();

    /// Python's remainder of a number.
    fn remainder_of "remainder"(input: Scalar, other: Tensor) [NotImplemented] eval {
        py_remainder(&Tensor::wrapped(input)?, &other)
    }
        d other = |_g| no_formula("remainder");

    /// Python's remainder by a number.
    fn remainder_scalar "remainder"(input: Tensor, other: Scalar) [inplace] eval {
        py_remainder(&input, &Tensor::wrapped(other)?)
    }
        d input = |g| Ok(g.clone());

    /// C's remainder: it has the sign of the dividend.
    fn fmod(input: Tensor, other: Tensor) [inplace, FmodBackward1] eval { c_remainder(&input, &other) }
        d input = |g| Ok(g.clone()),
        d other = |g, input, other| g.mul(input.div(other, "trunc")).neg();

    /// C's remainder by a number.
    fn fmod_scalar "fmod"(input: Tensor, other: Scalar) [inplace] eval {
        c_remainder(&input, &Tensor::wrapped(other)?)
    }
        d input = |g| Ok(g.clone());

    /// `input + value * tensor1 * tensor2`.
    fn addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor; value: Scalar = "1") [inplace] eval {
        add_product(&input, &tensor1, &tensor2, value)
    }
        d input = |g| Ok(g.clone()),
        d tensor1 = |g, tensor2, value| g.mul(tensor2.mul(value).conj()),
        d tensor2 = |g, tensor1, value| g.mul(tensor1.mul(value).conj());

    /// `input + value * tensor1 / tensor2`.
    fn addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor; value: Scalar = "1") [inplace] eval {
        add_quotient(&input, &tensor1, &tensor2, value)
    }
        d input = |g| Ok(g.clone()),
        d tensor1 = |g, tensor2, value| g.mul(tensor2.reciprocal().mul(value).conj()),
        d tensor2 = |g, tensor1, tensor2, value| {
            g.mul(tensor1.mul(value).true_divide(tensor2.mul(&tensor2)).conj()).neg()
        };

    /// `input + weight * (end - input)`.
    fn lerp(input: Tensor, end: Tensor, weight: Tensor) [inplace, LerpBackward1] eval {
        lerp_with(&input, &end, &weight, "lerp_kernel_tensor")
    }
        d input = |g, weight| g.mul(weight.rsub(1i64, 1i64).conj()),
        d end = |g, weight| g.mul(weight.conj()),
        d weight = |g, input, end| g.mul(end.sub(input, 1i64).conj());

    /// `input + weight * (end - input)`.
    fn lerp_scalar "lerp"(input: Tensor, end: Tensor, weight: Scalar) [inplace] eval {
        lerp_with(&input, &end, &Tensor::wrapped(weight)?, "lerp_kernel_scalar")
    }
        d input = |g, weight| g.mul(Tensor::wrapped(weight)?.rsub(1i64, 1i64).conj()),
        d end = |g, weight| g.mul(Tensor::wrapped(weight)?.conj());

    /// Minus `input`.
    fn neg(input: Tensor) [inplace, "negative"] eval { negative(&input) }
        quick (quick_map!(|x| -x))
        d input = |g| g.neg();

    /// `input` itself.
    fn positive(input: Tensor) [] compose {
        if input.dtype() == DType::Bool {
            return Err(Error::not_implemented("The `+` operator, on a bool tensor is not supported."));
        }
        Ok::<_, Error>(input)
    };

    /// `1 / input`.
    fn reciprocal(input: Tensor) [inplace] eval { reciprocal_of(&input) }
        d input = |g, out| g.mul(out.mul(&out).conj()).neg();
}

fn negative(t: &Tensor) -> Result {
    if t.dtype() == DType::Bool {
        return Err(Error::not_implemented(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a \
             mask, use the `~` or `logical_not()` operator instead.",
        ));
    }
    dispatch_compute!(t.dtype(), T => map::<T, T>(t, t.dtype(), |x: T| x.negative()))
}

fn reciprocal_of(t: &Tensor) -> Result {
    float_map!(t, |x| 1.0 / x, |z| complex::div(Complex::new(1.0, 0.0), z))
}
