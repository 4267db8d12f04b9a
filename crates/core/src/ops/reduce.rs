//! Reductions: sums, products, extremes, statistics, norms; and running versions of them.

use super::loops::{Arith, Real};
use super::prelude::*;
use crate::kernels::reduce::{along, along_indexed, reduced_sizes, rows, rows_indexed, sum_leading};

/// The dimensions to reduce, wrapped and checked; all of them where none are named.
pub(crate) fn reduce_dims(dims: Option<&Dims>, ndim: usize) -> Result<Vec<usize>> {
    match dims {
        Some(list) if !list.is_empty() => {
            let mut out = Vec::with_capacity(list.len());
            for &d in list {
                let d = wrap_dim(d, ndim)?;
                if out.contains(&d) {
                    return Err(Error::runtime(format!("dim {d} appears multiple times in the list of dims")));
                }
                out.push(d);
            }
            Ok(if ndim == 0 { Vec::new() } else { out })
        }
        _ => Ok((0..ndim).collect()),
    }
}

/// Sum of a row, pairwise over blocks, so that errors grow with the logarithm of its length.
pub(crate) fn sum_row<T: Arith>(row: &[T]) -> T {
    if row.len() > 1024 {
        let (a, b) = row.split_at(row.len() / 2 / 16 * 16);
        return sum_row(a).plus(sum_row(b));
    }
    let mut part = [T::nil(); 16];
    let chunks = row.chunks_exact(16);
    let mut rest = T::nil();
    for x in chunks.remainder() {
        rest = rest.plus(*x);
    }
    for c in chunks {
        for i in 0..16 {
            part[i] = part[i].plus(c[i]);
        }
    }
    let mut width = 8;
    while width > 0 {
        for i in 0..width {
            part[i] = part[i].plus(part[i + width]);
        }
        width /= 2;
    }
    part[0].plus(rest)
}

/// Integers add up in int64, unless told otherwise.
fn sum_dtype(t: &Tensor, dtype: Option<DType>) -> DType {
    dtype.unwrap_or(if t.dtype().is_integral() { DType::Int64 } else { t.dtype() })
}

fn summed(t: &Tensor, dims: Option<&Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    let out = sum_dtype(t, dtype);
    let dims = reduce_dims(dims, t.ndim())?;
    let t = if dtype.is_some_and(|d| d != t.dtype()) { t.copied(out)? } else { t.clone() };
    // Columns of a row-major matrix: row by row, without a transpose.
    let leading = !dims.is_empty() && dims.len() < t.ndim() && t.is_contiguous()
        && (0..dims.len()).all(|d| dims.contains(&d));
    if leading && t.dtype() == out && matches!(out, DType::Float32 | DType::Float64) && t.numel() > 0 {
        let result = Tensor::empty(&reduced_sizes(t.sizes(), &dims, keepdim), out)?;
        let m = result.numel();
        if out == DType::Float32 {
            sum_leading(t.data::<f32>(), m, result.data_mut());
        } else {
            sum_leading(t.data::<f64>(), m, result.data_mut());
        }
        return Ok(result);
    }
    dispatch_compute!(out, T => rows::<T, T>(&t, &dims, keepdim, out, |row: &[T]| sum_row(row)))
}

fn count(sizes: &[i64], dims: &[usize]) -> f64 {
    dims.iter().map(|&d| sizes[d] as f64).product()
}

fn averaged(t: &Tensor, dims: Option<&Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    let out = dtype.unwrap_or(t.dtype());
    if out.is_integral() {
        let what = if dtype.is_some() { "dtype" } else { "input dtype" };
        return Err(Error::runtime(format!(
            "mean(): could not infer output dtype. Input dtype must be either a floating point or complex dtype. Got: {}",
            out.scalar_type()
        ).replace("input dtype", what)).or_dtype(dtype, out));
    }
    let all = reduce_dims(dims, t.ndim())?;
    let n = count(t.sizes(), &all);
    let t = if out == t.dtype() { t.clone() } else { t.copied(out)? };
    dispatch_compute!(out, T => {
        let n: T = Scalar::Float(n).to();
        rows::<T, T>(&t, &all, keepdim, out, |row: &[T]| sum_row(row) / n)
    })
}

impl Error {
    fn or_dtype(self, asked: Option<DType>, out: DType) -> Error {
        match asked {
            Some(_) => Error::runtime(format!(
                "mean(): could not infer output dtype. Optional dtype must be either a floating point or complex dtype. Got: {}",
                out.scalar_type()
            )),
            None => self,
        }
    }
}

