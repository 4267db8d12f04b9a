#!/usr/bin/env python3
"""Plays a second implementation: runs ops vectors in the next wider precision.

    check_tolerances.py DIR [--only REGEX]

The rounded results must meet the strict tolerances of the vectors (honouring
"ignore"), which shows that the tolerances leave room for another order of
arithmetic and that no vector depends on PyTorch's own rounding.
"""

import argparse
import collections
import sys
import warnings

import torch

from confgen.calls import apply_post, perform
from confgen.cases import NO_REFERENCE, widened
from confgen.codec import Decoder, flatten_tensors
from confgen.common import short
from confgen.matching import mismatch
from confgen.replayers import decode_call, files


def rounded(results, expected, ignore):
    """Wide results in the expected dtypes, with ignored entries taken from the expectation."""
    out = []
    for n, (wide, e) in enumerate(zip(results, expected)):
        if wide is None or e is None:
            out.append(wide)
            continue
        t = wide.detach().to(e.dtype).clone()
        for number, positions in ignore:
            if number == n:
                index = torch.tensor(positions)
                t.view(-1)[index] = e.reshape(-1)[index]
        # Overflow happens earlier in the narrow type; only finite values are compared.
        finite = e.isfinite() if e.is_floating_point() or e.is_complex() else torch.ones_like(e, dtype=torch.bool)
        out.append(torch.where(finite, t.reshape(e.shape), e))
    return out


def check(reader, case):
    if case.get("compare") == "meta" or case["path"] in NO_REFERENCE:
        return "skipped"
    call, inputs = decode_call(reader, case)
    try:
        call, inputs = widened(call, inputs)
        torch.manual_seed(42)
        results = flatten_tensors(apply_post(case.get("post"), perform(call)))
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return "skipped"
    expected = flatten_tensors(reader.value(case["out"]))
    if [r.shape for r in results] != [e.shape for e in expected]:
        return "skipped"
    problem = mismatch(rounded(results, expected, case.get("ignore", [])), expected,
                       case.get("strict_tol", case.get("tol", (0, 0))))
    if problem or "grad" not in case:
        return problem
    grad = case["grad"]
    outputs = [t for t in results if t.requires_grad]
    cotangents = [reader.value(c).to(o.dtype) for c, o in
                  zip([c for c in grad["cotangents"] if c is not None], outputs)]
    grads = torch.autograd.grad(outputs, [t for t in inputs if t.requires_grad], cotangents, allow_unused=True)
    expected = [reader.value(g) for g in grad["grads"]]
    return mismatch(rounded(grads, expected, grad.get("ignore", [])), expected,
                    grad.get("strict_tol", grad["tol"]), "grad")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    counts = collections.Counter()
    for path in files(arguments.directory, "ops", arguments.only):
        reader = Decoder(path)
        for case in reader.document["cases"]:
            if case["dtype"] not in ("float32", "complex64"):
                continue
            try:
                problem = check(reader, case)
            except Exception as e:
                problem = f"{type(e).__name__}: {short(e)}"
            counts["ok" if problem is None else "skipped" if problem == "skipped" else "failed"] += 1
            if problem not in (None, "skipped"):
                print(f"  {case['id']}: {problem}")
    print(dict(counts))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
