//! Short-time Fourier transforms: the spectrum of each frame of a signal, and the signal back.

use super::prelude::*;
use crate::autograd::call_in_place;

/// What both transforms are asked to do, and how their messages show it.
struct Frames {
    n_fft: i64,
    length: i64,
    normalized: bool,
    onesided: Option<bool>,
    shown: String,
}

fn flag(on: Option<bool>) -> String {
    on.map_or("None".into(), |on| i64::from(on).to_string())
}

fn shown_window(window: Option<&Tensor>) -> String {
    window.map_or("None".into(), |w| format!("torch.{}Tensor{{{:?}}}", w.dtype().class_prefix(), w.sizes()))
}

impl Frames {
    fn fail<T>(&self, why: impl std::fmt::Display) -> Result<T> {
        Err(Error::runtime(format!("{} : {why}", self.shown)))
    }

    /// The window, in the middle of zeros up to the length of a transform.
    fn padded(&self, window: &Tensor) -> Result {
        if self.length == self.n_fft {
            return Ok(window.clone());
        }
        let left = (self.n_fft - self.length) / 2;
        window.constant_pad_nd([left, self.n_fft - self.length - left], 0i64)
    }

    fn norm(&self, inverse: bool) -> i64 {
        if self.normalized { 1 } else if inverse { 2 } else { 0 }
    }
}

#[allow(clippy::too_many_arguments)]
fn spectra(input: &Tensor, n_fft: i64, hop: Option<i64>, length: Option<i64>, window: Option<&Tensor>, normalized: bool,
    onesided: Option<bool>, return_complex: Option<bool>, align: Option<bool>) -> Result {
    let (hop, length) = (hop.unwrap_or(n_fft / 4), length.unwrap_or(n_fft));
    let shown = format!(
        "stft(torch.{}Tensor{:?}, n_fft={n_fft}, hop_length={hop}, win_length={length}, window={}, normalized={}, \
         onesided={}, return_complex={}, align_to_window={})",
        input.dtype().class_prefix(), input.sizes(), shown_window(window), i64::from(normalized), flag(onesided),
        flag(return_complex), flag(align)
    );
    let f = Frames { n_fft, length, normalized, onesided, shown };
    if input.dtype().is_integral() {
        return Err(Error::not_implemented(format!("{} : expected a tensor of floating point or complex values", f.shown)));
    }
    if !matches!(input.ndim(), 1 | 2) {
        return f.fail("expected a 1D or 2D tensor");
    }
    let complex = input.dtype().is_complex() || window.is_some_and(|w| w.dtype().is_complex());
    let Some(return_complex) = return_complex.or(complex.then_some(true)) else {
        return Err(Error::runtime(
            "stft requires the return_complex parameter be given for real inputs, and will further require that \
             return_complex=True in a future PyTorch release.",
        ));
    };
    let batch = if input.ndim() == 1 { input.unsqueeze(0i64)? } else { input.clone() };
    let samples = batch.sizes()[1];
    if n_fft <= 0 || n_fft > samples {
        return f.fail(format!("expected 0 < n_fft < {samples}, but got n_fft={n_fft}"));
    }
    if hop <= 0 {
        return f.fail(format!("expected hop_length > 0, but got hop_length={hop}"));
    }
    if length <= 0 || length > n_fft {
        return f.fail(format!("expected 0 < win_length <= n_fft, but got win_length={length}"));
    }
    if let Some(w) = window.filter(|w| w.sizes() != [length]) {
        return f.fail(format!(
            "expected a 1D window tensor of size equal to win_length={length}, but got window with size {:?}", w.sizes()
        ));
    }
    let onesided = f.onesided.unwrap_or(!complex);
    if onesided && complex {
        return Err(Error::runtime("Cannot have onesided output if window or input is complex"));
    }
    let window = match window {
        Some(w) => Some(f.padded(w)?),
        None if length < n_fft => Some(f.padded(&Tensor::full(&[length], Scalar::Int(1), input.dtype())?)?),
        None => None,
    };
    let count = 1 + (samples - n_fft) / hop;
    let (s, offset) = (batch.strides().to_vec(), batch.layout().offset);
    let frames = batch.as_strided([batch.sizes()[0], count, n_fft], [s[0], hop * s[1], s[1]], offset)?;
    let frames = match &window {
        Some(w) => frames.mul(w)?,
        None => frames,
    };
    let out = if frames.dtype().is_complex() {
        frames._fft_c2c([2], f.norm(false), true)?
    } else {
        frames._fft_r2c([2], f.norm(false), onesided)?
    };
    let int = |i: i64| Value::Scalar(Scalar::Int(i));
    let mut out = call_in_place(super::views::transpose_entry(), &[Value::Tensor(out), int(1), int(2)])?;
    if input.ndim() == 1 {
        out = call_in_place(super::views::squeeze_entry(), &[Value::Tensor(out), int(0)])?;
    }
    if return_complex { Ok(out) } else { out.view_as_real() }
}

