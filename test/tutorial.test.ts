/** The tutorial prints PyTorch's characters. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

const PRINTED = `null
tensor(28., grad_fn=<MulBackward0>)
tensor([ 0.,  4.,  8., 12.])
tensor([True, True, True, True])
tensor(6., grad_fn=<SumBackward0>)
tensor([1., 1., 1., 1.])
tensor([0., 1., 2., 3.], requires_grad=True)
tensor([0., 2., 4., 6.])
RuntimeError: grad can be implicitly created only for scalar outputs
tensor([True, True, True, True])
tensor([True, True, True, True])
tensor(4., grad_fn=<LinalgVectorNormBackward0>)
tensor(1024., grad_fn=<MulBackward0>)
tensor(512.)
tensor(True)
`;

test('the tutorial prints what PyTorch prints', () => {
  expect(execFileSync(process.execPath, ['examples/tutorial.ts'], { encoding: 'utf8' })).toBe(PRINTED);
});
