//! Samples: Fourier transforms.

use super::Rows;

#[rustfmt::skip]
pub const ROWS: Rows = &[
    ("_fft_c2c", "x(3,4), [1], 0, true"),
    ("_fft_c2c", "x(3,4), [0, 1], 1, false"),
    ("_fft_r2c", "x(3,4), [1], 0, true"),
    ("_fft_r2c", "x(3,5), [0, 1], 2, true"),
    ("_fft_r2c", "x(3,4), [0], 1, false"),
    ("_fft_c2r", "x(3,4), [1], 0, 6"),
    ("_fft_c2r", "x(3,4), [0, 1], 1, 7"),
];
