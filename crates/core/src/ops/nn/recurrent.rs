//! One direction of a layer of a recurrent network, all steps at once.

use crate::kernels::recurrent::{Elman, Grads, Gru, Layer, Lstm};
use super::pair;
use crate::ops::join::{cat_of, stack_of};
use crate::ops::prelude::*;

/// Adds what there is.
fn plus(a: Option<Tensor>, b: Option<Tensor>) -> Result<Option<Tensor>> {
    match (a, b) {
        (Some(a), Some(b)) => a.add(b, 1i64).map(Some),
        (a, b) => Ok(a.or(b)),
    }
}

/// The places of the steps in the order in which they are taken.
fn order(steps: i64, reverse: bool) -> Vec<i64> {
    if reverse { (0..steps).rev().collect() } else { (0..steps).collect() }
}

/// Results of steps, which were taken in this order, in the order of time.
fn in_time(mut taken: Vec<Tensor>, reverse: bool) -> Result {
    if reverse {
        taken.reverse();
    }
    stack_of(taken, 0)
}

/// A gate's columns among `n` gates.
fn gate(all: &Tensor, n: i64, k: i64) -> Result {
    let size = all.sizes()[all.ndim() - 1] / n;
    all.narrow(-1i64, k * size, size)
}

fn check(gates: &Tensor, states: &[&Tensor], weight: &Tensor, count: i64) -> Result<()> {
    let (s, w) = (gates.sizes(), weight.sizes());
    let fits = gates.ndim() == 3 && weight.ndim() == 2 && w[0] == count * w[1] && s[2] == w[0] && gates.numel() > 0
        && states.iter().all(|t| t.sizes() == [s[1], w[1]])
        && states.iter().chain([&weight]).all(|t| t.dtype() == gates.dtype());
    if !fits {
        return Err(Error::runtime("a layer's gates, states and weights do not fit each other"));
    }
    match gates.dtype() {
        DType::Float32 | DType::Float64 => Ok(()),
        other => Err(Error::dtype("recurrent layer", other)),
    }
}

fn layer(gates: &Tensor, weight: &Tensor, reverse: bool) -> Layer {
    let (s, w) = (gates.sizes(), weight.sizes());
    Layer {
        steps: s[0] as usize, batch: s[1] as usize, hidden: w[1] as usize, gates: (w[0] / w[1]) as usize, reverse,
    }
}

/// What `_lstm_steps` is given beside the gates.
struct LstmSteps<'a> {
    h: &'a Tensor,
    c: &'a Tensor,
    weight: &'a Tensor,
    reverse: bool,
}

