//! Losses that compare element by element, and their reductions.

use crate::ops::prelude::*;

/// How a loss is reduced: PyTorch's word, or what its two older flags say.
pub(super) fn reduction_of(size_average: Option<bool>, reduce: Option<bool>, word: String) -> String {
    match (size_average, reduce) {
        (None, None) => word,
        (_, Some(false)) => "none".into(),
        (Some(false), _) => "sum".into(),
        _ => "mean".into(),
    }
}

/// The word, if it is one.
pub(super) fn check_reduction(word: &str) -> Result<()> {
    if matches!(word, "none" | "mean" | "sum") {
        return Ok(());
    }
    Err(Error::value(format!("{word} is not a valid value for reduction")))
}

/// A loss reduced.
pub(super) fn reduced(loss: Result, word: &str) -> Result {
    check_reduction(word)?;
    match word {
        "mean" => loss?.mean(()),
        "sum" => loss?.sum(()),
        _ => loss,
    }
}

/// The gradient of each element, given that of the reduced loss over `n` of them.
pub(super) fn share(g: &Tensor, word: &str, n: usize) -> Result {
    if word == "mean" { g.true_divide(n as i64) } else { Ok(g.clone()) }
}

/// The common sizes of operands, and how many elements they have.
fn common(a: &Tensor, b: &Tensor) -> Result<usize> {
    Ok(broadcast(a.sizes(), b.sizes())?.iter().product::<i64>() as usize)
}

/// A loss of two operands by one expression.
macro_rules! pointwise {
    ($kernel:literal, $a:expr, $b:expr, $dtype:expr, $reduction:expr, |$x:ident, $y:ident| $e:expr) => {{
        let (a, b, dtype) = ($a.detached_weak(), $b.detached_weak(), $dtype);
        check_reduction($reduction)?;
        reduced($crate::real!($kernel, dtype, zip::<F, F, F>(&a, &b, dtype, |$x: F, $y: F| $e)), $reduction)
    }};
}

/// Losses weighted element by element: the mean is over the weights.
fn weighted(loss: &Tensor, input: &Tensor, weight: &Tensor, word: &str) -> Result {
    if weight.sizes() != input.sizes() {
        return Err(Error::value("Weights and input must have the same size."));
    }
    let loss = loss.mul(weight)?;
    if word == "mean" { loss.sum(())?.true_divide(weight.sum(())) } else { reduced(Ok(loss), word) }
}

/// Refuses targets of other sizes.
fn check_same(input: &Tensor, target: &Tensor) -> Result<()> {
    if input.sizes() == target.sizes() {
        return Ok(());
    }
    Err(Error::value(format!(
        "Using a target size (torch.Size({:?})) that is different to the input size (torch.Size({:?})) is deprecated. \
         Please ensure they have the same size.",
        target.sizes(), input.sizes()
    )))
}

/// A weight expanded to the sizes it has together with the target.
fn widened(weight: &Tensor, target: &Tensor) -> Result {
    let (t, w) = (target.sizes(), weight.sizes());
    let at = |s: &[i64], back: usize| s.len().checked_sub(back).map_or(1, |d| s[d]);
    for back in 1..=t.len().max(w.len()) {
        let (a, b) = (at(t, back), at(w, back));
        if a != b && a != 1 && b != 1 {
            return Err(Error::runtime(format!(
                "Attempting to broadcast a dimension of length {b} at -{back}! Mismatching argument at index 1 had torch.Size({w:?}); \
                 but expected shape should be broadcastable to {t:?}"
            )));
        }
    }
    weight.expand(&broadcast(t, w)?)
}

fn cross_entropy_of_probabilities(input: &Tensor, target: &Tensor, weight: Option<&Tensor>, word: &str) -> Result {
    let dtype = input.dtype();
    for t in std::iter::once(target).chain(weight) {
        if t.dtype() != dtype {
            return Err(Error::runtime(format!("Found dtype {} but expected {}", t.dtype().scalar_type(), dtype.scalar_type())));
        }
    }
    let outside = |t: &Tensor| t.to_vec::<f64>().iter().any(|x| !(0.0..=1.0).contains(x));
    if dtype.is_floating_point() {
        for (name, t) in [("input", input), ("target", target)] {
            if outside(t) {
                return Err(Error::runtime(format!("all elements of {name} should be between 0 and 1")));
            }
        }
    }
    let (x, t) = (input.detached(), target.detached());
    let loss = real!("binary_cross_entropy", dtype, zip::<F, F, F>(&x, &t, dtype, |x: F, t: F| {
        (t - 1.0) * (-x).ln_1p().max(-100.0) - t * x.ln().max(-100.0)
    }))?;
    reduced(match weight { Some(w) => loss.mul(w.detached()), None => Ok(loss) }, word)
}

