/** Affine maps. */
import type { DType } from '../dtype.js';
import { empty } from '../generated.js';
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import * as init from './init.js';
import { Module, Parameter, python } from './module.js';

/** What every module with parameters takes by name. */
export interface FactoryOptions { device?: string | null; dtype?: DType | null }
interface LinearOptions extends FactoryOptions { bias?: boolean }

/** `input @ weight^T + bias`; weight and bias start uniform in `±1/sqrt(in_features)`. */
export class Linear extends Module {
  in_features: number;
  out_features: number;
  weight: Parameter;
  bias: Parameter | null;
  constructor(in_features: Int, out_features: Int, options?: LinearOptions);
  constructor(in_features: Int, out_features: Int, bias: boolean, options?: FactoryOptions);
  constructor(...args: unknown[]) {
    super();
    const o = named<{ in_features: number; out_features: number; bias: boolean; dtype?: DType }>('Linear', args,
      ['in_features', 'out_features', 'bias', 'device', 'dtype'], { bias: true });
    this.in_features = o.in_features;
    this.out_features = o.out_features;
    this.weight = new Parameter(empty([o.out_features, o.in_features], { dtype: o.dtype ?? null }));
    this.bias = o.bias ? new Parameter(empty([o.out_features], { dtype: o.dtype ?? null })) : null;
    this.reset_parameters();
  }
  reset_parameters(): void {
    init.kaiming_uniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias) {
      const bound = this.in_features > 0 ? 1 / Math.sqrt(this.in_features) : 0;
      init.uniform_(this.bias, -bound, bound);
    }
  }
  override forward(input: Tensor): Tensor { return F.linear(input, this.weight, this.bias); }
  override extra_repr(): string {
    return `in_features=${this.in_features}, out_features=${this.out_features}, bias=${python(this.bias !== null)}`;
  }
}

/** The input itself, whatever the arguments. */
export class Identity extends Module {
  constructor(..._args: unknown[]) { super(); }
  override forward(input: Tensor): Tensor { return input; }
}
