/** Python's ways to call an op, in JavaScript: functions, methods, properties, operators. */
import { type Any, fn, isTensor, method, torch, Unsupported } from './adapter.ts';
import { withKeywords } from './decode.ts';

const flip = (name: string) => (t: Any, other: Any): Any => fn(name)(other, t);
const call = (name: string) => (t: Any, ...rest: Any[]): Any => method(t, name, rest);

/** Special methods of Python and what stands for them here. */
const SPECIAL: Record<string, (t: Any, ...rest: Any[]) => Any> = {
  __add__: call('add'), __radd__: call('add'), __sub__: call('sub'), __rsub__: (t, other) => fn('rsub')(t, other),
  __mul__: call('mul'), __rmul__: call('mul'), __truediv__: call('div'), __div__: call('div'),
  __rdiv__: (t, other) => method(t, 'reciprocal', []).mul(other), __rtruediv__: (t, other) => method(t, 'reciprocal', []).mul(other),
  __floordiv__: call('floor_divide'), __rfloordiv__: flip('floor_divide'), __mod__: call('remainder'), __rmod__: flip('remainder'),
  __pow__: call('pow'), __rpow__: flip('pow'), __matmul__: call('matmul'), __rmatmul__: flip('matmul'),
  __and__: call('bitwise_and'), __rand__: call('bitwise_and'), __or__: call('bitwise_or'), __ror__: call('bitwise_or'),
  __xor__: call('bitwise_xor'), __rxor__: call('bitwise_xor'), __lshift__: call('bitwise_left_shift'), __rshift__: call('bitwise_right_shift'),
  __rlshift__: flip('bitwise_left_shift'), __rrshift__: flip('bitwise_right_shift'),
  __eq__: call('eq'), __ne__: call('ne'), __lt__: call('lt'), __le__: call('le'), __gt__: call('gt'), __ge__: call('ge'),
  __abs__: call('abs'), __neg__: call('neg'), __pos__: call('positive'), __invert__: call('bitwise_not'),
  __bool__: (t) => method(t, 'is_nonzero', []), __float__: (t) => Number(t.item()), __int__: (t) => BigInt(Math.trunc(Number(t.item()))),
  __len__: (t) => t.shape[0], __contains__: (t, x) => method(t, 'eq', [x]).any().item(),
};

const isInPlace = (name: string): boolean => name.endsWith('_') && !name.endsWith('__');

/** Performs the call of a case on its decoded arguments. */
export function perform({ kind, path, args: recorded }: Any, args: readonly Any[], kwargs: Record<string, Any>): Any {
  if (kind === 'function') return fn(path)(...withKeywords(args, kwargs));
  const [self, ...rest] = args;
  const name = path.replace('Tensor.', '');
  if (kind === 'property') {
    if (!(name in self)) throw new Unsupported(`Tensor.${name} is not there`);
    return self[name];
  }
  // A tuple holds an index for each dimension, a list is one index.
  if (name === '__getitem__') return method(self, 'index', recorded[1] && typeof recorded[1] === 'object' && 'tuple' in recorded[1] ? rest[0] : rest);
  if (name in SPECIAL && !(isTensor(self) && name in torch.Tensor.prototype)) return SPECIAL[name]!(self, ...rest);
  return method(isInPlace(name) ? self.clone() : self, name, withKeywords(rest, kwargs));
}

/** Replaces an output that is unique only up to sign or phase, as the vectors ask. */
export function applyPost(steps: Any[] | undefined, output: Any): Any {
  if (!steps) return output;
  return steps.map((step) => {
    let t = output[step.out];
    if (step.narrow) t = t.narrow(...step.narrow);
    return step.abs ? t.abs() : t;
  });
}
