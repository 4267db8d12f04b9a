/** Learning rates from the squares of past gradients: Adagrad, Adadelta, RMSprop, Adafactor. */
import { RuntimeError, ValueError } from '../errors.js';
import { full_like, zeros, zeros_like } from '../generated.js';
import type { Tensor } from '../tensor.js';
import { nonNegative, OneByOne, optionsOf, printed, type Case, type ParamGroup, type Params, type Rate } from './optimizer.js';

const SUPPORT = { foreach: null as boolean | null, maximize: false, differentiable: false };

const ADAGRAD = { lr: 1e-2 as Rate, lr_decay: 0, weight_decay: 0, initial_accumulator_value: 0, eps: 1e-10, ...SUPPORT, fused: null as boolean | null };
/** Division by the root of the sum of all squares so far (Duchi et al., 2011). */
export class Adagrad extends OneByOne {
  constructor(params: Params, options?: Partial<typeof ADAGRAD>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof ADAGRAD>);
  constructor(params: Params, lr: Rate, lr_decay: number, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('Adagrad', args, ADAGRAD);
    nonNegative(o, 'lr', 'lr_decay', 'weight_decay', 'initial_accumulator_value', 'eps');
    super(params, o);
  }
  protected remember(p: Tensor): Record<string, Tensor> {
    const start = this.defaults['initial_accumulator_value'] as number;
    return { sum: full_like(p, p.dtype.is_complex ? { re: start, im: start } : start) };
  }
  protected rule({ p, grad, state, lr, step }: Case, group: ParamGroup): void {
    const { lr_decay, eps } = group as unknown as typeof ADAGRAD;
    const sum = state['sum']!.addcmul_(grad, grad);
    p.addcdiv_(grad, sum.sqrt().add(eps), { value: -lr / (1 + (step - 1) * lr_decay) });
  }
}

const ADADELTA = { lr: 1 as Rate, rho: 0.9, eps: 1e-6, weight_decay: 0, ...SUPPORT, capturable: false };
/** Steps of the size of past steps, by their running averages (Zeiler, 2012). */
export class Adadelta extends OneByOne {
  constructor(params: Params, options?: Partial<typeof ADADELTA>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof ADADELTA>);
  constructor(params: Params, lr: Rate, rho: number, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('Adadelta', args, ADADELTA);
    nonNegative(o, 'lr');
    if (!(o.rho >= 0 && o.rho <= 1)) throw new ValueError(`Invalid rho value: ${printed(o, 'rho')}`);
    nonNegative(o, 'eps', 'weight_decay');
    super(params, o);
  }
  protected remember(p: Tensor): Record<string, Tensor> { return { square_avg: zeros_like(p), acc_delta: zeros_like(p) }; }
  protected rule({ p, grad, state, lr }: Case, group: ParamGroup): void {
    const { rho, eps } = group as unknown as typeof ADADELTA;
    const { square_avg, acc_delta } = state as { square_avg: Tensor; acc_delta: Tensor };
    square_avg.mul_(rho).addcmul_(grad, grad, { value: 1 - rho });
    const delta = acc_delta.add(eps).sqrt().div(square_avg.add(eps).sqrt()).mul(grad);
    acc_delta.mul_(rho).addcmul_(delta, delta, { value: 1 - rho });
    p.sub_(delta, { alpha: lr });
  }
}

const RMSPROP = { lr: 1e-2 as Rate, alpha: 0.99, eps: 1e-8, weight_decay: 0, momentum: 0, centered: false, capturable: false, ...SUPPORT };
/** Division by the root of the running average of squares (Tieleman and Hinton, 2012). */
export class RMSprop extends OneByOne {
  constructor(params: Params, options?: Partial<typeof RMSPROP>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof RMSPROP>);
  constructor(params: Params, lr: Rate, alpha: number, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('RMSprop', args, RMSPROP);
    nonNegative(o, 'lr', 'eps', 'momentum', 'weight_decay', 'alpha');
    super(params, o);
  }
  protected remember(p: Tensor, group: ParamGroup): Record<string, Tensor> {
    const { momentum, centered } = group as unknown as typeof RMSPROP;
    return { square_avg: zeros_like(p), ...(momentum > 0 ? { momentum_buffer: zeros_like(p) } : {}), ...(centered ? { grad_avg: zeros_like(p) } : {}) };
  }
  protected rule({ p, grad, state, lr }: Case, group: ParamGroup): void {
    const { alpha, eps, momentum, centered } = group as unknown as typeof RMSPROP;
    const square_avg = state['square_avg']!.mul_(alpha).addcmul_(grad, grad, { value: 1 - alpha });
    let variance = square_avg;
    if (centered) {
      const grad_avg = state['grad_avg']!.lerp_(grad, 1 - alpha);
      variance = square_avg.addcmul(grad_avg, grad_avg, { value: -1 });
    }
    const scale = variance.sqrt().add(eps);
    if (momentum > 0) p.sub_(state['momentum_buffer']!.mul_(momentum).addcdiv_(grad, scale), { alpha: lr });
    else p.addcdiv_(grad, scale, { value: -lr });
  }
}