#[allow(clippy::too_many_arguments)]
fn signal(input: &Tensor, n_fft: i64, hop: Option<i64>, win_length: Option<i64>, window: Option<&Tensor>, center: bool,
    normalized: bool, onesided: Option<bool>, length: Option<i64>, return_complex: bool) -> Result {
    let (hop, taken) = (hop.unwrap_or(n_fft / 4), win_length.unwrap_or(n_fft));
    let shown = format!(
        "istft(CPU{}Type{:?}, n_fft={n_fft}, hop_length={hop}, win_length={taken}, window={}, center={}, normalized={}, \
         onesided={}, length={}, return_complex={})",
        input.dtype().class_prefix(), input.sizes(), shown_window(window), i64::from(center), i64::from(normalized),
        flag(onesided), length.map_or("None".into(), |n| n.to_string()), i64::from(return_complex)
    );
    let f = Frames { n_fft, length: taken, normalized, onesided, shown };
    if !input.dtype().is_complex() {
        return Err(Error::type_error(
            "istft requires a complex-valued input tensor matching the output from stft with return_complex=True.",
        ));
    }
    if input.numel() == 0 {
        return f.fail("input tensor cannot be empty");
    }
    if input.ndim() < 2 {
        return Err(Error::dim_range(-3, input.ndim() + 1));
    }
    if input.ndim() > 3 {
        return f.fail(format!("expected a tensor with 3 or 4 dimensions, but got {}", input.ndim() + 1));
    }
    let spectrum = if input.ndim() == 2 { input.unsqueeze(0i64)? } else { input.clone() };
    let (have, count) = (spectrum.sizes()[1], spectrum.sizes()[2]);
    let onesided = f.onesided.unwrap_or(have != n_fft);
    if onesided && n_fft / 2 + 1 != have {
        return f.fail(format!(
            "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft / 2 + 1 when \
             onesided=True, but got {have}"
        ));
    }
    if !onesided && n_fft != have {
        return f.fail(format!(
            "expected the frequency dimension (3rd to the last) of the input tensor to match n_fft when onesided=False, \
             but got {have}"
        ));
    }
    if hop <= 0 || hop > taken {
        return f.fail("expected 0 < hop_length <= win_length");
    }
    if taken <= 0 || taken > n_fft {
        return f.fail("expected 0 < win_length <= n_fft");
    }
    if window.is_some_and(|w| w.sizes() != [taken]) {
        return f.fail("Invalid window shape. window has to be 1D and length of `win_length`");
    }
    if onesided && return_complex {
        return Err(Error::runtime("Cannot have onesided output if window or input is complex"));
    }
    let window = match window {
        Some(w) => w.clone(),
        None => Tensor::full(&[taken], Scalar::Int(1), input.dtype().to_real())?,
    };
    let window = f.padded(&window)?;
    let spectrum = spectrum.transpose(1i64, 2i64)?;
    let frames = if return_complex {
        spectrum._fft_c2c([2], f.norm(true), false)?
    } else {
        let half = if onesided { spectrum } else { spectrum.narrow(2i64, 0i64, n_fft / 2 + 1)? };
        half._fft_c2r([2], f.norm(true), n_fft)?
    };
    // Frames and squares of windows added up where they lie in the signal.
    let (batch, whole) = (frames.sizes()[0], n_fft + hop * (count - 1));
    let added = |t: &Tensor, rows: i64| t._strided_add([rows * whole], [whole, hop, 1], 0i64).view([rows, whole]);
    let weighted = frames.mul(window.view([1, 1, n_fft])?)?;
    let squares = window.pow_scalar(2i64)?.expand([1, count, n_fft])?;
    let start = if center { n_fft / 2 } else { 0 };
    let end = match length {
        Some(n) => start + n,
        None if center => whole - n_fft / 2,
        None => whole,
    };
    let kept = (end.min(whole) - start).max(0);
    let (sum, envelope) = (added(&weighted, batch)?.narrow(1i64, start, kept)?, added(&squares, 1)?.narrow(1i64, start, kept)?);
    if envelope.to_vec::<Complex<f64>>().iter().any(|w| w.norm() <= 1e-11) {
        return Err(Error::runtime(format!("{} window overlap add min: 1\n[ CPUBoolType{{}} ]", f.shown)));
    }
    let mut out = sum.true_divide(&envelope)?;
    if input.ndim() == 2 {
        out = out.squeeze_dim(0i64)?;
    }
    if end > whole {
        crate::state::warn("The length of signal is shorter than the length parameter. Result is being padded with zeros in \
            the tail. Please check your center and hop_length settings.");
        out = out.constant_pad_nd([0, end - whole], 0i64)?;
    }
    Ok(out)
}

ops! { TABLE, StftOps;
    /// The spectra of overlapping frames of a signal, each weighted by a window.
    fn stft(input: Tensor, n_fft: i64, hop_length: Option<i64> = "null", win_length: Option<i64> = "null",
        window: Option<Tensor> = "null", center: bool = "true", pad_mode: String = "'reflect'", normalized: bool = "false",
        onesided: Option<bool> = "null", return_complex: Option<bool> = "null", align_to_window: Option<bool> = "null") [] compose {
        let mut padded = input;
        if center {
            let (sizes, ends) = (padded.dims(), n_fft / 2);
            let mut three = Dims::from_elem(1, 3usize.saturating_sub(sizes.len()));
            three.extend(sizes.iter().copied());
            padded = padded.view(&three)?.pad([ends, ends], &pad_mode, ())?;
            let longest = padded.sizes()[padded.ndim() - 1];
            let mut back = sizes;
            if let Some(last) = back.last_mut() { *last = longest; }
            padded = padded.view(&back)?;
        }
        spectra(&padded, n_fft, hop_length, win_length, window.as_ref(), normalized, onesided, return_complex, align_to_window)
    };
    /// The signal whose frames have these spectra.
    fn istft(input: Tensor, n_fft: i64, hop_length: Option<i64> = "null", win_length: Option<i64> = "null",
        window: Option<Tensor> = "null", center: bool = "true", normalized: bool = "false", onesided: Option<bool> = "null",
        length: Option<i64> = "null", return_complex: bool = "false") [] compose {
        signal(&input, n_fft, hop_length, win_length, window.as_ref(), center, normalized, onesided, length, return_complex)
    };
}
