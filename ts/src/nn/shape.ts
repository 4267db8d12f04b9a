/** Modules that only rearrange. */
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import { Module } from './module.js';

/** Dimensions `start_dim` to `end_dim` made one. */
export class Flatten extends Module {
  start_dim: number;
  end_dim: number;
  constructor(start_dim?: Int, end_dim?: Int);
  constructor(options: { start_dim?: Int; end_dim?: Int });
  constructor(...args: unknown[]) {
    super();
    const o = named<{ start_dim: number; end_dim: number }>('Flatten', args, ['start_dim', 'end_dim'], { start_dim: 1, end_dim: -1 });
    this.start_dim = o.start_dim;
    this.end_dim = o.end_dim;
  }
  override forward(input: Tensor): Tensor { return input.flatten(this.start_dim, this.end_dim); }
  override extra_repr(): string { return `start_dim=${this.start_dim}, end_dim=${this.end_dim}`; }
}
