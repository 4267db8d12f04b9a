//! The greatest and the least elements: their values, their places, their gradients.

use super::prelude::*;
use super::reduce::{dim_list, one_dim, reduce_dims, spread};
use crate::kernels::extremes::{best_of_columns, best_of_row, Ordered};
use crate::kernels::index::Around;
use crate::kernels::reduce::{find, fold, reduced_sizes};
use crate::parallel::{grain, parallel_for, Shared};

/// Elements in order.
pub(crate) trait Extreme: Element + Ordered {}
impl<T: Element + Ordered> Extreme for T {}

/// Runs an expression with the type that an ordered dtype is computed in.
macro_rules! ordered {
    ($t:expr, $kernel:expr, $T:ident => $e:expr) => {
        match $t.dtype().compute() {
            DType::Int64 => { type $T = i64; $e }
            DType::Float32 => { type $T = f32; $e }
            DType::Float64 => { type $T = f64; $e }
            _ => Err(Error::dtype($kernel, $t.dtype())),
        }
    };
}
pub(crate) use ordered;

/// An extreme of nothing has no value.
fn check_not_empty(t: &Tensor, dims: &[usize], name: &str) -> Result<()> {
    match dims.iter().find(|&&d| t.sizes()[d] == 0) {
        Some(d) => Err(Error::index(format!("{name}: Expected reduction dim {d} to have non-zero size."))),
        None => Ok(()),
    }
}

fn dim_needed(name: &str) -> String {
    format!("{name}(): Expected reduction dim to be specified for input.numel() == 0.")
}

/// Errors of a whole tensor without elements go on like this.
const DIM_HINT: &str = " Specify the reduction dim with the 'dim' argument.";

/// A row-major tensor around the neighbouring dimensions that are reduced, as rows or as matrices of
/// some width.
fn around(t: &Tensor, dims: &[usize]) -> Option<Around> {
    let mut order: Dims = dims.iter().map(|d| *d as i64).collect();
    order.sort_unstable();
    let (first, last) = (*order.first()? as usize, *order.last()? as usize);
    if !t.is_contiguous() || t.numel() == 0 || last - first + 1 != order.len() {
        return None;
    }
    let product = |s: &[i64]| s.iter().product::<i64>() as usize;
    let s = t.sizes();
    let all = Around { outer: product(&s[..first]), n: product(&s[first..=last]), inner: product(&s[last + 1..]) };
    (all.inner == 1 || all.inner >= 4 && u32::try_from(all.n).is_ok()).then_some(all)
}

/// The extremes along dimensions, in the type they are computed in, and their places.
fn found<T: Extreme>(t: &Tensor, dims: &[usize], keepdim: bool, greater: bool) -> Result<(Tensor, Tensor)> {
    let Some(all) = around(t, dims).filter(|_| t.dtype() == T::DTYPE) else {
        return find::<T>(t, dims, keepdim, t.dtype(), |a, b| a.beats(b, greater));
    };
    let sizes = reduced_sizes(t.sizes(), dims, keepdim);
    let (values, places) = (Tensor::empty(&sizes, T::DTYPE)?, Tensor::empty(&sizes, DType::Int64)?);
    let (x, v, i) = (t.data::<T>(), Shared(values.ptr::<T>()), Shared(places.ptr::<i64>()));
    let Around { outer, n, inner } = all;
    parallel_for(outer, grain::rounds(grain::MOVED, n * inner), |range| {
        for k in range {
            let part = &x[k * n * inner..(k + 1) * n * inner];
            // SAFETY: each round has results of its own, within the tensors.
            let (v, i) = unsafe {
                let at = k * inner;
                (std::slice::from_raw_parts_mut(v.get().add(at), inner), std::slice::from_raw_parts_mut(i.get().add(at), inner))
            };
            if inner == 1 {
                let (best, place) = best_of_row(part, greater);
                (v[0], i[0]) = (best, place as i64);
            } else {
                best_of_columns(part, inner, v, i, greater);
            }
        }
    });
    Ok((values, places))
}

