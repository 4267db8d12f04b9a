//! Linear systems and factorisations: inverses, determinants, Cholesky, QR. They are computed
//! in double precision.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::prelude::*;
use crate::kernels::factor::{self, Field, Triangle};

/// Runs an expression with the type that a factorisation of this dtype is computed in.
macro_rules! with_field {
    ($dtype:expr, $T:ident => $e:expr) => {
        if $dtype.is_complex() { type $T = Complex<f64>; $e } else { type $T = f64; $e }
    };
}

pub(crate) use with_field;

/// Double precision, real or complex.
pub(crate) fn wide(dtype: DType) -> DType {
    if dtype.is_complex() { DType::Complex128 } else { DType::Float64 }
}

/// Back from double precision.
pub(crate) fn narrow(t: Tensor, dtype: DType) -> Result {
    if t.dtype() == dtype { Ok(t) } else { t.copied(dtype) }
}

/// The sizes of the last two dimensions.
pub(crate) fn matrix_sizes(t: &Tensor) -> (usize, usize) {
    (t.sizes()[t.ndim() - 2] as usize, t.sizes()[t.ndim() - 1] as usize)
}

/// The sizes before the last two, and others after them.
pub(crate) fn with_last(t: &Tensor, last: &[usize]) -> Dims {
    let mut sizes: Dims = t.sizes()[..t.ndim() - 2].into();
    sizes.extend(last.iter().map(|n| *n as i64));
    sizes
}

pub(crate) fn check_floating(name: &str, t: &Tensor) -> Result<()> {
    if t.dtype().is_integral() {
        return Err(Error::not_implemented(format!(
            "{name}: Expected a floating point or complex tensor as input. Got {}", t.dtype().scalar_type()
        )));
    }
    Ok(())
}

pub(crate) fn check_matrix(name: &str, t: &Tensor) -> Result<()> {
    if t.ndim() < 2 {
        return Err(Error::runtime(format!("{name}: The input tensor A must have at least 2 dimensions.")));
    }
    Ok(())
}

pub(crate) fn check_square(name: &str, t: &Tensor) -> Result<()> {
    check_matrix(name, t)?;
    let (m, n) = matrix_sizes(t);
    if m != n {
        return Err(Error::runtime(format!(
            "{name}: A must be batches of square matrices, but they are {m} by {n} matrices"
        )));
    }
    Ok(())
}

fn check_precise(name: &str, t: &Tensor) -> Result<()> {
    if matches!(t.dtype(), DType::Float16 | DType::BFloat16) {
        return Err(Error::not_implemented(format!(
            "{name}: Low precision dtypes not supported. Got {}", t.dtype().scalar_type()
        )));
    }
    Ok(())
}

/// The first matrix of a batch whose factorisation failed: its number where there are several, and how.
pub(crate) fn first_failure(info: &Tensor) -> Option<(String, i32)> {
    let list = info.data::<i32>();
    let at = list.iter().position(|i| *i != 0)?;
    let which = if info.ndim() == 0 { String::new() } else { format!("(Batch element {at}): ") };
    Some((which, list[at]))
}

fn check_singular(name: &str, info: &Tensor) -> Result<()> {
    let Some((which, at)) = first_failure(info) else { return Ok(()) };
    Err(Error::runtime(if name.ends_with("solve") || name.ends_with("solve_ex") {
        format!("{name}: {which}The solver failed because the input matrix is singular.")
    } else {
        format!(
            "{name}: {which}The diagonal element {at} is zero, the inversion could not be completed because the input \
             matrix is singular."
        )
    }))
}

/// The conjugate transpose of the last two dimensions.
pub(crate) fn adjoint(t: &Tensor) -> Result {
    t.transpose(-1i64, -2i64)?.conj()
}

fn identity(n: i64, dtype: DType) -> Result {
    let one = Tensor::zeros(&[n, n], dtype)?;
    one.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
    Ok(one)
}

