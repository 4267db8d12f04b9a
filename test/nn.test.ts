/** Modules, optimizers and data as a user meets them. */
import * as torch from 'cresset';
import { expect, test } from 'vitest';

const { nn, optim } = torch;

class Net extends nn.Module {
  fc1 = new nn.Linear(2, 16);
  act = new nn.Tanh();
  fc2 = new nn.Linear(16, 1);
  override forward(x: torch.Tensor): torch.Tensor { return this.fc2(this.act(this.fc1(x))); }
}

test('modules are callable, typed, and print as PyTorch prints them', () => {
  const net = new Net();
  const y: torch.Tensor = net(torch.zeros([3, 2]));
  expect(y.shape).toEqual([3, 1]);
  expect(net).toBeInstanceOf(nn.Module);
  expect(String(net)).toBe(`Net(
  (fc1): Linear(in_features=2, out_features=16, bias=True)
  (act): Tanh()
  (fc2): Linear(in_features=16, out_features=1, bias=True)
)`);
  expect([...net.named_parameters()].map(([name, p]) => `${name} ${p.shape}`)).toEqual(['fc1.weight 16,2', 'fc1.bias 16', 'fc2.weight 1,16', 'fc2.bias 1']);
});

test('a state moves from one module to another, and a wrong one is refused in PyTorch\'s words', () => {
  const [a, b] = [new Net(), new Net()];
  expect(b.load_state_dict(a.state_dict())).toEqual({ missing_keys: [], unexpected_keys: [] });
  const x = torch.randn([4, 2]);
  expect(a(x).tolist()).toEqual(b(x).tolist());
  expect(() => b.load_state_dict({ 'fc1.weight': torch.zeros([3, 3]) })).toThrow(
    'Error(s) in loading state_dict for Net:\n\tMissing key(s) in state_dict: "fc1.bias", "fc2.weight", "fc2.bias". \n\tsize mismatch for fc1.weight: '
    + 'copying a param with shape torch.Size([3, 3]) from checkpoint, the shape in current model is torch.Size([16, 2]).');
});

test.each([['SGD', { lr: 0.1, momentum: 0.9 }], ['Adam', { lr: 0.02 }], ['AdamW', { lr: 0.02 }]] as const)('%s learns a product', (name, options) => {
  torch.manual_seed(0);
  const net = new Net(), criterion = new nn.MSELoss();
  const optimizer = new optim[name](net.parameters(), options);
  const x = torch.randn([64, 2]), y = x.prod(1, true);
  const losses: number[] = [];
  for (let i = 0; i < 300; i++) {
    optimizer.zero_grad();
    const loss = criterion(net(x), y);
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  }
  expect(losses.at(-1)).toBeLessThan(losses[0]! / 20);
});

test('forward hooks see and replace, and what they keep stays', () => {
  const net = new Net(), seen: torch.Tensor[] = [];
  const handle = net.act.register_forward_hook((_m, _args, out) => {
    seen.push(torch.keep(out as torch.Tensor));
    return (out as torch.Tensor).mul(0);
  });
  expect(net(torch.ones([1, 2])).item()).toBe(net.fc2.bias!.item());
  expect(seen[0]!.shape).toEqual([1, 16]);
  handle.remove();
  net(torch.ones([1, 2]));
  expect(seen.length).toBe(1);
});

test('wrong arguments are told as Python tells them', () => {
  expect(() => new (nn.Linear as unknown as new (n: number) => object)(3)).toThrow("Linear.__init__() missing 1 required positional argument: 'out_features'");
  expect(() => new nn.Linear(3, 2, { baise: true } as never)).toThrow("Linear.__init__() got an unexpected keyword argument 'baise'; did you mean 'bias'?");
  expect(() => torch.ones([2]).sum({ dmi: 0 } as never)).toThrow("sum() got an unexpected keyword argument 'dmi'; did you mean 'dim'?");
  expect(() => new optim.SGD([], { lr: 0.1 })).toThrow('optimizer got an empty parameter list');
});

test('a loader gives every sample once, in order or shuffled', async () => {
  const data = new torch.utils.data.TensorDataset(torch.arange(10n), torch.arange(10n).mul(2n));
  const loader = new torch.utils.data.DataLoader(data, { batch_size: 4 });
  expect([...loader].map(([x]) => x!.tolist())).toEqual([[0n, 1n, 2n, 3n], [4n, 5n, 6n, 7n], [8n, 9n]]);
  expect(loader.length).toBe(3);
  const seen: bigint[] = [];
  for await (const [x, y] of new torch.utils.data.DataLoader(data, { batch_size: 3, shuffle: true })) {
    expect(y!.tolist()).toEqual(x!.mul(2n).tolist());
    seen.push(...(x!.tolist() as unknown as bigint[]));
  }
  expect(seen.sort((a, b) => Number(a - b))).toEqual([0n, 1n, 2n, 3n, 4n, 5n, 6n, 7n, 8n, 9n]);
});
