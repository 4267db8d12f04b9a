/** The package: `import * as torch from 'cresset'`. */
import { door } from '#wasm';
import { begin, check, write } from './call.js';
import { DType, DTYPES } from './dtype.js';
import { runBackward, Tensor, type Num } from './tensor.js';
import { var_ } from './generated.js';

export * from './dtype.js';
export * from './errors.js';
export * from './generated.js';
export { var_ as var };
export { keep } from './memory.js';
export { frombuffer, tensor, Tensor, tidy, Slice } from './tensor.js';
export type { Index, Int, Num, TensorLike } from './tensor.js';
export * as nn from './nn.js';
export * as optim from './optim.js';
export * as utils from './data.js';

import { Slice, type Int } from './tensor.js';
/** A slice for `index`. */
export function slice(start: Int | null = null, end: Int | null = null, step: Int | null = null): Slice {
  return new Slice(start, end, step);
}

/** Starts PyTorch's random stream from a seed. */
export function manual_seed(seed: Int): void { door.manual_seed(BigInt.asUintN(64, BigInt(seed))); }

export function get_default_dtype(): DType { return DTYPES[door.default_dtype()]!; }
export function set_default_dtype(dtype: DType): void { door.default_dtype(dtype.index); }
export function is_grad_enabled(): boolean { return door.grad_mode(); }
export function is_tensor(v: unknown): v is Tensor { return v instanceof Tensor; }

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
export const inference_mode = no_grad;
/** Runs `fn` with recording. */
export function enable_grad<T>(fn: () => T): T { return withGrad(true, fn); }
/** Sets recording, for `fn` or from now on. */
export function set_grad_enabled<T>(on: boolean, fn?: () => T): T | void {
  if (fn) return withGrad(on, fn);
  door.grad_mode(on);
}

export interface PrintOptions {
  precision?: number; threshold?: number; edgeitems?: number; linewidth?: number; sci_mode?: boolean | null;
  profile?: 'default' | 'short' | 'full';
}
const printing = { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sci_mode: null as boolean | null };
/** How tensors are printed. */
export function set_printoptions(options: PrintOptions): void {
  if (options.profile === 'default') Object.assign(printing, { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 });
  if (options.profile === 'short') Object.assign(printing, { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 });
  if (options.profile === 'full') Object.assign(printing, { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 80 });
  const { profile: _, ...rest } = options;
  if (options.profile && options.sci_mode === undefined) printing.sci_mode = null;
  Object.assign(printing, Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined)));
  const sci = printing.sci_mode === null ? 0 : printing.sci_mode ? 2 : 1;
  door.print_options(printing.precision, Math.min(printing.threshold, 0x7fffffff), printing.edgeitems, printing.linewidth, sci);
}

/** The dtype that an op on both has. */
export function result_type(a: Tensor | Num, b: Tensor | Num): DType {
  begin();
  write('Tensor', a);
  write('Tensor', b);
  return DTYPES[check(door.result_type())]!;
}

export const autograd = {
  /** Gradients of `outputs` in `inputs`, returned rather than added up. */
  grad(outputs: Tensor | Tensor[], inputs: Tensor | Tensor[], options: {
    grad_outputs?: Tensor | (Tensor | null)[] | null; retain_graph?: boolean; create_graph?: boolean; allow_unused?: boolean;
  } = {}): Tensor[] {
    const list = <T>(x: T | T[]): T[] => (Array.isArray(x) ? x : [x]);
    const roots = list(outputs), wanted = list(inputs);
    const given = options.grad_outputs ? list<Tensor | null>(options.grad_outputs) : roots.map(() => null);
    for (const t of wanted) {
      if (!t.requires_grad) throw new RuntimeError('One of the differentiated Tensors does not require grad');
    }
    const flags = (options.retain_graph ?? options.create_graph ? 1 : 0) | (options.create_graph ? 2 : 0);
    const grads = runBackward(roots, given, wanted, flags);
    if (!options.allow_unused && grads.includes(null)) {
      throw new RuntimeError('One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior.');
    }
    return grads as Tensor[];
  },
};
import { RuntimeError } from './errors.js';

export const memory = {
  /** Bytes that tensors hold, the most they held, bytes kept for reuse, tensors that JavaScript holds. */
  stats(): { live_bytes: number; peak_bytes: number; cached_bytes: number; tensors: number } {
    const [live_bytes, peak_bytes, cached_bytes, tensors] = door.stats();
    return { live_bytes: live_bytes!, peak_bytes: peak_bytes!, cached_bytes: cached_bytes!, tensors: tensors! };
  },
};

