//! Pieces of a dimension: split, chunk, unbind and their relatives.

use super::prelude::*;
use super::views::{selected, sliced};
use crate::autograd::call;

fn split_sizes(t: &Tensor, sizes: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    if t.ndim() == 0 {
        return Err(Error::runtime("split expects at least a 1-dimensional tensor"));
    }
    let d = wrap_dim(dim, t.ndim())?;
    let mut at = 0i64;
    let mut out = Vec::new();
    for &n in sizes {
        if n < 0 {
            return Err(Error::runtime(format!("split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes:?}")));
        }
        out.push((at, n));
        at = at.saturating_add(n);
    }
    if at != t.sizes()[d] {
        return Err(Error::runtime(format!(
            "split_with_sizes expects split_sizes to sum exactly to {} (input tensor's size at dimension {dim}), but got split_sizes={sizes:?}",
            t.sizes()[d]
        )));
    }
    out.into_iter().map(|(at, n)| sliced(t.layout(), d as i64, Some(at), Some(at + n), 1).map(|l| t.alias(l))).collect()
}

/// The gradient of what was unbound, laid out in memory as that was where nothing else asks for a
/// layout: the views that led to it then cost nothing on the way back.
fn bound(grads: &[Option<Tensor>], layout: &Layout, d: usize, dtype: DType) -> Result {
    if crate::state::unobserved() && layout.is_dense() {
        let out = Tensor::empty_strided(&layout.sizes, &layout.strides, dtype)?;
        for (i, g) in grads.iter().enumerate() {
            let part = out.alias(selected(out.layout(), d as i64, i as i64)?);
            match g {
                Some(g) => crate::kernels::copy::copy(g, &part),
                None => part.write_all(Scalar::Int(0))?,
            }
        }
        return Ok(out);
    }
    let mut one = layout.sizes.clone();
    one.remove(d);
    let parts = grads.iter().map(|g| match g {
        Some(g) => g.unsqueeze(d as i64),
        None => Tensor::zeros(&one, dtype)?.unsqueeze(d as i64),
    }).collect::<Result<Vec<_>>>()?;
    crate::ops::join::cat_of(parts, d as i64)
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
        return if all == 0 { Ok(dims![0]) } else {
            Err(Error::runtime(format!("split_size can only be 0 if dimension size is 0, but got dimension size of {all}")))
        };
    }
    let count = (all / n + i64::from(all % n != 0)).max(1);
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

fn piece_dims(sizes: &Dims, pieces: &Dims, dim: i64) -> Result<Vec<Dims>> {
    let d = wrap_dim(dim, sizes.len())?;
    Ok(pieces.iter().map(|n| { let mut s = sizes.clone(); s[d] = *n; s }).collect())
}

fn tensor_like(sizes: &Dims, dtype: DType) -> Tensor {
    // Only its sizes are looked at: one element stands for all.
    let one = Tensor::zeros(&[1], dtype).unwrap_or_else(|_| unreachable!("one element"));
    one.alias(Layout { sizes: sizes.clone(), strides: Dims::from_elem(0, sizes.len()), offset: 0 })
}

/// How long each of at most `chunks` pieces is; `None` for so many empty ones.
fn chunk_length(input: &Tensor, chunks: i64, dim: i64) -> Result<Option<i64>> {
    if input.ndim() == 0 {
        return Err(Error::runtime("chunk expects at least a 1-dimensional tensor"));
    }
    if chunks <= 0 {
        return Err(Error::runtime(format!("chunk expects `chunks` to be greater than 0, got: {chunks}")));
    }
    let n = input.sizes()[wrap_dim(dim, input.ndim())?];
    Ok(Some(n / chunks + i64::from(n % chunks != 0)).filter(|each| *each > 0))
}

fn int(i: i64) -> Value {
    Value::Scalar(Scalar::Int(i))
}

/// At most `chunks` pieces, by `by_length` or, when they are empty, `by_sizes`.
fn chunks_of(input: Tensor, chunks: i64, dim: i64, by_length: &'static crate::table::Op, by_sizes: &'static crate::table::Op)
    -> Result<Value> {
    match chunk_length(&input, chunks, dim)? {
        Some(each) => call(by_length, &[Value::Tensor(input), int(each), int(dim)]),
        None if chunks > 1 << 24 => Err(Error::runtime("chunk expects fewer chunks")),
        None => call(by_sizes, &[Value::Tensor(input), Value::Ints(Dims::from_elem(0, chunks as usize)), int(dim)]),
    }
}

