"""Programs about create_graph: derivatives of derivatives."""

import warnings

import torch
import torch.nn.functional as F

from .registry import leaf, program


@program("higher order")
def second_derivative(v, out):
    x = leaf(v.a)
    (g,) = torch.autograd.grad((x ** 3).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    out("g", g)
    out("h", h)
    out("flags", [g.requires_grad, h.requires_grad])


@program("higher order")
def third_derivative(v, out):
    x = leaf(v.s)
    y = torch.sin(x) * x ** 2
    values = []
    for _ in range(3):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        values.append(y.detach())
    out("derivatives", values)


@program("higher order")
def fourth_derivative_of_exp(v, out):
    x = leaf(v.s)
    y = torch.exp(v.k * x)
    for _ in range(4):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
    out("value", y)


@program("higher order")
def gradient_penalty(v, out):
    x, w = leaf(v.batch), leaf(v.w)
    y = torch.tanh(x @ w).sum()
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    penalty = ((g.norm(dim=1) - 1) ** 2).mean()
    penalty.backward()
    out("w.grad", w.grad)
    out("x.grad", x.grad)


@program("higher order")
def hessian_vector_product(v, out):
    x = leaf(v.a)
    y = (x[0] * x[1] ** 2 + x[2].exp() * x[0])
    (g,) = torch.autograd.grad(y, x, create_graph=True)
    (hv,) = torch.autograd.grad(g @ v.b, x)
    out("hv", hv)


@program("higher order")
def backward_with_create_graph(v, out):
    x = leaf(v.a)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (x ** 4).sum().backward(create_graph=True)
    first = x.grad
    out("requires_grad", first.requires_grad)
    x.grad = None
    first.sum().backward()
    out("second", x.grad)


@program("higher order")
def create_graph_keeps_graph(v, out):
    x = leaf(v.a)
    y = (x * x).sum()
    torch.autograd.grad(y, x, create_graph=True)
    (again,) = torch.autograd.grad(y, x)
    out("again", again)
    out.error("third time", lambda: torch.autograd.grad(y, x))


@program("higher order")
def double_backward_through_matmul_softmax(v, out):
    x, w = leaf(v.m), leaf(v.w)
    y = F.softmax(x @ w, dim=1)[:, 0].sum()
    (g,) = torch.autograd.grad(y, w, create_graph=True)
    gg = torch.autograd.grad((g * g).sum(), [x, w])
    out("gg", list(gg))


@program("higher order")
def double_backward_through_conv(v, out):
    x, k = leaf(v.image), leaf(v.kernel)
    y = F.conv2d(x, k).pow(2).sum()
    gx, gk = torch.autograd.grad(y, [x, k], create_graph=True)
    ggx, ggk = torch.autograd.grad(gx.sum() + gk.pow(2).sum(), [x, k])
    out("ggx", ggx)
    out("ggk", ggk)


@program("higher order")
def mixed_partials_agree(v, out):
    x, y = leaf(v.s), leaf(v.t)
    f = (x * y).sin() * x
    (fx,) = torch.autograd.grad(f, x, create_graph=True)
    (fxy,) = torch.autograd.grad(fx, y)
    f = (x * y).sin() * x
    (fy,) = torch.autograd.grad(f, y, create_graph=True)
    (fyx,) = torch.autograd.grad(fy, x)
    out("fxy", fxy)
    out("fyx", fyx)


@program("higher order")
def linear_second_derivative_is_unused(v, out):
    x = leaf(v.a)
    (g,) = torch.autograd.grad((x * 3).sum(), x, create_graph=True)
    out("requires_grad", g.requires_grad)
    out.error("error", lambda: torch.autograd.grad(g.sum(), x))
