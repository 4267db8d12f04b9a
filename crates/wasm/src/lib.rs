//! The WebAssembly door: flat functions on handles, one packed call per op.

mod args;
mod handles;

use args::Reader;
use cresset_core::autograd::{self, Backward, Hook};
use cresset_core::dtype::DType;
use cresset_core::error::{Error, Result};
use cresset_core::layout::Dims;
use cresset_core::ops;
use cresset_core::table::Op;
use cresset_core::tensor::{Scalar, Tensor};
use cresset_core::value::Value;
use cresset_core::{print, state, storage};
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; 1 << 16]);
    static ERROR: RefCell<Option<Error>> = const { RefCell::new(None) };
    static OPS: Vec<&'static Op> = ops::all().collect();
}

/// Runs `f`; a failure is kept for `error`, and the result is `u32::MAX`.
fn guard(f: impl FnOnce() -> Result<u32>) -> u32 {
    match f() {
        Ok(x) => x,
        Err(e) => {
            ERROR.set(Some(e));
            u32::MAX
        }
    }
}

/// The address of the argument buffer, with room for at least `bytes`.
#[wasm_bindgen]
pub fn buffer(bytes: usize) -> usize {
    BUFFER.with_borrow_mut(|b| {
        if b.len() < bytes {
            b.resize(bytes, 0);
        }
        b.as_mut_ptr() as usize
    })
}

fn read(count: u32) -> Result<Vec<Value>> {
    BUFFER.with_borrow(|b| Reader::new(b).values(count))
}

fn reply(value: Value) {
    BUFFER.with_borrow_mut(|b| {
        let mut out = Vec::with_capacity(64);
        args::write(value, &mut out);
        if b.len() < out.len() {
            b.resize(out.len(), 0);
        }
        b[..out.len()].copy_from_slice(&out);
    });
}

/// Runs op number `op` on `count` arguments in the buffer; the result replaces them.
#[wasm_bindgen]
pub fn call(op: usize, count: u32, in_place: bool) -> u32 {
    guard(|| {
        let entry = OPS.with(|o| o.get(op).copied()).ok_or_else(|| Error::runtime("unknown op"))?;
        let mut values = read(count)?;
        values.resize(entry.params.len(), Value::None);
        if in_place {
            autograd::call_in_place(entry, &values)?;
            return Ok(0);
        }
        reply(autograd::call(entry, &values)?);
        Ok(0)
    })
}

/// The last failure: its class, a line break, its sentence.
#[wasm_bindgen]
pub fn error() -> String {
    ERROR.take().map(|e| format!("{:?}\n{}", e.kind, e.message)).unwrap_or_default()
}

/// A new tensor of undefined elements; its sizes are the first argument.
#[wasm_bindgen]
pub fn create(dtype: usize) -> u32 {
    guard(|| {
        let Some(Value::Ints(sizes)) = read(1)?.pop() else { return Err(Error::type_error("sizes expected")) };
        let dtype = DType::from_index(dtype).ok_or_else(|| Error::type_error("unknown dtype"))?;
        Tensor::empty(&sizes, dtype).map(handles::put)
    })
}

/// The address of the first element of a row-major tensor.
#[wasm_bindgen]
pub fn address(handle: u32) -> u32 {
    guard(|| handles::get(handle).map(|t| t.ptr_bytes() as u32))
}

/// Lets a handle go.
#[wasm_bindgen]
pub fn release(handle: u32) {
    handles::release(handle);
}

/// dtype, requires_grad, is_leaf, contiguous, version, offset; then sizes and strides.
#[wasm_bindgen]
pub fn info(handle: u32) -> u32 {
    guard(|| {
        let t = handles::get(handle)?;
        let mut out: Dims = Dims::from_slice(&[
            t.dtype() as i64,
            i64::from(t.requires_grad()),
            i64::from(t.grad_fn().is_none()),
            i64::from(t.is_contiguous()),
            i64::from(t.version()),
            t.layout().offset,
        ]);
        out.extend_from_slice(t.sizes());
        out.extend_from_slice(t.strides());
        reply(Value::Ints(out));
        Ok(0)
    })
}

