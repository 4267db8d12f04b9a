//! Norms of vectors and matrices, distances between two tensors, and what is scaled by them.

use super::loops::Real;
use super::prelude::*;
use super::reduce::{dim_list, reduce_dims, spread};
use crate::autograd::write_to;
use crate::kernels::reduce::fold;
use crate::state::with_grad;

/// An order as PyTorch prints it.
fn order(p: f64) -> String {
    if p.is_infinite() { if p > 0.0 { "inf" } else { "-inf" }.to_string() } else { p.to_string() }
}

/// `sum(|x|^p)^(1/p)` along dimensions, and its limits.
fn folded<T: Real>(t: &Tensor, p: f64, dims: &[usize], keepdim: bool, dtype: DType) -> Result {
    let plus = |a: T, b: T| a + b;
    let (zero, one) = (T::nil(), T::unit());
    if p.is_infinite() {
        let above = p > 0.0;
        let pick = |a: T, x: T| if x.is_nan() || (if above { x > a } else { x < a }) { x } else { a };
        let start = if above { zero } else { T::of(f64::INFINITY) };
        return fold::<T, T, T>(t, dims, keepdim, dtype, start, |a, x| pick(a, x.abs()), pick, |a| a);
    }
    if p == 0.0 {
        let some = |a: T, x: T| a + if x == zero { zero } else { one };
        fold::<T, T, T>(t, dims, keepdim, dtype, zero, some, plus, |a| a)
    } else if p == 1.0 {
        fold::<T, T, T>(t, dims, keepdim, dtype, zero, |a, x| a + x.abs(), plus, |a| a)
    } else if p == 2.0 {
        fold::<T, T, T>(t, dims, keepdim, dtype, zero, |a, x| a + x * x, plus, T::sqrt)
    } else {
        let (p, root) = (T::of(p), T::of(1.0 / p));
        fold::<T, T, T>(t, dims, keepdim, dtype, zero, |a, x| a + x.abs().powf(p), plus, |a| a.powf(root))
    }
}

/// Checks the dtype of a norm's input and of its result.
fn check_dtype(name: &str, t: &Tensor, dtype: Option<DType>) -> Result<()> {
    let from = t.dtype();
    if from.is_integral() {
        return Err(Error::not_implemented(format!(
            "{name}: Expected a floating point or complex tensor as input. Got {}", from.scalar_type()
        )));
    }
    let Some(to) = dtype else { return Ok(()) };
    let kind = if from.is_complex() { "complex" } else { "real" };
    Err(Error::runtime(if to.is_integral() {
        format!("{name}: dtype should be floating point or complex, but got {}", to.scalar_type())
    } else if to.is_complex() != from.is_complex() {
        format!("{name}: dtype should be {kind} for {kind} inputs, but got {}", to.scalar_type())
    } else if from.promote(to) != to {
        format!(
            "{name}: the dtype of the input ({}) should be convertible without narrowing to the specified dtype ({})",
            from.scalar_type(), to.scalar_type()
        )
    } else {
        return Ok(());
    }))
}

fn norm_of(t: &Tensor, p: f64, dims: Option<&Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    const NAME: &str = "linalg.vector_norm";
    check_dtype(NAME, t, dtype)?;
    let all = reduce_dims(dims, t.ndim())?;
    if (p < 0.0 || p == f64::INFINITY) && t.numel() == 0 {
        if let Some(d) = all.iter().find(|&&d| t.sizes()[d] == 0) {
            let what = if dims.is_none_or(|d| d.is_empty()) {
                "an empty tensor because the operation does not have an identity".to_string()
            } else {
                format!("the dimension {d}because this dimension is empty and the operation does not have an identity")
            };
            return Err(Error::runtime(format!("{NAME} cannot compute the {} norm on {what}", order(p))));
        }
    }
    let t = match dtype {
        Some(d) if d != t.dtype() => t.copied(d)?,
        _ => t.detached(),
    };
    let t = if t.dtype().is_complex() { t.abs()? } else { t };
    match t.dtype().compute() {
        DType::Float64 => folded::<f64>(&t, p, &all, keepdim, t.dtype()),
        _ => folded::<f32>(&t, p, &all, keepdim, t.dtype()),
    }
}

