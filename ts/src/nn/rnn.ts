/** Recurrent networks over sequences: RNN, LSTM, GRU. */
import { type DType, float32, float64 } from '../dtype.js';
import { RuntimeError, TypeError, ValueError } from '../errors.js';
import { _elman_layer, _gru_layer, _lstm_layer, cat, empty, nn_functional as F, stack, zeros } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';

import { named, WHOLE } from './arguments.js';
import type { Pair } from './cells.js';
import * as init from './init.js';
import type { FactoryOptions } from './linear.js';
import { listed, Module, Parameter, python, pythonFloat } from './module.js';
import { PackedSequence } from './utils/rnn.js';

/** What all three take by name. */
export interface RNNOptions extends FactoryOptions { num_layers?: Int; bias?: boolean; batch_first?: boolean; dropout?: number; bidirectional?: boolean }
interface Given {
  input_size: number; hidden_size: number; num_layers: number; nonlinearity?: string; bias: boolean; batch_first: boolean; dropout: number;
  bidirectional: boolean; proj_size: number; dtype?: DType | null; [WHOLE]?: Set<string>;
}
/** The weights of one direction of one layer. */
interface Weights { ih: Tensor; hh: Tensor; bias_ih: Tensor | null; bias_hh: Tensor | null; hr: Tensor | null }
/** A state: of an LSTM hidden and cell state, of the others the hidden state alone. */
type State = Tensor[];

const DEFAULTS = { num_layers: 1, bias: true, batch_first: false, dropout: 0, bidirectional: false, proj_size: 0 };

const rowsOf = (state: State, from: number, to: number): State => (from === 0 && to === state[0]!.shape[0] ? state : state.map((t) => t.narrow(0, from, to - from)));
const joined = (states: readonly State[]): State => states[0]!.map((_, i) => cat(states.map((s) => s[i]!)));

/** The type of an argument, as Python calls it. */
function typeOf(v: unknown, whole: boolean): string {
  if (typeof v === 'number') return whole ? 'int' : 'float';
  return { string: 'str', boolean: 'bool' }[typeof v as string] ?? (v === null ? 'NoneType' : typeof v);
}

