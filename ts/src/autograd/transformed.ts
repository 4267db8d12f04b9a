/** `Function`s under transforms: their own `jvp` in forward mode, their own `vmap` or one made from forward and backward. */
import { door } from '#wasm';
import { check } from '../buffer.js';
import { NotImplementedError, RuntimeError } from '../errors.js';
import { zeros_like } from '../generated.js';
import { isTensor, Tensor } from '../tensor.js';
import { dualAt, partsAt } from './duals.js';
import type { Function, FunctionCtx } from './function.js';

type Class = typeof Function;
const DOCS = 'For more details, please see https://pytorch.org/docs/main/notes/extending.func.html';

/** Functions of whole batches, made here. */
const WHOLE = new WeakSet<object>();
/** The levels of `torch.func` that are open: for each, whether it is one of vmap. */
const open: boolean[] = [];
/** Counts a level of `torch.func` while `fn` runs. */
export function inside<T>(fn: () => T, ofBatches = false): T {
  open.push(ofBatches);
  try {
    return fn();
  } finally {
    open.pop();
  }
}
/** Whether a function is being transformed. */
export const isInside = (): boolean => open.length > 0;
/** Whether autograd knows nothing of a tensor here: inside vmap, and not yet inside a level that differentiates, it stands for a batch. */
export const isOpaque = (t: Tensor): boolean => open[open.length - 1] === true && door.last_batch_level(t.handle) !== 0;

/** What the core numbers the last level at which one of the arguments is batched, or has a tangent; 0 for none. */
const last = (args: readonly unknown[], level: (handle: number) => number): number =>
  args.reduce<number>((found, a) => (isTensor(a) ? Math.max(found, level(a.handle)) : found), 0);

/** The outputs of a call whose arguments a transform concerns; null if none does. */
export function transformed(self: Class, args: readonly unknown[], call: (ctx: FunctionCtx, args: readonly unknown[]) => unknown, context: () => FunctionCtx): { value: unknown } | null {
  if (isInside() && !self.setup_context && !WHOLE.has(self)) {
    throw new RuntimeError('In order to use an autograd.Function with functorch transforms (vmap, grad, jvp, jacrev, ...), it must override the '
      + `setup_context staticmethod. ${DOCS}`);
  }
  const level = last(args, door.last_batch_level);
  if (level !== 0) return { value: mapped(self, args, level) };
  const dual = last(args, door.last_tangent_level);
  return dual === 0 ? null : { value: pushed(self, args, dual, call, context()) };
}

const listOf = (x: unknown): unknown[] => (Array.isArray(x) ? x as unknown[] : [x]);
/** Lets `ctx.saved_tensors` be this list. */
const lend = (ctx: FunctionCtx, list: readonly (Tensor | null)[]): void => {
  Object.defineProperty(ctx, 'saved_tensors', { value: list, configurable: true });
};

/** Values of the primals, tangents by the function's own `jvp`. */
function pushed(self: Class, args: readonly unknown[], level: number, call: (ctx: FunctionCtx, args: readonly unknown[]) => unknown, ctx: FunctionCtx): unknown {
  const parts = args.map((a) => (isTensor(a) ? partsAt(a, level) : [a, null] as const));
  // What is kept for backward keeps its tangents: gradients may have some too.
  const made = call(ctx, args);
  const tangents = parts.map(([a, tangent]) => tangent ?? (isTensor(a) && ctx._kept.materialize ? zeros_like(a.detach()) : null));
  if (!self.jvp) throw new NotImplementedError('You must implement the jvp function for custom autograd.Function to use it with forward mode AD.');
  const primal = (t: Tensor): Tensor => partsAt(t, level)[0];
  lend(ctx, ctx._kept.forward.map((t) => t && primal(t)));
  const outputs = listOf(made), found = listOf(self.jvp(ctx, ...tangents));
  // In backward it is what was kept for that.
  delete (ctx as { saved_tensors?: unknown }).saved_tensors;
  if (found.length !== outputs.length) {
    throw new RuntimeError(`Function's jvp returned an invalid number of forward gradients (expected ${outputs.length} but got ${found.length})`);
  }
  const duals = outputs.map((out, i) => (isTensor(out) && isTensor(found[i]) ? dualAt(primal(out), found[i], level) : out));
  return Array.isArray(made) ? duals : duals[0];
}

const hide = (t: Tensor, level: number): Tensor => new Tensor(check(door.add_level(t.handle, 0, level)));
const show = (t: Tensor, level: number): Tensor => new Tensor(check(door.remove_level(t.handle, 0, level)));

