//! Convolutions of `f32` with kernels of three by three, in 36 products for 144: tiles of the images
//! and kernels go to the points of `squares`, where a matrix product for each point sums over the
//! channels. Tiles go some at a time, so that what becomes of them stays in the second cache (Lavin and
//! Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//!
//! The results of a tile share the rounding errors of its numbers, and an infinity would make all of
//! them NaN: numbers that are not finite or of very different sizes go the direct way, and whole ones,
//! whose direct sums are exact (`fits`). For others the error is two to three times the direct one in the
//! mean where signs differ, about the same where they do not.

use super::conv::{part, Geometry};
use super::gemm::{Number, SHARED_WORK};
use super::panels::Panes;
use super::simd::{F32x4, Floats, Lane, Plain};
use super::squares::{Squares, POINTS, STEP, TILE};
use super::strips::Cut;
use super::tile::Block;
use crate::filtering_squares;
use crate::parallel::{available, parallel_for, Shared};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::OnceLock;

static ALLOWED: AtomicBool = AtomicBool::new(true);

/// Whether convolutions may go this way; and sets it where given.
pub fn allowed(set: Option<bool>) -> bool {
    if let Some(on) = set {
        ALLOWED.store(on, Relaxed);
    }
    ALLOWED.load(Relaxed)
}

static PLAIN: Squares = filtering_squares!(Plain);
static SQUARES: OnceLock<Squares> = OnceLock::new();

/// Puts a build's own functions in place of the plain ones, once, before the first convolution.
pub fn install(squares: Squares) {
    let _ = SQUARES.set(squares);
}

fn squares() -> &'static Squares {
    SQUARES.get().unwrap_or(&PLAIN)
}

/// Products that are summed at a time: short sums make up for the greater errors at the points.
const DEPTH: usize = 32;
/// Tiles at a time.
const TILES: usize = 32;
/// Squares that are computed together.
const LANES: usize = 4;
/// Numbers between what belongs to two points: without them all points would lie in the same lines of a cache.
const APART: usize = 16;
/// The work on the 36 points of four squares, in multiplications of a matrix product.
const POINTS_WORK: usize = 1 << 10;

/// The sizes of numbers.
#[derive(Clone, Copy)]
struct Extent {
    greatest: f32,
    sum: f32,
}

impl Extent {
    const NONE: Extent = Extent { greatest: 0.0, sum: 0.0 };

    /// The greatest magnitude, NaN before all others, and the sum of magnitudes.
    fn of(x: &[f32]) -> Extent {
        const PART: usize = 1 << 14;
        let mut parts = vec![Extent::NONE; x.len().div_ceil(PART)];
        let target = Shared(parts.as_mut_ptr());
        parallel_for(parts.len(), 8, |range| {
            for i in range {
                let part = Extent::of_part(&x[i * PART..x.len().min((i + 1) * PART)]);
                // SAFETY: each round has a place of its own.
                unsafe { target.get().add(i).write(part) }
            }
        });
        parts.into_iter().fold(Extent::NONE, Extent::and)
    }

    fn of_part(x: &[f32]) -> Extent {
        const WIDE: usize = 4;
        let (mut greatest, mut sum) = ([F32x4::splat(0.0); WIDE], [F32x4::splat(0.0); WIDE]);
        let chunks = x.chunks_exact(WIDE * F32x4::N);
        let rest = chunks.remainder();
        for chunk in chunks {
            for i in 0..WIDE {
                // SAFETY: the chunk has `WIDE` vectors.
                let v = unsafe { F32x4::load(chunk.as_ptr().add(i * F32x4::N)) }.abs();
                greatest[i] = greatest[i].farther(v);
                sum[i] = sum[i].add(v);
            }
        }
        let [a, b, c, d] = greatest;
        let mut lanes = [0.0; F32x4::N];
        // SAFETY: there is room for a vector.
        unsafe { a.farther(b).farther(c.farther(d)).store(lanes.as_mut_ptr()) }
        let sum = sum.into_iter().fold(0.0, |all, v| all + v.sum());
        lanes.iter().chain(rest).fold(Extent { greatest: 0.0, sum }, |all, x| all.and(Extent { greatest: x.abs(), sum: 0.0 }))
    }