/** What RNN, LSTM and GRU share. */
export abstract class RNNBase extends Module {
  static override readonly takes: readonly string[] = ['input', 'hx'];
  input_size: number;
  hidden_size: number;
  num_layers: number;
  bias: boolean;
  batch_first: boolean;
  dropout: number;
  bidirectional: boolean;
  proj_size: number;
  /** `gates` tells how many rows the weights have for each element of the hidden state. */
  constructor(readonly mode: 'RNN_TANH' | 'RNN_RELU' | 'LSTM' | 'GRU', gates: number, o: Given) {
    super();
    const whole = (name: string): boolean => o[WHOLE]?.has(name) ?? false;
    const isInt = (name: 'input_size' | 'hidden_size'): void => {
      if (!Number.isInteger(o[name])) throw new TypeError(`${name} should be of type int, got: ${typeOf(o[name], whole(name))}`);
      if (o[name] <= 0) throw new ValueError(`${name} must be greater than zero`);
    };
    if (typeof o.dropout !== 'number' || !(o.dropout >= 0 && o.dropout <= 1)) {
      throw new ValueError('dropout should be a number in range [0, 1] representing the probability of an element being zeroed');
    }
    if (o.dropout > 0 && o.num_layers === 1) {
      console.warn('dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater than 1, '
        + `but got dropout=${o.dropout} and num_layers=1`);
    }
    for (const name of ['bias', 'batch_first'] as const) {
      if (typeof o[name] !== 'boolean') throw new TypeError(`${name} should be of type bool, got: ${typeOf(o[name], whole(name))}`);
    }
    isInt('input_size');
    isInt('hidden_size');
    if (o.num_layers <= 0) throw new ValueError('num_layers must be greater than zero');
    if (o.proj_size < 0) throw new ValueError('proj_size should be a positive integer or zero to disable projections');
    if (o.proj_size >= o.hidden_size) throw new ValueError('proj_size has to be smaller than hidden_size');
    this.input_size = o.input_size;
    this.hidden_size = o.hidden_size;
    this.num_layers = o.num_layers;
    this.bias = o.bias;
    this.batch_first = o.batch_first;
    this.dropout = o.dropout;
    this.bidirectional = o.bidirectional;
    this.proj_size = o.proj_size;
    const rows = gates * o.hidden_size, make = (...size: number[]): Parameter => new Parameter(empty(size, { dtype: o.dtype ?? null }));
    for (const [suffix, layer] of this._suffixes()) {
      this.register_parameter(`weight_ih_${suffix}`, make(rows, layer === 0 ? o.input_size : this._width * this._directions));
      this.register_parameter(`weight_hh_${suffix}`, make(rows, this._width));
      if (o.bias) {
        this.register_parameter(`bias_ih_${suffix}`, make(rows));
        this.register_parameter(`bias_hh_${suffix}`, make(rows));
      }
      if (o.proj_size > 0) this.register_parameter(`weight_hr_${suffix}`, make(o.proj_size, o.hidden_size));
    }
    this.reset_parameters();
  }
  private get _directions(): number { return this.bidirectional ? 2 : 1; }
  /** How wide the hidden state is. */
  private get _width(): number { return this.proj_size > 0 ? this.proj_size : this.hidden_size; }
  private *_suffixes(): IterableIterator<[string, number]> {
    for (let layer = 0; layer < this.num_layers; layer++) {
      for (let d = 0; d < this._directions; d++) yield [`l${layer}${d === 1 ? '_reverse' : ''}`, layer];
    }
  }
  private _parameter(name: string): Parameter | null { return (this as unknown as Record<string, Parameter | undefined>)[name] ?? null; }
  /** The parameters of each direction of each layer. */
  get all_weights(): Parameter[][] {
    return [...this._suffixes()].map(([suffix]) => ['weight_ih', 'weight_hh', 'bias_ih', 'bias_hh', 'weight_hr']
      .map((name) => this._parameter(`${name}_${suffix}`)).filter((p) => p !== null));
  }
  reset_parameters(): void {
    const reach = 1 / Math.sqrt(this.hidden_size);
    for (const p of this.parameters()) init.uniform_(p, -reach, reach);
  }
  /** There for old programs: the weights need no order in memory. */
  flatten_parameters(): void { /* Nothing to do. */ }

  /** @internal The next state from the input's share of the gates. */
  protected abstract step(gates: Tensor, state: State, weights: Weights): State;

  /** @internal Every step of one direction at once: the outputs and the last state; nothing where they go one by one. */
  protected abstract whole(input: Tensor, initial: State, weights: Weights, reverse: boolean): [Tensor, State] | null;

