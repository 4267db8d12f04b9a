//! Factorisations of one row-major matrix in double precision: LU, Cholesky, QR, singular values;
//! and the triangular solves that go with them (Golub and Van Loan, "Matrix Computations", 2013;
//! pivots and signs as LAPACK has them).

use super::order::places;
use num_complex::Complex;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub, SubAssign};

/// What matrices are factorised over.
pub trait Field:
    Copy + Default + PartialEq + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Div<Output = Self>
    + Neg<Output = Self> + AddAssign + SubAssign + crate::dtype::Element
{
    /// A real number.
    fn real(x: f64) -> Self;
    /// The real part.
    fn re(self) -> f64;
    /// The imaginary part.
    fn im(self) -> f64;
    /// The number with these parts; the second is ignored where there is none.
    fn parts(re: f64, im: f64) -> Self;
    /// The complex conjugate.
    fn conj(self) -> Self {
        Self::parts(self.re(), -self.im())
    }
    /// The absolute value.
    fn modulus(self) -> f64 {
        self.re().hypot(self.im())
    }
    /// The square of the absolute value.
    fn square(self) -> f64 {
        self.re() * self.re() + self.im() * self.im()
    }
}
impl Field for f64 {
    fn real(x: f64) -> f64 {
        x
    }
    fn re(self) -> f64 {
        self
    }
    fn im(self) -> f64 {
        0.0
    }
    fn parts(re: f64, _im: f64) -> f64 {
        re
    }
}
impl Field for Complex<f64> {
    fn real(x: f64) -> Self {
        Complex::new(x, 0.0)
    }
    fn re(self) -> f64 {
        self.re
    }
    fn im(self) -> f64 {
        self.im
    }
    fn parts(re: f64, im: f64) -> Self {
        Complex::new(re, im)
    }
}

/// `P A = L U` in place; `pivots` counts rows from one. Returns the first zero of `U`'s diagonal,
/// counted from one, or zero.
pub fn lu<T: Field>(a: &mut [T], m: usize, n: usize, pivots: &mut [i32]) -> i32 {
    let mut info = 0;
    for k in 0..m.min(n) {
        // LAPACK compares complex numbers by the sum of their parts.
        let weight = |x: T| x.re().abs() + x.im().abs();
        let mut best = k;
        for i in k + 1..m {
            if weight(a[i * n + k]) > weight(a[best * n + k]) {
                best = i;
            }
        }
        pivots[k] = best as i32 + 1;
        if best != k {
            for j in 0..n {
                a.swap(k * n + j, best * n + j);
            }
        }
        let d = a[k * n + k];
        if d == T::default() {
            if info == 0 {
                info = k as i32 + 1;
            }
            continue;
        }
        for i in k + 1..m {
            let f = a[i * n + k] / d;
            a[i * n + k] = f;
            for j in k + 1..n {
                let x = a[k * n + j];
                a[i * n + j] -= f * x;
            }
        }
    }
    info
}

/// Moves the rows of `b` as `pivots` moved those of the matrix.
pub fn permute<T: Copy>(pivots: &[i32], b: &mut [T], columns: usize) {
    for (k, p) in pivots.iter().enumerate() {
        let p = *p as usize - 1;
        if p != k {
            for j in 0..columns {
                b.swap(k * columns + j, p * columns + j);
            }
        }
    }
}

/// Which triangle of a matrix is meant.
#[derive(Clone, Copy)]
pub struct Triangle {
    /// The upper one.
    pub upper: bool,
    /// Its diagonal counts as ones.
    pub unit: bool,
}

