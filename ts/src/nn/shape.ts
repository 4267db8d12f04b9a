/** Modules that only rearrange or resample. */
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { Configured } from './configured.js';
import { python } from './module.js';

type Sizes = Int | readonly Int[];
type Held = number | number[];

/** Dimensions `start_dim` to `end_dim` made one. */
export class Flatten extends Configured {
  declare start_dim: number;
  declare end_dim: number;
  constructor(start_dim?: Int | { start_dim?: Int; end_dim?: Int }, end_dim?: Int);
  constructor(...args: unknown[]) { super(args, ['start_dim', 'end_dim'], { start_dim: 1, end_dim: -1 }); }
  override forward(input: Tensor): Tensor { return input.flatten(this.start_dim, this.end_dim); }
  override extra_repr(): string { return this.shown('start_dim', 'end_dim'); }
}
/** One dimension made several. */
export class Unflatten extends Configured {
  declare dim: number;
  declare unflattened_size: number[];
  constructor(dim: Int, unflattened_size: readonly Int[]);
  constructor(...args: unknown[]) { super(args, ['dim', 'unflattened_size'], {}); }
  override forward(input: Tensor): Tensor { return input.unflatten(this.dim, this.unflattened_size); }
  override extra_repr(): string { return this.shown('dim', 'unflattened_size'); }
}
/** Channels moved into an image `upscale_factor` times as large (Shi et al., 2016). */
export class PixelShuffle extends Configured {
  declare upscale_factor: number;
  constructor(upscale_factor: Int);
  constructor(...args: unknown[]) { super(args, ['upscale_factor'], {}); }
  override forward(input: Tensor): Tensor { return F.pixel_shuffle(input, this.upscale_factor); }
  override extra_repr(): string { return this.shown('upscale_factor'); }
}
/** The way back of `PixelShuffle`. */
export class PixelUnshuffle extends Configured {
  declare downscale_factor: number;
  constructor(downscale_factor: Int);
  constructor(...args: unknown[]) { super(args, ['downscale_factor'], {}); }
  override forward(input: Tensor): Tensor { return F.pixel_unshuffle(input, this.downscale_factor); }
  override extra_repr(): string { return this.shown('downscale_factor'); }
}
/** Channels of groups dealt out in turn (Zhang et al., 2017). */
export class ChannelShuffle extends Configured {
  declare groups: number;
  constructor(groups: Int);
  constructor(...args: unknown[]) { super(args, ['groups'], {}); }
  override forward(input: Tensor): Tensor { return F.channel_shuffle(input, this.groups); }
  override extra_repr(): string { return this.shown('groups'); }
}

interface WindowOptions { dilation?: Sizes; padding?: Sizes; stride?: Sizes }
/** Windows of an image as columns. */
export class Unfold extends Configured {
  declare kernel_size: Held;
  declare dilation: Held;
  declare padding: Held;
  declare stride: Held;
  constructor(kernel_size: Sizes, dilation?: Sizes | WindowOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(args, ['kernel_size', 'dilation', 'padding', 'stride'], { dilation: 1, padding: 0, stride: 1 }); }
  override forward(input: Tensor): Tensor { return F.unfold(input, this.kernel_size, this.dilation, this.padding, this.stride); }
  override extra_repr(): string { return this.shown('kernel_size', 'dilation', 'padding', 'stride'); }
}
/** Columns added up into the image they are windows of. */
export class Fold extends Configured {
  declare output_size: Held;
  declare kernel_size: Held;
  declare dilation: Held;
  declare padding: Held;
  declare stride: Held;
  constructor(output_size: Sizes, kernel_size: Sizes, dilation?: Sizes | WindowOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(args, ['output_size', 'kernel_size', 'dilation', 'padding', 'stride'], { dilation: 1, padding: 0, stride: 1 }); }
  override forward(input: Tensor): Tensor { return F.fold(input, this.output_size, this.kernel_size, this.dilation, this.padding, this.stride); }
  override extra_repr(): string { return this.shown('output_size', 'kernel_size', 'dilation', 'padding', 'stride'); }
}

interface UpsampleOptions { size?: Sizes | null; scale_factor?: number | readonly number[] | null; mode?: string; align_corners?: boolean | null; recompute_scale_factor?: boolean | null }
/** A larger or smaller image, by interpolation. */
export class Upsample extends Configured {
  declare size: Held | null;
  declare scale_factor: Held | null;
  declare mode: string;
  declare align_corners: boolean | null;
  declare recompute_scale_factor: boolean | null;
  constructor(size?: Sizes | null | UpsampleOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['size', 'scale_factor', 'mode', 'align_corners', 'recompute_scale_factor'],
      { size: null, scale_factor: null, mode: 'nearest', align_corners: null, recompute_scale_factor: null });
  }
  override forward(input: Tensor): Tensor {
    return F.interpolate(input, this.size as never, this.scale_factor, this.mode, this.align_corners, this.recompute_scale_factor);
  }
  override extra_repr(): string {
    // A factor is held as a float, however it came.
    const factors = (v: Held): string => (Array.isArray(v) ? python(v.map((x) => new Float(x))) : String(new Float(v)));
    return `${this.scale_factor !== null ? `scale_factor=${factors(this.scale_factor)}` : `size=${python(this.size)}`}, mode=${python(this.mode)}`;
  }
}
import { pythonFloat } from './module.js';
class Float {
  constructor(readonly value: number) {}
  toString(): string { return pythonFloat(this.value); }
}
/** `Upsample` by the nearest pixel. */
export class UpsamplingNearest2d extends Upsample {
  constructor(options?: UpsampleOptions);
  constructor(...args: unknown[]) { super(...(args as [])); }
}
/** `Upsample` by bilinear interpolation between corners. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(options?: UpsampleOptions);
  constructor(...args: unknown[]) {
    super(...(args as []));
    this.mode = 'bilinear';
    this.align_corners = true;
  }
}
