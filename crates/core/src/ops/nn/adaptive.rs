//! Pooling to a given output size, and pooling undone.

use super::pool::{averages, max_over, spread};
use super::{check_line_rank, linked, pair, triple};
use crate::kernels::pool::Windows;
use crate::ops::prelude::*;

/// The windows that share a dimension as equally as they can.
fn windows(input: &[i64], output: &[i64]) -> Windows {
    let n = output.len();
    let (from, to) = (triple(input, n, 1), triple(output, n, 1));
    let at = std::array::from_fn(|d| (0..to[d]).map(|o| (o * from[d] / to[d], ((o + 1) * from[d]).div_ceil(to[d]))).collect());
    Windows { from, at, step: [1; 3] }
}

/// The number of elements of each window.
fn counts(w: &Windows) -> Vec<i64> {
    let mut out = Vec::new();
    for z in &w.at[0] {
        for y in &w.at[1] {
            out.extend(w.at[2].iter().map(|x| ((z.1 - z.0) * (y.1 - y.0) * (x.1 - x.0)) as i64));
        }
    }
    out
}

/// The sizes asked for, those left out being the input's.
fn wanted(input: &Tensor, size: &MaybeDims, n: usize) -> Result<Dims> {
    let list = &size.0;
    if list.len() > 1 && input.ndim() <= list.len() {
        return Err(Error::value(format!("Input dimension should be at least {}", list.len() + 1)));
    }
    let lead = input.ndim().saturating_sub(list.len());
    let filled: Dims = list.iter().enumerate().map(|(d, v)| if *v == MaybeDims::NONE { input.sizes().get(lead + d).copied().unwrap_or(1) } else { *v }).collect();
    Ok(if filled.len() == 1 { Dims::from_elem(filled[0], n) } else { filled })
}

fn check(name: &str, input: &[i64], n: usize, colon: &str, first: usize) -> Result<()> {
    let k = input.len();
    if k != n + 1 && k != n + 2 {
        return Err(Error::runtime(format!("{name}(): Expected {}D or {}D tensor, but got{colon} {input:?}", n + 1, n + 2)));
    }
    if let Some(d) = (first.min(k - n)..k).find(|d| input[*d] == 0) {
        return Err(Error::runtime(format!(
            "{name}(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {input:?} with dimension {d} being empty"
        )));
    }
    Ok(())
}

fn with_spatial(input: &Tensor, output: &[i64]) -> Dims {
    let mut sizes: Dims = input.sizes()[..input.ndim() - output.len()].into();
    sizes.extend_from_slice(output);
    sizes
}

fn average(input: &Tensor, output: &[i64]) -> Result {
    let n = output.len();
    let name = if n == 2 { "adaptive_avg_pool2d" } else { "adaptive_avg_pool3d" };
    check(name, input.sizes(), n, "", if n == 2 { usize::MAX } else { 1 })?;
    if !input.dtype().is_floating_point() {
        return Err(Error::dtype(if n == 2 { name } else { "adaptive_avg_pool3d_cpu" }, input.dtype()));
    }
    let w = windows(input.sizes(), output);
    averages(input, &with_spatial(input, output), &w, &counts(&w))
}

fn average_any(input: &Tensor, output: &Dims, n: usize) -> Result {
    let name = format!("adaptive_avg_pool{n}d");
    if output.len() != n {
        return Err(Error::runtime(format!("{name}: output_size must be {n}")));
    }
    if output.iter().any(|s| *s < 0) {
        let list = match n {
            2 => format!("{}, {}", output[0], output[1]),
            _ => format!("{}, {},{}", output[0], output[1], output[2]),
        };
        return Err(Error::runtime(format!("{name}: elements of output_size must be greater than or equal to 0 but received {{{list}}}")));
    }
    if output.iter().all(|s| *s == 1) {
        let dims: Dims = (1..=n as i64).map(|d| -d).rev().collect();
        return input.mean_dim(&dims, true, ());
    }
    if n == 2 { input._adaptive_avg_pool2d(output) } else { input._adaptive_avg_pool3d(output) }
}

fn one_size(name: &str, size: &Dims) -> Result<i64> {
    match size.len() {
        1 => Ok(size[0]),
        n => Err(Error::runtime(format!("{name}() argument 'output_size' should contain one int (got {n})"))),
    }
}

