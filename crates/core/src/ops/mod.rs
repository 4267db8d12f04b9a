//! The op table: every entry, and the few helpers that entries share.

pub mod promote;
#[macro_use]
pub mod loops;

pub mod arith;
pub mod bessel;
pub mod bitwise;
pub mod compare;
pub mod complex;
pub mod contract;
pub mod copies;
pub mod create;
pub mod cumulative;
pub mod distance;
pub mod diagonals;
pub mod dropout;
pub mod einsum;
pub mod embedding;
pub mod extremes;
pub mod histogram;
pub mod index;
pub mod indices;
pub mod join;
pub mod linalg;
pub mod linear;
pub mod masks;
pub mod nn;
pub mod norms;
pub mod optim;
pub mod pick;
pub mod power;
pub mod quantile;
pub mod random;
pub mod reduce;
pub mod reorder;
pub mod replace;
pub mod rounding;
pub mod scatter;
pub mod scatter_reduce;
pub mod search;
pub mod softmax;
pub mod solve;
pub mod sort;
pub mod special;
pub mod split;
pub mod stats;
pub mod svd;
pub mod strided;
pub mod trig;
pub mod views;

use crate::dtype::DType;
use crate::error::Result;
use crate::layout::{Dims, Layout};
use crate::table::Op;
use crate::tensor::Tensor;

/// All that a formula is written with: every method of every family.
pub mod prelude {
    pub use super::arith::ArithOps;
    pub use super::bessel::BesselOps;
    pub use super::bitwise::BitwiseOps;
    pub use super::compare::CompareOps;
    pub use super::complex::ComplexOps;
    pub use super::contract::ContractOps;
    pub use super::copies::CopyOps;
    pub use super::create::CreateOps;
    pub use super::cumulative::CumulativeOps;
    pub use super::diagonals::DiagonalOps;
    pub use super::distance::DistanceOps;
    pub use super::dropout::DropoutOps;
    pub use super::einsum::EinsumOps;
    pub use super::embedding::EmbeddingOps;
    pub use super::extremes::ExtremeOps;
    pub use super::index::IndexOps;
    pub use super::join::JoinOps;
    pub use super::linalg::LinalgOps;
    pub use super::linear::LinearOps;
    pub use super::loops::{map, zip, zip3};
    pub use super::masks::MaskOps;
    pub use super::nn::prelude::*;
    pub use super::norms::NormOps;
    pub use super::pick::PickOps;
    pub use super::power::PowerOps;
    pub use super::promote::{float_type, result_type};
    pub use super::quantile::QuantileOps;
    pub use super::random::RandomOps;
    pub use super::reduce::ReduceOps;
    pub use super::reorder::ReorderOps;
    pub use super::replace::ReplaceOps;
    pub use super::rounding::RoundingOps;
    pub use super::scatter::ScatterOps;
    pub use super::scatter_reduce::ScatterReduceOps;
    pub use super::search::SearchOps;
    pub use super::softmax::SoftmaxOps;
    pub use super::sort::SortOps;
    pub use super::solve::SolveOps;
    pub use super::svd::SvdOps;
    pub use super::split::SplitOps;
    pub use super::strided::StridedOps;
    pub use super::special::SpecialOps;
    pub use super::trig::TrigOps;
    pub use super::views::ViewOps;
    pub use crate::dtype::{Convert, DType, Element};
    pub use crate::error::{Error, Result};
    pub use crate::layout::{broadcast, wrap_dim, Dims, Layout};
    pub use crate::tensor::{Scalar, Tensor};
    pub use crate::{dispatch, dispatch_compute, dispatch_real, ops};
    pub use crate::value::{AsTensor, DimPair, Floats, MaybeDims, Operand, Receiver, Value};
    pub use num_complex::Complex;
    pub use smallvec::{smallvec, SmallVec};
}

