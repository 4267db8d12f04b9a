"""Programs about gradcheck, torch.autograd.functional and torch.func."""

import torch
import torch.nn as nn
import torch.nn.functional as F

from .registry import leaf, program


# -- gradcheck -------------------------------------------------------------------------------------------

@program("gradcheck")
def gradcheck_passes(v, out):
    x = leaf(v.d)
    out("first order", torch.autograd.gradcheck(lambda t: (t.sin() * t).sum(), (x,)))
    out("second order", torch.autograd.gradgradcheck(lambda t: (t ** 3).sum(), (x,)))


@program("gradcheck")
def gradcheck_of_wrong_gradient(v, out):
    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return g * 3 * x
    x = leaf(v.d)
    out("result", torch.autograd.gradcheck(Wrong.apply, (x,), raise_exception=False))


@program("gradcheck")
def gradcheck_several_inputs(v, out):
    x, y = leaf(v.d), leaf(v.e)
    out("result", torch.autograd.gradcheck(lambda a, b: (a * b.log(), a / b), (x, y)))


# -- torch.autograd.functional -------------------------------------------------------------------------

@program("autograd.functional")
def functional_jacobian(v, out):
    from torch.autograd.functional import jacobian
    out("vector", jacobian(lambda x: x.sin() * x.sum(), v.a))
    out("matrix", jacobian(lambda x: x.sum(0) ** 2, v.m))
    out("pair", list(jacobian(lambda x, y: x * y, (v.a, v.b))))
    out("vectorized", jacobian(lambda x: x ** 2, v.a, vectorize=True))


@program("autograd.functional")
def functional_jacobian_create_graph(v, out):
    from torch.autograd.functional import jacobian
    x = leaf(v.a)
    j = jacobian(lambda t: t ** 3, x, create_graph=True)
    j.sum().backward()
    out("j", j)
    out("grad", x.grad)


@program("autograd.functional")
def functional_hessian(v, out):
    from torch.autograd.functional import hessian
    out("cubic", hessian(lambda x: (x ** 3).sum() + x[0] * x[1], v.a))
    blocks = hessian(lambda x, y: (x * y).sum() ** 2, (v.a, v.b))
    out("blocks", [list(row) for row in blocks])


@program("autograd.functional")
def functional_vjp(v, out):
    from torch.autograd.functional import vjp
    value, g = vjp(lambda x: x.exp() * v.b, v.a, v.p)
    out("value", value)
    out("g", g)


@program("autograd.functional")
def functional_jvp(v, out):
    from torch.autograd.functional import jvp
    value, t = jvp(lambda x: x.exp() * v.b, v.a, v.p)
    out("value", value)
    out("t", t)


@program("autograd.functional")
def functional_hvp_and_vhp(v, out):
    from torch.autograd.functional import hvp, vhp
    f = lambda x: (x ** 3).sum() + x[0] * x[2] ** 2
    out("hvp", list(hvp(f, v.a, v.b)))
    out("vhp", list(vhp(f, v.a, v.b)))


@program("autograd.functional")
def functional_strict_errors(v, out):
    from torch.autograd.functional import hessian, jacobian
    out("independent", jacobian(lambda x: torch.ones(2), v.a))
    out.error("strict", lambda: jacobian(lambda x: torch.ones(2), v.a, strict=True))
    out.error("not scalar", lambda: hessian(lambda x: x * 2, v.a))


# -- torch.func ------------------------------------------------------------------------------------------

@program("torch.func")
def func_grad(v, out):
    from torch.func import grad
    out("first", grad(lambda x: (x ** 3).sum())(v.a))
    out("second", grad(grad(torch.sin))(v.s))
    out("argnums", list(grad(lambda x, y: (x * y ** 2).sum(), argnums=(0, 1))(v.a, v.b)))


@program("torch.func")
def func_grad_has_aux(v, out):
    from torch.func import grad, grad_and_value
    g, aux = grad(lambda x: ((x ** 2).sum(), x * 5), has_aux=True)(v.a)
    out("g", g)
    out("aux", aux)
    g, value = grad_and_value(lambda x: x.prod())(v.p)
    out("pair", [g, value])


@program("torch.func")
def func_grad_of_nonscalar(v, out):
    from torch.func import grad
    out.error("error", lambda: grad(lambda x: x * 2)(v.a))


@program("torch.func")
def func_vmap_basic(v, out):
    from torch.func import vmap
    out("dot", vmap(torch.dot)(v.m, v.n))
    out("broadcast", vmap(lambda x: x @ v.a)(v.batch))
    out("in_dims", vmap(lambda x, y: x * y, in_dims=(1, None))(v.m, v.s))
    out("out_dims", vmap(lambda x: x * 2, out_dims=1)(v.m))


