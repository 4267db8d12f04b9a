//! Writes in a batch: into the physical tensor, or example by example through views of it.

use super::{each, levels_in, levels_of, random, rules};
use crate::autograd;
use crate::error::{Error, Result};
use crate::kinds;
use crate::ops::prelude::*;
use crate::table::{How, Op};

/// Runs an op on batched tensors and leaves its result in the first.
pub(crate) fn call_in_place(op: &'static Op, args: &[Value]) -> Result {
    let Some(Value::Tensor(target)) = args.first() else {
        return Err(Error::type_error("in-place ops need a tensor to write to"));
    };
    if op.how == How::View {
        return crate::value::first(super::call(op, args)?);
    }
    if random::is_random(op) {
        random::fill(op, args, target)?;
        return Ok(target.clone());
    }
    let own = levels_of(std::iter::once(target));
    let elementwise = op.id != "masked_fill" && kinds::is_elementwise(op) || op.id == "copy";
    if !args.iter().flat_map(Value::tensors).all(|t| rules::within(t, &own)) {
        let what = if elementwise { "inplace arithmetic".to_string() } else { format!("{}_", op.name) };
        return Err(Error::runtime(format!(
            "vmap: {what}(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more \
             elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over in a vmap. \
             Please try to use out-of-place operators instead of {what}. If said operator is being called inside the PyTorch \
             framework, please file a bug report instead."
        )));
    }
    let fits = args.iter().flat_map(Value::tensors).all(|t| t.ndim() <= target.ndim());
    if elementwise && fits {
        let moved = rules::broadcast_ready(op, args, &own)?;
        let mut moved: Vec<Value> = moved;
        moved[0] = Value::Tensor(target.physical());
        autograd::call_in_place(op, &moved)?;
    } else {
        each::examples(args, &levels_in(args), |example| autograd::call_in_place(op, example).map(drop))?;
    }
    let physical = target.physical();
    target.0.meta.borrow_mut().requires_grad = physical.requires_grad();
    Ok(target.clone())
}
