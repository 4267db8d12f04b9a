//! Copies: of all elements, in another dtype, into a tensor; and tensors resized in place.

use super::create::held;
use super::prelude::*;

/// The entry of `copy_`.
pub(crate) fn copy_entry() -> &'static crate::table::Op {
    &copy::OP
}
use super::views::expanded;
use crate::kernels::copy::copy as copy_elements;

/// The tensor with other sizes, row-major; a storage that is too small grows.
fn resized(input: &Tensor, size: &Dims) -> Result {
    if input.requires_grad() {
        return Err(Error::runtime("cannot resize variables that require grad"));
    }
    let negative = size.iter().any(|n| *n < 0);
    let l = Layout { offset: input.layout().offset, ..Layout::contiguous(size) };
    let bytes = l.checked_extent().and_then(|n| n.checked_mul(input.dtype().itemsize())).filter(|_| !negative);
    input.0.storage.grow(bytes.ok_or_else(|| Error::runtime("numel: integer multiplication overflow"))?)?;
    Ok(input.alias(l))
}

ops! { TABLE, CopyOps;
    /// A copy with memory of its own.
    fn clone_op "clone"(input: Tensor; memory_format: Option<String> = "null") [] eval { let _ = memory_format; input.copied(input.dtype()) }
        d input = |g| Ok(g.clone());
    /// The tensor itself if it is row-major, else a row-major copy.
    fn contiguous(input: Tensor; memory_format: Option<String> = "null") [method, CloneBackward0] eval { let _ = memory_format; input.contiguous_data() }
        d input = |g| Ok(g.clone());
    /// The tensor without its history; it shares memory.
    fn detach(input: Tensor) [] compose { Ok::<_, Error>(input.detached()) };
    /// A view of all of it.
    fn detach_view "alias"(input: Tensor) [hidden, copy, AliasBackward0] view { Ok::<_, Error>(input.detached()) }
        d input = |g| Ok(g.clone());
    /// A copy in another dtype.
    fn _to_copy(input: Tensor, dtype: DType) [hidden, ToCopyBackward0] eval { input.copied(dtype) } d input = |g| Ok(g.clone());
    /// `src` in the sizes and dtype of `input`.
    fn copy(input: Tensor, src: Operand, non_blocking: bool = "false") [inplace, CopyBackwards, hidden] eval {
        let _ = non_blocking;
        // The copy itself fills; what does not fit is said as the broadcast of a binary op says it.
        let all = broadcast(input.sizes(), src.sizes())?;
        if all[..] != *input.sizes() || src.ndim() > input.ndim() {
            let shape = if src.ndim() > input.ndim() { &all[..] } else { &all };
            return Err(Error::runtime(format!("output with shape {:?} doesn't match the broadcast shape {shape:?}", input.sizes()))); }
        expanded(&src.detached_weak(), input.sizes()).and_then(|s| s.copied(input.dtype())) }
        d input = |g| Tensor::zeros(g.sizes(), g.dtype()), d src = |g| Ok(g.clone());
    /// A 0-dim tensor's value everywhere.
    fn fill_tensor "fill"(input: Tensor, value: Tensor) [inplace, FillBackward1, (FillBackward3)] eval {
        if value.ndim() != 0 { return Err(Error::runtime(format!(
            "fill_ only supports 0-dimension value tensor but got tensor with {} dimensions.", value.ndim()))); }
        Tensor::full(input.sizes(), value.scalar()?, input.dtype()) }
        d input = |g| Tensor::zeros(g.sizes(), g.dtype()), d value = |g| g.sum(());
    /// A number everywhere.
    fn fill(input: Tensor, value: Scalar) [inplace, FillBackward0, (FillBackward2)] eval { Tensor::full(input.sizes(), held(value, input.dtype())?, input.dtype()) }
        d input = |g| Tensor::zeros(g.sizes(), g.dtype());
    /// Zeros everywhere.
    fn zero(input: Tensor) [inplace, hidden] eval { Tensor::zeros(input.sizes(), input.dtype()) }
        d input = |g| Tensor::zeros(g.sizes(), g.dtype());
    /// Other sizes, in place; what is new in the storage is undefined.
    fn resize(input: Tensor, size: Dims) [inplace, hidden] view { resized(&input, &size) };
    /// The sizes of another tensor, in place.
    fn resize_as(input: Tensor, the_template: Tensor) [inplace, hidden] view { resized(&input, &the_template.dims()) };
}

impl Tensor {
    /// Writes one number everywhere.
    pub(crate) fn write_all(&self, value: Scalar) -> Result<()> {
        copy_elements(&Tensor::full(self.sizes(), value, self.dtype())?, self);
        Ok(())
    }

    /// Row-major from the start of a storage of its own.
    pub(crate) fn fresh(&self) -> Result {
        if self.layout().offset == 0 { Ok(self.clone()) } else { self.copied(self.dtype()) }
    }
}
