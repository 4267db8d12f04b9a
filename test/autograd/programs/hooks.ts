/** Programs about hooks: on tensors, nodes, leaves and modules. */
import type { Any } from '../../conformance/adapter.ts';
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf } from '../leaf.ts';

export const programs: Record<string, Program> = {
  tensor_hook_sees_gradient(torch, v, out) {
    const x = leaf(v.a), y = x.mul(2), seen: Any[] = [];
    y.register_hook((g: Any) => { seen.push(g.clone()); });
    y.mul(v.b).sum().backward();
    out('seen', seen);
    out('grad', x.grad);
  },
  tensor_hook_replaces_gradient(torch, v, out) {
    const x = leaf(v.a), y = x.mul(2);
    y.register_hook((g: Any) => g.mul(10));
    y.sum().backward();
    out('grad', x.grad);
  },
  leaf_hook_and_removal(torch, v, out) {
    const x = leaf(v.a), handle = x.register_hook((g: Any) => g.add(1));
    x.mul(2).sum().backward();
    out('with hook', x.grad);
    handle.remove();
    x.grad = null;
    x.mul(2).sum().backward();
    out('without', x.grad);
  },
  hook_order(torch, v, out) {
    const x = leaf(v.s), order: string[] = [];
    for (const name of ['first', 'second']) x.register_hook(() => { order.push(name); });
    x.mul(2).backward();
    out('order', order);
  },
  hooks_chain_their_results(torch, v, out) {
    const x = leaf(v.s);
    x.register_hook((g: Any) => g.mul(2));
    x.register_hook((g: Any) => g.add(1));
    x.mul(3).backward();
    out('grad', x.grad);
  },
  hook_before_retained_grad(torch, v, out) {
    const x = leaf(v.a), y = x.mul(1);
    y.retain_grad();
    y.register_hook((g: Any) => g.mul(5));
    y.sum().backward();
    out('y.grad', y.grad);
    out('x.grad', x.grad);
  },
  hook_on_tensor_without_grad(torch, v, out) {
    out.error('error', () => v.a.clone().register_hook((g: Any) => g));
  },
  hook_returning_wrong_shape(torch, v, out) {
    const y = leaf(v.a).mul(2);
    y.register_hook((g: Any) => g.index(':1'));
    out.error('error', () => y.sum().backward());
  },
  post_accumulate_grad_hook(torch, v, out) {
    const x = leaf(v.a), seen: Any[] = [];
    const hook = (t: Any): void => {
      seen.push(t.grad.clone());
      t.grad = null;
    };
    const handle = x.register_post_accumulate_grad_hook(hook);
    x.mul(2).sum().backward();
    x.mul(3).sum().backward();
    out('seen', seen);
    out('cleared', x.grad === null);
    handle.remove();
    out.error('nonleaf', () => x.mul(2).register_post_accumulate_grad_hook(hook));
  },
  grad_fn_hooks(torch, v, out) {
    const x = leaf(v.a), y = x.exp(), seen: Any[] = [];
    y.grad_fn.register_prehook(([g]: Any[]) => { seen.push(['pre', g.clone()]); });
    y.grad_fn.register_hook(([gin]: Any[], [gout]: Any[]) => { seen.push(['post', gin.clone(), gout.clone()]); });
    y.mul(v.b).sum().backward();
    out('seen', seen);
  },
  grad_fn_hook_replaces_input_gradient(torch, v, out) {
    const x = leaf(v.a), y = x.mul(2);
    y.grad_fn.register_hook(([gin]: Any[]) => [gin.mul(100), null]);
    y.sum().backward();
    out('grad', x.grad);
  },
  module_forward_hooks(torch, v, out) {
    const layer = new torch.nn.Linear(3, 2, { bias: false }), calls: string[] = [];
    layer.weight.data.copy_(v.m);
    layer.register_forward_pre_hook((_: Any, [x]: Any[]) => {
      calls.push('pre');
      return [x.mul(2)];
    });
    layer.register_forward_hook((_: Any, __: Any, result: Any) => {
      calls.push('post');
      return result.add(1);
    });
    out('y', layer(v.a));
    out('calls', calls);
  },
  module_full_backward_hooks(torch, v, out) {
    const layer = new torch.nn.Linear(3, 2, { bias: false }), seen: Any[] = [];
    layer.weight.data.copy_(v.m);
    layer.register_full_backward_pre_hook((_: Any, [gout]: Any[]) => {
      seen.push(gout.clone());
      return [gout.mul(2)];
    });
    layer.register_full_backward_hook((_: Any, [gin]: Any[]) => { seen.push(gin.clone()); });
    const x = leaf(v.batch);
    layer(x).sum().backward();
    out('seen', seen);
    out('x.grad', x.grad);
    out('weight.grad', layer.weight.grad);
  },
  multi_grad_hook(torch, v, out) {
    const x = leaf(v.a), y = leaf(v.b), seen: Any[] = [];
    torch.autograd.graph.register_multi_grad_hook([x, y], (grads: Any[]) => { seen.push(grads.map((g) => g.clone())); });
    x.mul(y).sum().backward();
    out('seen', seen);
  },
};