/// A tensor in the precision that its norm was found in.
fn like_norm(x: &Tensor, norm: &Tensor) -> Result {
    crate::ops::cast(x, if x.dtype().is_complex() { norm.dtype().to_complex() } else { norm.dtype() })
}

/// The gradient of a norm; that of the number of elements is none.
fn norm_grad(
    g: &Tensor, x: &Tensor, out: &Tensor, p: f64, dims: Option<&Dims>, keepdim: bool,
) -> Result<Option<Tensor>> {
    if p == 0.0 {
        return Ok(None);
    }
    let sizes = x.dims();
    let (g, n) = (spread(g, &sizes, dims, keepdim)?, spread(out, &sizes, dims, keepdim)?);
    let zero_where = |at: Result, t: Result| at?.where_op(0i64, t);
    if p == 1.0 {
        x.sgn().mul(g)
    } else if p == 2.0 {
        zero_where(n.eq(0i64), g.mul(x.true_divide(&n)))
    } else if p.is_infinite() {
        let mask = x.abs().eq(&n).logical_or(x.isnan().logical_and(n.isnan()))?;
        let list = dim_list(dims, sizes.len())?;
        let shares = mask._to_copy(n.dtype()).true_divide(mask.sum_dim(&list, true, n.dtype()));
        x.sgn().mul(shares).mul(g)
    } else if p < 1.0 {
        let slope = zero_where(x.eq(0i64), x.sgn().mul(x.abs().pow_scalar(p - 1.0)));
        slope.mul(g).mul(n.pow_scalar(1.0 - p))
    } else {
        let slope = if p < 2.0 { x.sgn().mul(x.abs().pow_scalar(p - 1.0)) } else { x.mul(x.abs().pow_scalar(p - 2.0)) };
        slope.mul(zero_where(n.eq(0i64), g.true_divide(n.pow_scalar(p - 1.0))))
    }
    .map(Some)
}

/// A dimension as the end of a matrix, counted from the front and from what is left without another.
struct Ends {
    row: i64,
    column: i64,
}

fn matrix_ends(t: &Tensor, dim: &[i64]) -> Result<Ends> {
    let spaced: Vec<String> = dim.iter().map(i64::to_string).collect();
    let [row, column] = dim else {
        return Err(Error::runtime(format!("linalg.matrix_norm: dim must be a 2-tuple. Got {}", spaced.join(" "))));
    };
    let (row, column) = (wrap_dim(*row, t.ndim())? as i64, wrap_dim(*column, t.ndim())? as i64);
    if row == column {
        return Err(Error::runtime(format!("linalg.matrix_norm: dims must be different. Got ({row}, {column})")));
    }
    Ok(Ends { row, column })
}

fn check_matrix(t: &Tensor) -> Result<()> {
    if t.dtype().is_integral() {
        return check_dtype("linalg.matrix_norm", t, None);
    }
    if t.ndim() < 2 {
        return Err(Error::runtime("linalg.matrix_norm: The input tensor A must have at least 2 dimensions."));
    }
    Ok(())
}

/// The singular values of the matrices that two dimensions make, reduced by `f`.
fn of_singular_values(
    t: &Tensor, ends: &Ends, keepdim: bool, dtype: Option<DType>, f: impl Fn(Tensor) -> Result,
) -> Result {
    let n = t.ndim() as i64;
    let t = match dtype {
        Some(d) => crate::ops::cast(t, d)?,
        None => t.clone(),
    };
    let mut order: Dims = (0..n).filter(|d| *d != ends.row && *d != ends.column).collect();
    order.extend([ends.row, ends.column]);
    let out = f(t.permute(&order)?.svdvals()?)?;
    if !keepdim {
        return Ok(out);
    }
    let mut back = Dims::from_elem(0, n as usize);
    for (i, d) in order.iter().enumerate() {
        back[*d as usize] = i as i64;
    }
    out.unsqueeze(-1i64)?.unsqueeze(-1i64)?.permute(&back)
}

