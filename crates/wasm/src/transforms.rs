//! Levels of forward mode at the door.

use crate::args;
use crate::{guard, handles};
use cresset_core::autograd::forward;
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
