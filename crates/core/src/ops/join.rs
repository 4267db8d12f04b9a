//! Tensors joined and picked apart by index.

use super::loops::Arith;
use super::prelude::*;
use crate::kernels::copy::copy as copy_elements;

/// `torch.cat` for formulas.
pub(crate) fn cat_of(tensors: Vec<Tensor>, dim: i64) -> Result {
    crate::value::first(crate::autograd::call(&cat::OP, &[
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

/// Checks an index tensor of `gather` and `scatter`.
fn check_index(name: &str, input: &Tensor, index: &Tensor, src: Option<&Tensor>, dim: i64) -> Result<usize> {
    if !matches!(index.dtype(), DType::Int64 | DType::Int32) {
        return Err(Error::runtime(format!("{name}(): Expected dtype int32/int64 for index")));
    }
    let d = wrap_dim(dim, input.ndim())?;
    let limit = input.sizes().get(d).copied().unwrap_or(1);
    if let Some(bad) = index.to_vec::<i64>().into_iter().find(|i| *i < 0 || *i >= limit) {
        return Err(Error::runtime(format!("index {bad} is out of bounds for dimension {d} with size {limit}")));
    }
    let fits = index.numel() == 0 || (index.ndim().max(1) == input.ndim().max(1) && (0..index.ndim()).all(|k| {
        (k == d || index.sizes()[k] <= input.sizes().get(k).copied().unwrap_or(1))
            && src.is_none_or(|s| index.sizes()[k] <= s.sizes().get(k).copied().unwrap_or(1))
    }));
    if !fits {
        if index.ndim().max(1) != input.ndim().max(1) {
            return Err(Error::runtime("Index tensor must have the same number of dimensions as input tensor"));
        }
        return Err(Error::runtime(format!(
            "Size does not match at dimension {} expected index {:?} to be no larger than self {:?} apart from dimension {d}",
            (0..index.ndim()).find(|k| *k != d && index.sizes()[*k] > input.sizes()[*k]).unwrap_or(0), index.sizes(), input.sizes()
        )));
    }
    Ok(d)
}

/// Calls `f(place in index, offset in other)`, where `other` has dimension `dim` indexed.
fn each_indexed(index: &Tensor, other: &[i64], dim: usize, mut f: impl FnMut(usize, usize)) {
    let values = index.to_vec::<i64>();
    let strides = crate::layout::contiguous_strides(other);
    let sizes = index.sizes();
    let mut at = vec![0i64; sizes.len()];
    for (i, v) in values.iter().enumerate() {
        let mut o = 0;
        for k in 0..sizes.len() {
            o += strides[k] * if k == dim { *v } else { at[k] };
        }
        f(i, if sizes.is_empty() { 0 } else { o as usize });
        for k in (0..sizes.len()).rev() {
            at[k] += 1;
            if at[k] < sizes[k] {
                break;
            }
            at[k] = 0;
        }
    }
}

fn gathered(input: &Tensor, dim: i64, index: &Tensor) -> Result {
    let d = check_index("gather", input, index, None, dim)?;
    let x = input.contiguous_data()?;
    let out = Tensor::empty(index.sizes(), input.dtype())?;
    dispatch!(input.dtype(), T => {
        let (from, to) = (x.data::<T>(), out.data_mut::<T>());
        each_indexed(index, input.sizes(), d, |i, o| to[i] = from[o]);
    });
    Ok(out)
}

/// `src`, cut to the sizes of `index`, row-major.
fn source(src: &Tensor, index: &Tensor) -> Result {
    let mut l = src.layout().clone();
    l.sizes = index.dims();
    src.alias(l).contiguous_data()
}

fn scattered(input: &Tensor, dim: i64, index: &Tensor, src: &Tensor, add: bool) -> Result {
    let name = if add { "scatter_add" } else { "scatter" };
    if input.dtype() != src.dtype() {
        return Err(Error::runtime(format!("{name}(): Expected self.dtype to be equal to src.dtype")));
    }
    let d = check_index(name, input, index, Some(src), dim)?;
    let out = input.copied(input.dtype())?;
    if index.numel() == 0 {
        return Ok(out);
    }
    let src = source(src, index)?;
    if add {
        let acc = out.as_contiguous(out.dtype().compute())?;
        dispatch_compute!(input.dtype(), T => {
            let (from, to) = (src.to_vec::<T>(), acc.data_mut::<T>());
            each_indexed(index, input.sizes(), d, |i, o| to[o] = to[o].plus(from[i]));
        });
        return acc.as_contiguous(input.dtype());
    }
    dispatch!(input.dtype(), T => {
        let (from, to) = (src.data::<T>(), out.data_mut::<T>());
        each_indexed(index, input.sizes(), d, |i, o| to[o] = from[i]);
    });
    Ok(out)
}

fn picked(input: &Tensor, dim: i64, index: &Tensor) -> Result {
    let d = wrap_dim(dim, input.ndim())?;
    if index.ndim() > 1 {
        return Err(Error::index("index_select(): Index is supposed to be a vector"));
    }
    if !matches!(index.dtype(), DType::Int64 | DType::Int32) {
        return Err(Error::runtime("index_select(): Expected dtype int32 or int64 for index"));
    }
    let places = index.to_vec::<i64>();
    let n = input.sizes().get(d).copied().unwrap_or(1);
    if let Some(bad) = places.iter().find(|i| **i < 0 || **i >= n) {
        let _ = bad;
        return Err(Error::index("index out of range in self"));
    }
    if input.ndim() == 0 {
        return input.copied(input.dtype());
    }
    let x = input.contiguous_data()?;
    let mut sizes = input.dims();
    sizes[d] = places.len() as i64;
    let out = Tensor::empty(&sizes, input.dtype())?;
    let inner = input.sizes()[d + 1..].iter().product::<i64>() as usize;
    let outer = input.sizes()[..d].iter().product::<i64>() as usize;
    dispatch!(input.dtype(), T => {
        let (from, to) = (x.data::<T>(), out.data_mut::<T>());
        let mut at = 0;
        for o in 0..outer {
            for &p in &places {
                let s = (o * n as usize + p as usize) * inner;
                to[at..at + inner].copy_from_slice(&from[s..s + inner]);
                at += inner;
            }
        }
    });
    Ok(out)
}

fn added_at(input: &Tensor, dim: i64, index: &Tensor, src: &Tensor, alpha: Scalar) -> Result {
    let d = wrap_dim(dim, input.ndim())?;
    let places = index.to_vec::<i64>();
    let n = input.sizes().get(d).copied().unwrap_or(1);
    if places.iter().any(|i| *i < 0 || *i >= n) {
        return Err(Error::index("index out of range in self"));
    }
    let acc = input.copied(input.dtype().compute())?;
    let inner = input.sizes().get(d + 1..).unwrap_or(&[]).iter().product::<i64>() as usize;
    let outer = input.sizes().get(..d).unwrap_or(&[]).iter().product::<i64>() as usize;
    dispatch_compute!(input.dtype(), T => {
        let (from, to) = (src.to_vec::<T>(), acc.data_mut::<T>());
        let k: T = alpha.to();
        let mut at = 0;
        for o in 0..outer {
            for &p in &places {
                let s = (o * n as usize + p as usize) * inner;
                for i in 0..inner {
                    to[s + i] = to[s + i].plus(k.times(from[at + i]));
                }
                at += inner;
            }
        }
    });
    acc.as_contiguous(input.dtype())
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
    /// The elements that `index` names along a dimension.
    fn gather(input: Tensor, dim: i64, index: Tensor; sparse_grad: bool = "false") [] eval { gathered(&input, dim, &index) }
        d input = |g, sizes, dim, index| Tensor::zeros(&sizes, g.dtype())?.scatter_add(dim, index, g);
    /// `src` written to the places that `index` names along a dimension.
    fn scatter_src "scatter"(input: Tensor, dim: i64, index: Tensor, src: Tensor) [inplace] eval { scattered(&input, dim, &index, &src, false) }
        d input = |g, dim, index| g.scatter_value(dim, index, 0i64), d src = |g, dim, index| g.gather(dim, index, false);
    /// A number written to the places that `index` names along a dimension.
    fn scatter_value "scatter"(input: Tensor, dim: i64, index: Tensor, value: Scalar) [inplace] eval { scattered(&input, dim, &index, &Tensor::full(index.sizes(), value, input.dtype())?, false) }
        d input = |g, dim, index| g.scatter_value(dim, index, 0i64);
    /// `src` added at the places that `index` names along a dimension.
    fn scatter_add(input: Tensor, dim: i64, index: Tensor, src: Tensor) [inplace] eval { scattered(&input, dim, &index, &src, true) }
        d input = |g| Ok(g.clone()), d src = |g, dim, index| g.gather(dim, index, false);
    /// Whole slices of a dimension, in the order of `index`.
    fn index_select(input: Tensor, dim: i64, index: Tensor) [] eval { picked(&input, dim, &index) }
        d input = |g, sizes, dim, index| Tensor::zeros(&sizes, g.dtype())?.index_add(dim, index, g, 1i64);
    /// Slices of `source` added to those that `index` names.
    fn index_add(input: Tensor, dim: i64, index: Tensor, source: Tensor; alpha: Scalar = "1") [inplace] eval { added_at(&input, dim, &index, &source, alpha) }
        d input = |g| Ok(g.clone()), d source = |g, dim, index, alpha| g.index_select(dim, index).mul(alpha);
    /// `value` where `mask` is true.
    fn masked_fill(input: Tensor, mask: Tensor, value: Tensor) [inplace] eval {
            if mask.dtype() != DType::Bool { return Err(Error::runtime("masked_fill_ only supports boolean masks, but got mask with dtype ".to_string() + mask.dtype().cpp_name())); }
            if value.ndim() > 0 { return Err(Error::runtime(format!("masked_fill only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).", value.ndim()))); }
            mask.where_op(crate::ops::cast(&value.detached(), input.dtype()), input.detached()) }
        d input = |g, mask| g.masked_fill(mask, 0i64), d value = |g, mask| mask.where_op(g, 0i64).sum(());
}
