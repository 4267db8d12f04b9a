//! Layers of recurrent networks, all steps of one direction at once. The input's share of the gates
//! comes from one product for all steps; what is left for each is a product with weights that stay
//! packed and one pass over the gates. The way back is its mirror image, and the gradients of the
//! weights are again products over all steps (Appleyard et al., "Optimizing Performance of Recurrent
//! Neural Networks on GPUs", 2016).

use super::functions;
use super::gemm::{product, Mat, Out};
use super::panels::Panels;
use crate::ops::loops::Real;

/// Numbers that gates are made of.
pub trait Gates: Real {
    /// `sigmoid` of every element.
    fn sigmoid_all(x: &[Self], y: &mut [Self]);
    /// `tanh` of every element.
    fn tanh_all(x: &[Self], y: &mut [Self]);
}
impl Gates for f32 {
    fn sigmoid_all(x: &[f32], y: &mut [f32]) {
        functions::sigmoid_all(x, y);
    }
    fn tanh_all(x: &[f32], y: &mut [f32]) {
        functions::tanh_all(x, y);
    }
}
impl Gates for f64 {
    fn sigmoid_all(x: &[f64], y: &mut [f64]) {
        x.iter().zip(y).for_each(|(x, y)| *y = 1.0 / (1.0 + (-x).exp()));
    }
    fn tanh_all(x: &[f64], y: &mut [f64]) {
        x.iter().zip(y).for_each(|(x, y)| *y = x.tanh());
    }
}

/// The sizes of a layer: none is zero.
#[derive(Debug, Clone, Copy)]
pub struct Layer {
    /// Steps of time.
    pub steps: usize,
    /// Sequences.
    pub batch: usize,
    /// Numbers of a state.
    pub hidden: usize,
    /// Gates of a number of the state.
    pub gates: usize,
    /// Whether time runs from the last step to the first.
    pub reverse: bool,
}

/// The part of a tensor that belongs to a step.
fn of_step<T>(all: &[T], t: usize, len: usize) -> &[T] {
    &all[t * len..(t + 1) * len]
}

impl Layer {
    /// The place of the `s`-th step.
    fn at(&self, s: usize) -> usize {
        if self.reverse { self.steps - 1 - s } else { s }
    }

    fn state(&self) -> usize {
        self.batch * self.hidden
    }

    fn row(&self) -> usize {
        self.gates * self.hidden
    }

    /// The state before the `s`-th step, of the states after each and the first.
    fn before<'a, T>(&self, s: usize, first: &'a [T], states: &'a [T]) -> &'a [T] {
        if s == 0 { first } else { of_step(states, self.at(s - 1), self.state()) }
    }

    /// The state before the `s`-th step, and where that after it goes.
    fn around<'a, T>(&self, s: usize, first: &'a [T], states: &'a mut [T]) -> (&'a [T], &'a mut [T]) {
        let (t, len) = (self.at(s), self.state());
        if s == 0 {
            return (first, &mut states[t * len..(t + 1) * len]);
        }
        // The earlier step lies before this one in memory, or behind it.
        let (low, high) = states.split_at_mut(if self.reverse { t + 1 } else { t } * len);
        if self.reverse { (&high[..len], &mut low[t * len..]) } else { (&low[(t - 1) * len..], &mut high[..len]) }
    }

    /// The weights as the steps multiply states by them.
    fn forth<T: Real>(&self, weight: &[T]) -> Panels<T> {
        debug_assert_eq!(weight.len(), self.row() * self.hidden);
        // SAFETY: a matrix in a slice, which outlives the steps.
        unsafe { Panels::new(Mat::rows(weight, self.hidden).turned(), self.hidden, self.row()) }
    }

    /// The weights as the gradients of gates are multiplied by them.
    fn back<T: Real>(&self, weight: &[T]) -> Panels<T> {
        debug_assert_eq!(weight.len(), self.row() * self.hidden);
        // SAFETY: as above.
        unsafe { Panels::new(Mat::rows(weight, self.hidden), self.row(), self.hidden) }
    }

    /// The gates of a step get the state's share, and a row more if there is one.
    fn add_state<T: Real>(&self, weight: &mut Panels<T>, h: &[T], row: Option<&[T]>, gates: &mut [T], add: bool) {
        debug_assert!(h.len() == self.state() && gates.len() == self.batch * self.row());
        let to = Out { ptr: gates.as_mut_ptr(), row: self.row(), add };
        // SAFETY: both are whole, and apart.
        unsafe { weight.times(self.batch, Mat::rows(h, self.hidden), to, row.map_or(std::ptr::null(), <[T]>::as_ptr)) }
    }

    /// The gradient of a state from that of the gates after it.
    fn through_weight<T: Real>(&self, weight: &mut Panels<T>, gates: &[T], h: &mut [T], add: bool) {
        debug_assert!(h.len() == self.state() && gates.len() == self.batch * self.row());
        let to = Out { ptr: h.as_mut_ptr(), row: self.hidden, add };
        // SAFETY: as above.
        unsafe { weight.times(self.batch, Mat::rows(gates, self.row()), to, std::ptr::null()) }
    }

    /// The gradient of the weights from those of the gates of all steps.
    fn weight_grad<T: Real>(&self, gates: &[T], h: &[T], out: &[T], to: &mut [T]) {
        let (row, n, b) = (self.row(), self.hidden, self.batch);
        let later = (self.steps - 1) * b;
        // Each step's gates beside the state before it: one step apart in the order of time.
        let (g, x) = if self.reverse { (0, b * n) } else { (b * row, 0) };
        let first = of_step(gates, self.at(0), b * row);
        // SAFETY: whole matrices.
        unsafe {
            let to = to.as_mut_ptr();
            let out_at = |add| Out { ptr: to, row: n, add };
            product((row, n, b), Mat::rows(first, row).turned(), Mat::rows(h, n), out_at(false));
            if later > 0 {
                product((row, n, later), Mat::rows(&gates[g..], row).turned(), Mat::rows(&out[x..], n), out_at(true));
            }
        }
    }
}

