/** The base of all optimizers: parameter groups, state, and the step's scope. */
import { door } from '#wasm';
import { enable_grad, quietly, type RemovableHandle } from '../autograd/index.js';
import { isKeywords } from '../signatures.js';
import { scalarTensor } from '../creation.js';
import { float32, float64 } from '../dtype.js';
import { TypeError, ValueError } from '../errors.js';
import { step as stepped } from '../memory.js';
import { keep } from '../scopes.js';
import { named, plain, WHOLE } from '../nn/arguments.js';
import { python, pythonFloat } from '../nn/module.js';
import { isTensor, type Tensor } from '../tensor.js';

/** A set of parameters with their options. */
export interface ParamGroup { params: Tensor[]; [option: string]: unknown }
/** What an optimizer takes: tensors, named tensors, or groups with options of their own. */
export type Params = Iterable<Tensor> | Iterable<[string, Tensor]> | Iterable<{ params: Iterable<Tensor> | Tensor; [option: string]: unknown }>;
/** A learning rate: a number, or a tensor of one element. */
export type Rate = number | bigint | Tensor;
/** What an optimizer remembers: tensors, numbers, lists of them. */
export type Remembered = Tensor | number | null | readonly Remembered[];
/** What an optimizer remembers of one parameter. */
export type State = Record<string, Remembered>;
/** `state_dict()`: parameters by number. */
export interface OptimizerState { state: Record<number, State>; param_groups: (Omit<ParamGroup, 'params'> & { params: number[] })[] }
const list = <T>(x: Iterable<T> | T): T[] => (typeof x === 'object' && x !== null && Symbol.iterator in x && !isTensor(x) ? [...(x as Iterable<T>)] : [x as T]);

/** The options of a constructor: those left out have PyTorch's defaults, whose order is that of the parameters. */
export function optionsOf<D extends object>(owner: string, args: readonly unknown[], defaults: D): D {
  const given = named<D & { [WHOLE]?: Set<string>; lr?: unknown }>(owner, args, Object.keys(defaults), defaults);
  if (isTensor(given.lr) && given.lr.numel() !== 1) throw new ValueError('Tensor lr must be 1-element');
  return given;
}
/** A number among the options, as Python prints it. */
export function printed(options: object, name: string): string {
  const { [WHOLE]: whole, [name]: v } = options as Record<string, unknown> & { [WHOLE]?: Set<string> };
  return typeof v === 'number' ? (whole?.has(name) ? String(v) : pythonFloat(v)) : String(v);
}
const CALLED: Record<string, string> = { lr: 'learning rate', eps: 'epsilon value' };
/** Fails unless these options are at least zero. */
export function nonNegative(options: object, ...names: string[]): void {
  for (const name of names) {
    if (!(Number((options as Record<string, unknown>)[name]) >= 0)) throw new ValueError(`Invalid ${CALLED[name] ?? `${name} value`}: ${printed(options, name)}`);
  }
}
/** Fails unless both coefficients of running averages are in [0, 1). */
export function checkBetas({ betas }: { betas: readonly number[] }): void {
  betas.forEach((b, i) => { if (!(b >= 0 && b < 1)) throw new ValueError(`Invalid beta parameter at index ${i}: ${pythonFloat(b)}`); });
}
/** A complex tensor as pairs of real ones: the rules treat its parts as elements of their own. */
export const real = (t: Tensor): Tensor => (t.dtype.is_complex ? t.view_as_real() : t);
/** A counter of steps, or another number that is kept as a tensor. */
export const held = (value: number): Tensor => scalarTensor(value, door.default_dtype() === float64.index ? float64 : float32);

/** Called before or after each step. */
export type StepHook = (optimizer: Optimizer, args: readonly unknown[]) => void;

