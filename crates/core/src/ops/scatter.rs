//! Elements named one by one along a dimension: gathered, and scattered back.

use super::index::one_dim;
use super::loops::Arith;
use super::prelude::*;
use super::promote::scalar_tensor;
use crate::by_width;
use crate::error::Kind;
use crate::kernels::index::{each_place, read_places};

/// A tensor without dimensions as one of size one.
pub(crate) fn at_least_1d(t: &Tensor) -> Tensor {
    if t.ndim() == 0 { t.alias(one_dim(t)) } else { t.clone() }
}

/// `index` as int64, all of it within dimension `d` of `sizes`.
fn checked(index: &Tensor, sizes: &[i64], d: usize) -> Result {
    let places = at_least_1d(index).as_contiguous(DType::Int64)?;
    let n = sizes[d];
    if let Some(&bad) = places.data::<i64>().iter().find(|i| **i < 0 || **i >= n) {
        return Err(Error::out_of_bounds(Kind::Runtime, bad, d, n));
    }
    Ok(places)
}

fn check_dtype(name: &str, index: &Tensor) -> Result<()> {
    match index.dtype() {
        DType::Int64 | DType::Int32 => Ok(()),
        _ => Err(Error::runtime(format!("{name}(): Expected dtype int32/int64 for index"))),
    }
}

fn gathered(input: &Tensor, dim: i64, index: &Tensor) -> Result {
    let d = wrap_dim(dim, input.ndim())?;
    let out = Tensor::empty(index.sizes(), input.dtype())?;
    if index.numel() == 0 {
        return Ok(out);
    }
    check_dtype("gather", index)?;
    let x = at_least_1d(input);
    if index.ndim().max(1) != x.ndim() {
        return Err(Error::runtime("Index tensor must have the same number of dimensions as input tensor"));
    }
    if let Some(k) = (0..index.ndim()).find(|&k| k != d && index.sizes()[k] > x.sizes()[k]) {
        return Err(Error::runtime(format!(
            "Size does not match at dimension {k} expected index {:?} to be no larger than self {:?} apart from dimension {d}",
            index.sizes(), input.sizes()
        )));
    }
    let (places, x) = (at_least_1d(index).as_contiguous(DType::Int64)?, x.contiguous_data()?);
    // Places are checked as they are read: another pass over them takes as long as this one.
    let bad = by_width!(input.dtype(), T => {
        read_places(x.data::<T>(), x.sizes(), places.data(), places.sizes(), d, out.data_mut::<T>()).err()
    });
    match bad {
        Some(bad) => Err(Error::out_of_bounds(Kind::Runtime, bad, d, x.sizes()[d])),
        None => Ok(out),
    }
}

/// What a scatter works on: the dimension, the places, and the source cut to the index's sizes.
pub(crate) struct Scatter {
    pub dim: usize,
    pub sizes: Dims,
    pub places: Tensor,
    pub source: Option<Tensor>,
}

