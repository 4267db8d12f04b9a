//! PyTorch's type promotion among operands: tensors with dimensions first, then 0-dim tensors,
//! then Python numbers, each only where it belongs to a wider category.

use crate::dtype::{Convert, DType};
use crate::error::{Error, Result};
use crate::state;
use crate::tensor::{Scalar, Tensor};

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

/// An operand as `dtype` holds it: a number of a wider type wraps or rounds before the op sees it.
pub fn held(t: &Tensor, dtype: DType) -> Result {
    // Where the type computed in is the dtype itself, the loop's own conversion does it.
    let exact = dtype == dtype.compute() || t.dtype().promote(dtype) == dtype;
    if exact { Ok(t.detached_weak()) } else { t.copied(dtype) }
}

/// Two operands as their common dtype holds them, and that dtype.
pub fn common(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor, DType)> {
    let dtype = result_type(&[a, b]);
    Ok((held(a, dtype)?, held(b, dtype)?, dtype))
}

/// The number in the type that `dtype` is computed in; an error where `dtype` cannot hold it.
pub fn fitted<T>(value: Scalar, dtype: DType) -> Result<T>
where
    bool: Convert<T>,
    i64: Convert<T>,
    f64: Convert<T>,
    num_complex::Complex<f64>: Convert<T>,
{
    let (least, most) = match dtype {
        DType::Bool => (0.0, 1.0),
        // Negative numbers may wrap.
        DType::UInt8 => (-255.0, 255.0),
        d if d.is_integral() => {
            let half = 2f64.powi(8 * d.itemsize() as i32 - 1);
            (-half, half - 1.0)
        }
        DType::Float16 => (-65504.0, 65504.0),
        DType::BFloat16 => (f64::from(half::bf16::MIN), f64::from(half::bf16::MAX)),
        DType::Float32 | DType::Complex64 => (f64::from(f32::MIN), f64::from(f32::MAX)),
        _ => (f64::MIN, f64::MAX),
    };
    let fits = match value {
        Scalar::Bool(_) => true,
        Scalar::Int(_) if dtype == DType::Int64 => true,
        Scalar::Int(i) => dtype == DType::Bool || (least..=most).contains(&(i as f64)),
        Scalar::Float(x) if !x.is_finite() => !dtype.is_integral() || dtype == DType::Bool,
        Scalar::Float(x) => dtype == DType::Bool || (least..=most).contains(&x),
        Scalar::Complex(_) if dtype == DType::Bool => true,
        Scalar::Complex(z) => (dtype.is_complex() || z.im == 0.0)
            && [z.re, z.im].iter().all(|x| (least..=most).contains(x) || !x.is_finite() && !dtype.is_integral()),
    };
    if fits { Ok(value.to()) } else { Err(Error::overflow(dtype)) }
}

/// The number as a tensor without dimensions; an error where `dtype` cannot hold it.
pub fn scalar_tensor(value: Scalar, dtype: DType) -> Result {
    crate::dispatch!(dtype, T => Tensor::from_slice(&[fitted::<T>(value, dtype)?], &[]))
}

impl Tensor {
    /// The same values without history, still weak in promotion if it was.
    pub(crate) fn detached_weak(&self) -> Tensor {
        if self.0.wrapped || !self.requires_grad() { self.clone() } else { self.detached() }
    }
}
