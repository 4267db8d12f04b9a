//! Softmax and its logarithm, and sums of exponentials, all without overflow.

use super::loops::Real;
use super::prelude::*;
use super::reduce::{reduce_dims, spread};
use crate::kernels::along::along;
use crate::kernels::reduce::{fold, fold_from};
use crate::kernels::softmax as rows;

/// `f` of every row along the last dimension, which lie in one piece.
fn each_row<T: Real>(t: &Tensor, f: impl Fn(usize, &mut [T]) + Sync) -> Result {
    let out = Tensor::empty(t.sizes(), t.dtype())?;
    crate::kernels::rows::each_row(out.data_mut(), t.sizes().last().map_or(1, |n| *n as usize), f);
    Ok(out)
}

/// The softmax of rows along any dimension.
fn soft_along<T: Real>(t: &Tensor, d: usize, dtype: DType, log: bool) -> Result {
    if d + 1 >= t.ndim() && t.is_contiguous() && dtype == T::DTYPE {
        let (x, n) = (t.data::<T>(), t.sizes().last().map_or(1, |n| *n as usize));
        return each_row::<T>(t, |r, to| rows::softmax(&x[r * n..(r + 1) * n], to, log));
    }
    along::<T, T>(t, d, dtype, |from, to| rows::softmax(from, to, log))
}

fn softmax_of(t: &Tensor, dim: i64, dtype: Option<DType>, log: bool) -> Result {
    let t = match dtype {
        Some(d) if d != t.dtype() => t.copied(d)?,
        _ => t.clone(),
    };
    let d = wrap_dim(dim, t.ndim())?;
    match t.dtype() {
        DType::Float64 => soft_along::<f64>(&t, d, DType::Float64, log),
        x if x.is_floating_point() => soft_along::<f32>(&t, d, x, log),
        x => {
            let place = if d + 1 >= t.ndim() { "lastdim_" } else { "" };
            Err(Error::dtype(&format!("{}softmax_{place}kernel_impl", if log { "log_" } else { "" }), x))
        }
    }
}

/// The gradient of a softmax from its result: one pass over rows that lie in one piece, ordinary
/// ops on others.
fn soft_grad(g: &Tensor, out: &Tensor, dim: i64, log: bool) -> Result {
    let (g, out) = (g.detached(), out.detached());
    let d = wrap_dim(dim, out.ndim())?;
    let last = out.ndim() > 0 && d + 1 == out.ndim() && g.sizes() == out.sizes();
    if last && out.is_contiguous() && g.is_contiguous() && g.dtype() == out.dtype() {
        match out.dtype() {
            DType::Float32 => return soft_grad_rows::<f32>(&g, &out, log),
            DType::Float64 => return soft_grad_rows::<f64>(&g, &out, log),
            _ => {}
        }
    }
    if log {
        return g.sub(out.exp()?.mul(g.sum_dim([dim], true, ())), 1i64);
    }
    let gy = g.mul(&out)?;
    gy.sub(out.mul(gy.sum_dim([dim], true, ())), 1i64)
}

fn soft_grad_rows<T: Real>(g: &Tensor, out: &Tensor, log: bool) -> Result {
    let n = out.sizes()[out.ndim() - 1] as usize;
    let (g, y) = (g.data::<T>(), out.data::<T>());
    each_row::<T>(out, |r, to| {
        let (g, y) = (&g[r * n..(r + 1) * n], &y[r * n..(r + 1) * n]);
        if log {
            rows::log_softmax_grad(g, y, to);
        } else {
            rows::softmax_grad(g, y, to);
        }
    })
}

fn log_sum_exp(t: &Tensor, dims: &Dims, keepdim: bool) -> Result {
    let dtype = float_type(t.dtype());
    let dims = reduce_dims(Some(dims), t.ndim())?;
    // The greatest (real) part is taken out of the sum; where it is infinite, there is no need.
    macro_rules! run {
        ($t:ty, $r:ty, |$x:ident| $real:expr) => {{
            let t = if t.dtype() == <$t as Element>::DTYPE { t.clone() } else { t.copied(<$t as Element>::DTYPE)? };
            let pick = |a: $r, x: $r| if x > a || x.is_nan() { x } else { a };
            let most = fold::<$t, $r, $r>(&t, &dims, keepdim, <$r as Element>::DTYPE, <$r>::NEG_INFINITY,
                |a, $x| pick(a, $real), pick, |m| if m.is_infinite() { 0.0 } else { m })?;
            let most = most.data::<$r>();
            let zero: $t = Scalar::Int(0).to();
            fold_from::<$t, ($r, $t), $t>(&t, &dims, keepdim, dtype, |i| (most[i], zero),
                |(m, a), x| (m, a + (x - m).exp()), |(m, a), (_, b)| (m, a + b), |(m, a)| a.ln() + m)
        }};
    }
    match dtype.compute() {
        DType::Float32 => run!(f32, f32, |x| x),
        DType::Float64 => run!(f64, f64, |x| x),
        DType::Complex64 => run!(Complex<f32>, f32, |x| x.re),
        _ => run!(Complex<f64>, f64, |x| x.re),
    }
}