export abstract class Optimizer {
  param_groups: ParamGroup[] = [];
  /** What is remembered of each parameter. */
  state = new Map<Tensor, State>();
  #before = new Set<StepHook>();
  #after = new Set<StepHook>();
  readonly defaults: Record<string, unknown>;
  constructor(params: Params, defaults: object) {
    this.defaults = Object.fromEntries(Object.entries(defaults));
    if (isTensor(params)) {
      throw new TypeError(`params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.${params.dtype.scalar_type}Tensor`);
    }
    const given = [...(params as Iterable<unknown>)];
    if (given.length === 0) throw new ValueError('optimizer got an empty parameter list');
    const groups = isKeywords(given[0]) ? (given as { params: Iterable<Tensor> }[]) : [{ params: given as Tensor[] }];
    for (const group of groups) this.add_param_group(group);
  }
  /** Adds parameters, with options of their own where given. */
  add_param_group(group: { params: Iterable<Tensor> | Tensor; [option: string]: unknown }): void {
    const params = list(group.params).map((p) => (Array.isArray(p) ? (p as unknown as [string, Tensor])[1] : p));
    for (const p of params) {
      if (!isTensor(p)) throw new TypeError(`optimizer can only optimize Tensors, but one of the params is ${typeof p}`);
      if (!p.is_leaf) throw new ValueError("can't optimize a non-leaf Tensor");
    }
    if (new Set(params).size !== params.length) throw new ValueError('optimizer contains a parameter group with duplicate parameters');
    const before = new Set(this.param_groups.flatMap((g) => g.params));
    if (params.some((p) => before.has(p))) throw new ValueError('some parameters appear in more than one parameter group');
    const options = Object.fromEntries(Object.entries(group).map(([k, v]) => [k, plain(v)]));
    this.param_groups.push({ ...this.defaults, ...options, params });
  }
  /** Clears all gradients; zeros are left in their place if `set_to_none` is false. */
  zero_grad(set_to_none: boolean | { set_to_none?: boolean } = true): void {
    const drop = typeof set_to_none === 'boolean' ? set_to_none : set_to_none.set_to_none ?? true;
    for (const { params } of this.param_groups) {
      for (const p of params) {
        if (drop) p.grad = null;
        else p.grad?.detach().zero_();
      }
    }
  }
  /** @internal Updates the parameters of a group that have gradients. */
  protected abstract update(group: ParamGroup, params: Tensor[], grads: Tensor[]): void;
  /** One step; `closure` evaluates the loss again and returns it. */
  step<T>(closure?: () => T): T | null {
    for (const hook of this.#before) hook(this, closure ? [closure] : []);
    const loss = this.advance(closure);
    stepped();
    for (const hook of this.#after) hook(this, closure ? [closure] : []);
    return loss;
  }
  /** @internal The step itself. */
  protected advance<T>(closure?: () => T): T | null {
    const loss = closure ? enable_grad(closure) : null;
    quietly(() => {
      for (const group of this.param_groups) {
        const params = group.params.filter((p) => p.grad !== null);
        if (params.length > 0) this.update(group, params, params.map((p) => p.grad!));
      }
    });
    return loss;
  }
  register_step_pre_hook(hook: StepHook): RemovableHandle { return added(this.#before, hook); }
  register_step_post_hook(hook: StepHook): RemovableHandle { return added(this.#after, hook); }
  /** @internal The state of a parameter, made on first use; its tensors outlive the step. */
  protected stateOf(p: Tensor, make: () => State): State {
    let state = this.state.get(p);
    if (!state) {
      state = make();
      for (const v of Object.values(state)) if (isTensor(v)) keep(v);
      this.state.set(p, state);
    }
    return state;
  }
  /** @internal The learning rate of a group as a number. */
  protected rate(group: ParamGroup): number { return Number(isTensor(group['lr']) ? group['lr'].item() : group['lr']); }

  state_dict(): OptimizerState {
    const numbers = new Map(this.param_groups.flatMap((g) => g.params).map((p, i) => [p, i]));
    const state: Record<number, State> = {};
    for (const [p, s] of this.state) state[numbers.get(p)!] = { ...s };
    return { state, param_groups: this.param_groups.map((g) => ({ ...g, params: g.params.map((p) => numbers.get(p)!) })) };
  }
  load_state_dict(saved: OptimizerState): void {
    if (saved.param_groups.length !== this.param_groups.length) {
      throw new ValueError('loaded state dict has a different number of parameter groups');
    }
    if (saved.param_groups.some((g, i) => g.params.length !== this.param_groups[i]!.params.length)) {
      throw new ValueError("loaded state dict contains a parameter group that doesn't match the size of optimizer's group");
    }
    const params = this.param_groups.flatMap((g) => g.params);
    const numbers = saved.param_groups.flatMap((g) => g.params);
    this.param_groups = saved.param_groups.map((g, i) => ({ ...g, params: this.param_groups[i]!.params }));
    const copy = (v: Remembered): Remembered => (isTensor(v) ? keep(v.detach().clone()) : Array.isArray(v) ? v.map(copy) : v);
    this.state = new Map(numbers.flatMap((n, i): [Tensor, State][] => {
      const s = saved.state[n];
      return s ? [[params[i]!, Object.fromEntries(Object.entries(s).map(([k, v]) => [k, copy(v)]))]] : [];
    }));
  }
  toString(): string {
    const shown = (v: unknown): string => {
      if (Array.isArray(v)) return `(${v.map(shown).join(', ')})`;
      return typeof v === 'number' && !Number.isInteger(v) ? pythonFloat(v) : python(v);
    };
    const groups = this.param_groups.map((g, i) => {
      const lines = Object.keys(g).filter((k) => k !== 'params').sort().map((k) => `    ${k}: ${typeof g[k] === 'string' ? g[k] : shown(g[k])}`);
      return `Parameter Group ${i}\n${lines.join('\n')}\n`;
    });
    return `${this.constructor.name} (\n${groups.join('\n')})`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string { return this.toString(); }
}

function added(hooks: Set<StepHook>, hook: StepHook): RemovableHandle {
  hooks.add(hook);
  return { remove: () => { hooks.delete(hook); } };
}

/** The rule of one parameter: what it changes, and what it goes by. */
export interface Case { p: Tensor; grad: Tensor; state: Record<string, Tensor>; lr: number; step: number }

/** Optimizers whose rule is written for one parameter at a time, in tensor operations. */
export abstract class OneByOne extends Optimizer {
  /** @internal What is remembered of a parameter besides its step. */
  protected abstract remember(p: Tensor, group: ParamGroup, grad: Tensor): Record<string, Tensor>;
  /** @internal Updates `p`, and the state, in place. */
  protected abstract rule(c: Case, group: ParamGroup): void;
  /** @internal The gradient with weight decay in it; where that is decoupled, the weights shrink instead. */
  protected decayed(p: Tensor, grad: Tensor, lr: number, group: ParamGroup): Tensor {
    const { weight_decay = 0, decoupled_weight_decay = false } = group as { weight_decay?: number; decoupled_weight_decay?: boolean };
    if (weight_decay === 0) return grad;
    if (!decoupled_weight_decay) return grad.add(p, { alpha: weight_decay });
    p.mul_(1 - lr * weight_decay);
    return grad;
  }
  protected update(group: ParamGroup, params: Tensor[], grads: Tensor[]): void {
    const lr = this.rate(group);
    params.forEach((param, i) => {
      const state = this.stateOf(param, () => ({ step: held(0), ...this.remember(param, group, grads[i]!) })) as Record<string, Tensor>;
      const p = real(param), grad = group['maximize'] ? real(grads[i]!).neg() : real(grads[i]!);
      const parts = Object.fromEntries(Object.entries(state).map(([k, t]) => [k, real(t)]));
      const step = Number(state['step']!.add_(1).item());
      this.rule({ p, grad: this.decayed(p, grad, lr, group), state: parts, lr, step }, group);
    });
  }
}
