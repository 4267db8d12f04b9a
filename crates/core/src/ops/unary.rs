//! Functions of one element: powers, exponentials, trigonometry, rounding, parts of complex numbers.

use super::loops::Arith;
use super::prelude::*;

/// Integers and floats alike, each in its compute type; complex numbers refused.
macro_rules! ordered_map {
    ($kernel:literal, $a:expr, |$x:ident| $int:expr, $float:expr) => {{
        let a: &Tensor = $a;
        match a.dtype().compute() {
            DType::Int64 => map(a, a.dtype(), |$x: i64| $int),
            DType::Float32 => { #[allow(dead_code)] type F = f32; map(a, a.dtype(), |$x: f32| $float) }
            DType::Float64 => { #[allow(dead_code)] type F = f64; map(a, a.dtype(), |$x: f64| $float) }
            _ => Err(Error::dtype($kernel, a.dtype())),
        }
    }};
}


/// Half to even, as IEEE and PyTorch round.
pub(crate) fn round_even(x: f64) -> f64 {
    libm::rint(x)
}

fn absolute(t: &Tensor) -> Result {
    match t.dtype().compute() {
        DType::Complex64 => map(t, DType::Float32, |z: Complex<f32>| z.re.hypot(z.im)),
        DType::Complex128 => map(t, DType::Float64, |z: Complex<f64>| z.re.hypot(z.im)),
        _ => ordered_map!("abs_cpu", t, |x| x.wrapping_abs(), x.abs()),
    }
}

fn sgn_of(t: &Tensor) -> Result {
    match t.dtype().compute() {
        DType::Complex64 => map(t, t.dtype(), |z: Complex<f32>| {
            let n = z.re.hypot(z.im);
            if n == 0.0 { Complex::new(0.0, 0.0) } else { z / n }
        }),
        DType::Complex128 => map(t, t.dtype(), |z: Complex<f64>| {
            let n = z.re.hypot(z.im);
            if n == 0.0 { Complex::new(0.0, 0.0) } else { z / n }
        }),
        _ => ordered_map!("sign_cpu", t, |x| x.signum(), if x > 0.0 { 1.0 } else if x < 0.0 { -1.0 } else { x * 0.0 }),
    }
}

fn part(t: &Tensor, imag: bool) -> Result {
    if !t.dtype().is_complex() {
        return if imag {
            Err(Error::runtime("imag is not implemented for tensors with non-complex dtypes."))
        } else {
            Ok(t.clone())
        };
    }
    let mut l = t.layout().clone();
    for s in &mut l.strides {
        *s *= 2;
    }
    l.offset = l.offset * 2 + i64::from(imag);
    Ok(t.reinterpret(l, t.dtype().to_real()))
}

fn as_real(t: &Tensor) -> Result {
    if !t.dtype().is_complex() {
        return Err(Error::runtime("view_as_real is only supported for complex tensors"));
    }
    let mut l = t.layout().clone();
    for s in &mut l.strides {
        *s *= 2;
    }
    l.offset *= 2;
    l.sizes.push(2);
    l.strides.push(1);
    Ok(t.reinterpret(l, t.dtype().to_real()))
}

fn as_complex(t: &Tensor) -> Result {
    if !matches!(t.dtype(), DType::Float32 | DType::Float64) {
        return Err(Error::runtime(format!(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: {}",
            t.dtype().scalar_type()
        )));
    }
    if t.ndim() == 0 {
        return Err(Error::runtime("Input tensor must have one or more dimensions"));
    }
    let mut l = t.layout().clone();
    if l.sizes.pop() != Some(2) {
        return Err(Error::runtime("Tensor must have a last dimension of size 2"));
    }
    if l.strides.pop() != Some(1) {
        return Err(Error::runtime("Tensor must have a last dimension with stride 1"));
    }
    for s in &mut l.strides {
        if *s % 2 != 0 {
            return Err(Error::runtime("Tensor must have a stride divisible by 2 for all but last dimension"));
        }
        *s /= 2;
    }
    if l.offset % 2 != 0 {
        return Err(Error::runtime("Tensor must have a storage_offset divisible by 2"));
    }
    l.offset /= 2;
    Ok(t.reinterpret(l, t.dtype().to_complex()))
}

fn angle_of(t: &Tensor) -> Result {
    use std::f64::consts::PI;
    match t.dtype().compute() {
        DType::Complex64 => map(t, DType::Float32, |z: Complex<f32>| z.im.atan2(z.re)),
        DType::Complex128 => map(t, DType::Float64, |z: Complex<f64>| z.im.atan2(z.re)),
        _ => real_map!("angle_cpu", t, |x| if x.is_nan() { x } else if x < 0.0 { PI as F } else { 0.0 }),
    }
}

fn rounded(t: &Tensor, decimals: i64) -> Result {
    if decimals != 0 && t.dtype().is_integral() {
        return Err(Error::dtype("round_vml_cpu", t.dtype()));
    }
    if decimals == 0 {
        return ordered_map!("round_vml_cpu", t, |x| x, round_even(x as f64) as F);
    }
    let p = 10f64.powi(decimals.unsigned_abs() as i32);
    ordered_map!("round_vml_cpu", t, |x| x, {
        let p = p as F;
        if decimals < 0 { round_even((x / p) as f64) as F * p } else { round_even((x * p) as f64) as F / p }
    })
}

fn no_nan(t: &Tensor, nan: Option<f64>, pos: Option<f64>, neg: Option<f64>) -> Result {
    let dtype = t.dtype();
    let (least, most) = match dtype {
        DType::Float16 => (-65504.0, 65504.0),
        DType::BFloat16 => (f64::from(half::bf16::MIN), f64::from(half::bf16::MAX)),
        DType::Float32 | DType::Complex64 => (f64::from(f32::MIN), f64::from(f32::MAX)),
        _ => (f64::MIN, f64::MAX),
    };
    let (nan, pos, neg) = (nan.unwrap_or(0.0), pos.unwrap_or(most), neg.unwrap_or(least));
    macro_rules! fix {
        ($f:ty) => {
            |x: $f| if x.is_nan() { nan as $f } else if x == <$f>::INFINITY { pos as $f } else if x == <$f>::NEG_INFINITY { neg as $f } else { x }
        };
    }
    match dtype.compute() {
        DType::Float32 => map(t, dtype, fix!(f32)),
        DType::Float64 => map(t, dtype, fix!(f64)),
        DType::Complex64 => map(t, dtype, |z: Complex<f32>| { let f = fix!(f32); Complex::new(f(z.re), f(z.im)) }),
        DType::Complex128 => map(t, dtype, |z: Complex<f64>| { let f = fix!(f64); Complex::new(f(z.re), f(z.im)) }),
        _ => t.copied(dtype),
    }
}

fn logistic(t: &Tensor) -> Result {
    match float_type(t.dtype()).compute() {
        DType::Complex64 => map(t, t.dtype(), |z: Complex<f32>| Complex::new(1.0, 0.0) / (Complex::new(1.0, 0.0) + (-z).exp())),
        DType::Complex128 => map(t, t.dtype(), |z: Complex<f64>| Complex::new(1.0, 0.0) / (Complex::new(1.0, 0.0) + (-z).exp())),
        _ => real_map!("sigmoid_cpu", t, |x| 1.0 / (1.0 + (-x).exp())),
    }
}

ops! { TABLE, UnaryOps;
    /// The negative of each element.
    fn neg(input: Tensor) [inplace] eval {
        if input.dtype() == DType::Bool { return Err(Error::runtime("Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use the `~` or `logical_not()` operator instead.")); }
        dispatch_compute!(input.dtype(), T => map(&input, input.dtype(), |x: T| x.negative())) }
        d input = |g| g.neg();
    /// The elements themselves.
    fn positive(input: Tensor) [] compose {
        if input.dtype() == DType::Bool { return Err(Error::runtime("The `+` operator, on a bool tensor is not supported.")); }
        Ok::<_, Error>(input) };
    /// The absolute value; of complex numbers the modulus.
    fn abs(input: Tensor) [inplace] eval { absolute(&input) }
        d input = |g, input| g.mul(input.sgn());
    /// -1, 0 or 1.
    fn sign(input: Tensor) [inplace] eval {
        if input.dtype().is_complex() { return Err(Error::runtime("Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.")); }
        sgn_of(&input) }
        d input = |g| g.mul(0i64);
    /// The sign; of complex numbers the direction.
    fn sgn(input: Tensor) [inplace] eval { sgn_of(&input) }
        d input = |g, input, out| if input.dtype().is_complex() {
            let n = input.abs()?;
            let along = out.mul(g.mul(out.conj()).real());
            n.eq(0i64)?.where_op(0i64, g.sub(along, 1i64).div(n, ()))
        } else { g.mul(0i64) };
    /// `1 / input`.
    fn reciprocal(input: Tensor) [inplace] eval { float_map!(&input, |x| one_like(x) / x) }
        d input = |g, out| g.mul(out.mul(&out).conj()).neg();
    /// `input * input`.
    fn square(input: Tensor) [inplace, PowBackward0] compose { input.pow_scalar(2i64) };
    /// Square root.
    fn sqrt(input: Tensor) [inplace] eval { float_map!(&input, |x| x.sqrt()) }
        d input = |g, out| g.div(out.mul(2i64).conj(), ());
    /// `1 / sqrt(input)`.
    fn rsqrt(input: Tensor) [inplace] eval { float_map!(&input, |x| one_like(x) / x.sqrt()) }
        d input = |g, out| g.mul(out.mul(out.mul(&out)).mul(-0.5).conj());
    /// `e^input`.
    fn exp(input: Tensor) [inplace] eval { float_map!(&input, |x| x.exp()) }
        d input = |g, out| g.mul(out.conj());
    /// `2^input`.
    fn exp2(input: Tensor) [inplace] eval { float_map!(&input, |x| x.exp2()) }
        d input = |g, out| g.mul(out.conj()).mul(std::f64::consts::LN_2);
    /// `e^input - 1`, accurate when `input` is small.
    fn expm1(input: Tensor) [inplace] eval { if input.dtype().is_complex() { float_map!(&input, |x| x.exp() - one_like(x)) } else { real_map!("expm1_cpu", &input, |x| x.exp_m1()) } }
        d input = |g, out| g.mul(out.add(1i64, 1i64).conj());
    /// Natural logarithm.
    fn log(input: Tensor) [inplace] eval { float_map!(&input, |x| x.ln()) }
        d input = |g, input| g.div(input.conj(), ());
    /// Logarithm to base 2.
    fn log2(input: Tensor) [inplace] eval { float_map!(&input, |x| x.log2()) }
        d input = |g, input| g.div(input.mul(std::f64::consts::LN_2).conj(), ());
    /// Logarithm to base 10.
    fn log10(input: Tensor) [inplace] eval { float_map!(&input, |x| x.log10()) }
        d input = |g, input| g.div(input.mul(std::f64::consts::LN_10).conj(), ());
    /// `log(1 + input)`, accurate when `input` is small.
    fn log1p(input: Tensor) [inplace] eval { if input.dtype().is_complex() { float_map!(&input, |x| (x + one_like(x)).ln()) } else { real_map!("log1p_cpu", &input, |x| x.ln_1p()) } }
        d input = |g, input| g.div(input.add(1i64, 1i64).conj(), ());
    /// Sine.
    fn sin(input: Tensor) [inplace] eval { float_map!(&input, |x| x.sin()) }
        d input = |g, input| g.mul(input.cos().conj());
    /// Cosine.
    fn cos(input: Tensor) [inplace] eval { float_map!(&input, |x| x.cos()) }
        d input = |g, input| g.mul(input.sin().neg().conj());
    /// Tangent.
    fn tan(input: Tensor) [inplace] eval { float_map!(&input, |x| x.tan()) }
        d input = |g, out| g.mul(out.mul(&out).add(1i64, 1i64).conj());
    /// Inverse sine.
    fn asin(input: Tensor) [inplace] eval { float_map!(&input, |x| x.asin()) }
        d input = |g, input| g.mul(input.mul(&input).rsub(1i64, 1i64).rsqrt().conj());
    /// Inverse cosine.
    fn acos(input: Tensor) [inplace] eval { float_map!(&input, |x| x.acos()) }
        d input = |g, input| g.mul(input.mul(&input).rsub(1i64, 1i64).rsqrt().conj()).neg();
    /// Inverse tangent.
    fn atan(input: Tensor) [inplace] eval { float_map!(&input, |x| x.atan()) }
        d input = |g, input| g.div(input.mul(&input).add(1i64, 1i64).conj(), ());
    /// Hyperbolic sine.
    fn sinh(input: Tensor) [inplace] eval { float_map!(&input, |x| x.sinh()) }
        d input = |g, input| g.mul(input.cosh().conj());
    /// Hyperbolic cosine.
    fn cosh(input: Tensor) [inplace] eval { float_map!(&input, |x| x.cosh()) }
        d input = |g, input| g.mul(input.sinh().conj());
    /// Hyperbolic tangent.
    fn tanh(input: Tensor) [inplace] eval { float_map!(&input, |x| x.tanh()) }
        d input = |g, out| g.mul(out.mul(&out).rsub(1i64, 1i64).conj());
    /// Inverse hyperbolic sine.
    fn asinh(input: Tensor) [inplace] eval { float_map!(&input, |x| x.asinh()) }
        d input = |g, input| g.mul(input.mul(&input).add(1i64, 1i64).rsqrt().conj());
    /// Inverse hyperbolic cosine.
    fn acosh(input: Tensor) [inplace] eval { float_map!(&input, |x| x.acosh()) }
        d input = |g, input| g.mul(input.sub(1i64, 1i64).rsqrt().mul(input.add(1i64, 1i64).rsqrt()).conj());
    /// Inverse hyperbolic tangent.
    fn atanh(input: Tensor) [inplace] eval { float_map!(&input, |x| x.atanh()) }
        d input = |g, input| g.div(input.mul(&input).rsub(1i64, 1i64).conj(), ());
    /// The logistic function `1 / (1 + exp(-input))`.
    fn sigmoid(input: Tensor) [inplace] eval { logistic(&input) }
        d input = |g, out| g.mul(out.mul(out.rsub(1i64, 1i64)).conj());
    /// `log(input / (1 - input))`, with `input` limited to `[eps, 1 - eps]` if given.
    fn logit(input: Tensor, eps: Option<f64> = "null") [inplace] eval { real_map!("logit_cpu", &input, |x| {
            let x = match eps { Some(e) => { let e = e as F; if x < e { e } else if x > 1.0 - e { 1.0 - e } else { x } } None => x };
            (x / (1.0 - x)).ln() }) }
        d input = |g, input, eps| {
            let slope = g.div(input.mul(input.rsub(1i64, 1i64)), ());
            match eps {
                Some(e) => input.lt(e).logical_or(input.gt(1.0 - e))?.where_op(0i64, slope),
                None => input.lt(0.0).logical_or(input.gt(1.0))?.where_op(f64::NAN, slope),
            } };
    /// The error function.
    fn erf(input: Tensor) [inplace] eval { real_map!("erf_cpu", &input, |x| libm::erf(x as f64) as F) }
        d input = |g, input| g.mul(input.mul(&input).neg().exp().mul(std::f64::consts::FRAC_2_SQRT_PI));
    /// `1 - erf(input)`.
    fn erfc(input: Tensor) [inplace] eval { real_map!("erfc_cpu", &input, |x| libm::erfc(x as f64) as F) }
        d input = |g, input| g.mul(input.mul(&input).neg().exp().mul(-std::f64::consts::FRAC_2_SQRT_PI));
    /// The inverse of the error function.
    fn erfinv(input: Tensor) [inplace] eval { real_map!("erfinv_cpu", &input, |x| erfinv_of(x as f64) as F) }
        d input = |g, out| g.mul(out.mul(&out).exp().mul(0.886_226_925_452_758));
    /// `log |gamma(input)|`.
    fn lgamma(input: Tensor) [inplace] eval { real_map!("lgamma_cpu", &input, |x| if x == F::NEG_INFINITY { F::INFINITY } else { libm::lgamma(x as f64) as F }) }
        d input = |g, input| g.mul(input.digamma());
    /// The logarithmic derivative of the gamma function.
    fn digamma(input: Tensor) [inplace] eval { real_map!("digamma", &input, |x| digamma_of(x as f64) as F) }
        d input = |g, input| g.mul(input.trigamma());
    /// The derivative of `digamma`.
    fn trigamma(input: Tensor) [hidden] eval { real_map!("trigamma", &input, |x| trigamma_of(x as f64) as F) };
    /// The largest integer not above.
    fn floor(input: Tensor) [inplace] eval { ordered_map!("floor_vml_cpu", &input, |x| x, x.floor()) } d input = |g| g.mul(0i64);
    /// The smallest integer not below.
    fn ceil(input: Tensor) [inplace] eval { ordered_map!("ceil_vml_cpu", &input, |x| x, x.ceil()) } d input = |g| g.mul(0i64);
    /// The nearest integer, half to even; or the nearest with so many decimals.
    fn round(input: Tensor; decimals: i64 = "0") [inplace] eval { rounded(&input, decimals) } d input = |g| g.mul(0i64);
    /// The integer part.
    fn trunc(input: Tensor) [inplace] eval { ordered_map!("trunc_vml_cpu", &input, |x| x, x.trunc()) } d input = |g| g.mul(0i64);
    /// The fractional part.
    fn frac(input: Tensor) [inplace] eval {
        if input.dtype().is_integral() { return Err(Error::dtype("frac_cpu", input.dtype())); }
        real_map!("frac_cpu", &input, |x| x - x.trunc()) } d input = |g| Ok(g.clone());
    /// NaN and infinities replaced by numbers.
    fn nan_to_num(input: Tensor, nan: Option<f64> = "null", posinf: Option<f64> = "null", neginf: Option<f64> = "null") [inplace] eval { no_nan(&input, nan, posinf, neginf) }
        d input = |g, input| input.isfinite()?.where_op(g, 0i64);
    /// Degrees to radians.
    fn deg2rad(input: Tensor) [inplace, MulBackward0] compose {
        if input.dtype().is_complex() { return Err(Error::runtime("deg2rad is not supported for complex tensors.")); }
        input.mul(std::f64::consts::PI / 180.0) };
    /// Radians to degrees.
    fn rad2deg(input: Tensor) [inplace, MulBackward0] compose {
        if input.dtype().is_complex() { return Err(Error::runtime("rad2deg is not supported for complex tensors.")); }
        input.mul(180.0 / std::f64::consts::PI) };
    /// `sin(pi x) / (pi x)`, one at zero.
    fn sinc(input: Tensor) [inplace] eval { float_map!(&input, |x| { let y = x * one_like(x).pi(); if y == one_like(x) - one_like(x) { one_like(x) } else { y.sin() / y } }) }
        d input = |g, input| {
            let pi = std::f64::consts::PI; let x = input.mul(pi)?;
            let slope = x.cos().mul(&x).sub(x.sin(), 1i64).div(x.mul(&input), ());
            input.eq(0i64)?.where_op(0i64, g.mul(slope.conj())) };
    /// The complex conjugate; real tensors are returned as they are.
    fn conj(input: Tensor) [] eval { if input.dtype().is_complex() { dispatch_compute!(input.dtype(), T => map(&input, input.dtype(), |x: T| x.conjugate())) } else { Ok(input) } }
        d input = |g| g.conj();
    /// The complex conjugate in memory of its own.
    fn conj_physical(input: Tensor) [inplace] eval { dispatch_compute!(input.dtype(), T => map(&input, input.dtype(), |x: T| x.conjugate())) }
        d input = |g| g.conj();
    /// The input: conjugation is never lazy here.
    fn resolve_conj(input: Tensor) [] compose { Ok::<_, Error>(input) };
    /// The input: negation is never lazy here.
    fn resolve_neg(input: Tensor) [] compose { Ok::<_, Error>(input) };
    /// The real parts, as a view.
    fn real(input: Tensor) [SelectBackward0] view { part(&input, false) } d input = |g, input| if input.dtype().is_complex() { crate::ops::cast(g, input.dtype()) } else { Ok(g.clone()) };
    /// The imaginary parts, as a view.
    fn imag(input: Tensor) [SelectBackward0] view { part(&input, true) } d input = |g, input| crate::ops::cast(g, input.dtype())?.mul(Scalar::Complex(Complex::new(0.0, 1.0)));
    /// A complex tensor as a real one with a last dimension of 2.
    fn view_as_real(input: Tensor) [] view { as_real(&input) } d input = |g| g.contiguous(())?.view_as_complex();
    /// A real tensor whose last dimension is 2 as a complex one.
    fn view_as_complex(input: Tensor) [] view { as_complex(&input) } d input = |g| g.resolve_conj()?.view_as_real();
    /// The angle of complex numbers; of real ones 0 or pi.
    fn angle(input: Tensor) [] eval { angle_of(&input) }
        d input = |g, input| if input.dtype().is_complex() {
            let n = input.abs().pow_scalar(2i64)?;
            let turned = input.div(n, ()).mul(Scalar::Complex(Complex::new(0.0, 1.0)));
            input.eq(0i64)?.where_op(0i64, turned.mul(g)) } else { g.mul(0i64) };
    /// The bitwise or logical complement.
    fn bitwise_not(input: Tensor) [inplace] eval { match input.dtype() {
        DType::Bool => map(&input, DType::Bool, |x: bool| !x),
        d if d.is_integral() => map(&input, d, |x: i64| !x),
        d => Err(Error::dtype("bitwise_not_cpu", d)) } };
    /// Whether the sign bit is set.
    fn signbit(input: Tensor) [] eval { match input.dtype().compute() {
        DType::Int64 => map(&input, DType::Bool, |x: i64| x < 0),
        DType::Float32 => map(&input, DType::Bool, |x: f32| x.is_sign_negative()),
        DType::Float64 => map(&input, DType::Bool, |x: f64| x.is_sign_negative()),
        _ => Err(Error::runtime("signbit is not implemented for complex tensors.")) } };
}

/// One in the type of `x`, with pi beside it.
trait One: Copy {
    fn one(self) -> Self;
    fn pi(self) -> Self;
}
macro_rules! one {
    ($($t:ty: $one:expr, $pi:expr);*) => { $(impl One for $t {
        fn one(self) -> Self { $one }
        fn pi(self) -> Self { $pi }
    })* };
}
one!(f32: 1.0, std::f32::consts::PI; f64: 1.0, std::f64::consts::PI;
    Complex<f32>: Complex::new(1.0, 0.0), Complex::new(std::f32::consts::PI, 0.0);
    Complex<f64>: Complex::new(1.0, 0.0), Complex::new(std::f64::consts::PI, 0.0));
fn one_like<T: One>(x: T) -> T {
    x.one()
}

/// Inverse error function: Giles' starting value ("Approximating the erfinv function", 2010),
/// two steps of Newton's method.
fn erfinv_of(y: f64) -> f64 {
    if y.abs() >= 1.0 {
        return if y.abs() > 1.0 || y.is_nan() { f64::NAN } else { y * f64::INFINITY };
    }
    let w = -((1.0 - y) * (1.0 + y)).ln();
    let mut x = if w < 5.0 {
        let w = w - 2.5;
        [2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
            -0.00125372503, -0.00417768164, 0.246640727, 1.50140941].iter().fold(0.0, |p, c| p * w + c) * y
    } else {
        let w = w.sqrt() - 3.0;
        [-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
            -0.0076224613, 0.00943887047, 1.00167406, 2.83297682].iter().fold(0.0, |p, c| p * w + c) * y
    };
    for _ in 0..2 {
        let e = if y.abs() < 0.5 { libm::erf(x) - y } else { (libm::erfc(-x.abs()) - 1.0 - y.abs()).copysign(y) * 1.0 };
        let e = if y.abs() < 0.5 { e } else { ((1.0 - y.abs()) - libm::erfc(x.abs())).copysign(y) };
        x -= e / (std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp());
    }
    x
}

/// Digamma: reflection, recurrence up to 10, then the asymptotic series (Abramowitz and Stegun 6.3).
fn digamma_of(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY.copysign(-x);
    }
    if x < 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        let r = x - x.trunc();
        return digamma_of(1.0 - x) - std::f64::consts::PI / (std::f64::consts::PI * r).tan();
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum -= 1.0 / x;
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let tail = z * (1.0 / 12.0 - z * (1.0 / 120.0 - z * (1.0 / 252.0 - z * (1.0 / 240.0
        - z * (1.0 / 132.0 - z * (691.0 / 32760.0 - z / 12.0))))));
    sum + x.ln() - 0.5 / x - tail
}

/// Trigamma, in the same way (6.4).
fn trigamma_of(x: f64) -> f64 {
    if x < 0.5 {
        let s = (std::f64::consts::PI * x).sin();
        return (std::f64::consts::PI / s).powi(2) - trigamma_of(1.0 - x);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    sum + 1.0 / x + z / 2.0 + z / x * (1.0 / 6.0 - z * (1.0 / 30.0 - z * (1.0 / 42.0 - z * (1.0 / 30.0 - z * 5.0 / 66.0))))
}
