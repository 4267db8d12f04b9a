/** The buffer that arguments and results lie in: `crates/wasm/src/args.rs` is the other side. */
import { door, wasm } from '#wasm';
import { DTYPES } from './dtype.js';
import { fromUser, inCallback, raised } from './errors.js';
import { Tensor } from './tensor.js';

// Tags of values in the buffer.
const NONE = 0, TENSOR = 1, FLOAT = 2, INT = 3, BOOL = 4, INTS = 5, TENSORS = 6, STR = 7, DTYPE = 8, COMPLEX = 9, FLOATS = 10;
// Answers that are no handle.
const FAILED = -1;
export const IN_BUFFER = -2, NOTHING = -3;

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

/** Writes that an argument is left out; one tensor, number, truth, dtype, word; a list of numbers or tensors. */
export function writeNone(): void { head(NONE, 0); }
export function writeBool(on: boolean): void { head(BOOL, on ? 1 : 0); }
export function writeDType(index: number): void { head(DTYPE, index); }
export function writeInt(x: number | bigint): void {
  head(INT, 0);
  integer(x);
}
export function writeTensor(t: Tensor): void { head(TENSOR, t.handle); }
export function writeScalar(v: unknown): void {
  switch (typeof v) {
    case 'number': head(FLOAT, 0); return float(v);
    case 'bigint': return writeInt(v);
    case 'boolean': return writeBool(v);
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
export function writeFloats(list: ArrayLike<number | bigint>): void {
  room(2 * list.length + 8);
  head(FLOATS, list.length);
  for (let i = 0; i < list.length; i++) float(Number(list[i]!));
}
export function writeTensors(list: readonly (Tensor | null)[] | null): void {
  if (!list) return writeNone();
  room(2 * list.length + 8);
  head(TENSORS, list.length);
  for (const t of list) {
    i32[at] = t ? t.handle : NOTHING;
    i32[at + 1] = 0;
    at += 2;
  }
}
const encoder = new TextEncoder();
/** Writes a word. Those of ops are short and ASCII: an encoder would take longer than the call. */
export function writeText(s: string): void {
  const n = s.length;
  room(n + 16);
  const from = 4 * (at + 2);
  let length = 0;
  for (let code = 0; length < n && (code = s.charCodeAt(length)) < 128; length++) u8[from + length] = code;
  if (length < n) {
    const bytes = encoder.encode(s);
    u8.set(bytes, from);
    length = bytes.length;
  }
  head(STR, length);
  at += Math.ceil(length / 8) * 2;
}

/** Whether an answer is the handle of a tensor. */
export const isHandle = (status: number): boolean => status >= 0 || status < NOTHING;

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
