//! Losses of classes: negative log likelihood and cross entropy.

use super::linked;
use super::loss::{check_reduction, reduction_of};
use crate::ops::loops::Real;
use crate::ops::prelude::*;

/// What a negative log likelihood is taken over: `[batch, classes, space]`.
struct Classes<'a> {
    target: &'a Tensor,
    weight: Option<&'a Tensor>,
    ignore: i64,
    word: &'a str,
}

/// Batch, classes and space of an input of one, two or four dimensions.
fn extents(sizes: &[i64]) -> (usize, usize, usize) {
    let (n, c) = if sizes.len() == 1 { (1, sizes[0]) } else { (sizes[0], sizes[1]) };
    (n as usize, c as usize, sizes.get(2..).unwrap_or(&[]).iter().product::<i64>() as usize)
}

impl Classes<'_> {
    fn check(&self, input: &Tensor) -> Result<()> {
        let (x, t) = (input.sizes(), self.target.sizes());
        let fail = |m: String| Err(Error::runtime(m));
        if !matches!(self.target.dtype(), DType::Int64 | DType::UInt8) {
            return fail(format!("expected target dtype to be Long or Byte, but got {}", self.target.dtype().scalar_type()));
        }
        if x.len() == 1 && t.len() == 1 && t[0] != 1 {
            return Err(Error::value(format!("For 1D input, 1D target must have size 1, but got target size: {}", t[0])));
        }
        if x.len() <= 2 && t.len() > 1 {
            return fail("0D or 1D target tensor expected, multi-target not supported".into());
        }
        if x.len() == 2 && t != &x[..1] {
            return fail(format!("size mismatch (got input: {x:?}, target: {t:?})"));
        }
        if x.len() == 4 && (t.len() != 3 || t[0] != x[0] || t[1..] != x[2..]) {
            return fail(format!("size mismatch (got input: {x:?} , target: {t:?}"));
        }
        let classes = if x.len() == 1 { x[0] } else { x[1] };
        if let Some(w) = self.weight.filter(|w| w.numel() as i64 != classes) {
            return fail(format!(
                "weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {:?}", w.sizes()
            ));
        }
        if !input.dtype().is_floating_point() {
            return Err(Error::dtype("nll_loss_out_frame", input.dtype()));
        }
        if let Some(w) = self.weight.filter(|w| w.dtype() != input.dtype()) {
            return fail(format!("expected scalar type {} but found {}", input.dtype().scalar_type(), w.dtype().scalar_type()));
        }
        Ok(())
    }

    /// Calls `f(place in the input, place in the target, weight)` for each target that counts.
    fn each(&self, sizes: &[i64], mut f: impl FnMut(usize, usize, f64)) -> Result<()> {
        let (n, c, space) = extents(sizes);
        let targets = self.target.to_vec::<i64>();
        let weights = self.weight.map(Tensor::to_vec::<f64>);
        for i in 0..n {
            for s in 0..space {
                let t = targets[i * space + s];
                if t == self.ignore {
                    continue;
                }
                if t < 0 || t >= c as i64 {
                    return Err(Error::index(format!("Target {t} is out of bounds.")));
                }
                let t = t as usize;
                f((i * c + t) * space + s, i * space + s, weights.as_ref().map_or(1.0, |w| w[t]));
            }
        }
        Ok(())
    }

    fn total(&self, sizes: &[i64]) -> Result<f64> {
        let mut total = 0.0;
        self.each(sizes, |_, _, w| total += w)?;
        Ok(total)
    }

    fn loss<T: Real>(&self, input: &Tensor) -> Result {
        let x = input.as_contiguous(T::DTYPE)?;
        let x = x.data::<T>();
        if self.word == "none" {
            let out = Tensor::zeros(self.target.sizes(), T::DTYPE)?;
            let y = out.data_mut::<T>();
            self.each(input.sizes(), |at, to, w| y[to] = T::of(-x[at].f64() * w))?;
            return Ok(out);
        }
        let (mut sum, mut total) = (0.0, 0.0);
        self.each(input.sizes(), |at, _, w| {
            sum -= x[at].f64() * w;
            total += w;
        })?;
        Tensor::from_slice(&[T::of(if self.word == "mean" { sum / total } else { sum })], &[])
    }

    fn grad<T: Real>(&self, g: &Tensor, sizes: &[i64]) -> Result {
        let g = g.as_contiguous(T::DTYPE)?;
        let g = g.data::<T>();
        let total = if self.word == "mean" { self.total(sizes)? } else { 1.0 };
        let out = Tensor::zeros(sizes, T::DTYPE)?;
        let y = out.data_mut::<T>();
        self.each(sizes, |at, to, w| y[at] = T::of(-g[if self.word == "none" { to } else { 0 }].f64() * w / total))?;
        Ok(out)
    }
}

