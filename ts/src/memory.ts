/**
 * Who lets handles go: scopes, `dispose`, the garbage collector page by page, and evacuation.
 *
 * A tensor object knows a place on a shelf, and only the shelf knows the handle. What is made inside a
 * scope stands on the scope's own shelf, which is cleared when the scope ends. Any other shelf has up to
 * 16 places and belongs to a page, which the garbage collector reports when the last of its tensors is
 * gone. No finalizer runs inside synchronous code. Where the engine can collect there and tell who is left
 * (`watch.ts`), pages that are gone are found as soon as their tensors hold much; where it cannot, tensors
 * that lie unused are evacuated: their bytes move to a JavaScript array that only the shelf holds, and the
 * page forgets the shelf, so that the ordinary collector takes both; they come back when they are used
 * again. Parking is for graphs that lead to functions: `autograd/cycles.ts` says why.
 */
import { door, wasm } from '#wasm';
import { RuntimeError } from './errors.js';
import { bringBack, evacuate, evacuations, leave, word, type Evacuated } from './evacuation.js';
import type { Tensor } from './tensor.js';
import { canLook, look, onGone, register, rest, Token, watch, type Watched } from './watch.js';

/** Now, in training steps and turns of the event loop. */
let beats = 0;

/** What a shelf holds while its tensors are parked, for the collector to see: see `autograd/cycles.ts`. */
export interface Parked {
  /** The handles; the shelf shows none, so that whoever uses one asks for it. */
  readonly handles: number[];
  /** Ends it. */
  back(): void;
}

/** The handles of some tensors; a bit for each place tells more of it. */
export class Shelf {
  /** 0: disposed of, evacuated, or parked. */
  handles: number[] = [];
  parked: Parked | null = null;
  moved: (Evacuated | undefined)[] | null = null;
  /** When a place was used last, those used then, and those used in the beat before. */
  beat = beats;
  recent = 0;
  before = 0;
  /** What came back from evacuation is used now and then, and stays. */
  stays = 0;
  constructor(readonly isScope: boolean) {}
  /** The places used in this beat or the one before. */
  get busy(): number {
    if (this.beat !== beats) this.turn();
    return this.recent | this.before;
  }
  turn(): void {
    this.before = this.beat === beats - 1 ? this.recent : 0;
    this.recent = 0;
    this.beat = beats;
  }
}

/** What the collector reports: the handles of a shelf, and the shelf while its tensors may be evacuated. */
export class Page implements Watched {
  shelf: Shelf | null = new Shelf(false);
  /** The shelf that it has let go, as long as a tensor holds that. */
  ref: WeakRef<Shelf> | null = null;
  handles: number[] = this.shelf!.handles;
  /** How often some were to be evacuated. */
  tries = 0;
  isLarge = false;
  seen = 0;
  age = 0;
  get isEmpty(): boolean { return this.handles.every((handle) => handle === 0); }
  /** It has this one tensor, which is large. What a look finds has outlived it, and is the cheaper the smaller it is. */
  alone(handle: number): void {
    this.isLarge = true;
    this.handles = this.shelf!.handles = [handle];
  }
}

/** The page that new tensors go to. Each of them holds the token, and the collector watches it. */
class OpenPage {
  page = new Page();
  token = new Token(this.page);
  get isEmpty(): boolean { return this.page.handles.length === 0; }
  get isFull(): boolean { return this.page.handles.length >= PAGE; }
  add(tensor: Tensor, handle: number): void {
    const { page, token } = this;
    const count = page.handles.push(handle);
    const shelf = page.shelf!;
    tensor._shelf = shelf;
    tensor._place = count - 1;
    tensor._page = token;
    if (shelf.beat !== beats) shelf.turn();
    shelf.recent |= 1 << count - 1;
  }
  /** Begins another page; returns the token of the one before. */
  turn(): Token<Page> {
    const full = this.token;
    this.page = new Page();
    this.token = new Token(this.page);
    return full;
  }
}

const PAGE = 16;
/** A tensor that added more bytes than this has a page of its own. */
const LARGE = 1 << 16;
/** So many pages call for relief, whatever they hold. */
const MANY = 1 << 12;
/** Garbage is looked for when at least so many bytes came to life, at most so many; the more there is of it, the sooner. */
const OFTEN = 1 << 23, SELDOM = 1 << 26;
/** Looks take at most this part of the time while memory fills up, and for what training steps leave. */
const SHARE = 1 / 4, STEP_SHARE = 1 / 8;
/** Between two training steps this part of the live bytes may be garbage. */
const SLACK = 1 / 32;
/** After so many tries what is left of a page is the finalizer's alone. */
const TRIES = 8;
/** Every place of a page. */
const ALL = -1;

