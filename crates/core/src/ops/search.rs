//! Finding values: distinct ones, places in sorted sequences, membership.

use super::prelude::*;
use super::sort::{compared, rows_last};
use crate::kernels::order::{placed, places, with_places, Ordered, Placed};
use std::cmp::Ordering;

/// What a search for distinct values found: which elements stand for all, and for every element the
/// number of its group.
struct Groups {
    first: Vec<usize>,
    inverse: Vec<i64>,
}

impl Groups {
    /// Walks elements in `order`; a new group starts where `same(previous, this)` is false.
    fn of(order: impl Iterator<Item = usize>, n: usize, same: impl Fn(usize, usize) -> bool) -> Groups {
        let mut out = Groups { first: Vec::new(), inverse: vec![0; n] };
        let mut previous = None;
        for i in order {
            if !previous.is_some_and(|p| same(p, i)) {
                out.first.push(i);
            }
            out.inverse[i] = out.first.len() as i64 - 1;
            previous = Some(i);
        }
        out
    }

    /// The result with what was asked for besides.
    fn answer(self, values: Tensor, sizes: &[i64], inverse: bool, counts: bool) -> Result<Value> {
        if !inverse && !counts {
            return Ok(Value::Tensor(values));
        }
        let mut list = vec![Some(values)];
        if inverse {
            list.push(Some(Tensor::from_slice(&self.inverse, sizes)?));
        }
        if counts {
            let mut count = vec![0i64; self.first.len()];
            self.inverse.iter().for_each(|&g| count[g as usize] += 1);
            list.push(Some(Tensor::from_slice(&count, &[count.len() as i64])?));
        }
        Ok(Value::Tensors(list))
    }
}

/// The distinct elements, in order unless they are only compared with their neighbours.
fn distinct(t: &Tensor, consecutive: bool, inverse: bool, counts: bool) -> Result<Value> {
    compared!(t.dtype(), Error::dtype("unique", t.dtype()), T => {
        let flat = t.to_vec::<T>();
        let mut row: Vec<Placed<T>> = Vec::new();
        with_places(&flat, &mut row);
        if !consecutive {
            row.sort_unstable_by(placed(false));
        }
        let groups = Groups::of(row.iter().map(|x| x.1), flat.len(), |a, b| flat[a] == flat[b]);
        let values: Vec<T> = groups.first.iter().map(|&i| flat[i]).collect();
        let values = Tensor::from_slice(&values, &[values.len() as i64])?.as_contiguous(t.dtype())?;
        groups.answer(values, t.sizes(), inverse, counts)
    })
}

/// The distinct slices of a dimension.
fn distinct_slices(t: &Tensor, dim: i64, consecutive: bool, inverse: bool, counts: bool) -> Result<Value> {
    if t.ndim() == 0 {
        wrap_dim(dim, 0)?;
        return Err(Error::index("Dimension specified as 0 but tensor has no dimensions"));
    }
    let d = wrap_dim(dim, t.ndim())?;
    let n = t.sizes()[d] as usize;
    let zeros = t.sizes().iter().filter(|s| **s == 0).count();
    if n == 0 && zeros > 1 {
        return Err(Error::runtime("Number of zero sized dimensions is more than one, so unique cannot be applied "));
    }
    if n > 0 && zeros > 0 {
        return Err(Error::runtime("There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"));
    }
    let groups = compared!(t.dtype(), Error::dtype("unique_dim", t.dtype()), T => {
        // Slices lie apart in memory with the dimension last: slice `i` is every n-th element from i.
        let rows = rows_last::<T>(t, d)?;
        let data = rows.data::<T>();
        let slice = |i: usize| data.iter().skip(i).step_by(n.max(1));
        let compare = |a: usize, b: usize| slice(a).zip(slice(b)).map(|(x, y)| x.order(*y))
            .find(|o| *o != Ordering::Equal).unwrap_or(Ordering::Equal);
        let order = if consecutive { (0..n).collect() } else { places(n, &compare) };
        Ok(Groups::of(order.into_iter(), n, |a, b| slice(a).eq(slice(b))))
    })?;
    let first: Vec<i64> = groups.first.iter().map(|&i| i as i64).collect();
    let index = Tensor::from_slice(&first, &[first.len() as i64])?;
    let values = t.detached().index_select(d as i64, index)?;
    groups.answer(values, &[n as i64], inverse, counts)
}

/// The first place in `edges[from..from + n]` whose value is not less than (`right`: greater than) `x`.
fn bound<T: Ordered + PartialOrd>(x: T, n: usize, right: bool, edge: impl Fn(usize) -> T) -> usize {
    let (mut lo, mut hi) = (0, n);
    while lo < hi {
        let mid = lo + (hi - lo) / 2;
        let beyond = if right { edge(mid) > x } else { edge(mid) >= x };
        if beyond { hi = mid } else { lo = mid + 1 }
    }
    lo
}

fn check_search(edges: &Tensor, values: &Tensor, sorter: Option<&Tensor>) -> Result<()> {
    if let Some(s) = sorter {
        if s.sizes() != edges.sizes() {
            return Err(Error::runtime(format!(
                "torch.searchsorted(): boundary and sorter must have the same size, but got boundary tensor {:?}and got sorter tensor {:?}",
                edges.sizes(), s.sizes()
            )));
        }
        if s.dtype() != DType::Int64 {
            return Err(Error::runtime(format!(
                "torch.searchsorted(): sorter must be a tensor of long dtype but got dtype {}", s.dtype().scalar_type()
            )));
        }
        let n = edges.sizes().last().copied().unwrap_or(1);
        if s.to_vec::<i64>().iter().any(|i| *i < 0 || *i >= n) {
            return Err(Error::runtime("torch.searchsorted(): sorter index out of range"));
        }
    }
    if values.ndim() == 0 && edges.ndim() > 1 {
        return Err(Error::runtime(format!(
            "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim({}) and input value's dim(0) numel(1)",
            edges.ndim()
        )));
    }
    if edges.ndim() == 0 {
        return Err(Error::runtime("torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 dimension"));
    }
    let lead = |t: &Tensor| -> Dims { t.sizes()[..t.ndim().saturating_sub(1)].into() };
    if edges.ndim() > 1 && (edges.ndim() != values.ndim() || lead(edges) != lead(values)) {
        return Err(Error::runtime(format!(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must match, but we got boundaries tensor {:?} and input value tensor {:?}",
            edges.sizes(), values.sizes()
        )));
    }
    Ok(())
}

