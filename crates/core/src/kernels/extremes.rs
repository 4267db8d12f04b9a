//! The greatest and the least elements of rows and of columns. A row is read once for its extreme, and
//! a block of it once more for the place: two short loops of vectors, where one that carries places
//! along would be a long one.

use super::simd::{Choose, F32x4, F64x2, Lane};

/// Numbers in order: NaN beats everything, otherwise the greater or the smaller.
pub trait Ordered: Copy + PartialOrd {
    /// What every other element beats or equals.
    fn worst(greater: bool) -> Self;
    /// Whether this element beats another one.
    fn beats(self, other: Self, greater: bool) -> bool;
    /// The element of a row that no other beats.
    fn of_row(row: &[Self], greater: bool) -> Self;
}

impl Ordered for i64 {
    fn worst(greater: bool) -> i64 {
        if greater { i64::MIN } else { i64::MAX }
    }
    #[inline(always)]
    fn beats(self, o: Self, greater: bool) -> bool {
        if greater { self > o } else { self < o }
    }
    fn of_row(row: &[i64], greater: bool) -> i64 {
        if greater { whole_numbers::<true>(row) } else { whole_numbers::<false>(row) }
    }
}

macro_rules! ordered {
    ($($t:ty, $L:ty);*) => { $(impl Ordered for $t {
        fn worst(greater: bool) -> $t {
            if greater { <$t>::NEG_INFINITY } else { <$t>::INFINITY }
        }
        #[inline(always)]
        fn beats(self, o: Self, greater: bool) -> bool {
            let not_behind = if greater { self <= o } else { self >= o };
            !not_behind && !o.is_nan()
        }
        fn of_row(row: &[$t], greater: bool) -> $t {
            if greater { vectors::<$L, true>(row) } else { vectors::<$L, false>(row) }
        }
    })* };
}
ordered!(f32, F32x4; f64, F64x2);

/// The extreme of a row of whole numbers.
fn whole_numbers<const GREATER: bool>(row: &[i64]) -> i64 {
    let pick = |a: i64, x: i64| if x.beats(a, GREATER) { x } else { a };
    let chunks = row.chunks_exact(8);
    let rest = chunks.remainder().iter().fold(i64::worst(GREATER), |a, x| pick(a, *x));
    let mut part = [i64::worst(GREATER); 8];
    for chunk in chunks {
        for i in 0..8 {
            part[i] = pick(part[i], chunk[i]);
        }
    }
    part.into_iter().fold(rest, pick)
}

/// Partial results that do not wait for each other.
const PARTS: usize = 4;

/// The extreme of a row of floats. A NaN shows in a mask of its own, because a minimum that keeps it
/// takes processors several instructions.
fn vectors<L: Choose, const GREATER: bool>(row: &[L::Elem]) -> L::Elem
where
    L::Elem: Ordered,
{
    let pick = |a: L, x: L| if GREATER { a.greater(x) } else { L::select(a.above(x), x, a) };
    let beats = |x: L::Elem, a: L::Elem| if GREATER { x > a } else { x < a };
    if row.len() < L::N {
        return row.iter().fold(L::Elem::worst(GREATER), |a, &x| if x.beats(a, GREATER) { x } else { a });
    }
    let whole = row.len() / (PARTS * L::N) * (PARTS * L::N);
    let mut part = [L::splat(L::Elem::worst(GREATER)); PARTS];
    let mut nan = part[0].above(part[0]);
    for p in (0..whole).step_by(PARTS * L::N) {
        for (u, a) in part.iter_mut().enumerate() {
            // SAFETY: `p` and what follows it are before `whole`.
            let x = unsafe { L::load(row.as_ptr().add(p + u * L::N)) };
            *a = pick(*a, x);
            nan = nan.or(x.is_nan());
        }
    }
    let [a, b, c, d] = part;
    let mut best = pick(pick(a, b), pick(c, d));
    for p in (whole..row.len()).step_by(L::N) {
        // The last vector may overlap the one before.
        // SAFETY: the row has at least one vector.
        let x = unsafe { L::load(row.as_ptr().add(p.min(row.len() - L::N))) };
        best = pick(best, x);
        nan = nan.or(x.is_nan());
    }
    if nan.any() {
        return row.iter().copied().find(|x| x.partial_cmp(x).is_none()).unwrap_or(row[0]);
    }
    lanes(best).fold(L::Elem::worst(GREATER), |a, x| if beats(x, a) { x } else { a })
}

