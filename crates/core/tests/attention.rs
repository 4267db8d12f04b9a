//! Attention in one kernel against the same written in ops, over blocks, steps and masks.

use cresset_core::autograd::{grad, Grad};
use cresset_core::ops::prelude::*;

/// Numbers between -1 and 1.
fn numbers(sizes: &[i64], seed: i64) -> Result {
    let n: i64 = sizes.iter().product();
    let values: Vec<f64> = (0..n).map(|i| ((i + 31 * seed) as f64 * 12.9898).sin()).collect();
    Tensor::from_slice(&values, sizes)
}

/// Leaves `[batch, heads, rows, width]` whose heads lie beside each other in memory, if `beside`.
fn leaf(sizes: [i64; 4], seed: i64, beside: bool) -> Result {
    let [b, h, l, e] = sizes;
    let t = if beside { numbers(&[b, l, h, e], seed)?.transpose(1i64, 2i64)? } else { numbers(&sizes, seed)? };
    let t = t.detached();
    t.set_requires_grad(true)?;
    Ok(t)
}

fn all_grads(out: &Tensor, inputs: &[Tensor], g: &Tensor) -> Result<Vec<Vec<f64>>> {
    let grads = grad(std::slice::from_ref(out), inputs, &[Some(g.clone())], &Grad::default())?;
    Ok(grads.into_iter().map(|g| g.map(|g| g.to_vec()).unwrap_or_default()).collect())
}

fn close(a: &[f64], b: &[f64], what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        assert!((x - y).abs() < 1e-9, "{what}: {x} and {y} at {i}");
    }
}

#[test]
fn blocks_change_nothing() -> Result<()> {
    for (queries, keys, causal, masked, beside) in [
        (3, 5, false, false, false), (70, 70, true, false, true), (70, 40, true, false, true), (40, 90, true, false, false),
        (130, 33, false, true, true), (65, 140, true, false, true), (150, 150, false, false, true),
    ] {
        let (b, h, e) = (2, 3, 5);
        let what = format!("{queries} queries, {keys} keys, causal: {causal}, masked: {masked}");
        let inputs = [leaf([b, h, queries, e], 1, beside)?, leaf([b, h, keys, e], 2, beside)?, leaf([b, h, keys, e], 3, beside)?];
        let [q, k, v] = &inputs;
        // Of each row some keys are hidden, of the first one all.
        let hidden = Tensor::from_slice(&(0..queries * keys).map(|i| i < keys || i % 7 == 3).collect::<Vec<bool>>(), &[queries, keys])?;
        let mask = masked.then(|| hidden.logical_not()).transpose()?;
        let out = q.scaled_dot_product_attention(k, v, &mask, 0.0, causal, (), false)?;
        assert_eq!(out.grad_fn()?.map(|n| n.0.name()).unwrap_or_default(), "ScaledDotProductFlashAttentionForCpuBackward0");

        let scores = q.matmul(k.transpose(-2i64, -1i64)?)?.mul(1.0 / (e as f64).sqrt())?;
        let unseen = if causal {
            Some(Tensor::full(&[queries, keys], Scalar::Bool(true), DType::Bool)?.triu(1i64)?)
        } else {
            masked.then(|| hidden.clone())
        };
        let scores = match &unseen { Some(u) => scores.masked_fill_scalar(u, f64::NEG_INFINITY)?, None => scores };
        let weights = scores.softmax(-1i64, ())?;
        let weights = match &unseen { Some(u) => weights.masked_fill_scalar(u, 0i64)?, None => weights };
        let want = weights.matmul(v)?;
        close(&out.to_vec(), &want.to_vec(), &what);

        let g = numbers(want.sizes(), 4)?;
        if masked {
            // The row of no keys has no softmax to go through.
            continue;
        }
        let (got, want) = (all_grads(&out, &inputs, &g)?, all_grads(&want, &inputs, &g)?);
        for (i, name) in ["query", "key", "value"].into_iter().enumerate() {
            close(&got[i], &want[i], &format!("{name} of {what}"));
        }
    }
    Ok(())
}
