/** Modules that are a function and its options, which become properties. */
import { named, WHOLE } from './arguments.js';
import { Module, python, pythonFloat } from './module.js';

/** What PyTorch takes for the sake of old programs, or for other devices. */
const IGNORED = new Set(['device', 'size_average', 'reduce']);

export abstract class Configured extends Module {
  /** @internal Which options came as Python's int. */
  [WHOLE]: Set<string>;
  static override readonly takes: readonly string[] = ['input'];
  /** `names` are the parameters in PyTorch's order, `defaults` those that may be left out. */
  constructor(args: readonly unknown[], names: readonly string[], defaults: object) {
    super();
    const given = named<Record<string, unknown> & { [WHOLE]: Set<string> }>(new.target.name, args, names, defaults);
    this[WHOLE] = given[WHOLE];
    for (const name of names) {
      if (given[name] !== undefined && !IGNORED.has(name)) (this as unknown as Record<string, unknown>)[name] = given[name];
    }
  }
  /** @internal An option that is no property of the module: it is taken away. */
  protected taken<T>(name: string): T | undefined {
    const options = this as unknown as Record<string, T | undefined>, value = options[name];
    delete options[name];
    return value;
  }
  /** @internal An option that Python holds as a float, as it prints it. */
  protected asFloat(name: string): string {
    const v = (this as unknown as Record<string, unknown>)[name];
    if (typeof v !== 'number') return python(v);
    return this[WHOLE].has(name) ? String(v) : pythonFloat(v);
  }
  /** @internal `name=value` of options; those marked `~` are floats. */
  protected shown(...names: string[]): string {
    const options = this as unknown as Record<string, unknown>;
    return names.map((n) => (n.startsWith('~') ? `${n.slice(1)}=${this.asFloat(n.slice(1))}` : `${n}=${python(options[n])}`)).join(', ');
  }
}
