"""Programs about in-place operations, views and version counters."""

import torch

from .registry import leaf, program


@program("in-place")
def version_counter(v, out):
    x = v.a.clone()
    versions = [x._version]
    x.add_(1)
    versions.append(x._version)
    view = x[:2]
    view.mul_(2)
    versions += [x._version, view._version, x.detach()._version, x.clone()._version]
    x[0] = 3
    versions.append(view._version)
    out("versions", versions)


@program("in-place")
def saved_tensor_modified(v, out):
    x = leaf(v.a)
    y = x + 1
    z = y * y
    y.add_(1)
    out.error("error", lambda: z.sum().backward())


@program("in-place")
def saved_output_modified(v, out):
    x = leaf(v.a)
    y = x.exp()
    z = y.mul_(2)
    out.error("error", lambda: z.sum().backward())


@program("in-place")
def saved_sigmoid_modified_through_view(v, out):
    x = leaf(v.m)
    y = x.sigmoid()
    y[0].add_(1)
    out.error("error", lambda: y.sum().backward())


@program("in-place")
def saved_matrix_modified(v, out):
    x, w = leaf(v.m), leaf(v.w)
    h = x * 1
    y = h @ w
    h.zero_()
    out.error("error", lambda: y.sum().backward())


@program("in-place")
def modification_not_saved_is_fine(v, out):
    x = leaf(v.a)
    y = x * 2
    z = y + 1
    y.mul_(5)
    (z + y).sum().backward()
    out("grad", x.grad)


@program("in-place")
def inplace_chain(v, out):
    x = leaf(v.a)
    y = x * 1
    y.mul_(2).add_(v.b).pow_(2)
    out("grad_fn", type(y.grad_fn).__name__)
    y.sum().backward()
    out("grad", x.grad)


@program("in-place")
def inplace_on_view_rewrites_base(v, out):
    x = leaf(v.m)
    base = x * 1
    view = base[0]
    view.mul_(3)
    out("base grad_fn", type(base.grad_fn).__name__)
    out("view grad_fn", type(view.grad_fn).__name__)
    out("base", base)
    (base * v.n).sum().backward()
    out("grad", x.grad)


@program("in-place")
def inplace_on_base_updates_view(v, out):
    x = leaf(v.m)
    base = x * 1
    view = base[1]
    base.mul_(2)
    view_fn = type(view.grad_fn).__name__
    out("view", view)
    out("grad_fn", view_fn)
    (view * v.a).sum().backward()
    out("grad", x.grad)


@program("in-place")
def copy_into_slice(v, out):
    x, y = leaf(v.m), leaf(v.a)
    base = x * 1
    base[0].copy_(y)
    (base * v.n).sum().backward()
    out("x.grad", x.grad)
    out("y.grad", y.grad)


@program("in-place")
def setitem_on_zeros(v, out):
    x = leaf(v.a)
    buffer = torch.zeros(5)
    buffer[1:4] = x * 2
    buffer[0] = x[2]
    out("flags", [buffer.requires_grad, type(buffer.grad_fn).__name__])
    (buffer * torch.arange(1.0, 6.0)).sum().backward()
    out("grad", x.grad)


@program("in-place")
def two_views_same_base(v, out):
    x = leaf(v.m)
    base = x * 1
    first, second = base[:, 0], base[:, 1:]
    first.exp_()
    (first.sum() + second.pow(2).sum() + base.sum()).backward()
    out("grad", x.grad)


@program("in-place")
def split_views_cannot_be_modified(v, out):
    x = leaf(v.m)
    left, right = (x * 1).split([1, 2], dim=1)
    out.error("split", lambda: left.mul_(2))
    rows = (x * 1).unbind(0)
    out.error("unbind", lambda: rows[0].add_(1))
    parts = (x * 1).chunk(3, dim=1)
    out.error("chunk", lambda: parts[0].zero_())


@program("in-place")
def view_made_in_no_grad_modified_with_grad(v, out):
    x = leaf(v.m)
    base = x * 1
    with torch.no_grad():
        view = base[0]
    out.error("error", lambda: view.mul_(2))


@program("in-place")
def expanded_write_fails(v, out):
    t = v.a.clone().expand(2, 3)
    out.error("error", lambda: t.add_(1))


@program("in-place")
def inplace_broadcast_fails(v, out):
    out.error("error", lambda: v.a.clone().add_(v.q))


@program("in-place")
def inplace_type_promotion_fails(v, out):
    ints = torch.tensor([1, 2, 3])
    out.error("int += float", lambda: ints.add_(0.5))
    out.error("int /= int", lambda: ints.div_(2))
    out.error("bool += int", lambda: torch.tensor([True]).add_(1))


@program("in-place")
def transpose_view_inplace(v, out):
    x = leaf(v.m)
    base = x * 1
    base.t()[0].mul_(4)
    (base * v.n).sum().backward()
    out("grad", x.grad)


@program("in-place")
def inplace_relu_and_masked_fill(v, out):
    x = leaf(v.m)
    y = torch.relu_(x * 1)
    z = y.clone().masked_fill_(v.mask, 2.0)
    (z * v.n).sum().backward()
    out("z", z)
    out("grad", x.grad)


@program("in-place")
def clone_protects(v, out):
    x = leaf(v.a)
    y = x.exp()
    z = y.clone().mul_(3)
    z.sum().backward()
    out("grad", x.grad)


@program("in-place")
def index_put_accumulate(v, out):
    x, y = leaf(v.a), leaf(v.s)
    base = x * 1
    base.index_put_((v.index,), y.expand(4), accumulate=True)
    (base * v.b).sum().backward()
    out("base", base)
    out("x.grad", x.grad)
    out("y.grad", y.grad)


@program("in-place")
def index_assignment_with_mask(v, out):
    x, y = leaf(v.a), leaf(v.s)
    base = x * 2
    base[v.mask] = y
    (base * v.b).sum().backward()
    out("x.grad", x.grad)
    out("y.grad", y.grad)


@program("in-place")
def swap_rows_by_assignment(v, out):
    x = leaf(v.m)
    base = x * 1
    first = base[0].clone()
    base[0] = base[1]
    base[1] = first
    (base * v.n).sum().backward()
    out("base", base)
    out("grad", x.grad)


@program("in-place")
def zero_inplace_kills_gradient(v, out):
    x = leaf(v.a)
    y = x * 2
    y.zero_()
    (y + x).sum().backward()
    out("grad", x.grad)