impl LstmSteps<'_> {
    fn run(&self, gates: &Tensor) -> Result<Vec<Tensor>> {
        check(gates, &[self.h, self.c], self.weight, 4)?;
        let layer = layer(gates, self.weight, self.reverse);
        let [input, h, c, weight] = [gates, self.h, self.c, self.weight].map(Tensor::contiguous_data);
        let (input, h, c, weight) = (input?, h?, c?, weight?);
        let sizes = [input.sizes()[0], h.sizes()[0], h.sizes()[1]];
        let (out, cells) = (Tensor::empty(&sizes, input.dtype())?, Tensor::empty(&sizes, input.dtype())?);
        let gates = Tensor::empty(input.sizes(), input.dtype())?;
        dispatch_real!(input.dtype(), T => {
            let given = Lstm::<T> { h: h.data(), c: c.data(), weight: weight.data() };
            given.forward(&layer, input.data(), out.data_mut(), cells.data_mut(), gates.data_mut());
        });
        Ok(vec![out, cells, gates])
    }

    /// The gradients of gates, states and weights that are asked for, from those of the results.
    fn grads(&self, outs: &[Tensor], g: &[Option<Tensor>], wanted: [bool; 4]) -> Result<[Option<Tensor>; 4]> {
        if !crate::state::unobserved() || g[2].is_some() {
            return self.recorded_grads(outs, g);
        }
        let layer = layer(&outs[2], self.weight, self.reverse);
        let whole = |t: &Tensor| t.contiguous_data();
        let (h, c, weight) = (whole(self.h)?, whole(self.c)?, whole(self.weight)?);
        let outs: Result<Vec<Tensor>> = outs.iter().map(whole).collect();
        let (outs, of_out, of_cells) = (outs?, g[0].as_ref().map(whole).transpose()?, g[1].as_ref().map(whole).transpose()?);
        let like = |t: &Tensor| Tensor::empty(t.sizes(), t.dtype());
        let (to_gates, to_h, to_c) = (like(&outs[2])?, like(self.h)?, like(self.c)?);
        let to_weight = wanted[3].then(|| like(self.weight)).transpose()?;
        dispatch_real!(weight.dtype(), T => {
            let given = Lstm::<T> { h: h.data(), c: c.data(), weight: weight.data() };
            let to = Grads {
                gates: to_gates.data_mut::<T>(), h: to_h.data_mut(), c: to_c.data_mut(), weight: to_weight.as_ref().map(Tensor::data_mut),
            };
            let of = [&of_out, &of_cells].map(|g| g.as_ref().map(Tensor::data::<T>));
            given.backward(&layer, [0, 1, 2].map(|k| outs[k].data()), of, to);
        });
        Ok([Some(to_gates), Some(to_h), Some(to_c), to_weight])
    }

    /// The gradients written in ops, of the states and gates that came out.
    fn recorded_grads(&self, outs: &[Tensor], g: &[Option<Tensor>]) -> Result<[Option<Tensor>; 4]> {
        let places = order(outs[2].sizes()[0], self.reverse);
        let mut of_gates = Vec::new();
        let mut weight = None;
        let zeros = || Tensor::zeros(self.h.sizes(), self.h.dtype());
        let (mut h, mut c) = (zeros()?, zeros()?);
        for (s, &t) in places.iter().enumerate().rev() {
            let of = |k: usize| g[k].as_ref().map(|g| g.select(0i64, t)).transpose();
            let gates = outs[2].select(0i64, t)?;
            let [i, f, z, o] = [gate(&gates, 4, 0)?, gate(&gates, 4, 1)?, gate(&gates, 4, 2)?, gate(&gates, 4, 3)?];
            let before = |first: &Tensor, k: usize| if s == 0 { Ok(first.clone()) } else { outs[k].select(0i64, places[s - 1]) };
            let (past_h, past_c) = (before(self.h, 0)?, before(self.c, 1)?);
            let curve = outs[1].select(0i64, t)?.tanh()?;
            let of_h = plus(Some(h), of(0)?)?.map_or_else(zeros, Ok)?;
            let of_c = plus(Some(c), of(1)?)?.map_or_else(zeros, Ok)?;
            let all = of_c.add(of_h.mul(&o)?.mul(less_square(&curve)?)?, 1i64)?;
            let extra = |k: i64| of(2)?.map(|g| gate(&g, 4, k)).transpose();
            let to = [all.mul(&z)?, all.mul(past_c)?, all.mul(&i)?, of_h.mul(&curve)?];
            let slopes = [times_rest(&i)?, times_rest(&f)?, less_square(&z)?, times_rest(&o)?];
            let mut sums = Vec::new();
            for (k, (to, slope)) in to.into_iter().zip(slopes).enumerate() {
                sums.push(plus(Some(to), extra(k as i64)?)?.map_or_else(zeros, Ok)?.mul(slope)?);
            }
            let sums = cat_of(sums, -1)?;
            weight = plus(weight, Some(sums.t()?.matmul(past_h)?))?;
            (h, c) = (sums.matmul(self.weight)?, all.mul(f)?);
            of_gates.push(sums);
        }
        Ok([Some(in_time(of_gates, !self.reverse)?), Some(h), Some(c), weight])
    }
}

/// What `_gru_steps` is given beside the gates.
struct GruSteps<'a> {
    h: &'a Tensor,
    weight: &'a Tensor,
    bias: Option<&'a Tensor>,
    reverse: bool,
}

