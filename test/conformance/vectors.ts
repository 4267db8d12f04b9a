/** Vectors on disk: a directory in the format of FORMAT.md, or one packed archive per family. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib';

export const FAMILIES = ['ops', 'print', 'rng', 'promotion', 'modules', 'optim', 'autograd'] as const;
export type Family = (typeof FAMILIES)[number];

/** One JSON file and the binary file beside it. */
export interface Document { family: Family; name: string; json: string; bin: Uint8Array }

const NONE = new Uint8Array();
const archive = (dir: string, family: Family): string => join(dir, `${family}.br`);

function readFolder(dir: string, family: Family): Document[] {
  const folder = join(dir, family);
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return [];
  const files = new Set(readdirSync(folder));
  return [...files].filter((f) => f.endsWith('.json')).sort().map((f) => {
    const name = f.slice(0, -5);
    return { family, name, json: readFileSync(join(folder, f), 'utf8'), bin: files.has(`${name}.bin`) ? readFileSync(join(folder, `${name}.bin`)) : NONE };
  });
}

function readArchive(path: string, family: Family): Document[] {
  const all = brotliDecompressSync(readFileSync(path));
  const headLength = all.readUInt32LE(0);
  const head = JSON.parse(all.toString('utf8', 4, 4 + headLength)) as [name: string, json: number, bin: number][];
  let at = 4 + headLength;
  const take = (length: number): Buffer => all.subarray(at, (at += length));
  return head.map(([name, json, bin]) => ({ family, name, json: take(json).toString('utf8'), bin: take(bin) }));
}

/** The documents of a family in a directory of either form. */
export function readFamily(dir: string, family: Family): Document[] {
  return existsSync(archive(dir, family)) ? readArchive(archive(dir, family), family) : readFolder(dir, family);
}

/** Writes a family as `<family>.br`: the length of the head, the head (names and lengths), then all files. */
export function writeArchive(dir: string, family: Family, documents: readonly Document[]): number {
  const bodies = documents.map((d) => [Buffer.from(d.json), d.bin] as const);
  const head = Buffer.from(JSON.stringify(documents.map((d, i) => [d.name, bodies[i]![0].length, d.bin.length])));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(head.length);
  const whole = Buffer.concat([length, head, ...bodies.flat()]);
  const packed = brotliCompressSync(whole, { params: {
    [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_SIZE_HINT]: whole.length,
  } });
  mkdirSync(dir, { recursive: true });
  writeFileSync(archive(dir, family), packed);
  return packed.length;
}
