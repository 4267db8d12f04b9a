//! The tape: the one door through which every op goes, the nodes it records, and what they save.

mod engine;
pub mod gradcheck;
mod inplace;

use crate::value::first as first_of;
pub use engine::{backward, Backward};
pub use inplace::{call_in_place, write_to};

use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::layout::{Dims, Layout};
use crate::state;
use crate::table::{saves, Grads, How, Op};
use crate::tensor::{Tensor, TensorImpl};
use crate::value::Value;
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

/// A function of a gradient, which it may replace.
pub type Hook = Rc<dyn Fn(&Tensor) -> Result<Option<Tensor>>>;

/// The hooks of one tensor, in the order they were added, with their keys.
pub type Hooks = Rc<RefCell<Vec<(u32, Hook)>>>;

/// One output of a node, to which gradients flow.
#[derive(Clone)]
pub struct Edge {
    /// The node.
    pub node: Rc<Node>,
    /// Which of its outputs.
    pub index: usize,
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
    fn of(t: &Tensor) -> OutMeta {
        OutMeta { sizes: t.dims(), dtype: t.dtype() }
    }
}

/// A backward function from outside the table: `torch.autograd.Function`.
pub trait Custom {
    /// Its name as `grad_fn` prints it.
    fn name(&self) -> String;
    /// The gradients of its inputs from those of its outputs.
    fn backward(&self, grads: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>>;
}

/// What a node does with gradients.
pub enum Job {
    /// Runs the formulas of an entry of the table.
    Op(&'static Op, RefCell<Option<Box<Saved>>>),
    /// Adds to the `grad` of a leaf.
    Accumulate(Tensor),
    /// Runs a function from outside the table.
    Custom(Box<dyn Custom>),
}

/// One step of the recorded computation.
pub struct Node {
    /// What it does.
    pub job: Job,
    /// Where its gradients go.
    pub edges: RefCell<Edges>,
    /// A node is made after those it leads to: later ones go backward first.
    pub seq: u64,
    /// Its outputs.
    pub outputs: SmallVec<[OutMeta; 1]>,
    /// Hooks of the tensors that are its outputs.
    pub hooks: RefCell<Vec<(usize, Hooks)>>,
    /// Non-leaf outputs that keep their gradient.
    pub retains: RefCell<Vec<(usize, Weak<TensorImpl>)>>,
    /// The engine's mark: the pass that last visited it, and its place in that pass.
    pub(crate) mark: Cell<(u64, u32)>,
}

thread_local! {
    static SEQ: Cell<u64> = const { Cell::new(0) };
    static GRAVE: RefCell<(bool, Vec<(Edges, Option<Box<Saved>>)>)> =
        const { RefCell::new((false, Vec::new())) };
}

impl Drop for Node {
    // A chain of a million nodes must not recurse: what a node owns is put aside and freed in a
    // loop by whoever came first.
    fn drop(&mut self) {
        let saved = match &self.job {
            Job::Op(_, saved) => saved.take(),
            _ => None,
        };
        let edges = self.edges.take();
        bury(edges, saved);
    }
}

/// Frees the edges and saved tensors of a node, iteratively.
fn bury(edges: Edges, saved: Option<Box<Saved>>) {
    if saved.is_none() && edges.iter().flatten().next().is_none() {
        return;
    }
    let first = GRAVE.with_borrow_mut(|(busy, list)| {
        list.push((edges, saved));
        !std::mem::replace(busy, true)
    });
    if first {
        while let Some(dead) = GRAVE.with_borrow_mut(|(_, list)| list.pop()) {
            drop(dead);
        }
        GRAVE.with_borrow_mut(|(busy, _)| *busy = false);
    }
}

impl Node {
    /// A node over these edges.
    pub fn new(job: Job, edges: Edges, outputs: SmallVec<[OutMeta; 1]>) -> Node {
        let seq = match job {
            Job::Accumulate(_) => u64::MAX,
            _ => SEQ.with(|s| s.replace(s.get() + 1)),
        };
        Node {
            job,
            edges: RefCell::new(edges),
            seq,
            outputs,
            hooks: RefCell::default(),
            retains: RefCell::default(),
            mark: Cell::new((0, 0)),
        }
    }

