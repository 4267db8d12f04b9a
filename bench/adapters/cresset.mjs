// Cresset as a user writes it: the public API, and not one memory call.
import { readFileSync } from 'node:fs';
import * as torch from 'cresset';
import { count, integers, numbers } from '../cases.mjs';

const { nn, optim } = torch;
const F = nn.functional;

export const name = 'cresset';

const tensor = (shape, seed = 1, scale = 1) => torch.tensor(numbers(count(shape), seed, scale)).reshape(shape);
const classes = (n, limit, seed) => torch.tensor(integers(n, limit, seed)).to(torch.int64);
/** A batch of text and what comes next. */
const text = ({ batch, length, vocabulary }) => [classes(batch * length, vocabulary).view(batch, length), classes(batch * length, vocabulary, 2)];

class Block extends nn.Module {
  constructor(width, heads) {
    super();
    this.heads = heads;
    this.norm1 = new nn.LayerNorm(width);
    this.qkv = new nn.Linear(width, 3 * width);
    this.out = new nn.Linear(width, width);
    this.norm2 = new nn.LayerNorm(width);
    this.up = new nn.Linear(width, 4 * width);
    this.down = new nn.Linear(4 * width, width);
  }

  forward(x) {
    const [batch, length, width] = x.shape;
    const [q, k, v] = this.qkv(this.norm1(x)).view(batch, length, 3, this.heads, width / this.heads).permute(2, 0, 3, 1, 4).unbind(0);
    const seen = F.scaled_dot_product_attention(q, k, v, { is_causal: true });
    x = x.add(this.out(seen.transpose(1, 2).reshape(batch, length, width)));
    return x.add(this.down(F.gelu(this.up(this.norm2(x)), { approximate: 'tanh' })));
  }
}

class GPT extends nn.Module {
  constructor({ vocabulary, width, heads, layers, length }) {
    super();
    this.tokens = new nn.Embedding(vocabulary, width);
    this.places = new nn.Parameter(torch.randn([length, width]).mul(0.02));
    this.blocks = new nn.Sequential(...Array.from({ length: layers }, () => new Block(width, heads)));
    this.norm = new nn.LayerNorm(width);
    this.head = new nn.Linear(width, vocabulary, { bias: false });
  }

  forward(i) {
    return this.head(this.norm(this.blocks(this.tokens(i).add(this.places))));
  }
}

class Residual extends nn.Module {
  constructor(from, to, stride) {
    super();
    this.conv1 = new nn.Conv2d(from, to, 3, { stride, padding: 1, bias: false });
    this.norm1 = new nn.BatchNorm2d(to);
    this.conv2 = new nn.Conv2d(to, to, 3, { padding: 1, bias: false });
    this.norm2 = new nn.BatchNorm2d(to);
    this.shortcut = stride === 1 ? new nn.Identity() : new nn.Sequential(new nn.Conv2d(from, to, 1, { stride, bias: false }), new nn.BatchNorm2d(to));
  }

  forward(x) {
    const inner = this.norm2(this.conv2(F.relu(this.norm1(this.conv1(x)))));
    return F.relu(inner.add(this.shortcut(x)));
  }
}

class ResNet extends nn.Module {
  constructor() {
    super();
    this.stem = new nn.Sequential(new nn.Conv2d(3, 16, 3, { padding: 1, bias: false }), new nn.BatchNorm2d(16), new nn.ReLU());
    this.stages = new nn.Sequential(new Residual(16, 16, 1), new Residual(16, 32, 2), new Residual(32, 64, 2));
    this.head = new nn.Linear(64, 10);
  }

  forward(x) {
    return this.head(this.stages(this.stem(x)).mean([2, 3]));
  }
}

class CharLSTM extends nn.Module {
  constructor({ vocabulary, width }) {
    super();
    this.tokens = new nn.Embedding(vocabulary, width);
    this.lstm = new nn.LSTM(width, width, { batch_first: true });
    this.head = new nn.Linear(width, vocabulary);
  }

  forward(i) {
    return this.head(this.lstm(this.tokens(i))[0]);
  }
}

