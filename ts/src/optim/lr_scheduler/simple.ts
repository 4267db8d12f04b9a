/** Schedules that multiply: by functions, in steps, along lines and powers. */
import { TypeError, ValueError } from '../../errors.js';
import type { Optimizer } from '../optimizer.js';
import { LRScheduler, type Named } from './base.js';

/** A factor as a function of the epoch. */
export type Factor = (epoch: number) => number;
type Factors = Factor | readonly Factor[];

abstract class ByFunction extends LRScheduler {
  lr_lambdas: Factor[];
  constructor(optimizer: Optimizer, lr_lambda: Factors | Named<{ lr_lambda: Factors }>, last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['lr_lambda', 'last_epoch'], { last_epoch: -1 });
    const given = this as unknown as { lr_lambda?: Factors }, groups = this.optimizer.param_groups.length;
    const { lr_lambda } = given;
    delete given.lr_lambda;
    if (Array.isArray(lr_lambda) && lr_lambda.length !== groups) throw new ValueError(`Expected ${groups} lr_lambdas, but got ${lr_lambda.length}`);
    this.lr_lambdas = Array.isArray(lr_lambda) ? [...(lr_lambda as Factor[])] : new Array<Factor>(groups).fill(lr_lambda as Factor);
    for (const f of this.lr_lambdas) if (typeof f !== 'function') throw new TypeError(`lr_lambda should be a function, but got ${typeof f}`);
    this.start();
  }
}
/** The base rate times a function of the epoch. */
export class LambdaLR extends ByFunction {
  protected override next(_lr: number, i: number): number { return this.base_lrs[i]! * this.lr_lambdas[i]!(this.last_epoch); }
}
/** The rate of the epoch before times a function of the epoch. */
export class MultiplicativeLR extends ByFunction {
  protected override next(lr: number, i: number): number { return this.initial ? lr : lr * this.lr_lambdas[i]!(this.last_epoch); }
}

/** Times `gamma` every `step_size` epochs. */
export class StepLR extends LRScheduler {
  declare step_size: number;
  declare gamma: number;
  constructor(optimizer: Optimizer, step_size: number | Named<{ step_size: number; gamma?: number }>, gamma?: number | Named<{ gamma?: number }>, last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['step_size', 'gamma', 'last_epoch'], { gamma: 0.1, last_epoch: -1 });
    this.start();
  }
  protected override next(lr: number): number { return this.last_epoch === 0 || this.last_epoch % this.step_size !== 0 ? lr : lr * this.gamma; }
  protected override closed(base: number): number { return base * this.gamma ** Math.floor(this.last_epoch / this.step_size); }
}
/** Times `gamma` at each milestone. */
export class MultiStepLR extends LRScheduler {
  declare milestones: number[];
  declare gamma: number;
  constructor(optimizer: Optimizer, milestones: readonly number[] | Named<{ milestones: readonly number[]; gamma?: number }>,
    gamma?: number | Named<{ gamma?: number }>, last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['milestones', 'gamma', 'last_epoch'], { gamma: 0.1, last_epoch: -1 });
    this.milestones = [...this.milestones];
    this.start();
  }
  #times(is: (milestone: number) => boolean): number { return this.gamma ** this.milestones.filter(is).length; }
  protected override next(lr: number): number { return lr * this.#times((m) => m === this.last_epoch); }
  protected override closed(base: number): number { return base * this.#times((m) => m <= this.last_epoch); }
}
/** Times `factor` until `total_iters`. */
export class ConstantLR extends LRScheduler {
  declare factor: number;
  declare total_iters: number;
  constructor(optimizer: Optimizer, factor?: number | Named<{ factor?: number; total_iters?: number }>, total_iters?: number | Named<{ total_iters?: number }>,
    last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['factor', 'total_iters', 'last_epoch'], { factor: 1 / 3, total_iters: 5, last_epoch: -1 });
    if (this.factor > 1 || this.factor < 0) throw new ValueError('Constant multiplicative factor expected to be between 0 and 1.');
    this.start();
  }
  protected override next(lr: number): number {
    if (this.last_epoch === 0) return lr * this.factor;
    return this.last_epoch === this.total_iters ? lr * (1 / this.factor) : lr;
  }
  protected override closed(base: number): number { return base * (this.last_epoch >= this.total_iters ? 1 : this.factor); }
}
type LinearOptions = Named<{ start_factor?: number; end_factor?: number; total_iters?: number }>;
/** From `start_factor` to `end_factor` along a line. */
export class LinearLR extends LRScheduler {
  declare start_factor: number;
  declare end_factor: number;
  declare total_iters: number;
  constructor(optimizer: Optimizer, start_factor?: number | LinearOptions, end_factor?: number | LinearOptions, total_iters?: number | LinearOptions,
    last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['start_factor', 'end_factor', 'total_iters', 'last_epoch'], { start_factor: 1 / 3, end_factor: 1, total_iters: 5, last_epoch: -1 });
    if (this.start_factor > 1 || this.start_factor <= 0) {
      throw new ValueError('Starting multiplicative factor expected to be greater than 0 and less or equal to 1.');
    }
    if (this.end_factor > 1 || this.end_factor < 0) throw new ValueError('Ending multiplicative factor expected to be between 0 and 1.');
    this.start();
  }
  protected override next(lr: number): number {
    if (this.last_epoch === 0) return lr * this.start_factor;
    if (this.initial || this.last_epoch > this.total_iters) return lr;
    const slope = this.end_factor - this.start_factor;
    return lr * (1 + slope / (this.total_iters * this.start_factor + (this.last_epoch - 1) * slope));
  }
  protected override closed(base: number): number {
    return base * (this.start_factor + (this.end_factor - this.start_factor) * Math.min(this.total_iters, this.last_epoch) / this.total_iters);
  }
}
/** Times `gamma` every epoch. */
export class ExponentialLR extends LRScheduler {
  declare gamma: number;
  constructor(optimizer: Optimizer, gamma: number | Named<{ gamma: number }>, last_epoch?: number | Named<object>);
  constructor(...args: unknown[]) {
    super(args, ['gamma', 'last_epoch'], { last_epoch: -1 });
    this.start();
  }
  protected override next(lr: number): number { return this.initial ? lr : lr * this.gamma; }
  protected override closed(base: number): number { return base * this.gamma ** this.last_epoch; }
}
/** A power of what is left of `total_iters`. */
export class PolynomialLR extends LRScheduler {
  declare total_iters: number;
  declare power: number;
  constructor(optimizer: Optimizer, total_iters?: number | Named<{ total_iters?: number; power?: number }>, power?: number | Named<{ power?: number }>,
    last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['total_iters', 'power', 'last_epoch'], { total_iters: 5, power: 1, last_epoch: -1 });
    this.start();
  }
  protected override next(lr: number): number {
    if (this.initial || this.last_epoch > this.total_iters) return lr;
    return lr * ((1 - this.last_epoch / this.total_iters) / (1 - (this.last_epoch - 1) / this.total_iters)) ** this.power;
  }
  protected override closed(base: number): number { return base * (1 - Math.min(this.total_iters, this.last_epoch) / this.total_iters) ** this.power; }
}
