/** Types, as the compiler sees the built package: test/types and the examples compile. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');

test('the types are those that the package promises', () => {
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  try {
    execFileSync(compiler, ['-p', join(ROOT, 'test/types/tsconfig.json')], { encoding: 'utf8' });
  } catch (error) {
    expect((error as { stdout: string }).stdout).toBe('');
    throw error;
  }
});
