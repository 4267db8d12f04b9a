//! Layers of recurrent networks, all steps at once, against the same steps one by one.

use cresset_core::autograd::{call, grad, Grad};
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

#[test]
fn a_layer_is_its_cells() -> Result<()> {
    for &[steps, batch, input, hidden] in SIZES {
        for (reverse, dtype) in [(false, DType::Float64), (true, DType::Float64), (false, DType::Float32)] {
            let what = format!("{steps} steps, batch {batch}, hidden {hidden}, reverse: {reverse}, {dtype:?}");
            let bound = if dtype == DType::Float64 { 1e-11 } else { 2e-5 };
            let of = |sizes: &[i64], seed| leaf(sizes, seed, dtype);
            let x = of(&[steps, batch, input], 1)?;
            let (h, c) = (of(&[batch, hidden], 2)?, of(&[batch, hidden], 3)?);
            let weights = [of(&[4 * hidden, input], 4)?, of(&[4 * hidden, hidden], 5)?, of(&[4 * hidden], 6)?, of(&[4 * hidden], 7)?];
            let mut args: Vec<Value> = [&x, &h, &c].into_iter().chain(&weights).map(|t| Value::Tensor(t.clone())).collect();
            args.push(Value::Scalar(Scalar::Bool(reverse)));
            let got = run("_lstm_layer", &args)?;

            let (mut hs, mut cs) = (vec![h.clone(); steps as usize], vec![c.clone(); steps as usize]);
            let mut state = [h.clone(), c.clone()];
            for s in 0..steps {
                let t = if reverse { steps - 1 - s } else { s };
                let mut args = vec![Value::Tensor(x.select(0i64, t)?), Value::Tensors(state.iter().cloned().map(Some).collect())];
                args.extend(weights.iter().map(|w| Value::Tensor(w.clone())));
                let next = run("lstm_cell", &args)?;
                state = [next[0].clone(), next[1].clone()];
                (hs[t as usize], cs[t as usize]) = (state[0].clone(), state[1].clone());
            }
            let stacked = |all: Vec<Tensor>| run("stack", &[Value::Tensors(all.into_iter().map(Some).collect()), Value::Scalar(Scalar::Int(0))]);
            let want = [stacked(hs)?, stacked(cs)?].concat();
            let inputs: Vec<Tensor> = [&x, &h, &c].into_iter().chain(&weights).cloned().collect();
            for (some, name) in [(0..2, "both"), (0..1, "hidden"), (1..2, "cells")] {
                for (a, b) in got[some.clone()].iter().zip(&want[some.clone()]) {
                    close(&a.to_vec(), &b.to_vec(), bound, &what);
                }
                let (a, b) = (all_grads(&got[some.clone()], &inputs)?, all_grads(&want[some], &inputs)?);
                for (i, (a, b)) in a.iter().zip(&b).enumerate() {
                    close(a, b, bound, &format!("{what}, gradient {i} of {name}"));
                }
            }
        }
    }
    Ok(())
}
