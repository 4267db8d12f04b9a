/** Attention of many heads (Vaswani et al., 2017). */
import type { DType } from '../dtype.js';
import { bool } from '../dtype.js';
import { AssertionError, RuntimeError, ValueError } from '../errors.js';
import { cat, empty, nn_functional as F, zeros, zeros_like } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { bound, named } from './arguments.js';
import * as init from './init.js';
import { Linear, type FactoryOptions } from './linear.js';
import { Module, Parameter, python } from './module.js';

/** A mask as numbers to add: minus infinity where it was true. */
export function additive(mask: Tensor | null, name: string, dtype: DType): Tensor | null {
  if (mask === null || mask.is_floating_point()) return mask;
  if (mask.dtype !== bool) throw new AssertionError(`only bool and floating types of ${name} are supported`);
  return zeros_like(mask, { dtype }).masked_fill(mask, -Infinity);
}

/** Whether the query is a batch; fails if the others are not of its kind. */
function isBatched(query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | null, attn_mask: Tensor | null, heads: number): boolean {
  if (query.ndim !== 2 && query.ndim !== 3) {
    throw new AssertionError(`query should be unbatched 2D or batched 3D tensor but received ${query.ndim}-D query tensor`);
  }
  const n = query.ndim, expected = n === 3 ? 'For batched (3-D) `query`, expected' : 'For unbatched (2-D) `query`, expected';
  if (key.ndim !== n || value.ndim !== n) {
    throw new AssertionError(`${expected} \`key\` and \`value\` to be ${n}-D but found ${key.ndim}-D and ${value.ndim}-D tensors respectively`);
  }
  if (key_padding_mask && key_padding_mask.ndim !== n - 1) {
    throw new AssertionError(`${expected} \`key_padding_mask\` to be \`None\` or ${n - 1}-D but found ${key_padding_mask.ndim}-D tensor instead`);
  }
  if (attn_mask && attn_mask.ndim !== 2 && attn_mask.ndim !== 3) {
    throw new AssertionError(`${expected} \`attn_mask\` to be \`None\`, 2-D or 3-D but found ${attn_mask.ndim}-D tensor instead`);
  }
  if (n === 2 && attn_mask?.ndim === 3) {
    const shape = [heads, query.shape[0]!, key.shape[0]!];
    if (String(attn_mask.shape) !== String(shape)) throw new AssertionError(`Expected \`attn_mask\` shape to be ${python(shape)} but got ${size(attn_mask.shape)}`);
  }
  return n === 3;
}
const size = (shape: readonly number[]): string => `torch.Size([${shape.join(', ')}])`;

interface Attention {
  query: Tensor; key: Tensor; value: Tensor; embed_dim_to_check: number; num_heads: number; in_proj_weight: Tensor | null; in_proj_bias: Tensor | null;
  bias_k: Tensor | null; bias_v: Tensor | null; add_zero_attn: boolean; dropout_p: number; out_proj_weight: Tensor; out_proj_bias: Tensor | null; training: boolean;
  key_padding_mask: Tensor | null; need_weights: boolean; attn_mask: Tensor | null; use_separate_proj_weight: boolean; q_proj_weight: Tensor | null;
  k_proj_weight: Tensor | null; v_proj_weight: Tensor | null; static_k: Tensor | null; static_v: Tensor | null; average_attn_weights: boolean; is_causal: boolean;
}
const OPTIONAL = {
  training: true, key_padding_mask: null, need_weights: true, attn_mask: null, use_separate_proj_weight: false, q_proj_weight: null, k_proj_weight: null,
  v_proj_weight: null, static_k: null, static_v: null, average_attn_weights: true, is_causal: false,
};
const NAMES = ['query', 'key', 'value', 'embed_dim_to_check', 'num_heads', 'in_proj_weight', 'in_proj_bias', 'bias_k', 'bias_v', 'add_zero_attn', 'dropout_p',
  'out_proj_weight', 'out_proj_bias', ...Object.keys(OPTIONAL)];