/** The function on a batch. */
function mapped(self: Class, args: readonly unknown[], level: number): unknown {
  const batched = args.map((a) => isTensor(a) && door.has_level(a.handle, level));
  const given = args.map((a, i) => (batched[i] ? show(a as Tensor, level) : a));
  if (self.vmap) {
    const info = { batch_size: door.level_size(level), randomness: ['error', 'different', 'same'][door.level_randomness(level)]! };
    const [made, dims] = self.vmap(info, batched.map((b) => (b ? 0 : null)), ...given) as [unknown, unknown];
    const at = Array.isArray(dims) ? dims as (number | null)[] : listOf(made).map(() => dims as number | null);
    const outputs = listOf(made).map((t, i) => (at[i] === null ? t : new Tensor(check(door.add_level((t as Tensor).handle, at[i]!, level)))));
    return Array.isArray(made) ? outputs : outputs[0];
  }
  if (!self.generate_vmap_rule) {
    throw new RuntimeError(`You tried to vmap over ${self.name}, but it does not have vmap support. Please override and implement the vmap staticmethod or set `
      + `generate_vmap_rule=True. ${DOCS}`);
  }
  const made = overBatch(self, batched, door.level_size(level)).apply(...given as never[]) as unknown;
  const outputs = listOf(made).map((t) => (isTensor(t) ? hide(t, level) : t));
  return Array.isArray(made) ? outputs : outputs[0];
}

/** Runs `fn` in a level of its own, over batches of this size. */
function within<T>(size: number, fn: (level: number) => T): T {
  const level = door.enter_vmap(size, 0);
  try {
    return fn(level);
  } finally {
    door.exit_vmap();
  }
}

/** A `Function` of whole batches, whose forward and backward are those of `self` under vmap. */
function overBatch(self: Class, batched: readonly boolean[], size: number): Class {
  /** What the inner context kept: tensors as they are outside, and whether they vary. */
  interface Kept { ctx: FunctionCtx; varies: boolean[] }
  const kept = new WeakMap<FunctionCtx, Kept>();
  const Base = Object.getPrototypeOf(self) as Class;
  const Whole = class extends Base {
    static override forward(ctx: FunctionCtx, ...args: unknown[]): unknown {
      return within(size, (level) => {
        const inner = new (ctx.constructor as new () => FunctionCtx)();
        inner.needs_input_grad = ctx.needs_input_grad;
        const given = args.map((a, i) => (batched[i] ? hide(a as Tensor, level) : a));
        const made = self.forward(...given) as unknown;
        self.setup_context?.(inner, given, made);
        const { saved, constant, materialize, forward } = inner._kept;
        const outside = (list: readonly (Tensor | null)[]): (Tensor | null)[] => list.map((t) => (t && door.has_level(t.handle, level) ? show(t, level) : t));
        kept.set(ctx, { ctx: inner, varies: saved.map((t) => t !== null && door.has_level(t.handle, level)) });
        const outputs = listOf(made), results = outputs.map((t) => (isTensor(t) ? show(t, level) : t));
        ctx.save_for_backward(...outside(saved).map((t, i) => {
          const at = outputs.indexOf(saved[i]);
          return at < 0 ? t : results[at] as Tensor;
        }));
        ctx.save_for_forward(...outside(forward));
        ctx.set_materialize_grads(materialize);
        ctx.mark_non_differentiable(...constant.flatMap((t) => (outputs.includes(t) ? [results[outputs.indexOf(t)] as Tensor] : [])));
        return Array.isArray(made) ? results : results[0];
      });
    }
    static override backward(ctx: FunctionCtx, ...grads: (Tensor | null)[]): (Tensor | null)[] {
      const { ctx: inner, varies } = kept.get(ctx)!;
      const saved = ctx.saved_tensors as (Tensor | null)[];
      return within(size, (level) => {
        lend(inner, saved.map((t, i) => (t && varies[i] ? hide(t, level) : t)));
        const found = listOf(self.backward(inner, ...grads.map((g) => (g ? hide(g, level) : g)))) as (Tensor | null)[];
        return found.map((g, i) => {
          if (!g) return g;
          const whole = show(g, level);
          return batched[i] ? whole : whole.sum(0);
        });
      });
    }
    static override jvp = self.jvp ? ((ctx: FunctionCtx, ...tangents: (Tensor | null)[]): unknown => {
      const { ctx: inner } = kept.get(ctx)!;
      const saved = ctx.saved_tensors as (Tensor | null)[], forward = inner._kept.forward;
      return within(size, (level) => {
        lend(inner, saved.map((t, i) => (t && t !== forward[i] ? hide(t, level) : t)));
        const made = self.jvp!(inner, ...tangents.map((t, i) => (t && batched[i] ? hide(t, level) : t)));
        const shown = listOf(made).map((t) => (isTensor(t) ? show(t, level) : t));
        return Array.isArray(made) ? shown : shown[0];
      });
    }) : null;
    static override setup_context = null;
  };
  Object.defineProperty(Whole, 'name', { value: self.name });
  WHOLE.add(Whole);
  return Whole as unknown as Class;
}
