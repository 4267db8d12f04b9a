"""Programs about indexing, broadcasting, edge values and dtypes."""

import torch
import torch.nn.functional as F

from .registry import leaf, program


# -- indexing ----------------------------------------------------------------------------------------------

@program("indexing")
def grad_through_basic_indexing(v, out):
    x = leaf(v.q)
    (x[0].sum() + x[:, 1].prod() + x[1:, ::2].pow(2).sum() + x[-1, -1] + x[None, ..., 0].sum()).backward()
    out("grad", x.grad)


@program("indexing")
def grad_through_integer_arrays(v, out):
    x = leaf(v.a)
    (x[v.index] * torch.arange(1.0, 5.0)).sum().backward()
    out("grad", x.grad)


@program("indexing")
def grad_through_pairs_of_index_arrays(v, out):
    x = leaf(v.q)
    x[torch.tensor([0, 2, 2]), torch.tensor([1, 1, 1])].pow(2).sum().backward()
    out("grad", x.grad)


@program("indexing")
def grad_through_boolean_mask(v, out):
    x = leaf(v.m)
    mask = v.n > 0
    y = x[mask]
    out("count", y.numel())
    y.pow(2).sum().backward()
    out("grad", x.grad)


@program("indexing")
def grad_through_gather_and_scatter(v, out):
    x = leaf(v.m)
    index = torch.tensor([[0, 0, 2], [1, 2, 1]])
    gathered = x.gather(1, index)
    scattered = torch.zeros(2, 3).scatter_add(1, index, x * v.n)
    (gathered.pow(2).sum() + scattered.pow(3).sum()).backward()
    out("grad", x.grad)


@program("indexing")
def grad_through_take_and_index_add(v, out):
    x = leaf(v.m)
    y = x.take(torch.tensor([0, 5, 5])) * torch.tensor([1.0, 2.0, 3.0])
    z = torch.ones(3, 3).index_add(0, torch.tensor([2, 0]), x, alpha=2)
    (y.sum() + z.pow(2).sum()).backward()
    out("grad", x.grad)


@program("indexing")
def grad_of_max_with_ties(v, out):
    x = leaf(torch.tensor([2.0, 1.0, 2.0]))
    x.max().backward()
    out("max", x.grad)
    x.grad = None
    x.amax().backward()
    out("amax", x.grad)
    x.grad = None
    x.max(0).values.backward()
    out("max dim", x.grad)
    x.grad = None
    torch.maximum(x, torch.full((3,), 2.0)).sum().backward()
    out("maximum", x.grad)


@program("indexing")
def grad_of_sort_topk_median(v, out):
    x = leaf(v.q)
    weights = torch.arange(1.0, 4.0)
    (x.sort(1, descending=True).values * weights).sum().backward()
    out("sort", x.grad)
    x.grad = None
    (x.topk(2, dim=0).values * weights).sum().backward()
    out("topk", x.grad)
    x.grad = None
    x.median(1).values.sum().backward()
    out("median", x.grad)


@program("indexing")
def embedding_gradients(v, out):
    weight = leaf(v.q)
    F.embedding(v.index, weight, padding_idx=0).pow(2).sum().backward()
    out("grad", weight.grad)


@program("indexing")
def grad_through_cat_stack_pad(v, out):
    x, y = leaf(v.a), leaf(v.b)
    z = torch.cat([x, y, x]) * torch.arange(9.0)
    s = torch.stack([x, y], 1) ** 2
    p = F.pad(x, (1, 2)) * torch.arange(6.0)
    (z.sum() + s.sum() + p.sum()).backward()
    out("x.grad", x.grad)
    out("y.grad", y.grad)


# -- broadcasting, edge values and dtypes ---------------------------------------------------------------------

