//! Running sums, products and extremes, and their counterparts: differences and finite gradients.

use super::extremes::{ordered, Extreme};
use super::join::cat_of;
use super::loops::Arith;
use super::prelude::*;
use crate::kernels::along::along;

fn running(t: &Tensor, dim: i64, dtype: Option<DType>, product: bool) -> Result {
    let out = dtype.unwrap_or(if t.dtype().is_integral() { DType::Int64 } else { t.dtype() });
    let d = wrap_dim(dim, t.ndim())?;
    let t = if dtype.is_some_and(|d| d != t.dtype()) { t.copied(out)? } else { t.clone() };
    // Single precision accumulates in double, as PyTorch does on the CPU.
    if out.compute() == DType::Float32 {
        return along::<f32, f32>(&t, d, out, |from, to| {
            let mut acc = if product { 1.0f64 } else { 0.0 };
            for (x, y) in from.iter().zip(to) {
                acc = if product { acc * f64::from(*x) } else { acc + f64::from(*x) };
                *y = acc as f32;
            }
        });
    }
    dispatch_compute!(out, T => along::<T, T>(&t, d, out, |from, to| {
        let mut acc = if product { T::unit() } else { T::nil() };
        for (x, y) in from.iter().zip(to) {
            acc = if product { acc.times(*x) } else { acc.plus(*x) };
            *y = acc;
        }
    }))
}

/// Among equals the last one is named, as PyTorch does it.
fn running_extreme(t: &Tensor, dim: i64, greater: bool) -> Result<Vec<Tensor>> {
    let d = wrap_dim(dim, t.ndim())?;
    fn places<T: Extreme>(t: &Tensor, d: usize, greater: bool) -> Result<Vec<Tensor>> {
        let values = along::<T, T>(t, d, t.dtype(), |from, to| {
            let mut best = from.first().copied().unwrap_or_default();
            for (x, y) in from.iter().zip(to) {
                best = if best.beats(*x, greater) { best } else { *x };
                *y = best;
            }
        })?;
        let indices = along::<T, i64>(t, d, DType::Int64, |from, to| {
            let mut at = 0;
            for (i, y) in to.iter_mut().enumerate() {
                at = if from[at].beats(from[i], greater) { at } else { i };
                *y = at as i64;
            }
        })?;
        Ok(vec![values, indices])
    }
    ordered!(t, if greater { "cummax_cpu" } else { "cummin_cpu" }, T => places::<T>(t, d, greater))
}

/// `log(exp(a) + exp(b))`.
fn log_add(a: f64, b: f64) -> f64 {
    let (hi, lo) = if a > b || a.is_nan() { (a, b) } else { (b, a) };
    if a.is_nan() || b.is_nan() {
        f64::NAN
    } else if hi.is_infinite() {
        hi
    } else {
        hi + (lo - hi).exp().ln_1p()
    }
}

fn log_add_complex(a: Complex<f64>, b: Complex<f64>) -> Complex<f64> {
    let (hi, lo) = if a.re > b.re || a.re.is_nan() { (a, b) } else { (b, a) };
    if lo.re == f64::NEG_INFINITY {
        return hi;
    }
    if hi.re == f64::INFINITY && lo.re < f64::INFINITY {
        return hi;
    }
    let d = (lo - hi).exp();
    hi + (Complex::new(1.0, 0.0) + d).ln()
}

fn log_running(t: &Tensor, dim: i64) -> Result {
    let d = wrap_dim(dim, t.ndim())?;
    match t.dtype() {
        x if x.is_floating_point() => along::<f64, f64>(t, d, x, |from, to| {
            let mut acc = f64::NEG_INFINITY;
            for (x, y) in from.iter().zip(to) {
                acc = log_add(acc, *x);
                *y = acc;
            }
        }),
        x if x.is_complex() => along::<Complex<f64>, Complex<f64>>(t, d, x, |from, to| {
            let mut acc = Complex::new(f64::NEG_INFINITY, 0.0);
            for (x, y) in from.iter().zip(to) {
                acc = log_add_complex(acc, *x);
                *y = acc;
            }
        }),
        x => Err(Error::dtype("logcumsumexp_out_cpu", x)),
    }
}

/// The least finite number, which stands for the logarithm of nothing.
fn lowest(dtype: DType) -> f64 {
    match dtype {
        DType::Float16 => -65504.0,
        DType::BFloat16 => f64::from(half::bf16::MIN),
        DType::Float64 => f64::MIN,
        _ => f64::from(f32::MIN),
    }
}

