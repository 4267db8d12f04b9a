//! Matrix products: which loops a product takes. Larger ones go block by block so that each fits the
//! caches, and are packed in panels where reading in place would be slow (`panels`; Goto and van de
//! Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008). The order in which numbers are
//! added depends on the sizes and layouts alone, not on the threads.

use super::panels::{blocks, turned_blocks, Panes};
use super::shifts::{Lines, SIDE};
use super::simd::{F32x4, F64x2, Plain};
use super::tile::Block;
use crate::parallel::{parallel_for, Shared};
use num_complex::Complex;
use std::ops::{Add, AddAssign, Mul};
use std::sync::OnceLock;

/// Numbers that matrices are made of.
pub trait Number: Copy + Default + Add<Output = Self> + Mul<Output = Self> + AddAssign + Sync + 'static {
    /// The fast loops of this type, if it has any.
    fn kernel() -> Option<&'static Kernel<Self>> {
        None
    }
    /// The numbers, if they are `f32`.
    fn floats(_: &[Self]) -> Option<&[f32]> {
        None
    }
    /// The numbers, if they are `f32`.
    fn floats_mut(_: &mut [Self]) -> Option<&mut [f32]> {
        None
    }
}
impl Number for f32 {
    fn floats(x: &[f32]) -> Option<&[f32]> {
        Some(x)
    }
    fn floats_mut(x: &mut [f32]) -> Option<&mut [f32]> {
        Some(x)
    }
    fn kernel() -> Option<&'static Kernel<f32>> {
        Some(KERNELS.get().map_or(&PLAIN.0, |k| &k.0))
    }
}
impl Number for f64 {
    fn kernel() -> Option<&'static Kernel<f64>> {
        Some(KERNELS.get().map_or(&PLAIN.1, |k| &k.1))
    }
}
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
    pub(super) unsafe fn at(&self, i: usize, j: usize) -> T {
        // SAFETY: the caller's promise.
        unsafe { *self.from(i, j).ptr }
    }

    /// The matrix from row `i` and column `j` on.
    #[inline(always)]
    pub(super) fn from(&self, i: usize, j: usize) -> Mat<T> {
        Mat { ptr: self.ptr.wrapping_offset(i as isize * self.row + j as isize * self.col), ..*self }
    }

    /// A row-major matrix, from the start of a slice.
    pub(super) fn rows(data: &[T], width: usize) -> Mat<T> {
        Mat { ptr: data.as_ptr(), row: width as isize, col: 1 }
    }

    /// The matrix with rows and columns exchanged.
    pub(super) fn turned(&self) -> Mat<T> {
        Mat { ptr: self.ptr, row: self.col, col: self.row }
    }
}

/// Where a product goes: rows of adjacent elements.
#[derive(Clone, Copy)]
pub struct Out<T> {
    /// First element.
    pub ptr: *mut T,
    /// Step to the next row.
    pub row: usize,
    /// Whether the product is added to what is there.
    pub add: bool,
}

/// `tile::taps` and its like.
pub type TilesOfTaps<T> = unsafe fn(&Block<T>, *const T, &[usize], &[usize]);

/// The inner loops for one type of number, as one build has them; `tile` says what each does.
pub struct Kernel<T> {
    /// Columns of a tile.
    pub columns: usize,
    /// Rows of a tall tile and of a short one.
    pub heights: [usize; 2],
    /// `tile::tiles`.
    pub tiles: unsafe fn(&Block<T>),
    /// `tile::taps`.
    pub tiles_of_taps: TilesOfTaps<T>,
    /// `tile::few_rows_of_taps`.
    pub few_rows_of_taps: TilesOfTaps<T>,
    /// `pack::pack`.
    pub pack: unsafe fn(Mat<T>, usize, usize, usize, *mut T),
    /// `patches::lines`.
    pub lines: unsafe fn(usize, usize, (*const T, usize), (*mut T, usize)),
    /// `patches::pixels`.
    pub pixels: unsafe fn(*const T, &[usize], &[usize], *mut T),
    /// `patches::taps`.
    pub taps: unsafe fn(*const T, &[usize], &[usize], *mut T),
    /// `tile::dots`.
    pub dots: unsafe fn(*const T, usize, usize, &[T], *mut T, usize, bool),
    /// `tile::scaled_rows`.
    pub scaled_rows: unsafe fn(*const T, usize, usize, *const T, usize, &mut [T]),
    /// `tile::dot`.
    pub dot: unsafe fn(&[T], &[T]) -> T,
    /// `shifts::shifts`.
    pub shifts: unsafe fn(Lines, [*const T; SIDE], [*const T; SIDE], *mut T),
}

impl<T> Kernel<T> {
    /// The panels of `rows` rows.
    pub(super) fn panes(&self, rows: usize) -> Panes {
        Panes::new(rows, self.heights)
    }
}

