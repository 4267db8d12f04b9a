"""Family A: forward, backward and error vectors for every public OpInfo."""

import os
import re
import time
from collections import defaultdict

import torch

from . import compare, extra
from .calls import (INPLACE_METHODS, METHODS, PROPERTIES, NotPublic, is_inplace_path, out_of_scope, public_call,
                    resolve)
from .cases import CaseBuilder, NotUsable, same_bits
from .codec import DTYPE_NAMES, Encoder, Unencodable, flatten_tensors
from .common import short, stable_seed
from .sampling import SampleSource, choose, edge_calls, largest, strided_twin

COMPLEX_DOMAIN = ("fft.", "view_as_real", "view_as_complex", "real", "imag", "conj", "angle", "polar",
                  "complex", "istft", "stft", "resolve_conj", "H", "mH", "isreal", "sgn",
                  "linalg.eig", "linalg.eigvals", "conj_physical", "resolve_neg")
NUMEL_FALLBACKS = (1600, 6400)
LARGEST_OUTPUT = 4000
LARGEST_OUTPUT_FALLBACK = 20000
GRADGRAD_CASES = 2
ERROR_CASES = 8
PUBLIC_SEED = 1  # the seed of the published public split


def dtype_plan(info, full):
    """[(dtype, number of samples, with gradients)] for one OpInfo."""
    grads = info.supports_autograd

    def differentiable(dtype):
        return grads and (dtype.is_floating_point or dtype.is_complex)

    main = info.name.startswith(COMPLEX_DOMAIN[0]) or info.name in COMPLEX_DOMAIN
    plan = [(torch.float32, full, grads), (torch.int64, 2, False), (torch.bool, 1, False),
            (torch.float64, 1, grads), (torch.complex64, 3 if main else 1, grads),
            (torch.float16, 1, False), (torch.bfloat16, 1, False)]
    if is_elementwise(info) or kind_of(info) == "ReductionOp":  # wrap-around, promotion of small integers
        plan += [(torch.int32, 1, False), (torch.uint8, 1, False)]
    if torch.float32 not in info.dtypes:
        # Integer-only and complex-only ops get their full share in their own main dtype.
        for lead in (torch.int64, torch.complex64, *info.dtypes):
            if lead in info.dtypes:
                plan = [(lead, full, differentiable(lead))] + [p for p in plan if p[0] != lead]
                break
        if lead == torch.int64 and torch.int32 not in {p[0] for p in plan}:
            plan += [(torch.int32, 1, False), (torch.uint8, 1, False)]
    return [p for p in plan if p[0] in info.dtypes]


