//! New tensors: filled, counted, spaced.

use super::prelude::*;
use super::promote::scalar_tensor;
use crate::error::general;
use crate::state;

/// The number as `dtype` holds it, or an error where it cannot; in the half types it becomes infinite.
pub(crate) fn held(value: Scalar, dtype: DType) -> Result<Scalar> {
    if matches!(dtype, DType::Float16 | DType::BFloat16) { Ok(value) } else { scalar_tensor(value, dtype)?.scalar() }
}

fn full_of(sizes: &[i64], value: Scalar, dtype: DType) -> Result {
    Tensor::full(sizes, held(value, dtype)?, dtype)
}

fn floating(dtype: Option<DType>) -> DType {
    dtype.unwrap_or_else(state::default_dtype)
}

/// Checks the ends and the step of `arange` and `range`.
fn check_range(start: f64, end: f64, step: f64) -> Result<()> {
    if step == 0.0 || step.is_nan() {
        return Err(Error::runtime("step must be nonzero"));
    }
    if !start.is_finite() || !end.is_finite() {
        return Err(Error::runtime(format!("unsupported range: {} -> {}", general(start), general(end))));
    }
    if (step > 0.0 && start > end) || (step < 0.0 && start < end) {
        return Err(Error::runtime("upper bound and lower bound inconsistent with step sign"));
    }
    Ok(())
}

/// `count` numbers from `start`, `step` apart.
fn steps_of(start: Scalar, step: Scalar, count: i64, dtype: DType) -> Result {
    let out = Tensor::empty(&[count], if dtype.is_integral() { DType::Int64 } else { DType::Float64 })?;
    if dtype.is_integral() {
        let (a, s): (i64, i64) = (start.to(), step.to());
        for (i, x) in out.data_mut::<i64>().iter_mut().enumerate() {
            *x = a.wrapping_add(s.wrapping_mul(i as i64));
        }
    } else {
        let (a, s) = (start.to_f64(), step.to_f64());
        for (i, x) in out.data_mut::<f64>().iter_mut().enumerate() {
            *x = a + s * i as f64;
        }
    }
    out.as_contiguous(dtype)
}

fn counted(start: Scalar, end: Scalar, step: Scalar, dtype: Option<DType>) -> Result {
    let integers = [start, end, step].iter().all(|s| matches!(s, Scalar::Int(_) | Scalar::Bool(_)));
    for s in [start, end, step] {
        held(s, DType::Float64)?;
    }
    let dtype = dtype.unwrap_or(if integers { DType::Int64 } else { state::default_dtype() });
    if dtype == DType::Bool || dtype.is_complex() {
        return Err(Error::dtype("arange_cpu", dtype));
    }
    let (a, b, s) = (start.to_f64(), end.to_f64(), step.to_f64());
    check_range(a, b, s)?;
    let count = if dtype == DType::Int64 {
        // Exactly, for numbers that double precision cannot tell apart.
        let (a, b, s): (i128, i128, i128) = (start.to::<i64>().into(), end.to::<i64>().into(), step.to::<i64>().into());
        if s == 0 {
            return Err(Error::runtime("step must be nonzero"));
        }
        (b - a + s - s.signum()) as f64 / s as f64
    } else {
        ((b - a) / s).ceil()
    };
    if !(0.0..9e18).contains(&count) {
        return Err(Error::runtime("invalid size, possible overflow?"));
    }
    let exact = |x: Scalar| x.to::<i64>() as i128;
    let count = if dtype == DType::Int64 {
        ((exact(end) - exact(start) + exact(step) - exact(step).signum()) / exact(step)) as i64
    } else {
        count as i64
    };
    steps_of(start, step, count, dtype)
}

/// The ends and the dtype of `linspace` and `logspace`.
fn ends(name: &str, start: &Tensor, end: &Tensor, dtype: Option<DType>) -> Result<(Complex<f64>, Complex<f64>, DType)> {
    if start.ndim() > 0 || end.ndim() > 0 {
        let given: Vec<String> = [("start", start), ("end", end)].iter().filter(|(_, t)| !t.0.wrapped)
            .map(|(what, t)| format!("{what} with {} dimension(s)", t.ndim())).collect();
        return Err(Error::runtime(format!(
            "{name} only supports 0-dimensional start and end tensors, but got {}.", given.join(" and ")
        )));
    }
    let complex = start.dtype().is_complex() || end.dtype().is_complex();
    let default = state::default_dtype();
    let dtype = dtype.unwrap_or(if complex { default.to_complex() } else { default });
    if dtype == DType::Bool {
        return Err(Error::dtype(&format!("{name}_cpu"), dtype));
    }
    let (start, end) = (start.scalar()?, end.scalar()?);
    Ok((held(start, dtype)?.to(), held(end, dtype)?.to(), dtype))
}

