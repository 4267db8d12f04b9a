#!/usr/bin/env python3
"""Writes conformance vectors from the installed PyTorch.  See FORMAT.md.

    generate.py --out DIR --seed S --split public|heldout [--families ops,print,...] [--only REGEX]
                [--samples N] [--numel N] [--max-mb N]
"""

import argparse
import json
import os
import sys
import time
import traceback
import warnings

import torch

from confgen import modules, ops, optim, printing, programs, promotion, rng
from confgen.common import FamilyReport, Settings, write_json

FAMILIES = {
    "ops": ops, "print": printing, "rng": rng, "promotion": promotion, "modules": modules, "optim": optim,
    "autograd": programs,
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=("public", "heldout"), default="public")
    parser.add_argument("--families", default=",".join(FAMILIES))
    parser.add_argument("--max-mb", type=float, default=25.0)
    parser.add_argument("--only", default="", help="regular expression over op names (family ops)")
    parser.add_argument("--samples", type=int, default=10, help="float32 samples per op")
    parser.add_argument("--numel", type=int, default=400, help="preferred largest tensor")
    return parser.parse_args()


def run_family(name, settings, log):
    report = FamilyReport()
    started = time.monotonic()
    try:
        FAMILIES[name].generate(settings, report, log)
    except Exception:
        report.skip("*", traceback.format_exc().strip().split("\n")[-1])
        log(f"family {name} failed\n{traceback.format_exc()}")
    log(f"family {name}: {report.cases} cases, {len(report.entries)} entries, "
        f"{report.bytes / 1e6:.2f} MB, {time.monotonic() - started:.0f}s")
    return report


def main():
    arguments = parse_arguments()
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore")
    settings = Settings(out=arguments.out, seed=arguments.seed, heldout=arguments.split == "heldout",
                        numel_cap=arguments.numel, samples_per_op=arguments.samples, only=arguments.only)
    os.makedirs(settings.out, exist_ok=True)
    index_path = os.path.join(settings.out, "index.json")
    index = {"families": {}}
    if os.path.exists(index_path):  # families may be regenerated one at a time
        with open(index_path, encoding="utf-8") as f:
            index = json.load(f)
    index.update(torch=torch.__version__, split=arguments.split, seed=arguments.seed, format=1)

    def log(message):
        print(time.strftime("%H:%M:%S"), message, file=sys.stderr, flush=True)

    for name in arguments.families.split(","):
        report = run_family(name, settings, log)
        index["families"][name] = {"cases": report.cases, "bytes": report.bytes,
                                   "entries": report.entries, "skipped": report.skipped}
        write_json(index_path, index)
    total = sum(f["bytes"] for f in index["families"].values()) / 1e6
    print(f"total {total:.2f} MB in {settings.out}")
    if total > arguments.max_mb:
        print(f"over the limit of {arguments.max_mb} MB; use fewer --samples or a smaller --numel")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