/// What a layer of long short-term memory is given and gave: states before the first step, states and
/// gates after all.
pub struct Lstm<'a, T> {
    /// The hidden state before the first step.
    pub h: &'a [T],
    /// The cell state before it.
    pub c: &'a [T],
    /// The weights of the hidden state.
    pub weight: &'a [T],
}

/// The gradients of a layer: of the gates before their curves, of both states, of the weights.
pub struct Grads<'a, T> {
    /// Of the gates of all steps.
    pub gates: &'a mut [T],
    /// Of the hidden state before the first step.
    pub h: &'a mut [T],
    /// Of the cell state before it.
    pub c: &'a mut [T],
    /// Of the weights, where it is asked for.
    pub weight: Option<&'a mut [T]>,
}

impl<T: Gates> Lstm<'_, T> {
    /// Runs all steps on the input's share of the gates: hidden states, cell states, and the gates.
    pub fn forward(&self, layer: &Layer, input: &[T], out: &mut [T], cells: &mut [T], gates: &mut [T]) {
        let (state, n, all) = (layer.state(), layer.hidden, layer.batch * layer.row());
        let mut weight = layer.forth(self.weight);
        let mut sums = vec![T::nil(); all];
        for s in 0..layer.steps {
            let t = layer.at(s);
            sums.copy_from_slice(of_step(input, t, all));
            layer.add_state(&mut weight, layer.before(s, self.h, out), None, &mut sums, true);
            let gates = &mut gates[t * all..(t + 1) * all];
            for (x, y) in sums.chunks_exact(4 * n).zip(gates.chunks_exact_mut(4 * n)) {
                T::sigmoid_all(&x[..2 * n], &mut y[..2 * n]);
                T::tanh_all(&x[2 * n..3 * n], &mut y[2 * n..3 * n]);
                T::sigmoid_all(&x[3 * n..], &mut y[3 * n..]);
            }
            let (before, cell) = layer.around(s, self.c, cells);
            for ((c, before), gates) in cell.chunks_exact_mut(n).zip(before.chunks_exact(n)).zip(gates.chunks_exact(4 * n)) {
                let ([i, f], g) = ([&gates[..n], &gates[n..2 * n]], &gates[2 * n..3 * n]);
                for j in 0..n {
                    c[j] = f[j] * before[j] + i[j] * g[j];
                }
            }
            let out = &mut out[t * state..(t + 1) * state];
            T::tanh_all(cell, out);
            for (h, gates) in out.chunks_exact_mut(n).zip(gates.chunks_exact(4 * n)) {
                h.iter_mut().zip(&gates[3 * n..]).for_each(|(h, o)| *h *= *o);
            }
        }
    }

    /// The gradients from those of the hidden and of the cell states.
    pub fn backward(
        &self, layer: &Layer, [out, cells, gates]: [&[T]; 3], [of_out, of_cells]: [Option<&[T]>; 2], to: Grads<T>,
    ) {
        let (state, n, all) = (layer.state(), layer.hidden, layer.batch * layer.row());
        let mut weight = layer.back(self.weight);
        let mut curve = vec![T::nil(); state];
        let add = |to: &mut [T], from: Option<&[T]>, t: usize| {
            if let Some(from) = from {
                to.iter_mut().zip(of_step(from, t, state)).for_each(|(x, y)| *x += *y);
            }
        };
        to.h.fill(T::nil());
        to.c.fill(T::nil());
        for s in (0..layer.steps).rev() {
            let t = layer.at(s);
            add(to.h, of_out, t);
            add(to.c, of_cells, t);
            T::tanh_all(of_step(cells, t, state), &mut curve);
            let before = layer.before(s, self.c, cells);
            let grads = &mut to.gates[t * all..(t + 1) * all];
            let gates = of_step(gates, t, all);
            for b in 0..layer.batch {
                let (at, row) = (b * n..(b + 1) * n, b * 4 * n..(b + 1) * 4 * n);
                let past = [&to.h[at.clone()], &curve[at.clone()], &before[at.clone()]];
                lstm_grads(past, &gates[row.clone()], &mut to.c[at], &mut grads[row]);
            }
            layer.through_weight(&mut weight, grads, to.h, false);
        }
        if let Some(to_weight) = to.weight {
            layer.weight_grad(to.gates, self.h, out, to_weight);
        }
    }
}

