//! Products of rows and of the same image seen from other places, summed over its pixels: the
//! gradient of a weight, with nothing packed. A lane holds pixels that follow each other, and each
//! pair of a row and a place has a vector of sums.

use super::simd::{Choose, MulAdd};

/// Rows and places of a tile. V8 keeps 15 vectors in registers: the sums, those of the places, and 1 more.
pub const SIDE: usize = 3;
/// Vectors of sums in a tile.
pub const SUMS: usize = SIDE * SIDE;

/// Pixels in lines of one width. Those of the rows follow each other, those of the image begin at `places`.
#[derive(Clone, Copy)]
pub struct Lines<'a> {
    /// Pixels in a line, at least as many as a lane has.
    pub width: usize,
    /// Lines.
    pub count: usize,
    /// Where the pixels of the image are: of a line only the first one is read.
    pub places: &'a [usize],
}

/// Adds the sums of a tile to `SUMS` vectors: of `SIDE` rows of `y`, and of `x` seen from as many places.
///
/// # Safety
/// The lines must be readable in the rows and, from each place, in `x`; the sums must be writable.
#[inline(always)]
pub unsafe fn shifts<L: Choose, M: MulAdd<L>>(lines: Lines, y: [*const L::Elem; SIDE], x: [*const L::Elem; SIDE], sums: *mut L::Elem) {
    let mut acc = [[L::splat(Default::default()); SIDE]; SIDE];
    let whole = lines.width / L::N * L::N;
    // The last vector overlaps the one before, and leaves out what that had.
    let (last, seen) = (lines.width - L::N, whole + L::N - lines.width);
    let fresh = L::count(1).above(L::count(0).further(seen - usize::from(seen > 0)));
    // SAFETY: the caller's promise.
    unsafe {
        for line in 0..lines.count {
            let place = *lines.places.get_unchecked(line * lines.width);
            let (to, mut p) = (line * lines.width + whole, line * lines.width);
            let mut from = place;
            while p < to {
                let mut right = [L::splat(Default::default()); SIDE];
                for j in 0..SIDE {
                    right[j] = L::load(x[j].wrapping_add(from));
                }
                for i in 0..SIDE {
                    let left = L::load(y[i].wrapping_add(p));
                    for j in 0..SIDE {
                        acc[i][j] = M::mul_add(left, right[j], acc[i][j]);
                    }
                }
                p += L::N;
                from += L::N;
            }
            if whole < lines.width {
                let mut right = [L::splat(Default::default()); SIDE];
                for j in 0..SIDE {
                    right[j] = L::select(fresh, L::load(x[j].wrapping_add(place + last)), L::splat(Default::default()));
                }
                for i in 0..SIDE {
                    let left = L::load(y[i].wrapping_add(line * lines.width + last));
                    let left = L::select(fresh, left, L::splat(Default::default()));
                    for j in 0..SIDE {
                        acc[i][j] = M::mul_add(left, right[j], acc[i][j]);
                    }
                }
            }
        }
        for (i, v) in acc.into_iter().flatten().enumerate() {
            let at = sums.add(i * L::N);
            L::load(at).add(v).store(at);
        }
    }
}
