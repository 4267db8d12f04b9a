//! Rules of vmap, by what kind of op it is.

use super::{aligned, each, full, index, layers, levels_of, matmul, sizes_of, wrap, wrap_all, Levels};
use crate::autograd;
use crate::error::Result;
use crate::kinds;
use crate::ops::prelude::*;
use crate::table::Op;

/// Ops along dimensions that their parameters name: id, those parameters, by how many dimensions the
/// result of a name exceeds the input, and which tensors must be the same for all examples.
#[rustfmt::skip]
const ALONG: &[(&str, &[&str], usize, &[&str])] = &[
    ("sum_dim", &["dim"], 0, &[]), ("mean_dim", &["dim"], 0, &[]), ("prod_dim", &["dim"], 0, &[]), ("nansum", &["dim"], 0, &[]),
    ("all", &["dim"], 0, &[]), ("any", &["dim"], 0, &[]), ("count_nonzero", &["dim"], 0, &[]),
    ("amax", &["dim"], 0, &[]), ("amin", &["dim"], 0, &[]), ("max_dim", &["dim"], 0, &[]), ("min_dim", &["dim"], 0, &[]),
    ("argmax", &["dim"], 0, &[]), ("argmin", &["dim"], 0, &[]), ("_norm", &["dim"], 0, &[]),
    ("var_op", &["dim"], 0, &[]), ("std_op", &["dim"], 0, &[]), ("var_mean", &["dim"], 0, &[]), ("std_mean", &["dim"], 0, &[]),
    ("logsumexp", &["dim"], 0, &[]), ("softmax", &["dim"], 0, &[]), ("log_softmax", &["dim"], 0, &[]),
    ("_softmax_backward_data", &["dim"], 0, &[]), ("_log_softmax_backward_data", &["dim"], 0, &[]),
    ("cumsum", &["dim"], 0, &[]), ("cumprod", &["dim"], 0, &[]), ("cummax", &["dim"], 0, &[]), ("cummin", &["dim"], 0, &[]),
    ("logcumsumexp", &["dim"], 0, &[]), ("glu", &["dim"], 0, &[]),
    ("sort", &["dim"], 0, &[]), ("sort_stable", &["dim"], 0, &[]), ("argsort", &["dim"], 0, &[]), ("topk", &["dim"], 0, &[]),
    ("kthvalue", &["dim"], 0, &[]), ("mode", &["dim"], 0, &[]), ("median_dim", &["dim"], 0, &[]), ("nanmedian_dim", &["dim"], 0, &[]),
    ("flip", &["dims"], 0, &[]), ("permute", &[], 0, &[]), ("transpose", &["dim0", "dim1"], 0, &[]), ("unsqueeze", &["dim"], 1, &[]),
    ("squeeze_dim", &["dim"], 0, &[]), ("squeeze_dims", &["dim"], 0, &[]), ("select", &["dim"], 0, &[]), ("slice", &["dim"], 0, &[]),
    ("unbind", &["dim"], 0, &[]), ("split", &["dim"], 0, &[]), ("split_with_sizes", &["dim"], 0, &[]),
    ("diagonal", &["dim1", "dim2"], 0, &[]), ("diag_embed", &["dim1", "dim2"], 1, &[]), ("unfold", &["dimension"], 0, &[]),
    ("gather", &["dim"], 0, &[]), ("scatter_src", &["dim"], 0, &[]), ("scatter_value", &["dim"], 0, &[]), ("scatter_add", &["dim"], 0, &[]),
    ("scatter_reduce", &["dim"], 0, &[]), ("index_select", &["dim"], 0, &["index"]), ("index_add", &["dim"], 0, &["index"]),
    ("index_copy", &["dim"], 0, &["index"]), ("index_fill_scalar", &["dim"], 0, &["index"]), ("cat", &["dim"], 0, &[]), ("stack", &["dim"], 1, &[]),
    ("select_scatter", &["dim"], 0, &[]), ("slice_scatter", &["dim"], 0, &[]), ("diagonal_scatter", &["dim1", "dim2"], 0, &[]),
    ("repeat_each", &["dim"], 0, &[]),
];