/// The gradients of one row's gates from that of its hidden state `h` and its cell state `c`, which is
/// replaced by that of the cell state before.
fn lstm_grads<T: Gates>([h, curve, before]: [&[T]; 3], gates: &[T], c: &mut [T], to: &mut [T]) {
    let (n, one) = (c.len(), T::of(1.0));
    let part = |k: usize| &gates[k * n..(k + 1) * n];
    let (i, f, g, o) = (part(0), part(1), part(2), part(3));
    let (to_i, rest) = to.split_at_mut(n);
    let (to_f, rest) = rest.split_at_mut(n);
    let (to_g, to_o) = rest.split_at_mut(n);
    let (h, curve, before, to_o) = (&h[..n], &curve[..n], &before[..n], &mut to_o[..n]);
    for j in 0..n {
        let all = c[j] + h[j] * o[j] * (one - curve[j] * curve[j]);
        to_i[j] = all * g[j] * i[j] * (one - i[j]);
        to_f[j] = all * before[j] * f[j] * (one - f[j]);
        to_g[j] = all * i[j] * (one - g[j] * g[j]);
        to_o[j] = h[j] * curve[j] * o[j] * (one - o[j]);
        c[j] = all * f[j];
    }
}

/// A layer of an Elman network: the state before the first step, its weights, and its curve.
pub struct Elman<'a, T> {
    /// The state before the first step.
    pub h: &'a [T],
    /// The weights of the state.
    pub weight: &'a [T],
    /// Whether the curve is `relu`, not `tanh`.
    pub relu: bool,
}

impl<T: Gates> Elman<'_, T> {
    /// Runs all steps on the input's share of the sums.
    pub fn forward(&self, layer: &Layer, input: &[T], out: &mut [T]) {
        let mut weight = layer.forth(self.weight);
        let mut sums = vec![T::nil(); layer.state()];
        for s in 0..layer.steps {
            sums.copy_from_slice(of_step(input, layer.at(s), layer.state()));
            let (before, h) = layer.around(s, self.h, out);
            layer.add_state(&mut weight, before, None, &mut sums, true);
            if self.relu {
                h.iter_mut().zip(&sums).for_each(|(h, x)| *h = if *x < T::nil() { T::nil() } else { *x });
            } else {
                T::tanh_all(&sums, h);
            }
        }
    }

    /// The gradients of the sums, of the first state and of the weights from those of the states.
    pub fn backward(&self, layer: &Layer, out: &[T], of_out: &[T], [gates, h]: [&mut [T]; 2], to_weight: Option<&mut [T]>) {
        let (state, one) = (layer.state(), T::of(1.0));
        let mut weight = layer.back(self.weight);
        h.fill(T::nil());
        for s in (0..layer.steps).rev() {
            let t = layer.at(s);
            let to = &mut gates[t * state..(t + 1) * state];
            let parts = h.iter().zip(of_step(of_out, t, state)).zip(of_step(out, t, state));
            if self.relu {
                to.iter_mut().zip(parts).for_each(|(to, ((h, g), y))| *to = if *y <= T::nil() { T::nil() } else { *h + *g });
            } else {
                to.iter_mut().zip(parts).for_each(|(to, ((h, g), y))| *to = (*h + *g) * (one - *y * *y));
            }
            layer.through_weight(&mut weight, to, h, false);
        }
        if let Some(to) = to_weight {
            layer.weight_grad(gates, self.h, out, to);
        }
    }
}

/// A layer of gated recurrent units: the state before the first step, its weights, and what is added.
pub struct Gru<'a, T> {
    /// The state before the first step.
    pub h: &'a [T],
    /// The weights of the state.
    pub weight: &'a [T],
    /// What is added to the state's share of the gates.
    pub bias: Option<&'a [T]>,
}

