"""Programs about leaves: flags, where gradients are kept, how they add up, detaching."""

import warnings

import torch
import torch.nn as nn

from .registry import leaf, program


# -- leaves -----------------------------------------------------------------------

@program("leaf")
def leaf_flags(v, out):
    x = leaf(v.a)
    y = x * 2
    z = v.b + 1
    out("x", [x.is_leaf, x.requires_grad, x.grad_fn is None])
    out("y", [y.is_leaf, y.requires_grad, y.grad_fn is None])
    out("z", [z.is_leaf, z.requires_grad])


@program("leaf")
def grad_is_none_before_backward(v, out):
    x = leaf(v.a)
    out("before", x.grad is None)
    (x * x).sum().backward()
    out("after", x.grad)


@program("leaf")
def nonleaf_grad_stays_none(v, out):
    x = leaf(v.a)
    y = x * v.b
    y.sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        out("y.grad is None", y.grad is None)
    out("x.grad", x.grad)


@program("leaf")
def requires_grad_on_integers(v, out):
    out.error("tensor", lambda: torch.tensor([1, 2], requires_grad=True))
    out.error("method", lambda: torch.tensor([1, 2]).requires_grad_())
    out.error("bool", lambda: torch.tensor([True]).requires_grad_())


@program("leaf")
def requires_grad_of_nonleaf(v, out):
    y = leaf(v.a) * 2

    def switch_off():
        y.requires_grad = False
    out.error("off", switch_off)
    y.requires_grad_(True)
    out("still", y.requires_grad)


@program("leaf")
def requires_grad_propagates(v, out):
    x, c = leaf(v.a), v.b
    out("mixed", (x + c).requires_grad)
    out("constant", (c + c).requires_grad)
    out("comparison", (x > 0).requires_grad)
    out("argmax", x.argmax().requires_grad)
    out("to int", x.int().requires_grad)
    out("to double", x.double().requires_grad)


@program("leaf")
def parameter_is_leaf(v, out):
    p = nn.Parameter(v.m)
    out("flags", [p.is_leaf, p.requires_grad, isinstance(p, torch.Tensor)])
    q = nn.Parameter(v.m, requires_grad=False)
    out("frozen", q.requires_grad)


@program("leaf")
def grad_dtype_follows_leaf(v, out):
    x = leaf(v.a)
    (x.double() * v.d).sum().backward()
    out("dtype", x.grad.dtype)
    out("grad", x.grad)


@program("leaf")
def inplace_turns_constant_into_nonleaf(v, out):
    c, x = v.b.clone(), leaf(v.a)
    out("before", [c.is_leaf, c.requires_grad])
    c.mul_(x)
    out("after", [c.is_leaf, c.requires_grad, type(c.grad_fn).__name__])
    c.sum().backward()
    out("grad", x.grad)


# -- retain_grad --------------------------------------------------------------------

@program("retain_grad")
def retain_grad_keeps_intermediate(v, out):
    x = leaf(v.a)
    y = x * v.b
    y.retain_grad()
    (y * y).sum().backward()
    out("retains", y.retains_grad)
    out("y.grad", y.grad)
    out("x.grad", x.grad)


@program("retain_grad")
def retain_grad_on_leaf_is_noop(v, out):
    x = leaf(v.a)
    x.retain_grad()
    out("retains", x.retains_grad)
    x.sum().backward()
    out("grad", x.grad)


@program("retain_grad")
def retain_grad_without_requires_grad(v, out):
    out.error("error", lambda: v.a.clone().retain_grad())


@program("retain_grad")
def retain_grad_accumulates(v, out):
    x = leaf(v.a)
    y = x * 3
    y.retain_grad()
    y.sum().backward(retain_graph=True)
    y.sum().backward()
    out("y.grad", y.grad)


# -- accumulation -----------------------------------------------------------------------

@program("accumulation")
def backward_twice_adds(v, out):
    x = leaf(v.a)
    (x * v.b).sum().backward()
    out("once", x.grad)
    (x * v.b).sum().backward()
    out("twice", x.grad)


@program("accumulation")
def zero_grad_by_hand(v, out):
    x = leaf(v.a)
    (x ** 2).sum().backward()
    x.grad.zero_()
    (x * 3).sum().backward()
    out("grad", x.grad)
    x.grad = None
    out("cleared", x.grad is None)


@program("accumulation")
def assigned_grad_is_added_to(v, out):
    x = leaf(v.a)
    x.grad = v.b.clone()
    (x * 2).sum().backward()
    out("grad", x.grad)


@program("accumulation")
def assigning_wrong_grad(v, out):
    x = leaf(v.a)

    def assign(g):
        x.grad = g
    out.error("shape", lambda: assign(torch.zeros(2)))
    out.error("dtype", lambda: assign(torch.zeros(3, dtype=torch.float64)))
    out.error("type", lambda: assign(3.0))


@program("accumulation")
def shared_leaf_many_paths(v, out):
    x = leaf(v.a)
    y = x * x + x.sin() - 2 * x + x.sum()
    y.sum().backward()
    out("grad", x.grad)


@program("accumulation")
def diamond_graph(v, out):
    x = leaf(v.s)
    y = x * 2
    z = y * y + y.exp() * x
    z.backward()
    out("grad", x.grad)


@program("accumulation")
def grad_identity_kept_in_place(v, out):
    x = leaf(v.a)
    x.sum().backward()
    first = x.grad
    (x * 2).sum().backward()
    out("same object", x.grad is first)
    out("first now", first)


@program("accumulation")
def optimizer_zero_grad_modes(v, out):
    x = leaf(v.a)
    optimizer = torch.optim.SGD([x], lr=0.1)
    (x * v.b).sum().backward()
    optimizer.zero_grad(set_to_none=False)
    out("zeros", x.grad)
    optimizer.zero_grad()
    out("none", x.grad is None)
    optimizer.step()
    out("step without grad", x)


# -- detach -----------------------------------------------------------------------------

@program("detach")
def detach_cuts_graph(v, out):
    x = leaf(v.a)
    y = x.detach() * x
    y.sum().backward()
    out("grad", x.grad)
    out("flags", [x.detach().requires_grad, x.detach().is_leaf])


@program("detach")
def detach_shares_memory(v, out):
    x = leaf(v.a)
    d = x.detach()
    d[0] = 7.0
    out("x", x)


@program("detach")
def detach_inplace(v, out):
    x = leaf(v.a)
    y = x * 2
    y.detach_()
    out("flags", [y.requires_grad, y.is_leaf, y.grad_fn is None])


@program("detach")
def detach_inplace_of_view_fails(v, out):
    x = leaf(v.a)
    view = (x * 2)[:2]
    out.error("error", lambda: view.detach_())


@program("detach")
def detached_write_breaks_backward(v, out):
    x = leaf(v.a)
    y = x.exp()
    y.detach().add_(1)
    out.error("error", lambda: y.sum().backward())


@program("detach")
def data_write_goes_unnoticed(v, out):
    x = leaf(v.a)
    y = x * x
    x.data.mul_(2)
    y.sum().backward()
    out("grad", x.grad)
    out("version", x._version)