/// The numbers of a vector.
fn lanes<L: Lane>(v: L) -> impl Iterator<Item = L::Elem> {
    let mut out = [L::Elem::default(); 8];
    // SAFETY: no lane of floats is wider.
    unsafe { v.store(out.as_mut_ptr()) }
    out.into_iter().take(L::N)
}

/// Elements of a row among which the place is looked for.
const BLOCK: usize = 2048;
/// Elements that are compared without asking in between.
const CHUNK: usize = 16;
/// Rows that are shorter are read once, element by element.
const SHORT: usize = 6;

/// The element of a row that no other beats, the first of equals, and its place.
pub fn best_of_row<T: Ordered>(row: &[T], greater: bool) -> (T, usize) {
    if row.len() < SHORT {
        return row.iter().enumerate().skip(1).fold((row[0], 0), |a, (i, x)| if x.beats(a.0, greater) { (*x, i) } else { a });
    }
    let (mut best, mut at) = (T::worst(greater), 0);
    for (i, block) in row.chunks(BLOCK).enumerate() {
        let x = T::of_row(block, greater);
        if i == 0 || x.beats(best, greater) {
            (best, at) = (x, i * BLOCK);
        }
    }
    let block = &row[at..row.len().min(at + BLOCK)];
    let place = at + if best.partial_cmp(&best).is_none() {
        block.iter().position(|x| x.partial_cmp(x).is_none()).unwrap_or(0)
    } else {
        place_of(best, block)
    };
    (row[place], place)
}

/// The first place of an element that a row has.
fn place_of<T: Ordered>(best: T, row: &[T]) -> usize {
    let mut first = 0;
    for chunk in row.chunks_exact(CHUNK) {
        if chunk.iter().fold(false, |any, x| any | (*x == best)) {
            break;
        }
        first += CHUNK;
    }
    // From the back, so that no branch depends on the numbers.
    let rest = &row[first..row.len().min(first + CHUNK)];
    first + rest.iter().enumerate().rev().fold(0, |at, (i, x)| if *x == best { i } else { at })
}

/// Columns whose results stay in the nearest cache while rows go by.
const COLUMNS: usize = 512;

/// The same for the columns of a matrix that is `width` wide.
pub fn best_of_columns<T: Ordered>(rows: &[T], width: usize, values: &mut [T], places: &mut [i64], greater: bool) {
    if greater { columns::<T, true>(rows, width, values, places) } else { columns::<T, false>(rows, width, values, places) }
}

fn columns<T: Ordered, const GREATER: bool>(rows: &[T], width: usize, values: &mut [T], places: &mut [i64]) {
    let mut at = [0u32; COLUMNS];
    for first in (0..width).step_by(COLUMNS) {
        let end = width.min(first + COLUMNS);
        let (values, at) = (&mut values[first..end], &mut at[..end - first]);
        values.copy_from_slice(&rows[first..end]);
        at.fill(0);
        for (r, row) in rows.chunks_exact(width).enumerate().skip(1) {
            for ((v, i), &x) in values.iter_mut().zip(at.iter_mut()).zip(&row[first..end]) {
                let take = x.beats(*v, GREATER);
                *v = if take { x } else { *v };
                *i = if take { r as u32 } else { *i };
            }
        }
        places[first..end].iter_mut().zip(at).for_each(|(p, i)| *p = i64::from(*i));
    }
}
