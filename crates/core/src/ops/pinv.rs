//! Pseudo-inverses, ranks and least squares, all by singular values.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::linalg::{adjoint, check_floating, check_matrix, check_square, matrix_sizes, narrow, wide, with_last};
use super::prelude::*;

/// Singular values and vectors in double precision; those of a Hermitian matrix from its eigenvalues.
fn factors(a: &Tensor, hermitian: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let a = crate::ops::cast(&a.detached(), wide(a.dtype()))?;
    if !hermitian {
        let mut out = super::svd::decomposed(a, false)?;
        let vh = out.swap_remove(2);
        let s = out.swap_remove(1);
        return Ok((out.swap_remove(0), s, vh));
    }
    let (values, vectors) = super::eigen::hermitian_factors(&a)?;
    let (size, sign) = (values.abs()?, values.sign()?);
    Ok((vectors.mul(sign.unsqueeze(-2i64)?)?, size, adjoint(&vectors)?))
}

/// What a singular value must exceed to count.
fn cutoff(s: &Tensor, a: &Tensor, atol: &Option<Tensor>, rtol: &Option<Tensor>) -> Result {
    let (m, n) = matrix_sizes(a);
    let eps = if a.dtype().to_real() == DType::Float64 { f64::EPSILON } else { f64::from(f32::EPSILON) };
    let double = |t: &Tensor| crate::ops::cast(&t.detached(), DType::Float64);
    let default = Tensor::full(&[], Scalar::Float(eps * m.max(n) as f64), DType::Float64)?;
    let zero = Tensor::zeros(&[], DType::Float64)?;
    let rtol = match (rtol, atol) {
        (Some(r), _) => double(r)?,
        (None, Some(a)) => a.detached().gt(0i64)?.where_op(&zero, &default)?,
        (None, None) => default,
    };
    let atol = atol.as_ref().map_or(Ok(zero), double)?;
    rtol.mul(s.amax([-1], false)?)?.maximum(atol)?.unsqueeze(-1i64)
}

fn pseudo_inverse(a: &Tensor, atol: &Option<Tensor>, rtol: &Option<Tensor>, hermitian: bool) -> Result {
    check_floating("linalg.pinv", a)?;
    check_matrix("linalg.pinv", a)?;
    if hermitian {
        check_square("linalg.pinv", a)?;
    }
    let (m, n) = matrix_sizes(a);
    if a.numel() == 0 {
        return Tensor::zeros(&with_last(a, &[n, m]), a.dtype());
    }
    let (u, s, vh) = factors(a, hermitian)?;
    let inverse = s.gt(cutoff(&s, a, atol, rtol)?)?.where_op(s.reciprocal(), 0.0)?;
    narrow(adjoint(&vh)?.mul(inverse.unsqueeze(-2i64)?)?.matmul(adjoint(&u)?)?.contiguous_data()?, a.dtype())
}

/// The gradient of a pseudo-inverse `P` (Golub and Pereyra, "The differentiation of pseudo-inverses
/// and nonlinear least squares problems whose variables separate", 1973).
fn pinv_grad(g: &Tensor, a: &Tensor, p: &Tensor) -> Result {
    let (gh, ph) = (adjoint(g)?, adjoint(p)?);
    let inner = ph.matmul(g)?.matmul(&ph)?.neg()?;
    let left = gh.matmul(p)?.matmul(&ph)?;
    let left = left.sub(a.matmul(p)?.matmul(&left)?, 1i64)?;
    let right = ph.matmul(p)?.matmul(gh)?;
    let right = right.sub(right.matmul(p.matmul(a)?)?, 1i64)?;
    inner.add(left, 1i64)?.add(right, 1i64)
}

fn rank_of(a: &Tensor, atol: &Option<Tensor>, rtol: &Option<Tensor>, hermitian: bool) -> Result {
    check_floating("linalg.matrix_rank", a)?;
    check_matrix("linalg.matrix_rank", a)?;
    if hermitian {
        check_square("linalg.matrix_rank", a)?;
    }
    if a.numel() == 0 {
        return Tensor::zeros(&with_last(a, &[]), DType::Int64);
    }
    let (_, s, _) = factors(a, hermitian)?;
    s.gt(cutoff(&s, a, atol, rtol)?)?.sum_dim([-1], false, ())
}

