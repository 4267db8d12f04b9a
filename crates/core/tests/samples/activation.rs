//! Samples: activations and losses.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("softmax", "x(2,3), 1"),
    ("log_softmax", "x(2,3), 0"),
    ("mse_loss", "x(2,3), x(2,3)"),
    ("mse_loss", "x(2,3), x(2,3), reduction='none'"),
    ("nll_loss", "x(2,3), long[0, 2]"),
    ("nll_loss", "x(2,3), long[0, 2], const(3)"),
    ("cross_entropy", "x(2,3), long[0, 2]"),
    ("gelu", "x(2,3)"),
    ("gelu", "x(2,3), approximate='tanh'"),
];
