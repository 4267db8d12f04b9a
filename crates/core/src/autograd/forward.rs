//! Forward mode: tensors that carry tangents, and the tangents of the results of an op.
//!
//! A tangent belongs to a level: each `jvp` opens one, and `torch.autograd.forward_ad` one that is
//! public. A tangent carries tangents of levels that were open before its own, so that levels nest. An
//! op runs and is recorded on tensors as they are, so that what a formula saved has its tangents when
//! gradients are computed; then each level, the oldest first, gives the results their tangents. They
//! come from the op itself where it is linear, and from its backward formulas where it is not: what an
//! elementwise formula does to a gradient it does to a tangent, and of any other formula the
//! derivative in the gradient is taken (Townsend, "A new trick for calculating Jacobian vector
//! products", 2017). All of it is made of recorded ops.

use super::node::{apply, Job, Node};
use super::{backward, engine, record, record_outputs, Needs, Backward};
use crate::batch;
use crate::error::{Error, Result};
use crate::kinds::{self, Derivative};
use crate::state;
use crate::table::Op;
use crate::tensor::Tensor;
use crate::value::Value;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

thread_local! {
    static OPEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static NEXT: Cell<u32> = const { Cell::new(1) };
}

/// Opens a level.
pub fn enter_level() -> u32 {
    let level = NEXT.replace(NEXT.get() + 1);
    OPEN.with_borrow_mut(|open| open.push(level));
    state::begin_level();
    level
}

/// Closes a level: its tangents are no more.
pub fn exit_level(level: u32) {
    let was_open = OPEN.with_borrow_mut(|open| {
        let known = open.len();
        open.retain(|l| *l != level);
        open.len() < known
    });
    if was_open {
        state::end_level();
    }
}

fn is_open(level: u32) -> bool {
    OPEN.with_borrow(|open| open.contains(&level))
}

impl Tensor {
    /// Its tangent at an open level.
    pub fn tangent(&self, level: u32) -> Option<Tensor> {
        let meta = self.0.meta.borrow();
        let found = meta.tangents.as_ref()?.iter().find(|t| t.0 == level)?;
        is_open(level).then(|| found.1.clone())
    }

    /// The level opened last at which it has a tangent.
    pub fn last_tangent_level(&self) -> Option<u32> {
        self.levels().pop()
    }

    /// Its tangent at the level opened last, which is shown when it is printed.
    pub fn last_tangent(&self) -> Option<Tensor> {
        self.tangent(self.last_tangent_level()?)
    }

    /// The open levels at which it has a tangent.
    fn levels(&self) -> Vec<u32> {
        let meta = self.0.meta.borrow();
        let levels = meta.tangents.iter().flat_map(|list| list.iter().map(|t| t.0));
        levels.filter(|l| is_open(*l)).collect()
    }

    fn set_tangent(&self, level: u32, tangent: Tensor) {
        let mut meta = self.0.meta.borrow_mut();
        let list = meta.tangents.get_or_insert_default();
        list.retain(|t| t.0 != level && is_open(t.0));
        list.push((level, tangent));
        list.sort_unstable_by_key(|t| t.0);
    }

    /// Takes over the tangents of another.
    pub(super) fn take_tangents(&self, from: &Tensor) {
        if state::transforming() {
            let tangents = from.0.meta.borrow().tangents.clone();
            self.0.meta.borrow_mut().tangents = tangents;
        }
    }

    /// The same elements and tangents without history.
    pub(super) fn detached_dual(&self) -> Tensor {
        let out = self.detached();
        out.take_tangents(self);
        out
    }

    /// The tensor as levels below `level` see it.
    pub(super) fn below(&self, level: u32) -> Result {
        if self.levels().iter().all(|l| *l < level) {
            return Ok(self.clone());
        }
        let out = self.alias(self.layout().clone());
        if let Some(edge) = self.edge()? {
            out.join(&edge);
        }
        for l in self.levels().into_iter().filter(|l| *l < level) {
            if let Some(tangent) = self.tangent(l) {
                out.set_tangent(l, tangent);
            }
        }
        Ok(out)
    }
}