/// The gradient of a running `logsumexp`: its positive and its negative part, each in logarithms.
fn log_running_grad(g: &Tensor, input: &Tensor, dim: i64, out: &Tensor) -> Result {
    if g.ndim() == 0 || g.numel() == 0 {
        return Ok(g.clone());
    }
    let back = |log: Result| -> Result {
        log.sub(out, 1i64)?.flip([dim])?.logcumsumexp(dim)?.flip([dim])?.add(input, 1i64).exp()
    };
    if g.dtype().is_complex() {
        return back(g.conj().log()).conj();
    }
    let (log, none) = (g.abs().log()?, lowest(g.dtype()));
    let part = |sign: Result| back(sign?.where_op(&log, none));
    part(g.gt(0i64)).sub(part(g.lt(0i64)), 1i64)
}

fn reversed_sum(g: &Tensor, dim: i64) -> Result {
    g.flip([dim])?.cumsum(dim, ())?.flip([dim])
}

/// The gradient of a running product: a quotient where it may be taken, else sums of products that
/// leave one factor out.
fn product_grad(g: &Tensor, input: &Tensor, dim: i64, out: &Tensor) -> Result {
    if input.ndim() == 0 || input.numel() <= 1 {
        return Ok(g.clone());
    }
    let d = wrap_dim(dim, input.ndim())? as i64;
    if crate::state::unobserved() && !input.eq(0i64).any((), false)?.truth()? {
        return reversed_sum(&g.mul(out.conj())?, d)?.true_divide(input.conj());
    }
    let n = input.sizes()[d as usize];
    let mut lead = input.dims();
    lead[d as usize] = 1;
    let one = Tensor::full(&lead, Scalar::Int(1), input.dtype())?;
    let mut parts = Vec::new();
    for k in 0..n {
        let after = cat_of(vec![one.clone(), input.narrow(d, k + 1, n - k - 1)?], d)?.cumprod(d, ())?;
        let mut part = g.narrow(d, k, n - k)?.mul(after.conj())?.sum_dim([d], true, ())?;
        if k > 0 {
            part = part.mul(input.narrow(d, 0i64, k)?.prod_dim(d, true, ())?.conj())?;
        }
        parts.push(part);
    }
    cat_of(parts, d)
}

/// The gradient of values picked along a dimension.
fn picked_grad(g: &Tensor, sizes: &Dims, dim: i64, indices: &Tensor) -> Result {
    if sizes.is_empty() { Ok(g.clone()) } else { Tensor::zeros(sizes, g.dtype())?.scatter_add(dim, indices, g) }
}

/// What is put before or after the elements of `diff`, checked.
fn check_edge(input: &Tensor, edge: &Tensor, d: usize) -> Result<()> {
    if edge.ndim() != input.ndim() {
        return Err(Error::runtime("diff expects prepend or append to be the same dimension as input"));
    }
    match (0..input.ndim()).find(|&k| k != d && edge.sizes()[k] != input.sizes()[k]) {
        None => Ok(()),
        Some(k) => Err(Error::runtime(format!(
            "diff expects the shape of tensor to prepend or append to match that of input except along the \
             differencing dimension; input.size({k}) = {}, but got tensor.size({k}) = {}",
            input.sizes()[k], edge.sizes()[k]
        ))),
    }
}

fn differences(input: &Tensor, n: i64, dim: i64, before: Option<Tensor>, after: Option<Tensor>) -> Result {
    if input.ndim() == 0 {
        return Err(Error::runtime("diff expects input to be at least one-dimensional"));
    }
    if n < 0 {
        return Err(Error::runtime(format!("order must be non-negative but got {n}")));
    }
    let d = wrap_dim(dim, input.ndim())?;
    for edge in before.iter().chain(&after) {
        check_edge(input, edge, d)?;
    }
    if n == 0 {
        return Tensor::zeros(input.sizes(), input.dtype())?.copy(input, false);
    }
    let mut x = input.clone();
    if before.is_some() || after.is_some() {
        x = cat_of(before.into_iter().chain([x]).chain(after).collect(), d as i64)?;
    }
    let d = d as i64;
    for _ in 0..n.min(x.sizes()[d as usize]) {
        let (left, right) = ends(&x, d)?;
        x = if x.dtype() == DType::Bool { right.logical_xor(left)? } else { right.sub(left, 1i64)? };
    }
    Ok(x)
}

/// Everything but the last and everything but the first element along a dimension.
fn ends(t: &Tensor, dim: i64) -> Result<(Tensor, Tensor)> {
    Ok((t.slice(dim, 0i64, -1i64, 1i64)?, t.slice(dim, 1i64, (), 1i64)?))
}

