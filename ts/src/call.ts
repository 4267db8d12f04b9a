/** The packed call: arguments bound to a signature, written to the buffer, one call, the result read. */
import { door, wasm } from '#wasm';
import { DType, DTYPES } from './dtype.js';
import { fromUser, inCallback, raised, RuntimeError, unexpected } from './errors.js';
import { TABLE, TABLE_HASH } from './generated.js';
import { writeOut } from './out.js';
import { noOverload } from './overloads.js';
import { Generator } from './random.js';
import { isComplex, requireGrad, Tensor } from './tensor.js';

/** Name, Rust type, default, keyword only. */
export type Param = readonly [string, string, unknown, boolean];
/** One entry of the op table: its name and aliases, and what its results are called. */
export interface Entry {
  names: readonly string[]; params: readonly Param[]; returns: readonly string[]; marks: readonly string[];
}

// Tags of values in the buffer.
const NONE = 0, TENSOR = 1, FLOAT = 2, INT = 3, BOOL = 4, INTS = 5, TENSORS = 6, STR = 7, DTYPE = 8, COMPLEX = 9, FLOATS = 10;
// Answers that are no handle.
const FAILED = -1;
export const IN_BUFFER = -2, NOTHING = -3;

/** The kind of a parameter, from its Rust type. */
const enum Kind { Tensor, Operand, Scalar, Float, Int, Bool, Str, DType, Dims, MaybeDims, Floats, Tensors, DimPair }
const KINDS: Record<string, Kind> = {
  Tensor: Kind.Tensor, Operand: Kind.Operand, AsTensor: Kind.Operand, Scalar: Kind.Scalar, f64: Kind.Float, i64: Kind.Int,
  bool: Kind.Bool, String: Kind.Str, DType: Kind.DType, Dims: Kind.Dims, MaybeDims: Kind.MaybeDims, Floats: Kind.Floats,
  'Vec<Tensor>': Kind.Tensors, 'Vec<Option<Tensor>>': Kind.Tensors, DimPair: Kind.DimPair,
};
/** How PyTorch's messages call what a parameter takes. */
const WANTED = ['Tensor', 'Tensor', 'Number', 'float', 'int', 'bool', 'str', 'torch.dtype', 'tuple of ints', 'tuple of ints', 'tuple of floats',
  'tuple of Tensors', 'pair of tuples of ints'];

interface Slot { name: string; kind: Kind; optional: boolean; fallback: unknown; keyword: boolean }
interface Compiled {
  index: number; name: string; slots: Slot[]; places: number; fields: readonly string[]; entry: Entry;
  /** Whether the core knows the defaults. */
  told: boolean;
}

// --- the buffer ---------------------------------------------------------------------------------

let i32 = new Int32Array(0);
let f64 = new Float64Array(0);
let u8 = new Uint8Array(0);
/** Where the buffer starts, where the next unit goes, where the buffer ends: in units of 4 bytes. */
let base = 0, at = 0, end = 0;
/** The buffer has at least so many bytes. */
const LEAST = 65536;

function refresh(): void {
  const { buffer } = wasm.memory;
  i32 = new Int32Array(buffer);
  f64 = new Float64Array(buffer, 0, buffer.byteLength >>> 3);
  u8 = new Uint8Array(buffer);
}

/** Starts a new list of arguments. */
export function begin(): void {
  if (base === 0) room(0);
  // A module that has grown its memory leaves the old views empty.
  if (i32.length === 0) refresh();
  at = base;
}

/** Makes sure that so many units of 4 bytes more fit. */
function room(units: number): void {
  if (at + units + 8 <= end && base !== 0) return;
  const used = at - base, size = Math.max(LEAST, 8 * (used + units));
  base = door.buffer(size) >>> 2;
  refresh();
  end = base + (size >>> 2);
  at = base + used;
}

function head(tag: number, n: number): void {
  if (at + 8 > end) room(8);
  i32[at] = tag;
  i32[at + 1] = n;
  at += 2;
}
function float(x: number): void {
  f64[at >>> 1] = x;
  at += 2;
}
function integer(x: number | bigint): void {
  if (typeof x === 'number' && x === (x | 0)) {
    i32[at] = x;
    i32[at + 1] = x >> 31;
  } else {
    const big = BigInt.asIntN(64, typeof x === 'bigint' ? x : BigInt(Math.trunc(x)));
    i32[at] = Number(BigInt.asIntN(32, big));
    i32[at + 1] = Number(big >> 32n);
  }
  at += 2;
}

