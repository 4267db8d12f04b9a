//! Max and average pooling over fixed windows.

use super::{by, linked, pair, triple};
use crate::kernels::pool::Windows;
use crate::kernels::simd::{F32x4, F64x2};
use crate::ops::loops::{Arith, Real};
use crate::ops::prelude::*;
use crate::parallel::{grain, parallel_for, Shared};

/// The numbers of a pooling, one for each spatial dimension.
pub(super) struct Pool {
    kernel: Dims,
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    ceil: bool,
}

fn count_word(n: usize) -> &'static str {
    if n == 2 { "two" } else { "three" }
}

impl Pool {
    /// One number stands for all dimensions; a stride left out or empty is the kernel.
    fn new(name: &str, n: usize, kernel: &Dims, stride: Option<&Dims>, padding: &Dims, dilation: &Dims, ceil: bool) -> Result<Pool> {
        // The words of PyTorch's sentences differ a little from pool to pool.
        let either = if name == "avg_pool3d" { "" } else { "either " };
        let fits = |list: &Dims| list.len() == 1 || list.len() == n;
        let fail = |what: &str, lead: &str| {
            Err(Error::runtime(format!("{name}: {what} must {lead}a single int, or a tuple of {} ints", count_word(n))))
        };
        if !fits(kernel) {
            return fail("kernel_size", &format!("{either}be "));
        }
        let stride = stride.filter(|s| !s.is_empty());
        if stride.is_some_and(|s| !fits(s)) {
            return fail("stride", &format!("{either}be omitted, "));
        }
        if !fits(padding) {
            return fail("padding", &format!("{either}be "));
        }
        if !fits(dilation) {
            return fail("dilation", "be either ");
        }
        let wide = |list: &Dims| if list.len() == n { list.clone() } else { Dims::from_elem(list[0], n) };
        let kernel = wide(kernel);
        Ok(Pool { stride: stride.map_or_else(|| kernel.clone(), wide), padding: wide(padding), dilation: wide(dilation), kernel, ceil })
    }

    /// The size of one dimension of the output.
    fn output_size(&self, d: usize, n: i64) -> Result<i64> {
        let (k, s, p, dilation) = (self.kernel[d], self.stride[d], self.padding[d], self.dilation[d]);
        if s == 0 {
            return Err(Error::runtime("stride should not be zero"));
        }
        if p < 0 {
            return Err(Error::runtime(format!("pad must be non-negative, but got pad: {p}")));
        }
        let reach = effective(k, dilation)?;
        if p > reach / 2 {
            return Err(Error::runtime(format!(
                "pad should be at most half of effective kernel size, but got pad={p}, kernel_size={k} and dilation={dilation}"
            )));
        }
        Ok(self.count(d, n))
    }

    fn count(&self, d: usize, n: i64) -> i64 {
        let (s, p) = (self.stride[d], self.padding[d]);
        let reach = self.dilation[d].wrapping_mul(self.kernel[d] - 1);
        let room = n + 2 * p - reach - 1 + if self.ceil { s - 1 } else { 0 };
        let out = room.div_euclid(s) + 1;
        // The last window starts inside the input or its left padding.
        if self.ceil && (out - 1).saturating_mul(s) >= n + p { out - 1 } else { out }
    }

