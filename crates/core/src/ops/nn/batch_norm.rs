//! Normalisation of channels over batches, and of each image by itself; `norm.rs` has what all
//! normalisations share.

use super::linked;
use super::norm::{applied, bias_grad, input_grad, joint_grads, moments, numbers, param_dtype, summed, weight_grad, Plan};
use crate::kernels::norm::scales;
use crate::ops::prelude::*;

/// What `batch_norm` is given.
struct Batch<'a> {
    weight: Option<&'a Tensor>,
    bias: Option<&'a Tensor>,
    mean: Option<&'a Tensor>,
    var: Option<&'a Tensor>,
    training: bool,
}

fn check_batch(input: &Tensor, b: &Batch) -> Result<i64> {
    let Some(&channels) = input.sizes().get(1) else {
        return Err(Error::runtime(format!("input tensor must have at least one dimension: {:?}", input.sizes())));
    };
    for (name, t) in [("running_mean", b.mean), ("running_var", b.var), ("weight", b.weight), ("bias", b.bias)] {
        match t {
            None if !b.training && name.starts_with("running") => {
                return Err(Error::runtime(format!("{name} must be defined in evaluation mode")));
            }
            Some(t) if t.numel() as i64 != channels => {
                return Err(Error::runtime(format!("{name} should contain {channels} elements not {}", t.numel())));
            }
            Some(t) if name.starts_with("running") && t.requires_grad() && crate::state::grad_enabled() => {
                return Err(Error::runtime(format!(
                    "The function 'native_batch_norm' is not differentiable with respect to argument '{name}'. This input cannot have requires_grad True."
                )));
            }
            _ => {}
        }
    }
    Ok(channels)
}

fn batch(input: &Tensor, b: &Batch, momentum: f64, eps: f64) -> Result<Vec<Tensor>> {
    let channels = check_batch(input, b)?;
    if !input.dtype().is_floating_point() {
        return Err(Error::dtype("batch_norm", input.dtype()));
    }
    let dtype = param_dtype(input, &[b.weight, b.bias, b.mean, b.var])?;
    let plan = Plan::batch(input.sizes());
    if !b.training {
        let (mean, var) = running(b)?;
        let none = Tensor::empty(&[0], dtype)?;
        return Ok(vec![applied(&plan, input, b.weight, b.bias, &mean, &scales(&var, eps))?, none.clone(), none]);
    }
    let (mean, var) = moments(&plan, input)?;
    let scale = scales(&var, eps);
    let n = plan.shape.count() as f64;
    for (t, new, unbiased) in [(b.mean, &mean, 1.0), (b.var, &var, n / (n - 1.0))] {
        if let (Some(t), true) = (t, n > 0.0) {
            let old = t.to_vec::<f64>();
            let mixed: Vec<f64> = old.iter().zip(new).map(|(o, v)| (1.0 - momentum) * o + momentum * v * unbiased).collect();
            // Written behind autograd's back, as PyTorch does it: the same statistics may be
            // updated again before the backward of this call.
            crate::kernels::copy::copy(&numbers(&mixed, &[channels], DType::Float64)?, t);
        }
    }
    let stats = [channels];
    Ok(vec![applied(&plan, input, b.weight, b.bias, &mean, &scale)?, numbers(&mean, &stats, dtype)?, numbers(&scale, &stats, dtype)?])
}

fn running(b: &Batch) -> Result<(Vec<f64>, Vec<f64>)> {
    match (b.mean, b.var) {
        (Some(m), Some(v)) => Ok((m.to_vec(), v.to_vec())),
        _ => Err(Error::runtime("running_mean must be defined in evaluation mode")),
    }
}

