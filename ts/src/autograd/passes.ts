/** Backward passes: `backward` and `torch.autograd.grad`. */
import { door } from '#wasm';
import { begin, check, result, writeTensors } from '../buffer.js';
import { isKeywords } from '../signatures.js';
import type { Tensor } from '../tensor.js';

/** Options of `backward`. */
export interface BackwardOptions { gradient?: Tensor | null; retain_graph?: boolean; create_graph?: boolean; inputs?: Tensor | readonly Tensor[] | null }

/** One thing or several, as a list. */
export const list = <T>(x: T | readonly T[]): readonly T[] => (Array.isArray(x) ? (x as readonly T[]) : [x as T]);

/** What becomes of the graph, as flags of the core: 1 it is kept, 2 the pass is recorded, which keeps it too. */
const graphFlags = ({ retain_graph, create_graph }: { retain_graph?: boolean | null; create_graph?: boolean }): number =>
  (retain_graph ?? create_graph ? 1 : 0) | (create_graph ? 2 : 0);

/** One backward pass that adds to the leaves. */
export function runBackward(roots: readonly Tensor[], grads: readonly (Tensor | null)[], options: Omit<BackwardOptions, 'gradient'>): void {
  const flags = graphFlags(options) | 4, inputs = options.inputs ?? null;
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
  const status = door.gradients(graphFlags(options)
    | (allow_unused === null ? 0 : allow_unused ? 4 : 8) | (options.materialize_grads ? 16 : 0) | (options.is_grads_batched ? 32 : 0));
  return result(status) as Tensor[];
}

/** Options of `torch.autograd.backward`. */
export type PassOptions = Omit<BackwardOptions, 'gradient'> & { grad_tensors?: Tensor | readonly (Tensor | null)[] | null };

/** The sum of the gradients of several tensors, added to the leaves. */
export function backward(tensors: Tensor | readonly Tensor[], grad_tensors?: Tensor | readonly (Tensor | null)[] | null | PassOptions, options: PassOptions = {}): void {
  const kw = isKeywords(grad_tensors) ? (grad_tensors as PassOptions) : options, roots = list(tensors);
  const given = kw === grad_tensors ? kw.grad_tensors : (grad_tensors as Tensor | readonly (Tensor | null)[] | null | undefined);
  runBackward(roots, given ? list<Tensor | null>(given) : roots.map(() => null), kw);
}
