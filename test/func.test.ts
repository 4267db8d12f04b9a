/** torch.func and forward mode, where they meet each other, modules, the user's graph and errors. */
import * as torch from 'cresset';
import { expect, test } from 'vitest';

const { functional_call, grad, grad_and_value, hessian, jacfwd, jacrev, jvp, stack_module_state, vjp, vmap } = torch.func;
type Tensor = torch.Tensor;
const near = (a: Tensor, b: Tensor): void => expect(torch.allclose(a, b, { rtol: 1e-4, atol: 1e-5 })).toBe(true);
const v = torch.tensor([0.1, 0.5, 0.9]), m = torch.arange(12).reshape(4, 3).div(10);

test('all ways to a Hessian are one, in a batch too', () => {
  const f = (x: Tensor): Tensor => x.sin().prod().add(x.pow(3).sum());
  const want = hessian(f)(v);
  for (const h of [jacrev(jacrev(f)), jacfwd(jacfwd(f)), jacrev(jacfwd(f)), jacfwd(grad(f)), jacrev(grad(f))]) near(h(v) as Tensor, want);
  near(vmap(hessian(f))(m), torch.stack([...m].map((row) => hessian(f)(row))));
});

test('linearize runs the function once, and its derivative in any place', () => {
  const { linearize } = torch.func;
  let runs = 0;
  const f = (x: Tensor, { y }: { y: Tensor }): Tensor[] => {
    runs += 1;
    return [x.sin().mul(y), y.pow(3).sum(), torch.ones([2])];
  };
  const y = v.add(1), [value, push] = linearize(f, v, { y });
  const ways = [m.select(0, 0), { y: m.select(0, 1) }] as const;
  const pushed = push(...ways), rows = vmap(push)(m, { y: m.mul(2) }) as Tensor[];
  expect(runs).toBe(1);
  near(value[0]!, v.sin().mul(y));
  jvp(f, [v, { y }], [...ways])[1].forEach((t, i) => { near(pushed[i]!, t); });
  near(rows[1]!, y.pow(2).mul(6).mul(m).sum(1));
  expect(rows.map((t) => t.shape)).toEqual([[4, 3], [4], [4, 2]]);
  // In the primals it can be differentiated further.
  near(grad((x: Tensor) => linearize((t: Tensor) => t.pow(3), x)[1](torch.ones([3])).sum())(v), v.mul(6));
});

test('hooks in a batch are refused, or see the gradients of the examples', () => {
  const x = torch.ones([2, 3], { requires_grad: true });
  const refused = "cannot register a hook on a tensor that doesn't require gradient";
  expect(() => vmap((a: Tensor) => { a.register_hook(() => {}); return a; })(x)).toThrow(refused);
  expect(() => vmap((a: Tensor) => { a.mul(2).register_hook(() => {}); return a; })(x)).toThrow(refused);
  expect(() => vmap((a: Tensor) => { a.register_post_accumulate_grad_hook(() => {}); return a; })(x)).toThrow(refused);
  expect(() => vmap((a: Tensor) => { a.mul(2).retain_grad(); return a; })(x)).toThrow("can't retain_grad on Tensor that has requires_grad=False");
  expect(() => vmap((a: Tensor) => { a.sum().backward(); return a; })(x)).toThrow('backward() called inside a functorch transform');
  expect(() => grad((a: Tensor) => { a.sum().backward(); return a.sum(); })(v)).toThrow('backward() called inside a functorch transform');
  const shapes: number[][] = [];
  const doubled = vmap(grad((a: Tensor) => {
    const y = a.mul(a);
    y.register_hook((g) => { shapes.push(g.shape); return g.mul(a); });
    y.register_hook((g) => { shapes.push(g.shape); }).remove();
    return y.sum();
  }))(m);
  near(doubled, m.pow(2).mul(2));
  expect(shapes).toEqual([[3]]);
  const own = vmap((a: Tensor) => { a.grad = a.mul(2); return a.grad; })(m);
  near(own, m.mul(2));
});

