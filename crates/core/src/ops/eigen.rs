//! Eigenvalues and eigenvectors, and functions of matrices that they give.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::linalg::{adjoint, check_floating, check_square, matrix_sizes, narrow, wide, with_field, with_last};
use super::prelude::*;
use crate::kernels::eigen;

fn checked(name: &str, t: &Tensor) -> Result<()> {
    check_floating(name, t)?;
    check_square(name, t)?;
    if matches!(t.dtype(), DType::Float16 | DType::BFloat16) {
        return Err(Error::not_implemented(format!(
            "{name}: Low precision dtypes not supported. Got {}", t.dtype().scalar_type()
        )));
    }
    let values = t.to_vec::<Complex<f64>>();
    if values.iter().any(|z| !z.re.is_finite() || !z.im.is_finite()) {
        return Err(Error::runtime(format!(
            "{name}: The algorithm failed to converge because the input matrix contained non-finite values."
        )));
    }
    Ok(())
}

fn matrices(t: &Tensor) -> usize {
    t.sizes()[..t.ndim() - 2].iter().product::<i64>() as usize
}

/// The Hermitian matrix of which one triangle is looked at.
fn from_triangle(t: &Tensor, upper: bool) -> Result {
    let t = t.detached();
    let half = if upper { t.triu(1i64)? } else { t.tril(-1i64)? };
    let diagonal = t.diagonal(0i64, -2i64, -1i64)?;
    let whole = half.add(adjoint(&half)?, 1i64)?;
    let real = if t.dtype().is_complex() { crate::ops::cast(&diagonal.real()?, t.dtype())? } else { diagonal };
    whole.diagonal_scatter(real, 0i64, -2i64, -1i64)
}

fn hermitian(name: &str, t: &Tensor, uplo: &str) -> Result<Vec<Tensor>> {
    let upper = match uplo.to_ascii_uppercase().as_str() {
        "U" => true,
        "L" => false,
        _ => return Err(Error::runtime(format!("Expected UPLO argument to be 'L' or 'U', but got {uplo}"))),
    };
    checked(name, t)?;
    let n = matrix_sizes(t).0;
    let x = from_triangle(t, upper)?.copied(wide(t.dtype()))?;
    let values = Tensor::empty(&with_last(t, &[n]), DType::Float64)?;
    let vectors = Tensor::empty(t.sizes(), x.dtype())?;
    with_field!(t.dtype(), T => {
        for i in 0..matrices(t) {
            let (l, v) = eigen::hermitian(&x.data::<T>()[i * n * n..(i + 1) * n * n], n);
            values.data_mut::<f64>()[i * n..(i + 1) * n].copy_from_slice(&l);
            let to = &mut vectors.data_mut::<T>()[i * n * n..(i + 1) * n * n];
            v.iter().enumerate().for_each(|(j, c)| c.iter().enumerate().for_each(|(k, x)| to[k * n + j] = *x));
        }
    });
    Ok(vec![narrow(values, t.dtype().to_real())?, narrow(vectors, t.dtype())?])
}

/// Eigenvalues and eigenvectors of a Hermitian matrix, as plain data.
pub(crate) fn hermitian_factors(t: &Tensor) -> Result<(Tensor, Tensor)> {
    let mut out = hermitian("linalg.eigh", t, "L")?;
    let vectors = out.swap_remove(1);
    Ok((out.swap_remove(0), vectors))
}

fn general(name: &str, t: &Tensor) -> Result<Vec<Tensor>> {
    checked(name, t)?;
    let n = matrix_sizes(t).0;
    let x = t.to_vec::<Complex<f64>>();
    let values = Tensor::empty(&with_last(t, &[n]), DType::Complex128)?;
    let vectors = Tensor::empty(t.sizes(), DType::Complex128)?;
    for i in 0..matrices(t) {
        let Some((mut l, mut v)) = eigen::general(&x[i * n * n..(i + 1) * n * n], n) else {
            return Err(Error::runtime(format!(
                "{name}: The algorithm failed to compute all eigenvalues because it did not converge."
            )));
        };
        if !t.dtype().is_complex() {
            eigen::pair(&mut l, &mut v);
        }
        values.data_mut::<Complex<f64>>()[i * n..(i + 1) * n].copy_from_slice(&l);
        let to = &mut vectors.data_mut::<Complex<f64>>()[i * n * n..(i + 1) * n * n];
        v.iter().enumerate().for_each(|(j, c)| c.iter().enumerate().for_each(|(k, x)| to[k * n + j] = *x));
    }
    let dtype = t.dtype().to_complex();
    Ok(vec![narrow(values, dtype)?, narrow(vectors, dtype)?])
}