/** Writes one tensor, number, list of integers, or list of tensors. */
export function writeTensor(t: Tensor): void { head(TENSOR, t.handle); }
export function writeScalar(v: unknown): void {
  switch (typeof v) {
    case 'number': head(FLOAT, 0); return float(v);
    case 'bigint': head(INT, 0); return integer(v);
    case 'boolean': return head(BOOL, v ? 1 : 0);
    default: {
      const z = v as { re: number; im: number };
      head(COMPLEX, 0);
      float(Number(z.re));
      float(Number(z.im));
    }
  }
}
export function writeInts(list: ArrayLike<number | bigint>): void {
  room(2 * list.length + 8);
  head(INTS, list.length);
  for (let i = 0; i < list.length; i++) integer(list[i]!);
}
function writeFloats(list: ArrayLike<number | bigint>): void {
  room(2 * list.length + 8);
  head(FLOATS, list.length);
  for (let i = 0; i < list.length; i++) float(Number(list[i]!));
}
export function writeTensors(list: readonly (Tensor | null)[] | null): void {
  if (!list) return head(NONE, 0);
  room(2 * list.length + 8);
  head(TENSORS, list.length);
  for (const t of list) {
    i32[at] = t ? t.handle : NOTHING;
    i32[at + 1] = 0;
    at += 2;
  }
}
const encoder = new TextEncoder();
function writeText(s: string): void {
  const bytes = encoder.encode(s);
  room((bytes.length >>> 2) + 16);
  head(STR, bytes.length);
  u8.set(bytes, at * 4);
  at += Math.ceil(bytes.length / 8) * 2;
}

/** Whether an answer is the handle of a tensor. */
const isHandle = (status: number): boolean => status >= 0 || status < NOTHING;

/** Throws what the core left behind, or what a function that it called has thrown. */
export function check(status: number): number {
  if (status === FAILED) {
    const text = door.error();
    // The first is the cause of what came after.
    const [cause] = inCallback.splice(0);
    throw cause === undefined ? fromUser(raised(text)) : cause;
  }
  return status;
}

/** What a call answered: a tensor, or what lies in the buffer. */
export function result(status: number): unknown {
  check(status);
  if (status === IN_BUFFER) return stored();
  return status === NOTHING ? null : new Tensor(status);
}

/** Finds the buffer again after a call: a long answer may have moved it. */
function locate(): void {
  const found = door.buffer(0) >>> 2;
  if (found !== base) {
    base = found;
    end = base + (LEAST >>> 2);
  }
  if (i32.length === 0 || i32.buffer !== wasm.memory.buffer) refresh();
}

function stored(): unknown {
  locate();
  const tag = i32[base]!, n = i32[base + 1]!, first = base + 2;
  switch (tag) {
    case FLOAT: return f64[first >>> 1]!;
    case INT: return big(first);
    case BOOL: return n !== 0;
    case COMPLEX: return { re: f64[first >>> 1]!, im: f64[(first >>> 1) + 1]! };
    case INTS: return Array.from({ length: n }, (_, i) => Number(big(first + 2 * i)));
    case TENSORS: return readLists(1)[0];
    case DTYPE: return DTYPES[n];
    default: return null;
  }
}
/** Lists of tensors that the core wrote one after the other. */
export function readLists(count: number): (Tensor | null)[][] {
  locate();
  let next = base;
  // All handles first: a new tensor may use the buffer.
  const lists = Array.from({ length: count }, () => {
    const n = i32[next + 1]!, first = next + 2;
    next = first + 2 * n;
    return Array.from({ length: n }, (_, i) => i32[first + 2 * i]!);
  });
  return lists.map((handles) => handles.map((h) => (h === NOTHING ? null : new Tensor(h))));
}
function big(i: number): bigint { return (BigInt(i32[i + 1]!) << 32n) | BigInt(i32[i]! >>> 0); }

/** The first `count` integers that a function of the door wrote. */
export function readUnits(count: number): number[] {
  locate();
  const out = new Array<number>(count);
  for (let i = 0; i < count; i++) {
    const low = i32[base + 2 * i]!, high = i32[base + 2 * i + 1]!;
    out[i] = high === low >> 31 ? low : Number((BigInt(high) << 32n) | BigInt(low >>> 0));
  }
  return out;
}

