//! Elements in another order or more than once: flipped, rolled, turned, repeated, shuffled.

use super::prelude::*;
use super::views::sliced;
use crate::kernels::copy::copy as copy_elements;

fn flipped(t: &Tensor, dims: &Dims) -> Result {
    let mut turn = vec![false; t.ndim()];
    for &d in dims {
        let d = wrap_dim(d, t.ndim())?;
        if t.ndim() > 0 {
            if turn[d] {
                return Err(Error::runtime(format!("dim {d} appears multiple times in the list of dims")));
            }
            turn[d] = true;
        }
    }
    if t.numel() == 0 {
        return t.copied(t.dtype());
    }
    let mut l = t.layout().clone();
    for (d, on) in turn.iter().enumerate() {
        if *on {
            l.offset += l.strides[d] * (l.sizes[d] - 1);
            l.strides[d] = -l.strides[d];
        }
    }
    t.alias(l).copied(t.dtype())
}

fn rolled(t: &Tensor, shifts: &Dims, dims: &Dims) -> Result {
    if shifts.is_empty() {
        return Err(Error::runtime("`shifts` required"));
    }
    if dims.is_empty() && shifts.len() == 1 {
        let n = t.numel() as i64;
        let flat = t.contiguous_data()?.alias(Layout { offset: t.contiguous_data()?.layout().offset, ..Layout::contiguous(&[n]) });
        let out = rolled(&flat, shifts, &smallvec![0])?;
        return Ok(out.alias(Layout::contiguous(t.sizes())));
    }
    if shifts.len() != dims.len() {
        return Err(Error::runtime(format!("shifts and dimensions must align. shifts: {}, dims:{}", shifts.len(), dims.len())));
    }
    if let (0, Some(d)) = (t.ndim(), dims.first()) {
        return Err(Error::no_dimensions(*d));
    }
    let mut out = t.contiguous_data()?;
    for (&s, &d) in shifts.iter().zip(dims) {
        let d = wrap_dim(d, t.ndim())?;
        let n = t.sizes()[d];
        if n == 0 {
            continue;
        }
        let s = s.rem_euclid(n);
        let next = Tensor::empty(t.sizes(), t.dtype())?;
        let part = |x: &Tensor, from: i64, to: i64| sliced(x.layout(), d as i64, Some(from), Some(to), 1).map(|l| x.alias(l));
        copy_elements(&part(&out, 0, n - s)?, &part(&next, s, n)?);
        copy_elements(&part(&out, n - s, n)?, &part(&next, 0, s)?);
        out = next;
    }
    if out.shares_storage(t) { out.copied(t.dtype()) } else { Ok(out) }
}

/// The order that moves dimensions from their places to others.
fn moved(ndim: usize, from: &Dims, to: &Dims) -> Result<Dims> {
    if from.len() != to.len() {
        return Err(Error::runtime(format!(
            "movedim: Invalid source or destination dims: source ({:?} dims) should contain the same number of dims as destination ({:?} dims)",
            from.as_slice(), to.as_slice()
        )));
    }
    let wrap = |l: &Dims| l.iter().map(|d| wrap_dim(*d, ndim)).collect::<Result<Vec<_>>>();
    let (src, dst) = (wrap(from)?, wrap(to)?);
    for (list, what) in [(&src, ("source", from)), (&dst, ("destination", to))] {
        if (1..list.len()).any(|i| list[..i].contains(&list[i])) {
            return Err(Error::runtime(format!("movedim: repeated dim in `{}` ({:?})", what.0, what.1.as_slice())));
        }
    }
    let mut order = vec![None; ndim];
    for (s, d) in src.iter().zip(&dst) {
        order[*d] = Some(*s);
    }
    let mut rest = (0..ndim).filter(|d| !src.contains(d));
    Ok(order.into_iter().map(|o| o.or_else(|| rest.next()).unwrap_or(0) as i64).collect())
}

/// Quarter turns in the plane of two dimensions.
fn turned(input: &Tensor, k: i64, dims: &Dims) -> Result {
    if dims.len() != 2 {
        return Err(Error::runtime(format!("expected total rotation dims == 2, but got dims = {}", dims.len())));
    }
    if input.ndim() < 2 {
        return Err(Error::runtime(format!("expected total dims >= 2, but got total dims = {}", input.ndim())));
    }
    let n = input.ndim() as i64;
    if dims[0] == dims[1] || (dims[0] - dims[1]).abs() == n {
        return Err(Error::runtime(format!(
            "expected rotation dims to be different, but got dim0 = {} and dim1 = {}", dims[0], dims[1]
        )));
    }
    let (a, b) = (wrap_dim(dims[0], input.ndim())? as i64, wrap_dim(dims[1], input.ndim())? as i64);
    let input = input.detached();
    match k.rem_euclid(4) {
        0 => input.copied(input.dtype()),
        1 => input.flip([b])?.transpose(a, b),
        2 => input.flip([a, b]),
        _ => input.flip([a])?.transpose(a, b),
    }
}

