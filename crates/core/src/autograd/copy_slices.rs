//! The node of a base one of whose views was written: the gradient of the view's part goes through
//! the op that wrote it, the rest passes.

use super::node::{apply, Job, Node};
use super::views::replay;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::state;
use crate::table::Grads;
use crate::tensor::Tensor;
use std::rc::Rc;

/// The op that wrote, and where.
pub struct CopySlices {
    pub(super) inner: Rc<Node>,
    /// Whether the first gradient of `inner` is that of the view as it was.
    own: bool,
    /// How the base lies in memory that starts with its first element.
    base: Layout,
    /// The view in that memory: only its layout and dtype count.
    view: Tensor,
}

/// Where a view lies in memory that starts with the first element of its base; it holds no memory.
pub(super) fn place(base: &Tensor, view: &Tensor) -> Tensor {
    let start = base.layout().offset;
    let start = match (base.dtype().is_complex(), view.dtype().is_complex()) {
        (true, false) => 2 * start,
        (false, true) => start / 2,
        _ => start,
    };
    let layout = Layout { offset: view.layout().offset - start, ..view.layout().clone() };
    Tensor::hollow(layout, view.dtype())
}

impl CopySlices {
    /// `inner` has written to `view`, a view of `base`.
    pub(super) fn new(inner: Rc<Node>, own: bool, base: &Tensor, view: &Tensor) -> CopySlices {
        CopySlices { inner, own, base: Layout { offset: 0, ..base.layout().clone() }, view: place(base, view) }
    }

    pub(super) fn is_freed(&self) -> bool {
        matches!(&self.inner.job, Job::Op(_, saved) if saved.borrow().is_none())
    }

    pub(super) fn run(&self, grads: &[Option<Tensor>], keep: bool, wanted: &dyn Fn(usize) -> bool) -> Result<Grads> {
        let Some(grad) = &grads[0] else {
            return Ok(Grads::new());
        };
        // The gradient, laid out like the base, in memory of its own.
        let whole = match self.base.extent() == grad.numel() {
            true if self.base.is_contiguous() => crate::ops::clone(grad)?,
            _ => crate::ops::strided_clone(grad, &self.base)?,
        };
        let part = replay(&whole, &self.view)?;
        let shift = usize::from(!self.own);
        let mut slopes = apply(&self.inner, &[Some(crate::ops::clone(&part)?)], keep, &|i| wanted(i + shift))?.into_iter();
        let first = match self.own.then(|| slopes.next().flatten()).flatten() {
            Some(slope) => super::engine::fit(slope, &self.inner.outputs[0])?,
            None => self.inner.outputs[0].zeros()?,
        };
        if state::grad_enabled() || state::transforming() {
            super::inplace::write_to(&part, &first)?;
        } else {
            crate::kernels::copy::copy(&first, &part);
        }
        Ok(std::iter::once(Some(whole)).chain(slopes).collect())
    }
}

impl Tensor {
    /// A layout and a dtype without memory.
    fn hollow(layout: Layout, dtype: crate::dtype::DType) -> Tensor {
        let empty = Tensor::empty(&[0], dtype).unwrap_or_else(|_: Error| unreachable!("no bytes are asked for"));
        empty.alias(layout)
    }
}