@program("broadcasting")
def gradients_are_reduced_to_shape(v, out):
    x, row, column, scalar = leaf(v.m), leaf(v.a), leaf(v.n[:, :1].clone()), leaf(v.s)
    (x * row + column / row - scalar * x).pow(2).sum().backward()
    for name, t in (("x", x), ("row", row), ("column", column), ("scalar", scalar)):
        out(name, t.grad)


@program("broadcasting")
def expand_and_repeat_gradients(v, out):
    x = leaf(v.a)
    (x.expand(4, 3) * v.batch).sum().backward()
    (x.repeat(2, 2) ** 2).sum().backward()
    out("grad", x.grad)


@program("broadcasting")
def matmul_broadcast_gradients(v, out):
    x, w = leaf(v.batch.reshape(2, 2, 3)), leaf(v.w)
    torch.matmul(x, w).pow(2).sum().backward()
    out("x.grad", x.grad)
    out("w.grad", w.grad)


@program("edge values")
def gradients_at_kinks(v, out):
    x = leaf(torch.tensor([-1.0, 0.0, 1.0]))
    for name, f in (("abs", torch.abs), ("relu", torch.relu), ("relu6", F.relu6), ("sign", torch.sign),
                    ("clamp", lambda t: t.clamp(0, 1)), ("hardtanh", F.hardtanh), ("elu", F.elu),
                    ("leaky_relu", F.leaky_relu), ("hardshrink", F.hardshrink), ("softshrink", F.softshrink),
                    ("norm", lambda t: (t * 0).norm()), ("floor", torch.floor), ("sqrt", lambda t: (t * t).sqrt())):
        (g,) = torch.autograd.grad(f(x).sum(), x)
        out(name, g)


@program("edge values")
def gradients_with_infinities(v, out):
    x = leaf(torch.tensor([0.0, 1.0, float("inf"), -1.0]))
    for name, f in (("log", torch.log), ("sqrt", torch.sqrt), ("reciprocal", torch.reciprocal), ("exp", torch.exp),
                    ("pow half", lambda t: t ** 0.5), ("pow zero", lambda t: t ** 0), ("logsumexp", lambda t: t.logsumexp(0)),
                    ("softmax", lambda t: F.softmax(t[:2], 0)), ("where", lambda t: torch.where(t > 0, t.log(), t))):
        (g,) = torch.autograd.grad(f(x).sum(), x)
        out(name, g)


@program("edge values")
def prod_gradient_with_zeros(v, out):
    for zeros in ([1.0, 2.0, 3.0], [0.0, 2.0, 3.0], [0.0, 0.0, 3.0]):
        x = leaf(torch.tensor(zeros))
        x.prod().backward()
        out(str(zeros), x.grad)


@program("edge values")
def empty_tensor_gradients(v, out):
    x = leaf(torch.zeros(0, 3))
    x.sum().backward()
    out("sum", x.grad)
    x.grad = None
    (x @ v.w).sum().backward()
    out("matmul", x.grad)


@program("dtypes")
def mixed_precision_gradients(v, out):
    x, y = leaf(v.a), leaf(v.d)
    (x * y).sum().backward()
    out("x.grad", x.grad)
    out("y.grad", y.grad)
    h = leaf(v.a.half())
    (h.float() * v.b).sum().backward()
    out("half", h.grad.dtype)


@program("dtypes")
def complex_gradients(v, out):
    z = leaf(torch.complex(v.a, v.b))
    (z.abs() ** 2).sum().backward()
    out("abs squared", z.grad)
    z.grad = None
    (z * z).real.sum().backward()
    out("real of square", z.grad)
    z.grad = None
    torch.view_as_real(z).prod(1).sum().backward()
    out("view_as_real", z.grad)
    out.error("complex scalar", lambda: (z * z).sum().backward())


@program("dtypes")
def real_to_complex_and_back(v, out):
    x = leaf(v.a)
    torch.fft.fft(x).abs().sum().backward()
    out("grad", x.grad)
    out("dtype", x.grad.dtype)
