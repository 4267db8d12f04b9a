//! vmap: tensors that stand for a whole batch, and how ops take them.
//!
//! A batched tensor has the sizes of one example; behind it lies the physical tensor, which has in
//! front one dimension for each open level of vmap that it varies over, the outermost first. The door
//! takes the physical tensors, runs the op on them by the rule of its kind (`rules`), example by
//! example where it has none (`each`), and hides the dimensions of the results again. The tape and
//! forward mode lie below: they see physical tensors only, so that gradients inside vmap are those of
//! each example.

mod backward;
mod each;
mod in_place;
mod index;
mod layers;
mod matmul;
mod random;
mod rules;

pub(crate) use backward::{among, backward, beside};
pub(crate) use in_place::call_in_place;

use crate::error::{Error, Result};
use crate::layout::{Dims, Layout};
use crate::ops::prelude::*;
use crate::state;
use crate::table::{How, Op};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Open levels, ascending.
pub type Levels = SmallVec<[u32; 2]>;

/// What lies behind a batched tensor.
pub struct Batch {
    /// The levels it varies over.
    pub levels: Levels,
    /// One dimension for each of them, then those of an example.
    pub physical: Tensor,
}

/// What random ops do in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Randomness {
    /// They are refused.
    Error,
    /// They give each example numbers of its own.
    Different,
    /// They give all examples the same numbers.
    Same,
}

#[derive(Clone, Copy)]
struct Level {
    id: u32,
    size: i64,
    randomness: Randomness,
}

impl Batch {
    fn new(levels: &[u32], physical: Tensor) -> Batch {
        state::begin_transform();
        Batch { levels: levels.into(), physical }
    }
}

impl Drop for Batch {
    // As long as there is one the door looks at what it is given, be it to find that its level is gone.
    fn drop(&mut self) {
        state::end_transform();
    }
}

thread_local! {
    static OPEN: RefCell<Vec<Level>> = const { RefCell::new(Vec::new()) };
    static NEXT: Cell<u32> = const { Cell::new(1) };
}

/// Opens a level for a batch of `size` examples.
pub fn enter_level(size: i64, randomness: Randomness) -> u32 {
    let id = NEXT.replace(NEXT.get() + 1);
    OPEN.with_borrow_mut(|open| open.push(Level { id, size, randomness }));
    state::begin_level();
    id
}

/// Closes the level opened last.
pub fn exit_level() {
    if OPEN.with_borrow_mut(Vec::pop).is_some() {
        state::end_level();
    }
}

/// The size of an open level, and what random ops do at it.
pub fn level(id: u32) -> Option<(i64, Randomness)> {
    OPEN.with_borrow(|open| open.iter().find(|l| l.id == id).map(|l| (l.size, l.randomness)))
}

fn open_levels() -> Vec<Level> {
    OPEN.with_borrow(Clone::clone)
}

/// How many examples a level has.
fn size_of(level: u32) -> Result<i64> {
    let found = OPEN.with_borrow(|open| open.iter().find(|l| l.id == level).map(|l| l.size));
    found.ok_or_else(Error::escaped_batch)
}

fn sizes_of(levels: &[u32]) -> Result<Dims> {
    levels.iter().map(|l| size_of(*l)).collect()
}

impl Tensor {
    /// What lies behind it, if it stands for a batch.
    pub fn batch(&self) -> Option<Rc<Batch>> {
        self.0.meta.borrow().batch.clone()
    }

    /// Whether it stands for a batch.
    pub fn is_batched(&self) -> bool {
        self.0.meta.borrow().batch.is_some()
    }

    /// The tensor that lies in memory: behind a batched one, or itself.
    pub fn physical(&self) -> Tensor {
        self.batch().map_or_else(|| self.clone(), |b| b.physical.clone())
    }
}