/// Solutions of `A X = B` for a triangle of `A`; from the right, of `X A = B`.
fn triangular(a: &Tensor, b: &Tensor, upper: bool, left: bool, unit: bool) -> Result {
    const NAME: &str = "linalg.solve_triangular";
    check_square(NAME, a)?;
    if b.ndim() < 2 {
        return Err(Error::runtime(format!("{NAME}: The input tensor B must have at least 2 dimensions.")));
    }
    let (n, (rows, columns)) = (matrix_sizes(a).0, matrix_sizes(b));
    if n != if left { rows } else { columns } {
        return Err(Error::runtime(format!(
            "{NAME}: Incompatible shapes of A and B for the equation {} ({n}x{n} and {rows}x{columns})",
            if left { "AX = B" } else { "XA = B" }
        )));
    }
    if !left {
        // The same, transposed.
        let flip = |t: &Tensor| t.detached().transpose(-1i64, -2i64);
        return flip(&triangular(&flip(a)?, &flip(b)?, !upper, true, unit)?);
    }
    let lead = broadcast(&a.sizes()[..a.ndim() - 2], &b.sizes()[..b.ndim() - 2])?;
    let whole = |t: &Tensor| -> Result {
        let (m, n) = matrix_sizes(t);
        let mut sizes = lead.clone();
        sizes.extend([m as i64, n as i64]);
        t.detached().expand(&sizes)?.copied(wide(t.dtype()))
    };
    let (x, out) = (whole(a)?, whole(b)?);
    with_field!(a.dtype(), T => {
        let (x, to) = (x.data::<T>(), out.data_mut::<T>());
        let (p, q) = (n * n, rows * columns);
        for i in 0..lead.iter().product::<i64>() as usize {
            let (x, to) = (&x[i * p..(i + 1) * p], &mut to[i * q..(i + 1) * q]);
            factor::solve_triangle(x, n, to, columns, Triangle { upper, unit });
        }
    });
    narrow(out, b.dtype())
}

fn triangular_grad(ga: &Tensor, x: &Tensor, upper: bool, left: bool, unit: bool) -> Result {
    let full = if left { ga.matmul(adjoint(x)?)? } else { adjoint(x)?.matmul(ga)? }.neg()?;
    let off = i64::from(unit);
    if upper { full.triu(off) } else { full.tril(-off) }
}

/// Solutions of `A X = B` from the LU factors of `A`; and where a matrix was singular.
fn solved(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let (n, columns) = (matrix_sizes(a).0, matrix_sizes(b).1);
    let lead = broadcast(&a.sizes()[..a.ndim() - 2], &b.sizes()[..b.ndim() - 2])?;
    let whole = |t: &Tensor, columns: usize| -> Result {
        let mut sizes = lead.clone();
        sizes.extend([n as i64, columns as i64]);
        t.detached().expand(&sizes)?.copied(wide(t.dtype()))
    };
    let (x, out) = (whole(a, n)?, whole(b, columns)?);
    let info = Tensor::zeros(&lead, DType::Int32)?;
    with_field!(a.dtype(), T => {
        let (x, to) = (x.data_mut::<T>(), out.data_mut::<T>());
        let mut pivots = vec![0; n];
        for (i, d) in info.data_mut::<i32>().iter_mut().enumerate() {
            let (lu, b) = (&mut x[i * n * n..(i + 1) * n * n], &mut to[i * n * columns..(i + 1) * n * columns]);
            *d = factor::lu(lu, n, n, &mut pivots);
            factor::permute(&pivots, b, columns);
            factor::solve_triangle(lu, n, b, columns, Triangle { upper: false, unit: true });
            factor::solve_triangle(lu, n, b, columns, Triangle { upper: true, unit: false });
        }
    });
    Ok((narrow(out, b.dtype())?, info))
}

fn inverse(name: &str, t: &Tensor, check: bool) -> Result<Vec<Tensor>> {
    check_matrix(name, t)?;
    check_floating(name, t)?;
    check_square(name, t)?;
    check_precise(name, t)?;
    let (out, info) = solved(t, &identity(matrix_sizes(t).0 as i64, t.dtype())?)?;
    if check {
        check_singular(name, &info)?;
    }
    Ok(vec![out, info])
}

/// Whether the right-hand side is a batch of vectors, as NumPy decided it up to version 1.
pub(crate) fn is_vector(a: &Tensor, b: &Tensor) -> bool {
    b.ndim() == 1 || (a.ndim() == b.ndim() + 1 && a.sizes()[..a.ndim() - 1] == *b.sizes())
}

