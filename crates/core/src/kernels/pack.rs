//! Packing: the rows of a matrix that a tile needs, in the order in which it reads them.

use super::gemm::Mat;
use super::simd::Lane;

/// Copies `rows` (at most `unit`) rows of length `depth` to a panel; `unit` is 3, 4, 6 or 8.
///
/// # Safety
/// As for `panel`.
pub unsafe fn pack<L: Lane>(from: Mat<L::Elem>, unit: usize, rows: usize, depth: usize, to: *mut L::Elem) {
    // SAFETY: the caller's promise.
    unsafe {
        match unit {
            3 => panel::<L, 3>(from, rows, depth, to),
            4 => panel::<L, 4>(from, rows, depth, to),
            6 => panel::<L, 6>(from, rows, depth, to),
            _ => panel::<L, 8>(from, rows, depth, to),
        }
    }
}

/// Copies `rows` (at most `UNIT`) rows of length `depth` to a panel: for each column its `UNIT`
/// numbers, with zeros for rows that are missing.
///
/// # Safety
/// The matrix must be readable, and `to` writable for `UNIT * depth` numbers.
#[inline(always)]
unsafe fn panel<L: Lane, const UNIT: usize>(from: Mat<L::Elem>, rows: usize, depth: usize, to: *mut L::Elem) {
    // SAFETY: the caller's promise.
    unsafe {
        if rows == UNIT && from.row == 1 {
            for p in 0..depth {
                std::ptr::copy_nonoverlapping(from.ptr.wrapping_offset(p as isize * from.col), to.add(p * UNIT), UNIT);
            }
        } else if rows == UNIT && UNIT >= L::N && from.col == 1 {
            touch(from, rows, depth);
            // The last square may overlap the one before.
            for row in (0..UNIT).step_by(L::N).map(|row| row.min(UNIT - L::N)) {
                lines::<L, UNIT>(from.ptr.wrapping_offset(row as isize * from.row), from.row, depth, to.add(row));
            }
        } else {
            for r in 0..rows {
                single::<L, UNIT>(from.ptr.wrapping_offset(r as isize * from.row), from.col, depth, to.add(r));
            }
            for r in rows..UNIT {
                for p in 0..depth {
                    *to.add(p * UNIT + r) = Default::default();
                }
            }
        }
    }
}

/// Reads a number of every line of memory that the rows lie in: so many are then on their way at
/// once, while a turned square has to wait for its own few.
#[inline(always)]
unsafe fn touch<T: Copy>(from: Mat<T>, rows: usize, depth: usize) {
    let line = 64 / size_of::<T>();
    let mut seen = 0u32;
    for r in 0..rows {
        let row = from.ptr.wrapping_offset(r as isize * from.row);
        for p in (0..depth).step_by(line) {
            // SAFETY: the caller's promise; numbers have four bytes at least.
            seen |= unsafe { row.wrapping_add(p).cast::<u32>().read_unaligned() };
        }
    }
    std::hint::black_box(seen);
}

/// As many adjacent-column rows as a lane has numbers, a square at a time.
#[inline(always)]
unsafe fn lines<L: Lane, const UNIT: usize>(from: *const L::Elem, step: isize, depth: usize, to: *mut L::Elem) {
    let whole = depth / L::N * L::N;
    // SAFETY: the caller's promise.
    unsafe {
        for p in (0..whole).step_by(L::N) {
            L::transpose(|r| from.wrapping_offset(r as isize * step).add(p), to.add(p * UNIT), UNIT);
        }
        for p in whole..depth {
            for r in 0..L::N {
                *to.add(p * UNIT + r) = *from.wrapping_offset(r as isize * step).add(p);
            }
        }
    }
}

/// One row.
#[inline(always)]
unsafe fn single<L: Lane, const UNIT: usize>(from: *const L::Elem, step: isize, depth: usize, to: *mut L::Elem) {
    for p in 0..depth {
        // SAFETY: the caller's promise.
        unsafe { *to.add(p * UNIT) = *from.wrapping_offset(p as isize * step) };
    }
}
