//! Products of matrices block by block: panels of them, packed where reading them in place would be
//! slow, and the walk over blocks that fit the caches.

use super::gemm::{product_plus, Kernel, Mat, Number, Out, DEPTH, ROWS, SHARED_WORK};
use super::tile::Block;
use crate::parallel::{available, parallel_for, Shared};
use std::cell::Cell;

/// The rows of a matrix in panels of two heights, the tall ones first; together as few rows too many as can be.
#[derive(Clone, Copy)]
pub struct Panes {
    tall: usize,
    short: usize,
    /// Tall panels.
    talls: usize,
    /// Panels.
    pub count: usize,
}

impl Panes {
    /// `rows` in panels of `tall` and of `short` rows.
    pub fn new(rows: usize, [tall, short]: [usize; 2]) -> Panes {
        let with = |shorts: usize| {
            let talls = rows.saturating_sub(shorts * short).div_ceil(tall);
            (talls * tall + shorts * short, shorts, talls)
        };
        let (_, shorts, talls) = with(0).min(with(1)).min(with(2));
        Panes { tall, short, talls, count: talls + shorts }
    }

    /// The first row of a panel, and how many it has.
    #[inline(always)]
    pub fn at(&self, i: usize) -> (usize, usize) {
        if i < self.talls { (i * self.tall, self.tall) } else { (self.tall_rows() + (i - self.talls) * self.short, self.short) }
    }

    /// Rows in tall panels.
    pub fn tall_rows(&self) -> usize {
        self.talls * self.tall
    }

    /// Rows in all panels.
    pub fn rows(&self) -> usize {
        self.at(self.count).0
    }
}

/// Blocks of rows that are packed at once when several threads multiply them.
const ROW_BLOCKS: usize = 8;
/// Bytes of a row of `b` in a block.
const COLUMN_BYTES: usize = 4096;
/// Bytes of `b` that are read again and again where they are: about half a second cache.
const NEAR: usize = 1 << 19;
/// Bytes after which memory falls on the same places of a first cache.
const SAME: usize = 4096;

/// Whether steps of so many numbers lead to the same places of a cache, which then holds few of them.
fn collide<T>(step: isize) -> bool {
    step as usize * size_of::<T>() % SAME == 0
}

/// Whether tiles read rows of `a` where they are: there must be enough for one tile, and those that are
/// columns in memory not read too often.
fn left_in_place<T: Number>(kernel: &Kernel<T>, (m, n): (usize, usize), a: &Mat<T>) -> bool {
    let columns = a.row == 1 && n <= 256 && !collide::<T>(2 * a.col);
    (m >= kernel.heights[0] || m == kernel.heights[1]) && (a.col == 1 || columns)
}

/// Whether tiles read columns of `b` where they are, which then lie beside each other: not if they are
/// many and read often.
fn right_in_place<T: Number>(kernel: &Kernel<T>, (m, n, k): (usize, usize, usize), b: &Mat<T>) -> bool {
    let bytes = n.min(COLUMN_BYTES / size_of::<T>()) * k.min(DEPTH) * size_of::<T>();
    let often = m > ROWS;
    b.col == 1 && n >= kernel.columns && !collide::<T>(if often { 2 * b.row } else { b.row }) && !(often && bytes > NEAR)
}

/// The longest sums of `k` numbers in a block.
fn depth_of(k: usize) -> usize {
    k.div_ceil(k.div_ceil(DEPTH).max(1)).max(1)
}

/// Threads that share so much work.
fn threads_for((m, n, k): (usize, usize, usize)) -> usize {
    if m * n < SHARED_WORK / k.max(1) { 1 } else { available() }
}

/// Rows of `a` that are packed together.
fn row_max(threads: usize) -> usize {
    if threads > 1 { ROW_BLOCKS * ROWS } else { ROWS }
}

/// Panels for one thread to pack at a time.
fn pack_grain(threads: usize, panels: usize) -> usize {
    if threads == 1 { panels + 1 } else { (panels / (4 * threads)).max(4) }
}

thread_local! {
    /// Panels are packed here, call after call.
    static SCRATCH: Cell<Vec<u64>> = const { Cell::new(Vec::new()) };
}

/// Calls `f` with room for `left` and for `right` numbers.
fn with_room<T>(left: usize, right: usize, f: impl FnOnce(*mut T, *mut T)) {
    let mut scratch = SCRATCH.take();
    scratch.resize(scratch.len().max(((left + right) * size_of::<T>()).div_ceil(8)), 0);
    let room = scratch.as_mut_ptr().cast::<T>();
    f(room, room.wrapping_add(left));
    SCRATCH.set(scratch);
}

/// Rows times columns that are ready.
struct Ready<T> {
    /// Rows, columns, length of the sums.
    size: (usize, usize, usize),
    a: Mat<T>,
    /// Room for panels of `a`, unless they are read in place.
    left: Option<*mut T>,
    /// Panels of the columns, or the columns themselves with their step between rows.
    b: *const T,
    b_step: Option<usize>,
    c: Out<T>,
    row: *const T,
    threads: usize,
}

