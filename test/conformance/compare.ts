/** Comparison with the recorded value, by the vectors' own rule: the first difference in words, or null. */
import { type Any, bytesOf, dtype as needDtype, dtypeName, find, isTensor, shapeOf, torch } from './adapter.ts';
import { float, show, slice, type TensorRecord } from './decode.ts';

/** Relative and absolute. */
export type Tolerance = readonly [number, number];
export interface Rule {
  tol?: Tolerance | undefined;
  /** Positions that are too ill-conditioned to compare, by number of the output tensor. */
  ignore?: [number, number[]][];
  /** Only dtype and shape are specified. */
  meta?: boolean;
  /** Judges the positions in which two index tensors differ. */
  sameChoice?: ((actual: Any, expected: Numbers) => boolean) | undefined;
}

export type Numbers = ArrayLike<number | bigint>;

const halfBits = (bits: number, exponentBits: number, mantissaBits: number): number => {
  const sign = bits >> (exponentBits + mantissaBits) ? -1 : 1;
  const exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1);
  const mantissa = bits & ((1 << mantissaBits) - 1);
  const bias = (1 << (exponentBits - 1)) - 1;
  if (exponent === (1 << exponentBits) - 1) return mantissa ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + mantissa / (1 << mantissaBits)) * 2 ** (exponent - bias) : (mantissa / (1 << mantissaBits)) * 2 ** (1 - bias));
};

/** Elements from raw bytes; complex ones as pairs. */
export function numbers(dtype: string, bytes: Uint8Array): Numbers {
  const buffer = bytes.byteOffset % 8 === 0 ? bytes.buffer : bytes.slice().buffer;
  const offset = bytes.byteOffset % 8 === 0 ? bytes.byteOffset : 0;
  const view = <T>(of: { new (b: ArrayBufferLike, at: number, n: number): T; BYTES_PER_ELEMENT: number }): T => new of(buffer, offset, bytes.length / of.BYTES_PER_ELEMENT);
  switch (dtype) {
    case 'bool': case 'uint8': return view(Uint8Array);
    case 'int8': return view(Int8Array);
    case 'int16': return view(Int16Array);
    case 'uint16': return view(Uint16Array);
    case 'int32': return view(Int32Array);
    case 'uint32': return view(Uint32Array);
    case 'int64': return view(BigInt64Array);
    case 'uint64': return view(BigUint64Array);
    case 'float16': case 'complex32': return Array.from(view(Uint16Array), (b) => halfBits(b, 5, 10));
    case 'bfloat16': return Array.from(view(Uint16Array), (b) => halfBits(b, 8, 7));
    case 'float32': case 'complex64': return view(Float32Array);
    case 'float64': case 'complex128': return view(Float64Array);
    default: throw new Error(`no reading of dtype ${dtype}`);
  }
}

const position = (flat: number, shape: readonly number[]): string => {
  const at: number[] = [];
  for (let d = shape.length - 1; d >= 0; d--) {
    at.unshift(flat % shape[d]!);
    flat = Math.floor(flat / shape[d]!);
  }
  return `[${at.join(', ')}]`;
};

const near = (a: number, e: number, [rtol, atol]: Tolerance): boolean => a === e || (a !== a && e !== e)
  || (Number.isFinite(a - e) && Math.abs(a - e) <= atol + rtol * Math.abs(e));

/** A complex number is NaN if one of its parts is, and its distance is that of the plane. */
const nearComplex = (ar: number, ai: number, er: number, ei: number, [rtol, atol]: Tolerance): boolean => (ar === er && ai === ei)
  || ((ar !== ar || ai !== ai) && (er !== er || ei !== ei))
  || (Number.isFinite(ar - er) && Number.isFinite(ai - ei) && Math.hypot(ar - er, ai - ei) <= atol + rtol * Math.hypot(er, ei));

function tensorDifference(actual: Any, record: TensorRecord, bin: Uint8Array, rule: Rule, ignored: readonly number[]): string | null {
  needDtype(record.dtype);
  if (!isTensor(actual)) return `got ${kind(actual)}, expected ${record.dtype}[${record.shape.join(', ')}]`;
  const [dtype, shape] = [dtypeName(actual), shapeOf(actual)];
  if (dtype !== record.dtype || shape.join() !== record.shape.join()) {
    return `got ${dtype}[${shape.join(', ')}], expected ${record.dtype}[${record.shape.join(', ')}]`;
  }
  if (rule.meta || !record.data) return null;
  const got = numbers(dtype, bytesOf(actual));
  const expected = numbers(dtype, slice(bin, record.data));
  const complex = dtype.startsWith('complex');
  const exact = !complex && !dtype.includes('float');
  const tol = rule.tol ?? [0, 0];
  const skip = new Set(ignored);
  const count = complex ? expected.length / 2 : expected.length;
  let [wrong, first] = [0, -1];
  if (got.length !== expected.length) return `got ${got.length} numbers, expected ${expected.length}`;
  for (let i = 0; i < count; i++) {
    const same = exact ? got[i] === expected[i]
      : complex ? nearComplex(got[2 * i] as number, got[2 * i + 1] as number, expected[2 * i] as number, expected[2 * i + 1] as number, tol)
        : near(got[i] as number, expected[i] as number, tol);
    if (same || skip.has(i)) continue;
    if (wrong++ === 0) first = i;
  }
  if (wrong === 0 || (dtype === 'int64' && rule.sameChoice?.(actual, expected))) return null;
  const at = (list: Numbers): string => (complex ? `${list[2 * first]}${(list[2 * first + 1] as number) < 0 ? '' : '+'}${list[2 * first + 1]}j` : String(list[first]));
  return `${dtype}[${shape.join(', ')}] at ${position(first, shape)}: got ${at(got)}, expected ${at(expected)}${wrong > 1 ? ` (${wrong} of ${count} differ)` : ''}`;
}

