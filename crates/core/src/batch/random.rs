//! Random numbers in a batch: refused, the same for all examples, or different ones.

use super::{each, full, levels_in, open_levels, sizes_of, wrap, wrap_all, Levels, Randomness};
use crate::autograd;
use crate::error::{Error, Result};
use crate::ops::prelude::*;
use crate::table::Op;

/// Whether an op draws random numbers.
pub(super) fn is_random(op: &Op) -> bool {
    crate::ops::is_random(op) && op.id != "bernoulli_p" || op.id == "_rrelu"
}

/// The levels whose examples have numbers of their own, and those that share them.
pub(super) fn modes() -> Result<(Levels, Levels)> {
    let open = open_levels();
    if open.iter().any(|l| l.randomness == Randomness::Error) {
        return Err(Error::runtime(
            "vmap: called random operation while in randomness error mode. Please either use the 'same' or 'different' \
             randomness flags on vmap or perform the randomness operation out of vmap",
        ));
    }
    let of = |mode: Randomness| open.iter().filter(|l| l.randomness == mode).map(|l| l.id).collect();
    Ok((of(Randomness::Different), of(Randomness::Same)))
}

/// Runs a random op while levels are open.
pub(super) fn call(op: &'static Op, args: &[Value]) -> Result<Value> {
    let (different, same) = modes()?;
    let like = op.id.ends_with("_like") || op.id == "randint_like_low";
    // What is made has the sizes of an example, whatever is in its model.
    if let Some(at) = op.params.iter().position(|p| p.name == "size") {
        let Value::Ints(size) = &args[at] else { return plain(op, args) };
        let mut whole = sizes_of(&different)?;
        whole.extend(size.iter().copied());
        let mut moved = args.to_vec();
        moved[at] = Value::Ints(whole);
        return wrap_all(&plain(op, &moved)?, &different);
    }
    let Some(input) = args.iter().flat_map(Value::tensors).next() else {
        return repeated(op, args, &different);
    };
    if like {
        let mut moved = args.to_vec();
        let mut whole = sizes_of(&different)?;
        whole.extend(input.sizes().iter().copied());
        moved[0] = Value::Tensor(Tensor::zeros(&[], input.dtype())?.expand(&whole)?);
        return wrap_all(&plain(op, &moved)?, &different);
    }
    let mut levels = levels_in(args);
    if levels.iter().any(|l| same.contains(l)) {
        return Err(Error::runtime(
            "Vmap does not currently support same randomness with a batched tensor input. Please file an issue with functorch",
        ));
    }
    levels.extend(different);
    levels.sort_unstable();
    levels.dedup();
    // Numbers are drawn in the order of memory: all that varies lies row by row.
    let varying = |t: &Tensor| Ok(wrap(full(t, &levels)?.contiguous(())?, &levels));
    let varying = args.iter().map(|v| v.map_tensors(varying)).collect::<Result<Vec<_>>>()?;
    if op.id == "multinomial" {
        return each_plainly(op, &varying, &levels);
    }
    let moved = super::rules::broadcast_ready(op, &varying, &levels)?;
    wrap_all(&plain(op, &moved)?, &levels)
}

/// The op below vmap.
fn plain(op: &'static Op, args: &[Value]) -> Result<Value> {
    autograd::call_below(op, args)
}

/// An op without tensors, once for each example.
fn repeated(op: &'static Op, args: &[Value], levels: &Levels) -> Result<Value> {
    let sizes = sizes_of(levels)?;
    let count: i64 = sizes.iter().product();
    let rows = (0..count).map(|_| plain(op, args).and_then(crate::value::first)).collect::<Result<Vec<_>>>()?;
    if levels.is_empty() {
        return rows.into_iter().next().map(Value::Tensor).ok_or_else(|| Error::runtime("no examples"));
    }
    let all = crate::ops::stack(rows)?;
    let mut shape = sizes;
    shape.extend(all.sizes()[1..].iter().copied());
    Ok(Value::Tensor(wrap(all.view(&shape)?, levels)))
}

fn each_plainly(op: &'static Op, args: &[Value], levels: &Levels) -> Result<Value> {
    let mut rows = Vec::new();
    each::examples(args, levels, |example| {
        rows.push(plain(op, example).and_then(crate::value::first)?);
        Ok(())
    })?;
    let all = crate::ops::stack(rows)?;
    let mut shape = sizes_of(levels)?;
    shape.extend(all.sizes()[1..].iter().copied());
    Ok(Value::Tensor(wrap(all.view(&shape)?, levels)))
}

/// Fills a tensor in place.
pub(super) fn fill(op: &'static Op, args: &[Value], target: &Tensor) -> Result<()> {
    let (different, _) = modes()?;
    if !different.iter().all(|l| levels_in(args).contains(l)) || !super::rules::within(target, &levels_in(args)) {
        return Err(Error::runtime(
            "vmap: Cannot ask for different inplace randomness on an unbatched tensor. This will appear like same randomness. \
             If this is necessary for your usage, please file an issue with functorch.",
        ));
    }
    let mut whole = sizes_of(&different)?;
    whole.extend(target.sizes().iter().copied());
    let mut moved = args.to_vec();
    moved[0] = Value::Tensor(Tensor::zeros(&whole, target.dtype())?);
    let numbers = crate::value::first(plain(op, &moved)?)?;
    autograd::write_to(target, &wrap(numbers, &different))
}
