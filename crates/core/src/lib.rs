//! Tensors and reverse-mode automatic differentiation with PyTorch's names and numbers.

#[macro_use]
mod dims;

pub mod autograd;
pub mod batch;
pub mod dtype;
pub mod error;
pub mod kernels;
pub mod kinds;
pub mod layout;
pub mod ops;
pub mod parallel;
pub mod print;
pub mod profile;
pub mod random;
mod spares;
pub mod state;
pub mod storage;
#[macro_use]
pub mod table;
pub mod tensor;
pub mod value;
