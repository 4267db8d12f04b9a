//! Random events: trials, counts, indices. They draw from the generator as PyTorch's CPU kernels do.

use super::prelude::*;
use super::random::{floats, in_memory_order, one_by_one, zeros_of};
use crate::error::general;
use crate::random::{with_generator, Generator};

/// Ones with probability `p`, drawn in double precision whatever the dtype.
fn trials(input: &Tensor, p: f64) -> Result {
    if !(0.0..=1.0).contains(&p) {
        return Err(Error::runtime(format!("bernoulli_ expects p to be in [0, 1], but got p={}", general(p))));
    }
    if input.dtype().is_complex() {
        return Err(Error::dtype("bernoulli_scalar_cpu_", input.dtype()));
    }
    in_memory_order(input, |sizes| {
        if input.dtype() != DType::Float32 {
            return one_by_one(sizes, input.dtype(), |r| f64::from(r.double() < p));
        }
        let out = Tensor::empty(sizes, DType::Float32)?;
        with_generator(|r| r.trials(p, out.data_mut()));
        Ok(out)
    })
}

/// One with the probability of each element, in `dtype`.
fn trials_of(p: &Tensor, dtype: DType) -> Result {
    floats("bernoulli_tensor_cpu_p_", p.dtype())?;
    let p64 = p.as_contiguous(DType::Float64)?;
    if p64.data::<f64>().iter().any(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::runtime(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message be improved?  If so, \
             please report an enhancement request to PyTorch.)",
        ));
    }
    if dtype.is_complex() {
        return Err(Error::dtype("bernoulli_tensor_cpu_self_", dtype));
    }
    let double = p.dtype() == DType::Float64;
    let mut each = p64.data::<f64>().iter();
    one_by_one(p.sizes(), dtype, |r| {
        let u = if double { r.double() } else { f64::from(r.single()) };
        f64::from(each.next().is_some_and(|p| u < *p))
    })
}

/// A number of events at a rate: Knuth's product of uniform numbers below 10, above it the
/// transformed rejection of Hörmann (1993), "The transformed rejection method for generating
/// Poisson random variables".
fn events(r: &mut Generator, rate: f64) -> f64 {
    if rate == 0.0 {
        return 0.0;
    }
    if rate < 10.0 {
        let floor = (-rate).exp();
        let (mut count, mut product) = (0.0, r.double());
        while product > floor {
            count += 1.0;
            product *= r.double();
        }
        return count;
    }
    let (root, log) = (rate.sqrt(), rate.ln());
    let b = 0.931 + 2.53 * root;
    let a = -0.059 + 0.02483 * b;
    let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
    let v_r = 0.9277 - 3.6224 / (b - 2.0);
    loop {
        let (u, v) = (r.double() - 0.5, r.double());
        let us = 0.5 - u.abs();
        let k = ((2.0 * a / us + b) * u + rate + 0.43).floor();
        if us >= 0.07 && v <= v_r {
            return k;
        }
        if k < 0.0 || (us < 0.013 && v > us) {
            continue;
        }
        let accept = v.ln() + inverse_alpha.ln() - (a / (us * us) + b).ln();
        if accept <= -rate + k * log - libm::lgamma(k + 1.0) {
            return k;
        }
    }
}

fn poisson_of(rates: &Tensor) -> Result {
    floats("poisson_cpu", rates.dtype())?;
    let rates64 = rates.as_contiguous(DType::Float64)?;
    if rates64.data::<f64>().iter().any(|x| !(*x >= 0.0)) {
        return Err(Error::runtime("invalid Poisson rate, expected rate to be non-negative"));
    }
    let mut each = rates64.data::<f64>().iter();
    one_by_one(rates.sizes(), rates.dtype(), |r| each.next().map_or(0.0, |rate| events(r, *rate)))
}

