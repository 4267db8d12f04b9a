//! Normalisation: rows brought to mean 0 and variance 1, then scaled and shifted by channel. The
//! variance is taken around a mean that is known. What lies in one piece is summed as `rows.rs` does,
//! the pieces in double precision.

use super::reduce::{dot_row, fold_row};
use super::rows::{each_row, Affine};
use crate::ops::loops::Real;
use crate::parallel::{grain, parallel_for, Shared};

/// Rows whose products are summed before they are added to the rest.
const ROWS: usize = 64;

/// `rows` of `channels * space` elements that share a mean; or, across, channels that do, over all
/// rows and their space.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Rows.
    pub rows: usize,
    /// Channels of a row.
    pub channels: usize,
    /// Elements of a channel.
    pub space: usize,
    /// Whether a channel is normalised over all rows, and not a row over its channels.
    pub across: bool,
}

impl Shape {
    /// How many means there are.
    pub fn groups(&self) -> usize {
        if self.across { self.channels } else { self.rows }
    }

    /// Elements that share a mean.
    pub fn count(&self) -> usize {
        self.space * if self.across { self.rows } else { self.channels }
    }

    /// Whether a row is one run of elements, each with a weight of its own.
    pub fn is_plain(&self, period: usize) -> bool {
        self.space == 1 && !self.across && period == self.channels && self.channels > 0
    }

    /// Calls `f(group, where a run of `space` elements starts)`.
    #[inline(always)]
    fn runs(&self, mut f: impl FnMut(usize, usize)) {
        for r in 0..self.rows {
            for c in 0..self.channels {
                f(if self.across { c } else { r }, (r * self.channels + c) * self.space);
            }
        }
    }

    /// Mean and variance of each group.
    pub fn moments<T: Real>(&self, x: &[T]) -> (Vec<f64>, Vec<f64>) {
        if self.is_plain(self.channels) || self.has_runs() {
            return self.moments_by_group(x);
        }
        let n = self.count() as f64;
        let mut mean = vec![0.0; self.groups()];
        self.runs(|g, at| mean[g] += fold_row(&x[at..at + self.space], T::nil(), T::plus, T::plus).f64());
        mean.iter_mut().for_each(|m| *m /= n);
        let mut var = vec![0.0; self.groups()];
        self.runs(|g, at| {
            let m = T::of(mean[g]);
            var[g] += fold_row(&x[at..at + self.space], T::nil(), |s, v| s + (v - m) * (v - m), T::plus).f64();
        });
        var.iter_mut().for_each(|v| *v /= n);
        (mean, var)
    }

    /// `apply` with the moments of `x` itself: the means, and one over the deviations, whose squares
    /// are `eps` larger than the variance.
    pub fn normalise<T: Real>(&self, x: &[T], eps: f64, weight: Option<&[T]>, bias: Option<&[T]>, period: usize, y: &mut [T]) -> (Vec<f64>, Vec<f64>) {
        let plain = self.is_plain(period);
        if self.across || !(plain || self.has_runs()) {
            let (mean, var) = self.moments(x);
            let scale = scales(&var, eps);
            self.apply(x, &mean, &scale, weight, bias, period, y);
            return (mean, scale);
        }
        // All that is done to a row is done while it is in the nearest cache.
        let n = self.count();
        assert!(x.len() == self.rows * n && y.len() == x.len() && [weight, bias].iter().flatten().all(|p| p.len() == period));
        let (mut mean, mut scale) = (vec![0.0; self.rows], vec![0.0; self.rows]);
        let to = (Shared(mean.as_mut_ptr()), Shared(scale.as_mut_ptr()), Shared(y.as_mut_ptr()));
        let affine = Affine { weight, bias, period, space: self.space };
        let loops = T::row_loops(if plain { n } else { self.space });
        parallel_for(self.rows, grain::rounds(grain::MOVED, n), |range| {
            let (first, rows) = (range.start, range.len());
            // SAFETY: the rows of threads are apart.
            unsafe {
                let of_rows = |all: *mut f64| std::slice::from_raw_parts_mut(all.add(first), rows);
                let (x, y) = (x.as_ptr().add(first * n), to.2.get().add(first * n));
                (loops.normalise)(x, y, n, first, eps, &affine, of_rows(to.0.get()), of_rows(to.1.get()));
            }
        });
        (mean, scale)
    }

    /// `(x - mean) * scale * weight + bias`; the weight has `period` channels, and repeats.
    pub fn apply<T: Real>(&self, x: &[T], mean: &[f64], scale: &[f64], weight: Option<&[T]>, bias: Option<&[T]>, period: usize, y: &mut [T]) {
        let mut channel = 0;
        self.runs(|g, at| {
            let k = channel % period.max(1);
            channel += 1;
            let w = T::of(scale[g] * weight.map_or(1.0, |w| w[k].f64()));
            let (m, b) = (T::of(mean[g]), bias.map_or(T::nil(), |b| b[k]));
            for (d, v) in y[at..at + self.space].iter_mut().zip(&x[at..]) {
                *d = (*v - m) * w + b;
            }
        });
    }

