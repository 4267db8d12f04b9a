//! Bytes of tensors: aligned blocks, their reuse, and the live and peak counts.

use crate::error::{Error, Result};
use std::alloc::{alloc, dealloc, Layout};
use std::cell::{Cell, RefCell};

const ALIGN: usize = 64;
/// Blocks of up to this many bytes are kept for reuse when they are freed.
const POOLED: usize = 1 << 26;
/// The pool keeps at most this many bytes in all.
const POOL_LIMIT: usize = 1 << 28;

#[derive(Default)]
struct Pool {
    free: Vec<Vec<*mut u8>>,
    held: usize,
    peak: usize,
    blocks: usize,
}

impl Pool {
    /// One more block is in use.
    fn count(&mut self, bytes: usize) {
        let live = LIVE.get() + bytes;
        LIVE.set(live);
        self.peak = self.peak.max(live);
        self.blocks += 1;
    }
}

thread_local! {
    static POOL: RefCell<Pool> = RefCell::new(Pool::default());
    static LIVE: Cell<usize> = const { Cell::new(0) };
}

/// Where the number of live bytes is kept.
pub fn live_address() -> usize {
    LIVE.with(|l| l.as_ptr() as usize)
}

/// Counts the peak anew from what is live now.
pub fn reset_peak() {
    POOL.with_borrow_mut(|p| p.peak = LIVE.get());
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
    POOL.with_borrow(|p| Stats {
        live_bytes: LIVE.get(),
        peak_bytes: p.peak,
        storages: p.blocks,
        cached_bytes: p.held,
    })
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

/// A block of bytes; dropping it gives the block back to the pool.
pub struct Storage {
    ptr: Cell<*mut u8>,
    bytes: Cell<usize>,
    room: Cell<usize>,
    /// How often it was written in place.
    pub(crate) version: Cell<u32>,
}

fn take(bytes: usize) -> Result<(*mut u8, usize)> {
    if bytes == 0 {
        return Ok((std::ptr::without_provenance_mut(ALIGN), 0));
    }
    if bytes > isize::MAX as usize / 2 {
        return Err(Error::out_of_memory(bytes, stats().live_bytes));
    }
    let (class, room) = class(bytes);
    let reused = POOL.with_borrow_mut(|p| {
        let ptr = p.free.get_mut(class).and_then(Vec::pop)?;
        p.held -= room;
        p.count(bytes);
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
    POOL.with_borrow_mut(|p| p.count(bytes));
    Ok((ptr, room))
}

fn give(ptr: *mut u8, bytes: usize, room: usize) {
    if room == 0 {
        return;
    }
    let kept = POOL.try_with(|p| {
        let mut p = p.borrow_mut();
        LIVE.set(LIVE.get() - bytes);
        p.blocks -= 1;
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
    pub fn new(bytes: usize) -> Result<Storage> {
        let (ptr, room) = take(bytes)?;
        Ok(Storage { ptr: Cell::new(ptr), bytes: Cell::new(bytes), room: Cell::new(room), version: Cell::new(0) })
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

    /// Grows the block, keeping its contents; it never shrinks.
    pub fn grow(&self, bytes: usize) -> Result<()> {
        if bytes <= self.bytes.get() {
            return Ok(());
        }
        let (ptr, room) = take(bytes)?;
        // SAFETY: both blocks hold at least the old number of bytes and are distinct.
        unsafe { std::ptr::copy_nonoverlapping(self.ptr(), ptr, self.bytes.get()) };
        give(self.ptr.replace(ptr), self.bytes.replace(bytes), self.room.replace(room));
        Ok(())
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        give(self.ptr.get(), self.bytes.get(), self.room.get());
    }
}