fn greatest(input: &Tensor, output: &Dims, n: usize) -> Result<Vec<Tensor>> {
    let name = if n == 2 { "adaptive_max_pool2d" } else { "adaptive_max_pool3d" };
    if output.len() != n {
        return Err(Error::runtime(format!("{name}(): internal error: output_size.size() must be {n}")));
    }
    check(name, input.sizes(), n, ":", 1)?;
    let sizes = with_spatial(input, output);
    crate::layout::checked_numel(&sizes)?;
    let kernel = if n == 2 { name } else { "adaptive_max_pool3d_cpu" };
    if !input.dtype().is_floating_point() {
        return Err(Error::dtype(kernel, input.dtype()));
    }
    max_over(kernel, input, &windows(input.sizes(), output), &sizes, true)
}

fn greatest_any(input: &Tensor, size: &MaybeDims, indices: bool, n: usize) -> Result<Value> {
    let op = if n == 2 { &_adaptive_max_pool2d::OP } else { &_adaptive_max_pool3d::OP };
    let (v, i) = pair(op, &[Value::Tensor(input.clone()), Value::Ints(wanted(input, size, n)?)])?;
    Ok(if indices { Value::Tensors(vec![Some(v), Some(i)]) } else { Value::Tensor(v) })
}

fn greatest_line(input: &Tensor, size: &Dims, indices: bool) -> Result<Value> {
    let n = one_size("adaptive_max_pool1d", size)?;
    check_line_rank("adaptive_max_pool1d", input)?;
    if let Some(d) = (if input.ndim() == 3 { 1 } else { 0 }..input.ndim()).find(|d| input.sizes()[*d] == 0) {
        return Err(Error::runtime(format!(
            "adaptive_max_pool1d(): Expected input to have non-zero size for non-batch dimensions, but input has sizes {:?} with dimension {d} being empty",
            input.sizes()
        )));
    }
    let (v, i) = pair(&_adaptive_max_pool2d::OP, &[Value::Tensor(input.unsqueeze(-2i64)?), Value::Ints(dims![1, n])])?;
    let v = v.squeeze_dim(-2i64)?;
    Ok(if indices { Value::Tensors(vec![Some(v), Some(i.squeeze_dim(-2i64)?)]) } else { Value::Tensor(v) })
}

/// The size that `max_unpool` gives where none is asked for; and, of the one asked for, its checks.
fn unpooled_size(input: &Tensor, kernel: &Dims, stride: &Dims, padding: &Dims, asked: Option<&Dims>, n: usize) -> Result<Dims> {
    let (k, wide) = (input.ndim(), |list: &Dims| if list.len() == 1 { Dims::from_elem(list[0], n) } else { list.clone() });
    let (kernel, stride, padding) = (wide(kernel), wide(stride), wide(padding));
    let usual: Dims = (0..n).map(|d| {
        let size = input.sizes().get((k + d).wrapping_sub(n)).copied().unwrap_or(1);
        (size - 1) * stride[d] + kernel[d] - 2 * padding[d]
    }).collect();
    let Some(asked) = asked else { return Ok(usual) };
    let asked: Dims = if asked.len() == n + 2 { asked[2..].into() } else { asked.clone() };
    if asked.len() != n {
        return Err(Error::value(format!(
            "output_size should be a sequence containing {n} or {} elements, but it has a length of '{}'", n + 2, asked.len()
        )));
    }
    for d in 0..n {
        let (min, max) = (usual[d] - stride[d], usual[d] + stride[d]);
        if !(min < asked[d] && asked[d] < max) {
            return Err(Error::value(format!(
                "invalid output_size \"{:?}\" (dim {d} must be between {min} and {max})", asked.as_slice()
            )));
        }
    }
    Ok(asked)
}

