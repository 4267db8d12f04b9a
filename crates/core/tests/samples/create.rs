//! Samples: creation and triangles.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("tril", "x(3,3), 1"),
    ("triu", "x(2,3), -1"),
];