  /** Checks input and states, whose batch is their middle dimension. */
  private _check(input: Tensor, states: State, batch: number, dims: number): void {
    const weight = this._parameter('weight_ih_l0')!;
    if (input.dtype !== weight.dtype) {
      throw new ValueError(`RNN input dtype (${String(input.dtype)}) does not match weight dtype (${String(weight.dtype)}). `
        + `Convert input: input.to(${String(weight.dtype)}), or convert model: model.to(${String(input.dtype)})`);
    }
    if (input.ndim !== dims) throw new RuntimeError(`input must have ${dims} dimensions, got ${input.ndim}`);
    const size = input.shape[input.ndim - 1];
    if (size !== this.input_size) throw new RuntimeError(`input.size(-1) must be equal to input_size. Expected ${this.input_size}, got ${size}`);
    states.forEach((t, i) => {
      const expected = [this.num_layers * this._directions, batch, i === 0 ? this._width : this.hidden_size];
      if (String(t.shape) !== String(expected)) {
        throw new RuntimeError(`Expected hidden${states.length > 1 ? `[${i}]` : ''} size ${python(expected)}, got ${listed(t.shape)}`);
      }
    });
  }
  /** Every step of one direction: the outputs in order of time, and the last state. */
  private _run(steps: readonly Tensor[], initial: State, weights: Weights, reverse: boolean): [Tensor[], State] {
    const order = reverse ? [...steps.keys()].reverse() : [...steps.keys()], outputs = new Array<Tensor>(steps.length);
    let rows = steps[order[0]!]!.shape[0]!, state = rowsOf(initial, 0, rows);
    // The sequences of a packed batch end one by one, the shortest first; seen from the end they begin, the longest first.
    const finished: State[] = [];
    for (const t of order) {
      const n = steps[t]!.shape[0]!;
      if (n < rows) {
        finished.unshift(rowsOf(state, n, rows));
        state = rowsOf(state, 0, n);
      } else if (n > rows) {
        state = joined([state, rowsOf(initial, rows, n)]);
      }
      rows = n;
      state = this.step(steps[t]!, state, weights);
      outputs[t] = state[0]!;
    }
    return [outputs, finished.length > 0 ? joined([state, ...finished]) : state];
  }
  /** The outputs of one direction and the last state, step by step. */
  private _apart(x: Tensor, initial: State, weights: Weights, sizes: readonly number[] | null, reverse: boolean): [Tensor, State] {
    // The inputs of all steps in one product.
    const gates = F.linear(x, weights.ih, weights.bias_ih);
    const [outputs, final] = this._run(sizes ? gates.split([...sizes]) : gates.unbind(0), initial, weights, reverse);
    return [sizes ? cat(outputs) : stack(outputs), final];
  }
  /** All layers; `sizes` are the batch sizes of a packed sequence, else the input is `[time, batch, features]`. */
  private _layers(input: Tensor, states: State, sizes: readonly number[] | null): [Tensor, State] {
    let x = input;
    const last: State[] = [];
    let at = 0;
    for (let layer = 0; layer < this.num_layers; layer++) {
      const sides: Tensor[] = [];
      for (let d = 0; d < this._directions; d++, at++) {
        const suffix = `l${layer}${d === 1 ? '_reverse' : ''}`;
        const weights: Weights = {
          ih: this._parameter(`weight_ih_${suffix}`)!, hh: this._parameter(`weight_hh_${suffix}`)!,
          bias_ih: this._parameter(`bias_ih_${suffix}`), bias_hh: this._parameter(`bias_hh_${suffix}`), hr: this._parameter(`weight_hr_${suffix}`),
        };
        const initial = states.map((s) => s.select(0, at));
        const fits = !sizes && x.numel() > 0 && (x.dtype === float32 || x.dtype === float64) && initial.every((t) => t.dtype === x.dtype);
        const [output, final] = (fits ? this.whole(x, initial, weights, d === 1) : null) ?? this._apart(x, initial, weights, sizes, d === 1);
        last.push(final);
        sides.push(output);
      }
      x = sides.length > 1 ? cat(sides, -1) : sides[0]!;
      if (this.dropout > 0 && this.training && layer < this.num_layers - 1) x = F.dropout(x, this.dropout, true);
    }
    return [x, last[0]!.map((_, i) => stack(last.map((s) => s[i]!)))];
  }
  /** @internal What `forward` does with a state that is a list. */
  protected over(input: Tensor | PackedSequence, hx: State | null, count: number): [Tensor | PackedSequence, State] {
    if (input instanceof PackedSequence) {
      const { data, batch_sizes, sorted_indices, unsorted_indices } = input;
      const sizes = (batch_sizes.tolist() as unknown as bigint[]).map(Number);
      const states = hx ? hx.map((t) => (sorted_indices ? t.index_select(1, sorted_indices) : t)) : this._zeros(data, sizes[0]!, count);
      this._check(data, states, sizes[0]!, 2);
      const [out, last] = this._layers(data, states, sizes);
      const packed = new PackedSequence(out, batch_sizes, sorted_indices, unsorted_indices);
      return [packed, unsorted_indices ? last.map((t) => t.index_select(1, unsorted_indices)) : last];
    }
    const own = this.constructor.name;
    if (input.ndim !== 2 && input.ndim !== 3) {
      throw new ValueError(`${own}: Expected input to be 2D or 3D, got ${input.ndim}D${this.mode.startsWith('RNN') ? ' tensor' : ''} instead`);
    }
    const single = input.ndim === 2, batchDim = this.batch_first ? 0 : 1;
    if (hx?.some((t) => t.ndim !== (single ? 2 : 3))) {
      const kind = single ? 'unbatched 2-D' : 'batched 3-D', n = single ? 2 : 3;
      throw new RuntimeError(count > 1 ? `For ${kind} input, hx and cx should also be ${n}-D but got (${hx.map((t) => `${t.ndim}-D`).join(', ')}) tensors`
        : `For ${kind} input, hx should also be ${n}-D but got ${hx[0]!.ndim}-D tensor`);
    }
    const x = single ? input.unsqueeze(batchDim) : input, batch = x.shape[batchDim]!;
    if (x.shape[1 - batchDim] === 0) throw new RuntimeError('Expected sequence length to be larger than 0 in RNN');
    const states = hx ? hx.map((t) => (single ? t.unsqueeze(1) : t)) : this._zeros(x, batch, count);
    this._check(x, states, batch, 3);
    const [out, last] = this._layers(this.batch_first ? x.transpose(0, 1) : x, states, null);
    const output = this.batch_first ? out.transpose(0, 1) : out;
    return single ? [output.squeeze(batchDim), last.map((t) => t.squeeze(1))] : [output, last];
  }
  private _zeros(input: Tensor, batch: number, count: number): State {
    const { dtype } = input, layers = this.num_layers * this._directions;
    return Array.from({ length: count }, (_, i) => zeros([layers, batch, i === 0 ? this._width : this.hidden_size], { dtype }));
  }
  override extra_repr(): string {
    let text = `${this.input_size}, ${this.hidden_size}`;
    if (this.proj_size !== 0) text += `, proj_size=${this.proj_size}`;
    if (this.num_layers !== 1) text += `, num_layers=${this.num_layers}`;
    if (!this.bias) text += ', bias=False';
    if (this.batch_first) text += ', batch_first=True';
    if (this.dropout !== 0) text += `, dropout=${pythonFloat(this.dropout)}`;
    return this.bidirectional ? `${text}, bidirectional=True` : text;
  }
}