/** Queries, keys and values from their inputs. */
function projected(a: Attention, query: Tensor, key: Tensor, value: Tensor): [Tensor, Tensor, Tensor] {
  if (a.use_separate_proj_weight) {
    if (String(key.shape.slice(0, 2)) !== String(value.shape.slice(0, 2))) {
      throw new AssertionError(`key's sequence and batch dims ${size(key.shape.slice(0, 2))} do not match value's ${size(value.shape.slice(0, 2))}`);
    }
    const biases = a.in_proj_bias ? a.in_proj_bias.chunk(3) : [null, null, null], weights = [a.q_proj_weight!, a.k_proj_weight!, a.v_proj_weight!];
    return [query, key, value].map((x, i) => F.linear(x, weights[i]!, biases[i]!)) as [Tensor, Tensor, Tensor];
  }
  if (String(key.shape) !== String(value.shape)) throw new AssertionError(`key shape ${size(key.shape)} does not match value shape ${size(value.shape)}`);
  // One product where the inputs are the same.
  if (query === key && key === value) return F.linear(query, a.in_proj_weight!, a.in_proj_bias).chunk(3, -1) as [Tensor, Tensor, Tensor];
  const weights = a.in_proj_weight!.chunk(3), biases = a.in_proj_bias ? a.in_proj_bias.chunk(3) : [null, null, null];
  return [query, key, value].map((x, i) => F.linear(x, weights[i]!, biases[i]!)) as [Tensor, Tensor, Tensor];
}

/** Attention of many heads, with all projections: the output, and the weights if they are needed. */
export function multi_head_attention_forward(...args: unknown[]): [Tensor, Tensor | null] {
  const a = bound<Attention>('multi_head_attention_forward()', args, NAMES, OPTIONAL), { num_heads, need_weights } = a;
  const batched = isBatched(a.query, a.key, a.value, a.key_padding_mask, a.attn_mask, num_heads);
  let { query, key, value } = a;
  if (!batched) {
    const same = query === key && key === value;
    query = query.unsqueeze(1);
    [key, value] = same ? [query, query] : [key.unsqueeze(1), value.unsqueeze(1)];
  }
  const [targets, batch, width] = query.shape as [number, number, number], head = Math.floor(width / num_heads);
  let padding = additive(batched ? a.key_padding_mask : a.key_padding_mask?.unsqueeze(0) ?? null, 'key_padding_mask', query.dtype);
  if (a.is_causal && a.attn_mask === null) {
    throw new RuntimeError('Need attn_mask if specifying the is_causal hint. '
      + 'You may use the Transformer module method `generate_square_subsequent_mask` to create this mask.');
  }
  // Without padding the hint stands for the mask.
  const hinted = a.is_causal && padding === null && !need_weights;
  let mask = hinted ? null : additive(a.attn_mask, 'attn_mask', query.dtype);
  if (width !== a.embed_dim_to_check) throw new AssertionError(`was expecting embedding dimension of ${a.embed_dim_to_check}, but got ${width}`);
  if (head * num_heads !== width) throw new AssertionError(`embed_dim ${width} not divisible by num_heads ${num_heads}`);
  let [q, k, v] = projected(a, query, key, value);
  if (mask) {
    const expected = mask.ndim === 2 ? [targets, key.shape[0]!] : [batch * num_heads, targets, key.shape[0]!];
    if (mask.ndim !== 2 && mask.ndim !== 3) throw new RuntimeError(`attn_mask's dimension ${mask.ndim} is not supported`);
    if (String(mask.shape) !== String(expected)) {
      throw new RuntimeError(`The shape of the ${mask.ndim}D attn_mask is ${size(mask.shape)}, but should be ${python(expected)}.`);
    }
    if (mask.ndim === 2) mask = mask.unsqueeze(0);
  }
  const widen = (): void => {
    mask &&= F.pad(mask, [0, 1]);
    padding &&= F.pad(padding, [0, 1]);
  };
  if (a.bias_k && a.bias_v) {
    if (a.static_k) throw new AssertionError('bias cannot be added to static key.');
    if (a.static_v) throw new AssertionError('bias cannot be added to static value.');
    k = cat([k, a.bias_k.expand(1, batch, width)]);
    v = cat([v, a.bias_v.expand(1, batch, width)]);
    widen();
  }
  const heads = (x: Tensor): Tensor => x.reshape(x.shape[0]!, batch * num_heads, head).transpose(0, 1);
  const fixed = (x: Tensor, name: string): Tensor => {
    if (x.shape[0] !== batch * num_heads) throw new AssertionError(`expecting ${name}.size(0) of ${batch * num_heads}, but got ${x.shape[0]}`);
    if (x.shape[2] !== head) throw new AssertionError(`expecting ${name}.size(2) of ${head}, but got ${x.shape[2]}`);
    return x;
  };
  q = heads(q);
  k = a.static_k ? fixed(a.static_k, 'static_k') : heads(k);
  v = a.static_v ? fixed(a.static_v, 'static_v') : heads(v);
  if (a.add_zero_attn) {
    const zero = zeros([batch * num_heads, 1, head], { dtype: k.dtype });
    k = cat([k, zero], 1);
    v = cat([v, zero], 1);
    widen();
  }
  const sources = k.shape[1]!;
  if (padding) {
    if (padding.shape[0] !== batch) throw new AssertionError(`Expected key_padded_mask.shape[0] to be ${batch}, but got ${padding.shape[0]}`);
    if (padding.shape[1] !== sources) throw new AssertionError(`Expected key_padded_mask.shape[1] to be ${sources}, but got ${padding.shape[1]}`);
    const wide = padding.view(batch, 1, 1, sources).expand(-1, num_heads, -1, -1).reshape(batch * num_heads, 1, sources);
    mask = mask ? mask.add(wide) : wide;
  }
  const dropout = a.training ? a.dropout_p : 0;
  const out = (rows: Tensor): Tensor => {
    const y = F.linear(rows, a.out_proj_weight, a.out_proj_bias).view(targets, batch, -1);
    return batched ? y : y.squeeze(1);
  };
  if (!need_weights) {
    const four = (x: Tensor, n: number): Tensor => x.view(batch, num_heads, n, head);
    const biases = mask && (mask.shape[0] === 1 ? mask.unsqueeze(0) : mask.view(batch, num_heads, -1, sources));
    const mixed = F.scaled_dot_product_attention(four(q, targets), four(k, sources), four(v, sources), biases, dropout, hinted);
    return [out(mixed.permute(2, 0, 1, 3).reshape(batch * targets, width)), null];
  }
  const scaled = q.mul(Math.sqrt(1 / head)), turned = k.transpose(-2, -1);
  let weights = F.softmax(mask ? mask.baddbmm(scaled, turned) : scaled.bmm(turned), -1);
  if (dropout > 0) weights = F.dropout(weights, dropout);
  const mixed = weights.bmm(v).transpose(0, 1).reshape(targets * batch, width);
  weights = weights.view(batch, num_heads, targets, sources);
  if (a.average_attn_weights) weights = weights.mean(1);
  return [out(mixed), batched ? weights : weights.squeeze(0)];
}