fn by_weight(t: Result, weight: &Option<Tensor>) -> Result {
    match weight {
        Some(w) => t?.mul(w),
        None => t,
    }
}

/// `log(sigmoid(x))`, without overflow.
pub(super) fn log_sigmoid(x: &Tensor) -> Result {
    x.clamp_max_scalar(0i64)?.sub(x.abs()?.neg()?.exp()?.log1p(), 1i64)
}

fn cross_entropy_of_logits(input: &Tensor, target: &Tensor, weight: &Option<Tensor>, pos_weight: &Option<Tensor>, word: &str) -> Result {
    let (x, t) = (input.detached_weak(), target.detached_weak());
    if !input.dtype().is_floating_point() {
        return Err(Error::dtype("log_sigmoid_cpu", input.dtype()));
    }
    if !target.dtype().is_floating_point() {
        return Err(Error::cast(input.dtype(), target.dtype()));
    }
    let mut log = log_sigmoid(&x)?;
    if let Some(p) = pos_weight {
        log = log.mul(p.detached().sub(1i64, 1i64)?.mul(&t)?.add(1i64, 1i64)?)?;
    }
    let loss = t.rsub(1i64, 1i64)?.mul(&x)?.sub(log, 1i64);
    reduced(by_weight(loss, &weight.as_ref().map(Tensor::detached)), word)
}

fn logits_input_grad(g: &Tensor, input: &Tensor, target: &Tensor, weight: &Option<Tensor>, pos_weight: &Option<Tensor>) -> Result {
    let slope = match pos_weight {
        Some(p) => {
            let t = p.mul(target)?;
            t.add(1i64, 1i64)?.sub(target, 1i64)?.mul(input.sigmoid())?.sub(t, 1i64)
        }
        None => input.sigmoid()?.sub(target, 1i64),
    };
    by_weight(g.mul(slope), weight)
}

fn logits_target_grad(g: &Tensor, input: &Tensor, weight: &Option<Tensor>, pos_weight: &Option<Tensor>) -> Result {
    let slope = match pos_weight {
        Some(p) => log_sigmoid(&input.neg()?)?.sub(p.mul(log_sigmoid(input)), 1i64),
        None => input.neg(),
    };
    by_weight(g.mul(slope), weight)
}

fn divergence(input: &Tensor, target: &Tensor, log_target: bool) -> Result {
    if log_target {
        target.exp()?.mul(target.sub(input, 1i64))
    } else {
        target.xlogy(target)?.sub(target.mul(input), 1i64)
    }
}

fn poisson(input: &Tensor, target: &Tensor, log_input: bool, full: bool, eps: f64) -> Result {
    let loss = if log_input {
        input.exp()?.sub(target.mul(input), 1i64)?
    } else {
        input.sub(target.mul(input.add(eps, 1i64)?.log())?, 1i64)?
    };
    if !full {
        return Ok(loss);
    }
    // Stirling's approximation of the logarithm of the factorial.
    let stirling = target.mul(target.log())?.sub(target, 1i64)?.add(target.mul(2.0 * std::f64::consts::PI)?.log()?.mul(0.5), 1i64)?;
    loss.add(stirling.masked_fill(target.le(1i64), 0i64), 1i64)
}