    fn letters(&self) -> &'static [&'static str] {
        &["T", "H", "W"][3 - self.kernel.len()..]
    }

    fn told(&self, prefix: &str, list: &[i64]) -> String {
        self.letters().iter().zip(list).map(|(l, v)| format!("{prefix}{l}: {v}")).collect::<Vec<_>>().join(" ")
    }

    fn check_positive(&self, stride_letter: &str) -> Result<()> {
        for (what, prefix, list) in [("kernel size", "k", &self.kernel), ("stride", stride_letter, &self.stride), ("dilation", "dilation", &self.dilation)] {
            if list.iter().any(|v| *v <= 0) {
                return Err(Error::runtime(format!("{what} should be greater than zero, but got {}", self.told(prefix, list))));
            }
        }
        Ok(())
    }

    /// Sizes of the result, after PyTorch's checks in its order.
    fn sizes(&self, name: &str, input: &[i64]) -> Result<Dims> {
        let (n, k) = (self.kernel.len(), input.len());
        if k < n || (name == "avg_pool2d" && k <= n) {
            return Err(Error::dim_range(-(n as i64) - 1, k));
        }
        let spatial: Dims = (0..n).map(|d| self.output_size(d, input[k - n + d])).collect::<Result<_>>()?;
        self.check_positive("d")?;
        let volume = n == 3;
        if volume {
            if let Some(d) = (if name == "avg_pool3d" { 1 } else { k - n - 1 }..k).find(|d| input[*d] == 0) {
                let name = if name == "avg_pool3d" { "avg_pool3d()" } else { "max_pool3d_with_indices_out_cpu_template()" };
                return Err(Error::runtime(format!(
                    "{name}: Expected input to have non-zero size for non-batch dimensions, but input has sizes {input:?} with dimension {d} being empty"
                )));
            }
        } else if !(k == 3 || k == 4) || input[k - 3..].contains(&0) {
            return Err(Error::runtime(format!(
                "Expected 3D or 4D (batch mode) tensor with optional 0 dim batch size for input, but got:{input:?}"
            )));
        }
        if name == "avg_pool3d" && (0..n).any(|d| input[k - n + d] + 2 * self.padding[d] < self.kernel[d]) {
            return Err(Error::runtime(format!(
                "input image ({}) smaller than kernel size ({})", self.told("", &input[k - n..]), self.told("k", &self.kernel)
            )));
        }
        if spatial.iter().any(|s| *s < 1) {
            let channels = input[k - n - 1];
            let (from, to) = (by(&input[k - n..], "x"), by(&spatial, "x"));
            return Err(Error::runtime(format!(
                "Given input size: ({channels}x{from}). Calculated output size: ({channels}x{to}). Output size is too small"
            )));
        }
        let mut out: Dims = input[..k - n].into();
        out.extend(spatial);
        Ok(out)
    }

    /// The window of each output, the padding left out.
    fn windows(&self, input: &[i64]) -> Windows {
        let n = self.kernel.len();
        let from = triple(input, n, 1);
        let at = std::array::from_fn(|d| {
            let Some(k) = (d + n).checked_sub(3) else { return vec![(0, 1)] };
            let (size, step) = (from[d] as i64, self.dilation[k]);
            (0..self.count(k, size)).map(|o| {
                let first = o * self.stride[k] - self.padding[k];
                let end = (first + step * (self.kernel[k] - 1) + 1).min(size);
                let start = if first < 0 { first + (-first + step - 1) / step * step } else { first };
                (start.min(end).max(0) as usize, end.max(0) as usize)
            }).collect()
        });
        Windows { from, at, step: triple(&self.dilation, n, 1) }
    }
}

/// The reach of a dilated kernel.
fn effective(kernel: i64, dilation: i64) -> Result<i64> {
    dilation.checked_mul(kernel - 1).and_then(|r| r.checked_add(1)).ok_or_else(|| {
        Error::runtime(format!("effective kernel size overflows, but got kernel_size={kernel} and dilation={dilation}"))
    })
}

/// The maxima of windows and, if they are asked for, where they are, in any real dtype.
pub(super) fn max_over(name: &str, input: &Tensor, windows: &Windows, sizes: &[i64], told: bool) -> Result<Vec<Tensor>> {
    let dtype = input.dtype();
    if dtype == DType::Bool || dtype.is_complex() {
        return Err(Error::dtype(name, dtype));
    }
    let work = dtype.compute();
    let x = input.as_contiguous(work)?;
    // Lanes count with the bits that their numbers have, and integers go one by one.
    let lanes = work != DType::Int64 && windows.planes().0 < 1 << 31;
    let values = Tensor::empty(sizes, work)?;
    let indices = if told || !lanes { Some(Tensor::empty(sizes, DType::Int64)?) } else { None };
    let at = indices.as_ref().map_or(&mut [][..], |i| i.data_mut::<i64>());
    match (work, lanes) {
        (DType::Int64, _) => windows.max(x.data(), i64::MIN, values.data_mut(), at),
        (DType::Float32, true) => windows.max_lanes::<F32x4>(x.data(), values.data_mut(), at),
        (_, true) => windows.max_lanes::<F64x2>(x.data(), values.data_mut(), at),
        (DType::Float32, false) => windows.max(x.data(), f32::NEG_INFINITY, values.data_mut(), at),
        (_, false) => windows.max(x.data(), f64::NEG_INFINITY, values.data_mut(), at),
    }
    Ok([Some(values.as_contiguous(dtype)?), indices].into_iter().flatten().collect())
}

