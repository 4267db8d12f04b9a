//! Arguments and results as they lie in the shared buffer: one 8-byte head each (tag, count or
//! handle), then what the tag says, padded to 8 bytes. `ts/src/call.ts` is the other side.

use crate::handles;
use cresset_core::dtype::DType;
use cresset_core::error::{Error, Result};
use cresset_core::layout::Dims;
use cresset_core::tensor::Scalar;
use cresset_core::value::Value;
use num_complex::Complex;

const NONE: u32 = 0;
const TENSOR: u32 = 1;
const FLOAT: u32 = 2;
const INT: u32 = 3;
const BOOL: u32 = 4;
const INTS: u32 = 5;
const TENSORS: u32 = 6;
const STR: u32 = 7;
const DTYPE: u32 = 8;
const COMPLEX: u32 = 9;
const FLOATS: u32 = 10;

/// Reads the buffer from its start.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let part = self.bytes.get(self.at..self.at + N).and_then(|s| s.try_into().ok());
        self.at += N;
        part.ok_or_else(|| Error::runtime("arguments end too early"))
    }

    fn word(&mut self) -> Result<u32> {
        self.take().map(u32::from_le_bytes)
    }

    /// The next value.
    pub fn value(&mut self) -> Result<Value> {
        let (tag, n) = (self.word()?, self.word()?);
        Ok(match tag {
            NONE => Value::None,
            TENSOR => Value::Tensor(handles::get(n)?),
            FLOAT => Value::Scalar(Scalar::Float(f64::from_le_bytes(self.take()?))),
            INT => Value::Scalar(Scalar::Int(i64::from_le_bytes(self.take()?))),
            BOOL => Value::Scalar(Scalar::Bool(n != 0)),
            INTS => Value::Ints((0..n).map(|_| self.take().map(i64::from_le_bytes)).collect::<Result<Dims>>()?),
            FLOATS => Value::Floats((0..n).map(|_| self.take().map(f64::from_le_bytes)).collect::<Result<Vec<f64>>>()?),
            TENSORS => {
                let list = (0..n).map(|_| match self.word()? {
                    u32::MAX => Ok(None),
                    h => handles::get(h).map(Some),
                }).collect::<Result<Vec<_>>>()?;
                self.at = self.at.next_multiple_of(8);
                Value::Tensors(list)
            }
            STR => {
                let s = self.bytes.get(self.at..self.at + n as usize);
                let s = s.ok_or_else(|| Error::runtime("arguments end too early"))?;
                self.at = (self.at + n as usize).next_multiple_of(8);
                Value::Str(String::from_utf8_lossy(s).into_owned())
            }
            DTYPE => Value::DType(DType::from_index(n as usize).ok_or_else(|| Error::type_error("unknown dtype"))?),
            COMPLEX => Value::Scalar(Scalar::Complex(Complex::new(f64::from_le_bytes(self.take()?), f64::from_le_bytes(self.take()?)))),
            _ => return Err(Error::runtime("unknown argument tag")),
        })
    }

    /// The next `count` values.
    pub fn values(&mut self, count: u32) -> Result<Vec<Value>> {
        (0..count).map(|_| self.value()).collect()
    }
}

/// Writes a result; its tensors become handles.
pub fn write(value: Value, to: &mut Vec<u8>) {
    let mut head = |tag: u32, n: u32| {
        to.extend(tag.to_le_bytes());
        to.extend(n.to_le_bytes());
    };
    match value {
        Value::Tensor(t) => head(TENSOR, handles::put(t)),
        Value::Scalar(Scalar::Bool(b)) => head(BOOL, u32::from(b)),
        Value::Scalar(Scalar::Int(i)) => {
            head(INT, 0);
            to.extend(i.to_le_bytes());
        }
        Value::Scalar(Scalar::Float(x)) => {
            head(FLOAT, 0);
            to.extend(x.to_le_bytes());
        }
        Value::Scalar(Scalar::Complex(z)) => {
            head(COMPLEX, 0);
            to.extend(z.re.to_le_bytes());
            to.extend(z.im.to_le_bytes());
        }
        Value::Tensors(list) => {
            head(TENSORS, list.len() as u32);
            for t in list {
                to.extend(t.map_or(u32::MAX, handles::put).to_le_bytes());
            }
        }
        Value::Ints(d) => {
            head(INTS, d.len() as u32);
            for i in d {
                to.extend(i.to_le_bytes());
            }
        }
        Value::Floats(l) => {
            head(FLOATS, l.len() as u32);
            for x in l {
                to.extend(x.to_le_bytes());
            }
        }
        Value::DType(d) => head(DTYPE, d as u32),
        Value::Str(_) | Value::None => head(NONE, 0),
    }
}
