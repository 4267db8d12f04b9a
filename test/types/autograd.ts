/** What `torch.autograd` promises to the compiler: callbacks, contexts, lists. */
import * as torch from 'cresset';
import type { FunctionCtx, Node, RemovableHandle, Tensor } from 'cresset';
import { is } from './is.ts';

const { autograd } = torch;
const x = torch.randn([3]).requires_grad_();
const y = x.exp();

is<Tensor[]>()(autograd.grad(y.sum(), x));
is<Tensor[]>()(autograd.grad([y.sum()], [x], { create_graph: true, grad_outputs: [null] }));
is<Record<'first' | 'second', Tensor>>()(autograd.grad(y.sum(), { first: x, second: y }));
is<Tensor[]>()(autograd.grad(y.sum(), [x, autograd.graph.get_gradient_edge(y)]));
// @ts-expect-error a number is no end of a pass
autograd.grad(y.sum(), 3);
is<Node | null>()(y.grad_fn);
is<[Node | null, number][]>()(y.grad_fn!.next_functions);
is<unknown>()(y.grad_fn!._saved_result);
is<RemovableHandle>()(y.register_hook((g) => g.mul(2)));
is<RemovableHandle>()(y.register_hook((g) => { is<Tensor>()(g); }));
is<RemovableHandle>()(x.register_post_accumulate_grad_hook((leaf) => { is<Tensor>()(leaf); }));
is<RemovableHandle>()(y.grad_fn!.register_hook((inputs, outputs) => {
  is<(Tensor | null)[]>()(inputs);
  is<(Tensor | null)[]>()(outputs);
}));
// @ts-expect-error a hook returns a gradient or nothing
y.register_hook(() => 1);

class Scale extends autograd.Function {
  static override forward(ctx: FunctionCtx, input: Tensor, factor: number): Tensor {
    ctx.save_for_backward(input);
    ctx['factor'] = factor;
    return input.mul(factor);
  }
  static override backward(ctx: FunctionCtx, g: Tensor): (Tensor | null)[] {
    is<Tensor[]>()(ctx.saved_tensors);
    is<boolean[]>()(ctx.needs_input_grad);
    return [g.mul(ctx['factor'] as number), null];
  }
}
is<Tensor>()(Scale.apply(x, 2));
// @ts-expect-error the factor is a number
Scale.apply(x, 'two');

class Power extends autograd.Function {
  static override forward(input: Tensor, n: number): Tensor { return input.pow(n); }
  static override setup_context = (ctx: FunctionCtx, [input, n]: [Tensor, number]): void => {
    ctx.save_for_backward(input);
    ctx['n'] = n;
  };
}
is<Tensor>()(Power.apply(x, 2));

is<boolean>()(autograd.gradcheck((t) => t.sin(), [x]));
is<Tensor>()(autograd.detect_anomaly(() => y.mul(2)));
is<Tensor>()(autograd.graph.saved_tensors_hooks((t) => t.tolist(), (list) => torch.tensor(list), () => x.mul(x)));
is<Tensor>()(torch.utils.checkpoint.checkpoint((a: Tensor, n: number) => a.mul(n), [x, 2]));
// @ts-expect-error the second argument is a number
torch.utils.checkpoint.checkpoint((a: Tensor, n: number) => a.mul(n), [x, 'two']);
