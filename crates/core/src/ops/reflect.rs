//! Products of Householder's reflections `I - tau v v^H`, whose vectors lie below the diagonal of a matrix.

use super::linalg::{adjoint, check_floating, check_matrix, matrix_sizes, narrow, wide, with_field, with_last};
use super::prelude::*;
use crate::kernels::factor;

/// The vector of reflection `i`: zeros, a one, and what lies below the diagonal.
fn vector(a: &Tensor, i: i64) -> Result {
    let m = matrix_sizes(a).0 as i64;
    let mut unit = vec![0.0; m as usize];
    unit[i as usize] = 1.0;
    let one = Tensor::from_slice(&unit, &[m, 1])?.as_contiguous(a.dtype())?;
    a.narrow(-1i64, i, 1i64)?.tril(-1 - i)?.add(one, 1i64)
}

/// The factor of reflection `i`, as a matrix of one element.
fn factor_of(tau: &Tensor, i: i64, conjugate: bool) -> Result {
    let t = tau.narrow(-1i64, i, 1i64)?.unsqueeze(-1i64)?;
    if conjugate { t.conj() } else { Ok(t) }
}

fn order(tau: &Tensor, adjoint: bool) -> Vec<i64> {
    let k = tau.sizes()[tau.ndim() - 1];
    if adjoint { (0..k).collect() } else { (0..k).rev().collect() }
}

/// `x` after none, one, and so on up to all of the reflections, or of their adjoints.
fn states(a: &Tensor, tau: &Tensor, x: &Tensor, conjugate: bool) -> Result<Vec<Tensor>> {
    let mut all = vec![x.clone()];
    for i in order(tau, conjugate) {
        let (v, t, x) = (vector(a, i)?, factor_of(tau, i, conjugate)?, &all[all.len() - 1]);
        let next = x.sub(v.matmul(adjoint(&v)?.matmul(x)?)?.mul(t)?, 1i64)?;
        all.push(next);
    }
    Ok(all)
}

/// The product of all reflections, or its adjoint, with `x`.
fn reflected(a: &Tensor, tau: &Tensor, x: &Tensor, conjugate: bool) -> Result {
    let mut all = states(a, tau, x, conjugate)?;
    Ok(all.swap_remove(all.len() - 1))
}

/// The gradients of such a product for the vectors, their factors and `x`.
fn gradients(g: &Tensor, a: &Tensor, tau: &Tensor, x: &Tensor, conjugate: bool) -> Result<(Tensor, Tensor, Tensor)> {
    let all = states(a, tau, x, conjugate)?;
    let (m, n) = matrix_sizes(a);
    let k = tau.sizes()[tau.ndim() - 1] as usize;
    let mut columns: Vec<Option<Tensor>> = vec![None; k];
    let mut factors: Vec<Option<Tensor>> = vec![None; k];
    let mut g = g.clone();
    for (step, i) in order(tau, conjugate).into_iter().enumerate().rev() {
        let (v, t, x) = (vector(a, i)?, factor_of(tau, i, conjugate)?, &all[step]);
        let (along, back) = (adjoint(&v)?.matmul(x)?, adjoint(&g)?.matmul(&v)?);
        let dt = adjoint(&along.matmul(&back)?.neg()?)?;
        factors[i as usize] = Some(if conjugate { dt.conj()? } else { dt }.squeeze_dim(-1i64)?);
        let dv = g.matmul(adjoint(&along)?)?.mul(t.conj()?)?.add(x.matmul(back)?.mul(&t)?, 1i64)?.neg()?;
        columns[i as usize] = Some(dv.tril(-1 - i)?);
        g = g.sub(v.matmul(adjoint(&v)?.matmul(&g)?)?.mul(t.conj()?)?, 1i64)?;
    }
    if k == 0 {
        return Ok((a.zeros_like(())?, tau.zeros_like(())?, g));
    }
    let mut columns: Vec<Tensor> = columns.into_iter().flatten().collect();
    if n > k {
        columns.push(Tensor::zeros(&with_last(a, &[m, n - k]), a.dtype())?);
    }
    let factors = factors.into_iter().flatten().collect();
    Ok((crate::ops::join::cat_of(columns, -1)?, crate::ops::join::cat_of(factors, -1)?, g))
}

