/** Bags of embeddings: sums, means and maxima of rows of a table. */
import { int32, int64 } from '../dtype.js';
import { NotImplementedError, RuntimeError, ValueError } from '../errors.js';
import { nn_functional as F, stack, zeros } from '../generated.js';
import { tensor } from '../creation.js';
import type { Int, Tensor } from '../tensor.js';
import { bound } from './arguments.js';

/** What `embedding_bag` takes by name. */
export interface BagOptions {
  offsets?: Tensor | null; max_norm?: number | null; norm_type?: number; scale_grad_by_freq?: boolean; mode?: 'sum' | 'mean' | 'max'; sparse?: boolean;
  per_sample_weights?: Tensor | null; include_last_offset?: boolean; padding_idx?: Int | null;
}
const OPTIONS = {
  offsets: null, max_norm: null, norm_type: 2, scale_grad_by_freq: false, mode: 'mean', sparse: false, per_sample_weights: null, include_last_offset: false,
  padding_idx: null,
};
type Given = Required<Omit<BagOptions, 'padding_idx'>> & { input: Tensor; weight: Tensor; padding_idx: number | null };
const size = (t: Tensor): string => `torch.Size([${t.shape.join(', ')}])`;

function check({ input, weight, offsets, mode, scale_grad_by_freq, sparse, per_sample_weights }: Given): void {
  if (per_sample_weights && String(input.shape) !== String(per_sample_weights.shape)) {
    throw new ValueError(`embedding_bag: If per_sample_weights (${size(per_sample_weights)}) is not None, then it must have the same shape as the input (${size(input)})`);
  }
  if (weight.ndim !== 2) throw new ValueError(`weight has to be a 2D Tensor, but got Tensor of dimension ${weight.ndim}`);
  if (input.ndim === 2) {
    if (offsets) {
      throw new ValueError('if input is 2D, then offsets has to be None, as input is treated is a mini-batch of fixed length sequences. However, found '
        + "offsets of type <class 'torch.Tensor'>");
    }
  } else if (input.ndim === 1) {
    if (!offsets) throw new ValueError('offsets has to be a 1D Tensor but got None');
    if (offsets.ndim !== 1) throw new ValueError('offsets has to be a 1D Tensor');
  } else {
    throw new ValueError(`input has to be 1D or 2D Tensor, but got Tensor of dimension ${input.ndim}`);
  }
  if (!['sum', 'mean', 'max'].includes(mode)) throw new ValueError('mode has to be one of sum, mean or max');
  if (mode === 'max' && scale_grad_by_freq) throw new ValueError('max mode does not support scaling the gradient by the frequency');
  if (mode === 'max' && sparse) throw new ValueError('max mode does not support sparse weights');
  if (per_sample_weights && mode !== 'sum') {
    throw new NotImplementedError('embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for mode=\'sum\' '
      + `(got mode='${mode}'). Please open a feature request on GitHub.`);
  }
  if (input.dtype !== int64 && input.dtype !== int32) {
    throw new RuntimeError(`Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got torch.${input.dtype.scalar_type}Tensor `
      + 'instead (while checking arguments for embedding_bag)');
  }
}

/** Where each bag starts; one more for the end of the last. */
function bounds({ input, offsets, include_last_offset }: Given): number[] {
  if (!offsets) return Array.from({ length: input.shape[0]! + 1 }, (_, i) => i * input.shape[1]!);
  const starts = (offsets.tolist() as unknown as Int[]).map(Number), n = input.numel();
  if (include_last_offset && starts.length === 0) throw new RuntimeError('include_last_offset: number of offsets should be at least 1');
  if (starts.length > 0 && starts[0] !== 0) throw new RuntimeError(`offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from position 0. However, got ${starts[0]}`);
  if (starts.length > 0 && starts[starts.length - 1]! > n) {
    throw new RuntimeError(`offsets[-1] can not be greater than input's length(${n}), but got offsets[-1] of ${starts[starts.length - 1]}`);
  }
  return include_last_offset ? [...starts.slice(0, -1), n] : [...starts, n];
}

/** Sums, means or maxima of bags of rows of `weight`; `offsets` tells where in `input` each bag starts. */
export function embedding_bag(input: Tensor, weight: Tensor, offsets?: Tensor | null | BagOptions, ...rest: unknown[]): Tensor;
export function embedding_bag(...args: unknown[]): Tensor {
  const o = bound<Given>('embedding_bag()', args, ['input', 'weight', ...Object.keys(OPTIONS)], OPTIONS);
  check(o);
  const { input, weight, mode, padding_idx } = o, edges = bounds(o), bags = edges.length - 1;
  const flat = input.reshape(-1), dim = weight.shape[1]!;
  let padding = padding_idx;
  if (padding !== null) {
    const rows = weight.shape[0]!;
    if (padding >= rows || padding < -rows) throw new RuntimeError(`padding_idx must be within the number of embeddings, -${rows} through ${rows - 1}, but got ${padding}`);
    if (padding < 0) padding += rows;
  }
  // The places of each bag that are no padding.
  const numbers = padding === null ? null : (flat.tolist() as unknown as Int[]).map(Number);
  const places = Array.from({ length: bags }, (_, b) => Array.from({ length: edges[b + 1]! - edges[b]! }, (_n, k) => edges[b]! + k).filter((i) => numbers?.[i] !== padding || padding === null));
  const rows = F.embedding(flat, weight, padding, o.max_norm, o.norm_type, o.scale_grad_by_freq, o.sparse);
  const kept = (list: number[]): Tensor => tensor(list, { dtype: int64 });
  if (mode === 'max') {
    if (bags === 0) return zeros([0, dim], { dtype: weight.dtype });
    return stack(places.map((p) => (p.length > 0 ? rows.index_select(0, kept(p)).max(0).values : zeros([dim], { dtype: weight.dtype }))));
  }
  const weighted = o.per_sample_weights ? rows.mul(o.per_sample_weights.reshape(-1, 1)) : rows;
  const sums = zeros([bags, dim], { dtype: weight.dtype })
    .index_add(0, kept(places.flatMap((p, b) => p.map(() => b))), weighted.index_select(0, kept(places.flat())));
  return mode === 'sum' ? sums : sums.div(tensor(places.map((p) => Math.max(1, p.length)), { dtype: weight.dtype }).unsqueeze(1));
}
