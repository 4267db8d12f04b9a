//! Singular values and vectors, and what follows from them.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::linalg::{adjoint, check_floating, check_matrix, matrix_sizes, narrow, wide, with_field, with_last};
use super::prelude::*;
use crate::kernels::factor::{self, Field};

/// Writes columns as a matrix of `width` columns, or as its conjugate transpose.
fn store<T: Field>(columns: &[Vec<T>], to: &mut [T], width: usize, adjoint: bool) {
    for (j, c) in columns.iter().enumerate() {
        for (i, x) in c.iter().enumerate() {
            if adjoint {
                to[j * c.len() + i] = x.conj();
            } else {
                to[i * width + j] = *x;
            }
        }
    }
}

/// `U`, `S` and `V^H` of each matrix.
fn svd_of(name: &str, t: &Tensor, full: bool) -> Result<Vec<Tensor>> {
    check_floating(name, t)?;
    check_matrix(name, t)?;
    if matches!(t.dtype(), DType::Float16 | DType::BFloat16) {
        return Err(Error::dtype("linalg_svd_cpu", t.dtype()));
    }
    let (m, n) = matrix_sizes(t);
    let k = m.min(n);
    let (rows, columns) = if full { (m, n) } else { (k, k) };
    let x = t.detached().copied(wide(t.dtype()))?;
    let u = Tensor::empty(&with_last(t, &[m, rows]), x.dtype())?;
    let s = Tensor::empty(&with_last(t, &[k]), DType::Float64)?;
    let vh = Tensor::empty(&with_last(t, &[columns, n]), x.dtype())?;
    with_field!(t.dtype(), T => {
        for i in 0..with_last(t, &[]).iter().product::<i64>() as usize {
            let a = &x.data::<T>()[i * m * n..(i + 1) * m * n];
            if a.iter().any(|x| !x.modulus().is_finite()) {
                return Err(Error::runtime(format!(
                    "{name}: The algorithm failed to converge because the input matrix contained non-finite values."
                )));
            }
            // A wide matrix is the conjugate transpose of a tall one.
            let (mut left, values, mut right) = if m >= n {
                factor::svd(a, m, n)
            } else {
                let flipped: Vec<T> = (0..n).flat_map(|j| (0..m).map(move |i| a[i * n + j].conj())).collect();
                let (right, values, left) = factor::svd(&flipped, n, m);
                (left, values, right)
            };
            factor::complete(&mut left, m, rows);
            factor::complete(&mut right, n, columns);
            store(&left, &mut u.data_mut::<T>()[i * m * rows..(i + 1) * m * rows], rows, false);
            store(&right, &mut vh.data_mut::<T>()[i * columns * n..(i + 1) * columns * n], columns, true);
            s.data_mut::<f64>()[i * k..(i + 1) * k].copy_from_slice(&values);
        }
    });
    Ok(vec![narrow(u, t.dtype())?, narrow(s, t.dtype().to_real())?, narrow(vh, t.dtype())?])
}

