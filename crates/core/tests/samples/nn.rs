//! Samples: layers: convolutions, padding.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("conv1d", "x(2,2,5), x(3,2,2), x(3), [2], [1], [1]"),
    ("conv2d", "x(1,2,4,3), x(2,2,2,2), x(2)"),
    ("conv2d", "x(1,2,4,4), x(4,1,2,3), none, [1, 2], [1, 0], [2, 1], 2"),
    ("conv3d", "x(1,1,2,3,2), x(1,1,2,2,2), x(1)"),
    ("conv2d_named", "x(1,1,3,3), x(1,1,2,2), none, 1, 'same'"),
    ("conv_transpose1d", "x(1,2,3), x(2,2,2), x(2), [2], [1], [1]"),
    ("conv_transpose2d", "x(1,2,2,2), x(2,1,2,2), x(2), 2, 0, 0, 2"),
    ("conv_tbc", "x(3,2,2), x(2,2,2), x(2), 1"),
    ("constant_pad_nd", "x(2,3), [1, -1, 0, 2], 1.5"),
    ("reflection_pad1d", "x(2,4), [1, 2]"),
    ("reflection_pad2d", "x(1,3,3), [1, 1, 2, 0]"),
    ("replication_pad1d", "x(2,3), [2, 1]"),
    ("replication_pad2d", "x(1,2,3), [1, 2, 2, 0]"),
    ("pad", "x(1,2,3), [1, 2], 'circular'"),
];
