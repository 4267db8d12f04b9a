//! Windows: weights that fade a piece of a signal in and out.

use super::prelude::*;
use crate::kernels::bessel::i0;
use std::f64::consts::{PI, SQRT_2};

/// The dtype of a window of `torch.signal.windows`, its length having been checked too.
fn checked(name: &str, length: i64, layout: &Option<String>, dtype: Option<DType>) -> Result<DType> {
    if length < 0 {
        return Err(Error::value(format!("{name} requires non-negative window length, got M={length}")));
    }
    if let Some(other) = layout.as_deref().map(|l| l.trim_start_matches("torch.")).filter(|l| *l != "strided") {
        return Err(Error::value(format!("{name} is implemented for strided tensors only, got: torch.{other}")));
    }
    let dtype = dtype.unwrap_or_else(crate::state::default_dtype);
    if !matches!(dtype, DType::Float32 | DType::Float64) {
        return Err(Error::value(format!("{name} expects float32 or float64 dtypes, got: torch.{}", dtype.name())));
    }
    Ok(dtype)
}

/// `f` of `0, 1, ...`; a window of one element is one.
fn window(length: i64, dtype: DType, f: impl Fn(f64) -> f64) -> Result {
    let values: Vec<f64> = (0..length).map(|k| if length == 1 { 1.0 } else { f(k as f64) }).collect();
    Tensor::from_slice(&values, &[length])?.as_contiguous(dtype)
}

/// The steps of a whole window: a periodic one leaves out the last point of a symmetric one.
fn steps(length: i64, symmetric: bool) -> f64 {
    (if symmetric || length == 1 { length - 1 } else { length }) as f64
}

/// A number as Python prints it.
fn python(x: Scalar) -> String {
    match x {
        Scalar::Float(x) => format!("{x:?}"),
        other => format!("{}", other.to_f64()),
    }
}

fn cosines(length: i64, symmetric: bool, a: &[f64], dtype: DType) -> Result {
    let step = 2.0 * PI / steps(length, symmetric);
    window(length, dtype, |k| {
        a.iter().enumerate().map(|(i, w)| if i % 2 == 0 { *w } else { -w } * (i as f64 * k * step).cos()).sum()
    })
}

fn general_cosine(length: i64, symmetric: bool, a: &[f64], layout: &Option<String>, dtype: Option<DType>) -> Result {
    let dtype = checked("general_cosine", length, layout, dtype)?;
    cosines(length, symmetric, a, dtype)
}

fn kaiser_of(length: i64, symmetric: bool, beta: f64, dtype: DType) -> Result {
    let half = steps(length, symmetric) / 2.0;
    window(length, dtype, |k| {
        let x = (k - half) / half;
        i0(beta * (1.0 - x * x).max(0.0).sqrt()) / i0(beta)
    })
}

/// The dtype of `hann_window` and its like, the length having been checked too.
fn checked_plain(name: &str, length: i64, dtype: Option<DType>) -> Result<DType> {
    let dtype = dtype.unwrap_or_else(crate::state::default_dtype);
    if dtype.is_integral() {
        return Err(Error::runtime(format!(
            "{name} expects floating point dtypes, got: TensorOptions(dtype={}, device=cpu, layout=Strided (default), \
             requires_grad=false (default), pinned_memory=false, memory_format=(nullopt))",
            dtype.cpp_name()
        )));
    }
    if length < 0 {
        return Err(Error::runtime(format!("{name} requires non-negative window_length, got window_length={length}")));
    }
    if dtype.is_complex() { Err(Error::dtype("arange_cpu", dtype)) } else { Ok(dtype) }
}