/// The gradient of the input: through the moments in training, past them in evaluation.
fn batch_input_grad(grads: &[Option<Tensor>], input: &Tensor, b: &Batch, eps: f64) -> Result {
    let plan = Plan::batch(input.sizes());
    if b.training {
        return input_grad(&plan, &grads[..1], input, b.weight, eps);
    }
    let (Some(g), Some(var)) = (&grads[0], b.var) else { return Tensor::zeros(input.sizes(), input.dtype()) };
    let mut each = Dims::from_elem(1, input.ndim());
    each[1] = input.sizes()[1];
    let scale = var.add(eps, 1i64)?.rsqrt()?;
    let scale = match b.weight { Some(w) => scale.mul(w)?, None => scale };
    linked(g.mul(scale.reshape(&each)?), &[input])
}

fn batch_weight_grad(g: Option<&Tensor>, input: &Tensor, weight: &Tensor, b: &Batch, eps: f64) -> Result {
    let plan = Plan::batch(input.sizes());
    let (Some(g), false, Some(mean), Some(var)) = (g, b.training, b.mean, b.var) else {
        return weight_grad(&plan, g, input, weight, eps);
    };
    let hat = input.reshape(&plan.view)?.sub(mean.reshape(&plan.params)?, 1i64)?.mul(var.add(eps, 1i64)?.rsqrt()?.reshape(&plan.params)?)?;
    linked(summed(g.reshape(&plan.view)?.mul(hat), &plan, weight.sizes()), &[weight])
}

/// Refuses a training batch in which a channel has one value.
fn check_more_than_one(input: &Tensor) -> Result<()> {
    let s = input.sizes();
    if s.len() < 2 {
        return if s.is_empty() { Err(Error::index("tuple index out of range")) } else { Ok(()) };
    }
    if s[0] * s[2..].iter().product::<i64>() == 1 {
        return Err(Error::value(format!("Expected more than 1 value per channel when training, got input size torch.Size({s:?})")));
    }
    Ok(())
}

#[allow(clippy::too_many_arguments)]
fn batch_any(input: &Tensor, weight: &Option<Tensor>, bias: &Option<Tensor>, mean: &Option<Tensor>, var: &Option<Tensor>, training: bool, momentum: f64, eps: f64) -> Result {
    if input.numel() == 0 {
        // No channel to normalise: the input, and gradients of zeros for the parameters.
        let channels = input.sizes().get(1).copied().unwrap_or(0);
        for (name, t) in [("running_mean", mean), ("running_var", var), ("weight", weight), ("bias", bias)] {
            if let Some(t) = t.as_ref().filter(|t| t.numel() as i64 != channels) {
                return Err(Error::runtime(format!("{name} should contain {channels} elements not {}", t.numel())));
            }
        }
        let mut out = input.clone_op(())?;
        if let Some(w) = weight { out = out.mul(w.select(0i64, 0i64)?)?; }
        if let Some(b) = bias { out = out.add(b.select(0i64, 0i64)?, 1i64)?; }
        return Ok(out);
    }
    input.native_batch_norm(weight, bias, mean, var, training, momentum, eps)
}

/// Each image by itself: batch normalisation of one batch whose channels are those of all images.
#[allow(clippy::too_many_arguments)]
fn instance(input: &Tensor, weight: &Option<Tensor>, bias: &Option<Tensor>, mean: &Option<Tensor>, var: &Option<Tensor>, use_input: bool, momentum: f64, eps: f64) -> Result {
    if !use_input && (mean.is_none() || var.is_none()) {
        return Err(Error::runtime("Expected running_mean and running_var to be defined when use_input_stats is false"));
    }
    let s = input.dims();
    if s.len() < 2 {
        return Err(Error::index("tuple index out of range"));
    }
    let (n, c) = (s[0], s[1]);
    // Copies even for one image: what is saved for the backward must not be what is updated.
    let repeated = |t: &Option<Tensor>| t.as_ref().map(|t| t.repeat([n])).transpose();
    let (w, b, m, v) = (repeated(weight)?, repeated(bias)?, repeated(mean)?, repeated(var)?);
    let mut sizes = s.clone();
    (sizes[0], sizes[1]) = (1, n * c);
    let out = batch_any(&input.contiguous(())?.view(&sizes)?, &w, &b, &m, &v, use_input, momentum, eps)?;
    for (stat, all) in [(mean, m), (var, v)] {
        if let (Some(stat), Some(all), true) = (stat, all, use_input) {
            crate::autograd::write_to(stat, &all.view([n, c])?.mean_dim([0], false, ())?)?;
        }
    }
    out.view(&s)
}