/// A gradient of a reduction, spread over the reduced dimensions of `sizes`.
pub(crate) fn spread(g: &Tensor, sizes: &Dims, dims: Option<&Dims>, keepdim: bool) -> Result {
    let mut g = g.clone();
    if !keepdim {
        let mut all = reduce_dims(dims, sizes.len())?;
        all.sort_unstable();
        for d in all {
            g = g.unsqueeze(d as i64)?;
        }
    }
    g.expand(sizes)
}

fn product(t: &Tensor, dims: Option<&Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    let out = sum_dtype(t, dtype);
    let dims = reduce_dims(dims, t.ndim())?;
    let t = if dtype.is_some_and(|d| d != t.dtype()) { t.copied(out)? } else { t.clone() };
    dispatch_compute!(out, T => rows::<T, T>(&t, &dims, keepdim, out, |row: &[T]| {
        row.iter().fold(T::unit(), |p, x| p.times(*x))
    }))
}

/// The gradient of a product along one dimension: products of what comes before and after, so
/// that zeros need no care.
fn prod_grad(g: &Tensor, input: &Tensor, dim: i64) -> Result {
    if input.numel() == 0 {
        return input.mul(0i64);
    }
    let n = input.sizes()[dim as usize];
    let mut lead = input.dims();
    lead[dim as usize] = 1;
    let one = Tensor::full(&lead, Scalar::Int(1), input.dtype())?;
    let before = crate::ops::join::cat_of(vec![one.clone(), input.narrow(dim, 0i64, n - 1)?], dim)?.cumprod(dim, ());
    let after = crate::ops::join::cat_of(vec![one, input.narrow(dim, 1i64, n - 1)?.flip([dim])?], dim)?.cumprod(dim, ())?.flip([dim]);
    g.mul(before.mul(after).conj())
}

macro_rules! empty_reduction {
    ($t:expr, $dims:expr, $name:expr) => {
        if $dims.iter().any(|&d| $t.sizes()[d] == 0) || ($dims.len() == $t.ndim() && $t.numel() == 0) {
            if let Some(&d) = $dims.iter().find(|&&d| $t.sizes()[d] == 0) {
                return Err(Error::index(format!("{}(): Expected reduction dim {d} to have non-zero size.", $name)));
            }
        }
    };
}

/// Whether `a` beats `b`: NaN beats everything, otherwise the greater or the smaller.
trait Extreme: Copy {
    fn beats(self, other: Self, greater: bool) -> bool;
}
impl Extreme for i64 {
    fn beats(self, o: Self, greater: bool) -> bool {
        if greater { self > o } else { self < o }
    }
}
macro_rules! extreme {
    ($($t:ty),*) => { $(impl Extreme for $t {
        #[inline(always)]
        fn beats(self, o: Self, greater: bool) -> bool {
            (if greater { self > o } else { self < o }) || (self.is_nan() && !o.is_nan())
        }
    })* };
}
extreme!(f32, f64);

fn best<T: Extreme>(row: &[T], greater: bool) -> (T, i64) {
    let mut at = 0;
    for (i, x) in row.iter().enumerate() {
        if x.beats(row[at], greater) {
            at = i;
        }
    }
    (row[at], at as i64)
}

macro_rules! ordered {
    ($t:expr, $kernel:expr, $T:ident => $e:expr) => {
        match $t.dtype().compute() {
            DType::Int64 => { type $T = i64; $e }
            DType::Float32 => { type $T = f32; $e }
            DType::Float64 => { type $T = f64; $e }
            _ => Err(Error::dtype($kernel, $t.dtype())),
        }
    };
}

fn extreme_dim(t: &Tensor, dim: i64, keepdim: bool, greater: bool, name: &str) -> Result<Vec<Tensor>> {
    let d = wrap_dim(dim, t.ndim())?;
    let dims: Vec<usize> = if t.ndim() == 0 { vec![] } else { vec![d] };
    empty_reduction!(t, dims, name);
    let (v, i) = ordered!(t, if greater { "max_cpu" } else { "min_cpu" }, T =>
        rows_indexed::<T>(t, &dims, keepdim, t.dtype(), |row| best(row, greater)))?;
    Ok(vec![v, i])
}

fn extreme_all(t: &Tensor, greater: bool) -> Result {
    let name = if greater { "max" } else { "min" };
    if t.numel() == 0 {
        return Err(Error::runtime(format!(
            "{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
        )));
    }
    let all: Vec<usize> = (0..t.ndim()).collect();
    ordered!(t, if greater { "max_all" } else { "min_all" }, T =>
        rows::<T, T>(t, &all, false, t.dtype(), |row: &[T]| best(row, greater).0))
}

