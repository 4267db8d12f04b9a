/** The loader: batches of a dataset. */
import { tensor } from '../creation.js';
import { float64 } from '../dtype.js';
import { RuntimeError, TypeError, ValueError } from '../errors.js';
import { stack } from '../generated.js';
import type { Generator } from '../random.js';
import { isTensor, tidy, type Tensor } from '../tensor.js';
import { isBatched, type MapStyle } from './datasets.js';
import { BatchSampler, drawnSeed, RandomSampler, SequentialSampler } from './samplers.js';

/** Samples put together: tensors stacked, numbers made tensors (of float64, as PyTorch's are), arrays and objects part by part. */
export function default_collate(samples: readonly unknown[]): unknown {
  const first = samples[0];
  if (isTensor(first)) return stack(samples as Tensor[]);
  if (ArrayBuffer.isView(first)) return stack(samples.map((s) => tensor(s as Float32Array)));
  if (typeof first === 'number') return tensor(samples as number[], { dtype: float64 });
  if (typeof first === 'bigint' || typeof first === 'boolean') return tensor(samples as bigint[]);
  if (typeof first === 'string') return samples;
  if (Array.isArray(first)) {
    if (samples.some((s) => (s as unknown[]).length !== first.length)) throw new RuntimeError('each element in list of batch should be of equal size');
    return first.map((_, k) => default_collate(samples.map((s) => (s as unknown[])[k])));
  }
  if (first && typeof first === 'object') {
    return Object.fromEntries(Object.keys(first).map((k) => [k, default_collate(samples.map((s) => (s as Record<string, unknown>)[k]))]));
  }
  throw new TypeError(`default_collate: batch must contain tensors, numbers, arrays or objects; found ${typeof first}`);
}

type AnyDataset<T> = MapStyle<T> | Iterable<T> | AsyncIterable<T>;
export interface DataLoaderOptions<T, B> {
  batch_size?: number | null; shuffle?: boolean; drop_last?: boolean; sampler?: Iterable<number> | null; batch_sampler?: Iterable<readonly number[]> | null;
  generator?: Generator | null; collate_fn?: ((samples: T[]) => B) | null;
}

/**
 * Batches of a dataset, in order or shuffled with torch's generator. `for await` lets the event
 * loop run between batches now and then, and waits for samples that are promises.
 */
