//! Bits of integers, and what two integers have in common.

use super::prelude::*;
use super::promote::common;

/// Bits of two promoted integers or bools.
fn bits(kernel: &str, a: &Tensor, b: &Tensor, f: impl Fn(i64, i64) -> i64 + Sync) -> Result {
    let dtype = result_type(&[a, b]);
    if !dtype.is_integral() {
        return Err(Error::dtype(kernel, dtype));
    }
    zip(a, b, dtype, f)
}

/// A function of two promoted integers.
fn integers(kernel: &str, a: &Tensor, b: &Tensor, f: impl Fn(i64, i64) -> i64 + Sync) -> Result {
    let (a, b, dtype) = common(a, b)?;
    if !dtype.is_integral() || dtype == DType::Bool {
        return Err(Error::dtype(kernel, dtype));
    }
    zip(&a, &b, dtype, f)
}

/// Shifts by a negative number or beyond the width leave only the sign.
fn shift(a: &Tensor, b: &Tensor, left: bool) -> Result {
    let width = result_type(&[a, b]).itemsize() as i64 * 8;
    let inside = |y: i64| (0..width).contains(&y);
    if left {
        integers("lshift_cpu", a, b, |x, y| if inside(y) { x << y } else { 0 })
    } else {
        integers("rshift_cpu", a, b, |x, y| if inside(y) { x >> y } else { x >> 63 })
    }
}

/// Euclid's algorithm.
fn gcd_of(x: i64, y: i64) -> i64 {
    let (mut a, mut b) = (x.unsigned_abs(), y.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a as i64
}

fn lcm_of(x: i64, y: i64) -> i64 {
    match gcd_of(x, y) {
        0 => 0,
        g => x.wrapping_div(g).wrapping_mul(y).wrapping_abs(),
    }
}

fn complement(t: &Tensor) -> Result {
    match t.dtype() {
        DType::Bool => map(t, DType::Bool, |x: bool| !x),
        d if d.is_integral() => map(t, d, |x: i64| !x),
        d => Err(Error::dtype("bitwise_not_cpu", d)),
    }
}

ops! { TABLE, BitwiseOps;
    /// The bitwise or logical complement.
    fn bitwise_not(input: Tensor) [inplace] eval { complement(&input) };

    /// Bitwise and.
    fn bitwise_and(input: Operand, other: Operand) [inplace] eval {
        bits("bitwise_and_cpu", &input, &other, |x, y| x & y)
    };

    /// Bitwise or.
    fn bitwise_or(input: Operand, other: Operand) [inplace] eval {
        bits("bitwise_or_cpu", &input, &other, |x, y| x | y)
    };

    /// Bitwise exclusive or.
    fn bitwise_xor(input: Operand, other: Operand) [inplace] eval {
        bits("bitwise_xor_cpu", &input, &other, |x, y| x ^ y)
    };

    /// `input << other`.
    fn bitwise_left_shift(input: Operand, other: Operand) [inplace] eval { shift(&input, &other, true) };

    /// `input >> other`, keeping the sign.
    fn bitwise_right_shift(input: Operand, other: Operand) [inplace] eval { shift(&input, &other, false) };

    /// Greatest common divisor.
    fn gcd(input: Tensor, other: Tensor) [inplace] eval { integers("gcd_cpu", &input, &other, gcd_of) };

    /// Least common multiple.
    fn lcm(input: Tensor, other: Tensor) [inplace] eval { integers("lcm_cpu", &input, &other, lcm_of) };
}
