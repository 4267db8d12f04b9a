/** `torch.autograd.graph`: nodes, edges as ends of passes, and writes to what was saved. */
import * as torch from 'cresset';
import { expect, test } from 'vitest';

const { autograd } = torch, { graph } = autograd;
const leaf = (values: number[]): torch.Tensor => torch.tensor(values, { requires_grad: true });
const lists = (found: readonly (torch.Tensor | null)[]): unknown[] => found.map((g) => g && g.tolist());

test('a node is one object, knows what it saved, and lets its hooks go with the graph', () => {
  const x = torch.tensor([1, 2], { requires_grad: true }), y = x.exp(), node = y.grad_fn!;
  expect(y.grad_fn).toBe(node);
  expect(node.next_functions[0]![0]!.variable).toBe(x);
  expect((node._saved_result as torch.Tensor).tolist()).toEqual(y.tolist());
  let calls = 0;
  node.register_prehook(() => { calls += 1; });
  y.sum().backward();
  expect(calls).toBe(1);
  expect(() => node._saved_result).toThrow(/after they have already been freed/);
});

test('passes start and end at gradient edges as at tensors', () => {
  const x = leaf([1, 2]), y = x.mul(2), z = y.mul(y).sum();
  const [toX, toY, toZ] = [x, y, z].map(graph.get_gradient_edge) as [torch.GradientEdge, torch.GradientEdge, torch.GradientEdge];
  const keep = { retain_graph: true };
  expect(toY.node).toBe(y.grad_fn);
  expect(toX.node.name()).toBe('AccumulateGrad');
  expect([...toY]).toEqual([y.grad_fn, 0]);
  expect(lists(autograd.grad(z, toY, keep))).toEqual([[4, 8]]);
  expect(lists(autograd.grad(z, [toX, y, toY], keep))).toEqual([[8, 16], [4, 8], [4, 8]]);
  expect(lists(autograd.grad([toZ, y], x, { grad_outputs: [null, torch.ones([2])], ...keep }))).toEqual([[10, 18]]);
  expect(lists(autograd.grad(new graph.GradientEdge(y.grad_fn!, 0), x, { grad_outputs: torch.ones([2]), ...keep }))).toEqual([[2, 2]]);
  expect(lists(autograd.grad(toY, toX, { grad_outputs: torch.ones([3, 2]), is_grads_batched: true, ...keep }))).toEqual([[[2, 2], [2, 2], [2, 2]]]);
  for (const inputs of [toX, [toX], { x }, x]) {
    autograd.backward(toZ, { inputs, ...keep });
    expect(x.grad!.tolist()).toEqual([8, 16]);
    x.grad = null;
  }
  z.backward({ inputs: [toY], ...keep });
  expect([x.grad, y.grad]).toEqual([null, null]);
  const named = autograd.grad(z, { first: x, second: y }, keep);
  expect(lists([named.first, named.second])).toEqual([[8, 16], [4, 8]]);
});

test('a hook on a tensor sees the gradient of its edge, and one node has several', () => {
  const x = leaf([1, 2]), y = x.mul(3);
  y.register_hook((g) => g.mul(10));
  expect(lists(autograd.grad(y.mul(y).sum(), [y, graph.get_gradient_edge(y)]))).toEqual([[60, 120], [60, 120]]);
  const [a, b] = x.reshape([2, 1]).unbind(0) as [torch.Tensor, torch.Tensor];
  const edge = graph.get_gradient_edge(b);
  expect(edge.output_nr).toBe(1);
  expect(lists(autograd.grad(a.mul(b).sum(), [edge, a]))).toEqual([[1], [2]]);
});

