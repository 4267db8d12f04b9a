/**
 * Who lets handles go: scopes, `dispose`, looks, the garbage collector page by page, and evacuation.
 *
 * A tensor object knows its place in the table (`places.ts`). What is made inside a scope stands at places of the
 * scope's own, which are cleared when the scope ends (`scopes.ts`). Any other tensor stands on a page, with up to 15
 * more (63 where hardly any page outlives a look), and holds the page's token; a page is gone when its token is. No
 * finalizer runs inside synchronous code. Where the engine can collect there and tell who is left (`watch.ts`), pages
 * that are gone are found as soon as their tensors hold much; where it cannot, tensors that lie unused are evacuated:
 * their bytes move to a JavaScript array that only the shelf of their page holds, and the shelf is left to their
 * token, so that the ordinary collector takes both; they come back when they are used again. Parking is for graphs
 * that lead to functions: `autograd/cycles.ts` says why.
 */
import { door } from '#wasm';
import { RuntimeError } from './errors.js';
import { bringBack, evacuate, evacuations, leave, word, type Evacuated } from './evacuation.js';
import { BITS, givePage, handles, isBare, onPage, PAGE, pages, takePage, used } from './places.js';
import type { Scope } from './scopes.js';
import type { Tensor } from './tensor.js';
import { canLook, forget, look, onGone, register, rest, Token, watch } from './watch.js';

/** What a shelf holds while its tensors are parked, for the collector to see: see `autograd/cycles.ts`. */
export interface Parked {
  /** The handles by place; the table has none, so that whoever uses one asks for it. */
  readonly handles: number[];
  /** Ends it. */
  back(): void;
}

/** What else there is of the tensors of a page: only they hold it, by their token, but for what may still be evacuated. */
export class Shelf {
  parked: Parked | null = null;
  moved: (Evacuated | undefined)[] | null = null;
  /** Places of what came back from evacuation: it is used now and then, and stays. */
  stays: Set<number> | null = null;
}

/** What a tensor holds: the token of its page, or its scope. */
export type Holder = Token<Shelf> | Scope;

/** Now, in training steps and turns of the event loop. */
let beats = 2;

/** Places that a page gives out unless more are known to be harmless. */
const FEW_PLACES = 16;

/** The page that new tensors go to. */
class OpenPage {
  token!: Token<Shelf>;
  next = 0;
  /** How many places the next pages give out: what shares a page with a tensor that stays, stays too. */
  room = FEW_PLACES;
  private first = 0;
  private end = 0;
  constructor() { this.turn(); }
  get isEmpty(): boolean { return this.next === this.first; }
  get isFull(): boolean { return this.next === this.end; }
  add(tensor: Tensor, handle: number): void {
    const place = this.next++;
    handles[place] = handle;
    used[place] = beats;
    tensor._place = place;
    tensor._page = this.token;
  }
  /** Begins another page; returns the token of the one before. */
  turn(): Token<Shelf> {
    const before = this.token, page = takePage();
    if (before) pages.filled[before.page] = this.next - this.first;
    this.token = new Token(page, shelves[page] = bare.pop() ?? new Shelf());
    this.first = this.next = page << BITS;
    this.end = this.next + this.room;
    return before;
  }
}

/** A tensor that added more bytes than this has a page of its own; so much garbage is worth a look. */
const LARGE = 1 << 16;
/** So many tensors call for a look, whatever they hold, so that small ones come from near memory; so few pages are worth none. */
const CROWD = 1 << 14, FEW = 4;
/** Where less than this part of the pages outlives a look, pages give all of their places out. */
const RARE = 1 / 32;
/** So many pages call for evacuation where nobody can look. */
const MANY = 1 << 12;
/** A tensor that added so many bytes is to take the place of the one before, if that is garbage: two of them would not stay in any cache. */
const HUGE = 1 << 24;
/** Garbage is looked for when at least so many bytes came to life, at most so many; the more there is of it, the sooner. */
const OFTEN = 1 << 22, SELDOM = 1 << 26;
/** Looks take at most this part of the time while memory fills up, and for what training steps leave. */
const SHARE = 1 / 4, STEP_SHARE = 1 / 8;
/** Between two training steps this part of the live bytes may be garbage. */
const SLACK = 1 / 32;
/** After so many tries what is left of a page is the finalizer's alone. */
const TRIES = 8;

