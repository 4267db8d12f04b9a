/** Family promotion: the dtypes of results for every pair of operands. */
import { type Any, bytesOf, dtype, dtypeName, fn, isTensor, method, shapeOf, torch } from '../adapter.ts';
import { numbers } from '../compare.ts';
import { float } from '../decode.ts';
import { mustRaise, type Unit } from '../unit.ts';

/** Low precision rounds; the values are informational, so they get the default tolerance of their dtype. */
const RTOL: Record<string, number> = { float16: 1e-3, bfloat16: 1.6e-2, float32: 1.3e-6, complex64: 1.3e-6, complex32: 1e-3 };

function operand(kind: string, name: string, n: number): Any {
  if (kind === 'scalar') return name === 'bool' ? true : name === 'int' ? BigInt(n) : n + 0.5;
  return torch.tensor(kind === 'dim' ? [1n, BigInt(n)] : BigInt(n)).to(dtype(name));
}

function apply(operation: string, left: Any, right: Any): Any {
  if (operation === 'can_cast') return fn('can_cast')(left.dtype, right.dtype);
  if (operation === 'where') return fn('where')(torch.tensor([true, false]), left, right);
  if (operation === 'cat') return fn('cat')([left.reshape([-1]), right.reshape([-1])]);
  if (operation.endsWith('_')) return method(left.clone(), operation, [right]);
  return fn(operation)(left, right);
}

function judge(result: Any, expected: Any): string | null {
  if ('bool' in expected) return result === expected.bool ? null : `got ${result}, expected ${expected.bool}`;
  const of = dtype(expected.dtype);
  if (!('shape' in expected)) return result === of ? null : `got ${result}, expected torch.${expected.dtype}`;
  const out = Array.isArray(result) ? result[0] : result;
  if (!isTensor(out)) return `got ${typeof out}, expected ${expected.dtype}[${expected.shape}]`;
  const [name, shape] = [dtypeName(out), shapeOf(out)];
  if (name !== expected.dtype || shape.join() !== expected.shape.join()) return `got ${name}[${shape}], expected ${expected.dtype}[${expected.shape}]`;
  const got = Array.from(numbers(name, bytesOf(out)), Number);
  const want: number[] = expected.values.flat().map(float);
  const at = want.findIndex((e, i) => !(got[i] === e || (e !== e && got[i] !== got[i]) || Math.abs(got[i]! - e) <= (RTOL[name] ?? 1e-7) * Math.abs(e) + 1e-5));
  return at < 0 ? null : `got ${got}, expected ${want}`;
}

/** A result dtype for which the recording had no name shows up as a KeyError. */
const unnamed = (expected: Any): string | null => (expected.error?.type === 'KeyError' ? expected.error.message.replace('torch.', '') : null);

function row(entry: string, label: string, expected: Any, work: () => Any): Unit {
  return {
    entry,
    id: `promotion/${label}`,
    parts: [''],
    run: (check) => {
      check.part('', () => {
        const name = unnamed(expected);
        if (name) return work() === dtype(name) ? null : `expected ${name}`;
        return expected.error ? mustRaise(expected.error, work) : judge(work(), expected);
      });
    },
  };
}

export function units(document: Any): Unit[] {
  const [low, high] = document.values;
  return [
    ...document.binary.map(([operation, lk, ld, rk, rd, outcome]: Any[]) => row(operation, [operation, lk, ld, rk, rd].join('/'), document.outcomes[outcome],
      () => apply(operation, operand(lk, ld, low), operand(rk, rd, high)))),
    ...document.unary.map(([operation, name, extra, outcome]: Any[]) => row(operation, [operation, name].join('/'), document.outcomes[outcome],
      () => fn(operation)(operand('dim', name, low), ...extra.map(BigInt)))),
  ];
}
