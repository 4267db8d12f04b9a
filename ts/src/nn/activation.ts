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
export class ReLU extends Inplaceable { override forward(input: Tensor): Tensor { return F.relu(input, this.inplace); } }
/** `min(max(input, 0), 6)`. */
export class ReLU6 extends Inplaceable { override forward(input: Tensor): Tensor { return F.relu6(input, this.inplace); } }
/** Scaled exponential linear unit (Klambauer et al., 2017). */
export class SELU extends Inplaceable { override forward(input: Tensor): Tensor { return F.selu(input, this.inplace); } }
/** `input * sigmoid(input)`. */
export class SiLU extends Inplaceable { override forward(input: Tensor): Tensor { return F.silu(input, this.inplace); } }
/** `input * tanh(softplus(input))` (Misra, 2019). */
export class Mish extends Inplaceable { override forward(input: Tensor): Tensor { return F.mish(input, this.inplace); } }
/** `relu6(input + 3) / 6`. */
export class Hardsigmoid extends Inplaceable {
  override forward(input: Tensor): Tensor { return F.hardsigmoid(input, this.inplace); }
  override extra_repr(): string { return ''; }
}
/** `input * relu6(input + 3) / 6` (Howard et al., 2019). */
export class Hardswish extends Inplaceable {
  override forward(input: Tensor): Tensor { return F.hardswish(input, this.inplace); }
  override extra_repr(): string { return ''; }
}
/** Hyperbolic tangent. */
export class Tanh extends Module { override forward(input: Tensor): Tensor { return input.tanh(); } }
/** `1 / (1 + exp(-input))`. */
export class Sigmoid extends Module { override forward(input: Tensor): Tensor { return input.sigmoid(); } }
/** `log(sigmoid(input))`. */
export class LogSigmoid extends Module { override forward(input: Tensor): Tensor { return F.logsigmoid(input); } }
/** `input / (1 + |input|)`. */
export class Softsign extends Module { override forward(input: Tensor): Tensor { return F.softsign(input); } }
/** `input - tanh(input)`. */
export class Tanhshrink extends Module { override forward(input: Tensor): Tensor { return F.tanhshrink(input); } }

