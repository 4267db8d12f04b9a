//! Embedding: rows of a matrix by index, with the gradient that adds them up again; one-hot rows.

use super::loops::Arith;
use super::prelude::*;
use crate::by_width;
use crate::kernels::index::Around;

fn check(weight: &Tensor, indices: &Tensor) -> Result<()> {
    if weight.ndim() != 2 {
        return Err(Error::runtime("'weight' must be 2-D"));
    }
    if !matches!(indices.dtype(), DType::Int64 | DType::Int32) {
        let got = match indices.dtype() {
            DType::Bool => "CPUBoolType".to_string(),
            d => format!("torch.{}Tensor", d.class_prefix()),
        };
        return Err(Error::runtime(format!(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got {got} instead (while checking arguments for embedding)"
        )));
    }
    if weight.sizes()[0] == 0 && indices.numel() > 0 {
        return Err(Error::runtime("index_select(): self indexing axis dim should be positive"));
    }
    Ok(())
}

/// The indices as int64, all within `rows`.
pub(crate) fn rows_named(indices: &Tensor, rows: i64) -> Result {
    let places = indices.as_contiguous(DType::Int64)?;
    if places.data::<i64>().iter().any(|i| *i < 0 || *i >= rows) {
        return Err(Error::index("index out of range in self"));
    }
    Ok(places)
}

fn embedded(weight: &Tensor, indices: &Tensor) -> Result {
    check(weight, indices)?;
    let (places, w) = (rows_named(indices, weight.sizes()[0])?, weight.contiguous_data()?);
    let mut sizes = indices.dims();
    sizes.push(weight.sizes()[1]);
    let out = Tensor::empty(&sizes, weight.dtype())?;
    by_width!(weight.dtype(), T => Around::new(weight.sizes(), 0).select(w.data::<T>(), places.data(), out.data_mut::<T>()));
    Ok(out)
}

/// How often each index comes up.
fn frequencies(places: &[i64], rows: i64) -> Vec<f64> {
    let mut count = vec![0.0; rows as usize];
    places.iter().for_each(|&p| count[p as usize] += 1.0);
    count
}

/// Rows of a gradient added up where they came from; `padding` is left out.
fn gathered_up(g: &Tensor, indices: &Tensor, rows: i64, padding: i64, by_freq: bool) -> Result {
    let places = rows_named(indices, rows)?;
    let places = places.data::<i64>();
    let width = g.sizes().last().copied().unwrap_or(1);
    let dtype = g.dtype();
    let (out, g) = (Tensor::zeros(&[rows, width], dtype.compute())?, g.as_contiguous(dtype.compute())?);
    let scale = if by_freq { frequencies(places, rows) } else { Vec::new() };
    dispatch_compute!(dtype, T => {
        let (from, to) = (g.data::<T>(), out.data_mut::<T>());
        Around::new(&[rows, width], 0).each(places, |i, o| {
            let row = o / (width as usize).max(1);
            if row as i64 == padding { return; }
            let k: T = Scalar::Float(scale.get(row).map_or(1.0, |n| 1.0 / n)).to();
            for (x, y) in to[o..o + width as usize].iter_mut().zip(&from[i..]) {
                *x = x.plus(k.times(*y));
            }
        });
    });
    out.as_contiguous(dtype)
}

/// The rows of a second gradient, none for the padding.
fn second(g: &Tensor, indices: &Tensor, rows: i64, padding: i64, by_freq: bool) -> Result {
    let mut out = g.embedding(indices, -1i64, false, false)?;
    let of_padding = indices.eq(padding)?.unsqueeze(-1i64)?;
    if padding >= 0 {
        out = out.masked_fill_scalar(&of_padding, 0i64)?;
    }
    if by_freq {
        let count = frequencies(rows_named(indices, rows)?.data(), rows);
        let count = Tensor::from_slice(&count, &[rows, 1])?.copied(g.dtype())?;
        out = out.div(count.embedding(indices, -1i64, false, false), ())?;
    }
    Ok(out)
}

