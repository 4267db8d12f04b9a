//! Optimizer steps: one op moves all parameters, in one pass over each.

use super::loops::Real;
use super::prelude::*;
use crate::parallel::{grain, parallel_for, Shared};
use std::ops::Range;

/// Tensors of one parameter, row-major and in one dtype: themselves where they already are, else
/// copies that `finish` writes back.
struct Operands {
    tensors: SmallVec<[Tensor; 5]>,
    originals: SmallVec<[Tensor; 5]>,
}

impl Operands {
    fn new(list: &[&Tensor]) -> Result<Operands> {
        let dtype = list[0].dtype();
        for t in list {
            if t.sizes() != list[0].sizes() {
                return Err(Error::runtime(format!(
                    "optimizer step: sizes {:?} and {:?} do not match", list[0].sizes(), t.sizes()
                )));
            }
        }
        if !dtype.is_floating_point() {
            return Err(Error::dtype("optimizer_step", dtype));
        }
        for t in list {
            crate::autograd::before_write(t)?;
        }
        let tensors = list.iter().map(|t| t.detached().as_contiguous(dtype.compute())).collect::<Result<_>>()?;
        Ok(Operands { tensors, originals: list.iter().map(|t| (*t).clone()).collect() })
    }

    /// Writes back what was copied, and counts the writes of the first `written` tensors.
    fn finish(self, written: &[usize]) {
        for &i in written {
            if !self.tensors[i].shares_storage(&self.originals[i]) {
                crate::kernels::copy::copy(&self.tensors[i], &self.originals[i]);
            }
            self.originals[i].bump_version();
        }
    }
}

/// Numbers that threads write, each a part of its own.
struct Parts<T>(Shared<*mut T>);

impl<T> Parts<T> {
    fn of(all: &mut [T]) -> Parts<T> {
        Parts(Shared(all.as_mut_ptr()))
    }

    /// # Safety
    /// The range must lie within, and apart from those of other threads.
    #[allow(clippy::mut_from_ref)]
    unsafe fn part(&self, range: &Range<usize>) -> &mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.get().add(range.start), range.len()) }
    }
}

/// What a step of stochastic gradient descent is told.
struct Sgd {
    lr: f64,
    momentum: f64,
    dampening: f64,
    weight_decay: f64,
    nesterov: bool,
    maximize: bool,
}

impl Sgd {
    /// The gradient with the decay of the weights.
    #[inline(always)]
    fn slope<T: Real>(&self, g: T, p: T) -> T {
        let g = if self.maximize { -g } else { g };
        if self.weight_decay == 0.0 { g } else { g + T::of(self.weight_decay) * p }
    }

    fn run<T: Real>(&self, p: &mut [T], g: &[T], b: Option<&mut [T]>, fresh: bool) {
        let (p, b) = (Parts::of(p), b.map(Parts::of));
        parallel_for(g.len(), grain::COMPUTED, |range| {
            // SAFETY: the parts of the loop are apart, and the lists have one length.
            let (p, b) = unsafe { (p.part(&range), b.as_ref().map(|b| b.part(&range))) };
            match b {
                Some(b) => self.with_buffer(p, &g[range], b, fresh),
                None => self.plain(p, &g[range]),
            }
        });
    }

    fn plain<T: Real>(&self, p: &mut [T], g: &[T]) {
        let lr = T::of(self.lr);
        if self.weight_decay == 0.0 && !self.maximize {
            return p.iter_mut().zip(g).for_each(|(p, g)| *p = *p - lr * *g);
        }
        p.iter_mut().zip(g).for_each(|(p, g)| *p = *p - lr * self.slope(*g, *p));
    }

    fn with_buffer<T: Real>(&self, p: &mut [T], g: &[T], b: &mut [T], fresh: bool) {
        let (lr, m, keep) = (T::of(self.lr), T::of(self.momentum), T::of(1.0 - self.dampening));
        for ((p, g), b) in p.iter_mut().zip(g).zip(b) {
            let g = self.slope(*g, *p);
            *b = if fresh { g } else { m * *b + keep * g };
            let step = if self.nesterov { g + m * *b } else { *b };
            *p = *p - lr * step;
        }
    }

    /// Moves one parameter; returns the buffer it made, if one was missing.
    fn step(&self, p: &Tensor, g: &Tensor, buffer: Option<&Tensor>) -> Result<Option<Tensor>> {
        if self.momentum == 0.0 {
            let ops = Operands::new(&[p, g])?;
            dispatch_real!(ops.tensors[0].dtype(), T => self.run::<T>(ops.tensors[0].data_mut(), ops.tensors[1].data(), None, false));
            ops.finish(&[0]);
            return Ok(None);
        }
        let made = if buffer.is_none() { Some(Tensor::empty(p.sizes(), p.dtype())?) } else { None };
        let b = buffer.or(made.as_ref()).unwrap_or(p);
        let ops = Operands::new(&[p, g, b])?;
        dispatch_real!(ops.tensors[0].dtype(), T => self.run::<T>(
            ops.tensors[0].data_mut(), ops.tensors[1].data(), Some(ops.tensors[2].data_mut()), made.is_some()));
        ops.finish(&[0, 2]);
        Ok(made)
    }
}

/// What a step of Adam is told.
struct Adam {
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    decoupled: bool,
    maximize: bool,
}

