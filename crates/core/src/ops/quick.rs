//! The quick way of entries: the loop over a few float32 numbers that lie one after the other, or
//! another kernel, straight from the arguments. There the time is that of what stands around a loop (arguments
//! in their types, promotion, broadcasting, conversion of the result), of which nothing is needed.
//!
//! An entry takes part by a word before its formulas, `quick (quick_zip!(|x, y| x + y))`. The body must
//! give the same on such arguments, with what follows the operands left out or one.

use crate::dtype::DType;
use crate::error::Result;
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
    Zip(fn(&[f32], &[f32], &mut [f32])),
    /// Not elementwise: of two tensors or one, None where the quick way is not for them.
    Other(fn(&Tensor, Option<&Tensor>) -> Option<Result>),
}

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
pub(crate) fn few(t: &Tensor) -> Option<&[f32]> {
    let plain = t.dtype() == DType::Float32 && t.is_contiguous() && t.numel() <= FEW;
    plain.then(|| t.data())
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

/// The second of two operands.
#[derive(Clone, Copy)]
pub enum Second<'a> {
    /// A tensor.
    Tensor(&'a Tensor),
    /// A number.
    Number(Scalar),
}

impl Second<'_> {
    /// Whether gradients flow to it.
    pub(crate) fn requires_grad(self) -> bool {
        matches!(self, Second::Tensor(t) if t.requires_grad())
    }
}

impl Quick {
    /// The result of an entry for these arguments, if the quick way is for them.
    pub(crate) fn run(self, args: &[Value]) -> Option<Result> {
        let (first, rest) = args.split_first()?;
        let Value::Tensor(a) = first else { return None };
        let (b, rest) = match rest {
            [Value::Tensor(b), rest @ ..] => (Some(Second::Tensor(b)), rest),
            [Value::Scalar(s), rest @ ..] => (Some(Second::Number(*s)), rest),
            [] => (None, rest),
            _ => return None,
        };
        if rest.iter().all(is_usual) { self.of(a, b) } else { None }
    }

    /// The same for these operands, where nothing else is said.
    pub(crate) fn of(self, a: &Tensor, b: Option<Second>) -> Option<Result> {
        if let Quick::Other(f) = self {
            return match b {
                None => f(a, None),
                Some(Second::Tensor(b)) => f(a, Some(b)),
                Some(Second::Number(_)) => None,
            };
        }
        let x = few(a)?;
        match (self, b) {
            (Quick::Map(f), None) => Some(a.empty_alike().map(|out| {
                f(x, out.data_mut());
                out
            })),
            (Quick::Zip(f), Some(b)) => {
                let number;
                let (y, shape) = match b {
                    Second::Tensor(b) if b.0.wrapped => {
                        number = [real(b.scalar().ok()?)?];
                        (&number[..], a)
                    }
                    Second::Tensor(b) if b.sizes() == a.sizes() || b.ndim() == 0 => (few(b)?, a),
                    Second::Tensor(b) if a.ndim() == 0 => (few(b)?, b),
                    Second::Tensor(_) => return None,
                    Second::Number(s) => {
                        number = [real(s)?];
                        (&number[..], a)
                    }
                };
                Some(shape.empty_alike().map(|out| {
                    f(x, y, out.data_mut());
                    out
                }))
            }
            _ => None,
        }
    }
}
