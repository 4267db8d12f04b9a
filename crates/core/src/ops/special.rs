//! The error function, the gamma function, the logistic function, and their families.

use super::loops::{slice_map, special_map, special_zip, Half};
use super::prelude::*;
use crate::kernels::{complex, error_function, functions, gamma};
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI};

fn logistic(t: &Tensor) -> Result {
    float_map!(t, functions::sigmoid_all, |x| 1.0 / (1.0 + (-x).exp()), complex::logistic)
}

fn logit_of(t: &Tensor, eps: Option<f64>) -> Result {
    real_map!("logit_cpu", t, |x| {
        let x = match eps {
            Some(e) if x < e as F => e as F,
            Some(e) if x > 1.0 - e as F => 1.0 - e as F,
            _ => x,
        };
        (x / (1.0 - x)).ln()
    })
}

/// `x * f(y)`, zero where `x` is unless `y` is NaN.
fn x_log(kernel: &str, a: &Tensor, b: &Tensor, f: fn(f64) -> f64) -> Result {
    special_zip(kernel, Half::Too, a, b, |x, y| if y.is_nan() { y } else if x == 0.0 { 0.0 } else { x * f(y) })
}

/// The gradient of `x * f(y)` in `x`: zero where the product is by decree.
fn x_log_grad(g: &Tensor, input: &Tensor, other: &Tensor, edge: i64, slope: Result) -> Result {
    input.eq(0i64).logical_and(other.le(edge))?.where_op(0i64, g.mul(slope))
}

/// The gradients of the terms of `mvlgamma`.
fn mvlgamma_grad(g: &Tensor, input: &Tensor, p: i64) -> Result {
    let mut sum = input.digamma()?;
    for i in 1..p {
        sum = sum.add(input.sub(i as f64 / 2.0, 1i64).digamma(), 1i64)?;
    }
    g.mul(sum)
}

/// Only what both formulas of the incomplete gamma function have: a density.
fn gamma_density(input: &Tensor, other: &Tensor) -> Result {
    let power = input.sub(1i64, 1i64).mul(other.log());
    power.sub(other, 1i64).sub(input.lgamma(), 1i64).exp()
}

/// PyTorch has no formula for this input.
fn no_derivative(what: &str) -> Result {
    Err(Error::not_implemented(format!("the derivative for '{what}' is not implemented.")))
}

fn floats_only(kernel: &str, a: &Tensor, b: &Tensor, f: fn(f64, f64) -> f64) -> Result {
    let dtype = result_type(&[a, b]);
    if !dtype.is_floating_point() {
        return Err(Error::dtype(kernel, dtype));
    }
    special_zip(kernel, Half::Too, a, b, f)
}