fn matrix_norm_of(t: &Tensor, p: f64, dim: &[i64], keepdim: bool, dtype: Option<DType>) -> Result {
    check_matrix(t)?;
    let ends = matrix_ends(t, dim)?;
    if p.abs() == 2.0 {
        return of_singular_values(t, &ends, keepdim, dtype, |s| {
            if p > 0.0 { s.amax([-1], false) } else { s.amin([-1], false) }
        });
    }
    if p.abs() != 1.0 && !p.is_infinite() {
        return Err(Error::runtime(format!("linalg.matrix_norm: Order {} not supported.", order(p))));
    }
    // Sums of columns for 1, of rows for infinity; then the greatest or the least of them.
    let (along, mut across) = if p.is_infinite() { (ends.column, ends.row) } else { (ends.row, ends.column) };
    if across > along && !keepdim {
        across -= 1;
    }
    let sums = t.vector_norm(1.0, [along], keepdim, dtype)?;
    if p > 0.0 { sums.amax([across], keepdim) } else { sums.amin([across], keepdim) }
}

fn matrix_norm_named(t: &Tensor, p: &str, dim: &[i64], keepdim: bool, dtype: Option<DType>) -> Result {
    check_matrix(t)?;
    if p != "fro" && p != "nuc" {
        return Err(Error::runtime(format!("linalg.matrix_norm: Order {p} not supported.")));
    }
    let ends = matrix_ends(t, dim)?;
    if p == "fro" {
        return t.vector_norm(2.0, [ends.row, ends.column], keepdim, dtype);
    }
    of_singular_values(t, &ends, keepdim, dtype, |s| s.sum_dim([-1], false, ()))
}

/// The dimensions of `linalg.norm`, where an order decides between vectors and matrices.
fn norm_dims(t: &Tensor, dim: Option<&Dims>, has_order: bool) -> Result<()> {
    match dim {
        Some(d) if d.len() != 1 && d.len() != 2 => Err(Error::runtime(format!(
            "linalg.norm: If dim is specified, it must be of length 1 or 2. Got {:?}", d.as_slice()
        ))),
        None if has_order && t.ndim() != 1 && t.ndim() != 2 => Err(Error::runtime(format!(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got {}D.", t.ndim()
        ))),
        _ => Ok(()),
    }
}

fn linalg_norm(t: &Tensor, ord: Option<f64>, dim: Option<Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    if let Some(p) = ord {
        norm_dims(t, dim.as_ref(), true)?;
        if dim.as_ref().map_or(t.ndim(), |d| d.len()) == 2 {
            return matrix_norm_of(t, p, &dim.unwrap_or(dims![0, 1]), keepdim, dtype);
        }
    }
    t.vector_norm(ord.unwrap_or(2.0), dim, keepdim, dtype)
}

/// The difference of two tensors, of which a distance is the norm.
fn difference(a: &Tensor, b: &Tensor) -> Result {
    let d = a.sub(b, 1i64)?;
    if d.dtype().is_integral() {
        return Err(Error::not_implemented(format!(
            "norm(): input dtype should be either floating point or complex. Got {} instead.", d.dtype().scalar_type()
        )));
    }
    Ok(d)
}

/// Every dimension but one.
fn others(ndim: usize, dim: i64) -> Result<Dims> {
    let d = wrap_dim(dim, ndim)?;
    Ok((0..ndim as i64).filter(|k| *k != d as i64).collect())
}

/// Keeps a division by a norm from being one by zero.
const RENORM_EPS: f64 = 1e-7;

