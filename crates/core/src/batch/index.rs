//! Indexing in a batch: the levels become index tensors of their own, or slices in front.

use super::{aligned, full, sizes_of, wrap, wrap_all, Levels};
use crate::autograd;
use crate::error::Result;
use crate::ops::prelude::*;
use crate::table::Op;

/// `index` and `index_put`; nothing where the examples must be taken one by one.
pub(super) fn call(op: &'static Op, args: &[Value], levels: &Levels) -> Result<Option<Value>> {
    let (Value::Tensor(input), Value::Tensors(indices)) = (&args[0], &args[1]) else { return Ok(None) };
    let k = levels.len();
    let mut moved = args.to_vec();
    let mut list: Vec<Option<Tensor>> = vec![None; k];
    if !indices.iter().flatten().any(Tensor::is_batched) {
        // The same places in all examples. A list that has no gap begins with a slice now, and has none still.
        if indices.first().is_some_and(Option::is_some) && gap(indices) {
            return Ok(None);
        }
        list.extend(indices.iter().cloned());
    } else {
        // The places are those of each example: their number is one more index.
        if indices.iter().flatten().any(|t| t.dtype() == DType::Bool) || indices.first().is_none_or(Option::is_none) && !gap(indices) {
            return Ok(None);
        }
        let ndim = indices.iter().flatten().map(Tensor::ndim).max().unwrap_or(0);
        for (i, size) in sizes_of(levels)?.iter().enumerate() {
            let mut shape = Dims::from_elem(1, k + ndim);
            shape[i] = *size;
            let numbers: Vec<i64> = (0..*size).collect();
            list[i] = Some(Tensor::from_slice(&numbers, &shape)?);
        }
        for index in indices {
            let Some(index) = index else {
                list.push(None);
                continue;
            };
            let mut p = index.clone();
            if index.is_batched() {
                p = aligned(index, levels)?;
                for _ in index.ndim()..ndim {
                    p = p.unsqueeze(k as i64)?;
                }
            }
            list.push(Some(p));
        }
    }
    moved[0] = Value::Tensor(full(input, levels)?);
    moved[1] = Value::Tensors(list);
    if let Some(Value::Tensor(values)) = args.get(2) {
        if values.is_batched() {
            let shape = written(input, indices)?;
            let mut p = aligned(values, levels)?;
            for _ in values.ndim()..shape.max(values.ndim()) {
                p = p.unsqueeze(k as i64)?;
            }
            moved[2] = Value::Tensor(p);
        }
    }
    let out = autograd::call(op, &moved)?;
    Ok(Some(match out {
        Value::Tensor(t) => Value::Tensor(wrap(t, levels)),
        other => wrap_all(&other, levels)?,
    }))
}

/// Whether a slice stands between index tensors.
fn gap(indices: &[Option<Tensor>]) -> bool {
    let first = indices.iter().position(Option::is_some).unwrap_or(0);
    let last = indices.iter().rposition(Option::is_some).unwrap_or(0);
    indices[first..=last.min(indices.len().saturating_sub(1))].iter().any(Option::is_none)
}

/// The number of dimensions of what is read or written.
fn written(input: &Tensor, indices: &[Option<Tensor>]) -> Result<usize> {
    let used: usize = indices.iter().flatten().map(|t| if t.dtype() == DType::Bool { t.ndim() } else { 1 }).sum();
    let wide = indices.iter().flatten().map(|t| if t.dtype() == DType::Bool { 1 } else { t.ndim() }).max().unwrap_or(0);
    Ok(input.ndim().saturating_sub(used) + wide)
}
