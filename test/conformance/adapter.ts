/** The runner's whole knowledge of how the package is spelled in JavaScript. */
import * as cresset from 'cresset';

// The runner asks for names that may not be there, so it looks at the package without its types.
/* eslint-disable @typescript-eslint/no-explicit-any */
export type Any = any;
export const torch: Any = cresset;

/** Thrown where the package lacks what a case needs. */
export class Unsupported extends Error {}

/** `torch.<path>`, or undefined. */
export function find(path: string): Any {
  let at: Any = torch;
  for (const part of path.split('.')) at = at?.[part];
  return at;
}

/** `torch.<path>`, which must be there. */
export function need(path: string): Any {
  const found = find(path);
  if (found === undefined) throw new Unsupported(`torch.${path} is not there`);
  return found;
}

/** A function of the package. */
export function fn(path: string): (...args: unknown[]) => Any {
  const found = need(path);
  if (typeof found !== 'function') throw new Unsupported(`torch.${path} is not a function`);
  return found;
}

export const isTensor = (v: unknown): boolean => v instanceof torch.Tensor;

/** Calls a method; the package lacks it if the tensor does. */
export function method(t: Any, name: string, args: readonly unknown[]): Any {
  if (isTensor(t) && !(name in t)) throw new Unsupported(`Tensor.${name} is not there`);
  return t[name](...args);
}

export function dtype(name: string): Any {
  const found = torch[name];
  if (found === undefined) throw new Unsupported(`the dtype ${name} is not there`);
  return found;
}

/** A contiguous tensor of raw little-endian bytes. */
export function fromBytes(dtypeName: string, shape: readonly number[], bytes: Uint8Array): Any {
  const of = dtype(dtypeName);
  if (bytes.length === 0) return torch.empty(shape, { dtype: of });
  return torch.frombuffer(bytes, { dtype: of }).reshape(shape);
}

/** The elements, row-major, as raw bytes. */
export const bytesOf = (t: Any): Uint8Array => t.tobytes();

export const dtypeName = (t: Any): string => t.dtype.name;
export const shapeOf = (t: Any): number[] => [...t.shape].map(Number);

/** The class name of the node that made a tensor, or null. */
export function gradFn(t: Any): string | null {
  const node = t.grad_fn;
  if (!node) return null;
  return typeof node.name === 'function' ? node.name() : node.name;
}

/** `torch.autograd.grad` for outputs that need a gradient. */
export function grad(outputs: Any[], inputs: Any[], cotangents: Any[], create_graph: boolean): Any[] {
  return [...torch.autograd.grad(outputs, inputs, { grad_outputs: cotangents, allow_unused: true, create_graph })];
}

/** Runs `work` without recording. */
export const quietly = <T>(work: () => T): T => torch.no_grad(work);

/** Runs one case in a scope of its own, from PyTorch's initial state. */
export function scope(work: () => void): void {
  torch.set_grad_enabled(true);
  if (torch.get_default_dtype() !== torch.float32) torch.set_default_dtype(torch.float32);
  torch.tidy(() => { work(); });
}

/** The class of an error as PyTorch calls it, and its sentence without our own line of context; the recorded sentences
 * have no space at their end. */
export function errorOf(e: unknown): { type: string; message: string } {
  if (!(e instanceof Error)) return { type: typeof e, message: String(e) };
  return { type: e.name, message: e.message.replace(/\nin [^\n]*\)$/, '').trimEnd() };
}

/** Whether an error means that the wasm instance can no longer be trusted. */
export const isTrap = (e: unknown): boolean => e instanceof WebAssembly.RuntimeError || (e instanceof RangeError && /call stack/.test(e.message));
