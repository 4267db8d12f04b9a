//! Pooling: every output looks at a box of the last three dimensions.

use super::simd::Choose;
use crate::parallel::{grain, parallel_for, Shared};
use std::ops::{Add, AddAssign, Div, Range};

/// The box of each output, dimension by dimension.
pub struct Windows {
    /// Spatial sizes of the input.
    pub from: [usize; 3],
    /// First place and one past the last, for each output of each dimension.
    pub at: [Vec<(usize, usize)>; 3],
    /// Steps inside a box.
    pub step: [usize; 3],
}

/// Outputs of a line whose boxes have the same width and distance.
struct Even {
    outputs: Range<usize>,
    step: usize,
    width: usize,
}

/// One row of the boxes of a line of outputs, from the place `from` on.
struct Row<'a, T> {
    x: &'a [T],
    from: usize,
    width: usize,
    /// Whether nothing has been found yet.
    first: bool,
    y: &'a mut [T],
    places: &'a mut [T],
}

impl<T> Row<'_, T> {
    /// Takes what exceeds the maxima so far; the boxes are `STEP` apart and `TAPS` wide, if that is
    /// not zero.
    #[inline(always)]
    fn take<L: Choose<Elem = T>, const STEP: usize, const TAPS: usize, const TOLD: bool>(&mut self) {
        let width = if TAPS > 0 { TAPS } else { self.width };
        let ramp = L::count(STEP);
        for i in (0..self.y.len()).step_by(L::N) {
            // The last outputs may be among those before: that changes nothing.
            let i = i.min(self.y.len() - L::N);
            let index = ramp.further(self.from + i * STEP);
            // SAFETY: lanes of outputs, whose boxes lie in the plane.
            unsafe {
                let (to, at_to) = (self.y.as_mut_ptr().add(i), self.places.as_mut_ptr().wrapping_add(i));
                let mut best = if self.first { L::splat(L::LEAST) } else { L::load(to) };
                let mut at = if self.first || !TOLD { index } else { L::load(at_to) };
                let mut nan = best.is_nan();
                let mut take = |v: L, tap: usize| {
                    if TOLD {
                        let mask = v.exceeds(best);
                        best = L::select(mask, v, best);
                        at = L::select(mask, index.further(tap), at);
                    } else {
                        nan = nan.or(v.is_nan());
                        best = best.greater(v);
                    }
                };
                let from = self.x.as_ptr().add(self.from + i * STEP);
                let mut tap = 0;
                while tap < width {
                    if STEP == 1 {
                        take(L::load(from.add(tap)), tap);
                    } else {
                        let (a, b) = (L::load(from.add(tap)), L::load(from.add(tap + L::N)));
                        take(a.evens(b), tap);
                        if tap + 1 < width {
                            take(a.odds(b), tap + 1);
                        }
                    }
                    tap += STEP;
                }
                (if TOLD { best } else { best.with_nan(nan) }).store(to);
                if TOLD {
                    at.store(at_to);
                }
            }
        }
    }
}

/// The maxima of the squares of two rows; false where a NaN, or infinities of both signs, may be
/// among the numbers: then they are not right.
///
/// # Safety
/// Both rows must hold two numbers for each output, of which there are at least `L::N`.
#[inline(always)]
unsafe fn square_maxima<L: Choose>(top: *const L::Elem, bottom: *const L::Elem, y: &mut [L::Elem]) -> bool {
    let mut sum = L::splat(L::Elem::default());
    let last = y.len() - L::N;
    let mut i = 0;
    loop {
        // SAFETY: the caller's promise; the last outputs may be among those before.
        unsafe {
            let (a, b) = (L::load(top.add(2 * i)), L::load(top.add(2 * i + L::N)));
            let (c, d) = (L::load(bottom.add(2 * i)), L::load(bottom.add(2 * i + L::N)));
            sum = sum.add(a.add(c).add(b.add(d)));
            let (left, right) = (a.greater(c), b.greater(d));
            left.evens(right).greater(left.odds(right)).store(y.as_mut_ptr().add(i));
        }
        if i == last {
            return !sum.is_nan().any();
        }
        i = (i + L::N).min(last);
    }
}

