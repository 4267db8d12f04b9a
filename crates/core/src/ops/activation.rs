//! Activations and losses.

use super::prelude::*;

/// Reduces a loss: 0 none, 1 mean, 2 sum.
fn reduced(t: Result, reduction: &str) -> Result {
    match reduction {
        "none" => t,
        "mean" => t?.mean(()),
        "sum" => t?.sum(()),
        other => Err(Error::value(format!("{other} is not a valid value for reduction"))),
    }
}

/// Negative log likelihood of `[n, c]` or `[c]` log-probabilities at class indices.
fn nll(input: &Tensor, target: &Tensor, weight: Option<&Tensor>, ignore: i64, reduction: &str) -> Result {
    let (x, t) = if input.ndim() == 1 { (input.unsqueeze(0i64)?, target.reshape([1])?) } else { (input.clone(), target.clone()) };
    if x.ndim() == 2 && t.ndim() == 1 && x.sizes()[0] != t.sizes()[0] {
        return Err(Error::value(format!("Expected input batch_size ({}) to match target batch_size ({}).", x.sizes()[0], t.sizes()[0])));
    }
    let classes = x.sizes()[1];
    if let Some(bad) = t.to_vec::<i64>().into_iter().find(|i| *i != ignore && (*i < 0 || *i >= classes)) {
        return Err(Error::index(format!("Target {bad} is out of bounds.")));
    }
    let skip = t.eq(ignore)?;
    let safe = t.masked_fill(&skip, 0i64)?;
    let picked = x.gather(1i64, safe.unsqueeze(1i64), false)?.squeeze_dims([1])?.neg()?;
    let w = match weight {
        Some(w) => w.index_select(0i64, safe.flatten(0i64, -1i64))?.reshape(&safe.dims())?.masked_fill(&skip, 0i64)?,
        None => skip.logical_not()?._to_copy(x.dtype())?,
    };
    let loss = picked.masked_fill(&skip, 0i64)?.mul(&w)?;
    match reduction {
        "mean" => loss.sum(())?.div(w.sum(()), ()),
        "none" if input.ndim() == 1 => loss.squeeze_dims([0]),
        other => reduced(Ok(loss), other),
    }
}

ops! { TABLE, ActivationOps;
    /// `max(input, 0)`.
    fn relu(input: Tensor) [inplace] eval {
        match input.dtype().compute() {
            DType::Int64 if input.dtype() == DType::Bool => Err(Error::runtime("Boolean inputs not supported for relu")),
            DType::Int64 => map(&input, input.dtype(), |x: i64| x.max(0)),
            DType::Float32 => map(&input, input.dtype(), |x: f32| if x <= 0.0 { 0.0 } else { x }),
            DType::Float64 => map(&input, input.dtype(), |x: f64| if x <= 0.0 { 0.0 } else { x }),
            _ => Err(Error::dtype("clamp_min_scalar_cpu", input.dtype())) } }
        d input = |g, out| g.mul(out.gt(0i64)?._to_copy(g.dtype()));
    /// The Gaussian error linear unit; `approximate` is `'none'` or `'tanh'`.
    fn gelu "nn.functional.gelu"(input: Tensor; approximate: String = "'none'") [] compose {
        if approximate == "tanh" {
            let inner = input.pow_scalar(3i64)?.mul(0.044715)?.add(&input, 1i64)?.mul((2.0 / std::f64::consts::PI).sqrt())?;
            inner.tanh()?.add(1i64, 1i64)?.mul(&input)?.mul(0.5)
        } else { input.mul(std::f64::consts::FRAC_1_SQRT_2)?.erf()?.add(1i64, 1i64)?.mul(&input)?.mul(0.5) } };
    /// `input * sigmoid(input)`.
    fn silu "nn.functional.silu"(input: Tensor) [] compose { input.mul(input.sigmoid()) };
    /// Mean, sum or all of the squared differences.
    fn mse_loss "nn.functional.mse_loss"(input: Tensor, target: Tensor; reduction: String = "'mean'") [] compose { reduced(input.sub(target, 1i64)?.pow_scalar(2i64), &reduction) };
    /// Negative log likelihood: minus the log-probability of the target class.
    fn nll_loss "nn.functional.nll_loss"(input: Tensor, target: Tensor; weight: Option<Tensor> = "null", ignore_index: i64 = "-100", reduction: String = "'mean'") [] compose { nll(&input, &target, weight.as_ref(), ignore_index, &reduction) };
    /// `nll_loss` of `log_softmax`, for class indices.
    fn cross_entropy "nn.functional.cross_entropy"(input: Tensor, target: Tensor; weight: Option<Tensor> = "null", ignore_index: i64 = "-100", reduction: String = "'mean'") [] compose {
        let dim: i64 = if input.ndim() == 1 { 0 } else { 1 };
        if target.dtype().is_floating_point() {
            let loss = input.log_softmax(dim, ())?.mul(&target)?.sum_dim([dim], false, ())?.neg()?;
            return Ok(Value::Tensor(if reduction == "mean" { loss.sum(())?.div((input.numel() as i64) / input.sizes()[dim as usize].max(1), ())? } else { reduced(Ok(loss), &reduction)? }));
        }
        nll(&input.log_softmax(dim, ())?, &target, weight.as_ref(), ignore_index, &reduction) };
}
