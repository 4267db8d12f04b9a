//! Samples: eigenvalues, pseudo-inverses, reflections, packed factors, low rank.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("eigvalsh", "spd(3)"),
    ("eigh", "spd(3)"),
    ("eigvals", "x(3,3)"),
    ("matrix_sqrth", "spd(3)"),
    ("polar_decomposition", "x(3,3)"),
    ("polar_decomposition", "x(4,2)"),
    ("pinv", "x(3,2)"),
    ("pinv", "x(2,3)"),
    ("pinv_rcond", "x(3,2), 0.000001"),
    ("_lstsq", "x(4,2), x(4,3), none, 'gels'"),
    ("_lstsq", "x(3,3), x(3,2), none, none"),
    ("householder_product", "x(4,3), x(2)"),
    ("householder_product", "x(3,3), x(3)"),
    ("ormqr", "x(4,2), x(2), x(4,3), true, false"),
    ("ormqr", "x(3,3), x(3), x(3,2), true, true"),
    ("ormqr", "x(4,2), x(2), x(3,4), false, false"),
    ("linalg_lu_solve", "x(3,3), pivots[2, 3, 3], x(3,2), left=true, adjoint=false"),
    ("linalg_lu_solve", "x(3,3), pivots[2, 3, 3], x(2,3), left=false, adjoint=true"),
    ("svd_lowrank", "x(4,3), 3"),
    ("svd_lowrank", "x(3,4), 3, 2, x(3,4)"),
    ("pca_lowrank", "x(4,3), 3"),
    ("matrix_exp", "x(3,3)"),
    ("triangular_solve", "x(3,2), x(3,3), true, false"),
    ("triangular_solve", "x(3,2), x(3,3), false, true"),
];
