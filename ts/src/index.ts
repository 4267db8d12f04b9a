/** The package: `import * as torch from 'cresset'`. */
import { door } from '#wasm';
import { begin, check, writeScalar, writeTensor } from './buffer.js';
import { defineMethods } from './call.js';
import { DType, DTYPES } from './dtype.js';
import { RuntimeError } from './errors.js';
import { signal_windows, var_, zeros } from './generated.js';
import { Tensor, type Int, type Num } from './tensor.js';

export * from './dtype.js';
export * from './errors.js';
export * from './generated.js';
export { var_ as var };
export { tidy, Tensor } from './tensor.js';
export type { Complex, Int, List, Num, TensorLike } from './tensor.js';
export { as_tensor, from_numpy, frombuffer, tensor } from './creation.js';
export type { Nested, TensorOptions } from './creation.js';
export { histogramdd } from './histogram.js';
export type { Histogram } from './histogram.js';
export { slice, Slice } from './indexing.js';
export type { Index } from './indexing.js';
export { memory } from './memory.js';
export { keep } from './scopes.js';
export { autograd, enable_grad, inference_mode, is_anomaly_check_nan_enabled, is_anomaly_enabled, is_grad_enabled, is_inference_mode_enabled, no_grad,
  set_grad_enabled } from './autograd/index.js';
export type { BackwardOptions, FunctionCtx, GradientEdge, GradOptions, Node, RemovableHandle } from './autograd/index.js';
export { default_generator, Generator, get_rng_state, initial_seed, manual_seed, seed, set_rng_state } from './random.js';
export * from './writers.js';
export { set_printoptions } from './printing.js';
export * as profiler from './profiler.js';
export type { PrintOptions } from './printing.js';
export { backends, get_num_threads, set_num_threads } from './threads.js';
export { deepcopy } from './nn/module.js';
export * as nn from './nn/index.js';
export * as func from './func/index.js';
export { vmap } from './func/index.js';
export * as optim from './optim/index.js';
export * as utils from './utils/index.js';

/** `torch.signal`. */
export const signal = { windows: signal_windows };

// Here, where every module has run: tensors and calls need each other.
defineMethods(Tensor.prototype);

export function get_default_dtype(): DType { return DTYPES[door.default_dtype()]!; }
export function set_default_dtype(dtype: DType): void { door.default_dtype(dtype.index); }
export function is_tensor(v: unknown): v is Tensor { return v instanceof Tensor; }
export function numel(t: Tensor): number { return t.numel(); }
export function is_floating_point(t: Tensor): boolean { return t.is_floating_point(); }
export function is_complex(t: Tensor): boolean { return t.is_complex(); }
export function is_signed(t: Tensor): boolean { return t.is_signed(); }
export function is_nonzero(t: Tensor): boolean { return t.is_nonzero(); }
export function is_same_size(a: Tensor, b: Tensor): boolean { return a.is_same_size(b); }
/** The smallest dtype that both convert to. */
export function promote_types(a: DType, b: DType): DType { return result_type(zeros([1], { dtype: a }), zeros([1], { dtype: b })); }
/** The shape that tensors of these shapes have together. */
export function broadcast_shapes(...shapes: (Int | readonly Int[])[]): number[] {
  const out: number[] = [];
  for (const shape of shapes) {
    [...(Array.isArray(shape) ? shape : [shape as Int])].reverse().map(Number).forEach((n, i) => {
      if (n < 0) throw new RuntimeError(`Trying to create tensor with negative dimension (${n}): (${n})`);
      const have = out[i] ?? 1;
      if (n !== 1 && have !== 1 && n !== have) throw new RuntimeError('Shape mismatch: objects cannot be broadcast to a single shape');
      out[i] = have === 1 ? n : have;
    });
  }
  return out.reverse();
}

/** The dtype that an op on both has. */
export function result_type(a: Tensor | Num, b: Tensor | Num): DType {
  begin();
  for (const x of [a, b]) {
    if (x instanceof Tensor) writeTensor(x);
    else writeScalar(x);
  }
  return DTYPES[check(door.result_type())]!;
}
