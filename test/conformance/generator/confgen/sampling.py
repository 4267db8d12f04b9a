"""Samples of an OpInfo: how they are drawn, which are kept, and special values for elementwise ops."""

import random
import time
import warnings

import torch

from .calls import public_call
from .codec import flatten_tensors

MAX_SAMPLES_SCANNED = 600
MAX_SCAN_SECONDS = 6.0

UNARY_EDGES = {
    "public": [0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1.0, -1.0, 0.5, -0.5, 2.0, -2.0,
               1.5, -1.5, 2.5, -2.5, 1e-8, -1e-8, 1e-20, 0.999, -0.999, 3.140625, -3.140625, 10.25,
               -10.25, 50.0, -50.0, 88.0, -88.0, 120.0, -120.0, 1000.5, -1000.5, 1e8, -1e8, 1e20, 3e38],
    "heldout": [0.0, -0.0, float("inf"), float("-inf"), float("nan"), 1.0, -1.0, 0.25, -0.75, 3.0, -3.0,
                3.5, -3.5, 4.5, -4.5, 2e-7, -2e-7, 1e-25, 0.9375, -0.9375, 6.28125, -6.28125, 17.125,
                -17.125, 42.5, -42.5, 87.0, -87.0, 130.0, -130.0, 2048.75, -2048.75, 2e7, -2e7, 1e19, -3e38],
}
BINARY_EDGES = {
    "public": [0.0, -0.0, 1.0, -1.0, 2.5, -2.5, float("inf"), float("-inf"), float("nan")],
    "heldout": [0.0, -0.0, 1.0, -1.0, 3.0, -0.75, float("inf"), float("-inf"), float("nan")],
}
INTEGER_EDGES = {
    "public": [-7, -3, -2, -1, 1, 2, 3, 7, 10, 2**31, 2**53 + 1],
    "heldout": [-9, -4, -2, -1, 1, 2, 4, 9, 12, 2**31 + 3, 2**53 + 3],
}


