//! Fourier transforms: three of them that are recorded, and PyTorch's names for their combinations.

use super::prelude::*;
use crate::kernels::fft::along;

/// How a transform is scaled: not, by the square root of the number of points, or by the number.
fn scaling(norm: Option<&String>, forward: bool) -> Result<i64> {
    match norm.map(String::as_str) {
        None | Some("backward") => Ok(if forward { 0 } else { 2 }),
        Some("forward") => Ok(if forward { 2 } else { 0 }),
        Some("ortho") => Ok(1),
        Some(other) => Err(Error::runtime(format!("Invalid normalization mode: \"{other}\""))),
    }
}

fn factor(points: f64, norm: i64) -> f64 {
    match norm {
        0 => 1.0,
        1 => points.sqrt().recip(),
        _ => points.recip(),
    }
}

fn transform(data: &mut [Complex<f64>], sizes: &[i64], dims: &[i64], forward: bool) {
    for &d in dims {
        let (length, inner) = (sizes[d as usize], sizes[d as usize + 1..].iter().product::<i64>());
        if !data.is_empty() {
            along(data, length as usize, inner as usize, forward);
        }
    }
}

fn points(sizes: &[i64], dims: &[i64]) -> f64 {
    dims.iter().map(|&d| sizes[d as usize] as f64).product()
}

fn check_kind(t: &Tensor, complex: bool) -> Result<()> {
    if t.dtype().is_complex() == complex {
        return Ok(());
    }
    let name = if complex { "complex" } else { "floating-point" };
    Err(Error::runtime(format!("expected a {name} tensor, but got {}", t.dtype().scalar_type())))
}

/// Every precision is computed in the widest.
fn complex_to_complex(t: &Tensor, dims: &[i64], norm: i64, forward: bool) -> Result {
    let mut data = t.to_vec::<Complex<f64>>();
    transform(&mut data, t.sizes(), dims, forward);
    let scale = factor(points(t.sizes(), dims), norm);
    data.iter_mut().for_each(|z| *z *= scale);
    Tensor::from_slice(&data, t.sizes())?.as_contiguous(t.dtype())
}

/// `onesided`: of the last of `dims` only what the symmetry does not give.
fn real_to_complex(t: &Tensor, dims: &[i64], norm: i64, onesided: bool) -> Result {
    let whole = complex_to_complex(&t.as_contiguous(DType::Complex128)?, dims, norm, true)?;
    let Some(&last) = dims.last() else { return whole.as_contiguous(t.dtype().to_complex()) };
    let half = if onesided { whole.narrow(last, 0i64, t.sizes()[last as usize] / 2 + 1)? } else { whole };
    half.as_contiguous(t.dtype().to_complex())
}

/// The inverse of a one-sided transform to `length` points along the last of `dims`.
fn complex_to_real(t: &Tensor, dims: &[i64], norm: i64, length: i64) -> Result {
    let Some((&last, rest)) = dims.split_last() else { return t.real() };
    let mut data = t.to_vec::<Complex<f64>>();
    transform(&mut data, t.sizes(), rest, false);
    // The other half is the conjugate of this one, backwards.
    check_points(length)?;
    let (have, n) = (t.sizes()[last as usize] as usize, length as usize);
    let inner: usize = t.sizes()[last as usize + 1..].iter().product::<i64>() as usize;
    let mut sizes = t.dims();
    sizes[last as usize] = length;
    let mut whole = vec![Complex::default(); sizes.iter().product::<i64>() as usize];
    if !data.is_empty() {
        for (to, from) in whole.chunks_exact_mut(n * inner).zip(data.chunks_exact(have * inner)) {
            for k in 0..n {
                let mirrored = k > n / 2;
                let source = if mirrored { n - k } else { k };
                for i in 0..inner {
                    let z = if source < have { from[source * inner + i] } else { Complex::default() };
                    to[k * inner + i] = if mirrored { z.conj() } else { z };
                }
            }
        }
    }
    transform(&mut whole, &sizes, &[last], false);
    let scale = factor(points(&sizes, dims), norm);
    let real: Vec<f64> = whole.iter().map(|z| z.re * scale).collect();
    Tensor::from_slice(&real, &sizes)?.as_contiguous(t.dtype().to_real())
}

