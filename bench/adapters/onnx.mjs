// A case as a small ONNX model (the protocol buffers written out), for ONNX Runtime: forward only.
import { count, integers, numbers } from '../cases.mjs';

const FLOAT = 1, INT = 2, INTS = 7, STRING = 3;
/** The numbers of the format for types of elements. */
const TYPES = new Map([[Float32Array, 1], [BigInt64Array, 7], [Uint8Array, 9]]);

function varint(n) {
  const out = [];
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128);
  return [...out, n];
}
/** A number, a text, bytes, or a message, under a field number. */
function field(key, value) {
  if (typeof value === 'number') return Buffer.from([...varint(key * 8), ...varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([...varint(key * 8 + 2), ...varint(bytes.length)]), bytes]);
}
const message = (...fields) => Buffer.concat(fields);

/** A constant: an array of sizes stands for numbers, else it has `shape` and `data` of its type. */
function tensor(name, made, seed) {
  const { shape, data } = Array.isArray(made) ? { shape: made, data: numbers(count(made), seed) } : made;
  return message(...shape.map((d) => field(1, d)), field(2, TYPES.get(data.constructor)), field(8, name), field(9, Buffer.from(data.buffer)));
}
const whole = (shape, values) => ({ shape, data: BigInt64Array.from(values, BigInt) });
const mask = (n) => ({ shape: [n], data: Uint8Array.from(numbers(n, 3), (x) => Number(x > 0)) });
const value = (name, shape) => message(field(1, name),
  field(2, field(1, message(field(1, FLOAT), field(2, message(...shape.map((d) => field(1, field(1, d)))))))));
const attribute = ([name, v]) => {
  if (Array.isArray(v)) return message(field(1, name), ...v.map((i) => field(8, i)), field(20, INTS));
  return typeof v === 'string' ? message(field(1, name), field(4, v), field(20, STRING)) : message(field(1, name), field(3, v), field(20, INT));
};
const node = (op, inputs, output, attributes = {}) => message(...inputs.map((i) => field(1, i)), field(2, output), field(4, op),
  ...Object.entries(attributes).map((a) => field(5, attribute(a))));

function model(nodes, inputs, output, weights) {
  const graph = message(...nodes.map((n) => field(1, n)), field(2, 'case'),
    ...Object.entries(weights).map(([name, shape], i) => field(5, tensor(name, shape, i + 2))),
    ...Object.entries(inputs).map(([name, shape]) => field(11, value(name, shape))), field(12, value('y', output)));
  return message(field(1, 9), field(7, graph), field(8, message(field(1, ''), field(2, 20))));
}

const one = (op, inputs, output, { weights = {}, attributes = {} } = {}) => [
  [node(op, [...Object.keys(inputs), ...Object.keys(weights)], 'y', attributes)], inputs, output, weights,
];
const GRAPHS = {
  tinyAdd: () => one('Add', { a: [4], b: [4] }, [4]),
  tinyChain: () => [Array.from({ length: 100 }, (_, i) => node('Add', [i ? `t${i}` : 'a', 'b'], i === 99 ? 'y' : `t${i + 1}`)), { a: [4], b: [4] }, [4], {}],
  matmul: ({ m, k, n }) => one('MatMul', { a: [m, k] }, [m, n], { weights: { b: [k, n] } }),
  binary: ({ op, n }) => one({ add: 'Add', mul: 'Mul' }[op], { a: [n], b: [n] }, [n]),
  unary: ({ op, n }) => one({ exp: 'Exp', tanh: 'Tanh', sigmoid: 'Sigmoid', gelu: 'Gelu' }[op], { a: [n] }, [n],
    { attributes: op === 'gelu' ? { approximate: 'tanh' } : {} }),
  sum: ({ n }) => one('ReduceSum', { a: [n] }, [], { attributes: { keepdims: 0 } }),
  softmax: ({ r, c }) => one('Softmax', { a: [r, c] }, [r, c], { attributes: { axis: 1 } }),
  layerNorm: ({ r, c }) => one('LayerNormalization', { a: [r, c] }, [r, c], { weights: { g: [c], b: [c] }, attributes: { axis: 1 } }),
  transpose: ({ r, c }) => one('Transpose', { a: [r, c] }, [c, r], { attributes: { perm: [1, 0] } }),
  addRow: ({ r, c }) => one('Add', { a: [r, c] }, [r, c], { weights: { b: [c] } }),
  conv: ({ x, w }) => one('Conv', { a: x }, [x[0], w[0], x[2], x[3]], { weights: { w }, attributes: { pads: [1, 1, 1, 1] } }),
  maxPool: ({ x }) => one('MaxPool', { a: x }, [x[0], x[1], x[2] / 2, x[3] / 2], { attributes: { kernel_shape: [2, 2], strides: [2, 2] } }),
  cumsum: ({ n }) => one('CumSum', { a: [n] }, [n], { weights: { axis: whole([], [0]) } }),
  where: ({ n }) => [[node('Where', ['m', 'a', 'b'], 'y')], { a: [n], b: [n] }, [n], { m: mask(n) }],
  maskedFill: ({ n }) => [[node('Where', ['m', 'zero', 'a'], 'y')], { a: [n] }, [n], { m: mask(n), zero: { shape: [], data: new Float32Array(1) } }],
  indexSelect: ({ r, c, n }) => one('Gather', { a: [r, c] }, [n, c], { weights: { i: whole([n], integers(n, r)) } }),
  gather: ({ r, c }) => one('GatherElements', { a: [r, c] }, [r, c], { weights: { i: whole([r, c], integers(r * c, c, 2)) }, attributes: { axis: 1 } }),
  cat: ({ r, c }) => one('Concat', { a: [r, c], b: [r, c] }, [r, 2 * c], { attributes: { axis: 1 } }),
};

/** Of all its cases. */
export const note = 'copies of inputs and outputs included';

/** The kinds of cases that ONNX Runtime can run. */
export function kindsOf(ort, threads, provider) {
  const job = (graph) => async (c) => {
    const [nodes, inputs, output, weights] = graph(c);
    const session = await ort.InferenceSession.create(new Uint8Array(model(nodes, inputs, output, weights)),
      { intraOpNumThreads: threads, interOpNumThreads: 1, executionProviders: [provider] });
    const feeds = Object.fromEntries(Object.entries(inputs).map(([name, shape], i) => [name, new ort.Tensor('float32', numbers(count(shape), i + 1), shape)]));
    const run = () => session.run(feeds);
    return { isAsync: true, run, check: async () => [(await run()).y.data], dispose: () => session.release?.() };
  };
  return Object.fromEntries(Object.entries(GRAPHS).map(([kind, graph]) => [kind, job(graph)]));
}