/// Pieces that end before each of `indices`, and the rest; as slices, so they may be empty.
fn cut(input: &Tensor, indices: &[i64], dim: i64) -> Result<Vec<Tensor>> {
    let n = input.sizes()[dim as usize];
    let mut start = 0;
    let mut out = Vec::with_capacity(indices.len() + 1);
    for &end in indices.iter().chain([&n]) {
        out.push(input.slice(dim, start, end, 1i64)?);
        start = end;
    }
    Ok(out)
}

/// The dimension that `tensor_split` cuts.
fn splittable(input: &Tensor, dim: i64) -> Result<i64> {
    if input.ndim() == 0 {
        return Err(Error::runtime("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"));
    }
    Ok(wrap_dim(dim, input.ndim())? as i64)
}

/// `sections` pieces whose lengths differ by one at most, the longer ones first.
fn sections_of(input: &Tensor, sections: i64, dim: i64) -> Result<Vec<Tensor>> {
    let d = splittable(input, dim)?;
    if sections <= 0 {
        return Err(Error::runtime(format!("number of sections must be larger than 0, got {sections}")));
    }
    if sections > 1 << 24 {
        return Err(Error::runtime(format!("tensor_split cannot make {sections} tensors")));
    }
    let n = input.sizes()[d as usize];
    let ends: Vec<i64> = (1..sections).map(|i| i * (n / sections) + i.min(n % sections)).collect();
    cut(input, &ends, d)
}

/// The checks of `hsplit`, `vsplit` and `dsplit`, and the dimension each of them cuts.
fn named_split(name: &str, input: &Tensor, least: usize, sections: Option<i64>) -> Result<i64> {
    if input.ndim() < least {
        return Err(Error::runtime(format!(
            "torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {} dimensions!", input.ndim()
        )));
    }
    let dim = match name {
        "vsplit" => 0,
        "dsplit" => 2,
        _ => i64::from(input.ndim() > 1),
    };
    let n = input.sizes()[dim as usize];
    match sections {
        Some(k) if k == 0 || n % k != 0 => Err(Error::runtime(format!(
            "torch.{name} attempted to split along dimension {dim}, but the size of the dimension {n} is not divisible by the \
             split_size {k}!"
        ))),
        _ => Ok(dim),
    }
}

