//! Singular values and principal components of matrices of low rank, by random projections.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::linalg::{adjoint, check_matrix, matrix_sizes, orthonormal};
use super::prelude::*;
use super::random::normal_of;
use super::svd::decomposed;

/// A basis that nearly spans the columns of `a` (Halko, Martinsson and Tropp, "Finding structure with randomness:
/// probabilistic algorithms for constructing approximate matrix decompositions", 2011, algorithm 4.4).
fn range(a: &Tensor, q: i64, niter: i64) -> Result {
    let n = matrix_sizes(a).1 as i64;
    let mut basis = orthonormal(a.matmul(normal_of(&[n, q], a.dtype(), 0.0, 1.0)?)?)?;
    let turned = adjoint(a)?;
    for _ in 0..niter {
        basis = orthonormal(turned.matmul(basis)?)?;
        basis = orthonormal(a.matmul(basis)?)?;
    }
    Ok(basis)
}

/// The same paper's algorithm 5.1.
fn factors(a: Tensor, q: i64, niter: i64) -> Result<Vec<Tensor>> {
    let (m, n) = matrix_sizes(&a);
    let a = if m < n { adjoint(&a)? } else { a };
    let basis = range(&a, q, niter)?;
    let mut out = decomposed(adjoint(&basis)?.matmul(a)?, false)?;
    out[0] = basis.matmul(&out[0])?;
    out[2] = adjoint(&out[2])?;
    if m < n {
        out.swap(0, 2);
    }
    Ok(out)
}

fn principal(a: &Tensor, q: Option<i64>, center: bool, niter: i64) -> Result<Vec<Tensor>> {
    check_matrix("pca_lowrank", a)?;
    let (m, n) = matrix_sizes(a);
    let least = m.min(n) as i64;
    let q = q.unwrap_or(least.min(6));
    if !(0..=least).contains(&q) {
        return Err(Error::value(format!(
            "q(={q}) must be non-negative integer and not greater than min(m, n)={least}"
        )));
    }
    if niter < 0 {
        return Err(Error::value(format!("niter(={niter}) must be non-negative integer")));
    }
    let a = if center { a.sub(a.mean_dim([-2], true, ())?, 1i64)? } else { a.clone() };
    factors(a, q, niter)
}

ops! { TABLE, LowRankOps;
    /// The greatest `q` singular values of `A` (of `A - M`), and their vectors: `A` is about `U diag(S) V^H`.
    fn svd_lowrank(A: Tensor, q: Option<i64> = "6", niter: Option<i64> = "2", M: Option<Tensor> = "null") -> (U, S, V)
        [function] compose {
        check_matrix("svd_lowrank", &A)?;
        let a = match M {
            Some(M) => A.sub(M.expand(A.sizes())?, 1i64)?,
            None => A,
        };
        factors(a, q.unwrap_or(6), niter.unwrap_or(2)) };
    /// The greatest `q` principal components of the rows of `A`: singular vectors and values once the mean is gone.
    fn pca_lowrank(A: Tensor, q: Option<i64> = "null", center: bool = "true", niter: i64 = "2") -> (U, S, V)
        [function] compose { principal(&A, q, center, niter) };
}
