/**
 * Who lets handles go: scopes, `dispose`, the garbage collector page by page, and evacuation.
 *
 * A tensor object knows a place on a shelf, and only the shelf knows the handle. What is made inside a
 * scope stands on the scope's own shelf, which is cleared when the scope ends. Any other shelf has up to
 * 16 places and belongs to a page, which the garbage collector reports when the last of its tensors is
 * gone. Since no finalizer runs inside synchronous code, tensors that lie unused are evacuated: their
 * bytes move to a JavaScript array that only the shelf holds, and the page forgets the shelf, so that the
 * ordinary collector takes both; they come back when they are used again. Parking is for graphs that lead
 * to functions: `autograd/cycles.ts` says why.
 */
import { door, wasm } from '#wasm';
import { check } from './buffer.js';
import { RuntimeError } from './errors.js';
import type { Tensor } from './tensor.js';

/** The record of an evacuated tensor: a few words are a list, which is made and collected faster than a typed array. */
type Evacuated = number[] | Int32Array;

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
export class Page {
  shelf: Shelf | null = new Shelf(false);
  /** The shelf that it has let go, as long as a tensor holds that. */
  ref: WeakRef<Shelf> | null = null;
  handles: number[] = this.shelf!.handles;
  /** How often some were to be evacuated. */
  tries = 0;
  isLarge = false;
  get isEmpty(): boolean { return this.handles.every((handle) => handle === 0); }
}

/** The page that new tensors go to. Each of them holds the token, and the collector watches it. */
class OpenPage {
  page = new Page();
  token: object = {};
  get isEmpty(): boolean { return this.page.handles.length === 0; }
  get isFull(): boolean { return this.page.handles.length >= PAGE; }
  add(tensor: Tensor, handle: number): void {
    const { page, token } = this;
    const count = page.handles.push(handle);
    if (count === 1) registry.register(token, page);
    const shelf = page.shelf!;
    tensor._shelf = shelf;
    tensor._place = count - 1;
    tensor._page = token;
    if (shelf.beat !== beats) shelf.turn();
    shelf.recent |= 1 << count - 1;
  }
  /** Begins another page; returns the one before. */
  turn(): Page {
    const full = this.page;
    this.page = new Page();
    this.token = {};
    return full;
  }
}

const PAGE = 16;
/** A tensor that added more bytes than this has a page of its own. */
const LARGE = 1 << 16;
/** So many tensors are evacuated by one call, unless they are large. */
const TOGETHER = 256;
/** Records of up to so many words are lists; longer ones share typed arrays of about as many words as this. */
const WORDS = 64, BLOCK = 1 << 14;
/** More unscoped tensors than this are not kept in wasm memory between two beats. */
const MANY = 1 << 16;
/** After so many tries what is left of a page is the finalizer's alone. */
const TRIES = 8;
/** Every place of a page. */
const ALL = -1;

const scopes: Shelf[] = [];
const registry = new FinalizationRegistry<Page>(retire);
/** Full pages, the oldest first; those before `oldest` are done with. */
let pages: Page[] = [];
let oldest = 0;
const open = new OpenPage();
/** Parameters and other leaves share pages with their like. */
const leaves = new OpenPage();
let budget = 1 << 29;
let warned = false;
let evacuations = 0;
let lastLive = 0;
let words = new Int32Array(0);
const counterAt = door.live_address() >>> 2;

/** The memory of the module, which it may have grown since. */
function memoryWords(): Int32Array {
  if (words.buffer !== wasm.memory.buffer) words = new Int32Array(wasm.memory.buffer);
  return words;
}

function liveBytes(): number { return (words.length === 0 ? memoryWords() : words)[counterAt]! >>> 0; }

function retire(page: Page): void {
  const { handles } = page;
  stayers.delete(page);
  for (const handle of handles) if (handle !== 0) door.release(handle);
  handles.length = 0;
}

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
  const room = check(door.record_room(from.length / 2)) >>> 2;
  memoryWords().set(from, room);
  const handle = check(door.revive());
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
    open.page.isLarge = true;
    turn();
  }
  if (live > budget || pages.length - oldest > MANY / PAGE) relieve(live);
}

/** Closes the open page. */
function turn(): void {
  pages.push(open.turn());
  scheduleBeat();
}

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

