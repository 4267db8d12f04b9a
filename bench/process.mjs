// What is measured of a process from outside: how long it takes to start, the most memory it holds, what is downloaded for it.
import { spawnSync } from 'node:child_process';

const FRESH = 5, PATIENCE_S = 30;

/** Runs a process to its end: the time it took, and what it told. */
function ended([program, ...args], env) {
  const begin = process.hrtime.bigint();
  const done = spawnSync(program, args, { encoding: 'utf8', env, timeout: PATIENCE_S * 1e3 });
  const us = Number(process.hrtime.bigint() - begin) / 1e3;
  const told = Object.assign({}, ...done.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)));
  if (done.error) return { us, error: done.error.code === 'ETIMEDOUT' ? `not done in ${PATIENCE_S} s` : done.error.message, ...told };
  return { us, ...(done.status === 0 ? {} : { error: done.stderr.trim().split('\n').pop() }), ...told };
}

/** Measures a case of the group `process`; a process that starts is compared with a bare one, which takes turns with it. */
export function outside(c, command, bare, env) {
  const { us, ...told } = ended(command, env);
  if (c.kind !== 'startUp' || told.error) return told;
  const times = [], others = [];
  for (let i = 0; i < FRESH; i++) {
    others.push(ended(bare, env).us);
    times.push(ended(command, env).us);
  }
  for (const list of [times, others]) list.sort((a, b) => a - b);
  return { ...told, min_us: Math.round(times[0] - others[0]), median_us: Math.round(times[FRESH >> 1] - others[FRESH >> 1]), batches: FRESH, batch: 1 };
}
