//! What forward mode and vmap know of the entries of the table: few words about many of them, and
//! nothing about the rest, for which there is a way that is always right.

use crate::ops;
use crate::table::{How, Op};

/// How the derivative of an op acts on tangents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Derivative {
    /// Made of other ops, which know themselves.
    Parts,
    /// The op itself is linear in all its differentiable inputs together.
    Linear,
    /// It is linear in each of them.
    Multilinear,
    /// One number of each input for each number of the result.
    Diagonal,
    /// Anything.
    General,
}

/// Families in which every entry works element by element, with broadcasting.
const ELEMENTWISE: &[&[&Op]] = &[
    ops::arith::TABLE, ops::bessel::TABLE, ops::bitwise::TABLE, ops::compare::TABLE, ops::power::TABLE, ops::rounding::TABLE,
    ops::special::TABLE, ops::trig::TABLE, ops::nn::activation::TABLE,
];

/// Those of them that do not.
const NOT_ELEMENTWISE: &[&str] = &["allclose", "equal", "glu", "_rrelu"];

/// Others that do.
const ALSO_ELEMENTWISE: &[&str] = &[
    "clone_op", "contiguous", "_to_copy", "fill", "zero", "_mul_number", "_div_number", "_over", "complex", "polar", "conj",
    "conj_physical", "angle", "masked_fill", "masked_fill_scalar",
];

#[rustfmt::skip]
const LINEAR: &[&str] = &[
    "sum", "sum_dim", "nansum", "mean", "mean_dim", "trace", "cumsum", "cat", "stack", "block_diag", "flip", "roll", "rot90",
    "repeat", "repeat_each", "tril", "triu", "diag_embed", "narrow_copy", "unsafe_split", "unsafe_split_with_sizes", "index",
    "index_select", "gather", "take", "clone_op", "contiguous", "_to_copy", "conj", "conj_physical", "neg",
    "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "avg_pool2d", "avg_pool3d", "unfold_patches", "fold", "complex",
    "select_scatter", "slice_scatter", "diagonal_scatter",
];

/// Elementwise, but with a formula that sums: a number's gradient is no number of each place.
const NOT_DIAGONAL: &[&str] = &["masked_fill"];

const MULTILINEAR: &[&str] = &["mm", "bmm", "mv", "dot"];

/// Whether the numbers of a result depend each on one number of each argument, which broadcast.
pub fn is_elementwise(op: &Op) -> bool {
    let among = |family: &&[&Op]| family.iter().any(|o| std::ptr::eq(*o, op));
    ALSO_ELEMENTWISE.contains(&op.id) || ELEMENTWISE.iter().any(among) && !NOT_ELEMENTWISE.contains(&op.id)
}

/// How its derivative acts on tangents.
pub fn derivative(op: &Op) -> Derivative {
    match op.how {
        How::Compose => Derivative::Parts,
        How::View | How::Copy => Derivative::Linear,
        How::Eval if LINEAR.contains(&op.id) => Derivative::Linear,
        How::Eval if MULTILINEAR.contains(&op.id) => Derivative::Multilinear,
        How::Eval if is_elementwise(op) && !NOT_DIAGONAL.contains(&op.id) => Derivative::Diagonal,
        How::Eval => Derivative::General,
    }
}
