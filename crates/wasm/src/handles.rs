//! The tensors that JavaScript holds: numbers of 24 bits of place and 8 bits of generation, so that
//! a disposed tensor used again is an error and never another tensor.

use cresset_core::error::{Error, Result};
use cresset_core::tensor::Tensor;
use std::cell::RefCell;
use std::mem::ManuallyDrop;

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
    /// Place 0 stays empty: handle 0 is what JavaScript keeps of a disposed tensor.
    slots: Vec<Slot>,
    free: Vec<u32>,
}

thread_local! {
    // Not dropped with the thread: without a destructor there is nothing to check at each use.
    static TABLE: ManuallyDrop<RefCell<Table>> =
        const { ManuallyDrop::new(RefCell::new(Table { slots: Vec::new(), free: Vec::new() })) };
}

#[inline]
fn split(handle: i32) -> (usize, u8) {
    ((handle & 0xff_ffff) as usize, (handle as u32 >> 24) as u8)
}

#[inline]
fn joined(at: u32, generation: u8) -> i32 {
    (at | u32::from(generation) << 24) as i32
}

impl Table {
    #[inline]
    fn tensor(&self, handle: i32) -> Option<&Tensor> {
        let (at, generation) = split(handle);
        self.slots.get(at).filter(|s| s.generation == generation)?.tensor.as_ref()
    }

    #[inline]
    fn slot(&mut self, handle: i32) -> Option<&mut Slot> {
        let (at, generation) = split(handle);
        self.slots.get_mut(at).filter(|s| s.generation == generation)
    }

    /// None if it is full.
    #[inline]
    fn put(&mut self, t: Tensor) -> Option<i32> {
        let at = match self.free.pop() {
            Some(at) => at,
            None => self.widen()?,
        };
        let slot = &mut self.slots[at as usize];
        slot.tensor = Some(t);
        Some(joined(at, slot.generation))
    }

    /// Another place.
    #[cold]
    fn widen(&mut self) -> Option<u32> {
        if self.slots.is_empty() {
            self.slots.push(Slot::default());
        }
        if self.slots.len() >= 1 << 24 {
            return None;
        }
        self.slots.push(Slot::default());
        Some(self.slots.len() as u32 - 1)
    }
}

/// Gives a tensor a handle.
pub fn put(t: Tensor) -> Result<i32> {
    TABLE.with(|table| table.borrow_mut().put(t)).ok_or_else(|| Error::runtime("too many tensors are alive: the limit is 16777215"))
}

/// The handle of what `f` makes of two tensors, or of one where the other handle is 0; None where it makes nothing.
#[inline]
pub fn made(handle: i32, other: i32, f: impl FnOnce(&Tensor, Option<&Tensor>) -> Option<Tensor>) -> Option<i32> {
    TABLE.with(|table| {
        let table = &mut *table.borrow_mut();
        let other = if other == 0 { None } else { Some(table.tensor(other)?) };
        let out = f(table.tensor(handle)?, other)?;
        table.put(out)
    })
}

/// The tensor of a handle.
pub fn get(handle: i32) -> Result<Tensor> {
    with(handle, Tensor::clone)
}

/// What `f` tells of the tensor of a handle, without counting it up.
pub fn with<T>(handle: i32, f: impl FnOnce(&Tensor) -> T) -> Result<T> {
    TABLE.with(|table| table.borrow().tensor(handle).map(f)).ok_or_else(|| Error::runtime("this tensor has been disposed of"))
}

/// All handles with their tensors.
pub fn all() -> Vec<(i32, Tensor)> {
    TABLE.with(|table| {
        let table = table.borrow();
        let held = |(at, slot): (usize, &Slot)| slot.tensor.clone().map(|t| (joined(at as u32, slot.generation), t));
        table.slots.iter().enumerate().filter_map(held).collect()
    })
}

/// A handle of this very tensor, if JavaScript has one.
pub fn find(t: &Tensor) -> Option<i32> {
    TABLE.with(|table| {
        let table = table.borrow();
        let at = table.slots.iter().position(|s| s.tensor.as_ref().is_some_and(|have| have.is(t)))?;
        Some(joined(at as u32, table.slots[at].generation))
    })
}

/// Puts another tensor in the place of a handle's.
pub fn replace(handle: i32, t: Tensor) -> Result<()> {
    let old = TABLE.with(|table| table.borrow_mut().slot(handle)?.tensor.replace(t));
    old.map(drop).ok_or_else(|| Error::runtime("this tensor has been disposed of"))
}

/// Lets handles go; twice is as good as once.
#[inline]
pub fn release<const N: usize>(handles: [i32; N]) {
    // Dropped after the table is free again: the last owner of a graph frees much.
    let dead = TABLE.with(|table| {
        let table = &mut *table.borrow_mut();
        handles.map(|handle| {
            let slot = table.slot(handle)?;
            let dead = slot.tensor.take()?;
            slot.generation = if slot.generation == LAST_GENERATION { 0 } else { slot.generation + 1 };
            table.free.push(split(handle).0 as u32);
            Some(dead)
        })
    });
    drop(dead);
}

/// How many handles are held.
pub fn count() -> usize {
    TABLE.with(|table| {
        let table = table.borrow();
        table.slots.len().saturating_sub(1 + table.free.len())
    })
}
