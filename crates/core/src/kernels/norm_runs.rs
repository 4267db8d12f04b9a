//! Normalisation of channels that are long runs of memory, one group after the other: what is read
//! more than once still lies in the cache.

use super::norm::Shape;
use crate::ops::loops::Real;
use crate::parallel::{grain, parallel_for, Shared};


/// Where the gradients go, those that are asked for.
pub struct Grads<'a, T> {
    /// Of the input.
    pub input: Option<&'a mut [T]>,
    /// Of the weight.
    pub weight: Option<&'a mut [T]>,
    /// Of the bias.
    pub bias: Option<&'a mut [T]>,
}

impl Shape {
    /// Whether runs are long enough to be taken one by one.
    pub fn has_runs(&self) -> bool {
        self.space >= 16
    }

    /// The numbers of a group's runs, in the order of memory.
    fn runs_of(&self, group: usize) -> impl Iterator<Item = usize> + Clone {
        let (first, step, count) = if self.across { (group, self.channels, self.rows) } else { (group * self.channels, 1, self.channels) };
        (0..count).map(move |j| first + j * step)
    }

    /// Calls `f(group)` for every group, in any order.
    fn each_group(&self, f: impl Fn(usize) + Sync) {
        parallel_for(self.groups(), grain::rounds(grain::COMPUTED, self.count()), |range| range.for_each(&f));
    }

    /// Mean and variance of a group.
    ///
    /// # Safety
    /// `x` must have all elements.
    #[inline(always)]
    unsafe fn moments_of<T: Real>(&self, group: usize, x: *const T) -> (f64, f64) {
        let n = self.count();
        // The runs of a row follow each other.
        let (first, count, len) = if self.across { (group * self.space, self.rows, self.space) } else { (group * n, 1, n) };
        let loops = T::row_loops(len);
        let over = |f: &dyn Fn(*const T) -> f64| {
            (0..count).map(|i| f(x.wrapping_add(first + i * self.channels * self.space))).sum::<f64>() / n as f64
        };
        // SAFETY: runs lie among the elements.
        unsafe {
            let mean = over(&|run| (loops.sum)(run, len));
            let m = T::of(mean);
            (mean, over(&|run| (loops.squares)(run, len, m)))
        }
    }

    /// Mean and variance of each group.
    pub fn moments_by_group<T: Real>(&self, x: &[T]) -> (Vec<f64>, Vec<f64>) {
        assert_eq!(x.len(), self.groups() * self.count());
        let (mut mean, mut var) = (vec![0.0; self.groups()], vec![0.0; self.groups()]);
        let to = (Shared(mean.as_mut_ptr()), Shared(var.as_mut_ptr()));
        // SAFETY: groups are apart, and all elements are there.
        self.each_group(|k| unsafe { (*to.0.get().add(k), *to.1.get().add(k)) = self.moments_of(k, x.as_ptr()) });
        (mean, var)
    }

    /// The gradients of input, weight and bias of `normalise`; the weight has `period` channels.
    pub fn all_grads<T: Real>(&self, g: &[T], x: &[T], eps: f64, weight: Option<&[T]>, period: usize, to: Grads<T>) {
        let (n, len) = (self.count() as f64, self.space);
        let (runs, loops) = (self.rows * self.channels, T::row_loops(len));
        assert!(g.len() == x.len() && x.len() == runs * len);
        // Of each run the sum of the gradients, and of their products with the normalised input.
        let (mut sums, mut dots) = (vec![0.0; runs], vec![0.0; runs]);
        let rooms = (Shared(sums.as_mut_ptr()), Shared(dots.as_mut_ptr()));
        let dx = to.input.map(|dx| {
            debug_assert_eq!(dx.len(), runs * len);
            Shared(dx.as_mut_ptr())
        });
        self.each_group(|k| {
            // SAFETY: all elements are there.
            let (mean, var) = unsafe { self.moments_of(k, x.as_ptr()) };
            let (m, s) = (T::of(mean), 1.0 / (var + eps).sqrt());
            let weight_at = |i: usize| weight.map_or(1.0, |w| w[i % period].f64());
            let (mut sum, mut dot) = (0.0, 0.0);
            for i in self.runs_of(k) {
                let (g, x) = (&g[i * len..(i + 1) * len], &x[i * len..(i + 1) * len]);
                // SAFETY: both are runs, and those of groups are apart.
                let (a, b) = unsafe {
                    let [sum, dot] = (loops.products)(g.as_ptr(), None, x.as_ptr(), len, m);
                    (*rooms.0.get().add(i), *rooms.1.get().add(i)) = (sum, dot * s);
                    (sum, dot * s)
                };
                (sum, dot) = (sum + a * weight_at(i), dot + b * weight_at(i));
            }
            let Some(dx) = &dx else { return };
            let (shift, slope) = (T::of(sum / n * s), T::of(dot / n * s * s));
            for i in self.runs_of(k) {
                let w = T::of(weight_at(i) * s);
                // SAFETY: as above.
                let dx = unsafe { std::slice::from_raw_parts_mut(dx.get().add(i * len), len) };
                for ((d, g), x) in dx.iter_mut().zip(&g[i * len..]).zip(&x[i * len..]) {
                    *d = *g * w - shift - (*x - m) * slope;
                }
            }
        });
        let added = |from: &[f64], to: Option<&mut [T]>| {
            let Some(to) = to else { return };
            let mut all = vec![0.0; period];
            from.iter().enumerate().for_each(|(i, v)| all[i % period] += v);
            to.iter_mut().zip(all).for_each(|(t, v)| *t = T::of(v));
        };
        added(&dots, to.weight);
        added(&sums, to.bias);
    }
}
