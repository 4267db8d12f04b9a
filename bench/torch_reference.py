"""PyTorch on the same cases: `torch_reference.py CASES`, with the JSON of cases.mjs; one JSON line a case.
`torch_reference.py [] CASE OF` does once what is measured of a process."""
import json
import math
import os
import pathlib
import resource
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

THREADS = int(os.environ.get("THREADS", "1"))
BUDGET = float(os.environ.get("BUDGET_MS", "700")) / 1e3
WARM, BATCH, BATCHES = 0.3, 0.015, 60
torch.set_num_threads(THREADS)
torch.manual_seed(0)


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class GPT(nn.Module):
    def __init__(self, vocabulary, width, heads, layers, length):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.Sequential(*(Block(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, vocabulary, bias=False)

    def forward(self, i):
        return self.head(self.norm(self.blocks(self.tokens(i) + self.places)))


class Residual(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Identity() if stride == 1 else nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        inner = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(inner + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU())
        self.stages = nn.Sequential(Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2))
        self.head = nn.Linear(64, 10)

    def forward(self, x):
        return self.head(self.stages(self.stem(x)).mean((2, 3)))


class CharLSTM(nn.Module):
    def __init__(self, vocabulary, width):
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, vocabulary)

    def forward(self, i):
        return self.head(self.lstm(self.tokens(i))[0])


def numbers(n, seed=1, scale=1.0):
    """The numbers of cases.mjs: its steps `s * a + c`, taken at once; products and sums of 64 bits keep the low 32 right."""
    powers = torch.full((n,), 1664525).cumprod(0)
    sums = torch.cat([torch.ones(1, dtype=torch.int64), powers[:-1]]).cumsum(0)
    s = (powers * seed + sums * 1013904223) & 0xFFFFFFFF
    return (s.double() / 2**31 - 1) * scale


def tensor(*shape, seed=1, scale=1.0):
    return numbers(math.prod(shape), seed, scale).float().view(shape)


def leaf(*shape, seed=1, scale=1.0):
    return tensor(*shape, seed=seed, scale=scale).requires_grad_()


def classes(n, limit, seed=1):
    return ((numbers(n, seed).float().double() + 1) / 2 * limit).floor().long()


def text(c):
    n = c["batch"] * c["length"]
    return classes(n, c["vocabulary"]).view(c["batch"], c["length"]), classes(n, c["vocabulary"], seed=2)


def values(tensors):
    """What results are compared by: `fingerprint` of cases.mjs."""
    return [float(f"{t.detach().double().flatten() @ numbers(t.numel(), 11).float().double():.7g}") for t in tensors]


# A job is what one run does, and what tells the results of the first runs.


def forward(f):
    def results():
        out = f()
        return values([out] if isinstance(out, torch.Tensor) else out)

    return f, results


def both_ways(f, *leaves):
    """A layer forward and backward; the gradients of `leaves` are what is asked for."""
    g = tensor(*f().shape, seed=9)

    def run():
        for t in leaves:
            t.grad = None
        out = f()
        out.backward(g)
        return out

    return run, lambda: values([run(), *(t.grad for t in leaves)])


def training(c, model, x, y):
    kind = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[c["opt"]]
    optimizer = kind(model.parameters(), lr=c["lr"], **({"momentum": c["momentum"]} if "momentum" in c else {}))

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x).view(len(y), -1), y)
        loss.backward()
        optimizer.step()
        return loss

    return step, lambda: values([step(), step()])


def chain(a, b):
    for _ in range(100):
        a = a + b


def dot_backward(x):
    (2 * torch.dot(x, x)).backward()
    x.grad = None


def conv_grad(x, w, g):
    x.grad = w.grad = None
    F.conv2d(x, w, padding=1).backward(g)


