/** Transformers (Vaswani et al., 2017). */
import type { DType } from '../dtype.js';
import { RuntimeError } from '../errors.js';
import { full, nn_functional as F, triu } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import { additive, MultiheadAttention } from './attention.js';
import { ModuleList } from './containers.js';
import { Dropout } from './dropout.js';
import * as init from './init.js';
import { Linear, type FactoryOptions } from './linear.js';
import { deepcopy, Module } from './module.js';
import { LayerNorm } from './norm.js';

type Activation = (input: Tensor) => Tensor;
interface LayerOptions extends FactoryOptions {
  dim_feedforward?: Int; dropout?: number; activation?: 'relu' | 'gelu' | Activation; layer_norm_eps?: number; batch_first?: boolean;
  norm_first?: boolean; bias?: boolean;
}
interface Given {
  d_model: number; nhead: number; dim_feedforward: number; dropout: number; activation: string | Activation; layer_norm_eps: number; batch_first: boolean;
  norm_first: boolean; bias: boolean; dtype?: DType | null;
}
const LAYER = ['d_model', 'nhead', 'dim_feedforward', 'dropout', 'activation', 'layer_norm_eps', 'batch_first', 'norm_first', 'bias', 'device', 'dtype'];
const DEFAULTS = { dim_feedforward: 2048, dropout: 0.1, activation: 'relu', layer_norm_eps: 1e-5, batch_first: false, norm_first: false, bias: true };
type Mask = Tensor | null;

function activationOf(activation: string | Activation): Activation {
  if (typeof activation !== 'string') return activation;
  if (activation !== 'relu' && activation !== 'gelu') throw new RuntimeError(`activation should be relu/gelu, not ${activation}`);
  return activation === 'relu' ? (x) => x.relu() : (x) => F.gelu(x);
}
/** The mask under which each place sees those up to itself. */
export function generate_square_subsequent_mask(sz: Int, { dtype = null }: FactoryOptions = {}): Tensor { return triu(full([sz, sz], -Infinity, { dtype }), 1); }
/** Whether a mask is the causal one, unless that is said. */
function isCausal(mask: Mask, said: boolean | null, length: number): boolean {
  if (said !== null || mask === null) return said === true;
  const causal = generate_square_subsequent_mask(length, { dtype: mask.dtype });
  return String(mask.shape) === String(causal.shape) && mask.eq(causal).all().truth();
}

/** What encoder and decoder layers share: attention to oneself, and two linear maps. */
abstract class Layer extends Module {
  // Modules are made in PyTorch's order, which is that of the parameters.
  declare self_attn: MultiheadAttention;
  declare multihead_attn: MultiheadAttention;
  declare linear1: Linear;
  declare dropout: Dropout;
  declare linear2: Linear;
  declare norm_first: boolean;
  declare norm1: LayerNorm;
  declare norm2: LayerNorm;
  declare norm3: LayerNorm;
  declare dropout1: Dropout;
  declare dropout2: Dropout;
  declare dropout3: Dropout;
  declare activation: Activation;
  constructor(args: readonly unknown[], decoder: boolean) {
    super();
    const o = named<Given>(new.target.name, args, LAYER, DEFAULTS);
    const { d_model, nhead, dim_feedforward, dropout, layer_norm_eps, batch_first, bias, dtype = null } = o;
    const attention = (): MultiheadAttention => new MultiheadAttention(d_model, nhead, { dropout, bias, batch_first, dtype });
    const norm = (): LayerNorm => new LayerNorm(d_model, { eps: layer_norm_eps, bias, dtype });
    this.self_attn = attention();
    if (decoder) this.multihead_attn = attention();
    this.linear1 = new Linear(d_model, dim_feedforward, { bias, dtype });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dim_feedforward, d_model, { bias, dtype });
    this.norm_first = o.norm_first;
    this.norm1 = norm();
    this.norm2 = norm();
    if (decoder) this.norm3 = norm();
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    if (decoder) this.dropout3 = new Dropout(dropout);
    this.activation = activationOf(o.activation);
  }
  /** @internal Attention from a sequence to a memory, or to itself. */
  protected attend(attention: MultiheadAttention, x: Tensor, memory: Tensor, attn_mask: Mask, key_padding_mask: Mask, is_causal: boolean): Tensor {
    return attention(x, memory, memory, { attn_mask, key_padding_mask, is_causal, need_weights: false })[0];
  }
  /** @internal */
  protected feed(x: Tensor): Tensor { return this.linear2(this.dropout(this.activation(this.linear1(x)))); }
}

