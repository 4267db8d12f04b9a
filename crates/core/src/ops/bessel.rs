//! Bessel functions and orthogonal polynomials.

use super::loops::{special_map, special_zip, Half};
use super::prelude::*;
use crate::kernels::{bessel, polynomials};

/// A polynomial of the degree that the second operand holds.
fn polynomial(kernel: &str, x: &Tensor, n: &Tensor, f: fn(f64, i64) -> f64) -> Result {
    special_zip(kernel, Half::No, x, n, |x, n| f(x, n as i64))
}

/// `-1`, `0` or `1` as `x` is, times the scaled function: what scaling adds to a derivative.
fn bend(input: &Tensor, out: &Tensor) -> Result {
    input.sgn().mul(out)
}

/// The derivative of order 1 from orders 0 and 1: `f0 - f1 / x`, one half at zero.
fn first_order(input: &Tensor, zeroth: Result, out: &Tensor) -> Result {
    let zero = input.eq(0i64)?;
    // Away from zero in the division, so that nothing infinite meets the zero of a mask.
    let safe = zero.where_op(1i64, input)?;
    zero.where_op(0.5, zeroth?.sub(out.true_divide(safe), 1i64))
}

ops! { TABLE, BesselOps;
    /// Modified Bessel function of the first kind, order 0.
    fn i0(input: Tensor) [inplace, "special.i0"] eval { special_map("i0_vml_cpu", Half::Too, &input, bessel::i0) }
        d input = |g, input| g.mul(input.i1());

    /// `exp(-|input|) * i0(input)`.
    fn i0e "special.i0e"(input: Tensor) [] eval { special_map("i0e_cpu", Half::Too, &input, bessel::i0e) }
        d input = |g, input, out| g.mul(input.i1e().sub(bend(&input, &out)?, 1i64));

    /// Modified Bessel function of the first kind, order 1.
    fn i1 "special.i1"(input: Tensor) [] eval { special_map("i1_cpu", Half::Too, &input, bessel::i1) }
        d input = |g, input, out| g.mul(first_order(&input, input.i0(), &out)?);

    /// `exp(-|input|) * i1(input)`.
    fn i1e "special.i1e"(input: Tensor) [] eval { special_map("i1e_cpu", Half::Too, &input, bessel::i1e) }
        d input = |g, input, out| g.mul(first_order(&input, input.i0e(), &out)?.sub(bend(&input, &out)?, 1i64));

    /// Modified Bessel function of the first kind, order 0.
    fn modified_bessel_i0 "special.modified_bessel_i0"(input: Tensor) [] eval {
        special_map("modified_bessel_i0_cpu", Half::No, &input, bessel::i0)
    }
        d input = |g, input| g.mul(input.modified_bessel_i1());

    /// Modified Bessel function of the first kind, order 1.
    fn modified_bessel_i1 "special.modified_bessel_i1"(input: Tensor) [] eval {
        special_map("modified_bessel_i1_cpu", Half::No, &input, bessel::i1)
    }
        d input = |g, input, out| g.mul(first_order(&input, input.modified_bessel_i0(), &out)?);

    /// Modified Bessel function of the second kind, order 0.
    fn modified_bessel_k0 "special.modified_bessel_k0"(input: Tensor) [] eval {
        special_map("modified_bessel_k0_cpu", Half::No, &input, bessel::k0)
    }
        d input = |g, input| g.mul(input.modified_bessel_k1()).neg();

    /// Modified Bessel function of the second kind, order 1.
    fn modified_bessel_k1 "special.modified_bessel_k1"(input: Tensor) [] eval {
        special_map("modified_bessel_k1_cpu", Half::No, &input, bessel::k1)
    }
        d input = |g, input, out| g.mul(input.modified_bessel_k0().add(out.true_divide(input), 1i64)).neg();

    /// `exp(x) * modified_bessel_k0(x)`.
    fn scaled_modified_bessel_k0 "special.scaled_modified_bessel_k0"(x: Tensor) [] eval {
        special_map("scaled_modified_bessel_k0_cpu", Half::No, &x, bessel::k0e)
    };

    /// `exp(x) * modified_bessel_k1(x)`.
    fn scaled_modified_bessel_k1 "special.scaled_modified_bessel_k1"(x: Tensor) [] eval {
        special_map("scaled_modified_bessel_k1_cpu", Half::No, &x, bessel::k1e)
    };

    /// Bessel function of the first kind, order 0.
    fn bessel_j0 "special.bessel_j0"(input: Tensor) [] eval { special_map("bessel_j0_cpu", Half::No, &input, bessel::j0) }
        d input = |g, input| g.mul(input.bessel_j1()).neg();

    /// Bessel function of the first kind, order 1.
    fn bessel_j1 "special.bessel_j1"(input: Tensor) [] eval { special_map("bessel_j1_cpu", Half::No, &input, bessel::j1) }
        d input = |g, input, out| g.mul(first_order(&input, input.bessel_j0(), &out)?);

    /// Bessel function of the second kind, order 0.
    fn bessel_y0 "special.bessel_y0"(input: Tensor) [] eval { special_map("bessel_y0_cpu", Half::No, &input, bessel::y0) }
        d input = |g, input| g.mul(input.bessel_y1()).neg();

    /// Bessel function of the second kind, order 1.
    fn bessel_y1 "special.bessel_y1"(input: Tensor) [] eval { special_map("bessel_y1_cpu", Half::No, &input, bessel::y1) }
        d input = |g, input, out| g.mul(input.bessel_y0().sub(out.true_divide(input), 1i64));

    /// Spherical Bessel function of the first kind, order 0.
    fn spherical_bessel_j0 "special.spherical_bessel_j0"(x: Tensor) [] eval {
        special_map("spherical_bessel_j0_cpu", Half::No, &x, bessel::spherical_j0)
    };

    /// Airy's function of the first kind.
    fn airy_ai "special.airy_ai"(x: Tensor) [] eval { special_map("airy_ai_cpu", Half::No, &x, bessel::airy_ai) };

    /// Chebyshev's polynomial of the first kind of degree `n`.
    fn chebyshev_t "special.chebyshev_polynomial_t"(x: Operand, n: Operand) [] eval {
        polynomial("chebyshev_polynomial_t_cpu", &x, &n, polynomials::chebyshev_t)
    };

    /// Chebyshev's polynomial of the second kind of degree `n`.
    fn chebyshev_u "special.chebyshev_polynomial_u"(x: Operand, n: Operand) [] eval {
        polynomial("chebyshev_polynomial_u_cpu", &x, &n, polynomials::chebyshev_u)
    };

    /// Chebyshev's polynomial of the third kind of degree `n`.
    fn chebyshev_v "special.chebyshev_polynomial_v"(x: Operand, n: Operand) [] eval {
        polynomial("chebyshev_polynomial_v_cpu", &x, &n, polynomials::chebyshev_v)
    };

    /// Chebyshev's polynomial of the fourth kind of degree `n`.
    fn chebyshev_w "special.chebyshev_polynomial_w"(x: Operand, n: Operand) [] eval {
        polynomial("chebyshev_polynomial_w_cpu", &x, &n, polynomials::chebyshev_w)
    };

    /// Chebyshev's polynomial of the first kind, shifted to `[0, 1]`.
    fn shifted_chebyshev_t "special.shifted_chebyshev_polynomial_t"(x: Operand, n: Operand) [] eval {
        polynomial("shifted_chebyshev_polynomial_t_cpu", &x, &n, polynomials::shifted_chebyshev_t)
    };

    /// Chebyshev's polynomial of the second kind, shifted to `[0, 1]`.
    fn shifted_chebyshev_u "special.shifted_chebyshev_polynomial_u"(x: Operand, n: Operand) [] eval {
        polynomial("shifted_chebyshev_polynomial_u_cpu", &x, &n, polynomials::shifted_chebyshev_u)
    };

    /// Chebyshev's polynomial of the third kind, shifted to `[0, 1]`.
    fn shifted_chebyshev_v "special.shifted_chebyshev_polynomial_v"(x: Operand, n: Operand) [] eval {
        polynomial("shifted_chebyshev_polynomial_v_cpu", &x, &n, polynomials::shifted_chebyshev_v)
    };

    /// Chebyshev's polynomial of the fourth kind, shifted to `[0, 1]`.
    fn shifted_chebyshev_w "special.shifted_chebyshev_polynomial_w"(x: Operand, n: Operand) [] eval {
        polynomial("shifted_chebyshev_polynomial_w_cpu", &x, &n, polynomials::shifted_chebyshev_w)
    };

    /// The physicists' Hermite polynomial of degree `n`.
    fn hermite_h "special.hermite_polynomial_h"(x: Operand, n: Operand) [] eval {
        polynomial("hermite_polynomial_h_cpu", &x, &n, polynomials::hermite_h)
    };

    /// The probabilists' Hermite polynomial of degree `n`.
    fn hermite_he "special.hermite_polynomial_he"(x: Operand, n: Operand) [] eval {
        polynomial("hermite_polynomial_he_cpu", &x, &n, polynomials::hermite_he)
    };

    /// Laguerre's polynomial of degree `n`.
    fn laguerre_l "special.laguerre_polynomial_l"(x: Operand, n: Operand) [] eval {
        polynomial("laguerre_polynomial_l_cpu", &x, &n, polynomials::laguerre_l)
    };

    /// Legendre's polynomial of degree `n`.
    fn legendre_p "special.legendre_polynomial_p"(x: Operand, n: Operand) [] eval {
        polynomial("legendre_polynomial_p_cpu", &x, &n, polynomials::legendre_p)
    };
}
