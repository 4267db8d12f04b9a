//! Samples: activations and losses.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("softmax", "x(2,3), 1"),
    ("log_softmax", "x(2,3), 0"),
    ("gelu", "x(2,3)"),
    ("gelu", "x(2,3), approximate='tanh'"),
];
