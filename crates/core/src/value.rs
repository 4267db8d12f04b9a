//! The arguments and results of ops: one type for every boundary (JavaScript, tape, Rust callers).

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Dims;
use crate::tensor::{Scalar, Tensor};

/// One argument or result.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// Left out.
    #[default]
    None,
    /// A tensor.
    Tensor(Tensor),
    /// A number.
    Scalar(Scalar),
    /// A list of integers.
    Ints(Dims),
    /// A list of floats.
    Floats(Vec<f64>),
    /// A list of tensors, any of which may be left out.
    Tensors(Vec<Option<Tensor>>),
    /// A word.
    Str(String),
    /// A dtype.
    DType(DType),
}

/// In a signature: a tensor, or a number in its place, each an overload of its own in PyTorch
/// (`Tensor other` and `Number other`).
pub type Operand = Tensor;

/// In a signature: a tensor, or silently a number, as `add`, `sub`, `mul` and `div` take it.
pub type AsTensor = Tensor;

/// In a signature: one float or a list of them, as `scale_factor` is.
#[derive(Clone, Debug, PartialEq)]
pub struct Floats(pub Vec<f64>);

/// In a signature: sizes of which some may be left out, as in `adaptive_avg_pool2d(x, (5, None))`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaybeDims(pub Dims);

/// In a signature: two lists of dimensions, as `tensordot(a, b, [[0, 1], [2, 0]])` has them; they
/// cross the boundary as one list that starts with the length of the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DimPair(pub Dims, pub Dims);

impl MaybeDims {
    /// What stands for a size that is left out.
    pub const NONE: i64 = i64::MIN;
}

/// Typed access to an argument.
pub trait FromValue: Sized {
    /// The argument in this type.
    fn from_value(value: &Value) -> Result<Self>;
}

fn mismatch<T>(value: &Value, want: &str) -> Result<T> {
    Err(mismatched(value, want))
}

// Apart, as are other errors: there is an argument in every line of the table.
#[cold]
#[inline(never)]
fn mismatched(value: &Value, want: &str) -> Error {
    Error::type_error(format!("argument must be {want}, not {}", value.kind()))
}

/// The arguments of an entry with so many parameters.
#[inline]
pub fn arguments<const N: usize>(values: &[Value]) -> Result<&[Value; N]> {
    values.first_chunk().ok_or_else(|| missing(N))
}

#[cold]
#[inline(never)]
fn missing(count: usize) -> Error {
    Error::type_error(format!("expected {count} arguments"))
}

impl Value {
    /// What Python would call its type.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Tensor(_) => "Tensor",
            Value::Scalar(Scalar::Bool(_)) => "bool",
            Value::Scalar(Scalar::Int(_)) => "int",
            Value::Scalar(Scalar::Float(_)) => "float",
            Value::Scalar(Scalar::Complex(_)) => "complex",
            Value::Ints(_) | Value::Floats(_) | Value::Tensors(_) => "list",
            Value::Str(_) => "str",
            Value::DType(_) => "torch.dtype",
        }
    }

    /// A short description for the last line of an error.
    pub fn brief(&self) -> Option<String> {
        Some(match self {
            Value::None => return None,
            Value::Tensor(t) => format!("{t:?}"),
            Value::Scalar(Scalar::Bool(b)) => b.to_string(),
            Value::Scalar(Scalar::Int(i)) => i.to_string(),
            Value::Scalar(Scalar::Float(x)) => format!("{x:?}"),
            Value::Scalar(Scalar::Complex(z)) => format!("({z})"),
            Value::Ints(d) => format!("{:?}", d.as_slice()),
            Value::Floats(l) => format!("{l:?}"),
            Value::Tensors(list) => {
                let parts: Vec<_> = list.iter().map(|t| format!("{t:?}")).collect();
                format!("[{}]", parts.join(", "))
            }
            Value::Str(s) => format!("'{s}'"),
            Value::DType(d) => format!("torch.{}", d.name()),
        })
    }

    /// The same with `f` of each tensor in its place.
    pub fn map_tensors(&self, mut f: impl FnMut(&Tensor) -> Result) -> Result<Value> {
        Ok(match self {
            Value::Tensor(t) => Value::Tensor(f(t)?),
            Value::Tensors(list) => {
                Value::Tensors(list.iter().map(|t| t.as_ref().map(&mut f).transpose()).collect::<Result<_>>()?)
            }
            other => other.clone(),
        })
    }

    /// The tensors inside.
    pub fn tensors(&self) -> impl Iterator<Item = &Tensor> {
        let (one, many) = match self {
            Value::Tensor(t) => (Some(t), &[][..]),
            Value::Tensors(list) => (None, &list[..]),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().flatten())
    }
}

