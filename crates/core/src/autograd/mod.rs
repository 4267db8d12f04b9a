//! The tape: the one door through which every op goes, and what it records.

mod accumulate;
pub mod anomaly;
mod copy_slices;
mod custom;
mod engine;
pub mod forward;
pub mod functional;
mod grad;
pub mod gradcheck;
mod hooks;
mod inplace;
mod leaf;
mod mutation;
mod node;
mod reach;
mod saved;
mod views;

pub use custom::{record_custom, undifferentiable, Custom, Forward};
pub use engine::current_pass;
pub(crate) use grad::backward_below;
pub use grad::{backward, grad, Backward, Grad};
pub use hooks::{AccumulatedHook, GradList, Hook, Hooks, PostHook, PreHook, TensorHooks};
pub(crate) use inplace::store;
pub use inplace::{call_in_place, write_to};
pub(crate) use mutation::before_write;
pub use mutation::{allow_mutation, forbid_mutation};
pub use node::{Edge, Edges, Job, Node, OutMeta};
pub use reach::{Bone, Skeleton, Thing};
pub use saved::{pop_saved_hooks, push_saved_hooks, Kept, Packed, SavedHooks, SavedTensor};
pub use views::{Creation, View};

use crate::batch;
use crate::error::Result;
use crate::layout::Dims;
use crate::profile;
use crate::state;
use crate::table::{saves, How, Op};
use crate::tensor::{Scalar, Tensor};
use crate::value::{first as first_of, Value};
use saved::Saved;
use smallvec::SmallVec;
use std::cell::RefCell;
use std::rc::Rc;

/// The sizes of the tensors of one list argument.
fn first_list(lists: &[(usize, Vec<Dims>)], wrt: usize) -> Option<&Vec<Dims>> {
    lists.iter().find(|l| l.0 == wrt).map(|l| &l.1)
}

/// Whether the door must record: gradients are on and an input that has a formula needs one.
fn needs_record(op: &Op, args: &[Value]) -> bool {
    state::grad_enabled() && op.rules.iter().any(|r| args[r.wrt].requires_grad())
}

/// What the formulas of the inputs that need gradients name.
#[derive(Clone, Copy, Default)]
struct Needs {
    /// A bit for each argument.
    args: u64,
    layout: bool,
    outs: bool,
}

impl Needs {
    fn of(op: &Op, args: &[Value]) -> Needs {
        let mut needs = Needs::default();
        for rule in op.rules.iter().filter(|r| args[r.wrt].requires_grad()) {
            needs.add(rule.saves);
        }
        if let Some(joint) = &op.joint {
            // It runs only for more than one.
            if joint.wrt.iter().filter(|wrt| args[**wrt].requires_grad()).count() > 1 {
                needs.add(joint.saves);
            }
        }
        needs
    }

    fn add(&mut self, slots: &[u8]) {
        for slot in slots {
            match *slot {
                saves::LAYOUT => self.layout = true,
                saves::OUT | saves::OUTS => self.outs = true,
                s if s < saves::FIRST => self.args |= 1 << s,
                _ => {}
            }
        }
    }
}

/// Whether a tensor is a matrix whose columns are adjacent in memory.
fn is_turned(t: &Tensor) -> bool {
    matches!((t.sizes(), t.strides()), (&[rows, _], &[1, step]) if step == rows)
}

/// Saves the arguments that are named, and makes the node of `outs`.
fn record(op: &'static Op, needs: Needs, args: &[Value], outs: &[Tensor]) -> Result<Rc<Node>> {
    let mut edges = Edges::new();
    let mut saved = Box::<Saved>::default();
    for rule in op.rules {
        match &args[rule.wrt] {
            Value::Tensor(t) => {
                edges.push(t.edge()?);
                if rule.saves.contains(&saves::TURNED) && is_turned(t) {
                    saved.turned |= 1 << rule.wrt;
                }
            }
            Value::Tensors(list) => {
                for t in list {
                    edges.push(t.as_ref().map_or(Ok(None), Tensor::edge)?);
                }
                let sizes = list.iter().map(|t| t.as_ref().map(Tensor::dims).unwrap_or_default());
                saved.lists.push((rule.wrt, sizes.collect()));
            }
            _ => edges.push(None),
        }
    }
    if needs.layout {
        saved.layout = args.iter().find_map(|v| v.tensors().next()).map(|t| Box::new(t.layout().clone()));
    }
    for (i, arg) in args.iter().enumerate() {
        // A number that Python wraps in a tensor is saved as one.
        saved.keep(arg, needs.args >> i & 1 == 1, || op.params[i].ty == "AsTensor")?;
    }
    Ok(Node::new(Job::Op(op, RefCell::new(Some(saved))), edges, outs.iter().map(OutMeta::of)))
}

