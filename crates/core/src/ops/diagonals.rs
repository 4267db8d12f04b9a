//! Diagonals and triangles of matrices.

use super::join::cat_of;
use super::prelude::*;
use super::views::diagonal_of;
use crate::autograd::call;
use crate::value::first;

/// Checks the dimensions of a diagonal in a tensor of `ndim`.
fn pair(dim1: i64, dim2: i64, ndim: usize) -> Result<(usize, usize)> {
    let (a, b) = (wrap_dim(dim1, ndim)?, wrap_dim(dim2, ndim)?);
    if a == b {
        return Err(Error::runtime(format!("diagonal dimensions cannot be identical {dim1}, {dim2}")));
    }
    Ok((a, b))
}

/// The last dimension as a diagonal of two new ones, with zeros around it.
fn embedded(input: &Tensor, offset: i64, dim1: i64, dim2: i64) -> Result {
    let n = input.ndim();
    let (a, b) = pair(dim1, dim2, n + 1)?;
    let Some(&length) = input.sizes().last() else {
        return Err(Error::dim_range(-1, 0));
    };
    let side = length.saturating_add(offset.saturating_abs());
    let mut sizes: Dims = input.sizes()[..n - 1].into();
    sizes.insert(a.min(b), side);
    sizes.insert(a.max(b), side);
    let out = Tensor::zeros(&sizes, input.dtype())?;
    let place = diagonal_of(out.layout(), offset, dim1, dim2)?;
    crate::kernels::copy::copy(input, &out.alias(place));
    Ok(out)
}

fn triangle(name: &str, t: &Tensor, diagonal: i64, lower: bool) -> Result {
    if t.ndim() < 2 {
        return Err(Error::runtime(format!("{name}: input tensor must have at least 2 dimensions")));
    }
    let out = t.copied(t.dtype())?;
    let (m, n) = (t.sizes()[t.ndim() - 2] as usize, t.sizes()[t.ndim() - 1]);
    if out.numel() == 0 {
        return Ok(out);
    }
    dispatch!(t.dtype(), T => {
        let zero: T = Scalar::Int(0).to();
        for (i, row) in out.data_mut::<T>().chunks_exact_mut(n as usize).enumerate() {
            // The first column right of the diagonal.
            let edge = ((i % m) as i64).saturating_add(diagonal);
            if lower {
                row[edge.saturating_add(1).clamp(0, n) as usize..].fill(zero);
            } else {
                row[..edge.clamp(0, n) as usize].fill(zero);
            }
        }
    });
    Ok(out)
}

fn diagonal_copy(input: &Tensor, offset: i64) -> Result {
    let op = super::views::diagonal_entry();
    let args = [Value::Tensor(input.clone()), int(offset), int(0), int(1)];
    first(call(op.copy.unwrap_or(op), &args)?)
}

fn int(i: i64) -> Value {
    Value::Scalar(Scalar::Int(i))
}

ops! { TABLE, DiagonalOps;
    /// The lower triangle, zeros above.
    fn tril(input: Tensor, diagonal: i64 = "0") [inplace] eval { triangle("tril", &input, diagonal, true) }
        d input = |g, diagonal| g.tril(diagonal);
    /// The upper triangle, zeros below.
    fn triu(input: Tensor, diagonal: i64 = "0") [inplace] eval { triangle("triu", &input, diagonal, false) }
        d input = |g, diagonal| g.triu(diagonal);
    /// The last dimension as a diagonal of two new ones, with zeros around it.
    fn diag_embed(input: Tensor, offset: i64 = "0", dim1: i64 = "-2", dim2: i64 = "-1") [] eval {
        embedded(&input, offset, dim1, dim2) }
        d input = |g, offset, dim1, dim2| g.diagonal(offset, dim1, dim2);
    /// The diagonal of a matrix, or a matrix with this diagonal.
    fn diag(input: Tensor, diagonal: i64 = "0") [] compose {
        match input.ndim() {
            1 => input.diag_embed(diagonal, -2i64, -1i64),
            2 => diagonal_copy(&input, diagonal),
            n => Err(Error::runtime(format!("diag(): Supports 1D or 2D tensors. Got {n}D"))),
        } };
    /// A matrix with the elements of `input` on a diagonal.
    fn diagflat(input: Tensor, offset: i64 = "0") [] compose {
        input.contiguous(())?.view([-1])?.diag_embed(offset, -2i64, -1i64) };
    /// The diagonal of two dimensions, as the last one.
    fn linalg_diagonal "linalg.diagonal"(A: Tensor; offset: i64 = "0", dim1: i64 = "-2", dim2: i64 = "-1") [] compose {
        A.diagonal(offset, dim1, dim2) };
    /// The powers of each element, from the zeroth to the last but one of `N`.
    fn linalg_vander "linalg.vander"(x: Tensor; N: Option<i64> = "null") [] compose {
        if x.dtype() == DType::Bool { return Err(Error::not_implemented(
            "linalg.vander supports floating point, complex, and integer tensors, but got Bool")); }
        let x = x.atleast_1d()?;
        let n = N.unwrap_or(x.sizes()[x.ndim() - 1]);
        if n <= 1 { return Err(Error::runtime("N must be greater than 1.")); }
        let mut sizes = x.dims(); sizes.push(n - 1);
        let powers = x.unsqueeze(-1i64)?.expand(&sizes)?.cumprod(-1i64, ())?;
        sizes[x.ndim()] = 1;
        cat_of(vec![Tensor::full(&sizes, Scalar::Int(1), powers.dtype())?, powers], -1) };
    /// The powers of each element as rows, from the highest down unless `increasing`.
    fn vander(x: Tensor, N: Option<i64> = "null", increasing: bool = "false") [function] compose {
        if x.ndim() != 1 { return Err(Error::runtime("x must be a one-dimensional tensor.")); }
        let n = N.unwrap_or(x.sizes()[0]);
        if n < 0 { return Err(Error::runtime("N must be non-negative.")); }
        let x = crate::ops::cast(&x.detached(), x.dtype().promote(DType::Int64))?;
        let mut sizes = x.dims(); sizes.push((n - 1).max(0));
        let powers = x.unsqueeze(-1i64)?.expand(&sizes)?.cumprod(-1i64, ())?;
        sizes[1] = n.min(1);
        let all = cat_of(vec![Tensor::full(&sizes, Scalar::Int(1), x.dtype())?, powers], -1)?;
        if increasing { Ok(all) } else { all.flip([1]) } };
}
