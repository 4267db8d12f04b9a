//! Max pooling whose windows are placed at random (Graham, "Fractional Max-Pooling", 2014).

use super::{linked, pair, triple};
use crate::kernels::pool::Windows;
use crate::ops::prelude::*;

/// A number rounded to what a dtype can hold.
fn rounded(x: f64, dtype: DType) -> f64 {
    match dtype {
        DType::Float64 => x,
        DType::Float16 => half::f16::from_f32(x as f32).to_f64(),
        DType::BFloat16 => half::bf16::from_f32(x as f32).to_f64(),
        _ => f64::from(x as f32),
    }
}

/// Where the windows of a dimension start: steps of `alpha` from a random place, the last at the
/// end. Every step is rounded to the input's dtype, as PyTorch does it.
fn starts(sample: f64, input: i64, output: i64, pool: i64, dtype: DType) -> Vec<usize> {
    let last = input - pool;
    let alpha = rounded(last as f64 / (output - 1) as f64, dtype);
    let place = |i: i64| rounded(rounded(i as f64 + sample, dtype) * alpha, dtype) as i64;
    let first = rounded(sample * alpha, dtype) as i64;
    // A sample outside of [0, 1) must not lead outside of the input.
    (0..output).map(|i| if i + 1 == output { last } else { (place(i) - first).clamp(0, last) } as usize).collect()
}

fn check(input: &[i64], kernel: &[i64], output: &[i64], samples: &Tensor, dtype: DType) -> Result<()> {
    let (n, k) = (kernel.len(), input.len());
    let fail = |m: String| Err(Error::runtime(m));
    let name = if n == 2 { "fractional_max_pool2d()" } else { "fractional_max_pool3d_out()" };
    if kernel.iter().any(|v| *v <= 0) || output.iter().any(|v| *v < 0) {
        return fail(format!("{name}: kernel sizes must be greater than zero and output sizes not negative"));
    }
    if let Some(d) = (k - n - 1..k).find(|d| input[*d] == 0) {
        return fail(format!("{name}: Expected input to have non-zero size for non-batch dimensions, but got{input:?} with dimension {d} being empty."));
    }
    let names = &["time", "height", "width"][3 - n..];
    for d in 0..n {
        let size = input[k - n + d];
        if output[d] + kernel[d] - 1 > size {
            return fail(format!("{name}: pool {} {} too large relative to input {} {size}", names[d], kernel[d], names[d]));
        }
    }
    if samples.dtype() != dtype {
        return fail("Expect _random_samples to have the same dtype as input".into());
    }
    if samples.ndim() != 3 {
        return fail(format!("Expect _random_samples to have 3 dimensions, got {}", samples.ndim()));
    }
    let batch = if k == n + 2 { input[0] } else { 1 };
    if samples.sizes()[0] < batch {
        return fail("Expect _random_samples.size(0) no less then input batch size.".into());
    }
    if samples.sizes()[1] != input[k - n - 1] {
        return fail("Expect _random_samples.size(1) equals to input channel size.".into());
    }
    if samples.sizes()[2] != n as i64 {
        return fail(format!("Expect _random_samples.size(2) equals to {n}; got {}.", samples.sizes()[2]));
    }
    Ok(())
}

fn pooled(input: &Tensor, kernel: &Dims, output: &Dims, samples: &Tensor) -> Result<Vec<Tensor>> {
    let (n, s) = (kernel.len(), input.sizes());
    check(s, kernel, output, samples, input.dtype())?;
    let work = input.dtype().compute();
    if !input.dtype().is_floating_point() {
        return Err(Error::dtype(if n == 2 { "fractional_max_pool2d_out_frame" } else { "fractional_max_pool3d_out_frame" }, input.dtype()));
    }
    let mut sizes: Dims = s[..s.len() - n].into();
    sizes.extend_from_slice(output);
    crate::layout::checked_numel(&sizes)?;
    let x = input.as_contiguous(work)?;
    let (values, indices) = (Tensor::empty(&sizes, work)?, Tensor::empty(&sizes, DType::Int64)?);
    let all = samples.to_vec::<f64>();
    let (from, to, pool) = (triple(s, n, 1), triple(output, n, 1), triple(kernel, n, 1));
    let (a, b) = (from.iter().product::<usize>(), to.iter().product::<usize>());
    for (plane, place) in all.chunks_exact(n).enumerate().take(x.numel() / a.max(1)) {
        let at = std::array::from_fn(|d| match (d + n).checked_sub(3) {
            None => vec![(0, 1)],
            // Of two dimensions the width's sample comes first.
            Some(k) => {
                let sample = place[if n == 2 { 1 - k } else { k }];
                starts(sample, from[d] as i64, to[d] as i64, pool[d] as i64, input.dtype()).into_iter().map(|p| (p, p + pool[d])).collect()
            }
        });
        let w = Windows { from, at, step: [1; 3] };
        let (p, q) = (plane * a, plane * b);
        let places = &mut indices.data_mut::<i64>()[q..q + b];
        match work {
            DType::Float32 => w.max(&x.data::<f32>()[p..p + a], f32::NEG_INFINITY, &mut values.data_mut::<f32>()[q..q + b], places),
            _ => w.max(&x.data::<f64>()[p..p + a], f64::NEG_INFINITY, &mut values.data_mut::<f64>()[q..q + b], places),
        }
    }
    Ok(vec![values.as_contiguous(input.dtype())?, indices])
}

