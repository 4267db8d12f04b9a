/** `nn.Module` and `nn.Parameter`: modules are functions that know their parameters. */
import { check } from '../buffer.js';
import { invoke } from '../call.js';
import { isKeywords, typeName } from '../signatures.js';
import type { DType } from '../dtype.js';
import { AttributeError, KeyError, NotImplementedError, RuntimeError, TypeError } from '../errors.js';
import { quietly, type RemovableHandle } from '../autograd/index.js';
import { ModuleHooks, type BackwardHook, type BackwardPreHook, type ForwardHook, type ForwardPreHook } from './hooks.js';
import { keepLeaf } from '../memory.js';
import { keep, scoped } from '../scopes.js';
import { empty } from '../generated.js';
import { isTensor, requireGrad, Tensor } from '../tensor.js';
import { door } from '#wasm';

/** A tensor that is a parameter of the module whose property it becomes; it requires a gradient. */
export class Parameter extends Tensor {
  constructor(data: Tensor, requires_grad: boolean | { requires_grad?: boolean } = true) {
    super(check(door.same(data.detach().handle)));
    keepLeaf(this);
    requireGrad(this, typeof requires_grad === 'boolean' ? requires_grad : requires_grad.requires_grad ?? true);
  }
  override toString(): string { return `Parameter containing:\n${super.toString()}`; }
}

/** A parameter whose shape is not known yet: see the lazy modules. */
export class UninitializedParameter extends Parameter {
  constructor(dtype: DType | null = null) { super(empty([0], { dtype })); }
  override get shape(): number[] {
    throw new RuntimeError("Can't access the shape of an uninitialized parameter or buffer. This error usually happens in `load_state_dict` "
      + 'when trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the parameters before accessing their attributes.');
  }
  /** Becomes an ordinary parameter of this shape; optimizers that have it already keep it. */
  materialize(shape: readonly number[]): void {
    const { dtype, requires_grad } = this;
    Object.setPrototypeOf(this, Parameter.prototype as object);
    quietly(() => { this._become(empty(shape, { dtype })); });
    this.requires_grad_(requires_grad);
  }
  override toString(): string { return '<UninitializedParameter>'; }
}

/** The keys that `load_state_dict` did not find, and those it had no use for. */
export interface IncompatibleKeys { missing_keys: string[]; unexpected_keys: string[] }
export type StateDict = Record<string, Tensor>;

/** An instance that is a function: it calls its own `_call`. */
function callable(prototype: object): object {
  const self = (...args: unknown[]): unknown => (self as unknown as Callable)._call(args);
  Object.setPrototypeOf(self, prototype);
  // A module may have properties of these names.
  delete (self as { name?: string }).name;
  delete (self as { length?: number }).length;
  return self;
}
abstract class Callable {
  constructor() { return callable(new.target.prototype as object) as this; }
  /** @internal */
  abstract _call(args: unknown[]): unknown;
}

/** From now on the property takes parameters only: a tensor in the place of one that an optimizer knows would never
 * be trained. Properties are guarded when they are registered or first listed, for a class's fields can't be before. */
function guardParameter(module: Module, name: string): void {
  const { value, writable } = Object.getOwnPropertyDescriptor(module, name) ?? {};
  if (writable !== true) return;
  let held: unknown = value;
  Object.defineProperty(module, name, {
    enumerable: true, configurable: true, get: () => held,
    set: (next: unknown) => {
      if (next !== null && !(next instanceof Parameter)) {
        const type = isTensor(next) ? next.type() : typeName(next);
        throw new TypeError(`cannot assign '${type}' as parameter '${name}' (torch.nn.Parameter or None expected)`);
      }
      held = next;
    },
  });
}

/** Puts a tensor in the place of a member for a while, whatever it is. */
export function substitute(module: object, name: string, value: unknown): void {
  Object.defineProperty(module, name, { value, enumerable: true, configurable: true, writable: true });
}

