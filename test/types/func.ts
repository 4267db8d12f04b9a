/** What `torch.func` promises to the compiler: the same arguments in, trees of the same form out. */
import * as torch from 'cresset';
import type { Tensor } from 'cresset';
import { is } from './is.ts';

const { func } = torch;
const x = torch.randn([3]), p = { w: x, b: x };
const loss = (q: { w: Tensor; b: Tensor }, t: Tensor): Tensor => q.w.mul(t).add(q.b).sum();

is<{ w: Tensor; b: Tensor }>()(func.grad(loss)(p, x));
is<Tensor>()(func.grad(loss, 1)(p, x));
is<[{ w: Tensor; b: Tensor }, Tensor]>()(func.grad(loss, { argnums: [0, 1] })(p, x));
is<[Tensor, string]>()(func.grad((t: Tensor): [Tensor, string] => [t.sum(), 'aux'], { has_aux: true })(x));
is<[Tensor, Tensor]>()(func.grad_and_value((t: Tensor) => t.sum())(x));
is<Tensor>()(torch.vmap(torch.dot)(x, x));
is<Tensor>()(torch.vmap((a: Tensor, b: Tensor) => a.mul(b), [0, null])(x, x));
is<[Tensor, Tensor]>()(func.jvp((t: Tensor) => t.sin(), [x], [x]));
is<Tensor>()(func.jacrev((t: Tensor) => t.sin())(x));
is<{ a: Tensor }>()(func.jacfwd((t: Tensor) => ({ a: t.sin() }))(x));

const [value, pull] = func.vjp((a: Tensor, b: Tensor) => a.mul(b), x, x);
is<Tensor>()(value);
is<[Tensor, Tensor]>()(pull(x));
const [, push] = func.linearize((t: Tensor) => t.exp(), x);
is<Tensor>()(push(x));
const [parameters, buffers] = func.stack_module_state([new torch.nn.Linear(2, 2)]);
is<Record<string, Tensor>>()(parameters);
is<Record<string, Tensor>>()(buffers);
is<Tensor>()(func.functional_call(new torch.nn.Linear(2, 2), parameters, [x]));

const dual = torch.autograd.forward_ad.dual_level(() => torch.autograd.forward_ad.unpack_dual(x));
is<Tensor>()(dual.primal);
is<Tensor | null>()(dual[1]);

// @ts-expect-error a gradient is of tensors
func.grad((n: number) => x.mul(n).sum())('three');
// @ts-expect-error there are three kinds of randomness
torch.vmap(torch.dot, { randomness: 'some' });
