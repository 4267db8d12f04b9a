/** Programs about modules: parameters, their gradients and their state. */
import type { Any } from '../../conformance/adapter.ts';
import type { Program } from '../../conformance/families/autograd.ts';
import { leaf } from '../leaf.ts';

export const programs: Record<string, Program> = {
  frozen_parameters(torch, v, out) {
    const layer = new torch.nn.Linear(3, 2);
    layer.weight.data.copy_(v.m);
    layer.bias.requires_grad_(false);
    layer(v.a).sum().backward();
    out('weight.grad', layer.weight.grad);
    out('bias.grad is None', layer.bias.grad === null);
    layer.requires_grad_(false);
    out('output', layer(v.a).requires_grad);
  },
  training_loop(torch, v, out) {
    const { nn } = torch, model = new nn.Sequential(new nn.Linear(3, 4), new nn.ReLU(), new nn.Linear(4, 1));
    torch.no_grad(() => {
      [...model.parameters()].forEach((p, n) => {
        p.copy_(torch.linspace(-1, 1, p.numel()).reshape(p.shape).mul(n + 1).div(4));
      });
    });
    const optimizer = new torch.optim.SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }), losses: Any[] = [];
    for (let i = 0; i < 5; i++) {
      optimizer.zero_grad();
      const loss = nn.functional.mse_loss(model(v.batch).squeeze(1), v.batch.sum(1));
      loss.backward();
      optimizer.step();
      losses.push(loss.detach());
    }
    out('losses', torch.stack(losses));
    out('weights', [...model.parameters()].map((p) => p.detach()));
  },
  shared_module_accumulates(torch, v, out) {
    const layer = new torch.nn.Linear(3, 3, { bias: false });
    layer.weight.data.copy_(v.q);
    layer(torch.tanh(layer(v.a))).sum().backward();
    out('grad', layer.weight.grad);
  },
  gradient_clipping(torch, v, out) {
    const x = leaf(v.a), y = leaf(v.m), { clip_grad_norm_, clip_grad_value_ } = torch.nn.utils;
    x.pow(2).sum().add(y.pow(3).sum()).backward();
    out('total', clip_grad_norm_([x, y], { max_norm: 1.0 }));
    out('x.grad', x.grad);
    clip_grad_value_([x, y], 0.1);
    out('y.grad', y.grad);
  },
  batch_norm_statistics(torch, v, out) {
    const layer = new torch.nn.BatchNorm1d(3), x = leaf(v.batch), y = layer(x);
    y.mul(v.batch).sum().backward();
    out('grad', x.grad);
    out('running', [layer.running_mean, layer.running_var, layer.num_batches_tracked]);
    layer.eval();
    out('eval', layer(v.batch));
  },
  state_dict_detached(torch, v, out) {
    const layer = new torch.nn.Linear(3, 2), state = layer.state_dict(), column = v.n.index(':', 0);
    out('keys', Object.keys(state));
    out('requires_grad', state['weight'].requires_grad);
    state['weight'].zero_();
    out('shares memory', layer.weight.eq(0).all().item());
    out.error('missing key', () => layer.load_state_dict({ weight: v.m }));
    out.error('bad shape', () => layer.load_state_dict({ weight: v.q, bias: column }));
    out.error('unexpected key', () => layer.load_state_dict({ weight: v.m, bias: column, extra: v.a }));
  },
  parameter_registration(torch, v, out) {
    const { nn } = torch;
    class Net extends nn.Module {
      scale: Any;
      layers: Any;
      constructor() {
        super();
        this.scale = new nn.Parameter(v.a);
        this.register_buffer('offset', v.b);
        this.register_parameter('missing', null);
        this.layers = new nn.ModuleList([new nn.Linear(3, 3), new nn.Linear(3, 2)]);
      }
    }
    const net = new Net() as Any, names = (entries: Iterable<[string, unknown]>): string[] => [...entries].map(([name]) => name);
    out('parameters', names(net.named_parameters()));
    out('buffers', names(net.named_buffers()));
    out('modules', names(net.named_modules()));
    out('state', Object.keys(net.state_dict()));
    out.error('assign tensor', () => { net.scale = v.b; });
  },
};
