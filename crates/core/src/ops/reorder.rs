//! Elements in another order or more than once: flipped, rolled, turned, repeated.

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
        let out = rolled(&flat, shifts, &dims![0])?;
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
}
