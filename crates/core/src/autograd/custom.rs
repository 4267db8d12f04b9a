//! Functions from outside the table: `torch.autograd.Function`.

use super::node::{bury, Edges, Job, Node, OutMeta};
use super::saved::{Saved, SavedTensor};
use super::views::{rebase, Creation};
use crate::error::{Error, Result};
use crate::state;
use crate::table::Grads;
use crate::tensor::Tensor;
use std::cell::RefCell;
use std::rc::Rc;

/// A backward function from outside the table.
pub trait Custom {
    /// Its name as `grad_fn` prints it: that of the class, then `Backward`.
    fn name(&self) -> String;
    /// The key of a function from outside that runs it, if one does.
    fn key(&self) -> Option<u32> {
        None
    }
    /// The gradients of its arguments, tensors or not, from those of its outputs; `node` tells what
    /// was saved.
    fn backward(&self, node: &Rc<Node>, grads: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>>;
}

/// A call of such a function, after its forward has run with gradients off.
#[derive(Default)]
pub struct Forward<'a> {
    /// The arguments by position; those that are no tensors are `None`.
    pub inputs: &'a [Option<Tensor>],
    /// The results that are tensors.
    pub outputs: &'a [Tensor],
    /// `ctx.mark_non_differentiable`.
    pub non_differentiable: &'a [Tensor],
    /// `ctx.mark_dirty`.
    pub dirty: &'a [Tensor],
    /// `ctx.save_for_backward`.
    pub saved: &'a [Option<Tensor>],
    /// `ctx.set_materialize_grads`: whether missing gradients come as zeros.
    pub materialize: bool,
}

/// A node that runs such a function.
pub struct CustomJob {
    /// The function.
    pub function: Box<dyn Custom>,
    /// Which arguments are tensors.
    tensors: Vec<bool>,
    materialize: bool,
    pub(super) saved: RefCell<Option<Box<Saved>>>,
}

impl CustomJob {
    pub(super) fn is_freed(&self) -> bool {
        self.saved.borrow().is_none()
    }

    pub(super) fn run(&self, node: &Rc<Node>, grads: &[Option<Tensor>], keep: bool) -> Result<Grads> {
        let mut grads: Vec<Option<Tensor>> = grads.to_vec();
        if self.materialize {
            for (grad, meta) in grads.iter_mut().zip(&node.outputs) {
                if grad.is_none() && meta.dtype.is_differentiable() {
                    *grad = Some(Tensor::zeros(&meta.sizes, meta.dtype)?);
                }
            }
        }
        let mut slopes = self.function.backward(node, &grads)?;
        // Those that saved nothing may run again.
        let held = self.saved.borrow().as_ref().is_some_and(|s| s.holds);
        if !keep && held {
            bury(Edges::new(), self.saved.take());
        }
        let (expected, name) = (self.tensors.len(), node.name());
        if slopes.len() > expected && slopes[expected..].iter().all(Option::is_none) {
            slopes.truncate(expected);
        }
        if slopes.len() != expected {
            return Err(Error::runtime(format!(
                "function {name} returned an incorrect number of gradients (expected {expected}, got {})",
                slopes.len()
            )));
        }
        let mut out = Grads::new();
        for (i, (slope, is_tensor)) in slopes.into_iter().zip(&self.tensors).enumerate() {
            if *is_tensor {
                out.push(slope);
            } else if slope.is_some() {
                return Err(Error::runtime(format!(
                    "function {name} returned a gradient different than None at position {}, but the corresponding \
                     forward input was not a Variable",
                    i + 1
                )));
            }
        }
        Ok(out)
    }
}

impl Node {
    /// What `ctx.save_for_backward` kept, as part of the graph: `ctx.saved_tensors`.
    pub fn saved_tensors(self: &Rc<Node>) -> Result<Vec<Option<Tensor>>> {
        let Job::Custom(job) = &self.job else { return Ok(Vec::new()) };
        let saved = job.saved.borrow();
        let saved = saved.as_ref().ok_or_else(Error::freed_graph)?;
        saved.outs.iter().map(|s| s.as_ref().map(|s| s.unpack(Some(self))).transpose()).collect()
    }
}

fn among(list: &[Tensor], t: &Tensor) -> bool {
    list.iter().any(|other| other.is(t))
}

/// Records a call of a function; the tensors to return are its outputs, or views of those that are
/// inputs. Without gradients there is no node.
pub fn record_custom(function: Box<dyn Custom>, call: &Forward) -> Result<(Vec<Tensor>, Option<Rc<Node>>)> {
    let inputs = || call.inputs.iter().flatten();
    let recorded = state::grad_enabled() && inputs().any(Tensor::requires_grad);
    let is_input = |t: &Tensor| inputs().any(|i| i.is(t));
    let viewed = |t: &Tensor| -> Result { state::with_grad(false, || crate::ops::alias(t)) };
    if !recorded {
        let out = |t: &Tensor| if is_input(t) && !among(call.dirty, t) { viewed(t) } else { Ok(t.clone()) };
        return Ok((call.outputs.iter().map(out).collect::<Result<_>>()?, None));
    }
    for t in call.dirty {
        if t.requires_grad() && t.is_leaf() {
            return Err(Error::runtime("a leaf Variable that requires grad has been used in an in-place operation."));
        }
    }
    let edges: Edges = inputs().map(Tensor::edge).collect::<Result<_>>()?;
    let job = CustomJob {
        function,
        tensors: call.inputs.iter().map(Option::is_some).collect(),
        materialize: call.materialize,
        saved: RefCell::default(),
    };
    let node = Node::new(Job::Custom(job), edges, call.outputs.iter().map(OutMeta::of));
    let mut results = Vec::with_capacity(call.outputs.len());
    for (i, t) in call.outputs.iter().enumerate() {
        let differentiable = t.dtype().is_differentiable() && !among(call.non_differentiable, t);
        let dirty = among(call.dirty, t);
        let out = if is_input(t) && !dirty { viewed(t)? } else { t.clone() };
        if dirty && differentiable {
            rebase(&out, &node, i)?;
        } else if differentiable {
            out.set_history(&node, i);
        }
        if !dirty {
            out.set_creation(Creation::Custom);
        }
        results.push(out);
    }
    if let Job::Custom(job) = &node.job {
        let save = |t: &Option<Tensor>| -> Result<Option<SavedTensor>> {
            let Some(t) = t else { return Ok(None) };
            let output = call.outputs.iter().zip(&results).position(|(o, r)| r.is(t) || (o.is(t) && !is_input(t)));
            SavedTensor::new(t, output).map(Some)
        };
        let mut saved = Box::new(Saved::default());
        saved.outs = call.saved.iter().map(save).collect::<Result<_>>()?;
        saved.holds = !call.saved.is_empty();
        job.saved.replace(Some(saved));
    }
    Ok((results, Some(node)))
}

/// The same data with a history that ends in a node of this name, which raises the error: what must not
/// be differentiated again.
pub fn undifferentiable(list: &[Tensor], name: &str, error: Error) -> Vec<Tensor> {
    let metas: Vec<OutMeta> = list.iter().map(OutMeta::of).collect();
    let node = Node::failing(name, error, &metas);
    let ended = |(i, t): (usize, &Tensor)| {
        let t = t.detached();
        t.set_history(&node, i);
        t
    };
    list.iter().enumerate().map(ended).collect()
}
