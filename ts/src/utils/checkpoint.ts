/** `torch.utils.checkpoint`: less memory for backward, by computing forward again. */
import { backward } from '../autograd/passes.js';
import { Function, FunctionCtx } from '../autograd/function.js';
import { saved_tensors_hooks } from '../autograd/graph.js';
import { enable_grad } from '../autograd/modes.js';
import { RuntimeError } from '../errors.js';
import { keep } from '../scopes.js';
import { get_rng_state, set_rng_state } from '../random.js';
import { isTensor, type Tensor } from '../tensor.js';

/** How `checkpoint` works. */
export interface CheckpointOptions {
  /** Runs the whole backward of the function inside that of its node; false, the usual way, recomputes what is missing. */
  use_reentrant?: boolean;
  /** Random numbers are the same both times. */
  preserve_rng_state?: boolean;
}

/** Runs `fn` again with the random numbers of the first time, and leaves the generator as it was. */
function again<T>(state: Tensor | null, fn: () => T): T {
  if (!state) return enable_grad(fn);
  const now = get_rng_state();
  set_rng_state(state);
  try {
    return enable_grad(fn);
  } finally {
    set_rng_state(now);
  }
}

/** Tensors cut off from their history, leaves where they need a gradient. */
const cut = (args: readonly unknown[]): unknown[] => args.map((a) => (isTensor(a) ? a.detach().requires_grad_(a.requires_grad) : a));

/** Keeps no saved tensor: the first that is asked for has `fn` run again, and all are there until each was used. */
function recomputing<A extends unknown[], R>(fn: (...args: A) => R, args: A, state: Tensor | null): R {
  let count = 0, left = 0, found: Tensor[] | null = null, used: Tensor | null = null;
  const recompute = (): Tensor[] => {
    const made: Tensor[] = [];
    // Modules free what they make: these are wanted longer.
    const note = (t: Tensor): number => made.push(keep(t.detach())) - 1;
    again(state, () => saved_tensors_hooks(note, (i) => made[i]!, () => fn(...(cut(args) as A))));
    if (made.length !== count) {
      throw new RuntimeError('torch.utils.checkpoint: A different number of tensors was saved during the original forward and recomputation.\n'
        + `Number of tensors saved during forward: ${count}\nNumber of tensors saved during recomputation: ${made.length}.`);
    }
    left = count;
    return made;
  };
  return saved_tensors_hooks(() => count++, (i) => {
    used?.dispose();
    found ??= recompute();
    used = found[i]!;
    left -= 1;
    if (left === 0) found = null;
    return used;
  }, () => fn(...args));
}

class CheckpointFunction extends Function {
  static override forward(ctx: FunctionCtx, fn: (...args: unknown[]) => unknown, state: Tensor | null, ...args: unknown[]): unknown {
    Object.assign(ctx, { fn, state, args: args.map((a) => (isTensor(a) ? null : a)) });
    ctx.save_for_backward(...args.map((a) => (isTensor(a) ? a : null)));
    return fn(...args);
  }
  static override backward(ctx: FunctionCtx, ...grads: (Tensor | null)[]): (Tensor | null)[] {
    const saved = ctx.saved_tensors as (Tensor | null)[];
    const inputs = cut(saved.map((t, i) => t ?? (ctx['args'] as unknown[])[i]));
    const made = again(ctx['state'] as Tensor | null, () => (ctx['fn'] as (...args: unknown[]) => unknown)(...inputs));
    const outputs = (Array.isArray(made) ? made : [made]) as unknown[];
    const rooted = outputs.flatMap((t, i) => (isTensor(t) && t.requires_grad ? [[t, grads[i]!] as const] : []));
    if (rooted.length === 0) throw new RuntimeError('none of output has requires_grad=True, this checkpoint() is not necessary');
    backward(rooted.map(([t]) => t), rooted.map(([, g]) => g));
    return [null, null, ...inputs.map((t) => (isTensor(t) ? t.grad : null))];
  }
}

/**
 * Runs `fn` on `args` without keeping what backward needs, which is computed again when it is.
 *
 * @example
 * const y = checkpoint((x) => layer(x).relu(), [x], { use_reentrant: false });
 */
export function checkpoint<A extends unknown[], R>(fn: (...args: A) => R, args: A, { use_reentrant = false, preserve_rng_state = true }: CheckpointOptions = {}): R {
  const state = preserve_rng_state ? get_rng_state() : null;
  if (use_reentrant) return CheckpointFunction.apply(fn as (...args: unknown[]) => unknown, state, ...args) as R;
  return recomputing(fn, args, state);
}

/** Runs modules or functions one after the other, in so many checkpointed segments; the last is not checkpointed. */
export function checkpoint_sequential(functions: Iterable<(x: Tensor) => Tensor>, segments: number, input: Tensor, options: CheckpointOptions = {}): Tensor {
  const list = [...functions], size = Math.floor(list.length / segments);
  const part = (from: number, to: number) => (x: Tensor): Tensor => list.slice(from, to).reduce((y, f) => f(y), x);
  let x = input;
  for (let i = 0; i < segments - 1; i++) x = checkpoint(part(i * size, (i + 1) * size), [x], options);
  return part(size * (segments - 1), list.length)(x);
}
