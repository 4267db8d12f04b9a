"""One vector: the encoded call, what it returned, its gradients, and the tolerances that are fair."""

import torch

from . import compare
from .calls import Call, apply_post, perform, post_steps
from .codec import Decoder, Unencodable, flatten_tensors, tensor_bytes
from .common import error_record, uniform_like

CASE_SEED = 42

UNDEFINED_VALUES = {"empty", "empty_like", "empty_strided", "empty_permuted", "Tensor.new_empty",
                    "Tensor.new_empty_strided"}
ALWAYS_RANDOM = {
    "randn", "randn_like", "rand_like", "randint", "randint_like", "bernoulli", "multinomial",
    "normal", "Tensor.cauchy_", "Tensor.exponential_", "Tensor.geometric_", "Tensor.log_normal_",
    "Tensor.normal_", "Tensor.uniform_",
}
# Ops that return indices which PyTorch does not pin down when values tie.
TIE_SENSITIVE = {"sort", "argsort", "msort", "topk", "kthvalue", "median", "nanmedian", "mode", "max",
                 "min", "argmax", "argmin", "aminmax", "cummax", "cummin"}
# Randomised algorithms whose result does not depend on the random numbers.
RANDOMISED_BUT_EXACT = {"svd_lowrank", "pca_lowrank"}
# Ops whose result in a wider precision is a different one by design.
NO_REFERENCE = {"nextafter", "nan_to_num", "as_strided", "as_strided_copy", "as_strided_scatter"}
KEEP_STORAGE = {"as_strided", "as_strided_copy", "as_strided_scatter"}


class NotUsable(Exception):
    """The sample cannot become a vector."""


