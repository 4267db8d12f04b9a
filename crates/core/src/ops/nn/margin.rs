//! Losses with a margin: what is on the right side of it by enough costs nothing.

use super::loss::{check_reduction, log_sigmoid, reduced, reduction_of, share};
use crate::ops::prelude::*;

fn hinge(input: &Tensor, target: &Tensor, margin: f64) -> Result {
    let zero = Tensor::zeros(input.sizes(), input.dtype())?;
    let apart = target.ne(1i64)?.where_op(input.rsub(margin, 1i64)?.clamp_min_scalar(0i64)?, &zero)?;
    apart.add(target.ne(-1i64)?.where_op(input, &zero)?, 1i64)
}

fn ranking(a: &Tensor, b: &Tensor, target: &Tensor, margin: f64) -> Result {
    if a.ndim() != b.ndim() || a.ndim() != target.ndim() {
        return Err(Error::runtime(format!(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: torch.Size({:?}), \
             input2: torch.Size({:?}), target: torch.Size({:?})",
            a.sizes(), b.sizes(), target.sizes()
        )));
    }
    target.neg()?.mul(a.sub(b, 1i64)?)?.add(margin, 1i64)?.clamp_min_scalar(0i64)
}

fn soft(input: &Tensor, target: &Tensor, word: &str) -> Result {
    if target.requires_grad() && crate::state::grad_enabled() {
        return Err(Error::runtime(
            "The function 'soft_margin_loss' is not differentiable with respect to argument 'target'. This input cannot have requires_grad True.",
        ));
    }
    if input.dtype().is_integral() {
        return Err(Error::cast(float_type(input.dtype()), input.dtype()));
    }
    reduced(input.detached_weak().neg()?.mul(target)?.exp()?.log1p(), word)
}

fn cosine(a: &Tensor, b: &Tensor, target: &Tensor, margin: f64) -> Result {
    let (k, want) = (target.ndim(), target.ndim() + 1);
    if k > 1 {
        return Err(Error::runtime("0D or 1D target tensor expected, multi-target not supported"));
    }
    if a.ndim() != want || b.ndim() != want {
        return Err(Error::runtime(format!(
            "{k}D target tensor expects {want}D input tensors, but found inputs with sizes {:?} and {:?}.", a.sizes(), b.sizes()
        )));
    }
    let dot = |x: &Tensor, y: &Tensor| x.mul(y)?.sum_dim([k as i64], false, ());
    let lengths = dot(a, a)?.add(1e-12, 1i64)?.mul(dot(b, b)?.add(1e-12, 1i64))?.sqrt()?;
    let cos = dot(a, b)?.true_divide(lengths)?;
    let zero = Tensor::zeros(cos.sizes(), cos.dtype())?;
    let alike = target.eq(1i64)?.where_op(cos.rsub(1i64, 1i64)?, &zero)?;
    let other = target.eq(-1i64)?.where_op(cos.sub(margin, 1i64)?.clamp_min_scalar(0i64)?, &zero)?;
    alike.add(other, 1i64)
}

/// Python's way of printing a float.
fn python(x: f64) -> String {
    format!("{x:?}")
}

#[allow(clippy::too_many_arguments)]
fn triplet(anchor: &Tensor, positive: &Tensor, negative: &Tensor, margin: f64, p: f64, eps: f64, swap: bool, word: &str) -> Result {
    check_reduction(word)?;
    if margin <= 0.0 {
        return Err(Error::value(format!("margin must be greater than 0, got {}", python(margin))));
    }
    let dims = [anchor.ndim(), positive.ndim(), negative.ndim()];
    if dims[0] != dims[1] || dims[1] != dims[2] {
        return Err(Error::runtime(format!(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: \
             anchor {}D, positive {}D, and negative {}D inputs", dims[0], dims[1], dims[2]
        )));
    }
    let near = anchor.pairwise_distance(positive, p, eps, false)?;
    let mut far = anchor.pairwise_distance(negative, p, eps, false)?;
    if swap {
        far = far.minimum(positive.pairwise_distance(negative, p, eps, false))?;
    }
    reduced(near.add(margin, 1i64)?.sub(far, 1i64)?.clamp_min_scalar(0i64), word)
}

