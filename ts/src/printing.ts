/** How tensors are printed: `torch.set_printoptions`. */
import { door } from '#wasm';

/** What `set_printoptions` takes; a `profile` sets all of it. */
export interface PrintOptions {
  precision?: number | null; threshold?: number | null; edgeitems?: number | null; linewidth?: number | null;
  profile?: 'default' | 'short' | 'full' | null; sci_mode?: boolean | null;
}

const PROFILES = {
  default: { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80 },
  short: { precision: 2, threshold: 1000, edgeitems: 2, linewidth: 80 },
  full: { precision: 4, threshold: Infinity, edgeitems: 3, linewidth: 80 },
};
const current = { ...PROFILES.default, sci_mode: null as boolean | null };

/** Sets digits, when and how much to summarise, and the width of a line. */
export function set_printoptions(options: PrintOptions): void {
  if (options.profile) Object.assign(current, PROFILES[options.profile]);
  for (const key of ['precision', 'threshold', 'edgeitems', 'linewidth'] as const) {
    const value = options[key];
    if (value !== undefined && value !== null) current[key] = Number(value);
  }
  // As in PyTorch, the mode is always set: left out, it is chosen for each tensor.
  current.sci_mode = options.sci_mode ?? null;
  const sci = current.sci_mode === null ? 0 : current.sci_mode ? 2 : 1;
  door.print_options(current.precision, Math.min(current.threshold, 0x7fffffff), current.edgeitems, current.linewidth, sci);
}
