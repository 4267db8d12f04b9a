/** `torch.autograd.functional`: Jacobians, Hessians, and their products with vectors. */
import { reshape, stack, zeros_like } from '../generated.js';
import { typeName } from '../signatures.js';
import { RuntimeError, TypeError } from '../errors.js';
import { isTensor, type Tensor } from '../tensor.js';
import { enable_grad } from './modes.js';
import { grad } from './passes.js';

/** One tensor or several. */
export type Tensors = Tensor | readonly Tensor[];
/** A function of one tensor or several. */
export type Func = (...inputs: Tensor[]) => Tensors;

/** What all functions here take. */
export interface FunctionalOptions {
  /** The result can be differentiated again. */
  create_graph?: boolean;
  /** An output that does not depend on an input is an error instead of zeros. */
  strict?: boolean;
}

function listed(value: unknown, what: string, where: string): readonly Tensor[] {
  if (isTensor(value)) return [value];
  if (!Array.isArray(value)) {
    throw new TypeError(`The ${what} given to ${where} must be either a Tensor or a tuple of Tensors but the given ${what} has type ${typeName(value)}.`);
  }
  value.forEach((v, i) => {
    if (!isTensor(v)) throw new TypeError(`The ${what} given to ${where} must be either a Tensor or a tuple of Tensors but the value at index ${i} has type ${typeName(v)}.`);
  });
  return value as Tensor[];
}

/** A list where a list was given. */
const like = <T>(list: T[], given: unknown): T | T[] => (isTensor(given) ? list[0]! : list);

/** The inputs as leaves of a new graph, or as part of the caller's. */
function opened(inputs: readonly Tensor[], create_graph: boolean): Tensor[] {
  return inputs.map((t) => (!create_graph ? t.detach().requires_grad_() : t.requires_grad ? t.view_as(t) : t.detach().requires_grad_()));
}
const closed = (list: Tensor[], create_graph: boolean): Tensor[] => (create_graph ? list : list.map((t) => t.detach()));

function checkOutputs(outputs: readonly Tensor[], strict: boolean): void {
  if (!strict) return;
  outputs.forEach((t, i) => {
    if (!t.requires_grad) {
      throw new RuntimeError(`Output ${i} of the user-provided function does not require gradients. The outputs must be computed in a differentiable `
        + 'manner from the input when running in strict mode.');
    }
  });
}

/** Gradients of those outputs that have any. */
function pull(outputs: readonly Tensor[], inputs: readonly Tensor[], grads: readonly (Tensor | null)[] | null, create_graph: boolean): (Tensor | null)[] {
  const kept = outputs.flatMap((t, i) => (t.requires_grad ? [i] : []));
  if (kept.length === 0) return inputs.map(() => null);
  return grad(kept.map((i) => outputs[i]!), inputs, {
    grad_outputs: grads && kept.map((i) => grads[i]!), allow_unused: true, create_graph, retain_graph: true,
  }) as (Tensor | null)[];
}

/** Zeros for gradients that are missing, or an error about the input. */
function filled(grads: readonly (Tensor | null)[], refs: readonly Tensor[], strict: boolean, missing: (i: number) => string): Tensor[] {
  return grads.map((g, i) => {
    if (g) return g;
    if (strict) throw new RuntimeError(missing(i));
    return zeros_like(refs[i]!);
  });
}
const independent = (of: string, tail = '') => (i: number): string => `The ${of} of the user-provided function is independent of input ${i}. This is not allowed in strict mode${tail}.`;

function checkVector(v: readonly Tensor[], refs: readonly Tensor[]): void {
  if (v.length !== refs.length) {
    throw new RuntimeError(refs.length === 1 ? 'The given v should contain a single Tensor.' : `v is a tuple of invalid length: should be ${refs.length} but got ${v.length}.`);
  }
  const size = (t: Tensor): string => `torch.Size([${t.shape.join(', ')}])`;
  v.forEach((t, i) => {
    if (size(t) !== size(refs[i]!)) {
      throw new RuntimeError(`${v.length > 1 ? `Entry ${i} in ` : ''}v has invalid size: should be ${size(refs[i]!)} but got ${size(t)}.`);
    }
  });
}

