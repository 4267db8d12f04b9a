//! Slices of one dimension named by a vector of indices: selected, added to, replaced, filled,
//! repeated; and embedding, which is a selection of rows.

use super::loops::Arith;
use super::prelude::*;
use super::promote::{fitted, scalar_tensor};
use crate::by_width;
use crate::error::Kind;
use crate::kernels::index::Around;

/// The number of slices of dimension `d`.
fn slices(t: &Tensor, d: usize) -> i64 {
    t.sizes().get(d).copied().unwrap_or(1)
}

fn picked(input: &Tensor, dim: i64, index: &Tensor) -> Result {
    let d = wrap_dim(dim, input.ndim())?;
    if index.ndim() > 1 {
        return Err(Error::index("index_select(): Index is supposed to be a vector"));
    }
    if !matches!(index.dtype(), DType::Int64 | DType::Int32) {
        return Err(Error::runtime("index_select(): Expected dtype int32 or int64 for index"));
    }
    if input.ndim() == 0 && index.numel() != 1 {
        return Err(Error::runtime(format!("index_select(): Index to scalar can have only 1 value, got {} value(s)", index.numel())));
    }
    let (places, n) = (index.as_contiguous(DType::Int64)?, slices(input, d));
    let places = places.data::<i64>();
    if input.ndim() > 1 && n == 0 && !places.is_empty() {
        return Err(Error::runtime("index_select(): self indexing axis dim should be positive"));
    }
    if let Some(bad) = places.iter().find(|i| **i < 0 || **i >= n) {
        // PyTorch's loop over the second dimension has a sentence of its own.
        let second = input.ndim() > 1 && (d == 1 || input.numel() == 0);
        return Err(if second {
            Error::runtime(format!("INDICES element is out of DATA bounds, id={bad} axis_dim={n}"))
        } else {
            Error::index("index out of range in self")
        });
    }
    let x = input.contiguous_data()?;
    let mut sizes = input.dims();
    if let Some(size) = sizes.get_mut(d) {
        *size = places.len() as i64;
    }
    let out = Tensor::empty(&sizes, input.dtype())?;
    by_width!(input.dtype(), T => Around::new(input.sizes(), d).select(x.data::<T>(), places, out.data_mut::<T>()));
    Ok(out)
}