fn extreme_many(t: &Tensor, dims: &Dims, keepdim: bool, greater: bool) -> Result {
    let name = if greater { "amax" } else { "amin" };
    let dims = reduce_dims(Some(dims), t.ndim())?;
    if t.numel() == 0 && dims.len() == t.ndim() && dims.iter().any(|&d| t.sizes()[d] == 0) && t.ndim() > 0 {
        if let Some(d) = dims.iter().find(|&&d| t.sizes()[d] == 0) {
            return Err(Error::index(format!("{name}(): Expected reduction dim {d} to have non-zero size.")));
        }
    }
    empty_reduction!(t, dims, name);
    ordered!(t, if greater { "max_values_cpu" } else { "min_values_cpu" }, T =>
        rows::<T, T>(t, &dims, keepdim, t.dtype(), |row: &[T]| best(row, greater).0))
}

/// The gradient goes to every element equal to the extreme, in equal shares.
fn extreme_grad(g: &Tensor, input: &Tensor, out: &Tensor, dims: Option<&Dims>, keepdim: bool) -> Result {
    let sizes = input.dims();
    let out = spread(out, &sizes, dims, keepdim)?;
    let both_nan = input.isnan().logical_and(out.isnan())?;
    let mask = input.eq(&out).logical_or(both_nan)?;
    let list: Dims = reduce_dims(dims, sizes.len())?.iter().map(|&d| d as i64).collect();
    let n = mask.sum_dim(&list, true, input.dtype().to_real());
    spread(g, &sizes, dims, keepdim)?.mul(mask._to_copy(input.dtype()).div(n, ()))
}

fn arg_extreme(t: &Tensor, dim: Option<i64>, keepdim: bool, greater: bool) -> Result {
    let name = if greater { "argmax" } else { "argmin" };
    let dims: Vec<usize> = match dim {
        Some(d) => { let d = wrap_dim(d, t.ndim())?; if t.ndim() == 0 { vec![] } else { vec![d] } }
        None => (0..t.ndim()).collect(),
    };
    if t.numel() == 0 {
        match dim {
            None => return Err(Error::index(format!("{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."))),
            Some(_) => empty_reduction!(t, dims, name),
        }
    }
    if t.dtype() == DType::Bool {
        return Err(Error::dtype(&format!("{name}_cpu"), DType::Bool));
    }
    ordered!(t, &format!("{name}_cpu"), T => rows::<T, i64>(t, &dims, keepdim, DType::Int64, |row: &[T]| best(row, greater).1))
}

fn truth(t: &Tensor, dims: Option<&Dims>, keepdim: bool, all: bool) -> Result {
    let dims = reduce_dims(dims, t.ndim())?;
    let out = if t.dtype() == DType::UInt8 { DType::UInt8 } else { DType::Bool };
    rows::<bool, bool>(t, &dims, keepdim, out, |row| if all { row.iter().all(|b| *b) } else { row.iter().any(|b| *b) })
}

/// Two passes: the mean, then the squared distances from it.
fn variance(t: &Tensor, dims: Option<&Dims>, correction: f64, keepdim: bool, root: bool, name: &str) -> Result {
    let dtype = t.dtype();
    if !dtype.is_floating_point() && !dtype.is_complex() {
        return Err(Error::runtime(format!("{name} only support floating point and complex dtypes")));
    }
    let dims = reduce_dims(dims, t.ndim())?;
    macro_rules! run {
        ($t:ty, $r:ty, |$d:ident| $square:expr) => {
            rows::<$t, $r>(t, &dims, keepdim, dtype.to_real(), |row: &[$t]| {
                let n = row.len() as $r;
                let mean = sum_row(row) / n;
                let parts: Vec<$r> = row.iter().map(|x| { let $d = *x - mean; $square }).collect();
                let degrees = n - correction as $r;
                let v = sum_row(&parts) / if degrees > 0.0 { degrees } else { 0.0 };
                if root { v.sqrt() } else { v }
            })
        };
    }
    match dtype.compute() {
        DType::Float32 => run!(f32, f32, |d| d * d),
        DType::Float64 => run!(f64, f64, |d| d * d),
        DType::Complex64 => run!(Complex<f32>, f32, |d| d.norm_sqr()),
        _ => run!(Complex<f64>, f64, |d| d.norm_sqr()),
    }
}

fn var_grad(g: &Tensor, input: &Tensor, dims: Option<&Dims>, correction: f64, keepdim: bool) -> Result {
    let sizes = input.dims();
    let list: Dims = reduce_dims(dims, sizes.len())?.iter().map(|&d| d as i64).collect();
    let n = count(&sizes, &list.iter().map(|&d| d as usize).collect::<Vec<_>>());
    let centred = input.sub(input.mean_dim(&list, true, ()), 1i64);
    let degrees = n - correction;
    spread(g, &sizes, dims, keepdim)?.mul(centred.mul(if degrees > 0.0 { 2.0 / degrees } else { f64::NAN }))
}