/** The vector given, or the only one there is where a single number is asked about. */
function vectorFor(v: Tensors | null | undefined, refs: readonly Tensor[], where: string, what: string): Tensor[] {
  if (v !== null && v !== undefined) {
    const list = listed(v, 'v', where).map((t) => t.detach());
    checkVector(list, refs);
    return list;
  }
  if (refs.length !== 1 || refs[0]!.numel() !== 1) throw new RuntimeError(`The vector v can only be None if the ${what}`);
  return [zeros_like(refs[0]!).add(1)];
}
const ONE_OUTPUT = 'user-provided function returns a single Tensor with a single element.';
const ONE_INPUT = 'input to the user-provided function is a single Tensor with a single element.';

/** The only output of a function that is to be differentiated twice. */
function scalarOf(out: Tensors, where: string): Tensor {
  const list = listed(out, `outputs of the user-provided function`, where);
  if (!isTensor(out) && list.length !== 1) throw new RuntimeError(`The function given to ${where} should return a single Tensor`);
  if (list[0]!.numel() !== 1) throw new RuntimeError(`The Tensor returned by the function given to ${where} should contain a single element`);
  return list[0]!;
}

/**
 * The Jacobian of `func` at `inputs`: for one tensor in and out a tensor of the output's shape followed by
 * the input's; a list for several inputs, of which each is a list for several outputs.
 *
 * @example
 * jacobian((x) => x.pow(2), torch.tensor([1, 2]));  // [[2, 0], [0, 4]]
 */
export function jacobian(func: Func, inputs: Tensors, { create_graph = false, strict = false }:
  FunctionalOptions & { vectorize?: boolean; strategy?: string } = {}): Tensor | Tensor[] | Tensor[][] {
  return enable_grad(() => {
    const given = opened(listed(inputs, 'inputs', 'jacobian'), create_graph), made = func(...given);
    const outputs = listed(made, 'outputs of the user-provided function', 'jacobian');
    checkOutputs(outputs, strict);
    const blocks = outputs.map((out, o) => {
      const flat = reshape(out, [-1]);
      const rows = Array.from({ length: out.numel() }, (_, j) => filled(pull([flat.select(0, j)], given, null, create_graph), given, strict,
        (i) => `Output ${o} of the user-provided function is independent of input ${i}. This is not allowed in strict mode.`));
      return given.map((x, i) => {
        const shape = [...out.shape, ...x.shape];
        return rows.length === 0 ? zeros_like(out).reshape(shape) : reshape(stack(rows.map((row) => row[i]!)), shape);
      });
    });
    const all = blocks.map((row) => like(closed(row, create_graph), inputs));
    return isTensor(made) ? all[0]! : (all as Tensor[] | Tensor[][]);
  });
}

/** The matrix of second derivatives of a function with one number as its result; blocks for several inputs. */
export function hessian(func: Func, inputs: Tensors, { create_graph = false, strict = false }:
  FunctionalOptions & { vectorize?: boolean; outer_jacobian_strategy?: string } = {}): Tensor | Tensor[][] {
  const given = listed(inputs, 'inputs', 'hessian');
  const first = (...xs: Tensor[]): Tensors => jacobian((...x) => scalarOf(func(...x), 'hessian').squeeze(), isTensor(inputs) ? xs[0]! : xs, { create_graph: true }) as Tensors;
  return jacobian(first, isTensor(inputs) ? given[0]! : given, { create_graph, strict }) as Tensor | Tensor[][];
}

