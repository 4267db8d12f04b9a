//! Layers of recurrent networks, all steps at once, against the same steps one by one.

use cresset_core::autograd::{call, call_in_place, grad, Grad};
use cresset_core::ops;
use cresset_core::ops::prelude::*;

/// A leaf of numbers between -1 and 1.
fn leaf(sizes: &[i64], seed: i64, dtype: DType) -> Result {
    let n: i64 = sizes.iter().product();
    let values: Vec<f64> = (0..n).map(|i| ((i + 31 * seed) as f64 * 12.9898).sin()).collect();
    let t = Tensor::from_slice(&values, sizes)?.copied(dtype)?;
    t.set_requires_grad(true)?;
    Ok(t)
}

/// An entry with several results.
fn run(id: &str, args: &[Value]) -> Result<Vec<Tensor>> {
    let op = ops::all().find(|op| op.id == id).ok_or_else(|| Error::runtime(format!("no entry {id}")))?;
    Ok(call(op, args)?.tensors().cloned().collect())
}

/// The gradients of the results, each times numbers of its own.
fn all_grads(outs: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Vec<f64>>> {
    let given: Result<Vec<_>> = outs.iter().enumerate().map(|(i, t)| Ok(Some(leaf(t.sizes(), 90 + i as i64, t.dtype())?.detached()))).collect();
    let ask = Grad { retain_graph: true, ..Grad::default() };
    let grads = grad(outs, inputs, &given?, &ask)?;
    Ok(grads.into_iter().map(|g| g.map(|g| g.to_vec()).unwrap_or_default()).collect())
}

fn close(a: &[f64], b: &[f64], bound: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let scale = b.iter().fold(1.0, |m: f64, x| m.max(x.abs()));
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() < bound * scale, "{what}: {x} and {y} at {i}");
    }
}

/// Sizes: steps, batch, input, hidden; they pass the bounds of tiles, of blocks of rows, of depth.
const SIZES: &[[i64; 4]] = &[[1, 1, 1, 1], [4, 2, 3, 5], [3, 7, 5, 70], [2, 100, 4, 9], [5, 1, 6, 16]];

/// An entry that runs a layer, one that runs a step, and whether there are two states.
const KINDS: &[(&str, &str, i64, Option<bool>)] = &[
    ("_lstm_layer", "lstm_cell", 4, None),
    ("_gru_layer", "gru_cell", 3, None),
    ("_elman_layer", "rnn_tanh_cell", 1, Some(false)),
    ("_elman_layer", "rnn_relu_cell", 1, Some(true)),
];

/// Steps one by one: the states after each, in the order of time.
fn by_cells(cell: &str, x: &Tensor, first: &[Tensor], weights: &[Tensor], reverse: bool) -> Result<Vec<Tensor>> {
    let steps = x.sizes()[0];
    let mut all: Vec<Vec<Tensor>> = Vec::new();
    let mut state = first.to_vec();
    for s in 0..steps {
        let now = Value::Tensor(x.select(0i64, if reverse { steps - 1 - s } else { s })?);
        let before = match &state[..] {
            [h] => Value::Tensor(h.clone()),
            both => Value::Tensors(both.iter().cloned().map(Some).collect()),
        };
        let args: Vec<Value> = [now, before].into_iter().chain(weights.iter().map(|w| Value::Tensor(w.clone()))).collect();
        state = run(cell, &args)?;
        all.push(state.clone());
    }
    if reverse {
        all.reverse();
    }
    let stacked = |k: usize| run("stack", &[Value::Tensors(all.iter().map(|s| Some(s[k].clone())).collect()), Value::Scalar(Scalar::Int(0))]);
    (0..first.len()).map(|k| stacked(k).map(|mut all| all.remove(0))).collect()
}

