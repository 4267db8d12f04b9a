/** `grad`, `grad_and_value`, `vjp` and `jvp`: derivatives of functions, to any depth. */
import { door } from '#wasm';
import { atLevel, dualAt, partsAt } from '../autograd/duals.js';
import { enable_grad, is_grad_enabled } from '../autograd/modes.js';
import { grad as gradients } from '../autograd/passes.js';
import { inside } from '../autograd/transformed.js';
import { begin, check, writeTensors } from '../buffer.js';
import { isKeywords } from '../signatures.js';
import { RuntimeError, ValueError } from '../errors.js';
import { zeros_like } from '../generated.js';
import { isTensor, Tensor } from '../tensor.js';
import { type Argnums, pick, put } from './argnums.js';
import { flatten, type Mapped, mapTensors, treespec, typeOf } from './tree.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- a transform takes any function of tensors */
/** A function that a transform takes. */
export type Func = (...args: any[]) => any;
/** What `has_aux` makes of a function's result: what is differentiated, and what passes by. */
export type WithAux<A> = (...args: any[]) => readonly [any, A];

/** The gradient at `argnums` of arguments. */
export type GradOf<Args extends readonly unknown[], N> =
  N extends number ? Mapped<Args[N & keyof Args], Tensor>
  : N extends readonly number[] ? { -readonly [K in keyof N]: Mapped<Args[N[K] & keyof Args], Tensor> } : Tensor;

interface GradOptions<N extends Argnums> { argnums?: N; has_aux?: false }
interface GradAuxOptions<N extends Argnums> { argnums?: N; has_aux: true }

/** A level of differentiation; outside of it only what leads further keeps its history. */
function atGradLevel<T>(fn: () => T): T {
  door.enter_grad_level();
  try {
    return inside(() => enable_grad(fn));
  } finally {
    door.exit_grad_level();
  }
}

/** An alias to differentiate in. */
function input(x: unknown): Tensor {
  if (!isTensor(x)) throw new ValueError(`Thing passed to transform API must be Tensor, got ${typeOf(x)}`);
  return new Tensor(check(door.grad_input(x.handle)));
}

/** Whether gradients are recorded here and those of `outputs` may be of use. */
function isUseful(outputs: readonly Tensor[]): boolean {
  if (!is_grad_enabled()) return false;
  begin();
  writeTensors(outputs);
  return check(door.leads_outside()) === 1;
}

/** What leaves a level: with its history only if that leads on. */
const undone = (tree: unknown, useful: boolean): unknown => (useful ? tree : mapTensors(tree, (t) => (t.requires_grad ? t.detach() : t)));

/** The gradients of outputs, zeros where there is none. */
function pulled(outputs: readonly Tensor[], inputs: readonly Tensor[], cotangents: readonly (Tensor | null)[], keep: boolean, useful: boolean): Tensor[] {
  const at = outputs.map((_, i) => i).filter((i) => outputs[i]!.requires_grad);
  if (at.length === 0) return inputs.map((t) => zeros_like(t.detach()));
  const found = gradients(at.map((i) => outputs[i]!), inputs, {
    grad_outputs: at.map((i) => cotangents[i] ?? null), retain_graph: keep || useful, create_graph: useful, allow_unused: true,
  });
  return found.map((g, i) => (g as Tensor | null) ?? zeros_like(inputs[i]!.detach()));
}

/** @internal The result of a function with `has_aux`. */
export function split(result: unknown, has_aux: boolean, who: string): [unknown, unknown] {
  if (!has_aux) return [result, undefined];
  if (!Array.isArray(result) || result.length !== 2) {
    throw new RuntimeError(`${who}: output of function f should be a tuple: (output, aux) if has_aux is True`);
  }
  return result as [unknown, unknown];
}

function gradAndValue(func: Func, argnums: Argnums, has_aux: boolean, args: readonly unknown[]): { grad: unknown; value: Tensor; aux: unknown } {
  const who = 'grad_and_value(f)(*args)';
  const { leaves, build, out, aux } = atGradLevel(() => {
    const { leaves, build } = flatten(pick(args, argnums));
    const inputs = leaves.map(input);
    const [out, aux] = split(func(...put(args, argnums, build(inputs))), has_aux, who);
    if (!isTensor(out)) throw new RuntimeError(`${who}: Expected f(*args) to return a Tensor, got ${typeOf(out)}`);
    if (out.ndim !== 0) {
      throw new RuntimeError(`${who}: Expected f(*args) to return a scalar Tensor, got tensor with ${out.ndim} dims. `
        + 'Maybe you wanted to use the vjp or jacrev APIs instead?');
    }
    return { leaves: inputs, build, out, aux };
  });
  const useful = isUseful([out]);
  const grad = build(pulled([out], leaves, [null], false, useful));
  return { grad, value: undone(out, useful) as Tensor, aux: undone(aux, useful) };
}

interface Chosen { argnums: Argnums; has_aux: boolean }
/** @internal `argnums` and `has_aux`, given in places or by name. */
export function chosen(argnums: Argnums | Partial<Chosen> | undefined, has_aux: boolean): Chosen {
  if (isKeywords(argnums)) return { argnums: 0, has_aux: false, ...(argnums as Partial<Chosen>) };
  return { argnums: (argnums as Argnums | undefined) ?? 0, has_aux };
}

