//! Sorting, and what order statistics need no full sort for: the greatest, the k-th, the median,
//! the most frequent.

use super::prelude::*;
use super::scatter::{at_least_1d, selection_grad};
use crate::kernels::order::{mode as mode_of, nth, placed, with_places, Ordered, Placed};

/// Runs `$body` with `$t` naming the type in which values of the dtype are compared.
macro_rules! compared {
    ($dtype:expr, $refused:expr, $t:ident => $body:expr) => {
        match $dtype.compute() {
            DType::Int64 => { type $t = i64; $body }
            DType::Float32 => { type $t = f32; $body }
            DType::Float64 => { type $t = f64; $body }
            _ => Err($refused),
        }
    };
}
pub(crate) use compared;

/// The tensor with dimension `d` last, row-major in `T`.
pub(crate) fn rows_last<T: Element>(t: &Tensor, d: usize) -> Result {
    let mut l = t.layout().clone();
    let (n, s) = (l.sizes.remove(d), l.strides.remove(d));
    l.sizes.push(n);
    l.strides.push(s);
    t.alias(l).as_contiguous(T::DTYPE)
}

/// The last dimension back at `d`.
fn moved_back(t: &Tensor, d: usize) -> Result {
    let mut l = t.layout().clone();
    let (n, s) = (l.sizes.pop().unwrap_or(1), l.strides.pop().unwrap_or(1));
    l.sizes.insert(d, n);
    l.strides.insert(d, s);
    t.alias(l).contiguous_data()
}

/// Values and places: `f` turns every row along dimension `d` into `len` of them.
fn by_row<T: Ordered + Element>(
    t: &Tensor, d: usize, len: usize, mut f: impl FnMut(&mut Vec<Placed<T>>),
) -> Result<Vec<Tensor>> {
    let flat = at_least_1d(t);
    let n = flat.sizes()[d] as usize;
    let source = rows_last::<T>(&flat, d)?;
    let mut sizes = source.dims();
    sizes[flat.ndim() - 1] = len as i64;
    let (values, indices) = (Tensor::empty(&sizes, T::DTYPE)?, Tensor::empty(&sizes, DType::Int64)?);
    if len > 0 && n > 0 {
        let mut row = Vec::with_capacity(n);
        let out = values.data_mut::<T>().chunks_exact_mut(len).zip(indices.data_mut::<i64>().chunks_exact_mut(len));
        for (from, (v, k)) in source.data::<T>().chunks_exact(n).zip(out) {
            with_places(from, &mut row);
            f(&mut row);
            for ((v, k), (x, i)) in v.iter_mut().zip(k).zip(&row) {
                (*v, *k) = (*x, *i as i64);
            }
        }
    }
    [values.as_contiguous(t.dtype())?, indices].iter().map(|r| {
        let r = moved_back(r, d)?;
        Ok(if t.ndim() == 0 { r.alias(Layout::contiguous(&[])) } else { r })
    }).collect()
}

/// As `by_row`, with one value for each row and its dimension dropped unless `keepdim`.
fn one_by_row<T: Ordered + Element>(
    t: &Tensor, d: usize, keepdim: bool, f: impl Fn(&mut Vec<Placed<T>>) -> Placed<T>,
) -> Result<Vec<Tensor>> {
    let mut out = by_row(t, d, 1, |row| { let best = f(row); row[0] = best; })?;
    if !keepdim && t.ndim() > 0 {
        for r in &mut out {
            let mut l = r.layout().clone();
            l.sizes.remove(d);
            l.strides.remove(d);
            *r = r.alias(l);
        }
    }
    Ok(out)
}

fn sorted(t: &Tensor, dim: i64, descending: bool) -> Result<Vec<Tensor>> {
    let d = wrap_dim(dim, t.ndim())?;
    let len = t.sizes().get(d).map_or(1, |n| *n as usize);
    compared!(t.dtype(), Error::type_error(" Sort does not support complex dtypes on CPU"), T =>
        by_row::<T>(t, d, len, |row| row.sort_unstable_by(placed(descending))))
}

