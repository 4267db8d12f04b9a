//! In-place ops: an ordinary op, a write, a version step, and the history moved on; and what a
//! write to a view means for its base and for the other views.

use super::{attach, describe, needs_record, record, Edge, Job, Node, OutMeta};
use crate::error::{Error, Result};
use crate::layout::broadcast;
use crate::state;
use crate::table::{How, Op};
use crate::tensor::Tensor;
use crate::value::Value;
use smallvec::SmallVec;
use std::rc::Rc;

/// Runs `op` and leaves its result in the first argument, which it returns; for a view (`t_`), returns
/// the tensor that takes the place of the first argument.
pub fn call_in_place(op: &'static Op, args: &[Value]) -> Result<Tensor> {
    run(op, args).map_err(|e| e.located(|| describe(op, args).replacen('(', "_(", 1)))
}

fn run(op: &'static Op, args: &[Value]) -> Result<Tensor> {
    let Some(Value::Tensor(target)) = args.first() else {
        return Err(Error::type_error("in-place ops need a tensor to write to"));
    };
    let recording = state::grad_enabled() && args.iter().flat_map(Value::tensors).any(Tensor::requires_grad);
    check_leaf(target)?;
    if op.is("writes") || op.how == How::View {
        // A view writes nothing: who holds the target must hold the view instead.
        return super::first_of(super::call(op, args)?);
    }
    if op.how != How::Eval {
        // The ops that it is written in may save the value from before the write.
        let mut args: Vec<Value> = args.to_vec();
        if recording {
            let edge = target.edge();
            args[0] = Value::Tensor(match edge {
                Some(Edge { node, index }) => with_history(target.copied(target.dtype())?, node, index),
                None => target.copied(target.dtype())?,
            });
        }
        let result = super::first_of(super::call(op, &args)?)?;
        return write_to(target, &result).map(|()| target.clone());
    }
    let recording = recording && needs_record(op, args);
    // The value before the write, if a formula needs it.
    let named = op.rules.iter().any(|r| r.saves.contains(&0));
    let original = if recording && named {
        let copy = target.copied(target.dtype())?;
        Some(match target.edge() {
            Some(Edge { node, index }) => with_history(copy, node, index),
            None => copy,
        })
    } else {
        None
    };
    let result = super::first_of((op.eval)(args)?)?;
    check_result(target, &result)?;
    if !recording {
        store(target, &result);
        // Nothing that needs a gradient was involved, or gradients are off: the history stays.
        if state::grad_enabled() && target.requires_grad() {
            // The new value does not depend on anything differentiable, yet neither on the old.
            return Ok(target.clone());
        }
        return Ok(target.clone());
    }
    // Edges are those from before the write.
    let view = view_base(target);
    let base_edge = view.as_ref().and_then(Tensor::edge);
    store(target, &result);
    let out = target.detached();
    let node = record(op, args, std::slice::from_ref(&out), original.as_ref());
    attach(&node, std::slice::from_ref(&out));
    move_history(target, &out, base_edge);
    Ok(target.clone())
}

fn with_history(t: Tensor, node: Rc<Node>, index: usize) -> Tensor {
    match &node.job {
        Job::Accumulate(leaf) => leaf.clone(),
        _ => {
            t.0.meta.borrow_mut().grad_fn = Some((node, index));
            t
        }
    }
}

/// The base of a view, unless it was made without gradients.
fn view_base(t: &Tensor) -> Option<Tensor> {
    t.0.meta.borrow().base.clone()
}

fn check_leaf(target: &Tensor) -> Result<()> {
    if !state::grad_enabled() {
        return Ok(());
    }
    if target.requires_grad() && target.is_leaf() {
        return Err(Error::leaf_in_place());
    }
    if let Some(base) = view_base(target) {
        if base.requires_grad() && base.is_leaf() {
            return Err(Error::leaf_view_in_place());
        }
    }
    Ok(())
}

