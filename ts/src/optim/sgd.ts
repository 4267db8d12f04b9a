/** Stochastic gradient descent. */
import { ValueError } from '../errors.js';
import { invoke } from '../call.js';
import type { Tensor } from '../tensor.js';
import { Optimizer, optionsOf, type ParamGroup, type Params } from './optimizer.js';

const DEFAULTS = {
  lr: 1e-3, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false,
  foreach: null as boolean | null, differentiable: false, fused: null as boolean | null,
};
export type SGDOptions = Partial<typeof DEFAULTS>;

/** Stochastic gradient descent, with momentum (Sutskever et al., 2013) and weight decay. */
export class SGD extends Optimizer {
  constructor(params: Params, options?: SGDOptions | number) {
    const o = optionsOf('SGD', options, DEFAULTS);
    if (!(o.lr >= 0)) throw new ValueError(`Invalid learning rate: ${o.lr}`);
    if (!(o.momentum >= 0)) throw new ValueError(`Invalid momentum value: ${o.momentum}`);
    if (!(o.weight_decay >= 0)) throw new ValueError(`Invalid weight_decay value: ${o.weight_decay}`);
    if (o.nesterov && (o.momentum <= 0 || o.dampening !== 0)) throw new ValueError('Nesterov momentum requires a momentum and zero dampening');
    super(params, o);
  }
  protected update(group: ParamGroup, params: Tensor[], grads: Tensor[]): void {
    const { lr, momentum, dampening, weight_decay, nesterov, maximize } = group as unknown as typeof DEFAULTS;
    const buffers = params.map((p) => (momentum === 0 ? null : (this.state.get(p)?.['momentum_buffer'] as Tensor | undefined) ?? null));
    const made = invoke('_sgd_step', [params, grads, buffers, lr, momentum, dampening, weight_decay, nesterov, maximize]) as Tensor[];
    // The first gradients become the buffers.
    if (momentum !== 0) params.forEach((p, i) => { if (!buffers[i]) this.stateOf(p, () => ({ momentum_buffer: made[i]! })); });
  }
}