    /// The class name that PyTorch gives it.
    pub fn name(&self) -> String {
        match &self.job {
            Job::Op(op, _) => op.node_name(),
            Job::Accumulate(_) => "AccumulateGrad".into(),
            Job::Custom(c) => c.name(),
        }
    }
}

/// What a node keeps for its formulas.
#[derive(Default)]
pub struct Saved {
    values: SmallVec<[Value; 4]>,
    versions: SmallVec<[(u8, u32); 2]>,
    outs: SmallVec<[Option<Tensor>; 1]>,
    out_versions: SmallVec<[u32; 1]>,
    layout: Option<Layout>,
    lists: Vec<Dims>,
}

/// What a formula may ask for.
pub struct Kept<'a> {
    /// The arguments; tensors only where a formula named them.
    pub values: &'a [Value],
    /// The sizes of the input differentiated.
    pub sizes: Dims,
    /// The gradients of all outputs.
    pub grads: &'a [Option<Tensor>],
    saved: &'a Saved,
    node: &'a Rc<Node>,
}

impl Kept<'_> {
    /// An output, as part of the graph again.
    pub fn out(&self, index: usize) -> Result {
        let saved = self.saved.outs.get(index).and_then(Option::as_ref);
        let t = saved.ok_or_else(Error::freed_graph)?;
        check_version(t, self.saved.out_versions[index], Some((self.node, index)))?;
        let t = t.detached();
        if t.dtype().is_differentiable() {
            t.0.meta.borrow_mut().grad_fn = Some((self.node.clone(), index));
        }
        Ok(t)
    }

    /// All outputs.
    pub fn outs(&self) -> Result<Vec<Tensor>> {
        (0..self.saved.outs.len()).map(|i| self.out(i)).collect()
    }

    /// The layout of the first tensor argument.
    pub fn layout(&self) -> Result<Layout> {
        self.saved.layout.clone().ok_or_else(Error::freed_graph)
    }

    /// The sizes of the tensors in a list argument.
    pub fn lists(&self) -> &[Dims] {
        &self.saved.lists
    }
}

fn check_version(t: &Tensor, then: u32, origin: Option<(&Rc<Node>, usize)>) -> Result<()> {
    if t.version() == then {
        return Ok(());
    }
    let what = format!("torch.{}Tensor {:?}", t.dtype().class_prefix(), t.sizes());
    let meta = t.0.meta.borrow();
    let origin = origin.or_else(|| meta.grad_fn.as_ref().map(|(n, i)| (n, *i)));
    let name = origin.map(|(n, i)| (n.name(), i));
    Err(Error::modified(&what, name.as_ref().map(|(n, i)| (n.as_str(), *i)), t.version(), then))
}

impl Tensor {
    /// Where its gradient goes, if it needs one. The leaf's own node is made here.
    pub fn edge(&self) -> Option<Edge> {
        self.refresh_view();
        let mut meta = self.0.meta.borrow_mut();
        if let Some((node, index)) = &meta.grad_fn {
            return Some(Edge { node: node.clone(), index: *index });
        }
        if !meta.requires_grad {
            return None;
        }
        if let Some(node) = meta.accumulate.upgrade() {
            return Some(Edge { node, index: 0 });
        }
        let outputs = SmallVec::from_elem(OutMeta::of(self), 1);
        let node = Rc::new(Node::new(Job::Accumulate(self.clone()), Edges::new(), outputs));
        meta.accumulate = Rc::downgrade(&node);
        Some(Edge { node, index: 0 })
    }

    /// The node that made it.
    pub fn grad_fn(&self) -> Option<(Rc<Node>, usize)> {
        self.refresh_view();
        self.0.meta.borrow().grad_fn.clone()
    }

    /// Calls `hook` with each gradient that reaches this tensor.
    pub fn register_hook(&self, key: u32, hook: Hook) -> Result<()> {
        if !self.requires_grad() {
            return Err(Error::runtime(
                "cannot register a hook on a tensor that doesn't require gradient",
            ));
        }
        let edge = self.edge();
        let mut meta = self.0.meta.borrow_mut();
        let hooks = meta.hooks.get_or_insert_with(Hooks::default).clone();
        hooks.borrow_mut().push((key, hook));
        if let (Some(edge), true) = (edge, meta.grad_fn.is_some()) {
            let mut on_node = edge.node.hooks.borrow_mut();
            if !on_node.iter().any(|(_, h)| Rc::ptr_eq(h, &hooks)) {
                on_node.push((edge.index, hooks));
            }
        }
        Ok(())
    }

