//! Scaled dot-product attention: head by head and some queries at a time, so that the weights of a
//! few queries are all that is ever written down (Rabe and Staats, "Self-attention Does Not Need
//! O(n^2) Memory", 2021). Matrices are read where they lie, whatever their steps.

use super::gemm::{product, Mat, Out, SHARED_WORK};
use super::softmax::{softmax_grad_in_place, softmax_in_place};
use crate::ops::loops::Real;
use crate::parallel::{parallel_for, Shared};

/// Matrices of the heads of a batch: an address, and the steps to the next batch, head, row and
/// column.
#[derive(Clone, Copy)]
pub struct Heads<P> {
    /// First element.
    pub ptr: P,
    /// Steps of batch, head, row and column.
    pub steps: [isize; 4],
}

/// What attention reads.
#[derive(Clone, Copy)]
pub struct Given<T> {
    /// Queries.
    pub query: Heads<*const T>,
    /// Keys.
    pub key: Heads<*const T>,
    /// Values.
    pub value: Heads<*const T>,
    /// What is added to the scores.
    pub bias: Option<Heads<*const T>>,
}

/// The sizes, and how scores become weights.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// Batches.
    pub batch: usize,
    /// Heads of a batch.
    pub heads: usize,
    /// Queries of a head.
    pub queries: usize,
    /// Keys of a head, and values.
    pub keys: usize,
    /// Numbers of a query, a key or a value.
    pub width: usize,
    /// What scores are multiplied by.
    pub scale: f64,
    /// Whether a query sees only the keys up to its own place.
    pub causal: bool,
}

impl<T> Heads<*const T> {
    /// The matrix of a head from a row on.
    fn matrix(&self, [batch, head]: [usize; 2], row: usize) -> Mat<T> {
        let at = batch as isize * self.steps[0] + head as isize * self.steps[1] + row as isize * self.steps[2];
        Mat { ptr: self.ptr.wrapping_offset(at), row: self.steps[2], col: self.steps[3] }
    }
}

impl<T> Heads<*mut T> {
    /// Where rows of a head go; columns are adjacent.
    fn out(&self, [batch, head]: [usize; 2], row: usize, add: bool) -> Out<T> {
        let at = batch as isize * self.steps[0] + head as isize * self.steps[1] + row as isize * self.steps[2];
        Out { ptr: self.ptr.wrapping_offset(at), row: self.steps[2] as usize, add }
    }
}

impl Attention {
    /// Queries whose weights are written down at once: fewer where that saves products with keys that
    /// most of them do not see.
    fn block(&self) -> usize {
        if self.causal && self.keys <= 128 { 32 } else { 64 }.min(self.queries)
    }

    /// Keys that are seen by one of the queries before `end`.
    fn seen(&self, end: usize) -> usize {
        if self.causal { end.min(self.keys) } else { self.keys }
    }

    /// Calls `f(first query, queries)` for every block of queries.
    fn blocks(&self, mut f: impl FnMut(usize, usize)) {
        for first in (0..self.queries).step_by(self.block()) {
            f(first, self.block().min(self.queries - first));
        }
    }

    fn place(&self, i: usize) -> [usize; 2] {
        [i / self.heads, i % self.heads]
    }

    /// Writes the weights of `count` queries from `first` on: for each as many as `seen` says.
    ///
    /// # Safety
    /// What is given must be readable.
    unsafe fn weights<T: Real>(&self, g: &Given<T>, at: [usize; 2], first: usize, count: usize, w: &mut [T]) {
        let n = self.seen(first + count);
        let to = Out { ptr: w.as_mut_ptr(), row: n, add: false };
        // SAFETY: the caller's promise; `w` has room for `count` rows.
        unsafe { product((count, n, self.width), g.query.matrix(at, first), g.key.matrix(at, 0).turned(), to) };
        let scale = T::of(self.scale);
        for (r, row) in w.chunks_exact_mut(n.max(1)).take(count).enumerate() {
            let seen = self.seen(first + r + 1);
            row[..seen].iter_mut().for_each(|x| *x *= scale);
            if let Some(bias) = &g.bias {
                let bias = bias.matrix(at, first + r);
                for (j, x) in row[..seen].iter_mut().enumerate() {
                    // SAFETY: the caller's promise.
                    *x += unsafe { *bias.ptr.wrapping_offset(j as isize * bias.col) };
                }
            }
            softmax_in_place(&mut row[..seen]);
            row[seen..].fill(T::nil());
        }
    }

