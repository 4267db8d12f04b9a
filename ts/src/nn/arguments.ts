/** The arguments of module constructors: by place, then by name in a trailing object, as in Python. */
import { isKeywords } from '../signatures.js';
import { TypeError, unexpected } from '../errors.js';

/** Which arguments were given as Python's int: they are printed without a point. */
export const WHOLE = Symbol('whole');

/** The arguments of a constructor as one record: see `bound`. */
export function named<T extends object>(owner: string, args: readonly unknown[], names: readonly string[], defaults: object): T {
  return bound(`${owner}.__init__()`, args, names, defaults, 1);
}
/**
 * The arguments of `callee` as one record. `names` are the parameters in PyTorch's order, `defaults`
 * those that may be left out; `hidden` arguments are counted in messages.
 */
export function bound<T extends object>(callee: string, args: readonly unknown[], names: readonly string[], defaults: object, hidden = 0): T {
  const last = args[args.length - 1];
  const keywords = isKeywords(last) ? last : {};
  const places = isKeywords(last) ? args.slice(0, -1) : args;
  const out: Record<string | symbol, unknown> = { ...defaults };
  const whole = new Set<string>();
  const take = (name: string, v: unknown): void => {
    if (typeof v === 'bigint') whole.add(name);
    else whole.delete(name);
    out[name] = plain(v);
  };
  if (places.length > names.length) {
    throw new TypeError(`${callee} takes ${names.length + hidden} positional arguments but ${places.length + hidden} were given`);
  }
  places.forEach((v, i) => { if (v !== undefined) take(names[i]!, v); });
  for (const [key, value] of Object.entries(keywords)) {
    const i = names.indexOf(key);
    if (i < 0) {
      throw new TypeError(`${callee} ${unexpected(key, names)}`);
    }
    if (i < places.length) throw new TypeError(`${callee} got multiple values for argument '${key}'`);
    if (value !== undefined) take(key, value);
  }
  const missing = names.filter((n) => !(n in out) && !['device', 'dtype', 'generator'].includes(n));
  if (missing.length > 0) {
    const list = missing.map((n) => `'${n}'`);
    const text = list.length > 2 ? `${list.slice(0, -1).join(', ')}, and ${list[list.length - 1]}` : list.join(' and ');
    throw new TypeError(`${callee} missing ${missing.length} required positional argument${missing.length === 1 ? '' : 's'}: ${text}`);
  }
  out[WHOLE] = whole;
  return out as T;
}

/** Sizes and counts are held as numbers, however they came. */
export function plain(v: unknown): unknown {
  if (typeof v === 'bigint') return Number(v);
  return Array.isArray(v) ? v.map(plain) : v;
}

/** One number for each of `n` dimensions. */
export function repeated(v: number | readonly number[], n: number): number[] {
  return Array.isArray(v) ? [...(v as number[])] : new Array<number>(n).fill(v as number);
}