/// Ops that treat all dimensions but the last ones, or all, as a batch: id, and which tensors must be
/// the same for all examples.
#[rustfmt::skip]
const IN_FRONT: &[(&str, &[&str])] = &[
    ("tril", &[]), ("triu", &[]), ("det", &[]), ("inv_ex", &[]), ("cholesky", &[]), ("slogdet", &[]),
    ("constant_pad_nd", &[]), ("zeros_like", &[]), ("ones_like", &[]), ("full_like", &[]), ("empty_like", &[]),
    ("detach_view", &[]), ("view_as_real", &[]), ("view_as_complex", &[]), ("part", &[]), ("_linked", &[]),
    ("native_layer_norm", &["weight", "bias"]), ("embedding", &["weight"]), ("logsigmoid", &[]), ("pixel_shuffle", &[]),
    ("pixel_unshuffle", &[]), ("clone_op", &[]), ("contiguous", &[]),
];

/// Ops on so many dimensions, the first of which is a batch.
#[rustfmt::skip]
const OF_BATCHES: &[(&str, usize)] = &[
    ("max_pool2d_with_indices", 4), ("max_pool3d_with_indices", 5), ("avg_pool2d", 4), ("avg_pool3d", 5),
    ("_adaptive_avg_pool2d", 4), ("_adaptive_avg_pool3d", 5), ("_adaptive_max_pool2d", 4), ("_adaptive_max_pool3d", 5),
    ("reflection_pad1d", 3), ("reflection_pad2d", 4), ("reflection_pad3d", 5),
    ("replication_pad1d", 3), ("replication_pad2d", 4), ("replication_pad3d", 5), ("bmm", 3),
];

/// Runs an op on tensors that vary over `levels`.
pub(super) fn call(op: &'static Op, args: &[Value], levels: &Levels) -> Result<Value> {
    let id = op.id.trim_end_matches("_copy");
    if let Some(done) = special(id, op, args, levels)? {
        return Ok(done);
    }
    if let Some(done) = layers::call(id, op, args, levels)? {
        return Ok(done);
    }
    if let Some(row) = ALONG.iter().find(|r| r.0 == id) {
        return along(op, args, levels, row);
    }
    if let Some((_, same)) = IN_FRONT.iter().find(|r| r.0 == id) {
        return match physical(op, args, levels, same)? {
            Some(args) => wrap_all(&autograd::call(op, &args)?, levels),
            None => each::call(op, args, levels),
        };
    }
    if let Some((_, ndim)) = OF_BATCHES.iter().find(|r| r.0 == id) {
        return of_batches(op, args, levels, *ndim);
    }
    if kinds::is_elementwise(op) {
        return wrap_all(&autograd::call(op, &broadcast_ready(op, args, levels)?)?, levels);
    }
    each::call(op, args, levels)
}

/// The result as a value.
fn done(t: Result, levels: &[u32]) -> Result<Option<Value>> {
    Ok(Some(Value::Tensor(wrap(t?, levels))))
}

/// Ops with a rule of their own.
fn special(id: &str, op: &'static Op, args: &[Value], levels: &Levels) -> Result<Option<Value>> {
    let k = levels.len();
    let input = args.iter().flat_map(Value::tensors).next();
    let Some(input) = input else { return Ok(None) };
    let all: Dims = (0..input.ndim()).map(|d| (d + k) as i64).collect();
    let dtype = || args.get(1).cloned().unwrap_or_default();
    match id {
        "sum" | "mean" | "prod" | "max" | "min" if matches!(args[0], Value::Tensor(_)) => {
            // All numbers of an example, side by side.
            let p = full(input, levels)?;
            let flat = if all.is_empty() { p.unsqueeze(-1i64)? } else { p.flatten(k as i64, -1i64)? };
            let last = [k as i64];
            done(match id {
                "sum" => flat.sum_dim(last, false, dtype()),
                "mean" => flat.mean_dim(last, false, dtype()),
                "prod" => flat.prod_dim(k as i64, false, dtype()),
                "max" => flat.amax(last, false),
                _ => flat.amin(last, false),
            }, levels)
        }
        "squeeze" => {
            let ones: Dims = all.iter().copied().filter(|d| input.sizes()[*d as usize - k] == 1).collect();
            let p = full(input, levels)?;
            done(if ones.is_empty() { p.detach_view() } else { p.squeeze_dims(&ones) }, levels)
        }
        "t" if input.ndim() == 2 => done(full(input, levels)?.transpose(-2i64, -1i64), levels),
        "t" => done(full(input, levels)?.detach_view(), levels),
        "permute" => {
            let Value::Ints(dims) = &args[1] else { return Ok(None) };
            let mut order: Dims = (0..k as i64).collect();
            for d in dims {
                order.push(wrap_dim(*d, input.ndim())? as i64 + k as i64);
            }
            done(full(input, levels)?.permute(&order), levels)
        }
        "view" | "_reshape_alias" | "_unsafe_view" | "expand" | "repeat" | "new_zeros" | "new_ones" | "new_empty" | "new_full" => {
            let Value::Ints(size) = &args[1] else { return Ok(None) };
            sized(id, op, args, input, size, levels).map(Some)
        }
        "as_strided" => {
            let p = full(input, levels)?;
            let mut moved = args.to_vec();
            let (Value::Ints(size), Value::Ints(stride)) = (&args[1], &args[2]) else { return Ok(None) };
            let prefix = |from: &[i64], rest: &Dims| Value::Ints(from[..k].iter().chain(rest.iter()).copied().collect());
            moved[1] = prefix(p.sizes(), size);
            moved[2] = prefix(p.strides(), stride);
            moved[0] = Value::Tensor(p);
            Ok(Some(wrap_all(&autograd::call(op, &moved)?, levels)?))
        }
        "masked_fill" => match (&args[1], &args[2]) {
            (Value::Tensor(mask), Value::Tensor(value)) if value.is_batched() && value.ndim() == 0 => {
                let value = crate::ops::cast(value, input.dtype())?;
                mask.where_op(&value, input).map(|t| Some(Value::Tensor(t)))
            }
            _ => Ok(None),
        },
        "index" | "index_put" => index::call(op, args, levels),
        "native_layer_norm" => normalised(op, args),
        "convolution_op" => convolution(op, args, levels),
        _ => matmul::call(id, args, levels),
    }
}