fn check(&(layer, cell, gates, relu): &(&str, &str, i64, Option<bool>), sizes: [i64; 4], reverse: bool, dtype: DType) -> Result<()> {
    let [steps, batch, input, hidden] = sizes;
    let what = format!("{cell}: {steps} steps, batch {batch}, hidden {hidden}, reverse: {reverse}, {dtype:?}");
    let bound = if dtype == DType::Float64 { 1e-11 } else { 2e-5 };
    let of = |sizes: &[i64], seed| leaf(sizes, seed, dtype);
    let x = of(&[steps, batch, input], 1)?;
    let states: Vec<Tensor> = (0..if gates == 4 { 2 } else { 1 }).map(|k| of(&[batch, hidden], 2 + k)).collect::<Result<_>>()?;
    let rows = gates * hidden;
    let weights = [of(&[rows, input], 4)?, of(&[rows, hidden], 5)?, of(&[rows], 6)?, of(&[rows], 7)?];
    let inputs: Vec<Tensor> = std::iter::once(&x).chain(&states).chain(&weights).cloned().collect();
    let mut args: Vec<Value> = inputs.iter().map(|t| Value::Tensor(t.clone())).collect();
    args.extend(relu.into_iter().chain([reverse]).map(|b| Value::Scalar(Scalar::Bool(b))));
    let (got, want) = (run(layer, &args)?, by_cells(cell, &x, &states, &weights, reverse)?);
    // Gradients of all results, and of each alone.
    for some in [0..states.len(), 0..1, states.len() - 1..states.len()] {
        for (a, b) in got[some.clone()].iter().zip(&want[some.clone()]) {
            close(&a.to_vec(), &b.to_vec(), bound, &what);
        }
        let (a, b) = (all_grads(&got[some.clone()], &inputs)?, all_grads(&want[some.clone()], &inputs)?);
        for (i, (a, b)) in a.iter().zip(&b).enumerate() {
            close(a, b, bound, &format!("{what}, gradient {i} of {some:?}"));
        }
        // One input's alone has a formula of its own.
        for (i, (t, b)) in inputs.iter().zip(&b).enumerate() {
            close(&all_grads(&got[some.clone()], std::slice::from_ref(t))?[0], b, bound, &format!("{what}, gradient {i} alone of {some:?}"));
        }
    }
    Ok(())
}

#[test]
fn a_layer_is_its_cells() -> Result<()> {
    for kind in KINDS {
        for &sizes in SIZES {
            for (reverse, dtype) in [(false, DType::Float64), (true, DType::Float64), (false, DType::Float32)] {
                check(kind, sizes, reverse, dtype)?;
            }
        }
    }
    Ok(())
}

#[test]
fn outputs_may_be_written_to() -> Result<()> {
    let x = leaf(&[3, 2, 4], 1, DType::Float64)?;
    for &(layer, _, gates, relu) in KINDS {
        let h = leaf(&[2, 3], 2, DType::Float64)?;
        let mut args = vec![Value::Tensor(x.clone())];
        args.extend((0..if gates == 4 { 2 } else { 1 }).map(|_| Value::Tensor(h.clone())));
        args.extend([[3 * gates, 4], [3 * gates, 3]].iter().map(|s| leaf(s, 3, DType::Float64).map(Value::Tensor)).collect::<Result<Vec<_>>>()?);
        args.extend([Value::None, Value::None]);
        args.extend(relu.into_iter().chain([false]).map(|b| Value::Scalar(Scalar::Bool(b))));
        let kept = run(layer, &args)?.remove(0);
        let want = all_grads(&[kept.mul(2.0)?], std::slice::from_ref(&x))?;
        let out = run(layer, &args)?.remove(0);
        let op = ops::all().find(|op| op.id == "mul").ok_or_else(|| Error::runtime("no mul"))?;
        call_in_place(op, &[Value::Tensor(out.clone()), Value::Scalar(Scalar::Float(2.0))])?;
        close(&all_grads(&[out], std::slice::from_ref(&x))?[0], &want[0], 1e-12, layer);
    }
    Ok(())
}
