//! Images as the matrix of their patches, one row for each tap of a kernel and one column for each
//! pixel of the output, which is never written down: panels of it are packed straight from the image.

use super::gemm::{Kernel, Number};
use super::simd::Lane;
use super::tile::{WIDEST, WIDTH};

/// An image inside zeros, or a part of it: some planes of three dimensions.
pub struct Frame {
    planes: usize,
    image: [usize; 3],
    /// Zeros in front of the image; below zero, what is left out of it.
    left: [isize; 3],
    frame: [usize; 3],
}

impl Frame {
    /// `planes` planes of the sizes `image`, seen from `left` in front of them as far as `frame`.
    pub fn new(planes: usize, image: [usize; 3], left: [isize; 3], frame: [usize; 3]) -> Frame {
        Frame { planes, image, left, frame }
    }

    /// Elements with the zeros.
    pub fn len(&self) -> usize {
        self.planes * self.frame.iter().product::<usize>()
    }

    /// Whether the image is all there is.
    pub fn is_image(&self) -> bool {
        self.left == [0; 3] && self.image == self.frame
    }

    /// Elements of the image.
    pub fn image_len(&self) -> usize {
        self.planes * self.image.iter().product::<usize>()
    }

    /// The framed image: itself, or as written to `room`, whose zeros are there.
    pub fn of<'a, T: Number>(&self, kernel: &Kernel<T>, x: &'a [T], room: &'a mut [T]) -> &'a [T] {
        if self.is_image() {
            return x;
        }
        self.fill(kernel, x, room);
        room
    }

    /// Writes the image into the frame, whose zeros are there.
    pub fn fill<T: Number>(&self, kernel: &Kernel<T>, x: &[T], to: &mut [T]) {
        let [_, h, w] = self.image;
        let span = |d: usize| {
            let first = self.left[d].max(0) as usize;
            let end = (self.left[d] + self.image[d] as isize).clamp(first as isize, self.frame[d].max(first) as isize) as usize;
            first..end
        };
        let inside = |d: usize, i: usize| (i as isize - self.left[d]) as usize;
        let (rows, line) = (span(1), span(2));
        if rows.is_empty() || line.is_empty() {
            return;
        }
        for (plane, z) in (0..self.planes).flat_map(|plane| span(0).map(move |z| (plane, z))) {
            let from = ((plane * self.image[0] + inside(0, z)) * h + inside(1, rows.start)) * w + inside(2, line.start);
            let place = ((plane * self.frame[0] + z) * self.frame[1] + rows.start) * self.frame[2] + line.start;
            let x = &x[from..from + (rows.len() - 1) * w + line.len()];
            let to = &mut to[place..place + (rows.len() - 1) * self.frame[2] + line.len()];
            // SAFETY: the slices are as long as the lines need.
            unsafe { (kernel.lines)(rows.len(), line.len(), (x.as_ptr(), w), (to.as_mut_ptr(), self.frame[2])) }
        }
    }

    /// Places in the frame, from a first one: `planes` times the positions `0..count`, `step` apart.
    pub fn places(&self, planes: usize, count: [usize; 3], step: [usize; 3]) -> Vec<usize> {
        let mut all = Vec::with_capacity(planes * count.iter().product::<usize>());
        for plane in 0..planes {
            for z in 0..count[0] {
                for y in 0..count[1] {
                    let row = ((plane * self.frame[0] + z * step[0]) * self.frame[1] + y * step[1]) * self.frame[2];
                    all.extend((0..count[2]).map(|x| row + x * step[2]));
                }
            }
        }
        all
    }
}

/// Copies lines of so many numbers, each of them a step further: a call that copies memory takes longer than
/// a line of an image does.
///
/// # Safety
/// The lines must be readable and writable, and apart from each other.
pub unsafe fn lines<L: Lane>(count: usize, width: usize, (from, from_step): (*const L::Elem, usize), (to, to_step): (*mut L::Elem, usize)) {
    // SAFETY: the caller's promise; the last vector of a line overlaps the one before.
    unsafe {
        for i in 0..count {
            let (from, to) = (from.add(i * from_step), to.add(i * to_step));
            if width < L::N {
                (0..width).for_each(|p| *to.add(p) = *from.add(p));
                continue;
            }
            for p in (0..width - L::N).step_by(L::N) {
                L::load(from.add(p)).store(to.add(p));
            }
            L::load(from.add(width - L::N)).store(to.add(width - L::N));
        }
    }
}

