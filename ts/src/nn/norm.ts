/** Normalisation as modules. */
import { ValueError } from '../errors.js';
import { int64, type DType } from '../dtype.js';
import { nn_functional as F, ones, zeros } from '../generated.js';
import { quietly } from '../autograd/index.js';
import { tensor } from '../creation.js';
import type { Int, Tensor } from '../tensor.js';
import { Configured } from './configured.js';
import * as init from './init.js';
import type { FactoryOptions } from './linear.js';
import { Parameter, python } from './module.js';

const shapeText = (t: Tensor): string => `${t.ndim}D input`;

export interface RunningOptions extends FactoryOptions { eps?: number; momentum?: number | null; affine?: boolean; track_running_stats?: boolean; bias?: boolean }

/** What batch and instance norms share: an affine map, and running mean and variance. */
export abstract class RunningNorm extends Configured {
  declare num_features: number;
  declare eps: number;
  declare momentum: number | null;
  declare affine: boolean;
  declare track_running_stats: boolean;
  declare running_mean: Tensor | null;
  declare running_var: Tensor | null;
  declare num_batches_tracked: Tensor | null;
  declare weight: Parameter | null;
  declare bias: Parameter | null;
  constructor(args: readonly unknown[], defaults: object) {
    super(args, ['num_features', 'eps', 'momentum', 'affine', 'track_running_stats', 'device', 'dtype', 'bias'], { bias: true, ...defaults });
    const bias = this.taken<boolean>('bias'), dtype = this.taken<DType>('dtype') ?? null;
    const n = [this.num_features];
    this.weight = this.affine ? new Parameter(ones(n, { dtype })) : null;
    this.bias = this.affine && bias ? new Parameter(zeros(n, { dtype })) : null;
    this.register_buffer('running_mean', this.track_running_stats ? zeros(n, { dtype }) : null);
    this.register_buffer('running_var', this.track_running_stats ? ones(n, { dtype }) : null);
    this.register_buffer('num_batches_tracked', this.track_running_stats ? tensor(0n, { dtype: int64 }) : null);
  }
  reset_running_stats(): void {
    quietly(() => {
      this.running_mean?.zero_();
      this.running_var?.fill_(1);
      this.num_batches_tracked?.zero_();
    });
  }
  reset_parameters(): void {
    this.reset_running_stats();
    if (this.weight) init.ones_(this.weight);
    if (this.bias) init.zeros_(this.bias);
  }
  override extra_repr(): string {
    return `${this.num_features}, ${this.shown('~eps', '~momentum', 'affine')}, bias=${python(this.bias !== null)}, ${this.shown('track_running_stats')}`;
  }
}

/** Batch normalisation (Ioffe and Szegedy, 2015). */
export abstract class BatchNorm extends RunningNorm {
  constructor(num_features: Int, eps?: number | RunningOptions, momentum?: number | null | RunningOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(args, { eps: 1e-5, momentum: 0.1, affine: true, track_running_stats: true }); }
  /** @internal */
  protected abstract check(input: Tensor): void;
  override forward(input: Tensor): Tensor {
    this.check(input);
    if (this.training && !(this.eps > 0)) throw new ValueError(`batch_norm eps must be positive during training, but got ${this.asFloat('eps')}`);
    let factor = this.momentum ?? 0;
    if (this.training && this.track_running_stats && this.num_batches_tracked) {
      this.num_batches_tracked.add_(1n);
      // Without a momentum the average is over all batches so far.
      if (this.momentum === null) factor = 1 / Number(this.num_batches_tracked.item());
    }
    const batch = this.training || (this.running_mean === null && this.running_var === null);
    const stats = !this.training || this.track_running_stats;
    return F.batch_norm(input, stats ? this.running_mean : null, stats ? this.running_var : null, this.weight, this.bias, batch, factor, this.eps);
  }
}
const expect = (input: Tensor, ...dims: number[]): void => {
  if (!dims.includes(input.ndim)) throw new ValueError(`expected ${dims.map((d) => `${d}D`).join(' or ')} input (got ${shapeText(input)})`);
};
/** Over `[batch, features]` or `[batch, features, length]`. */
export class BatchNorm1d extends BatchNorm { protected check(input: Tensor): void { expect(input, 2, 3); } }
/** Over `[batch, features, height, width]`. */
export class BatchNorm2d extends BatchNorm { protected check(input: Tensor): void { expect(input, 4); } }
/** Over `[batch, features, depth, height, width]`. */
export class BatchNorm3d extends BatchNorm { protected check(input: Tensor): void { expect(input, 5); } }

/** Normalisation of each channel of each sample (Ulyanov et al., 2016). */
abstract class InstanceNorm extends RunningNorm {
  constructor(num_features: Int, eps?: number | RunningOptions, momentum?: number | RunningOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(args, { eps: 1e-5, momentum: 0.1, affine: false, track_running_stats: false }); }
  /** @internal The number of dimensions of a batch. */
  protected abstract dims: number;
  override forward(input: Tensor): Tensor {
    expect(input, this.dims - 1, this.dims);
    const single = input.ndim === this.dims - 1, channels = input.shape[single ? 0 : 1];
    if (channels !== this.num_features && this.affine) {
      throw new ValueError(`expected input's size at dim=${single ? 0 : 1} to match num_features (${this.num_features}), but got: ${channels}.`);
    }
    const x = single ? input.unsqueeze(0) : input;
    const y = F.instance_norm(x, this.running_mean, this.running_var, this.weight, this.bias, this.training || !this.track_running_stats, this.momentum ?? 0, this.eps);
    return single ? y.squeeze(0) : y;
  }
}
/** Of sequences. */
export class InstanceNorm1d extends InstanceNorm { protected dims = 3; }
/** Of images. */
export class InstanceNorm2d extends InstanceNorm { protected dims = 4; }
/** Of volumes. */
export class InstanceNorm3d extends InstanceNorm { protected dims = 5; }

