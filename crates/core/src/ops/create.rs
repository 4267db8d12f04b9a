//! New tensors: filled, counted, spaced.

use super::prelude::*;
use crate::state;

fn counted(start: Scalar, end: Scalar, step: Scalar, dtype: Option<DType>) -> Result {
    let integers = [start, end, step].iter().all(|s| matches!(s, Scalar::Int(_) | Scalar::Bool(_)));
    let dtype = dtype.unwrap_or(if integers { DType::Int64 } else { state::default_dtype() });
    let (a, b, s) = (start.to_f64(), end.to_f64(), step.to_f64());
    if s == 0.0 {
        return Err(Error::runtime("step must be nonzero"));
    }
    if !a.is_finite() || !b.is_finite() {
        return Err(Error::runtime(format!("unsupported range: {a} -> {b}")));
    }
    if (s > 0.0 && a > b) || (s < 0.0 && a < b) {
        return Err(Error::runtime("upper bound and lower bound inconsistent with step sign"));
    }
    let n = ((b - a) / s).ceil().max(0.0);
    if n > 9e15 {
        return Err(Error::runtime(format!("invalid size, possible overflow? size = {n}")));
    }
    let out = Tensor::empty(&[n as i64], if dtype.is_integral() { DType::Int64 } else { DType::Float64 })?;
    if dtype.is_integral() {
        let (a, s): (i64, i64) = (start.to(), step.to());
        for (i, x) in out.data_mut::<i64>().iter_mut().enumerate() {
            *x = a.wrapping_add(s.wrapping_mul(i as i64));
        }
    } else {
        for (i, x) in out.data_mut::<f64>().iter_mut().enumerate() {
            *x = a + s * i as f64;
        }
    }
    out.as_contiguous(dtype)
}

fn spaced(start: f64, end: f64, steps: i64, dtype: DType) -> Result {
    if steps < 0 {
        return Err(Error::runtime("number of steps must be non-negative"));
    }
    let out = Tensor::empty(&[steps], DType::Float64)?;
    let step = if steps > 1 { (end - start) / (steps - 1) as f64 } else { 0.0 };
    let single = dtype.compute() == DType::Float32;
    for (i, x) in out.data_mut::<f64>().iter_mut().enumerate() {
        // From both ends, so that the middle is symmetric.
        let i = i as i64;
        *x = if single {
            let (a, b, s) = (start as f32, end as f32, (end as f32 - start as f32) / (steps.max(2) - 1) as f32);
            f64::from(if i < steps / 2 { a + s * i as f32 } else { b - s * (steps - i - 1) as f32 })
        } else if i < steps / 2 { start + step * i as f64 } else { end - step * (steps - i - 1) as f64 };
    }
    if steps == 1 { out.data_mut::<f64>()[0] = start; }
    out.as_contiguous(dtype)
}

fn triangle(t: &Tensor, diagonal: i64, lower: bool) -> Result {
    if t.ndim() < 2 {
        return Err(Error::runtime("tril/triu: input tensor must have at least 2 dimensions"));
    }
    let out = t.copied(t.dtype())?;
    let (m, n) = (t.sizes()[t.ndim() - 2], t.sizes()[t.ndim() - 1]);
    dispatch!(t.dtype(), T => {
        let zero: T = Scalar::Int(0).to();
        for (i, x) in out.data_mut::<T>().iter_mut().enumerate() {
            let (r, c) = (i as i64 / n % m, i as i64 % n);
            if (lower && c - r > diagonal) || (!lower && c - r < diagonal) { *x = zero; }
        }
    });
    Ok(out)
}

fn real_dtype(dtype: Option<DType>) -> DType {
    dtype.unwrap_or_else(state::default_dtype)
}

ops! { TABLE, CreateOps;
    /// `fill_value` everywhere.
    fn full(size: Dims, fill_value: Scalar; dtype: Option<DType> = "null") [create] eval { Tensor::full(&size, fill_value, dtype.unwrap_or(fill_value.dtype())) };
    /// Zeros.
    fn zeros(size: Dims; dtype: Option<DType> = "null") [create] eval { Tensor::zeros(&size, real_dtype(dtype)) };
    /// Ones.
    fn ones(size: Dims; dtype: Option<DType> = "null") [create] eval { Tensor::full(&size, Scalar::Int(1), real_dtype(dtype)) };
    /// Undefined elements; here zeros.
    fn empty(size: Dims; dtype: Option<DType> = "null") [create] eval { Tensor::zeros(&size, real_dtype(dtype)) };
    /// `fill_value` in the sizes and dtype of `input`.
    fn full_like(input: Tensor, fill_value: Scalar; dtype: Option<DType> = "null") [create] eval { Tensor::full(input.sizes(), fill_value, dtype.unwrap_or(input.dtype())) };
    /// Zeros in the sizes and dtype of `input`.
    fn zeros_like(input: Tensor; dtype: Option<DType> = "null") [create] eval { Tensor::zeros(input.sizes(), dtype.unwrap_or(input.dtype())) };
    /// Ones in the sizes and dtype of `input`.
    fn ones_like(input: Tensor; dtype: Option<DType> = "null") [create] eval { Tensor::full(input.sizes(), Scalar::Int(1), dtype.unwrap_or(input.dtype())) };
    /// `0, 1, ...` below `end`.
    fn arange(end: Scalar; dtype: Option<DType> = "null") [create] eval { counted(Scalar::Int(0), end, Scalar::Int(1), dtype) };
    /// `start, start + step, ...` below `end`.
    fn arange_start "arange"(start: Scalar, end: Scalar, step: Scalar = "1n"; dtype: Option<DType> = "null") [create] eval { counted(start, end, step, dtype) };
    /// `steps` numbers from `start` to `end`, evenly spaced.
    fn linspace(start: f64, end: f64, steps: i64; dtype: Option<DType> = "null") [create] eval { spaced(start, end, steps, real_dtype(dtype)) };
    /// Ones on the diagonal.
    fn eye(n: i64, m: Option<i64> = "null"; dtype: Option<DType> = "null") [create] eval {
        if n < 0 { return Err(Error::runtime(format!("n must be greater or equal to 0, got {n}"))); }
        let out = Tensor::zeros(&[n, m.unwrap_or(n)], real_dtype(dtype))?;
        out.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?; Ok::<_, Error>(out) };
    /// The lower triangle, zeros above.
    fn tril(input: Tensor, diagonal: i64 = "0") [inplace] eval { triangle(&input, diagonal, true) } d input = |g, diagonal| g.tril(diagonal);
    /// The upper triangle, zeros below.
    fn triu(input: Tensor, diagonal: i64 = "0") [inplace] eval { triangle(&input, diagonal, false) } d input = |g, diagonal| g.triu(diagonal);
}
