//! Copies of a tensor with the region that a view names replaced.

use super::prelude::*;
use super::views::{diagonal_of, scatter_strided, selected, sliced};

ops! { TABLE, ReplaceOps;
    /// `input` with one index of a dimension replaced by `src`.
    fn select_scatter(input: Tensor, src: Tensor, dim: i64, index: i64) [] eval {
            let l = selected(&Layout::contiguous(input.sizes()), dim, index)?;
            if l.sizes[..] != *src.sizes() { return Err(Error::runtime(format!("expected src to have a size equal to the slice of self. src size = {:?}, slice size = {:?}", src.sizes(), l.sizes.as_slice()))); }
            scatter_strided(&input.contiguous_data()?.fresh()?, &src, &l.sizes, &l.strides, Some(l.offset)) }
        d input = |g, dim, index| { let l = selected(&Layout::contiguous(g.sizes()), dim, index)?; g.select_scatter(Tensor::zeros(&l.sizes, g.dtype()), dim, index) },
        d src = |g, dim, index| g.select(dim, index);
    /// `input` with a range of a dimension replaced by `src`.
    fn slice_scatter(input: Tensor, src: Tensor, dim: i64 = "0", start: Option<i64> = "null", end: Option<i64> = "null", step: i64 = "1") [] eval {
            let l = sliced(&Layout::contiguous(input.sizes()), dim, start, end, step)?;
            if l.sizes[..] != *src.sizes() { return Err(Error::runtime(format!("expected src to have a size equal to the slice of self. src size = {:?}, slice size = {:?}", src.sizes(), l.sizes.as_slice()))); }
            scatter_strided(&input.contiguous_data()?.fresh()?, &src, &l.sizes, &l.strides, Some(l.offset)) }
        d input = |g, dim, start, end, step| { let l = sliced(&Layout::contiguous(g.sizes()), dim, start, end, step)?; g.slice_scatter(Tensor::zeros(&l.sizes, g.dtype()), dim, start, end, step) },
        d src = |g, dim, start, end, step| g.slice(dim, start, end, step);
    /// `input` with a diagonal replaced by `src`.
    fn diagonal_scatter(input: Tensor, src: Tensor, offset: i64 = "0", dim1: i64 = "0", dim2: i64 = "1") [] eval {
            let l = diagonal_of(&Layout::contiguous(input.sizes()), offset, dim1, dim2)?;
            if l.sizes[..] != *src.sizes() { return Err(Error::runtime(format!("expected src to have a size equal to the slice of self. src size = {:?}, slice size = {:?}", src.sizes(), l.sizes.as_slice()))); }
            scatter_strided(&input.contiguous_data()?.fresh()?, &src, &l.sizes, &l.strides, Some(l.offset)) }
        d input = |g, offset, dim1, dim2| { let l = diagonal_of(&Layout::contiguous(g.sizes()), offset, dim1, dim2)?; g.diagonal_scatter(Tensor::zeros(&l.sizes, g.dtype()), offset, dim1, dim2) },
        d src = |g, offset, dim1, dim2| g.diagonal(offset, dim1, dim2);
}
