/** Modules, optimizers and data as a user meets them. */
import * as torch from 'cresset';
import { expect, test } from 'vitest';

const { nn, optim } = torch;
const F = nn.functional;

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

test('packed sequences give what each sequence gives alone', () => {
  torch.manual_seed(0);
  const lstm = new nn.LSTM(3, 4, { num_layers: 2, bidirectional: true, batch_first: true });
  const sequences = [2, 5, 3].map((n) => torch.randn([n, 3]));
  const [out, [h, c]] = lstm(nn.utils.rnn.pack_sequence(sequences, false)) as unknown as [InstanceType<typeof nn.utils.rnn.PackedSequence>, [torch.Tensor, torch.Tensor]];
  const [padded, lengths] = nn.utils.rnn.pad_packed_sequence(out, { batch_first: true });
  expect(lengths.tolist()).toEqual([2n, 5n, 3n]);
  sequences.forEach((s, i) => {
    const [alone, [h1, c1]] = lstm(s);
    expect(torch.allclose(padded.select(0, i).narrow(0, 0, s.shape[0]!), alone, 1e-5, 1e-6)).toBe(true);
    expect(torch.allclose(h.select(1, i), h1, 1e-5, 1e-6) && torch.allclose(c.select(1, i), c1, 1e-5, 1e-6)).toBe(true);
  });
});

test('a lazy module becomes an ordinary one, and its optimizer keeps its parameters', () => {
  const lazy = new nn.LazyLinear(2);
  expect(String(lazy)).toBe('LazyLinear(in_features=0, out_features=2, bias=True)');
  expect(() => lazy.weight.shape).toThrow("Can't access the shape of an uninitialized parameter or buffer.");
  const optimizer = new optim.SGD(lazy.parameters(), { lr: 1 });
  lazy(torch.ones([1, 3])).sum().backward();
  const before = lazy.weight.detach().clone();
  optimizer.step();
  expect(String(lazy)).toBe('Linear(in_features=3, out_features=2, bias=True)');
  expect(lazy.weight.equal(before.sub(1))).toBe(true);
});

test('copies of modules have tensors of their own, and share what was shared', () => {
  const a = new nn.Linear(2, 2), both = new nn.Sequential(a, new nn.ReLU(), a);
  const copy = nn.deepcopy(both);
  expect(copy.at(0)).toBe(copy.at(2));
  expect(copy.at(0)).not.toBe(a);
  torch.no_grad(() => { (copy.at(0) as typeof a).weight.zero_(); });
  expect(a.weight.count_nonzero().item()).toBe(4n);
  expect((copy.at(0) as typeof a).weight.requires_grad).toBe(true);
});

test('a module in another dtype still learns', () => {
  const l = new nn.Linear(2, 1).double();
  l(torch.ones([1, 2], { dtype: torch.float64 })).sum().backward();
  expect(l.weight.grad!.dtype).toBe(torch.float64);
});

test('what the closure of L-BFGS makes outlives the step', () => {
  const x = torch.tensor([3, -2], { requires_grad: true }), losses: torch.Tensor[] = [];
  const optimizer = new optim.LBFGS([x], { line_search_fn: 'strong_wolfe' });
  for (let i = 0; i < 3; i++) {
    optimizer.step(() => {
      optimizer.zero_grad();
      const loss = x.sub(torch.tensor([1, 2])).square().sum();
      loss.backward();
      losses.push(loss);
      return loss;
    });
  }
  expect(losses[0]!.item()).toBe(20);
  expect(torch.allclose(x, torch.tensor([1, 2]), 1e-4, 1e-4)).toBe(true);
});

test('gradients are clipped by their common norm', () => {
  const [a, b] = [torch.zeros([2], { requires_grad: true }), torch.zeros([1], { requires_grad: true })];
  a.mul(torch.tensor([3, 0])).sum().add(b.mul(4).sum()).backward();
  expect(nn.utils.clip_grad_norm_([a, b], 1).item()).toBe(5);
  expect(torch.allclose(nn.utils.parameters_to_vector([a.grad!, b.grad!]), torch.tensor([0.6, 0, 0.8]))).toBe(true);
});

test('loaders take arrays, iterables, promises and samplers', async () => {
  const { BatchSampler, ConcatDataset, DataLoader, random_split, SequentialSampler } = torch.utils.data;
  const list = [0n, 1n, 2n, 3n, 4n], rows = (loader: Iterable<torch.Tensor>): unknown => [...loader].map((t) => t.tolist());
  expect(rows(new DataLoader<bigint, torch.Tensor>(list, { batch_size: 2 }))).toEqual([[0n, 1n], [2n, 3n], [4n]]);
  expect(rows(new DataLoader<bigint, torch.Tensor>(new Set(list), { batch_size: 2, drop_last: true }))).toEqual([[0n, 1n], [2n, 3n]]);
  expect(rows(new DataLoader<bigint, torch.Tensor>(new ConcatDataset([list, list]), { batch_sampler: new BatchSampler(new SequentialSampler(list), 3) }))).toEqual([[0n, 1n, 2n], [3n, 4n]]);
  const later = { length: 3, at: async (i: number): Promise<bigint> => Promise.resolve(BigInt(i)) }, seen: unknown[] = [];
  for await (const t of new DataLoader<bigint, torch.Tensor>(later, { batch_size: 2 })) seen.push(t.tolist());
  expect(seen).toEqual([[0n, 1n], [2n]]);
  expect(random_split(list, [0.5, 0.5], new torch.Generator().manual_seed(1)).map((s) => s.length)).toEqual([3, 2]);
});

test('3x3 convolutions go by fewer products or, if told so, by plain sums, and are right both ways', () => {
  torch.manual_seed(0);
  const x = torch.randn([2, 16, 13, 17]), w = torch.randn([24, 16, 3, 3]).mul(0.1);
  const exact = F.conv2d(x.double(), w.double(), null, { padding: 1 });
  const [quick, plain] = [true, false].map((on) => {
    torch.backends.wasm.winograd = on;
    return F.conv2d(x, w, null, { padding: 1 });
  }) as [torch.Tensor, torch.Tensor];
  expect(torch.backends.wasm.winograd).toBe(false);
  torch.backends.wasm.winograd = true;
  expect(quick.equal(plain)).toBe(false);
  for (const y of [quick, plain]) expect(y.double().sub(exact).abs().max().item()).toBeLessThan(1e-5);
});
