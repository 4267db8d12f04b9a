/** Padding as modules. */
import { ValueError } from '../errors.js';
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { repeated } from './arguments.js';
import { Configured } from './configured.js';
import { python } from './module.js';

type Sides = Int | readonly Int[];

/** Pads every side of the last `dims` dimensions in one mode. */
function padding(dims: number, mode: string): new (padding: Sides) => Padding {
  return class extends Padding {
    constructor(...args: unknown[]) {
      super(dims, mode, args, ['padding']);
    }
  };
}
class Padding extends Configured {
  declare padding: number[];
  /** @internal */
  _mode: string;
  /** @internal */
  _dims: number;
  constructor(dims: number, mode: string, args: readonly unknown[], names: readonly string[]) {
    super(args, names, {});
    this.padding = repeated(this.padding, 2 * dims);
    this._mode = mode;
    this._dims = dims;
  }
  override forward(input: Tensor): Tensor {
    if (this._mode === 'circular' && ![this._dims + 1, this._dims + 2].includes(input.ndim)) {
      throw new ValueError(`expected ${this._dims + 1}D or ${this._dims + 2}D input (got ${input.ndim}D input)`);
    }
    return F.pad(input, this.padding, { mode: this._mode, value: this.fill() });
  }
  protected fill(): number | null { return this._mode === 'constant' ? 0 : null; }
  override extra_repr(): string { return python(this.padding); }
}

class ConstantPad extends Padding {
  declare value: number;
  constructor(dims: number, args: readonly unknown[]) { super(dims, 'constant', args, ['padding', 'value']); }
  protected override fill(): number { return this.value; }
  override extra_repr(): string { return this.shown('padding', '~value'); }
}
/** Pads the last dimension with a value. */
export class ConstantPad1d extends ConstantPad { constructor(padding: Sides, value: number); constructor(...args: unknown[]) { super(1, args); } }
/** Pads the last two dimensions with a value. */
export class ConstantPad2d extends ConstantPad { constructor(padding: Sides, value: number); constructor(...args: unknown[]) { super(2, args); } }
/** Pads the last three dimensions with a value. */
export class ConstantPad3d extends ConstantPad { constructor(padding: Sides, value: number); constructor(...args: unknown[]) { super(3, args); } }

/** Pads the last dimension with zeros. */
export class ZeroPad1d extends padding(1, 'constant') {}
/** Pads the last two dimensions with zeros. */
export class ZeroPad2d extends padding(2, 'constant') {}
/** Pads the last three dimensions with zeros. */
export class ZeroPad3d extends padding(3, 'constant') {}
/** Pads the last dimension with its mirror image. */
export class ReflectionPad1d extends padding(1, 'reflect') {}
/** Pads the last two dimensions with their mirror image. */
export class ReflectionPad2d extends padding(2, 'reflect') {}
/** Pads the last three dimensions with their mirror image. */
export class ReflectionPad3d extends padding(3, 'reflect') {}
/** Pads the last dimension with its edge. */
export class ReplicationPad1d extends padding(1, 'replicate') {}
/** Pads the last two dimensions with their edge. */
export class ReplicationPad2d extends padding(2, 'replicate') {}
/** Pads the last three dimensions with their edge. */
export class ReplicationPad3d extends padding(3, 'replicate') {}
/** Pads the last dimension as if it were a circle. */
export class CircularPad1d extends padding(1, 'circular') {}
/** Pads the last two dimensions as if they were circles. */
export class CircularPad2d extends padding(2, 'circular') {}
/** Pads the last three dimensions as if they were circles. */
export class CircularPad3d extends padding(3, 'circular') {}