class SampleSource:
    """Draws OpInfo samples with a chosen seed and, for held-out, other base sizes."""

    HELDOUT_SIZES = {"S": 4, "M": 7, "L": 12}
    SMALL_SIZES = {False: {"S": 2, "M": 4, "L": 8}, True: {"S": 3, "M": 6, "L": 12}}

    def __init__(self):
        import torch.testing._internal.common_methods_invocations as cmi
        import torch.testing._internal.common_utils as common_utils
        from torch.testing._internal.opinfo import core
        from torch.testing._internal.opinfo.definitions import _masked, fft, linalg, special
        self.common_utils, self.op_db = common_utils, cmi.op_db
        self.modules = [m for m in (cmi, core, _masked, fft, linalg, special)]
        self.original = {m: {n: getattr(m, n) for n in "SML" if hasattr(m, n)} for m in self.modules}

    def _set_sizes(self, sizes):
        for module, names in self.original.items():
            for name, value in names.items():
                setattr(module, name, (sizes or {}).get(name, value))

    def samples(self, info, dtype, requires_grad, seed, sizes):
        if info.full_name in OWN_SAMPLES:
            torch.manual_seed(seed)
            return list(OWN_SAMPLES[info.full_name](dtype, requires_grad))
        self.common_utils.SEED = seed
        found, start = [], time.monotonic()
        self._set_sizes(sizes)
        try:
            torch.manual_seed(seed)
            random.seed(seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                for sample in info.sample_inputs("cpu", dtype, requires_grad=requires_grad):
                    found.append(sample)
                    if len(found) >= MAX_SAMPLES_SCANNED or time.monotonic() - start > MAX_SCAN_SECONDS:
                        break
        finally:
            self._set_sizes(None)
        return found

    def errors(self, info, seed):
        self.common_utils.SEED = seed
        # Some error inputs are torch.empty(); this mode fills them with a fixed value.
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return list(info.error_inputs("cpu"))
        finally:
            torch.use_deterministic_algorithms(False)


def ctc_samples(dtype, requires_grad):
    """The OpInfo's samples are far too large for a vector file."""
    from torch.testing._internal.opinfo.core import SampleInput
    if not dtype.is_floating_point:
        return
    for steps, batch, classes, blank, reduction, zero_infinity, concatenated in (
            (6, 3, 5, 0, "mean", False, False), (5, 2, 4, 0, "sum", False, False),
            (6, 3, 4, 3, "none", False, False), (7, 2, 6, 0, "mean", False, True),
            (2, 2, 4, 0, "none", True, False), (8, 1, 3, 1, "sum", True, False),
            (6, None, 5, 0, "mean", False, False)):
        rows = batch or 1
        shape = (steps, classes) if batch is None else (steps, rows, classes)
        log_probs = torch.randn(shape, dtype=dtype).log_softmax(-1)
        labels = [n for n in range(classes) if n != blank]
        lengths = torch.randint(1, 4, (rows,))
        targets = torch.tensor(labels)[torch.randint(0, len(labels), (rows, 3))]
        if concatenated:
            targets = torch.cat([t[:n] for t, n in zip(targets, lengths)])
        inputs = torch.full((rows,), steps)
        if batch is None:
            targets, inputs, lengths = targets[0, :lengths[0]], inputs[0], lengths[0]
        yield SampleInput(log_probs.detach().requires_grad_(requires_grad), args=(targets, inputs, lengths),
                          kwargs={"blank": blank, "reduction": reduction, "zero_infinity": zero_infinity})


OWN_SAMPLES = {"nn.functional.ctc_loss": ctc_samples}


def strided_twin(sample):
    """The sample with every tensor of two or more elements made non-contiguous."""
    def spread(t):
        if t.ndim == 0 or t.numel() < 2 or t.layout != torch.strided:
            return t
        wide = t.detach().repeat_interleave(2, dim=-1)
        return wide[..., ::2].requires_grad_(t.requires_grad)

    def walk(v):
        if isinstance(v, torch.Tensor):
            return spread(v)
        if isinstance(v, list):
            return [walk(x) for x in v]
        if type(v) is tuple:
            return tuple(walk(x) for x in v)
        if isinstance(v, dict):
            return {k: walk(x) for k, x in v.items()}
        return v
    return walk(sample.input), walk(sample.args), walk(sample.kwargs)


def describe(value, key, features):
    """Adds the traits of one argument to `features` as {trait: weight}."""
    if isinstance(value, torch.Tensor):
        features[key, "ndim", value.ndim] = 1.0
        features[key, "dtype", value.dtype] = 1.0
        features[key, "shape", tuple(value.shape)] = 0.4
        if value.numel() == 0:
            features[key, "empty"] = 1.0
        elif not value.is_contiguous():
            features[key, "strided"] = 1.0
        if value.requires_grad:
            features[key, "requires_grad"] = 1.0
    elif isinstance(value, (list, tuple)):
        features[key, type(value).__name__, len(value)] = 0.7
        for i, item in enumerate(value[:3]):
            describe(item, (key, i), features)
    elif isinstance(value, dict):
        features[key, tuple(sorted(map(str, value)))] = 1.0
        for k, item in value.items():
            describe(item, (key, k), features)
    else:
        features[key, type(value).__name__] = 1.0
        features[key, repr(value)] = 0.7


def traits(sample):
    features = {}
    describe(sample.input, "input", features)
    for i, value in enumerate(sample.args):
        describe(value, i, features)
    describe(sample.kwargs, "kwargs", features)
    shapes = {tuple(t.shape) for t in flatten_tensors([sample.input, *sample.args])}
    features["distinct shapes", min(len(shapes), 3)] = 0.7
    return features


def largest(sample):
    sizes = [t.numel() for t in flatten_tensors([sample.input, list(sample.args), sample.kwargs])]
    return max(sizes, default=0)


def choose(candidates, count, avoid, seed):
    """Greedy pick of the `count` most dissimilar (index, sample) pairs.

    Indices in `avoid` are only used when nothing else is left.
    """
    rng = random.Random(seed)
    left = [(i, traits(s), rng.random()) for i, s in candidates]
    covered, picked = set(), []
    while left and len(picked) < count:
        def gain(entry):
            index, features, noise = entry
            new = sum(w for f, w in features.items() if f not in covered)
            return (index not in avoid, new + 0.01 * noise)
        best = max(left, key=gain)
        left.remove(best)
        covered.update(best[1])
        picked.append(best[0])
    return sorted(picked)


# -- special values for elementwise ops ----------------------------------------------

def edge_calls(info, dtype, split):
    """Calls over special values, for elementwise ops only."""
    from torch.testing._internal.opinfo.core import BinaryUfuncInfo, UnaryUfuncInfo
    if "polynomial" in info.name or info.name in ("special.zeta", "nn.functional.prelu"):
        return
    if dtype == torch.float32:
        unary, binary = UNARY_EDGES[split], BINARY_EDGES[split]
    else:
        unary = binary = INTEGER_EDGES[split]
    if isinstance(info, UnaryUfuncInfo):
        x = torch.tensor(unary, dtype=dtype)
        _, kwargs = info.sample_kwargs("cpu", dtype, x)[:2] if info.sample_kwargs else ({}, {})
        args = [kwargs.pop("n")] if info.name in ("polygamma", "special.polygamma") else []
        if info.name == "mvlgamma":
            args, kwargs = [int(info.variant_test_name[-1])], {}
        yield public_call(info, x, args, kwargs)
    elif isinstance(info, BinaryUfuncInfo):
        x = torch.tensor(binary, dtype=dtype)
        left = x.repeat_interleave(len(binary))
        right = x.repeat(len(binary))
        yield public_call(info, left, [right], dict(_rounding_kwargs(info)))


def _rounding_kwargs(info):
    modes = {"trunc_rounding": "trunc", "floor_rounding": "floor"}
    if info.variant_test_name in modes:
        yield "rounding_mode", modes[info.variant_test_name]
