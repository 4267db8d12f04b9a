//! What a tensor says of its place in the graph, and how it is changed from outside.

use super::node::{Node, OutMeta};
use crate::error::{Error, Result};
use crate::state;
use crate::tensor::Tensor;

impl Tensor {
    /// Whether gradients flow to it.
    #[inline]
    pub fn requires_grad(&self) -> bool {
        let meta = self.0.meta.borrow();
        meta.requires_grad || meta.grad_fn.is_some() || meta.view.as_ref().is_some_and(|v| v.base.requires_grad())
    }

    /// Not the result of a recorded op.
    pub fn is_leaf(&self) -> bool {
        !matches!(self.grad_fn(), Ok(Some(_)) | Err(_))
    }

    /// Which output of its `grad_fn` it is.
    pub fn output_nr(&self) -> usize {
        self.0.meta.borrow().grad_fn.as_ref().map_or(0, |(_, i)| *i)
    }

    /// The accumulated gradient.
    pub fn grad(&self) -> Option<Tensor> {
        self.0.meta.borrow().grad.clone()
    }

    /// Replaces the gradient.
    pub fn set_grad(&self, grad: Option<Tensor>) {
        let old = std::mem::replace(&mut self.0.meta.borrow_mut().grad, grad);
        drop(old);
    }

    /// Sets whether a leaf requires a gradient.
    pub fn set_requires_grad(&self, on: bool) -> Result<()> {
        if let Some(batch) = self.batch() {
            batch.physical.set_requires_grad(on)?;
            self.0.meta.borrow_mut().requires_grad = batch.physical.requires_grad();
            return Ok(());
        }
        if self.is_inference() && on && !state::inference_mode() {
            return Err(Error::runtime("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."));
        }
        if !self.is_leaf() {
            return if on {
                Ok(())
            } else {
                Err(Error::runtime(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable \
                     in a subgraph that doesn't require differentiation use var_no_grad = var.detach().",
                ))
            };
        }
        if on && !self.dtype().is_differentiable() {
            return Err(Error::runtime("only Tensors of floating point dtype can require gradients"));
        }
        self.0.meta.borrow_mut().requires_grad = on;
        Ok(())
    }

    /// Makes it a leaf that needs no gradient: `detach_`.
    pub fn detach_in_place(&self) -> Result<()> {
        if self.0.meta.borrow().view.is_some() {
            return Err(Error::runtime(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for \
                 training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence \
                 detach_() cannot be called on these gradients. To fix this error, please refer to the \
                 Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution.",
            ));
        }
        let mut meta = self.0.meta.borrow_mut();
        meta.requires_grad = false;
        let old = meta.grad_fn.take();
        drop(meta);
        drop(old);
        Ok(())
    }

    /// Whether its history has been run backward, so that using it would fail: then nothing is lost
    /// if `set_freed_history` stands for it.
    pub fn graph_is_freed(&self) -> bool {
        let grad_fn = self.0.meta.borrow().grad_fn.clone();
        grad_fn.is_some_and(|(node, _)| node.is_freed())
    }

    /// Gives it a history of which only the name is left: going backward is the error of a graph
    /// that has been freed.
    pub fn set_freed_history(&self, name: &str, output: usize) {
        let outputs = vec![OutMeta::of(self); output + 1];
        self.set_history(&Node::failing(name, Error::freed_graph(), &outputs), output);
    }
}
