//! Slices of a dimension named by a vector of indices: selected, added to, replaced.

use super::loops::Arith;
use super::prelude::*;

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

ops! { TABLE, PickOps;
    /// Whole slices of a dimension, in the order of `index`.
    fn index_select(input: Tensor, dim: i64, index: Tensor) [] eval { picked(&input, dim, &index) }
        d input = |g, sizes, dim, index| Tensor::zeros(&sizes, g.dtype())?.index_add(dim, index, g, 1i64);
    /// Slices of `source` added to those that `index` names.
    fn index_add(input: Tensor, dim: i64, index: Tensor, source: Tensor; alpha: Scalar = "1") [inplace] eval { added_at(&input, dim, &index, &source, alpha) }
        d input = |g| Ok(g.clone()), d source = |g, dim, index, alpha| g.index_select(dim, index).mul(alpha);
}
