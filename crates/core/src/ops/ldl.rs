//! Factors of symmetric and Hermitian matrices that need not be definite, and what they solve.

// PyTorch names matrices with capitals.
#![allow(non_snake_case)]

use super::linalg::{check_floating, check_matrix, check_square, matrix_sizes, narrow, wide, with_field, with_last};
use super::prelude::*;
use crate::kernels::ldl;

/// The kernel knows no half precision.
fn check_precise(kernel: &str, t: &Tensor) -> Result<()> {
    if matches!(t.dtype(), DType::Float16 | DType::BFloat16) {
        return Err(Error::dtype(kernel, t.dtype()));
    }
    Ok(())
}

/// Packed factors, pivots and where each matrix failed; PyTorch has one name for both forms here.
fn factored(t: &Tensor, hermitian: bool) -> Result<Vec<Tensor>> {
    const NAME: &str = "torch.linalg.ldl_factor_ex";
    check_square(NAME, t)?;
    check_floating(NAME, t)?;
    check_precise("ldl_factor_kernel_cpu", t)?;
    let n = matrix_sizes(t).0;
    let hermitian = hermitian && t.dtype().is_complex();
    let ld = t.detached().copied(wide(t.dtype()))?;
    let pivots = Tensor::empty(&with_last(t, &[n]), DType::Int32)?;
    let info = Tensor::zeros(&with_last(t, &[]), DType::Int32)?;
    with_field!(t.dtype(), T => {
        let (a, p) = (ld.data_mut::<T>(), pivots.data_mut::<i32>());
        for (i, to) in info.data_mut::<i32>().iter_mut().enumerate() {
            *to = ldl::factor(&mut a[i * n * n..(i + 1) * n * n], n, &mut p[i * n..(i + 1) * n], hermitian);
        }
    });
    Ok(vec![narrow(ld, t.dtype())?, pivots, info])
}

fn check_info(name: &str, info: &Tensor) -> Result<()> {
    let Some(at) = info.data::<i32>().iter().find(|i| **i != 0) else { return Ok(()) };
    Err(Error::runtime(format!("{name}: Unknown error code: {at}.")))
}

fn check_solvable(name: &str, ld: &Tensor, pivots: &Tensor, b: &Tensor) -> Result<()> {
    check_square(name, ld)?;
    check_floating(name, ld)?;
    wrap_dim(-2, b.ndim())?;
    check_matrix(name, b)?;
    let (n, (rows, columns)) = (matrix_sizes(ld).0, matrix_sizes(b));
    if ld.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "Expected b and A to have the same dtype, but found b of type {} and A of type {} instead.",
            b.dtype().scalar_type(), ld.dtype().scalar_type()
        )));
    }
    if n != rows {
        return Err(Error::runtime(format!(
            "Incompatible matrix sizes for {name}: each A matrix is {n} by {n} but each b matrix is {rows} by {columns}"
        )));
    }
    if pivots.sizes()[..] != ld.sizes()[..ld.ndim() - 1] {
        return Err(Error::runtime(format!(
            "{name}: Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape {:?} instead",
            pivots.sizes()
        )));
    }
    if !pivots.dtype().is_integral() || pivots.dtype() == DType::Bool {
        return Err(Error::runtime(format!(
            "{name}: Expected pivots to be integers. Got {}", pivots.dtype().scalar_type()
        )));
    }
    check_precise("ldl_solve_kernel_cpu", ld)
}

fn solved(ld: &Tensor, pivots: &Tensor, b: &Tensor, hermitian: bool) -> Result {
    const NAME: &str = "torch.linalg.ldl_solve";
    check_solvable(NAME, ld, pivots, b)?;
    let (n, columns) = matrix_sizes(b);
    let hermitian = hermitian && ld.dtype().is_complex();
    let mut sizes = broadcast(&ld.sizes()[..ld.ndim() - 2], &b.sizes()[..b.ndim() - 2])?;
    let batch: i64 = sizes.iter().product();
    let spread = |t: &Tensor, last: &[usize]| -> Result {
        let mut to = sizes.clone();
        to.extend(last.iter().map(|n| *n as i64));
        t.detached().expand(&to)
    };
    let factors = spread(ld, &[n, n])?.copied(wide(ld.dtype()))?;
    let rows = spread(pivots, &[n])?.to_vec::<i64>();
    // A row that no matrix has is refused below, whatever it is cut to.
    let rows: Vec<i32> = rows.into_iter().map(|p| i32::try_from(p).unwrap_or(0)).collect();
    let x = spread(b, &[n, columns])?.copied(wide(b.dtype()))?;
    sizes.extend([n as i64, columns as i64]);
    with_field!(ld.dtype(), T => {
        let (a, to) = (factors.data_mut::<T>(), x.data_mut::<T>());
        for i in 0..batch as usize {
            let rows = &rows[i * n..(i + 1) * n];
            if !ldl::is_valid(rows, n) {
                return Err(Error::runtime(format!("{NAME}: Expected pivots as torch.linalg.ldl_factor returns them")));
            }
            let to = &mut to[i * n * columns..(i + 1) * n * columns];
            ldl::solve(&mut a[i * n * n..(i + 1) * n * n], n, rows, to, columns, hermitian);
        }
    });
    narrow(x, b.dtype())
}

ops! { TABLE, LdlOps;
    /// The factors of `A = L D L^T` (of `A = L D L^H` where `hermitian`) in one matrix, their pivots, and which matrices failed.
    fn ldl_factor_ex "linalg.ldl_factor_ex"(input: Tensor; hermitian: bool = "false", check_errors: bool = "false")
        -> (LD, pivots, info) [] eval {
        let out = factored(&input, hermitian)?;
        if check_errors { check_info("torch.linalg.ldl_factor_ex", &out[2])?; }
        Ok::<_, Error>(out) };
    /// The factors of `A = L D L^T` (of `A = L D L^H` where `hermitian`) in one matrix, and their pivots.
    fn ldl_factor "linalg.ldl_factor"(input: Tensor; hermitian: bool = "false") -> (LD, pivots) [] eval {
        let mut out = factored(&input, hermitian)?;
        check_info("torch.linalg.ldl_factor", &out[2])?;
        out.truncate(2);
        Ok::<_, Error>(out) };
    /// The solution of `A X = B` from the packed factors of a symmetric or Hermitian `A`.
    fn ldl_solve "linalg.ldl_solve"(LD: Tensor, pivots: Tensor, B: Tensor; hermitian: bool = "false") [] eval {
        solved(&LD, &pivots, &B, hermitian) };
}
