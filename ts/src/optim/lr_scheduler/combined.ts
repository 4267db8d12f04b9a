/** Schedules made of others, and the one that looks at a metric. */
import { RuntimeError, TypeError, ValueError } from '../../errors.js';
import { isTensor, type Tensor } from '../../tensor.js';
import type { Optimizer } from '../optimizer.js';
import { forGroups, LRScheduler, numberOf, setRate } from './base.js';

/** What holds other schedules. */
abstract class Combined extends LRScheduler {
  _schedulers: LRScheduler[] = [];
  /** @internal */
  protected take(schedulers: readonly LRScheduler[], purpose: string): void {
    const own = this.constructor.name;
    if (schedulers.length < 1) throw new ValueError(`${own} expects at least one scheduler${purpose}, but got no scheduler.`);
    schedulers.forEach((s, i) => {
      if (!(s instanceof LRScheduler)) throw new TypeError(`${own} at index ${i} should have \`optimizer\` as its attribute.`);
      if (s instanceof ReduceLROnPlateau) {
        throw new ValueError(`${own} does not support \`ReduceLROnPlateau\` scheduler as it requires additional kwargs to be specified when calling \`step\`, `
          + `but got one at index ${i} in the given schedulers sequence.`);
      }
      if (s.optimizer !== this.optimizer) {
        throw new ValueError(`${own} expects all schedulers to belong to the same optimizer, but got scheduler ${s.constructor.name} at index ${i} `
          + `has ${String(s.optimizer)}, which is different from ${this.optimizer.constructor.name}.`);
      }
    });
    this._schedulers = [...schedulers];
  }
  override state_dict(): Record<string, unknown> { return { ...super.state_dict(), _schedulers: this._schedulers.map((s) => s.state_dict()) }; }
  override load_state_dict({ _schedulers, ...state }: Record<string, unknown>): void {
    super.load_state_dict(state);
    (_schedulers as Record<string, unknown>[]).forEach((s, i) => { this._schedulers[i]!.load_state_dict(s); });
  }
}

/** Takes back the step that a constructor made. */
function undo(scheduler: LRScheduler): void {
  if (scheduler instanceof Combined) scheduler._schedulers.forEach(undo);
  else scheduler.last_epoch -= 1;
}

/** One schedule after the other, from milestone to milestone. */
export class SequentialLR extends Combined {
  _milestones: number[];
  constructor(optimizer: Optimizer, schedulers: readonly LRScheduler[] | { schedulers: readonly LRScheduler[]; milestones: readonly number[]; last_epoch?: number },
    milestones?: readonly number[] | { milestones: readonly number[]; last_epoch?: number }, last_epoch?: number);
  constructor(...args: unknown[]) {
    super(args, ['schedulers', 'milestones', 'last_epoch'], { last_epoch: -1 });
    const given = this as unknown as { schedulers?: LRScheduler[]; milestones?: number[] };
    const { schedulers = [], milestones = [] } = given;
    delete given.schedulers;
    delete given.milestones;
    this.take(schedulers, '');
    if (milestones.length !== schedulers.length - 1) {
      throw new ValueError('Sequential Schedulers expects number of schedulers provided to be one more than the number of milestone points, '
        + `but got number of schedulers ${schedulers.length} and the number of milestones to be equal to ${milestones.length}`);
    }
    this._milestones = milestones;
    this.last_epoch += 1;
    for (const g of this.optimizer.param_groups) setRate(g, numberOf(g, 'initial_lr'));
    undo(this);
    const first = this.#at(0);
    first.restart();
    this._last_lr = first.get_last_lr();
  }
  #at(epoch: number): LRScheduler { return this._schedulers[this._milestones.filter((m) => m <= epoch).length]!; }
  override step(): void {
    this.last_epoch += 1;
    const scheduler = this.#at(this.last_epoch);
    if (this._milestones.includes(this.last_epoch)) scheduler.goto(0);
    else scheduler.step();
    this._last_lr = scheduler.get_last_lr();
  }
}

/** All schedules at once: each changes what the others left. */
export class ChainedScheduler extends Combined {
  constructor(schedulers: readonly LRScheduler[], optimizer?: Optimizer | null | { optimizer?: Optimizer | null });
  constructor(schedulers: readonly LRScheduler[], given?: Optimizer | null | { optimizer?: Optimizer | null }) {
    const named = given && !('param_groups' in given) ? given.optimizer : given as Optimizer | null | undefined;
    if (schedulers.length < 1) throw new ValueError('ChainedScheduler expects at least one scheduler to be chained, but got no scheduler.');
    super([named ?? schedulers[0]!.optimizer], [], {});
    this.take(schedulers, ' to be chained');
    this._last_lr = this.#rates();
  }
  #rates(): number[] { return this.optimizer.param_groups.map((g) => numberOf(g, 'lr')); }
  override step(): void {
    for (const s of this._schedulers) s.step();
    this._last_lr = this.#rates();
  }
}