    fn and(self, o: Extent) -> Extent {
        // Magnitudes are ordered as their bits are, and NaN comes last.
        let greatest = f32::from_bits(self.greatest.to_bits().max(o.greatest.to_bits()));
        Extent { greatest, sum: self.sum + o.sum }
    }

    /// Whether the greatest of `n` numbers is not so far above the mean that others would be lost beside it.
    fn even(&self, n: usize) -> bool {
        self.greatest <= 200.0 * (self.sum / n as f32)
    }
}

/// Whether sums of so many products are as good here as the direct ones: numbers are in proportion, stay
/// finite at all points, and are not such that direct sums of moderate size are exact.
fn fits(a: &[f32], b: &[f32], terms: usize) -> bool {
    let coarse = |x: &[f32]| x.iter().all(|x| (x * 16.0).trunc() == x * 16.0);
    let (extent, other) = (Extent::of(a), Extent::of(b));
    let most = f64::from(extent.greatest) * f64::from(other.greatest) * (terms as f64);
    extent.even(a.len()) && other.even(b.len()) && most < f64::from(f32::MAX) / 65536.0 && !(coarse(a) && coarse(b))
}

/// A convolution of three by three without steps, in two dimensions.
struct Plan {
    batch: usize,
    groups: usize,
    channels: usize,
    filters: usize,
    /// The tiles of the images.
    cut: Cut,
    /// Sizes of the output.
    output: [usize; 2],
}

impl Plan {
    fn new(g: &Geometry) -> Option<Plan> {
        let flat = g.input[0] == 1 && g.output[0] == 1 && g.padding[0] == 0 && g.padding[1].max(g.padding[2]) <= 2;
        if !flat || g.kernel != [1, 3, 3] || g.stride != [1; 3] || g.dilation != [1; 3] {
            return None;
        }
        let left = [g.padding[1] as isize, g.padding[2] as isize];
        Some(Plan::of((g.batch, g.groups, g.channels, g.filters), g.input, left, g.output))
    }

    /// The convolution that gives the gradient of the input.
    fn back(g: &Geometry) -> Option<Plan> {
        let Plan { cut, .. } = Plan::new(g)?;
        Some(Plan::of((g.batch, g.groups, g.filters, g.channels), g.output, cut.left.map(|n| 2 - n), g.input))
    }

    fn of((batch, groups, channels, filters): (usize, usize, usize, usize), input: [usize; 3], left: [isize; 2], output: [usize; 3]) -> Plan {
        let output = [output[1], output[2]];
        let cut = Cut { plane: [input[1], input[2]], left, tiles: output.map(|n| n.div_ceil(STEP)), size: TILE };
        Plan { batch, groups, channels, filters, cut, output }
    }

    /// Tiles of all images.
    fn tiles(&self) -> usize {
        self.batch * self.cut.count()
    }

    /// Whether it may be, and is, faster than the direct way: tiles reach beyond the output not too far, and are
    /// enough that kernels are worth their points.
    fn pays(&self) -> bool {
        if !allowed(None) {
            return false;
        }
        let (pairs, tiles) = (self.channels * self.filters, self.tiles());
        let full = 8 * self.output[0] * self.output[1] >= 3 * STEP * STEP * self.cut.count();
        self.channels.min(self.filters) >= 8 && pairs >= 128 && full && tiles >= if pairs <= 1 << 16 { 8 } else { 16 }
    }
}

/// The convolution, if it can be done here and pays; arguments as those of `conv::forward`.
pub fn forward<T: Number>(g: &Geometry, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) -> bool {
    slide_if(Plan::new(g), x, w, bias, y)
}

/// The gradient of the input, as `conv::transposed`, with turned filters.
pub fn transposed<T: Number>(g: &Geometry, y: &[T], turned: &[T], bias: Option<&[T]>, x: &mut [T]) -> bool {
    slide_if(Plan::back(g), y, turned, bias, x)
}

