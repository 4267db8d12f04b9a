//! Pooling: every output looks at a box of the last three dimensions.

use std::ops::{Add, AddAssign};

/// The box of each output, dimension by dimension.
pub struct Windows {
    /// Spatial sizes of the input.
    pub from: [usize; 3],
    /// First place and one past the last, for each output of each dimension.
    pub at: [Vec<(usize, usize)>; 3],
    /// Steps inside a box.
    pub step: [usize; 3],
}

impl Windows {
    /// Input and output elements of a plane.
    pub fn planes(&self) -> (usize, usize) {
        (self.from.iter().product(), self.at.iter().map(Vec::len).product())
    }

    /// Calls `f(output, box)` for each output of a plane.
    fn each(&self, mut f: impl FnMut(usize, [(usize, usize); 3])) {
        let mut out = 0;
        for z in &self.at[0] {
            for y in &self.at[1] {
                for x in &self.at[2] {
                    f(out, [*z, *y, *x]);
                    out += 1;
                }
            }
        }
    }

    /// Calls `f` with each place of a box.
    #[inline(always)]
    fn places(&self, [z, y, x]: [(usize, usize); 3], mut f: impl FnMut(usize)) {
        for k in (z.0..z.1).step_by(self.step[0]) {
            for j in (y.0..y.1).step_by(self.step[1]) {
                let row = (k * self.from[1] + j) * self.from[2];
                let mut i = row + x.0;
                while i < row + x.1 {
                    f(i);
                    i += self.step[2];
                }
            }
        }
    }

    /// The greatest element of each box and where it is; a later NaN wins.
    pub fn max<T: Copy + PartialOrd>(&self, x: &[T], least: T, y: &mut [T], indices: &mut [i64]) {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return;
        }
        for ((x, y), indices) in x.chunks_exact(a).zip(y.chunks_exact_mut(b)).zip(indices.chunks_exact_mut(b)) {
            self.each(|out, window| {
                let [z, h, w] = window;
                let (mut best, mut at) = (least, (z.0 * self.from[1] + h.0) * self.from[2] + w.0);
                self.places(window, |i| {
                    let v = x[i];
                    #[allow(clippy::eq_op)]
                    if v > best || v != v {
                        (best, at) = (v, i);
                    }
                });
                (y[out], indices[out]) = (best, at as i64);
            });
        }
    }

    /// `divide(sum of each box, box)`.
    pub fn sum<T: Copy + Default + Add<Output = T>>(&self, x: &[T], y: &mut [T], divide: impl Fn(T, usize) -> T) {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return;
        }
        for (x, y) in x.chunks_exact(a).zip(y.chunks_exact_mut(b)) {
            self.each(|out, window| {
                let mut sum = T::default();
                self.places(window, |i| sum = sum + x[i]);
                y[out] = divide(sum, out);
            });
        }
    }

    /// Adds `divide(y, box)` to every element of each box.
    pub fn spread<T: Copy + AddAssign>(&self, y: &[T], x: &mut [T], divide: impl Fn(T, usize) -> T) {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return;
        }
        for (x, y) in x.chunks_exact_mut(a).zip(y.chunks_exact(b)) {
            self.each(|out, window| {
                let share = divide(y[out], out);
                self.places(window, |i| x[i] += share);
            });
        }
    }
}