    /// Removes a hook.
    pub fn remove_hook(&self, key: u32) {
        if let Some(hooks) = &self.0.meta.borrow().hooks {
            hooks.borrow_mut().retain(|(k, _)| *k != key);
        }
    }

    /// Keeps the gradient of a non-leaf.
    pub fn retain_grad(&self) -> Result<()> {
        if !self.requires_grad() {
            return Err(Error::runtime(
                "can't retain_grad on Tensor that has requires_grad=False",
            ));
        }
        let grad_fn = self.grad_fn();
        let mut meta = self.0.meta.borrow_mut();
        if let (Some((node, index)), false) = (grad_fn, meta.retains_grad) {
            node.retains.borrow_mut().push((index, Rc::downgrade(&self.0)));
            meta.retains_grad = true;
        }
        Ok(())
    }
}

/// Whether the door must record: gradients are on and an input that has a formula needs one.
fn needs_record(op: &Op, args: &[Value]) -> bool {
    state::grad_enabled()
        && op.rules.iter().any(|r| args[r.wrt].tensors().any(Tensor::requires_grad))
}

/// Saves what the formulas of the inputs that need gradients name, and makes the node.
fn record(op: &'static Op, args: &[Value], outs: &[Tensor], original: Option<&Tensor>) -> Rc<Node> {
    let mut edges = Edges::new();
    let mut saved = Box::new(Saved::default());
    let mut named = 0u64;
    let (mut want_out, mut want_layout) = (false, false);
    for rule in op.rules {
        let mut needed = false;
        match &args[rule.wrt] {
            Value::Tensor(t) => {
                let edge = t.edge();
                needed = edge.is_some();
                edges.push(edge);
            }
            Value::Tensors(list) => {
                for t in list {
                    let edge = t.as_ref().and_then(Tensor::edge);
                    needed |= edge.is_some();
                    edges.push(edge);
                    saved.lists.push(t.as_ref().map(Tensor::dims).unwrap_or_default());
                }
            }
            _ => edges.push(None),
        }
        if needed {
            for &slot in rule.saves {
                match slot {
                    saves::OUT | saves::OUTS => want_out = true,
                    saves::LAYOUT => want_layout = true,
                    s if s < saves::FIRST => named |= 1 << s,
                    _ => {}
                }
            }
        }
    }
    for (i, arg) in args.iter().enumerate() {
        let keep = named >> i & 1 == 1;
        let value = match arg {
            Value::Tensor(_) | Value::Tensors(_) if !keep => Value::None,
            // An in-place op keeps what its input was before the write.
            Value::Tensor(_) if i == 0 && original.is_some() => {
                original.cloned().map_or(Value::None, Value::Tensor)
            }
            other => other.clone(),
        };
        for t in value.tensors() {
            saved.versions.push((i as u8, t.version()));
        }
        saved.values.push(value);
    }
    if want_layout {
        saved.layout = args.iter().find_map(|v| v.tensors().next()).map(|t| t.layout().clone());
    }
    if want_out {
        saved.outs = outs.iter().map(|t| Some(t.detached())).collect();
        saved.out_versions = outs.iter().map(Tensor::version).collect();
    }
    let metas = outs.iter().map(OutMeta::of).collect();
    Rc::new(Node::new(Job::Op(op, RefCell::new(Some(saved))), edges, metas))
}

/// Makes each differentiable output a result of `node`.
fn attach(node: &Rc<Node>, outs: &[Tensor]) {
    for (i, t) in outs.iter().enumerate() {
        if t.dtype().is_differentiable() {
            t.0.meta.borrow_mut().grad_fn = Some((node.clone(), i));
        }
    }
}

/// The tensors of a result.
fn outputs(value: &Value) -> SmallVec<[Tensor; 1]> {
    value.tensors().cloned().collect()
}

/// The door: checks, runs and records one op.
pub fn call(op: &'static Op, args: &[Value]) -> Result<Value> {
    run(op, args).map_err(|e| e.located(|| describe(op, args)))
}

