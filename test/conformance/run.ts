/**
 * Runs PyTorch's recorded answers through the built package:
 * `npm run conformance -- [--vectors DIR] [--family NAME] [--op NAME] [--json FILE] [--all] [--strict] [--check] [--update]`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runAll } from './pool.ts';
import { broken, extendSupported, familyLines, isClean, isWhole, readSupported, tally } from './report.ts';
import { FAMILIES, type Family, readFamily } from './vectors.ts';

const { values: options } = parseArgs({ options: {
  vectors: { type: 'string', default: join(import.meta.dirname, 'vectors') },
  family: { type: 'string' }, op: { type: 'string' }, json: { type: 'string' },
  all: { type: 'boolean', default: false }, strict: { type: 'boolean', default: false },
  check: { type: 'boolean', default: false }, update: { type: 'boolean', default: false },
} });
const SUPPORTED = join(import.meta.dirname, 'supported.txt');

const wanted = options.family?.split(',') ?? FAMILIES;
const unknown = wanted.find((f) => !(FAMILIES as readonly string[]).includes(f));
if (unknown !== undefined) throw new Error(`no family ${unknown}: it is one of ${FAMILIES.join(', ')}`);
const families = FAMILIES.filter((f) => wanted.includes(f));

// An op's vectors lie in a file of its name; other families have one entry in a file, or several.
const isWanted = (family: Family, name: string): boolean => options.op === undefined || (family === 'ops' || family === 'modules' ? name === options.op : true);
const documents = families.flatMap((family) => readFamily(options.vectors, family)).filter((d) => isWanted(d.family, d.name));
if (documents.length === 0) throw new Error(`no vectors in ${options.vectors}${options.op ? ` for ${options.op}` : ''}`);

const start = Date.now();
const totals = tally(await runAll(documents, { strict: options.strict, entry: options.op }));
const cap = options.all || options.op !== undefined ? Infinity : 3;
for (const family of families) {
  const entries = totals[family];
  if (entries && !options.check) console.log(familyLines(family, entries, cap).join('\n'));
}
for (const family of families) {
  const entries = totals[family];
  if (!entries) continue;
  const list = Object.values(entries);
  if (options.check) console.log(familyLines(family, entries, 0).at(-1));
  console.log(`${family}: ${list.filter(isClean).length} of ${list.length} entries pass without a failed case, ${list.filter(isWhole).length} of them whole`);
}
console.log(`${((Date.now() - start) / 1000).toFixed(1)} s`);

if (options.json) writeFileSync(options.json, `${JSON.stringify(totals, null, 1)}\n`);
if (options.update) console.log(`supported.txt: ${extendSupported(SUPPORTED, totals)} entries are new or pass more`);
if (options.check) {
  const lost = broken(readSupported(SUPPORTED), totals);
  for (const line of lost) console.log(`lost: ${line}`);
  process.exitCode = lost.length ? 1 : 0;
}
