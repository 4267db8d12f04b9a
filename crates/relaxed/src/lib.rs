//! Matrix products, squares of convolutions, loops over rows and elementary functions with WebAssembly's relaxed multiply-add.
//!
//! A crate of its own, and never linked with cross-crate optimisation: LLVM gives every function of
//! a unit the features of all, and with relaxed-simd it also turns minima and maxima into their
//! relaxed forms, which lose NaN.

#![cfg(target_arch = "wasm32")]

use cresset_core::kernels::simd::{Exact, F32x4, F64x2, Lane, MulAdd};
use cresset_core::kernels::{functions, gemm, rows, winograd};
use cresset_core::{elementary_functions, filtering_squares, gemm_kernel, row_loops};
use std::arch::wasm32::{f32x4_relaxed_madd, f32x4_relaxed_nmadd, f64x2_relaxed_madd};
use std::hint::black_box;

/// One rounding where the processor can.
struct Fused;

impl MulAdd<F32x4> for Fused {
    #[inline(always)]
    fn mul_add(a: F32x4, b: F32x4, c: F32x4) -> F32x4 {
        F32x4(f32x4_relaxed_madd(a.0, b.0, c.0))
    }
}
impl MulAdd<F64x2> for Fused {
    #[inline(always)]
    fn mul_add(a: F64x2, b: F64x2, c: F64x2) -> F64x2 {
        F64x2(f64x2_relaxed_madd(a.0, b.0, c.0))
    }
}
impl Exact<F32x4> for Fused {
    const ONCE: bool = true;
    #[inline(always)]
    fn excess(p: F32x4, a: F32x4, b: F32x4) -> F32x4 {
        F32x4(f32x4_relaxed_nmadd(a.0, b.0, p.0))
    }
}

/// Whether the processor rounds once: the engine may do as it likes.
#[target_feature(enable = "relaxed-simd")]
unsafe fn fuses() -> bool {
    let x = black_box(F32x4::splat(1.0 + f32::EPSILON));
    Fused::excess(x.mul(x), x, x).sum() != 0.0
}

/// Puts these loops in place of the plain ones; functions that rely on one rounding, where there is one.
pub fn install() {
    gemm::install(
        gemm_kernel!(#[target_feature(enable = "relaxed-simd")] F32x4, Fused, 6, 4),
        gemm_kernel!(#[target_feature(enable = "relaxed-simd")] F64x2, Fused, 6, 4),
    );
    winograd::install(filtering_squares!(#[target_feature(enable = "relaxed-simd")] Fused));
    rows::install(row_loops!(#[target_feature(enable = "relaxed-simd")] F32x4, Fused, f32));
    // SAFETY: a module with relaxed instructions runs where they are known.
    if unsafe { fuses() } {
        functions::install(elementary_functions!(#[target_feature(enable = "relaxed-simd")] Fused));
    }
}