/** By page: its shelf, while its tensors may be evacuated. */
const shelves: (Shelf | null)[] = [];
/** Shelves of pages that are gone, as new: the collector would copy young ones. */
const bare: Shelf[] = [];
/** By page: the handles of tensors that are parked. */
const aside = new Map<number, number[]>();
/** Pages that evacuation is done with, though they have tensors: leaves, parts of graphs. */
const stayers = new Set<number>();
/** By page: the shelf that it has let go, as long as a tensor holds that. */
const letGone = new Map<number, WeakRef<Shelf>>();

/** Full pages, the oldest first; those before `oldest` are done with. */
let list: number[] = [];
let oldest = 0;
const open = new OpenPage();
/** Parameters and other leaves share pages with their like. */
const leaves = new OpenPage();
let budget = 1 << 29;
/** So many live bytes, or pages, call for relief. */
let full = OFTEN, crowd = CROWD / FEW_PLACES;
/** Live bytes after the last relief, and how many more call for the next. */
let base = 0, interval = OFTEN;
/** Live bytes after the last training step that freed some. */
let settled = 0;
let warned = false;
let lastLive = 0;
const counterAt = door.live_address() >>> 2;

function liveBytes(): number { return word(counterAt) >>> 0; }

/** Lets all tensors of a page go. */
function retire(page: number): void {
  const parked = aside.get(page), first = page * PAGE, end = first + pages.filled[page]!;
  if (parked) {
    parked.forEach((handle) => { door.release(handle); });
    aside.delete(page);
  } else {
    for (let at = first; at < end; at += 8) {
      door.release_eight(handles[at]!, handles[at + 1]!, handles[at + 2]!, handles[at + 3]!,
        handles[at + 4]!, handles[at + 5]!, handles[at + 6]!, handles[at + 7]!);
    }
  }
  for (let at = first; at < end; at++) handles[at] = 0;
  stayers.delete(page);
  letGone.delete(page);
  const shelf = shelves[page];
  if (shelf && !shelf.moved && !shelf.parked) bare.push(shelf);
  shelves[page] = null;
  pages.isGone[page] = 1;
  if (pages.isListed[page] === 0) givePage(page);
}
onGone(retire);

/** Takes a page from the list. */
function unlist(page: number): void {
  pages.isListed[page] = 0;
  if (pages.isGone[page] === 1) givePage(page);
}

/** The handle of a tensor that is used now; what was evacuated comes back, what was disposed of is an error. */
export function use(tensor: Tensor): number {
  const place = tensor._place;
  used[place] = beats;
  return handles[place]! || revive(tensor);
}

const indexOf = (place: number): number => place & PAGE - 1;

/** The handle of a tensor, if it has one now. */
export function held({ _page: { shelf: { parked } }, _place: place }: Tensor): number { return parked ? parked.handles[indexOf(place)]! : handles[place]!; }

/** Whether it has been let go for good. */
export function isDisposed(tensor: Tensor): boolean { return held(tensor) === 0 && !tensor._page.shelf.moved?.[indexOf(tensor._place)]; }

/** Lets a tensor go now. */
export function free(tensor: Tensor): void {
  const { _place: place, _page: { shelf } } = tensor, handle = held(tensor);
  if (handle !== 0) door.release(handle);
  handles[place] = 0;
  if (shelf.parked) shelf.parked.handles[indexOf(place)] = 0;
  if (shelf.moved) shelf.moved[indexOf(place)] = undefined;
}

function revive({ _place: place, _page: { shelf } }: Tensor): number {
  const { parked } = shelf, index = indexOf(place);
  if (parked) {
    shelf.parked = null;
    aside.delete(place >> BITS);
    handles.set(parked.handles, place - index);
    parked.back();
    if (handles[place] !== 0) return handles[place]!;
  }
  const from = shelf.moved?.[index];
  if (!from) throw new RuntimeError('this tensor has been disposed of');
  const handle = bringBack(from);
  shelf.moved![index] = undefined;
  (shelf.stays ??= new Set()).add(index);
  return (handles[place] = handle);
}

/** Puts a tensor on a page, which lives as long as one of its tensors. */
export function settle(tensor: Tensor, handle: number): void {
  const live = liveBytes(), grown = live - lastLive;
  lastLive = live;
  // What is rare stands elsewhere: this is part of every op.
  if (open.isFull || grown > LARGE || live > full) settleRarely(tensor, handle, grown);
  else open.add(tensor, handle);
}

function settleRarely(tensor: Tensor, handle: number, grown: number): void {
  const live = lastLive, large = grown > LARGE;
  if (open.isFull || (large && !open.isEmpty)) turn();
  open.add(tensor, handle);
  if (large) {
    pages.isLarge[open.token.page] = 1;
    turn();
    if (grown >= HUGE) {
      isHungry = true;
      full = Math.max(full, Math.min(budget, live));
    }
  }
  if (live > full || list.length - oldest > crowd) relieve(live);
}

