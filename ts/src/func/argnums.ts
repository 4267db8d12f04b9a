/** Which arguments a transform differentiates in: `argnums`. */
import { RuntimeError } from '../errors.js';

/** One place, or several. */
export type Argnums = number | readonly number[];

function place(n: number, count: number): number {
  if (n >= 0 && n < count) return n;
  if (n < 0 && n >= -count) return n + count;
  throw new RuntimeError(`Got argnum=${n}, but only ${count} positional inputs`);
}

/** The places, from the front. */
export function places(argnums: Argnums, count: number): readonly number[] {
  if (typeof argnums === 'number') return [place(argnums, count)];
  if (!Array.isArray(argnums)) throw new RuntimeError(`argnums must be int or Tuple[int, ...], got: ${typeof argnums}`);
  if (argnums.length === 0) throw new RuntimeError('argnums must be non-empty');
  const list = argnums.map((n: number) => place(n, count));
  if (new Set(list).size !== list.length) throw new RuntimeError(`argnums elements must be unique, got (${list.join(', ')})`);
  return list;
}

/** The arguments at `argnums`: one, or an array of them. */
export function pick(args: readonly unknown[], argnums: Argnums): unknown {
  const list = places(argnums, args.length).map((i) => args[i]);
  return typeof argnums === 'number' ? list[0] : list;
}

/** The arguments with others at `argnums`. */
export function put(args: readonly unknown[], argnums: Argnums, picked: unknown): unknown[] {
  const out = [...args];
  places(argnums, args.length).forEach((at, i) => { out[at] = typeof argnums === 'number' ? picked : (picked as unknown[])[i]; });
  return out;
}
