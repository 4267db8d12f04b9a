/** A worker of the pool in Node: runs parts of loops in the memory that it is given. */
import { workerData } from 'node:worker_threads';
import { initSync, pool_failed, pool_work } from '../pkg/threads/cresset.js';

initSync(workerData as Parameters<typeof initSync>[0]);
try {
  pool_work();
} catch {
  pool_failed();
}
