//! What nodes keep for their formulas: tensors with the version they had, packed by hooks if asked.

use super::node::{Edge, Node};
use super::reach::{Bone, Thing};
use super::{anomaly, first_list};
use crate::error::{Error, Result};
use crate::layout::{Dims, Layout};
use crate::state;
use crate::table::saves;
use crate::tensor::Tensor;
use crate::value::Value;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;

/// A tensor that a hook has put away.
pub trait Packed {
    /// Brings it back.
    fn unpack(&self) -> Result;
    /// The key of a function from outside that does.
    fn key(&self) -> Option<u32> {
        None
    }
}

/// A pair of hooks that put saved tensors away: `torch.autograd.graph.saved_tensors_hooks`.
pub trait SavedHooks {
    /// Puts a tensor away.
    fn pack(&self, t: &Tensor) -> Result<Box<dyn Packed>>;
}

thread_local! {
    static HOOKS: RefCell<Vec<Rc<dyn SavedHooks>>> = const { RefCell::new(Vec::new()) };
}

/// Puts away the tensors that are saved from now on.
pub fn push_saved_hooks(hooks: Rc<dyn SavedHooks>) {
    HOOKS.with_borrow_mut(|h| h.push(hooks));
}

/// Ends the last `push_saved_hooks`.
pub fn pop_saved_hooks() {
    let last = HOOKS.with_borrow_mut(Vec::pop);
    drop(last);
}

/// A tensor as it was when it was saved.
pub struct SavedTensor {
    data: Data,
    version: u32,
    /// Which output of the node that saves it, if it is one: then it must not hold the node.
    output: Option<usize>,
}

enum Data {
    Held(Tensor),
    /// Put away by a hook; the edge is its history.
    Packed(Box<dyn Packed>, Option<Edge>),
}

impl SavedTensor {
    /// Saves a tensor, which may be an output of the node that saves it.
    pub fn new(t: &Tensor, output: Option<usize>) -> Result<SavedTensor> {
        if t.is_inference() {
            return Err(Error::saved_inference());
        }
        let version = t.version();
        let hooks = HOOKS.with_borrow(|h| h.last().cloned());
        let (Some(hooks), false) = (hooks, t.0.wrapped) else {
            let t = if output.is_some() { t.detached_dual() } else { t.clone() };
            return Ok(SavedTensor { data: Data::Held(t), version, output });
        };
        let data = t.detached();
        let packed = state::with_grad(false, || hooks.pack(&data))?;
        if data.version() != version {
            return Err(Error::runtime(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook can \
                 not be modified by in-place operations as this can lead to unexpected side-effects. Please open an \
                 issue if you need to perform in-place operations on the input to a pack hook.",
            ));
        }
        let edge = if output.is_none() { t.edge()? } else { None };
        Ok(SavedTensor { data: Data::Packed(packed, edge), version, output })
    }

    /// Gives it the tangents of the tensor that was saved.
    pub(super) fn take_tangents(&self, from: &Tensor) {
        if let Data::Held(t) = &self.data {
            t.take_tangents(from);
        }
    }

    /// The tensor, as part of the graph again. An output needs the node that saved it.
    pub fn unpack(&self, node: Option<&Rc<Node>>) -> Result {
        let origin = node.zip(self.output);
        let t = match &self.data {
            Data::Held(t) => {
                check_version(t, self.version, origin)?;
                if self.output.is_none() {
                    return Ok(t.clone());
                }
                t.detached_dual()
            }
            Data::Packed(packed, edge) => {
                let t = packed.unpack()?.detached();
                if let Some(edge) = edge {
                    t.join(edge);
                }
                t
            }
        };
        if let Some((node, index)) = origin {
            t.join(&Edge { node: node.clone(), index });
        }
        Ok(t)
    }
}

impl Tensor {
    /// Whether it may hold more than its elements: a history, a gradient, a base, what stands behind or beside it.
    pub(super) fn has_ties(&self) -> bool {
        let meta = self.0.meta.borrow();
        meta.requires_grad || meta.grad_fn.is_some() || meta.grad.is_some() || meta.view.is_some() || meta.tangents.is_some()
            || meta.batch.is_some()
    }

