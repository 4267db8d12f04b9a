//! In-place ops: an ordinary op, a write, a version step, and the history moved on.

use super::mutation::before_write;
use super::node::{Edge, Node};
use super::views::{check_in_place, rebase};
use super::{anomaly, describe, forward, needs_record, record, record_outputs, Needs};
use crate::error::{Error, Result};
use crate::layout::{broadcast, Layout};
use crate::{profile, state};
use crate::table::{How, Op};
use crate::tensor::Tensor;
use crate::value::Value;
use std::rc::Rc;

/// Runs `op` and leaves its result in the first argument, which it returns; for a view (`t_`), or where
/// the sizes change, returns the tensor that takes the place of the first argument.
pub fn call_in_place(op: &'static Op, args: &[Value]) -> Result<Tensor> {
    let name = || super::aten(op) + "_";
    profile::timed(name, || super::inputs(args), || run(op, args)).map_err(|e| e.located(|| describe(op, args).replacen('(', "_(", 1)))
}

fn run(op: &'static Op, args: &[Value]) -> Result<Tensor> {
    let Some(Value::Tensor(target)) = args.first() else {
        return Err(Error::type_error("in-place ops need a tensor to write to"));
    };
    if state::transforming() && crate::batch::concerns(op, args) {
        return crate::batch::call_in_place(op, args);
    }
    if target.is_inference() && !state::inference_mode() {
        return Err(Error::inference_in_place());
    }
    // Some ops are no steps for autograd even where they write: the history stays.
    let unseen = op.how == How::Eval && op.is("writes");
    let recording = state::grad_enabled() && !unseen && (needs_record(op, args) || target.requires_grad());
    if recording {
        check_in_place(target)?;
    }
    if op.how == How::View {
        // A view writes nothing: who holds the target must hold the view instead.
        let view = super::first_of(super::call(op, args)?)?;
        if let Some((node, _)) = view.grad_fn()? {
            node.in_place.set(true);
        }
        return Ok(view);
    }
    check_overlap(target, args)?;
    before_write(target)?;
    if op.is("writes") {
        return super::first_of(super::call(op, args)?);
    }
    if op.how != How::Eval || state::transforming() && forward::concerns(args) {
        return compose(op, args, target, recording);
    }
    anomaly::enter(op, args);
    let result = super::first_of(op.evaluate(args)?)?;
    if op.is("resizes") && result.sizes() != target.sizes() {
        return if recording { super::first_of(super::call(op, args)?) } else { Ok(result) };
    }
    check_result(target, &result)?;
    if !recording {
        hand_over(target, result);
        return Ok(target.clone());
    }
    // What is saved is from before the write: the value written over, if a formula needs it, and
    // the versions of the others.
    let mut kept = args.to_vec();
    let reads = |r: &crate::table::Rule| r.saves.contains(&0) && args[r.wrt].requires_grad();
    if op.rules.iter().any(reads) {
        kept[0] = Value::Tensor(as_it_was(target)?);
    }
    let needs = Needs::of(op, args);
    let node = record(op, needs, &kept, std::slice::from_ref(target))?;
    node.in_place.set(true);
    hand_over(target, result);
    record_outputs(needs, &node, std::slice::from_ref(target))?;
    rebase(target, &node, 0)?;
    Ok(target.clone())
}

/// An op written in others runs on a copy, since they may save it; the result is written.
fn compose(op: &'static Op, args: &[Value], target: &Tensor, recording: bool) -> Result<Tensor> {
    let mut args = args.to_vec();
    if recording {
        args[0] = Value::Tensor(as_it_was(target)?);
    }
    let result = super::first_of(super::call(op, &args)?)?;
    check_result(target, &result)?;
    if !recording {
        store(target, &result);
        forward::write(target, &result)?;
        return Ok(target.clone());
    }
    let same = result.sizes() == target.sizes() && result.dtype() == target.dtype();
    match result.grad_fn()? {
        // The history of the result is that of the target, where the gradients are the same.
        Some((node, index)) if same && target.base().is_none() && !result.is(target) => {
            store(target, &result);
            rebase(target, &node, index)?;
            forward::write(target, &result)?;
        }
        _ => write_to(target, &result)?,
    }
    Ok(target.clone())
}

/// A copy of the value with its history.
fn as_it_was(t: &Tensor) -> Result {
    let copy = t.copied(t.dtype())?;
    if let Some(Edge { node, index }) = t.edge()? {
        copy.set_history(&node, index);
    }
    copy.take_tangents(t);
    Ok(copy)
}

