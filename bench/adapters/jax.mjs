// jax-js on its wasm backend, compiled with jit. Calls consume their arguments, hence `.ref`.
import { readdirSync } from 'node:fs';
import { count, integers, numbers } from '../cases.mjs';
import { file, importFile, version } from './peer.mjs';

export const name = 'jax-js';
/** What a page loads; it makes its wasm itself. */
export const files = () => readdirSync(file('@jax-js/jax/dist')).filter((f) => /^(index|backend|rolldown).*\.js$/.test(f)).map((f) => file(`@jax-js/jax/dist/${f}`));

/** Node has no global Worker: one over worker_threads, so that its pool starts. */
async function giveWorkers(n) {
  const { Worker: NodeWorker } = await import('node:worker_threads');
  const { resolveObjectURL } = await import('node:buffer');
  const prelude = `const { parentPort } = require('node:worker_threads');
    globalThis.self = globalThis;
    globalThis.postMessage = (m) => parentPort.postMessage(m);
    parentPort.on('message', (data) => globalThis.onmessage?.({ data }));\n`;
  globalThis.Worker = class {
    #waiting = [];
    #worker = null;
    constructor(url) {
      resolveObjectURL(String(url)).text().then((source) => {
        this.#worker = new NodeWorker(prelude + source, { eval: true });
        this.#worker.on('message', (data) => this.onmessage?.({ data }));
        this.#worker.on('error', (e) => this.onerror?.(e));
        for (const m of this.#waiting) this.#worker.postMessage(m);
      });
    }
    postMessage(m) {
      if (this.#worker) this.#worker.postMessage(m);
      else this.#waiting.push(m);
    }
    terminate() { this.#worker?.terminate(); }
  };
  Object.defineProperty(globalThis, 'navigator', { value: { hardwareConcurrency: n }, configurable: true });
}

export async function open({ threads }) {
  if (threads > 1) await giveWorkers(threads);
  const jax = await importFile('@jax-js/jax/dist/index.js');
  await jax.init('wasm');
  jax.defaultDevice('wasm');
  const { blockUntilReady, grad, jit, lax, nn, numpy: np, tree, valueAndGrad } = jax;

  const array = (shape, seed = 1, scale = 1) => np.array(numbers(count(shape), seed, scale)).reshape(shape);
  const fan = (shape, n, seed) => array(shape, seed, 1 / Math.sqrt(n));
  const hot = (n, classes, seed) => {
    const out = new Float32Array(n * classes);
    integers(n, classes, seed).forEach((v, i) => { out[i * classes + v] = 1; });
    return np.array(out).reshape([n, classes]);
  };
  const compiled = (f, ...args) => {
    const g = jit(f);
    return {
      isAsync: true,
      run: async () => {
        const r = g(...args.map((a) => a.ref));
        await blockUntilReady(r);
        tree.dispose(r);
      },
    };
  };
  const crossEntropy = (z, y, n) => nn.logSoftmax(z, -1).mul(y).sum().mul(-1 / n);
  const layerNorm = (x, g, b) => {
    const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
    return centred.div(np.sqrt(variance.add(1e-5))).mul(g).add(b);
  };
  const halved = (x) => lax.reduceWindow(x, (w) => np.max(w), [2, 2], [2, 2]);
  const linear = (x, w, b) => np.matmul(x, w).add(b);

  const whole = (n, limit, shape = [n], seed = 1) => np.array(integers(n, limit, seed)).reshape(shape);
  /** An op, forward; also what comes out. */
  const forward = (f, ...args) => ({
    ...compiled(f, ...args),
    check: () => Promise.all([jit(f)(...args.map((a) => a.ref))].flat().map((t) => t.data())),
  });
  /** A layer forward and backward: its output times fixed numbers, and the gradients of `args`. */
  const bothWays = (f, args, shape) => {
    const loss = (p, g) => {
      const out = f(...p);
      return [shape.length ? out.ref.mul(g).sum() : out.ref.mul(g), out];
    };
    const both = (g, ...p) => {
      const [[sum, out], grads] = valueAndGrad(loss, { hasAux: true })(p, g);
      sum.dispose();
      return [out, ...grads];
    };
    return forward(both, array(shape, 9), ...args);
  };

  function training(c, loss, parameters, data) {
    const both = valueAndGrad(loss);
    const zeros = () => tree.map((p) => np.zeros(p.shape), parameters);
    let [P, M, V, t] = [parameters, zeros(), zeros(), 0];
    const sgd = jit((p, d) => {
      const [l, g] = both(tree.ref(p), d);
      return [l, tree.map((a, b) => a.sub(b.mul(c.lr)), p, g)];
    });
    const decay = c.opt === 'adamw' ? 1 - c.lr * 0.01 : 1;
    const adam = jit((p, m, v, k, d) => {
      const [l, g] = both(tree.ref(p), d);
      const m2 = tree.map((a, b) => a.mul(0.9).add(b.ref.mul(0.1)), m, g);
      const v2 = tree.map((a, b) => a.mul(0.999).add(np.square(b).mul(0.001)), v, g);
      return [l, tree.map((a, b, q) => a.mul(decay).sub(b.ref.mul(k.ref).div(np.sqrt(q.ref).add(1e-8))), p, m2, v2), m2, v2];
    });
    return {
      isAsync: true,
      run: async () => {
        let l;
        t++;
        if (c.opt === 'sgd') [l, P] = sgd(P, tree.ref(data));
        else [l, P, M, V] = adam(P, M, V, np.array([c.lr * Math.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)]), tree.ref(data));
        await blockUntilReady(P);
        l.dispose();
      },
    };
  }

  const kinds = {
    tinyAdd: () => compiled((a, b) => a.add(b), array([4]), array([4], 2)),
    tinyChain: () => ({
      ...compiled((a, b) => {
        let t = a;
        for (let i = 0; i < 100; i++) t = t.add(b.ref);
        b.dispose();
        return t;
      }, array([4]), array([4], 2)),
      note: 'fused into one kernel',
    }),
    tinyDot: () => compiled(grad((x) => np.dot(x.ref, x).mul(2)), array([4])),
    matmul: ({ m, k, n }) => compiled((a, b) => np.matmul(a, b), array([m, k]), array([k, n], 2)),
    binary: ({ op, n }) => compiled((a, b) => a[op](b), array([n]), array([n], 2)),
    unary: ({ op, n }) => compiled({ exp: np.exp, tanh: np.tanh, sigmoid: nn.sigmoid, gelu: (a) => nn.gelu(a) }[op], array([n], 1, 4)),
    sum: ({ n }) => compiled((a) => a.sum(), array([n])),
    softmax: ({ r, c }) => compiled((a) => nn.softmax(a, -1), array([r, c])),
    layerNorm: ({ r, c }) => compiled(layerNorm, array([r, c]), np.ones([c]), np.zeros([c])),
    transpose: ({ r, c }) => compiled((a) => np.transpose(a).add(0), array([r, c])),
    addRow: ({ r, c }) => compiled((a, b) => a.add(b), array([r, c]), array([c], 2)),
    conv: ({ x, w }) => compiled((a, k) => lax.conv(a, k, [1, 1], 'SAME'), array(x), array(w, 2)),
    convGrad: ({ x, w }) => compiled((a, k, g) => grad((p) => lax.conv(p[0], p[1], [1, 1], 'SAME').mul(g).sum())([a, k]),
      array(x), array(w, 2), array([x[0], w[0], x[2], x[3]], 3)),
    maxPool: ({ x }) => compiled(halved, array(x)),
    sort: ({ n }) => ({ ...forward((a) => np.sort(a), array([n])), note: 'without indices' }),
    cumsum: ({ n }) => forward((a) => np.cumsum(a, 0), array([n])),
    where: ({ n }) => forward((m, a, b) => np.where(m, a, b), np.greater(array([n], 3), 0), array([n]), array([n], 2)),
    maskedFill: ({ n }) => forward((m, a) => np.where(m, 0, a), np.greater(array([n], 3), 0), array([n])),
    indexSelect: ({ r, c, n }) => forward((a, i) => np.take(a, i, 0), array([r, c]), whole(n, r)),
    gather: ({ r, c }) => forward((a, i) => np.takeAlongAxis(a, i, 1), array([r, c]), whole(r * c, c, [r, c], 2)),
    cat: ({ r, c }) => forward((a, b) => np.concatenate([a, b], 1), array([r, c]), array([r, c], 2)),
    maxRow: ({ r, c }) => ({ ...forward((a) => [np.max(a.ref, 1), np.argmax(a, 1)], array([r, c])), note: 'max and argmax' }),
    linear: ({ batch, from, to }) => bothWays((x, w, b) => np.matmul(x, np.transpose(w)).add(b),
      [array([batch, from]), array([to, from], 2), array([to], 3)], [batch, to]),
    // Heads come after positions there.
    attention: ({ x }) => bothWays((...p) => {
      const [q, k, v] = p.map((a) => np.transpose(a, [0, 2, 1, 3]));
      return np.transpose(nn.dotProductAttention(q, k, v, { isCausal: true }), [0, 2, 1, 3]);
    }, [1, 2, 3].map((seed) => array(x, seed)), x),
    batchNorm: ({ x }) => ({
      ...bothWays((a, w, b) => nn.standardize(a, [0, 2, 3], { epsilon: 1e-5 }).mul(w.reshape([x[1], 1, 1])).add(b.reshape([x[1], 1, 1])),
        [array(x), np.ones([x[1]]), np.zeros([x[1]])], x),
      note: 'no running moments',
    }),
    groupNorm: ({ x, groups }) => bothWays((a, w, b) => nn.standardize(a.reshape([x[0], groups, -1]), -1, { epsilon: 1e-5 }).reshape(x)
      .mul(w.reshape([x[1], 1, 1])).add(b.reshape([x[1], 1, 1])), [array(x), np.ones([x[1]]), np.zeros([x[1]])], x),
    crossEntropy: ({ r, c }) => {
      const y = hot(r, c, 2);
      return bothWays((a) => crossEntropy(a, y.ref, r), [array([r, c], 1, 4)], []);
    },
    mlp: (c) => training(c, (p, d) => crossEntropy(linear(nn.relu(linear(d.x, p.w1, p.b1)), p.w2, p.b2), d.y, c.batch),
      { w1: fan([784, 256], 784, 3), b1: fan([256], 784, 4), w2: fan([256, 10], 256, 5), b2: fan([10], 256, 6) },
      { x: array([c.batch, 784]), y: hot(c.batch, 10) }),
    lenet: (c) => training(c, (p, d) => {
      let h = halved(nn.relu(lax.conv(d.x, p.k1, [1, 1], 'SAME').add(p.b1)));
      h = halved(nn.relu(lax.conv(h, p.k2, [1, 1], 'VALID').add(p.b2))).reshape([c.batch, 400]);
      h = nn.relu(linear(nn.relu(linear(h, p.w3, p.b3)), p.w4, p.b4));
      return crossEntropy(linear(h, p.w5, p.b5), d.y, c.batch);
    }, {
      k1: fan([6, 1, 5, 5], 25, 2), b1: fan([6, 1, 1], 25, 3), k2: fan([16, 6, 5, 5], 150, 4), b2: fan([16, 1, 1], 150, 5),
      w3: fan([400, 120], 400, 6), b3: fan([120], 400, 7), w4: fan([120, 84], 120, 8), b4: fan([84], 120, 9), w5: fan([84, 10], 84, 10), b5: fan([10], 84, 11),
    }, { x: array([c.batch, 1, 28, 28]), y: hot(c.batch, 10) }),
    gpt: (c) => {
      const { batch, length, width, heads, layers, vocabulary } = c;
      const n = batch * length;
      const block = () => ({
        g1: fan([width], 1, 3), c1: fan([width], width, 4), q: fan([width, 3 * width], width, 5), qb: fan([3 * width], width, 6),
        o: fan([width, width], width, 7), ob: fan([width], width, 8), g2: fan([width], 1, 9), c2: fan([width], width, 10),
        u: fan([width, 4 * width], width, 11), ub: fan([4 * width], width, 12), d: fan([4 * width, width], 4 * width, 13), db: fan([width], width, 14),
      });
      const parameters = {
        tokens: fan([vocabulary, width], width, 1), places: fan([length, width], width, 2), blocks: Array.from({ length: layers }, block),
        g: fan([width], 1, 15), c: fan([width], width, 16), head: fan([width, vocabulary], width, 17),
      };
      const mask = np.array(Float32Array.from({ length: length * length }, (_, i) => ((i % length) > Math.floor(i / length) ? -1e9 : 0))).reshape([length, length]);
      const loss = (p, d) => {
        let x = np.matmul(d.x, p.tokens).reshape([batch, length, width]).add(p.places).reshape([n, width]);
        for (const b of p.blocks) {
          const qkv = np.transpose(linear(layerNorm(x.ref, b.g1, b.c1), b.q, b.qb).reshape([batch, length, 3, heads, width / heads]), [2, 0, 3, 1, 4]);
          const [q, k, v] = np.split(qkv, 3, 0).map((a) => a.reshape([batch, heads, length, width / heads]));
          const a = nn.softmax(np.matmul(q, np.transpose(k, [0, 1, 3, 2])).mul(Math.sqrt(heads / width)).add(d.mask.ref), -1);
          x = x.add(linear(np.transpose(np.matmul(a, v), [0, 2, 1, 3]).reshape([n, width]), b.o, b.ob));
          x = x.ref.add(linear(nn.gelu(linear(layerNorm(x, b.g2, b.c2), b.u, b.ub)), b.d, b.db));
        }
        d.mask.dispose();
        return crossEntropy(np.matmul(layerNorm(x, p.g, p.c), p.head), d.y, n);
      };
      return { ...training(c, loss, parameters, { x: hot(n, vocabulary), y: hot(n, vocabulary, 2), mask }), note: 'embedding as a product with one-hot rows' };
    },
  };
  return { kinds, version: version('@jax-js/jax') };
}
