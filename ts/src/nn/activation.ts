/** Activations as modules. */
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import { Module } from './module.js';

/** `max(input, 0)`. */
export class ReLU extends Module {
  inplace: boolean;
  constructor(inplace?: boolean | { inplace?: boolean });
  constructor(...args: unknown[]) {
    super();
    this.inplace = named<{ inplace: boolean }>('ReLU', args, ['inplace'], { inplace: false }).inplace;
  }
  override forward(input: Tensor): Tensor { return this.inplace ? input.relu_() : input.relu(); }
  override extra_repr(): string { return this.inplace ? 'inplace=True' : ''; }
}
/** Hyperbolic tangent. */
export class Tanh extends Module { override forward(input: Tensor): Tensor { return input.tanh(); } }
/** `1 / (1 + exp(-input))`. */
export class Sigmoid extends Module { override forward(input: Tensor): Tensor { return input.sigmoid(); } }
/** The Gaussian error linear unit (Hendrycks and Gimpel, 2016). */
export class GELU extends Module {
  approximate: 'none' | 'tanh';
  constructor(approximate?: 'none' | 'tanh' | { approximate?: 'none' | 'tanh' });
  constructor(...args: unknown[]) {
    super();
    this.approximate = named<{ approximate: 'none' | 'tanh' }>('GELU', args, ['approximate'], { approximate: 'none' }).approximate;
  }
  override forward(input: Tensor): Tensor { return F.gelu(input, { approximate: this.approximate }); }
  override extra_repr(): string { return `approximate='${this.approximate}'`; }
}
/** Exponentials along `dim` that add up to one. */
export class Softmax extends Module {
  dim: number | null;
  constructor(dim?: Int | null | { dim?: Int | null });
  constructor(...args: unknown[]) {
    super();
    this.dim = named<{ dim: number | null }>('Softmax', args, ['dim'], { dim: null }).dim;
  }
  override forward(input: Tensor): Tensor { return input.softmax(this.dim ?? (input.ndim === 0 || input.ndim === 1 || input.ndim === 3 ? 0 : 1)); }
  override extra_repr(): string { return `dim=${this.dim ?? 'None'}`; }
}
