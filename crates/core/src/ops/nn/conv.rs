//! Convolutions and transposed convolutions. One op does both: each is the other's derivative in
//! the input, and a third, bilinear in input and gradient, gives the weight's.

use super::{batched, by, expand, linked, triple};
use crate::kernels::conv::{forward, transposed as backward_input, weight as backward_weight, Geometry};
use crate::kernels::gemm::{Number, Wrapping};
use crate::ops::prelude::*;

/// The numbers of a convolution, one for each spatial dimension.
struct Spec {
    stride: Dims,
    padding: Dims,
    dilation: Dims,
    transposed: bool,
    output_padding: Dims,
    groups: i64,
}

impl Spec {
    fn dims(&self) -> usize {
        self.stride.len()
    }

    /// Sizes of the output for spatial sizes of input and kernel.
    fn output(&self, input: &[i64], kernel: &[i64]) -> Dims {
        (0..self.dims()).map(|d| {
            let reach = self.dilation[d].saturating_mul(kernel[d] - 1);
            if self.transposed {
                (input[d] - 1) * self.stride[d] - 2 * self.padding[d] + reach + self.output_padding[d] + 1
            } else {
                (input[d] + 2 * self.padding[d] - reach - 1).div_euclid(self.stride[d]) + 1
            }
        }).collect()
    }

    /// Of `large` spatial sizes on the input side of the plain convolution, `small` on the other.
    fn geometry(&self, batch: i64, weight: &[i64], large: &[i64], small: &[i64]) -> Geometry {
        let n = self.dims();
        Geometry {
            batch: batch as usize,
            groups: self.groups as usize,
            channels: weight[1] as usize,
            filters: (weight[0] / self.groups) as usize,
            input: triple(large, n, 1),
            kernel: triple(weight, n, 1),
            output: triple(small, n, 1),
            stride: triple(&self.stride, n, 1),
            padding: triple(&self.padding, n, 0),
            dilation: triple(&self.dilation, n, 1),
        }
    }
}

/// Checks in PyTorch's order.
fn check(input: &[i64], weight: &[i64], bias: Option<&Tensor>, s: &Spec) -> Result<()> {
    let (k, groups) = (input.len(), s.groups);
    let fail = |message: String| Err(Error::runtime(message));
    if s.padding.iter().any(|p| *p < 0) {
        return fail("negative padding is not supported".into());
    }
    if s.output_padding.iter().any(|p| *p < 0) {
        return fail("negative output_padding is not supported".into());
    }
    if s.stride.iter().any(|p| *p <= 0) {
        return fail("non-positive stride is not supported".into());
    }
    if s.dilation.iter().any(|p| *p < 0) {
        return fail("dilation should be greater than zero".into());
    }
    if weight.len() != k {
        let w = weight.len();
        return fail(format!(
            "Expected {w}-dimensional input for {w}-dimensional weight{weight:?}, but got {k}-dimensional input of size {input:?} instead"
        ));
    }
    if weight[0] < groups {
        return fail(format!(
            "Given groups={groups}, expected weight to be at least {groups} at dimension 0, but got weight of size {weight:?} instead"
        ));
    }
    if weight[0] % groups != 0 {
        return fail(format!(
            "Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but got weight of size [{weight:?}] instead"
        ));
    }
    let given = if s.transposed { "transposed=1".to_string() } else { format!("groups={groups}") };
    let want = if s.transposed { weight[0] } else { weight[1] * groups };
    if input[1] != want {
        return fail(format!(
            "Given {given}, weight of size {weight:?}, expected input{input:?} to have {want} channels, but got {} channels instead",
            input[1]
        ));
    }
    let filters = if s.transposed { weight[1] * groups } else { weight[0] };
    if let Some(b) = bias.filter(|b| b.sizes() != [filters]) {
        let given = if s.transposed { "Given transposed=1, weight" } else { "Given weight" };
        return fail(format!(
            "{given} of size {weight:?}, expected bias to be 1-dimensional with {filters} elements, but got bias of size {:?} instead",
            b.sizes()
        ));
    }
    if s.dilation.contains(&0) {
        return fail(format!("dilation should be greater than zero, but got {:?}", s.dilation.as_slice()));
    }
    if s.transposed { check_transposed(input, weight, s) } else { check_plain(input, weight, s) }
}

/// Numbers of a transposed convolution as PyTorch tells them: one dimension is computed as two.
fn shown(list: &[i64], fill: i64) -> Dims {
    std::iter::repeat_n(fill, 2usize.saturating_sub(list.len())).chain(list.iter().copied()).collect()
}

