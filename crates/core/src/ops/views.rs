//! Views: other sizes and strides over the same storage.

use super::prelude::*;
use crate::layout::checked_numel;

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
            return Err(Error::runtime(format!("invalid shape dimension {n} at index {d} of shape {sizes:?}")));
        } else {
            known = known.saturating_mul(n);
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

pub(crate) fn expanded(t: &Tensor, size: &[i64]) -> Result {
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
        } else if d >= lead && t.sizes()[d - lead] != 1 && t.sizes()[d - lead] != size[d] {
            return Err(Error::runtime(format!(
                "The expanded size of the tensor ({}) must match the existing size ({}) at non-singleton dimension {d}.  Target sizes: {size:?}.  Tensor sizes: {:?}",
                size[d], t.sizes()[d - lead], t.sizes()
            )));
        }
    }
    if sizes.iter().any(|n| *n < 0) {
        return Err(Error::numel_overflow());
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
            "select(): index {index} out of range for tensor of size {:?} at dimension {d}", l.sizes.as_slice()
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
        return Ok(dims![1]);
    }
    let mut out: Dims = t.sizes()[..s].into();
    out.push(t.sizes()[s..=e].iter().product());
    out.extend_from_slice(&t.sizes()[e + 1..]);
    Ok(out)
}

/// The same bytes as elements of another dtype.
fn retyped(t: &Tensor, dtype: DType) -> Result {
    let (from, to) = (t.dtype().itemsize() as i64, dtype.itemsize() as i64);
    let mut l = t.layout().clone();
    if from == to {
        return Ok(t.reinterpret(l, dtype));
    }
    let fail = |what: &str, got: Option<i64>| Error::runtime(format!(
        "{what} to view {} as {} (different element sizes){}",
        t.dtype().scalar_type(), dtype.scalar_type(), got.map_or(String::new(), |n| format!(", but got {n}"))
    ));
    let Some(last) = l.sizes.len().checked_sub(1) else { return Err(fail("self.dim() cannot be 0", None)) };
    if l.strides[last] != 1 {
        return Err(fail("self.stride(-1) must be 1", Some(l.strides[last])));
    }
    if from > to {
        let k = from / to;
        l.sizes[last] *= k;
        l.offset *= k;
        l.strides[..last].iter_mut().for_each(|s| *s *= k);
        return Ok(t.reinterpret(l, dtype));
    }
    let k = to / from;
    let divisible = |what: &str, n: i64| {
        if n % k == 0 { Ok(()) } else { Err(fail(&format!("{what} must be divisible by {k}"), Some(n))) }
    };
    divisible("self.size(-1)", l.sizes[last])?;
    divisible("self.storage_offset()", l.offset)?;
    for (d, s) in l.strides[..last].iter().enumerate() {
        divisible(&format!("self.stride({d})"), *s)?;
    }
    l.sizes[last] /= k;
    l.offset /= k;
    l.strides[..last].iter_mut().for_each(|s| *s /= k);
    Ok(t.reinterpret(l, dtype))
}

fn unsqueezed(t: &Tensor, dim: i64) -> Result {
    let d = wrap_dim(dim, t.ndim() + 1)?;
    let mut l = t.layout().clone();
    let stride = if d < l.sizes.len() { l.sizes[d].saturating_mul(l.strides[d]) } else { 1 };
    l.sizes.insert(d, 1);
    l.strides.insert(d, stride);
    Ok(t.alias(l))
}

/// The sizes with dimension `dim` replaced by `sizes`.
fn unflattened(input: &Tensor, dim: i64, sizes: &Dims) -> Result<Dims> {
    let d = wrap_dim(dim, input.ndim())?;
    if sizes.is_empty() {
        return Err(Error::runtime("unflatten: sizes must be non-empty"));
    }
    let unexpected = |e: Error| Error::runtime(format!("unflatten got an unexpected error:\n{}", e.message));
    let n = *input.sizes().get(d).ok_or_else(|| unexpected(Error::no_dimensions(dim)))?;
    let inner = infer_size(sizes, n as usize).map_err(|e| if e.message.starts_with("shape") {
        Error::runtime(format!(
            "unflatten: Provided sizes {:?} don't multiply up to the size of dim {d} ({n}) in the input tensor", sizes.as_slice()
        ))
    } else {
        unexpected(e)
    })?;
    let mut all: Dims = input.sizes()[..d].into();
    all.extend_from_slice(&inner);
    all.extend_from_slice(&input.sizes()[d + 1..]);
    Ok(all)
}

