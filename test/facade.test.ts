/** The facade: numbers both ways, indexing, keywords, errors, the package's doors. */
import { execFileSync } from 'node:child_process';
import * as torch from 'cresset';
import { expect, test } from 'vitest';

test('the package loads by require and by import', () => {
  const code = "const t = require('cresset'); console.log(String(t.tensor([1, 2.5])))";
  expect(execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' })).toBe('tensor([1.0000, 2.5000])\n');
});

test('a number is a float, a bigint an int, a boolean a bool, both ways', () => {
  expect(torch.tensor([1, 2]).dtype).toBe(torch.float32);
  expect(torch.tensor([1n, 2n]).dtype).toBe(torch.int64);
  expect(torch.tensor([true]).dtype).toBe(torch.bool);
  expect(torch.tensor([1n]).mul(2n).dtype).toBe(torch.int64);
  expect(torch.tensor([1n]).mul(2).dtype).toBe(torch.float32);
  expect(torch.tensor(2n ** 60n).item()).toBe(2n ** 60n);
  expect(torch.tensor([3n], { dtype: torch.int32 }).item()).toBe(3);
  expect(torch.tensor([true, false]).tolist()).toEqual([true, false]);
  const loss = torch.tensor(1.5);
  expect(loss.item() + 1).toBe(2.5);
});

test('typed arrays keep their dtypes, both ways', () => {
  for (const a of [new Float32Array([1, 2]), new Float64Array([1, 2]), new Int32Array([1, 2]), new Uint8Array([1, 2]), new BigInt64Array([1n, 2n])]) {
    expect(torch.tensor(a).numpy()).toEqual(a);
  }
});

test('several results come apart both ways', () => {
  const x = torch.tensor([[1, 5], [7, 3]]);
  const { values, indices } = x.max({ dim: 1 });
  const [v, i] = x.max(1);
  expect([values.tolist(), indices.tolist()]).toEqual([[5, 7], [1n, 0n]]);
  expect([v.tolist(), i.tolist()]).toEqual([[5, 7], [1n, 0n]]);
});

test('indices are read as Python reads them', () => {
  const x = torch.arange(24n).view(2, 3, 4);
  expect(x.index(1, 2, 3).item()).toBe(23n);
  expect(x.index('1, :, ::2').shape).toEqual([3, 2]);
  expect(x.index(torch.slice(null, 1), null, '...', -1).tolist()).toEqual([[[3n, 7n, 11n]]]);
  expect(x.index(x.gt(20n)).tolist()).toEqual([21n, 22n, 23n]);
  expect(x.index(x.select(2, 0).gt(15n), torch.tensor([3n, 1n])).tolist()).toEqual([19n, 21n]);
  expect(x.index([0, 1], [2, 0]).tolist()).toEqual([[8n, 9n, 10n, 11n], [12n, 13n, 14n, 15n]]);
  expect(() => x.index(2)).toThrow('index 2 is out of bounds for dimension 0 with size 2');
  expect(() => x.index(0, 0, 0, 0)).toThrow('too many indices for tensor of dimension 3');
  const y = torch.zeros([2, 3]);
  y.index_put_([0, '1:'], 5);
  y.index_put_([y.eq(0)], -1);
  expect(y.tolist()).toEqual([[-1, 5, 5], [-1, -1, -1]]);
});

test('errors are PyTorch\'s, with the call in a last line, and leave everything working', () => {
  try {
    torch.ones([2]).mul(torch.ones([3]));
    expect.unreachable();
  } catch (e) {
    expect(e).toBeInstanceOf(torch.RuntimeError);
    expect((e as Error).message).toBe('The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0\nin mul(float32[2], float32[3])');
    expect((e as Error).stack).toContain('facade.test');
  }
  expect(() => torch.ones([2]).sum(5)).toThrow(torch.IndexError);
  expect(torch.ones([2]).mul(2).tolist()).toEqual([2, 2]);
});

test('the stack of an error begins where the user made the call', () => {
  const stacks: string[] = [];
  for (const wrong of [() => torch.ones([2]).mul(torch.ones([3])), () => torch.ones([2]).sum({ dimension: 0 } as never), () => torch.ones([2]).backward()]) {
    try {
      wrong();
    } catch (error) {
      stacks.push((error as Error).stack!);
    }
  }
  for (const stack of stacks) expect(stack.split('\n').find((line) => /^ *at /.test(line))).toContain('facade.test');
  expect(stacks[0]).toContain('in mul(float32[2], float32[3])');
  expect(stacks).toHaveLength(3);
});

test('out= is filled and returned', () => {
  const out = torch.empty([0]);
  expect(torch.add(torch.ones([2]), 1, { out })).toBe(out);
  expect(out.tolist()).toEqual([2, 2]);
});

test('hooks see and replace gradients; what a hook throws reaches the caller', () => {
  const x = torch.tensor([1, 2], { requires_grad: true });
  const y = x.mul(3);
  const hook = y.register_hook((g) => g.mul(10));
  y.sum().backward({ retain_graph: true });
  expect(x.grad!.tolist()).toEqual([30, 30]);
  hook.remove();
  y.register_hook(() => { throw new RangeError('mine'); });
  expect(() => { y.sum().backward(); }).toThrow(RangeError);
  expect(torch.autograd.grad(x.mul(x).sum(), x)[0]!.tolist()).toEqual([2, 4]);
});

test('a gradient is the same object as long as it is the same gradient', () => {
  const x = torch.tensor([1, 2], { requires_grad: true });
  expect(x.grad).toBeNull();
  x.sum().backward();
  expect(x.grad).toBe(x.grad);
  x.grad = null;
  expect(x.grad).toBeNull();
});
