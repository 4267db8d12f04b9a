/** Programs about the values of gradients: indexing, broadcasting, edges, dtypes. */
import type { Any } from '../../conformance/adapter.ts';
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf } from '../leaf.ts';

/** The gradient of what `f` makes of `x`, for each `f`. */
function gradients(torch: Any, x: Any, functions: Record<string, (t: Any) => Any>, out: (label: string, value: Any) => void): void {
  for (const [name, f] of Object.entries(functions)) out(name, torch.autograd.grad(f(x).sum(), x)[0]);
}

export const programs: Record<string, Program> = {
  grad_through_basic_indexing(torch, v, out) {
    const x = leaf(v.q);
    x.index(0).sum().add(x.index(':', 1).prod()).add(x.index('1:', '::2').pow(2).sum()).add(x.index(-1, -1))
      .add(x.index(null, '...', 0).sum()).backward();
    out('grad', x.grad);
  },
  grad_through_integer_arrays(torch, v, out) {
    const x = leaf(v.a);
    x.index(v.index).mul(torch.arange(1.0, 5.0)).sum().backward();
    out('grad', x.grad);
  },
  grad_through_pairs_of_index_arrays(torch, v, out) {
    const x = leaf(v.q);
    x.index(torch.tensor([0n, 2n, 2n]), torch.tensor([1n, 1n, 1n])).pow(2).sum().backward();
    out('grad', x.grad);
  },
  grad_through_boolean_mask(torch, v, out) {
    const x = leaf(v.m), y = x.index(v.n.gt(0));
    out('count', y.numel());
    y.pow(2).sum().backward();
    out('grad', x.grad);
  },
  grad_through_gather_and_scatter(torch, v, out) {
    const x = leaf(v.m), index = torch.tensor([[0n, 0n, 2n], [1n, 2n, 1n]]);
    const scattered = torch.zeros(2, 3).scatter_add(1, index, x.mul(v.n));
    x.gather(1, index).pow(2).sum().add(scattered.pow(3).sum()).backward();
    out('grad', x.grad);
  },
  grad_through_take_and_index_add(torch, v, out) {
    const x = leaf(v.m);
    const y = x.take(torch.tensor([0n, 5n, 5n])).mul(torch.tensor([1.0, 2.0, 3.0]));
    const z = torch.ones(3, 3).index_add(0, torch.tensor([2n, 0n]), x, { alpha: 2n });
    y.sum().add(z.pow(2).sum()).backward();
    out('grad', x.grad);
  },
  grad_of_max_with_ties(torch, v, out) {
    const x = leaf(torch.tensor([2.0, 1.0, 2.0]));
    const show = (name: string, y: Any): void => {
      x.grad = null;
      y.backward();
      out(name, x.grad);
    };
    show('max', x.max());
    show('amax', x.amax());
    show('max dim', x.max(0).values);
    show('maximum', torch.maximum(x, torch.full([3], 2.0)).sum());
  },
  grad_of_sort_topk_median(torch, v, out) {
    const x = leaf(v.q), weights = torch.arange(1.0, 4.0);
    x.sort(1, { descending: true }).values.mul(weights).sum().backward();
    out('sort', x.grad);
    x.grad = null;
    x.topk(2, { dim: 0 }).values.mul(weights).sum().backward();
    out('topk', x.grad);
    x.grad = null;
    x.median(1).values.sum().backward();
    out('median', x.grad);
  },
  embedding_gradients(torch, v, out) {
    const weight = leaf(v.q);
    torch.nn.functional.embedding(v.index, weight, { padding_idx: 0 }).pow(2).sum().backward();
    out('grad', weight.grad);
  },
  grad_through_cat_stack_pad(torch, v, out) {
    const x = leaf(v.a), y = leaf(v.b);
    const z = torch.cat([x, y, x]).mul(torch.arange(9.0)), s = torch.stack([x, y], 1).pow(2);
    const p = torch.nn.functional.pad(x, [1, 2]).mul(torch.arange(6.0));
    z.sum().add(s.sum()).add(p.sum()).backward();
    out('x.grad', x.grad);
    out('y.grad', y.grad);
  },

  gradients_are_reduced_to_shape(torch, v, out) {
    const x = leaf(v.m), row = leaf(v.a), column = leaf(v.n.index(':', ':1').clone()), scalar = leaf(v.s);
    x.mul(row).add(column.div(row)).sub(scalar.mul(x)).pow(2).sum().backward();
    for (const [name, t] of Object.entries({ x, row, column, scalar })) out(name, t.grad);
  },
  expand_and_repeat_gradients(torch, v, out) {
    const x = leaf(v.a);
    x.expand(4, 3).mul(v.batch).sum().backward();
    x.repeat(2, 2).pow(2).sum().backward();
    out('grad', x.grad);
  },
  matmul_broadcast_gradients(torch, v, out) {
    const x = leaf(v.batch.reshape(2, 2, 3)), w = leaf(v.w);
    torch.matmul(x, w).pow(2).sum().backward();
    out('x.grad', x.grad);
    out('w.grad', w.grad);
  },

  gradients_at_kinks(torch, v, out) {
    const F = torch.nn.functional;
    gradients(torch, leaf(torch.tensor([-1.0, 0.0, 1.0])), {
      abs: torch.abs, relu: torch.relu, relu6: F.relu6, sign: torch.sign, clamp: (t) => t.clamp(0n, 1n), hardtanh: F.hardtanh,
      elu: F.elu, leaky_relu: F.leaky_relu, hardshrink: F.hardshrink, softshrink: F.softshrink, norm: (t) => t.mul(0).norm(),
      floor: torch.floor, sqrt: (t) => t.mul(t).sqrt(),
    }, out);
  },
  gradients_with_infinities(torch, v, out) {
    gradients(torch, leaf(torch.tensor([0.0, 1.0, Infinity, -1.0])), {
      log: torch.log, sqrt: torch.sqrt, reciprocal: torch.reciprocal, exp: torch.exp, 'pow half': (t) => t.pow(0.5),
      'pow zero': (t) => t.pow(0n), logsumexp: (t) => t.logsumexp(0), softmax: (t) => torch.nn.functional.softmax(t.index(':2'), 0),
      where: (t) => torch.where(t.gt(0), t.log(), t),
    }, out);
  },
  prod_gradient_with_zeros(torch, v, out) {
    for (const values of [[1, 2, 3], [0, 2, 3], [0, 0, 3]]) {
      const x = leaf(torch.tensor(values));
      x.prod().backward();
      out(`[${values.map((n) => n.toFixed(1)).join(', ')}]`, x.grad);
    }
  },
  empty_tensor_gradients(torch, v, out) {
    const x = leaf(torch.zeros(0, 3));
    x.sum().backward();
    out('sum', x.grad);
    x.grad = null;
    x.matmul(v.w).sum().backward();
    out('matmul', x.grad);
  },

  mixed_precision_gradients(torch, v, out) {
    const x = leaf(v.a), y = leaf(v.d);
    x.mul(y).sum().backward();
    out('x.grad', x.grad);
    out('y.grad', y.grad);
    const h = leaf(v.a.half());
    h.float().mul(v.b).sum().backward();
    out('half', h.grad.dtype);
  },
  complex_gradients(torch, v, out) {
    const z = leaf(torch.complex(v.a, v.b));
    z.abs().pow(2).sum().backward();
    out('abs squared', z.grad);
    z.grad = null;
    z.mul(z).real.sum().backward();
    out('real of square', z.grad);
    z.grad = null;
    torch.view_as_real(z).prod(1).sum().backward();
    out('view_as_real', z.grad);
    out.error('complex scalar', () => z.mul(z).sum().backward());
  },
  real_to_complex_and_back(torch, v, out) {
    const x = leaf(v.a);
    torch.fft.fft(x).abs().sum().backward();
    out('grad', x.grad);
    out('dtype', x.grad.dtype);
  },
};