fn identity(n: usize, dtype: DType) -> Result {
    let one = Tensor::zeros(&[n as i64, n as i64], dtype)?;
    one.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
    Ok(one)
}

/// Refuses a loss that depends on the phases of complex eigenvectors.
fn check_phase(name: &str, diagonal: &Tensor) -> Result<()> {
    let values = diagonal.to_vec::<Complex<f64>>();
    let size = values.iter().map(|z| z.norm()).fold(0.0, f64::max);
    if values.iter().all(|z| z.im.abs() <= 1e-2 * size + 1e-2) {
        return Ok(());
    }
    Err(Error::runtime(format!(
        "{name}: The eigenvectors in the complex case are specified up to multiplication by e^{{i phi}}. The specified loss \
         function depends on this quantity, so it is ill-defined."
    )))
}

/// The gradient of an eigendecomposition (Boeddeker et al., "On the computation of complex-valued
/// gradients with application to statistically optimum beamforming", 2017); `V` is unitary for a
/// Hermitian matrix.
fn eigen_grad(grads: &[Option<Tensor>], l: &Tensor, v: &Tensor, unitary: bool) -> Result<Option<Tensor>> {
    let vh = adjoint(v)?;
    let n = matrix_sizes(v).0;
    let inner = match &grads[1] {
        None => {
            let Some(gl) = &grads[0] else { return Ok(None) };
            if unitary {
                return v.mul(gl.unsqueeze(-2i64)?)?.matmul(vh).map(Some);
            }
            return vh.linalg_solve(gl.unsqueeze(-1i64)?.mul(&vh)?, true).map(Some);
        }
        Some(gv) => {
            let mut part = vh.matmul(gv)?;
            let diagonal = part.diagonal(0i64, -2i64, -1i64)?;
            if v.dtype().is_complex() {
                check_phase(if unitary { "linalg_eigh_backward" } else { "linalg_eig_backward" }, &diagonal)?;
            }
            if !unitary {
                // The length of each vector stays one.
                part = part.sub(vh.matmul(v)?.mul(diagonal.real()?.unsqueeze(-2i64)?)?, 1i64)?;
            }
            let gaps = l.unsqueeze(-2i64)?.sub(l.unsqueeze(-1i64)?, 1i64)?.conj()?.add(identity(n, l.dtype())?, 1i64)?;
            let off = part.true_divide(gaps)?;
            let own = match &grads[0] {
                Some(gl) => crate::ops::cast(gl, off.dtype())?,
                None => Tensor::zeros(l.sizes(), off.dtype())?,
            };
            off.diagonal_scatter(own, 0i64, -2i64, -1i64)?
        }
    };
    if unitary { hermitian_part(&v.matmul(inner)?.matmul(vh)?) } else { vh.linalg_solve(inner.matmul(&vh)?, true) }.map(Some)
}

fn hermitian_part(t: &Tensor) -> Result {
    t.add(adjoint(t)?, 1i64)?.mul(0.5)
}

fn parts(op: &'static crate::table::Op, args: &[Value]) -> Result<Vec<Tensor>> {
    Ok(crate::autograd::call(op, args)?.tensors().cloned().collect())
}

/// The solution `X` of `P X + X P = C` for a positive semidefinite `P`.
fn symmetric_sylvester(p: &Tensor, c: &Tensor) -> Result {
    let both = parts(&eigh::OP, &[Value::Tensor(p.clone()), Value::Str("L".into())])?;
    let (s, v) = (&both[0], &both[1]);
    let sums = s.unsqueeze(-1i64)?.add(s.unsqueeze(-2i64)?, 1i64)?;
    let inner = adjoint(v)?.matmul(c)?.matmul(v)?.true_divide(sums)?;
    v.matmul(inner)?.matmul(adjoint(v)?)
}

/// A function of the eigenvalues of a Hermitian matrix.
fn spectral(values: &Tensor, vectors: &Tensor, f: impl Fn(f64) -> f64) -> Result {
    let mapped: Vec<f64> = values.to_vec::<f64>().into_iter().map(f).collect();
    let diagonal = Tensor::from_slice(&mapped, values.sizes())?.as_contiguous(values.dtype())?;
    vectors.mul(diagonal.unsqueeze(-2i64)?)?.matmul(adjoint(vectors)?)
}