/// The gradient of the weight, as `conv::weight`.
pub fn weight<T: Number>(g: &Geometry, x: &[T], y: &[T], w: &mut [T]) -> bool {
    let Some(plan) = Plan::new(g).filter(Plan::pays) else { return false };
    let (Some(x), Some(y), Some(w)) = (T::floats(x), T::floats(y), T::floats_mut(w)) else { return false };
    let fits = fits(x, y, plan.batch * plan.output[0] * plan.output[1]);
    if fits {
        correlate(&plan, x, y, w);
    }
    fits
}

/// Filters over images, if that can be done here and pays, with results as good as the direct ones.
fn slide_if<T: Number>(plan: Option<Plan>, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) -> bool {
    // A result that sees one pixel beside padding has the error of a tile: twenty times its own.
    let near = |plan: &Plan| plan.cut.left.iter().all(|n| (0..=1).contains(n));
    let Some(plan) = plan.filter(|plan| near(plan) && plan.pays()) else { return false };
    let (Some(x), Some(w), Some(y)) = (T::floats(x), T::floats(w), T::floats_mut(y)) else { return false };
    let fits = fits(x, w, 9 * plan.channels);
    if fits {
        slide(&plan, x, w, bias.and_then(T::floats), y);
    }
    fits
}

/// First rows of the vectors that make up a panel; the last one may overlap the one before.
fn vectors(rows: usize) -> impl Iterator<Item = usize> {
    (0..rows).step_by(LANES).map(move |row| row.min(rows - LANES))
}

/// Filters over images.
fn slide(plan: &Plan, x: &[f32], w: &[f32], bias: Option<&[f32]>, y: &mut [f32]) {
    let Some(kernel) = f32::kernel() else { return };
    let (&Plan { groups, channels, filters, ref cut, .. }, all) = (plan, plan.tiles());
    let (panes, squares, columns) = (kernel.panes(filters), squares(), kernel.columns);
    let (deep, height) = (part(channels, DEPTH), panes.rows());
    let block = part(all, TILES).next_multiple_of(columns);
    let (u_step, v_step, m_step) = (height * channels + APART, block * channels + APART, block * filters + APART);

    // The filters at all points, in panels of some channels and a tile's rows.
    let mut u = vec![0.0; groups * POINTS * u_step];
    let target = Shared(u.as_mut_ptr());
    parallel_for(groups * panes.count, SHARED_WORK / (POINTS_WORK * 2 * channels), |range| {
        for (group, (i, rows)) in range.map(|i| (i / panes.count, panes.at(i % panes.count))) {
            for row in vectors(rows) {
                let at: [_; LANES] = std::array::from_fn(|lane| (group * filters + (i + row + lane).min(filters - 1)) * channels);
                for c in 0..channels {
                    let (p, depth) = (c / deep * deep, deep.min(channels - c / deep * deep));
                    let from = at.map(|at| w[(at + c) * 9..][..9].as_ptr());
                    // SAFETY: nine numbers of each filter; the panel's place in `u`.
                    unsafe {
                        let to = target.get().add(group * POINTS * u_step + height * p + i * depth + (c - p) * rows + row);
                        (squares.filter)(from, to, u_step);
                    }
                }
            }
        }
    });

    let (plane, pixels) = (cut.plane[0] * cut.plane[1], plan.output[0] * plan.output[1]);
    let target = Shared(y.as_mut_ptr());
    let blocks = all.div_ceil(block);
    // A few blocks are shared inside, where there is more to share.
    let grain = if groups * blocks < 2 * available() { usize::MAX } else { SHARED_WORK / (POINTS * channels * filters * block) };
    parallel_for(groups * blocks, grain, |range| {
        let (mut v, mut m) = (vec![0.0; POINTS * v_step], vec![0.0; POINTS * m_step]);
        let (v, m) = (Shared(v.as_mut_ptr()), Shared(m.as_mut_ptr()));
        for (group, first) in range.map(|i| (i / blocks, i % blocks * block)) {
            let some = block.min(all - first);
            let strip = cut.strip(first..first + some, block);
            parallel_for(channels, SHARED_WORK / (POINTS_WORK * block / LANES), |range| {
                let mut room = vec![0.0; strip.len];
                for c in range {
                    let (p, depth) = (c / deep * deep, deep.min(channels - c / deep * deep));
                    // SAFETY: the planes of this channel, and its places in `v`.
                    unsafe {
                        cut.fill(&strip, x[(group * channels + c) * plane..].as_ptr(), groups * channels * plane, room.as_mut_ptr());
                        for (i, places) in strip.places.chunks_exact(LANES).enumerate() {
                            let j = i * LANES;
                            let to = v.get().add(block * p + j / columns * columns * depth + (c - p) * columns + j % columns);
                            (squares.image)(std::array::from_fn(|lane| room.as_ptr().add(places[lane])), cut.width(), to, v_step);
                        }
                    }
                }
            });
            parallel_for(POINTS, SHARED_WORK / (channels * filters * block), |range| {
                for point in range {
                    for p in (0..channels).step_by(deep) {
                        // SAFETY: the panels of this point, and its sums.
                        unsafe {
                            (kernel.tiles)(&Block {
                                a: u[(group * POINTS + point) * u_step + height * p..].as_ptr(),
                                a_steps: None,
                                b: v.get().add(point * v_step + block * p),
                                b_step: None,
                                c: m.get().add(point * m_step),
                                step: block,
                                size: (filters, block),
                                tall: panes.tall_rows(),
                                depth: deep.min(channels - p),
                                add: p > 0,
                                row: std::ptr::null(),
                            });
                        }
                    }
                }
            });
            let spots = Spot::all(plan, first, some);
            parallel_for(filters, SHARED_WORK / (POINTS_WORK * block / LANES), |range| {
                let mut room = [0.0; LANES * STEP * STEP];
                for k in range.map(|k| group * filters + k) {
                    let bias = bias.map_or(0.0, |bias| bias[k]);
                    for (i, spots) in spots.chunks(LANES).enumerate() {
                        // SAFETY: the sums of this filter, and its tiles of the output.
                        unsafe {
                            (squares.results)(m.get().add(k % filters * block + i * LANES), m_step, bias, room.as_mut_ptr());
                            for (spot, square) in spots.iter().zip(room.chunks_exact(STEP * STEP)) {
                                spot.put(square, target.get().add(k * pixels), plan.output[1]);
                            }
                        }
                    }
                }
            });
        }
    });
}

