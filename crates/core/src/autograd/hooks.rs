//! Hooks: on tensors, on leaves after accumulation, before and after nodes; and kept gradients.

use super::node::Node;
use crate::batch;
use crate::error::{Error, Result};
use crate::tensor::Tensor;
use std::cell::RefCell;
use std::rc::Rc;

/// A function of a gradient, which it may replace.
pub type Hook = Rc<dyn Fn(&Tensor) -> Result<Option<Tensor>>>;

/// The hooks of one tensor, in the order they were added, with their keys.
pub type Hooks = Rc<RefCell<Vec<(u32, Hook)>>>;

/// A function of a leaf whose `grad` has just been written.
pub type AccumulatedHook = Rc<dyn Fn(&Tensor) -> Result<()>>;

/// A list of gradients, any of which may be missing.
pub type GradList = Vec<Option<Tensor>>;

/// A function of the gradients of a node's outputs, before it runs; it may replace them.
pub type PreHook = Rc<dyn Fn(&[Option<Tensor>]) -> Result<Option<GradList>>>;

/// A function of the gradients of a node's inputs and outputs, after it ran; it may replace the
/// former.
pub type PostHook = Rc<dyn Fn(&[Option<Tensor>], &[Option<Tensor>]) -> Result<Option<GradList>>>;

/// What a tensor with hooks has.
#[derive(Default)]
pub struct TensorHooks {
    /// Those called with its gradient.
    pub now: Hooks,
    /// Those added before writes in place: they see gradients of the values of then.
    earlier: Vec<Hooks>,
    /// Those called when its `grad` has been written.
    pub accumulated: Vec<(u32, AccumulatedHook)>,
}

impl TensorHooks {
    /// The keys of all of them.
    pub(super) fn keys(&self) -> Vec<u32> {
        let lists = self.earlier.iter().chain([&self.now]);
        let keys = lists.flat_map(|list| list.borrow().iter().map(|h| h.0).collect::<Vec<_>>());
        keys.chain(self.accumulated.iter().map(|h| h.0)).collect()
    }

    /// A write in place has given the tensor another history: what was added belongs to the old one.
    pub(super) fn retire(&mut self) {
        if !self.now.borrow().is_empty() {
            self.earlier.push(std::mem::take(&mut self.now));
        }
    }
}

impl Tensor {
    /// Calls `hook` with each gradient that reaches this tensor.
    pub fn register_hook(&self, key: u32, hook: Hook) -> Result<()> {
        if !self.requires_grad() {
            return Err(Error::runtime("cannot register a hook on a tensor that doesn't require gradient"));
        }
        if let Some(batch) = self.batch() {
            let levels = batch.levels.clone();
            return batch.physical.register_hook(key, Rc::new(move |grad| {
                let changed = hook(&batch::among(grad, &levels)?)?;
                changed.map(|g| batch::beside(&g, &levels)).transpose()
            }));
        }
        let grad_fn = self.grad_fn()?;
        let mut meta = self.0.meta.borrow_mut();
        let hooks = meta.hooks.get_or_insert_with(Box::default).now.clone();
        hooks.borrow_mut().push((key, hook));
        if let Some((node, index)) = grad_fn {
            let mut extra = node.extra();
            if !extra.hooks.iter().any(|(_, h)| Rc::ptr_eq(h, &hooks)) {
                extra.hooks.push((index, hooks));
            }
        }
        Ok(())
    }

    /// Calls `hook` with this leaf whenever a gradient has been added to its `grad`.
    pub fn register_post_accumulate_grad_hook(&self, key: u32, hook: AccumulatedHook) -> Result<()> {
        if !self.requires_grad() {
            return Err(Error::runtime("cannot register a hook on a tensor that doesn't require gradient"));
        }
        if self.grad_fn()?.is_some() {
            return Err(Error::runtime("post accumulate grad hooks cannot be registered on non-leaf tensors"));
        }
        self.0.meta.borrow_mut().hooks.get_or_insert_with(Box::default).accumulated.push((key, hook));
        Ok(())
    }

