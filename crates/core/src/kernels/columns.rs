//! Patches written down as columns (Chellapilla, Puri and Simard, "High Performance Convolutional
//! Neural Networks for Document Processing", 2006), a tile of the output at a time: what `unfold` and
//! `fold` are, and how numbers without fast loops are convolved.

use super::conv::Geometry;
use super::gemm::{product, Mat, Number, Out, SHARED_WORK};
use crate::parallel::{parallel_for, Shared};
use std::ops::AddAssign;

/// Elements of the column buffer: a tile of the output is as large as this allows.
const TILE: usize = 1 << 17;

impl Geometry {
    /// Lines of output pixels in a tile.
    fn tile_lines(&self) -> usize {
        let lines = self.output[0] * self.output[1];
        (TILE / (self.taps() * self.output[2]).max(1)).clamp(1, lines.max(1))
    }

    /// Calls `f(first line, lines)` for each tile.
    fn tiles(&self, mut f: impl FnMut(usize, usize)) {
        let (lines, step) = (self.output[0] * self.output[1], self.tile_lines());
        for first in (0..lines).step_by(step) {
            f(first, step.min(lines - first));
        }
    }

    /// For each tap and each line of a tile, calls `f(place in the columns, where in the input the
    /// line starts, first pixel inside, one past the last)`; a line outside has no pixel inside.
    fn lines(&self, first: usize, count: usize, mut f: impl FnMut(usize, isize, usize, usize)) {
        let [_, h, w] = self.input;
        let width = self.output[2];
        let at = |d: usize, out: usize, tap: usize| {
            (out * self.stride[d] + tap * self.dilation[d]) as isize - self.padding[d] as isize
        };
        let mut to = 0;
        for c in 0..self.channels {
            for kz in 0..self.kernel[0] {
                for ky in 0..self.kernel[1] {
                    for kx in 0..self.kernel[2] {
                        let left = at(2, 0, kx);
                        let s = self.stride[2] as isize;
                        // Pixels whose column lies in 0..w.
                        let lo = if left >= 0 { 0 } else { ((-left + s - 1) / s) as usize };
                        let hi = if w as isize > left { ((w as isize - left + s - 1) / s) as usize } else { 0 };
                        let (lo, hi) = (lo.min(width), hi.min(width));
                        for line in first..first + count {
                            let z = at(0, line / self.output[1], kz);
                            let y = at(1, line % self.output[1], ky);
                            let inside = (0..self.input[0] as isize).contains(&z) && (0..h as isize).contains(&y);
                            if inside && lo < hi {
                                let row = (c as isize * self.input[0] as isize + z) * h as isize + y;
                                f(to, row * w as isize + left, lo, hi);
                            } else {
                                f(to, 0, 0, 0);
                            }
                            to += width;
                        }
                    }
                }
            }
        }
    }

    /// The patches of a tile: one row for each tap, one column for each pixel.
    fn gather<T: Copy + Default>(&self, x: &[T], first: usize, count: usize, cols: &mut [T]) {
        let (width, s) = (self.output[2], self.stride[2]);
        self.lines(first, count, |to, from, lo, hi| {
            let line = &mut cols[to..to + width];
            line[..lo].fill(T::default());
            line[hi..].fill(T::default());
            let start = (from + (lo * s) as isize) as usize;
            if lo >= hi {
            } else if s == 1 {
                line[lo..hi].copy_from_slice(&x[start..start + hi - lo]);
            } else {
                for (d, v) in line[lo..hi].iter_mut().zip(x[start..].iter().step_by(s)) {
                    *d = *v;
                }
            }
        });
    }

    /// Adds the patches of a tile back to where they came from.
    fn scatter<T: Copy + AddAssign>(&self, cols: &[T], first: usize, count: usize, x: &mut [T]) {
        let s = self.stride[2];
        self.lines(first, count, |to, from, lo, hi| {
            if lo < hi {
                let start = (from + (lo * s) as isize) as usize;
                if s == 1 {
                    for (v, d) in cols[to + lo..to + hi].iter().zip(&mut x[start..start + hi - lo]) {
                        *d += *v;
                    }
                    return;
                }
                for (v, d) in cols[to + lo..to + hi].iter().zip(x[start..].iter_mut().step_by(s)) {
                    *d += *v;
                }
            }
        });
    }
}

