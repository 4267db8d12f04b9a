/** Gradients: backward passes, hooks, recording modes, and the namespace `torch.autograd`. */
import { door } from '#wasm';
import { begin, check, result, writeTensors } from './call.js';
import { keep, scoped } from './memory.js';
import { isTensor, Tensor } from './tensor.js';

/** Options of `backward`. */
export interface BackwardOptions { gradient?: Tensor | null; retain_graph?: boolean; create_graph?: boolean; inputs?: Tensor[] | null }
/** What takes a hook away again. */
export interface RemovableHandle { remove(): void }
/** A node of the graph. */
export interface GradFn { name(): string; next_functions: string[]; toString(): string }

/** The node that made a tensor. */
export function gradFn(t: Tensor): GradFn | null {
  const text = door.grad_fn(t.handle);
  if (!text) return null;
  const [name, ...next] = text.split('\n');
  return { name: () => name!, next_functions: next.filter(Boolean), toString: () => `<${name}>` };
}

const hooks = new Map<number, (g: Tensor) => Tensor | null | void>();
let lastHook = 0;
/** What a hook threw: thrown on once the core has come back. */
let thrown: { error: unknown } | null = null;

door.set_callback((key: number, handle: number): number | null => {
  const given = keep(new Tensor(handle));
  try {
    const out = hooks.get(key)?.(given);
    return out instanceof Tensor ? out.handle : null;
  } catch (error) {
    thrown = { error };
    throw error;
  }
});

/** Adds a hook to a tensor. */
export function addHook(t: Tensor, hook: (grad: Tensor) => Tensor | null | void): RemovableHandle {
  const key = ++lastHook;
  check(door.add_hook(t.handle, key));
  hooks.set(key, hook);
  return { remove: () => { if (hooks.delete(key) && t._cell.handle !== 0) door.remove_hook(t._cell.handle, key); } };
}

/** One backward pass; flags: 1 retain, 2 create, 4 accumulate. */
export function runBackward(roots: readonly Tensor[], grads: readonly (Tensor | null)[], inputs: readonly Tensor[] | null, flags: number): (Tensor | null)[] {
  begin();
  writeTensors(roots);
  writeTensors(grads);
  writeTensors(inputs);
  return finished(door.backward(flags));
}

/** The gradients that a pass left, or what a hook threw in it. */
function finished(status: number): (Tensor | null)[] {
  if (thrown) {
    const { error } = thrown;
    thrown = null;
    door.error();
    throw error;
  }
  return result(status) as (Tensor | null)[];
}

function withGrad<T>(on: boolean, fn: () => T): T {
  const old = door.grad_mode(on);
  try {
    return fn();
  } finally {
    door.grad_mode(old);
  }
}
/** Runs `fn` without recording. */
export function no_grad<T>(fn: () => T): T { return withGrad(false, fn); }
/** Runs `fn` without recording; what it makes can never become part of a graph. */
export function inference_mode<T>(fn: () => T): T {
  const before = door.inference_mode(true);
  try {
    return fn();
  } finally {
    door.restore_mode(before);
  }
}
/** Runs `fn` with recording. */
export function enable_grad<T>(fn: () => T): T { return withGrad(true, fn); }
/** Sets recording, for `fn` or from now on. */
export function set_grad_enabled<T>(on: boolean, fn: () => T): T;
export function set_grad_enabled(on: boolean): void;
export function set_grad_enabled<T>(on: boolean, fn?: () => T): T | void {
  if (fn) return withGrad(on, fn);
  door.grad_mode(on);
}
export function is_grad_enabled(): boolean { return door.grad_mode(); }

/** Runs `fn` without recording and frees what it made on the way. */
export function quietly<T>(fn: () => T): T { return withGrad(false, () => scoped(fn, isTensor)); }

const list = <T>(x: T | readonly T[]): readonly T[] => (Array.isArray(x) ? (x as readonly T[]) : [x as T]);

/** Options of `torch.autograd.grad`. */
export interface GradOptions {
  grad_outputs?: Tensor | readonly (Tensor | null)[] | null; retain_graph?: boolean | null; create_graph?: boolean;
  allow_unused?: boolean | null; materialize_grads?: boolean; is_grads_batched?: boolean;
}

/** Gradients of `outputs` in `inputs`, returned rather than added up. */
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], options: GradOptions = {}): Tensor[] {
  const roots = list(outputs);
  const { grad_outputs, allow_unused = null } = options;
  const given = grad_outputs ? list<Tensor | null>(grad_outputs) : roots.map(() => null);
  begin();
  writeTensors(roots);
  writeTensors(list(inputs));
  writeTensors(given);
  const status = door.gradients((options.retain_graph ?? options.create_graph ? 1 : 0) | (options.create_graph ? 2 : 0)
    | (allow_unused === null ? 0 : allow_unused ? 4 : 8) | (options.materialize_grads ? 16 : 0) | (options.is_grads_batched ? 32 : 0));
  return finished(status) as Tensor[];
}

/** The sum of the gradients of several tensors, added to the leaves. */
export function backward(tensors: Tensor | readonly Tensor[], grad_tensors: Tensor | readonly (Tensor | null)[] | null = null,
  options: Omit<BackwardOptions, 'gradient'> = {}): void {
  const roots = list(tensors);
  runBackward(roots, grad_tensors ? list<Tensor | null>(grad_tensors) : roots.map(() => null), options.inputs ?? null,
    (options.retain_graph ?? options.create_graph ? 1 : 0) | (options.create_graph ? 2 : 0) | 4);
}
