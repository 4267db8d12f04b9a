/** Convolutions, and their transposes. */
import type { DType } from '../dtype.js';
import { ValueError } from '../errors.js';
import { empty, nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named, plain, repeated } from './arguments.js';
import * as init from './init.js';
import { listed, Module, Parameter, python } from './module.js';
import type { FactoryOptions } from './linear.js';

export type Sizes = Int | readonly Int[];
export interface ConvOptions extends FactoryOptions {
  stride?: Sizes; padding?: Sizes | 'same' | 'valid'; dilation?: Sizes; groups?: Int; bias?: boolean;
  padding_mode?: 'zeros' | 'reflect' | 'replicate' | 'circular';
}
export interface ConvTransposeOptions extends FactoryOptions {
  stride?: Sizes; padding?: Sizes; output_padding?: Sizes; groups?: Int; bias?: boolean; dilation?: Sizes; padding_mode?: 'zeros';
}
interface Given {
  in_channels: number; out_channels: number; kernel_size: number | number[]; stride: number | number[]; padding: number | number[] | string;
  dilation: number | number[]; output_padding: number | number[]; groups: number; bias: boolean; padding_mode: string; dtype?: DType;
}
const DEFAULTS = { stride: 1, padding: 0, output_padding: 0, dilation: 1, groups: 1, bias: true, padding_mode: 'zeros' };
const MODES = ['zeros', 'reflect', 'replicate', 'circular'];

