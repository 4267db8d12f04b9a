//! Matrix products: panels packed so that the inner loop reads memory in order (the scheme of
//! Goto and van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008).

use num_complex::Complex;
use std::ops::{Add, AddAssign, Mul};

/// Numbers that matrices are made of.
pub trait Number: Copy + Default + Add<Output = Self> + Mul<Output = Self> + AddAssign + 'static {}
impl Number for f32 {}
impl Number for f64 {}
impl Number for Wrapping {}
impl Number for Complex<f32> {}
impl Number for Complex<f64> {}

/// An integer that wraps, as PyTorch's do.
#[derive(Clone, Copy, Default)]
#[repr(transparent)]
pub struct Wrapping(pub i64);
impl Add for Wrapping {
    type Output = Self;
    fn add(self, o: Self) -> Self {
        Wrapping(self.0.wrapping_add(o.0))
    }
}
impl Mul for Wrapping {
    type Output = Self;
    fn mul(self, o: Self) -> Self {
        Wrapping(self.0.wrapping_mul(o.0))
    }
}
impl AddAssign for Wrapping {
    fn add_assign(&mut self, o: Self) {
        self.0 = self.0.wrapping_add(o.0);
    }
}

/// A matrix in memory: its first element and the steps to the next row and column.
#[derive(Clone, Copy)]
pub struct Mat<T> {
    /// First element.
    pub ptr: *const T,
    /// Step to the next row.
    pub row: isize,
    /// Step to the next column.
    pub col: isize,
}

impl<T: Copy> Mat<T> {
    /// # Safety
    /// The index must lie inside the matrix.
    #[inline(always)]
    unsafe fn at(&self, i: usize, j: usize) -> T {
        unsafe { *self.ptr.offset(i as isize * self.row + j as isize * self.col) }
    }
}

const MR: usize = 4;
const NR: usize = 8;
const MC: usize = 96;
const KC: usize = 256;
const NC: usize = 1024;

/// `c = a b`, row-major `c` of `m` by `n`.
///
/// # Safety
/// `a` must be readable as `m` by `k` and `b` as `k` by `n`.
pub unsafe fn gemm<T: Number>(m: usize, n: usize, k: usize, a: Mat<T>, b: Mat<T>, c: &mut [T]) {
    debug_assert_eq!(c.len(), m * n);
    c.fill(T::default());
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    unsafe {
        if n == 1 && a.col == 1 {
            matvec(m, k, a, b, c);
        } else if m == 1 && b.row == 1 {
            // The same product, transposed.
            let (at, bt) = (Mat { ptr: a.ptr, row: a.col, col: a.row }, Mat { ptr: b.ptr, row: b.col, col: b.row });
            matvec(n, k, bt, at, c);
        } else if m * n * k <= 8 * 8 * 8 || m < MR || n < 4 {
            direct(m, n, k, a, b, c);
        } else {
            packed(m, n, k, a, b, c);
        }
    }
}

/// Rows of `a` times one column.
unsafe fn matvec<T: Number>(m: usize, k: usize, a: Mat<T>, x: Mat<T>, y: &mut [T]) {
    let copy: Vec<T>;
    let x = if x.row == 1 {
        unsafe { std::slice::from_raw_parts(x.ptr, k) }
    } else {
        copy = (0..k).map(|i| unsafe { x.at(i, 0) }).collect();
        &copy
    };
    for i in 0..m {
        let row = unsafe { std::slice::from_raw_parts(a.ptr.offset(i as isize * a.row), k) };
        y[i] = dot(row, x);
    }
}

/// The sum of products, in sixteen partial sums.
pub fn dot<T: Number>(a: &[T], b: &[T]) -> T {
    let mut part = [T::default(); 16];
    let (ac, bc) = (a.chunks_exact(16), b.chunks_exact(16));
    let mut rest = T::default();
    for (x, y) in ac.remainder().iter().zip(bc.remainder()) {
        rest += *x * *y;
    }
    for (x, y) in ac.zip(bc) {
        for i in 0..16 {
            part[i] += x[i] * y[i];
        }
    }
    let mut width = 8;
    while width > 0 {
        for i in 0..width {
            let upper = part[i + width];
            part[i] += upper;
        }
        width /= 2;
    }
    part[0] + rest
}