fn check_output_padding(s: &Spec) -> Result<()> {
    if (0..s.dims()).all(|d| s.output_padding[d] < s.stride[d] || s.output_padding[d] < s.dilation[d]) {
        return Ok(());
    }
    let names = &["depth", "height", "width"][3 - s.dims().max(2)..];
    let parts: Vec<String> = [("output_padding", &s.output_padding, 0), ("stride", &s.stride, 1), ("dilation", &s.dilation, 1)]
        .iter()
        .flat_map(|(what, list, fill)| shown(list, *fill).into_iter().zip(names).map(|(v, n)| format!("{what}_{n}: {v}")).collect::<Vec<_>>())
        .collect();
    Err(Error::runtime(format!(
        "output padding must be smaller than either stride or dilation, but got {}", parts.join(" ")
    )))
}

fn check_plain(input: &[i64], weight: &[i64], s: &Spec) -> Result<()> {
    let padded: Dims = input[2..].iter().zip(&s.padding).map(|(n, p)| n + 2 * p).collect();
    let reach: Dims = weight[2..].iter().zip(&s.dilation).map(|(k, d)| d.saturating_mul(k - 1) + 1).collect();
    if padded.iter().zip(&reach).any(|(p, k)| p < k) {
        return Err(Error::runtime(format!(
            "Calculated padded input size per channel: ({}). Kernel size: ({}). Kernel size can't be greater than actual input size",
            by(&padded, " x "), by(&reach, " x ")
        )));
    }
    if weight[2..].contains(&0) {
        let names = ["kernel_depth", "kernel_height", "kernel_width"];
        let sizes = triple(weight, s.dims(), 1);
        let all: Vec<String> = (3 - s.dims().max(2)..3).map(|d| format!("{}: {}", names[d], sizes[d])).collect();
        return Err(Error::runtime(format!("kernel size should be greater than zero, but got {}", all.join(" "))));
    }
    if input[2..].contains(&0) && input[0] != 0 && input[1] != 0 {
        return Err(Error::runtime(format!("Only zero batch or zero channel inputs are supported, but got input shape: {input:?}")));
    }
    Ok(())
}

fn check_transposed(input: &[i64], weight: &[i64], s: &Spec) -> Result<()> {
    let out = s.output(&input[2..], &weight[2..]);
    if out.iter().all(|n| *n >= 1) || input[0] == 0 {
        return Ok(());
    }
    Err(Error::runtime(format!(
        "Given input size per channel: ({}). Calculated output size per channel: ({}). Output size is too small",
        by(&shown(&input[2..], 1), " x "), by(&shown(&out, 1), " x ")
    )))
}

fn check_types(input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, transposed: bool) -> Result<()> {
    let dtype = input.dtype();
    if let Some(b) = bias.filter(|b| b.dtype() != dtype) {
        return Err(Error::runtime(format!(
            "Input type ({}) and bias type ({}) should be the same", dtype.cpp_name(), b.dtype().cpp_name()
        )));
    }
    if weight.dtype() != dtype {
        return Err(Error::runtime(format!(
            "expected scalar type {} but found {}", dtype.scalar_type(), weight.dtype().scalar_type()
        )));
    }
    let spatial = input.ndim() - 2;
    let unsupported = if transposed { dtype.is_integral() && dtype != DType::Int64 } else { dtype == DType::Bool };
    if unsupported {
        return Err(Error::dtype(match (transposed, spatial) {
            (false, 3) => "compute_columns3d",
            (false, _) => "slow_conv2d_cpu",
            (true, 3) => "slow_conv_transpose3d_out_cpu",
            (true, _) => "slow_conv_transpose2d_out_cpu",
        }, dtype));
    }
    Ok(())
}

/// The elements of a row-major tensor in the type that its dtype is multiplied in.
fn elements<T>(t: &Tensor) -> &[T] {
    // SAFETY: the tensor is row-major and its elements have the size of `T`; see `with_number`.
    unsafe { std::slice::from_raw_parts(t.first::<T>().cast_const(), t.numel()) }
}

#[allow(clippy::mut_from_ref)]
fn elements_mut<T>(t: &Tensor) -> &mut [T] {
    // SAFETY: as above, and the tensor was made by the caller.
    unsafe { std::slice::from_raw_parts_mut(t.first::<T>(), t.numel()) }
}

