//! Scaled dot-product attention (Vaswani et al., "Attention Is All You Need", 2017).

use crate::kernels::reduce::dot_row;
use crate::ops::loops::{Arith, Real, GRAIN};
use crate::ops::prelude::*;
use crate::ops::softmax::{row_max, soft_in_place};
use crate::parallel::{parallel_for, Shared};

fn check(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, causal: bool) -> Result<()> {
    let fail = |m: String| Err(Error::runtime(m));
    let name = |t: &Tensor| t.dtype().cpp_name();
    if q.dtype() != k.dtype() || q.dtype() != v.dtype() {
        return fail(format!(
            "Expected query, key, and value to have the same dtype, but got query.dtype: {} key.dtype: {} and value.dtype: {} instead.",
            name(q), name(k), name(v)
        ));
    }
    if q.ndim() < 2 || k.ndim() < 2 || v.ndim() < 2 {
        return fail(format!(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: {} key.dim: {} and value.dim: {} instead.",
            q.ndim(), k.ndim(), v.ndim()
        ));
    }
    let Some(mask) = mask else { return Ok(()) };
    if mask.dtype() != DType::Bool && mask.dtype() != q.dtype() && mask.dtype() != DType::Float32 {
        return fail(format!(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {} and  query.dtype: {} instead.",
            name(mask), name(q)
        ));
    }
    if causal {
        return fail("_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True".into());
    }
    Ok(())
}

/// Whether PyTorch takes its fused kernel.
fn is_fused(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, dropout: f64) -> bool {
    let (a, b, c) = (q.sizes(), k.sizes(), v.sizes());
    q.dtype().is_floating_point()
        && dropout == 0.0
        && a.len() == 4 && b.len() == 4 && c.len() == 4
        && a[0] == b[0] && a[0] == c[0] && a[1] == b[1] && a[1] == c[1] && b[2] == c[2]
        && a[3] == b[3] && a[3] == c[3]
        && !a.contains(&0) && !b.contains(&0)
        && mask.is_none_or(|m| !m.requires_grad() && (m.ndim() == 2 || m.ndim() == 4))
}

/// Each head of keys and values shared by a group of heads of queries.
fn repeated(q: &Tensor, k: &Tensor, v: &Tensor) -> Result<(Tensor, Tensor)> {
    let heads = |t: &Tensor| t.ndim().checked_sub(3).map_or(1, |d| t.sizes()[d]);
    let (n, a, b) = (heads(q), heads(k), heads(v));
    if a == 0 || b == 0 || n % a != 0 || n % b != 0 {
        return Err(Error::runtime("Number of heads in key and value must divide the number of heads in query"));
    }
    let wide = |t: &Tensor, times: i64| {
        if times == 1 {
            return Ok(t.clone());
        }
        let d = t.ndim() - 3;
        let mut sizes = t.dims();
        sizes.insert(d + 1, times);
        t.unsqueeze(d as i64 + 1)?.expand(&sizes)?.flatten(d as i64, d as i64 + 1)
    };
    Ok((wide(k, n / a)?, wide(v, n / b)?))
}

/// What is added to the scores: zero where attention may go, minus infinity elsewhere.
fn additive(mask: &Tensor, dtype: DType) -> Result {
    if mask.dtype() != DType::Bool {
        return crate::ops::cast(mask, dtype);
    }
    let bias = Tensor::zeros(mask.sizes(), dtype)?;
    bias.masked_fill(mask.logical_not()?, f64::NEG_INFINITY)
}

fn causal_bias(q: &Tensor, k: &Tensor) -> Result {
    let rows = |t: &Tensor| t.sizes()[t.ndim() - 2];
    let ones = Tensor::full(&[rows(q), rows(k)], Scalar::Bool(true), DType::Bool)?;
    additive(&ones.tril(0i64)?, q.dtype())
}

/// `softmax` whose rows of minus infinities give zeros.
fn safe_softmax(scores: &Tensor) -> Result {
    scores.softmax(-1i64, ())?.masked_fill(scores.eq(f64::NEG_INFINITY)?.all([-1], true)?, 0i64)
}

/// In the type it is computed in: half precisions are too coarse for the sums.
fn precise(t: &Tensor) -> Result {
    crate::ops::cast(t, t.dtype().compute())
}