/// The input in a dtype that can be transformed.
fn promoted(t: &Tensor, complex: bool) -> Result {
    let dtype = if t.dtype().is_integral() { crate::state::default_dtype() } else { t.dtype() };
    if matches!(dtype, DType::Float16 | DType::BFloat16) {
        return Err(Error::not_implemented(format!("Unsupported dtype {}", dtype.scalar_type())));
    }
    crate::ops::cast(t, if complex { dtype.to_complex() } else { dtype })
}

fn check_points(n: i64) -> Result<()> {
    if n > 0 { Ok(()) } else { Err(Error::runtime(format!("Invalid number of data points ({n}) specified"))) }
}

/// Cut off, or filled up with zeros, to these sizes along `dims`.
fn fitted(t: &Tensor, dims: &[i64], sizes: &[i64]) -> Result {
    let mut t = t.clone();
    for (&d, &n) in dims.iter().zip(sizes) {
        let have = t.sizes()[d as usize];
        if have > n {
            t = t.narrow(d, 0i64, n)?;
        } else if have < n {
            let mut pad = Dims::from_elem(0, 2 * (t.ndim() - d as usize));
            if let Some(end) = pad.last_mut() {
                *end = n - have;
            }
            t = t.constant_pad_nd(&pad, 0i64)?;
        }
    }
    Ok(t)
}

/// The one dimension of a transform, and how many points of it are asked for.
fn one(t: &Tensor, n: Option<i64>, dim: i64) -> Result<(i64, i64)> {
    if t.ndim() == 0 {
        return Err(Error::no_dimensions(dim));
    }
    let dim = wrap_dim(dim, t.ndim())? as i64;
    let n = n.unwrap_or_else(|| t.sizes()[dim as usize]);
    Ok((dim, n))
}

fn forward_or_back(t: &Tensor, n: Option<i64>, dim: i64, norm: Option<&String>, forward: bool) -> Result {
    let t = promoted(t, false)?;
    let (dim, n) = one(&t, n, dim)?;
    check_points(n)?;
    let t = fitted(&t, &[dim], &[n])?;
    let norm = scaling(norm, forward)?;
    if t.dtype().is_complex() {
        return t._fft_c2c([dim], norm, forward);
    }
    let out = t._fft_r2c([dim], norm, false);
    if forward { out } else { out.conj() }
}

fn to_half(name: &str, t: &Tensor, n: Option<i64>, dim: i64, norm: Option<&String>, forward: bool) -> Result {
    if t.dtype().is_complex() {
        return Err(Error::type_error(format!("{name} expects a real input tensor, but got {}", t.dtype().scalar_type())));
    }
    let t = promoted(t, false)?;
    let (dim, n) = one(&t, n, dim)?;
    check_points(n)?;
    let out = fitted(&t, &[dim], &[n])?._fft_r2c([dim], scaling(norm, forward)?, true);
    if forward { out } else { out.conj() }
}

fn from_half(t: &Tensor, n: Option<i64>, dim: i64, norm: Option<&String>, forward: bool) -> Result {
    let t = promoted(t, true)?;
    let (dim, n) = match n {
        Some(_) => one(&t, n, dim)?,
        None => one(&t, None, dim).map(|(dim, n)| (dim, 2 * (n - 1)))?,
    };
    check_points(n)?;
    let t = fitted(&t, &[dim], &[n / 2 + 1])?;
    let norm = scaling(norm, forward)?;
    if forward { t.conj()._fft_c2r([dim], norm, n) } else { t._fft_c2r([dim], norm, n) }
}

