/** `torch.optim.swa_utils`: averages of models (Izmailov et al., 2018). */
import { quietly } from '../autograd/index.js';
import { tensor } from '../creation.js';
import { int64 } from '../dtype.js';
import { AssertionError, ValueError } from '../errors.js';
import { invoke } from '../call.js';
import { deepcopy, Module } from '../nn/module.js';
import { BatchNorm } from '../nn/norm.js';
import { isTensor, type Tensor } from '../tensor.js';
import { forGroups, LRScheduler, numberOf } from './lr_scheduler/base.js';
import type { Optimizer } from './optimizer.js';

/** The new average of a parameter, from the old one and how many models it is of. */
export type AverageFn = (averaged: Tensor, current: Tensor, num_averaged: number) => Tensor;
/** Updates all averages in place. */
export type MultiAverageFn = (averaged: readonly Tensor[], current: readonly Tensor[], num_averaged: number) => void;

function checkDecay(decay: number): void {
  if (!(decay >= 0 && decay <= 1)) throw new ValueError(`Invalid decay value ${decay} provided. Please provide a value in [0,1] range.`);
}
/** An exponential average. */
export function get_ema_avg_fn(decay = 0.999): AverageFn {
  checkDecay(decay);
  return (averaged, current) => averaged.mul(decay).add(current.mul(1 - decay));
}
/** The mean of all models. */
export function get_swa_avg_fn(): AverageFn { return (averaged, current, n) => averaged.add(current.sub(averaged).div(n + 1)); }
const overAll = (fn: AverageFn): MultiAverageFn => (averaged, current, n) => {
  quietly(() => { averaged.forEach((t, i) => { invoke('copy', [t, fn(t, current[i]!, n)], true); }); });
};
/** An exponential average of all parameters at once. */
export function get_ema_multi_avg_fn(decay = 0.999): MultiAverageFn { return overAll(get_ema_avg_fn(decay)); }
/** The mean of all models, for all parameters at once. */
export function get_swa_multi_avg_fn(): MultiAverageFn { return overAll(get_swa_avg_fn()); }

interface AverageOptions { device?: string | null; avg_fn?: AverageFn | null; multi_avg_fn?: MultiAverageFn | null; use_buffers?: boolean }
/** A model whose parameters are the average of those of another. */
export class AveragedModel extends Module {
  module: Module;
  declare n_averaged: Tensor;
  avg_fn: AverageFn | null;
  multi_avg_fn: MultiAverageFn | null;
  use_buffers: boolean;
  constructor(model: Module, options: AverageOptions = {}) {
    super();
    if (options.avg_fn && options.multi_avg_fn) throw new AssertionError('Only one of avg_fn and multi_avg_fn should be provided');
    this.register_buffer('n_averaged', tensor(0n, { dtype: int64 }));
    this.module = deepcopy(model);
    this.avg_fn = options.avg_fn ?? null;
    this.multi_avg_fn = options.multi_avg_fn ?? null;
    this.use_buffers = options.use_buffers ?? false;
  }
  override forward(...args: unknown[]): unknown { return this.module(...args); }
  /** Takes the model's parameters into the average. */
  update_parameters(model: Module): void {
    const { avg_fn, multi_avg_fn, use_buffers } = this;
    const members = (m: Module): Tensor[] => [...m.parameters(), ...(use_buffers ? m.buffers() : [])];
    const average = multi_avg_fn ?? overAll(avg_fn ?? get_swa_avg_fn()), n = Number(this.n_averaged.item());
    quietly(() => {
      const mine = members(this.module).map((t) => t.detach()), theirs = members(model).map((t) => t.detach());
      if (n === 0) mine.forEach((t, i) => { invoke('copy', [t, theirs[i]!], true); });
      else average(mine, theirs, n);
      const buffers = [...model.buffers()];
      if (!use_buffers) [...this.module.buffers()].forEach((b, i) => { invoke('copy', [b, buffers[i]!], true); });
      this.n_averaged.add_(1n);
    });
  }
}

/** Runs the data through a model for its batch norms to learn mean and variance anew. */
export function update_bn(loader: Iterable<unknown>, model: Module): void {
  const norms = [...model.modules()].filter((m) => m instanceof BatchNorm), momenta = norms.map((m) => m.momentum);
  if (norms.length === 0) return;
  const { training } = model;
  model.train();
  for (const m of norms) {
    m.reset_running_stats();
    m.momentum = null;
  }
  quietly(() => { for (const batch of loader) model(isTensor(batch) ? batch : (batch as unknown[])[0]); });
  norms.forEach((m, i) => { m.momentum = momenta[i]!; });
  model.train(training);
}

interface SWAOptions { swa_lr: number | readonly number[]; anneal_epochs?: number; anneal_strategy?: 'cos' | 'linear'; last_epoch?: number }
/** From the rate of another schedule to a constant one. */
export class SWALR extends LRScheduler {
  declare anneal_epochs: number;
  declare anneal_strategy: 'cos' | 'linear';
  constructor(optimizer: Optimizer, swa_lr: number | readonly number[] | SWAOptions, anneal_epochs?: number | Partial<SWAOptions>,
    anneal_strategy?: 'cos' | 'linear' | Partial<SWAOptions>, last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['swa_lr', 'anneal_epochs', 'anneal_strategy', 'last_epoch'], { anneal_epochs: 10, anneal_strategy: 'cos', last_epoch: -1 });
    const rates = forGroups('swa_lr', this.optimizer, (this as unknown as { swa_lr: number | number[] }).swa_lr);
    this.optimizer.param_groups.forEach((g, i) => { g['swa_lr'] = rates[i]!; });
    if (!['cos', 'linear'].includes(this.anneal_strategy)) {
      throw new ValueError(`anneal_strategy must be one of 'cos' or 'linear', instead got ${this.anneal_strategy}`);
    }
    if (!Number.isInteger(this.anneal_epochs) || this.anneal_epochs < 0) {
      throw new ValueError(`anneal_epochs must be equal or greater than 0, got ${this.anneal_epochs}`);
    }
    this.start();
  }
  /** How far the way to the constant rate is gone after some steps. */
  #part(steps: number): number {
    const t = Math.max(0, Math.min(1, steps / Math.max(1, this.anneal_epochs)));
    return this.anneal_strategy === 'cos' ? (1 - Math.cos(Math.PI * t)) / 2 : t;
  }
  protected override next(lr: number, i: number): number {
    const swa = numberOf(this.optimizer.param_groups[i]!, 'swa_lr'), steps = this.anneal_epochs === 0 ? Math.max(1, this._step_count - 1) : this._step_count - 1;
    const before = this.#part(steps - 1), now = this.#part(steps);
    // What the rate would be without the way gone so far.
    const start = before === 1 ? swa : (lr - before * swa) / (1 - before);
    return swa * now + start * (1 - now);
  }
}
