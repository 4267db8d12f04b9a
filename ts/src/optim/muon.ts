/** Muon. */
import { bfloat16 } from '../dtype.js';
import { RuntimeError, ValueError } from '../errors.js';
import { zeros_like } from '../generated.js';
import type { Tensor } from '../tensor.js';
import { Optimizer, optionsOf, printed, type ParamGroup, type Params, type Rate } from './optimizer.js';

const MUON = {
  lr: 1e-3 as Rate, weight_decay: 0.1, momentum: 0.95, nesterov: true, ns_coefficients: [3.4445, -4.775, 2.0315] as readonly number[],
  eps: 1e-7, ns_steps: 5, adjust_lr_fn: null as string | null,
};
/**
 * The nearest orthogonal matrix, about, by Newton and Schulz's iteration in bfloat16.
 * @see K. Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024
 */
function orthogonal(gradient: Tensor, { ns_coefficients, ns_steps, eps }: typeof MUON): Tensor {
  if (ns_steps >= 100) throw new ValueError('Number of steps must be less than 100 for computational efficiency');
  if (ns_coefficients.length !== 3) throw new ValueError('Coefficients must be a tuple of exactly 3 values');
  const [a, b, c] = ns_coefficients as [number, number, number], tall = gradient.shape[0]! > gradient.shape[1]!;
  let x = gradient.to(bfloat16);
  if (tall) x = x.T;
  x = x.div(x.norm().clamp({ min: eps }));
  for (let i = 0; i < ns_steps; i++) {
    const square = x.matmul(x.T);
    x = x.addmm(square.addmm(square, square, { beta: b, alpha: c }), x, { beta: a });
  }
  return tall ? x.T : x;
}

/** Momentum made orthogonal, for matrices (Jordan et al., 2024). */
export class Muon extends Optimizer {
  constructor(params: Params, options?: Partial<typeof MUON>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof MUON>);
  constructor(params: Params, lr: Rate, weight_decay: number, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('Muon', args, MUON);
    if (!(Number(o.lr) >= 0)) throw new ValueError(`Learning rate should be >= 0 but is: ${printed(o, 'lr')}`);
    if (!(o.momentum >= 0)) throw new ValueError(`momentum should be >= 0 but is: ${printed(o, 'momentum')}`);
    if (!(o.weight_decay >= 0)) throw new ValueError(`weight decay should be >= 0 but is: ${printed(o, 'weight_decay')}`);
    if (o.adjust_lr_fn !== null && !['original', 'match_rms_adamw', 'spectral_unclamped'].includes(o.adjust_lr_fn)) {
      throw new ValueError(`Adjust learning rate function ${o.adjust_lr_fn} is not supported`);
    }
    super(params, o);
    for (const p of this.param_groups.flatMap((g) => g.params)) {
      if (p.ndim !== 2) throw new ValueError(`Muon only supports 2D parameters whereas we found a parameter with size: torch.Size([${p.shape.join(', ')}])`);
    }
  }
  protected update(group: ParamGroup, params: Tensor[], grads: Tensor[]): void {
    const options = group as unknown as typeof MUON, { momentum, nesterov, weight_decay, adjust_lr_fn } = options;
    const lr = this.rate(group);
    params.forEach((p, i) => {
      if (p.dtype.is_complex) throw new RuntimeError('Muon does not support complex parameters');
      const grad = grads[i]!;
      const buffer = this.stateOf(p, () => ({ momentum_buffer: zeros_like(grad) }))['momentum_buffer'] as Tensor;
      buffer.lerp_(grad, 1 - momentum);
      const direction = orthogonal(nesterov ? grad.lerp(buffer, momentum) : buffer, options);
      const [rows, columns] = p.shape as [number, number];
      const ratio = adjust_lr_fn === 'match_rms_adamw' ? 0.2 * Math.sqrt(Math.max(rows, columns))
        : Math.sqrt(adjust_lr_fn === 'spectral_unclamped' ? rows / columns : Math.max(1, rows / columns));
      p.mul_(1 - lr * weight_decay);
      p.sub_(direction, { alpha: lr * ratio });
    });
  }
}
