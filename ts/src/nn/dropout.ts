/** Dropout as modules: only while training. */
import { ValueError } from '../errors.js';
import { nn_functional as F } from '../generated.js';
import type { Tensor } from '../tensor.js';
import { Configured } from './configured.js';

abstract class AnyDropout extends Configured {
  declare p: number;
  declare inplace: boolean;
  constructor(p?: number | { p?: number; inplace?: boolean }, inplace?: boolean | { inplace?: boolean });
  constructor(...args: unknown[]) {
    super(args, ['p', 'inplace'], { p: 0.5, inplace: false });
    if (!(this.p >= 0 && this.p <= 1)) throw new ValueError(`dropout probability has to be between 0 and 1, but got ${this.asFloat('p')}`);
  }
  override extra_repr(): string { return this.shown('~p', 'inplace'); }
}
/** Elements become zero with probability `p`, the rest grow by `1 / (1 - p)` (Srivastava et al., 2014). */
export class Dropout extends AnyDropout { override forward(input: Tensor): Tensor { return F.dropout(input, this.p, this.training, this.inplace); } }
/** Drops whole channels of sequences. */
export class Dropout1d extends AnyDropout { override forward(input: Tensor): Tensor { return F.dropout1d(input, this.p, this.training, this.inplace); } }
/** Drops whole channels of images (Tompson et al., 2015). */
export class Dropout2d extends AnyDropout { override forward(input: Tensor): Tensor { return F.dropout2d(input, this.p, this.training, this.inplace); } }
/** Drops whole channels of volumes. */
export class Dropout3d extends AnyDropout { override forward(input: Tensor): Tensor { return F.dropout3d(input, this.p, this.training, this.inplace); } }
/** Dropout that keeps mean and variance, for SELU (Klambauer et al., 2017). */
export class AlphaDropout extends AnyDropout { override forward(input: Tensor): Tensor { return F.alpha_dropout(input, this.p, this.training); } }
/** AlphaDropout of whole channels. */
export class FeatureAlphaDropout extends AnyDropout { override forward(input: Tensor): Tensor { return F.feature_alpha_dropout(input, this.p, this.training); } }
