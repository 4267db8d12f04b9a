/** Modules that only rearrange or resample. */
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { Configured } from './configured.js';

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