class CaseBuilder:
    """Encodes one call, runs it on the decoded copy and records what happened."""

    def __init__(self, encoder):
        self.encoder = encoder
        self.reader = object.__new__(Decoder)

    def decode(self, encoded):
        self.reader.raw = self.encoder.blob.data
        seen = []
        args = [self.reader.value(a, seen) for a in encoded["args"]]
        kwargs = {k: self.reader.value(v, seen) for k, v in encoded["kwargs"].items()}
        return Call(encoded["kind"], encoded["path"], args, kwargs), seen

    def encode_call(self, call):
        keep = call.path in KEEP_STORAGE
        seen = []

        def tensor(t):
            return self.encoder.input_tensor(t, keep_storage=keep)

        return {"kind": call.kind, "path": call.path,
                "args": [self.encoder.value(a, tensor, seen) for a in call.args],
                "kwargs": {k: self.encoder.value(v, tensor, seen) for k, v in call.kwargs.items()}}

    def run(self, encoded, seed=CASE_SEED, widen=False):
        call, inputs = self.decode(encoded)
        if widen:
            call, inputs = widened(call, inputs)
        torch.manual_seed(seed)
        output = perform(call)
        return call, inputs, output

    def build(self, call, want_grad=True, want_gradgrad=False, cotangent_seed=0, floor=None,
              elementwise=False):
        self.elementwise = elementwise
        encoded = self.encode_call(call)
        case = dict(encoded)
        _, before = self.decode(encoded)
        call, inputs, output = self.run(encoded)
        results = flatten_tensors(output)
        if any(t.numel() > self.max_output for t in results):
            raise NotUsable("output too large")
        self.encoder.max_numel = None

        random_op = call.path in ALWAYS_RANDOM or \
            (call.path not in RANDOMISED_BUT_EXACT and self.is_random(encoded, results))
        if call.path in RANDOMISED_BUT_EXACT:
            floor = (1e-3, 1e-3)
        if call.path in UNDEFINED_VALUES:
            case["compare"] = "meta"
            case["out"] = self.encoder.value(output, self.encoder.meta_tensor)
            return case
        if random_op:
            case["compare"], case["random"], case["seed"] = "meta", True, CASE_SEED
        mutated = [[n, self.encoder.output_tensor(now)] for n, (old, now) in
                   enumerate(zip(before, inputs)) if not same_bits(old, now)]
        if mutated:
            case["mutates"] = mutated
        if call.path.split(".")[-1] in TIE_SENSITIVE and any(has_ties(t) for t in inputs):
            case["ties"] = True
        shared = {t.untyped_storage().data_ptr() for t in inputs if t.numel()}
        if results and all(t.numel() and t.untyped_storage().data_ptr() in shared for t in results):
            case["aliases_input"] = True

        steps = post_steps(call, output)
        if steps:
            case["post"] = steps
            output = apply_post(steps, output)
            results = flatten_tensors(output)
        reference = None if random_op or call.path in NO_REFERENCE else self.reference(encoded, steps)
        case["out"] = self.encoder.value(output, self.encoder.output_tensor)
        tolerance = self.record_tolerance(case, results, reference and reference[0], floor)
        if tolerance is None:
            case["compare"] = "meta"
            case["unstable"] = True
        if want_grad and tolerance is not None:
            self.add_gradients(case, encoded, inputs, results, reference, steps,
                               want_gradgrad, cotangent_seed, floor)
        return case

    # -- random detection ------------------------------------------------------

    def is_random(self, encoded, results):
        for seed in (CASE_SEED + 1, CASE_SEED + 2):
            try:
                _, _, again = self.run(encoded, seed=seed)
            except Exception:
                return False
            again = flatten_tensors(again)
            if len(again) != len(results) or not all(map(same_bits, results, again)):
                return True
        return False

    # -- tolerances --------------------------------------------------------------

    def reference(self, encoded, steps):
        """(results, inputs) of the same call in the next wider precision, or None."""
        try:
            _, inputs, output = self.run(encoded, widen=True)
            return flatten_tensors(apply_post(steps, output)), inputs
        except Exception:
            return None

    def record_tolerance(self, record, results, reference, floor, relax=1):
        """Writes tol, strict_tol and ignore into `record`; None when nothing is comparable."""
        pairs, ignored = [], []
        for n, t in enumerate(results):
            if t is None or t.dtype not in compare.DEFAULT_TOLERANCE:
                continue
            base = compare.default_tolerance(t.dtype, relax)
            wide = reference[n] if reference and n < len(reference) else None
            if wide is not None and wide.dtype == compare.WIDER.get(t.dtype):
                judged = compare.needed_tolerance(t, wide, base, self.elementwise)
                if judged is None:
                    return None
                base, positions = judged
                if positions:
                    ignored.append([n, positions])
            pairs.append(base)
        strict = compare.widest(pairs)
        if not pairs:
            if relax != 1:  # gradients that are all None
                record["tol"] = [0.0, 0.0]
            return strict
        record["tol"] = compare.rounded(compare.widest([strict, floor or (0.0, 0.0)]))
        if record["tol"] != compare.rounded(strict):
            record["strict_tol"] = compare.rounded(strict)
        if ignored:
            record["ignore"] = ignored
        return strict

    # -- gradients -----------------------------------------------------------------

    def add_gradients(self, case, encoded, inputs, results, reference, steps, second, seed, floor):
        wanted = [t for t in inputs if t.requires_grad]
        outputs = [t for t in results if t.requires_grad]
        if not wanted or not outputs:
            return
        generator = torch.Generator().manual_seed(seed)
        cotangents = [uniform_like(t, generator) for t in outputs]
        try:
            grads = torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True,
                                        create_graph=second, materialize_grads=False)
        except Exception as e:
            case["backward_error"] = error_record(e)
            return
        wide_grads = None
        if reference:
            wide_out = [t for t in reference[0] if t.requires_grad]
            wide_in = [t for t in reference[1] if t.requires_grad]
            try:
                wide_grads = torch.autograd.grad(
                    wide_out, wide_in, [c.to(o.dtype) for c, o in zip(cotangents, wide_out)],
                    allow_unused=True, create_graph=second)
            except Exception:
                wide_grads = None
        record = {}
        if self.record_tolerance(record, grads, wide_grads, floor, compare.GRADIENT_RELAXATION) is None:
            case["grad_unstable"] = True
            return
        remaining = iter(cotangents)
        case["grad"] = {
            "grad_fn": [type(t.grad_fn).__name__ if t.requires_grad else None for t in results],
            "cotangents": [self.encoder.output_tensor(next(remaining)) if t.requires_grad else None
                           for t in results],
            "grads": [None if g is None else self.encoder.output_tensor(g) for g in grads],
            **record,
        }
        if steps:
            del case["grad"]["grad_fn"]  # it would name the post step, not the op
        if second and not case.get("random"):
            self.add_second_gradients(case, wanted, grads, reference, wide_grads, generator, floor)

    def add_second_gradients(self, case, wanted, grads, reference, wide_grads, generator, floor):
        usable = [n for n, g in enumerate(grads) if g is not None and g.requires_grad]
        if not usable:
            return
        cotangents = [uniform_like(grads[n], generator) for n in usable]
        try:
            second = torch.autograd.grad([grads[n] for n in usable], wanted, cotangents,
                                         allow_unused=True)
        except Exception:
            return
        wide_second = None
        if wide_grads:
            try:
                wide_second = torch.autograd.grad(
                    [wide_grads[n] for n in usable], [t for t in reference[1] if t.requires_grad],
                    [c.to(wide_grads[n].dtype) for c, n in zip(cotangents, usable)], allow_unused=True)
            except Exception:
                wide_second = None
        record = {}
        tolerance = self.record_tolerance(record, second, wide_second, floor, compare.GRADIENT_RELAXATION)
        if tolerance is None or any(not g.isfinite().all() for g in second if g is not None):
            return
        by_index = dict(zip(usable, cotangents))
        case["grad2"] = {
            "cotangents": [self.encoder.output_tensor(by_index[n]) if n in by_index else None
                           for n in range(len(grads))],
            "grads": [None if g is None else self.encoder.output_tensor(g) for g in second],
            **record,
        }

    # -- error cases -------------------------------------------------------------------

    def build_error(self, call):
        encoded = self.encode_call(call)
        try:
            self.run(encoded)
        except Exception as e:
            if isinstance(e, (NotUsable, Unencodable)):
                raise
            return {**encoded, "error": error_record(e)}
        raise NotUsable("no error raised")


