/** `torch.autograd.forward_ad`: dual tensors, which carry a tangent through every op. */
import { door } from '#wasm';
import { RuntimeError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { dualAt, partsAt } from './duals.js';

/** What a dual tensor is made of; it destructures both ways. */
export type UnpackedDualTensor = [primal: Tensor, tangent: Tensor | null] & { primal: Tensor; tangent: Tensor | null };

/** The public level, as the core numbers it. */
let current: number | null = null;

/** Opens the level of forward mode; there is one, which PyTorch numbers 0. */
export function enter_dual_level(): number {
  if (current !== null) throw new RuntimeError('Nested forward mode AD is not supported at the moment');
  current = door.enter_dual_level();
  return 0;
}

/** Closes the level: tangents are no more. */
export function exit_dual_level(options: { level?: number | null } = {}): void {
  const level = options.level ?? (current === null ? -1 : 0);
  if (level < 0) throw new RuntimeError('Dual level must be a positive number.');
  if (current === null || level !== 0) {
    throw new RuntimeError(`Trying to exit a forward AD level that was not the last one that was created. This is not supported.`);
  }
  door.exit_dual_level(current);
  current = null;
}

/** Runs `fn` with a level of forward mode, which ends with it. */
export function dual_level<T>(fn: (level: number) => T): T {
  const level = enter_dual_level();
  try {
    return fn(level);
  } finally {
    exit_dual_level({ level });
  }
}

/** A view of `tensor` that carries `tangent`. */
export function make_dual(tensor: Tensor, tangent: Tensor, options: { level?: number | null } = {}): Tensor {
  if (current === null || (options.level ?? 0) < 0) {
    throw new RuntimeError('Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first.');
  }
  return dualAt(tensor, tangent, current);
}

/** The primal and the tangent of a dual tensor; the tangent is null where there is none. */
export function unpack_dual(tensor: Tensor, options: { level?: number | null } = {}): UnpackedDualTensor {
  const level = current === null || (options.level ?? 0) < 0 ? null : current;
  const [primal, tangent] = level === null ? [tensor, null] as const : partsAt(tensor, level);
  return Object.assign([primal, tangent], { primal, tangent }) as UnpackedDualTensor;
}
