//! LU factorisations, packed and as three matrices, in double precision.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::linalg::{adjoint, first_failure, flag, matrix_sizes, narrow, results, wide, with_field, with_last};
use super::prelude::*;
use crate::kernels::factor;

/// Packed factors, pivots and where each matrix failed.
fn lu_of(t: &Tensor) -> Result<Vec<Tensor>> {
    let (m, n) = matrix_sizes(t);
    let lu = t.detached().copied(wide(t.dtype()))?;
    let pivots = Tensor::empty(&with_last(t, &[m.min(n)]), DType::Int32)?;
    let info = Tensor::zeros(&with_last(t, &[]), DType::Int32)?;
    with_field!(t.dtype(), T => {
        let k = m.min(n);
        let to = lu.data_mut::<T>();
        for (i, d) in info.data_mut::<i32>().iter_mut().enumerate() {
            *d = factor::lu(&mut to[i * m * n..(i + 1) * m * n], m, n, &mut pivots.data_mut::<i32>()[i * k..(i + 1) * k]);
        }
    });
    Ok(vec![narrow(lu, t.dtype())?, pivots, info])
}

fn lu_checked(name: &str, t: &Tensor, pivot: bool) -> Result<Vec<Tensor>> {
    if t.ndim() < 2 {
        return Err(Error::runtime(format!(
            "{name}: Expected tensor with 2 or more dimensions. Got size: {:?} instead", t.sizes()
        )));
    }
    if t.dtype().is_integral() || matches!(t.dtype(), DType::Float16 | DType::BFloat16) {
        return Err(Error::dtype("lu_cpu", t.dtype()));
    }
    if !pivot {
        return Err(Error::runtime("linalg.lu_factor: LU without pivoting is not implemented on the CPU"));
    }
    lu_of(t)
}

fn check_lu(name: &str, info: &Tensor) -> Result<()> {
    let Some((which, at)) = first_failure(info) else { return Ok(()) };
    Err(Error::runtime(format!(
        "torch.{name}: {which}U[{at},{at}] is zero and using it on lu_solve would result in a division by zero. If you \
         still want to perform the factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)"
    )))
}

/// The permutation that pivots stand for, as a matrix.
pub(crate) fn permutation(pivots: &Tensor, m: usize, dtype: DType) -> Result {
    let k = pivots.sizes()[pivots.ndim() - 1] as usize;
    let mut sizes: Dims = pivots.sizes()[..pivots.ndim() - 1].into();
    sizes.extend([m as i64, m as i64]);
    let out = Tensor::zeros(&sizes, DType::Float64)?;
    let to = out.data_mut::<f64>();
    let count = sizes[..sizes.len() - 2].iter().product::<i64>() as usize;
    for i in 0..count {
        let mut rows: Vec<usize> = (0..m).collect();
        factor::permute(&pivots.data::<i32>()[i * k..(i + 1) * k], &mut rows, 1);
        for (row, column) in rows.iter().enumerate() {
            to[i * m * m + column * m + row] = 1.0;
        }
    }
    out.copied(dtype)
}

/// `L` and `U` from packed factors.
pub(crate) fn unpack(lu: &Tensor) -> Result<(Tensor, Tensor)> {
    let (m, n) = matrix_sizes(lu);
    let k = m.min(n) as i64;
    let lower = lu.narrow(-1i64, 0i64, k)?.tril(-1i64)?;
    let one = Tensor::zeros(&[m as i64, k], lu.dtype())?;
    one.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
    Ok((lower.add(one, 1i64)?, lu.narrow(-2i64, 0i64, k)?.triu(0i64)?))
}

