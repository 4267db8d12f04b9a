//! Matrix products of every path against sums written out, on one thread and on several.

use cresset_core::kernels::gemm::{install, product, Mat, Number, Out};
use cresset_core::kernels::simd::{F32x4, F64x2, Plain};
use cresset_core::{gemm_kernel, parallel};

/// Small whole numbers: their sums are exact in every type, whatever the order.
fn numbers<T: From<i8>>(n: usize, seed: u32) -> Vec<T> {
    let mut s = seed;
    let mut next = || {
        s = s.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        T::from((s >> 28) as i8 - 8)
    };
    (0..n).map(|_| next()).collect()
}

/// A matrix in one of three layouts: rows adjacent, columns adjacent, backwards with gaps.
fn layout<T>(data: &[T], rows: usize, cols: usize, kind: usize) -> Mat<T> {
    match kind {
        0 => Mat { ptr: data.as_ptr(), row: cols as isize, col: 1 },
        1 => Mat { ptr: data.as_ptr(), row: 1, col: rows as isize },
        _ => Mat { ptr: &raw const data[data.len() - 1], row: -2 * cols as isize, col: -2 },
    }
}

fn check<T: Number + From<i8> + PartialEq>((m, n, k): (usize, usize, usize), layouts: usize) {
    let (a, b) = (numbers::<T>(2 * m * k + 1, 1), numbers::<T>(2 * k * n + 1, 2));
    let at = |x: &Mat<T>, i: usize, j: usize| unsafe { *x.ptr.offset(i as isize * x.row + j as isize * x.col) };
    for kind in 0..layouts {
        let (a, b) = (layout(&a, m, k, kind / 3), layout(&b, k, n, kind % 3));
        for add in [false, true] {
            // Rows of the result have a gap, which must stay as it is.
            let row = n + 3;
            let mut got = numbers::<T>(m * row, 3);
            let mut want = got.clone();
            for i in 0..m {
                for j in 0..n {
                    let mut sum = if add { want[i * row + j] } else { T::from(0) };
                    (0..k).for_each(|p| sum += at(&a, i, p) * at(&b, p, j));
                    want[i * row + j] = sum;
                }
            }
            unsafe { product((m, n, k), a, b, Out { ptr: got.as_mut_ptr(), row, add }) };
            assert!(got == want, "({m}, {n}, {k}), layouts {kind}, add {add}");
        }
    }
}

/// `f32` in tiles of two heights, as the relaxed build has them, `f64` in tiles of one.
fn two_heights() {
    install(gemm_kernel!(F32x4, Plain, 6, 4), gemm_kernel!(F64x2, Plain, 4, 4));
}

const SIZES: [(usize, usize, usize); 20] = [
    (1, 1, 1), (1, 9, 7), (9, 1, 7), (3, 5, 0), (2, 40, 33), (40, 2, 33), (5, 3, 300), (4, 8, 16), (7, 9, 5), (33, 65, 17),
    (6, 70, 513), (97, 10, 257), (100, 1030, 3), (80, 81, 90), (1, 3000, 20), (3000, 1, 20),
    (9, 37, 260), (14, 15, 16), (11, 13, 520), (101, 512, 9),
];

#[test]
fn products_are_sums_of_products() {
    two_heights();
    for size in SIZES {
        check::<f32>(size, 9);
        check::<f64>(size, 9);
    }
}

#[test]
fn threads_change_nothing() {
    two_heights();
    parallel::native(|| 1.0);
    parallel::set_threads(3);
    for size in SIZES {
        check::<f32>(size, 9);
    }
    check::<f32>((400, 90, 30), 1);
    check::<f64>((1, 5000, 200), 1);
    // Each round runs once, also when loops follow each other closely.
    for n in (0..300).chain([100_000]) {
        let seen: Vec<_> = (0..n).map(|_| std::sync::atomic::AtomicU8::new(0)).collect();
        parallel::parallel_for(n, 1, |range| {
            parallel::parallel_for(range.len(), 1, |inner| {
                for i in inner {
                    seen[range.start + i].fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                }
            });
        });
        assert!(seen.iter().all(|s| s.load(std::sync::atomic::Ordering::Relaxed) == 1));
    }
    assert!(!parallel::take_failure());
    // A part that fails on a worker is told, and the pool goes on.
    let main = std::thread::current().id();
    for _ in 0..1000 {
        parallel::parallel_for(64, 1, |_| {
            if std::thread::current().id() != main {
                std::panic::resume_unwind(Box::new("on purpose"));
            }
            std::thread::sleep(std::time::Duration::from_micros(50));
        });
        if parallel::take_failure() {
            return check::<f32>((130, 131, 132), 1);
        }
    }
    panic!("no worker took a part");
}