/// The dimensions of a transform of several, and the points along each.
fn several(t: &Tensor, s: &Option<Dims>, dim: &Option<Dims>) -> Result<(Dims, Dims)> {
    let ndim = t.ndim();
    let mut dims = Dims::new();
    if let Some(given) = dim {
        for &d in given.iter() {
            if ndim == 0 {
                return Err(Error::no_dimensions(d));
            }
            dims.push(wrap_dim(d, ndim)? as i64);
        }
        if (1..dims.len()).any(|i| dims[..i].contains(&dims[i])) {
            return Err(Error::runtime("FFT dims must be unique"));
        }
    }
    let mut sizes = s.clone().unwrap_or_default();
    match (s, dim) {
        (Some(s), Some(dim)) if s.len() != dim.len() => {
            return Err(Error::runtime("When given, dim and shape arguments must have the same length"));
        }
        (Some(s), None) => {
            if s.len() > ndim {
                return Err(Error::runtime(format!(
                    "Got shape with {} values but input tensor only has {ndim} dimensions.", s.len()
                )));
            }
            dims = ((ndim - s.len()) as i64..ndim as i64).collect();
        }
        (None, None) => dims = (0..ndim as i64).collect(),
        _ => {}
    }
    if s.is_none() {
        sizes = Dims::from_elem(-1, dims.len());
    }
    for (n, &d) in sizes.iter_mut().zip(&dims) {
        if *n == -1 {
            *n = t.sizes()[d as usize];
        }
        check_points(*n)?;
    }
    Ok((dims, sizes))
}

fn forward_or_back_n(t: &Tensor, s: &Option<Dims>, dim: &Option<Dims>, norm: Option<&String>, forward: bool) -> Result {
    let (dims, sizes) = several(t, s, dim)?;
    let t = promoted(t, true)?;
    fitted(&t, &dims, &sizes)?._fft_c2c(&dims, scaling(norm, forward)?, forward)
}

fn some_axis(name: &str, dims: &Dims) -> Result<()> {
    if dims.is_empty() { Err(Error::runtime(format!("{name} must transform at least one axis"))) } else { Ok(()) }
}

fn to_half_n(t: &Tensor, s: &Option<Dims>, dim: &Option<Dims>, norm: Option<&String>, forward: bool) -> Result {
    if t.dtype().is_complex() {
        let name = t.dtype().scalar_type();
        return Err(Error::type_error(if forward {
            format!("rfftn expects a real-valued input tensor, but got {name}")
        } else {
            format!("Only supports floating-point dtypes, but found: {name}")
        }));
    }
    let (dims, sizes) = several(t, s, dim)?;
    some_axis(if forward { "rfftn" } else { "ihfftn" }, &dims)?;
    let t = fitted(&promoted(t, false)?, &dims, &sizes)?;
    let norm = scaling(norm, forward)?;
    if forward {
        return t._fft_r2c(&dims, norm, true);
    }
    let (rest, last) = dims.split_at(dims.len() - 1);
    let half = t._fft_r2c(last, norm, true).conj()?;
    if rest.is_empty() { Ok(half) } else { half._fft_c2c(rest, norm, false) }
}

fn from_half_n(t: &Tensor, s: &Option<Dims>, dim: &Option<Dims>, norm: Option<&String>, forward: bool) -> Result {
    let (dims, mut sizes) = several(t, s, dim)?;
    some_axis(if forward { "hfftn" } else { "irfftn" }, &dims)?;
    let last = sizes.len() - 1;
    let given = s.as_ref().is_some_and(|s| s[last] != -1);
    let length = if given { sizes[last] } else { 2 * (sizes[last] - 1) };
    check_points(length)?;
    sizes[last] = length / 2 + 1;
    let t = fitted(&promoted(t, true)?, &dims, &sizes)?;
    let norm = scaling(norm, forward)?;
    if !forward {
        return t._fft_c2r(&dims, norm, length);
    }
    let (rest, last) = dims.split_at(dims.len() - 1);
    let t = if rest.is_empty() { t } else { t._fft_c2c(rest, norm, true)? };
    t.conj()._fft_c2r(last, norm, length)
}

/// The gradient of a transform to half a spectrum: what was left out is zero.
fn half_grad(g: &Tensor, sizes: &Dims, dim: &Dims, norm: i64, onesided: bool) -> Result {
    let whole = match dim.last() {
        Some(&last) if onesided => fitted(g, &[last], &[sizes[last as usize]])?,
        _ => g.clone(),
    };
    whole._fft_c2c(dim, norm, false).real()
}

/// The gradient of a transform from half a spectrum: all but the ends stand for two.
fn whole_grad(g: &Tensor, dim: &Dims, norm: i64) -> Result {
    let half = g._fft_r2c(dim, norm, true)?;
    let Some(&last) = dim.last() else { return Ok(half) };
    let (n, kept) = (g.sizes()[last as usize], half.sizes()[last as usize]);
    let weights: Vec<f64> = (0..kept).map(|k| if k >= 1 && k <= n - kept { 2.0 } else { 1.0 }).collect();
    let mut each = Dims::from_elem(1, g.ndim());
    each[last as usize] = kept;
    half.mul(Tensor::from_slice(&weights, &each)?.as_contiguous(half.dtype().to_real())?)
}