fn solve_checked(a: &Tensor, b: &Tensor, left: bool) -> Result<Vec<Tensor>> {
    const NAME: &str = "linalg.solve";
    check_matrix(NAME, a)?;
    check_floating(NAME, a)?;
    check_square(NAME, a)?;
    check_precise(NAME, a)?;
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "{NAME}: Expected A and B to have the same dtype, but found A of type {} and B of type {} instead",
            a.dtype().scalar_type(), b.dtype().scalar_type()
        )));
    }
    let vector = is_vector(a, b);
    if !vector && b.ndim() < 2 {
        return Err(Error::runtime(format!("{NAME}: The input tensor B must have at least 2 dimensions.")));
    }
    let rhs = if vector { b.detached().unsqueeze(-1i64)? } else { b.detached() };
    let (n, (rows, columns)) = (matrix_sizes(a).0, matrix_sizes(&rhs));
    if vector && !left {
        return Err(Error::runtime(format!(
            "{NAME}: Vector broadcasting of the left hand side is not supported for left=False. In this case linalg.solve \
             is equivalent to B / A.squeeze(-1)"
        )));
    }
    if n != if left { rows } else { columns } {
        return Err(Error::runtime(format!(
            "{NAME}: Incompatible shapes of A and B for the equation {} ({n}x{n} and {rows}x{columns})",
            if left { "AX = B" } else { "XA = B" }
        )));
    }
    let flip = |t: &Tensor| t.transpose(-1i64, -2i64);
    let (out, info) = if left {
        solved(a, &rhs)?
    } else {
        let (x, info) = solved(&flip(&a.detached())?, &flip(&rhs)?)?;
        (flip(&x)?.contiguous_data()?, info)
    };
    Ok(vec![if vector { out.squeeze_dims([-1])? } else { out }, info])
}

/// The gradients of a solution for `B`, and for `A`.
fn solve_grads(g: &Tensor, a: &Tensor, b: &Dims, x: &Tensor, left: bool) -> Result<(Tensor, Tensor)> {
    let vector = b.len() == 1 || (a.ndim() == b.len() + 1 && a.sizes()[..a.ndim() - 1] == b[..]);
    let gb = adjoint(a)?.linalg_solve(g, left)?;
    let column = |t: &Tensor| if vector { t.unsqueeze(-1i64) } else { Ok(t.clone()) };
    let (p, q) = (column(&gb)?, column(x)?);
    let ga = if left { p.matmul(adjoint(&q)?)? } else { adjoint(&q)?.matmul(p)? };
    Ok((gb, ga.neg()?))
}

/// The determinant, by the product of a pivoted diagonal: its sign (or phase) and the logarithm of its size.
fn determinant(name: &str, t: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
    check_floating(name, t)?;
    check_square(name, t)?;
    check_precise(name, t)?;
    let n = matrix_sizes(t).0;
    let x = t.detached().copied(wide(t.dtype()))?;
    let sizes = with_last(t, &[]);
    let (det, sign) = (Tensor::empty(&sizes, x.dtype())?, Tensor::empty(&sizes, x.dtype())?);
    let log = Tensor::empty(&sizes, DType::Float64)?;
    with_field!(t.dtype(), T => {
        let x = x.data_mut::<T>();
        let mut pivots = vec![0; n];
        for (i, l) in log.data_mut::<f64>().iter_mut().enumerate() {
            let lu = &mut x[i * n * n..(i + 1) * n * n];
            factor::lu(lu, n, n, &mut pivots);
            let odd = pivots.iter().enumerate().filter(|(k, p)| **p as usize != k + 1).count() % 2 == 1;
            let mut d = T::real(if odd { -1.0 } else { 1.0 });
            let (mut s, mut sum) = (d, 0.0);
            for k in 0..n {
                let x = lu[k * n + k];
                let size = x.modulus();
                d *= x;
                s *= if size == 0.0 { T::default() } else { x / T::real(size) };
                sum += size.ln();
            }
            det.data_mut::<T>()[i] = d;
            sign.data_mut::<T>()[i] = s;
            *l = sum;
        }
    });
    Ok((narrow(det, t.dtype())?, narrow(sign, t.dtype())?, narrow(log, t.dtype().to_real())?))
}