/// The gradient of a singular value decomposition (Townsend, "Differentiating the Singular Value
/// Decomposition", 2016).
fn svd_grad(grads: &[Option<Tensor>], u: &Tensor, s: &Tensor, vh: &Tensor) -> Result<Option<Tensor>> {
    let (m, n) = (matrix_sizes(u).0, matrix_sizes(vh).1);
    let k = m.min(n) as i64;
    let (u, vh) = (u.narrow(-1i64, 0i64, k)?, vh.narrow(-2i64, 0i64, k)?);
    let (gu, gvh) = match (&grads[0], &grads[2]) {
        (None, None) => {
            let Some(gs) = &grads[1] else { return Ok(None) };
            return u.mul(gs.unsqueeze(-2i64)?)?.matmul(vh).map(Some);
        }
        (gu, gvh) => (
            gu.as_ref().map(|g| g.narrow(-1i64, 0i64, k)).transpose()?,
            gvh.as_ref().map(|g| g.narrow(-2i64, 0i64, k)).transpose()?,
        ),
    };
    let (row, column) = (s.unsqueeze(-2i64)?, s.unsqueeze(-1i64)?);
    // Differences of squares of singular values, with ones on the diagonal.
    let square = s.mul(s)?;
    let gaps = square.unsqueeze(-2i64)?.sub(square.unsqueeze(-1i64)?, 1i64)?;
    let one = Tensor::zeros(&[k, k], s.dtype())?;
    one.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
    let gaps = gaps.add(one, 1i64)?;
    let skew = |t: Tensor| -> Result { t.sub(adjoint(&t)?, 1i64)?.true_divide(&gaps) };
    let mut parts: Vec<Tensor> = Vec::new();
    if let Some(gs) = &grads[1] {
        let zeros = Tensor::zeros(&with_last(&u, &[k as usize, k as usize]), gs.dtype())?;
        parts.push(zeros.diagonal_scatter(gs, 0i64, -2i64, -1i64)?);
    }
    if let Some(gu) = &gu {
        let inner = adjoint(&u)?.matmul(gu)?;
        if inner.dtype().is_complex() {
            // What a phase common to both vectors turns.
            let turn = inner.diagonal(0i64, -2i64, -1i64)?.imag()?.true_divide(s)?
                .mul(Scalar::Complex(Complex::new(0.0, 1.0)))?;
            let zeros = Tensor::zeros(inner.sizes(), inner.dtype())?;
            parts.push(zeros.diagonal_scatter(turn, 0i64, -2i64, -1i64)?);
        }
        parts.push(skew(inner)?.mul(&row)?);
    }
    if let Some(gvh) = &gvh {
        parts.push(skew(vh.matmul(adjoint(gvh)?)?)?.mul(&column)?);
    }
    let mut inner = parts.swap_remove(0);
    for p in parts {
        inner = inner.add(p, 1i64)?;
    }
    let mut g = u.matmul(inner)?.matmul(&vh)?;
    if let (Some(gu), true) = (&gu, m as i64 > k) {
        let beyond = gu.sub(u.matmul(adjoint(&u)?.matmul(gu)?)?, 1i64)?;
        g = g.add(beyond.true_divide(&row)?.matmul(&vh)?, 1i64)?;
    }
    if let (Some(gvh), true) = (&gvh, n as i64 > k) {
        let beyond = gvh.sub(gvh.matmul(adjoint(&vh)?)?.matmul(&vh)?, 1i64)?;
        g = g.add(u.matmul(beyond.true_divide(&column)?)?, 1i64)?;
    }
    Ok(Some(g))
}

pub(crate) fn decomposed(a: Tensor, full: bool) -> Result<Vec<Tensor>> {
    let args = [Value::Tensor(a), Value::Scalar(Scalar::Bool(full))];
    Ok(crate::autograd::call(&svd::OP, &args)?.tensors().cloned().collect())
}

ops! { TABLE, SvdOps;
    /// Singular vectors and values: `A = U diag(S) Vh`.
    fn svd "linalg.svd"(A: Tensor, full_matrices: bool = "true") -> (U, S, Vh) [] eval {
            svd_of("linalg.svd", &A, full_matrices) }
        d A = |g, outs, grads| { let _ = g; svd_grad(&grads, &outs[0], &outs[1], &outs[2]) };
    /// Singular values, the greatest first.
    fn svdvals "linalg.svdvals"(A: Tensor) [] compose { Ok::<_, Error>(decomposed(A, false)?.swap_remove(1)) };
    /// Singular vectors and values: `input = U diag(S) V^H`; without `some`, all the vectors.
    fn svd_some "svd"(input: Tensor, some: bool = "true", compute_uv: bool = "true") -> (U, S, V) [] compose {
        let mut out = decomposed(input.clone(), !some && compute_uv)?;
        if compute_uv {
            out[2] = adjoint(&out[2])?;
        } else {
            let (m, n) = matrix_sizes(&input);
            out[0] = Tensor::zeros(&with_last(&input, &[m, m]), input.dtype())?;
            out[2] = Tensor::zeros(&with_last(&input, &[n, n]), input.dtype())?;
        }
        Ok::<_, Error>(out) };
    /// The sum of the singular values of the matrices that two dimensions make.
    fn nuclear_norm(input: Tensor, dim: Dims = "[-2, -1]", keepdim: bool = "false") [function] compose {
        input.matrix_norm_named("nuc", &dim, keepdim, ()) };
}
