"""Programs about modules, their state and training steps."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .registry import leaf, program


@program("modules")
def frozen_parameters(v, out):
    layer = nn.Linear(3, 2)
    layer.weight.data.copy_(v.m)
    layer.bias.requires_grad_(False)
    layer(v.a).sum().backward()
    out("weight.grad", layer.weight.grad)
    out("bias.grad is None", layer.bias.grad is None)
    layer.requires_grad_(False)
    out("output", layer(v.a).requires_grad)


@program("modules")
def training_loop(v, out):
    model = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    with torch.no_grad():
        for n, p in enumerate(model.parameters()):
            p.copy_(torch.linspace(-1, 1, p.numel()).reshape(p.shape) * (n + 1) / 4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = F.mse_loss(model(v.batch).squeeze(1), v.batch.sum(1))
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    out("losses", torch.stack(losses))
    out("weights", [p.detach() for p in model.parameters()])


@program("modules")
def shared_module_accumulates(v, out):
    layer = nn.Linear(3, 3, bias=False)
    layer.weight.data.copy_(v.q)
    layer(torch.tanh(layer(v.a))).sum().backward()
    out("grad", layer.weight.grad)


@program("modules")
def gradient_clipping(v, out):
    x, y = leaf(v.a), leaf(v.m)
    ((x ** 2).sum() + (y ** 3).sum()).backward()
    total = nn.utils.clip_grad_norm_([x, y], max_norm=1.0)
    out("total", total)
    out("x.grad", x.grad)
    nn.utils.clip_grad_value_([x, y], 0.1)
    out("y.grad", y.grad)


@program("modules")
def batch_norm_statistics(v, out):
    layer = nn.BatchNorm1d(3)
    x = leaf(v.batch)
    y = layer(x)
    (y * v.batch).sum().backward()
    out("grad", x.grad)
    out("running", [layer.running_mean, layer.running_var, layer.num_batches_tracked])
    layer.eval()
    out("eval", layer(v.batch))


@program("modules")
def state_dict_detached(v, out):
    layer = nn.Linear(3, 2)
    state = layer.state_dict()
    out("keys", list(state))
    out("requires_grad", state["weight"].requires_grad)
    state["weight"].zero_()
    out("shares memory", bool((layer.weight == 0).all()))
    out.error("missing key", lambda: layer.load_state_dict({"weight": v.m}))
    out.error("bad shape", lambda: layer.load_state_dict({"weight": v.q, "bias": v.n[:, 0]}))
    out.error("unexpected key", lambda: layer.load_state_dict({"weight": v.m, "bias": v.n[:, 0], "extra": v.a}))


@program("modules")
def parameter_registration(v, out):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(v.a)
            self.register_buffer("offset", v.b)
            self.register_parameter("missing", None)
            self.layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 2)])
    net = Net()
    out("parameters", [n for n, _ in net.named_parameters()])
    out("buffers", [n for n, _ in net.named_buffers()])
    out("modules", [n for n, _ in net.named_modules()])
    out("state", list(net.state_dict()))

    def assign():
        net.scale = v.b
    out.error("assign tensor", assign)
