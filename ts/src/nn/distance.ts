/** Distances as modules. */
import { nn_functional as F } from '../generated.js';
import type { Int, Tensor } from '../tensor.js';
import { Configured } from './configured.js';

/** The p-norm of differences along the last dimension. */
export class PairwiseDistance extends Configured {
  declare norm: number;
  declare eps: number;
  declare keepdim: boolean;
  constructor(p?: number | { p?: number; eps?: number; keepdim?: boolean }, eps?: number, keepdim?: boolean);
  constructor(...args: unknown[]) {
    super(args, ['p', 'eps', 'keepdim'], { p: 2, eps: 1e-6, keepdim: false });
    this.norm = (this as unknown as { p: number }).p;
  }
  override forward(x1: Tensor, x2: Tensor): Tensor { return F.pairwise_distance(x1, x2, this.norm, this.eps, this.keepdim); }
}
/** The cosine of the angle between vectors along `dim`. */
export class CosineSimilarity extends Configured {
  declare dim: number;
  declare eps: number;
  constructor(dim?: Int | { dim?: Int; eps?: number }, eps?: number);
  constructor(...args: unknown[]) { super(args, ['dim', 'eps'], { dim: 1, eps: 1e-8 }); }
  override forward(x1: Tensor, x2: Tensor): Tensor { return F.cosine_similarity(x1, x2, this.dim, this.eps); }
}