def basic(c):
    """The cases of one op: what a run does."""
    kind, rand = c["kind"], torch.randn
    if kind in ("tinyAdd", "tinyChain"):
        a, b = torch.ones(4), torch.ones(4)
        return (lambda: a + b) if kind == "tinyAdd" else lambda: chain(a, b)
    if kind == "tinyDot":
        x = torch.arange(4.0, requires_grad=True)
        return lambda: dot_backward(x)
    if kind == "matmul":
        a, b = rand(c["m"], c["k"]), rand(c["k"], c["n"])
        return lambda: a @ b
    if kind == "binary":
        a, b = rand(c["n"]), rand(c["n"])
        return (lambda: a + b) if c["op"] == "add" else lambda: a * b
    if kind == "unary":
        a = rand(c["n"])
        f = {"exp": torch.exp, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "gelu": lambda x: F.gelu(x, approximate="tanh")}[c["op"]]
        return lambda: f(a)
    if kind == "sum":
        a = rand(c["n"])
        return lambda: a.sum()
    if kind in ("softmax", "layerNorm", "transpose", "addRow"):
        a, w, b = rand(c["r"], c["c"]), torch.ones(c["c"]), rand(c["c"])
        return {
            "softmax": lambda: torch.softmax(a, 1), "layerNorm": lambda: F.layer_norm(a, w.shape, w, b),
            "transpose": lambda: a.t().contiguous(), "addRow": lambda: a + b,
        }[kind]
    if kind == "conv":
        x, w = rand(c["x"]), rand(c["w"])
        return lambda: F.conv2d(x, w, padding=1)
    if kind == "convGrad":
        x, w = rand(c["x"], requires_grad=True), rand(c["w"], requires_grad=True)
        g = rand(c["x"][0], c["w"][0], *c["x"][2:])
        return lambda: conv_grad(x, w, g)
    if kind == "maxPool":
        x = rand(c["x"])
        return lambda: F.max_pool2d(x, 2)
    return None


def op(c):
    """More ops, forward."""
    kind, n, r, width = c["kind"], c.get("n", 0), c.get("r", 1), c.get("c", 1)
    a = tensor(r, width) if "r" in c else tensor(n)
    if kind == "sort":
        return a.sort, lambda: values([a.sort()[0]])
    if kind == "cumsum":
        return forward(lambda: a.cumsum(0))
    if kind in ("where", "maskedFill"):
        b, mask = tensor(n, seed=2), tensor(n, seed=3) > 0
        return forward((lambda: torch.where(mask, a, b)) if kind == "where" else lambda: a.masked_fill(mask, 0))
    if kind == "indexSelect":
        i = classes(n, r)
        return forward(lambda: a.index_select(0, i))
    if kind == "gather":
        i = classes(r * width, width, seed=2).view(r, width)
        return forward(lambda: a.gather(1, i))
    if kind == "cat":
        b = tensor(r, width, seed=2)
        return forward(lambda: torch.cat([a, b], 1))
    return forward(lambda: torch.max(a, 1)) if kind == "maxRow" else None


def layer(c):
    """Layers, forward and backward."""
    kind = c["kind"]
    if kind == "linear":
        x, w, b = leaf(c["batch"], c["from"]), leaf(c["to"], c["from"], seed=2), leaf(c["to"], seed=3)
        return both_ways(lambda: F.linear(x, w, b), x, w, b)
    if kind == "embedding":
        i, w = classes(c["n"], c["rows"]), leaf(c["rows"], c["width"])
        return both_ways(lambda: F.embedding(i, w), w)
    if kind == "attention":
        q, k, v = (leaf(*c["x"], seed=seed) for seed in (1, 2, 3))
        return both_ways(lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True), q, k, v)
    if kind == "lstmLayer":
        lstm, x = nn.LSTM(c["from"], c["to"], batch_first=True), leaf(c["batch"], c["length"], c["from"])
        with torch.no_grad():
            for i, p in enumerate(lstm.parameters()):
                p.copy_(tensor(*p.shape, seed=i + 2, scale=0.1))
        return both_ways(lambda: lstm(x)[0], x, *lstm.parameters())
    if kind == "batchNorm":
        norm, x = nn.BatchNorm2d(c["x"][1]), leaf(*c["x"])
        return both_ways(lambda: norm(x), x, norm.weight, norm.bias)
    if kind == "groupNorm":
        x, w, b = leaf(*c["x"]), torch.ones(c["x"][1], requires_grad=True), torch.zeros(c["x"][1], requires_grad=True)
        return both_ways(lambda: F.group_norm(x, c["groups"], w, b), x, w, b)
    if kind == "dropout":
        x = leaf(c["r"], c["c"])
        return both_ways(lambda: F.dropout(x), x)[0], None
    if kind == "crossEntropy":
        x, y = leaf(c["r"], c["c"], scale=4), classes(c["r"], c["c"], seed=2)
        return both_ways(lambda: F.cross_entropy(x, y), x)
    return None


