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

/// Rows and channels of all widths around those of vectors and of the parts that sums are made of.
#[test]
fn rows_are_normalised_as_by_their_definition() -> Result<()> {
    for n in [1, 2, 3, 4, 5, 7, 8, 15, 31, 32, 33, 100, 1023, 1025, 2500] {
        for (dtype, bound) in [(DType::Float64, 1e-12), (DType::Float32, 2e-5)] {
            let (x, w, b) = (leaf(&[5, n], 1, dtype)?.detached(), leaf(&[n], 2, dtype)?.detached(), leaf(&[n], 3, dtype)?.detached());
            let (rows, weight, bias) = (x.to_vec::<f64>(), w.to_vec::<f64>(), b.to_vec::<f64>());
            for (with_weight, with_bias) in [(true, true), (true, false), (false, true), (false, false)] {
                let given = |t: &Tensor, with: bool| with.then(|| t.clone());
                let y = x.layer_norm([n], &given(&w, with_weight), &given(&b, with_bias), 1e-3)?.to_vec::<f64>();
                for (row, out) in rows.chunks(n as usize).zip(y.chunks(n as usize)) {
                    let mean = row.iter().sum::<f64>() / n as f64;
                    let var = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n as f64;
                    for (i, (v, got)) in row.iter().zip(out).enumerate() {
                        let (w, b) = (if with_weight { weight[i] } else { 1.0 }, if with_bias { bias[i] } else { 0.0 });
                        let want = (v - mean) / (var + 1e-3).sqrt() * w + b;
                        assert!((got - want).abs() < bound, "{n}, {dtype:?}: {got} and {want} at {i}");
                    }
                }
            }
        }
    }
    Ok(())
}

/// Each row for itself: what stands in others does not show, not even NaN.
#[test]
fn nan_stays_in_its_row() -> Result<()> {
    for n in [3, 50, 1100] {
        let mut values: Vec<f32> = (0..4 * n).map(|i| (i as f32 * 0.7).sin()).collect();
        let clean = Tensor::from_slice(&values, &[4, n])?.layer_norm([n], (), (), 1e-5)?.to_vec::<f32>();
        let n = n as usize;
        values[2 * n - 1] = f32::NAN;
        let got = Tensor::from_slice(&values, &[4, n as i64])?.layer_norm([n as i64], (), (), 1e-5)?.to_vec::<f32>();
        for (i, (a, b)) in clean.iter().zip(&got).enumerate() {
            assert!(if i / n == 1 { b.is_nan() } else { a == b }, "{b} at {i} of rows of {n}");
        }
    }
    Ok(())
}
