/**
 * Who lets handles go: scopes, `dispose`, the garbage collector page by page, and evacuation.
 *
 * A tensor object points to a cell, and only the cell knows the handle. A cell made inside a scope
 * goes when the scope ends. Any other belongs to a page of up to 16, which the garbage collector
 * reports as one when the last of its tensors is gone. Since no finalizer runs inside synchronous
 * code, cells that lie unused are evacuated: their bytes move to a JavaScript array that only the
 * cell holds, so that the ordinary collector takes them, and come back when they are used again.
 */
import { door, wasm } from '#wasm';
import { check } from './buffer.js';
import type { Tensor } from './tensor.js';

/** Cells of one page; holds no tensor, so that the collector can tell when all are gone. */
interface Page { cells: Cell[] }

/** The page that new tensors go to. Each of them holds the token, and the collector watches it. */
class OpenPage {
  page: Page = { cells: [] };
  #token: object = {};
  add(tensor: Tensor, cell: Cell): void {
    if (this.page.cells.length === 0) registry.register(this.#token, this.page);
    cell.page = this.page;
    tensor._page = this.#token;
    this.page.cells.push(cell);
  }
  get isEmpty(): boolean { return this.page.cells.length === 0; }
  get isFull(): boolean { return this.page.cells.length >= PAGE; }
  /** Begins another page; returns the one before. */
  turn(): Page {
    const full = this.page;
    this.page = { cells: [] };
    this.#token = {};
    return full;
  }
}

/** The bytes of an evacuated tensor, as a part of what one evacuation moved. */
interface Evacuated { units: BigUint64Array; at: number; length: number }

/** What a tensor object holds of the core. Handle 0: disposed of, or evacuated. */
export class Cell {
  evacuated: Evacuated | null = null;
  scope: Scope | null = null;
  page: Page | null = null;
  /** The beat that is now. */
  static beats = 0;
  /** The beat of its last use. */
  used = Cell.beats;
  /** Came back from evacuation once: it is used now and then, and stays. */
  pinned = false;
  /** How often evacuation was tried in vain. */
  stays = 0;
  constructor(public handle: number) {}
}

type Scope = Cell[];

const PAGE = 16;
/** A tensor that added more bytes than this has a page of its own. */
const LARGE = 1 << 16;
/** More unscoped tensors than this are not kept in wasm memory between two beats. */
const MANY = 1 << 16;

const scopes: Scope[] = [];
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
let counter = new Int32Array(0);
const counterAt = door.live_address() >>> 2;

function liveBytes(): number {
  if (counter.length === 0) counter = new Int32Array(wasm.memory.buffer);
  return counter[counterAt]! >>> 0;
}

function retire(page: Page): void {
  for (const cell of page.cells) free(cell);
  page.cells.length = 0;
}

/** Lets a tensor go now. */
export function free(cell: Cell): void {
  if (cell.handle !== 0) door.release(cell.handle);
  cell.handle = 0;
  cell.evacuated = null;
  cell.page = null;
}

/** Brings an evacuated tensor back; false for one that has been disposed of. */
export function revive(cell: Cell): boolean {
  const from = cell.evacuated;
  if (!from) return false;
  const room = check(door.record_room(from.length)) >>> 0;
  new BigUint64Array(wasm.memory.buffer, room, from.length).set(from.units.subarray(from.at, from.at + from.length));
  cell.handle = check(door.revive());
  cell.evacuated = null;
  cell.pinned = true;
  cell.page?.cells.push(cell);
  return true;
}

/** Puts a cell on a page, which lives as long as one of its tensors. */
function settle(tensor: Tensor, cell: Cell, leaf: boolean): void {
  cell.scope = null;
  if (leaf) {
    if (leaves.isFull) leaves.turn();
    leaves.add(tensor, cell);
    return;
  }
  const live = liveBytes();
  const large = live - lastLive > LARGE;
  lastLive = live;
  if (open.isFull || (large && !open.isEmpty)) turn();
  open.add(tensor, cell);
  if (large) turn();
  if (live > budget || pages.length - oldest > MANY / PAGE) relieve(live);
}

/** Closes the open page. */
function turn(): void {
  pages.push(open.turn());
  scheduleBeat();
}

/** Notes a new tensor: in the innermost scope, or on a page. */
export function track(tensor: Tensor, cell: Cell): void {
  if (scopes.length > 0) {
    const scope = scopes[scopes.length - 1]!;
    cell.scope = scope;
    scope.push(cell);
  } else {
    settle(tensor, cell, false);
  }
}

/** Takes a tensor out of its scope: it lives until it is disposed of or collected. */
export function keep<T extends Tensor>(tensor: T): T {
  if (tensor._cell.scope) settle(tensor, tensor._cell, true);
  return tensor;
}

/** `keep` for every tensor in a value. */
export function keepAll<T>(value: T, isTensor: (v: unknown) => v is Tensor): T {
  cellsIn(value, isTensor, keep);
  return value;
}

/** Moves a new tensor to a page of leaves, which are never evacuated. */
export function keepLeaf(tensor: Tensor): void {
  const { page } = tensor._cell;
  if (page) page.cells = page.cells.filter((c) => c !== tensor._cell);
  settle(tensor, tensor._cell, true);
}

/** Writes handles for one evacuation, and hands the records to their cells. */
function evacuate(cells: readonly Cell[]): void {
  const count = cells.length;
  const base = door.buffer(8 * count + 64) >>> 0;
  const words = new Int32Array(wasm.memory.buffer, base, 2 + 2 * count);
  words[0] = 5;
  words[1] = count;
  for (let i = 0; i < count; i++) {
    words[2 + 2 * i] = cells[i]!.handle;
    words[3 + 2 * i] = cells[i]!.handle >> 31;
  }
  if (door.evacuate() !== 0) {
    door.error();
    return;
  }
  const out = new Int32Array(wasm.memory.buffer, door.buffer(0) >>> 0, 2 * count + 4);
  const units = new BigUint64Array(wasm.memory.buffer, out[2 * count]! >>> 0, out[2 * count + 2]!).slice();
  for (let i = 0; i < count; i++) {
    const cell = cells[i]!, at = out[2 * i]!;
    if (at < 0) {
      // A part of a graph, or shared: after a few tries it is the finalizer's alone.
      cell.used = Cell.beats + 4;
      cell.pinned = ++cell.stays >= 4;
      continue;
    }
    cell.handle = 0;
    cell.evacuated = { units, at, length: Number(units[at]!) };
    evacuations += 1;
  }
  door.evacuated();
}

/** Evacuates what of a page may go; the page forgets what went. */
function evacuatePage(page: Page, idle: number): void {
  const cells = page.cells.filter((c) => c.handle !== 0 && !c.pinned && Cell.beats - c.used >= idle);
  if (cells.length > 0) evacuate(cells);
  page.cells = page.cells.filter((c) => c.handle !== 0);
}

/** Under pressure: the oldest go, until there is room again. */
function relieve(live: number): void {
  if (live > budget && !warned) {
    warned = true;
    console.warn(`cresset: ${live} bytes of tensors are alive in a loop that never yields; the oldest move to JavaScript memory. `
      + 'torch.tidy(fn), using or dispose() free them at once.');
  }
  const few = Math.max(oldest + 1, pages.length - MANY / PAGE / 2);
  while (oldest < pages.length && (liveBytes() > budget || (oldest < few && pages.length - oldest > MANY / PAGE / 2))) {
    evacuatePage(pages[oldest++]!, 0);
  }
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
  Cell.beats += 1;
  if (!open.isEmpty) turn();
  const kept: Page[] = [];
  for (let i = oldest; i < pages.length; i++) {
    const page = pages[i]!;
    const young = page.cells.length > 0 && Cell.beats - page.cells[page.cells.length - 1]!.used < 2;
    if (!young) evacuatePage(page, 2);
    if (page.cells.some((c) => !c.pinned)) kept.push(page);
  }
  pages = kept;
  oldest = 0;
  lastLive = liveBytes();
}

let scheduled = false;
/** Beats once in a turn of the event loop in which pages filled up; keeps no process alive. */
function scheduleBeat(): void {
  if (scheduled) return;
  scheduled = true;
  const run = (): void => { scheduled = false; beat(); };
  const timer: unknown = setTimeout(run, 0);
  (timer as { unref?(): void }).unref?.();
}

function cellsIn(value: unknown, isTensor: (v: unknown) => v is Tensor, found: (t: Tensor) => void, depth = 0): void {
  if (isTensor(value)) found(value);
  else if (depth < 4 && value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)) {
    for (const v of value instanceof Map || value instanceof Set ? value.values() : Object.values(value)) {
      cellsIn(v, isTensor, found, depth + 1);
    }
  }
}

/** Runs `fn` and lets every tensor go that was made in it, except what it returns, what is kept,
 * and what `holder` holds as a property. */
export function scoped<T>(fn: () => T, isTensor: (v: unknown) => v is Tensor, holder?: object): T {
  const mine: Scope = [];
  scopes.push(mine);
  let result: T | undefined;
  let done = false;
  try {
    result = fn();
    done = true;
    return result;
  } finally {
    scopes.pop();
    if (mine.length > 0) {
      const escape = (t: Tensor): void => {
        const cell = t._cell;
        if (cell.scope !== mine) return;
        cell.scope = null;
        track(t, cell);
      };
      if (done) cellsIn(result, isTensor, escape);
      if (holder) for (const v of Object.values(holder)) if (isTensor(v) && v._cell.scope === mine) keep(v);
      for (const cell of mine) if (cell.scope === mine) free(cell);
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
