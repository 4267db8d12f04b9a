//! Eigenvalues and eigenvectors of one row-major matrix in double precision.

use super::factor::{rotate, Field};
use super::order::places;
use num_complex::Complex;

type C = Complex<f64>;

/// The eigenvalues of a Hermitian matrix, the least first, and its eigenvectors, by Jacobi's rotations
/// (Golub and Van Loan, "Matrix Computations", 2013, section 8.5).
pub fn hermitian<T: Field>(a: &[T], n: usize) -> (Vec<f64>, Vec<Vec<T>>) {
    let mut columns: Vec<Vec<T>> = (0..n).map(|j| (0..n).map(|i| a[i * n + j]).collect()).collect();
    let mut vectors: Vec<Vec<T>> =
        (0..n).map(|j| (0..n).map(|i| T::real(f64::from(u8::from(i == j)))).collect()).collect();
    for _ in 0..60 {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let (low, high, off) = (columns[p][p].re(), columns[q][q].re(), columns[q][p]);
                let size = off.modulus();
                if size <= 1e-17 * (low.abs() + high.abs()) || size < f64::MIN_POSITIVE || !size.is_finite() {
                    continue;
                }
                turned = true;
                let theta = (high - low) / (2.0 * size);
                let t = (if theta < 0.0 { -1.0 } else { 1.0 }) / (theta.abs() + (1.0 + theta * theta).sqrt());
                let c = 1.0 / (1.0 + t * t).sqrt();
                let phase = off.conj() * T::real(1.0 / size);
                rotate(&mut columns, p, q, phase, c, c * t);
                rotate(&mut vectors, p, q, phase, c, c * t);
                for column in &mut columns {
                    let (x, y) = (column[p], column[q] * phase.conj());
                    column[p] = x * T::real(c) - y * T::real(c * t);
                    column[q] = x * T::real(c * t) + y * T::real(c);
                }
            }
        }
        if !turned {
            break;
        }
    }
    let order = places(n, &|i, j| columns[i][i].re().total_cmp(&columns[j][j].re()));
    let values = order.iter().map(|&i| columns[i][i].re()).collect();
    (values, order.iter().map(|&i| vectors[i].clone()).collect())
}

/// Turns rows `k` and `k + 1` so that the second of `(x, y)` vanishes.
struct Turn {
    c: f64,
    s: C,
}

impl Turn {
    fn of(x: C, y: C) -> Turn {
        let r = x.norm().hypot(y.norm());
        if r == 0.0 {
            return Turn { c: 1.0, s: C::default() };
        }
        let phase = if x.norm() == 0.0 { C::new(1.0, 0.0) } else { x / x.norm() };
        Turn { c: x.norm() / r, s: phase * y.conj() / r }
    }

    fn rows(&self, a: &mut [C], n: usize, k: usize, from: usize) {
        for j in from..n {
            let (x, y) = (a[k * n + j], a[(k + 1) * n + j]);
            a[k * n + j] = x * self.c + y * self.s;
            a[(k + 1) * n + j] = y * self.c - x * self.s.conj();
        }
    }

    fn columns(&self, a: &mut [C], n: usize, k: usize, to: usize) {
        for i in 0..to {
            let (x, y) = (a[i * n + k], a[i * n + k + 1]);
            a[i * n + k] = x * self.c + y * self.s.conj();
            a[i * n + k + 1] = y * self.c - x * self.s;
        }
    }
}

/// `A = Z H Z^H` with zeros below the first subdiagonal of `H`, by rotations.
fn to_hessenberg(a: &mut [C], z: &mut [C], n: usize) {
    for j in 0..n.saturating_sub(2) {
        for i in (j + 1..n - 1).rev() {
            let turn = Turn::of(a[i * n + j], a[(i + 1) * n + j]);
            turn.rows(a, n, i, j);
            turn.columns(a, n, i, n);
            turn.columns(z, n, i, n);
            a[(i + 1) * n + j] = C::default();
        }
    }
}

/// The eigenvalue of the last two rows and columns up to `hi` that is nearer to the last element.
fn shift(h: &[C], n: usize, hi: usize) -> C {
    let at = |i: usize, j: usize| h[i * n + j];
    let (a, b, c, d) = (at(hi - 1, hi - 1), at(hi - 1, hi), at(hi, hi - 1), at(hi, hi));
    let half = (a - d) * 0.5;
    let root = (half * half + b * c).sqrt();
    let (one, other) = (half + root, half - root);
    d + if one.norm() < other.norm() { one } else { other }
}

