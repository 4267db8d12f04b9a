//! The inner loops of matrix products, over lanes: a tile of sums held in registers, dot products of
//! several rows at once, sums of scaled rows. A build that can round once instantiates them anew.

use super::gemm::Number;
use super::simd::{Lane, MulAdd};
use std::ops::Range;

/// Vectors in a row of a tile. V8 keeps 15 vectors in registers: 6 rows of 2, their 2 factors and 1 more.
pub const WIDTH: usize = 2;

/// So few rows have a tile of their own, which has as many vectors in a row.
pub const FEW: usize = 3;
/// Numbers in a row of any tile, at most.
pub const WIDEST: usize = 4 * FEW;

/// A block of packed panels, and where its product goes.
pub struct Block<T> {
    /// Panels of `a`: for each step of `depth`, one number for each row of a tile. Or `a` itself.
    pub a: *const T,
    /// Where `a` is itself: the steps to its next row and to its next column.
    pub a_steps: Option<[usize; 2]>,
    /// Panels of `b`: for each step of `depth`, one number for each column of a tile. Or `b` itself.
    pub b: *const T,
    /// Where `b` is itself: the step to its next row.
    pub b_step: Option<usize>,
    /// The first element of the result, and the step to its next row.
    pub c: *mut T,
    /// Step to the next row of the result.
    pub step: usize,
    /// Rows and columns of the result.
    pub size: (usize, usize),
    /// Rows in tall tiles, which come first.
    pub tall: usize,
    /// Length of the sums.
    pub depth: usize,
    /// Whether the sums are added to what is there.
    pub add: bool,
    /// What is added to every row, if it is not null.
    pub row: *const T,
}

/// Sums of `depth` products: `rows` numbers of `a` times `WIDTH` vectors of `b`, at fixed steps; they
/// begin with `first`.
#[inline(always)]
unsafe fn sums<L: Lane, M: MulAdd<L>, const ROWS: usize>(
    depth: usize, a: *const L::Elem, a_row: usize, a_step: usize, b: *const L::Elem, b_step: usize, first: [L; WIDTH],
) -> [[L; WIDTH]; ROWS] {
    let mut acc = [first; ROWS];
    let (mut a, mut b) = (a, b);
    for _ in 0..depth {
        // SAFETY: the caller's promise: `depth` steps of both lie in memory.
        unsafe {
            let right: [L; WIDTH] = [L::load(b), L::load(b.add(L::N))];
            for i in 0..ROWS {
                let left = L::splat(*a.wrapping_add(i.wrapping_mul(a_row)));
                for j in 0..WIDTH {
                    acc[i][j] = M::mul_add(left, right[j], acc[i][j]);
                }
            }
        }
        a = a.wrapping_add(a_step);
        b = b.wrapping_add(b_step);
    }
    acc
}

/// The same where the numbers of `b` are not packed: for each tap, vectors from there on.
#[inline(always)]
unsafe fn sums_at<L: Lane, M: MulAdd<L>, const ROWS: usize, const WIDTH: usize>(
    taps: &[usize], a: *const L::Elem, b: [*const L::Elem; WIDTH],
) -> [[L; WIDTH]; ROWS] {
    let mut acc = [[L::splat(Default::default()); WIDTH]; ROWS];
    let mut a = a;
    for &tap in taps {
        // SAFETY: the caller's promise: `ROWS` numbers of `a` for each tap, and every tap of all vectors.
        unsafe {
            let mut right = [L::splat(Default::default()); WIDTH];
            for (v, b) in right.iter_mut().zip(b) {
                *v = L::load(b.add(tap));
            }
            for i in 0..ROWS {
                let left = L::splat(*a.add(i));
                for j in 0..WIDTH {
                    acc[i][j] = M::mul_add(left, right[j], acc[i][j]);
                }
            }
            a = a.add(ROWS);
        }
    }
    acc
}

/// The vectors of a row that is added to a tile; zeros where there is none, or not so much of it.
#[inline(always)]
unsafe fn begin<L: Lane>(row: *const L::Elem, n: usize) -> [L; WIDTH] {
    if row.is_null() || n < WIDTH * L::N {
        return [L::splat(Default::default()); WIDTH];
    }
    // SAFETY: the caller's promise: `n` numbers of the row are readable.
    unsafe { [L::load(row), L::load(row.add(L::N))] }
}

