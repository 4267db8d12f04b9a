// The three wasm modules, each in a process of its own.
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('..', import.meta.url);
const builds = ['simd', 'relaxed', 'threads'].filter((build) => existsSync(new URL(`ts/pkg/${build}/cresset_bg.wasm`, root)));

/** What a program prints with one of the modules. */
function run(build: string, program: string): string {
  return execFileSync(process.execPath, ['--input-type=module', '-e', `import * as torch from 'cresset';${program}`],
    { cwd: root, env: { ...process.env, CRESSET_BUILD: build }, encoding: 'utf8' }).trim();
}

describe.each(builds)('the module %s', (build) => {
  it('is the one that was asked for, and lets the process end', () => {
    expect(run(build, 'console.log(torch.backends.wasm.build)')).toBe(build);
  });

  it('keeps NaN where minima and maxima are taken', () => {
    expect(run(build, `
      const x = torch.tensor([NaN, 1, NaN, 2, -1, NaN, NaN, NaN, 3]);
      const nans = (t) => t.isnan().sum().item();
      console.log([x.relu(), x.clamp(0, 1), x.exp(), x.maximum(torch.zeros([9])), x.minimum(torch.zeros([9])), x.max(), x.amin(0), x.softmax(0)].map(nans).join());
    `)).toBe('5,5,5,5,5,1,1,9');
  });

  it('multiplies matrices alike on one thread and on two', () => {
    expect(run(build, `
      const same = [];
      for (const [m, k, n] of [[200, 300, 150], [2000, 90, 30], [1, 3000, 2000], [2000, 3000, 1]]) {
        const [a, b] = [torch.randn([m, k]), torch.randn([k, n])];
        torch.set_num_threads(1);
        const one = a.matmul(b);
        torch.set_num_threads(2);
        for (let i = 0; i < 20; i++) same.push(torch.equal(one, a.matmul(b)));
        same.push(torch.allclose(one.double(), a.double().matmul(b.double()), 1e-3, 1e-3));
      }
      console.log(same.every(Boolean));
    `)).toBe('true');
  });
});
