//! The backward pass: every node once, when all gradients that reach it are there, later ones
//! first (the order of PyTorch's engine), without recursion.

use super::{apply, Edge, Job, Node, OutMeta};
use crate::error::{Error, Result};
use crate::state;
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::cell::Cell;
use std::collections::BinaryHeap;
use std::rc::Rc;

thread_local! {
    static PASS: Cell<u64> = const { Cell::new(0) };
}

/// What a pass is asked to do.
#[derive(Default)]
pub struct Backward<'a> {
    /// Keep saved tensors for another pass.
    pub retain_graph: bool,
    /// Record the pass itself.
    pub create_graph: bool,
    /// Only these inputs, if given.
    pub inputs: Option<&'a [Tensor]>,
    /// Add to `grad` rather than return.
    pub accumulate: bool,
}

/// What a pass knows of one node.
struct Visit {
    node: Rc<Node>,
    /// Gradients that are still to come.
    waiting: u32,
    /// Whether it leads to an input asked for.
    needed: bool,
    buffer: SmallVec<[Option<Tensor>; 1]>,
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

    fn visit(&mut self, node: &Rc<Node>) -> usize {
        if let Some(slot) = self.slot(node) {
            return slot;
        }
        let slot = self.visits.len();
        let before = node.mark.replace((self.id, slot as u32));
        let buffer = SmallVec::from_elem(None, node.outputs.len());
        self.visits.push(Visit { node: node.clone(), waiting: 0, needed: false, buffer, before });
        slot
    }
}

/// A gradient made to fit what it is a gradient of: summed over broadcast dimensions, cast.
fn fit(grad: Tensor, meta: &OutMeta) -> Result {
    let mut grad = grad;
    if grad.sizes() != &meta.sizes[..] {
        grad = crate::ops::sum_to_size(&grad, &meta.sizes)?;
    }
    if grad.dtype() != meta.dtype {
        grad = crate::ops::cast(&grad, meta.dtype)?;
    }
    Ok(grad)
}

/// A gradient given by the caller, checked against its output.
fn check_root(grad: &Tensor, out: &Tensor) -> Result<()> {
    if grad.sizes() != out.sizes() {
        return Err(Error::runtime(format!(
            "Mismatch in shape: grad_output[0] has a shape of torch.Size({:?}) and output[0] has a \
             shape of torch.Size({:?}).",
            grad.sizes(),
            out.sizes()
        )));
    }
    if grad.dtype().is_complex() != out.dtype().is_complex() {
        return Err(Error::runtime(
            "For complex Tensors, both grad_output and output are required to have the same dtype. \
             Mismatch in dtype: grad_output[0] has a dtype of torch.".to_string()
                + grad.dtype().name()
                + " and output[0] has a dtype of torch."
                + out.dtype().name()
                + ".",
        ));
    }
    Ok(())
}

fn add(into: &mut Option<Tensor>, grad: Tensor) -> Result<()> {
    *into = Some(match into.take() {
        None => grad,
        Some(have) => crate::ops::add(&have, &grad)?,
    });
    Ok(())
}

/// Adds a gradient to a leaf: in place, so that who holds `grad` sees it, except when the pass is
/// itself recorded.
fn accumulate(leaf: &Tensor, grad: Tensor, recorded: bool) -> Result<()> {
    let have = leaf.grad();
    let next = match have {
        None if recorded => grad,
        // Its own memory: taken as it is when nobody else holds it.
        None => {
            let own = grad.is_contiguous()
                && Rc::strong_count(&grad.0) == 1
                && Rc::strong_count(&grad.0.storage) == 1;
            if own { grad.detached() } else { grad.copied(grad.dtype())? }
        }
        Some(have) if recorded => crate::ops::add(&have, &grad)?,
        Some(have) => {
            state::with_grad(false, || super::write_to(&have, &crate::ops::add(&have, &grad)?))?;
            return Ok(());
        }
    };
    leaf.set_grad(Some(next));
    Ok(())
}

/// Runs a pass from `roots`; returns the gradients of `inputs`, one for each.
pub fn backward(roots: &[Tensor], grads: &[Option<Tensor>], ask: &Backward)
    -> Result<Vec<Option<Tensor>>> {
    state::with_grad(ask.create_graph, || run(roots, grads, ask))
}

