/** Pooling as modules. */
import { ValueError } from '../errors.js';
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { repeated } from './arguments.js';
import { Configured } from './configured.js';
import { python } from './module.js';

type Sizes = Int | readonly Int[];
type Held = number | number[];
/** A pooling op by name: which dimension count it is for is part of the name. */
const op = (name: string): ((...args: unknown[]) => Tensor) => (F as unknown as Record<string, (...args: unknown[]) => Tensor>)[name]!;

interface MaxPoolOptions { stride?: Sizes | null; padding?: Sizes; dilation?: Sizes; return_indices?: boolean; ceil_mode?: boolean }
abstract class MaxPool extends Configured {
  declare kernel_size: Held;
  declare stride: Held;
  declare padding: Held;
  declare dilation: Held;
  declare return_indices: boolean;
  declare ceil_mode: boolean;
  constructor(kernel_size: Sizes, stride?: Sizes | null | MaxPoolOptions, padding?: Sizes | MaxPoolOptions, dilation?: Sizes | MaxPoolOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['kernel_size', 'stride', 'padding', 'dilation', 'return_indices', 'ceil_mode'],
      { stride: null, padding: 0, dilation: 1, return_indices: false, ceil_mode: false });
    this.stride ??= this.kernel_size;
  }
  /** @internal */
  protected pool(name: string, input: Tensor): Tensor {
    return op(name)(input, this.kernel_size, this.stride, this.padding, this.dilation, { ceil_mode: this.ceil_mode, return_indices: this.return_indices });
  }
  override extra_repr(): string { return this.shown('kernel_size', 'stride', 'padding', 'dilation', 'ceil_mode'); }
}
/** The greatest element in every window of a sequence. */
export class MaxPool1d extends MaxPool { override forward(input: Tensor): Tensor { return this.pool('max_pool1d', input); } }
/** The greatest element in every window of an image. */
export class MaxPool2d extends MaxPool { override forward(input: Tensor): Tensor { return this.pool('max_pool2d', input); } }
/** The greatest element in every window of a volume. */
export class MaxPool3d extends MaxPool { override forward(input: Tensor): Tensor { return this.pool('max_pool3d', input); } }

interface AvgPoolOptions { stride?: Sizes | null; padding?: Sizes; ceil_mode?: boolean; count_include_pad?: boolean; divisor_override?: Int | null }
/** The mean of every window of a sequence. */
export class AvgPool1d extends Configured {
  declare kernel_size: number[];
  declare stride: number[];
  declare padding: number[];
  declare ceil_mode: boolean;
  declare count_include_pad: boolean;
  constructor(kernel_size: Sizes, stride?: Sizes | null | AvgPoolOptions, padding?: Sizes | AvgPoolOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['kernel_size', 'stride', 'padding', 'ceil_mode', 'count_include_pad'], { stride: null, padding: 0, ceil_mode: false, count_include_pad: true });
    this.kernel_size = repeated(this.kernel_size, 1);
    this.stride = repeated(this.stride ?? this.kernel_size, 1);
    this.padding = repeated(this.padding, 1);
  }
  override forward(input: Tensor): Tensor { return op('avg_pool1d')(input, this.kernel_size, this.stride, this.padding, this.ceil_mode, this.count_include_pad); }
  override extra_repr(): string { return this.shown('kernel_size', 'stride', 'padding'); }
}
abstract class AvgPool extends Configured {
  declare kernel_size: Held;
  declare stride: Held;
  declare padding: Held;
  declare ceil_mode: boolean;
  declare count_include_pad: boolean;
  declare divisor_override: number | null;
  constructor(kernel_size: Sizes, stride?: Sizes | null | AvgPoolOptions, padding?: Sizes | AvgPoolOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['kernel_size', 'stride', 'padding', 'ceil_mode', 'count_include_pad', 'divisor_override'],
      { stride: null, padding: 0, ceil_mode: false, count_include_pad: true, divisor_override: null });
    this.stride ??= this.kernel_size;
  }
  /** @internal */
  protected pool(name: string, input: Tensor): Tensor {
    return op(name)(input, this.kernel_size, this.stride, this.padding, this.ceil_mode, this.count_include_pad, this.divisor_override);
  }
  override extra_repr(): string { return this.shown('kernel_size', 'stride', 'padding'); }
}
/** The mean of every window of an image. */
export class AvgPool2d extends AvgPool { override forward(input: Tensor): Tensor { return this.pool('avg_pool2d', input); } }
/** The mean of every window of a volume. */
export class AvgPool3d extends AvgPool { override forward(input: Tensor): Tensor { return this.pool('avg_pool3d', input); } }