/// Where the results of a tile go, in the plane of the first filter, and how many rows and columns there are.
struct Spot {
    at: usize,
    size: [usize; 2],
}

impl Spot {
    /// Those of `count` tiles.
    fn all(plan: &Plan, first: usize, count: usize) -> Vec<Spot> {
        let ([height, width], across) = (plan.output, plan.cut.tiles[1]);
        (first..first + count).map(|i| {
            let (image, i) = (i / plan.cut.count(), i % plan.cut.count());
            let (row, column) = (i / across * STEP, i % across * STEP);
            Spot {
                at: (image * plan.groups * plan.filters * height + row) * width + column,
                size: [STEP.min(height - row), STEP.min(width - column)],
            }
        }).collect()
    }

    /// Writes them.
    ///
    /// # Safety
    /// The plane must be writable.
    #[inline(always)]
    unsafe fn put(&self, square: &[f32], plane: *mut f32, width: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let to = plane.add(self.at);
            for (i, row) in square.chunks_exact(STEP).enumerate().take(self.size[0]) {
                if self.size[1] == STEP {
                    F32x4::load(row.as_ptr()).store(to.add(i * width));
                } else {
                    for (j, &result) in row.iter().enumerate().take(self.size[1]) {
                        *to.add(i * width + j) = result;
                    }
                }
            }
        }
    }
}

