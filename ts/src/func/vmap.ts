/** `vmap`: a function of one example becomes a function of a batch. */
import { door } from '#wasm';
import { inside } from '../autograd/transformed.js';
import { check } from '../buffer.js';
import { isKeywords } from '../signatures.js';
import { RuntimeError, ValueError } from '../errors.js';
import { cat } from '../generated.js';
import { get_rng_state, set_rng_state } from '../random.js';
import { isTensor, Tensor } from '../tensor.js';
import type { Func } from './grad.js';
import { flatten, python, spread, treespec, typeOf } from './tree.js';

/** The dimension that examples lie along, or null; one for all, or a tree that fits the arguments. */
export type Dims = number | null | readonly Dims[] | { readonly [key: string]: Dims };
/** What random ops do: they are refused, draw different numbers for each example, or the same. */
export type Randomness = 'error' | 'different' | 'same';
/** Options of `vmap`. */
export interface VmapOptions { in_dims?: Dims; out_dims?: Dims; randomness?: Randomness; chunk_size?: number | null }

const MODES: readonly Randomness[] = ['error', 'different', 'same'];
const nameOf = (func: Func): string => func.name || '<lambda>';

interface Batch { args: readonly unknown[]; leaves: unknown[]; dims: (number | null)[]; size: number; build(leaves: readonly unknown[]): unknown }

/** The leaves of the arguments, and along which dimension each is mapped. */
function batchOf(func: Func, in_dims: Dims, args: readonly unknown[]): Batch {
  const head = `vmap(${nameOf(func)}, in_dims=${python(in_dims)}, ...)(<inputs>): `;
  if (typeof in_dims !== 'number' && !Array.isArray(in_dims)) {
    throw new ValueError(`${head}expected \`in_dims\` to be int or a (potentially nested) tuple matching the structure of inputs, got: ${typeOf(in_dims)}.`);
  }
  if (args.length === 0) {
    throw new ValueError(`vmap(${nameOf(func)})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function `
      + 'with no inputs. The latter is unsupported.');
  }
  const { leaves, build } = flatten(args);
  const found = spread(in_dims, args);
  if (!found) {
    throw new ValueError(`${head}in_dims is not compatible with the structure of \`inputs\`. in_dims has structure ${treespec(in_dims)} but inputs has structure ${treespec(args)}.`);
  }
  const dims = found.map((d, i): number | null => {
    const arg = leaves[i];
    if (d === null || d === undefined) return null;
    if (typeof d !== 'number' || !Number.isInteger(d)) {
      throw new ValueError(`${head}Got in_dim=${python(d)} for an input but in_dim must be either an integer dimension or None.`);
    }
    if (!isTensor(arg)) {
      throw new ValueError(`${head}Got in_dim=${d} for an input but the input is of type ${typeOf(arg)}. We cannot vmap over non-Tensor arguments, please use `
        + 'None as the respective in_dim');
    }
    const n = arg.ndim;
    if (d < -n || d >= n) {
      throw new ValueError(`${head}Got in_dim=${d} for some input, but that input is a Tensor of dimensionality ${n} so expected in_dim to satisfy -${n} <= in_dim < ${n}.`);
    }
    return d < 0 ? d + n : d;
  });
  const sizes = dims.flatMap((d, i) => (d === null ? [] : [(leaves[i] as Tensor).shape[d]!]));
  if (sizes.length === 0) throw new ValueError('vmap: Expected at least one Tensor to vmap over');
  if (sizes.some((n) => n !== sizes[0])) {
    throw new ValueError(`vmap: Expected all tensors to have the same size in the mapped dimension, got sizes [${sizes.join(', ')}] for the mapped dimension`);
  }
  return { args, leaves, dims, size: sizes[0]!, build };
}

/** Where the examples lie in each output. */
function outDims(func: Func, out_dims: Dims, outputs: unknown): (number | null)[] {
  const found = isTensor(outputs) && Array.isArray(out_dims) && out_dims.length === 1 ? [...out_dims] as unknown[] : spread(out_dims, outputs);
  if (!found) {
    throw new ValueError(`vmap(${nameOf(func)}, ..., out_dims=${python(out_dims)})(<inputs>): out_dims is not compatible with the structure of \`outputs\`. `
      + `out_dims has structure ${treespec(out_dims)} but outputs has structure ${treespec(outputs)}.`);
  }
  return found as (number | null)[];
}