impl Value {
    /// Whether it is or has a tensor to which gradients flow.
    #[inline]
    pub fn requires_grad(&self) -> bool {
        match self {
            Value::Tensor(t) => t.requires_grad(),
            Value::Tensors(list) => list.iter().flatten().any(Tensor::requires_grad),
            _ => false,
        }
    }

    /// Whether it is or has this very tensor.
    #[inline]
    pub fn holds(&self, t: &Tensor) -> bool {
        match self {
            Value::Tensor(own) => own.is(t),
            Value::Tensors(list) => list.iter().flatten().any(|own| own.is(t)),
            _ => false,
        }
    }
}

impl FromValue for Tensor {
    #[inline]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Tensor(t) => Ok(t.clone()),
            other => no_tensor(other),
        }
    }
}

#[inline(never)]
fn no_tensor(value: &Value) -> Result {
    match value {
        Value::Scalar(s) => Tensor::wrapped(*s),
        other => mismatch(other, "Tensor"),
    }
}

impl FromValue for Scalar {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Scalar(s) => Ok(*s),
            Value::Tensor(t) => t.scalar(),
            other => mismatch(other, "Number"),
        }
    }
}

impl FromValue for i64 {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Scalar(Scalar::Int(i)) => Ok(*i),
            Value::Scalar(Scalar::Float(x)) if x.fract() == 0.0 => Ok(*x as i64),
            Value::Scalar(Scalar::Bool(b)) => Ok(i64::from(*b)),
            other => mismatch(other, "int"),
        }
    }
}

impl FromValue for f64 {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        Scalar::from_value(value).map(Scalar::to_f64)
    }
}

impl FromValue for bool {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::None => Ok(false),
            Value::Scalar(s) => Ok(s.to()),
            other => mismatch(other, "bool"),
        }
    }
}

impl FromValue for String {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Str(s) => Ok(s.clone()),
            other => mismatch(other, "str"),
        }
    }
}

impl FromValue for DType {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::DType(d) => Ok(*d),
            other => mismatch(other, "torch.dtype"),
        }
    }
}

impl FromValue for Dims {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Ints(d) => Ok(d.clone()),
            Value::Tensors(list) if list.is_empty() => Ok(Dims::new()),
            one => i64::from_value(one).map(|i| Dims::from_elem(i, 1)),
        }
    }
}

impl FromValue for MaybeDims {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        Dims::from_value(value).map(MaybeDims)
    }
}

impl FromValue for DimPair {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        let all = Dims::from_value(value)?;
        match all.split_first() {
            Some((n, rest)) if (0..=rest.len() as i64).contains(n) => {
                let (a, b) = rest.split_at(*n as usize);
                Ok(DimPair(a.into(), b.into()))
            }
            _ => mismatch(value, "pair of lists of ints"),
        }
    }
}

impl FromValue for Floats {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        Ok(Floats(match value {
            Value::Floats(l) => l.clone(),
            Value::Ints(d) => d.iter().map(|i| *i as f64).collect(),
            one => vec![f64::from_value(one)?],
        }))
    }
}

impl FromValue for Vec<Option<Tensor>> {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Tensors(list) => Ok(list.clone()),
            Value::Ints(d) if d.is_empty() => Ok(Vec::new()),
            other => mismatch(other, "tuple of Tensors"),
        }
    }
}

