/** Family modules: construction, printing, forward, state and gradients of `torch.nn`. */
import { type Any, grad, need, quietly, torch } from '../adapter.ts';
import { difference, tensorsIn } from '../compare.ts';
import { construct, Decoder, show, withKeywords } from '../decode.ts';
import { type Checker, mustRaise, type Unit } from '../unit.ts';

const entries = (v: Any): [string, Any][] => (v instanceof Map ? [...v] : Symbol.iterator in v ? [...v] : Object.entries(v));

function build(c: Any, bin: Uint8Array): Any {
  const decoder = new Decoder(bin);
  need(c.path);
  torch.manual_seed(42n);
  return construct(c.path, c.init.args.map(decoder.value), decoder.record(c.init.kwargs));
}

function runCase(c: Any, bin: Uint8Array, check: Checker): void {
  const decoder = new Decoder(bin);
  let module: Any, output: Any, done = false;
  check.part('/repr', () => {
    module = build(c, bin);
    const text = String(module);
    return text === c.repr ? null : `got\n${text}\nexpected\n${c.repr}`;
  });
  if (!module) return;
  check.part('', () => {
    const args = c.args.map(decoder.value), kwargs = decoder.record(c.kwargs);
    check.subject = `${c.path}(${withKeywords(c.init.args.map((a: Any) => new Decoder(bin).value(a)), new Decoder(bin).record(c.init.kwargs)).map(show).join(', ')})`
      + `(${withKeywords(args, kwargs).map(show).join(', ')})`;
    if (c.lazy) quietly(() => module(...withKeywords(args, kwargs)));
    module.load_state_dict(Object.fromEntries(Object.entries(c.state).map(([k, t]) => [k, new Decoder(bin).value(t)])));
    module.train(c.training);
    torch.manual_seed(BigInt(c.seed ?? 42));
    output = module(...withKeywords(args, kwargs));
    done = true;
    let why = difference(output, c.out, bin, { tol: check.tol(c), ignore: c.ignore, meta: c.compare === 'meta' && !c.random });
    const after = Object.fromEntries(entries(module.state_dict()));
    for (const [name, t] of Object.entries(c.state_after ?? {})) why ??= difference(after[name], t, bin, { tol: check.tol(c) });
    return why;
  });
  if (!c.grad || !done) return;
  check.part('/grad', () => {
    const outputs = tensorsIn(output);
    const pairs = outputs.map((t, i) => [t, c.grad.cotangents[i]]).filter(([, g]) => g !== null && g !== undefined);
    if (pairs.length === 0 || pairs.some(([t]) => !t.requires_grad)) return 'an output does not require grad';
    const named = Object.fromEntries(entries(module.named_parameters()));
    if (Object.keys(named).join() !== c.parameters.join()) return `has the parameters ${Object.keys(named)}, expected ${c.parameters}`;
    const inputs = [...decoder.tensors.filter((t) => t.requires_grad), ...c.parameters.map((n: string) => named[n])];
    const grads = grad(pairs.map(([t]) => t), inputs, pairs.map(([, g]) => new Decoder(bin).value(g)), false);
    const expected = [...c.grad.grads, ...c.parameters.map((n: string) => c.grad.parameter_grads[n])];
    return difference(grads, expected, bin, { tol: check.tol(c.grad), ignore: c.grad.ignore });
  });
}

export function units(document: Any, bin: Uint8Array): Unit[] {
  const entry: string = document.module;
  return [
    ...document.cases.map((c: Any): Unit => ({
      entry, id: c.id, parts: ['/repr', '', ...(c.grad ? ['/grad'] : [])], run: (check) => { runCase(c, bin, check); },
    })),
    ...(document.errors ?? []).map((c: Any): Unit => ({
      entry,
      id: c.id,
      parts: [''],
      run: (check) => {
        check.part('', () => {
          if (c.stage === 'construction') return mustRaise(c.error, () => build(c, bin));
          const module = build(c, bin);
          const decoder = new Decoder(bin);
          const args = withKeywords(c.args.map(decoder.value), decoder.record(c.kwargs));
          return mustRaise(c.error, () => module(...args));
        });
      },
    })),
  ];
}
