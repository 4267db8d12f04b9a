/** Runs documents on workers; a worker that traps, dies or hangs costs one unit, and a new one goes on after it. */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Outcome } from './unit.ts';
import type { Document, Family } from './vectors.ts';
import type { Report, WorkerOptions } from './worker.ts';

/** One counted case. */
export interface Counted { family: Family; entry: string; id: string; state: Outcome['state']; why: string | undefined }

/** How long a unit may take, in milliseconds. */
const PATIENCE = 60_000;

/** The outcomes of a unit's parts; a part that was never reached has failed, or is unsupported with the part before it. */
function settle(parts: readonly string[], outcomes: readonly Outcome[], fate: string): Outcome[] {
  const first = outcomes.find((o) => o.state !== 'passed');
  return parts.map((part) => {
    const mine = outcomes.find((o) => o.part === part);
    if (mine) return mine;
    if (first?.state === 'unsupported') return { part, state: 'unsupported', why: first.why! };
    return { part, state: 'failed', why: first ? `not reached: ${first.part || 'the call'} failed` : fate };
  });
}

type Planned = { entry: string; id: string; parts: string[] };

class Runner {
  readonly counted: Counted[] = [];
  readonly options: WorkerOptions;
  #worker: Worker | null = null;
  #heard: (report: Report) => void = () => {};
  #lost: (how: string) => void = () => {};
  constructor(options: WorkerOptions) { this.options = options; }

  #start(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: this.options });
    const mine = (): boolean => this.#worker === worker;
    worker.on('message', (report: Report) => { if (mine()) this.#heard(report); });
    worker.on('error', (e) => { if (mine()) this.#lost(`the worker died: ${(e as Error).stack}`); });
    worker.on('exit', (code) => { if (mine()) this.#lost(`the worker left with code ${code}`); });
    return (this.#worker = worker);
  }
  async stop(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    await worker?.terminate();
  }

  /** Runs one document to its end, with as many workers as it takes. */
  async document(document: Document): Promise<void> {
    let from = 0;
    while (from >= 0) from = await this.#attempt(document, from);
  }

  /** Runs from unit `from` on; returns the unit to go on with in a new worker, or -1 at the end. */
  async #attempt(document: Document, from: number): Promise<number> {
    let units: Planned[] = [];
    let next = from;
    const note = (index: number, outcomes: readonly Outcome[], fate: string): void => {
      const { entry, id, parts } = units[index]!;
      for (const { part, state, why } of settle(parts, outcomes, fate)) this.counted.push({ family: document.family, entry, id: id + part, state, why });
    };
    const fate = await new Promise<string | null>((done) => {
      const patience = setTimeout(() => { done(`no answer within ${PATIENCE / 1000} s`); }, PATIENCE);
      const finish = (how: string | null): void => {
        clearTimeout(patience);
        done(how);
      };
      this.#lost = finish;
      this.#heard = (report) => {
        patience.refresh();
        if (report.kind === 'plan') units = report.units;
        else if (report.kind === 'end') finish(null);
        else {
          note(report.index, report.outcomes, 'the instance trapped');
          next = report.index + 1;
          if (report.trapped) finish('');
        }
      };
      this.#start().postMessage({ document, from });
    });
    if (fate === null) return -1;
    await this.stop();
    if (units.length === 0) throw new Error(`${document.family}/${document.name}: ${fate}`);
    // An empty fate means that the unit has been counted already.
    if (fate) note(next++, [], fate);
    return next < units.length ? next : -1;
  }
}

/** Runs all documents, the largest first. */
export async function runAll(documents: readonly Document[], options: WorkerOptions): Promise<Counted[]> {
  const queue = [...documents].sort((a, b) => b.json.length + b.bin.length - a.json.length - a.bin.length);
  const runners = Array.from({ length: Math.min(availableParallelism(), 8, queue.length) }, () => new Runner(options));
  await Promise.all(runners.map(async (runner) => {
    for (let document = queue.shift(); document; document = queue.shift()) await runner.document(document);
    await runner.stop();
  }));
  return runners.flatMap((r) => r.counted);
}