/// The gradient of the weight: at each point, a product of the output's gradient and the images, in
/// which tiles are what is summed over.
fn correlate(plan: &Plan, x: &[f32], y: &[f32], w: &mut [f32]) {
    let Some(kernel) = f32::kernel() else { return };
    let (&Plan { groups, channels, filters, ref cut, .. }, all) = (plan, plan.tiles());
    let (panes, squares, columns) = (kernel.panes(filters), squares(), kernel.columns);
    let gradient = Cut { plane: plan.output, left: [0; 2], tiles: cut.tiles, size: STEP };
    let (block, height, width) = (part(all, TILES), panes.rows(), channels.next_multiple_of(columns));
    let (u_step, v_step, m_step) = (height * block + APART, width * block + APART, filters * width + APART);
    let (mut u, mut v, mut m) = (vec![0.0; POINTS * u_step], vec![0.0; POINTS * v_step], vec![0.0; POINTS * m_step]);
    let (u, v, m) = (Shared(u.as_mut_ptr()), Shared(v.as_mut_ptr()), Shared(m.as_mut_ptr()));
    let target = Shared(w.as_mut_ptr());
    // Planes `from..from + count` go to panels, of which there may be too few: then the last one again.
    for group in 0..groups {
        for first in (0..all).step_by(block) {
            let some = block.min(all - first);
            // SAFETY: all planes of the group, and the panels.
            unsafe {
                panels(cut, first..first + some, (x, groups * channels), (group * channels, channels), Panes::new(channels, [columns; 2]), squares.image, v, v_step);
                panels(&gradient, first..first + some, (y, groups * filters), (group * filters, filters), panes, squares.gradient, u, u_step);
            }
            parallel_for(POINTS, SHARED_WORK / (channels * filters * some), |range| {
                for point in range {
                    // SAFETY: the panels of this point, and its sums.
                    unsafe {
                        (kernel.tiles)(&Block {
                            a: u.get().add(point * u_step),
                            a_steps: None,
                            b: v.get().add(point * v_step),
                            b_step: None,
                            c: m.get().add(point * m_step),
                            step: width,
                            size: (filters, width),
                            tall: panes.tall_rows(),
                            depth: some,
                            add: first > 0,
                            row: std::ptr::null(),
                        });
                    }
                }
            });
        }
        parallel_for(filters, SHARED_WORK / (POINTS_WORK * width / LANES), |range| {
            let mut room = [0.0; LANES * 9];
            for (k, c) in range.flat_map(|k| (0..channels).step_by(LANES).map(move |c| (k, c))) {
                // SAFETY: the sums of this filter, and its kernels.
                unsafe {
                    (squares.taps)(m.get().add(k * width + c), m_step, room.as_mut_ptr());
                    for lane in 0..LANES.min(channels - c) {
                        let to = target.get().add(((group * filters + k) * channels + c + lane) * 9);
                        for i in 0..9 {
                            *to.add(i) = room[i * LANES + lane];
                        }
                    }
                }
            }
        });
    }
}

/// Some tiles of `count` planes from the plane `first` on, at all points, in panels;
/// where one has too few, the last plane stands again.
///
/// # Safety
/// The planes must be readable, `to` writable for the panels of all points.
#[allow(clippy::too_many_arguments, reason = "images, panels and the map between them")]
unsafe fn panels(
    cut: &Cut, some: std::ops::Range<usize>, (x, planes): (&[f32], usize), (first, count): (usize, usize), panes: Panes,
    map: unsafe fn([*const f32; 4], usize, *mut f32, usize), to: Shared<*mut f32>, to_step: usize,
) {
    let (depth, plane) = (some.len(), cut.plane[0] * cut.plane[1]);
    let strip = cut.strip(some, depth);
    let (_, most) = panes.at(0);
    parallel_for(panes.count, SHARED_WORK / (POINTS_WORK * most / LANES * depth), |range| {
        let mut room = vec![0.0; most * strip.len];
        for (i, unit) in range.map(|i| panes.at(i)) {
            // SAFETY: the caller's promise.
            unsafe {
                for (lane, room) in room.chunks_exact_mut(strip.len).take(unit).enumerate() {
                    let from = x[(first + (i + lane).min(count - 1)) * plane..].as_ptr();
                    cut.fill(&strip, from, planes * plane, room.as_mut_ptr());
                }
                for row in vectors(unit) {
                    for (p, &place) in strip.places.iter().enumerate() {
                        let at = std::array::from_fn(|lane| room.as_ptr().add((row + lane) * strip.len + place));
                        map(at, cut.width(), to.get().add(i * depth + p * unit + row), to_step);
                    }
                }
            }
        }
    });
}