/** Where a module keeps what is no member of it; a symbol and no private name, so that copies have it too. */
const OWN = Symbol('own');
interface Own {
  /** Names of buffers, and whether they are part of the state. */
  buffers: Map<string, boolean>; hooks: ModuleHooks;
}

export interface Module { (...args: Parameters<this['forward']>): ReturnType<this['forward']> }
/**
 * The base of all modules: assign parameters and modules to properties, write `forward`, and call
 * the instance.
 *
 * @example
 * class Net extends nn.Module {
 *   fc = new nn.Linear(4, 2);
 *   forward(x: Tensor) { return this.fc(x).relu(); }
 * }
 * const y = new Net()(torch.randn([8, 4]));
 */
export class Module extends Callable {
  training = true;
  /** @internal */
  [OWN]: Own = { buffers: new Map(), hooks: new ModuleHooks() };
  /** Names of forward's parameters where a call may name its arguments, in a trailing object. */
  static readonly takes: readonly string[] = [];

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- subclasses say what they take
  forward(..._args: any[]): any {
    throw new NotImplementedError(`Module [${this.constructor.name}] is missing the required "forward" function`);
  }

  /** @internal Runs hooks and `forward`; what they make and do not return is freed. */
  _call(args: unknown[]): unknown {
    return scoped(() => this[OWN].hooks.around(this, this._placed(args), (given) => this.forward(...given) as unknown), isTensor, this);
  }

  /** Arguments that came by name, in their places. */
  private _placed(args: unknown[]): unknown[] {
    const { takes } = this.constructor as typeof Module, last = args[args.length - 1];
    if (!isKeywords(last) || !Object.keys(last).every((k) => takes.includes(k))) return args;
    const out = args.slice(0, -1);
    for (const [name, value] of Object.entries(last)) {
      const i = takes.indexOf(name);
      if (i < args.length - 1) throw new TypeError(`${this.constructor.name}.forward() got multiple values for argument '${name}'`);
      out[i] = value;
    }
    return Array.from(out);
  }

  /** Calls `hook(module, args)` before each forward; what it returns replaces the arguments. */
  register_forward_pre_hook(hook: ForwardPreHook): RemovableHandle { return this[OWN].hooks.add('before', hook); }
  /** Calls `hook(module, args, output)` after each forward; what it returns replaces the output. */
  register_forward_hook(hook: ForwardHook): RemovableHandle { return this[OWN].hooks.add('after', hook); }
  /** Calls `hook(module, grad_output)` before gradients go through the module; what it returns replaces them. */
  register_full_backward_pre_hook(hook: BackwardPreHook): RemovableHandle { return this[OWN].hooks.add('backwardBefore', hook); }
  /** Calls `hook(module, grad_input, grad_output)` once the gradients of the inputs are there; what it returns replaces them. */
  register_full_backward_hook(hook: BackwardHook): RemovableHandle { return this[OWN].hooks.add('backwardAfter', hook); }

  /** A tensor that is part of the state, but no parameter. */
  register_buffer(name: string, tensor: Tensor | null, persistent = true): void {
    if (name.includes('.')) throw new KeyError('buffer name can\'t contain "."');
    if (name === '') throw new KeyError('buffer name can\'t be empty string ""');
    if (tensor !== null && !isTensor(tensor)) throw new TypeError(`cannot assign '${typeof tensor}' object to buffer '${name}' (torch Tensor or None required)`);
    this[OWN].buffers.set(name, persistent);
    this._set_member(name, tensor);
  }
  register_parameter(name: string, parameter: Parameter | null): void {
    if (name.includes('.')) throw new KeyError('parameter name can\'t contain "."');
    this._set_member(name, parameter);
    guardParameter(this, name);
  }
  add_module(name: string, module: Module | null): void {
    if (module !== null && !(module instanceof Module)) throw new TypeError(`${String(module)} is not a Module subclass`);
    if (name.includes('.')) throw new KeyError(`module name can't contain ".", got: ${name}`);
    if (name === '') throw new KeyError('module name can\'t be empty string ""');
    this._set_member(name, module);
  }
  register_module(name: string, module: Module | null): void { this.add_module(name, module); }
  private _set_member(name: string, value: unknown): void {
    if (isTensor(value)) keepLeaf(value);
    (this as unknown as Record<string, unknown>)[name] = value;
  }