/// Evenly spaced numbers, counted from both ends so that the middle is symmetric, each put through `f`.
fn spaced(start: Complex<f64>, end: Complex<f64>, count: i64, dtype: DType, f: impl Fn(Complex<f64>) -> Complex<f64>) -> Result {
    if count < 0 {
        return Err(Error::runtime("number of steps must be non-negative"));
    }
    // Steps are rounded to the precision of the result.
    let single = matches!(dtype.compute(), DType::Float32 | DType::Complex64);
    let round = |z: Complex<f64>| if single { Complex::new(f64::from(z.re as f32), f64::from(z.im as f32)) } else { z };
    let half = |z: Complex<f64>| match dtype {
        DType::Float16 => Complex::new(half::f16::from_f64(z.re).to_f64(), 0.0),
        DType::BFloat16 => Complex::new(half::bf16::from_f64(z.re).to_f64(), 0.0),
        _ => round(z),
    };
    // The ends of integers are integers.
    let whole = |z: Complex<f64>| if dtype.is_integral() { Complex::new(z.re.trunc(), 0.0) } else { half(z) };
    let (start, end) = (whole(start), whole(end));
    let step = if count > 1 { half((end - start) / (count - 1) as f64) } else { Complex::default() };
    let values = (0..count).map(|i| {
        let z = if count == 1 || i < count / 2 { start + step * i as f64 } else { end - step * (count - 1 - i) as f64 };
        f(round(z))
    });
    let values: Vec<Complex<f64>> = values.collect();
    let out = Tensor::from_slice(&values, &[count])?;
    out.as_contiguous(dtype)
}

fn negative_size(sizes: &[i64]) -> Result<()> {
    if sizes.iter().any(|n| *n < 0) {
        return Err(Error::runtime("zeros: Dimension size must be non-negative."));
    }
    Ok(())
}

/// Zeros in a storage that these strides need, at any strides.
fn strided(sizes: &Dims, strides: &Dims, dtype: DType) -> Result {
    if sizes.len() != strides.len() {
        return Err(Error::runtime(format!(
            "dimensionality of sizes ({}) must match dimensionality of strides ({})", sizes.len(), strides.len()
        )));
    }
    crate::layout::checked_numel(sizes)?;
    let layout = Layout { sizes: sizes.clone(), strides: strides.clone(), offset: 0 };
    let room = layout.checked_extent().filter(|_| strides.iter().all(|s| *s >= 0)).ok_or_else(|| Error::runtime(format!(
        "Storage size calculation overflowed with sizes={:?} and strides={:?}", sizes.as_slice(), strides.as_slice()
    )))?;
    Ok(Tensor::zeros(&[room as i64], dtype)?.alias(layout))
}

/// Row-major strides of the dimensions in another order.
fn permuted_strides(sizes: &Dims, order: &Dims) -> Result<Dims> {
    let n = sizes.len();
    if n != order.len() {
        return Err(Error::runtime(format!(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. len(size) = {n} is not equal to \
             len(physical_layout) = {}", order.len()
        )));
    }
    let mut seen = vec![false; n];
    let mut strides = Dims::from_elem(0, n);
    for (i, &d) in order.iter().enumerate() {
        if d < 0 || d >= n as i64 {
            return Err(Error::runtime(format!(
                "Dimension out of range (expected to be between 0 and {}, but got {d} at index {i}).  NB: negative dims not \
                 currently supported; file an issue if you want it.", n as i64 - 1
            )));
        }
        if std::mem::replace(&mut seen[d as usize], true) {
            return Err(Error::runtime("Duplicate dim not allowed"));
        }
    }
    let in_order: Dims = order.iter().map(|d| sizes[*d as usize]).collect();
    for (d, s) in order.iter().zip(crate::layout::contiguous_strides(&in_order)) {
        strides[*d as usize] = s;
    }
    Ok(strides)
}

