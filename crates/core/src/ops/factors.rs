//! What is done with packed LU factors and with triangles, and the exponential of matrices.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::linalg::{
    adjoint, check_floating, check_matrix, check_square, matrix_sizes, narrow, wide, with_last,
};
use super::lu::{permutation, unpack};
use super::prelude::*;

/// Pivots count rows from one; others would reach beyond the matrix.
fn check_pivots(name: &str, lu: &Tensor, pivots: &Tensor) -> Result<()> {
    if pivots.dtype() != DType::Int32 {
        return Err(Error::runtime(format!(
            "{name}: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this function is intended to \
             be used with the output produced by torch.linalg.lu_factor"
        )));
    }
    check_matrix(name, lu)?;
    let (m, n) = matrix_sizes(lu);
    let mut wanted: Dims = lu.sizes()[..lu.ndim() - 2].into();
    wanted.push(m.min(n) as i64);
    if pivots.sizes() != &wanted[..] {
        return Err(Error::runtime(format!(
            "{name}: Number of pivots per batch should be same as the dimension of the matrix"
        )));
    }
    if pivots.to_vec::<i64>().iter().any(|p| !(1..=m as i64).contains(p)) {
        return Err(Error::runtime("pivots passed to lu_unpack must be between 1 and LU.size(-2) inclusive.Did you properly \
            pass the result of lu_factor?"));
    }
    Ok(())
}

fn check_solvable(name: &str, lu: &Tensor, pivots: &Tensor, b: &Tensor, left: bool) -> Result<()> {
    check_floating(name, lu)?;
    if lu.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "{name}: Expected LU and B to have the same dtype, but found LU of type {} and B of type {} instead",
            lu.dtype().scalar_type(), b.dtype().scalar_type()
        )));
    }
    check_square(name, lu)?;
    check_matrix(name, b)?;
    check_pivots(name, lu, pivots)?;
    let (n, (rows, columns)) = (matrix_sizes(lu).0, matrix_sizes(b));
    if n != if left { rows } else { columns } {
        return Err(Error::runtime(format!(
            "{name}: Incompatible shapes of A and B for the equation {} ({n}x{n} and {rows}x{columns})",
            if left { "AX = B" } else { "XA = B" }
        )));
    }
    Ok(())
}

/// The solution of `A X = B`, or `A^H X = B`, where `A = P L U`.
fn by_lu(lu: &Tensor, p: &Tensor, b: &Tensor, conjugate: bool) -> Result {
    if conjugate {
        let half = adjoint(lu)?.solve_triangular(b, false, true, false)?;
        return p.matmul(adjoint(lu)?.solve_triangular(half, true, true, true)?);
    }
    let half = lu.solve_triangular(adjoint(p)?.matmul(b)?, false, true, true)?;
    lu.solve_triangular(half, true, true, false)
}

fn lu_solution(lu: &Tensor, pivots: &Tensor, b: &Tensor, left: bool, conjugate: bool) -> Result {
    let double = |t: &Tensor| crate::ops::cast(&t.detached(), wide(t.dtype()));
    let (lu, rhs) = (double(lu)?, double(b)?);
    let p = permutation(&pivots.detached().contiguous_data()?, matrix_sizes(&lu).0, lu.dtype())?;
    let out = if left { by_lu(&lu, &p, &rhs, conjugate)? } else { adjoint(&by_lu(&lu, &p, &adjoint(&rhs)?, !conjugate)?)? };
    narrow(out.contiguous_data()?, b.dtype())
}

/// The gradient of a solution for the packed factors, by way of that for `A`.
fn lu_solution_grad(g: &Tensor, lu: &Tensor, pivots: &Tensor, x: &Tensor, left: bool, conjugate: bool) -> Result {
    let gb = lu.linalg_lu_solve(pivots, g, left, !conjugate)?;
    let ga = match (left, conjugate) {
        (true, false) => gb.matmul(adjoint(x)?),
        (true, true) => x.matmul(adjoint(&gb)?),
        (false, false) => adjoint(x)?.matmul(gb),
        (false, true) => adjoint(&gb)?.matmul(x),
    }?.neg()?;
    let (l, u) = unpack(lu)?;
    let turned = adjoint(&permutation(&pivots.contiguous_data()?, matrix_sizes(lu).0, lu.dtype())?)?.matmul(ga)?;
    turned.matmul(adjoint(&u)?)?.tril(-1i64)?.add(adjoint(&l)?.matmul(turned)?.triu(0i64)?, 1i64)
}

