// The limits of this machine for 128-bit code in WebAssembly: the most multiply-adds a core does, and
// how fast it moves memory. Measured by modules that are written here byte by byte.
import { fileURLToPath } from 'node:url';

const unsigned = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...unsigned(n >>> 7)]);
const signed = (n) => {
  const low = n & 127, rest = n >> 7;
  return (rest === 0 && !(low & 64)) || (rest === -1 && low & 64) ? [low] : [low | 128, ...signed(rest)];
};
const section = (id, content) => [id, ...unsigned(content.length), ...content];
const I32 = 0x7f, V128 = 0x7b;
const get = (i) => [0x20, i], set = (i) => [0x21, i], constant = (n) => [0x41, ...signed(n)], END = 0x0b;
const simd = (op) => [0xfd, ...unsigned(op)];

/** A module with one function of a number of turns, which runs `body` so often between `before` and `after`. */
function looping(pages, locals, body, before = [], after = []) {
  const turn = [...body, ...get(0), ...constant(1), 0x6b, 0x22, 0, 0x0d, 0];
  const code = [1, ...unsigned(locals), V128, ...before, 0x03, 0x40, ...turn, END, ...after, END];
  const bytes = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...section(1, [1, 0x60, 1, I32, 0]), ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(pages)]), ...section(7, [1, 1, 0x66, 0, 0]), ...section(10, [1, ...unsigned(code.length), ...code])];
  return new WebAssembly.Instance(new WebAssembly.Module(new Uint8Array(bytes))).exports.f;
}

/** Turns in a second, the best of some tries. */
function turns(f, count) {
  f(count);
  let best = Infinity;
  for (let i = 0; i < 12; i++) {
    const begin = performance.now();
    f(count);
    best = Math.min(best, performance.now() - begin);
  }
  return (count / best) * 1e3;
}

/** GFLOP/s of relaxed multiply-adds on 12 sums of 4 floats (V8 has 15 registers for them), or null without relaxed SIMD. */
function multiplyAdds() {
  const SUMS = 12, MADD = simd(0x105), LOAD = [...simd(0), 4, 0], STORE = [...simd(11), 4, 0];
  // Read from memory and written there, so that no compiler does without.
  const before = Array.from({ length: SUMS + 2 }, (_, i) => [...constant(16 * i), ...LOAD, ...set(1 + i)]).flat();
  const after = Array.from({ length: SUMS }, (_, i) => [...constant(16 * i), ...get(3 + i), ...STORE]).flat();
  const body = Array.from({ length: SUMS }, (_, i) => [...get(1), ...get(2), ...get(3 + i), ...MADD, ...set(3 + i)]).flat();
  try {
    return (turns(looping(1, SUMS + 2, body, before, after), 4e6) * SUMS * 8) / 1e9;
  } catch {
    return null;
  }
}

/** GB/s read and written by copies of 64 MB. */
function bandwidth() {
  const bytes = 1 << 26;
  const copy = [...constant(0), ...constant(bytes), ...constant(bytes), 0xfc, 0x0a, 0, 0];
  return (turns(looping((2 * bytes) >> 16, 1, copy), 3) * 2 * bytes) / 1e9;
}

export const limits = () => ({ gflops: multiplyAdds(), gigabytes: bandwidth() });

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(limits()));
