/** Signatures of the table: how arguments are bound to them, written, and refused. */
import { writeBool, writeDType, writeFloats, writeInt, writeInts, writeNone, writeScalar, writeTensor, writeTensors, writeText } from './buffer.js';
import { DType } from './dtype.js';
import { unexpected } from './errors.js';
import { noOverload } from './overloads.js';
import { isComplex, Tensor } from './tensor.js';

/** The kind of a parameter, from its Rust type. */
export const enum Kind { Tensor, Operand, Scalar, Float, Int, Bool, Str, DType, Dims, MaybeDims, Floats, Tensors, DimPair }
const KINDS: Record<string, Kind> = {
  Tensor: Kind.Tensor, Operand: Kind.Operand, AsTensor: Kind.Operand, Scalar: Kind.Scalar, f64: Kind.Float, i64: Kind.Int,
  bool: Kind.Bool, String: Kind.Str, DType: Kind.DType, Dims: Kind.Dims, MaybeDims: Kind.MaybeDims, Floats: Kind.Floats,
  'Vec<Tensor>': Kind.Tensors, 'Vec<Option<Tensor>>': Kind.Tensors, DimPair: Kind.DimPair,
};
/** How PyTorch's messages call what a parameter takes. */
const WANTED = ['Tensor', 'Tensor', 'Number', 'float', 'int', 'bool', 'str', 'torch.dtype', 'tuple of ints', 'tuple of ints', 'tuple of floats',
  'tuple of Tensors', 'pair of tuples of ints'];

/** One parameter, ready to be bound. */
export interface Slot { name: string; kind: Kind; optional: boolean; fallback: unknown; keyword: boolean }
/** One entry, ready to be called: what its results are called, and its marks, are those of the table. */
export interface Compiled {
  index: number; name: string; slots: Slot[]; places: number; fields: readonly string[]; marks: readonly string[];
  /** The place of a parameter `inplace`; -1 without one. */
  inplace: number;
  /** Whether the core knows the defaults. */
  told: boolean;
}

/** A default as the table writes it; none is undefined. */
function literal(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  if (text.startsWith("'")) return text.slice(1, -1);
  if (text.endsWith('n')) return BigInt(text.slice(0, -1));
  return JSON.parse(text);
}

/** Reads a parameter: `dim:Dims`, `*keepdim:bool=false`. */
function slotOf(text: string): Slot {
  const [, star, name, type, fallback] = /^(\*?)(\w+):([^=]+)(?:=(.*))?$/.exec(text)!;
  const optional = type!.startsWith('Option<');
  return { name: name!, kind: KINDS[optional ? type!.slice(7, -1) : type!]!, optional, fallback: literal(fallback), keyword: star === '*' };
}

const words = (text: string): string[] => (text === '' ? [] : text.split(' '));

/** Reads an entry of the table, to be called by this name. */
export function compile(index: number, name: string, line: string): Compiled {
  const [, params, fields, marks] = line.split(';') as [string, string, string, string];
  const slots = words(params).map(slotOf);
  const places = slots.filter((s) => !s.keyword).length, inplace = slots.findIndex((s) => s.name === 'inplace');
  return { index, name, slots, places, fields: words(fields), marks: words(marks), inplace, told: false };
}

const isInt = (v: unknown): boolean => typeof v === 'bigint' || (typeof v === 'number' && Number.isInteger(v));
const isNumber = (v: unknown): boolean => {
  const t = typeof v;
  return t === 'number' || t === 'bigint' || t === 'boolean' || isComplex(v);
};
const isZeroDim = (v: unknown): boolean => v instanceof Tensor && v.ndim === 0;

