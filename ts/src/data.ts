/** `torch.utils.data`. */
import { randperm } from './generated.js';
import { Tensor } from './tensor.js';

class TensorDataset {
  readonly tensors: Tensor[];
  constructor(...tensors: Tensor[]) { this.tensors = tensors; }
  get length(): number { return this.tensors[0]!.shape[0]!; }
  at(i: number): Tensor[] { return this.tensors.map((t) => t.select(0, i)); }
}
/** Batches of a dataset, in order or shuffled with torch's generator. */
class DataLoader {
  constructor(readonly dataset: TensorDataset, readonly options: { batch_size?: number; shuffle?: boolean; drop_last?: boolean } = {}) {}
  get length(): number {
    const n = this.dataset.length / (this.options.batch_size ?? 1);
    return this.options.drop_last ? Math.floor(n) : Math.ceil(n);
  }
  *[Symbol.iterator](): IterableIterator<Tensor[]> {
    const size = this.options.batch_size ?? 1;
    const n = this.dataset.length;
    const order = this.options.shuffle ? randperm(n) : null;
    for (let b = 0; b < this.length; b++) {
      const from = b * size, count = Math.min(size, n - from);
      const pick = order?.narrow(0, from, count);
      yield this.dataset.tensors.map((t) => (pick ? t.index_select(0, pick) : t.narrow(0, from, count)));
    }
  }
  /** As above, and lets the event loop run now and then. */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Tensor[]> {
    let i = 0;
    for (const batch of this) {
      if (i++ % 16 === 0) await new Promise((go) => setTimeout(go, 0));
      yield batch;
    }
  }
}
export const data = { TensorDataset, DataLoader };
