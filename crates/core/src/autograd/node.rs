//! Nodes of the tape: what they do with gradients, where those go, and how they are freed.

use super::copy_slices::CopySlices;
use super::custom::CustomJob;
use super::hooks::{Hooks, PostHook, PreHook};
use super::saved::{Kept, Saved};
use super::{anomaly, first_list};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::Dims;
use crate::table::{saves, Grads, Op};
use crate::tensor::{Tensor, TensorImpl};
use crate::value::Value;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// One output of a node, to which gradients flow.
#[derive(Clone)]
pub struct Edge {
    /// The node.
    pub node: Rc<Node>,
    /// Which of its outputs.
    pub index: usize,
}

impl Edge {
    /// A tensor that stands for the edge where a pass starts or ends.
    pub fn stand_in(&self) -> Result {
        let meta = self.node.outputs.get(self.index).ok_or_else(|| Error::index("tuple index out of range"))?;
        let t = meta.zeros()?;
        t.join(self);
        Ok(t)
    }
}

/// The edges of a node, one for each differentiable argument; `None` where none is needed.
pub type Edges = SmallVec<[Option<Edge>; 2]>;

/// What the engine must know of an output to check a gradient for it.
#[derive(Clone)]
pub struct OutMeta {
    /// Sizes.
    pub sizes: Dims,
    /// Element type.
    pub dtype: DType,
}

impl OutMeta {
    /// That of a tensor.
    pub fn of(t: &Tensor) -> OutMeta {
        OutMeta { sizes: t.dims(), dtype: t.dtype() }
    }

    /// Zeros in its place: one element, seen everywhere.
    pub fn zeros(&self) -> Result {
        let zero = Tensor::zeros(&[], self.dtype)?;
        let layout = zero.layout().expand(&self.sizes);
        Ok(zero.alias(layout.ok_or_else(|| Error::runtime("a 0-dim tensor expands to all sizes"))?))
    }
}

/// What a node does with gradients.
pub enum Job {
    /// Runs the formulas of an entry of the table; without what it saved, it has been freed.
    Op(&'static Op, RefCell<Option<Box<Saved>>>),
    /// Adds to the `grad` of a leaf.
    Accumulate(Tensor),
    /// Runs the node of an op that wrote to a view, for the view's part of its base.
    CopySlices(Box<CopySlices>),
    /// Runs a function from outside the table.
    Custom(CustomJob),
    /// Fails: a graph that is gone, or one that must not be differentiated again.
    Fail(String, Error),
}

/// What few nodes have.
#[derive(Default)]
pub(super) struct Extra {
    /// Hooks of the tensors that are its outputs.
    pub hooks: Vec<(usize, Hooks)>,
    /// Non-leaf outputs that keep their gradient.
    pub retains: Vec<(usize, Weak<TensorImpl>)>,
    /// Hooks before and after its own run.
    pub pre: Vec<(u32, PreHook)>,
    /// See `pre`.
    pub post: Vec<(u32, PostHook)>,
    /// What anomaly mode tells of it.
    pub trace: Option<anomaly::Trace>,
}

/// One step of the recorded computation.
pub struct Node {
    /// What it does.
    pub job: Job,
    /// Where its gradients go.
    pub edges: Edges,
    /// A node is made after those it leads to: later ones go backward first.
    pub seq: u64,
    /// Its outputs.
    pub outputs: SmallVec<[OutMeta; 1]>,
    pub(super) extra: RefCell<Option<Box<Extra>>>,
    /// The engine's mark: the pass that last visited it, and its place in that pass.
    pub(super) mark: Cell<(u64, u32)>,
    /// Whether a pass that did not keep the graph has run it.
    pub(super) spent: Cell<bool>,
    /// Whether its op ran in place, under another name.
    pub(super) in_place: Cell<bool>,
}

thread_local! {
    static SEQ: Cell<u64> = const { Cell::new(0) };
    static GRAVE: RefCell<Grave> = const { RefCell::new(Grave { busy: false, edges: Vec::new(), saved: Vec::new() }) };
}

/// What waits to be freed.
struct Grave {
    busy: bool,
    edges: Vec<Edge>,
    saved: Vec<Box<Saved>>,
}


impl Drop for Node {
    // A chain of a million nodes must not recurse: what a node owns is put aside and freed in a
    // loop by whoever came first.
    fn drop(&mut self) {
        let saved = match &mut self.job {
            Job::Op(_, saved) => saved.get_mut(),
            Job::Custom(c) => c.saved.get_mut(),
            _ => &mut None,
        };
        // What others hold too, and what has no history, ends here. Several edges may lead to one node.
        let ours = self.edges.len();
        let deep = self.edges.iter().flatten().any(|e| Rc::strong_count(&e.node) <= ours) || saved.as_ref().is_some_and(|s| s.is_deep());
        if deep {
            bury(std::mem::take(&mut self.edges), saved.take());
        }
    }
}

/// Frees the edges and saved tensors of a node, iteratively.
pub(super) fn bury(edges: Edges, saved: Option<Box<Saved>>) {
    // Only the last holder of a node has anything to put aside.
    let mut last: Edges = Edges::new();
    for edge in edges {
        if edge.as_ref().is_some_and(|e| Rc::strong_count(&e.node) == 1) {
            last.push(edge);
        }
    }
    if saved.is_none() && last.is_empty() {
        return;
    }
    let first = GRAVE.with_borrow_mut(|grave| {
        grave.edges.extend(last.into_iter().flatten());
        grave.saved.extend(saved);
        !std::mem::replace(&mut grave.busy, true)
    });
    if !first {
        return;
    }
    loop {
        let (edge, saved) = GRAVE.with_borrow_mut(|grave| (grave.edges.pop(), grave.saved.pop()));
        if edge.is_none() && saved.is_none() {
            break;
        }
        drop((edge, saved));
    }
    GRAVE.with_borrow_mut(|grave| grave.busy = false);
}

impl Node {
    /// A node over these edges.
    pub fn new(job: Job, edges: Edges, outputs: impl IntoIterator<Item = OutMeta>) -> Rc<Node> {
        let seq = match job {
            Job::Accumulate(_) => u64::MAX,
            _ => SEQ.with(|s| s.replace(s.get() + 1)),
        };
        let extra = if anomaly::enabled() { Some(Box::new(Extra { trace: anomaly::trace(), ..Extra::default() })) } else { None };
        let mark = Cell::new((0, 0));
        let mut node = crate::counted!(Node {
            job = job, edges = edges, seq = seq, outputs = SmallVec::new(), extra = RefCell::new(extra), mark = mark,
            spent = Cell::new(false), in_place = Cell::new(false)
        });
        if let Some(inner) = Rc::get_mut(&mut node) {
            for meta in outputs {
                inner.outputs.push(meta);
            }
        }
        node
    }