impl GruSteps<'_> {
    fn run(&self, gates: &Tensor) -> Result<Vec<Tensor>> {
        check(gates, &[self.h], self.weight, 3)?;
        if self.bias.is_some_and(|b| b.sizes() != [self.weight.sizes()[0]] || b.dtype() != gates.dtype()) {
            return Err(Error::runtime("a layer's bias does not fit its gates"));
        }
        let layer = layer(gates, self.weight, self.reverse);
        let (input, h, weight) = (gates.contiguous_data()?, self.h.contiguous_data()?, self.weight.contiguous_data()?);
        let bias = self.bias.map(Tensor::contiguous_data).transpose()?;
        let s = [input.sizes()[0], self.h.sizes()[0], self.h.sizes()[1]];
        let (out, gates) = (Tensor::empty(&s, input.dtype())?, Tensor::empty(&[s[0], s[1], 4 * s[2]], input.dtype())?);
        dispatch_real!(input.dtype(), T => {
            let given = Gru::<T> { h: h.data(), weight: weight.data(), bias: bias.as_ref().map(Tensor::data) };
            given.forward(&layer, input.data(), out.data_mut(), gates.data_mut());
        });
        Ok(vec![out, gates])
    }

    /// The gradients of gates, state, weights and bias that are asked for.
    fn grads(&self, outs: &[Tensor], g: &[Option<Tensor>], wanted: [bool; 4]) -> Result<[Option<Tensor>; 4]> {
        let (Some(of_out), None, true) = (&g[0], &g[1], crate::state::unobserved()) else { return self.recorded_grads(outs, g) };
        let layer = layer(&outs[1], self.weight, self.reverse);
        let (h, weight, of_out) = (self.h.contiguous_data()?, self.weight.contiguous_data()?, of_out.contiguous_data()?);
        let (out, gates) = (outs[0].contiguous_data()?, outs[1].contiguous_data()?);
        let like = |t: &Tensor| Tensor::empty(t.sizes(), t.dtype());
        let sizes = [outs[0].sizes()[0], outs[0].sizes()[1], self.weight.sizes()[0]];
        let (to_gates, to_shares, to_h) = (Tensor::empty(&sizes, h.dtype())?, Tensor::empty(&sizes, h.dtype())?, like(self.h)?);
        let to_weight = wanted[2].then(|| like(self.weight)).transpose()?;
        dispatch_real!(weight.dtype(), T => {
            let given = Gru::<T> { h: h.data(), weight: weight.data(), bias: None };
            let to = [to_gates.data_mut(), to_shares.data_mut(), to_h.data_mut()];
            given.backward(&layer, [out.data(), gates.data()], of_out.data(), to, to_weight.as_ref().map(Tensor::data_mut));
        });
        let bias = wanted[3].then(|| to_shares.sum_dim([0, 1], false, ())).transpose()?;
        Ok([Some(to_gates), Some(to_h), to_weight, bias])
    }

    /// The gradients written in ops, of the states and gates that came out.
    fn recorded_grads(&self, outs: &[Tensor], g: &[Option<Tensor>]) -> Result<[Option<Tensor>; 4]> {
        let places = order(outs[0].sizes()[0], self.reverse);
        let zeros = || Tensor::zeros(self.h.sizes(), self.h.dtype());
        let (mut of_h, mut of_gates, mut weight, mut bias) = (zeros()?, Vec::new(), None, None);
        for (s, &t) in places.iter().enumerate().rev() {
            let gates = outs[1].select(0i64, t)?;
            let [reset, update, new, share] = [gate(&gates, 4, 0)?, gate(&gates, 4, 1)?, gate(&gates, 4, 2)?, gate(&gates, 4, 3)?];
            let before = if s == 0 { self.h.clone() } else { outs[0].select(0i64, places[s - 1])? };
            let of = |k: usize| g[k].as_ref().map(|g| g.select(0i64, t)).transpose();
            let extra = |to: Tensor, k: i64| plus(Some(to), of(1)?.map(|g| gate(&g, 4, k)).transpose()?)?.map_or_else(zeros, Ok);
            let all = plus(Some(of_h), of(0)?)?.map_or_else(zeros, Ok)?;
            let past = all.mul(&update)?;
            let to_new = extra(all.sub(&past, 1i64)?, 2)?.mul(less_square(&new)?)?;
            let to_update = extra(all.mul(before.sub(&new, 1i64)?)?, 1)?.mul(times_rest(&update)?)?;
            let to_reset = extra(to_new.mul(share)?, 0)?.mul(times_rest(&reset)?)?;
            let to_share = extra(to_new.mul(reset)?, 3)?;
            let shares = cat_of(vec![to_reset.clone(), to_update.clone(), to_share], -1)?;
            of_gates.push(cat_of(vec![to_reset, to_update, to_new], -1)?);
            weight = plus(weight, Some(shares.t()?.matmul(&before)?))?;
            bias = plus(bias, Some(shares.sum_dim([0], false, ())?))?;
            of_h = past.add(shares.matmul(self.weight)?, 1i64)?;
        }
        Ok([Some(in_time(of_gates, !self.reverse)?), Some(of_h), weight, bias])
    }
}

