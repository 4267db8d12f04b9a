/** Packs a directory of vectors into the project's own: `node test/conformance/pack.ts DIR [OUT]`. */
import { join } from 'node:path';
import { FAMILIES, readFamily, writeArchive } from './vectors.ts';

const [from, to = join(import.meta.dirname, 'vectors')] = process.argv.slice(2);
if (!from) throw new Error('usage: node test/conformance/pack.ts DIR [OUT]');
for (const family of FAMILIES) {
  const documents = readFamily(from, family);
  if (documents.length) console.log(`${family}: ${documents.length} documents, ${writeArchive(to, family, documents)} bytes`);
}
