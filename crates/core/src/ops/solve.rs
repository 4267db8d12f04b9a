//! What is solved with factors that are at hand, and what systems with tensors for matrices come to.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::linalg::{adjoint, matrix_sizes};
use super::prelude::*;

fn check_square(name: &str, t: &Tensor) -> Result<()> {
    super::linalg::check_matrix(name, t)?;
    let (m, n) = matrix_sizes(t);
    if m == n {
        return Ok(());
    }
    Err(Error::runtime(format!("{name}: A must be batches of square matrices, but they are {m} by {n} matrices")))
}

/// The solution of `A X = B` where `A` is the product of a Cholesky factor and its adjoint.
fn by_cholesky(b: &Tensor, factor: &Tensor, upper: bool) -> Result {
    for (name, t) in [("b", b), ("u", factor)] {
        if t.ndim() < 2 {
            return Err(Error::runtime(format!(
                "{name} should have at least 2 dimensions, but has {} dimensions instead", t.ndim()
            )));
        }
    }
    let ((m, n), (rows, columns)) = (matrix_sizes(factor), matrix_sizes(b));
    if m != n {
        return Err(Error::runtime(format!(
            "cholesky_solve: A must be batches of square matrices, but they are {m} by {n} matrices"
        )));
    }
    if n != rows {
        return Err(Error::runtime(format!(
            "Incompatible matrix sizes for cholesky_solve: each A matrix is {n} by {n} but each b matrix is {rows} by \
             {columns}"
        )));
    }
    let l = if upper { adjoint(factor)? } else { factor.clone() };
    adjoint(&l)?.solve_triangular(l.solve_triangular(b, false, true, false)?, true, true, false)
}

/// The gradient of such a solution for the factor: that of `A` drawn through the product. PyTorch
/// keeps both triangles.
fn cholesky_factor_grad(ga: &Tensor, factor: &Tensor, upper: bool) -> Result {
    let both = ga.add(adjoint(ga)?, 1i64)?;
    if upper { factor.matmul(both) } else { both.matmul(factor) }
}

fn identity_like(t: &Tensor) -> Result {
    let n = matrix_sizes(t).0 as i64;
    let one = Tensor::zeros(&[n, n], t.dtype())?;
    one.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
    one.expand(t.sizes())
}

/// Powers of each element, from none on.
fn powers(x: &Tensor, n: i64) -> Result {
    let one = Tensor::full(x.sizes(), Scalar::Int(1), x.dtype())?.unsqueeze(-1i64)?;
    let mut sizes = x.dims();
    sizes.push(n - 1);
    let rest = x.unsqueeze(-1i64)?.expand(&sizes)?.cumprod(-1i64, ())?;
    crate::ops::join::cat_of(vec![one, rest], -1)
}

fn vandermonde(x: &Tensor, n: Option<i64>) -> Result {
    if x.dtype() == DType::Bool {
        return Err(Error::not_implemented(
            "linalg.vander supports floating point, complex, and integer tensors, but got Bool",
        ));
    }
    let x = if x.ndim() == 0 { x.unsqueeze(0i64)? } else { x.clone() };
    let n = n.unwrap_or(x.sizes()[x.ndim() - 1]);
    if n <= 1 {
        return Err(Error::runtime("N must be greater than 1."));
    }
    powers(&x, n)
}

fn product(sizes: &[i64]) -> i64 {
    sizes.iter().product()
}

fn tensor_inverse(t: &Tensor, ind: i64) -> Result {
    if ind <= 0 {
        return Err(Error::runtime(format!("Expected a strictly positive integer for 'ind', but got {ind}")));
    }
    let (head, tail) = t.sizes().split_at((ind as usize).min(t.ndim()));
    let (m, n) = (product(head), product(tail));
    if m != n {
        return Err(Error::runtime(format!(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got {n} != {m}"
        )));
    }
    let sizes: Dims = tail.iter().chain(head).copied().collect();
    t.reshape([m, n])?.inv()?._reshaped(&sizes)
}

fn tensor_solve(a: &Tensor, b: &Tensor, dims: Option<Dims>) -> Result {
    let mut a = a.clone();
    if let Some(dims) = dims {
        let last: Dims = (0..dims.len() as i64).map(|i| i - dims.len() as i64).collect();
        a = a.movedim(&dims, &last)?;
    }
    let (head, tail) = a.sizes().split_at(b.ndim().min(a.ndim()));
    let (m, n) = (product(head), product(tail));
    if m != n {
        return Err(Error::runtime(format!(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), \
             but got {n} != {m}"
        )));
    }
    let sizes: Dims = tail.into();
    a.reshape([m, n])?.linalg_solve(b.flatten(0i64, -1i64)?, true)?.reshape(&sizes)
}

