/** Relatives of Adam: Adamax, NAdam, RAdam. */
import { zeros_like } from '../generated.js';
import type { Tensor } from '../tensor.js';
import { checkBetas, held, nonNegative, OneByOne, optionsOf, type Case, type ParamGroup, type Params, type Rate } from './optimizer.js';

type Betas = readonly [number, number];
const SHARED = { lr: 2e-3 as Rate, betas: [0.9, 0.999] as Betas, eps: 1e-8, weight_decay: 0 };
const FLAGS = { maximize: false, foreach: null as boolean | null, capturable: false, differentiable: false };

abstract class Moments extends OneByOne {
  constructor(params: Params, args: readonly unknown[], defaults: typeof SHARED) {
    const o = optionsOf(new.target.name, args, defaults);
    nonNegative(o, 'lr', 'eps');
    checkBetas(o);
    nonNegative(o, 'weight_decay');
    if ('momentum_decay' in o) nonNegative(o, 'momentum_decay');
    super(params, o);
  }
  protected remember(p: Tensor, _group: ParamGroup, _grad: Tensor): Record<string, Tensor> { return { exp_avg: zeros_like(p), exp_avg_sq: zeros_like(p) }; }
}

const ADAMAX = { ...SHARED, ...FLAGS };
/** Adam with the infinity norm for the second moment (Kingma and Ba, 2015). */
export class Adamax extends Moments {
  constructor(params: Params, options?: Partial<typeof ADAMAX>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof ADAMAX>);
  constructor(params: Params, lr: Rate, betas: Betas, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) { super(params, args, ADAMAX); }
  protected override remember(p: Tensor): Record<string, Tensor> { return { exp_avg: zeros_like(p), exp_inf: zeros_like(p) }; }
  protected rule({ p, grad, state, lr, step }: Case, group: ParamGroup): void {
    const { betas: [beta1, beta2], eps } = group as unknown as typeof ADAMAX;
    const { exp_avg, exp_inf } = state as { exp_avg: Tensor; exp_inf: Tensor };
    exp_avg.lerp_(grad, 1 - beta1);
    exp_inf.copy_(exp_inf.mul(beta2).maximum(grad.abs().add(eps)));
    p.addcdiv_(exp_avg, exp_inf, { value: -lr / (1 - beta1 ** step) });
  }
}

const NADAM = { ...SHARED, momentum_decay: 4e-3, decoupled_weight_decay: false, ...FLAGS };
/** Adam with Nesterov's momentum (Dozat, 2016). */
export class NAdam extends Moments {
  constructor(params: Params, options?: Partial<typeof NADAM>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof NADAM>);
  constructor(params: Params, lr: Rate, betas: Betas, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) { super(params, args, NADAM); }
  protected override remember(p: Tensor): Record<string, Tensor> { return { mu_product: held(1), exp_avg: zeros_like(p), exp_avg_sq: zeros_like(p) }; }
  protected rule({ p, grad, state, lr, step }: Case, group: ParamGroup): void {
    const { betas: [beta1, beta2], eps, momentum_decay } = group as unknown as typeof NADAM;
    const { mu_product, exp_avg, exp_avg_sq } = state as { mu_product: Tensor; exp_avg: Tensor; exp_avg_sq: Tensor };
    const momentum = (t: number): number => beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay));
    const mu = momentum(step), next = momentum(step + 1);
    const product = Number(mu_product.mul_(mu).item());
    exp_avg.lerp_(grad, 1 - beta1);
    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
    const denominator = exp_avg_sq.div(1 - beta2 ** step).sqrt().add(eps);
    p.addcdiv_(grad, denominator, { value: -lr * (1 - mu) / (1 - product) });
    p.addcdiv_(exp_avg, denominator, { value: -lr * next / (1 - product * next) });
  }
}

const RADAM = { ...SHARED, lr: 1e-3 as Rate, decoupled_weight_decay: false, ...FLAGS };
/** Adam with a rectified variance (Liu et al., 2020). */
export class RAdam extends Moments {
  constructor(params: Params, options?: Partial<typeof RADAM>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof RADAM>);
  constructor(params: Params, lr: Rate, betas: Betas, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) { super(params, args, RADAM); }
  protected rule({ p, grad, state, lr, step }: Case, group: ParamGroup): void {
    const { betas: [beta1, beta2], eps } = group as unknown as typeof RADAM;
    const { exp_avg, exp_avg_sq } = state as { exp_avg: Tensor; exp_avg_sq: Tensor };
    exp_avg.lerp_(grad, 1 - beta1);
    exp_avg_sq.mul_(beta2).addcmul_(grad, grad, { value: 1 - beta2 });
    const first = exp_avg.div(1 - beta1 ** step), correction = 1 - beta2 ** step;
    // The length of the average, in the limit and now; below 5 its variance is unknown.
    const limit = 2 / (1 - beta2) - 1, length = limit - 2 * step * beta2 ** step / correction;
    if (length <= 5) {
      p.sub_(first.mul(lr));
      return;
    }
    const rectification = Math.sqrt((length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length));
    p.sub_(first.mul(lr).mul(exp_avg_sq.sqrt().add(eps).reciprocal().mul(Math.sqrt(correction))).mul(rectification));
  }
}
