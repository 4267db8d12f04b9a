//! Levels of forward mode, of `torch.func.grad` and of vmap at the door.

use crate::args::{self, Reader};
use crate::{guard, handles};
use cresset_core::autograd::{forward, functional};
use cresset_core::batch::{self, Randomness};
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

/// Opens a level of vmap for so many examples; random numbers are 0 refused, 1 different, 2 the same.
#[wasm_bindgen]
pub fn enter_vmap(size: f64, randomness: u32) -> u32 {
    let randomness = [Randomness::Error, Randomness::Different, Randomness::Same][randomness.min(2) as usize];
    batch::enter_level(size as i64, randomness)
}

/// Closes the level opened last.
#[wasm_bindgen]
pub fn exit_vmap() {
    batch::exit_level();
}

/// A tensor as a level sees it: without the dimension of its examples.
#[wasm_bindgen]
pub fn add_level(handle: i32, dim: i32, level: u32) -> i32 {
    guard(|| handles::put(batch::add_level(&handles::get(handle)?, i64::from(dim), level)?))
}

/// A tensor as it is outside of a level: with a dimension of examples.
#[wasm_bindgen]
pub fn remove_level(handle: i32, dim: i32, level: u32) -> i32 {
    guard(|| handles::put(batch::remove_level(&handles::get(handle)?, i64::from(dim), level)?))
}

/// Whether a tensor varies over a level.
#[wasm_bindgen]
pub fn has_level(handle: i32, level: u32) -> bool {
    handles::with(handle, |t| t.batch().is_some_and(|b| b.levels.contains(&level))).unwrap_or(false)
}

/// The last level over which a tensor varies; 0 for none.
#[wasm_bindgen]
pub fn last_batch_level(handle: i32) -> u32 {
    handles::with(handle, |t| t.batch().and_then(|b| b.levels.last().copied())).ok().flatten().unwrap_or(0)
}

/// The last open level at which a tensor has a tangent; 0 for none.
#[wasm_bindgen]
pub fn last_tangent_level(handle: i32) -> u32 {
    handles::with(handle, Tensor::last_tangent_level).ok().flatten().unwrap_or(0)
}

/// How many examples an open level of vmap has.
#[wasm_bindgen]
pub fn level_size(level: u32) -> f64 {
    batch::level(level).map_or(0.0, |(size, _)| size as f64)
}

/// What random ops do at it: 0 refused, 1 different, 2 the same.
#[wasm_bindgen]
pub fn level_randomness(level: u32) -> u32 {
    batch::level(level).map_or(0, |(_, randomness)| randomness as u32)
}
