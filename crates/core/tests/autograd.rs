//! The engine: accumulation, freed graphs, versions, writes to views and bases, modes, deep graphs.

use cresset_core::autograd::{allow_mutation, anomaly, backward, call_in_place, forbid_mutation, grad, write_to, Backward, Grad, Node, Skeleton, Thing};
use cresset_core::ops::{self, prelude::*};
use cresset_core::state;
use std::rc::Rc;

fn entry(name: &str) -> &'static cresset_core::table::Op {
    ops::all().find(|o| o.id == name).unwrap_or_else(|| panic!("no op {name}"))
}

fn leaf(values: &[f64], sizes: &[i64]) -> Result {
    let t = Tensor::from_slice(values, sizes)?;
    t.set_requires_grad(true)?;
    Ok(t)
}

fn values(t: &Tensor) -> Vec<f64> {
    t.to_vec()
}

fn grad_of(t: &Tensor) -> Vec<f64> {
    t.grad().map(|g| values(&g)).unwrap_or_default()
}

fn run(root: &Tensor) -> Result<()> {
    backward(std::slice::from_ref(root), &[], &Backward::default()).map(|_| ())
}

fn keep(root: &Tensor) -> Result<()> {
    backward(std::slice::from_ref(root), &[], &Backward { retain_graph: true, ..Backward::default() }).map(|_| ())
}

/// `target.name_(others)`.
fn write(name: &str, target: &Tensor, others: &[Value]) -> Result {
    let op = entry(name);
    let mut args = vec![Value::Tensor(target.clone())];
    args.extend_from_slice(others);
    args.resize(op.params.len(), Value::None);
    if name == "add" && others.len() == 1 {
        args[2] = Value::Scalar(Scalar::Int(1));
    }
    call_in_place(op, &args)
}

fn number(x: f64) -> Value {
    Value::Scalar(Scalar::Float(x))
}

/// What a failure says, without the line that names the call.
fn said<T>(r: Result<T>) -> String {
    match r {
        Ok(_) => String::new(),
        Err(e) => e.message.split("\nin ").next().unwrap_or_default().into(),
    }
}

fn name(t: &Tensor) -> Result<String> {
    Ok(t.grad_fn()?.map(|(node, _)| node.name()).unwrap_or_default())
}

fn next(node: &Node) -> Vec<String> {
    node.edges.iter().map(|e| e.as_ref().map(|e| e.node.name()).unwrap_or_default()).collect()
}

const FREED: &str = "Trying to backward through the graph a second time";

#[test]
fn gradients_accumulate_and_graphs_are_freed() -> Result<()> {
    let x = leaf(&[0.0, 1.0, 2.0, 3.0], &[4])?;
    let y = x.dot(&x)?.mul(2i64)?;
    run(&y)?;
    assert_eq!(grad_of(&x), [0.0, 4.0, 8.0, 12.0]);
    assert!(said(run(&y)).starts_with(FREED));
    // In place, so that who holds the gradient sees it.
    let first = x.grad();
    run(&x.sum(())?)?;
    assert_eq!(grad_of(&x), [1.0, 5.0, 9.0, 13.0]);
    assert!(first.is_some_and(|g| x.grad().is_some_and(|now| now.is(&g))));
    // What saved nothing may run again; a number that Python wraps is saved.
    let y = x.add(1i64, 1i64)?.sum(())?;
    run(&y)?;
    run(&y)?;
    let y = x.mul(2.0)?.sum(())?;
    run(&y)?;
    assert!(said(run(&y)).starts_with(FREED));
    Ok(())
}

#[test]
fn first_gradients_are_taken_only_from_nobody() -> Result<()> {
    let (x, g) = (leaf(&[1.0, 2.0], &[2])?, Tensor::from_slice(&[3.0, 4.0], &[2])?);
    backward(&[x.clone()], &[Some(g.clone())], &Backward::default())?;
    assert!(x.grad().is_some_and(|have| !have.shares_storage(&g)));
    // A leaf that is dense in another order has a gradient in that order.
    let x = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2])?.t()?.detached();
    x.set_requires_grad(true)?;
    run(&x.mul(&x)?.sum(())?)?;
    assert_eq!(x.grad().map(|g| g.strides().to_vec()), Some(vec![1, 2]));
    Ok(())
}