fn soft_labels(input: &Tensor, target: &Tensor, weight: Option<&Tensor>, word: &str) -> Result {
    let mut loss = target.mul(log_sigmoid(input)?)?.add(target.rsub(1i64, 1i64)?.mul(log_sigmoid(&input.neg()?)?)?, 1i64)?.neg()?;
    if let Some(w) = weight {
        loss = loss.mul(w)?;
    }
    let classes = input.sizes().last().copied().unwrap_or(1);
    if check_reduction(word).is_err() {
        return Err(Error::value(format!("{word} is not valid")));
    }
    reduced(loss.sum_dim([-1], false, ())?.true_divide(classes), word)
}

/// An input of classes: a batch of them, one row, or one number.
fn check_classes(input: &Tensor) -> Result<()> {
    let s = input.sizes();
    if s.len() <= 2 && s.last() != Some(&0) {
        return Ok(());
    }
    Err(Error::runtime(format!("Expected non-empty vector or matrix with optional 0-dim batch size, but got: {s:?}")))
}

fn check_long(target: &Tensor) -> Result<()> {
    if target.dtype() == DType::Int64 {
        return Ok(());
    }
    Err(Error::runtime(format!("expected scalar type Long but found {}", target.dtype().scalar_type())))
}

fn check_float(kernel: &str, dtype: DType) -> Result<()> {
    if matches!(dtype, DType::Float32 | DType::Float64) { Ok(()) } else { Err(Error::dtype(kernel, dtype)) }
}

/// An input as rows of classes.
fn rows(input: &Tensor) -> Result {
    let s = input.sizes();
    input.reshape([if s.len() == 2 { s[0] } else { 1 }, s.last().copied().unwrap_or(1)])
}

/// What `multi_margin_loss` is asked for.
struct OneClass<'a> {
    target: &'a Tensor,
    p: i64,
    margin: f64,
    weight: Option<&'a Tensor>,
    word: &'a str,
}

impl OneClass<'_> {
    fn check(&self, input: &Tensor) -> Result<()> {
        check_classes(input)?;
        let (s, n) = (input.sizes(), if input.ndim() == 2 { input.sizes()[0] } else { 1 });
        if self.target.ndim() > 1 || self.target.numel() as i64 != n {
            return Err(Error::runtime(format!(
                "multi_margin_loss: target tensor should be 1-D with size equal to the number of input samples (batch size). \
                 Expected target size [{n}], but got {:?}. Input has shape {s:?}.", self.target.sizes()
            )));
        }
        let classes = s.last().copied().unwrap_or(1);
        if let Some(w) = self.weight.filter(|w| w.numel() as i64 != classes) {
            return Err(Error::runtime(format!("inconsistent weight size, expected {classes} but got {:?}", w.sizes())));
        }
        check_float("multi_margin_loss_cpu_kernel", input.dtype())?;
        check_long(self.target)?;
        if let Some(w) = self.weight.filter(|w| w.dtype() != input.dtype()) {
            return Err(Error::runtime(format!("expected scalar type {} but found {}", input.dtype().scalar_type(), w.dtype().scalar_type())));
        }
        if self.target.to_vec::<i64>().iter().any(|t| *t < 0 || *t >= classes) {
            return Err(Error::runtime("target out of range"));
        }
        Ok(())
    }

    /// How far each class but the target's is over the margin, and what that is multiplied by.
    fn over(&self, x: &Tensor) -> Result<(Tensor, Tensor)> {
        let (n, classes) = (x.sizes()[0], x.sizes()[1]);
        let target = self.target.reshape([n, 1])?;
        let over = x.sub(x.gather(1i64, &target, false)?, 1i64)?.add(self.margin, 1i64)?.clamp_min_scalar(0i64)?;
        let mut scale = Tensor::full(&[n, classes], Scalar::Float(1.0 / classes as f64), x.dtype())?.scatter_value(1i64, &target, 0i64)?;
        if let Some(w) = self.weight {
            scale = scale.mul(w.index_select(0i64, self.target.reshape([n])?)?.unsqueeze(1i64)?)?;
        }
        Ok((over, scale))
    }

    fn loss(&self, input: &Tensor) -> Result {
        self.check(input)?;
        let (over, scale) = self.over(&rows(&input.detached())?)?;
        let loss = over.pow_scalar(self.p)?.mul(scale)?.sum_dim([1], false, ())?;
        if self.word == "none" && self.target.ndim() == 0 { loss.view([]) } else { reduced(Ok(loss), self.word) }
    }

    fn grad(&self, g: &Tensor, input: &Tensor) -> Result {
        let x = rows(input)?;
        let n = x.sizes()[0];
        let (over, scale) = self.over(&x)?;
        let slope = if self.p == 1 { over.gt(0i64)?._to_copy(x.dtype())? } else { over.mul(2i64)? };
        let each = share(g, self.word, n as usize)?.reshape([-1, 1])?;
        let pull = slope.mul(scale)?.mul(each)?;
        let back = pull.sum_dim([1], true, ())?.neg()?;
        pull.scatter_add(1i64, self.target.reshape([n, 1])?, back)?.reshape(input.sizes())
    }
}

