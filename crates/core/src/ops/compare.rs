//! Comparisons, logic and bits.

use super::prelude::*;

/// A predicate of two promoted operands of any ordered type.
macro_rules! compare {
    ($name:literal, $a:expr, $b:expr, |$x:ident, $y:ident| $e:expr) => {{
        let (a, b): (&Tensor, &Tensor) = ($a, $b);
        match result_type(&[a, b]).compute() {
            DType::Int64 => zip(a, b, DType::Bool, |$x: i64, $y: i64| $e),
            DType::Float32 => { let (a, b) = rounded_pair(a, b)?; zip(&a, &b, DType::Bool, |$x: f32, $y: f32| $e) }
            DType::Float64 => zip(a, b, DType::Bool, |$x: f64, $y: f64| $e),
            _ => Err(Error::dtype($name, result_type(&[a, b]))),
        }
    }};
}

/// Half precision compares numbers as it would store them.
fn rounded_pair(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor)> {
    let dtype = result_type(&[a, b]);
    if dtype == DType::Float32 {
        return Ok((a.clone(), b.clone()));
    }
    Ok((crate::ops::cast(&a.detached(), dtype)?, crate::ops::cast(&b.detached(), dtype)?))
}

fn equal_elements(a: &Tensor, b: &Tensor, want: bool) -> Result {
    match result_type(&[a, b]).compute() {
        DType::Complex64 => zip(a, b, DType::Bool, |x: Complex<f32>, y: Complex<f32>| (x == y) == want),
        DType::Complex128 => zip(a, b, DType::Bool, |x: Complex<f64>, y: Complex<f64>| (x == y) == want),
        _ => compare!("eq_cpu", a, b, |x, y| (x == y) == want),
    }
}

/// A predicate of the truth of two operands.
fn logical(a: &Tensor, b: &Tensor, f: impl Fn(bool, bool) -> bool) -> Result {
    zip(a, b, DType::Bool, f)
}

/// Bits of two promoted integers.
fn bits(kernel: &str, a: &Tensor, b: &Tensor, f: impl Fn(i64, i64) -> i64) -> Result {
    let dtype = result_type(&[a, b]);
    if !dtype.is_integral() {
        return Err(Error::dtype(kernel, dtype));
    }
    zip(a, b, dtype, f)
}

fn shift(a: &Tensor, b: &Tensor, left: bool) -> Result {
    let dtype = result_type(&[a, b]);
    if !dtype.is_integral() || dtype == DType::Bool {
        return Err(Error::dtype(if left { "lshift_cpu" } else { "rshift_cpu" }, dtype));
    }
    let width = dtype.itemsize() as i64 * 8;
    zip(a, b, dtype, |x: i64, y: i64| {
        if left {
            if y < 0 || y >= width { 0 } else { x << y }
        } else if y < 0 || y >= width {
            if x < 0 { -1 } else { 0 }
        } else {
            x >> y
        }
    })
}

macro_rules! classify {
    ($t:expr, $int:expr, |$x:ident| $e:expr, $both:expr) => {{
        let t: &Tensor = $t;
        let both: fn(bool, bool) -> bool = $both;
        match t.dtype().compute() {
            DType::Int64 => Tensor::full(t.sizes(), Scalar::Bool($int), DType::Bool),
            DType::Float32 => map(t, DType::Bool, |$x: f32| $e),
            DType::Float64 => map(t, DType::Bool, |$x: f64| $e),
            DType::Complex64 => map(t, DType::Bool, |z: Complex<f32>| { let f = |$x: f32| $e; both(f(z.re), f(z.im)) }),
            _ => map(t, DType::Bool, |z: Complex<f64>| { let f = |$x: f64| $e; both(f(z.re), f(z.im)) }),
        }
    }};
}

fn close_elements(a: &Tensor, b: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result {
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "{} did not match {}", a.dtype().scalar_type(), b.dtype().scalar_type()
        )));
    }
    if rtol < 0.0 {
        return Err(Error::runtime(format!("rtol must be greater than or equal to zero, but got {rtol}")));
    }
    if atol < 0.0 {
        return Err(Error::runtime(format!("atol must be greater than or equal to zero, but got {atol}")));
    }
    zip(a, b, DType::Bool, |x: Complex<f64>, y: Complex<f64>| {
        let nan = |z: Complex<f64>| z.re.is_nan() || z.im.is_nan();
        if x == y || (equal_nan && nan(x) && nan(y)) {
            return true;
        }
        let (d, n) = ((x - y).norm(), y.norm());
        d.is_finite() && d <= atol + rtol * n
    })
}

