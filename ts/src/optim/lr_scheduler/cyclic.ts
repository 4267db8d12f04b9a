/** Schedules that go up and down: cosines, triangles, one cycle. */
import { ValueError } from '../../errors.js';
import { python } from '../../nn/module.js';
import type { Optimizer, ParamGroup } from '../optimizer.js';
import { forGroups, LRScheduler, numberOf, setRate, type Named } from './base.js';

type Rates = number | readonly number[];
const { PI, cos } = Math;

/** Half a cosine down to `eta_min` in `T_max` epochs, and up again (Loshchilov and Hutter, 2017). */
export class CosineAnnealingLR extends LRScheduler {
  declare T_max: number;
  declare eta_min: number;
  constructor(optimizer: Optimizer, T_max: number | Named<{ T_max: number; eta_min?: number }>, eta_min?: number | Named<{ eta_min?: number }>, last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['T_max', 'eta_min', 'last_epoch'], { eta_min: 0, last_epoch: -1 });
    this.start();
  }
  protected override next(lr: number, i: number): number {
    const { T_max, eta_min, last_epoch } = this, base = this.base_lrs[i]!;
    if (this.initial) return lr;
    if (this._step_count === 1 && last_epoch > 0) return this.closed(base);
    // Away from the minimum, where the ratio below is 0 / 0.
    if ((last_epoch - 1 - T_max) % (2 * T_max) === 0) return lr + (base - eta_min) * (1 - cos(PI / T_max)) / 2;
    return (1 + cos(PI * last_epoch / T_max)) / (1 + cos(PI * (last_epoch - 1) / T_max)) * (lr - eta_min) + eta_min;
  }
  protected override closed(base: number): number { return this.eta_min + (base - this.eta_min) * (1 + cos(PI * this.last_epoch / this.T_max)) / 2; }
}

interface RestartOptions { T_mult?: number; eta_min?: number; last_epoch?: number }
/** Half a cosine down, again and again, each time `T_mult` as long (Loshchilov and Hutter, 2017). */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  declare T_0: number;
  declare T_mult: number;
  declare eta_min: number;
  T_i: number;
  T_cur: number;
  constructor(optimizer: Optimizer, T_0: number | ({ T_0: number } & RestartOptions), T_mult?: number | RestartOptions, eta_min?: number | RestartOptions,
    last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['T_0', 'T_mult', 'eta_min', 'last_epoch'], { T_mult: 1, eta_min: 0, last_epoch: -1 });
    if (!(this.T_0 > 0 && Number.isInteger(this.T_0))) throw new ValueError(`Expected positive integer T_0, but got ${this.T_0}`);
    if (!(this.T_mult >= 1 && Number.isInteger(this.T_mult))) throw new ValueError(`Expected integer T_mult >= 1, but got ${this.T_mult}`);
    this.T_i = this.T_0;
    this.T_cur = this.last_epoch;
    this.start();
  }
  protected override next(_lr: number, i: number): number { return this.eta_min + (this.base_lrs[i]! - this.eta_min) * (1 + cos(PI * this.T_cur / this.T_i)) / 2; }
  /** Goes on to the next epoch, or to one that is named, which may have a fraction. */
  override step(epoch: number | null = null): void {
    if (epoch !== null && epoch < 0) throw new ValueError(`Expected non-negative epoch, but got ${epoch}`);
    const to = epoch ?? (this.last_epoch < 0 ? 0 : null);
    if (to === null) {
      this.T_cur += 1;
      if (this.T_cur >= this.T_i) {
        this.T_cur %= this.T_i;
        this.T_i *= this.T_mult;
      }
    } else {
      [this.T_cur, this.T_i] = this.#cycle(to);
    }
    this.last_epoch = Math.floor(to ?? this.last_epoch + 1);
    this.set(this.get_lr());
  }
  /** How far into its cycle an epoch is, and how long the cycle. */
  #cycle(epoch: number): [number, number] {
    const { T_0, T_mult } = this;
    if (epoch < T_0) return [epoch, T_0];
    if (T_mult === 1) return [epoch % T_0, this.T_i];
    const n = Math.trunc(Math.log(epoch / T_0 * (T_mult - 1) + 1) / Math.log(T_mult));
    return [epoch - T_0 * (T_mult ** n - 1) / (T_mult - 1), T_0 * T_mult ** n];
  }
}

