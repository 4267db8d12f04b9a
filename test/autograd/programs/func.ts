/** Programs about forward mode and torch.func: gradients, products with Jacobians, vmap, and how they nest. */
import type { Program } from '../../conformance/families/autograd.ts';
import type { Any } from '../../conformance/adapter.ts';

export const programs: Record<string, Program> = {
  func_grad(torch, v, out) {
    const { grad } = torch.func;
    out('first', grad((x: Any) => x.pow(3).sum())(v.a));
    out('second', grad(grad(torch.sin))(v.s));
    out('argnums', grad((x: Any, y: Any) => x.mul(y.pow(2)).sum(), { argnums: [0, 1] })(v.a, v.b));
  },
  func_grad_has_aux(torch, v, out) {
    const { grad, grad_and_value } = torch.func;
    const [g, aux] = grad((x: Any) => [x.pow(2).sum(), x.mul(5)], { has_aux: true })(v.a);
    out('g', g);
    out('aux', aux);
    out('pair', grad_and_value((x: Any) => x.prod())(v.p));
  },
  func_grad_of_nonscalar(torch, v, out) {
    out.error('error', () => torch.func.grad((x: Any) => x.mul(2))(v.a));
  },
  func_vmap_basic(torch, v, out) {
    const { vmap } = torch.func;
    out('dot', vmap(torch.dot)(v.m, v.n));
    out('broadcast', vmap((x: Any) => x.matmul(v.a))(v.batch));
    out('in_dims', vmap((x: Any, y: Any) => x.mul(y), { in_dims: [1, null] })(v.m, v.s));
    out('out_dims', vmap((x: Any) => x.mul(2), { out_dims: 1 })(v.m));
  },
  func_vmap_nested_and_pytrees(torch, v, out) {
    const { vmap } = torch.func;
    out('outer', vmap((x: Any) => vmap((y: Any) => x.mul(y))(v.b))(v.a));
    const result = vmap((d: Any) => ({ sum: d.x.sum(), first: d.y.select(0, 0) }))({ x: v.m, y: v.n });
    out('pytree', result);
  },
  func_vmap_errors(torch, v, out) {
    const { vmap } = torch.func;
    out.error('size mismatch', () => vmap((x: Any, y: Any) => x.add(y))(v.m, v.a));
    out.error('item', () => vmap((x: Any) => x.sum().item())(v.m));
    out.error('data dependent', () => vmap((x: Any) => (x.sum().gt(0).is_nonzero() ? x : x.neg()))(v.m));
    out.error('no inputs', () => vmap(() => torch.ones(1))());
  },
  func_per_sample_gradients(torch, v, out) {
    const { grad, vmap } = torch.func;
    const loss = (w: Any, x: Any): Any => torch.tanh(x.matmul(w)).sum();
    out('grads', vmap(grad(loss), { in_dims: [null, 0] })(v.w, v.batch));
  },
  func_vmap_randomness(torch, v, out) {
    const { vmap } = torch.func;
    out.error('error', () => vmap((x: Any) => x.add(torch.rand(3)))(v.m));
    const same = vmap(() => torch.rand(3), { randomness: 'same' })(v.m);
    const different = vmap(() => torch.rand(3), { randomness: 'different' })(v.m);
    out('same', torch.equal(same.select(0, 0), same.select(0, 1)));
    out('different', torch.equal(different.select(0, 0), different.select(0, 1)));
  },
  func_jacobians(torch, v, out) {
    const { jacfwd, jacrev } = torch.func;
    const f = (x: Any): Any => x.sin().mul(x.sum());
    out('reverse', jacrev(f)(v.a));
    out('forward', jacfwd(f)(v.a));
    out('argnums', jacrev((x: Any, y: Any) => x.mul(y), { argnums: 1 })(v.a, v.b));
  },
  func_hessian(torch, v, out) {
    const { hessian, jacfwd, jacrev } = torch.func;
    const f = (x: Any): Any => x.pow(3).sum().add(x.select(0, 0).mul(x.select(0, 1)));
    out('hessian', hessian(f)(v.a));
    out('reverse over reverse', jacrev(jacrev(f))(v.a));
    out('forward over forward', jacfwd(jacfwd(f))(v.a));
  },
  func_jvp_vjp(torch, v, out) {
    const { jvp, vjp } = torch.func;
    const f = (x: Any, y: Any): Any => x.mul(y.exp());
    out('jvp', jvp(f, [v.a, v.b], [v.b, v.a]));
    const [value, pull] = vjp(f, v.a, v.b);
    out('vjp', [value, ...pull(v.p)]);
  },
  func_jvp_mixed_ops(torch, v, out) {
    const f = (x: Any): Any => torch.nn.functional.softmax(x.matmul(v.w), { dim: 1 }).log().sum(0);
    out('jvp', torch.func.jvp(f, [v.m], [v.n]));
  },
  func_functional_call(torch, v, out) {
    const { functional_call, grad } = torch.func;
    const layer = new torch.nn.Linear(3, 2);
    const parameters = { weight: v.m, bias: v.n.select(1, 0) };
    out('y', functional_call(layer, parameters, [v.a]));
    const grads = grad((p: Any) => functional_call(layer, p, [v.a]).pow(2).sum())(parameters);
    out('grads', [grads.weight, grads.bias]);
    out('untouched', layer.weight.detach().ne(v.m).any().item());
  },
  func_linearize(torch, v, out) {
    const [value, push] = torch.func.linearize((x: Any) => x.exp().mul(x), v.a);
    out('value', value);
    out('tangents', [push(v.b), push(v.p)]);
  },
  func_stack_module_state(torch, v, out) {
    const { functional_call, stack_module_state, vmap } = torch.func;
    const models = [0, 1].map(() => new torch.nn.Linear(3, 2, { bias: false }));
    models[0].weight.data.copy_(v.m);
    models[1].weight.data.copy_(v.n);
    const [parameters, buffers] = stack_module_state(models);
    out('shape', parameters.weight.shape);
    out('y', vmap((p: Any, b: Any) => functional_call(models[0], [p, b], [v.a]))(parameters, buffers));
  },
  func_vmap_over_loss_and_norms(torch, v, out) {
    const { vmap } = torch.func;
    const F = torch.nn.functional;
    out('cross entropy', vmap((x: Any, t: Any) => F.cross_entropy(x, t))(v.batch, v.index));
    out('layer norm', vmap((x: Any) => F.layer_norm(x, [3]))(v.batch));
    out('sort', vmap((x: Any) => x.sort().values)(v.batch));
    out('where', vmap((x: Any) => torch.where(x.gt(0), x, x.mul(0.5)))(v.batch));
  },
  forward_ad_dual_numbers(torch, v, out) {
    const fwad = torch.autograd.forward_ad;
    fwad.dual_level(() => {
      const x = fwad.make_dual(v.a, v.b);
      const y = fwad.unpack_dual(x.sin().mul(x));
      out('primal', y.primal);
      out('tangent', y.tangent);
      out('no tangent', fwad.unpack_dual(v.p.mul(2)).tangent === null);
    });
  },
};