function training({ opt, lr, momentum = 0 }, model, x, y) {
  const optimizer = opt === 'sgd' ? new optim.SGD(model.parameters(), { lr, momentum })
    : new { adam: optim.Adam, adamw: optim.AdamW }[opt](model.parameters(), { lr });
  const run = () => {
    optimizer.zero_grad();
    const loss = F.cross_entropy(model(x).view(y.shape[0], -1), y);
    loss.backward();
    optimizer.step();
    return loss;
  };
  return { run, check: () => values([run(), run()]) };
}

const values = (tensors) => tensors.map((t) => t.detach().reshape(-1).tolist());
/** An op, forward. */
const forward = (f) => ({ run: f, check: () => values([f()].flat()) });
/** A layer forward and backward; the gradients of `leaves` are what is asked for. */
function bothWays(f, leaves) {
  const g = tensor(f().shape, 9);
  const run = () => {
    for (const t of leaves) t.grad = null;
    const out = f();
    out.backward(g);
    return out;
  };
  return { run, check: () => values([run(), ...leaves.map((t) => t.grad)]) };
}
const leaf = (...args) => tensor(...args).requires_grad_();

const kinds = {
  tinyAdd: () => {
    const [a, b] = [torch.ones([4]), torch.ones([4])];
    return () => a.add(b);
  },
  tinyChain: () => {
    const [a, b] = [torch.ones([4]), torch.ones([4])];
    return () => {
      let t = a;
      for (let i = 0; i < 100; i++) t = t.add(b);
    };
  },
  tinyDot: () => {
    const x = torch.arange(4.0).requires_grad_();
    return () => {
      torch.dot(x, x).mul(2).backward();
      x.grad = null;
    };
  },
  matmul: ({ m, k, n }) => {
    const [a, b] = [tensor([m, k]), tensor([k, n], 2)];
    return () => a.matmul(b);
  },
  binary: ({ op, n }) => {
    const [a, b] = [tensor([n]), tensor([n], 2)];
    return op === 'add' ? () => a.add(b) : () => a.mul(b);
  },
  unary: ({ op, n }) => {
    const a = tensor([n], 1, 4);
    return { exp: () => a.exp(), tanh: () => a.tanh(), sigmoid: () => a.sigmoid(), gelu: () => F.gelu(a, { approximate: 'tanh' }) }[op];
  },
  sum: ({ n }) => {
    const a = tensor([n]);
    return () => a.sum();
  },
  softmax: ({ r, c }) => {
    const a = tensor([r, c]);
    return () => torch.softmax(a, 1);
  },
  layerNorm: ({ r, c }) => {
    const [a, w, b] = [tensor([r, c]), torch.ones([c]), torch.zeros([c])];
    return () => F.layer_norm(a, [c], w, b);
  },
  transpose: ({ r, c }) => {
    const a = tensor([r, c]);
    return () => a.t().contiguous();
  },
  addRow: ({ r, c }) => {
    const [a, b] = [tensor([r, c]), tensor([c], 2)];
    return () => a.add(b);
  },
  conv: ({ x, w }) => {
    const [input, weight] = [tensor(x), tensor(w, 2)];
    return () => F.conv2d(input, weight, { padding: 1 });
  },
  convGrad: ({ x, w }) => {
    const [input, weight, g] = [tensor(x).requires_grad_(), tensor(w, 2).requires_grad_(), tensor([x[0], w[0], x[2], x[3]], 3)];
    return () => {
      input.grad = weight.grad = null;
      F.conv2d(input, weight, { padding: 1 }).backward(g);
    };
  },
  maxPool: ({ x }) => {
    const a = tensor(x);
    return () => F.max_pool2d(a, 2);
  },
  sort: ({ n }) => {
    const a = tensor([n]);
    // Only values are compared: of equal elements any may come first.
    return { run: () => a.sort(), check: () => values([a.sort()[0]]) };
  },
  cumsum: ({ n }) => {
    const a = tensor([n]);
    return forward(() => a.cumsum(0));
  },
  where: ({ n }) => {
    const [a, b, mask] = [tensor([n]), tensor([n], 2), tensor([n], 3).gt(0)];
    return forward(() => torch.where(mask, a, b));
  },
  maskedFill: ({ n }) => {
    const [a, mask] = [tensor([n]), tensor([n], 3).gt(0)];
    return forward(() => a.masked_fill(mask, 0));
  },
  indexSelect: ({ r, c, n }) => {
    const [a, i] = [tensor([r, c]), classes(n, r)];
    return forward(() => a.index_select(0, i));
  },
  gather: ({ r, c }) => {
    const [a, i] = [tensor([r, c]), classes(r * c, c, 2).view(r, c)];
    return forward(() => a.gather(1, i));
  },
  cat: ({ r, c }) => {
    const [a, b] = [tensor([r, c]), tensor([r, c], 2)];
    return forward(() => torch.cat([a, b], 1));
  },
  maxRow: ({ r, c }) => {
    const a = tensor([r, c]);
    return forward(() => torch.max(a, 1));
  },
  linear: ({ batch, from, to }) => {
    const [x, w, b] = [leaf([batch, from]), leaf([to, from], 2), leaf([to], 3)];
    return bothWays(() => F.linear(x, w, b), [x, w, b]);
  },
  embedding: ({ n, rows, width }) => {
    const [i, w] = [classes(n, rows), leaf([rows, width])];
    return bothWays(() => F.embedding(i, w), [w]);
  },
  attention: ({ x }) => {
    const [q, k, v] = [1, 2, 3].map((seed) => leaf(x, seed));
    return bothWays(() => F.scaled_dot_product_attention(q, k, v, { is_causal: true }), [q, k, v]);
  },
  lstmLayer: ({ batch, length, from, to }) => {
    const lstm = new nn.LSTM(from, to, { batch_first: true }), x = leaf([batch, length, from]);
    const parameters = [...lstm.parameters()];
    torch.no_grad(() => parameters.forEach((p, i) => p.copy_(tensor(p.shape, i + 2, 0.1))));
    return bothWays(() => lstm(x)[0], [x, ...parameters]);
  },
  batchNorm: ({ x }) => {
    const norm = new nn.BatchNorm2d(x[1]), a = leaf(x);
    return bothWays(() => norm(a), [a, norm.weight, norm.bias]);
  },
  groupNorm: ({ x, groups }) => {
    const [a, w, b] = [leaf(x), torch.ones([x[1]]).requires_grad_(), torch.zeros([x[1]]).requires_grad_()];
    return bothWays(() => F.group_norm(a, groups, w, b), [a, w, b]);
  },
  dropout: ({ r, c }) => {
    const x = leaf([r, c]);
    return { run: bothWays(() => F.dropout(x), [x]).run };
  },
  crossEntropy: ({ r, c }) => {
    const [x, y] = [leaf([r, c], 1, 4), classes(r, c, 2)];
    return bothWays(() => F.cross_entropy(x, y), [x]);
  },
  mlp: (c) => training(c, new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10)),
    tensor([c.batch, 784]), classes(c.batch, 10)),
  lenet: (c) => training(c, new nn.Sequential(
    new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Conv2d(6, 16, 5), new nn.ReLU(), new nn.MaxPool2d(2),
    new nn.Flatten(), new nn.Linear(400, 120), new nn.ReLU(), new nn.Linear(120, 84), new nn.ReLU(), new nn.Linear(84, 10),
  ), tensor([c.batch, 1, 28, 28]), classes(c.batch, 10)),
  gpt: (c) => training(c, new GPT(c), ...text(c)),
  resnet: (c) => training(c, new ResNet(), tensor([c.batch, 3, 32, 32]), classes(c.batch, 10)),
  lstm: (c) => training(c, new CharLSTM(c), ...text(c)),
};

/** What a page loads. */
export const files = () => ['dist/cresset.js', 'dist/wasm.browser.js', 'dist/builds.js', 'pkg/simd/cresset.js', `pkg/${torch.backends.wasm.build}/cresset_bg.wasm`]
  .map((path) => new URL(`../../ts/${path}`, import.meta.url));

export function open({ threads }) {
  torch.set_num_threads(threads);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return { kinds, version, seed: () => torch.manual_seed(0), note: `${torch.backends.wasm.build} build` };
}