fn likelihood(input: &Tensor, k: &Classes) -> Result {
    k.check(input)?;
    let out = if input.dtype() == DType::Float64 { k.loss::<f64>(input)? } else { k.loss::<f32>(input)? };
    let out = out.as_contiguous(input.dtype())?;
    // One input and one target: no dimension, be the target's one or none.
    if k.word == "none" && input.ndim() == 1 { out.view([]) } else { Ok(out) }
}

fn likelihood_back(g: &Tensor, sizes: &[i64], k: &Classes) -> Result {
    let out = if g.dtype() == DType::Float64 { k.grad::<f64>(g, sizes)? } else { k.grad::<f32>(g, sizes)? };
    out.as_contiguous(g.dtype())
}

/// `nll_loss` of any number of dimensions.
fn any_dims(input: &Tensor, target: &Tensor, weight: &Option<Tensor>, ignore: i64, word: &str) -> Result {
    check_reduction(word)?;
    let (x, t) = (input.dims(), target.dims());
    if x.is_empty() {
        return Err(Error::value("Expected 1 or more dimensions (got 0)"));
    }
    let batch = t.first().copied().unwrap_or(0);
    if x.len() != 1 && x[0] != batch {
        return Err(Error::value(format!("Expected input batch_size ({}) to match target batch_size ({batch}).", x[0])));
    }
    match x.len() {
        1 | 2 => input._nll_loss(target, weight, ignore, word),
        4 => input._nll_loss2d(target, weight, ignore, word),
        _ => {
            let mut want: Dims = dims![x[0]];
            want.extend_from_slice(&x[2..]);
            if t[1..] != x[2..] {
                return Err(Error::runtime(format!("Expected target size {:?}, got {:?}", want.as_slice(), t.as_slice())));
            }
            let space = x[2..].iter().product::<i64>();
            let flat = input.contiguous(())?.view([x[0], x[1], 1, space])?;
            let loss = flat._nll_loss2d(target.contiguous(())?.view([x[0], 1, space]), weight, ignore, word)?;
            if word == "none" { loss.view(&want) } else { Ok(loss) }
        }
    }
}

/// What `cross_entropy` is asked for.
struct Ask<'a> {
    weight: &'a Option<Tensor>,
    ignore: i64,
    word: &'a str,
    smoothing: f64,
}

fn cross_entropy_of(input: &Tensor, target: &Tensor, ask: &Ask) -> Result {
    check_reduction(ask.word)?;
    let dim = i64::from(input.ndim() != 1);
    let probabilities = input.sizes() == target.sizes();
    if probabilities && !target.dtype().is_floating_point() {
        return Err(Error::runtime(format!("Expected floating point type for target with class probabilities, got {}", target.dtype().scalar_type())));
    }
    if probabilities && ask.ignore >= 0 {
        return Err(Error::runtime("ignore_index is not supported for floating point target"));
    }
    if !(0.0..=1.0).contains(&ask.smoothing) {
        return Err(Error::runtime(format!("label_smoothing must be between 0.0 and 1.0. Got: {}", ask.smoothing)));
    }
    if probabilities {
        return of_probabilities(input, target, dim, ask);
    }
    let log = input.log_softmax(dim, ())?;
    let loss = any_dims(&log, target, ask.weight, ask.ignore, ask.word)?;
    if ask.smoothing == 0.0 { Ok(loss) } else { smoothed(&log, target, &loss, dim, ask) }
}

