/** Losses as modules. */
import type { DType } from '../dtype.js';
import { RuntimeError, TypeError, ValueError } from '../errors.js';
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { bound, named } from './arguments.js';
import { Configured } from './configured.js';
import { PairwiseDistance } from './distance.js';
import { Linear, type FactoryOptions } from './linear.js';
import { Module, python, pythonFloat } from './module.js';

export type Reduction = 'none' | 'mean' | 'sum';
interface Reduced { reduction?: Reduction; size_average?: boolean | null; reduce?: boolean | null }
const LEGACY = ['size_average', 'reduce', 'reduction'];

/** What has a reduction; tensors among the options become buffers. */
abstract class Loss extends Configured {
  static override readonly takes: readonly string[] = ['input', 'target'];
  declare reduction: Reduction;
  constructor(args: readonly unknown[], names: readonly string[], defaults: object) {
    super(args, names, { reduction: 'mean', size_average: null, reduce: null, ...defaults });
    const given = this as unknown as Record<string, unknown>;
    for (const name of ['weight', 'pos_weight']) if (names.includes(name)) this.register_buffer(name, (given[name] as Tensor | null) ?? null);
    // The two flags of old programs stand for a reduction.
    const { size_average, reduce } = named<{ size_average: boolean | null; reduce: boolean | null }>(new.target.name, args, names,
      { reduction: 'mean', size_average: null, reduce: null, ...defaults });
    if (size_average !== null || reduce !== null) this.reduction = reduce === false ? 'none' : size_average === false ? 'sum' : 'mean';
  }
  override extra_repr(): string { return ''; }
}

/** The mean, sum or all of the absolute differences. */
export class L1Loss extends Loss {
  constructor(options?: Reduced);
  constructor(...args: unknown[]) { super(args, LEGACY, {}); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.l1_loss(input, target, { reduction: this.reduction }); }
}
/** The mean, sum or all of the squared differences. */
export class MSELoss extends Loss {
  constructor(options?: Reduced);
  constructor(...args: unknown[]) { super(args, LEGACY, {}); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.mse_loss(input, target, { reduction: this.reduction }); }
}
/** Squared below `beta`, absolute above (Girshick, 2015). */
export class SmoothL1Loss extends Loss {
  declare beta: number;
  constructor(options?: Reduced & { beta?: number });
  constructor(...args: unknown[]) { super(args, [...LEGACY, 'beta'], { beta: 1 }); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.smooth_l1_loss(input, target, { reduction: this.reduction, beta: this.beta }); }
}
/** Squared below `delta`, linear above (Huber, 1964). */
export class HuberLoss extends Loss {
  declare delta: number;
  constructor(options?: { reduction?: Reduction; delta?: number });
  constructor(...args: unknown[]) {
    super(args, ['reduction', 'delta'], { delta: 1 });
    if (typeof this.delta !== 'number') {
      const type = { object: 'complex', string: 'str', boolean: 'bool' }[typeof this.delta as string];
      throw new TypeError(`delta must be a float or int, got: <class '${type}'>`);
    }
    if (this.delta <= 0) throw new ValueError('delta must be greater than 0.');
  }
  override forward(input: Tensor, target: Tensor): Tensor { return F.huber_loss(input, target, { reduction: this.reduction, delta: this.delta }); }
}

