/** A worker of the pool in a page: runs parts of loops in the memory that its first message brings. */
import init, { pool_failed, pool_work } from '../pkg/threads/cresset.js';

self.onmessage = async ({ data }: MessageEvent<{ module: WebAssembly.Module; memory: WebAssembly.Memory }>): Promise<void> => {
  await init({ module_or_path: data.module, memory: data.memory } as Parameters<typeof init>[0]);
  try {
    pool_work();
  } catch {
    pool_failed();
  }
};