/// Runs a kernel of two operands, a bias and a result in their compute type.
fn run(sizes: &[i64], dtype: DType, a: &Tensor, b: &Tensor, bias: Option<&Tensor>, f: impl Kernel) -> Result {
    let work = dtype.compute();
    let (a, b) = (a.as_contiguous(work)?, b.as_contiguous(work)?);
    let bias = bias.map(|t| t.as_contiguous(work)).transpose()?;
    let out = Tensor::empty(sizes, work)?;
    fn apply<T: Number>(f: impl Kernel, a: &Tensor, b: &Tensor, bias: Option<&Tensor>, out: &Tensor) {
        f.run::<T>(elements(a), elements(b), bias.map(elements), elements_mut(out));
    }
    match work {
        DType::Int64 => apply::<Wrapping>(f, &a, &b, bias.as_ref(), &out),
        DType::Float32 => apply::<f32>(f, &a, &b, bias.as_ref(), &out),
        DType::Float64 => apply::<f64>(f, &a, &b, bias.as_ref(), &out),
        other => return Err(Error::dtype("convolution", other)),
    }
    out.as_contiguous(dtype)
}

/// A kernel for every number type.
trait Kernel {
    fn run<T: Number>(&self, a: &[T], b: &[T], bias: Option<&[T]>, out: &mut [T]);
}

struct Forward(Geometry);
impl Kernel for Forward {
    fn run<T: Number>(&self, x: &[T], w: &[T], bias: Option<&[T]>, y: &mut [T]) {
        forward(&self.0, x, w, bias, y);
    }
}
struct BackwardInput(Geometry);
impl Kernel for BackwardInput {
    fn run<T: Number>(&self, y: &[T], w: &[T], bias: Option<&[T]>, x: &mut [T]) {
        backward_input(&self.0, y, w, bias, x);
    }
}
struct BackwardWeight(Geometry);
impl Kernel for BackwardWeight {
    fn run<T: Number>(&self, x: &[T], y: &[T], _: Option<&[T]>, w: &mut [T]) {
        backward_weight(&self.0, x, y, w);
    }
}

fn convolve(input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, s: &Spec) -> Result {
    check(input.sizes(), weight.sizes(), bias, s)?;
    check_types(input, weight, bias, s.transposed)?;
    let (x, w) = (input.sizes(), weight.sizes());
    let spatial = s.output(&x[2..], &w[2..]);
    let mut sizes = Dims::from_slice(&[x[0], if s.transposed { w[1] * s.groups } else { w[0] }]);
    if x[1] == 0 {
        sizes[1] = 0;
    }
    sizes.extend_from_slice(&spatial);
    crate::layout::checked_numel(&sizes)?;
    if sizes.contains(&0) {
        return Tensor::empty(&sizes, input.dtype());
    }
    let dtype = input.dtype();
    if s.transposed {
        run(&sizes, dtype, input, weight, bias, BackwardInput(s.geometry(x[0], w, &spatial, &x[2..])))
    } else {
        run(&sizes, dtype, input, weight, bias, Forward(s.geometry(x[0], w, &x[2..], &spatial)))
    }
}

/// The gradient of the input: the opposite convolution of `g`, padded so as to have its sizes.
fn input_grad(g: &Tensor, weight: &Tensor, sizes: &[i64], s: &Spec) -> Result {
    if sizes.contains(&0) {
        return Tensor::zeros(sizes, g.dtype());
    }
    let (large, small) = (&sizes[2..], &g.sizes()[2..]);
    let back = |output_padding: Dims| g.convolution_op(weight, (), &s.stride, &s.padding, &s.dilation, !s.transposed, &output_padding, s.groups);
    if s.transposed {
        return cropped(back(Dims::from_elem(0, s.dims())), sizes);
    }
    // What the strides left over.
    let rest = (0..s.dims())
        .map(|d| large[d] - ((small[d] - 1) * s.stride[d] - 2 * s.padding[d] + s.dilation[d] * (weight.sizes()[d + 2] - 1) + 1))
        .collect();
    back(rest)
}

/// The leading part of these sizes: output padding may have added room for more pixels.
fn cropped(t: Result, sizes: &[i64]) -> Result {
    let mut t = t?;
    for d in 2..sizes.len() {
        if t.sizes()[d] != sizes[d] {
            t = t.narrow(d as i64, 0i64, sizes[d])?;
        }
    }
    Ok(t)
}

