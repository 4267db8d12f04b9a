//! Convolution over up to three spatial dimensions, as products of matrices whose panels are packed
//! straight from the images: no patch is written down but in the panel that a tile reads (implicit
//! precomputed indices, as in Dukhan, "The Indirect Convolution Algorithm", 2019).

use super::columns;
use super::gemm::{Kernel, Mat, Number, DEPTH, SHARED_WORK};
use super::panels::Panes;
use super::patches::{in_vectors, padded, starts, Frame};
use super::shifts::{Lines, SIDE, SUMS};
use super::tile::{Block, FEW, WIDTH};
use super::winograd;
use crate::parallel::{parallel_for, Shared};
use std::ops::Range;

/// The shape of a convolution; dimensions that are missing stand in front with size one.
#[derive(Debug, Clone)]
pub struct Geometry {
    /// Images.
    pub batch: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Input channels of a group.
    pub channels: usize,
    /// Output channels of a group.
    pub filters: usize,
    /// Spatial sizes of the input.
    pub input: [usize; 3],
    /// Spatial sizes of the kernel.
    pub kernel: [usize; 3],
    /// Spatial sizes of the output.
    pub output: [usize; 3],
    /// Steps between patches.
    pub stride: [usize; 3],
    /// Zeros around the input.
    pub padding: [usize; 3],
    /// Steps between the elements of a patch.
    pub dilation: [usize; 3],
}

impl Geometry {
    pub(super) fn area(&self) -> usize {
        self.input.iter().product()
    }

    pub(super) fn pixels(&self) -> usize {
        self.output.iter().product()
    }

    /// Elements of a patch.
    pub(super) fn taps(&self) -> usize {
        self.channels * self.kernel.iter().product::<usize>()
    }
}

impl Geometry {
    /// How far a patch reaches beyond its first element.
    fn reach(&self) -> [usize; 3] {
        std::array::from_fn(|d| self.dilation[d] * self.kernel[d].saturating_sub(1))
    }

    /// The images that filters slide over.
    fn view(&self) -> View {
        let (reach, last) = (self.reach(), |d: usize| (self.output[d] - 1) * self.stride[d]);
        let left = std::array::from_fn(|d| self.padding[d] as isize);
        let frame = Frame::new(self.channels, self.input, left, std::array::from_fn(|d| last(d) + reach[d] + 1));
        View {
            taps: frame.places(self.channels, self.kernel, self.dilation),
            pixels: frame.places(1, self.output, self.stride),
            frame,
        }
    }

    /// The output's gradient as images over which the turned filters slide, if the stride is one.
    fn back_view(&self) -> View {
        let reach = self.reach();
        let left = std::array::from_fn(|d| reach[d] as isize - self.padding[d] as isize);
        let frame = Frame::new(self.filters, self.output, left, std::array::from_fn(|d| self.input[d] + reach[d]));
        View {
            taps: frame.places(self.filters, self.kernel, self.dilation),
            pixels: frame.places(1, self.input, [1; 3]),
            frame,
        }
    }
}

/// What filters see: a framed image, the places of a patch's elements and of the patches in it.
struct View {
    frame: Frame,
    taps: Vec<usize>,
    pixels: Vec<usize>,
}

/// `y = x * w`, plus a number for each filter of all groups: `x` is `[batch, groups, channels,
/// input]`, `w` is `[groups, filters, channels, kernel]`, `y` is `[batch, groups, filters, output]`.
pub fn forward<T: Number>(g: &Geometry, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
    if winograd::forward(g, x, w, bias, y) {
        return;
    }
    if let Some(kernel) = T::kernel().filter(|_| g.taps() > 0) {
        return slide(kernel, (g.batch, g.groups, g.filters), &g.view(), x, w, bias, y);
    }
    start(bias, g.pixels(), y);
    columns::forward(g, x, w, y);
}

/// `x` such that `<x, a> = <y, a * w>`, plus a number for each channel of all groups: the gradient of
/// the input, and the transposed convolution.
pub fn transposed<T: Number>(g: &Geometry, y: &[T], w: &[T], bias: Option<&[T]>, x: &mut [T]) {
    match T::kernel() {
        // Where the input is much larger, most of what filters would slide over are zeros.
        Some(kernel) if g.stride == [1; 3] && g.taps() > 0 && g.area() * 2 <= g.pixels() * 3 => {
            let turned = turned(g, w);
            if !winograd::transposed(g, y, &turned, bias, x) {
                slide(kernel, (g.batch, g.groups, g.channels), &g.back_view(), y, &turned, bias, x);
            }
        }
        _ => {
            start(bias, g.area(), x);
            columns::transposed(g, y, w, x);
        }
    }
}