ops! { TABLE, CreateOps;
    /// `fill_value` everywhere.
    fn full(size: Dims, fill_value: Scalar; dtype: Option<DType> = "null") [create] eval {
        full_of(&size, fill_value, dtype.unwrap_or(fill_value.dtype())) };
    /// Zeros.
    fn zeros(size: Dims; dtype: Option<DType> = "null") [create] eval {
        negative_size(&size)?; Tensor::zeros(&size, floating(dtype)) };
    /// Ones.
    fn ones(size: Dims; dtype: Option<DType> = "null") [create] eval { full_of(&size, Scalar::Int(1), floating(dtype)) };
    /// Undefined elements; here zeros.
    fn empty(size: Dims; dtype: Option<DType> = "null") [create] eval { Tensor::zeros(&size, floating(dtype)) };
    /// Undefined elements at any strides; here zeros.
    fn empty_strided(size: Dims, stride: Dims; dtype: Option<DType> = "null") [create] eval {
        strided(&size, &stride, floating(dtype)) };
    /// Undefined elements, here zeros, with the dimensions in this order in memory.
    fn empty_permuted(size: Dims, physical_layout: Dims; dtype: Option<DType> = "null") [create] eval {
        crate::layout::checked_numel(&size)?; strided(&size, &permuted_strides(&size, &physical_layout)?, floating(dtype)) };
    /// A number as a tensor of the default dtype.
    fn scalar_tensor(s: Scalar; dtype: Option<DType> = "null") [create] eval { full_of(&[], s, floating(dtype)) };
    /// `fill_value` in the sizes and dtype of `input`.
    fn full_like(input: Tensor, fill_value: Scalar; dtype: Option<DType> = "null") [create] eval {
        full_of(input.sizes(), fill_value, dtype.unwrap_or(input.dtype())) };
    /// Zeros in the sizes and dtype of `input`.
    fn zeros_like(input: Tensor; dtype: Option<DType> = "null") [create] eval {
        Tensor::zeros(input.sizes(), dtype.unwrap_or(input.dtype())) };
    /// Ones in the sizes and dtype of `input`.
    fn ones_like(input: Tensor; dtype: Option<DType> = "null") [create] eval {
        full_of(input.sizes(), Scalar::Int(1), dtype.unwrap_or(input.dtype())) };
    /// Undefined elements, here zeros, in the sizes and dtype of `input`.
    fn empty_like(input: Tensor; dtype: Option<DType> = "null") [create] eval {
        Tensor::zeros(input.sizes(), dtype.unwrap_or(input.dtype())) };
    /// Zeros of the dtype of `input`.
    fn new_zeros(input: Tensor, size: Dims; dtype: Option<DType> = "null") [method] eval {
        negative_size(&size)?; Tensor::zeros(&size, dtype.unwrap_or(input.dtype())) };
    /// Ones of the dtype of `input`.
    fn new_ones(input: Tensor, size: Dims; dtype: Option<DType> = "null") [method] eval {
        full_of(&size, Scalar::Int(1), dtype.unwrap_or(input.dtype())) };
    /// `fill_value` everywhere in the dtype of `input`.
    fn new_full(input: Tensor, size: Dims, fill_value: Scalar; dtype: Option<DType> = "null") [method] eval {
        full_of(&size, fill_value, dtype.unwrap_or(input.dtype())) };
    /// Undefined elements, here zeros, of the dtype of `input`.
    fn new_empty(input: Tensor, size: Dims; dtype: Option<DType> = "null") [method] eval {
        Tensor::zeros(&size, dtype.unwrap_or(input.dtype())) };
    /// Undefined elements, here zeros, at any strides in the dtype of `input`.
    fn new_empty_strided(input: Tensor, size: Dims, stride: Dims; dtype: Option<DType> = "null") [method] eval {
        strided(&size, &stride, dtype.unwrap_or(input.dtype())) };
    /// `0, 1, ...` below `end`.
    fn arange(end: Scalar; dtype: Option<DType> = "null") [create] eval { counted(Scalar::Int(0), end, Scalar::Int(1), dtype) };
    /// `start, start + step, ...` below `end`.
    fn arange_start "arange"(start: Scalar, end: Scalar, step: Scalar = "1n"; dtype: Option<DType> = "null") [create] eval {
        counted(start, end, step, dtype) };
    /// `start, start + step, ...` up to and with `end`.
    fn range(start: Scalar, end: Scalar, step: Scalar = "1n"; dtype: Option<DType> = "null") [create] eval {
        let (a, b, s) = (start.to_f64(), end.to_f64(), step.to_f64());
        check_range(a, b, s)?;
        let count = ((b - a) / s).floor() + 1.0;
        if !(0.0..9e18).contains(&count) { return Err(Error::runtime("invalid size, possible overflow?")); }
        steps_of(start, step, count as i64, floating(dtype)) };
    /// `steps` numbers from `start` to `end`, evenly spaced.
    fn linspace(start: Operand, end: Operand, steps: i64; dtype: Option<DType> = "null") [create] eval {
        let (a, b, dtype) = ends("linspace", &start, &end, dtype)?; spaced(a, b, steps, dtype, |z| z) };
    /// `steps` powers of `base` with evenly spaced exponents from `start` to `end`.
    fn logspace(start: Operand, end: Operand, steps: i64, base: f64 = "10"; dtype: Option<DType> = "null") [create] eval {
        let (a, b, dtype) = ends("logspace", &start, &end, dtype)?;
        let power = |z: Complex<f64>| if dtype.is_complex() { Complex::new(base, 0.0).powc(z) } else { Complex::new(base.powf(z.re), 0.0) };
        spaced(a, b, steps, dtype, power) };
    /// Ones on the diagonal.
    fn eye(n: i64; dtype: Option<DType> = "null") [create] eval { identity(n, n, dtype) };
    /// Ones on the diagonal of `n` rows and `m` columns.
    fn eye_m "eye"(n: i64, m: i64; dtype: Option<DType> = "null") [create] eval { identity(n, m, dtype) };
}

fn identity(n: i64, m: i64, dtype: Option<DType>) -> Result {
    for (name, size) in [("n", n), ("m", m)] {
        if size < 0 {
            return Err(Error::runtime(format!("{name} must be greater or equal to 0, got {size}")));
        }
    }
    let out = Tensor::zeros(&[n, m], floating(dtype))?;
    out.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
    Ok(out)
}