/// The product of a block of columns and all rows.
///
/// # Safety
/// The matrices and panels must be readable, the result writable and apart from them.
unsafe fn all_rows<T: Number>(kernel: &Kernel<T>, ready: Ready<T>) {
    let Ready { size: (m, n, depth), a, left, b, b_step, c, row, threads } = ready;
    let (from, room, b, target, row) = (Shared(a), Shared(left), Shared(b), Shared(c.ptr), Shared(row));
    let columns = kernel.columns;
    for i0 in (0..m).step_by(row_max(threads)) {
        let height = row_max(threads).min(m - i0);
        let panes = kernel.panes(height);
        if left.is_some() {
            parallel_for(panes.count, pack_grain(threads, panes.count), |range| {
                for ((i, rows), room) in range.filter_map(|i| room.get().map(|room| (panes.at(i), room))) {
                    // SAFETY: the panel lies in the room, where no other range writes.
                    unsafe { (kernel.pack)(from.get().from(i0 + i, 0), rows, rows.min(height - i), depth, room.add(i * depth)) };
                }
            });
        }
        // Blocks of rows, split in columns too when they are fewer than the threads can use.
        let down = height.div_ceil(ROWS);
        let across = if threads > 1 { (4 * threads).div_ceil(down) } else { 1 };
        let part = n.div_ceil(across).next_multiple_of(columns);
        let across = n.div_ceil(part);
        parallel_for(down * across, if threads > 1 { 1 } else { down * across }, |range| {
            for (i, j) in range.map(|t| (t / across * ROWS, t % across * part)) {
                let (a, high) = (from.get().from(i0 + i, 0), ROWS.min(height - i));
                // SAFETY: the panels are packed; no other range writes this part of the result.
                unsafe {
                    (kernel.tiles)(&Block {
                        a: room.get().map_or(a.ptr, |room| room.add(i * depth)),
                        a_steps: if room.get().is_some() { None } else { Some([a.row as usize, a.col as usize]) },
                        b: b.get().wrapping_add(j * if b_step.is_some() { 1 } else { depth }),
                        b_step,
                        c: target.get().add((i0 + i) * c.row + j),
                        step: c.row,
                        size: (high, part.min(n - j)),
                        tall: high.min(panes.tall_rows().max(i) - i),
                        depth,
                        add: c.add,
                        row: if row.get().is_null() { row.get() } else { row.get().add(j) },
                    });
                }
            }
        });
    }
}

/// `c = a b` or `c += a b`, with a row added to every row unless it is null.
///
/// # Safety
/// As for `gemm::product_plus`.
pub unsafe fn blocks<T: Number>(
    kernel: &Kernel<T>, (m, n, k): (usize, usize, usize), a: Mat<T>, b: Mat<T>, c: Out<T>, row: *const T,
) {
    let wide = (COLUMN_BYTES / size_of::<T>()).min(n);
    let (a_stays, b_stays) = (left_in_place(kernel, (m, n), &a), right_in_place(kernel, (m, n, k), &b));
    let one = m <= ROWS && n == wide && k <= DEPTH && (m * n * k < SHARED_WORK || available() == 1);
    if one && a_stays && b_stays {
        let (a_steps, b_step) = (Some([a.row as usize, a.col as usize]), Some(b.row as usize));
        let tall = kernel.panes(m).tall_rows();
        // SAFETY: the caller's promise.
        return unsafe {
            (kernel.tiles)(&Block { a: a.ptr, a_steps, b: b.ptr, b_step, c: c.ptr, step: c.row, size: (m, n), tall, depth: k, add: c.add, row })
        };
    }
    let (threads, columns, deep) = (threads_for((m, n, k)), kernel.columns, depth_of(k));
    let left = if a_stays { 0 } else { kernel.panes(row_max(threads).min(m)).rows() * deep };
    let right = if b_stays { 0 } else { wide.next_multiple_of(columns) * deep };
    let run = |pa: *mut T, pb: *mut T| {
        for (j0, p0) in (0..n).step_by(wide).flat_map(|j| (0..k).step_by(deep).map(move |p| (j, p))) {
            let (width, depth, b) = (wide.min(n - j0), deep.min(k - p0), Shared(b.from(p0, j0)));
            if !b_stays {
                let to = Shared(pb);
                parallel_for(width.div_ceil(columns), pack_grain(threads, width / columns), |range| {
                    for j in range.map(|j| j * columns) {
                        // SAFETY: the panel lies in the room, where no other range writes.
                        unsafe { (kernel.pack)(b.get().from(0, j).turned(), columns, columns.min(width - j), depth, to.get().add(j * depth)) };
                    }
                });
            }
            // SAFETY: the caller's promise, and panels just packed.
            unsafe {
                all_rows(kernel, Ready {
                    size: (m, width, depth),
                    a: a.from(0, p0),
                    left: if a_stays { None } else { Some(pa) },
                    b: if b_stays { b.get().ptr } else { pb },
                    b_step: if b_stays { Some(b.get().row as usize) } else { None },
                    c: Out { ptr: c.ptr.add(j0), row: c.row, add: c.add || p0 > 0 },
                    row: if p0 > 0 || row.is_null() { std::ptr::null() } else { row.add(j0) },
                    threads,
                });
            }
        }
    };
    if a_stays && b_stays { run(std::ptr::null_mut(), std::ptr::null_mut()) } else { with_room(left, right, run) }
}

