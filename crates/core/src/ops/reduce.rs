//! Reductions to sums, products, means and truth values, and what all reductions share.

use super::join::cat_of;
use super::loops::{Arith, Real};
use super::prelude::*;
use super::quick::{few, Quick};
use crate::kernels::reduce::{fold, fold_row, reduced_sizes};
use crate::kernels::sums::{sum_block, sum_rows, SHORTEST};
use crate::parallel::Shared;

/// The dimensions to reduce, wrapped and checked; all of them where none are named.
pub(crate) fn reduce_dims(dims: Option<&Dims>, ndim: usize) -> Result<Vec<usize>> {
    if ndim > 64 {
        return Err(Error::runtime("only tensors with up to 64 dims are supported"));
    }
    match dims {
        Some(list) if !list.is_empty() => {
            let mut out = Vec::with_capacity(list.len());
            for &d in list {
                let d = wrap_dim(d, ndim)?;
                if out.contains(&d) {
                    return Err(Error::runtime(format!("dim {d} appears multiple times in the list of dims")));
                }
                out.push(d);
            }
            Ok(if ndim == 0 { Vec::new() } else { out })
        }
        _ => Ok((0..ndim).collect()),
    }
}

/// The same as numbers that an op takes.
pub(crate) fn dim_list(dims: Option<&Dims>, ndim: usize) -> Result<Dims> {
    Ok(reduce_dims(dims, ndim)?.iter().map(|&d| d as i64).collect())
}

/// One dimension of a tensor; a 0-dim tensor has none to reduce.
pub(crate) fn one_dim(dim: i64, ndim: usize) -> Result<Vec<usize>> {
    let d = wrap_dim(dim, ndim)?;
    Ok(if ndim == 0 { Vec::new() } else { vec![d] })
}

/// How many elements `dims` hold together.
pub(crate) fn count(sizes: &[i64], dims: &[usize]) -> i64 {
    dims.iter().map(|&d| sizes[d]).product()
}

/// The sum of a contiguous row.
pub(crate) fn sum_row<T: Arith>(row: &[T]) -> T {
    fold_row(row, T::nil(), T::plus, T::plus)
}

/// A gradient of a reduction, spread over the reduced dimensions of `sizes`.
pub(crate) fn spread(g: &Tensor, sizes: &Dims, dims: Option<&Dims>, keepdim: bool) -> Result {
    let mut g = g.clone();
    if !keepdim {
        let mut all = reduce_dims(dims, sizes.len())?;
        all.sort_unstable();
        for d in all {
            g = g.unsqueeze(d as i64)?;
        }
    }
    g.expand(sizes)
}

/// The input in the dtype asked for, and the dtype of the result: integers add up in int64.
fn accumulated(t: &Tensor, dtype: Option<DType>) -> Result<(Tensor, DType)> {
    let out = dtype.unwrap_or(if t.dtype().is_integral() { DType::Int64 } else { t.dtype() });
    Ok((if dtype.is_some_and(|d| d != t.dtype()) { t.copied(out)? } else { t.clone() }, out))
}

/// Sums of floating-point numbers along dimensions that lie in one piece, divided by `by`; none if they
/// do not, or are few.
fn in_one_piece(t: &Tensor, dims: &[usize], keepdim: bool, out: DType, by: f64) -> Option<Result> {
    fn run<T: Real>(t: &Tensor, n: usize, out: &Tensor, by: f64) {
        let to = Shared(out.ptr::<T>());
        // SAFETY: each result has a place of its own.
        sum_rows(t.data::<T>(), n, |i, sum| unsafe { to.get().add(i).write(T::of(sum / by)) });
    }
    let n = count(t.sizes(), dims) as usize;
    let last = t.ndim() - dims.len();
    let double = out == DType::Float64;
    if !double && out != DType::Float32 || t.dtype() != out || n < SHORTEST || !t.is_contiguous() || dims.iter().any(|d| *d < last) {
        return None;
    }
    let room = Tensor::empty(&reduced_sizes(t.sizes(), dims, keepdim), out);
    Some(room.inspect(|room| if double { run::<f64>(t, n, room, by) } else { run::<f32>(t, n, room, by) }))
}

