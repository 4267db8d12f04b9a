//! `backward` and `grad`: what the caller gives is checked and made complete, then a pass runs.

use super::node::Edge;
use super::engine;
use crate::batch::{self, Randomness};
use crate::error::{Error, Result};
use crate::state;
use crate::tensor::{Scalar, Tensor};
use smallvec::SmallVec;

/// What a pass is asked to do.
#[derive(Default)]
pub struct Backward<'a> {
    /// Keep saved tensors for another pass.
    pub retain_graph: bool,
    /// Record the pass itself.
    pub create_graph: bool,
    /// Only these inputs, if given.
    pub inputs: Option<&'a [Tensor]>,
    /// Add to the `grad` of inputs rather than return.
    pub accumulate: bool,
}

/// What `torch.autograd.grad` is asked to do besides.
#[derive(Default)]
pub struct Grad {
    /// Keep saved tensors for another pass.
    pub retain_graph: bool,
    /// Record the pass itself.
    pub create_graph: bool,
    /// Whether an input may be unused; not if unsaid, unless `materialize_grads`.
    pub allow_unused: Option<bool>,
    /// Zeros for inputs that are unused.
    pub materialize_grads: bool,
    /// The first dimension of the gradients given counts passes.
    pub batched: bool,
}

/// A gradient given by the caller, checked against its output; ones for a scalar where it gave none.
fn root_grad(index: usize, root: &Tensor, given: Option<&Tensor>) -> Result {
    let Some(grad) = given else {
        if root.numel() != 1 {
            return Err(Error::not_scalar());
        }
        if root.dtype().is_complex() {
            return Err(Error::runtime(format!(
                "grad can be implicitly created only for real scalar outputs but got torch.{}",
                root.dtype().name()
            )));
        }
        return Tensor::full(root.sizes(), Scalar::Int(1), root.dtype());
    };
    if grad.sizes() != root.sizes() {
        return Err(Error::runtime(format!(
            "Mismatch in shape: grad_output[{index}] has a shape of torch.Size({:?}) and output[{index}] has a shape of \
             torch.Size({:?}).",
            grad.sizes(),
            root.sizes()
        )));
    }
    if grad.dtype().is_complex() != root.dtype().is_complex() {
        return Err(Error::runtime(format!(
            "For complex Tensors, both grad_output and output are required to have the same dtype. Mismatch in dtype: \
             grad_output[{index}] has a dtype of torch.{} and output[{index}] has a dtype of torch.{}.",
            grad.dtype().name(),
            root.dtype().name()
        )));
    }
    Ok(grad.clone())
}

/// Runs a pass from `roots`, any of which may be batched; returns the gradients of `inputs`, one for each, or adds to `grad`.
pub fn backward(roots: &[Tensor], grads: &[Option<Tensor>], ask: &Backward) -> Result<Vec<Option<Tensor>>> {
    let all = || roots.iter().chain(grads.iter().flatten()).chain(ask.inputs.unwrap_or_default());
    if state::transforming() && all().any(Tensor::is_batched) {
        return crate::batch::backward(roots, grads, ask);
    }
    backward_below(roots, grads, ask)
}

/// The same on tensors of which, gradients aside, none is batched.
pub(crate) fn backward_below(roots: &[Tensor], grads: &[Option<Tensor>], ask: &Backward) -> Result<Vec<Option<Tensor>>> {
    if !grads.is_empty() && grads.len() != roots.len() {
        return Err(Error::runtime(format!("got {} tensors and {} gradients", roots.len(), grads.len())));
    }
    if ask.inputs.is_some_and(<[Tensor]>::is_empty) {
        let name = if ask.accumulate { "backward" } else { "grad" };
        return Err(Error::runtime(format!("`inputs` argument to `{name}()` cannot be empty.")));
    }
    let mut starts: SmallVec<[Option<Tensor>; 1]> = SmallVec::with_capacity(roots.len());
    for (i, root) in roots.iter().enumerate() {
        let given = grads.get(i).and_then(Option::as_ref);
        // Only one that needs a gradient must be a scalar: the others fail below.
        starts.push(if given.is_some() || root.requires_grad() { Some(root_grad(i, root, given)?) } else { None });
    }
    let edge = |(i, (root, grad)): (usize, (&Tensor, Option<Tensor>))| -> Result<(Edge, Tensor)> {
        root.edge()?.zip(grad).ok_or_else(|| Error::no_grad_fn(i))
    };
    let starts = roots.iter().zip(starts).enumerate().map(edge).collect::<Result<SmallVec<[(Edge, Tensor); 1]>>>()?;
    let targets = match ask.inputs {
        None => None,
        Some(inputs) => Some(targets(inputs, ask.accumulate)?),
    };
    state::with_grad(ask.create_graph, || engine::run(&starts, targets.as_deref(), ask))
}