interface EncoderMasks { src_mask?: Mask; mask?: Mask; src_key_padding_mask?: Mask; is_causal?: boolean | null }
/** A layer of the encoder: attention, then two linear maps. */
export class TransformerEncoderLayer extends Layer {
  static override readonly takes: readonly string[] = ['src', 'src_mask', 'src_key_padding_mask', 'is_causal'];
  constructor(d_model: Int, nhead: Int, options?: LayerOptions);
  constructor(options: LayerOptions & { d_model: Int; nhead: Int });
  constructor(d_model: Int, nhead: Int, dim_feedforward: Int, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(args, false); }
  override forward(src: Tensor, src_mask?: Mask | EncoderMasks, src_key_padding_mask?: Mask, is_causal?: boolean): Tensor;
  override forward(src: Tensor, src_mask: Mask = null, src_key_padding_mask: Mask = null, is_causal = false): Tensor {
    const padding = additive(src_key_padding_mask, 'src_key_padding_mask', src.dtype), mask = additive(src_mask, 'src_mask', src.dtype);
    const attend = (x: Tensor): Tensor => this.dropout1(this.attend(this.self_attn, x, x, mask, padding, is_causal));
    const feed = (x: Tensor): Tensor => this.dropout2(this.feed(x));
    if (this.norm_first) {
      const x = src.add(attend(this.norm1(src)));
      return x.add(feed(this.norm2(x)));
    }
    const x = this.norm1(src.add(attend(src)));
    return this.norm2(x.add(feed(x)));
  }
}

interface DecoderMasks {
  tgt_mask?: Mask; memory_mask?: Mask; tgt_key_padding_mask?: Mask; memory_key_padding_mask?: Mask; tgt_is_causal?: boolean | null; memory_is_causal?: boolean;
}
const DECODER = ['tgt', 'memory', 'tgt_mask', 'memory_mask', 'tgt_key_padding_mask', 'memory_key_padding_mask', 'tgt_is_causal', 'memory_is_causal'];
/** A layer of the decoder: attention to itself, attention to the memory, two linear maps. */
export class TransformerDecoderLayer extends Layer {
  static override readonly takes: readonly string[] = DECODER;
  constructor(d_model: Int, nhead: Int, options?: LayerOptions);
  constructor(options: LayerOptions & { d_model: Int; nhead: Int });
  constructor(d_model: Int, nhead: Int, dim_feedforward: Int, ...rest: unknown[]);
  constructor(...args: unknown[]) { super(args, true); }
  override forward(tgt: Tensor, memory: Tensor, tgt_mask?: Mask | DecoderMasks, memory_mask?: Mask, tgt_key_padding_mask?: Mask, memory_key_padding_mask?: Mask,
    tgt_is_causal?: boolean, memory_is_causal?: boolean): Tensor;
  override forward(tgt: Tensor, memory: Tensor, tgt_mask: Mask = null, memory_mask: Mask = null, tgt_key_padding_mask: Mask = null,
    memory_key_padding_mask: Mask = null, tgt_is_causal = false, memory_is_causal = false): Tensor {
    const self = (x: Tensor): Tensor => this.dropout1(this.attend(this.self_attn, x, x, tgt_mask, tgt_key_padding_mask, tgt_is_causal));
    const other = (x: Tensor): Tensor => this.dropout2(this.attend(this.multihead_attn, x, memory, memory_mask, memory_key_padding_mask, memory_is_causal));
    const feed = (x: Tensor): Tensor => this.dropout3(this.feed(x));
    if (this.norm_first) {
      const x = tgt.add(self(this.norm1(tgt))), y = x.add(other(this.norm2(x)));
      return y.add(feed(this.norm3(y)));
    }
    const x = this.norm1(tgt.add(self(tgt))), y = this.norm2(x.add(other(x)));
    return this.norm3(y.add(feed(y)));
  }
}

