//! Arguments and results as they lie in the shared buffer: an 8-byte head each (tag; count or
//! handle), then what the tag says, padded to 8 bytes. `ts/src/buffer.ts` is the other side.

use crate::handles;
use cresset_core::dtype::DType;
use cresset_core::error::{Error, Result};
use cresset_core::layout::Dims;
use cresset_core::tensor::{Scalar, Tensor};
use cresset_core::value::Value;
use num_complex::Complex;
use smallvec::SmallVec;
use std::cell::Cell;

const NONE: i32 = 0;
const TENSOR: i32 = 1;
const FLOAT: i32 = 2;
const INT: i32 = 3;
const BOOL: i32 = 4;
const INTS: i32 = 5;
const TENSORS: i32 = 6;
const STR: i32 = 7;
const DTYPE: i32 = 8;
const COMPLEX: i32 = 9;
const FLOATS: i32 = 10;

/// The arguments of one call: few ops have more, and those go to the heap.
pub type Values = SmallVec<[Value; 6]>;

/// The memory that both sides write to, in units of 8 bytes. JavaScript learns its address from
/// `reserve`; it is never read while it is written, for no op calls back before its arguments are
/// read or after its results are written.
struct Buffer {
    ptr: Cell<*mut u64>,
    len: Cell<usize>,
}

thread_local! {
    static BUFFER: Buffer = const { Buffer { ptr: Cell::new(std::ptr::null_mut()), len: Cell::new(0) } };
}

/// The buffer's address, after it has been given room for `bytes`, its contents kept.
pub fn reserve(bytes: usize) -> *mut u64 {
    let units = bytes.div_ceil(8);
    BUFFER.with(|b| {
        if b.len.get() < units {
            let grown = units.next_power_of_two().max(8192);
            let mut fresh = vec![0u64; grown];
            fresh[..b.len.get()].copy_from_slice(units_of(b));
            b.ptr.set(Box::leak(fresh.into_boxed_slice()).as_mut_ptr());
            b.len.set(grown);
        }
        b.ptr.get()
    })
}

fn units_of(b: &Buffer) -> &'static [u64] {
    if b.len.get() == 0 {
        return &[];
    }
    // SAFETY: `reserve` made it of this length, and blocks that were outgrown are never freed.
    unsafe { std::slice::from_raw_parts(b.ptr.get(), b.len.get()) }
}

/// Reads the buffer from its start.
pub struct Reader {
    units: &'static [u64],
    at: usize,
}

fn truncated() -> Error {
    Error::runtime("arguments end too early")
}

impl Reader {
    /// A reader of the buffer.
    pub fn new() -> Self {
        Reader { units: BUFFER.with(units_of), at: 0 }
    }

    #[inline(always)]
    fn unit(&mut self) -> Result<u64> {
        let x = self.units.get(self.at).copied().ok_or_else(truncated);
        self.at += 1;
        x
    }

    fn float(&mut self) -> Result<f64> {
        self.unit().map(f64::from_bits)
    }

    fn bytes(&mut self, n: usize) -> Result<Vec<u8>> {
        let units = self.units.get(self.at..self.at + n.div_ceil(8)).ok_or_else(truncated)?;
        self.at += units.len();
        Ok(units.iter().flat_map(|u| u.to_le_bytes()).take(n).collect())
    }

