/** Trees of tensors: arrays and plain objects, as deep as they are, with anything else as leaves. */
import { isTensor, type Tensor } from '../tensor.js';

/** A tensor, or arrays and plain objects of them. */
export type Tree = Tensor | readonly Tree[] | { readonly [key: string]: Tree };
/** The same tree with other leaves. */
export type Mapped<T, Leaf> = T extends Tensor ? Leaf
  : T extends readonly unknown[] ? { -readonly [K in keyof T]: Mapped<T[K], Leaf> }
  : T extends object ? { -readonly [K in keyof T]: Mapped<T[K], Leaf> } : Leaf;

const isObject = (x: unknown): x is Record<string, unknown> =>
  typeof x === 'object' && x !== null && Object.getPrototypeOf(x) === Object.prototype;

/** The leaves of a tree, and what puts others in their places. */
export interface Flat { tree: unknown; leaves: unknown[]; build(leaves: readonly unknown[]): unknown; spec: string }

/** Takes a tree apart; `spec` is its structure as PyTorch prints it. */
export function flatten(tree: unknown): Flat {
  const leaves: unknown[] = [];
  type Build = (next: () => unknown) => unknown;
  const walk = (x: unknown): [Build, string] => {
    if (Array.isArray(x)) {
      const parts = x.map(walk);
      const spec = parts.map((p) => p[1]).join(', ');
      return [(next) => parts.map((p) => p[0](next)), `(${spec}${parts.length === 1 ? ',' : ''})`];
    }
    if (isObject(x)) {
      const parts = Object.entries(x).map(([key, value]) => [key, ...walk(value)] as const);
      return [(next) => Object.fromEntries(parts.map(([key, build]) => [key, build(next)])),
        `{${parts.map(([key, , spec]) => `'${key}': ${spec}`).join(', ')}}`];
    }
    leaves.push(x);
    return [(next) => next(), '*'];
  };
  const [build, spec] = walk(tree);
  return { tree, leaves, spec, build: (list) => { let i = 0; return build(() => list[i++]); } };
}

/** The tree with `f` of each leaf in its place. */
export function map(tree: unknown, f: (leaf: unknown) => unknown): unknown {
  const { leaves, build } = flatten(tree);
  return build(leaves.map(f));
}

/** The tree with `f` of each tensor in its place. */
export function mapTensors(tree: unknown, f: (t: Tensor) => unknown): unknown {
  return map(tree, (x) => (isTensor(x) ? f(x) : x));
}

/** What Python would call the type of a leaf, as it prints types. */
export function typeOf(x: unknown): string {
  if (x === null || x === undefined) return "<class 'NoneType'>";
  switch (typeof x) {
    case 'number': return "<class 'float'>";
    case 'bigint': return "<class 'int'>";
    case 'boolean': return "<class 'bool'>";
    case 'string': return "<class 'str'>";
    case 'function': return "<class 'function'>";
    default: return Array.isArray(x) ? "<class 'tuple'>" : isTensor(x) ? "<class 'torch.Tensor'>" : "<class 'dict'>";
  }
}

/** A structure as Python prints a `TreeSpec`. */
export function treespec(tree: unknown, indent = 0): string {
  const children = (list: readonly unknown[]): string => {
    const inner = indent + 2;
    return list.map((x) => treespec(x, inner)).join(`,\n${' '.repeat(inner)}`);
  };
  if (Array.isArray(tree)) return `TreeSpec(tuple, None, [${children(tree)}])`;
  if (isObject(tree)) return `TreeSpec(dict, [${Object.keys(tree).map((k) => `'${k}'`).join(', ')}], [${children(Object.values(tree))}])`;
  return '*';
}

/** One value for each leaf of `tree`, from a tree of values that may end earlier; null if it does not fit. */
export function spread(values: unknown, tree: unknown): unknown[] | null {
  if (Array.isArray(tree) && Array.isArray(values)) {
    if (tree.length !== values.length) return null;
    return joined(tree.map((x, i) => spread(values[i], x)));
  }
  if (isObject(tree) && isObject(values)) {
    if (Object.keys(tree).join() !== Object.keys(values).join()) return null;
    return joined(Object.keys(tree).map((key) => spread(values[key], tree[key])));
  }
  if (Array.isArray(values) || isObject(values)) return null;
  return flatten(tree).leaves.map(() => values);
}
function joined(parts: readonly (unknown[] | null)[]): unknown[] | null {
  return parts.every((p) => p !== null) ? parts.flat() : null;
}

/** A value as Python prints it in a message. */
export function python(x: unknown): string {
  if (x === null || x === undefined) return 'None';
  if (Array.isArray(x)) return `(${x.map(python).join(', ')}${x.length === 1 ? ',' : ''})`;
  if (isObject(x)) return `{${Object.entries(x).map(([k, v]) => `'${k}': ${python(v)}`).join(', ')}}`;
  return String(x);
}