/// `repr`.
#[wasm_bindgen]
pub fn repr(handle: u32) -> String {
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

/// Arguments: roots, their gradients, the inputs or none. `flags`: 1 retain, 2 create, 4 accumulate.
#[wasm_bindgen]
pub fn backward(flags: u32) -> u32 {
    guard(|| {
        let mut values = read(3)?.into_iter();
        let mut list = || match values.next() {
            Some(Value::Tensors(list)) => Some(list),
            _ => None,
        };
        let (roots, grads) = (list().unwrap_or_default(), list().unwrap_or_default());
        let inputs: Option<Vec<Tensor>> = list().map(|l| l.into_iter().flatten().collect());
        let roots: Vec<Tensor> = roots.into_iter().flatten().collect();
        let ask = Backward {
            retain_graph: flags & 1 != 0,
            create_graph: flags & 2 != 0,
            inputs: inputs.as_deref(),
            accumulate: flags & 4 != 0,
        };
        reply(Value::Tensors(autograd::backward(&roots, &grads, &ask)?));
        Ok(0)
    })
}

/// A handle of the gradient, or 0 and no error where there is none.
#[wasm_bindgen]
pub fn grad(handle: u32) -> u32 {
    guard(|| {
        reply(handles::get(handle)?.grad().map_or(Value::None, Value::Tensor));
        Ok(0)
    })
}

/// Sets or, without a handle, clears the gradient.
#[wasm_bindgen]
pub fn set_grad(handle: u32, grad: Option<u32>) -> u32 {
    guard(|| {
        let (t, g) = (handles::get(handle)?, grad.map(handles::get).transpose()?);
        if let Some(g) = &g {
            if g.sizes() != t.sizes() {
                return Err(Error::runtime(format!(
                    "assigned grad has data of a different size: expected {:?} but got {:?}", t.sizes(), g.sizes()
                )));
            }
        }
        t.set_grad(g);
        Ok(0)
    })
}

/// `requires_grad_`.
#[wasm_bindgen]
pub fn set_requires_grad(handle: u32, on: bool) -> u32 {
    guard(|| handles::get(handle)?.set_requires_grad(on).map(|()| 0))
}

/// `retain_grad`.
#[wasm_bindgen]
pub fn retain_grad(handle: u32) -> u32 {
    guard(|| handles::get(handle)?.retain_grad().map(|()| 0))
}

/// The name of the node and of those it leads to, one in a line; empty for a leaf.
#[wasm_bindgen]
pub fn grad_fn(handle: u32) -> String {
    let Ok(Some((node, _))) = handles::get(handle).map(|t| t.grad_fn()) else { return String::new() };
    let next: Vec<String> = node.edges.borrow().iter().map(|e| e.as_ref().map(|e| e.node.name()).unwrap_or_default()).collect();
    node.name() + "\n" + &next.join("\n")
}

#[wasm_bindgen]
extern "C" {
    /// Calls hook `key` with a gradient's handle; returns the handle of its replacement, or -1.
    #[wasm_bindgen(js_namespace = globalThis, js_name = __cresset_hook, catch)]
    fn run_hook(key: u32, handle: u32) -> std::result::Result<f64, JsValue>;
}

/// Adds a hook under `key`.
#[wasm_bindgen]
pub fn add_hook(handle: u32, key: u32) -> u32 {
    guard(|| {
        let hook: Hook = Rc::new(move |g| {
            let given = handles::put(g.clone());
            match run_hook(key, given) {
                Ok(h) if h < 0.0 => Ok(None),
                Ok(h) => handles::get(h as u32).map(Some),
                Err(_) => Err(Error::runtime("a tensor hook failed")),
            }
        });
        handles::get(handle)?.register_hook(key, hook).map(|()| 0)
    })
}

/// Removes a hook.
#[wasm_bindgen]
pub fn remove_hook(handle: u32, key: u32) {
    if let Ok(t) = handles::get(handle) {
        t.remove_hook(key);
    }
}

/// Whether ops are recorded; and sets it where given.
#[wasm_bindgen]
pub fn grad_mode(on: Option<bool>) -> bool {
    let old = state::grad_enabled();
    if let Some(on) = on {
        state::set_grad_enabled(on);
    }
    old
}

/// The default dtype; and sets it where given.
#[wasm_bindgen]
pub fn default_dtype(dtype: Option<usize>) -> usize {
    if let Some(d) = dtype.and_then(DType::from_index) {
        state::set_default_dtype(d);
    }
    state::default_dtype() as usize
}

/// `manual_seed`.
#[wasm_bindgen]
pub fn manual_seed(seed: u64) {
    cresset_core::random::manual_seed(seed);
}

/// Live bytes, peak bytes, pooled bytes, live handles.
#[wasm_bindgen]
pub fn stats() -> Vec<f64> {
    let s = storage::stats();
    vec![s.live_bytes as f64, s.peak_bytes as f64, s.cached_bytes as f64, handles::count() as f64]
}

/// The dtype that two values have together.
#[wasm_bindgen]
pub fn result_type() -> u32 {
    guard(|| {
        let operands = read(2)?.into_iter().map(|v| match v {
            Value::Tensor(t) => Ok(t),
            Value::Scalar(s) => Tensor::wrapped(s),
            _ => Err(Error::type_error("result_type(): expected tensors or numbers")),
        }).collect::<Result<Vec<Tensor>>>()?;
        Ok(ops::promote::result_type(&operands.iter().collect::<Vec<_>>()) as u32)
    })
}

/// A number as a 0-dim tensor that is weak in promotion.
#[wasm_bindgen]
pub fn wrap(value: f64, integer: bool) -> u32 {
    guard(|| Tensor::wrapped(if integer { Scalar::Int(value as i64) } else { Scalar::Float(value) }).map(handles::put))
}

/// A number that changes when the table does.
#[wasm_bindgen]
pub fn table_hash() -> u32 {
    cresset_core::table::hash()
}
