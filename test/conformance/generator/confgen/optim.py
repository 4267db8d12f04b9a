"""Family F: optimizer trajectories; learning-rate schedules are in `schedules`."""

import os
import warnings

import torch

from . import schedules
from .codec import DTYPE_NAMES, Encoder, Unencodable
from .common import error_record, stable_seed, uniform_like
from .matching import mismatch

STEPS = 10
SHAPES = {"public": [(2, 3), (4,), ()], "heldout": [(3, 2), (5,), ()]}
MATRIX_SHAPES = {"public": [(3, 4), (4, 2)], "heldout": [(4, 3), (2, 5)]}  # Muon takes matrices only
MATRIX_ONLY = {"Muon"}
NEEDS_SPARSE = {"SparseAdam"}
NEEDS_CLOSURE = {"LBFGS"}
TOLERANCE = {torch.float32: [2e-5, 2e-6], torch.float64: [1e-9, 1e-10]}
MUON_TOLERANCE = [1e-2, 1e-3]  # its Newton-Schulz iteration runs in bfloat16

LOSSES = {
    # `target` and `weight` have the shape of the parameter p.
    "convex": lambda p, target, weight: (weight * (p - target) ** 2).sum(),
    "nonconvex": lambda p, target, weight: (weight * (p - target) ** 2 + 0.5 * torch.sin(3 * p)).sum(),
}


def make_problem(split, seed, shapes, dtype):
    generator = torch.Generator().manual_seed(stable_seed("optim", split, seed, shapes))
    def draw(low, high):
        return [uniform_like(torch.empty(s, dtype=dtype), generator, low, high) for s in shapes]
    return {"params": draw(-2, 2), "targets": draw(-1, 1), "weights": draw(0.25, 1.5)}


def loss_of(name, params, problem):
    return sum(LOSSES[name](p, t, w) for p, t, w in zip(params, problem["targets"], problem["weights"]))


def run(optimizer_name, loss_name, problem, kwargs, group_kwargs=None, steps=STEPS):
    """Losses before each step, each parameter after each step (stacked), and the final state."""
    cls = getattr(torch.optim, optimizer_name)
    params = [p.clone().requires_grad_() for p in problem["params"]]
    groups = [{"params": params[:1]}, {"params": params[1:], **group_kwargs}] if group_kwargs else params
    optimizer = cls(groups, **kwargs)
    losses, trajectory = [], []

    def closure():
        optimizer.zero_grad()
        loss = loss_of(loss_name, params, problem)
        loss.backward()
        return loss

    for _ in range(steps):
        if optimizer_name in NEEDS_CLOSURE:
            losses.append(optimizer.step(closure).detach())
        else:
            losses.append(closure().detach())
            optimizer.step()
        trajectory.append([p.detach().clone() for p in params])
    state = []
    for p in params:
        entry = optimizer.state.get(p, {})
        state.append({k: v.clone() if isinstance(v, torch.Tensor) else v for k, v in entry.items()
                      if isinstance(v, (torch.Tensor, int, float, bool, type(None)))})
    if optimizer_name in NEEDS_CLOSURE:
        state = [{"n_iter": s.get("n_iter"), "func_evals": s.get("func_evals")} if s else {} for s in state]
    defaults = {k: v for k, v in optimizer.defaults.items()
                if isinstance(v, (int, float, bool, str, tuple, torch.Tensor, type(None)))}
    return {"losses": torch.stack(losses), "trajectory": [torch.stack(steps) for steps in zip(*trajectory)],
            "state": state, "defaults": defaults}


def optimizer_cases(split, seed):
    from torch.testing._internal.common_optimizers import optim_db
    for info in optim_db:
        name = info.optim_cls.__name__
        if name in NEEDS_SPARSE:
            continue
        shapes = (MATRIX_SHAPES if name in MATRIX_ONLY else SHAPES)[split]
        samples = [(dict(i.kwargs), i.desc) for i in info.optim_inputs_func(device="cpu")]
        for n, (kwargs, description) in enumerate(samples):
            for loss in LOSSES:
                dtypes = (torch.float32, torch.float64) if n == 0 or loss == "nonconvex" else (torch.float32,)
                for dtype in dtypes:
                    yield name, description, loss, dtype, shapes, kwargs, None
        if name not in NEEDS_CLOSURE:
            lr = {"public": 0.05, "heldout": 0.02}[split]
            yield name, "two groups", "nonconvex", torch.float32, shapes, {}, {"lr": lr}
            yield name, "other lr", "nonconvex", torch.float32, shapes, {"lr": 3 * lr}, None


def generate(settings, report, log):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        generate_optimizers(settings, report)
        schedules.generate(settings, report)
    for name in sorted(NEEDS_SPARSE):
        report.skip(name, "needs sparse gradients")


def generate_optimizers(settings, report):
    by_name = {}
    for entry in optimizer_cases(settings.split, settings.seed):
        by_name.setdefault(entry[0], []).append(entry)
    for name, entries in by_name.items():
        encoder, cases = Encoder(), []
        for _, description, loss, dtype, shapes, kwargs, group in entries:
            problem = make_problem(settings.split, settings.seed, shapes, dtype)
            try:
                result = run(name, loss, problem, kwargs, group)
                case = {
                    "id": f"optim/{name}/{len(cases)}", "kind": "optimizer", "optimizer": name,
                    "description": description, "dtype": DTYPE_NAMES[dtype], "loss": loss,
                    "problem": {k: [encoder.output_tensor(t) for t in v] for k, v in problem.items()},
                    "kwargs": {k: encoder.value(v) for k, v in kwargs.items()},
                    "tol": MUON_TOLERANCE if name in MATRIX_ONLY else TOLERANCE[dtype],
                }
                if group:
                    case["second_group"] = {k: encoder.value(v) for k, v in group.items()}
                case["out"] = encoder.value(result, encoder.output_tensor)
            except (Unencodable, RuntimeError, ValueError) as e:
                report.skip(f"{name}: {description}", error_record(e)["message"])
                continue
            cases.append(case)
        size = encoder.save(os.path.join(settings.out, "optim"), name, {"optimizer": name, "cases": cases})
        report.add(name, len(cases), size)


def replay_case(reader, case):
    expected = case["out"] if case["kind"] == "lr_scheduler" else reader.value(case["out"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if case["kind"] == "lr_scheduler":
            result = schedules.schedule(
                case["scheduler"], case["args"], case["initial_lr"], case["metrics"], case["optimizer"])
        else:
            problem = {k: [reader.value(t) for t in v] for k, v in case["problem"].items()}
            kwargs = {k: reader.value(v) for k, v in case["kwargs"].items()}
            group = {k: reader.value(v) for k, v in case.get("second_group", {}).items()}
            result = run(case["optimizer"], case["loss"], problem, kwargs, group or None)
    return mismatch(result, expected, case["tol"])