fn run(op: &'static Op, args: &[Value]) -> Result<Value> {
    if op.how == How::Compose {
        return (op.eval)(args);
    }
    let mut value = (op.eval)(args)?;
    if op.how == How::Copy {
        value = copies(&value)?;
    }
    let recording = needs_record(op, args);
    if op.how == How::View {
        if let Some(input) = args.iter().find_map(|v| v.tensors().next()) {
            let base = input.0.meta.borrow().base.clone().unwrap_or_else(|| input.clone());
            for out in value.tensors() {
                let mut meta = out.0.meta.borrow_mut();
                meta.base = Some(base.clone());
                meta.base_version = out.version();
                meta.no_grad_view = !state::grad_enabled();
                meta.multi_view = matches!(value, Value::Tensors(_));
            }
        }
    }
    if recording {
        let outs = outputs(&value);
        // A result that is the input itself (`contiguous`, `to`) is not a new step.
        if !outs.iter().any(|o| args.iter().any(|a| a.tensors().any(|t| t.is(o)))) {
            let differentiable = if op.is("first") { &outs[..1] } else { &outs[..] };
            attach(&record(op, args, &outs, None), differentiable);
        }
    }
    Ok(value)
}

/// The tensors of a result in storages of their own.
fn copies(value: &Value) -> Result<Value> {
    let copy = |t: &Tensor| t.copied(t.dtype());
    Ok(match value {
        Value::Tensor(t) => Value::Tensor(copy(t)?),
        Value::Tensors(list) => {
            let list: Result<Vec<_>> = list.iter().map(|t| t.as_ref().map(copy).transpose()).collect();
            Value::Tensors(list?)
        }
        other => other.clone(),
    })
}

/// `mul(float32[2], float32[3])`: the last line of an error.
pub fn describe(op: &Op, args: &[Value]) -> String {
    let parts: Vec<String> = args.iter().filter_map(Value::brief).collect();
    format!("{}({})", op.name, parts.join(", "))
}

/// Runs the formulas of one node.
fn apply(node: &Rc<Node>, grads: &[Option<Tensor>], keep: bool, wanted: impl Fn(usize) -> bool)
    -> Result<Grads> {
    let mut result = Grads::new();
    match &node.job {
        Job::Accumulate(_) => {}
        Job::Custom(c) => result.extend(c.backward(grads)?),
        Job::Op(op, cell) => {
            // Taken out while the formulas run, so that a failure or a hook finds a sane node.
            let saved = cell.take().ok_or_else(Error::freed_graph)?;
            let done = formulas(op, node, &saved, grads, wanted);
            if keep || done.is_err() {
                cell.replace(Some(saved));
            } else {
                bury(Edges::new(), Some(saved));
            }
            result = done?;
        }
    }
    Ok(result)
}

fn formulas(op: &'static Op, node: &Rc<Node>, saved: &Saved, grads: &[Option<Tensor>],
    wanted: impl Fn(usize) -> bool) -> Result<Grads> {
    let mut at = 0;
    for v in &saved.versions {
        // Several tensors of one list share an index: count within it.
        let nth = saved.versions[..at].iter().filter(|o| o.0 == v.0).count();
        if let Some(t) = saved.values[v.0 as usize].tensors().nth(nth) {
            check_version(t, v.1, None)?;
        }
        at += 1;
    }
    let g = match &grads[0] {
        Some(g) => g.clone(),
        None => Tensor::zeros(&node.outputs[0].sizes, node.outputs[0].dtype)?,
    };
    let mut result = Grads::new();
    let edges = node.edges.borrow().clone();
    for rule in op.rules {
        let start = result.len();
        let count = if op.params[rule.wrt].ty.contains("Vec <") || op.params[rule.wrt].ty.contains("Vec<") {
            saved.lists.len()
        } else {
            1
        };
        if !(start..start + count).any(|i| edges.get(i).is_some_and(Option::is_some) && wanted(i)) {
            result.extend(std::iter::repeat_n(None, count));
            continue;
        }
        let sizes = edges.get(start).and_then(Option::as_ref).map(|e| e.node.outputs[e.index].sizes.clone());
        let kept = Kept {
            values: &saved.values,
            sizes: sizes.unwrap_or_default(),
            grads,
            saved,
            node,
        };
        result.extend((rule.run)(&g, &kept).map_err(|e| e.located(|| format!("the backward of {}", op.name)))?);
    }
    Ok(result)
}
