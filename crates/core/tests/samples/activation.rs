//! Samples: activations and losses.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("softmax", "x(2,3), 1"),
    ("log_softmax", "x(2,3), 0"),
    ("gelu", "x(2,3)"),
    ("glu", "x(2,4), 1"),
    ("prelu", "x(2,3), x(3)"),
    ("prelu", "x(2,3), x()"),
    ("threshold", "x(2,3), 0.2, 1.0"),
    ("softplus", "x(2,3), 2.0, 1.5"),
    ("rrelu", "x(2,3), training=true"),
    ("gelu", "x(2,3), approximate='tanh'"),
];
