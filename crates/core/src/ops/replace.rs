//! Copies of a tensor with the region that a view names replaced; the diagonal filled in place.

use super::prelude::*;
use super::promote::scalar_tensor;
use super::strided::scatter_strided;
use super::views::{diagonal_of, selected, sliced};

/// `input`, row-major, with the region at `l` replaced by `src`, which has its sizes.
fn replaced(input: &Tensor, src: &Tensor, l: &Layout) -> Result {
    if l.sizes[..] != *src.sizes() {
        return Err(Error::runtime(format!(
            "expected src to have a size equal to the slice of self. src size = {:?}, slice size = {:?}", src.sizes(), l.sizes.as_slice()
        )));
    }
    scatter_strided(&input.contiguous_data()?.fresh()?, src, &l.sizes, &l.strides, Some(l.offset))
}

/// Writes `value` along the diagonal, and with `wrap` again below a tall matrix's last one.
fn diagonal_filled(input: &Tensor, value: Scalar, wrap: bool) -> Result {
    let (sizes, strides) = (input.sizes(), input.strides());
    if sizes.len() < 2 {
        return Err(Error::runtime("dimensions must larger than 1"));
    }
    if sizes.len() > 2 && sizes.iter().any(|n| *n != sizes[0]) {
        return Err(Error::runtime("all dimensions of input must be of equal length"));
    }
    let value = scalar_tensor(value, input.dtype())?;
    let (height, width) = (sizes[0], sizes[1]);
    let (step, length, offset) = (strides.iter().sum::<i64>(), height.min(width), input.layout().offset);
    let fill = |length: i64, offset: i64| {
        let view = input.as_strided([length], [step], offset)?;
        crate::autograd::write_to(&view, &value.expand([length])?)
    };
    fill(length, offset)?;
    if wrap && sizes.len() == 2 && height > width + 1 {
        let all = (height * width + width) / (width + 1);
        fill(all - length, offset + strides[0] * (width + 1))?;
    }
    Ok(input.clone())
}

ops! { TABLE, ReplaceOps;
    /// `input` with one index of a dimension replaced by `src`.
    fn select_scatter(input: Tensor, src: Tensor, dim: i64, index: i64) [] eval { replaced(&input, &src, &selected(&Layout::contiguous(input.sizes()), dim, index)?) }
        d input = |g, dim, index| { let l = selected(&Layout::contiguous(g.sizes()), dim, index)?; g.select_scatter(Tensor::zeros(&l.sizes, g.dtype()), dim, index) },
        d src = |g, dim, index| g.select(dim, index);
    /// `input` with a range of a dimension replaced by `src`.
    fn slice_scatter(input: Tensor, src: Tensor, dim: i64 = "0", start: Option<i64> = "null", end: Option<i64> = "null", step: i64 = "1") [] eval {
        replaced(&input, &src, &sliced(&Layout::contiguous(input.sizes()), dim, start, end, step)?) }
        d input = |g, dim, start, end, step| { let l = sliced(&Layout::contiguous(g.sizes()), dim, start, end, step)?; g.slice_scatter(Tensor::zeros(&l.sizes, g.dtype()), dim, start, end, step) },
        d src = |g, dim, start, end, step| g.slice(dim, start, end, step);
    /// `input` with a diagonal replaced by `src`.
    fn diagonal_scatter(input: Tensor, src: Tensor, offset: i64 = "0", dim1: i64 = "0", dim2: i64 = "1") [] eval {
        replaced(&input, &src, &diagonal_of(&Layout::contiguous(input.sizes()), offset, dim1, dim2)?) }
        d input = |g, offset, dim1, dim2| { let l = diagonal_of(&Layout::contiguous(g.sizes()), offset, dim1, dim2)?; g.diagonal_scatter(Tensor::zeros(&l.sizes, g.dtype()), offset, dim1, dim2) },
        d src = |g, offset, dim1, dim2| g.diagonal(offset, dim1, dim2);
    /// `fill_value` along the main diagonal; with `wrap` a tall matrix has several.
    fn fill_diagonal(input: Tensor, fill_value: Scalar, wrap: bool = "false") [inplace, hidden, writes] compose { diagonal_filled(&input, fill_value, wrap) };
}
