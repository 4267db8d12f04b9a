/** Moves the bytes of tensors that lie unused to JavaScript arrays, and back. */
import { door, wasm } from '#wasm';
import { check } from './buffer.js';
import type { Shelf } from './memory.js';
import { handles, PAGE, pages, used } from './places.js';

/** The record of an evacuated tensor: a few words are a list, which is made and collected faster than a typed array. */
export type Evacuated = number[] | Int32Array;

/** So many tensors are evacuated by one call, unless they are large. */
const TOGETHER = 256;
/** Records of up to so many words are lists; longer ones share typed arrays of about as many words as this. */
const WORDS = 64, BLOCK = 1 << 14;
let moved = 0;
/** How many tensors were evacuated so far. */
export const evacuations = (): number => moved;

let words = new Int32Array(0);

/** The memory of the module, which it may have grown since. */
function memoryWords(): Int32Array {
  if (words.buffer !== wasm.memory.buffer) words = new Int32Array(wasm.memory.buffer);
  return words;
}

/** A word that the module keeps at a fixed place, even if the memory has grown since. */
export function word(at: number): number { return (words.length === 0 ? memoryWords() : words)[at]!; }

/** What the next call evacuates: places, each with the shelf of its page. */
const leaving: { shelves: Shelf[]; places: number[] } = { shelves: [], places: [] };

/** Evacuates what of a page may go and was used before this beat: now or with others. */
export function evacuate(page: number, shelf: Shelf | null | undefined, before: number): void {
  if (!shelf) return;
  const waiting = leaving.places.length;
  for (let i = 0, place = page * PAGE; i < PAGE; i++, place++) {
    if (handles[place] === 0 || used[place]! >= before || shelf.stays?.has(i)) continue;
    leaving.shelves.push(shelf);
    leaving.places.push(place);
  }
  if (leaving.places.length > waiting) pages.tries[page]! += 1;
  if (pages.isLarge[page] === 1 || leaving.places.length >= TOGETHER) leave();
}

/** Evacuates what waits for it. */
export function leave(): void {
  const { shelves, places } = leaving, count = places.length;
  if (count === 0) return;
  leaving.shelves = [];
  leaving.places = [];
  const list = door.buffer(8 * count + 64) >>> 2;
  let memory = memoryWords();
  memory[list] = 5;
  memory[list + 1] = count;
  for (let i = 0; i < count; i++) {
    const handle = handles[places[i]!]!;
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
    handles[place] = 0;
    (shelf.moved ??= [])[place & PAGE - 1] = length > WORDS ? block.subarray(start - from, start - from + length) : listed(memory, start, length);
    moved += 1;
  }
  door.evacuated();
}

/** So many words from this place on. */
function listed(memory: Int32Array, at: number, length: number): number[] {
  const list = new Array<number>(length);
  for (let i = 0; i < length; i++) list[i] = memory[at + i]!;
  return list;
}

/** Makes an evacuated tensor again; returns its handle. */
export function bringBack(from: Evacuated): number {
  const room = check(door.record_room(from.length / 2)) >>> 2;
  memoryWords().set(from, room);
  return check(door.revive());
}