/// `sum(|x|^p)^(1/p)` of a row, and its limits.
fn norm_row<T: Real>(row: &[T], p: f64) -> T {
    let abs = |x: &T| x.abs();
    if p == f64::INFINITY || p == f64::NEG_INFINITY {
        let mut out = if p > 0.0 { T::nil() } else { T::of(f64::INFINITY) };
        for x in row {
            let x = abs(x);
            if x.is_nan() || (if p > 0.0 { x > out } else { x < out }) {
                out = x;
                if x.is_nan() { break; }
            }
        }
        return out;
    }
    let parts = |f: &dyn Fn(T) -> T| sum_row(&row.iter().map(|x| f(x.abs())).collect::<Vec<_>>());
    if p == 0.0 {
        parts(&|x| if x == T::nil() { T::nil() } else { T::unit() })
    } else if p == 1.0 {
        parts(&|x| x)
    } else if p == 2.0 {
        parts(&|x| x * x).sqrt()
    } else {
        parts(&|x| x.powf(T::of(p))).powf(T::of(1.0 / p))
    }
}

fn norm_of(t: &Tensor, p: f64, dims: Option<&Dims>, keepdim: bool, dtype: Option<DType>) -> Result {
    let dims = reduce_dims(dims, t.ndim())?;
    let t = match dtype { Some(d) => t.copied(d)?, None => t.clone() };
    let dtype = t.dtype();
    if dtype.is_integral() {
        return Err(Error::runtime(format!(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got {}", dtype.scalar_type()
        )));
    }
    if t.numel() == 0 && (p < 0.0 || p == f64::INFINITY) && dims.iter().any(|&d| t.sizes()[d] == 0) {
        return Err(Error::runtime(format!(
            "linalg.vector_norm cannot compute the {} norm on an empty tensor because the operation does not have an identity",
            if p.is_infinite() { if p > 0.0 { "inf".into() } else { "-inf".to_string() } } else { p.to_string() }
        )));
    }
    let t = if dtype.is_complex() { t.detached().abs()? } else { t };
    if t.dtype().compute() == DType::Float64 {
        rows::<f64, f64>(&t, &dims, keepdim, t.dtype(), |row| norm_row(row, p))
    } else {
        rows::<f32, f32>(&t, &dims, keepdim, t.dtype(), |row| norm_row(row, p))
    }
}

fn norm_grad(g: &Tensor, x: &Tensor, out: &Tensor, p: f64, dims: Option<&Dims>, keepdim: bool) -> Result {
    let sizes = x.dims();
    let (g, n) = (spread(g, &sizes, dims, keepdim)?, spread(out, &sizes, dims, keepdim)?);
    let zero = |t: Result, at: Result| at?.where_op(0i64, t);
    if p == 0.0 {
        x.mul(0i64)
    } else if p == 1.0 {
        x.sgn().mul(g)
    } else if p == 2.0 {
        zero(g.mul(x.div(&n, ())), n.eq(0i64))
    } else if p.is_infinite() {
        let mask = x.abs().eq(&n).logical_or(x.isnan().logical_and(n.isnan()))?;
        let list: Dims = reduce_dims(dims, sizes.len())?.iter().map(|&d| d as i64).collect();
        let shares = mask._to_copy(n.dtype()).div(mask.sum_dim(&list, true, n.dtype()), ());
        x.sgn().mul(shares).mul(g)
    } else if p < 2.0 {
        let t = x.sgn().mul(x.abs().pow_scalar(p - 1.0)).mul(&g).div(n.pow_scalar(p - 1.0), ());
        zero(zero(t, x.eq(0i64)), n.eq(0i64))
    } else {
        let t = x.mul(x.abs().pow_scalar(p - 2.0)).mul(&g).div(n.pow_scalar(p - 1.0), ());
        zero(t, n.eq(0i64))
    }
}

fn log_sum_exp(t: &Tensor, dims: &Dims, keepdim: bool) -> Result {
    let dtype = float_type(t.dtype());
    if dtype.is_complex() {
        return Err(Error::runtime("logsumexp(): Expected floating point type for result tensor, but got: ".to_string() + dtype.scalar_type()));
    }
    let dims = reduce_dims(Some(dims), t.ndim())?;
    fn row<T: Real>(row: &[T]) -> T {
        let mut m = T::NEG_INF;
        for x in row {
            if *x > m || x.is_nan() { m = *x; }
        }
        if m == T::NEG_INF || m.is_nan() || m.f64() == f64::INFINITY {
            return m;
        }
        sum_row(&row.iter().map(|x| (*x - m).exp()).collect::<Vec<_>>()).ln() + m
    }
    if dtype.compute() == DType::Float64 {
        rows::<f64, f64>(t, &dims, keepdim, dtype, row)
    } else {
        rows::<f32, f32>(t, &dims, keepdim, dtype, row)
    }
}

