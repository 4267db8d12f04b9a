//! Connectionist temporal classification (Graves et al., "Connectionist Temporal Classification:
//! Labelling Unsegmented Sequence Data with Recurrent Neural Networks", 2006).

use super::loss::check_reduction;
use crate::ops::prelude::*;

/// One sequence: its log-probabilities, `time` by `classes`, and its labels with blanks between.
struct Path<'a> {
    log: &'a dyn Fn(usize, usize) -> f64,
    time: usize,
    labels: Vec<usize>,
}

/// `log(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let (hi, lo) = if a > b { (a, b) } else { (b, a) };
    if hi == f64::NEG_INFINITY { hi } else { hi + (lo - hi).exp().ln_1p() }
}

impl Path<'_> {
    /// Whether a label may follow the one two places before: not over a blank, nor over its own kind.
    fn skips(&self, s: usize) -> bool {
        s >= 2 && self.labels[s] != self.labels[s - 2]
    }

    /// For each time, the log-probability of all beginnings that end in each label.
    fn forward(&self) -> Vec<Vec<f64>> {
        let n = self.labels.len();
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(self.time);
        for t in 0..self.time {
            let row = (0..n).map(|s| {
                let before = match rows.last() {
                    None => if s <= 1 { 0.0 } else { f64::NEG_INFINITY },
                    Some(p) => {
                        let mut sum = p[s];
                        if s >= 1 {
                            sum = log_add(sum, p[s - 1]);
                        }
                        if self.skips(s) { log_add(sum, p[s - 2]) } else { sum }
                    }
                };
                before + (self.log)(t, self.labels[s])
            }).collect();
            rows.push(row);
        }
        rows
    }

    /// For each time, the log-probability of all endings that begin in each label.
    fn backward(&self) -> Vec<Vec<f64>> {
        let n = self.labels.len();
        let mut rows: Vec<Vec<f64>> = Vec::with_capacity(self.time);
        for t in (0..self.time).rev() {
            let row = (0..n).map(|s| {
                let after = match rows.last() {
                    None => if s + 2 >= n { 0.0 } else { f64::NEG_INFINITY },
                    Some(p) => {
                        let mut sum = p[s];
                        if s + 1 < n {
                            sum = log_add(sum, p[s + 1]);
                        }
                        if s + 2 < n && self.skips(s + 2) { log_add(sum, p[s + 2]) } else { sum }
                    }
                };
                after + (self.log)(t, self.labels[s])
            }).collect();
            rows.push(row);
        }
        rows.reverse();
        rows
    }

    /// Minus the log-probability of all paths.
    fn loss(&self) -> f64 {
        let n = self.labels.len();
        match self.forward().last() {
            None => if n == 1 { 0.0 } else { f64::INFINITY },
            Some(last) => -if n > 1 { log_add(last[n - 1], last[n - 2]) } else { last[0] },
        }
    }

    /// Calls `f(time, class, slope)`: of the loss, for log-probabilities that come from a softmax.
    fn slopes(&self, classes: usize, mut f: impl FnMut(usize, usize, f64)) {
        let (a, b, loss) = (self.forward(), self.backward(), self.loss());
        for t in 0..self.time {
            let mut shared = vec![f64::NEG_INFINITY; classes];
            for (s, c) in self.labels.iter().enumerate() {
                shared[*c] = log_add(shared[*c], a[t][s] + b[t][s]);
            }
            for (c, sum) in shared.iter().enumerate() {
                let log = (self.log)(t, c);
                f(t, c, log.exp() - (sum + loss - log).exp());
            }
        }
    }
}

/// A batch of sequences.
struct Batch<'a> {
    targets: &'a Tensor,
    times: &'a Dims,
    lengths: &'a Dims,
    blank: i64,
}

impl Batch<'_> {
    fn check(&self, log: &Tensor) -> Result<()> {
        const PLACE: &str = "(while checking arguments for ctc_loss_allocate_outputs)";
        let fail = |m: String| Err(Error::runtime(m));
        let (time, batch, classes) = (log.sizes()[0], log.sizes()[1], log.sizes()[2]);
        if !matches!(log.dtype(), DType::Float32 | DType::Float64) {
            return Err(Error::dtype("ctc_loss_cpu", log.dtype()));
        }
        if !(0..classes).contains(&self.blank) {
            return fail("blank must be in label range".into());
        }
        for (name, list) in [("input_lengths", self.times), ("target_lengths", self.lengths)] {
            if list.len() as i64 != batch {
                return fail(format!("{name} must be of size batch_size"));
            }
        }
        if let Some(n) = self.lengths.iter().chain(self.times).find(|n| **n < 0) {
            return fail(format!("Expected target_lengths to have value at least 0, but got value {n} {PLACE}"));
        }
        let t = self.targets.sizes();
        let size = |want: i64, dim: usize, least: &str| {
            fail(format!("Expected tensor to have size {least}{want} at dimension {dim}, but got size {} for argument #2 'targets' {PLACE}", t[dim]))
        };
        if t.len() == 1 {
            let all: i64 = self.lengths.iter().sum();
            if t[0] != all {
                return size(all, 0, "");
            }
        } else {
            let longest = self.lengths.iter().copied().max().unwrap_or(0);
            if t[0] != batch {
                return size(batch, 0, "");
            }
            if t[1] < longest {
                return size(longest, 1, "at least ");
            }
        }
        if let Some(n) = self.times.iter().find(|n| **n > time) {
            return fail(format!("Expected input_lengths to have value at most {time}, but got value {n} {PLACE}"));
        }
        Ok(())
    }

    /// The labels of each sequence, with blanks around.
    fn labels(&self, classes: i64) -> Vec<Vec<usize>> {
        let all = self.targets.to_vec::<i64>();
        let t = self.targets.sizes();
        let mut next = 0;
        self.lengths.iter().enumerate().map(|(i, n)| {
            let first = if t.len() == 1 { next } else { i * t[1] as usize };
            next += *n as usize;
            let mut out = vec![self.blank as usize];
            for label in &all[first..first + *n as usize] {
                out.extend([(*label).clamp(0, classes - 1) as usize, self.blank as usize]);
            }
            out
        }).collect()
    }

    /// Calls `f(sequence, its path)`.
    fn each(&self, log: &Tensor, mut f: impl FnMut(usize, &Path)) {
        let values = log.to_vec::<f64>();
        let (batch, classes) = (log.sizes()[1] as usize, log.sizes()[2] as usize);
        for (i, labels) in self.labels(log.sizes()[2]).into_iter().enumerate() {
            let at = |t: usize, c: usize| values[(t * batch + i) * classes + c];
            f(i, &Path { log: &at, time: self.times[i] as usize, labels });
        }
    }
}