/// The same by way of the turned product, in which `b` is on the left and `a` is packed.
///
/// # Safety
/// As for `blocks`.
pub unsafe fn turned_blocks<T: Number>(
    kernel: &Kernel<T>, (m, n, k): (usize, usize, usize), a: Mat<T>, b: Mat<T>, c: Out<T>, row: *const T,
) {
    let columns = kernel.columns;
    let mut room = vec![T::default(); (n + columns) * m];
    let (product, panel) = room.split_at_mut(n * m);
    // SAFETY: the caller's promise; rows of `c` are as long as its columns reach.
    unsafe {
        blocks(kernel, (n, m, k), b.turned(), a.turned(), Out { ptr: product.as_mut_ptr(), row: m, add: false }, std::ptr::null());
        for j in (0..n).step_by(columns) {
            let some = columns.min(n - j);
            (kernel.pack)(Mat::rows(&product[j * m..], m), columns, some, m, panel.as_mut_ptr());
            for (i, line) in panel.chunks_exact(columns).enumerate() {
                let to = std::slice::from_raw_parts_mut(c.ptr.add(i * c.row + j), some);
                for (q, (to, &x)) in to.iter_mut().zip(line).enumerate() {
                    let x = if row.is_null() { x } else { x + *row.add(j + q) };
                    *to = if c.add { *to + x } else { x };
                }
            }
        }
    }
}

/// A matrix that many products have on their right, packed once for all of them: `k` by `n` numbers in
/// panels, and room for those of the left ones.
pub struct Panels<T> {
    from: Mat<T>,
    k: usize,
    n: usize,
    /// The longest sums in a block.
    depth: usize,
    right: Vec<T>,
    left: Vec<T>,
}

impl<T: Number> Panels<T> {
    /// Packs a matrix.
    ///
    /// # Safety
    /// It must be readable as long as the panels are used.
    pub unsafe fn new(from: Mat<T>, k: usize, n: usize) -> Panels<T> {
        let depth = depth_of(k);
        let mut panels = Panels { from, k, n, depth, right: Vec::new(), left: Vec::new() };
        let Some(kernel) = T::kernel() else { return panels };
        let columns = kernel.columns;
        let wide = n.next_multiple_of(columns);
        panels.right.resize(wide * k, T::default());
        for p in (0..k).step_by(depth) {
            let deep = depth.min(k - p);
            for j in (0..n).step_by(columns) {
                // SAFETY: the caller's promise; a panel has `columns` by `deep` numbers.
                unsafe {
                    let to = panels.right.as_mut_ptr().add(p * wide + j * deep);
                    (kernel.pack)(from.from(p, j).turned(), columns, columns.min(n - j), deep, to);
                }
            }
        }
        panels
    }

    /// The product of `m` rows and this matrix goes to `to`, with a row added to each unless it is null.
    ///
    /// # Safety
    /// As for `gemm::product_plus`.
    pub unsafe fn times(&mut self, m: usize, a: Mat<T>, to: Out<T>, row: *const T) {
        let Some(kernel) = T::kernel() else {
            // SAFETY: the caller's promise.
            return unsafe { product_plus((m, self.n, self.k), a, self.from, to, row) };
        };
        let (threads, wide) = (threads_for((m, self.n, self.k)), self.n.next_multiple_of(kernel.columns));
        let stays = left_in_place(kernel, (m, self.n), &a);
        if !stays {
            self.left.resize(kernel.panes(row_max(threads).min(m)).rows() * self.depth, T::default());
        }
        for p in (0..self.k).step_by(self.depth) {
            // SAFETY: the caller's promise; the room was made for as many panels.
            unsafe {
                all_rows(kernel, Ready {
                    size: (m, self.n, self.depth.min(self.k - p)),
                    a: a.from(0, p),
                    left: if stays { None } else { Some(self.left.as_mut_ptr()) },
                    b: self.right.as_ptr().add(p * wide),
                    b_step: None,
                    c: Out { add: to.add || p > 0, ..to },
                    row: if p > 0 { std::ptr::null() } else { row },
                    threads,
                });
            }
        }
    }
}