/** The result of `func`, and the product of the vector `v` with its Jacobian. */
export function vjp(func: Func, inputs: Tensors, v: Tensors | null = null, { create_graph = false, strict = false }: FunctionalOptions = {}): [Tensors, Tensors] {
  return enable_grad(() => {
    const given = opened(listed(inputs, 'inputs', 'vjp'), create_graph), made = func(...given);
    const outputs = listed(made, 'outputs of the user-provided function', 'vjp');
    checkOutputs(outputs, strict);
    const grads = filled(pull(outputs, given, vectorFor(v, outputs, 'vjp', ONE_OUTPUT), create_graph), given, strict, independent('output'));
    return [like(closed([...outputs], create_graph), made), like(closed(grads, create_graph), inputs)];
  });
}

/** The product of a Jacobian with `v`: the derivative of `v^T J` in `v`, which is linear (Townsend, "A new trick for
 * calculating Jacobian vector products", 2017). */
function push(outputs: readonly Tensor[], given: readonly Tensor[], v: readonly Tensor[], create_graph: boolean): (Tensor | null)[] {
  const probes = outputs.map((t) => zeros_like(t).requires_grad_());
  const grads = pull(outputs, given, probes, true);
  const used = grads.flatMap((g, i) => (g?.requires_grad ? [i] : []));
  if (used.length === 0) return outputs.map(() => null);
  return grad(used.map((i) => grads[i]!), probes, { grad_outputs: used.map((i) => v[i]!), allow_unused: true, create_graph }) as (Tensor | null)[];
}

/** The result of `func`, and the product of its Jacobian with the vector `v`. */
export function jvp(func: Func, inputs: Tensors, v: Tensors | null = null, { create_graph = false, strict = false }: FunctionalOptions = {}): [Tensors, Tensors] {
  return enable_grad(() => {
    const given = opened(listed(inputs, 'inputs', 'jvp'), create_graph), made = func(...given);
    const outputs = listed(made, 'outputs of the user-provided function', 'jvp');
    checkOutputs(outputs, strict);
    const slopes = filled(push(outputs, given, vectorFor(v, given, 'jvp', ONE_INPUT), create_graph), outputs, strict, (i) =>
      `The gradient with respect to the input is independent of entry ${i} in the grad_outputs when using the double backward trick to compute forward mode gradients. This is not allowed in strict mode.`);
    return [like(closed([...outputs], create_graph), made), like(closed(slopes, create_graph), made)];
  });
}

/** The only output of `func`, its gradients with their graph, and the inputs they are in. */
function sloped(func: Func, inputs: Tensors, where: string, create_graph: boolean, strict: boolean): [Tensor, Tensor[], Tensor[]] {
  const given = opened(listed(inputs, 'inputs', where), create_graph), out = scalarOf(func(...given), where);
  checkOutputs([out], strict);
  return [out, filled(pull([out], given, null, true), given, strict, independent('jacobian')), given];
}

/** The result of `func`, one number, and the product of the vector `v` with its Hessian. */
export function vhp(func: Func, inputs: Tensors, v: Tensors | null = null, { create_graph = false, strict = false }: FunctionalOptions = {}): [Tensor, Tensors] {
  return enable_grad(() => {
    const [out, slopes, given] = sloped(func, inputs, 'vhp', create_graph, strict);
    const grads = filled(pull(slopes, given, vectorFor(v, given, 'vhp', ONE_INPUT), create_graph), given, strict, independent('hessian'));
    return [closed([out], create_graph)[0]!, like(closed(grads, create_graph), inputs)];
  });
}

/** The result of `func`, one number, and the product of its Hessian with the vector `v`. */
export function hvp(func: Func, inputs: Tensors, v: Tensors | null = null, { create_graph = false, strict = false }: FunctionalOptions = {}): [Tensor, Tensors] {
  return enable_grad(() => {
    const [out, slopes, given] = sloped(func, inputs, 'hvp', create_graph, strict);
    const grads = filled(push(slopes, given, vectorFor(v, given, 'hvp', ONE_INPUT), create_graph), given, strict, independent('hessian'));
    return [closed([out], create_graph)[0]!, like(closed(grads, create_graph), inputs)];
  });
}
