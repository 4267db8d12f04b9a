//! Products of matrices and vectors in a batch.

use super::{aligned, wrap, Levels};
use crate::error::Result;
use crate::ops::prelude::*;

/// The physical tensor, for a product that broadcasts over what is in front.
fn side(t: &Tensor, levels: &[u32]) -> Result {
    if t.is_batched() { aligned(t, levels) } else { Ok(t.clone()) }
}

/// A product of the table, if `id` is one.
pub(super) fn call(id: &str, args: &[Value], levels: &Levels) -> Result<Option<Value>> {
    let (Some(Value::Tensor(a)), Some(Value::Tensor(b))) = (args.first(), args.get(1)) else { return Ok(None) };
    let ndims = (a.ndim(), b.ndim());
    let product = match (id, ndims) {
        ("mm", (2, 2)) | ("bmm", (3, 3)) => {
            inner(a.sizes()[a.ndim() - 1] == b.sizes()[b.ndim() - 2], a, b, levels, |a, b| a.matmul(b))?
        }
        ("mv", (2, 1)) => inner(a.sizes()[1] == b.sizes()[0], a, b, levels, |p, x| {
            if a.is_batched() { p.matmul(x.unsqueeze(-1i64)?)?.squeeze_dim(-1i64) } else { x.matmul(p.t()) }
        })?,
        ("dot" | "vdot", (1, 1)) => inner(a.sizes() == b.sizes(), a, b, levels, |a, b| {
            let a = if id == "vdot" { a.conj()? } else { a.clone() };
            a.mul(b)?.sum_dim([-1i64], false, ())
        })?,
        ("addmm" | "addmv" | "baddbmm" | "addbmm" | "addr", _) => return added(id, a, args),
        _ => None,
    };
    Ok(product.map(|t| Value::Tensor(wrap(t, levels))))
}

/// The product, where its sizes fit; where they do not, the op itself says so.
fn inner(fits: bool, a: &Tensor, b: &Tensor, levels: &[u32], f: impl FnOnce(&Tensor, &Tensor) -> Result) -> Result<Option<Tensor>> {
    if !fits {
        return Ok(None);
    }
    f(&side(a, levels)?, &side(b, levels)?).map(Some)
}

/// `beta * input + alpha * product`.
fn added(id: &str, input: &Tensor, args: &[Value]) -> Result<Option<Value>> {
    let [_, Value::Tensor(a), Value::Tensor(b), beta, alpha] = args else { return Ok(None) };
    let product = match id {
        "addmm" => a.mm(b)?,
        "addmv" => a.mv(b)?,
        "baddbmm" => a.bmm(b)?,
        "addbmm" => a.bmm(b)?.sum_dim([0i64], false, ())?,
        _ => a.outer(b)?,
    };
    let number = |v: &Value| match v {
        Value::Scalar(s) => *s,
        _ => Scalar::Int(1),
    };
    let (beta, alpha) = (number(beta), number(alpha));
    let scaled = if alpha.to_f64() == 1.0 { product } else { product.mul(alpha)? };
    let out = match beta.to_f64() {
        0.0 => scaled,
        1.0 => scaled.add(input, 1i64)?,
        _ => scaled.add(input.mul(beta)?, 1i64)?,
    };
    Ok(Some(Value::Tensor(out)))
}