/// `A^-H` times a number for each matrix.
fn scaled_inverse(a: &Tensor, factor: &Tensor) -> Result {
    let diagonal = identity(matrix_sizes(a).0 as i64, a.dtype())?.mul(factor.unsqueeze(-1i64)?.unsqueeze(-1i64)?)?;
    adjoint(a)?.linalg_solve_ex(diagonal, true, false)
}

fn slogdet_grad(a: &Tensor, sign: &Tensor, grads: &[Option<Tensor>]) -> Result<Option<Tensor>> {
    let log = grads[1].clone();
    let factor = match (&grads[0], a.dtype().is_complex()) {
        (Some(gs), true) => {
            let turn = gs.mul(sign.conj())?.imag()?.mul(Scalar::Complex(Complex::new(0.0, 1.0)))?;
            Some(match log {
                Some(l) => turn.add(l, 1i64)?,
                None => turn,
            })
        }
        (_, false) => log,
        (None, true) => log,
    };
    factor.map(|f| scaled_inverse(a, &f)).transpose()
}

fn cholesky_of(name: &str, t: &Tensor, upper: bool, check: bool) -> Result<Vec<Tensor>> {
    check_floating(name, t)?;
    check_square(name, t)?;
    if matches!(t.dtype(), DType::Float16 | DType::BFloat16) {
        return Err(Error::dtype("cholesky_cpu", t.dtype()));
    }
    let n = matrix_sizes(t).0;
    let source = if upper { adjoint(&t.detached())? } else { t.detached() };
    let l = source.copied(wide(t.dtype()))?;
    let info = Tensor::zeros(&with_last(t, &[]), DType::Int32)?;
    with_field!(t.dtype(), T => {
        let to = l.data_mut::<T>();
        for (i, d) in info.data_mut::<i32>().iter_mut().enumerate() {
            *d = factor::cholesky(&mut to[i * n * n..(i + 1) * n * n], n);
        }
    });
    if let (true, Some((which, at))) = (check, first_failure(&info)) {
        return Err(Error::runtime(format!(
            "{name}: {which}The factorization could not be completed because the input is not positive-definite (the \
             leading minor of order {at} is not positive-definite)."
        )));
    }
    let l = l.tril(0i64)?;
    let l = if upper { adjoint(&l)?.contiguous_data()? } else { l };
    Ok(vec![narrow(l, t.dtype())?, info])
}

/// The gradient of a Cholesky factor (Murray, "Differentiation of the Cholesky decomposition", 2016).
fn cholesky_grad(g: &Tensor, l: &Tensor, upper: bool) -> Result {
    let (l, g) = if upper { (adjoint(l)?, adjoint(g)?) } else { (l.clone(), g.clone()) };
    let phi = adjoint(&l)?.matmul(g)?.tril(0i64)?;
    let phi = phi.add(adjoint(&phi.tril(-1i64)?)?, 1i64)?.mul(0.5)?;
    let half = l.solve_triangular(phi, false, false, false)?;
    adjoint(&l)?.solve_triangular(half, true, true, false)
}

/// An orthonormal basis of the columns of a matrix, recorded.
pub(crate) fn orthonormal(a: Tensor) -> Result {
    Ok(results(&qr::OP, &[Value::Tensor(a), Value::Str("reduced".into())])?.swap_remove(0))
}

