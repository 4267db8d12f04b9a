//! Maxima of several outputs at once against those of one after the other, ties and NaN included.

use cresset_core::kernels::pool::Windows;
use cresset_core::kernels::simd::{F32x4, F64x2};

/// Windows of `width` places, `step` apart, around `n` places with `padding`.
fn line(n: usize, width: usize, step: usize, padding: usize) -> Vec<(usize, usize)> {
    let count = (n + 2 * padding - width) / step + 1;
    (0..count).map(|i| ((i * step).saturating_sub(padding), (i * step + width).saturating_sub(padding).min(n))).collect()
}

#[test]
fn lanes_change_nothing() {
    for (n, width, step, padding) in [(32, 2, 2, 0), (10, 2, 2, 0), (9, 2, 2, 0), (3, 2, 2, 0), (13, 3, 1, 1), (21, 3, 2, 1), (9, 4, 2, 2), (30, 3, 3, 1), (6, 6, 1, 0), (40, 5, 2, 0)] {
        let rows = if width == 2 { line(7, 2, 2, 0) } else { line(7, 2, 1, 1) };
        let windows = Windows { from: [1, 7, n], at: [vec![(0, 1)], rows, line(n, width, step, padding)], step: [1; 3] };
        let (a, b) = windows.planes();
        // Few values, so that there are ties.
        let value = |i: usize| match i * 7919 % 23 { 0 => f64::NAN, 1 => f64::NEG_INFINITY, v => (v % 6) as f64 - 2.0 };
        let (x, x32): (Vec<f64>, Vec<f32>) = (0..3 * a).map(|i| (value(i), value(i) as f32)).unzip();
        let bits = |y: &[f64]| y.iter().map(|v| if v.is_nan() { None } else { Some(v.to_bits()) }).collect::<Vec<_>>();
        let (mut want, mut places) = (vec![0.0; 3 * b], vec![0; 3 * b]);
        windows.max(&x, f64::NEG_INFINITY, &mut want, &mut places);
        for told in [true, false] {
            let (mut got, mut got32, mut at) = (vec![0.0; 3 * b], vec![0.0; 3 * b], vec![-1; if told { 3 * b } else { 0 }]);
            windows.max_lanes::<F64x2>(&x, &mut got, &mut at);
            assert!(bits(&got) == bits(&want), "{n} {width} {step} {padding}");
            assert!(!told || at == places, "{n} {width} {step} {padding}");
            at.fill(-1);
            windows.max_lanes::<F32x4>(&x32, &mut got32, &mut at);
            assert!(bits(&got32.iter().map(|&v| f64::from(v)).collect::<Vec<_>>()) == bits(&want), "{n} {width} {step} {padding}");
            assert!(!told || at == places, "{n} {width} {step} {padding}");
        }
    }
}