/// Checks a range of `narrow`; `copy` is its copying form, whose checks are in another order.
fn narrowed(sizes: &[i64], dim: i64, start: i64, length: i64, copy: bool) -> Result<(i64, i64)> {
    if sizes.is_empty() {
        return Err(Error::runtime("narrow() cannot be applied to a 0-dim tensor."));
    }
    if copy && dim >= sizes.len() as i64 {
        return Err(Error::runtime(
            "Expected dim < static_cast<int64_t>(self_sizes.size()) to be true, but got false.  (Could this error message be \
             improved?  If so, please report an enhancement request to PyTorch.)",
        ));
    }
    if !copy && length < 0 {
        return Err(Error::runtime("narrow(): length must be non-negative."));
    }
    let d = wrap_dim(dim, sizes.len())?;
    let n = sizes[d];
    if start < -n || start > n {
        return Err(Error::index(format!("start out of range (expected to be in range of [{}, {n}], but got {start})", -n)));
    }
    let start = if start < 0 { start + n } else { start };
    if length < 0 || start > n - length {
        return Err(Error::runtime(format!("start ({start}) + length ({length}) exceeds dimension size ({n}).")));
    }
    Ok((d as i64, start))
}

/// `t` with at least `n` dimensions, new ones in the places where NumPy puts them.
fn at_least(n: usize, t: &Tensor) -> Result {
    match (n, t.ndim()) {
        (1, 0) => t.reshape([1]),
        (2, 0) => t.reshape([1, 1]),
        (3, 0) => t.reshape([1, 1, 1]),
        (2, 1) => t.unsqueeze(0i64),
        (3, 1) => t.unsqueeze(0i64)?.unsqueeze(-1i64),
        (3, 2) => t.unsqueeze(-1i64),
        _ => Ok(t.clone()),
    }
}

pub(crate) fn all_at_least(n: usize, tensors: &[Tensor]) -> Result<Vec<Tensor>> {
    tensors.iter().map(|t| at_least(n, t)).collect()
}

pub(crate) fn transpose_entry() -> &'static crate::table::Op {
    &transpose::OP
}

pub(crate) fn squeeze_entry() -> &'static crate::table::Op {
    &squeeze_dim::OP
}