/** Whether a value may stand for a parameter of this kind. */
function accepts(kind: Kind, v: unknown): boolean {
  switch (kind) {
    case Kind.Tensor: return v instanceof Tensor;
    case Kind.Operand: return v instanceof Tensor || isNumber(v);
    case Kind.Scalar: return isNumber(v) || isZeroDim(v);
    case Kind.Float: return (isNumber(v) && !isComplex(v)) || isZeroDim(v);
    case Kind.Int: return isInt(v) || (isZeroDim(v) && !(v as Tensor).dtype.is_floating_point);
    case Kind.Bool: return typeof v === 'boolean';
    case Kind.Str: return typeof v === 'string';
    case Kind.DType: return v instanceof DType;
    case Kind.Dims: return isInt(v) || (Array.isArray(v) && v.every(isInt)) || isZeroDim(v);
    case Kind.MaybeDims: return isInt(v) || (Array.isArray(v) && v.every((n) => n === null || isInt(n)));
    case Kind.Floats: return isNumber(v) || (Array.isArray(v) && v.every(isNumber));
    case Kind.Tensors: return Array.isArray(v) && v.every((t) => t === null || t instanceof Tensor);
    case Kind.DimPair: return Array.isArray(v) && v.length === 2 && v.every((l) => isInt(l) || (Array.isArray(l) && l.every(isInt)));
  }
}

/** Writes a value that `accepts` its parameter. */
export function write(kind: Kind, v: unknown): void {
  if (v === null || v === undefined) return writeNone();
  switch (kind) {
    case Kind.Tensor: case Kind.Operand: return v instanceof Tensor ? writeTensor(v) : writeScalar(v);
    case Kind.Scalar: case Kind.Float: return v instanceof Tensor ? writeTensor(v) : writeScalar(v);
    case Kind.Int: return writeInt(v as number);
    case Kind.Bool: return writeBool(v as boolean);
    case Kind.Str: return writeText(v as string);
    case Kind.DType: return writeDType((v as DType).index);
    case Kind.Dims: return writeInts(Array.isArray(v) ? (v as number[]) : [v as number]);
    case Kind.MaybeDims: return writeInts((Array.isArray(v) ? (v as (number | null)[]) : [v as number]).map((n) => n ?? LEFT_OUT));
    case Kind.Floats: return writeFloats(Array.isArray(v) ? (v as number[]) : [v as number]);
    case Kind.Tensors: return writeTensors(v as Tensor[]);
    case Kind.DimPair: {
      // One list, which starts with the length of the first.
      const [a, b] = (v as (number | number[])[]).map((l) => (Array.isArray(l) ? l : [l]));
      return writeInts([a!.length, ...a!, ...b!]);
    }
  }
}

/** What Python would call the type of a value. */
export function typeName(v: unknown): string {
  if (v === null || v === undefined) return 'NoneType';
  if (v instanceof Tensor) return 'Tensor';
  if (v instanceof DType) return 'torch.dtype';
  if (Array.isArray(v)) return 'list';
  switch (typeof v) {
    case 'number': return 'float';
    case 'bigint': return 'int';
    case 'boolean': return 'bool';
    case 'string': return 'str';
    case 'function': return 'function';
    default: return isComplex(v) ? 'complex' : v.constructor?.name ?? 'object';
  }
}

/** A trailing plain object holds keyword arguments. */
export function isKeywords(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && (v as object).constructor === Object && !isComplex(v);
}

/** Other names that PyTorch takes for a parameter, for NumPy's sake. */
const SYNONYMS: Record<string, string> = {
  axis: 'dim', axes: 'dim', keepdims: 'keepdim', x: 'input', self: 'input', a: 'input', x1: 'input', x2: 'other',
};
/** What stands for a size that is left out. */
const LEFT_OUT = -(2n ** 63n);
/** Keywords that no entry names: those of every op and of what makes tensors. */
const IGNORED = new Set(['device', 'layout', 'pin_memory', 'memory_format', 'requires_grad', 'out', 'generator']);

/** What `bind` has bound last. */
export const bound: unknown[] = [];

/** A value as it is written: an integer in a tensor is read out before the buffer is begun. */
function settled(kind: Kind, v: unknown): unknown {
  return v instanceof Tensor && (kind === Kind.Int || kind === Kind.Dims) ? v.item() : v;
}

