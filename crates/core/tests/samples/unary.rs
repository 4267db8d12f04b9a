//! Samples: functions of one element.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("logit", "prob(2,3)"),
    ("logit", "prob(2,3), 0.3"),
    ("round", "x(2,3)"),
    ("round", "x(3), decimals=1"),
    ("sinc", "x(2,3)"),
    ("imag", "x(2,3)"),
    ("view_as_complex", "x(3,2)"),
];
