//! Normalisation over layers and groups, and what `batch_norm.rs` shares. Gradients come from fused kernels,
//! except where they are themselves recorded: then they are written in ops.

#![allow(non_snake_case)] // `N`, `C` and `HxW` are PyTorch's names.

use super::linked;
use crate::kernels::norm::{scales, Shape};
use crate::kernels::norm_runs::Grads;
use crate::ops::loops::Real;
use crate::ops::prelude::*;

/// Where the sums of a normalisation run, and how its parameters broadcast against it.
pub(super) struct Plan {
    pub(super) shape: Shape,
    /// Channels of weight and bias.
    pub(super) period: usize,
    /// Sizes under which the input is normalised over `dims`.
    pub(super) view: Dims,
    /// Those dimensions.
    pub(super) dims: Dims,
    /// Sizes of weight and bias against `view`.
    pub(super) params: Dims,
}

impl Plan {
    fn layer(input: &[i64], normalized: &[i64]) -> Plan {
        let lead = input.len() - normalized.len();
        let (rows, channels) = (input[..lead].iter().product::<i64>(), normalized.iter().product::<i64>());
        Plan {
            shape: Shape { rows: rows as usize, channels: channels as usize, space: 1, across: false },
            period: channels as usize,
            view: dims![rows, channels],
            dims: dims![1],
            params: dims![1, channels],
        }
    }

    fn group(n: i64, c: i64, space: i64, groups: i64) -> Plan {
        let each = c / groups.max(1);
        Plan {
            shape: Shape { rows: (n * groups) as usize, channels: each as usize, space: space as usize, across: false },
            period: c as usize,
            view: dims![n, groups, each, space],
            dims: dims![2, 3],
            params: dims![1, groups, each, 1],
        }
    }

    pub(super) fn batch(input: &[i64]) -> Plan {
        let (n, c) = (input[0], input[1]);
        let space = input[2..].iter().product::<i64>();
        Plan {
            shape: Shape { rows: n as usize, channels: c as usize, space: space as usize, across: true },
            period: c as usize,
            view: dims![n, c, space],
            dims: dims![0, 2],
            params: dims![1, c, 1],
        }
    }
}

/// The type of the parameters: the input's, or float32 beside a half precision.
pub(super) fn param_dtype(input: &Tensor, params: &[Option<&Tensor>]) -> Result<DType> {
    let given = params.iter().flatten().map(|t| t.dtype()).find(|d| *d != input.dtype());
    let half = matches!(input.dtype(), DType::Float16 | DType::BFloat16);
    match given {
        None => Ok(input.dtype()),
        Some(DType::Float32) if half && params.iter().flatten().all(|t| t.dtype() == DType::Float32) => Ok(DType::Float32),
        Some(_) => Err(Error::runtime("mixed dtype (CPU): expect parameter to have scalar type of Float")),
    }
}

/// Runs `$body` in the type that `$dtype` is computed in.
macro_rules! in_real {
    ($dtype:expr, $T:ident => $body:expr) => {
        if $dtype == DType::Float64 { type $T = f64; $body } else { type $T = f32; $body }
    };
}

fn row<T: Real>(t: &Option<Tensor>) -> Option<&[T]> {
    t.as_ref().map(|t| t.data::<T>())
}

fn flat(t: Option<&Tensor>, work: DType) -> Result<Option<Tensor>> {
    t.map(|t| t.as_contiguous(work)).transpose()
}

/// The numbers as a tensor.
pub(super) fn numbers(values: &[f64], sizes: &[i64], dtype: DType) -> Result {
    Tensor::from_slice(values, sizes)?.as_contiguous(dtype)
}

/// The normalised input with given moments.
pub(super) fn applied(plan: &Plan, input: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, mean: &[f64], scale: &[f64]) -> Result {
    let work = input.dtype().compute();
    let (x, w, b) = (input.as_contiguous(work)?, flat(weight, work)?, flat(bias, work)?);
    let out = Tensor::empty(input.sizes(), work)?;
    in_real!(work, T => plan.shape.apply::<T>(x.data(), mean, scale, row(&w), row(&b), plan.period, out.data_mut()));
    out.as_contiguous(input.dtype())
}

pub(super) fn moments(plan: &Plan, input: &Tensor) -> Result<(Vec<f64>, Vec<f64>)> {
    let work = input.dtype().compute();
    let x = input.as_contiguous(work)?;
    Ok(in_real!(work, T => plan.shape.moments::<T>(x.data())))
}

