//! Counting: how often each integer comes up, how many values fall in each bin.

use super::loops::Real;
use super::prelude::*;

fn counted(input: &Tensor, weights: Option<&Tensor>, minlength: i64) -> Result {
    if !input.dtype().is_integral() || input.dtype() == DType::Bool {
        return Err(Error::dtype("bincount_cpu", input.dtype()));
    }
    if minlength < 0 {
        return Err(Error::runtime("minlength should be >= 0"));
    }
    if input.ndim() == 1 && input.numel() == 0 {
        return Tensor::zeros(&[minlength], DType::Int64);
    }
    let values = input.to_vec::<i64>();
    if input.ndim() != 1 || values.iter().any(|v| *v < 0) {
        return Err(Error::runtime("bincount only supports 1-d non-negative integral inputs."));
    }
    if weights.is_some_and(|w| w.ndim() != 1 || w.numel() != values.len()) {
        return Err(Error::runtime("weights should be 1-d and have the same length as input"));
    }
    let bins = values.iter().max().map_or(0, |m| m.saturating_add(1)).max(minlength);
    let Some(weights) = weights else {
        let out = Tensor::zeros(&[bins], DType::Int64)?;
        values.iter().for_each(|&v| out.data_mut::<i64>()[v as usize] += 1);
        return Ok(out);
    };
    if weights.dtype() == DType::Float32 {
        weighted::<f32>(&values, weights, bins)
    } else {
        weighted::<f64>(&values, weights, bins)
    }
}

fn weighted<T: Real>(values: &[i64], weights: &Tensor, bins: i64) -> Result {
    let out = Tensor::zeros(&[bins], T::DTYPE)?;
    for (&v, w) in values.iter().zip(weights.to_vec::<T>()) {
        out.data_mut::<T>()[v as usize] += w;
    }
    Ok(out)
}

/// A number as C++ streams print it: six significant digits, no trailing zeros.
fn short(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() { "nan".into() } else { format!("{x}") };
    }
    let scientific = format!("{x:.5e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |s: &str| if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_string() } else { s.to_string() };
    if (-4..6).contains(&exponent) {
        trimmed(&format!("{x:.*}", (5 - exponent).max(0) as usize))
    } else {
        format!("{}e{}{:02}", trimmed(digits), if exponent < 0 { '-' } else { '+' }, exponent.abs())
    }
}

/// The least and the greatest value; NaN if there is any.
fn extent<T: Real>(values: &[T]) -> (T, T) {
    let first = values.first().copied().unwrap_or_else(T::nil);
    values.iter().fold((first, first), |(lo, hi), &x| {
        if x.is_nan() || lo.is_nan() { (T::of(f64::NAN), T::of(f64::NAN)) } else { (if x < lo { x } else { lo }, if x > hi { x } else { hi }) }
    })
}

fn no_bins(bins: i64) -> Error {
    Error::runtime(format!("torch.histogram(): bins must be > 0, but got {bins} for dimension 0"))
}

/// `bins + 1` edges, computed from both ends so that both are exact.
fn even_edges<T: Real>(lo: T, hi: T, bins: usize) -> Vec<T> {
    let step = (hi - lo) / T::of(bins as f64);
    (0..=bins).map(|i| if i < bins.div_ceil(2) { lo + step * T::of(i as f64) } else { hi - step * T::of((bins - i) as f64) }).collect()
}

/// Where a value falls between even edges, by proportion.
fn proportion<T: Real>(x: T, lo: T, hi: T, bins: usize) -> usize {
    ((x - lo) * T::of(bins as f64) / (hi - lo)).f64() as usize
}

fn histc_of(input: &Tensor, bins: i64, min: f64, max: f64) -> Result {
    if bins <= 0 {
        return Err(no_bins(bins));
    }
    match input.dtype() {
        d if d.is_complex() => Err(Error::type_error(format!("aminmax not implemented for {}", d.scalar_type()))),
        DType::Float64 => histc_in::<f64>(input, bins, min, max),
        d if d.is_floating_point() => histc_in::<f32>(input, bins, min, max),
        d => Err(Error::dtype("histogram_cpu", d)),
    }
}

fn histc_in<T: Real>(input: &Tensor, bins: i64, min: f64, max: f64) -> Result {
    let values = input.to_vec::<T>();
    let (mut lo, mut hi) = (T::of(min), T::of(max));
    if lo == hi && !values.is_empty() {
        (lo, hi) = extent(&values);
    }
    if lo == hi {
        (lo, hi) = (lo - T::unit(), hi + T::unit());
    }
    if !lo.f64().is_finite() || !hi.f64().is_finite() {
        return Err(Error::runtime(format!("torch.histc: range of [{}, {}] is not finite", short(lo.f64()), short(hi.f64()))));
    }
    if lo > hi {
        return Err(Error::runtime("torch.histc: max must be larger than min"));
    }
    let out = Tensor::zeros(&[bins], T::DTYPE)?;
    let counts = out.data_mut::<T>();
    for x in values.into_iter().filter(|x| *x >= lo && *x <= hi) {
        counts[proportion(x, lo, hi, bins as usize).min(bins as usize - 1)] += T::unit();
    }
    out.as_contiguous(input.dtype())
}

/// The edges between which `histogram` counts.
enum Bins<'a> {
    Even(i64, Option<Floats>),
    Edges(&'a Tensor),
}

