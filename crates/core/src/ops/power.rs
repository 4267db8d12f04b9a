//! Powers, roots, exponentials and logarithms.

use super::loops::complex_zip;
use super::prelude::*;
use super::promote::{common, fitted, held};
use crate::kernels::{complex, functions};
use std::f64::consts::{LN_10, LN_2};

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
    let (a, b, dtype) = common(a, b)?;
    match dtype.compute() {
        DType::Int64 if dtype != DType::Bool => zip(&a, &b, dtype, int_pow),
        DType::Complex64 | DType::Complex128 => complex_zip(&a, &b, dtype, complex::pow),
        _ => real!("pow", dtype, zip(&a, &b, dtype, F::powf)),
    }
}

fn power_of(a: &Tensor, exponent: Scalar) -> Result {
    let e = Tensor::wrapped(exponent)?;
    let dtype = result_type(&[a, &e]);
    if matches!(exponent, Scalar::Int(i) if i < 0) && dtype.is_integral() {
        return Err(Error::runtime("Integers to negative integer powers are not allowed."));
    }
    let n = exponent.to::<Complex<f64>>();
    if n == Complex::new(0.0, 0.0) {
        return Tensor::full(a.sizes(), Scalar::Int(1), dtype);
    }
    if n == Complex::new(1.0, 0.0) {
        return a.copied(dtype);
    }
    match dtype.compute() {
        DType::Int64 if dtype != DType::Bool => {
            let n: i64 = fitted(exponent, dtype)?;
            map(&held(a, dtype)?, dtype, |x| int_pow(x, n))
        }
        // The usual exponents by multiplication.
        DType::Float32 | DType::Float64 => real!("pow", dtype, {
            let n: F = fitted(exponent, dtype)?;
            if n == 2.0 {
                map(a, dtype, |x: F| x * x)
            } else if n == 3.0 {
                map(a, dtype, |x: F| x * x * x)
            } else if n == 0.5 {
                map(a, dtype, F::sqrt)
            } else if n == -1.0 {
                map(a, dtype, |x: F| 1.0 / x)
            } else {
                map(a, dtype, |x: F| x.powf(n))
            }
        }),
        _ => power(a, &e),
    }
}

fn one_less(exponent: Scalar) -> Scalar {
    match exponent {
        Scalar::Int(i) => Scalar::Int(i - 1),
        Scalar::Complex(z) => Scalar::Complex(z - 1.0),
        other => Scalar::Float(other.to_f64() - 1.0),
    }
}

fn is_zero(s: Scalar) -> bool {
    s.to::<Complex<f64>>() == Complex::new(0.0, 0.0)
}

/// The gradient of `x^n` in `x`: zero where the exponent is, whatever the base.
fn base_grad(g: &Tensor, input: &Tensor, exponent: &Tensor) -> Result {
    let slope = exponent.mul(input.pow(exponent.sub(1i64, 1i64)))?;
    exponent.eq(0i64)?.where_op(0i64, g.mul(slope.conj()))
}

fn real_part(t: &Tensor) -> Result {
    if t.dtype().is_complex() { t.real() } else { Ok(t.clone()) }
}

/// The gradient of `x^n` in `n`: zero for powers of zero that do not change.
fn exponent_grad(g: &Tensor, input: &Tensor, exponent: &Tensor, out: &Tensor) -> Result {
    let flat = input.eq(0i64).logical_and(real_part(exponent)?.ge(0i64))?;
    flat.where_op(0i64, g.mul(out.mul(input.log()).conj()))
}

/// The dtype that `float_power` computes in.
fn double_type(complex: bool) -> DType {
    if complex { DType::Complex128 } else { DType::Float64 }
}

fn check_base(base: &Tensor, needed: DType) -> Result<()> {
    if base.dtype() == needed {
        return Ok(());
    }
    Err(Error::runtime(format!(
        "the base given to float_power_ has dtype {} but the operation's result requires dtype {}",
        base.dtype().scalar_type(), needed.scalar_type()
    )))
}

fn is_complex(s: Scalar) -> bool {
    matches!(s, Scalar::Complex(_))
}

/// The mantissa in `[0.5, 1)` with its sign, and the power of two.
fn split_float(x: f64) -> (f64, i64) {
    let (m, e) = libm::frexp(x);
    (m, i64::from(e))
}