  *named_children(): IterableIterator<[string, Module]> {
    const seen = new Set<Module>();
    for (const [name, v] of Object.entries(this)) {
      if (v instanceof Module && !seen.has(v)) {
        seen.add(v);
        yield [name, v];
      }
    }
  }
  *children(): IterableIterator<Module> { for (const [, m] of this.named_children()) yield m; }
  /** Every path to a module, also where one has several. */
  private *_paths(prefix = ''): IterableIterator<[string, Module]> {
    yield [prefix, this];
    for (const [name, m] of Object.entries(this)) if (m instanceof Module) yield* m._paths(prefix ? `${prefix}.${name}` : name);
  }
  *named_modules(prefix = '', seen = new Set<Module>()): IterableIterator<[string, Module]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, m] of this.named_children()) yield* m.named_modules(prefix ? `${prefix}.${name}` : name, seen);
  }
  *modules(): IterableIterator<Module> { for (const [, m] of this.named_modules()) yield m; }
  /** The module of a path such as `layers.0.attention`. */
  get_submodule(path: string): Module {
    let at: Module = this;
    for (const name of path === '' ? [] : path.split('.')) {
      const next = (at as unknown as Record<string, unknown>)[name];
      if (!(next instanceof Module)) throw new AttributeError(`${at.constructor.name} has no attribute \`${name}\``);
      at = next;
    }
    return at;
  }

  /** The parameter of a path such as `layers.0.weight`. */
  get_parameter(path: string): Parameter {
    const found = this._target(path);
    if (!(found instanceof Parameter)) throw new AttributeError(`\`${path.slice(path.lastIndexOf('.') + 1)}\` is not an nn.Parameter`);
    return found;
  }
  /** The buffer of a path such as `layers.0.running_mean`. */
  get_buffer(path: string): Tensor {
    const found = this._target(path), at = path.lastIndexOf('.');
    const owner = this.get_submodule(at < 0 ? '' : path.slice(0, at)), name = path.slice(at + 1);
    if (!owner[OWN].buffers.has(name) || !isTensor(found)) throw new AttributeError(`\`${name}\` is not a buffer`);
    return found;
  }
  private _target(path: string): unknown {
    const at = path.lastIndexOf('.'), owner = this.get_submodule(at < 0 ? '' : path.slice(0, at)), name = path.slice(at + 1);
    if (!(name in owner)) throw new AttributeError(`${owner.constructor.name} has no attribute \`${name}\``);
    return (owner as unknown as Record<string, unknown>)[name];
  }

  private *_members(kind: 'parameter' | 'buffer', prefix: string, recurse: boolean): IterableIterator<[string, Tensor, Module, string]> {
    for (const [path, module] of recurse ? this.named_modules(prefix) : [[prefix, this] as const]) {
      for (const [name, v] of Object.entries(module)) {
        const is = kind === 'parameter' ? v instanceof Parameter : module[OWN].buffers.has(name) && isTensor(v);
        if (is && kind === 'parameter') guardParameter(module, name);
        if (is) yield [path ? `${path}.${name}` : name, v as Tensor, module, name];
      }
    }
  }
  *named_parameters(prefix = '', recurse = true): IterableIterator<[string, Parameter]> {
    const seen = new Set<Tensor>();
    for (const [name, p] of this._members('parameter', prefix, recurse)) {
      if (!seen.has(p)) {
        seen.add(p);
        yield [name, p as Parameter];
      }
    }
  }
  *parameters(recurse = true): IterableIterator<Parameter> { for (const [, p] of this.named_parameters('', recurse)) yield p; }
  *named_buffers(prefix = '', recurse = true): IterableIterator<[string, Tensor]> {
    for (const [name, b] of this._members('buffer', prefix, recurse)) yield [name, b];
  }
  *buffers(recurse = true): IterableIterator<Tensor> { for (const [, b] of this.named_buffers('', recurse)) yield b; }

  /** Parameters and persistent buffers by their paths; they share memory with the module's. */
  state_dict(prefix = ''): StateDict {
    const out: StateDict = {};
    for (const [path, module] of this._paths()) {
      const lead = prefix + (path ? `${path}.` : '');
      const own = Object.entries(module);
      for (const [name, v] of own) if (v instanceof Parameter) out[lead + name] = v.detach();
      for (const [name, v] of own) if (module[OWN].buffers.get(name) && isTensor(v)) out[lead + name] = v;
    }
    return out;
  }
  /** Copies parameters and buffers from `state`; every key must fit unless `strict` is false. */
  load_state_dict(state: StateDict, { strict = true }: { strict?: boolean } = {}): IncompatibleKeys {
    const mine = new Map<string, Tensor>();
    for (const [path, module] of this._paths()) {
      const own = Object.entries(module).filter((e): e is [string, Tensor] => isTensor(e[1])), lead = path ? `${path}.` : '';
      for (const [name, t] of own) if (t instanceof Parameter) mine.set(lead + name, t);
      for (const [name, t] of own) if (module[OWN].buffers.get(name)) mine.set(lead + name, t);
    }
    const size = (t: Tensor): string => `torch.Size([${t.shape.join(', ')}])`;
    const missing_keys = [...mine.keys()].filter((k) => !(k in state));
    const unexpected_keys = Object.keys(state).filter((k) => !mine.has(k));
    const problems: string[] = [];
    const quoted = (keys: string[]): string => keys.map((k) => `"${k}"`).join(', ');
    if (strict && unexpected_keys.length) problems.push(`Unexpected key(s) in state_dict: ${quoted(unexpected_keys)}. `);
    if (strict && missing_keys.length) problems.push(`Missing key(s) in state_dict: ${quoted(missing_keys)}. `);
    quietly(() => {
      for (const [k, t] of mine) {
        const from = state[k];
        if (!from) continue;
        if (t instanceof UninitializedParameter) t.materialize(from.shape);
        if (String(from.shape) !== String(t.shape)) {
          problems.push(`size mismatch for ${k}: copying a param with shape ${size(from)} from checkpoint, the shape in current model is ${size(t)}.`);
        } else {
          invoke('copy', [t, from], true);
        }
      }
    });
    if (problems.length) throw new RuntimeError(`Error(s) in loading state_dict for ${this.constructor.name}:\n\t${problems.join('\n\t')}`);
    return { missing_keys, unexpected_keys };
  }

  train(mode = true): this {
    for (const m of this.modules()) m.training = mode;
    return this;
  }
  eval(): this { return this.train(false); }
  requires_grad_(on = true): this {
    for (const p of this.parameters()) p.requires_grad_(on);
    return this;
  }
  zero_grad(set_to_none: boolean | { set_to_none?: boolean } = true): void {
    const drop = typeof set_to_none === 'boolean' ? set_to_none : set_to_none.set_to_none ?? true;
    for (const p of this.parameters()) {
      if (drop) p.grad = null;
      else p.grad?.zero_();
    }
  }
  /** Calls `fn` with every module, children first. */
  apply(fn: (module: Module) => void): this {
    for (const m of this.children()) m.apply(fn);
    fn(this);
    return this;
  }
  /** Floating parameters and buffers in another dtype. */
  to(target: DType | { dtype?: DType; device?: string } | string): this {
    const dtype = typeof target === 'string' ? undefined : 'index' in target ? (target as DType) : target.dtype;
    if (!dtype) return this;
    quietly(() => {
      for (const kind of ['parameter', 'buffer'] as const) {
        for (const [, t] of this._members(kind, '', true)) if (t.is_floating_point() && t.dtype !== dtype) t.data = t.to(dtype);
      }
    });
    return this;
  }
  float(): this { return this.to(floats.float32); }
  double(): this { return this.to(floats.float64); }
  half(): this { return this.to(floats.float16); }
  bfloat16(): this { return this.to(floats.bfloat16); }
  cpu(): this { return this; }

  /** What stands in the parentheses of its printed form. */
  extra_repr(): string { return ''; }
  /** @internal The lines for the children. */
  _child_lines(): string[] {
    return Object.entries(this).filter(([, m]) => m instanceof Module).map(([name, m]) => `(${name}): ${indent(String(m))}`);
  }
  override toString(): string {
    const extra = this.extra_repr();
    const lines = this._child_lines();
    if (lines.length === 0 && !extra.includes('\n')) return `${this.constructor.name}(${extra})`;
    const inner = [...(extra ? extra.split('\n') : []), ...lines].map((l) => `  ${l}`);
    return `${this.constructor.name}(\n${inner.join('\n')}\n)`;
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string { return this.toString(); }
}

