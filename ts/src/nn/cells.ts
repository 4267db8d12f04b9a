/** One step of the recurrent networks. */
import type { DType } from '../dtype.js';
import { RuntimeError, ValueError } from '../errors.js';
import { empty, gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell, zeros } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import * as init from './init.js';
import type { FactoryOptions } from './linear.js';
import { Module, Parameter } from './module.js';

interface CellOptions extends FactoryOptions { bias?: boolean }
export type Pair = readonly [Tensor, Tensor];

abstract class RNNCellBase extends Module {
  static override readonly takes: readonly string[] = ['input', 'hx'];
  input_size: number;
  hidden_size: number;
  bias: boolean;
  weight_ih: Parameter;
  weight_hh: Parameter;
  bias_ih: Parameter | null;
  bias_hh: Parameter | null;
  /** `gates` tells how many rows there are for each element of the hidden state. */
  constructor(gates: number, { input_size, hidden_size, bias, dtype = null }: { input_size: number; hidden_size: number; bias: boolean; dtype?: DType | null }) {
    super();
    this.input_size = input_size;
    this.hidden_size = hidden_size;
    this.bias = bias;
    const rows = gates * hidden_size, make = (...size: number[]): Parameter => new Parameter(empty(size, { dtype }));
    this.weight_ih = make(rows, input_size);
    this.weight_hh = make(rows, hidden_size);
    this.bias_ih = bias ? make(rows) : null;
    this.bias_hh = bias ? make(rows) : null;
    this.reset_parameters();
  }
  reset_parameters(): void {
    const reach = this.hidden_size > 0 ? 1 / Math.sqrt(this.hidden_size) : 0;
    for (const p of this.parameters()) init.uniform_(p, -reach, reach);
  }
  /** @internal Fails unless it is one sample or a batch. */
  protected check(input: Tensor): void {
    if (input.ndim !== 1 && input.ndim !== 2) throw new ValueError(`${this.constructor.name}: Expected input to be 1D or 2D, got ${input.ndim}D instead`);
  }
  /** @internal Fails unless the input is of the size that the weights are for. */
  protected checkSize(input: Tensor): void {
    const size = input.shape[input.ndim - 1];
    if (size !== this.input_size) throw new RuntimeError(`input has inconsistent input_size: got ${size} expected ${this.input_size}`);
  }
  /** @internal The state of a batch, zeros where none is given. */
  protected state(input: Tensor, hx: Tensor | null): Tensor {
    if (hx === null) return zeros([input.shape[0]!, this.hidden_size], { dtype: input.dtype });
    return hx.ndim === 1 ? hx.unsqueeze(0) : hx;
  }
  override extra_repr(): string { return `${this.input_size}, ${this.hidden_size}${this.bias ? '' : ', bias=False'}`; }
}

/** What has one tensor for its state. */
abstract class SimpleCell extends RNNCellBase {
  /** @internal The step of a batch. */
  protected abstract cell(input: Tensor, hx: Tensor): Tensor;
  override forward(input: Tensor, hx: Tensor | null = null): Tensor {
    this.check(input);
    if (hx !== null && hx.ndim !== 1 && hx.ndim !== 2) throw new ValueError(`${this.constructor.name}: Expected hidden to be 1D or 2D, got ${hx.ndim}D instead`);
    this.checkSize(input);
    const single = input.ndim === 1, batch = single ? input.unsqueeze(0) : input;
    const out = this.cell(batch, this.state(batch, hx));
    return single ? out.squeeze(0) : out;
  }
}
/** `tanh(input @ weight_ih^T + bias_ih + hx @ weight_hh^T + bias_hh)`, or relu of it. */
export class RNNCell extends SimpleCell {
  nonlinearity: string;
  constructor(input_size: Int, hidden_size: Int, options?: CellOptions & { nonlinearity?: 'tanh' | 'relu' });
  constructor(input_size: Int, hidden_size: Int, bias: boolean, nonlinearity?: string | FactoryOptions, ...rest: unknown[]);
  constructor(...args: unknown[]) {
    const o = named<{ input_size: number; hidden_size: number; bias: boolean; nonlinearity: string; dtype?: DType }>('RNNCell', args,
      ['input_size', 'hidden_size', 'bias', 'nonlinearity', 'device', 'dtype'], { bias: true, nonlinearity: 'tanh' });
    super(1, o);
    this.nonlinearity = o.nonlinearity;
  }
  protected cell(input: Tensor, hx: Tensor): Tensor {
    if (this.nonlinearity !== 'tanh' && this.nonlinearity !== 'relu') throw new RuntimeError(`Unknown nonlinearity: ${this.nonlinearity}`);
    return (this.nonlinearity === 'tanh' ? rnn_tanh_cell : rnn_relu_cell)(input, hx, this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh);
  }
  override extra_repr(): string { return super.extra_repr() + (this.nonlinearity === 'tanh' ? '' : `, nonlinearity=${this.nonlinearity}`); }
}
/** A gated recurrent unit (Cho et al., 2014). */
export class GRUCell extends SimpleCell {
  constructor(input_size: Int, hidden_size: Int, options?: CellOptions);
  constructor(input_size: Int, hidden_size: Int, bias: boolean, options?: FactoryOptions);
  constructor(...args: unknown[]) {
    super(3, named('GRUCell', args, ['input_size', 'hidden_size', 'bias', 'device', 'dtype'], { bias: true }));
  }
  protected cell(input: Tensor, hx: Tensor): Tensor { return gru_cell(input, hx, this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh); }
}
/** Long short-term memory (Hochreiter and Schmidhuber, 1997). */
export class LSTMCell extends RNNCellBase {
  constructor(input_size: Int, hidden_size: Int, options?: CellOptions);
  constructor(input_size: Int, hidden_size: Int, bias: boolean, options?: FactoryOptions);
  constructor(...args: unknown[]) {
    super(4, named('LSTMCell', args, ['input_size', 'hidden_size', 'bias', 'device', 'dtype'], { bias: true }));
  }
  override forward(input: Tensor, hx: Pair | null = null): [Tensor, Tensor] {
    this.check(input);
    hx?.forEach((t, i) => { if (t.ndim !== 1 && t.ndim !== 2) throw new ValueError(`LSTMCell: Expected hx[${i}] to be 1D or 2D, got ${t.ndim}D instead`); });
    this.checkSize(input);
    const single = input.ndim === 1, batch = single ? input.unsqueeze(0) : input;
    const state = [this.state(batch, hx?.[0] ?? null), this.state(batch, hx?.[1] ?? null)];
    const [h, c] = lstm_cell(batch, state, this.weight_ih, this.weight_hh, this.bias_ih, this.bias_hh) as unknown as [Tensor, Tensor];
    return single ? [h.squeeze(0), c.squeeze(0)] : [h, c];
  }
}