/// Scales the rows named down to `max_norm`, in place and without a trace.
pub(super) fn renormed(weight: &Tensor, indices: &Tensor, max_norm: f64, p: f64) -> Result<()> {
    let mut places = indices.to_vec::<i64>();
    places.sort_unstable();
    places.dedup();
    let rows = weight.sizes()[0];
    if let Some(bad) = places.iter().find(|i| **i < 0 || **i >= rows) {
        return Err(Error::index(format!("select(): index {bad} out of range for tensor of size {:?} at dimension 0", weight.sizes())));
    }
    let width = weight.sizes()[1] as usize;
    let values = weight.copied(DType::Float64)?;
    for p_row in places {
        let row = &mut values.data_mut::<f64>()[p_row as usize * width..][..width];
        let norm = if p == f64::INFINITY {
            row.iter().fold(0.0, |m: f64, x| m.max(x.abs()))
        } else {
            row.iter().map(|x| x.abs().powf(p)).sum::<f64>().powf(1.0 / p)
        };
        if norm > max_norm {
            row.iter_mut().for_each(|x| *x *= max_norm / (norm + 1e-7));
        }
    }
    crate::autograd::before_write(weight)?;
    crate::kernels::copy::copy(&values, weight);
    weight.bump_version();
    Ok(())
}

fn one_hot_rows(t: &Tensor, classes: i64) -> Result {
    if t.dtype() != DType::Int64 {
        return Err(Error::runtime("one_hot is only applicable to index tensor of type LongTensor."));
    }
    let values = t.as_contiguous(DType::Int64)?;
    let values = values.data::<i64>();
    let Some(&most) = values.iter().max() else {
        if classes <= 0 {
            return Err(Error::runtime("Can not infer total number of classes from empty tensor."));
        }
        let mut sizes = t.dims();
        sizes.push(classes);
        return Tensor::zeros(&sizes, DType::Int64);
    };
    if values.iter().any(|v| *v < 0) {
        return Err(Error::runtime("Class values must be non-negative."));
    }
    let classes = if classes == -1 { most.saturating_add(1) } else { classes };
    if most >= classes {
        return Err(Error::runtime("Class values must be smaller than num_classes."));
    }
    let mut sizes = t.dims();
    sizes.push(classes);
    let out = Tensor::zeros(&sizes, DType::Int64)?;
    for (row, v) in out.data_mut::<i64>().chunks_exact_mut(classes as usize).zip(values) {
        row[*v as usize] = 1;
    }
    Ok(out)
}

ops! { TABLE, EmbeddingOps;
    /// Rows of `weight` by index; the row `padding_idx` gets no gradient.
    fn embedding(weight: Tensor, indices: Tensor, padding_idx: i64 = "-1", scale_grad_by_freq: bool = "false", sparse: bool = "false") [function] eval {
        let _ = (padding_idx, scale_grad_by_freq, sparse); embedded(&weight, &indices) }
        d weight = |g, sizes, indices, padding_idx, scale_grad_by_freq| g.embedding_dense_backward(indices, sizes[0], padding_idx, scale_grad_by_freq);
    /// The gradient of `embedding`.
    fn embedding_dense_backward(grad_output: Tensor, indices: Tensor, num_weights: i64, padding_idx: i64, scale_grad_by_freq: bool) [hidden] eval {
        gathered_up(&grad_output, &indices, num_weights, padding_idx, scale_grad_by_freq) }
        d grad_output = |g, indices, num_weights, padding_idx, scale_grad_by_freq| second(g, &indices, num_weights, padding_idx, scale_grad_by_freq);
    /// Rows of `weight` by index. `max_norm` first scales the rows named down, in place; the row `padding_idx` gets no gradient.
    fn embedding_lookup "nn.functional.embedding"(input: Tensor, weight: Tensor, padding_idx: Option<i64> = "null", max_norm: Option<f64> = "null",
        norm_type: f64 = "2", scale_grad_by_freq: bool = "false", sparse: bool = "false") [] compose {
        let rows = weight.sizes().first().copied().unwrap_or(0);
        let padding = padding_idx.map(|p| if p < 0 { p + rows } else { p });
        if padding.is_some_and(|p| p < 0 || p >= rows) { return Err(Error::value("Padding_idx must be within num_embeddings")); }
        if let Some(most) = max_norm { check(&weight, &input)?; renormed(&weight, &input, most, norm_type)?; }
        weight.embedding(input, padding.unwrap_or(-1), scale_grad_by_freq, sparse) };
    /// For each index a row of `num_classes` zeros with a one at its place; -1 takes as many as there are.
    fn one_hot "nn.functional.one_hot"(input: Tensor, num_classes: i64 = "-1") [] eval { one_hot_rows(&input, num_classes) };
}