fn renormed(t: &Tensor, p: f64, dim: i64, most: f64) -> Result {
    if p <= 0.0 {
        return Err(Error::runtime("renorm: non-positive-norm not supported"));
    }
    if most < 0.0 {
        return Err(Error::runtime(format!("renorm: expected maxnorm to be >= 0 but got {most}")));
    }
    if t.ndim() < 2 {
        return Err(Error::runtime(format!("renorm: input needs at least 2 dimensions, got {} dimensions", t.ndim())));
    }
    let t = t.detached();
    // Half precision finds its factors in single precision.
    let wide = if t.dtype().is_complex() { None } else { Some(t.dtype().compute()) };
    let wide = wide.filter(|_| t.dtype().is_floating_point());
    let norm = norm_of(&t, p, Some(&others(t.ndim(), dim)?), true, wide)?;
    let scaled = norm.add(RENORM_EPS, 1i64)?.reciprocal()?.mul(most)?;
    let factor = norm.gt(most)?.where_op(scaled, 1.0)?;
    t.mul(factor._to_copy(t.dtype().to_real()))
}

fn renorm_grad(g: &Tensor, x: &Tensor, p: f64, dim: i64, most: f64) -> Result {
    let dims = others(x.ndim(), dim)?;
    // In double precision, as PyTorch has it: no complex element is then as long as the longest.
    let norm = x.vector_norm(p, &dims, true, if x.dtype().is_complex() { DType::Complex128 } else { DType::Float64 })?;
    let mut along = x.conj().mul(g).sum_dim(&dims, true, ())?;
    if along.dtype().is_complex() {
        along = along.real()?;
    }
    let inverse = norm.add(RENORM_EPS, 1i64)?.reciprocal()?;
    let turned = norm_grad(&along, x, &norm, p, Some(&dims), true)?.map_or_else(|| x.mul(0i64), Ok)?;
    let scaled = inverse.mul(most).mul(g.sub(inverse.mul(turned), 1i64));
    norm.gt(most)?.where_op(scaled, g)
}

/// The cosine of the angle between vectors. Norms are held from zero, without telling their gradients.
fn cosine(a: &Tensor, b: &Tensor, dim: i64, eps: f64) -> Result {
    let dtype = result_type(&[a, b]);
    if !dtype.is_floating_point() {
        return Err(Error::runtime(format!(
            "expected common dtype to be floating point, yet common dtype is {}", dtype.scalar_type()
        )));
    }
    let sizes = broadcast(a.sizes(), b.sizes())?;
    let unit = |t: &Tensor| -> Result {
        let t = crate::ops::cast(t, dtype)?.expand(&sizes)?;
        let norm = t.vector_norm(2.0, [dim], true, ())?.clone_op(())?;
        with_grad(false, || write_to(&norm, &norm.clamp_min(eps)?))?;
        t.true_divide(norm)
    };
    unit(a)?.mul(unit(b)?)?.sum_dim([dim], false, ())
}

