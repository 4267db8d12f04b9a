// Measures one library in a process of its own: `worker.mjs ADAPTER PATTERN`, one JSON line a case.
import { fingerprint, select } from './cases.mjs';

const [adapter, pattern] = process.argv.slice(2);
const threads = Number(process.env.THREADS ?? 1);
const BUDGET_MS = Number(process.env.BUDGET_MS ?? 700);
const WARM_MS = 300, BATCH_MS = 15, BATCHES = 60;

const library = await import(`./adapters/${adapter}.mjs`);
const { kinds, version, note, seed } = await library.open({ threads });

/** Times batches of runs; between batches other work of the event loop gets its turn. */
async function measure({ run, isAsync = false }) {
  const once = async (n) => {
    const begin = process.hrtime.bigint();
    if (isAsync) for (let i = 0; i < n; i++) await run();
    else for (let i = 0; i < n; i++) run();
    const us = Number(process.hrtime.bigint() - begin) / 1e3;
    await new Promise((done) => { setImmediate(done); });
    return us;
  };
  const first = await once(1);
  let [runs, spent] = [0, 0];
  while (runs < 2 || spent < WARM_MS * 1e3) {
    const n = Math.max(1, Math.min(1000, Math.floor((BATCH_MS * 1e3 * runs) / Math.max(spent, 1))));
    spent += await once(n);
    runs += n;
  }
  const batch = Math.max(1, Math.round((BATCH_MS * 1e3 * runs) / spent));
  const times = [];
  spent = 0;
  while (times.length < 5 || (spent < BUDGET_MS * 1e3 && times.length < BATCHES)) {
    const us = await once(batch);
    spent += us;
    times.push(us / batch);
  }
  times.sort((a, b) => a - b);
  const round = (x) => Number(x.toPrecision(5));
  return { min_us: round(times[0]), median_us: round(times[times.length >> 1]), first_us: round(first), batches: times.length, batch };
}

/** A case made ready, with the same random numbers each time; null if the library has none. */
async function prepare(c) {
  seed?.();
  const made = await kinds[c.kind]?.(c);
  return typeof made === 'function' ? { run: made } : made;
}

/** The fingerprints of what the first runs give. */
async function checked(c) {
  const job = await prepare(c);
  const results = await job.check?.();
  job.dispose?.();
  return results?.map((data) => Number(fingerprint(data).toPrecision(7)));
}

for (const c of select(pattern)) {
  const tell = (what) => console.log(JSON.stringify({ peer: library.name, version, about: note, threads, case: c.name, ...what }));
  try {
    const job = await prepare(c);
    if (!job) continue;
    const times = await measure(job);
    job.dispose?.();
    tell({ ...times, check: await checked(c), note: job.note });
  } catch (e) {
    tell({ error: String(e?.message ?? e).split('\n')[0].slice(0, 200) });
  }
}
process.exit(0);