ops! { TABLE, ViewOps;
    /// The same elements in other sizes, sharing memory; one size may be -1.
    fn view(input: Tensor, size: Dims) [method, copy] view { viewed(&input, &size) } d input = |g, sizes| g.reshape(&sizes);
    /// The same bytes as elements of another dtype.
    fn view_dtype "view"(input: Tensor, dtype: DType) [method] view { retyped(&input, dtype) };
    /// The same elements in the sizes of `other`, sharing memory.
    fn view_as(input: Tensor, other: Tensor) [method] compose { input.view(other.sizes()) };
    /// The same elements in other sizes: a view where possible, else a copy.
    fn reshape(input: Tensor, shape: Dims) [] compose {
        let sizes = infer_size(&shape, input.numel())?;
        if input.is_contiguous() { input.view(&sizes) }
        else if input.layout().view(&sizes).is_some() { input._reshape_alias(&sizes) }
        else { input.clone_op(())?._unsafe_view(&sizes) } };
    /// The same elements in the sizes of `other`.
    fn reshape_as(input: Tensor, other: Tensor) [method] compose { input.reshape(other.sizes()) };
    /// The view that `reshape` makes of strided tensors.
    fn _reshape_alias(input: Tensor, size: Dims) [hidden] view { viewed(&input, &size) } d input = |g, sizes| g.reshape(&sizes);
    /// The sizes of a fresh copy.
    fn _unsafe_view(input: Tensor, size: Dims) [hidden] view { viewed(&input, &size) } d input = |g, sizes| g.reshape(&sizes);
    /// Dimensions of size one repeated without copying; -1 keeps a size.
    fn expand(input: Tensor, size: Dims) [method, copy] view { expanded(&input, &size) } d input = |g| Ok(g.clone());
    /// Dimensions of size one repeated to the sizes of `other`.
    fn expand_as(input: Tensor, other: Tensor) [method] compose { input.expand(other.sizes()) };
    /// Dimensions of size one repeated without copying.
    fn broadcast_to(input: Tensor, size: Dims) [] compose { input.expand(&size) };
    /// Broadcast dimensions summed away.
    fn sum_to_size(input: Tensor, size: Dims) [method] compose {
        let fits = expands_to(&size, input.sizes());
        if !fits { return Err(Error::runtime(format!("size {{{:?}}} is not expandable to size {{{:?}}}.", size.as_slice(), input.sizes()))); }
        if size.is_empty() { input.sum(()) }
        else if size[..] == *input.sizes() { Ok(input) }
        else { crate::ops::sum_to_size(&input, &size) } };
    /// The dimensions in another order.
    fn permute(input: Tensor, dims: Dims) [copy] view { permuted(input.layout(), &dims).map(|l| input.alias(l)) }
        d input = |g, dims| { let n = dims.len(); let mut back = Dims::from_elem(0, n);
            for (i, d) in dims.iter().enumerate() { back[wrap_dim(*d, n)?] = i as i64; } g.permute(&back) };
    /// Two dimensions exchanged.
    fn transpose(input: Tensor, dim0: i64, dim1: i64) [inplace, copy, (TransposeBackward1), "swapaxes", "swapdims"] view {
        swapped(input.layout(), dim0, dim1).map(|l| input.alias(l)) }
        d input = |g, dim0, dim1| g.transpose(dim0, dim1);
    /// The transpose of a matrix.
    fn t(input: Tensor) [inplace, copy, (TBackward1)] view {
        if input.ndim() > 2 { return Err(Error::runtime(format!("t() expects a tensor with <= 2 dimensions, but self is {}D", input.ndim()))); }
        if input.ndim() < 2 { Ok(input.detached()) } else { swapped(input.layout(), 0, 1).map(|l| input.alias(l)) } }
        d input = |g| g.t();
    /// The conjugate transpose of the last two dimensions.
    fn adjoint(input: Tensor) [] compose {
        if input.ndim() < 2 { return Err(Error::runtime(format!(
            "tensor.adjoint() is only supported on matrices or batches of matrices. Got {}-D tensor.", input.ndim()))); }
        let t = input.transpose(-2i64, -1i64)?; if t.dtype().is_complex() { t.conj() } else { Ok(t) } };
    /// A dimension of size one inserted.
    fn unsqueeze(input: Tensor, dim: i64) [inplace, copy, (UnsqueezeBackward1)] view { unsqueezed(&input, dim) } d input = |g, dim| g.squeeze_dim(dim);
    /// All dimensions of size one removed.
    fn squeeze(input: Tensor) [inplace, copy, (SqueezeBackward3)] view { Ok::<_, Error>(input.alias(squeezed(input.layout(), |_| false))) }
        d input = |g, sizes| g.reshape(&sizes);
    /// A dimension removed if it is of size one.
    fn squeeze_dim "squeeze"(input: Tensor, dim: i64) [inplace, copy, SqueezeBackward1, (SqueezeBackward4)] view {
        squeeze_named(&input, &dims![dim]).map(|l| input.alias(l)) }
        d input = |g, sizes| g.reshape(&sizes);
    /// Dimensions removed where they are of size one.
    fn squeeze_dims "squeeze"(input: Tensor, dim: Dims) [inplace, copy, SqueezeBackward2, (SqueezeBackward5)] view {
        squeeze_named(&input, &dim).map(|l| input.alias(l)) }
        d input = |g, sizes| g.reshape(&sizes);
    /// A range of dimensions made one.
    fn flatten(input: Tensor, start_dim: i64 = "0", end_dim: i64 = "-1") [] compose {
        let s = flat_range(&input, start_dim, end_dim)?; if s[..] == *input.sizes() { Ok(input) } else { input.reshape(&s) } };
    /// All dimensions made one.
    fn ravel(input: Tensor) [] compose { input.contiguous(())?.view([-1]) };
    /// One dimension as several.
    fn unflatten(input: Tensor, dim: i64, sizes: Dims) [] compose { input.view(&unflattened(&input, dim, &sizes)?) };
    /// One index of a dimension.
    fn select(input: Tensor, dim: i64, index: i64) [copy] view { selected(input.layout(), dim, index).map(|l| input.alias(l)) }
        d input = |g, sizes, dim, index| undo(g, &sizes, |l| selected(l, dim, index));
    /// A range of a dimension: `start:end:step`.
    fn slice(input: Tensor, dim: i64 = "0", start: Option<i64> = "null", end: Option<i64> = "null", step: i64 = "1")
        [hidden, copy] view { sliced(input.layout(), dim, start, end, step).map(|l| input.alias(l)) }
        d input = |g, sizes, dim, start, end, step| undo(g, &sizes, |l| sliced(l, dim, start, end, step));
    /// `length` indices of a dimension from `start`.
    fn narrow(input: Tensor, dim: i64, start: i64, length: i64) [] compose {
        let (d, start) = narrowed(input.sizes(), dim, start, length, false)?; input.slice(d, start, start + length, 1i64) };
    /// `length` indices of a dimension from the one in a tensor.
    fn narrow_from "narrow"(input: Tensor, dim: i64, start: Tensor, length: i64) [] compose {
        if start.ndim() != 0 || !start.dtype().is_integral() || start.dtype() == DType::Bool {
            return Err(Error::runtime("start must be an 0-dim integral Tensor.")); }
        input.narrow(dim, start.scalar()?.to::<i64>(), length) };
    /// `length` indices of a dimension from `start`, as a copy.
    fn narrow_copy(input: Tensor, dim: i64, start: i64, length: i64) [] eval {
        let (d, start) = narrowed(input.sizes(), dim, start, length, true)?;
        sliced(input.layout(), d, Some(start), Some(start + length), 1).and_then(|l| input.alias(l).copied(input.dtype())) }
        d input = |g, sizes, dim, start, length| { let (d, start) = narrowed(&sizes, dim, start, length, true)?;
            undo(g, &sizes, |l| sliced(l, d, Some(start), Some(start + length), 1)) };
    /// The diagonal of two dimensions, as the last one.
    fn diagonal(input: Tensor, offset: i64 = "0", dim1: i64 = "0", dim2: i64 = "1") [copy] view {
        diagonal_of(input.layout(), offset, dim1, dim2).map(|l| input.alias(l)) }
        d input = |g, sizes, offset, dim1, dim2| undo(g, &sizes, |l| diagonal_of(l, offset, dim1, dim2));
    /// Windows of `size` along a dimension, `step` apart, as the last one.
    fn unfold(input: Tensor, dimension: i64, size: i64, step: i64) [method, copy] view {
        unfolded(input.layout(), dimension, size, step).map(|l| input.alias(l)) }
        d input = |g, sizes, dimension, size, step| undo(g, &sizes, |l| unfolded(l, dimension, size, step));
    /// At least one dimension.
    fn atleast_1d(input: Tensor) [function] compose { at_least(1, &input) };
    /// At least one dimension each.
    fn atleast_1d_all "atleast_1d"(tensors: Vec<Tensor>) -> (list) [function] compose { all_at_least(1, &tensors) };
    /// At least two dimensions.
    fn atleast_2d(input: Tensor) [function] compose { at_least(2, &input) };
    /// At least two dimensions each.
    fn atleast_2d_all "atleast_2d"(tensors: Vec<Tensor>) -> (list) [function] compose { all_at_least(2, &tensors) };
    /// At least three dimensions.
    fn atleast_3d(input: Tensor) [function] compose { at_least(3, &input) };
    /// At least three dimensions each.
    fn atleast_3d_all "atleast_3d"(tensors: Vec<Tensor>) -> (list) [function] compose { all_at_least(3, &tensors) };
}

/// Whether sizes can be expanded to others.
fn expands_to(small: &[i64], large: &[i64]) -> bool {
    small.len() <= large.len() && small.iter().rev().zip(large.iter().rev()).all(|(a, b)| *a == 1 || a == b)
}

/// The entry of `diagonal`.
pub(crate) fn diagonal_entry() -> &'static crate::table::Op {
    &diagonal::OP
}