/// Checks the operands of a scatter; `None` where the index is empty.
pub(crate) fn prepare(input: &Tensor, dim: i64, index: &Tensor, src: Option<&Tensor>) -> Result<Option<Scatter>> {
    let d = wrap_dim(dim, input.ndim())?;
    if index.numel() > 0 {
        check_dtype("scatter", index)?;
    }
    if src.is_some_and(|s| s.dtype() != input.dtype()) {
        return Err(Error::runtime("scatter(): Expected self.dtype to be equal to src.dtype"));
    }
    if index.numel() == 0 {
        return Ok(None);
    }
    let (x, flat, src) = (at_least_1d(input), at_least_1d(index), src.map(|s| (s, at_least_1d(s))));
    if flat.ndim() != x.ndim() {
        return Err(Error::runtime("Index tensor must have the same number of dimensions as self tensor"));
    }
    let larger = |t: &Tensor, skip: Option<usize>| (0..flat.ndim()).any(|k| Some(k) != skip && flat.sizes()[k] > t.sizes()[k]);
    let mut wrong = larger(&x, Some(d));
    if let Some((s, flat_s)) = &src {
        if flat_s.ndim() != flat.ndim() {
            return Err(Error::runtime("Index tensor must have the same number of dimensions as src tensor"));
        }
        wrong = wrong || larger(flat_s, None);
        if wrong {
            return Err(Error::runtime(format!(
                "Expected index {:?} to be no larger than self {:?} apart from dimension {d} and to be no larger size than src {:?}",
                index.sizes(), input.sizes(), s.sizes()
            )));
        }
    } else if wrong {
        return Err(Error::runtime(format!(
            "Expected index {:?} to be no larger than self {:?} apart from dimension {d}", index.sizes(), input.sizes()
        )));
    }
    let source = src.map(|(_, s)| s.alias(Layout { sizes: flat.dims(), ..s.layout().clone() }));
    Ok(Some(Scatter { dim: d, places: checked(index, x.sizes(), d)?, sizes: x.dims(), source }))
}

impl Scatter {
    /// Calls `f(place in the index, place in the result)`.
    #[inline(always)]
    pub fn each(&self, f: impl FnMut(usize, usize)) {
        each_place(self.places.data(), self.places.sizes(), &self.sizes, self.dim, f);
    }
}

fn scattered(input: &Tensor, dim: i64, index: &Tensor, src: &Tensor) -> Result {
    let out = input.copied(input.dtype())?;
    let Some(work) = prepare(input, dim, index, Some(src))? else { return Ok(out) };
    let source = work.source.as_ref().unwrap_or(src).contiguous_data()?;
    by_width!(input.dtype(), T => {
        let (from, to) = (source.data::<T>(), out.data_mut::<T>());
        work.each(|i, o| to[o] = from[i]);
    });
    Ok(out)
}