class OpsFamily:
    def __init__(self, settings, log):
        self.settings, self.log = settings, log
        self.source = SampleSource()
        self.output_limit = LARGEST_OUTPUT

    def pick(self, info, dtype, count, grads):
        """Chosen samples for this split: [(index, sample)], smallest size limit first."""
        heldout = self.settings.heldout
        seed = stable_seed(self.settings.split, self.settings.seed, info.full_name, dtype)
        samples = self._sample(info, dtype, grads, seed, SampleSource.HELDOUT_SIZES if heldout else None)
        if samples and min(map(largest, samples)) > NUMEL_FALLBACKS[0] // 2:
            samples = self._sample(info, dtype, grads, seed, SampleSource.SMALL_SIZES[heldout])
        avoid = set()
        if heldout:  # stay away from what the public split took at its default seed
            public_seed = stable_seed("public", PUBLIC_SEED, info.full_name, dtype)
            avoid = set(self._choose(self._sample(info, dtype, grads, public_seed, None),
                                     count, set(), public_seed))
        chosen = self._choose(samples, count, avoid, seed)
        # A few spare samples stand in for the ones that turn out not to be usable.
        spare = [i for i in self._choose(samples, count + 6, avoid | set(chosen), seed) if i not in chosen]
        return [(i, samples[i]) for i in chosen], [(i, samples[i]) for i in spare]

    def _sample(self, info, dtype, grads, seed, sizes):
        if sizes is not None:
            try:
                return self.source.samples(info, dtype, grads, seed, sizes)
            except Exception:
                pass  # some sample functions rely on the usual sizes
        return self.source.samples(info, dtype, grads, seed, None)

    def _choose(self, samples, count, avoid, seed):
        for cap in (self.settings.numel_cap, *NUMEL_FALLBACKS):
            fitting = [(i, s) for i, s in enumerate(samples) if largest(s) <= cap]
            if len(fitting) >= min(count, len(samples), 3):
                break
        dropout = {i for i, s in fitting if s.kwargs.get("dropout_p")}  # only shapes could be compared
        return choose(fitting, count, avoid | dropout, seed)

    def generate(self, directory, report):
        by_path = defaultdict(list)
        wanted = re.compile(self.settings.only)
        for info in self.source.op_db:
            if not wanted.search(info.full_name):
                continue
            reason = out_of_scope(info)
            if reason:
                report.skip(info.full_name, reason)
                continue
            by_path[file_name(info)].append(info)
        generator = torch.Generator().manual_seed(stable_seed("extra", self.settings.split, self.settings.seed))
        extras = extra.grouped(self.settings.split, generator)
        for name in sorted({*by_path, *filter(wanted.search, extras)}):
            started = time.monotonic()
            try:
                self.output_limit = LARGEST_OUTPUT
                made = self.generate_file(directory, name, by_path[name], extras.get(name, []), report)
                if not made:  # ops such as kron only have samples with large results
                    self.output_limit = LARGEST_OUTPUT_FALLBACK
                    self.generate_file(directory, name, by_path[name], extras.get(name, []), report)
            except Exception as e:
                report.skip(name, f"{type(e).__name__}: {e}")
                self.log(f"ops {name}: FAILED {type(e).__name__}: {short(e)}")
            took = time.monotonic() - started
            if took > 8:
                self.log(f"ops {name}: {took:.1f}s")

    def generate_file(self, directory, name, infos, extra_calls, report):
        encoder = Encoder()
        builder = CaseBuilder(encoder)
        cases, errors, notes = [], [], []
        for info in infos:
            for dtype, count, grads in dtype_plan(info, self.settings.samples_per_op):
                self.add_cases(builder, info, dtype, count, grads, cases, notes)
            self.add_edges(builder, info, cases, notes)
            if info.error_inputs_func is not None:
                self.add_errors(builder, info, errors, notes)
        self.add_extras(builder, name, extra_calls, cases, notes)
        for section in (cases, errors):
            for n, case in enumerate(section):
                case_id = f"{name}/{'e' if section is errors else ''}{n}"
                section[n] = {"id": case_id, **case}
        if not cases:
            report.skip(name, "no usable sample: " + "; ".join(notes[:3]))
            return 0
        report.skipped.pop(name, None)
        meta = {"op": name, "path": cases[0]["path"], **metadata(infos, cases)}
        size = encoder.save(directory, name, {**meta, "cases": cases, "errors": errors})
        report.add(name, len(cases), size, errors=len(errors), path=cases[0]["path"],
                   autograd=meta["autograd"], gradgrad=meta["gradgrad"],
                   grad_cases=sum("grad" in c for c in cases),
                   grad2_cases=sum("grad2" in c for c in cases),
                   random_cases=sum(bool(c.get("random")) for c in cases),
                   unstable_cases=sum(bool(c.get("unstable")) for c in cases),
                   by_dtype=count_by(cases, "dtype"), kind=kind_of(infos[0]) if infos else "extra",
                   notes=sorted(set(notes))[:5])
        return len(cases)

    def add_cases(self, builder, info, dtype, count, grads, cases, notes):
        try:
            chosen, spare = self.pick(info, dtype, count, grads)
        except Exception as e:
            notes.append(f"{DTYPE_NAMES[dtype]}: sampling failed: {type(e).__name__}: {short(e, 120)}")
            return
        made = second = 0
        for index, sample in chosen + spare:
            if made >= min(count, len(chosen)):
                break
            gradgrad = grads and info.supports_gradgrad and second < GRADGRAD_CASES \
                and dtype in (torch.float32, torch.complex64)
            case = self.one_case(builder, info, dtype, sample, (sample.input, sample.args, sample.kwargs),
                                 grads, gradgrad, index, notes)
            if case is None:
                continue
            made += 1
            second += "grad2" in case
            cases.append(case)
        if dtype == torch.float32:
            for index, sample in chosen[:2]:
                case = self.one_case(builder, info, dtype, sample, strided_twin(sample), grads, False,
                                     index, [])
                if case is not None and any("strides" in str(a) for a in case["args"]):
                    cases.append({**case, "strided_twin": True})

    def one_case(self, builder, info, dtype, sample, parts, grads, gradgrad, index, notes):
        """One encoded case, or None with the reason in `notes`."""
        builder.encoder.max_numel = 4 * max(self.settings.numel_cap, largest(sample))
        builder.max_output = max(self.output_limit, 2 * largest(sample))
        try:
            call = public_call(info, *parts)
            case = builder.build(call, grads, gradgrad,
                                 stable_seed(self.settings.seed, info.full_name, dtype, index),
                                 compare.opinfo_tolerance(info, dtype), is_elementwise(info))
        except (Unencodable, NotUsable, NotPublic) as e:
            notes.append(f"{DTYPE_NAMES[dtype]} sample dropped: {short(e, 120)}")
            return None
        except Exception as e:
            notes.append(f"{DTYPE_NAMES[dtype]} sample failed: {type(e).__name__}: {short(e, 120)}")
            return None
        if info.variant_test_name:
            case["variant"] = info.variant_test_name
        if sample.broadcasts_input:
            case["broadcasts_input"] = True
        self.try_inplace(builder, info, case)
        return {"dtype": DTYPE_NAMES[dtype], **case}

    def try_inplace(self, builder, info, case):
        """Says whether the in-place method gives the same result on this case."""
        variant = info.inplace_variant
        path = public_method(variant, info.name + "_")
        if not path or case["kind"] == "property" or is_inplace_path(case["path"]) \
                or case.get("compare") == "meta" or info.name in ("polygamma", "where"):
            return
        encoded = {k: case[k] for k in ("kind", "path", "args", "kwargs")}
        try:
            with torch.no_grad():
                _, _, expected = builder.run(encoded)
                _, _, actual = builder.run({**encoded, "kind": "method", "path": path})
        except Exception:
            case["inplace"] = False
            return
        case["inplace"] = isinstance(actual, torch.Tensor) and isinstance(expected, torch.Tensor) \
            and same_bits(actual, expected)

    def add_edges(self, builder, info, cases, notes):
        for dtype in (torch.float32, torch.int64):
            if dtype not in info.dtypes:
                continue
            builder.encoder.max_numel = builder.max_output = LARGEST_OUTPUT
            try:
                for call in edge_calls(info, dtype, self.settings.split):
                    case = builder.build(call, want_grad=False, elementwise=True,
                                         floor=compare.opinfo_tolerance(info, dtype))
                    if info.variant_test_name:
                        case["variant"] = info.variant_test_name
                    cases.append({"dtype": DTYPE_NAMES[dtype], "edge_values": True, **case})
            except Exception as e:
                notes.append(f"{DTYPE_NAMES[dtype]} edge values: {type(e).__name__}: {short(e, 120)}")

    def add_extras(self, builder, name, calls, cases, notes):
        for n, call in enumerate(calls):
            builder.encoder.max_numel = builder.max_output = LARGEST_OUTPUT
            try:
                case = builder.build(call, True, n < GRADGRAD_CASES, stable_seed(self.settings.seed, name, n))
            except Exception as e:
                notes.append(f"extra call: {type(e).__name__}: {short(e, 120)}")
                continue
            tensors = flatten_tensors([call.args, call.kwargs])
            dtype = DTYPE_NAMES[tensors[0].dtype] if tensors else "float32"
            cases.append({"dtype": dtype, "extra": True, **case})

    def add_errors(self, builder, info, errors, notes):
        try:
            found = self.source.errors(info, stable_seed(self.settings.split, self.settings.seed))
        except Exception as e:
            notes.append(f"error inputs failed: {type(e).__name__}: {short(e, 120)}")
            return
        # The two splits start from opposite parities, so they differ where they can.
        parity = 1 if self.settings.heldout else 0
        order = sorted(range(len(found)), key=lambda n: (n % 2 != parity, n))
        made = 0
        for n in order:
            if made >= ERROR_CASES:
                break
            sample = found[n].sample_input
            builder.encoder.max_numel = 6400
            try:
                call = public_call(info, sample.input, sample.args, sample.kwargs)
                case = builder.build_error(call)
            except Exception as e:
                notes.append(f"error sample dropped: {type(e).__name__}: {short(e, 120)}")
                continue
            if info.variant_test_name:
                case["variant"] = info.variant_test_name
            case["regex"] = found[n].error_regex
            errors.append(case)
            made += 1


