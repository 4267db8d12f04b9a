"""Family B: repr() of tensors under many dtypes, shapes, values and print options."""

import os
import random

import torch

from .codec import DTYPES, Encoder
from .common import stable_seed

FLOATS = ["float32", "float64", "float16", "bfloat16"]
INTEGERS = ["int64", "int32", "int16", "int8", "uint8"]
NAN, INF = float("nan"), float("inf")

SHAPES = [(), (1,), (3,), (7,), (2, 3), (1, 1), (3, 1), (2, 2, 2), (1, 2, 1, 3), (2, 1, 2, 2)]
HELDOUT_SHAPES = [(), (1,), (4,), (9,), (3, 2), (1, 1), (4, 1), (2, 3, 2), (1, 3, 1, 2), (2, 2, 1, 2)]
EMPTY_SHAPES = [(0,), (0, 3), (2, 0), (1, 0, 4), (0, 0)]
SUMMARY_SHAPES = [(1001,), (40, 30), (2000,), (3, 500), (11, 10, 10), (4, 4, 4, 20), (1500, 1), (1, 1200)]
HELDOUT_SUMMARY_SHAPES = [(1002,), (35, 31), (3000,), (2, 700), (9, 12, 10), (3, 5, 4, 20), (1300, 1), (1, 1999)]

OPTION_SETS = [
    {"precision": 2}, {"precision": 0}, {"precision": 8}, {"precision": 1, "sci_mode": True},
    {"sci_mode": True}, {"sci_mode": False}, {"sci_mode": True, "precision": 6},
    {"linewidth": 40}, {"linewidth": 20}, {"linewidth": 120}, {"linewidth": 200, "precision": 6},
    {"threshold": 5}, {"threshold": 5, "edgeitems": 1}, {"threshold": 10, "edgeitems": 2},
    {"threshold": 0, "edgeitems": 4, "linewidth": 60}, {"profile": "short"}, {"profile": "full"},
    {"profile": "default"}, {"profile": "short", "precision": 5}, {"profile": "full", "linewidth": 50},
]


def value_sets(heldout):
    """Float value lists that steer the formatter into its different modes."""
    if heldout:
        return {
            "integral": [4.0, -5.0, 6.0], "integral wide": [2.0, 123456.0, -78.0], "fraction": [0.25, -7.5, 11.125],
            "negative zero": [0.0, -0.0], "nan": [NAN, 2.0], "inf": [INF, -INF, 3.0], "nan only": [NAN, NAN],
            "mixed nonfinite": [NAN, INF, -2.75], "large ratio": [2e-5, 40.0], "tiny": [3e-9, -2e-9],
            "huge": [7e10, 3.5e11], "huge integral": [4e8, 2.0], "edge 1e8": [1.2e8, 5.0], "below 1e8": [9.5e7, 2.5],
            "ratio 1000": [2.0, 2001.5], "ratio under 1000": [2.0, 1999.5], "1e-4": [2e-4, 1.0], "below 1e-4": [8e-5, 1.0],
            "third": [2 / 3, -2 / 7], "rounding": [0.33335, 2.99995], "zeros": [0.0, 0.0, 0.0],
            "max": [3.4e38, -1.0], "denormal": [2e-42, 0.0], "pair": [10.5, 0.0625, -100.0],
        }
    return {
        "integral": [1.0, -2.0, 3.0], "integral wide": [1.0, 1000.0, -99999.0], "fraction": [0.5, -1.25, 3.0625],
        "negative zero": [-0.0, 1.0], "nan": [NAN, 1.0], "inf": [INF, -INF, 1.0], "nan only": [NAN],
        "mixed nonfinite": [NAN, INF, 0.5], "large ratio": [1e-5, 100.0], "tiny": [1e-10, 2e-10],
        "huge": [1e10, 2.5e10], "huge integral": [1e9, 1.0], "edge 1e8": [1e8, 1.0], "below 1e8": [99999999.0, 1.5],
        "ratio 1000": [1.0, 1000.5], "ratio under 1000": [1.0, 999.5], "1e-4": [1e-4, 1.0], "below 1e-4": [9.9e-5, 1.0],
        "third": [1 / 3, -1 / 3], "rounding": [0.99995, 1.00005], "zeros": [0.0, 0.0],
        "max": [3.4028234e38, 1.0], "denormal": [1e-40, 0.0], "pair": [12.5, -0.125, 100.0],
    }


