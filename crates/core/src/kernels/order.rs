//! Order: what is less than what, NaN being greatest of all; selection and sorting with the places
//! that values came from.

use std::cmp::Ordering;

/// The types that values are compared in.
pub trait Ordered: Copy {
    /// Their order, NaN last.
    fn order(self, other: Self) -> Ordering;
    /// Whether it is NaN.
    fn is_nan(self) -> bool;
    /// The greater; NaN wins.
    fn greatest(self, other: Self) -> Self;
    /// The smaller; NaN wins.
    fn least(self, other: Self) -> Self;
}

impl Ordered for i64 {
    #[inline(always)]
    fn order(self, other: Self) -> Ordering {
        self.cmp(&other)
    }
    fn is_nan(self) -> bool {
        false
    }
    fn greatest(self, other: Self) -> Self {
        self.max(other)
    }
    fn least(self, other: Self) -> Self {
        self.min(other)
    }
}

macro_rules! ordered_float {
    ($($t:ident),*) => { $(impl Ordered for $t {
        #[inline(always)]
        fn order(self, other: Self) -> Ordering {
            self.partial_cmp(&other).unwrap_or_else(|| $t::is_nan(self).cmp(&$t::is_nan(other)))
        }
        #[inline(always)]
        fn is_nan(self) -> bool {
            $t::is_nan(self)
        }
        #[inline(always)]
        fn greatest(self, other: Self) -> Self {
            if $t::is_nan(self) || self > other { self } else { other }
        }
        #[inline(always)]
        fn least(self, other: Self) -> Self {
            if $t::is_nan(self) || self < other { self } else { other }
        }
    })* };
}
ordered_float!(f32, f64);

/// The numbers below `n` in order, equal ones as they come. For short lists: it is compiled once.
pub fn places(n: usize, compare: &dyn Fn(usize, usize) -> Ordering) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| compare(*a, *b));
    order
}

/// A value and where it came from.
pub type Placed<T> = (T, usize);

/// The order of values, then of places; descending turns that of the values.
#[inline(always)]
pub fn placed<T: Ordered>(descending: bool) -> impl Fn(&Placed<T>, &Placed<T>) -> Ordering {
    move |a, b| {
        let by_value = if descending { b.0.order(a.0) } else { a.0.order(b.0) };
        by_value.then(a.1.cmp(&b.1))
    }
}

/// The values of a row with their places.
pub fn with_places<T: Ordered>(row: &[T], to: &mut Vec<Placed<T>>) {
    to.clear();
    to.extend(row.iter().enumerate().map(|(i, x)| (*x, i)));
}

/// The `k`-th smallest of a row, counted from zero, and its place; what is left out of `row` is not looked at.
pub fn nth<T: Ordered>(row: &mut [Placed<T>], k: usize) -> Placed<T> {
    *row.select_nth_unstable_by(k, placed(false)).1
}

/// The most frequent value of a row, the smallest of several, and the last place where it is. NaN
/// equals nothing, itself included.
pub fn mode<T: Ordered + PartialEq>(sorted: &[Placed<T>]) -> Placed<T> {
    let mut best = (0, 0);
    let mut start = 0;
    for i in 0..sorted.len() {
        if i > 0 && sorted[i].0 != sorted[i - 1].0 {
            start = i;
        }
        if i + 1 - start > best.0 {
            best = (i + 1 - start, i);
        }
    }
    sorted[best.1]
}
