/** Programs about leaves: what requires a gradient, where it is kept and added up, and what cuts it off. */
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf, madeBy } from '../leaf.ts';

export const programs: Record<string, Program> = {
  leaf_flags(torch, v, out) {
    const x = leaf(v.a), y = x.mul(2), z = v.b.add(1);
    out('x', [x.is_leaf, x.requires_grad, x.grad_fn === null]);
    out('y', [y.is_leaf, y.requires_grad, y.grad_fn === null]);
    out('z', [z.is_leaf, z.requires_grad]);
  },
  grad_is_none_before_backward(torch, v, out) {
    const x = leaf(v.a);
    out('before', x.grad === null);
    x.mul(x).sum().backward();
    out('after', x.grad);
  },
  nonleaf_grad_stays_none(torch, v, out) {
    const x = leaf(v.a), y = x.mul(v.b);
    y.sum().backward();
    out('y.grad is None', y.grad === null);
    out('x.grad', x.grad);
  },
  requires_grad_on_integers(torch, v, out) {
    out.error('tensor', () => torch.tensor([1n, 2n], { requires_grad: true }));
    out.error('method', () => torch.tensor([1n, 2n]).requires_grad_());
    out.error('bool', () => torch.tensor([true]).requires_grad_());
  },
  requires_grad_of_nonleaf(torch, v, out) {
    const y = leaf(v.a).mul(2);
    out.error('off', () => { y.requires_grad = false; });
    y.requires_grad_(true);
    out('still', y.requires_grad);
  },
  requires_grad_propagates(torch, v, out) {
    const x = leaf(v.a), c = v.b;
    out('mixed', x.add(c).requires_grad);
    out('constant', c.add(c).requires_grad);
    out('comparison', x.gt(0).requires_grad);
    out('argmax', x.argmax().requires_grad);
    out('to int', x.int().requires_grad);
    out('to double', x.double().requires_grad);
  },
  parameter_is_leaf(torch, v, out) {
    const p = new torch.nn.Parameter(v.m);
    out('flags', [p.is_leaf, p.requires_grad, p instanceof torch.Tensor]);
    out('frozen', new torch.nn.Parameter(v.m, { requires_grad: false }).requires_grad);
  },
  grad_dtype_follows_leaf(torch, v, out) {
    const x = leaf(v.a);
    x.double().mul(v.d).sum().backward();
    out('dtype', x.grad.dtype);
    out('grad', x.grad);
  },
  inplace_turns_constant_into_nonleaf(torch, v, out) {
    const c = v.b.clone(), x = leaf(v.a);
    out('before', [c.is_leaf, c.requires_grad]);
    c.mul_(x);
    out('after', [c.is_leaf, c.requires_grad, madeBy(c)]);
    c.sum().backward();
    out('grad', x.grad);
  },

  retain_grad_keeps_intermediate(torch, v, out) {
    const x = leaf(v.a), y = x.mul(v.b);
    y.retain_grad();
    y.mul(y).sum().backward();
    out('retains', y.retains_grad);
    out('y.grad', y.grad);
    out('x.grad', x.grad);
  },
  retain_grad_on_leaf_is_noop(torch, v, out) {
    const x = leaf(v.a);
    x.retain_grad();
    out('retains', x.retains_grad);
    x.sum().backward();
    out('grad', x.grad);
  },
  retain_grad_without_requires_grad(torch, v, out) {
    out.error('error', () => v.a.clone().retain_grad());
  },
  retain_grad_accumulates(torch, v, out) {
    const x = leaf(v.a), y = x.mul(3);
    y.retain_grad();
    y.sum().backward({ retain_graph: true });
    y.sum().backward();
    out('y.grad', y.grad);
  },

  backward_twice_adds(torch, v, out) {
    const x = leaf(v.a);
    x.mul(v.b).sum().backward();
    out('once', x.grad);
    x.mul(v.b).sum().backward();
    out('twice', x.grad);
  },
  zero_grad_by_hand(torch, v, out) {
    const x = leaf(v.a);
    x.pow(2).sum().backward();
    x.grad.zero_();
    x.mul(3).sum().backward();
    out('grad', x.grad);
    x.grad = null;
    out('cleared', x.grad === null);
  },
  assigned_grad_is_added_to(torch, v, out) {
    const x = leaf(v.a);
    x.grad = v.b.clone();
    x.mul(2).sum().backward();
    out('grad', x.grad);
  },
  assigning_wrong_grad(torch, v, out) {
    const x = leaf(v.a);
    out.error('shape', () => { x.grad = torch.zeros(2); });
    out.error('dtype', () => { x.grad = torch.zeros(3, { dtype: torch.float64 }); });
    out.error('type', () => { x.grad = 3.0; });
  },
  shared_leaf_many_paths(torch, v, out) {
    const x = leaf(v.a);
    x.mul(x).add(x.sin()).sub(x.mul(2)).add(x.sum()).sum().backward();
    out('grad', x.grad);
  },
  diamond_graph(torch, v, out) {
    const x = leaf(v.s), y = x.mul(2);
    y.mul(y).add(y.exp().mul(x)).backward();
    out('grad', x.grad);
  },
  grad_identity_kept_in_place(torch, v, out) {
    const x = leaf(v.a);
    x.sum().backward();
    const first = x.grad;
    x.mul(2).sum().backward();
    out('same object', x.grad === first);
    out('first now', first);
  },
  optimizer_zero_grad_modes(torch, v, out) {
    const x = leaf(v.a), optimizer = new torch.optim.SGD([x], { lr: 0.1 });
    x.mul(v.b).sum().backward();
    optimizer.zero_grad({ set_to_none: false });
    out('zeros', x.grad);
    optimizer.zero_grad();
    out('none', x.grad === null);
    optimizer.step();
    out('step without grad', x);
  },

  detach_cuts_graph(torch, v, out) {
    const x = leaf(v.a);
    x.detach().mul(x).sum().backward();
    out('grad', x.grad);
    out('flags', [x.detach().requires_grad, x.detach().is_leaf]);
  },
  detach_shares_memory(torch, v, out) {
    const x = leaf(v.a);
    x.detach().index_put_([0], 7.0);
    out('x', x);
  },
  detach_inplace(torch, v, out) {
    const y = leaf(v.a).mul(2);
    y.detach_();
    out('flags', [y.requires_grad, y.is_leaf, y.grad_fn === null]);
  },
  detach_inplace_of_view_fails(torch, v, out) {
    const view = leaf(v.a).mul(2).index(':2');
    out.error('error', () => view.detach_());
  },
  detached_write_breaks_backward(torch, v, out) {
    const y = leaf(v.a).exp();
    y.detach().add_(1);
    out.error('error', () => y.sum().backward());
  },
  data_write_goes_unnoticed(torch, v, out) {
    const x = leaf(v.a), y = x.mul(x);
    x.data.mul_(2);
    y.sum().backward();
    out('grad', x.grad);
    out('version', x._version);
  },
};