fn folded<T: Extreme>(t: &Tensor, dims: &[usize], keepdim: bool, greater: bool) -> Result {
    if let Some(all) = around(t, dims).filter(|all| all.inner == 1 && t.dtype() == T::DTYPE) {
        let out = Tensor::empty(&reduced_sizes(t.sizes(), dims, keepdim), T::DTYPE)?;
        let (x, v) = (t.data::<T>(), Shared(out.ptr::<T>()));
        parallel_for(all.outer, grain::rounds(grain::MOVED, all.n), |range| for k in range {
            // SAFETY: each round has a result of its own, within the tensor.
            unsafe { v.get().add(k).write(T::of_row(&x[k * all.n..(k + 1) * all.n], greater)) }
        });
        return Ok(out);
    }
    let pick = |a: T, x: T| if x.beats(a, greater) { x } else { a };
    fold::<T, T, T>(t, dims, keepdim, t.dtype(), T::worst(greater), pick, pick, |a| a)
}

fn extreme_dim(t: &Tensor, dim: i64, keepdim: bool, greater: bool) -> Result<Vec<Tensor>> {
    let name = if greater { "max()" } else { "min()" };
    let dims = one_dim(dim, t.ndim())?;
    if t.dtype().is_complex() {
        return Err(Error::type_error(format!("{name}: does not support complex input")));
    }
    check_not_empty(t, &dims, name)?;
    let (v, i) = ordered!(t, "max_cpu", T => found::<T>(t, &dims, keepdim, greater))?;
    Ok(vec![v, i])
}

fn extreme_all(t: &Tensor, greater: bool) -> Result {
    let name = if greater { "max" } else { "min" };
    if t.numel() == 0 {
        return Err(Error::runtime(dim_needed(name) + DIM_HINT));
    }
    let all: Vec<usize> = (0..t.ndim()).collect();
    ordered!(t, if greater { "max_all" } else { "min_all" }, T => folded::<T>(t, &all, false, greater))
}

fn extreme_many(t: &Tensor, dims: &Dims, keepdim: bool, greater: bool) -> Result {
    let name = if greater { "amax" } else { "amin" };
    let all = reduce_dims(Some(dims), t.ndim())?;
    if t.numel() == 0 && dims.is_empty() {
        return Err(Error::runtime(dim_needed(name) + DIM_HINT));
    }
    check_not_empty(t, &all, &format!("{name}()"))?;
    ordered!(t, if greater { "max_values_cpu" } else { "min_values_cpu" }, T => folded::<T>(t, &all, keepdim, greater))
}

fn both_extremes(t: &Tensor, dim: Option<i64>, keepdim: bool) -> Result<Vec<Tensor>> {
    let dims = match dim {
        None => reduce_dims(None, t.ndim())?,
        Some(d) => {
            reduce_dims(None, t.ndim())?;
            one_dim(d, t.ndim())?
        }
    };
    if t.dtype().is_complex() {
        return Err(Error::type_error(format!("aminmax not implemented for {}", t.dtype().scalar_type())));
    }
    if dim.is_none() && t.numel() == 0 {
        return Err(Error::runtime(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.",
        ));
    }
    check_not_empty(t, &dims, "aminmax")?;
    ordered!(t, "aminmax_cpu", T =>
        Ok(vec![folded::<T>(t, &dims, keepdim, false)?, folded::<T>(t, &dims, keepdim, true)?]))
}

fn arg_extreme(t: &Tensor, dim: Option<i64>, keepdim: bool, greater: bool) -> Result {
    let name = if greater { "argmax" } else { "argmin" };
    let dims = match dim {
        Some(d) => one_dim(d, t.ndim())?,
        None => (0..t.ndim()).collect(),
    };
    if t.dtype().is_complex() {
        return Err(Error::type_error(format!("{name}(): does not support complex input")));
    }
    if t.dtype() == DType::Bool {
        return Err(Error::not_implemented(format!("{name}(): does not support bool input")));
    }
    if dim.is_none() && t.numel() == 0 {
        return Err(Error::index(dim_needed(name)));
    }
    check_not_empty(t, &dims, &format!("{name}()"))?;
    ordered!(t, "argmax_cpu", T => found::<T>(t, &dims, keepdim, greater).map(|r| r.1))
}