impl Geometry {
    /// The patches of each image as columns: `[batch, channels kernel, output]`.
    pub fn unfold<T: Copy + Default>(&self, x: &[T], cols: &mut [T]) {
        let (area, size) = (self.channels * self.area(), self.taps() * self.pixels());
        if size > 0 {
            for (x, cols) in x.chunks_exact(area).zip(cols.chunks_exact_mut(size)) {
                self.gather(x, 0, self.output[0] * self.output[1], cols);
            }
        }
    }

    /// Adds columns of patches to the images they are of.
    pub fn fold<T: Copy + AddAssign>(&self, cols: &[T], x: &mut [T]) {
        let (area, size) = (self.channels * self.area(), self.taps() * self.pixels());
        if size > 0 {
            for (x, cols) in x.chunks_exact_mut(area).zip(cols.chunks_exact(size)) {
                self.scatter(cols, 0, self.output[0] * self.output[1], x);
            }
        }
    }
}

/// Images and groups, which threads may share: calls `f(columns, input, weight, output)` with room
/// for the columns of a tile and the offsets of each pair.
fn each<T: Number>(g: &Geometry, f: impl Fn(&mut [T], usize, usize, usize) + Sync) {
    let work = g.filters * g.taps() * g.pixels();
    parallel_for(g.batch * g.groups, SHARED_WORK / work.max(1), |range| {
        let mut cols = vec![T::default(); g.taps() * g.tile_lines() * g.output[2]];
        for at in range {
            let k = at % g.groups;
            f(&mut cols, at * g.channels * g.area(), k * g.filters * g.taps(), at * g.filters * g.pixels());
        }
    });
}

/// Adds `x * w` to `y`; shapes are those of `conv::forward`.
pub fn forward<T: Number>(g: &Geometry, x: &[T], w: &[T], y: &mut [T]) {
    let (taps, pixels, width) = (g.taps(), g.pixels(), g.output[2]);
    let y = Shared(y.as_mut_ptr());
    each(g, |cols, xi, wi, yi| {
        let x = &x[xi..xi + g.channels * g.area()];
        let w = Mat::rows(&w[wi..wi + g.filters * taps], taps);
        g.tiles(|first, count| {
            let n = count * width;
            g.gather(x, first, count, cols);
            // SAFETY: the matrices lie in the slices just taken, and in the part of `y` that is this pair's.
            unsafe {
                let to = Out { ptr: y.get().add(yi + first * width), row: pixels, add: true };
                product((g.filters, n, taps), w, Mat::rows(cols, n), to);
            }
        });
    });
}

/// Adds the transposed convolution of `y` to `x`.
pub fn transposed<T: Number>(g: &Geometry, y: &[T], w: &[T], x: &mut [T]) {
    let (taps, pixels, width) = (g.taps(), g.pixels(), g.output[2]);
    let x = Shared(x.as_mut_ptr());
    each(g, |cols, xi, wi, yi| {
        // SAFETY: the part of `x` that is this pair's.
        let x = unsafe { std::slice::from_raw_parts_mut(x.get().add(xi), g.channels * g.area()) };
        let w = Mat::rows(&w[wi..wi + g.filters * taps], taps).turned();
        let y = &y[yi..yi + g.filters * pixels];
        g.tiles(|first, count| {
            let n = count * width;
            // SAFETY: the tile's columns of `y` are inside its rows of `pixels`.
            unsafe {
                let to = Out { ptr: cols.as_mut_ptr(), row: n, add: false };
                product((taps, n, g.filters), w, Mat::rows(&y[first * width..], pixels), to);
            }
            g.scatter(cols, first, count, x);
        });
    });
}

/// Adds the gradient of the weight to `w`. Its sums run over the images, so threads share each
/// product instead.
pub fn weight<T: Number>(g: &Geometry, x: &[T], y: &[T], w: &mut [T]) {
    let (taps, pixels, width) = (g.taps(), g.pixels(), g.output[2]);
    let mut cols = vec![T::default(); taps * g.tile_lines() * width];
    for at in 0..g.batch * g.groups {
        let x = &x[at * g.channels * g.area()..][..g.channels * g.area()];
        let y = &y[at * g.filters * pixels..][..g.filters * pixels];
        let w = w[at % g.groups * g.filters * taps..].as_mut_ptr();
        g.tiles(|first, count| {
            let n = count * width;
            g.gather(x, first, count, &mut cols);
            // SAFETY: the tile's columns of `y` are inside its rows of `pixels`; `cols` has `taps` rows of `n`.
            unsafe {
                let to = Out { ptr: w, row: taps, add: true };
                product((g.filters, taps, n), Mat::rows(&y[first * width..], pixels), Mat::rows(&cols, n).turned(), to);
            }
        });
    }
}
