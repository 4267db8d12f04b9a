/** Losses as modules. */
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import { Module } from './module.js';

type Reduction = 'none' | 'mean' | 'sum';

/** The mean, sum or all of the squared differences. */
export class MSELoss extends Module {
  reduction: Reduction;
  constructor(options?: { reduction?: Reduction });
  constructor(...args: unknown[]) {
    super();
    this.reduction = named<{ reduction: Reduction }>('MSELoss', args, ['size_average', 'reduce', 'reduction'],
      { size_average: null, reduce: null, reduction: 'mean' }).reduction;
  }
  override forward(input: Tensor, target: Tensor): Tensor { return F.mse_loss(input, target, { reduction: this.reduction }); }
}

interface CrossEntropyOptions { weight?: Tensor | null; ignore_index?: Int; reduction?: Reduction; label_smoothing?: number }
/** Cross entropy between logits and classes, or probabilities of classes. */
export class CrossEntropyLoss extends Module {
  ignore_index: number;
  reduction: Reduction;
  label_smoothing: number;
  declare weight: Tensor | null;
  constructor(options?: CrossEntropyOptions);
  constructor(weight: Tensor | null, options?: CrossEntropyOptions);
  constructor(...args: unknown[]) {
    super();
    const o = named<Required<CrossEntropyOptions>>('CrossEntropyLoss', args,
      ['weight', 'size_average', 'ignore_index', 'reduce', 'reduction', 'label_smoothing'],
      { weight: null, size_average: null, ignore_index: -100, reduce: null, reduction: 'mean', label_smoothing: 0 });
    this.register_buffer('weight', o.weight);
    this.ignore_index = Number(o.ignore_index);
    this.reduction = o.reduction;
    this.label_smoothing = o.label_smoothing;
  }
  override forward(input: Tensor, target: Tensor): Tensor {
    return F.cross_entropy(input, target, { weight: this.weight, ignore_index: this.ignore_index, reduction: this.reduction, label_smoothing: this.label_smoothing } as never);
  }
}
