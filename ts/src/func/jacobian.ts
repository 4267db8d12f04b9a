/** `jacrev`, `jacfwd` and `hessian`: all derivatives of a function at once, by `vmap` over those in one direction. */
import { isKeywords } from '../signatures.js';
import { RuntimeError, ValueError } from '../errors.js';
import { cat, eye } from '../generated.js';
import { isTensor, type Tensor } from '../tensor.js';
import { type Argnums, pick } from './argnums.js';
import { chosen, type Func, type GradOf, pullback, pushforward } from './grad.js';
import { flatten, type Mapped } from './tree.js';
import { type Randomness, vmap } from './vmap.js';

/* eslint-disable @typescript-eslint/no-explicit-any -- a transform takes any function of tensors */
/** The derivatives of each output in each of the arguments chosen. */
export type Jacobian<Args extends readonly unknown[], R, N> = Mapped<R, GradOf<Args, N>>;

function refuseComplex(who: string, tree: unknown, what: string): void {
  flatten(tree).leaves.forEach((t, i) => {
    if (isTensor(t) && t.dtype.is_complex) throw new RuntimeError(`${who}: Expected all ${what} to be real but received complex tensor at flattened input idx: ${i}`);
  });
}

/** One tensor for each of `list`: together, all directions in which they can change. */
function directions(list: readonly Tensor[]): Tensor[] {
  const counts = list.map((t) => t.numel()), all = counts.reduce((a, b) => a + b, 0);
  let at = 0;
  return list.map((t, i) => {
    const part = eye(all, { dtype: t.dtype }).narrow(1, at, counts[i]!).reshape([all, ...t.shape]);
    at += counts[i]!;
    return part;
  });
}

/** The parts of `t` along a dimension that belong to each of `list`. */
function parts(t: Tensor, dim: number, list: readonly Tensor[]): Tensor[] {
  let at = 0;
  return list.map((x) => {
    const part = t.narrow(dim, at, x.numel());
    at += x.numel();
    return part;
  });
}

interface JacrevOptions<N extends Argnums> { argnums?: N; has_aux?: false; chunk_size?: number | null }
interface JacrevAuxOptions<N extends Argnums> { argnums?: N; has_aux: true; chunk_size?: number | null }

/** The function that computes the Jacobian of `func` in reverse mode. */
export function jacrev<Args extends any[], R, const N extends Argnums = 0>(func: (...args: Args) => R, options?: N | JacrevOptions<N>): (...args: Args) => Jacobian<Args, R, N>;
export function jacrev<Args extends any[], R, A, const N extends Argnums = 0>(func: (...args: Args) => readonly [R, A], options: JacrevAuxOptions<N>): (...args: Args) => [Jacobian<Args, R, N>, A];
export function jacrev(func: Func, options?: Argnums | object): Func {
  const { argnums, has_aux } = chosen(options as Argnums | undefined, false);
  const chunk_size = isKeywords(options) ? (options['chunk_size'] as number | null | undefined) ?? null : null;
  if (chunk_size !== null && chunk_size <= 0) throw new ValueError('jacrev: `chunk_size` should be greater than 0.');
  return (...args) => {
    refuseComplex('jacrev', args, 'inputs');
    const { value, pull, aux } = pullback(func, args, argnums, has_aux);
    const outputs = flatten(value), inputs = flatten(pick(args, argnums));
    refuseComplex('jacrev', value, 'outputs');
    const list = outputs.leaves as Tensor[], into = inputs.leaves as Tensor[];
    const basis = directions(list), all = list.reduce((n, t) => n + t.numel(), 0);
    const pulled = vmap((ways: unknown) => flatten(pull(ways)).leaves);
    const chunk = chunk_size ?? all;
    const rows: Tensor[][] = [];
    for (let from = 0; from < all || from === 0; from += Math.max(chunk, 1)) {
      const some = basis.map((b) => b.narrow(0, from, Math.min(chunk, all - from)));
      rows.push(pulled(outputs.build(some)) as Tensor[]);
    }
    const whole = into.map((_, i) => (rows.length === 1 ? rows[0]![i]! : cat(rows.map((r) => r[i]!), 0)));
    const split = whole.map((w) => parts(w, 0, list));
    const jacobian = outputs.build(list.map((out, o) => inputs.build(into.map((x, i) => split[i]![o]!.reshape([...out.shape, ...x.shape])))));
    return has_aux ? [jacobian, aux] : jacobian;
  };
}

interface JacfwdOptions<N extends Argnums> { argnums?: N; has_aux?: false; randomness?: Randomness }
interface JacfwdAuxOptions<N extends Argnums> { argnums?: N; has_aux: true; randomness?: Randomness }

/** The function that computes the Jacobian of `func` in forward mode. */
export function jacfwd<Args extends any[], R, const N extends Argnums = 0>(func: (...args: Args) => R, options?: N | JacfwdOptions<N>): (...args: Args) => Jacobian<Args, R, N>;
export function jacfwd<Args extends any[], R, A, const N extends Argnums = 0>(func: (...args: Args) => readonly [R, A], options: JacfwdAuxOptions<N>): (...args: Args) => [Jacobian<Args, R, N>, A];
export function jacfwd(func: Func, options?: Argnums | object): Func {
  const { argnums, has_aux } = chosen(options as Argnums | undefined, false);
  const randomness = (isKeywords(options) ? options['randomness'] as Randomness | undefined : undefined) ?? 'error';
  return (...args) => {
    refuseComplex('jacfwd', args, 'inputs');
    const inputs = flatten(pick(args, argnums)), from = inputs.leaves as Tensor[];
    const push = (way: unknown): unknown => {
      const { value, tangent, aux } = pushforward(func, args, way, argnums, false, has_aux);
      refuseComplex('jacfwd', value, 'outputs');
      return has_aux ? [tangent, aux] : tangent;
    };
    const result = vmap(push, { randomness })(inputs.build(directions(from)));
    const [columns, auxes] = has_aux ? result as [unknown, unknown] : [result, undefined];
    const outputs = flatten(columns);
    const jacobian = outputs.build((outputs.leaves as Tensor[]).map((column) => {
      const last = column.movedim(0, -1), shape = last.shape.slice(0, -1);
      return inputs.build(parts(last, -1, from).map((part, i) => part.reshape([...shape, ...from[i]!.shape])));
    }));
    if (!has_aux) return jacobian;
    const { leaves, build } = flatten(auxes);
    return [jacobian, build(leaves.map((t) => (t as Tensor).select(0, 0)))];
  };
}

/** The function that computes the Hessian of `func`: forward over reverse mode. */
export function hessian<Args extends any[], const N extends Argnums = 0>(func: (...args: Args) => any, options?: N | { argnums?: N }): (...args: Args) => GradOf<Args, N> extends Tensor ? Tensor : any;
export function hessian(func: Func, options?: Argnums | { argnums?: Argnums }): Func {
  const { argnums } = chosen(options as Argnums | undefined, false);
  return jacfwd(jacrev(func, { argnums }) as Func, { argnums });
}
