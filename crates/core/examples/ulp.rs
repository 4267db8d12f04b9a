//! How far the elementary functions of `f32` are from the truth, in units in the last place, over
//! every number there is: `cargo run --release --example ulp`, or every n-th with `-- n`.

use cresset_core::kernels::functions as f;
use std::f64::consts::{FRAC_2_SQRT_PI, FRAC_1_SQRT_2};

fn gelu_tanh(x: f64) -> f64 {
    let u = 2.0 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (x + 0.044715 * x * x * x);
    x / (1.0 + (-u).exp())
}

/// The distance of two numbers in units in the last place of the true one.
fn distance(got: f32, truth: f64) -> f64 {
    let near = truth as f32;
    if got == near || got.is_nan() && truth.is_nan() {
        return 0.0;
    }
    if !got.is_finite() || !near.is_finite() {
        return if got.is_nan() != truth.is_nan() { f64::INFINITY } else { 1.0 };
    }
    let unit = (f64::from(near.abs()).to_bits() >> 52) as i32 - 1023 - 23;
    (f64::from(got) - truth).abs() / 2f64.powi(unit.max(-149))
}

/// How many representable numbers lie between a number and the rounded truth, counting one end.
fn steps(got: f32, truth: f64) -> u32 {
    let place = |x: f32| if x.is_sign_negative() { -i64::from(x.to_bits() & 0x7fff_ffff) } else { i64::from(x.to_bits()) };
    let near = truth as f32;
    if got.is_nan() && near.is_nan() { 0 } else { place(got).abs_diff(place(near)).try_into().unwrap_or(u32::MAX) }
}

fn measure(step: u64, name: &str, run: fn(&[f32], &mut [f32]), truth: fn(f64) -> f64) {
    let (mut worst, mut at, mut far, mut out) = (0.0, 0f32, 0, vec![0f32; 1 << 16]);
    let mut numbers = (0..1u64 << 32).step_by(step as usize).map(|bits| f32::from_bits(bits as u32)).peekable();
    while numbers.peek().is_some() {
        let x: Vec<f32> = numbers.by_ref().take(out.len()).collect();
        run(&x, &mut out[..x.len()]);
        for (x, y) in x.iter().zip(&out) {
            let d = distance(*y, truth(f64::from(*x)));
            far = far.max(steps(*y, truth(f64::from(*x))));
            if d > worst {
                (worst, at) = (d, *x);
            }
        }
    }
    println!("{name:<10} {worst:.3} ulp, at {at:e}; {far} numbers from the rounded truth");
}

fn main() {
    let step = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1);
    measure(step, "exp", f::exp_all, f64::exp);
    measure(step, "tanh", f::tanh_all, f64::tanh);
    measure(step, "sigmoid", f::sigmoid_all, |x| if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) });
    measure(step, "silu", f::silu_all, |x| if x < 0.0 { x * x.exp() / (1.0 + x.exp()) } else { x / (1.0 + (-x).exp()) });
    measure(step, "erf", f::erf_all, libm::erf);
    measure(step, "gelu", f::gelu_all, |x| x * 0.5 * libm::erfc(-x * FRAC_1_SQRT_2));
    measure(step, "gelu tanh", f::gelu_tanh_all, gelu_tanh);
}
