/** Adam and AdamW. */
import { ValueError } from '../errors.js';
import { invoke } from '../call.js';
import { zeros_like } from '../generated.js';
import type { Tensor } from '../tensor.js';
import { Optimizer, optionsOf, type ParamGroup, type Params, type State } from './optimizer.js';
import { scalarTensor } from '../creation.js';
import { float32 } from '../dtype.js';

const DEFAULTS = {
  lr: 1e-3, betas: [0.9, 0.999] as readonly [number, number], eps: 1e-8, weight_decay: 0, amsgrad: false, maximize: false,
  foreach: null as boolean | null, capturable: false, differentiable: false, fused: null as boolean | null,
  decoupled_weight_decay: false,
};
export type AdamOptions = Partial<typeof DEFAULTS>;

/** Adaptive moments (Kingma and Ba, 2015). */
export class Adam extends Optimizer {
  constructor(params: Params, options?: AdamOptions | number, defaults: typeof DEFAULTS = DEFAULTS) {
    const o = optionsOf('Adam', options, defaults);
    if (!(o.lr >= 0)) throw new ValueError(`Invalid learning rate: ${o.lr}`);
    if (!(o.eps >= 0)) throw new ValueError(`Invalid epsilon value: ${o.eps}`);
    o.betas.forEach((b, i) => { if (!(b >= 0 && b < 1)) throw new ValueError(`Invalid beta parameter at index ${i}: ${b}`); });
    if (!(o.weight_decay >= 0)) throw new ValueError(`Invalid weight_decay value: ${o.weight_decay}`);
    super(params, o);
  }
  protected update(group: ParamGroup, params: Tensor[], grads: Tensor[]): void {
    const { lr, betas, eps, weight_decay, amsgrad, maximize, decoupled_weight_decay } = group as unknown as typeof DEFAULTS;
    const states = params.map((p) => this.stateOf(p, (): State => ({
      step: scalarTensor(0, float32), exp_avg: zeros_like(p), exp_avg_sq: zeros_like(p), ...(amsgrad ? { max_exp_avg_sq: zeros_like(p) } : {}),
    })));
    const all = (key: string): (Tensor | null)[] => states.map((s) => (s[key] as Tensor | undefined) ?? null);
    invoke('_adam_step', [params, grads, all('exp_avg'), all('exp_avg_sq'), all('max_exp_avg_sq'), all('step'),
      lr, betas[0], betas[1], eps, weight_decay, decoupled_weight_decay, maximize]);
  }
}

/** Adam with decoupled weight decay (Loshchilov and Hutter, 2019). */
export class AdamW extends Adam {
  constructor(params: Params, options?: AdamOptions | number) {
    super(params, options, { ...DEFAULTS, weight_decay: 1e-2, decoupled_weight_decay: true });
  }
}
