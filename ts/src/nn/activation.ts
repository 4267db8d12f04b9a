/** Activations as modules. */
import type { DType } from '../dtype.js';
import { full, nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { Configured } from './configured.js';
import type { FactoryOptions } from './linear.js';
import { Module, Parameter } from './module.js';

type Inplace = { inplace?: boolean };

/** What has no option but `inplace`. */
abstract class Inplaceable extends Configured {
  declare inplace: boolean;
  constructor(inplace?: boolean | Inplace);
  constructor(...args: unknown[]) { super(args, ['inplace'], { inplace: false }); }
  override extra_repr(): string { return this.inplace ? 'inplace=True' : ''; }
}
/** `, inplace=True` where it is. */
const also = (m: { inplace: boolean }): string => (m.inplace ? ', inplace=True' : '');

/** `max(input, 0)`. */
/** `min(max(input, 0), 6)`. */
/** Scaled exponential linear unit (Klambauer et al., 2017). */
/** `input * sigmoid(input)`. */
export class SiLU extends Inplaceable { override forward(input: Tensor): Tensor { return F.silu(input); } }
/** `input * tanh(softplus(input))` (Misra, 2019). */
/** `relu6(input + 3) / 6`. */
/** `input * relu6(input + 3) / 6` (Howard et al., 2019). */
/** `max(input, 0)`. */
export class ReLU extends Inplaceable { override forward(input: Tensor): Tensor { return this.inplace ? input.relu_() : input.relu(); } }
/** Hyperbolic tangent. */
export class Tanh extends Module { override forward(input: Tensor): Tensor { return input.tanh(); } }
/** `1 / (1 + exp(-input))`. */
export class Sigmoid extends Module { override forward(input: Tensor): Tensor { return input.sigmoid(); } }
/** `log(sigmoid(input))`. */
/** `input / (1 + |input|)`. */
/** `input - tanh(input)`. */
/** `alpha * (exp(input) - 1)` below zero (Clevert et al., 2015). */
/** ELU that is smooth for every `alpha` (Barron, 2017). */
/** `negative_slope * input` below zero. */
/** LeakyReLU with a random slope while training (Xu et al., 2015). */
/** The input between two bounds. */
/** The input where it is above `threshold`, else `value`. */
/** `log(1 + exp(beta * input)) / beta`. */
/** Zero within `±lambd`, else the input moved towards zero. */
/** Zero within `±lambd`, else the input. */
/** The Gaussian error linear unit (Hendrycks and Gimpel, 2016). */
export class GELU extends Configured {
  declare approximate: 'none' | 'tanh';
  constructor(approximate?: 'none' | 'tanh' | { approximate?: 'none' | 'tanh' });
  constructor(...args: unknown[]) { super(args, ['approximate'], { approximate: 'none' }); }
  override forward(input: Tensor): Tensor { return F.gelu(input, { approximate: this.approximate }); }
  override extra_repr(): string { return this.shown('approximate'); }
}
/** The first half times the sigmoid of the second half (Dauphin et al., 2016). */
/** `weight * input` below zero, with a weight that is learnt (He et al., 2015). */
/** The dimension that PyTorch takes when none is named. */
const usual = (input: Tensor, dim: number | null): number => dim ?? ([0, 1, 3].includes(input.ndim) ? 0 : 1);
abstract class AlongDim extends Configured {
  declare dim: number | null;
  constructor(dim?: Int | null | { dim?: Int | null });
  constructor(...args: unknown[]) { super(args, ['dim'], { dim: null }); }
  override extra_repr(): string { return this.shown('dim'); }
}
/** Exponentials along `dim` that add up to one. */
export class Softmax extends AlongDim { override forward(input: Tensor): Tensor { return F.softmax(input, usual(input, this.dim)); } }
/** The softmax of the negative. */
export class Softmin extends AlongDim { override forward(input: Tensor): Tensor { return F.softmin(input, usual(input, this.dim)); } }
/** The logarithm of the softmax. */
export class LogSoftmax extends AlongDim { override forward(input: Tensor): Tensor { return F.log_softmax(input, usual(input, this.dim)); } }
/** The softmax over channels of images. */
export class Softmax2d extends Module {
  override forward(input: Tensor): Tensor {
    if (input.ndim !== 3 && input.ndim !== 4) throw new ValueError(`Softmax2d: expected input to be 3D or 4D, got ${input.ndim}D instead`);
    return F.softmax(input, -3);
  }
}
import { ValueError } from '../errors.js';
