//! Orthogonal polynomials by their three-term recurrences (Abramowitz and Stegun 22.7), and by
//! cosines where those of Chebyshev have them.

/// The value after `n` steps of `next(k, x, p_k, p_k-1)` from the first two.
fn recur(n: i64, first: f64, second: f64, next: impl Fn(f64, f64, f64) -> f64) -> f64 {
    if n < 0 {
        return 0.0;
    }
    let (mut p, mut q) = (first, second);
    for k in 1..=n {
        if q.is_nan() {
            return if k > 1 { q } else { p };
        }
        (p, q) = (q, next(k as f64, q, p));
    }
    p
}

/// The four kinds of Chebyshev's polynomials differ in their second member.
fn chebyshev(x: f64, n: i64, second: f64) -> f64 {
    recur(n, 1.0, second, |_, q, p| 2.0 * x * q - p)
}

fn even(n: i64) -> bool {
    n % 2 == 0
}

/// First kind: `cos(n acos(x))`.
pub fn chebyshev_t(x: f64, n: i64) -> f64 {
    if n >= 0 && x.abs() == 1.0 {
        return if x > 0.0 || even(n) { 1.0 } else { -1.0 };
    }
    if n > 6 && x.abs() < 1.0 {
        return (n as f64 * x.acos()).cos();
    }
    chebyshev(x, n, x)
}

/// Second kind: `sin((n + 1) acos(x)) / sin(acos(x))`.
pub fn chebyshev_u(x: f64, n: i64) -> f64 {
    if n >= 0 && x.abs() == 1.0 {
        let size = n as f64 + 1.0;
        return if x > 0.0 || even(n) { size } else { -size };
    }
    if n > 8 && x.abs() < 1.0 {
        let a = x.acos();
        return ((n as f64 + 1.0) * a).sin() / a.sin();
    }
    chebyshev(x, n, 2.0 * x)
}

/// Third kind: `cos((n + 1/2) acos(x)) / cos(acos(x) / 2)`.
pub fn chebyshev_v(x: f64, n: i64) -> f64 {
    if n >= 0 && x.abs() == 1.0 {
        let size = 2.0 * n as f64 + 1.0;
        return if x > 0.0 { 1.0 } else if even(n) { size } else { -size };
    }
    if n > 8 && x.abs() < 1.0 {
        let a = x.acos();
        return ((n as f64 + 0.5) * a).cos() / (a / 2.0).cos();
    }
    chebyshev(x, n, 2.0 * x - 1.0)
}

/// Fourth kind: `sin((n + 1/2) acos(x)) / sin(acos(x) / 2)`.
pub fn chebyshev_w(x: f64, n: i64) -> f64 {
    if n >= 0 && x.abs() == 1.0 {
        let size = 2.0 * n as f64 + 1.0;
        return if x > 0.0 { size } else if even(n) { 1.0 } else { -1.0 };
    }
    if n > 8 && x.abs() < 1.0 {
        let a = x.acos();
        return ((n as f64 + 0.5) * a).sin() / (a / 2.0).sin();
    }
    chebyshev(x, n, 2.0 * x + 1.0)
}

/// `chebyshev_t` of `2 x - 1`.
pub fn shifted_chebyshev_t(x: f64, n: i64) -> f64 {
    chebyshev_t(2.0 * x - 1.0, n)
}

/// `chebyshev_u` of `2 x - 1`.
pub fn shifted_chebyshev_u(x: f64, n: i64) -> f64 {
    chebyshev_u(2.0 * x - 1.0, n)
}

/// `chebyshev_v` of `2 x - 1`.
pub fn shifted_chebyshev_v(x: f64, n: i64) -> f64 {
    chebyshev_v(2.0 * x - 1.0, n)
}

/// `chebyshev_w` of `2 x - 1`.
pub fn shifted_chebyshev_w(x: f64, n: i64) -> f64 {
    chebyshev_w(2.0 * x - 1.0, n)
}

/// The physicists' Hermite polynomials.
pub fn hermite_h(x: f64, n: i64) -> f64 {
    recur(n, 1.0, 2.0 * x, |k, q, p| 2.0 * x * q - 2.0 * k * p)
}

/// The probabilists' Hermite polynomials.
pub fn hermite_he(x: f64, n: i64) -> f64 {
    recur(n, 1.0, x, |k, q, p| x * q - k * p)
}

/// Laguerre's polynomials.
pub fn laguerre_l(x: f64, n: i64) -> f64 {
    if n >= 0 && x == 0.0 {
        return 1.0;
    }
    recur(n, 1.0, 1.0 - x, |k, q, p| ((2.0 * k + 1.0 - x) * q - k * p) / (k + 1.0))
}

/// Legendre's polynomials.
pub fn legendre_p(x: f64, n: i64) -> f64 {
    if n >= 0 && x.abs() == 1.0 {
        return if x > 0.0 || even(n) { 1.0 } else { -1.0 };
    }
    recur(n, 1.0, x, |k, q, p| ((2.0 * k + 1.0) * x * q - k * p) / (k + 1.0))
}
