/** Profiles: what ran is there under PyTorch's names, nested as it ran. */
import * as torch from 'cresset';
import { expect, test } from 'vitest';

const { profile, record_function } = torch.profiler;

function step(): void {
  const x = torch.tensor([1, 2]).requires_grad_();
  record_function('forward', () => x.mul(x).sum()).backward();
}

test('ops, nodes and stretches are there', () => {
  const prof = profile(step, { record_shapes: true });
  const names = prof.events().map((e) => e.name);
  expect(names).toEqual(expect.arrayContaining(['forward', 'aten::mul', 'aten::sum', 'MulBackward0', 'SumBackward0']));
  const mul = prof.events().find((e) => e.name === 'aten::mul')!;
  expect(mul).toMatchObject({ depth: 1, inputs: 'float32[2], float32[2]' });
  // The times of what ran inside are no part of its own.
  const forward = prof.events().find((e) => e.name === 'forward')!;
  expect(forward.self).toBeLessThanOrEqual(forward.duration - mul.duration + 1e-6);
});

test('a table has the largest first', () => {
  const averages = profile(() => { for (let i = 0; i < 3; i++) step(); }).key_averages();
  expect(averages.find((a) => a.key === 'forward')?.count).toBe(3);
  const lines = averages.table({ sort_by: 'count', row_limit: 2 }).split('\n');
  expect(lines[1]).toMatch(/^ +Name    Self CPU % +Self CPU   CPU total % +CPU total  CPU time avg    # of Calls/);
  expect(lines).toHaveLength(8);
});

test('a trace is what Chrome reads, and a profile ends with an error', () => {
  expect(() => profile(() => { torch.ones([2]).add(torch.ones([3])); })).toThrow(/must match the size/);
  const trace = JSON.parse(profile(step).export_chrome_trace()) as { traceEvents: { ph: string; ts: number; dur: number }[] };
  expect(trace.traceEvents.every((e) => e.ph === 'X' && e.ts >= 0 && e.dur >= 0)).toBe(true);
});
