//! Functions of the facade that the core calls. JavaScript knows each by a key; lists of tensors go
//! there, and one comes back, through the buffer.

use crate::args::{self, Reader};
use crate::handles;
use cresset_core::autograd::GradList;
use cresset_core::error::{Error, Result};
use cresset_core::tensor::Tensor;
use std::cell::RefCell;
use wasm_bindgen::prelude::*;

thread_local! {
    /// What calls the function of a key, what forgets it, and what warns.
    static FACADE: RefCell<Option<[js_sys::Function; 3]>> = const { RefCell::new(None) };
}

/// `call(key, lists)` runs the function of a key on so many lists in the buffer, and answers with
/// `IN_BUFFER`, `NOTHING`, or a number of its own; `forget(key)` drops it; `warn(message)` tells the user.
#[wasm_bindgen]
pub fn set_callbacks(call: js_sys::Function, forget: js_sys::Function, warn: js_sys::Function) {
    FACADE.set(Some([call, forget, warn]));
    cresset_core::state::set_warn(|message| {
        if let Some([_, _, warn]) = FACADE.with_borrow(Clone::clone) {
            // A warning that cannot be shown is lost.
            let _ = warn.call1(&JsValue::NULL, &message.into());
        }
    });
}

/// A function of the facade, which forgets it when the core does.
pub struct Callback(pub u32);

impl Callback {
    /// Runs it; the answer is a list in the buffer, nothing, or a number.
    pub fn run(&self, lists: &[&[Option<Tensor>]]) -> Result<i32> {
        let [call, ..] = FACADE.with_borrow(Clone::clone).ok_or_else(|| Error::runtime("no callback is set"))?;
        args::write_lists(lists)?;
        // The facade keeps what was thrown and throws it on.
        let answer = call.call2(&JsValue::NULL, &self.0.into(), &(lists.len() as u32).into());
        answer.ok().and_then(|a| a.as_f64()).map(|a| a as i32).ok_or_else(|| Error::runtime("a callback failed"))
    }

    /// The list that it answers with, if it does.
    pub fn list(&self, lists: &[&[Option<Tensor>]]) -> Result<Option<GradList>> {
        if self.run(lists)? == handles::IN_BUFFER { Reader::new().tensors() } else { Ok(None) }
    }

    /// The tensor that it answers with, if it does.
    pub fn tensor(&self, given: &Tensor) -> Result<Option<Tensor>> {
        Ok(self.list(&[&[Some(given.clone())]])?.and_then(|list| list.into_iter().next().flatten()))
    }
}

impl Drop for Callback {
    fn drop(&mut self) {
        if let Some([_, forget, _]) = FACADE.with_borrow(Clone::clone) {
            let _ = forget.call1(&JsValue::NULL, &self.0.into());
        }
    }
}