/// The greatest singular value over the least; by other norms, that of a matrix times that of its inverse.
fn condition(t: &Tensor, p: Option<f64>) -> Result {
    if t.ndim() < 2 {
        return Err(Error::runtime("linalg.cond: The input tensor must have at least 2 dimensions."));
    }
    let p = p.unwrap_or(2.0);
    if p.abs() == 2.0 {
        let s = t.svdvals()?;
        if s.numel() == 0 {
            return Tensor::zeros(&s.sizes()[..s.ndim() - 1], s.dtype());
        }
        let (most, least) = (s.narrow(-1i64, 0i64, 1i64)?, s.narrow(-1i64, -1i64, 1i64)?);
        let ratio = if p > 0.0 { most.true_divide(least)? } else { least.true_divide(most)? };
        return ratio.squeeze_dim(-1i64);
    }
    check_square(&format!("linalg.cond(ord={p})"), t)?;
    let inverse = t.inv_ex(false)?;
    t.matrix_norm(p, [-2, -1], false, ())?.mul(inverse.matrix_norm(p, [-2, -1], false, ())?)
}

ops! { TABLE, SolveOps;
    /// The solution of `A X = B` from the Cholesky factor of `A`.
    fn cholesky_solve(B: Tensor, L: Tensor, upper: bool = "false") [] eval {
            by_cholesky(&B.detached(), &L.detached(), upper) }
        d B = |g, L, upper| g.cholesky_solve(L, upper),
        d L = |g, L, out, upper| {
            let half = g.cholesky_solve(&L, upper)?.matmul(adjoint(&out)?)?.neg()?;
            cholesky_factor_grad(&half, &L, upper) };
    /// The inverse of a matrix from its Cholesky factor.
    fn cholesky_inverse(L: Tensor, upper: bool = "false") [] eval {
            check_square("cholesky_inverse", &L)?;
            by_cholesky(&identity_like(&L)?, &L.detached(), upper) }
        d L = |g, L, out, upper| cholesky_factor_grad(&adjoint(&out)?.matmul(g)?.matmul(adjoint(&out)?)?.neg()?, &L, upper);
    /// The matrix of powers of each element, from none on: a Vandermonde matrix.
    fn linalg_vander "linalg.vander"(x: Tensor; N: Option<i64> = "null") [] compose { vandermonde(&x, N) };
    /// The matrix of powers of the elements of a vector, the highest first unless `increasing`.
    fn vander(x: Tensor, N: Option<i64> = "null", increasing: bool = "false") [function] compose {
        if x.ndim() != 1 { return Err(Error::runtime("x must be a one-dimensional tensor.")); }
        let n = N.unwrap_or(x.sizes()[0]);
        if n < 0 { return Err(Error::runtime("N must be non-negative.")); }
        if n == 0 { return Ok::<_, Error>(Value::Tensor(Tensor::empty(&[x.sizes()[0], 0], x.dtype())?)); }
        let x = if x.dtype().is_integral() { crate::ops::cast(&x, DType::Int64)? } else { x };
        let all = powers(&x, n)?;
        if increasing { Ok(all) } else { all.flip([-1]) } .map(Value::Tensor) };
    /// A diagonal of matrices, by default of the last two dimensions.
    fn linalg_diagonal "linalg.diagonal"(A: Tensor; offset: i64 = "0", dim1: i64 = "-2", dim2: i64 = "-1") [] compose {
        A.diagonal(offset, dim1, dim2) };
    /// The inverse of a tensor as a map from its last dimensions to its first `ind`.
    fn tensorinv "linalg.tensorinv"(A: Tensor, ind: i64 = "2") [] compose { tensor_inverse(&A, ind) };
    /// The tensor `X` with `tensordot(A, X) = B`.
    fn tensorsolve "linalg.tensorsolve"(A: Tensor, B: Tensor, dims: Option<Dims> = "null") [] compose {
        tensor_solve(&A, &B, dims) };
    /// The condition number of matrices.
    fn cond "linalg.cond"(A: Tensor, p: Option<f64> = "null") [] compose { condition(&A, p) };
    /// A reshape of a matrix that PyTorch keeps column by column: its node has a name of its own.
    fn _reshaped(input: Tensor, size: Dims) [hidden, ReshapeAliasBackward0] view {
            let layout = input.layout().view(&size);
            layout.map(|l| input.alias(l)).ok_or_else(|| Error::runtime("a matrix that is not row-major")) }
        d input = |g, sizes| g.reshape(&sizes);
}
