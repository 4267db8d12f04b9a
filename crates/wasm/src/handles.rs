//! The tensors that JavaScript holds: numbers of 24 bits of place and 8 bits of generation, so that
//! a disposed tensor used again is an error and never another tensor.

use cresset_core::error::{Error, Result};
use cresset_core::tensor::Tensor;
use std::cell::RefCell;

/// What the door answers instead of a handle; no handle has this generation.
pub const FAILED: i32 = -1;
/// The answer is in the buffer.
pub const IN_BUFFER: i32 = -2;
/// There is none.
pub const NOTHING: i32 = -3;
const LAST_GENERATION: u8 = 0xfe;

#[derive(Default)]
struct Slot {
    generation: u8,
    tensor: Option<Tensor>,
}

struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

thread_local! {
    // Place 0 stays empty: handle 0 is what JavaScript keeps of a disposed tensor.
    static TABLE: RefCell<Table> =
        RefCell::new(Table { slots: vec![Slot::default()], free: Vec::new() });
}

fn split(handle: i32) -> (usize, u8) {
    ((handle & 0xff_ffff) as usize, (handle as u32 >> 24) as u8)
}

/// Gives a tensor a handle.
pub fn put(t: Tensor) -> Result<i32> {
    TABLE.with_borrow_mut(|table| {
        let at = match table.free.pop() {
            Some(at) => at,
            None if table.slots.len() >= 1 << 24 => {
                return Err(Error::runtime("too many tensors are alive: the limit is 16777215"));
            }
            None => {
                table.slots.push(Slot::default());
                table.slots.len() as u32 - 1
            }
        };
        let slot = &mut table.slots[at as usize];
        slot.tensor = Some(t);
        Ok((at | u32::from(slot.generation) << 24) as i32)
    })
}

/// The tensor of a handle.
pub fn get(handle: i32) -> Result<Tensor> {
    with(handle, Tensor::clone)
}

/// What `f` tells of the tensor of a handle, without counting it up.
pub fn with<T>(handle: i32, f: impl FnOnce(&Tensor) -> T) -> Result<T> {
    let (at, generation) = split(handle);
    TABLE.with_borrow(|table| {
        let slot = table.slots.get(at).filter(|s| s.generation == generation);
        slot.and_then(|s| s.tensor.as_ref()).map(f)
    })
    .ok_or_else(|| Error::runtime("this tensor has been disposed of"))
}

/// What `f` tells of two tensors, or of one where the other handle is 0.
pub fn with_two<T>(handle: i32, other: i32, f: impl FnOnce(&Tensor, Option<&Tensor>) -> T) -> Result<T> {
    TABLE.with_borrow(|table| {
        let tensor = |handle: i32| {
            let (at, generation) = split(handle);
            table.slots.get(at).filter(|s| s.generation == generation)?.tensor.as_ref()
        };
        Some(f(tensor(handle)?, if other == 0 { None } else { Some(tensor(other)?) }))
    })
    .ok_or_else(|| Error::runtime("this tensor has been disposed of"))
}

/// All handles with their tensors.
pub fn all() -> Vec<(i32, Tensor)> {
    TABLE.with_borrow(|table| {
        let held = |(at, slot): (usize, &Slot)| {
            slot.tensor.clone().map(|t| ((at as u32 | u32::from(slot.generation) << 24) as i32, t))
        };
        table.slots.iter().enumerate().filter_map(held).collect()
    })
}

/// A handle of this very tensor, if JavaScript has one.
pub fn find(t: &Tensor) -> Option<i32> {
    TABLE.with_borrow(|table| {
        let at = table.slots.iter().position(|s| s.tensor.as_ref().is_some_and(|have| have.is(t)))?;
        Some((at as u32 | u32::from(table.slots[at].generation) << 24) as i32)
    })
}

/// Puts another tensor in the place of a handle's.
pub fn replace(handle: i32, t: Tensor) -> Result<()> {
    let (at, generation) = split(handle);
    let old = TABLE.with_borrow_mut(|table| {
        let slot = table.slots.get_mut(at).filter(|s| s.generation == generation)?;
        slot.tensor.replace(t)
    });
    old.map(drop).ok_or_else(|| Error::runtime("this tensor has been disposed of"))
}

/// Lets a handle go; twice is as good as once.
pub fn release(handle: i32) {
    let (at, generation) = split(handle);
    // Dropped after the table is free again: the last owner of a graph frees much.
    let dead = TABLE.with_borrow_mut(|table| {
        let slot = table.slots.get_mut(at).filter(|s| s.generation == generation)?;
        let dead = slot.tensor.take()?;
        slot.generation = if generation == LAST_GENERATION { 0 } else { generation + 1 };
        table.free.push(at as u32);
        Some(dead)
    });
    drop(dead);
}

/// How many handles are held.
pub fn count() -> usize {
    TABLE.with_borrow(|t| t.slots.len() - 1 - t.free.len())
}
