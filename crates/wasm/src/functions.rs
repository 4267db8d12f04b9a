//! Functions from outside the table, hooks on what is saved, anomaly mode and gradient checks at the door.

use crate::args::{self, Reader};
use crate::callbacks::Callback;
use crate::nodes;
use crate::{guard, handles};
use cresset_core::autograd::{self, anomaly, gradcheck, Custom, Forward, GradList, Node, Packed, SavedHooks};
use cresset_core::error::{Error, Result};
use cresset_core::tensor::Tensor;
use cresset_core::value::Value;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// A subclass of `torch.autograd.Function`, as one call of it.
struct Function {
    name: String,
    backward: Callback,
}

impl Custom for Function {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn key(&self) -> Option<u32> {
        Some(self.backward.0)
    }

    fn backward(&self, node: &Rc<Node>, grads: &[Option<Tensor>]) -> Result<GradList> {
        let slopes = nodes::running(node, || self.backward.list(&[grads]))?;
        Ok(slopes.unwrap_or_default())
    }
}

/// Records a call of a function whose backward has this key. In the buffer: its inputs, outputs, those
/// not differentiable, those written to, and what is saved; the answer is the outputs to return.
#[wasm_bindgen]
pub fn record_function(key: u32, name: String, materialize: bool) -> i32 {
    let function = Box::new(Function { name, backward: Callback(key) });
    guard(|| {
        let mut reader = Reader::new();
        let mut list = || reader.tensors().map(Option::unwrap_or_default);
        let [inputs, outputs, constant, dirty, saved] = [list()?, list()?, list()?, list()?, list()?];
        let all = |list: GradList| -> Vec<Tensor> { list.into_iter().flatten().collect() };
        let (outputs, constant, dirty) = (all(outputs), all(constant), all(dirty));
        let call = Forward {
            inputs: &inputs, outputs: &outputs, non_differentiable: &constant, dirty: &dirty, saved: &saved, materialize,
        };
        let (results, _) = autograd::record_custom(function, &call)?;
        args::reply(Value::Tensors(results.into_iter().map(Some).collect()))
    })
}

/// The tensors of the list in the buffer, whose histories end in a node that raises this error.
#[wasm_bindgen]
pub fn undifferentiable(name: &str, message: &str) -> i32 {
    guard(|| {
        let list: Vec<Tensor> = Reader::new().tensors()?.unwrap_or_default().into_iter().flatten().collect();
        let ended = autograd::undifferentiable(&list, name, Error::runtime(message));
        args::reply(Value::Tensors(ended.into_iter().map(Some).collect()))
    })
}

struct SavedByFacade(Callback);

/// What `pack` made of a tensor, kept by the function that unpacks it.
struct PackedByFacade(Callback);

impl SavedHooks for SavedByFacade {
    fn pack(&self, t: &Tensor) -> Result<Box<dyn Packed>> {
        let key = self.0.run(&[&[Some(t.clone())]])?;
        Ok(Box::new(PackedByFacade(Callback(key as u32))))
    }
}

impl Packed for PackedByFacade {
    fn unpack(&self) -> Result {
        let found = self.0.list(&[])?.and_then(|list| list.into_iter().next().flatten());
        found.ok_or_else(|| Error::type_error("Output of saved tensor unpack_hook expected to be a Tensor"))
    }

    fn key(&self) -> Option<u32> {
        Some(self.0.0)
    }
}

/// From now on saved tensors go through the function of a key, which answers with the key of the
/// function that brings the tensor back.
#[wasm_bindgen]
pub fn push_saved_hooks(key: u32) {
    autograd::push_saved_hooks(Rc::new(SavedByFacade(Callback(key))));
}

/// Ends the last `push_saved_hooks`.
#[wasm_bindgen]
pub fn pop_saved_hooks() {
    autograd::pop_saved_hooks();
}

/// Begins, or ends, that saved tensors may be written to.
#[wasm_bindgen]
pub fn allow_mutation(on: bool) -> i32 {
    guard(|| {
        if !on {
            autograd::forbid_mutation();
            return Ok(0);
        }
        autograd::allow_mutation().map(|()| 0)
    })
}

/// Sets anomaly mode; answers what it was: 1 on, 2 looks for NaN.
#[wasm_bindgen]
pub fn set_anomaly(on: bool, check_nan: bool) -> u32 {
    let (was_on, did_check) = anomaly::set(on, check_nan);
    u32::from(was_on) | u32::from(did_check) << 1
}

/// Sets the function that tells where the program is.
#[wasm_bindgen]
pub fn set_tracer(tracer: js_sys::Function) {
    anomaly::set_tracer(Some(Rc::new(move || {
        tracer.call0(&JsValue::NULL).ok().and_then(|text| text.as_string()).unwrap_or_default()
    })));
}

/// Compares gradients of the function of a key with differences. In the buffer: the inputs, and for
/// second derivatives the gradients of the outputs or nothing. `flags`: 1 second derivatives, 2 fast.
#[wasm_bindgen]
pub fn check_gradients(key: u32, eps: f64, atol: f64, rtol: f64, flags: u32) -> i32 {
    let function = Callback(key);
    guard(|| {
        let mut reader = Reader::new();
        let inputs: Vec<Tensor> = reader.tensors()?.unwrap_or_default().into_iter().flatten().collect();
        let grads: Option<Vec<Tensor>> = reader.tensors()?.map(|list| list.into_iter().flatten().collect());
        let f = |given: &[Tensor]| -> Result<Vec<Tensor>> {
            let given: GradList = given.iter().cloned().map(Some).collect();
            Ok(function.list(&[&given])?.unwrap_or_default().into_iter().flatten().collect())
        };
        let check = gradcheck::Check { eps, atol, rtol, fast: flags & 2 != 0 };
        if flags & 1 != 0 {
            gradcheck::gradgradcheck(&f, &inputs, grads.as_deref(), &check)?;
        } else {
            gradcheck::gradcheck(&f, &inputs, &check)?;
        }
        Ok(handles::NOTHING)
    })
}