const LSTSQ: &str = "torch.linalg.lstsq";

/// Solution, residuals, rank and singular values.
fn least_squares(a: &Tensor, b: &Tensor, rcond: Option<f64>, driver: Option<&String>) -> Result<Vec<Tensor>> {
    let fail = |why: &str| Err(Error::runtime(format!("{LSTSQ}: {why}")));
    if a.ndim() < 2 {
        return fail("input must have at least 2 dimensions.");
    }
    if b.ndim() < 1 {
        return fail("other must have at least 1 dimension.");
    }
    if a.ndim() < b.ndim() || a.ndim() - b.ndim() > 1 {
        return fail("input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1");
    }
    check_floating(LSTSQ, a)?;
    if a.dtype() != b.dtype() {
        return fail("input and other must have the same dtype");
    }
    let vector = super::linalg::is_vector(a, b);
    let rhs = if vector { b.detached().unsqueeze(-1i64)? } else { b.detached() };
    let (m, n) = matrix_sizes(a);
    if matrix_sizes(&rhs).0 != m {
        return fail(&format!("input.size(-2) should match other.size({})", if vector { -1 } else { -2 }));
    }
    let driver = driver.map_or("gelsy", String::as_str);
    if !matches!(driver, "gels" | "gelsy" | "gelsd" | "gelss") {
        return fail("parameter `driver` should be one of (gels, gelsy, gelsd, gelss)");
    }
    let work = crate::ops::cast(&rhs, wide(b.dtype()))?;
    let (x, values, rank) = if a.numel() == 0 {
        let lead = broadcast(&a.sizes()[..a.ndim() - 2], &rhs.sizes()[..rhs.ndim() - 2])?;
        let mut sizes = lead;
        sizes.extend([n as i64, matrix_sizes(&rhs).1 as i64]);
        let rank = Tensor::zeros(&with_last(a, &[]), DType::Int64)?;
        (Tensor::zeros(&sizes, work.dtype())?, Tensor::zeros(&with_last(a, &[m.min(n)]), DType::Float64)?, rank)
    } else {
        let (u, s, vh) = factors(a, false)?;
        let rtol = rcond.map(|r| Tensor::full(&[], Scalar::Float(r), DType::Float64)).transpose()?;
        let counts = s.gt(cutoff(&s, a, &None, &rtol)?)?;
        let inverse = counts.where_op(s.reciprocal(), 0.0)?;
        let x = adjoint(&vh)?.mul(inverse.unsqueeze(-2i64)?)?.matmul(adjoint(&u)?.matmul(&work)?)?;
        (x, s, counts.sum_dim([-1], false, ())?)
    };
    let full = rank.to_vec::<i64>().iter().all(|r| *r == n as i64);
    let residuals = if m > n && driver != "gelsy" && (full || driver == "gels") {
        let off = crate::ops::cast(&a.detached(), work.dtype())?.matmul(&x)?.sub(work, 1i64)?.abs()?;
        narrow(off.mul(&off)?.sum_dim([-2], false, ())?, a.dtype().to_real())?
    } else {
        Tensor::empty(&[0], a.dtype().to_real())?
    };
    let empty = |dtype: DType| Tensor::empty(&[0], dtype);
    let x = narrow(x.contiguous_data()?, a.dtype())?;
    Ok(vec![
        if vector { x.squeeze_dims([-1])? } else { x },
        residuals,
        if driver == "gels" { empty(DType::Int64)? } else { rank },
        if matches!(driver, "gelsd" | "gelss") { narrow(values, a.dtype().to_real())? } else { empty(a.dtype().to_real())? },
    ])
}