impl<T: Gates> Gru<'_, T> {
    /// Runs all steps on the input's share of the gates: states, and of each step the gates reset, update
    /// and new, and the state's share of the last.
    pub fn forward(&self, layer: &Layer, input: &[T], out: &mut [T], gates: &mut [T]) {
        let (n, all) = (layer.hidden, layer.batch * layer.row());
        let mut weight = layer.forth(self.weight);
        let (mut shares, mut sums) = (vec![T::nil(); all], vec![T::nil(); 3 * n]);
        for s in 0..layer.steps {
            let t = layer.at(s);
            let (before, h) = layer.around(s, self.h, out);
            layer.add_state(&mut weight, before, self.bias, &mut shares, false);
            let rows = of_step(input, t, all).chunks_exact(3 * n).zip(shares.chunks_exact(3 * n));
            let gates = gates[t * layer.batch * 4 * n..].chunks_exact_mut(4 * n);
            for (((x, y), gates), (before, h)) in rows.zip(gates).zip(before.chunks_exact(n).zip(h.chunks_exact_mut(n))) {
                sums[..2 * n].iter_mut().zip(x).zip(y).for_each(|((s, x), y)| *s = *x + *y);
                let (both, rest) = gates.split_at_mut(2 * n);
                T::sigmoid_all(&sums[..2 * n], both);
                let (new, share) = rest.split_at_mut(n);
                share.copy_from_slice(&y[2 * n..]);
                let (reset, update) = both.split_at(n);
                let parts = reset.iter().zip(&x[2 * n..]).zip(&*share);
                sums[2 * n..].iter_mut().zip(parts).for_each(|(s, ((r, x), y))| *s = *x + *r * *y);
                T::tanh_all(&sums[2 * n..], new);
                let parts = before.iter().zip(&*new).zip(update);
                h.iter_mut().zip(parts).for_each(|(h, ((b, n), z))| *h = *n + *z * (*b - *n));
            }
        }
    }

    /// The gradients from those of the states: of the input's share of the gates, of the state's, of the
    /// first state, and of the weights where they are asked for.
    pub fn backward(
        &self, layer: &Layer, [out, gates]: [&[T]; 2], of_out: &[T], [inputs, shares, h]: [&mut [T]; 3], to_weight: Option<&mut [T]>,
    ) {
        let (state, n, all) = (layer.state(), layer.hidden, layer.batch * layer.row());
        let mut weight = layer.back(self.weight);
        h.fill(T::nil());
        for s in (0..layer.steps).rev() {
            let t = layer.at(s);
            h.iter_mut().zip(of_step(of_out, t, state)).for_each(|(x, y)| *x += *y);
            let before = layer.before(s, self.h, out);
            let (inputs, shares) = (&mut inputs[t * all..(t + 1) * all], &mut shares[t * all..(t + 1) * all]);
            let rows = inputs.chunks_exact_mut(3 * n).zip(shares.chunks_exact_mut(3 * n));
            let states = h.chunks_exact_mut(n).zip(before.chunks_exact(n));
            for (((x, y), (h, before)), gates) in rows.zip(states).zip(of_step(gates, t, layer.batch * 4 * n).chunks_exact(4 * n)) {
                gru_grads(h, before, gates, x, y);
            }
            layer.through_weight(&mut weight, shares, h, true);
        }
        if let Some(to) = to_weight {
            layer.weight_grad(shares, self.h, out, to);
        }
    }
}

/// The gradients of one row's shares of the gates from that of its state, which is replaced by what
/// goes past the gates to the state before.
fn gru_grads<T: Gates>(h: &mut [T], before: &[T], gates: &[T], input: &mut [T], share: &mut [T]) {
    let (n, one) = (h.len(), T::of(1.0));
    let part = |k: usize| &gates[k * n..(k + 1) * n];
    let (reset, update, new, of_new) = (part(0), part(1), part(2), part(3));
    let (to_reset, rest) = input.split_at_mut(n);
    let (to_update, to_new) = rest.split_at_mut(n);
    let (before, to_new) = (&before[..n], &mut to_new[..n]);
    for j in 0..n {
        let g = h[j];
        to_new[j] = g * (one - update[j]) * (one - new[j] * new[j]);
        to_update[j] = g * (before[j] - new[j]) * update[j] * (one - update[j]);
        to_reset[j] = to_new[j] * of_new[j] * reset[j] * (one - reset[j]);
        h[j] = g * update[j];
    }
    share[..2 * n].copy_from_slice(&input[..2 * n]);
    share[2 * n..].iter_mut().zip(&input[2 * n..]).zip(reset).for_each(|((s, x), r)| *s = *x * *r);
}
