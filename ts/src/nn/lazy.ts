/** Modules that learn the size of their input at the first call, and then become ordinary ones. */
import { ones, zeros } from '../generated.js';
import { RuntimeError, ValueError } from '../errors.js';
import { quietly } from '../autograd/index.js';
import type { Int, Tensor } from '../tensor.js';
import {
  type AnyConv, Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d, type ConvOptions, type ConvTransposeOptions, type Sizes,
} from './conv.js';
import { Linear, type FactoryOptions } from './linear.js';
import { type Module, Parameter, UninitializedParameter } from './module.js';
import { BatchNorm1d, BatchNorm2d, BatchNorm3d, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, type RunningNorm, type RunningOptions } from './norm.js';

/** Takes the parameters' shapes from them. */
function forget(module: Module): void {
  for (const [name, p] of module.named_parameters('', false)) module.register_parameter(name, new UninitializedParameter(p.dtype));
}
/** The module, now of an ordinary class, whose `forward` it has from here on. */
function become<M extends Module>(module: Module, ordinary: abstract new (...args: never[]) => M): M {
  return Object.setPrototypeOf(module, ordinary.prototype as object) as M;
}
const waits = (p: Parameter | null): p is UninitializedParameter => p instanceof UninitializedParameter;

/** How many channels an input of a convolution has. */
function channels(module: AnyConv, input: Tensor): number {
  const n = module.kernel_size.length;
  if (input.ndim !== n + 1 && input.ndim !== n + 2) {
    throw new RuntimeError(`Expected ${n + 1}D (unbatched) or ${n + 2}D (batched) input to ${module.constructor.name}, `
      + `but got input of size: torch.Size([${input.shape.join(', ')}])`);
  }
  return input.shape[input.ndim - n - 1]!;
}
/** Gives a convolution the parameters that its input asks for. */
function settle(module: AnyConv, input: Tensor, transposed: boolean): void {
  const { weight, bias, groups } = module;
  if (!waits(weight)) return;
  module.in_channels = channels(module, input);
  if (module.in_channels % groups !== 0) throw new ValueError('in_channels must be divisible by groups');
  weight.materialize(module.weightShape(transposed));
  if (waits(bias)) bias.materialize([module.out_channels]);
  module.reset_parameters();
}

/** `Conv1d` without its number of input channels. */
export class LazyConv1d extends Conv1d {
  constructor(out_channels: Int, kernel_size: Sizes, options?: ConvOptions);
  constructor(out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [Int, Sizes])); forget(this); }
  override forward(input: Tensor): Tensor { settle(this, input, false); return become(this, Conv1d).forward(input); }
}
/** `Conv2d` without its number of input channels. */
export class LazyConv2d extends Conv2d {
  constructor(out_channels: Int, kernel_size: Sizes, options?: ConvOptions);
  constructor(out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [Int, Sizes])); forget(this); }
  override forward(input: Tensor): Tensor { settle(this, input, false); return become(this, Conv2d).forward(input); }
}
/** `Conv3d` without its number of input channels. */
export class LazyConv3d extends Conv3d {
  constructor(out_channels: Int, kernel_size: Sizes, options?: ConvOptions);
  constructor(out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [Int, Sizes])); forget(this); }
  override forward(input: Tensor): Tensor { settle(this, input, false); return become(this, Conv3d).forward(input); }
}
/** `ConvTranspose1d` without its number of input channels. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(out_channels: Int, kernel_size: Sizes, options?: ConvTransposeOptions);
  constructor(out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [Int, Sizes])); forget(this); }
  override forward(input: Tensor, output_size: readonly Int[] | null = null): Tensor {
    settle(this, input, true);
    return become(this, ConvTranspose1d).forward(input, output_size);
  }
}
/** `ConvTranspose2d` without its number of input channels. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(out_channels: Int, kernel_size: Sizes, options?: ConvTransposeOptions);
  constructor(out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [Int, Sizes])); forget(this); }
  override forward(input: Tensor, output_size: readonly Int[] | null = null): Tensor {
    settle(this, input, true);
    return become(this, ConvTranspose2d).forward(input, output_size);
  }
}
/** `ConvTranspose3d` without its number of input channels. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(out_channels: Int, kernel_size: Sizes, options?: ConvTransposeOptions);
  constructor(out_channels: Int, kernel_size: Sizes, stride: Sizes, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [Int, Sizes])); forget(this); }
  override forward(input: Tensor, output_size: readonly Int[] | null = null): Tensor {
    settle(this, input, true);
    return become(this, ConvTranspose3d).forward(input, output_size);
  }
}

/** `Linear` without its number of input features. */
export class LazyLinear extends Linear {
  constructor(out_features: Int, options?: FactoryOptions & { bias?: boolean });
  constructor(out_features: Int, bias: boolean, options?: FactoryOptions);
  constructor(...args: unknown[]) {
    super(0, ...(args as [Int]));
    forget(this);
  }
  override forward(input: Tensor): Tensor {
    const { weight, bias } = this;
    if (waits(weight)) {
      this.in_features = input.shape[input.ndim - 1]!;
      weight.materialize([this.out_features, this.in_features]);
      if (waits(bias)) bias.materialize([this.out_features]);
      this.reset_parameters();
    }
    return become(this, Linear).forward(input);
  }
}

