//! PyTorch's type promotion among operands: tensors with dimensions first, then 0-dim tensors,
//! then Python numbers, each only where it belongs to a wider category.

use crate::dtype::DType;
use crate::state;
use crate::tensor::Tensor;

fn combine(higher: Option<DType>, lower: Option<DType>) -> Option<DType> {
    let (Some(h), Some(l)) = (higher, lower) else { return higher.or(lower) };
    Some(if h.is_complex() {
        h
    } else if h.is_floating_point() {
        if l.is_complex() { to_complex(h) } else { h }
    } else if h == DType::Bool || !l.is_integral() {
        h.promote(l)
    } else {
        h
    })
}

fn to_complex(d: DType) -> DType {
    d.to_complex()
}

/// The common dtype of operands: `torch.result_type`.
pub fn result_type(operands: &[&Tensor]) -> DType {
    // The usual case first.
    if let [a, b] = operands {
        if a.dtype() == b.dtype() && !a.0.wrapped && !b.0.wrapped {
            return a.dtype();
        }
    }
    let mut classes: [Option<DType>; 3] = [None; 3];
    for t in operands {
        let (class, dtype) = if t.0.wrapped {
            let d = t.dtype();
            let d = if d.is_complex() {
                state::default_dtype().to_complex()
            } else if d.is_floating_point() {
                state::default_dtype()
            } else {
                d
            };
            (2, d)
        } else {
            (usize::from(t.ndim() == 0), t.dtype())
        };
        classes[class] = Some(classes[class].map_or(dtype, |have| have.promote(dtype)));
    }
    combine(combine(classes[0], classes[1]), classes[2]).unwrap_or_else(state::default_dtype)
}

/// Integers become the default floating dtype.
pub fn float_type(dtype: DType) -> DType {
    if dtype.is_integral() { state::default_dtype() } else { dtype }
}
