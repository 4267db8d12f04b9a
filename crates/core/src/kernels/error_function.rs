//! The error function's family: inverses, scaled forms, the normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, PI, SQRT_2};

/// Error function.
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// `1 - erf(x)`.
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// Inverse of `erf`: Giles' starting value ("Approximating the erfinv function", 2010), then
/// Newton's method on whichever of `erf` and `erfc` does not cancel.
pub fn erfinv(y: f64) -> f64 {
    let a = y.abs();
    if a >= 1.0 || y.is_nan() {
        return if a == 1.0 { y * f64::INFINITY } else { f64::NAN };
    }
    const CENTRE: [f64; 9] = [
        2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087, -0.00125372503,
        -0.00417768164, 0.246640727, 1.50140941,
    ];
    const TAIL: [f64; 9] = [
        -0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773, -0.0076224613,
        0.00943887047, 1.00167406, 2.83297682,
    ];
    let horner = |c: &[f64; 9], w: f64| c.iter().fold(0.0, |p, c| p * w + c);
    let w = -((1.0 - a) * (1.0 + a)).ln();
    let mut x = a * if w < 5.0 { horner(&CENTRE, w - 2.5) } else { horner(&TAIL, w.sqrt() - 3.0) };
    for _ in 0..3 {
        let off = if a < 0.5 { erf(x) - a } else { (1.0 - a) - erfc(x) };
        x -= off / (FRAC_2_SQRT_PI * (-x * x).exp());
    }
    x.copysign(y)
}

/// `exp(x^2) erfc(x)`; far out by Laplace's continued fraction (Abramowitz and Stegun 7.1.14).
pub fn erfcx(x: f64) -> f64 {
    if x < 8.0 {
        return (x * x).exp() * erfc(x);
    }
    let mut tail = 0.0;
    for k in (1..=40).rev() {
        tail = f64::from(k) * 0.5 / (x + tail);
    }
    1.0 / (PI.sqrt() * (x + tail))
}

/// The distribution function of the normal distribution.
pub fn ndtr(x: f64) -> f64 {
    0.5 * erfc(-x * FRAC_1_SQRT_2)
}

/// Its logarithm, also where it underflows.
pub fn log_ndtr(x: f64) -> f64 {
    let t = x * FRAC_1_SQRT_2;
    if x < -1.0 { (erfcx(-t) * 0.5).ln() - t * t } else { (-0.5 * erfc(t)).ln_1p() }
}

/// Its inverse: a rational starting value (Abramowitz and Stegun 26.2.23), then Halley's method.
pub fn ndtri(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    if p == 0.0 || p == 1.0 {
        return if p == 0.0 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    if (0.25..=0.75).contains(&p) {
        return SQRT_2 * erfinv(2.0 * p - 1.0);
    }
    let (q, side) = if p < 0.5 { (p, -1.0) } else { (1.0 - p, 1.0) };
    let t = (-2.0 * q.ln()).sqrt();
    let top = 2.515517 + t * (0.802853 + t * 0.010328);
    let mut x = t - top / (1.0 + t * (1.432788 + t * (0.189269 + t * 0.001308)));
    for _ in 0..3 {
        // Against the logarithm, which stays of one size far out.
        let off = log_ndtr(-x) - q.ln();
        let slope = (2.0 / PI).sqrt() / erfcx(x * FRAC_1_SQRT_2);
        x += off / slope;
    }
    side * x
}

/// `-x ln x`, the entropy of an outcome.
pub fn entr(x: f64) -> f64 {
    if x > 0.0 {
        -x * x.ln()
    } else if x == 0.0 {
        0.0
    } else if x < 0.0 {
        f64::NEG_INFINITY
    } else {
        x
    }
}

