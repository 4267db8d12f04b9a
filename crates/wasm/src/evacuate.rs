//! Evacuation: a tensor that nothing but its handle holds leaves wasm memory as a record of bytes,
//! which the JavaScript garbage collector can take; and comes back from the record when it is used.
//!
//! A record is, in units of 8 bytes: its length; dtype, number of dimensions, output number and the
//! length of the name of a history that has been run backward (0: none), 16 bits each; sizes; then the
//! name and the elements, each padded. Only this file knows, but for the length.

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

/// Appends bytes, padded with zeros, to a vector that has room for them.
///
/// # Safety
/// `from` must be readable for `bytes`.
unsafe fn append(from: *const u8, bytes: usize, to: &mut Vec<u64>) {
    let at = to.len();
    to.resize(at + bytes.div_ceil(8), 0);
    unsafe { std::ptr::copy_nonoverlapping(from, to.as_mut_ptr().add(at).cast::<u8>(), bytes) };
}

/// Appends the record of a tensor; nothing if it has to stay.
fn record(t: &Tensor, to: &mut Vec<u64>) -> bool {
    let few = |n: usize| n < 1 << 16;
    if !t.is_evacuable() || !few(t.ndim()) || !few(t.output_nr()) {
        return false;
    }
    let Ok(row) = t.contiguous_data() else { return false };
    let start = to.len();
    let history = if t.requires_grad() { t.grad_fn().ok().flatten() } else { None };
    let (name, output) = history.map_or((String::new(), 0), |(node, output)| (node.name(), output));
    let bytes = row.numel() * row.dtype().itemsize();
    // Evacuation comes when memory is short: it must not be what fails.
    if to.try_reserve(2 + t.ndim() + name.len().div_ceil(8) + bytes.div_ceil(8)).is_err() {
        return false;
    }
    to.extend([0, t.dtype() as u64 | (t.ndim() as u64) << 16 | (output as u64) << 32 | (name.len() as u64) << 48]);
    to.extend(t.sizes().iter().map(|n| *n as u64));
    // SAFETY: a string's bytes; and `row` is row-major, so its bytes follow each other.
    unsafe {
        append(name.as_ptr(), name.len(), to);
        append(row.ptr_bytes(), bytes, to);
    }
    to[start] = (to.len() - start) as u64;
    true
}

fn restored(units: &[u64]) -> Result<Tensor> {
    let broken = || Error::runtime("a record of a tensor is damaged");
    let [_, head] = *units.first_chunk::<2>().ok_or_else(broken)?;
    let [dtype, ndim, output, name] = [0, 16, 32, 48].map(|shift| (head >> shift & 0xffff) as usize);
    let dtype = DType::from_index(dtype).ok_or_else(broken)?;
    let sizes: Vec<i64> = units.get(2..2 + ndim).ok_or_else(broken)?.iter().map(|n| *n as i64).collect();
    let at = 2 + ndim;
    let text: Vec<u8> = units.get(at..at + name.div_ceil(8)).ok_or_else(broken)?
        .iter().flat_map(|u| u.to_le_bytes()).take(name).collect();
    let at = at + name.div_ceil(8);
    let t = Tensor::empty(&sizes, dtype)?;
    let bytes = t.numel() * dtype.itemsize();
    let data = units.get(at..at + bytes.div_ceil(8)).ok_or_else(broken)?;
    // SAFETY: the tensor was just made with this many bytes, and the record holds them.
    unsafe { std::ptr::copy_nonoverlapping(data.as_ptr().cast::<u8>(), t.ptr_bytes(), bytes) };
    if !text.is_empty() {
        t.set_freed_history(&String::from_utf8_lossy(&text), output);
    }
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
                    handles::release([handle as i32]);
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

/// Room for a record of so many units that is to come back: its address, or `FAILED`.
#[wasm_bindgen]
pub fn record_room(units: usize) -> i32 {
    guard(|| RECORDS.with_borrow_mut(|r| {
        r.clear();
        r.try_reserve(units).map_err(|_| Error::out_of_memory(8 * units, cresset_core::storage::stats().live_bytes))?;
        r.resize(units, 0);
        Ok(r.as_ptr() as usize as i32)
    }))
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