interface PlateauOptions {
  mode?: 'min' | 'max'; factor?: number; patience?: number; threshold?: number; threshold_mode?: 'rel' | 'abs'; cooldown?: number;
  min_lr?: number | readonly number[]; eps?: number;
}
/** Less when a metric has not improved for `patience` epochs. */
export class ReduceLROnPlateau extends LRScheduler {
  declare mode: 'min' | 'max';
  declare factor: number;
  declare patience: number;
  declare threshold: number;
  declare threshold_mode: 'rel' | 'abs';
  declare cooldown: number;
  declare eps: number;
  min_lrs: number[];
  best: number;
  cooldown_counter = 0;
  num_bad_epochs = 0;
  constructor(optimizer: Optimizer, mode?: 'min' | 'max' | PlateauOptions, factor?: number | PlateauOptions, patience?: number | PlateauOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['mode', 'factor', 'patience', 'threshold', 'threshold_mode', 'cooldown', 'min_lr', 'eps'],
      { mode: 'min', factor: 0.1, patience: 10, threshold: 1e-4, threshold_mode: 'rel', cooldown: 0, min_lr: 0, eps: 1e-8 });
    const { min_lr } = this as unknown as { min_lr: number | number[] };
    if (this.factor >= 1) throw new ValueError('Factor should be < 1.0.');
    if (Array.isArray(min_lr) && min_lr.length !== this.optimizer.param_groups.length) {
      throw new ValueError(`expected ${this.optimizer.param_groups.length} min_lrs, got ${min_lr.length}`);
    }
    if (!['min', 'max'].includes(this.mode)) throw new ValueError(`mode ${this.mode} is unknown!`);
    if (!['rel', 'abs'].includes(this.threshold_mode)) throw new ValueError(`threshold mode ${this.threshold_mode} is unknown!`);
    this.min_lrs = forGroups('min_lr', this.optimizer, min_lr);
    this.last_epoch = 0;
    this._last_lr = this.optimizer.param_groups.map((g) => numberOf(g, 'lr'));
    this.best = this.mode === 'min' ? Infinity : -Infinity;
  }
  get in_cooldown(): boolean { return this.cooldown_counter > 0; }
  #better(value: number): boolean {
    const sign = this.mode === 'min' ? -1 : 1;
    const bound = this.threshold_mode === 'rel' ? this.best * (1 + sign * this.threshold) : this.best + sign * this.threshold;
    return this.mode === 'min' ? value < bound : value > bound;
  }
  // The argument is a metric here, as in PyTorch.
  override step(metrics?: number | bigint | Tensor | null, epoch: number | null = null): void {
    if (metrics === undefined || metrics === null) throw new TypeError("ReduceLROnPlateau.step() missing 1 required positional argument: 'metrics'");
    const value = Number(isTensor(metrics) ? metrics.item() : metrics);
    this.last_epoch = epoch ?? this.last_epoch + 1;
    if (this.#better(value)) {
      this.best = value;
      this.num_bad_epochs = 0;
    } else {
      this.num_bad_epochs += 1;
    }
    if (this.in_cooldown) {
      this.cooldown_counter -= 1;
      this.num_bad_epochs = 0;
    }
    if (this.num_bad_epochs > this.patience) {
      this.#reduce();
      this.cooldown_counter = this.cooldown;
      this.num_bad_epochs = 0;
    }
    this._last_lr = this.optimizer.param_groups.map((g) => numberOf(g, 'lr'));
  }
  #reduce(): void {
    const groups = this.optimizer.param_groups;
    if (groups.length !== this.min_lrs.length) {
      throw new RuntimeError(`The number of param groups in the \`optimizer\` (${groups.length}) differs from when \`ReduceLROnPlateau\` was initialized `
        + `(${this.min_lrs.length}), usually due to a new param group being added to the optimizer. `
        + 'Please modify the `min_lrs` field to match the length of the `optimizer` param groups.');
    }
    groups.forEach((g, i) => {
      const old = numberOf(g, 'lr'), lr = Math.max(old * this.factor, this.min_lrs[i]!);
      if (old - lr > this.eps) setRate(g, lr);
    });
  }
}
