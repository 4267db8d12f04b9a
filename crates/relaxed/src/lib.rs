//! Matrix products and elementary functions with WebAssembly's relaxed multiply-add.
//!
//! A crate of its own, and never linked with cross-crate optimisation: LLVM gives every function of
//! a unit the features of all, and with relaxed-simd it also turns minima and maxima into their
//! relaxed forms, which lose NaN.

#![cfg(target_arch = "wasm32")]

use cresset_core::kernels::{functions, gemm, winograd};
use cresset_core::{elementary_functions, filtering_squares, gemm_kernel};
use cresset_core::kernels::simd::{F32x4, F64x2, MulAdd};
use std::arch::wasm32::{f32x4_relaxed_madd, f64x2_relaxed_madd};

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

/// Puts these loops in place of the plain ones.
pub fn install() {
    gemm::install(
        gemm_kernel!(#[target_feature(enable = "relaxed-simd")] F32x4, Fused, 6, 4),
        gemm_kernel!(#[target_feature(enable = "relaxed-simd")] F64x2, Fused, 6, 4),
    );
    winograd::install(filtering_squares!(#[target_feature(enable = "relaxed-simd")] Fused));
    functions::install(elementary_functions!(#[target_feature(enable = "relaxed-simd")] Fused));
}
