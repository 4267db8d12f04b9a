//! Extremes along dimensions, against a loop: ties, NaN, rows of all lengths, columns of all widths.

use cresset_core::dtype::DType;
use cresset_core::ops::prelude::*;

/// Numbers with many ties, and a NaN at every `nan`-th place if that is not zero.
fn numbers(n: usize, nan: usize) -> Vec<f64> {
    let mut s = 7u32;
    (0..n).map(|i| {
        s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if nan > 0 && i % nan == nan - 1 { f64::NAN } else { f64::from(s >> 24) - 128.0 }
    }).collect()
}

/// The place of the extreme of a few numbers, the first of equals, NaN before all.
fn place(x: &[f64], greater: bool) -> usize {
    let beats = |a: f64, b: f64| (if greater { a > b } else { a < b }) || a.is_nan() && !b.is_nan();
    (1..x.len()).fold(0, |at, i| if beats(x[i], x[at]) { i } else { at })
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x == y || x.is_nan() && y.is_nan())
}

fn check(sizes: [usize; 3], nan: usize, dtype: DType) -> Result<()> {
    let [outer, n, inner] = sizes;
    let data = numbers(outer * n * inner, nan);
    let t = Tensor::from_slice(&data, &sizes.map(|n| n as i64))?.copied(dtype)?;
    for greater in [true, false] {
        let mut places = Vec::new();
        let mut values = Vec::new();
        for o in 0..outer {
            for i in 0..inner {
                let line: Vec<f64> = (0..n).map(|k| data[(o * n + k) * inner + i]).collect();
                places.push(place(&line, greater) as i64);
                values.push(line[place(&line, greater)]);
            }
        }
        let (all, arg) = if greater { (t.amax([1], false)?, t.argmax(1i64, false)?) } else { (t.amin([1], false)?, t.argmin(1i64, false)?) };
        let first = if greater { t.max_dim(1i64, true)? } else { t.min_dim(1i64, true)? };
        assert_eq!(arg.to_vec::<i64>(), places, "{sizes:?} {nan} {dtype:?} {greater}");
        assert!(same(&all.to_vec::<f64>(), &values), "{sizes:?} {nan} {dtype:?} {greater}");
        assert!(same(&first.to_vec::<f64>(), &values), "{sizes:?} {nan} {dtype:?} {greater}");
        let whole = if greater { t.argmax((), false)? } else { t.argmin((), false)? };
        assert_eq!(whole.to_vec::<i64>(), [place(&data, greater) as i64], "{sizes:?} {nan} {dtype:?} {greater}");
    }
    Ok(())
}

#[test]
fn extremes_are_those_of_a_loop() -> Result<()> {
    let shapes = [[3, 1, 1], [2, 7, 1], [3, 16, 1], [2, 37, 1], [1, 5000, 1], [2, 2049, 1], [2, 9, 3], [3, 5, 4], [1, 70, 33], [2, 3, 700]];
    for sizes in shapes {
        for (nan, dtype) in [(0, DType::Float32), (0, DType::Float64), (0, DType::Int64), (5, DType::Float32), (333, DType::Float64), (4099, DType::Float32)] {
            check(sizes, nan, dtype)?;
        }
    }
    Ok(())
}

#[test]
fn infinities_are_found() -> Result<()> {
    let t = Tensor::from_slice(&[f32::NEG_INFINITY; 40], &[40])?;
    assert_eq!(t.argmax(0i64, false)?.to_vec::<i64>(), [0]);
    assert_eq!(t.neg()?.argmin(0i64, false)?.to_vec::<i64>(), [0]);
    assert_eq!(t.amax([0], false)?.to_vec::<f32>(), [f32::NEG_INFINITY]);
    Ok(())
}

#[test]
fn gather_names_the_first_index_that_is_wrong() -> Result<()> {
    let t = Tensor::from_slice(&numbers(12, 0), &[3, 4])?;
    for (dim, data, bad) in [(1, [0i64, 3, 1, 2, 4, -1], 4), (0, [0, 2, 1, 2, 0, -5], -5)] {
        let index = Tensor::from_slice(&data, &[2, 3])?;
        let message = t.gather(dim, index, false).map(|_| ()).unwrap_err().to_string();
        let size = t.sizes()[dim as usize];
        assert!(message.starts_with(&format!("index {bad} is out of bounds for dimension {dim} with size {size}")), "{message}");
    }
    let index = Tensor::from_slice(&[2i64, 0, 1, 0, 1, 2], &[2, 3])?;
    let data = numbers(12, 0);
    assert_eq!(t.gather(0i64, &index, false)?.to_vec::<f64>(), [data[8], data[1], data[6], data[0], data[5], data[10]]);
    assert_eq!(t.gather(1i64, &index, false)?.to_vec::<f64>(), [data[2], data[0], data[1], data[4], data[5], data[6]]);
    Ok(())
}