    /// `softmax(query key^T scale + bias) value`; a query that sees nothing gets zeros.
    ///
    /// # Safety
    /// What is given must be readable, `out` writable and apart from it.
    pub unsafe fn forward<T: Real>(&self, given: Given<T>, out: Heads<*mut T>) {
        let block = self.block();
        let (blocks, work) = (self.queries.div_ceil(block), block * self.keys * self.width);
        let (given, out) = (Shared(given), Shared(out));
        parallel_for(self.batch * self.heads * blocks, SHARED_WORK / work.max(1), |range| {
            let given = given.get();
            let mut room = vec![T::nil(); block * self.keys];
            for i in range {
                let (at, first) = (self.place(i / blocks), i % blocks * block);
                let count = block.min(self.queries - first);
                let n = self.seen(first + count);
                // SAFETY: the caller's promise; rows of the result are this part's alone.
                unsafe {
                    self.weights(&given, at, first, count, &mut room);
                    product((count, self.width, n), Mat::rows(&room, n), given.value.matrix(at, 0), out.get().out(at, first, false));
                }
            }
        });
    }

    /// The gradients of query, key and value from that of the result, those that are asked for.
    ///
    /// # Safety
    /// As for `forward`.
    pub unsafe fn backward<T: Real>(&self, given: Given<T>, grad: Heads<*const T>, to: [Option<Heads<*mut T>>; 3]) {
        let work = self.queries * self.keys * self.width;
        let (given, grad, to) = (Shared(given), Shared(grad), Shared(to));
        parallel_for(self.batch * self.heads, SHARED_WORK / work.max(1), |range| {
            let (given, [query, key, value]) = (given.get(), to.get());
            let mut room = vec![T::nil(); 2 * self.block() * self.keys];
            let (w, scores) = room.split_at_mut(self.block() * self.keys);
            for i in range {
                let at = self.place(i);
                // SAFETY: the caller's promise; a head's gradients are this part's alone.
                unsafe {
                    // Keys that no query of the first block sees are added to later, or never.
                    for to in [key, value].into_iter().flatten() {
                        let to = to.out(at, 0, false);
                        for j in self.seen(self.block())..self.keys {
                            std::slice::from_raw_parts_mut(to.ptr.add(j * to.row), self.width).fill(T::nil());
                        }
                    }
                    self.blocks(|first, count| {
                        let (n, g) = (self.seen(first + count), grad.get().matrix(at, first));
                        self.weights(&given, at, first, count, w);
                        if let Some(to) = value {
                            product((n, self.width, count), Mat::rows(w, n).turned(), g, to.out(at, 0, first > 0));
                        }
                        if query.is_none() && key.is_none() {
                            return;
                        }
                        let into = Out { ptr: scores.as_mut_ptr(), row: n, add: false };
                        product((count, n, self.width), g, given.value.matrix(at, 0).turned(), into);
                        for r in 0..count {
                            let (g, unseen) = scores[r * n..(r + 1) * n].split_at_mut(self.seen(first + r + 1));
                            softmax_grad_in_place(g, &w[r * n..], T::of(self.scale));
                            unseen.fill(T::nil());
                        }
                        if let Some(to) = query {
                            product((count, self.width, n), Mat::rows(scores, n), given.key.matrix(at, 0), to.out(at, first, false));
                        }
                        if let Some(to) = key {
                            product((n, self.width, count), Mat::rows(scores, n).turned(), given.query.matrix(at, first), to.out(at, 0, first > 0));
                        }
                    });
                }
            }
        });
    }
}