/// Small products, without packing.
unsafe fn direct<T: Number>(m: usize, n: usize, k: usize, a: Mat<T>, b: Mat<T>, c: &mut [T]) {
    for (i, row) in c.chunks_exact_mut(n).enumerate() {
        for p in 0..k {
            let x = unsafe { a.at(i, p) };
            if b.col == 1 {
                let line = unsafe { std::slice::from_raw_parts(b.ptr.offset(p as isize * b.row), n) };
                for (d, y) in row.iter_mut().zip(line) {
                    *d += x * *y;
                }
            } else {
                for (j, d) in row.iter_mut().enumerate() {
                    *d += x * unsafe { b.at(p, j) };
                }
            }
        }
    }
    let _ = m;
}

unsafe fn packed<T: Number>(m: usize, n: usize, k: usize, a: Mat<T>, b: Mat<T>, c: &mut [T]) {
    let kc_max = k.min(KC);
    let mut pa = vec![T::default(); MC.min(m.next_multiple_of(MR)) * kc_max];
    let mut pb = vec![T::default(); NC.min(n.next_multiple_of(NR)) * kc_max];
    for jc in (0..n).step_by(NC) {
        let nc = NC.min(n - jc);
        for pc in (0..k).step_by(KC) {
            let kc = KC.min(k - pc);
            unsafe { pack_b(&b, pc, kc, jc, nc, &mut pb) };
            for ic in (0..m).step_by(MC) {
                let mc = MC.min(m - ic);
                unsafe { pack_a(&a, ic, mc, pc, kc, &mut pa) };
                for jr in (0..nc).step_by(NR) {
                    let bp = &pb[jr * kc..(jr + NR) * kc];
                    for ir in (0..mc).step_by(MR) {
                        let acc = tile(kc, &pa[ir * kc..(ir + MR) * kc], bp);
                        let (h, w) = (MR.min(mc - ir), NR.min(nc - jr));
                        for (i, line) in acc.iter().enumerate().take(h) {
                            let at = (ic + ir + i) * n + jc + jr;
                            for (d, x) in c[at..at + w].iter_mut().zip(line) {
                                *d += *x;
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One tile of the product: `MR` by `NR` sums held in registers.
#[inline(always)]
fn tile<T: Number>(kc: usize, a: &[T], b: &[T]) -> [[T; NR]; MR] {
    let mut acc = [[T::default(); NR]; MR];
    for (x, y) in a.chunks_exact(MR).zip(b.chunks_exact(NR)).take(kc) {
        for i in 0..MR {
            for j in 0..NR {
                acc[i][j] += x[i] * y[j];
            }
        }
    }
    acc
}

unsafe fn pack_a<T: Number>(a: &Mat<T>, i0: usize, mc: usize, p0: usize, kc: usize, to: &mut [T]) {
    for (panel, ir) in to.chunks_exact_mut(MR * kc).zip((0..mc).step_by(MR)) {
        let h = MR.min(mc - ir);
        if h < MR {
            panel.fill(T::default());
        }
        for i in 0..h {
            for p in 0..kc {
                panel[p * MR + i] = unsafe { a.at(i0 + ir + i, p0 + p) };
            }
        }
    }
}

unsafe fn pack_b<T: Number>(b: &Mat<T>, p0: usize, kc: usize, j0: usize, nc: usize, to: &mut [T]) {
    for (panel, jr) in to.chunks_exact_mut(NR * kc).zip((0..nc).step_by(NR)) {
        let w = NR.min(nc - jr);
        if w < NR {
            panel.fill(T::default());
        }
        if b.row == 1 && b.col != 1 {
            for j in 0..w {
                for p in 0..kc {
                    panel[p * NR + j] = unsafe { b.at(p0 + p, j0 + jr + j) };
                }
            }
        } else {
            for p in 0..kc {
                for j in 0..w {
                    panel[p * NR + j] = unsafe { b.at(p0 + p, j0 + jr + j) };
                }
            }
        }
    }
}
