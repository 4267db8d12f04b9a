/** Counts by family and entry, what is printed of them, and the list of entries that must stay right. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Counted } from './pool.ts';
import type { Family } from './vectors.ts';

export interface Tally { passed: number; failed: number; unsupported: number; failures: { id: string; why: string }[] }
export type Totals = Partial<Record<Family, Record<string, Tally>>>;

/** Families, entries and failures in a fixed order. */
export function tally(counted: readonly Counted[]): Totals {
  const totals: Totals = {};
  const byId = new Intl.Collator('en', { numeric: true });
  for (const { family, entry, id, state, why } of [...counted].sort((a, b) => byId.compare(a.entry, b.entry) || byId.compare(a.id, b.id))) {
    const mine = ((totals[family] ??= {})[entry] ??= { passed: 0, failed: 0, unsupported: 0, failures: [] });
    mine[state]++;
    if (state === 'failed') mine.failures.push({ id, why: why ?? '' });
  }
  return totals;
}

export const sums = (entries: Record<string, Tally>): Omit<Tally, 'failures'> => Object.values(entries).reduce(
  (s, t) => ({ passed: s.passed + t.passed, failed: s.failed + t.failed, unsupported: s.unsupported + t.unsupported }), { passed: 0, failed: 0, unsupported: 0 });

/** All cases pass, and there is one. */
export const isWhole = (t: Tally): boolean => t.passed > 0 && t.failed === 0 && t.unsupported === 0;
/** Some pass, none fails; what a missing dtype or method leaves out does not count against it. */
export const isClean = (t: Tally): boolean => t.passed > 0 && t.failed === 0;

/** The lines for one family: what failed, at most `cap` for an entry, then the sums. */
export function familyLines(family: Family, entries: Record<string, Tally>, cap: number): string[] {
  const lines: string[] = [];
  for (const [entry, t] of Object.entries(entries)) {
    if (t.failed === 0) continue;
    lines.push(`${family} ${entry}: ${t.failed} failed`);
    for (const { id, why } of t.failures.slice(0, cap)) lines.push(`    ${id}: ${why.split('\n').join('\n        ')}`);
    if (t.failures.length > cap) lines.push(`    ... and ${t.failures.length - cap} more`);
  }
  const s = sums(entries);
  lines.push(`family ${family}: ${s.passed} passed, ${s.failed} failed, ${s.unsupported} unsupported`);
  return lines;
}

/**
 * The committed list: `family entry` where every case passes, `family entry: n` where n of them do. The list only grows; where
 * two branches have added a line for the same entry, the greater demand holds.
 */
export function readSupported(path: string): Map<string, number> {
  const demands = new Map<string, number>();
  for (const line of existsSync(path) ? readFileSync(path, 'utf8').split('\n') : []) {
    const [, name, count] = /^(\w+ [^:]+)(?:: (\d+))?$/.exec(line) ?? [];
    if (name) demands.set(name, Math.max(demands.get(name) ?? 0, count === undefined ? Infinity : Number(count)));
  }
  return demands;
}

/** The demands that are not met, among the families that were run. */
export function broken(demands: ReadonlyMap<string, number>, totals: Totals): string[] {
  const lost: string[] = [];
  for (const [name, demand] of demands) {
    const [family, ...entry] = name.split(' ');
    const entries = totals[family as Family];
    if (!entries) continue;
    const t = entries[entry.join(' ')] ?? { passed: 0, failed: 0, unsupported: 0, failures: [] };
    if (demand === Infinity ? isWhole(t) : t.passed >= demand) continue;
    lost.push(`${name}: ${t.passed} passed, ${t.failed} failed, ${t.unsupported} unsupported, but ${demand === Infinity ? 'all' : demand} must pass`);
    for (const { id, why } of t.failures.slice(0, demand === Infinity ? 5 : 0)) lost.push(`    ${id}: ${why}`);
  }
  return lost;
}

/** Adds what passes now; takes nothing away. Returns how many entries are new or passed more. */
export function extendSupported(path: string, totals: Totals): number {
  const demands = readSupported(path);
  let better = 0;
  for (const [family, entries] of Object.entries(totals)) {
    for (const [entry, t] of Object.entries(entries)) {
      const name = `${family} ${entry}`;
      const passed = isWhole(t) ? Infinity : t.passed;
      if (passed <= (demands.get(name) ?? 0)) continue;
      demands.set(name, passed);
      better++;
    }
  }
  writeFileSync(path, [...demands].map(([name, n]) => (n === Infinity ? `${name}\n` : `${name}: ${n}\n`)).sort().join(''));
  return better;
}