/// Writes into memory that an index reaches twice, or that an operand shares, are undefined.
fn check_overlap(target: &Tensor, args: &[Value]) -> Result<()> {
    let l = target.layout();
    if l.sizes.iter().zip(&l.strides).any(|(n, s)| *n > 1 && *s == 0) {
        return Err(Error::runtime(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory location. \
             Please clone() the tensor before performing the operation.",
        ));
    }
    let shares = |t: &Tensor| !t.is(target) && t.shares_storage(target) && overlaps_partly(l, t.layout());
    if args[1..].iter().flat_map(Value::tensors).any(shares) {
        return Err(Error::runtime(
            "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory \
             location. Please clone() the tensor before performing the operation.",
        ));
    }
    Ok(())
}

/// Whether two dense layouts share some memory, but not element by element.
fn overlaps_partly(a: &Layout, b: &Layout) -> bool {
    if a.numel() == 0 || b.numel() == 0 || !a.is_dense() || !b.is_dense() {
        return false;
    }
    let (from, to) = ((a.offset, a.offset + a.numel() as i64), (b.offset, b.offset + b.numel() as i64));
    if from == to { a.strides != b.strides } else { from.0 < to.1 && to.0 < from.1 }
}

fn check_result(target: &Tensor, result: &Tensor) -> Result<()> {
    check_shape(target, result)?;
    if crate::dtype::can_cast(result.dtype(), target.dtype()) {
        Ok(())
    } else {
        Err(Error::cast(result.dtype(), target.dtype()))
    }
}

fn check_shape(target: &Tensor, result: &Tensor) -> Result<()> {
    if result.sizes() == target.sizes() {
        return Ok(());
    }
    let all = broadcast(target.sizes(), result.sizes())?;
    if all[..] == *target.sizes() {
        return Ok(());
    }
    Err(Error::runtime(format!(
        "output with shape {:?} doesn't match the broadcast shape {:?}", target.sizes(), all.as_slice()
    )))
}

/// Whether a tensor is the whole of its storage, row-major.
fn is_whole(t: &Tensor) -> bool {
    let bytes = t.numel() * t.dtype().itemsize();
    t.layout().offset == 0 && t.is_contiguous() && t.0.storage.bytes() == bytes
}

/// Whether a result that nobody else holds can give its memory to the target for the target's own.
fn can_give(target: &Tensor, result: &Tensor) -> bool {
    Rc::strong_count(&result.0) == 1
        && Rc::strong_count(&result.0.storage) == 1
        && result.dtype() == target.dtype()
        && result.sizes() == target.sizes()
        && is_whole(target)
        && is_whole(result)
}

/// `store` of what was computed for it: memory changes hands where it can.
fn hand_over(target: &Tensor, result: Tensor) {
    if can_give(target, &result) && target.0.storage.exchange(&result.0.storage) {
        target.bump_version();
    } else {
        store(target, &result);
    }
}

/// Writes the values and counts the write.
pub(crate) fn store(target: &Tensor, result: &Tensor) {
    let expanded = result.layout().expand(target.sizes());
    let source = match expanded {
        Some(layout) => result.alias(layout),
        None => result.clone(),
    };
    if !source.shares_storage(target) {
        crate::kernels::copy::copy(&source, target);
    } else if source.layout() != target.layout() {
        if let Ok(copy) = source.copied(source.dtype()) {
            crate::kernels::copy::copy(&copy, target);
        }
    }
    target.bump_version();
}

/// Makes `target` hold what `value` holds, in its own dtype: `copy_`.
pub fn write_to(target: &Tensor, value: &Tensor) -> Result<()> {
    if state::transforming() && (target.is_batched() || value.is_batched()) {
        let args = [Value::Tensor(target.clone()), Value::Tensor(value.clone()), Value::None];
        return crate::batch::call_in_place(crate::ops::copy_op(), &args).map(drop);
    }
    if target.is_inference() && !state::inference_mode() {
        return Err(Error::inference_in_place());
    }
    let recording = state::grad_enabled() && (value.requires_grad() || target.requires_grad());
    if recording {
        check_in_place(target)?;
    }
    let args = [Value::Tensor(target.clone()), Value::Tensor(value.clone()), Value::None];
    check_overlap(target, &args)?;
    check_shape(target, value)?;
    before_write(target)?;
    if !recording {
        store(target, value);
        return forward::write(target, value);
    }
    let op = crate::ops::copy_op();
    let node: Rc<Node> = record(op, Needs::of(op, &args), &args, std::slice::from_ref(target))?;
    store(target, value);
    rebase(target, &node, 0)?;
    forward::write(target, value)
}