/// `softmax(q k^T scale + bias) v`, step by step.
fn attended(q: &Tensor, k: &Tensor, v: &Tensor, bias: Option<&Tensor>, dropout: f64, scale: f64) -> Result {
    let dtype = q.dtype();
    let (q, k, v) = (precise(q)?, precise(k)?, precise(v)?);
    // Half of the scale on either side keeps the products in range.
    let root = scale.abs().sqrt();
    let scores = q.mul(if scale < 0.0 { -root } else { root })?.matmul(k.transpose(-2i64, -1i64)?.mul(root)?)?;
    let scores = match bias {
        Some(b) => scores.add(b, 1i64)?,
        None => scores,
    };
    let mut weights = safe_softmax(&scores)?;
    if dropout > 0.0 {
        weights = weights.dropout(dropout, true, false)?;
    }
    crate::ops::cast(&weights.matmul(v)?, dtype)
}

#[allow(clippy::too_many_arguments)]
fn attention(q: &Tensor, k: &Tensor, v: &Tensor, mask: Option<&Tensor>, dropout: f64, causal: bool, scale: Option<f64>, grouped: bool) -> Result {
    check(q, k, v, mask, causal)?;
    if q.ndim() == 3 && k.ndim() == 3 && v.ndim() == 3 {
        let lift = |t: &Tensor| t.unsqueeze(0i64);
        let mask = mask.map(|m| if m.ndim() == 3 { lift(m) } else { Ok(m.clone()) }).transpose()?;
        return attention(&lift(q)?, &lift(k)?, &lift(v)?, mask.as_ref(), dropout, causal, scale, grouped)?.squeeze_dim(0i64);
    }
    let (k, v) = if grouped { repeated(q, k, v)? } else { (k.clone(), v.clone()) };
    let width = q.sizes()[q.ndim() - 1];
    let scale = scale.unwrap_or(1.0 / (width as f64).sqrt());
    let bias = match mask {
        Some(m) => Some(additive(m, q.dtype())?),
        None if causal => Some(causal_bias(q, &k)?),
        None => None,
    };
    if is_fused(q, &k, &v, mask, dropout) {
        return q._fused_attention(&k, &v, &bias, scale);
    }
    attended(q, &k, &v, bias.as_ref(), dropout, scale)
}

/// The weights of attention, once more.
fn weights(q: &Tensor, k: &Tensor, bias: Option<&Tensor>, scale: f64) -> Result {
    let products = precise(q)?.matmul(precise(k)?.transpose(-2i64, -1i64)?)?;
    if crate::state::unobserved() && products.is_contiguous() {
        return softened(products, bias, scale);
    }
    let scores = products.mul(scale)?;
    safe_softmax(&match bias {
        Some(b) => scores.add(b, 1i64)?,
        None => scores,
    })
}

/// `safe_softmax(scores scale + bias)`, in the place of the scores, which nobody else holds.
fn softened(scores: Tensor, bias: Option<&Tensor>, scale: f64) -> Result {
    let dtype = scores.dtype();
    let (n, rows) = match scores.sizes() {
        [.., rows, n] => (*n as usize, *rows as usize),
        _ => return Ok(scores),
    };
    if n == 0 || rows == 0 {
        return Ok(scores);
    }
    // The bias goes by matrices: one for all of them, or one each.
    let bias = match bias {
        Some(b) if b.ndim() <= 2 => Some(b.expand([rows as i64, n as i64])?.as_contiguous(dtype)?),
        Some(b) => Some(b.expand(scores.sizes())?.as_contiguous(dtype)?),
        None => None,
    };
    dispatch_real!(dtype, T => {
        let (data, bias) = (Shared(scores.ptr::<T>()), bias.as_ref().map(|b| b.data::<T>()));
        parallel_for(scores.numel() / n, (GRAIN / n).max(1), |range| for i in range {
            // SAFETY: the rows are apart.
            let row = unsafe { std::slice::from_raw_parts_mut(data.get().add(i * n), n) };
            let scale = T::of(scale);
            match bias {
                Some(b) => {
                    let at = i * n % b.len();
                    row.iter_mut().zip(&b[at..at + n]).for_each(|(x, b)| *x = *x * scale + *b);
                }
                None => row.iter_mut().for_each(|x| *x = *x * scale),
            }
            let most = row_max(row);
            if most == T::NEG_INF { row.fill(T::nil()) } else { soft_in_place(row, most) }
        });
    });
    Ok(scores)
}

/// The gradient of the scores before they are scaled.
fn score_grad(g: &Tensor, w: &Tensor, v: &Tensor, scale: f64) -> Result {
    let gw = precise(g)?.matmul(precise(v)?.transpose(-2i64, -1i64)?)?;
    if crate::state::unobserved() && gw.is_contiguous() && w.is_contiguous() && gw.sizes() == w.sizes() {
        return Ok(through_softmax(gw, w, scale));
    }
    let gw = gw.mul(w)?;
    gw.sub(w.mul(gw.sum_dim([-1], true, ())?)?, 1i64)?.mul(scale)
}

