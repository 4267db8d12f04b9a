/** Calls of ops: overload by overload, by place and keyword, with a short way for the simple ones. */
import { door } from '#wasm';
import { begin, check, isHandle, NOTHING, result } from './buffer.js';
import { fromUser, RuntimeError } from './errors.js';
import { METHODS, TABLE, TABLE_HASH, WRITERS } from './generated.js';
import { feed, isHungry, use } from './memory.js';
import { writeOut } from './out.js';
import { Generator } from './random.js';
import { bind, bound, compile, isKeywords, Kind, mismatch, short, write, type Compiled } from './signatures.js';
import { requireGrad, Tensor } from './tensor.js';

/** Calls an op whose arguments are in `bound`. */
function run(op: Compiled, inPlace: boolean): unknown {
  const { slots } = op;
  const target = bound[0] as Tensor;
  begin();
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i]!;
    const value = bound[i];
    write(slot.kind, value === undefined ? slot.fallback : value);
  }
  return answer(op, door.call(op.index, slots.length, inPlace ? 1 : 0), inPlace ? target : null);
}

/** What a call gave; `target` is the tensor that it wrote to, if it wrote in place. */
function answer(op: Compiled, status: number, target: Tensor | null): unknown {
  if (target) {
    check(status);
    // A view in place (`t_`) makes the target another tensor.
    return status === NOTHING ? target : target._become(new Tensor(status));
  }
  if (isHandle(status)) return new Tensor(status);
  const out = result(status);
  const { fields } = op;
  if (fields.length > 1 && Array.isArray(out)) fields.forEach((f, i) => { (out as unknown as Record<string, unknown>)[f] = out[i]; });
  if (fields[0] === 'number') return Number(out);
  return out;
}

// --- the short way --------------------------------------------------------------------------------
//
// Most calls are `x.op()`, `x.op(tensor)` or `x.op(number)`: which overload takes them is known before
// the first call, and their arguments need no buffer.

/** The overload that surely takes `x.op()`, or `x.op(given)`; null where that depends on the values. */
function straight(list: readonly Compiled[], given: Kind | null): Compiled | null {
  const count = given === null ? 1 : 2;
  for (const op of list) {
    const { slots } = op;
    if (slots[0]!.kind > Kind.Operand) return null;
    if (op.places < count || slots.some((s, i) => i >= count && s.fallback === undefined)) continue;
    if (given === null) return op;
    const { kind } = slots[1]!;
    if (kind === given || kind === Kind.Operand) return op;
    if (given === Kind.Scalar ? kind === Kind.Float : false) return op;
    // A tensor without dimensions is a number too, and a whole number a size.
    if (given === Kind.Tensor ? kind <= Kind.Int || kind === Kind.Dims : kind !== Kind.Tensor) return null;
  }
  return null;
}

/** The overload for a short call, once the core knows the defaults of its other arguments. */
function prepared(list: readonly Compiled[], given: Kind | null): Compiled | null {
  const op = straight(list, given);
  if (op && !op.told) {
    begin();
    for (const slot of op.slots) write(slot.kind, slot.fallback);
    check(door.tell_defaults(op.index, op.slots.length));
    op.told = true;
  }
  return op;
}

type Short = (input: unknown, given: unknown, count: number) => unknown;

/** Calls with one argument, or with a tensor or a number as the second; undefined where these overloads
 * need a closer look. */
function shortWay(list: readonly Compiled[], inPlace: boolean): Short {
  const flag = inPlace ? 1 : 0;
  let alone: Compiled | null | undefined, tensor: Compiled | null | undefined, number: Compiled | null | undefined;
  return (input, given, count) => {
    if (!(input instanceof Tensor)) return undefined;
    let op: Compiled | null, status: number;
    if (count === 1) {
      op = alone === undefined ? (alone = prepared(list, null)) : alone;
      if (op === null) return undefined;
      status = door.call_tensors(op.index, use(input), 0, flag);
    } else if (given instanceof Tensor) {
      op = tensor === undefined ? (tensor = prepared(list, Kind.Tensor)) : tensor;
      if (op === null) return undefined;
      status = door.call_tensors(op.index, use(input), use(given), flag);
    } else if (typeof given === 'number') {
      op = number === undefined ? (number = prepared(list, Kind.Scalar)) : number;
      if (op === null) return undefined;
      status = door.call_number(op.index, use(input), given, flag);
    } else {
      return undefined;
    }
    return isHandle(status) && !inPlace ? new Tensor(status) : answer(op, status, inPlace ? input : null);
  };
}

// --- calling by name ----------------------------------------------------------------------------

