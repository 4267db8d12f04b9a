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

fn no_bins(bins: i64, d: usize) -> Error {
    Error::runtime(format!("torch.histogram(): bins must be > 0, but got {bins} for dimension {d}"))
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
        return Err(no_bins(bins, 0));
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

/// The bins that a histogram counts in, for each dimension.
enum Bins<'a> {
    /// So many equal ones, between the ends given or the extremes.
    Even(&'a [i64], Option<&'a Floats>),
    /// Between these edges.
    Edges(&'a [Tensor]),
}

/// Checks that the edges fit the points.
fn check_edges(points: &Tensor, dims: usize, edges: &[Tensor]) -> Result<()> {
    if edges.len() != dims {
        return Err(Error::runtime(format!(
            "torch.histogramdd: expected {dims} sequences of bin edges for a {dims}-dimensional histogram but got {}", edges.len()
        )));
    }
    for (d, e) in edges.iter().enumerate() {
        if e.dtype() != points.dtype() {
            return Err(Error::runtime(format!(
                "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got input with dtype {} and bins for dimension {d} with dtype {}",
                points.dtype().cpp_name(), e.dtype().cpp_name()
            )));
        }
        if e.ndim() != 1 {
            return Err(Error::runtime(format!(
                "torch.histogramdd: bins tensor should have one dimension, but got {} dimensions in the bins tensor for dimension {d}", e.ndim()
            )));
        }
        if e.numel() == 0 {
            return Err(Error::runtime(format!(
                "torch.histogramdd: bins tensor should have at least 1 element, but got 0 elements in the bins tensor for dimension {d}"
            )));
        }
    }
    Ok(())
}

fn check_weight(points: &Tensor, weight: &Tensor) -> Result<()> {
    if weight.dtype() != points.dtype() {
        return Err(Error::runtime(format!(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor should have the same dtype, but got input({}), and weight({})",
            points.dtype().cpp_name(), weight.dtype().cpp_name()
        )));
    }
    if weight.sizes() != &points.sizes()[..points.ndim() - 1] {
        return Err(Error::runtime(format!(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the input tensor excluding its innermost dimension, but got input with shape {:?} and weight with shape {:?}",
            points.sizes(), weight.sizes()
        )));
    }
    Ok(())
}

/// How many points, whose coordinates lie along the last dimension, fall in each bin; and the edges.
fn histogram_of(points: &Tensor, bins: &Bins, weight: Option<&Tensor>, density: bool) -> Result<Vec<Tensor>> {
    if points.ndim() < 2 {
        return Err(Error::runtime("torch.histogramdd: input tensor should have at least 2 dimensions"));
    }
    match bins {
        Bins::Edges(edges) => check_edges(points, points.sizes()[points.ndim() - 1] as usize, edges)?,
        Bins::Even(counts, _) if counts.len() as i64 != points.sizes()[points.ndim() - 1] => {
            return Err(Error::runtime("histogramdd: The size of bins must be equal to the innermost dimension of the input."));
        }
        Bins::Even(..) => {}
    }
    if let Some(w) = weight {
        check_weight(points, w)?;
    }
    match points.dtype() {
        DType::Float32 => histogram_in::<f32>(points, bins, weight, density),
        DType::Float64 => histogram_in::<f64>(points, bins, weight, density),
        d => Err(Error::dtype("histogramdd", d)),
    }
}

/// The ends of the range that even bins divide, in dimension `d`.
fn range_of<T: Real>(values: &[T], given: Option<(f64, f64)>, d: usize) -> Result<(T, T)> {
    let (lo, hi) = match given {
        Some((lo, hi)) => (T::of(lo), T::of(hi)),
        None if values.is_empty() => (T::nil(), T::unit()),
        None => extent(values),
    };
    if !lo.f64().is_finite() || !hi.f64().is_finite() {
        return Err(Error::runtime(format!(
            "torch.histogramdd: dimension {d}'s range [{}, {}] is not finite", short(lo.f64()), short(hi.f64())
        )));
    }
    if lo > hi {
        return Err(Error::runtime(format!(
            "torch.histogramdd: min should not exceed max, but got min {} max {} for dimension {d}", short(lo.f64()), short(hi.f64())
        )));
    }
    let margin = T::of(if lo == hi { 0.5 } else { 0.0 });
    Ok((lo - margin, hi + margin))
}

/// The edges of every dimension.
fn edges_of<T: Real>(values: &[T], dims: usize, bins: &Bins) -> Result<Vec<Vec<T>>> {
    let (counts, range) = match bins {
        Bins::Edges(edges) => {
            if let Some((d, _)) = edges.iter().enumerate().find(|(_, e)| e.numel() == 1) {
                return Err(no_bins(0, d));
            }
            return Ok(edges.iter().map(Tensor::to_vec::<T>).collect());
        }
        Bins::Even(counts, range) => (counts, range.map(|r| &r.0[..])),
    };
    if let Some((d, n)) = counts.iter().enumerate().find(|(_, n)| **n <= 0) {
        return Err(no_bins(*n, d));
    }
    if let Some(r) = range.filter(|r| r.len() != 2 * dims) {
        return Err(Error::runtime(format!(
            "torch.histogramdd: for a {dims}-dimensional histogram range should have {} elements, but got {}", 2 * dims, r.len()
        )));
    }
    counts.iter().enumerate().map(|(d, n)| {
        // Asked for first, so that too many are an error and no abort.
        Tensor::empty(&[n.saturating_add(1)], T::DTYPE)?;
        let column: Vec<T> = values.iter().skip(d).step_by(dims).copied().collect();
        let (lo, hi) = range_of(&column, range.map(|r| (r[2 * d], r[2 * d + 1])), d)?;
        Ok(even_edges(lo, hi, *n as usize))
    }).collect()
}

/// The bin of a value between `edges`; `None` outside of them.
fn bin_of<T: Real>(x: T, edges: &[T], even: bool) -> Option<usize> {
    let last = edges.len() - 1;
    if !(x >= edges[0] && x <= edges[last]) {
        return None;
    }
    // Proportion finds the bin but for rounding: its neighbours are looked at too.
    let (from, to) = if even {
        let p = proportion(x, edges[0], edges[last], last);
        (p.saturating_sub(1), (p + 2).min(edges.len()))
    } else {
        (0, edges.len())
    };
    Some((from + edges[from..to].partition_point(|e| *e <= x)).saturating_sub(1).min(last - 1))
}

fn histogram_in<T: Real>(points: &Tensor, bins: &Bins, weight: Option<&Tensor>, density: bool) -> Result<Vec<Tensor>> {
    let (values, dims) = (points.to_vec::<T>(), points.sizes()[points.ndim() - 1] as usize);
    let edges = edges_of(&values, dims, bins)?;
    let sizes: Dims = edges.iter().map(|e| e.len() as i64 - 1).collect();
    let strides = crate::layout::contiguous_strides(&sizes);
    let (out, weights) = (Tensor::zeros(&sizes, T::DTYPE)?, weight.map(Tensor::to_vec::<T>));
    let counts = out.data_mut::<T>();
    let even = matches!(bins, Bins::Even(..));
    for (i, point) in values.chunks_exact(dims.max(1)).enumerate() {
        let place = point.iter().zip(&edges).zip(&strides).try_fold(0, |place, ((x, edges), stride)| {
            bin_of(*x, edges, even).map(|bin| place + bin * *stride as usize)
        });
        if let Some(place) = place {
            counts[place] += weights.as_ref().map_or_else(T::unit, |w| w[i]);
        }
    }
    if density {
        let total = counts.iter().fold(T::nil(), |a, c| a + *c);
        for (place, c) in counts.iter_mut().enumerate() {
            *c = edges.iter().enumerate().fold(*c / total, |c, (d, e)| {
                let bin = place / strides[d] as usize % sizes[d] as usize;
                c / (e[bin + 1] - e[bin])
            });
        }
    }
    std::iter::once(Ok(out)).chain(edges.iter().map(|e| Tensor::from_slice(e, &[e.len() as i64]))).collect()
}

/// The histogram of all elements, and of as many weights.
fn of_elements(input: &Tensor, bins: &Bins, weight: Option<&Tensor>, density: bool) -> Result<Vec<Tensor>> {
    let weight = weight.map(|w| w.detached().reshape([-1])).transpose()?;
    histogram_of(&input.detached().reshape([input.numel() as i64, 1])?, bins, weight.as_ref(), density)
}

ops! { TABLE, HistogramOps;
    /// How often each integer comes up, or the sum of its `weights`.
    fn bincount(input: Tensor, weights: Option<Tensor> = "null", minlength: i64 = "0") [] eval { counted(&input, weights.as_ref(), minlength) };
    /// How many elements fall in each of `bins` equal bins between `min` and `max`; between the extremes where both are the same.
    fn histc(input: Tensor, bins: i64 = "100", min: f64 = "0", max: f64 = "0") [] eval { histc_of(&input, bins, min, max) };
    /// How many elements, or how much of `weight`, fall between the edges given; the edges.
    fn histogram_edges "histogram"(input: Tensor, bins: Tensor; weight: Option<Tensor> = "null", density: bool = "false") -> (hist, bin_edges) [] eval {
        of_elements(&input, &Bins::Edges(&[bins]), weight.as_ref(), density) };
    /// How many elements, or how much of `weight`, fall in each of `bins` equal bins; their edges.
    fn histogram(input: Tensor, bins: i64; range: Option<Floats> = "null", weight: Option<Tensor> = "null", density: bool = "false") -> (hist, bin_edges) [] eval {
        of_elements(&input, &Bins::Even(&[bins], range.as_ref()), weight.as_ref(), density) };
    /// As `histogramdd`, between the edges given: the histogram, then the edges of each dimension.
    fn _histogramdd_edges "_histogramdd"(input: Tensor, bins: Vec<Tensor>; weight: Option<Tensor> = "null", density: bool = "false") -> (list) [hidden] eval {
        histogram_of(&input, &Bins::Edges(&bins), weight.as_ref(), density) };
    /// As `histogramdd`: the histogram, then the edges of each dimension.
    fn _histogramdd(input: Tensor, bins: Dims; range: Option<Floats> = "null", weight: Option<Tensor> = "null", density: bool = "false") -> (list) [hidden] eval {
        histogram_of(&input, &Bins::Even(&bins, range.as_ref()), weight.as_ref(), density) };
}