const scopes: Shelf[] = [];
/** Full pages, the oldest first; those before `oldest` are done with. */
let pages: Page[] = [];
let oldest = 0;
const open = new OpenPage();
/** Parameters and other leaves share pages with their like. */
const leaves = new OpenPage();
let budget = 1 << 29;
/** So many live bytes, or pages, call for relief. */
let full = OFTEN, crowd = MANY;
/** Live bytes after the last relief, and how many more call for the next. */
let base = 0, interval = OFTEN;
/** Live bytes after the last training step that freed some. */
let settled = 0;
let warned = false;
let lastLive = 0;
const counterAt = door.live_address() >>> 2;

function liveBytes(): number { return word(counterAt) >>> 0; }

function retire(page: Page): void {
  const { handles } = page;
  stayers.delete(page);
  for (const handle of handles) if (handle !== 0) door.release(handle);
  handles.length = 0;
}
onGone(retire);

/** The handle of a tensor that is used now; what was evacuated comes back, what was disposed of is an error. */
export function use({ _shelf: shelf, _place: place }: Tensor): number {
  if (shelf.beat !== beats) shelf.turn();
  shelf.recent |= 1 << place;
  return shelf.handles[place]! || revive(shelf, place);
}

/** The handle of a tensor, if it has one now. */
export function held({ _shelf: { handles, parked }, _place: place }: Tensor): number { return (parked ?? { handles }).handles[place]!; }

/** Whether it has been let go for good. */
export function isDisposed(tensor: Tensor): boolean { return held(tensor) === 0 && !tensor._shelf.moved?.[tensor._place]; }

/** Lets a tensor go now. */
export function free({ _shelf: shelf, _place: place }: Tensor): void {
  const handles = shelf.parked ? shelf.parked.handles : shelf.handles, handle = handles[place]!;
  if (handle !== 0) door.release(handle);
  handles[place] = 0;
  if (shelf.moved) shelf.moved[place] = undefined;
}

function revive(shelf: Shelf, place: number): number {
  const { parked } = shelf;
  if (parked) {
    shelf.parked = null;
    shelf.handles = parked.handles;
    parked.back();
    if (shelf.handles[place] !== 0) return shelf.handles[place]!;
  }
  const from = shelf.moved?.[place];
  if (!from) throw new RuntimeError('this tensor has been disposed of');
  const handle = bringBack(from);
  shelf.moved![place] = undefined;
  shelf.stays |= 1 << place;
  return (shelf.handles[place] = handle);
}

/** Puts a tensor on a page, which lives as long as one of its tensors. */
function settle(tensor: Tensor, handle: number): void {
  const live = liveBytes();
  const large = live - lastLive > LARGE;
  lastLive = live;
  if (open.isFull || (large && !open.isEmpty)) turn();
  open.add(tensor, handle);
  if (large) {
    open.page.alone(handle);
    turn();
  }
  if (live > full || pages.length - oldest > crowd) relieve(live);
}

/** Closes the open page. */
function turn(): void {
  const token = open.turn();
  pages.push(token.page);
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
    look(this.all);
    pages = pages.slice(oldest).filter((page) => page.handles.length > 0);
    oldest = 0;
    this.ended = performance.now();
    this.takes = Math.min(this.ended - start, 2 * this.takes);
    return true;
  }
}
const quick = new Look(false, 0.05), thorough = new Look(true, 2);

/** Notes a new tensor: in the innermost scope, or on a page. */
export function track(tensor: Tensor, handle: number): void {
  if (scopes.length > 0) {
    const scope = scopes[scopes.length - 1]!;
    tensor._shelf = scope;
    tensor._place = scope.handles.push(handle) - 1;
    tensor._page = null;
  } else {
    settle(tensor, handle);
  }
}

/** Takes a handle off its shelf. */
function taken(tensor: Tensor): number {
  const handle = isDisposed(tensor) ? 0 : use(tensor);
  tensor._shelf.handles[tensor._place] = 0;
  return handle;
}

/** Takes a tensor out of its scope: it lives until it is disposed of or collected. */
export function keep<T extends Tensor>(tensor: T): T {
  if (tensor._shelf.isScope) keepLeaf(tensor);
  return tensor;
}

/** `keep` for every tensor in a value. */
export function keepAll<T>(value: T, isTensor: (v: unknown) => v is Tensor): T {
  tensorsIn(value, isTensor, keep);
  return value;
}

/** Moves a new tensor to a page of leaves, which are never evacuated. */
export function keepLeaf(tensor: Tensor): void {
  if (leaves.isFull) leaves.turn();
  leaves.add(tensor, taken(tensor));
  if (leaves.page.handles.length === 1) register(leaves.token);
  stayers.add(leaves.page);
}

/** Pages that evacuation is done with, though they have tensors: leaves, parts of graphs. */
const stayers = new Set<Page>();

