/** Embeddings. */
import type { DType } from '../dtype.js';
import { AssertionError, ValueError } from '../errors.js';
import { quietly } from '../autograd/index.js';
import { empty, nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { Configured } from './configured.js';
import * as init from './init.js';
import type { FactoryOptions } from './linear.js';
import { Parameter } from './module.js';

interface EmbeddingOptions extends FactoryOptions {
  padding_idx?: Int | null; max_norm?: number | null; norm_type?: number; scale_grad_by_freq?: boolean; sparse?: boolean; _weight?: Tensor | null; _freeze?: boolean;
}
/** A table of vectors, looked up by number. */
export class Embedding extends Configured {
  declare num_embeddings: number;
  declare embedding_dim: number;
  declare padding_idx: number | null;
  declare max_norm: number | null;
  declare norm_type: number;
  declare scale_grad_by_freq: boolean;
  declare sparse: boolean;
  weight: Parameter;
  constructor(num_embeddings: Int, embedding_dim: Int, padding_idx?: Int | null | EmbeddingOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['num_embeddings', 'embedding_dim', 'padding_idx', 'max_norm', 'norm_type', 'scale_grad_by_freq', 'sparse', '_weight', '_freeze', 'device', 'dtype'],
      { padding_idx: null, max_norm: null, norm_type: 2, scale_grad_by_freq: false, sparse: false, _weight: null, _freeze: false });
    const _weight = this.taken<Tensor>('_weight') ?? null, _freeze = this.taken<boolean>('_freeze') ?? false, dtype = this.taken<DType>('dtype') ?? null;
    if (this.padding_idx !== null) {
      if (this.padding_idx >= this.num_embeddings) throw new ValueError('Padding_idx must be within num_embeddings');
      if (this.padding_idx < 0) {
        if (this.padding_idx < -this.num_embeddings) throw new ValueError('Padding_idx must be within num_embeddings');
        this.padding_idx += this.num_embeddings;
      }
    }
    this.weight = new Parameter(_weight ?? empty([this.num_embeddings, this.embedding_dim], { dtype }), !_freeze);
    if (!_weight) this.reset_parameters();
  }
  reset_parameters(): void {
    init.normal_(this.weight);
    const { padding_idx } = this;
    if (padding_idx !== null) quietly(() => this.weight.select(0, padding_idx).zero_());
  }
  override forward(input: Tensor): Tensor {
    return F.embedding(input, this.weight, this.padding_idx, this.max_norm, this.norm_type, this.scale_grad_by_freq, this.sparse);
  }
  override extra_repr(): string {
    let text = `${this.num_embeddings}, ${this.embedding_dim}`;
    if (this.padding_idx !== null) text += `, padding_idx=${this.padding_idx}`;
    if (this.max_norm !== null) text += `, max_norm=${this.asFloat('max_norm')}`;
    if (this.norm_type !== 2) text += `, norm_type=${this.asFloat('norm_type')}`;
    if (this.scale_grad_by_freq) text += ', scale_grad_by_freq=True';
    return this.sparse ? `${text}, sparse=True` : text;
  }
  /** An embedding of given vectors; they are not trained if `freeze`. */
  static from_pretrained(embeddings: Tensor, options: EmbeddingOptions & { freeze?: boolean } = {}): Embedding {
    const { freeze = true, ...rest } = options;
    const [n, dim] = embeddings.shape;
    if (embeddings.ndim !== 2) throw new ValueError('Embeddings parameter is expected to be 2-dimensional');
    return new Embedding(n!, dim!, { ...rest, _weight: embeddings, _freeze: freeze });
  }
}

interface EmbeddingBagOptions extends FactoryOptions {
  max_norm?: number | null; norm_type?: number; scale_grad_by_freq?: boolean; mode?: 'sum' | 'mean' | 'max'; sparse?: boolean; _weight?: Tensor | null;
  include_last_offset?: boolean; padding_idx?: Int | null;
}
/** Sums, means or maxima of bags of vectors, looked up by number. */
export class EmbeddingBag extends Configured {
  static override readonly takes: readonly string[] = ['input', 'offsets', 'per_sample_weights'];
  declare num_embeddings: number;
  declare embedding_dim: number;
  declare max_norm: number | null;
  declare norm_type: number;
  declare scale_grad_by_freq: boolean;
  declare mode: 'sum' | 'mean' | 'max';
  declare sparse: boolean;
  declare include_last_offset: boolean;
  declare padding_idx: number | null;
  weight: Parameter;
  constructor(num_embeddings: Int, embedding_dim: Int, max_norm?: number | null | EmbeddingBagOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super(args, ['num_embeddings', 'embedding_dim', 'max_norm', 'norm_type', 'scale_grad_by_freq', 'mode', 'sparse', '_weight', 'include_last_offset',
      'padding_idx', 'device', 'dtype'],
      { max_norm: null, norm_type: 2, scale_grad_by_freq: false, mode: 'mean', sparse: false, _weight: null, include_last_offset: false, padding_idx: null });
    const _weight = this.taken<Tensor>('_weight') ?? null, dtype = this.taken<DType>('dtype') ?? null, size = [this.num_embeddings, this.embedding_dim];
    if (this.padding_idx !== null) {
      if (this.padding_idx >= this.num_embeddings || this.padding_idx < -this.num_embeddings) throw new AssertionError('padding_idx must be within num_embeddings');
      if (this.padding_idx < 0) this.padding_idx += this.num_embeddings;
    }
    if (_weight && String(_weight.shape) !== String(size)) throw new AssertionError('Shape of weight does not match num_embeddings and embedding_dim');
    this.weight = new Parameter(_weight ?? empty(size, { dtype }));
    if (!_weight) this.reset_parameters();
  }
  reset_parameters(): void {
    init.normal_(this.weight);
    const { padding_idx } = this;
    if (padding_idx !== null) quietly(() => this.weight.select(0, padding_idx).zero_());
  }
  override forward(input: Tensor, offsets: Tensor | null = null, per_sample_weights: Tensor | null = null): Tensor {
    const { max_norm, norm_type, scale_grad_by_freq, mode, sparse, include_last_offset, padding_idx } = this;
    return F.embedding_bag(input, this.weight, { offsets, max_norm, norm_type, scale_grad_by_freq, mode, sparse, per_sample_weights, include_last_offset, padding_idx });
  }
  override extra_repr(): string {
    let text = `${this.num_embeddings}, ${this.embedding_dim}`;
    if (this.max_norm !== null) text += `, max_norm=${this.asFloat('max_norm')}`;
    if (this.norm_type !== 2) text += `, norm_type=${this.asFloat('norm_type')}`;
    if (this.scale_grad_by_freq) text += ', scale_grad_by_freq=True';
    text += `, mode='${this.mode}'`;
    return this.padding_idx === null ? text : `${text}, padding_idx=${this.padding_idx}`;
  }
  /** Bags of given vectors; they are not trained if `freeze`. */
  static from_pretrained(embeddings: Tensor, options: EmbeddingBagOptions & { freeze?: boolean } = {}): EmbeddingBag {
    const { freeze = true, ...rest } = options;
    if (embeddings.ndim !== 2) throw new AssertionError('Embeddings parameter is expected to be 2-dimensional');
    const [n, dim] = embeddings.shape, bag = new EmbeddingBag(n!, dim!, { ...rest, _weight: embeddings });
    bag.weight.requires_grad_(!freeze);
    return bag;
  }
}
