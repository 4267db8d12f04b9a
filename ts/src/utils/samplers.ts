/** Samplers: in which order a loader takes the samples. The random ones draw from PyTorch's streams. */
import { quietly } from '../autograd/index.js';
import { as_tensor } from '../creation.js';
import { float64, int64 } from '../dtype.js';
import { TypeError, ValueError } from '../errors.js';
import { empty, multinomial, randint } from '../generated.js';
import { Generator } from '../random.js';
import type { Tensor } from '../tensor.js';
import { numbers, permutation } from './datasets.js';

interface Sized { readonly length: number }
interface Drawn { generator?: Generator | null }
const isPositive = (n: unknown): boolean => Number.isInteger(n) && (n as number) > 0;

/** A number from torch's generator, as PyTorch draws one for a seed. */
export function drawnSeed(generator: Generator | null = null): bigint {
  return quietly(() => empty([], { dtype: int64 }).random_({ generator } as object).item() as unknown as bigint);
}

/** An order of samples: of numbers, or of lists of numbers. */
export abstract class Sampler<T = number> implements Iterable<T> {
  abstract [Symbol.iterator](): IterableIterator<T>;
  abstract get length(): number;
}
/** In order. */
export class SequentialSampler extends Sampler {
  constructor(readonly data_source: Sized) { super(); }
  get length(): number { return this.data_source.length; }
  *[Symbol.iterator](): IterableIterator<number> { for (let i = 0; i < this.length; i++) yield i; }
}
/** Shuffled, or drawn with replacement. */
export class RandomSampler extends Sampler {
  readonly replacement: boolean;
  readonly generator: Generator | null;
  readonly #count: number | null;
  constructor(readonly data_source: Sized,
    { replacement = false, num_samples = null, generator = null }: { replacement?: boolean; num_samples?: number | null } & Drawn = {}) {
    super();
    this.replacement = replacement;
    this.generator = generator;
    this.#count = num_samples;
    if (typeof replacement !== 'boolean') throw new TypeError(`replacement should be a boolean value, but got replacement=${replacement as string}`);
    if (!isPositive(this.num_samples)) throw new ValueError(`num_samples should be a positive integer value, but got num_samples=${this.num_samples}`);
  }
  get num_samples(): number { return this.#count ?? this.data_source.length; }
  get length(): number { return this.num_samples; }
  *[Symbol.iterator](): IterableIterator<number> {
    const n = this.data_source.length, generator = this.generator ?? new Generator().manual_seed(drawnSeed());
    if (this.replacement) {
      // 32 at a time, as PyTorch does: the stream depends on it.
      for (let left = this.num_samples; left > 0; left -= 32) {
        yield* quietly(() => numbers(randint(n, [Math.min(left, 32)], { dtype: int64, generator } as object)));
      }
      return;
    }
    for (let left = this.num_samples; left >= n; left -= n) yield* permutation(n, generator);
    yield* permutation(n, generator).slice(0, this.num_samples % n);
  }
}
/** A list of numbers, shuffled. */
export class SubsetRandomSampler extends Sampler {
  readonly generator: Generator | null;
  constructor(readonly indices: readonly number[], { generator = null }: Drawn = {}) {
    super();
    this.generator = generator;
  }
  get length(): number { return this.indices.length; }
  *[Symbol.iterator](): IterableIterator<number> { for (const i of permutation(this.indices.length, this.generator)) yield this.indices[i]!; }
}
/** Drawn with these weights, which need not add up to one. */
export class WeightedRandomSampler extends Sampler {
  readonly weights: Tensor;
  readonly replacement: boolean;
  readonly generator: Generator | null;
  constructor(weights: Tensor | readonly number[], readonly num_samples: number, { replacement = true, generator = null }: { replacement?: boolean } & Drawn = {}) {
    super();
    if (!isPositive(num_samples)) throw new ValueError(`num_samples should be a positive integer value, but got num_samples=${num_samples}`);
    if (typeof replacement !== 'boolean') throw new ValueError(`replacement should be a boolean value, but got replacement=${replacement as string}`);
    this.weights = as_tensor(weights, { dtype: float64 });
    if (this.weights.ndim !== 1) throw new ValueError(`weights should be a 1d sequence but given weights have shape (${this.weights.shape.join(', ')})`);
    this.replacement = replacement;
    this.generator = generator;
  }
  get length(): number { return this.num_samples; }
  *[Symbol.iterator](): IterableIterator<number> {
    yield* quietly(() => numbers(multinomial(this.weights, this.num_samples, this.replacement, { generator: this.generator } as object)));
  }
}
/** Batches of numbers from another sampler. */
export class BatchSampler extends Sampler<number[]> {
  constructor(readonly sampler: Iterable<number>, readonly batch_size: number, readonly drop_last = false) {
    super();
    if (!isPositive(batch_size)) throw new ValueError(`batch_size should be a positive integer value, but got batch_size=${batch_size}`);
    if (typeof drop_last !== 'boolean') throw new ValueError(`drop_last should be a boolean value, but got drop_last=${drop_last as string}`);
  }
  get length(): number {
    const n = (this.sampler as Partial<Sized>).length ?? [...this.sampler].length;
    return this.drop_last ? Math.floor(n / this.batch_size) : Math.ceil(n / this.batch_size);
  }
  *[Symbol.iterator](): IterableIterator<number[]> {
    let batch: number[] = [];
    for (const i of this.sampler) {
      batch.push(i);
      if (batch.length === this.batch_size) {
        yield batch;
        batch = [];
      }
    }
    if (batch.length > 0 && !this.drop_last) yield batch;
  }
}
