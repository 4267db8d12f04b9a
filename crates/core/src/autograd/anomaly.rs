//! Anomaly mode: which forward op made the node that failed, and which gradients are NaN.

use super::describe;
use super::node::Node;
use crate::error::{Error, Result};
use crate::state;
use crate::table::{Grads, Op};
use crate::tensor::Tensor;
use crate::value::Value;
use num_complex::Complex;
use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;

thread_local! {
    static MODE: Cell<(bool, bool)> = const { Cell::new((false, true)) };
    static TRACER: RefCell<Option<Rc<dyn Fn() -> String>>> = const { RefCell::new(None) };
    static CALL: RefCell<String> = const { RefCell::new(String::new()) };
    static RUNNING: RefCell<Option<Rc<Node>>> = const { RefCell::new(None) };
}

/// What is remembered of the making of a node.
pub struct Trace {
    /// The op that made it, and where the program was.
    text: String,
    /// The node that was going backward at the time.
    parent: Option<Rc<Node>>,
}

/// Whether it is on.
#[inline]
pub fn enabled() -> bool {
    MODE.get().0
}

/// Whether it looks for NaN.
pub fn checks_nan() -> bool {
    MODE.get().1
}

/// Switches it; returns what it was.
pub fn set(on: bool, check_nan: bool) -> (bool, bool) {
    MODE.replace((on, check_nan))
}

/// Sets the function that tells where the program is, for the traces of nodes.
pub fn set_tracer(tracer: Option<Rc<dyn Fn() -> String>>) {
    let old = TRACER.replace(tracer);
    drop(old);
}

/// Remembers the call that nodes are made for.
pub(super) fn enter(op: &Op, args: &[Value]) {
    if enabled() {
        CALL.set(describe(op, args));
    }
}

/// The trace of a node that is made now.
pub(super) fn trace() -> Option<Trace> {
    if !enabled() {
        return None;
    }
    let tracer = TRACER.with_borrow(Clone::clone);
    let mut text = CALL.with_borrow(Clone::clone);
    if let Some(tracer) = tracer {
        let _ = write!(text, "\n{}", tracer());
    }
    Some(Trace { text, parent: RUNNING.with_borrow(Clone::clone) })
}

/// Runs the backward of a node; what fails is traced to the forward that made it.
pub(super) fn watch(node: &Rc<Node>, run: impl FnOnce() -> Result<Grads>) -> Result<Grads> {
    let outer = RUNNING.replace(Some(node.clone()));
    let done = run().and_then(|grads| check(node, &grads).map(|()| grads));
    RUNNING.set(outer);
    if done.is_err() {
        state::warn(&told(node));
    }
    done
}

fn told(node: &Rc<Node>) -> String {
    let mut at = node.clone();
    let mut text = format!("Error detected in {}. ", node.name());
    loop {
        let parent = match &at.extra.borrow().as_ref().and_then(|e| e.trace.as_ref()) {
            None => {
                text += "No forward pass information available. Enable detect anomaly during forward pass for more information.";
                return text;
            }
            Some(trace) => {
                let _ = write!(text, "Traceback of forward call that caused the error:\n{}", trace.text);
                trace.parent.clone()
            }
        };
        let Some(parent) = parent else { return text };
        let _ = write!(text, "\n\nPrevious calculation was induced by {}. ", parent.name());
        at = parent;
    }
}

fn check(node: &Node, grads: &[Option<Tensor>]) -> Result<()> {
    if !checks_nan() {
        return Ok(());
    }
    let nan = |t: &Tensor| match t.dtype().compute() {
        d if d.is_complex() => t.to_vec::<Complex<f64>>().iter().any(|z| z.re.is_nan() || z.im.is_nan()),
        d if d.is_floating_point() => t.to_vec::<f64>().iter().any(|x| x.is_nan()),
        _ => false,
    };
    match grads.iter().position(|g| g.as_ref().is_some_and(nan)) {
        Some(i) => Err(Error::runtime(format!("Function '{}' returned nan values in its {i}th output.", node.name()))),
        None => Ok(()),
    }
}
