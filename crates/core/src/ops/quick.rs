//! The quick way of entries: the loop over a few float32 numbers that lie one after the other, or
//! another kernel, straight from the arguments. There the time is that of what stands around a loop (arguments
//! in their types, promotion, broadcasting, conversion of the result), of which nothing is needed.
//!
//! An entry takes part by a word before its formulas, `quick (quick_zip!(|x, y| x + y))`. The body must
//! give the same on such arguments, with what follows the operands left out or one.

use crate::dtype::DType;
use crate::tensor::{Scalar, Tensor};
use crate::value::Value;

/// More numbers than this go the usual way, whose loops may be better than the plain ones here.
const FEW: usize = 1 << 12;

/// The loop of an entry.
#[derive(Clone, Copy)]
pub enum Quick {
    /// Of one operand.
    Map(fn(&[f32], &mut [f32])),
    /// Of two; either may be one number for all.
    Zip(Zip),
    /// Not elementwise: of two tensors or one, None where the quick way is not for them.
    Other(fn(&Tensor, Option<&Tensor>) -> Option<Tensor>),
}

type Zip = fn(&[f32], &[f32], &mut [f32]);

/// `Quick` for an expression of one number.
#[macro_export]
macro_rules! quick_map {
    (|$x:ident| $e:expr) => {
        $crate::ops::quick::Quick::Map(|x, out| $crate::kernels::elementwise::each(x, out, &|$x: f32| -> f32 { $e }))
    };
}

/// `Quick` for an expression of two numbers.
#[macro_export]
macro_rules! quick_zip {
    (|$x:ident, $y:ident| $e:expr) => {
        $crate::ops::quick::Quick::Zip(|x, y, out| {
            use $crate::kernels::elementwise::{pairs, with_number};
            match (x, y) {
                (x, [y]) => with_number(x, *y, out, &|$x: f32, $y: f32| -> f32 { $e }),
                ([x], y) => with_number(y, *x, out, &|$y: f32, $x: f32| -> f32 { $e }),
                (x, y) => pairs(x, y, out, &|$x: f32, $y: f32| -> f32 { $e }),
            }
        })
    };
}

/// The elements of a tensor, if the quick way is for it.
#[inline]
pub(crate) fn few(t: &Tensor) -> Option<&[f32]> {
    let plain = t.dtype() == DType::Float32 && t.is_contiguous() && t.numel() <= FEW;
    plain.then(|| t.data())
}

/// Whether both have these sizes.
#[inline]
pub(crate) fn is_same(a: &[i64], b: &[i64]) -> bool {
    // A loop: the comparison of slices is a call.
    a.len() == b.len() && a.iter().zip(b).all(|(p, q)| p == q)
}

/// A number that is rounded to float32 and nothing else.
fn real(number: Scalar) -> Option<f32> {
    match number {
        Scalar::Int(i) => Some(i as f32),
        Scalar::Float(x) => Some(x as f32),
        Scalar::Bool(_) | Scalar::Complex(_) => None,
    }
}

/// What follows the operands where nobody says anything.
fn is_usual(arg: &Value) -> bool {
    matches!(arg, Value::None | Value::Scalar(Scalar::Int(1)))
}

impl Quick {
    /// The result of an entry for these arguments, if the quick way is for them.
    pub(crate) fn run(self, args: &[Value]) -> Option<Tensor> {
        let (first, rest) = args.split_first()?;
        let Value::Tensor(a) = first else { return None };
        match rest {
            [Value::Tensor(b), rest @ ..] if rest.iter().all(is_usual) => self.of(a, Some(b)),
            [Value::Scalar(s), rest @ ..] if rest.iter().all(is_usual) => self.with_number(a, *s),
            rest if rest.iter().all(|arg| matches!(arg, Value::None)) => self.of(a, None),
            _ => None,
        }
    }

    /// The same for these operands, where nothing else is said.
    #[inline]
    pub(crate) fn of(self, a: &Tensor, b: Option<&Tensor>) -> Option<Tensor> {
        match (self, b) {
            (Quick::Zip(f), Some(b)) if !b.0.wrapped && is_same(a.sizes(), b.sizes()) => {
                zipped(f, few(a)?, few(b)?, a)
            }
            (Quick::Zip(f), Some(b)) => zip_with_one(f, a, b),
            (Quick::Map(f), None) => {
                let x = few(a)?;
                let out = a.empty_alike()?;
                f(x, out.data_mut());
                Some(out)
            }
            (Quick::Other(f), b) => f(a, b),
            _ => None,
        }
    }

    /// The same for a tensor and a number.
    pub(crate) fn with_number(self, a: &Tensor, number: Scalar) -> Option<Tensor> {
        let Quick::Zip(f) = self else { return None };
        zipped(f, few(a)?, &[real(number)?], a)
    }
}

/// A new tensor like `shape`, filled from two operands.
#[inline]
fn zipped(f: Zip, x: &[f32], y: &[f32], shape: &Tensor) -> Option<Tensor> {
    let out = shape.empty_alike()?;
    f(x, y, out.data_mut());
    Some(out)
}

/// For two tensors, one of which is a number for all elements of the other.
fn zip_with_one(f: Zip, a: &Tensor, b: &Tensor) -> Option<Tensor> {
    let number;
    let (y, shape) = if b.0.wrapped {
        number = [real(b.scalar().ok()?)?];
        (&number[..], a)
    } else if b.ndim() == 0 {
        (few(b)?, a)
    } else if a.ndim() == 0 {
        (few(b)?, b)
    } else {
        return None;
    };
    zipped(f, few(a)?, y, shape)
}