fn check_unpool(input: &Tensor, indices: &Tensor, output: &Dims, stride: Option<&Dims>) -> Result<()> {
    let n = output.len();
    let fail = |m: String| Err(Error::runtime(m));
    if indices.dtype() != DType::Int64 {
        return fail(format!("elements in indices should be type int64 but got: {}", indices.dtype().scalar_type()));
    }
    if input.ndim() != n + 1 && input.ndim() != n + 2 {
        return fail(format!("Input to max_unpooling{n}d should be a {}d or {}d Tensor, but got a tensor with {} dimensions.", n + 1, n + 2, input.ndim()));
    }
    if input.sizes() != indices.sizes() {
        return fail(format!(
            "Expected shape of indices to be same as that of the input tensor ({:?}) but got indices tensor with shape: {:?}", input.sizes(), indices.sizes()
        ));
    }
    if let Some(d) = (1..input.ndim()).find(|d| input.sizes()[*d] == 0) {
        return fail(format!(
            "max_unpooling{n}d_forward_out_cpu(): Expected input to have non-zero size for non-batch dimensions, but got {:?} with dimension {d} being empty.", input.sizes()
        ));
    }
    if let Some(s) = stride.filter(|s| s.iter().any(|v| *v <= 0)) {
        return fail(format!("strides should be greater than zero, but got stride: {:?}", s.as_slice()));
    }
    crate::layout::checked_numel(output)?;
    let room = output.iter().product::<i64>();
    if let Some(bad) = indices.to_vec::<i64>().into_iter().find(|i| *i < 0 || *i >= room) {
        let shape = match output[..] {
            [h, w] => format!("output size {h}x{w}"),
            _ => format!("output volumes D={}, H={}, W={}", output[0], output[1], output[2]),
        };
        return fail(format!("Found an invalid max index: {bad} ({shape}"));
    }
    Ok(())
}

fn unpool(input: &Tensor, indices: &Tensor, kernel: &Dims, stride: Option<&Dims>, padding: &Dims, asked: Option<&Dims>, n: usize) -> Result {
    let stride = stride.unwrap_or(kernel);
    let size = unpooled_size(input, kernel, stride, padding, asked, n)?;
    match n {
        1 => input.unsqueeze(-1i64)?.max_unpool2d_op(indices.unsqueeze(-1i64), [size[0], 1])?.squeeze_dim(-1i64),
        2 => input.max_unpool2d_op(indices, &size),
        _ => {
            let wide = if stride.len() == 1 { Dims::from_elem(stride[0], 3) } else { stride.clone() };
            input.max_unpool3d_op(indices, &size, &wide)
        }
    }
}

