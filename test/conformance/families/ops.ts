/** Family ops: every public op, forward, backward, twice backward, in place, and its errors. */
import { type Any, bytesOf, dtypeName, fn, grad, gradFn, isTensor, method, shapeOf, torch } from '../adapter.ts';
import { applyPost, perform } from '../calls.ts';
import { difference, inside, type Numbers, numbers, type Rule, tensorsIn } from '../compare.ts';
import { Decoder, show, withKeywords } from '../decode.ts';
import { type Checker, mustRaise, type Unit } from '../unit.ts';

/** The call as one would write it, with shapes in place of tensors. */
const written = (c: Any, args: Any[], kwargs: Any): string => {
  const inside = withKeywords(args, kwargs);
  return c.kind === 'function' ? `torch.${c.path}(${inside.map(show).join(', ')})` : `${show(args[0])}.${c.path.replace('Tensor.', '')}(${inside.slice(1).map(show).join(', ')})`;
};

/** The generator's seed before every call. */
const SEED = 42;

/** Position of `dim` among the positional arguments where it is not the second. */
const DIM_AT: Record<string, number> = { topk: 2, kthvalue: 2 };
const LAST_DIM = new Set(['topk', 'kthvalue', 'mode', 'sort', 'argsort', 'msort', 'median', 'nanmedian']);

/** Whether differing indices select equal values, for inputs with ties. */
function sameChoice(c: Any, args: Any[], kwargs: Any): Rule['sameChoice'] {
  const input = args[0];
  const name = c.path.split('.').pop();
  return (actual, expected) => {
    const [sizes, values, picked] = [shapeOf(input), numbers(dtypeName(input), bytesOf(input)), numbers('int64', bytesOf(actual))];
    let dim = kwargs.dim ?? args[DIM_AT[name] ?? 1];
    if (typeof dim !== 'bigint') dim = name === 'msort' ? 0n : LAST_DIM.has(name) ? -1n : null;
    const flat = dim === null || sizes.length === 0;
    const d = flat ? 0 : (Number(dim) + sizes.length) % sizes.length;
    const size = flat ? values.length : sizes[d]!;
    const inner = flat ? 1 : sizes.slice(d + 1).reduce((a, b) => a * b, 1);
    const chosen = flat ? picked.length : picked.length / (values.length / size);
    const at = (list: Numbers, i: number): number | bigint | undefined => {
      const [outer, rest] = [Math.floor(i / (chosen * inner)), i % inner];
      const k = Number(list[i]);
      return k < 0 || k >= size ? undefined : flat ? values[k] : values[(outer * size + k) * inner + rest];
    };
    for (let i = 0; i < picked.length; i++) {
      if (at(picked, i) === undefined || !Object.is(Number(at(picked, i)) + 0, Number(at(expected, i)) + 0)) return false;
    }
    return true;
  };
}

function runCase(c: Any, bin: Uint8Array, inplaceMethod: string | undefined, check: Checker): void {
  const decoder = new Decoder(bin);
  let args: Any[] = [], kwargs: Any = {}, output: Any, done = false;
  const rule: Rule = { tol: check.tol(c), ignore: c.ignore, meta: c.compare === 'meta' && !c.random };
  check.part('', () => {
    args = c.args.map(decoder.value);
    kwargs = decoder.record(c.kwargs);
    check.subject = written(c, args, kwargs);
    torch.manual_seed(BigInt(c.seed ?? SEED));
    output = applyPost(c.post, perform(c, args, kwargs));
    done = true;
    if (c.ties) rule.sameChoice = sameChoice(c, args, kwargs);
    let why = difference(output, c.out, bin, rule);
    for (const [n, after] of c.mutates ?? []) why ??= inside(`input ${n} afterwards`, difference(decoder.tensors[n], after, bin, { tol: rule.tol }));
    return why;
  });
  if (!done) return;
  const inputs = decoder.tensors.filter((t) => t.requires_grad);
  if (c.grad || c.backward_error) gradients(c, bin, check, tensorsIn(output), inputs);
  if (c.inplace === true) {
    check.part('/inplace', () => {
      const name = (inplaceMethod ?? `${c.path}_`).replace('Tensor.', '');
      const self = args[0].clone();
      const rest = withKeywords(args.slice(1), kwargs);
      torch.manual_seed(BigInt(c.seed ?? SEED));
      check.subject = `${show(args[0])}.clone().${name}(${rest.map(show).join(', ')})`;
      const out = method(self, name, rest);
      return difference(out, c.out, bin, rule) ?? inside('the tensor itself', difference(self, c.out, bin, rule));
    });
  }
}

function gradients(c: Any, bin: Uint8Array, check: Checker, outputs: Any[], inputs: Any[]): void {
  const decoder = new Decoder(bin);
  const made = outputs.filter((t) => t.requires_grad);
  if (c.backward_error) {
    check.part('/backward_error', () => mustRaise(c.backward_error, () => grad(made, inputs, made.map((t) => fn('ones_like')(t)), false)));
    return;
  }
  const record = c.grad;
  if (record.grad_fn) {
    check.part('/grad_fn', () => {
      const names = outputs.map((t) => gradFn(t) ?? (t.requires_grad ? 'NoneType' : null));
      return names.join() === record.grad_fn.join() ? null : `grad_fn is ${names.map(String).join(', ')}, expected ${record.grad_fn.map(String).join(', ')}`;
    });
  }
  let grads: Any[] | null = null;
  check.part('/grad', () => {
    const pairs = outputs.map((t, i) => [t, record.cotangents[i]]).filter(([, g]) => g !== null && g !== undefined);
    const missing = pairs.find(([t]) => !t.requires_grad);
    if (missing || pairs.length === 0) return 'an output does not require grad';
    grads = grad(pairs.map(([t]) => t), inputs, pairs.map(([, g]) => decoder.value(g)), 'grad2' in c);
    return difference(grads, record.grads, bin, { tol: check.tol(record), ignore: record.ignore });
  });
  if (!c.grad2 || !grads) return;
  check.part('/grad2', () => {
    const pairs = grads!.map((t, i) => [t, c.grad2.cotangents[i]]).filter(([, g]) => g !== null && g !== undefined);
    const missing = pairs.find(([t]) => !isTensor(t) || !t.requires_grad);
    if (missing) return 'a gradient does not require grad';
    const second = grad(pairs.map(([t]) => t), inputs, pairs.map(([, g]) => decoder.value(g)), false);
    return difference(second, c.grad2.grads, bin, { tol: check.tol(c.grad2), ignore: c.grad2.ignore });
  });
}

export function units(document: Any, bin: Uint8Array): Unit[] {
  const entry: string = document.path;
  const cases = document.cases.map((c: Any): Unit => ({
    entry,
    id: c.id,
    parts: ['', ...(c.grad?.grad_fn ? ['/grad_fn'] : []), ...(c.grad ? ['/grad'] : []), ...(c.grad2 ? ['/grad2'] : []),
      ...(c.backward_error ? ['/backward_error'] : []), ...(c.inplace === true ? ['/inplace'] : [])],
    run: (check) => { runCase(c, bin, document.inplace_method, check); },
  }));
  const errors = (document.errors ?? []).map((c: Any): Unit => ({
    entry,
    id: c.id,
    parts: [''],
    run: (check) => {
      check.part('', () => {
        const decoder = new Decoder(bin);
        const args = c.args.map(decoder.value), kwargs = decoder.record(c.kwargs);
        torch.manual_seed(SEED);
        check.subject = written(c, args, kwargs);
        return mustRaise(c.error, () => perform(c, args, kwargs));
      });
    },
  }));
  return [...cases, ...errors];
}