fn summed(t: &Tensor, dims: Option<&Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    let dims = reduce_dims(dims, t.ndim())?;
    let (t, out) = accumulated(t, dtype)?;
    if let Some(sums) = in_one_piece(&t, &dims, keepdim, out, 1.0) {
        return sums;
    }
    dispatch_compute!(out, T => fold::<T, T, T>(&t, &dims, keepdim, out, T::nil(), T::plus, T::plus, |a| a))
}

/// The sum of a few float32 numbers that lie one after the other.
fn plain_sum(t: &Tensor, other: Option<&Tensor>) -> Option<Tensor> {
    let row = few(t).filter(|_| other.is_none())?;
    let sum = if row.len() < SHORTEST { sum_row(row) } else { sum_block(row) as f32 };
    Tensor::from_slice(&[sum], &[]).ok()
}

fn nan_summed(t: &Tensor, dims: Option<&Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    let dims = reduce_dims(dims, t.ndim())?;
    if t.dtype().is_complex() {
        return Err(Error::not_implemented("nansum on CPU does not support complex inputs"));
    }
    let (t, out) = accumulated(t, dtype)?;
    macro_rules! run {
        ($t:ty) => {
            fold::<$t, $t, $t>(&t, &dims, keepdim, out, 0.0, |a, x| if x.is_nan() { a } else { a + x }, |a, b| a + b, |a| a)
        };
    }
    match out.compute() {
        DType::Float32 => run!(f32),
        _ => run!(f64),
    }
}

fn averaged(t: &Tensor, dims: Option<&Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    let out = dtype.unwrap_or(t.dtype());
    if out.is_integral() {
        return Err(Error::not_implemented(format!(
            "mean(): could not infer output dtype. {} dtype must be either a floating point or complex dtype. Got: {}",
            if dtype.is_some() { "Optional" } else { "Input" }, out.scalar_type()
        )));
    }
    let dims = reduce_dims(dims, t.ndim())?;
    let n = count(t.sizes(), &dims) as f64;
    let t = if out == t.dtype() { t.clone() } else { t.copied(out)? };
    if let Some(means) = in_one_piece(&t, &dims, keepdim, out, n) {
        return means;
    }
    dispatch_compute!(out, T => {
        let n: T = Scalar::Float(n).to();
        fold::<T, T, T>(&t, &dims, keepdim, out, T::nil(), T::plus, T::plus, |a| a / n)
    })
}

fn product(t: &Tensor, dims: &[usize], keepdim: bool, dtype: Option<DType>) -> Result {
    let (t, out) = accumulated(t, dtype)?;
    dispatch_compute!(out, T => fold::<T, T, T>(&t, dims, keepdim, out, T::unit(), T::times, T::times, |a| a))
}

/// The gradient of a product along one dimension: products of what comes before and after, so
/// that zeros need no care.
fn prod_grad(g: &Tensor, input: &Tensor, dim: i64) -> Result {
    if input.numel() == 0 {
        return input.mul(0i64);
    }
    let n = input.sizes()[dim as usize];
    let mut lead = input.dims();
    lead[dim as usize] = 1;
    let one = Tensor::full(&lead, Scalar::Int(1), input.dtype())?;
    let before = cat_of(vec![one.clone(), input.narrow(dim, 0i64, n - 1)?], dim)?.cumprod(dim, ());
    let after = cat_of(vec![one, input.narrow(dim, 1i64, n - 1)?.flip([dim])?], dim)?.cumprod(dim, ())?.flip([dim]);
    g.mul(before.mul(after).conj())
}

fn truth(t: &Tensor, dims: Option<&Dims>, keepdim: bool, all: bool) -> Result {
    let dims = reduce_dims(dims, t.ndim())?;
    let out = if t.dtype() == DType::UInt8 { DType::UInt8 } else { DType::Bool };
    if all {
        fold::<bool, bool, bool>(t, &dims, keepdim, out, true, |a, b| a & b, |a, b| a & b, |a| a)
    } else {
        fold::<bool, bool, bool>(t, &dims, keepdim, out, false, |a, b| a | b, |a, b| a | b, |a| a)
    }
}