/// Normalisation with a scale of each example: without it first, then the scale.
fn normalised(op: &'static Op, args: &[Value]) -> Result<Option<Value>> {
    let batched = |v: &Value| v.tensors().any(Tensor::is_batched);
    if !batched(&args[2]) && !batched(&args[3]) {
        return Ok(None);
    }
    let mut plain = args.to_vec();
    plain[2] = Value::None;
    plain[3] = Value::None;
    let Value::Tensors(mut list) = autograd::call(op, &plain)? else { return Ok(None) };
    if let Some(Some(out)) = list.first_mut() {
        if let Value::Tensor(weight) = &args[2] {
            *out = out.mul(weight)?;
        }
        if let Value::Tensor(bias) = &args[3] {
            *out = out.add(bias, 1i64)?;
        }
    }
    Ok(Some(Value::Tensors(list)))
}

/// Convolution with the same weights for all examples: they are one larger batch. With others see `layers`.
fn convolution(op: &'static Op, args: &[Value], levels: &Levels) -> Result<Option<Value>> {
    if args[1..].iter().flat_map(Value::tensors).any(Tensor::is_batched) {
        return Ok(None);
    }
    let Value::Tensor(input) = &args[0] else { return Ok(None) };
    of_batches(op, args, levels, input.ndim()).map(Some)
}

/// Ops that take sizes.
fn sized(id: &str, op: &'static Op, args: &[Value], input: &Tensor, size: &Dims, levels: &Levels) -> Result<Value> {
    let k = levels.len();
    let mut p = full(input, levels)?;
    if matches!(id, "expand" | "repeat") {
        for _ in input.ndim()..size.len() {
            p = p.unsqueeze(k as i64)?;
        }
    }
    let mut whole = if id == "repeat" { Dims::from_elem(1, k) } else { sizes_of(levels)? };
    whole.extend(size.iter().copied());
    let mut moved = args.to_vec();
    moved[0] = Value::Tensor(p);
    moved[1] = Value::Ints(whole);
    wrap_all(&autograd::call(op, &moved)?, levels)
}

/// The physical tensors of all arguments, with all levels in front, but those that must not vary;
/// nothing if one does.
fn physical(op: &Op, args: &[Value], levels: &[u32], same: &[&str]) -> Result<Option<Vec<Value>>> {
    let mut out = Vec::with_capacity(args.len());
    for (value, param) in args.iter().zip(op.params) {
        if same.contains(&param.name) {
            if value.tensors().any(Tensor::is_batched) {
                return Ok(None);
            }
            out.push(value.clone());
            continue;
        }
        out.push(value.map_tensors(|t| full(t, levels))?);
    }
    Ok(Some(out))
}