const LINES = TABLE.split('\n');
/** Which entries are called by a name. */
const NUMBERS = new Map<string, number[]>();
LINES.pop();
LINES.forEach((line, index) => {
  for (const name of line.slice(0, line.indexOf(';')).split(' ')) {
    const list = NUMBERS.get(name);
    if (list) list.push(index);
    else NUMBERS.set(name, [index]);
  }
});
const COMPILED = new Map<string, readonly Compiled[]>();

/** The overloads of a name, which are read when it is first asked for. */
function overloads(name: string): readonly Compiled[] | undefined {
  const known = COMPILED.get(name);
  if (known) return known;
  const list = NUMBERS.get(name)?.map((index) => compile(index, name, LINES[index]!));
  if (list) COMPILED.set(name, list);
  return list;
}

if (door.table_hash() >>> 0 !== TABLE_HASH) {
  throw new RuntimeError('the wasm module and the TypeScript facade were built from different op tables');
}

function call(name: string, list: readonly Compiled[], args: readonly unknown[], inPlace: boolean): unknown {
  let count = args.length;
  const last = count > 0 ? args[count - 1] : undefined;
  let keywords: Record<string, unknown> | null = null;
  if (isKeywords(last)) {
    keywords = last;
    count -= 1;
  }
  let why = '';
  for (const op of list) {
    const problem = bind(op, args, count, keywords);
    if (problem !== null) {
      why ||= problem;
      continue;
    }
    if (op.inplace >= 0 && bound[op.inplace] === true) inPlace = true;
    const generator = keywords?.['generator'];
    let out = generator instanceof Generator ? generator.during(() => run(op, inPlace)) : run(op, inPlace);
    if (keywords) {
      if (keywords['out'] !== undefined && keywords['out'] !== null) out = writeOut(op, short(op.name), bound, out, keywords['out']);
      if (keywords['requires_grad'] && out instanceof Tensor) requireGrad(out, true);
    }
    return out;
  }
  throw fromUser(mismatch(inPlace ? `${name}_` : name, list, args, count, why));
}

/** Whether the table has an op of this name. */
export function has(name: string): boolean { return NUMBERS.has(name); }

/** Calls an op by name: the first overload that the arguments fit. */
export function invoke(name: string, args: readonly unknown[], inPlace = false): unknown {
  const list = overloads(name);
  if (!list) throw new RuntimeError(`no op is called ${name}`);
  return call(name, inPlace ? list.filter((op) => op.marks.includes('inplace')) : list, args, inPlace);
}

/** The function of an op. Its overloads are looked up when it is first called: the table's functions
 * are made before this module's own constants are. */
export function functionOf(name: string): (...args: unknown[]) => unknown {
  let list: readonly Compiled[] | undefined;
  let short: Short | undefined;
  const f = function (input?: unknown, given?: unknown): unknown {
    if (isHungry) feed();
    const count = arguments.length;
    list ??= overloads(name)!.filter(({ marks }) => !marks.includes('hidden') && !marks.includes('method'));
    const out = count === 1 || count === 2 ? (short ??= shortWay(list, false))(input, given, count) : undefined;
    return out === undefined ? call(name, list, [...arguments], false) : out;
  };
  return Object.defineProperty(f, 'name', { value: name });
}

const isMethod = (op: Compiled): boolean => op.slots[0]!.kind <= Kind.Operand && !op.marks.includes('function') && !op.marks.includes('create');

/** The same as a method. */
function methodOf(name: string, inPlace: boolean): (...args: unknown[]) => unknown {
  let list: readonly Compiled[] | undefined;
  let short: Short | undefined;
  return function (this: Tensor, given?: unknown): unknown {
    if (isHungry) feed();
    const count = arguments.length;
    list ??= overloads(name)!.filter((op) => isMethod(op) && (inPlace ? op.marks.includes('inplace') : !op.marks.includes('hidden')));
    const out = count <= 1 ? (short ??= shortWay(list, inPlace))(this, given, count + 1) : undefined;
    return out === undefined ? call(name, list, [this, ...arguments], inPlace) : out;
  };
}

/** Defines the methods of the table, and the in-place ones, for the prototype of tensors. They lie on a prototype of
 * its own: an object that begins without one takes many properties quickly, and what the class defines comes first. */
export function defineMethods(prototype: object): void {
  const methods = Object.create(null) as object;
  const define = (key: string, value: unknown): void => {
    Object.defineProperty(methods, key, { value, writable: true, configurable: true });
  };
  for (const name of METHODS.split(' ')) define(name, methodOf(name, false));
  for (const name of WRITERS.split(' ')) define(`${name}_`, methodOf(name, true));
  Object.setPrototypeOf(methods, Object.prototype);
  Object.setPrototypeOf(prototype, methods);
}
