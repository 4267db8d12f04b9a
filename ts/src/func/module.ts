/** `functional_call` and `stack_module_state`: modules as functions of their parameters. */
import { isKeywords } from '../signatures.js';
import { RuntimeError, ValueError } from '../errors.js';
import { stack } from '../generated.js';
import { Module, Parameter, substitute } from '../nn/module.js';
import { isTensor, type Tensor } from '../tensor.js';

/** Parameters and buffers by their paths. */
export type State = Record<string, Tensor>;
/** Options of `functional_call`. */
export interface FunctionalCallOptions { tie_weights?: boolean; strict?: boolean }

/** Where a module keeps a parameter or buffer. */
interface Place { key: string; owner: Record<string, unknown>; name: string; tensor: Tensor }

function places(module: Module): Place[] {
  const out: Place[] = [];
  for (const [path, m] of module.named_modules()) {
    const buffers = new Set([...m.named_buffers('', false)].map(([name]) => name));
    const owner = m as unknown as Record<string, unknown>;
    for (const [name, tensor] of Object.entries(owner)) {
      if (isTensor(tensor) && (tensor instanceof Parameter || buffers.has(name))) out.push({ key: path ? `${path}.${name}` : name, owner, name, tensor });
    }
  }
  return out;
}

/** One state from several, whose keys must differ. */
function merged(states: State | readonly State[]): State {
  if (!Array.isArray(states)) {
    if (!isKeywords(states)) throw new ValueError(`Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got ${typeof states}`);
    return states as State;
  }
  if (!states.every(isKeywords)) throw new ValueError('Expected all elements of parameter_and_buffer_dicts to be dictionaries');
  const keys = states.flatMap((s) => Object.keys(s));
  const repeated = [...new Set(keys.filter((k, i) => keys.indexOf(k) !== i))];
  if (repeated.length > 0) {
    throw new ValueError(`[${repeated.map((k) => `'${k}'`).join(', ')}] appeared in multiple dictionaries; behavior of functional call is ambiguous`);
  }
  return Object.assign({}, ...states) as State;
}

/** The tensor that each place is to have; tied places have the same. */
function chosen(all: readonly Place[], state: State, tie_weights: boolean): Map<Place, Tensor> {
  const out = new Map<Place, Tensor>();
  for (const place of all) if (state[place.key]) out.set(place, state[place.key]!);
  if (!tie_weights) return out;
  for (const place of all) {
    const tied = all.filter((p) => p.tensor === place.tensor);
    const given = [...new Set(tied.map((p) => out.get(p)).filter((t) => t !== undefined))];
    if (given.length > 1) {
      const names = tied.map((p) => `'${p.key}'`).sort().join(', ');
      throw new ValueError(`functional_call got multiple values for keys [${names}], which are tied. Consider using tie_weights=False`);
    }
    if (given.length === 1) out.set(place, given[0]!);
  }
  return out;
}

/** Calls `module` with other parameters and buffers in the places of its own, for this call only. */
export function functional_call<M extends Module>(module: M, parameter_and_buffer_dicts: State | readonly State[], args?: Parameters<M['forward']> | unknown,
  kwargs?: Record<string, unknown> | null, options: FunctionalCallOptions = {}): ReturnType<M['forward']> {
  const { tie_weights = true, strict = false } = options;
  const state = merged(parameter_and_buffer_dicts), all = places(module);
  const now = chosen(all, state, tie_weights);
  if (strict) {
    const list = (keys: readonly string[]): string => keys.map((k) => `'${k}'`).join(', ');
    const known = new Set(all.map((p) => p.key)), unexpected = Object.keys(state).filter((k) => !known.has(k));
    const missing = all.filter((p) => !now.has(p)).map((p) => p.key);
    const problems = [...(unexpected.length ? [`Unexpected key(s): ${list(unexpected)}.`] : []), ...(missing.length ? [`Missing key(s): ${list(missing)}.`] : [])];
    if (problems.length > 0) throw new RuntimeError(`Error(s) in reparametrizing for ${module.constructor.name}:\n\t${problems.join('\n\t')}`);
  }
  const given: unknown[] = args === null || args === undefined ? [] : Array.isArray(args) ? args : [args];
  try {
    for (const [{ owner, name }, tensor] of now) substitute(owner, name, tensor);
    return (module as unknown as (...args: unknown[]) => ReturnType<M['forward']>)(...given, ...(kwargs ? [kwargs] : []));
  } finally {
    for (const { owner, name, tensor } of now.keys()) substitute(owner, name, tensor);
  }
}

function stacked(name: string, tensors: readonly Tensor[]): Tensor {
  const needs = tensors.filter((t) => t.requires_grad).length;
  if (needs !== 0 && needs !== tensors.length) throw new RuntimeError(`Expected ${name} from each model to have the same .requires_grad`);
  return stack([...tensors]).detach().requires_grad_(needs > 0);
}

/** The parameters and the buffers of modules of one class, stacked: for `vmap` over `functional_call`. */
export function stack_module_state(models: Iterable<Module>): [parameters: State, buffers: State] {
  const list = [...models];
  if (list.length === 0) throw new RuntimeError('stack_module_state: Expected at least one model, got 0.');
  if (list.some((m) => m.training !== list[0]!.training)) throw new RuntimeError('stack_module_state: Expected all models to have the same training/eval mode.');
  if (list.some((m) => m.constructor !== list[0]!.constructor)) throw new RuntimeError('stack_module_state: Expected all models to be of the same class.');
  const gather = (states: readonly State[]): State =>
    Object.fromEntries(Object.keys(states[0]!).map((name) => [name, stacked(name, states.map((s) => s[name]!))]));
  return [gather(list.map((m) => Object.fromEntries(m.named_parameters()))), gather(list.map((m) => Object.fromEntries(m.named_buffers())))];
}