/// `w (g - sum(g w)) scale`, in the place of `g`, which nobody else holds.
fn through_softmax(g: Tensor, w: &Tensor, scale: f64) -> Tensor {
    let n = g.sizes().last().copied().unwrap_or(1).max(1) as usize;
    dispatch_real!(g.dtype(), T => {
        let (data, weights) = (Shared(g.ptr::<T>()), w.data::<T>());
        parallel_for(g.numel() / n, (GRAIN / n).max(1), |range| for i in range {
            // SAFETY: the rows are apart.
            let row = unsafe { std::slice::from_raw_parts_mut(data.get().add(i * n), n) };
            let w = &weights[i * n..(i + 1) * n];
            let (sum, scale) = (dot_row(row, w, T::nil()), T::of(scale));
            row.iter_mut().zip(w).for_each(|(x, w)| *x = *w * (*x - sum) * scale);
        });
    });
    g
}

/// What `_fused_attention` is given.
struct Given<'a> {
    query: &'a Tensor,
    key: &'a Tensor,
    value: &'a Tensor,
    bias: Option<&'a Tensor>,
    scale: f64,
}

impl Given<'_> {
    fn weights(&self) -> Result {
        weights(self.query, self.key, self.bias, self.scale)
    }

    fn score_grad(&self, g: &Tensor) -> Result {
        score_grad(g, &self.weights()?, self.value, self.scale)
    }

    fn query_grad(&self, scores: &Tensor) -> Result {
        scores.matmul(precise(self.key)?)
    }

    fn key_grad(&self, scores: &Tensor) -> Result {
        scores.transpose(-2i64, -1i64)?.matmul(precise(self.query)?)
    }

    fn value_grad(&self, g: &Tensor, weights: &Tensor) -> Result {
        weights.transpose(-2i64, -1i64)?.matmul(precise(g)?)
    }

    /// The gradients of query, key and value from weights that are computed once.
    fn grads(&self, g: &Tensor, wanted: &[bool]) -> Result<Option<[Option<Tensor>; 3]>> {
        let w = self.weights()?;
        let value = wanted[2].then(|| self.value_grad(g, &w)).transpose()?;
        let scores = score_grad(g, &w, self.value, self.scale)?;
        let query = wanted[0].then(|| self.query_grad(&scores)).transpose()?;
        let key = wanted[1].then(|| self.key_grad(&scores)).transpose()?;
        Ok(Some([query, key, value]))
    }
}

ops! { TABLE, AttentionOps;
    /// `softmax(query key^T scale + attn_mask) value`: what each query attends to.
    fn scaled_dot_product_attention "nn.functional.scaled_dot_product_attention"(query: Tensor, key: Tensor, value: Tensor, attn_mask: Option<Tensor> = "null", dropout_p: f64 = "0", is_causal: bool = "false"; scale: Option<f64> = "null", enable_gqa: bool = "false") [function] compose {
        attention(&query, &key, &value, attn_mask.as_ref(), dropout_p, is_causal, scale, enable_gqa) };
    /// Attention as one step, whose weights are computed anew for the gradients.
    fn _fused_attention(query: Tensor, key: Tensor, value: Tensor, bias: Option<Tensor>, scale: f64) [hidden, ScaledDotProductFlashAttentionForCpuBackward0] eval {
        crate::state::with_grad(false, || crate::ops::cast(&weights(&query.detached(), &key.detached(), bias.as_ref(), scale)?.matmul(precise(&value.detached())?)?, query.dtype())) }
        d query = |g, query, key, value, bias, scale| {
            let given = Given { query: &query, key: &key, value: &value, bias: bias.as_ref(), scale };
            given.query_grad(&given.score_grad(g)?) },
        d key = |g, query, key, value, bias, scale| {
            let given = Given { query: &query, key: &key, value: &value, bias: bias.as_ref(), scale };
            given.key_grad(&given.score_grad(g)?) },
        d value = |g, query, key, bias, scale| {
            let given = Given { query: &query, key: &key, value: g, bias: bias.as_ref(), scale };
            given.value_grad(g, &given.weights()?) },
        joint (query, key, value) = |g, wanted, query, key, value, bias, scale|
            Given { query: &query, key: &key, value: &value, bias: bias.as_ref(), scale }.grads(g, wanted);
}