fn top(t: &Tensor, k: i64, dim: i64, largest: bool) -> Result<Vec<Tensor>> {
    let d = wrap_dim(dim, t.ndim())?;
    if k < 0 || k > t.sizes().get(d).copied().unwrap_or(1) {
        return Err(Error::runtime("selected index k out of range"));
    }
    if t.dtype() == DType::Bool {
        return Err(Error::not_implemented("topk does not support bool dtypes on CPU"));
    }
    let k = if t.ndim() == 0 { 1 } else { k as usize };
    compared!(t.dtype(), Error::type_error("topk does not support complex dtypes on CPU"), T =>
        by_row::<T>(t, d, k, |row| {
            if k < row.len() {
                row.select_nth_unstable_by(k, placed(largest));
                row.truncate(k);
            }
            row.sort_unstable_by(placed(largest));
        }))
}

/// The dimension of a reduction by value, which must have elements.
fn checked_dim(t: &Tensor, dim: i64, name: &str) -> Result<usize> {
    let d = wrap_dim(dim, t.ndim())?;
    if t.sizes().get(d) == Some(&0) {
        return Err(Error::index(format!("{name}(): Expected reduction dim {d} to have non-zero size.")));
    }
    Ok(d)
}

fn kth(t: &Tensor, k: i64, dim: i64, keepdim: bool) -> Result<Vec<Tensor>> {
    let d = checked_dim(t, dim, "kthvalue")?;
    if k < 1 || k > t.sizes().get(d).copied().unwrap_or(1) {
        return Err(Error::runtime(format!("kthvalue(): selected number k out of range for dimension {d}")));
    }
    if t.dtype() == DType::Bool {
        return Err(Error::dtype("kthvalue_cpu", t.dtype()));
    }
    compared!(t.dtype(), Error::dtype("kthvalue_cpu", t.dtype()), T =>
        one_by_row::<T>(t, d, keepdim, |row| nth(row, k as usize - 1)))
}

fn most_frequent(t: &Tensor, dim: i64, keepdim: bool) -> Result<Vec<Tensor>> {
    let d = checked_dim(t, dim, "mode")?;
    compared!(t.dtype(), Error::dtype("mode_cpu", t.dtype()), T => one_by_row::<T>(t, d, keepdim, |row| {
        row.sort_unstable_by(placed(false));
        mode_of(row)
    }))
}

/// The lower of the middle ones; the first NaN, if there is any and NaN counts.
fn middle<T: Ordered>(row: &mut [Placed<T>], skip_nan: bool) -> Placed<T> {
    let numbers = row.iter().filter(|x| !x.0.is_nan()).count();
    let k = match (skip_nan, numbers == row.len()) {
        (true, _) => numbers.saturating_sub(1) / 2,
        (false, true) => (row.len() - 1) / 2,
        (false, false) => numbers,
    };
    nth(row, k)
}

fn median_of(t: &Tensor, skip_nan: bool) -> Result {
    let n = t.numel() as i64;
    if t.dtype() == DType::Bool || t.dtype().is_complex() {
        return Err(Error::dtype("median_cpu", t.dtype()));
    }
    if n == 0 {
        return Tensor::full(&[], Scalar::Float(f64::NAN), t.dtype());
    }
    let row = t.contiguous_data()?;
    let row = row.alias(Layout { offset: row.layout().offset, ..Layout::contiguous(&[n]) });
    let found: Vec<Tensor> = compared!(t.dtype(), Error::dtype("median_cpu", t.dtype()), T =>
        one_by_row::<T>(&row, 0, false, |row| middle(row, skip_nan)))?;
    found.into_iter().next().ok_or_else(|| Error::runtime("undefined result"))
}

fn median_along(t: &Tensor, dim: i64, keepdim: bool, skip_nan: bool) -> Result<Vec<Tensor>> {
    let d = checked_dim(t, dim, "median")?;
    if t.dtype() == DType::Bool {
        return Err(Error::dtype("median_out", t.dtype()));
    }
    compared!(t.dtype(), Error::dtype("median_out", t.dtype()), T =>
        one_by_row::<T>(t, d, keepdim, |row| middle(row, skip_nan)))
}

