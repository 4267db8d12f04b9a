//! Any sizes and strides over a storage, writes to them, and their gradients.

use super::prelude::*;
use crate::kernels::copy::copy as copy_elements;

/// The entry of `as_strided`, by which a view of a rewritten base is made anew.
pub(crate) fn as_strided_entry() -> &'static crate::table::Op {
    &as_strided::OP
}

/// Whether a layout stays within `numel` elements.
fn inside(l: &Layout, numel: usize) -> Result<()> {
    if l.sizes.len() != l.strides.len() || l.offset < 0 || l.strides.iter().any(|s| *s < 0) || l.checked_extent().is_none_or(|n| n > numel) {
        return Err(Error::runtime(format!("{l:?} is out of bounds for a storage of {numel} elements")));
    }
    Ok(())
}

/// Zeros of `base`, with `g` added at a strided place.
fn strided_add(g: &Tensor, base: &Dims, strides: &Dims, offset: i64) -> Result {
    let out = Tensor::zeros(base, g.dtype())?;
    let l = Layout { sizes: g.dims(), strides: strides.clone(), offset };
    inside(&l, out.numel())?;
    let overlaps = l.sizes.iter().zip(&l.strides).any(|(n, s)| *n > 1 && *s == 0) || is_overlapping(&l);
    if !overlaps {
        copy_elements(g, &out.alias(l));
        return Ok(out);
    }
    dispatch_compute!(g.dtype(), T => {
        use super::loops::Arith;
        let values = g.to_vec::<T>();
        let mut sums: Vec<T> = vec![T::nil(); out.numel()];
        let mut i = 0;
        crate::layout::Loop::<1>::new(&l.sizes, [&l.strides]).runs(|len, at, step| {
            for k in 0..len as i64 {
                let p = (offset + at[0] + k * step[0]) as usize;
                sums[p] = sums[p].plus(values[i]);
                i += 1;
            }
        });
        copy_elements(&Tensor::from_slice(&sums, base)?, &out);
    });
    Ok(out)
}

/// Whether two indices may share an element: strides in order do not leave room for the sizes.
fn is_overlapping(l: &Layout) -> bool {
    let mut dims: Vec<(i64, i64)> = l.strides.iter().copied().zip(l.sizes.iter().copied()).filter(|d| d.1 > 1).collect();
    dims.sort_unstable();
    let mut reach = 0;
    for (s, n) in dims {
        if s <= reach {
            return true;
        }
        reach += s * (n - 1);
    }
    false
}

fn strided_take(t: &Tensor, size: &Dims, strides: &Dims, offset: i64) -> Result {
    let base = t.contiguous_data()?;
    let mut l = Layout { sizes: size.clone(), strides: strides.clone(), offset };
    inside(&l, base.numel())?;
    l.offset += base.layout().offset;
    base.alias(l).copied(t.dtype())
}

fn restrided(t: &Tensor, size: &Dims, stride: &Dims, offset: Option<i64>) -> Result {
    if size.len() != stride.len() {
        return Err(Error::runtime("mismatch in length of strides and shape"));
    }
    let l = Layout { sizes: size.clone(), strides: stride.clone(), offset: offset.unwrap_or(t.layout().offset) };
    if stride.iter().any(|s| *s < 0) {
        return Err(Error::runtime(format!("as_strided: Negative strides are not supported at the moment, got strides: {:?}", stride.as_slice())));
    }
    if l.offset < 0 {
        return Err(Error::runtime(format!("Tensor: invalid storage offset {}", l.offset)));
    }
    let room = l.checked_extent().and_then(|n| n.checked_mul(t.dtype().itemsize()));
    let need = room.filter(|_| size.iter().all(|n| *n >= 0)).ok_or_else(|| Error::runtime(format!(
        "Storage size calculation overflowed with sizes={:?} and strides={:?}", size.as_slice(), stride.as_slice()
    )))?;
    if need > t.storage_bytes() {
        return Err(Error::runtime(format!(
            "setStorage: sizes {:?}, strides {:?}, storage offset {}, and itemsize {} requiring a storage size of {need} are out of bounds for storage of size {}",
            size.as_slice(), stride.as_slice(), l.offset, t.dtype().itemsize(), t.storage_bytes()
        )));
    }
    Ok(t.alias(l))
}

/// `input` in a layout of its own storage, with a region of that replaced.
pub(crate) fn scatter_strided(input: &Tensor, src: &Tensor, size: &Dims, stride: &Dims, offset: Option<i64>) -> Result {
    let l = input.layout();
    let v = Layout { sizes: size.clone(), strides: stride.clone(), offset: offset.unwrap_or(l.offset) };
    let room = Tensor::zeros(&[l.extent().max(v.extent()) as i64], input.dtype())?;
    let out = room.alias(l.clone());
    copy_elements(input, &out);
    let src = src.detached_weak();
    let src = src.layout().expand(size).map(|l| src.alias(l)).ok_or_else(|| Error::runtime(format!(
        "expected src to have a size equal to the slice of self. src size = {:?}, slice size = {:?}", src.sizes(), size.as_slice())))?;
    copy_elements(&src, &room.alias(v));
    Ok(out)
}

