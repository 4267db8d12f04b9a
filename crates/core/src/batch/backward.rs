//! Backward passes whose outputs, inputs or gradients are batched: the pass runs on physical tensors.

use super::{aligned, full, levels_of, sizes_of, wrap, Levels};
use crate::autograd::{self, Backward};
use crate::error::{Error, Result};
use crate::ops::prelude::*;

fn levels(t: &Tensor) -> Levels {
    levels_of(std::iter::once(t))
}

/// `autograd::backward` on batched tensors.
pub(crate) fn backward(roots: &[Tensor], grads: &[Option<Tensor>], ask: &Backward) -> Result<Vec<Option<Tensor>>> {
    let mut given = Vec::with_capacity(roots.len());
    for (i, root) in roots.iter().enumerate() {
        given.push(match grads.get(i).and_then(Option::as_ref) {
            Some(grad) => Some(beside(grad, &levels(root))?),
            None if !root.is_batched() => None,
            None if root.numel() != 1 => return Err(Error::not_scalar()),
            None => Some(Tensor::full(root.physical().sizes(), Scalar::Int(1), root.dtype())?),
        });
    }
    let roots: Vec<Tensor> = roots.iter().map(Tensor::physical).collect();
    let inputs: Option<Vec<Tensor>> = ask.inputs.map(|list| list.iter().map(Tensor::physical).collect());
    let below = Backward { inputs: inputs.as_deref(), ..*ask };
    let found = autograd::backward_below(&roots, &given, &below)?;
    let back = |(slope, input): (Option<Tensor>, &Tensor)| slope.map(|s| among(&s, &levels(input))).transpose();
    found.into_iter().zip(ask.inputs.unwrap_or_default()).map(back).collect()
}

/// A gradient of a tensor that varies over the levels `own`: those are dimensions of it, others stay hidden.
pub(crate) fn beside(grad: &Tensor, own: &Levels) -> Result {
    let mut all = levels(grad);
    all.extend(own.iter().copied());
    all.sort_unstable();
    all.dedup();
    let rest: Levels = all.iter().copied().filter(|l| !own.contains(l)).collect();
    let physical = full(grad, &all)?;
    // Hidden levels come first.
    let mut order: Dims = rest.iter().chain(own).map(|l| place(&all, *l)).collect();
    order.extend(all.len() as i64..physical.ndim() as i64);
    Ok(wrap(physical.permute(&order)?, &rest))
}

/// A gradient whose first dimensions are `own` levels, which are hidden again beside those that are.
pub(crate) fn among(slope: &Tensor, own: &Levels) -> Result {
    if own.is_empty() {
        return Ok(slope.clone());
    }
    let rest = levels(slope);
    let mut all: Levels = rest.iter().chain(own).copied().collect();
    all.sort_unstable();
    let physical = aligned(slope, &rest)?;
    let now: Vec<u32> = rest.iter().chain(own).copied().collect();
    let mut order: Dims = all.iter().map(|l| place(&now, *l)).collect();
    order.extend(all.len() as i64..physical.ndim() as i64);
    let physical = physical.permute(&order)?;
    debug_assert_eq!(physical.sizes()[..all.len()], sizes_of(&all)?[..]);
    Ok(wrap(physical, &all))
}

fn place(levels: &[u32], level: u32) -> i64 {
    levels.iter().position(|l| *l == level).unwrap_or(0) as i64
}
