// Two threads against one, on an idle machine and beside a busy program: `npm run bench -- --scaling [PATTERN]`.
//
// One process runs each case on one thread and on two in turn, so that both meet the same machine;
// the middle one of the ratios of such pairs counts. The busy program is one loop without end, which
// leaves the worker's core in part only.
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { select } from './cases.mjs';
import { digits, time } from './report.mjs';
import { prepare, timed } from './timing.mjs';

const PAIRS = 15, BATCH_US = 20_000;

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

/** What a run takes on one thread and on two, and how many times faster two are: medians. */
async function compare(job, setThreads) {
  let n = 1;
  while (await timed(job, n) < BATCH_US) n *= 2;
  const times = { 1: [], 2: [] };
  for (let pair = 0; pair < PAIRS; pair++) {
    for (const threads of pair % 2 ? [1, 2] : [2, 1]) {
      setThreads(threads);
      await timed(job, 1);
      times[threads].push(await timed(job, n) / n);
    }
  }
  const ratio = median(times[1].map((one, i) => one / times[2][i]));
  return `${time(median(times[1]))}, ${time(median(times[2]))}, **${digits(ratio, 2)}x**`;
}

/** Measures the cases that match and writes report/threads.md. */
export async function scaling(pattern) {
  process.env.CRESSET_BUILD = 'threads';
  const library = await import('./adapters/cresset.mjs');
  const setThreads = (threads) => library.open({ threads });
  const opened = setThreads(2);
  const lines = [
    `Measured on ${new Date().toISOString().slice(0, 10)}: ${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, threads build.`,
    'Time on one thread, on two, and how many times faster two are: medians of pairs in one process.',
    '',
    '| case | idle machine | beside a busy program |',
    '| --- | --- | --- |',
  ];
  console.log(lines.join('\n'));
  for (const c of select(pattern).filter((one) => one.group !== 'process')) {
    const job = await prepare(opened, c);
    const idle = await compare(job, setThreads);
    const other = spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' });
    const busy = await compare(job, setThreads);
    other.kill('SIGKILL');
    lines.push(`| ${c.name} | ${idle} | ${busy} |`);
    console.log(lines.at(-1));
  }
  writeFileSync(new URL('report/threads.md', import.meta.url), `${lines.join('\n')}\n`);
}