/// The same with the place of each maximum, counted from `at`, the second row `width` further.
///
/// # Safety
/// As for `square_maxima`, and an index for each output.
#[inline(always)]
unsafe fn square_places<L: Choose>(
    top: *const L::Elem, bottom: *const L::Elem, at: usize, width: usize, y: &mut [L::Elem], indices: &mut [i64],
) -> bool {
    let ramp = L::count(2);
    let mut sum = L::splat(L::Elem::default());
    let last = y.len() - L::N;
    let mut i = 0;
    loop {
        // SAFETY: as above.
        unsafe {
            let (a, b) = (L::load(top.add(2 * i)), L::load(top.add(2 * i + L::N)));
            let (c, d) = (L::load(bottom.add(2 * i)), L::load(bottom.add(2 * i + L::N)));
            sum = sum.add(a.add(c).add(b.add(d)));
            let (a, b, c, d) = (a.evens(b), a.odds(b), c.evens(d), c.odds(d));
            let (upper, lower) = (a.greater(b), c.greater(d));
            upper.greater(lower).store(y.as_mut_ptr().add(i));
            let first = ramp.further(at + 2 * i);
            let below = first.further(width);
            let in_upper = L::select(b.above(a), first.further(1), first);
            let in_lower = L::select(d.above(c), below.further(1), below);
            L::select(lower.above(upper), in_lower, in_upper).put_whole(indices.as_mut_ptr().add(i));
        }
        if i == last {
            return !sum.is_nan().any();
        }
        i = (i + L::N).min(last);
    }
}

impl Windows {
    /// Input and output elements of a plane.
    pub fn planes(&self) -> (usize, usize) {
        (self.from.iter().product(), self.at.iter().map(Vec::len).product())
    }

    /// Calls `f(output, box)` for each output of a plane.
    fn each(&self, mut f: impl FnMut(usize, [(usize, usize); 3])) {
        let mut out = 0;
        for z in &self.at[0] {
            for y in &self.at[1] {
                for x in &self.at[2] {
                    f(out, [*z, *y, *x]);
                    out += 1;
                }
            }
        }
    }

    /// Calls `f` with each place of a box.
    #[inline(always)]
    fn places(&self, [z, y, x]: [(usize, usize); 3], mut f: impl FnMut(usize)) {
        // Plain loops: iterators with steps divide first.
        let mut k = z.0;
        while k < z.1 {
            let mut j = y.0;
            while j < y.1 {
                let row = (k * self.from[1] + j) * self.from[2];
                let mut i = row + x.0;
                while i < row + x.1 {
                    f(i);
                    i += self.step[2];
                }
                j += self.step[1];
            }
            k += self.step[0];
        }
    }

    /// The greatest element of a box and where it is; a later NaN wins.
    fn greatest<T: Copy + PartialOrd>(&self, x: &[T], least: T, window: [(usize, usize); 3]) -> (T, usize) {
        let [z, h, w] = window;
        let (mut best, mut at) = (least, (z.0 * self.from[1] + h.0) * self.from[2] + w.0);
        self.places(window, |i| {
            let v = x[i];
            #[allow(clippy::eq_op)]
            if v > best || v != v {
                (best, at) = (v, i);
            }
        });
        (best, at)
    }

