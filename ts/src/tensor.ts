/** The tensor as JavaScript sees it: a handle of the core, with PyTorch's attributes and methods. */
import { door, wasm } from '#wasm';
import { check, readUnits, result } from './buffer.js';
import { invoke } from './call.js';
import { typeName } from './signatures.js';
import { tensor, type Nested, type TensorOptions } from './creation.js';
import { bool, DType, DTYPES, float32, float64, type TypedArray } from './dtype.js';
import * as dtypes from './dtype.js';
import { IndexError, RuntimeError } from './errors.js';
import { addAccumulateHook, addHook, gradFn, noteLeaf, retainGrad, runBackward, type BackwardOptions, type Node, type RemovableHandle } from './autograd/index.js';
import type { Methods } from './generated.js';
import { indexed, putIndexed, type Index } from './indexing.js';
import { free, held, isDisposed, keepLeaf, use, type Holder } from './memory.js';
import { isScoped, scoped, track } from './scopes.js';

/** Python's float, int or bool. */
export type Num = number | bigint | boolean;
/** A complex number. */
export interface Complex { re: number; im: number }
/** @internal */
export function isComplex(v: unknown): v is Complex { return typeof v === 'object' && v !== null && 're' in v && 'im' in v; }
/** Sizes, dims, indices, counts. */
export type Int = number | bigint;
/** What an op takes for a tensor. */
export type TensorLike = Tensor | Num | Complex;
/** `tolist()`: numbers nested as deep as the tensor has dimensions. */
export type List = number | bigint | boolean | Complex | List[];

export interface Tensor extends Omit<Methods, 'index_put_'> {}
/** An n-dimensional array with automatic differentiation; make one with `torch.tensor` and its like. */
export class Tensor {
  /** @internal Where its handle is. */
  declare _place: number;
  /** @internal Keeps its page of tensors from being taken for garbage. */
  declare _page: Holder;
  // dtype, flags, version, offset, number of dimensions; then sizes and strides: all but the flags
  // and the version stay as they are.
  #info: number[] | null = null;
  #grad: Tensor | null = null;

  /** @internal Takes over a handle of the core. */
  constructor(handle: number) {
    track(this, handle);
  }

  /** @internal The handle; an error once the tensor has been disposed of. */
  get handle(): number { return use(this); }
  /** @internal Becomes what another tensor is. */
  _become(other: Tensor): this {
    check(door.replace(this.handle, other.handle));
    this.#info = null;
    return this;
  }

  #read(): number[] {
    const ndim = check(door.info(this.handle));
    return (this.#info = readUnits(5 + 2 * ndim));
  }
  #fixed(): number[] { return this.#info ?? this.#read(); }

