/** Hooks on tensors: on their gradients, on several at once, and on leaves after accumulation. */
import { door } from '#wasm';
import { check } from '../buffer.js';
import { RuntimeError } from '../errors.js';
import { held } from '../memory.js';
import type { Tensor } from '../tensor.js';
import { lend, type Callback } from './callbacks.js';
import type { RemovableHandle } from './node.js';
import { isOpaque } from './transformed.js';

function add(t: Tensor, callback: Callback, after: boolean): RemovableHandle {
  if (isOpaque(t)) throw new RuntimeError("cannot register a hook on a tensor that doesn't require gradient");
  const key = lend(callback);
  check(door.add_hook(t.handle, key, after));
  // A tensor that was disposed of has no hooks any more.
  return { remove: () => { if (held(t) !== 0) door.remove_hook(held(t), key); } };
}

/** Calls `hook` with each gradient of `t`; what it returns takes the gradient's place. */
export function addHook(t: Tensor, hook: (grad: Tensor) => Tensor | null | undefined | void): RemovableHandle {
  return add(t, ([grad]) => {
    const other = hook(grad!);
    return other ? [other] : null;
  }, false);
}

/** Calls `hook` with the leaf `t` whenever a gradient has been added to its `grad`. */
export function addAccumulateHook(t: Tensor, hook: (leaf: Tensor) => void): RemovableHandle {
  return add(t, () => { hook(t); }, true);
}

/** Keeps the gradient of a tensor that is no leaf. */
export function retainGrad(t: Tensor): void {
  if (isOpaque(t)) throw new RuntimeError("can't retain_grad on Tensor that has requires_grad=False");
  check(door.retain_grad(t.handle));
}

/**
 * Calls `hook` once the gradients of all tensors are there, with the list of them; with `mode` `'any'`
 * once the first is there, with that one.
 */
export function register_multi_grad_hook(tensors: readonly Tensor[], hook: ((grads: (Tensor | null)[]) => void) | ((grad: Tensor) => void),
  { mode = 'all' }: { mode?: 'all' | 'any' } = {}): RemovableHandle {
  let pass = -1, seen: (Tensor | null)[] = [], left = 0;
  const handles = tensors.map((t, i) => addHook(t, (grad) => {
    const now = door.current_pass();
    if (now !== pass) [pass, seen, left] = [now, tensors.map(() => null), tensors.length];
    seen[i] = grad;
    left -= 1;
    if (mode === 'any' && left === tensors.length - 1) (hook as (grad: Tensor) => void)(grad);
    if (mode === 'all' && left === 0) (hook as (grads: (Tensor | null)[]) => void)(seen);
  }));
  return { remove: () => { for (const handle of handles) handle.remove(); } };
}
