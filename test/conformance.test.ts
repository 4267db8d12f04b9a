// What passed once of PyTorch's recorded answers still passes.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test("PyTorch's recorded answers that were met are still met", () => {
  const done = spawnSync(process.execPath, ['test/conformance/run.ts', '--check'], { encoding: 'utf8', maxBuffer: 1 << 26 });
  console.log(done.stdout);
  expect(done.stdout.split('\n').filter((line) => line.startsWith('lost: '))).toEqual([]);
  expect(done.status, done.stderr).toBe(0);
}, 600_000);
