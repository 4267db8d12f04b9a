"""Programs about hooks on tensors, nodes and modules."""

import torch
import torch.nn as nn

from .registry import leaf, program


@program("hooks")
def tensor_hook_sees_gradient(v, out):
    x = leaf(v.a)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(g.clone()))
    (y * v.b).sum().backward()
    out("seen", seen)
    out("grad", x.grad)


@program("hooks")
def tensor_hook_replaces_gradient(v, out):
    x = leaf(v.a)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    out("grad", x.grad)


@program("hooks")
def leaf_hook_and_removal(v, out):
    x = leaf(v.a)
    handle = x.register_hook(lambda g: g + 1)
    (x * 2).sum().backward()
    out("with hook", x.grad)
    handle.remove()
    x.grad = None
    (x * 2).sum().backward()
    out("without", x.grad)


@program("hooks")
def hook_order(v, out):
    x = leaf(v.s)
    order = []
    x.register_hook(lambda g: order.append("first"))
    x.register_hook(lambda g: order.append("second"))
    (x * 2).backward()
    out("order", order)


@program("hooks")
def hooks_chain_their_results(v, out):
    x = leaf(v.s)
    x.register_hook(lambda g: g * 2)
    x.register_hook(lambda g: g + 1)
    (x * 3).backward()
    out("grad", x.grad)


@program("hooks")
def hook_before_retained_grad(v, out):
    x = leaf(v.a)
    y = x * 1
    y.retain_grad()
    y.register_hook(lambda g: g * 5)
    y.sum().backward()
    out("y.grad", y.grad)
    out("x.grad", x.grad)


@program("hooks")
def hook_on_tensor_without_grad(v, out):
    out.error("error", lambda: v.a.clone().register_hook(lambda g: g))


@program("hooks")
def hook_returning_wrong_shape(v, out):
    x = leaf(v.a)
    y = x * 2
    y.register_hook(lambda g: g[:1])
    out.error("error", lambda: y.sum().backward())


@program("hooks")
def post_accumulate_grad_hook(v, out):
    x = leaf(v.a)
    seen = []

    def hook(t):
        seen.append(t.grad.clone())
        t.grad = None
    handle = x.register_post_accumulate_grad_hook(hook)
    (x * 2).sum().backward()
    (x * 3).sum().backward()
    out("seen", seen)
    out("cleared", x.grad is None)
    handle.remove()
    out.error("nonleaf", lambda: (x * 2).register_post_accumulate_grad_hook(hook))


@program("hooks")
def grad_fn_hooks(v, out):
    x = leaf(v.a)
    y = x.exp()
    seen = []
    y.grad_fn.register_prehook(lambda gs: seen.append(["pre", gs[0].clone()]))
    y.grad_fn.register_hook(lambda gin, gout: seen.append(["post", gin[0].clone(), gout[0].clone()]))
    (y * v.b).sum().backward()
    out("seen", seen)


@program("hooks")
def grad_fn_hook_replaces_input_gradient(v, out):
    x = leaf(v.a)
    y = x * 2
    y.grad_fn.register_hook(lambda gin, gout: (gin[0] * 100, None))
    y.sum().backward()
    out("grad", x.grad)


@program("hooks")
def module_forward_hooks(v, out):
    layer = nn.Linear(3, 2, bias=False)
    layer.weight.data.copy_(v.m)
    calls = []
    layer.register_forward_pre_hook(lambda mod, args: calls.append("pre") or (args[0] * 2,))
    layer.register_forward_hook(lambda mod, args, result: calls.append("post") or result + 1)
    out("y", layer(v.a))
    out("calls", calls)


@program("hooks")
def module_full_backward_hooks(v, out):
    layer = nn.Linear(3, 2, bias=False)
    layer.weight.data.copy_(v.m)
    seen = []
    layer.register_full_backward_pre_hook(lambda mod, gout: seen.append(gout[0].clone()) or (gout[0] * 2,))
    layer.register_full_backward_hook(lambda mod, gin, gout: seen.append(gin[0].clone()))
    x = leaf(v.batch)
    layer(x).sum().backward()
    out("seen", seen)
    out("x.grad", x.grad)
    out("weight.grad", layer.weight.grad)


@program("hooks")
def multi_grad_hook(v, out):
    x, y = leaf(v.a), leaf(v.b)
    seen = []
    torch.autograd.graph.register_multi_grad_hook((x, y), lambda gs: seen.append([g.clone() for g in gs]))
    (x * y).sum().backward()
    out("seen", seen)
