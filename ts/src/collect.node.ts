/**
 * Collections in the midst of synchronous code, which tell who outlived them.
 *
 * A finalizer runs when synchronous code is over, and so do references that may be empty: within a loop a program's
 * garbage stays. V8 can be asked to collect, for 30 µs if only young objects are looked at. It takes dead objects out of
 * sets that hold them weakly, and Node's `inspect` shows what such a set still has, which no other function does.
 */
import { inspect, type InspectOptions } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Collects, and shows who is left. */
export interface Collector {
  /** Collects objects that are young: V8 counts them as old when they have outlived this twice. */
  young(): void;
  /** Collects all objects, which takes some milliseconds. */
  all(): void;
  /** Calls the method `Symbol.for('nodejs.util.inspect.custom')`, which is to return '', of each object of the set that is
   * alive; whether it has reached all of them. */
  visit(set: WeakSet<object>): boolean;
}

const ALL_ENTRIES: InspectOptions = { showHidden: true, maxArrayLength: Infinity, depth: 0, compact: true, breakLength: Infinity, customInspect: true };

/** Whether it may be tried: in Node itself (others may have its modules, but not its engine), unless the variable
 * `CRESSET_COLLECT` is `no`. */
export const mayCollect: boolean = process.release.name === 'node' && !('bun' in process.versions) && !('deno' in process.versions)
  && process.env['CRESSET_COLLECT'] !== 'no';

class Probe {
  seen = 0;
  [inspect.custom](): string {
    this.seen += 1;
    return '';
  }
}

/** Whether it shows all that live, and of those that do not at most one or two that the stack may hold. Undecided (null)
 * if it shows more: a collection of all objects that was under way keeps what was made meanwhile. */
function isRight(collector: Collector): boolean | null {
  const set = new WeakSet<object>(), dead = new Probe();
  class Doomed { [inspect.custom](): string { return dead[inspect.custom](); } }
  const alive = Array.from({ length: 200 }, () => {
    const probe = new Probe();
    set.add(probe).add(new Doomed());
    return probe;
  });
  collector.young();
  return collector.visit(set) && alive.every((probe) => probe.seen === 1) && (dead.seen < 8 || null);
}

/** The collector of this engine, if it has one that can be trusted. */
export function findCollector(): Collector | null {
  if (!mayCollect) return null;
  try {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as (options: { type: 'minor' | 'major' }) => void;
    setFlagsFromString('--no-expose-gc');
    const collector: Collector = {
      // So little work is done before other threads have begun, or it waits for them where they do not run.
      young: () => {
        setFlagsFromString('--no-parallel-scavenge');
        gc({ type: 'minor' });
        setFlagsFromString('--parallel-scavenge');
      },
      all: () => { gc({ type: 'major' }); },
      // Where it had to stop, it says so.
      visit: (set) => /^WeakSet \{[ ,\n]*\}$/.test(inspect(set, ALL_ENTRIES)),
    };
    return (isRight(collector) ?? isRight(collector) ?? isRight(collector)) ? collector : null;
  } catch {
    return null;
  }
}
