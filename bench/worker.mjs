// Measures one library in a process of its own: `worker.mjs ADAPTER PATTERN`, one JSON line a case.
import { fingerprint, select } from './cases.mjs';
import { prepare, timed } from './timing.mjs';

const [adapter, pattern] = process.argv.slice(2);
const threads = Number(process.env.THREADS ?? 1);
const BUDGET_MS = Number(process.env.BUDGET_MS ?? 700);
const WARM_MS = 300, BATCH_MS = 15, BATCHES = 60;

const library = await import(`./adapters/${adapter}.mjs`);
const opened = await library.open({ threads });
const { version, note } = opened;

/** Times batches of runs. */
async function measure(job) {
  const first = await timed(job, 1);
  let [runs, spent] = [0, 0];
  while (runs < 2 || spent < WARM_MS * 1e3) {
    const n = Math.max(1, Math.min(1000, Math.floor((BATCH_MS * 1e3 * runs) / Math.max(spent, 1))));
    spent += await timed(job, n);
    runs += n;
  }
  const batch = Math.max(1, Math.round((BATCH_MS * 1e3 * runs) / spent));
  const times = [];
  spent = 0;
  while (times.length < 5 || (spent < BUDGET_MS * 1e3 && times.length < BATCHES)) {
    const us = await timed(job, batch);
    spent += us;
    times.push(us / batch);
  }
  times.sort((a, b) => a - b);
  const round = (x) => Number(x.toPrecision(5));
  return { min_us: round(times[0]), median_us: round(times[times.length >> 1]), first_us: round(first), batches: times.length, batch };
}

/** The fingerprints of what the first runs give. */
async function checked(c) {
  const job = await prepare(opened, c);
  const results = await job.check?.();
  job.dispose?.();
  return results?.map((data) => Number(fingerprint(data).toPrecision(7)));
}

for (const c of select(pattern)) {
  const tell = (what) => console.log(JSON.stringify({ peer: library.name, version, about: note, threads, case: c.name, ...what }));
  try {
    const job = await prepare(opened, c);
    if (!job) continue;
    const times = await measure(job);
    job.dispose?.();
    tell({ ...times, check: await checked(c), note: job.note });
  } catch (e) {
    tell({ error: String(e?.message ?? e).split('\n')[0].slice(0, 200) });
  }
}
process.exit(0);
