/** Picks a wasm module and loads it in a page: the import is ready when the module is. The global `CRESSET_BUILD` can name it. */
import type * as simd from '../pkg/simd/cresset.js';
import { choose } from './builds.js';
import type { Collector } from './collect.node.js';

const FILES = {
  simd: new URL('../pkg/simd/cresset_bg.wasm', import.meta.url),
  relaxed: new URL('../pkg/relaxed/cresset_bg.wasm', import.meta.url),
  threads: new URL('../pkg/threads/cresset_bg.wasm', import.meta.url),
};

/** The module's name; threads need a page that is isolated from other origins. */
export const build = choose((globalThis as { CRESSET_BUILD?: string }).CRESSET_BUILD,
  globalThis.crossOriginIsolated ? ['threads', 'relaxed'] : ['relaxed'], () => true);
const module = await WebAssembly.compile(await (await fetch(FILES[build])).arrayBuffer());
const functions = build === 'threads' ? await import('../pkg/threads/cresset.js') : await import('../pkg/simd/cresset.js');
/** The module's functions: flat ones on handles. */
export const door: typeof simd = { ...functions } as unknown as typeof simd;
/** Its exports, the memory among them. */
export const wasm: simd.InitOutput = await door.default({ module_or_path: module });

/** Threads that can run at once. */
export const cores: number = navigator.hardwareConcurrency;
/** A page must not sleep: it watches until others are done. */
export const maySleep: boolean = typeof document === 'undefined';

/** A page cannot collect in the midst of synchronous code. */
export const mayCollect = false;
export const findCollector = (): Collector | null => null;

/** Starts workers that share the module's memory. */
export function addWorkers(count: number): void {
  for (let i = 0; i < count; i++) {
    const worker = new Worker(new URL('./worker.browser.js', import.meta.url), { type: 'module' });
    worker.postMessage({ module, memory: wasm.memory });
  }
}
