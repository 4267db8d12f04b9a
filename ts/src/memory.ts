/** Who lets handles go: scopes, `dispose`, and the garbage collector. */
import { door } from '#wasm';
import type { Tensor } from './tensor.js';

/** What a tensor object holds of the core; shared with the registry, which must not hold the tensor. */
export interface Cell { handle: number; live: boolean }

export function free(cell: Cell): void {
  if (!cell.live) return;
  cell.live = false;
  door.release(cell.handle);
}

const registry = new FinalizationRegistry<Cell>(free);
const scopes: Set<Tensor>[] = [];

/** Notes a new tensor: in the innermost scope, or for the garbage collector. */
export function track(tensor: Tensor, cell: Cell): void {
  const scope = scopes[scopes.length - 1];
  if (scope) scope.add(tensor);
  else registry.register(tensor, cell);
}

/** Takes a tensor out of every scope: it lives until it is disposed of or collected. */
export function keep<T extends Tensor>(tensor: T): T {
  for (const scope of scopes) {
    if (scope.delete(tensor)) registry.register(tensor, tensor.cell);
  }
  return tensor;
}

function tensorsIn(value: unknown, isTensor: (v: unknown) => v is Tensor, out: Set<Tensor>, depth = 0): void {
  if (isTensor(value)) out.add(value);
  else if (depth < 4 && value && typeof value === 'object') {
    for (const v of Object.values(value)) tensorsIn(v, isTensor, out, depth + 1);
  }
}

/** Runs `fn` and disposes of every tensor made in it that it does not return or `keep`. */
export function scoped<T>(fn: () => T, isTensor: (v: unknown) => v is Tensor): T {
  const mine = new Set<Tensor>();
  scopes.push(mine);
  let result: T | undefined;
  try {
    result = fn();
    return result;
  } finally {
    scopes.pop();
    const out = new Set<Tensor>();
    tensorsIn(result, isTensor, out);
    for (const t of mine) {
      if (out.has(t)) track(t, t.cell);
      else free(t.cell);
    }
  }
}
