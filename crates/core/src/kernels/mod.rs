//! The numeric loops: typed slices and strides in, numbers out.

pub mod bessel;
pub mod columns;
pub mod complex;
pub mod conv;
pub mod copy;
pub mod eigen;
pub mod elementwise;
pub mod error_function;
pub mod factor;
pub mod fft;
pub mod four;
pub mod functions;
pub mod gamma;
pub mod gemm;
pub mod index;
pub mod norm;
pub mod order;
pub mod pack;
pub mod patches;
pub mod polynomials;
pub mod pool;
pub mod reduce;
pub mod remap;
pub mod resample;
pub mod simd;
pub mod tile;