    /// Removes a hook of either kind.
    pub fn remove_hook(&self, key: u32) {
        if let Some(batch) = self.batch() {
            return batch.physical.remove_hook(key);
        }
        let mut meta = self.0.meta.borrow_mut();
        let Some(hooks) = meta.hooks.as_deref_mut() else { return };
        let mut gone: Vec<Hook> = Vec::new();
        for list in hooks.earlier.iter().chain([&hooks.now]) {
            list.borrow_mut().retain(|(k, h)| {
                if *k == key {
                    gone.push(h.clone());
                }
                *k != key
            });
        }
        let at = hooks.accumulated.iter().position(|(k, _)| *k == key);
        let last = at.map(|i| hooks.accumulated.remove(i));
        // What a hook holds may be this very tensor: it goes when nothing is borrowed any more.
        drop(meta);
        drop((gone, last));
    }

    /// Keeps the gradient of a non-leaf.
    pub fn retain_grad(&self) -> Result<()> {
        if !self.requires_grad() {
            return Err(Error::runtime("can't retain_grad on Tensor that has requires_grad=False"));
        }
        let Some((node, index)) = self.grad_fn()? else { return Ok(()) };
        let mut meta = self.0.meta.borrow_mut();
        if !meta.retains_grad {
            node.extra().retains.push((index, Rc::downgrade(&self.0)));
            meta.retains_grad = true;
        }
        Ok(())
    }

    /// Whether it is a non-leaf that keeps its gradient.
    pub fn retains_grad(&self) -> bool {
        self.0.meta.borrow().retains_grad
    }

    /// Moves what belongs to the tensor rather than to its value from its old node to a new one.
    pub(super) fn move_hooks(&self, old: Option<&Rc<Node>>, new: &Rc<Node>, index: usize) {
        let mut meta = self.0.meta.borrow_mut();
        if let Some(hooks) = &mut meta.hooks {
            hooks.retire();
        }
        if meta.retains_grad {
            let me = Rc::downgrade(&self.0);
            if let Some(old) = old {
                old.extra().retains.retain(|(_, t)| !t.ptr_eq(&me));
            }
            new.extra().retains.push((index, me));
        }
    }
}

impl Node {
    /// Calls `hook` with the gradients of the outputs, before the node runs.
    pub fn register_prehook(&self, key: u32, hook: PreHook) {
        self.extra().pre.push((key, hook));
    }

    /// Calls `hook` with the gradients of inputs and outputs, after the node ran.
    pub fn register_hook(&self, key: u32, hook: PostHook) {
        self.extra().post.push((key, hook));
    }

    /// Removes a hook of either kind.
    pub fn remove_hook(&self, key: u32) {
        let mut extra = self.extra();
        let pre = extra.pre.iter().position(|(k, _)| *k == key).map(|i| extra.pre.remove(i));
        let post = extra.post.iter().position(|(k, _)| *k == key).map(|i| extra.post.remove(i));
        drop(extra);
        drop((pre, post));
    }

    /// Runs the hooks of the tensors that are its outputs, then keeps gradients.
    pub(super) fn run_tensor_hooks(&self, grads: &mut [Option<Tensor>]) -> Result<()> {
        let lists: Vec<(usize, Hooks)> = match self.variable() {
            Some(leaf) => leaf.0.meta.borrow().hooks.iter().map(|h| (0, h.now.clone())).collect(),
            None => self.extra.borrow().iter().flat_map(|e| e.hooks.iter().cloned()).collect(),
        };
        for (index, hooks) in lists {
            let hooks: Vec<Hook> = hooks.borrow().iter().map(|(_, h)| h.clone()).collect();
            for hook in hooks {
                if let Some(grad) = grads[index].clone() {
                    if let Some(new) = hook(&grad)? {
                        check_replacement(&grad, &new)?;
                        grads[index] = Some(new);
                    }
                }
            }
        }
        let retains: Vec<_> = self.extra.borrow().iter().flat_map(|e| e.retains.iter().cloned()).collect();
        for (index, t) in retains {
            let (Some(t), Some(grad)) = (t.upgrade().map(Tensor::of), &grads[index]) else { continue };
            let grad = t.batch().map_or_else(|| Ok(grad.clone()), |b| batch::among(grad, &b.levels))?;
            let sum = match t.grad() {
                Some(have) => crate::ops::add(&have, &grad)?,
                None => crate::ops::clone(&grad)?,
            };
            t.set_grad(Some(sum));
        }
        Ok(())
    }