/// The dimensions rolled by half their sizes, rounded down or up.
fn shifted(t: &Tensor, dim: &Option<Dims>, up: i64) -> Result {
    let dims: Dims = match dim {
        Some(dims) => dims.clone(),
        None => (0..t.ndim() as i64).collect(),
    };
    let half = |d: &i64| Ok((t.sizes()[wrap_dim(*d, t.ndim())?] + up) / 2);
    let shifts = dims.iter().map(half).collect::<Result<Dims>>()?;
    t.roll(&shifts, &dims)
}

/// The frequencies of a transform of `n` points, `d` apart: from zero up, and after `up` of them from below.
fn frequencies(n: i64, count: i64, up: i64, d: f64, dtype: Option<DType>) -> Result {
    let dtype = dtype.unwrap_or_else(crate::state::default_dtype);
    if !dtype.is_floating_point() && !dtype.is_complex() {
        return Err(Error::value(format!("fftfreq requires a floating point or complex dtype, got {}", dtype.scalar_type())));
    }
    let values: Vec<f64> = (0..count).map(|k| if k < up { k as f64 } else { (k - n) as f64 }).collect();
    Tensor::from_slice(&values, &[count])?.as_contiguous(dtype)?.mul(1.0 / (n as f64 * d))
}

ops! { TABLE, FftOps;
    /// The transform of complex numbers along `dim`, scaled as `normalization` says.
    fn _fft_c2c(input: Tensor, dim: Dims, normalization: i64, forward: bool) [hidden, FftC2CBackward0] eval {
        check_kind(&input, true)?;
        complex_to_complex(&input, &dim, normalization, forward)
    }
        d input = |g, dim, normalization, forward| g._fft_c2c(&dim, normalization, !forward);

    /// The transform of real numbers along `dim`.
    fn _fft_r2c(input: Tensor, dim: Dims, normalization: i64, onesided: bool) [hidden, FftR2CBackward0] eval {
        check_kind(&input, false)?;
        real_to_complex(&input, &dim, normalization, onesided)
    }
        d input = |g, sizes, dim, normalization, onesided| half_grad(g, &sizes, &dim, normalization, onesided);

    /// The real inverse of a one-sided transform.
    fn _fft_c2r(input: Tensor, dim: Dims, normalization: i64, last_dim_size: i64) [hidden, FftC2RBackward0] eval {
        check_kind(&input, true)?;
        complex_to_real(&input, &dim, normalization, last_dim_size)
    }
        d input = |g, dim, normalization| whole_grad(g, &dim, normalization);

    /// The discrete Fourier transform along one dimension.
    fn fft "fft.fft"(input: Tensor, n: Option<i64> = "null", dim: i64 = "-1", norm: Option<String> = "null") [] compose {
        forward_or_back(&input, n, dim, norm.as_ref(), true)
    };
    /// The inverse of `fft`.
    fn ifft "fft.ifft"(input: Tensor, n: Option<i64> = "null", dim: i64 = "-1", norm: Option<String> = "null") [] compose {
        forward_or_back(&input, n, dim, norm.as_ref(), false)
    };
    /// `fft` of real numbers: the first half, from which the rest follows.
    fn rfft "fft.rfft"(input: Tensor, n: Option<i64> = "null", dim: i64 = "-1", norm: Option<String> = "null") [] compose {
        to_half("rfft", &input, n, dim, norm.as_ref(), true)
    };
    /// The inverse of `rfft`.
    fn irfft "fft.irfft"(input: Tensor, n: Option<i64> = "null", dim: i64 = "-1", norm: Option<String> = "null") [] compose {
        from_half(&input, n, dim, norm.as_ref(), false)
    };
    /// The transform of a Hermitian signal, of which the first half is given: real numbers.
    fn hfft "fft.hfft"(input: Tensor, n: Option<i64> = "null", dim: i64 = "-1", norm: Option<String> = "null") [] compose {
        from_half(&input, n, dim, norm.as_ref(), true)
    };
    /// The inverse of `hfft`.
    fn ihfft "fft.ihfft"(input: Tensor, n: Option<i64> = "null", dim: i64 = "-1", norm: Option<String> = "null") [] compose {
        to_half("ihfft", &input, n, dim, norm.as_ref(), false)
    };

    /// The discrete Fourier transform along several dimensions.
    fn fftn "fft.fftn"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "null", norm: Option<String> = "null") [] compose {
        forward_or_back_n(&input, &s, &dim, norm.as_ref(), true)
    };
    /// The inverse of `fftn`.
    fn ifftn "fft.ifftn"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "null", norm: Option<String> = "null") [] compose {
        forward_or_back_n(&input, &s, &dim, norm.as_ref(), false)
    };
    /// `fftn` of real numbers: the first half along the last dimension.
    fn rfftn "fft.rfftn"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "null", norm: Option<String> = "null") [] compose {
        to_half_n(&input, &s, &dim, norm.as_ref(), true)
    };
    /// The inverse of `rfftn`.
    fn irfftn "fft.irfftn"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "null", norm: Option<String> = "null") [] compose {
        from_half_n(&input, &s, &dim, norm.as_ref(), false)
    };
    /// The transform along several dimensions of a signal that is Hermitian along the last.
    fn hfftn "fft.hfftn"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "null", norm: Option<String> = "null") [] compose {
        from_half_n(&input, &s, &dim, norm.as_ref(), true)
    };
    /// The inverse of `hfftn`.
    fn ihfftn "fft.ihfftn"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "null", norm: Option<String> = "null") [] compose {
        to_half_n(&input, &s, &dim, norm.as_ref(), false)
    };

    /// `fftn` along the last two dimensions.
    fn fft2 "fft.fft2"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "[-2, -1]", norm: Option<String> = "null") [] compose {
        forward_or_back_n(&input, &s, &dim, norm.as_ref(), true)
    };
    /// The inverse of `fft2`.
    fn ifft2 "fft.ifft2"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "[-2, -1]", norm: Option<String> = "null") [] compose {
        forward_or_back_n(&input, &s, &dim, norm.as_ref(), false)
    };
    /// `rfftn` along the last two dimensions.
    fn rfft2 "fft.rfft2"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "[-2, -1]", norm: Option<String> = "null") [] compose {
        to_half_n(&input, &s, &dim, norm.as_ref(), true)
    };
    /// The inverse of `rfft2`.
    fn irfft2 "fft.irfft2"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "[-2, -1]", norm: Option<String> = "null") [] compose {
        from_half_n(&input, &s, &dim, norm.as_ref(), false)
    };
    /// `hfftn` along the last two dimensions.
    fn hfft2 "fft.hfft2"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "[-2, -1]", norm: Option<String> = "null") [] compose {
        from_half_n(&input, &s, &dim, norm.as_ref(), true)
    };
    /// The inverse of `hfft2`.
    fn ihfft2 "fft.ihfft2"(input: Tensor, s: Option<Dims> = "null", dim: Option<Dims> = "[-2, -1]", norm: Option<String> = "null") [] compose {
        to_half_n(&input, &s, &dim, norm.as_ref(), false)
    };

    /// The spectrum with zero frequency in the middle.
    fn fftshift "fft.fftshift"(input: Tensor, dim: Option<Dims> = "null") [] compose { shifted(&input, &dim, 0) };
    /// The inverse of `fftshift`.
    fn ifftshift "fft.ifftshift"(input: Tensor, dim: Option<Dims> = "null") [] compose { shifted(&input, &dim, 1) };
    /// The frequencies of `fft` of `n` points that are `d` apart.
    fn fftfreq "fft.fftfreq"(n: i64, d: f64 = "1.0"; dtype: Option<DType> = "null") [create] eval {
        frequencies(n, n, (n + 1) / 2, d, dtype)
    };
    /// The frequencies of `rfft`.
    fn rfftfreq "fft.rfftfreq"(n: i64, d: f64 = "1.0"; dtype: Option<DType> = "null") [create] eval {
        frequencies(n, n / 2 + 1, n / 2 + 1, d, dtype)
    };
}
