//! Bytes of tensors: aligned blocks, their reuse, and the live and peak counts.

use crate::error::{Error, Result};
use crate::spares;
use std::alloc::{alloc, dealloc, Layout};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::mem::MaybeUninit;
use std::rc::Rc;

const ALIGN: usize = 64;
/// Up to this many bytes lie in the storage itself, which then is all there is to allocate.
const SMALL: usize = 64;
/// Blocks of up to this many bytes are kept for reuse when they are freed.
const POOLED: usize = 1 << 26;
/// The pool keeps at most this many bytes in all.
const POOL_LIMIT: usize = 1 << 28;

struct Pool {
    free: Vec<Vec<*mut u8>>,
    held: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { free: Vec::new(), held: 0 }) };
    static LIVE: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
    static STORAGES: Cell<usize> = const { Cell::new(0) };
}

/// So many bytes more are in use.
fn count(bytes: usize) {
    let live = LIVE.get() + bytes;
    LIVE.set(live);
    PEAK.set(PEAK.get().max(live));
}

/// Where the number of live bytes is kept.
pub fn live_address() -> usize {
    LIVE.with(|l| l.as_ptr() as usize)
}

/// Counts the peak anew from what is live now.
pub fn reset_peak() {
    PEAK.set(LIVE.get());
}

/// What `torch.memory.stats()` tells of storages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stats {
    /// Bytes that tensors hold now.
    pub live_bytes: usize,
    /// The most that they held at once.
    pub peak_bytes: usize,
    /// Storages that are alive.
    pub storages: usize,
    /// Freed bytes kept for reuse.
    pub cached_bytes: usize,
}

/// The counts of this thread's storages.
pub fn stats() -> Stats {
    Stats {
        live_bytes: LIVE.get(),
        peak_bytes: PEAK.get(),
        storages: STORAGES.get(),
        cached_bytes: POOL.with_borrow(|p| p.held) + spares::bytes(),
    }
}

/// Size classes are powers of two and their three quarters, so at most a third is lost.
fn class(bytes: usize) -> (usize, usize) {
    let up = bytes.max(16).next_power_of_two();
    let log = up.trailing_zeros() as usize;
    let three = up / 4 * 3;
    if bytes <= three && three >= 64 {
        (2 * log, three)
    } else {
        (2 * log + 1, up)
    }
}

