//! The WebAssembly door: flat functions on handles, one packed call per op.
//!
//! A function that can fail answers `FAILED` and leaves the error for `error`; answers that are no
//! handle lie in the buffer.

mod alloc;
mod args;
mod autograd;
mod callbacks;
mod evacuate;
mod functions;
mod handles;
mod nodes;
mod profile;
mod random;
mod skeleton;
mod threads;
mod transforms;

use args::Reader;
use cresset_core::autograd as autograd_core;
use cresset_core::dtype::DType;
use cresset_core::error::{Error, Result};
use cresset_core::ops;
use cresset_core::parallel;
use cresset_core::table::Op;
use cresset_core::tensor::{Scalar, Tensor};
use cresset_core::value::Value;
use cresset_core::{print, state, storage};
use std::cell::{Cell, RefCell};
use wasm_bindgen::prelude::*;

thread_local! {
    static ERROR: RefCell<Option<Error>> = const { RefCell::new(None) };
    /// Set when the module is loaded.
    static OPS: Cell<&'static [&'static Op]> = const { Cell::new(&[]) };
    /// For each op its arguments where a short call leaves them out; empty while they are unknown.
    static DEFAULTS: RefCell<Vec<Vec<Value>>> = const { RefCell::new(Vec::new()) };
}

/// Runs when a thread has loaded the module.
#[wasm_bindgen(start)]
fn start() {
    OPS.set(ops::all().collect::<Vec<_>>().leak());
    #[cfg(feature = "relaxed")]
    cresset_relaxed::install();
}

/// Runs `f`; a failure is kept for `error`.
fn guard(f: impl FnOnce() -> Result<i32>) -> i32 {
    let worked = |answer| match parallel::take_failure() {
        true => Err(Error::runtime("a worker thread failed; what it computed is undefined")),
        false => Ok(answer),
    };
    f().and_then(worked).unwrap_or_else(|e| {
        ERROR.set(Some(e));
        handles::FAILED
    })
}

/// The address of the argument buffer, with room for at least `bytes`.
#[wasm_bindgen]
pub fn buffer(bytes: usize) -> usize {
    args::reserve(bytes) as usize
}

fn entry(op: usize) -> Result<&'static Op> {
    OPS.get().get(op).copied().ok_or_else(|| Error::runtime("unknown op"))
}

/// Runs an entry; in place there is an answer only where the first argument becomes another tensor (`t_`).
fn run(entry: &'static Op, values: &[Value], in_place: bool) -> Result<i32> {
    if in_place {
        let out = autograd_core::call_in_place(entry, values)?;
        let same = matches!(values.first(), Some(Value::Tensor(target)) if target.is(&out));
        return if same { Ok(handles::NOTHING) } else { handles::put(out) };
    }
    args::reply(autograd_core::call(entry, values)?)
}

/// Runs op number `op` on `count` arguments in the buffer; in place (not 0: JavaScript hands a number over
/// faster than a boolean), the first takes the result, and there is an answer only where that makes it
/// another tensor (`t_`).
#[wasm_bindgen]
pub fn call(op: usize, count: u32, in_place: u32) -> i32 {
    guard(|| {
        let entry = entry(op)?;
        let mut values = Reader::new().values(count)?;
        values.resize(entry.params.len(), Value::None);
        run(entry, &values, in_place != 0)
    })
}

/// Tells what the arguments of an op are where a short call leaves them out: `count` values in the buffer.
#[wasm_bindgen]
pub fn tell_defaults(op: usize, count: u32) -> i32 {
    guard(|| {
        let mut values = Reader::new().values(count)?;
        values.resize(entry(op)?.params.len(), Value::None);
        DEFAULTS.with_borrow_mut(|all| {
            if all.len() <= op {
                all.resize_with(op + 1, Vec::new);
            }
            all[op] = values.into_vec();
        });
        Ok(0)
    })
}

