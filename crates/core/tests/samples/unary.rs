//! Samples: functions of one element.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("logit", "prob(2,3)"),
    ("logit", "prob(2,3), 0.3"),
    ("round", "x(2,3)"),
    ("polygamma", "2, pos(2,3)"),
    ("_polygamma", "pos(2,3), 0"),
    ("polar", "pos(2,3), x(2,3)"),
    ("complex", "x(2,3), x(2,3)"),
    ("frexp", "x(2,3)"),
    ("sinc", "x(2,3)"),
    ("imag", "x(2,3)"),
    ("view_as_complex", "x(3,2)"),
    ("round_decimals", "x(3), decimals=1"),
    ("polygamma", "1, pos(3)"),
    ("polygamma", "0, pos(2,2)"),
    ("mvlgamma", "big(2,3), 2"),
    ("igamma", "const_pos(2,3), pos(3)"),
    ("igammac", "const_pos(2,3), pos(3)"),
    ("zeta", "const_big(2,3), pos(3)"),
    ("zeta_scalar", "big(3), 2.5"),
    ("zeta_of", "2.5, pos(3)"),
];
