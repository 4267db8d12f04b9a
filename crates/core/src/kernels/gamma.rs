//! The gamma function's family.

use std::f64::consts::PI;

/// `ln |gamma(x)|`.
pub fn lgamma(x: f64) -> f64 {
    if x.is_infinite() { f64::INFINITY } else { libm::lgamma(x) }
}

/// Logarithmic derivative of gamma: reflection, recurrence up to 10, then the asymptotic series
/// (Abramowitz and Stegun 6.3).
pub fn digamma(x: f64) -> f64 {
    if x == 0.0 {
        return f64::NEG_INFINITY.copysign(-x);
    }
    if x < 0.0 {
        if x == x.floor() {
            return f64::NAN;
        }
        let r = x - x.trunc();
        return digamma(1.0 - x) - PI / (PI * r).tan();
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

/// Derivative of `digamma`, in the same way (6.4).
pub fn trigamma(x: f64) -> f64 {
    if x < 0.5 {
        let s = (PI * x).sin();
        return (PI / s).powi(2) - trigamma(1.0 - x);
    }
    let (mut x, mut sum) = (x, 0.0);
    while x < 10.0 {
        sum += 1.0 / (x * x);
        x += 1.0;
    }
    let z = 1.0 / (x * x);
    let series = 1.0 / 6.0 - z * (1.0 / 30.0 - z * (1.0 / 42.0 - z * (1.0 / 30.0 - z * (5.0 / 66.0 - z * 691.0 / 2730.0))));
    sum + 1.0 / x + z / 2.0 + z / x * series
}

/// The `n`-th derivative of `digamma`.
pub fn polygamma(n: i64, x: f64) -> f64 {
    match n {
        0 => digamma(x),
        1 => trigamma(x),
        _ => {
            let sign = if n % 2 == 0 { -1.0 } else { 1.0 };
            sign * lgamma(n as f64 + 1.0).exp() * zeta(n as f64 + 1.0, x)
        }
    }
}

/// Hurwitz' zeta function, the sum of `(q + k)^-x`, by Euler and Maclaurin's formula (Abramowitz
/// and Stegun 23.1.30 applied to it).
pub fn zeta(x: f64, q: f64) -> f64 {
    /// `B_2k / (2k)!`
    const TERMS: [f64; 10] = [
        1.0 / 12.0, -1.0 / 720.0, 1.0 / 30240.0, -1.0 / 1209600.0, 1.0 / 47900160.0, -691.0 / 1307674368000.0,
        1.0 / 74724249600.0, -3617.0 / 10670622842880000.0, 43867.0 / 5109094217170944000.0,
        -174611.0 / 802857662698291200000.0,
    ];
    if x == 1.0 {
        return f64::INFINITY;
    }
    if !(x >= 1.0) {
        return f64::NAN;
    }
    if q <= 0.0 {
        if q == q.floor() {
            return f64::INFINITY;
        }
        if x != x.floor() {
            return f64::NAN;
        }
    }
    let (mut a, mut sum) = (q, 0.0);
    for k in 0.. {
        if k >= 10 && a > 9.0 {
            break;
        }
        let term = a.powf(-x);
        sum += term;
        if term.abs() < 1e-17 * sum.abs() && a > 0.0 {
            return sum;
        }
        a += 1.0;
        if k > 100_000 {
            return f64::NAN;
        }
    }
    let power = a.powf(-x);
    sum += power * a / (x - 1.0) + 0.5 * power;
    let (mut factor, mut p) = (x, power / a);
    for (k, c) in TERMS.iter().enumerate() {
        let term = c * factor * p;
        sum += term;
        if (term / sum).abs() < 1e-17 {
            break;
        }
        let k = 2.0 * k as f64;
        factor *= (x + k + 1.0) * (x + k + 2.0);
        p /= a * a;
    }
    sum
}

/// `exp(-x) x^a / gamma(a + 1)`.
fn prefactor(a: f64, x: f64) -> f64 {
    if a < 100.0 {
        return (a * x.ln() - x - lgamma(a + 1.0)).exp();
    }
    // For large `a` the logarithms cancel: Stirling's series, around the peak.
    let d = (x - a) / a;
    let stirling = 1.0 / (12.0 * a) - 1.0 / (360.0 * a.powi(3)) + 1.0 / (1260.0 * a.powi(5));
    let bend = if d.abs() < 0.5 { log1p_minus(d) } else { (x / a).ln() - d };
    (a * bend - stirling).exp() / (2.0 * PI * a).sqrt()
}

/// `ln(1 + d) - d` for small `d`.
fn log1p_minus(d: f64) -> f64 {
    if d.abs() > 0.1 {
        return d.ln_1p() - d;
    }
    let (mut p, mut sum) = (d, 0.0);
    for k in 2..40 {
        p *= -d;
        sum += p / f64::from(k);
    }
    sum
}

/// The lower regularised incomplete gamma function and its complement: series below the peak,
/// Lentz' continued fraction above (Press et al., "Numerical Recipes", 1992, section 6.2).
fn incomplete(a: f64, x: f64) -> (f64, f64) {
    if x < 0.0 || a < 0.0 {
        return (f64::NAN, f64::NAN);
    }
    if a == 0.0 {
        return if x > 0.0 { (1.0, 0.0) } else { (f64::NAN, f64::NAN) };
    }
    if x == 0.0 {
        return (0.0, 1.0);
    }
    if a.is_infinite() {
        return if x.is_infinite() { (f64::NAN, f64::NAN) } else { (0.0, 1.0) };
    }
    if x.is_infinite() {
        return (1.0, 0.0);
    }
    if x.is_nan() || a.is_nan() {
        return (f64::NAN, f64::NAN);
    }
    let front = prefactor(a, x);
    if x < a + 1.0 {
        let (mut term, mut sum, mut n) = (1.0, 1.0, a);
        while term > 1e-17 * sum {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        let p = front * sum;
        return (p, 1.0 - p);
    }
    const TINY: f64 = 1e-300;
    let mut b = x + 1.0 - a;
    let (mut c, mut d) = (1.0 / TINY, 1.0 / b);
    let mut h = d;
    for i in 1..100_000 {
        let i = f64::from(i);
        let an = -i * (i - a);
        b += 2.0;
        d = an * d + b;
        c = b + an / c;
        if d.abs() < TINY { d = TINY; }
        if c.abs() < TINY { c = TINY; }
        d = 1.0 / d;
        let step = d * c;
        h *= step;
        if (step - 1.0).abs() < 1e-16 {
            break;
        }
    }
    let q = front * a * h;
    (1.0 - q, q)
}

/// The lower regularised incomplete gamma function.
pub fn igamma(a: f64, x: f64) -> f64 {
    incomplete(a, x).0
}

/// The upper one.
pub fn igammac(a: f64, x: f64) -> f64 {
    incomplete(a, x).1
}
