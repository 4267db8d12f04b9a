/**
 * The table of places: where the handles of tensors stand, 64 places a page, of which it may give out fewer.
 *
 * A tensor object knows its place, and only the table knows the handle. Numbers in one table instead of an object for
 * each page keep what the garbage collector has to move small.
 */

/** Places of a page; the number of a page is that of its places without the last bits. */
export const PAGE = 64, BITS = 6;
/** The place of tensors that were let go: it never has a handle. */
export const NOWHERE = 0;

const FIRST = 1 << 6;
/** By place. 0: nothing there, disposed of, evacuated, or parked. */
export let handles = new Int32Array(FIRST * PAGE);
/** By place: the beat in which it was used last. */
export let used = new Int32Array(FIRST * PAGE);

/** What is known of a page. */
class Pages {
  /** How many places were given out. */
  filled = new Uint8Array(FIRST);
  /** How often some were to be evacuated. */
  tries = new Uint8Array(FIRST);
  /** Whether it has one tensor, which is large. */
  isLarge = new Uint8Array(FIRST);
  /** Whether it waits in a list, in which its number must not stand for another page. */
  isListed = new Uint8Array(FIRST);
  /** Whether all of its tensors are gone. */
  isGone = new Uint8Array(FIRST);
  /** How many looks its token has outlived while it was young, and the number of the last. */
  age = new Uint8Array(FIRST);
  seen = new Int32Array(FIRST);
  /** How many pages had its number before. */
  generation = new Int32Array(FIRST);

  /** Makes room for twice as many. */
  grow(): void {
    for (const [key, old] of Object.entries(this) as [keyof Pages, Uint8Array | Int32Array][]) {
      const wider = new (old.constructor as typeof Uint8Array)(2 * old.length);
      wider.set(old);
      (this as unknown as Record<string, unknown>)[key] = wider;
    }
  }
}
export const pages = new Pages();

/** The first page has the place that is nowhere. */
let count = 1;
const free: number[] = [];

function widened(old: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const wider = new Int32Array(2 * old.length);
  wider.set(old);
  return wider;
}

/** A page with empty places. */
export function takePage(): number {
  const page = free.pop() ?? count++;
  if (page * PAGE >= handles.length) {
    handles = widened(handles);
    used = widened(used);
    pages.grow();
  }
  pages.isGone[page] = 0;
  return page;
}

/** Gives an emptied page back. */
export function givePage(page: number): void {
  pages.generation[page]! += 1;
  pages.filled[page] = pages.tries[page] = pages.isLarge[page] = pages.age[page] = 0;
  free.push(page);
}

/** The handles on a page; places without one are 0. */
export const onPage = (page: number): Int32Array => handles.subarray(page << BITS, (page + 1) << BITS);

/** Whether no place of a page has a handle. */
export const isBare = (page: number): boolean => onPage(page).every((handle) => handle === 0);