/// The weight of each class against an input that has its classes at `dim`.
fn along(weight: &Tensor, dim: i64, ndim: usize) -> Result {
    let mut sizes = Dims::from_elem(1, ndim);
    sizes[dim as usize] = weight.numel() as i64;
    weight.view(&sizes)
}

fn of_probabilities(input: &Tensor, target: &Tensor, dim: i64, ask: &Ask) -> Result {
    let classes = input.sizes().get(dim as usize).copied().unwrap_or(1);
    if let Some(w) = ask.weight.as_ref().filter(|w| w.sizes() != [classes]) {
        return Err(Error::runtime(format!(
            "cross_entropy: weight tensor should be defined either for all {classes} classes or no classes but got weight tensor of shape: {:?}", w.sizes()
        )));
    }
    let log = input.log_softmax(dim, ())?;
    let target = if ask.smoothing > 0.0 { target.mul(1.0 - ask.smoothing)?.add(ask.smoothing / classes as f64, 1i64)? } else { target.clone() };
    let mut terms = log.mul(target)?;
    if let Some(w) = ask.weight {
        terms = terms.mul(along(w, dim, input.ndim())?)?;
    }
    match ask.word {
        "none" => terms.sum_dim([dim], false, ())?.neg(),
        "sum" => terms.sum(())?.neg(),
        _ => terms.sum(())?.neg()?._over((input.numel() as i64) / classes.max(1)),
    }
}

/// A part of the loss spread over all classes.
fn smoothed(log: &Tensor, target: &Tensor, loss: &Tensor, dim: i64, ask: &Ask) -> Result {
    let classes = log.sizes().get(dim as usize).copied().unwrap_or(1);
    let terms = match ask.weight {
        Some(w) => log.mul(along(w, dim, log.ndim())?)?,
        None => log.clone(),
    };
    let ignored = target.eq(ask.ignore)?.reshape(terms.sum_dim([dim], false, ())?.dims())?;
    let even = terms.sum_dim([dim], false, ())?.neg()?.masked_fill(&ignored, 0i64)?;
    let even = match ask.word {
        "none" => even,
        "sum" => even.sum(())?,
        _ => {
            // The mean is over what the weights of the targets add up to.
            let kept = ignored.logical_not()?;
            let total = match ask.weight {
                Some(w) => {
                    let places = target.masked_fill(target.eq(ask.ignore), 0i64)?.flatten(0i64, -1i64)?;
                    w.index_select(0i64, places)?.mul(kept.flatten(0i64, -1i64)?)?.sum(())?
                }
                None => kept.sum(())?,
            };
            even.sum(())?.true_divide(total)?
        }
    };
    loss.mul(1.0 - ask.smoothing)?.add(even.mul(ask.smoothing / classes as f64), 1i64)
}

/// A list as Python prints a tuple.
fn tuple(sizes: &[i64]) -> String {
    let all = super::by(sizes, ", ");
    if sizes.len() == 1 { format!("({all},)") } else { format!("({all})") }
}

fn linear_then(input: &Tensor, weight: &Tensor, bias: &Option<Tensor>, target: &Tensor, ignore: Option<i64>, ask: Ask) -> Result {
    let fail = |m: String| Err(Error::runtime(m));
    let (x, w) = (input.sizes(), weight.sizes());
    if !(1..=2).contains(&x.len()) {
        return fail(format!("expected input with dimensionality 1 or 2, got {}", x.len()));
    }
    if w.len() < 2 {
        return fail(format!("expected linear_weight with dimensionality at least 2, got {}", w.len()));
    }
    let (features, classes) = (x[x.len() - 1], w[0]);
    if features != w[w.len() - 1] {
        return fail(format!("expected equal input and linear_weight last dimensions (in_features), got {features} and {}, respectively", w[w.len() - 1]));
    }
    let out = &w[..w.len() - 1];
    if let Some(b) = bias.as_ref().filter(|b| b.sizes() != out) {
        return fail(format!("expected linear_bias shape {}, got {}", tuple(out), tuple(b.sizes())));
    }
    if out.len() > 1 && x.len() == 1 {
        return fail(format!(
            "K-dimensional loss defined by linear_weight shape {} requires batched input, (N, {features}), got unbatched input with shape {}", tuple(w), tuple(x)
        ));
    }
    let mut sizes: Dims = x[..x.len() - 1].into();
    sizes.extend_from_slice(out);
    if ignore.is_some() && target.sizes() == &sizes[..] {
        return fail("ignore_index cannot be specified when target contains probabilities".into());
    }
    let rows = classes * out[1..].iter().product::<i64>();
    let bias = bias.as_ref().map(|b| b.reshape([rows])).transpose()?;
    let logits = input.linear(weight.reshape([rows, features]), &bias)?.reshape(&sizes)?;
    cross_entropy_of(&logits, target, &Ask { ignore: ignore.unwrap_or(-100), ..ask })
}

