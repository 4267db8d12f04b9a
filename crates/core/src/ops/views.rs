//! Views: other sizes and strides over the same storage; and the copies that go with them.

use super::prelude::*;
use crate::kernels::copy::copy as copy_elements;
use crate::layout::checked_numel;

/// The entry of `as_strided`, by which a view of a rewritten base is made anew.
pub(crate) fn as_strided_entry() -> &'static crate::table::Op {
    &as_strided::OP
}

/// The entry that stands for a write to a view, seen from its base.
pub(crate) fn as_strided_scatter_entry() -> &'static crate::table::Op {
    &copy_slices::OP
}

/// `sizes` with -1 replaced by what is left.
pub(crate) fn infer_size(sizes: &[i64], numel: usize) -> Result<Dims> {
    let mut out: Dims = sizes.into();
    let mut hole = None;
    let mut known: i64 = 1;
    for (d, &n) in sizes.iter().enumerate() {
        if n == -1 {
            if hole.replace(d).is_some() {
                return Err(Error::runtime("only one dimension can be inferred"));
            }
        } else if n < 0 {
            return Err(Error::runtime(format!("invalid shape dimension {n}")));
        } else {
            known = known.checked_mul(n).ok_or_else(|| Error::runtime("numel: integer multiplication overflow"))?;
        }
    }
    let numel = numel as i64;
    let fits = match hole {
        None => known == numel,
        Some(_) if known == 0 && numel == 0 => {
            return Err(Error::runtime(format!(
                "cannot reshape tensor of 0 elements into shape {sizes:?} because the unspecified dimension size -1 can be any value and is ambiguous"
            )));
        }
        Some(d) => {
            let fits = known > 0 && numel % known == 0;
            if fits {
                out[d] = numel / known;
            }
            fits
        }
    };
    if !fits {
        return Err(Error::runtime(format!("shape '{sizes:?}' is invalid for input of size {numel}")));
    }
    Ok(out)
}

fn viewed(t: &Tensor, size: &[i64]) -> Result {
    let sizes = infer_size(size, t.numel())?;
    let layout = t.layout().view(&sizes).ok_or_else(|| Error::runtime(
        "view size is not compatible with input tensor's size and stride (at least one dimension spans across two contiguous subspaces). Use .reshape(...) instead."))?;
    Ok(t.alias(layout))
}

fn expanded(t: &Tensor, size: &[i64]) -> Result {
    let lead = size.len().checked_sub(t.ndim()).ok_or_else(|| Error::runtime(format!(
        "expand(torch.{}Tensor{{{:?}}}, size={:?}): the number of sizes provided ({}) must be greater or equal to the number of dimensions in the tensor ({})",
        t.dtype().class_prefix(), t.sizes(), size, size.len(), t.ndim()
    )))?;
    let mut sizes: Dims = size.into();
    for d in 0..size.len() {
        if size[d] == -1 {
            if d < lead {
                return Err(Error::runtime(format!(
                    "The expanded size of the tensor (-1) isn't allowed in a leading, non-existing dimension {d}"
                )));
            }
            sizes[d] = t.sizes()[d - lead];
        } else if size[d] < 0 {
            return Err(Error::runtime(format!(
                "The expanded size of the tensor ({}) isn't allowed in a leading, non-existing dimension {d}", size[d]
            )));
        } else if d >= lead && t.sizes()[d - lead] != 1 && t.sizes()[d - lead] != size[d] {
            return Err(Error::runtime(format!(
                "The expanded size of the tensor ({}) must match the existing size ({}) at non-singleton dimension {d}.  Target sizes: {size:?}.  Tensor sizes: {:?}",
                size[d], t.sizes()[d - lead], t.sizes()
            )));
        }
    }
    checked_numel(&sizes)?;
    let layout = t.layout().expand(&sizes).ok_or_else(|| Error::runtime("cannot expand"))?;
    Ok(t.alias(layout))
}

fn permuted(l: &Layout, dims: &[i64]) -> Result<Layout> {
    if dims.len() != l.sizes.len() {
        return Err(Error::runtime(format!(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired ordering of dimensions i.e. input.dim() = {} is not equal to len(dims) = {}",
            l.sizes.len(), dims.len()
        )));
    }
    let mut out = l.clone();
    let mut seen = 0u64;
    for (i, &d) in dims.iter().enumerate() {
        let d = wrap_dim(d, l.sizes.len())?;
        if seen >> d & 1 == 1 {
            return Err(Error::runtime("permute(): duplicate dims are not allowed."));
        }
        seen |= 1 << d;
        out.sizes[i] = l.sizes[d];
        out.strides[i] = l.strides[d];
    }
    Ok(out)
}