/// Indices drawn with the weights in each row.
fn drawn_indices(weights: &Tensor, count: i64, replacement: bool) -> Result {
    if !matches!(weights.ndim(), 1 | 2) {
        return Err(Error::runtime("prob_dist must be 1 or 2 dim"));
    }
    if !weights.dtype().is_floating_point() {
        return Err(Error::runtime(format!(
            "multinomial only supports floating-point dtypes for input, got: {}", weights.dtype().scalar_type()
        )));
    }
    if count <= 0 {
        return Err(Error::runtime("cannot sample n_sample <= 0 samples"));
    }
    let n = weights.sizes()[weights.ndim() - 1] as usize;
    if !replacement && count > n as i64 {
        return Err(Error::runtime("cannot sample n_sample > prob_dist.size(-1) samples without replacement"));
    }
    let mut sizes = weights.dims();
    sizes[weights.ndim() - 1] = count;
    let out = Tensor::empty(&sizes, DType::Int64)?;
    let values = weights.as_contiguous(DType::Float64)?;
    let values = values.data::<f64>();
    let invalid = |what: &str| Err(Error::runtime(format!("invalid multinomial distribution ({what})")));
    let several = replacement && count > 1;
    if values.iter().any(|x| !x.is_finite() || *x < 0.0) {
        return match values.iter().find(|x| !x.is_finite() || **x < 0.0) {
            Some(x) if several && !(*x >= 0.0) => invalid("encountering probability entry < 0"),
            _ if several => invalid("encountering probability entry = infinity or NaN"),
            _ => Err(Error::runtime("probability tensor contains either `inf`, `nan` or element < 0")),
        };
    }
    if out.numel() == 0 {
        return Ok(out);
    }
    if values.chunks(n.max(1)).any(|row| row.iter().sum::<f64>() == 0.0) || n == 0 {
        return invalid("sum of probabilities <= 0");
    }
    let rows = out.data_mut::<i64>().chunks_mut(count as usize);
    if several {
        for (to, row) in rows.zip(values.chunks(n)) {
            // The cumulative distribution, in the precision of the weights.
            let single = weights.dtype() != DType::Float64;
            let round = |x: f64| if single { f64::from(x as f32) } else { x };
            let mut sum = 0.0;
            let mut below: Vec<f64> = row.iter().map(|x| { sum = round(sum + x); sum }).collect();
            below.iter_mut().for_each(|x| *x = round(*x / sum));
            with_generator(|r| to.iter_mut().for_each(|i| {
                let u = r.double();
                *i = below.partition_point(|x| *x < u).min(n - 1) as i64;
            }));
        }
        return Ok(out);
    }
    // The greatest quotients of weights and exponential numbers: a race of exponential clocks.
    let clocks = one_by_one(weights.sizes(), weights.dtype(), |r| -(-r.double()).ln_1p())?;
    let quotients = weights.detached().div(&clocks, ())?.to_vec::<f64>();
    for (to, row) in rows.zip(quotients.chunks(n)) {
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
        to.iter_mut().zip(order).for_each(|(to, i)| *to = i as i64);
    }
    Ok(out)
}

ops! { TABLE, EventOps;
    /// One with the probability that `input` gives, else zero.
    fn bernoulli(input: Tensor) [] eval { trials_of(&input, input.dtype()) } d input = |g| zeros_of(g);
    /// One with probability `p`, else zero.
    fn bernoulli_fill "bernoulli"(input: Tensor, p: f64 = "0.5") [inplace, hidden, BernoulliBackward2] eval { trials(&input, p) }
        d input = |g| zeros_of(g);
    /// One with the probability that `p` gives, else zero.
    fn bernoulli_fill_each "bernoulli"(input: Tensor, p: Tensor) [inplace, hidden, BernoulliBackward1] eval {
        let p = p.detached().expand(input.sizes())?; trials_of(&p, input.dtype()) }
        d input = |g| zeros_of(g);
    /// One with probability `p`, else zero, in the sizes and dtype of `input`.
    fn bernoulli_p "bernoulli"(input: Tensor, p: f64) [] compose { trials(&input.detached(), p) };
    /// Numbers of a Poisson distribution with the rates in `input`.
    fn poisson(input: Tensor) [function] eval { poisson_of(&input) } d input = |g| zeros_of(g);
    /// Indices drawn with the weights in the rows of `input`.
    fn multinomial(input: Tensor, num_samples: i64, replacement: bool = "false") [] eval {
        drawn_indices(&input, num_samples, replacement) };
}
