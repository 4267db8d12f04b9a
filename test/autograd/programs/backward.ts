/** Programs about backward passes and `torch.autograd.grad`: what they take, free and refuse. */
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf } from '../leaf.ts';

export const programs: Record<string, Program> = {
  second_backward(torch, v, out) {
    const x = leaf(v.a), y = x.mul(x).sum();
    y.backward();
    out.error('error', () => y.backward());
    out('grad', x.grad);
  },
  second_backward_with_nothing_saved(torch, v, out) {
    const x = leaf(v.a), y = x.add(1).sum();
    y.backward();
    y.backward();
    out('grad', x.grad);
  },
  nonscalar_backward(torch, v, out) {
    const x = leaf(v.a);
    out.error('backward', () => x.mul(2).backward());
    out.error('grad', () => torch.autograd.grad(x.mul(2), x));
  },
  no_grad_fn(torch, v, out) {
    out.error('constant', () => v.a.sum().backward());
    out.error('detached', () => leaf(v.a).mul(2).detach().sum().backward());
    out.error('grad', () => torch.autograd.grad(v.a.sum(), leaf(v.a)));
  },
  gradient_of_wrong_shape(torch, v, out) {
    const y = leaf(v.a).mul(2);
    out.error('shape', () => y.backward(torch.ones(2)));
    out.error('shape2', () => y.backward(torch.ones(3, 1)));
  },
  gradient_is_used(torch, v, out) {
    const x = leaf(v.a);
    x.mul(x).backward(v.b);
    out('grad', x.grad);
  },
  unused_input(torch, v, out) {
    const x = leaf(v.a), z = leaf(v.b);
    out.error('error', () => torch.autograd.grad(x.mul(2).sum(), [x, z]));
  },
  grad_wrt_not_requiring(torch, v, out) {
    const x = leaf(v.a);
    out.error('error', () => torch.autograd.grad(x.mul(2).sum(), v.b));
  },
  item_and_numpy_of_gradient_tensors(torch, v, out) {
    const x = leaf(v.a);
    out.error('numpy', () => x.numpy());
    out.error('item', () => x.item());
    out('scalar item', x.mul(0).sum().item());
  },
  deepcopy_of_nonleaf(torch, v, out) {
    const x = leaf(v.a);
    out('leaf', torch.deepcopy(x).requires_grad);
    out.error('nonleaf', () => torch.deepcopy(x.mul(2)));
  },
  saved_tensors_after_free(torch, v, out) {
    const y = leaf(v.a).exp();
    y.sum().backward();
    out.error('error', () => y.grad_fn._saved_result);
  },

  grad_leaves_grad_fields_alone(torch, v, out) {
    const x = leaf(v.a);
    const [g] = torch.autograd.grad(x.mul(v.b).sum(), x);
    out('g', g);
    out('field', x.grad === null);
  },
  grad_wrt_intermediate(torch, v, out) {
    const x = leaf(v.a), y = x.mul(2), z = y.pow(2).sum();
    out('grads', torch.autograd.grad(z, [y, x]));
  },
  allow_unused(torch, v, out) {
    const x = leaf(v.a), z = leaf(v.b);
    const [gx, gz] = torch.autograd.grad(x.mul(2).sum(), [x, z], { allow_unused: true });
    out('gx', gx);
    out('gz is None', gz === null);
  },
  materialize_grads(torch, v, out) {
    const x = leaf(v.a), z = leaf(v.b);
    out('grads', torch.autograd.grad(x.mul(2).sum(), [x, z], { materialize_grads: true }));
    out.error('conflict', () => torch.autograd.grad(x.mul(2).sum(), [x, z], { allow_unused: false, materialize_grads: true }));
  },
  several_outputs(torch, v, out) {
    const x = leaf(v.a);
    out('grads', torch.autograd.grad([x.sin(), x.mul(x).sum()], x, { grad_outputs: [v.b, torch.tensor(v.k)] }));
  },
  grad_outputs_none_for_scalar(torch, v, out) {
    const x = leaf(v.a);
    out('grads', torch.autograd.grad([x.sum(), x.pow(2).sum()], [x], { grad_outputs: [null, null] }));
  },
  batched_grad_outputs(torch, v, out) {
    const x = leaf(v.a);
    const [rows] = torch.autograd.grad(x.pow(2), x, { grad_outputs: torch.eye(3), is_grads_batched: true });
    out('jacobian', rows);
  },
  backward_with_inputs(torch, v, out) {
    const x = leaf(v.a), z = leaf(v.b);
    torch.autograd.backward(x.mul(z).sum(), { inputs: [x] });
    out('x.grad', x.grad);
    out('z.grad is None', z.grad === null);
  },
  autograd_backward_several(torch, v, out) {
    const x = leaf(v.a);
    torch.autograd.backward([x.sum(), x.mul(x)], [null, v.b]);
    out('grad', x.grad);
  },
  retain_graph_allows_second(torch, v, out) {
    const x = leaf(v.a), y = x.exp().mul(x).sum();
    const [first] = torch.autograd.grad(y, x, { retain_graph: true });
    const [second] = torch.autograd.grad(y, x);
    out('same', torch.equal(first, second));
  },
  partial_graphs_freed_separately(torch, v, out) {
    const shared = leaf(v.a).exp(), first = shared.mul(2).sum(), second = shared.mul(3).sum();
    first.backward();
    out.error('shared part freed', () => second.backward());
  },
  same_input_listed_twice(torch, v, out) {
    const x = leaf(v.a);
    out('grads', torch.autograd.grad(x.mul(x).sum(), [x, x]));
  },
  grad_of_tensor_wrt_itself(torch, v, out) {
    const x = leaf(v.s);
    out('grads', torch.autograd.grad(x, x));
  },
  grad_with_empty_grad_outputs(torch, v, out) {
    const x = leaf(v.a);
    out.error('length', () => torch.autograd.grad([x.sum(), x.prod()], x, { grad_outputs: [null] }));
  },
};