/// `w` such that `<w, b> = <y, x * b>`: the gradient of the weight.
pub fn weight<T: Number>(g: &Geometry, x: &[T], y: &[T], w: &mut [T]) {
    if winograd::weight(g, x, y, w) {
        return;
    }
    if let Some(kernel) = T::kernel().filter(|_| g.taps() > 0) {
        return correlate(kernel, g, &g.view(), x, y, w);
    }
    w.fill(T::default());
    columns::weight(g, x, y, w);
}

/// Fills each plane with its number.
fn start<T: Number>(bias: Option<&[T]>, plane: usize, y: &mut [T]) {
    match bias {
        None => y.fill(T::default()),
        Some(bias) => y.chunks_exact_mut(plane).zip(bias.iter().cycle()).for_each(|(plane, &b)| plane.fill(b)),
    }
}

/// The filters of the opposite convolution: channels and filters change places, kernels turn round.
fn turned<T: Number>(g: &Geometry, w: &[T]) -> Vec<T> {
    let kernel: usize = g.kernel.iter().product();
    let mut all = Vec::with_capacity(w.len());
    for group in w.chunks_exact(g.filters * g.channels * kernel) {
        for c in 0..g.channels {
            for filter in group.chunks_exact(g.channels * kernel) {
                all.extend(filter[c * kernel..(c + 1) * kernel].iter().rev());
            }
        }
    }
    all
}

/// Lengths of about equal parts of `n`, none above `most`.
pub(super) fn part(n: usize, most: usize) -> usize {
    n.div_ceil(n.div_ceil(most).max(1)).max(1)
}

/// With at most so many filters, packing pixels costs more than reading them where they are.
const NOT_MANY: usize = 48;

/// Filters over images: threads share the images, or the pixels of a single one.
fn slide<T: Number>(
    kernel: &Kernel<T>, (batch, groups, filters): (usize, usize, usize), view: &View, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T],
) {
    let (taps, pixels, lane) = (view.taps.len(), view.pixels.len(), kernel.columns / WIDTH);
    let vectors = filters <= NOT_MANY && in_vectors(&view.pixels, lane);
    let few = filters <= FEW && vectors;
    let (columns, panes) = if few { (FEW * lane, Panes::new(filters, [FEW; 2])) } else { (kernel.columns, kernel.panes(filters)) };
    let (height, deep) = (panes.rows(), part(taps, DEPTH));
    let mut packed = vec![T::default(); groups * height * taps];
    for (w, packed) in w.chunks_exact(filters * taps).zip(packed.chunks_exact_mut(height * taps)) {
        for p in (0..taps).step_by(deep) {
            let depth = deep.min(taps - p);
            for (i, rows) in (0..panes.count).map(|i| panes.at(i)) {
                let from = Mat { ptr: w[i * taps + p..].as_ptr(), row: taps as isize, col: 1 };
                let to = packed[height * p + i * depth..][..rows * depth].as_mut_ptr();
                // SAFETY: the rows lie in `w`, the panel in `packed`.
                unsafe { (kernel.pack)(from, rows, rows.min(filters - i), depth, to) };
            }
        }
    }
    let image = view.frame.image_len();
    let target = Shared(y.as_mut_ptr());
    parallel_for(batch * groups, SHARED_WORK / (filters * taps * pixels), |range| {
        let mut framed = vec![T::default(); if view.frame.is_image() { 0 } else { view.frame.len() }];
        for at in range {
            let group = at % groups;
            let x = view.frame.of(kernel, &x[at * image..][..image], &mut framed);
            let packed = &packed[group * height * taps..];
            parallel_for(pixels.div_ceil(columns), SHARED_WORK / (filters * taps * columns), |range| {
                let mut panel = vec![T::default(); deep * columns];
                for j in range.map(|j| j * columns) {
                    let some = &view.pixels[j..pixels.min(j + columns)];
                    let places = if vectors { starts(some, lane) } else { padded(some) };
                    let straight = vectors || filters <= NOT_MANY && in_vectors(&places[..columns], lane);
                    // SAFETY: the tile's place in this pair's part of `y`; frames hold all taps of all pixels.
                    unsafe {
                        let to = target.get().add(at * filters * pixels + j);
                        if let Some(bias) = bias {
                            for (i, &b) in bias[group * filters..][..filters].iter().enumerate() {
                                std::slice::from_raw_parts_mut(to.add(i * pixels), some.len()).fill(b);
                            }
                        }
                        for p in (0..taps).step_by(deep) {
                            let depth = deep.min(taps - p);
                            let block = Block {
                                a: packed[height * p..].as_ptr(),
                                a_steps: None,
                                b: panel.as_ptr(),
                                b_step: None,
                                c: to,
                                step: pixels,
                                size: (filters, some.len()),
                                tall: panes.tall_rows(),
                                depth,
                                add: bias.is_some() || p > 0,
                                row: std::ptr::null(),
                            };
                            let taps = &view.taps[p..p + depth];
                            if few {
                                (kernel.few_rows_of_taps)(&block, x.as_ptr(), taps, &places);
                            } else if straight {
                                (kernel.tiles_of_taps)(&block, x.as_ptr(), taps, &places);
                            } else {
                                (kernel.pixels)(x.as_ptr(), taps, &places, panel.as_mut_ptr());
                                (kernel.tiles)(&block);
                            }
                        }
                    }
                }
            });
        }
    });
}

