/** Backward passes: `backward` and `torch.autograd.grad`. */
import { door } from '#wasm';
import { begin, check, result, writeTensors } from '../buffer.js';
import { AssertionError, RuntimeError } from '../errors.js';
import { zeros_like } from '../generated.js';
import { isKeywords, typeName } from '../signatures.js';
import { isTensor, type Tensor } from '../tensor.js';
import { GradientEdge } from './node.js';
import { isInside } from './transformed.js';

/** Where a pass starts or ends. */
export type Ends = Tensor | GradientEdge | readonly (Tensor | GradientEdge)[];
/** Options of `backward`. */
export interface BackwardOptions {
  gradient?: Tensor | null; retain_graph?: boolean | null; create_graph?: boolean; inputs?: Ends | Readonly<Record<string, Tensor>> | null;
}

/** One thing or several, as a list. */
export const list = <T>(x: T | readonly T[]): readonly T[] => (Array.isArray(x) ? (x as readonly T[]) : [x as T]);

/** What becomes of the graph, as flags of the core: 1 it is kept, 2 the pass is recorded, which keeps it too. */
const graphFlags = ({ retain_graph, create_graph }: { retain_graph?: boolean | null; create_graph?: boolean }): number =>
  (retain_graph ?? create_graph ? 1 : 0) | (create_graph ? 2 : 0);

/** Tensors, and for edges tensors that stand for them, which `spare` is to hold until the pass has run. */
function tensorsOf(ends: Ends | Readonly<Record<string, Tensor>>, spare: Tensor[], refuse: (type: string) => Error): Tensor[] {
  const all = isKeywords(ends) ? Object.values(ends) as Tensor[] : list(ends as Tensor | GradientEdge);
  return all.map((end) => {
    if (isTensor(end)) return end;
    if (!(end instanceof GradientEdge)) throw refuse(typeName(end));
    const t = end._tensor();
    spare.push(t);
    return t;
  });
}
const rootsOf = (ends: Ends, spare: Tensor[]): Tensor[] => tensorsOf(ends, spare, () => new AssertionError('Expected output to be a torch.Tensor'));
const inputsOf = (ends: Ends | Readonly<Record<string, Tensor>>, spare: Tensor[]): Tensor[] =>
  tensorsOf(ends, spare, (type) => new RuntimeError(`all inputs have to be Tensors or GradientEdges, but got ${type}`));

/** The gradients given for the roots. */
function givenFor(roots: readonly Tensor[], grads: Tensor | readonly (Tensor | null)[] | null | undefined): readonly (Tensor | null)[] {
  const given = grads ? list<Tensor | null>(grads) : roots.map(() => null);
  const wrong = given.find((g) => g !== null && !isTensor(g));
  if (wrong !== undefined) throw new TypeError(`gradients can be either Tensors or None, but got ${typeName(wrong)}`);
  return given;
}

/** One backward pass that adds to the leaves. */
export function runBackward(ends: Ends, grads: Tensor | readonly (Tensor | null)[] | null | undefined, options: Omit<BackwardOptions, 'gradient'>): void {
  if (isInside()) {
    throw new RuntimeError('backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp instead '
      + 'or call backward() outside of functorch transforms.');
  }
  const flags = graphFlags(options) | 4, inputs = options.inputs ?? null;
  if (isTensor(ends) && !grads && inputs === null) {
    check(door.backward_from(ends.handle, flags));
    return;
  }
  const spare: Tensor[] = [];
  try {
    const roots = rootsOf(ends, spare), given = givenFor(roots, grads), targets = inputs && inputsOf(inputs, spare);
    begin();
    writeTensors(roots);
    writeTensors(given);
    writeTensors(targets);
    check(door.backward(flags));
  } finally {
    for (const t of spare) t.dispose();
  }
}

/** Options of `torch.autograd.grad`. */
export interface GradOptions {
  grad_outputs?: Tensor | readonly (Tensor | null)[] | null; retain_graph?: boolean | null; create_graph?: boolean;
  allow_unused?: boolean | null; materialize_grads?: boolean; is_grads_batched?: boolean;
}

/** Gradients of `outputs` in `inputs`, returned rather than added up: as a list, or by name where the inputs have names. */
export function grad(outputs: Ends, inputs: Ends, options?: GradOptions): Tensor[];
export function grad<K extends string>(outputs: Ends, inputs: Readonly<Record<K, Tensor>>, options?: GradOptions): Record<K, Tensor>;
export function grad(outputs: Ends, inputs: Ends | Readonly<Record<string, Tensor>>, options: GradOptions = {}): Tensor[] | Record<string, Tensor> {
  const spare: Tensor[] = [];
  let found: (Tensor | null)[];
  try {
    const roots = rootsOf(outputs, spare), starts = new Set(spare), targets = inputsOf(inputs, spare);
    const given = givenFor(roots, options.grad_outputs), { allow_unused = null, materialize_grads, is_grads_batched } = options;
    if (is_grads_batched && roots.some((t, i) => starts.has(t) && given[i] && String(given[i].shape.slice(1)) !== String(t.shape))) {
      throw new RuntimeError('Batched grads are not supported with GradientEdge');
    }
    // An edge that is not reached is no tensor to make zeros like.
    const some = materialize_grads && spare.length > starts.size && allow_unused !== false;
    begin();
    writeTensors(roots);
    writeTensors(targets);
    writeTensors(given);
    found = result(door.gradients(graphFlags(options) | (some ? 4 : allow_unused === null ? 0 : allow_unused ? 4 : 8)
      | (materialize_grads && !some ? 16 : 0) | (is_grads_batched ? 32 : 0))) as (Tensor | null)[];
    if (some) {
      if (found.some((g, i) => !g && spare.includes(targets[i]!))) throw new RuntimeError('materialize_grads cannot be used when the given input is a GradientEdge');
      found = found.map((g, i) => g ?? zeros_like(targets[i]!).requires_grad_(options.create_graph ?? false));
    }
  } finally {
    for (const t of spare) t.dispose();
  }
  return isKeywords(inputs) ? Object.fromEntries(Object.keys(inputs).map((name, i) => [name, found[i]!])) : found as Tensor[];
}

/** Options of `torch.autograd.backward`. */
export type PassOptions = Omit<BackwardOptions, 'gradient'> & { grad_tensors?: Tensor | readonly (Tensor | null)[] | null };

/** The sum of the gradients of several tensors, added to the leaves. */
export function backward(tensors: Ends, grad_tensors?: Tensor | readonly (Tensor | null)[] | null | PassOptions, options: PassOptions = {}): void {
  const kw = isKeywords(grad_tensors) ? (grad_tensors as PassOptions) : options;
  runBackward(tensors, kw === grad_tensors ? kw.grad_tensors : grad_tensors as Tensor | readonly (Tensor | null)[] | null | undefined, kw);
}