/** Copies of one layer, and a norm at the end. */
abstract class Stack<L extends Layer> extends Module {
  layers: ModuleList;
  num_layers: number;
  norm: Module | null;
  constructor(layer: L, num_layers: Int, norm: Module | null) {
    super();
    this.num_layers = Number(num_layers);
    this.layers = new ModuleList(Array.from({ length: this.num_layers }, () => deepcopy(layer)));
    this.norm = norm;
  }
  /** @internal How long a sequence is. */
  protected length_of(x: Tensor): number { return x.shape[x.ndim === 3 && (this.layers.at(0) as L).self_attn.batch_first ? 1 : 0]!; }
}
interface EncoderOptions { norm?: Module | null; enable_nested_tensor?: boolean; mask_check?: boolean }
/** Layers of an encoder. */
export class TransformerEncoder extends Stack<TransformerEncoderLayer> {
  static override readonly takes: readonly string[] = ['src', 'mask', 'src_key_padding_mask', 'is_causal'];
  constructor(encoder_layer: TransformerEncoderLayer, num_layers: Int, options?: Module | null | EncoderOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    const o = named<{ encoder_layer: TransformerEncoderLayer; num_layers: number; norm: Module | null }>('TransformerEncoder', args,
      ['encoder_layer', 'num_layers', 'norm', 'enable_nested_tensor', 'mask_check'], { norm: null, enable_nested_tensor: true, mask_check: true });
    super(o.encoder_layer, o.num_layers, o.norm);
  }
  override forward(src: Tensor, mask?: Mask | EncoderMasks, src_key_padding_mask?: Mask, is_causal?: boolean | null): Tensor;
  override forward(src: Tensor, mask: Mask = null, src_key_padding_mask: Mask = null, is_causal: boolean | null = null): Tensor {
    const padding = additive(src_key_padding_mask, 'src_key_padding_mask', src.dtype), bias = additive(mask, 'mask', src.dtype);
    const causal = isCausal(bias, is_causal, this.length_of(src));
    let x = src;
    for (const layer of this.layers) x = (layer as TransformerEncoderLayer)(x, bias, padding, causal);
    return this.norm ? this.norm(x) as Tensor : x;
  }
}
/** Layers of a decoder. */
export class TransformerDecoder extends Stack<TransformerDecoderLayer> {
  static override readonly takes: readonly string[] = DECODER;
  constructor(decoder_layer: TransformerDecoderLayer, num_layers: Int, norm?: Module | null | { norm?: Module | null });
  constructor(...args: unknown[]) {
    const o = named<{ decoder_layer: TransformerDecoderLayer; num_layers: number; norm: Module | null }>('TransformerDecoder', args,
      ['decoder_layer', 'num_layers', 'norm'], { norm: null });
    super(o.decoder_layer, o.num_layers, o.norm);
  }
  override forward(tgt: Tensor, memory: Tensor, tgt_mask?: Mask | DecoderMasks, memory_mask?: Mask, tgt_key_padding_mask?: Mask, memory_key_padding_mask?: Mask,
    tgt_is_causal?: boolean | null, memory_is_causal?: boolean): Tensor;
  override forward(tgt: Tensor, memory: Tensor, tgt_mask: Mask = null, memory_mask: Mask = null, tgt_key_padding_mask: Mask = null,
    memory_key_padding_mask: Mask = null, tgt_is_causal: boolean | null = null, memory_is_causal = false): Tensor {
    const causal = isCausal(tgt_mask, tgt_is_causal, this.length_of(tgt));
    let x = tgt;
    for (const layer of this.layers) {
      x = (layer as TransformerDecoderLayer)(x, memory, tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, causal, memory_is_causal);
    }
    return this.norm ? this.norm(x) as Tensor : x;
  }
}

