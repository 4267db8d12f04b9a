//! Every entry of the table on sample arguments: gradients of first and second order against
//! central differences, in float64 and complex128; strides, empty tensors, and in-place forms.
//!
//! `OP=softmax cargo test --test gradcheck` checks one entry and says what it does.

mod samples;

use cresset_core::autograd::gradcheck::{gradcheck, gradgradcheck, Check};
use cresset_core::autograd::{call, call_in_place};
use cresset_core::table::{How, Op};
use cresset_core::ops::prelude::*;
use cresset_core::{kernels, ops, random};
use samples::{tensors_of, with_tensors, Sample};
use std::panic::{catch_unwind, AssertUnwindSafe};

/// The outputs, with random ops starting anew each time.
fn outputs(op: &'static Op, args: &[Value]) -> Result<Vec<Tensor>> {
    random::manual_seed(1);
    call(op, args).map(|v| v.tensors().cloned().collect())
}

/// The same values and needs in other memory: the first dimension last, every second element.
fn restrided(t: &Tensor) -> Result {
    let n = t.ndim();
    let mut sizes: Dims = t.sizes().into();
    sizes.rotate_left(n.min(1));
    if let Some(last) = sizes.last_mut() {
        *last *= 2;
    }
    let mut l = Layout { offset: 1, ..Layout::contiguous(&sizes) };
    let room = Tensor::zeros(&[l.extent() as i64 + 1], t.dtype())?;
    if n > 0 {
        l.strides[n - 1] *= 2;
        l.strides.rotate_right(1);
    }
    l.sizes = t.sizes().into();
    let out = room.alias(l);
    kernels::copy::copy(&t.detached(), &out);
    out.set_requires_grad(t.requires_grad())?;
    Ok(out)
}

fn near(a: &Tensor, b: &Tensor) -> bool {
    let values = |t: &Tensor| t.to_vec::<num_complex::Complex<f64>>();
    a.sizes() == b.sizes()
        && a.dtype() == b.dtype()
        && values(a).iter().zip(values(b)).all(|(x, y)| {
            (x - y).norm() <= 1e-9 * (1.0 + y.norm()) || (x == &y) || (x.re.is_nan() && y.re.is_nan())
        })
}

/// The gradients of all tensors from ones at every output that has a history.
fn gradients(outs: &[Tensor], inputs: &[Tensor]) -> Result<Vec<Option<Tensor>>> {
    use cresset_core::autograd::{backward, Backward};
    let roots: Vec<Tensor> = outs.iter().filter(|t| t.requires_grad()).cloned().collect();
    let ones: Result<Vec<Option<Tensor>>> = roots
        .iter()
        .map(|t| Tensor::full(t.sizes(), Scalar::Int(1), t.dtype()).map(Some))
        .collect();
    let leaves: Vec<Tensor> = inputs.iter().filter(|t| t.requires_grad()).cloned().collect();
    backward(&roots, &ones?, &Backward { inputs: Some(&leaves), ..Backward::default() })
}

fn same_gradients(a: &[Option<Tensor>], b: &[Option<Tensor>]) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|(a, b)| match (a, b) {
            (Some(a), Some(b)) => near(a, b),
            (None, None) => true,
            (Some(t), None) | (None, Some(t)) => t.to_vec::<num_complex::Complex<f64>>().iter().all(|z| z.norm() == 0.0),
        })
}

/// What one sample was found to do.
enum Outcome {
    /// It ran and its gradients are right.
    Checked,
    /// The op refused it, or it has no gradient.
    Unfit(String),
    Wrong(String),
}

struct Checker {
    op: &'static Op,
}

impl Checker {
    fn excepted(&self, what: &str) -> bool {
        samples::EXCEPTIONS.iter().any(|e| e.0 == self.op.id && e.1 == what)
    }

    fn check(&self, sample: &Sample) -> Outcome {
        let (op, args) = (self.op, &sample.args);
        let inputs = tensors_of(args);
        let outs = match outputs(op, args) {
            Ok(outs) => outs,
            Err(e) => return Outcome::Unfit(e.to_string()),
        };
        if !outs.iter().any(Tensor::requires_grad) {
            return Outcome::Unfit("no output has a gradient".into());
        }
        let finite = |t: &Tensor| t.to_vec::<num_complex::Complex<f64>>().iter().all(|z| z.re.is_finite() && z.im.is_finite());
        if !sample.meant && !outs.iter().all(finite) {
            return Outcome::Unfit("its results are not finite".into());
        }
        let run = |list: &[Tensor]| {
            let list = sample.shape(list)?;
            outputs(op, &with_tensors(args, &list))
        };
        if !self.excepted("first order") {
            if let Err(e) = gradcheck(&run, &inputs, &Check::default()) {
                // PyTorch refuses in these words, where it has no formula either.
                if e.message.contains("derivative for") && e.message.contains("is not implemented") {
                    return Outcome::Checked;
                }
                return Outcome::Wrong(format!("gradient: {}", e.message));
            }
        }
        if !self.excepted("second order") {
            if let Err(e) = gradgradcheck(&run, &inputs, None, &Check { fast: true, ..Check::default() }) {
                return Outcome::Wrong(format!("second gradient: {}", e.message));
            }
        }
        match self.strides(&outs, args, &inputs).and_then(|()| self.in_place(&outs, args, &inputs)) {
            Ok(()) => Outcome::Checked,
            Err(e) => Outcome::Wrong(e),
        }
    }

