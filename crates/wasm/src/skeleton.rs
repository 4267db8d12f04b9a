//! What the facade is told of the graph, so that the garbage collector sees through it: who leads to which functions of the facade.
//! `ts/src/autograd/cycles.ts` is the other side.

use crate::args::{self, Reader};
use crate::{guard, handles, nodes};
use cresset_core::autograd::{Skeleton, Thing};
use cresset_core::error::{Error, Result};
use cresset_core::value::Value;
use std::collections::HashSet;
use wasm_bindgen::prelude::*;

fn ids(reader: &mut Reader) -> Result<Vec<i32>> {
    let Value::Ints(list) = reader.value()? else { return Err(Error::type_error("a list of numbers was expected")) };
    Ok(list.iter().map(|id| *id as i32).collect())
}

/// Of handles and of nodes that lie unused, two lists in the buffer, what they lead to; answers how many
/// units it wrote. Those are: for each, the number of its bone or -1; then of each bone, whether
/// something else that JavaScript holds leads to it, how many keys it has and to how many bones it
/// leads, the keys, and the numbers of those bones.
#[wasm_bindgen]
pub fn skeleton() -> i32 {
    guard(|| {
        let mut reader = Reader::new();
        let (idle, idle_nodes) = (ids(&mut reader)?, ids(&mut reader)?);
        let mut skeleton = Skeleton::default();
        let tensors = idle.iter().map(|h| handles::get(*h).ok().map(Thing::Tensor));
        let nodes = idle_nodes.iter().map(|id| nodes::held(*id).ok().map(Thing::Node));
        let starts = tensors.chain(nodes);
        let mut out: Vec<u64> = starts.map(|t| t.and_then(|t| skeleton.add(t)).map_or(u64::MAX, u64::from)).collect();
        let mut used = Vec::new();
        // Where nothing that lies unused leads to a function, nobody needs to know what else does.
        if !skeleton.bones.is_empty() {
            let unused: HashSet<i32> = idle.iter().copied().collect();
            let unused_nodes: HashSet<i32> = idle_nodes.iter().copied().collect();
            let tensors = handles::all().into_iter().filter(|(handle, _)| !unused.contains(handle)).map(|(_, t)| Thing::Tensor(t));
            let nodes = nodes::all().into_iter().filter(|(id, _)| !unused_nodes.contains(id)).map(|(_, n)| Thing::Node(n));
            used.extend(tensors.chain(nodes).filter_map(|t| skeleton.add(t)));
        }
        let held = skeleton.reached_from(used);
        for (bone, held) in skeleton.bones.iter().zip(held) {
            out.extend([u64::from(held), bone.keys.len() as u64, bone.next.len() as u64]);
            out.extend(bone.keys.iter().chain(&bone.next).map(|n| u64::from(*n)));
        }
        args::write_units(&out);
        Ok(out.len() as i32)
    })
}
