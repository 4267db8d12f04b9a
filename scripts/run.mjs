// The commands of package.json: build, generate, start, test, example, conformance.
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT, run, setup, step } from './setup.mjs';

const NODE = join(ROOT, 'node_modules/.bin/node');

function generate(check) {
  const text = run('cargo', ['run', '--quiet', '-p', 'cresset-gen']).stdout;
  const path = join(ROOT, 'ts/src/generated.ts');
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return 'unchanged';
  if (check) throw new Error('ts/src/generated.ts is stale: run `npm run generate` and commit it');
  writeFileSync(path, text);
  return 'written';
}

/** The package; `quick` compiles in seconds to slow code, for work on the code itself. */
function build(quick = false) {
  const env = setup();
  step('wasm module', () => {
    run('wasm-pack', ['build', join(ROOT, 'crates/wasm'), quick ? '--dev' : '--release', '--target', 'web', '--mode', 'no-install', '--no-pack',
      '--out-dir', join(ROOT, 'ts/pkg/simd'), '--out-name', 'cresset'], { env: { ...env, RUSTFLAGS: '-C target-feature=+simd128', CARGO_TARGET_DIR: join(ROOT, 'target/wasm') } });
  });
  step('TypeScript', () => { run(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.json']); });
}

const example = (name, ...args) => run(NODE, [join(ROOT, 'examples', `${name}.ts`), ...args], { show: true });

/** Both test runs, and the closing line that adds them up. */
function test() {
  let [passed, failed] = [0, 0];
  step('op table', () => generate(true));
  build();
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
  case 'generate': step('ts/src/generated.ts', () => generate(false)); break;
  case 'build':
    if (args.includes('--quick')) step('ts/src/generated.ts', () => generate(false));
    build(args.includes('--quick'));
    break;
  case 'start': build(); example('tutorial'); if (existsSync(join(ROOT, 'examples/mnist.ts'))) example('mnist', '--epochs', '1'); break;
  case 'test': test(); break;
  case 'conformance':
    if (!existsSync(join(ROOT, 'ts/dist/index.js'))) build();
    process.exitCode = run(NODE, [join(ROOT, 'test/conformance/run.ts'), ...args], { show: true, may: true }).status;
    break;
  case 'example': {
    const names = readdirSync(join(ROOT, 'examples')).filter((f) => f.endsWith('.ts')).map((f) => f.slice(0, -3));
    if (!names.includes(args[0])) throw new Error(`which one? ${names.join(', ')}`);
    build();
    example(...args);
    break;
  }
  default: throw new Error(`unknown command ${command}`);
}
