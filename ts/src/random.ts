/** Generators of random numbers: PyTorch's mt19937 and its streams. */
import { door } from '#wasm';
import { check } from './buffer.js';
import { tensor } from './creation.js';
import type { Int, Tensor } from './tensor.js';

const registry = new FinalizationRegistry<number>((n) => { door.generator_remove(n); });

/** A stream of random numbers of its own, for the `generator` keyword. */
export class Generator {
  #number: number;
  readonly device = 'cpu';
  /** @internal `number` 0 is the default generator. */
  constructor(number?: number) {
    this.#number = typeof number === 'number' ? number : door.generator_new(67280421310721n);
    if (this.#number !== 0) registry.register(this, this.#number);
  }
  /** @internal Ops that `fn` runs draw from this generator. */
  during<T>(fn: () => T): T {
    const before = door.generator_select(this.#number);
    try {
      return fn();
    } finally {
      door.generator_select(before);
    }
  }
  /** Starts the stream of a seed. */
  manual_seed(seed: Int): this {
    this.during(() => { door.manual_seed(BigInt.asUintN(64, BigInt(seed))); });
    return this;
  }
  /** Starts a stream that nobody knows; returns its seed. */
  seed(): bigint {
    const parts = crypto.getRandomValues(new Uint32Array(2));
    const seed = (BigInt(parts[0]! & 0x1fffff) << 32n) | BigInt(parts[1]!);
    this.manual_seed(seed);
    return seed;
  }
  initial_seed(): bigint { return this.during(() => door.generator_seed()); }
  /** The whole state, as PyTorch saves it: uint8. */
  get_state(): Tensor { return this.during(() => tensor(door.generator_save())); }
  set_state(state: Tensor): this {
    this.during(() => { check(door.generator_load(state.numpy() as Uint8Array)); });
    return this;
  }
}

export const default_generator = new Generator(0);
/** Starts PyTorch's stream of a seed. */
export function manual_seed(seed: Int): Generator { return default_generator.manual_seed(seed); }
export function seed(): bigint { return default_generator.seed(); }
export function initial_seed(): bigint { return default_generator.initial_seed(); }
export function get_rng_state(): Tensor { return default_generator.get_state(); }
export function set_rng_state(state: Tensor): void { default_generator.set_state(state); }
