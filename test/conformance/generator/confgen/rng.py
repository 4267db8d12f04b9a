"""Family C: exact random numbers of the CPU generator (mt19937)."""

import os

import torch

from .codec import DTYPE_NAMES, DTYPES, Encoder
from .common import stable_seed
from .matching import mismatch

SEEDS = {"public": [0, 1, 42, 2147483647], "heldout": [7, 123456789, 2**40 + 5, -3]}
# randn fills blocks of 16 elements when size >= 16, one by one below.
SIZES = {"public": [1, 2, 5, 15, 16, 17, 32, 33, 100], "heldout": [3, 4, 8, 14, 16, 18, 31, 47, 121]}
SHAPES = {"public": [(2, 3), (4, 5), (3, 3, 3)], "heldout": [(3, 2), (5, 4), (2, 4, 3)]}
FLOATS = (torch.float32, torch.float64)


def step(path, *args, **kwargs):
    return {"call": path, "args": list(args), "kwargs": kwargs}


def programs(split):
    """(group, seed, steps): each step's result is recorded, all after one manual_seed."""
    seeds, sizes, shapes = SEEDS[split], SIZES[split], SHAPES[split]
    first, second = seeds[:2]
    for seed in seeds:
        for dtype in FLOATS:
            for n in sizes:
                yield "rand", seed, [step("rand", n, dtype=dtype)]
                yield "randn", seed, [step("randn", n, dtype=dtype)]
        # Interleaving shows whether the cached second normal value is handled alike.
        yield "interleaved", seed, [step("randn", 1), step("rand", 2), step("randn", 3), step("randn", 1)]
        yield "interleaved", seed, [step("randn", 3, dtype=torch.float64), step("randn", 1), step("randn", 16),
                                    step("rand", 1), step("randn", 1, dtype=torch.float64)]
        yield "interleaved", seed, [step("randint", 10, (3,)), step("randn", 17), step("randperm", 5), step("rand", 3)]
        for n in (1, 5, 20, sizes[-1]):
            yield "randperm", seed, [step("randperm", n)]
        yield "randint", seed, [step("randint", 10, (12,))]
        yield "randint", seed, [step("randint", -5, 5, (3, 4))]
        yield "randint", seed, [step("randint", 2**31, 2**33, (5,))]
        yield "randint", seed, [step("randint", 0, 2**62, (5,))]
        for dtype in (torch.int32, torch.uint8, torch.float32):
            yield "randint", seed, [step("randint", 0, 100, (9,), dtype=dtype)]
    for seed in (first, second):
        for shape in shapes:
            for dtype in FLOATS:
                yield "rand", seed, [step("rand", shape, dtype=dtype)]
                yield "randn", seed, [step("randn", shape, dtype=dtype)]
        for dtype in (torch.float16, torch.bfloat16, torch.complex64):
            for n in (5, 20):
                yield "rand", seed, [step("rand", n, dtype=dtype)]
                yield "randn", seed, [step("randn", n, dtype=dtype)]
        for n in (5, 20):
            for dtype in FLOATS:
                def empty(*extra, name, kwargs=None):
                    return [{"call": "Tensor." + name, "self": {"shape": [n], "dtype": DTYPE_NAMES[dtype]},
                             "args": list(extra), "kwargs": kwargs or {}}]
                yield "uniform_", seed, empty(-2.0, 3.0, name="uniform_")
                yield "normal_", seed, empty(1.5, 2.0, name="normal_")
                yield "exponential_", seed, empty(name="exponential_")
                yield "exponential_", seed, empty(2.5, name="exponential_")
                yield "bernoulli_", seed, empty(0.3, name="bernoulli_")
                yield "geometric_", seed, empty(0.4, name="geometric_")
                yield "cauchy_", seed, empty(0.5, 2.0, name="cauchy_")
                yield "log_normal_", seed, empty(0.2, 0.5, name="log_normal_")
                yield "random_", seed, empty(name="random_")
                yield "random_", seed, empty(3, 17, name="random_")
        generator = torch.Generator().manual_seed(stable_seed("rng inputs", split, seed))
        probabilities = (torch.rand(20, generator=generator) * 64).round() / 64
        weights = (torch.rand(3, 6, generator=generator) * 16).round() / 16 + 0.0625
        yield "bernoulli", seed, [step("bernoulli", probabilities)]
        yield "bernoulli", seed, [step("bernoulli", probabilities.double())]
        yield "bernoulli", seed, [step("bernoulli", probabilities, 0.25)]
        yield "multinomial", seed, [step("multinomial", weights, 4)]
        yield "multinomial", seed, [step("multinomial", weights, 10, True)]
        yield "multinomial", seed, [step("multinomial", weights[0], 1)]
        yield "normal", seed, [step("normal", 1.0, 2.0, (20,))]
        yield "normal", seed, [step("normal", weights, 0.5)]
        yield "poisson", seed, [step("poisson", weights * 4)]
        yield "rand_like", seed, [step("rand_like", weights), step("randn_like", weights)]
        yield "randint_like", seed, [step("randint_like", weights, 3, 30)]
        data = torch.arange(1.0, 25.0)
        for p in (0.5, 0.2):
            yield "dropout", seed, [step("nn.functional.dropout", data, p, True)]
            yield "dropout", seed, [step("nn.functional.dropout", data[:7], p, True)]
            yield "dropout", seed, [step("nn.functional.dropout2d", data.reshape(2, 3, 2, 2), p, True)]
            yield "dropout", seed, [step("nn.functional.alpha_dropout", data, p, True)]
        yield "rrelu", seed, [step("nn.functional.rrelu", data - 12, 0.1, 0.3, True)]
        yield "gumbel_softmax", seed, [step("nn.functional.gumbel_softmax", weights, 0.7)]
        for rows, columns in ((3, 4), (6, 5)):
            for dtype in FLOATS:
                def fill(name, *args, shape=(rows, columns), **kwargs):
                    return [{"call": "nn.init." + name, "self": {"shape": list(shape), "dtype": DTYPE_NAMES[dtype]},
                             "args": list(args), "kwargs": kwargs}]
                yield "init", seed, fill("kaiming_uniform_")
                yield "init", seed, fill("kaiming_uniform_", a=5 ** 0.5)
                yield "init", seed, fill("kaiming_uniform_", mode="fan_out", nonlinearity="relu")
                yield "init", seed, fill("kaiming_normal_")
                yield "init", seed, fill("kaiming_normal_", shape=(rows, columns, 3, 3), nonlinearity="relu")
                yield "init", seed, fill("xavier_uniform_")
                yield "init", seed, fill("xavier_uniform_", gain=1.5)
                yield "init", seed, fill("xavier_normal_")
                yield "init", seed, fill("trunc_normal_")
                yield "init", seed, fill("trunc_normal_", 0.5, 2.0, -1.0, 1.5)
                yield "init", seed, fill("orthogonal_")
                yield "init", seed, fill("orthogonal_", 2.0)
                yield "init", seed, fill("sparse_", 0.4)
                yield "init", seed, fill("normal_", 0.1, 0.02)
                yield "init", seed, fill("uniform_", -0.1, 0.3)
        for dtype in FLOATS:
            for name, args, kwargs in (
                    ("Linear", (3, 4), {}), ("Linear", (8, 2), {"bias": False}), ("Linear", (1, 1), {}),
                    ("Bilinear", (2, 3, 4), {}), ("Conv1d", (2, 3, 2), {}), ("Conv2d", (2, 3, 3), {}),
                    ("Conv2d", (4, 4, 1), {"groups": 2}), ("Conv3d", (1, 2, 2), {}),
                    ("ConvTranspose2d", (2, 3, 2), {}), ("LSTM", (3, 4), {}),
                    ("LSTM", (2, 3), {"num_layers": 2, "bidirectional": True}), ("GRU", (3, 2), {}),
                    ("RNN", (3, 2), {}), ("LSTMCell", (3, 2), {}), ("Embedding", (5, 3), {}), ("Embedding", (7, 4), {}),
                    ("Embedding", (6, 2), {"padding_idx": 1}), ("EmbeddingBag", (4, 3), {}),
                    ("BatchNorm2d", (3,), {}), ("LayerNorm", (4,), {}), ("PReLU", (2,), {}),
                    ("MultiheadAttention", (4, 2), {}), ("TransformerEncoderLayer", (4, 2, 6), {})):
                yield "module", seed, [{"call": "nn." + name, "args": list(args), "kwargs": {**kwargs, "dtype": dtype},
                                        "state_dict": True}]