/// The gradients of the solution and the residuals, for `A` and for `B`.
fn lstsq_grads(grads: &[Option<Tensor>], a: &Tensor, b: &Tensor, x: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
    let vector = super::linalg::is_vector(a, b);
    let column = |t: &Tensor| if vector { t.unsqueeze(-1i64) } else { Ok(t.clone()) };
    let (rhs, x) = (column(b)?, column(x)?);
    let (mut ga, mut gb): (Option<Tensor>, Option<Tensor>) = (None, None);
    if let Some(gx) = &grads[0] {
        let (g, p) = (column(gx)?, a.pinv((), (), false)?);
        ga = Some(pinv_grad(&g.matmul(adjoint(&rhs)?)?, a, &p)?);
        gb = Some(adjoint(&p)?.matmul(g)?);
    }
    if let Some(gl) = grads[1].as_ref().filter(|g| g.numel() > 0) {
        let off = a.matmul(&x)?.sub(&rhs, 1i64)?.mul(gl.unsqueeze(-2i64)?)?.mul(2.0)?;
        let own = off.matmul(adjoint(&x)?)?;
        ga = Some(match ga { Some(g) => g.add(own, 1i64)?, None => own });
        gb = Some(match gb { Some(g) => g.sub(off, 1i64)?, None => off.neg()? });
    }
    let gb = gb.map(|g| if vector { g.squeeze_dim(-1i64) } else { Ok(g) }).transpose()?;
    Ok((ga, gb))
}

ops! { TABLE, PinvOps;
    /// The pseudo-inverse of matrices; singular values up to a tolerance count as zero.
    fn pinv "linalg.pinv"(A: Tensor; atol: Option<Operand> = "null", rtol: Option<Operand> = "null", hermitian: bool = "false")
        [] eval { pseudo_inverse(&A, &atol, &rtol, hermitian) }
        d A = |g, A, out| pinv_grad(g, &A, &out);
    /// The same with a tolerance relative to the greatest singular value.
    fn pinv_rcond "linalg.pinv"(A: Tensor, rcond: Operand, hermitian: bool = "false") [] compose { A.pinv((), rcond, hermitian) };
    /// The pseudo-inverse of matrices, by its old name.
    fn pinverse(input: Tensor, rcond: f64 = "1e-15") [] compose { input.pinv((), rcond, false) };
    /// How many singular values exceed the tolerance.
    fn matrix_rank "linalg.matrix_rank"(A: Tensor; atol: Option<Operand> = "null", rtol: Option<Operand> = "null",
        hermitian: bool = "false") [] eval { rank_of(&A, &atol, &rtol, hermitian) };
    /// How many singular values exceed `tol`.
    fn matrix_rank_tol "linalg.matrix_rank"(A: Tensor, tol: Operand, hermitian: bool = "false") [] eval {
        rank_of(&A, &Some(tol), &Some(Tensor::zeros(&[], DType::Float64)?), hermitian)
    };
    /// The least squares solution with all that belongs to it.
    fn _lstsq(input: Tensor, b: Tensor, rcond: Option<f64>, driver: Option<String>)
        -> (solution, residuals, rank, singular_values) [hidden, LinalgLstsqBackward0] eval {
        least_squares(&input, &b, rcond, driver.as_ref())
    }
        d input = |g, input, b, outs, grads| { let _ = g; Ok::<_, Error>(lstsq_grads(&grads, &input, &b, &outs[0])?.0) },
        d b = |g, input, b, outs, grads| { let _ = g; Ok::<_, Error>(lstsq_grads(&grads, &input, &b, &outs[0])?.1) };
    /// The `X` that makes `A X - B` least, how far off it is, the rank of `A` and its singular values.
    fn lstsq "linalg.lstsq"(input: Tensor, b: Tensor, rcond: Option<f64> = "null"; driver: Option<String> = "null")
        -> (solution, residuals, rank, singular_values) [function] compose {
        let number = |x: Option<f64>| x.map_or(Value::None, |x| Value::Scalar(Scalar::Float(x)));
        let args = [Value::Tensor(input), Value::Tensor(b), number(rcond), driver.map_or(Value::None, Value::Str)];
        let mut out: Vec<Tensor> = crate::autograd::call(&_lstsq::OP, &args)?.tensors().cloned().collect();
        out[3] = out[3].detached();
        Ok::<_, Error>(out)
    };
}
