/** Modules that hold other modules or parameters. */
import { IndexError, KeyError, NotImplementedError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { indent, Module, Parameter } from './module.js';

type Named = Record<string, Module>;
const own = (m: Module): Named => m as unknown as Named;

/** Modules by number. */
abstract class Numbered extends Module {
  override get length(): number { return [...this].length; }
  /** The module of a number, from the end if negative. */
  at(index: number): Module {
    const n = this.length, i = index < 0 ? index + n : index;
    if (i < 0 || i >= n) throw new IndexError(`index ${index} is out of range`);
    return [...this][i]!;
  }
  append(module: Module): this {
    this.add_module(String(this.length), module);
    return this;
  }
  extend(modules: Iterable<Module>): this {
    for (const m of modules) this.append(m);
    return this;
  }
  insert(index: number, module: Module): this {
    const n = this.length, at = index < 0 ? Math.max(index + n, 0) : Math.min(index, n);
    for (let i = n; i > at; i--) own(this)[i] = own(this)[i - 1]!;
    own(this)[at] = module;
    return this;
  }
  /** Takes one out and returns it; those after it move up. */
  pop(index = -1): Module {
    const found = this.at(index), n = this.length;
    for (let i = index < 0 ? index + n : index; i < n - 1; i++) own(this)[i] = own(this)[i + 1]!;
    delete own(this)[n - 1];
    return found;
  }
  /** One module may be there several times. */
  *[Symbol.iterator](): IterableIterator<Module> { yield* Object.values(this).filter((v) => v instanceof Module); }
}

/** Modules one after the other: the output of each is the input of the next. */
export class Sequential extends Numbered {
  constructor(...modules: (Module | Named)[]) {
    super();
    for (const m of modules) {
      if (m instanceof Module) this.append(m);
      else for (const [name, child] of Object.entries(m)) this.add_module(name, child);
    }
  }
  override forward(input: Tensor): Tensor {
    let x = input;
    for (const m of this) x = m(x) as Tensor;
    return x;
  }
}

/** A list of modules; write the forward yourself. */
export class ModuleList extends Numbered {
  constructor(modules: Iterable<Module> = []) {
    super();
    this.extend(modules);
  }
  override forward(): never { throw new NotImplementedError('Module [ModuleList] is missing the required "forward" function'); }
  /** Like neighbours share a line: `(0-2): 3 x Linear(...)`. */
  override _child_lines(): string[] {
    const groups: { from: number; to: number; text: string }[] = [];
    [...this].forEach((m, i) => {
      const text = m.toString(), last = groups[groups.length - 1];
      if (last?.text === text) last.to = i;
      else groups.push({ from: i, to: i, text });
    });
    return groups.map((g) => (g.from === g.to ? `(${g.from}): ${indent(g.text)}` : `(${g.from}-${g.to}): ${g.to - g.from + 1} x ${indent(g.text)}`));
  }
}

/** Modules by name. */
export class ModuleDict extends Module {
  constructor(modules: Named | Iterable<[string, Module]> = {}) {
    super();
    this.update(modules);
  }
  update(modules: Named | Iterable<[string, Module]>): void {
    const pairs = Symbol.iterator in modules ? [...(modules as Iterable<[string, Module]>)] : Object.entries(modules as Named);
    for (const [name, m] of pairs) this.add_module(name, m);
  }
  get size(): number { return [...this.keys()].length; }
  has(name: string): boolean { return own(this)[name] instanceof Module; }
  get(name: string): Module {
    if (!this.has(name)) throw new KeyError(`'${name}'`);
    return own(this)[name]!;
  }
  set(name: string, module: Module): this {
    this.add_module(name, module);
    return this;
  }
  delete(name: string): boolean { return this.has(name) && delete own(this)[name]; }
  /** Takes one out and returns it. */
  pop(name: string): Module {
    const found = this.get(name);
    this.delete(name);
    return found;
  }
  clear(): void { for (const name of [...this.keys()]) this.delete(name); }
  items(): IterableIterator<[string, Module]> { return this.entries(); }
  *entries(): IterableIterator<[string, Module]> { yield* this.named_children(); }
  *keys(): IterableIterator<string> { for (const [name] of this.named_children()) yield name; }
  *values(): IterableIterator<Module> { yield* this.children(); }
  [Symbol.iterator](): IterableIterator<[string, Module]> { return this.entries(); }
  override forward(): never { throw new NotImplementedError('Module [ModuleDict] is missing the required "forward" function'); }
}

/** Parameters by number. */
export class ParameterList extends Module {
  constructor(parameters: Iterable<Parameter> = []) {
    super();
    for (const p of parameters) this.append(p);
  }
  override get length(): number { return [...this].length; }
  append(p: Parameter): this {
    this.register_parameter(String(this.length), p);
    return this;
  }
  at(index: number): Parameter { return [...this].at(index)!; }
  *[Symbol.iterator](): IterableIterator<Parameter> { yield* Object.values(this).filter((v) => v instanceof Parameter); }
  override forward(): never { throw new NotImplementedError('Module [ParameterList] is missing the required "forward" function'); }
  override _child_lines(): string[] { return [...this].map((p, i) => `(${i}): ${described(p)}`); }
}

type Tensors = Record<string, Parameter> | Iterable<[string, Parameter]>;
/** Parameters by name. */
export class ParameterDict extends Module {
  constructor(parameters: Tensors = {}) {
    super();
    this.update(parameters);
  }
  update(parameters: Tensors): void {
    const pairs = Symbol.iterator in parameters ? [...(parameters as Iterable<[string, Parameter]>)] : Object.entries(parameters as Record<string, Parameter>);
    for (const [name, p] of pairs) this.set(name, p);
  }
  get size(): number { return [...this.keys()].length; }
  has(name: string): boolean { return (this as unknown as Record<string, unknown>)[name] instanceof Parameter; }
  get(name: string): Parameter {
    if (!this.has(name)) throw new KeyError(`'${name}'`);
    return (this as unknown as Record<string, Parameter>)[name]!;
  }
  set(name: string, parameter: Parameter): this {
    this.register_parameter(name, parameter);
    return this;
  }
  delete(name: string): boolean { return this.has(name) && delete (this as unknown as Record<string, unknown>)[name]; }
  /** Takes one out and returns it. */
  pop(name: string): Parameter {
    const found = this.get(name);
    this.delete(name);
    return found;
  }
  clear(): void { for (const name of [...this.keys()]) this.delete(name); }
  items(): IterableIterator<[string, Parameter]> { return this.entries(); }
  *entries(): IterableIterator<[string, Parameter]> { yield* this.named_parameters('', false); }
  *keys(): IterableIterator<string> { for (const [name] of this.entries()) yield name; }
  *values(): IterableIterator<Parameter> { yield* this.parameters(false); }
  [Symbol.iterator](): IterableIterator<[string, Parameter]> { return this.entries(); }
  override forward(): never { throw new NotImplementedError('Module [ParameterDict] is missing the required "forward" function'); }
  override _child_lines(): string[] { return [...this.entries()].map(([name, p]) => `(${name}): ${described(p)}`); }
}

/** A parameter in the list of its container. */
const described = (p: Parameter): string => `Parameter containing: [torch.${p.dtype.scalar_type}Tensor of size ${p.shape.join('x')}]`;
