/** `torch.nn`: modules that can be called, and their functional forms. */
import { invoke } from './call.js';
import { nn_functional as table, rand } from './generated.js';
import { door } from '#wasm';
import { keepLeaf } from './memory.js';
import { Tensor, tidy } from './tensor.js';

export const functional = table;

/** A tensor that is a parameter of the module it is assigned to. */
export class Parameter extends Tensor {
  constructor(data: Tensor, requires_grad = true) {
    const own = data.detach();
    super(own.handle);
    // The handle is this one's now.
    own._cell.handle = 0;
    keepLeaf(this);
    if (requires_grad) this.requires_grad_();
  }
}

type Forward<M> = M extends { forward: infer F } ? F : never;
export interface Module { (...args: Tensor[]): Tensor }
/** The base of all modules: assign parameters and children to properties, write `forward`, call it. */
export class Module extends Function {
  training = true;
  constructor() {
    super();
    const self = new Proxy(this, {
      // What a call makes beyond its result and the graph goes at once.
      apply: (target, _this, args) => tidy(() => (target as unknown as { forward(...a: unknown[]): unknown }).forward.apply(self, args)),
    });
    return self;
  }
  forward(..._input: Tensor[]): Tensor {
    throw new NotImplementedError(`Module [${this.constructor.name}] is missing the required "forward" function`);
  }
  *named_children(): IterableIterator<[string, Module]> {
    for (const [name, v] of Object.entries(this)) if (v instanceof Module) yield [name, v];
  }
  children(): Module[] { return [...this.named_children()].map(([, m]) => m); }
  modules(): Module[] { return [this, ...this.children().flatMap((c) => c.modules())]; }
  *named_parameters(prefix = ''): IterableIterator<[string, Parameter]> {
    for (const [name, v] of Object.entries(this)) if (v instanceof Parameter) yield [prefix + name, v];
    for (const [name, m] of this.named_children()) yield* m.named_parameters(`${prefix}${name}.`);
  }
  parameters(): Parameter[] { return [...this.named_parameters()].map(([, p]) => p); }
  state_dict(): Record<string, Tensor> {
    return Object.fromEntries([...this.named_parameters()].map(([n, p]) => [n, p.detach()]));
  }
  load_state_dict(state: Record<string, Tensor>): void {
    const mine = new Map(this.named_parameters());
    const missing = [...mine.keys()].filter((k) => !(k in state));
    const extra = Object.keys(state).filter((k) => !mine.has(k));
    if (missing.length || extra.length) {
      throw new RuntimeError(`Error(s) in loading state_dict for ${this.constructor.name}:\n`
        + (extra.length ? `\tUnexpected key(s) in state_dict: ${extra.map((k) => `"${k}"`).join(', ')}. \n` : '')
        + (missing.length ? `\tMissing key(s) in state_dict: ${missing.map((k) => `"${k}"`).join(', ')}. ` : ''));
    }
    quietly(() => { for (const [k, p] of mine) invoke('copy', [p, state[k]!], true); });
  }
  train(mode = true): this {
    this.training = mode;
    for (const c of this.children()) c.train(mode);
    return this;
  }
  eval(): this { return this.train(false); }
  zero_grad(): void { for (const p of this.parameters()) p.grad = null; }
  requires_grad_(on = true): this { for (const p of this.parameters()) p.requires_grad_(on); return this; }
  extra_repr(): string { return ''; }
  override toString(): string {
    const lines = [...this.named_children()].map(([n, m]) => `  (${n}): ${m.toString().split('\n').join('\n  ')}`);
    const inner = lines.length ? `\n${lines.join('\n')}\n` : this.extra_repr();
    return `${this.constructor.name}(${inner})`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string { return this.toString(); }
}
import { NotImplementedError, RuntimeError } from './errors.js';
export type { Forward };

function quietly<T>(fn: () => T): T {
  const old = door.grad_mode(false);
  try { return fn(); } finally { door.grad_mode(old); }
}

export const init = {
  uniform_(t: Tensor, a = 0, b = 1): Tensor { return quietly(() => invoke('uniform', [t, a, b], true) as Tensor); },
  normal_(t: Tensor, mean = 0, std = 1): Tensor { return quietly(() => invoke('normal', [t, mean, std], true) as Tensor); },
  zeros_(t: Tensor): Tensor { return quietly(() => invoke('fill', [t, 0], true) as Tensor); },
  ones_(t: Tensor): Tensor { return quietly(() => invoke('fill', [t, 1], true) as Tensor); },
  constant_(t: Tensor, value: number): Tensor { return quietly(() => invoke('fill', [t, value], true) as Tensor); },
};

/** `x @ weight^T + bias`, started as PyTorch starts it. */
export class Linear extends Module {
  weight: Parameter;
  bias: Parameter | null;
  constructor(readonly in_features: number, readonly out_features: number, { bias = true }: { bias?: boolean } = {}) {
    super();
    const bound = 1 / Math.sqrt(in_features);
    this.weight = new Parameter(rand([out_features, in_features]).mul(2 * bound).sub(bound));
    this.bias = bias ? new Parameter(rand([out_features]).mul(2 * bound).sub(bound)) : null;
  }
  override forward(x: Tensor): Tensor { return functional.linear(x, this.weight, this.bias); }
  override extra_repr(): string {
    return `in_features=${this.in_features}, out_features=${this.out_features}, bias=${this.bias ? 'True' : 'False'}`;
  }
}

export class ReLU extends Module { override forward(x: Tensor): Tensor { return x.relu(); } }
export class Tanh extends Module { override forward(x: Tensor): Tensor { return x.tanh(); } }
export class Sigmoid extends Module { override forward(x: Tensor): Tensor { return x.sigmoid(); } }
export class Flatten extends Module {
  constructor(readonly start_dim = 1, readonly end_dim = -1) { super(); }
  override forward(x: Tensor): Tensor { return x.flatten(this.start_dim, this.end_dim); }
  override extra_repr(): string { return `start_dim=${this.start_dim}, end_dim=${this.end_dim}`; }
}
/** Modules one after the other. */
export class Sequential extends Module {
  constructor(...modules: Module[]) {
    super();
    modules.forEach((m, i) => { (this as unknown as Record<string, Module>)[i] = m; });
  }
  override forward(x: Tensor): Tensor { return this.children().reduce((y, m) => m(y), x); }
}
export class CrossEntropyLoss extends Module {
  constructor(readonly options: { weight?: Tensor; ignore_index?: number; reduction?: string } = {}) { super(); }
  override forward(input: Tensor, target: Tensor): Tensor { return functional.cross_entropy(input, target, this.options); }
}
export class MSELoss extends Module {
  constructor(readonly options: { reduction?: string } = {}) { super(); }
  override forward(input: Tensor, target: Tensor): Tensor { return functional.mse_loss(input, target, this.options); }
}