/// The normalised input, its means and inverse deviations.
fn normalised(plan: &Plan, name: &str, input: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64, stats: &[i64]) -> Result<Vec<Tensor>> {
    if !input.dtype().is_floating_point() {
        return Err(Error::dtype(name, input.dtype()));
    }
    let dtype = param_dtype(input, &[weight, bias])?;
    let work = input.dtype().compute();
    let (x, w, b) = (input.as_contiguous(work)?, flat(weight, work)?, flat(bias, work)?);
    let out = Tensor::empty(input.sizes(), work)?;
    let (mean, scale) = in_real!(work, T => plan.shape.normalise::<T>(x.data(), eps, row(&w), row(&b), plan.period, out.data_mut()));
    Ok(vec![out.as_contiguous(input.dtype())?, numbers(&mean, stats, dtype)?, numbers(&scale, stats, dtype)?])
}

/// The input as `plan` sees it, less its mean; and the inverse of its deviation.
fn centred(plan: &Plan, input: &Tensor, eps: f64) -> Result<(Tensor, Tensor)> {
    let x = input.reshape(&plan.view)?;
    let x = x.sub(x.mean_dim(&plan.dims, true, ())?, 1i64)?;
    let scale = x.mul(&x)?.mean_dim(&plan.dims, true, ())?.add(eps, 1i64)?.rsqrt()?;
    Ok((x, scale))
}

/// The gradient of the input from those of the three results of a normalisation.
pub(super) fn input_grad(plan: &Plan, grads: &[Option<Tensor>], input: &Tensor, weight: Option<&Tensor>, eps: f64) -> Result {
    let of_stats = grads.iter().skip(1).any(Option::is_some);
    let zero = || Tensor::zeros(input.sizes(), input.dtype());
    if input.numel() == 0 {
        return zero();
    }
    let g = grads[0].clone().map_or_else(zero, Ok)?;
    if crate::state::unobserved() && !of_stats {
        let work = input.dtype().compute();
        let (mean, var) = moments(plan, input)?;
        let (g, x, w) = (g.as_contiguous(work)?, input.as_contiguous(work)?, flat(weight, work)?);
        let out = Tensor::empty(input.sizes(), work)?;
        in_real!(work, T => plan.shape.input_grad::<T>(g.data(), x.data(), &mean, &scales(&var, eps), row(&w), plan.period, out.data_mut()));
        return out.as_contiguous(input.dtype());
    }
    let (x, scale) = centred(plan, input, eps)?;
    let hat = x.mul(&scale)?;
    let mut g = g.reshape(&plan.view)?;
    if let Some(w) = weight {
        g = g.mul(w.reshape(&plan.params)?)?;
    }
    let mean = |t: Result| t?.mean_dim(&plan.dims, true, ());
    let mut out = g.sub(mean(Ok(g.clone()))?, 1i64)?.sub(hat.mul(mean(g.mul(&hat))?)?, 1i64)?.mul(&scale)?;
    let n = plan.shape.count() as i64;
    if let Some(Some(m)) = grads.get(1) {
        out = out.add(m.reshape(scale.sizes())?.true_divide(n)?, 1i64)?;
    }
    if let Some(Some(s)) = grads.get(2) {
        out = out.sub(s.reshape(scale.sizes())?.mul(scale.mul(&scale)?.mul(&scale)?)?.mul(&x)?.true_divide(n)?, 1i64)?;
    }
    out.reshape(input.sizes())
}

/// The gradient of the weight.
pub(super) fn weight_grad(plan: &Plan, g: Option<&Tensor>, input: &Tensor, weight: &Tensor, eps: f64) -> Result {
    let Some(g) = g.filter(|_| input.numel() > 0) else { return Tensor::zeros(weight.sizes(), weight.dtype()) };
    if crate::state::unobserved() {
        let work = input.dtype().compute();
        let (mean, var) = moments(plan, input)?;
        let (g, x) = (g.as_contiguous(work)?, input.as_contiguous(work)?);
        let out = Tensor::empty(weight.sizes(), work)?;
        in_real!(work, T => plan.shape.weight_grad::<T>(g.data(), x.data(), &mean, &scales(&var, eps), plan.period, out.data_mut()));
        return Ok(out);
    }
    let (x, scale) = centred(plan, input, eps)?;
    summed(g.reshape(&plan.view)?.mul(x.mul(&scale)?), plan, weight.sizes())
}