    /// The greatest element of each box and where it is.
    pub fn max<T: Copy + PartialOrd>(&self, x: &[T], least: T, y: &mut [T], indices: &mut [i64]) {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return;
        }
        for ((x, y), indices) in x.chunks_exact(a).zip(y.chunks_exact_mut(b)).zip(indices.chunks_exact_mut(b)) {
            self.each(|out, window| {
                let (best, at) = self.greatest(x, least, window);
                (y[out], indices[out]) = (best, at as i64);
            });
        }
    }

    /// The same several outputs at once, and without `indices` if that is empty.
    pub fn max_lanes<L: Choose>(&self, x: &[L::Elem], y: &mut [L::Elem], indices: &mut [i64])
    where
        L::Elem: PartialOrd,
    {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return;
        }
        let (even, width, told) = (self.even_part(), self.at[2].len(), !indices.is_empty());
        let squares = self.are_squares(&even) && width >= L::N;
        let (values, places) = (Shared(y.as_mut_ptr()), Shared(indices.as_mut_ptr()));
        parallel_for(y.len() / b, self.grain(), |range| {
            let mut room = vec![L::Elem::default(); if told { width } else { 0 }];
            for plane in range {
                let x = &x[plane * a..][..a];
                // SAFETY: planes are apart.
                let (y, indices) = unsafe {
                    let told = if told { std::slice::from_raw_parts_mut(places.get().add(plane * b), b) } else { &mut [] };
                    (std::slice::from_raw_parts_mut(values.get().add(plane * b), b), told)
                };
                let mut first = 0;
                for &z in &self.at[0] {
                    for &h in &self.at[1] {
                        let line = first..first + width;
                        first += width;
                        let y = &mut y[line.clone()];
                        let at = (z.0 * self.from[1] + h.0) * self.from[2] + self.at[2][0].0;
                        // SAFETY: the boxes of the line lie in the plane.
                        let done = squares && unsafe {
                            let (top, bottom) = (x.as_ptr().add(at), x.as_ptr().add(at + self.from[2]));
                            if told {
                                square_places::<L>(top, bottom, at, self.from[2], y, &mut indices[line.clone()])
                            } else {
                                square_maxima::<L>(top, bottom, y)
                            }
                        };
                        if !done {
                            let indices = if told { &mut indices[line] } else { &mut [] };
                            self.max_line::<L>(x, [z, h], &even, y, indices, &mut room);
                        }
                    }
                }
            }
        });
    }

    /// Whether every box is two rows of two, side by side with its neighbours.
    fn are_squares(&self, even: &Even) -> bool {
        self.at[0].iter().all(|z| z.1 == z.0 + 1)
            && self.step[1] == 1
            && self.at[1].iter().all(|h| h.1 == h.0 + 2)
            && (even.step, even.width) == (2, 2)
            && even.outputs == (0..self.at[2].len())
    }

    /// The outputs of a line whose boxes are as wide as any, and one or two apart.
    fn even_part(&self) -> Even {
        let line = &self.at[2];
        let width = line.iter().map(|w| w.1.saturating_sub(w.0)).max().unwrap_or(0);
        let is_whole = |w: &(usize, usize)| w.0 + width == w.1;
        let first = line.iter().position(is_whole).unwrap_or(0);
        let step = line.get(first + 1).map_or(1, |w| w.0.saturating_sub(line[first].0));
        let count = line[first..].iter().enumerate().take_while(|(i, w)| is_whole(w) && w.0 == line[first].0 + i * step).count();
        let usable = match step {
            1 => count,
            // Pairs are read: where the width is odd, one number too many.
            2 => count - width % 2,
            _ => 0,
        };
        Even { outputs: first..first + if self.step[2] == 1 { usable } else { 0 }, step, width }
    }

    /// One line of outputs: the even part row by row of the boxes, in `room` the places.
    fn max_line<L: Choose>(
        &self, x: &[L::Elem], [z, h]: [(usize, usize); 2], even: &Even, y: &mut [L::Elem], indices: &mut [i64], room: &mut [L::Elem],
    ) where
        L::Elem: PartialOrd,
    {
        let lanes = even.outputs.len() >= L::N && z.0 < z.1 && h.0 < h.1;
        let (start, whole) = (even.outputs.start, if lanes { even.outputs.len() } else { 0 });
        let told = !indices.is_empty();
        if whole > 0 {
            let mut row = Row { x, from: 0, width: even.width, first: true, y: &mut y[start..start + whole], places: &mut [] };
            if told {
                row.places = &mut room[..whole];
            }
            let mut k = z.0;
            while k < z.1 {
                let mut j = h.0;
                while j < h.1 {
                    row.from = (k * self.from[1] + j) * self.from[2] + self.at[2][start].0;
                    match (even.step, even.width, told) {
                        (1, _, true) => row.take::<L, 1, 0, true>(),
                        (1, _, false) => row.take::<L, 1, 0, false>(),
                        (_, 2, true) => row.take::<L, 2, 2, true>(),
                        (_, 2, false) => row.take::<L, 2, 2, false>(),
                        (_, _, true) => row.take::<L, 2, 0, true>(),
                        (_, _, false) => row.take::<L, 2, 0, false>(),
                    }
                    row.first = false;
                    j += self.step[1];
                }
                k += self.step[0];
            }
            if told {
                for i in (0..whole).step_by(L::N).map(|i| i.min(whole - L::N)) {
                    // SAFETY: lanes of places, and as many indices.
                    unsafe { L::load(room.as_ptr().add(i)).put_whole(indices.as_mut_ptr().add(start + i)) };
                }
            }
        }
        for i in (0..start).chain(start + whole..y.len()) {
            let (best, at) = self.greatest(x, L::LEAST, [z, h, self.at[2][i]]);
            y[i] = best;
            if told {
                indices[i] = at as i64;
            }
        }
    }

    /// Planes that a thread takes at least.
    fn grain(&self) -> usize {
        grain::rounds(grain::MOVED, self.from.iter().product())
    }

    /// The sum of each box divided by its number of `by`.
    pub fn average<T: Copy + Default + Add<Output = T> + Div<Output = T> + Sync>(&self, x: &[T], by: &[T], y: &mut [T]) {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return y.fill(T::default());
        }
        let (even, width, to) = (self.even_part(), self.at[2].len(), Shared(y.as_mut_ptr()));
        parallel_for(y.len() / b, self.grain(), |range| for plane in range {
            let x = &x[plane * a..][..a];
            // SAFETY: planes are apart.
            let y = unsafe { std::slice::from_raw_parts_mut(to.get().add(plane * b), b) };
            y.fill(T::default());
            let mut lines = y.chunks_exact_mut(width);
            for &z in &self.at[0] {
                for &h in &self.at[1] {
                    let Some(line) = lines.next() else { continue };
                    let (before, rest) = line.split_at_mut(even.outputs.start);
                    let (middle, after) = rest.split_at_mut(even.outputs.len());
                    self.sum_rows(x, [z, h], &even, middle);
                    let others = (0..even.outputs.start).zip(before).chain((even.outputs.end..width).zip(after));
                    for (i, sum) in others {
                        self.places([z, h, self.at[2][i]], |i| *sum = *sum + x[i]);
                    }
                }
            }
            y.iter_mut().zip(by).for_each(|(y, by)| *y = *y / *by);
        });
    }

    /// Adds the boxes of the even part of a line, row by row.
    fn sum_rows<T: Copy + Add<Output = T>>(&self, x: &[T], [z, h]: [(usize, usize); 2], even: &Even, y: &mut [T]) {
        if y.is_empty() {
            return;
        }
        let step = even.step.max(1);
        for k in (z.0..z.1).step_by(self.step[0]) {
            for j in (h.0..h.1).step_by(self.step[1]) {
                let from = (k * self.from[1] + j) * self.from[2] + self.at[2][even.outputs.start].0;
                let row = &x[from..from + (y.len() - 1) * step + even.width];
                if (step, even.width) == (2, 2) {
                    y.iter_mut().zip(row.chunks_exact(2)).for_each(|(y, pair)| *y = *y + pair[0] + pair[1]);
                } else {
                    for tap in 0..even.width {
                        y.iter_mut().zip(row[tap..].iter().step_by(step)).for_each(|(y, x)| *y = *y + *x);
                    }
                }
            }
        }
    }

    /// Zeros, and every element of `y` divided by its number of `by` added to its box.
    pub fn spread<T: Copy + Default + Add<Output = T> + AddAssign + Div<Output = T> + Sync>(&self, y: &[T], by: &[T], x: &mut [T]) {
        let (a, b) = self.planes();
        if a == 0 || b == 0 {
            return x.fill(T::default());
        }
        let (squares, width, to) = (self.are_squares(&self.even_part()), self.at[2].len(), Shared(x.as_mut_ptr()));
        parallel_for(x.len() / a, self.grain(), |range| for plane in range {
            // SAFETY: planes are apart.
            let x = unsafe { std::slice::from_raw_parts_mut(to.get().add(plane * a), a) };
            x.fill(T::default());
            let shares = y[plane * b..][..b].iter().zip(by).map(|(y, by)| *y / *by);
            if !squares {
                let mut shares = shares;
                self.each(|_, window| if let Some(share) = shares.next() {
                    self.places(window, |i| x[i] += share);
                });
                continue;
            }
            let shares: Vec<T> = shares.collect();
            let mut lines = shares.chunks_exact(width);
            for z in &self.at[0] {
                for h in &self.at[1] {
                    let Some(line) = lines.next() else { continue };
                    let at = (z.0 * self.from[1] + h.0) * self.from[2] + self.at[2][0].0;
                    let (top, bottom) = x[at..].split_at_mut(self.from[2]);
                    for row in [top, bottom] {
                        row.chunks_exact_mut(2).zip(line).for_each(|(pair, share)| pair.iter_mut().for_each(|x| *x += *share));
                    }
                }
            }
        });
    }
}
