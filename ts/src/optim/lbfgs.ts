/** L-BFGS. */
import { enable_grad, quietly } from '../autograd/index.js';
import { float64 } from '../dtype.js';
import { RuntimeError, ValueError } from '../errors.js';
import { cat, zeros_like } from '../generated.js';
import { keep, outside } from '../scopes.js';
import { isTensor, type Tensor } from '../tensor.js';
import { strongWolfe, type Point, type Rounding } from './line_search.js';
import { nonNegative, Optimizer, optionsOf, real, type Params, type Rate } from './optimizer.js';

const DEFAULTS = {
  lr: 1 as Rate, max_iter: 20, max_eval: null as number | null, tolerance_grad: 1e-7, tolerance_change: 1e-9, history_size: 100,
  line_search_fn: null as 'strong_wolfe' | null, maximize: false,
};
/**
 * What is remembered, by PyTorch's names: the last direction, step and gradient; of the steps before, the changes of
 * the gradient, the moves, and the reciprocals of their products; the scale of the inverse Hessian.
 */
interface Memory {
  n_iter: number; func_evals: number; d: Tensor | null; t: number; old_dirs: Tensor[]; old_stps: Tensor[]; ro: number[]; H_diag: number;
  prev_flat_grad: Tensor | null;
}

/** The product of the approximate inverse Hessian with the negative gradient. */
function newDirection(gradient: Tensor, { old_dirs, old_stps, ro, H_diag }: Memory): Tensor {
  const q = gradient.neg(), al: number[] = [], round = rounding(gradient);
  for (let i = old_dirs.length - 1; i >= 0; i--) {
    al[i] = round(number(old_stps[i]!.dot(q)) * ro[i]!);
    q.sub_(old_dirs[i]!, { alpha: al[i]! });
  }
  const r = q.mul(H_diag);
  old_dirs.forEach((y, i) => { r.add_(old_stps[i]!, { alpha: round(al[i]! - round(number(y.dot(r)) * ro[i]!)) }); });
  return r;
}

/** Learns from how the gradient changed over the last step. */
function learn(gradient: Tensor, memory: Memory, size: number): void {
  const { old_dirs, old_stps, ro } = memory, round = rounding(gradient);
  const y = gradient.sub(memory.prev_flat_grad!), s = memory.d!.mul(memory.t), ys = number(y.dot(s));
  if (!(ys > 1e-10)) return;
  if (old_dirs.length === size) {
    old_dirs.shift()!.dispose();
    old_stps.shift()!.dispose();
    ro.shift();
  }
  old_dirs.push(keep(y));
  old_stps.push(keep(s));
  ro.push(round(1 / ys));
  memory.H_diag = round(ys / number(y.dot(y)));
}

const number = (t: Tensor): number => Number(t.item());
/** PyTorch keeps the numbers of the method in tensors of the parameters' dtype. */
const rounding = (t: Tensor): Rounding => (t.dtype === float64 ? (x) => x : Math.fround);
const greatest = (t: Tensor): number => number(t.abs().max());

/**
 * The limited-memory method of Broyden, Fletcher, Goldfarb and Shanno: each step evaluates the
 * closure several times.
 * @see D. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", 1989
 */
export class LBFGS extends Optimizer {
  constructor(params: Params, options?: Partial<typeof DEFAULTS>);
  constructor(params: Params, lr: Rate, options?: Partial<typeof DEFAULTS>);
  constructor(params: Params, lr: Rate, max_iter: number, ...rest: unknown[]);
  constructor(params: Params, ...args: unknown[]) {
    const o = optionsOf('LBFGS', args, DEFAULTS);
    nonNegative(o, 'lr');
    super(params, { ...o, max_eval: o.max_eval ?? Math.floor(o.max_iter * 5 / 4) });
    if (this.param_groups.length !== 1) throw new ValueError("LBFGS doesn't support per-parameter options (parameter groups)");
  }
  protected update(): void { /* The closure is part of the step: see `advance`. */ }

  get #params(): Tensor[] { return this.param_groups[0]!.params; }
  /** All gradients in one vector. */
  #flat(): Tensor {
    const flat = cat(this.#params.map((p) => real(p.grad ?? zeros_like(p)).reshape(-1)));
    return this.param_groups[0]!['maximize'] ? flat.neg() : flat;
  }
  #move(t: number, direction: Tensor): void {
    let at = 0;
    for (const p of this.#params.map(real)) {
      p.add_(direction.narrow(0, at, p.numel()).view(p.shape), { alpha: t });
      at += p.numel();
    }
  }
  protected override advance<T>(closure?: () => T): T | null {
    if (!closure) throw new TypeError("LBFGS.step() missing 1 required positional argument: 'closure'");
    const { max_iter, max_eval, tolerance_grad, tolerance_change, history_size, line_search_fn, maximize } = this.param_groups[0] as unknown as typeof DEFAULTS;
    const lr = this.rate(this.param_groups[0]!);
    // What the closure makes is the user's: it does not go with the step's own tensors.
    const evaluate = (): T => outside(() => enable_grad(closure));
    const asNumber = (loss: T): number => (maximize ? -1 : 1) * Number(isTensor(loss) ? loss.item() : loss);
    return quietly(() => {
      const state = this.stateOf(this.#params[0]!, () => ({
        n_iter: 0, func_evals: 0, d: null, t: 0, old_dirs: [], old_stps: [], ro: [], H_diag: 1, prev_flat_grad: null,
      })) as unknown as Memory;
      const answer = evaluate();
      let loss = asNumber(answer), evaluations = 1, gradient = this.#flat();
      state.func_evals += 1;
      if (greatest(gradient) <= tolerance_grad) return answer;
      for (let n = 1; n <= max_iter; n++) {
        state.n_iter += 1;
        const first = state.n_iter === 1;
        if (!first) learn(gradient, state, history_size);
        const direction = first ? gradient.neg() : newDirection(gradient, state);
        state.d?.dispose();
        if (state.prev_flat_grad !== gradient) state.prev_flat_grad?.dispose();
        state.d = keep(direction);
        state.prev_flat_grad = keep(gradient);
        const before = loss, slope = number(gradient.dot(direction));
        const round = rounding(gradient);
        let t = first ? round(Math.min(1, round(1 / number(gradient.abs().sum()))) * lr) : lr;
        state.t = t;
        if (slope > -tolerance_change) break;
        let spent = 0;
        if (line_search_fn !== null) {
          if (line_search_fn !== 'strong_wolfe') throw new RuntimeError("only 'strong_wolfe' is supported");
          const origin = this.#params.map((p) => p.clone());
          const at = (step: number): Point => {
            this.#move(step, direction);
            const value = asNumber(evaluate()), g = this.#flat();
            this.#params.forEach((p, i) => { p.copy_(origin[i]!); });
            return { t: step, loss: value, gradient: g, slope: number(g.dot(direction)) };
          };
          const [found, count] = strongWolfe(at, { t: 0, loss, gradient, slope }, t, greatest(direction), max_eval! - evaluations, round);
          ({ loss, gradient, t } = found);
          spent = count;
          this.#move(t, direction);
        } else {
          this.#move(t, direction);
          if (n !== max_iter) {
            loss = asNumber(evaluate());
            gradient = this.#flat();
            spent = 1;
          }
        }
        state.t = t;
        evaluations += spent;
        state.func_evals += spent;
        if (n === max_iter || evaluations >= max_eval! || greatest(gradient) <= tolerance_grad) break;
        if (greatest(direction) * t <= tolerance_change || Math.abs(loss - before) < tolerance_change) break;
      }
      return answer;
    });
  }
}
