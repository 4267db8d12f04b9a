//! Views in the graph: what a write to a base or to one of its views means for the others.

use super::copy_slices::CopySlices;
use super::node::{Edge, Edges, Job, Node, OutMeta};
use super::{record, Needs};
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::state;
use crate::tensor::{Scalar, Tensor};
use crate::value::Value;
use smallvec::smallvec;
use std::rc::Rc;

/// Where a view was made, if that forbids to write to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Creation {
    /// Nothing does.
    #[default]
    Plain,
    /// By an op that makes several.
    Several,
    /// With gradients off.
    NoGrad,
    /// In inference mode.
    Inference,
    /// In a function from outside the table.
    Custom,
}

/// What makes a tensor a view.
pub struct View {
    /// What it is a view of, itself no view.
    pub base: Tensor,
    /// The version at which its history was right.
    pub(super) version: u32,
    pub(super) creation: Creation,
}

/// Makes the results of a view op views of the base of its input.
pub(super) fn make_views(input: &Tensor, outs: &[&Tensor], several: bool) {
    if input.is_inference() {
        return;
    }
    let (base, above) = match &input.0.meta.borrow().view {
        Some(view) => (view.base.clone(), view.creation),
        None => (input.clone(), Creation::Plain),
    };
    let here = if state::inference_mode() {
        Creation::Inference
    } else if !state::grad_enabled() {
        Creation::NoGrad
    } else if several {
        Creation::Several
    } else {
        Creation::Plain
    };
    let creation = if here == Creation::Plain { above } else { here };
    for out in outs {
        if !out.is(input) {
            let view = View { base: base.clone(), version: out.version(), creation };
            out.0.meta.borrow_mut().view = Some(Box::new(view));
        }
    }
}

/// Refuses a write to a view, or the use of a view after a write to its base (`indirect`), where
/// gradients would be wrong.
fn refuse(t: &Tensor, creation: Creation, indirect: bool) -> Result<()> {
    let modified = if indirect { "its base or another view of its base has been" } else { "is being" };
    let meta = t.0.meta.borrow();
    let maker = meta.grad_fn.as_ref().map(|(node, i)| format!("Output {i} of {}", node.forward_name()));
    let outside = match creation {
        Creation::Plain => return Ok(()),
        Creation::Inference => Some(("inference mode", "in normal mode")),
        _ if creation == Creation::NoGrad || maker.is_none() => Some(("no_grad mode", "with grad mode enabled")),
        _ => None,
    };
    let head = match (outside, maker) {
        (Some((mode, now)), Some(maker)) => {
            format!("{maker} is a view of a view which was created in {mode} and {modified} modified inplace {now}.")
        }
        (Some((mode, now)), None) => format!("A view was created in {mode} and {modified} modified inplace {now}."),
        (None, maker) => format!("{} is a view and {modified} modified inplace.", maker.unwrap_or_default()),
    };
    Err(Error::runtime(head + match creation {
        Creation::Several => {
            " This view is the output of a function that returns multiple views. Such functions do not allow the output \
             views to be modified inplace. You should replace the inplace operation by an out-of-place one."
        }
        Creation::Inference => {
            " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving \
             both the view and the inplace either both inside the inference_mode block (if you don't want the inplace to \
             be tracked) or both outside (if you want the inplace to be tracked)."
        }
        Creation::Custom => {
            " This view was created inside a custom Function (or because an input was returned as-is) and the autograd \
             logic to handle view+inplace would override the custom backward associated with the custom Function, \
             leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the \
             custom Function."
        }
        Creation::NoGrad | Creation::Plain => {
            " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving \
             both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be \
             tracked) or both outside (if you want the inplace to be tracked)."
        }
    }))
}

/// Checks a write that is to be recorded.
pub(super) fn check_in_place(t: &Tensor) -> Result<()> {
    let view = t.0.meta.borrow().view.as_ref().map(|v| (v.base.clone(), v.creation));
    if let Some((base, creation)) = view {
        refuse(t, creation, false)?;
        if base.requires_grad() && base.is_leaf() {
            return Err(Error::leaf_view_in_place());
        }
    }
    if t.requires_grad() && t.is_leaf() {
        return Err(Error::leaf_in_place());
    }
    Ok(())
}

/// Twice the elements, each half as large.
fn halved(l: &Layout) -> Layout {
    let mut l = l.clone();
    l.strides.iter_mut().for_each(|s| *s *= 2);
    l.sizes.push(2);
    l.strides.push(1);
    l.offset *= 2;
    l
}

fn restrided(base: &Tensor, l: &Layout) -> Result {
    crate::ops::as_strided(base, l)
}

/// The view of `base` with this layout over its memory, whose dtype may be that of real parts.
pub(super) fn replay(base: &Tensor, like: &Tensor) -> Result {
    match (base.dtype().is_complex(), like.dtype().is_complex()) {
        (true, false) => restrided(&crate::ops::view_as_real(base)?, like.layout()),
        (false, true) => crate::ops::view_as_complex(&restrided(base, &halved(like.layout()))?),
        _ => restrided(base, like.layout()),
    }
}