/// Copies of a tensor along each dimension, of which there may be more in front.
fn repeated(input: &Tensor, repeats: &[i64]) -> Result {
    let lead = repeats.len().checked_sub(input.ndim()).ok_or_else(|| {
        Error::runtime("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    })?;
    let mut sizes = Dims::from_elem(1, lead);
    sizes.extend_from_slice(input.sizes());
    let total: Dims = sizes.iter().zip(repeats).map(|(n, r)| n.saturating_mul(*r)).collect();
    let out = Tensor::empty(&total, input.dtype())?;
    if out.numel() == 0 {
        return Ok(out);
    }
    // Each dimension of the result is two: which copy, and where in it.
    let l = input.layout();
    let mut from = Layout { sizes: Dims::new(), strides: Dims::new(), offset: l.offset };
    for (d, (&n, &r)) in sizes.iter().zip(repeats).enumerate() {
        let stride = if d < lead { 0 } else { l.strides[d - lead] };
        from.sizes.extend([r, n]);
        from.strides.extend([0, stride]);
    }
    let to = Layout::contiguous(&from.sizes);
    copy_elements(&input.alias(from), &out.alias(to));
    Ok(out)
}

/// The copies of each element added up.
fn repeat_grad(g: &Tensor, sizes: &Dims, repeats: &[i64]) -> Result {
    if g.numel() == 0 {
        return Tensor::zeros(sizes, g.dtype());
    }
    let lead = repeats.len() - sizes.len();
    let pairs: Dims = repeats.iter().enumerate().flat_map(|(d, &r)| [r, if d < lead { 1 } else { sizes[d - lead] }]).collect();
    let copies: Dims = (0..repeats.len() as i64).map(|d| 2 * d).collect();
    if copies.is_empty() {
        return Ok(g.clone());
    }
    g.reshape(&pairs)?.sum_dim(&copies, false, ())?.reshape(sizes)
}

/// Channels dealt out to groups, one by one.
fn shuffled(input: &Tensor, groups: i64) -> Result {
    if input.ndim() <= 2 {
        return Err(Error::runtime(format!(
            "channel_shuffle expects input with > 2 dims, but got input with sizes {:?}", input.sizes()
        )));
    }
    if groups <= 0 {
        return Err(Error::runtime(format!(
            "Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )));
    }
    let (b, c) = (input.sizes()[0], input.sizes()[1]);
    if c % groups != 0 {
        return Err(Error::runtime(format!(
            "Number of channels must be divisible by groups. Got {c} channels and {groups} groups."
        )));
    }
    let rest: i64 = input.sizes()[2..].iter().product();
    let dealt = input.contiguous_data()?.reshape([b, groups, c / groups, rest])?.transpose(1i64, 2i64)?;
    dealt.contiguous_data()?.reshape(input.sizes())
}

/// Each index as often as `repeats` says.
fn indices_of(repeats: &Tensor, output_size: Option<i64>) -> Result {
    if repeats.ndim() != 1 {
        return Err(Error::runtime("repeat_interleave only accept 1D vector as repeat"));
    }
    if !matches!(repeats.dtype(), DType::Int64 | DType::Int32) {
        return Err(Error::dtype("repeat_interleave_cpu", repeats.dtype()));
    }
    let counts = repeats.to_vec::<i64>();
    if counts.iter().any(|n| *n < 0) {
        return Err(Error::runtime("repeats can not be negative"));
    }
    let total = counts.iter().fold(0i64, |a, n| a.saturating_add(*n));
    if output_size.is_some_and(|n| n != total) {
        return Err(Error::runtime("allocated size does not match required size"));
    }
    let out = Tensor::empty(&[total], DType::Int64)?;
    let each = counts.iter().enumerate().flat_map(|(i, n)| std::iter::repeat_n(i as i64, *n as usize));
    out.data_mut::<i64>().iter_mut().zip(each).for_each(|(x, i)| *x = i);
    out.as_contiguous(repeats.dtype())
}

/// Each slice of a dimension as often as its number says.
fn interleaved(input: &Tensor, repeats: &Tensor, dim: Option<i64>, output_size: Option<i64>) -> Result {
    let (input, dim) = match dim {
        Some(dim) => (input.clone(), dim),
        None => (input.flatten(0i64, -1i64)?, 0),
    };
    let d = wrap_dim(dim, input.ndim())?;
    let n = input.sizes().get(d).copied().unwrap_or(1);
    let counts = match repeats.ndim() {
        0 => repeats.detached().reshape([1])?.expand([n])?,
        1 if repeats.sizes()[0] == 1 => repeats.detached().expand([n])?,
        1 if repeats.sizes()[0] != n => {
            return Err(Error::runtime(format!(
                "repeats must have the same size as input along dim, but got repeats.size(0) = {} and input.size({d}) = {n}",
                repeats.sizes()[0]
            )));
        }
        1 => repeats.detached(),
        _ => return Err(Error::runtime("repeats must be 0-dim or 1-dim tensor")),
    };
    input.index_select(d as i64, indices_of(&counts, output_size)?)
}

/// Each slice of a dimension equally often: expanded along a new dimension, which is then merged.
fn interleaved_evenly(input: &Tensor, repeats: i64, dim: Option<i64>, output_size: Option<i64>) -> Result {
    let (input, dim) = match dim {
        Some(dim) => (input.clone(), dim),
        None => (input.flatten(0i64, -1i64)?, 0),
    };
    let d = wrap_dim(dim, input.ndim())?;
    if repeats < 0 {
        return Err(Error::runtime("Repeats must be non-negative"));
    }
    let input = if input.ndim() == 0 { input.reshape([1])? } else { input };
    let mut sizes = input.dims();
    let total = sizes[d].saturating_mul(repeats);
    if let Some(given) = output_size.filter(|n| *n != total) {
        return Err(Error::runtime(format!("repeat_interleave: Invalid output_size, expected {total} but got {given}")));
    }
    sizes.insert(d + 1, repeats);
    input.unsqueeze(d as i64 + 1)?.expand(&sizes)?.clone_op(())?.flatten(d as i64, d as i64 + 1)
}

ops! { TABLE, ReorderOps;
    /// Dimensions moved to other places.
    fn movedim(input: Tensor, source: Dims, destination: Dims) ["moveaxis"] compose {
        if input.ndim() == 0 { moved(1, &source, &destination)?; input.detach_view() }
        else { input.permute(&moved(input.ndim(), &source, &destination)?) } };
    /// The elements in reverse order along dimensions, as a copy.
    fn flip(input: Tensor, dims: Dims) [] eval { flipped(&input, &dims) } d input = |g, dims| g.flip(&dims);
    /// The elements in reverse order along the second dimension.
    fn fliplr(input: Tensor) [] compose {
        if input.ndim() < 2 { return Err(Error::runtime("Input must be >= 2-d.")); } input.flip([1]) };
    /// The elements in reverse order along the first dimension.
    fn flipud(input: Tensor) [] compose {
        if input.ndim() < 1 { return Err(Error::runtime("Input must be >= 1-d.")); } input.flip([0]) };
    /// The elements moved on along dimensions, those that fall out coming in again.
    fn roll(input: Tensor, shifts: Dims, dims: Dims = "[]") [] eval { rolled(&input, &shifts, &dims) }
        d input = |g, shifts, dims| { let back: Dims = shifts.iter().map(|s| s.wrapping_neg()).collect(); g.roll(&back, &dims) };
    /// Quarter turns from the first of two dimensions towards the second.
    fn rot90(input: Tensor, k: i64 = "1", dims: Dims = "[0, 1]") [] eval { turned(&input, k, &dims) }
        d input = |g, k, dims| g.rot90(k.wrapping_neg(), &dims);
    /// Copies along each dimension, of which there may be more in front.
    fn repeat(input: Tensor, repeats: Dims) [method] eval { repeated(&input, &repeats) }
        d input = |g, sizes, repeats| repeat_grad(g, &sizes, &repeats);
    /// Copies along each dimension; those not named in front stay single.
    fn tile(input: Tensor, dims: Dims) [] compose {
        let mut all = Dims::from_elem(1, input.ndim().saturating_sub(dims.len())); all.extend_from_slice(&dims); input.repeat(&all) };
    /// Channels dealt out to groups, one by one.
    fn channel_shuffle(input: Tensor, groups: i64) [function, "nn.functional.channel_shuffle"] eval { shuffled(&input, groups) }
        d input = |g, sizes, groups| g.channel_shuffle(sizes[1] / groups);
    /// Each slice of a dimension, or each element, so many times in a row.
    fn repeat_interleave(input: Tensor, repeats: i64, dim: Option<i64> = "null"; output_size: Option<i64> = "null") [] compose {
        interleaved_evenly(&input, repeats, dim, output_size) };
    /// Each slice of a dimension, or each element, as often as its number in `repeats` says.
    fn repeat_interleave_each "repeat_interleave"(input: Tensor, repeats: Tensor, dim: Option<i64> = "null";
        output_size: Option<i64> = "null") [] compose { interleaved(&input, &repeats, dim, output_size) };
    /// Each index as often as `repeats` says.
    fn repeat_interleave_indices "repeat_interleave"(repeats: Tensor; output_size: Option<i64> = "null") [function] eval {
        indices_of(&repeats, output_size) };
}
