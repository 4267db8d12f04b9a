/** How many threads the loops of large ops use, and which wasm module runs them. */
import { addWorkers, build, cores, door, maySleep } from '#wasm';
import { RuntimeError } from './errors.js';

if (build === 'threads') {
  Object.defineProperty(globalThis, '__cresset_spawn', { value: addWorkers, configurable: true });
  door.pool_open(maySleep);
  door.pool_threads(cores);
}

/** Sets how many threads ops may use; a module without threads stays at one. */
export function set_num_threads(n: number | bigint): void {
  const given: string = typeof n;
  if (given !== 'bigint' && !Number.isInteger(n)) {
    throw new RuntimeError(`set_num_threads expects an int, but got ${{ number: 'float', string: 'str', boolean: 'bool' }[given] ?? given}`);
  }
  if (n <= 0) throw new RuntimeError('set_num_threads expects a positive integer');
  if (build === 'threads') door.pool_threads(Number(n));
}

/** How many threads ops may use. */
export function get_num_threads(): number { return door.pool_threads(undefined); }

/** `torch.backends`: `wasm.build` names the module that was loaded: `simd`, `relaxed` or `threads`; `wasm.winograd` says whether
 * 3x3 convolutions may take a quarter of the products, with greater rounding errors (docs/differences.md). */
export const backends = {
  wasm: {
    build,
    get winograd(): boolean { return door.winograd(undefined); },
    set winograd(on: boolean) { door.winograd(on); },
  },
};
