//! Modes of the thread: whether ops are recorded, inference mode, the default dtype; and warnings.

use crate::dtype::DType;
use std::cell::Cell;

thread_local! {
    static GRAD: Cell<bool> = const { Cell::new(true) };
    static INFERENCE: Cell<bool> = const { Cell::new(false) };
    static TRANSFORMS: Cell<u32> = const { Cell::new(0) };
    static LEVELS: Cell<u32> = const { Cell::new(0) };
    static WARN: Cell<fn(&str)> = const { Cell::new(|message| eprintln!("{message}")) };
    static DEFAULT: Cell<DType> = const { Cell::new(DType::Float32) };
}

/// Whether ops are recorded.
#[inline]
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

/// Whether new tensors are unknown to autograd.
#[inline]
pub fn inference_mode() -> bool {
    INFERENCE.get()
}

/// Switches inference mode, and recording with it; returns both as they were, for `restore`.
pub fn set_inference_mode(on: bool) -> (bool, bool) {
    (INFERENCE.replace(on), GRAD.replace(!on))
}

/// Ends what `set_inference_mode` began.
pub fn restore((inference, grad): (bool, bool)) {
    INFERENCE.set(inference);
    GRAD.set(grad);
}

/// Whether a tensor may carry a tangent or stand for a batch: a level of forward mode or vmap is open,
/// or there still are tensors of one.
#[inline]
pub fn transforming() -> bool {
    TRANSFORMS.get() != 0
}

/// Whether a level of forward mode or vmap is open.
pub fn inside_level() -> bool {
    LEVELS.get() != 0
}

/// Whether nothing looks at what is done with data: ops are not recorded, and no tensor is more than
/// its elements.
pub fn unobserved() -> bool {
    !grad_enabled() && !inside_level()
}

/// A level of forward mode or vmap begins.
pub(crate) fn begin_level() {
    LEVELS.set(LEVELS.get() + 1);
    begin_transform();
}

/// It ends.
pub(crate) fn end_level() {
    LEVELS.set(LEVELS.get() - 1);
    end_transform();
}

/// From now on the door looks at what it is given.
pub(crate) fn begin_transform() {
    TRANSFORMS.set(TRANSFORMS.get() + 1);
}

/// Ends what `begin_transform` began.
pub(crate) fn end_transform() {
    TRANSFORMS.set(TRANSFORMS.get() - 1);
}

/// Tells the user something that is no error.
pub fn warn(message: &str) {
    WARN.get()(message);
}

/// Sets where warnings go; without it, to the standard error.
pub fn set_warn(to: fn(&str)) {
    WARN.set(to);
}

/// The dtype of floats that name none.
pub fn default_dtype() -> DType {
    DEFAULT.get()
}

/// Changes it.
pub fn set_default_dtype(dtype: DType) {
    DEFAULT.set(dtype);
}
