//! Resampling: every output is a weighted sum of a few inputs along each of the last three
//! dimensions, and the way back.

use crate::ops::loops::Real;

/// For each place of a dimension of the result, the places it is made of and their weights.
pub struct Taps {
    /// How many places each result has.
    pub each: usize,
    /// The places, result by result.
    pub at: Vec<usize>,
    /// Their weights.
    pub weight: Vec<f64>,
}

impl Taps {
    /// How many results there are.
    pub fn len(&self) -> usize {
        self.at.len() / self.each.max(1)
    }

    /// The places of a result and their weights.
    fn of(&self, i: usize) -> impl Iterator<Item = (usize, f64)> + Clone + '_ {
        let range = i * self.each..(i + 1) * self.each;
        self.at[range.clone()].iter().copied().zip(self.weight[range].iter().copied())
    }
}

/// Calls `f(result, source, weight)` for every pair of places of a plane that have to do with each
/// other.
fn pairs(from: [usize; 3], taps: &[Taps; 3], mut f: impl FnMut(usize, usize, f64)) {
    let mut out = 0;
    for z in 0..taps[0].len() {
        for y in 0..taps[1].len() {
            for x in 0..taps[2].len() {
                for (a, p) in taps[0].of(z) {
                    for (b, q) in taps[1].of(y) {
                        let row = (a * from[1] + b) * from[2];
                        for (c, r) in taps[2].of(x) {
                            f(out, row + c, p * q * r);
                        }
                    }
                }
                out += 1;
            }
        }
    }
}

fn planes(from: [usize; 3], taps: &[Taps; 3]) -> (usize, usize) {
    (from.iter().product::<usize>().max(1), taps.iter().map(Taps::len).product::<usize>().max(1))
}

/// Every plane of `x`, with spatial sizes `from`, resampled to `y`.
pub fn gather<T: Real>(from: [usize; 3], taps: &[Taps; 3], x: &[T], y: &mut [T]) {
    let (a, b) = planes(from, taps);
    let mut sums = vec![0.0; b];
    for (x, y) in x.chunks_exact(a).zip(y.chunks_exact_mut(b)) {
        sums.fill(0.0);
        pairs(from, taps, |o, i, w| sums[o] += w * x[i].f64());
        y.iter_mut().zip(&sums).for_each(|(d, s)| *d = T::of(*s));
    }
}

/// The transpose of `gather`.
pub fn scatter<T: Real>(from: [usize; 3], taps: &[Taps; 3], y: &[T], x: &mut [T]) {
    let (a, b) = planes(from, taps);
    let mut sums = vec![0.0; a];
    for (x, y) in x.chunks_exact_mut(a).zip(y.chunks_exact(b)) {
        sums.fill(0.0);
        pairs(from, taps, |o, i, w| sums[i] += w * y[o].f64());
        x.iter_mut().zip(&sums).for_each(|(d, s)| *d = T::of(*s));
    }
}