/// The gradients of the unpacked factors in one matrix.
fn packed_grad(gl: Option<&Tensor>, gu: Option<&Tensor>, m: usize, n: usize) -> Result<Option<Tensor>> {
    let (m, n) = (m as i64, n as i64);
    let low = gl.map(|g| g.tril(-1i64)?.constant_pad_nd([0, n - m.min(n)], 0i64)).transpose()?;
    let high = gu.map(|g| g.triu(0i64)?.constant_pad_nd([0, 0, 0, m - m.min(n)], 0i64)).transpose()?;
    Ok(match (low, high) {
        (Some(l), Some(u)) => Some(l.add(u, 1i64)?),
        (one, other) => one.or(other),
    })
}

fn turned(a: &Tensor, transpose: bool) -> Result {
    if transpose { a.transpose(-1i64, -2i64) } else { Ok(a.clone()) }
}

/// `e^A` by a Taylor polynomial of `A` halved until it is small, and squared as often (Moler and Van
/// Loan, "Nineteen dubious ways to compute the exponential of a matrix", 2003, methods 1 and 3).
fn exponential(a: &Tensor) -> Result {
    const NAME: &str = "linalg.matrix_exp";
    check_floating(NAME, a)?;
    check_square(NAME, a)?;
    let n = matrix_sizes(a).0 as i64;
    if a.numel() == 0 {
        return Ok(a.detached());
    }
    let mut x = crate::ops::cast(&a.detached(), wide(a.dtype()))?;
    let norm = x.abs()?.sum_dim([-2], false, ())?.to_vec::<f64>().into_iter().fold(0.0, f64::max);
    if !norm.is_finite() {
        return Tensor::full(a.sizes(), Scalar::Float(f64::NAN), a.dtype());
    }
    let halvings = if norm > 0.5 { (norm / 0.5).log2().ceil() as i32 } else { 0 };
    x = x.mul(0.5f64.powi(halvings))?;
    let one = Tensor::zeros(&[n, n], x.dtype())?;
    one.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
    let (mut term, mut sum) = (x.clone(), x.add(one, 1i64)?);
    // Half a unit to the power of 17 over 17! is beyond double precision.
    for k in 2..17 {
        term = term.matmul(&x)?.mul(1.0 / f64::from(k))?;
        sum = sum.add(&term, 1i64)?;
    }
    for _ in 0..halvings {
        sum = sum.matmul(&sum)?;
    }
    narrow(sum.contiguous_data()?, a.dtype())
}

/// The gradient is a block of the exponential of a matrix twice as large (Najfeld and Havel,
/// "Derivatives of the matrix exponential and their computation", 1995).
fn exponential_grad(g: &Tensor, a: &Tensor) -> Result {
    let n = matrix_sizes(a).0 as i64;
    if n == 0 {
        return Ok(g.clone());
    }
    let ah = adjoint(a)?;
    let zero = Tensor::zeros(ah.sizes(), ah.dtype())?;
    let top = crate::ops::join::cat_of(vec![ah.clone(), g.clone()], -1)?;
    let bottom = crate::ops::join::cat_of(vec![zero, ah], -1)?;
    let both = crate::ops::join::cat_of(vec![top, bottom], -2)?.matrix_exp()?;
    both.narrow(-2i64, 0i64, n)?.narrow(-1i64, n, n)
}