/** The class of attention's last projection. */
class NonDynamicallyQuantizableLinear extends Linear {}

interface MultiheadOptions extends FactoryOptions {
  dropout?: number; bias?: boolean; add_bias_kv?: boolean; add_zero_attn?: boolean; kdim?: Int | null; vdim?: Int | null; batch_first?: boolean;
}
interface Given {
  embed_dim: number; num_heads: number; dropout: number; bias: boolean; add_bias_kv: boolean; add_zero_attn: boolean; kdim: number | null; vdim: number | null;
  batch_first: boolean; dtype?: DType | null;
}
/** What a call of attention takes by name. */
export interface AttentionOptions {
  key_padding_mask?: Tensor | null; need_weights?: boolean; attn_mask?: Tensor | null; average_attn_weights?: boolean; is_causal?: boolean;
}

/** Attention of many heads as a module: `[output, weights]`. */
export class MultiheadAttention extends Module {
  static override readonly takes: readonly string[] = ['query', 'key', 'value', 'key_padding_mask', 'need_weights', 'attn_mask',
    'average_attn_weights', 'is_causal'];
  embed_dim: number;
  kdim: number;
  vdim: number;
  num_heads: number;
  dropout: number;
  batch_first: boolean;
  head_dim: number;
  add_zero_attn: boolean;
  q_proj_weight: Parameter | null;
  k_proj_weight: Parameter | null;
  v_proj_weight: Parameter | null;
  in_proj_weight: Parameter | null;
  in_proj_bias: Parameter | null;
  bias_k: Parameter | null;
  bias_v: Parameter | null;
  out_proj: Linear;
  constructor(embed_dim: Int, num_heads: Int, options?: MultiheadOptions);
  constructor(options: MultiheadOptions & { embed_dim: Int; num_heads: Int });
  constructor(embed_dim: Int, num_heads: Int, dropout: number, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    super();
    const o = named<Given>('MultiheadAttention', args,
      ['embed_dim', 'num_heads', 'dropout', 'bias', 'add_bias_kv', 'add_zero_attn', 'kdim', 'vdim', 'batch_first', 'device', 'dtype'],
      { dropout: 0, bias: true, add_bias_kv: false, add_zero_attn: false, kdim: null, vdim: null, batch_first: false });
    const { embed_dim: width, num_heads, bias, add_bias_kv, dtype = null } = o;
    if (width <= 0 || num_heads <= 0) {
      throw new ValueError(`embed_dim and num_heads must be greater than 0, got embed_dim=${width} and num_heads=${num_heads} instead`);
    }
    this.embed_dim = width;
    this.kdim = o.kdim ?? width;
    this.vdim = o.vdim ?? width;
    this.num_heads = num_heads;
    this.dropout = o.dropout;
    this.batch_first = o.batch_first;
    this.head_dim = Math.floor(width / num_heads);
    this.add_zero_attn = o.add_zero_attn;
    if (this.head_dim * num_heads !== width) throw new AssertionError('embed_dim must be divisible by num_heads');
    const make = (there: boolean, ...shape: number[]): Parameter | null => (there ? new Parameter(empty(shape, { dtype })) : null);
    const same = this._qkv_same_embed_dim;
    this.q_proj_weight = make(!same, width, width);
    this.k_proj_weight = make(!same, width, this.kdim);
    this.v_proj_weight = make(!same, width, this.vdim);
    this.in_proj_weight = make(same, 3 * width, width);
    this.in_proj_bias = make(bias, 3 * width);
    this.bias_k = make(add_bias_kv, 1, 1, width);
    this.bias_v = make(add_bias_kv, 1, 1, width);
    this.out_proj = new NonDynamicallyQuantizableLinear(width, width, { bias, dtype });
    this._reset_parameters();
  }
  /** Whether queries, keys and values are of one width, and projected by one weight. */
  private get _qkv_same_embed_dim(): boolean { return this.kdim === this.embed_dim && this.vdim === this.embed_dim; }
  _reset_parameters(): void {
    for (const w of [this.in_proj_weight, this.q_proj_weight, this.k_proj_weight, this.v_proj_weight]) if (w) init.xavier_uniform_(w);
    if (this.in_proj_bias) {
      init.zeros_(this.in_proj_bias);
      init.zeros_(this.out_proj.bias!);
    }
    for (const b of [this.bias_k, this.bias_v]) if (b) init.xavier_normal_(b);
  }
  override forward(query: Tensor, key: Tensor, value: Tensor, key_padding_mask: Tensor | null | AttentionOptions = null, need_weights = true,
    attn_mask: Tensor | null = null, average_attn_weights = true, is_causal = false): [Tensor, Tensor | null] {
    const inputs: [Tensor, Tensor, Tensor] = [query, key, value];
    if (this.batch_first && query.ndim === 3) {
      const turned = new Map(inputs.map((x) => [x, x.transpose(0, 1)]));
      inputs.forEach((x, i) => { inputs[i] = turned.get(x)!; });
    }
    const [out, weights] = multi_head_attention_forward(...inputs, this.embed_dim, this.num_heads, this.in_proj_weight, this.in_proj_bias, this.bias_k, this.bias_v,
      this.add_zero_attn, this.dropout, this.out_proj.weight, this.out_proj.bias, {
        training: this.training, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal, use_separate_proj_weight: !this._qkv_same_embed_dim,
        q_proj_weight: this.q_proj_weight, k_proj_weight: this.k_proj_weight, v_proj_weight: this.v_proj_weight,
      });
    return [this.batch_first && query.ndim === 3 ? out.transpose(0, 1) : out, weights];
  }
}
