/** The packed call: arguments bound to a signature, written to the buffer, one call, the result read. */
import { door, wasm } from '#wasm';
import { DType, DTYPES } from './dtype.js';
import { raised, RuntimeError } from './errors.js';
import { TABLE, TABLE_HASH } from './generated.js';
import { Tensor } from './tensor.js';

/** Name, Rust type, default, keyword only. */
export type Param = readonly [string, string, unknown, boolean];
/** One entry of the op table. */
export interface Entry { names: readonly string[]; params: readonly Param[]; returns: readonly string[]; marks: readonly string[] }

const NONE = 0, TENSOR = 1, FLOAT = 2, INT = 3, BOOL = 4, INTS = 5, TENSORS = 6, STR = 7, DTYPE = 8, COMPLEX = 9;

let memory = new DataView(wasm.memory.buffer);
let base = 0;
let size = 0;
const encoder = new TextEncoder();

/** A view of wasm memory, made anew when it has grown. */
export function view(): DataView {
  if (memory.buffer !== wasm.memory.buffer || memory.byteLength === 0) memory = new DataView(wasm.memory.buffer);
  return memory;
}

function room(at: number, bytes: number): void {
  if (at + bytes > base + size) {
    const used = at - base;
    size = Math.max(65536, 2 * (used + bytes));
    base = door.buffer(size) >>> 0;
  }
}

let at = 0;
function head(tag: number, n: number): void {
  room(at, 24);
  const v = view();
  v.setUint32(at, tag, true);
  v.setUint32(at + 4, n, true);
  at += 8;
}

/** Starts a new list of arguments. */
export function begin(): void {
  if (size === 0) {
    size = 65536;
    base = door.buffer(size) >>> 0;
  }
  at = base;
}

/** Writes one argument of a declared type. */
export function write(type: string, value: unknown): void {
  if (value === null || value === undefined) return head(NONE, 0);
  if (value instanceof Tensor) return head(TENSOR, value.handle);
  switch (typeof value) {
    case 'number':
      if (type.includes('Dims')) return ints([value]);
      if (type.includes('i64')) {
        head(INT, 0);
        view().setBigInt64(at, BigInt(Math.trunc(value)), true);
      } else {
        head(FLOAT, 0);
        view().setFloat64(at, value, true);
      }
      at += 8;
      return;
    case 'bigint':
      if (type.includes('Dims')) return ints([value]);
      head(INT, 0);
      view().setBigInt64(at, value, true);
      at += 8;
      return;
    case 'boolean': return head(BOOL, value ? 1 : 0);
    case 'string': {
      const bytes = encoder.encode(value);
      room(at, 16 + bytes.length);
      head(STR, bytes.length);
      new Uint8Array(wasm.memory.buffer, at, bytes.length).set(bytes);
      at += Math.ceil(bytes.length / 8) * 8;
      return;
    }
  }
  if (value instanceof DType) return head(DTYPE, value.index);
  if (Array.isArray(value)) {
    if (type.includes('Dims')) return ints(value as (number | bigint)[]);
    room(at, 16 + 4 * value.length);
    head(TENSORS, value.length);
    value.forEach((t: Tensor | null, i) => view().setUint32(at + 4 * i, t ? t.handle : 0xffffffff, true));
    at += Math.ceil(value.length / 2) * 8;
    return;
  }
  if (typeof value === 'object' && 're' in value && 'im' in value) {
    head(COMPLEX, 0);
    view().setFloat64(at, Number(value.re), true);
    view().setFloat64(at + 8, Number(value.im), true);
    at += 16;
    return;
  }
  throw new TypeError(`an argument of type ${typeof value} cannot be passed to an op`);
}

function ints(list: readonly (number | bigint)[]): void {
  room(at, 16 + 8 * list.length);
  head(INTS, list.length);
  for (const i of list) {
    view().setBigInt64(at, BigInt(i), true);
    at += 8;
  }
}

/** Throws what the core left behind. */
export function check(status: number): number {
  if (status === 0xffffffff || status === -1) throw raised(door.error());
  return status;
}

/** Reads the result in the buffer. */
export function result(): unknown {
  base = door.buffer(0) >>> 0;
  const v = view();
  const [tag, n] = [v.getUint32(base, true), v.getUint32(base + 4, true)];
  switch (tag) {
    case TENSOR: return new Tensor(n);
    case FLOAT: return v.getFloat64(base + 8, true);
    case INT: return v.getBigInt64(base + 8, true);
    case BOOL: return n !== 0;
    case INTS: return Array.from({ length: n }, (_, i) => Number(v.getBigInt64(base + 8 + 8 * i, true)));
    case TENSORS: {
      const handles = Array.from({ length: n }, (_, i) => v.getUint32(base + 8 + 4 * i, true));
      return handles.map((h) => (h === 0xffffffff ? null : new Tensor(h)));
    }
    case DTYPE: return DTYPES[n];
    default: return null;
  }
}

const isInt = (v: unknown): boolean => typeof v === 'bigint' || (typeof v === 'number' && Number.isInteger(v));
const isNumber = (v: unknown): boolean => typeof v === 'number' || typeof v === 'bigint' || typeof v === 'boolean'
  || (typeof v === 'object' && v !== null && 're' in v);

