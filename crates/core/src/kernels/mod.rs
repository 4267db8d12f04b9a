//! The numeric loops: typed slices and strides in, numbers out.

pub mod conv;
pub mod copy;
pub mod elementwise;
pub mod gemm;
pub mod reduce;
pub mod remap;
