/** Graphs that never go backward and are held by nothing but hooks, contexts and closures of their own are freed. */
import * as torch from 'cresset';
import v8 from 'node:v8';
import vm from 'node:vm';
import { expect, test } from 'vitest';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;
const turn = (): Promise<void> => new Promise((go) => { setTimeout(go, 0); });
const { graph } = torch.autograd;
type Any = ReturnType<typeof JSON.parse>;

/** Lets the collector and its finalizers run, for so many turns, or until there are no more tensors than that. */
async function settle(turns: number, most = -1): Promise<void> {
  for (let i = 0; i < turns && torch.memory.stats().tensors > most; i++) {
    await turn();
    if (i % 10 === 9) collect();
  }
}

/** Makes `count` graphs that nobody keeps; answers how many bytes and tensors are left of them. */
async function leftOf(count: number, make: (x: torch.Tensor) => void): Promise<{ bytes: number; tensors: number }> {
  const x = torch.ones([100], { requires_grad: true });
  const before = torch.memory.stats();
  for (let i = 0; i < count; i++) {
    make(x);
    if (i % 500 === 499) await turn();
  }
  await settle(5000, before.tensors + 50);
  const after = torch.memory.stats();
  expect(x.grad).toBeNull();
  return { bytes: after.live_bytes - before.live_bytes, tensors: after.tensors - before.tensors };
}

class Square extends torch.autograd.Function {
  static override forward(ctx: torch.FunctionCtx, x: torch.Tensor): torch.Tensor {
    ctx.save_for_backward(x);
    return x.mul(x);
  }
  static override backward(ctx: torch.FunctionCtx, g: torch.Tensor): torch.Tensor { return g.mul(ctx.saved_tensors[0]!).mul(2); }
}

const cycles: Record<string, (x: torch.Tensor) => void> = {
  'a hook on a tensor that holds the tensor': (x) => {
    const y = x.mul(2);
    y.register_hook((g) => { void y; return g; });
  },
  'a hook on a tensor that holds a later result': (x) => {
    const y = x.mul(2), z = y.sin().sum();
    y.register_hook(() => { void z; });
  },
  'a hook on a node that holds the node and the tensor': (x) => {
    const y = x.mul(2), node = y.grad_fn!;
    node.register_hook(() => { void [y, node]; });
    node.register_prehook(() => { void node; });
  },
  'a hook on a leaf that holds the leaf': () => {
    const w = torch.ones([100], { requires_grad: true });
    w.register_hook(() => { void w; });
    w.register_post_accumulate_grad_hook(() => { void w; });
  },
  'two graphs whose hooks hold each other': (x) => {
    const y = x.mul(2), z = x.mul(3);
    y.register_hook(() => { void z; });
    z.register_hook(() => { void y; });
  },
  'a context that holds its own result': (x) => {
    const y = Square.apply(x);
    const made = class extends Square {
      static override forward(ctx: torch.FunctionCtx, t: torch.Tensor): torch.Tensor {
        const out = t.exp();
        ctx['out'] = out;
        ctx.save_for_backward(out);
        return out;
      }
    };
    (made as typeof Square).apply(y);
  },
  'saved tensors whose unpackers hold the result': (x) => {
    const later: torch.Tensor[] = [];
    graph.saved_tensors_hooks((t) => ({ t, later }), ({ t }) => t, () => { later.push(x.mul(2).sin().exp()); });
  },
  'a hook on several tensors': (x) => {
    const all = [x.mul(2), x.mul(3)];
    graph.register_multi_grad_hook(all, () => { void all; });
  },
};

for (const [name, make] of Object.entries(cycles)) {
  test(`2,000 graphs with ${name} are freed`, async () => {
    const left = await leftOf(2000, make);
    expect(left.tensors).toBeLessThan(200);
    expect(left.bytes).toBeLessThan(200 * 500);
  });
}

test('20,000 graphs with every kind of cycle are freed beside a model that stays', async () => {
  const keep: Any[] = [];
  const left = await leftOf(2500, (x) => {
    for (const make of Object.values(cycles)) make(x);
    if (keep.length < 20) {
      const y = x.mul(2);
      y.register_hook(() => { void y; });
      keep.push(y);
    }
  });
  expect(left.tensors).toBeLessThan(500);
  expect(keep).toHaveLength(20);
}, 300_000);

test('a hook runs although only a later result is held, through any number of turns', async () => {
  const seen: number[] = [];
  const x = torch.ones([3], { requires_grad: true });
  const make = (): torch.Tensor => {
    const y = x.mul(2), z = y.mul(y);
    y.register_hook((g) => { seen.push(g.sum().item()); void y; });
    z.grad_fn!.register_prehook((g) => { seen.push(g.length); });
    return z.sum();
  };
  const loss = make();
  await settle(20);
  const later = loss.mul(3);
  await settle(20);
  later.backward({ retain_graph: true });
  expect(seen).toEqual([1, 36]);
  await settle(20);
  later.backward();
  expect(seen).toEqual([1, 36, 1, 36]);
  expect(x.grad!.tolist()).toEqual([48, 48, 48]);
});

test('functions are there when only a node, a view, a gradient or an edge is held', async () => {
  const seen: string[] = [];
  const x = torch.ones([3], { requires_grad: true });
  const hooked = (name: string): torch.Tensor => {
    const y = x.mul(2);
    y.register_hook(() => { seen.push(name); void y; });
    return y;
  };
  const node = hooked('node').sum().grad_fn!;
  const view = hooked('view').view([3, 1]);
  const held = { node, view, packed: graph.saved_tensors_hooks((t) => ({ t }), ({ t }) => { seen.push('packed'); return t; }, () => hooked('mul').sin()) };
  await settle(20);
  expect(held.node.next_functions[0]![0]!.name()).toBe('MulBackward0');
  held.view.sum().backward();
  held.packed.sum().backward();
  expect(seen).toEqual(['view', 'packed', 'mul']);
});

test('a parked tensor is itself again: identity, hooks that go, disposal', async () => {
  const w = torch.ones([2], { requires_grad: true });
  const handle = w.register_hook((g) => g.mul(10));
  const y = w.mul(2), accumulate = y.grad_fn!.next_functions[0]![0]!;
  y.register_hook(() => { void y; });
  await settle(20);
  expect(accumulate.variable).toBe(w);
  await settle(20);
  handle.remove();
  y.sum().backward();
  expect(w.grad!.tolist()).toEqual([2, 2]);
  await settle(20);
  const { grad } = w;
  await settle(20);
  expect(w.grad).toBe(grad);
  await settle(20);
  y.dispose();
  expect(() => y.add(1)).toThrow('this tensor has been disposed of');
});