def step_of(c):
    """Steps of training."""
    kind, batch = c["kind"], c["batch"]
    if kind == "mlp":
        model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        return training(c, model, tensor(batch, 784), classes(batch, 10))
    if kind == "lenet":
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
        return training(c, model, tensor(batch, 1, 28, 28), classes(batch, 10))
    if kind == "gpt":
        return training(c, GPT(*(c[k] for k in ("vocabulary", "width", "heads", "layers", "length"))), *text(c))
    if kind == "resnet":
        return training(c, ResNet(), tensor(batch, 3, 32, 32), classes(batch, 10))
    return training(c, CharLSTM(c["vocabulary"], c["width"]), *text(c)) if kind == "lstm" else None


def job(c):
    torch.manual_seed(0)
    if c["group"] in ("ops", "layers", "training"):
        return {"ops": op, "layers": layer, "training": step_of}[c["group"]](c)
    run = basic(c)
    return run and (run, None)


def measure(run):
    """Times batches of runs, as worker.mjs does."""
    def once(n):
        begin = time.perf_counter()
        for _ in range(n):
            run()
        return time.perf_counter() - begin

    first, runs, spent = once(1), 0, 0.0
    while runs < 2 or spent < WARM:
        n = max(1, min(1000, int(BATCH * runs / max(spent, 1e-9))))
        spent += once(n)
        runs += n
    batch, times, spent = max(1, round(BATCH * runs / spent)), [], 0.0
    while len(times) < 5 or (spent < BUDGET and len(times) < BATCHES):
        seconds = once(batch)
        spent += seconds
        times.append(seconds / batch)
    times.sort()
    us = lambda seconds: float(f"{seconds * 1e6:.5g}")
    return {"min_us": us(times[0]), "median_us": us(times[len(times) // 2]), "first_us": us(first), "batches": len(times), "batch": batch}


def loops(cases):
    for case in cases:
        if made := job(case):
            told = measure(made[0])
            results = made[1] and job(case)[1]()
            print(json.dumps({"peer": "torch", "version": torch.__version__, "threads": THREADS, "case": case["name"], **told, "check": results}), flush=True)


def high_water():
    """The most memory that was resident; what `resource` tells is at least what the parent had when it started the process."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def size():
    """Code and libraries of the package, as they are for a processor alone."""
    files = [file for kind in ("*.py", "*.so*") for file in pathlib.Path(torch.__path__[0]).rglob(kind)]
    return sum(file.stat().st_size for file in files if not any(word in file.name for word in ("cuda", "nvrtc", "nvshmem")))


def once(case, of):
    """A case of the group `process`, which process.mjs measures from outside."""
    told = {"peer": "torch", "version": torch.__version__}
    if case["kind"] == "startUp":
        torch.ones(4) + torch.ones(4)
        torch.ones(4, 4) @ torch.ones(4, 4)
    elif case["kind"] == "memory":
        run = job(of)[0]
        for _ in range(case["steps"]):
            run()
        told["bytes"] = high_water()
    elif not case.get("gzip"):
        told["bytes"] = size()
    print(json.dumps(told))


cases, *outside = map(json.loads, sys.argv[1:])
loops(cases)
if outside:
    once(*outside)