/// Runs an op on the arguments given, and on its defaults for the others.
fn short_call<const N: usize>(op: usize, mut given: [Value; N], in_place: u32) -> Result<i32> {
    let entry = entry(op)?;
    if entry.params.len() == N {
        return run(entry, &given, in_place != 0);
    }
    let mut values = args::Values::new();
    for value in &mut given {
        values.push(std::mem::take(value));
    }
    DEFAULTS.with_borrow(|all| {
        for value in all.get(op).and_then(|list| list.get(N..)).unwrap_or_default() {
            values.push(value.clone());
        }
    });
    if values.len() != entry.params.len() {
        return Err(Error::runtime("the defaults of this op are not known"));
    }
    run(entry, &values, in_place != 0)
}

/// The answer of an op on one tensor, or on two where `other` is not 0, where it takes next to no time: past what else a
/// call does. None where it does not, or fails.
#[inline]
fn quick(op: usize, input: i32, other: i32) -> Option<i32> {
    let op = OPS.get().get(op).copied().filter(|op| op.quick.is_some())?;
    handles::made(input, other, |a, b| autograd_core::quick(op, a, b))
}

/// `call` on one tensor, or on two where `other` is not 0; the op's defaults have been told.
#[wasm_bindgen]
pub fn call_tensors(op: usize, input: i32, other: i32, in_place: u32) -> i32 {
    if in_place == 0 {
        if let Some(handle) = quick(op, input, other) {
            return if parallel::has_failed() { guard(|| Ok(handle)) } else { handle };
        }
    }
    guard(|| {
        let input = Value::Tensor(handles::get(input)?);
        if other == 0 {
            return short_call(op, [input], in_place);
        }
        short_call(op, [input, Value::Tensor(handles::get(other)?)], in_place)
    })
}

/// `call` on a tensor and a float; the op's defaults have been told.
#[wasm_bindgen]
pub fn call_number(op: usize, input: i32, other: f64, in_place: u32) -> i32 {
    guard(|| {
        let other = Scalar::Float(other);
        if in_place == 0 {
            let op = entry(op)?;
            if let Some(handle) = handles::made(input, 0, |a, _| autograd_core::quick_number(op, a, other)) {
                return Ok(handle);
            }
        }
        short_call(op, [Value::Tensor(handles::get(input)?), Value::Scalar(other)], in_place)
    })
}

/// Whether convolutions may take fewer products than they have terms; and sets it where given.
#[wasm_bindgen]
pub fn winograd(on: Option<bool>) -> bool {
    cresset_core::kernels::winograd::allowed(on)
}

/// The last failure: its class, a line break, its sentence.
#[wasm_bindgen]
pub fn error() -> String {
    ERROR.take().map(|e| format!("{:?}\n{}", e.kind, e.message)).unwrap_or_default()
}

/// A new tensor of undefined elements; its sizes are the first argument.
#[wasm_bindgen]
pub fn create(dtype: usize) -> i32 {
    guard(|| {
        let Value::Ints(sizes) = Reader::new().value()? else { return Err(Error::type_error("sizes expected")) };
        let dtype = DType::from_index(dtype).ok_or_else(|| Error::type_error("unknown dtype"))?;
        handles::put(Tensor::empty(&sizes, dtype)?)
    })
}

/// The address of the first element of a row-major tensor; 0 for a handle that is
/// none, or for one that stands for a batch.
#[wasm_bindgen]
pub fn address(handle: i32) -> usize {
    handles::with(handle, |t| if t.is_batched() { 0 } else { t.ptr_bytes() as usize }).unwrap_or(0)
}

/// Another handle of the same tensor.
#[wasm_bindgen]
pub fn same(handle: i32) -> i32 {
    guard(|| handles::put(handles::get(handle)?))
}

/// Lets a handle go.
#[wasm_bindgen]
pub fn release(handle: i32) {
    handles::release([handle]);
}

/// Lets eight go: a call takes as long as four of them. 0 is none.
#[wasm_bindgen]
pub fn release_eight(a: i32, b: i32, c: i32, d: i32, e: i32, f: i32, g: i32, h: i32) {
    handles::release([a, b, c, d, e, f, g, h]);
}

/// Puts the tensor of `other` in the place of a handle's: what an in-place change of sizes is.
#[wasm_bindgen]
pub fn replace(handle: i32, other: i32) -> i32 {
    guard(|| handles::replace(handle, handles::get(other)?).map(|()| 0))
}