fn scattered_value(input: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Result {
    let out = input.copied(input.dtype())?;
    let Some(work) = prepare(input, dim, index, None)? else { return Ok(out) };
    let value = scalar_tensor(value, input.dtype())?;
    by_width!(input.dtype(), T => {
        let (v, to) = (value.data::<T>()[0], out.data_mut::<T>());
        work.each(|_, o| to[o] = v);
    });
    Ok(out)
}

/// Adds or multiplies into the places that `index` names.
fn combined(input: &Tensor, dim: i64, index: &Tensor, src: &Tensor, multiply: bool) -> Result {
    let Some(work) = prepare(input, dim, index, Some(src))? else { return input.copied(input.dtype()) };
    let dtype = input.dtype();
    let (out, source) = (input.copied(dtype.compute())?, work.source.as_ref().unwrap_or(src).as_contiguous(dtype.compute())?);
    dispatch_compute!(dtype, T => {
        let (from, to) = (source.data::<T>(), out.data_mut::<T>());
        if multiply { work.each(|i, o| to[o] = to[o].times(from[i])) } else { work.each(|i, o| to[o] = to[o].plus(from[i])) }
    });
    out.as_contiguous(dtype)
}

fn by_word(input: &Tensor, dim: i64, index: &Tensor, src: &Tensor, reduce: &str) -> Result {
    prepare(input, dim, index, Some(src))?;
    match reduce {
        "add" => combined(input, dim, index, src, false),
        "multiply" => combined(input, dim, index, src, true),
        _ => Err(Error::runtime("reduce argument must be either add or multiply.")),
    }
}

/// The gradient of elements selected along a dimension: zeros but there.
pub(crate) fn selection_grad(g: &Tensor, sizes: &Dims, dim: i64, indices: &Tensor, keepdim: bool) -> Result {
    if sizes.is_empty() {
        return g.reshape([]);
    }
    let (g, i) = if keepdim { (g.clone(), indices.clone()) } else { (g.unsqueeze(dim)?, indices.unsqueeze(dim)?) };
    Tensor::zeros(sizes, g.dtype())?.scatter_src(dim, i, g)
}

/// Indices and input as `take_along_dim` hands them to `gather`.
fn aligned(input: &Tensor, indices: &Tensor, dim: i64) -> Result<(Tensor, Tensor)> {
    if input.ndim() != indices.ndim() {
        return Err(Error::runtime(format!(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, but got {} dimensions for input, and {} dimensions for indices",
            input.ndim(), indices.ndim()
        )));
    }
    let d = wrap_dim(dim, input.ndim())?;
    let without = |t: &Tensor, n: i64| { let mut s = t.dims(); if let Some(k) = s.get_mut(d) { *k = n; } s };
    let n = input.sizes().get(d).copied().unwrap_or(1);
    let input_sizes = broadcast(input.sizes(), &without(indices, n))?;
    let index_sizes = broadcast(indices.sizes(), &without(input, indices.sizes().get(d).copied().unwrap_or(1)))?;
    if n == 0 && indices.numel() > 0 {
        return Err(Error::runtime("ZeroDivisionError"));
    }
    let wrapped = if n == 0 { indices.clone() } else { indices.remainder(n)? };
    Ok((input.expand(&input_sizes)?, wrapped.expand(&index_sizes)?))
}

ops! { TABLE, ScatterOps;
    /// The elements that `index` names along a dimension.
    fn gather(input: Tensor, dim: i64, index: Tensor; sparse_grad: bool = "false") [apart, exact_out] eval { gathered(&input, dim, &index) }
        d input = |g, sizes, dim, index| Tensor::zeros(&sizes, g.dtype())?.scatter_add(dim, index, g);
    /// The elements that `indices` name along a dimension, both broadcast; among all elements where no dimension is named.
    fn take_along_dim(input: Tensor, indices: Tensor, dim: Option<i64> = "null") [] compose {
        if indices.dtype() != DType::Int64 {
            return Err(Error::runtime(format!("torch.take_along_dim(): dtype of indices should be Long but got {}", indices.dtype().scalar_type()))); }
        match dim {
            Some(d) => { let (input, indices) = aligned(&input, &indices, d)?; input.gather(d, indices, false) }
            None => input.reshape([-1])?.gather(0i64, indices.reshape([-1]), false),
        } };
    /// `src` written to the places that `index` names along a dimension.
    fn scatter_src "scatter"(input: Tensor, dim: i64, index: Tensor, src: Tensor) [inplace] eval { scattered(&input, dim, &index, &src) }
        d input = |g, dim, index| g.scatter_value(dim, index, 0i64), d src = |g, dim, index| g.gather(dim, index, false);
    /// A number written to the places that `index` names along a dimension.
    fn scatter_value "scatter"(input: Tensor, dim: i64, index: Tensor, value: Scalar) [inplace, ScatterBackward1] eval { scattered_value(&input, dim, &index, value) }
        d input = |g, dim, index| g.scatter_value(dim, index, 0i64);
    /// `src` added or multiplied (`reduce` is "add" or "multiply") into the places that `index` names.
    fn scatter_combine "scatter"(input: Tensor, dim: i64, index: Tensor, src: Tensor; reduce: String = "undefined") [inplace] eval { by_word(&input, dim, &index, &src, &reduce) };
    /// A number added or multiplied (`reduce` is "add" or "multiply") into the places that `index` names.
    fn scatter_combine_value "scatter"(input: Tensor, dim: i64, index: Tensor, value: Scalar; reduce: String = "undefined") [inplace] eval {
        by_word(&input, dim, &index, &scalar_tensor(value, input.dtype())?.expand(index.sizes())?, &reduce) };
    /// `src` added at the places that `index` names along a dimension.
    fn scatter_add(input: Tensor, dim: i64, index: Tensor, src: Tensor) [inplace] eval { combined(&input, dim, &index, &src, false) }
        d input = |g| Ok(g.clone()), d src = |g, dim, index| g.gather(dim, index, false);
}
