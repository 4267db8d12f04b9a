/**
 * Lets the garbage collector see through the core.
 *
 * The core calls functions of the facade: hooks, backwards of a `Function`, unpackers. It counts references,
 * and the collector cannot see what it holds, so the facade's table holds each function for it. But a hook may
 * hold the very tensor that it hooks, a context its own result: held by the table, such a cycle would live for
 * ever. Therefore tensors and nodes that lie unused at a turn of the event loop are parked: the core tells which
 * functions each leads to (`autograd/reach.rs`), they hold those themselves, and where nothing else leads to a
 * function, the table keeps a weak reference only. Then JavaScript has the edges that the core has, and the
 * collector takes a cycle of which the program holds nothing. A parked tensor that is used first puts its
 * functions back into the table, where whatever is made from it finds them. Without functions nothing of this runs.
 */
import { door } from '#wasm';
import { begin, readUnits, writeInts } from '../buffer.js';
import { atTurns, idlePages, now, park, turnSoon, type Parked } from '../memory.js';
import { areFunctionsHeld, borrowed, hold, weaken, type Bone } from './callbacks.js';
import { knownNodes, type Node } from './node.js';

/** The tensors of a shelf, parked. */
class ParkedShelf implements Parked {
  constructor(readonly handles: number[], public bones: readonly Bone[]) {}
  back(): void { hold(this.bones); }
}

/** The bones of handles and of nodes that lie unused: null where they lead to no function. */
function skeleton(handles: readonly number[], ids: readonly number[]): (Bone | null)[] {
  begin();
  writeInts(handles);
  writeInts(ids);
  const count = door.skeleton();
  if (count < 0) {
    // Memory is short. There is another turn.
    door.error();
    return [];
  }
  const units = readUnits(count);
  let at = 0;
  const take = (count: number): number[] => units.slice(at, at += count);
  const starts = take(handles.length + ids.length), bones: Bone[] = [], leads: number[][] = [];
  while (at < units.length) {
    const [inUse, keys, next] = take(3) as [number, number, number];
    bones.push({ functions: take(keys).flatMap(borrowed), next: [], inUse: inUse === 1 });
    leads.push(take(next));
  }
  leads.forEach((list, i) => { for (const to of list) bones[i]!.next.push(bones[to]!); });
  weaken(bones);
  return starts.map((i) => bones[i] ?? null);
}

/** Looks take at most this part of the time; so many milliseconds of it are saved up. */
const SHARE = 0.02, SAVED = 100;
let credit = SAVED, counted = 0;

/** Parks what lies unused and leads to functions that nothing in use leads to. */
function look(): void {
  const start = performance.now();
  credit = Math.min(SAVED, credit + (start - counted) * SHARE);
  counted = start;
  if (credit < 0) {
    turnSoon(1, -credit / SHARE);
    return;
  }
  const pages = [...idlePages()], live = pages.map(([, , handles]) => handles.filter((handle) => handle !== 0));
  const nodes: (Node | undefined)[] = [], ids: number[] = [];
  for (const [id, node] of knownNodes()) {
    if (node && now() - node.used < 2) continue;
    ids.push(id);
    nodes.push(node);
  }
  const bones = skeleton(live.flat(), ids);
  if (bones.length === 0) return;
  let at = 0;
  pages.forEach(([page, shelf, handles], i) => {
    const mine = [...new Set(bones.slice(at, at += live[i]!.length).filter((bone) => bone !== null))];
    if (shelf.parked) (shelf.parked as ParkedShelf).bones = mine;
    else if (mine.some((bone) => !bone.inUse)) park(page, shelf, new ParkedShelf(handles, mine));
  });
  nodes.forEach((node, i) => { node?._park(bones[at + i]!); });
  credit -= performance.now() - start;
}

atTurns(() => { if (areFunctionsHeld()) look(); });
