// Cresset as a user writes it: the public API, and not one memory call.
import { readFileSync } from 'node:fs';
import * as torch from 'cresset';
import { count, integers, numbers } from '../cases.mjs';

const { nn, optim } = torch;
const F = nn.functional;

export const name = 'cresset';

const tensor = (shape, seed = 1, scale = 1) => torch.tensor(numbers(count(shape), seed, scale)).reshape(shape);
const classes = (n, limit, seed) => torch.tensor(integers(n, limit, seed)).to(torch.int64);

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

function training({ opt, lr }, model, x, y) {
  const optimizer = new { sgd: optim.SGD, adam: optim.Adam, adamw: optim.AdamW }[opt](model.parameters(), { lr });
  return () => {
    optimizer.zero_grad();
    const out = model(x);
    F.cross_entropy(out.view(y.shape[0], -1), y).backward();
    optimizer.step();
  };
}

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
  mlp: (c) => training(c, new nn.Sequential(new nn.Linear(784, 256), new nn.ReLU(), new nn.Linear(256, 10)),
    tensor([c.batch, 784]), classes(c.batch, 10)),
  lenet: (c) => training(c, new nn.Sequential(
    new nn.Conv2d(1, 6, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Conv2d(6, 16, 5), new nn.ReLU(), new nn.MaxPool2d(2),
    new nn.Flatten(), new nn.Linear(400, 120), new nn.ReLU(), new nn.Linear(120, 84), new nn.ReLU(), new nn.Linear(84, 10),
  ), tensor([c.batch, 1, 28, 28]), classes(c.batch, 10)),
  gpt: (c) => training(c, new GPT(c), classes(c.batch * c.length, c.vocabulary).view(c.batch, c.length), classes(c.batch * c.length, c.vocabulary, 2)),
};

export function open({ threads }) {
  torch.set_num_threads(threads);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return { kinds, version, note: `${torch.backends.wasm.build} build` };
}
