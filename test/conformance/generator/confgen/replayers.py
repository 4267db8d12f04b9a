"""Replay of each family: yields (case id, None or the reason of a mismatch)."""

import glob
import json
import os
import re

import torch

from . import modules, optim, printing, programs, promotion, rng
from .calls import Call, apply_post, perform
from .codec import Decoder, flatten_tensors
from .common import error_record, short
from .matching import mismatch


def files(directory, family, only):
    pattern = re.compile(only)
    for path in sorted(glob.glob(os.path.join(directory, family, "*.json"))):
        if pattern.search(os.path.basename(path)[:-5]):
            yield path


# -- ops -------------------------------------------------------------------------

def ops(directory, only):
    for path in files(directory, "ops", only):
        reader = Decoder(path)
        for case in reader.document["cases"]:
            try:
                yield case["id"], op_case(reader, case)
            except Exception as e:
                yield case["id"], f"{type(e).__name__}: {short(e)}"
        for case in reader.document["errors"]:
            yield case["id"], op_error(reader, case)


def decode_call(reader, case):
    seen = []
    args = [reader.value(a, seen) for a in case["args"]]
    kwargs = {k: reader.value(v, seen) for k, v in case["kwargs"].items()}
    return Call(case["kind"], case["path"], args, kwargs), seen


def op_case(reader, case):
    call, inputs = decode_call(reader, case)
    torch.manual_seed(case.get("seed", 42))
    output = apply_post(case.get("post"), perform(call))
    tol = case.get("tol", (0.0, 0.0))
    expected = reader.value(case["out"])
    if case.get("compare") == "meta" and not case.get("random"):
        expected = to_meta(expected)
    problem = mismatch(output, expected, tol)
    for n, body in case.get("mutates", []):
        problem = problem or mismatch(inputs[n], reader.value(body), tol, f"argument {n}")
    if problem or "grad" not in case:
        return problem
    wanted = [t for t in inputs if t.requires_grad]
    outputs = [t for t in flatten_tensors(output) if t.requires_grad]
    grad = case["grad"]
    cotangents = [reader.value(c) for c in grad["cotangents"] if c is not None]
    grads = torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True,
                                create_graph="grad2" in case)
    problem = mismatch(list(grads), [reader.value(g) for g in grad["grads"]], grad["tol"], "grad")
    if problem or "grad2" not in case:
        return problem
    grad2 = case["grad2"]
    pairs = [(g, reader.value(c)) for g, c in zip(grads, grad2["cotangents"]) if c is not None]
    second = torch.autograd.grad([g for g, _ in pairs], wanted, [c for _, c in pairs], allow_unused=True)
    return mismatch(list(second), [reader.value(g) for g in grad2["grads"]], grad2["tol"], "grad2")


def to_meta(v):
    if isinstance(v, torch.Tensor):
        return torch.empty_like(v, device="meta")
    if isinstance(v, (list, tuple)):
        return [to_meta(x) for x in v]
    return v


def op_error(reader, case):
    try:
        call, _ = decode_call(reader, case)
        torch.manual_seed(42)
        perform(call)
    except Exception as e:
        found = error_record(e)
        return None if found == case["error"] else f"error {found} instead of {case['error']}"
    return "no error raised"


# -- families whose module knows how to replay one case ------------------------------

def by_case(folder, family):
    def replay(directory, only):
        for path in files(directory, folder, only):
            reader = Decoder(path)
            for case in reader.document["cases"]:
                try:
                    yield case["id"], family.replay_case(reader, case)
                except Exception as e:
                    yield case["id"], f"{type(e).__name__}: {short(e)}"
    return replay


def promotions(directory, only):
    with open(os.path.join(directory, "index.json"), encoding="utf-8") as f:
        split = json.load(f)["split"]
    with open(os.path.join(directory, "promotion", "promotion.json"), encoding="utf-8") as f:
        yield from promotion.replay(json.load(f), split)


FAMILIES = {
    "ops": ops, "print": by_case("print", printing), "rng": by_case("rng", rng), "promotion": promotions,
    "modules": by_case("modules", modules), "optim": by_case("optim", optim), "autograd": by_case("autograd", programs),
}
