//! Scaled dot-product attention (Vaswani et al., "Attention Is All You Need", 2017).

use crate::kernels::attention::{self, Heads};
use crate::ops::prelude::*;

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
    let bias = mask.map(|m| additive(m, q.dtype())).transpose()?;
    if is_fused(q, &k, &v, mask, dropout) {
        return q._fused_attention(&k, &v, &bias, causal, scale);
    }
    let bias = if causal { Some(causal_bias(q, &k)?) } else { bias };
    attended(q, &k, &v, bias.as_ref(), dropout, scale)
}

/// The addresses and steps of a tensor of four dimensions.
fn heads<T>(t: &Tensor) -> Heads<*const T> {
    Heads { ptr: t.first::<T>().cast_const(), steps: std::array::from_fn(|d| t.strides()[d] as isize) }
}

/// Room for a head's rows beside those of the other heads, as PyTorch lays them out.
fn room(sizes: &[i64], dtype: DType) -> Result {
    let (h, l, e) = (sizes[1], sizes[2], sizes[3]);
    Tensor::empty_strided(sizes, &[l * h * e, e, h * e, 1], dtype)
}

/// What `_fused_attention` is given.
struct Fused<'a> {
    query: &'a Tensor,
    key: &'a Tensor,
    value: &'a Tensor,
    bias: Option<&'a Tensor>,
    causal: bool,
    scale: f64,
}

/// The same in the type it is computed in, the bias expanded.
struct Operands {
    all: [Tensor; 3],
    bias: Option<Tensor>,
    shape: attention::Attention,
}

impl Operands {
    fn given<T: Copy>(&self) -> attention::Given<T> {
        let [query, key, value] = &self.all;
        attention::Given { query: heads(query), key: heads(key), value: heads(value), bias: self.bias.as_ref().map(heads) }
    }
}

impl Fused<'_> {
    fn operands(&self) -> Result<Operands> {
        let size = |t: &Tensor, d: usize| t.sizes()[d];
        let (q, k) = (self.query, self.key);
        let precise = |t: &Tensor| precise(&t.detached());
        let sizes = [size(q, 0), size(q, 1), size(q, 2), size(k, 2)];
        let bias = self.bias.map(|b| precise(b)?.expand(sizes)).transpose()?;
        let [batch, heads, queries, keys] = sizes.map(|n| n as usize);
        let shape = attention::Attention {
            batch, heads, queries, keys, width: size(q, 3) as usize, scale: self.scale, causal: self.causal,
        };
        Ok(Operands { all: [precise(q)?, precise(k)?, precise(self.value)?], bias, shape })
    }

    fn run(&self) -> Result {
        let operands = self.operands()?;
        let out = room(self.query.sizes(), operands.all[0].dtype())?;
        dispatch_real!(out.dtype(), T => {
            let to = Heads { ptr: out.first::<T>(), steps: heads::<T>(&out).steps };
            // SAFETY: sizes and steps are the tensors' own, and the result is ours.
            unsafe { operands.shape.forward::<T>(operands.given(), to) };
        });
        crate::ops::cast(&out, self.query.dtype())
    }

    /// The gradients of query, key and value that are asked for.
    fn grads(&self, g: &Tensor, wanted: [bool; 3]) -> Result<[Option<Tensor>; 3]> {
        if !crate::state::unobserved() {
            return self.recorded_grads(g, wanted);
        }
        let (operands, g) = (self.operands()?, precise(&g.detached())?);
        let mut out = [None, None, None];
        for ((to, like), _) in out.iter_mut().zip(&operands.all).zip(wanted).filter(|w| w.1) {
            *to = Some(room(like.sizes(), like.dtype())?);
        }
        dispatch_real!(g.dtype(), T => {
            let to = |t: &Option<Tensor>| t.as_ref().map(|t| Heads { ptr: t.first::<T>(), steps: heads::<T>(t).steps });
            // SAFETY: as above.
            unsafe { operands.shape.backward::<T>(operands.given(), heads(&g), [to(&out[0]), to(&out[1]), to(&out[2])]) };
        });
        Ok(out)
    }

    /// The same written in ops, from weights that are computed once more.
    fn recorded_grads(&self, g: &Tensor, wanted: [bool; 3]) -> Result<[Option<Tensor>; 3]> {
        let (q, k, v, g) = (precise(self.query)?, precise(self.key)?, precise(self.value)?, precise(g)?);
        let turned = |t: &Tensor| t.transpose(-2i64, -1i64);
        let scores = q.matmul(turned(&k)?)?.mul(self.scale)?;
        let causal = if self.causal { Some(causal_bias(&q, &k)?) } else { None };
        let w = safe_softmax(&match self.bias.or(causal.as_ref()) {
            Some(b) => scores.add(b, 1i64)?,
            None => scores,
        })?;
        let value = wanted[2].then(|| turned(&w)?.matmul(&g)).transpose()?;
        if !wanted[0] && !wanted[1] {
            return Ok([None, None, value]);
        }
        let gw = g.matmul(turned(&v)?)?.mul(&w)?;
        let scores = gw.sub(w.mul(gw.sum_dim([-1], true, ())?)?, 1i64)?.mul(self.scale)?;
        let query = wanted[0].then(|| scores.matmul(&k)).transpose()?;
        let key = wanted[1].then(|| turned(&scores)?.matmul(&q)).transpose()?;
        Ok([query, key, value])
    }

    /// One of the gradients.
    fn grad(&self, g: &Tensor, which: usize) -> Result {
        let [query, key, value] = self.grads(g, std::array::from_fn(|i| i == which))?;
        [query, key, value].into_iter().flatten().next().map_or_else(|| Tensor::zeros(g.sizes(), g.dtype()), Ok)
    }
}

ops! { TABLE, AttentionOps;
    /// `softmax(query key^T scale + attn_mask) value`: what each query attends to.
    fn scaled_dot_product_attention "nn.functional.scaled_dot_product_attention"(query: Tensor, key: Tensor, value: Tensor, attn_mask: Option<Tensor> = "null", dropout_p: f64 = "0", is_causal: bool = "false"; scale: Option<f64> = "null", enable_gqa: bool = "false") [function] compose {
        attention(&query, &key, &value, attn_mask.as_ref(), dropout_p, is_causal, scale, enable_gqa) };
    /// Attention as one step, whose weights are computed anew for the gradients.
    fn _fused_attention(query: Tensor, key: Tensor, value: Tensor, bias: Option<Tensor>, causal: bool, scale: f64) [hidden, ScaledDotProductFlashAttentionForCpuBackward0] eval {
        Fused { query: &query, key: &key, value: &value, bias: bias.as_ref(), causal, scale }.run() }
        d query = |g, query, key, value, bias, causal, scale|
            Fused { query: &query, key: &key, value: &value, bias: bias.as_ref(), causal, scale }.grad(g, 0),
        d key = |g, query, key, value, bias, causal, scale|
            Fused { query: &query, key: &key, value: &value, bias: bias.as_ref(), causal, scale }.grad(g, 1),
        d value = |g, query, key, value, bias, causal, scale|
            Fused { query: &query, key: &key, value: &value, bias: bias.as_ref(), causal, scale }.grad(g, 2),
        joint (query, key, value) = |g, wanted, query, key, value, bias, causal, scale|
            Fused { query: &query, key: &key, value: &value, bias: bias.as_ref(), causal, scale }
                .grads(g, [wanted[0], wanted[1], wanted[2]]).map(Some);
}
