//! Bags of embeddings: sums, means or maxima of rows of a matrix, with their gradients.

use super::embedding::{renormed, rows_named};
use super::loops::Real;
use super::prelude::*;

fn check_types(weight: &Tensor, indices: &Tensor, scales: Option<&Tensor>) -> Result<()> {
    let class = |t: &Tensor| format!("torch.{}Tensor", t.dtype().class_prefix());
    if !matches!(indices.dtype(), DType::Int64 | DType::Int32) {
        return Err(Error::runtime(format!(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got {} instead \
             (while checking arguments for embedding_bag)",
            class(indices)
        )));
    }
    if !weight.dtype().is_floating_point() {
        return Err(Error::runtime(format!(
            "Expected tensor for argument #1 'weight' to have one of the following scalar types: Half, BFloat16, Float, Double; \
             but got {} instead (while checking arguments for embedding_bag)",
            class(weight)
        )));
    }
    match scales.filter(|s| s.dtype() != weight.dtype()) {
        Some(s) => Err(Error::runtime(format!(
            "Expected tensor for argument #1 'weight' to have the same type as tensor for argument #1 'per_sample_weights'; but \
             type {} does not equal {} (while checking arguments for embedding_bag)",
            class(weight),
            class(s)
        ))),
        None => Ok(()),
    }
}

/// Where each of the bags starts, and one more for the end of the last.
fn edges(offsets: &Tensor, count: usize, include_last: bool) -> Result<Vec<usize>> {
    let mut starts = offsets.to_vec::<i64>();
    if include_last && starts.is_empty() {
        return Err(Error::runtime("include_last_offset: number of offsets should be at least 1"));
    }
    if let Some(first) = starts.first().filter(|s| **s != 0) {
        return Err(Error::runtime(format!(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got {first}"
        )));
    }
    if let Some(last) = starts.last().filter(|s| **s > count as i64) {
        return Err(Error::runtime(format!(
            "offsets[-1] can not be greater than input's length({count}), but got offsets[-1] of {last}"
        )));
    }
    if include_last {
        starts.pop();
    }
    Ok(starts.iter().map(|s| (*s).clamp(0, count as i64) as usize).chain([count]).collect())
}

/// What is asked of the rows of a bag.
struct Ask<'a> {
    mode: &'a str,
    scales: Option<&'a Tensor>,
    include_last: bool,
    padding: Option<i64>,
}

/// The results of all bags; of each index its bag, of each bag how many rows it has, and of each maximum
/// the row that it is from (-1: from none).
fn bagged(weight: &Tensor, indices: &Tensor, offsets: &Tensor, ask: &Ask) -> Result<Vec<Tensor>> {
    check_types(weight, indices, ask.scales)?;
    let places = rows_named(indices, weight.sizes()[0])?;
    let places = places.data::<i64>();
    let edges = edges(offsets, places.len(), ask.include_last)?;
    let padding = ask.padding.unwrap_or(-1);
    let bags = edges.len() as i64 - 1;
    let mut bag_of = vec![0i64; places.len()];
    let mut sizes = vec![0i64; bags as usize];
    for (bag, ends) in edges.windows(2).enumerate() {
        for at in ends[0]..ends[1].max(ends[0]) {
            bag_of[at] = bag as i64;
            sizes[bag] += i64::from(places[at] != padding);
        }
    }
    let (bag_of, sizes) = (Tensor::from_slice(&bag_of, &[places.len() as i64])?, Tensor::from_slice(&sizes, &[bags])?);
    let (out, from) = if weight.dtype().compute() == DType::Float64 {
        results::<f64>(weight, places, &edges, ask)?
    } else {
        results::<f32>(weight, places, &edges, ask)?
    };
    Ok(vec![out.as_contiguous(weight.dtype())?, bag_of, sizes, from])
}

