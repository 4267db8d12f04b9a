//! The numeric loops: typed slices and strides in, numbers out.

pub mod conv;
pub mod complex;
pub mod copy;
pub mod elementwise;
pub mod error_function;
pub mod factor;
pub mod gamma;
pub mod gemm;
pub mod norm;
pub mod pool;
pub mod reduce;
pub mod remap;
