/** `torch.autograd.gradcheck` and `gradgradcheck`: gradients against differences. */
import { door } from '#wasm';
import { begin, check, writeTensors } from '../buffer.js';
import { RuntimeError } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';
import { lend } from './callbacks.js';
import { list } from './passes.js';
import { scoped } from '../scopes.js';

/** Raised where gradients differ. */
export class GradcheckError extends RuntimeError { override name = 'GradcheckError'; }

/** Step and tolerances; and whether a difference is an error or the answer `false`. */
export interface GradcheckOptions { eps?: number; atol?: number; rtol?: number; raise_exception?: boolean; fast_mode?: boolean }
/** A function of tensors that is to be checked. */
export type Checked = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

function compare(fn: Checked, inputs: readonly Tensor[], grads: readonly Tensor[] | null, second: boolean,
  { eps = 1e-6, atol = 1e-5, rtol = 1e-3, raise_exception = true, fast_mode = false }: GradcheckOptions): boolean {
  return scoped(() => {
    const key = lend((given) => list(fn(...(given as Tensor[]))));
    begin();
    writeTensors(inputs);
    writeTensors(grads);
    try {
      check(door.check_gradients(key, eps, atol, rtol, (second ? 1 : 0) | (fast_mode ? 2 : 0)));
      return true;
    } catch (error) {
      if (!(error instanceof RuntimeError)) throw error;
      if (!raise_exception) return false;
      throw new GradcheckError(error.message);
    }
  }, isTensor);
}

/**
 * Compares the gradients of `fn` with central differences, in double precision.
 *
 * @example
 * const x = torch.randn([3], { dtype: torch.float64 }).requires_grad_();
 * torch.autograd.gradcheck((t) => t.sin().mul(t), [x]);  // true
 */
export function gradcheck(fn: Checked, inputs: Tensor | readonly Tensor[], options: GradcheckOptions = {}): boolean {
  return compare(fn, list(inputs), null, false, options);
}
/** The same for the gradients of the gradients. */
export function gradgradcheck(fn: Checked, inputs: Tensor | readonly Tensor[],
  { grad_outputs = null, ...options }: GradcheckOptions & { grad_outputs?: Tensor | readonly Tensor[] | null } = {}): boolean {
  return compare(fn, list(inputs), grad_outputs && list(grad_outputs), true, options);
}
