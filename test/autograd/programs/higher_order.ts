/** Programs about derivatives of derivatives. */
import type { Any } from '../../conformance/adapter.ts';
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf } from '../leaf.ts';

export const programs: Record<string, Program> = {
  second_derivative(torch, v, out) {
    const x = leaf(v.a);
    const [g] = torch.autograd.grad(x.pow(3).sum(), x, { create_graph: true });
    const [h] = torch.autograd.grad(g.sum(), x);
    out('g', g);
    out('h', h);
    out('flags', [g.requires_grad, h.requires_grad]);
  },
  third_derivative(torch, v, out) {
    const x = leaf(v.s), values: Any[] = [];
    let y = torch.sin(x).mul(x.pow(2));
    for (let i = 0; i < 3; i++) {
      [y] = torch.autograd.grad(y, x, { create_graph: true });
      values.push(y.detach());
    }
    out('derivatives', values);
  },
  fourth_derivative_of_exp(torch, v, out) {
    const x = leaf(v.s);
    let y = torch.exp(x.mul(v.k));
    for (let i = 0; i < 4; i++) [y] = torch.autograd.grad(y, x, { create_graph: true });
    out('value', y);
  },
  gradient_penalty(torch, v, out) {
    const x = leaf(v.batch), w = leaf(v.w), y = torch.tanh(x.matmul(w)).sum();
    const [g] = torch.autograd.grad(y, x, { create_graph: true });
    g.norm({ dim: 1 }).sub(1).pow(2).mean().backward();
    out('w.grad', w.grad);
    out('x.grad', x.grad);
  },
  hessian_vector_product(torch, v, out) {
    const x = leaf(v.a), y = x.index(0).mul(x.index(1).pow(2)).add(x.index(2).exp().mul(x.index(0)));
    const [g] = torch.autograd.grad(y, x, { create_graph: true });
    const [hv] = torch.autograd.grad(g.matmul(v.b), x);
    out('hv', hv);
  },
  backward_with_create_graph(torch, v, out) {
    const x = leaf(v.a);
    x.pow(4).sum().backward({ create_graph: true });
    const first = x.grad;
    out('requires_grad', first.requires_grad);
    x.grad = null;
    first.sum().backward();
    out('second', x.grad);
  },
  create_graph_keeps_graph(torch, v, out) {
    const x = leaf(v.a), y = x.mul(x).sum();
    torch.autograd.grad(y, x, { create_graph: true });
    const [again] = torch.autograd.grad(y, x);
    out('again', again);
    out.error('third time', () => torch.autograd.grad(y, x));
  },
  double_backward_through_matmul_softmax(torch, v, out) {
    const x = leaf(v.m), w = leaf(v.w), y = torch.nn.functional.softmax(x.matmul(w), { dim: 1 }).index(':', 0).sum();
    const [g] = torch.autograd.grad(y, w, { create_graph: true });
    out('gg', torch.autograd.grad(g.mul(g).sum(), [x, w]));
  },
  double_backward_through_conv(torch, v, out) {
    const x = leaf(v.image), k = leaf(v.kernel), y = torch.nn.functional.conv2d(x, k).pow(2).sum();
    const [gx, gk] = torch.autograd.grad(y, [x, k], { create_graph: true });
    const [ggx, ggk] = torch.autograd.grad(gx.sum().add(gk.pow(2).sum()), [x, k]);
    out('ggx', ggx);
    out('ggk', ggk);
  },
  mixed_partials_agree(torch, v, out) {
    const x = leaf(v.s), y = leaf(v.t), f = (): Any => x.mul(y).sin().mul(x);
    const [fx] = torch.autograd.grad(f(), x, { create_graph: true });
    const [fxy] = torch.autograd.grad(fx, y);
    const [fy] = torch.autograd.grad(f(), y, { create_graph: true });
    const [fyx] = torch.autograd.grad(fy, x);
    out('fxy', fxy);
    out('fyx', fyx);
  },
  linear_second_derivative_is_unused(torch, v, out) {
    const x = leaf(v.a);
    const [g] = torch.autograd.grad(x.mul(3).sum(), x, { create_graph: true });
    out('requires_grad', g.requires_grad);
    out.error('error', () => torch.autograd.grad(g.sum(), x));
  },
};