#[inline(always)]
unsafe fn put<L: Lane, const ROWS: usize, const WIDTH: usize>(acc: [[L; WIDTH]; ROWS], c: *mut L::Elem, step: usize, add: bool) {
    for (i, line) in acc.into_iter().enumerate() {
        for (j, v) in line.into_iter().enumerate() {
            // SAFETY: the caller's promise: the whole tile is writable.
            unsafe {
                let at = c.add(i * step + j * L::N);
                (if add { L::load(at).add(v) } else { v }).store(at);
            }
        }
    }
}

/// The product of a block of packed panels: tiles of `TALL` rows, then of `SHORT` rows.
///
/// # Safety
/// The panels and the result must be as `Block` says.
#[inline(always)]
pub unsafe fn tiles<L: Lane, M: MulAdd<L>, const TALL: usize, const SHORT: usize>(block: &Block<L::Elem>) {
    // Two panels at a time: together they write whole lines of memory.
    let (tall, pair) = (block.tall.min(block.size.0), 2 * WIDTH * L::N);
    for j in (0..block.size.1).step_by(pair) {
        let columns = j..block.size.1.min(j + pair);
        // SAFETY: the caller's promise.
        unsafe {
            some_tiles::<L, M, TALL>(block, 0..tall, columns.clone());
            if SHORT < TALL {
                some_tiles::<L, M, SHORT>(block, tall..block.size.0, columns);
            }
        }
    }
}

/// The tiles of one height in some rows and columns. What is not packed is not padded: there, the last
/// tile reaches back to what others write.
#[inline(always)]
unsafe fn some_tiles<L: Lane, M: MulAdd<L>, const ROWS: usize>(block: &Block<L::Elem>, rows: Range<usize>, columns: Range<usize>) {
    let (&Block { a, a_steps, b, b_step, c, step, size: (m, n), depth, add, row, .. }, wide) = (block, WIDTH * L::N);
    let (a_back, b_back) = (a_steps.is_some(), b_step.is_some());
    let (pane, a_row, a_step) = a_steps.map_or((depth, 1, ROWS), |[row, step]| (row, row, step));
    let (panel, b_step) = b_step.map_or((depth, wide), |step| (1, step));
    for i in rows.step_by(ROWS) {
        let first = if a_back && i + ROWS > m { m.wrapping_sub(ROWS) } else { i };
        // Steps may be negative, so they wrap.
        let (a, c) = (a.wrapping_add(first.wrapping_mul(pane)), c.wrapping_add(first.wrapping_mul(step)));
        for j in columns.clone().step_by(wide) {
            let begins = if b_back && j + wide > n { n.wrapping_sub(wide) } else { j };
            let (b, c) = (b.wrapping_add(begins.wrapping_mul(panel)), c.wrapping_add(begins));
            let row = if row.is_null() { row } else { row.wrapping_add(begins) };
            // SAFETY: panels are full, padded with zeros; of the result only what exists is written.
            unsafe {
                let acc = sums::<L, M, ROWS>(depth, a, a_row, a_step, b, b_step, begin(row, n.wrapping_sub(begins)));
                // Unless sums are added, what the block has may be written twice.
                let whole = if add { i + ROWS <= m && j + wide <= n } else { first <= i && first + ROWS <= m && begins <= j && begins + wide <= n };
                if whole {
                    put(acc, c, step, add);
                } else {
                    let inside = (i.wrapping_sub(first)..m.wrapping_sub(first), j.wrapping_sub(begins)..n.wrapping_sub(begins));
                    put_some(acc, c, step, inside, add, row);
                }
            }
        }
    }
}

/// Of a tile, what lies inside some rows and columns, which may be more than it has. Where `begin` had
/// too few numbers of the row, they are added here.
#[inline(always)]
unsafe fn put_some<L: Lane, const ROWS: usize, const WIDTH: usize>(
    acc: [[L; WIDTH]; ROWS], c: *mut L::Elem, step: usize, (rows, columns): (Range<usize>, Range<usize>), add: bool, row: *const L::Elem,
) {
    let row = if columns.end < WIDTH * L::N { row } else { std::ptr::null() };
    let mut edge = [[<L::Elem>::default(); WIDEST]; ROWS];
    // SAFETY: the caller's promise: so much of the result is writable, and so much of the row readable.
    unsafe {
        put(acc, edge.as_mut_ptr().cast(), WIDEST, false);
        put_edge(&edge, c, step, rows, columns.start..columns.end.min(WIDTH * L::N), add, row);
    }
}