  get dtype(): DType { return DTYPES[this.#fixed()[0]!]!; }
  get shape(): number[] {
    const i = this.#fixed();
    return i.slice(5, 5 + i[4]!);
  }
  get ndim(): number { return this.#fixed()[4]!; }
  get requires_grad(): boolean { return (this.#read()[1]! & 1) !== 0; }
  set requires_grad(on: boolean) { this.requires_grad_(on); }
  get is_leaf(): boolean { return (this.#read()[1]! & 2) !== 0; }
  /** Whether it is no leaf and keeps its gradient all the same. */
  get retains_grad(): boolean { return (this.#read()[1]! & 16) !== 0; }
  /** Whether it was made in inference mode. */
  is_inference(): boolean { return (this.#fixed()[1]! & 8) !== 0; }
  get _version(): number { return this.#read()[2]!; }
  get itemsize(): number { return this.dtype.itemsize; }
  get nbytes(): number { return this.numel() * this.itemsize; }
  get device(): string { return 'cpu'; }
  get layout(): string { return 'torch.strided'; }
  get is_cpu(): boolean { return true; }
  /** The dimensions in reverse order. */
  get T(): Tensor {
    const n = this.ndim;
    return this.permute(Array.from({ length: n }, (_, i) => n - 1 - i));
  }
  /** The last two dimensions exchanged. */
  get mT(): Tensor {
    if (this.ndim < 2) throw new RuntimeError(`tensor.mT is only supported on matrices or batches of matrices. Got ${this.ndim}-D tensor.`);
    return this.transpose(-2, -1);
  }
  /** The conjugate transpose of a matrix. */
  get H(): Tensor {
    if (this.ndim !== 2 && this.ndim !== 0) throw new RuntimeError(`tensor.H is only supported on matrices (2-D tensors). Got ${this.ndim}-D tensor.${this.ndim > 2 ? ' For batches of matrices, consider using tensor.mH' : ''}`);
    return this.ndim === 0 ? this : this.dtype.is_complex ? this.transpose(0, 1).conj() : this.transpose(0, 1);
  }
  /** The conjugate transpose of the last two dimensions. */
  get mH(): Tensor {
    if (this.ndim < 2) throw new RuntimeError(`tensor.mH is only supported on matrices or batches of matrices. Got ${this.ndim}-D tensor.`);
    return this.dtype.is_complex ? this.transpose(-2, -1).conj() : this.transpose(-2, -1);
  }
  /** The real parts, as a view; of a real tensor the tensor itself. */
  get real(): Tensor { return invoke('real', [this]) as Tensor; }
  set real(value: Tensor) { this.real.copy_(value); }
  /** The imaginary parts, as a view. */
  get imag(): Tensor { return invoke('imag', [this]) as Tensor; }
  set imag(value: Tensor) { this.imag.copy_(value); }
  /** The same elements, outside of the graph and without its version counter. */
  get data(): Tensor { return new Tensor(check(door.variable_data(this.handle))); }
  set data(value: Tensor) {
    const { requires_grad } = this;
    this._become(value.detach());
    if (requires_grad) this.requires_grad_();
  }

  size(): number[];
  size(dim: Int): number;
  size(dim?: Int): number | number[] {
    const shape = this.shape;
    if (dim === undefined || dim === null) return shape;
    return shape[wrap(dim, shape.length)]!;
  }
  stride(): number[];
  stride(dim: Int): number;
  stride(dim?: Int): number | number[] {
    const i = this.#fixed(), n = i[4]!, strides = i.slice(5 + n);
    return dim === undefined || dim === null ? strides : strides[wrap(dim, n)]!;
  }
  storage_offset(): number { return this.#fixed()[3]!; }
  dim(): number { return this.ndim; }
  ndimension(): number { return this.ndim; }
  numel(): number {
    const i = this.#fixed();
    let n = 1;
    for (let d = 0; d < i[4]!; d++) n *= i[5 + d]!;
    return n;
  }
  nelement(): number { return this.numel(); }
  element_size(): number { return this.itemsize; }
  get_device(): number { return -1; }
  is_contiguous(): boolean { return (this.#fixed()[1]! & 4) !== 0; }
  is_floating_point(): boolean { return this.dtype.is_floating_point; }
  is_complex(): boolean { return this.dtype.is_complex; }
  is_signed(): boolean { return this.dtype.is_signed; }
  is_same_size(other: Tensor): boolean { return String(this.shape) === String(other.shape); }
  is_nonzero(): boolean { return this.truth(); }
  /** Whether the only element is not zero: what Python's `bool(tensor)` is. */
  truth(): boolean { return check(door.truth(this.handle)) === 1; }

  /** The gradient that `backward` has accumulated; `null` before there is one. */
  get grad(): Tensor | null {
    const known = this.#grad ? held(this.#grad) : 0;
    const handle = check(door.grad(this.handle, known));
    if (handle === -3) return (this.#grad = null);
    return handle === known && this.#grad ? this.#grad : (this.#grad = new Tensor(handle));
  }
  set grad(grad: Tensor | null) {
    if (grad !== null && !(grad instanceof Tensor)) {
      throw new TypeError(`assigned grad expected to be a Tensor or None but got grad of type ${typeName(grad)}`);
    }
    check(door.set_grad(this.handle, grad ? grad.handle : 0));
    this.#grad = grad;
  }
  /** The node that made it; `null` for a leaf. */
  get grad_fn(): Node | null { return gradFn(this); }
  /** Which result of its node it is. */
  get output_nr(): number { return check(door.output_nr(this.handle)); }
  /** The tensor that it is a view of, if it is one. */
  get _base(): Tensor | null { return result(door.base(this.handle)) as Tensor | null; }
  _is_view(): boolean { return this._base !== null; }

  requires_grad_(on = true): this {
    check(door.set_requires_grad(this.handle, on));
    // A leaf that will have a gradient is held for long, with its like.
    if (on && !isScoped(this)) keepLeaf(this);
    if (on) noteLeaf(this);
    return this;
  }
  retain_grad(): void { retainGrad(this); }
  /** Calls `hook` with each gradient of this tensor; what it returns takes the gradient's place. */
  register_hook(hook: (grad: Tensor) => Tensor | null | undefined | void): RemovableHandle { return addHook(this, hook); }
  /** Calls `hook` with this leaf whenever a gradient has been added to its `grad`. */
  register_post_accumulate_grad_hook(hook: (leaf: this) => void): RemovableHandle { return addAccumulateHook(this, () => { hook(this); }); }
  /** Gradients of this scalar, or of its product with `gradient`, added to the leaves. */
  backward(gradient?: Tensor | null | BackwardOptions, options?: BackwardOptions): void {
    const given = gradient instanceof Tensor ? gradient : null;
    const kw = options ?? (gradient && !given ? (gradient as BackwardOptions) : {});
    runBackward(this, given ?? kw.gradient, kw);
  }

  /** The only element as a number; of int64 a bigint, of bool a boolean, of complex `{re, im}`. */
  item(): number {
    const value = result(door.item(this.handle)) as Num | Complex;
    return (typeof value === 'bigint' && this.dtype !== dtypes.int64 ? Number(value) : value) as number;
  }
  /** Nested arrays of elements. */
  tolist(): List[] & List {
    const flat = elements(this);
    const shape = this.shape;
    const build = (d: number, at: number, step: number): List => {
      if (d === shape.length) return flat[at]!;
      const inner = shape[d]! ? step / shape[d]! : 0;
      return Array.from({ length: shape[d]! }, (_, i) => build(d + 1, at + i * inner, inner));
    };
    return build(0, 0, flat.length) as List[] & List;
  }
  /** A copy of the elements, row-major, in the typed array of the dtype. */
  numpy(): TypedArray {
    if (this.requires_grad) throw new RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
    return typed(this);
  }
  /** A copy of the elements, row-major, as bytes. */
  tobytes(): Uint8Array {
    const t = typed(this);
    return new Uint8Array(t.buffer, t.byteOffset, t.byteLength);
  }

  /** Another dtype; the tensor itself if it has that already. */
  to(target?: DType | Tensor | string | { dtype?: DType; copy?: boolean; device?: string }, options?: DType | { dtype?: DType; copy?: boolean }): Tensor {
    const kw = [target, options].find((o): o is { dtype?: DType; copy?: boolean } => typeof o === 'object' && o !== null && !(o instanceof DType) && !(o instanceof Tensor));
    const named = [target, options].find((o) => o instanceof DType || o instanceof Tensor) as DType | Tensor | undefined;
    const dtype = named instanceof Tensor ? named.dtype : named ?? kw?.dtype ?? this.dtype;
    if (dtype === this.dtype) return kw?.copy ? this.clone() : this;
    return invoke('_to_copy', [this, dtype]) as Tensor;
  }
  type(): string;
  type(dtype: DType): Tensor;
  type(dtype?: DType): Tensor | string { return dtype ? this.to(dtype) : `torch.${this.dtype.scalar_type}Tensor`; }
  type_as(other: Tensor): Tensor { return this.to(other.dtype); }
  float(): Tensor { return this.to(float32); }
  double(): Tensor { return this.to(float64); }
  half(): Tensor { return this.to(dtypes.float16); }
  bfloat16(): Tensor { return this.to(dtypes.bfloat16); }
  long(): Tensor { return this.to(dtypes.int64); }
  int(): Tensor { return this.to(dtypes.int32); }
  short(): Tensor { return this.to(dtypes.int16); }
  char(): Tensor { return this.to(dtypes.int8); }
  byte(): Tensor { return this.to(dtypes.uint8); }
  bool(): Tensor { return this.to(bool); }
  cfloat(): Tensor { return this.to(dtypes.complex64); }
  cdouble(): Tensor { return this.to(dtypes.complex128); }
  cpu(): this { return this; }
  /** A tensor of other data, in this dtype if none is named. */
  new_tensor(data: Nested, options: TensorOptions = {}): Tensor { return tensor(data, { dtype: this.dtype, ...options }); }
  /** Cuts it off from its history, in place. */
  detach_(): this {
    check(door.detach_in_place(this.handle));
    return this;
  }

  /** What stands in brackets in Python: `x.index(1, torch.slice(2, null), null, '...', mask)`. */
  index(...indices: Index[]): Tensor { return indexed(this, indices); }
  /** `x[indices] = value`; with `accumulate` it is added. */
  index_put_(indices: readonly Index[], value: TensorLike, accumulate: boolean | { accumulate?: boolean } = false): this {
    putIndexed(this, indices, value, typeof accumulate === 'boolean' ? accumulate : accumulate.accumulate ?? false);
    return this;
  }
  /** Its parts along the first dimension. */
  *[Symbol.iterator](): IterableIterator<Tensor> {
    if (this.ndim === 0) throw new TypeError('iteration over a 0-d tensor');
    yield* this.unbind();
  }

  /** Frees it now. */
  dispose(): void { free(this); }
  [Symbol.dispose](): void { free(this); }
  toString(): string { return door.repr(this.handle); }
  [Symbol.toPrimitive](hint: string): unknown { return hint === 'string' || this.numel() !== 1 ? this.toString() : this.item(); }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return isDisposed(this) ? '<disposed tensor>' : this.toString();
  }
}

/** A dimension from the front. */
function wrap(dim: Int, ndim: number): number {
  const n = Math.max(ndim, 1), d = Number(dim);
  if (d < -n || d >= n) throw new IndexError(`Dimension out of range (expected to be in range of [${-n}, ${n - 1}], but got ${d})`);
  return d < 0 ? d + n : d;
}

function typed(t: Tensor): TypedArray {
  const row = t.is_contiguous() ? t : (invoke('contiguous', [t.detach()]) as Tensor);
  const length = t.numel() * (t.dtype.is_complex ? 2 : 1);
  // An empty tensor has no address worth reading.
  if (length === 0) return new t.dtype.array(0);
  const at = door.address(row.handle) >>> 0;
  if (at === 0) throw new RuntimeError("Cannot access data pointer of Tensor that doesn't have storage");
  return new t.dtype.array(wasm.memory.buffer, at, length).slice();
}

function elements(t: Tensor): (number | bigint | boolean | Complex)[] {
  if (t.dtype === dtypes.float16 || t.dtype === dtypes.bfloat16) return elements(t.detach().float());
  if (t.dtype.is_complex) {
    const flat = typed(t) as Float64Array;
    return Array.from({ length: t.numel() }, (_, i) => ({ re: flat[2 * i]!, im: flat[2 * i + 1]! }));
  }
  const flat = Array.from(typed(t) as ArrayLike<number | bigint>);
  return t.dtype === bool ? flat.map(Boolean) : flat;
}

/** @internal Makes a new tensor require a gradient, if it is to. */
export function requireGrad<T extends Tensor>(t: T, on: boolean): T {
  if (on && !t.dtype.is_floating_point && !t.dtype.is_complex) {
    throw new RuntimeError('Only Tensors of floating point and complex dtype can require gradients');
  }
  return t.requires_grad_(on);
}
/** @internal */
export const isTensor = (v: unknown): v is Tensor => v instanceof Tensor;
/** Runs `fn` and frees the tensors made in it that it does not return or `keep`. */
export function tidy<T>(fn: () => T): T { return scoped(fn, isTensor); }
