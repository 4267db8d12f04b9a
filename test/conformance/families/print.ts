/** Family print: `repr` of tensors under all options. */
import { type Any, dtype, fn, torch } from '../adapter.ts';
import { Decoder } from '../decode.ts';
import type { Unit } from '../unit.ts';

/** Options are settings, not operands: their ints come as plain numbers. */
const option = (v: Any): Any => (typeof v === 'bigint' ? Number(v) : v);

export function units(document: Any, bin: Uint8Array): Unit[] {
  return document.cases.map((c: Any): Unit => ({
    entry: c.group.split(':')[0],
    id: c.id,
    parts: c.str === undefined ? [''] : ['', '/str'],
    run: (check) => {
      const decoder = new Decoder(bin);
      fn('set_printoptions')({ profile: 'default' });
      let text = '';
      const shown = (expected: string): string | null => (text === expected ? null : `got\n${text}\nexpected\n${expected}`);
      try {
        check.part('', () => {
          let t = decoder.value({ tensor: c.tensor });
          if (c.apply) t = fn(c.apply.path)(t, ...c.apply.args.map(decoder.value));
          if (c.default_dtype) torch.set_default_dtype(dtype(c.default_dtype));
          const options = decoder.record(c.options ?? {});
          if (c.options) fn('set_printoptions')(Object.fromEntries(Object.entries(options).map(([k, v]) => [k, option(v)])));
          text = String(t);
          return shown(c.repr);
        });
        if (c.str !== undefined) check.part('/str', () => shown(c.str));
      } finally {
        torch.set_default_dtype(torch.float32);
        fn('set_printoptions')({ profile: 'default' });
      }
    },
  }));
}