/** Gives a norm the parameters and buffers that its input asks for. */
function settleNorm(module: RunningNorm, input: Tensor, channel: number): void {
  if (module.num_features !== 0) return;
  const n = module.num_features = input.shape[channel]!;
  const { weight, bias, running_mean, running_var } = module;
  if (waits(weight)) weight.materialize([n]);
  if (waits(bias)) bias.materialize([n]);
  quietly(() => {
    weight?.fill_(1);
    bias?.zero_();
    running_mean?._become(zeros([n], { dtype: running_mean.dtype }));
    running_var?._become(ones([n], { dtype: running_var.dtype }));
  });
}
type NormOptions = RunningOptions;

/** `BatchNorm1d` without its number of features. */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(eps?: number | NormOptions, momentum?: number | null | NormOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [number])); forget(this); }
  override forward(input: Tensor): Tensor { this.check(input); settleNorm(this, input, 1); return become(this, BatchNorm1d).forward(input); }
}
/** `BatchNorm2d` without its number of features. */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(eps?: number | NormOptions, momentum?: number | null | NormOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [number])); forget(this); }
  override forward(input: Tensor): Tensor { this.check(input); settleNorm(this, input, 1); return become(this, BatchNorm2d).forward(input); }
}
/** `BatchNorm3d` without its number of features. */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(eps?: number | NormOptions, momentum?: number | null | NormOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [number])); forget(this); }
  override forward(input: Tensor): Tensor { this.check(input); settleNorm(this, input, 1); return become(this, BatchNorm3d).forward(input); }
}
/** `InstanceNorm1d` without its number of features. */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(eps?: number | NormOptions, momentum?: number | NormOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [number])); forget(this); }
  override forward(input: Tensor): Tensor { settleNorm(this, input, input.ndim - 2); return become(this, InstanceNorm1d).forward(input); }
}
/** `InstanceNorm2d` without its number of features. */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(eps?: number | NormOptions, momentum?: number | NormOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [number])); forget(this); }
  override forward(input: Tensor): Tensor { settleNorm(this, input, input.ndim - 3); return become(this, InstanceNorm2d).forward(input); }
}
/** `InstanceNorm3d` without its number of features. */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(eps?: number | NormOptions, momentum?: number | NormOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(0, ...(args as [number])); forget(this); }
  override forward(input: Tensor): Tensor { settleNorm(this, input, input.ndim - 4); return become(this, InstanceNorm3d).forward(input); }
}