// --- binding ------------------------------------------------------------------------------------

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
function write(kind: Kind, v: unknown): void {
  if (v === null || v === undefined) return head(NONE, 0);
  switch (kind) {
    case Kind.Tensor: case Kind.Operand: return v instanceof Tensor ? head(TENSOR, v.handle) : writeScalar(v);
    case Kind.Scalar: case Kind.Float: return v instanceof Tensor ? head(TENSOR, v.handle) : writeScalar(v);
    case Kind.Int:
      head(INT, 0);
      return integer(v as number);
    case Kind.Bool: return head(BOOL, v ? 1 : 0);
    case Kind.Str: return writeText(v as string);
    case Kind.DType: return head(DTYPE, (v as DType).index);
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

const bound: unknown[] = [];

/** A value as it is written: an integer in a tensor is read out before the buffer is begun. */
function settled(kind: Kind, v: unknown): unknown {
  return v instanceof Tensor && (kind === Kind.Int || kind === Kind.Dims) ? v.item() : v;
}

/** Binds arguments to the slots of `op` in `bound`; a string says why they do not fit. */
function bind(op: Compiled, args: readonly unknown[], count: number, keywords: Record<string, unknown> | null): string | null {
  const { slots, places } = op;
  bound.length = slots.length;
  bound.fill(undefined);
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
  if (slots.length > 1 && slots[0]!.kind === Kind.Operand && slots[1]!.kind === Kind.Operand && !op.entry.marks.includes('create')
    && !(bound[0] instanceof Tensor) && !(bound[1] instanceof Tensor)) {
    return `argument '${slots[0]!.name}' (position 1) must be Tensor, not ${typeName(bound[0])}`;
  }
  return null;
}

/** Calls an op whose arguments are in `bound`. */
function run(op: Compiled, inPlace: boolean): unknown {
  const { slots } = op;
  const target = bound[0] as Tensor;
  begin();
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!;
    const value = bound[i];
    write(slot.kind, value === undefined ? slot.fallback : value);
  }
  return answer(op, door.call(op.index, slots.length, inPlace), inPlace ? target : null);
}

/** What a call gave; `target` is the tensor that it wrote to, if it wrote in place. */
function answer(op: Compiled, status: number, target: Tensor | null): unknown {
  if (target) {
    check(status);
    // A view in place (`t_`) makes the target another tensor.
    return status === NOTHING ? target : target._become(new Tensor(status));
  }
  if (isHandle(status)) return new Tensor(status);
  const out = result(status);
  const { fields } = op;
  if (fields.length > 1 && Array.isArray(out)) fields.forEach((f, i) => { (out as unknown as Record<string, unknown>)[f] = out[i]; });
  if (fields[0] === 'number') return Number(out);
  return out;
}

// --- the short way --------------------------------------------------------------------------------
//
// Most calls are `x.op()`, `x.op(tensor)` or `x.op(number)`: which overload takes them is known before
// the first call, and their arguments need no buffer.

/** The overload that surely takes `x.op()`, or `x.op(given)`; null where that depends on the values. */
function straight(list: readonly Compiled[], given: Kind | null): Compiled | null {
  const count = given === null ? 1 : 2;
  for (const op of list) {
    const { slots } = op;
    if (slots[0]!.kind > Kind.Operand) return null;
    if (op.places < count || slots.some((s, i) => i >= count && s.fallback === undefined)) continue;
    if (given === null) return op;
    const { kind } = slots[1]!;
    if (kind === given || kind === Kind.Operand) return op;
    if (given === Kind.Scalar ? kind === Kind.Float : false) return op;
    // A tensor without dimensions is a number too, and a whole number a size.
    if (given === Kind.Tensor ? kind <= Kind.Int || kind === Kind.Dims : kind !== Kind.Tensor) return null;
  }
  return null;
}

/** The overload for a short call, once the core knows the defaults of its other arguments. */
function prepared(list: readonly Compiled[], given: Kind | null): Compiled | null {
  const op = straight(list, given);
  if (op && !op.told) {
    begin();
    for (const slot of op.slots) write(slot.kind, slot.fallback);
    check(door.tell_defaults(op.index, op.slots.length));
    op.told = true;
  }
  return op;
}

type Short = (input: unknown, given: unknown, count: number) => unknown;

/** Calls with one argument, or with a tensor or a number as the second; undefined where these overloads
 * need a closer look. */
function shortWay(list: readonly Compiled[], inPlace: boolean): Short {
  let alone: Compiled | null | undefined, tensor: Compiled | null | undefined, number: Compiled | null | undefined;
  return (input, given, count) => {
    if (!(input instanceof Tensor)) return undefined;
    let op: Compiled | null, status: number;
    if (count === 1) {
      op = alone === undefined ? (alone = prepared(list, null)) : alone;
      if (op === null) return undefined;
      status = door.call_tensors(op.index, input.handle, 0, inPlace);
    } else if (given instanceof Tensor) {
      op = tensor === undefined ? (tensor = prepared(list, Kind.Tensor)) : tensor;
      if (op === null) return undefined;
      status = door.call_tensors(op.index, input.handle, given.handle, inPlace);
    } else if (typeof given === 'number') {
      op = number === undefined ? (number = prepared(list, Kind.Scalar)) : number;
      if (op === null) return undefined;
      status = door.call_number(op.index, input.handle, given, inPlace);
    } else {
      return undefined;
    }
    return isHandle(status) && !inPlace ? new Tensor(status) : answer(op, status, inPlace ? input : null);
  };
}

// --- calling by name ----------------------------------------------------------------------------

const OVERLOADS = new Map<string, Compiled[]>();
TABLE.forEach((entry, index) => {
  const slots = entry.params.map(([name, type, fallback, keyword]): Slot => {
    const optional = type.startsWith('Option<');
    return { name, kind: KINDS[optional ? type.slice(7, -1) : type]!, optional, fallback, keyword };
  });
  for (const name of entry.names) {
    const list = OVERLOADS.get(name) ?? [];
    list.push({ index, name, slots, places: slots.filter((s) => !s.keyword).length, fields: entry.returns, entry, told: false });
    OVERLOADS.set(name, list);
  }
});

if (door.table_hash() >>> 0 !== TABLE_HASH) {
  throw new RuntimeError('the wasm module and the TypeScript facade were built from different op tables');
}

/** How a function is called in messages: without its namespace. */
const short = (name: string): string => name.slice(name.lastIndexOf('.') + 1);

function mismatch(name: string, list: readonly Compiled[], args: readonly unknown[], count: number, why: string): TypeError {
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

function call(name: string, list: readonly Compiled[], args: readonly unknown[], inPlace: boolean): unknown {
  let count = args.length;
  const last = count > 0 ? args[count - 1] : undefined;
  let keywords: Record<string, unknown> | null = null;
  if (isKeywords(last)) {
    keywords = last;
    count -= 1;
  }
  let why = '';
  for (const op of list) {
    const problem = bind(op, args, count, keywords);
    if (problem !== null) {
      why ||= problem;
      continue;
    }
    const place = op.slots.length > 1 && !inPlace ? op.slots.findIndex((s) => s.name === 'inplace') : -1;
    if (place >= 0 && bound[place] === true) inPlace = true;
    const generator = keywords?.['generator'];
    let out = generator instanceof Generator ? generator.during(() => run(op, inPlace)) : run(op, inPlace);
    if (keywords) {
      if (keywords['out'] !== undefined && keywords['out'] !== null) out = writeOut(op.entry, short(op.name), bound, out, keywords['out']);
      if (keywords['requires_grad'] && out instanceof Tensor) requireGrad(out, true);
    }
    return out;
  }
  throw fromUser(mismatch(inPlace ? `${name}_` : name, list, args, count, why));
}

/** Whether the table has an op of this name. */
export function has(name: string): boolean { return OVERLOADS.has(name); }

/** Calls an op by name: the first overload that the arguments fit. */
export function invoke(name: string, args: readonly unknown[], inPlace = false): unknown {
  const list = OVERLOADS.get(name);
  if (!list) throw new RuntimeError(`no op is called ${name}`);
  return call(name, inPlace ? list.filter((op) => op.entry.marks.includes('inplace')) : list, args, inPlace);
}

/** The function of an op. Its overloads are looked up when it is first called: the table's functions
 * are made before this module's own constants are. */
export function functionOf(name: string): (...args: unknown[]) => unknown {
  let list: readonly Compiled[] | undefined;
  let short: Short | undefined;
  return { [name](input?: unknown, given?: unknown): unknown {
    const count = arguments.length;
    list ??= OVERLOADS.get(name)!.filter(({ entry: { marks } }) => !marks.includes('hidden') && !marks.includes('method'));
    const out = count === 1 || count === 2 ? (short ??= shortWay(list, false))(input, given, count) : undefined;
    return out === undefined ? call(name, list, [...arguments], false) : out;
  } }[name]!;
}

/** The same as a method. */
function methodOf(name: string, list: readonly Compiled[], inPlace: boolean): (...args: unknown[]) => unknown {
  const short = shortWay(list, inPlace);
  return function (this: Tensor, given?: unknown): unknown {
    const count = arguments.length;
    const out = count <= 1 ? short(this, given, count + 1) : undefined;
    return out === undefined ? call(name, list, [this, ...arguments], inPlace) : out;
  };
}

/** Defines the methods of the table on the prototype of tensors, and the in-place ones. */
function defineMethods(prototype: object): void {
  const define = (key: string, value: unknown): void => {
    if (!Object.hasOwn(prototype, key)) Object.defineProperty(prototype, key, { value, writable: true, configurable: true });
  };
  for (const [name, list] of OVERLOADS) {
    const methods = list.filter((o) => o.slots[0]?.name !== undefined && o.slots[0].kind <= Kind.Operand
      && !o.entry.marks.includes('function') && !o.entry.marks.includes('create'));
    if (name.includes('.') || methods.length === 0) continue;
    const readers = methods.filter((o) => !o.entry.marks.includes('hidden'));
    if (readers.length > 0) define(name, methodOf(name, readers, false));
    const writers = methods.filter((o) => o.entry.marks.includes('inplace'));
    if (writers.length > 0) define(`${name}_`, methodOf(name, writers, true));
  }
}

defineMethods(Tensor.prototype);
