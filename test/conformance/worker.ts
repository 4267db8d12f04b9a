/** One wasm instance: runs the units of a document from a given number on, and reports each as it ends. */
import { parentPort, workerData } from 'node:worker_threads';
import { scope } from './adapter.ts';
import * as autograd from './families/autograd.ts';
import * as modules from './families/modules.ts';
import * as ops from './families/ops.ts';
import * as optim from './families/optim.ts';
import * as print from './families/print.ts';
import * as promotion from './families/promotion.ts';
import * as rng from './families/rng.ts';
import { Checker, Trap, type Outcome, type Unit } from './unit.ts';
import type { Document, Family } from './vectors.ts';

type Plan = (document: unknown, bin: Uint8Array) => Unit[];
const PLANS: Record<Family, Plan> = {
  ops: ops.units, print: print.units, rng: rng.units, promotion: promotion.units, modules: modules.units, optim: optim.units, autograd: autograd.units,
};

/** `entry` picks one op, module or optimizer out of all. */
export interface WorkerOptions { strict: boolean; entry: string | undefined }
export interface Task { document: Document; from: number }
/** First the plan, then one report for each unit, then the end; `trapped` asks for a new worker. */
export type Report =
  | { kind: 'plan'; units: { entry: string; id: string; parts: string[] }[] }
  | { kind: 'unit'; index: number; outcomes: Outcome[]; trapped: boolean }
  | { kind: 'end' };

const options = workerData as WorkerOptions;
const send = (report: Report): void => { parentPort!.postMessage(report); };

parentPort!.on('message', ({ document, from }: Task) => {
  const units = PLANS[document.family](JSON.parse(document.json), document.bin).filter((u) => options.entry === undefined || u.entry === options.entry);
  send({ kind: 'plan', units: units.map(({ entry, id, parts }) => ({ entry, id, parts })) });
  for (let index = from; index < units.length; index++) {
    const check = new Checker(options.strict);
    let trapped = false;
    try {
      scope(() => { units[index]!.run(check); });
    } catch (e) {
      if (!(e instanceof Trap)) check.part('?', () => { throw e; });
      trapped = true;
    }
    send({ kind: 'unit', index, outcomes: check.outcomes, trapped });
    // The instance is lost: nothing that it says from now on would count.
    if (trapped) return;
  }
  send({ kind: 'end' });
});
