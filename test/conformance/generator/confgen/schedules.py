"""Learning-rate schedules, part of family F."""

import os

import torch

from .codec import Encoder
from .common import stable_seed

SCHEDULE_STEPS = 30

EPOCH_FUNCTIONS = {  # named, so that a runner in another language can have them too
    "0.95 ** epoch": lambda epoch: 0.95 ** epoch,
    "1 / (1 + epoch)": lambda epoch: 1 / (1 + epoch),
    "0.9": lambda epoch: 0.9,
    "1 - epoch / 40": lambda epoch: 1 - epoch / 40,
    "1 / scale": lambda cycle: 1 / (2.0 ** (cycle - 1)),
}


def scheduler_specs(split):
    """(name, arguments, optimizer); functions are given by their name in EPOCH_FUNCTIONS."""
    held = split == "heldout"
    return [
        ("LambdaLR", {"lr_lambda": {"function": "1 - epoch / 40" if held else "0.95 ** epoch"}}),
        ("LambdaLR", {"lr_lambda": [{"function": "1 / (1 + epoch)"}, {"function": "0.95 ** epoch"}]}),
        ("MultiplicativeLR", {"lr_lambda": {"function": "0.9"}}),
        ("StepLR", {"step_size": 4 if held else 7, "gamma": 0.5 if held else 0.1}),
        ("StepLR", {"step_size": 1, "gamma": 0.8}),
        ("MultiStepLR", {"milestones": [3, 11, 12] if held else [5, 6, 20], "gamma": 0.3}),
        ("MultiStepLR", {"milestones": [4, 4, 15]}),
        ("ConstantLR", {}), ("ConstantLR", {"factor": 0.25, "total_iters": 9 if held else 12}),
        ("LinearLR", {}), ("LinearLR", {"start_factor": 0.1, "end_factor": 0.8, "total_iters": 13 if held else 10}),
        ("ExponentialLR", {"gamma": 0.85 if held else 0.9}),
        ("PolynomialLR", {}), ("PolynomialLR", {"total_iters": 20, "power": 2.0 if held else 0.5}),
        ("CosineAnnealingLR", {"T_max": 8 if held else 10}),
        ("CosineAnnealingLR", {"T_max": 25, "eta_min": 0.002 if held else 0.01}),
        ("CosineAnnealingWarmRestarts", {"T_0": 7 if held else 5}),
        ("CosineAnnealingWarmRestarts", {"T_0": 4, "T_mult": 2, "eta_min": 0.001}),
        ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.2 if held else 0.1, "step_size_up": 5}),
        ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 3, "step_size_down": 6, "mode": "triangular2"}),
        ("CyclicLR", {"base_lr": [0.01, 0.02], "max_lr": [0.1, 0.3], "step_size_up": 4, "mode": "exp_range", "gamma": 0.97}),
        ("CyclicLR", {"base_lr": 0.01, "max_lr": 0.1, "step_size_up": 4, "cycle_momentum": False,
                      "scale_fn": {"function": "1 / scale"}, "scale_mode": "cycle"}),
        ("OneCycleLR", {"max_lr": 0.3 if held else 0.5, "total_steps": 40}),
        ("OneCycleLR", {"max_lr": 0.2, "epochs": 5, "steps_per_epoch": 8, "anneal_strategy": "linear"}),
        ("OneCycleLR", {"max_lr": 0.2, "total_steps": 35, "three_phase": True, "pct_start": 0.4}),
        ("OneCycleLR", {"max_lr": [0.2, 0.1], "total_steps": 31, "div_factor": 10.0, "final_div_factor": 100.0}),
        ("SequentialLR", {"schedulers": [{"scheduler": "ConstantLR", "args": {"factor": 0.1, "total_iters": 4}},
                                         {"scheduler": "ExponentialLR", "args": {"gamma": 0.9}}],
                          "milestones": [6 if held else 5]}),
        ("SequentialLR", {"schedulers": [{"scheduler": "LinearLR", "args": {"start_factor": 0.2, "total_iters": 5}},
                                         {"scheduler": "CosineAnnealingLR", "args": {"T_max": 10}},
                                         {"scheduler": "StepLR", "args": {"step_size": 3}}], "milestones": [5, 15]}),
        ("ChainedScheduler", {"schedulers": [{"scheduler": "ConstantLR", "args": {"factor": 0.1, "total_iters": 3}},
                                             {"scheduler": "ExponentialLR", "args": {"gamma": 0.95 if held else 0.9}}]}),
        ("ReduceLROnPlateau", {}),
        ("ReduceLROnPlateau", {"factor": 0.5, "patience": 2, "cooldown": 1, "min_lr": 0.01}),
        ("ReduceLROnPlateau", {"mode": "max", "factor": 0.2, "patience": 3, "threshold": 0.01, "threshold_mode": "abs"}),
        ("SWALR", {"swa_lr": 0.03 if held else 0.02, "anneal_epochs": 6}),
        ("SWALR", {"swa_lr": 0.02, "anneal_epochs": 4, "anneal_strategy": "linear"}),
    ]