/// `put_some` number by number.
#[inline(never)]
unsafe fn put_edge<T: Number>(
    edge: &[[T; WIDEST]], c: *mut T, step: usize, rows: Range<usize>, columns: Range<usize>, add: bool, row: *const T,
) {
    for (r, line) in edge.iter().enumerate().take(rows.end).skip(rows.start) {
        for (q, &x) in line.iter().enumerate().take(columns.end).skip(columns.start) {
            // SAFETY: the caller's promise.
            unsafe {
                let at = c.wrapping_add(r * step + q);
                let x = if row.is_null() { x } else { x + *row.add(q) };
                *at = if add { *at + x } else { x };
            }
        }
    }
}

/// The product of packed panels of `a` and a panel that is not packed: for each tap, the numbers at
/// the places of a tile's columns, which follow each other vector by vector.
///
/// # Safety
/// As for `tiles`; every tap of every place must be readable from `x` on.
#[inline(always)]
pub unsafe fn taps<L: Lane, M: MulAdd<L>, const TALL: usize, const SHORT: usize>(
    block: &Block<L::Elem>, x: *const L::Elem, taps: &[usize], places: &[usize],
) {
    let tall = block.tall.min(block.size.0);
    // SAFETY: the caller's promise.
    unsafe {
        let b = [x.add(places[0]), x.add(places[L::N])];
        some_taps::<L, M, TALL, WIDTH>(block, 0..tall, b, taps);
        if SHORT < TALL {
            some_taps::<L, M, SHORT, WIDTH>(block, tall..block.size.0, b, taps);
        }
    }
}

/// The same for `FEW` rows at most, in as many vectors.
///
/// # Safety
/// As for `taps`.
#[inline(always)]
pub unsafe fn few_rows_of_taps<L: Lane, M: MulAdd<L>>(block: &Block<L::Elem>, x: *const L::Elem, taps: &[usize], places: &[usize]) {
    // SAFETY: the caller's promise.
    unsafe { some_taps::<L, M, FEW, FEW>(block, 0..1, [x.add(places[0]), x.add(places[L::N]), x.add(places[2 * L::N])], taps) }
}

/// The tiles of one height in some rows, and in the columns that begin at `b`.
#[inline(always)]
unsafe fn some_taps<L: Lane, M: MulAdd<L>, const ROWS: usize, const WIDTH: usize>(
    block: &Block<L::Elem>, rows: Range<usize>, b: [*const L::Elem; WIDTH], taps: &[usize],
) {
    // SAFETY: the caller's promise.
    unsafe {
        for i in rows.step_by(ROWS) {
            let acc = sums_at::<L, M, ROWS, WIDTH>(taps, block.a.add(i * block.depth), b);
            let (to, high, across) = (block.c.add(i * block.step), block.size.0 - i, block.size.1);
            if ROWS <= high && WIDTH * L::N <= across {
                put(acc, to, block.step, block.add);
            } else {
                put_some(acc, to, block.step, (0..high, 0..across), block.add, std::ptr::null());
            }
        }
    }
}

/// Rows that go at once through a vector. They are a fourth of all apart, so that each of four streams
/// through memory goes on where it ends: memory is almost twice as fast as at neighbouring rows.
const STREAMS: usize = 4;

/// Dot products of `x` with each of `count` rows, `step` apart.
///
/// # Safety
/// The rows must be readable for the length of `x`, `y` writable for `count` numbers `y_step` apart.
#[inline(always)]
pub unsafe fn dots<L: Lane, M: MulAdd<L>>(
    rows: *const L::Elem, step: usize, count: usize, x: &[L::Elem], y: *mut L::Elem, y_step: usize, add: bool,
) {
    let set = |i: usize, sum: L::Elem| {
        // SAFETY: the caller's promise.
        unsafe {
            let at = y.add(i * y_step);
            *at = if add { *at + sum } else { sum };
        }
    };
    let apart = count / STREAMS;
    for i in 0..apart {
        // SAFETY: the caller's promise.
        let sums = unsafe { row_dots::<L, M>(rows.wrapping_add(i.wrapping_mul(step)), step.wrapping_mul(apart), x) };
        sums.into_iter().enumerate().for_each(|(r, s)| set(i + r * apart, s));
    }
    for i in STREAMS * apart..count {
        // SAFETY: the caller's promise.
        set(i, dot::<L, M>(unsafe { std::slice::from_raw_parts(rows.wrapping_add(i.wrapping_mul(step)), x.len()) }, x));
    }
}

