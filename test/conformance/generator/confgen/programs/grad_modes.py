"""Programs about no_grad, enable_grad, set_grad_enabled and inference_mode."""

import torch

from .registry import leaf, program


@program("grad mode")
def no_grad_block(v, out):
    x = leaf(v.a)
    with torch.no_grad():
        out("inside", torch.is_grad_enabled())
        y = x * 2
    out("outside", torch.is_grad_enabled())
    out("y", [y.requires_grad, y.is_leaf])


@program("grad mode")
def no_grad_decorator(v, out):
    @torch.no_grad()
    def double(t):
        return t * 2
    out("requires_grad", double(leaf(v.a)).requires_grad)
    out("enabled after", torch.is_grad_enabled())


@program("grad mode")
def enable_grad_inside_no_grad(v, out):
    x = leaf(v.a)
    with torch.no_grad():
        with torch.enable_grad():
            y = x * 3
        z = x * 3
    out("flags", [y.requires_grad, z.requires_grad])
    y.sum().backward()
    out("grad", x.grad)


@program("grad mode")
def set_grad_enabled_as_context(v, out):
    x = leaf(v.a)
    flags = []
    for on in (True, False):
        with torch.set_grad_enabled(on):
            flags.append((x * 2).requires_grad)
    out("flags", flags)


@program("grad mode")
def set_grad_enabled_as_function(v, out):
    x = leaf(v.a)
    torch.set_grad_enabled(False)
    off = (x * 2).requires_grad
    torch.set_grad_enabled(True)
    out("flags", [off, (x * 2).requires_grad])


@program("grad mode")
def mode_restored_after_exception(v, out):
    try:
        with torch.no_grad():
            raise ValueError("stop")
    except ValueError:
        pass
    out("enabled", torch.is_grad_enabled())


@program("grad mode")
def leaf_created_in_no_grad(v, out):
    with torch.no_grad():
        x = v.a.clone().requires_grad_()
        out("flag", x.requires_grad)
    (x * 2).sum().backward()
    out("grad", x.grad)


@program("grad mode")
def leaf_update_in_no_grad(v, out):
    x = leaf(v.a)
    (x ** 2).sum().backward()
    with torch.no_grad():
        x -= 0.1 * x.grad
    out("x", x)
    out("flags", [x.requires_grad, x.is_leaf])


@program("grad mode")
def leaf_update_with_grad_fails(v, out):
    x = leaf(v.a)
    out.error("add_", lambda: x.add_(1))
    out.error("zero_", lambda: x.zero_())


@program("grad mode")
def leaf_view_update_with_grad_fails(v, out):
    x = leaf(v.a)
    out.error("index", lambda: x[0].add_(1))

    def assign():
        x[0] = 1.0
    out.error("assign", assign)


@program("grad mode")
def inference_mode_tensors(v, out):
    x = leaf(v.a)
    with torch.inference_mode():
        y = x * 2
        out("inside", [torch.is_inference_mode_enabled(), torch.is_grad_enabled()])
    out("y", [y.requires_grad, y.is_inference(), x.is_inference()])
    out.error("save for backward", lambda: x * y)
    out.error("inplace outside", lambda: y.add_(1))
    out.error("requires_grad", lambda: y.requires_grad_())
    out("plain use", (y + 1).is_inference())


@program("grad mode")
def inference_mode_off_inside(v, out):
    x = leaf(v.a)
    with torch.inference_mode():
        with torch.inference_mode(False):
            y = x * 2
    out("y", [y.requires_grad, y.is_inference()])


@program("grad mode")
def no_grad_view_of_leaf_inplace(v, out):
    x = leaf(v.m)
    with torch.no_grad():
        row = x[0]
        row.zero_()
    out("x", x)
    (x * v.n).sum().backward()
    out("grad", x.grad)
