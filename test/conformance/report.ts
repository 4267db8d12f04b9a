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

/** The committed list: one `family entry` a line. */
export const readSupported = (path: string): Set<string> => new Set(existsSync(path)
  ? readFileSync(path, 'utf8').split('\n').map((l) => l.trim()).filter((l) => l && !l.startsWith('#')) : []);

/** What is wrong with entries of the list, among the families that were run. */
export function broken(supported: Set<string>, totals: Totals): string[] {
  const found: string[] = [];
  for (const line of supported) {
    const [family, ...rest] = line.split(' ');
    const entries = totals[family as Family];
    if (!entries) continue;
    const t = entries[rest.join(' ')];
    if (!t) found.push(`${line}: listed in supported.txt, but there are no such vectors`);
    else if (!isWhole(t)) found.push(`${line}: ${t.failed} failed, ${t.unsupported} unsupported${t.failures[0] ? `; ${t.failures[0].id}: ${t.failures[0].why}` : ''}`);
  }
  return found;
}

/** Adds what passes now; takes nothing away. Returns how many were added. */
export function extendSupported(path: string, totals: Totals): number {
  const supported = readSupported(path);
  const before = supported.size;
  for (const [family, entries] of Object.entries(totals)) {
    for (const [entry, t] of Object.entries(entries)) if (isWhole(t)) supported.add(`${family} ${entry}`);
  }
  writeFileSync(path, `${[...supported].sort().join('\n')}\n`);
  return supported.size - before;
}