test('levels do not see each other', () => {
  const confused = grad((x: Tensor) => x.mul(grad((y: Tensor) => x.add(y))(torch.tensor(1))))(torch.tensor(1));
  expect(confused.item()).toBe(1);
  const forward = jvp((x: Tensor) => x.mul(jvp((y: Tensor) => x.add(y), [torch.tensor(1)], [torch.tensor(1)])[1]), [torch.tensor(1)], [torch.tensor(1)]);
  expect(forward[1].item()).toBe(1);
});

test('what leaves a transform has a history only where that leads outside', () => {
  const plain = grad_and_value((x: Tensor) => x.pow(2).sum())(v);
  expect(plain.map((t) => t.requires_grad)).toEqual([false, false]);
  const w = torch.ones([3], { requires_grad: true });
  grad((x: Tensor) => x.mul(w).pow(2).sum())(v).sum().backward();
  near(w.grad!, v.mul(4));
  const x = torch.ones([3], { requires_grad: true });
  grad((y: Tensor) => y.pow(3).sum())(x).sum().backward();
  near(x.grad!, torch.full([3], 6));
  expect(torch.no_grad(() => grad((y: Tensor) => y.pow(3).sum())(x)).requires_grad).toBe(false);
});

test('a batch of models, and gradients of each example', () => {
  const make = (): torch.nn.Sequential => new torch.nn.Sequential(new torch.nn.Linear(3, 4), new torch.nn.Tanh(), new torch.nn.Linear(4, 1));
  const models = [make(), make(), make()];
  const [p, b] = stack_module_state(models);
  const call = (q: Record<string, Tensor>, c: Record<string, Tensor>, x: Tensor): Tensor => functional_call(models[0]!, [q, c], [x]) as Tensor;
  near(vmap(call, [0, 0, null])(p, b, m), torch.stack(models.map((model) => model(m) as Tensor)));
  const net = models[1]!, own = Object.fromEntries([...net.named_parameters()].map(([name, t]) => [name, t.detach()]));
  const loss = (q: Record<string, Tensor>, x: Tensor): Tensor => (functional_call(net, q, [x.unsqueeze(0)]) as Tensor).sum();
  const each = vmap(grad(loss), [null, 0])(own, m);
  for (const [i, row] of [...m].entries()) {
    net.zero_grad();
    (net(row.unsqueeze(0)) as Tensor).sum().backward();
    for (const [name, t] of net.named_parameters()) near(each[name]!.select(0, i), t.grad!);
  }
});

test('convolutions, pools and attention in a batch', () => {
  const F = torch.nn.functional, images = torch.arange(2 * 3 * 36).reshape(2, 3, 6, 6).div(40).sin(), w = torch.randn([2, 3, 3, 3]);
  const net = (weight: Tensor, x: Tensor): Tensor => F.max_pool2d(F.conv2d(x, weight), 2).tanh();
  near(vmap(net, [null, 0])(w, images), net(w, images));
  const each = vmap(grad((weight: Tensor, x: Tensor) => net(weight, x).sum()), [null, 0])(w, images);
  near(each.sum(0), grad((weight: Tensor) => net(weight, images).sum())(w));
  near(vmap((q: Tensor) => F.scaled_dot_product_attention(q, q, q))(images), F.scaled_dot_product_attention(images, images, images));
});

test('vmap in chunks, over trees, with results anywhere', () => {
  const f = (d: { x: Tensor; y: Tensor }, s: number): { a: Tensor; b: Tensor } => ({ a: d.x.mul(d.y).mul(s), b: d.x.sum() });
  const whole = vmap(f, { in_dims: [{ x: 0, y: null }, null], out_dims: { a: 1, b: 0 } })({ x: m, y: v }, 2);
  near(whole.a, m.mul(v).mul(2).t());
  near(whole.b, m.sum(1));
  const parts = vmap(f, { in_dims: [{ x: 0, y: null }, null], out_dims: { a: 1, b: 0 }, chunk_size: 3 })({ x: m, y: v }, 2);
  near(parts.a, whole.a);
  near(jacrev((x: Tensor) => x.pow(2), { chunk_size: 2 })(v), torch.diag(v.mul(2)));
});

