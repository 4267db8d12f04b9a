//! Layers in a batch: convolutions whose weights differ from example to example, embeddings, and the
//! loss of classes. Each runs once, with the examples folded into a dimension or into the groups that
//! the op has anyway, as functorch's rules do.

use super::{full, sizes_of, wrap, Levels};
use crate::autograd;
use crate::error::Result;
use crate::ops::embedding;
use crate::ops::prelude::*;
use crate::table::Op;

fn examples(levels: &[u32]) -> Result<i64> {
    Ok(sizes_of(levels)?.iter().product())
}

fn inserted(sizes: &[i64], at: usize, n: i64) -> Dims {
    sizes[..at].iter().copied().chain([n]).chain(sizes[at..].iter().copied()).collect()
}

/// The physical tensor with all levels joined into one dimension in front.
fn joined(t: &Tensor, levels: &[u32]) -> Result {
    full(t, levels)?.reshape(inserted(t.sizes(), 0, examples(levels)?))
}

/// The physical tensor with the examples as the outer part of dimension `d`.
fn folded(t: &Tensor, levels: &[u32], d: usize) -> Result {
    let mut sizes = t.dims();
    sizes[d] *= examples(levels)?;
    joined(t, levels)?.movedim([0i64], [d as i64])?.reshape(&sizes)
}

/// The levels that are the outer part of dimension `d`, hidden again.
fn unfolded(t: &Tensor, levels: &[u32], d: usize) -> Result {
    let mut outer = sizes_of(levels)?;
    let count: i64 = outer.iter().product();
    let mut sizes = t.dims();
    sizes[d] /= count;
    outer.extend_from_slice(&sizes);
    Ok(wrap(t.reshape(inserted(&sizes, d, count))?.movedim([d as i64], [0i64])?.reshape(&outer)?, levels))
}

/// The rule of an op, if it has one here that takes these arguments. What the op itself refuses is left to
/// it, so that the error is that of an example.
pub(super) fn call(id: &str, op: &'static Op, args: &[Value], levels: &Levels) -> Result<Option<Value>> {
    if examples(levels)? == 0 {
        return Ok(None);
    }
    let done = match id {
        "convolution_op" => convolution(op, args, levels),
        "_convolution_weight" => convolution_weight(op, args, levels),
        "embedding" => embedding_of_tables(args, levels),
        "embedding_dense_backward" => embedding_backward(args, levels),
        "_nll_loss" | "_nll_loss2d" => class_loss(args, levels),
        "_nll_loss_back" => class_loss_backward(args, levels),
        _ => return Ok(None),
    };
    Ok(done.ok().flatten().map(Value::Tensor))
}

fn tensor(value: &Value) -> Option<&Tensor> {
    value.tensors().next()
}

fn int(value: &Value) -> i64 {
    match value {
        Value::Scalar(s) => s.to(),
        _ => 1,
    }
}

fn is_true(value: &Value) -> bool {
    matches!(value, Value::Scalar(Scalar::Bool(true)))
}

fn called(op: &'static Op, args: &[Value]) -> Result {
    autograd::call(op, args).and_then(crate::value::first)
}

fn convolution(op: &'static Op, args: &[Value], levels: &Levels) -> Result<Option<Tensor>> {
    let (Some(input), Some(weight)) = (tensor(&args[0]), tensor(&args[1])) else { return Ok(None) };
    let bias = tensor(&args[2]).filter(|b| b.is_batched() || weight.is_batched());
    if bias.is_none() && !weight.is_batched() || weight.ndim() != input.ndim() {
        return Ok(None);
    }
    let (transposed, groups) = (is_true(&args[6]), int(&args[8]));
    let mut plain = args.to_vec();
    plain[2] = Value::None;
    let out = if !weight.is_batched() {
        called(op, &plain)?
    } else if !input.is_batched() && groups == 1 {
        // More filters for the same input.
        plain[1] = Value::Tensor(folded(weight, levels, usize::from(transposed))?);
        unfolded(&called(op, &plain)?, levels, 1)?
    } else {
        plain[0] = Value::Tensor(folded(input, levels, 1)?);
        plain[1] = Value::Tensor(folded(weight, levels, 0)?);
        plain[8] = Value::Scalar(Scalar::Int(groups * examples(levels)?));
        unfolded(&called(op, &plain)?, levels, 1)?
    };
    let Some(bias) = bias else { return Ok(Some(out)) };
    let mut sizes = Dims::from_elem(1, input.ndim() - 1);
    sizes[0] = bias.numel() as i64;
    out.add(bias.reshape(&sizes)?, 1i64).map(Some)
}

