"""Family G: small programs about autograd semantics and what they must produce.

Every program is a function `(v, out)`: `v` holds its inputs (drawn per split, see `make_inputs`), `out(label, value)`
records a result and `out.error(label, thunk)` the error that the thunk raises.  Vectors carry the program's source, so
that it can be translated by hand, and the inputs and results of each split.
"""

import inspect
import os
import textwrap
import types
import warnings

import torch

from ..codec import Encoder
from ..common import error_record, stable_seed, uniform_like
from ..matching import mismatch
from . import (backward, custom_functions, grad_modes, graph, higher_order, hooks,  # noqa: F401 (they register)
               in_place, leaves, training, transforms, values)
from .registry import PROGRAMS

TOLERANCE = [1e-5, 2e-5]


class Recorder:
    """Collects (label, value) pairs in order."""

    def __init__(self):
        self.results = []

    def __call__(self, label, value):
        if isinstance(value, torch.Tensor):
            value = value.detach().clone()
        self.results.append((label, value))

    def error(self, label, thunk):
        try:
            thunk()
        except Exception as e:
            self.results.append((label, {"error": [type(e).__name__, error_record(e)["message"]]}))
        else:
            self.results.append((label, {"error": None}))


def make_inputs(split, seed, name):
    """Inputs of one program: float32 unless the name says otherwise."""
    g = torch.Generator().manual_seed(stable_seed("programs", split, seed, name))

    def signed(*shape):
        size = uniform_like(torch.empty(shape), g, 0.25, 2.0)
        return torch.where(torch.rand(shape, generator=g) < 0.5, -size, size)

    def positive(*shape):
        return uniform_like(torch.empty(shape), g, 0.25, 2.0)

    return {
        "a": signed(3), "b": signed(3), "p": positive(3), "m": signed(2, 3), "n": signed(2, 3), "w": signed(3, 2),
        "q": signed(3, 3), "s": signed(), "t": positive(), "batch": signed(4, 3),
        "d": signed(3).double(), "e": positive(3).double(), "dm": signed(2, 3).double(),
        "k": float(positive().item()), "i": int(torch.randint(0, 3, (), generator=g)),
        "mask": torch.rand(3, generator=g) < 0.5, "index": torch.randint(0, 3, (4,), generator=g),
        "image": signed(1, 2, 4, 4), "kernel": signed(3, 2, 2, 2),
    }


def run(fn, inputs):
    recorder = Recorder()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        fn(types.SimpleNamespace(**inputs), recorder)
    return recorder.results


def generate(settings, report, log):
    encoder, cases, topics = Encoder(), [], {}
    for topic, fn in PROGRAMS:
        inputs = make_inputs(settings.split, settings.seed, fn.__name__)
        source = textwrap.dedent(inspect.getsource(fn))
        used = {k: t for k, t in inputs.items() if f"v.{k}" in source}
        try:
            results = run(fn, {k: t.clone() if isinstance(t, torch.Tensor) else t for k, t in inputs.items()})
            cases.append({
                "id": f"autograd/{fn.__name__}", "topic": topic, "source": source,
                "inputs": {k: encoder.value(t) for k, t in used.items()},
                "out": [[label, encoder.value(value, encoder.output_tensor)] for label, value in results],
                "tol": TOLERANCE,
            })
            topics[topic] = topics.get(topic, 0) + 1
        except Exception as e:
            log(f"program {fn.__name__}: {type(e).__name__}: {e}")
            report.skip(fn.__name__, f"{type(e).__name__}: {e}")
    size = encoder.save(os.path.join(settings.out, "autograd"), "programs",
                        {"leaf": "leaf(t) is t.clone().requires_grad_()", "cases": cases})
    report.add("programs", len(cases), size, topics=topics)


def replay_case(reader, case):
    fn = next(f for _, f in PROGRAMS if f"autograd/{f.__name__}" == case["id"])
    inputs = make_inputs("public", 0, fn.__name__)
    inputs.update({k: reader.value(t) for k, t in case["inputs"].items()})
    results = run(fn, inputs)
    if [r[0] for r in results] != [o[0] for o in case["out"]]:
        return "labels differ"
    return mismatch([r[1] for r in results], [reader.value(o[1]) for o in case["out"]], case["tol"])
