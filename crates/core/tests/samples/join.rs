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
    ("block_diag", "[x(2,1), x(3), x()]"),
    ("broadcast_tensors", "[x(2,1), x(3)]"),
    ("meshgrid", "[x(2), x(3)], indexing='xy'"),
    ("cartesian_prod", "[x(2), x(3)]"),
    ("combinations", "x(3), 2, true"),
];