/// Parts of a batch that threads share where there are too few taps for them.
const PARTS: usize = 8;

/// The gradient of the weight: threads share the taps, or parts of the batch, whose sums are then
/// added in order. Which of both depends on the sizes alone.
fn correlate<T: Number>(kernel: &Kernel<T>, g: &Geometry, view: &View, x: &[T], y: &[T], w: &mut [T]) {
    let (panels, pixels) = (view.taps.len().div_ceil(kernel.columns), view.pixels.len());
    let work = g.filters * kernel.columns * pixels;
    let depth = if pixels < DEPTH { DEPTH } else { part(pixels, DEPTH) };
    let few = panels * g.filters * kernel.columns * depth < 2 * SHARED_WORK;
    if !few || g.batch < 2 * PARTS || g.batch / PARTS * panels * work < SHARED_WORK / 2 {
        return correlate_some(kernel, g, view, 0..g.batch, x, y, w);
    }
    let n = w.len();
    let mut sums = vec![T::default(); (PARTS - 1) * n];
    let (first, rest) = (Shared(w.as_mut_ptr()), Shared(sums.as_mut_ptr()));
    parallel_for(PARTS, 1, |range| {
        for i in range {
            let to = if i == 0 { first.get() } else { rest.get().wrapping_add((i - 1) * n) };
            // SAFETY: each part has sums of its own.
            let to = unsafe { std::slice::from_raw_parts_mut(to, n) };
            correlate_some(kernel, g, view, i * g.batch / PARTS..(i + 1) * g.batch / PARTS, x, y, to);
        }
    });
    for part in sums.chunks_exact(n) {
        w.iter_mut().zip(part).for_each(|(w, part)| *w += *part);
    }
}

/// How pixels lie in lines where `correlate_lines` can read them: the width of a line, and the pixels
/// that are summed at a time.
fn lines(kernel: &Kernel<impl Number>, g: &Geometry, view: &View) -> Option<(usize, usize)> {
    let pixels = &view.pixels;
    let one = pixels[pixels.len() - 1] - pixels[0] + 1 == pixels.len();
    let width = if one { pixels.len() } else { g.output[2] };
    if width * WIDTH < kernel.columns || !one && g.stride[2] > 1 {
        return None;
    }
    // What the taps see stays in the first cache.
    let most = (kernel.columns * DEPTH / WIDTH).min(NEAR / g.channels);
    Some((width, if one { most.max(width.min(64)) } else { (most / width).max(1) * width }))
}

/// Numbers in half of the first cache.
const NEAR: usize = 1 << 13;

/// Whether `correlate_lines` costs less than packing: it has steps that begin with each line and with
/// each tile; packing costs some multiplications for each number, and tiles reach beyond the weight.
fn lines_pay(kernel: &Kernel<impl Number>, g: &Geometry, taps: usize, (width, strip): (usize, usize)) -> bool {
    let packed = kernel.panes(g.filters).rows() * taps.next_multiple_of(kernel.columns) + 4 * (g.filters + taps);
    let (strip, tail) = (strip.min(g.pixels()), if width % (kernel.columns / WIDTH) == 0 { 5 } else { 13 });
    let direct = g.filters.next_multiple_of(SIDE) * taps.next_multiple_of(SIDE);
    direct * (strip + strip / width * tail + 60) < packed * strip
}

