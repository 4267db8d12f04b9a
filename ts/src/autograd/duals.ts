/** Dual tensors at any level of the core: what `forward_ad` and `torch.func.jvp` are made of. */
import { door } from '#wasm';
import { check, result } from '../buffer.js';
import { Tensor } from '../tensor.js';
import { inside } from './transformed.js';

/** A dual tensor at a level of the core. */
export function dualAt(tensor: Tensor, tangent: Tensor, level: number): Tensor {
  return new Tensor(check(door.make_dual(tensor.handle, tangent.handle, level)));
}

/** Its parts. */
export function partsAt(tensor: Tensor, level: number): [Tensor, Tensor | null] {
  return result(door.unpack_dual(tensor.handle, level)) as [Tensor, Tensor | null];
}

/** Runs `fn` at a level of its own, inside of all others. */
export function atLevel<T>(fn: (level: number) => T): T {
  const level = door.enter_dual_level();
  try {
    return inside(() => fn(level));
  } finally {
    door.exit_dual_level(level);
  }
}