/** What the next call evacuates: places, each with its shelf. */
const leaving: { shelves: Shelf[]; places: number[] } = { shelves: [], places: [] };

/** Evacuates what of a page may go, of these places: now or with others. */
function evacuate(page: Page, among: number): void {
  const { shelf, isLarge } = page;
  if (!shelf) return;
  const { handles } = shelf, may = among & ~shelf.stays, waiting = leaving.places.length;
  for (let i = 0; i < handles.length; i++) {
    if (handles[i] === 0 || (may >> i & 1) === 0) continue;
    leaving.shelves.push(shelf);
    leaving.places.push(i);
  }
  if (leaving.places.length > waiting) page.tries += 1;
  if (isLarge || leaving.places.length >= TOGETHER) leave();
}

/** Evacuates what waits for it. */
function leave(): void {
  const { shelves, places } = leaving, count = places.length;
  if (count === 0) return;
  leaving.shelves = [];
  leaving.places = [];
  const list = door.buffer(8 * count + 64) >>> 2;
  let memory = memoryWords();
  memory[list] = 5;
  memory[list + 1] = count;
  for (let i = 0; i < count; i++) {
    const handle = shelves[i]!.handles[places[i]!]!;
    memory[list + 2 + 2 * i] = handle;
    memory[list + 3 + 2 * i] = handle >> 31;
  }
  if (door.evacuate() !== 0) {
    door.error();
    return;
  }
  const answer = door.buffer(0) >>> 2;
  memory = memoryWords();
  const records = memory[answer + 2 * count]! >>> 2, end = records + 2 * memory[answer + 2 * count + 2]!;
  let block = new Int32Array(0), from = 0;
  for (let i = 0; i < count; i++) {
    const at = memory[answer + 2 * i]!;
    // A part of a graph, or shared.
    if (at < 0) continue;
    // A record begins with its length in pairs of words.
    const start = records + 2 * at, length = 2 * memory[start]!, shelf = shelves[i]!, place = places[i]!;
    if (length > WORDS && start + length > from + block.length) {
      from = start;
      block = memory.slice(from, Math.min(end, from + Math.max(length, BLOCK)));
    }
    shelf.handles[place] = 0;
    (shelf.moved ??= [])[place] = length > WORDS ? block.subarray(start - from, start - from + length) : listed(memory, start, length);
    evacuations += 1;
  }
  door.evacuated();
}

/** So many words from this place on. */
function listed(memory: Int32Array, at: number, length: number): number[] {
  const list = new Array<number>(length);
  for (let i = 0; i < length; i++) list[i] = memory[at + i]!;
  return list;
}

/** Under pressure: the oldest go, until there is room again. */
function relieve(live: number): void {
  if (live > budget && !warned) {
    warned = true;
    console.warn(`cresset: ${live} bytes of tensors are alive in a loop that never yields; the oldest move to JavaScript memory. `
      + 'torch.tidy(fn), using or dispose() free them at once.');
  }
  const over: Page[] = [];
  const few = Math.max(oldest + 1, pages.length - MANY / PAGE / 2);
  while (oldest < pages.length && (liveBytes() > budget || (oldest < few && pages.length - oldest > MANY / PAGE / 2))) {
    const page = pages[oldest++]!;
    evacuate(page, ALL);
    over.push(page);
  }
  leave();
  over.forEach(letGo);
  compact();
  // All that is left is in use: the budget was too small for the program.
  if (liveBytes() > budget) budget = liveBytes() * 1.5;
  lastLive = liveBytes();
}

function compact(): void {
  if (oldest < 1024 && oldest < pages.length) return;
  pages = pages.slice(oldest);
  oldest = 0;
}

/**
 * A training step or a turn of the event loop has passed: tensors that were not used since the one
 * before are evacuated, for most of them are garbage that no finalizer has seen yet.
 */
export function beat(): void {
  beats += 1;
  if (!open.isEmpty) turn();
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
  lastLive = liveBytes();
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
    return { live_bytes: live_bytes!, peak_bytes: peak_bytes!, cached_bytes: cached_bytes!, tensors: tensors!, evacuations };
  },
  /** Above so many live bytes the oldest unscoped tensors are evacuated. */
  set_budget(bytes: number): void { budget = bytes; },
  /** Counts the peak anew, and gives the blocks kept for reuse back. */
  reset_peak(): void { door.reset_stats(); },
};
