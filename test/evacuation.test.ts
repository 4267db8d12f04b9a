/** Memory where no collection can be had in synchronous code, as in browsers: what lies unused is evacuated, and comes back. */
import { expect, test, vi } from 'vitest';

vi.hoisted(() => { process.env['CRESSET_COLLECT'] = 'no'; });
const torch = await import('cresset');
const { live, stepsStayFlat, yieldingLoopStaysFlat } = await import('./flat.ts');
const { optim } = torch;

test('5,000 synchronous training steps end with the bytes of step 100', () => { stepsStayFlat(5000); });

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

test('under pressure the oldest go, and those in use come back', () => {
  const { live_bytes, evacuations } = torch.memory.stats();
  torch.memory.set_budget(live_bytes + 2e7);
  const ring: torch.Tensor[] = [];
  for (let i = 0; i < 500; i++) ring[i % 20] = torch.full([100_000], i);
  expect(live() - live_bytes).toBeLessThan(3e7);
  expect(torch.memory.stats().evacuations - evacuations).toBeGreaterThan(300);
  expect(ring.every((t, i) => t.eq(480 + i).all().item())).toBe(true);
});

test('an eager loop that yields ends with the bytes it had early on', yieldingLoopStaysFlat);