/// What `_elman_steps` is given beside the sums.
struct ElmanSteps<'a> {
    h: &'a Tensor,
    weight: &'a Tensor,
    relu: bool,
    reverse: bool,
}

impl ElmanSteps<'_> {
    fn run(&self, sums: &Tensor) -> Result {
        check(sums, &[self.h], self.weight, 1)?;
        let layer = layer(sums, self.weight, self.reverse);
        let (input, h, weight) = (sums.contiguous_data()?, self.h.contiguous_data()?, self.weight.contiguous_data()?);
        let out = Tensor::empty(sums.sizes(), input.dtype())?;
        dispatch_real!(input.dtype(), T => {
            Elman::<T> { h: h.data(), weight: weight.data(), relu: self.relu }.forward(&layer, input.data(), out.data_mut());
        });
        Ok(out)
    }

    /// The gradients of sums, state and weights that are asked for.
    fn grads(&self, out: &Tensor, g: &Tensor, wanted: [bool; 3]) -> Result<[Option<Tensor>; 3]> {
        if !crate::state::unobserved() {
            return self.recorded_grads(out, g);
        }
        let layer = layer(out, self.weight, self.reverse);
        let (h, weight, out, g) = (self.h.contiguous_data()?, self.weight.contiguous_data()?, out.contiguous_data()?, g.contiguous_data()?);
        let like = |t: &Tensor| Tensor::empty(t.sizes(), t.dtype());
        let (to_sums, to_h) = (like(&out)?, like(self.h)?);
        let to_weight = wanted[2].then(|| like(self.weight)).transpose()?;
        dispatch_real!(weight.dtype(), T => {
            let given = Elman::<T> { h: h.data(), weight: weight.data(), relu: self.relu };
            let to = [to_sums.data_mut(), to_h.data_mut()];
            given.backward(&layer, out.data(), g.data(), to, to_weight.as_ref().map(Tensor::data_mut));
        });
        Ok([Some(to_sums), Some(to_h), to_weight])
    }

    /// The gradients written in ops: the states that came out are all that they need.
    fn recorded_grads(&self, out: &Tensor, g: &Tensor) -> Result<[Option<Tensor>; 3]> {
        let places = order(out.sizes()[0], self.reverse);
        let mut h = Tensor::zeros(self.h.sizes(), self.h.dtype())?;
        let (mut of_sums, mut weight) = (Vec::new(), None);
        for (s, &t) in places.iter().enumerate().rev() {
            let y = out.select(0i64, t)?;
            let before = if s == 0 { self.h.clone() } else { out.select(0i64, places[s - 1])? };
            let all = h.add(g.select(0i64, t)?, 1i64)?;
            let sums = if self.relu { all.masked_fill_scalar(y.le(0i64)?, 0i64)? } else { all.mul(less_square(&y)?)? };
            weight = plus(weight, Some(sums.t()?.matmul(before)?))?;
            h = sums.matmul(self.weight)?;
            of_sums.push(sums);
        }
        Ok([Some(in_time(of_sums, !self.reverse)?), Some(h), weight])
    }
}