/// A choice near one of the categories, by Gumbel noise; its gradient is that of the soft one.
fn gumbel(logits: &Tensor, tau: f64, hard: bool, dim: i64) -> Result {
    let noise = Tensor::empty(logits.sizes(), logits.dtype())?.exponential(1.0)?.log()?.neg()?;
    let soft = logits.add(noise, 1i64)?.true_divide(tau)?.softmax(dim, ())?;
    if !hard {
        return Ok(soft);
    }
    let at = soft.detached().argmax(dim, true)?;
    let ones = Tensor::full(at.sizes(), Scalar::Int(1), soft.dtype())?;
    let choice = Tensor::zeros(soft.sizes(), soft.dtype())?.scatter_src(dim, &at, ones)?;
    choice.sub(soft.detached(), 1i64)?.add(soft, 1i64)
}

ops! { TABLE, SoftmaxOps;
    /// Exponentials that add up to one along a dimension.
    fn softmax(input: Tensor, dim: i64; dtype: Option<DType> = "null")
        ["special.softmax", "nn.functional.softmax"] eval { softmax_of(&input, dim, dtype, false) }
        d input = |g, out, dim| g._softmax_backward_data(out, dim);
    /// The logarithm of `softmax`.
    fn log_softmax(input: Tensor, dim: i64; dtype: Option<DType> = "null")
        ["special.log_softmax", "nn.functional.log_softmax"] eval { softmax_of(&input, dim, dtype, true) }
        d input = |g, out, dim| g._log_softmax_backward_data(out, dim);
    /// The gradient of `softmax` from its result.
    fn _softmax_backward_data(grad_output: Tensor, output: Tensor, dim: i64) [hidden] eval {
            soft_grad(&grad_output, &output, dim, false) }
        d grad_output = |g, output, dim| g._softmax_backward_data(output, dim),
        d output = |g, grad_output, output, dim| {
            let shift = grad_output.mul(&output).sum_dim([dim], true, ());
            let back = g.mul(&output).sum_dim([dim], true, ());
            g.mul(grad_output.sub(shift, 1i64)).sub(grad_output.mul(back), 1i64) };
    /// The gradient of `log_softmax` from its result.
    fn _log_softmax_backward_data(grad_output: Tensor, output: Tensor, dim: i64) [hidden] eval {
            soft_grad(&grad_output, &output, dim, true) }
        d grad_output = |g, output, dim| g.sub(g.mul(output.exp()).sum_dim([dim], true, ()), 1i64),
        d output = |g, grad_output, output, dim|
            g.mul(output.exp()).mul(grad_output.sum_dim([dim], true, ())).neg();
    /// `softmax` of `-input`.
    fn softmin "nn.functional.softmin"(input: Tensor, dim: i64; dtype: Option<DType> = "null") [] compose {
        input.neg()?.softmax(dim, dtype) };
    /// A sample of the Gumbel-softmax distribution; `hard` makes it one-hot, with the gradient of the soft one.
    fn gumbel_softmax "nn.functional.gumbel_softmax"(logits: Tensor, tau: f64 = "1", hard: bool = "false",
        eps: f64 = "1e-10", dim: i64 = "-1") [] compose { let _ = eps; gumbel(&logits, tau, hard, dim) };
    /// `log(sum(exp(input)))` along dimensions, without overflow.
    fn logsumexp(input: Tensor, dim: Dims, keepdim: bool = "false") ["special.logsumexp"] eval {
            log_sum_exp(&input, &dim, keepdim) }
        d input = |g, input, out, dim, keepdim| {
            let sizes = input.dims();
            let o = spread(&out, &sizes, Some(&dim), keepdim)?;
            let share = if o.dtype().is_complex() { input.sub(&o, 1i64).exp().conj()? } else {
                o.eq(f64::NEG_INFINITY)?.where_op(0i64, input.sub(&o, 1i64).exp())? };
            spread(g, &sizes, Some(&dim), keepdim)?.mul(share) };
}
