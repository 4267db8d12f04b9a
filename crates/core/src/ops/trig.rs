//! Trigonometric and hyperbolic functions, and angles.

use super::loops::{complex_map, special_map, Half};
use super::prelude::*;
use crate::kernels::{complex, functions};
use std::f64::consts::PI;

/// An angle from one unit to another, as a product.
fn turned(t: &Tensor, name: &str, factor: f64) -> Result {
    if t.dtype().is_complex() {
        return Err(Error::not_implemented(format!("{name} is not supported for complex tensors.")));
    }
    real_map!("mul_cpu", t, |x| x * factor as F)
}

fn sinc_of(t: &Tensor) -> Result {
    float_map!(t, |x| { let y = x * PI as F; if y == 0.0 { 1.0 } else { y.sin() / y } }, complex::sinc)
}

/// What PyTorch says of an op that has a formula, but not in place.
fn no_formula(name: &str) -> Result {
    Err(Error::not_implemented(format!("the derivative for 'inplace version of {name}' is not implemented.")))
}

ops! { TABLE, TrigOps;
    /// Sine.
    fn sin(input: Tensor) [inplace] eval { float_map!(&input, |x| x.sin(), complex::sin) }
        d input = |g, input| g.mul(input.cos().conj());

    /// Cosine.
    fn cos(input: Tensor) [inplace] eval { float_map!(&input, |x| x.cos(), complex::cos) }
        d input = |g, input| g.mul(input.sin().neg().conj());

    /// Tangent.
    fn tan(input: Tensor) [inplace] eval { float_map!(&input, |x| x.tan(), complex::tan) }
        d input = |g, out| g.mul(out.mul(&out).add(1i64, 1i64).conj());

    /// Inverse sine.
    fn asin(input: Tensor) [inplace, "arcsin"] eval { float_map!(&input, |x| x.asin(), complex::asin) }
        d input = |g, input| g.mul(input.mul(&input).rsub(1i64, 1i64).rsqrt().conj());

    /// Inverse cosine.
    fn acos(input: Tensor) [inplace, "arccos"] eval { float_map!(&input, |x| x.acos(), complex::acos) }
        d input = |g, input| g.mul(input.mul(&input).rsub(1i64, 1i64).rsqrt().conj()).neg();

    /// Inverse tangent.
    fn atan(input: Tensor) [inplace, "arctan"] eval { float_map!(&input, |x| x.atan(), complex::atan) }
        d input = |g, input| g.true_divide(input.mul(&input).add(1i64, 1i64).conj());

    /// The angle of the point `(other, input)`.
    fn atan2(input: Tensor, other: Tensor) [inplace, "arctan2"] eval {
        real_zip!("atan2_cpu", &input, &other, |x, y| x.atan2(y))
    }
        d input = |g, input, other| g.mul(other.true_divide(input.mul(&input).add(other.mul(&other), 1i64))),
        d other = |g, input, other| g.mul(input.neg().true_divide(input.mul(&input).add(other.mul(&other), 1i64)));

    /// Hyperbolic sine.
    fn sinh(input: Tensor) [inplace] eval { float_map!(&input, |x| x.sinh(), complex::sinh) }
        d input = |g, input| g.mul(input.cosh().conj());

    /// Hyperbolic cosine.
    fn cosh(input: Tensor) [inplace] eval { float_map!(&input, |x| x.cosh(), complex::cosh) }
        d input = |g, input| g.mul(input.sinh().conj());

    /// Hyperbolic tangent.
    fn tanh(input: Tensor) [inplace, "nn.functional.tanh"] eval { float_map!(&input, functions::tanh_all, |x| x.tanh(), complex::tanh) }
        d input = |g, out| g.mul(out.mul(&out).rsub(1i64, 1i64).conj());

    /// Inverse hyperbolic sine.
    fn asinh(input: Tensor) ["arcsinh"] eval {
        if input.dtype().is_complex() { return complex_map(&input, input.dtype(), complex::asinh).map(Value::Tensor); }
        special_map("asinh_cpu", Half::Too, &input, libm::asinh)
    }
        d input = |g, input| g.mul(input.mul(&input).add(1i64, 1i64).rsqrt().conj());

    /// Inverse hyperbolic cosine.
    fn acosh(input: Tensor) ["arccosh"] eval {
        if input.dtype().is_complex() { return complex_map(&input, input.dtype(), complex::acosh).map(Value::Tensor); }
        special_map("acosh_cpu", Half::Too, &input, libm::acosh)
    }
        d input = |g, input| g.mul(input.sub(1i64, 1i64).rsqrt().mul(input.add(1i64, 1i64).rsqrt()).conj());

    /// Inverse hyperbolic tangent.
    fn atanh(input: Tensor) ["arctanh"] eval {
        if input.dtype().is_complex() { return complex_map(&input, input.dtype(), complex::atanh).map(Value::Tensor); }
        special_map("atanh_cpu", Half::Too, &input, libm::atanh)
    }
        d input = |g, input| g.true_divide(input.mul(&input).rsub(1i64, 1i64).conj());

    /// Degrees to radians.
    fn deg2rad(input: Tensor) [inplace] eval { turned(&input, "deg2rad", PI / 180.0) }
        d input = |g| g.mul(PI / 180.0);

    /// Radians to degrees.
    fn rad2deg(input: Tensor) [inplace] eval { turned(&input, "rad2deg", 180.0 / PI) }
        d input = |g| g.mul(180.0 / PI);

    /// `sin(pi x) / (pi x)`, one at zero.
    fn sinc(input: Tensor) [inplace, "special.sinc"] eval { sinc_of(&input) }
        d input = |g, input| {
            let x = input.mul(PI)?;
            let slope = x.cos().mul(&x).sub(x.sin(), 1i64).true_divide(x.mul(&input));
            input.eq(0i64)?.where_op(0i64, g.mul(slope.conj()))
        };

    /// `asinh` in place, which PyTorch does not differentiate.
    fn asinh_in_place "asinh"(input: Tensor) [hidden, inplace, AsinhBackward1, "arcsinh"] eval { input.asinh() }
        d input = |_g| no_formula("asinh");

    /// `acosh` in place, which PyTorch does not differentiate.
    fn acosh_in_place "acosh"(input: Tensor) [hidden, inplace, AcoshBackward1, "arccosh"] eval { input.acosh() }
        d input = |_g| no_formula("acosh");

    /// `atanh` in place, which PyTorch does not differentiate.
    fn atanh_in_place "atanh"(input: Tensor) [hidden, inplace, AtanhBackward1, "arctanh"] eval { input.atanh() }
        d input = |_g| no_formula("atanh");
}