/** Schedules that move the momentum too, against the rate. */
abstract class WithMomentum extends LRScheduler {
  declare cycle_momentum: boolean;
  /** @internal Sets the greatest and least momentum of each group. */
  protected begin(base: Rates, max: Rates): void {
    if (!this.cycle_momentum) return;
    const { defaults, param_groups } = this.optimizer;
    if (!('momentum' in defaults) && !('betas' in defaults)) throw new ValueError('optimizer must support momentum or beta1 with `cycle_momentum` option enabled');
    const most = forGroups('max_momentum', this.optimizer, max), least = forGroups('base_momentum', this.optimizer, base);
    if (this.last_epoch !== -1) return;
    param_groups.forEach((g, i) => {
      this.setMomentum(g, most[i]!);
      g['max_momentum'] = most[i]!;
      g['base_momentum'] = least[i]!;
    });
  }
  /** @internal */
  protected setMomentum(group: ParamGroup, value: number): void {
    if ('betas' in this.optimizer.defaults) group['betas'] = [value, ...(group['betas'] as number[]).slice(1)];
    else group['momentum'] = value;
  }
}

interface CyclicOptions {
  base_lr?: Rates; max_lr?: Rates; step_size_up?: number; step_size_down?: number | null; mode?: 'triangular' | 'triangular2' | 'exp_range'; gamma?: number;
  scale_fn?: ((x: number) => number) | null; scale_mode?: 'cycle' | 'iterations'; cycle_momentum?: boolean; base_momentum?: Rates; max_momentum?: Rates;
  last_epoch?: number;
}
/** Triangles between two rates (Smith, 2017). */
export class CyclicLR extends WithMomentum {
  declare mode: string;
  declare gamma: number;
  declare scale_fn: (x: number) => number;
  declare scale_mode: 'cycle' | 'iterations';
  total_size: number;
  step_ratio: number;
  max_lrs: number[];
  constructor(optimizer: Optimizer, base_lr: Rates | CyclicOptions, max_lr?: Rates | CyclicOptions, options?: CyclicOptions);
  constructor(optimizer: Optimizer, base_lr: Rates, max_lr: Rates, step_size_up: number, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['base_lr', 'max_lr', 'step_size_up', 'step_size_down', 'mode', 'gamma', 'scale_fn', 'scale_mode', 'cycle_momentum', 'base_momentum',
      'max_momentum', 'last_epoch'], {
      step_size_up: 2000, step_size_down: null, mode: 'triangular', gamma: 1, scale_fn: null, scale_mode: 'cycle', cycle_momentum: true,
      base_momentum: 0.8, max_momentum: 0.9, last_epoch: -1,
    });
    const o = this as unknown as Required<CyclicOptions>;
    const base_lrs = forGroups('base_lr', this.optimizer, o.base_lr);
    if (this.last_epoch === -1) this.optimizer.param_groups.forEach((g, i) => { setRate(g, base_lrs[i]!); });
    this.max_lrs = forGroups('max_lr', this.optimizer, o.max_lr);
    this.total_size = o.step_size_up + (o.step_size_down ?? o.step_size_up);
    this.step_ratio = o.step_size_up / this.total_size;
    if (o.scale_fn === null) {
      const { gamma } = this;
      switch (this.mode) {
        case 'triangular': this.scale_fn = () => 1; break;
        case 'triangular2': this.scale_fn = (cycle) => 1 / 2 ** (cycle - 1); break;
        case 'exp_range': this.scale_fn = (epoch) => gamma ** epoch; break;
        default: throw new ValueError('mode is invalid and scale_fn is None');
      }
      this.scale_mode = this.mode === 'exp_range' ? 'iterations' : 'cycle';
    }
    this.begin(o.base_momentum, o.max_momentum);
    this.start();
    this.base_lrs = base_lrs;
  }
  override get_lr(): number[] {
    const { last_epoch, total_size, step_ratio } = this;
    const cycle = Math.floor(1 + last_epoch / total_size), x = 1 + last_epoch / total_size - cycle;
    const height = (x <= step_ratio ? x / step_ratio : (x - 1) / (step_ratio - 1)) * this.scale_fn(this.scale_mode === 'cycle' ? cycle : last_epoch);
    return this.optimizer.param_groups.map((g, i) => {
      if (this.cycle_momentum) {
        const most = numberOf(g, 'max_momentum');
        this.setMomentum(g, most - (most - numberOf(g, 'base_momentum')) * height);
      }
      return this.base_lrs[i]! + (this.max_lrs[i]! - this.base_lrs[i]!) * height;
    });
  }
}