fn check_result(target: &Tensor, result: &Tensor) -> Result<()> {
    if !crate::dtype::can_cast(result.dtype(), target.dtype()) {
        return Err(Error::cast(result.dtype(), target.dtype()));
    }
    if result.sizes() != target.sizes() {
        let all = broadcast(target.sizes(), result.sizes())?;
        if all[..] != *target.sizes() {
            return Err(Error::runtime(format!(
                "output with shape {:?} doesn't match the broadcast shape {:?}",
                target.sizes(),
                all.as_slice()
            )));
        }
    }
    let l = target.layout();
    if l.sizes.iter().zip(&l.strides).any(|(n, s)| *n > 1 && *s == 0) {
        return Err(Error::runtime(
            "unsupported operation: more than one element of the written-to tensor refers to a \
             single memory location. Please clone() the tensor before performing the operation.",
        ));
    }
    Ok(())
}

/// Writes the values and counts the write.
fn store(target: &Tensor, result: &Tensor) {
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

/// Makes `target` hold what `value` holds, with its history: the end of every in-place op.
pub fn write_to(target: &Tensor, value: &Tensor) -> Result<()> {
    check_leaf(target)?;
    check_result(target, value)?;
    let recording = state::grad_enabled() && (value.requires_grad() || target.requires_grad());
    if !recording {
        store(target, value);
        return Ok(());
    }
    let base_edge = view_base(target).as_ref().and_then(Tensor::edge);
    let fitted = crate::ops::copy(target, value)?;
    store(target, &fitted);
    move_history(target, &fitted, base_edge);
    Ok(())
}

/// Gives `target` the history of `out`; through the base, if it is a view.
fn move_history(target: &Tensor, out: &Tensor, base_edge: Option<Edge>) {
    let (fresh, base) = {
        let meta = out.0.meta.borrow();
        (meta.grad_fn.clone(), view_base(target))
    };
    let Some(base) = base else {
        let mut meta = target.0.meta.borrow_mut();
        meta.grad_fn = fresh;
        meta.requires_grad = false;
        return;
    };
    // The base is now itself with the view's region replaced.
    let layout = target.layout();
    let args = [
        Value::Tensor(base.clone()),
        Value::Tensor(out.clone()),
        Value::Ints(layout.sizes.clone()),
        Value::Ints(layout.strides.clone()),
        Value::Scalar(crate::tensor::Scalar::Int(layout.offset)),
    ];
    let op = crate::ops::copy_slices();
    let node = record(op, &args, std::slice::from_ref(&base), None);
    node.edges.borrow_mut()[0] = base_edge;
    {
        let mut meta = base.0.meta.borrow_mut();
        meta.grad_fn = Some((node, 0));
        meta.requires_grad = false;
    }
    // Its own history is made anew when somebody asks.
    let mut meta = target.0.meta.borrow_mut();
    meta.grad_fn = None;
    meta.base_version = u32::MAX;
}

impl Tensor {
    /// A view whose base was written since: its history is that of the base now.
    pub(super) fn refresh_view(&self) {
        let base = {
            let meta = self.0.meta.borrow();
            match &meta.base {
                Some(base) if meta.base_version != base.version() => base.clone(),
                _ => return,
            }
        };
        let edge = base.edge();
        let mut meta = self.0.meta.borrow_mut();
        meta.base_version = base.version();
        // Only a base with a new history changes the view's; a plain leaf keeps it.
        let Some(edge) = edge.filter(|e| !matches!(e.node.job, Job::Accumulate(_))) else { return };
        drop(meta);
        let l = self.layout();
        let args = [
            Value::Tensor(base),
            Value::Ints(l.sizes.clone()),
            Value::Ints(l.strides.clone()),
            Value::Scalar(crate::tensor::Scalar::Int(l.offset)),
        ];
        let node = record(crate::ops::as_strided_op(), &args, std::slice::from_ref(self), None);
        let _: &SmallVec<[OutMeta; 1]> = &node.outputs;
        node.edges.borrow_mut()[0] = Some(edge);
        meta = self.0.meta.borrow_mut();
        meta.grad_fn = Some((node, 0));
    }
}
