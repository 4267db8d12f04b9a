// Records as a Markdown table: the least time or size of each library, and how many times ours it is.

/** So many digits that count, and no exponent. */
export const digits = (x, n = 3) => String(Number(x.toPrecision(n)));
export const time = (us) => (us >= 1e3 ? `${digits(us / 1e3)} ms` : us >= 1 ? `${digits(us)} us` : `${digits(us * 1e3)} ns`);
const size = (bytes) => (bytes >= 1e6 ? `${digits(bytes / 1e6)} MB` : `${digits(bytes / 1e3)} kB`);
/** A figure in the unit of its case. */
const shown = (c, x) => (c.unit === 'bytes' ? size(x) : time(x));

/** What a run does in its time, in a unit of its case; of multiply-adds also the share of the limit. */
function rate(c, us, { gflops }) {
  const done = c.flops / us / 1e3;
  if (c.flops) return `, ${done.toFixed(1)} GFLOP/s${gflops ? `, ${Math.round((100 * done) / gflops)} %` : ''}`;
  if (c.elements) return `, ${digits((us * 1e3) / c.elements, 2)} ns each`;
  return '';
}

const figure = (r) => r.min_us ?? r.bytes;

/** Of each case and library the least figure of all rounds. */
function least(records, c, peer) {
  return Math.min(...records.filter((r) => r.case === c.name && r.peer === peer && figure(r) !== undefined).map(figure));
}

/** Whether two libraries computed the same, as far as both say what came out. */
function agree(records, c, peer) {
  const [a, b] = [peer, 'cresset'].map((p) => records.find((r) => r.case === c.name && r.peer === p)?.check ?? []);
  return a.every((x, i) => b[i] === undefined || Math.abs(x - b[i]) <= 1e-3 * Math.abs(b[i]));
}

export function report(records, cases, limit) {
  const [{ cpu, cores, node, date, commit, threads }] = records;
  const peers = [...new Set(records.map((r) => r.peer))];
  const versions = peers.map((peer) => {
    const { version, about } = records.find((r) => r.peer === peer);
    return `${peer} ${version ?? ''}${about ? ` (${about})` : ''}`.trim();
  });
  const cell = (c, peer) => {
    const mine = records.filter((r) => r.case === c.name && r.peer === peer);
    const times = mine.filter((r) => figure(r) !== undefined);
    if (times.length === 0) return mine.length > 0 ? `failed: ${mine[0].error}` : 'not there';
    const best = least(records, c, peer);
    const medians = times.map((r) => r.median_us ?? r.bytes).sort((a, b) => a - b);
    const ours = least(records, c, 'cresset');
    const ratio = peer === 'cresset' || !Number.isFinite(ours) ? '' : `, **${digits(best / ours, 2)}x**`;
    const { note } = times[0];
    const differs = agree(records, c, peer) ? '' : ', **other results**';
    return `${shown(c, best)} (median ${shown(c, medians[medians.length >> 1])}${peer === 'cresset' ? rate(c, best, limit) : ''})${ratio}${differs}${note ? `, ${note}` : ''}`;
  };
  const head = [
    `Measured on ${date.slice(0, 10)}, commit ${commit}: ${cpu}, ${cores} cores, ${threads} thread${threads > 1 ? 's' : ''} used, Node ${node}.`,
    `${versions.join(', ')}.`,
    `The limit, as measured beside: ${limit.gflops.toFixed(1)} GFLOP/s of 128-bit multiply-adds on one core, ${limit.gigabytes.toFixed(1)} GB/s read and written.`,
    '',
    'The least of all rounds, the median of their medians; in bold how many times ours it is.',
    ...(cases.some((c) => c.group === 'process') ? ['start_up: import and two small ops, over a bare process. memory: the most that is resident in a process of 20 steps. size: the files that a page or a process loads; of PyTorch code and libraries without those of CUDA.'] : []),
    '',
  ];
  const table = [['case', ...peers], ['---', ...peers.map(() => '---')], ...cases.map((c) => [c.name, ...peers.map((p) => cell(c, p))])];
  return [...head, ...table.map((row) => `| ${row.join(' | ')} |`), ''].join('\n');
}

const COLOURS = ['#b5482e', '#2e6fb5', '#3f8f4f', '#8a5fb0', '#b08a2e', '#4a4a4a'];

/** The ratios as an SVG: a row for each case, a mark for each library; right of the line it takes more than we do. */
export function picture(records, cases) {
  const peers = [...new Set(records.map((r) => r.peer))].filter((p) => p !== 'cresset');
  const row = 18, left = 190, width = 560, top = 40, [low, high] = [-1, 3];
  const x = (ratio) => left + (width * (Math.min(high, Math.max(low, Math.log10(ratio))) - low)) / (high - low);
  const marks = cases.flatMap((c, i) => {
    const y = top + i * row, ours = least(records, c, 'cresset');
    const label = `<text x="${left - 8}" y="${y + 4}" text-anchor="end">${c.name}</text><line x1="${left}" x2="${left + width}" y1="${y}" y2="${y}" stroke="#eee"/>`;
    return [label, ...peers.map((p, k) => {
      const ratio = least(records, c, p) / ours;
      if (!Number.isFinite(ratio)) return '';
      return `<circle cx="${x(ratio).toFixed(1)}" cy="${y}" r="4" fill="${COLOURS[k % COLOURS.length]}"><title>${p}: ${digits(ratio, 2)}x</title></circle>`;
    })];
  });
  const bottom = top + cases.length * row;
  const scale = [0.1, 1, 10, 100, 1000].map((r) => `<line x1="${x(r)}" x2="${x(r)}" y1="${top - 10}" y2="${bottom}" stroke="${r === 1 ? '#888' : '#ddd'}"/>`
    + `<text x="${x(r)}" y="${bottom + 14}" text-anchor="middle">${r}x</text>`);
  const legend = peers.map((p, k) => `<circle cx="${left + k * 110}" cy="16" r="4" fill="${COLOURS[k % COLOURS.length]}"/><text x="${left + k * 110 + 8}" y="20">${p}</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${left + width + 30}" height="${bottom + 24}" font-family="sans-serif" font-size="11">`
    + `<rect width="100%" height="100%" fill="#fff"/>${[...scale, ...marks, ...legend].join('')}</svg>\n`;
}
