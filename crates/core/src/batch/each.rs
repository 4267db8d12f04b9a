//! Ops without a rule: one example after the other, and the results stacked.

use super::{aligned, refuse, size_of, wrap};
use crate::autograd;
use crate::error::{Error, Result};
use crate::ops::prelude::*;
use crate::table::Op;

/// Calls `f` with the arguments of each example.
pub(super) fn examples(args: &[Value], levels: &[u32], mut f: impl FnMut(&[Value]) -> Result<()>) -> Result<()> {
    let sizes = levels.iter().map(|l| size_of(*l)).collect::<Result<Vec<_>>>()?;
    let physical = args.iter().map(|v| v.map_tensors(|t| if t.is_batched() { aligned(t, levels) } else { Ok(t.clone()) }));
    let physical = physical.collect::<Result<Vec<_>>>()?;
    let count: i64 = sizes.iter().product();
    for n in 0..count {
        let mut rest = n;
        let mut at: Vec<i64> = vec![0; sizes.len()];
        for (i, size) in sizes.iter().enumerate().rev() {
            at[i] = rest % size;
            rest /= size;
        }
        let mut example = Vec::with_capacity(args.len());
        for (value, given) in physical.iter().zip(args) {
            let mut batched = given.tensors().map(Tensor::is_batched);
            example.push(value.map_tensors(|t| {
                if !batched.next().unwrap_or(false) {
                    return Ok(t.clone());
                }
                at.iter().try_fold(t.clone(), |t, i| t.select(0i64, (*i).min(t.sizes()[0] - 1)))
            })?);
        }
        f(&example)?;
    }
    Ok(())
}

/// The op on each example.
pub(super) fn call(op: &'static Op, args: &[Value], levels: &[u32]) -> Result<Value> {
    refuse(op, args)?;
    let sizes = super::sizes_of(levels)?;
    let mut found: Vec<Value> = Vec::new();
    examples(args, levels, |example| {
        found.push(autograd::call(op, example)?);
        Ok(())
    })?;
    let Some(first) = found.first() else {
        return Err(Error::runtime(format!(
            "Batching rule not implemented for aten::{}. The fallback path does not support vmap over dims of size 0.", op.name
        )));
    };
    if !matches!(first, Value::Tensor(_) | Value::Tensors(_)) {
        return Err(Error::batched_item());
    }
    let mut columns: Vec<Vec<Tensor>> = first.tensors().map(|_| Vec::new()).collect();
    for value in &found {
        for (column, t) in columns.iter_mut().zip(value.tensors()) {
            column.push(t.clone());
        }
    }
    let mut stacked = columns.into_iter().map(|column| {
        let all = crate::ops::stack(column)?;
        let mut shape = sizes.clone();
        shape.extend(all.sizes()[1..].iter().copied());
        Ok(wrap(if levels.len() == 1 { all } else { all.view(&shape)? }, levels))
    });
    first.map_tensors(|_| stacked.next().unwrap_or_else(|| Err(Error::runtime("examples have different results"))))
}
