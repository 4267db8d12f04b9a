/** Anomaly mode: backward passes look for NaN, and an error tells where the program made the op that failed. */
import { door } from '#wasm';
import { userLines } from '../errors.js';

door.set_tracer(() => userLines(new Error().stack ?? '').slice(1).join('\n'));

let mode = { on: false, check_nan: true };
function set(on: boolean, check_nan: boolean): typeof mode {
  const before = mode;
  mode = { on, check_nan };
  door.set_anomaly(on, check_nan);
  return before;
}

/** Options of anomaly mode. */
export interface AnomalyOptions { check_nan?: boolean }

/** Switches anomaly mode, for `fn` or from now on. */
export function set_detect_anomaly<T>(on: boolean, options: AnomalyOptions, fn: () => T): T;
export function set_detect_anomaly<T>(on: boolean, fn: () => T): T;
export function set_detect_anomaly(on: boolean, options?: AnomalyOptions): void;
export function set_detect_anomaly<T>(on: boolean, options: AnomalyOptions | (() => T) = {}, fn?: () => T): T | void {
  const run = typeof options === 'function' ? options : fn;
  const before = set(on, typeof options === 'function' ? true : options.check_nan ?? true);
  if (!run) return;
  try {
    return run();
  } finally {
    set(before.on, before.check_nan);
  }
}

/** Runs `fn` in anomaly mode. */
export function detect_anomaly<T>(fn: () => T, options: AnomalyOptions = {}): T { return set_detect_anomaly(true, options, fn); }
export function is_anomaly_enabled(): boolean { return mode.on; }
export function is_anomaly_check_nan_enabled(): boolean { return mode.check_nan; }
