/** The base of all optimizers: parameter groups, state, and the step's scope. */
import { enable_grad, quietly } from '../autograd.js';
import { isKeywords } from '../call.js';
import { closest, TypeError, ValueError } from '../errors.js';
import { beat, keep } from '../memory.js';
import { isTensor, type Tensor } from '../tensor.js';

/** A set of parameters with their options. */
export interface ParamGroup { params: Tensor[]; [option: string]: unknown }
/** What an optimizer takes: tensors, named tensors, or groups with options of their own. */
export type Params = Iterable<Tensor> | Iterable<[string, Tensor]> | Iterable<{ params: Iterable<Tensor> | Tensor; [option: string]: unknown }>;
/** What an optimizer remembers of one parameter: tensors, numbers. */
export type State = Record<string, Tensor | number | null>;
/** `state_dict()`: parameters by number. */
export interface OptimizerState { state: Record<number, State>; param_groups: (Omit<ParamGroup, 'params'> & { params: number[] })[] }

const list = <T>(x: Iterable<T> | T): T[] => (typeof x === 'object' && x !== null && Symbol.iterator in x && !isTensor(x) ? [...(x as Iterable<T>)] : [x as T]);

/** Options of a constructor, checked against the defaults. */
export function optionsOf<D extends object>(owner: string, given: object | number | undefined, defaults: D): D {
  // The learning rate may come by place, as in `optim.SGD(params, 0.1)`.
  const options = (typeof given === 'number' ? { lr: given } : given ?? {}) as Record<string, unknown>;
  if (!isKeywords(options)) throw new TypeError(`${owner}.__init__() takes options as an object`);
  for (const key of Object.keys(options)) {
    if (!(key in defaults)) {
      const near = closest(key, Object.keys(defaults));
      throw new TypeError(`${owner}.__init__() got an unexpected keyword argument '${key}'${near ? `; did you mean '${near}'?` : ''}`);
    }
  }
  return { ...defaults, ...Object.fromEntries(Object.entries(options).filter(([, v]) => v !== undefined)) } as D;
}

export abstract class Optimizer {
  param_groups: ParamGroup[] = [];
  /** What is remembered of each parameter. */
  state = new Map<Tensor, State>();
  constructor(params: Params, readonly defaults: Record<string, unknown>) {
    if (isTensor(params)) {
      throw new TypeError('params argument given to the optimizer should be an iterable of Tensors or dicts, but got torch.FloatTensor');
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
    this.param_groups.push({ ...this.defaults, ...group, params });
  }
  /** Clears all gradients; zeros are left in their place if `set_to_none` is false. */
  zero_grad(set_to_none = true): void {
    for (const { params } of this.param_groups) {
      for (const p of params) {
        if (set_to_none) p.grad = null;
        else p.grad?.detach().zero_();
      }
    }
  }
  /** @internal Updates the parameters of a group that have gradients. */
  protected abstract update(group: ParamGroup, params: Tensor[], grads: Tensor[]): void;
  /** One step; `closure` evaluates the loss again and returns it. */
  step<T>(closure?: () => T): T | null {
    const loss = closure ? enable_grad(closure) : null;
    quietly(() => {
      for (const group of this.param_groups) {
        const params = group.params.filter((p) => p.grad !== null);
        if (params.length > 0) this.update(group, params, params.map((p) => p.grad!));
      }
    });
    beat();
    return loss;
  }
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
    this.state = new Map(numbers.flatMap((n, i): [Tensor, State][] => {
      const s = saved.state[n];
      return s ? [[params[i]!, Object.fromEntries(Object.entries(s).map(([k, v]) => [k, isTensor(v) ? keep(v.detach().clone()) : v]))]] : [];
    }));
  }
  toString(): string {
    const groups = this.param_groups.map((g, i) => {
      const lines = Object.keys(g).filter((k) => k !== 'params').sort().map((k) => `    ${k}: ${String(g[k])}`);
      return `Parameter Group ${i}\n${lines.join('\n')}\n`;
    });
    return `${this.constructor.name} (\n${groups.join('\n')})`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string { return this.toString(); }
}
