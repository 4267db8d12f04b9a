//! Levels of `torch.func.grad` and `vjp`: each differentiates in aliases of its own, so that levels
//! nest and what a function closes over stays constant.

use super::node::Node;
use crate::batch;
use crate::error::Result;
use crate::state;
use crate::tensor::Tensor;
use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;

thread_local! {
    static OPEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

/// Opens a level.
pub fn enter_level() -> u32 {
    OPEN.with_borrow_mut(|open| {
        let level = open.last().map_or(1, |last| last + 1);
        open.push(level);
        level
    })
}

/// Closes the level opened last.
pub fn exit_level() {
    OPEN.with_borrow_mut(Vec::pop);
}

/// The same elements as an input to differentiate in: a step of its own in the graph that leads to
/// the tensor, or a leaf where there is none.
pub fn input(t: &Tensor) -> Result {
    // In a batch each example has a gradient of its own.
    let (t, levels) = batch::everywhere(t)?;
    plain_input(&t).map(|t| batch::hide(t, &levels))
}

fn plain_input(t: &Tensor) -> Result {
    if t.requires_grad() {
        return state::with_grad(true, || crate::ops::alias(t));
    }
    let leaf = t.detached_dual();
    leaf.set_requires_grad(true)?;
    let level = OPEN.with_borrow(|open| open.last().copied());
    leaf.0.meta.borrow_mut().level = level.unwrap_or(0);
    Ok(leaf)
}

/// Whether gradients of these tensors are of use outside the level closed last: they lead to a leaf
/// that is no alias made at a level that has been closed.
pub fn leads_outside(roots: &[Tensor]) -> Result<bool> {
    let level = OPEN.with_borrow(|open| open.last().copied().unwrap_or(0));
    let mut seen: HashSet<*const Node> = HashSet::new();
    let mut next: Vec<Rc<Node>> = Vec::new();
    for root in roots {
        next.extend(root.physical().edge()?.map(|e| e.node));
    }
    while let Some(node) = next.pop() {
        if !seen.insert(Rc::as_ptr(&node)) {
            continue;
        }
        if let Some(leaf) = node.variable() {
            let made = leaf.0.meta.borrow().level;
            if made == 0 || made <= level {
                return Ok(true);
            }
        }
        next.extend(node.edges.iter().flatten().map(|e| e.node.clone()));
    }
    Ok(false)
}
