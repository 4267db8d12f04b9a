//! `allow_mutation_on_saved_tensors`: what was saved for backward is copied when it is written to.

use super::saved::{pop_saved_hooks, push_saved_hooks, Packed, SavedHooks};
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

/// A saved tensor: the original, then a copy, and nothing once the context is over.
struct Slot(RefCell<Option<Tensor>>);

/// The slots of the tensors saved so far, by the addresses of their storages, which they keep alive.
type Slots = HashMap<usize, Vec<Weak<Slot>>>;

thread_local! {
    static OPEN: Cell<bool> = const { Cell::new(false) };
    static SLOTS: RefCell<Slots> = RefCell::default();
}

fn address(t: &Tensor) -> usize {
    Rc::as_ptr(&t.0.storage) as usize
}

struct CopyOnWrite;

impl SavedHooks for CopyOnWrite {
    fn pack(&self, t: &Tensor) -> Result<Box<dyn Packed>> {
        SLOTS.with_borrow_mut(|slots| {
            let list = slots.entry(address(t)).or_default();
            list.retain(|slot| slot.strong_count() > 0);
            let same = |slot: &Rc<Slot>| slot.0.borrow().as_ref().is_some_and(|v| v.layout() == t.layout() && v.dtype() == t.dtype());
            let known = list.iter().filter_map(Weak::upgrade).find(same);
            Ok(Box::new(known.unwrap_or_else(|| {
                let slot = Rc::new(Slot(RefCell::new(Some(t.clone()))));
                list.push(Rc::downgrade(&slot));
                slot
            })) as Box<dyn Packed>)
        })
    }
}

impl Packed for Rc<Slot> {
    fn unpack(&self) -> Result {
        let outside = || {
            Error::assertion(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' contextin which the graph was originally \
                 recorded.",
            )
        };
        self.0.borrow().clone().ok_or_else(outside)
    }
}

/// Begins the context.
pub fn allow_mutation() -> Result<()> {
    if OPEN.replace(true) {
        return Err(Error::runtime("allow_mutation_on_saved_tensors contexts cannot be nested"));
    }
    push_saved_hooks(Rc::new(CopyOnWrite));
    Ok(())
}

/// Ends it, and lets go what was saved in it.
pub fn forbid_mutation() {
    pop_saved_hooks();
    OPEN.set(false);
    let slots = SLOTS.take();
    let gone: Vec<Option<Tensor>> = slots.values().flatten().filter_map(Weak::upgrade).map(|slot| slot.0.take()).collect();
    drop(gone);
}

/// A tensor is about to be written to: what is saved of its memory is copied.
pub(crate) fn before_write(target: &Tensor) -> Result<()> {
    if !OPEN.get() {
        return Ok(());
    }
    let here = SLOTS.with_borrow_mut(|slots| slots.remove(&address(target)));
    for slot in here.iter().flatten().filter_map(Weak::upgrade) {
        let original = slot.0.borrow().clone();
        if let Some(original) = original {
            let copy = original.copied(original.dtype())?;
            SLOTS.with_borrow_mut(|slots| slots.entry(address(&copy)).or_default().push(Rc::downgrade(&slot)));
            slot.0.replace(Some(copy));
        }
    }
    Ok(())
}