type Target = Int | null | readonly (Int | null)[];
abstract class AdaptivePool extends Configured {
  declare output_size: number | null | (number | null)[];
  declare return_indices: boolean;
  constructor(output_size: Target | { output_size: Target }, return_indices?: boolean | { return_indices?: boolean });
  constructor(...args: unknown[]) { super(args, ['output_size', 'return_indices'], { return_indices: false }); }
  override extra_repr(): string { return `output_size=${python(this.output_size)}`; }
}
/** Means of as many windows of a sequence as asked for. */
export class AdaptiveAvgPool1d extends AdaptivePool { override forward(input: Tensor): Tensor { return op('adaptive_avg_pool1d')(input, this.output_size); } }
/** Means of as many windows of an image as asked for. */
export class AdaptiveAvgPool2d extends AdaptivePool { override forward(input: Tensor): Tensor { return op('adaptive_avg_pool2d')(input, this.output_size); } }
/** Means of as many windows of a volume as asked for. */
export class AdaptiveAvgPool3d extends AdaptivePool { override forward(input: Tensor): Tensor { return op('adaptive_avg_pool3d')(input, this.output_size); } }
/** Greatest elements of as many windows of a sequence as asked for. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  override forward(input: Tensor): Tensor { return op('adaptive_max_pool1d')(input, this.output_size, this.return_indices); }
}
/** Greatest elements of as many windows of an image as asked for. */
export class AdaptiveMaxPool2d extends AdaptivePool {
  override forward(input: Tensor): Tensor { return op('adaptive_max_pool2d')(input, this.output_size, this.return_indices); }
}
/** Greatest elements of as many windows of a volume as asked for. */
export class AdaptiveMaxPool3d extends AdaptivePool {
  override forward(input: Tensor): Tensor { return op('adaptive_max_pool3d')(input, this.output_size, this.return_indices); }
}

abstract class LPPool extends Configured {
  declare norm_type: number;
  declare kernel_size: Held;
  declare stride: Held | null;
  declare ceil_mode: boolean;
  constructor(norm_type: number, kernel_size: Sizes, stride?: Sizes | null | { stride?: Sizes | null; ceil_mode?: boolean }, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(args, ['norm_type', 'kernel_size', 'stride', 'ceil_mode'], { stride: null, ceil_mode: false }); }
  /** @internal */
  protected pool(name: string, input: Tensor): Tensor { return op(name)(input, this.norm_type, this.kernel_size, this.stride, this.ceil_mode); }
  override extra_repr(): string { return this.shown('~norm_type', 'kernel_size', 'stride', 'ceil_mode'); }
}
/** The power mean of every window of a sequence. */
export class LPPool1d extends LPPool { override forward(input: Tensor): Tensor { return this.pool('lp_pool1d', input); } }
/** The power mean of every window of an image. */
export class LPPool2d extends LPPool { override forward(input: Tensor): Tensor { return this.pool('lp_pool2d', input); } }
/** The power mean of every window of a volume. */
export class LPPool3d extends LPPool { override forward(input: Tensor): Tensor { return this.pool('lp_pool3d', input); } }

