// The tutorial prints PyTorch's characters, and training works end to end.
import { execFileSync } from 'node:child_process';
import * as torch from 'cresset';
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

test('the package loads by require and by import', () => {
  const code = "const t = require('cresset'); console.log(String(t.tensor([1, 2.5])))";
  expect(execFileSync(process.execPath, ['-e', code], { encoding: 'utf8' })).toBe('tensor([1.0000, 2.5000])\n');
});

test('an MLP learns a function of its input', () => {
  torch.manual_seed(0);
  const { nn, optim } = torch;
  const net = new nn.Sequential(new nn.Linear(2, 16), new nn.Tanh(), new nn.Linear(16, 1));
  expect(String(net)).toBe('Sequential(\n  (0): Linear(in_features=2, out_features=16, bias=True)\n  (1): Tanh()\n  (2): Linear(in_features=16, out_features=1, bias=True)\n)');
  const x = torch.randn([64, 2]);
  const y = x.select(1, 0).mul(x.select(1, 1)).unsqueeze(1);
  const loss = new nn.MSELoss();
  const opt = new optim.Adam(net.parameters(), { lr: 0.02 });
  let [first, last] = [NaN, NaN];
  for (let i = 0; i < 300; i++) {
    torch.tidy(() => {
      opt.zero_grad();
      const l = loss(net(x), y);
      l.backward();
      opt.step();
      last = l.item();
      if (i === 0) first = last;
    });
  }
  expect(last).toBeLessThan(first / 20);
});

test('a disposed tensor is an error, and errors leave the library working', () => {
  const t = torch.tensor([1.5]);
  t.dispose();
  expect(() => t.add(1)).toThrow('this tensor has been disposed of');
  expect(() => torch.ones([2]).add(torch.ones([3]))).toThrow(
    'The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0');
  expect(() => torch.zeros([1e6, 1e6])).toThrow(torch.RuntimeError);
  expect(torch.ones([2]).add(1).tolist()).toEqual([2, 2]);
});

test('hooks see and replace gradients', () => {
  const x = torch.tensor([1, 2], { requires_grad: true });
  const y = x.mul(3);
  const hook = y.register_hook((g) => g.mul(10));
  y.sum().backward();
  expect(x.grad!.tolist()).toEqual([30, 30]);
  hook.remove();
});