import * as floats from '../dtype.js';

/** A copy with tensors and modules of its own, as Python's `copy.deepcopy` makes it. */
export function deepcopy<T>(value: T): T { return copied(value, new Map()) as T; }
function copiedTensor(t: Tensor, known: Map<unknown, unknown>): Tensor {
  if (!t.is_leaf) {
    throw new RuntimeError('Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you were '
      + 'attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see https://github.com/pytorch/pytorch/pull/103001');
  }
  const copy = t instanceof Parameter ? new Parameter(t.clone(), t.requires_grad) : keep(t.detach().clone()).requires_grad_(t.requires_grad);
  if (t.grad) copy.grad = copied(t.grad, known) as Tensor;
  return copy;
}
function copied(v: unknown, known: Map<unknown, unknown>): unknown {
  if (typeof v !== 'object' && !(v instanceof Module)) return v;
  if (known.has(v)) return known.get(v);
  const note = <T>(copy: T): T => {
    known.set(v, copy);
    return copy;
  };
  if (v instanceof Module) {
    const copy = note(callable(Object.getPrototypeOf(v) as object)) as Record<string | symbol, unknown>;
    for (const key of Reflect.ownKeys(v)) copy[key] = copied((v as unknown as Record<string | symbol, unknown>)[key], known);
    return copy;
  }
  if (isTensor(v)) return note(quietly(() => copiedTensor(v, known)));
  if (Array.isArray(v)) return note(v.map((x) => copied(x, known)));
  if (v instanceof ModuleHooks) return note(v.copy());
  if (v instanceof Map) return note(new Map([...v].map(([k, x]) => [k, copied(x, known)] as const)));
  if (v instanceof Set) return note(new Set([...v].map((x) => copied(x, known))));
  if (isKeywords(v)) return note(Object.fromEntries(Object.entries(v).map(([k, x]) => [k, copied(x, known)])));
  return v;
}

/** Lines after the first moved in by two. */
export function indent(text: string): string { return text.split('\n').join('\n  '); }

/** A value as Python prints it. */
export function python(v: unknown): string {
  if (v === null || v === undefined) return 'None';
  if (typeof v === 'boolean') return v ? 'True' : 'False';
  if (typeof v === 'string') return `'${v}'`;
  if (Array.isArray(v)) return v.length === 1 ? `(${python(v[0])},)` : `(${v.map(python).join(', ')})`;
  return String(v);
}
/** A list as Python prints it. */
export function listed(v: readonly unknown[]): string { return `[${v.map(python).join(', ')}]`; }
/** A number that Python holds as a float, as it prints it. */
export function pythonFloat(x: number): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? 'nan' : x > 0 ? 'inf' : '-inf';
  const abs = Math.abs(x);
  if (abs !== 0 && (abs < 1e-4 || abs >= 1e16)) {
    const [digits, power] = x.toExponential().split('e') as [string, string];
    return `${digits}e${power[0]}${power.slice(1).padStart(2, '0')}`;
  }
  return Number.isInteger(x) ? `${x}.0` : String(x);
}
