/** `torch.nn.init`: fills tensors, outside of the graph, from PyTorch's random streams. */
import { quietly } from '../autograd/index.js';
import { invoke } from '../call.js';
import { tensor as tensorOf } from '../creation.js';
import { float64 } from '../dtype.js';
import { ValueError } from '../errors.js';
import { empty, eye, linalg, randperm, where, zeros_like } from '../generated.js';
import type { Generator } from '../random.js';
import type { Int, Num, Tensor } from '../tensor.js';
import { bound } from './arguments.js';

/** Where the random numbers come from. */
interface Drawn { generator?: Generator | null }
const fill = (t: Tensor, name: string, ...args: unknown[]): Tensor => quietly(() => invoke(name, [t, ...args], true) as Tensor);

export function uniform_(tensor: Tensor, options?: { a?: Num; b?: Num } & Drawn): Tensor;
export function uniform_(tensor: Tensor, a: Num, b?: Num, generator?: Generator | null | Drawn): Tensor;
export function uniform_(tensor: Tensor, ...args: unknown[]): Tensor {
  const { a, b, generator } = bound<{ a: Num; b: Num } & Drawn>('uniform_()', args, ['a', 'b', 'generator'], { a: 0, b: 1 });
  return fill(tensor, 'uniform', a, b, { generator: generator ?? null });
}
export function normal_(tensor: Tensor, options?: { mean?: Num; std?: Num } & Drawn): Tensor;
export function normal_(tensor: Tensor, mean: Num, std?: Num | ({ std?: Num } & Drawn), generator?: Generator | null | Drawn): Tensor;
export function normal_(tensor: Tensor, ...args: unknown[]): Tensor {
  const { mean, std, generator } = bound<{ mean: Num; std: Num } & Drawn>('normal_()', args, ['mean', 'std', 'generator'], { mean: 0, std: 1 });
  return fill(tensor, 'normal', mean, std, { generator: generator ?? null });
}
export function constant_(tensor: Tensor, val: Num): Tensor { return fill(tensor, 'fill', val); }
export function ones_(tensor: Tensor): Tensor { return constant_(tensor, 1); }
export function zeros_(tensor: Tensor): Tensor { return constant_(tensor, 0); }