/** Whether there is to be a look before the next op: its result may lie where garbage does. */
export let isHungry = false;

/** That look. */
export function feed(): void {
  isHungry = false;
  if (quick.go(SHARE)) level();
}

/** Closes the open page. */
function turn(): void {
  const token = open.turn();
  list.push(token.page);
  pages.isListed[token.page] = 1;
  watch(token);
  scheduleBeat();
}

/** Looks for pages that are gone, of one kind. */
class Look {
  /** When the last one ended. */
  ended = 0;
  /** @param takes the milliseconds that it may take; one that was disturbed counts little. */
  constructor(readonly all: boolean, public takes: number) {}
  /** False where there can be none, or where it would take more than this part of the time. */
  go(share: number): boolean {
    if (!canLook()) return false;
    const start = performance.now();
    if ((start - this.ended) * share < this.takes) return false;
    const took = look(this.all) - start;
    const count = list.length - oldest;
    let left = 0;
    for (let i = oldest; i < list.length; i++) {
      const page = list[i]!;
      if (pages.isGone[page] === 1) unlist(page);
      else list[left++] = page;
    }
    list.length = left;
    oldest = 0;
    open.room = left < count * RARE ? PAGE : FEW_PLACES;
    this.ended = performance.now();
    this.takes = Math.min(took, 1.25 * this.takes);
    return true;
  }
}
const quick = new Look(false, 0.05), thorough = new Look(true, 2);

/** Takes a handle off its place. */
export function taken(tensor: Tensor): number {
  const handle = isDisposed(tensor) ? 0 : use(tensor);
  handles[tensor._place] = 0;
  return handle;
}

/** Moves a new tensor to a page of leaves, which are never evacuated. */
export function keepLeaf(tensor: Tensor): void {
  if (leaves.isFull) leaves.turn();
  if (leaves.isEmpty) register(leaves.token);
  leaves.add(tensor, taken(tensor));
  stayers.add(leaves.token.page);
}

/** Leaves a page to the finalizer. */
function letGo(page: number): void {
  const shelf = shelves[page];
  // A reference keeps what it refers to for as long as synchronous code runs: it is made only where functions are to be watched.
  if (shelf && more > 0 && !isBare(page)) {
    letGone.set(page, new WeakRef(shelf));
    stayers.add(page);
  }
  shelves[page] = null;
}

/** Whether a tensor of the page was used in this beat or the one before. */
function isBusy(page: number): boolean {
  for (let place = page * PAGE; place < (page + 1) * PAGE; place++) if (handles[place] !== 0 && used[place]! >= beats - 1) return true;
  return false;
}

/** The pages whose tensors lie unused, with their shelves and their handles. */
export function* idlePages(): Generator<[number, Shelf, number[]]> {
  for (const page of list.slice(oldest)) {
    const shelf = shelves[page];
    if (shelf && pages.tries[page]! > 0 && !isBusy(page) && !isBare(page)) yield [page, shelf, [...onPage(page)]];
  }
  for (const page of [...stayers]) {
    const shelf = shelves[page] ?? letGone.get(page)?.deref();
    if (!shelf) {
      forget(page);
      retire(page);
    } else if (!isBusy(page) && (shelf.parked || !isBare(page))) {
      yield [page, shelf, shelf.parked?.handles ?? [...onPage(page)]];
    }
  }
}

/** Parks the tensors of a page: only they hold its shelf, and with it what `parked` holds. */
export function park(page: number, shelf: Shelf, parked: Parked): void {
  if (page === leaves.token.page) leaves.turn();
  onPage(page).fill(0);
  aside.set(page, parked.handles);
  shelf.parked = parked;
  if (!letGone.has(page)) letGone.set(page, new WeakRef(shelf));
  shelves[page] = null;
  stayers.add(page);
}

/** The number of the beat that is now. */
export const now = (): number => beats;

/** Under pressure: garbage goes, and if that is not enough the oldest tensors. */
function relieve(live: number): void {
  const isFull = live > full;
  // Whether bytes were worth it; many small tensors say nothing of that.
  if (quick.go(SHARE) && isFull) interval = live - liveBytes() > interval / 2 ? Math.max(OFTEN, interval / 2) : Math.min(SELDOM, interval * 2);
  if (liveBytes() > budget) thorough.go(SHARE);
  if (liveBytes() > budget || (list.length - oldest > MANY && !canLook())) evacuateOldest();
  crowd = Math.max(CROWD / open.room, 2 * (list.length - oldest));
  level();
}

