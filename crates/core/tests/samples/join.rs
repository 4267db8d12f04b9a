//! Samples: joins.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("cat", "[x(2,3), x(1,3)]"),
    ("cat", "[x(2,3), x(2,2)], 1"),
    ("stack", "[x(2,3), x(2,3)], 1"),
];
