/** Adam and AdamW. */
import { invoke } from '../call.js';
import { zeros_like } from '../generated.js';
import type { Tensor } from '../tensor.js';
import { checkBetas, held, nonNegative, Optimizer, optionsOf, real, type ParamGroup, type Params, type Rate, type State } from './optimizer.js';

const DEFAULTS = {
  lr: 1e-3 as Rate, betas: [0.9, 0.999] as readonly [number, number], eps: 1e-8, weight_decay: 0, amsgrad: false, maximize: false,
  foreach: null as boolean | null, capturable: false, differentiable: false, fused: null as boolean | null,
  decoupled_weight_decay: false,
};
export type AdamOptions = Partial<typeof DEFAULTS>;
type Defaults = typeof DEFAULTS;

abstract class AnyAdam extends Optimizer {
  constructor(params: Params, args: readonly unknown[], defaults: Defaults) {
    const o = optionsOf(new.target.name, args, defaults);
    nonNegative(o, 'lr', 'eps');
    checkBetas(o);
    nonNegative(o, 'weight_decay');
    super(params, o);
  }
  protected update(group: ParamGroup, params: Tensor[], grads: Tensor[]): void {
    const { betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay } = group as unknown as Defaults;
    const states = params.map((p) => this.stateOf(p, (): State => ({
      step: held(0), exp_avg: zeros_like(p), exp_avg_sq: zeros_like(p), ...(amsgrad ? { max_exp_avg_sq: zeros_like(p) } : {}),
    })));
    const all = (key: string): (Tensor | null)[] => states.map((s) => (s[key] ? real(s[key] as Tensor) : null));
    invoke('_adam_step', [params.map(real), grads.map(real), all('exp_avg'), all('exp_avg_sq'), all('max_exp_avg_sq'), all('step'),
      this.rate(group), betas[0], betas[1], eps, weight_decay, decoupled_weight_decay, maximize]);
  }
}

/** Adaptive moments (Kingma and Ba, 2015). */
export class Adam extends AnyAdam {
  constructor(params: Params, options?: AdamOptions);
  constructor(params: Params, lr: Rate, options?: AdamOptions);
  constructor(params: Params, lr: Rate, betas: readonly [number, number], ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) { super(params, args, DEFAULTS); }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019). */
export class AdamW extends AnyAdam {
  constructor(params: Params, options?: AdamOptions);
  constructor(params: Params, lr: Rate, options?: AdamOptions);
  constructor(params: Params, lr: Rate, betas: readonly [number, number], ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) { super(params, args, { ...DEFAULTS, weight_decay: 1e-2, decoupled_weight_decay: true }); }
}