test('random numbers are refused, different, or the same', () => {
  const drop = (x: Tensor): Tensor => torch.nn.functional.dropout(x, 0.5), ones = torch.ones([2, 64]);
  expect(() => vmap(drop)(ones)).toThrow('vmap: called random operation while in randomness error mode');
  const rows = (mode: 'same' | 'different'): boolean => {
    const y = vmap(drop, { randomness: mode })(ones);
    return torch.equal(y.select(0, 0), y.select(0, 1));
  };
  expect([rows('same'), rows('different')]).toEqual([true, false]);
});

test('what vmap can not do it says in PyTorch\'s words', () => {
  expect(() => vmap((x: Tensor) => x.tolist())(m)).toThrow("Cannot access data pointer of Tensor that doesn't have storage");
  expect(() => vmap((x: Tensor) => x.nonzero())(m)).toThrow('Attempted to vmap over aten::nonzero');
  expect(() => vmap((x: Tensor) => torch.zeros([3]).copy_(x))(m)).toThrow('vmap: inplace arithmetic(self, *extra_args) is not possible');
  let kept: Tensor | null = null;
  vmap((x: Tensor) => (kept = x.mul(1)))(m);
  expect(() => kept!.add(1)).toThrow('Either your tensor may have escaped');
});

test('dual numbers: one public level, printed, gone when it ends', () => {
  const fwad = torch.autograd.forward_ad;
  const dual = fwad.dual_level(() => {
    const x = fwad.make_dual(v.clone(), torch.ones([3]));
    expect(String(x)).toBe('tensor([0.1000, 0.5000, 0.9000], tangent=tensor([1., 1., 1.]))');
    expect(() => fwad.enter_dual_level()).toThrow('Nested forward mode AD is not supported at the moment');
    expect(() => fwad.make_dual(x, v)).toThrow('Making a dual Tensor based on a Tensor that already has a forward gradient at the same level 0');
    const [, tangent] = fwad.unpack_dual(x.mul_(x.exp()));
    near(tangent!, v.exp().mul(v.add(1)));
    return x;
  });
  expect(fwad.unpack_dual(dual).tangent).toBe(null);
  expect(() => fwad.make_dual(v, v)).toThrow('Trying to create a dual Tensor for forward AD but no level exists');
});

test('jvp and vjp agree', () => {
  const f = (x: Tensor, y: Tensor): Tensor => torch.nn.functional.log_softmax(x.matmul(y), 0).mul(x.sum());
  const args: [Tensor, Tensor] = [m.narrow(0, 0, 3), v], ways: [Tensor, Tensor] = [m.narrow(0, 1, 3).cos(), v.sin()];
  const [value, tangent] = jvp(f, args, ways);
  const [same, pull] = vjp(f, ...args);
  near(value, same);
  const slopes = pull(v);
  near(tangent.dot(v), slopes[0].mul(ways[0]).sum().add(slopes[1].dot(ways[1])));
});

test('functions of the user\'s own take part', () => {
  class Product extends torch.autograd.Function {
    static override generate_vmap_rule = true;
    static override forward(x: Tensor, y: Tensor): Tensor { return x.mul(y); }
    static override setup_context = (ctx: InstanceType<typeof torch.autograd.FunctionCtx>, inputs: Tensor[]): void => {
      ctx.save_for_backward(...inputs);
      ctx.save_for_forward(...inputs);
    };
    static override backward(ctx: InstanceType<typeof torch.autograd.FunctionCtx>, g: Tensor): Tensor[] {
      const [x, y] = ctx.saved_tensors as [Tensor, Tensor];
      return [g.mul(y), g.mul(x)];
    }
    static override jvp = (ctx: InstanceType<typeof torch.autograd.FunctionCtx>, a: Tensor, b: Tensor): Tensor => {
      const [x, y] = ctx.saved_tensors as [Tensor, Tensor];
      return a.mul(y).add(b.mul(x));
    };
  }
  const f = (x: Tensor): Tensor => (Product.apply(x, x) as Tensor).sum();
  near(grad(f)(v), v.mul(2));
  near(jvp(f, [v], [v])[1], v.mul(v).mul(2).sum());
  near(hessian(f)(v), torch.eye(3).mul(2));
  near(vmap(grad(f))(m), m.mul(2));
});