function accepts(type: string, v: unknown): boolean {
  if (type.startsWith('Option<')) return v === null || accepts(type.slice(7, -1), v);
  switch (type) {
    case 'Tensor': case 'Operand': case 'AsTensor': return v instanceof Tensor || isNumber(v);
    case 'Scalar': case 'f64': return isNumber(v) || (v instanceof Tensor && v.numel() === 1 && v.ndim === 0);
    case 'i64': return isInt(v);
    case 'bool': return typeof v === 'boolean';
    case 'String': return typeof v === 'string';
    case 'DType': return v instanceof DType;
    case 'Dims': return isInt(v) || (Array.isArray(v) && v.every(isInt));
    default: return Array.isArray(v) && v.every((t) => t instanceof Tensor);
  }
}

/** A trailing plain object holds keyword arguments. */
export function isKeywords(v: unknown): v is Record<string, unknown> {
  return typeof v === 'object' && v !== null && Object.getPrototypeOf(v) === Object.prototype && !('re' in v);
}

/** The arguments in the order of the parameters, or why they do not fit. */
function bind(entry: Entry, args: readonly unknown[]): unknown[] | string {
  const last = args[args.length - 1];
  const keywords = args.length > 0 && isKeywords(last) ? last : null;
  const place = keywords ? args.slice(0, -1) : args;
  const params = entry.params;
  const out: unknown[] = new Array(params.length).fill(undefined);
  let next = 0;
  for (let i = 0; i < params.length && next < place.length; i++) {
    const [name, type, , keyword] = params[i]!;
    if (keyword) break;
    let value = place[next++];
    // Sizes may come one by one: view(2, 3).
    if (type === 'Dims' && isInt(value) && next < place.length && place.slice(next).every(isInt)
      && (i + 1 >= params.length || params[i + 1]![3])) {
      value = place.slice(next - 1);
      next = place.length;
    }
    if (value === undefined && params[i]![2] !== undefined) continue;
    if (!accepts(type, value)) return `argument '${name}' (position ${i + 1}) must be ${type}`;
    out[i] = value;
  }
  if (next < place.length) return `takes ${params.filter((p) => !p[3]).length} positional arguments but ${place.length} were given`;
  for (const key of keywords ? Object.keys(keywords) : []) {
    if (key === 'requires_grad' || key === 'device' || key === 'out') continue;
    const i = params.findIndex((p) => p[0] === key || (key === 'axis' && p[0] === 'dim') || (key === 'self' && p[0] === 'input'));
    if (i < 0) return `got an unexpected keyword argument '${key}'`;
    if (out[i] !== undefined) return `got multiple values for argument '${key}'`;
    const value = keywords![key];
    if (value === undefined) continue;
    if (!(value === null && params[i]![2] === null) && !accepts(params[i]![1], value)) return `argument '${key}' must be ${params[i]![1]}`;
    out[i] = value;
  }
  for (let i = 0; i < params.length; i++) {
    if (out[i] !== undefined) continue;
    if (params[i]![2] === undefined) return `missing 1 required positional arguments: "${params[i]![0]}"`;
    out[i] = params[i]![2];
  }
  return out;
}

const OVERLOADS = new Map<string, number[]>();
TABLE.forEach((entry, i) => {
  for (const name of entry.names) OVERLOADS.set(name, [...(OVERLOADS.get(name) ?? []), i]);
});

if (door.table_hash() >>> 0 !== TABLE_HASH) {
  throw new RuntimeError('the wasm module and the TypeScript facade were built from different op tables');
}

/** Runs entry number `index` on bound arguments. */
export function run(index: number, values: readonly unknown[], inPlace = false): unknown {
  begin();
  const params = TABLE[index]!.params;
  for (let i = 0; i < values.length; i++) write(params[i]![1], values[i]);
  check(door.call(index, values.length, inPlace));
  if (inPlace) return values[0];
  const out = result();
  const fields = TABLE[index]!.returns;
  if (Array.isArray(out)) Object.assign(out, Object.fromEntries(fields.map((f, i) => [f, out[i]])));
  return out;
}

/** Calls an op by name: the first overload that the arguments fit. */
export function invoke(name: string, args: readonly unknown[], inPlace = false): unknown {
  const list = OVERLOADS.get(name) ?? [];
  let why = 'no such op';
  for (const index of list) {
    const bound = bind(TABLE[index]!, args);
    if (typeof bound === 'string') {
      why = bound;
      continue;
    }
    const out = run(index, bound, inPlace);
    const last = args[args.length - 1];
    if (isKeywords(last) && last['requires_grad'] && out instanceof Tensor) out.requires_grad_();
    return out;
  }
  throw new TypeError(`${name.replace('nn.functional.', '')}(): ${why}`);
}

/** The function of an op, for the generated exports. */
export function functionOf(name: string): (...args: unknown[]) => unknown {
  return { [name]: (...args: unknown[]): unknown => invoke(name, args) }[name]!;
}
