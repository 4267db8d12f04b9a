//! Elements named by a mask, and the coordinates of elements that are not zero.

use super::index::one_dim;
use super::prelude::*;
use super::promote::scalar_tensor;
use crate::by_width;
use crate::kernels::choose::{choose, Bits};
use crate::layout::contiguous_strides;

/// The elements of a mask expanded to `sizes`, row-major.
fn spread(mask: &Tensor, sizes: &[i64]) -> Result {
    let l = mask.layout().expand(sizes).unwrap_or_else(|| mask.layout().clone());
    mask.alias(l).contiguous_data()
}

/// Where the elements are not zero: their flat places.
fn places(t: &Tensor) -> Result<Vec<usize>> {
    let truth = t.as_contiguous(DType::Bool)?;
    Ok(truth.data::<bool>().iter().enumerate().filter_map(|(i, b)| b.then_some(i)).collect())
}

/// The coordinates of the elements that are not zero, a tensor for each dimension.
pub(crate) fn coordinates(t: &Tensor) -> Result<Vec<Tensor>> {
    let places = places(t)?;
    let out: Vec<Tensor> = t.sizes().iter().map(|_| Tensor::empty(&[places.len() as i64], DType::Int64)).collect::<Result<_>>()?;
    let strides = contiguous_strides(t.sizes());
    for (d, column) in out.iter().enumerate() {
        for (c, &p) in column.data_mut::<i64>().iter_mut().zip(&places) {
            *c = p as i64 / strides[d] % t.sizes()[d];
        }
    }
    Ok(out)
}

/// The coordinates of the first `rows` elements that are not zero, a row for each; `fill` after the last one.
fn coordinate_rows(t: &Tensor, rows: Option<i64>, fill: i64) -> Result {
    let mut found = places(t)?;
    let rows = rows.unwrap_or(found.len() as i64);
    found.truncate(rows as usize);
    let out = Tensor::full(&[rows, t.ndim() as i64], Scalar::Int(fill), DType::Int64)?;
    let strides = contiguous_strides(t.sizes());
    if t.ndim() > 0 {
        for (row, &p) in out.data_mut::<i64>().chunks_exact_mut(t.ndim()).zip(&found) {
            for (d, c) in row.iter_mut().enumerate() {
                *c = p as i64 / strides[d] % t.sizes()[d];
            }
        }
    }
    Ok(out)
}

/// The bits of float32 numbers that lie as a mask of these sizes does, or of one number.
fn bits<'a>(t: &'a Tensor, sizes: &[i64]) -> Option<Bits<'a>> {
    if t.dtype() != DType::Float32 {
        return None;
    }
    if t.ndim() == 0 {
        return Some(Bits::All(t.data::<f32>()[0].to_bits()));
    }
    let alike = t.sizes() == sizes && t.is_contiguous();
    // SAFETY: every float has bits.
    alike.then(|| Bits::Each(unsafe { std::slice::from_raw_parts(t.ptr::<f32>().cast(), t.numel()) }))
}

/// `x` where the mask is set, else `y`, in the sizes of the mask, if all lie one after the other.
pub(super) fn chosen(mask: &Tensor, x: &Tensor, y: &Tensor) -> Option<Result> {
    if mask.dtype() != DType::Bool || !mask.is_contiguous() {
        return None;
    }
    let (x, y) = (bits(x, mask.sizes())?, bits(y, mask.sizes())?);
    Some(Tensor::empty(mask.sizes(), DType::Float32).inspect(|out| {
        // SAFETY: the elements of a new tensor, whatever their bits are.
        choose(mask.data(), x, y, unsafe { std::slice::from_raw_parts_mut(out.ptr::<f32>().cast(), out.numel()) });
    }))
}

fn filled(input: &Tensor, mask: &Tensor, value: Scalar) -> Result {
    if mask.dtype() != DType::Bool {
        return Err(Error::runtime(format!("masked_fill_ only supports boolean masks, but got mask with dtype {}", mask.dtype().cpp_name())));
    }
    let sizes = broadcast(mask.sizes(), input.sizes())?;
    let value = scalar_tensor(value, input.dtype())?;
    if let Some(out) = chosen(mask, &value, input) {
        return out;
    }
    let out = spread(input, &sizes)?;
    let out = if out.shares_storage(input) { out.copied(out.dtype())? } else { out };
    let mask = spread(mask, &sizes)?;
    by_width!(input.dtype(), T => {
        let v = value.data::<T>()[0];
        for (x, m) in out.data_mut::<T>().iter_mut().zip(mask.data::<bool>()) {
            *x = if *m { v } else { *x };
        }
    });
    Ok(out)
}

