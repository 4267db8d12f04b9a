/** `out`: results put into tensors that exist, with PyTorch's checks. */
import { door } from '#wasm';
import { invoke } from './call.js';
import type { Compiled } from './signatures.js';
import { can_cast, type DType } from './dtype.js';
import { RuntimeError, ValueError } from './errors.js';
import { Tensor } from './tensor.js';

const CLONE = 'Please clone() the tensor before performing the operation.';

/** The bytes between its first and its last element, where it has any. */
function span(t: Tensor): [number, number] {
  const shape = t.shape, stride = t.stride();
  if (shape.includes(0)) return [0, 0];
  const start = door.address(t.handle), reach = shape.reduce((sum, n, d) => sum + (n - 1) * stride[d]!, 1);
  return [start, start + reach * t.dtype.itemsize];
}

/** For ops that read where they have written: neither the inputs nor `target` itself may overlap with it. */
function checkApart(target: Tensor, inputs: readonly unknown[]): void {
  const stride = target.stride();
  if (target.shape.some((n, d) => n > 1 && stride[d] === 0)) {
    throw new RuntimeError(`unsupported operation: more than one element of the written-to tensor refers to a single memory location. ${CLONE}`);
  }
  const [start, end] = span(target);
  for (const input of inputs) {
    if (!(input instanceof Tensor)) continue;
    const [from, to] = span(input);
    if (from < end && start < to) {
      throw new RuntimeError(`unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location. ${CLONE}`);
    }
  }
}

/** Some ops write to no other dtype than that of the result, and say so in one of two ways. */
function checkDtype(op: Compiled, from: DType, to: DType): void {
  if (from === to) return;
  if (op.marks.includes('exact_out')) {
    throw new RuntimeError(`Expected out tensor to have dtype ${from.cpp_name}, but got ${to.cpp_name} instead`);
  }
  if (op.marks.includes('input_out')) {
    throw new RuntimeError(`Expected the dtype for input and out to match, but got ${from.scalar_type} for input's dtype and ${to.scalar_type} for out's dtype.`);
  }
}

/** Puts results into the tensors of `out`, in the sizes of the results. */
export function writeOut(op: Compiled, name: string, inputs: readonly unknown[], value: unknown, out: unknown): unknown {
  const targets = (Array.isArray(out) ? out : [out]) as Tensor[];
  const values = (Array.isArray(value) ? value : [value]) as Tensor[];
  if (door.grad_mode() && [...targets, ...inputs].some((t) => t instanceof Tensor && t.requires_grad)) {
    throw new RuntimeError(`${name}(): functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad.`);
  }
  if (op.marks.includes('exact_out') && new Set(targets).size < targets.length) {
    const names = op.fields.map((f) => `\`${f}\``).join(' and ');
    throw new ValueError(`${name}(): the ${names} out= tensors must not overlap.`);
  }
  targets.forEach((t, i) => {
    const v = values[i]!;
    checkDtype(op, v.dtype, t.dtype);
    if (!can_cast(v.dtype, t.dtype)) {
      throw new RuntimeError(`result type ${v.dtype.scalar_type} can't be cast to the desired output type ${t.dtype.scalar_type}`);
    }
    if (op.marks.includes('apart')) checkApart(t, inputs);
    if (String(v.shape) !== String(t.shape)) t._become(invoke('empty', [v.shape, { dtype: t.dtype }]) as Tensor);
    invoke('copy', [t, v], true);
  });
  return out;
}
