/** Flat memory without a memory call; and what frees at once, comes back, or can't be had. */
import * as torch from 'cresset';
import { expect, test } from 'vitest';
import { live, stepsStayFlat, yieldingLoopStaysFlat } from './flat.ts';

const { nn, optim } = torch;
const isFull = (t: torch.Tensor, value: number): boolean => t.eq(value).all().item() as boolean;

test('20,000 synchronous training steps end with the bytes of step 100', () => { stepsStayFlat(20_000); });

test('an eager loop that yields ends with the bytes it had early on', yieldingLoopStaysFlat);

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

test('a synchronous loop of large results reuses a little memory, and evacuates nothing', () => {
  const a = torch.ones([100_000]), before = torch.memory.stats();
  torch.memory.reset_peak();
  let sum = 0;
  for (let i = 0; i < 3000; i++) {
    const b = a.add(i);
    if (i % 500 === 0) sum += b.mean().item() as number;
  }
  const after = torch.memory.stats();
  expect(sum).toBe(7506);
  expect(after.evacuations).toBe(before.evacuations);
  expect(after.peak_bytes - before.live_bytes).toBeLessThan(2e8);
});

test('what a synchronous loop still holds is never taken, young or old', () => {
  const ring: torch.Tensor[] = [], few: torch.Tensor[] = [];
  for (let i = 0; i < 4000; i++) {
    const t = torch.full([50_000], i);
    ring[i % 50] = t;
    if (i % 400 === 0) few.push(t.mul(2));
  }
  expect(few.every((t, i) => isFull(t, 800 * i))).toBe(true);
  expect(ring.every((t, i) => isFull(t, 3950 + i))).toBe(true);
});

test.each([
  ['large', 20_000, 30_000, 4000], ['small', 1, 40, 100_000],
])('a random program with %s tensors reads what it wrote, whatever was collected in its midst', (_, least, more, rounds) => {
  let seed = 1;
  const upTo = (n: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % n;
  };
  const fresh = (): [torch.Tensor, number] => [torch.full([least + upTo(more)], 1), 1];
  const pool = Array.from({ length: 30 }, fresh);
  let wrong = 0;
  for (let i = 0; i < rounds; i++) {
    const k = upTo(30), [t, v] = pool[k]!;
    switch (upTo(9)) {
      case 0: pool[k] = [t.add(1).mul(2), 2 * v + 2]; break;
      case 1: pool[k] = [torch.cat([t, t]).chunk(2)[upTo(2)]!, v]; break;
      case 2: pool[upTo(30)] = [t.clone().add_(3), v + 3]; break;
      case 3: pool[k] = [torch.stack([t, t.neg()]).unbind(0)[1]!.neg(), v]; break;
      case 4: pool[k] = [torch.where(t.gt(1e9), t.mul(0), t), v]; break;
      case 5: pool[k] = [t.add(5).view(-1, 1).expand(-1, 2).select(1, upTo(2)), v + 5]; break;
      case 6: {
        const x = t.clone().requires_grad_();
        x.mul(x).sum().backward();
        pool[k] = [x.grad!, 2 * v];
        break;
      }
      case 7: pool[k] = [t.add(t.sum().mul(0)).detach(), v]; break;
      default: if (!isFull(t, v)) wrong += 1;
    }
    if (Math.abs(pool[k]![1]) > 1e5) pool[k] = fresh();
  }
  expect(wrong).toBe(0);
});

test('tensors that were kept for a while are freed under pressure', () => {
  const { live_bytes, evacuations } = torch.memory.stats();
  torch.memory.set_budget(live_bytes + 6e7);
  try {
    const ring: torch.Tensor[] = [];
    for (let i = 0; i < 4000; i++) ring[i % 80] = torch.full([100_000], i);
    expect(live() - live_bytes).toBeLessThan(9e7);
    expect(ring.every((t, i) => isFull(t, 3920 + i))).toBe(true);
    expect(torch.memory.stats().evacuations - evacuations).toBeLessThan(2000);
  } finally {
    torch.memory.set_budget(2 ** 29);
  }
});

test.each([
  ['MLP', () => new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10)), [32, 784], 1200],
  ['LeNet', () => new nn.Sequential(new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(1176, 10)), [16, 1, 28, 28], 600],
] as const)('synchronous steps of the %s end with the bytes of early ones, and evacuate nothing', (_, make, shape, steps) => {
  torch.manual_seed(0);
  const model = make(), optimizer = new optim.Adam(model.parameters()), criterion = new nn.CrossEntropyLoss();
  const x = torch.randn([...shape]), y = torch.randint(10, [shape[0]]);
  const { evacuations } = torch.memory.stats();
  let early = 0;
  for (let step = 1; step <= steps; step++) {
    optimizer.zero_grad();
    criterion(model(x), y).backward();
    optimizer.step();
    if (step === 100) early = live();
  }
  expect(live()).toBeLessThanOrEqual(early * 1.05);
  expect(torch.memory.stats().evacuations).toBe(evacuations);
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
