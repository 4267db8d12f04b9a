//! Which functions from outside the table tensors and nodes lead to: what a garbage collector that
//! cannot see the graph has to be told.
//!
//! The answer is the skeleton of the graph: a bone stands for a tensor or node that has functions of
//! its own (hooks, a backward, a packer), or at which ways to several bones part. What lies between
//! them is left out, so the skeleton is not larger than the graph and most often far smaller.

use super::node::{Job, Node};
use crate::tensor::Tensor;
use smallvec::SmallVec;
use std::collections::HashMap;
use std::rc::Rc;

/// A part of the skeleton.
#[derive(Debug, Default)]
pub struct Bone {
    /// The keys of the functions that belong here.
    pub keys: SmallVec<[u32; 2]>,
    /// The bones that it leads to.
    pub next: SmallVec<[u32; 2]>,
}

/// What the walk goes over.
#[derive(Clone)]
pub enum Thing {
    /// A tensor: its history, gradient, base and tangents.
    Tensor(Tensor),
    /// A node: what it saved, and where its gradients go.
    Node(Rc<Node>),
}

impl Thing {
    fn address(&self) -> usize {
        match self {
            Thing::Tensor(t) => Rc::as_ptr(&t.0) as usize,
            Thing::Node(n) => Rc::as_ptr(n) as usize,
        }
    }

    /// Whether it is a tensor that autograd remembers nothing of: most are.
    fn leads_nowhere(&self) -> bool {
        let Thing::Tensor(t) = self else { return false };
        let m = t.0.meta.borrow();
        m.hooks.is_none() && m.grad.is_none() && m.grad_fn.is_none() && m.view.is_none() && m.tangents.is_none() && m.batch.is_none()
    }
}

/// What is known of a thing: the bone that stands for it, if it leads to any. While the walk is at it, a
/// way that comes back to it gives it a bone.
#[derive(Clone, Copy)]
enum Known {
    Open(Option<u32>),
    Done(Option<u32>),
}

/// A thing that the walk is at.
struct Step {
    address: usize,
    bone: Bone,
    rest: Vec<Thing>,
}

/// The skeleton of everything walked over so far, none of which may be freed meanwhile: it is known by its address.
#[derive(Default)]
pub struct Skeleton {
    /// Its parts.
    pub bones: Vec<Bone>,
    known: HashMap<usize, Known>,
}

impl Skeleton {
    /// The bone that stands for a thing; none if it leads to no function.
    pub fn add(&mut self, start: Thing) -> Option<u32> {
        match self.known.get(&start.address()) {
            Some(Known::Done(bone)) => return *bone,
            None if start.leads_nowhere() => return None,
            _ => {}
        }
        let mut path = vec![self.enter(&start)];
        let mut last = None;
        while let Some(step) = path.last_mut() {
            let Some(child) = step.rest.pop() else {
                last = path.pop().and_then(|done| self.leave(done));
                if let Some(above) = path.last_mut() {
                    above.bone.next.extend(last);
                }
                continue;
            };
            if child.leads_nowhere() {
                continue;
            }
            match self.known.get_mut(&child.address()) {
                Some(Known::Done(bone)) => step.bone.next.extend(*bone),
                Some(Known::Open(bone)) => {
                    let bone = *bone.get_or_insert_with(|| {
                        self.bones.push(Bone::default());
                        self.bones.len() as u32 - 1
                    });
                    step.bone.next.push(bone);
                }
                None => {
                    let below = self.enter(&child);
                    path.push(below);
                }
            }
        }
        last
    }

    fn enter(&mut self, thing: &Thing) -> Step {
        let address = thing.address();
        self.known.insert(address, Known::Open(None));
        let (mut bone, mut rest) = (Bone::default(), Vec::new());
        match thing {
            Thing::Tensor(t) => tensor_leads(t, &mut bone, &mut rest),
            Thing::Node(n) => node_leads(n, &mut bone, &mut rest),
        }
        Step { address, bone, rest }
    }

    fn leave(&mut self, step: Step) -> Option<u32> {
        let Step { address, mut bone, .. } = step;
        let own = match self.known.get(&address) {
            Some(Known::Open(own)) => *own,
            _ => None,
        };
        bone.next.sort_unstable();
        bone.next.dedup();
        bone.next.retain(|b| Some(*b) != own);
        let at = match own {
            Some(at) => {
                self.bones[at as usize] = bone;
                Some(at)
            }
            None if bone.keys.is_empty() && bone.next.len() < 2 => bone.next.first().copied(),
            None => {
                self.bones.push(bone);
                Some(self.bones.len() as u32 - 1)
            }
        };
        self.known.insert(address, Known::Done(at));
        at
    }

    /// Whether each bone can be reached from one of these.
    pub fn reached_from(&self, starts: impl IntoIterator<Item = u32>) -> Vec<bool> {
        let mut reached = vec![false; self.bones.len()];
        let mut next: Vec<u32> = starts.into_iter().collect();
        while let Some(at) = next.pop() {
            if !std::mem::replace(&mut reached[at as usize], true) {
                next.extend(&self.bones[at as usize].next);
            }
        }
        reached
    }
}

fn tensor_leads(t: &Tensor, bone: &mut Bone, rest: &mut Vec<Thing>) {
    let meta = t.0.meta.borrow();
    if let Some(hooks) = &meta.hooks {
        bone.keys.extend(hooks.keys());
    }
    rest.extend(meta.grad.iter().cloned().map(Thing::Tensor));
    rest.extend(meta.grad_fn.iter().map(|(node, _)| Thing::Node(node.clone())));
    rest.extend(meta.view.iter().map(|view| Thing::Tensor(view.base.clone())));
    rest.extend(meta.tangents.iter().flat_map(|list| list.iter().map(|(_, t)| Thing::Tensor(t.clone()))));
    rest.extend(meta.batch.iter().map(|batch| Thing::Tensor(batch.physical.clone())));
}

fn node_leads(node: &Rc<Node>, bone: &mut Bone, rest: &mut Vec<Thing>) {
    rest.extend(node.edges.iter().flatten().map(|e| Thing::Node(e.node.clone())));
    bone.keys.extend(node.hook_keys());
    match &node.job {
        Job::Op(_, saved) => saved.borrow().iter().for_each(|s| s.leads(bone, rest)),
        Job::Custom(job) => {
            bone.keys.extend(job.function.key());
            job.saved.borrow().iter().for_each(|s| s.leads(bone, rest));
        }
        Job::Accumulate(leaf) => rest.push(Thing::Tensor(leaf.clone())),
        Job::CopySlices(job) => rest.push(Thing::Node(job.inner.clone())),
        Job::Fail(..) => {}
    }
}