/**
 * The function that computes the gradient of `func`, which returns a scalar, in the arguments at `argnums`.
 *
 * @example
 * torch.func.grad((x) => x.pow(3).sum())(torch.tensor([1, 2]))   // tensor([ 3., 12.])
 */
export function grad<Args extends any[], const N extends Argnums = 0>(func: (...args: Args) => Tensor, options?: N | GradOptions<N>, has_aux?: false): (...args: Args) => GradOf<Args, N>;
export function grad<Args extends any[], A, const N extends Argnums = 0>(func: (...args: Args) => readonly [Tensor, A], options: GradAuxOptions<N>): (...args: Args) => [GradOf<Args, N>, A];
export function grad(func: Func, options?: Argnums | Partial<Chosen>, has_aux = false): Func {
  const kw = chosen(options, has_aux);
  return (...args) => {
    const { grad, aux } = gradAndValue(func, kw.argnums, kw.has_aux, args);
    return kw.has_aux ? [grad, aux] : grad;
  };
}

/** The function that computes the gradient of `func` and its value. */
export function grad_and_value<Args extends any[], const N extends Argnums = 0>(func: (...args: Args) => Tensor, options?: N | GradOptions<N>, has_aux?: false): (...args: Args) => [GradOf<Args, N>, Tensor];
export function grad_and_value<Args extends any[], A, const N extends Argnums = 0>(func: (...args: Args) => readonly [Tensor, A], options: GradAuxOptions<N>): (...args: Args) => [GradOf<Args, N>, [Tensor, A]];
export function grad_and_value(func: Func, options?: Argnums | Partial<Chosen>, has_aux = false): Func {
  const kw = chosen(options, has_aux);
  return (...args) => {
    const { grad, value, aux } = gradAndValue(func, kw.argnums, kw.has_aux, args);
    return [grad, kw.has_aux ? [value, aux] : value];
  };
}

/** @internal Tensors, or a sentence about what is none. */
export function onlyTensors(list: readonly unknown[], who: string): asserts list is Tensor[] {
  if (list.length === 0 || (list.length === 1 && (list[0] === null || list[0] === undefined))) {
    throw new RuntimeError(`${who}: Expected f to be a function that has non-empty output (got output = [${list.length ? 'None' : ''}])`);
  }
  for (const x of list) {
    if (!isTensor(x)) throw new RuntimeError(`${who}: expected f(*primals) to return only tensors, got unsupported type ${typeOf(x)}`);
  }
}

/** @internal `vjp` in the arguments at `argnums`, or in all. */
export function pullback(func: Func, primals: readonly unknown[], argnums: Argnums | null, has_aux: boolean): { value: unknown; pull: (cotangents: unknown) => unknown; aux: unknown } {
  const who = 'vjp(f, *primals)';
  const { inputs, build, result, aux } = atGradLevel(() => {
    const { leaves, build } = flatten(argnums === null ? primals : pick(primals, argnums));
    const inputs = leaves.map(input);
    const given = argnums === null ? build(inputs) as unknown[] : put(primals, argnums, build(inputs));
    const [result, aux] = split(func(...given), has_aux, who);
    return { inputs, build, result, aux };
  });
  const { leaves: outputs, spec } = flatten(result);
  onlyTensors(outputs, who);
  for (const t of outputs) {
    if (!t.dtype.is_floating_point && !t.dtype.is_complex) {
      throw new RuntimeError(`vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got Tensor with dtype ${String(t.dtype)}`);
    }
  }
  const useful = isUseful(outputs);
  const pull = (cotangents: unknown): unknown => {
    const given = flatten(cotangents);
    if (given.spec !== spec) {
      throw new RuntimeError('Expected pytree structure of cotangents to be the same as pytree structure of outputs to the function. '
        + `cotangents: ${given.spec}, primal output: ${spec}`);
    }
    const list = given.leaves as Tensor[];
    const recorded = is_grad_enabled() && (useful || list.some((t) => t.requires_grad));
    return build(pulled(outputs, inputs, list, true, recorded));
  };
  return { value: undone(result, useful), pull, aux: undone(aux, useful) };
}

/** Takes a trailing `{has_aux}` off arguments. */
function auxOf(args: readonly unknown[]): [readonly unknown[], boolean] {
  const last = args[args.length - 1];
  if (!isKeywords(last) || Object.keys(last).join() !== 'has_aux') return [args, false];
  return [args.slice(0, -1), last['has_aux'] === true];
}

/** The value of `func`, and the function that pulls cotangents back to all of `primals`. */
export function vjp<Args extends any[], R>(func: (...args: Args) => R, ...primals: Args): [R, (cotangents: Mapped<R, Tensor>) => Mapped<Args, Tensor>];
export function vjp<Args extends any[], R, A>(func: (...args: Args) => readonly [R, A], ...primals: [...Args, { has_aux: true }]): [R, (cotangents: Mapped<R, Tensor>) => Mapped<Args, Tensor>, A];
export function vjp(func: Func, ...args: unknown[]): unknown {
  const [primals, has_aux] = auxOf(args);
  const { value, pull, aux } = pullback(func, primals, null, has_aux);
  return has_aux ? [value, pull, aux] : [value, pull];
}

