// Two threads against one: `npm run bench:threads -- [PATTERN]`, on an idle machine and beside a busy program.
//
// One process runs each case on one thread and on two in turn, so that both meet the same machine;
// the middle one of the ratios of such pairs counts. The busy program is one loop without end, which
// leaves the worker's core only in part.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import * as library from './adapters/cresset.mjs';
import { select } from './cases.mjs';
import { digits, time } from './report.mjs';

const pattern = process.argv[2] ?? '^(?!process)';
const PAIRS = Number(process.env.PAIRS ?? 15), BATCH_US = 20_000;

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];
const turn = () => new Promise((done) => { setImmediate(done); });

async function timed(run, n) {
  const begin = process.hrtime.bigint();
  for (let i = 0; i < n; i++) run();
  const us = Number(process.hrtime.bigint() - begin) / 1e3;
  await turn();
  return us / n;
}

/** What a case takes on one thread and on two, and how much that is less: medians. */
async function compare(run) {
  let n = 1;
  while (await timed(run, n) * n < BATCH_US) n *= 2;
  const times = { 1: [], 2: [] };
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const threads of pair % 2 ? [1, 2] : [2, 1]) {
      library.open({ threads });
      await timed(run, 1);
      times[threads].push(await timed(run, n));
    }
  }
  const ratio = median(times[1].map((one, i) => one / times[2][i]));
  return { one: median(times[1]), two: median(times[2]), ratio };
}

const idle = [], busy = [], cases = select(pattern).filter((c) => c.group !== 'process');
const { kinds, note, seed } = library.open({ threads: 2 });
if (!note.startsWith('threads')) throw new Error(`the ${note} has no threads`);
for (const c of cases) {
  seed();
  const job = await kinds[c.kind](c), run = job.run ?? job;
  idle.push(await compare(run));
  const other = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
  busy.push(await compare(run));
  other.kill('SIGKILL');
  const show = ({ one, two, ratio }) => `${time(one)}, ${time(two)}, **${digits(ratio, 2)}x**`;
  console.log(`| ${c.name} | ${show(idle.at(-1))} | ${show(busy.at(-1))} |`);
  cases[idle.length - 1].row = `| ${c.name} | ${show(idle.at(-1))} | ${show(busy.at(-1))} |`;
}
mkdirSync(new URL('report', import.meta.url), { recursive: true });
writeFileSync(fileURLToPath(new URL('report/threads.md', import.meta.url)), [
  `Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${note}.`,
  'One thread, two threads, how many times faster two are: medians of pairs in one process.',
  '',
  '| case | idle machine | beside a busy program |',
  '| --- | --- | --- |',
  ...cases.map((c) => c.row),
  '',
].join('\n'));
process.exit(0);
