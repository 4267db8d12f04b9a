/** What the examples share for people to watch: a progress bar, and a curve as an SVG. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** A line that shows how far a loop is, what it says, its rate and the time left. */
export class Progress {
  #start = performance.now();
  #shown = 0;
  readonly label: string;
  readonly total: number;
  readonly unit: string;
  constructor(label: string, total: number, unit: string) {
    this.label = label;
    this.total = total;
    this.unit = unit;
  }
  /** Tells that `done` of the total is done. */
  at(done: number, note: string): void {
    const now = performance.now();
    const last = done >= this.total;
    if (!last && now - this.#shown < (process.stdout.isTTY ? 100 : 5000)) return;
    this.#shown = now;
    const seconds = (now - this.#start) / 1000, rate = done / seconds;
    const filled = Math.round(30 * done / this.total);
    const left = last ? `${seconds.toFixed(1)} s` : `${Math.ceil((this.total - done) / rate)} s left`;
    const text = `${this.label} [${'#'.repeat(filled)}${'.'.repeat(30 - filled)}] ${done}/${this.total}  ${note}  ${Math.round(rate)} ${this.unit}/s  ${left}`;
    process.stdout.write(process.stdout.isTTY ? `\r${text}\x1b[K${last ? '\n' : ''}` : `${text}\n`);
  }
  get seconds(): number { return (performance.now() - this.#start) / 1000; }
}

/** Writes a curve of `values` with its axes to an SVG file. */
export function writeCurve(path: string, title: string, values: readonly number[]): void {
  const [w, h, pad] = [720, 360, 48];
  const top = Math.max(...values), bottom = Math.min(0, ...values);
  const x = (i: number): number => pad + (w - 2 * pad) * i / Math.max(1, values.length - 1);
  const y = (v: number): number => h - pad - (h - 2 * pad) * (v - bottom) / (top - bottom || 1);
  const points = values.map((v, i) => `${x(i).toFixed(1)},${y(v).toFixed(1)}`).join(' ');
  const ticks = Array.from({ length: 5 }, (_, k) => bottom + (top - bottom) * k / 4)
    .map((v) => `<text x="${pad - 6}" y="${y(v) + 4}" text-anchor="end">${v.toFixed(2)}</text><line x1="${pad}" x2="${w - pad}" y1="${y(v)}" y2="${y(v)}" stroke="#ddd"/>`);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}" font-family="sans-serif" font-size="12">
<rect width="${w}" height="${h}" fill="white"/><text x="${w / 2}" y="24" text-anchor="middle" font-size="15">${title}</text>
${ticks.join('\n')}
<polyline points="${points}" fill="none" stroke="#c2410c" stroke-width="1.5"/>
<text x="${w / 2}" y="${h - 12}" text-anchor="middle">step (of ${values.length})</text></svg>
`);
}