ops! { TABLE, BatchNormOps;
    /// The input normalised channel by channel over the batch, its means and inverse deviations; running statistics are updated in training.
    fn native_batch_norm(input: Tensor, weight: Option<Tensor>, bias: Option<Tensor>, running_mean: Option<Tensor>, running_var: Option<Tensor>, training: bool, momentum: f64, eps: f64) -> (list) [function, first] eval {
            batch(&input, &Batch { weight: weight.as_ref(), bias: bias.as_ref(), mean: running_mean.as_ref(), var: running_var.as_ref(), training }, momentum, eps) }
        d input = |g, input, weight, running_mean, running_var, training, eps|
            batch_input_grad(&[Some(g.clone())], &input, &Batch { weight: weight.as_ref(), bias: None, mean: running_mean.as_ref(), var: running_var.as_ref(), training }, eps),
        d weight = |g, input, weight, running_mean, running_var, training, eps| match &weight {
            Some(w) => batch_weight_grad(Some(g), &input, w, &Batch { weight: weight.as_ref(), bias: None, mean: running_mean.as_ref(), var: running_var.as_ref(), training }, eps),
            None => Ok(g.clone()) },
        d bias = |g, input, weight| bias_grad(&Plan::batch(input.sizes()), Some(g), &input, weight.as_ref(), &[input.sizes()[1]]),
        joint (input, weight, bias) = |g, wanted, input, weight, training, eps|
            if training { joint_grads(&Plan::batch(input.sizes()), g, wanted, &input, weight.as_ref(), eps) } else { Ok(None) };
    /// The input normalised channel by channel: over the batch in training, by running statistics otherwise.
    fn batch_norm "nn.functional.batch_norm"(input: Tensor, running_mean: Option<Tensor>, running_var: Option<Tensor>, weight: Option<Tensor> = "null", bias: Option<Tensor> = "null", training: bool = "false", momentum: f64 = "0.1", eps: f64 = "1e-5") [function] compose {
        if training { check_more_than_one(&input)?; }
        batch_any(&input, &weight, &bias, &running_mean, &running_var, training, momentum, eps) };
    /// `batch_norm`, by its name at the top.
    fn batch_norm_top "batch_norm"(input: Tensor, weight: Option<Tensor>, bias: Option<Tensor>, running_mean: Option<Tensor>, running_var: Option<Tensor>, training: bool, momentum: f64, eps: f64, cudnn_enabled: bool) [function] compose {
        let _ = cudnn_enabled; batch_any(&input, &weight, &bias, &running_mean, &running_var, training, momentum, eps) };
    /// Every channel of every image normalised by itself.
    fn instance_norm "nn.functional.instance_norm"(input: Tensor, running_mean: Option<Tensor> = "null", running_var: Option<Tensor> = "null", weight: Option<Tensor> = "null", bias: Option<Tensor> = "null", use_input_stats: bool = "true", momentum: f64 = "0.1", eps: f64 = "1e-5") [function] compose {
        if use_input_stats && input.sizes().get(2..).unwrap_or(&[]).iter().product::<i64>() == 1 {
            return Err(Error::value(format!("Expected more than 1 spatial element when training, got input size torch.Size({:?})", input.sizes()))); }
        instance(&input, &weight, &bias, &running_mean, &running_var, use_input_stats, momentum, eps) };
    /// `instance_norm`, by its name at the top.
    fn instance_norm_top "instance_norm"(input: Tensor, weight: Option<Tensor>, bias: Option<Tensor>, running_mean: Option<Tensor>, running_var: Option<Tensor>, use_input_stats: bool, momentum: f64, eps: f64, cudnn_enabled: bool) [function] compose {
        let _ = cudnn_enabled; instance(&input, &weight, &bias, &running_mean, &running_var, use_input_stats, momentum, eps) };
}