/// The gradient of an LU factorisation (Lutz Roeder's notes have the square case; the others follow
/// from the blocks that only one of the factors has).
fn lu_grad(gl: Option<Tensor>, gu: Option<Tensor>, p: &Tensor, l: &Tensor, u: &Tensor) -> Result<Option<Tensor>> {
    if gl.is_none() && gu.is_none() {
        return Ok(None);
    }
    let (m, n) = (matrix_sizes(l).0, matrix_sizes(u).1);
    let k = m.min(n) as i64;
    let gl = gl.map_or_else(|| l.mul(0i64), Ok)?;
    let gu = gu.map_or_else(|| u.mul(0i64), Ok)?;
    let top = |t: &Tensor| t.narrow(-2i64, 0i64, k);
    let left = |t: &Tensor| t.narrow(-1i64, 0i64, k);
    let (l1, u1) = (top(l)?, left(u)?);
    let mut low = adjoint(&l1)?.matmul(top(&gl)?)?;
    let mut high = left(&gu)?.matmul(adjoint(&u1)?)?;
    if n > m {
        let rest = n as i64 - k;
        let (u2, gu2) = (u.narrow(-1i64, k, rest)?, gu.narrow(-1i64, k, rest)?);
        low = low.sub(gu2.matmul(adjoint(&u2)?)?, 1i64)?;
    }
    if m > n {
        let rest = m as i64 - k;
        let (l2, gl2) = (l.narrow(-2i64, k, rest)?, gl.narrow(-2i64, k, rest)?);
        high = high.sub(adjoint(&l2)?.matmul(gl2)?, 1i64)?;
    }
    let inner = low.tril(-1i64)?.add(high.triu(0i64)?, 1i64)?;
    let from_left = |t: Tensor| adjoint(&l1)?.solve_triangular(t, true, true, true);
    let from_right = |t: Tensor| adjoint(&u1)?.solve_triangular(t, false, false, false);
    let mut g = from_left(from_right(inner)?)?;
    if n > m {
        g = crate::ops::join::cat_of(vec![g, from_left(gu.narrow(-1i64, k, n as i64 - k)?)?], -1)?;
    }
    if m > n {
        g = crate::ops::join::cat_of(vec![g, from_right(gl.narrow(-2i64, k, m as i64 - k)?)?], -2)?;
    }
    p.matmul(g).map(Some)
}

ops! { TABLE, LuOps;
    /// Packed LU factors, pivots, and which matrices are singular.
    fn lu_factor_ex "linalg.lu_factor_ex"(A: Tensor; pivot: bool = "true", check_errors: bool = "false")
        -> (LU, pivots, info) [] eval {
            let out = lu_checked("linalg.lu_factor_ex", &A, pivot)?;
            if check_errors { check_lu("linalg.lu_factor_ex", &out[2])?; }
            Ok::<_, Error>(out) }
        d A = |g, outs| {
            let ((l, u), (m, n)) = (unpack(&outs[0])?, matrix_sizes(&outs[0]));
            let k = m.min(n) as i64;
            let (gl, gu) = (g.narrow(-1i64, 0i64, k)?.tril(-1i64)?, g.narrow(-2i64, 0i64, k)?.triu(0i64)?);
            lu_grad(Some(gl), Some(gu), &permutation(&outs[1], m, g.dtype())?, &l, &u) };
    /// Packed LU factors and pivots.
    fn lu_factor "linalg.lu_factor"(A: Tensor; pivot: bool = "true") -> (LU, pivots) [] compose {
        let mut out = results(&lu_factor_ex::OP, &[Value::Tensor(A), flag(pivot), flag(false)])
            .map_err(|e| e.reworded("linalg.lu_factor_ex", "linalg.lu_factor"))?;
        check_lu("linalg.lu_factor", &out[2])?;
        out.truncate(2);
        Ok::<_, Error>(out) };
    /// The factors of `A = P L U`, all three by one node.
    fn _linalg_lu(A: Tensor; pivot: bool = "true") -> (P, L, U) [hidden, LinalgLuBackward0] eval {
            let out = lu_checked("linalg.lu", &A, pivot)?;
            let (l, u) = unpack(&out[0])?;
            Ok::<_, Error>(vec![permutation(&out[1], matrix_sizes(&A).0, A.dtype())?, l, u]) }
        d A = |g, outs, grads| { let _ = g;
            lu_grad(grads[1].clone(), grads[2].clone(), &outs[0].detached(), &outs[1], &outs[2]) };
    /// The factors of `A = P L U`; the permutation has no gradient.
    fn linalg_lu "linalg.lu"(A: Tensor; pivot: bool = "true") -> (P, L, U) [] compose {
        let mut out = results(&_linalg_lu::OP, &[Value::Tensor(A), flag(pivot)])?;
        out[0] = out[0].detached();
        Ok::<_, Error>(out) };
    /// Packed LU factors and pivots; with `get_infos`, which matrices are singular too.
    fn lu(input: Tensor, pivot: bool = "true", get_infos: bool = "false") -> (LU, pivots, info) [] compose {
        let mut out = results(&lu_factor_ex::OP, &[Value::Tensor(input), flag(pivot), flag(false)])?;
        if !get_infos { out.truncate(2); }
        Ok::<_, Error>(out) };
}