/** Normalisation over the last dimensions (Ba et al., 2016). */
export class LayerNorm extends Configured {
  declare normalized_shape: number[];
  declare eps: number;
  declare elementwise_affine: boolean;
  declare weight: Parameter | null;
  declare bias: Parameter | null;
  constructor(normalized_shape: Int | readonly Int[], eps?: number | (FactoryOptions & { eps?: number; elementwise_affine?: boolean; bias?: boolean }), ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['normalized_shape', 'eps', 'elementwise_affine', 'bias', 'device', 'dtype'], { eps: 1e-5, elementwise_affine: true, bias: true });
    const bias = this.taken<boolean>('bias'), dtype = this.taken<DType>('dtype') ?? null;
    if (!Array.isArray(this.normalized_shape)) this.normalized_shape = [this.normalized_shape];
    this.weight = this.elementwise_affine ? new Parameter(ones(this.normalized_shape, { dtype })) : null;
    this.bias = this.elementwise_affine && bias ? new Parameter(zeros(this.normalized_shape, { dtype })) : null;
  }
  override forward(input: Tensor): Tensor { return F.layer_norm(input, this.normalized_shape, this.weight, this.bias, this.eps); }
  override extra_repr(): string { return `${python(this.normalized_shape)}, ${this.shown('~eps', 'elementwise_affine')}, bias=${python(this.bias !== null)}`; }
}

/** Division by the root of the mean square over the last dimensions (Zhang and Sennrich, 2019). */
export class RMSNorm extends Configured {
  declare normalized_shape: number[];
  declare eps: number | null;
  declare elementwise_affine: boolean;
  declare weight: Parameter | null;
  constructor(normalized_shape: Int | readonly Int[], eps?: number | null | (FactoryOptions & { eps?: number | null; elementwise_affine?: boolean }), ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['normalized_shape', 'eps', 'elementwise_affine', 'device', 'dtype'], { eps: null, elementwise_affine: true });
    const dtype = this.taken<DType>('dtype') ?? null;
    if (!Array.isArray(this.normalized_shape)) this.normalized_shape = [this.normalized_shape];
    this.weight = this.elementwise_affine ? new Parameter(ones(this.normalized_shape, { dtype })) : null;
  }
  override forward(input: Tensor): Tensor { return F.rms_norm(input, this.normalized_shape, this.weight, this.eps); }
  override extra_repr(): string { return `${python(this.normalized_shape)}, ${this.shown('~eps', 'elementwise_affine')}`; }
}

/** Normalisation of groups of channels (Wu and He, 2018). */
export class GroupNorm extends Configured {
  declare num_groups: number;
  declare num_channels: number;
  declare eps: number;
  declare affine: boolean;
  declare weight: Parameter | null;
  declare bias: Parameter | null;
  constructor(num_groups: Int, num_channels: Int, eps?: number | (FactoryOptions & { eps?: number; affine?: boolean; bias?: boolean }), ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['num_groups', 'num_channels', 'eps', 'affine', 'device', 'dtype', 'bias'], { eps: 1e-5, affine: true, bias: true });
    const bias = this.taken<boolean>('bias'), dtype = this.taken<DType>('dtype') ?? null;
    if (this.num_channels % this.num_groups !== 0) {
      throw new ValueError(`num_channels (${this.num_channels}) must be divisible by num_groups (${this.num_groups})`);
    }
    this.weight = this.affine ? new Parameter(ones([this.num_channels], { dtype })) : null;
    this.bias = this.affine && bias ? new Parameter(zeros([this.num_channels], { dtype })) : null;
  }
  override forward(input: Tensor): Tensor { return F.group_norm(input, this.num_groups, this.weight, this.bias, this.eps); }
  override extra_repr(): string { return `${this.num_groups}, ${this.num_channels}, ${this.shown('~eps', 'affine')}, bias=${python(this.bias !== null)}`; }
}

/** Normalisation across neighbouring channels (Krizhevsky et al., 2012). */
export class LocalResponseNorm extends Configured {
  declare size: number;
  declare alpha: number;
  declare beta: number;
  declare k: number;
  constructor(size: Int, alpha?: number | { alpha?: number; beta?: number; k?: number }, beta?: number, k?: number);
  constructor(...args: unknown[]) { super(args, ['size', 'alpha', 'beta', 'k'], { alpha: 1e-4, beta: 0.75, k: 1 }); }
  override forward(input: Tensor): Tensor { return F.local_response_norm(input, this.size, this.alpha, this.beta, this.k); }
  override extra_repr(): string { return `${this.size}, ${this.shown('~alpha', '~beta', '~k')}`; }
}