impl FromValue for Vec<Tensor> {
    #[inline(never)]
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::Tensors(list) => Ok(list.iter().flatten().cloned().collect()),
            Value::Ints(d) if d.is_empty() => Ok(Vec::new()),
            other => mismatch(other, "tuple of Tensors"),
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    fn from_value(value: &Value) -> Result<Self> {
        match value {
            Value::None => Ok(None),
            other => T::from_value(other).map(Some),
        }
    }
}

/// Anything that Rust callers may pass to an op: tensors, numbers, and the result of another op.
pub trait Arg {
    /// It as a value, or the error it carries.
    fn arg(self) -> Result<Value>;
}

macro_rules! args {
    ($($t:ty: |$x:ident| $e:expr;)*) => { $(
        impl Arg for $t { fn arg(self) -> Result<Value> { let $x = self; Ok($e) } }
    )* };
}
args! {
    Value: |v| v;
    Tensor: |t| Value::Tensor(t);
    &Tensor: |t| Value::Tensor(t.clone());
    &Option<Tensor>: |t| t.clone().map_or(Value::None, Value::Tensor);
    Scalar: |s| Value::Scalar(s);
    f64: |x| Value::Scalar(Scalar::Float(x));
    i64: |i| Value::Scalar(Scalar::Int(i));
    bool: |b| Value::Scalar(Scalar::Bool(b));
    DType: |d| Value::DType(d);
    Option<DType>: |d| d.map_or(Value::None, Value::DType);
    Option<Dims>: |d| d.map_or(Value::None, Value::Ints);
    Option<i64>: |i| i.map_or(Value::None, |i| Value::Scalar(Scalar::Int(i)));
    &[i64]: |d| Value::Ints(d.into());
    &Dims: |d| Value::Ints(d.clone());
    &Floats: |l| Value::Floats(l.0.clone());
    &Option<Floats>: |l| l.as_ref().map_or(Value::None, |l| Value::Floats(l.0.clone()));
    &MaybeDims: |d| Value::Ints(d.0.clone());
    Option<f64>: |x| x.map_or(Value::None, |x| Value::Scalar(Scalar::Float(x)));
    &String: |s| Value::Str(s.clone());
    Dims: |d| Value::Ints(d);
    &str: |s| Value::Str(s.to_string());
    (): |_u| Value::None;
    Vec<Option<Tensor>>: |l| Value::Tensors(l);
    Vec<Tensor>: |l| Value::Tensors(l.into_iter().map(Some).collect());
}
impl Arg for Result {
    fn arg(self) -> Result<Value> {
        self.map(Value::Tensor)
    }
}
impl Arg for &Result {
    fn arg(self) -> Result<Value> {
        self.clone().map(Value::Tensor)
    }
}
impl<const N: usize> Arg for [i64; N] {
    fn arg(self) -> Result<Value> {
        Ok(Value::Ints(Dims::from_slice(&self)))
    }
}

/// What may stand left of the dot: a tensor, or the result of another op, whose error flows on.
pub trait Receiver {
    /// It as a value.
    fn value(&self) -> Result<Value>;
}
impl Receiver for Tensor {
    fn value(&self) -> Result<Value> {
        Ok(Value::Tensor(self.clone()))
    }
}
impl Receiver for Result {
    fn value(&self) -> Result<Value> {
        self.clone().map(Value::Tensor)
    }
}

/// The tensor that a call gives.
#[inline(never)]
pub fn given(called: Result<Value>) -> Result {
    first(called?)
}

/// The only, or the first, tensor of a result.
pub fn first(value: Value) -> Result {
    match value {
        Value::Tensor(t) => Ok(t),
        Value::Tensors(mut list) if !list.is_empty() => {
            list.swap_remove(0).ok_or_else(|| Error::runtime("undefined result"))
        }
        Value::Scalar(s) => Tensor::wrapped(s),
        other => mismatch(&other, "Tensor"),
    }
}