ops! { TABLE, ReduceOps;
    /// The sum of all elements.
    fn sum(input: Tensor; dtype: Option<DType> = "null") [] eval { summed(&input, None, false, dtype) }
        quick (Quick::Other(plain_sum))
        d input = |g, sizes| g.expand(&sizes);
    /// The sum along dimensions.
    fn sum_dim "sum"(input: Tensor, dim: Option<Dims>, keepdim: bool = "false"; dtype: Option<DType> = "null")
        [SumBackward1] eval { summed(&input, dim.as_ref(), keepdim, dtype) }
        d input = |g, sizes, dim, keepdim| spread(g, &sizes, dim.as_ref(), keepdim);
    /// The sum of the elements that are numbers.
    fn nansum(input: Tensor, dim: Option<Dims> = "null", keepdim: bool = "false"; dtype: Option<DType> = "null")
        [] eval {
            if input.dtype().is_integral() { summed(&input, dim.as_ref(), keepdim, dtype) }
            else { nan_summed(&input, dim.as_ref(), keepdim, dtype) } }
        d input = |g, input, dim, keepdim|
            spread(g, &input.dims(), dim.as_ref(), keepdim)?.mul(input.isnan().logical_not());
    /// The mean of all elements.
    fn mean(input: Tensor; dtype: Option<DType> = "null") [] eval { averaged(&input, None, false, dtype) }
        d input = |g, sizes| g.expand(&sizes)?.true_divide(sizes.iter().product::<i64>());
    /// The mean along dimensions.
    fn mean_dim "mean"(input: Tensor, dim: Option<Dims>, keepdim: bool = "false"; dtype: Option<DType> = "null")
        [MeanBackward1] eval { averaged(&input, dim.as_ref(), keepdim, dtype) }
        d input = |g, sizes, dim, keepdim| {
            let n = count(&sizes, &reduce_dims(dim.as_ref(), sizes.len())?);
            spread(g, &sizes, dim.as_ref(), keepdim)?.true_divide(n) };
    /// The mean of the elements that are numbers.
    fn nanmean(input: Tensor, dim: Option<Dims> = "null", keepdim: bool = "false"; dtype: Option<DType> = "null")
        [] compose {
            if !input.dtype().is_differentiable() {
                return Err(Error::not_implemented(format!(
                    "nanmean(): expected input to have floating point or complex dtype but got {}",
                    input.dtype().scalar_type())));
            }
            let dims = dim.unwrap_or_default();
            let n = input.isnan().logical_not()?.sum_dim(&dims, keepdim, ())?;
            input.nansum(&dims, keepdim, dtype).true_divide(n) };
    /// The product of all elements.
    fn prod(input: Tensor; dtype: Option<DType> = "null") [] eval {
            product(&input, &reduce_dims(None, input.ndim())?, false, dtype) }
        d input = |g, input, dtype| {
            let x = crate::ops::cast(&input, dtype.unwrap_or(input.dtype()))?;
            if x.ndim() == 0 { Ok(g.clone()) } else { prod_grad(g, &x.reshape([-1])?, 0)?.reshape(x.dims()) } };
    /// The product along a dimension.
    fn prod_dim "prod"(input: Tensor, dim: i64, keepdim: bool = "false"; dtype: Option<DType> = "null")
        [ProdBackward1] eval { product(&input, &one_dim(dim, input.ndim())?, keepdim, dtype) }
        d input = |g, input, dim, keepdim, dtype| {
            let x = crate::ops::cast(&input, dtype.unwrap_or(input.dtype()))?;
            if x.ndim() == 0 { return Ok(smallvec![Some(g.clone())]); }
            let d = wrap_dim(dim, x.ndim())? as i64;
            prod_grad(&if keepdim { g.clone() } else { g.unsqueeze(d)? }, &x, d) };
    /// Whether all elements are true.
    fn all(input: Tensor, dim: Option<Dims> = "null", keepdim: bool = "false") [] eval {
        truth(&input, dim.as_ref(), keepdim, true) };
    /// Whether any element is true.
    fn any(input: Tensor, dim: Option<Dims> = "null", keepdim: bool = "false") [] eval {
        truth(&input, dim.as_ref(), keepdim, false) };
    /// How many elements are not zero.
    fn count_nonzero(input: Tensor, dim: Option<Dims> = "null") [] eval {
        let dims = reduce_dims(dim.as_ref(), input.ndim())?;
        fold::<bool, i64, i64>(&input, &dims, false, DType::Int64, 0, |a, b| a + i64::from(b), |a, b| a + b, |a| a) };
}