fn swapped(l: &Layout, a: i64, b: i64) -> Result<Layout> {
    let n = l.sizes.len();
    let (a, b) = (wrap_dim(a, n)?, wrap_dim(b, n)?);
    let mut l = l.clone();
    if n > 0 {
        l.sizes.swap(a, b);
        l.strides.swap(a, b);
    }
    Ok(l)
}

pub(crate) fn selected(l: &Layout, dim: i64, index: i64) -> Result<Layout> {
    if l.sizes.is_empty() {
        return Err(Error::index("select() cannot be applied to a 0-dim tensor."));
    }
    let d = wrap_dim(dim, l.sizes.len())?;
    let n = l.sizes[d];
    if index < -n || index >= n {
        return Err(Error::index(format!(
            "select(): index {index} out of range for tensor of size {:?} at dimension {dim}", l.sizes.as_slice()
        )));
    }
    let mut l = l.clone();
    l.offset += l.strides[d] * if index < 0 { index + n } else { index };
    l.sizes.remove(d);
    l.strides.remove(d);
    Ok(l)
}

pub(crate) fn sliced(l: &Layout, dim: i64, start: Option<i64>, end: Option<i64>, step: i64) -> Result<Layout> {
    if l.sizes.is_empty() {
        return Err(Error::runtime("slice() cannot be applied to a 0-dim tensor."));
    }
    let d = wrap_dim(dim, l.sizes.len())?;
    if step <= 0 {
        return Err(Error::runtime("slice step must be positive"));
    }
    let n = l.sizes[d];
    let place = |x: i64| (if x < 0 { x.saturating_add(n) } else { x }).clamp(0, n);
    let start = place(start.unwrap_or(0));
    let end = place(end.unwrap_or(n)).max(start);
    let mut l = l.clone();
    l.offset += start * l.strides[d];
    l.sizes[d] = (end - start + step - 1) / step;
    l.strides[d] = l.strides[d].saturating_mul(step);
    Ok(l)
}

pub(crate) fn diagonal_of(l: &Layout, offset: i64, dim1: i64, dim2: i64) -> Result<Layout> {
    let n = l.sizes.len();
    let (a, b) = (wrap_dim(dim1, n)?, wrap_dim(dim2, n)?);
    if a == b {
        return Err(Error::runtime(format!("diagonal dimensions cannot be identical {dim1}, {dim2}")));
    }
    let mut out = l.clone();
    let len = if offset >= 0 { l.sizes[a].min(l.sizes[b] - offset) } else { (l.sizes[a] + offset).min(l.sizes[b]) }.max(0);
    if len > 0 {
        out.offset += if offset >= 0 { offset * l.strides[b] } else { -offset * l.strides[a] };
    }
    for d in [a.max(b), a.min(b)] {
        out.sizes.remove(d);
        out.strides.remove(d);
    }
    out.sizes.push(len);
    out.strides.push(l.strides[a] + l.strides[b]);
    Ok(out)
}

fn unfolded(l: &Layout, dim: i64, size: i64, step: i64) -> Result<Layout> {
    let d = wrap_dim(dim, l.sizes.len())?;
    let n = if l.sizes.is_empty() { 1 } else { l.sizes[d] };
    if size < 0 {
        return Err(Error::runtime(format!("size is {size} but must be >= 0")));
    }
    if size > n {
        return Err(Error::runtime(format!("maximum size for tensor at dimension {d} is {n} but size is {size}")));
    }
    if step <= 0 {
        return Err(Error::runtime(format!("step is {step} but must be > 0")));
    }
    let mut out = l.clone();
    if !l.sizes.is_empty() {
        out.sizes[d] = (n - size) / step + 1;
        out.strides[d] *= step;
        out.strides.push(l.strides[d]);
    } else {
        out.strides.push(1);
    }
    out.sizes.push(size);
    Ok(out)
}