    /// The next value.
    pub fn value(&mut self) -> Result<Value> {
        let head = self.unit()?;
        let (tag, n) = (head as i32, (head >> 32) as i32);
        Ok(match tag {
            NONE => Value::None,
            TENSOR => Value::Tensor(handles::get(n)?),
            FLOAT => Value::Scalar(Scalar::Float(self.float()?)),
            INT => Value::Scalar(Scalar::Int(self.unit()? as i64)),
            BOOL => Value::Scalar(Scalar::Bool(n != 0)),
            INTS => Value::Ints((0..n).map(|_| self.unit().map(|x| x as i64)).collect::<Result<Dims>>()?),
            FLOATS => Value::Floats((0..n).map(|_| self.float()).collect::<Result<_>>()?),
            TENSORS => Value::Tensors((0..n).map(|_| match self.unit()? as i32 {
                handles::NOTHING => Ok(None),
                h => handles::get(h).map(Some),
            }).collect::<Result<_>>()?),
            STR => Value::Str(String::from_utf8_lossy(&self.bytes(n as usize)?).into_owned()),
            DTYPE => Value::DType(DType::from_index(n as usize).ok_or_else(|| Error::type_error("unknown dtype"))?),
            COMPLEX => Value::Scalar(Scalar::Complex(Complex::new(self.float()?, self.float()?))),
            _ => return Err(Error::runtime("unknown argument tag")),
        })
    }

    /// The next `count` values.
    pub fn values(&mut self, count: u32) -> Result<Values> {
        (0..count).map(|_| self.value()).collect()
    }

    /// The next value, which is a list of tensors.
    pub fn tensors(&mut self) -> Result<Option<Vec<Option<Tensor>>>> {
        match self.value()? {
            Value::Tensors(list) => Ok(Some(list)),
            Value::None => Ok(None),
            other => Err(Error::type_error(format!("a list of tensors was expected, not {}", other.kind()))),
        }
    }
}

/// Writes units at the start of the buffer.
pub fn write_units(units: &[u64]) {
    let at = reserve(units.len() * 8);
    // SAFETY: `reserve` gave room for them; the source is not the buffer.
    unsafe { std::ptr::copy_nonoverlapping(units.as_ptr(), at, units.len()) }
}

fn head(tag: i32, n: i32) -> u64 {
    u64::from(tag as u32) | u64::from(n as u32) << 32
}

/// Writes lists of tensors, one after the other.
pub fn write_lists(lists: &[&[Option<Tensor>]]) -> Result<()> {
    let mut out: SmallVec<[u64; 8]> = SmallVec::new();
    for list in lists {
        out.push(head(TENSORS, list.len() as i32));
        for t in *list {
            out.push(unit_of(t.clone())?);
        }
    }
    write_units(&out);
    Ok(())
}

/// A tensor of a list.
fn unit_of(t: Option<Tensor>) -> Result<u64> {
    t.map_or(Ok(handles::NOTHING), handles::put).map(|handle| u64::from(handle as u32))
}

/// Answers with a value: the handle itself where it is one tensor, else through the buffer.
pub fn reply(value: Value) -> Result<i32> {
    let mut out: SmallVec<[u64; 8]> = SmallVec::new();
    match value {
        Value::Tensor(t) => return handles::put(t),
        Value::None | Value::Str(_) => return Ok(handles::NOTHING),
        Value::Scalar(Scalar::Bool(b)) => out.push(head(BOOL, i32::from(b))),
        Value::Scalar(Scalar::Int(i)) => out.extend([head(INT, 0), i as u64]),
        Value::Scalar(Scalar::Float(x)) => out.extend([head(FLOAT, 0), x.to_bits()]),
        Value::Scalar(Scalar::Complex(z)) => out.extend([head(COMPLEX, 0), z.re.to_bits(), z.im.to_bits()]),
        Value::Tensors(list) => {
            out.push(head(TENSORS, list.len() as i32));
            for t in list {
                out.push(unit_of(t)?);
            }
        }
        Value::Ints(d) => {
            out.push(head(INTS, d.len() as i32));
            out.extend(d.iter().map(|i| *i as u64));
        }
        Value::Floats(l) => {
            out.push(head(FLOATS, l.len() as i32));
            out.extend(l.iter().map(|x| x.to_bits()));
        }
        Value::DType(d) => out.push(head(DTYPE, d as i32)),
    }
    write_units(&out);
    Ok(handles::IN_BUFFER)
}