/// The gradient of the weight: of the plain convolution, whose input is `x` and output gradient `y`.
fn weight_grad(x: &Tensor, y: &Tensor, sizes: &[i64], s: &Spec) -> Result {
    if x.numel() == 0 || y.numel() == 0 {
        return Tensor::zeros(sizes, x.dtype());
    }
    run(sizes, x.dtype(), x, y, None, BackwardWeight(s.geometry(x.sizes()[0], sizes, &x.sizes()[2..], &y.sizes()[2..])))
}

/// One complex convolution as three real ones (Karatsuba and Ofman, 1962).
fn complex(input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, f: impl Fn(&Tensor, &Tensor, Option<&Tensor>) -> Result) -> Result {
    let (xr, xi) = (input.real()?, input.imag()?);
    let (wr, wi) = (weight.real()?, weight.imag()?);
    let (br, bi) = (bias.map(|b| b.real()).transpose()?, bias.map(|b| b.imag()).transpose()?);
    let both = match (&br, &bi) {
        (Some(r), Some(i)) => Some(r.add(i, 1i64)?),
        _ => None,
    };
    // The imaginary part of the bias comes with the sum alone.
    let a = f(&xr, &wr, br.as_ref())?;
    let b = f(&xi, &wi, None)?;
    let c = f(&xr.add(&xi, 1i64)?, &wr.add(&wi, 1i64)?, both.as_ref())?;
    let unit = Scalar::Complex(Complex::new(0.0, 1.0));
    a.sub(&b, 1i64)?.add(c.sub(&a, 1i64)?.sub(&b, 1i64)?.mul(unit), 1i64)
}

/// `convolution` of operands of any dtype, after the checks that come before it.
#[allow(clippy::too_many_arguments)]
fn general(input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, stride: &Dims, padding: &Dims, dilation: &Dims,
    transposed: bool, output_padding: &Dims, groups: i64) -> Result {
    let same = [Some(weight), bias].into_iter().flatten().all(|t| t.dtype() == input.dtype());
    if input.dtype().is_complex() && same {
        return complex(input, weight, bias, |x, w, b| general(x, w, b, stride, padding, dilation, transposed, output_padding, groups));
    }
    input.convolution_op(weight, &bias.cloned(), stride, padding, dilation, transposed, output_padding, groups)
}

/// The numbers of each dimension, once it is known how many there are.
fn spec(weight: &Tensor, stride: &Dims, padding: &Dims, dilation: &Dims, transposed: bool, output_padding: &Dims, groups: i64) -> Result<Spec> {
    if weight.ndim() < 3 {
        return Err(Error::runtime("weight should have at least three dimensions"));
    }
    if groups <= 0 {
        return Err(Error::runtime("non-positive groups is not supported"));
    }
    let n = weight.ndim() - 2;
    Ok(Spec {
        stride: expand("stride", stride, n)?,
        padding: expand("padding", padding, n)?,
        dilation: expand("dilation", dilation, n)?,
        transposed,
        output_padding: expand("output_padding", output_padding, n)?,
        groups,
    })
}

/// Checks that the input of `conv{n}d` has `n` spatial dimensions.
fn check_rank(name: &str, input: &Tensor, n: usize) -> Result<()> {
    if input.ndim() == n + 1 || input.ndim() == n + 2 {
        return Ok(());
    }
    Err(Error::runtime(format!(
        "Expected {}D (unbatched) or {}D (batched) input to {name}, but got input of size: {:?}", n + 1, n + 2, input.sizes()
    )))
}

fn plain(name: &str, n: usize, input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, stride: &Dims, padding: &Dims, dilation: &Dims, groups: i64) -> Result {
    check_rank(name, input, n)?;
    batched(input, n + 1, |x| general(x, weight, bias, stride, padding, dilation, false, &dims![0], groups))
}

/// Padding by name: `'valid'` is none, `'same'` keeps the size, one more at the end where it is odd.
fn named(name: &str, n: usize, input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, stride: &Dims, padding: &str, dilation: &Dims, groups: i64) -> Result {
    if padding == "valid" {
        return plain(name, n, input, weight, bias, stride, &dims![0], dilation, groups);
    }
    if padding != "same" {
        return Err(Error::runtime(format!("Invalid padding string: '{padding}'")));
    }
    check_rank(name, input, n)?;
    let zeros = dims![0];
    let s = spec(weight, stride, &zeros, dilation, false, &zeros, groups)?;
    if s.stride.iter().any(|s| *s != 1) {
        return Err(Error::runtime("padding='same' is not supported for strided convolutions"));
    }
    batched(input, n + 1, |x| {
        if weight.ndim() != x.ndim() {
            check(x.sizes(), weight.sizes(), bias, &s)?;
        }
        let total: Dims = (0..n).map(|d| s.dilation[d] * (weight.sizes()[d + 2] - 1)).collect();
        let half: Dims = total.iter().map(|t| t / 2).collect();
        let odd: Dims = total.iter().rev().flat_map(|t| [0, t % 2]).collect();
        if odd.iter().all(|o| *o == 0) {
            return general(x, weight, bias, stride, &half, dilation, false, &zeros, groups);
        }
        general(&x.constant_pad_nd(&odd, 0i64)?, weight, bias, stride, &half, dilation, false, &zeros, groups)
    })
}