def widened(call, inputs):
    """The call with every floating tensor in the next wider precision."""
    mapping = {}

    def widen(v):
        if isinstance(v, torch.Tensor):
            if id(v) not in mapping:
                wide = compare.WIDER.get(v.dtype)
                if wide is None:
                    mapping[id(v)] = v
                else:
                    mapping[id(v)] = v.detach().to(wide).requires_grad_(v.requires_grad)
            return mapping[id(v)]
        if isinstance(v, torch.dtype):
            return compare.WIDER.get(v, v)
        if isinstance(v, tuple) and type(v) is tuple:
            return tuple(map(widen, v))
        if isinstance(v, list):
            return list(map(widen, v))
        if isinstance(v, dict):
            return {k: widen(x) for k, x in v.items()}
        return v

    args, kwargs = widen(call.args), widen(call.kwargs)
    return Call(call.kind, call.path, args, kwargs), [mapping.get(id(t), t) for t in inputs]


def same_bits(a, b):
    if a.shape != b.shape or a.dtype != b.dtype or a.layout != b.layout:
        return False
    return a.layout == torch.strided and tensor_bytes(a) == tensor_bytes(b)


def has_ties(t):
    if t.numel() == 0 or t.dtype.is_complex:
        return False
    flat = t.detach().reshape(-1)
    return flat.unique().numel() < flat.numel()