#[inline(always)]
unsafe fn row_dots<L: Lane, M: MulAdd<L>>(rows: *const L::Elem, step: usize, x: &[L::Elem]) -> [L::Elem; STREAMS] {
    let rows: [_; STREAMS] = std::array::from_fn(|r| rows.wrapping_add(r.wrapping_mul(step)));
    let mut acc = [[L::splat(Default::default()); 2]; STREAMS];
    let pairs = x.len() / (2 * L::N) * (2 * L::N);
    // SAFETY: the caller's promise.
    unsafe {
        for p in (0..pairs).step_by(2 * L::N) {
            let (x, rows) = (x.as_ptr().add(p), rows.map(|row| row.wrapping_add(p)));
            for u in 0..2 {
                let v = L::load(x.add(u * L::N));
                for (row, sums) in rows.iter().zip(&mut acc) {
                    sums[u] = M::mul_add(L::load(row.add(u * L::N)), v, sums[u]);
                }
            }
        }
        std::array::from_fn(|r| {
            let mut sum = acc[r][0].add(acc[r][1]).sum();
            for p in pairs..x.len() {
                sum += *rows[r].add(p) * x[p];
            }
            sum
        })
    }
}

/// The sum of products, in four vectors of partial sums.
#[inline(always)]
pub fn dot<L: Lane, M: MulAdd<L>>(a: &[L::Elem], b: &[L::Elem]) -> L::Elem {
    let n = a.len().min(b.len());
    let (chunk, whole) = (4 * L::N, n / (4 * L::N) * (4 * L::N));
    let mut acc = [L::splat(Default::default()); 4];
    for p in (0..whole).step_by(chunk) {
        for (u, sum) in acc.iter_mut().enumerate() {
            // SAFETY: `p + chunk <= whole`.
            let (x, y) = unsafe { (L::load(a.as_ptr().add(p + u * L::N)), L::load(b.as_ptr().add(p + u * L::N))) };
            *sum = M::mul_add(x, y, *sum);
        }
    }
    let mut sum = acc[0].add(acc[1]).add(acc[2].add(acc[3])).sum();
    for p in whole..n {
        sum += a[p] * b[p];
    }
    sum
}

/// `y` plus the sum of `count` rows, each times its number of `x`.
///
/// # Safety
/// The rows must be readable for the length of `y`, and `x` for `count` numbers.
#[inline(always)]
pub unsafe fn scaled_rows<L: Lane, M: MulAdd<L>>(
    rows: *const L::Elem, step: usize, count: usize, x: *const L::Elem, x_step: usize, y: &mut [L::Elem],
) {
    let (apart, at) = (count / STREAMS, |i: usize| (rows.wrapping_add(i.wrapping_mul(step)), x.wrapping_add(i.wrapping_mul(x_step))));
    // SAFETY: the caller's promise.
    unsafe {
        for (rows, x) in (0..apart).map(at) {
            add_rows::<L, M, STREAMS>(rows, step.wrapping_mul(apart), x, x_step.wrapping_mul(apart), y);
        }
        for (rows, x) in (STREAMS * apart..count).map(at) {
            add_rows::<L, M, 1>(rows, step, x, x_step, y);
        }
    }
}

#[inline(always)]
unsafe fn add_rows<L: Lane, M: MulAdd<L>, const ROWS: usize>(
    rows: *const L::Elem, step: usize, x: *const L::Elem, x_step: usize, y: &mut [L::Elem],
) {
    const WIDE: usize = 4;
    let whole = y.len() / (WIDE * L::N) * (WIDE * L::N);
    // SAFETY: the caller's promise.
    unsafe {
        let factors: [L::Elem; ROWS] = std::array::from_fn(|r| *x.wrapping_add(r.wrapping_mul(x_step)));
        let left: [L; ROWS] = std::array::from_fn(|r| L::splat(factors[r]));
        for p in (0..whole).step_by(WIDE * L::N) {
            let to = y.as_mut_ptr().add(p);
            let mut sums: [L; WIDE] = std::array::from_fn(|u| L::load(to.add(u * L::N)));
            for (r, &left) in left.iter().enumerate() {
                let row = rows.wrapping_add(r.wrapping_mul(step)).add(p);
                for (u, sum) in sums.iter_mut().enumerate() {
                    *sum = M::mul_add(left, L::load(row.add(u * L::N)), *sum);
                }
            }
            sums.into_iter().enumerate().for_each(|(u, sum)| sum.store(to.add(u * L::N)));
        }
        for (p, sum) in y.iter_mut().enumerate().skip(whole) {
            for (r, &factor) in factors.iter().enumerate() {
                *sum += factor * *rows.wrapping_add(r.wrapping_mul(step)).add(p);
            }
        }
    }
}
