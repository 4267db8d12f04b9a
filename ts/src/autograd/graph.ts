/** `torch.autograd.graph`: hooks on what is saved for backward. */
import { door } from '#wasm';
import { check } from '../buffer.js';
import { RuntimeError } from '../errors.js';
import { keepAll } from '../scopes.js';
import { isTensor, type Tensor } from '../tensor.js';
import { lend } from './callbacks.js';
import { list } from './passes.js';

export { register_multi_grad_hook } from './hooks.js';
export { get_gradient_edge, GradientEdge, Node } from './node.js';

let disabled: string | null = null;

/** Runs `fn`; tensors that it saves for backward go through `pack`, and through `unpack` when they are needed. */
export function saved_tensors_hooks<P, R>(pack: (t: Tensor) => P, unpack: (packed: P) => Tensor, fn: () => R): R {
  if (disabled !== null) throw new RuntimeError(disabled);
  door.push_saved_hooks(lend(([saved]) => {
    const packed = keepAll(pack(saved!), isTensor);
    return lend(() => [unpack(packed)]);
  }));
  try {
    return fn();
  } finally {
    door.pop_saved_hooks();
  }
}

/** Runs `fn`; what it saves for backward is copied, so that writing to the tensors afterwards is allowed. Where
 * PyTorch moves from another device, there is only memory to move to. */
export function save_on_cpu<R>(fn: () => R): R { return saved_tensors_hooks((t) => t.clone(), (t) => t, fn); }

/** Runs `fn`, in which what was saved for backward may be written to: it is copied at the first write. Backward has to
 * be called within `fn` too. */
export function allow_mutation_on_saved_tensors<R>(fn: () => R): R {
  if (disabled !== null) throw new RuntimeError(disabled);
  check(door.allow_mutation(true));
  try {
    return fn();
  } finally {
    door.allow_mutation(false);
  }
}

/** Runs `fn`, in which `saved_tensors_hooks` is an error with this message. */
export function disable_saved_tensors_hooks<R>(message: string, fn: () => R): R {
  const before = disabled;
  disabled = message;
  try {
    return fn();
  } finally {
    disabled = before;
  }
}

/** Counts a write to tensors that the library did not see. */
export function increment_version(tensors: Tensor | readonly Tensor[]): void {
  for (const t of list(tensors)) check(door.bump_version(t.handle));
}
