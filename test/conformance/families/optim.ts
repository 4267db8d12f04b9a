/** Family optim: ten steps of every optimizer, thirty of every learning rate schedule. */
import { type Any, fn, need, quietly, torch } from '../adapter.ts';
import { difference } from '../compare.ts';
import { construct, Decoder } from '../decode.ts';
import type { Checker, Unit } from '../unit.ts';

const STEPS = 10;
const SCHEDULE_STEPS = 30;

/** `sum(weight * (p - target)^2)`, and half of `sum(sin(3 p))` where it is not to be convex. */
function lossOf(name: string, params: Any[], targets: Any[], weights: Any[]): Any {
  return params.map((p, i) => {
    const bowl = weights[i].mul(p.sub(targets[i]).pow(2n));
    return (name === 'convex' ? bowl : bowl.add(torch.sin(p.mul(3n)).mul(0.5))).sum();
  }).reduce((a, b) => a.add(b));
}

/** What an optimizer keeps for a parameter. */
function stateOf(optimizer: Any, p: Any): Record<string, Any> {
  const state = optimizer.state.get(p) ?? {};
  return state instanceof Map ? Object.fromEntries(state) : state;
}

function runOptimizer(c: Any, bin: Uint8Array, check: Checker): void {
  const decoder = new Decoder(bin);
  const expected = Object.fromEntries(c.out.dict);
  let optimizer: Any, params: Any[] = [];
  check.part('', () => {
    need(`optim.${c.optimizer}`);
    const problem = Object.fromEntries(Object.entries<Any>(c.problem).map(([k, list]) => [k, list.map(decoder.value)]));
    params = problem.params.map((p: Any) => p.clone().requires_grad_());
    const groups = c.second_group ? [{ params: params.slice(0, 1) }, { params: params.slice(1), ...decoder.record(c.second_group) }] : params;
    optimizer = construct(`optim.${c.optimizer}`, [groups], decoder.record(c.kwargs));
    const closure = (): Any => {
      optimizer.zero_grad();
      const loss = lossOf(c.loss, params, problem.targets, problem.weights);
      loss.backward();
      return loss;
    };
    const losses: Any[] = [], trajectory: Any[][] = params.map(() => []);
    for (let i = 0; i < STEPS; i++) {
      if (c.optimizer === 'LBFGS') losses.push(optimizer.step(closure).detach());
      else {
        losses.push(closure().detach());
        optimizer.step();
      }
      params.forEach((p, k) => trajectory[k]!.push(p.detach().clone()));
    }
    return difference(torch.stack(losses), expected.losses, bin, { tol: check.tol(c) })
      ?? difference(trajectory.map((t) => torch.stack(t)), expected.trajectory, bin, { tol: check.tol(c) });
  });
  if (!optimizer) return;
  check.part('/state', () => {
    const wanted = expected.state.map((s: Any) => new Set(s.dict.map(([k]: [string]) => k)));
    // Only what was recorded is looked at: tensors, numbers and flags.
    const found = params.map((p, i) => Object.fromEntries(Object.entries(stateOf(optimizer, p)).filter(([k]) => wanted[i].has(k))));
    return difference(found, expected.state, bin, { tol: check.tol(c) });
  });
  check.part('/defaults', () => {
    const names: string[] = expected.defaults.dict.map(([k]: [string]) => k);
    const found = Object.fromEntries(names.filter((k) => k in optimizer.defaults).map((k) => [k, optimizer.defaults[k]]));
    return difference(found, expected.defaults, bin, { tol: check.tol(c) });
  });
}

/** Functions of an epoch or a cycle, by the expressions that name them. */
const FUNCTIONS: Record<string, (n: number) => number> = {
  '0.95 ** epoch': (epoch) => 0.95 ** epoch,
  '1 / (1 + epoch)': (epoch) => 1 / (1 + epoch),
  '0.9': () => 0.9,
  '1 - epoch / 40': (epoch) => 1 - epoch / 40,
  '1 / scale': (cycle) => 1 / 2 ** (cycle - 1),
};

function buildScheduler(name: string, given: Any, optimizer: Any): Any {
  const convert = (v: Any): Any => {
    if (Array.isArray(v)) return v.map(convert);
    if (v && typeof v === 'object' && 'function' in v) return (n: Any) => FUNCTIONS[v.function]!(Number(n));
    if (v && typeof v === 'object' && 'scheduler' in v) return buildScheduler(v.scheduler, v.args, optimizer);
    return v;
  };
  const kwargs = Object.fromEntries(Object.entries(given).map(([k, v]) => [k, convert(v)]));
  if (name === 'SWALR') return construct('optim.swa_utils.SWALR', [optimizer], kwargs);
  if (name === 'ChainedScheduler') return construct(`optim.lr_scheduler.${name}`, [kwargs['schedulers']], { optimizer });
  return construct(`optim.lr_scheduler.${name}`, [optimizer], kwargs);
}

function runSchedule(c: Any): string | null {
  const params = c.initial_lr.map(() => fn('zeros')([2], { requires_grad: true }));
  const groups = params.map((p: Any, i: number) => ({ params: [p], lr: c.initial_lr[i] }));
  const optimizer = construct(`optim.${c.optimizer}`, [groups], { lr: 0.1, ...(c.optimizer === 'SGD' ? { momentum: 0.9 } : {}) });
  need(c.scheduler === 'SWALR' ? 'optim.swa_utils.SWALR' : `optim.lr_scheduler.${c.scheduler}`);
  const scheduler = buildScheduler(c.scheduler, c.args, optimizer);
  const [rtol, atol] = c.tol;
  const compare = (step: number): string | null => {
    const rows: [string, Any[]][] = [['lr', optimizer.param_groups.map((g: Any) => g.lr)], ['momentum', optimizer.param_groups.map((g: Any) => g.momentum ?? g.betas[0])]];
    for (const [what, row] of rows) {
      const want: number[] = c.out[what][step];
      const i = want.findIndex((e, k) => !(Math.abs(Number(row[k]) - e) <= atol + rtol * Math.abs(e)));
      if (i >= 0) return `${c.scheduler}(${JSON.stringify(c.args)}): ${what} of group ${i} after step ${step}: got ${row[i]}, expected ${want[i]}`;
    }
    return null;
  };
  let why = compare(0);
  for (let i = 0; i < SCHEDULE_STEPS && !why; i++) {
    quietly(() => optimizer.step());
    if (c.scheduler === 'ReduceLROnPlateau') scheduler.step(c.metrics[i]);
    else scheduler.step();
    why = compare(i + 1);
  }
  return why;
}

export function units(document: Any, bin: Uint8Array): Unit[] {
  return document.cases.map((c: Any): Unit => {
    if (c.kind === 'lr_scheduler') return { entry: `lr_scheduler.${c.scheduler}`, id: c.id, parts: [''], run: (check) => { check.part('', () => runSchedule(c)); } };
    return { entry: c.optimizer, id: c.id, parts: ['', '/state', '/defaults'], run: (check) => { runOptimizer(c, bin, check); } };
  });
}