/// Elements written to the places of their plane that `indices` names; or added there.
fn put(input: &Tensor, indices: &Tensor, sizes: &[i64], n: usize, add: bool) -> Result {
    let area = |s: &[i64]| s[s.len() - n..].iter().product::<i64>().max(1) as usize;
    let (a, b, work) = (area(input.sizes()), area(sizes), input.dtype().compute());
    let (x, indices) = (input.as_contiguous(work)?, indices.contiguous_data()?);
    let out = Tensor::empty(sizes, work)?;
    dispatch_compute!(work, T => {
        let (to, x, at) = (Shared(out.ptr::<T>()), x.data::<T>(), indices.data::<i64>());
        parallel_for(out.numel() / b, grain::rounds(grain::COMPUTED, b), |range| for plane in range {
            // SAFETY: planes are apart.
            let to = unsafe { std::slice::from_raw_parts_mut(to.get().add(plane * b), b) };
            to.fill(T::nil());
            let range = if x.is_empty() { 0..0 } else { plane * a..(plane + 1) * a };
            for (v, i) in x[range.clone()].iter().zip(&at[range]) {
                let place = &mut to[*i as usize];
                *place = if add { place.plus(*v) } else { *v };
            }
        });
    });
    out.as_contiguous(input.dtype())
}

/// The elements of each plane that `indices` names.
fn take(input: &Tensor, indices: &Tensor, n: usize) -> Result {
    let area = |s: &[i64]| s[s.len() - n..].iter().product::<i64>().max(1) as usize;
    let (a, b) = (area(input.sizes()), area(indices.sizes()));
    let (x, indices) = (input.contiguous_data()?, indices.contiguous_data()?);
    let out = Tensor::empty(indices.sizes(), input.dtype())?;
    dispatch!(input.dtype(), T => {
        let planes = x.data::<T>().chunks_exact(a);
        for ((plane, y), at) in planes.zip(out.data_mut::<T>().chunks_exact_mut(b)).zip(indices.data::<i64>().chunks_exact(b)) {
            for (d, i) in y.iter_mut().zip(at) {
                *d = plane[*i as usize];
            }
        }
    });
    Ok(out)
}

fn check_rank(name: &str, input: &Tensor, n: usize) -> Result<()> {
    if input.ndim() == n + 1 || input.ndim() == n + 2 || name == "avg_pool2d" {
        return Ok(());
    }
    Err(Error::runtime(format!("non-empty {}D or {}D (batch mode) tensor expected for input", n + 1, n + 2)))
}

fn max_pooled(name: &str, n: usize, input: &Tensor, kernel: &Dims, stride: Option<&Dims>, padding: &Dims, dilation: &Dims, ceil: bool, told: bool) -> Result<Vec<Tensor>> {
    let pool = Pool::new(name, n, kernel, stride, padding, dilation, ceil)?;
    check_rank(name, input, n)?;
    let sizes = pool.sizes(name, input.sizes())?;
    max_over(name, input, &pool.windows(input.sizes()), &sizes, told)
}

/// The checks of the way that needs no indices.
fn check_line(input: &Tensor, kernel: &Dims, stride: Option<&Dims>, padding: &Dims, dilation: &Dims, ceil: bool) -> Result<()> {
    let fail = |m: String| Err(Error::runtime(format!("max_pool1d() {m}")));
    let stride = stride.filter(|s| !s.is_empty()).unwrap_or(kernel);
    for (what, be, list) in [("kernel_size", "be an int, list of ints or tuple of ints", kernel),
        ("stride", "be None, an int, list of ints, or tuple of ints", stride),
        ("padding", "be an int, list of ints, or tuple of ints", padding),
        ("dilation", "be an int, list of ints or tuple of ints", dilation)] {
        if list.len() != 1 {
            return fail(format!("{what} must {be} of size 1 but got size {}", list.len()));
        }
    }
    let (k, s, p, d) = (kernel[0], stride[0], padding[0], dilation[0]);
    for (what, v) in [("kernel_size", k), ("stride", s)] {
        if v <= 0 {
            return fail(format!("{what} must be greater than zero, but got {v}"));
        }
    }
    if p < 0 {
        return fail(format!("padding must be non-negative, but got {p}"));
    }
    effective(k, d)?;
    if p > k / 2 {
        return fail(format!("padding should be at most half of kernel size, but got padding={p} and kernel_size={k}"));
    }
    if d <= 0 {
        return fail(format!("dilation must be greater than zero, but got {d}"));
    }
    let pool = Pool::new("max_pool1d", 1, kernel, Some(stride), padding, dilation, ceil)?;
    let out = pool.count(0, input.sizes()[input.ndim() - 1]);
    if out <= 0 { fail(format!("Invalid computed output size: {out}")) } else { Ok(()) }
}