/// The Schur form in place of a Hessenberg matrix; false if an eigenvalue does not converge
/// (Golub and Van Loan, section 7.5, with complex shifts).
fn to_schur(h: &mut [C], z: &mut [C], n: usize) -> bool {
    let (mut hi, mut tries) = (n.saturating_sub(1), 0);
    while hi > 0 {
        let small = |h: &[C], k: usize| {
            let near = h[k * n + k].norm() + h[(k - 1) * n + k - 1].norm();
            h[k * n + k - 1].norm() <= f64::EPSILON * if near == 0.0 { 1.0 } else { near }
        };
        let low = (1..=hi).rev().find(|&k| small(h, k)).unwrap_or(0);
        if low > 0 {
            h[low * n + low - 1] = C::default();
        }
        if low == hi {
            (hi, tries) = (hi - 1, 0);
            continue;
        }
        tries += 1;
        if tries > 300 {
            return false;
        }
        // Now and then another shift, against cycles.
        let mu = if tries % 10 == 0 { h[hi * n + hi] + h[hi * n + hi - 1].norm() } else { shift(h, n, hi) };
        for k in low..hi {
            let (x, y) = if k == low { (h[k * n + k] - mu, h[(k + 1) * n + k]) } else { (h[k * n + k - 1], h[(k + 1) * n + k - 1]) };
            let turn = Turn::of(x, y);
            turn.rows(h, n, k, k.saturating_sub(1));
            turn.columns(h, n, k, (k + 3).min(hi + 1));
            turn.columns(z, n, k, n);
        }
    }
    true
}

/// The eigenvalues of any matrix and its eigenvectors, each of length one; nothing where they do not
/// converge.
pub fn general(a: &[C], n: usize) -> Option<(Vec<C>, Vec<Vec<C>>)> {
    let mut t = a.to_vec();
    let mut z: Vec<C> = (0..n * n).map(|i| C::new(f64::from(u8::from(i / n.max(1) == i % n.max(1))), 0.0)).collect();
    to_hessenberg(&mut t, &mut z, n);
    if !to_schur(&mut t, &mut z, n) {
        return None;
    }
    let norm = t.iter().map(|x| x.norm()).fold(f64::MIN_POSITIVE, f64::max);
    let values: Vec<C> = (0..n).map(|i| t[i * n + i]).collect();
    let vector = |k: usize| {
        let mut x = vec![C::default(); n];
        x[k] = C::new(1.0, 0.0);
        for i in (0..k).rev() {
            let sum: C = (i + 1..=k).map(|j| t[i * n + j] * x[j]).sum();
            let gap = values[i] - values[k];
            x[i] = -sum / if gap.norm() < f64::EPSILON * norm { C::new(f64::EPSILON * norm, 0.0) } else { gap };
        }
        let v: Vec<C> = (0..n).map(|i| (0..=k).map(|j| z[i * n + j] * x[j]).sum()).collect();
        let length = v.iter().map(C::norm_sqr).sum::<f64>().sqrt();
        // The greatest element is made real, as LAPACK makes it.
        let greatest = v.iter().copied().fold(C::default(), |g, x| if x.norm() > g.norm() { x } else { g });
        let turn = greatest.conj() / greatest.norm() / length;
        v.into_iter().map(|x| x * turn).collect()
    };
    let vectors = (0..n).map(vector).collect();
    Some((values, vectors))
}

/// Makes of the eigenvalues of a real matrix what they are: real, or pairs of conjugates, of which the
/// one with the positive imaginary part comes first.
pub fn pair(values: &mut [C], vectors: &mut [Vec<C>]) {
    let scale = values.iter().map(|z| z.norm()).fold(0.0, f64::max);
    let mut i = 0;
    while i < values.len() {
        let z = values[i];
        if z.im.abs() <= 1e-12 * scale {
            values[i].im = 0.0;
            vectors[i].iter_mut().for_each(|x| x.im = 0.0);
            i += 1;
            continue;
        }
        let off = |j: &usize| (values[*j] - z.conj()).norm();
        let Some(mate) = (i + 1..values.len()).min_by(|a, b| off(a).total_cmp(&off(b))) else { return };
        values[i + 1..=mate].rotate_right(1);
        vectors[i + 1..=mate].rotate_right(1);
        let first = if z.im > 0.0 { i } else { i + 1 };
        let (value, vector) = (values[first], vectors[first].clone());
        (values[i], values[i + 1]) = (value, value.conj());
        vectors[i + 1] = vector.iter().map(Complex::conj).collect();
        vectors[i] = vector;
        i += 2;
    }
}
