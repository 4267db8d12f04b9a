/** Family autograd: small programs, translated by hand in test/autograd/programs, on recorded inputs. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Any, errorOf, isTensor, isTrap, torch, Unsupported } from '../adapter.ts';
import { difference } from '../compare.ts';
import { Decoder } from '../decode.ts';
import { type Unit } from '../unit.ts';

/** Records what a program finds: `out(label, value)`, and `out.error(label, work)` for the error that `work` raises. */
export interface Out { (label: string, value: Any): void; error(label: string, work: () => unknown): void }
/** A translated program; `v` holds its inputs. */
export type Program = (torch: Any, v: Any, out: Out) => void;

const FOLDER = join(import.meta.dirname, '../../autograd/programs');
const programs = new Map<string, Program>();
for (const file of readdirSync(FOLDER).filter((f) => f.endsWith('.ts')).sort()) {
  const module = await import(pathToFileURL(join(FOLDER, file)).href) as { programs: Record<string, Program> };
  for (const [name, program] of Object.entries(module.programs)) programs.set(`autograd/${name}`, program);
}

function recorder(): { out: Out; results: [string, Any][] } {
  const results: [string, Any][] = [];
  const out = ((label, value) => { results.push([label, isTensor(value) ? value.detach().clone() : value]); }) as Out;
  out.error = (label, work) => {
    try {
      work();
      results.push([label, { error: null }]);
    } catch (e) {
      if (isTrap(e)) throw e;
      const { type, message } = errorOf(e);
      results.push([label, { error: [type, message] }]);
    }
  };
  return { out, results };
}

export function units(document: Any, bin: Uint8Array): Unit[] {
  return document.cases.map((c: Any): Unit => ({
    entry: c.topic,
    id: c.id,
    parts: [''],
    run: (check) => {
      check.part('', () => {
        const program = programs.get(c.id);
        if (!program) throw new Unsupported('the program has no translation');
        const decoder = new Decoder(bin);
        const { out, results } = recorder();
        const inputs = decoder.record(c.inputs);
        torch.manual_seed(0n);
        program(torch, inputs, out);
        const labels = results.map(([label]) => label).join(), wanted = c.out.map(([label]: [string]) => label).join();
        if (labels !== wanted) return `recorded ${labels}, expected ${wanted}`;
        for (const [i, [label, expected]] of c.out.entries()) {
          const why = difference(results[i]![1], expected, bin, { tol: check.tol(c) });
          if (why) return `${label}: ${why}`;
        }
        return null;
      });
    },
  }));
}
