//! Forward mode: the tangents of every entry's results against central differences, on the samples
//! of `gradcheck`; and what is not about one op: levels, writes, views, mixed modes.

mod samples;

use cresset_core::autograd::forward::{enter_level, exit_level, make_dual, unpack_dual};
use cresset_core::autograd::{backward, call, Backward};
use cresset_core::ops::prelude::*;
use cresset_core::table::Op;
use cresset_core::{kernels, ops, random};
use samples::{tensors_of, with_tensors, Sample};

fn numbers(t: &Tensor) -> Vec<Complex<f64>> {
    t.to_vec()
}

/// A direction that looks random, in the sizes and dtype of a tensor.
fn way(like: &Tensor, seed: u64) -> Result {
    random::manual_seed(seed);
    like.detached().randn_like((), ())
}

/// The outputs, with random ops starting anew each time.
fn outputs(op: &'static Op, args: &[Value]) -> Result<Vec<Tensor>> {
    random::manual_seed(1);
    call(op, args).map(|v| v.tensors().cloned().collect())
}

/// Values and tangents of the outputs along `ways`, which follow those inputs that need gradients.
fn pushed(op: &'static Op, sample: &Sample, inputs: &[Tensor], ways: &[Option<Tensor>]) -> Result<Vec<(Tensor, Option<Tensor>)>> {
    let level = enter_level();
    let run = || -> Result<Vec<(Tensor, Option<Tensor>)>> {
        let dual = |(t, way): (&Tensor, &Option<Tensor>)| match way {
            Some(way) => make_dual(&t.detached(), way, level),
            None => Ok(t.clone()),
        };
        let duals = inputs.iter().zip(ways).map(dual).collect::<Result<Vec<_>>>()?;
        let outs = outputs(op, &with_tensors(&sample.args, &sample.shape(&duals)?))?;
        outs.iter().map(|t| unpack_dual(t, level)).collect()
    };
    let done = run();
    exit_level(level);
    done
}

/// The outputs after a step along `ways`.
fn stepped(op: &'static Op, sample: &Sample, inputs: &[Tensor], ways: &[Option<Tensor>], step: f64) -> Result<Vec<Tensor>> {
    let moved = |(t, way): (&Tensor, &Option<Tensor>)| match way {
        Some(way) => {
            let room = Tensor::zeros(&[t.layout().extent() as i64], t.dtype())?;
            let out = room.alias(t.layout().clone());
            kernels::copy::copy(&t.detached().add(way, step)?, &out);
            Ok(out)
        }
        None => Ok(t.clone()),
    };
    let moved = inputs.iter().zip(ways).map(moved).collect::<Result<Vec<_>>>()?;
    outputs(op, &with_tensors(&sample.args, &sample.shape(&moved)?))
}

/// What is wrong with the tangents on one sample.
fn complaint(op: &'static Op, sample: &Sample) -> Option<String> {
    let inputs = tensors_of(&sample.args);
    let plain = outputs(op, &sample.args).ok()?;
    let finite = |t: &Tensor| numbers(t).iter().all(|z| z.re.is_finite() && z.im.is_finite());
    if !plain.iter().any(Tensor::requires_grad) || !sample.meant && !plain.iter().all(finite) {
        return None;
    }
    let ways = inputs.iter().enumerate().map(|(i, t)| t.requires_grad().then(|| way(t, i as u64 + 7)).transpose());
    let ways = ways.collect::<Result<Vec<_>>>().ok()?;
    let duals = match pushed(op, sample, &inputs, &ways) {
        Ok(duals) => duals,
        Err(e) if e.message.contains("derivative for") && e.message.contains("is not implemented") => return None,
        Err(e) => return Some(e.to_string()),
    };
    let eps = 1e-6;
    let (up, down) = match (stepped(op, sample, &inputs, &ways, eps), stepped(op, sample, &inputs, &ways, -eps)) {
        (Ok(up), Ok(down)) => (up, down),
        (Err(e), _) | (_, Err(e)) => return Some(e.to_string()),
    };
    for (i, ((primal, tangent), out)) in duals.iter().zip(&plain).enumerate() {
        if numbers(primal) != numbers(out) {
            return Some(format!("output {i} has other values"));
        }
        let have = tangent.as_ref().map_or_else(|| vec![Complex::default(); out.numel()], numbers);
        if !out.requires_grad() {
            continue;
        }
        for ((have, up), down) in have.iter().zip(numbers(&up[i])).zip(numbers(&down[i])) {
            let want = (up - down) / (2.0 * eps);
            if (have - want).norm() > 1e-5 + 1e-4 * want.norm() {
                return Some(format!("output {i}: tangent {have}, difference {want}"));
            }
        }
    }
    None
}