fn results<T: Real>(weight: &Tensor, places: &[i64], edges: &[usize], ask: &Ask) -> Result<(Tensor, Tensor)> {
    let (rows, bags, width) = (weight.as_contiguous(T::DTYPE)?, edges.len() - 1, weight.sizes()[1] as usize);
    let rows = rows.data::<T>();
    let scales = ask.scales.map(|s| s.as_contiguous(T::DTYPE)).transpose()?;
    let padding = ask.padding.unwrap_or(-1);
    let shape = [bags as i64, width as i64];
    let out = Tensor::zeros(&shape, T::DTYPE)?;
    let from = Tensor::full(if ask.mode == "max" { &shape } else { &[0] }, Scalar::Int(-1), DType::Int64)?;
    let (y, best) = (out.data_mut::<T>(), from.data_mut::<i64>());
    for (bag, ends) in edges.windows(2).enumerate() {
        let to = &mut y[bag * width..][..width];
        let mut count = 0;
        for at in (ends[0]..ends[1].max(ends[0])).filter(|at| places[*at] != padding) {
            let row = &rows[places[at] as usize * width..][..width];
            count += 1;
            if ask.mode == "max" {
                for ((y, x), best) in to.iter_mut().zip(row).zip(&mut best[bag * width..][..width]) {
                    if *best < 0 || *x > *y {
                        (*y, *best) = (*x, places[at]);
                    }
                }
                continue;
            }
            match &scales {
                Some(s) => { let s = s.data::<T>()[at]; to.iter_mut().zip(row).for_each(|(y, x)| *y += s * *x); }
                None => to.iter_mut().zip(row).for_each(|(y, x)| *y += *x),
            }
        }
        if ask.mode == "mean" && count > 1 {
            let n = T::of(f64::from(count));
            to.iter_mut().for_each(|y| *y = *y / n);
        }
    }
    Ok((out, from))
}

/// The gradient of each index's row, but for its scale.
fn by_index(g: &Tensor, outs: &[Tensor], mode: &str) -> Result {
    if mode != "mean" {
        return g.index_select(0i64, &outs[1]);
    }
    let sizes = crate::ops::cast(&outs[2].clamp_min_scalar(1i64)?, g.dtype())?;
    g.div(sizes.unsqueeze(-1i64)?, ())?.index_select(0i64, &outs[1])
}

/// What a gradient of the rows needs to know.
struct Rows<'a> {
    indices: &'a Tensor,
    scales: Option<&'a Tensor>,
    mode: &'a str,
    by_freq: bool,
    padding: Option<i64>,
}

fn weight_grad(g: &Tensor, sizes: &[i64], outs: &[Tensor], k: &Rows) -> Result {
    if k.mode == "max" {
        let (from, none) = (&outs[3], outs[3].lt(0i64)?);
        let g = g.masked_fill_scalar(&none, 0i64)?;
        return Tensor::zeros(sizes, g.dtype())?.scatter_add(0i64, from.clamp_min_scalar(0i64)?, g);
    }
    let mut each = by_index(g, outs, k.mode)?;
    if let Some(scales) = k.scales {
        each = each.mul(scales.unsqueeze(-1i64)?)?;
    }
    each.embedding_dense_backward(k.indices, sizes[0], k.padding.unwrap_or(-1), k.by_freq)
}

fn scales_grad(g: &Tensor, weight: &Tensor, indices: &Tensor, outs: &[Tensor], padding: Option<i64>) -> Result {
    let each = by_index(g, outs, "sum")?.mul(weight.embedding(indices, -1i64, false, false)?)?.sum_dim([-1i64], false, ())?;
    match padding {
        Some(p) => each.masked_fill_scalar(indices.eq(p)?, 0i64),
        None => Ok(each),
    }
}

/// `torch.Size([2, 3])`.
fn size(t: &Tensor) -> String {
    format!("torch.Size({:?})", t.sizes())
}