    /// Runs the hooks that come before the node itself.
    pub(super) fn run_prehooks(&self, grads: &mut [Option<Tensor>]) -> Result<()> {
        let hooks: Vec<PreHook> = self.extra.borrow().iter().flat_map(|e| e.pre.iter().map(|h| h.1.clone())).collect();
        for hook in hooks {
            if let Some(new) = hook(grads)? {
                replace(grads, new)?;
            }
        }
        Ok(())
    }

    /// Runs the hooks that come after the node.
    pub(super) fn run_posthooks(&self, inputs: &mut [Option<Tensor>], outputs: &[Option<Tensor>]) -> Result<()> {
        let hooks: Vec<PostHook> = self.extra.borrow().iter().flat_map(|e| e.post.iter().map(|h| h.1.clone())).collect();
        for hook in hooks {
            if let Some(new) = hook(inputs, outputs)? {
                replace(inputs, new)?;
            }
        }
        Ok(())
    }

    /// Lets the hooks go: no pass can come through any more, and what they hold may be the graph itself.
    pub(super) fn forget_hooks(&self) {
        let mut gone: Vec<Vec<(u32, Hook)>> = Vec::new();
        let nodes = {
            let mut extra = self.extra();
            gone.extend(extra.hooks.iter().map(|(_, hooks)| std::mem::take(&mut *hooks.borrow_mut())));
            (std::mem::take(&mut extra.pre), std::mem::take(&mut extra.post))
        };
        drop((gone, nodes));
    }

    /// The keys of all hooks that run when it does.
    pub(super) fn hook_keys(&self) -> Vec<u32> {
        let extra = self.extra.borrow();
        let Some(extra) = extra.as_ref() else { return Vec::new() };
        let tensors = extra.hooks.iter().flat_map(|(_, hooks)| hooks.borrow().iter().map(|h| h.0).collect::<Vec<_>>());
        tensors.chain(extra.pre.iter().map(|h| h.0)).chain(extra.post.iter().map(|h| h.0)).collect()
    }

    pub(super) fn has_extra(&self) -> bool {
        self.extra.borrow().is_some()
    }

    pub(super) fn has_posthooks(&self) -> bool {
        self.extra.borrow().as_ref().is_some_and(|e| !e.post.is_empty())
    }
}

/// Replaces gradients by those a hook returned.
fn replace(grads: &mut [Option<Tensor>], new: GradList) -> Result<()> {
    if new.len() != grads.len() {
        return Err(Error::runtime(format!(
            "hook '<lambda>' has returned an incorrect number of values (got {}, but expected {})",
            new.len(),
            grads.len()
        )));
    }
    for (have, new) in grads.iter_mut().zip(new) {
        if let (Some(have), Some(new)) = (&have, &new) {
            check_replacement(have, new)?;
        }
        *have = new;
    }
    Ok(())
}

/// Whether a hook may put `new` in the place of `old`. Who knows the hook's name puts it in.
fn check_replacement(old: &Tensor, new: &Tensor) -> Result<()> {
    if old.dtype() != new.dtype() {
        let name = |t: &Tensor| format!("torch.{}Tensor", t.dtype().class_prefix());
        return Err(Error::runtime(format!(
            "hook '<lambda>' has changed the type of value (was {} got {})", name(old), name(new)
        )));
    }
    if old.sizes() != new.sizes() {
        return Err(Error::runtime("hook '<lambda>' has changed the size of value"));
    }
    Ok(())
}