    /// Lets its gradient flow along an edge.
    pub(super) fn join(&self, edge: &Edge) {
        if !self.dtype().is_differentiable() {
            return;
        }
        let mut meta = self.0.meta.borrow_mut();
        if edge.node.variable().is_some() {
            meta.requires_grad = true;
            meta.accumulate = Rc::downgrade(&edge.node);
        } else {
            meta.grad_fn = Some((edge.node.clone(), edge.index));
        }
    }
}

/// Whether a tensor still has the version it was saved at.
fn check_version(t: &Tensor, then: u32, origin: Option<(&Rc<Node>, usize)>) -> Result<()> {
    if t.version() == then {
        return Ok(());
    }
    let what = format!("torch.{}Tensor {:?}", t.dtype().class_prefix(), t.sizes());
    let name = match origin {
        Some((n, i)) => Some((n.forward_name(), i)),
        None => t.grad_fn()?.map(|(n, i)| (n.forward_name(), i)),
    };
    let name = name.as_ref().map(|(n, i)| (n.as_str(), *i));
    Err(Error::modified(&what, name, t.version(), then, anomaly::enabled()))
}

/// What a node of the table keeps for its formulas.
#[derive(Default)]
pub struct Saved {
    /// The arguments; tensors only where a formula named them.
    values: SmallVec<[Value; 4]>,
    /// The versions of the tensors in `values`, in order.
    versions: SmallVec<[u32; 2]>,
    /// Tensors of `values` that a hook has put away: the argument, the place in it, and the tensor.
    packed: Vec<(usize, usize, SavedTensor)>,
    /// Results, or what a function from outside the table keeps.
    pub(super) outs: SmallVec<[Option<SavedTensor>; 1]>,
    pub(super) layout: Option<Box<Layout>>,
    /// A bit for each argument that is a matrix of adjacent columns, where a formula asks.
    pub(super) turned: u64,
    /// The sizes of the tensors in list arguments.
    pub(super) lists: Vec<(usize, Vec<Dims>)>,
    /// Whether there is anything to free, so that it can't be used again.
    pub(super) holds: bool,
}

impl Saved {
    /// Whether freeing it may free a graph: it alone holds a tensor that has a history.
    pub(super) fn is_deep(&self) -> bool {
        // One tensor may be kept several times.
        let ours = self.versions.len() + self.outs.len();
        let deep = |t: &Tensor| Rc::strong_count(&t.0) <= ours && t.has_ties();
        let out = |saved: &SavedTensor| match &saved.data {
            Data::Held(t) => deep(t),
            Data::Packed(..) => true,
        };
        !self.packed.is_empty() || self.values.iter().any(|v| match v {
            Value::Tensor(t) => deep(t),
            Value::Tensors(list) => list.iter().flatten().any(deep),
            _ => false,
        }) || self.outs.iter().flatten().any(out)
    }

    /// Keeps one more argument; `named` by a formula or not.
    pub(super) fn keep(&mut self, arg: &Value, named: bool, wraps: impl Fn() -> bool) -> Result<()> {
        let value = match arg {
            Value::Tensor(_) | Value::Tensors(_) if named => arg.clone(),
            Value::Tensor(_) | Value::Tensors(_) => {
                self.values.push(Value::None);
                return Ok(());
            }
            other => {
                self.holds |= named && matches!(other, Value::Scalar(_)) && wraps();
                self.values.push(other.clone());
                return Ok(());
            }
        };
        let hooked = HOOKS.with_borrow(|h| !h.is_empty());
        for (nth, t) in value.tensors().enumerate() {
            self.holds = true;
            if hooked && !t.0.wrapped {
                self.packed.push((self.values.len(), nth, SavedTensor::new(t, None)?));
            } else if t.is_inference() {
                return Err(Error::saved_inference());
            }
            self.versions.push(t.version());
        }
        // What was put away leaves a tensor without data in its place.
        self.values.push(if hooked { hollow(value)? } else { value });
        Ok(())
    }

