//! Nodes of the graph as JavaScript holds them: by their addresses, counted.

use crate::callbacks::Callback;
use crate::{args, guard, handles};
use cresset_core::autograd::{Edge, Node};
use cresset_core::error::{Error, Result};
use cresset_core::value::Value;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use wasm_bindgen::prelude::*;

/// Answered for a tensor that no node made.
const NO_NODE: i32 = 0;

thread_local! {
    /// The nodes that JavaScript holds, and how many of its objects hold each.
    static HELD: RefCell<HashMap<i32, (Rc<Node>, usize)>> = RefCell::default();
    /// Functions from outside the table that are going backward, the innermost last.
    static RUNNING: RefCell<Vec<Rc<Node>>> = const { RefCell::new(Vec::new()) };
}

/// Lends a node to JavaScript.
fn lend(node: &Rc<Node>) -> i32 {
    let id = Rc::as_ptr(node) as usize as i32;
    HELD.with_borrow_mut(|held| held.entry(id).or_insert_with(|| (node.clone(), 0)).1 += 1);
    id
}

pub fn held(id: i32) -> Result<Rc<Node>> {
    let found = HELD.with_borrow(|held| held.get(&id).map(|h| h.0.clone()));
    found.ok_or_else(|| Error::runtime("this node has been let go"))
}

/// The nodes that JavaScript holds, with their addresses.
pub fn all() -> Vec<(i32, Rc<Node>)> {
    HELD.with_borrow(|held| held.iter().map(|(id, h)| (*id, h.0.clone())).collect())
}

/// Runs the backward of a function from outside the table, whose saved tensors `saved_tensors` tells.
pub fn running<T>(node: &Rc<Node>, run: impl FnOnce() -> T) -> T {
    RUNNING.with_borrow_mut(|r| r.push(node.clone()));
    let out = run();
    RUNNING.with_borrow_mut(|r| r.pop());
    out
}

/// The node that made a tensor, lent; 0 for a leaf.
#[wasm_bindgen]
pub fn node_of(handle: i32) -> i32 {
    guard(|| Ok(handles::get(handle)?.grad_fn()?.map_or(NO_NODE, |(node, _)| lend(&node))))
}

/// The node that gradients of a tensor flow to, lent: for a leaf the one that accumulates.
#[wasm_bindgen]
pub fn edge_of(handle: i32) -> i32 {
    guard(|| Ok(handles::get(handle)?.edge()?.map_or(NO_NODE, |edge| lend(&edge.node))))
}

/// A tensor that stands for one output of a node where a pass starts or ends.
#[wasm_bindgen]
pub fn edge_tensor(id: i32, index: usize) -> i32 {
    guard(|| handles::put(Edge { node: held(id)?, index }.stand_in()?))
}

/// One object less holds the node.
#[wasm_bindgen]
pub fn node_release(id: i32) {
    let last = HELD.with_borrow_mut(|held| {
        let count = &mut held.get_mut(&id)?.1;
        *count -= 1;
        if *count == 0 { held.remove(&id) } else { None }
    });
    drop(last);
}

/// Its class name.
#[wasm_bindgen]
pub fn node_name(id: i32) -> String {
    held(id).map(|n| n.name()).unwrap_or_default()
}

/// Writes the nodes it leads to, lent, each with the number of the output; answers how many.
#[wasm_bindgen]
pub fn node_next(id: i32) -> i32 {
    guard(|| {
        let node = held(id)?;
        let next = node.edges.iter().flat_map(|e| match e {
            Some(e) => [lend(&e.node) as u64, e.index as u64],
            None => [NO_NODE as u64, 0],
        });
        args::write_units(&next.collect::<Vec<_>>());
        Ok(node.edges.len() as i32)
    })
}

/// The handle that JavaScript has of the leaf of a node that accumulates.
#[wasm_bindgen]
pub fn node_variable(id: i32) -> i32 {
    guard(|| Ok(held(id)?.variable().and_then(handles::find).unwrap_or(handles::NOTHING)))
}

/// Another handle of that leaf.
#[wasm_bindgen]
pub fn node_leaf(id: i32) -> i32 {
    guard(|| held(id)?.variable().map_or(Ok(handles::NOTHING), |leaf| handles::put(leaf.clone())))
}

/// What it saved under a name of its signature, or `result`.
#[wasm_bindgen]
pub fn node_saved(id: i32, name: &str) -> i32 {
    guard(|| args::reply(held(id)?.saved(name)?))
}

/// What `save_for_backward` kept: of a node, or of the function that is going backward.
#[wasm_bindgen]
pub fn saved_tensors(id: i32) -> i32 {
    guard(|| {
        let node = match id {
            NO_NODE => RUNNING.with_borrow(|r| r.last().cloned()).ok_or_else(|| Error::runtime("no function is going backward"))?,
            id => held(id)?,
        };
        args::reply(Value::Tensors(node.saved_tensors()?))
    })
}

/// Adds a hook that is called before the node runs (`pre`) or after.
#[wasm_bindgen]
pub fn node_hook(id: i32, key: u32, pre: bool) -> i32 {
    let callback = Callback(key);
    guard(|| {
        let node = held(id)?;
        if pre {
            node.register_prehook(key, Rc::new(move |grads| callback.list(&[grads])));
        } else {
            node.register_hook(key, Rc::new(move |inputs, outputs| callback.list(&[inputs, outputs])));
        }
        Ok(0)
    })
}

/// Removes a hook.
#[wasm_bindgen]
pub fn node_unhook(id: i32, key: u32) {
    if let Ok(node) = held(id) {
        node.remove_hook(key);
    }
}
