/**
 * Says which pages are gone: nothing holds their tokens any more.
 *
 * A finalizer says it when synchronous code is over. Where the engine can collect in the midst of it, new tokens lie in a
 * weak set instead, and a look (a collection of young objects) shows which are left; those that outlive some looks
 * get the finalizer. V8 keeps a young object alive that has one, so a token is either watched or registered.
 */
import { findCollector, mayCollect, type Collector } from '#wasm';

/** What a look leaves at a page. */
export interface Watched {
  /** The number of the last look that saw its token. */
  seen: number;
  /** How many have. */
  age: number;
}

/** Whoever holds it holds the page alive. */
export class Token<P extends Watched> {
  constructor(readonly page: P) {}
  /** Told by a collector that it is alive. */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    const { page } = this;
    page.seen = looks;
    page.age += 1;
    if (page.age === OLD) {
      young.tokens.delete(this);
      old.tokens.add(this);
      register(this);
    }
    return '';
  }
}

const young = { pages: [] as Watched[], tokens: new WeakSet<Token<Watched>>() };
const old = { pages: new Set<Watched>(), tokens: new WeakSet<Token<Watched>>() };

/** V8 moves what has outlived two collections to where only a full one looks. */
const OLD = 2;
let looks = 0;
/** Sought at the first look; null if there is none. */
let collector: Collector | null | undefined = mayCollect ? undefined : null;

let retire: (page: Watched) => void;
const registry = new FinalizationRegistry<Watched>((page) => {
  old.pages.delete(page);
  retire(page);
});

/** Sets what is done with pages that are gone. */
export function onGone<P extends Watched>(fn: (page: P) => void): void { retire = fn as typeof retire; }

/** The finalizer watches a page. */
export function register(token: Token<Watched>): void { registry.register(token, token.page); }

/** Watches a new page, by looks if they can be. */
export function watch(token: Token<Watched>): void {
  if (collector === null) {
    register(token);
  } else {
    young.pages.push(token.page);
    young.tokens.add(token);
  }
}

/** Whether looks can be made. */
export function canLook(): boolean {
  if (collector === undefined) collector = findCollector();
  return collector !== null;
}

/** Collects, young objects or all, and retires pages that are gone. */
export function look(all: boolean): void {
  if (!canLook()) return;
  looks += 1;
  if (all) collector!.all();
  else collector!.young();
  collector!.visit(young.tokens);
  if (all) collector!.visit(old.tokens);
  if (all) {
    for (const page of old.pages) {
      if (page.seen === looks) continue;
      old.pages.delete(page);
      retire(page);
    }
  }
  const { pages } = young;
  young.pages = [];
  for (const page of pages) {
    if (page.seen !== looks) retire(page);
    else if (page.age < OLD) young.pages.push(page);
    else old.pages.add(page);
  }
}

/** Leaves all pages to the finalizer. */
export function rest(): void {
  if (young.pages.length === 0 || !canLook()) return;
  for (const page of young.pages) {
    page.age = OLD - 1;
    old.pages.add(page);
  }
  young.pages = [];
  collector!.visit(young.tokens);
}
