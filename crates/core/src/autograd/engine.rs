//! The backward pass: every node once, when all gradients that reach it are there, later ones
//! first (the order of PyTorch's engine), without recursion.

use super::accumulate::{accumulate, add_into};
use super::node::{apply, Edge, Job, Node, OutMeta};
use super::{anomaly, Backward};
use crate::error::{Error, Result};
use crate::profile;
use crate::table::Grads;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::collections::BinaryHeap;
use std::rc::Rc;

thread_local! {
    static PASS: Cell<u64> = const { Cell::new(0) };
    /// The pass that runs now, and which of the nodes it will run.
    static RUNNING: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// What a pass knows of one node.
struct Visit {
    node: Rc<Node>,
    /// Gradients that are still to come.
    waiting: u32,
    /// Whether it is to run: all are, unless inputs are asked for and it leads to none.
    needed: bool,
    buffer: SmallVec<[Option<Tensor>; 1]>,
    /// Which of its outputs are asked for, and their places in the answer.
    captures: Option<Box<Vec<(usize, usize)>>>,
    /// The mark of an outer pass, to be put back.
    before: (u64, u32),
}

struct Pass {
    id: u64,
    visits: Vec<Visit>,
}

impl Drop for Pass {
    // A hook may run a pass inside a pass: the outer one finds its marks as they were.
    fn drop(&mut self) {
        for v in &self.visits {
            v.node.mark.set(v.before);
        }
    }
}

impl Pass {
    fn slot(&self, node: &Node) -> Option<usize> {
        let (id, slot) = node.mark.get();
        (id == self.id).then_some(slot as usize)
    }

    fn visit(&mut self, node: &Rc<Node>, needed: bool) -> usize {
        if let Some(slot) = self.slot(node) {
            return slot;
        }
        let slot = self.visits.len();
        let before = node.mark.replace((self.id, slot as u32));
        let buffer = SmallVec::from_elem(None, node.outputs.len());
        self.visits.push(Visit { node: node.clone(), waiting: 0, needed, buffer, captures: None, before });
        slot
    }

    /// Visits every node that the roots lead to; counts how many gradients each waits for.
    fn discover(&mut self, needed: bool) {
        let mut at = 0;
        while at < self.visits.len() {
            let node = self.visits[at].node.clone();
            for edge in node.edges.iter().flatten() {
                let slot = self.visit(&edge.node, needed);
                self.visits[slot].waiting += 1;
            }
            at += 1;
        }
    }

    /// Finds the nodes that lead to an input asked for: nodes in the order they were made.
    fn mark_needed(&mut self) {
        let mut order: Vec<usize> = (0..self.visits.len()).collect();
        order.sort_unstable_by_key(|&s| self.visits[s].node.seq);
        for slot in order {
            let wanted = |e: &Edge| self.slot(&e.node).is_some_and(|s| self.is_wanted(s));
            if self.visits[slot].node.edges.iter().flatten().any(wanted) {
                self.visits[slot].needed = true;
            }
        }
    }

    /// Whether a gradient that reaches the node is of use.
    fn is_wanted(&self, slot: usize) -> bool {
        self.visits[slot].needed || self.visits[slot].captures.is_some()
    }
}

/// Nodes whose gradients are all there, the one made last first; among leaves, first come first.
#[derive(Default)]
struct Ready {
    front: Option<(u64, u32, usize)>,
    rest: BinaryHeap<(u64, u32, usize)>,
    count: u32,
}

impl Ready {
    fn push(&mut self, seq: u64, slot: usize) {
        self.count += 1;
        let item = (seq, u32::MAX - self.count, slot);
        match self.front {
            None => self.front = Some(item),
            Some(front) if front < item => {
                self.rest.push(front);
                self.front = Some(item);
            }
            Some(_) => self.rest.push(item),
        }
    }

    fn pop(&mut self) -> Option<usize> {
        let item = self.front.take()?;
        self.front = self.rest.pop();
        Some(item.2)
    }
}

/// A gradient made to fit what it is a gradient of: summed over broadcast dimensions, cast.
pub(super) fn fit(grad: Tensor, meta: &OutMeta) -> Result {
    let mut grad = grad;
    if grad.sizes() != &meta.sizes[..] {
        grad = crate::ops::sum_to_size(&grad, &meta.sizes)?;
    }
    if grad.dtype() != meta.dtype {
        grad = crate::ops::cast(&grad, meta.dtype)?;
    }
    Ok(grad)
}

/// Whether a gradient can be summed to the sizes it should have.
fn is_expandable(to: &[i64], from: &[i64]) -> bool {
    to.len() <= from.len() && to.iter().rev().zip(from.iter().rev()).all(|(t, f)| t == f || *t == 1)
}

/// The gradients of a node's inputs, each made to fit.
pub(super) fn fit_all(node: &Node, grads: &mut [Option<Tensor>]) -> Result<()> {
    for (i, (grad, edge)) in grads.iter_mut().zip(&node.edges).enumerate() {
        let (Some(edge), Some(have)) = (edge, grad.as_ref()) else {
            *grad = None;
            continue;
        };
        let meta = &edge.node.outputs[edge.index];
        if have.sizes() == &meta.sizes[..] && have.dtype() == meta.dtype {
            continue;
        }
        if !is_expandable(&meta.sizes, have.sizes()) {
            return Err(Error::runtime(format!(
                "Function {} returned an invalid gradient at index {i} - got {:?} but expected shape compatible with {:?}",
                node.name(),
                have.sizes(),
                meta.sizes.as_slice()
            )));
        }
        *grad = grad.take().map(|g| fit(g, meta)).transpose()?;
    }
    Ok(())
}

/// Runs a pass from edges with their gradients; returns the gradients of the targets.
pub(super) fn run(roots: &[(Edge, Tensor)], targets: Option<&[Option<Edge>]>, ask: &Backward)
    -> Result<Vec<Option<Tensor>>> {
    let id = PASS.with(|p| {
        p.set(p.get() + 1);
        p.get()
    });
    let mut pass = Pass { id, visits: Vec::with_capacity(8) };
    RUNNING.with_borrow_mut(|r| r.push(id));
    let done = run_pass(&mut pass, roots, targets, ask);
    RUNNING.with_borrow_mut(|r| r.pop());
    done
}

fn run_pass(pass: &mut Pass, roots: &[(Edge, Tensor)], targets: Option<&[Option<Edge>]>, ask: &Backward)
    -> Result<Vec<Option<Tensor>>> {
    let all = targets.is_none();
    let mut first: SmallVec<[usize; 1]> = SmallVec::new();
    for (edge, grad) in roots {
        let known = pass.visits.len();
        let slot = pass.visit(&edge.node, all);
        let grad = fit(grad.clone(), &edge.node.outputs[edge.index])?;
        add_into(&mut pass.visits[slot].buffer[edge.index], grad)?;
        if slot == known {
            first.push(slot);
        }
    }
    pass.discover(all);
    let mut captured: Vec<Option<Tensor>> = vec![None; targets.map_or(0, <[_]>::len)];
    for (place, edge) in targets.unwrap_or_default().iter().enumerate() {
        let Some(slot) = edge.as_ref().and_then(|e| pass.slot(&e.node)) else { continue };
        let visit = &mut pass.visits[slot];
        if ask.accumulate {
            visit.needed = true;
        } else if let Some(edge) = edge {
            visit.captures.get_or_insert_default().push((edge.index, place));
        }
    }
    if !all {
        pass.mark_needed();
    }
    let mut ready = Ready::default();
    for slot in first {
        if pass.visits[slot].waiting == 0 {
            ready.push(pass.visits[slot].node.seq, slot);
        }
    }
    while let Some(slot) = ready.pop() {
        let node = pass.visits[slot].node.clone();
        let mut buffer = std::mem::take(&mut pass.visits[slot].buffer);
        let needed = pass.visits[slot].needed;
        if let Some(captures) = pass.visits[slot].captures.take() {
            if !needed {
                node.run_tensor_hooks(&mut buffer)?;
            }
            for (index, place) in *captures {
                captured[place] = buffer[index].clone();
            }
        }
        let mut result = if needed { evaluate(pass, &node, buffer, ask, all)? } else { Grads::new() };
        for (i, edge) in node.edges.iter().enumerate() {
            let Some(edge) = edge else { continue };
            let Some(to) = pass.slot(&edge.node) else { continue };
            let visit = &mut pass.visits[to];
            if let Some(grad) = result.get_mut(i).and_then(Option::take) {
                add_into(&mut visit.buffer[edge.index], grad)?;
            }
            visit.waiting -= 1;
            if visit.waiting == 0 {
                ready.push(visit.node.seq, to);
            }
        }
    }
    if !ask.retain_graph {
        for visit in pass.visits.iter().filter(|v| v.node.has_extra() && v.node.is_freed()) {
            visit.node.forget_hooks();
        }
    }
    Ok(captured)
}

/// Hooks, the node itself, hooks: gradients of outputs in, gradients of inputs out.
fn evaluate(pass: &Pass, node: &Rc<Node>, mut buffer: SmallVec<[Option<Tensor>; 1]>, ask: &Backward, all: bool)
    -> Result<Grads> {
    if let Job::Accumulate(leaf) = &node.job {
        return evaluate_leaf(node, leaf, buffer, ask);
    }
    if node.has_extra() {
        node.run_tensor_hooks(&mut buffer)?;
        node.run_prehooks(&mut buffer)?;
    }
    let keep = ask.retain_graph;
    let wanted = |i: usize| {
        all || node.edges[i].as_ref().and_then(|e| pass.slot(&e.node)).is_some_and(|s| pass.is_wanted(s))
    };
    let run = || apply(node, &buffer, keep, &wanted);
    let watched = || if anomaly::enabled() { anomaly::watch(node, run) } else { run() };
    let mut result = profile::timed(|| node.name(), String::new, watched)?;
    node.spent.set(!keep);
    fit_all(node, &mut result)?;
    if node.has_posthooks() {
        node.run_posthooks(&mut result, &buffer)?;
    }
    Ok(result)
}

fn evaluate_leaf(node: &Rc<Node>, leaf: &Tensor, mut buffer: SmallVec<[Option<Tensor>; 1]>, ask: &Backward)
    -> Result<Grads> {
    let hooked = leaf.0.meta.borrow().hooks.is_some();
    if hooked {
        node.run_tensor_hooks(&mut buffer)?;
    }
    if node.has_extra() {
        node.run_prehooks(&mut buffer)?;
    }
    let shown = node.has_posthooks().then(|| buffer.clone());
    if let Some(grad) = buffer.pop().flatten() {
        accumulate(leaf, grad, ask.create_graph)?;
        if hooked {
            let after: Vec<_> = match &leaf.0.meta.borrow().hooks {
                Some(hooks) => hooks.accumulated.iter().map(|h| h.1.clone()).collect(),
                None => Vec::new(),
            };
            for hook in after {
                hook(leaf)?;
            }
        }
    }
    if let Some(shown) = shown {
        node.run_posthooks(&mut [], &shown)?;
    }
    Ok(Grads::new())
}

/// The number of the pass that runs now, if one does.
pub fn current_pass() -> Option<u64> {
    RUNNING.with_borrow(|r| r.last().copied())
}
