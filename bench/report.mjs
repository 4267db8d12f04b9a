// Records as a Markdown table: the least time of each library, and how many times faster than it we are.

const time = (us) => (us >= 1e4 ? `${(us / 1e3).toFixed(1)} ms` : us >= 1 ? `${us.toPrecision(3)} us` : `${(us * 1e3).toFixed(0)} ns`);

/** What a run does in its time, in a unit of its case. */
function rate(c, us) {
  if (c.flops) return `, ${(c.flops / us / 1e3).toFixed(1)} GFLOP/s`;
  if (c.elements) return `, ${((us * 1e3) / c.elements).toPrecision(2)} ns each`;
  return '';
}

export function report(records, cases) {
  const [{ cpu, cores, node, date, commit, threads }] = records;
  const peers = [...new Set(records.map((r) => r.peer))];
  const versions = peers.map((peer) => {
    const { version, note } = records.find((r) => r.peer === peer);
    return `${peer} ${version ?? ''}${note ? ` (${note})` : ''}`.trim();
  });
  const cell = (c, peer) => {
    const mine = records.filter((r) => r.case === c.name && r.peer === peer);
    const times = mine.filter((r) => r.min_us !== undefined);
    if (times.length === 0) return mine.length > 0 ? `failed: ${mine[0].error}` : 'not there';
    const least = Math.min(...times.map((r) => r.min_us));
    const medians = times.map((r) => r.median_us).sort((a, b) => a - b);
    const ours = Math.min(...records.filter((r) => r.case === c.name && r.peer === 'cresset' && r.min_us !== undefined).map((r) => r.min_us));
    const ratio = peer === 'cresset' || !Number.isFinite(ours) ? '' : `, **${(least / ours).toPrecision(2)}x**`;
    return `${time(least)} (median ${time(medians[medians.length >> 1])}${peer === 'cresset' ? rate(c, least) : ''})${ratio}`;
  };
  const head = [
    `Measured on ${date.slice(0, 10)}, commit ${commit}: ${cpu}, ${cores} cores, ${threads} thread${threads > 1 ? 's' : ''} used, Node ${node}.`,
    `${versions.join(', ')}.`,
    '',
    'The least time of all rounds, the median of their medians; in bold how many times ours it is.',
    '',
  ];
  const table = [['case', ...peers], ['---', ...peers.map(() => '---')], ...cases.map((c) => [c.name, ...peers.map((p) => cell(c, p))])];
  return [...head, ...table.map((row) => `| ${row.join(' | ')} |`), ''].join('\n');
}
