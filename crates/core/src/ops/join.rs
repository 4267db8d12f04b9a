//! Tensors joined.

use super::prelude::*;
use crate::kernels::copy::copy as copy_elements;

/// `torch.cat` for formulas.
pub(crate) fn cat_of(tensors: Vec<Tensor>, dim: i64) -> Result {
    crate::value::first(crate::autograd::call(&cat::OP, &[
        Value::Tensors(tensors.into_iter().map(Some).collect()),
        Value::Scalar(Scalar::Int(dim)),
    ])?)
}

/// `torch.stack` for other entries.
pub(crate) fn stack_of(tensors: Vec<Tensor>, dim: i64) -> Result {
    crate::value::first(crate::autograd::call(&stack::OP, &[
        Value::Tensors(tensors.into_iter().map(Some).collect()),
        Value::Scalar(Scalar::Int(dim)),
    ])?)
}

/// A one-dimensional empty tensor joins with anything, as it always has in PyTorch.
fn skipped(sizes: &[i64]) -> bool {
    sizes == [0]
}

fn joined(tensors: &[Tensor], dim: i64) -> Result {
    if tensors.is_empty() {
        return Err(Error::value("torch.cat(): expected a non-empty list of Tensors"));
    }
    for (i, t) in tensors.iter().enumerate() {
        if t.ndim() == 0 {
            return Err(Error::runtime(format!("zero-dimensional tensor (at position {i}) cannot be concatenated")));
        }
    }
    let all: Vec<&Tensor> = tensors.iter().collect();
    let dtype = result_type(&all);
    let Some(model) = tensors.iter().find(|t| !skipped(t.sizes())) else {
        return Tensor::empty(&[0], dtype);
    };
    let d = wrap_dim(dim, model.ndim())?;
    let mut sizes = model.dims();
    sizes[d] = 0;
    for (i, t) in tensors.iter().enumerate().filter(|(_, t)| !skipped(t.sizes())) {
        if t.ndim() != sizes.len() {
            return Err(Error::runtime(format!(
                "Tensors must have same number of dimensions: got {} and {}", model.ndim(), t.ndim()
            )));
        }
        for k in 0..sizes.len() {
            if k != d && t.sizes()[k] != sizes[k] {
                return Err(Error::runtime(format!(
                    "Sizes of tensors must match except in dimension {d}. Expected size {} but got size {} for tensor number {i} in the list.",
                    sizes[k], t.sizes()[k]
                )));
            }
        }
        sizes[d] += t.sizes()[d];
    }
    let out = Tensor::empty(&sizes, dtype)?;
    let mut at = 0;
    for t in tensors.iter().filter(|t| !skipped(t.sizes())) {
        let mut l = out.layout().clone();
        l.offset += at * l.strides[d];
        l.sizes[d] = t.sizes()[d];
        copy_elements(t, &out.alias(l));
        at += t.sizes()[d];
    }
    Ok(out)
}

fn split_grad(g: &Tensor, lists: &[Dims], dim: i64) -> Result<Vec<Tensor>> {
    let d = wrap_dim(dim, g.ndim())?;
    let mut at = 0;
    lists.iter().map(|s| {
        if skipped(s) {
            return Tensor::zeros(s, g.dtype());
        }
        at += s[d];
        g.narrow(d as i64, at - s[d], s[d])
    }).collect()
}

ops! { TABLE, JoinOps;
    /// Tensors joined along a dimension.
    fn cat(tensors: Vec<Tensor>, dim: i64 = "0") [] eval { joined(&tensors, dim) }
        d tensors = |g, lists, dim| split_grad(g, &lists, dim);
    /// Tensors of one shape joined along a new dimension.
    fn stack(tensors: Vec<Tensor>, dim: i64 = "0") [] eval {
            let Some(first) = tensors.first() else { return Err(Error::runtime("stack expects a non-empty TensorList")) };
            if let Some((i, t)) = tensors.iter().enumerate().find(|(_, t)| t.sizes() != first.sizes()) {
                return Err(Error::runtime(format!("stack expects each tensor to be equal size, but got {:?} at entry 0 and {:?} at entry {i}", first.sizes(), t.sizes()))); }
            let d = wrap_dim(dim, first.ndim() + 1)? as i64;
            let parts: Result<Vec<Tensor>> = tensors.iter().map(|t| t.detached().unsqueeze(d)).collect(); joined(&parts?, d) }
        d tensors = |g, lists, dim| (0..lists.len() as i64).map(|i| g.select(dim, i)).collect::<Result<Vec<Tensor>>>();
}
