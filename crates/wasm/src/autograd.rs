//! Backward passes, gradients, graph nodes and hooks at the door.

use crate::args::{self, Reader};
use crate::callbacks::Callback;
use crate::{guard, handles};
use cresset_core::autograd::{self, Backward, Grad};
use cresset_core::state;
use cresset_core::tensor::Tensor;
use cresset_core::value::Value;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

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
        autograd::backward(&roots, &grads, &ask).map(|_| 0)
    })
}

/// The usual pass: from one tensor of one element to all leaves. `flags` as above.
#[wasm_bindgen]
pub fn backward_from(handle: i32, flags: u32) -> i32 {
    guard(|| {
        let ask = Backward { retain_graph: flags & 1 != 0, create_graph: flags & 2 != 0, inputs: None, accumulate: true };
        autograd::backward(&[handles::get(handle)?], &[None], &ask).map(|_| 0)
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

/// Adds a hook: to the gradient, or, `after` it has been accumulated, to the leaf.
#[wasm_bindgen]
pub fn add_hook(handle: i32, key: u32, after: bool) -> i32 {
    let callback = Callback(key);
    guard(|| {
        let t = handles::get(handle)?;
        if after {
            t.register_post_accumulate_grad_hook(key, Rc::new(move |leaf| callback.tensor(leaf).map(|_| ())))?;
        } else {
            t.register_hook(key, Rc::new(move |grad| callback.tensor(grad)))?;
        }
        Ok(0)
    })
}

/// Removes a hook.
#[wasm_bindgen]
pub fn remove_hook(handle: i32, key: u32) {
    if let Ok(t) = handles::get(handle) {
        t.remove_hook(key);
    }
}

/// Which output of its node a tensor is.
#[wasm_bindgen]
pub fn output_nr(handle: i32) -> i32 {
    guard(|| handles::with(handle, |t| t.output_nr() as i32))
}

/// The tensor that this one is a view of.
#[wasm_bindgen]
pub fn base(handle: i32) -> i32 {
    guard(|| handles::get(handle)?.base().map_or(Ok(handles::NOTHING), handles::put))
}

/// Counts a write that the core does not see.
#[wasm_bindgen]
pub fn bump_version(handle: i32) -> i32 {
    guard(|| handles::with(handle, |t| t.bump_version()).map(|()| 0))
}

/// The number of the backward pass that runs now; 0 outside of one.
#[wasm_bindgen]
pub fn current_pass() -> f64 {
    autograd::current_pass().unwrap_or(0) as f64
}

/// Whether inference mode is on.
#[wasm_bindgen]
pub fn is_inference_mode() -> bool {
    state::inference_mode()
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
