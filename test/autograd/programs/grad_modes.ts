/** Programs about the modes: no_grad, enable_grad, set_grad_enabled, inference_mode. */
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf } from '../leaf.ts';

export const programs: Record<string, Program> = {
  no_grad_block(torch, v, out) {
    const x = leaf(v.a);
    const y = torch.no_grad(() => {
      out('inside', torch.is_grad_enabled());
      return x.mul(2);
    });
    out('outside', torch.is_grad_enabled());
    out('y', [y.requires_grad, y.is_leaf]);
  },
  no_grad_decorator(torch, v, out) {
    // A decorator is a function that wraps.
    const double = (t: typeof v.a) => torch.no_grad(() => t.mul(2));
    out('requires_grad', double(leaf(v.a)).requires_grad);
    out('enabled after', torch.is_grad_enabled());
  },
  enable_grad_inside_no_grad(torch, v, out) {
    const x = leaf(v.a);
    const [y, z] = torch.no_grad(() => [torch.enable_grad(() => x.mul(3)), x.mul(3)]);
    out('flags', [y.requires_grad, z.requires_grad]);
    y.sum().backward();
    out('grad', x.grad);
  },
  set_grad_enabled_as_context(torch, v, out) {
    const x = leaf(v.a);
    out('flags', [true, false].map((on) => torch.set_grad_enabled(on, () => x.mul(2).requires_grad)));
  },
  set_grad_enabled_as_function(torch, v, out) {
    const x = leaf(v.a);
    torch.set_grad_enabled(false);
    const off = x.mul(2).requires_grad;
    torch.set_grad_enabled(true);
    out('flags', [off, x.mul(2).requires_grad]);
  },
  mode_restored_after_exception(torch, v, out) {
    try {
      torch.no_grad(() => { throw new Error('stop'); });
    } catch {
      // Only what it leaves behind is of interest.
    }
    out('enabled', torch.is_grad_enabled());
  },
  leaf_created_in_no_grad(torch, v, out) {
    const x = torch.no_grad(() => {
      const made = leaf(v.a);
      out('flag', made.requires_grad);
      return made;
    });
    x.mul(2).sum().backward();
    out('grad', x.grad);
  },
  leaf_update_in_no_grad(torch, v, out) {
    const x = leaf(v.a);
    x.pow(2).sum().backward();
    torch.no_grad(() => x.sub_(x.grad.mul(0.1)));
    out('x', x);
    out('flags', [x.requires_grad, x.is_leaf]);
  },
  leaf_update_with_grad_fails(torch, v, out) {
    const x = leaf(v.a);
    out.error('add_', () => x.add_(1));
    out.error('zero_', () => x.zero_());
  },
  leaf_view_update_with_grad_fails(torch, v, out) {
    const x = leaf(v.a);
    out.error('index', () => x.index(0).add_(1));
    out.error('assign', () => x.index_put_([0], 1.0));
  },
  inference_mode_tensors(torch, v, out) {
    const x = leaf(v.a);
    const y = torch.inference_mode(() => {
      const made = x.mul(2);
      out('inside', [torch.is_inference_mode_enabled(), torch.is_grad_enabled()]);
      return made;
    });
    out('y', [y.requires_grad, y.is_inference(), x.is_inference()]);
    out.error('save for backward', () => x.mul(y));
    out.error('inplace outside', () => y.add_(1));
    out.error('requires_grad', () => y.requires_grad_());
    out('plain use', y.add(1).is_inference());
  },
  inference_mode_off_inside(torch, v, out) {
    const x = leaf(v.a);
    const y = torch.inference_mode(() => torch.inference_mode(false, () => x.mul(2)));
    out('y', [y.requires_grad, y.is_inference()]);
  },
  no_grad_view_of_leaf_inplace(torch, v, out) {
    const x = leaf(v.m);
    torch.no_grad(() => x.index(0).zero_());
    out('x', x);
    x.mul(v.n).sum().backward();
    out('grad', x.grad);
  },
};