/// One dimension goes as two.
#[allow(clippy::too_many_arguments)]
fn max_line(input: &Tensor, kernel: &Dims, stride: Option<&Dims>, padding: &Dims, dilation: &Dims, ceil: bool, indices: bool) -> Result<Value> {
    let s = input.sizes();
    if !(matches!(s.len(), 2 | 3) && s[s.len() - 1] != 0 && s[s.len() - 2] != 0) {
        return Err(Error::runtime(format!(
            "max_pool1d: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size for input, but got:{s:?}"
        )));
    }
    if !indices {
        check_line(input, kernel, stride, padding, dilation, ceil)?;
        if !input.dtype().is_floating_point() {
            return Err(Error::dtype("max_pool1d_impl", input.dtype()));
        }
    }
    let flat = |list: &Dims, lead: i64| Dims::from_slice(&[lead, list.first().copied().unwrap_or(lead)]);
    let stride = stride.filter(|s| !s.is_empty()).unwrap_or(kernel);
    let (v, i) = pair(&max_pool2d_with_indices::OP, &[
        Value::Tensor(input.unsqueeze(-2i64)?), Value::Ints(flat(kernel, 1)), Value::Ints(flat(stride, 1)), Value::Ints(flat(padding, 0)),
        Value::Ints(flat(dilation, 1)), Value::Scalar(Scalar::Bool(ceil)), Value::Scalar(Scalar::Bool(true)),
    ])?;
    let v = v.squeeze_dim(-2i64)?;
    Ok(if indices { Value::Tensors(vec![Some(v), Some(i.squeeze_dim(-2i64)?)]) } else { Value::Tensor(v) })
}

/// Runs a pooling that tells indices, and keeps them or not.
fn chosen(op: &'static crate::table::Op, args: &[Value], indices: bool) -> Result<Value> {
    let (v, i) = pair(op, args)?;
    Ok(if indices { Value::Tensors(vec![Some(v), Some(i)]) } else { Value::Tensor(v) })
}

/// Whether a pooling has to know where its maxima are.
fn told(input: &Tensor, indices: bool) -> bool {
    indices || (input.requires_grad() && crate::state::grad_enabled()) || crate::state::inside_level()
}

/// The maxima alone.
#[allow(clippy::too_many_arguments)]
fn max_values(name: &str, n: usize, input: &Tensor, kernel: &Dims, stride: Option<&Dims>, padding: &Dims, dilation: &Dims, ceil: bool) -> Result<Value> {
    let all = max_pooled(name, n, &input.detached(), kernel, stride, padding, dilation, ceil, false)?;
    Ok(all.into_iter().next().map_or(Value::None, Value::Tensor))
}

/// What the sum of each window is divided by.
fn divisors(pool: &Pool, input: &[i64], include_pad: bool, fixed: Option<i64>) -> Vec<i64> {
    let n = pool.kernel.len();
    let from = triple(input, n, 1);
    let along: [Vec<i64>; 3] = std::array::from_fn(|d| {
        let Some(k) = (d + n).checked_sub(3) else { return vec![1] };
        let (size, p) = (from[d] as i64, pool.padding[k]);
        (0..pool.count(k, size)).map(|o| {
            let first = o * pool.stride[k] - p;
            let end = (first + pool.kernel[k]).min(size + p);
            if include_pad { end - first } else { end.min(size) - first.max(0) }
        }).collect()
    });
    let mut out = Vec::new();
    for z in &along[0] {
        for y in &along[1] {
            out.extend(along[2].iter().map(|x| fixed.unwrap_or(z * y * x)));
        }
    }
    out
}