    /// Values and gradients do not depend on how the inputs lie in memory.
    fn strides(&self, outs: &[Tensor], args: &[Value], inputs: &[Tensor]) -> std::result::Result<(), String> {
        if self.excepted("strides") {
            return Ok(());
        }
        let said = |e: cresset_core::error::Error| format!("on strided inputs: {}", e.message);
        let want = gradients(outs, inputs).map_err(said)?;
        let moved = inputs.iter().map(restrided).collect::<Result<Vec<_>>>().map_err(said)?;
        let others = match outputs(self.op, &with_tensors(args, &moved)) {
            // Not every view exists over every memory.
            Err(_) if matches!(self.op.how, How::View | How::Copy) => return Ok(()),
            other => other.map_err(said)?,
        };
        if !outs.iter().zip(&others).all(|(a, b)| near(a, b)) {
            return Err("other values on strided inputs".into());
        }
        let have = gradients(&others, &moved).map_err(said)?;
        if same_gradients(&have, &want) { Ok(()) } else { Err("other gradients on strided inputs".into()) }
    }

    /// The in-place form has the same values and gradients, where it is allowed.
    fn in_place(&self, outs: &[Tensor], args: &[Value], inputs: &[Tensor]) -> std::result::Result<(), String> {
        let first = match args.first() {
            Some(Value::Tensor(t)) => t,
            _ => return Ok(()),
        };
        let fits = outs.len() == 1 && outs[0].sizes() == first.sizes() && outs[0].dtype() == first.dtype();
        if !self.op.is("inplace") || !fits || self.excepted("in place") {
            return Ok(());
        }
        let said = |e: cresset_core::error::Error| format!("in place: {}", e.message);
        let outs = outputs(self.op, args).map_err(said)?;
        let want = gradients(&outs, inputs).map_err(said)?;
        let copy = call(clone_entry(), &[Value::Tensor(first.clone()), Value::None]).map_err(said)?;
        let copy = copy.tensors().next().cloned().ok_or("no copy")?;
        let mut list = inputs.to_vec();
        list[0] = copy;
        random::manual_seed(1);
        let out = call_in_place(self.op, &with_tensors(args, &list)).map_err(said)?;
        if !near(&out, &outs[0]) {
            return Err("other values in place".into());
        }
        let have = gradients(&[out], inputs).map_err(said)?;
        if same_gradients(&have, &want) { Ok(()) } else { Err("other gradients in place".into()) }
    }

    /// Empty tensors must not panic, whatever the op says to them.
    fn empty(&self, args: &[Value]) {
        let inputs = tensors_of(args);
        for last in [false, true] {
            let hollow: Vec<Tensor> = inputs
                .iter()
                .filter_map(|t| {
                    let mut sizes: Dims = t.sizes().into();
                    let d = if last { sizes.len().saturating_sub(1) } else { 0 };
                    *sizes.get_mut(d)? = 0;
                    let out = Tensor::empty(&sizes, t.dtype()).ok()?;
                    out.set_requires_grad(t.requires_grad()).ok()?;
                    Some(out)
                })
                .collect();
            if hollow.len() == inputs.len() {
                if let Ok(outs) = outputs(self.op, &with_tensors(args, &hollow)) {
                    if outs.iter().any(Tensor::requires_grad) {
                        let _ = gradients(&outs, &hollow);
                    }
                }
            }
        }
    }
}

fn clone_entry() -> &'static Op {
    ops::all().find(|o| o.id == "clone_op").unwrap_or_else(|| panic!("no clone"))
}

/// The complaints about one entry.
fn complaints(op: &'static Op, told: bool) -> Vec<String> {
    let checker = Checker { op };
    let mut wrong = Vec::new();
    let mut working = 0;
    let (mut ran, mut refused) = (Vec::new(), Vec::new());
    for dtype in [DType::Float64, DType::Complex128] {
        if checker.excepted("gradient") || dtype.is_complex() && checker.excepted("complex") {
            continue;
        }
        let list = match samples::of(op, dtype) {
            Ok(list) => list,
            Err(e) => {
                wrong.push(e);
                continue;
            }
        };
        for sample in list {
            let call = format!("{}({}) in {}", op.id, sample.text, dtype.name());
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                let outcome = checker.check(&sample);
                checker.empty(&sample.args);
                outcome
            }));
            match outcome {
                Ok(Outcome::Checked) => {
                    working += 1;
                    ran.push(sample.text);
                }
                Ok(Outcome::Unfit(reason)) => refused.push((sample, reason)),
                Ok(Outcome::Wrong(reason)) => wrong.push(format!("{call}: {reason}")),
                Err(_) => wrong.push(format!("{call}: panicked")),
            }
            if told {
                println!("{call}: {working} right so far, {} wrong", wrong.len());
            }
        }
    }
    // A sample written for the entry must run, be it with complex numbers only.
    for (sample, reason) in refused {
        let unchecked = !op.rules.is_empty() && working == 0 && wrong.is_empty();
        if sample.meant && !ran.contains(&sample.text) || unchecked {
            wrong.push(format!("{}({}): refused: {reason}; samples are in tests/samples", op.id, sample.text));
        }
    }
    wrong
}

#[test]
fn every_rule_is_right_twice() {
    let only = std::env::var("OP").ok();
    let quiet = std::panic::take_hook();
    if only.is_none() {
        std::panic::set_hook(Box::new(|_| ()));
    }
    let mut wrong = Vec::new();
    for op in ops::all().filter(|o| only.as_ref().is_none_or(|name| o.id == name || o.name == name)) {
        wrong.extend(complaints(op, only.is_some()));
    }
    std::panic::set_hook(quiet);
    if only.is_none() {
        // Jacobians only where one entry is asked for.
        wrong.iter_mut().for_each(|w| w.truncate(w.find('\n').unwrap_or(w.len())));
    }
    assert!(wrong.is_empty(), "{} complaints (OP=id tells more):\n{}", wrong.len(), wrong.join("\n"));
}
