//! Backward passes, gradients, graph nodes and hooks at the door.

use crate::args::{self, Reader};
use crate::{guard, handles};
use cresset_core::autograd::{self, Backward, Grad, Hook};
use cresset_core::error::{Error, Result};
use cresset_core::state;
use cresset_core::tensor::Tensor;
use cresset_core::value::Value;
use std::cell::RefCell;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

thread_local! {
    static CALLBACK: RefCell<Option<js_sys::Function>> = const { RefCell::new(None) };
}

/// Arguments: roots, their gradients, the inputs or none. `flags`: 1 retain, 2 create, 4 accumulate.
#[wasm_bindgen]
pub fn backward(flags: u32) -> i32 {
    guard(|| {
        let mut reader = Reader::new();
        let roots: Vec<Tensor> = reader.tensors()?.unwrap_or_default().into_iter().flatten().collect();
        let grads = reader.tensors()?.unwrap_or_default();
        let inputs: Option<Vec<Tensor>> = reader.tensors()?.map(|l| l.into_iter().flatten().collect());
        let ask = Backward {
            retain_graph: flags & 1 != 0,
            create_graph: flags & 2 != 0,
            inputs: inputs.as_deref(),
            accumulate: flags & 4 != 0,
        };
        args::reply(Value::Tensors(autograd::backward(&roots, &grads, &ask)?))
    })
}

/// The gradient: `known` if that is its handle already, a new handle, or `NOTHING`.
#[wasm_bindgen]
pub fn grad(handle: i32, known: i32) -> i32 {
    guard(|| match handles::with(handle, Tensor::grad)? {
        None => Ok(handles::NOTHING),
        Some(g) if handles::with(known, |k| k.is(&g)) == Ok(true) => Ok(known),
        Some(g) => handles::put(g),
    })
}

/// `torch.autograd.grad`: outputs, inputs, gradients of the outputs. `flags`: 1 retain, 2 create,
/// 4 and 8 what is said of unused inputs (yes, no), 16 zeros for them, 32 gradients in batches.
#[wasm_bindgen]
pub fn gradients(flags: u32) -> i32 {
    guard(|| {
        let mut reader = Reader::new();
        let mut list = || reader.tensors().map(Option::unwrap_or_default);
        let outputs: Vec<Tensor> = list()?.into_iter().flatten().collect();
        let inputs: Vec<Tensor> = list()?.into_iter().flatten().collect();
        let grads = list()?;
        let ask = Grad {
            retain_graph: flags & 1 != 0,
            create_graph: flags & 2 != 0,
            allow_unused: if flags & 12 == 0 { None } else { Some(flags & 4 != 0) },
            materialize_grads: flags & 16 != 0,
            batched: flags & 32 != 0,
        };
        args::reply(Value::Tensors(autograd::grad(&outputs, &inputs, &grads, &ask)?))
    })
}

/// Sets or, with handle 0, clears the gradient.
#[wasm_bindgen]
pub fn set_grad(handle: i32, grad: i32) -> i32 {
    guard(|| {
        let g = if grad == 0 { None } else { Some(handles::get(grad)?) };
        handles::get(handle)?.assign_grad(g).map(|()| 0)
    })
}

/// `detach_`.
#[wasm_bindgen]
pub fn detach_in_place(handle: i32) -> i32 {
    guard(|| handles::get(handle)?.detach_in_place().map(|()| 0))
}

/// `.data`.
#[wasm_bindgen]
pub fn variable_data(handle: i32) -> i32 {
    guard(|| handles::put(handles::get(handle)?.variable_data()))
}

/// `requires_grad_`.
#[wasm_bindgen]
pub fn set_requires_grad(handle: i32, on: bool) -> i32 {
    guard(|| handles::get(handle)?.set_requires_grad(on).map(|()| 0))
}

/// `retain_grad`.
#[wasm_bindgen]
pub fn retain_grad(handle: i32) -> i32 {
    guard(|| handles::get(handle)?.retain_grad().map(|()| 0))
}

/// The name of the node and of those it leads to, one in a line; empty for a leaf.
#[wasm_bindgen]
pub fn grad_fn(handle: i32) -> String {
    let Ok(Some((node, _))) = handles::get(handle).and_then(|t| t.grad_fn()) else { return String::new() };
    let next: Vec<String> = node.edges.iter().map(|e| e.as_ref().map(|e| e.node.name()).unwrap_or_default()).collect();
    node.name() + "\n" + &next.join("\n")
}

/// The function that runs hooks: it is given a key and a gradient's handle, and returns the handle
/// of what replaces the gradient, or nothing.
#[wasm_bindgen]
pub fn set_callback(f: js_sys::Function) {
    CALLBACK.set(Some(f));
}

fn run_hook(key: u32, grad: &Tensor) -> Result<Option<Tensor>> {
    let call = CALLBACK.with_borrow(Clone::clone).ok_or_else(|| Error::runtime("no callback is set"))?;
    let given = handles::put(grad.clone())?;
    match call.call2(&JsValue::NULL, &key.into(), &given.into()) {
        Ok(answer) => answer.as_f64().map(|h| handles::get(h as i32)).transpose(),
        // The facade keeps what was thrown and throws it on.
        Err(_) => Err(Error::runtime("a hook failed")),
    }
}

/// Adds a hook under `key`.
#[wasm_bindgen]
pub fn add_hook(handle: i32, key: u32) -> i32 {
    guard(|| {
        let hook: Hook = Rc::new(move |g| run_hook(key, g));
        handles::get(handle)?.register_hook(key, hook).map(|()| 0)
    })
}

/// Removes a hook.
#[wasm_bindgen]
pub fn remove_hook(handle: i32, key: u32) {
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

/// Switches inference mode; the answer is for `restore_mode`.
#[wasm_bindgen]
pub fn inference_mode(on: bool) -> u32 {
    let (inference, grad) = state::set_inference_mode(on);
    u32::from(inference) | u32::from(grad) << 1
}

/// Ends what `inference_mode` began.
#[wasm_bindgen]
pub fn restore_mode(before: u32) {
    state::restore((before & 1 != 0, before & 2 != 0));
}