/// The gradients of input, weight and bias from moments that are computed once.
pub(super) fn joint_grads(plan: &Plan, g: &Tensor, wanted: &[bool], input: &Tensor, weight: Option<&Tensor>, eps: f64) -> Result<Option<[Option<Tensor>; 3]>> {
    // Without a weight the sizes of the bias are not known here.
    let Some(weight) = weight.filter(|_| input.numel() > 0) else { return Ok(None) };
    let work = input.dtype().compute();
    let (g, x, w) = (g.as_contiguous(work)?, input.as_contiguous(work)?, flat(Some(weight), work)?);
    let room = |wanted: bool, sizes: &[i64]| wanted.then(|| Tensor::empty(sizes, work)).transpose();
    let (dx, dw) = (room(wanted[0], input.sizes())?, room(wanted[1], weight.sizes())?);
    if plan.shape.has_runs() {
        let db = room(wanted[2], weight.sizes())?;
        in_real!(work, T => {
            fn part<T: Real>(t: &Option<Tensor>) -> Option<&mut [T]> { t.as_ref().map(Tensor::data_mut) }
            let to = Grads { input: part(&dx), weight: part(&dw), bias: part(&db) };
            plan.shape.all_grads::<T>(g.data(), x.data(), eps, row(&w), plan.period, to);
        });
        return Ok(Some([dx, dw, db]));
    }
    let (mean, var) = moments(plan, &x)?;
    let scale = scales(&var, eps);
    // In one pass with the weight's where that is simple.
    let mut db = room(wanted[1] && wanted[2] && plan.shape.is_plain(plan.period), weight.sizes())?;
    in_real!(work, T => {
        if let Some(dx) = &dx {
            plan.shape.input_grad::<T>(g.data(), x.data(), &mean, &scale, row(&w), plan.period, dx.data_mut());
        }
        if let Some(dw) = &dw {
            match &db {
                Some(db) => plan.shape.param_grads::<T>(g.data(), x.data(), &mean, &scale, dw.data_mut(), db.data_mut()),
                None => plan.shape.weight_grad::<T>(g.data(), x.data(), &mean, &scale, plan.period, dw.data_mut()),
            }
        }
    });
    if wanted[2] && db.is_none() {
        db = Some(summed(g.reshape(&plan.view), plan, weight.sizes())?);
    }
    Ok(Some([dx, dw, db]))
}

/// What is summed down to the sizes of a parameter.
pub(super) fn summed(t: Result, plan: &Plan, sizes: &[i64]) -> Result {
    let dims: Dims = (0..plan.params.len() as i64).filter(|d| plan.params[*d as usize] == 1).collect();
    // Dimensions of size one that the parameter has as well are summed at no cost.
    t?.sum_dim(&dims, true, ())?.reshape(sizes)
}

pub(super) fn bias_grad(plan: &Plan, g: Option<&Tensor>, input: &Tensor, weight: Option<&Tensor>, sizes: &[i64]) -> Result {
    let Some(g) = g else { return Tensor::zeros(sizes, input.dtype()) };
    let with: Vec<&Tensor> = std::iter::once(input).chain(weight).collect();
    linked(summed(g.reshape(&plan.view), plan, sizes), &with)
}

/// Checks shapes for normalisation over the last dimensions.
fn check_layer(input: &[i64], shape: &[i64], weight: Option<&Tensor>, bias: Option<&Tensor>, star: &str) -> Result<()> {
    if shape.is_empty() {
        return Err(Error::runtime(format!(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, but got normalized_shape = {shape:?}"
        )));
    }
    for (name, t) in [("weight", weight), ("bias", bias)] {
        if let Some(t) = t.filter(|t| t.sizes() != shape) {
            return Err(Error::runtime(format!(
                "Expected {name} to be of same shape as normalized_shape, but got {name} of shape {:?} and normalized_shape = {shape:?}", t.sizes()
            )));
        }
    }
    if input.len() < shape.len() || input[input.len() - shape.len()..] != *shape {
        return Err(Error::runtime(format!(
            "Given normalized_shape={shape:?}, expected input with shape [*{star}{}], but got input of size{input:?}", super::by(shape, ", ")
        )));
    }
    Ok(())
}

fn layer(input: &Tensor, shape: &Dims, weight: Option<&Tensor>, bias: Option<&Tensor>, eps: f64) -> Result<Vec<Tensor>> {
    check_layer(input.sizes(), shape, weight, bias, ", ")?;
    let mut stats = input.dims();
    stats[input.ndim() - shape.len()..].fill(1);
    normalised(&Plan::layer(input.sizes(), shape), "LayerNormKernelImpl", input, weight, bias, eps, &stats)
}

