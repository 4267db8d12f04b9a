/** Programs about leaves: what requires a gradient, and where it is kept. */
import type { Program } from '../../conformance/families/autograd.ts';

export const programs: Record<string, Program> = {
  grad_is_none_before_backward(torch, v, out) {
    const x = v.a.clone().requires_grad_();
    out('before', x.grad === null);
    x.mul(x).sum().backward();
    out('after', x.grad);
  },
};