interface UnpoolOptions { stride?: Sizes | null; padding?: Sizes }
abstract class MaxUnpool extends Configured {
  static override readonly takes: readonly string[] = ['input', 'indices', 'output_size'];
  declare kernel_size: number[];
  declare stride: number[];
  declare padding: number[];
  constructor(dims: number, args: readonly unknown[]) {
    super(args, ['kernel_size', 'stride', 'padding'], { stride: null, padding: 0 });
    this.kernel_size = repeated(this.kernel_size, dims);
    this.stride = repeated(this.stride ?? this.kernel_size, dims);
    this.padding = repeated(this.padding, dims);
  }
  override forward(input: Tensor, indices: Tensor, output_size: readonly Int[] | null = null): Tensor {
    return op(`max_unpool${this.kernel_size.length}d`)(input, indices, this.kernel_size, this.stride, this.padding, output_size);
  }
  override extra_repr(): string { return this.shown('kernel_size', 'stride', 'padding'); }
}
/** Undoes `MaxPool1d`: the greatest elements in their places, zeros elsewhere. */
export class MaxUnpool1d extends MaxUnpool {
  constructor(kernel_size: Sizes, stride?: Sizes | null | UnpoolOptions, padding?: Sizes | UnpoolOptions);
  constructor(...args: unknown[]) { super(1, args); }
}
/** Undoes `MaxPool2d`: the greatest elements in their places, zeros elsewhere. */
export class MaxUnpool2d extends MaxUnpool {
  constructor(kernel_size: Sizes, stride?: Sizes | null | UnpoolOptions, padding?: Sizes | UnpoolOptions);
  constructor(...args: unknown[]) { super(2, args); }
}
/** Undoes `MaxPool3d`: the greatest elements in their places, zeros elsewhere. */
export class MaxUnpool3d extends MaxUnpool {
  constructor(kernel_size: Sizes, stride?: Sizes | null | UnpoolOptions, padding?: Sizes | UnpoolOptions);
  constructor(...args: unknown[]) { super(3, args); }
}

type Ratio = number | readonly number[];
interface FractionalOptions { output_size?: Sizes | null; output_ratio?: Ratio | null; return_indices?: boolean; _random_samples?: Tensor | null }
abstract class FractionalMaxPool extends Configured {
  declare kernel_size: number[];
  declare output_size: number[] | null;
  declare output_ratio: number[] | null;
  declare return_indices: boolean;
  declare _random_samples: Tensor | null;
  constructor(dims: number, args: readonly unknown[]) {
    super(args, ['kernel_size', 'output_size', 'output_ratio', 'return_indices', '_random_samples'],
      { output_size: null, output_ratio: null, return_indices: false, _random_samples: null });
    const own = `FractionalMaxPool${dims}d`;
    if (dims === 3 && [this.kernel_size].flat().some((k) => k <= 0)) throw new ValueError(`kernel_size must be greater than 0, but got ${python(this.kernel_size)}`);
    this.register_buffer('_random_samples', this._random_samples);
    if (this.output_size === null && this.output_ratio === null) throw new ValueError(`${own} requires specifying either an output size, or a pooling ratio`);
    if (this.output_size !== null && this.output_ratio !== null) throw new ValueError('only one of output_size and output_ratio may be specified');
    const ratio = this.output_ratio as Ratio | null;
    this.kernel_size = repeated(this.kernel_size, dims);
    this.output_size = this.output_size && repeated(this.output_size, dims);
    this.output_ratio = ratio === null ? null : repeated(ratio, dims);
    if (this.output_ratio?.some((r) => !(r > 0 && r < 1))) throw new ValueError(`output_ratio must be between 0 and 1 (got ${python(ratio)})`);
  }
  override forward(input: Tensor): Tensor {
    const samples = this._random_samples && this._random_samples.to(input.dtype);
    return op(`fractional_max_pool${this.kernel_size.length}d`)(input, this.kernel_size, this.output_size, this.output_ratio, this.return_indices,
      { _random_samples: samples });
  }
}
/** The greatest elements of windows at random places of an image (Graham, 2014). */
export class FractionalMaxPool2d extends FractionalMaxPool {
  constructor(kernel_size: Sizes, output_size?: Sizes | null | FractionalOptions, output_ratio?: Ratio | null | FractionalOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(2, args); }
}
/** The greatest elements of windows at random places of a volume. */
export class FractionalMaxPool3d extends FractionalMaxPool {
  constructor(kernel_size: Sizes, output_size?: Sizes | null | FractionalOptions, output_ratio?: Ratio | null | FractionalOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(3, args); }
}