/** Binds arguments to the slots of `op` in `bound`; a string says why they do not fit. */
export function bind(op: Compiled, args: readonly unknown[], count: number, keywords: Record<string, unknown> | null): string | null {
  const { slots, places } = op;
  bound.length = 0;
  for (let i = 0; i < slots.length; i++) bound.push(undefined);
  let next = 0;
  for (let i = 0; i < places && next < count; i++) {
    const slot = slots[i]!;
    let value = args[next++];
    // Sizes may come one by one: view(2, 3).
    if (slot.kind === Kind.Dims && i === places - 1 && next < count && !Array.isArray(value)) {
      value = args.slice(next - 1, count);
      next = count;
    }
    // Tensors too: block_diag(a, b, c).
    if (slot.kind === Kind.Tensors && places === 1 && value instanceof Tensor) {
      value = args.slice(next - 1, count);
      next = count;
    }
    if (value === undefined) continue;
    if (value === null ? !slot.optional : !accepts(slot.kind, value)) {
      return `argument '${slot.name}' (position ${i + 1}) must be ${WANTED[slot.kind]}, not ${typeName(value)}`;
    }
    bound[i] = settled(slot.kind, value);
  }
  if (next < count) {
    const least = slots.filter((s, i) => i < places && s.fallback === undefined).length;
    return `takes ${least === places ? '' : `from ${least} to `}${places} positional argument${places === 1 ? '' : 's'} but ${count} ${count === 1 ? 'was' : 'were'} given`;
  }
  if (keywords) {
    for (const key in keywords) {
      const value = keywords[key];
      if (value === undefined) continue;
      let i = slots.findIndex((s) => s.name === key);
      if (i < 0 && IGNORED.has(key)) continue;
      if (i < 0 && SYNONYMS[key]) i = slots.findIndex((s) => s.name === SYNONYMS[key]);
      if (i < 0) {
        return unexpected(key, slots.map((s) => s.name));
      }
      const slot = slots[i]!;
      if (bound[i] !== undefined) return `got multiple values for argument '${slot.name}'`;
      if (value === null ? !slot.optional : !accepts(slot.kind, value)) {
        return `argument '${slot.name}' must be ${WANTED[slot.kind]}, not ${typeName(value)}`;
      }
      bound[i] = settled(slot.kind, value);
    }
  }
  for (let i = 0; i < slots.length; i++) {
    if (bound[i] === undefined && slots[i]!.fallback === undefined) {
      const missing = slots.filter((s, k) => bound[k] === undefined && s.fallback === undefined);
      return `missing ${missing.length} required positional argument${missing.length === 1 ? '' : 's'}: ${missing.map((s) => `"${s.name}"`).join(', ')}`;
    }
  }
  // One of two operands must be a tensor.
  if (slots.length > 1 && slots[0]!.kind === Kind.Operand && slots[1]!.kind === Kind.Operand && !op.marks.includes('create')
    && !(bound[0] instanceof Tensor) && !(bound[1] instanceof Tensor)) {
    return `argument '${slots[0]!.name}' (position 1) must be Tensor, not ${typeName(bound[0])}`;
  }
  return null;
}

/** How a function is called in messages: without its namespace. */
export const short = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

/** The error where no overload fits; `why` is what the first has against the arguments. */
export function mismatch(name: string, list: readonly Compiled[], args: readonly unknown[], count: number, why: string): TypeError {
  const all = list.flatMap((op) => op.slots.map((s) => s.name));
  const keywords = count < args.length ? Object.keys(args[count] as object) : [];
  const unknown = keywords.find((k) => !all.includes(k) && !IGNORED.has(k) && !SYNONYMS[k]);
  if (unknown !== undefined) {
    return new TypeError(`${short(name)}() ${unexpected(unknown, all)}`);
  }
  const listed = noOverload(name, args.slice(0, count).map(typeName), keywords.map((k) => [k, typeName((args[count] as Record<string, unknown>)[k])]));
  if (listed) return new TypeError(listed);
  if (list.length === 1) {
    const plain = why.startsWith('argument');
    return new TypeError(`${short(name)}()${plain ? ':' : ''} ${why}`);
  }
  const given = args.slice(0, count).map(typeName).join(', ');
  const expected = list.map((op) => ` * (${op.slots.map((s) => `${WANTED[s.kind]} ${s.name}`).join(', ')})`).join('\n');
  return new TypeError(`${short(name)}() received an invalid combination of arguments - got (${given}), but expected one of:\n${expected}\n${why}`);
}