def run_step(entry):
    """Perform one step; modules give their state_dict."""
    target = torch
    if "self" in entry:
        subject = torch.zeros(entry["self"]["shape"], dtype=DTYPES[entry["self"]["dtype"]])
        if entry["call"].startswith("Tensor."):
            return getattr(subject, entry["call"][7:])(*entry["args"], **entry["kwargs"])
        entry = {**entry, "args": [subject, *entry["args"]]}
    for part in entry["call"].split("."):
        target = getattr(target, part)
    result = target(*entry["args"], **entry["kwargs"])
    return {k: v.detach() for k, v in result.state_dict().items()} if entry.get("state_dict") else result


def generate(settings, report, log):
    groups = {}
    for group, seed, steps in programs(settings.split):
        groups.setdefault(group, []).append((seed, steps))
    for group, entries in groups.items():
        encoder, cases = Encoder(), []
        for seed, steps in entries:
            torch.manual_seed(seed)
            try:
                results = [run_step(s) for s in steps]
            except Exception as e:
                report.skip(f"{group}/{steps[0]['call']}", f"{type(e).__name__}: {e}")
                continue
            # float32 sampling goes through SIMD log/sin/cos, hence not always the last bit.
            cases.append({
                "id": f"rng/{group}/{len(cases)}", "seed": seed,
                "steps": [{**s, "args": [encoder.value(a) for a in s["args"]],
                           "kwargs": {k: encoder.value(v) for k, v in s["kwargs"].items()}} for s in steps],
                "out": [encoder.value(r, encoder.output_tensor) for r in results],
                "tol": [2e-6, 2e-6] if any(has_transcendental(s) for s in steps) else [0.0, 0.0],
            })
        size = encoder.save(os.path.join(settings.out, "rng"), group, {"group": group, "cases": cases})
        report.add(group, len(cases), size)


EXACT = {"rand", "randint", "randperm", "bernoulli", "Tensor.uniform_", "Tensor.random_", "Tensor.bernoulli_",
         "rand_like", "randint_like", "multinomial", "nn.functional.dropout", "nn.functional.dropout2d"}


def has_transcendental(entry):
    return entry["call"] not in EXACT


def replay_case(reader, case):
    torch.manual_seed(case["seed"])
    results = []
    for s in case["steps"]:
        entry = {**s, "args": [reader.value(a) for a in s["args"]],
                 "kwargs": {k: reader.value(v) for k, v in s["kwargs"].items()}}
        results.append(run_step(entry))
    return mismatch(results, [reader.value(o) for o in case["out"]])