fn group(input: &Tensor, weight: Option<&Tensor>, bias: Option<&Tensor>, n: i64, c: i64, space: i64, groups: i64, eps: f64) -> Result<Vec<Tensor>> {
    if groups <= 0 {
        return Err(Error::runtime(format!("Expected num groups to be greater than 0, got {groups}")));
    }
    if c % groups != 0 {
        return Err(Error::runtime(format!(
            "Expected number of channels in input to be divisible by num_groups, but got input of shape {:?} and num_groups={groups}", input.sizes()
        )));
    }
    for (name, t) in [("weight", weight), ("bias", bias)] {
        if let Some(t) = t.filter(|t| t.ndim() != 1 || t.numel() as i64 != c) {
            return Err(Error::runtime(format!(
                "Expected {name} to be a vector of size equal to the number of channels in input, but got {name} of shape {:?} and input of shape {:?}",
                t.sizes(), input.sizes()
            )));
        }
    }
    if n.checked_mul(c).and_then(|nc| nc.checked_mul(space)) != Some(input.numel() as i64) {
        return Err(Error::runtime(format!("Expected N * C * HxW to be the number of elements in input, got input of shape {:?}", input.sizes())));
    }
    normalised(&Plan::group(n, c, space, groups), "GroupNormKernelImpl", input, weight, bias, eps, &[n, groups])
}

fn grouped(input: &Tensor, groups: i64, weight: &Option<Tensor>, bias: &Option<Tensor>, eps: f64) -> Result {
    let s = input.sizes();
    if s.len() < 2 {
        return Err(Error::runtime(format!("Expected at least 2 dimensions for input tensor but received {}", s.len())));
    }
    let space = s[2..].iter().product::<i64>();
    if s[1] == 0 {
        return Err(Error::runtime("Expected number of channels to be greater than 0, got 0"));
    }
    if space == 0 {
        return Err(Error::runtime("Expected HxW to be greater than 0, got 0"));
    }
    input.native_group_norm(weight, bias, s[0], s[1], space, groups, eps)
}

fn root_mean_square(input: &Tensor, shape: &Dims, weight: Option<&Tensor>, eps: Option<f64>) -> Result {
    check_layer(input.sizes(), shape, weight, None, "")?;
    if input.dtype().is_integral() {
        return Err(Error::dtype("rms_norm", input.dtype()));
    }
    let eps = eps.unwrap_or(if input.dtype().to_real() == DType::Float64 { f64::EPSILON } else { f64::from(f32::EPSILON) });
    let dims: Dims = (1..=shape.len() as i64).map(|d| -d).collect();
    // Half precisions are squared and averaged in float32.
    let work = input.dtype().compute();
    let x = crate::ops::cast(input, work)?;
    let scale = x.pow_scalar(2i64)?.mean_dim(&dims, true, ())?.add(eps, 1i64)?.rsqrt()?;
    let out = x.mul(scale)?;
    match weight {
        Some(w) => crate::ops::cast(&out.mul(w)?, input.dtype()),
        None => crate::ops::cast(&out, input.dtype()),
    }
}

/// Each element over the sum of squares of the channels around it.
fn local_response(input: &Tensor, size: i64, alpha: f64, beta: f64, k: f64) -> Result {
    let n = input.ndim();
    if n < 3 {
        return Err(Error::value(format!("Expected 3D or higher dimensionality                          input (got {n} dimensions)")));
    }
    if input.numel() == 0 {
        return Ok(input.clone());
    }
    let s = input.dims();
    let squares = input.mul(input)?;
    let (before, after) = (size / 2, (size - 1) / 2);
    let mean = if n == 3 {
        squares.unsqueeze(1i64)?.pad([0, 0, before, after], "constant", ())?.avg_pool2d([size, 1], [1], [0], false, true, ())?.squeeze_dim(1i64)?
    } else {
        squares.view([s[0], 1, s[1], s[2], s[3..].iter().product::<i64>()])?
            .pad([0, 0, 0, 0, before, after], "constant", ())?
            .avg_pool3d([size, 1, 1], [1], [0], false, true, ())?
            .squeeze_dim(1i64)?
            .view(&s)?
    };
    input.true_divide(mean.mul(alpha)?.add(k, 1i64)?.pow_scalar(beta)?)
}