/// A view of `primal` that carries `tangent`: `make_dual`.
pub fn make_dual(primal: &Tensor, tangent: &Tensor, level: u32) -> Result {
    if !is_open(level) {
        return Err(Error::runtime(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.",
        ));
    }
    for (what, t) in [("primal", primal), ("tangent", tangent)] {
        if !t.dtype().is_differentiable() {
            return Err(Error::value(format!(
                "Expected {what} to be floating point or complex, but got: torch.{}", t.dtype().name()
            )));
        }
    }
    if primal.tangent(level).is_some() {
        return Err(Error::runtime(
            "Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0 is not \
             supported.",
        ));
    }
    if primal.sizes() != tangent.sizes() {
        return Err(Error::runtime(format!(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not \
             supported. Tensor is of size {:?} while the given forward gradient is of size {:?}.",
            primal.sizes(),
            tangent.sizes()
        )));
    }
    if state::transforming() && (primal.is_batched() || tangent.is_batched()) {
        let (primal, tangent, levels) = batch::both(primal, tangent)?;
        return make_dual(&primal, &tangent, level).map(|dual| batch::hide(dual, &levels));
    }
    let dual = crate::ops::alias(primal)?;
    // A view of the dual has a view of the tangent: both lie in the same way.
    let same = tangent.strides() == primal.strides() || !primal.layout().is_dense();
    dual.set_tangent(level, if same { tangent.clone() } else { crate::ops::strided_clone(tangent, &like(primal))? });
    Ok(dual)
}

/// How a tensor lies in memory of its own.
fn like(t: &Tensor) -> crate::layout::Layout {
    crate::layout::Layout { offset: 0, ..t.layout().clone() }
}

/// What a dual tensor is made of: `unpack_dual`.
pub fn unpack_dual(dual: &Tensor, level: u32) -> Result<(Tensor, Option<Tensor>)> {
    if let Some(behind) = dual.batch() {
        let (primal, tangent) = unpack_dual(&behind.physical, level)?;
        return Ok((batch::hide(primal, &behind.levels), tangent.map(|t| batch::hide(t, &behind.levels))));
    }
    let Some(tangent) = dual.tangent(level) else { return Ok((dual.clone(), None)) };
    let primal = crate::ops::alias(&dual.below(level)?)?;
    Ok((primal, Some(tangent)))
}

/// Whether an argument carries a tangent.
pub(super) fn concerns(args: &[Value]) -> bool {
    args.iter().flat_map(Value::tensors).any(|t| !t.levels().is_empty())
}

/// Runs and records an op whose arguments carry tangents.
pub(super) fn call(op: &'static Op, args: &[Value]) -> Result<Value> {
    let value = super::run(op, args)?;
    if kinds::derivative(op) == Derivative::Parts || state::inference_mode() {
        return Ok(value);
    }
    let outs: Vec<Tensor> = value.tensors().cloned().collect();
    if outs.iter().any(|o| args.iter().any(|a| a.tensors().any(|t| t.is(o)))) {
        return Ok(value);
    }
    let mut levels: Vec<u32> = args.iter().flat_map(Value::tensors).flat_map(Tensor::levels).collect();
    levels.sort_unstable();
    levels.dedup();
    for level in levels {
        let tangents = tangents(op, args, &outs, level)?;
        for (out, tangent) in outs.iter().zip(tangents) {
            if let (Some(tangent), true) = (tangent, out.dtype().is_differentiable()) {
                out.set_tangent(level, fitted(tangent, out)?);
            }
        }
    }
    share_with_node(&outs);
    Ok(value)
}

/// What the node saved of its outputs has their tangents too.
fn share_with_node(outs: &[Tensor]) {
    for out in outs {
        if let Some((node, index)) = &out.0.meta.borrow().grad_fn {
            if let Job::Op(_, cell) = &node.job {
                if let Some(saved) = cell.borrow().as_ref().and_then(|s| s.outs.get(*index)?.as_ref()) {
                    saved.take_tangents(out);
                }
            }
        }
    }
}

/// A tangent in the sizes and dtype of what it is a tangent of.
fn fitted(tangent: Tensor, out: &Tensor) -> Result {
    use crate::ops::prelude::*;
    let t = if tangent.sizes() == out.sizes() { tangent } else { tangent.expand(out.sizes())? };
    crate::ops::cast(&t, out.dtype())
}

