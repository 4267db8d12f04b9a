//! Convolutions and their gradients against sums written out, over shapes that take every path.

use cresset_core::kernels::conv::{forward, transposed, weight, Geometry};
use cresset_core::kernels::gemm::{self, Number};
use cresset_core::kernels::simd::{F32x4, F64x2, Plain};
use cresset_core::{gemm_kernel, parallel};

/// Small whole numbers: their sums are exact in every type, whatever the order.
fn numbers<T: From<i8>>(n: usize, seed: usize) -> Vec<T> {
    (0..n).map(|i| T::from(((i * 7919 + seed * 104_729) % 15) as i8 - 7)).collect()
}

/// Calls `f(place in x, place in w, place in y)` for each product of a convolution.
fn products(g: &Geometry, mut f: impl FnMut(usize, usize, usize)) {
    let size = |s: [usize; 3]| s.iter().product::<usize>();
    let all = |s: [usize; 3]| (0..size(s)).map(move |i| [i / (s[1] * s[2]), i / s[2] % s[1], i % s[2]]);
    for pair in 0..g.batch * g.groups {
        for filter in 0..g.filters {
            for (yi, out) in all(g.output).enumerate() {
                for channel in 0..g.channels {
                    for (ki, tap) in all(g.kernel).enumerate() {
                        let at = |d: usize| (out[d] * g.stride[d] + tap[d] * g.dilation[d]).wrapping_sub(g.padding[d]);
                        if (0..3).all(|d| at(d) < g.input[d]) {
                            let xi = (at(0) * g.input[1] + at(1)) * g.input[2] + at(2);
                            f(
                                (pair * g.channels + channel) * size(g.input) + xi,
                                ((pair % g.groups * g.filters + filter) * g.channels + channel) * size(g.kernel) + ki,
                                (pair * g.filters + filter) * size(g.output) + yi,
                            );
                        }
                    }
                }
            }
        }
    }
}

fn check<T: Number + From<i8> + PartialEq + std::fmt::Debug>(g: &Geometry) {
    let size = |s: &[usize; 3]| s.iter().product::<usize>();
    let x = numbers::<T>(g.batch * g.groups * g.channels * size(&g.input), 1);
    let w = numbers::<T>(g.groups * g.filters * g.channels * size(&g.kernel), 2);
    let y = numbers::<T>(g.batch * g.groups * g.filters * size(&g.output), 3);
    for (bias, back) in [(None, None), (Some(numbers::<T>(g.groups * g.filters, 4)), Some(numbers::<T>(g.groups * g.channels, 5)))] {
        let start = |bias: &Option<Vec<T>>, n: usize, plane: usize| {
            (0..n).map(|i| bias.as_ref().map_or(T::default(), |b| b[i / plane % b.len()])).collect::<Vec<T>>()
        };
        let (mut want_y, mut want_x) = (start(&bias, y.len(), size(&g.output)), start(&back, x.len(), size(&g.input)));
        let mut want_w = vec![T::default(); w.len()];
        products(g, |xi, wi, yi| {
            want_y[yi] += x[xi] * w[wi];
            want_x[xi] += y[yi] * w[wi];
            want_w[wi] += x[xi] * y[yi];
        });
        let (mut got_x, mut got_w, mut got_y) = (x.clone(), w.clone(), y.clone());
        forward(g, &x, &w, bias.as_deref(), &mut got_y);
        assert!(got_y == want_y, "forward of {g:?}");
        transposed(g, &y, &w, back.as_deref(), &mut got_x);
        assert!(got_x == want_x, "transposed of {g:?}");
        weight(g, &x, &y, &mut got_w);
        assert!(got_w == want_w, "weight of {g:?}");
    }
}