/// Saves the results, if a formula names them.
fn record_outputs(needs: Needs, node: &Rc<Node>, outs: &[Tensor]) -> Result<()> {
    if !needs.outs {
        return Ok(());
    }
    if let Job::Op(_, cell) = &node.job {
        if let Some(saved) = cell.borrow_mut().as_mut() {
            saved.holds = true;
            for (i, t) in outs.iter().enumerate() {
                saved.outs.push(Some(SavedTensor::new(t, Some(i))?));
            }
        }
    }
    Ok(())
}

/// The door: checks, runs and records one op.
pub fn call(op: &'static Op, args: &[Value]) -> Result<Value> {
    // Forward mode and vmap stand here; nobody else pays for them.
    let work = || if state::transforming() { transformed(op, args) } else { run(op, args) };
    let done = if profile::enabled() { profile::timed(|| aten(op), || inputs(args), work) } else { work() };
    done.map_err(|e| e.located(|| describe(op, args)))
}

/// Whether an entry on these operands may take a quick way: nobody watches what it does.
#[inline]
fn is_unwatched(a: &Tensor, b: Option<&Tensor>) -> bool {
    let recorded = || state::grad_enabled() && (a.requires_grad() || b.is_some_and(Tensor::requires_grad));
    !(state::transforming() || profile::enabled() || recorded())
}

/// The door for one tensor or two, with an entry's defaults for the rest: where the quick way is for them it needs no
/// arguments in a row. None where the op has to go through `call`.
// Operands are references: what lies in memory is written in parts and read as one, for which the machine waits.
#[inline]
pub fn quick(op: &'static Op, a: &Tensor, b: Option<&Tensor>) -> Option<Tensor> {
    let way = op.quick?;
    if is_unwatched(a, b) { way.of(a, b) } else { None }
}

/// The same for a tensor and a number.
pub fn quick_number(op: &'static Op, a: &Tensor, number: Scalar) -> Option<Tensor> {
    let way = op.quick?;
    if is_unwatched(a, None) { way.with_number(a, number) } else { None }
}

/// An op while levels of vmap or forward mode are open.
fn transformed(op: &'static Op, args: &[Value]) -> Result<Value> {
    if batch::concerns(op, args) { batch::call(op, args) } else { call_below(op, args) }
}

/// An op on tensors of which none is batched.
pub(crate) fn call_below(op: &'static Op, args: &[Value]) -> Result<Value> {
    if forward::concerns(args) { forward::call(op, args) } else { run(op, args) }
}

fn run(op: &'static Op, args: &[Value]) -> Result<Value> {
    if op.how == How::Compose {
        return (op.eval)(args);
    }
    let recording = needs_record(op, args);
    // A body that is written with other ops does not record them.
    let mut value = if recording { state::with_grad(false, || op.evaluate(args))? } else { op.evaluate(args)? };
    if op.how == How::Copy {
        value = copies(&value)?;
    }
    if op.how == How::View {
        if let Some(input) = args.iter().find_map(|v| v.tensors().next()) {
            let outs: SmallVec<[&Tensor; 2]> = value.tensors().collect();
            views::make_views(input, &outs, matches!(value, Value::Tensors(_)));
        }
    }
    if !recording {
        return Ok(value);
    }
    let several: Vec<Tensor>;
    let outs = match &value {
        Value::Tensor(t) => std::slice::from_ref(t),
        other => {
            several = other.tensors().cloned().collect();
            &several
        }
    };
    // A result that is the input itself (`contiguous`, `to`) is not a new step.
    if outs.iter().any(|o| args.iter().any(|a| a.holds(o))) {
        return Ok(value);
    }
    anomaly::enter(op, args);
    let needs = Needs::of(op, args);
    let node = record(op, needs, args, outs)?;
    record_outputs(needs, &node, outs)?;
    let differentiable = if outs.len() > 1 && op.is("first") { 1 } else { outs.len() };
    for (i, t) in outs.iter().enumerate().take(differentiable) {
        if t.dtype().is_differentiable() {
            t.set_history(&node, i);
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
    format!("{}({})", op.name, inputs(args))
}

fn inputs(args: &[Value]) -> String {
    args.iter().filter_map(Value::brief).collect::<Vec<String>>().join(", ")
}

/// What profiles call an op.
fn aten(op: &Op) -> String {
    format!("aten::{}", op.name.trim_start_matches("nn.functional.").replace('.', "_"))
}