/** `alpha * (exp(input) - 1)` below zero (Clevert et al., 2015). */
export class ELU extends Configured {
  declare alpha: number;
  declare inplace: boolean;
  constructor(alpha?: number | { alpha?: number; inplace?: boolean }, inplace?: boolean | Inplace);
  constructor(...args: unknown[]) { super(args, ['alpha', 'inplace'], { alpha: 1, inplace: false }); }
  override forward(input: Tensor): Tensor { return F.elu(input, this.alpha, this.inplace); }
  override extra_repr(): string { return this.shown('~alpha') + also(this); }
}
/** ELU that is smooth for every `alpha` (Barron, 2017). */
export class CELU extends Configured {
  declare alpha: number;
  declare inplace: boolean;
  constructor(alpha?: number | { alpha?: number; inplace?: boolean }, inplace?: boolean | Inplace);
  constructor(...args: unknown[]) { super(args, ['alpha', 'inplace'], { alpha: 1, inplace: false }); }
  override forward(input: Tensor): Tensor { return F.celu(input, this.alpha, this.inplace); }
  override extra_repr(): string { return this.shown('~alpha') + also(this); }
}
/** `negative_slope * input` below zero. */
export class LeakyReLU extends Configured {
  declare negative_slope: number;
  declare inplace: boolean;
  constructor(negative_slope?: number | { negative_slope?: number; inplace?: boolean }, inplace?: boolean | Inplace);
  constructor(...args: unknown[]) { super(args, ['negative_slope', 'inplace'], { negative_slope: 0.01, inplace: false }); }
  override forward(input: Tensor): Tensor { return F.leaky_relu(input, this.negative_slope, this.inplace); }
  override extra_repr(): string { return this.shown('~negative_slope') + also(this); }
}
/** LeakyReLU with a random slope while training (Xu et al., 2015). */
export class RReLU extends Configured {
  declare lower: number;
  declare upper: number;
  declare inplace: boolean;
  constructor(lower?: number | { lower?: number; upper?: number; inplace?: boolean }, upper?: number, inplace?: boolean);
  constructor(...args: unknown[]) { super(args, ['lower', 'upper', 'inplace'], { lower: 1 / 8, upper: 1 / 3, inplace: false }); }
  override forward(input: Tensor): Tensor { return F.rrelu(input, this.lower, this.upper, this.training, this.inplace); }
  override extra_repr(): string { return this.shown('~lower', '~upper') + also(this); }
}
/** The input between two bounds. */
export class Hardtanh extends Configured {
  declare min_val: number;
  declare max_val: number;
  declare inplace: boolean;
  constructor(min_val?: number | { min_val?: number; max_val?: number; inplace?: boolean }, max_val?: number, inplace?: boolean);
  constructor(...args: unknown[]) { super(args, ['min_val', 'max_val', 'inplace'], { min_val: -1, max_val: 1, inplace: false }); }
  override forward(input: Tensor): Tensor { return F.hardtanh(input, this.min_val, this.max_val, this.inplace); }
  override extra_repr(): string { return this.shown('~min_val', '~max_val') + also(this); }
}
/** The input where it is above `threshold`, else `value`. */
export class Threshold extends Configured {
  declare threshold: number;
  declare value: number;
  declare inplace: boolean;
  constructor(threshold: number, value: number, inplace?: boolean | Inplace);
  constructor(...args: unknown[]) { super(args, ['threshold', 'value', 'inplace'], { inplace: false }); }
  override forward(input: Tensor): Tensor { return F.threshold(input, this.threshold, this.value, this.inplace); }
  override extra_repr(): string { return this.shown('~threshold', '~value') + also(this); }
}
/** `log(1 + exp(beta * input)) / beta`. */
export class Softplus extends Configured {
  declare beta: number;
  declare threshold: number;
  constructor(beta?: number | { beta?: number; threshold?: number }, threshold?: number);
  constructor(...args: unknown[]) { super(args, ['beta', 'threshold'], { beta: 1, threshold: 20 }); }
  override forward(input: Tensor): Tensor { return F.softplus(input, this.beta, this.threshold); }
  override extra_repr(): string { return this.shown('~beta', '~threshold'); }
}
/** Zero within `±lambd`, else the input moved towards zero. */
export class Softshrink extends Configured {
  declare lambd: number;
  constructor(lambd?: number | { lambd?: number });
  constructor(...args: unknown[]) { super(args, ['lambd'], { lambd: 0.5 }); }
  override forward(input: Tensor): Tensor { return F.softshrink(input, this.lambd); }
  override extra_repr(): string { return this.asFloat('lambd'); }
}
/** Zero within `±lambd`, else the input. */
export class Hardshrink extends Configured {
  declare lambd: number;
  constructor(lambd?: number | { lambd?: number });
  constructor(...args: unknown[]) { super(args, ['lambd'], { lambd: 0.5 }); }
  override forward(input: Tensor): Tensor { return F.hardshrink(input, this.lambd); }
  override extra_repr(): string { return this.asFloat('lambd'); }
}
/** The Gaussian error linear unit (Hendrycks and Gimpel, 2016). */
export class GELU extends Configured {
  declare approximate: 'none' | 'tanh';
  constructor(approximate?: 'none' | 'tanh' | { approximate?: 'none' | 'tanh' });
  constructor(...args: unknown[]) { super(args, ['approximate'], { approximate: 'none' }); }
  override forward(input: Tensor): Tensor { return F.gelu(input, { approximate: this.approximate }); }
  override extra_repr(): string { return this.shown('approximate'); }
}
/** The first half times the sigmoid of the second half (Dauphin et al., 2016). */
export class GLU extends Configured {
  declare dim: number;
  constructor(dim?: Int | { dim?: Int });
  constructor(...args: unknown[]) { super(args, ['dim'], { dim: -1 }); }
  override forward(input: Tensor): Tensor { return F.glu(input, this.dim); }
  override extra_repr(): string { return this.shown('dim'); }
}
/** `weight * input` below zero, with a weight that is learnt (He et al., 2015). */
export class PReLU extends Configured {
  declare num_parameters: number;
  weight: Parameter;
  constructor(num_parameters?: Int | ({ num_parameters?: Int; init?: number } & FactoryOptions), init?: number, options?: FactoryOptions);
  constructor(...args: unknown[]) {
    super(args, ['num_parameters', 'init', 'device', 'dtype'], { num_parameters: 1, init: 0.25 });
    const init = this.taken<number>('init')!, dtype = this.taken<DType>('dtype') ?? null;
    this.weight = new Parameter(full([this.num_parameters], init, { dtype }));
  }
  override forward(input: Tensor): Tensor { return F.prelu(input, this.weight); }
  override extra_repr(): string { return this.shown('num_parameters'); }
}

/** The dimension that PyTorch takes when none is named. */
const usual = (input: Tensor, dim: number | null): number => dim ?? ([0, 1, 3].includes(input.ndim) ? 0 : 1);
abstract class AlongDim extends Configured {
  declare dim: number | null;
  constructor(dim?: Int | null | { dim?: Int | null });
  constructor(...args: unknown[]) {
    super(args, ['dim'], { dim: null });
    const dim: unknown = this.dim, type = typeof dim === 'number' ? 'float' : { boolean: 'bool', string: 'str' }[typeof dim as string] ?? typeof dim;
    if (dim !== null && !Number.isInteger(dim)) throw new TypeError(`dim must be an int or None, got <class '${type}'>`);
  }
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
