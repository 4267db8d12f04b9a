/** Convolutions. */
import type { DType } from '../dtype.js';
import { ValueError } from '../errors.js';
import { empty, nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named, repeated } from './arguments.js';
import * as init from './init.js';
import { Module, Parameter, python } from './module.js';
import type { FactoryOptions } from './linear.js';

type Sizes = Int | readonly Int[];
export interface ConvOptions extends FactoryOptions {
  stride?: Sizes; padding?: Sizes | 'same' | 'valid'; dilation?: Sizes; groups?: Int; bias?: boolean;
  padding_mode?: 'zeros' | 'reflect' | 'replicate' | 'circular';
}
interface Given {
  in_channels: number; out_channels: number; kernel_size: number | number[]; stride: number | number[]; padding: number | number[] | string;
  dilation: number | number[]; groups: number; bias: boolean; padding_mode: string; dtype?: DType;
}

/** What the convolutions of 1, 2 and 3 dimensions share. */
abstract class Conv extends Module {
  in_channels: number;
  out_channels: number;
  kernel_size: number[];
  stride: number[];
  padding: number[] | string;
  dilation: number[];
  groups: number;
  padding_mode: string;
  weight: Parameter;
  bias: Parameter | null;
  /** Padding of each side, last dimension first, for the modes that pad beforehand. */
  #around: number[];
  constructor(dims: number, args: unknown[]) {
    super();
    const o = named<Given>(new.target.name, args, ['in_channels', 'out_channels', 'kernel_size', 'stride', 'padding', 'dilation', 'groups', 'bias',
      'padding_mode', 'device', 'dtype'], { stride: 1, padding: 0, dilation: 1, groups: 1, bias: true, padding_mode: 'zeros' });
    if (o.groups <= 0) throw new ValueError('groups must be a positive integer');
    if (o.in_channels % o.groups !== 0) throw new ValueError('in_channels must be divisible by groups');
    if (o.out_channels % o.groups !== 0) throw new ValueError('out_channels must be divisible by groups');
    this.in_channels = o.in_channels;
    this.out_channels = o.out_channels;
    this.kernel_size = repeated(o.kernel_size, dims);
    this.stride = repeated(o.stride, dims);
    this.dilation = repeated(o.dilation, dims);
    this.padding = typeof o.padding === 'string' ? o.padding : repeated(o.padding, dims);
    this.groups = o.groups;
    this.padding_mode = o.padding_mode;
    if (typeof this.padding === 'string') {
      if (!['same', 'valid'].includes(this.padding)) throw new ValueError(`Invalid padding string '${this.padding}', should be one of {'same', 'valid'}`);
      if (this.padding === 'same' && this.stride.some((s) => s !== 1)) throw new ValueError("padding='same' is not supported for strided convolutions");
    }
    if (!['zeros', 'reflect', 'replicate', 'circular'].includes(o.padding_mode)) {
      throw new ValueError(`padding_mode must be one of {'zeros', 'reflect', 'replicate', 'circular'}, but got padding_mode='${o.padding_mode}'`);
    }
    this.#around = [...this.kernel_size.keys()].reverse().flatMap((d) => {
      if (this.padding === 'valid') return [0, 0];
      if (Array.isArray(this.padding)) return [this.padding[d]!, this.padding[d]!];
      const total = this.dilation[d]! * (this.kernel_size[d]! - 1), left = total >> 1;
      return [left, total - left];
    });
    this.weight = new Parameter(empty([o.out_channels, o.in_channels / o.groups, ...this.kernel_size], { dtype: o.dtype ?? null }));
    this.bias = o.bias ? new Parameter(empty([o.out_channels], { dtype: o.dtype ?? null })) : null;
    this.reset_parameters();
  }
  reset_parameters(): void {
    init.kaiming_uniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias) {
      const [fan_in] = init._calculate_fan_in_and_fan_out(this.weight);
      if (fan_in !== 0) init.uniform_(this.bias, -1 / Math.sqrt(fan_in), 1 / Math.sqrt(fan_in));
    }
  }
  /** @internal The convolution of its number of dimensions. */
  protected abstract convolve(input: Tensor, padding: number[] | string): Tensor;
  override forward(input: Tensor): Tensor {
    if (this.padding_mode === 'zeros') return this.convolve(input, this.padding);
    return this.convolve(F.pad(input, this.#around, { mode: this.padding_mode }), this.kernel_size.map(() => 0));
  }
  override extra_repr(): string {
    const parts = [`${this.in_channels}, ${this.out_channels}`, `kernel_size=${python(this.kernel_size)}`, `stride=${python(this.stride)}`];
    if (typeof this.padding === 'string' || this.padding.some((p) => p !== 0)) parts.push(`padding=${typeof this.padding === 'string' ? this.padding : python(this.padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${python(this.dilation)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === null) parts.push('bias=False');
    if (this.padding_mode !== 'zeros') parts.push(`padding_mode=${this.padding_mode}`);
    return parts.join(', ');
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