    /// A node of this name whose use is this error: for a graph that is gone, `Error::freed_graph`.
    pub fn failing(name: &str, error: Error, outputs: &[OutMeta]) -> Rc<Node> {
        Node::new(Job::Fail(name.into(), error), Edges::new(), outputs.iter().cloned())
    }

    /// The class name that PyTorch gives it.
    pub fn name(&self) -> String {
        match &self.job {
            Job::Op(op, _) => op.node_name(self.in_place.get()),
            Job::Accumulate(_) => "AccumulateGrad".into(),
            Job::CopySlices(_) => "CopySlices".into(),
            Job::Custom(c) => c.function.name(),
            Job::Fail(name, _) => name.clone(),
        }
    }

    /// What errors call it: the name of the forward, with the number that tells overloads apart.
    pub fn forward_name(&self) -> String {
        let name = self.name();
        match name.rsplit_once("Backward") {
            Some((forward, "" | "0")) if !forward.is_empty() => forward.into(),
            Some((forward, number)) if number.bytes().all(|c| c.is_ascii_digit()) => format!("{forward}{number}"),
            _ => format!("torch::autograd::{name}"),
        }
    }

    /// The leaf that an `AccumulateGrad` adds to.
    pub fn variable(&self) -> Option<&Tensor> {
        match &self.job {
            Job::Accumulate(leaf) => Some(leaf),
            _ => None,
        }
    }

    /// The argument called `name`, or `result`, if a formula saved it: PyTorch's `_saved_name`.
    pub fn saved(self: &Rc<Node>, name: &str) -> Result<Value> {
        let Job::Op(op, cell) = &self.job else { return Ok(Value::None) };
        let saved = cell.borrow();
        let saved = saved.as_ref().ok_or_else(Error::freed_graph)?;
        let first = || op.params.first().map(|p| p.name);
        let slot = match name {
            "result" => saves::OUT,
            "self" => slot_of(op, first().unwrap_or_default()),
            other => slot_of(op, other),
        };
        saved.value(slot, self)
    }

    pub(super) fn extra(&self) -> std::cell::RefMut<'_, Extra> {
        std::cell::RefMut::map(self.extra.borrow_mut(), |e| &mut **e.get_or_insert_with(Box::default))
    }