fn log_add(a: &Tensor, b: &Tensor) -> Result {
    let dtype = result_type(&[a, b]);
    if dtype.is_complex() {
        return complex_zip(a, b, dtype, complex::log_add_exp);
    }
    real!("logaddexp_cpu", dtype, zip(a, b, dtype, |x: F, y: F| {
        let (low, high) = if x < y { (x, y) } else { (y, x) };
        if low == high && low.is_infinite() { x } else { high + (low - high).exp().ln_1p() }
    }))
}

fn log_add2(a: &Tensor, b: &Tensor) -> Result {
    let dtype = result_type(&[a, b]);
    real!("logaddexp2_cpu", dtype, zip(a, b, dtype, |x: F, y: F| {
        let (low, high) = if x < y { (x, y) } else { (y, x) };
        if low == high && low.is_infinite() { x } else { high + (low - high).exp2().ln_1p() / LN_2 as F }
    }))
}

/// `x * 2^n`, with the dtype that the product of the two has.
fn scale_by_power(a: &Tensor, n: &Tensor) -> Result {
    let power = power(&Tensor::wrapped(Scalar::Float(2.0))?, &n.detached())?;
    arith!(&a.detached(), &power, |x, y| super::loops::Arith::times(x, y))
}

ops! { TABLE, PowerOps;
    /// `input` to the power `exponent`.
    fn pow(input: Tensor, exponent: Tensor) [inplace, PowBackward1] eval { power(&input, &exponent) }
        d input = |g, input, exponent| base_grad(g, &input, &exponent),
        d exponent = |g, input, exponent, out| exponent_grad(g, &input, &exponent, &out);

    /// A number to the power `exponent`.
    fn pow_of "pow"(input: Scalar, exponent: Tensor) [PowBackward2] eval { power(&Tensor::wrapped(input)?, &exponent) }
        d exponent = |g, input, exponent, out| {
            let slope = g.mul(out.mul(Tensor::wrapped(input)?.log()).conj());
            if is_zero(input) { real_part(&exponent)?.ge(0i64)?.where_op(0i64, slope) } else { slope }
        };

    /// `input` to the power of a number.
    fn pow_scalar "pow"(input: Tensor, exponent: Scalar) [inplace] eval { power_of(&input, exponent) }
        d input = |g, input, exponent| {
            if is_zero(exponent) { g.zeros_like(()) }
            else { g.mul(input.pow_scalar(one_less(exponent)).mul(exponent).conj()) }
        };

    /// `input` to the power `exponent`, in double precision.
    fn float_power(input: Tensor, exponent: Tensor) [] compose {
        let dtype = double_type(input.dtype().is_complex() || exponent.dtype().is_complex());
        crate::ops::cast(&input, dtype)?.pow(crate::ops::cast(&exponent, dtype))
    };

    /// A number to the power `exponent`, in double precision.
    fn float_power_of "float_power"(input: Scalar, exponent: Tensor) [] compose {
        let dtype = double_type(is_complex(input) || exponent.dtype().is_complex());
        let exponent = crate::ops::cast(&exponent, dtype)?;
        crate::value::first(crate::autograd::call(&pow_of::OP, &[Value::Scalar(input), Value::Tensor(exponent)])?)
    };

    /// `input` to the power of a number, in double precision.
    fn float_power_scalar "float_power"(input: Tensor, exponent: Scalar) [] compose {
        let dtype = double_type(input.dtype().is_complex() || is_complex(exponent));
        crate::ops::cast(&input, dtype)?.pow_scalar(exponent)
    };

    /// `float_power` in place: the base must have the dtype already.
    fn float_power_in_place "float_power"(input: Tensor, exponent: Tensor) [hidden, inplace] compose {
        check_base(&input, double_type(input.dtype().is_complex() || exponent.dtype().is_complex()))?;
        input.pow(crate::ops::cast(&exponent, input.dtype()))
    };

    /// The same to the power of a number.
    fn float_power_scalar_in_place "float_power"(input: Tensor, exponent: Scalar) [hidden, inplace] compose {
        check_base(&input, double_type(input.dtype().is_complex() || is_complex(exponent)))?;
        input.pow_scalar(exponent)
    };

    /// `input * input`.
    fn square(input: Tensor) [inplace] compose { input.pow_scalar(2i64) };

    /// Square root.
    fn sqrt(input: Tensor) [inplace] eval { float_map!(&input, |x| x.sqrt(), complex::sqrt) }
        d input = |g, out| g.true_divide(out.mul(2i64).conj());

    /// `1 / sqrt(input)`.
    fn rsqrt(input: Tensor) [inplace] eval {
        float_map!(&input, |x| 1.0 / x.sqrt(), |z| complex::div(Complex::new(1.0, 0.0), complex::sqrt(z)))
    }
        d input = |g, out| g.mul(out.pow_scalar(3i64).mul(-0.5).conj());

    /// `e^input`.
    fn exp(input: Tensor) [inplace] eval { float_map!(&input, functions::exp_all, |x| x.exp(), complex::exp) }
        d input = |g, out| g.mul(out.conj());

    /// `2^input`.
    fn exp2(input: Tensor) [inplace, "special.exp2"] eval { float_map!(&input, |x| x.exp2(), complex::exp2) }
        d input = |g, out| g.mul(out.conj()).mul(LN_2);

    /// `e^input - 1`, accurate when `input` is small.
    fn expm1(input: Tensor) [inplace, "special.expm1"] eval { float_map!(&input, |x| x.exp_m1(), complex::expm1) }
        d input = |g, out| g.mul(out.add(1i64, 1i64).conj());

    /// Natural logarithm.
    fn log(input: Tensor) [inplace] eval { float_map!(&input, |x| x.ln(), complex::ln) }
        d input = |g, input| g.true_divide(input.conj());

    /// Logarithm to base 2.
    fn log2(input: Tensor) [inplace] eval { float_map!(&input, |x| x.log2(), |z| complex::ln(z) / LN_2) }
        d input = |g, input| g.true_divide(input.mul(LN_2).conj());

    /// Logarithm to base 10.
    fn log10(input: Tensor) [inplace] eval { float_map!(&input, |x| x.log10(), |z| complex::ln(z) / LN_10) }
        d input = |g, input| g.true_divide(input.mul(LN_10).conj());

    /// `log(1 + input)`, accurate when `input` is small.
    fn log1p(input: Tensor) [inplace, "special.log1p"] eval { float_map!(&input, |x| x.ln_1p(), complex::ln_1p) }
        d input = |g, input| g.true_divide(input.add(1i64, 1i64).conj());

    /// `log(exp(input) + exp(other))`.
    fn logaddexp(input: Tensor, other: Tensor) [] eval { log_add(&input, &other) }
        d input = |g, input, other| g.true_divide(other.sub(input, 1i64).exp().add(1i64, 1i64).conj()),
        d other = |g, input, other| g.true_divide(input.sub(other, 1i64).exp().add(1i64, 1i64).conj());

    /// `log2(2^input + 2^other)`.
    fn logaddexp2(input: Tensor, other: Tensor) [] eval { log_add2(&input, &other) }
        d input = |g, input, other| g.true_divide(other.sub(input, 1i64).exp2().add(1i64, 1i64)),
        d other = |g, input, other| g.true_divide(input.sub(other, 1i64).exp2().add(1i64, 1i64));

    /// `sqrt(input^2 + other^2)` without overflow.
    fn hypot(input: Tensor, other: Tensor) [inplace] eval {
        let (a, b, dtype) = common(&input, &other)?;
        real!("hypot_cpu", dtype, zip(&a, &b, dtype, F::hypot))
    }
        d input = |g, input, out| g.mul(input.true_divide(out)),
        d other = |g, other, out| g.mul(other.true_divide(out));

    /// `input * 2^other`.
    fn ldexp(input: Tensor, other: Tensor) [inplace] eval { scale_by_power(&input, &other) }
        d input = |g, other| g.mul(other.exp2().conj()),
        d other = |g, out| g.mul(out.conj()).mul(LN_2);

    /// The mantissa in `[0.5, 1)` and the exponent of `input = mantissa * 2^exponent`.
    fn frexp(input: Tensor) -> (mantissa, exponent) [] eval {
        let dtype = input.dtype();
        if !dtype.is_floating_point() {
            return Err(Error::runtime("torch.frexp() only supports floating-point dtypes"));
        }
        let mantissa = map(&input, dtype, |x: f64| split_float(x).0)?;
        Ok::<_, Error>(vec![mantissa, map(&input, DType::Int32, |x: f64| split_float(x).1)?])
    }
        d input = |g, outs| g.true_divide(outs[1].exp2());
}