ops! { TABLE, ClassLossOps;
    /// Negative log likelihood: minus the log-probability of the target class.
    fn nll_loss "nn.functional.nll_loss"(input: Tensor, target: Tensor, weight: Option<Tensor> = "null", size_average: Option<bool> = "null", ignore_index: i64 = "-100", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        any_dims(&input, &target, &weight, ignore_index, &reduction_of(size_average, reduce, reduction)) };
    /// `nll_loss` of one input or a batch of them.
    fn _nll_loss(input: Tensor, target: Tensor, weight: Option<Tensor>, ignore_index: i64, reduction: String) [hidden] eval { likelihood(&input, &Classes { target: &target, weight: weight.as_ref(), ignore: ignore_index, word: &reduction }) }
        d input = |g, input, target, weight, ignore_index, reduction| linked(g._nll_loss_back(target, &weight, input.dims(), ignore_index, &reduction), &[&input]);
    /// `nll_loss` of a batch of images.
    fn _nll_loss2d(input: Tensor, target: Tensor, weight: Option<Tensor>, ignore_index: i64, reduction: String) [hidden, NllLoss2DBackward0] eval { likelihood(&input, &Classes { target: &target, weight: weight.as_ref(), ignore: ignore_index, word: &reduction }) }
        d input = |g, input, target, weight, ignore_index, reduction| linked(g._nll_loss_back(target, &weight, input.dims(), ignore_index, &reduction), &[&input]);
    /// The gradient of `nll_loss`, linear in that of the loss.
    fn _nll_loss_back(input: Tensor, target: Tensor, weight: Option<Tensor>, size: Dims, ignore_index: i64, reduction: String) [hidden] eval { likelihood_back(&input, &size, &Classes { target: &target, weight: weight.as_ref(), ignore: ignore_index, word: &reduction }) }
        d input = |g, target, weight, ignore_index, reduction| if g.ndim() == 4 { g._nll_loss2d(target, &weight, ignore_index, &reduction) } else { g._nll_loss(target, &weight, ignore_index, &reduction) };
    /// The cross entropy of classes, given as indices or as probabilities, from their logits.
    fn cross_entropy "nn.functional.cross_entropy"(input: Tensor, target: Tensor, weight: Option<Tensor> = "null", size_average: Option<bool> = "null", ignore_index: i64 = "-100", reduce: Option<bool> = "null", reduction: String = "'mean'", label_smoothing: f64 = "0") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        cross_entropy_of(&input, &target, &Ask { weight: &weight, ignore: ignore_index, word: &word, smoothing: label_smoothing }) };
    /// The cross entropy of a linear layer's results.
    fn linear_cross_entropy "nn.functional.linear_cross_entropy"(input: Tensor, linear_weight: Tensor, target: Tensor; linear_bias: Option<Tensor> = "null", weight: Option<Tensor> = "null", reduction: String = "'mean'", ignore_index: Option<i64> = "null", label_smoothing: f64 = "0") [function] compose {
        linear_then(&input, &linear_weight, &linear_bias, &target, ignore_index, Ask { weight: &weight, ignore: -100, word: &reduction, smoothing: label_smoothing }) };
}
