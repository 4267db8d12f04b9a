//! Elements named one by one along a dimension: gathered, and scattered back.

use super::loops::Arith;
use super::prelude::*;

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

ops! { TABLE, ScatterOps;
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
}
