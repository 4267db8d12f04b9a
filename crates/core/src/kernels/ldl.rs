//! Symmetric and Hermitian indefinite factorisations `A = L D L^H` with diagonal pivoting (Bunch and Kaufman, "Some
//! stable methods for calculating inertia and solving symmetric linear systems", 1977), as LAPACK keeps them.

use super::factor::Field;

/// A square matrix stored row by row, and whether it equals its adjoint or its transpose.
struct Square<'a, T> {
    a: &'a mut [T],
    n: usize,
    hermitian: bool,
}

impl<T: Field> Square<'_, T> {
    fn at(&self, i: usize, j: usize) -> T {
        self.a[i * self.n + j]
    }

    fn set(&mut self, i: usize, j: usize, x: T) {
        self.a[i * self.n + j] = x;
    }

    fn swap(&mut self, one: (usize, usize), other: (usize, usize)) {
        self.a.swap(one.0 * self.n + one.1, other.0 * self.n + other.1);
    }

    /// The element that stands mirrored for `x`.
    fn mirror(&self, x: T) -> T {
        if self.hermitian { x.conj() } else { x }
    }

    /// The size of an element; LAPACK adds the sizes of the parts.
    fn weight(&self, i: usize, j: usize) -> f64 {
        let x = self.at(i, j);
        if self.hermitian && i == j { x.re().abs() } else { x.re().abs() + x.im().abs() }
    }

    /// The first of the greatest elements below row `k` of column `k`.
    fn greatest_below(&self, k: usize) -> (usize, f64) {
        let mut best = (k, 0.0);
        for i in k + 1..self.n {
            if best.0 == k || self.weight(i, k) > best.1 {
                best = (i, self.weight(i, k));
            }
        }
        best
    }

    /// The row to exchange at step `k` and the size of the block on the diagonal, or nothing where the column is zero.
    fn pivot(&self, k: usize) -> Option<(usize, usize)> {
        let alpha = (1.0 + 17f64.sqrt()) / 8.0;
        let own = self.weight(k, k);
        let (row, most) = self.greatest_below(k);
        let greatest = own.max(most);
        if greatest == 0.0 || greatest.is_nan() {
            return None;
        }
        if own >= alpha * most {
            return Some((k, 1));
        }
        let across = (k..row).map(|j| self.weight(row, j));
        let down = (row + 1..self.n).map(|i| self.weight(i, row));
        let widest = across.chain(down).fold(0.0, f64::max);
        Some(if own >= alpha * most * (most / widest) {
            (k, 1)
        } else if self.weight(row, row) >= alpha * widest {
            (row, 1)
        } else {
            (row, 2)
        })
    }

    /// Exchanges rows and columns `p` and `q`, `p` the lesser, in the lower triangle from column `k` on.
    fn exchange(&mut self, k: usize, p: usize, q: usize) {
        for i in q + 1..self.n {
            self.swap((i, p), (i, q));
        }
        for j in p + 1..q {
            let (x, y) = (self.mirror(self.at(j, p)), self.mirror(self.at(q, j)));
            self.set(j, p, y);
            self.set(q, j, x);
        }
        let x = self.mirror(self.at(q, p));
        self.set(q, p, x);
        self.swap((p, p), (q, q));
        for j in k..p {
            self.swap((p, j), (q, j));
        }
    }

    /// Divides column `k` by its pivot and takes it away from what is left.
    fn eliminate(&mut self, k: usize) {
        let d = self.at(k, k);
        for j in k + 1..self.n {
            let f = self.mirror(self.at(j, k)) / d;
            for i in j..self.n {
                let x = self.at(i, j) - self.at(i, k) * f;
                self.set(i, j, x);
            }
        }
        for i in k + 1..self.n {
            let x = self.at(i, k) / d;
            self.set(i, k, x);
        }
    }

    /// The same for columns `k` and `k + 1` and the block of their pivots.
    fn eliminate_pair(&mut self, k: usize) {
        let block = Block::at(self, k);
        for j in k + 2..self.n {
            let (f, g) = block.divide_row(self.at(j, k), self.at(j, k + 1));
            let (f, g) = (self.mirror(f), self.mirror(g));
            for i in j..self.n {
                let x = self.at(i, j) - self.at(i, k) * f - self.at(i, k + 1) * g;
                self.set(i, j, x);
            }
        }
        for i in k + 2..self.n {
            let (x, y) = block.divide_row(self.at(i, k), self.at(i, k + 1));
            self.set(i, k, x);
            self.set(i, k + 1, y);
        }
    }

    /// The diagonal of a Hermitian matrix is real.
    fn clean_diagonal(&mut self, from: usize) {
        if self.hermitian {
            for i in from..self.n {
                let x = T::real(self.at(i, i).re());
                self.set(i, i, x);
            }
        }
    }
}

