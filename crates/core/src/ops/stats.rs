//! Variances, standard deviations, covariances.

use super::loops::Arith;
use super::prelude::*;
use super::reduce::{count, dim_list, reduce_dims, spread};
use crate::kernels::reduce::{fold, fold_from};

/// The variance (or its root) and the mean, in two passes: the mean, then the squared distances
/// from it.
fn moments(
    t: &Tensor, dims: Option<&Dims>, correction: Option<f64>, keepdim: bool, root: bool, what: &str,
) -> Result<Vec<Tensor>> {
    let dtype = t.dtype();
    if dtype.is_integral() {
        return Err(Error::not_implemented(format!("{what} only support floating point and complex dtypes")));
    }
    let dims = reduce_dims(dims, t.ndim())?;
    let n = count(t.sizes(), &dims) as f64;
    let degrees = (n - correction.unwrap_or(1.0)).max(0.0);
    macro_rules! run {
        ($t:ty, $r:ty, |$d:ident| $square:expr) => {{
            let number: $t = Scalar::Float(n).to();
            let plus = <$t>::plus;
            let compute = dtype.compute();
            let mean = fold::<$t, $t, $t>(t, &dims, keepdim, compute, <$t>::nil(), plus, plus, |a| a / number)?;
            let means = mean.data::<$t>();
            let spread = fold_from::<$t, ($t, $r), $r>(
                t, &dims, keepdim, dtype.to_real(),
                |i| (means[i], 0.0),
                |(m, sum), x| { let $d = x - m; (m, sum + $square) },
                |(m, a), (_, b)| (m, a + b),
                |(_, sum)| { let v = sum / degrees as $r; if root { v.sqrt() } else { v } },
            )?;
            Ok(vec![spread, if compute == dtype { mean } else { mean.copied(dtype)? }])
        }};
    }
    match dtype.compute() {
        DType::Float32 => run!(f32, f32, |d| d * d),
        DType::Float64 => run!(f64, f64, |d| d * d),
        DType::Complex64 => run!(Complex<f32>, f32, |d| d.norm_sqr()),
        _ => run!(Complex<f64>, f64, |d| d.norm_sqr()),
    }
}

fn spread_of(t: &Tensor, dims: Option<&Dims>, correction: Option<f64>, keepdim: bool, root: bool) -> Result {
    Ok(moments(t, dims, correction, keepdim, root, "std and var")?.swap_remove(0))
}

fn var_grad(g: &Tensor, input: &Tensor, dims: Option<&Dims>, correction: Option<f64>, keepdim: bool) -> Result {
    let sizes = input.dims();
    let list = dim_list(dims, sizes.len())?;
    let n = count(&sizes, &reduce_dims(dims, sizes.len())?) as f64;
    let centred = input.sub(input.mean_dim(&list, true, ()), 1i64);
    let degrees = n - correction.unwrap_or(1.0);
    spread(g, &sizes, dims, keepdim)?.mul(centred.mul(if degrees > 0.0 { 2.0 / degrees } else { f64::NAN }))
}

fn std_grad(
    g: &Tensor, input: &Tensor, out: &Tensor, dims: Option<&Dims>, correction: Option<f64>, keepdim: bool,
) -> Result {
    let g = out.eq(0i64)?.where_op(0i64, g.true_divide(out.mul(2i64)))?;
    var_grad(&g, input, dims, correction, keepdim)
}

/// The gradient of a spread and a mean, either of which may have none.
fn joint_grad(
    grads: &[Option<Tensor>], sizes: &Dims, dims: Option<&Dims>, keepdim: bool, of_spread: impl Fn(&Tensor) -> Result,
) -> Result<Option<Tensor>> {
    let a = grads[0].as_ref().map(of_spread).transpose()?;
    let n = count(sizes, &reduce_dims(dims, sizes.len())?);
    let b = grads[1].as_ref().map(|g| spread(g, sizes, dims, keepdim)?.true_divide(n)).transpose()?;
    match (a, b) {
        (Some(a), Some(b)) => a.add(b, 1i64).map(Some),
        (a, b) => Ok(a.or(b)),
    }
}

fn biased(unbiased: bool) -> Value {
    Value::Scalar(Scalar::Float(if unbiased { 1.0 } else { 0.0 }))
}

