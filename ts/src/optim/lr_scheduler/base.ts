/** The base of all learning rate schedules. */
import { quietly } from '../../autograd/index.js';
import { KeyError, NotImplementedError, TypeError, ValueError } from '../../errors.js';
import { named } from '../../nn/arguments.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { Optimizer, type ParamGroup } from '../optimizer.js';

/** An option of a group as a number. */
export const numberOf = (group: ParamGroup, option: string): number => Number(isTensor(group[option]) ? (group[option] as Tensor).item() : group[option]);
/** Sets a learning rate: a tensor keeps its place. */
export function setRate(group: ParamGroup, lr: number): void {
  const old = group['lr'];
  if (isTensor(old)) quietly(() => old.fill_(lr));
  else group['lr'] = lr;
}
/** One number for each group. */
export function forGroups(name: string, optimizer: Optimizer, value: number | readonly number[]): number[] {
  const n = optimizer.param_groups.length;
  if (!Array.isArray(value)) return new Array<number>(n).fill(value as number);
  if (value.length !== n) {
    throw new ValueError(`${name} must have the same length as optimizer.param_groups. ${name} has ${value.length} values, param_groups has ${n}.`);
  }
  return [...(value as number[])];
}

/** Options of a schedule that may come by name instead of by place. */
export type Named<O> = O & { last_epoch?: number };

/** Learning rates of an optimizer as a function of the epoch. */
export abstract class LRScheduler {
  optimizer: Optimizer;
  last_epoch = -1;
  base_lrs: number[] = [];
  /** @internal How often `step` was called. */
  _step_count = 0;
  /** @internal */
  _last_lr: number[] = [];
  /** Whether the first rates are being set, by the constructor. */
  protected initial = false;
  /** `names` are the parameters after the optimizer, in PyTorch's order; all become properties. */
  constructor(args: readonly unknown[], names: readonly string[], defaults: object) {
    const { optimizer, ...given } = named<{ optimizer: Optimizer }>(new.target.name, args, ['optimizer', ...names], defaults);
    if (!(optimizer instanceof Optimizer)) throw new TypeError(`${(optimizer as object)?.constructor?.name ?? typeof optimizer} is not an Optimizer`);
    this.optimizer = optimizer;
    Object.assign(this, Object.fromEntries(Object.entries(given)));
  }
  /** @internal Sets the first rates, once a subclass has its properties. */
  protected start(): void {
    const groups = this.optimizer.param_groups;
    groups.forEach((group, i) => {
      if (this.last_epoch === -1) group['initial_lr'] ??= numberOf(group, 'lr');
      else if (!('initial_lr' in group)) {
        throw new KeyError(`"param 'initial_lr' is not specified in param_groups[${i}] when resuming scheduler with last_epoch >= 0."`);
      }
    });
    this.base_lrs = groups.map((g) => numberOf(g, 'initial_lr'));
    this.restart();
  }
  /** @internal The first step, as after construction. */
  restart(): void {
    this._step_count = 0;
    this.initial = true;
    try {
      this.step();
    } finally {
      this.initial = false;
    }
  }
  /** The rates at this epoch, from those of the epoch before. */
  get_lr(): number[] { return this.optimizer.param_groups.map((g, i) => this.next(numberOf(g, 'lr'), i)); }
  /** @internal The rate of a group at this epoch, from the one it has. */
  protected next(_lr: number, _group: number): number { throw new NotImplementedError(`${this.constructor.name}.get_lr`); }
  /** @internal The rate at this epoch, from the base rate. */
  protected closed?(base: number): number;
  get_last_lr(): number[] { return this._last_lr; }
  /** Goes on to the next epoch, or to the one that is named. */
  step(epoch: number | null = null): void {
    this._step_count += 1;
    this.goto(epoch);
  }
  /** @internal */
  goto(epoch: number | null): void {
    this.last_epoch = epoch ?? this.last_epoch + 1;
    this.set(epoch !== null && this.closed ? this.base_lrs.map((base) => this.closed!(base)) : this.get_lr());
  }
  /** @internal */
  protected set(rates: readonly number[]): void {
    this.optimizer.param_groups.forEach((g, i) => { setRate(g, rates[i]!); });
    this._last_lr = this.optimizer.param_groups.map((g) => numberOf(g, 'lr'));
  }
  /** Everything but the optimizer, and functions. */
  state_dict(): Record<string, unknown> {
    return Object.fromEntries(Object.entries(this).filter(([k, v]) => k !== 'optimizer' && k !== 'initial' && typeof v !== 'function'
      && !(Array.isArray(v) && v.some((x) => typeof x === 'function'))));
  }
  load_state_dict(state: Record<string, unknown>): void { Object.assign(this, state); }
}