const NAMES = ['input_size', 'hidden_size', 'num_layers', 'bias', 'batch_first', 'dropout', 'bidirectional'];
/** RNN and GRU have no projections. */
function noProjection(args: readonly unknown[]): void {
  const last = args[args.length - 1];
  if (typeof last === 'object' && last !== null && 'proj_size' in last) throw new ValueError('proj_size argument is only supported for LSTM, not RNN or GRU');
}

/** `tanh`, or relu, of the input's and the state's share, step by step (Elman, 1990). */
export class RNN extends RNNBase {
  nonlinearity: 'tanh' | 'relu';
  constructor(input_size: Int, hidden_size: Int, options?: RNNOptions & { nonlinearity?: 'tanh' | 'relu' });
  constructor(options: RNNOptions & { input_size: Int; hidden_size: Int; nonlinearity?: 'tanh' | 'relu' });
  constructor(input_size: Int, hidden_size: Int, num_layers: Int, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    noProjection(args);
    const names = [...NAMES.slice(0, 3), 'nonlinearity', ...NAMES.slice(3), 'device', 'dtype'];
    const o = named<Given & { nonlinearity: 'tanh' | 'relu' }>('RNN', args, names, { ...DEFAULTS, nonlinearity: 'tanh' });
    if (o.nonlinearity !== 'tanh' && o.nonlinearity !== 'relu') {
      throw new ValueError(`Unknown nonlinearity '${o.nonlinearity as string}'. Select from 'tanh' or 'relu'.`);
    }
    super(o.nonlinearity === 'tanh' ? 'RNN_TANH' : 'RNN_RELU', 1, o);
    this.nonlinearity = o.nonlinearity;
  }
  protected step(gates: Tensor, [h]: State, { hh, bias_hh }: Weights): State {
    const sum = gates.add(F.linear(h!, hh, bias_hh));
    return [this.nonlinearity === 'tanh' ? sum.tanh() : sum.relu()];
  }
  protected whole(x: Tensor, [h]: State, w: Weights, reverse: boolean): [Tensor, State] {
    const output = _elman_layer(x, h!, w.ih, w.hh, w.bias_ih, w.bias_hh, this.nonlinearity === 'relu', reverse);
    return [output, [output.select(0, reverse ? 0 : -1)]];
  }
  override forward(input: Tensor, hx?: Tensor | null): [Tensor, Tensor];
  override forward(input: PackedSequence, hx?: Tensor | null): [PackedSequence, Tensor];
  override forward(input: Tensor | PackedSequence, hx: Tensor | null = null): [Tensor | PackedSequence, Tensor] {
    const [out, [h]] = this.over(input, hx && [hx], 1);
    return [out, h!];
  }
}