fn cumulative(t: &Tensor, dim: i64, dtype: Option<DType>, product: bool) -> Result {
    let out = sum_dtype(t, dtype);
    let d = wrap_dim(dim, t.ndim())?;
    let t = if dtype.is_some_and(|d| d != t.dtype()) { t.copied(out)? } else { t.clone() };
    let n = if t.ndim() == 0 { 1 } else { t.sizes()[d] as usize };
    // Single precision accumulates in double, as PyTorch does on the CPU.
    if out.compute() == DType::Float32 {
        return along::<f32, f32>(&t, d, n, out, |from, to| {
            let mut acc = if product { 1.0f64 } else { 0.0 };
            for (x, y) in from.iter().zip(to) {
                acc = if product { acc * f64::from(*x) } else { acc + f64::from(*x) };
                *y = acc as f32;
            }
        });
    }
    dispatch_compute!(out, T => along::<T, T>(&t, d, n, out, |from, to| {
        let mut acc = if product { T::unit() } else { T::nil() };
        for (x, y) in from.iter().zip(to) {
            acc = if product { acc.times(*x) } else { acc.plus(*x) };
            *y = acc;
        }
    }))
}

fn cumulative_extreme(t: &Tensor, dim: i64, greater: bool) -> Result<Vec<Tensor>> {
    let d = wrap_dim(dim, t.ndim())?;
    let n = if t.ndim() == 0 { 1 } else { t.sizes()[d] as usize };
    let (v, i) = ordered!(t, if greater { "cummax_cpu" } else { "cummin_cpu" }, T =>
        along_indexed::<T>(t, d, n, t.dtype(), |from, v, k| {
            let mut at = 0;
            for i in 0..from.len() {
                if !from[at].beats(from[i], greater) { at = i; }
                v[i] = from[at];
                k[i] = at as i64;
            }
        }))?;
    Ok(vec![v, i])
}

fn log_cum_sum_exp(t: &Tensor, dim: i64) -> Result {
    let d = wrap_dim(dim, t.ndim())?;
    let n = if t.ndim() == 0 { 1 } else { t.sizes()[d] as usize };
    if !t.dtype().is_floating_point() {
        return Err(Error::dtype("logcumsumexp_out_cpu", t.dtype()));
    }
    along::<f64, f64>(t, d, n, t.dtype(), |from, to| {
        let mut acc = f64::NEG_INFINITY;
        for (x, y) in from.iter().zip(to) {
            let (hi, lo) = if *x > acc { (*x, acc) } else { (acc, *x) };
            acc = if x.is_nan() || acc.is_nan() { f64::NAN } else if hi.is_infinite() { hi } else { hi + (lo - hi).exp().ln_1p() };
            *y = acc;
        }
    })
}

fn reverse_cumsum(g: &Tensor, dim: i64) -> Result {
    g.flip([dim])?.cumsum(dim, ())?.flip([dim])
}

/// The gradient of a cumulative product, by sums of products that leave one factor out.
fn cumprod_grad(g: &Tensor, input: &Tensor, dim: i64, out: &Tensor) -> Result {
    if input.ndim() == 0 || input.numel() == 0 {
        return Ok(g.clone());
    }
    let zero = input.eq(0i64)?;
    if !crate::state::grad_enabled() && zero.data_any() == Some(false) {
        return reverse_cumsum(&g.mul(out.conj())?, dim)?.div(input.conj(), ());
    }
    let d = wrap_dim(dim, input.ndim())? as i64;
    let n = input.sizes()[d as usize];
    let mut parts = Vec::new();
    for k in 0..n {
        let before = if k == 0 { None } else { Some(input.narrow(d, 0i64, k)?.prod_dim(d, true, ())?) };
        let mut lead = input.dims();
        lead[d as usize] = 1;
        let one = Tensor::full(&lead, Scalar::Int(1), input.dtype())?;
        let after = crate::ops::join::cat_of(vec![one, input.narrow(d, k + 1, n - k - 1)?], d)?.cumprod(d, ())?;
        let mut part = g.narrow(d, k, n - k)?.mul(after.conj())?.sum_dim([d], true, ())?;
        if let Some(b) = before {
            part = part.mul(b.conj())?;
        }
        parts.push(part);
    }
    crate::ops::join::cat_of(parts, d)
}