/// A two by two pivot, scaled by what stands off its diagonal so that no product overflows.
struct Block<T> {
    first: T,
    second: T,
    below: T,
    above: T,
    scale: T,
}

impl<T: Field> Block<T> {
    fn at(m: &Square<T>, k: usize) -> Block<T> {
        let below = m.at(k + 1, k);
        let above = m.mirror(below);
        let (first, second) = (m.at(k, k) / above, m.at(k + 1, k + 1) / below);
        Block { first, second, below, above, scale: first * second - T::real(1.0) }
    }

    /// The row `[x, y]` times the inverse.
    fn divide_row(&self, x: T, y: T) -> (T, T) {
        ((x * self.second - y) / self.above / self.scale, (y * self.first - x) / self.below / self.scale)
    }

    /// The inverse times the column of `x` and `y`.
    fn divide_column(&self, x: T, y: T) -> (T, T) {
        let (x, y) = (x / self.above, y / self.below);
        ((x * self.second - y) / self.scale, (y * self.first - x) / self.scale)
    }
}

/// Factors the lower triangle in place and clears the other. A positive pivot is the row, counted from one, that was
/// exchanged; a pair of negative ones stands for a block of two. Returns the first zero pivot, counted from one, or zero.
pub fn factor<T: Field>(a: &mut [T], n: usize, pivots: &mut [i32], hermitian: bool) -> i32 {
    let mut m = Square { a, n, hermitian };
    let mut info = 0;
    m.clean_diagonal(0);
    let mut k = 0;
    while k < n {
        let Some((row, size)) = m.pivot(k) else {
            pivots[k] = k as i32 + 1;
            if info == 0 {
                info = k as i32 + 1;
            }
            k += 1;
            continue;
        };
        let last = k + size - 1;
        if row != last {
            m.exchange(k, last, row);
        }
        if size == 1 { m.eliminate(k) } else { m.eliminate_pair(k) }
        m.clean_diagonal(k + size);
        let mark = row as i32 + 1;
        pivots[k..=last].fill(if size == 1 { mark } else { -mark });
        k += size;
    }
    for i in 0..n {
        m.a[i * n + i + 1..(i + 1) * n].fill(T::default());
    }
    info
}

/// Whether pivots name rows of an `n` by `n` matrix, the negative ones in pairs.
pub fn is_valid(pivots: &[i32], n: usize) -> bool {
    let mut k = 0;
    while k < pivots.len() {
        let row = pivots[k].unsigned_abs() as usize;
        if row == 0 || row > n || (pivots[k] < 0 && k + 1 == n) {
            return false;
        }
        k += if pivots[k] > 0 { 1 } else { 2 };
    }
    pivots.len() == n
}

/// Solves `A X = B` in place from the factors of `A`; the pivots are valid.
pub fn solve<T: Field>(ld: &mut [T], n: usize, pivots: &[i32], b: &mut [T], columns: usize, hermitian: bool) {
    let m = Square { a: ld, n, hermitian };
    let place = |i: usize, j: usize| i * columns + j;
    let target = |k: usize| pivots[k].unsigned_abs() as usize - 1;
    let mut starts = Vec::with_capacity(n);
    let mut k = 0;
    while k < n {
        starts.push(k);
        let size = if pivots[k] > 0 { 1 } else { 2 };
        let last = k + size - 1;
        for j in 0..columns {
            b.swap(place(last, j), place(target(k), j));
            for i in k + size..n {
                for c in k..k + size {
                    let x = b[place(c, j)];
                    b[place(i, j)] -= m.at(i, c) * x;
                }
            }
            if size == 1 {
                b[place(k, j)] = b[place(k, j)] / m.at(k, k);
            } else {
                let (x, y) = Block::at(&m, k).divide_column(b[place(k, j)], b[place(last, j)]);
                b[place(k, j)] = x;
                b[place(last, j)] = y;
            }
        }
        k += size;
    }
    for k in starts.into_iter().rev() {
        let size = if pivots[k] > 0 { 1 } else { 2 };
        for j in 0..columns {
            for c in k..k + size {
                for i in k + size..n {
                    let x = b[place(i, j)];
                    b[place(c, j)] -= m.mirror(m.at(i, c)) * x;
                }
            }
            b.swap(place(k + size - 1, j), place(target(k), j));
        }
    }
}