/// The gradient of a view, given how the view's layout follows from a row-major input.
fn undo(g: &Tensor, sizes: &Dims, view: impl FnOnce(&Layout) -> Result<Layout>) -> Result {
    let l = view(&Layout::contiguous(sizes))?;
    g._strided_add(sizes, &l.strides, l.offset)
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

/// Whether a layout stays within `numel` elements.
fn inside(l: &Layout, numel: usize) -> Result<()> {
    if l.sizes.len() != l.strides.len() || l.offset < 0 || l.strides.iter().any(|s| *s < 0) || l.extent() > numel {
        return Err(Error::runtime(format!("{l:?} is out of bounds for a storage of {numel} elements")));
    }
    Ok(())
}

fn restrided(t: &Tensor, size: &Dims, stride: &Dims, offset: Option<i64>) -> Result {
    if size.len() != stride.len() {
        return Err(Error::runtime(format!(
            "mismatch in length of strides and shape: got strides of length {} and shape of length {}", stride.len(), size.len()
        )));
    }
    let l = Layout { sizes: size.clone(), strides: stride.clone(), offset: offset.unwrap_or(t.layout().offset) };
    checked_numel(size)?;
    if let Some(s) = stride.iter().find(|s| **s < 0) {
        let _ = s;
        return Err(Error::runtime(format!("as_strided: Negative strides are not supported at the moment, got strides: {:?}", stride.as_slice())));
    }
    if l.offset < 0 {
        return Err(Error::runtime(format!("Tensor: invalid storage offset {}", l.offset)));
    }
    let need = l.extent() * t.dtype().itemsize();
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

fn split_sizes(t: &Tensor, sizes: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    let d = wrap_dim(dim, t.ndim())?;
    let mut at = 0;
    let mut out = Vec::new();
    for &n in sizes {
        if n < 0 {
            return Err(Error::runtime(format!("split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes:?}")));
        }
        out.push((at, n));
        at += n;
    }
    if at != t.sizes()[d] {
        return Err(Error::runtime(format!(
            "split_with_sizes expects split_sizes to sum exactly to {} (input tensor's size at dimension {dim}), but got split_sizes={sizes:?}",
            t.sizes()[d]
        )));
    }
    out.into_iter().map(|(at, n)| sliced(t.layout(), d as i64, Some(at), Some(at + n), 1).map(|l| t.alias(l))).collect()
}

/// The sizes of pieces of `n`.
fn pieces(t: &Tensor, n: i64, dim: i64) -> Result<Dims> {
    if t.ndim() == 0 {
        return Err(Error::runtime("split expects at least a 1-dimensional tensor"));
    }
    if n < 0 {
        return Err(Error::runtime(format!("split expects split_size be non-negative, but got split_size={n}")));
    }
    let all = t.sizes()[wrap_dim(dim, t.ndim())?];
    if n == 0 {
        return if all == 0 { Ok(smallvec![0]) } else {
            Err(Error::runtime(format!("split_size can only be 0 if dimension size is 0, but got dimension size of {all}")))
        };
    }
    let count = ((all + n - 1) / n).max(1);
    Ok((0..count).map(|i| n.min(all - i * n)).collect())
}

/// The gradient of pieces: joined again, with zeros for those that got none.
fn join_pieces(grads: &[Option<Tensor>], pieces: &[Dims], dtype: DType, dim: i64) -> Result {
    let parts: Result<Vec<Tensor>> = grads.iter().zip(pieces).map(|(g, s)| match g {
        Some(g) => Ok(g.clone()),
        None => Tensor::zeros(s, dtype),
    }).collect();
    crate::ops::join::cat_of(parts?, dim)
}

fn squeezed(l: &Layout, keep: impl Fn(usize) -> bool) -> Layout {
    let mut out = Layout { sizes: Dims::new(), strides: Dims::new(), offset: l.offset };
    for d in 0..l.sizes.len() {
        if l.sizes[d] != 1 || keep(d) {
            out.sizes.push(l.sizes[d]);
            out.strides.push(l.strides[d]);
        }
    }
    out
}

/// Whether a part of squeezing is to be kept: only the dimensions named go.
fn squeeze_named(t: &Tensor, dims: &Dims) -> Result<Layout> {
    let mut named = 0u64;
    for &d in dims {
        let d = wrap_dim(d, t.ndim())?;
        if named >> d & 1 == 1 {
            return Err(Error::runtime(format!("dim {d} appears multiple times in the list of dims")));
        }
        named |= 1 << d;
    }
    Ok(squeezed(t.layout(), |d| named >> d & 1 == 0))
}

fn flat_range(t: &Tensor, start: i64, end: i64) -> Result<Dims> {
    let (s, e) = (wrap_dim(start, t.ndim())?, wrap_dim(end, t.ndim())?);
    if s > e {
        return Err(Error::runtime("flatten() has invalid args: start_dim cannot come after end_dim"));
    }
    if t.ndim() == 0 {
        return Ok(smallvec![1]);
    }
    let mut out: Dims = t.sizes()[..s].into();
    out.push(t.sizes()[s..=e].iter().product());
    out.extend_from_slice(&t.sizes()[e + 1..]);
    Ok(out)
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

ops! { TABLE, ViewOps;
    /// The same elements in other sizes, sharing memory; one size may be -1.
    fn view(input: Tensor, size: Dims) [method] view { viewed(&input, &size) } d input = |g, sizes| g.reshape(&sizes);
    /// The same elements in other sizes: a view where possible, else a copy.
    fn reshape(input: Tensor, shape: Dims) [] compose {
        let sizes = infer_size(&shape, input.numel())?;
        if input.layout().view(&sizes).is_some() { input._reshape_alias(&sizes) } else { input.clone_op(())?._unsafe_view(&sizes) } };
    /// The view that `reshape` makes.
    fn _reshape_alias(input: Tensor, size: Dims) [hidden, ViewBackward0] view { viewed(&input, &size) } d input = |g, sizes| g.reshape(&sizes);
    /// The sizes of a fresh copy.
    fn _unsafe_view(input: Tensor, size: Dims) [hidden, UnsafeViewBackward0] view { viewed(&input, &size) } d input = |g, sizes| g.reshape(&sizes);
    /// Dimensions of size one repeated without copying; -1 keeps a size.
    fn expand(input: Tensor, size: Dims) [method] view { expanded(&input, &size) } d input = |g| Ok(g.clone());
    /// The dimensions in another order.
    fn permute(input: Tensor, dims: Dims) [] view { permuted(input.layout(), &dims).map(|l| input.alias(l)) }
        d input = |g, dims| { let n = dims.len(); let mut back = Dims::from_elem(0, n);
            for (i, d) in dims.iter().enumerate() { back[wrap_dim(*d, n)?] = i as i64; } g.permute(&back) };
    /// Two dimensions exchanged.
    fn transpose(input: Tensor, dim0: i64, dim1: i64) [] view { swapped(input.layout(), dim0, dim1).map(|l| input.alias(l)) }
        d input = |g, dim0, dim1| g.transpose(dim0, dim1);
    /// The transpose of a matrix.
    fn t(input: Tensor) [] view {
        if input.ndim() > 2 { return Err(Error::runtime(format!("t() expects a tensor with <= 2 dimensions, but self is {}D", input.ndim()))); }
        if input.ndim() < 2 { Ok(input.detached()) } else { swapped(input.layout(), 0, 1).map(|l| input.alias(l)) } }
        d input = |g| g.t();
    /// A dimension of size one inserted.
    fn unsqueeze(input: Tensor, dim: i64) [] view {
        let d = wrap_dim(dim, input.ndim() + 1)?; let mut l = input.layout().clone();
        let s = if d < l.sizes.len() { l.sizes[d] * l.strides[d] } else { 1 };
        l.sizes.insert(d, 1); l.strides.insert(d, s); Ok::<_, Error>(input.alias(l)) }
        d input = |g, dim| g.squeeze_dims([dim]);
    /// All dimensions of size one removed.
    fn squeeze(input: Tensor) [] view { Ok::<_, Error>(input.alias(squeezed(input.layout(), |_| false))) } d input = |g, sizes| g.reshape(&sizes);
    /// Dimensions removed where they are of size one.
    fn squeeze_dims "squeeze"(input: Tensor, dim: Dims) [SqueezeBackward1] view { squeeze_named(&input, &dim).map(|l| input.alias(l)) } d input = |g, sizes| g.reshape(&sizes);
    /// A range of dimensions made one.
    fn flatten(input: Tensor, start_dim: i64 = "0", end_dim: i64 = "-1") [] compose { let s = flat_range(&input, start_dim, end_dim)?; if s[..] == *input.sizes() { Ok(input) } else { input.reshape(&s) } };
    /// One dimension as several.
    fn unflatten(input: Tensor, dim: i64, sizes: Dims) [] compose {
        let d = wrap_dim(dim, input.ndim())?;
        if sizes.is_empty() { return Err(Error::runtime("unflatten: sizes must be non-empty")); }
        let n = input.sizes()[d];
        let inner = infer_size(&sizes, n as usize).map_err(|e| if e.message.starts_with("shape") {
            if sizes.contains(&-1) { Error::runtime(format!("unflatten: Provided sizes {:?} don't multiply up to the size of dim {d} ({n}) in the input tensor", sizes.as_slice())) } else {
            Error::runtime(format!("unflatten: Provided sizes {:?} don't multiply up to the size of dim {d} ({n}) in the input tensor", sizes.as_slice())) } } else { e })?;
        let mut all: Dims = input.sizes()[..d].into(); all.extend_from_slice(&inner); all.extend_from_slice(&input.sizes()[d + 1..]);
        input.view(&all) };
    /// One index of a dimension.
    fn select(input: Tensor, dim: i64, index: i64) [] view { selected(input.layout(), dim, index).map(|l| input.alias(l)) }
        d input = |g, sizes, dim, index| undo(g, &sizes, |l| selected(l, dim, index));
    /// A range of a dimension: `start:end:step`.
    fn slice(input: Tensor, dim: i64 = "0", start: Option<i64> = "null", end: Option<i64> = "null", step: i64 = "1") [hidden] view { sliced(input.layout(), dim, start, end, step).map(|l| input.alias(l)) }
        d input = |g, sizes, dim, start, end, step| undo(g, &sizes, |l| sliced(l, dim, start, end, step));
    /// `length` indices of a dimension from `start`.
    fn narrow(input: Tensor, dim: i64, start: i64, length: i64) [SliceBackward0] compose {
        if input.ndim() == 0 { return Err(Error::runtime("narrow() cannot be applied to a 0-dim tensor.")); }
        let d = wrap_dim(dim, input.ndim())?; let n = input.sizes()[d];
        if length < 0 { return Err(Error::runtime("narrow(): length must be non-negative.")); }
        if start < -n || start > n { return Err(Error::index(format!("start out of range (expected to be in range of [{}, {n}], but got {start})", -n))); }
        let s = if start < 0 { start + n } else { start };
        if s > n - length { return Err(Error::runtime(format!("start ({s}) + length ({length}) exceeds dimension size ({n})."))); }
        input.slice(d as i64, s, s + length, 1i64) };
    /// The diagonal of two dimensions, as the last one.
    fn diagonal(input: Tensor, offset: i64 = "0", dim1: i64 = "0", dim2: i64 = "1") [] view { diagonal_of(input.layout(), offset, dim1, dim2).map(|l| input.alias(l)) }
        d input = |g, sizes, offset, dim1, dim2| undo(g, &sizes, |l| diagonal_of(l, offset, dim1, dim2));
    /// Windows of `size` along a dimension, `step` apart, as the last one.
    fn unfold(input: Tensor, dimension: i64, size: i64, step: i64) [method] view { unfolded(input.layout(), dimension, size, step).map(|l| input.alias(l)) }
        d input = |g, sizes, dimension, size, step| undo(g, &sizes, |l| unfolded(l, dimension, size, step));
    /// Any sizes and strides over the storage.
    fn as_strided(input: Tensor, size: Dims, stride: Dims, storage_offset: Option<i64> = "null") [] view { restrided(&input, &size, &stride, storage_offset) }
        d input = |g, layout, size, stride, storage_offset| {
            let offset = storage_offset.unwrap_or(layout.offset);
            let v = Layout { sizes: size, strides: stride.clone(), offset };
            let room: Dims = smallvec![layout.extent().max(v.extent()) as i64];
            g._strided_add(&room, &stride, offset)?._strided_take(&layout.sizes, &layout.strides, layout.offset) };
    /// `input` with a strided region replaced by `src`.
    fn as_strided_scatter(input: Tensor, src: Tensor, size: Dims, stride: Dims, storage_offset: Option<i64> = "null") [] eval { scatter_strided(&input, &src, &size, &stride, storage_offset) }
        d input = |g, layout, size, stride, storage_offset| scatter_grad(g, &layout, &size, &stride, storage_offset),
        d src = |g, layout, size, stride, storage_offset| src_grad(g, &layout, &size, &stride, storage_offset);
    /// A write to a view, seen from its base.
    fn copy_slices(input: Tensor, src: Tensor, size: Dims, stride: Dims, storage_offset: Option<i64> = "null") [hidden, CopySlices] eval { scatter_strided(&input, &src, &size, &stride, storage_offset) }
        d input = |g, layout, size, stride, storage_offset| scatter_grad(g, &layout, &size, &stride, storage_offset),
        d src = |g, layout, size, stride, storage_offset| src_grad(g, &layout, &size, &stride, storage_offset);
    /// Zeros of `base` sizes, with `input` added at a strided place.
    fn _strided_add(input: Tensor, base: Dims, stride: Dims, offset: i64) [hidden] eval { strided_add(&input, &base, &stride, offset) }
        d input = |g, sizes, stride, offset| g._strided_take(&sizes, &stride, offset);
    /// A copy of a strided place of a row-major tensor.
    fn _strided_take(input: Tensor, size: Dims, stride: Dims, offset: i64) [hidden] eval { strided_take(&input, &size, &stride, offset) }
        d input = |g, sizes, stride, offset| g._strided_add(&sizes, &stride, offset);
    /// Pieces of a dimension, `split_size` long, the last one shorter.
    fn split(tensor: Tensor, split_size: i64, dim: i64 = "0") -> (list) [] view { let s = pieces(&tensor, split_size, dim)?; split_sizes(&tensor, &s, dim) }
        d tensor = |g, sizes, split_size, dim, grads| { let l = tensor_like(&sizes, g.dtype()); let p = pieces(&l, split_size, dim)?; join_pieces(&grads, &piece_dims(&sizes, &p, dim)?, g.dtype(), dim) };
    /// Pieces of a dimension of the sizes given.
    fn split_with_sizes(input: Tensor, split_sizes: Dims, dim: i64 = "0") -> (list) [] view { crate::ops::views::split_sizes(&input, &split_sizes, dim) }
        d input = |g, sizes, split_sizes, dim, grads| join_pieces(&grads, &piece_dims(&sizes, &split_sizes, dim)?, g.dtype(), dim);
    /// At most `chunks` pieces of a dimension, as equal as possible.
    fn chunk(input: Tensor, chunks: i64, dim: i64 = "0") -> (list) [SplitBackward0] compose {
        if input.ndim() == 0 { return Err(Error::runtime("chunk expects at least a 1-dimensional tensor")); }
        if chunks <= 0 { return Err(Error::runtime(format!("chunk expects `chunks` to be greater than 0, got: {chunks}"))); }
        let n = input.sizes()[wrap_dim(dim, input.ndim())?]; let each = (n + chunks - 1) / chunks;
        if each == 0 { let zeros = Dims::from_elem(0, chunks as usize); crate::autograd::call(&split_with_sizes::OP, &[Value::Tensor(input), Value::Ints(zeros), Value::Scalar(Scalar::Int(dim))]).map(Raw) }
        else { crate::autograd::call(&split::OP, &[Value::Tensor(input), Value::Scalar(Scalar::Int(each)), Value::Scalar(Scalar::Int(dim))]).map(Raw) } };
    /// Every index of a dimension.
    fn unbind(input: Tensor, dim: i64 = "0") -> (list) [] view {
        if input.ndim() == 0 { return Err(Error::runtime("Dimension specified as 0 but tensor has no dimensions")); }
        let d = wrap_dim(dim, input.ndim())?;
        (0..input.sizes()[d]).map(|i| selected(input.layout(), d as i64, i).map(|l| input.alias(l))).collect::<Result<Vec<_>>>() }
        d input = |g, sizes, dim, grads| { let mut one = sizes.clone(); let d = wrap_dim(dim, sizes.len())?; one.remove(d);
            let parts: Result<Vec<Tensor>> = grads.iter().map(|p| match p { Some(p) => p.unsqueeze(d as i64), None => Tensor::zeros(&one, g.dtype())?.unsqueeze(d as i64) }).collect();
            crate::ops::join::cat_of(parts?, d as i64) };
    /// Dimensions moved to other places.
    fn movedim(input: Tensor, source: Dims, destination: Dims) [PermuteBackward0] compose { if input.ndim() == 0 { moved(1, &source, &destination)?; input.detach_view() } else { input.permute(&moved(input.ndim(), &source, &destination)?) } };
    /// The elements in reverse order along dimensions, as a copy.
    fn flip(input: Tensor, dims: Dims) [] eval { flipped(&input, &dims) } d input = |g, dims| g.flip(&dims);
    /// The elements moved on along dimensions, those that fall out coming in again.
    fn roll(input: Tensor, shifts: Dims, dims: Dims = "[]") [] eval { rolled(&input, &shifts, &dims) }
        d input = |g, shifts, dims| { let back: Dims = shifts.iter().map(|s| -s).collect(); g.roll(&back, &dims) };
    /// A copy with memory of its own.
    fn clone_op "clone"(input: Tensor; memory_format: Option<String> = "null") [] eval { let _ = memory_format; input.copied(input.dtype()) } d input = |g| Ok(g.clone());
    /// The tensor itself if it is row-major, else a row-major copy.
    fn contiguous(input: Tensor; memory_format: Option<String> = "null") [method, CloneBackward0] eval { let _ = memory_format; input.contiguous_data() } d input = |g| Ok(g.clone());
    /// The tensor without its history; it shares memory.
    fn detach(input: Tensor) [] compose { Ok::<_, Error>(input.detached()) };
    /// A view of all of it.
    fn detach_view "alias"(input: Tensor) [hidden, AliasBackward0] view { Ok::<_, Error>(input.detached()) } d input = |g| Ok(g.clone());
    /// A copy in another dtype.
    fn _to_copy(input: Tensor, dtype: DType) [hidden, ToCopyBackward0] eval { input.copied(dtype) } d input = |g| Ok(g.clone());
    /// `src` in the sizes and dtype of `input`.
    fn copy(input: Tensor, src: Tensor) [inplace, CopyBackwards, hidden] eval { expanded(&src.detached_weak(), input.sizes()).and_then(|s| s.copied(input.dtype())) }
        d input = |g| g.mul(0i64), d src = |g| Ok(g.clone());
    /// `value` everywhere.
    fn fill(input: Tensor, value: Tensor) [inplace] eval {
        if value.ndim() != 0 { return Err(Error::runtime(format!("fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.", value.ndim()))); }
        Tensor::full(input.sizes(), value.scalar()?, input.dtype()) }
        d input = |g| g.mul(0i64), d value = |g| g.sum(());
    /// Zeros everywhere.
    fn zero(input: Tensor) [inplace, hidden] eval { Tensor::zeros(input.sizes(), input.dtype()) } d input = |g| g.mul(0i64);
}

/// A list result passed on as it is.
pub(crate) struct Raw(pub Value);
impl crate::table::IntoValue for Raw {
    fn into_value(self) -> Value {
        self.0
    }
}

fn tensor_like(sizes: &Dims, dtype: DType) -> Tensor {
    // Only its sizes are looked at: one element stands for all.
    let one = Tensor::zeros(&[1], dtype).unwrap_or_else(|_| unreachable!("one element"));
    one.alias(Layout { sizes: sizes.clone(), strides: Dims::from_elem(0, sizes.len()), offset: 0 })
}

fn piece_dims(sizes: &Dims, pieces: &Dims, dim: i64) -> Result<Vec<Dims>> {
    let d = wrap_dim(dim, sizes.len())?;
    Ok(pieces.iter().map(|n| { let mut s = sizes.clone(); s[d] = *n; s }).collect())
}

fn scatter_grad(g: &Tensor, l: &Layout, size: &Dims, stride: &Dims, offset: Option<i64>) -> Result {
    let v = Layout { sizes: size.clone(), strides: stride.clone(), offset: offset.unwrap_or(l.offset) };
    let room: Dims = smallvec![l.extent().max(v.extent()) as i64];
    g._strided_add(&room, &l.strides, l.offset)?
        .as_strided_scatter(Tensor::zeros(size, g.dtype()), size, stride, v.offset)?
        ._strided_take(&l.sizes, &l.strides, l.offset)
}

fn src_grad(g: &Tensor, l: &Layout, size: &Dims, stride: &Dims, offset: Option<i64>) -> Result {
    let v = Layout { sizes: size.clone(), strides: stride.clone(), offset: offset.unwrap_or(l.offset) };
    let room: Dims = smallvec![l.extent().max(v.extent()) as i64];
    g._strided_add(&room, &l.strides, l.offset)?._strided_take(size, stride, v.offset)
}

impl Tensor {
    /// Writes one number everywhere.
    pub(crate) fn write_all(&self, value: Scalar) -> Result<()> {
        copy_elements(&Tensor::full(self.sizes(), value, self.dtype())?, self);
        Ok(())
    }

    /// Row-major from the start of a storage of its own.
    pub(crate) fn fresh(&self) -> Result {
        if self.layout().offset == 0 { Ok(self.clone()) } else { self.copied(self.dtype()) }
    }
}
