/** JavaScript functions that the core calls in the middle of its work: hooks, backward functions, packers. */
import { door } from '#wasm';
import { begin, IN_BUFFER, NOTHING, readLists, writeTensors } from '../buffer.js';
import { inCallback } from '../errors.js';
import type { Tensor } from '../tensor.js';

/** Takes lists of tensors; answers with one, with nothing, or with a number that the core understands. */
export type Callback = (...lists: (Tensor | null)[][]) => readonly (Tensor | null)[] | number | null | undefined | void;

const functions = new Map<number, Callback>();
let last = 0;

door.set_callbacks((key: number, lists: number): number => {
  try {
    const answer = functions.get(key)!(...readLists(lists));
    if (typeof answer === 'number') return answer;
    if (!answer) return NOTHING;
    begin();
    writeTensors(answer);
    return IN_BUFFER;
  } catch (error) {
    inCallback.push(error);
    throw error;
  }
}, (key: number) => { functions.delete(key); }, (message: string) => { console.warn(message); });

/** Gives a function to the core; its key is to be handed over at once, for the core forgets it with what it is for. */
export function lend(callback: Callback): number {
  functions.set(++last, callback);
  return last;
}