def metadata(infos, cases):
    """What the OpInfos say about an op; without any, what its cases show."""
    if not infos:
        return {"opinfos": [], "autograd": any("grad" in c for c in cases),
                "gradgrad": any("grad2" in c for c in cases), "aliases": []}
    first = infos[0]
    return {
        "opinfos": [i.full_name for i in infos],
        "autograd": any(i.supports_autograd for i in infos),
        "gradgrad": any(i.supports_gradgrad for i in infos),
        "forward_ad": any(i.supports_forward_ad for i in infos),
        "out_argument": first.supports_out,
        "method": public_method(first.method_variant, first.name),
        "inplace_method": public_method(first.inplace_variant, first.name + "_"),
        "aliases": [a.name for a in first.aliases],
        "dtypes": sorted(DTYPE_NAMES[d] for d in first.dtypes if d in DTYPE_NAMES),
    }


def public_method(variant, name):
    """`Tensor.<name>` when that method exists and the OpInfo knows the variant."""
    if variant is None or resolve(name, torch.Tensor) is None or "." in name:
        return None
    return "Tensor." + name


def file_name(info):
    if info.full_name in INPLACE_METHODS:
        return "Tensor." + INPLACE_METHODS[info.full_name]
    if info.name in METHODS | PROPERTIES:
        return "Tensor." + info.name
    return info.name


def is_elementwise(info):
    return kind_of(info) in ("UnaryUfunc", "BinaryUfunc")


def kind_of(info):
    return type(info).__name__.replace("Info", "")


def count_by(cases, key):
    counts = defaultdict(int)
    for c in cases:
        counts[c[key]] += 1
    return dict(sorted(counts.items()))


def generate(settings, report, log):
    OpsFamily(settings, log).generate(os.path.join(settings.out, "ops"), report)