fn no_bool(name: &str, y: &Tensor, x: Option<&Tensor>) -> Result<()> {
    let bad = |t: &Tensor| t.dtype() == DType::Bool;
    if bad(y) || x.is_some_and(bad) {
        let which = if x.is_some() { "`x` or `y`" } else { "`y`" };
        return Err(Error::not_implemented(format!("{name}: received a bool input for {which}, but bool is not supported")));
    }
    Ok(())
}

/// The distances of sample points, in the dimensions of the samples.
fn spacing(name: &str, y: &Tensor, x: &Tensor, dim: i64) -> Result {
    if y.ndim() == 0 {
        return Err(Error::index("Dimension specified as 0 but tensor has no dimensions"));
    }
    let d = wrap_dim(dim, y.ndim())?;
    let x = if x.ndim() == 1 {
        if x.sizes()[0] != y.sizes()[d] {
            return Err(Error::runtime(format!("{name}: There must be one `x` value for each sample point")));
        }
        let mut sizes = Dims::from_elem(1, y.ndim());
        sizes[d] = x.sizes()[0];
        x.view(&sizes)?
    } else if x.ndim() < y.ndim() {
        let mut sizes = Dims::from_elem(1, y.ndim() - x.ndim());
        sizes.extend_from_slice(x.sizes());
        x.view(&sizes)?
    } else {
        x.clone()
    };
    let (left, right) = ends(&x, dim)?;
    right.sub(left, 1i64)
}

/// An integral over no samples is zero.
fn empty_integral(y: &Tensor, dim: i64) -> Result<Option<Tensor>> {
    if y.ndim() == 0 {
        return Ok(None);
    }
    let d = wrap_dim(dim, y.ndim())?;
    if y.sizes()[d] != 0 {
        return Ok(None);
    }
    let mut sizes = y.dims();
    sizes.remove(d);
    Tensor::zeros(&sizes, y.dtype()).map(Some)
}

fn integral(y: &Tensor, dx: Scalar, dim: i64) -> Result {
    if let Some(zero) = empty_integral(y, dim)? {
        return Ok(zero);
    }
    no_bool("trapezoid", y, None)?;
    if y.ndim() == 0 {
        return Err(Error::index(format!("Dimension specified as {dim} but tensor has no dimensions")));
    }
    let edges = y.select(dim, 0i64)?.add(y.select(dim, -1i64)?, 1i64)?;
    y.sum_dim([dim], false, ())?.sub(edges._mul_number(0.5), 1i64)?._mul_number(dx)
}

fn integral_over(y: &Tensor, x: &Tensor, dim: i64) -> Result {
    if let Some(zero) = empty_integral(y, dim)? {
        return Ok(zero);
    }
    no_bool("trapezoid", y, Some(x))?;
    let dx = spacing("trapezoid", y, x, dim)?;
    let (left, right) = ends(y, dim)?;
    left.add(right, 1i64)?.mul(dx)?.sum_dim([dim], false, ())?._div_number(2.0)
}

/// A list of dimensions and how far apart their samples lie.
enum Steps {
    Even(Vec<Scalar>),
    Points(Vec<Tensor>),
}

fn check_gradient(t: &Tensor, spacings: Option<usize>, dims: Option<&Dims>, edge: i64) -> Result<Vec<i64>> {
    if t.dtype() == DType::UInt8 {
        return Err(Error::not_implemented("torch.gradient does not support uint8 input."));
    }
    match (spacings, dims) {
        (Some(n), None) if n != 1 && n != t.ndim() => return Err(Error::runtime(format!(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to 'self.dim() = \
             {}', since dim argument was not given, but got a list of length {n}", t.ndim()
        ))),
        (Some(n), Some(d)) if n != d.len() => return Err(Error::runtime(format!(
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim arguments to have \
             the same length, but got a spacing argument of length {n} and a dim argument of length {}.", d.len()
        ))),
        _ => {}
    }
    if edge != 1 && edge != 2 {
        return Err(Error::runtime("torch.gradient only supports edge_order=1 and edge_order=2."));
    }
    let list = match dims {
        Some(d) if d.is_empty() => Vec::new(),
        d => super::reduce::reduce_dims(d, t.ndim())?,
    };
    if list.iter().any(|&d| t.sizes()[d] < edge + 1) {
        return Err(Error::runtime("torch.gradient expected each dimension size to be at least edge_order+1"));
    }
    Ok(list.iter().map(|d| *d as i64).collect())
}

