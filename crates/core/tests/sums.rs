//! Sums of numbers in one piece, of all lengths around those of vectors, parts and blocks.

use cresset_core::ops::prelude::*;

/// Whole numbers whose sums are exact, whatever the order.
fn numbers(n: i64) -> Vec<f32> {
    (0..n).map(|i| ((i * 7 + i / 11) % 5 - 2) as f32).collect()
}

#[test]
fn sums_of_whole_numbers_are_exact() -> Result<()> {
    for n in [31, 32, 33, 47, 511, 513, 1030, 65535, 65536, 65541, 3 * 65536 + 7, (1 << 22) + 3 * 65536 + 21] {
        let rows = if n < 2000 { 7 } else { 1 };
        let values = numbers(rows * n);
        let want: Vec<f64> = values.chunks(n as usize).map(|row| row.iter().map(|x| f64::from(*x)).sum()).collect();
        for dtype in [DType::Float32, DType::Float64] {
            let x = Tensor::from_slice(&values, &[rows, n])?.copied(dtype)?;
            assert_eq!(x.sum_dim([1], false, ())?.to_vec::<f64>(), want, "{n}, {dtype:?}");
            assert_eq!(x.sum(())?.to_vec::<f64>(), [want.iter().sum::<f64>()], "{n}, {dtype:?}");
            let mean = x.mean_dim([-1], true, ())?;
            assert_eq!(mean.sizes(), [rows, 1]);
            for (got, want) in mean.to_vec::<f64>().iter().zip(&want) {
                assert!((got - want / n as f64).abs() < 1e-7, "{got} for {n}, {dtype:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn what_is_not_finite_comes_through() -> Result<()> {
    for at in [0, 35, 600, 999] {
        let mut values = numbers(1000);
        values[at] = f32::INFINITY;
        assert_eq!(Tensor::from_slice(&values, &[1000])?.sum(())?.to_vec::<f32>(), [f32::INFINITY]);
        values[999 - at] = f32::NEG_INFINITY;
        assert!(Tensor::from_slice(&values, &[1000])?.sum(())?.to_vec::<f32>()[0].is_nan());
    }
    Ok(())
}