fn check(name: &str, a: &Tensor, tau: &Tensor) -> Result<()> {
    check_matrix(name, a)?;
    let (m, n) = matrix_sizes(a);
    if m < n {
        return Err(Error::runtime(format!("{name}: input.shape[-2] must be greater than or equal to input.shape[-1]")));
    }
    if tau.ndim() == 0 || tau.sizes()[tau.ndim() - 1] > n as i64 {
        return Err(Error::runtime(format!("{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]")));
    }
    if a.ndim() != tau.ndim() + 1 || a.sizes()[..a.ndim() - 2] != tau.sizes()[..tau.ndim() - 1] {
        return Err(Error::runtime(format!(
            "{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got {:?}", &tau.sizes()[..tau.ndim() - 1]
        )));
    }
    if a.dtype() != tau.dtype() {
        return Err(Error::runtime(format!(
            "{name}: tau dtype {} does not match input dtype {}", tau.dtype().scalar_type(), a.dtype().scalar_type()
        )));
    }
    check_floating(name, a)
}

/// The first columns of the identity, for each matrix of a batch.
fn eye(a: &Tensor, columns: usize) -> Result {
    let m = matrix_sizes(a).0;
    let one = Tensor::zeros(&[m as i64, columns as i64], a.dtype())?;
    one.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
    one.expand(with_last(a, &[m, columns]))
}

/// What the gradient formulas of PyTorch leave undefined.
fn is_trivial(a: &Tensor, tau: &Tensor) -> bool {
    a.numel() == 0 || tau.numel() == 0
}

/// The gradients of the first columns of the product.
fn product_grads(g: &Tensor, a: &Tensor, tau: &Tensor) -> Result<[Option<Tensor>; 2]> {
    if is_trivial(a, tau) {
        return Ok([None, None]);
    }
    let (ga, gt, _) = gradients(g, a, tau, &eye(a, matrix_sizes(a).1)?, false)?;
    Ok([Some(ga), Some(gt)])
}

/// Plain data in double precision.
fn plain(t: &Tensor) -> Result {
    crate::ops::cast(&t.detached(), wide(t.dtype()))
}

fn check_other(a: &Tensor, tau: &Tensor, other: &Tensor, left: bool) -> Result<()> {
    const NAME: &str = "torch.ormqr";
    let fail = |why: String| Err(Error::runtime(format!("{NAME}: {why}")));
    for (name, t) in [("input", a), ("other", other)] {
        if t.ndim() < 2 {
            return fail(format!("{name} must have at least 2 dimensions."));
        }
    }
    let (side, (rows, columns)) = (if left { -2 } else { -1 }, matrix_sizes(other));
    let size = (if left { rows } else { columns }) as i64;
    let k = tau.sizes().last().copied().unwrap_or(0);
    if size < k {
        return fail(format!("other.shape[{side}] must be greater than or equal to tau.shape[-1]"));
    }
    if k != size.min(matrix_sizes(a).1 as i64) {
        return fail(format!("tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"));
    }
    if size != matrix_sizes(a).0 as i64 {
        return fail(format!("other.shape[{side}] must be equal to input.shape[-2]"));
    }
    if a.ndim() != tau.ndim() + 1 || a.ndim() != other.ndim() {
        return fail("Expected input, tau and other to have the same number of batch dimensions".into());
    }
    if a.sizes()[..a.ndim() - 2] != tau.sizes()[..tau.ndim() - 1] || a.sizes()[..a.ndim() - 2] != other.sizes()[..a.ndim() - 2] {
        return fail("batch dimensions of input, tau and other must be equal".into());
    }
    if a.dtype() != tau.dtype() || a.dtype() != other.dtype() {
        return fail("Expected input, tau and other to have the same dtype".into());
    }
    check_floating(NAME, a)
}

