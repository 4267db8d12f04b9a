//! vmap: every entry on a batch of samples against one example after the other; gradients that are
//! batched; writes; and what is not about one op: levels, gradients of each example, random numbers.

mod samples;

use cresset_core::autograd::{backward, call, call_in_place, functional, Backward};
use cresset_core::batch::{add_level, enter_level, exit_level, remove_level, Randomness};
use cresset_core::ops::prelude::*;
use cresset_core::table::Op;
use cresset_core::{ops, random};
use samples::{tensors_of, with_tensors, Sample};
use std::panic::{catch_unwind, AssertUnwindSafe};

const EXAMPLES: i64 = 3;

/// Entries that are not compared: id, why. Those whose results have sizes that depend on data refuse
/// batches, as PyTorch's do (`REFUSALS`).
const WITHOUT: &[(&str, &str)] = &[
    ("dropout", "its numbers are drawn for the batch, not for one example after the other"),
    ("dropout1d", "its numbers are drawn for the batch, not for one example after the other"),
    ("dropout2d", "its numbers are drawn for the batch, not for one example after the other"),
    ("dropout3d", "its numbers are drawn for the batch, not for one example after the other"),
    ("gumbel_softmax", "its numbers are drawn for the batch, not for one example after the other"),
    ("as_strided_scatter", "it writes memory, not elements"),
];

/// How refusals begin.
const REFUSALS: &[&str] = &["vmap: We do not support batching operators", "vmap: Attempted to vmap over `mask`"];

fn numbers(t: &Tensor) -> Vec<Complex<f64>> {
    t.to_vec()
}

fn near(a: &Tensor, b: &Tensor) -> bool {
    a.sizes() == b.sizes() && a.dtype() == b.dtype() && numbers(a).iter().zip(numbers(b)).all(|(x, y)| {
        (x - y).norm() <= 1e-9 * (1.0 + y.norm()) || x == &y || x.re.is_nan() && y.re.is_nan()
    })
}

/// The examples of a sample: floats a little smaller each time, all else the same.
fn example(t: &Tensor, n: i64) -> Result {
    let t = t.detached();
    if t.dtype().is_differentiable() { t.mul(1.0 - 0.1 * n as f64) } else { Ok(t) }
}

/// Which tensors of a sample make a batch.
#[derive(Clone, Copy, Debug)]
enum Which {
    All,
    Floats,
    First,
    Last,
}

impl Which {
    fn takes(self, list: &[Tensor], i: usize) -> bool {
        match self {
            Which::All => true,
            Which::Floats => list[i].dtype().is_differentiable(),
            Which::First => i == 0,
            Which::Last => i + 1 == list.len(),
        }
    }
}

fn run(op: &'static Op, args: &[Value]) -> Result<Value> {
    random::manual_seed(1);
    call(op, args)
}

/// Stacks the results of the examples.
fn stacked(rows: &[Vec<Tensor>]) -> Result<Vec<Tensor>> {
    (0..rows[0].len()).map(|i| ops::stack(rows.iter().map(|r| r[i].detached()).collect())).collect()
}

/// `f` on tensors that stand for a batch; its results outside again.
fn batched(list: &[Tensor], which: Which, f: impl Fn(&[Tensor]) -> Result<Vec<Tensor>>) -> Result<Vec<Tensor>> {
    let level = enter_level(EXAMPLES, Randomness::Different);
    let work = || {
        let hidden = list.iter().enumerate().map(|(i, t)| {
            if !which.takes(list, i) {
                return example(t, 0);
            }
            let all = ops::stack((0..EXAMPLES).map(|n| example(t, n)).collect::<Result<Vec<_>>>()?)?;
            // The batch lies in the last dimension, so that it is no matter of luck.
            add_level(&all.movedim([0i64], [-1i64])?, -1, level)
        });
        f(&hidden.collect::<Result<Vec<_>>>()?)?.iter().map(|t| remove_level(t, 0, level)).collect()
    };
    let done = work();
    exit_level();
    done
}

/// The same, one example after the other.
fn looped(list: &[Tensor], which: Which, f: impl Fn(&[Tensor]) -> Result<Vec<Tensor>>) -> Result<Vec<Tensor>> {
    let rows = (0..EXAMPLES).map(|n| {
        let part = list.iter().enumerate().map(|(i, t)| example(t, if which.takes(list, i) { n } else { 0 }));
        f(&part.collect::<Result<Vec<_>>>()?)
    });
    stacked(&rows.collect::<Result<Vec<_>>>()?)
}

fn compare(what: &str, list: &[Tensor], which: Which, f: impl Fn(&[Tensor]) -> Result<Vec<Tensor>>) -> Option<String> {
    let want = looped(list, which, &f).ok()?;
    match batched(list, which, &f) {
        Err(e) if REFUSALS.iter().any(|r| e.message.starts_with(r)) => None,
        Err(e) => Some(format!("{what} of {which:?}: {}", e.message)),
        Ok(have) if have.len() != want.len() => Some(format!("{what} of {which:?}: {} results for {}", have.len(), want.len())),
        Ok(have) => have.iter().zip(&want).position(|(a, b)| !near(a, b)).map(|i| {
            format!("{what} of {which:?}: result {i} is {:?} {:?}, should be {:?} {:?}", have[i], brief(&have[i]), want[i], brief(&want[i]))
        }),
    }
}

fn brief(t: &Tensor) -> Vec<f64> {
    numbers(t).iter().take(8).map(|z| (z.re * 1e4).round() / 1e4).collect()
}