#[allow(clippy::too_many_arguments)]
fn upward(name: &str, n: usize, input: &Tensor, weight: &Tensor, bias: Option<&Tensor>, stride: &Dims, padding: &Dims,
    output_padding: &Dims, groups: i64, dilation: &Dims) -> Result {
    check_rank(name, input, n)?;
    let s = spec(weight, stride, padding, dilation, true, output_padding, groups)?;
    batched(input, n + 1, |x| {
        check(x.sizes(), weight.sizes(), bias, &s)?;
        check_output_padding(&s)?;
        general(x, weight, bias, stride, padding, dilation, true, output_padding, groups)
    })
}

/// Over time, batch and channels: one product for each element of the kernel.
fn time_batch_channels(input: &Tensor, weight: &Tensor, bias: &Tensor, pad: i64) -> Result {
    let fail = |m: &str| Err(Error::runtime(m));
    if input.ndim() != 3 {
        return fail("Input must have 3 dims: time, batch, in_channel");
    }
    if weight.ndim() != 3 {
        return fail("Weight tensor must have 3 dims: kernel_width, in_channels, out_channels.");
    }
    if bias.ndim() != 1 {
        return fail("Bias must be 1-D");
    }
    if input.sizes()[2] != weight.sizes()[1] {
        return fail("Input dim 2 (input channels) is not == dim 1 in the weight tensor");
    }
    if weight.sizes()[2] != bias.sizes()[0] {
        return fail("Bias size must equal dim 2 in the weight tensor (output channels).");
    }
    let x = input.detached().permute([1, 2, 0])?;
    let w = weight.detached().permute([2, 1, 0])?;
    plain("conv_tbc", 1, &x, &w, Some(&bias.detached()), &dims![1], &dims![pad], &dims![1], 1)?
        .permute([2, 0, 1])?
        .contiguous_data()
}