/** Runs `func` once, on all examples. */
function atOnce(func: Func, batch: Batch, out_dims: Dims, randomness: Randomness): unknown {
  const name = nameOf(func);
  const level = door.enter_vmap(batch.size, MODES.indexOf(randomness));
  try {
    const hidden = batch.leaves.map((x, i) => (batch.dims[i] === null ? x : new Tensor(check(door.add_level((x as Tensor).handle, batch.dims[i]!, level)))));
    const outputs = inside(() => func(...(batch.build(hidden) as unknown[])) as unknown, true);
    const { leaves, build } = flatten(outputs);
    const dims = outDims(func, out_dims, outputs);
    return build(leaves.map((x, i) => {
      const dim = dims[i] ?? null;
      if (dim === null) {
        if (isTensor(x) && door.has_level(x.handle, level)) throw new ValueError(`vmap(${name}, ...): \`${name}\` can not return a BatchedTensor when out_dim is None`);
        return x;
      }
      if (!isTensor(x)) {
        throw new ValueError(`vmap(${name}, ...): \`${name}\` must only return Tensors, got type ${typeOf(x)}. Did you mean to set out_dims= to None for output?`);
      }
      return new Tensor(check(door.remove_level(x.handle, dim, level)));
    }));
  } finally {
    door.exit_vmap();
  }
}

/** Runs `func` on so many examples at a time. */
function inChunks(func: Func, batch: Batch, out_dims: Dims, randomness: Randomness, chunk: number): unknown {
  const state = randomness === 'same' ? get_rng_state() : null;
  const parts: unknown[] = [];
  for (let from = 0; from < batch.size; from += chunk) {
    const size = Math.min(chunk, batch.size - from);
    const leaves = batch.leaves.map((x, i) => (batch.dims[i] === null ? x : (x as Tensor).narrow(batch.dims[i]!, from, size)));
    if (state) set_rng_state(state);
    parts.push(atOnce(func, { ...batch, leaves, size }, out_dims, randomness));
  }
  const flat = parts.map(flatten), dims = outDims(func, out_dims, parts[0]);
  return flat[0]!.build(dims.map((d, i) => (d === null ? flat[0]!.leaves[i] : cat(flat.map((f) => f.leaves[i] as Tensor), d))));
}

function checkOutDims(func: Func, out_dims: Dims): void {
  for (const d of flatten(out_dims).leaves) {
    if (d === null || (typeof d === 'number' && Number.isInteger(d))) continue;
    throw new ValueError(`vmap(${nameOf(func)}, ..., out_dims=${python(out_dims)}): \`out_dims\` must be an int, None or a python collection of ints `
      + 'representing where in the outputs the vmapped dimension should appear.');
  }
}

/**
 * The function that maps `func` over a dimension of its arguments, all examples at once.
 *
 * @param in_dims where the examples lie in the arguments; null for what is the same for all
 * @param out_dims where they shall lie in the results
 * @param randomness whether random ops are refused, or give `different` or the `same` numbers to all examples
 * @example
 * torch.vmap(torch.dot)(torch.ones([2, 3]), torch.ones([2, 3]))   // tensor([3., 3.])
 */
export function vmap<F extends Func>(func: F, in_dims?: number | readonly Dims[] | VmapOptions, out_dims?: Dims, randomness?: Randomness, options?: VmapOptions): F;
export function vmap(func: Func, ...given: unknown[]): Func {
  const kw = given.find((x, i) => isKeywords(x) && i === given.length - 1) as VmapOptions | undefined;
  const [a, b, c] = kw ? given.slice(0, -1) : given;
  const { in_dims = 0, out_dims = 0, randomness = 'error', chunk_size = null } = {
    ...(a === undefined ? {} : { in_dims: a as Dims }), ...(b === undefined ? {} : { out_dims: b as Dims }),
    ...(c === undefined ? {} : { randomness: c as Randomness }), ...kw,
  };
  if (!MODES.includes(randomness)) throw new RuntimeError(`Only allowed values for randomness are 'error', 'different', or 'same'. Got ${String(randomness)}`);
  if (chunk_size !== null && chunk_size <= 0) throw new ValueError(`vmap: chunk_size should be None or greater than 0. (got ${chunk_size})`);
  return (...args) => {
    checkOutDims(func, out_dims);
    const batch = batchOf(func, in_dims, args);
    return chunk_size === null || batch.size === 0 ? atOnce(func, batch, out_dims, randomness) : inChunks(func, batch, out_dims, randomness, chunk_size);
  };
}
