//! Comparisons, what kind of number an element is, and logic.

use super::prelude::*;
use super::promote::common;

/// A predicate of two promoted operands of any ordered type.
macro_rules! compare {
    ($kernel:literal, $a:expr, $b:expr, |$x:ident, $y:ident| $e:expr) => {{
        let (a, b, dtype) = common($a, $b)?;
        ranked!($kernel, dtype, zip(&a, &b, DType::Bool, |$x: T, $y: T| $e))
    }};
}

fn equal_elements(a: &Tensor, b: &Tensor, want: bool) -> Result {
    let (a, b, dtype) = common(a, b)?;
    match dtype {
        DType::Complex64 => zip(&a, &b, DType::Bool, |x: Complex<f32>, y: Complex<f32>| (x == y) == want),
        DType::Complex128 => zip(&a, &b, DType::Bool, |x: Complex<f64>, y: Complex<f64>| (x == y) == want),
        _ => ranked!("eq_cpu", dtype, zip(&a, &b, DType::Bool, |x: T, y: T| (x == y) == want)),
    }
}

/// A predicate of the truth of two operands.
fn logical(a: &Tensor, b: &Tensor, f: impl Fn(bool, bool) -> bool + Sync) -> Result {
    zip(a, b, DType::Bool, f)
}

macro_rules! classify {
    ($t:expr, $int:expr, |$x:ident| $e:expr, $both:expr) => {{
        let t: &Tensor = $t;
        let both: fn(bool, bool) -> bool = $both;
        match t.dtype().compute() {
            DType::Int64 => Tensor::full(t.sizes(), Scalar::Bool($int), DType::Bool),
            DType::Float32 => map(t, DType::Bool, |$x: f32| $e),
            DType::Float64 => map(t, DType::Bool, |$x: f64| $e),
            DType::Complex64 => {
                map(t, DType::Bool, |z: Complex<f32>| { let f = |$x: f32| $e; both(f(z.re), f(z.im)) })
            }
            _ => map(t, DType::Bool, |z: Complex<f64>| { let f = |$x: f64| $e; both(f(z.re), f(z.im)) }),
        }
    }};
}

fn refuse_complex(name: &str, t: &Tensor) -> Result<()> {
    if t.dtype().is_complex() {
        return Err(Error::type_error(format!("{name} does not support complex inputs.")));
    }
    Ok(())
}

fn sign_bit(t: &Tensor) -> Result {
    match t.dtype().compute() {
        DType::Int64 => map(t, DType::Bool, |x: i64| x < 0),
        DType::Float32 => map(t, DType::Bool, |x: f32| x.is_sign_negative()),
        DType::Float64 => map(t, DType::Bool, |x: f64| x.is_sign_negative()),
        _ => Err(Error::not_implemented("signbit is not implemented for complex tensors.")),
    }
}

fn close_elements(a: &Tensor, b: &Tensor, rtol: f64, atol: f64, equal_nan: bool) -> Result {
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "{} did not match {}", a.dtype().scalar_type(), b.dtype().scalar_type()
        )));
    }
    for (name, tol) in [("rtol", rtol), ("atol", atol)] {
        if tol < 0.0 {
            return Err(Error::runtime(format!("{name} must be greater than or equal to zero, but got {tol}")));
        }
    }
    if a.dtype().is_integral() {
        return zip(a, b, DType::Bool, |x: i64, y: i64| {
            x == y || x.wrapping_sub(y).unsigned_abs() as f64 <= atol + rtol * y.unsigned_abs() as f64
        });
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

fn all_true(t: &Tensor) -> bool {
    t.data::<bool>().iter().all(|b| *b)
}

ops! { TABLE, CompareOps;
    /// Whether elements are equal.
    fn eq(input: Tensor, other: Operand) [] eval { equal_elements(&input, &other, true) };

    /// Whether elements differ.
    fn ne(input: Tensor, other: Operand) ["not_equal"] eval { equal_elements(&input, &other, false) };

    /// `input < other`.
    fn lt(input: Tensor, other: Operand) ["less"] eval { compare!("lt_cpu", &input, &other, |x, y| x < y) };

    /// `input <= other`.
    fn le(input: Tensor, other: Operand) ["less_equal"] eval {
        compare!("le_cpu", &input, &other, |x, y| x <= y)
    };

    /// `input > other`.
    fn gt(input: Tensor, other: Operand) ["greater"] eval {
        compare!("gt_cpu", &input, &other, |x, y| x > y)
    };

    /// `input >= other`.
    fn ge(input: Tensor, other: Operand) ["greater_equal"] eval {
        compare!("ge_cpu", &input, &other, |x, y| x >= y)
    };

    /// Whether both are true.
    fn logical_and(input: Tensor, other: Tensor) [] eval { logical(&input, &other, |x, y| x & y) };

    /// Whether one is true.
    fn logical_or(input: Tensor, other: Tensor) [] eval { logical(&input, &other, |x, y| x | y) };

    /// Whether exactly one is true.
    fn logical_xor(input: Tensor, other: Tensor) [] eval { logical(&input, &other, |x, y| x ^ y) };

    /// Whether the element is false or zero.
    fn logical_not(input: Tensor) [] eval { map(&input, DType::Bool, |x: bool| !x) };

    /// Whether the element is NaN.
    fn isnan(input: Tensor) [] eval { classify!(&input, false, |x| x.is_nan(), |a, b| a | b) };

    /// Whether the element is infinite.
    fn isinf(input: Tensor) [] eval { classify!(&input, false, |x| x.is_infinite(), |a, b| a | b) };

    /// Whether the element is a number and not infinite.
    fn isfinite(input: Tensor) [] eval { classify!(&input, true, |x| x.is_finite(), |a, b| a & b) };

    /// Whether the element is positive infinity.
    fn isposinf(input: Tensor) [] eval {
        refuse_complex("isposinf", &input)?;
        classify!(&input, false, |x| x.is_infinite() && x > 0.0, |a, b| a & b)
    };

    /// Whether the element is negative infinity.
    fn isneginf(input: Tensor) [] eval {
        refuse_complex("isneginf", &input)?;
        classify!(&input, false, |x| x.is_infinite() && x < 0.0, |a, b| a & b)
    };

    /// Whether the imaginary part is zero.
    fn isreal(input: Tensor) [] eval {
        if input.dtype().is_complex() { input.detached().imag().eq(0i64) }
        else { Tensor::full(input.sizes(), Scalar::Bool(true), DType::Bool) }
    };

    /// Whether the sign bit is set.
    fn signbit(input: Tensor) [] eval { sign_bit(&input) };

    /// Whether `|input - other| <= atol + rtol * |other|`.
    fn isclose(input: Tensor, other: Tensor, rtol: f64 = "1e-5", atol: f64 = "1e-8", equal_nan: bool = "false")
        [] eval { close_elements(&input, &other, rtol, atol, equal_nan) };

    /// Whether all elements are close, as `isclose` judges.
    fn allclose(input: Tensor, other: Tensor, rtol: f64 = "1e-5", atol: f64 = "1e-8", equal_nan: bool = "false")
        -> (bool) [] eval { close_elements(&input, &other, rtol, atol, equal_nan).map(|t| all_true(&t)) };

    /// Whether sizes and elements are equal.
    fn equal(input: Tensor, other: Tensor) -> (bool) [] eval {
        if input.sizes() != other.sizes() { return Ok(Value::Scalar(Scalar::Bool(false))); }
        equal_elements(&input, &other, true).map(|t| all_true(&t))
    };
}
