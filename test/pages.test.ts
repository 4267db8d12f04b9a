/** Pages that small tensors share; a file of its own, since what it leaves behind only a full collection finds. */
import * as torch from 'cresset';
import { expect, test } from 'vitest';

test('a small tensor that is kept keeps few others', () => {
  const a = torch.ones([4]), kept: torch.Tensor[] = [], before = torch.memory.stats().tensors;
  const loop = (each: number, count: number): number => {
    for (let i = 0; i < count; i++) {
      const b = a.add(i);
      if (i % each === 0) kept.push(b);
    }
    return torch.memory.stats().tensors - before;
  };
  // What the last look has not seen yet is there besides: as much again, and some.
  const some = 40_000;
  expect(loop(1e9, 100_000)).toBeLessThan(some);
  expect(loop(100, 200_000)).toBeLessThan(2 * 16 * kept.length + some);
  expect(kept[1000]!.eq(1 + 100 * 999).all().item()).toBe(true);
});
