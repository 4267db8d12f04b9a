/** Programs about `torch.autograd.Function`. */
import { torch, type Any } from '../../conformance/adapter.ts';
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf, madeBy } from '../leaf.ts';

const { Function } = torch.autograd;
const two = (x: Any): Any => x.mul(2);

export const programs: Record<string, Program> = {
  function_with_saved_tensors(_, v, out) {
    class Cube extends Function {
      static forward(ctx: Any, x: Any): Any {
        ctx.save_for_backward(x);
        return x.pow(3);
      }
      static backward(ctx: Any, g: Any): Any {
        const [x] = ctx.saved_tensors;
        return g.mul(3).mul(x.pow(2));
      }
    }
    const x = leaf(v.a), y = (Cube as Any).apply(x);
    out('name', madeBy(y));
    out('needs', y.requires_grad);
    y.mul(v.b).sum().backward();
    out('grad', x.grad);
  },
  function_with_wrong_backward(_, v, out) {
    class Straight extends Function {
      static forward(ctx: Any, x: Any): Any { return x.round(); }
      static backward(ctx: Any, g: Any): Any { return g; }
    }
    const x = leaf(v.a);
    (Straight as Any).apply(x).mul(v.b).sum().backward();
    out('grad', x.grad);
  },
  function_with_non_tensor_arguments(_, v, out) {
    class Scale extends Function {
      static forward(ctx: Any, x: Any, factor: number, label: string): Any {
        ctx.factor = factor;
        return x.mul(factor);
      }
      static backward(ctx: Any, g: Any): Any { return [g.mul(ctx.factor), null, null]; }
    }
    const x = leaf(v.a);
    (Scale as Any).apply(x, v.k, 'unused').sum().backward();
    out('grad', x.grad);
  },
  needs_input_grad(_, v, out) {
    const seen: boolean[][] = [];
    class Product extends Function {
      static forward(ctx: Any, x: Any, y: Any): Any {
        ctx.save_for_backward(x, y);
        return x.mul(y);
      }
      static backward(ctx: Any, g: Any): Any {
        const [x, y] = ctx.saved_tensors, [first, second] = ctx.needs_input_grad;
        seen.push([first, second]);
        return [first ? g.mul(y) : null, second ? g.mul(x) : null];
      }
    }
    const x = leaf(v.a);
    (Product as Any).apply(x, v.b).sum().backward();
    (Product as Any).apply(x, leaf(v.b)).sum().backward();
    out('seen', seen);
    out('grad', x.grad);
  },
  several_outputs_materialized(_, v, out) {
    const seen: boolean[][] = [];
    class Split extends Function {
      static forward(ctx: Any, x: Any): Any { return [x.mul(2), x.mul(3)]; }
      static backward(ctx: Any, g2: Any, g3: Any): Any {
        seen.push([g2 === null, g3 === null]);
        return g2.mul(2).add(g3.mul(3));
      }
    }
    const x = leaf(v.a);
    (Split as Any).apply(x)[0].sum().backward();
    out('seen', seen);
    out('grad', x.grad);
  },
  set_materialize_grads_off(_, v, out) {
    const seen: boolean[][] = [];
    class Split extends Function {
      static forward(ctx: Any, x: Any): Any {
        ctx.set_materialize_grads(false);
        return [x.mul(2), x.mul(3)];
      }
      static backward(ctx: Any, g2: Any, g3: Any): Any {
        seen.push([g2 === null, g3 === null]);
        return g3.mul(3);
      }
    }
    const x = leaf(v.a);
    (Split as Any).apply(x)[1].sum().backward();
    out('seen', seen);
    out('grad', x.grad);
  },
  mark_non_differentiable(_, v, out) {
    class TopValue extends Function {
      static forward(ctx: Any, x: Any): Any {
        const [value, index] = x.max(0);
        ctx.mark_non_differentiable(index);
        ctx.index = Number(index.item());
        ctx.size = x.numel();
        return [value, index];
      }
      static backward(ctx: Any, g: Any): Any { return torch.zeros(ctx.size).index_put_([ctx.index], g); }
    }
    const x = leaf(v.a), [value, index] = (TopValue as Any).apply(x);
    out('flags', [value.requires_grad, index.requires_grad]);
    value.backward();
    out('grad', x.grad);
  },
  mark_dirty(_, v, out) {
    class AddOne extends Function {
      static forward(ctx: Any, x: Any): Any {
        x.add_(1);
        ctx.mark_dirty(x);
        return x;
      }
      static backward(ctx: Any, g: Any): Any { return g.mul(5); }
    }
    const x = leaf(v.a), y = x.mul(1), z = (AddOne as Any).apply(y);
    out('same object', z === y);
    z.sum().backward();
    out('grad', x.grad);
  },
  once_differentiable_blocks_double(_, v, out) {
    class Square extends Function {
      static forward(ctx: Any, x: Any): Any {
        ctx.save_for_backward(x);
        return x.mul(x);
      }
      static backward = torch.autograd.function.once_differentiable((ctx: Any, g: Any) => {
        const [x] = ctx.saved_tensors;
        return x.mul(2).mul(g);
      });
    }
    const x = leaf(v.a), [g] = torch.autograd.grad((Square as Any).apply(x).sum(), x, { create_graph: true });
    out('g', g);
    out.error('double', () => g.sum().backward());
  },
  double_backward_through_function(_, v, out) {
    class Square extends Function {
      static forward(ctx: Any, x: Any): Any {
        ctx.save_for_backward(x);
        return x.mul(x);
      }
      static backward(ctx: Any, g: Any): Any {
        const [x] = ctx.saved_tensors;
        return x.mul(2).mul(g);
      }
    }
    const x = leaf(v.a), [g] = torch.autograd.grad((Square as Any).apply(x).mul(v.b).sum(), x, { create_graph: true });
    const [h] = torch.autograd.grad(g.sum(), x);
    out('g', g);
    out('h', h);
  },
  backward_returns_wrong_count(_, v, out) {
    class Bad extends Function {
      static forward(ctx: Any, x: Any, y: Any): Any { return x.add(y); }
      static backward(ctx: Any, g: Any): Any { return g; }
    }
    const x = leaf(v.a);
    out.error('error', () => (Bad as Any).apply(x, v.b).sum().backward());
  },
  backward_returns_wrong_shape(_, v, out) {
    class Bad extends Function {
      static forward(ctx: Any, x: Any): Any { return two(x); }
      static backward(ctx: Any, g: Any): Any { return g.index(':2'); }
    }
    out.error('error', () => (Bad as Any).apply(leaf(v.a)).sum().backward());
  },
  grad_for_constant_argument(_, v, out) {
    class Bad extends Function {
      static forward(ctx: Any, x: Any, factor: number): Any { return x.mul(factor); }
      static backward(ctx: Any, g: Any): Any { return [g, g]; }
    }
    out.error('error', () => (Bad as Any).apply(leaf(v.a), 2.0).sum().backward());
  },
  setup_context_style(_, v, out) {
    class Power extends Function {
      static forward(x: Any, n: number): Any { return x.pow(n); }
      static setup_context(ctx: Any, [x, n]: Any): void {
        ctx.save_for_backward(x);
        ctx.n = n;
      }
      static backward(ctx: Any, g: Any): Any {
        const [x] = ctx.saved_tensors;
        return [g.mul(ctx.n).mul(x.pow(ctx.n - 1)), null];
      }
    }
    const x = leaf(v.a);
    (Power as Any).apply(x, 3).sum().backward();
    out('grad', x.grad);
  },
  forward_runs_without_grad(_, v, out) {
    const seen: boolean[] = [];
    class Probe extends Function {
      static forward(ctx: Any, x: Any): Any {
        seen.push(torch.is_grad_enabled());
        return two(x);
      }
      static backward(ctx: Any, g: Any): Any {
        seen.push(torch.is_grad_enabled());
        return two(g);
      }
    }
    const x = leaf(v.a);
    (Probe as Any).apply(x).sum().backward();
    torch.autograd.grad((Probe as Any).apply(x).sum(), x, { create_graph: true });
    out('seen', seen);
  },
};