impl Adam {
    fn run<T: Real>(&self, step: f64, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T], most: Option<&mut [T]>) {
        let (p, m, v, most) = (Parts::of(p), Parts::of(m), Parts::of(v), most.map(Parts::of));
        parallel_for(g.len(), grain::COMPUTED, |range| {
            // SAFETY: the parts of the loop are apart, and the lists have one length.
            let [p, m, v] = [&p, &m, &v].map(|all| unsafe { all.part(&range) });
            let most = most.as_ref().map(|all| unsafe { all.part(&range) });
            self.part(step, p, &g[range], m, v, most);
        });
    }

    fn part<T: Real>(&self, step: f64, p: &mut [T], g: &[T], m: &mut [T], v: &mut [T], most: Option<&mut [T]>) {
        let (c1, c2) = (1.0 - self.beta1.powf(step), (1.0 - self.beta2.powf(step)).sqrt());
        let (rate, root, eps) = (T::of(self.lr / c1), T::of(c2), T::of(self.eps));
        let (b1, b2, rest) = (T::of(1.0 - self.beta1), T::of(self.beta2), T::of(1.0 - self.beta2));
        let shrink = T::of(if self.decoupled { 1.0 - self.lr * self.weight_decay } else { 1.0 });
        let decay = T::of(if self.decoupled { 0.0 } else { self.weight_decay });
        let sign = T::of(if self.maximize { -1.0 } else { 1.0 });
        let slope = |g: T, p: T| if self.decoupled || self.weight_decay == 0.0 { sign * g } else { sign * g + decay * p };
        for (((p, g), m), v) in p.iter_mut().zip(g).zip(m.iter_mut()).zip(v.iter_mut()) {
            let g = slope(*g, *p);
            *m = *m + b1 * (g - *m);
            *v = b2 * *v + rest * g * g;
            if most.is_none() {
                *p = *p * shrink - rate * *m / (v.sqrt() / root + eps);
            }
        }
        if let Some(most) = most {
            for (((p, m), v), most) in p.iter_mut().zip(m).zip(v).zip(most) {
                // NaN stays.
                if !(*v < *most) { *most = *v; }
                *p = *p * shrink - rate * *m / (most.sqrt() / root + eps);
            }
        }
    }

    fn step(&self, p: &Tensor, g: &Tensor, m: &Tensor, v: &Tensor, most: Option<&Tensor>, step: f64) -> Result<()> {
        let mut list = vec![p, g, m, v];
        list.extend(most);
        let ops = Operands::new(&list)?;
        dispatch_real!(ops.tensors[0].dtype(), T => self.run::<T>(step, ops.tensors[0].data_mut(), ops.tensors[1].data(),
            ops.tensors[2].data_mut(), ops.tensors[3].data_mut(), ops.tensors.get(4).map(|t| t.data_mut())));
        ops.finish(if most.is_some() { &[0, 2, 3, 4] } else { &[0, 2, 3] });
        Ok(())
    }
}

/// Lists that go with the parameters have their length.
fn check_lengths(n: usize, others: &[usize]) -> Result<()> {
    if others.iter().any(|l| *l != n) {
        return Err(Error::runtime("optimizer step: the lists of tensors differ in length"));
    }
    Ok(())
}

ops! { TABLE, OptimOps;
    /// One step of stochastic gradient descent on every parameter; returns, for each, the momentum
    /// buffer that it made where there was none, else the one it was given.
    fn _sgd_step(params: Vec<Tensor>, grads: Vec<Tensor>, buffers: Vec<Option<Tensor>>, lr: f64, momentum: f64, dampening: f64, weight_decay: f64, nesterov: bool, maximize: bool) -> (list) [hidden] eval {
        check_lengths(params.len(), &[grads.len(), buffers.len()])?;
        let rule = Sgd { lr, momentum, dampening, weight_decay, nesterov, maximize };
        let mut out = Vec::with_capacity(params.len());
        for ((p, g), b) in params.iter().zip(&grads).zip(buffers) {
            let made = rule.step(p, g, b.as_ref())?;
            out.push(made.or(b));
        }
        Ok::<_, Error>(Value::Tensors(out)) };
    /// One step of Adam on every parameter (Kingma and Ba, 2015), with decoupled weight decay that of
    /// AdamW; `steps` are counted up.
    fn _adam_step(params: Vec<Tensor>, grads: Vec<Tensor>, exp_avgs: Vec<Tensor>, exp_avg_sqs: Vec<Tensor>, max_exp_avg_sqs: Vec<Option<Tensor>>, steps: Vec<Tensor>, lr: f64, beta1: f64, beta2: f64, eps: f64, weight_decay: f64, decoupled: bool, maximize: bool) -> (none) [hidden] eval {
        check_lengths(params.len(), &[grads.len(), exp_avgs.len(), exp_avg_sqs.len(), max_exp_avg_sqs.len(), steps.len()])?;
        let rule = Adam { lr, beta1, beta2, eps, weight_decay, decoupled, maximize };
        for i in 0..params.len() {
            let step = steps[i].scalar()?.to_f64() + 1.0;
            steps[i].write_all(Scalar::Float(step))?;
            rule.step(&params[i], &grads[i], &exp_avgs[i], &exp_avg_sqs[i], max_exp_avg_sqs[i].as_ref(), step)?;
        }
        Ok::<_, Error>(Value::None) };
}