/** Notes what is alive, after some of it went. */
function level(): void {
  base = lastLive = liveBytes();
  full = Math.min(budget, base + interval);
}

/** The oldest go, until there is room again. */
function evacuateOldest(): void {
  if (liveBytes() > budget && !warned) {
    warned = true;
    console.warn(`cresset: ${liveBytes()} bytes of tensors are alive in a loop that never yields; the oldest move to JavaScript memory. `
      + 'torch.tidy(fn), using or dispose() free them at once.');
  }
  const over: number[] = [];
  const few = Math.max(oldest + 1, list.length - MANY / 2);
  while (oldest < list.length && (liveBytes() > budget || (oldest < few && list.length - oldest > MANY / 2))) {
    const page = list[oldest++]!;
    evacuate(page, shelves[page], Infinity);
    over.push(page);
  }
  leave();
  over.forEach(letGo);
  over.forEach(unlist);
  if (oldest >= 1024 || oldest === list.length) {
    list = list.slice(oldest);
    oldest = 0;
  }
  // All that is left is in use: the budget was too small for the program.
  if (liveBytes() > budget) budget = liveBytes() * 1.5;
}

/** Evacuates tensors that were not used since the beat before: most of them are garbage that nobody has seen yet. */
function evacuateIdle(): void {
  const seen = list.slice(oldest);
  for (const page of seen) {
    // What was made last tells whether the page is young.
    if (used[page * PAGE + pages.filled[page]! - 1]! < beats - 1) evacuate(page, shelves[page], beats - 1);
  }
  leave();
  list = seen.filter((page) => {
    const stays = shelves[page] !== null && pages.tries[page]! < TRIES && !isBare(page);
    if (!stays) {
      letGo(page);
      unlist(page);
    }
    return stays;
  });
  oldest = 0;
}

/** Begins another beat. */
function beat(): void {
  beats += 1;
  if (!open.isEmpty) turn();
}

/** Whether much came to life since the last training step that freed some. */
const isMuch = (): boolean => liveBytes() - settled > liveBytes() * SLACK;

/** A training step is done: what it left behind goes, once there is enough of it for a look. */
export function step(): void {
  beat();
  if (!canLook()) {
    evacuateIdle();
  } else if (isMuch()) {
    if (!quick.go(STEP_SHARE)) evacuateIdle();
    settled = liveBytes();
  }
  level();
}

let scheduled = false;
/** So many turns more count as beats, full pages or not. */
let more = 0;
let atTurn: () => void = () => {};
/** Sets what is done at each such turn, when nothing else runs. */
export function atTurns(fn: () => void): void { atTurn = fn; }
/** Counts the next turns of the event loop as beats; the first of them comes after so many milliseconds. */
export function turnSoon(turns: number, after = 0): void {
  if (more < turns) more = turns;
  scheduleBeat(after);
}
/** Beats once in a turn of the event loop in which pages filled up; keeps no process alive. */
function scheduleBeat(after = 0): void {
  if (scheduled) return;
  scheduled = true;
  const run = (): void => {
    scheduled = false;
    beat();
    // To evacuate more than a little takes longer than a look.
    quick.go(list.length - oldest > FEW || liveBytes() - base > LARGE ? Infinity : SHARE);
    rest();
    evacuateIdle();
    level();
    atTurn();
    if (more > 0) more -= 1;
    if (more > 0) scheduleBeat();
  };
  const timer: unknown = setTimeout(run, after);
  (timer as { unref?(): void }).unref?.();
}

/** `torch.memory`. */
export const memory = {
  /** Bytes that tensors hold in wasm memory, the most they held, bytes kept for reuse, tensors that
   * JavaScript holds, and how many were evacuated so far. */
  stats(): { live_bytes: number; peak_bytes: number; cached_bytes: number; tensors: number; evacuations: number } {
    const [live_bytes, peak_bytes, cached_bytes, tensors] = door.stats();
    return { live_bytes: live_bytes!, peak_bytes: peak_bytes!, cached_bytes: cached_bytes!, tensors: tensors!, evacuations: evacuations() };
  },
  /** Above so many live bytes the oldest unscoped tensors are evacuated. */
  set_budget(bytes: number): void {
    budget = bytes;
    level();
  },
  /** Counts the peak anew, and gives the blocks kept for reuse back. */
  reset_peak(): void { door.reset_stats(); },
};
