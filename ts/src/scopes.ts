/**
 * Scopes: what is made inside of one goes when it ends, but for what is returned or kept. Module calls, optimizer
 * steps and `tidy` are scopes.
 */
import { door } from '#wasm';
import { keepLeaf, settle, Shelf, taken } from './memory.js';
import { handles, NOWHERE, PAGE, takePage } from './places.js';
import type { Tensor } from './tensor.js';

/** What no tensor of a scope has. */
const NONE = new Shelf();

/** The tensors of a scope, and their places. */
export class Scope {
  readonly shelf = NONE;
  readonly made: Tensor[] = [];
  readonly places: number[] = [];
}

const scopes: Scope[] = [];
/** Places for tensors of scopes. */
const spare: number[] = [];

/** Notes a new tensor: in the innermost scope, or on a page. */
export function track(tensor: Tensor, handle: number): void {
  if (scopes.length > 0) scopeIn(scopes[scopes.length - 1]!, tensor, handle);
  else settle(tensor, handle);
}

function scopeIn(scope: Scope, tensor: Tensor, handle: number): void {
  if (spare.length === 0) {
    const page = takePage();
    for (let i = PAGE - 1; i >= 0; i--) spare.push(page * PAGE + i);
  }
  const place = spare.pop()!;
  handles[place] = handle;
  tensor._place = place;
  tensor._page = scope;
  scope.made.push(tensor);
  scope.places.push(place);
}

/** Whether it goes when a scope ends. */
export const isScoped = (tensor: Tensor): boolean => tensor._page instanceof Scope;

/** Takes a tensor out of its scope: it lives until it is disposed of or collected. */
export function keep<T extends Tensor>(tensor: T): T {
  if (isScoped(tensor)) keepLeaf(tensor);
  return tensor;
}

/** `keep` for every tensor in a value. */
export function keepAll<T>(value: T, isTensor: (v: unknown) => v is Tensor): T {
  tensorsIn(value, isTensor, keep);
  return value;
}

function tensorsIn(value: unknown, isTensor: (v: unknown) => v is Tensor, found: (t: Tensor) => void, depth = 0): void {
  if (isTensor(value)) found(value);
  else if (depth < 4 && value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)) {
    for (const v of value instanceof Map || value instanceof Set ? value.values() : Object.values(value)) {
      tensorsIn(v, isTensor, found, depth + 1);
    }
  }
}

/** Runs `fn` and lets every tensor go that was made in it, except what it returns, what is kept,
 * and what `holder` holds as a property. */
export function scoped<T>(fn: () => T, isTensor: (v: unknown) => v is Tensor, holder?: object): T {
  const mine = new Scope();
  scopes.push(mine);
  let result: T | undefined;
  let done = false;
  try {
    result = fn();
    done = true;
    return result;
  } finally {
    scopes.pop();
    const { made, places } = mine;
    if (made.length > 0) {
      if (done) tensorsIn(result, isTensor, (t) => { if (t._page === mine) track(t, taken(t)); });
      if (holder) for (const v of Object.values(holder)) if (isTensor(v) && v._page === mine) keep(v);
      for (let i = 0; i < made.length; i++) {
        const place = places[i]!, handle = handles[place]!, tensor = made[i]!;
        if (handle !== 0) door.release(handle);
        handles[place] = 0;
        spare.push(place);
        if (tensor._page === mine) tensor._place = NOWHERE;
      }
    }
  }
}

/** Runs `fn` as if the innermost scope were not there: what it makes belongs to the one around that. */
export function outside<T>(fn: () => T): T {
  const inner = scopes.pop();
  try {
    return fn();
  } finally {
    if (inner) scopes.push(inner);
  }
}