/// Solves `A X = B` in place for a triangle of the `n` by `n` matrix `a`.
pub fn solve_triangle<T: Field>(a: &[T], n: usize, b: &mut [T], columns: usize, which: Triangle) {
    for step in 0..n {
        let i = if which.upper { n - 1 - step } else { step };
        let done = if which.upper { i + 1..n } else { 0..i };
        for k in done {
            let f = a[i * n + k];
            for j in 0..columns {
                let x = b[k * columns + j];
                b[i * columns + j] -= f * x;
            }
        }
        if !which.unit {
            let d = a[i * n + i];
            for x in &mut b[i * columns..(i + 1) * columns] {
                *x = *x / d;
            }
        }
    }
}

/// `A = L L^H` in place, from and in the lower triangle. Returns the order of the first minor that
/// is not positive, or zero.
pub fn cholesky<T: Field>(a: &mut [T], n: usize) -> i32 {
    for j in 0..n {
        let mut d = a[j * n + j].re();
        for k in 0..j {
            d -= a[j * n + k].square();
        }
        if d <= 0.0 || d.is_nan() {
            a[j * n + j] = T::real(d);
            return j as i32 + 1;
        }
        let d = d.sqrt();
        a[j * n + j] = T::real(d);
        for i in j + 1..n {
            let mut x = a[i * n + j];
            for k in 0..j {
                x -= a[i * n + k] * a[j * n + k].conj();
            }
            a[i * n + j] = x / T::real(d);
        }
    }
    0
}

/// `A = Q R` by Householder's reflections: `a` becomes `R`; returns `Q` with `columns` columns.
pub fn qr<T: Field>(a: &mut [T], m: usize, n: usize, columns: usize) -> Vec<T> {
    let mut q = vec![T::default(); m * columns];
    for i in 0..m.min(columns) {
        q[i * columns + i] = T::real(1.0);
    }
    let factors = packed_qr(a, m, n);
    for (k, tau) in factors.iter().enumerate().rev() {
        let mut v: Vec<T> = (k..m).map(|i| std::mem::take(&mut a[i * n + k])).collect();
        a[k * n + k] = std::mem::replace(&mut v[0], T::real(1.0));
        if *tau != T::default() {
            reflect(&mut q, columns, k, 0..columns, &v, *tau);
        }
    }
    q
}

/// The same as LAPACK keeps it: the vectors of the reflections lie below `R`, without their leading
/// ones; returns the factors of the reflections.
pub fn packed_qr<T: Field>(a: &mut [T], m: usize, n: usize) -> Vec<T> {
    let mut factors = Vec::with_capacity(m.min(n));
    for k in 0..m.min(n) {
        let alpha = a[k * n + k];
        let rest: f64 = (k + 1..m).map(|i| a[i * n + k].square()).sum();
        if rest == 0.0 && alpha.im() == 0.0 {
            factors.push(T::default());
            continue;
        }
        let norm = (alpha.square() + rest).sqrt();
        let beta = if alpha.re() >= 0.0 { -norm } else { norm };
        let tau = T::parts((beta - alpha.re()) / beta, -alpha.im() / beta);
        let scale = T::real(1.0) / (alpha - T::real(beta));
        let mut v: Vec<T> = (k..m).map(|i| a[i * n + k] * scale).collect();
        v[0] = T::real(1.0);
        reflect(a, n, k, k..n, &v, tau.conj());
        for i in k + 1..m {
            a[i * n + k] = v[i - k];
        }
        factors.push(tau);
    }
    factors
}

/// `(I - tau v v^H) A` on the rows from `top` on.
fn reflect<T: Field>(a: &mut [T], n: usize, top: usize, columns: std::ops::Range<usize>, v: &[T], tau: T) {
    for j in columns {
        let mut dot = T::default();
        for (i, x) in v.iter().enumerate() {
            dot += x.conj() * a[(top + i) * n + j];
        }
        let f = tau * dot;
        for (i, x) in v.iter().enumerate() {
            a[(top + i) * n + j] -= f * *x;
        }
    }
}