/// The inner loops for a lane, a way to add products, and the heights of its two tiles; attributes
/// in front go to each function.
#[macro_export]
macro_rules! gemm_kernel {
    ($(#[$attr:meta])* $L:ty, $M:ty, $tall:literal, $short:literal) => {{
        use $crate::kernels::{gemm::Kernel, pack::pack, patches, shifts::{self, Lines, SIDE}, simd::Lane, tile};
        type T = <$L as Lane>::Elem;
        $(#[$attr])*
        unsafe fn tiles(b: &tile::Block<T>) {
            // SAFETY: the caller's promise, here and below.
            unsafe { tile::tiles::<$L, $M, $tall, $short>(b) }
        }
        $(#[$attr])*
        unsafe fn tiles_of_taps(b: &tile::Block<T>, x: *const T, taps: &[usize], places: &[usize]) {
            unsafe { tile::taps::<$L, $M, $tall, $short>(b, x, taps, places) }
        }
        $(#[$attr])*
        unsafe fn few_rows_of_taps(b: &tile::Block<T>, x: *const T, taps: &[usize], places: &[usize]) {
            unsafe { tile::few_rows_of_taps::<$L, $M>(b, x, taps, places) }
        }
        $(#[$attr])*
        unsafe fn dots(rows: *const T, step: usize, count: usize, x: &[T], y: *mut T, y_step: usize, add: bool) {
            unsafe { tile::dots::<$L, $M>(rows, step, count, x, y, y_step, add) }
        }
        $(#[$attr])*
        unsafe fn scaled_rows(rows: *const T, step: usize, count: usize, x: *const T, x_step: usize, y: &mut [T]) {
            unsafe { tile::scaled_rows::<$L, $M>(rows, step, count, x, x_step, y) }
        }
        $(#[$attr])*
        unsafe fn dot(a: &[T], b: &[T]) -> T {
            tile::dot::<$L, $M>(a, b)
        }
        $(#[$attr])*
        unsafe fn sums_of_shifts(lines: Lines, y: [*const T; SIDE], x: [*const T; SIDE], sums: *mut T) {
            unsafe { shifts::shifts::<$L, $M>(lines, y, x, sums) }
        }
        Kernel {
            columns: tile::WIDTH * <$L as Lane>::N,
            heights: [$tall, $short],
            tiles, tiles_of_taps, few_rows_of_taps,
            pack: pack::<$L>,
            lines: patches::lines::<$L>,
            pixels: patches::pixels::<$L>,
            taps: patches::taps::<$L>,
            dots, scaled_rows, dot,
            shifts: sums_of_shifts,
        }
    }};
}

static PLAIN: (Kernel<f32>, Kernel<f64>) = (gemm_kernel!(F32x4, Plain, 4, 4), gemm_kernel!(F64x2, Plain, 4, 4));
static KERNELS: OnceLock<(Kernel<f32>, Kernel<f64>)> = OnceLock::new();

/// Puts a build's own loops in place of the plain ones, once, before the first product.
pub fn install(f32: Kernel<f32>, f64: Kernel<f64>) {
    let _ = KERNELS.set((f32, f64));
}

/// Rows of `a` in a block, whatever the tile: a multiple of 4 and of 6.
pub(super) const ROWS: usize = 96;
/// The longest sums in a block.
pub(super) const DEPTH: usize = 256;
/// Products of fewer multiplications than this stay on one thread.
pub(super) const SHARED_WORK: usize = 1 << 19;

/// Products of matrices one after the other in memory, which threads may share: `a` and `b` are the
/// first two and the steps to the next ones, the results follow each other.
///
/// # Safety
/// As for `product`, for every pair.
pub unsafe fn batched<T: Number>(
    batch: usize, (m, n, k): (usize, usize, usize), (a, a_step): (Mat<T>, isize), (b, b_step): (Mat<T>, isize), c: Out<T>,
) {
    let (a, b, c) = (Shared(a), Shared(b), Shared(c));
    let next = |m: Mat<T>, step: isize, i: usize| Mat { ptr: m.ptr.wrapping_offset(i as isize * step), ..m };
    parallel_for(batch, SHARED_WORK / (m * n * k).max(1), |range| {
        for i in range {
            // SAFETY: the caller's promise.
            unsafe {
                let to = Out { ptr: c.get().ptr.add(i * m * n), ..c.get() };
                product((m, n, k), next(a.get(), a_step, i), next(b.get(), b_step, i), to);
            }
        }
    });
}

/// `c = a b` or `c += a b`, for matrices of `(m, n, k)`: `m` by `k` and `k` by `n`.
///
/// # Safety
/// `a` and `b` must be readable, `c` writable and apart from both.
pub unsafe fn product<T: Number>(size: (usize, usize, usize), a: Mat<T>, b: Mat<T>, c: Out<T>) {
    // SAFETY: the caller's promise.
    unsafe { product_plus(size, a, b, c, std::ptr::null()) }
}

/// The same with a row of `n` numbers added to every row, unless it is null.
///
/// # Safety
/// As for `product`, and the row must be readable.
pub unsafe fn product_plus<T: Number>((m, n, k): (usize, usize, usize), a: Mat<T>, b: Mat<T>, c: Out<T>, row: *const T) {
    if m == 0 || n == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        let kernel = T::kernel();
        let tall = n < 4 && n <= m && (a.col == 1 || a.row == 1 && c.row == 1);
        let flat = m < 4 && (b.col == 1 || b.row == 1);
        match kernel {
            Some(kernel) if k > 0 && !tall && !flat => {
                // The smaller of two matrices that both lie the wrong way is packed.
                let turn = b.row == 1 && b.col != 1 && a.col == 1 && (8..=n / 2).contains(&m);
                return if turn { turned_blocks(kernel, (m, n, k), a, b, c, row) } else { blocks(kernel, (m, n, k), a, b, c, row) };
            }
            _ => {}
        }
        let c = if row.is_null() { c } else { spread(row, m, n, c) };
        match kernel {
            Some(kernel) if k > 0 && tall => {
                for j in 0..n {
                    times_vector(kernel, m, k, a, b.from(0, j).turned(), c.ptr.add(j), c.row, c.add);
                }
            }
            Some(kernel) if k > 0 => {
                for i in 0..m {
                    times_vector(kernel, n, k, b.turned(), a.from(i, 0), c.ptr.add(i * c.row), 1, c.add);
                }
            }
            _ => simple((m, n, k), a, b, c),
        }
    }
}

/// Adds a row to every row of a result, or writes it there; more is then to be added.
unsafe fn spread<T: Number>(row: *const T, m: usize, n: usize, c: Out<T>) -> Out<T> {
    // SAFETY: the caller's promise.
    let row = unsafe { std::slice::from_raw_parts(row, n) };
    for i in 0..m {
        // SAFETY: as above.
        let to = unsafe { std::slice::from_raw_parts_mut(c.ptr.add(i * c.row), n) };
        if c.add {
            to.iter_mut().zip(row).for_each(|(d, x)| *d += *x);
        } else {
            to.copy_from_slice(row);
        }
    }
    Out { add: true, ..c }
}

/// The sum of products.
pub fn dot<T: Number>(a: &[T], b: &[T]) -> T {
    match T::kernel() {
        // SAFETY: a build's loops run where the build does.
        Some(kernel) => unsafe { (kernel.dot)(a, b) },
        None => a.iter().zip(b).fold(T::default(), |sum, (&x, &y)| sum + x * y),
    }
}

/// Products of numbers without fast loops: a row of `c` is a sum of scaled rows of `b`.
unsafe fn simple<T: Number>((m, n, k): (usize, usize, usize), a: Mat<T>, b: Mat<T>, c: Out<T>) {
    // SAFETY: the caller's promise.
    unsafe {
        for i in 0..m {
            let row = std::slice::from_raw_parts_mut(c.ptr.add(i * c.row), n);
            if !c.add {
                row.fill(T::default());
            }
            for p in 0..k {
                let x = a.at(i, p);
                if b.col == 1 {
                    let line = std::slice::from_raw_parts(b.from(p, 0).ptr, n);
                    row.iter_mut().zip(line).for_each(|(d, &y)| *d += x * y);
                } else {
                    row.iter_mut().enumerate().for_each(|(j, d)| *d += x * b.at(p, j));
                }
            }
        }
    }
}

/// `y = a x` for `rows` rows of `a`; `x` is the first row of a matrix.
#[allow(clippy::too_many_arguments, reason = "three matrices and their sizes")]
unsafe fn times_vector<T: Number>(
    kernel: &Kernel<T>, rows: usize, k: usize, a: Mat<T>, x: Mat<T>, y: *mut T, y_step: usize, add: bool,
) {
    // Rows for one thread: enough that sharing them pays.
    let grain = (SHARED_WORK / 4 / k).max(64);
    // SAFETY: the caller's promise; the ranges are apart.
    unsafe {
        let (target, source) = (Shared(y), Shared(a.ptr));
        if a.col == 1 {
            let copy: Vec<T>;
            let x = if x.col == 1 {
                std::slice::from_raw_parts(x.ptr, k)
            } else {
                copy = (0..k).map(|p| x.at(0, p)).collect();
                &copy
            };
            let x = Shared(x);
            // In eights: `dots` sums rows that are left over in another order.
            parallel_for(rows.div_ceil(8), grain.div_ceil(8), |range| {
                let (first, end) = (range.start * 8, rows.min(range.end * 8));
                let from = source.get().wrapping_offset(first as isize * a.row);
                (kernel.dots)(from, a.row as usize, end - first, x.get(), target.get().add(first * y_step), y_step, add);
            });
        } else if a.row == 1 && y_step == 1 {
            let factors = Shared(x.ptr);
            // A part of `y` that stays in the nearest cache, and is wide enough for memory to be read in long pieces.
            let block = 16384 / size_of::<T>();
            parallel_for(rows.div_ceil(block), grain.div_ceil(block), |range| {
                for first in range.map(|i| i * block) {
                    let part = std::slice::from_raw_parts_mut(target.get().add(first), (rows - first).min(block));
                    if !add {
                        part.fill(T::default());
                    }
                    (kernel.scaled_rows)(source.get().wrapping_add(first), a.col as usize, k, factors.get(), x.col as usize, part);
                }
            });
        } else {
            simple((rows, 1, k), a, x.turned(), Out { ptr: y, row: y_step, add });
        }
    }
}