fn qr_of(t: &Tensor, mode: &str) -> Result<Vec<Tensor>> {
    const NAME: &str = "linalg.qr";
    check_floating(NAME, t)?;
    check_matrix(NAME, t)?;
    if !matches!(mode, "reduced" | "complete" | "r") {
        return Err(Error::runtime(format!(
            "qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )));
    }
    if matches!(t.dtype(), DType::Float16 | DType::BFloat16) {
        return Err(Error::dtype("geqrf_cpu", t.dtype()));
    }
    let (m, n) = matrix_sizes(t);
    let k = if mode == "complete" { m } else { m.min(n) };
    let x = t.detached().copied(wide(t.dtype()))?;
    let q = Tensor::empty(&with_last(t, &[m, k]), x.dtype())?;
    let r = Tensor::empty(&with_last(t, &[k, n]), x.dtype())?;
    with_field!(t.dtype(), T => {
        let x = x.data_mut::<T>();
        for i in 0..with_last(t, &[]).iter().product::<i64>() as usize {
            let a = &mut x[i * m * n..(i + 1) * m * n];
            q.data_mut::<T>()[i * m * k..(i + 1) * m * k].copy_from_slice(&factor::qr(a, m, n, k));
            r.data_mut::<T>()[i * k * n..(i + 1) * k * n].copy_from_slice(&a[..k * n]);
        }
    });
    let q = if mode == "r" { Tensor::empty(&[0], t.dtype())? } else { narrow(q, t.dtype())? };
    Ok(vec![q, narrow(r, t.dtype())?])
}

/// The gradient of a QR factorisation (Walter and Lehmann, "Algorithmic differentiation of linear
/// algebra functions", 2018): columns beyond the square part depend on `Q` alone.
fn qr_grad(grads: &[Option<Tensor>], q: &Tensor, r: &Tensor, mode: &str) -> Result<Option<Tensor>> {
    if mode == "r" {
        return Err(Error::runtime(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use linalg.qr(A, \
             mode='reduced') if you are going to require gradients.",
        ));
    }
    let (m, n) = (matrix_sizes(q).0, matrix_sizes(r).1);
    if mode == "complete" && m > n {
        return Err(Error::runtime(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols.",
        ));
    }
    let (gq, gr) = (grads[0].clone(), grads[1].clone());
    if gq.is_none() && gr.is_none() {
        return Ok(None);
    }
    let (k, rest) = (m.min(n) as i64, n as i64 - m.min(n) as i64);
    let mut gq = gq.map_or_else(|| q.mul(0i64), Ok)?;
    let gr = gr.map_or_else(|| r.mul(0i64), Ok)?;
    let r1 = r.narrow(-1i64, 0i64, k)?;
    let mut beyond = None;
    if rest > 0 {
        let (r2, gr2) = (r.narrow(-1i64, k, rest)?, gr.narrow(-1i64, k, rest)?);
        gq = gq.add(q.matmul(r2.matmul(adjoint(&gr2)?)?)?, 1i64)?;
        beyond = Some(q.matmul(gr2)?);
    }
    let x = gr.narrow(-1i64, 0i64, k)?.matmul(adjoint(&r1)?)?.sub(adjoint(q)?.matmul(&gq)?, 1i64)?.triu(0i64)?;
    // A Hermitian matrix with this upper triangle; its diagonal counts once.
    let strict = x.triu(1i64)?;
    let diagonal = x.sub(&strict, 1i64)?;
    let diagonal = diagonal.add(adjoint(&diagonal)?, 1i64)?.mul(0.5)?;
    let whole = strict.add(adjoint(&strict)?, 1i64)?.add(diagonal, 1i64)?;
    let g = adjoint(&r1)?.solve_triangular(q.matmul(whole)?.add(gq, 1i64)?, false, false, false)?;
    Ok(Some(match beyond {
        Some(b) => crate::ops::join::cat_of(vec![g, b], -1)?,
        None => g,
    }))
}

/// The tensors of an entry of this table.
pub(crate) fn results(op: &'static crate::table::Op, args: &[Value]) -> Result<Vec<Tensor>> {
    Ok(crate::autograd::call(op, args)?.tensors().cloned().collect())
}

pub(crate) fn flag(on: bool) -> Value {
    Value::Scalar(Scalar::Bool(on))
}

ops! { TABLE, LinalgOps;
    /// The inverse of square matrices, and which of them have none.
    fn inv_ex "linalg.inv_ex"(A: Tensor; check_errors: bool = "false") -> (inverse, info) [] eval {
            inverse("linalg.inv_ex", &A, check_errors) }
        d A = |g, outs| { let h = adjoint(&outs[0])?; h.matmul(g)?.matmul(h)?.neg() };
    /// The inverse of square matrices.
    fn inv "linalg.inv"(A: Tensor) ["inverse"] compose {
        let mut out = results(&inv_ex::OP, &[Value::Tensor(A), flag(false)])
            .map_err(|e| e.reworded("linalg.inv_ex", "linalg.inv"))?;
        check_singular("linalg.inv", &out[1])?;
        Ok::<_, Error>(out.swap_remove(0)) };
    /// The solution of `A X = B`, and which systems have none.
    fn linalg_solve_ex "linalg.solve_ex"(A: Tensor, B: Tensor; left: bool = "true", check_errors: bool = "false")
        -> (result, info) [LinalgSolveExBackward0] eval {
            let out = solve_checked(&A, &B, left)?;
            if check_errors { check_singular("torch.linalg.solve_ex", &out[1])?; }
            Ok::<_, Error>(out) }
        d A = |g, A, B, outs, left| Ok(solve_grads(g, &A, &B.dims(), &outs[0], left)?.1),
        d B = |g, A, B, outs, left| Ok(solve_grads(g, &A, &B.dims(), &outs[0], left)?.0);
    /// The solution of `A X = B`; with `left` false, of `X A = B`.
    fn linalg_solve "linalg.solve"(A: Tensor, B: Tensor; left: bool = "true") [] compose {
        let mut out = results(&linalg_solve_ex::OP, &[Value::Tensor(A), Value::Tensor(B), flag(left), flag(false)])?;
        check_singular("torch.linalg.solve", &out[1])?;
        Ok::<_, Error>(out.swap_remove(0)) };
    /// The solution of `A X = B` for the upper or lower triangle of `A`.
    fn solve_triangular "linalg.solve_triangular"(A: Tensor, B: Tensor; upper: bool = "false", left: bool = "true",
        unitriangular: bool = "false") [] eval { triangular(&A, &B, upper, left, unitriangular) }
        d A = |g, A, out, upper, left, unitriangular| {
            let ga = adjoint(&A)?.solve_triangular(g, !upper, left, unitriangular)?;
            triangular_grad(&ga, &out, upper, left, unitriangular) },
        d B = |g, A, upper, left, unitriangular| adjoint(&A)?.solve_triangular(g, !upper, left, unitriangular);
    /// The determinant of square matrices.
    fn det "linalg.det"(A: Tensor) ["det"] eval { Ok::<_, Error>(determinant("linalg.det", &A)?.0) }
        d A = |g, A, out| scaled_inverse(&A, &g.mul(out.conj())?);
    /// The sign of the determinant and the logarithm of its absolute value.
    fn slogdet "linalg.slogdet"(A: Tensor) -> (sign, logabsdet) ["slogdet"] eval {
            let (_, sign, log) = determinant("linalg.slogdet", &A)?;
            Ok::<_, Error>(vec![sign, log]) }
        d A = |g, A, outs, grads| { let _ = g; slogdet_grad(&A, &outs[0], &grads) };
    /// The logarithm of the determinant; NaN where it is negative.
    fn logdet(input: Tensor) [] compose {
        check_floating("logdet", &input)?;
        let out = results(&slogdet::OP, &[Value::Tensor(input.clone())])?;
        if input.dtype().is_complex() { out[0].log()?.add(&out[1], 1i64) }
        else { out[0].eq(-1i64)?.where_op(f64::NAN, &out[1]) } };
    /// The Cholesky factor of positive-definite matrices, and which of them are none.
    fn cholesky_ex "linalg.cholesky_ex"(A: Tensor; upper: bool = "false", check_errors: bool = "false") -> (L, info)
        [] eval { cholesky_of("linalg.cholesky_ex", &A, upper, check_errors) }
        d A = |g, outs, upper| cholesky_grad(g, &outs[0], upper);
    /// The Cholesky factor of positive-definite matrices.
    fn cholesky "linalg.cholesky"(A: Tensor; upper: bool = "false") [] compose {
        cholesky_of("linalg.cholesky", &A.detached(), upper, true)?;
        let mut out = results(&cholesky_ex::OP, &[Value::Tensor(A), flag(upper), flag(false)])?;
        Ok::<_, Error>(out.swap_remove(0)) };
    /// The factors of `A = Q R`; `mode` is `'reduced'`, `'complete'` or `'r'`.
    fn qr "linalg.qr"(A: Tensor, mode: String = "'reduced'") -> (Q, R) [] eval { qr_of(&A, &mode) }
        d A = |g, outs, mode, grads| { let _ = g; qr_grad(&grads, &outs[0], &outs[1], &mode) };
}
