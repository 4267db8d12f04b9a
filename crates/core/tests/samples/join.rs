//! Samples: joins.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("cat", "[x(2,3), x(1,3)]"),
    ("cat", "[x(2,3), x(2,2)], 1"),
    ("stack", "[x(2,3), x(2,3)], 1"),
    ("hstack", "[x(2), x(3)]"),
    ("vstack", "[x(3), x(2,3)]"),
    ("dstack", "[x(3), x(3)]"),
    ("column_stack", "[x(2), x(2,3)]"),
    ("broadcast_tensors", "[x(2,1), x(3)]"),
    ("meshgrid", "[x(2), x(3)], indexing='xy'"),
];
