/** `histogramdd`, whose result is a tensor and a list. */
import { invoke } from './call.js';
import type { Int, Num, Tensor } from './tensor.js';

/** A histogram of several dimensions, and the edges of the bins in each. */
export type Histogram = [hist: Tensor, bin_edges: Tensor[]] & { hist: Tensor; bin_edges: Tensor[] };

/**
 * How many points, whose coordinates lie along the last dimension of `input`, or how much of `weight`, fall in each bin.
 * @param bins how many equal bins in each dimension, or the edges between them
 * @param range the first and the last edge of each dimension; the extremes if left out
 */
export function histogramdd(input: Tensor, bins: Int | readonly Int[] | readonly Tensor[],
  kwargs: { range?: readonly Num[] | null; weight?: Tensor | null; density?: boolean } = {}): Histogram {
  const each = Array.isArray(bins) ? bins : Array<unknown>(input.ndim > 0 ? input.size(-1) : 1).fill(bins);
  const [hist, ...bin_edges] = invoke('_histogramdd', [input, each, kwargs]) as [Tensor, ...Tensor[]];
  return Object.assign([hist, bin_edges] as [Tensor, Tensor[]], { hist, bin_edges });
}
