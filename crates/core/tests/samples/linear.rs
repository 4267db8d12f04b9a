//! Samples: products of matrices.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("mm", "x(2,3), x(3,2)"),
    ("bmm", "x(2,2,3), x(2,3,2)"),
    ("mv", "x(2,3), x(3)"),
    ("dot", "x(3), x(3)"),
    ("matmul", "x(2,3), x(3)"),
    ("matmul", "x(2,2,3), x(3,2)"),
    ("matmul", "x(3), x(2,3,2)"),
    ("addmm", "x(2,2), x(2,3), x(3,2), beta=0.5, alpha=1.5"),
    ("addmm", "x(2), x(2,3), x(3,2)"),
    ("linear", "x(2,3), x(4,3), x(4)"),
    ("linear", "x(2,3), x(4,3)"),
    ("addmv", "x(2), x(2,3), x(3), beta=0.5, alpha=1.5"),
    ("addmv", "x(), x(2,3), x(3)"),
    ("baddbmm", "x(2,2,2), x(2,2,3), x(2,3,2), beta=0.5, alpha=1.5"),
    ("addbmm", "x(2,2), x(2,2,3), x(2,3,2), beta=0.5, alpha=1.5"),
    ("cholesky_ex", "spd(3)"),
    ("svd", "x(3,2), false"),
    ("svd_some", "x(3,2)"),
    ("cholesky_solve", "x(3,2), tril(3)"),
    ("cholesky_inverse", "tril(3)"),
];