#[test]
fn every_tangent_is_right() {
    let only = std::env::var("OP").ok();
    let mut wrong = Vec::new();
    let mut checked = 0;
    for op in ops::all().filter(|o| only.as_ref().is_none_or(|name| o.id == name)) {
        for dtype in [DType::Float64, DType::Complex128] {
            let excepted = |what: &str| matches!(what, "gradient" | "first order") || what == "complex" && dtype.is_complex();
            if samples::EXCEPTIONS.iter().any(|e| e.0 == op.id && excepted(e.1)) {
                continue;
            }
            for sample in samples::of(op, dtype).unwrap_or_default() {
                checked += 1;
                if let Some(why) = complaint(op, &sample) {
                    wrong.push(format!("{}({}) in {}: {why}", op.id, sample.text, dtype.name()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} complaints in {checked} samples:\n{}", wrong.len(), wrong.join("\n"));
}

fn leaf(values: &[f64]) -> Tensor {
    let t = Tensor::from_slice(values, &[values.len() as i64]).unwrap();
    t.set_requires_grad(true).unwrap();
    t
}

fn floats(t: &Tensor) -> Vec<f64> {
    t.to_vec()
}

fn slope(out: &Tensor, input: &Tensor) -> Tensor {
    let ask = Backward { retain_graph: true, create_graph: true, inputs: Some(std::slice::from_ref(input)), ..Backward::default() };
    backward(&[out.clone()], &[], &ask).unwrap().swap_remove(0).unwrap()
}

#[test]
fn modes_mix_and_levels_nest() {
    let x = leaf(&[1.0, 2.0]);
    let ones = Tensor::from_slice(&[1.0, 1.0], &[2]).unwrap();
    // Forward over reverse: the gradient of x³ is 3x², its tangent 6x.
    let level = enter_level();
    let dual = make_dual(&x, &ones, level).unwrap();
    let gradient = slope(&dual.mul(&dual).mul(&dual).sum(()).unwrap(), &dual);
    let (primal, tangent) = unpack_dual(&gradient, level).unwrap();
    assert_eq!((floats(&primal), floats(&tangent.clone().unwrap())), (vec![3.0, 12.0], vec![6.0, 12.0]));
    exit_level(level);
    // Reverse over forward over reverse: the tangent's gradient is 6.
    assert_eq!(floats(&slope(&tangent.unwrap().sum(()).unwrap(), &x)), [6.0, 6.0]);
    // Forward over forward.
    let outer = enter_level();
    let a = make_dual(&x, &ones, outer).unwrap();
    let inner = enter_level();
    let b = make_dual(&a, &ones, inner).unwrap();
    let (_, first) = unpack_dual(&b.exp().mul(&b).unwrap(), inner).unwrap();
    exit_level(inner);
    let (_, second) = unpack_dual(&first.unwrap(), outer).unwrap();
    exit_level(outer);
    let want: Vec<f64> = [1.0f64, 2.0].iter().map(|x| (x + 2.0) * x.exp()).collect();
    for (have, want) in floats(&second.unwrap()).iter().zip(want) {
        assert!((have - want).abs() < 1e-12, "{have} {want}");
    }
}

#[test]
fn writes_carry_tangents() {
    let x = Tensor::from_slice(&[1.0, 2.0, 3.0], &[3]).unwrap();
    let t = Tensor::from_slice(&[0.1, 0.2, 0.3], &[3]).unwrap();
    let level = enter_level();
    let dual = make_dual(&x, &t, level).unwrap();
    let room = Tensor::zeros(&[2, 3], DType::Float64).unwrap();
    let row = room.select(0i64, 0i64).unwrap();
    cresset_core::autograd::write_to(&row, &dual).unwrap();
    assert_eq!(floats(&room.tangent(level).unwrap()), [0.1, 0.2, 0.3, 0.0, 0.0, 0.0]);
    // A view of a dual shares its tangent, and a write to one is seen in the other.
    let copy = dual.mul(1.0).unwrap();
    let part = copy.slice(0i64, 0i64, 2i64, 1i64).unwrap();
    let mul = ops::all().find(|o| o.id == "mul").unwrap();
    cresset_core::autograd::call_in_place(mul, &[Value::Tensor(part), Value::Tensor(x.slice(0i64, 1i64, 3i64, 1i64).unwrap())]).unwrap();
    let have: Vec<f64> = floats(&copy.tangent(level).unwrap()).iter().map(|x| (x * 1e6).round() / 1e6).collect();
    assert_eq!(have, [0.2, 0.6, 0.3]);
    exit_level(level);
    assert!(copy.tangent(level).is_none());
}