/// The table, family by family.
pub static FAMILIES: &[(&str, &[&Op])] = &[
    ("arith", arith::TABLE),
    ("power", power::TABLE),
    ("trig", trig::TABLE),
    ("rounding", rounding::TABLE),
    ("special", special::TABLE),
    ("bessel", bessel::TABLE),
    ("complex", complex::TABLE),
    ("bitwise", bitwise::TABLE),
    ("compare", compare::TABLE),
    ("reduce", reduce::TABLE),
    ("extremes", extremes::TABLE),
    ("stats", stats::TABLE),
    ("norms", norms::TABLE),
    ("softmax", softmax::TABLE),
    ("cumulative", cumulative::TABLE),
    ("views", views::TABLE),
    ("strided", strided::TABLE),
    ("split", split::TABLE),
    ("reorder", reorder::TABLE),
    ("copies", copies::TABLE),
    ("diagonals", diagonals::TABLE),
    ("join", join::TABLE),
    ("index", index::TABLE),
    ("scatter", scatter::TABLE),
    ("scatter_reduce", scatter_reduce::TABLE),
    ("pick", pick::TABLE),
    ("masks", masks::TABLE),
    ("replace", replace::TABLE),
    ("embedding", embedding::TABLE),
    ("sort", sort::TABLE),
    ("quantile", quantile::TABLE),
    ("search", search::TABLE),
    ("histogram", histogram::TABLE),
    ("indices", indices::TABLE),
    ("linear", linear::TABLE),
    ("contract", contract::TABLE),
    ("einsum", einsum::TABLE),
    ("distance", distance::TABLE),
    ("linalg", linalg::TABLE),
    ("svd", svd::TABLE),
    ("solve", solve::TABLE),
    ("create", create::TABLE),
    ("random", random::TABLE),
    ("dropout", dropout::TABLE),
    ("optim", optim::TABLE),
];

/// Every entry, in the order of its number at the JS boundary.
pub fn all() -> impl Iterator<Item = &'static Op> {
    FAMILIES.iter().chain(nn::FAMILIES).flat_map(|(_, ops)| ops.iter()).flat_map(|op| {
        let copy = op.copy.filter(|_| op.is("copy"));
        std::iter::once(*op).chain(copy)
    })
}

/// `a + b`, recorded if gradients are on.
pub fn add(a: &Tensor, b: &Tensor) -> Result {
    arith::ArithOps::add(a, b, 1i64)
}

/// Sums broadcast dimensions away, to `sizes`.
pub fn sum_to_size(t: &Tensor, sizes: &Dims) -> Result {
    let lead = t.ndim() - sizes.len().min(t.ndim());
    let dims: Dims = (0..t.ndim())
        .filter(|&d| d < lead || (sizes[d - lead] == 1 && t.sizes()[d] != 1))
        .map(|d| d as i64)
        .collect();
    let mut out = t.clone();
    if !dims.is_empty() {
        out = reduce::ReduceOps::sum_dim(&out, &dims, true, ())?;
    }
    if lead > 0 { views::ViewOps::view(&out, sizes) } else { Ok(out) }
}

/// `t` in another dtype, recorded if gradients are on.
pub fn cast(t: &Tensor, dtype: DType) -> Result {
    if t.dtype() == dtype { Ok(t.clone()) } else { copies::CopyOps::_to_copy(t, dtype) }
}

/// A row-major copy.
pub fn clone(t: &Tensor) -> Result {
    use prelude::*;
    t.clone_op(())
}

/// A copy in memory of its own, laid out like this.
pub fn strided_clone(t: &Tensor, l: &Layout) -> Result {
    use prelude::*;
    let room = t._strided_add([l.extent() as i64], &l.strides, 0i64)?;
    as_strided(&room, l)
}

/// The view of all of it.
pub fn alias(t: &Tensor) -> Result {
    use prelude::*;
    t.detach_view()
}

/// The view with this layout.
pub fn as_strided(t: &Tensor, l: &Layout) -> Result {
    use prelude::*;
    t.as_strided(&l.sizes, &l.strides, l.offset)
}

/// Complex numbers as pairs.
pub fn view_as_real(t: &Tensor) -> Result {
    use prelude::*;
    t.view_as_real()
}

/// Pairs as complex numbers.
pub fn view_as_complex(t: &Tensor) -> Result {
    use prelude::*;
    t.view_as_complex()
}

/// One index of the first dimension.
pub fn row(t: &Tensor, index: i64) -> Result {
    views::ViewOps::select(t, 0i64, index)
}

/// Tensors of one shape, along a new first dimension.
pub fn stack(list: Vec<Tensor>) -> Result {
    join::stack_of(list, 0)
}

/// The entry of `copy_`.
pub fn copy_op() -> &'static Op {
    copies::copy_entry()
}

/// The entry of `as_strided`.
pub fn as_strided_op() -> &'static Op {
    strided::as_strided_entry()
}