/// Of several gradients those that are asked for.
fn asked<const N: usize>(mut all: [Option<Tensor>; N], wanted: &[bool]) -> [Option<Tensor>; N] {
    all.iter_mut().zip(wanted).filter(|w| !*w.1).for_each(|w| *w.0 = None);
    all
}

/// One gradient among several.
fn one<const N: usize>(mut all: [Option<Tensor>; N], which: usize) -> Result {
    all[which].take().ok_or_else(|| Error::runtime("a gradient is missing"))
}

/// `1 - x^2`: the slope of `tanh`, from its result.
fn less_square(x: &Tensor) -> Result {
    x.mul(x)?.mul(-1i64)?.add(1i64, 1i64)
}

/// `x (1 - x)`: the slope of `sigmoid`, from its result.
fn times_rest(x: &Tensor) -> Result {
    x.sub(x.mul(x)?, 1i64)
}

/// The input's share of the gates of all steps. Where biases only add up they are one.
fn share(input: &Tensor, weight: &Tensor, biases: [&Option<Tensor>; 2]) -> Result {
    let [a, b] = biases.map(Clone::clone);
    input.linear(weight, &plus(a, b)?)
}

/// States that may be written to though the way back needs them.
fn apart(states: Tensor) -> Result {
    if states.requires_grad() { states.clone_op(()) } else { Ok(states) }
}

