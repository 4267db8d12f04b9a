//! The quick way of entries gives what their bodies give, bit for bit.

use cresset_core::autograd::call;
use cresset_core::dtype::DType;
use cresset_core::layout::Layout;
use cresset_core::ops::{self, quick::Quick};
use cresset_core::tensor::{Scalar, Tensor};
use cresset_core::value::Value;

const HARD: [f32; 8] = [0.0, -0.0, 1.5, -2.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e-42];

fn tensor(values: &[f32], sizes: &[i64]) -> Tensor {
    Tensor::from_slice(values, sizes).unwrap()
}

fn operands() -> Vec<Value> {
    let turned: Vec<f32> = HARD.iter().rev().copied().collect();
    let matrix = tensor(&HARD, &[2, 4]);
    let columns = matrix.alias(Layout { sizes: [2, 4].into(), strides: [1, 2].into(), offset: 0 });
    let mut all = vec![
        tensor(&HARD, &[8]), tensor(&turned, &[8]), matrix, columns, tensor(&HARD[..4], &[4]), tensor(&[], &[0]), tensor(&[3.5], &[]),
        tensor(&[-0.0], &[1]), tensor(&HARD, &[8]).copied(DType::Float64).unwrap(), tensor(&[7.0], &[]).copied(DType::Float64).unwrap(),
        tensor(&HARD[..4], &[4]).copied(DType::Bool).unwrap(), Tensor::wrapped(Scalar::Float(0.1)).unwrap(), Tensor::wrapped(Scalar::Int(3)).unwrap(),
    ];
    all.push(tensor(&vec![1.25; 5000], &[5000]));
    all.extend([tensor(&HARD, &[4, 2]), tensor(&[0.1; 12], &[4, 3]), tensor(&[], &[0, 4]), tensor(&[], &[4, 0])]);
    all.push(tensor(&(0..3000).map(|i| (i as f32).sin()).collect::<Vec<_>>(), &[3000]));
    let numbers = [Scalar::Float(0.1), Scalar::Float(f64::NAN), Scalar::Float(1e300), Scalar::Int(-7), Scalar::Int(1 << 60), Scalar::Bool(true)];
    all.into_iter().map(Value::Tensor).chain(numbers.map(Value::Scalar)).collect()
}

/// Dtype, sizes, strides and the bits of the values; or the sentence of the error.
fn told(result: cresset_core::error::Result<Value>) -> String {
    match result {
        Ok(Value::Tensor(t)) => {
            let bits: Vec<u64> = t.to_vec::<f64>().iter().map(|x| if x.is_nan() { 1 } else { x.to_bits() }).collect();
            format!("{:?} {:?} {:?} {bits:?}", t.dtype(), t.sizes(), t.strides())
        }
        Ok(other) => format!("{other:?}"),
        Err(e) => e.message.lines().next().unwrap_or_default().to_string(),
    }
}

#[test]
fn the_quick_way_changes_nothing() {
    let mut seen = 0;
    for op in ops::all() {
        let Some(quick) = op.quick else { continue };
        seen += 1;
        let all = operands();
        let rest: Vec<Value> = op.params.iter().filter(|p| p.keyword).map(|_| Value::Scalar(Scalar::Int(1))).collect();
        for a in all.iter().filter(|a| matches!(a, Value::Tensor(_))) {
            let takes_two = op.params.iter().filter(|p| !p.keyword).count() > 1;
            for b in if takes_two { &all } else { &all[..1] } {
                let mut args = vec![a.clone()];
                if takes_two {
                    args.push(b.clone());
                }
                match quick {
                    Quick::Zip(_) => args.extend(rest.iter().cloned()),
                    _ => args.resize(op.params.len(), Value::None),
                }
                assert_eq!(told(call(op, &args)), told((op.eval)(&args)), "{} {a:?} {b:?}", op.id);
            }
        }
    }
    assert!(seen >= 5);
}
