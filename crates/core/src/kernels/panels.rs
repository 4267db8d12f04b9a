//! A matrix that many products have on their right, packed once for all of them.

use super::gemm::{product_plus, Mat, Number, Out, DEPTH, ROWS, SHARED_WORK};
use super::tile::Block;
use crate::parallel::{parallel_for, Shared};

/// A matrix of `k` by `n` numbers in panels, and room for those of the left ones.
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
        let depth = k.div_ceil(k.div_ceil(DEPTH).max(1)).max(1);
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
        let columns = kernel.columns;
        let wide = self.n.next_multiple_of(columns);
        self.left.resize(kernel.panes(ROWS.min(m)).rows() * self.depth, T::default());
        for i in (0..m).step_by(ROWS) {
            let high = ROWS.min(m - i);
            let panes = kernel.panes(high);
            for p in (0..self.k).step_by(self.depth) {
                let deep = self.depth.min(self.k - p);
                for (r, rows) in (0..panes.count).map(|i| panes.at(i)) {
                    // SAFETY: the caller's promise; the room was made for as many panels.
                    unsafe {
                        let panel = self.left.as_mut_ptr().add(r * deep);
                        (kernel.pack)(a.from(i + r, p), rows, rows.min(high - r), deep, panel);
                    }
                }
                let (left, right) = (Shared(self.left.as_ptr()), Shared(self.right.as_ptr().wrapping_add(p * wide)));
                let (target, row) = (Shared(to.ptr), Shared(if p > 0 { std::ptr::null() } else { row }));
                // Two panels at a time, as `tiles` takes them.
                let part = 2 * columns;
                let grain = (SHARED_WORK / 2 / (high * part * deep)).max(1);
                parallel_for(self.n.div_ceil(part), grain, |range| {
                    let (first, end) = (range.start * part, self.n.min(range.end * part));
                    // SAFETY: packed above and before; no other range writes these columns.
                    unsafe {
                        (kernel.tiles)(&Block {
                            a: left.get(),
                            b: right.get().add(first * deep),
                            c: target.get().add(i * to.row + first),
                            step: to.row,
                            size: (high, end - first),
                            tall: panes.tall_rows(),
                            depth: deep,
                            add: to.add || p > 0,
                            row: if row.get().is_null() { row.get() } else { row.get().add(first) },
                        });
                    }
                });
            }
        }
    }
}