ops! { TABLE, CompareOps;
    /// Whether elements are equal.
    fn eq(input: Tensor, other: Tensor) [inplace] eval { equal_elements(&input, &other, true) };
    /// Whether elements differ.
    fn ne(input: Tensor, other: Tensor) [inplace] eval { equal_elements(&input, &other, false) };
    /// `input < other`.
    fn lt(input: Tensor, other: Tensor) [inplace] eval { compare!("lt_cpu", &input, &other, |x, y| x < y) };
    /// `input <= other`.
    fn le(input: Tensor, other: Tensor) [inplace] eval { compare!("le_cpu", &input, &other, |x, y| x <= y) };
    /// `input > other`.
    fn gt(input: Tensor, other: Tensor) [inplace] eval { compare!("gt_cpu", &input, &other, |x, y| x > y) };
    /// `input >= other`.
    fn ge(input: Tensor, other: Tensor) [inplace] eval { compare!("ge_cpu", &input, &other, |x, y| x >= y) };
    /// Whether both are true.
    fn logical_and(input: Tensor, other: Tensor) [inplace] eval { logical(&input, &other, |x, y| x & y) };
    /// Whether one is true.
    fn logical_or(input: Tensor, other: Tensor) [inplace] eval { logical(&input, &other, |x, y| x | y) };
    /// Whether exactly one is true.
    fn logical_xor(input: Tensor, other: Tensor) [inplace] eval { logical(&input, &other, |x, y| x ^ y) };
    /// Whether the element is false or zero.
    fn logical_not(input: Tensor) [inplace] eval { map(&input, DType::Bool, |x: bool| !x) };
    /// Bitwise and.
    fn bitwise_and(input: Tensor, other: Tensor) [inplace] eval { bits("bitwise_and_cpu", &input, &other, |x, y| x & y) };
    /// Bitwise or.
    fn bitwise_or(input: Tensor, other: Tensor) [inplace] eval { bits("bitwise_or_cpu", &input, &other, |x, y| x | y) };
    /// Bitwise exclusive or.
    fn bitwise_xor(input: Tensor, other: Tensor) [inplace] eval { bits("bitwise_xor_cpu", &input, &other, |x, y| x ^ y) };
    /// `input << other`.
    fn bitwise_left_shift(input: Tensor, other: Tensor) [inplace] eval { shift(&input, &other, true) };
    /// `input >> other`, keeping the sign.
    fn bitwise_right_shift(input: Tensor, other: Tensor) [inplace] eval { shift(&input, &other, false) };
    /// Whether the element is NaN.
    fn isnan(input: Tensor) [] eval { classify!(&input, false, |x| x.is_nan(), |a, b| a | b) };
    /// Whether the element is infinite.
    fn isinf(input: Tensor) [] eval { classify!(&input, false, |x| x.is_infinite(), |a, b| a | b) };
    /// Whether the element is a number and not infinite.
    fn isfinite(input: Tensor) [] eval { classify!(&input, true, |x| x.is_finite(), |a, b| a & b) };
    /// Whether the element is positive infinity.
    fn isposinf(input: Tensor) [] eval {
        if input.dtype().is_complex() { return Err(Error::runtime("isposinf does not support complex inputs.")); }
        classify!(&input, false, |x| x.is_infinite() && x > 0.0, |a, b| a & b) };
    /// Whether the element is negative infinity.
    fn isneginf(input: Tensor) [] eval {
        if input.dtype().is_complex() { return Err(Error::runtime("isneginf does not support complex inputs.")); }
        classify!(&input, false, |x| x.is_infinite() && x < 0.0, |a, b| a & b) };
    /// Whether the imaginary part is zero.
    fn isreal(input: Tensor) [] eval { map(&input, DType::Bool, |z: Complex<f64>| z.im == 0.0) };
    /// Whether `|input - other| <= atol + rtol * |other|`.
    fn isclose(input: Tensor, other: Tensor, rtol: f64 = "1e-5", atol: f64 = "1e-8", equal_nan: bool = "false") -> (bool) [] eval { close_elements(&input, &other, rtol, atol, equal_nan) };
    /// Whether all elements are close, as `isclose` judges.
    fn allclose(input: Tensor, other: Tensor, rtol: f64 = "1e-5", atol: f64 = "1e-8", equal_nan: bool = "false") -> (bool) [] eval {
        let c = close_elements(&input, &other, rtol, atol, equal_nan)?; Ok::<_, Error>(c.data::<bool>().iter().all(|b| *b)) };
    /// Whether sizes and elements are equal.
    fn equal(input: Tensor, other: Tensor) -> (bool) [] eval {
        if input.sizes() != other.sizes() { return Ok(Value::Scalar(Scalar::Bool(false))); }
        if input.dtype() != other.dtype() { return Err(Error::runtime(format!("Expected object of data type {} but got data type {} for argument #2 'other' in call to equal", input.dtype().scalar_type(), other.dtype().scalar_type()))); }
        let c = equal_elements(&input, &other, true)?; Ok::<_, Error>(c.data::<bool>().iter().all(|b| *b)) };
}