fn polar_of(a: &Tensor) -> Result<Vec<Tensor>> {
    const NAME: &str = "linalg.polar";
    check_floating(NAME, a)?;
    super::linalg::check_matrix(NAME, a)?;
    let (m, n) = matrix_sizes(a);
    if m < n {
        return Err(Error::runtime(format!(
            "{NAME}: input must have at least as many rows as columns, but got {m} by {n} matrices"
        )));
    }
    let out = super::svd::decomposed(crate::ops::cast(&a.detached(), wide(a.dtype()))?, false)?;
    let (u, s, vh) = (&out[0], &out[1], &out[2]);
    let p = adjoint(vh)?.mul(s.unsqueeze(-2i64)?)?.matmul(vh)?;
    Ok(vec![narrow(u.matmul(vh)?.contiguous_data()?, a.dtype())?, narrow(p.contiguous_data()?, a.dtype())?])
}

/// The gradient of `A = U P` from the equations that the differentials of its factors fulfil.
fn polar_grad(grads: &[Option<Tensor>], u: &Tensor, p: &Tensor) -> Result<Option<Tensor>> {
    let uh = adjoint(u)?;
    let mut turn = Tensor::zeros(p.sizes(), p.dtype())?;
    if let Some(gu) = &grads[0] {
        turn = uh.matmul(gu)?;
    }
    if let Some(gp) = &grads[1] {
        turn = turn.sub(gp.matmul(p)?, 1i64)?;
    }
    let skew = turn.sub(adjoint(&turn)?, 1i64)?;
    let mut inner = symmetric_sylvester(p, &skew)?;
    if let Some(gp) = &grads[1] {
        inner = inner.add(gp, 1i64)?;
    }
    let mut g = u.matmul(inner)?;
    if let (Some(gu), true) = (&grads[0], matrix_sizes(u).0 > matrix_sizes(u).1) {
        let beyond = gu.sub(u.matmul(uh.matmul(gu)?)?, 1i64)?;
        g = g.add(p.linalg_solve(beyond, false)?, 1i64)?;
    }
    Ok(Some(g))
}

ops! { TABLE, EigenOps;
    /// Eigenvalues, the least first, and eigenvectors of Hermitian matrices, of which one triangle counts.
    fn eigh "linalg.eigh"(A: Tensor, UPLO: String = "'L'") -> (eigenvalues, eigenvectors) [] eval {
        hermitian("linalg.eigh", &A, &UPLO)
    }
        d A = |g, outs, grads| { let _ = g; eigen_grad(&grads, &outs[0], &outs[1], true) };
    /// Eigenvalues of Hermitian matrices, the least first.
    fn eigvalsh "linalg.eigvalsh"(A: Tensor, UPLO: String = "'L'") [] compose {
        Ok::<_, Error>(parts(&eigh::OP, &[Value::Tensor(A), Value::Str(UPLO)])
            .map_err(|e| e.reworded("linalg.eigh:", "linalg.eigvalsh:"))?.swap_remove(0))
    };
    /// Eigenvalues and eigenvectors of square matrices.
    fn eig "linalg.eig"(A: Tensor) -> (eigenvalues, eigenvectors) [] eval { general("linalg.eig", &A) }
        d A = |g, outs, grads| { let _ = g; eigen_grad(&grads, &outs[0], &outs[1], false) };
    /// Eigenvalues of square matrices.
    fn eigvals "linalg.eigvals"(A: Tensor) [] compose {
        Ok::<_, Error>(parts(&eig::OP, &[Value::Tensor(A)])
            .map_err(|e| e.reworded("linalg.eig:", "linalg.eigvals:"))?.swap_remove(0))
    };
    /// The positive semidefinite square root of such matrices.
    fn matrix_sqrth "linalg.matrix_sqrth"(A: Tensor) [] eval {
        let both = hermitian("linalg.matrix_sqrth", &A, "L")?;
        spectral(&both[0], &both[1], |x| x.max(0.0).sqrt())
    }
        d A = |g, out| symmetric_sylvester(&out, &hermitian_part(g)?);
    /// The factors of `A = U P`: orthonormal columns, and a positive semidefinite matrix.
    fn polar_decomposition "linalg.polar"(A: Tensor) -> (U, H) [LinalgPolarBackward0] eval { polar_of(&A) }
        d A = |g, outs, grads| { let _ = g; polar_grad(&grads, &outs[0], &outs[1]) };
}