/// `correlate_some` where pixels lie in lines: rows of the gradient times the image seen from each tap.
#[allow(clippy::too_many_arguments, reason = "images, weight and how they lie")]
fn correlate_lines<T: Number>(
    kernel: &Kernel<T>, g: &Geometry, view: &View, (width, strip): (usize, usize), batch: Range<usize>, x: &[T], y: &[T], w: &mut [T],
) {
    let (taps, pixels, filters, lane) = (view.taps.len(), view.pixels.len(), g.filters, kernel.columns / WIDTH);
    let (down, across) = (filters.div_ceil(SIDE), taps.div_ceil(SIDE));
    let mut sums = vec![T::default(); down * across * SUMS * lane];
    let image = view.frame.image_len();
    let mut frame = vec![T::default(); if view.frame.is_image() { 0 } else { view.frame.len() }];
    for group in 0..g.groups {
        sums.fill(T::default());
        let target = Shared(sums.as_mut_ptr());
        for at in batch.clone().map(|i| i * g.groups + group) {
            let x = view.frame.of(kernel, &x[at * image..][..image], &mut frame);
            let y = &y[at * filters * pixels..][..filters * pixels];
            let mut p = 0;
            while p < pixels {
                // What is left is never shorter than a lane.
                let some = if pixels - p < 2 * strip { pixels - p } else { strip };
                let lines = Lines { width: width.min(some), count: some.div_ceil(width), places: &view.pixels[p..p + some] };
                parallel_for(down * across, SHARED_WORK / (SUMS * some), |range| {
                    for (tile, i, j) in range.map(|t| (t, t / across * SIDE, t % across * SIDE)) {
                        let rows = std::array::from_fn(|r| y[(i + r).min(filters - 1) * pixels + p..].as_ptr());
                        let shifted = std::array::from_fn(|t| x[view.taps[(j + t).min(taps - 1)]..].as_ptr());
                        // SAFETY: rows of `y` and frames hold all pixels; these sums are this part's.
                        unsafe { (kernel.shifts)(lines, rows, shifted, target.get().add(tile * SUMS * lane)) }
                    }
                });
                p += some;
            }
        }
        for (k, tap) in (0..filters).flat_map(|k| (0..taps).map(move |tap| (k, tap))) {
            let tile = k / SIDE * across + tap / SIDE;
            let at = tile * SUMS + k % SIDE * SIDE + tap % SIDE;
            w[(group * filters + k) * taps + tap] = sums[at * lane..][..lane].iter().fold(T::default(), |a, &b| a + b);
        }
    }
}

/// The same for some of the images: sums over the pixels of all of them, some at a time.
fn correlate_some<T: Number>(kernel: &Kernel<T>, g: &Geometry, view: &View, batch: Range<usize>, x: &[T], y: &[T], w: &mut [T]) {
    if let Some(lines) = lines(kernel, g, view).filter(|lines| lines_pay(kernel, g, view.taps.len(), *lines)) {
        return correlate_lines(kernel, g, view, lines, batch, x, y, w);
    }
    let (taps, pixels, filters, columns) = (view.taps.len(), view.pixels.len(), g.filters, kernel.columns);
    let panes = kernel.panes(filters);
    // Small images go together, large ones in parts.
    let (images, strip) = ((DEPTH / pixels).clamp(1, batch.len()), part(pixels, DEPTH));
    let mut left = vec![T::default(); panes.rows() * images * strip];
    let (image, framed) = (view.frame.image_len(), if view.frame.is_image() { 0 } else { view.frame.len() });
    let mut frames = vec![T::default(); images * framed];
    let (left, target) = (Shared(left.as_mut_ptr()), Shared(w.as_mut_ptr()));
    for group in 0..g.groups {
        for first in batch.clone().step_by(images) {
            let count = images.min(batch.end - first);
            let at = |i: usize| (first + i) * g.groups + group;
            for (i, frame) in frames.chunks_exact_mut(framed.max(1)).enumerate().take(count) {
                view.frame.fill(kernel, &x[at(i) * image..][..image], frame);
            }
            for p in (0..pixels).step_by(strip) {
                let some = strip.min(pixels - p);
                let depth = count * some;
                parallel_for(panes.count, SHARED_WORK / (8 * kernel.heights[0] * depth), |range| {
                    for ((i, rows), n) in range.flat_map(|i| (0..count).map(move |n| (panes.at(i), n))) {
                        let ptr = y[(at(n) * filters + i) * pixels + p..].as_ptr();
                        // SAFETY: the rows lie in `y`; the panel is this part's.
                        unsafe {
                            let to = left.get().add(i * depth + n * some * rows);
                            (kernel.pack)(Mat { ptr, row: pixels as isize, col: 1 }, rows, rows.min(filters - i), some, to);
                        }
                    }
                });
                parallel_for(taps.div_ceil(columns), SHARED_WORK / (filters * depth * columns), |range| {
                    let mut panel = vec![T::default(); depth * columns];
                    for j in range.map(|j| j * columns) {
                        let part = &view.taps[j..taps.min(j + columns)];
                        // SAFETY: frames hold all taps of all pixels; these columns of `w` are this part's.
                        unsafe {
                            for n in 0..count {
                                let x = if framed == 0 { &x[at(n) * image..] } else { &frames[n * framed..] };
                                (kernel.taps)(x.as_ptr(), part, &view.pixels[p..p + some], panel[n * some * columns..].as_mut_ptr());
                            }
                            (kernel.tiles)(&Block {
                                a: left.get(),
                                a_steps: None,
                                b: panel.as_ptr(),
                                b_step: None,
                                c: target.get().add(group * filters * taps + j),
                                step: taps,
                                size: (filters, part.len()),
                                tall: panes.tall_rows(),
                                depth,
                                add: first + p > batch.start,
                                row: std::ptr::null(),
                            });
                        }
                    }
                });
            }
        }
    }
}
