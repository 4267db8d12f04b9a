//! Elementary functions at the edges: NaN and infinities come through, and a block that is not full
//! gives what a full one does.

use cresset_core::kernels::functions as f;

type Slices = fn(&[f32], &mut [f32]);

/// Each function with its values at minus infinity and infinity.
const FUNCTIONS: [(&str, Slices, f32, f32); 7] = [
    ("exp", f::exp_all, 0.0, f32::INFINITY),
    ("tanh", f::tanh_all, -1.0, 1.0),
    ("sigmoid", f::sigmoid_all, 0.0, 1.0),
    ("silu", f::silu_all, f32::NAN, f32::INFINITY),
    ("erf", f::erf_all, -1.0, 1.0),
    ("gelu", f::gelu_all, f32::NAN, f32::INFINITY),
    ("gelu tanh", f::gelu_tanh_all, f32::NAN, f32::INFINITY),
];

fn run(f: Slices, x: &[f32]) -> Vec<f32> {
    let mut y = vec![0.0; x.len()];
    f(x, &mut y);
    y
}

#[test]
fn what_is_not_finite_comes_through() {
    for (name, f, low, high) in FUNCTIONS {
        for at in 0..40 {
            let mut x = vec![0.5; 40];
            for (special, want) in [(f32::NAN, f32::NAN), (f32::NEG_INFINITY, low), (f32::INFINITY, high)] {
                x[at] = special;
                let y = run(f, &x);
                assert!(y[at] == want || y[at].is_nan() && want.is_nan(), "{name}({special}) is {}", y[at]);
                assert!(y.iter().enumerate().all(|(i, v)| i == at || v.is_finite()), "{name}: a neighbour of {special}");
            }
        }
    }
}

#[test]
fn a_value_does_not_depend_on_its_place() {
    let x: Vec<f32> = (0..100).map(|i| (i as f32 - 50.0) * 2.3).collect();
    for (name, f, ..) in FUNCTIONS {
        let all = run(f, &x);
        for from in 0..20 {
            for to in [from + 1, from + 15, from + 16, from + 17, 100] {
                assert_eq!(run(f, &x[from..to]), all[from..to], "{name} of {from}..{to}");
            }
        }
    }
}

#[test]
fn the_gradient_of_relu_passes_what_is_above_zero_or_nan() {
    let results = [1.5, 0.0, -0.0, f32::NAN, f32::from_bits(1), f32::INFINITY, f32::MIN_POSITIVE];
    for len in 1..50 {
        let y: Vec<f32> = (0..len).map(|i| results[i * 5 % 7]).collect();
        let g: Vec<f32> = (0..len).map(|i| if i % 11 == 3 { f32::NAN } else { i as f32 - 7.5 }).collect();
        let mut to = vec![9.0; len];
        f::relu_grad_all(&g, &y, &mut to);
        for i in 0..len {
            let want = if y[i] <= 0.0 { 0.0 } else { g[i] };
            assert!(to[i] == want || to[i].is_nan() && want.is_nan(), "{} through {} is {}", g[i], y[i], to[i]);
        }
    }
}

/// How many representable numbers lie between a number and the rounded truth, counting one end.
fn steps(got: f32, truth: f64) -> u64 {
    let place = |x: f32| if x.is_sign_negative() { -i64::from(x.to_bits() & 0x7fff_ffff) } else { i64::from(x.to_bits()) };
    let near = truth as f32;
    if got.is_nan() && near.is_nan() { 0 } else { place(got).abs_diff(place(near)) }
}

#[test]
fn no_value_is_further_than_two_numbers_from_the_truth() {
    use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
    // Of small exponentials, and not of large ones, which would overflow.
    fn share(x: f64) -> f64 {
        if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
    }
    let truths: [fn(f64) -> f64; 7] = [
        f64::exp, f64::tanh, share, |x| x * share(x), libm::erf,
        |x| x * 0.5 * libm::erfc(-x * FRAC_1_SQRT_2),
        |x| x * share(2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044715 * x * x * x)),
    ];
    // Numbers of all exponents, and more of those where the curves bend.
    let all = (0..u32::MAX).step_by(65537);
    let bends = (0x3c00_0000..0x4300_0000u32).step_by(1009).flat_map(|bits| [bits, bits | 1 << 31]);
    let x: Vec<f32> = all.chain(bends).map(f32::from_bits).collect();
    for ((name, f, ..), truth) in FUNCTIONS.into_iter().zip(truths) {
        for (x, y) in x.iter().zip(run(f, &x)) {
            let truth = truth(f64::from(*x));
            assert!(steps(y, truth) <= 2, "{name}({x}) is {y}, not {truth}");
        }
    }
}