    /// Whether using it again would raise the error of a freed graph: it was run, and it or a node
    /// that it leads to had saved something. Looks at a few nodes only.
    pub fn is_freed(self: &Rc<Node>) -> bool {
        let mut next: Vec<Rc<Node>> = vec![self.clone()];
        let mut left = 64;
        while let (Some(node), true) = (next.pop(), left > 0) {
            left -= 1;
            match &node.job {
                Job::Op(_, saved) if saved.borrow().is_none() => return true,
                Job::Custom(c) if c.is_freed() => return true,
                Job::CopySlices(c) if c.is_freed() => return true,
                Job::Fail(..) => return true,
                _ => {}
            }
            if node.spent.get() {
                next.extend(node.edges.iter().flatten().map(|e| e.node.clone()));
            }
        }
        false
    }
}

fn slot_of(op: &Op, name: &str) -> u8 {
    op.params.iter().position(|p| p.name == name).map_or(saves::FREE, |i| i as u8)
}

/// Runs what a node does; `keep` what it saved, and compute only the `wanted` gradients.
pub(super) fn apply(node: &Rc<Node>, grads: &[Option<Tensor>], keep: bool, wanted: &dyn Fn(usize) -> bool)
    -> Result<Grads> {
    match &node.job {
        Job::Accumulate(_) => Ok(Grads::new()),
        Job::Custom(c) => c.run(node, grads, keep),
        Job::CopySlices(c) => c.run(grads, keep, wanted),
        Job::Fail(_, error) => Err(error.clone()),
        Job::Op(op, cell) => {
            // Taken out while the formulas run, so that a failure or a hook finds a sane node.
            let saved = cell.take().ok_or_else(Error::freed_graph)?;
            let done = formulas(op, node, &saved, grads, wanted);
            if keep || done.is_err() || !saved.holds {
                cell.replace(Some(saved));
            } else if saved.is_deep() {
                bury(Edges::new(), Some(saved));
            }
            done
        }
    }
}

fn formulas(op: &'static Op, node: &Rc<Node>, saved: &Saved, grads: &[Option<Tensor>], wanted: &dyn Fn(usize) -> bool)
    -> Result<Grads> {
    let mut result = Grads::new();
    if grads.iter().all(Option::is_none) {
        result.resize(node.edges.len(), None);
        return Ok(result);
    }
    let values = saved.checked()?;
    let zeros;
    let g = match &grads[0] {
        Some(g) => g,
        None => {
            zeros = node.outputs[0].zeros()?;
            &zeros
        }
    };
    let needed = |i: usize| node.edges.get(i).is_some_and(Option::is_some) && wanted(i);
    let place = |e: Error| {
        e.located(|| format!("the backward of {}({})", op.name, Value::Tensor(g.clone()).brief().unwrap_or_default()))
    };
    let mut together = SmallVec::<[(usize, Option<Tensor>); 4]>::new();
    if let Some(joint) = op.joint.as_ref().filter(|_| crate::state::unobserved()) {
        // Without lists among the arguments, an edge has the place of its rule.
        let edge = |wrt: &usize| op.rules.iter().position(|r| r.wrt == *wrt);
        let asked: SmallVec<[bool; 4]> = joint.wrt.iter().map(|w| edge(w).is_some_and(&needed)).collect();
        if asked.iter().filter(|a| **a).count() > 1 {
            let kept = Kept { values: &values, sizes: Dims::new(), grads, wrt: joint.wrt[0], saved, node };
            if let Some(slopes) = (joint.run)(g, &asked, &kept).map_err(place)? {
                together.extend(joint.wrt.iter().copied().zip(slopes));
            }
        }
    }
    for rule in op.rules {
        let start = result.len();
        let count = first_list(&saved.lists, rule.wrt).map_or(1, Vec::len);
        if let Some((_, slope)) = together.iter_mut().find(|t| t.0 == rule.wrt) {
            result.push(slope.take());
            continue;
        }
        if !(start..start + count).any(&needed) {
            result.extend(std::iter::repeat_n(None, count));
            continue;
        }
        let sizes = match &node.edges[start] {
            Some(e) if count == 1 => e.node.outputs[e.index].sizes.clone(),
            _ => Dims::new(),
        };
        let kept = Kept { values: &values, sizes, grads, wrt: rule.wrt, saved, node };
        let slopes = (rule.run)(g, &kept).map_err(place)?;
        result.extend(slopes);
    }
    Ok(result)
}