ops! { TABLE, AdaptivePoolOps;
    /// Averages over windows that make one dimension `output_size` long.
    fn adaptive_avg_pool1d "nn.functional.adaptive_avg_pool1d"(input: Tensor, output_size: Dims) ["adaptive_avg_pool1d", function] compose {
        let n = one_size("adaptive_avg_pool1d", &output_size)?;
        check_line_rank("adaptive_avg_pool1d", &input)?;
        average_any(&input.unsqueeze(-2i64)?, &dims![1, n], 2)?.squeeze_dim(-2i64) };
    /// Averages over windows that make two dimensions `output_size` large; a size left out stays.
    fn adaptive_avg_pool2d "nn.functional.adaptive_avg_pool2d"(input: Tensor, output_size: MaybeDims) [function] compose { average_any(&input, &wanted(&input, &output_size, 2)?, 2) };
    /// Averages over windows that make three dimensions `output_size` large; a size left out stays.
    fn adaptive_avg_pool3d "nn.functional.adaptive_avg_pool3d"(input: Tensor, output_size: MaybeDims) [function] compose { average_any(&input, &wanted(&input, &output_size, 3)?, 3) };
    /// `adaptive_avg_pool2d` of sizes that are all given.
    fn _adaptive_avg_pool2d(input: Tensor, output_size: Dims) [hidden, AdaptiveAvgPool2DBackward0] eval { average(&input, &output_size) }
        d input = |g, input, output_size| linked(g._adaptive_avg_back(input.dims(), &output_size), &[&input]);
    /// `adaptive_avg_pool3d` of sizes that are all given.
    fn _adaptive_avg_pool3d(input: Tensor, output_size: Dims) [hidden, AdaptiveAvgPool3DBackward0] eval { average(&input, &output_size) }
        d input = |g, input, output_size| linked(g._adaptive_avg_back(input.dims(), &output_size), &[&input]);
    /// The transpose of adaptive average pooling.
    fn _adaptive_avg_back(input: Tensor, size: Dims, output_size: Dims) [hidden] eval { let w = windows(&size, &output_size); spread(&input, &size, &w, &counts(&w)) }
        d input = |g, output_size| if output_size.len() == 2 { g._adaptive_avg_pool2d(&output_size) } else { g._adaptive_avg_pool3d(&output_size) };
    /// Maxima over windows that make one dimension `output_size` long.
    fn adaptive_max_pool1d "nn.functional.adaptive_max_pool1d"(input: Tensor, output_size: Dims, return_indices: bool = "false") [function] compose { greatest_line(&input, &output_size, return_indices) };
    /// Maxima over windows that make one dimension `output_size` long, and their places.
    fn adaptive_max_pool1d_with_indices "nn.functional.adaptive_max_pool1d_with_indices"(input: Tensor, output_size: Dims, return_indices: bool = "false") -> (list) ["adaptive_max_pool1d", function] compose { let _ = return_indices; greatest_line(&input, &output_size, true) };
    /// Maxima over windows that make two dimensions `output_size` large; a size left out stays.
    fn adaptive_max_pool2d "nn.functional.adaptive_max_pool2d"(input: Tensor, output_size: MaybeDims, return_indices: bool = "false") [function] compose { greatest_any(&input, &output_size, return_indices, 2) };
    /// Maxima over windows that make two dimensions `output_size` large, and their places.
    fn adaptive_max_pool2d_with_indices "nn.functional.adaptive_max_pool2d_with_indices"(input: Tensor, output_size: MaybeDims, return_indices: bool = "false") -> (list) [function] compose { let _ = return_indices; greatest_any(&input, &output_size, true, 2) };
    /// Maxima over windows that make three dimensions `output_size` large; a size left out stays.
    fn adaptive_max_pool3d "nn.functional.adaptive_max_pool3d"(input: Tensor, output_size: MaybeDims, return_indices: bool = "false") [function] compose { greatest_any(&input, &output_size, return_indices, 3) };
    /// Maxima over windows that make three dimensions `output_size` large, and their places.
    fn adaptive_max_pool3d_with_indices "nn.functional.adaptive_max_pool3d_with_indices"(input: Tensor, output_size: MaybeDims, return_indices: bool = "false") -> (list) [function] compose { let _ = return_indices; greatest_any(&input, &output_size, true, 3) };
    /// `adaptive_max_pool2d` of sizes that are all given.
    fn _adaptive_max_pool2d(input: Tensor, output_size: Dims) -> (list) [hidden, AdaptiveMaxPool2DBackward0] eval { greatest(&input, &output_size, 2) }
        d input = |g, input, outs| linked(g._plane_add(&outs[1], input.dims(), 2i64), &[&input]);
    /// `adaptive_max_pool3d` of sizes that are all given.
    fn _adaptive_max_pool3d(input: Tensor, output_size: Dims) -> (list) [hidden, AdaptiveMaxPool3DBackward0] eval { greatest(&input, &output_size, 3) }
        d input = |g, input, outs| linked(g._plane_add(&outs[1], input.dims(), 3i64), &[&input]);
    /// Maxima put back where `max_pool1d` found them, among zeros.
    fn max_unpool1d "nn.functional.max_unpool1d"(input: Tensor, indices: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", output_size: Option<Dims> = "null") [function] compose { unpool(&input, &indices, &kernel_size, stride.as_ref(), &padding, output_size.as_ref(), 1) };
    /// Maxima put back where `max_pool2d` found them, among zeros.
    fn max_unpool2d "nn.functional.max_unpool2d"(input: Tensor, indices: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", output_size: Option<Dims> = "null") [function] compose { unpool(&input, &indices, &kernel_size, stride.as_ref(), &padding, output_size.as_ref(), 2) };
    /// Maxima put back where `max_pool3d` found them, among zeros.
    fn max_unpool3d "nn.functional.max_unpool3d"(input: Tensor, indices: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", output_size: Option<Dims> = "null") [function] compose { unpool(&input, &indices, &kernel_size, stride.as_ref(), &padding, output_size.as_ref(), 3) };
    /// `max_unpool2d` to a given size.
    fn max_unpool2d_op "_max_unpool2d"(input: Tensor, indices: Tensor, output_size: Dims) [hidden, MaxUnpool2DBackward0] eval {
        check_unpool(&input, &indices, &output_size, None)?;
        input.detached()._plane_put(&indices, with_spatial(&input, &output_size), 2i64) }
        d input = |g, indices| g._plane_take(indices, 2i64);
    /// `max_unpool3d` to a given size.
    fn max_unpool3d_op "_max_unpool3d"(input: Tensor, indices: Tensor, output_size: Dims, stride: Dims) [hidden, MaxUnpool3DBackward0] eval {
        check_unpool(&input, &indices, &output_size, Some(&stride))?;
        input.detached()._plane_put(&indices, with_spatial(&input, &output_size), 3i64) }
        d input = |g, indices| g._plane_take(indices, 3i64);
}