    /// The arguments, once none is found to have been written since.
    pub(super) fn checked(&self) -> Result<Cow<'_, [Value]>> {
        if self.packed.is_empty() {
            if !self.versions.is_empty() {
                let tensors = self.values.iter().flat_map(Value::tensors);
                for (t, then) in tensors.zip(&self.versions) {
                    check_version(t, *then, None)?;
                }
            }
            return Ok(Cow::Borrowed(&self.values));
        }
        let mut values = self.values.to_vec();
        for (i, nth, saved) in &self.packed {
            let t = saved.unpack(None)?;
            match &mut values[*i] {
                Value::Tensor(place) => *place = t,
                Value::Tensors(list) => {
                    if let Some(place) = list.iter_mut().flatten().nth(*nth) {
                        *place = t;
                    }
                }
                _ => {}
            }
        }
        Ok(Cow::Owned(values))
    }

    /// What the node leads to through what it saved, for `Skeleton`.
    pub(super) fn leads(&self, bone: &mut Bone, rest: &mut Vec<Thing>) {
        rest.extend(self.values.iter().flat_map(Value::tensors).cloned().map(Thing::Tensor));
        for saved in self.packed.iter().map(|p| &p.2).chain(self.outs.iter().flatten()) {
            match &saved.data {
                Data::Held(t) => rest.push(Thing::Tensor(t.clone())),
                Data::Packed(packed, edge) => {
                    bone.keys.extend(packed.key());
                    rest.extend(edge.iter().map(|e| Thing::Node(e.node.clone())));
                }
            }
        }
    }

    /// One of the things saved, by its number.
    pub(super) fn value(&self, slot: u8, node: &Rc<Node>) -> Result<Value> {
        if slot == saves::OUT {
            return match self.outs.first() {
                Some(Some(out)) => out.unpack(Some(node)).map(Value::Tensor),
                _ => Ok(Value::None),
            };
        }
        Ok(self.checked()?.get(slot as usize).cloned().unwrap_or_default())
    }
}

fn hollow(value: Value) -> Result<Value> {
    let bare = |t: Tensor| -> Result { if t.0.wrapped { Ok(t) } else { Tensor::zeros(&[0], t.dtype()) } };
    Ok(match value {
        Value::Tensor(t) => Value::Tensor(bare(t)?),
        Value::Tensors(list) => Value::Tensors(list.into_iter().map(|t| t.map(bare).transpose()).collect::<Result<_>>()?),
        other => other,
    })
}

/// What a formula may ask for.
pub struct Kept<'a> {
    /// The arguments; tensors only where a formula named them.
    pub values: &'a [Value],
    /// The sizes of the input differentiated.
    pub sizes: Dims,
    /// The gradients of all outputs.
    pub grads: &'a [Option<Tensor>],
    pub(super) wrt: usize,
    pub(super) saved: &'a Saved,
    pub(super) node: &'a Rc<Node>,
}

impl Kept<'_> {
    /// An output, as part of the graph again.
    pub fn out(&self, index: usize) -> Result {
        let saved = self.saved.outs.get(index).and_then(Option::as_ref);
        saved.ok_or_else(Error::freed_graph)?.unpack(Some(self.node))
    }

    /// All outputs.
    pub fn outs(&self) -> Result<Vec<Tensor>> {
        (0..self.saved.outs.len()).map(|i| self.out(i)).collect()
    }

    /// The layout of the first tensor argument.
    pub fn layout(&self) -> Result<Layout> {
        self.saved.layout.as_deref().cloned().ok_or_else(Error::freed_graph)
    }

    /// Whether the argument differentiated is a matrix of adjacent columns.
    pub fn turned(&self) -> bool {
        self.saved.turned >> self.wrt & 1 == 1
    }

    /// The sizes of the tensors in the list argument differentiated.
    pub fn lists(&self) -> &[Dims] {
        first_list(&self.saved.lists, self.wrt).map_or(&[], Vec::as_slice)
    }
}
