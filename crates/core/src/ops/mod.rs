//! The op table: every entry, and the few helpers that entries share.

pub mod promote;
#[macro_use]
pub mod loops;
#[macro_use]
pub mod quick;

/// Declares families of entries: a file each, the trait of its methods for the prelude, and its part of
/// the table, in this order (which is that of overloads in several files).
macro_rules! families {
    ($(#[$doc:meta])* $($file:ident: $methods:ident),* $(,)?) => {
        $(pub mod $file;)*

        $(#[$doc])*
        pub mod methods {
            $(pub use super::$file::$methods;)*
        }

        /// The table, family by family.
        pub static FAMILIES: &[&[&crate::table::Op]] = &[$($file::TABLE),*];
    };
}

pub mod nn;

families! {
    /// Every method of every family here.
    arith: ArithOps,
    power: PowerOps,
    trig: TrigOps,
    rounding: RoundingOps,
    special: SpecialOps,
    bessel: BesselOps,
    complex: ComplexOps,
    bitwise: BitwiseOps,
    compare: CompareOps,
    compare_in_place: CompareInPlaceOps,
    reduce: ReduceOps,
    extremes: ExtremeOps,
    stats: StatsOps,
    norms: NormOps,
    softmax: SoftmaxOps,
    cumulative: CumulativeOps,
    views: ViewOps,
    strided: StridedOps,
    split: SplitOps,
    reorder: ReorderOps,
    copies: CopyOps,
    diagonals: DiagonalOps,
    join: JoinOps,
    index: IndexOps,
    scatter: ScatterOps,
    scatter_reduce: ScatterReduceOps,
    segment: SegmentOps,
    pick: PickOps,
    masks: MaskOps,
    replace: ReplaceOps,
    embedding: EmbeddingOps,
    bags: BagOps,
    sort: SortOps,
    quantile: QuantileOps,
    search: SearchOps,
    histogram: HistogramOps,
    indices: IndicesOps,
    linear: LinearOps,
    contract: ContractOps,
    einsum: EinsumOps,
    distance: DistanceOps,
    linalg: LinalgOps,
    lu: LuOps,
    svd: SvdOps,
    solve: SolveOps,
    eigen: EigenOps,
    pinv: PinvOps,
    reflect: ReflectOps,
    factors: FactorOps,
    ldl: LdlOps,
    lowrank: LowRankOps,
    fft: FftOps,
    masked: MaskedOps,
    stft: StftOps,
    windows: WindowOps,
    create: CreateOps,
    random: RandomOps,
    events: EventOps,
    dropout: DropoutOps,
    optim: OptimOps,
}

use crate::dtype::DType;
use crate::error::Result;
use crate::layout::{Dims, Layout};
use crate::table::Op;
use crate::tensor::Tensor;

/// All that a formula is written with: every method of every family.
pub mod prelude {
    pub use super::loops::{map, zip, zip3};
    pub use super::methods::*;
    pub use super::nn::prelude::*;
    pub use super::promote::{float_type, result_type};
    pub use crate::dtype::{Convert, DType, Element};
    pub use crate::error::{Error, Result};
    pub use crate::layout::{broadcast, wrap_dim, Dims, Layout};
    pub use crate::tensor::{Scalar, Tensor};
    pub use crate::{dispatch, dispatch_compute, dispatch_real, ops, quick_map, quick_zip};
    pub use crate::value::{AsTensor, DimPair, Floats, MaybeDims, Operand, Receiver, Value};
    pub use num_complex::Complex;
    pub use smallvec::{smallvec, SmallVec};
}

/// Every entry, in the order of its number at the JS boundary.
pub fn all() -> impl Iterator<Item = &'static Op> {
    FAMILIES.iter().chain([&nn::TABLE]).chain(nn::FAMILIES).flat_map(|ops| ops.iter()).flat_map(|op| {
        let copy = op.copy.filter(|_| op.is("copy"));
        std::iter::once(*op).chain(copy)
    })
}

/// Whether an entry belongs to random numbers.
pub fn is_random(op: &Op) -> bool {
    [random::TABLE, events::TABLE].into_iter().flatten().any(|o| std::ptr::eq(*o, op))
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