/// For each row, how often a class is a target, and whether it is none: targets end at the first -1.
fn labels(input: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
    let x = rows(input)?;
    let (n, classes) = (x.sizes()[0] as usize, x.sizes()[1] as usize);
    let (mut count, mut other) = (vec![0.0; n * classes], vec![1.0; n * classes]);
    let all = target.to_vec::<i64>();
    if all.iter().any(|t| *t < -1 || *t >= classes as i64) {
        return Err(Error::runtime("argument #2 'target' is out of range"));
    }
    for (i, row) in all.chunks_exact(classes).enumerate() {
        for t in row.iter().take_while(|t| **t >= 0) {
            count[i * classes + *t as usize] += 1.0;
            other[i * classes + *t as usize] = 0.0;
        }
    }
    let tensor = |v: &[f64]| Tensor::from_slice(v, x.sizes())?.as_contiguous(input.dtype());
    Ok((tensor(&count)?, tensor(&other)?))
}

/// `1 - x[target] + x[other]` above zero for each pair, and which pairs count, over the classes.
fn pairs(input: &Tensor, target: &Tensor) -> Result<(Tensor, Tensor)> {
    let x = rows(input)?;
    let (count, other) = labels(input, target)?;
    let over = x.unsqueeze(1i64)?.sub(x.unsqueeze(2i64)?, 1i64)?.add(1i64, 1i64)?.clamp_min_scalar(0i64)?;
    Ok((over, count.unsqueeze(2i64)?.mul(other.unsqueeze(1i64)?)?.true_divide(x.sizes()[1])?))
}

fn many_labels(input: &Tensor, target: &Tensor, word: &str) -> Result {
    check_classes(input)?;
    if input.sizes() != target.sizes() {
        return Err(Error::runtime(format!("inconsistent target size: {:?} for input of size: {:?}", target.sizes(), input.sizes())));
    }
    check_float("multilabel_margin_loss_forward_out_frame", input.dtype())?;
    check_long(target)?;
    let (over, scale) = pairs(&input.detached(), target)?;
    let loss = over.mul(scale)?.sum_dim([1, 2], false, ())?;
    if word == "none" && input.ndim() < 2 { loss.view([]) } else { reduced(Ok(loss), word) }
}

fn many_labels_grad(g: &Tensor, input: &Tensor, target: &Tensor, word: &str) -> Result {
    let (over, scale) = pairs(input, target)?;
    let n = over.sizes()[0];
    let pull = over.gt(0i64)?._to_copy(input.dtype())?.mul(scale)?.mul(share(g, word, n as usize)?.reshape([-1, 1, 1])?)?;
    pull.sum_dim([1], false, ())?.sub(pull.sum_dim([2], false, ())?, 1i64)?.reshape(input.sizes())
}