fn run(roots: &[Tensor], grads: &[Option<Tensor>], ask: &Backward) -> Result<Vec<Option<Tensor>>> {
    let id = PASS.with(|p| {
        p.set(p.get() + 1);
        p.get()
    });
    let mut pass = Pass { id, visits: Vec::new() };
    let mut first: SmallVec<[usize; 1]> = SmallVec::new();

    for (i, root) in roots.iter().enumerate() {
        let edge = root.edge().ok_or_else(|| Error::no_grad_fn(i))?;
        let grad = match grads.get(i).and_then(Option::as_ref) {
            Some(g) => {
                check_root(g, root)?;
                g.clone()
            }
            None if root.numel() != 1 => return Err(Error::not_scalar()),
            None if root.dtype().is_complex() => {
                return Err(Error::runtime(format!(
                    "grad can be implicitly created only for real scalar outputs but got torch.{}",
                    root.dtype().name()
                )));
            }
            None => Tensor::full(root.sizes(), crate::tensor::Scalar::Int(1), root.dtype())?,
        };
        let slot = pass.visit(&edge.node);
        add(&mut pass.visits[slot].buffer[edge.index], fit(grad, &edge.node.outputs[edge.index])?)?;
        first.push(slot);
    }

    // How many gradients each node waits for.
    let mut at = 0;
    while at < pass.visits.len() {
        let node = pass.visits[at].node.clone();
        for edge in node.edges.borrow().iter().flatten() {
            let slot = pass.visit(&edge.node);
            pass.visits[slot].waiting += 1;
        }
        at += 1;
    }

    let targets: Option<Vec<Option<Edge>>> =
        ask.inputs.map(|list| list.iter().map(Tensor::edge).collect());
    if let Some(targets) = &targets {
        mark_needed(&mut pass, targets);
    }
    let all = targets.is_none();
    let mut captured: Vec<Option<Tensor>> = vec![None; ask.inputs.map_or(0, <[Tensor]>::len)];

    let mut ready: BinaryHeap<(u64, usize)> = BinaryHeap::new();
    for &slot in &first {
        if pass.visits[slot].waiting == 0 && !ready.iter().any(|r| r.1 == slot) {
            ready.push((pass.visits[slot].node.seq, slot));
        }
    }
    while let Some((_, slot)) = ready.pop() {
        let node = pass.visits[slot].node.clone();
        let mut buffer = std::mem::take(&mut pass.visits[slot].buffer);
        run_hooks(&node, &mut buffer)?;
        if let Some(targets) = &targets {
            for (target, place) in targets.iter().zip(&mut captured) {
                if let Some(e) = target {
                    if Rc::ptr_eq(&e.node, &node) {
                        *place = buffer[e.index].clone();
                    }
                }
            }
        }
        for (index, t) in node.retains.borrow().iter() {
            if let (Some(inner), Some(grad)) = (t.upgrade(), &buffer[*index]) {
                Tensor(inner).set_grad(Some(grad.clone()));
            }
        }
        let run_it = all || pass.visits[slot].needed;
        if let Job::Accumulate(leaf) = &node.job {
            if let (Some(grad), true) = (buffer.swap_remove(0), all) {
                accumulate(leaf, grad, ask.create_graph)?;
            }
            continue;
        }
        let some = buffer.iter().any(Option::is_some);
        let edges = node.edges.borrow().clone();
        let wanted = |i: usize| {
            all || edges[i].as_ref().is_some_and(|e| {
                pass.slot(&e.node).is_some_and(|s| pass.visits[s].needed)
                    || targets.iter().flatten().flatten().any(|t| Rc::ptr_eq(&t.node, &e.node))
            })
        };
        let mut result = if some && run_it {
            apply(&node, &buffer, ask.retain_graph || ask.create_graph, wanted)?
        } else {
            smallvec::SmallVec::new()
        };
        drop(buffer);
        for (i, edge) in edges.iter().enumerate() {
            let Some(edge) = edge else { continue };
            let Some(to) = pass.slot(&edge.node) else { continue };
            if let Some(grad) = result.get_mut(i).and_then(Option::take) {
                let grad = fit(grad, &edge.node.outputs[edge.index])?;
                add(&mut pass.visits[to].buffer[edge.index], grad)?;
            }
            let visit = &mut pass.visits[to];
            visit.waiting -= 1;
            if visit.waiting == 0 {
                ready.push((visit.node.seq, to));
            }
        }
    }
    if ask.accumulate {
        if let Some(inputs) = ask.inputs {
            for (leaf, grad) in inputs.iter().zip(captured.iter_mut()) {
                if let Some(grad) = grad.take() {
                    accumulate(leaf, grad, ask.create_graph)?;
                }
            }
        }
    }
    Ok(captured)
}

/// Finds the nodes that lead to an input asked for: nodes in the order they were made.
fn mark_needed(pass: &mut Pass, targets: &[Option<Edge>]) {
    let mut order: Vec<usize> = (0..pass.visits.len()).collect();
    order.sort_by_key(|&s| pass.visits[s].node.seq);
    let is_target = |n: &Rc<Node>| targets.iter().flatten().any(|t| Rc::ptr_eq(&t.node, n));
    for slot in order {
        let node = pass.visits[slot].node.clone();
        let needed = node.edges.borrow().iter().flatten().any(|e| {
            is_target(&e.node) || pass.slot(&e.node).is_some_and(|s| pass.visits[s].needed)
        });
        pass.visits[slot].needed = needed;
    }
}

fn run_hooks(node: &Rc<Node>, buffer: &mut [Option<Tensor>]) -> Result<()> {
    let mut lists: SmallVec<[(usize, super::Hooks); 1]> = node.hooks.borrow().iter().cloned().collect();
    if let Job::Accumulate(leaf) = &node.job {
        lists.extend(leaf.0.meta.borrow().hooks.iter().map(|h| (0, h.clone())));
    }
    for (index, hooks) in lists {
        let hooks: Vec<_> = hooks.borrow().iter().map(|(_, h)| h.clone()).collect();
        for hook in hooks {
            if let Some(grad) = buffer[index].clone() {
                if let Some(new) = hook(&grad)? {
                    buffer[index] = Some(fit(new, &node.outputs[index])?);
                }
            }
        }
    }
    Ok(())
}
