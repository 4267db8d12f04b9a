/** JavaScript functions that the core calls in the middle of its work: hooks, backward functions, packers. */
import { door } from '#wasm';
import { begin, IN_BUFFER, NOTHING, readLists, writeTensors } from '../buffer.js';
import { inCallback } from '../errors.js';
import { turnSoon } from '../memory.js';
import type { Tensor } from '../tensor.js';

/** Takes lists of tensors; answers with one, with nothing, or with a number that the core understands. */
export type Callback = (...lists: (Tensor | null)[][]) => readonly (Tensor | null)[] | number | null | undefined | void;

/** The functions by key; weak where what leads to them holds them: see `cycles.ts`. */
const functions = new Map<number, Callback | WeakRef<Callback>>();
/** How many of them the table itself holds. */
let held = 0;
let last = 0;

/** The function of a key. */
function find(key: number): Callback | undefined {
  const found = functions.get(key);
  return typeof found === 'function' ? found : found?.deref();
}

function forget(key: number): void {
  if (typeof functions.get(key) === 'function') held -= 1;
  functions.delete(key);
}

door.set_callbacks((key: number, lists: number): number => {
  try {
    const answer = find(key)!(...readLists(lists));
    if (typeof answer === 'number') return answer;
    if (!answer) return NOTHING;
    begin();
    writeTensors(answer);
    return IN_BUFFER;
  } catch (error) {
    inCallback.push(error);
    throw error;
  }
}, forget, (message: string) => { console.warn(message); });

/** Gives a function to the core; its key is to be handed over at once, for the core forgets it with what it is for. */
export function lend(callback: Callback): number {
  functions.set(++last, callback);
  held += 1;
  turnSoon(SETTLE);
  return last;
}

/** So many turns of the event loop after they were used last, tensors have been looked at. */
const SETTLE = 8;

/** Functions that the core reaches by one tensor or node, and what that leads to; whether anything in use leads to it. */
export interface Bone { functions: (readonly [key: number, callback: Callback])[]; next: Bone[]; inUse: boolean }

/** Whether the table holds any function. */
export const areFunctionsHeld = (): boolean => held > 0;

/** A function with its key; nothing if it is gone. */
export function borrowed(key: number): (readonly [number, Callback])[] {
  const callback = find(key);
  return callback ? [[key, callback]] : [];
}

/** Leaves functions to the bones that have them, except where one of those is in use. */
export function weaken(bones: readonly Bone[]): void {
  const inUse = new Set(bones.flatMap((b) => (b.inUse ? b.functions.map(([key]) => key) : [])));
  for (const [key, callback] of bones.flatMap((b) => b.functions)) {
    if (inUse.has(key) || typeof functions.get(key) !== 'function') continue;
    functions.set(key, new WeakRef(callback));
    held -= 1;
  }
}

/** Holds the functions of bones again, and those that they lead to. */
export function hold(bones: readonly Bone[]): void {
  turnSoon(SETTLE);
  const all = new Set(bones);
  for (const { functions: mine, next } of all) {
    for (const [key, callback] of mine) {
      if (typeof functions.get(key) !== 'object') continue;
      functions.set(key, callback);
      held += 1;
    }
    for (const more of next) all.add(more);
  }
}