@program("torch.func")
def func_vmap_nested_and_pytrees(v, out):
    from torch.func import vmap
    out("outer", vmap(lambda x: vmap(lambda y: x * y)(v.b))(v.a))
    result = vmap(lambda d: {"sum": d["x"].sum(), "first": d["y"][0]})({"x": v.m, "y": v.n})
    out("pytree", result)


@program("torch.func")
def func_vmap_errors(v, out):
    from torch.func import vmap
    out.error("size mismatch", lambda: vmap(lambda x, y: x + y)(v.m, v.a))
    out.error("item", lambda: vmap(lambda x: x.sum().item())(v.m))
    out.error("data dependent", lambda: vmap(lambda x: x if x.sum() > 0 else -x)(v.m))
    out.error("no inputs", lambda: vmap(lambda: torch.ones(1))())


@program("torch.func")
def func_per_sample_gradients(v, out):
    from torch.func import grad, vmap
    loss = lambda w, x: torch.tanh(x @ w).sum()
    out("grads", vmap(grad(loss), in_dims=(None, 0))(v.w, v.batch))


@program("torch.func")
def func_vmap_randomness(v, out):
    from torch.func import vmap
    out.error("error", lambda: vmap(lambda x: x + torch.rand(3))(v.m))
    same = vmap(lambda x: torch.rand(3), randomness="same")(v.m)
    different = vmap(lambda x: torch.rand(3), randomness="different")(v.m)
    out("same", bool(torch.equal(same[0], same[1])))
    out("different", bool(torch.equal(different[0], different[1])))


@program("torch.func")
def func_jacobians(v, out):
    from torch.func import jacfwd, jacrev
    f = lambda x: x.sin() * x.sum()
    out("reverse", jacrev(f)(v.a))
    out("forward", jacfwd(f)(v.a))
    out("argnums", jacrev(lambda x, y: x * y, argnums=1)(v.a, v.b))


@program("torch.func")
def func_hessian(v, out):
    from torch.func import hessian, jacfwd, jacrev
    f = lambda x: (x ** 3).sum() + x[0] * x[1]
    out("hessian", hessian(f)(v.a))
    out("reverse over reverse", jacrev(jacrev(f))(v.a))
    out("forward over forward", jacfwd(jacfwd(f))(v.a))


@program("torch.func")
def func_jvp_vjp(v, out):
    from torch.func import jvp, vjp
    value, tangent = jvp(lambda x, y: x * y.exp(), (v.a, v.b), (v.b, v.a))
    out("jvp", [value, tangent])
    value, pull = vjp(lambda x, y: x * y.exp(), v.a, v.b)
    out("vjp", [value, *pull(v.p)])


@program("torch.func")
def func_jvp_mixed_ops(v, out):
    from torch.func import jvp
    f = lambda x: F.softmax(x @ v.w, dim=1).log().sum(0)
    out("jvp", list(jvp(f, (v.m,), (v.n,))))


@program("torch.func")
def func_functional_call(v, out):
    from torch.func import functional_call, grad
    layer = nn.Linear(3, 2)
    parameters = {"weight": v.m, "bias": v.n[:, 0]}
    out("y", functional_call(layer, parameters, (v.a,)))
    grads = grad(lambda p: functional_call(layer, p, (v.a,)).pow(2).sum())(parameters)
    out("grads", [grads["weight"], grads["bias"]])
    out("untouched", bool((layer.weight.detach() != v.m).any()))


@program("torch.func")
def func_linearize(v, out):
    from torch.func import linearize
    value, push = linearize(lambda x: x.exp() * x, v.a)
    out("value", value)
    out("tangents", [push(v.b), push(v.p)])


@program("torch.func")
def func_stack_module_state(v, out):
    from torch.func import functional_call, stack_module_state, vmap
    models = [nn.Linear(3, 2, bias=False) for _ in range(2)]
    models[0].weight.data.copy_(v.m)
    models[1].weight.data.copy_(v.n)
    parameters, buffers = stack_module_state(models)
    out("shape", parameters["weight"].shape)
    out("y", vmap(lambda p, b: functional_call(models[0], (p, b), (v.a,)))(parameters, buffers))


@program("torch.func")
def func_vmap_over_loss_and_norms(v, out):
    from torch.func import vmap
    out("cross entropy", vmap(lambda x, t: F.cross_entropy(x, t))(v.batch, v.index))
    out("layer norm", vmap(lambda x: F.layer_norm(x, (3,)))(v.batch))
    out("sort", vmap(lambda x: x.sort().values)(v.batch))
    out("where", vmap(lambda x: torch.where(x > 0, x, x * 0.5))(v.batch))


@program("torch.func")
def forward_ad_dual_numbers(v, out):
    import torch.autograd.forward_ad as fwad
    with fwad.dual_level():
        x = fwad.make_dual(v.a, v.b)
        y = fwad.unpack_dual(x.sin() * x)
        out("primal", y.primal)
        out("tangent", y.tangent)
        out("no tangent", fwad.unpack_dual(v.p * 2).tangent is None)
