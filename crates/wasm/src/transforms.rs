//! Levels of forward mode and of `torch.func` at the door.

use crate::args::{self, Reader};
use crate::{guard, handles};
use cresset_core::autograd::{forward, functional};
use cresset_core::tensor::Tensor;
use cresset_core::value::Value;
use wasm_bindgen::prelude::*;

/// Opens a level of forward mode: its number.
#[wasm_bindgen]
pub fn enter_dual_level() -> u32 {
    forward::enter_level()
}

/// Closes it.
#[wasm_bindgen]
pub fn exit_dual_level(level: u32) {
    forward::exit_level(level);
}

/// A view of one tensor that carries another as its tangent.
#[wasm_bindgen]
pub fn make_dual(primal: i32, tangent: i32, level: u32) -> i32 {
    guard(|| handles::put(forward::make_dual(&handles::get(primal)?, &handles::get(tangent)?, level)?))
}

/// The two parts of a dual tensor, the second being nothing where it has no tangent.
#[wasm_bindgen]
pub fn unpack_dual(dual: i32, level: u32) -> i32 {
    guard(|| {
        let (primal, tangent) = forward::unpack_dual(&handles::get(dual)?, level)?;
        args::reply(Value::Tensors(vec![Some(primal), tangent]))
    })
}

/// Opens a level of `torch.func.grad`.
#[wasm_bindgen]
pub fn enter_grad_level() -> u32 {
    functional::enter_level()
}

/// Closes it.
#[wasm_bindgen]
pub fn exit_grad_level() {
    functional::exit_level();
}

/// An alias of a tensor to differentiate in.
#[wasm_bindgen]
pub fn grad_input(handle: i32) -> i32 {
    guard(|| handles::put(functional::input(&handles::get(handle)?)?))
}

/// Whether the tensors of a list lead to leaves outside the level: 1 or 0.
#[wasm_bindgen]
pub fn leads_outside() -> i32 {
    guard(|| {
        let roots: Vec<Tensor> = Reader::new().tensors()?.unwrap_or_default().into_iter().flatten().collect();
        Ok(i32::from(functional::leads_outside(&roots)?))
    })
}
