/** Datasets: samples by number, or one after the other. */
import { quietly } from '../autograd/index.js';
import { tensor } from '../creation.js';
import { int64 } from '../dtype.js';
import { IndexError, ValueError } from '../errors.js';
import { randperm } from '../generated.js';
import type { Generator } from '../random.js';
import type { Tensor } from '../tensor.js';

/** Samples by number, with a length; arrays are of this kind. `at` may return a promise, for loops that await. */
export interface MapStyle<T> { readonly length: number; at(index: number): T | undefined | Promise<T> }
/** Samples by number: extend it, or write an object with `length` and `at` alone. */
export abstract class Dataset<T> implements MapStyle<T> {
  abstract get length(): number;
  abstract at(index: number): T;
}
/** Samples one after the other, for what has no numbers. */
export abstract class IterableDataset<T> { abstract [Symbol.iterator](): Iterator<T>; }
/** What gives many samples at once. */
export interface Batched { batch(indices: readonly number[]): Tensor[] }
export const isBatched = (d: object): d is Batched => typeof (d as Partial<Batched>).batch === 'function';

/** The integers of a tensor. */
export const numbers = (t: Tensor): number[] => (t.tolist() as unknown as bigint[]).map(Number);
/** A permutation of `0..n`, from torch's generator or one's own. */
export const permutation = (n: number, generator: Generator | null = null): number[] => quietly(() => numbers(randperm(n, { generator } as object)));

/** Samples that are rows of tensors. */
export class TensorDataset extends Dataset<Tensor[]> implements Batched {
  readonly tensors: readonly Tensor[];
  constructor(...tensors: Tensor[]) {
    super();
    if (tensors.some((t) => t.shape[0] !== tensors[0]!.shape[0])) throw new ValueError('Size mismatch between tensors');
    this.tensors = tensors;
  }
  get length(): number { return this.tensors[0]?.shape[0] ?? 0; }
  at(index: number): Tensor[] { return this.tensors.map((t) => t.select(0, index)); }
  batch(indices: readonly number[]): Tensor[] {
    const rows = tensor(indices as number[], { dtype: int64 });
    return this.tensors.map((t) => t.index_select(0, rows));
  }
}

/** A part of a dataset. */
export class Subset<T> extends Dataset<T> {
  constructor(readonly dataset: MapStyle<T>, readonly indices: readonly number[]) {
    super();
    // Only a part of what gives many samples at once does so too.
    if (isBatched(dataset)) (this as unknown as Batched).batch = (rows) => dataset.batch(rows.map((i) => indices[i]!));
  }
  get length(): number { return this.indices.length; }
  at(index: number): T {
    const i = this.indices.at(index);
    if (i === undefined) throw new IndexError('list index out of range');
    return this.dataset.at(i) as T;
  }
}

/** Datasets one after the other. */
export class ConcatDataset<T> extends Dataset<T> {
  readonly datasets: readonly MapStyle<T>[];
  /** Where each dataset ends. */
  readonly cumulative_sizes: readonly number[];
  constructor(datasets: Iterable<MapStyle<T>>) {
    super();
    this.datasets = [...datasets];
    if (this.datasets.length === 0) throw new ValueError('datasets should not be an empty iterable');
    let end = 0;
    this.cumulative_sizes = this.datasets.map((d) => end += d.length);
  }
  get length(): number { return this.cumulative_sizes.at(-1)!; }
  at(index: number): T {
    const n = this.length, i = index < 0 ? index + n : index;
    if (i < 0) throw new ValueError('absolute value of index should not exceed dataset length');
    const k = this.cumulative_sizes.findIndex((end) => i < end);
    if (k < 0) throw new IndexError('list index out of range');
    return this.datasets[k]!.at(i - (k > 0 ? this.cumulative_sizes[k - 1]! : 0)) as T;
  }
}

/** Splits a dataset at random into parts of these lengths, or of these fractions of it. */
export function random_split<T>(dataset: MapStyle<T>, lengths: readonly number[],
  generator: Generator | null | { generator?: Generator | null } = null): Subset<T>[] {
  const n = dataset.length, given = generator && !('manual_seed' in generator) ? generator.generator ?? null : generator;
  const sum = lengths.reduce((a, b) => a + b, 0);
  let sizes = [...lengths];
  if (sum <= 1 && Math.abs(sum - 1) <= 1e-9) {
    sizes = lengths.map((part, i) => {
      if (part < 0 || part > 1) throw new ValueError(`Fraction at index ${i} is not between 0 and 1`);
      return Math.floor(n * part);
    });
    // What rounding leaves goes round.
    const rest = n - sizes.reduce((a, b) => a + b, 0);
    for (let i = 0; i < rest; i++) sizes[i % sizes.length]! += 1;
  }
  if (sizes.reduce((a, b) => a + b, 0) !== n) throw new ValueError('Sum of input lengths does not equal the length of the input dataset!');
  const order = permutation(n, given);
  let at = 0;
  return sizes.map((size) => new Subset(dataset, order.slice(at, at += size)));
}