const JVP = 'jvp(f, primals, tangents)';

/** @internal `jvp` in the arguments at `argnums`, or in all. */
export function pushforward(func: Func, primals: readonly unknown[], tangents: unknown, argnums: Argnums | null, strict: boolean, has_aux: boolean): { value: unknown; tangent: unknown; aux: unknown } {
  if (!Array.isArray(primals)) throw new RuntimeError(`${JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals).`);
  const at = flatten(argnums === null ? primals : pick(primals, argnums)), ways = flatten(tangents);
  if (at.spec !== ways.spec) {
    throw new RuntimeError(`${JVP}: Expected primals and tangents to have the same python structure. For example, if primals is a tuple of 3 tensors, `
      + `tangents also must be. Got primals with structure ${treespec(at.tree)} and tangents with structure ${treespec(ways.tree)}`);
  }
  for (const [name, { leaves }] of [['primals', at], ['tangents', ways]] as const) {
    if (leaves.length === 0) throw new RuntimeError(`${JVP}: Expected ${name} to contain at least one Tensor.`);
    const odd = leaves.find((t) => !isTensor(t));
    if (odd !== undefined) throw new RuntimeError(`${JVP}: Expected ${name} to only contain Tensors, got ${typeOf(odd)}`);
  }
  return atLevel((level) => {
    const duals = at.build(at.leaves.map((p, i) => dualAt(p as Tensor, ways.leaves[i] as Tensor, level)));
    const given = argnums === null ? duals as unknown[] : put(primals, argnums, duals);
    const [result, aux] = split(func(...given), has_aux, JVP);
    const { leaves, build } = flatten(result);
    onlyTensors(leaves, JVP);
    const parts = leaves.map((t) => {
      const [primal, tangent] = partsAt(t, level);
      if (tangent === null && strict) {
        throw new RuntimeError('jvp(f, primals, tangents, strict=True): The output of f is independent of the inputs. This is not allowed with strict=True.');
      }
      return [primal, tangent ?? zeros_like(primal.detach())] as const;
    });
    const primal = mapTensors(aux, (t) => partsAt(t, level)[0]);
    return { value: build(parts.map((p) => p[0])), tangent: build(parts.map((p) => p[1])), aux: primal };
  });
}

interface JvpOptions { strict?: boolean; has_aux?: false }
/** The value of `func` at `primals`, and its derivative along `tangents`. */
export function jvp<Args extends any[], R>(func: (...args: Args) => R, primals: readonly [...Args], tangents: Mapped<Args, Tensor>, options?: JvpOptions): [R, Mapped<R, Tensor>];
export function jvp<Args extends any[], R, A>(func: (...args: Args) => readonly [R, A], primals: readonly [...Args], tangents: Mapped<Args, Tensor>, options: { strict?: boolean; has_aux: true }): [R, Mapped<R, Tensor>, A];
export function jvp(func: Func, primals: readonly unknown[], tangents: unknown, options: { strict?: boolean; has_aux?: boolean } = {}): unknown {
  const { strict = false, has_aux = false } = options;
  const { value, tangent, aux } = pushforward(func, primals, tangents, null, strict, has_aux);
  return has_aux ? [value, tangent, aux] : [value, tangent];
}

/** The value of `func` at `primals`, and the function that gives its derivative along tangents without running `func` again. */
export function linearize<Args extends any[], R>(func: (...args: Args) => R, ...primals: Args): [R, (...tangents: Mapped<Args, Tensor>) => Mapped<R, Tensor>];
export function linearize(func: Func, ...primals: unknown[]): unknown {
  const { leaves, spec } = flatten(primals);
  const { value, pull } = pullback(func, primals, null, false);
  // Pulling back is linear in the cotangents, wherever they are: what pulls back through it pushes forward.
  const { pull: push } = pullback(pull, [mapTensors(value, (t) => zeros_like(t.detach()))], null, false);
  const pushed = (...tangents: unknown[]): unknown => {
    const given = flatten(tangents);
    if (given.spec !== spec) throw new RuntimeError(`Expected the tangents ${treespec(tangents)} to have the same argspec as the primals ${treespec(primals)}`);
    given.leaves.forEach((t, i) => {
      const tangent = t as Tensor, primal = leaves[i] as Tensor;
      const differs = (what: string, have: string, want: string): RuntimeError =>
        new RuntimeError(`tangent:${i} with ${what} ${have} in flattened pytree doesn't match the ${what} ${want} of the corresponding primal.`);
      const [have, want] = [tangent, primal].map((x) => `torch.Size([${x.shape.join(', ')}])`) as [string, string];
      if (have !== want) throw differs('shape', have, want);
      if (tangent.dtype !== primal.dtype) throw differs('dtype', String(tangent.dtype), String(primal.dtype));
    });
    return (push(tangents) as unknown[])[0];
  };
  return [value, pushed];
}