ops! { TABLE, SplitOps;
    /// Pieces of a dimension, all of this size but the last, which may be shorter.
    fn split(tensor: Tensor, split_size_or_sections: i64, dim: i64 = "0") -> (list) [copy] view {
        split_sizes(&tensor, &pieces(&tensor, split_size_or_sections, dim)?, dim) }
        d tensor = |g, sizes, split_size_or_sections, dim, grads| {
            let p = pieces(&tensor_like(&sizes, g.dtype()), split_size_or_sections, dim)?;
            join_pieces(&grads, &piece_dims(&sizes, &p, dim)?, g.dtype(), dim) };
    /// Pieces of a dimension of the sizes given.
    fn split_list "split"(tensor: Tensor, split_size_or_sections: Dims, dim: i64 = "0") -> (list) [] compose {
        call(&split_with_sizes::OP, &[Value::Tensor(tensor), Value::Ints(split_size_or_sections), int(dim)]) };
    /// Pieces of a dimension of the sizes given.
    fn split_with_sizes(input: Tensor, split_sizes: Dims, dim: i64 = "0") -> (list) [copy] view {
        crate::ops::split::split_sizes(&input, &split_sizes, dim) }
        d input = |g, sizes, split_sizes, dim, grads| join_pieces(&grads, &piece_dims(&sizes, &split_sizes, dim)?, g.dtype(), dim);
    /// At most `chunks` pieces of a dimension, as equal as possible.
    fn chunk(input: Tensor, chunks: i64, dim: i64 = "0") -> (list) [] compose {
        chunks_of(input, chunks, dim, &split::OP, &split_with_sizes::OP) };
    /// Pieces as `split` makes them, which may be written without regard to each other.
    fn unsafe_split(tensor: Tensor, split_size: i64, dim: i64 = "0") -> (list) [] eval {
        split_sizes(&tensor, &pieces(&tensor, split_size, dim)?, dim) }
        d tensor = |g, sizes, split_size, dim, grads| {
            let p = pieces(&tensor_like(&sizes, g.dtype()), split_size, dim)?;
            join_pieces(&grads, &piece_dims(&sizes, &p, dim)?, g.dtype(), dim) };
    /// Pieces as `split_with_sizes` makes them, which may be written without regard to each other.
    fn unsafe_split_with_sizes(input: Tensor, split_sizes: Dims, dim: i64 = "0") -> (list) [] eval {
        crate::ops::split::split_sizes(&input, &split_sizes, dim) }
        d input = |g, sizes, split_sizes, dim, grads| join_pieces(&grads, &piece_dims(&sizes, &split_sizes, dim)?, g.dtype(), dim);
    /// Pieces as `chunk` makes them, which may be written without regard to each other.
    fn unsafe_chunk(input: Tensor, chunks: i64, dim: i64 = "0") -> (list) [] compose {
        chunks_of(input, chunks, dim, &unsafe_split::OP, &unsafe_split_with_sizes::OP) };
    /// Every index of a dimension.
    fn unbind(input: Tensor, dim: i64 = "0") -> (list) [copy] view {
        if input.ndim() == 0 { return Err(Error::no_dimensions(dim)); }
        let d = wrap_dim(dim, input.ndim())?;
        (0..input.sizes()[d]).map(|i| selected(input.layout(), d as i64, i).map(|l| input.alias(l))).collect::<Result<Vec<_>>>() }
        d input = |g, layout, dim, grads| bound(&grads, &layout, wrap_dim(dim, layout.sizes.len())?, g.dtype());
    /// So many pieces of a dimension, the first ones longer by one where it does not divide.
    fn tensor_split(input: Tensor, sections: i64, dim: i64 = "0") -> (list) [] compose { sections_of(&input, sections, dim) };
    /// Pieces of a dimension that end before each index.
    fn tensor_split_at "tensor_split"(input: Tensor, indices: Dims, dim: i64 = "0") -> (list) [] compose {
        cut(&input, &indices, splittable(&input, dim)?) };
    /// Pieces of a dimension by a number of sections or by indices, given as a tensor.
    fn tensor_split_by "tensor_split"(input: Tensor, tensor_indices_or_sections: Tensor, dim: i64 = "0") -> (list) [] compose {
        let by = tensor_indices_or_sections;
        if by.dtype() != DType::Int64 { return Err(Error::runtime(format!(
            "tensor_split expected tensor_indices_or_sections to have dtype of long, but got {}", by.dtype().scalar_type()))); }
        match by.ndim() {
            0 => sections_of(&input, by.scalar()?.to(), dim),
            1 => cut(&input, &by.to_vec::<i64>(), splittable(&input, dim)?),
            n => Err(Error::runtime(format!("tensor_split expected tensor_indices_or_sections to be a zero-dimensional or \
                one-dimensional tensor, but got a tensor with {n} dims"))),
        } };
    /// Equal pieces side by side.
    fn hsplit(input: Tensor, sections: i64) -> (list) [] compose {
        let d = named_split("hsplit", &input, 1, Some(sections))?; sections_of(&input, sections, d) };
    /// Pieces side by side that end before each index.
    fn hsplit_at "hsplit"(input: Tensor, indices: Dims) -> (list) [] compose {
        let d = named_split("hsplit", &input, 1, None)?; cut(&input, &indices, d) };
    /// Equal pieces, one below the other.
    fn vsplit(input: Tensor, sections: i64) -> (list) [] compose {
        let d = named_split("vsplit", &input, 2, Some(sections))?; sections_of(&input, sections, d) };
    /// Pieces, one below the other, that end before each index.
    fn vsplit_at "vsplit"(input: Tensor, indices: Dims) -> (list) [] compose {
        let d = named_split("vsplit", &input, 2, None)?; cut(&input, &indices, d) };
    /// Equal pieces, one behind the other.
    fn dsplit(input: Tensor, sections: i64) -> (list) [] compose {
        let d = named_split("dsplit", &input, 3, Some(sections))?; sections_of(&input, sections, d) };
    /// Pieces, one behind the other, that end before each index.
    fn dsplit_at "dsplit"(input: Tensor, indices: Dims) -> (list) [] compose {
        let d = named_split("dsplit", &input, 3, None)?; cut(&input, &indices, d) };
}
