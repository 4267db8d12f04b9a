// Builds the package: three wasm modules from one source, and the TypeScript around them.
//
//   simd     runs in every engine of the last years
//   relaxed  may round a product and a sum once (crates/relaxed)
//   threads  relaxed, with memory that workers share; has a standard library of its own
//
// The first two share what cargo compiles; the third is compiled beside them.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, setup, start, step } from './setup.mjs';

const PACKAGES = join(ROOT, 'ts/pkg');
const FLAGS = '-C target-feature=+simd128';
// V8 has 15 vector registers for a tile of sums: loads stay next to their use, addresses in one register.
const TUNED = `${FLAGS} -C llvm-args=-pre-RA-sched=source -C llvm-args=-disable-lsr`;
const SHARED = ['--shared-memory', '--import-memory', '--max-memory=4294967296',
  '--export=__wasm_init_tls', '--export=__tls_size', '--export=__tls_align', '--export=__tls_base'].map((a) => `-C link-arg=${a}`).join(' ');

/** Takes the names of functions out of a module, which only profilers read. */
function strip(file) {
  const bytes = readFileSync(file), kept = [bytes.subarray(0, 8)];
  let at = 8;
  const number = () => {
    for (let n = 0, shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      n += (byte & 127) * 2 ** shift;
      if (byte < 128) return n;
    }
  };
  while (at < bytes.length) {
    const start = at, kind = bytes[at++], size = number(), end = at + size, length = kind === 0 ? number() : 0;
    if (kind !== 0 || bytes.toString('latin1', at, at + length) !== 'name') kept.push(bytes.subarray(start, end));
    at = end;
  }
  writeFileSync(file, Buffer.concat(kept));
}

/** Compiles one module to `ts/pkg/NAME`. */
function module(name, env, { profile = '--release', flags = TUNED, target = 'wasm', features = [], names = false }) {
  return step(`wasm module ${name}`, () => start('wasm-pack', ['build', join(ROOT, 'crates/wasm'), profile, '--target', 'web', '--mode', 'no-install', '--no-pack',
    '--out-dir', join(PACKAGES, name), '--out-name', 'cresset', ...(features.length ? ['--', '--features', features.join(',')] : [])],
  { env: { ...env, RUSTFLAGS: `${env.RUSTFLAGS} ${flags}`.trim(), CARGO_TARGET_DIR: join(ROOT, 'target', target) } }).then(() => {
    // It would keep npm from packing the module.
    rmSync(join(PACKAGES, name, '.gitignore'), { force: true });
    if (!names) strip(join(PACKAGES, name, 'cresset_bg.wasm'));
    return 'done';
  }));
}

/** The facade imports the JavaScript of two modules, and the loader takes what wasm there is. */
function alone(name) {
  for (const other of ['simd', 'relaxed', 'threads'].filter((n) => n !== name)) {
    rmSync(join(PACKAGES, other), { recursive: true, force: true });
    if (other === 'relaxed') continue;
    mkdirSync(join(PACKAGES, other), { recursive: true });
    for (const f of ['cresset.js', 'cresset.d.ts']) cpSync(join(PACKAGES, name, f), join(PACKAGES, other, f));
  }
}

/** The relaxed module has the same JavaScript as the plain one, which the loader relies on. */
function sameDoor() {
  const [simd, relaxed] = ['simd', 'relaxed'].map((n) => readFileSync(join(PACKAGES, n, 'cresset.js'), 'utf8'));
  if (simd !== relaxed) throw new Error('the modules simd and relaxed differ in their JavaScript');
}

/** The package; `quick` compiles one module, in seconds and to slow code, for work on the code itself;
 * `fast` compiles the relaxed one alone, for work on its speed. */
export async function build({ quick = false, fast = false } = {}) {
  const env = await setup({ shared: !quick && !fast });
  if (quick) {
    await module('simd', env.plain, { profile: '--dev', flags: FLAGS, names: true });
    alone('simd');
  } else if (fast) {
    await module('relaxed', env.plain, { features: ['relaxed'], names: true });
    alone('relaxed');
  } else {
    const plain = module('simd', env.plain, {}).then(() => module('relaxed', env.plain, { features: ['relaxed'] }));
    await Promise.all([plain, module('threads', env.threads, { features: ['relaxed'], flags: `${TUNED} ${SHARED}`, target: 'threads' })]);
    sameDoor();
  }
  await step('TypeScript', () => { run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json']); });
  await step('one file of each', bundle);
}

/** The facade's modules as one file, and what loads the wasm in Node as another: Node takes a millisecond to find each,
 * and there are a hundred. What differs between Node and the browser stays outside of the first. */
async function bundle() {
  const { build: rolldown } = await import('rolldown');
  const one = (from, to, external) => rolldown({ input: join(ROOT, 'ts/dist', from), external, platform: 'node', output: { file: join(ROOT, 'ts/dist', to), sourcemap: true } });
  await one('index.js', 'cresset.js', ['#wasm']);
  await one('wasm.node.js', 'loader.node.js');
}

/** `ts/src/generated.ts` from the op table; with `check` it must be fresh. */
export async function generate({ check = false } = {}) {
  const text = (await start('cargo', ['run', '--quiet', '-p', 'cresset-gen'])).stdout;
  const path = join(ROOT, 'ts/src/generated.ts');
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return undefined;
  if (check) throw new Error('ts/src/generated.ts is stale: run `npm run generate` and commit it');
  writeFileSync(path, text);
  return 'written';
}
