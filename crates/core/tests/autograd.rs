//! The engine: accumulation, freed graphs, versions, views written in place, deep graphs.

use cresset_core::autograd::{backward, call_in_place, Backward};
use cresset_core::error::Result;
use cresset_core::ops::{self, prelude::*};

fn entry(name: &str) -> &'static cresset_core::table::Op {
    ops::all().find(|o| o.name == name).unwrap_or_else(|| panic!("no op {name}"))
}

fn leaf(values: &[f64], sizes: &[i64]) -> Result {
    let t = Tensor::from_slice(values, sizes)?;
    t.set_requires_grad(true)?;
    Ok(t)
}

fn grad_of(t: &Tensor) -> Vec<f64> {
    t.grad().map(|g| g.to_vec()).unwrap_or_default()
}

fn run(root: &Tensor) -> Result<()> {
    backward(&[root.clone()], &[], &Backward::default()).map(|_| ())
}

fn in_place(name: &str, args: &[Value]) -> Result {
    call_in_place(entry(name), args)
}

#[test]
fn gradients_accumulate_and_graphs_are_freed() -> Result<()> {
    let x = leaf(&[0.0, 1.0, 2.0, 3.0], &[4])?;
    let y = x.dot(&x)?.mul(2i64)?;
    run(&y)?;
    assert_eq!(grad_of(&x), [0.0, 4.0, 8.0, 12.0]);
    let again = run(&y).unwrap_err();
    assert!(again.message.starts_with("Trying to backward through the graph a second time"));
    run(&x.sum(())?)?;
    assert_eq!(grad_of(&x), [1.0, 5.0, 9.0, 13.0]);
    Ok(())
}

#[test]
fn second_derivatives() -> Result<()> {
    let x = leaf(&[3.0], &[])?;
    let y = x.pow_scalar(3i64)?;
    let ask = Backward { create_graph: true, inputs: Some(std::slice::from_ref(&x)), ..Default::default() };
    let first = backward(&[y], &[], &ask)?[0].clone().unwrap();
    assert_eq!(first.to_vec::<f64>(), [27.0]);
    run(&first)?;
    assert_eq!(grad_of(&x), [18.0]);
    Ok(())
}

#[test]
fn writes_to_views_reach_the_base_and_its_other_views() -> Result<()> {
    let x = leaf(&[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
    let base = x.mul(1i64)?;
    let (row, column) = (base.select(0i64, 0i64)?, base.select(1i64, 1i64)?);
    in_place("mul", &[Value::Tensor(row.clone()), Value::Scalar(Scalar::Float(10.0))])?;
    assert_eq!(base.to_vec::<f64>(), [10.0, 20.0, 3.0, 4.0]);
    assert_eq!(base.grad_fn().map(|f| f.0.name()).as_deref(), Some("CopySlices"));
    assert_eq!(row.grad_fn().map(|f| f.0.name()).as_deref(), Some("AsStridedBackward0"));
    run(&column.mul(&column)?.sum(())?)?;
    assert_eq!(grad_of(&x), [0.0, 400.0, 0.0, 8.0]);
    Ok(())
}

#[test]
fn in_place_rules() -> Result<()> {
    let x = leaf(&[1.0, 2.0], &[2])?;
    let e = in_place("add", &[Value::Tensor(x.clone()), Value::Scalar(Scalar::Int(1)), Value::Scalar(Scalar::Int(1))]).unwrap_err();
    assert!(e.message.starts_with("a leaf Variable that requires grad is being used in an in-place operation."));
    // exp saves its result: a write afterwards is noticed.
    let y = x.exp()?;
    in_place("mul", &[Value::Tensor(y.clone()), Value::Scalar(Scalar::Int(2))])?;
    let e = run(&y.sum(())?).unwrap_err();
    assert!(e.message.contains("is at version 1; expected version 0 instead"), "{e}");
    // mul saves its input as it was before the write.
    let (a, w) = (leaf(&[3.0], &[1])?, leaf(&[5.0], &[1])?);
    let b = a.mul(1i64)?;
    in_place("mul", &[Value::Tensor(b.clone()), Value::Tensor(w.clone())])?;
    run(&b.sum(())?)?;
    assert_eq!((grad_of(&a), grad_of(&w)), (vec![5.0], vec![3.0]));
    Ok(())
}

#[test]
fn a_million_steps_deep() -> Result<()> {
    let x = leaf(&[1.0], &[1])?;
    let mut y = x.clone();
    for _ in 0..1_000_000 {
        y = y.add(0i64, 1i64)?;
    }
    run(&y)?;
    assert_eq!(grad_of(&x), [1.0]);
    drop(y);
    let mut y = x.clone();
    for _ in 0..1_000_000 {
        y = y.mul(1i64)?;
    }
    drop(y);
    Ok(())
}
