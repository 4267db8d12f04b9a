//! Tensors that are made of what others left: they are as new in all but their elements, and nothing is counted twice.

use cresset_core::autograd::{backward, Backward};
use cresset_core::dtype::DType;
use cresset_core::ops::prelude::*;
use cresset_core::{state, storage};

const DTYPES: [DType; 4] = [DType::Float32, DType::Float64, DType::Int64, DType::Bool];

/// A small shape and a dtype, by number.
fn kind(i: usize) -> (Vec<i64>, DType) {
    let sizes = [vec![], vec![1], vec![4], vec![2, 2], vec![4, 1], vec![1, 4], vec![3, 5, 2], vec![1; 7], vec![64, 64], vec![0, 3]];
    (sizes[i % sizes.len()].clone(), DTYPES[i / sizes.len() % DTYPES.len()])
}

fn is_new(t: &Tensor, sizes: &[i64], dtype: DType) -> bool {
    t.sizes() == sizes && t.dtype() == dtype && t.is_contiguous() && t.version() == 0 && !t.requires_grad() && t.is_leaf() && t.grad().is_none()
        && !t.is_inference() && t.storage_bytes() == t.numel() * dtype.itemsize()
}

#[test]
fn as_new() -> Result<()> {
    for i in 0..400 {
        let (sizes, dtype) = kind(i * 7);
        let t = Tensor::empty(&sizes, dtype)?;
        assert!(is_new(&t, &sizes, dtype), "{i}: {t:?}");
        // Leaves behind what the next must not have.
        t.bump_version();
        if dtype == DType::Float32 {
            t.set_requires_grad(true)?;
            let out = t.mul(&t)?.sum(None::<DType>)?;
            assert!(out.requires_grad());
            backward(&[out], &[], &Backward::default())?;
            assert!(t.grad().is_some());
        }
        let view = if t.numel() == 4 { Some(t.detached().view([4])?) } else { None };
        drop(t);
        let other = Tensor::empty(&sizes, dtype)?;
        assert!(is_new(&other, &sizes, dtype), "{i}: {other:?}");
        // Who shares a storage keeps it.
        assert!(view.is_none_or(|v| !v.shares_storage(&other)));
    }
    Ok(())
}

#[test]
fn the_last_is_taken_first() -> Result<()> {
    let t = Tensor::empty(&[2, 3], DType::Float32)?;
    let address = t.ptr_bytes();
    drop(t);
    assert_ne!(Tensor::empty(&[3, 2], DType::Float32)?.ptr_bytes(), address);
    assert_ne!(Tensor::empty(&[2, 3], DType::Int32)?.ptr_bytes(), address);
    assert_eq!(Tensor::empty(&[2, 3], DType::Float32)?.ptr_bytes(), address);
    Ok(())
}

#[test]
fn views_that_outlive_their_base_are_not_hoarded() -> Result<()> {
    let before = storage::stats().cached_bytes;
    for _ in 0..10_000 {
        let base = Tensor::empty(&[13, 17], DType::Float32)?;
        let view = base.view([17, 13])?;
        drop(base);
        drop(view);
    }
    assert!(storage::stats().cached_bytes - before < 10_000);
    Ok(())
}

#[test]
fn shapes_that_share_a_bin_do_not_pile_up() -> Result<()> {
    let before = storage::stats().cached_bytes;
    let shapes: Vec<[i64; 3]> = (0..200).map(|i| [i % 20 + 1, i % 7 + 1, i % 3 + 1]).collect();
    for i in 0..20_000 {
        let some = (0..5).map(|k| Tensor::empty(&shapes[(i * 7 + k * 31) % 200], DType::Float32)).collect::<Result<Vec<_>>>()?;
        drop(some);
    }
    assert!(storage::stats().cached_bytes - before < 1 << 20);
    Ok(())
}

#[test]
fn inference_is_not_inherited() -> Result<()> {
    let before = state::set_inference_mode(true);
    let t = Tensor::empty(&[11], DType::Float32)?;
    assert!(t.is_inference());
    drop(t);
    state::restore(before);
    let t = Tensor::empty(&[11], DType::Float32)?;
    assert!(!t.is_inference());
    drop(t);
    let before = state::set_inference_mode(true);
    assert!(Tensor::empty(&[11], DType::Float32)?.is_inference());
    state::restore(before);
    Ok(())
}

#[test]
fn counts_are_right() -> Result<()> {
    let before = storage::stats();
    let mut alive: Vec<Tensor> = Vec::new();
    let mut bytes = 0;
    let mut s = 1u32;
    for i in 0..50_000 {
        s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if s >> 31 == 0 || alive.is_empty() {
            // Shapes of their own, so that old ones give way.
            let sizes = if i % 3 == 0 { vec![i64::from(s >> 12 & 4095), 1] } else { kind(i).0 };
            let t = Tensor::empty(&sizes, kind(i).1)?;
            bytes += t.storage_bytes();
            alive.push(t);
        } else {
            let t = alive.swap_remove((s >> 8) as usize % alive.len());
            bytes -= t.storage_bytes();
        }
        let stats = storage::stats();
        assert_eq!(stats.live_bytes - before.live_bytes, bytes);
        assert!(stats.peak_bytes >= stats.live_bytes);
        assert!(stats.cached_bytes < 1 << 28);
    }
    drop(alive);
    assert_eq!((storage::stats().live_bytes, storage::stats().storages), (before.live_bytes, before.storages));
    storage::clear_pool();
    assert_eq!(storage::stats().cached_bytes, 0);
    Ok(())
}
