//! Discrete Fourier transforms of lines of complex numbers; their plans are kept by the thread.

use num_complex::Complex;
use rustfft::{FftDirection, FftPlanner};
use std::cell::RefCell;

thread_local! {
    static PLANNER: RefCell<FftPlanner<f64>> = RefCell::new(FftPlanner::new());
}

/// Transforms row-major `data` along one dimension, unscaled; `inner` elements lie between two of a line.
pub fn along(data: &mut [Complex<f64>], length: usize, inner: usize, forward: bool) {
    let direction = if forward { FftDirection::Forward } else { FftDirection::Inverse };
    let plan = PLANNER.with_borrow_mut(|p| p.plan_fft(length, direction));
    let mut scratch = vec![Complex::default(); plan.get_inplace_scratch_len()];
    if inner == 1 {
        return data.chunks_exact_mut(length).for_each(|line| plan.process_with_scratch(line, &mut scratch));
    }
    let mut line = vec![Complex::default(); length];
    for block in data.chunks_exact_mut(length * inner) {
        for at in 0..inner {
            line.iter_mut().zip(block[at..].iter().step_by(inner)).for_each(|(to, from)| *to = *from);
            plan.process_with_scratch(&mut line, &mut scratch);
            block[at..].iter_mut().step_by(inner).zip(&line).for_each(|(to, from)| *to = *from);
        }
    }
}