/// What the public function refuses before it looks at the numbers.
fn check(input: &Tensor, weight: &Tensor, offsets: Option<&Tensor>, scales: Option<&Tensor>, mode: &str, by_freq: bool, sparse: bool) -> Result<()> {
    if let Some(s) = scales.filter(|s| s.sizes() != input.sizes()) {
        return Err(Error::value(format!(
            "embedding_bag: If per_sample_weights ({}) is not None, then it must have the same shape as the input ({})", size(s), size(input)
        )));
    }
    if weight.ndim() != 2 {
        return Err(Error::value(format!("weight has to be a 2D Tensor, but got Tensor of dimension {}", weight.ndim())));
    }
    match (input.ndim(), offsets) {
        (2, Some(_)) => return Err(Error::value(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, \
             found offsets of type <class 'torch.Tensor'>",
        )),
        (1, None) => return Err(Error::value("offsets has to be a 1D Tensor but got None")),
        (1, Some(o)) if o.ndim() != 1 => return Err(Error::value("offsets has to be a 1D Tensor")),
        (1 | 2, _) => {}
        (n, _) => return Err(Error::value(format!("input has to be 1D or 2D Tensor, but got Tensor of dimension {n}"))),
    }
    match mode {
        "sum" | "mean" => {}
        "max" if by_freq => return Err(Error::value("max mode does not support scaling the gradient by the frequency")),
        "max" if sparse => return Err(Error::value("max mode does not support sparse weights")),
        "max" => {}
        _ => return Err(Error::value("mode has to be one of sum, mean or max")),
    }
    if scales.is_some() && mode != "sum" {
        return Err(Error::not_implemented(format!(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode='sum' (got \
             mode='{mode}'). Please open a feature request on GitHub."
        )));
    }
    Ok(())
}

/// The row that is padding, counted from the front.
fn padding_row(padding: Option<i64>, rows: i64) -> Result<Option<i64>> {
    match padding {
        Some(p) if p >= rows || p < -rows => Err(Error::runtime(format!(
            "padding_idx must be within the number of embeddings, {} through {}, but got {p}", -rows, rows - 1
        ))),
        Some(p) if p < 0 => Ok(Some(p + rows)),
        other => Ok(other),
    }
}

ops! { TABLE, BagOps;
    /// The sum, mean or maximum of each bag of rows of `weight`, then of each index its bag, of each bag its size, and of each maximum its row.
    fn _embedding_bag(weight: Tensor, indices: Tensor, offsets: Tensor, scale_grad_by_freq: bool, mode: String, per_sample_weights: Option<Tensor>,
        include_last_offset: bool, padding_idx: Option<i64>) -> (list) [hidden, first, EmbeddingBagBackward0] eval {
        let _ = scale_grad_by_freq;
        bagged(&weight, &indices, &offsets, &Ask { mode: &mode, scales: per_sample_weights.as_ref(), include_last: include_last_offset, padding: padding_idx }) }
        d weight = |g, sizes, outs, indices, per_sample_weights, mode, scale_grad_by_freq, padding_idx|
            weight_grad(g, &sizes, &outs, &Rows { indices: &indices, scales: per_sample_weights.as_ref(), mode: &mode, by_freq: scale_grad_by_freq, padding: padding_idx }),
        d per_sample_weights = |g, outs, weight, indices, padding_idx| scales_grad(g, &weight, &indices, &outs, padding_idx);
    /// Sums, means or maxima of bags of rows of `weight`; `offsets` tells where in `input` each bag starts.
    fn embedding_bag "nn.functional.embedding_bag"(input: Tensor, weight: Tensor, offsets: Option<Tensor> = "null", max_norm: Option<f64> = "null", norm_type: f64 = "2",
        scale_grad_by_freq: bool = "false", mode: String = "'mean'", sparse: bool = "false", per_sample_weights: Option<Tensor> = "null",
        include_last_offset: bool = "false", padding_idx: Option<i64> = "null") [function] compose {
        check(&input, &weight, offsets.as_ref(), per_sample_weights.as_ref(), &mode, scale_grad_by_freq, sparse)?;
        let flat = input.reshape([-1])?;
        let scales = per_sample_weights.map(|s| s.reshape([-1])).transpose()?;
        let starts = match offsets {
            Some(o) => o,
            None => { let (bags, each) = (input.sizes()[0], input.sizes()[1]); Tensor::from_slice(&(0..bags).map(|b| b * each).collect::<Vec<i64>>(), &[bags])? }
        };
        if let Some(most) = max_norm {
            check_types(&weight, &flat, scales.as_ref())?;
            renormed(&weight, &flat, most, norm_type)?;
        }
        let padding = padding_row(padding_idx, weight.sizes()[0])?;
        let include_last = include_last_offset && input.ndim() == 1;
        weight._embedding_bag(&flat, &starts, scale_grad_by_freq, &mode, &scales, include_last, padding) };
}
