//! Convolution over up to three spatial dimensions, as products of matrices: the patches that a
//! tile of the output sees are laid out as columns (Chellapilla, Puri and Simard, "High Performance
//! Convolutional Neural Networks for Document Processing", 2006) and multiplied by the weight.

use super::gemm::{gemm, Mat, Number};
use std::ops::AddAssign;

/// Elements of the column buffer: a tile of the output is as large as this allows.
const TILE: usize = 1 << 17;

/// The shape of a convolution; dimensions that are missing stand in front with size one.
#[derive(Debug, Clone)]
pub struct Geometry {
    /// Images.
    pub batch: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Input channels of a group.
    pub channels: usize,
    /// Output channels of a group.
    pub filters: usize,
    /// Spatial sizes of the input.
    pub input: [usize; 3],
    /// Spatial sizes of the kernel.
    pub kernel: [usize; 3],
    /// Spatial sizes of the output.
    pub output: [usize; 3],
    /// Steps between patches.
    pub stride: [usize; 3],
    /// Zeros around the input.
    pub padding: [usize; 3],
    /// Steps between the elements of a patch.
    pub dilation: [usize; 3],
}

impl Geometry {
    fn area(&self) -> usize {
        self.input.iter().product()
    }

    fn pixels(&self) -> usize {
        self.output.iter().product()
    }

    /// Elements of a patch.
    fn taps(&self) -> usize {
        self.channels * self.kernel.iter().product::<usize>()
    }

    /// Whether the patches are the input itself.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1; 3] && self.stride == [1; 3] && self.padding == [0; 3]
    }

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

/// A row-major matrix, from the start of a slice.
fn rows<T>(data: &[T], width: usize) -> Mat<T> {
    Mat { ptr: data.as_ptr(), row: width as isize, col: 1 }
}

/// The transpose of a row-major matrix.
fn turned<T>(data: &[T], width: usize) -> Mat<T> {
    Mat { ptr: data.as_ptr(), row: 1, col: width as isize }
}

/// Images and groups: calls `f(input, weight, output)` with the offsets of each pair.
fn each(g: &Geometry, mut f: impl FnMut(usize, usize, usize)) {
    for n in 0..g.batch {
        for k in 0..g.groups {
            let at = n * g.groups + k;
            f(at * g.channels * g.area(), k * g.filters * g.taps(), at * g.filters * g.pixels());
        }
    }
}

/// `y = x * w`: `x` is `[batch, groups, channels, input]`, `w` is `[groups, filters, channels,
/// kernel]`, `y` is `[batch, groups, filters, output]`.
pub fn forward<T: Number>(g: &Geometry, x: &[T], w: &[T], y: &mut [T]) {
    let (taps, pixels, width) = (g.taps(), g.pixels(), g.output[2]);
    let mut cols = vec![T::default(); if g.is_pointwise() { 0 } else { taps * g.tile_lines() * width }];
    let mut part = vec![T::default(); g.filters * g.tile_lines() * width];
    each(g, |xi, wi, yi| {
        let x = &x[xi..xi + g.channels * g.area()];
        let w = &w[wi..wi + g.filters * taps];
        let y = &mut y[yi..yi + g.filters * pixels];
        if g.is_pointwise() {
            // SAFETY: the matrices are the slices just taken.
            return unsafe { gemm(g.filters, pixels, taps, rows(w, taps), rows(x, pixels), y) };
        }
        g.tiles(|first, count| {
            let n = count * width;
            g.gather(x, first, count, &mut cols);
            // SAFETY: `cols` holds `taps` rows of `n`, `w` holds `filters` rows of `taps`.
            if n == pixels {
                unsafe { gemm(g.filters, n, taps, rows(w, taps), rows(&cols, n), y) };
                return;
            }
            let part = &mut part[..g.filters * n];
            unsafe { gemm(g.filters, n, taps, rows(w, taps), rows(&cols, n), part) };
            for (k, line) in part.chunks_exact(n).enumerate() {
                y[k * pixels + first * width..][..n].copy_from_slice(line);
            }
        });
    });
}

/// `x` such that `<x, a> = <y, a * w>`: the gradient of the input, and the transposed convolution.
pub fn transposed<T: Number>(g: &Geometry, y: &[T], w: &[T], x: &mut [T]) {
    let (taps, pixels, width) = (g.taps(), g.pixels(), g.output[2]);
    x.fill(T::default());
    let mut cols = vec![T::default(); if g.is_pointwise() { 0 } else { taps * g.tile_lines() * width }];
    each(g, |xi, wi, yi| {
        let x = &mut x[xi..xi + g.channels * g.area()];
        let w = &w[wi..wi + g.filters * taps];
        let y = &y[yi..yi + g.filters * pixels];
        if g.is_pointwise() {
            // SAFETY: the matrices are the slices just taken.
            return unsafe { gemm(taps, pixels, g.filters, turned(w, taps), rows(y, pixels), x) };
        }
        g.tiles(|first, count| {
            let n = count * width;
            let cols = &mut cols[..taps * n];
            // SAFETY: the tile's columns of `y` are inside its rows of `pixels`.
            unsafe { gemm(taps, n, g.filters, turned(w, taps), rows(&y[first * width..], pixels), cols) };
            g.scatter(cols, first, count, x);
        });
    });
}

/// `w` such that `<w, b> = <y, x * b>`: the gradient of the weight.
pub fn weight<T: Number>(g: &Geometry, x: &[T], y: &[T], w: &mut [T]) {
    let (taps, pixels, width) = (g.taps(), g.pixels(), g.output[2]);
    w.fill(T::default());
    let mut cols = vec![T::default(); taps * g.tile_lines() * width];
    let mut part = vec![T::default(); g.filters * taps];
    each(g, |xi, wi, yi| {
        let x = &x[xi..xi + g.channels * g.area()];
        let y = &y[yi..yi + g.filters * pixels];
        g.tiles(|first, count| {
            let n = count * width;
            g.gather(x, first, count, &mut cols);
            // SAFETY: the tile's columns of `y` are inside its rows of `pixels`; `cols` has `taps` rows of `n`.
            unsafe { gemm(g.filters, taps, n, rows(&y[first * width..], pixels), turned(&cols, n), &mut part) };
            for (d, v) in w[wi..].iter_mut().zip(&part) {
                *d += *v;
            }
        });
    });
}
