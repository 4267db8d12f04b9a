/** Stochastic gradient descent. */
import { ValueError } from '../errors.js';
import { invoke } from '../call.js';
import type { Tensor } from '../tensor.js';
import { nonNegative, Optimizer, optionsOf, real, type ParamGroup, type Params, type Rate } from './optimizer.js';

const DEFAULTS = {
  lr: 1e-3 as Rate, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false,
  foreach: null as boolean | null, differentiable: false, fused: null as boolean | null,
};
export type SGDOptions = Partial<typeof DEFAULTS>;

/** Stochastic gradient descent, with momentum (Sutskever et al., 2013) and weight decay. */
export class SGD extends Optimizer {
  constructor(params: Params, options?: SGDOptions);
  constructor(params: Params, lr: Rate, options?: SGDOptions);
  constructor(params: Params, lr: Rate, momentum: number, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('SGD', args, DEFAULTS);
    nonNegative(o, 'lr', 'momentum', 'weight_decay');
    if (o.nesterov && (o.momentum <= 0 || o.dampening !== 0)) throw new ValueError('Nesterov momentum requires a momentum and zero dampening');
    super(params, o);
  }
  protected update(group: ParamGroup, params: Tensor[], grads: Tensor[]): void {
    const { momentum, dampening, weight_decay, nesterov, maximize } = group as unknown as typeof DEFAULTS;
    const buffers = params.map((p) => (momentum === 0 ? null : (this.state.get(p)?.['momentum_buffer'] as Tensor | undefined) ?? null));
    const made = invoke('_sgd_step', [params.map(real), grads.map(real), buffers.map((b) => b && real(b)), this.rate(group), momentum, dampening,
      weight_decay, nesterov, maximize]) as Tensor[];
    // The first gradients become the buffers.
    if (momentum !== 0) {
      params.forEach((p, i) => {
        if (!buffers[i]) this.stateOf(p, () => ({ momentum_buffer: p.dtype.is_complex ? made[i]!.view_as_complex() : made[i]! }));
      });
    }
  }
}