/// Bytes that vector instructions may load.
#[repr(align(16))]
struct Few(#[allow(dead_code)] [u8; SMALL]);

/// A block of bytes; dropping it gives the block back to the pool.
pub struct Storage {
    ptr: Cell<*mut u8>,
    bytes: Cell<usize>,
    /// The size of a block from the pool; 0 while there is none.
    room: Cell<usize>,
    /// How often it was written in place.
    pub(crate) version: Cell<u32>,
    /// Nobody's, kept with its tensor for the next.
    is_spare: Cell<bool>,
    few: UnsafeCell<MaybeUninit<Few>>,
}

fn take(bytes: usize) -> Result<(*mut u8, usize)> {
    if bytes > isize::MAX as usize / 2 {
        return Err(Error::out_of_memory(bytes, stats().live_bytes));
    }
    let (class, room) = class(bytes);
    let reused = POOL.with_borrow_mut(|p| {
        let ptr = p.free.get_mut(class).and_then(Vec::pop)?;
        p.held -= room;
        Some(ptr)
    });
    if let Some(ptr) = reused {
        return Ok((ptr, room));
    }
    // SAFETY: the size is not zero and fits an isize, the alignment is a power of two.
    let fresh = || unsafe { alloc(Layout::from_size_align_unchecked(room, ALIGN)) };
    let mut ptr = fresh();
    if ptr.is_null() {
        clear_pool();
        ptr = fresh();
    }
    if ptr.is_null() {
        return Err(Error::out_of_memory(bytes, stats().live_bytes));
    }
    Ok((ptr, room))
}

fn give(ptr: *mut u8, room: usize) {
    if room == 0 {
        return;
    }
    let kept = POOL.try_with(|p| {
        let mut p = p.borrow_mut();
        if room > POOLED || p.held + room > POOL_LIMIT {
            return false;
        }
        let (class, _) = class(room);
        if p.free.len() <= class {
            p.free.resize_with(class + 1, Vec::new);
        }
        p.free[class].push(ptr);
        p.held += room;
        true
    });
    if kept != Ok(true) {
        // SAFETY: the block came from `take` with this room.
        unsafe { dealloc(ptr, Layout::from_size_align_unchecked(room, ALIGN)) }
    }
}

/// Frees every block that is kept for reuse.
pub fn clear_pool() {
    spares::clear();
    let free = POOL.with_borrow_mut(|p| {
        p.held = 0;
        std::mem::take(&mut p.free)
    });
    for (class, blocks) in free.into_iter().enumerate() {
        let up = 1usize << (class / 2);
        let room = if class % 2 == 0 { up / 4 * 3 } else { up };
        for ptr in blocks {
            // SAFETY: a block of this class was allocated with this room.
            unsafe { dealloc(ptr, Layout::from_size_align_unchecked(room, ALIGN)) }
        }
    }
}

impl Storage {
    /// A block of `bytes` undefined bytes.
    pub fn new(bytes: usize) -> Result<Rc<Storage>> {
        let (ptr, room) = if bytes <= SMALL { (std::ptr::without_provenance_mut(ALIGN), 0) } else { take(bytes)? };
        let few = UnsafeCell::new(MaybeUninit::uninit());
        let made = Rc::new(Storage { ptr: Cell::new(ptr), bytes: Cell::new(bytes), room: Cell::new(room), version: Cell::new(0), is_spare: Cell::new(false), few });
        if bytes > 0 {
            count(bytes);
            STORAGES.set(STORAGES.get() + 1);
            if room == 0 {
                // It does not move any more.
                made.ptr.set(made.few.get().cast());
            }
        }
        Ok(made)
    }

    /// It is nobody's until `revive`, and does not count.
    pub(crate) fn retire(&self) {
        self.is_spare.set(true);
        LIVE.set(LIVE.get() - self.bytes());
        STORAGES.set(STORAGES.get() - 1);
    }

    /// It is in use again, as if it were new.
    pub(crate) fn revive(&self) {
        self.is_spare.set(false);
        self.version.set(0);
        count(self.bytes());
        STORAGES.set(STORAGES.get() + 1);
    }

    /// The first byte.
    #[inline(always)]
    pub fn ptr(&self) -> *mut u8 {
        self.ptr.get()
    }

    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        self.bytes.get()
    }

    /// Exchanges the bytes with those of another block of the same length, without moving them; false
    /// where one of them has its bytes in itself.
    pub fn exchange(&self, other: &Storage) -> bool {
        let can = self.bytes() == other.bytes() && self.room.get() > 0 && other.room.get() > 0;
        if can {
            self.ptr.swap(&other.ptr);
            self.room.swap(&other.room);
        }
        can
    }

    /// Grows the block, keeping its contents; it never shrinks.
    pub fn grow(&self, bytes: usize) -> Result<()> {
        let had = self.bytes.get();
        if bytes <= had {
            return Ok(());
        }
        let (ptr, room) = take(bytes)?;
        // SAFETY: both blocks hold at least the old number of bytes and are distinct.
        unsafe { std::ptr::copy_nonoverlapping(self.ptr(), ptr, had) };
        give(self.ptr.replace(ptr), self.room.replace(room));
        count(bytes - had);
        STORAGES.set(STORAGES.get() + usize::from(had == 0));
        self.bytes.set(bytes);
        Ok(())
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        let bytes = self.bytes.get();
        if self.is_spare.get() {
            give(self.ptr.get(), self.room.get());
        } else if bytes > 0 {
            LIVE.set(LIVE.get() - bytes);
            STORAGES.set(STORAGES.get() - 1);
            give(self.ptr.get(), self.room.get());
        }
    }
}