/// What a fractional pooling is asked for.
struct Ask<'a> {
    kernel: &'a Dims,
    size: Option<Dims>,
    ratio: Option<Floats>,
    samples: Option<Tensor>,
    indices: bool,
}

fn pooled_any(n: usize, input: &Tensor, ask: Ask) -> Result<Value> {
    let k = input.ndim();
    let name = format!("fractional_max_pool{n}d");
    if ask.size.is_none() && ask.ratio.is_none() {
        return Err(Error::value(format!("{name} requires specifying either an output_size or an output_ratio")));
    }
    if ask.size.is_none() && ask.ratio.as_ref().is_some_and(|r| r.0.len() != 1 && r.0.len() != n) {
        return Err(Error::value(format!("{name} requires output_ratio to either be a single Int or tuple of Ints.")));
    }
    if k < n + 1 {
        return Err(Error::dim_range(-(n as i64) - 1, k));
    }
    let spatial = &input.sizes()[k - n..];
    let size = ask.size.unwrap_or_else(|| {
        let ratio = ask.ratio.map_or_else(Vec::new, |r| r.0);
        (0..n).map(|d| (spatial[d] as f64 * ratio[d.min(ratio.len() - 1)]) as i64).collect()
    });
    let samples = match ask.samples {
        Some(s) => s,
        None => {
            let batch = if k == n + 1 { 1 } else { input.sizes()[0] };
            Tensor::empty(&[batch, input.sizes()[k - n - 1], n as i64], input.dtype())?.uniform(0.0, 1.0)?
        }
    };
    let wide = |what: &str, list: &Dims| match list.len() {
        1 => Ok(Dims::from_elem(list[0], n)),
        m if m == n => Ok(list.clone()),
        _ => Err(Error::runtime(format!("{name}: {what} must either be a single Int or tuple of Ints"))),
    };
    let op = if n == 2 { &_fractional_max_pool2d::OP } else { &_fractional_max_pool3d::OP };
    let args = [Value::Tensor(input.clone()), Value::Ints(wide("kernel_size", ask.kernel)?), Value::Ints(wide("output_size", &size)?), Value::Tensor(samples)];
    let (v, i) = pair(op, &args)?;
    Ok(if ask.indices { Value::Tensors(vec![Some(v), Some(i)]) } else { Value::Tensor(v) })
}

ops! { TABLE, FractionalPoolOps;
    /// Maxima over windows placed at random, so as to give `output_size`, or `output_ratio` of the input's.
    fn fractional_max_pool2d "nn.functional.fractional_max_pool2d"(input: Tensor, kernel_size: Dims, output_size: Option<Dims> = "null", output_ratio: Option<Floats> = "null", return_indices: bool = "false", _random_samples: Option<Tensor> = "null") [function] compose {
        pooled_any(2, &input, Ask { kernel: &kernel_size, size: output_size, ratio: output_ratio, samples: _random_samples, indices: return_indices }) };
    /// `fractional_max_pool2d` and where the maxima are.
    fn fractional_max_pool2d_with_indices "nn.functional.fractional_max_pool2d_with_indices"(input: Tensor, kernel_size: Dims, output_size: Option<Dims> = "null", output_ratio: Option<Floats> = "null", return_indices: bool = "false", _random_samples: Option<Tensor> = "null") -> (list) [function] compose {
        let _ = return_indices; pooled_any(2, &input, Ask { kernel: &kernel_size, size: output_size, ratio: output_ratio, samples: _random_samples, indices: true }) };
    /// `fractional_max_pool2d` of volumes.
    fn fractional_max_pool3d "nn.functional.fractional_max_pool3d"(input: Tensor, kernel_size: Dims, output_size: Option<Dims> = "null", output_ratio: Option<Floats> = "null", return_indices: bool = "false", _random_samples: Option<Tensor> = "null") [function] compose {
        pooled_any(3, &input, Ask { kernel: &kernel_size, size: output_size, ratio: output_ratio, samples: _random_samples, indices: return_indices }) };
    /// `fractional_max_pool3d` and where the maxima are.
    fn fractional_max_pool3d_with_indices "nn.functional.fractional_max_pool3d_with_indices"(input: Tensor, kernel_size: Dims, output_size: Option<Dims> = "null", output_ratio: Option<Floats> = "null", return_indices: bool = "false", _random_samples: Option<Tensor> = "null") -> (list) [function] compose {
        let _ = return_indices; pooled_any(3, &input, Ask { kernel: &kernel_size, size: output_size, ratio: output_ratio, samples: _random_samples, indices: true }) };
    /// `fractional_max_pool2d` with samples at hand.
    fn _fractional_max_pool2d(input: Tensor, kernel_size: Dims, output_size: Dims, samples: Tensor) -> (list) [hidden, FractionalMaxPool2DBackward0] eval { pooled(&input, &kernel_size, &output_size, &samples) }
        d input = |g, input, outs| linked(g._plane_add(&outs[1], input.dims(), 2i64), &[&input]);
    /// `fractional_max_pool3d` with samples at hand.
    fn _fractional_max_pool3d(input: Tensor, kernel_size: Dims, output_size: Dims, samples: Tensor) -> (list) [hidden, FractionalMaxPool3DBackward0] eval { pooled(&input, &kernel_size, &output_size, &samples) }
        d input = |g, input, outs| linked(g._plane_add(&outs[1], input.dims(), 3i64), &[&input]);
}
