"""What it means that a replayed value is the recorded one."""

import torch

from .common import short


def mismatch(actual, expected, tol=(0.0, 0.0), where="out"):
    """The first difference between two decoded values, or None."""
    # Positions under "ignore" are not skipped here: the same PyTorch must reproduce them too.
    if isinstance(expected, torch.Tensor):
        if not isinstance(actual, torch.Tensor):
            return f"{where}: expected a tensor, got {type(actual).__name__}"
        if actual.dtype != expected.dtype or actual.shape != expected.shape:
            return (f"{where}: {actual.dtype}{list(actual.shape)} instead of "
                    f"{expected.dtype}{list(expected.shape)}")
        if expected.device.type == "meta":
            return None
        close = torch.isclose(actual.detach(), expected.detach(), rtol=tol[0], atol=tol[1], equal_nan=True)
        return None if close.all() else f"{where}: {int((~close).sum())} of {close.numel()} values differ"
    if isinstance(expected, (list, tuple)):
        if not isinstance(actual, (list, tuple)) or len(actual) != len(expected):
            return f"{where}: expected {len(expected)} items"
        return next((m for n, (a, e) in enumerate(zip(actual, expected))
                     if (m := mismatch(a, e, tol, f"{where}[{n}]"))), None)
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or list(actual) != list(expected):
            return f"{where}: keys differ"
        return next((m for k in expected if (m := mismatch(actual[k], expected[k], tol, f"{where}.{k}"))), None)
    if isinstance(expected, float) and isinstance(actual, (int, float)):
        same = actual == expected or (actual != actual and expected != expected) or \
            abs(actual - expected) <= tol[1] + tol[0] * abs(expected)
        return None if same else f"{where}: {actual} instead of {expected}"
    if type(actual) is not type(expected) or actual != expected:
        return f"{where}: {short(repr(actual))} instead of {short(repr(expected))}"
    return None