/// `A = U S V^H` of an `m` by `n` matrix with `m >= n`, by one-sided Jacobi rotations (Hestenes,
/// "Inversion of Matrices by Biorthogonalization", 1958). Returns the columns of `U` (`n` of them),
/// `S`, and the columns of `V`.
pub fn svd<T: Field>(a: &[T], m: usize, n: usize) -> (Vec<Vec<T>>, Vec<f64>, Vec<Vec<T>>) {
    let mut u: Vec<Vec<T>> = (0..n).map(|j| (0..m).map(|i| a[i * n + j]).collect()).collect();
    let mut v: Vec<Vec<T>> = (0..n).map(|j| (0..n).map(|i| T::real(f64::from(u8::from(i == j)))).collect()).collect();
    // Convergence is quadratic; a few sweeps are enough for any matrix.
    for _ in 0..60 {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let length = |c: &[T]| c.iter().map(|x| x.square()).sum::<f64>();
                let (alpha, beta) = (length(&u[p]), length(&u[q]));
                let mut gamma = T::default();
                for (x, y) in u[p].iter().zip(&u[q]) {
                    gamma += x.conj() * *y;
                }
                let size = gamma.modulus();
                if size <= 1e-16 * (alpha * beta).sqrt() || size == 0.0 || !size.is_finite() {
                    continue;
                }
                turned = true;
                let zeta = (beta - alpha) / (2.0 * size);
                let t = (if zeta < 0.0 { -1.0 } else { 1.0 }) / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let phase = gamma.conj() * T::real(1.0 / size);
                rotate(&mut u, p, q, phase, c, c * t);
                rotate(&mut v, p, q, phase, c, c * t);
            }
        }
        if !turned {
            break;
        }
    }
    let norms: Vec<f64> = u.iter().map(|c| c.iter().map(|x| x.square()).sum::<f64>().sqrt()).collect();
    let order = places(n, &|i, j| norms[j].total_cmp(&norms[i]));
    let s: Vec<f64> = order.iter().map(|i| norms[*i]).collect();
    let least = s.first().map_or(0.0, |x| x * f64::EPSILON * m as f64);
    let columns = order.iter().map(|&i| {
        let f = if norms[i] > least { 1.0 / norms[i] } else { 0.0 };
        u[i].iter().map(|x| *x * T::real(f)).collect()
    }).collect();
    (columns, s, order.iter().map(|&i| v[i].clone()).collect())
}

/// Turns two columns in their plane, the second with a phase first.
pub fn rotate<T: Field>(columns: &mut [Vec<T>], p: usize, q: usize, phase: T, c: f64, s: f64) {
    let (a, b) = columns.split_at_mut(q);
    for (x, y) in a[p].iter_mut().zip(&mut b[0]) {
        let (l, r) = (*x, *y * phase);
        *x = l * T::real(c) - r * T::real(s);
        *y = l * T::real(s) + r * T::real(c);
    }
}

/// Makes columns of length `m` a basis: those that are zero or missing up to `count` are found by
/// orthogonalising unit vectors.
pub fn complete<T: Field>(columns: &mut Vec<Vec<T>>, m: usize, count: usize) {
    let size = |c: &[T]| c.iter().map(|x| x.square()).sum::<f64>().sqrt();
    columns.resize(count.max(columns.len()), vec![T::default(); m]);
    let mut unit = 0;
    for k in 0..columns.len() {
        while size(&columns[k]) < 0.5 && unit < m {
            let mut c = vec![T::default(); m];
            c[unit] = T::real(1.0);
            unit += 1;
            // Twice is enough.
            for _ in 0..2 {
                for other in columns.iter().filter(|o| size(o) > 0.5) {
                    let mut dot = T::default();
                    for (x, y) in other.iter().zip(&c) {
                        dot += x.conj() * *y;
                    }
                    for (x, y) in other.iter().zip(&mut c) {
                        *y -= dot * *x;
                    }
                }
            }
            let n = size(&c);
            if n > 1e-8 {
                columns[k] = c.iter().map(|x| *x * T::real(1.0 / n)).collect();
            }
        }
    }
}