/// In equal shares to all elements that have the value.
fn shared(g: &Tensor, input: &Tensor, out: &Tensor) -> Result {
    let mask = input.eq(out)?.logical_or(input.isnan().logical_and(out.isnan()?)?)?._to_copy(g.dtype())?;
    mask.mul(g.div(mask.sum(()), ())?)
}

ops! { TABLE, SortOps;
    /// The elements in order along a dimension, NaN as the greatest, and where they come from.
    fn sort(input: Tensor, dim: i64 = "-1", descending: bool = "false") -> (values, indices) [] eval { sorted(&input, dim, descending) }
        d input = |g, sizes, dim, outs| selection_grad(g, &sizes, dim, &outs[1], true);
    /// The elements in order along a dimension, equal ones in the order they were in, and where they come from.
    fn sort_stable "sort"(input: Tensor; stable: Option<bool> = "null", dim: i64 = "-1", descending: bool = "false") -> (values, indices) [SortBackward1] eval {
        let _ = stable; sorted(&input, dim, descending) }
        d input = |g, sizes, dim, outs| selection_grad(g, &sizes, dim, &outs[1], true);
    /// The places of the elements in order along a dimension.
    fn argsort(input: Tensor, dim: i64 = "-1", descending: bool = "false"; stable: bool = "false") [] eval {
        let _ = stable; sorted(&input, dim, descending).map(|mut r| r.swap_remove(1)) };
    /// The elements in order along the first dimension.
    fn msort(input: Tensor) [] compose { input.sort(0i64, false) };
    /// The `k` greatest, or smallest, elements along a dimension, in order, and where they come from.
    fn topk(input: Tensor, k: i64, dim: i64 = "-1", largest: bool = "true", sorted: bool = "true") -> (values, indices) [] eval {
        let _ = sorted; top(&input, k, dim, largest) }
        d input = |g, sizes, dim, outs| selection_grad(g, &sizes, dim, &outs[1], true);
    /// The `k`-th smallest element along a dimension, and where it is.
    fn kthvalue(input: Tensor, k: i64, dim: i64 = "-1", keepdim: bool = "false") -> (values, indices) [apart] eval { kth(&input, k, dim, keepdim) }
        d input = |g, sizes, dim, keepdim, outs| selection_grad(g, &sizes, dim, &outs[1], keepdim);
    /// The most frequent element along a dimension, and where it last is.
    fn mode(input: Tensor, dim: i64 = "-1", keepdim: bool = "false") -> (values, indices) [] eval { most_frequent(&input, dim, keepdim) }
        d input = |g, sizes, dim, keepdim, outs| selection_grad(g, &sizes, dim, &outs[1], keepdim);
    /// The median of all elements, the lower one where there are two.
    fn median(input: Tensor) [] eval { median_of(&input, false) } d input = |g, input, out| shared(g, &input, &out);
    /// The median along a dimension, the lower one where there are two, and where it is.
    fn median_dim "median"(input: Tensor, dim: i64, keepdim: bool = "false") -> (values, indices) [MedianBackward1] eval { median_along(&input, dim, keepdim, false) }
        d input = |g, sizes, dim, keepdim, outs| selection_grad(g, &sizes, dim, &outs[1], keepdim);
    /// The median of the elements that are numbers.
    fn nanmedian(input: Tensor) [] eval { median_of(&input, true) } d input = |g, input, out| shared(g, &input, &out);
    /// The median along a dimension of the elements that are numbers, and where it is.
    fn nanmedian_dim "nanmedian"(input: Tensor, dim: i64, keepdim: bool = "false") -> (values, indices) [NanmedianBackward1] eval { median_along(&input, dim, keepdim, true) }
        d input = |g, sizes, dim, keepdim, outs| selection_grad(g, &sizes, dim, &outs[1], keepdim);
}
