//! Samples: creation and triangles.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("tril", "x(3,3), 1"),
    ("triu", "x(2,3), -1"),
    ("normal", "x(2,3), pos(2,1)"),
    ("normal_std", "0.5, pos(2,3)"),
    ("poisson", "pos(2,3)"),
    ("diag_embed", "x(2,3), 1"),
    ("diag_embed", "x(2), -1, 1, 0"),
    ("diag", "x(3), 1"),
    ("diag", "x(3,4), -1"),
    ("diagflat", "x(2,2), 1"),
    ("linalg_diagonal", "x(2,3,3)"),
    ("linalg_vander", "x(2,3), 4"),
];