/** Gated recurrent units, step by step (Cho et al., 2014). */
export class GRU extends RNNBase {
  constructor(input_size: Int, hidden_size: Int, options?: RNNOptions);
  constructor(options: RNNOptions & { input_size: Int; hidden_size: Int });
  constructor(input_size: Int, hidden_size: Int, num_layers: Int, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    noProjection(args);
    super('GRU', 3, named('GRU', args, [...NAMES, 'device', 'dtype'], DEFAULTS));
  }
  protected step(gates: Tensor, [h]: State, { hh, bias_hh }: Weights): State {
    const [xr, xz, xn] = gates.chunk(3, 1) as [Tensor, Tensor, Tensor];
    const [hr, hz, hn] = F.linear(h!, hh, bias_hh).chunk(3, 1) as [Tensor, Tensor, Tensor];
    const reset = xr.add(hr).sigmoid(), update = xz.add(hz).sigmoid(), fresh = xn.add(reset.mul(hn)).tanh();
    return [fresh.add(update.mul(h!.sub(fresh)))];
  }
  protected whole(x: Tensor, [h]: State, w: Weights, reverse: boolean): [Tensor, State] {
    const output = _gru_layer(x, h!, w.ih, w.hh, w.bias_ih, w.bias_hh, reverse);
    return [output, [output.select(0, reverse ? 0 : -1)]];
  }
  override forward(input: Tensor, hx?: Tensor | null): [Tensor, Tensor];
  override forward(input: PackedSequence, hx?: Tensor | null): [PackedSequence, Tensor];
  override forward(input: Tensor | PackedSequence, hx: Tensor | null = null): [Tensor | PackedSequence, Tensor] {
    const [out, [h]] = this.over(input, hx && [hx], 1);
    return [out, h!];
  }
}

/** Long short-term memory, step by step (Hochreiter and Schmidhuber, 1997), with projections (Sak et al., 2014). */
export class LSTM extends RNNBase {
  constructor(input_size: Int, hidden_size: Int, options?: RNNOptions & { proj_size?: Int });
  constructor(options: RNNOptions & { input_size: Int; hidden_size: Int; proj_size?: Int });
  constructor(input_size: Int, hidden_size: Int, num_layers: Int, ...rest: unknown[]);
  constructor(...args: unknown[]) { super('LSTM', 4, named('LSTM', args, [...NAMES, 'proj_size', 'device', 'dtype'], DEFAULTS)); }
  protected step(gates: Tensor, [h, c]: State, { hh, bias_hh, hr }: Weights): State {
    const [i, f, g, o] = gates.add(F.linear(h!, hh, bias_hh)).chunk(4, 1) as [Tensor, Tensor, Tensor, Tensor];
    const cell = f.sigmoid().mul(c!).add(i.sigmoid().mul(g.tanh())), hidden = o.sigmoid().mul(cell.tanh());
    return [hr ? F.linear(hidden, hr) : hidden, cell];
  }
  protected whole(x: Tensor, [h, c]: State, w: Weights, reverse: boolean): [Tensor, State] | null {
    if (w.hr) return null;
    const [output, cells] = _lstm_layer(x, h!, c!, w.ih, w.hh, w.bias_ih, w.bias_hh, reverse), end = reverse ? 0 : -1;
    return [output, [output.select(0, end), cells.select(0, end)]];
  }
  override forward(input: Tensor, hx?: Pair | null): [Tensor, [Tensor, Tensor]];
  override forward(input: PackedSequence, hx?: Pair | null): [PackedSequence, [Tensor, Tensor]];
  override forward(input: Tensor | PackedSequence, hx: Pair | null = null): [Tensor | PackedSequence, [Tensor, Tensor]] {
    const [out, [h, c]] = this.over(input, hx && [...hx], 2);
    return [out, [h!, c!]];
  }
}