fn gaussian(input: &Tensor, target: &Tensor, var: &Tensor, full: bool, eps: f64, word: &str) -> Result {
    let mut var = var.clone();
    if var.0.wrapped {
        var = Tensor::full(input.sizes(), var.scalar()?, input.dtype())?;
    }
    if var.lt(0i64)?.to_vec::<bool>().contains(&true) {
        return Err(Error::value("var has negative entry/entries"));
    }
    let (s, v) = (input.sizes(), var.sizes());
    if v != s {
        if !s.is_empty() && s[..s.len() - 1] == *v {
            var = var.unsqueeze(-1i64)?;
        } else if s.len() != v.len() || s.iter().zip(v).filter(|(a, b)| a != b).map(|(_, b)| *b).sum::<i64>() != 1 {
            return Err(Error::value("var is of incorrect size"));
        }
    }
    if check_reduction(word).is_err() {
        return Err(Error::value(format!("{word} is not valid")));
    }
    // The floor is no part of the gradient.
    let floor = var.detached().clamp_min_scalar(eps)?.sub(var.detached(), 1i64)?;
    let var = var.add(floor, 1i64)?;
    let mut loss = var.log()?.add(input.sub(target, 1i64)?.pow_scalar(2i64)?.true_divide(&var)?, 1i64)?.mul(0.5)?;
    if full {
        loss = loss.add(0.5 * (2.0 * std::f64::consts::PI).ln(), 1i64)?;
    }
    reduced(Ok(loss), word)
}