test('what is no end of a pass is refused in PyTorch\'s words', () => {
  const x = leaf([1, 2]), y = x.mul(2), z = y.mul(y).sum(), other = leaf([1]);
  const toY = graph.get_gradient_edge(y), unused = graph.get_gradient_edge(other), keep = { retain_graph: true };
  const no = (fn: () => unknown, kind: new (m: string) => Error, text: string): void => {
    expect(fn).toThrow(kind);
    expect(fn).toThrow(text);
  };
  no(() => autograd.grad(toY, x, keep), torch.RuntimeError, 'grad can be implicitly created only for scalar outputs');
  no(() => autograd.grad(toY, x, { grad_outputs: torch.ones([3]), ...keep }), torch.RuntimeError,
    'Mismatch in shape: grad_output[0] has a shape of torch.Size([3]) and output[0] has a shape of torch.Size([2]).');
  no(() => autograd.grad(toY, x, { grad_outputs: torch.ones([3, 4]), is_grads_batched: true, ...keep }), torch.RuntimeError,
    'Batched grads are not supported with GradientEdge');
  no(() => autograd.grad(z, unused, keep), torch.RuntimeError, 'The differentiated Tensor at index 0 appears to not have been used in the graph.');
  no(() => autograd.grad(z, [x, unused], { materialize_grads: true, ...keep }), torch.RuntimeError,
    'materialize_grads cannot be used when the given input is a GradientEdge');
  expect(autograd.grad(z, unused, { allow_unused: true, ...keep })).toEqual([null]);
  expect(lists(autograd.grad(z, [toY, other], { materialize_grads: true, ...keep }))).toEqual([[4, 8], [0]]);
  no(() => autograd.grad(z, [3 as never]), torch.RuntimeError, 'all inputs have to be Tensors or GradientEdges, but got float');
  no(() => { autograd.backward(z, { inputs: [3n as never] }); }, torch.RuntimeError, 'all inputs have to be Tensors or GradientEdges, but got int');
  no(() => autograd.grad([3 as never], x), torch.AssertionError, 'Expected output to be a torch.Tensor');
  no(() => { autograd.backward(z, { inputs: [], ...keep }); }, torch.RuntimeError, '`inputs` argument to `backward()` cannot be empty.');
  no(() => autograd.grad(z, new graph.GradientEdge(3n as never, 0)), torch.RuntimeError, "GradientEdge's first object must be an autograd.graph.Node but got int");
  no(() => autograd.grad(new graph.GradientEdge(y.grad_fn!, 5), x), torch.IndexError, 'tuple index out of range');
  no(() => { autograd.backward(z, { grad_tensors: [3n as never] }); }, TypeError, 'gradients can be either Tensors or None, but got int');
  no(() => graph.get_gradient_edge(torch.ones([2])), torch.RuntimeError,
    'It is not possible to get the gradient edge for a Tensor that does not require gradients');
});

test('what was saved for backward may be written to where that is allowed: it is copied then, once, and not before', () => {
  const x = leaf([1, 2]), { allow_mutation_on_saved_tensors: allow } = graph;
  const squared = (): torch.Tensor => {
    const y = x.mul(1), z = y.mul(y);
    y.add_(1);
    return z;
  };
  expect(() => { squared().sum().backward(); }).toThrow(/modified by an inplace operation/);
  allow(() => { squared().sum().backward(); });
  expect(x.grad!.tolist()).toEqual([2, 4]);
  expect(() => { allow(squared).sum().backward(); }).toThrow(torch.AssertionError);
  expect(() => { allow(() => { allow(squared); }); }).toThrow('allow_mutation_on_saved_tensors contexts cannot be nested');
  expect(() => graph.disable_saved_tensors_hooks('not here', () => allow(squared))).toThrow('not here');

  const live = (): number => torch.memory.stats().live_bytes;
  allow(() => {
    using a = torch.ones([10_000], { requires_grad: true });
    using b = a.mul(1);
    const before = live();
    using c = b.sin(), d = b.cos(), e = b.view([100, 100]).exp();
    expect(live() - before).toBeLessThan(121_000);
    b.mul_(2);
    const once = live();
    // Of what sin and cos saved there is one copy: the values that `mul_` wrote over are another one's.
    expect(once - before).toBeLessThan(121_000 + 81_000);
    b.mul_(2);
    expect(live() - once).toBeLessThan(41_000);
    torch.add(c.sum(), d.sum()).add(e.sum()).backward();
    expect(a.grad!.sub(Math.cos(1) - Math.sin(1) + Math.E).abs().max().item()).toBeLessThan(1e-6);
  });
});

test('optimizer steps and writes to views are seen too', () => {
  graph.allow_mutation_on_saved_tensors(() => {
    const w = leaf([1, 2]), loss = w.mul(w).sum();
    w.grad = torch.ones([2]);
    new torch.optim.SGD([w], { lr: 1 }).step();
    w.grad = null;
    expect(w.tolist()).toEqual([0, 1]);
    loss.backward();
    expect(w.grad!.tolist()).toEqual([2, 4]);
    const x = leaf([1, 2, 3]), y = x.mul(1), z = y.mul(y).sum();
    y.index('1:').zero_();
    expect(lists(autograd.grad(z, x))).toEqual([[2, 4, 6]]);
  });
});
