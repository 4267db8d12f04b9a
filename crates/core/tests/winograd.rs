//! Convolutions of three by three in fewer products: nearly as exact as the direct way, which numbers
//! out of proportion take.

use cresset_core::kernels::conv::{forward, transposed, weight, Geometry};
use cresset_core::kernels::winograd;
use cresset_core::parallel;

/// Numbers between -1 and 1, or between 0 and 1, from a linear congruence.
fn numbers(n: usize, seed: u64, signed: bool) -> Vec<f32> {
    let mut state = seed;
    (0..n).map(|_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let x = (state >> 40) as f32 / (1u64 << 24) as f32;
        if signed { 2.0 * x - 1.0 } else { x }
    }).collect()
}

/// Images, groups, channels and filters of a group, height, width, padding.
type Shape = [usize; 7];

fn geometry([batch, groups, channels, filters, height, width, padding]: Shape) -> Geometry {
    Geometry {
        batch, groups, channels, filters,
        input: [1, height, width],
        kernel: [1, 3, 3],
        output: [1, height + 2 * padding - 2, width + 2 * padding - 2],
        stride: [1; 3],
        padding: [0, padding, padding],
        dilation: [1; 3],
    }
}

/// The same convolution in other dimensions, where it goes the direct way.
fn direct(g: &Geometry) -> Geometry {
    let turn = |s: [usize; 3]| [s[1], s[2], s[0]];
    Geometry { input: turn(g.input), kernel: turn(g.kernel), output: turn(g.output), padding: turn(g.padding), ..*g }
}

struct Case {
    g: Geometry,
    x: Vec<f32>,
    w: Vec<f32>,
    y: Vec<f32>,
    bias: Vec<f32>,
    back: Vec<f32>,
}

/// Output, gradient of the input, gradient of the weight.
type Answers<T> = [Vec<T>; 3];

impl Case {
    fn new(shape: Shape, signed: bool) -> Case {
        let g = geometry(shape);
        let plane = |s: [usize; 3]| s[1] * s[2];
        Case {
            x: numbers(g.batch * g.groups * g.channels * plane(g.input), 1, signed),
            w: numbers(g.groups * g.filters * g.channels * 9, 2, signed),
            y: numbers(g.batch * g.groups * g.filters * plane(g.output), 3, signed),
            bias: numbers(g.groups * g.filters, 4, signed),
            back: numbers(g.groups * g.channels, 5, signed),
            g,
        }
    }

    fn run(&self, g: &Geometry) -> Answers<f32> {
        let [mut y, mut x, mut w] = [self.y.clone(), self.x.clone(), self.w.clone()];
        forward(g, &self.x, &self.w, Some(&self.bias), &mut y);
        transposed(g, &self.y, &self.w, Some(&self.back), &mut x);
        weight(g, &self.x, &self.y, &mut w);
        [y, x, w]
    }

    /// The sums of `map(product)` in double precision.
    fn sums(&self, map: fn(f64) -> f64) -> Answers<f64> {
        let (g, of) = (&self.g, |x: &f32| map(f64::from(*x)));
        let ([_, height, width], [_, rows, columns]) = (g.input, g.output);
        let (inside, outside) = (height * width, rows * columns);
        let mut y: Vec<f64> = (0..self.y.len()).map(|i| of(&self.bias[i / outside % self.bias.len()])).collect();
        let mut x: Vec<f64> = (0..self.x.len()).map(|i| of(&self.back[i / inside % self.back.len()])).collect();
        let mut w = vec![0.0; self.w.len()];
        for pair in 0..g.batch * g.groups {
            for (k, c) in (0..g.filters).flat_map(|k| (0..g.channels).map(move |c| (k, c))) {
                let (xi, yi) = ((pair * g.channels + c) * inside, (pair * g.filters + k) * outside);
                let wi = ((pair % g.groups * g.filters + k) * g.channels + c) * 9;
                for (i, j) in (0..9).map(|t| (t / 3, t % 3)) {
                    let wi = wi + 3 * i + j;
                    for row in (0..rows).filter(|row| (row + i).wrapping_sub(g.padding[1]) < height) {
                        for column in (0..columns).filter(|column| (column + j).wrapping_sub(g.padding[2]) < width) {
                            let xi = xi + (row + i - g.padding[1]) * width + column + j - g.padding[2];
                            let yi = yi + row * columns + column;
                            let (a, b, d) = (of(&self.x[xi]), of(&self.w[wi]), of(&self.y[yi]));
                            y[yi] += a * b;
                            x[xi] += d * b;
                            w[wi] += a * d;
                        }
                    }
                }
            }
        }
        [y, x, w]
    }

    /// Which of the three take fewer products.
    fn taken(&self) -> [bool; 3] {
        let [mut y, mut x, mut w] = [self.y.clone(), self.x.clone(), self.w.clone()];
        [
            winograd::forward(&self.g, &self.x, &self.w, None, &mut y),
            winograd::transposed(&self.g, &self.y, &self.w, None, &mut x),
            winograd::weight(&self.g, &self.x, &self.y, &mut w),
        ]
    }
}