/// Checks what `index_add` and `index_reduce` have in common; the dimension.
pub(crate) fn check_source(name: &str, input: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Result<usize> {
    let d = wrap_dim(dim, input.ndim())?;
    if index.ndim() > 1 {
        return Err(Error::index(format!(
            "{name}_(): Index is supposed to be a vector, but got dim: {} with type: {} and size: {:?}",
            index.ndim(), index.dtype().scalar_type(), index.sizes()
        )));
    }
    if !matches!(index.dtype(), DType::Int64 | DType::Int32) {
        return Err(Error::runtime(format!("{name}_(): Expected dtype int32/int64 for index but got: {}", index.dtype().scalar_type())));
    }
    if input.dtype() != source.dtype() {
        return Err(Error::runtime(format!(
            "{name}_(): self ({}) and source ({}) must have the same scalar type", input.dtype().scalar_type(), source.dtype().scalar_type()
        )));
    }
    let alike = input.ndim() == source.ndim() && (0..input.ndim()).all(|k| k == d || input.sizes()[k] == source.sizes()[k]);
    if !alike {
        return Err(Error::runtime(format!(
            "source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = {:?} source.shape = {:?}",
            input.sizes(), source.sizes()
        )));
    }
    if index.numel() as i64 != slices(source, d) {
        return Err(Error::runtime(format!(
            "{name}_(): Number of indices ({}) should be equal to source.size(dim): ({}), for dim: {d}", index.numel(), slices(source, d)
        )));
    }
    Ok(d)
}

fn added_at(input: &Tensor, dim: i64, index: &Tensor, source: &Tensor, alpha: Scalar) -> Result {
    let d = check_source("index_add", input, dim, index, source)?;
    let (places, n) = (index.to_vec::<i64>(), slices(input, d));
    let bad = places.iter().find(|i| **i < 0 || **i >= n);
    if let (Some(&bad), true) = (bad, source.numel() > 0) {
        // PyTorch hands the outer dimensions to scatter_add, where the sentence is another.
        let scattered = input.ndim() > 1 && alpha.to::<f64>() == 1.0 && (d == 0 || d + 1 == input.ndim());
        return Err(if scattered { Error::out_of_bounds(Kind::Runtime, bad, d, n) } else { Error::index("index out of range in self") });
    }
    let (out, source) = (input.copied(input.dtype().compute())?, source.as_contiguous(input.dtype().compute())?);
    dispatch_compute!(input.dtype(), T => {
        let (from, to) = (source.data::<T>(), out.data_mut::<T>());
        let (around, k): (_, T) = (Around::new(input.sizes(), d), fitted(alpha, input.dtype())?);
        if source.numel() > 0 {
            around.each(&places, |i, o| {
                for (x, y) in to[o..o + around.inner].iter_mut().zip(&from[i..i + around.inner]) {
                    *x = x.plus(k.times(*y));
                }
            });
        }
    });
    out.as_contiguous(input.dtype())
}

fn copied_at(input: &Tensor, dim: i64, index: &Tensor, source: &Tensor) -> Result {
    let d = wrap_dim(dim, input.ndim())?;
    if index.ndim() > 1 {
        return Err(Error::index(format!("index_copy_(): Index should have dimension 1 or 0 (got {})", index.ndim())));
    }
    let count = index.numel() as i64;
    if source.ndim() == 0 && count != 1 {
        return Err(Error::index(format!("index_copy_(): When source is scalar, index should have one element (got {count})")));
    }
    if source.ndim() != input.ndim() && source.ndim() != 0 && input.ndim() != 0 {
        return Err(Error::index(format!(
            "index_copy_(): When source and destination are not scalars, their dimensionality must match. Source dimensionality ({}), destination dimensionality ({})",
            source.ndim(), input.ndim()
        )));
    }
    if index.dtype() != DType::Int64 {
        return Err(Error::runtime(format!("index_copy_(): Expected a long tensor for index, but got {}", index.dtype().scalar_type())));
    }
    if input.dtype() != source.dtype() {
        return Err(Error::runtime(format!(
            "index_copy_(): self and source expected to have the same dtype, but got (self) {} and (source) {}",
            input.dtype().scalar_type(), source.dtype().scalar_type()
        )));
    }
    let slice = |t: &Tensor| -> Dims { (0..t.ndim()).filter(|k| *k != d).map(|k| t.sizes()[k]).collect() };
    if slice(input) != slice(source) {
        let list = |s: Dims| s.iter().map(i64::to_string).collect::<Vec<_>>().join(" ");
        return Err(Error::runtime(format!(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination slice shape: {} at dimension {d} and source slice shape: {} at dimension 0.",
            list(slice(input)), list(slice(source))
        )));
    }
    if source.ndim() > 0 && count != slices(source, d) {
        return Err(Error::index(format!("index_copy_(): Number of indices ({count}) should be equal to source.size(dim) ({})", slices(source, d))));
    }
    let (places, n) = (index.to_vec::<i64>(), slices(input, d));
    if let Some(bad) = places.iter().find(|i| **i < 0 || **i >= n) {
        return Err(Error::index(format!("index_copy_(): index {bad} is out of bounds for dimension {d} with size {n}")));
    }
    let (out, source) = (input.copied(input.dtype())?, source.contiguous_data()?);
    by_width!(input.dtype(), T => Around::new(input.sizes(), d).replace(out.data_mut::<T>(), &places, source.data::<T>()));
    Ok(out)
}

fn filled_at(input: &Tensor, dim: i64, index: &Tensor, value: Scalar) -> Result {
    if index.dtype() != DType::Int64 {
        return Err(Error::index("index_fill_(): Expected dtype int64 for index."));
    }
    if matches!(value, Scalar::Complex(_)) && !input.dtype().is_complex() {
        return Err(Error::runtime("index_fill_(): Converting complex Scalar to non-complex type is not supported"));
    }
    let d = wrap_dim(dim, input.ndim())?;
    if index.ndim() > 1 {
        return Err(Error::runtime("Index has to be a vector/scalar"));
    }
    let value = scalar_tensor(value, input.dtype())?;
    let (mut places, n) = (index.to_vec::<i64>(), slices(input, d));
    for p in &mut places {
        if *p < -n || *p >= n {
            return Err(Error::out_of_bounds(Kind::Index, *p, d, n));
        }
        *p += if *p < 0 { n } else { 0 };
    }
    let out = input.copied(input.dtype())?;
    by_width!(input.dtype(), T => {
        let (around, v, to) = (Around::new(input.sizes(), d), value.data::<T>()[0], out.data_mut::<T>());
        around.each(&places, |_, o| to[o..o + around.inner].fill(v));
    });
    Ok(out)
}

fn fill_value(value: &Tensor) -> Result<Scalar> {
    if value.ndim() != 0 {
        return Err(Error::runtime(format!("index_fill_ only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).", value.ndim())));
    }
    value.scalar()
}

/// A slice named twice was filled once.
fn fill_grad(g: &Tensor, dim: i64, index: &Tensor) -> Result {
    let n = slices(g, wrap_dim(dim, g.ndim())?);
    let once = index.remainder(n.max(1))?.unique(false, false, false, ())?;
    g.index_select(dim, once)?.sum(())
}

/// Every index of `repeats` as often as it says.
fn repeated(repeats: &Tensor, output_size: Option<i64>) -> Result {
    if repeats.ndim() != 1 {
        return Err(Error::runtime("repeat_interleave only accept 1D vector as repeat"));
    }
    if !matches!(repeats.dtype(), DType::Int64 | DType::Int32) {
        return Err(Error::dtype("repeat_interleave_cpu", repeats.dtype()));
    }
    let counts = repeats.to_vec::<i64>();
    if counts.iter().any(|c| *c < 0) {
        return Err(Error::runtime("repeats can not be negative"));
    }
    let total = counts.iter().try_fold(0i64, |a, c| a.checked_add(*c)).unwrap_or(i64::MAX);
    if output_size.is_some_and(|n| n != total) {
        return Err(Error::runtime("allocated size does not match required size"));
    }
    let out = Tensor::empty(&[total], DType::Int64)?;
    let mut rest = out.data_mut::<i64>();
    for (i, &c) in counts.iter().enumerate() {
        let (now, later) = rest.split_at_mut(c as usize);
        now.fill(i as i64);
        rest = later;
    }
    out.as_contiguous(repeats.dtype())
}

/// The input and dimension of `repeat_interleave`: all of it in a row where none is named.
fn row_or_dim(input: &Tensor, dim: Option<i64>) -> Result<(Tensor, i64)> {
    match dim {
        None => Ok((input.reshape([-1])?, 0)),
        Some(d) => Ok((input.clone(), wrap_dim(d, input.ndim())? as i64)),
    }
}

ops! { TABLE, PickOps;
    /// Whole slices of a dimension, in the order of `index`.
    fn index_select(input: Tensor, dim: i64, index: Tensor) [apart] eval { picked(&input, dim, &index) }
        d input = |g, sizes, dim, index| Tensor::zeros(&sizes, g.dtype())?.index_add(dim, index, g, 1i64);
    /// Slices of `source` added to those that `index` names.
    fn index_add(input: Tensor, dim: i64, index: Tensor, source: Tensor; alpha: Scalar = "1") [inplace] eval { added_at(&input, dim, &index, &source, alpha) }
        d input = |g| Ok(g.clone()), d source = |g, dim, index, alpha| g.index_select(dim, index).mul(alpha);
    /// Slices of `source` in place of those that `index` names.
    fn index_copy(input: Tensor, dim: i64, index: Tensor, source: Tensor) [inplace] eval { copied_at(&input, dim, &index, &source) }
        d input = |g, dim, index| g.index_fill_scalar(dim, index, 0i64), d source = |g, sizes, dim, index| g.index_select(dim, index).reshape(&sizes);
    /// `value`, a tensor without dimensions, in the slices that `index` names.
    fn index_fill(input: Tensor, dim: i64, index: Tensor, value: Tensor) [inplace, IndexFillBackward1] eval { filled_at(&input, dim, &index, fill_value(&value)?) }
        d input = |g, dim, index| g.index_fill_scalar(dim, index, 0i64), d value = |g, dim, index| fill_grad(g, dim, &index);
    /// `value` in the slices that `index` names.
    fn index_fill_scalar "index_fill"(input: Tensor, dim: i64, index: Tensor, value: Scalar) [inplace] eval { filled_at(&input, dim, &index, value) }
        d input = |g, dim, index| g.index_fill_scalar(dim, index, 0i64);
    /// Every index of `repeats` as often as it says.
    fn repeat_each "repeat_interleave"(repeats: Tensor; output_size: Option<i64> = "null") [function] eval { repeated(&repeats, output_size) };
    /// Every slice of a dimension, or every element, as often as `repeats` says.
    fn repeat_interleave_tensor "repeat_interleave"(input: Tensor, repeats: Tensor, dim: Option<i64> = "null"; output_size: Option<i64> = "null") [] compose {
        let (input, d) = row_or_dim(&input, dim)?;
        let n = slices(&input, d as usize);
        if repeats.ndim() > 1 { return Err(Error::runtime("repeats must be 0-dim or 1-dim tensor")); }
        let repeats = if repeats.numel() == 1 { repeats.reshape([1])?.expand([n])? } else { repeats };
        if repeats.numel() as i64 != n {
            return Err(Error::runtime(format!("repeats must have the same size as input along dim, but got repeats.size(0) = {} and input.size({d}) = {n}", repeats.numel()))); }
        input.index_select(d, repeated(&repeats, output_size)) };
    /// Every slice of a dimension, or every element, `repeats` times.
    fn repeat_interleave(input: Tensor, repeats: i64, dim: Option<i64> = "null"; output_size: Option<i64> = "null") [] compose {
        let (input, d) = row_or_dim(&input, dim)?;
        let input = if input.ndim() == 0 { return Err(Error::dim_range(1, 0)) } else { input };
        if repeats < 0 { return Err(Error::runtime("Repeats must be non-negative")); }
        let mut sizes = input.dims();
        sizes[d as usize] = sizes[d as usize].saturating_mul(repeats);
        if let Some(n) = output_size.filter(|n| *n != sizes[d as usize]) {
            return Err(Error::runtime(format!("repeat_interleave: Invalid output_size, expected {} but got {n}", sizes[d as usize]))); }
        let mut spread = input.dims();
        spread.insert(d as usize + 1, repeats);
        input.unsqueeze(d + 1)?.expand(&spread)?.clone_op(())?.view(&sizes) };
}
