/** Clipping of gradients, and parameters as one vector. */
import { quietly } from '../../autograd/index.js';
import { tensor } from '../../creation.js';
import { RuntimeError, TypeError } from '../../errors.js';
import { cat, linalg, stack } from '../../generated.js';
import { isTensor, type Tensor } from '../../tensor.js';
import { bound } from '../arguments.js';
import { pythonFloat } from '../module.js';

type Tensors = Tensor | Iterable<Tensor>;
const listOf = (tensors: Tensors): Tensor[] => (isTensor(tensors) ? [tensors] : [...tensors]);
const gradientsOf = (parameters: Tensors): Tensor[] => listOf(parameters).flatMap((p) => p.grad ?? []);

interface NormOptions { norm_type?: number | bigint | 'inf'; error_if_nonfinite?: boolean; foreach?: boolean | null }
const NORM = { norm_type: 2, error_if_nonfinite: false, foreach: null };
type Norm = { norm_type: number | string; error_if_nonfinite: boolean };
const order = (p: number | string): number => (p === 'inf' ? Infinity : Number(p));

/** The norm of all tensors as one vector. */
export function get_total_norm(tensors: Tensors, options?: NormOptions): Tensor;
export function get_total_norm(tensors: Tensors, norm_type: number | bigint | 'inf', error_if_nonfinite?: boolean | NormOptions): Tensor;
export function get_total_norm(tensors: Tensors, ...args: unknown[]): Tensor {
  const { norm_type, error_if_nonfinite } = bound<Norm>('get_total_norm()', args, Object.keys(NORM), NORM);
  const list = listOf(tensors), p = order(norm_type);
  if (list.length === 0) return tensor(0);
  return quietly(() => {
    const total = linalg.vector_norm(stack(list.map((t) => linalg.vector_norm(t, p))), p);
    if (error_if_nonfinite && !Number.isFinite(Number(total.item()))) {
      throw new RuntimeError(`The total norm of order ${pythonFloat(p)} for gradients from \`parameters\` is non-finite, so it cannot be clipped. `
        + 'To disable this error and scale the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`');
    }
    return total;
  });
}
/** Scales gradients down so that a norm of `total_norm` becomes `max_norm` at most. */
export function clip_grads_with_norm_(parameters: Tensors, max_norm: number | bigint, total_norm: Tensor): void {
  quietly(() => {
    const factor = total_norm.add(1e-6).reciprocal().mul(Number(max_norm)).clamp({ max: 1 });
    for (const g of gradientsOf(parameters)) g.mul_(factor);
  });
}
/** Scales gradients down so that the norm of all of them is `max_norm` at most; returns what it was. */
export function clip_grad_norm_(parameters: Tensors, max_norm: number | bigint, options?: NormOptions): Tensor;
export function clip_grad_norm_(parameters: Tensors, max_norm: number | bigint, norm_type: number | bigint | 'inf',
  error_if_nonfinite?: boolean | NormOptions): Tensor;
export function clip_grad_norm_(parameters: Tensors, ...args: unknown[]): Tensor {
  const { max_norm, norm_type, error_if_nonfinite } = bound<Norm & { max_norm: number }>('clip_grad_norm_()', args, ['max_norm', ...Object.keys(NORM)], NORM);
  const list = listOf(parameters), total = get_total_norm(gradientsOf(list), { norm_type: order(norm_type), error_if_nonfinite });
  clip_grads_with_norm_(list, max_norm, total);
  return total;
}
/** Clips every element of the gradients to `±clip_value`. */
export function clip_grad_value_(parameters: Tensors, clip_value: number | bigint): void {
  const most = Number(clip_value);
  quietly(() => { for (const g of gradientsOf(parameters)) g.clamp_(-most, most); });
}

/** All parameters in one vector. */
export function parameters_to_vector(parameters: Iterable<Tensor>): Tensor { return cat([...parameters].map((p) => p.reshape(-1))); }
/** Parameters from the parts of one vector. */
export function vector_to_parameters(vec: Tensor, parameters: Iterable<Tensor>): void {
  if (!isTensor(vec)) throw new TypeError(`expected torch.Tensor, but got: ${typeof vec}`);
  quietly(() => {
    let at = 0;
    for (const p of parameters) {
      const n = p.numel();
      p.copy_(vec.narrow(0, at, n).view(p.shape));
      at += n;
    }
  });
}