export class DataLoader<T = Tensor[], B = Tensor[]> {
  readonly batch_size: number | null;
  readonly drop_last: boolean;
  readonly sampler: Iterable<number> | null;
  /** The numbers of each batch; null where samples come one by one, or without numbers. */
  readonly batch_sampler: Iterable<readonly number[]> | null;
  constructor(readonly dataset: AnyDataset<T>, readonly options: DataLoaderOptions<T, B> = {}) {
    const { sampler = null, batch_sampler = null, shuffle = false, generator = null, drop_last = false } = options;
    const batch_size = options.batch_size === undefined ? 1 : options.batch_size;
    if (sampler && shuffle) throw new ValueError('sampler option is mutually exclusive with shuffle');
    if (batch_sampler && (batch_size !== 1 || shuffle || sampler || drop_last)) {
      throw new ValueError('batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, and drop_last');
    }
    if (batch_size === null && drop_last) throw new ValueError('batch_size=None option disables auto-batching and is mutually exclusive with drop_last');
    if (batch_size !== null && !(Number.isInteger(batch_size) && batch_size > 0)) {
      throw new ValueError(`batch_size should be a positive integer value, but got batch_size=${batch_size}`);
    }
    this.batch_size = batch_sampler ? null : batch_size;
    this.drop_last = drop_last;
    if (this.#numbered) {
      const data = dataset as MapStyle<T>;
      this.sampler = sampler ?? (shuffle ? new RandomSampler(data, { generator }) : new SequentialSampler(data));
      this.batch_sampler = batch_sampler ?? (batch_size === null ? null : new BatchSampler(this.sampler, batch_size, drop_last));
    } else {
      if (shuffle) throw new ValueError(`DataLoader with IterableDataset: expected unspecified shuffle option, but got shuffle=${shuffle ? 'True' : 'False'}`);
      if (sampler ?? batch_sampler) throw new ValueError('DataLoader with IterableDataset: expected unspecified sampler option');
      this.sampler = null;
      this.batch_sampler = null;
    }
  }
  /** Whether the samples have numbers. */
  get #numbered(): boolean { return typeof (this.dataset as Partial<MapStyle<T>>).at === 'function'; }
  /** The number of batches. */
  get length(): number {
    if (!this.#numbered) throw new TypeError(`object of type '${this.dataset.constructor.name}' has no len()`);
    return (this.batch_sampler as { length?: number } | null)?.length ?? [...(this.batch_sampler ?? this.sampler!)].length;
  }
  /** A batch of samples that are there. */
  #collate(samples: readonly unknown[]): B {
    const { collate_fn } = this.options;
    if (samples.some((s) => s instanceof Promise)) throw new TypeError('the samples are promises: use `for await`');
    return tidy(() => (collate_fn ? collate_fn(samples as T[]) : default_collate(samples) as B));
  }
  /** The samples of each batch, or a whole batch where the dataset gives it at once. */
  *#rows(): IterableIterator<{ samples: unknown[] } | { batch: B }> {
    const data = this.dataset as MapStyle<T>;
    // PyTorch's loader draws a number for its workers first.
    drawnSeed(this.options.generator ?? null);
    for (const indices of this.batch_sampler!) {
      if (!this.options.collate_fn && isBatched(data)) yield { batch: tidy(() => data.batch(indices) as unknown as B) };
      else yield { samples: indices.map((i) => data.at(i)) };
    }
  }
  /** Samples one by one made rows of `batch_size`. */
  #filled(row: unknown[], sample: unknown): unknown[] | null {
    row.push(sample);
    return row.length === this.batch_size ? row.splice(0) : null;
  }
  *[Symbol.iterator](): IterableIterator<B> {
    if (this.batch_sampler) {
      for (const row of this.#rows()) yield 'batch' in row ? row.batch : this.#collate(row.samples);
      return;
    }
    const samples = this.#singles();
    if (!(Symbol.iterator in samples)) throw new TypeError('the dataset is asynchronous: use `for await`');
    if (this.batch_size === null) {
      for (const s of samples) yield this.#single(s);
      return;
    }
    const row: unknown[] = [];
    for (const s of samples) {
      const full = this.#filled(row, s);
      if (full) yield this.#collate(full);
    }
    if (row.length > 0 && !this.drop_last) yield this.#collate(row);
  }
  async *[Symbol.asyncIterator](): AsyncIterableIterator<B> {
    const pause = breaths();
    if (this.batch_sampler) {
      for (const row of this.#rows()) {
        await pause();
        yield 'batch' in row ? row.batch : this.#collate(await all(row.samples));
      }
      return;
    }
    const row: unknown[] = [];
    for await (const s of this.#singles()) {
      await pause();
      if (this.batch_size === null) {
        yield this.#single(s);
        continue;
      }
      const full = this.#filled(row, s);
      if (full) yield this.#collate(full);
    }
    if (row.length > 0 && !this.drop_last) yield this.#collate(row);
  }
  /** Samples that no batch sampler puts together. */
  #singles(): Iterable<unknown> | AsyncIterable<unknown> {
    if (!this.#numbered) return this.dataset as Iterable<unknown>;
    const data = this.dataset as MapStyle<T>, sampler = this.sampler!;
    return (function* () { for (const i of sampler) yield data.at(i); })();
  }
  /** A sample where there are no batches. */
  #single(sample: unknown): B { return (this.options.collate_fn ? this.options.collate_fn(sample as T[]) : sample) as B; }
}

const all = (samples: unknown[]): unknown[] | Promise<unknown[]> => (samples.some((s) => s instanceof Promise) ? Promise.all(samples) : samples);
/** Lets the event loop run: often enough for finalizers and for a page to stay alive, rarely enough to cost nothing. */
function breaths(): () => Promise<void> | void {
  let last = performance.now();
  return () => {
    if (performance.now() - last <= 30) return;
    return new Promise<void>((go) => { setTimeout(go, 0); }).then(() => { last = performance.now(); });
  };
}