/// `avg_pool` of two and three dimensions, and its transpose where `back` gives the sizes to return to.
#[allow(clippy::too_many_arguments)]
fn averaged(n: usize, input: &Tensor, kernel: &Dims, stride: Option<&Dims>, padding: &Dims, ceil: bool, include_pad: bool,
    divisor: Option<i64>, back: Option<&Dims>) -> Result {
    let name = if n == 2 { "avg_pool2d" } else { "avg_pool3d" };
    let pool = Pool::new(name, n, kernel, stride, padding, &dims![1], ceil)?;
    if divisor == Some(0) {
        return Err(Error::runtime("divisor must be not zero"));
    }
    check_rank(name, input, n)?;
    let from = back.map_or_else(|| input.dims(), Clone::clone);
    let sizes = pool.sizes(name, &from)?;
    let dtype = input.dtype();
    let supported = matches!(dtype, DType::Int64 | DType::Float32 | DType::Float64)
        || (n == 2 && matches!(dtype, DType::Float16 | DType::BFloat16));
    if !supported {
        return Err(Error::dtype(if n == 2 { "avg_pool2d" } else { "avg_pool3d_out_frame" }, dtype));
    }
    let windows = pool.windows(&from);
    let by = divisors(&pool, &from, include_pad, divisor);
    if back.is_some() { spread(input, &from, &windows, &by) } else { averages(input, &sizes, &windows, &by) }
}

/// The sums of windows divided by `by`.
pub(super) fn averages(input: &Tensor, sizes: &[i64], windows: &Windows, by: &[i64]) -> Result {
    let work = input.dtype().compute();
    let (x, out) = (input.as_contiguous(work)?, Tensor::empty(sizes, work)?);
    match work {
        DType::Float32 => windows.average::<f32>(x.data(), &floats(by), out.data_mut()),
        DType::Float64 => windows.average::<f64>(x.data(), &floats(by), out.data_mut()),
        _ => windows.average::<i64>(x.data(), &by.iter().map(|n| (*n).max(1)).collect::<Vec<_>>(), out.data_mut()),
    }
    out.as_contiguous(input.dtype())
}

/// The transpose of `averages`.
pub(super) fn spread(grad: &Tensor, sizes: &[i64], windows: &Windows, by: &[i64]) -> Result {
    let work = grad.dtype().compute();
    let g = grad.as_contiguous(work)?;
    let out = if matches!(work, DType::Float32 | DType::Float64) { Tensor::empty(sizes, work)? } else { Tensor::zeros(sizes, work)? };
    match work {
        DType::Float32 => windows.spread::<f32>(g.data(), &floats(by), out.data_mut()),
        DType::Float64 => windows.spread::<f64>(g.data(), &floats(by), out.data_mut()),
        _ => {}
    }
    out.as_contiguous(grad.dtype())
}

fn floats<T: Real>(by: &[i64]) -> Vec<T> {
    by.iter().map(|n| T::of(*n as f64)).collect()
}

/// One dimension goes as two.
fn averaged_line(input: &Tensor, kernel: &Dims, stride: Option<&Dims>, padding: &Dims, ceil: bool, include_pad: bool) -> Result {
    let one = |what: &str, list: &Dims| match list.len() {
        1 => Ok(list[0]),
        n => Err(Error::runtime(format!("avg_pool1d() argument '{what}' should contain one int (got {n})"))),
    };
    super::check_line_rank("avg_pool1d", input)?;
    let k = one("kernel_size", kernel)?;
    let s = stride.filter(|s| !s.is_empty()).map_or(Ok(k), |s| one("stride", s))?;
    let p = one("padding", padding)?;
    input.unsqueeze(-2i64)?.avg_pool2d([1, k], [1, s], [0, p], ceil, include_pad, ())?.squeeze_dim(-2i64)
}

/// `sign(s) * (max(|s|, 0) * k)^(1/p)` of the averaged powers: the sum of `p`-th powers, and its root.
fn power_pooled(x: Result, p: f64, count: i64) -> Result {
    let x = x?;
    x.sign()?.mul(x.abs()?.relu())?.mul(count)?.pow_scalar(1.0 / p)
}

