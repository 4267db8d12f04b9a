//! The tensors that JavaScript holds: numbers of 24 bits of place and 8 bits of generation, so that
//! a disposed tensor used again is an error and never another tensor.

use cresset_core::error::{Error, Result};
use cresset_core::tensor::Tensor;
use std::cell::RefCell;

#[derive(Default)]
struct Slot {
    generation: u8,
    tensor: Option<Tensor>,
}

#[derive(Default)]
struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

thread_local! {
    static TABLE: RefCell<Table> = RefCell::default();
}

fn split(handle: u32) -> (usize, u8) {
    ((handle & 0xff_ffff) as usize, (handle >> 24) as u8)
}

/// Gives a tensor a handle.
pub fn put(t: Tensor) -> u32 {
    TABLE.with_borrow_mut(|table| {
        let at = table.free.pop().unwrap_or_else(|| {
            table.slots.push(Slot::default());
            table.slots.len() as u32 - 1
        });
        let slot = &mut table.slots[at as usize];
        slot.tensor = Some(t);
        at | u32::from(slot.generation) << 24
    })
}

/// The tensor of a handle.
pub fn get(handle: u32) -> Result<Tensor> {
    let (at, generation) = split(handle);
    TABLE.with_borrow(|table| {
        let slot = table.slots.get(at).filter(|s| s.generation == generation);
        slot.and_then(|s| s.tensor.clone()).ok_or_else(|| Error::runtime("this tensor has been disposed of"))
    })
}

/// Lets a handle go; twice is as good as once.
pub fn release(handle: u32) {
    let (at, generation) = split(handle);
    let dead = TABLE.with_borrow_mut(|table| {
        let slot = table.slots.get_mut(at).filter(|s| s.generation == generation)?;
        let dead = slot.tensor.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        table.free.push(at as u32);
        Some(dead)
    });
    drop(dead);
}

/// How many handles are held.
pub fn count() -> usize {
    TABLE.with_borrow(|t| t.slots.len() - t.free.len())
}
