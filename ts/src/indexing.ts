/** Indexing as in Python's brackets: integers, slices, null, '...', masks, index tensors, lists. */
import { invoke } from './call.js';
import { tensor } from './creation.js';
import { bool, int64, uint8 } from './dtype.js';
import { IndexError, ValueError } from './errors.js';
import { Tensor, type Int, type TensorLike } from './tensor.js';

/** `start:end:step`. */
export class Slice {
  constructor(readonly start: Int | null = null, readonly end: Int | null = null, readonly step: Int | null = null) {}
}
/** What may stand in brackets in Python; strings are read as there: `'1:3'`, `':'`, `'::2'`, `'...'`. */
export type Index = Int | Slice | null | string | Tensor | boolean | readonly (Int | boolean)[];

/** A slice for `index`. */
export function slice(start: Int | null = null, end: Int | null = null, step: Int | null = null): Slice {
  return new Slice(start, end, step);
}

const NUMBER = /^[+-]?\d+$/;
function bound(text: string): number | null {
  const s = text.trim();
  if (s === '') return null;
  if (!NUMBER.test(s)) throw new IndexError(`'${text}' is not an index`);
  return Number(s);
}

/** The indices with strings read and lists made tensors. */
function parsed(indices: readonly Index[]): (Int | Slice | null | '...' | Tensor | boolean)[] {
  return indices.flatMap((i): (Int | Slice | null | '...' | Tensor | boolean)[] => {
    if (Array.isArray(i)) return [tensor(i as number[], i.length && typeof i[0] === 'boolean' ? {} : { dtype: int64 })];
    if (typeof i !== 'string') return [i as Int];
    return i.split(',').map((part) => {
      const s = part.trim();
      if (s === '...') return s;
      if (s === 'None' || s === 'null') return null;
      if (!s.includes(':')) return bound(s) ?? 0;
      const ends = s.split(':');
      if (ends.length > 3) throw new IndexError(`'${s}' is not a slice`);
      return new Slice(...(ends.map(bound) as [number | null]));
    });
  });
}

const isMask = (t: Tensor): boolean => t.dtype === bool || t.dtype === uint8;

/** The view that integers, slices, null and '...' take, and the index tensors for what they leave. */
function split(input: Tensor, indices: readonly Index[]): [Tensor, (Tensor | null)[]] {
  const parts = parsed(indices);
  const used = parts.reduce<number>((n, i) => n + (i === null || i === '...' || typeof i === 'boolean' ? 0
    : i instanceof Tensor && isMask(i) ? i.ndim : 1), 0);
  if (used > input.ndim) throw new IndexError(`too many indices for tensor of dimension ${input.ndim}`);
  // A mask of several dimensions has one place in the list for all of them.
  let view = input, dim = 0, saved = 0;
  const tensors: (Tensor | null)[] = [];
  const take = (t: Tensor): void => {
    while (tensors.length < dim - saved) tensors.push(null);
    tensors.push(t);
  };
  for (const i of parts) {
    if (i === '...') {
      dim += input.ndim - used;
    } else if (i === null) {
      view = view.unsqueeze(dim++);
    } else if (typeof i === 'boolean') {
      // A new dimension, taken or not.
      view = view.unsqueeze(dim);
      take(tensor(i ? [0n] : [], { dtype: int64 }));
      dim += 1;
    } else if (i instanceof Slice) {
      if (i.step !== null && Number(i.step) <= 0) throw new ValueError('step must be greater than zero');
      view = invoke('slice', [view, dim++, i.start, i.end, i.step ?? 1]) as Tensor;
    } else if (i instanceof Tensor) {
      if (i.ndim === 0 && !isMask(i) && !i.dtype.is_floating_point && !i.requires_grad) {
        view = pick(view, dim, i.item());
        continue;
      }
      if (i.ndim === 0 && isMask(i)) view = view.unsqueeze(dim);
      take(i);
      const covers = isMask(i) ? Math.max(i.ndim, 1) : 1;
      dim += covers;
      saved += covers - 1;
    } else {
      view = pick(view, dim, i);
    }
  }
  return [view, tensors];
}

function pick(view: Tensor, dim: number, index: Int): Tensor {
  const n = view.shape[dim]!, k = Number(index);
  if (k < -n || k >= n) throw new IndexError(`index ${k} is out of bounds for dimension ${dim} with size ${n}`);
  return view.select(dim, index);
}

/** `input[indices]`. */
export function indexed(input: Tensor, indices: readonly Index[]): Tensor {
  const [view, tensors] = split(input, indices);
  if (tensors.some((t) => t !== null)) return invoke('index', [view, tensors]) as Tensor;
  return view === input ? (invoke('alias', [input]) as Tensor) : view;
}

/** `input[indices] = value`. */
export function putIndexed(input: Tensor, indices: readonly Index[], value: TensorLike, accumulate: boolean): void {
  const [view, tensors] = split(input, indices);
  const source = value instanceof Tensor ? value : tensor(value as number, { dtype: input.dtype });
  if (tensors.some((t) => t !== null)) {
    invoke('index_put', [view, tensors, source.dtype === view.dtype ? source : source.to(view.dtype), accumulate], true);
  } else if (accumulate) {
    invoke('add', [view, source], true);
  } else {
    // Leading dimensions of size one are dropped, as in Python's assignment.
    let s = source;
    while (s.ndim > view.ndim && s.shape[0] === 1) s = s.squeeze(0);
    invoke('copy', [view, s], true);
  }
}