    /// The gradient of the input of `apply` with the moments of the input itself.
    pub fn input_grad<T: Real>(&self, g: &[T], x: &[T], mean: &[f64], scale: &[f64], weight: Option<&[T]>, period: usize, dx: &mut [T]) {
        if self.is_plain(period) {
            return self.plain_input_grad(g, x, mean, scale, weight, dx);
        }
        let n = self.count() as f64;
        let weight_at = |channel: usize| weight.map_or(1.0, |w| w[channel % period.max(1)].f64());
        let (mut sum, mut dot) = (vec![0.0; self.groups()], vec![0.0; self.groups()]);
        let mut channel = 0;
        self.runs(|k, at| {
            let w = weight_at(channel);
            channel += 1;
            let (g, x) = (&g[at..at + self.space], &x[at..at + self.space]);
            sum[k] += fold_row(g, T::nil(), T::plus, T::plus).f64() * w;
            dot[k] += dot_row(g, x, T::of(mean[k])).f64() * w * scale[k];
        });
        channel = 0;
        self.runs(|k, at| {
            let w = weight_at(channel);
            channel += 1;
            let (w, m, shift) = (T::of(w * scale[k]), T::of(mean[k]), T::of(sum[k] / n * scale[k]));
            let slope = T::of(dot[k] / n * scale[k] * scale[k]);
            for ((d, g), x) in dx[at..at + self.space].iter_mut().zip(&g[at..]).zip(&x[at..]) {
                *d = *g * w - shift - (*x - m) * slope;
            }
        });
    }

    fn plain_input_grad<T: Real>(&self, g: &[T], x: &[T], mean: &[f64], scale: &[f64], weight: Option<&[T]>, dx: &mut [T]) {
        let n = self.channels;
        let loops = T::row_loops(n);
        assert!([g.len(), x.len(), dx.len()] == [self.rows * n; 3] && weight.is_none_or(|w| w.len() == n));
        each_row(dx, n, |r, dx| {
            let (g, x) = (&g[r * n..(r + 1) * n], &x[r * n..(r + 1) * n]);
            let (m, s) = (T::of(mean[r]), T::of(scale[r]));
            // SAFETY: rows and weight have as many elements.
            let sums = unsafe { (loops.products)(g.as_ptr(), weight.map(<[T]>::as_ptr), x.as_ptr(), n, m) };
            let [shift, slope] = [sums[0], sums[1] * scale[r] * scale[r]].map(|sum| T::of(sum / n as f64));
            match weight {
                Some(w) => dx.iter_mut().zip(g).zip(x).zip(w).for_each(|(((d, g), x), w)| *d = (*g * *w - shift - (*x - m) * slope) * s),
                None => dx.iter_mut().zip(g).zip(x).for_each(|((d, g), x)| *d = (*g - shift - (*x - m) * slope) * s),
            }
        });
    }

    /// The sums of `g * (x - mean) * scale` and, if there is room for them, of `g`, for each element of
    /// plain rows.
    pub fn param_grads<T: Real>(&self, g: &[T], x: &[T], mean: &[f64], scale: &[f64], dw: &mut [T], db: &mut [T]) {
        let (n, both) = (self.channels, !db.is_empty());
        let (dw, db) = (Shared(dw.as_mut_ptr()), Shared(db.as_mut_ptr()));
        parallel_for(n, grain::rounds(grain::COMPUTED, self.rows).max(16), |range| {
            let width = range.len();
            // SAFETY: the channels of the threads are apart.
            let of_range = |to: *mut T| unsafe { std::slice::from_raw_parts_mut(to.add(range.start), width) };
            let mut total = [of_range(dw.get()), if both { of_range(db.get()) } else { &mut [] }];
            let mut parts = vec![T::nil(); width + total[1].len()];
            total.iter_mut().for_each(|t| t.fill(T::nil()));
            for block in (0..self.rows).step_by(ROWS) {
                parts.fill(T::nil());
                let (products, sums) = parts.split_at_mut(width);
                for r in block..(block + ROWS).min(self.rows) {
                    let (m, s, at) = (T::of(mean[r]), T::of(scale[r]), r * n + range.start);
                    let products = products.iter_mut().zip(&g[at..]).zip(&x[at..]);
                    if both {
                        products.zip(&mut *sums).for_each(|(((p, g), x), sum)| {
                            *p += *g * ((*x - m) * s);
                            *sum += *g;
                        });
                    } else {
                        products.for_each(|((p, g), x)| *p += *g * ((*x - m) * s));
                    }
                }
                for (t, p) in total.iter_mut().zip([products, sums]) {
                    t.iter_mut().zip(p).for_each(|(t, p)| *t += *p);
                }
            }
        });
    }

    /// The sums of `g * (x - mean) * scale` for each channel of the weight.
    pub fn weight_grad<T: Real>(&self, g: &[T], x: &[T], mean: &[f64], scale: &[f64], period: usize, dw: &mut [T]) {
        if self.is_plain(period) {
            return self.param_grads(g, x, mean, scale, dw, &mut []);
        }
        let mut sums = vec![0.0; period];
        let mut channel = 0;
        self.runs(|k, at| {
            let dot = dot_row(&g[at..at + self.space], &x[at..at + self.space], T::of(mean[k]));
            sums[channel % period] += dot.f64() * scale[k];
            channel += 1;
        });
        dw.iter_mut().zip(sums).for_each(|(d, s)| *d = T::of(s));
    }
}

/// One over the deviations of variances, whose squares are `eps` larger.
pub fn scales(var: &[f64], eps: f64) -> Vec<f64> {
    var.iter().map(|v| 1.0 / (v + eps).sqrt()).collect()
}
