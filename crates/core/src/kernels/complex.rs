//! Functions of a complex number in double precision, with C99's branch cuts; single precision
//! goes through these too.

use num_complex::Complex;
use std::f64::consts::{LN_2, PI};

/// Double precision throughout.
pub type C = Complex<f64>;

/// `i z` without a rounding, and with the signs of zeros as C99 wants them.
fn times_i(z: C) -> C {
    C::new(-z.im, z.re)
}

fn over_i(z: C) -> C {
    C::new(z.im, -z.re)
}

/// `1 + z` and `1 - z`, keeping the sign of a zero imaginary part.
fn one_plus(z: C) -> C {
    C::new(1.0 + z.re, z.im)
}

fn one_minus(z: C) -> C {
    C::new(1.0 - z.re, -z.im)
}

/// `|z|` without overflow.
pub fn abs(z: C) -> f64 {
    z.re.hypot(z.im)
}

/// Square root (Kahan, "Branch cuts for complex elementary functions", 1987).
pub fn sqrt(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x == 0.0 && y == 0.0 {
        return C::new(0.0, y);
    }
    if y.is_infinite() {
        return C::new(f64::INFINITY, y);
    }
    if x.is_infinite() {
        let other = if y.is_nan() { y } else { 0.0f64 };
        return if x > 0.0 { C::new(x, other.copysign(y)) } else { C::new(other, x.abs().copysign(y)) };
    }
    // Halved or doubled, so that neither the sum nor the parts leave the range.
    let (scale, back) = if abs(z) > 1e300 { (0.25, 2.0) } else if abs(z) < 1e-290 { (2f64.powi(108), 2f64.powi(-54)) } else { (1.0, 1.0) };
    let (x, y) = (x * scale, y * scale);
    let t = ((x.abs() + x.hypot(y)) * 0.5).sqrt();
    let w = if x >= 0.0 { C::new(t, y / (2.0 * t)) } else { C::new(y.abs() / (2.0 * t), t.copysign(y)) };
    w * back
}

/// Natural exponential.
pub fn exp(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.exp(), z.im);
    }
    if z.re.is_infinite() && !z.im.is_finite() {
        return if z.re < 0.0 { C::new(0.0, 0.0) } else { C::new(z.re, f64::NAN) };
    }
    let r = z.re.exp();
    C::new(r * z.im.cos(), r * z.im.sin())
}

/// `exp(z) - 1`, accurate near zero.
pub fn expm1(z: C) -> C {
    let half = (0.5 * z.im).sin();
    C::new(z.re.exp_m1() * z.im.cos() - 2.0 * half * half, z.re.exp() * z.im.sin())
}

/// `2^z`.
pub fn exp2(z: C) -> C {
    exp(z * LN_2)
}

/// Natural logarithm.
pub fn ln(z: C) -> C {
    let (big, small) = (z.re.abs().max(z.im.abs()), z.re.abs().min(z.im.abs()));
    // Near the unit circle `ln |z|` cancels.
    let re = if (0.5..2.0).contains(&big) {
        0.5 * ((big - 1.0) * (big + 1.0) + small * small).ln_1p()
    } else {
        abs(z).ln()
    };
    C::new(re, z.im.atan2(z.re))
}

/// `ln(1 + z)`, accurate near zero.
pub fn ln_1p(z: C) -> C {
    if z.re.abs() > 0.5 || z.im.abs() > 0.5 {
        return ln(one_plus(z));
    }
    C::new(0.5 * (z.re * (2.0 + z.re) + z.im * z.im).ln_1p(), z.im.atan2(1.0 + z.re))
}

/// Hyperbolic sine.
pub fn sinh(z: C) -> C {
    if z.im == 0.0 {
        return C::new(z.re.sinh(), z.im);
    }
    if z.re == 0.0 {
        return C::new(z.re, z.im.sin());
    }
    C::new(z.re.sinh() * z.im.cos(), z.re.cosh() * z.im.sin())
}

/// Hyperbolic cosine.
pub fn cosh(z: C) -> C {
    if z.im == 0.0 || z.re == 0.0 {
        return C::new(z.re.cosh() * z.im.cos(), z.re * z.im);
    }
    C::new(z.re.cosh() * z.im.cos(), z.re.sinh() * z.im.sin())
}

