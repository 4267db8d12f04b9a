/** Flat memory without a memory call; and what frees at once, comes back, or can't be had. */
import * as torch from 'cresset';
import { expect, test } from 'vitest';

const { nn, optim } = torch;
const live = (): number => torch.memory.stats().live_bytes;

test('20,000 synchronous training steps end with the bytes of step 100', () => {
  torch.manual_seed(0);
  const model = new nn.Sequential(new nn.Linear(8, 16), new nn.ReLU(), new nn.Linear(16, 4));
  const optimizer = new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const x = torch.randn([16, 8]), y = torch.randint(4, [16]);
  const criterion = new nn.CrossEntropyLoss();
  let early = 0;
  for (let step = 1; step <= 20_000; step++) {
    optimizer.zero_grad();
    const output = model(x);
    const loss = criterion(output, y);
    loss.backward();
    optimizer.step();
    if (step === 100) early = live();
  }
  expect(live()).toBeLessThanOrEqual(early * 1.05);
});

test('an eager loop that yields ends with the bytes it had early on', async () => {
  const x = torch.randn([1000]);
  let early = 0;
  for (let i = 1; i <= 4000; i++) {
    const y = x.mul(2).add(1);
    expect(y.shape).toEqual([1000]);
    if (i % 20 === 0) await new Promise((go) => { setTimeout(go, 0); });
    if (i === 400) early = live();
  }
  expect(live()).toBeLessThanOrEqual(early * 1.05);
});

test('tidy frees what it does not return, and keep keeps', () => {
  const before = live();
  let kept: torch.Tensor | undefined;
  const out = torch.tidy(() => {
    const a = torch.ones([1000]);
    kept = torch.keep(a.mul(2));
    return { sum: a.add(1).sum(), list: [a.mul(3)] };
  });
  expect(out.sum.item()).toBe(2000);
  expect(out.list[0]!.sum().item()).toBe(3000);
  expect(kept!.sum().item()).toBe(2000);
  out.sum.dispose();
  out.list[0]!.dispose();
  kept!.dispose();
  expect(live() - before).toBeLessThan(200);
});

test('using and dispose free at once; a disposed tensor is an error and never another tensor', () => {
  const before = live();
  {
    using t = torch.ones([10_000]);
    expect(live() - before).toBeGreaterThanOrEqual(40_000);
    expect(t.numel()).toBe(10_000);
  }
  expect(live()).toBe(before);
  const t = torch.tensor([1.5]);
  t.dispose();
  t.dispose();
  torch.tensor([2.5]);
  expect(() => t.add(1)).toThrow('this tensor has been disposed of');
});

test('tensors that were evacuated come back with their values', () => {
  const list = Array.from({ length: 40 }, (_, i) => torch.full([100], i));
  const optimizer = new optim.SGD([torch.zeros([1], { requires_grad: true })], { lr: 0.1 });
  const before = torch.memory.stats();
  for (let i = 0; i < 4; i++) optimizer.step();
  const after = torch.memory.stats();
  expect(after.evacuations - before.evacuations).toBeGreaterThanOrEqual(32);
  expect(after.live_bytes).toBeLessThan(before.live_bytes);
  expect(list.map((t) => t.sum().item())).toEqual(list.map((_, i) => 100 * i));
});

test('an allocation that cannot be had is an error, and the next op works', () => {
  expect(() => torch.zeros([1e6, 1e6])).toThrow(torch.RuntimeError);
  expect(() => torch.zeros([3e9 / 4])).toThrow(/not enough memory/);
  expect(torch.ones([2]).add(1).tolist()).toEqual([2, 2]);
});

test('what a module makes on the way is freed when its call ends', () => {
  class Net extends nn.Module {
    seen: torch.Tensor | null = null;
    override forward(x: torch.Tensor): torch.Tensor {
      this.seen = x.mul(2);
      return x.add(1).add(1);
    }
  }
  const net = new Net(), x = torch.ones([1000]);
  const before = live();
  const y = torch.no_grad(() => net(x));
  expect(live() - before).toBe(8000);
  expect(net.seen!.sum().item()).toBe(2000);
  expect(y.sum().item()).toBe(3000);
});