ops! { TABLE, SpecialOps;
    /// The logistic function `1 / (1 + exp(-input))`.
    fn sigmoid(input: Tensor) [inplace, "special.expit", "nn.functional.sigmoid"] eval { logistic(&input) }
        d input = |g, out| g.mul(out.mul(out.rsub(1i64, 1i64)).conj());

    /// `log(input / (1 - input))`, with `input` limited to `[eps, 1 - eps]` if given.
    fn logit(input: Tensor, eps: Option<f64> = "null") [inplace, "special.logit"] eval { logit_of(&input, eps) }
        d input = |g, input, eps| {
            let slope = g.true_divide(input.mul(input.rsub(1i64, 1i64)));
            match eps {
                Some(e) => input.lt(e).logical_or(input.gt(1.0 - e))?.where_op(0i64, slope),
                None => input.lt(0.0).logical_or(input.gt(1.0))?.where_op(f64::NAN, slope),
            }
        };

    /// The error function.
    fn erf(input: Tensor) [inplace, "special.erf"] eval {
        let dtype = float_type(input.dtype());
        if dtype.compute() == DType::Float32 { return Ok(Value::Tensor(slice_map(&input, dtype, functions::erf_all)?)); }
        special_map("erf_vml_cpu", Half::Too, &input, error_function::erf) }
        d input = |g, input| g.mul(input.mul(&input).neg().exp().mul(FRAC_2_SQRT_PI));

    /// `1 - erf(input)`.
    fn erfc(input: Tensor) [inplace, "special.erfc"] eval { special_map("erfc_vml_cpu", Half::Too, &input, error_function::erfc) }
        d input = |g, input| g.mul(input.mul(&input).neg().exp().mul(-FRAC_2_SQRT_PI));

    /// The inverse of the error function.
    fn erfinv(input: Tensor) [inplace, "special.erfinv"] eval {
        special_map("erfinv_vml_cpu", Half::Too, &input, error_function::erfinv)
    }
        d input = |g, out| g.mul(out.mul(&out).exp().mul(1.0 / FRAC_2_SQRT_PI));

    /// `exp(input^2) * erfc(input)`.
    fn erfcx "special.erfcx"(input: Tensor) [] eval { special_map("erfcx_cpu", Half::No, &input, error_function::erfcx) }
        d input = |g, input, out| g.mul(out.mul(&input).mul(2i64).sub(FRAC_2_SQRT_PI, 1i64));

    /// The distribution function of the normal distribution.
    fn ndtr "special.ndtr"(input: Tensor) [MulBackward1] eval { special_map("erf_vml_cpu", Half::Too, &input, error_function::ndtr) }
        d input = |g, input| {
            g.mul(input.mul(&input).mul(-0.5).exp().mul(FRAC_1_SQRT_2 * FRAC_2_SQRT_PI / 2.0))
        };

    /// The logarithm of `ndtr`.
    fn log_ndtr "special.log_ndtr"(input: Tensor) [] eval { special_map("log_ndtr_cpu", Half::No, &input, error_function::log_ndtr) }
        d input = |g, input| g.true_divide(input.mul(-FRAC_1_SQRT_2).erfcx()).mul((2.0 / PI).sqrt());

    /// The inverse of `ndtr`.
    fn ndtri "special.ndtri"(input: Tensor) [] eval { special_map("ndtri_cpu", Half::No, &input, error_function::ndtri) }
        d input = |g, out| g.mul(out.mul(&out).mul(0.5).exp().mul((2.0 * PI).sqrt()));

    /// `-input * log(input)`, zero at zero.
    fn entr "special.entr"(input: Tensor) [] eval { special_map("entr_cpu", Half::Too, &input, error_function::entr) }
        d input = |g, input| g.mul(input.log().neg().sub(1i64, 1i64));

    /// `log |gamma(input)|`.
    fn lgamma(input: Tensor) [inplace, "special.gammaln"] eval {
        special_map("lgamma_vml_cpu", Half::Too, &input, gamma::lgamma)
    }
        d input = |g, input| g.mul(input.digamma());

    /// The logarithmic derivative of the gamma function.
    fn digamma(input: Tensor) [inplace, "special.digamma", "special.psi"] eval {
        special_map("digamma", Half::Too, &input, gamma::digamma)
    }
        d input = |g, input| g.mul(input._polygamma(1i64));

    /// The derivative of order `n` of `digamma`.
    fn polygamma(n: i64, input: Tensor) ["special.polygamma"] compose {
        if n < 0 { return Err(Error::runtime("polygamma(n, x) does not support negative n.")); }
        input._polygamma(n)
    };

    /// `polygamma` as a method.
    fn _polygamma "polygamma"(input: Tensor, n: i64) [method, inplace, PolygammaBackward0, (PolygammaBackward1)] eval {
        let kernel = if n == 1 { "trigamma" } else if n == 0 { "digamma" } else { "polygamma" };
        special_map(kernel, Half::Too, &input, |x| gamma::polygamma(n, x))
    }
        d input = |g, input, n| g.mul(input._polygamma(n + 1));

    /// The logarithm of the multivariate gamma function of dimension `p`.
    fn mvlgamma(input: Tensor, p: i64) [inplace, "special.multigammaln"] eval {
        if input.dtype() == DType::Bool { return Err(Error::runtime("The input tensor may not be a boolean tensor.")); }
        if p < 1 { return Err(Error::runtime("p has to be greater than or equal to 1")); }
        let shift = (p * (p - 1)) as f64 / 4.0 * PI.ln();
        // The arguments are rounded to the tensor's own type: close to zero they reach the poles.
        real_map!("mvlgamma", &input, |x| {
            (shift + (0..p).map(|i| gamma::lgamma((x - i as F / 2.0).into())).sum::<f64>()) as F
        })
    }
        d input = |g, input, p| mvlgamma_grad(g, &input, p);

    /// The lower regularised incomplete gamma function.
    fn igamma(input: Tensor, other: Tensor) [inplace, "special.gammainc"] eval {
        floats_only("igamma_cpu", &input, &other, gamma::igamma)
    }
        d input = |_g| no_derivative("igamma: input"),
        d other = |g, input, other| g.mul(gamma_density(&input, &other));

    /// The upper regularised incomplete gamma function.
    fn igammac(input: Tensor, other: Tensor) [inplace, "special.gammaincc"] eval {
        floats_only("igammac_cpu", &input, &other, gamma::igammac)
    }
        d input = |_g| no_derivative("igammac: input"),
        d other = |g, input, other| g.mul(gamma_density(&input, &other)).neg();

    /// Hurwitz' zeta function.
    fn zeta "special.zeta"(input: Tensor, other: Tensor) [] eval {
        special_zip("zeta_cpu", Half::No, &input, &other, gamma::zeta)
    }
        d input = |_g| no_derivative("zeta"),
        d other = |g, input, other| g.mul(zeta_slope(input, &other)?);

    /// Hurwitz' zeta function of a number.
    fn zeta_of "special.zeta"(input: Scalar, other: Tensor) [SpecialZetaBackward1] eval {
        special_zip("zeta_cpu", Half::No, &Tensor::wrapped(input)?, &other, gamma::zeta)
    }
        d other = |g, input, other| g.mul(zeta_slope(Tensor::wrapped(input)?, &other)?);

    /// Hurwitz' zeta function at a number.
    fn zeta_scalar "special.zeta"(input: Tensor, other: Scalar) [SpecialZetaBackward2] eval {
        special_zip("zeta_cpu", Half::No, &input, &Tensor::wrapped(other)?, gamma::zeta)
    }
        d input = |_g| no_derivative("zeta");

    /// `input * log(other)`, zero where `input` is.
    fn xlogy(input: Tensor, other: Tensor) [inplace, "special.xlogy"] eval { x_log("xlogy_cpu", &input, &other, f64::ln) }
        d input = |g, input, other| x_log_grad(g, &input, &other, 0, other.log()),
        d other = |g, input, other| g.mul(input.true_divide(other));

    /// `input * log(other)`, zero where `input` is.
    fn xlogy_of "xlogy"(input: Scalar, other: Tensor) ["special.xlogy", XlogyBackward1] eval {
        x_log("xlogy_cpu", &Tensor::wrapped(input)?, &other, f64::ln)
    }
        d other = |g, input, other| g.mul(Tensor::wrapped(input)?.true_divide(other));

    /// `input * log(other)`, zero where `input` is.
    fn xlogy_scalar "xlogy"(input: Tensor, other: Scalar) [inplace, "special.xlogy", XlogyBackward2] eval {
        x_log("xlogy_cpu", &input, &Tensor::wrapped(other)?, f64::ln)
    }
        d input = |g, input, other| {
            let other = Tensor::wrapped(other)?;
            x_log_grad(g, &input, &other, 0, other.log())
        };

    /// `input * log1p(other)`, zero where `input` is.
    fn xlog1py "special.xlog1py"(input: Tensor, other: Tensor) [] eval {
        x_log("xlog1py_cpu", &input, &other, f64::ln_1p)
    }
        d input = |g, input, other| x_log_grad(g, &input, &other, -1, other.log1p()),
        d other = |g, input, other| g.mul(input.true_divide(other.add(1i64, 1i64)));

    /// `input * log1p(other)`, zero where `input` is.
    fn xlog1py_of "special.xlog1py"(input: Scalar, other: Tensor) [SpecialXlog1PyBackward1] eval {
        x_log("xlog1py_cpu", &Tensor::wrapped(input)?, &other, f64::ln_1p)
    }
        d other = |g, input, other| g.mul(Tensor::wrapped(input)?.true_divide(other.add(1i64, 1i64)));

    /// `input * log1p(other)`, zero where `input` is.
    fn xlog1py_scalar "special.xlog1py"(input: Tensor, other: Scalar) [SpecialXlog1PyBackward2] eval {
        x_log("xlog1py_cpu", &input, &Tensor::wrapped(other)?, f64::ln_1p)
    }
        d input = |g, input, other| {
            let other = Tensor::wrapped(other)?;
            x_log_grad(g, &input, &other, -1, other.log1p())
        };
}

/// The derivative of Hurwitz' zeta function in its second argument.
fn zeta_slope(input: Tensor, other: &Tensor) -> Result {
    input.neg().mul(input.add(1i64, 1i64).zeta(other))
}