/// Geometries: images, groups, channels and filters of a group; size, kernel, stride, padding and
/// dilation of the last two dimensions.
type Shape = ([usize; 4], [(usize, usize, usize, usize, usize); 2]);
const SHAPES: [Shape; 19] = [
    ([2, 1, 1, 1], [(5, 3, 1, 0, 1), (7, 3, 1, 0, 1)]),
    ([3, 1, 3, 8], [(9, 3, 1, 1, 1), (10, 3, 1, 1, 1)]),
    ([2, 2, 2, 3], [(1, 1, 1, 0, 1), (8, 3, 3, 1, 2)]),
    ([1, 1, 3, 16], [(8, 5, 1, 0, 1), (10, 5, 1, 0, 1)]),
    ([1, 1, 30, 34], [(3, 3, 1, 1, 1), (9, 3, 1, 1, 1)]),
    ([2, 3, 1, 1], [(8, 3, 1, 1, 1), (12, 3, 1, 1, 1)]),
    ([2, 1, 4, 5], [(11, 3, 2, 1, 1), (13, 3, 2, 2, 1)]),
    ([2, 1, 2, 7], [(9, 3, 1, 4, 1), (9, 2, 1, 3, 1)]),
    ([2, 1, 3, 4], [(12, 3, 1, 2, 2), (11, 3, 2, 2, 3)]),
    ([9, 1, 5, 9], [(4, 1, 1, 0, 1), (4, 1, 1, 0, 1)]),
    ([1, 1, 33, 3], [(2, 3, 1, 1, 1), (5, 3, 1, 1, 1)]),
    ([1, 1, 1, 5], [(19, 3, 1, 1, 1), (20, 3, 1, 1, 1)]),
    ([17, 1, 1, 8], [(32, 3, 1, 1, 1), (33, 3, 1, 1, 1)]),
    ([2, 1, 3, 7], [(30, 3, 1, 1, 1), (29, 3, 1, 1, 1)]),
    ([2, 2, 1, 5], [(8, 5, 1, 2, 1), (51, 5, 1, 2, 1)]),
    ([2, 1, 3, 4], [(50, 1, 1, 0, 1), (47, 1, 1, 0, 1)]),
    ([1, 1, 2, 32], [(6, 3, 1, 1, 1), (20, 3, 1, 1, 1)]),
    ([2, 2, 9, 2], [(6, 3, 1, 1, 1), (28, 3, 1, 1, 1)]),
    ([1, 1, 40, 3], [(3, 3, 1, 1, 1), (8, 3, 1, 1, 1)]),
];

/// `f32` in tiles of two heights, as the relaxed build has them, `f64` in tiles of one.
fn install() {
    gemm::install(gemm_kernel!(F32x4, Plain, 6, 4), gemm_kernel!(F64x2, Plain, 4, 4));
}

#[test]
fn convolutions_are_sums_of_products() {
    install();
    parallel::native(|| 1.0);
    for threads in [1, 3] {
        parallel::set_threads(threads);
        for ([batch, groups, channels, filters], dims) in SHAPES {
            let of = |f: fn(&(usize, usize, usize, usize, usize)) -> usize, one: usize| [one, f(&dims[0]), f(&dims[1])];
            let g = Geometry {
                batch, groups, channels, filters,
                input: of(|d| d.0, 1),
                kernel: of(|d| d.1, 1),
                output: of(|d| (d.0 + 2 * d.3 - d.4 * (d.1 - 1) - 1) / d.2 + 1, 1),
                stride: of(|d| d.2, 1),
                padding: of(|d| d.3, 0),
                dilation: of(|d| d.4, 1),
            };
            check::<f32>(&g);
            check::<f64>(&g);
        }
    }
}

/// Lines of pixels that no vector fits are summed with one that overlaps another: what lies beside them is left out.
#[test]
fn infinities_reach_only_what_sees_them() {
    install();
    for width in 26..31 {
        let g = Geometry {
            batch: 1, groups: 1, channels: 1, filters: 3, input: [1, 4, width], kernel: [1, 2, 3],
            output: [1, 3, width - 2], stride: [1; 3], padding: [0; 3], dilation: [1; 3],
        };
        let (y, mut want) = (numbers::<f32>(9 * (width - 2), 3), vec![0.0; 18]);
        for place in [0, width - 1, width, 2 * width - 2, 4 * width - 1] {
            let mut x = numbers::<f32>(4 * width, 1);
            x[place] = f32::INFINITY;
            want.fill(0.0);
            products(&g, |xi, wi, yi| want[wi] += x[xi] * y[yi]);
            let mut got = vec![0.0; 18];
            weight(&g, &x, &y, &mut got);
            let same = got.iter().zip(&want).all(|(a, b)| a == b || a.is_nan() && b.is_nan());
            assert!(same, "infinity at {place} of {width}: {got:?}, not {want:?}");
        }
    }
}