function kind(v: Any): string {
  return v === null || v === undefined ? String(v) : isTensor(v) ? show(v) : Array.isArray(v) ? `a list of ${v.length}` : `${typeof v} ${show(v).slice(0, 60)}`;
}

const isList = (v: Any): boolean => Array.isArray(v) || ArrayBuffer.isView(v);

/** A difference within a part of a value: `[0].values: got ...`. */
export const inside = (label: string, why: string | null): string | null => why && `${label}${/^(\[|\.)/.test(why) ? '' : ': '}${why}`;

/** The first difference of a value from its record. */
export function difference(actual: Any, expected: Any, bin: Uint8Array, rule: Rule = {}): string | null {
  let tensorsSeen = 0;
  const list = (got: Any, want: Any[]): string | null => {
    if (!isList(got) || got.length !== want.length) return `got ${kind(got)}, expected ${want.length} items`;
    for (let i = 0; i < want.length; i++) {
      const why = inside(`[${i}]`, walk(got[i], want[i]));
      if (why) return why;
    }
    return null;
  };
  const plain = (same: boolean, got: Any, want: Any): string | null => (same ? null : `got ${kind(got)}, expected ${show(want)}`);
  const walk = (got: Any, want: Any): string | null => {
    if (want === null) return plain(got === null || got === undefined, got, want);
    if (typeof want === 'number') return plain((typeof got === 'number' || typeof got === 'bigint') && Number(got) === want, got, want);
    if (typeof want !== 'object') return plain(got === want, got, want);
    if (Array.isArray(want)) return list(got, want);
    if ('tensor' in want) {
      const n = tensorsSeen++;
      return tensorDifference(got, want.tensor, bin, rule, rule.ignore?.find(([k]) => k === n)?.[1] ?? []);
    }
    if ('float' in want) return plain(typeof got === 'number' && (rule.meta || near(got, float(want.float), rule.tol ?? [0, 0])), got, float(want.float));
    if ('int' in want) return plain(typeof got === 'bigint' && got === BigInt(want.int), got, BigInt(want.int));
    if ('complex' in want) {
      const [re, im] = want.complex.map(float);
      return plain(typeof got === 'object' && got !== null && nearComplex(got.re, got.im, re, im, rule.tol ?? [0, 0]), got, { re, im });
    }
    if ('tuple' in want) {
      const missing = (want.fields as string[] | undefined)?.find((f) => !(got && typeof got === 'object' && f in got));
      return missing ? `the result has no field '${missing}'` : list(got, want.tuple);
    }
    if ('size' in want) return list(got, want.size);
    if ('dict' in want) {
      const entries: [string, Any][] = got instanceof Map ? [...got] : Object.entries(got ?? {});
      const keys = want.dict.map(([k]: [string, Any]) => k);
      if (entries.map(([k]) => k).join() !== keys.join()) return `got the keys ${entries.map(([k]) => k).join(', ')}, expected ${keys.join(', ')}`;
      for (const [i, [k, x]] of want.dict.entries()) {
        const why = inside(`.${k}`, walk(entries[i]![1], x));
        if (why) return why;
      }
      return null;
    }
    if ('dtype' in want) return plain(got !== undefined && got === torch[want.dtype], got, want.dtype);
    if ('device' in want) return plain(String(got) === want.device, got, want.device);
    for (const key of ['memory_format', 'layout']) {
      if (key in want) return plain(got !== undefined && (got === find(want[key]) || String(got).replace('torch.', '') === want[key]), got, want[key]);
    }
    return `no reading of ${JSON.stringify(want).slice(0, 60)}`;
  };
  return walk(actual, expected);
}

/** The tensors in a value, depth first. */
export function tensorsIn(v: Any): Any[] {
  if (isTensor(v)) return [v];
  if (Array.isArray(v)) return v.flatMap(tensorsIn);
  if (v && typeof v === 'object' && Object.getPrototypeOf(v) === Object.prototype) return Object.values(v).flatMap(tensorsIn);
  return [];
}
