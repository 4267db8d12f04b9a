/** The tensor as JavaScript sees it: a handle of the core, with PyTorch's attributes and methods. */
import { door, wasm } from '#wasm';
import { begin, check, invoke, result, write } from './call.js';
import { bool, DType, DTYPES, float64, int64, type TypedArray } from './dtype.js';
import { RuntimeError } from './errors.js';
import { TABLE, type Methods } from './generated.js';
import { free, scoped, track, type Cell } from './memory.js';

/** Python's float, int or bool. */
export type Num = number | bigint | boolean;
/** Python's complex. */
export interface Complex { re: number; im: number }
/** Sizes, dims, indices, counts. */
export type Int = number | bigint;
/** What an op takes for a tensor. */
export type TensorLike = Tensor | Num;
/** Numbers nested in arrays. */
export type Nested = Num | readonly Nested[];
/** `tolist()`. */
export type List = number | bigint | boolean | List[];

/** A node of the graph. */
export interface GradFn { name: string; next_functions: string[]; toString(): string }

/** `slice(start, end, step)`, for indexing. */
export class Slice {
  constructor(readonly start: Int | null = null, readonly end: Int | null = null, readonly step: Int | null = null) {}
}
/** What may stand in brackets in Python: an integer, a slice, null, '...', '1:3', a mask, indices. */
export type Index = Int | Slice | null | string | Tensor | boolean;

export interface Tensor extends Methods {}
export class Tensor {
  /** What it holds of the core. */
  readonly cell: Cell;
  #info: number[] | null = null;

  /** Takes over a handle of the core. */
  constructor(handle: number) {
    this.cell = { handle, live: true };
    track(this, this.cell);
  }

  /** The handle; an error once the tensor has been disposed of. */
  get handle(): number {
    if (!this.cell.live) throw new RuntimeError('this tensor has been disposed of');
    return this.cell.handle;
  }

