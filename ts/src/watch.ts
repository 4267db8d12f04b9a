/**
 * Says which pages are gone: nothing holds their tokens any more.
 *
 * A finalizer says it when synchronous code is over. Where the engine can collect in the midst of it, new tokens lie in a
 * weak set instead, and a look (a collection of young objects) shows which are left; those that outlive some looks
 * get the finalizer. V8 keeps a young object alive that has one, so a token is either watched or registered.
 */
import { findCollector, mayCollect, type Collector } from '#wasm';
import { pages } from './places.js';

/** The tokens that a look has met so far; null when there is no look. */
let met: Token[] | null = null;

/** Each tensor of a page holds its token. */
export class Token<Shelf = unknown> {
  constructor(readonly page: number, readonly shelf: Shelf) {}
  /** Told by a collector that it is alive. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    met?.push(this);
    return '';
  }
}

/** V8 moves what has outlived two collections to where only a full one looks. */
const OLD = 2;
const young = { pages: [] as number[], tokens: new WeakSet<Token>() };
const old = { pages: new Set<number>(), tokens: new WeakSet<Token>() };
let looks = 0;
/** Sought at the first look; null if there is none. */
let collector: Collector | null | undefined = mayCollect ? undefined : null;

let retire: (page: number) => void;
/** Numbers of pages serve again: what is registered is the number and its generation. */
const GENERATION = 2 ** 24;
const registry = new FinalizationRegistry<number>((registered) => {
  // An integer to the engine, too: what becomes a double once makes every tensor larger and slower.
  const page = (registered % GENERATION) | 0;
  if (pages.generation[page] !== Math.floor(registered / GENERATION) || pages.isGone[page] === 1) return;
  old.pages.delete(page);
  retire(page);
});

/** Sets what is done with pages that are gone. */
export function onGone(fn: (page: number) => void): void { retire = fn; }

/** The finalizer watches a page. */
export function register(token: Token): void { registry.register(token, pages.generation[token.page]! * GENERATION + token.page); }

/** Watches a new page, by looks if they can be. */
export function watch(token: Token): void {
  if (collector === null) {
    register(token);
  } else {
    young.pages.push(token.page);
    young.tokens.add(token);
  }
}

/** Watches a page no longer. */
export function forget(page: number): void {
  old.pages.delete(page);
  young.pages = young.pages.filter((other) => other !== page);
}

/** Whether looks can be made. */
export function canLook(): boolean {
  if (collector === undefined) collector = findCollector();
  return collector !== null;
}

/** The tokens in a set; null if it could not be seen to the end, for which the stack may have been too deep. */
function alive(tokens: WeakSet<Token>): Token[] | null {
  met = [];
  try {
    return collector!.visit(tokens) ? met : null;
  } catch {
    return null;
  } finally {
    met = null;
  }
}

/** Notes at the pages of these tokens that they were seen now. */
function mark(tokens: Token[]): void {
  looks += 1;
  for (const { page } of tokens) pages.seen[page] = looks;
}

/** Retires young pages that none of these tokens has; tokens that are old enough get the finalizer. */
function sift(tokens: Token[]): void {
  mark(tokens);
  const { seen, age } = pages;
  for (const token of tokens) {
    const { page } = token;
    if ((age[page]! += 1) < OLD) continue;
    young.tokens.delete(token);
    old.tokens.add(token);
    old.pages.add(page);
    register(token);
  }
  let left = 0;
  for (const page of young.pages) {
    if (seen[page] !== looks) retire(page);
    else if (age[page]! < OLD) young.pages[left++] = page;
  }
  young.pages.length = left;
}

/** Collects, young objects or all, and retires pages that are gone; only where looks can be made. Returns when it knew
 * which: what follows has to be done some time. */
export function look(all: boolean): number {
  if (all) collector!.all();
  else collector!.young();
  const tokens = alive(young.tokens), elders = all ? alive(old.tokens) : null, known = performance.now();
  if (elders) {
    mark(elders);
    for (const page of old.pages) {
      if (pages.seen[page] === looks) continue;
      old.pages.delete(page);
      retire(page);
    }
  }
  if (tokens) sift(tokens);
  return known;
}

/** Leaves all pages to the finalizer. */
export function rest(): void {
  if (young.pages.length === 0 || !canLook()) return;
  const tokens = alive(young.tokens);
  if (!tokens) return;
  for (const page of young.pages) pages.age[page] = OLD - 1;
  sift(tokens);
}
