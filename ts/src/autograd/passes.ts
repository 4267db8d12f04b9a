/** Backward passes: `backward` and `torch.autograd.grad`. */
import { door } from '#wasm';
import { begin, check, result, writeTensors } from '../buffer.js';
import { isKeywords } from '../signatures.js';
import type { Tensor } from '../tensor.js';

/** Options of `backward`. */
export interface BackwardOptions { gradient?: Tensor | null; retain_graph?: boolean; create_graph?: boolean; inputs?: Tensor | readonly Tensor[] | null }

/** One backward pass; flags: 1 retain, 2 create, 4 accumulate. */
export function runBackward(roots: readonly Tensor[], grads: readonly (Tensor | null)[], inputs: Tensor | readonly Tensor[] | null, flags: number): void {
  if (roots.length === 1 && grads[0] === null && inputs === null) {
    check(door.backward_from(roots[0]!.handle, flags));
    return;
  }
  begin();
  writeTensors(roots);
  writeTensors(grads);
  writeTensors(inputs && list(inputs));
  check(door.backward(flags));
}

const list = <T>(x: T | readonly T[]): readonly T[] => (Array.isArray(x) ? (x as readonly T[]) : [x as T]);

/** Options of `torch.autograd.grad`. */
export interface GradOptions {
  grad_outputs?: Tensor | readonly (Tensor | null)[] | null; retain_graph?: boolean | null; create_graph?: boolean;
  allow_unused?: boolean | null; materialize_grads?: boolean; is_grads_batched?: boolean;
}

/** Gradients of `outputs` in `inputs`, returned rather than added up. */
export function grad(outputs: Tensor | readonly Tensor[], inputs: Tensor | readonly Tensor[], options: GradOptions = {}): Tensor[] {
  const roots = list(outputs);
  const { grad_outputs, allow_unused = null } = options;
  const given = grad_outputs ? list<Tensor | null>(grad_outputs) : roots.map(() => null);
  begin();
  writeTensors(roots);
  writeTensors(list(inputs));
  writeTensors(given);
  const status = door.gradients((options.retain_graph ?? options.create_graph ? 1 : 0) | (options.create_graph ? 2 : 0)
    | (allow_unused === null ? 0 : allow_unused ? 4 : 8) | (options.materialize_grads ? 16 : 0) | (options.is_grads_batched ? 32 : 0));
  return result(status) as Tensor[];
}

/** Options of `torch.autograd.backward`. */
export type PassOptions = Omit<BackwardOptions, 'gradient'> & { grad_tensors?: Tensor | readonly (Tensor | null)[] | null };

/** The sum of the gradients of several tensors, added to the leaves. */
export function backward(tensors: Tensor | readonly Tensor[], grad_tensors?: Tensor | readonly (Tensor | null)[] | null | PassOptions, options: PassOptions = {}): void {
  const kw = isKeywords(grad_tensors) ? (grad_tensors as PassOptions) : options, roots = list(tensors);
  const given = kw === grad_tensors ? kw.grad_tensors : (grad_tensors as Tensor | readonly (Tensor | null)[] | null | undefined);
  runBackward(roots, given ? list<Tensor | null>(given) : roots.map(() => null), kw.inputs ?? null,
    (kw.retain_graph ?? kw.create_graph ? 1 : 0) | (kw.create_graph ? 2 : 0) | 4);
}
