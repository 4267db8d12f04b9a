/** What a family hands to the runner: units of one vector case each, in several counted parts. */
import { type Any, errorOf, isTrap, Unsupported } from './adapter.ts';

export type State = 'passed' | 'failed' | 'unsupported';
/** The outcome of one counted part; `part` is '' for the call itself, or such as '/grad'. */
export interface Outcome { part: string; state: State; why?: string }

/** One vector case. */
export interface Unit {
  /** The op path, module, optimizer or group it counts for. */
  entry: string;
  id: string;
  parts: string[];
  run(check: Checker): void;
}

/** Raised when the instance has trapped: nothing after it can be believed. */
export class Trap extends Error {}

/** Collects the outcomes of one unit; a part that has no outcome at the end has that of the part it waited for. */
export class Checker {
  readonly outcomes: Outcome[] = [];
  readonly strict: boolean;
  /** The call under test as one would write it, for the reasons of failure. */
  subject = '';
  constructor(strict: boolean) { this.strict = strict; }

  /** Runs a part: it passes with null, fails with a reason or an error. */
  part(part: string, work: () => string | null): void {
    try {
      const why = work();
      this.outcomes.push(why === null ? { part, state: 'passed' } : { part, state: 'failed', why: this.#about(why) });
    } catch (e) {
      if (e instanceof Unsupported) this.outcomes.push({ part, state: 'unsupported', why: e.message });
      else this.outcomes.push({ part, state: 'failed', why: this.#about(`raised ${thrown(e)}`) });
      if (isTrap(e)) throw new Trap();
    }
  }

  #about(why: string): string { return this.subject ? `${this.subject}: ${why}` : why; }

  /** The tolerance of a record: the one to pass, or with --strict the one to aim for. */
  tol(record: Any): [number, number] | undefined { return (this.strict && record.strict_tol) || record.tol; }
}

/** An error in one line. */
export function thrown(e: unknown): string {
  if (isTrap(e)) return `a trap: ${(e as Error).message}`;
  const { type, message } = errorOf(e);
  return `${type}: ${message.split('\n')[0]}`;
}

/** Runs `work`, which must raise exactly this error. */
export function mustRaise(expected: { type: string; message: string }, work: () => unknown): string | null {
  try {
    work();
  } catch (e) {
    if (e instanceof Unsupported || isTrap(e)) throw e;
    const found = errorOf(e);
    if (found.type === expected.type && found.message === expected.message) return null;
    return `raised ${found.type}: ${JSON.stringify(found.message)}, expected ${expected.type}: ${JSON.stringify(expected.message)}`;
  }
  return `raised nothing, expected ${expected.type}: ${JSON.stringify(expected.message)}`;
}