/// A result of several tensors from an entry of this table.
fn pair(op: &'static crate::table::Op, input: Tensor, dim: Option<Dims>, correction: Value, keepdim: bool)
    -> Result<Vec<Tensor>> {
    let dim = dim.map_or(Value::None, Value::Ints);
    let args = [Value::Tensor(input), dim, correction, Value::Scalar(Scalar::Bool(keepdim))];
    Ok(crate::autograd::call(op, &args)?.tensors().cloned().collect())
}

/// The weights of observations in a covariance, checked.
fn weights(name: &str, w: &Tensor, n: i64, floating: bool) -> Result<()> {
    if w.ndim() > 1 {
        return Err(Error::runtime(format!(
            "cov(): expected {name} to have one or fewer dimensions but got {name} with {} dimensions", w.ndim()
        )));
    }
    if floating != w.dtype().is_floating_point() || w.dtype().is_complex() {
        return Err(Error::runtime(format!(
            "cov(): expected {name} to have {} dtype but got {name} with {} dtype",
            if floating { "floating point" } else { "integral" }, w.dtype().scalar_type()
        )));
    }
    if w.numel() as i64 != n {
        return Err(Error::runtime(format!(
            "cov(): expected {name} to have the same numel as there are observations in the input but got {} != {n}",
            w.numel()
        )));
    }
    if n > 0 && w.detached().min()?.lt(0i64)?.truth()? {
        return Err(Error::runtime(format!("cov(): {name} cannot be negative")));
    }
    Ok(())
}

fn covariance(input: &Tensor, correction: i64, fw: Option<Tensor>, aw: Option<Tensor>) -> Result {
    if input.ndim() > 2 {
        return Err(Error::runtime(format!(
            "cov(): expected input to have two or fewer dimensions but got an input with {} dimensions", input.ndim()
        )));
    }
    if input.dtype() == DType::Bool {
        return Err(Error::runtime("cov(): bool dtype is not supported for input"));
    }
    let x = if input.ndim() < 2 { input.view([1, input.numel() as i64])? } else { input.clone() };
    let n = x.sizes()[1];
    if let Some(f) = &fw {
        weights("fweights", f, n, false)?;
    }
    if let Some(a) = &aw {
        weights("aweights", a, n, true)?;
    }
    let w = match (&fw, &aw) {
        (Some(f), Some(a)) => Some(f.mul(a)?),
        (f, a) => f.clone().or_else(|| a.clone()),
    };
    let total = match &w {
        Some(w) => w.sum(())?,
        None => Tensor::full(&[], Scalar::Int(n), DType::Int64)?,
    };
    if w.is_some() && n != 0 && !total.detached().ne(0i64)?.truth()? {
        return Err(Error::runtime("cov(): weights sum to zero, can't be normalized"));
    }
    let weighted = |x: &Tensor| w.as_ref().map_or(Ok(x.clone()), |w| x.mul(w));
    let mean = weighted(&x)?.sum_dim([1], false, ())?.true_divide(&total)?;
    let norm = match (&w, &aw) {
        (Some(w), Some(a)) if correction != 0 => {
            total.sub(w.mul(a).sum(()).true_divide(&total).mul(correction), 1i64)?
        }
        _ => total.sub(correction, 1i64)?,
    };
    let norm = if norm.detached().le(0i64)?.truth()? { norm.mul(0i64)? } else { norm };
    let x = x.sub(mean.unsqueeze(1i64), 1i64)?;
    x.mm(weighted(&x)?.t()?.conj())?.true_divide(norm)?.squeeze()
}

fn correlation(input: &Tensor) -> Result {
    if input.ndim() > 2 {
        return Err(Error::runtime(format!(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with {} dimensions",
            input.ndim()
        )));
    }
    let c = covariance(input, 1, None, None)?;
    if c.ndim() == 0 {
        // One variable: one, or NaN where it does not vary.
        return c.true_divide(&c);
    }
    let d = c.diagonal(0i64, 0i64, 1i64)?;
    let deviation = if d.dtype().is_complex() { d.real()? } else { d }.sqrt()?;
    let c = c.true_divide(deviation.view([-1, 1]))?.true_divide(deviation.view([1, -1]))?;
    if !c.dtype().is_complex() {
        return c.clamp_scalar(-1i64, 1i64);
    }
    let limited = |part: Result| part.clamp_scalar(-1i64, 1i64);
    let parts = [limited(c.real())?, limited(c.imag())?];
    crate::ops::join::cat_of(parts.iter().map(|p| p.unsqueeze(-1i64)).collect::<Result<_>>()?, -1)?.view_as_complex()
}

ops! { TABLE, StatsOps;
    /// The variance of all elements; without `unbiased` it is divided by their number.
    fn var_all "var"(input: Tensor, unbiased: bool = "true") [] compose { input.var_op((), biased(unbiased), false) };
    /// The variance along dimensions; without `unbiased` it is divided by the number of elements.
    fn var_dim "var"(input: Tensor, dim: Option<Dims>, unbiased: bool = "true", keepdim: bool = "false") [] compose {
        input.var_op(dim, biased(unbiased), keepdim) };
    /// The variance; `correction` is taken off the number of elements.
    fn var_op "var"(input: Tensor, dim: Option<Dims> = "null"; correction: Option<f64> = "null", keepdim: bool = "false")
        [] eval { spread_of(&input, dim.as_ref(), correction, keepdim, false) }
        d input = |g, input, dim, correction, keepdim| var_grad(g, &input, dim.as_ref(), correction, keepdim);
    /// The standard deviation of all elements.
    fn std_all "std"(input: Tensor, unbiased: bool = "true") [] compose { input.std_op((), biased(unbiased), false) };
    /// The standard deviation along dimensions.
    fn std_dim "std"(input: Tensor, dim: Option<Dims>, unbiased: bool = "true", keepdim: bool = "false") [] compose {
        input.std_op(dim, biased(unbiased), keepdim) };
    /// The standard deviation; `correction` is taken off the number of elements.
    fn std_op "std"(input: Tensor, dim: Option<Dims> = "null"; correction: Option<f64> = "null", keepdim: bool = "false")
        [] eval { spread_of(&input, dim.as_ref(), correction, keepdim, true) }
        d input = |g, input, dim, correction, keepdim, out|
            std_grad(g, &input, &out, dim.as_ref(), correction, keepdim);
    /// The variance and the mean of all elements.
    fn var_mean_all "var_mean"(input: Tensor, unbiased: bool = "true") -> (var, mean) [] compose {
        pair(&var_mean::OP, input, None, biased(unbiased), false) };
    /// The variance and the mean along dimensions.
    fn var_mean_dim "var_mean"(input: Tensor, dim: Option<Dims>, unbiased: bool = "true", keepdim: bool = "false")
        -> (var, mean) [] compose { pair(&var_mean::OP, input, dim, biased(unbiased), keepdim) };
    /// The variance and the mean; `correction` is taken off the number of elements.
    fn var_mean(input: Tensor, dim: Option<Dims> = "null"; correction: Option<f64> = "null", keepdim: bool = "false")
        -> (var, mean) [] eval { moments(&input, dim.as_ref(), correction, keepdim, false, "var_mean") }
        d input = |g, input, dim, correction, keepdim, grads| { let _ = g;
            joint_grad(&grads, &input.dims(), dim.as_ref(), keepdim,
                |g| var_grad(g, &input, dim.as_ref(), correction, keepdim)) };
    /// The standard deviation and the mean of all elements.
    fn std_mean_all "std_mean"(input: Tensor, unbiased: bool = "true") -> (std, mean) [] compose {
        pair(&std_mean::OP, input, None, biased(unbiased), false) };
    /// The standard deviation and the mean along dimensions.
    fn std_mean_dim "std_mean"(input: Tensor, dim: Option<Dims>, unbiased: bool = "true", keepdim: bool = "false")
        -> (std, mean) [] compose { pair(&std_mean::OP, input, dim, biased(unbiased), keepdim) };
    /// The standard deviation and the mean; `correction` is taken off the number of elements.
    fn std_mean(input: Tensor, dim: Option<Dims> = "null"; correction: Option<f64> = "null", keepdim: bool = "false")
        -> (std, mean) [] eval { moments(&input, dim.as_ref(), correction, keepdim, true, "std_mean") }
        d input = |g, input, dim, correction, keepdim, outs, grads| { let _ = g;
            joint_grad(&grads, &input.dims(), dim.as_ref(), keepdim,
                |g| std_grad(g, &input, &outs[0], dim.as_ref(), correction, keepdim)) };
    /// The covariance of the variables in the rows of `input`.
    fn cov(input: Tensor; correction: i64 = "1", fweights: Option<Tensor> = "null", aweights: Option<Tensor> = "null")
        [] compose { covariance(&input, correction, fweights, aweights) };
    /// The correlation coefficients of the variables in the rows of `input`.
    fn corrcoef(input: Tensor) [] compose { correlation(&input) };
}