/// Central differences inside, one-sided ones of the order asked for at both ends.
fn finite_gradient(t: &Tensor, dims: &[i64], steps: &Steps, edge: i64) -> Result<Vec<Tensor>> {
    dims.iter().enumerate().map(|(i, &d)| {
        let n = t.sizes()[d as usize];
        let part = |at: i64, len: i64| t.narrow(d, at, len);
        let slope = |a: i64, b: i64| part(b, 1)?.sub(part(a, 1), 1i64);
        let (first, inner, last) = match steps {
            Steps::Even(list) => {
                let h = list[i.min(list.len() - 1)];
                let inner = part(2, n - 2)?.sub(part(0, n - 2), 1i64)?.true_divide(Tensor::wrapped(h)?.mul(2i64))?;
                if edge == 1 {
                    (slope(0, 1)?.true_divide(h)?, inner, slope(n - 2, n - 1)?.true_divide(h)?)
                } else {
                    let curve = |k: [i64; 3], w: f64| -> Result {
                        let sum = part(k[0], 1)?.mul(-1.5 * w)?.add(part(k[1], 1)?.mul(2.0 * w)?, 1i64)?;
                        sum.add(part(k[2], 1)?.mul(-0.5 * w)?, 1i64)?.true_divide(h)
                    };
                    (curve([0, 1, 2], 1.0)?, inner, curve([n - 1, n - 2, n - 3], -1.0)?)
                }
            }
            Steps::Points(list) => {
                let mut sizes = Dims::from_elem(1, t.ndim());
                sizes[d as usize] = -1;
                let dx = list[i].diff(1i64, -1i64, (), ())?.reshape(&sizes)?;
                let gap = |at: i64, len: i64| dx.narrow(d, at, len);
                let (l, r) = (gap(0, n - 2)?, gap(1, n - 2)?);
                let both = l.add(&r, 1i64)?;
                let inner = part(0, n - 2)?.mul(r.neg()?.true_divide(l.mul(&both))?)?
                    .add(part(1, n - 2)?.mul(r.sub(&l, 1i64)?.true_divide(l.mul(&r))?)?, 1i64)?
                    .add(part(2, n - 2)?.mul(l.true_divide(r.mul(&both))?)?, 1i64)?;
                if edge == 1 {
                    (slope(0, 1)?.true_divide(gap(0, 1)?)?, inner, slope(n - 2, n - 1)?.true_divide(gap(n - 2, 1)?)?)
                } else {
                    // The parabola through three points, seen from the outermost.
                    let curve = |k: [i64; 3], near: i64, far: i64, sign: f64| -> Result {
                        let (p, q) = (gap(near, 1)?, gap(far, 1)?);
                        let both = p.add(&q, 1i64)?;
                        let outer = p.mul(2i64)?.add(&q, 1i64)?.true_divide(p.mul(&both))?.neg()?;
                        let sum = part(k[0], 1)?.mul(outer)?
                            .add(part(k[1], 1)?.mul(both.true_divide(p.mul(&q))?)?, 1i64)?
                            .sub(part(k[2], 1)?.mul(p.true_divide(q.mul(&both))?)?, 1i64)?;
                        sum.mul(sign)
                    };
                    (curve([0, 1, 2], 0, 1, 1.0)?, inner, curve([n - 1, n - 2, n - 3], n - 2, n - 3, -1.0)?)
                }
            }
        };
        cat_of(vec![first, inner, last], d)
    }).collect()
}

fn gradient_of(t: &Tensor, steps: Steps, alone: bool, dims: Option<Dims>, edge: i64) -> Result<Vec<Tensor>> {
    let count = match &steps {
        Steps::Even(list) => list.len(),
        Steps::Points(list) => list.len(),
    };
    let dims = check_gradient(t, (!alone).then_some(count), dims.as_ref(), edge)?;
    if let Steps::Points(list) = &steps {
        if let Some(x) = list.iter().find(|x| x.ndim() != 1) {
            return Err(Error::runtime(format!(
                "torch.gradient expected each element of spacing to have one dimension, but got an element with {} \
                 dimensions!", x.ndim()
            )));
        }
    }
    finite_gradient(t, &dims, &steps, edge)
}

