//! Modes of the thread: whether ops are recorded, the default dtype, the default generator.

use crate::dtype::DType;
use std::cell::Cell;

thread_local! {
    static GRAD: Cell<bool> = const { Cell::new(true) };
    static DEFAULT: Cell<DType> = const { Cell::new(DType::Float32) };
}

/// Whether ops are recorded.
pub fn grad_enabled() -> bool {
    GRAD.get()
}

/// Switches recording; returns what it was.
pub fn set_grad_enabled(on: bool) -> bool {
    GRAD.replace(on)
}

/// Runs `f` with recording on or off.
pub fn with_grad<T>(on: bool, f: impl FnOnce() -> T) -> T {
    let old = GRAD.replace(on);
    let out = f();
    GRAD.set(old);
    out
}

/// The dtype of floats that name none.
pub fn default_dtype() -> DType {
    DEFAULT.get()
}

/// Changes it.
pub fn set_default_dtype(dtype: DType) {
    DEFAULT.set(dtype);
}