fn losses(log: &Tensor, b: &Batch) -> Result {
    b.check(log)?;
    let mut out = vec![0.0; log.sizes()[1] as usize];
    b.each(log, |i, path| out[i] = path.loss());
    Tensor::from_slice(&out, &[out.len() as i64])?.as_contiguous(log.dtype())
}

fn losses_grad(g: &Tensor, log: &Tensor, b: &Batch, zero_infinity: bool) -> Result {
    let mut out = vec![0.0; log.numel()];
    let (batch, classes) = (log.sizes()[1] as usize, log.sizes()[2] as usize);
    let g = g.to_vec::<f64>();
    b.each(log, |i, path| {
        if zero_infinity && path.loss() == f64::INFINITY {
            return;
        }
        path.slopes(classes, |t, c, slope| out[(t * batch + i) * classes + c] = slope * g[i]);
    });
    Tensor::from_slice(&out, log.sizes())?.as_contiguous(log.dtype())
}

/// Lengths given as a tensor of integers.
fn lengths_of(name: &str, t: &Tensor) -> Result<Dims> {
    if !t.dtype().is_integral() {
        return Err(Error::runtime(format!("{name} must be integral")));
    }
    Ok(t.to_vec::<i64>().into_iter().collect())
}

#[allow(clippy::too_many_arguments)]
fn classified(log: &Tensor, targets: &Tensor, times: &Dims, lengths: &Dims, blank: i64, word: &str, zero_infinity: bool) -> Result {
    check_reduction(word)?;
    let single = log.ndim() == 2;
    let (log, targets) = if single { (log.unsqueeze(1i64)?, if targets.ndim() == 1 { targets.unsqueeze(0i64)? } else { targets.clone() }) } else { (log.clone(), targets.clone()) };
    if log.ndim() != 3 || !matches!(targets.ndim(), 1 | 2) {
        return Err(Error::runtime("log_probs must be [time, batch, classes], and targets [batch, length] or all in one"));
    }
    let mut loss = log._ctc_loss(&targets, times, lengths, blank, zero_infinity)?;
    if zero_infinity {
        loss = loss.eq(f64::INFINITY)?.where_op(0i64, &loss)?;
    }
    match word {
        "mean" => {
            let floor: Vec<f64> = lengths.iter().map(|n| (*n).max(1) as f64).collect();
            loss.true_divide(Tensor::from_slice(&floor, &[floor.len() as i64])?.as_contiguous(loss.dtype())?)?.mean(())
        }
        "sum" => loss.sum(()),
        _ if single => loss.squeeze_dim(0i64),
        _ => Ok(loss),
    }
}

ops! { TABLE, CtcOps;
    /// Minus the log-probability of all ways in which the inputs may spell the targets.
    fn ctc_loss "nn.functional.ctc_loss"(log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor, blank: i64 = "0", reduction: String = "'mean'", zero_infinity: bool = "false") [function] compose {
        classified(&log_probs, &targets, &lengths_of("input_lengths", &input_lengths)?, &lengths_of("target_lengths", &target_lengths)?, blank, &reduction, zero_infinity) };
    /// `ctc_loss` with lengths in lists.
    fn ctc_loss_of_lists "nn.functional.ctc_loss"(log_probs: Tensor, targets: Tensor, input_lengths: Dims, target_lengths: Dims, blank: i64 = "0", reduction: String = "'mean'", zero_infinity: bool = "false") [function] compose {
        classified(&log_probs, &targets, &input_lengths, &target_lengths, blank, &reduction, zero_infinity) };
    /// The loss of each sequence.
    fn _ctc_loss(log_probs: Tensor, targets: Tensor, input_lengths: Dims, target_lengths: Dims, blank: i64, zero_infinity: bool) [hidden] eval {
        let _ = zero_infinity; losses(&log_probs, &Batch { targets: &targets, times: &input_lengths, lengths: &target_lengths, blank }) }
        d log_probs = |g, log_probs, targets, input_lengths, target_lengths, blank, zero_infinity|
            losses_grad(g, &log_probs, &Batch { targets: &targets, times: &input_lengths, lengths: &target_lengths, blank }, zero_infinity);
}