fn histogram_of(input: &Tensor, bins: &Bins, weight: Option<&Tensor>, density: bool) -> Result<Vec<Tensor>> {
    if let Bins::Edges(edges) = bins {
        if edges.ndim() != 1 {
            return Err(Error::runtime(format!(
                "torch.histogramdd: bins tensor should have one dimension, but got {} dimensions in the bins tensor for dimension 0", edges.ndim()
            )));
        }
        if edges.numel() == 0 {
            return Err(Error::runtime(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension 0",
            ));
        }
        if edges.dtype() != input.dtype() {
            return Err(Error::runtime(format!(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {} and bins for dimension 0 with dtype {}",
                input.dtype().cpp_name(), edges.dtype().cpp_name()
            )));
        }
    }
    if let Some(w) = weight {
        if w.dtype() != input.dtype() {
            return Err(Error::runtime(format!(
                "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got input({}), and weight({})",
                input.dtype().cpp_name(), w.dtype().cpp_name()
            )));
        }
        if w.numel() != input.numel() {
            return Err(Error::runtime(format!(
                "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, but got input with shape [{}, 1] and weight with shape [{}]",
                input.numel(), w.numel()
            )));
        }
    }
    match input.dtype() {
        DType::Float32 => histogram_in::<f32>(input, bins, weight, density),
        DType::Float64 => histogram_in::<f64>(input, bins, weight, density),
        d => Err(Error::dtype("histogramdd", d)),
    }
}

/// The ends of the range that even bins divide.
fn range_of<T: Real>(values: &[T], range: Option<&Floats>) -> Result<(T, T)> {
    let (mut lo, mut hi) = match range {
        Some(Floats(r)) => match r[..] {
            [lo, hi] => (T::of(lo), T::of(hi)),
            _ => return Err(Error::runtime(format!(
                "torch.histogramdd: for a 1-dimensional histogram range should have 2 elements, but got {}", r.len()
            ))),
        },
        None if values.is_empty() => (T::nil(), T::unit()),
        None => extent(values),
    };
    if !lo.f64().is_finite() || !hi.f64().is_finite() {
        return Err(Error::runtime(format!(
            "torch.histogramdd: dimension 0's range [{}, {}] is not finite", short(lo.f64()), short(hi.f64())
        )));
    }
    if lo > hi {
        return Err(Error::runtime(format!(
            "torch.histogramdd: min should not exceed max, but got min {} max {} for dimension 0", short(lo.f64()), short(hi.f64())
        )));
    }
    if lo == hi {
        (lo, hi) = (lo - T::of(0.5), hi + T::of(0.5));
    }
    Ok((lo, hi))
}

fn histogram_in<T: Real>(input: &Tensor, bins: &Bins, weight: Option<&Tensor>, density: bool) -> Result<Vec<Tensor>> {
    let values = input.to_vec::<T>();
    let edges = match bins {
        Bins::Edges(edges) => edges.to_vec::<T>(),
        Bins::Even(bins, range) => {
            if *bins <= 0 {
                return Err(no_bins(*bins));
            }
            // Asked for first, so that too many are an error and no abort.
            Tensor::empty(&[*bins + 1], T::DTYPE)?;
            let (lo, hi) = range_of(&values, range.as_ref())?;
            even_edges(lo, hi, *bins as usize)
        }
    };
    let (n, last) = (edges.len() - 1, edges.len() - 1);
    if n == 0 {
        return Err(no_bins(0));
    }
    let weights = weight.map(Tensor::to_vec::<T>);
    let mut counts = vec![T::nil(); n];
    for (i, &x) in values.iter().enumerate() {
        if !(x >= edges[0] && x <= edges[last]) {
            continue;
        }
        // Proportion finds the bin but for rounding: its neighbours are looked at too.
        let (from, to) = match bins {
            Bins::Edges(_) => (0, edges.len()),
            Bins::Even(..) => {
                let p = proportion(x, edges[0], edges[last], n);
                (p.saturating_sub(1), (p + 2).min(edges.len()))
            }
        };
        let bin = (from + edges[from..to].partition_point(|e| *e <= x)).saturating_sub(1).min(n - 1);
        counts[bin] += weights.as_ref().map_or_else(T::unit, |w| w[i]);
    }
    if density {
        let total = counts.iter().fold(T::nil(), |a, c| a + *c);
        for (k, c) in counts.iter_mut().enumerate() {
            *c = *c / total / (edges[k + 1] - edges[k]);
        }
    }
    Ok(vec![Tensor::from_slice(&counts, &[n as i64])?, Tensor::from_slice(&edges, &[edges.len() as i64])?])
}

ops! { TABLE, HistogramOps;
    /// How often each integer comes up, or the sum of its `weights`.
    fn bincount(input: Tensor, weights: Option<Tensor> = "null", minlength: i64 = "0") [] eval { counted(&input, weights.as_ref(), minlength) };
    /// How many elements fall in each of `bins` equal bins between `min` and `max`; between the extremes where both are the same.
    fn histc(input: Tensor, bins: i64 = "100", min: f64 = "0", max: f64 = "0") [] eval { histc_of(&input, bins, min, max) };
    /// How many elements, or how much of `weight`, fall between the edges given; the edges.
    fn histogram_edges "histogram"(input: Tensor, bins: Tensor; weight: Option<Tensor> = "null", density: bool = "false") -> (hist, bin_edges) [] eval {
        histogram_of(&input, &Bins::Edges(&bins), weight.as_ref(), density) };
    /// How many elements, or how much of `weight`, fall in each of `bins` equal bins; their edges.
    fn histogram(input: Tensor, bins: i64; range: Option<Floats> = "null", weight: Option<Tensor> = "null", density: bool = "false") -> (hist, bin_edges) [] eval {
        histogram_of(&input, &Bins::Even(bins, range), weight.as_ref(), density) };
}
