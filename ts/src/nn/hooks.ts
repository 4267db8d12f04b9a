/** Hooks of modules: around forward, and around what backward brings. */
import { Function, type FunctionCtx } from '../autograd/function.js';
import { listOf, type Grads, type RemovableHandle } from '../autograd/node.js';
import { isTensor, type Tensor } from '../tensor.js';
import type { Module } from './module.js';

export type ForwardPreHook = (module: Module, args: readonly unknown[]) => unknown;
export type ForwardHook = (module: Module, args: readonly unknown[], output: unknown) => unknown;
export type BackwardPreHook = (module: Module, grad_output: (Tensor | null)[]) => Grads | undefined | void;
export type BackwardHook = (module: Module, grad_input: (Tensor | null)[], grad_output: (Tensor | null)[]) => Grads | undefined | void;

interface Kinds { before: ForwardPreHook; after: ForwardHook; backwardBefore: BackwardPreHook; backwardAfter: BackwardHook }

/** Hands tensors through: its node is where hooks see all their gradients at once. */
class BackwardHookFunction extends Function {
  static override forward(_ctx: FunctionCtx, ...tensors: Tensor[]): Tensor[] { return tensors; }
  static override backward(_ctx: FunctionCtx, ...grads: (Tensor | null)[]): (Tensor | null)[] { return grads; }
}

/** The tensors of a value handed through one node; `hook` sees their gradients and may replace them. */
function watched(values: unknown[], hook: (grads: (Tensor | null)[]) => readonly (Tensor | null)[] | null): unknown[] {
  const places = values.flatMap((v, i) => (isTensor(v) && v.requires_grad ? [i] : []));
  if (places.length === 0) return values;
  const through = BackwardHookFunction.apply(...places.map((i) => values[i] as Tensor));
  through[0]!.grad_fn!.register_prehook((grads) => {
    const all: (Tensor | null)[] = values.map(() => null);
    places.forEach((i, k) => { all[i] = grads[k]!; });
    const other = hook(all);
    return other && places.map((i) => other[i] ?? null);
  });
  return values.map((v, i) => (places.includes(i) ? through[places.indexOf(i)] : v));
}

/** The hooks of one module, in the order they were added. */
export class ModuleHooks {
  private readonly kinds: { [K in keyof Kinds]: Map<number, Kinds[K]> } = { before: new Map(), after: new Map(), backwardBefore: new Map(), backwardAfter: new Map() };
  private last = 0;

  add<K extends keyof Kinds>(kind: K, hook: Kinds[K]): RemovableHandle {
    const key = this.last++, hooks = this.kinds[kind] as Map<number, Kinds[K]>;
    hooks.set(key, hook);
    return { remove: () => { hooks.delete(key); } };
  }

  /** The same hooks, for a copy of the module. */
  copy(): ModuleHooks {
    const out = new ModuleHooks();
    out.last = this.last;
    for (const kind of Object.keys(this.kinds) as (keyof Kinds)[]) {
      for (const [key, hook] of this.kinds[kind]) (out.kinds[kind] as Map<number, unknown>).set(key, hook);
    }
    return out;
  }

  /** Runs `forward` between the hooks. */
  around(module: Module, args: unknown[], forward: (args: unknown[]) => unknown): unknown {
    const { before, after, backwardBefore, backwardAfter } = this.kinds;
    for (const hook of before.values()) {
      const changed = hook(module, args);
      if (changed !== undefined && changed !== null) args = Array.isArray(changed) ? changed : [changed];
    }
    const isWatched = backwardBefore.size + backwardAfter.size > 0;
    let grad_output: (Tensor | null)[] = [];
    const needsInputs = backwardAfter.size > 0 && args.some((a) => isTensor(a) && a.requires_grad);
    if (needsInputs) args = watched(args, (grads) => this.backwardDone(module, grads, grad_output));
    let out = forward(args);
    for (const hook of after.values()) out = hook(module, args, out) ?? out;
    if (!isWatched) return out;
    const outs = watched(Array.isArray(out) ? (out as unknown[]) : [out], (grads) => {
      grad_output = grads;
      for (const hook of backwardBefore.values()) grad_output = [...(listOf(hook(module, grad_output)) ?? grad_output)];
      // Without an input that needs a gradient, there is nothing more to wait for.
      if (!needsInputs) this.backwardDone(module, args.map(() => null), grad_output);
      return grad_output;
    });
    return Array.isArray(out) ? outs : outs[0];
  }

  private backwardDone(module: Module, grad_input: (Tensor | null)[], grad_output: (Tensor | null)[]): (Tensor | null)[] {
    let grads = grad_input;
    for (const hook of this.kinds.backwardAfter.values()) grads = [...(listOf(hook(module, grads, grad_output)) ?? grads)];
    return grads;
  }
}
