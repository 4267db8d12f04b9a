//! Small tensors that are gone, kept whole for the next of the same shape and dtype.
//!
//! An op on a few elements spends most of its time on what stands around them: two allocations, sizes, strides, a
//! dozen fields, and as much again when the result goes. Programs make the same shapes over and over.

use crate::dtype::DType;
use crate::ops::quick::is_same;
use crate::state;
use crate::tensor::{Meta, Tensor, TensorImpl};
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;

/// Tensors of more elements are not worth it.
const FEW: usize = 1 << 12;
/// By a hash of shape and dtype.
const BINS: usize = 64;
/// So many that were kept last are looked at: shapes may share a bin.
const NEAR: usize = 4;
/// What is kept holds at most so many bytes.
const LIMIT: usize = 1 << 25;
/// About what a tensor takes besides its elements.
const FRAME: usize = 320;

struct Spares {
    bins: [Vec<Rc<TensorImpl>>; BINS],
    bytes: usize,
    /// The bin that has to give way next.
    next: usize,
}

thread_local! {
    // Not dropped with the thread: without a destructor there is nothing to check at each use.
    static SPARES: ManuallyDrop<RefCell<Spares>> =
        const { ManuallyDrop::new(RefCell::new(Spares { bins: [const { Vec::new() }; BINS], bytes: 0, next: 0 })) };
}

/// The number of a tensor's bin, once it is known: to compute it takes a tenth of an op on a few elements.
pub(crate) struct Bin(Cell<u8>);
const UNKNOWN: u8 = u8::MAX;

impl Default for Bin {
    fn default() -> Bin {
        Bin(Cell::new(UNKNOWN))
    }
}

impl Bin {
    #[inline]
    fn of(t: &TensorImpl) -> usize {
        let Bin(known) = &t.bin;
        if known.get() == UNKNOWN {
            known.set(bin(&t.layout.sizes, t.numel, t.dtype) as u8);
        }
        usize::from(known.get()) % BINS
    }
}

fn bin(sizes: &[i64], numel: usize, dtype: DType) -> usize {
    let first = sizes.first().map_or(0, |n| *n as usize);
    (numel ^ (numel >> 6) ^ first.wrapping_mul(9) ^ (sizes.len() << 4) ^ ((dtype as usize) << 2)) % BINS
}

impl Spares {
    /// Takes one out, of a shape that may be another.
    fn evict(&mut self) -> Option<Rc<TensorImpl>> {
        for _ in 0..BINS {
            self.next = (self.next + 1) % BINS;
            if let Some(frame) = self.bins[self.next].pop() {
                self.bytes -= FRAME + frame.storage.bytes();
                return Some(frame);
            }
        }
        None
    }
}

/// A row-major tensor of undefined elements, if there is one.
#[inline]
pub(crate) fn take(sizes: &[i64], numel: usize, dtype: DType) -> Option<Tensor> {
    if numel > FEW || numel == 0 { None } else { take_few(bin(sizes, numel, dtype), sizes, dtype) }
}

/// The same for the sizes and dtype of another.
#[inline]
pub(crate) fn take_alike(t: &Tensor) -> Option<Tensor> {
    if t.numel() > FEW || t.numel() == 0 { None } else { take_few(Bin::of(&t.0), t.sizes(), t.dtype()) }
}

fn take_few(bin: usize, sizes: &[i64], dtype: DType) -> Option<Tensor> {
    let mut frame = SPARES.with(|spares| {
        let spares = &mut *spares.borrow_mut();
        let bin = &mut spares.bins[bin];
        let is_one = |frame: &Rc<TensorImpl>| frame.dtype == dtype && is_same(&frame.layout.sizes, sizes);
        let top = bin.len().saturating_sub(NEAR);
        let found = bin[top..].iter().rposition(is_one);
        // One that nobody asks for makes room, or there would be ever more below it.
        let frame = match found {
            Some(at) => bin.swap_remove(top + at),
            None => bin.pop()?,
        };
        spares.bytes -= FRAME + frame.storage.bytes();
        found.map(|_| frame)
    })?;
    frame.storage.revive();
    if state::inference_mode() {
        Rc::get_mut(&mut frame)?.inference = true;
    }
    Some(Tensor::of(frame))
}

/// Takes what its last owner lets go: keeps it, or drops it.
// As a part of `drop` it makes a call and its release take a fourth longer.
#[inline(never)]
pub(crate) fn give(mut frame: Rc<TensorImpl>) {
    // Weak references may still be there.
    let Some(inner) = Rc::get_mut(&mut frame) else { return };
    let numel = inner.numel;
    // A view that outlived its base would fill a bin that nobody takes from.
    let usual = inner.is_whole && inner.version.is_none();
    if !usual || numel > FEW || numel == 0 || inner.storage.bytes() != numel * inner.dtype.itemsize() || Rc::get_mut(&mut inner.storage).is_none() {
        return;
    }
    let meta = inner.meta.get_mut();
    if !meta.is_empty() {
        *meta = Meta::default();
    }
    inner.wrapped = false;
    inner.inference = false;
    inner.storage.retire();
    let evicted = SPARES.with(|spares| {
        let spares = &mut *spares.borrow_mut();
        spares.bytes += FRAME + frame.storage.bytes();
        spares.bins[Bin::of(&frame)].push(frame);
        if spares.bytes > LIMIT { spares.evict() } else { None }
    });
    drop(evicted);
}

/// Frees all that is kept.
pub(crate) fn clear() {
    while let Some(frame) = SPARES.with(|spares| spares.borrow_mut().evict()) {
        drop(frame);
    }
}

/// About how many bytes are kept.
pub(crate) fn bytes() -> usize {
    SPARES.with(|spares| spares.borrow().bytes)
}
