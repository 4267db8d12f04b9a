//! Elements taken from places that a table names for each of the last three dimensions; and the
//! way back, where what was taken several times is added up.

use std::ops::AddAssign;

/// For each place of the three last dimensions of a result, the place in the source.
pub struct Remap {
    /// Spatial sizes of the source.
    pub from: [usize; 3],
    /// Source places, one list for each dimension.
    pub at: [Vec<usize>; 3],
}

impl Remap {
    /// Calls `f(source place of a line, line of the result)` for every line of a plane.
    fn lines(&self, mut f: impl FnMut(usize, usize)) {
        let mut line = 0;
        for z in &self.at[0] {
            for y in &self.at[1] {
                f((z * self.from[1] + y) * self.from[2], line);
                line += 1;
            }
        }
    }

    fn planes(&self) -> (usize, usize) {
        (self.from.iter().product(), self.at.iter().map(Vec::len).product())
    }

    /// Fills `to` plane by plane.
    pub fn gather<T: Copy>(&self, from: &[T], to: &mut [T]) {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return;
        }
        let width = self.at[2].len();
        for (src, dst) in from.chunks_exact(a).zip(to.chunks_exact_mut(b)) {
            self.lines(|start, line| {
                for (d, x) in dst[line * width..][..width].iter_mut().zip(&self.at[2]) {
                    *d = src[start + x];
                }
            });
        }
    }

    /// Adds `from`, which has the sizes of a result, to the places it would come from.
    pub fn scatter<T: Copy + AddAssign>(&self, from: &[T], to: &mut [T]) {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return;
        }
        let width = self.at[2].len();
        for (dst, src) in to.chunks_exact_mut(a).zip(from.chunks_exact(b)) {
            self.lines(|start, line| {
                for (v, x) in src[line * width..][..width].iter().zip(&self.at[2]) {
                    dst[start + x] += *v;
                }
            });
        }
    }
}