fn scatter_grad(g: &Tensor, l: &Layout, size: &Dims, stride: &Dims, offset: Option<i64>) -> Result {
    let v = Layout { sizes: size.clone(), strides: stride.clone(), offset: offset.unwrap_or(l.offset) };
    let room: Dims = dims![l.extent().max(v.extent()) as i64];
    g._strided_add(&room, &l.strides, l.offset)?
        .copy_slices(Tensor::zeros(size, g.dtype()), size, stride, v.offset)?
        ._strided_take(&l.sizes, &l.strides, l.offset)
}

fn src_grad(g: &Tensor, l: &Layout, size: &Dims, stride: &Dims, offset: Option<i64>) -> Result {
    let v = Layout { sizes: size.clone(), strides: stride.clone(), offset: offset.unwrap_or(l.offset) };
    let room: Dims = dims![l.extent().max(v.extent()) as i64];
    g._strided_add(&room, &l.strides, l.offset)?._strided_take(size, stride, v.offset)
}

/// The storage that two layouts share, from its first element.
fn room(a: &Layout, b: &Layout) -> Dims {
    dims![a.extent().max(b.extent()) as i64]
}

/// The gradient of `as_strided`: added up in the storage, and, where elements of the input share
/// memory, divided evenly among them.
fn strided_grad(g: &Tensor, input: &Layout, size: Dims, stride: &Dims, offset: Option<i64>) -> Result {
    let view = Layout { sizes: size, strides: stride.clone(), offset: offset.unwrap_or(input.offset) };
    let room = room(input, &view);
    let mut sums = g._strided_add(&room, stride, view.offset)?;
    if is_overlapping(input) {
        let ones = Tensor::full(&input.sizes, Scalar::Int(1), g.dtype())?;
        let count = strided_add(&ones, &room, &input.strides, input.offset)?;
        sums = sums.div(count.clamp_min(1i64), ())?;
    }
    sums._strided_take(&input.sizes, &input.strides, input.offset)
}

/// What flows to a region, and zeros elsewhere: PyTorch's gradient of `input` in `as_strided_scatter`,
/// though `input` is not read there.
fn region_grad(g: &Tensor, l: &Layout, size: &Dims, stride: &Dims, offset: Option<i64>) -> Result {
    let view = Layout { sizes: size.clone(), strides: stride.clone(), offset: offset.unwrap_or(l.offset) };
    src_grad(g, l, size, stride, offset)?
        ._strided_add(room(l, &view), stride, view.offset)?
        ._strided_take(&l.sizes, &l.strides, l.offset)
}

ops! { TABLE, StridedOps;
    /// Any sizes and strides over the storage.
    fn as_strided(input: Tensor, size: Dims, stride: Dims, storage_offset: Option<i64> = "null")
        [inplace, copy, (AsStridedBackward1)] view {
        restrided(&input, &size, &stride, storage_offset) }
        d input = |g, layout, size, stride, storage_offset| strided_grad(g, &layout, size, &stride, storage_offset);
    /// `input` with a strided region replaced by `src`.
    fn as_strided_scatter(input: Tensor, src: Tensor, size: Dims, stride: Dims, storage_offset: Option<i64> = "null") [] eval {
        restrided(&input, &size, &stride, storage_offset)?; scatter_strided(&input, &src, &size, &stride, storage_offset) }
        d input = |g, layout, size, stride, storage_offset| region_grad(g, &layout, &size, &stride, storage_offset),
        d src = |g, layout, size, stride, storage_offset| src_grad(g, &layout, &size, &stride, storage_offset);
    /// `input` with a strided region replaced by `src`, which alone has what flows to it.
    fn copy_slices(input: Tensor, src: Tensor, size: Dims, stride: Dims, storage_offset: Option<i64> = "null")
        [hidden, CopySlices] eval { scatter_strided(&input, &src, &size, &stride, storage_offset) }
        d input = |g, layout, size, stride, storage_offset| scatter_grad(g, &layout, &size, &stride, storage_offset),
        d src = |g, layout, size, stride, storage_offset| src_grad(g, &layout, &size, &stride, storage_offset);
    /// Zeros of `base` sizes, with `input` added at a strided place.
    fn _strided_add(input: Tensor, base: Dims, stride: Dims, offset: i64) [hidden] eval { strided_add(&input, &base, &stride, offset) }
        d input = |g, sizes, stride, offset| g._strided_take(&sizes, &stride, offset);
    /// A copy of a strided place of a row-major tensor.
    fn _strided_take(input: Tensor, size: Dims, stride: Dims, offset: i64) [hidden] eval { strided_take(&input, &size, &stride, offset) }
        d input = |g, sizes, stride, offset| g._strided_add(&sizes, &stride, offset);
}