/// Writes dtype, flags (1 requires_grad, 2 leaf, 4 row-major), version, offset and the number of
/// dimensions, which it also answers; then sizes and strides.
#[wasm_bindgen]
pub fn info(handle: i32) -> i32 {
    guard(|| {
        handles::with(handle, |t| {
            let flags = [t.requires_grad(), t.is_leaf(), t.is_contiguous(), t.is_inference(), t.retains_grad()];
            let flags = flags.iter().rev().fold(0, |bits, on| bits << 1 | u64::from(*on));
            let mut out: smallvec::SmallVec<[u64; 16]> = smallvec::smallvec![
                t.dtype() as u64, flags, u64::from(t.version()), t.layout().offset as u64, t.ndim() as u64
            ];
            out.extend(t.sizes().iter().chain(t.strides()).map(|x| *x as u64));
            args::write_units(&out);
            t.ndim() as i32
        })
    })
}

/// `repr`.
#[wasm_bindgen]
pub fn repr(handle: i32) -> String {
    match handles::get(handle).and_then(|t| print::repr(&t)) {
        Ok(s) => s,
        Err(e) => format!("<{}>", e.message),
    }
}

/// `set_printoptions`; `sci` is 0 for as needed, 1 for never, 2 for always.
#[wasm_bindgen]
pub fn print_options(precision: usize, threshold: usize, edgeitems: usize, linewidth: usize, sci: u32) {
    let sci_mode = [None, Some(false), Some(true)][sci.min(2) as usize];
    print::set_options(print::Options { precision, threshold, edgeitems, linewidth, sci_mode });
}

/// The default dtype; and sets it where given.
#[wasm_bindgen]
pub fn default_dtype(dtype: Option<usize>) -> usize {
    if let Some(d) = dtype.and_then(DType::from_index) {
        state::set_default_dtype(d);
    }
    state::default_dtype() as usize
}

/// Where the number of live bytes is kept, for JavaScript to read without a call.
#[wasm_bindgen]
pub fn live_address() -> usize {
    storage::live_address()
}

/// Live bytes, peak bytes, pooled bytes, live handles.
#[wasm_bindgen]
pub fn stats() -> Vec<f64> {
    let s = storage::stats();
    vec![s.live_bytes as f64, s.peak_bytes as f64, s.cached_bytes as f64, handles::count() as f64]
}

/// Forgets the peak, and gives the blocks kept for reuse back.
#[wasm_bindgen]
pub fn reset_stats() {
    storage::reset_peak();
    storage::clear_pool();
}

/// The dtype that two values have together.
#[wasm_bindgen]
pub fn result_type() -> i32 {
    guard(|| {
        let operands = Reader::new().values(2)?.into_iter().map(|v| match v {
            Value::Tensor(t) => Ok(t),
            Value::Scalar(s) => Tensor::wrapped(s),
            _ => Err(Error::type_error("result_type(): expected tensors or numbers")),
        }).collect::<Result<Vec<Tensor>>>()?;
        Ok(ops::promote::result_type(&operands.iter().collect::<Vec<_>>()) as i32)
    })
}

/// The only element of a tensor, as a scalar in the buffer.
#[wasm_bindgen]
pub fn item(handle: i32) -> i32 {
    guard(|| {
        let t = handles::get(handle)?;
        if t.numel() != 1 {
            return Err(Error::runtime(format!("a Tensor with {} elements cannot be converted to Scalar", t.numel())));
        }
        args::reply(Value::Scalar(t.scalar()?))
    })
}

/// Whether the only element of a tensor is not zero: 1 or 0.
#[wasm_bindgen]
pub fn truth(handle: i32) -> i32 {
    guard(|| handles::get(handle)?.truth().map(i32::from))
}

/// A number as a 0-dim tensor that is weak in promotion.
#[wasm_bindgen]
pub fn wrap(value: f64, integer: bool) -> i32 {
    guard(|| handles::put(Tensor::wrapped(if integer { Scalar::Int(value as i64) } else { Scalar::Float(value) })?))
}

/// A number that changes when the table does.
#[wasm_bindgen]
pub fn table_hash() -> u32 {
    cresset_core::table::hash()
}