  /** dtype, requires_grad, is_leaf, contiguous, version, offset, sizes, strides. */
  #read(): number[] {
    check(door.info(this.handle));
    return result() as number[];
  }
  // Sizes, strides and dtype never change.
  #fixed(): number[] { return (this.#info ??= this.#read()); }

  get dtype(): DType { return DTYPES[this.#fixed()[0]!]!; }
  get shape(): number[] { const i = this.#fixed(); return i.slice(6, 6 + (i.length - 6) / 2); }
  get ndim(): number { return (this.#fixed().length - 6) / 2; }
  get requires_grad(): boolean { return this.#read()[1] !== 0; }
  set requires_grad(on: boolean) { this.requires_grad_(on); }
  get is_leaf(): boolean { return this.#read()[2] !== 0; }
  get _version(): number { return this.#read()[4]!; }
  get itemsize(): number { return this.dtype.itemsize; }
  get nbytes(): number { return this.numel() * this.itemsize; }
  get device(): string { return 'cpu'; }
  get T(): Tensor { return this.permute(this.shape.map((_, i) => i).reverse()); }
  get mT(): Tensor { return this.transpose(-2, -1); }
  get data(): Tensor { return this.detach(); }

  size(): number[];
  size(dim: Int): number;
  size(dim?: Int): number | number[] {
    const shape = this.shape;
    if (dim === undefined) return shape;
    const n = Math.max(shape.length, 1), d = Number(dim);
    if (d < -n || d >= n) throw new IndexError(`Dimension out of range (expected to be in range of [${-n}, ${n - 1}], but got ${d})`);
    return shape[d < 0 ? d + n : d]!;
  }
  stride(): number[] { const i = this.#fixed(); return i.slice(6 + (i.length - 6) / 2); }
  storage_offset(): number { return this.#fixed()[5]!; }
  dim(): number { return this.ndim; }
  ndimension(): number { return this.ndim; }
  numel(): number { return this.shape.reduce((a, b) => a * b, 1); }
  nelement(): number { return this.numel(); }
  element_size(): number { return this.itemsize; }
  is_contiguous(): boolean { return this.#fixed()[3] !== 0; }
  is_floating_point(): boolean { return this.dtype.is_floating_point; }
  is_complex(): boolean { return this.dtype.is_complex; }

  /** The gradient; `null` before there is one. */
  get grad(): Tensor | null {
    check(door.grad(this.handle));
    const g = result() as Tensor | null;
    return g;
  }
  set grad(grad: Tensor | null) { check(door.set_grad(this.handle, grad ? grad.handle : undefined)); }

  get grad_fn(): GradFn | null {
    const text = door.grad_fn(this.handle);
    if (!text) return null;
    const [name, ...next] = text.split('\n');
    return { name: name!, next_functions: next.filter(Boolean), toString: () => `<${name}>` };
  }

  requires_grad_(on = true): this {
    check(door.set_requires_grad(this.handle, on));
    return this;
  }
  retain_grad(): void { check(door.retain_grad(this.handle)); }
  /** Calls `hook` with each gradient; what it returns takes its place. */
  register_hook(hook: (grad: Tensor) => Tensor | null | void): { remove(): void } {
    const key = ++lastHook;
    hooks.set(key, hook);
    check(door.add_hook(this.handle, key));
    return { remove: () => { hooks.delete(key); if (this.cell.live) door.remove_hook(this.handle, key); } };
  }

  /** Gradients of this scalar, or of its product with `gradient`, added to the leaves. */
  backward(gradient?: Tensor | null | BackwardOptions, options?: BackwardOptions): void {
    const kw = options ?? (gradient && !(gradient instanceof Tensor) ? gradient : {});
    const g = gradient instanceof Tensor ? gradient : kw.gradient ?? null;
    runBackward([this], [g], kw.inputs ?? null, (kw.retain_graph ? 1 : 0) | (kw.create_graph ? 2 : 0) | 4);
  }

  /** The only element, as a number; of int64 a bigint; of bool a boolean. */
  item(): number {
    if (this.numel() !== 1) throw new RuntimeError(`a Tensor with ${this.numel()} elements cannot be converted to Scalar`);
    return this.flatten().tolist().at(0) as number;
  }
  /** Nested arrays of elements. */
  tolist(): List[] & List {
    const flat = elements(this);
    const shape = this.shape;
    const build = (d: number, at: number, step: number): List => {
      if (d === shape.length) return flat[at]!;
      const inner = step / shape[d]!;
      return Array.from({ length: shape[d]! }, (_, i) => build(d + 1, at + i * inner, inner));
    };
    return build(0, 0, flat.length) as List[] & List;
  }
  /** A copy of the elements, row-major, in the typed array of the dtype. */
  numpy(): TypedArray { return typed(this); }

  /** The elements, row-major, as raw bytes. */
  tobytes(): Uint8Array {
    const row = this.is_contiguous() ? this : this.detach().contiguous();
    return new Uint8Array(wasm.memory.buffer, check(door.address(row.handle)) >>> 0, this.nbytes).slice();
  }
  /** Another dtype; the tensor itself if it has that already. */
  to(dtype: DType | string | { dtype?: DType }): Tensor {
    const d = dtype instanceof DType ? dtype : typeof dtype === 'object' ? dtype.dtype : undefined;
    return !d || d === this.dtype ? this : (invoke('_to_copy', [this, d]) as Tensor);
  }
  type_as(other: Tensor): Tensor { return this.to(other.dtype); }
  float(): Tensor { return this.to(DTYPES[8]!); }
  double(): Tensor { return this.to(float64); }
  long(): Tensor { return this.to(int64); }
  int(): Tensor { return this.to(DTYPES[4]!); }
  bool(): Tensor { return this.to(bool); }
  half(): Tensor { return this.to(DTYPES[6]!); }
  bfloat16(): Tensor { return this.to(DTYPES[7]!); }
  cpu(): this { return this; }
  clone(): Tensor { return invoke('clone', [this]) as Tensor; }
  reshape_as(other: Tensor): Tensor { return this.reshape(other.shape); }
  view_as(other: Tensor): Tensor { return this.view(other.shape); }
  expand_as(other: Tensor): Tensor { return this.expand(other.shape); }
  detach_(): this { throw new RuntimeError('detach_() is not available: use detach()'); }

  /** `tensor[...]`. */
  index(...indices: Index[]): Tensor { return indexed(this, indices); }
  /** `tensor[...] = value`. */
  index_put_(indices: Index[], value: TensorLike): this {
    const target = indexed(this, indices);
    invoke('copy', [target, value instanceof Tensor ? value : scalarLike(value, this.dtype)], true);
    return this;
  }
  *[Symbol.iterator](): IterableIterator<Tensor> { yield* this.unbind(); }

  /** Frees it now. */
  dispose(): void { free(this.cell); }
  [Symbol.dispose](): void { free(this.cell); }
  toString(): string { return door.repr(this.handle); }
  [Symbol.for('nodejs.util.inspect.custom')](): string { return this.cell.live ? this.toString() : '<disposed tensor>'; }
}

import { IndexError } from './errors.js';

export interface BackwardOptions { gradient?: Tensor | null; retain_graph?: boolean; create_graph?: boolean; inputs?: Tensor[] }

const hooks = new Map<number, (g: Tensor) => Tensor | null | void>();
let lastHook = 0;
let hookError: unknown = null;
(globalThis as Record<string, unknown>)['__cresset_hook'] = (key: number, handle: number): number => {
  const given = new Tensor(handle);
  try {
    const out = hooks.get(key)?.(given);
    return out instanceof Tensor ? out.handle : -1;
  } catch (e) {
    hookError = e;
    throw e;
  }
};

/** One backward pass; flags: 1 retain, 2 create, 4 accumulate. */
export function runBackward(roots: Tensor[], grads: (Tensor | null)[], inputs: Tensor[] | null, flags: number): (Tensor | null)[] {
  begin();
  write('Vec<Tensor>', roots);
  write('Vec<Tensor>', grads);
  write('Vec<Tensor>', inputs);
  hookError = null;
  const status = door.backward(flags);
  if (hookError !== null) {
    door.error();
    throw hookError;
  }
  check(status);
  return result() as (Tensor | null)[];
}

function typed(t: Tensor): TypedArray {
  const row = t.is_contiguous() ? t : t.detach().contiguous();
  const make = t.dtype.array!;
  const at = check(door.address(row.handle)) >>> 0;
  const length = t.numel() * (t.dtype.is_complex ? 2 : 1);
  return new make(wasm.memory.buffer, at, length).slice();
}

function elements(t: Tensor): (number | bigint | boolean)[] {
  if (t.dtype.name === 'float16' || t.dtype.name === 'bfloat16') return elements(t.detach().float());
  if (t.dtype.is_complex) {
    const flat = typed(t) as Float64Array;
    return Array.from({ length: t.numel() }, (_, i) => ({ re: flat[2 * i], im: flat[2 * i + 1] })) as unknown as number[];
  }
  const flat = Array.from(typed(t) as ArrayLike<number | bigint>);
  return t.dtype === bool ? flat.map(Boolean) : flat;
}

/** An empty tensor, to be filled. */
function create(shape: readonly number[], dtype: DType): Tensor {
  begin();
  write('Dims', shape);
  return new Tensor(check(door.create(dtype.index)) >>> 0);
}

/** A tensor of typed values. */
export function fromTyped(data: TypedArray, shape: readonly number[], dtype: DType): Tensor {
  const t = create(shape, dtype);
  const at = check(door.address(t.handle)) >>> 0;
  const make = dtype.array as Float32ArrayConstructor;
  new make(wasm.memory.buffer, at, data.length).set(data as Float32Array);
  return t;
}

const TYPED: [Function, number][] = [[Uint8Array, 1], [Int8Array, 2], [Int16Array, 3], [Int32Array, 4],
  [BigInt64Array, 5], [Float32Array, 8], [Float64Array, 9]];

/** A tensor of one dimension from raw little-endian bytes. */
export function frombuffer(buffer: ArrayBufferView, { dtype }: { dtype: DType }): Tensor {
  const t = create([buffer.byteLength / dtype.itemsize], dtype);
  new Uint8Array(wasm.memory.buffer, check(door.address(t.handle)) >>> 0, buffer.byteLength).set(new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength));
  return t;
}
/** A number in a dtype. */
export function scalarLike(value: Num, dtype: DType): Tensor { return tensor(value, { dtype }); }

/** A tensor with a copy of `data`: numbers, nested arrays, a typed array. */
export function tensor(data: Nested | TypedArray | Tensor, kwargs: { dtype?: DType; requires_grad?: boolean } = {}): Tensor {
  let out: Tensor;
  if (data instanceof Tensor) {
    out = data.detach().clone();
  } else if (ArrayBuffer.isView(data)) {
    const kind = TYPED.find(([c]) => data instanceof c);
    if (!kind) throw new TypeError(`tensor(): no dtype for ${(data as object).constructor.name}`);
    out = fromTyped(data as TypedArray, [(data as TypedArray).length], DTYPES[kind[1]]!);
  } else {
    const shape: number[] = [];
    for (let d: Nested = data as Nested; Array.isArray(d); d = d[0] as Nested) {
      shape.push(d.length);
      if (d.length === 0) break;
    }
    const flat: Num[] = [];
    const walk = (d: Nested, depth: number): void => {
      if (Array.isArray(d)) {
        if (d.length !== shape[depth]) {
          throw new ValueError(`expected sequence of length ${shape[depth]} at dim ${depth} (got ${d.length})`);
        }
        for (const x of d) walk(x as Nested, depth + 1);
      } else if (d instanceof Tensor) {
        flat.push(d.item());
      } else if (depth !== shape.length) {
        throw new TypeError("not a sequence");
      } else {
        flat.push(d as Num);
      }
    };
    walk(data as Nested, 0);
    const floats = flat.length === 0 || flat.some((x) => typeof x === 'number');
    const ints = flat.some((x) => typeof x === 'bigint');
    if (floats) out = fromTyped(Float64Array.from(flat, Number), shape, float64).to(kwargs.dtype ?? DTYPES[door.default_dtype()]!);
    else if (ints) out = fromTyped(BigInt64Array.from(flat, BigInt), shape, int64);
    else out = fromTyped(Uint8Array.from(flat, Number), shape, bool);
  }
  if (kwargs.dtype) out = out.to(kwargs.dtype);
  return kwargs.requires_grad ? out.requires_grad_() : out;
}
import { ValueError } from './errors.js';

const integer = (s: string): number | null => (s.trim() === '' ? null : Number(s));

/** Indexing: views for integers, slices, null and '...'; copies for masks and index tensors. */
function indexed(t: Tensor, list: Index[]): Tensor {
  const parts: Index[] = list.flatMap((i): Index[] => {
    if (typeof i === 'string' && i !== '...') {
      return i.split(',').map((p) => {
        const s = p.trim();
        if (s === '...' ) return s;
        if (!s.includes(':')) return Number(s);
        const [a, b, c] = s.split(':');
        return new Slice(integer(a ?? ''), integer(b ?? ''), integer(c ?? ''));
      });
    }
    return [i];
  });
  const used = parts.reduce<number>((n, i) => n + (i === null || i === '...' || typeof i === 'boolean' ? 0
    : i instanceof Tensor && i.dtype === bool ? i.ndim : 1), 0);
  if (used > t.ndim) throw new IndexError(`too many indices for tensor of dimension ${t.ndim}`);
  let out = t;
  let dim = 0;
  const arrays: { at: number; index: Tensor }[] = [];
  for (const i of parts) {
    if (i === '...') dim += t.ndim - used;
    else if (i === null) out = out.unsqueeze(dim++);
    else if (i instanceof Slice) {
      out = invoke('slice', [out, dim++, i.start, i.end, i.step ?? 1]) as Tensor;
    } else if (i instanceof Tensor) {
      if (i.dtype === bool) {
        const flat = out.flatten(dim, dim + i.ndim - 1);
        const where = Array.from(i.flatten().tolist() as boolean[]).flatMap((b, k) => (b ? [BigInt(k)] : []));
        out = flat;
        arrays.push({ at: dim++, index: tensor(where.length ? where : [], { dtype: int64 }) });
      } else arrays.push({ at: dim++, index: i });
    } else if (typeof i === 'boolean') throw new IndexError('indexing by a boolean is not supported');
    else {
      const n = out.shape[dim]!;
      const k = Number(i);
      if (k < -n || k >= n) throw new IndexError(`index ${k} is out of bounds for dimension ${dim} with size ${n}`);
      out = out.select(dim, i as Int);
    }
  }
  if (arrays.length > 1) throw new IndexError('indexing by several index tensors is not supported yet');
  for (const { at, index } of arrays) {
    const n = out.shape[at]!;
    const wrapped = index.lt(0).where(index.add(BigInt(n)), index);
    const shape = out.shape;
    out = out.index_select(at, wrapped.flatten()).reshape([...shape.slice(0, at), ...index.shape, ...shape.slice(at + 1)]);
  }
  return out === t ? (invoke('alias', [t]) as Tensor) : out;
}

const isTensor = (v: unknown): v is Tensor => v instanceof Tensor;
/** Runs `fn` and frees the tensors made in it that it does not return. */
export function tidy<T>(fn: () => T): T { return scoped(fn, isTensor); }

// The methods of the op table: `where` and friends take the tensor where PyTorch does.
for (const entry of TABLE) {
  if (entry.names[0]!.includes('.') || !['Tensor', 'Operand', 'AsTensor'].includes(entry.params[0]?.[1] ?? '') || entry.marks.includes('create')) continue;
  for (const name of entry.names) {
    const define = (key: string, value: unknown): void => {
      if (!(key in Tensor.prototype)) Object.defineProperty(Tensor.prototype, key, { value, writable: true, configurable: true });
    };
    define(name, function (this: Tensor, ...args: unknown[]) { return invoke(name, [this, ...args]); });
    if (entry.marks.includes('inplace')) {
      define(`${name}_`, function (this: Tensor, ...args: unknown[]) { return invoke(name, [this, ...args], true); });
    }
  }
}
