/** Losses as modules. */
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import { Configured } from './configured.js';
import { Module } from './module.js';

export type Reduction = 'none' | 'mean' | 'sum';
interface Reduced { reduction?: Reduction; size_average?: boolean | null; reduce?: boolean | null }
const LEGACY = ['size_average', 'reduce', 'reduction'];

/** What has a reduction; tensors among the options become buffers. */
abstract class Loss extends Configured {
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
  constructor(...args: unknown[]) { super(args, ['reduction', 'delta'], { delta: 1 }); }
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
/** A triplet loss with a distance of the user's own. */
export class TripletMarginWithDistanceLoss extends Module {
  distance_function: (a: Tensor, b: Tensor) => Tensor;
  margin: number;
  swap: boolean;
  reduction: Reduction;
  constructor(options: { distance_function?: ((a: Tensor, b: Tensor) => Tensor) | null; margin?: number; swap?: boolean; reduction?: Reduction } = {}) {
    super();
    this.distance_function = options.distance_function ?? (new PairwiseDistance() as unknown as (a: Tensor, b: Tensor) => Tensor);
    this.margin = Number(options.margin ?? 1);
    this.swap = options.swap ?? false;
    this.reduction = options.reduction ?? 'mean';
  }
  override forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const near = this.distance_function(anchor, positive);
    let far = this.distance_function(anchor, negative);
    if (this.swap) far = far.minimum(this.distance_function(positive, negative));
    const loss = near.sub(far).add(this.margin).clamp_min(0);
    return this.reduction === 'none' ? loss : this.reduction === 'sum' ? loss.sum() : loss.mean();
  }
}
import { PairwiseDistance } from './distance.js';
