/** Family rng: the numbers that PyTorch's CPU generator gives after a seed. */
import { type Any, dtype, fn, method, torch } from '../adapter.ts';
import { difference } from '../compare.ts';
import { construct, Decoder, withKeywords } from '../decode.ts';
import type { Unit } from '../unit.ts';

function step(s: Any, decoder: Decoder): Any {
  const args = s.args.map(decoder.value), kwargs = decoder.record(s.kwargs);
  if (s.state_dict) {
    const state = construct(s.call, args, kwargs).state_dict();
    return state instanceof Map ? Object.fromEntries(state) : state;
  }
  if (!s.self) return fn(s.call)(...withKeywords(args, kwargs));
  const self = torch.zeros(s.self.shape, { dtype: dtype(s.self.dtype) });
  if (s.call.startsWith('Tensor.')) return method(self, s.call.slice(7), withKeywords(args, kwargs));
  return fn(s.call)(...withKeywords([self, ...args], kwargs));
}

export function units(document: Any, bin: Uint8Array): Unit[] {
  return document.cases.map((c: Any): Unit => ({
    entry: document.group,
    id: c.id,
    parts: [''],
    run: (check) => {
      check.part('', () => {
        const decoder = new Decoder(bin);
        torch.manual_seed(BigInt(c.seed));
        for (const [i, s] of c.steps.entries()) {
          const why = difference(step(s, decoder), c.out[i], bin, { tol: check.tol(c) });
          if (why) return `step ${i}, ${s.call}(${s.args.map((a: Any) => JSON.stringify(a)).join(', ').slice(0, 80)}): ${why}`;
        }
        return null;
      });
    },
  }));
}
