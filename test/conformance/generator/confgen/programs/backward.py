"""Programs about backward and torch.autograd.grad, and the errors of both."""

import torch

from .registry import leaf, program


# -- errors of backward ----------------------------------------------------------------------

@program("backward errors")
def second_backward(v, out):
    x = leaf(v.a)
    y = (x * x).sum()
    y.backward()
    out.error("error", lambda: y.backward())
    out("grad", x.grad)


@program("backward errors")
def second_backward_with_nothing_saved(v, out):
    x = leaf(v.a)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    out("grad", x.grad)


@program("backward errors")
def nonscalar_backward(v, out):
    x = leaf(v.a)
    out.error("backward", lambda: (x * 2).backward())
    out.error("grad", lambda: torch.autograd.grad(x * 2, x))


@program("backward errors")
def no_grad_fn(v, out):
    out.error("constant", lambda: v.a.sum().backward())
    out.error("detached", lambda: (leaf(v.a) * 2).detach().sum().backward())
    out.error("grad", lambda: torch.autograd.grad(v.a.sum(), leaf(v.a)))


@program("backward errors")
def gradient_of_wrong_shape(v, out):
    y = leaf(v.a) * 2
    out.error("shape", lambda: y.backward(torch.ones(2)))
    out.error("shape2", lambda: y.backward(torch.ones(3, 1)))


@program("backward errors")
def gradient_is_used(v, out):
    x = leaf(v.a)
    (x * x).backward(v.b)
    out("grad", x.grad)


@program("backward errors")
def unused_input(v, out):
    x, z = leaf(v.a), leaf(v.b)
    out.error("error", lambda: torch.autograd.grad((x * 2).sum(), [x, z]))


@program("backward errors")
def grad_wrt_not_requiring(v, out):
    x = leaf(v.a)
    out.error("error", lambda: torch.autograd.grad((x * 2).sum(), v.b))


@program("backward errors")
def item_and_numpy_of_gradient_tensors(v, out):
    x = leaf(v.a)
    out.error("numpy", lambda: x.numpy())
    out.error("item", lambda: x.item())
    out("scalar item", float((x * 0).sum().item()))


@program("backward errors")
def deepcopy_of_nonleaf(v, out):
    import copy
    x = leaf(v.a)
    out("leaf", copy.deepcopy(x).requires_grad)
    out.error("nonleaf", lambda: copy.deepcopy(x * 2))


@program("backward errors")
def saved_tensors_after_free(v, out):
    x = leaf(v.a)
    y = x.exp()
    y.sum().backward()
    out.error("error", lambda: y.grad_fn._saved_result)


# -- torch.autograd.grad ---------------------------------------------------------------------------

@program("autograd.grad")
def grad_leaves_grad_fields_alone(v, out):
    x = leaf(v.a)
    (g,) = torch.autograd.grad((x * v.b).sum(), x)
    out("g", g)
    out("field", x.grad is None)


@program("autograd.grad")
def grad_wrt_intermediate(v, out):
    x = leaf(v.a)
    y = x * 2
    z = (y ** 2).sum()
    out("grads", list(torch.autograd.grad(z, [y, x])))


@program("autograd.grad")
def allow_unused(v, out):
    x, z = leaf(v.a), leaf(v.b)
    gx, gz = torch.autograd.grad((x * 2).sum(), [x, z], allow_unused=True)
    out("gx", gx)
    out("gz is None", gz is None)


@program("autograd.grad")
def materialize_grads(v, out):
    x, z = leaf(v.a), leaf(v.b)
    out("grads", list(torch.autograd.grad((x * 2).sum(), [x, z], materialize_grads=True)))
    out.error("conflict", lambda: torch.autograd.grad((x * 2).sum(), [x, z], allow_unused=False, materialize_grads=True))


@program("autograd.grad")
def several_outputs(v, out):
    x = leaf(v.a)
    outputs = [x.sin(), (x * x).sum()]
    out("grads", list(torch.autograd.grad(outputs, x, grad_outputs=[v.b, torch.tensor(v.k)])))


@program("autograd.grad")
def grad_outputs_none_for_scalar(v, out):
    x = leaf(v.a)
    out("grads", list(torch.autograd.grad([x.sum(), (x ** 2).sum()], [x], grad_outputs=[None, None])))


@program("autograd.grad")
def batched_grad_outputs(v, out):
    x = leaf(v.a)
    y = x ** 2
    (rows,) = torch.autograd.grad(y, x, torch.eye(3), is_grads_batched=True)
    out("jacobian", rows)


@program("autograd.grad")
def backward_with_inputs(v, out):
    x, z = leaf(v.a), leaf(v.b)
    torch.autograd.backward((x * z).sum(), inputs=[x])
    out("x.grad", x.grad)
    out("z.grad is None", z.grad is None)


@program("autograd.grad")
def autograd_backward_several(v, out):
    x = leaf(v.a)
    torch.autograd.backward([x.sum(), x * x], [None, v.b])
    out("grad", x.grad)


@program("autograd.grad")
def retain_graph_allows_second(v, out):
    x = leaf(v.a)
    y = (x.exp() * x).sum()
    (first,) = torch.autograd.grad(y, x, retain_graph=True)
    (second,) = torch.autograd.grad(y, x)
    out("same", bool(torch.equal(first, second)))


@program("autograd.grad")
def partial_graphs_freed_separately(v, out):
    x = leaf(v.a)
    shared = x.exp()
    first, second = (shared * 2).sum(), (shared * 3).sum()
    first.backward()
    out.error("shared part freed", lambda: second.backward())


@program("autograd.grad")
def same_input_listed_twice(v, out):
    x = leaf(v.a)
    out("grads", list(torch.autograd.grad((x * x).sum(), [x, x])))


@program("autograd.grad")
def grad_of_tensor_wrt_itself(v, out):
    x = leaf(v.s)
    out("grads", list(torch.autograd.grad(x, x)))


@program("autograd.grad")
def grad_with_empty_grad_outputs(v, out):
    x = leaf(v.a)
    out.error("length", lambda: torch.autograd.grad([x.sum(), x.prod()], x, grad_outputs=[None]))
