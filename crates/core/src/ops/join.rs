//! Tensors joined, and tensors expanded to each other's sizes.

use super::prelude::*;
use super::views::all_at_least;
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

fn stacked(tensors: &[Tensor], dim: i64) -> Result {
    let Some(first) = tensors.first() else { return Err(Error::runtime("stack expects a non-empty TensorList")) };
    let d = wrap_dim(dim, first.ndim() + 1)? as i64;
    if let Some((i, t)) = tensors.iter().enumerate().find(|(_, t)| t.sizes() != first.sizes()) {
        return Err(Error::runtime(format!(
            "stack expects each tensor to be equal size, but got {:?} at entry 0 and {:?} at entry {i}", first.sizes(), t.sizes()
        )));
    }
    let parts: Result<Vec<Tensor>> = tensors.iter().map(|t| t.detached().unsqueeze(d)).collect();
    joined(&parts?, d)
}

fn not_empty(name: &str, tensors: &[Tensor]) -> Result<()> {
    if tensors.is_empty() { Err(Error::runtime(format!("{name} expects a non-empty TensorList"))) } else { Ok(()) }
}

/// Each tensor along a dimension of its own, expanded over those of the others.
fn grid(tensors: &[Tensor], indexing: &str) -> Result<Vec<Tensor>> {
    not_empty("meshgrid", tensors)?;
    if let Some(t) = tensors.iter().find(|t| t.ndim() > 1) {
        return Err(Error::runtime(format!("torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t:?}")));
    }
    if tensors.iter().any(|t| t.dtype() != tensors[0].dtype()) {
        return Err(Error::runtime("meshgrid expects all tensors to have the same dtype"));
    }
    let swap = match indexing {
        "xy" => tensors.len() > 1,
        "ij" => false,
        other => return Err(Error::runtime(format!(
            "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {other}"
        ))),
    };
    let n = tensors.len();
    // With "xy" the first two dimensions change places.
    let place = |i: usize| if swap && i < 2 { 1 - i } else { i };
    let mut sizes = Dims::from_elem(1, n);
    for (i, t) in tensors.iter().enumerate() {
        sizes[place(i)] = t.numel() as i64;
    }
    tensors.iter().enumerate().map(|(i, t)| {
        let mut own = Dims::from_elem(1, n);
        own[place(i)] = -1;
        t.view(&own)?.expand(&sizes)
    }).collect()
}

ops! { TABLE, JoinOps;
    /// Tensors joined along a dimension.
    fn cat(tensors: Vec<Tensor>, dim: i64 = "0") ["concat", "concatenate"] eval { joined(&tensors, dim) }
        d tensors = |g, lists, dim| split_grad(g, &lists, dim);
    /// Tensors of one shape joined along a new dimension.
    fn stack(tensors: Vec<Tensor>, dim: i64 = "0") [] eval { stacked(&tensors, dim) }
        d tensors = |g, lists, dim| (0..lists.len() as i64).map(|i| g.select(dim, i)).collect::<Result<Vec<Tensor>>>();
    /// Tensors side by side: along the second dimension, or the only one.
    fn hstack(tensors: Vec<Tensor>) [] compose {
        not_empty("hstack", &tensors)?; let all = all_at_least(1, &tensors)?;
        let dim = i64::from(all[0].ndim() > 1); cat_of(all, dim) };
    /// Tensors one below the other, vectors as rows.
    fn vstack(tensors: Vec<Tensor>) ["row_stack"] compose {
        not_empty("vstack", &tensors)?; cat_of(all_at_least(2, &tensors)?, 0) };
    /// Tensors one behind the other, along the third dimension.
    fn dstack(tensors: Vec<Tensor>) [] compose { not_empty("dstack", &tensors)?; cat_of(all_at_least(3, &tensors)?, 2) };
    /// Tensors side by side, vectors as columns.
    fn column_stack(tensors: Vec<Tensor>) [] compose {
        not_empty("column_stack", &tensors)?;
        let columns: Result<Vec<Tensor>> = tensors.iter().map(|t| if t.ndim() > 1 { Ok(t.clone()) } else { t.reshape([t.numel() as i64, 1]) }).collect();
        cat_of(columns?, 1) };
    /// Tensors expanded to the sizes they have together.
    fn broadcast_tensors(tensors: Vec<Tensor>) -> (list) [] compose {
        let mut sizes = Dims::new();
        for t in &tensors { sizes = broadcast(&sizes, t.sizes())?; }
        tensors.iter().map(|t| t.expand(&sizes)).collect::<Result<Vec<Tensor>>>() };
    /// The coordinates of a grid: each tensor along a dimension of its own, expanded over the others.
    fn meshgrid(tensors: Vec<Tensor>; indexing: String = "'ij'") -> (list) [] compose { grid(&tensors, &indexing) };
}
