/** The line search of L-BFGS. */
import type { Tensor } from '../tensor.js';

/** A point of the line: how far along, the loss, the gradient, the slope of the loss along the line. */
export interface Point { t: number; loss: number; gradient: Tensor; slope: number }

/** Rounds to the precision of the parameters. */
export type Rounding = (x: number) => number;

/** The minimum of the cubic through two points with their slopes, within bounds. */
function interpolated(a: Point, b: Point, r: Rounding, [least, most]: readonly [number, number] = a.t <= b.t ? [a.t, b.t] : [b.t, a.t]): number {
  const d1 = r(r(a.slope + b.slope) - r(r(1 / r(a.t - b.t)) * (3 * (a.loss - b.loss))));
  const square = r(r(d1 * d1) - r(a.slope * b.slope));
  if (!(square >= 0)) return (least + most) / 2;
  const d2 = r(Math.sqrt(square)), [near, far] = a.t <= b.t ? [a, b] : [b, a];
  const share = r(r(r(far.slope + d2) - d1) / r(r(far.slope - near.slope) + 2 * d2));
  const t = r(far.t - r(r(far.t - near.t) * share));
  return Math.min(Math.max(t, least), most);
}

/**
 * A point that fulfils the strong Wolfe conditions, and how many points were evaluated.
 * @see J. Nocedal and S. Wright, "Numerical Optimization", 2006, algorithms 3.5 and 3.6
 * @param at evaluates a point
 * @param start the point 0
 * @param first the step to try first
 * @param length the greatest element of the direction
 */
export function strongWolfe(at: (t: number) => Point, start: Point, first: number, length: number, rounds: number,
  r: Rounding): [Point, number] {
  const c1 = 1e-4, c2 = 0.9, tolerance = 1e-9;
  const rises = (p: Point): boolean => r(p.loss) > r(start.loss + r(r(c1 * p.t) * start.slope));
  const flat = (p: Point): boolean => Math.abs(p.slope) <= r(-c2 * start.slope);
  let point = at(first), before = start, evaluations = 1, round = 0;
  let bracket: [Point, Point] | null = null;
  // Farther until two points have the minimum between them.
  for (; round < rounds; round++) {
    if (rises(point) || (round > 1 && point.loss >= before.loss)) bracket = [before, point];
    else if (flat(point)) return [point, evaluations];
    else if (point.slope >= 0) bracket = [before, point];
    if (bracket) break;
    const next = interpolated(before, point, r, [r(point.t + r(0.01 * r(point.t - before.t))), r(point.t * 10)]);
    before = point;
    point = at(next);
    evaluations += 1;
  }
  bracket ??= [start, point];
  // Nearer until the conditions hold.
  let low = bracket[0].loss <= bracket[1].loss ? 0 : 1, stuck = false;
  while (round < rounds && Math.abs(bracket[1].t - bracket[0].t) * length >= tolerance) {
    const left = Math.min(bracket[0].t, bracket[1].t), right = Math.max(bracket[0].t, bracket[1].t), margin = r(0.1 * r(right - left));
    let t = interpolated(bracket[0], bracket[1], r);
    // Twice near an end, or at it: a tenth away from it.
    if (Math.min(right - t, t - left) < margin) {
      if (stuck || t >= right || t <= left) {
        t = Math.abs(t - right) < Math.abs(t - left) ? r(right - margin) : r(left + margin);
        stuck = false;
      } else {
        stuck = true;
      }
    } else {
      stuck = false;
    }
    point = at(t);
    evaluations += 1;
    round += 1;
    const high = 1 - low;
    if (rises(point) || point.loss >= bracket[low]!.loss) {
      bracket[high] = point;
      low = bracket[0].loss <= bracket[1].loss ? 0 : 1;
      continue;
    }
    const done = flat(point);
    if (!done && point.slope * (bracket[high]!.t - bracket[low]!.t) >= 0) bracket[high] = bracket[low]!;
    bracket[low] = point;
    if (done) break;
  }
  return [bracket[low]!, evaluations];
}
