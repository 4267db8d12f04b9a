/** The adaptive softmax. */
import type { DType } from '../dtype.js';
import { RuntimeError, ValueError } from '../errors.js';
import { cat, full, nn_functional as F, zeros } from '../generated.js';
import { int64 } from '../dtype.js';
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import { ModuleList, Sequential } from './containers.js';
import { Linear, type FactoryOptions } from './linear.js';
import { Module } from './module.js';

/** Log probabilities of the targets, and their negative mean: by place or by name. */
export type AdaptiveOutput = [Tensor, Tensor] & { output: Tensor; loss: Tensor };

interface Given { in_features: number; n_classes: number; cutoffs: number[]; div_value: number; head_bias: boolean; dtype?: DType }
interface AdaptiveOptions extends FactoryOptions { div_value?: number; head_bias?: boolean }
/** A softmax with rare classes in clusters of their own (Grave et al., 2017). */
export class AdaptiveLogSoftmaxWithLoss extends Module {
  static override readonly takes: readonly string[] = ['input_', 'target_'];
  in_features: number;
  n_classes: number;
  cutoffs: number[];
  div_value: number;
  head_bias: boolean;
  shortlist_size: number;
  n_clusters: number;
  head_size: number;
  head: Linear;
  tail: ModuleList;
  constructor(in_features: Int, n_classes: Int, cutoffs: readonly Int[], options?: AdaptiveOptions);
  constructor(in_features: Int, n_classes: Int, cutoffs: readonly Int[], div_value: number, head_bias?: boolean | AdaptiveOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super();
    const o = named<Given>('AdaptiveLogSoftmaxWithLoss', args,
      ['in_features', 'n_classes', 'cutoffs', 'div_value', 'head_bias', 'device', 'dtype'], { div_value: 4, head_bias: false });
    const { in_features, n_classes, cutoffs, dtype = null } = o;
    if (cutoffs.length === 0) throw new ValueError('cutoffs should be a sequence of length larger than 0');
    if (cutoffs.some((c, i) => !Number.isInteger(c) || c <= (i > 0 ? cutoffs[i - 1]! : 0) || c > n_classes - 1)) {
      throw new ValueError('cutoffs should be a sequence of unique, positive integers sorted in an increasing order, where each value is between 1 and n_classes-1');
    }
    this.in_features = in_features;
    this.n_classes = n_classes;
    this.cutoffs = [...cutoffs, n_classes];
    this.div_value = o.div_value;
    this.head_bias = o.head_bias;
    this.shortlist_size = cutoffs[0]!;
    this.n_clusters = cutoffs.length;
    this.head_size = this.shortlist_size + this.n_clusters;
    this.head = new Linear(in_features, this.head_size, { bias: o.head_bias, dtype });
    this.tail = new ModuleList();
    for (let i = 0; i < this.n_clusters; i++) {
      const width = Math.floor(in_features / o.div_value ** (i + 1)), classes = this.cutoffs[i + 1]! - this.cutoffs[i]!;
      this.tail.append(new Sequential(new Linear(in_features, width, { bias: false, dtype }), new Linear(width, classes, { bias: false, dtype })));
    }
  }
  reset_parameters(): void { for (const m of this.modules()) if (m instanceof Linear) m.reset_parameters(); }
  override forward(input_: Tensor, target_: Tensor): AdaptiveOutput {
    if (target_.ndim > 1) throw new RuntimeError('0D or 1D target tensor expected, multi-target not supported');
    if (target_.ndim === 1 && input_.shape[0] !== target_.shape[0]) throw new RuntimeError('Input and target should have the same size in the batch dimension.');
    if (input_.ndim !== target_.ndim + 1) {
      throw new RuntimeError(`${target_.ndim}D target tensor expects ${target_.ndim + 1}D input tensors, `
        + `but found inputs with size torch.Size([${input_.shape.join(', ')}])`);
    }
    const single = target_.ndim === 0, input = single ? input_.unsqueeze(0) : input_, target = single ? target_.unsqueeze(0) : target_;
    const batch = target.shape[0]!;
    let output = zeros([batch], { dtype: input.dtype }), where = full([batch], 0n, { dtype: int64 }), used = 0;
    this.cutoffs.forEach((high, i) => {
      const low = i === 0 ? 0 : this.cutoffs[i - 1]!;
      const rows = target.ge(low).logical_and(target.lt(high)).nonzero().squeeze(1);
      if (rows.numel() === 0) return;
      used += rows.numel();
      const own = target.index_select(0, rows);
      if (i === 0) {
        where = where.index_copy(0, rows, own);
        return;
      }
      // The cluster's own probabilities; its place in the head stands for all of it.
      const inner = F.log_softmax(this.tail.at(i - 1)(input.index_select(0, rows)) as Tensor, 1).gather(1, own.sub(BigInt(low)).unsqueeze(1)).squeeze(1);
      where = where.index_copy(0, rows, full([rows.numel()], BigInt(this.shortlist_size + i - 1), { dtype: int64 }));
      output = output.index_copy(0, rows, inner);
    });
    if (used !== batch) {
      throw new RuntimeError(`Target values should be in [0, ${this.n_classes - 1}], `
        + `but values in range [${target.min().item()}, ${target.max().item()}] were found. `);
    }
    output = output.add(F.log_softmax(this.head(input), 1).gather(1, where.unsqueeze(1)).squeeze(1));
    const loss = output.neg().mean(), out = single ? output.squeeze(0) : output;
    return Object.assign([out, loss], { output: out, loss }) as AdaptiveOutput;
  }
  /** The log probabilities of all classes. */
  log_prob(input: Tensor): Tensor {
    const head = F.log_softmax(this.head(input), 1);
    const clusters = [...this.tail].map((m, i) => F.log_softmax(m(input) as Tensor, 1).add(head.narrow(1, this.shortlist_size + i, 1)));
    return cat([head.narrow(1, 0, this.shortlist_size), ...clusters], 1);
  }
  /** The likeliest class of each sample. */
  predict(input: Tensor): Tensor { return this.log_prob(input).argmax(1); }
}
