/** `torch.autograd.Function`: ops with a backward of the user's own. */
import { door } from '#wasm';
import { begin, result, writeTensors } from '../buffer.js';
import { NotImplementedError } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';
import { lend } from './callbacks.js';
import { is_grad_enabled, no_grad } from './modes.js';
import { listOf, type Grads } from './node.js';
import { transformed } from './transformed.js';

/** What one call of a `Function` carries from forward to backward; it may have properties of any name. */
export class FunctionCtx {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- users keep what they like with it
  [name: string]: any;
  /** Of each argument, whether its gradient is wanted. */
  needs_input_grad: boolean[] = [];
  /** @internal */
  _kept = { saved: [] as (Tensor | null)[], forward: [] as (Tensor | null)[], dirty: [] as Tensor[], constant: [] as Tensor[], materialize: true };

  /** Keeps tensors for backward, with the check that nobody writes to them meanwhile. */
  save_for_backward(...tensors: (Tensor | null)[]): void { this._kept.saved = tensors; }
  /** Keeps tensors for `jvp`. */
  save_for_forward(...tensors: (Tensor | null)[]): void { this._kept.forward = tensors; }
  /** What was kept: in backward, or in `jvp`. */
  get saved_tensors(): Tensor[] { return result(door.saved_tensors(0)) as Tensor[]; }
  /** Tells which arguments forward has written to; it must return them. */
  mark_dirty(...tensors: Tensor[]): void { this._kept.dirty = tensors; }
  /** Tells which results have no gradient. */
  mark_non_differentiable(...tensors: Tensor[]): void { this._kept.constant = tensors; }
  /** Whether backward gets zeros for gradients that are missing; otherwise null. */
  set_materialize_grads(on: boolean): void { this._kept.materialize = on; }
}

/* eslint-disable @typescript-eslint/no-explicit-any -- subclasses say what they take and return */
/**
 * The base of ops whose backward is written by hand: give a subclass static `forward` and `backward`,
 * and call its `apply`. With a static `setup_context`, `forward` takes no `ctx`.
 *
 * @example
 * class Cube extends torch.autograd.Function {
 *   static forward(ctx: FunctionCtx, x: Tensor) {
 *     ctx.save_for_backward(x);
 *     return x.pow(3);
 *   }
 *   static backward(ctx: FunctionCtx, g: Tensor) {
 *     const [x] = ctx.saved_tensors;
 *     return g.mul(x.pow(2)).mul(3);
 *   }
 * }
 * const y = Cube.apply(torch.tensor([1, 2]).requires_grad_());
 */
export class Function {
  static forward(..._args: any[]): any {
    throw new NotImplementedError('You must implement the forward function for custom autograd.Function.');
  }
  static backward(_ctx: FunctionCtx, ..._grads: any[]): Grads {
    throw new NotImplementedError('You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD.');
  }
  static setup_context: ((ctx: FunctionCtx, inputs: any, output: any) => void) | null = null;
  /** The tangents of the outputs, from those of the arguments: forward mode. */
  static jvp: ((ctx: FunctionCtx, ...tangents: any[]) => any) | null = null;
  /** The function on a batch: `[outputs, out_dims]`, from arguments that have examples along `in_dims`. */
  static vmap: ((info: { batch_size: number; randomness: string }, in_dims: (number | null)[], ...args: any[]) => [any, any]) | null = null;
  /** Whether vmap runs forward and backward on batches as they are written. */
  static generate_vmap_rule = false;

  static apply<A extends unknown[], R>(this: { forward(...args: A): R; setup_context(ctx: FunctionCtx, inputs: any, output: any): void }, ...args: A): R;
  static apply<A extends unknown[], R>(this: { forward(ctx: FunctionCtx, ...args: A): R }, ...args: A): R;
  static apply(this: any, ...args: unknown[]): unknown {
    const self = this as typeof Function;
    const plain = (ctx: FunctionCtx, given: readonly unknown[]): unknown => call(self, ctx, given);
    const done = transformed(self, args, plain, () => new FunctionCtx());
    return done ? done.value : plain(new FunctionCtx(), args);
  }
}

/** Runs forward and records the call. */
function call(self: typeof Function, ctx: FunctionCtx, args: readonly unknown[]): unknown {
  ctx.needs_input_grad = args.map((a) => isTensor(a) && a.requires_grad);
  const made = no_grad((): unknown => {
    if (!self.setup_context) return self.forward(ctx, ...args);
    const output: unknown = self.forward(...args);
    self.setup_context(ctx, args, output);
    return output;
  });
  const outputs = Array.isArray(made) ? (made as unknown[]) : [made];
  const recorded = record(self, ctx, args, outputs.filter(isTensor));
  const all = outputs.map((out) => (isTensor(out) ? recorded.shift()! : out));
  return Array.isArray(made) ? all : all[0];
}

/** Makes the outputs of a call part of the graph. */
function record(self: typeof Function, ctx: FunctionCtx, args: readonly unknown[], outputs: readonly Tensor[]): Tensor[] {
  const { saved, dirty, constant, materialize } = ctx._kept;
  const key = lend((grads) => listOf(self.backward(ctx, ...grads!)) ?? [null]);
  begin();
  for (const list of [args.map((a) => (isTensor(a) ? a : null)), outputs, constant, dirty, saved]) writeTensors(list);
  const results = result(door.record_function(key, `${self.name}Backward`, materialize)) as Tensor[];
  // The core keeps what is to be kept.
  ctx._kept.saved = ctx._kept.dirty = ctx._kept.constant = [];
  // An argument that is returned as it is comes back as a view; everything else is what forward made.
  return results.map((r, i) => {
    const out = outputs[i]!;
    if (args.includes(out) && !dirty.includes(out)) return r;
    r.dispose();
    return out;
  });
}

/** Marks a backward whose own derivative is not known: differentiating through it is an error. */
export function once_differentiable<F extends (ctx: any, ...grads: any[]) => Grads>(backward: F): F {
  return ((ctx: FunctionCtx, ...grads: (Tensor | null)[]): Grads => {
    const made = no_grad(() => backward(ctx, ...grads));
    if (!is_grad_enabled() || !grads.some((g) => g?.requires_grad)) return made;
    const list = listOf(made) ?? [];
    begin();
    writeTensors(list.filter((g) => g !== null));
    const ended = result(door.undifferentiable('Error',
      'trying to differentiate twice a function that was marked with @once_differentiable')) as Tensor[];
    return list.map((g) => (g === null ? null : ended.shift()!));
  }) as F;
}
