// The commands of package.json: build, generate, start, test, example, conformance.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, generate } from './build.mjs';
import { browser, ROOT, run, step } from './setup.mjs';

const NODE = join(ROOT, 'node_modules/.bin/node');
const table = (options) => step('op table', () => generate(options));
const example = (name, ...args) => run(NODE, [join(ROOT, 'examples', `${name}.ts`), ...args], { show: true });

/** Both test runs, and the closing line that adds them up. */
async function test() {
  let [passed, failed] = [0, 0];
  await table({ check: true });
  await build();
  await browser();
  const rust = run('cargo', ['test', '-p', 'cresset-core'], { may: true });
  process.stdout.write(rust.stdout + (rust.status ? rust.stderr : ''));
  for (const m of rust.stdout.matchAll(/(\d+) passed; (\d+) failed/g)) { passed += +m[1]; failed += +m[2]; }
  if (rust.status && failed === 0) failed += 1;
  const report = join(ROOT, 'target/vitest.json');
  const vitest = run(NODE, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`], { show: true, may: true });
  const counts = JSON.parse(readFileSync(report, 'utf8'));
  passed += counts.numPassedTests;
  failed += counts.numFailedTests || (vitest.status ? 1 : 0);
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed ? 1 : 0;
}

const [command, ...args] = process.argv.slice(2);
switch (command) {
  case 'generate': await table(); break;
  case 'build':
    if (args.length) await table();
    await build({ quick: args.includes('--quick'), fast: args.includes('--fast') });
    break;
  case 'start': await build(); example('tutorial'); if (existsSync(join(ROOT, 'examples/mnist.ts'))) example('mnist', '--epochs', '1'); break;
  case 'test': await test(); break;
  case 'conformance':
    if (!existsSync(join(ROOT, 'ts/dist/cresset.js'))) await build();
    process.exitCode = run(NODE, [join(ROOT, 'test/conformance/run.ts'), ...args], { show: true, may: true }).status;
    break;
  case 'bench':
    if (!existsSync(join(ROOT, 'ts/pkg/relaxed'))) await build();
    process.exitCode = run(NODE, [join(ROOT, 'bench/run.mjs'), ...args], { show: true, may: true }).status;
    break;
  case 'example': {
    const names = readdirSync(join(ROOT, 'examples')).filter((f) => f.endsWith('.ts')).map((f) => f.slice(0, -3));
    if (!names.includes(args[0])) throw new Error(`which one? ${names.join(', ')}`);
    await build();
    example(...args);
    break;
  }
  default: throw new Error(`unknown command ${command}`);
}