ops! { TABLE, LossOps;
    /// The squared differences.
    fn mse_loss "nn.functional.mse_loss"(input: Tensor, target: Tensor, size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'", weight: Option<Tensor> = "null") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        match weight {
            Some(w) => weighted(&input.sub(target, 1i64)?.pow_scalar(2i64)?, &input, &w, &word),
            None => input._mse_loss(target, &word),
        } };
    /// The squared differences, unweighted.
    fn _mse_loss(input: Tensor, target: Tensor, reduction: String) [hidden] eval { pointwise!("mse_cpu", input, target, result_type(&[&input, &target]), &reduction, |x, y| (x - y) * (x - y)) }
        d input = |g, input, target, reduction| share(g, &reduction, common(&input, &target)?)?.mul(input.sub(&target, 1i64)?.mul(2i64)),
        d target = |g, input, target, reduction| share(g, &reduction, common(&input, &target)?)?.mul(target.sub(&input, 1i64)?.mul(2i64));
    /// The absolute differences.
    fn l1_loss "nn.functional.l1_loss"(input: Tensor, target: Tensor, size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'", weight: Option<Tensor> = "null") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        let loss = input.sub(target, 1i64)?.abs()?;
        match weight { Some(w) => weighted(&loss, &input, &w, &word), None => reduced(Ok(loss), &word) } };
    /// Squares below `beta` and absolute differences above.
    fn smooth_l1_loss "nn.functional.smooth_l1_loss"(input: Tensor, target: Tensor, size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'", beta: f64 = "1") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        if beta == 0.0 { return Ok(Value::Tensor(input.l1_loss(target, (), (), &word, ())?)); }
        if beta < 0.0 { return Err(Error::runtime("smooth_l1_loss does not support negative values for beta.")); }
        input._smooth_l1_loss(target, &word, beta) };
    /// `smooth_l1_loss` for `beta` above zero.
    fn _smooth_l1_loss(input: Tensor, target: Tensor, reduction: String, beta: f64) [hidden, SmoothL1LossBackward0] eval { pointwise!("smooth_l1_cpu", input, target, result_type(&[&input, &target]), &reduction, |x, y| {
            let (z, beta) = ((x - y).abs(), beta as F); if z < beta { 0.5 * z * z / beta } else { z - 0.5 * beta } }) }
        d input = |g, input, target, reduction, beta| share(g, &reduction, common(&input, &target)?)?.mul(input.sub(&target, 1i64)?.true_divide(beta)?.clamp_scalar(-1.0, 1.0)),
        d target = |g, input, target, reduction, beta| share(g, &reduction, common(&input, &target)?)?.mul(target.sub(&input, 1i64)?.true_divide(beta)?.clamp_scalar(-1.0, 1.0));
    /// Squares below `delta` and absolute differences, times `delta`, above.
    fn huber_loss "nn.functional.huber_loss"(input: Tensor, target: Tensor, reduction: String = "'mean'", delta: f64 = "1", weight: Option<Tensor> = "null") [function] compose {
        check_reduction(&reduction)?;
        if delta <= 0.0 { return Err(Error::runtime("huber_loss does not support non-positive values for delta.")); }
        match weight { Some(w) => weighted(&input._huber_loss(target, "none", delta)?, &input, &w, &reduction), None => input._huber_loss(target, &reduction, delta) } };
    /// `huber_loss`, unweighted.
    fn _huber_loss(input: Tensor, target: Tensor, reduction: String, delta: f64) [hidden] eval { pointwise!("huber_cpu", input, target, input.dtype(), &reduction, |x, y| {
            let (z, delta) = ((x - y).abs(), delta as F); if z <= delta { 0.5 * z * z } else { delta * (z - 0.5 * delta) } }) }
        d input = |g, input, target, reduction, delta| share(g, &reduction, common(&input, &target)?)?.mul(input.sub(&target, 1i64)?.clamp_scalar(-delta, delta)),
        d target = |g, input, target, reduction, delta| share(g, &reduction, common(&input, &target)?)?.mul(target.sub(&input, 1i64)?.clamp_scalar(-delta, delta));
    /// The binary cross entropy of probabilities.
    fn binary_cross_entropy "nn.functional.binary_cross_entropy"(input: Tensor, target: Tensor, weight: Option<Tensor> = "null", size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        check_same(&input, &target)?;
        let weight = weight.map(|w| widened(&w, &target)).transpose()?;
        input._binary_cross_entropy(target, &weight, &word) };
    /// `binary_cross_entropy` of operands of one size.
    fn _binary_cross_entropy(input: Tensor, target: Tensor, weight: Option<Tensor>, reduction: String) [hidden] eval { cross_entropy_of_probabilities(&input, &target, weight.as_ref(), &reduction) }
        d input = |g, input, target, weight, reduction|
            by_weight(share(g, &reduction, input.numel())?.mul(input.sub(target, 1i64)?.true_divide(input.rsub(1i64, 1i64)?.mul(&input)?.clamp_min_scalar(1e-12))), &weight),
        d target = |g, input, weight, reduction| by_weight(share(g, &reduction, input.numel())?.mul(input.neg()?.log1p()?.sub(input.log(), 1i64)), &weight);
    /// The binary cross entropy of sigmoids, from their arguments.
    fn binary_cross_entropy_with_logits "nn.functional.binary_cross_entropy_with_logits"(input: Tensor, target: Tensor, weight: Option<Tensor> = "null", size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'", pos_weight: Option<Tensor> = "null") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        if input.sizes() != target.sizes() {
            return Err(Error::value(format!("Target size (torch.Size({:?})) must be the same as input size (torch.Size({:?}))", target.sizes(), input.sizes()))); }
        input._binary_cross_entropy_with_logits(target, &weight, &pos_weight, &word) };
    /// `binary_cross_entropy_with_logits` of operands of one size.
    fn _binary_cross_entropy_with_logits(input: Tensor, target: Tensor, weight: Option<Tensor>, pos_weight: Option<Tensor>, reduction: String) [hidden] eval { cross_entropy_of_logits(&input, &target, &weight, &pos_weight, &reduction) }
        d input = |g, input, target, weight, pos_weight, reduction| logits_input_grad(&share(g, &reduction, input.numel())?, &input, &target, &weight, &pos_weight),
        d target = |g, input, weight, pos_weight, reduction| logits_target_grad(&share(g, &reduction, input.numel())?, &input, &weight, &pos_weight);
    /// The Kullback-Leibler divergence of `target` from `exp(input)`.
    fn kl_div "nn.functional.kl_div"(input: Tensor, target: Tensor, size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'", log_target: bool = "false") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        if word != "batchmean" { return Ok(Value::Tensor({ check_reduction(&word)?; reduced(divergence(&input, &target, log_target), &word)? })); }
        let sum = divergence(&input, &target, log_target)?.sum(());
        match input.sizes().first() { Some(n) => sum?.true_divide(*n), None => sum } };
    /// The loss of Poisson-distributed targets.
    fn poisson_nll_loss "nn.functional.poisson_nll_loss"(input: Tensor, target: Tensor, log_input: bool = "true", full: bool = "false", size_average: Option<bool> = "null", eps: f64 = "1e-8", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        reduced(poisson(&input, &target, log_input, full, eps), &word) };
    /// The loss of normally distributed targets with variance `var`.
    fn gaussian_nll_loss "nn.functional.gaussian_nll_loss"(input: Tensor, target: Tensor, var: Operand, full: bool = "false", eps: f64 = "1e-6", reduction: String = "'mean'") [function] compose { gaussian(&input, &target, &var, full, eps, &reduction) };
}
