/** Programs about the graph: names and parents of nodes, what they save, anomalies, checks of gradients. */
import type { Any } from '../../conformance/adapter.ts';
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf, madeBy } from '../leaf.ts';

export const programs: Record<string, Program> = {
  grad_fn_names(torch, v, out) {
    const F = torch.nn.functional, x = leaf(v.a), m = leaf(v.m);
    const tensors = [x.add(1n), x.sub(1n), x.mul(2n), x.div(2n), x.pow(2n), x.neg(), x.exp(), x.sum(), m.t(), m.matmul(m.t()), m.mean(0), x.index(0),
      x.index(':2'), x.reshape(3, 1), x.clone(), torch.cat([x, x]), torch.stack([x, x]), x.relu(), m.max(1).values, F.softmax(m, 1), F.log_softmax(m, 1),
      x.view(1, 3), x.expand(2, 3), x.abs(), x.clamp(0n, 1n), x.double(), m.transpose(0, 1), m.permute(1, 0), x.unsqueeze(0), m.norm(),
      torch.where(x.gt(0), x, x.neg()), x.cumsum(0), F.linear(x, m), F.mse_loss(x, v.b), m.var(), m.std(0), x.tanh(), x.sigmoid(), F.gelu(x), F.silu(x),
      x.index_select(0, v.index), x.gather(0, v.index), x.masked_fill(v.mask, 0n), m.flatten(), x.flip(0), x.sort().values, x.repeat(2), m.squeeze(),
      m.narrow(1, 0, 2), x.prod(), m.select(0, 1), m.unbind()[0], m.split(1)[0], x.sqrt(), x.log(), x.sin(), x.cos(), x.detach().requires_grad_().mul(1n)];
    out('names', tensors.map(madeBy));
  },
  next_functions(torch, v, out) {
    const x = leaf(v.a), y = leaf(v.b), z = x.mul(y.exp()).add(v.p);
    const parents = z.grad_fn.next_functions;
    out('parents', parents.map(([parent, index]: Any[]) => [parent && parent.name(), index]));
    out('name method', z.grad_fn.name());
    const multiply = parents[0][0];
    out('leaf variable', multiply.next_functions[0][0].variable === x);
    out('grandparents', multiply.next_functions.map(([p]: Any[]) => p.name()));
  },
  output_numbers(torch, v, out) {
    const x = leaf(v.m), { values, indices } = x.max({ dim: 1 }), parts = x.split(1, { dim: 0 });
    out('numbers', [values.output_nr, parts[0].output_nr, parts[1].output_nr]);
    out('index flags', [indices.requires_grad, indices.dtype]);
  },
  saved_tensor_hooks(torch, v, out) {
    const packed: number[] = [], x = leaf(v.a);
    const pack = (t: Any): Any => {
      packed.push(t.numel());
      return t.mul(2);
    };
    const y = torch.autograd.graph.saved_tensors_hooks(pack, (t: Any) => t, () => x.mul(x));
    y.sum().backward();
    out('packed', packed);
    out('grad', x.grad);
  },

  anomaly_reports_nan(torch, v, out) {
    const x = leaf(v.p.neg()), warn = console.warn;
    // Anomaly mode tells where the error comes from, which is not what is tested.
    console.warn = () => {};
    try {
      torch.autograd.detect_anomaly(() => {
        const y = x.sqrt().sum();
        out.error('error', () => y.backward());
      });
    } finally {
      console.warn = warn;
    }
    out('disabled after', torch.is_anomaly_enabled());
  },
  anomaly_without_nan_check(torch, v, out) {
    const x = leaf(v.p.neg());
    torch.autograd.set_detect_anomaly(true, { check_nan: false }, () => x.sqrt().sum().backward());
    out('all nan', x.grad.isnan().all().item());
  },

  gradcheck_passes(torch, v, out) {
    const x = leaf(v.d);
    out('first order', torch.autograd.gradcheck((t: Any) => t.sin().mul(t).sum(), [x]));
    out('second order', torch.autograd.gradgradcheck((t: Any) => t.pow(3).sum(), [x]));
  },
  gradcheck_of_wrong_gradient(torch, v, out) {
    class Wrong extends torch.autograd.Function {
      static forward(ctx: Any, x: Any): Any {
        ctx.save_for_backward(x);
        return x.mul(x);
      }
      static backward(ctx: Any, g: Any): Any {
        const [x] = ctx.saved_tensors;
        return g.mul(3).mul(x);
      }
    }
    out('result', torch.autograd.gradcheck((x: Any) => (Wrong as Any).apply(x), [leaf(v.d)], { raise_exception: false }));
  },
  gradcheck_several_inputs(torch, v, out) {
    out('result', torch.autograd.gradcheck((a: Any, b: Any) => [a.mul(b.log()), a.div(b)], [leaf(v.d), leaf(v.e)]));
  },
};
