/** Tensors from JavaScript's data: numbers, nested arrays, typed arrays, bytes. */
import { door, wasm } from '#wasm';
import { begin, check, writeInts } from './buffer.js';
import { invoke } from './call.js';
import { bool, complex128, DType, DTYPES, float64, int64, type TypedArray } from './dtype.js';
import * as dtypes from './dtype.js';
import { ValueError } from './errors.js';
import { isComplex, requireGrad, Tensor, type Complex, type Num } from './tensor.js';

/** Numbers nested in arrays. */
export type Nested = Num | Complex | Tensor | readonly Nested[] | TypedArray;
/** Options of everything that makes a tensor. */
export interface TensorOptions { dtype?: DType | null; requires_grad?: boolean; device?: string }

/** A tensor of undefined elements, to be filled. */
function create(shape: readonly number[], dtype: DType): Tensor {
  begin();
  writeInts(shape);
  return new Tensor(check(door.create(dtype.index)));
}

/** A tensor with the bytes of `data`. */
function fromBytes(data: ArrayBufferView, shape: readonly number[], dtype: DType): Tensor {
  const t = create(shape, dtype);
  if (data.byteLength > 0) {
    const at = door.address(t.handle) >>> 0;
    new Uint8Array(wasm.memory.buffer, at, data.byteLength).set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return t;
}

/** The dtype of each kind of typed array. */
const TYPED = new Map<Function, DType>([[Uint8Array, dtypes.uint8], [Uint8ClampedArray, dtypes.uint8], [Int8Array, dtypes.int8],
  [Int16Array, dtypes.int16], [Int32Array, dtypes.int32], [BigInt64Array, int64], [Float32Array, dtypes.float32], [Float64Array, float64]]);
const Float16 = (globalThis as { Float16Array?: Function }).Float16Array;
if (Float16) TYPED.set(Float16, dtypes.float16);

function fromTyped(data: ArrayBufferView): Tensor {
  const dtype = TYPED.get(data.constructor);
  if (!dtype) throw new TypeError(`tensor(): no dtype holds the elements of ${data.constructor.name}`);
  return fromBytes(data, [data.byteLength / dtype.itemsize], dtype);
}

/** The numbers of nested arrays, row-major, and their shape. */
function flatten(data: Nested): [(Num | Complex)[], number[]] {
  const shape: number[] = [];
  for (let d: unknown = data; Array.isArray(d) || ArrayBuffer.isView(d); d = (d as unknown[])[0]) {
    shape.push((d as unknown[]).length);
    if ((d as unknown[]).length === 0) break;
  }
  const flat: (Num | Complex)[] = [];
  const walk = (d: unknown, depth: number): void => {
    if (Array.isArray(d) || ArrayBuffer.isView(d)) {
      const items = d as unknown as ArrayLike<unknown>;
      if (depth >= shape.length) throw new ValueError(`expected sequence of length ${shape[shape.length - 1] ?? 0} at dim ${depth} (got ${items.length})`);
      if (items.length !== shape[depth]) throw new ValueError(`expected sequence of length ${shape[depth]} at dim ${depth} (got ${items.length})`);
      for (let i = 0; i < items.length; i++) walk(items[i], depth + 1);
    } else if (depth !== shape.length) {
      throw new TypeError(`expected sequence at dim ${depth}, not ${typeof d}`);
    } else if (d instanceof Tensor) {
      flat.push(d.item());
    } else if (typeof d === 'number' || typeof d === 'bigint' || typeof d === 'boolean' || isComplex(d)) {
      flat.push(d);
    } else {
      throw new TypeError(`tensor(): a ${d === null ? 'null' : typeof d} is no number`);
    }
  };
  walk(data, 0);
  return [flat, shape];
}

/** Numbers in the dtype that Python would infer: float, else int, else bool. */
function fromNumbers(flat: readonly (Num | Complex)[], shape: readonly number[], dtype: DType | null): Tensor {
  if (flat.some(isComplex)) {
    const parts = new Float64Array(2 * flat.length);
    flat.forEach((v, i) => {
      parts[2 * i] = isComplex(v) ? v.re : Number(v);
      parts[2 * i + 1] = isComplex(v) ? v.im : 0;
    });
    const single = DTYPES[door.default_dtype()] === float64 ? complex128 : dtypes.complex64;
    return fromBytes(parts, shape, complex128).to(dtype ?? single);
  }
  if (flat.length === 0 || flat.some((v) => typeof v === 'number')) {
    // Exact integers stay exact on their way to int64.
    if (dtype === int64 && flat.some((v) => typeof v === 'bigint')) {
      return fromBytes(BigInt64Array.from(flat, (v) => BigInt(typeof v === 'number' ? Math.trunc(v) : (v as bigint))), shape, int64);
    }
    return fromBytes(Float64Array.from(flat, Number), shape, float64).to(dtype ?? DTYPES[door.default_dtype()]!);
  }
  if (flat.some((v) => typeof v === 'bigint')) {
    return fromBytes(BigInt64Array.from(flat, (v) => BigInt(v as bigint)), shape, int64).to(dtype ?? int64);
  }
  return fromBytes(Uint8Array.from(flat, Number), shape, bool).to(dtype ?? bool);
}

/**
 * A tensor with a copy of `data`: a number, nested arrays, a typed array. A JavaScript number is a
 * float, a bigint an int, a boolean a bool.
 *
 * @example torch.tensor([[1, 2], [3, 4]])    // float32
 * @example torch.tensor([1n, 2n])            // int64
 */
export function tensor(data: Nested, options: TensorOptions = {}): Tensor {
  let out: Tensor;
  if (data instanceof Tensor) out = data.detach().clone();
  else if (ArrayBuffer.isView(data)) out = fromTyped(data);
  else out = fromNumbers(...flatten(data), options.dtype ?? null);
  if (options.dtype) out = out.to(options.dtype);
  return options.requires_grad ? requireGrad(out, true) : out;
}

/** A tensor of `data`: itself if it is one already, in `dtype` if given. */
export function as_tensor(data: Nested, options: TensorOptions = {}): Tensor {
  return data instanceof Tensor ? (options.dtype ? data.to(options.dtype) : data) : tensor(data, options);
}
/** A tensor of a typed array's dtype and elements. */
export function from_numpy(data: TypedArray): Tensor { return fromTyped(data); }

/** A 1-d tensor that takes the bytes of `buffer` for elements of `dtype`, little-endian. */
export function frombuffer(buffer: ArrayBuffer | ArrayBufferView, options: { dtype: DType; count?: number; offset?: number; requires_grad?: boolean }): Tensor {
  const { dtype, offset = 0 } = options;
  const view = ArrayBuffer.isView(buffer) ? buffer : new Uint8Array(buffer);
  const room = view.byteLength - offset;
  const count = options.count === undefined || options.count < 0 ? Math.floor(room / dtype.itemsize) : options.count;
  if (offset < 0 || count * dtype.itemsize > room) {
    throw new ValueError(`requested buffer length (${count} * ${dtype.itemsize} bytes) after offset (${offset} bytes) must not be greater than actual buffer length (${view.byteLength} bytes)`);
  }
  const part = new Uint8Array(view.buffer, view.byteOffset + offset, count * dtype.itemsize);
  const out = fromBytes(part, [count], dtype);
  return options.requires_grad ? requireGrad(out, true) : out;
}

/** @internal A number as a tensor of a dtype. */
export function scalarTensor(value: Num, dtype: DType): Tensor { return invoke('full', [[], value, { dtype }]) as Tensor; }
