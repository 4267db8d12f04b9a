// The cases, one list for every library. `flops` or `elements` say how much work a run is.
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';

/** `m` by `k` times `k` by `n`. */
const matmul = (m, k, n, name = `matmul_${m}`) => ({ group: 'matmul', name, kind: 'matmul', m, k, n, flops: 2 * m * k * n });

const elementwise = (n) => [
  ...['add', 'mul'].map((op) => ({ group: 'elementwise', name: `${op}_${n}`, kind: 'binary', op, n, elements: n })),
  ...['exp', 'tanh', 'sigmoid', 'gelu'].map((op) => ({ group: 'elementwise', name: `${op}_${n}`, kind: 'unary', op, n, elements: n })),
  { group: 'elementwise', name: `sum_${n}`, kind: 'sum', n, elements: n },
];

const rows = (kind, r, c) => ({ group: 'rows', name: `${kind}_${r}x${c}`, kind, r, c, elements: r * c });

/** A 3x3 convolution with stride and padding 1, forward and with both gradients. */
const conv = (name, x, w) => {
  const flops = 2 * x[0] * w[0] * w[1] * 9 * x[2] * x[3];
  return [
    { group: 'conv', name: `conv_${name}`, kind: 'conv', x, w, flops },
    { group: 'conv', name: `conv_grad_${name}`, kind: 'convGrad', x, w, flops: 3 * flops },
  ];
};

/** An op on one tensor or two, forward. */
const op = (kind, name, shape) => ({ group: 'ops', name, kind, ...shape });

// A layer is measured forward and backward: its output times fixed numbers, and the gradients of its input and parameters.
const layer = (name, kind, shape) => ({ group: 'layers', name, kind, ...shape });
const IMAGES = [32, 64, 16, 16];

// A training step is forward, loss, backward and optimizer on one fixed batch.
const training = (name, kind, opt, lr, shape) => ({ group: 'training', name, kind, opt, lr, ...shape });

export const CASES = [
  // An op on four elements: what calling costs.
  { group: 'overhead', name: 'add', kind: 'tinyAdd' },
  { group: 'overhead', name: 'add_100_times', kind: 'tinyChain' },
  { group: 'overhead', name: 'dot_backward', kind: 'tinyDot' },
  ...[16, 64, 128, 256, 512, 1024].map((n) => matmul(n, n, n)),
  matmul(32, 784, 256, 'matmul_32x784x256'),
  matmul(1, 4096, 4096, 'matvec_4096'),
  ...[1e3, 1e5, 1e7].flatMap(elementwise),
  rows('softmax', 128, 1000),
  rows('layerNorm', 128, 768),
  rows('transpose', 1024, 1024),
  rows('addRow', 1024, 1024),
  ...conv('3_to_32_at_32', [32, 3, 32, 32], [32, 3, 3, 3]),
  ...conv('64_to_64_at_16', [32, 64, 16, 16], [64, 64, 3, 3]),
  { group: 'conv', name: 'max_pool', kind: 'maxPool', x: [32, 32, 32, 32], elements: 32 ** 4 },
  op('sort', 'sort_100000', { n: 1e5, elements: 1e5 }),
  op('cumsum', 'cumsum_100000', { n: 1e5, elements: 1e5 }),
  op('where', 'where_100000', { n: 1e5, elements: 1e5 }),
  op('maskedFill', 'masked_fill_100000', { n: 1e5, elements: 1e5 }),
  op('indexSelect', 'index_select_1024x128', { r: 10000, c: 128, n: 1024, elements: 1024 * 128 }),
  op('gather', 'gather_512x1000', { r: 512, c: 1000, elements: 512000 }),
  op('cat', 'cat_512x1024', { r: 512, c: 512, elements: 512 * 1024 }),
  op('maxRow', 'max_1024x1024', { r: 1024, c: 1024, elements: 1024 ** 2 }),
  layer('linear', 'linear', { batch: 64, from: 512, to: 512, flops: 6 * 64 * 512 * 512 }),
  layer('embedding', 'embedding', { n: 512, rows: 1000, width: 128 }),
  layer('attention', 'attention', { x: [4, 8, 128, 32] }),
  layer('lstm', 'lstmLayer', { batch: 16, length: 32, from: 64, to: 128, flops: 6 * 16 * 32 * 4 * 128 * (64 + 128) }),
  layer('batch_norm', 'batchNorm', { x: IMAGES, elements: 32 * 64 * 16 * 16 }),
  layer('group_norm', 'groupNorm', { x: IMAGES, groups: 8, elements: 32 * 64 * 16 * 16 }),
  layer('dropout', 'dropout', { r: 512, c: 512, elements: 512 ** 2 }),
  layer('cross_entropy', 'crossEntropy', { r: 512, c: 1000, elements: 512000 }),
  training('mlp_sgd', 'mlp', 'sgd', 0.01, { batch: 64 }),
  training('mlp_adam', 'mlp', 'adam', 1e-3, { batch: 64 }),
  training('lenet_sgd', 'lenet', 'sgd', 0.01, { batch: 64 }),
  training('gpt_adamw', 'gpt', 'adamw', 1e-3, { batch: 8, length: 64, width: 128, heads: 4, layers: 2, vocabulary: 65 }),
  training('resnet_sgd', 'resnet', 'sgd', 0.01, { batch: 16, momentum: 0.9 }),
  training('lstm_adam', 'lstm', 'adam', 1e-3, { batch: 16, length: 32, width: 128, vocabulary: 65 }),
  // What is measured of a process from outside, not of a loop in it.
  { group: 'process', name: 'start_up', kind: 'startUp' },
  { group: 'process', name: 'memory_mlp_adam', kind: 'memory', of: 'mlp_adam', steps: 20, unit: 'bytes' },
  { group: 'process', name: 'memory_gpt_adamw', kind: 'memory', of: 'gpt_adamw', steps: 20, unit: 'bytes' },
  { group: 'process', name: 'size', kind: 'size', unit: 'bytes' },
  { group: 'process', name: 'size_gzip', kind: 'size', gzip: true, unit: 'bytes' },
];

/** The same numbers for every library: uniform in `-scale..scale`. */
export function numbers(n, seed = 1, scale = 1) {
  let s = seed;
  return Float32Array.from({ length: n }, () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return (s / 2 ** 31 - 1) * scale;
  });
}

/** Whole numbers in `0..limit`. */
export function integers(n, limit, seed = 1) {
  return Int32Array.from(numbers(n, seed), (x) => Math.floor((x + 1) / 2 * limit));
}

/** What results of libraries are compared by: their elements, each times a number of its own, added up. */
export function fingerprint(data) {
  const weights = numbers(data.length, 11);
  return data.reduce((sum, x, i) => sum + Number(x) * weights[i], 0);
}

export const count = (shape) => shape.reduce((a, b) => a * b, 1);

/** The cases whose `group/name` matches. */
export const select = (pattern) => CASES.filter((c) => new RegExp(pattern).test(`${c.group}/${c.name}`));

if (argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(select(argv[2] ?? '.')));