interface CrossEntropyOptions extends Reduced { weight?: Tensor | null; ignore_index?: Int; label_smoothing?: number }
/** Cross entropy between logits and classes, or probabilities of classes. */
export class CrossEntropyLoss extends Loss {
  declare weight: Tensor | null;
  declare ignore_index: number;
  declare label_smoothing: number;
  constructor(options?: CrossEntropyOptions);
  constructor(weight: Tensor | null, options?: CrossEntropyOptions);
  constructor(...args: unknown[]) {
    super(args, ['weight', 'size_average', 'ignore_index', 'reduce', 'reduction', 'label_smoothing'], { weight: null, ignore_index: -100, label_smoothing: 0 });
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const { weight, ignore_index, reduction, label_smoothing } = this;
    return F.cross_entropy(input, target, { weight, ignore_index, reduction, label_smoothing });
  }
}
/** Negative log likelihood of classes. */
export class NLLLoss extends Loss {
  declare weight: Tensor | null;
  declare ignore_index: number;
  constructor(options?: Reduced & { weight?: Tensor | null; ignore_index?: Int });
  constructor(...args: unknown[]) { super(args, ['weight', 'size_average', 'ignore_index', 'reduce', 'reduction'], { weight: null, ignore_index: -100 }); }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.nll_loss(input, target, { weight: this.weight, ignore_index: this.ignore_index, reduction: this.reduction });
  }
}
/** Binary cross entropy of probabilities. */
export class BCELoss extends Loss {
  declare weight: Tensor | null;
  constructor(options?: Reduced & { weight?: Tensor | null });
  constructor(...args: unknown[]) { super(args, ['weight', ...LEGACY], { weight: null }); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.binary_cross_entropy(input, target, { weight: this.weight, reduction: this.reduction }); }
}
/** Binary cross entropy of logits. */
export class BCEWithLogitsLoss extends Loss {
  declare weight: Tensor | null;
  declare pos_weight: Tensor | null;
  constructor(options?: Reduced & { weight?: Tensor | null; pos_weight?: Tensor | null });
  constructor(...args: unknown[]) { super(args, ['weight', ...LEGACY, 'pos_weight'], { weight: null, pos_weight: null }); }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.binary_cross_entropy_with_logits(input, target, { weight: this.weight, pos_weight: this.pos_weight, reduction: this.reduction });
  }
}
/** Kullback-Leibler divergence; the input is in logarithms. */
export class KLDivLoss extends Loss {
  declare log_target: boolean;
  constructor(options?: Omit<Reduced, 'reduction'> & { reduction?: Reduction | 'batchmean'; log_target?: boolean });
  constructor(...args: unknown[]) { super(args, [...LEGACY, 'log_target'], { log_target: false }); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.kl_div(input, target, { reduction: this.reduction, log_target: this.log_target }); }
}
/** Negative log likelihood of a Poisson distribution. */
export class PoissonNLLLoss extends Loss {
  declare log_input: boolean;
  declare full: boolean;
  declare eps: number;
  constructor(options?: Reduced & { log_input?: boolean; full?: boolean; eps?: number });
  constructor(...args: unknown[]) { super(args, ['log_input', 'full', 'size_average', 'eps', 'reduce', 'reduction'], { log_input: true, full: false, eps: 1e-8 }); }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.poisson_nll_loss(input, target, { log_input: this.log_input, full: this.full, eps: this.eps, reduction: this.reduction });
  }
}
/** Negative log likelihood of a normal distribution with a variance of its own for each element. */
export class GaussianNLLLoss extends Loss {
  declare full: boolean;
  declare eps: number;
  constructor(options?: { full?: boolean; eps?: number; reduction?: Reduction });
  constructor(...args: unknown[]) { super(args, ['full', 'eps', 'reduction'], { full: false, eps: 1e-6 }); }
  override forward(input: Tensor, target: Tensor, variance: Tensor): Tensor {
    return F.gaussian_nll_loss(input, target, variance, { full: this.full, eps: this.eps, reduction: this.reduction });
  }
}
/** `x` for the class 1, `max(0, margin - x)` for the class -1. */
export class HingeEmbeddingLoss extends Loss {
  declare margin: number;
  constructor(options?: Reduced & { margin?: number });
  constructor(...args: unknown[]) { super(args, ['margin', ...LEGACY], { margin: 1 }); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.hinge_embedding_loss(input, target, { margin: this.margin, reduction: this.reduction }); }
}
/** How far two inputs are from the order that the target tells. */
export class MarginRankingLoss extends Loss {
  declare margin: number;
  constructor(options?: Reduced & { margin?: number });
  constructor(...args: unknown[]) { super(args, ['margin', ...LEGACY], { margin: 0 }); }
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.margin_ranking_loss(input1, input2, target, { margin: this.margin, reduction: this.reduction });
  }
}
/** One minus the cosine of like pairs, its excess over `margin` of unlike ones. */
export class CosineEmbeddingLoss extends Loss {
  declare margin: number;
  constructor(options?: Reduced & { margin?: number });
  constructor(...args: unknown[]) { super(args, ['margin', ...LEGACY], { margin: 0 }); }
  override forward(input1: Tensor, input2: Tensor, target: Tensor): Tensor {
    return F.cosine_embedding_loss(input1, input2, target, { margin: this.margin, reduction: this.reduction });
  }
}
/** `log(1 + exp(-target * input))`. */
export class SoftMarginLoss extends Loss {
  constructor(options?: Reduced);
  constructor(...args: unknown[]) { super(args, LEGACY, {}); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.soft_margin_loss(input, target, { reduction: this.reduction }); }
}
/** Hinge between the wanted classes of a sample and the others. */
export class MultiLabelMarginLoss extends Loss {
  constructor(options?: Reduced);
  constructor(...args: unknown[]) { super(args, LEGACY, {}); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.multilabel_margin_loss(input, target, { reduction: this.reduction }); }
}
/** Binary cross entropy of logits, averaged over classes. */
export class MultiLabelSoftMarginLoss extends Loss {
  declare weight: Tensor | null;
  constructor(options?: Reduced & { weight?: Tensor | null });
  constructor(...args: unknown[]) { super(args, ['weight', ...LEGACY], { weight: null }); }
  override forward(input: Tensor, target: Tensor): Tensor { return F.multilabel_soft_margin_loss(input, target, { weight: this.weight, reduction: this.reduction }); }
}
/** Hinge between the right class and the others. */
export class MultiMarginLoss extends Loss {
  declare p: number;
  declare margin: number;
  declare weight: Tensor | null;
  constructor(options?: Reduced & { p?: Int; margin?: number; weight?: Tensor | null });
  constructor(...args: unknown[]) { super(args, ['p', 'margin', 'weight', ...LEGACY], { p: 1, margin: 1, weight: null }); }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.multi_margin_loss(input, target, { p: this.p, margin: this.margin, weight: this.weight, reduction: this.reduction } as never);
  }
}
/** How much nearer the negative is to the anchor than the positive, with a margin (Balntas et al., 2016). */
export class TripletMarginLoss extends Loss {
  declare margin: number;
  declare p: number;
  declare eps: number;
  declare swap: boolean;
  constructor(options?: Reduced & { margin?: number; p?: number; eps?: number; swap?: boolean });
  constructor(...args: unknown[]) { super(args, ['margin', 'p', 'eps', 'swap', ...LEGACY], { margin: 1, p: 2, eps: 1e-6, swap: false }); }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { margin, p, eps, swap, reduction } = this;
    return F.triplet_margin_loss(anchor, positive, negative, { margin, p, eps, swap, reduction });
  }
}
/** Connectionist temporal classification (Graves et al., 2006). */
export class CTCLoss extends Configured {
  declare blank: number;
  declare reduction: Reduction;
  declare zero_infinity: boolean;
  constructor(options?: { blank?: Int; reduction?: Reduction; zero_infinity?: boolean });
  constructor(...args: unknown[]) { super(args, ['blank', 'reduction', 'zero_infinity'], { blank: 0, reduction: 'mean', zero_infinity: false }); }
  override forward(log_probs: Tensor, targets: Tensor, input_lengths: Tensor, target_lengths: Tensor): Tensor {
    return F.ctc_loss(log_probs, targets, input_lengths, target_lengths, { blank: this.blank, reduction: this.reduction, zero_infinity: this.zero_infinity } as never);
  }
}
type Distance = (a: Tensor, b: Tensor) => Tensor;
interface DistanceOptions { distance_function?: Distance | null; margin?: number; swap?: boolean; reduction?: Reduction }
const BY_DISTANCE = { distance_function: null, margin: 1, swap: false, reduction: 'mean' };
/** How much nearer the negative is to the anchor than the positive, by a distance of the user's own. */
export function triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, options?: DistanceOptions): Tensor;
export function triplet_margin_with_distance_loss(...args: unknown[]): Tensor {
  type Given = Required<DistanceOptions> & Record<'anchor' | 'positive' | 'negative', Tensor>;
  const { anchor, positive, negative, distance_function, margin, swap, reduction } = bound<Given>(
    'triplet_margin_with_distance_loss()', args, ['anchor', 'positive', 'negative', ...Object.keys(BY_DISTANCE)], BY_DISTANCE);
  if (!['none', 'mean', 'sum'].includes(reduction)) throw new ValueError(`${reduction} is not a valid value for reduction`);
  if (margin <= 0) throw new ValueError(`margin must be greater than 0, got ${pythonFloat(margin)}`);
  const distance: Distance = distance_function ?? ((x, y) => F.pairwise_distance(x, y));
  if (new Set([anchor.ndim, positive.ndim, negative.ndim]).size > 1) {
    throw new RuntimeError('The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: '
      + `anchor ${anchor.ndim}D, positive ${positive.ndim}D, and negative ${negative.ndim}D inputs`);
  }
  const near = distance(anchor, positive);
  let far = distance(anchor, negative);
  if (swap) far = far.minimum(distance(positive, negative));
  const loss = near.sub(far).add(margin).clamp_min(0);
  return reduction === 'none' ? loss : reduction === 'sum' ? loss.sum() : loss.mean();
}
/** `triplet_margin_with_distance_loss` as a module. */
export class TripletMarginWithDistanceLoss extends Module {
  static override readonly takes: readonly string[] = ['anchor', 'positive', 'negative'];
  distance_function: Distance;
  margin: number;
  swap: boolean;
  reduction: Reduction;
  constructor(options?: DistanceOptions);
  constructor(...args: unknown[]) {
    super();
    const o = named<Required<DistanceOptions>>('TripletMarginWithDistanceLoss', args, Object.keys(BY_DISTANCE), BY_DISTANCE);
    if (o.margin <= 0) throw new ValueError(`TripletMarginWithDistanceLoss: expected margin to be greater than 0, got ${pythonFloat(o.margin)} instead`);
    this.distance_function = o.distance_function ?? (new PairwiseDistance() as unknown as Distance);
    this.margin = o.margin;
    this.swap = o.swap;
    this.reduction = o.reduction;
  }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distance_function, margin, swap, reduction } = this;
    return triplet_margin_with_distance_loss(anchor, positive, negative, { distance_function, margin, swap, reduction });
  }
}
interface LinearCrossEntropyOptions extends FactoryOptions {
  out_features?: readonly Int[]; bias?: boolean; reduction?: Reduction; weight?: Tensor | null; ignore_index?: Int | null; label_smoothing?: number; options?: null;
}
/** A linear map and cross entropy in one. */
export class LinearCrossEntropyLoss extends Loss {
  declare num_classes: number;
  declare out_features: number[];
  declare weight: Tensor | null;
  declare ignore_index: number | null;
  declare label_smoothing: number;
  linear: Linear;
  constructor(in_features: Int, num_classes: Int, options?: LinearCrossEntropyOptions);
  constructor(...args: unknown[]) {
    super(args, ['in_features', 'num_classes', 'out_features', 'bias', 'device', 'dtype', 'reduction', 'weight', 'ignore_index', 'label_smoothing', 'options',
      'size_average', 'reduce'],
      { out_features: [], bias: false, weight: null, ignore_index: null, label_smoothing: 0, options: null });
    const in_features = this.taken<number>('in_features')!, bias = this.taken<boolean>('bias') ?? false, dtype = this.taken<DType>('dtype') ?? null;
    const { num_classes, weight } = this;
    if (weight && String(weight.shape) !== String(num_classes)) throw new RuntimeError(`expected weight shape to be (${num_classes},), got ${python(weight.shape)}`);
    if (!(this.label_smoothing >= 0 && this.label_smoothing <= 1)) {
      throw new RuntimeError(`expected label_smoothing to be in range [0, 1], got ${this.asFloat('label_smoothing')}`);
    }
    this.linear = new Linear(in_features, this.out_features.reduce((a, b) => a * b, num_classes), { bias, dtype });
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    const { linear, weight, reduction, ignore_index, label_smoothing } = this, shape = [this.num_classes, ...this.out_features];
    return F.linear_cross_entropy(input, linear.weight.reshape([...shape, linear.in_features]), target,
      { linear_bias: linear.bias && linear.bias.reshape(shape), weight, reduction, ignore_index, label_smoothing });
  }
  override extra_repr(): string {
    const { in_features, bias } = this.linear;
    return `in_features=${in_features}, num_classes=${this.num_classes}, out_features=${python(this.out_features)}, bias=${python(bias !== null)}, `
      + `reduction=${this.reduction}, ignore_index=${python(this.ignore_index)}, label_smoothing=${this.asFloat('label_smoothing')}, options=None`;
  }
}
