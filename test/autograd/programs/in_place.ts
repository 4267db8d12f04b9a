/** Programs about writing in place: versions, views and their bases, what is refused. */
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf, madeBy } from '../leaf.ts';

export const programs: Record<string, Program> = {
  version_counter(torch, v, out) {
    const x = v.a.clone();
    const versions = [x._version];
    x.add_(1);
    versions.push(x._version);
    const view = x.index(':2');
    view.mul_(2);
    versions.push(x._version, view._version, x.detach()._version, x.clone()._version);
    x.index_put_([0], 3n);
    versions.push(view._version);
    out('versions', versions);
  },
  saved_tensor_modified(torch, v, out) {
    const y = leaf(v.a).add(1), z = y.mul(y);
    y.add_(1);
    out.error('error', () => z.sum().backward());
  },
  saved_output_modified(torch, v, out) {
    const z = leaf(v.a).exp().mul_(2);
    out.error('error', () => z.sum().backward());
  },
  saved_sigmoid_modified_through_view(torch, v, out) {
    const y = leaf(v.m).sigmoid();
    y.index(0).add_(1);
    out.error('error', () => y.sum().backward());
  },
  saved_matrix_modified(torch, v, out) {
    const h = leaf(v.m).mul(1), y = h.matmul(leaf(v.w));
    h.zero_();
    out.error('error', () => y.sum().backward());
  },
  modification_not_saved_is_fine(torch, v, out) {
    const x = leaf(v.a), y = x.mul(2), z = y.add(1);
    y.mul_(5);
    z.add(y).sum().backward();
    out('grad', x.grad);
  },
  inplace_chain(torch, v, out) {
    const x = leaf(v.a), y = x.mul(1);
    y.mul_(2).add_(v.b).pow_(2);
    out('grad_fn', madeBy(y));
    y.sum().backward();
    out('grad', x.grad);
  },
  inplace_on_view_rewrites_base(torch, v, out) {
    const x = leaf(v.m), base = x.mul(1), view = base.index(0);
    view.mul_(3);
    out('base grad_fn', madeBy(base));
    out('view grad_fn', madeBy(view));
    out('base', base);
    base.mul(v.n).sum().backward();
    out('grad', x.grad);
  },
  inplace_on_base_updates_view(torch, v, out) {
    const x = leaf(v.m), base = x.mul(1), view = base.index(1);
    base.mul_(2);
    const made = madeBy(view);
    out('view', view);
    out('grad_fn', made);
    view.mul(v.a).sum().backward();
    out('grad', x.grad);
  },
  copy_into_slice(torch, v, out) {
    const x = leaf(v.m), y = leaf(v.a), base = x.mul(1);
    base.index(0).copy_(y);
    base.mul(v.n).sum().backward();
    out('x.grad', x.grad);
    out('y.grad', y.grad);
  },
  setitem_on_zeros(torch, v, out) {
    const x = leaf(v.a), buffer = torch.zeros(5);
    buffer.index_put_(['1:4'], x.mul(2));
    buffer.index_put_([0], x.index(2));
    out('flags', [buffer.requires_grad, madeBy(buffer)]);
    buffer.mul(torch.arange(1.0, 6.0)).sum().backward();
    out('grad', x.grad);
  },
  two_views_same_base(torch, v, out) {
    const x = leaf(v.m), base = x.mul(1), first = base.index(':', 0), second = base.index(':', '1:');
    first.exp_();
    first.sum().add(second.pow(2).sum()).add(base.sum()).backward();
    out('grad', x.grad);
  },
  split_views_cannot_be_modified(torch, v, out) {
    const x = leaf(v.m);
    const [left] = x.mul(1).split([1, 2], { dim: 1 });
    out.error('split', () => left.mul_(2));
    const rows = x.mul(1).unbind(0);
    out.error('unbind', () => rows[0].add_(1));
    const parts = x.mul(1).chunk(3, { dim: 1 });
    out.error('chunk', () => parts[0].zero_());
  },
  view_made_in_no_grad_modified_with_grad(torch, v, out) {
    const base = leaf(v.m).mul(1), view = torch.no_grad(() => base.index(0));
    out.error('error', () => view.mul_(2));
  },
  expanded_write_fails(torch, v, out) {
    const t = v.a.clone().expand(2, 3);
    out.error('error', () => t.add_(1));
  },
  inplace_broadcast_fails(torch, v, out) {
    out.error('error', () => v.a.clone().add_(v.q));
  },
  inplace_type_promotion_fails(torch, v, out) {
    const ints = torch.tensor([1n, 2n, 3n]);
    out.error('int += float', () => ints.add_(0.5));
    out.error('int /= int', () => ints.div_(2n));
    out.error('bool += int', () => torch.tensor([true]).add_(1n));
  },
  transpose_view_inplace(torch, v, out) {
    const x = leaf(v.m), base = x.mul(1);
    base.t().index(0).mul_(4);
    base.mul(v.n).sum().backward();
    out('grad', x.grad);
  },
  inplace_relu_and_masked_fill(torch, v, out) {
    const x = leaf(v.m), y = torch.relu_(x.mul(1)), z = y.clone().masked_fill_(v.mask, 2.0);
    z.mul(v.n).sum().backward();
    out('z', z);
    out('grad', x.grad);
  },
  clone_protects(torch, v, out) {
    const x = leaf(v.a);
    x.exp().clone().mul_(3).sum().backward();
    out('grad', x.grad);
  },
  index_put_accumulate(torch, v, out) {
    const x = leaf(v.a), y = leaf(v.s), base = x.mul(1);
    base.index_put_([v.index], y.expand(4), { accumulate: true });
    base.mul(v.b).sum().backward();
    out('base', base);
    out('x.grad', x.grad);
    out('y.grad', y.grad);
  },
  index_assignment_with_mask(torch, v, out) {
    const x = leaf(v.a), y = leaf(v.s), base = x.mul(2);
    base.index_put_([v.mask], y);
    base.mul(v.b).sum().backward();
    out('x.grad', x.grad);
    out('y.grad', y.grad);
  },
  swap_rows_by_assignment(torch, v, out) {
    const x = leaf(v.m), base = x.mul(1), first = base.index(0).clone();
    base.index_put_([0], base.index(1));
    base.index_put_([1], first);
    base.mul(v.n).sum().backward();
    out('base', base);
    out('grad', x.grad);
  },
  zero_inplace_kills_gradient(torch, v, out) {
    const x = leaf(v.a), y = x.mul(2);
    y.zero_();
    y.add(x).sum().backward();
    out('grad', x.grad);
  },
};
