/** Which of the wasm modules an engine can run, and which one is taken. */

/** `simd` runs everywhere; `relaxed` rounds a product and a sum once; `threads` shares memory with workers too. */
export type Build = 'simd' | 'relaxed' | 'threads';

// The smallest modules that use a relaxed instruction, and an atomic one on shared memory.
const RELAXED = [0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15, 253, 128, 2, 11];
const SHARED = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1, 10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11];

const runs = (bytes: number[]): boolean => WebAssembly.validate(new Uint8Array(bytes));

function supported(build: Build): boolean {
  switch (build) {
    case 'simd': return true;
    case 'relaxed': return runs(RELAXED);
    case 'threads': return runs(RELAXED) && typeof SharedArrayBuffer !== 'undefined' && runs(SHARED);
  }
}

/** The build that was asked for, else the best of `candidates` that the engine runs and that is there. */
export function choose(asked: string | undefined, candidates: readonly Build[], isThere: (build: Build) => boolean): Build {
  if (asked) {
    if (asked !== 'simd' && asked !== 'relaxed' && asked !== 'threads') throw new Error(`CRESSET_BUILD is '${asked}': simd, relaxed or threads expected`);
    if (!supported(asked)) throw new Error(`CRESSET_BUILD is '${asked}', which this engine cannot run`);
    return asked;
  }
  return candidates.find((build) => isThere(build) && supported(build)) ?? 'simd';
}
