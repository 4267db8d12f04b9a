/** Rules by the sign or the average of the path: Rprop, ASGD. */
import { ValueError } from '../errors.js';
import { full_like, zeros_like } from '../generated.js';
import { pythonFloat } from '../nn/module.js';
import type { Tensor } from '../tensor.js';
import { held, nonNegative, OneByOne, optionsOf, type Case, type ParamGroup, type Params, type Rate } from './optimizer.js';

type Pair = readonly [number, number];
const RPROP = {
  lr: 1e-2 as Rate, etas: [0.5, 1.2] as Pair, step_sizes: [1e-6, 50] as Pair, capturable: false, foreach: null as boolean | null,
  maximize: false, differentiable: false,
};
/** A step size for each element, by the signs of its gradients (Riedmiller and Braun, 1993). */
export class Rprop extends OneByOne {
  constructor(params: Params, options?: Partial<typeof RPROP>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof RPROP>);
  constructor(params: Params, lr: Rate, etas: Pair, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('Rprop', args, RPROP);
    nonNegative(o, 'lr');
    const [minus, plus] = o.etas;
    if (!(minus > 0 && minus < 1 && plus > 1)) throw new ValueError(`Invalid eta values: ${pythonFloat(minus)}, ${pythonFloat(plus)}`);
    super(params, o);
  }
  protected remember(p: Tensor, group: ParamGroup): Record<string, Tensor> {
    const lr = this.rate(group);
    return { prev: zeros_like(p), step_size: full_like(p, p.dtype.is_complex ? { re: lr, im: lr } : lr) };
  }
  protected rule({ p, grad, state }: Case, group: ParamGroup): void {
    const { etas: [minus, plus], step_sizes: [least, most] } = group as unknown as typeof RPROP;
    const { prev, step_size } = state as { prev: Tensor; step_size: Tensor };
    const agreement = grad.mul(prev);
    const turned = agreement.lt(0);
    const factor = zeros_like(grad).fill_(1).masked_fill(agreement.gt(0), plus).masked_fill(turned, minus);
    step_size.mul_(factor).clamp_(least, most);
    const going = grad.masked_fill(turned, 0);
    p.addcmul_(going.sign(), step_size, { value: -1 });
    prev.copy_(going);
  }
}

const ASGD_DEFAULTS = {
  lr: 1e-2 as Rate, lambd: 1e-4, alpha: 0.75, t0: 1e6, weight_decay: 0, foreach: null as boolean | null, maximize: false,
  differentiable: false, capturable: false,
};
/** Stochastic gradient descent whose result is the average of its path (Polyak and Juditsky, 1992). */
export class ASGD extends OneByOne {
  constructor(params: Params, options?: Partial<typeof ASGD_DEFAULTS>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof ASGD_DEFAULTS>);
  constructor(params: Params, lr: Rate, lambd: number, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('ASGD', args, ASGD_DEFAULTS);
    nonNegative(o, 'lr', 'lambd', 'alpha', 'weight_decay');
    super(params, o);
  }
  protected remember(p: Tensor, group: ParamGroup): Record<string, Tensor> { return { eta: held(this.rate(group)), mu: held(1), ax: zeros_like(p) }; }
  protected rule({ p, grad, state, lr, step }: Case, group: ParamGroup): void {
    const { lambd, alpha, t0 } = group as unknown as typeof ASGD_DEFAULTS;
    const { eta, mu, ax } = state as { eta: Tensor; mu: Tensor; ax: Tensor };
    const size = Number(eta.item()), weight = Number(mu.item());
    p.mul_(1 - lambd * size).sub_(grad, { alpha: size });
    if (weight === 1) ax.copy_(p);
    else ax.add_(p.sub(ax).mul(weight));
    eta.fill_(lr / (1 + lambd * lr * step) ** alpha);
    mu.fill_(1 / Math.max(1, step - t0));
  }
}
