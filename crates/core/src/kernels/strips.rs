//! Strips of tiles: images of a batch cut into tiles of fixed size, some of them at a time, and the
//! pixels that these need, copied between zeros.

use super::simd::{F32x4, Lane};
use super::squares::STEP;
use std::ops::Range;

/// How planes of images are cut into tiles, which are `STEP` apart.
pub struct Cut {
    /// Sizes of a plane.
    pub plane: [usize; 2],
    /// Where it begins in the first tile; below zero, how much of it is left out.
    pub left: [isize; 2],
    /// Tiles in a column and in a row.
    pub tiles: [usize; 2],
    /// Numbers in a row of a tile.
    pub size: usize,
}

/// Some tiles, and where their numbers are copied to.
pub struct Strip {
    /// Places of the tiles' first numbers; the last one again up to the asked number.
    pub places: Vec<usize>,
    /// Numbers with the zeros.
    pub len: usize,
    pieces: Vec<Piece>,
}

/// Rows of one image.
struct Piece {
    image: usize,
    from: usize,
    to: usize,
    rows: usize,
}

impl Cut {
    /// Tiles of an image.
    pub fn count(&self) -> usize {
        self.tiles[0] * self.tiles[1]
    }

    /// Step between rows of a strip.
    pub fn width(&self) -> usize {
        self.tiles[1] * STEP + self.size - STEP
    }

    /// The part of a dimension that lies in the first `n` numbers of tiles that begin `first` steps
    /// further: where it begins in those and in the plane, and how long it is.
    fn inside(&self, d: usize, first: usize, n: usize) -> (usize, usize, usize) {
        let begin = self.left[d] - (first * STEP) as isize;
        let to = begin.max(0);
        let end = (begin + self.plane[d] as isize).min(n as isize);
        (to as usize, (to - begin) as usize, (end - to).max(0) as usize)
    }

    /// The strip of some tiles of all images, which are counted through, with places for `padded`.
    pub fn strip(&self, tiles: Range<usize>, padded: usize) -> Strip {
        let (count, across, width) = (self.count(), self.tiles[1], self.width());
        let mut strip = Strip { places: Vec::with_capacity(padded), len: 0, pieces: Vec::new() };
        let mut at = tiles.start;
        while at < tiles.end {
            let (image, first) = (at / count, at % count);
            let end = count.min(first + tiles.end - at);
            let top = first / across;
            let height = ((end - 1) / across - top) * STEP + self.size;
            let ((row, from, rows), (column, skip, _)) = (self.inside(0, top, height), self.inside(1, 0, width));
            strip.pieces.push(Piece { image, from: from * self.plane[1] + skip, to: strip.len + row * width + column, rows });
            strip.places.extend((first..end).map(|i| strip.len + ((i / across - top) * width + i % across) * STEP));
            strip.len += height * width;
            at += end - first;
        }
        let last = strip.places[strip.places.len() - 1];
        strip.places.resize(padded, last);
        strip
    }

    /// Copies the pixels of a strip to where zeros are: of a plane of the first image, which begins at
    /// `x`, and those of the others, which are `image` numbers apart.
    ///
    /// # Safety
    /// The planes must be readable, and `to` writable for the strip's length.
    pub unsafe fn fill(&self, strip: &Strip, x: *const f32, image: usize, to: *mut f32) {
        let (width, len) = (self.width(), self.inside(1, 0, self.width()).2);
        for piece in &strip.pieces {
            for i in 0..piece.rows {
                let from = x.wrapping_add(piece.image * image + piece.from + i * self.plane[1]);
                // SAFETY: the rows lie inside the plane and the strip, if there is anything of them.
                unsafe { copy(from, to.wrapping_add(piece.to + i * width), len) }
            }
        }
    }
}

/// Copies a short row.
#[inline(always)]
unsafe fn copy(from: *const f32, to: *mut f32, len: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if len < F32x4::N {
            for i in 0..len {
                *to.add(i) = *from.add(i);
            }
            return;
        }
        for i in (0..len - F32x4::N).step_by(F32x4::N) {
            F32x4::load(from.add(i)).store(to.add(i));
        }
        F32x4::load(from.add(len - F32x4::N)).store(to.add(len - F32x4::N));
    }
}