interface Truncated extends Drawn { mean?: number; std?: number; a?: number; b?: number }
/** A normal distribution whose values outside of `[a, b]` are drawn again. */
export function trunc_normal_(tensor: Tensor, options?: Truncated): Tensor;
export function trunc_normal_(tensor: Tensor, mean: number, std?: number | Truncated, a?: number, b?: number, generator?: Generator | null): Tensor;
export function trunc_normal_(tensor: Tensor, ...args: unknown[]): Tensor {
  const { mean, std, a, b, generator = null } = bound<Required<Truncated>>('trunc_normal_()', args, ['mean', 'std', 'a', 'b', 'generator'],
    { mean: 0, std: 1, a: -2, b: 2 });
  const below = (x: number): number => (1 + Number(tensorOf((x - mean) / std / Math.SQRT2, { dtype: float64 }).erf().item())) / 2;
  return quietly(() => {
    if (below(b) - below(a) > 0.3) {
      // Most draws fall within the bounds: those that do not are drawn again.
      const [low, high] = tensorOf([a, b], { dtype: tensor.dtype }).tolist() as number[];
      let drawn = normal_(zeros_like(tensor), mean, std, generator);
      for (;;) {
        const outside = drawn.lt(low!).logical_or(drawn.gt(high!));
        if (!outside.any().truth()) return tensor.copy_(drawn);
        drawn = where(outside, normal_(zeros_like(tensor), mean, std, generator), drawn);
      }
    }
    // Few do: uniform draws are accepted as the density has it.
    const peak = -0.5 * ((Math.max(a, Math.min(mean, b)) - mean) / std) ** 2;
    const refused = (t: Tensor): Tensor => uniform_(zeros_like(tensor), 0, 1, generator).log().gt(t.sub(mean).div(std).square().mul(-0.5).sub(peak));
    let drawn = uniform_(zeros_like(tensor), a, b, generator), pending = refused(drawn);
    while (pending.any().truth()) {
      const candidates = uniform_(zeros_like(tensor), a, b, generator);
      drawn = where(pending, candidates, drawn);
      pending = pending.logical_and(refused(candidates));
    }
    return tensor.copy_(drawn);
  });
}
/** The identity matrix. */
export function eye_(tensor: Tensor): Tensor {
  if (tensor.ndim !== 2) throw new ValueError('Only tensors with 2 dimensions are supported');
  return quietly(() => tensor.copy_(eye(tensor.shape[0]!, tensor.shape[1]!)));
}
/** A convolution that keeps its input. */
export function dirac_(tensor: Tensor, groups: Int | { groups?: Int } = 1): Tensor {
  const n = Number(typeof groups === 'object' ? groups.groups ?? 1 : groups), shape = tensor.shape;
  if (![3, 4, 5].includes(shape.length)) throw new ValueError('Only tensors with 3, 4, or 5 dimensions are supported');
  if (shape[0]! % n !== 0) throw new ValueError('dim 0 must be divisible by groups');
  const each = shape[0]! / n, middle = shape.slice(2).map((size) => size >> 1);
  return quietly(() => {
    tensor.zero_();
    for (let g = 0; g < n; g++) {
      for (let d = 0; d < Math.min(each, shape[1]!); d++) tensor.index_put_([g * each + d, d, ...middle], 1);
    }
    return tensor;
  });
}
/** A matrix whose rows or columns are orthogonal (Saxe et al., 2014). */
export function orthogonal_(tensor: Tensor, options?: { gain?: number } & Drawn): Tensor;
export function orthogonal_(tensor: Tensor, gain: number, generator?: Generator | null | Drawn): Tensor;
export function orthogonal_(tensor: Tensor, ...args: unknown[]): Tensor {
  const { gain, generator = null } = bound<{ gain: number } & Drawn>('orthogonal_()', args, ['gain', 'generator'], { gain: 1 });
  if (tensor.ndim < 2) throw new ValueError('Only tensors with 2 or more dimensions are supported');
  if (tensor.numel() === 0) return tensor;
  return quietly(() => {
    const rows = tensor.shape[0]!, columns = tensor.numel() / rows;
    const drawn = normal_(empty([rows, columns], { dtype: tensor.dtype }), 0, 1, generator);
    const [q, r] = linalg.qr(rows < columns ? drawn.t() : drawn);
    // Uniform over all orthogonal matrices: F. Mezzadri, "How to generate random matrices", 2007.
    const even = q.mul(r.diagonal().sign());
    return tensor.copy_((rows < columns ? even.t() : even).reshape(tensor.shape)).mul_(gain);
  });
}
/** Normal, with a part of each column zero (Martens, 2010). */
export function sparse_(tensor: Tensor, sparsity: number | ({ sparsity: number; std?: number } & Drawn), ...rest: unknown[]): Tensor {
  const { sparsity: part, std, generator = null } = bound<{ sparsity: number; std: number } & Drawn>('sparse_()', [sparsity, ...rest],
    ['sparsity', 'std', 'generator'], { std: 0.01 });
  if (tensor.ndim !== 2) throw new ValueError('Only tensors with 2 dimensions are supported');
  const [rows, columns] = tensor.shape as [number, number], zero = Math.ceil(part * rows);
  return quietly(() => {
    normal_(tensor, 0, std, generator);
    for (let c = 0; c < columns; c++) tensor.index_put_([randperm(rows).narrow(0, 0, zero), c], 0);
    return tensor;
  });
}

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
interface KaimingOptions extends Drawn { a?: number; mode?: Mode; nonlinearity?: string }
/** The deviation that keeps the size of what passes, forwards or backwards. */
function kaiming(callee: string, tensor: Tensor, args: readonly unknown[]): [number, Generator | null] {
  const { a, mode, nonlinearity, generator = null } = bound<Required<KaimingOptions>>(callee, args, ['a', 'mode', 'nonlinearity', 'generator'],
    { a: 0, mode: 'fan_in', nonlinearity: 'leaky_relu' });
  const name = String(mode).toLowerCase();
  if (name !== 'fan_in' && name !== 'fan_out') throw new ValueError(`Mode ${name} not supported, please use one of ['fan_in', 'fan_out']`);
  const [fan_in, fan_out] = _calculate_fan_in_and_fan_out(tensor);
  return [calculate_gain(nonlinearity, a) / Math.sqrt(name === 'fan_in' ? fan_in : fan_out), generator];
}
/** He et al., "Delving deep into rectifiers", 2015. */
export function kaiming_uniform_(tensor: Tensor, options?: KaimingOptions): Tensor;
export function kaiming_uniform_(tensor: Tensor, a: number, mode?: Mode | KaimingOptions, nonlinearity?: string, generator?: Generator | null): Tensor;
export function kaiming_uniform_(tensor: Tensor, ...args: unknown[]): Tensor {
  if (tensor.numel() === 0) return tensor;
  const [deviation, generator] = kaiming('kaiming_uniform_()', tensor, args), reach = Math.sqrt(3) * deviation;
  return uniform_(tensor, -reach, reach, generator);
}
export function kaiming_normal_(tensor: Tensor, options?: KaimingOptions): Tensor;
export function kaiming_normal_(tensor: Tensor, a: number, mode?: Mode | KaimingOptions, nonlinearity?: string, generator?: Generator | null): Tensor;
export function kaiming_normal_(tensor: Tensor, ...args: unknown[]): Tensor {
  if (tensor.numel() === 0) return tensor;
  const [deviation, generator] = kaiming('kaiming_normal_()', tensor, args);
  return normal_(tensor, 0, deviation, generator);
}

/** Glorot and Bengio, "Understanding the difficulty of training deep feedforward networks", 2010. */
export function xavier_uniform_(tensor: Tensor, options?: { gain?: number } & Drawn): Tensor;
export function xavier_uniform_(tensor: Tensor, gain: number, generator?: Generator | null | Drawn): Tensor;
export function xavier_uniform_(tensor: Tensor, ...args: unknown[]): Tensor {
  const [deviation, generator] = xavier('xavier_uniform_()', tensor, args), reach = Math.sqrt(3) * deviation;
  return uniform_(tensor, -reach, reach, generator);
}
export function xavier_normal_(tensor: Tensor, options?: { gain?: number } & Drawn): Tensor;
export function xavier_normal_(tensor: Tensor, gain: number, generator?: Generator | null | Drawn): Tensor;
export function xavier_normal_(tensor: Tensor, ...args: unknown[]): Tensor {
  const [deviation, generator] = xavier('xavier_normal_()', tensor, args);
  return normal_(tensor, 0, deviation, generator);
}
function xavier(callee: string, tensor: Tensor, args: readonly unknown[]): [number, Generator | null] {
  const { gain, generator = null } = bound<{ gain: number } & Drawn>(callee, args, ['gain', 'generator'], { gain: 1 });
  const [fan_in, fan_out] = _calculate_fan_in_and_fan_out(tensor);
  return [gain * Math.sqrt(2 / (fan_in + fan_out)), generator];
}
