/** Values of the vectors as JavaScript values: ints become bigint, floats number, tensors are built from their bytes. */
import { type Any, dtype, find, fn, fromBytes, quietly, torch, Unsupported } from './adapter.ts';

export interface TensorRecord {
  dtype: string; shape: number[]; data?: [number, number]; strides?: number[]; offset?: number; requires_grad?: boolean;
}
/** Sizes of an element in bytes. */
export const ITEMSIZE: Record<string, number> = {
  bool: 1, uint8: 1, int8: 1, int16: 2, uint16: 2, int32: 4, uint32: 4, int64: 8, uint64: 8, float16: 2, bfloat16: 2, float32: 4, float64: 8,
  complex32: 4, complex64: 8, complex128: 16,
};

/** A float as the vectors write it. */
export function float(v: number | string): number {
  if (typeof v === 'number') return v;
  return v === 'nan' ? NaN : v === 'inf' ? Infinity : v === '-inf' ? -Infinity : Number(v);
}

/** The bytes of a tensor record, in a buffer of their own. */
export const slice = (bin: Uint8Array, [start, length]: [number, number]): Uint8Array => bin.slice(start, start + length);

function tensor(record: TensorRecord, bin: Uint8Array): Any {
  dtype(record.dtype);
  if (!record.data) return fn('empty')(record.shape, { dtype: dtype(record.dtype) });
  const bytes = slice(bin, record.data);
  const strided = record.strides !== undefined && record.offset !== undefined;
  const t = quietly(() => {
    if (!strided) return fromBytes(record.dtype, record.shape, bytes);
    const storage = fromBytes(record.dtype, [bytes.length / ITEMSIZE[record.dtype]!], bytes);
    return fn('as_strided')(storage, record.shape, record.strides, record.offset);
  });
  return record.requires_grad ? t.requires_grad_() : t;
}

/** Decodes the arguments of one call; `tensors` are its distinct input tensors in order. */
export class Decoder {
  readonly tensors: Any[] = [];
  readonly bin: Uint8Array;
  constructor(bin: Uint8Array) { this.bin = bin; }

  value = (v: Any): Any => {
    if (typeof v === 'number') return BigInt(v);
    if (v === null || typeof v !== 'object') return v;
    if (Array.isArray(v)) return v.map(this.value);
    if ('tensor' in v) {
      const t = tensor(v.tensor, this.bin);
      this.tensors.push(t);
      return t;
    }
    if ('ref' in v) return this.tensors[v.ref];
    if ('float' in v) return float(v.float);
    if ('int' in v) return BigInt(v.int);
    if ('complex' in v) return { re: float(v.complex[0]), im: float(v.complex[1]) };
    if ('tuple' in v) return v.tuple.map(this.value);
    if ('size' in v) return v.size.map(this.value);
    if ('dict' in v) return Object.fromEntries(v.dict.map(([k, x]: [string, Any]) => [k, this.value(x)]));
    if ('slice' in v) return torch.slice(...v.slice.map(this.value));
    if ('ellipsis' in v) return '...';
    if ('dtype' in v) return dtype(v.dtype);
    if ('device' in v) return v.device;
    if ('memory_format' in v) return find(v.memory_format) ?? v.memory_format;
    if ('layout' in v) return find(v.layout) ?? v.layout;
    if ('callable' in v) return fn(v.callable);
    if ('module' in v) return construct(v.module, [], this.record(v.kwargs));
    throw new Unsupported(`no reading of ${JSON.stringify(v).slice(0, 60)}`);
  };

  record(v: Record<string, Any>): Record<string, Any> {
    return Object.fromEntries(Object.entries(v).map(([k, x]) => [k, this.value(x)]));
  }
}

/** Positional arguments and, where there are any, the trailing keywords. */
export const withKeywords = (args: readonly unknown[], kwargs: Record<string, unknown>): unknown[] => (Object.keys(kwargs).length ? [...args, kwargs] : [...args]);

/** An instance of a class of the package. */
export function construct(path: string, args: readonly unknown[], kwargs: Record<string, unknown>): Any {
  const made = fn(path) as unknown as new (...a: unknown[]) => Any;
  return new made(...withKeywords(args, kwargs));
}

/** How a value reads in a message: `float32[2, 3]`, `2` for an int, `2.5` or `2.0` for a float. */
export function show(v: Any): string {
  if (v instanceof torch.Tensor) return `${v.dtype.name}[${[...v.shape].join(', ')}]${v.is_contiguous?.() === false ? ' strided' : ''}`;
  if (typeof v === 'number') return Number.isInteger(v) ? v.toFixed(1) : String(v);
  if (typeof v === 'string') return `'${v}'`;
  if (typeof v === 'function') return v.name;
  if (Array.isArray(v)) return `[${v.map(show).join(', ')}]`;
  if (v && Object.getPrototypeOf(v) === Object.prototype) return `{${Object.entries(v).map(([k, x]) => `${k}: ${show(x)}`).join(', ')}}`;
  return String(v);
}