#[test]
fn higher_derivatives_and_recorded_gradients() -> Result<()> {
    let x = leaf(&[3.0], &[])?;
    let ask = Grad { create_graph: true, retain_graph: true, ..Grad::default() };
    let first = grad(&[x.pow_scalar(3i64)?], &[x.clone()], &[], &ask)?[0].clone().ok_or_else(Error::freed_graph)?;
    assert_eq!(values(&first), [27.0]);
    run(&first)?;
    assert_eq!(grad_of(&x), [18.0]);
    let x = leaf(&[2.0], &[1])?;
    let ask = Backward { create_graph: true, retain_graph: true, ..Backward::default() };
    backward(&[x.pow_scalar(4i64)?], &[], &ask)?;
    let g = x.grad().ok_or_else(Error::freed_graph)?;
    assert_eq!((name(&g)?.as_str(), g.requires_grad()), ("CopyBackwards", true));
    x.set_grad(None);
    run(&g)?;
    assert_eq!(grad_of(&x), [48.0]);
    Ok(())
}

#[test]
fn grad_asks_and_answers() -> Result<()> {
    let (x, z) = (leaf(&[1.0, 2.0], &[2])?, leaf(&[5.0], &[1])?);
    let y = x.mul(2.0)?;
    let root = y.mul(&y)?.sum(())?;
    let keep = Grad { retain_graph: true, ..Grad::default() };
    // Intermediates, and an input listed twice.
    let found = grad(&[root.clone()], &[y.clone(), x.clone(), x.clone()], &[], &keep)?;
    let found: Vec<Vec<f64>> = found.iter().flatten().map(values).collect();
    assert_eq!(found, [[4.0, 8.0], [8.0, 16.0], [8.0, 16.0]]);
    assert!(x.grad().is_none());
    assert_eq!(
        said(grad(&[root.clone()], &[x.clone(), z.clone()], &[], &keep)),
        "The differentiated Tensor at index 1 appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."
    );
    let ask = Grad { materialize_grads: true, retain_graph: true, ..Grad::default() };
    let found = grad(&[root.clone()], &[z.clone()], &[], &ask)?;
    assert_eq!(found[0].as_ref().map(values), Some(vec![0.0]));
    assert_eq!(said(grad(&[root.clone()], &[root.detached()], &[], &keep)), "One of the differentiated Tensors does not require grad");
    assert_eq!(said(grad(&[y.clone()], &[x.clone()], &[], &keep)), "grad can be implicitly created only for scalar outputs");
    assert_eq!(said(grad(&[root.clone(), y.clone()], &[x.clone()], &[None], &keep)), "got 2 tensors and 1 gradients");
    assert_eq!(said(grad(&[root.detached()], &[x.clone()], &[], &keep)), "element 0 of tensors does not require grad and does not have a grad_fn");
    // A row of gradients, a pass each.
    let eye = Tensor::from_slice(&[1.0, 0.0, 0.0, 1.0], &[2, 2])?;
    let rows = grad(&[y.mul(&y)?], &[x.clone()], &[Some(eye)], &Grad { batched: true, ..Grad::default() })?;
    assert_eq!(rows[0].as_ref().map(values), Some(vec![8.0, 0.0, 0.0, 16.0]));
    // `backward(inputs)` fills only those, intermediates too.
    let y = x.mul(3.0)?;
    let ask = Backward { inputs: Some(std::slice::from_ref(&y)), accumulate: true, ..Backward::default() };
    backward(&[y.sum(())?], &[], &ask)?;
    assert_eq!((grad_of(&y), x.grad().is_none(), y.retains_grad()), (vec![1.0, 1.0], true, true));
    Ok(())
}

