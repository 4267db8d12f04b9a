// A library once, in a process that process.mjs measures from outside: `once.mjs ADAPTER CASE`; without them it does nothing.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { CASES } from './cases.mjs';

const [adapter, name] = process.argv.slice(2);
const SMALL = [{ kind: 'tinyAdd' }, { kind: 'matmul', m: 4, k: 4, n: 4 }];
const tell = (what) => console.log(JSON.stringify(what));

/** The most memory that was resident. What Node tells is at least what its parent had when it started the process. */
function highWater() {
  try {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}

async function once() {
  const library = await import(`./adapters/${adapter}.mjs`);
  const { kinds, version, note } = await library.open({ threads: Number(process.env.THREADS ?? 1) });
  const steps = async (c, n) => {
    const made = await kinds[c.kind]?.(c), run = made?.run ?? made;
    for (let i = 0; run && i < n; i++) await run();
    return run;
  };
  tell({ peer: library.name, version, about: note });
  const { kind, of, steps: n, gzip } = CASES.find((c) => c.name === name);
  if (kind === 'startUp') {
    for (const c of SMALL) await steps(c, 1);
  } else if (kind === 'memory') {
    if (await steps(CASES.find((c) => c.name === of), n)) tell({ bytes: highWater() });
  } else {
    const contents = library.files().map((url) => readFileSync(url));
    tell({ bytes: contents.reduce((sum, bytes) => sum + (gzip ? gzipSync(bytes) : bytes).length, 0) });
  }
}

try {
  if (adapter) await once();
} catch (e) {
  tell({ error: String(e?.message ?? e).split('\n')[0].slice(0, 200) });
}
process.exit(0);
