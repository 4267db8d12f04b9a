/** Affine maps. */
import type { DType } from '../dtype.js';
import { ValueError } from '../errors.js';
import { empty, nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { named } from './arguments.js';
import * as init from './init.js';
import { Module, Parameter, python } from './module.js';

/** What every module with parameters takes by name. */
export interface FactoryOptions { device?: string | null; dtype?: DType | null }
interface LinearOptions extends FactoryOptions { bias?: boolean }

/** `input @ weight^T + bias`; weight and bias start uniform in `±1/sqrt(in_features)`. */
export class Linear extends Module {
  static override readonly takes: readonly string[] = ['input'];
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
    if (this.bias && this.bias.numel() > 0) {
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

/** `input1^T @ weight @ input2 + bias`; weight and bias start uniform in `±1/sqrt(in1_features)`. */
export class Bilinear extends Module {
  static override readonly takes: readonly string[] = ['input1', 'input2'];
  in1_features: number;
  in2_features: number;
  out_features: number;
  weight: Parameter;
  bias: Parameter | null;
  constructor(in1_features: Int, in2_features: Int, out_features: Int, options?: LinearOptions);
  constructor(in1_features: Int, in2_features: Int, out_features: Int, bias: boolean, options?: FactoryOptions);
  constructor(...args: unknown[]) {
    super();
    const o = named<{ in1_features: number; in2_features: number; out_features: number; bias: boolean; dtype?: DType }>('Bilinear', args,
      ['in1_features', 'in2_features', 'out_features', 'bias', 'device', 'dtype'], { bias: true });
    this.in1_features = o.in1_features;
    this.in2_features = o.in2_features;
    this.out_features = o.out_features;
    this.weight = new Parameter(empty([o.out_features, o.in1_features, o.in2_features], { dtype: o.dtype ?? null }));
    this.bias = o.bias ? new Parameter(empty([o.out_features], { dtype: o.dtype ?? null })) : null;
    this.reset_parameters();
  }
  reset_parameters(): void {
    if (this.in1_features <= 0) throw new ValueError(`in1_features must be > 0, but got (in1_features=${this.in1_features})`);
    const reach = 1 / Math.sqrt(this.in1_features);
    init.uniform_(this.weight, -reach, reach);
    if (this.bias) init.uniform_(this.bias, -reach, reach);
  }
  override forward(input1: Tensor, input2: Tensor): Tensor { return F.bilinear(input1, input2, this.weight, this.bias); }
  override extra_repr(): string {
    return `in1_features=${this.in1_features}, in2_features=${this.in2_features}, out_features=${this.out_features}, bias=${python(this.bias !== null)}`;
  }
}