/// The number of elements of a window.
fn volume(kernel: &Dims, n: usize) -> i64 {
    if kernel.len() == 1 { kernel[0].saturating_pow(n as u32) } else { kernel.iter().product() }
}

ops! { TABLE, PoolOps;
    /// The maxima of windows over one dimension, with their places if `return_indices`.
    fn max_pool1d "nn.functional.max_pool1d"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", dilation: Dims = "1", ceil_mode: bool = "false", return_indices: bool = "false") ["max_pool1d", function] compose {
        max_line(&input, &kernel_size, stride.as_ref(), &padding, &dilation, ceil_mode, return_indices) };
    /// The maxima of windows over one dimension, and their places.
    fn max_pool1d_with_indices "nn.functional.max_pool1d_with_indices"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", dilation: Dims = "1", ceil_mode: bool = "false", return_indices: bool = "false") -> (list) ["max_pool1d_with_indices", function] compose {
        let _ = return_indices; max_line(&input, &kernel_size, stride.as_ref(), &padding, &dilation, ceil_mode, true) };
    /// The maxima of windows over two dimensions, with their places if `return_indices`.
    fn max_pool2d "nn.functional.max_pool2d"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", dilation: Dims = "1", ceil_mode: bool = "false", return_indices: bool = "false") ["max_pool2d", function] compose {
        if !told(&input, return_indices) {
            return max_values("max_pool2d", 2, &input, &kernel_size, stride.as_ref(), &padding, &dilation, ceil_mode);
        }
        chosen(&max_pool2d_with_indices::OP, &[Value::Tensor(input), Value::Ints(kernel_size), stride.map_or(Value::None, Value::Ints), Value::Ints(padding), Value::Ints(dilation), Value::Scalar(Scalar::Bool(ceil_mode)), Value::None], return_indices) };
    /// The maxima of windows over two dimensions, and their places.
    fn max_pool2d_with_indices "nn.functional.max_pool2d_with_indices"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", dilation: Dims = "1", ceil_mode: bool = "false", return_indices: bool = "false") -> (list) [function, MaxPool2DWithIndicesBackward0] eval {
        let _ = return_indices; max_pooled("max_pool2d", 2, &input, &kernel_size, stride.as_ref(), &padding, &dilation, ceil_mode, true) }
        d input = |g, input, outs| linked(g._plane_add(&outs[1], input.dims(), 2i64), &[&input]);
    /// The maxima of windows over three dimensions, with their places if `return_indices`.
    fn max_pool3d "nn.functional.max_pool3d"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", dilation: Dims = "1", ceil_mode: bool = "false", return_indices: bool = "false") ["max_pool3d", function] compose {
        if !told(&input, return_indices) {
            return max_values("max_pool3d", 3, &input, &kernel_size, stride.as_ref(), &padding, &dilation, ceil_mode);
        }
        chosen(&max_pool3d_with_indices::OP, &[Value::Tensor(input), Value::Ints(kernel_size), stride.map_or(Value::None, Value::Ints), Value::Ints(padding), Value::Ints(dilation), Value::Scalar(Scalar::Bool(ceil_mode)), Value::None], return_indices) };
    /// The maxima of windows over three dimensions, and their places.
    fn max_pool3d_with_indices "nn.functional.max_pool3d_with_indices"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", dilation: Dims = "1", ceil_mode: bool = "false", return_indices: bool = "false") -> (list) [function, MaxPool3DWithIndicesBackward0] eval {
        let _ = return_indices; max_pooled("max_pool3d", 3, &input, &kernel_size, stride.as_ref(), &padding, &dilation, ceil_mode, true) }
        d input = |g, input, outs| linked(g._plane_add(&outs[1], input.dims(), 3i64), &[&input]);
    /// Zeros of `size`, each element added at its place in the last `dims` dimensions.
    fn _plane_add(input: Tensor, indices: Tensor, size: Dims, dims: i64) [hidden] eval { put(&input, &indices, &size, dims as usize, true) }
        d input = |g, indices, dims| g._plane_take(indices, dims);
    /// Zeros of `size`, each element written to its place in the last `dims` dimensions.
    fn _plane_put(input: Tensor, indices: Tensor, size: Dims, dims: i64) [hidden] eval { put(&input, &indices, &size, dims as usize, false) }
        d input = |g, indices, dims| g._plane_take(indices, dims);
    /// The elements at places in the last `dims` dimensions.
    fn _plane_take(input: Tensor, indices: Tensor, dims: i64) [hidden] eval { take(&input, &indices, dims as usize) }
        d input = |g, sizes, indices, dims| g._plane_add(indices, &sizes, dims);
    /// The averages of windows over one dimension.
    fn avg_pool1d "nn.functional.avg_pool1d"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", ceil_mode: bool = "false", count_include_pad: bool = "true") ["avg_pool1d", function] compose {
        averaged_line(&input, &kernel_size, stride.as_ref(), &padding, ceil_mode, count_include_pad) };
    /// The averages of windows over two dimensions.
    fn avg_pool2d "nn.functional.avg_pool2d"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", ceil_mode: bool = "false", count_include_pad: bool = "true", divisor_override: Option<i64> = "null") [function, AvgPool2DBackward0] eval {
        averaged(2, &input, &kernel_size, stride.as_ref(), &padding, ceil_mode, count_include_pad, divisor_override, None) }
        d input = |g, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override|
            linked(g._avg_pool_back(input.dims(), &kernel_size, stride, &padding, ceil_mode, count_include_pad, divisor_override, 2i64), &[&input]);
    /// The averages of windows over three dimensions.
    fn avg_pool3d "nn.functional.avg_pool3d"(input: Tensor, kernel_size: Dims, stride: Option<Dims> = "null", padding: Dims = "0", ceil_mode: bool = "false", count_include_pad: bool = "true", divisor_override: Option<i64> = "null") [function, AvgPool3DBackward0] eval {
        averaged(3, &input, &kernel_size, stride.as_ref(), &padding, ceil_mode, count_include_pad, divisor_override, None) }
        d input = |g, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override|
            linked(g._avg_pool_back(input.dims(), &kernel_size, stride, &padding, ceil_mode, count_include_pad, divisor_override, 3i64), &[&input]);
    /// The transpose of average pooling.
    fn _avg_pool_back(input: Tensor, size: Dims, kernel_size: Dims, stride: Option<Dims>, padding: Dims, ceil_mode: bool, count_include_pad: bool, divisor_override: Option<i64>, dims: i64) [hidden] eval {
        averaged(dims as usize, &input, &kernel_size, stride.as_ref(), &padding, ceil_mode, count_include_pad, divisor_override, Some(&size)) }
        d input = |g, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override, dims| if dims == 2 {
            g.avg_pool2d(&kernel_size, stride, &padding, ceil_mode, count_include_pad, divisor_override) } else {
            g.avg_pool3d(&kernel_size, stride, &padding, ceil_mode, count_include_pad, divisor_override) };
    /// The `norm_type`-norms of windows over one dimension.
    fn lp_pool1d "nn.functional.lp_pool1d"(input: Tensor, norm_type: f64, kernel_size: Dims, stride: Option<Dims> = "null", ceil_mode: bool = "false") [function] compose {
        power_pooled(input.pow_scalar(norm_type)?.avg_pool1d(&kernel_size, stride, [0], ceil_mode, true), norm_type, volume(&kernel_size, 1)) };
    /// The `norm_type`-norms of windows over two dimensions.
    fn lp_pool2d "nn.functional.lp_pool2d"(input: Tensor, norm_type: f64, kernel_size: Dims, stride: Option<Dims> = "null", ceil_mode: bool = "false") [function] compose {
        power_pooled(input.pow_scalar(norm_type)?.avg_pool2d(&kernel_size, stride, [0], ceil_mode, true, ()), norm_type, volume(&kernel_size, 2)) };
    /// The `norm_type`-norms of windows over three dimensions.
    fn lp_pool3d "nn.functional.lp_pool3d"(input: Tensor, norm_type: f64, kernel_size: Dims, stride: Option<Dims> = "null", ceil_mode: bool = "false") [function] compose {
        power_pooled(input.pow_scalar(norm_type)?.avg_pool3d(&kernel_size, stride, [0], ceil_mode, true, ()), norm_type, volume(&kernel_size, 3)) };
}