/** Leaves a page to the finalizer. */
function letGo(page: Page): void {
  // A reference keeps what it refers to for as long as synchronous code runs: it is made only where functions are to be watched.
  if (page.shelf && more > 0 && !page.isEmpty) {
    page.ref = new WeakRef(page.shelf);
    stayers.add(page);
  }
  page.shelf = null;
}

/** The pages whose tensors lie unused, with their shelves. */
export function* idlePages(): Generator<[Page, Shelf]> {
  for (const page of pages.slice(oldest)) if (page.shelf && page.tries > 0 && page.shelf.busy === 0 && !page.isEmpty) yield [page, page.shelf];
  for (const page of [...stayers]) {
    const shelf = page.shelf ?? page.ref?.deref();
    if (!shelf) retire(page);
    else if (shelf.busy === 0 && !page.isEmpty) yield [page, shelf];
  }
}

/** Parks the tensors of a page: only they hold its shelf, and with it what `parked` holds. */
export function park(page: Page, shelf: Shelf, parked: Parked): void {
  if (page === leaves.page) leaves.turn();
  shelf.handles = page.handles.map(() => 0);
  shelf.parked = parked;
  page.ref ??= new WeakRef(shelf);
  page.shelf = null;
  stayers.add(page);
}

/** The number of the beat that is now. */
export const now = (): number => beats;

/** Under pressure: garbage goes, and if that is not enough the oldest tensors. */
function relieve(live: number): void {
  if (quick.go(SHARE)) interval = live - liveBytes() > interval / 2 ? Math.max(OFTEN, interval / 2) : Math.min(SELDOM, interval * 2);
  if (liveBytes() > budget) thorough.go(SHARE);
  if (liveBytes() > budget || pages.length - oldest > crowd) evacuateOldest();
  crowd = Math.max(MANY, 2 * (pages.length - oldest));
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
  const over: Page[] = [];
  const few = Math.max(oldest + 1, pages.length - MANY / 2);
  while (oldest < pages.length && (liveBytes() > budget || (oldest < few && pages.length - oldest > MANY / 2))) {
    const page = pages[oldest++]!;
    evacuate(page, ALL);
    over.push(page);
  }
  leave();
  over.forEach(letGo);
  compact();
  // All that is left is in use: the budget was too small for the program.
  if (liveBytes() > budget) budget = liveBytes() * 1.5;
}

function compact(): void {
  if (oldest < 1024 && oldest < pages.length) return;
  pages = pages.slice(oldest);
  oldest = 0;
}

/** Evacuates tensors that were not used since the beat before: most of them are garbage that nobody has seen yet. */
function evacuateIdle(): void {
  const seen = pages.slice(oldest);
  for (const page of seen) {
    const busy = page.shelf?.busy ?? ALL;
    // What was made last tells whether the page is young.
    if ((busy >> page.handles.length - 1 & 1) === 0) evacuate(page, ~busy);
  }
  leave();
  pages = seen.filter((page) => {
    const stays = page.shelf !== null && page.tries < TRIES && !page.isEmpty;
    if (!stays) letGo(page);
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
    quick.go(liveBytes() - base > OFTEN ? 1 : SHARE);
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

function tensorsIn(value: unknown, isTensor: (v: unknown) => v is Tensor, found: (t: Tensor) => void, depth = 0): void {
  if (isTensor(value)) found(value);
  else if (depth < 4 && value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)) {
    for (const v of value instanceof Map || value instanceof Set ? value.values() : Object.values(value)) {
      tensorsIn(v, isTensor, found, depth + 1);
    }
  }
}

/** Runs `fn` and lets every tensor go that was made in it, except what it returns, what is kept,
 * and what `holder` holds as a property. */
export function scoped<T>(fn: () => T, isTensor: (v: unknown) => v is Tensor, holder?: object): T {
  const mine = new Shelf(true);
  scopes.push(mine);
  let result: T | undefined;
  let done = false;
  try {
    result = fn();
    done = true;
    return result;
  } finally {
    scopes.pop();
    const { handles } = mine;
    if (handles.length > 0) {
      if (done) tensorsIn(result, isTensor, (t) => { if (t._shelf === mine) track(t, taken(t)); });
      if (holder) for (const v of Object.values(holder)) if (isTensor(v) && v._shelf === mine) keep(v);
      for (let i = 0; i < handles.length; i++) {
        if (handles[i] !== 0) door.release(handles[i]!);
        handles[i] = 0;
      }
    }
  }
}

/** Runs `fn` as if the innermost scope were not there: what it makes belongs to the one around that. */
export function outside<T>(fn: () => T): T {
  const inner = scopes.pop();
  try {
    return fn();
  } finally {
    if (inner) scopes.push(inner);
  }
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
