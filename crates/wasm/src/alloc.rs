//! Small blocks of memory from lists of their own. What an op allocates (a tensor's frame, a node of
//! the tape, a list of arguments) is small and lives for moments; the general allocator searches.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Sizes are rounded up to multiples of this, which is also how blocks are aligned.
const STEP: usize = 16;
/// Larger blocks come from the system.
const LARGEST: usize = 1024;
/// Lists are filled from pieces of this size, which are never given back.
const PIECE: usize = 1 << 14;

type Lists = [Cell<*mut u8>; LARGEST / STEP];

thread_local! {
    /// For each size the first free block; a free block begins with the address of the next.
    static FREE: Lists = const { [const { Cell::new(null_mut()) }; LARGEST / STEP] };
}

/// The pages that the module's memory had when it was last seen to grow.
static PAGES: AtomicUsize = AtomicUsize::new(0);

/// The pages that it has now.
fn pages() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size::<0>();
    #[cfg(not(target_arch = "wasm32"))]
    0
}

/// A block from the system. Each growth of the memory is a new buffer to JavaScript, whose collector counts all of
/// them: where there was one, the memory grows by a part of itself at once.
unsafe fn large(layout: Layout) -> *mut u8 {
    // SAFETY: the caller's promise; the second block is given back.
    unsafe {
        let block = System.alloc(layout);
        let pages = pages();
        if PAGES.swap(pages, Relaxed) != pages && pages > 3 {
            let more = Layout::from_size_align_unchecked((pages / 4) << 16, STEP);
            let ahead = System.alloc(more);
            if !ahead.is_null() {
                System.dealloc(ahead, more);
            }
            PAGES.store(self::pages(), Relaxed);
        }
        block
    }
}

struct Small;

#[global_allocator]
static ALLOCATOR: Small = Small;

fn is_small(layout: Layout) -> bool {
    layout.size() <= LARGEST && layout.align() <= STEP && layout.size() > 0
}

/// Cuts a piece into free blocks; returns the first, or null without memory.
#[cold]
fn fill(list: &Cell<*mut u8>, size: usize) -> *mut u8 {
    // SAFETY: the size is not zero; the blocks lie inside the piece.
    unsafe {
        let piece = large(Layout::from_size_align_unchecked(PIECE, STEP));
        if piece.is_null() {
            return piece;
        }
        let mut next = null_mut();
        for i in (0..PIECE / size).rev() {
            let block = piece.add(i * size);
            *block.cast::<*mut u8>() = next;
            next = block;
        }
        list.set(*piece.cast::<*mut u8>());
        piece
    }
}

// SAFETY: a block is in one list or in use; sizes and alignments are those of its list, or the system's.
unsafe impl GlobalAlloc for Small {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !is_small(layout) {
            // SAFETY: the caller's promise.
            return unsafe { large(layout) };
        }
        let class = (layout.size() - 1) / STEP;
        FREE.with(|lists| {
            let list = &lists[class];
            let block = list.get();
            if block.is_null() {
                return fill(list, (class + 1) * STEP);
            }
            // SAFETY: a free block begins with the address of the next.
            list.set(unsafe { *block.cast::<*mut u8>() });
            block
        })
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if !is_small(layout) {
            // SAFETY: the caller's promise.
            return unsafe { System.dealloc(block, layout) };
        }
        FREE.with(|lists| {
            let list = &lists[(layout.size() - 1) / STEP];
            // SAFETY: the block is at least as large as an address.
            unsafe { *block.cast::<*mut u8>() = list.get() };
            list.set(block);
        });
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promise; both blocks hold the smaller of the sizes.
        unsafe {
            let larger = Layout::from_size_align_unchecked(size, layout.align());
            if !is_small(layout) && !is_small(larger) {
                return System.realloc(block, layout, size);
            }
            let moved = self.alloc(larger);
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(block, moved, layout.size().min(size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}
