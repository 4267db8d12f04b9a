/** `torch.nn.init`: fills tensors, outside of the graph, from PyTorch's random streams. */
import { quietly } from '../autograd.js';
import { invoke } from '../call.js';
import { ValueError } from '../errors.js';
import type { Num, Tensor } from '../tensor.js';

const fill = (t: Tensor, name: string, ...args: unknown[]): Tensor => quietly(() => invoke(name, [t, ...args], true) as Tensor);

export function uniform_(tensor: Tensor, a: Num = 0, b: Num = 1): Tensor { return fill(tensor, 'uniform', a, b); }
export function normal_(tensor: Tensor, mean: Num = 0, std: Num = 1): Tensor { return fill(tensor, 'normal', mean, std); }
export function constant_(tensor: Tensor, val: Num): Tensor { return fill(tensor, 'fill', val); }
export function ones_(tensor: Tensor): Tensor { return constant_(tensor, 1); }
export function zeros_(tensor: Tensor): Tensor { return constant_(tensor, 0); }

/** How many inputs each output has, and the other way round. */
export function _calculate_fan_in_and_fan_out(tensor: Tensor): [number, number] {
  const shape = tensor.shape;
  if (shape.length < 2) throw new ValueError('Fan in and fan out can not be computed for tensor with fewer than 2 dimensions');
  const field = shape.slice(2).reduce((a, b) => a * b, 1);
  return [shape[1]! * field, shape[0]! * field];
}

/** The factor by which a nonlinearity wants its inputs scaled. */
export function calculate_gain(nonlinearity: string, param: number | null = null): number {
  if (/^(linear|conv[123]d|conv_transpose[123]d|sigmoid)$/.test(nonlinearity)) return 1;
  switch (nonlinearity) {
    case 'tanh': return 5 / 3;
    case 'relu': return Math.SQRT2;
    case 'leaky_relu': return Math.sqrt(2 / (1 + (param ?? 0.01) ** 2));
    case 'selu': return 3 / 4;
    default: throw new ValueError(`Unsupported nonlinearity ${nonlinearity}`);
  }
}

type Mode = 'fan_in' | 'fan_out';
interface KaimingOptions { a?: number; mode?: Mode; nonlinearity?: string }
function deviation(tensor: Tensor, { a = 0, mode = 'fan_in', nonlinearity = 'leaky_relu' }: KaimingOptions): number {
  const [fan_in, fan_out] = _calculate_fan_in_and_fan_out(tensor);
  if (mode !== 'fan_in' && mode !== 'fan_out') throw new ValueError(`Mode ${mode as string} not supported, please use one of ['fan_in', 'fan_out']`);
  return calculate_gain(nonlinearity, a) / Math.sqrt(mode === 'fan_in' ? fan_in : fan_out);
}
/** He et al., "Delving deep into rectifiers", 2015. */
export function kaiming_uniform_(tensor: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * deviation(tensor, options);
  return uniform_(tensor, -bound, bound);
}
export function kaiming_normal_(tensor: Tensor, options: KaimingOptions = {}): Tensor { return normal_(tensor, 0, deviation(tensor, options)); }

/** Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010. */
export function xavier_uniform_(tensor: Tensor, gain = 1): Tensor {
  const [fan_in, fan_out] = _calculate_fan_in_and_fan_out(tensor);
  const bound = Math.sqrt(3) * gain * Math.sqrt(2 / (fan_in + fan_out));
  return uniform_(tensor, -bound, bound);
}
export function xavier_normal_(tensor: Tensor, gain = 1): Tensor {
  const [fan_in, fan_out] = _calculate_fan_in_and_fan_out(tensor);
  return normal_(tensor, 0, gain * Math.sqrt(2 / (fan_in + fan_out)));
}