interface OneCycleOptions {
  max_lr?: Rates; total_steps?: number | null; epochs?: number | null; steps_per_epoch?: number | null; pct_start?: number; anneal_strategy?: 'cos' | 'linear';
  cycle_momentum?: boolean; base_momentum?: Rates; max_momentum?: Rates; div_factor?: number; final_div_factor?: number; three_phase?: boolean; last_epoch?: number;
}
/** Where a phase ends, and between which options of a group rate and momentum go. */
interface Phase { end: number; lr: readonly [string, string]; momentum: readonly [string, string] }
const whole = (n: unknown): boolean => Number.isInteger(n) && (n as number) > 0;

/** Up to a great rate and far down again (Smith and Topin, 2018). */
export class OneCycleLR extends WithMomentum {
  declare total_steps: number;
  declare anneal_strategy: 'cos' | 'linear';
  #phases: Phase[];
  constructor(optimizer: Optimizer, max_lr: Rates | OneCycleOptions, options?: OneCycleOptions);
  constructor(optimizer: Optimizer, max_lr: Rates, total_steps: number | null, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['max_lr', 'total_steps', 'epochs', 'steps_per_epoch', 'pct_start', 'anneal_strategy', 'cycle_momentum', 'base_momentum', 'max_momentum',
      'div_factor', 'final_div_factor', 'three_phase', 'last_epoch'], {
      total_steps: null, epochs: null, steps_per_epoch: null, pct_start: 0.3, anneal_strategy: 'cos', cycle_momentum: true, base_momentum: 0.85,
      max_momentum: 0.95, div_factor: 25, final_div_factor: 1e4, three_phase: false, last_epoch: -1,
    });
    const o = this as unknown as Required<OneCycleOptions>;
    if (o.total_steps !== null) {
      if (!whole(o.total_steps)) throw new ValueError(`Expected positive integer total_steps, but got ${o.total_steps}`);
    } else {
      if (o.epochs === null || o.steps_per_epoch === null) throw new ValueError('You must define either total_steps OR (epochs AND steps_per_epoch)');
      if (!whole(o.epochs)) throw new ValueError(`Expected positive integer epochs, but got ${o.epochs}`);
      if (!whole(o.steps_per_epoch)) throw new ValueError(`Expected positive integer steps_per_epoch, but got ${o.steps_per_epoch}`);
      this.total_steps = o.epochs * o.steps_per_epoch;
    }
    const up: Phase = { end: o.pct_start * this.total_steps - 1, lr: ['initial_lr', 'max_lr'], momentum: ['max_momentum', 'base_momentum'] };
    this.#phases = o.three_phase ? [up,
      { end: 2 * o.pct_start * this.total_steps - 2, lr: ['max_lr', 'initial_lr'], momentum: ['base_momentum', 'max_momentum'] },
      { end: this.total_steps - 1, lr: ['initial_lr', 'min_lr'], momentum: ['max_momentum', 'max_momentum'] },
    ] : [up, { end: this.total_steps - 1, lr: ['max_lr', 'min_lr'], momentum: ['base_momentum', 'max_momentum'] }];
    if (!(o.pct_start >= 0 && o.pct_start <= 1)) throw new ValueError(`Expected float between 0 and 1 pct_start, but got ${python(o.pct_start)}`);
    if (!['cos', 'linear'].includes(o.anneal_strategy)) throw new ValueError(`anneal_strategy must be one of 'cos' or 'linear', instead got ${o.anneal_strategy}`);
    const most = forGroups('max_lr', this.optimizer, o.max_lr);
    if (this.last_epoch === -1) {
      this.optimizer.param_groups.forEach((g, i) => {
        g['initial_lr'] = most[i]! / o.div_factor;
        g['max_lr'] = most[i]!;
        g['min_lr'] = most[i]! / o.div_factor / o.final_div_factor;
      });
    }
    this.begin(o.base_momentum, o.max_momentum);
    this.start();
  }
  /** Between two options of a group. */
  #between(group: ParamGroup, [from, to]: readonly [string, string], part: number): number {
    const start = numberOf(group, from), end = numberOf(group, to);
    return this.anneal_strategy === 'cos' ? end + (start - end) / 2 * (cos(PI * part) + 1) : (end - start) * part + start;
  }
  override get_lr(): number[] {
    const at = this.last_epoch;
    if (at > this.total_steps) throw new ValueError(`Tried to step ${at} times. The specified number of total steps is ${this.total_steps}`);
    const k = Math.max(0, this.#phases.findIndex((p, i) => at <= p.end || i === this.#phases.length - 1));
    const phase = this.#phases[k]!, from = k > 0 ? this.#phases[k - 1]!.end : 0;
    const part = (at - from) / (phase.end - from);
    return this.optimizer.param_groups.map((g) => {
      if (this.cycle_momentum) this.setMomentum(g, this.#between(g, phase.momentum, part));
      return this.#between(g, phase.lr, part);
    });
  }
}
