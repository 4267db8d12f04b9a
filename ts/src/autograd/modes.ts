/** Whether ops are recorded: `no_grad` and its kin, and inference mode. */
import { door } from '#wasm';
import { scoped } from '../scopes.js';
import { isTensor } from '../tensor.js';

function withGrad<T>(on: boolean, fn: () => T): T {
  const old = door.grad_mode(on);
  try {
    return fn();
  } finally {
    door.grad_mode(old);
  }
}

/** Runs `fn` without recording. */
export function no_grad<T>(fn: () => T): T { return withGrad(false, fn); }
/** Runs `fn` with recording. */
export function enable_grad<T>(fn: () => T): T { return withGrad(true, fn); }
/** Sets recording, for `fn` or from now on. */
export function set_grad_enabled<T>(on: boolean, fn: () => T): T;
export function set_grad_enabled(on: boolean): void;
export function set_grad_enabled<T>(on: boolean, fn?: () => T): T | void {
  if (fn) return withGrad(on, fn);
  door.grad_mode(on);
}
export function is_grad_enabled(): boolean { return door.grad_mode(); }

/** Runs `fn` without recording; what it makes can never become part of a graph. With `false` as the first
 * argument, runs it as if inference mode were off. */
export function inference_mode<T>(fn: () => T): T;
export function inference_mode<T>(on: boolean, fn: () => T): T;
export function inference_mode<T>(on: boolean | (() => T), fn?: () => T): T {
  const before = door.inference_mode(typeof on === 'boolean' ? on : true);
  try {
    return typeof on === 'boolean' ? fn!() : on();
  } finally {
    door.restore_mode(before);
  }
}
export function is_inference_mode_enabled(): boolean { return door.is_inference_mode(); }

/** Runs `fn` without recording and frees what it made on the way. */
export function quietly<T>(fn: () => T): T { return withGrad(false, () => scoped(fn, isTensor)); }