class PrintCases:
    def __init__(self, settings):
        self.settings = settings
        self.encoder = Encoder()
        self.rng = random.Random(stable_seed("print", settings.split, settings.seed))
        self.generator = torch.Generator().manual_seed(stable_seed("print", settings.split, settings.seed))
        self.cases = []

    def add(self, group, t, options=None, default_dtype=None, apply=None):
        """One case; `apply` = (function name, extra args) gives the tensor a grad_fn first."""
        encoded = self.encoder.value(t)
        shown = t
        if apply:
            path, extra = apply
            shown = getattr(torch, path)(t, *extra)
        previous = torch.get_default_dtype()
        torch.set_printoptions(profile="default")
        try:
            if default_dtype:
                torch.set_default_dtype(DTYPES[default_dtype])
            if options:
                torch.set_printoptions(**options)
            text = repr(shown)
            plain = str(shown)
        finally:
            torch.set_default_dtype(previous)
            torch.set_printoptions(profile="default")
        case = {"id": f"print/{len(self.cases)}", "group": group, "tensor": encoded["tensor"], "repr": text}
        if plain != text:
            case["str"] = plain
        if options:
            case["options"] = {k: self.encoder.value(v) for k, v in options.items()}
        if default_dtype:
            case["default_dtype"] = default_dtype
        if apply:
            case["apply"] = {"path": apply[0], "args": [self.encoder.value(a) for a in apply[1]]}
        self.cases.append(case)

    def floats(self, shape, dtype, scale=1.0):
        x = (torch.rand(shape, generator=self.generator, dtype=torch.float64) * 2 - 1) * scale
        return x.to(DTYPES[dtype])

    def integers(self, shape, dtype, limit=100):
        low = 0 if dtype == "uint8" else -limit
        return torch.randint(low, limit, shape, generator=self.generator).to(DTYPES[dtype])

    def build(self):
        heldout = self.settings.heldout
        shapes = HELDOUT_SHAPES if heldout else SHAPES
        summaries = HELDOUT_SUMMARY_SHAPES if heldout else SUMMARY_SHAPES
        for name, values in value_sets(heldout).items():
            for dtype in ("float32", "float64"):
                self.add("values: " + name, torch.tensor(values, dtype=DTYPES[dtype]))
            self.add("scalar: " + name, torch.tensor(values[0]))
        for dtype in ("float16", "bfloat16"):
            for name in ("fraction", "integral", "nan", "third", "large ratio", "ratio 1000"):
                self.add("values: " + name, torch.tensor(value_sets(heldout)[name], dtype=DTYPES[dtype]))
        for shape in shapes:
            for dtype in FLOATS:
                self.add("shape", self.floats(shape, dtype, self.rng.choice([1, 10, 300])))
            for dtype in ("int64", self.rng.choice(INTEGERS[1:])):
                self.add("shape", self.integers(shape, dtype, self.rng.choice([5, 100, 127])))
            self.add("shape", self.integers(shape, "int64") > 0)
            self.add("shape", torch.complex(self.floats(shape, "float32"), self.floats(shape, "float32", 20)))
        for shape in EMPTY_SHAPES:
            for dtype in ("float32", "float64", "int64", "bool"):
                self.add("empty", torch.empty(shape, dtype=DTYPES[dtype]))
        for n, shape in enumerate(summaries):
            self.add("summarised", self.floats(shape, "float32"))
            if n < 5:
                self.add("summarised", self.integers(shape, "int64", 10 ** (n + 1)))
            if n < 3:
                self.add("summarised", self.integers(shape, "int64") > 0)
                self.add("summarised", self.floats(shape, "float64", 1e5))
        for count in (10, 18, 25, 40, 100):
            self.add("wrapped", self.floats((count,), "float32"))
            self.add("wrapped", self.integers((count,), "int64", 1000))
            self.add("wrapped", self.integers((2, count), "int64") > 0)
        self.add("wrapped", self.floats((3, 30), "float64"))
        for options in OPTION_SETS:
            self.add("options", self.floats((3, 4), "float32", 50), options)
            self.add("options", self.floats((6,), "float64", 1e-3), options)
            self.add("options", self.integers((4, 5), "int64", 1000), options)
        for options in OPTION_SETS[:12:3]:
            self.add("options", torch.tensor([NAN, INF, -1.5]), options)
            self.add("options", torch.complex(self.floats((3,), "float32"), self.floats((3,), "float32")), options)
        big = [2**53 + 1, -(2**63), 2**63 - 1]
        self.add("integers", torch.tensor(big))
        self.add("integers", torch.tensor(big[2]))
        self.add("integers", torch.tensor([127, -128], dtype=torch.int8))
        self.add("integers", torch.tensor([255, 0], dtype=torch.uint8))
        for dtype in FLOATS:
            self.add("requires_grad", self.floats((2, 2), dtype).requires_grad_())
        for shape in ((), (3,), (0,), (20,), (1100,)):
            self.add("requires_grad", self.floats(shape, "float32").requires_grad_())
        for path, extra in (("mul", (2.0,)), ("add", (1,)), ("exp", ()), ("sum", ()), ("t", ()), ("sigmoid", ()),
                            ("reshape", ((4,),)), ("transpose", (0, 1)), ("clone", ()), ("pow", (2,)), ("mean", (0,)),
                            ("detach", ()), ("unsqueeze", (0,)), ("softmax", (1,)), ("select", (0, 1)), ("neg", ())):
            self.add("grad_fn", self.floats((2, 2), "float32").requires_grad_(), apply=(path, extra))
        self.add("grad_fn", self.floats((3, 20), "float32").requires_grad_(), apply=("mul", (3.0,)))
        self.add("grad_fn", self.floats((1200,), "float64").requires_grad_(), apply=("neg", ()))
        for dtype in ("float32", "float64"):
            self.add("default dtype", self.floats((3,), dtype), default_dtype="float64")
            self.add("default dtype", torch.complex(self.floats((2,), dtype), self.floats((2,), dtype)),
                     default_dtype="float64")
        self.add("strided", self.floats((4, 3), "float32").t())
        self.add("strided", self.integers((10,), "int64")[::3])
        self.add("strided", self.floats((1,), "float32").expand(2, 3))
        return self.cases


def generate(settings, report, log):
    builder = PrintCases(settings)
    cases = builder.build()
    size = builder.encoder.save(os.path.join(settings.out, "print"), "print",
                                {"note": "repr of the tensor after set_printoptions(profile='default'), then options",
                                 "cases": cases})
    report.add("print", len(cases), size)


def replay_case(reader, case):
    t = reader.tensor(case["tensor"])
    if "apply" in case:
        extra = [reader.value(a) for a in case["apply"]["args"]]
        t = getattr(torch, case["apply"]["path"])(t, *extra)
    previous = torch.get_default_dtype()
    torch.set_printoptions(profile="default")
    try:
        if "default_dtype" in case:
            torch.set_default_dtype(DTYPES[case["default_dtype"]])
        if "options" in case:
            torch.set_printoptions(**{k: reader.value(v) for k, v in case["options"].items()})
        text = repr(t)
    finally:
        torch.set_default_dtype(previous)
        torch.set_printoptions(profile="default")
    return None if text == case["repr"] else f"{text!r} instead of {case['repr']!r}"