ops! { TABLE, CumulativeOps;
    /// Running sums.
    fn cumsum(input: Tensor, dim: i64; dtype: Option<DType> = "null") [inplace] eval { running(&input, dim, dtype, false) }
        d input = |g, dim| if g.ndim() == 0 { Ok(g.clone()) } else { reversed_sum(g, dim) };
    /// Running products.
    fn cumprod(input: Tensor, dim: i64; dtype: Option<DType> = "null") [inplace] eval { running(&input, dim, dtype, true) }
        d input = |g, input, dim, out| product_grad(g, &crate::ops::cast(&input, out.dtype())?, dim, &out);
    /// Running maxima, and where they are.
    fn cummax(input: Tensor, dim: i64) -> (values, indices) [] eval { running_extreme(&input, dim, true) }
        d input = |g, sizes, dim, outs| picked_grad(g, &sizes, dim, &outs[1]);
    /// Running minima, and where they are.
    fn cummin(input: Tensor, dim: i64) -> (values, indices) [] eval { running_extreme(&input, dim, false) }
        d input = |g, sizes, dim, outs| picked_grad(g, &sizes, dim, &outs[1]);
    /// Running `logsumexp`.
    fn logcumsumexp(input: Tensor, dim: i64) [] eval { log_running(&input, dim) }
        d input = |g, input, dim, out| log_running_grad(g, &input, dim, &out);
    /// Differences of neighbours along a dimension, taken `n` times.
    fn diff(input: Tensor, n: i64 = "1", dim: i64 = "-1", prepend: Option<Tensor> = "null",
        append: Option<Tensor> = "null") [] compose { differences(&input, n, dim, prepend, append) };
    /// The integral of samples `y` at the points `x`, by the trapezoidal rule.
    fn trapezoid_over "trapezoid"(y: Tensor, x: Tensor; dim: i64 = "-1") [function, "trapz"] compose {
        integral_over(&y, &x, dim) };
    /// The integral of samples `y` that are `dx` apart, by the trapezoidal rule.
    fn trapezoid(y: Tensor; dx: Scalar = "1", dim: i64 = "-1") [function, "trapz"] compose { integral(&y, dx, dim) };
    /// The running integral of samples `y` at the points `x`, by the trapezoidal rule.
    fn cumulative_trapezoid_over "cumulative_trapezoid"(y: Tensor, x: Tensor; dim: i64 = "-1") [function] compose {
        no_bool("cumulative_trapezoid", &y, Some(&x))?;
        let dx = spacing("cumulative_trapezoid", &y, &x, dim)?;
        let (left, right) = ends(&y, dim)?;
        left.add(right, 1i64)?.mul(dx)?.cumsum(dim, ())?._div_number(2.0) };
    /// The running integral of samples `y` that are `dx` apart, by the trapezoidal rule.
    fn cumulative_trapezoid(y: Tensor; dx: Scalar = "1", dim: i64 = "-1") [function] compose {
        no_bool("cumulative_trapezoid", &y, None)?;
        let (left, right) = ends(&y, dim)?;
        let half = Tensor::wrapped(dx)?.true_divide(2.0)?.scalar()?;
        left.add(right, 1i64)?._mul_number(half)?.cumsum(dim, ()) };
    /// Finite gradients along dimensions whose samples are `spacing` apart.
    fn gradient(input: Tensor; spacing: Option<Scalar> = "null", dim: Option<Dims> = "null", edge_order: i64 = "1")
        -> (list) [function] compose {
        gradient_of(&input, Steps::Even(vec![spacing.unwrap_or(Scalar::Int(1))]), true, dim, edge_order) };
    /// Finite gradients along dimensions, each with a spacing of its own.
    fn gradient_steps "gradient"(input: Tensor, spacing: Floats; dim: Option<Dims> = "null", edge_order: i64 = "1")
        -> (list) [function] compose {
        gradient_of(&input, Steps::Even(spacing.0.into_iter().map(Scalar::Float).collect()), false, dim, edge_order) };
    /// Finite gradients along dimensions, with the coordinates of the samples of each.
    fn gradient_points "gradient"(input: Tensor, spacing: Vec<Tensor>; dim: Option<Dims> = "null",
        edge_order: i64 = "1") -> (list) [function] compose {
        gradient_of(&input, Steps::Points(spacing), false, dim, edge_order) };
    /// A product with a number: other entries' own, whose node has a name of its own.
    fn _mul_number(input: Tensor, other: Scalar) [hidden, MulBackward1] eval { input.detached().mul(other) }
        d input = |g, other| g.mul(other);
    /// A quotient by a number: other entries' own, whose node has a name of its own.
    fn _div_number(input: Tensor, other: Scalar) [hidden, DivBackward1] eval { input.detached().true_divide(other) }
        d input = |g, other| g.true_divide(other);
}