ops! { TABLE, NormOps;
    /// The vector norm of order `ord`.
    fn vector_norm "linalg.vector_norm"(x: Tensor, ord: f64 = "2", dim: Option<Dims> = "null",
        keepdim: bool = "false"; dtype: Option<DType> = "null")
        [] eval { norm_of(&x, ord, dim.as_ref(), keepdim, dtype) }
        d x = |g, x, out, ord, dim, keepdim| norm_grad(g, &like_norm(&x, &out)?, &out, ord, dim.as_ref(), keepdim);
    /// The norm that other entries take: its node has a name of its own.
    fn _norm(input: Tensor, p: f64, dim: Dims, keepdim: bool = "false") [hidden, NormBackward1] eval {
            norm_of(&input, p, Some(&dim), keepdim, None) }
        d input = |g, input, out, p, dim, keepdim| norm_grad(g, &input, &out, p, Some(&dim), keepdim);
    /// The matrix norm of order 1, -1, 2, -2, infinity or -infinity.
    fn matrix_norm "linalg.matrix_norm"(A: Tensor, ord: f64, dim: Dims = "[-2, -1]", keepdim: bool = "false";
        dtype: Option<DType> = "null") [] compose { matrix_norm_of(&A, ord, &dim, keepdim, dtype) };
    /// The matrix norm by name: `'fro'` (the root of the sum of squares) or `'nuc'` (the sum of singular values).
    fn matrix_norm_named "linalg.matrix_norm"(A: Tensor, ord: String = "'fro'", dim: Dims = "[-2, -1]",
        keepdim: bool = "false"; dtype: Option<DType> = "null")
        [] compose { crate::ops::norms::matrix_norm_named(&A, &ord, &dim, keepdim, dtype) };
    /// The norm of a vector or a matrix, whichever the dimensions tell.
    fn linalg_norm "linalg.norm"(A: Tensor, ord: Option<f64> = "null", dim: Option<Dims> = "null",
        keepdim: bool = "false"; dtype: Option<DType> = "null")
        [] compose { crate::ops::norms::linalg_norm(&A, ord, dim, keepdim, dtype) };
    /// The norm of a matrix, by name.
    fn linalg_norm_named "linalg.norm"(A: Tensor, ord: String, dim: Option<Dims> = "null",
        keepdim: bool = "false"; dtype: Option<DType> = "null")
        [] compose { norm_dims(&A, None, dim.is_none())?;
            crate::ops::norms::matrix_norm_named(&A, &ord, &dim.unwrap_or(dims![-2, -1]), keepdim, dtype) };
    /// The norm of order `p`, 2 if left out, over all the dimensions together.
    fn norm(input: Tensor, p: Option<f64> = "null", dim: Option<Dims> = "null", keepdim: bool = "false";
        dtype: Option<DType> = "null")
        [] compose { input.vector_norm(p.unwrap_or(2.0), dim, keepdim, dtype) };
    /// The norm by name: `'fro'` or `'nuc'`.
    fn norm_named "norm"(input: Tensor, p: String, dim: Option<Dims> = "null", keepdim: bool = "false";
        dtype: Option<DType> = "null")
        [] compose {
            if p == "fro" && dim.as_ref().is_none_or(|d| d.len() <= 2) {
                input.vector_norm(2.0, dim, keepdim, dtype)
            } else {
                let dim = dim.unwrap_or_else(|| (0..input.ndim() as i64).collect());
                crate::ops::norms::matrix_norm_named(&input, &p, &dim, keepdim, dtype)
            } };
    /// The root of the sum of squares.
    fn frobenius_norm(input: Tensor, dim: Dims = "[]", keepdim: bool = "false") [function] compose {
        input._norm(2.0, &dim, keepdim) };
    /// The norm of order `p` of `input - other`.
    fn dist(input: Tensor, other: Tensor, p: f64 = "2") [] eval {
            norm_of(&difference(&input.detached(), &other.detached())?, p, None, false, None) }
        d input = |g, input, other, out, p| norm_grad(g, &input.sub(&other, 1i64)?, &out, p, None, false),
        d other = |g, input, other, out, p| norm_grad(&g.neg()?, &input.sub(&other, 1i64)?, &out, p, None, false);
    /// Every slice along `dim` whose norm is above `maxnorm`, scaled down to it.
    fn renorm(input: Tensor, p: f64, dim: i64, maxnorm: f64) [inplace] eval { renormed(&input, p, dim, maxnorm) }
        d input = |g, input, p, dim, maxnorm| renorm_grad(g, &input, p, dim, maxnorm);
    /// `input` divided by its norm along a dimension, which is held above `eps`.
    fn normalize "nn.functional.normalize"(input: Tensor, p: f64 = "2", dim: Dims = "[1]", eps: f64 = "1e-12")
        [] compose { input.true_divide(input.vector_norm(p, &dim, true, ()).clamp_min(eps)?.expand(input.sizes())) };
    /// The norm of `x1 - x2 + eps` along the last dimension.
    fn pairwise_distance(x1: Tensor, x2: Tensor, p: f64 = "2", eps: f64 = "1e-6", keepdim: bool = "false")
        [function, "nn.functional.pairwise_distance"] compose {
            let most = x1.ndim().max(x2.ndim()) as i64;
            x1.sub(x2, 1i64).add(eps, 1i64)?._norm(p, [most - 1], keepdim) };
    /// The cosine of the angle between `x1` and `x2` along a dimension.
    fn cosine_similarity(x1: Tensor, x2: Tensor, dim: i64 = "1", eps: f64 = "1e-8")
        [function, "nn.functional.cosine_similarity"] compose { cosine(&x1, &x2, dim, eps) };
}
