/** Nodes of the graph: `grad_fn`, what it leads to, what it saved, and its hooks. */
import { door } from '#wasm';
import { check, readUnits, result } from '../buffer.js';
import { RuntimeError } from '../errors.js';
import { typeName } from '../signatures.js';
import { isTensor, Tensor } from '../tensor.js';
import { held, now } from '../memory.js';
import { hold, lend, type Bone } from './callbacks.js';

/** What takes a hook away again. */
export interface RemovableHandle { remove(): void }
/** One gradient or several. */
export type Grads = Tensor | null | readonly (Tensor | null)[];

/** A node as a list of gradients: a hook may answer with one, with several, or with none. */
export const listOf = (grads: Grads | undefined | void): readonly (Tensor | null)[] | null => {
  if (grads === undefined || grads === null) return null;
  return isTensor(grads) ? [grads] : (grads as readonly (Tensor | null)[]);
};

/**
 * A step of the recorded computation, the same object as long as someone holds it. What its formula
 * saved is there under PyTorch's names: `y.grad_fn._saved_result`.
 */
export class Node {
  /** What users keep with it. */
  readonly metadata: Record<string, unknown> = {};
  readonly #id: number;
  #bone: Bone | null = null;
  /** @internal The beat of its last use. */
  used = now();
  /** @internal Takes over what the core has lent. */
  constructor(id: number) { this.#id = id; }

  /** @internal Its address in the core. */
  get _id(): number {
    this.used = now();
    if (this.#bone) {
      hold([this.#bone]);
      this.#bone = null;
    }
    return this.#id;
  }
  /** @internal Lets it hold the functions that it leads to, until it is used. */
  _park(bone: Bone | null): void { this.#bone = bone; }

  /** Its class in PyTorch. */
  name(): string { return door.node_name(this._id); }
  /** The nodes that its gradients go to, each with the number of the output there. */
  get next_functions(): [Node | null, number][] {
    const count = check(door.node_next(this._id)), units = readUnits(2 * count);
    return Array.from({ length: count }, (_, i) => [nodeOf(units[2 * i]!), units[2 * i + 1]!]);
  }
  /** The leaf that an `AccumulateGrad` adds to. */
  get variable(): Tensor | null {
    const handle = check(door.node_variable(this._id)), known = leaves.get(handle)?.deref();
    // Without an object that the user has, a new one.
    return known && held(known) === handle ? known : (result(door.node_leaf(this._id)) as Tensor | null);
  }
  /** What a `Function` saved for its backward. */
  get saved_tensors(): (Tensor | null)[] { return result(door.saved_tensors(this._id)) as (Tensor | null)[]; }
  /** Calls `hook(grad_outputs)` before the node runs; what it returns takes their place. */
  register_prehook(hook: (grad_outputs: (Tensor | null)[]) => Grads | undefined | void): RemovableHandle {
    return this._hook(lend((grads) => listOf(hook(grads!))), true);
  }
  /** Calls `hook(grad_inputs, grad_outputs)` after the node ran; what it returns takes the place of the former. */
  register_hook(hook: (grad_inputs: (Tensor | null)[], grad_outputs: (Tensor | null)[]) => Grads | undefined | void): RemovableHandle {
    return this._hook(lend((inputs, outputs) => listOf(hook(inputs!, outputs!))), false);
  }
  private _hook(key: number, pre: boolean): RemovableHandle {
    check(door.node_hook(this._id, key, pre));
    return { remove: () => { door.node_unhook(this._id, key); } };
  }
  toString(): string { return `<${this.name()} object at 0x${(this._id >>> 0).toString(16)}>`; }
}
export interface Node { readonly [saved: `_saved_${string}`]: unknown }

// Which names there are depends on the node: whatever is no member of its own is looked up in the core.
Object.setPrototypeOf(Node.prototype, new Proxy(Object.prototype, {
  get(target, key, node: Node): unknown {
    if (typeof key === 'string' && key.startsWith('_saved_')) return result(door.node_saved(node._id, key.slice(7)));
    return Reflect.get(target, key, node);
  },
}));

const known = new Map<number, WeakRef<Node>>();
const registry = new FinalizationRegistry<number>((id) => {
  door.node_release(id);
  if (known.get(id)?.deref() === undefined) known.delete(id);
});

/** The nodes that JavaScript has, or had and the core does not know yet that they are gone. */
export function* knownNodes(): Generator<[number, Node | undefined]> { for (const [id, ref] of known) yield [id, ref.deref()]; }

/** The objects of leaves by their handles, so that `variable` is the very object that the user has. */
const leaves = new Map<number, WeakRef<Tensor>>();
let tidyAt = 64;

/** Notes a leaf that requires a gradient. */
export function noteLeaf(t: Tensor): void {
  leaves.set(t.handle, new WeakRef(t));
  if (leaves.size < tidyAt) return;
  for (const [handle, ref] of leaves) {
    const leaf = ref.deref();
    if (!leaf || held(leaf) !== handle) leaves.delete(handle);
  }
  tidyAt = 2 * leaves.size + 64;
}
/** The object of a node that the core has lent; null for none. */
function nodeOf(id: number): Node | null {
  if (id === 0) return null;
  const have = known.get(id)?.deref();
  if (have) {
    door.node_release(id);
    return have;
  }
  const node = new Node(id);
  known.set(id, new WeakRef(node));
  registry.register(node, id);
  return node;
}

/** The node that made a tensor. */
export function gradFn(t: Tensor): Node | null { return nodeOf(check(door.node_of(t.handle))); }

/** Where gradients of a tensor flow to: a node, and the number of the output there. Backward passes take it for the tensor. */
export class GradientEdge {
  constructor(readonly node: Node, readonly output_nr: number) {}
  *[Symbol.iterator](): IterableIterator<Node | number> {
    yield this.node;
    yield this.output_nr;
  }
  /** @internal A tensor that stands for it. */
  _tensor(): Tensor {
    if (!(this.node instanceof Node)) throw new RuntimeError(`GradientEdge's first object must be an autograd.graph.Node but got ${typeName(this.node)}`);
    return new Tensor(check(door.edge_tensor(this.node._id, this.output_nr)));
  }
}

/** The edge along which gradients of `t` flow. */
export function get_gradient_edge(t: Tensor): GradientEdge {
  const node = t.requires_grad ? nodeOf(check(door.edge_of(t.handle))) : null;
  if (!node) throw new RuntimeError('It is not possible to get the gradient edge for a Tensor that does not require gradients');
  return new GradientEdge(node, check(door.output_nr(t.handle)));
}