#[test]
fn missing_gradients_of_several_outputs_are_zeros() -> Result<()> {
    let x = leaf(&[1.0, 2.0, 3.0], &[3, 1])?;
    let parts = cresset_core::autograd::call(entry("unbind"), &[Value::Tensor(x.clone()), Value::Scalar(Scalar::Int(0))])?;
    let parts: Vec<Tensor> = parts.tensors().cloned().collect();
    run(&parts[1].mul(5.0)?)?;
    assert_eq!((grad_of(&x), parts[2].output_nr()), (vec![0.0, 5.0, 0.0], 2));
    Ok(())
}

#[test]
fn writes_to_views_reach_the_base_and_its_other_views() -> Result<()> {
    let x = leaf(&[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
    let base = x.mul(1i64)?;
    let (row, column) = (base.select(0i64, 0i64)?, base.select(1i64, 1i64)?);
    write("mul", &row, &[number(10.0)])?;
    assert_eq!(values(&base), [10.0, 20.0, 3.0, 4.0]);
    assert_eq!((name(&base)?.as_str(), name(&row)?.as_str()), ("CopySlices", "AsStridedBackward0"));
    run(&column.mul(&column)?.sum(())?)?;
    assert_eq!(grad_of(&x), [0.0, 400.0, 0.0, 8.0]);
    // A base without gradients gets them, and the history has PyTorch's shape.
    let (y, buffer) = (leaf(&[7.0], &[])?, Tensor::zeros(&[3], DType::Float64)?);
    write_to(&buffer.select(0i64, 1i64)?, &y)?;
    let node = buffer.grad_fn()?.ok_or_else(Error::freed_graph)?.0;
    assert_eq!(next(&node), ["", "AccumulateGrad"]);
    run(&buffer.mul(2.0)?.sum(())?)?;
    assert_eq!(grad_of(&y), [2.0]);
    Ok(())
}

#[test]
fn writes_to_views_are_differentiable_twice() -> Result<()> {
    let x = leaf(&[1.0, 2.0, 3.0, 4.0], &[2, 2])?;
    let base = x.mul(1i64)?;
    let column = base.t()?.select(0i64, 1i64)?;
    let args = [Value::Tensor(column.clone())];
    write("mul", &column, &[Value::Tensor(x.select(0i64, 1i64)?)])?;
    drop(args);
    // base = [[x0, x1 x2], [x2, x3 x3]]
    let ask = Grad { create_graph: true, retain_graph: true, ..Grad::default() };
    let root = base.mul(&base)?.sum(())?;
    let g = grad(&[root], &[x.clone()], &[], &ask)?[0].clone().ok_or_else(Error::freed_graph)?;
    assert_eq!(values(&g), [2.0, 36.0, 30.0, 256.0]);
    run(&g.sum(())?)?;
    // d/dx of 2 x0 + 2 x1 x2^2 + 2 x1^2 x2 + 2 x2 + 4 x3^3
    assert_eq!(grad_of(&x), [2.0, 18.0 + 24.0, 24.0 + 8.0 + 2.0, 192.0]);
    Ok(())
}

#[test]
fn complex_parts_are_views_too() -> Result<()> {
    let z = Tensor::from_slice(&[Complex::new(1.0, 2.0), Complex::new(3.0, 4.0)], &[2])?;
    z.set_requires_grad(true)?;
    let w = z.mul(1i64)?;
    write("mul", &w.imag()?, &[number(10.0)])?;
    run(&w.view_as_real()?.sum(())?)?;
    let g = z.grad().ok_or_else(Error::freed_graph)?;
    assert_eq!(g.to_vec::<Complex<f64>>(), [Complex::new(1.0, 10.0), Complex::new(1.0, 10.0)]);
    Ok(())
}

#[test]
fn leaves_and_saved_values_are_guarded() -> Result<()> {
    let x = leaf(&[1.0, 2.0], &[2])?;
    assert_eq!(said(write("add", &x, &[number(1.0)])), "a leaf Variable that requires grad is being used in an in-place operation.");
    assert_eq!(
        said(write("add", &x.select(0i64, 0i64)?, &[number(1.0)])),
        "a view of a leaf Variable that requires grad is being used in an in-place operation."
    );
    // exp saves its result: a write afterwards is noticed, `.data` is not.
    let y = x.exp()?;
    write("mul", &y, &[number(2.0)])?;
    assert_eq!(
        said(run(&y.sum(())?)),
        "one of the variables needed for gradient computation has been modified by an inplace operation: \
         [torch.DoubleTensor [2]], which is output 0 of Exp, is at version 1; expected version 0 instead. Hint: enable \
         anomaly detection to find the operation that failed to compute its gradient, with \
         torch.autograd.set_detect_anomaly(True, check_nan=False)."
    );
    let y = x.exp()?;
    write("mul", &y.variable_data(), &[number(2.0)])?;
    assert_eq!((y.version(), y.detached().version()), (0, 0));
    run(&y.sum(())?)?;
    // mul saves what it writes over as it was, but not its other operand.
    let (a, w) = (leaf(&[3.0], &[1])?, leaf(&[5.0], &[1])?);
    let b = a.mul(1i64)?;
    write("mul", &b, &[Value::Tensor(w.clone())])?;
    run(&b.sum(())?)?;
    assert_eq!((grad_of(&a), grad_of(&w)), (vec![5.0], vec![3.0]));
    let b = a.mul(1i64)?;
    write("mul", &b, &[Value::Tensor(b.clone())])?;
    assert!(said(run(&b.sum(())?)).contains("which is output 0 of Mul, is at version 1; expected version 0 instead"));
    // Gradients are off: anything may be written, and a view of the leaf follows it.
    let view = x.select(0i64, 0i64)?;
    state::with_grad(false, || write("mul", &x, &[number(2.0)]))?;
    assert_eq!((values(&view), name(&view)?.as_str()), (vec![2.0], "AsStridedBackward0"));
    Ok(())
}

#[test]
fn some_views_must_not_be_written() -> Result<()> {
    let base = leaf(&[1.0, 2.0, 3.0, 4.0], &[2, 2])?.mul(1i64)?;
    let args = [Value::Tensor(base.clone()), Value::Scalar(Scalar::Int(0))];
    let rows: Vec<Tensor> = cresset_core::autograd::call(entry("unbind"), &args)?.tensors().cloned().collect();
    let several = " This view is the output of a function that returns multiple views. Such functions do not allow the \
                   output views to be modified inplace. You should replace the inplace operation by an out-of-place one.";
    assert_eq!(said(write("mul", &rows[1], &[number(2.0)])), format!("Output 1 of Unbind is a view and is being modified inplace.{several}"));
    write("mul", &base, &[number(2.0)])?;
    assert_eq!(
        said(rows[0].mul(2.0)),
        format!("Output 0 of Unbind is a view and its base or another view of its base has been modified inplace.{several}")
    );
    let view = state::with_grad(false, || base.select(0i64, 0i64))?;
    assert_eq!((view.requires_grad(), view.is_leaf()), (true, true));
    assert!(said(write("mul", &view, &[number(2.0)])).starts_with(
        "A view was created in no_grad mode and is being modified inplace with grad mode enabled. Given that"
    ));
    let wide = Tensor::zeros(&[3], DType::Float64)?.expand([2, 3])?;
    assert!(said(write("add", &wide, &[number(1.0)])).starts_with("unsupported operation: more than one element"));
    let line = Tensor::zeros(&[5], DType::Float64)?;
    let (head, tail) = (line.narrow(0i64, 0i64, 4i64)?, line.narrow(0i64, 1i64, 4i64)?);
    assert!(said(write("add", &tail, &[Value::Tensor(head)])).starts_with("unsupported operation: some elements of the input"));
    assert_eq!(said(write("add", &line, &[Value::Tensor(Tensor::zeros(&[2, 5], DType::Float64)?)])),
        "output with shape [5] doesn't match the broadcast shape [2, 5]");
    Ok(())
}

#[test]
fn inference_tensors_stay_out() -> Result<()> {
    let x = leaf(&[1.0, 2.0], &[2])?;
    let modes = state::set_inference_mode(true);
    let (y, view) = (x.mul(2.0)?, x.select(0i64, 0i64)?);
    write("add", &y, &[number(1.0)])?;
    state::restore(modes);
    assert_eq!((y.is_inference(), y.requires_grad(), view.is_inference()), (true, false, false));
    assert_eq!(said(y.tracked_version()), "Inference tensors do not track version counter.");
    assert!(said(x.mul(&y)).starts_with("Inference tensors cannot be saved for backward."));
    assert!(x.add(&y, 1i64)?.requires_grad());
    assert!(said(write("add", &y, &[number(1.0)])).starts_with("Inplace update to inference tensor outside InferenceMode"));
    assert_eq!(said(y.set_requires_grad(true)), "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
    assert!(said(write("add", &view, &[number(1.0)])).starts_with("A view was created in inference mode and is being modified inplace in normal mode."));
    assert!(!y.add(1.0, 1i64)?.is_inference());
    Ok(())
}

#[test]
fn anomalies_are_named() -> Result<()> {
    let x = leaf(&[-1.0], &[1])?;
    let old = anomaly::set(true, true);
    state::set_warn(|_| ());
    let y = x.sqrt()?.sum(())?;
    assert_eq!(said(run(&y)), "Function 'SqrtBackward0' returned nan values in its 0th output.");
    anomaly::set(true, false);
    run(&x.sqrt()?.sum(())?)?;
    anomaly::set(old.0, old.1);
    assert!(grad_of(&x)[0].is_nan());
    Ok(())
}

#[test]
fn detaching_and_assigning() -> Result<()> {
    let x = leaf(&[1.0, 2.0], &[2])?;
    let y = x.mul(2.0)?;
    assert!(said(y.select(0i64, 0i64)?.detach_in_place()).starts_with("Can't detach views in-place."));
    assert!(said(y.set_requires_grad(false)).starts_with("you can only change requires_grad flags of leaf variables."));
    y.detach_in_place()?;
    assert_eq!((y.requires_grad(), y.is_leaf()), (false, true));
    assert_eq!(said(x.assign_grad(Some(x.clone()))), "can't assign Variable as its own grad");
    assert_eq!(
        said(x.assign_grad(Some(Tensor::zeros(&[3], DType::Float64)?))),
        "attempting to assign a gradient of size '[3]' to a tensor of size '[2]'. Please ensure that the gradient and the tensor are the same size"
    );
    Ok(())
}

#[test]
fn freed_histories_can_be_stood_for() -> Result<()> {
    let x = leaf(&[1.0, 2.0], &[2])?;
    let y = x.mul(&x)?.sum(())?;
    keep(&y)?;
    assert!(!y.graph_is_freed());
    run(&y)?;
    assert!(y.graph_is_freed());
    let copy = y.copied(y.dtype())?;
    copy.set_freed_history("SumBackward0", 0);
    assert_eq!(name(&copy)?, "SumBackward0");
    assert!(said(run(&copy)).starts_with(FREED));
    // Nothing saved: going backward again is right, so that it is not freed.
    let y = x.add(1.0, 1i64)?.sum(())?;
    run(&y)?;
    assert!(!y.graph_is_freed());
    Ok(())
}

#[test]
fn leaves_are_shared_by_the_nodes_that_lead_to_them() -> Result<()> {
    let x = leaf(&[2.0], &[1])?;
    let y = x.mul(&x)?;
    let (node, _) = y.grad_fn()?.ok_or_else(Error::freed_graph)?;
    let [Some(a), Some(b)] = &node.edges[..] else { return Err(Error::freed_graph()) };
    assert!(Rc::ptr_eq(&a.node, &b.node) && a.node.variable().is_some_and(|v| v.is(&x)));
    let saved = node.saved("other")?;
    assert!(saved.tensors().next().is_some_and(|t| t.is(&x)));
    run(&y)?;
    assert!(said(node.saved("other")).starts_with(FREED));
    Ok(())
}

#[test]
fn hooks_that_hold_their_graph_go_with_it() -> Result<()> {
    let x = leaf(&[1.0, 2.0], &[2])?;
    let y = x.exp()?;
    let (inner, alive) = (y.clone(), Rc::new(()));
    let gone = Rc::downgrade(&alive);
    y.register_hook(1, Rc::new(move |_| {
        let _ = (&inner, &alive);
        Ok(None)
    }))?;
    let root = y.sum(())?;
    keep(&root)?;
    assert!(gone.upgrade().is_some(), "the graph can be run again");
    run(&root)?;
    assert!(gone.upgrade().is_none(), "the graph is freed");
    Ok(())
}

#[test]
fn deep_and_wide_graphs() -> Result<()> {
    let n = 100_000;
    let x = leaf(&[1.0], &[1])?;
    let y = (0..n).try_fold(x.clone(), |y, _| y.add(0i64, 1i64))?;
    run(&y)?;
    assert_eq!(grad_of(&x), [1.0]);
    drop(y);
    // Each saves the one before, and is never run.
    let y = (0..n).try_fold(x.clone(), |y, _| y.mul(&y))?;
    drop(y);
    x.set_grad(None);
    let wide = (0..n).map(|_| x.mul(1i64)).collect::<Result<Vec<_>>>()?;
    backward(&wide, &[], &Backward::default())?;
    assert_eq!(grad_of(&x), [n as f64]);
    Ok(())
}

/// The keys of the functions that a tensor leads to.
fn leads_to(skeleton: &mut Skeleton, t: &Tensor) -> Vec<u32> {
    let start = skeleton.add(Thing::Tensor(t.clone()));
    let reached = skeleton.reached_from(start);
    let mut keys: Vec<u32> = skeleton.bones.iter().zip(reached).filter(|(_, r)| *r).flat_map(|(b, _)| b.keys.to_vec()).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[test]
fn the_skeleton_tells_which_functions_a_tensor_leads_to() -> Result<()> {
    let (x, w) = (leaf(&[1.0, 2.0], &[2])?, leaf(&[3.0, 4.0], &[2])?);
    let nothing = || Rc::new(|_: &Tensor| Ok(None));
    let y = x.mul(&w)?;
    let mut long = y.clone();
    for _ in 0..10_000 {
        long = long.add(1.0, 1i64)?;
    }
    let (other, both) = (w.sin()?, long.mul(&w)?);
    y.register_hook(1, nothing())?;
    w.register_hook(2, nothing())?;
    both.grad_fn()?.unwrap().0.register_prehook(3, Rc::new(|_: &[Option<Tensor>]| Ok(None)));
    let view = long.view([2, 1])?;
    // A gradient that is part of the graph leads back to the leaf.
    backward(&[x.pow(3.0)?.sum(())?], &[], &Backward { create_graph: true, ..Backward::default() })?;
    x.register_hook(4, nothing())?;

    let (alias, apart) = (x.detach_view()?, leaf(&[1.0], &[1])?.exp()?);
    let mut skeleton = Skeleton::default();
    assert_eq!(leads_to(&mut skeleton, &both), [1, 2, 3, 4]);
    assert_eq!(leads_to(&mut skeleton, &view), [1, 2, 4]);
    assert_eq!(leads_to(&mut skeleton, &other), [2]);
    assert_eq!(leads_to(&mut skeleton, &x), [4]);
    assert_eq!(leads_to(&mut skeleton, &alias), [4]);
    assert_eq!(leads_to(&mut skeleton, &apart), [0; 0]);
    assert!(skeleton.bones.len() < 20, "what has no functions is left out: {} bones", skeleton.bones.len());
    x.set_grad(None);
    Ok(())
}

#[test]
fn saved_tensors_are_copied_when_they_are_written_to() -> Result<()> {
    let x = leaf(&[1.0, 2.0], &[2])?;
    allow_mutation()?;
    assert!(allow_mutation().is_err());
    let y = x.mul(1.0)?;
    let z = y.mul(&y)?.add(y.exp()?, 1i64)?;
    for _ in 0..2 {
        write("add", &y, &[Value::Scalar(Scalar::Float(5.0))])?;
    }
    write_to(&y.view([2, 1])?, &Tensor::zeros(&[2, 1], DType::Float64)?)?;
    run(&z.sum(())?)?;
    let after = z.sum(())?;
    forbid_mutation();
    assert_eq!(grad_of(&x), [2.0 + 1f64.exp(), 4.0 + 2f64.exp()]);
    assert!(run(&after).is_err());
    Ok(())
}