fn selected(input: &Tensor, mask: &Tensor) -> Result {
    if mask.dtype() != DType::Bool {
        return Err(Error::runtime("masked_select: expected BoolTensor for mask"));
    }
    let sizes = broadcast(mask.sizes(), input.sizes())?;
    let (x, mask) = (spread(input, &sizes)?, spread(mask, &sizes)?);
    let mask = mask.data::<bool>();
    let out = Tensor::empty(&[mask.iter().filter(|m| **m).count() as i64], input.dtype())?;
    by_width!(input.dtype(), T => {
        let kept = x.data::<T>().iter().zip(mask).filter(|(_, m)| **m);
        for (to, (from, _)) in out.data_mut::<T>().iter_mut().zip(kept) {
            *to = *from;
        }
    });
    Ok(out)
}

fn scattered(input: &Tensor, mask: &Tensor, source: &Tensor) -> Result {
    if input.dtype() != source.dtype() {
        return Err(Error::runtime(format!(
            "masked_scatter: expected self and source to have same dtypes but got{} and {}",
            input.dtype().scalar_type(), source.dtype().scalar_type()
        )));
    }
    if mask.dtype() != DType::Bool {
        return Err(Error::runtime(format!("masked_scatter_ only supports boolean masks, but got mask with dtype {}", mask.dtype().scalar_type())));
    }
    let sizes = broadcast(mask.sizes(), input.sizes())?;
    let (x, mask) = (spread(input, &sizes)?, spread(mask, &sizes)?);
    let mask = mask.data::<bool>();
    if mask.iter().filter(|m| **m).count() > source.numel() {
        return Err(Error::runtime("Number of elements of source < number of ones in mask"));
    }
    let (out, source) = (x.copied(x.dtype())?, source.contiguous_data()?);
    by_width!(input.dtype(), T => {
        let places = out.data_mut::<T>().iter_mut().zip(mask).filter(|(_, m)| **m);
        for ((to, _), from) in places.zip(source.data::<T>()) {
            *to = *from;
        }
    });
    Ok(out)
}

/// What a mask took from a source goes back to its front; the rest of the source had no part.
fn source_grad(g: &Tensor, mask: &Tensor, sizes: &Dims) -> Result {
    let taken = g.masked_select(mask)?;
    let rest = sizes.iter().product::<i64>() - taken.numel() as i64;
    crate::ops::join::cat_of(vec![taken, Tensor::zeros(&[rest.max(0)], g.dtype())?], 0)?.reshape(sizes)
}

fn no_dims(value: &Tensor, name: &str) -> Result<Scalar> {
    if value.ndim() > 0 {
        return Err(Error::runtime(format!("{name} only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).", value.ndim())));
    }
    value.scalar()
}

ops! { TABLE, MaskOps;
    /// `value`, a tensor without dimensions, where `mask` is true.
    fn masked_fill(input: Tensor, mask: Tensor, value: Tensor) [inplace, MaskedFillBackward1] eval { filled(&input, &mask, no_dims(&value, "masked_fill_")?) }
        d input = |g, mask| g.masked_fill_scalar(mask, 0i64), d value = |g, mask| mask.where_op(g, 0i64).sum(());
    /// `value` where `mask` is true.
    fn masked_fill_scalar "masked_fill"(input: Tensor, mask: Tensor, value: Scalar) [inplace] eval { filled(&input, &mask, value) }
        d input = |g, mask| g.masked_fill_scalar(mask, 0i64);
    /// The elements where `mask` is true, in a row.
    fn masked_select(input: Tensor, mask: Tensor) [apart] eval { selected(&input, &mask) }
        d input = |g, sizes, mask| Tensor::zeros(&broadcast(&sizes, mask.sizes())?, g.dtype())?.masked_scatter(mask, g);
    /// The elements of `source`, in their order, where `mask` is true.
    fn masked_scatter(input: Tensor, mask: Tensor, source: Tensor) [inplace] eval { scattered(&input, &mask, &source) }
        d input = |g, mask| g.masked_fill_scalar(mask, 0i64), d source = |g, sizes, mask| source_grad(g, &mask, &sizes);
    /// The coordinates of the elements that are not zero: a row for each, or with `as_tuple` a tensor for each dimension.
    fn nonzero(input: Tensor; as_tuple: bool = "false") -> (tensors) [] eval {
        if !as_tuple { return coordinate_rows(&input, None, 0).map(Value::Tensor); }
        let flat = if input.ndim() == 0 { input.alias(one_dim(&input)) } else { input };
        coordinates(&flat).map(|list| Value::Tensors(list.into_iter().map(Some).collect())) };
    /// The coordinates of the first `size` elements that are not zero, `fill_value` where there are fewer.
    fn nonzero_static(input: Tensor; size: i64 = "undefined", fill_value: i64 = "-1") [] eval {
        if size < 0 { return Err(Error::runtime("nonzero_static: 'size' must be an non-negative integer")); }
        coordinate_rows(&input, Some(size), fill_value) };
    /// The coordinates of the elements that are not zero, a row for each.
    fn argwhere(input: Tensor) [] eval { coordinate_rows(&input, None, 0) };
}
