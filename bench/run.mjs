// The benchmarks: `npm run bench -- [--peers] [--threads N] [--rounds N] [--scaling] [PATTERN]`.
//
// Each library is measured in processes of its own, which take turns: what else the machine does
// meets all of them alike. The least time of all rounds counts. PATTERN is matched against
// `group/name`; `overhead` is a group, `process` (start-up, memory, size) another. `--peers` measures
// the other libraries too, and installs them the first time. PyTorch is measured if a Python has it
// (`TORCH_PY` names one). `--scaling` compares threads instead (threads.mjs).
import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CASES, select } from './cases.mjs';
import { outside } from './process.mjs';
import { picture, report } from './report.mjs';
import { scaling } from './threads.mjs';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const PEERS = ['tfjs', 'jax', 'js-pytorch', 'ort-web', 'ort-node'];

const { values: ask, positionals } = parseArgs({
  allowPositionals: true,
  options: { peers: { type: 'boolean' }, scaling: { type: 'boolean' }, threads: { type: 'string', default: '1' }, rounds: { type: 'string', default: '3' } },
});
const pattern = positionals[0] ?? '.';
const threads = Number(ask.threads);
const cases = select(pattern);
if (cases.length === 0) throw new Error(`no case matches ${pattern}`);
if (ask.scaling) {
  await scaling(pattern);
  process.exit(0);
}
const [loops, whole] = [cases.filter((c) => c.group !== 'process'), cases.filter((c) => c.group === 'process')];

const quiet = (command, args) => spawnSync(command, args, { encoding: 'utf8' });
const python = process.env.TORCH_PY ?? 'python3';
const hasTorch = quiet(python, ['-c', 'import torch']).status === 0;
if (!hasTorch) console.log('no PyTorch found: set TORCH_PY to a Python that has it, to see both side by side');
if (ask.peers && !existsSync(join(HERE, 'peers/node_modules'))) {
  console.log('installing the other libraries');
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: join(HERE, 'peers'), stdio: 'inherit' });
}
const libraries = ['cresset', ...(hasTorch ? ['torch'] : []), ...(ask.peers ? PEERS : [])];

const canPin = quiet('taskset', ['--version']).status === 0;
/** A command that stays on one core, if that is asked for and can be. */
const pinned = (command) => (threads === 1 && canPin ? ['taskset', '-c', '0', ...command] : command);

/** What the machine can do at most, as far as this round saw. */
function limits() {
  const [program, ...args] = pinned([process.execPath, join(HERE, 'limit.mjs')]);
  return JSON.parse(quiet(program, args).stdout);
}

const env = { ...process.env, THREADS: String(threads) };
const torch = (...args) => [python, join(HERE, 'torch_reference.py'), ...args.map((a) => JSON.stringify(a))];
const script = (name, ...args) => [process.execPath, join(HERE, name), ...args];

/** The loops of one library measured once; with one thread it stays on one core. */
function measure(library) {
  if (loops.length === 0) return [];
  const [program, ...args] = pinned(library === 'torch' ? torch(loops) : script('worker.mjs', library, pattern));
  const done = spawnSync(program, args, { encoding: 'utf8', env, maxBuffer: 1 << 26 });
  const lines = done.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  if (done.status !== 0) console.log(`${library}: ${done.stderr.trim().split('\n').slice(-3).join('\n')}`);
  return lines;
}

/** What is measured of its process; what has failed once is not tried again. */
function measureOutside(library) {
  return whole.filter((c) => !failed.has(`${library} ${c.name}`)).map((c) => {
    const [command, bare] = library === 'torch'
      ? [torch([], c, CASES.find((other) => other.name === c.of) ?? null), [python, '-c', 'pass']]
      : [script('once.mjs', library, c.name), script('once.mjs')];
    const told = outside(c, pinned(command), pinned(bare), env);
    if (told.error) failed.add(`${library} ${c.name}`);
    return { peer: library, threads, case: c.name, ...told };
  }).filter((line) => line.error ?? line.bytes ?? line.min_us);
}

const machine = { cpu: cpus()[0].model, cores: cpus().length, node: process.version };
const commit = quiet('git', ['-C', HERE, 'rev-parse', '--short', 'HEAD']).stdout.trim();
const date = new Date().toISOString();
const records = [], failed = new Set(), limit = { gflops: 0, gigabytes: 0 };
for (let round = 1; round <= Number(ask.rounds); round++) {
  for (const [key, value] of Object.entries(limits())) limit[key] = Math.max(limit[key], value ?? 0);
  for (const library of libraries) {
    const begin = Date.now();
    const lines = [...measure(library), ...measureOutside(library)];
    records.push(...lines.map((line) => ({ date, ...machine, commit, ...line })));
    console.log(`round ${round} of ${ask.rounds}, ${library}: ${lines.length} cases, ${((Date.now() - begin) / 1000).toFixed(0)} s`);
  }
}
for (const folder of ['record', 'report']) mkdirSync(join(HERE, folder), { recursive: true });
appendFileSync(join(HERE, `record/${date.slice(0, 10)}.jsonl`), records.map((r) => `${JSON.stringify(r)}\n`).join(''));
const text = report(records, cases, limit);
const name = `${pattern === '.' ? 'all' : pattern.replace(/[^\w]+/g, '-').replace(/^-|-$/g, '')}${threads > 1 ? `-${threads}-threads` : ''}`;
writeFileSync(join(HERE, `report/${name}.md`), text);
writeFileSync(join(HERE, `report/${name}.svg`), picture(records, cases));
console.log(`\n${text}`);