/// An op along dimensions of the examples.
fn along(op: &'static Op, args: &[Value], levels: &Levels, row: &(&str, &[&str], usize, &[&str])) -> Result<Value> {
    let (_, names, extra, same) = *row;
    let k = levels.len() as i64;
    let ndim = args.iter().flat_map(Value::tensors).map(Tensor::ndim).max().unwrap_or(0);
    let odd = args.iter().zip(op.params).any(|(v, p)| !same.contains(&p.name) && v.tensors().any(|t| t.ndim() != ndim && p.name != "src"));
    if ndim + extra == 0 || odd {
        return each::call(op, args, levels);
    }
    let Some(mut moved) = physical(op, args, levels, same)? else { return each::call(op, args, levels) };
    let shifted = |d: i64| wrap_dim(d, ndim + extra).map(|d| d as i64 + k);
    for (value, param) in moved.iter_mut().zip(op.params).filter(|(_, p)| names.contains(&p.name)) {
        let list = param.ty.contains("Dims");
        *value = match &*value {
            Value::Scalar(Scalar::Int(d)) => Value::Scalar(Scalar::Int(shifted(*d)?)),
            Value::Scalar(Scalar::Float(d)) => Value::Scalar(Scalar::Int(shifted(*d as i64)?)),
            // No dimension named is all of them.
            Value::None if list => Value::Ints((k..k + ndim as i64).collect()),
            Value::Ints(d) if d.is_empty() && param.name == "dim" => Value::Ints((k..k + ndim as i64).collect()),
            Value::Ints(d) => Value::Ints(d.iter().map(|d| shifted(*d)).collect::<Result<_>>()?),
            _ => return each::call(op, args, levels),
        };
    }
    wrap_all(&autograd::call(op, &moved)?, levels)
}

/// An op on a batch: the levels and the batch of the examples become one.
fn of_batches(op: &'static Op, args: &[Value], levels: &Levels, ndim: usize) -> Result<Value> {
    let Some(input) = args.iter().flat_map(Value::tensors).find(|t| t.is_batched()) else { return each::call(op, args, levels) };
    let own = usize::from(input.ndim() == ndim);
    let among = |t: &Tensor| op.id != "convolution_op" || t.is_batched();
    if args.iter().flat_map(Value::tensors).any(|t| among(t) && t.ndim() != input.ndim()) || input.ndim() + 1 - own != ndim {
        return each::call(op, args, levels);
    }
    let merged = levels.len() + own;
    let mut lead = sizes_of(levels)?;
    lead.extend(input.sizes()[..own].iter().copied());
    let join = |t: &Tensor| {
        let p = full(t, levels)?;
        let mut shape = Dims::from_elem(lead.iter().product(), 1);
        shape.extend(p.sizes()[merged..].iter().copied());
        p.reshape(&shape)
    };
    let moved = args.iter().map(|v| v.map_tensors(|t| if among(t) { join(t) } else { Ok(t.clone()) })).collect::<Result<Vec<_>>>()?;
    autograd::call(op, &moved)?.map_tensors(|t| {
        let mut shape = lead.clone();
        shape.extend(t.sizes()[1..].iter().copied());
        Ok(wrap(t.reshape(&shape)?, levels))
    })
}

/// Arguments of an elementwise op whose dimensions are aligned from the right.
pub(super) fn broadcast_ready(op: &Op, args: &[Value], levels: &[u32]) -> Result<Vec<Value>> {
    let ndim = args.iter().flat_map(Value::tensors).map(Tensor::ndim).max().unwrap_or(0);
    let cast = common_type(op, args);
    args.iter()
        .map(|value| {
            value.map_tensors(|t| {
                let mut p = t.clone();
                if t.is_batched() {
                    p = aligned(t, levels)?;
                    for _ in t.ndim()..ndim {
                        p = p.unsqueeze(levels.len() as i64)?;
                    }
                }
                match cast {
                    Some(dtype) if t.dtype() != DType::Bool && !t.0.wrapped => crate::ops::cast(&p, dtype),
                    _ => Ok(p),
                }
            })
        })
        .collect()
}

/// The dtype of operands one of which is a number in each example, but has dimensions in memory.
fn common_type(op: &Op, args: &[Value]) -> Option<DType> {
    let first = usize::from(matches!(op.id, "where_op"));
    let skip = if op.id.starts_with("masked_fill") { 1 } else { usize::MAX };
    let operands: Vec<&Tensor> = args.iter().enumerate().filter(|(i, _)| *i >= first && *i != skip).flat_map(|(_, v)| v.tensors()).collect();
    let mixed = operands.iter().any(|t| t.is_batched() && t.ndim() == 0) && operands.iter().any(|t| t.dtype() != operands[0].dtype());
    mixed.then(|| result_type(&operands))
}

/// Whether a tensor varies over no other level than these.
pub(super) fn within(t: &Tensor, levels: &[u32]) -> bool {
    levels_of(std::iter::once(t)).iter().all(|l| levels.contains(l))
}
