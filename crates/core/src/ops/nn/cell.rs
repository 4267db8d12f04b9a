//! One step of recurrent networks.

use crate::ops::prelude::*;

fn check(input: &Tensor, hidden: &Tensor, w_hh: &Tensor, gates: i64) -> Result<()> {
    let fail = |m: String| Err(Error::runtime(m));
    if input.ndim() == 2 && hidden.ndim() == 2 && input.sizes()[0] != hidden.sizes()[0] {
        return fail(format!("Input batch size {} doesn't match hidden0 batch size {}", input.sizes()[0], hidden.sizes()[0]));
    }
    if let (Some(h), Some(w)) = (hidden.sizes().last(), w_hh.sizes().first()) {
        if h * gates != *w {
            return fail(format!("hidden0 has inconsistent hidden_size: got {h}, expected {}", w / gates));
        }
    }
    Ok(())
}

/// The linear parts of the gates.
fn gates(input: &Tensor, hidden: &Tensor, w_ih: &Tensor, w_hh: &Tensor, b_ih: &Option<Tensor>, b_hh: &Option<Tensor>) -> Result<(Tensor, Tensor)> {
    Ok((input.linear(w_ih, b_ih)?, hidden.linear(w_hh, b_hh)?))
}

fn chunk(t: &Tensor, n: i64, k: i64) -> Result {
    let size = t.sizes().last().copied().unwrap_or(0) / n;
    t.narrow(-1i64, k * size, size)
}

fn lstm(input: &Tensor, hx: &[Tensor], w_ih: &Tensor, w_hh: &Tensor, b_ih: &Option<Tensor>, b_hh: &Option<Tensor>) -> Result<Vec<Tensor>> {
    let [h, c] = hx else { return Err(Error::runtime("lstm_cell expects two hidden states")) };
    check(input, h, w_hh, 4)?;
    let (a, b) = gates(input, h, w_ih, w_hh, b_ih, b_hh)?;
    let all = a.add(b, 1i64)?;
    let (i, f) = (chunk(&all, 4, 0)?.sigmoid()?, chunk(&all, 4, 1)?.sigmoid()?);
    let (g, o) = (chunk(&all, 4, 2)?.tanh()?, chunk(&all, 4, 3)?.sigmoid()?);
    let c = f.mul(c)?.add(i.mul(g)?, 1i64)?;
    Ok(vec![o.mul(c.tanh()?)?, c])
}

fn gru(input: &Tensor, h: &Tensor, w_ih: &Tensor, w_hh: &Tensor, b_ih: &Option<Tensor>, b_hh: &Option<Tensor>) -> Result {
    check(input, h, w_hh, 3)?;
    let (a, b) = gates(input, h, w_ih, w_hh, b_ih, b_hh)?;
    let part = |k: i64| chunk(&a, 3, k)?.add(chunk(&b, 3, k)?, 1i64)?.sigmoid();
    let (reset, update) = (part(0)?, part(1)?);
    let new = chunk(&a, 3, 2)?.add(reset.mul(chunk(&b, 3, 2)?)?, 1i64)?.tanh()?;
    h.sub(&new, 1i64)?.mul(update)?.add(new, 1i64)
}

ops! { TABLE, CellOps;
    /// One step of a long short-term memory: the new hidden and cell states.
    fn lstm_cell(input: Tensor, hx: Vec<Tensor>, w_ih: Tensor, w_hh: Tensor, b_ih: Option<Tensor> = "null", b_hh: Option<Tensor> = "null") -> (list) [function] compose { lstm(&input, &hx, &w_ih, &w_hh, &b_ih, &b_hh) };
    /// One step of a gated recurrent unit: the new hidden state.
    fn gru_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Option<Tensor> = "null", b_hh: Option<Tensor> = "null") [function] compose { gru(&input, &hx, &w_ih, &w_hh, &b_ih, &b_hh) };
    /// One step of an Elman network with `tanh`.
    fn rnn_tanh_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Option<Tensor> = "null", b_hh: Option<Tensor> = "null") [function] compose {
        check(&input, &hx, &w_hh, 1)?; let (a, b) = gates(&input, &hx, &w_ih, &w_hh, &b_ih, &b_hh)?; a.add(b, 1i64)?.tanh() };
    /// One step of an Elman network with `relu`.
    fn rnn_relu_cell(input: Tensor, hx: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Option<Tensor> = "null", b_hh: Option<Tensor> = "null") [function] compose {
        check(&input, &hx, &w_hh, 1)?; let (a, b) = gates(&input, &hx, &w_ih, &w_hh, &b_ih, &b_hh)?; a.add(b, 1i64)?.relu() };
}