interface TransformerOptions extends LayerOptions {
  d_model?: Int; nhead?: Int; num_encoder_layers?: Int; num_decoder_layers?: Int; custom_encoder?: Module | null; custom_decoder?: Module | null;
}
interface TransformerMasks {
  src_mask?: Mask; tgt_mask?: Mask; memory_mask?: Mask; src_key_padding_mask?: Mask; tgt_key_padding_mask?: Mask; memory_key_padding_mask?: Mask;
  src_is_causal?: boolean | null; tgt_is_causal?: boolean | null; memory_is_causal?: boolean;
}
/** Encoder and decoder. */
export class Transformer extends Module {
  static override readonly takes: readonly string[] = ['src', 'tgt', 'src_mask', 'tgt_mask', 'memory_mask', 'src_key_padding_mask', 'tgt_key_padding_mask',
    'memory_key_padding_mask', 'src_is_causal', 'tgt_is_causal', 'memory_is_causal'];
  encoder: Module;
  decoder: Module;
  d_model: number;
  nhead: number;
  batch_first: boolean;
  constructor(options?: TransformerOptions);
  constructor(d_model: Int, nhead?: Int | TransformerOptions, num_encoder_layers?: Int | TransformerOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super();
    type Whole = Given & { num_encoder_layers: number; num_decoder_layers: number; custom_encoder: Module | null; custom_decoder: Module | null };
    const o = named<Whole>('Transformer', args, ['d_model', 'nhead', 'num_encoder_layers', 'num_decoder_layers', ...LAYER.slice(2, 5), 'custom_encoder',
      'custom_decoder', ...LAYER.slice(5)],
      { ...DEFAULTS, d_model: 512, nhead: 8, num_encoder_layers: 6, num_decoder_layers: 6, custom_encoder: null, custom_decoder: null });
    const options = Object.fromEntries(LAYER.filter((k) => k in o).map((k) => [k, o[k as keyof Given]])) as never;
    const norm = (): LayerNorm => new LayerNorm(o.d_model, { eps: o.layer_norm_eps, bias: o.bias, dtype: o.dtype ?? null });
    this.encoder = o.custom_encoder ?? new TransformerEncoder(new TransformerEncoderLayer(options), o.num_encoder_layers, norm());
    this.decoder = o.custom_decoder ?? new TransformerDecoder(new TransformerDecoderLayer(options), o.num_decoder_layers, norm());
    this.d_model = o.d_model;
    this.nhead = o.nhead;
    this.batch_first = o.batch_first;
    for (const p of this.parameters()) if (p.ndim > 1) init.xavier_uniform_(p);
  }
  static generate_square_subsequent_mask(sz: Int, options: FactoryOptions = {}): Tensor { return generate_square_subsequent_mask(sz, options); }
  override forward(src: Tensor, tgt: Tensor, src_mask?: Mask | TransformerMasks, tgt_mask?: Mask, memory_mask?: Mask, src_key_padding_mask?: Mask,
    tgt_key_padding_mask?: Mask, memory_key_padding_mask?: Mask, src_is_causal?: boolean | null, tgt_is_causal?: boolean | null, memory_is_causal?: boolean): Tensor;
  override forward(src: Tensor, tgt: Tensor, src_mask: Mask = null, tgt_mask: Mask = null, memory_mask: Mask = null, src_key_padding_mask: Mask = null,
    tgt_key_padding_mask: Mask = null, memory_key_padding_mask: Mask = null, src_is_causal: boolean | null = null, tgt_is_causal: boolean | null = null,
    memory_is_causal = false): Tensor {
    const batch = this.batch_first ? 0 : 1;
    if (src.ndim === 3 && src.shape[batch] !== tgt.shape[batch]) throw new RuntimeError('the batch number of src and tgt must be equal');
    if ([src, tgt].some((x) => x.shape[x.ndim - 1] !== this.d_model)) throw new RuntimeError('the feature number of src and tgt must be equal to d_model');
    const memory = this.encoder(src, { mask: src_mask, src_key_padding_mask, is_causal: src_is_causal }) as Tensor;
    return this.decoder(tgt, memory, { tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask, tgt_is_causal, memory_is_causal }) as Tensor;
  }
}