fn tangents(op: &'static Op, args: &[Value], outs: &[Tensor], level: u32) -> Result<Vec<Option<Tensor>>> {
    match kinds::derivative(op) {
        Derivative::Linear => linear(op, args, level),
        Derivative::Multilinear => multilinear(op, args, level),
        Derivative::Diagonal if !is_complex(args, outs) => diagonal(op, args, outs, level),
        _ => general(op, args, outs, level),
    }
}

fn is_complex(args: &[Value], outs: &[Tensor]) -> bool {
    args.iter().flat_map(Value::tensors).chain(outs).any(|t| t.dtype().is_complex())
}

fn results(value: Value) -> Vec<Option<Tensor>> {
    value.tensors().cloned().map(Some).collect()
}

/// The op itself, on the tangents of all its differentiable inputs.
fn linear(op: &'static Op, args: &[Value], level: u32) -> Result<Vec<Option<Tensor>>> {
    let mut moved = args.to_vec();
    for rule in op.rules {
        moved[rule.wrt] = args[rule.wrt].map_tensors(|t| match t.tangent(level) {
            Some(tangent) => Ok(tangent),
            None => Tensor::zeros(t.sizes(), t.dtype()),
        })?;
    }
    super::call(op, &moved).map(results)
}

/// The sum of the op on each tangent and the other inputs.
fn multilinear(op: &'static Op, args: &[Value], level: u32) -> Result<Vec<Option<Tensor>>> {
    let fixed = args.iter().map(|v| v.map_tensors(|t| t.below(level))).collect::<Result<Vec<_>>>()?;
    let mut sum: Option<Tensor> = None;
    for rule in op.rules {
        let Value::Tensor(t) = &args[rule.wrt] else { continue };
        let Some(tangent) = t.tangent(level) else { continue };
        let mut moved = fixed.clone();
        moved[rule.wrt] = Value::Tensor(crate::ops::cast(&tangent, t.dtype())?);
        let part = super::first_of(super::call(op, &moved)?)?;
        sum = Some(match sum {
            Some(sum) => crate::ops::add(&sum, &part)?,
            None => part,
        });
    }
    Ok(vec![sum])
}

/// A node as the op would record it, over the inputs that have tangents; and whether what it computes
/// is to be recorded.
fn shadow(op: &'static Op, args: &[Value], outs: &[Tensor], level: u32) -> Result<(Rc<Node>, bool)> {
    let mut recorded = false;
    let mut below = Vec::with_capacity(args.len());
    for arg in args {
        below.push(arg.map_tensors(|t| {
            let p = t.below(level)?;
            let Some(tangent) = t.tangent(level) else {
                recorded |= p.requires_grad();
                return Ok(p);
            };
            recorded |= p.requires_grad() || tangent.requires_grad();
            if p.requires_grad() {
                return Ok(p);
            }
            let leaf = p.detached_dual();
            leaf.set_requires_grad(true)?;
            Ok(leaf)
        })?);
    }
    recorded &= state::grad_enabled();
    let outs = outs.iter().map(|t| t.below(level)).collect::<Result<Vec<_>>>()?;
    let node = state::with_grad(true, || {
        let needs = Needs::of(op, &below);
        let node = record(op, needs, &below, &outs)?;
        record_outputs(needs, &node, &outs)?;
        Ok::<_, Error>(node)
    })?;
    Ok((node, recorded))
}

/// The tangents of a node's inputs, one for each edge.
fn of_edges(op: &Op, args: &[Value], level: u32) -> Vec<Option<Tensor>> {
    let mut all = Vec::new();
    for rule in op.rules {
        match &args[rule.wrt] {
            Value::Tensor(t) => all.push(t.tangent(level)),
            Value::Tensors(list) => all.extend(list.iter().map(|t| t.as_ref()?.tangent(level))),
            _ => all.push(None),
        }
    }
    all
}

/// The formula of each input, applied to its tangent as to a gradient.
fn diagonal(op: &'static Op, args: &[Value], outs: &[Tensor], level: u32) -> Result<Vec<Option<Tensor>>> {
    let (node, recorded) = shadow(op, args, outs, level)?;
    let mut sum: Option<Tensor> = None;
    for (i, tangent) in of_edges(op, args, level).into_iter().enumerate() {
        let Some(tangent) = tangent else { continue };
        let given = fitted(tangent, &outs[0])?;
        let slopes = state::with_grad(recorded, || apply(&node, &[Some(given)], true, &|k| k == i))?;
        let Some(part) = slopes.into_iter().nth(i).flatten() else { continue };
        let part = fitted(part, &outs[0])?;
        sum = Some(match sum {
            Some(sum) => crate::ops::add(&sum, &part)?,
            None => part,
        });
    }
    Ok(vec![sum])
}

