/** Data types, in the order of their numbers at the wasm boundary. */

export class DType {
  constructor(readonly name: string, readonly index: number, readonly itemsize: number,
    /** What PyTorch's kernels call it in messages. */
    readonly scalar_type: string,
    /** The typed array that holds its elements; of complex numbers both parts in turn. */
    readonly array: TypedArrayConstructor) {}
  /** The C++ type, which some messages name instead. */
  get cpp_name(): string { return CPP_NAMES[this.index]!; }
  get is_floating_point(): boolean { return this.index >= 6 && this.index <= 9; }
  get is_complex(): boolean { return this.index >= 10; }
  get is_signed(): boolean { return this.index >= 2; }
  toString(): string { return `torch.${this.name}`; }
  [Symbol.for('nodejs.util.inspect.custom')](): string { return this.toString(); }
}

const CPP_NAMES = ['bool', 'unsigned char', 'signed char', 'short int', 'int', 'long int', 'c10::Half', 'c10::BFloat16', 'float',
  'double', 'c10::complex<float>', 'c10::complex<double>'];

export type TypedArray = Uint8Array | Int8Array | Int16Array | Int32Array | BigInt64Array | Uint16Array
  | Float32Array | Float64Array;
export type TypedArrayConstructor = Uint8ArrayConstructor | Int8ArrayConstructor | Int16ArrayConstructor
  | Int32ArrayConstructor | BigInt64ArrayConstructor | Uint16ArrayConstructor | Float32ArrayConstructor
  | Float64ArrayConstructor;

export const bool = new DType('bool', 0, 1, 'Bool', Uint8Array);
export const uint8 = new DType('uint8', 1, 1, 'Byte', Uint8Array);
export const int8 = new DType('int8', 2, 1, 'Char', Int8Array);
export const int16 = new DType('int16', 3, 2, 'Short', Int16Array);
export const int32 = new DType('int32', 4, 4, 'Int', Int32Array);
export const int64 = new DType('int64', 5, 8, 'Long', BigInt64Array);
export const float16 = new DType('float16', 6, 2, 'Half', Uint16Array);
export const bfloat16 = new DType('bfloat16', 7, 2, 'BFloat16', Uint16Array);
export const float32 = new DType('float32', 8, 4, 'Float', Float32Array);
export const float64 = new DType('float64', 9, 8, 'Double', Float64Array);
export const complex64 = new DType('complex64', 10, 8, 'ComplexFloat', Float32Array);
export const complex128 = new DType('complex128', 11, 16, 'ComplexDouble', Float64Array);

export const half = float16;
export const float = float32;
export const double = float64;
export const short = int16;
export const int = int32;
export const long = int64;
export const cfloat = complex64;
export const cdouble = complex128;

export const DTYPES: readonly DType[] = [bool, uint8, int8, int16, int32, int64, float16, bfloat16,
  float32, float64, complex64, complex128];

/** 0 bool, 1 integer, 2 floating, 3 complex. */
const category = (d: DType): number => (d.is_complex ? 3 : d.is_floating_point ? 2 : d === bool ? 0 : 1);
/** Whether a result of one dtype may be stored in another: never in a lower category. */
export function can_cast(from: DType, to: DType): boolean { return category(from) <= category(to); }
