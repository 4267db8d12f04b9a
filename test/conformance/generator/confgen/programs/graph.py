"""Programs about anomaly mode and about the graph itself."""

import warnings

import torch
import torch.nn.functional as F

from .registry import leaf, program


@program("anomaly")
def anomaly_reports_nan(v, out):
    x = leaf(-v.p)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.detect_anomaly():
            y = x.sqrt().sum()
            out.error("error", lambda: y.backward())
    out("disabled after", torch.is_anomaly_enabled())


@program("anomaly")
def anomaly_without_nan_check(v, out):
    x = leaf(-v.p)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with torch.autograd.set_detect_anomaly(True, check_nan=False):
            x.sqrt().sum().backward()
    out("all nan", bool(x.grad.isnan().all()))


@program("graph")
def grad_fn_names(v, out):
    x, m = leaf(v.a), leaf(v.m)
    tensors = [x + 1, x - 1, x * 2, x / 2, x ** 2, -x, x.exp(), x.sum(), m.t(), m @ m.t(), m.mean(0), x[0], x[:2],
               x.reshape(3, 1), x.clone(), torch.cat([x, x]), torch.stack([x, x]), x.relu(), m.max(1).values,
               F.softmax(m, 1), F.log_softmax(m, 1), x.view(1, 3), x.expand(2, 3), x.abs(), x.clamp(0, 1), x.double(),
               m.transpose(0, 1), m.permute(1, 0), x.unsqueeze(0), m.norm(), torch.where(x > 0, x, -x), x.cumsum(0),
               F.linear(x, m), F.mse_loss(x, v.b), m.var(), m.std(0), x.tanh(), x.sigmoid(), F.gelu(x), F.silu(x),
               x.index_select(0, v.index), x.gather(0, v.index), x.masked_fill(v.mask, 0), m.flatten(), x.flip(0),
               x.sort().values, x.repeat(2), m.squeeze(), m.narrow(1, 0, 2), x.prod(), m.select(0, 1), m.unbind()[0],
               m.split(1)[0], x.sqrt(), x.log(), x.sin(), x.cos(), x.detach().requires_grad_() * 1]
    out("names", [type(t.grad_fn).__name__ for t in tensors])


@program("graph")
def next_functions(v, out):
    x, y = leaf(v.a), leaf(v.b)
    z = x * y.exp() + v.p
    names = []
    node, = [z.grad_fn]
    for parent, index in node.next_functions:
        names.append([type(parent).__name__ if parent else None, index])
    out("parents", names)
    out("name method", z.grad_fn.name())
    multiply = z.grad_fn.next_functions[0][0]
    out("leaf variable", multiply.next_functions[0][0].variable is x)
    out("grandparents", [type(p).__name__ for p, _ in multiply.next_functions])


@program("graph")
def output_numbers(v, out):
    x = leaf(v.m)
    values, indices = x.max(dim=1)
    parts = x.split(1, dim=0)
    out("numbers", [values.output_nr, parts[0].output_nr, parts[1].output_nr])
    out("index flags", [indices.requires_grad, indices.dtype])


@program("graph")
def saved_tensor_hooks(v, out):
    packed = []

    def pack(t):
        packed.append(t.numel())
        return t * 2

    def unpack(t):
        return t
    x = leaf(v.a)
    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = x * x
    y.sum().backward()
    out("packed", packed)
    out("grad", x.grad)
