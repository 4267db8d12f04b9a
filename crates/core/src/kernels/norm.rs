//! Normalisation: rows brought to mean 0 and variance 1, then scaled and shifted by channel. Sums
//! run in double precision, the variance around a mean that is known.

use crate::ops::loops::Real;

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
        let n = self.count() as f64;
        let mut mean = vec![0.0; self.groups()];
        self.runs(|g, at| mean[g] += x[at..at + self.space].iter().map(|v| v.f64()).sum::<f64>());
        mean.iter_mut().for_each(|m| *m /= n);
        let mut var = vec![0.0; self.groups()];
        self.runs(|g, at| {
            let m = mean[g];
            var[g] += x[at..at + self.space].iter().map(|v| (v.f64() - m) * (v.f64() - m)).sum::<f64>();
        });
        var.iter_mut().for_each(|v| *v /= n);
        (mean, var)
    }

    /// `(x - mean) * scale * weight + bias`; the weight has `period` channels, and repeats.
    pub fn apply<T: Real>(&self, x: &[T], mean: &[f64], scale: &[f64], weight: Option<&[T]>, bias: Option<&[T]>, period: usize, y: &mut [T]) {
        let mut channel = 0;
        self.runs(|g, at| {
            let k = channel % period.max(1);
            channel += 1;
            let w = scale[g] * weight.map_or(1.0, |w| w[k].f64());
            let b = bias.map_or(0.0, |b| b[k].f64());
            for (d, v) in y[at..at + self.space].iter_mut().zip(&x[at..]) {
                *d = T::of((v.f64() - mean[g]) * w + b);
            }
        });
    }

    /// The gradient of the input of `apply` with the moments of the input itself.
    pub fn input_grad<T: Real>(&self, g: &[T], x: &[T], mean: &[f64], scale: &[f64], weight: Option<&[T]>, period: usize, dx: &mut [T]) {
        let n = self.count() as f64;
        let weight_at = |channel: usize| weight.map_or(1.0, |w| w[channel % period.max(1)].f64());
        let (mut sum, mut dot) = (vec![0.0; self.groups()], vec![0.0; self.groups()]);
        let mut channel = 0;
        self.runs(|k, at| {
            let w = weight_at(channel);
            channel += 1;
            let (mut s, mut d) = (0.0, 0.0);
            for (v, x) in g[at..at + self.space].iter().zip(&x[at..]) {
                s += v.f64();
                d += v.f64() * (x.f64() - mean[k]);
            }
            sum[k] += s * w;
            dot[k] += d * w * scale[k];
        });
        channel = 0;
        self.runs(|k, at| {
            let w = weight_at(channel);
            channel += 1;
            for (i, d) in dx[at..at + self.space].iter_mut().enumerate() {
                let hat = (x[at + i].f64() - mean[k]) * scale[k];
                *d = T::of((g[at + i].f64() * w - (sum[k] + hat * dot[k]) / n) * scale[k]);
            }
        });
    }

    /// The sums of `g * (x - mean) * scale` for each channel of the weight.
    pub fn weight_grad<T: Real>(&self, g: &[T], x: &[T], mean: &[f64], scale: &[f64], period: usize, dw: &mut [T]) {
        let mut sums = vec![0.0; period];
        let mut channel = 0;
        self.runs(|k, at| {
            let terms = g[at..at + self.space].iter().zip(&x[at..]).map(|(g, x)| g.f64() * (x.f64() - mean[k]));
            sums[channel % period] += terms.sum::<f64>() * scale[k];
            channel += 1;
        });
        dw.iter_mut().zip(sums).for_each(|(d, s)| *d = T::of(s));
    }
}
