/** Loads the wasm module in a page: the import is ready when the module is. */
import init, { type InitOutput } from '../pkg/simd/cresset.js';

export * as door from '../pkg/simd/cresset.js';
export const wasm: InitOutput = await init();
