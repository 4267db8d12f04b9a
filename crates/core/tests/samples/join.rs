//! Samples: joins, indexing, masks, gathers and scatters.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("cat", "[x(2,3), x(1,3)]"),
    ("cat", "[x(2,3), x(2,2)], 1"),
    ("stack", "[x(2,3), x(2,3)], 1"),
    ("masked_fill", "x(2,3), bool(2,3), x()"),
    ("masked_fill", "x(2,3), bool(3), 1.5"),
    ("index_select", "x(3,2), 0, long[0, 2, 0]"),
    ("index_add", "x(3,2), 0, long[0, 2, 0], x(3,2), alpha=1.5"),
    ("select_scatter", "x(2,3), x(2), 1, 0"),
    ("slice_scatter", "x(5,2), x(2,2), 0, 1, 5, 2"),
    ("diagonal_scatter", "x(3,3), x(2), 1"),
    ("gather", "x(2,3), 1, long[[0, 0, 2], [1, 2, 1]]"),
    ("scatter_src", "x(2,3), 1, long[[0, 2], [1, 0]], x(2,2)"),
    ("scatter_value", "x(2,3), 1, long[[0, 2], [1, 0]], 1.5"),
    ("scatter_add", "x(2,3), 1, long[[0, 0, 2], [1, 2, 1]], x(2,3)"),
];