/// `Q` or its adjoint times `other`; from the right, by the adjoint of all.
fn multiplied(a: &Tensor, tau: &Tensor, other: &Tensor, left: bool, transpose: bool) -> Result {
    if left { reflected(a, tau, other, transpose) } else { adjoint(&reflected(a, tau, &adjoint(other)?, !transpose)?) }
}

fn ormqr_grads(g: &Tensor, a: &Tensor, tau: &Tensor, other: &Tensor, left: bool, transpose: bool)
    -> Result<[Option<Tensor>; 3]> {
    if is_trivial(a, tau) {
        return Ok([None, None, Some(a.ormqr(tau, g, left, !transpose)?)]);
    }
    if left {
        let (ga, gt, gx) = gradients(g, a, tau, other, transpose)?;
        return Ok([Some(ga), Some(gt), Some(gx)]);
    }
    let (ga, gt, gx) = gradients(&adjoint(g)?, a, tau, &adjoint(other)?, !transpose)?;
    Ok([Some(ga), Some(gt), Some(adjoint(&gx)?)])
}

/// `R` and the vectors of the reflections in one matrix, and their factors.
fn packed(t: &Tensor) -> Result<Vec<Tensor>> {
    const NAME: &str = "torch.geqrf";
    if t.ndim() < 2 {
        return Err(Error::runtime(format!("{NAME}: input must have at least 2 dimensions.")));
    }
    check_floating(NAME, t)?;
    let (m, n) = matrix_sizes(t);
    let k = m.min(n);
    let a = t.detached().copied(wide(t.dtype()))?;
    let tau = Tensor::empty(&with_last(t, &[k]), a.dtype())?;
    with_field!(t.dtype(), T => {
        for i in 0..with_last(t, &[]).iter().product::<i64>() as usize {
            let factors = factor::packed_qr(&mut a.data_mut::<T>()[i * m * n..(i + 1) * m * n], m, n);
            tau.data_mut::<T>()[i * k..(i + 1) * k].copy_from_slice(&factors);
        }
    });
    Ok(vec![narrow(a, t.dtype())?, narrow(tau, t.dtype())?])
}

ops! { TABLE, ReflectOps;
    /// The first columns of a product of reflections.
    fn householder_product "linalg.householder_product"(input: Tensor, tau: Tensor) ["orgqr"] eval {
        check("torch.linalg.householder_product", &input, &tau)?;
        let columns = matrix_sizes(&input).1;
        let q = reflected(&plain(&input)?, &plain(&tau)?, &plain(&eye(&input, columns)?)?, false)?;
        narrow(q.contiguous_data()?, input.dtype())
    }
        d input = |g, input, tau| product_grads(g, &input, &tau).map(|[g, _]| g),
        d tau = |g, input, tau| product_grads(g, &input, &tau).map(|[_, g]| g);
    /// A product of reflections, or its adjoint, times a matrix, or the matrix times that.
    fn ormqr(input: Tensor, tau: Tensor, other: Tensor, left: bool = "true", transpose: bool = "false") [] eval {
        check_other(&input, &tau, &other, left)?;
        let out = multiplied(&plain(&input)?, &plain(&tau)?, &plain(&other)?, left, transpose)?;
        narrow(out.contiguous_data()?, input.dtype())
    }
        d input = |g, input, tau, other, left, transpose| ormqr_grads(g, &input, &tau, &other, left, transpose).map(|[g, _, _]| g),
        d tau = |g, input, tau, other, left, transpose| ormqr_grads(g, &input, &tau, &other, left, transpose).map(|[_, g, _]| g),
        d other = |g, input, tau, other, left, transpose| ormqr_grads(g, &input, &tau, &other, left, transpose).map(|[_, _, g]| g);
    /// The factors of `A = Q R` as LAPACK keeps them: `R` with the vectors of reflections below it, and their factors.
    fn geqrf(input: Tensor) -> (a, tau) [] eval { packed(&input) };
}