ops! { TABLE, RecurrentOps;
    /// One direction of a layer of long short-term memory: the hidden and the cell states after each step.
    fn _lstm_layer(input: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Option<Tensor> = "null", b_hh: Option<Tensor> = "null", reverse: bool = "false") -> (output, cells) [function] compose {
        let gates = share(&input, &w_ih, [&b_ih, &b_hh])?;
        let [gates, h, c, weight] = [gates, h, c, w_hh].map(Value::Tensor);
        pair(&_lstm_steps::OP, &[gates, h, c, weight, Value::Scalar(Scalar::Bool(reverse))]).and_then(|(a, b)| Ok(vec![apart(a)?, b])) };
    /// The steps of a layer of long short-term memory on the input's share of its gates: hidden states, cell states, and the gates.
    fn _lstm_steps(input: Tensor, h: Tensor, c: Tensor, weight: Tensor, reverse: bool) -> (output, cells, gates) [hidden, MkldnnRnnLayerBackward0] eval {
        LstmSteps { h: &h, c: &c, weight: &weight, reverse }.run(&input) }
        d input = |g, h, c, weight, reverse, outs, grads| { let _ = g;
            LstmSteps { h: &h, c: &c, weight: &weight, reverse }.grads(&outs, &grads, [true, false, false, false]).and_then(|all| one(all, 0)) },
        d h = |g, h, c, weight, reverse, outs, grads| { let _ = g;
            LstmSteps { h: &h, c: &c, weight: &weight, reverse }.grads(&outs, &grads, [false, true, false, false]).and_then(|all| one(all, 1)) },
        d c = |g, h, c, weight, reverse, outs, grads| { let _ = g;
            LstmSteps { h: &h, c: &c, weight: &weight, reverse }.grads(&outs, &grads, [false, false, true, false]).and_then(|all| one(all, 2)) },
        d weight = |g, h, c, weight, reverse, outs, grads| { let _ = g;
            LstmSteps { h: &h, c: &c, weight: &weight, reverse }.grads(&outs, &grads, [false, false, false, true]).and_then(|all| one(all, 3)) },
        joint (input, h, c, weight) = |g, wanted, h, c, weight, reverse, outs, grads| { let _ = g;
            LstmSteps { h: &h, c: &c, weight: &weight, reverse }
                .grads(&outs, &grads, [wanted[0], wanted[1], wanted[2], wanted[3]]).map(|all| Some(asked(all, wanted))) };
    /// One direction of a layer of gated recurrent units: the states after each step.
    fn _gru_layer(input: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Option<Tensor> = "null", b_hh: Option<Tensor> = "null", reverse: bool = "false") [function] compose {
        share(&input, &w_ih, [&b_ih, &None])?._gru_steps(h, w_hh, &b_hh, reverse).and_then(apart) };
    /// The steps of a layer of gated recurrent units on the input's share of its gates: states, and the gates with the state's share of the last.
    fn _gru_steps(input: Tensor, h: Tensor, weight: Tensor, bias: Option<Tensor>, reverse: bool) -> (output, gates) [hidden, MkldnnRnnLayerBackward0] eval {
        GruSteps { h: &h, weight: &weight, bias: bias.as_ref(), reverse }.run(&input) }
        d input = |g, h, weight, reverse, outs, grads| { let _ = g;
            GruSteps { h: &h, weight: &weight, bias: None, reverse }.grads(&outs, &grads, [true, false, false, false]).and_then(|all| one(all, 0)) },
        d h = |g, h, weight, reverse, outs, grads| { let _ = g;
            GruSteps { h: &h, weight: &weight, bias: None, reverse }.grads(&outs, &grads, [false, true, false, false]).and_then(|all| one(all, 1)) },
        d weight = |g, h, weight, reverse, outs, grads| { let _ = g;
            GruSteps { h: &h, weight: &weight, bias: None, reverse }.grads(&outs, &grads, [false, false, true, false]).and_then(|all| one(all, 2)) },
        d bias = |g, h, weight, reverse, outs, grads| { let _ = g;
            GruSteps { h: &h, weight: &weight, bias: None, reverse }.grads(&outs, &grads, [false, false, false, true]).and_then(|all| one(all, 3)) },
        joint (input, h, weight, bias) = |g, wanted, h, weight, reverse, outs, grads| { let _ = g;
            GruSteps { h: &h, weight: &weight, bias: None, reverse }
                .grads(&outs, &grads, [wanted[0], wanted[1], wanted[2], wanted[3]]).map(|all| Some(asked(all, wanted))) };
    /// One direction of a layer of an Elman network with `tanh` or `relu`: the states after each step.
    fn _elman_layer(input: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Option<Tensor> = "null", b_hh: Option<Tensor> = "null", relu: bool = "false", reverse: bool = "false") [function] compose {
        share(&input, &w_ih, [&b_ih, &b_hh])?._elman_steps(h, w_hh, relu, reverse).and_then(apart) };
    /// The steps of a layer of an Elman network on the input's share of its sums.
    fn _elman_steps(input: Tensor, h: Tensor, weight: Tensor, relu: bool, reverse: bool) [hidden, MkldnnRnnLayerBackward0] eval {
        ElmanSteps { h: &h, weight: &weight, relu, reverse }.run(&input) }
        d input = |g, h, weight, relu, reverse, out|
            ElmanSteps { h: &h, weight: &weight, relu, reverse }.grads(&out, g, [true, false, false]).and_then(|all| one(all, 0)),
        d h = |g, h, weight, relu, reverse, out|
            ElmanSteps { h: &h, weight: &weight, relu, reverse }.grads(&out, g, [false, true, false]).and_then(|all| one(all, 1)),
        d weight = |g, h, weight, relu, reverse, out|
            ElmanSteps { h: &h, weight: &weight, relu, reverse }.grads(&out, g, [false, false, true]).and_then(|all| one(all, 2)),
        joint (input, h, weight) = |g, wanted, h, weight, relu, reverse, out|
            ElmanSteps { h: &h, weight: &weight, relu, reverse }
                .grads(&out, g, [wanted[0], wanted[1], wanted[2]]).map(|all| Some(asked(all, wanted)));
}
