// js-pytorch: nested JavaScript arrays; it has no convolution, tanh, sigmoid or gelu.
import { count, integers, numbers } from '../cases.mjs';
import { file, importFile, version } from './peer.mjs';

export const name = 'js-pytorch';
/** What a page loads. */
export const files = () => [file('js-pytorch/dist/js-pytorch-browser.js')];
/** Larger arrays take it seconds. */
const LIMIT = 1e5;

export async function open() {
  const { torch } = await importFile('js-pytorch/dist/index.mjs');
  const { nn } = torch;
  const nested = (flat, [n, ...rest]) => {
    if (rest.length === 0) return Array.from(flat);
    const step = flat.length / n;
    return Array.from({ length: n }, (_, i) => nested(flat.subarray(i * step, (i + 1) * step), rest));
  };
  const tensor = (shape, seed = 1, grad = false) => torch.tensor(nested(numbers(count(shape), seed), shape), grad);
  const training = (c, model, x, y) => {
    const loss = new nn.CrossEntropyLoss(), optimizer = new torch.optim.Adam(model.parameters(), c.lr, 0);
    return {
      run: () => {
        loss.forward(model.forward(x), y).backward();
        optimizer.step();
        optimizer.zero_grad();
      },
      note: c.opt === 'adam' ? undefined : 'Adam: it has no other',
    };
  };
  const leaf = (shape, seed = 1, scale = 1) => torch.tensor(nested(numbers(count(shape), seed, scale), shape), true);
  /** A layer forward and backward from `loss` of its output. */
  const bothWays = (f, loss, leaves) => {
    const run = () => {
      for (const t of leaves) t.zero_grad();
      const out = f();
      loss(out).backward();
      return out;
    };
    return { run, check: () => [run().data, ...leaves.map((t) => t.grad)].map((data) => [data].flat(Infinity)) };
  };
  const pair = (shape, f) => {
    const [a, b] = [tensor(shape), tensor(shape, 2)];
    return () => f(a, b);
  };

  const kinds = {
    tinyAdd: () => pair([4], torch.add),
    tinyChain: () => pair([4], (a, b) => {
      let t = a;
      for (let i = 0; i < 100; i++) t = torch.add(t, b);
    }),
    tinyDot: () => {
      const x = tensor([4], 1, true);
      return {
        run: () => {
          torch.mul(torch.mul(x, x).sum(), 2).backward();
          x.zero_grad();
        },
        note: 'dot as a sum of a product',
      };
    },
    matmul: ({ m, k, n }) => {
      if (m * k > 512 * 512) return null;
      const [a, b] = [tensor([m, k]), tensor([k, n], 2)];
      return () => torch.matmul(a, b);
    },
    binary: ({ op, n }) => (n > LIMIT ? null : pair([n], torch[op])),
    unary: ({ op, n }) => {
      if (op !== 'exp' || n > LIMIT) return null;
      const a = tensor([n]);
      return () => torch.exp(a);
    },
    sum: ({ n }) => {
      if (n > LIMIT) return null;
      const a = tensor([n]);
      return () => a.sum();
    },
    softmax: ({ r, c }) => {
      const a = tensor([r, c]), softmax = new nn.Softmax();
      return () => softmax.forward(a, -1);
    },
    layerNorm: ({ r, c }) => {
      const a = tensor([r, c]), norm = new nn.LayerNorm(c);
      return () => norm.forward(a);
    },
    transpose: ({ r, c }) => {
      const a = tensor([r, c]);
      return () => torch.transpose(a, 0, 1);
    },
    addRow: ({ r, c }) => {
      const [a, b] = [tensor([r, c]), tensor([c], 2)];
      return () => torch.add(a, b);
    },
    linear: ({ batch, from, to }) => {
      const [x, w, b] = [leaf([batch, from]), leaf([to, from], 2), leaf([to], 3)], g = tensor([batch, to], 9);
      return bothWays(() => torch.add(torch.matmul(x, torch.transpose(w, 0, 1)), b), (out) => torch.mul(out, g).sum(), [x, w, b]);
    },
    crossEntropy: ({ r, c }) => {
      const x = leaf([r, c], 1, 4), y = torch.tensor(Array.from(integers(r, c, 2))), loss = new nn.CrossEntropyLoss(), [g] = numbers(1, 9);
      return bothWays(() => loss.forward(x, y), (out) => torch.mul(out, g), [x]);
    },
    mlp: (c) => {
      class MLP extends nn.Module {
        constructor() {
          super();
          this.first = new nn.Linear(784, 256);
          this.relu = new nn.ReLU();
          this.second = new nn.Linear(256, 10);
        }

        forward(x) { return this.second.forward(this.relu.forward(this.first.forward(x))); }
      }
      return c.opt === 'adam' ? training(c, new MLP(), tensor([c.batch, 784]), torch.tensor(Array.from(integers(c.batch, 10)))) : null;
    },
    gpt: (c) => {
      class GPT extends nn.Module {
        constructor() {
          super();
          this.tokens = new nn.Embedding(c.vocabulary, c.width);
          this.places = new nn.PositionalEmbedding(c.length, c.width);
          this.block1 = new nn.Block(c.width, c.width, c.heads, c.length, 0);
          this.block2 = new nn.Block(c.width, c.width, c.heads, c.length, 0);
          this.norm = new nn.LayerNorm(c.width);
          this.head = new nn.Linear(c.width, c.vocabulary);
        }

        forward(i) {
          const x = torch.add(this.tokens.forward(i), this.places.forward(i));
          return this.head.forward(this.norm.forward(this.block2.forward(this.block1.forward(x))));
        }
      }
      const batch = (seed) => torch.tensor(nested(Float32Array.from(integers(c.batch * c.length, c.vocabulary, seed)), [c.batch, c.length]));
      return training(c, new GPT(), batch(1), batch(2));
    },
  };
  return { kinds, version: version('js-pytorch') };
}