/** What convolutions and their transposes share. */
export abstract class AnyConv extends Module {
  static override readonly takes: readonly string[] = ['input'];
  in_channels: number;
  out_channels: number;
  kernel_size: number[];
  stride: number[];
  padding: number[] | string;
  dilation: number[];
  output_padding: number[];
  groups: number;
  padding_mode: string;
  weight: Parameter;
  bias: Parameter | null;
  constructor(dims: number, transposed: boolean, o: Given) {
    super();
    if (o.groups <= 0) throw new ValueError('groups must be a positive integer');
    if (o.in_channels % o.groups !== 0) throw new ValueError('in_channels must be divisible by groups');
    if (o.out_channels % o.groups !== 0) throw new ValueError('out_channels must be divisible by groups');
    this.in_channels = o.in_channels;
    this.out_channels = o.out_channels;
    this.kernel_size = repeated(o.kernel_size, dims);
    this.stride = repeated(o.stride, dims);
    this.dilation = repeated(o.dilation, dims);
    this.output_padding = repeated(o.output_padding, dims);
    this.padding = typeof o.padding === 'string' ? o.padding : repeated(o.padding, dims);
    this.groups = o.groups;
    this.padding_mode = o.padding_mode;
    if (typeof this.padding === 'string') {
      if (!['same', 'valid'].includes(this.padding)) throw new ValueError(`Invalid padding string '${this.padding}', should be one of {'same', 'valid'}`);
      if (this.padding === 'same' && this.stride.some((s) => s !== 1)) throw new ValueError("padding='same' is not supported for strided convolutions");
    }
    if (!MODES.includes(o.padding_mode)) {
      throw new ValueError(`padding_mode must be one of {${MODES.map(python).join(', ')}}, but got padding_mode='${o.padding_mode}'`);
    }
    this.weight = new Parameter(empty(this.weightShape(transposed), { dtype: o.dtype ?? null }));
    this.bias = o.bias ? new Parameter(empty([o.out_channels], { dtype: o.dtype ?? null })) : null;
    this.reset_parameters();
  }
  /** @internal */
  weightShape(transposed: boolean): number[] {
    const [first, second] = transposed ? [this.in_channels, this.out_channels] : [this.out_channels, this.in_channels];
    return [first, second / this.groups, ...this.kernel_size];
  }
  reset_parameters(): void {
    init.kaiming_uniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias) {
      const [fan_in] = init._calculate_fan_in_and_fan_out(this.weight);
      if (fan_in !== 0) init.uniform_(this.bias, -1 / Math.sqrt(fan_in), 1 / Math.sqrt(fan_in));
    }
  }
  override extra_repr(): string {
    const parts = [`${this.in_channels}, ${this.out_channels}`, `kernel_size=${python(this.kernel_size)}`, `stride=${python(this.stride)}`];
    const { padding } = this;
    if (typeof padding === 'string') parts.push(`padding=${padding}`);
    else if (padding.some((p) => p !== 0)) parts.push(`padding=${python(padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${python(this.dilation)}`);
    if (this.output_padding.some((p) => p !== 0)) parts.push(`output_padding=${python(this.output_padding)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === null) parts.push('bias=False');
    if (this.padding_mode !== 'zeros') parts.push(`padding_mode=${this.padding_mode}`);
    return parts.join(', ');
  }
}

/** Convolutions of 1, 2 and 3 dimensions. */
abstract class Conv extends AnyConv {
  constructor(dims: number, args: unknown[]) {
    super(dims, false, named<Given>(new.target.name, args, ['in_channels', 'out_channels', 'kernel_size', 'stride', 'padding', 'dilation', 'groups', 'bias',
      'padding_mode', 'device', 'dtype'], DEFAULTS));
  }
  /** Padding of each side, last dimension first, for the modes that pad beforehand. */
  get _reversed_padding_repeated_twice(): number[] {
    const { padding, dilation, kernel_size } = this;
    return [...kernel_size.keys()].reverse().flatMap((d) => {
      if (padding === 'valid') return [0, 0];
      if (Array.isArray(padding)) return [padding[d]!, padding[d]!];
      const total = dilation[d]! * (kernel_size[d]! - 1), left = total >> 1;
      return [left, total - left];
    });
  }
  /** @internal The convolution of its number of dimensions. */
  protected abstract convolve(input: Tensor, padding: number[] | string): Tensor;
  override forward(input: Tensor): Tensor {
    if (this.padding_mode === 'zeros') return this.convolve(input, this.padding);
    return this.convolve(F.pad(input, this._reversed_padding_repeated_twice, { mode: this.padding_mode }), this.kernel_size.map(() => 0));
  }
}

/** Convolution over `[batch, in_channels, length]`. */
export class Conv1d extends Conv {
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, options?: ConvOptions);
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(1, args); }
  protected convolve(input: Tensor, padding: number[] | string): Tensor {
    return F.conv1d(input, this.weight, this.bias, this.stride, padding as never, this.dilation, this.groups);
  }
}
/** Convolution over `[batch, in_channels, height, width]`. */
export class Conv2d extends Conv {
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, options?: ConvOptions);
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(2, args); }
  protected convolve(input: Tensor, padding: number[] | string): Tensor {
    return F.conv2d(input, this.weight, this.bias, this.stride, padding as never, this.dilation, this.groups);
  }
}
/** Convolution over `[batch, in_channels, depth, height, width]`. */
export class Conv3d extends Conv {
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, options?: ConvOptions);
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(3, args); }
  protected convolve(input: Tensor, padding: number[] | string): Tensor {
    return F.conv3d(input, this.weight, this.bias, this.stride, padding as never, this.dilation, this.groups);
  }
}

/** The gradients of convolutions, as layers: they make images larger (Zeiler et al., 2010). */
abstract class ConvTranspose extends AnyConv {
  static override readonly takes: readonly string[] = ['input', 'output_size'];
  declare padding: number[];
  constructor(dims: number, args: unknown[]) {
    const o = named<Given>(new.target.name, args, ['in_channels', 'out_channels', 'kernel_size', 'stride', 'padding', 'output_padding', 'groups', 'bias',
      'dilation', 'padding_mode', 'device', 'dtype'], DEFAULTS);
    if (o.padding_mode !== 'zeros') throw new ValueError(`Only "zeros" padding mode is supported for ${new.target.name}`);
    super(dims, true, o);
  }
  /** What is to be added on one side for the output to have the size that is asked for. */
  private _output_padding(input: Tensor, output_size: readonly Int[] | null): number[] {
    if (output_size === null) return this.output_padding;
    const n = this.kernel_size.length, before = input.ndim === n + 2 ? 2 : 1;
    const all = plain(output_size) as number[], size = all.length === before + n ? all.slice(before) : all;
    if (size.length !== n) {
      throw new ValueError(`ConvTranspose${n}D: for ${input.ndim}D input, output_size must have ${n} or ${before + n} elements (got ${size.length})`);
    }
    const least = size.map((_, d) => (input.shape[d + before]! - 1) * this.stride[d]! - 2 * this.padding[d]! + this.dilation[d]! * (this.kernel_size[d]! - 1) + 1);
    const most = least.map((m, d) => m + this.stride[d]! - 1);
    if (size.some((s, d) => s < least[d]! || s > most[d]!)) {
      throw new ValueError(`requested an output size of ${listed(size)}, but valid sizes range from ${listed(least)} to ${listed(most)} `
        + `(for an input of torch.Size(${listed(input.shape.slice(2))}))`);
    }
    return size.map((s, d) => s - least[d]!);
  }
  /** @internal The op of its number of dimensions. */
  protected abstract transpose(input: Tensor, output_padding: number[]): Tensor;
  override forward(input: Tensor, output_size: readonly Int[] | null = null): Tensor { return this.transpose(input, this._output_padding(input, output_size)); }
}
/** Transposed convolution over `[batch, in_channels, length]`. */
export class ConvTranspose1d extends ConvTranspose {
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, options?: ConvTransposeOptions);
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(1, args); }
  protected transpose(input: Tensor, output_padding: number[]): Tensor {
    return F.conv_transpose1d(input, this.weight, this.bias, this.stride, this.padding, output_padding, this.groups, this.dilation);
  }
}
/** Transposed convolution over `[batch, in_channels, height, width]`. */
export class ConvTranspose2d extends ConvTranspose {
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, options?: ConvTransposeOptions);
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(2, args); }
  protected transpose(input: Tensor, output_padding: number[]): Tensor {
    return F.conv_transpose2d(input, this.weight, this.bias, this.stride, this.padding, output_padding, this.groups, this.dilation);
  }
}
/** Transposed convolution over `[batch, in_channels, depth, height, width]`. */
export class ConvTranspose3d extends ConvTranspose {
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, options?: ConvTransposeOptions);
  constructor(in_channels: Int, out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(3, args); }
  protected transpose(input: Tensor, output_padding: number[]): Tensor {
    return F.conv_transpose3d(input, this.weight, this.bias, this.stride, this.padding, output_padding, this.groups, this.dilation);
  }
}
