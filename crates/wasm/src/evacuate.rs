//! Evacuation: a tensor that nothing but its handle holds leaves wasm memory as a record of bytes,
//! which the JavaScript garbage collector can take; and comes back from the record when it is used.
//!
//! A record is a length, dtype, flags, number of dimensions and sizes in units of 8 bytes, then the
//! elements, padded. Only this file knows.

use crate::args::{self, Reader};
use crate::{guard, handles};
use cresset_core::dtype::DType;
use cresset_core::error::{Error, Result};
use cresset_core::tensor::Tensor;
use cresset_core::value::Value;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

thread_local! {
    static RECORDS: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Appends the record of a tensor; nothing if it has to stay.
fn record(t: &Tensor, to: &mut Vec<u64>) -> bool {
    if !t.is_evacuable() {
        return false;
    }
    let start = to.len();
    to.extend([0, t.dtype() as u64, t.ndim() as u64]);
    to.extend(t.sizes().iter().map(|n| *n as u64));
    let bytes = t.numel() * t.dtype().itemsize();
    let at = to.len();
    to.resize(at + bytes.div_ceil(8), 0);
    // SAFETY: the tensor is row-major, so its bytes follow each other; the vector has room.
    unsafe { std::ptr::copy_nonoverlapping(t.ptr_bytes(), to.as_mut_ptr().add(at).cast::<u8>(), bytes) };
    to[start] = (to.len() - start) as u64;
    true
}

fn restored(units: &[u64]) -> Result<Tensor> {
    let broken = || Error::runtime("a record of a tensor is damaged");
    let dtype = units.get(1).and_then(|d| DType::from_index(*d as usize)).ok_or_else(broken)?;
    let ndim = *units.get(2).ok_or_else(broken)? as usize;
    let sizes: Vec<i64> = units.get(3..3 + ndim).ok_or_else(broken)?.iter().map(|n| *n as i64).collect();
    let t = Tensor::empty(&sizes, dtype)?;
    let bytes = t.numel() * dtype.itemsize();
    let data = units.get(3 + ndim..3 + ndim + bytes.div_ceil(8)).ok_or_else(broken)?;
    // SAFETY: the tensor was just made with this many bytes, and the record holds them.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr().cast::<u8>(), t.ptr_bytes(), bytes) };
    Ok(t)
}

/// Evacuates the tensors whose handles are the first argument, and lets their handles go. Writes
/// for each the place of its record, in units, or -1 if it stays; then the address and number of
/// units of all records. They stay there until the next call.
#[wasm_bindgen]
pub fn evacuate() -> i32 {
    guard(|| {
        let Value::Ints(list) = Reader::new().value()? else { return Err(Error::type_error("handles expected")) };
        let mut out: Vec<u64> = Vec::with_capacity(list.len() + 2);
        RECORDS.with_borrow_mut(|records| {
            records.clear();
            for handle in list {
                let place = records.len() as i64;
                let gone = handles::with(handle as i32, |t| record(t, records)).unwrap_or(false);
                if gone {
                    handles::release(handle as i32);
                }
                out.push(if gone { place } else { -1 } as u64);
            }
            out.extend([records.as_ptr() as u64, records.len() as u64]);
        });
        args::write_units(&out);
        Ok(0)
    })
}

/// Frees the records of the last evacuation, which JavaScript has copied.
#[wasm_bindgen]
pub fn evacuated() {
    // Large ones are given back; the room of small ones serves the next evacuation.
    RECORDS.with_borrow_mut(|r| if r.capacity() > 1 << 16 { *r = Vec::new() });
}

/// Room for a record of so many units that is to come back.
#[wasm_bindgen]
pub fn record_room(units: usize) -> usize {
    RECORDS.with_borrow_mut(|r| {
        r.clear();
        r.resize(units, 0);
        r.as_ptr() as usize
    })
}

/// Makes the tensor again whose record has been written to `record_room`.
#[wasm_bindgen]
pub fn revive() -> i32 {
    guard(|| {
        let t = RECORDS.with_borrow(|r| restored(r))?;
        evacuated();
        handles::put(t)
    })
}
