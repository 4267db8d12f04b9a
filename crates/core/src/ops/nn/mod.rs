//! Ops of `torch.nn.functional`, one theme a file, and what they share.

use super::prelude::*;

families! {
    /// Every method of every family here.
    activation: ActivationOps,
    conv: ConvOps,
    pad: PadOps,
    pool: PoolOps,
    adaptive: AdaptivePoolOps,
    norm: NormalisationOps,
    batch_norm: BatchNormOps,
    loss: LossOps,
    classify: ClassLossOps,
    margin: MarginLossOps,
    attention: AttentionOps,
    shuffle: ShuffleOps,
    cell: CellOps,
    recurrent: RecurrentOps,
    fold: FoldOps,
    fractional: FractionalPoolOps,
    interpolate: InterpolateOps,
    grid: GridOps,
    ctc: CtcOps,
}

/// The methods of the families here and of this file.
pub mod prelude {
    pub use super::methods::*;
    pub use super::NnOps;
}

/// One number for each of `n` spatial dimensions, given as one or as a list.
pub(crate) fn expand(what: &str, given: &[i64], n: usize) -> Result<Dims> {
    match given.len() {
        1 => Ok(Dims::from_elem(given[0], n)),
        m if m == n => Ok(given.into()),
        _ => Err(Error::runtime(format!(
            "expected {what} to be a single integer value or a list of {n} values to match the convolution \
             dimensions, but got {what}={given:?}"
        ))),
    }
}

/// Sizes written `2 x 3`, as some sentences have them.
pub(crate) fn by(sizes: &[i64], sep: &str) -> String {
    sizes.iter().map(i64::to_string).collect::<Vec<_>>().join(sep)
}

/// The last `n` numbers as three, what is missing in front being `fill`.
pub(crate) fn triple(sizes: &[i64], n: usize, fill: usize) -> [usize; 3] {
    let mut out = [fill; 3];
    for (to, from) in out[3 - n..].iter_mut().zip(&sizes[sizes.len() - n..]) {
        *to = *from as usize;
    }
    out
}

/// The result of the first `dims` dimensions of an unbatched input: a batch of one goes in, and the
/// batch is taken off again.
pub(crate) fn batched(input: &Tensor, dims: usize, f: impl FnOnce(&Tensor) -> Result) -> Result {
    if input.ndim() == dims { f(&input.unsqueeze(0i64)?)?.squeeze_dim(0i64) } else { f(input) }
}

/// Runs a kernel that adds to zeros of `sizes`: operand and sums are row-major in the compute type.
pub(crate) fn accumulated(input: &Tensor, sizes: &[i64], f: impl FnOnce(&Tensor, &Tensor)) -> Result {
    let work = input.dtype().compute();
    let out = Tensor::zeros(sizes, work)?;
    f(&input.as_contiguous(work)?, &out);
    out.as_contiguous(input.dtype())
}

/// The two results of an entry.
pub(crate) fn pair(op: &'static crate::table::Op, args: &[Value]) -> Result<(Tensor, Tensor)> {
    let value = crate::autograd::call(op, args)?;
    let mut all = value.tensors().cloned();
    match (all.next(), all.next()) {
        (Some(a), Some(b)) => Ok((a, b)),
        _ => Err(Error::runtime("two results expected")),
    }
}

/// Checks that a pooling over one dimension gets a line or a batch of lines.
pub(crate) fn check_line_rank(name: &str, input: &Tensor) -> Result<()> {
    if matches!(input.ndim(), 2 | 3) {
        return Ok(());
    }
    Err(Error::runtime(format!(
        "Expected 2 to 3 dimensions, but got {}-dimensional tensor for argument #1 'self' (while checking arguments for {name})", input.ndim()
    )))
}

/// A gradient that counts as depending on `inputs`, though it does not: PyTorch's backward functions
/// take them, so that a second derivative is zero there and not missing.
pub(crate) fn linked(grad: Result, inputs: &[&Tensor]) -> Result {
    inputs.iter().fold(grad, |g, t| if t.requires_grad() && crate::state::grad_enabled() { g?._linked(*t) } else { g })
}

ops! { TABLE, NnOps;
    /// The quotient of a tensor and a number.
    fn _over(input: Tensor, other: Scalar) [hidden, DivBackward1] eval { input.detached().true_divide(other) }
        d input = |g, other| g.true_divide(other);
    /// `input`, with a gradient of zeros for `other`.
    fn _linked(input: Tensor, other: Tensor) [hidden] view { let _ = other; Ok::<_, Error>(input.detached()) }
        d input = |g| Ok(g.clone()), d other = |g, sizes| Tensor::zeros(&sizes, g.dtype());
}