/// The levels that tensors vary over, all together.
fn levels_of<'a>(tensors: impl Iterator<Item = &'a Tensor>) -> Levels {
    let mut all = Levels::new();
    for t in tensors {
        if let Some(batch) = t.batch() {
            all.extend(batch.levels.iter().copied());
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn levels_in(args: &[Value]) -> Levels {
    levels_of(args.iter().flat_map(Value::tensors))
}

/// A tensor whose first dimensions are levels, without them.
fn wrap(physical: Tensor, levels: &[u32]) -> Tensor {
    if levels.is_empty() {
        return physical;
    }
    let l = physical.layout();
    let k = levels.len();
    let out = physical.alias(Layout { sizes: l.sizes[k..].into(), strides: l.strides[k..].into(), offset: l.offset });
    let mut meta = out.0.meta.borrow_mut();
    meta.requires_grad = physical.requires_grad();
    meta.batch = Some(Rc::new(Batch::new(levels, physical)));
    drop(meta);
    out
}

fn wrap_all(value: &Value, levels: &[u32]) -> Result<Value> {
    value.map_tensors(|t| Ok(wrap(t.clone(), levels)))
}

/// The physical tensor with one dimension for each of `levels`: of size 1 where it does not vary.
fn aligned(t: &Tensor, levels: &[u32]) -> Result {
    let batch = t.batch();
    let have: &[u32] = batch.as_ref().map_or(&[], |b| &b.levels);
    let mut out = t.physical();
    for (i, level) in levels.iter().enumerate() {
        if !have.contains(level) {
            out = out.unsqueeze(i as i64)?;
        }
    }
    Ok(out)
}

/// The same, with each dimension as large as the batch.
fn full(t: &Tensor, levels: &[u32]) -> Result {
    let out = aligned(t, levels)?;
    let mut sizes = sizes_of(levels)?;
    sizes.extend(t.sizes().iter().copied());
    if out.sizes() == &sizes[..] { Ok(out) } else { out.expand(&sizes) }
}

/// The tensor varying over all open levels, so that it can be differentiated in for each example.
pub(crate) fn everywhere(t: &Tensor) -> Result<(Tensor, Levels)> {
    let levels: Levels = open_levels().iter().map(|l| l.id).collect();
    Ok((full(t, &levels)?, levels))
}

/// Hides levels again.
pub(crate) fn hide(physical: Tensor, levels: &[u32]) -> Tensor {
    wrap(physical, levels)
}

/// Both tensors with the dimensions of all levels that either varies over.
pub(crate) fn both(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor, Levels)> {
    let levels = levels_of([a, b].into_iter());
    Ok((full(a, &levels)?, full(b, &levels)?, levels))
}

/// Another place for a dimension.
fn moved(t: Tensor, from: i64, to: i64) -> Result {
    if from == to { Ok(t) } else { t.movedim([from], [to]) }
}

/// A tensor as the level opened last sees it: without dimension `dim`, over which it varies.
pub fn add_level(t: &Tensor, dim: i64, level: u32) -> Result {
    let d = wrap_dim(dim, t.ndim())? as i64;
    let mut levels = t.batch().map_or_else(Levels::new, |b| b.levels.clone());
    let k = levels.len() as i64;
    let physical = moved(t.physical(), k + d, k)?;
    levels.push(level);
    Ok(wrap(physical, &levels))
}

/// A tensor as it is outside of a level: its examples along dimension `dim`.
pub fn remove_level(t: &Tensor, dim: i64, level: u32) -> Result {
    let d = wrap_dim(dim, t.ndim() + 1)? as i64;
    let mut levels = t.batch().map_or_else(Levels::new, |b| b.levels.clone());
    if !levels.contains(&level) {
        levels.push(level);
        levels.sort_unstable();
    }
    let physical = full(t, &levels)?;
    let at = levels.iter().position(|l| *l == level).unwrap_or(0);
    levels.remove(at);
    let to = levels.len() as i64 + d;
    Ok(wrap(moved(physical, at as i64, to)?, &levels))
}

/// Whether an op meets a batched tensor, or random numbers in a batch.
pub(crate) fn concerns(op: &Op, args: &[Value]) -> bool {
    OPEN.with_borrow(|open| !open.is_empty()) && random::is_random(op)
        || args.iter().flat_map(Value::tensors).any(Tensor::is_batched)
}

/// Runs an op on batched tensors.
pub(crate) fn call(op: &'static Op, args: &[Value]) -> Result<Value> {
    sizes_of(&levels_in(args))?;
    if random::is_random(op) {
        return random::call(op, args);
    }
    refuse(op, args)?;
    if op.how == How::Compose {
        return (op.eval)(args);
    }
    rules::call(op, args, &levels_in(args))
}

/// What has no batch: results whose sizes or existence depend on the data of each example.
fn refuse(op: &Op, args: &[Value]) -> Result<()> {
    let dynamic = |name: &str| Err(Error::runtime(format!(
        "vmap: We do not support batching operators that can output dynamic shape. Attempted to vmap over aten::{name}. \
         Please file an issue at https://github.com/pytorch/pytorch/issues if you need this feature."
    )));
    match op.id {
        "nonzero" | "argwhere" => dynamic("nonzero"),
        "unique" => dynamic("_unique2"),
        "unique_consecutive" => dynamic("unique_consecutive"),
        "bincount" => dynamic("bincount"),
        "masked_select" if args[1].tensors().any(Tensor::is_batched) => Err(Error::runtime(
            "vmap: Attempted to vmap over `mask` in torch.masked_select(self, mask) We cannot support this because for each \
             batch this would return a differently shaped Tensor. Please file an issue at \
             https://github.com/pytorch/pytorch/issues if you need this feature.",
        )),
        "allclose" => Err(Error::runtime(
            "vmap over torch.allclose isn't supported yet. Please file an issue at https://github.com/pytorch/pytorch/issues \
             if you need this feature.",
        )),
        "equal" => Err(Error::runtime("Batching rule not implemented for aten::equal. We could not generate a fallback.")),
        "is_nonzero" => Err(Error::batched_truth()),
        "index" => match args.get(1) {
            Some(Value::Tensors(list)) if list.iter().flatten().any(|t| t.is_batched() && t.dtype() == DType::Bool) => {
                Err(Error::runtime(
                    "vmap: We do not support batching operators that can support dynamic shape. Attempting to batch over \
                     indexing with a boolean mask.",
                ))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
