//! Gradients of normalisation from its kernels against the same written in ops, over channels that are
//! short and long runs of memory.

use cresset_core::autograd::{grad, Grad};
use cresset_core::ops::prelude::*;

/// Leaves of numbers that are neither small nor centred.
fn leaf(sizes: &[i64], seed: i64, dtype: DType) -> Result {
    let n: i64 = sizes.iter().product();
    let values: Vec<f64> = (0..n).map(|i| 1.5 + ((i + 31 * seed) as f64 * 12.9898).sin()).collect();
    let t = Tensor::from_slice(&values, sizes)?.copied(dtype)?;
    t.set_requires_grad(true)?;
    Ok(t)
}

fn check(sizes: &[i64], groups: Option<i64>, dtype: DType) -> Result<()> {
    let (x, w, b) = (leaf(sizes, 1, dtype)?, leaf(&[sizes[1]], 2, dtype)?, leaf(&[sizes[1]], 3, dtype)?);
    let (weight, bias) = (Some(w.clone()), Some(b.clone()));
    let out = match groups {
        Some(n) => x.group_norm(n, &weight, &bias, 1e-5)?,
        None => x.batch_norm((), (), &weight, &bias, true, 0.1, 1e-5)?,
    };
    let given = [Some(leaf(sizes, 4, dtype)?.detached())];
    let inputs = [x, w, b];
    let grads = |create_graph| grad(std::slice::from_ref(&out), &inputs, &given, &Grad { retain_graph: true, create_graph, ..Grad::default() });
    let bound = if dtype == DType::Float64 { 1e-11 } else { 1e-4 };
    for (i, (a, b)) in grads(false)?.into_iter().zip(grads(true)?).enumerate() {
        let (Some(a), Some(b)) = (a, b) else { panic!("{sizes:?} has no gradient {i}") };
        for (x, y) in a.to_vec::<f64>().iter().zip(b.to_vec::<f64>()) {
            assert!((x - y).abs() < bound * y.abs().max(1.0), "{sizes:?}, {groups:?}, {dtype:?}: {x} and {y} in gradient {i}");
        }
    }
    Ok(())
}

#[test]
fn kernels_give_the_gradients_of_ops() -> Result<()> {
    for sizes in [[3, 6, 5], [2, 6, 16], [3, 6, 37], [2, 6, 600], [1, 6, 20]] {
        for dtype in [DType::Float64, DType::Float32] {
            for groups in [None, Some(1), Some(2), Some(6)] {
                check(&sizes, groups, dtype)?;
            }
        }
    }
    Ok(())
}

#[test]
fn a_group_has_mean_zero_and_variance_one() -> Result<()> {
    let x = leaf(&[3, 4, 5, 9], 1, DType::Float64)?.detached();
    let y = x.group_norm(2i64, (), (), 0.0)?.view([3, 2, 90])?;
    let (mean, square) = (y.mean_dim([-1], false, ())?, y.mul(&y)?.mean_dim([-1], false, ())?);
    assert!(mean.to_vec::<f64>().iter().all(|m| m.abs() < 1e-12));
    assert!(square.to_vec::<f64>().iter().all(|v| (v - 1.0).abs() < 1e-12));
    Ok(())
}
