// TensorFlow.js on its wasm backend. Results are disposed of by hand, as its users must.
import { fileURLToPath } from 'node:url';
import { count, integers, numbers } from '../cases.mjs';
import { file, load, version } from './peer.mjs';

export const name = 'tfjs-wasm';
/** What a page loads. */
export const files = () => ['tfjs-core/dist/tf-core.es2017.min.js', 'tfjs-backend-wasm/dist/tf-backend-wasm.es2017.min.js', 'tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-simd.wasm']
  .map((path) => file(`@tensorflow/${path}`));

export async function open({ threads }) {
  const tf = load('@tensorflow/tfjs'), wasm = load('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(fileURLToPath(file('@tensorflow/tfjs-backend-wasm/dist/')));
  if (threads > 1) wasm.setThreadsCount(threads);
  if (!await tf.setBackend('wasm')) throw new Error('the wasm backend does not load');
  await tf.ready();

  const tensor = (shape, seed = 1, scale = 1) => tf.tensor(numbers(count(shape), seed, scale), shape);
  const variables = (list) => list.map(([shape, fanIn], i) => tf.variable(tensor(shape, i + 3, 1 / Math.sqrt(fanIn))));
  const tidied = (f) => () => { tf.tidy(() => { f(); }); };
  const hot = (n, classes, seed) => tf.oneHot(tf.tensor1d(integers(n, classes, seed), 'int32'), classes);
  const layerNorm = (x, g, b) => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.add(tf.mul(tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, 1e-5))), g), b);
  };
  const gelu = (a) => tf.mul(a, tf.sigmoid(tf.mul(tf.mul(a, 1.5957691216), tf.add(1, tf.mul(0.044715, tf.square(a))))));
  const linear = (x, w, b) => tf.add(tf.matMul(x, w), b);
  const halved = (x) => tf.maxPool(x, 2, 2, 'valid');
  const training = ({ opt, lr }, loss, vars) => {
    const optimizer = opt === 'sgd' ? tf.train.sgd(lr) : tf.train.adam(lr);
    return { run: () => { optimizer.minimize(loss, false, vars); }, note: opt === 'adamw' ? 'Adam: it has no AdamW' : undefined };
  };
  // Images are NHWC there.
  const image = ([n, c, h, w], seed) => tensor([n, h, w, c], seed);
  const filter = ([to, from, h, w], seed) => tensor([h, w, from, to], seed);

  const integersOf = (n, limit, shape = [n], seed = 1) => tf.tensor(integers(n, limit, seed), shape, 'int32');
  /** An op, forward. */
  const forward = (f) => ({ run: tidied(f), check: () => tf.tidy(() => [f()].flat().map((t) => t.dataSync())) });
  /** A layer forward and backward, with the gradients of `inputs`. */
  const bothWays = (f, inputs, { order = [0, 1, 2, 3], note } = {}) => {
    const g = tf.tidy(() => {
      const shape = f(...inputs).shape, first = order.map((d) => shape[d]);
      return shape.length === 4 ? tf.transpose(tensor(first, 9), order.map((_, d) => order.indexOf(d))) : tensor(shape, 9);
    });
    const both = tf.valueAndGrads(f);
    const run = () => both(inputs, g);
    const check = () => tf.tidy(() => {
      const { value, grads } = run();
      return [value, ...grads].map((t) => (t.shape.length === 4 ? tf.transpose(t, order) : t).dataSync());
    });
    return { run: tidied(run), check, note };
  };
  const NCHW = [0, 3, 1, 2];

  const kinds = {
    tinyAdd: () => {
      const [a, b] = [tensor([4]), tensor([4], 2)];
      return tidied(() => tf.add(a, b));
    },
    tinyChain: () => {
      const [a, b] = [tensor([4]), tensor([4], 2)];
      return tidied(() => {
        let t = a;
        for (let i = 0; i < 100; i++) t = tf.add(t, b);
      });
    },
    tinyDot: () => {
      const x = tensor([4]), gradient = tf.grad((v) => tf.mul(2, tf.sum(tf.mul(v, v))));
      return { run: () => gradient(x).dispose(), note: 'dot as a sum of a product' };
    },
    matmul: ({ m, k, n }) => {
      const [a, b] = [tensor([m, k]), tensor([k, n], 2)];
      return tidied(() => tf.matMul(a, b));
    },
    binary: ({ op, n }) => {
      const [a, b] = [tensor([n]), tensor([n], 2)];
      return tidied(() => tf[op](a, b));
    },
    unary: ({ op, n }) => {
      const a = tensor([n], 1, 4);
      return tidied(() => (op === 'gelu' ? gelu(a) : tf[op](a)));
    },
    sum: ({ n }) => {
      const a = tensor([n]);
      return tidied(() => tf.sum(a));
    },
    softmax: ({ r, c }) => {
      const a = tensor([r, c]);
      return tidied(() => tf.softmax(a));
    },
    layerNorm: ({ r, c }) => {
      const [a, g, b] = [tensor([r, c]), tf.ones([c]), tf.zeros([c])];
      return tidied(() => layerNorm(a, g, b));
    },
    transpose: ({ r, c }) => {
      const a = tensor([r, c]);
      return tidied(() => tf.transpose(a));
    },
    addRow: ({ r, c }) => {
      const [a, b] = [tensor([r, c]), tensor([c], 2)];
      return tidied(() => tf.add(a, b));
    },
    conv: ({ x, w }) => {
      const [a, k] = [image(x), filter(w, 2)];
      return tidied(() => tf.conv2d(a, k, 1, 'same'));
    },
    convGrad: ({ x, w }) => {
      const [a, k, g] = [image(x), filter(w, 2), image([x[0], w[0], x[2], x[3]], 3)];
      const gradients = tf.grads((p, q) => tf.conv2d(p, q, 1, 'same'));
      return tidied(() => gradients([a, k], g));
    },
    maxPool: ({ x }) => {
      const a = image(x);
      return tidied(() => halved(a));
    },
    cumsum: ({ n }) => {
      const a = tensor([n]);
      return forward(() => tf.cumsum(a));
    },
    where: ({ n }) => {
      const [a, b, mask] = [tensor([n]), tensor([n], 2), tf.greater(tensor([n], 3), 0)];
      return forward(() => tf.where(mask, a, b));
    },
    maskedFill: ({ n }) => {
      const [a, mask, zero] = [tensor([n]), tf.greater(tensor([n], 3), 0), tf.scalar(0)];
      return forward(() => tf.where(mask, zero, a));
    },
    indexSelect: ({ r, c, n }) => {
      const [a, i] = [tensor([r, c]), integersOf(n, r)];
      return forward(() => tf.gather(a, i));
    },
    cat: ({ r, c }) => {
      const [a, b] = [tensor([r, c]), tensor([r, c], 2)];
      return forward(() => tf.concat([a, b], 1));
    },
    maxRow: ({ r, c }) => {
      const a = tensor([r, c]);
      return { ...forward(() => [tf.max(a, 1), tf.argMax(a, 1)]), note: 'max and argMax' };
    },
    linear: ({ batch, from, to }) => {
      const [x, w, b] = [tensor([batch, from]), tensor([to, from], 2), tensor([to], 3)];
      return bothWays((p, q, r) => tf.add(tf.matMul(p, q, false, true), r), [x, w, b]);
    },
    attention: ({ x }) => {
      const length = x[2];
      const mask = tf.tensor2d(Float32Array.from({ length: length * length }, (_, i) => ((i % length) > Math.floor(i / length) ? -1e9 : 0)), [length, length]);
      return bothWays((q, k, v) => tf.matMul(tf.softmax(tf.add(tf.mul(tf.matMul(q, k, false, true), x[3] ** -0.5), mask)), v), [1, 2, 3].map((seed) => tensor(x, seed)));
    },
    batchNorm: ({ x }) => bothWays((a, w, b) => {
      const { mean, variance } = tf.moments(a, [0, 1, 2]);
      return tf.batchNorm(a, mean, variance, b, w, 1e-5);
    }, [tf.transpose(tensor(x), [0, 2, 3, 1]), tf.ones([x[1]]), tf.zeros([x[1]])], { order: NCHW, note: 'moments and batchNorm; no running ones' }),
    dropout: ({ r, c }) => ({ run: bothWays((a) => tf.dropout(a, 0.5), [tensor([r, c])]).run }),
    crossEntropy: ({ r, c }) => {
      const y = hot(r, c, 2);
      return bothWays((a) => tf.losses.softmaxCrossEntropy(y, a), [tensor([r, c], 1, 4)]);
    },
    mlp: (c) => {
      const p = variables([[[784, 256], 784], [[256], 784], [[256, 10], 256], [[10], 256]]);
      const x = tensor([c.batch, 784]), y = hot(c.batch, 10);
      return training(c, () => tf.losses.softmaxCrossEntropy(y, linear(tf.relu(linear(x, p[0], p[1])), p[2], p[3])), p);
    },
    lenet: (c) => {
      const p = variables([[[5, 5, 1, 6], 25], [[6], 25], [[5, 5, 6, 16], 150], [[16], 150],
        [[400, 120], 400], [[120], 400], [[120, 84], 120], [[84], 120], [[84, 10], 84], [[10], 84]]);
      const x = tensor([c.batch, 28, 28, 1]), y = hot(c.batch, 10);
      return training(c, () => {
        let h = halved(tf.relu(tf.add(tf.conv2d(x, p[0], 1, 'same'), p[1])));
        h = tf.reshape(halved(tf.relu(tf.add(tf.conv2d(h, p[2], 1, 'valid'), p[3]))), [c.batch, 400]);
        h = tf.relu(linear(tf.relu(linear(h, p[4], p[5])), p[6], p[7]));
        return tf.losses.softmaxCrossEntropy(y, linear(h, p[8], p[9]));
      }, p);
    },
    gpt: (c) => {
      const { batch, length, width, heads, layers, vocabulary } = c;
      const block = [[[width], 1], [[width], width], [[width, 3 * width], width], [[3 * width], width], [[width, width], width], [[width], width],
        [[width], 1], [[width], width], [[width, 4 * width], width], [[4 * width], width], [[4 * width, width], 4 * width], [[width], width]];
      const p = variables([[[vocabulary, width], width], [[length, width], width], [[width], 1], [[width], width], [[width, vocabulary], width],
        ...Array.from({ length: layers }, () => block).flat()]);
      const tokens = tf.tensor1d(integers(batch * length, vocabulary), 'int32'), y = hot(batch * length, vocabulary, 2);
      const mask = tf.tensor2d(Float32Array.from({ length: length * length }, (_, i) => ((i % length) > Math.floor(i / length) ? -1e9 : 0)), [length, length]);
      const split = (t) => tf.transpose(tf.reshape(t, [batch, length, heads, width / heads]), [0, 2, 1, 3]);
      return training(c, () => {
        let x = tf.reshape(tf.add(tf.reshape(tf.gather(p[0], tokens), [batch, length, width]), p[1]), [batch * length, width]);
        for (let i = 0; i < layers; i++) {
          const [g1, c1, wq, bq, wo, bo, g2, c2, wu, bu, wd, bd] = p.slice(5 + 12 * i);
          const [q, k, v] = tf.split(linear(layerNorm(x, g1, c1), wq, bq), 3, 1).map(split);
          const a = tf.softmax(tf.add(tf.mul(tf.matMul(q, k, false, true), Math.sqrt(heads / width)), mask));
          x = tf.add(x, linear(tf.reshape(tf.transpose(tf.matMul(a, v), [0, 2, 1, 3]), [batch * length, width]), wo, bo));
          x = tf.add(x, linear(gelu(linear(layerNorm(x, g2, c2), wu, bu)), wd, bd));
        }
        return tf.losses.softmaxCrossEntropy(y, tf.matMul(layerNorm(x, p[2], p[3]), p[4]));
      }, p);
    },
  };
  return { kinds, version: version('@tensorflow/tfjs') };
}