/// Where `values` belong in rows of sorted `edges`.
fn searched(edges: &Tensor, values: &Tensor, sorter: Option<&Tensor>, right: bool, short: bool) -> Result {
    check_search(edges, values, sorter)?;
    let dtype = result_type(&[edges, values]);
    if dtype == DType::Bool || dtype.is_complex() {
        return Err(Error::dtype("searchsorted_out_cpu", dtype));
    }
    let out = Tensor::empty(values.sizes(), DType::Int64)?;
    let n = edges.sizes().last().map_or(1, |n| *n as usize);
    let per_row = if edges.ndim() > 1 { values.sizes().last().map_or(1, |n| *n as usize) } else { values.numel() };
    let sorter = sorter.map(Tensor::to_vec::<i64>);
    compared!(dtype, Error::dtype("searchsorted_out_cpu", dtype), T => {
        let (edges, values) = (edges.copied(dtype)?.to_vec::<T>(), values.copied(dtype)?.to_vec::<T>());
        for (i, (o, x)) in out.data_mut::<i64>().iter_mut().zip(&values).enumerate() {
            let row = i / per_row.max(1) * n;
            *o = bound(*x, n, right, |k| {
                let k = sorter.as_ref().map_or(k, |s| s[row + k] as usize);
                edges[row + k]
            }) as i64;
        }
        Ok(())
    })?;
    out.as_contiguous(if short { DType::Int32 } else { DType::Int64 })
}

fn side(right: bool, side: Option<&str>) -> Result<bool> {
    match side {
        None => Ok(right),
        Some("right") => Ok(true),
        Some("left") if !right => Ok(false),
        Some("left") => Err(Error::runtime("torch.searchsorted(): side and right can't be set to opposites, got side of left while right was True")),
        Some(s) => Err(Error::runtime(format!("torch.searchsorted(): side can only be 'left' or 'right' but got {s}"))),
    }
}

fn members(elements: &Tensor, tests: &Tensor, invert: bool) -> Result {
    for t in [elements, tests] {
        if t.dtype() == DType::Bool || t.dtype().is_complex() {
            return Err(Error::not_implemented(format!("Unsupported input type encountered for isin(): {}", t.dtype().scalar_type())));
        }
    }
    let dtype = result_type(&[elements, tests]);
    let out = Tensor::empty(elements.sizes(), DType::Bool)?;
    compared!(dtype, Error::dtype("isin", dtype), T => {
        let (values, mut set) = (elements.copied(dtype)?.to_vec::<T>(), tests.copied(dtype)?.to_vec::<T>());
        set.sort_unstable_by(|a, b| a.order(*b));
        for (o, x) in out.data_mut::<bool>().iter_mut().zip(&values) {
            let at = bound(*x, set.len(), false, |k| set[k]);
            *o = set.get(at).is_some_and(|s| s == x) != invert;
        }
        Ok(())
    })?;
    Ok(out)
}

ops! { TABLE, SearchOps;
    /// The distinct elements, or slices of a dimension, in order; on request with the number of each element's group, and how many each has.
    fn unique(input: Tensor, sorted: bool = "true", return_inverse: bool = "false", return_counts: bool = "false", dim: Option<i64> = "null") -> (tensors) [] eval {
        let _ = sorted;
        match dim { None => distinct(&input, false, return_inverse, return_counts), Some(d) => distinct_slices(&input, d, false, return_inverse, return_counts) } };
    /// The elements, or slices of a dimension, that differ from the one before; on request with the number of each element's group, and how many each has.
    fn unique_consecutive(input: Tensor, return_inverse: bool = "false", return_counts: bool = "false", dim: Option<i64> = "null") -> (tensors) [] eval {
        match dim { None => distinct(&input, true, return_inverse, return_counts), Some(d) => distinct_slices(&input, d, true, return_inverse, return_counts) } };
    /// Where values would be inserted in a sorted sequence: before (`right`: after) those that are equal.
    fn searchsorted(sorted_sequence: Tensor, input: Operand; out_int32: bool = "false", right: bool = "false", side: Option<String> = "null", sorter: Option<Tensor> = "null") [function] eval {
        searched(&sorted_sequence, &input, sorter.as_ref(), crate::ops::search::side(right, side.as_deref())?, out_int32) };
    /// The number of the interval between `boundaries` that each value falls in.
    fn bucketize(input: Operand, boundaries: Tensor; out_int32: bool = "false", right: bool = "false") [function] eval {
        if boundaries.ndim() != 1 { return Err(Error::runtime(format!("boundaries tensor must be 1 dimension, but got dim({})", boundaries.ndim()))); }
        searched(&boundaries, &input, None, right, out_int32) };
    /// Whether each element is among `test_elements`.
    fn isin(elements: Operand, test_elements: Operand; assume_unique: bool = "false", invert: bool = "false") [function] eval {
        let _ = assume_unique; members(&elements, &test_elements, invert) };
}
