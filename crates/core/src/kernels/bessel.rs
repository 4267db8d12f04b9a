//! Bessel functions of integer order, modified ones, and Airy's. Formula numbers are those of
//! Abramowitz and Stegun, "Handbook of Mathematical Functions", 1964.

use std::f64::consts::PI;

const EULER: f64 = 0.577_215_664_901_532_9;

/// `sum (x^2/4)^k / (k! (k+n)!)` times `(x/2)^n` (9.6.10), for small `x`.
fn i_series(n: u32, x: f64) -> f64 {
    let z = x * x / 4.0;
    let (mut term, mut k) = (if n == 0 { 1.0 } else { x / 2.0 }, 0.0);
    let mut sum = term;
    while term.abs() > 1e-17 * sum.abs() {
        k += 1.0;
        term *= z / (k * (k + f64::from(n)));
        sum += term;
    }
    sum
}

/// The asymptotic sum of `exp(-x) I_n(x) sqrt(2 pi x)` (9.7.1), for large `x`.
fn i_tail(n: u32, x: f64) -> f64 {
    let mu = 4.0 * f64::from(n * n);
    let (mut term, mut sum) = (1.0f64, 1.0f64);
    for k in 1..60 {
        let k = f64::from(k);
        let next = -term * (mu - (2.0 * k - 1.0).powi(2)) / (8.0 * k * x);
        if next.abs() >= term.abs() || next.abs() < 1e-17 * sum.abs() {
            break;
        }
        term = next;
        sum += term;
    }
    sum
}

/// `exp(-|x|) I_n(x)`.
fn i_scaled(n: u32, x: f64) -> f64 {
    let a = x.abs();
    if a.is_nan() {
        return x;
    }
    if a.is_infinite() {
        return 0.0;
    }
    let value = if a < 30.0 { i_series(n, a) * (-a).exp() } else { i_tail(n, a) / (2.0 * PI * a).sqrt() };
    if n % 2 == 1 && x < 0.0 { -value } else { value }
}

fn i_plain(n: u32, x: f64) -> f64 {
    let a = x.abs();
    if a < 30.0 {
        return i_series(n, x);
    }
    if a.is_infinite() {
        return f64::NAN;
    }
    // In two steps, as `exp` overflows before the function does.
    let half = (a / 2.0).exp();
    i_scaled(n, x) * half * half
}

/// Modified, first kind, order 0.
pub fn i0(x: f64) -> f64 {
    i_plain(0, x)
}

/// Modified, first kind, order 1.
pub fn i1(x: f64) -> f64 {
    i_plain(1, x)
}

/// `exp(-|x|) i0(x)`.
pub fn i0e(x: f64) -> f64 {
    i_scaled(0, x)
}

/// `exp(-|x|) i1(x)`.
pub fn i1e(x: f64) -> f64 {
    i_scaled(1, x)
}

/// `exp(x) K_v(x)` from its integral (9.6.24) by the trapezoidal rule, which converges faster than
/// any power (Trefethen and Weideman, "The exponentially convergent trapezoidal rule", 2014).
fn k_integral(v: f64, x: f64) -> f64 {
    // Narrower where the integrand is.
    let step = (0.5 / x.sqrt()).min(1.0 / 16.0);
    let mut sum = 0.5;
    for k in 1..1000 {
        let t = f64::from(k) * step;
        let rise = 2.0 * (t / 2.0).sinh().powi(2);
        let term = (-x * rise).exp() * (v * t).cosh();
        sum += term;
        if term < 1e-18 * sum {
            break;
        }
    }
    sum * step
}

/// `K_0` (9.6.13) and `K_1` (9.6.11) for small `x`.
fn k_series(n: u32, x: f64) -> f64 {
    let z = x * x / 4.0;
    let log = (x / 2.0).ln() + EULER;
    let (mut term, mut harmonic) = (1.0, 0.0);
    let mut sum = 0.0;
    if n == 0 {
        for k in 1..40 {
            let k = f64::from(k);
            term *= z / (k * k);
            harmonic += 1.0 / k;
            sum += term * harmonic;
        }
        return sum - log * i_series(0, x);
    }
    for k in 0..40 {
        let k = f64::from(k);
        // psi(k + 1) + psi(k + 2), without Euler's constant.
        sum += term * (2.0 * harmonic + 1.0 / (k + 1.0));
        harmonic += 1.0 / (k + 1.0);
        term *= z / ((k + 1.0) * (k + 2.0));
    }
    1.0 / x + log * i_series(1, x) - x / 4.0 * sum
}

