/** Loads the wasm module in Node, at once. */
import { readFileSync } from 'node:fs';
import { initSync, type InitOutput } from '../pkg/simd/cresset.js';

export * as door from '../pkg/simd/cresset.js';
export const wasm: InitOutput = initSync({
  module: readFileSync(new URL('../pkg/simd/cresset_bg.wasm', import.meta.url)),
});