/// What is wrong with a batch of one sample.
fn complaints(op: &'static Op, sample: &Sample) -> Vec<String> {
    let list = tensors_of(&sample.args);
    let Ok(plain) = run(op, &sample.args) else { return Vec::new() };
    if list.is_empty() || !matches!(plain, Value::Tensor(_) | Value::Tensors(_)) {
        return Vec::new();
    }
    let forward = |list: &[Tensor]| run(op, &with_tensors(&sample.args, list)).map(|v| v.tensors().cloned().collect::<Vec<_>>());
    let mut wrong = Vec::new();
    for which in [Which::All, Which::Floats, Which::First, Which::Last] {
        wrong.extend(compare("values", &list, which, forward));
        let fits = matches!(&plain, Value::Tensor(t) if t.sizes() == list[0].sizes() && t.dtype() == list[0].dtype());
        if op.is("inplace") && fits && which.takes(&list, 0) && matches!(sample.args[0], Value::Tensor(_)) {
            wrong.extend(compare("writes", &list, which, |list| {
                let copied = list.iter().map(|t| t.mul(1i64)).collect::<Result<Vec<_>>>()?;
                Ok(vec![call_in_place(op, &with_tensors(&sample.args, &copied))?])
            }));
        }
    }
    // Gradients of one graph from a batch of cotangents.
    let outs: Vec<Tensor> = plain.tensors().filter(|t| t.requires_grad()).cloned().collect();
    let leaves: Vec<Tensor> = list.iter().filter(|t| t.requires_grad()).cloned().collect();
    if !outs.is_empty() {
        let ones: Vec<Tensor> = outs.iter().map(|t| Tensor::full(t.sizes(), Scalar::Int(1), t.dtype()).unwrap()).collect();
        wrong.extend(compare("gradients", &ones, Which::All, |ways| {
            let ways: Vec<Option<Tensor>> = ways.iter().cloned().map(Some).collect();
            let ask = Backward { retain_graph: true, inputs: Some(&leaves), ..Backward::default() };
            let found = backward(&outs, &ways, &ask)?;
            Ok(found.into_iter().flatten().collect())
        }));
    }
    wrong
}

#[test]
fn every_batch_is_a_loop() {
    let only = std::env::var("OP").ok();
    let mut wrong = Vec::new();
    let mut checked = 0;
    let quiet = std::panic::take_hook();
    if only.is_none() {
        std::panic::set_hook(Box::new(|_| ()));
    }
    let listed = |op: &Op| WITHOUT.iter().any(|w| w.0 == op.id);
    for op in ops::all().filter(|o| !ops::is_random(o) && !listed(o) && only.as_ref().is_none_or(|name| o.id == name)) {
        for dtype in [DType::Float64, DType::Complex128] {
            for sample in samples::of(op, dtype).unwrap_or_default() {
                checked += 1;
                let found = catch_unwind(AssertUnwindSafe(|| complaints(op, &sample)));
                let found = found.unwrap_or_else(|_| vec!["panicked".into()]);
                wrong.extend(found.into_iter().map(|w| format!("{}({}) in {}: {w}", op.id, sample.text, dtype.name())));
            }
        }
    }
    std::panic::set_hook(quiet);
    assert!(wrong.is_empty(), "{} complaints in {checked} samples:\n{}", wrong.len(), wrong.join("\n"));
}

fn floats(values: &[f64], sizes: &[i64]) -> Tensor {
    Tensor::from_slice(values, sizes).unwrap()
}

#[test]
fn gradients_in_a_batch_are_of_each_example() {
    let (w, x) = (floats(&[1.0, 2.0], &[2]), floats(&[1.0, 2.0, 3.0, 4.0], &[2, 2]));
    let level = enter_level(2, Randomness::Error);
    functional::enter_level();
    let input = functional::input(&w).unwrap();
    let out = input.mul(add_level(&x, 0, level).unwrap()).pow_scalar(2i64).sum(()).unwrap();
    functional::exit_level();
    let ask = Backward { inputs: Some(std::slice::from_ref(&input)), ..Backward::default() };
    let grad = backward(&[out], &[], &ask).unwrap().swap_remove(0).unwrap();
    let grad = remove_level(&grad, 0, level).unwrap();
    exit_level();
    assert_eq!((grad.sizes(), grad.to_vec::<f64>()), (&[2, 2][..], vec![2.0, 16.0, 18.0, 64.0]));
}

#[test]
fn levels_nest() {
    let (a, b) = (floats(&[1.0, 2.0], &[2]), floats(&[1.0, 10.0, 100.0], &[3]));
    let outer = enter_level(2, Randomness::Error);
    let x = add_level(&a, 0, outer).unwrap();
    let inner = enter_level(3, Randomness::Error);
    let product = x.mul(add_level(&b, 0, inner).unwrap()).unwrap();
    let rows = remove_level(&product, 0, inner).unwrap();
    exit_level();
    let sum = rows.sum(()).unwrap();
    assert!(sum.scalar().unwrap_err().message.contains("It looks like you're calling .item()"));
    let (rows, sum) = (remove_level(&rows, 1, outer).unwrap(), remove_level(&sum, 0, outer).unwrap());
    exit_level();
    assert_eq!((rows.sizes(), rows.to_vec::<f64>()), (&[3, 2][..], vec![1.0, 2.0, 10.0, 20.0, 100.0, 200.0]));
    assert_eq!(sum.to_vec::<f64>(), [111.0, 222.0]);
    assert!(product.add(1.0, 1i64).unwrap_err().message.contains("escaped"));
}