def build_scheduler(name, arguments, optimizer):
    def convert(v):
        if isinstance(v, dict) and "function" in v:
            return EPOCH_FUNCTIONS[v["function"]]
        if isinstance(v, dict) and "scheduler" in v:
            return build_scheduler(v["scheduler"], v["args"], optimizer)
        if isinstance(v, list):
            return [convert(x) for x in v]
        return v
    kwargs = {k: convert(v) for k, v in arguments.items()}
    if name == "SWALR":
        return torch.optim.swa_utils.SWALR(optimizer, **kwargs)
    cls = getattr(torch.optim.lr_scheduler, name)
    if name == "ChainedScheduler":
        return cls(kwargs["schedulers"], optimizer=optimizer)
    return cls(optimizer, **kwargs)


def schedule(name, arguments, lrs, metrics, optimizer_name="SGD"):
    """Learning rate (and momentum) of both groups before the first and after every step."""
    params = [torch.zeros(2, requires_grad=True) for _ in lrs]
    extra = {"momentum": 0.9} if optimizer_name == "SGD" else {}
    optimizer = getattr(torch.optim, optimizer_name)(
        [{"params": [p], "lr": lr} for p, lr in zip(params, lrs)], lr=0.1, **extra)
    scheduler = build_scheduler(name, arguments, optimizer)

    def snapshot():
        return [float(g["lr"]) for g in optimizer.param_groups], \
            [float(g["momentum"] if "momentum" in g else g["betas"][0]) for g in optimizer.param_groups]

    rows = [snapshot()]
    for step in range(SCHEDULE_STEPS):
        optimizer.step()
        scheduler.step(metrics[step]) if name == "ReduceLROnPlateau" else scheduler.step()
        rows.append(snapshot())
    return {"lr": [r[0] for r in rows], "momentum": [r[1] for r in rows]}


def schedule_metrics(split):
    generator = torch.Generator().manual_seed(stable_seed("metrics", split))
    noise = torch.rand(SCHEDULE_STEPS, generator=generator, dtype=torch.float64)
    return [round(float(1.0 / (1 + min(n, 9)) + 0.05 * noise[n]), 6) for n in range(SCHEDULE_STEPS)]


def generate(settings, report):
    encoder, cases = Encoder(), []
    held = settings.heldout
    lrs, metrics = ([0.2, 0.03] if held else [0.1, 0.05]), schedule_metrics(settings.split)
    for name, arguments in scheduler_specs(settings.split):
        optimizers = ("SGD", "Adam") if name in ("OneCycleLR", "StepLR") else ("SGD",)
        for optimizer in optimizers:
            result = schedule(name, arguments, lrs, metrics, optimizer)
            cases.append({"id": f"optim/lr_scheduler/{len(cases)}", "kind": "lr_scheduler", "scheduler": name,
                          "optimizer": optimizer, "initial_lr": lrs,
                          "args": arguments, "metrics": metrics if name == "ReduceLROnPlateau" else None,
                          "out": result, "tol": [1e-9, 1e-12]})
    size = encoder.save(os.path.join(settings.out, "optim"), "lr_scheduler", {"cases": cases})
    report.add("lr_scheduler", len(cases), size)