/// Gives `t` the history of output `index` of `node`, which wrote to it; through its base, if it is
/// a view.
pub(super) fn rebase(t: &Tensor, node: &Rc<Node>, index: usize) -> Result<()> {
    let base = t.0.meta.borrow().view.as_ref().map(|v| v.base.clone());
    let Some(base) = base else {
        let old = t.0.meta.borrow_mut().grad_fn.take();
        t.move_hooks(old.as_ref().map(|o| &o.0), node, index);
        t.set_history(node, index);
        return Ok(());
    };
    // What led to the view leads to the base, unless the op has no gradient for what it overwrites.
    let own = !matches!(&node.job, Job::Op(op, _) if op.rules.first().is_none_or(|r| r.wrt != 0));
    let mut edges: Edges = smallvec![base.edge()?];
    edges.extend(node.edges.iter().skip(usize::from(own)).cloned());
    let job = CopySlices::new(node.clone(), own, &base, t);
    let slices = Node::new(Job::CopySlices(Box::new(job)), edges, [OutMeta::of(&base)]);
    let old = base.0.meta.borrow_mut().grad_fn.take();
    base.move_hooks(old.as_ref().map(|o| &o.0), &slices, 0);
    base.set_history(&slices, 0);
    // The view's own history is that of the base now.
    if let Some(view) = &mut t.0.meta.borrow_mut().view {
        view.version = base.version().wrapping_sub(1);
    }
    t.refresh_view()
}

impl Tensor {
    /// Makes it output `index` of `node`.
    pub(super) fn set_history(&self, node: &Rc<Node>, index: usize) {
        let mut meta = self.0.meta.borrow_mut();
        meta.requires_grad = false;
        let old = meta.grad_fn.replace((node.clone(), index));
        drop(meta);
        drop(old);
    }

    pub(super) fn set_creation(&self, creation: Creation) {
        if let Some(view) = &mut self.0.meta.borrow_mut().view {
            view.creation = creation;
        }
    }

    /// What it is a view of: `_base`.
    pub fn base(&self) -> Option<Tensor> {
        self.0.meta.borrow().view.as_ref().map(|v| v.base.clone())
    }

    /// A view whose base was written since: its history is that of the base now.
    pub(super) fn refresh_view(&self) -> Result<()> {
        let (base, creation) = match &self.0.meta.borrow().view {
            Some(view) if view.version != view.base.version() => (view.base.clone(), view.creation),
            _ => return Ok(()),
        };
        if !base.requires_grad() && self.0.meta.borrow().grad_fn.is_none() {
            return Ok(());
        }
        refuse(self, creation, true)?;
        let fresh = if base.dtype() == self.dtype() {
            let l = self.layout();
            let args = [
                Value::Tensor(base.clone()),
                Value::Ints(l.sizes.clone()),
                Value::Ints(l.strides.clone()),
                Value::Scalar(Scalar::Int(l.offset)),
            ];
            let op = crate::ops::as_strided_op();
            Some((record(op, Needs::of(op, &args), &args, std::slice::from_ref(self))?, 0))
        } else {
            state::with_grad(true, || replay(&base, self))?.0.meta.borrow_mut().grad_fn.take()
        };
        let old = self.0.meta.borrow_mut().grad_fn.take();
        if let Some((node, index)) = fresh {
            self.move_hooks(old.as_ref().map(|o| &o.0), &node, index);
            self.set_history(&node, index);
        }
        if let Some(view) = &mut self.0.meta.borrow_mut().view {
            view.version = base.version();
        }
        Ok(())
    }

    /// Where its gradient goes, if it needs one. The leaf's own node is made here.
    pub fn edge(&self) -> Result<Option<Edge>> {
        let mut meta = self.0.meta.borrow_mut();
        if meta.view.is_some() {
            drop(meta);
            self.refresh_view()?;
            meta = self.0.meta.borrow_mut();
        }
        if let Some((node, index)) = &meta.grad_fn {
            return Ok(Some(Edge { node: node.clone(), index: *index }));
        }
        if !meta.requires_grad {
            return Ok(None);
        }
        if let Some(node) = meta.accumulate.upgrade() {
            return Ok(Some(Edge { node, index: 0 }));
        }
        let node = Node::new(Job::Accumulate(self.clone()), smallvec![], [OutMeta::of(self)]);
        meta.accumulate = Rc::downgrade(&node);
        Ok(Some(Edge { node, index: 0 }))
    }

    /// The node that made it, and which of its outputs it is.
    pub fn grad_fn(&self) -> Result<Option<(Rc<Node>, usize)>> {
        if let Some(batch) = self.batch() {
            return batch.physical.grad_fn();
        }
        self.refresh_view()?;
        Ok(self.0.meta.borrow().grad_fn.clone())
    }
}
