"""Programs about custom autograd functions and checkpointing."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .registry import leaf, program


# -- custom functions --------------------------------------------------------------------------------

@program("custom function")
def function_with_saved_tensors(v, out):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x ** 3

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x ** 2
    x = leaf(v.a)
    y = Cube.apply(x)
    out("name", type(y.grad_fn).__name__)
    out("needs", y.requires_grad)
    (y * v.b).sum().backward()
    out("grad", x.grad)


@program("custom function")
def function_with_wrong_backward(v, out):
    class Straight(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g
    x = leaf(v.a)
    Straight.apply(x).mul(v.b).sum().backward()
    out("grad", x.grad)


@program("custom function")
def function_with_non_tensor_arguments(v, out):
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor, label):
            ctx.factor = factor
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None, None
    x = leaf(v.a)
    Scale.apply(x, v.k, "unused").sum().backward()
    out("grad", x.grad)


@program("custom function")
def needs_input_grad(v, out):
    seen = []

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            seen.append(list(ctx.needs_input_grad))
            return g * y if ctx.needs_input_grad[0] else None, g * x if ctx.needs_input_grad[1] else None
    x = leaf(v.a)
    Product.apply(x, v.b).sum().backward()
    Product.apply(x, leaf(v.b)).sum().backward()
    out("seen", seen)
    out("grad", x.grad)


@program("custom function")
def several_outputs_materialized(v, out):
    seen = []

    class Split(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g2, g3):
            seen.append([g2 is None, g3 is None])
            return g2 * 2 + g3 * 3
    x = leaf(v.a)
    Split.apply(x)[0].sum().backward()
    out("seen", seen)
    out("grad", x.grad)


@program("custom function")
def set_materialize_grads_off(v, out):
    seen = []

    class Split(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g2, g3):
            seen.append([g2 is None, g3 is None])
            return g3 * 3
    x = leaf(v.a)
    Split.apply(x)[1].sum().backward()
    out("seen", seen)
    out("grad", x.grad)


@program("custom function")
def mark_non_differentiable(v, out):
    class TopValue(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            value, index = x.max(0)
            ctx.mark_non_differentiable(index)
            ctx.index = int(index)
            ctx.size = x.numel()
            return value, index

        @staticmethod
        def backward(ctx, g, _):
            result = torch.zeros(ctx.size)
            result[ctx.index] = g
            return result
    x = leaf(v.a)
    value, index = TopValue.apply(x)
    out("flags", [value.requires_grad, index.requires_grad])
    value.backward()
    out("grad", x.grad)


@program("custom function")
def mark_dirty(v, out):
    class AddOne(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5
    x = leaf(v.a)
    y = x * 1
    z = AddOne.apply(y)
    out("same object", z is y)
    z.sum().backward()
    out("grad", x.grad)


@program("custom function")
def once_differentiable_blocks_double(v, out):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g
    x = leaf(v.a)
    (g,) = torch.autograd.grad(Square.apply(x).sum(), x, create_graph=True)
    out("g", g)
    out.error("double", lambda: g.sum().backward())


@program("custom function")
def double_backward_through_function(v, out):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g
    x = leaf(v.a)
    (g,) = torch.autograd.grad((Square.apply(x) * v.b).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    out("g", g)
    out("h", h)


@program("custom function")
def backward_returns_wrong_count(v, out):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g
    x = leaf(v.a)
    out.error("error", lambda: Bad.apply(x, v.b).sum().backward())


@program("custom function")
def backward_returns_wrong_shape(v, out):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g[:2]
    out.error("error", lambda: Bad.apply(leaf(v.a)).sum().backward())


@program("custom function")
def grad_for_constant_argument(v, out):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g, g
    out.error("error", lambda: Bad.apply(leaf(v.a), 2.0).sum().backward())


@program("custom function")
def setup_context_style(v, out):
    class Power(torch.autograd.Function):
        @staticmethod
        def forward(x, n):
            return x ** n

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, n = inputs
            ctx.save_for_backward(x)
            ctx.n = n

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * ctx.n * x ** (ctx.n - 1), None
    x = leaf(v.a)
    Power.apply(x, 3).sum().backward()
    out("grad", x.grad)


@program("custom function")
def forward_runs_without_grad(v, out):
    seen = []

    class Probe(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen.append(torch.is_grad_enabled())
            return x * 2

        @staticmethod
        def backward(ctx, g):
            seen.append(torch.is_grad_enabled())
            return g * 2
    x = leaf(v.a)
    Probe.apply(x).sum().backward()
    torch.autograd.grad(Probe.apply(x).sum(), x, create_graph=True)
    out("seen", seen)


# -- checkpoint ------------------------------------------------------------------------------------------

@program("checkpoint")
def checkpoint_recomputes(v, out):
    from torch.utils.checkpoint import checkpoint
    calls = []

    def block(x):
        calls.append(1)
        return torch.tanh(x) * x
    x = leaf(v.a)
    y = checkpoint(block, x, use_reentrant=False)
    out("calls after forward", len(calls))
    (y * v.b).sum().backward()
    out("calls after backward", len(calls))
    out("grad", x.grad)


@program("checkpoint")
def checkpoint_reentrant(v, out):
    from torch.utils.checkpoint import checkpoint
    x, w = leaf(v.m), leaf(v.w)
    y = checkpoint(lambda t: torch.sigmoid(t @ w), x, use_reentrant=True)
    y.pow(2).sum().backward()
    out("x.grad", x.grad)
    out("w.grad", w.grad)


@program("checkpoint")
def checkpoint_nested(v, out):
    from torch.utils.checkpoint import checkpoint
    x = leaf(v.a)
    inner = lambda t: checkpoint(torch.sin, t, use_reentrant=False) * t
    checkpoint(inner, x, use_reentrant=False).sum().backward()
    out("grad", x.grad)


@program("checkpoint")
def checkpoint_sequential_layers(v, out):
    from torch.utils.checkpoint import checkpoint_sequential
    layers = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    for layer in (layers[0], layers[2]):
        layer.weight.data.copy_(v.q)
        layer.bias.data.copy_(v.b)
    x = leaf(v.batch)
    checkpoint_sequential(layers, 2, x, use_reentrant=False).sum().backward()
    out("x.grad", x.grad)
    out("weight.grad", layers[0].weight.grad)


@program("checkpoint")
def checkpoint_restores_dropout_mask(v, out):
    from torch.utils.checkpoint import checkpoint
    torch.manual_seed(11)
    x = leaf(torch.ones(20))
    y = checkpoint(lambda t: F.dropout(t, 0.5), x, use_reentrant=False)
    y.sum().backward()
    out("grad equals output", bool(torch.equal(x.grad, y)))