/// Hyperbolic tangent (Kahan, 1987).
pub fn tanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    if x.abs() > 22.0 {
        let tiny = 4.0 * y.sin() * y.cos() * (-2.0 * x.abs()).exp();
        return C::new(1f64.copysign(x), if y.is_finite() { tiny } else { 0f64.copysign(y) });
    }
    let (t, s) = (y.tan(), x.sinh());
    let (beta, rho) = (1.0 + t * t, (1.0 + s * s).sqrt());
    if t.is_infinite() {
        return C::new(rho / s, 1.0 / t);
    }
    C::new(beta * rho * s, t) / (1.0 + beta * s * s)
}

/// Sine.
pub fn sin(z: C) -> C {
    over_i(sinh(times_i(z)))
}

/// Cosine.
pub fn cos(z: C) -> C {
    cosh(times_i(z))
}

/// Tangent.
pub fn tan(z: C) -> C {
    over_i(tanh(times_i(z)))
}

/// Inverse sine (Kahan, 1987), as are the five below.
pub fn asin(z: C) -> C {
    let (p, q) = (sqrt(one_minus(z)), sqrt(one_plus(z)));
    C::new(z.re.atan2((p * q).re), libm::asinh((p.conj() * q).im))
}

/// Inverse cosine.
pub fn acos(z: C) -> C {
    let (p, q) = (sqrt(one_minus(z)), sqrt(one_plus(z)));
    C::new(2.0 * p.re.atan2(q.re), libm::asinh((q.conj() * p).im))
}

/// Inverse hyperbolic cosine.
pub fn acosh(z: C) -> C {
    let (p, q) = (sqrt(C::new(z.re - 1.0, z.im)), sqrt(one_plus(z)));
    C::new(libm::asinh((p.conj() * q).re), 2.0 * p.im.atan2(q.re))
}

/// Inverse hyperbolic sine.
pub fn asinh(z: C) -> C {
    over_i(asin(times_i(z)))
}

/// Inverse hyperbolic tangent.
pub fn atanh(z: C) -> C {
    let (x, y) = (z.re, z.im);
    // Far out the squares overflow, and the result is `1/z` turned to the right side.
    if x.abs() > 1e150 || y.abs() > 1e150 {
        return C::new((1.0 / z).re, (PI / 2.0).copysign(y));
    }
    let (one, yy) = (1.0 - x, y * y);
    C::new((4.0 * x / (one * one + yy)).ln_1p() / 4.0, (2.0 * y).atan2(one * (1.0 + x) - yy) / 2.0)
}

/// Inverse tangent.
pub fn atan(z: C) -> C {
    over_i(atanh(times_i(z)))
}

/// `x^y`, with `0^0 = 1`.
pub fn pow(x: C, y: C) -> C {
    if y == C::new(0.0, 0.0) {
        return C::new(1.0, 0.0);
    }
    if x == C::new(0.0, 0.0) {
        return if y.re > 0.0 { x * 0.0 } else { C::new(f64::NAN, f64::NAN) };
    }
    if y.im == 0.0 && y.re.fract() == 0.0 && y.re.abs() <= 64.0 {
        return x.powi(y.re as i32);
    }
    exp(y * ln(x))
}

/// `1 / (1 + exp(-z))`.
pub fn logistic(z: C) -> C {
    div(C::new(1.0, 0.0), one_plus(exp(-z)))
}

/// `sin(pi z) / (pi z)`, one at zero.
pub fn sinc(z: C) -> C {
    let x = z * PI;
    if x == C::new(0.0, 0.0) { C::new(1.0, 0.0) } else { div(sin(x), x) }
}

/// `ln(exp(x) + exp(y))`.
pub fn log_add_exp(x: C, y: C) -> C {
    let (small, large) = if x.re <= y.re { (x, y) } else { (y, x) };
    if small.re == large.re && !small.re.is_finite() {
        return if small.re < 0.0 { small } else { ln(exp(x) + exp(y)) };
    }
    large + ln_1p(exp(small - large))
}

/// Quotient, scaled so that nothing overflows early (Smith, "Algorithm 116: Complex division",
/// 1962).
pub fn div<T>(x: Complex<T>, y: Complex<T>) -> Complex<T>
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
