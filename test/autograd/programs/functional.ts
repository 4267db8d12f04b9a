/** Programs about `torch.autograd.functional` and checkpoints. */
import type { Any } from '../../conformance/adapter.ts';
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf } from '../leaf.ts';

export const programs: Record<string, Program> = {
  functional_jacobian(torch, v, out) {
    const { jacobian } = torch.autograd.functional;
    out('vector', jacobian((x: Any) => x.sin().mul(x.sum()), v.a));
    out('matrix', jacobian((x: Any) => x.sum(0).pow(2), v.m));
    out('pair', jacobian((x: Any, y: Any) => x.mul(y), [v.a, v.b]));
    out('vectorized', jacobian((x: Any) => x.pow(2), v.a, { vectorize: true }));
  },
  functional_jacobian_create_graph(torch, v, out) {
    const x = leaf(v.a), j = torch.autograd.functional.jacobian((t: Any) => t.pow(3), x, { create_graph: true });
    j.sum().backward();
    out('j', j);
    out('grad', x.grad);
  },
  functional_hessian(torch, v, out) {
    const { hessian } = torch.autograd.functional;
    out('cubic', hessian((x: Any) => x.pow(3).sum().add(x.index(0).mul(x.index(1))), v.a));
    out('blocks', hessian((x: Any, y: Any) => x.mul(y).sum().pow(2), [v.a, v.b]));
  },
  functional_vjp(torch, v, out) {
    const [value, g] = torch.autograd.functional.vjp((x: Any) => x.exp().mul(v.b), v.a, v.p);
    out('value', value);
    out('g', g);
  },
  functional_jvp(torch, v, out) {
    const [value, t] = torch.autograd.functional.jvp((x: Any) => x.exp().mul(v.b), v.a, v.p);
    out('value', value);
    out('t', t);
  },
  functional_hvp_and_vhp(torch, v, out) {
    const { hvp, vhp } = torch.autograd.functional, f = (x: Any): Any => x.pow(3).sum().add(x.index(0).mul(x.index(2).pow(2)));
    out('hvp', hvp(f, v.a, v.b));
    out('vhp', vhp(f, v.a, v.b));
  },
  functional_strict_errors(torch, v, out) {
    const { hessian, jacobian } = torch.autograd.functional;
    out('independent', jacobian(() => torch.ones(2), v.a));
    out.error('strict', () => jacobian(() => torch.ones(2), v.a, { strict: true }));
    out.error('not scalar', () => hessian((x: Any) => x.mul(2), v.a));
  },

  checkpoint_recomputes(torch, v, out) {
    let calls = 0;
    const x = leaf(v.a);
    const block = (t: Any): Any => {
      calls += 1;
      return torch.tanh(t).mul(t);
    };
    const y = torch.utils.checkpoint.checkpoint(block, [x], { use_reentrant: false });
    out('calls after forward', calls);
    y.mul(v.b).sum().backward();
    out('calls after backward', calls);
    out('grad', x.grad);
  },
  checkpoint_reentrant(torch, v, out) {
    const x = leaf(v.m), w = leaf(v.w);
    const y = torch.utils.checkpoint.checkpoint((t: Any) => torch.sigmoid(t.matmul(w)), [x], { use_reentrant: true });
    y.pow(2).sum().backward();
    out('x.grad', x.grad);
    out('w.grad', w.grad);
  },
  checkpoint_nested(torch, v, out) {
    const { checkpoint } = torch.utils.checkpoint, x = leaf(v.a);
    const inner = (t: Any): Any => checkpoint(torch.sin, [t], { use_reentrant: false }).mul(t);
    checkpoint(inner, [x], { use_reentrant: false }).sum().backward();
    out('grad', x.grad);
  },
  checkpoint_sequential_layers(torch, v, out) {
    const layers = new torch.nn.Sequential(new torch.nn.Linear(3, 3), new torch.nn.Tanh(), new torch.nn.Linear(3, 3));
    for (const layer of [layers[0], layers[2]]) {
      layer.weight.data.copy_(v.q);
      layer.bias.data.copy_(v.b);
    }
    const x = leaf(v.batch);
    torch.utils.checkpoint.checkpoint_sequential(layers, 2, x, { use_reentrant: false }).sum().backward();
    out('x.grad', x.grad);
    out('weight.grad', layers[0].weight.grad);
  },
  checkpoint_restores_dropout_mask(torch, v, out) {
    torch.manual_seed(11n);
    const x = leaf(torch.ones(20));
    const y = torch.utils.checkpoint.checkpoint((t: Any) => torch.nn.functional.dropout(t, 0.5), [x], { use_reentrant: false });
    y.sum().backward();
    out('grad equals output', torch.equal(x.grad, y));
  },
};
