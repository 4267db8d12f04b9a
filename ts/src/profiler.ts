/** `torch.profiler`: where the time of a program goes. */
import { door } from '#wasm';

/** One thing that ran: times in microseconds from the start of the profile. */
export interface Event { name: string; inputs: string; start: number; duration: number; self: number; depth: number }
/** All that ran under one name. */
export interface Average { key: string; count: number; cpu_time_total: number; self_cpu_time_total: number; cpu_time: number }
/** What a table can be sorted by. */
export type SortKey = 'cpu_time_total' | 'self_cpu_time_total' | 'cpu_time' | 'count';

/** `record_shapes` keeps what ops are called on. */
export interface ProfileOptions { record_shapes?: boolean }

function parse(text: string): Event[] {
  const events = text.split('\n').filter(Boolean).map((line): Event => {
    const [depth, begin, end, name, inputs] = line.split('\t') as [string, string, string, string, string];
    const duration = 1000 * (Number(end) - Number(begin));
    return { name, inputs, start: 1000 * Number(begin), duration, self: duration, depth: Number(depth) };
  });
  const first = events[0]?.start ?? 0, open: Event[] = [];
  for (const e of events) {
    e.start -= first;
    open.length = e.depth;
    const outer = open[e.depth - 1];
    if (outer) outer.self -= e.duration;
    open.push(e);
  }
  return events;
}

/** Microseconds as PyTorch prints them. */
function time(us: number): string {
  if (us >= 1e6) return `${(us / 1e6).toFixed(3)}s`;
  return us >= 1e3 ? `${(us / 1e3).toFixed(3)}ms` : `${us.toFixed(3)}us`;
}

/** Sums over all events of one name. */
export class Averages extends Array<Average> {
  /** A table of the `row_limit` largest. */
  table({ sort_by = 'cpu_time_total', row_limit = 100 }: { sort_by?: SortKey; row_limit?: number } = {}): string {
    const rows = [...this].sort((a, b) => b[sort_by] - a[sort_by]).slice(0, row_limit);
    const all = this.reduce((sum, a) => sum + a.self_cpu_time_total, 0), share = (us: number): string => `${((100 * us) / (all || 1)).toFixed(2)}%`;
    const heads = ['Name', 'Self CPU %', 'Self CPU', 'CPU total %', 'CPU total', 'CPU time avg', '# of Calls'];
    const cells = rows.map((a) => [a.key.length > 55 ? `${a.key.slice(0, 52)}...` : a.key, share(a.self_cpu_time_total), time(a.self_cpu_time_total),
      share(a.cpu_time_total), time(a.cpu_time_total), time(a.cpu_time), String(a.count)]);
    const name = Math.max(4, ...cells.map((c) => c[0]!.length)), widths = heads.map((_, i) => (i === 0 ? name : 12));
    const line = (c: readonly string[]): string => c.map((s, i) => `${s.padStart(widths[i]!)}  `).join('');
    const rule = line(widths.map((n) => '-'.repeat(n)));
    return [rule, line(heads), rule, ...cells.map(line), rule, `Self CPU time total: ${time(all)}`, ''].join('\n');
  }
  override toString(): string { return this.table(); }
}

/** What `profile` has seen. */
export class Profile {
  constructor(private readonly seen: readonly Event[]) {}
  /** Everything that ran, in the order in which it began. */
  events(): readonly Event[] { return this.seen; }
  /** The sums by name. */
  key_averages(): Averages {
    const sums = new Map<string, Average>();
    for (const e of this.seen) {
      const a = sums.get(e.name) ?? { key: e.name, count: 0, cpu_time_total: 0, self_cpu_time_total: 0, cpu_time: 0 };
      a.count += 1;
      a.cpu_time_total += e.duration;
      a.self_cpu_time_total += e.self;
      a.cpu_time = a.cpu_time_total / a.count;
      sums.set(e.name, a);
    }
    return Averages.from(sums.values()) as Averages;
  }
  /** The events as a trace that Chrome's `about:tracing` and Perfetto read: JSON, to be written to a file. */
  export_chrome_trace(): string {
    const traceEvents = this.seen.map((e) => ({
      ph: 'X', cat: 'cpu_op', name: e.name, pid: 1, tid: 1, ts: e.start, dur: e.duration, args: e.inputs ? { Inputs: e.inputs } : {},
    }));
    return JSON.stringify({ schemaVersion: 1, displayTimeUnit: 'ms', traceEvents });
  }
}

/**
 * Runs `fn` and tells which ops it ran, forward and backward, and how long each took.
 *
 * @example
 * const prof = torch.profiler.profile(() => { net(x).sum().backward(); });
 * console.log(prof.key_averages().table({ sort_by: 'self_cpu_time_total', row_limit: 10 }));
 */
export function profile(fn: () => void, { record_shapes = false }: ProfileOptions = {}): Profile {
  door.profile_start(() => performance.now(), record_shapes);
  let text = '';
  try {
    fn();
  } finally {
    text = door.profile_stop();
  }
  return new Profile(parse(text));
}

/** Runs `fn` as a stretch of its own in the profile. */
export function record_function<T>(name: string, fn: () => T): T {
  door.profile_begin(name);
  try {
    return fn();
  } finally {
    door.profile_end();
  }
}
