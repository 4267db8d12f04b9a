"""Family D: result dtypes for every pair of operand dtypes and operand kinds."""

import json
import os

import torch

from .codec import DTYPES, encode_float
from .common import error_record

NAMES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"]
VALUES = {"public": (3, 2), "heldout": (5, 4)}  # left and right operand, small enough for every dtype
SCALARS = {"bool": lambda n: True, "int": int, "float": lambda n: n + 0.5}
OPERATIONS = ["result_type", "add", "sub", "mul", "div", "floor_divide", "remainder", "pow", "where", "maximum",
              "eq", "lt", "bitwise_and", "logical_and", "atan2", "cat", "add_", "mul_", "div_", "can_cast"]
UNARY = ["sum", "prod", "mean", "cumsum", "exp", "sqrt", "abs", "neg", "floor", "sigmoid", "logical_not", "isnan",
         "argmax", "std", "softmax", "sign", "reciprocal", "var", "all", "bitwise_not", "angle", "round", "amax",
         "logsumexp", "norm", "median", "sort", "erf", "square"]


def operand(kind, name, value):
    """The operand itself: a vector, a 0-dim tensor or a Python scalar."""
    if kind == "scalar":
        return SCALARS[name](value)
    t = torch.tensor([1, value] if kind == "dim" else value)
    return t.to(DTYPES[name])


def name_of(dtype):
    """Any dtype's name: promotion reaches some that vectors otherwise leave out."""
    return str(dtype).removeprefix("torch.")


def describe(result):
    if isinstance(result, torch.dtype):
        return {"dtype": name_of(result)}
    if isinstance(result, bool):
        return {"bool": result}
    if isinstance(result, tuple):
        result = result[0]
    flat = result.reshape(-1)
    values = [complex(x) for x in flat.tolist()] if flat.is_complex() else [float(x) for x in flat.tolist()]
    return {"dtype": name_of(result.dtype), "shape": list(result.shape),
            "values": [[encode_float(v.real), encode_float(v.imag)] if isinstance(v, complex) else encode_float(v)
                       for v in values]}


def apply(operation, left, right):
    if operation == "can_cast":
        return torch.can_cast(left.dtype, right.dtype)
    if operation == "where":
        return torch.where(torch.tensor([True, False]), left, right)
    if operation == "cat":
        return torch.cat([left.reshape(-1), right.reshape(-1)])
    if operation.endswith("_"):
        return getattr(left.clone(), operation)(right)
    return getattr(torch, operation)(left, right)


def outcome(operation, left, right):
    try:
        return describe(apply(operation, left, right))
    except Exception as e:
        return {"error": error_record(e)}


def usable(operation, left, right):
    tensors = isinstance(left, torch.Tensor), isinstance(right, torch.Tensor)
    if operation in ("cat", "can_cast", "maximum", "atan2", "logical_and"):
        return all(tensors)
    if operation.endswith("_") or operation in ("eq", "lt", "bitwise_and"):
        return tensors[0]
    return any(tensors)


def operands():
    for kind in ("dim", "0-dim"):
        for name in NAMES:
            yield kind, name
    for name in SCALARS:
        yield "scalar", name


def rows(split):
    low, high = VALUES[split]
    for operation in OPERATIONS:
        for left in operands():
            for right in operands():
                a, b = operand(*left, low), operand(*right, high)
                if usable(operation, a, b):
                    yield [operation, *left, *right, outcome(operation, a, b)]


def unary_rows(split):
    low, _ = VALUES[split]
    for operation in UNARY:
        for name in NAMES:
            t = operand("dim", name, low)
            extra = (0,) if operation in ("cumsum", "softmax", "logsumexp") else ()
            try:
                result = describe(getattr(torch, operation)(t, *extra))
            except Exception as e:
                result = {"error": error_record(e)}
            yield [operation, name, list(extra), result]


def table(split):
    """Rows with repeated outcomes replaced by their number in `outcomes`."""
    outcomes, numbers = [], {}

    def number(result):
        key = json.dumps(result, sort_keys=True)
        if key not in numbers:
            numbers[key] = len(outcomes)
            outcomes.append(result)
        return numbers[key]

    binary = [[*r[:-1], number(r[-1])] for r in rows(split)]
    unary = [[*r[:-1], number(r[-1])] for r in unary_rows(split)]
    return {"values": list(VALUES[split]), "outcomes": outcomes, "binary": binary, "unary": unary}


def generate(settings, report, log):
    document = table(settings.split)
    directory = os.path.join(settings.out, "promotion")
    path = os.path.join(directory, "promotion.json")
    os.makedirs(directory, exist_ok=True)

    def rows_of(items):  # one row per line
        return "[\n" + ",\n".join(json.dumps(i, separators=(",", ":")) for i in items) + "\n]"

    with open(path, "w", encoding="utf-8") as f:
        f.write("{" + ",\n".join(f'"{k}":{rows_of(v) if k != "values" else json.dumps(v)}'
                                 for k, v in document.items()) + "}\n")
    report.add("promotion", len(document["binary"]) + len(document["unary"]), os.path.getsize(path),
               binary=len(document["binary"]), unary=len(document["unary"]))


def replay(document, split):
    again = table(split)
    for key in ("binary", "unary"):
        for old, new in zip(document[key], again[key]):
            same = old[:-1] == new[:-1] and document["outcomes"][old[-1]] == again["outcomes"][new[-1]]
            yield f"promotion/{'/'.join(map(str, old[:-1]))}", None if same else "outcome differs"