/// The gradient goes to every element equal to the extreme, in equal shares.
fn extreme_grad(g: &Tensor, input: &Tensor, out: &Tensor, dims: Option<&Dims>, keepdim: bool) -> Result {
    let sizes = input.dims();
    let out = spread(out, &sizes, dims, keepdim)?;
    let both_nan = input.isnan().logical_and(out.isnan())?;
    let mask = input.eq(&out).logical_or(both_nan)?;
    let n = mask.sum_dim(&dim_list(dims, sizes.len())?, true, input.dtype());
    spread(g, &sizes, dims, keepdim)?.mul(mask._to_copy(input.dtype()).true_divide(n))
}

/// The gradient of a selection by index: zeros but there.
pub(crate) fn at_index(g: &Tensor, sizes: &Dims, dim: i64, indices: &Tensor, keepdim: bool) -> Result {
    if sizes.is_empty() {
        return Ok(g.clone());
    }
    let (g, i) = if keepdim { (g.clone(), indices.clone()) } else { (g.unsqueeze(dim)?, indices.unsqueeze(dim)?) };
    Tensor::zeros(sizes, g.dtype())?.scatter_src(dim, i, g)
}

ops! { TABLE, ExtremeOps;
    /// The greatest element.
    fn max(input: Tensor) [MaxBackward1] eval { extreme_all(&input, true) }
        d input = |g, input, out| extreme_grad(g, &input, &out, None, false);
    /// The least element.
    fn min(input: Tensor) [MinBackward1] eval { extreme_all(&input, false) }
        d input = |g, input, out| extreme_grad(g, &input, &out, None, false);
    /// The larger of two elements: `maximum`.
    fn max_other "max"(input: Tensor, other: Tensor) [] compose { input.maximum(other) };
    /// The smaller of two elements: `minimum`.
    fn min_other "min"(input: Tensor, other: Tensor) [] compose { input.minimum(other) };
    /// The greatest elements along a dimension, and where they are.
    fn max_dim "max"(input: Tensor, dim: i64, keepdim: bool = "false") -> (values, indices) [] eval {
            extreme_dim(&input, dim, keepdim, true) }
        d input = |g, sizes, dim, keepdim, outs| at_index(g, &sizes, dim, &outs[1], keepdim);
    /// The least elements along a dimension, and where they are.
    fn min_dim "min"(input: Tensor, dim: i64, keepdim: bool = "false") -> (values, indices) [] eval {
            extreme_dim(&input, dim, keepdim, false) }
        d input = |g, sizes, dim, keepdim, outs| at_index(g, &sizes, dim, &outs[1], keepdim);
    /// The greatest elements along dimensions; ties share the gradient.
    fn amax(input: Tensor, dim: Dims = "[]", keepdim: bool = "false") [input_out] eval {
            extreme_many(&input, &dim, keepdim, true) }
        d input = |g, input, out, dim, keepdim| extreme_grad(g, &input, &out, Some(&dim), keepdim);
    /// The least elements along dimensions; ties share the gradient.
    fn amin(input: Tensor, dim: Dims = "[]", keepdim: bool = "false") [input_out] eval {
            extreme_many(&input, &dim, keepdim, false) }
        d input = |g, input, out, dim, keepdim| extreme_grad(g, &input, &out, Some(&dim), keepdim);
    /// The least and the greatest elements.
    fn aminmax(input: Tensor; dim: Option<i64> = "null", keepdim: bool = "false") -> (min, max) [exact_out] eval {
            both_extremes(&input, dim, keepdim) }
        d input = |g, input, outs, dim, keepdim, grads| {
            let d: Option<Dims> = dim.map(|d| dims![d]);
            let _ = g;
            let part = |i: usize| grads[i].as_ref()
                .map(|g| extreme_grad(g, &input, &outs[i], d.as_ref(), keepdim)).transpose();
            match (part(0)?, part(1)?) {
                (Some(a), Some(b)) => a.add(b, 1i64).map(Some),
                (a, b) => Ok(a.or(b)),
            } };
    /// Where the greatest element is.
    fn argmax(input: Tensor, dim: Option<i64> = "null", keepdim: bool = "false") [] eval {
        arg_extreme(&input, dim, keepdim, true) };
    /// Where the least element is.
    fn argmin(input: Tensor, dim: Option<i64> = "null", keepdim: bool = "false") [] eval {
        arg_extreme(&input, dim, keepdim, false) };
}