ops! { TABLE, FactorOps;
    /// The permutation and the factors in packed LU factors, by one node.
    fn _lu_unpack(input: Tensor, LU_pivots: Tensor, unpack_data: bool, unpack_pivots: bool) -> (P, L, U)
        [hidden, LuUnpackBackward0] eval {
        if unpack_pivots { check_pivots("torch.lu_unpack", &input, &LU_pivots)?; }
        check_matrix("torch.lu_unpack", &input)?;
        let none = || Tensor::empty(&[0], input.dtype());
        let (l, u) = if unpack_data { unpack(&input.detached())? } else { (none()?, none()?) };
        let p = if unpack_pivots { permutation(&LU_pivots.contiguous_data()?, matrix_sizes(&input).0, input.dtype())? } else { none()? };
        Ok::<_, Error>(vec![p, l, u])
    }
        d input = |g, sizes, grads| {
            let (_, n) = (g, sizes.len());
            packed_grad(grads[1].as_ref(), grads[2].as_ref(), sizes[n - 2] as usize, sizes[n - 1] as usize) };
    /// The permutation and the factors in packed LU factors.
    fn lu_unpack(LU_data: Tensor, LU_pivots: Tensor, unpack_data: bool = "true", unpack_pivots: bool = "true") -> (P, L, U)
        [function] compose {
        let flag = |on: bool| Value::Scalar(Scalar::Bool(on));
        let args = [Value::Tensor(LU_data), Value::Tensor(LU_pivots), flag(unpack_data), flag(unpack_pivots)];
        let mut out: Vec<Tensor> = crate::autograd::call(&_lu_unpack::OP, &args)?.tensors().cloned().collect();
        out[0] = out[0].detached();
        Ok::<_, Error>(out)
    };
    /// The solution of `A X = B`, of `X A = B`, or of those with the adjoint of `A`, from the packed factors of `A`.
    fn linalg_lu_solve "linalg.lu_solve"(LU: Tensor, pivots: Tensor, B: Tensor; left: bool = "true", adjoint: bool = "false")
        [LinalgLuSolveBackward0] eval {
        check_solvable("torch.linalg.lu_solve", &LU, &pivots, &B, left)?;
        lu_solution(&LU, &pivots, &B, left, adjoint)
    }
        d LU = |g, LU, pivots, out, left, adjoint| lu_solution_grad(g, &LU, &pivots, &out, left, adjoint),
        d B = |g, LU, pivots, left, adjoint| LU.linalg_lu_solve(pivots, g, left, !adjoint);
    /// The solution of `A X = b` from the packed factors of `A`.
    fn lu_solve(b: Tensor, LU_data: Tensor, LU_pivots: Tensor) [] compose { LU_data.linalg_lu_solve(LU_pivots, b, true, false) };
    /// The solution of `A X = b` for a triangle of `A` or of its transpose, and a copy of `A`.
    fn triangular_solve(b: Tensor, A: Tensor, upper: bool = "true", transpose: bool = "false", unitriangular: bool = "false")
        -> (solution, cloned_coefficient) [] eval {
        check_square("triangular_solve", &A)?;
        let x = turned(&A.detached(), transpose)?.solve_triangular(b.detached(), upper != transpose, true, unitriangular)?;
        let lead = with_last(&x, &[matrix_sizes(&A).0, matrix_sizes(&A).1]);
        Ok::<_, Error>(vec![x, A.detached().expand(&lead)?.copied(A.dtype())?])
    }
        d b = |g, A, upper, transpose, unitriangular, grads| { let _ = g;
            let solve = |g: &Tensor| adjoint(&turned(&A, transpose)?)?.solve_triangular(g, upper == transpose, true, unitriangular);
            grads[0].as_ref().map(solve).transpose() },
        d A = |g, A, outs, upper, transpose, unitriangular, grads| { let _ = g;
            let Some(g) = &grads[0] else { return Ok(crate::table::Grads::from_elem(grads[1].clone(), 1)) };
            let gb = adjoint(&turned(&A, transpose)?)?.solve_triangular(g, upper == transpose, true, unitriangular)?;
            let whole = turned(&gb.matmul(adjoint(&outs[0])?)?.neg()?, transpose)?;
            let off = i64::from(unitriangular);
            let ga = if upper { whole.triu(off)? } else { whole.tril(-off)? };
            Ok::<_, Error>(Some(match &grads[1] { Some(copy) => ga.add(copy, 1i64)?, None => ga })) };
    /// The exponential of square matrices.
    fn matrix_exp "linalg.matrix_exp"(A: Tensor) ["matrix_exp"] eval { exponential(&A) }
        d A = |g, A| exponential_grad(g, &A);
}
