//! Loops along dimensions: rows reduced to a number, rows turned into rows.

use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::Dims;
use crate::tensor::Tensor;

/// The sizes after reducing `dims`.
pub fn reduced_sizes(sizes: &[i64], dims: &[usize], keepdim: bool) -> Dims {
    let mut out = Dims::new();
    for (d, &n) in sizes.iter().enumerate() {
        if !dims.contains(&d) {
            out.push(n);
        } else if keepdim {
            out.push(1);
        }
    }
    out
}

/// The tensor with `dims` moved last, row-major in `T`; and the length of a row.
fn rows_of<T: Element>(t: &Tensor, dims: &[usize]) -> Result<(Tensor, usize)> {
    let mut order: Vec<usize> = (0..t.ndim()).filter(|d| !dims.contains(d)).collect();
    let mut last: Vec<usize> = dims.to_vec();
    last.sort_unstable();
    order.extend(last);
    let mut layout = t.layout().clone();
    for (i, &d) in order.iter().enumerate() {
        layout.sizes[i] = t.sizes()[d];
        layout.strides[i] = t.strides()[d];
    }
    let len = dims.iter().map(|&d| t.sizes()[d] as usize).product();
    Ok((t.alias(layout).as_contiguous(T::DTYPE)?, len))
}

/// `f` of every row along `dims`.
pub fn rows<T: Element, R: Element>(
    t: &Tensor, dims: &[usize], keepdim: bool, dtype: DType, f: impl Fn(&[T]) -> R,
) -> Result {
    let (source, len) = rows_of::<T>(t, dims)?;
    let out = Tensor::empty(&reduced_sizes(t.sizes(), dims, keepdim), R::DTYPE)?;
    let data = source.data::<T>();
    for (i, d) in out.data_mut::<R>().iter_mut().enumerate() {
        *d = f(&data[i * len..(i + 1) * len]);
    }
    if dtype == R::DTYPE { Ok(out) } else { out.copied(dtype) }
}

/// Two results for every row: a value and where it was found.
pub fn rows_indexed<T: Element>(
    t: &Tensor, dims: &[usize], keepdim: bool, dtype: DType, f: impl Fn(&[T]) -> (T, i64),
) -> Result<(Tensor, Tensor)> {
    let (source, len) = rows_of::<T>(t, dims)?;
    let sizes = reduced_sizes(t.sizes(), dims, keepdim);
    let values = Tensor::empty(&sizes, T::DTYPE)?;
    let indices = Tensor::empty(&sizes, DType::Int64)?;
    let data = source.data::<T>();
    for (i, (v, k)) in values.data_mut::<T>().iter_mut().zip(indices.data_mut::<i64>()).enumerate() {
        (*v, *k) = f(&data[i * len..(i + 1) * len]);
    }
    let values = if dtype == T::DTYPE { values } else { values.copied(dtype)? };
    Ok((values, indices))
}

/// The dimension moved back from the end, row-major.
fn moved_back(t: &Tensor, dim: usize) -> Result {
    let mut layout = t.layout().clone();
    let (n, s) = (layout.sizes.pop(), layout.strides.pop());
    layout.sizes.insert(dim, n.unwrap_or(1));
    layout.strides.insert(dim, s.unwrap_or(1));
    t.alias(layout).contiguous_data()
}

/// `f` turns every row along `dim` into a row of `len` elements.
pub fn along<T: Element, R: Element>(
    t: &Tensor, dim: usize, len: usize, dtype: DType, mut f: impl FnMut(&[T], &mut [R]),
) -> Result {
    if t.ndim() == 0 {
        let out = Tensor::empty(&[len as i64], R::DTYPE)?;
        f(t.as_contiguous(T::DTYPE)?.data(), out.data_mut());
        let out = if len == 1 { out.alias(crate::layout::Layout::contiguous(&[])) } else { out };
        return if dtype == R::DTYPE { Ok(out) } else { out.copied(dtype) };
    }
    let (source, n) = rows_of::<T>(t, &[dim])?;
    let mut sizes = source.dims();
    if let Some(last) = sizes.last_mut() {
        *last = len as i64;
    }
    let out = Tensor::empty(&sizes, R::DTYPE)?;
    let (from, to) = (source.data::<T>(), out.data_mut::<R>());
    if len > 0 {
        for (i, row) in to.chunks_exact_mut(len).enumerate() {
            f(&from[i * n..(i + 1) * n], row);
        }
    }
    let out = if dtype == R::DTYPE { out } else { out.copied(dtype)? };
    moved_back(&out, dim)
}

/// As `along`, with a second row of indices.
pub fn along_indexed<T: Element>(
    t: &Tensor, dim: usize, len: usize, dtype: DType, mut f: impl FnMut(&[T], &mut [T], &mut [i64]),
) -> Result<(Tensor, Tensor)> {
    let zero_dim = t.ndim() == 0;
    let t = if zero_dim { t.alias(crate::layout::Layout::contiguous(&[1])) } else { t.clone() };
    let (source, n) = rows_of::<T>(&t, &[dim])?;
    let mut sizes = source.dims();
    if let Some(last) = sizes.last_mut() {
        *last = len as i64;
    }
    let (values, indices) = (Tensor::empty(&sizes, T::DTYPE)?, Tensor::empty(&sizes, DType::Int64)?);
    let from = source.data::<T>();
    if len > 0 {
        let pairs = values.data_mut::<T>().chunks_exact_mut(len).zip(indices.data_mut::<i64>().chunks_exact_mut(len));
        for (i, (v, k)) in pairs.enumerate() {
            f(&from[i * n..(i + 1) * n], v, k);
        }
    }
    let values = if dtype == T::DTYPE { values } else { values.copied(dtype)? };
    let (values, indices) = (moved_back(&values, dim)?, moved_back(&indices, dim)?);
    if zero_dim && len == 1 {
        let flat = crate::layout::Layout::contiguous(&[]);
        return Ok((values.alias(flat.clone()), indices.alias(flat)));
    }
    Ok((values, indices))
}

/// Sums the leading dimensions: `[n, m] -> [m]` for contiguous floats, row by row.
pub fn sum_leading<T: Element + std::ops::AddAssign + Default>(data: &[T], m: usize, out: &mut [T]) {
    out.fill(T::default());
    // Rows in groups, so that a long sum keeps its precision.
    let group = 64 * m;
    let mut part = vec![T::default(); m];
    for rows in data.chunks(group.max(1)) {
        part.fill(T::default());
        for row in rows.chunks_exact(m) {
            for (p, x) in part.iter_mut().zip(row) {
                *p += *x;
            }
        }
        for (o, p) in out.iter_mut().zip(&part) {
            *o += *p;
        }
    }
}