fn convolution_weight(op: &'static Op, args: &[Value], levels: &Levels) -> Result<Option<Tensor>> {
    let (Some(input), Some(grad), Value::Ints(size)) = (tensor(&args[0]), tensor(&args[1]), &args[2]) else { return Ok(None) };
    let mut plain = args.to_vec();
    let mut size = size.clone();
    size[0] *= examples(levels)?;
    plain[0] = Value::Tensor(folded(input, levels, 1)?);
    plain[1] = Value::Tensor(folded(grad, levels, 1)?);
    plain[2] = Value::Ints(size);
    plain[6] = Value::Scalar(Scalar::Int(int(&args[6]) * examples(levels)?));
    unfolded(&called(op, &plain)?, levels, 0).map(Some)
}

/// Indices into tables of so many rows each, as indices into all of them, one table under the other.
fn shifted(indices: &Tensor, rows: i64, levels: &[u32]) -> Result {
    embedding::rows_named(&indices.physical(), rows)?;
    let all = joined(indices, levels)?;
    let first: Vec<i64> = (0..examples(levels)?).map(|n| n * rows).collect();
    let mut sizes = Dims::from_elem(1, all.ndim());
    sizes[0] = first.len() as i64;
    crate::ops::cast(&all, DType::Int64)?.add(Tensor::from_slice(&first, &sizes)?, 1i64)
}

/// Rows of a table of each example.
fn embedding_of_tables(args: &[Value], levels: &Levels) -> Result<Option<Tensor>> {
    let (Some(weight), Some(indices)) = (tensor(&args[0]), tensor(&args[1])) else { return Ok(None) };
    if !weight.is_batched() || weight.ndim() != 2 {
        return Ok(None);
    }
    let (padding, by_freq) = (int(&args[2]), is_true(&args[3]));
    let places = shifted(indices, weight.sizes()[0], levels)?;
    let out = unfolded(&folded(weight, levels, 0)?.embedding(places, -1i64, by_freq, false)?, levels, 0)?.squeeze_dim(0i64)?;
    if padding < 0 {
        return Ok(Some(out));
    }
    // The padding gets no gradient.
    indices.eq(padding)?.unsqueeze(-1i64)?.where_op(out.detach_view()?, &out).map(Some)
}

fn embedding_backward(args: &[Value], levels: &Levels) -> Result<Option<Tensor>> {
    let (Some(grad), Some(indices)) = (tensor(&args[0]), tensor(&args[1])) else { return Ok(None) };
    let (rows, padding, by_freq) = (int(&args[2]), int(&args[3]), is_true(&args[4]));
    if !indices.is_batched() {
        // The same rows of each: longer rows.
        let last = grad.ndim() - 1;
        return unfolded(&folded(grad, levels, last)?.embedding_dense_backward(indices, rows, padding, by_freq)?, levels, 1).map(Some);
    }
    let places = shifted(indices, rows, levels)?;
    let grad = if padding < 0 { grad.clone() } else { grad.masked_fill_scalar(indices.eq(padding)?.unsqueeze(-1i64)?, 0i64)? };
    let all = joined(&grad, levels)?.embedding_dense_backward(places, rows * examples(levels)?, -1i64, by_freq)?;
    unfolded(&all, levels, 0).map(Some)
}

/// A loss of classes with the same weights for all examples.
struct ClassLoss<'a> {
    target: &'a Tensor,
    weight: Option<Tensor>,
    ignore: i64,
    levels: &'a [u32],
}