ops! { TABLE, ConvOps;
    /// Convolution of any number of spatial dimensions, transposed or not.
    fn convolution(input: Tensor, weight: Tensor, bias: Option<Tensor>, stride: Dims, padding: Dims, dilation: Dims, transposed: bool, output_padding: Dims, groups: i64) [function] compose {
        general(&input, &weight, bias.as_ref(), &stride, &padding, &dilation, transposed, &output_padding, groups) };
    /// Convolution of real operands.
    fn convolution_op "_convolution"(input: Tensor, weight: Tensor, bias: Option<Tensor>, stride: Dims, padding: Dims, dilation: Dims, transposed: bool, output_padding: Dims, groups: i64) [hidden, ConvolutionBackward0] eval {
        convolve(&input, &weight, bias.as_ref(), &spec(&weight, &stride, &padding, &dilation, transposed, &output_padding, groups)?) }
        d input = |g, weight, sizes, stride, padding, dilation, transposed, output_padding, groups|
            input_grad(g, &weight, &sizes, &spec(&weight, &stride, &padding, &dilation, transposed, &output_padding, groups)?),
        d weight = |g, input, sizes, stride, padding, dilation, transposed, groups|
            if transposed { g._convolution_weight(&input, &sizes, &stride, &padding, &dilation, groups) }
            else { input._convolution_weight(g, &sizes, &stride, &padding, &dilation, groups) },
        d bias = |g, input, weight| { let dims: Dims = (0..g.ndim() as i64).filter(|d| *d != 1).collect(); linked(g.sum_dim(&dims, false, ()), &[&input, &weight]) };
    /// The weight of this size whose product with `b` is that of `input * b` with `grad`.
    fn _convolution_weight(input: Tensor, grad: Tensor, size: Dims, stride: Dims, padding: Dims, dilation: Dims, groups: i64) [hidden] eval {
        let n = size.len() - 2;
        let s = Spec { stride: expand("stride", &stride, n)?, padding: expand("padding", &padding, n)?, dilation: expand("dilation", &dilation, n)?,
            transposed: false, output_padding: Dims::from_elem(0, n), groups };
        weight_grad(&input, &grad, &size, &s) }
        d input = |g, grad, sizes, stride, padding, dilation, groups|
            input_grad(&grad, g, &sizes, &spec(g, &stride, &padding, &dilation, false, &dims![0], groups)?),
        d grad = |g, input, sizes, stride, padding, dilation, groups|
            cropped(input.convolution_op(g, (), &stride, &padding, &dilation, false, [0], groups), &sizes);
    /// Convolution over one dimension.
    fn conv1d "nn.functional.conv1d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: Dims = "0", dilation: Dims = "1", groups: i64 = "1") ["conv1d", function] compose {
        plain("conv1d", 1, &input, &weight, bias.as_ref(), &stride, &padding, &dilation, groups) };
    /// Convolution over one dimension, padding by name.
    fn conv1d_named "nn.functional.conv1d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: String = "'valid'", dilation: Dims = "1", groups: i64 = "1") ["conv1d", function] compose {
        named("conv1d", 1, &input, &weight, bias.as_ref(), &stride, &padding, &dilation, groups) };
    /// Convolution over two dimensions.
    fn conv2d "nn.functional.conv2d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: Dims = "0", dilation: Dims = "1", groups: i64 = "1") ["conv2d", function] compose {
        plain("conv2d", 2, &input, &weight, bias.as_ref(), &stride, &padding, &dilation, groups) };
    /// Convolution over two dimensions, padding by name.
    fn conv2d_named "nn.functional.conv2d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: String = "'valid'", dilation: Dims = "1", groups: i64 = "1") ["conv2d", function] compose {
        named("conv2d", 2, &input, &weight, bias.as_ref(), &stride, &padding, &dilation, groups) };
    /// Convolution over three dimensions.
    fn conv3d "nn.functional.conv3d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: Dims = "0", dilation: Dims = "1", groups: i64 = "1") ["conv3d", function] compose {
        plain("conv3d", 3, &input, &weight, bias.as_ref(), &stride, &padding, &dilation, groups) };
    /// Convolution over three dimensions, padding by name.
    fn conv3d_named "nn.functional.conv3d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: String = "'valid'", dilation: Dims = "1", groups: i64 = "1") ["conv3d", function] compose {
        named("conv3d", 3, &input, &weight, bias.as_ref(), &stride, &padding, &dilation, groups) };
    /// The transpose of a convolution over one dimension.
    fn conv_transpose1d "nn.functional.conv_transpose1d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: Dims = "0", output_padding: Dims = "0", groups: i64 = "1", dilation: Dims = "1") ["conv_transpose1d", function] compose {
        upward("conv_transpose1d", 1, &input, &weight, bias.as_ref(), &stride, &padding, &output_padding, groups, &dilation) };
    /// The transpose of a convolution over two dimensions.
    fn conv_transpose2d "nn.functional.conv_transpose2d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: Dims = "0", output_padding: Dims = "0", groups: i64 = "1", dilation: Dims = "1") ["conv_transpose2d", function] compose {
        upward("conv_transpose2d", 2, &input, &weight, bias.as_ref(), &stride, &padding, &output_padding, groups, &dilation) };
    /// The transpose of a convolution over three dimensions.
    fn conv_transpose3d "nn.functional.conv_transpose3d"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null", stride: Dims = "1", padding: Dims = "0", output_padding: Dims = "0", groups: i64 = "1", dilation: Dims = "1") ["conv_transpose3d", function] compose {
        upward("conv_transpose3d", 3, &input, &weight, bias.as_ref(), &stride, &padding, &output_padding, groups, &dilation) };
    /// Convolution over the first of time, batch and channels.
    fn conv_tbc(input: Tensor, weight: Tensor, bias: Tensor, pad: i64 = "0") [function] eval { time_batch_channels(&input, &weight, &bias, pad) }
        d input = |g, sizes, weight, pad| { let s = spec(&weight, &dims![1], &dims![pad], &dims![1], false, &dims![0], 1)?;
            input_grad(&g.permute([1, 2, 0])?, &weight.permute([2, 1, 0])?, &[sizes[1], sizes[2], sizes[0]], &s)?.permute([2, 0, 1]) },
        d weight = |g, input, sizes, pad| input.permute([1, 2, 0])?._convolution_weight(g.permute([1, 2, 0]), [sizes[2], sizes[1], sizes[0]], [1], [pad], [1], 1i64)?.permute([2, 1, 0]),
        d bias = |g| g.sum_dim([0, 1], false, ());
}
