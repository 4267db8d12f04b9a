/** `torch.utils.data`: datasets and batches of them. */
import { quietly } from '../autograd.js';
import { ValueError, TypeError, IndexError } from '../errors.js';
import { empty, randperm, stack } from '../generated.js';
import { Generator } from '../random.js';
import { tensor } from '../creation.js';
import { int64 } from '../dtype.js';
import { isTensor, tidy, type Tensor } from '../tensor.js';

/** Samples by number. */
export interface Dataset<T> { readonly length: number; at(index: number): T }

/** Samples that are rows of tensors. */
export class TensorDataset implements Dataset<Tensor[]> {
  readonly tensors: readonly Tensor[];
  constructor(...tensors: Tensor[]) {
    if (tensors.some((t) => t.shape[0] !== tensors[0]!.shape[0])) throw new ValueError('Size mismatch between tensors');
    this.tensors = tensors;
  }
  get length(): number { return this.tensors[0]?.shape[0] ?? 0; }
  at(index: number): Tensor[] { return this.tensors.map((t) => t.select(0, index)); }
  /** Many samples at once. */
  batch(indices: Tensor): Tensor[] { return this.tensors.map((t) => t.index_select(0, indices)); }
}

/** A part of a dataset. */
export class Subset<T> implements Dataset<T> {
  constructor(readonly dataset: Dataset<T>, readonly indices: readonly number[]) {}
  get length(): number { return this.indices.length; }
  at(index: number): T {
    const i = this.indices[index];
    if (i === undefined) throw new IndexError('list index out of range');
    return this.dataset.at(i);
  }
}

/** Splits a dataset at random into parts of these lengths. */
export function random_split<T>(dataset: Dataset<T>, lengths: readonly number[]): Subset<T>[] {
  if (lengths.reduce((a, b) => a + b, 0) !== dataset.length) throw new ValueError('Sum of input lengths does not equal the length of the input dataset!');
  const order = numbers(randperm(dataset.length));
  let at = 0;
  return lengths.map((n) => new Subset(dataset, order.slice(at, at += n)));
}

const numbers = (t: Tensor): number[] => (t.tolist() as unknown as bigint[]).map(Number);

/** Samples put together: tensors stacked, numbers made tensors, arrays and objects part by part. */
export function default_collate(samples: readonly unknown[]): unknown {
  const first = samples[0];
  if (isTensor(first)) return stack(samples as Tensor[]);
  if (typeof first === 'number' || typeof first === 'bigint' || typeof first === 'boolean') return tensor(samples as number[]);
  if (typeof first === 'string') return samples;
  if (Array.isArray(first)) return first.map((_, k) => default_collate(samples.map((s) => (s as unknown[])[k])));
  if (first && typeof first === 'object') {
    return Object.fromEntries(Object.keys(first).map((k) => [k, default_collate(samples.map((s) => (s as Record<string, unknown>)[k]))]));
  }
  throw new TypeError(`default_collate: batch must contain tensors, numbers, arrays or objects; found ${typeof first}`);
}

export interface DataLoaderOptions<T, B> {
  batch_size?: number; shuffle?: boolean; drop_last?: boolean; sampler?: Iterable<number> | null; generator?: Generator | null; collate_fn?: ((samples: T[]) => B) | null;
}

/**
 * Batches of a dataset, in order or shuffled with torch's generator. `for await` lets the event
 * loop run between batches now and then.
 */
export class DataLoader<T = Tensor[], B = Tensor[]> {
  readonly batch_size: number;
  readonly drop_last: boolean;
  constructor(readonly dataset: Dataset<T>, readonly options: DataLoaderOptions<T, B> = {}) {
    this.batch_size = options.batch_size ?? 1;
    this.drop_last = options.drop_last ?? false;
    if (!Number.isInteger(this.batch_size) || this.batch_size <= 0) throw new ValueError(`batch_size should be a positive integer value, but got batch_size=${this.batch_size}`);
    if (options.sampler && options.shuffle) throw new ValueError('sampler option is mutually exclusive with shuffle');
  }
  /** The number of batches. */
  get length(): number {
    const n = this.dataset.length / this.batch_size;
    return this.drop_last ? Math.floor(n) : Math.ceil(n);
  }
  #order(): number[] {
    if (this.options.sampler) return [...this.options.sampler];
    const n = this.dataset.length;
    return quietly(() => {
      // PyTorch's loader draws a number for its workers, then the seed of the order, from torch's generator.
      const draw = (): bigint => empty([], { dtype: int64 }).random_({ generator: this.options.generator ?? null } as object).item() as unknown as bigint;
      draw();
      if (!this.options.shuffle) return Array.from({ length: n }, (_, i) => i);
      const generator = this.options.generator ?? new Generator().manual_seed(draw());
      return numbers(randperm(n, { generator } as object));
    });
  }
  #batch(indices: number[]): B {
    const { collate_fn } = this.options;
    return tidy(() => {
      if (collate_fn) return collate_fn(indices.map((i) => this.dataset.at(i)));
      if (this.dataset instanceof TensorDataset) return this.dataset.batch(tensor(indices, { dtype: int64 })) as unknown as B;
      return default_collate(indices.map((i) => this.dataset.at(i))) as B;
    });
  }
  *[Symbol.iterator](): IterableIterator<B> {
    const order = this.#order();
    for (let at = 0; at < order.length; at += this.batch_size) {
      const indices = order.slice(at, at + this.batch_size);
      if (this.drop_last && indices.length < this.batch_size) return;
      yield this.#batch(indices);
    }
  }
  async *[Symbol.asyncIterator](): AsyncIterableIterator<B> {
    let last = performance.now();
    for (const batch of this) {
      // Often enough for finalizers and for a page to stay alive, rarely enough to cost nothing.
      if (performance.now() - last > 30) {
        await new Promise((go) => { setTimeout(go, 0); });
        last = performance.now();
      }
      yield batch;
    }
  }
}