impl<'a> ClassLoss<'a> {
    fn new(target: &'a Value, weight: &Value, ignore: &Value, levels: &'a [u32]) -> Option<Self> {
        let weight = tensor(weight).cloned();
        if weight.as_ref().is_some_and(Tensor::is_batched) {
            return None;
        }
        Some(ClassLoss { target: tensor(target)?, weight, ignore: int(ignore), levels })
    }

    /// The sizes of all examples together.
    fn together(&self, sizes: &[i64], own: bool) -> Result<Dims> {
        let count = examples(self.levels)?;
        if !own {
            return Ok(inserted(sizes, 0, count));
        }
        let mut sizes = Dims::from_slice(sizes);
        sizes[0] *= count;
        Ok(sizes)
    }

    /// A tensor with its batch, if an example has one, and that of vmap joined.
    fn join(&self, t: &Tensor, own: bool) -> Result {
        full(t, self.levels)?.reshape(&self.together(t.sizes(), own)?)
    }

    /// The targets; without a batch of its own, an example is one.
    fn targets(&self, own: bool) -> Result {
        if own { self.join(self.target, true) } else { self.join(&self.target.reshape([])?, false) }
    }

    /// Hides the levels of something of these sizes again.
    fn hidden(&self, t: &Tensor, sizes: &[i64]) -> Result {
        let mut all = sizes_of(self.levels)?;
        all.extend_from_slice(sizes);
        Ok(wrap(t.reshape(&all)?, self.levels))
    }

    /// The loss of each target by itself.
    fn each(&self, input: &Tensor) -> Result {
        let own = input.ndim() > 1;
        let (x, t) = (self.join(input, own)?, self.targets(own)?);
        let loss = if input.ndim() == 4 { x._nll_loss2d(t, &self.weight, self.ignore, "none") } else { x._nll_loss(t, &self.weight, self.ignore, "none") };
        self.hidden(&loss?, if own { self.target.sizes() } else { &[] })
    }

    /// The weights of all targets of an example together, by which a mean divides.
    fn total(&self, dtype: DType) -> Result {
        let counts = self.target.ne(self.ignore)?;
        let Some(weight) = &self.weight else { return crate::ops::cast(&counts.sum(())?, dtype) };
        let target = crate::ops::cast(self.target, DType::Int64)?.masked_fill_scalar(counts.logical_not()?, 0i64)?;
        let each = weight.unsqueeze(-1i64)?.embedding(target, -1i64, false, false)?.squeeze_dim(-1i64)?;
        each.mul(crate::ops::cast(&counts, dtype)?)?.sum(())
    }
}

fn class_loss(args: &[Value], levels: &Levels) -> Result<Option<Tensor>> {
    let (Some(input), Value::Str(word)) = (tensor(&args[0]), &args[4]) else { return Ok(None) };
    let Some(k) = ClassLoss::new(&args[1], &args[2], &args[3], levels) else { return Ok(None) };
    let each = k.each(input)?;
    Ok(Some(match word.as_str() {
        "none" => each,
        "sum" => each.sum(())?,
        _ => each.sum(())?.div(k.total(input.dtype())?, ())?,
    }))
}

fn class_loss_backward(args: &[Value], levels: &Levels) -> Result<Option<Tensor>> {
    let (Some(grad), Value::Ints(size), Value::Str(word)) = (tensor(&args[0]), &args[3], &args[5]) else { return Ok(None) };
    let Some(k) = ClassLoss::new(&args[1], &args[2], &args[4], levels) else { return Ok(None) };
    let own = size.len() > 1;
    let each = match word.as_str() {
        "none" => grad.clone(),
        "sum" => grad.expand(if own { k.target.sizes() } else { &[] })?,
        _ => grad.div(k.total(grad.dtype())?, ())?.expand(if own { k.target.sizes() } else { &[] })?,
    };
    let slope = k.join(&each, own)?._nll_loss_back(k.targets(own)?, &k.weight, &k.together(size, own)?, k.ignore, "none")?;
    k.hidden(&slope, size).map(Some)
}
