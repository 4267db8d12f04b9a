//! Sums of gradients: in the buffers of a pass, and in the `grad` of leaves.

use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::state;
use crate::tensor::Tensor;
use std::rc::Rc;

/// Adds a gradient to a buffer; in place where nobody else sees its memory.
pub(super) fn add_into(into: &mut Option<Tensor>, grad: Tensor) -> Result<()> {
    let Some(have) = into.take() else {
        *into = Some(grad);
        return Ok(());
    };
    let alone = Rc::strong_count(&have.0) == 1 && Rc::strong_count(&have.0.storage) == 1 && !state::transforming();
    *into = Some(if alone && !state::grad_enabled() && add_in_place(&have, &grad) {
        have
    } else {
        crate::ops::add(&have, &grad)?
    });
    Ok(())
}

/// Adds to the elements of `have`, if both are of one kind that can be.
fn add_in_place(have: &Tensor, grad: &Tensor) -> bool {
    use crate::dtype::DType;
    if have.dtype() != grad.dtype() || have.sizes() != grad.sizes() || !have.is_contiguous() || !grad.is_contiguous() {
        return false;
    }
    match have.dtype() {
        DType::Float32 => have.data_mut::<f32>().iter_mut().zip(grad.data::<f32>()).for_each(|(h, g)| *h += g),
        DType::Float64 => have.data_mut::<f64>().iter_mut().zip(grad.data::<f64>()).for_each(|(h, g)| *h += g),
        _ => return false,
    }
    true
}

/// Whether a gradient lies as that of `leaf` should: like the leaf, if that is dense, else row-major.
fn fits_layout(grad: &Tensor, leaf: &Tensor) -> bool {
    if !leaf.layout().is_dense() {
        return grad.is_contiguous();
    }
    let l = leaf.layout();
    l.sizes.iter().zip(&l.strides).zip(grad.strides()).all(|((n, a), b)| *n == 1 || a == b)
}

/// Adds a gradient to a leaf: in place, so that who holds `grad` sees it, except when the pass is
/// itself recorded. The first one is taken as it is, where nobody else holds it.
pub(super) fn accumulate(leaf: &Tensor, grad: Tensor, recorded: bool) -> Result<()> {
    let next = match leaf.grad() {
        None => {
            let free = !recorded && !state::transforming() && Rc::strong_count(&grad.0) == 1;
            // A view holds its base, which may be nobody else's.
            let grad = if free && grad.has_ties() { grad.detached() } else { grad };
            let number = || if recorded || state::transforming() || !leaf.is_contiguous() { None } else { grad.number_everywhere() };
            if free && Rc::strong_count(&grad.0.storage) == 1 && fits_layout(&grad, leaf) {
                grad
            } else if let Some(number) = number() {
                Tensor::full(leaf.sizes(), number, grad.dtype())?
            } else if leaf.layout().is_dense() {
                let room = Tensor::empty_strided(leaf.sizes(), leaf.strides(), grad.dtype())?;
                super::inplace::write_to(&room, &grad)?;
                room
            } else {
                crate::ops::clone(&grad)?
            }
        }
        Some(have) if recorded => crate::ops::add(&have, &grad)?,
        Some(have) => {
            if !state::transforming() && add_in_place(&have, &grad) {
                have.bump_version();
            } else {
                super::inplace::write_to(&have, &crate::ops::add(&have, &grad)?)?;
            }
            return Ok(());
        }
    };
    leaf.set_grad(Some(next));
    Ok(())
}

impl Layout {
    /// Whether its elements fill a block without gaps or overlaps, in whatever order.
    pub fn is_dense(&self) -> bool {
        if self.is_contiguous() {
            return true;
        }
        let mut dims: Vec<(i64, i64)> =
            self.strides.iter().copied().zip(self.sizes.iter().copied()).filter(|d| d.1 != 1).collect();
        dims.sort_unstable();
        let mut expected = 1;
        dims.iter().all(|(s, n)| {
            let fits = *s == expected;
            expected *= n;
            fits
        })
    }
}

impl Tensor {
    /// Sets or clears `grad`, as an assignment does.
    pub fn assign_grad(&self, grad: Option<Tensor>) -> Result<()> {
        if let Some(grad) = &grad {
            if grad.is(self) {
                return Err(Error::runtime("can't assign Variable as its own grad"));
            }
            if grad.dtype() != self.dtype() {
                return Err(Error::runtime(format!(
                    "attempting to assign a gradient with dtype '{}' to a tensor with grad_dtype '{}'. The gradient must \
                     match the tensor's grad_dtype (defaults to the tensor's dtype). You can set the tensor's grad_dtype \
                     attribute with a specific dtype, or None to allow any dtype. Set grad_dtype with caution. Diverging \
                     the dtypes of a tensor and its gradient may break downstream systems that assume they match.",
                    grad.dtype().cpp_name(),
                    self.dtype().scalar_type()
                )));
            }
            if grad.sizes() != self.sizes() {
                return Err(Error::runtime(format!(
                    "attempting to assign a gradient of size '{:?}' to a tensor of size '{:?}'. Please ensure that the \
                     gradient and the tensor are the same size",
                    grad.sizes(),
                    self.sizes()
                )));
            }
        }
        self.set_grad(grad);
        Ok(())
    }
}