fn targets(inputs: &[Tensor], accumulate: bool) -> Result<Vec<Option<Edge>>> {
    let target = |t: &Tensor| -> Result<Option<Edge>> {
        if accumulate {
            t.retain_grad()?;
        }
        if !t.requires_grad() {
            return Err(Error::runtime("One of the differentiated Tensors does not require grad"));
        }
        t.edge()
    };
    inputs.iter().map(target).collect()
}

/// The gradients of `outputs` with respect to `inputs`: `torch.autograd.grad`.
pub fn grad(outputs: &[Tensor], inputs: &[Tensor], grads: &[Option<Tensor>], ask: &Grad) -> Result<Vec<Option<Tensor>>> {
    if ask.materialize_grads && ask.allow_unused == Some(false) {
        return Err(Error::value(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: allow_unused=False.",
        ));
    }
    let found = if ask.batched {
        batched(outputs, inputs, grads, ask)?
    } else {
        backward(outputs, grads, &pass(inputs, ask))?
    };
    if !ask.materialize_grads {
        return match found.iter().position(Option::is_none) {
            Some(i) if ask.allow_unused != Some(true) => Err(Error::unused_input(i)),
            _ => Ok(found),
        };
    }
    let zeros = |(grad, input): (Option<Tensor>, &Tensor)| match grad {
        Some(grad) => Ok(Some(grad)),
        None => {
            let zeros = Tensor::zeros(input.sizes(), input.dtype())?;
            zeros.set_requires_grad(ask.create_graph)?;
            Ok(Some(zeros))
        }
    };
    found.into_iter().zip(inputs).map(zeros).collect()
}

fn pass<'a>(inputs: &'a [Tensor], ask: &Grad) -> Backward<'a> {
    Backward { retain_graph: ask.retain_graph, create_graph: ask.create_graph, inputs: Some(inputs), accumulate: false }
}

/// One pass for all rows of the gradients given.
fn batched(outputs: &[Tensor], inputs: &[Tensor], grads: &[Option<Tensor>], ask: &Grad) -> Result<Vec<Option<Tensor>>> {
    let sizes: Vec<i64> = grads.iter().flatten().map(|g| g.sizes().first().copied().unwrap_or(0)).collect();
    let rows = sizes.first().copied().unwrap_or(0);
    if sizes.iter().any(|n| *n != rows) {
        return Err(Error::value(format!(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes:?} for the mapped dimension"
        )));
    }
    for (i, (grad, output)) in grads.iter().zip(outputs).enumerate() {
        let Some(sizes) = grad.as_ref().and_then(|g| g.sizes().get(1..)) else { continue };
        if sizes != output.sizes() {
            // PyTorch leaves out one dimension more than it should.
            return Err(Error::runtime(format!(
                "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch dimension. The \
                 sizes of the remaining dimensions are expected to match the shape of corresponding output, but a mismatch was \
                 detected: grad_output[{i}] has a shape of torch.Size({:?}) and output[{i}] has a shape of torch.Size({:?}). If \
                 you only want some tensors in `grad_output` to be considered batched, consider using vmap.",
                sizes.get(1..).unwrap_or_default(),
                output.sizes()
            )));
        }
    }
    let level = batch::enter_level(rows, Randomness::Error);
    let run = || -> Result<Vec<Option<Tensor>>> {
        let hidden = grads.iter().map(|g| g.as_ref().map(|g| batch::add_level(g, 0, level)).transpose());
        let found = backward(outputs, &hidden.collect::<Result<Vec<_>>>()?, &pass(inputs, ask))?;
        let shown = |slope: Option<Tensor>| slope.map(|s| batch::remove_level(&s, 0, level)).transpose();
        state::with_grad(ask.create_graph, || found.into_iter().map(shown).collect())
    };
    let done = run();
    batch::exit_level();
    done
}
