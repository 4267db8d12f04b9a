//! The numeric loops: typed slices and strides in, numbers out.

pub mod complex;
pub mod conv;
pub mod copy;
pub mod elementwise;
pub mod error_function;
pub mod factor;
pub mod gamma;
pub mod gemm;
pub mod index;
pub mod norm;
pub mod order;
pub mod pool;
pub mod pack;
pub mod reduce;
pub mod simd;
pub mod tile;
pub mod remap;
pub mod resample;
