//! Softmax of rows, its logarithm and their gradients, without overflow.

use super::reduce::{dot_row, fold_row};
use crate::ops::loops::Real;

/// The softmax of a row, or its logarithm. NaN anywhere is in the sum, and from there everywhere.
pub fn softmax<T: Real>(from: &[T], to: &mut [T], log: bool) {
    let m = T::greatest(from);
    let sum = T::exp_less(from, m, to);
    if log {
        let shift = sum.ln();
        for (x, y) in from.iter().zip(to.iter_mut()) {
            *y = *x - m - shift;
        }
    } else {
        scale(to, T::unit() / sum);
    }
}

/// The softmax of a row in its place; nothing but zeros if all of it is minus infinity.
pub fn softmax_in_place<T: Real>(row: &mut [T]) {
    let most = T::greatest(row);
    if most == T::NEG_INF && !row.iter().any(|x| x.is_nan()) {
        return row.fill(T::nil());
    }
    let sum = T::exp_in_place(row, most);
    scale(row, T::unit() / sum);
}

fn scale<T: Real>(row: &mut [T], by: T) {
    row.iter_mut().for_each(|y| *y *= by);
}

/// The gradient of a softmax `y`: `y (g - sum(g y))`.
pub fn softmax_grad<T: Real>(g: &[T], y: &[T], to: &mut [T]) {
    let sum = dot_row(g, y, T::nil());
    to.iter_mut().zip(g).zip(y).for_each(|((t, g), y)| *t = *y * (*g - sum));
}

/// `scale` times the same in the place of `g`; `y` may be longer.
pub fn softmax_grad_in_place<T: Real>(g: &mut [T], y: &[T], scale: T) {
    let y = &y[..g.len()];
    let sum = dot_row(g, y, T::nil());
    g.iter_mut().zip(y).for_each(|(g, y)| *g = *y * (*g - sum) * scale);
}

/// The gradient of the logarithm of a softmax `y`: `g - exp(y) sum(g)`.
pub fn log_softmax_grad<T: Real>(g: &[T], y: &[T], to: &mut [T]) {
    let sum = fold_row(g, T::nil(), T::plus, T::plus);
    T::exp_less(y, T::nil(), to);
    to.iter_mut().zip(g).for_each(|(t, g)| *t = *g - *t * sum);
}