const ADAFACTOR = {
  lr: 1e-2 as Rate, beta2_decay: -0.8, eps: [null, 1e-3] as readonly [number | null, number], d: 1, weight_decay: 0,
  foreach: null as boolean | null, maximize: false,
};
/** The gap between 1 and the next number of each dtype. */
const GAP: Record<string, number> = { float16: 2 ** -10, bfloat16: 2 ** -7, float32: 2 ** -23, float64: 2 ** -52 };

/** Running averages of squares as products of a row and a column (Shazeer and Stern, 2018). */
export class Adafactor extends OneByOne {
  constructor(params: Params, options?: Partial<typeof ADAFACTOR>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof ADAFACTOR>);
  constructor(params: Params, lr: Rate, beta2_decay: number, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('Adafactor', args, ADAFACTOR);
    const least = (what: string, v: unknown, ok: boolean, bound: string): void => {
      if (!ok) throw new ValueError(`${what} should be ${bound} but is: ${String(v)}`);
    };
    least('Learning rate', printed(o, 'lr'), Number(o.lr) >= 0, '>= 0');
    least('beta2_decay', printed(o, 'beta2_decay'), o.beta2_decay <= 0, '<= 0');
    least('epsilon1', o.eps[0], o.eps[0] === null || o.eps[0] >= 0, '>= 0');
    least('epsilon2', o.eps[1], o.eps[1] >= 0, '>= 0');
    least('Clipping threshold d', printed(o, 'd'), o.d >= 1, '>= 1');
    least('weight_decay', printed(o, 'weight_decay'), o.weight_decay >= 0, '>= 0');
    super(params, o);
  }
  /** The size of the step goes by the weights before they decay. */
  protected override decayed(_p: Tensor, grad: Tensor): Tensor { return grad; }
  protected remember(p: Tensor, _group: ParamGroup, grad: Tensor): Record<string, Tensor> {
    if (p.dtype.is_complex) throw new RuntimeError('Adafactor does not support complex parameters');
    if (grad.ndim < 2) return { variance: zeros_like(grad) };
    const without = (dim: number): Tensor => zeros(grad.shape.map((n, d) => (d === grad.ndim + dim ? 1 : n)), { dtype: grad.dtype });
    return { row_var: without(-1), col_var: without(-2) };
  }
  protected rule({ p, grad, state, lr, step }: Case, group: ParamGroup): void {
    const { beta2_decay, eps, d, weight_decay } = group as unknown as typeof ADAFACTOR;
    const least = eps[0] ?? GAP[p.dtype.name]!;
    const fresh = step ** beta2_decay, norm = (t: Tensor): number => Number(t.norm(2).item()) / Math.sqrt(t.numel());
    const alpha = Math.max(eps[1], norm(p)) * Math.min(lr, 1 / Math.sqrt(step));
    if (weight_decay !== 0) p.mul_(1 - lr * weight_decay);
    let estimate: Tensor;
    if (grad.ndim > 1) {
      const square = grad.square();
      const row = state['row_var']!.lerp_(square.mean(-1, true), fresh), column = state['col_var']!.lerp_(square.mean(-2, true), fresh);
      estimate = row.matmul(column).div(row.mean(-2, true).clamp_min(least));
    } else {
      estimate = state['variance']!.lerp_(grad.square(), fresh);
    }
    const change = estimate.clamp_min(least * least).rsqrt().mul(grad);
    p.sub_(change, { alpha: alpha / Math.max(1, norm(change) / d) });
  }
}