/// Places for all columns of a tile: the last one again where there is none.
#[inline(always)]
pub fn padded(places: &[usize]) -> [usize; WIDEST] {
    std::array::from_fn(|i| places[i.min(places.len() - 1)])
}

/// The places of a tile's vectors, each where its first number has its place; the first ones again where
/// there are no more.
#[inline(always)]
pub fn starts(places: &[usize], lane: usize) -> [usize; WIDEST] {
    let mut all = [places[0]; WIDEST];
    for i in (0..places.len().min(WIDEST)).step_by(lane) {
        all[i] = places[i];
    }
    all
}

/// Whether places follow each other.
#[inline(always)]
fn follow(places: &[usize]) -> bool {
    places.windows(2).all(|pair| pair[1] == pair[0] + 1)
}

/// Whether as many places as a lane has numbers follow each other.
#[inline(always)]
fn adjacent<L: Lane>(places: &[usize]) -> bool {
    follow(&places[..L::N])
}

/// Whether places follow each other in all vectors of so many.
pub fn in_vectors(places: &[usize], lane: usize) -> bool {
    places.chunks(lane).all(|places| places.len() == lane && follow(places))
}

/// Packs a panel of pixels: for each tap, the numbers of a tile's columns.
///
/// # Safety
/// Every tap of all places `at` must be readable from `x` on, `to` writable for a tile's columns for each
/// tap.
pub unsafe fn pixels<L: Lane>(x: *const L::Elem, taps: &[usize], at: &[usize], to: *mut L::Elem) {
    let columns = WIDTH * L::N;
    // SAFETY: the caller's promise.
    unsafe {
        if adjacent::<L>(at) && adjacent::<L>(&at[L::N..]) {
            let (first, second, mut to) = (x.add(at[0]), x.add(at[L::N]), to);
            for &tap in taps {
                L::load(first.add(tap)).store(to);
                L::load(second.add(tap)).store(to.add(L::N));
                to = to.add(columns);
            }
            return;
        }
        for v in (0..columns).step_by(L::N) {
            if adjacent::<L>(&at[v..]) {
                let from = x.add(at[v]);
                for (p, &tap) in taps.iter().enumerate() {
                    L::load(from.add(tap)).store(to.add(p * columns + v));
                }
                continue;
            }
            for (i, &place) in at.iter().enumerate().skip(v).take(L::N) {
                let from = x.add(place);
                for (p, &tap) in taps.iter().enumerate() {
                    *to.add(p * columns + i) = *from.add(tap);
                }
            }
        }
    }
}

/// Packs a panel of taps: for each pixel, the numbers of a tile's columns.
///
/// # Safety
/// As for `pixels`, with `to` writable for a tile's columns for each pixel.
pub unsafe fn taps<L: Lane>(x: *const L::Elem, taps: &[usize], pixels: &[usize], to: *mut L::Elem) {
    let at = padded(taps);
    let columns = WIDTH * L::N;
    let mut p = 0;
    // SAFETY: the caller's promise.
    unsafe {
        while p < pixels.len() {
            let to = to.add(p * columns);
            if p + L::N <= pixels.len() && adjacent::<L>(&pixels[p..]) {
                let from = x.add(pixels[p]);
                for v in 0..WIDTH {
                    L::transpose(|i| from.add(at[v * L::N + i]), to.add(v * L::N), columns);
                }
                p += L::N;
            } else {
                let from = x.add(pixels[p]);
                for (i, &place) in at.iter().enumerate().take(columns) {
                    *to.add(i) = *from.add(place);
                }
                p += 1;
            }
        }
    }
}