/// The greatest and the mean error in units of half the precision of `f32`, relative to sums of magnitudes.
fn errors(got: &[f32], want: &[f64], size: &[f64]) -> (f64, f64) {
    let all: Vec<f64> = got.iter().zip(want).zip(size).map(|((g, w), s)| (f64::from(*g) - w).abs() / s * f64::from(1 << 24)).collect();
    let greatest = all.iter().fold(0.0, |a: f64, b| if b.is_nan() { f64::NAN } else { a.max(*b) });
    (greatest, (all.iter().map(|e| e * e).sum::<f64>() / all.len() as f64).sqrt())
}

const SHAPES: [Shape; 15] = [
    [2, 1, 16, 16, 16, 16, 1],
    [3, 1, 17, 19, 13, 11, 1],
    [2, 1, 33, 16, 10, 15, 0],
    [2, 1, 16, 35, 9, 7, 2],
    [1, 1, 20, 20, 21, 30, 2],
    [1, 2, 16, 16, 18, 23, 2],
    [2, 1, 64, 64, 16, 16, 1],
    [5, 3, 16, 17, 6, 7, 1],
    [9, 1, 16, 16, 5, 5, 1],
    [8, 1, 16, 18, 3, 3, 1],
    [3, 2, 8, 16, 12, 9, 1],
    [1, 1, 130, 16, 14, 14, 1],
    [33, 1, 16, 16, 8, 8, 1],
    [1, 1, 16, 16, 4, 33, 1],
    [1, 1, 16, 16, 50, 50, 0],
];

#[test]
fn errors_are_a_few_times_those_of_the_direct_way() {
    for (shape, signed) in SHAPES.into_iter().flat_map(|shape| [(shape, true), (shape, false)]) {
        let case = Case::new(shape, signed);
        // A result that sees little but padding takes the direct way.
        let padding = shape[6];
        assert_eq!(case.taken(), [padding <= 1, padding >= 1, true], "{shape:?}");
        let (want, size) = (case.sums(|x| x), case.sums(f64::abs));
        let (got, plain) = (case.run(&case.g), case.run(&direct(&case.g)));
        for (i, name) in ["forward", "transposed", "weight"].into_iter().enumerate() {
            let ((most, mean), (_, direct)) = (errors(&got[i], &want[i], &size[i]), errors(&plain[i], &want[i], &size[i]));
            assert!(most < 32.0 && mean < 4.0 * direct, "{name} of {shape:?}: at most {most}, {mean} in the mean, directly {direct}");
        }
    }
}

/// The bits of numbers, and one NaN for all.
fn bits(all: &[f32]) -> Vec<u32> {
    all.iter().map(|x| if x.is_nan() { f32::NAN.to_bits() } else { x.to_bits() }).collect()
}

#[test]
fn numbers_out_of_proportion_go_the_direct_way() {
    for odd in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 3e38, 1e5] {
        for operand in 0..3 {
            let mut case = Case::new([2, 1, 16, 16, 16, 17, 1], true);
            let all = [&mut case.x, &mut case.w, &mut case.y];
            let place = all[operand].len() / 3;
            all[operand][place] = odd;
            // The output needs all but its gradient, and so on.
            let taken = [operand == 2, operand == 0, operand == 1];
            assert_eq!(case.taken(), taken, "{odd} in {operand}");
            let (got, want) = (case.run(&case.g), case.run(&direct(&case.g)));
            for i in (0..3).filter(|i| !taken[*i]) {
                assert!(bits(&got[i]) == bits(&want[i]), "{odd} in {operand}");
            }
        }
    }
}

#[test]
fn sums_of_whole_numbers_are_exact() {
    let mut case = Case::new([2, 1, 64, 16, 16, 13, 1], true);
    for x in [&mut case.x, &mut case.w, &mut case.y, &mut case.bias, &mut case.back].into_iter().flatten() {
        *x = (*x * 10.0).round() / 4.0;
    }
    let exact = case.run(&case.g).into_iter().zip(case.sums(|x| x)).all(|(got, want)| got.iter().zip(want).all(|(g, w)| f64::from(*g) == w));
    assert!(exact);
}

#[test]
fn the_gradient_of_a_pixel_is_zero_where_it_sees_nothing() {
    let mut case = Case::new([2, 1, 16, 16, 16, 16, 1], true);
    case.y.fill(0.0);
    case.y[9 * 16 + 7] = 1.0;
    case.back.fill(0.0);
    let [_, x, _] = case.run(&case.g);
    let seen = |i: usize| (i / 16 % 16).abs_diff(9) <= 1 && (i % 16).abs_diff(7) <= 1 && i < 16 * 256;
    assert!(x.iter().enumerate().all(|(i, x)| (*x != 0.0) == seen(i)));
}

#[test]
fn threads_change_nothing() {
    parallel::native(|| 1.0);
    for shape in [[2, 1, 64, 64, 16, 16, 1], [33, 1, 32, 40, 9, 9, 1], [1, 4, 32, 32, 30, 31, 0]] {
        let case = Case::new(shape, true);
        let all = [1, 2, 3].map(|threads| {
            parallel::set_threads(threads);
            bits(&case.run(&case.g).concat())
        });
        parallel::set_threads(1);
        assert!(all[0] == all[1] && all[0] == all[2], "{shape:?}");
    }
}