impl Tensor {
    /// Whether any element is true; `None` for other dtypes.
    pub(crate) fn data_any(&self) -> Option<bool> {
        (self.dtype() == DType::Bool && self.is_contiguous()).then(|| self.data::<bool>().iter().any(|b| *b))
    }
}

/// The gradient of a selection by index: zeros but there.
fn at_index(g: &Tensor, sizes: &Dims, dim: i64, indices: &Tensor, keepdim: bool) -> Result {
    if sizes.is_empty() {
        return Ok(g.clone());
    }
    let (g, i) = if keepdim { (g.clone(), indices.clone()) } else { (g.unsqueeze(dim)?, indices.unsqueeze(dim)?) };
    Tensor::zeros(sizes, g.dtype())?.scatter_src(dim, i, g)
}

ops! { TABLE, ReduceOps;
    /// The sum of all elements.
    fn sum(input: Tensor; dtype: Option<DType> = "null") [] eval { summed(&input, None, false, dtype) }
        d input = |g, sizes| g.expand(&sizes);
    /// The sum along dimensions.
    fn sum_dim "sum"(input: Tensor, dim: Option<Dims>, keepdim: bool = "false"; dtype: Option<DType> = "null") [SumBackward1] eval { summed(&input, dim.as_ref(), keepdim, dtype) }
        d input = |g, sizes, dim, keepdim| spread(g, &sizes, dim.as_ref(), keepdim);
    /// The sum of all elements that are numbers.
    fn nansum(input: Tensor, dim: Option<Dims> = "null", keepdim: bool = "false"; dtype: Option<DType> = "null") [] compose {
        if input.dtype().is_complex() { return Err(Error::runtime("nansum does not support complex inputs")); }
        if input.dtype().is_integral() { input.sum_dim(&dim.unwrap_or_default(), keepdim, dtype) } else {
            input.isnan()?.where_op(0i64, &input)?.sum_dim(&dim.unwrap_or_default(), keepdim, dtype) } };
    /// The mean of all elements.
    fn mean(input: Tensor; dtype: Option<DType> = "null") [] eval { averaged(&input, None, false, dtype) }
        d input = |g, sizes| g.expand(&sizes)?.div(sizes.iter().product::<i64>(), ());
    /// The mean along dimensions.
    fn mean_dim "mean"(input: Tensor, dim: Option<Dims>, keepdim: bool = "false"; dtype: Option<DType> = "null") [MeanBackward1] eval { averaged(&input, dim.as_ref(), keepdim, dtype) }
        d input = |g, sizes, dim, keepdim| { let n = count(&sizes, &reduce_dims(dim.as_ref(), sizes.len())?); spread(g, &sizes, dim.as_ref(), keepdim)?.div(n as i64, ()) };
    /// The mean of the elements that are numbers.
    fn nanmean(input: Tensor, dim: Option<Dims> = "null", keepdim: bool = "false"; dtype: Option<DType> = "null") [] compose {
        if !input.dtype().is_differentiable() { return Err(Error::runtime(format!("nanmean(): expected input to have floating point or complex dtype but got {}", input.dtype().scalar_type()))); }
        let dims = dim.unwrap_or_default();
        let n = input.isnan().logical_not()?.sum_dim(&dims, keepdim, ())?;
        input.nansum(&dims, keepdim, dtype).div(n, ()) };
    /// The product of all elements.
    fn prod(input: Tensor; dtype: Option<DType> = "null") [] eval { product(&input, None, false, dtype) }
        d input = |g, input, dtype| { let x = crate::ops::cast(&input, dtype.unwrap_or(input.dtype()))?;
            if x.ndim() == 0 { Ok(g.clone()) } else { let n = x.numel() as i64; prod_grad(g, &x.reshape([n])?, 0)?.reshape(&x.dims()) } };
    /// The product along a dimension.
    fn prod_dim "prod"(input: Tensor, dim: i64, keepdim: bool = "false"; dtype: Option<DType> = "null") [ProdBackward1] eval { product(&input, Some(&smallvec![dim]), keepdim, dtype) }
        d input = |g, input, dim, keepdim, dtype| { let x = crate::ops::cast(&input, dtype.unwrap_or(input.dtype()))?;
            if x.ndim() == 0 { return Ok(smallvec![Some(g.clone())]); }
            let d = wrap_dim(dim, x.ndim())? as i64; let g = if keepdim { g.clone() } else { g.unsqueeze(d)? }; prod_grad(&g, &x, d) };
    /// The greatest element.
    fn max(input: Tensor) [MaxBackward1] eval { extreme_all(&input, true) } d input = |g, input, out| extreme_grad(g, &input, &out, None, false);
    /// The least element.
    fn min(input: Tensor) [MinBackward1] eval { extreme_all(&input, false) } d input = |g, input, out| extreme_grad(g, &input, &out, None, false);
    /// The greatest elements along a dimension, and where they are.
    fn max_dim "max"(input: Tensor, dim: i64, keepdim: bool = "false") -> (values, indices) [] eval { extreme_dim(&input, dim, keepdim, true, "max") }
        d input = |g, sizes, dim, keepdim, outs| at_index(g, &sizes, dim, &outs[1], keepdim);
    /// The least elements along a dimension, and where they are.
    fn min_dim "min"(input: Tensor, dim: i64, keepdim: bool = "false") -> (values, indices) [] eval { extreme_dim(&input, dim, keepdim, false, "min") }
        d input = |g, sizes, dim, keepdim, outs| at_index(g, &sizes, dim, &outs[1], keepdim);
    /// The larger of two elements: `maximum`.
    fn max_other "max"(input: Tensor, other: Tensor) [] compose { input.maximum(other) };
    /// The smaller of two elements: `minimum`.
    fn min_other "min"(input: Tensor, other: Tensor) [] compose { input.minimum(other) };
    /// The greatest elements along dimensions; ties share the gradient.
    fn amax(input: Tensor, dim: Dims = "[]", keepdim: bool = "false") [] eval { extreme_many(&input, &dim, keepdim, true) }
        d input = |g, input, out, dim, keepdim| extreme_grad(g, &input, &out, Some(&dim), keepdim);
    /// The least elements along dimensions; ties share the gradient.
    fn amin(input: Tensor, dim: Dims = "[]", keepdim: bool = "false") [] eval { extreme_many(&input, &dim, keepdim, false) }
        d input = |g, input, out, dim, keepdim| extreme_grad(g, &input, &out, Some(&dim), keepdim);
    /// The least and the greatest elements.
    fn aminmax(input: Tensor; dim: Option<i64> = "null", keepdim: bool = "false") -> (min, max) [] eval {
        if dim.is_none() && input.numel() == 0 { return Err(Error::runtime("aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.")); }
        let d: Dims = dim.into_iter().collect();
        if let (Some(k), true) = (dim, input.ndim() > 0) { let k = wrap_dim(k, input.ndim())?; if input.sizes()[k] == 0 { return Err(Error::index(format!("aminmax(): Expected reduction dim {k} to have non-zero size."))); } }
        Ok::<_, Error>(vec![extreme_many(&input, &d, keepdim, false)?, extreme_many(&input, &d, keepdim, true)?]) }
        d input = |g, input, outs, dim, keepdim, grads| { let d: Option<Dims> = dim.map(|d| smallvec![d]); let _ = g;
            let part = |i: usize| grads[i].as_ref().map(|g| extreme_grad(g, &input, &outs[i], d.as_ref(), keepdim)).transpose();
            match (part(0)?, part(1)?) { (Some(a), Some(b)) => a.add(b, 1i64), (Some(a), None) | (None, Some(a)) => Ok(a), _ => Err(Error::freed_graph()) } };
    /// Where the greatest element is.
    fn argmax(input: Tensor, dim: Option<i64> = "null", keepdim: bool = "false") [] eval { arg_extreme(&input, dim, keepdim, true) };
    /// Where the least element is.
    fn argmin(input: Tensor, dim: Option<i64> = "null", keepdim: bool = "false") [] eval { arg_extreme(&input, dim, keepdim, false) };
    /// Whether all elements are true.
    fn all(input: Tensor, dim: Option<Dims> = "null", keepdim: bool = "false") [] eval { truth(&input, dim.as_ref(), keepdim, true) };
    /// Whether any element is true.
    fn any(input: Tensor, dim: Option<Dims> = "null", keepdim: bool = "false") [] eval { truth(&input, dim.as_ref(), keepdim, false) };
    /// How many elements are not zero.
    fn count_nonzero(input: Tensor, dim: Option<Dims> = "null") [] eval {
        let dims = reduce_dims(dim.as_ref(), input.ndim())?;
        rows::<bool, i64>(&input, &dims, false, DType::Int64, |row| row.iter().filter(|b| **b).count() as i64) };
    /// The variance; `correction` is taken off the number of elements.
    fn var_op "var"(input: Tensor, dim: Option<Dims> = "null"; correction: Option<f64> = "null", keepdim: bool = "false") [] eval { variance(&input, dim.as_ref(), correction.unwrap_or(1.0), keepdim, false, "var") }
        d input = |g, input, dim, correction, keepdim| var_grad(g, &input, dim.as_ref(), correction.unwrap_or(1.0), keepdim);
    /// The standard deviation; `correction` is taken off the number of elements.
    fn std_op "std"(input: Tensor, dim: Option<Dims> = "null"; correction: Option<f64> = "null", keepdim: bool = "false") [] eval { variance(&input, dim.as_ref(), correction.unwrap_or(1.0), keepdim, true, "std") }
        d input = |g, input, dim, correction, keepdim, out| { let g = out.eq(0i64)?.where_op(0i64, g.div(out.mul(2i64), ()))?; var_grad(&g, &input, dim.as_ref(), correction.unwrap_or(1.0), keepdim) };
    /// The vector norm of order `ord`.
    fn vector_norm "linalg.vector_norm"(x: Tensor, ord: f64 = "2", dim: Option<Dims> = "null", keepdim: bool = "false"; dtype: Option<DType> = "null") [] eval { norm_of(&x, ord, dim.as_ref(), keepdim, dtype) }
        d x = |g, x, out, ord, dim, keepdim| norm_grad(g, &crate::ops::cast(&x, if x.dtype().is_complex() { out.dtype().to_complex() } else { out.dtype() })?, &out, ord, dim.as_ref(), keepdim);
    /// The vector norm of order `p`, 2 if left out.
    fn norm(input: Tensor, p: Option<f64> = "null", dim: Option<Dims> = "null", keepdim: bool = "false"; dtype: Option<DType> = "null") [] compose { input.vector_norm(p.unwrap_or(2.0), dim, keepdim, dtype) };
    /// The Frobenius norm, by its name.
    fn norm_fro "norm"(input: Tensor, p: String, dim: Option<Dims> = "null", keepdim: bool = "false"; dtype: Option<DType> = "null") [] compose {
        if p != "fro" { return Err(Error::runtime(format!("norm: order '{p}' is not supported"))); }
        input.vector_norm(2.0, dim, keepdim, dtype) };
    /// `log(sum(exp(input)))` along dimensions, without overflow.
    fn logsumexp(input: Tensor, dim: Dims, keepdim: bool = "false") [] eval { log_sum_exp(&input, &dim, keepdim) }
        d input = |g, input, out, dim, keepdim| { let sizes = input.dims();
            let o = spread(&out, &sizes, Some(&dim), keepdim)?; spread(g, &sizes, Some(&dim), keepdim)?.mul(o.eq(f64::NEG_INFINITY)?.where_op(0i64, input.sub(&o, 1i64).exp())) };
    /// Running sums.
    fn cumsum(input: Tensor, dim: i64; dtype: Option<DType> = "null") [inplace] eval { cumulative(&input, dim, dtype, false) }
        d input = |g, dim| if g.ndim() == 0 { Ok(g.clone()) } else { reverse_cumsum(g, dim) };
    /// Running products.
    fn cumprod(input: Tensor, dim: i64; dtype: Option<DType> = "null") [inplace] eval { cumulative(&input, dim, dtype, true) }
        d input = |g, input, dim, out| cumprod_grad(g, &crate::ops::cast(&input, out.dtype())?, dim, &out);
    /// Running maxima, and where they are.
    fn cummax(input: Tensor, dim: i64) -> (values, indices) [] eval { cumulative_extreme(&input, dim, true) }
        d input = |g, sizes, dim, outs| if sizes.is_empty() { Ok(g.clone()) } else { Tensor::zeros(&sizes, g.dtype())?.scatter_add(dim, &outs[1], g) };
    /// Running minima, and where they are.
    fn cummin(input: Tensor, dim: i64) -> (values, indices) [] eval { cumulative_extreme(&input, dim, false) }
        d input = |g, sizes, dim, outs| if sizes.is_empty() { Ok(g.clone()) } else { Tensor::zeros(&sizes, g.dtype())?.scatter_add(dim, &outs[1], g) };
    /// Running `logsumexp`.
    fn logcumsumexp(input: Tensor, dim: i64) [] eval { log_cum_sum_exp(&input, dim) }
        d input = |g, input, dim, out| if g.ndim() == 0 { Ok(g.clone()) } else {
            let part = |mask: Result| -> Result { let m = mask?; let lg = m.where_op(g.abs().log(), f64::NEG_INFINITY)?.sub(&out, 1i64)?;
                lg.flip([dim])?.logcumsumexp(dim)?.flip([dim])?.add(&input, 1i64).exp() };
            part(g.gt(0i64))?.sub(part(g.lt(0i64)), 1i64) };
}