ops! { TABLE, NormalisationOps;
    /// The input normalised over its last dimensions, its means and inverse deviations.
    fn native_layer_norm(input: Tensor, normalized_shape: Dims, weight: Option<Tensor>, bias: Option<Tensor>, eps: f64) -> (list) [function, first] eval { layer(&input, &normalized_shape, weight.as_ref(), bias.as_ref(), eps) }
        d input = |g, input, normalized_shape, weight, eps| input_grad(&Plan::layer(input.sizes(), &normalized_shape), &[Some(g.clone())], &input, weight.as_ref(), eps),
        d weight = |g, input, normalized_shape, weight, eps| match weight { Some(w) => weight_grad(&Plan::layer(input.sizes(), &normalized_shape), Some(g), &input, &w, eps), None => Ok(g.clone()) },
        d bias = |g, input, normalized_shape, weight| bias_grad(&Plan::layer(input.sizes(), &normalized_shape), Some(g), &input, weight.as_ref(), &normalized_shape),
        joint (input, weight, bias) = |g, wanted, input, normalized_shape, weight, eps|
            joint_grads(&Plan::layer(input.sizes(), &normalized_shape), g, wanted, &input, weight.as_ref(), eps);
    /// The input normalised over its last dimensions, then scaled and shifted.
    fn layer_norm "nn.functional.layer_norm"(input: Tensor, normalized_shape: Dims, weight: Option<Tensor> = "null", bias: Option<Tensor> = "null", eps: f64 = "1e-5") [function] compose {
        input.native_layer_norm(&normalized_shape, &weight, &bias, eps) };
    /// `layer_norm`, by its name at the top.
    fn layer_norm_top "layer_norm"(input: Tensor, normalized_shape: Dims, weight: Option<Tensor> = "null", bias: Option<Tensor> = "null", eps: f64 = "1e-5", cudnn_enable: bool = "true") [function] compose {
        let _ = cudnn_enable; input.native_layer_norm(&normalized_shape, &weight, &bias, eps) };
    /// The input normalised over groups of channels, its means and inverse deviations.
    fn native_group_norm(input: Tensor, weight: Option<Tensor>, bias: Option<Tensor>, N: i64, C: i64, HxW: i64, group: i64, eps: f64) -> (list) [function] eval {
            crate::ops::nn::norm::group(&input, weight.as_ref(), bias.as_ref(), N, C, HxW, group, eps) }
        // PyTorch differentiates these again through the moments, and so through all inputs.
        d input = |g, input, weight, bias, N, C, HxW, group, eps, grads| { let _ = g;
            linked(input_grad(&Plan::group(N, C, HxW, group), &grads, &input, weight.as_ref(), eps), &bias.iter().collect::<Vec<_>>()) },
        d weight = |g, input, weight, bias, N, C, HxW, group, eps, grads| match weight {
            Some(w) => linked(weight_grad(&Plan::group(N, C, HxW, group), grads[0].as_ref(), &input, &w, eps), &std::iter::once(&w).chain(&bias).collect::<Vec<_>>()),
            None => Ok(g.clone()) },
        d bias = |g, N, C, HxW, group, grads| match &grads[0] {
            Some(g) => summed(g.reshape(&Plan::group(N, C, HxW, group).view), &Plan::group(N, C, HxW, group), &[C]),
            None => Tensor::zeros(&[C], g.dtype()) },
        joint (input, weight, bias) = |g, wanted, input, weight, N, C, HxW, group, eps, grads|
            if grads[0].is_none() || grads[1..].iter().any(Option::is_some) { Ok(None) } else {
                joint_grads(&Plan::group(N, C, HxW, group), g, wanted, &input, weight.as_ref(), eps) };
    /// The input normalised over `num_groups` groups of channels, then scaled and shifted.
    fn group_norm "nn.functional.group_norm"(input: Tensor, num_groups: i64, weight: Option<Tensor> = "null", bias: Option<Tensor> = "null", eps: f64 = "1e-5") [function] compose { grouped(&input, num_groups, &weight, &bias, eps) };
    /// `group_norm`, by its name at the top.
    fn group_norm_top "group_norm"(input: Tensor, num_groups: i64, weight: Option<Tensor> = "null", bias: Option<Tensor> = "null", eps: f64 = "1e-5", cudnn_enabled: bool = "true") [function] compose {
        let _ = cudnn_enabled; grouped(&input, num_groups, &weight, &bias, eps) };
    /// The input over its root mean square along the last dimensions, then scaled.
    fn rms_norm "nn.functional.rms_norm"(input: Tensor, normalized_shape: Dims, weight: Option<Tensor> = "null", eps: Option<f64> = "null") ["rms_norm", function] compose { root_mean_square(&input, &normalized_shape, weight.as_ref(), eps) };
    /// The input over a power of the mean square of neighbouring channels.
    fn local_response_norm "nn.functional.local_response_norm"(input: Tensor, size: i64, alpha: f64 = "1e-4", beta: f64 = "0.75", k: f64 = "1") [function] compose { local_response(&input, size, alpha, beta, k) };
}