/// The derivative of all formulas in the gradients they are given, along the tangents.
fn general(op: &'static Op, args: &[Value], outs: &[Tensor], level: u32) -> Result<Vec<Option<Tensor>>> {
    let tangents = of_edges(op, args, level);
    if tangents.iter().all(Option::is_none) {
        return without_formula(op, outs);
    }
    let (node, recorded) = shadow(op, args, outs, level)?;
    let differentiable = if op.is("first") { 1 } else { outs.len() };
    let given = outs.iter().enumerate().map(|(i, out)| {
        if i >= differentiable || !out.dtype().is_differentiable() {
            return Ok(None);
        }
        let zeros = Tensor::zeros(out.sizes(), out.dtype())?;
        zeros.set_requires_grad(true)?;
        Ok(Some(zeros))
    });
    let given: Vec<Option<Tensor>> = given.collect::<Result<_>>()?;
    let slopes = state::with_grad(true, || {
        let mut slopes = apply(&node, &given, true, &|i| tangents[i].is_some())?;
        engine::fit_all(&node, &mut slopes)?;
        Ok::<_, Error>(slopes)
    })?;
    let (mut roots, mut ways) = (Vec::new(), Vec::new());
    for (slope, tangent) in slopes.into_iter().zip(tangents) {
        if let (Some(slope), Some(tangent)) = (slope.filter(Tensor::requires_grad), tangent) {
            ways.push(Some(fitted(tangent, &slope)?));
            roots.push(slope);
        }
    }
    let inputs: Vec<Tensor> = given.iter().flatten().cloned().collect();
    if roots.is_empty() || inputs.is_empty() {
        return outs.iter().map(|t| Tensor::zeros(t.sizes(), t.dtype()).map(Some)).collect();
    }
    let ask = Backward { retain_graph: true, create_graph: recorded, inputs: Some(&inputs), accumulate: false };
    let mut found = backward(&roots, &ways, &ask)?.into_iter();
    let place = |(given, out): (Option<Tensor>, &Tensor)| match given {
        None => Ok(None),
        Some(_) => found.next().flatten().map_or_else(|| Tensor::zeros(out.sizes(), out.dtype()), Ok).map(Some),
    };
    given.into_iter().zip(outs).map(place).collect()
}

/// No formula: a tangent of nothing, or an error where PyTorch has one.
fn without_formula(op: &Op, outs: &[Tensor]) -> Result<Vec<Option<Tensor>>> {
    if op.is("NotImplemented") {
        return Err(Error::not_implemented(format!(
            "Trying to use forward AD with aten::{} that does not support it.", op.name
        )));
    }
    Ok(vec![None; outs.len()])
}

/// Leaves the tangents of `result` in `target`, which has been given its value.
pub(super) fn write(target: &Tensor, result: &Tensor) -> Result<()> {
    if !state::transforming() {
        return Ok(());
    }
    let mut levels = target.levels();
    levels.extend(result.levels());
    levels.sort_unstable();
    levels.dedup();
    for level in levels {
        let tangent = match result.tangent(level) {
            Some(tangent) => tangent,
            None => Tensor::zeros(&[], target.dtype())?,
        };
        if let Some(have) = target.tangent(level) {
            super::write_to(&have, &tangent)?;
            continue;
        }
        let Some(base) = target.base() else {
            let room = Tensor::empty_strided(target.sizes(), target.strides(), target.dtype())?;
            super::write_to(&room, &tangent)?;
            target.set_tangent(level, room);
            continue;
        };
        // The base has a tangent from now on, and the view's is a part of it.
        let whole = match base.tangent(level) {
            Some(whole) => whole,
            None => {
                let whole = crate::ops::strided_clone(&Tensor::zeros(base.sizes(), base.dtype())?, &like(&base))?;
                base.set_tangent(level, whole.clone());
                whole
            }
        };
        let part = super::views::replay(&whole, &super::copy_slices::place(&base, target))?;
        super::write_to(&part, &tangent)?;
        target.set_tangent(level, part);
    }
    Ok(())
}
