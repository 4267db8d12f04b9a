"""PyTorch on the same cases: `torch_reference.py CASES`, with the JSON of cases.mjs; one JSON line a case."""
import json
import os
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


def training(c, model, x, y):
    optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam, "adamw": torch.optim.AdamW}[c["opt"]](model.parameters(), lr=c["lr"])

    def step():
        optimizer.zero_grad()
        F.cross_entropy(model(x).view(len(y), -1), y).backward()
        optimizer.step()

    return step


def chain(a, b):
    for _ in range(100):
        a = a + b


def dot_backward(x):
    (2 * torch.dot(x, x)).backward()
    x.grad = None


def conv_grad(x, w, g):
    x.grad = w.grad = None
    F.conv2d(x, w, padding=1).backward(g)


def job(c):
    """What one run of a case does."""
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
    batch = c["batch"]
    if kind == "mlp":
        model = nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
        return training(c, model, rand(batch, 784), torch.randint(10, (batch,)))
    if kind == "lenet":
        model = nn.Sequential(
            nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))
        return training(c, model, rand(batch, 1, 28, 28), torch.randint(10, (batch,)))
    if kind == "gpt":
        model = GPT(*(c[k] for k in ("vocabulary", "width", "heads", "layers", "length")))
        return training(c, model, torch.randint(c["vocabulary"], (batch, c["length"])), torch.randint(c["vocabulary"], (batch * c["length"],)))
    return None


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


for case in json.loads(sys.argv[1]):
    run = job(case)
    if run:
        print(json.dumps({"peer": "torch", "version": torch.__version__, "threads": THREADS, "case": case["name"], **measure(run)}), flush=True)