ops! { TABLE, WindowOps;
    /// A triangle; `periodic` leaves out the last point.
    fn bartlett_window(window_length: i64, periodic: bool = "true"; dtype: Option<DType> = "null") [create] eval {
        let dtype = checked_plain("bartlett_window", window_length, dtype)?;
        let n = steps(window_length, !periodic);
        window(window_length, dtype, |k| 1.0 - (2.0 * k / n - 1.0).abs())
    };
    /// The window of Blackman, of three cosines.
    fn blackman_window(window_length: i64, periodic: bool = "true"; dtype: Option<DType> = "null") [create] eval {
        cosines(window_length, !periodic, &[0.42, 0.5, 0.08], checked_plain("blackman_window", window_length, dtype)?)
    };
    /// The window of Hamming: `alpha` less `beta` times a cosine.
    fn hamming_window(window_length: i64, periodic: bool = "true", alpha: f64 = "0.54", beta: f64 = "0.46";
        dtype: Option<DType> = "null") [create] eval {
        cosines(window_length, !periodic, &[alpha, beta], checked_plain("hamming_window", window_length, dtype)?)
    };
    /// The window of Hann, a period of a cosine.
    fn hann_window(window_length: i64, periodic: bool = "true"; dtype: Option<DType> = "null") [create] eval {
        cosines(window_length, !periodic, &[0.5, 0.5], checked_plain("hann_window", window_length, dtype)?)
    };
    /// The window of Kaiser, of Bessel functions; `beta` narrows it.
    fn kaiser_window(window_length: i64, periodic: bool = "true", beta: f64 = "12"; dtype: Option<DType> = "null") [create] eval {
        kaiser_of(window_length, !periodic, beta, checked_plain("kaiser_window", window_length, dtype)?)
    };

    /// A triangle.
    fn signal_bartlett "signal.windows.bartlett"(M: i64; sym: bool = "true", dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        let dtype = checked("bartlett", M, &layout, dtype)?;
        let n = steps(M, sym);
        window(M, dtype, |k| 1.0 - (2.0 * k / n - 1.0).abs())
    };
    /// The window of Blackman, of three cosines.
    fn signal_blackman "signal.windows.blackman"(M: i64; sym: bool = "true", dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        let dtype = checked("blackman", M, &layout, dtype)?;
        cosines(M, sym, &[0.42, 0.5, 0.08], dtype)
    };
    /// Half a period of a sine.
    fn signal_cosine "signal.windows.cosine"(M: i64; sym: bool = "true", dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        let dtype = checked("cosine", M, &layout, dtype)?;
        let n = steps(M, sym) + 1.0;
        window(M, dtype, |k| ((k + 0.5) * PI / n).sin())
    };
    /// Exponentials that fall off to both sides of `center`, `tau` wide.
    fn signal_exponential "signal.windows.exponential"(M: i64; center: Option<f64> = "null", tau: Scalar = "1.0",
        sym: bool = "true", dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        let dtype = checked("exponential", M, &layout, dtype)?;
        if tau.to_f64() <= 0.0 { return Err(Error::value(format!("Tau must be positive, got: {} instead.", python(tau)))); }
        if sym && center.is_some() { return Err(Error::value("Center must be None for symmetric windows")); }
        let center = center.unwrap_or(steps(M, sym) / 2.0);
        let values: Vec<f64> = (0..M).map(|k| (-((k as f64 - center) / tau.to_f64()).abs()).exp()).collect();
        Tensor::from_slice(&values, &[M])?.as_contiguous(dtype)
    };
    /// The bell curve of deviation `std`.
    fn signal_gaussian "signal.windows.gaussian"(M: i64; std: Scalar = "1.0", sym: bool = "true",
        dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        let dtype = checked("gaussian", M, &layout, dtype)?;
        let deviation = std.to_f64();
        if deviation <= 0.0 {
            return Err(Error::value(format!("Standard deviation must be positive, got: {} instead.", python(std)))); }
        let center = steps(M, sym) / 2.0;
        window(M, dtype, |k| (-((k - center) / (deviation * SQRT_2)).powi(2)).exp())
    };
    /// A sum of cosines with weights `a`.
    fn signal_general_cosine "signal.windows.general_cosine"(M: i64; a: Option<Floats> = "undefined", sym: bool = "true",
        dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        let dtype = checked("general_cosine", M, &layout, dtype)?;
        let Some(a) = a else { return Err(Error::type_error("Coefficients must be a list/tuple")) };
        if a.0.is_empty() { return Err(Error::value("Coefficients cannot be empty")); }
        cosines(M, sym, &a.0, dtype)
    };
    /// `alpha` less `1 - alpha` times a cosine.
    fn signal_general_hamming "signal.windows.general_hamming"(M: i64; alpha: f64 = "0.54", sym: bool = "true",
        dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval { general_cosine(M, sym, &[alpha, 1.0 - alpha], &layout, dtype) };
    /// The window of Hamming.
    fn signal_hamming "signal.windows.hamming"(M: i64; sym: bool = "true", dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        general_cosine(M, sym, &[0.54, 0.46], &layout, dtype)
    };
    /// The window of Hann, a period of a cosine.
    fn signal_hann "signal.windows.hann"(M: i64; sym: bool = "true", dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        general_cosine(M, sym, &[0.5, 0.5], &layout, dtype)
    };
    /// The window of Kaiser, of Bessel functions; `beta` narrows it.
    fn signal_kaiser "signal.windows.kaiser"(M: i64; beta: Scalar = "12.0", sym: bool = "true",
        dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        let dtype = checked("kaiser", M, &layout, dtype)?;
        if beta.to_f64() < 0.0 { return Err(Error::value(format!("beta must be non-negative, got: {} instead.", python(beta)))); }
        kaiser_of(M, sym, beta.to_f64(), dtype)
    };
    /// The window of Nuttall, of four cosines.
    fn signal_nuttall "signal.windows.nuttall"(M: i64; sym: bool = "true", dtype: Option<DType> = "null",
        layout: Option<String> = "null") [create] eval {
        general_cosine(M, sym, &[0.3635819, 0.4891775, 0.1365995, 0.0106411], &layout, dtype)
    };
}