/// `exp(x) K_n(x)`, or `K_n(x)` itself.
fn k_of(n: u32, x: f64, scaled: bool) -> f64 {
    if x == 0.0 {
        return f64::INFINITY;
    }
    if !(x > 0.0) {
        return f64::NAN;
    }
    if x < 2.0 {
        let value = k_series(n, x);
        return if scaled { value * x.exp() } else { value };
    }
    if x.is_infinite() {
        return 0.0;
    }
    let value = k_integral(f64::from(n), x);
    if scaled { value } else { value * (-x).exp() }
}

/// Modified, second kind, order 0.
pub fn k0(x: f64) -> f64 {
    k_of(0, x, false)
}

/// Modified, second kind, order 1.
pub fn k1(x: f64) -> f64 {
    k_of(1, x, false)
}

/// `exp(x) k0(x)`.
pub fn k0e(x: f64) -> f64 {
    k_of(0, x, true)
}

/// `exp(x) k1(x)`.
pub fn k1e(x: f64) -> f64 {
    k_of(1, x, true)
}

/// The functions of `libm`, which PyTorch leaves undefined at infinity.
fn finite(x: f64, f: fn(f64) -> f64) -> f64 {
    if x.is_infinite() { f64::NAN } else { f(x) }
}

/// First kind, order 0.
pub fn j0(x: f64) -> f64 {
    finite(x, libm::j0)
}

/// First kind, order 1.
pub fn j1(x: f64) -> f64 {
    finite(x, libm::j1)
}

/// Second kind, order 0.
pub fn y0(x: f64) -> f64 {
    finite(x, libm::y0)
}

/// Second kind, order 1.
pub fn y1(x: f64) -> f64 {
    finite(x, libm::y1)
}

/// Spherical, first kind, order 0: `sin(x) / x`.
pub fn spherical_j0(x: f64) -> f64 {
    if x.is_infinite() {
        0.0
    } else if x.abs() < 1e-4 {
        1.0 - x * x / 6.0
    } else {
        x.sin() / x
    }
}

/// Airy's function: its power series (10.4.2) where that does not cancel, `K_1/3` (10.4.14) to the
/// right, the asymptotic expansion (10.4.60) far to the left.
pub fn airy_ai(x: f64) -> f64 {
    const AI0: f64 = 0.355_028_053_887_817_2;
    const SLOPE: f64 = 0.258_819_403_792_806_8;
    if x.is_infinite() {
        return f64::NAN;
    }
    if x > 2.0 {
        let zeta = 2.0 / 3.0 * x * x.sqrt();
        return (x / 3.0).sqrt() / PI * k_integral(1.0 / 3.0, zeta) * (-zeta).exp();
    }
    if x > -8.0 {
        let cube = x * x * x;
        let (mut f, mut g) = (1.0f64, x);
        let (mut sum_f, mut sum_g) = (f, g);
        let mut k = 0.0;
        while k < 200.0 && f.abs() + g.abs() > 1e-18 {
            f *= cube / ((k + 2.0) * (k + 3.0));
            g *= cube / ((k + 3.0) * (k + 4.0));
            sum_f += f;
            sum_g += g;
            k += 3.0;
        }
        return AI0 * sum_f - SLOPE * sum_g;
    }
    if x.is_nan() {
        return x;
    }
    let a = -x;
    let zeta = 2.0 / 3.0 * a * a.sqrt();
    let (mut c, mut even, mut odd) = (1.0, 0.0, 0.0);
    for k in 0..12u32 {
        match k % 4 {
            0 => even += c,
            1 => odd += c,
            2 => even -= c,
            _ => odd -= c,
        }
        let k = f64::from(k);
        c *= (6.0 * k + 1.0) * (6.0 * k + 3.0) * (6.0 * k + 5.0) / (216.0 * (k + 1.0) * (2.0 * k + 1.0) * zeta);
    }
    let phase = zeta + PI / 4.0;
    (phase.sin() * even - phase.cos() * odd) / (PI.sqrt() * a.sqrt().sqrt())
}
