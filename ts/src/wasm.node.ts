/** Picks a wasm module and loads it in Node, at once; the variable `CRESSET_BUILD` can name it. */
import { existsSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import * as simd from '../pkg/simd/cresset.js';
import * as threads from '../pkg/threads/cresset.js';
import { choose } from './builds.js';

export { findCollector, mayCollect, type Collector } from './collect.node.js';

const file = (name: string): URL => new URL(`../pkg/${name}/cresset_bg.wasm`, import.meta.url);

/** Sets a flag of V8; other engines have none. */
function engineFlag(flag: string): void {
  try {
    setFlagsFromString(flag);
  } catch {
    // Then it compiles as it does.
  }
}

/** Compiles the module. Functions are compiled at their first call, and here validated no earlier either: to read all
 * of them would take most of the time in which the package loads. */
function compiled(bytes: Uint8Array<ArrayBuffer>): WebAssembly.Module {
  engineFlag('--wasm-lazy-validation');
  try {
    return new WebAssembly.Module(bytes);
  } finally {
    engineFlag('--no-wasm-lazy-validation');
  }
}

/** The module's name. */
export const build = choose(process.env['CRESSET_BUILD'], ['threads', 'relaxed', 'simd'], (name) => existsSync(file(name)));
const module = compiled(readFileSync(file(build)));
/** The module's functions: flat ones on handles. */
export const door: typeof simd = build === 'threads' ? { ...threads } as unknown as typeof simd : { ...simd };
/** Its exports, the memory among them. */
export const wasm: simd.InitOutput = door.initSync({ module });

/** Threads that can run at once. */
export const cores: number = availableParallelism();
/** The thread that loads the module may sleep until others are done. */
export const maySleep = true;

/** Starts workers that share the module's memory; they do not keep the process alive. */
export function addWorkers(count: number): void {
  // Most programs need none, and Node takes a while to load the module.
  const { Worker } = process.getBuiltinModule('node:worker_threads');
  for (let i = 0; i < count; i++) {
    const worker = new Worker(new URL('./worker.node.js', import.meta.url), { workerData: { module, memory: wasm.memory } });
    // What goes wrong in a worker is told by the op that it worked for.
    worker.on('error', () => {});
    worker.unref();
  }
}