ops! { TABLE, MarginLossOps;
    /// `input` where the target is 1, and what it lacks of `margin` where it is -1.
    fn hinge_embedding_loss "nn.functional.hinge_embedding_loss"(input: Tensor, target: Tensor, margin: f64 = "1", size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        reduced(hinge(&input, &target, margin), &word) };
    /// What the first input lacks of being `margin` above (target 1) or below (-1) the second.
    fn margin_ranking_loss "nn.functional.margin_ranking_loss"(input1: Tensor, input2: Tensor, target: Tensor, margin: f64 = "0", size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        reduced(ranking(&input1, &input2, &target, margin), &word) };
    /// `log(1 + exp(-target * input))`.
    fn soft_margin_loss "nn.functional.soft_margin_loss"(input: Tensor, target: Tensor, size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        input._soft_margin_loss(target, &word) };
    /// `soft_margin_loss` with a reduction that is known to be one.
    fn _soft_margin_loss(input: Tensor, target: Tensor, reduction: String) [hidden] eval { soft(&input, &target, &reduction) }
        d input = |g, input, target, reduction| share(g, &reduction, broadcast(input.sizes(), target.sizes())?.iter().product::<i64>() as usize)?
            .mul(target.neg()?.mul(target.neg()?.mul(&input)?.sigmoid())?.conj());
    /// `1 - cos` of two inputs where the target is 1, and `cos - margin` above zero where it is -1.
    fn cosine_embedding_loss "nn.functional.cosine_embedding_loss"(input1: Tensor, input2: Tensor, target: Tensor, margin: f64 = "0", size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        reduced(cosine(&input1, &input2, &target, margin), &word) };
    /// What the distance to the negative lacks of being `margin` above that to the positive.
    fn triplet_margin_loss "nn.functional.triplet_margin_loss"(anchor: Tensor, positive: Tensor, negative: Tensor, margin: f64 = "1", p: f64 = "2", eps: f64 = "1e-6", swap: bool = "false", size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        triplet(&anchor, &positive, &negative, margin, p, eps, swap, &reduction_of(size_average, reduce, reduction)) };
    /// The binary cross entropies of the logits of several labels, averaged over the classes.
    fn multilabel_soft_margin_loss "nn.functional.multilabel_soft_margin_loss"(input: Tensor, target: Tensor, weight: Option<Tensor> = "null", size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        soft_labels(&input, &target, weight.as_ref(), &reduction_of(size_average, reduce, reduction)) };
    /// What the target's score lacks of being `margin` above those of all other classes.
    fn multi_margin_loss "nn.functional.multi_margin_loss"(input: Tensor, target: Tensor, p: i64 = "1", margin: f64 = "1", weight: Option<Tensor> = "null", size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        if p != 1 && p != 2 { return Err(Error::value("only p == 1 and p == 2 supported")); }
        if weight.as_ref().is_some_and(|w| w.ndim() != 1) { return Err(Error::value("weight must be one-dimensional")); }
        input._multi_margin_loss(target, p, margin, &weight, &word) };
    /// `multi_margin_loss` with arguments that fit.
    fn _multi_margin_loss(input: Tensor, target: Tensor, p: i64, margin: f64, weight: Option<Tensor>, reduction: String) [hidden] eval { OneClass { target: &target, p, margin, weight: weight.as_ref(), word: &reduction }.loss(&input) }
        d input = |g, input, target, p, margin, weight, reduction| OneClass { target: &target, p, margin, weight: weight.as_ref(), word: &reduction }.grad(g, &input);
    /// What the scores of all targets lack of being 1 above those of all other classes.
    fn multilabel_margin_loss "nn.functional.multilabel_margin_loss"(input: Tensor, target: Tensor, size_average: Option<bool> = "null", reduce: Option<bool> = "null", reduction: String = "'mean'") [function] compose {
        let word = reduction_of(size_average, reduce, reduction);
        check_reduction(&word)?;
        input._multilabel_margin_loss(target, &word) };
    /// `multilabel_margin_loss` with a reduction that is known to be one.
    fn _multilabel_margin_loss(input: Tensor, target: Tensor, reduction: String) [hidden] eval { many_labels(&input, &target, &reduction) }
        d input = |g, input, target, reduction| many_labels_grad(g, &input, &target, &reduction);
}
