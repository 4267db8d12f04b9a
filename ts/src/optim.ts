/** `torch.optim`. */
import { no_grad } from './index.js';
import { sqrt, zeros_like } from './generated.js';
import { keep } from './memory.js';
import { Tensor, tidy } from './tensor.js';
import { ValueError } from './errors.js';

abstract class Optimizer {
  readonly params: Tensor[];
  constructor(params: Iterable<Tensor>, readonly lr: number) {
    this.params = [...params];
    if (this.params.length === 0) throw new ValueError('optimizer got an empty parameter list');
    if (!(lr >= 0)) throw new ValueError(`Invalid learning rate: ${lr}`);
  }
  zero_grad(): void { for (const p of this.params) p.grad = null; }
  protected abstract update(p: Tensor, grad: Tensor, i: number): void;
  step(): void {
    no_grad(() => tidy(() => this.params.forEach((p, i) => { const g = p.grad; if (g) this.update(p, g, i); })));
  }
}

/** Stochastic gradient descent (Sutskever et al., 2013, for the momentum). */
export class SGD extends Optimizer {
  readonly #buffers: Tensor[] = [];
  constructor(params: Iterable<Tensor>, readonly options: { lr?: number; momentum?: number; dampening?: number; weight_decay?: number; nesterov?: boolean } = {}) {
    super(params, options.lr ?? 1e-3);
    if (options.nesterov && (!options.momentum || options.dampening)) throw new ValueError('Nesterov momentum requires a momentum and zero dampening');
  }
  protected update(p: Tensor, grad: Tensor, i: number): void {
    const { momentum = 0, dampening = 0, weight_decay = 0, nesterov = false } = this.options;
    let g = weight_decay ? grad.add(p, { alpha: weight_decay }) : grad;
    if (momentum) {
      const b = this.#buffers[i];
      if (b) b.mul_(momentum).add_(g, { alpha: 1 - dampening });
      else this.#buffers[i] = keep(g.clone());
      g = nesterov ? g.add(this.#buffers[i]!, { alpha: momentum }) : this.#buffers[i]!;
    }
    p.add_(g, { alpha: -this.lr });
  }
}

/** Adam (Kingma and Ba, 2015); with `decoupled` decay it is AdamW (Loshchilov and Hutter, 2019). */
export class Adam extends Optimizer {
  readonly #state: { m: Tensor; v: Tensor; step: number }[] = [];
  protected decoupled = false;
  constructor(params: Iterable<Tensor>, readonly options: { lr?: number; betas?: [number, number]; eps?: number; weight_decay?: number } = {}) {
    super(params, options.lr ?? 1e-3);
  }
  protected update(p: Tensor, grad: Tensor, i: number): void {
    const { betas: [b1, b2] = [0.9, 0.999], eps = 1e-8 } = this.options;
    const decay = this.options.weight_decay ?? (this.decoupled ? 1e-2 : 0);
    const s = (this.#state[i] ??= { m: keep(zeros_like(p)), v: keep(zeros_like(p)), step: 0 });
    s.step += 1;
    if (decay && this.decoupled) p.mul_(1 - this.lr * decay);
    const g = decay && !this.decoupled ? grad.add(p, { alpha: decay }) : grad;
    s.m.lerp_(g, 1 - b1);
    s.v.mul_(b2).addcmul_(g, g, { value: 1 - b2 });
    const denominator = sqrt(s.v).div_(Math.sqrt(1 - b2 ** s.step)).add_(eps);
    p.addcdiv_(s.m, denominator, { value: -this.lr / (1 - b1 ** s.step) });
  }
}
export class AdamW extends Adam { protected override decoupled = true; }
