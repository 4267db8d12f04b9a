"""Family E: torch.nn modules: construction, state, forward and gradients."""

import os
import warnings

import torch
from torch.nn.modules.lazy import LazyModuleMixin

from . import compare
from .calls import Call, resolve
from .cases import CaseBuilder, same_bits, widened
from .codec import Encoder, Unencodable, flatten_tensors
from .common import error_record, short, stable_seed, uniform_like
from .matching import mismatch
from .sampling import choose

SAMPLES = 8
LARGEST_INPUT = 1000
LARGEST_INPUT_FALLBACK = 2500
LARGEST_STATE = 4000
FORWARD_SEED = 42
RANDOM_MODULES = {"nn.FractionalMaxPool2d", "nn.FractionalMaxPool3d"}
ACTIVATIONS = {torch.nn.functional.gelu: "nn.functional.gelu", torch.nn.functional.relu: "nn.functional.relu"}
ENCODER_LAYER_ARGUMENTS = ("d_model", "nhead", "dim_feedforward", "dropout", "activation", "layer_norm_eps",
                           "batch_first", "norm_first", "bias")


def extra_modules(make):
    """Modules that module_db lacks: (name, args, kwargs, forward args)."""
    x4, x3, x2 = make(2, 4, 4, 4), make(2, 4, 6), make(3, 4)
    index = torch.tensor([[0, 2, 1], [3, 3, 0]])
    pooled, indices = torch.nn.functional.max_pool2d(x4.detach(), 2, return_indices=True)
    pooled1, indices1 = torch.nn.functional.max_pool1d(x3.detach(), 2, return_indices=True)
    yield from [
        ("Identity", (), {}, (x2,)), ("Identity", (5,), {"unused": 1}, (x2,)), ("Flatten", (), {}, (x4,)),
        ("Flatten", (2,), {}, (x4,)), ("Flatten", (0, 1), {}, (x4,)), ("Unflatten", (1, (2, 2)), {}, (x2,)),
        ("Unflatten", (2, (3, 2)), {}, (x3,)), ("PixelShuffle", (2,), {}, (x4,)), ("PixelUnshuffle", (2,), {}, (x4,)),
        ("ChannelShuffle", (2,), {}, (x4,)), ("Upsample", (), {"scale_factor": 2}, (x4,)),
        ("Upsample", (), {"size": (6, 5), "mode": "bilinear"}, (x4,)),
        ("Upsample", (), {"scale_factor": 1.5, "mode": "bilinear", "align_corners": True}, (x4,)),
        ("Upsample", (), {"size": 9, "mode": "linear"}, (x3,)),
        ("Upsample", (), {"size": (7, 7), "mode": "bicubic"}, (x4,)),
        ("UpsamplingNearest2d", (), {"scale_factor": 2}, (x4,)),
        ("UpsamplingBilinear2d", (), {"size": (5, 7)}, (x4,)), ("Unfold", (2,), {}, (x4,)),
        ("Unfold", ((2, 3),), {"padding": 1, "stride": 2}, (x4,)), ("Fold", ((4, 4), 2), {}, (make(1, 8, 9),)),
        ("Fold", ((4, 5), (2, 2)), {"stride": 2, "padding": 1}, (make(2, 8, 9),)),
        ("CosineSimilarity", (), {}, (x2, make(3, 4))), ("CosineSimilarity", (0, 1e-6), {}, (x2, make(3, 4))),
        ("PairwiseDistance", (), {}, (x2, make(3, 4))),
        ("PairwiseDistance", (1.0,), {"keepdim": True}, (x2, make(3, 4))),
        ("TripletMarginLoss", (), {}, (x2, make(3, 4), make(3, 4))),
        ("TripletMarginLoss", (0.5,), {"p": 1.0, "swap": True, "reduction": "sum"}, (x2, make(3, 4), make(3, 4))),
        ("TripletMarginWithDistanceLoss", (), {"margin": 2.0}, (x2, make(3, 4), make(3, 4))),
        ("EmbeddingBag", (5, 3), {}, (index,)), ("EmbeddingBag", (5, 3), {"mode": "sum"}, (index,)),
        ("EmbeddingBag", (5, 3), {"mode": "max"}, (index,)),
        ("EmbeddingBag", (5, 3), {"mode": "sum", "include_last_offset": True},
         (torch.tensor([0, 1, 4, 2, 2]), torch.tensor([0, 2, 5]))),
        ("Embedding", (6, 3), {"padding_idx": 0}, (index,)),
        ("Embedding", (6, 3), {"scale_grad_by_freq": True}, (index,)), ("Dropout", (0.5,), {}, (x2,)),
        ("Dropout", (0.0,), {}, (x2,)), ("Dropout1d", (0.4,), {}, (x3,)), ("Dropout2d", (0.3,), {}, (x4,)),
        ("Dropout3d", (0.3,), {}, (make(1, 3, 2, 2, 2),)), ("AlphaDropout", (0.2,), {}, (x2,)),
        ("FeatureAlphaDropout", (0.2,), {}, (x4,)), ("RReLU", (), {}, (x2,)),
        ("MaxUnpool2d", (2,), {}, (pooled.requires_grad_(), indices)),
        ("MaxUnpool1d", (2,), {}, (pooled1.requires_grad_(), indices1)),
        ("AdaptiveLogSoftmaxWithLoss", (4, 10, [3, 6]), {"div_value": 2.0}, (x2, torch.tensor([1, 4, 9]))),
        ("ReflectionPad2d", ((1, 0, 2, 1),), {}, (x4,)), ("ReplicationPad1d", ((2, 1),), {}, (x3,)),
        ("CircularPad2d", ((1, 1, 0, 2),), {}, (x4,)), ("Hardsigmoid", (), {}, (x2,)), ("Softmax2d", (), {}, (x4,)),
        ("LayerNorm", ((4, 6),), {"elementwise_affine": False}, (x3,)), ("LayerNorm", (4,), {"bias": False}, (x2,)),
        ("BatchNorm1d", (4,), {"momentum": None}, (x2,)),
        ("BatchNorm2d", (4,), {"track_running_stats": False}, (x4,)),
        ("Conv2d", (4, 6, 3), {"padding": "same", "groups": 2}, (x4,)),
        ("Conv1d", (4, 2, 3), {"padding_mode": "circular", "padding": 1}, (x3,)),
        ("Conv2d", (4, 3, 2), {"padding_mode": "reflect", "padding": 1, "stride": 2}, (x4,)),
        ("Conv2d", (4, 4, (1, 2)), {"dilation": 2, "bias": False}, (x4,)),
        ("ConvTranspose2d", (4, 2, 3), {"stride": 2, "padding": 1, "output_padding": 1}, (x4,)),
        ("MultiheadAttention", (4, 2), {"kdim": 3, "vdim": 5, "batch_first": True},
         (make(2, 3, 4), make(2, 5, 3), make(2, 5, 5))),
        ("MultiheadAttention", (4, 2), {"add_bias_kv": True, "add_zero_attn": True},
         (make(3, 2, 4), make(3, 2, 4), make(3, 2, 4))),
        ("LSTM", (3, 4), {"num_layers": 2, "bidirectional": True}, (make(5, 2, 3),)),
        ("LSTM", (3, 4), {"proj_size": 2}, (make(5, 2, 3),)),
        ("GRU", (3, 4), {"batch_first": True, "bias": False}, (make(2, 5, 3), make(1, 2, 4))),
        ("RNN", (3, 4), {"nonlinearity": "relu"}, (make(4, 2, 3),)),
        ("TransformerEncoderLayer", (4, 2, 8), {"dropout": 0.0, "batch_first": True, "activation": "gelu"},
         (make(2, 3, 4),)),
        ("GaussianNLLLoss", (), {"full": True}, (x2, make(3, 4).detach(), make(3, 4).detach().abs() + 0.5)),
        ("CrossEntropyLoss", (), {"label_smoothing": 0.1, "ignore_index": 1}, (x2, torch.tensor([0, 1, 3]))),
        ("NLLLoss", (), {"weight": torch.tensor([0.5, 1.0, 2.0, 0.25])},
         (x2.detach().log_softmax(1).requires_grad_(), torch.tensor([0, 3, 2]))),
        ("HuberLoss", (), {"delta": 0.5}, (x2, make(3, 4).detach())),
        ("SmoothL1Loss", (), {"beta": 0.3}, (x2, make(3, 4).detach())),
    ]


class Sample:
    """One way to construct and call a module."""

    def __init__(self, args, kwargs, call_args, call_kwargs, description=""):
        self.args, self.kwargs = args, kwargs
        self.call_args, self.call_kwargs, self.description = call_args, call_kwargs, description
        # The names that ops.choose() looks at.
        self.input = call_args[0] if call_args else None


class _ChoiceView:
    """Presents a Sample to ops.traits()."""

    def __init__(self, sample):
        self.input = sample.input
        self.args = (tuple(sample.args), tuple(sample.call_args[1:]))
        self.kwargs = {**{"new " + k: v for k, v in sample.kwargs.items()}, **sample.call_kwargs}


def samples_of(info, dtype, seed, training=True):
    torch.manual_seed(seed)
    import random
    random.seed(seed)
    for m in info.module_inputs_func(info, "cpu", dtype, True, training):
        if m.forward_input is None:
            continue
        built, called = m.constructor_input, m.forward_input
        yield Sample(built.args, dict(built.kwargs), called.args, dict(called.kwargs), m.desc)


class ModuleEncoder(Encoder):
    """Also encodes activations and encoder layers given to a constructor."""

    def value(self, v, tensor=None, seen=None):
        if callable(v) and v in ACTIVATIONS:
            return {"callable": ACTIVATIONS[v]}
        if isinstance(v, torch.nn.TransformerEncoderLayer):
            return {"module": "nn.TransformerEncoderLayer", "kwargs": {
                k: self.value(x) for k, x in encoder_layer_arguments(v).items()}}
        return super().value(v, tensor, seen)


def encoder_layer_arguments(layer):
    return dict(zip(ENCODER_LAYER_ARGUMENTS, (
        layer.self_attn.embed_dim, layer.self_attn.num_heads, layer.linear1.out_features, layer.dropout.p,
        layer.activation, layer.norm1.eps, layer.self_attn.batch_first, layer.norm_first,
        layer.linear1.bias is not None)))


def decode_argument(reader, v, seen=None):
    if isinstance(v, dict) and "module" in v:
        kwargs = {k: decode_argument(reader, x) for k, x in v["kwargs"].items()}
        return resolve(v["module"])(**kwargs)
    return reader.value(v, seen)


def construct(path, args, kwargs, dtype=torch.float32):
    torch.manual_seed(FORWARD_SEED)
    return resolve(path)(*args, **kwargs).to(dtype)


def forward(module, state, training, args, kwargs, seed=FORWARD_SEED):
    if isinstance(module, LazyModuleMixin) and module.has_uninitialized_params():
        with torch.no_grad():
            module(*args, **kwargs)
    if state is not None:
        module.load_state_dict(state)
    module.train(training)
    torch.manual_seed(seed)
    return module(*args, **kwargs)


class ModuleCases(CaseBuilder):
    """Builds cases for one module class."""

    def __init__(self, path, settings):
        super().__init__(ModuleEncoder())
        self.path, self.settings, self.elementwise = path, settings, False

    def decode_parts(self, case):
        self.reader.raw = self.encoder.blob.data
        return decode_parts(self.reader, case)

    def build(self, sample, training, number):
        case = {"path": self.path, "training": training,
                "init": {"args": [self.encoder.value(a) for a in sample.args],
                         "kwargs": {k: self.encoder.value(v) for k, v in sample.kwargs.items()}}}
        if sample.description:
            case["description"] = sample.description
        seen = []
        case["args"] = [self.encoder.value(a, None, seen) for a in sample.call_args]
        case["kwargs"] = {k: self.encoder.value(v, None, seen) for k, v in sample.call_kwargs.items()}
        module = construct(self.path, sample.args, sample.kwargs)
        lazy = isinstance(module, LazyModuleMixin)
        case["repr"] = repr(module)
        if lazy:
            case["lazy"] = True
            with torch.no_grad():
                module(*sample.call_args, **sample.call_kwargs)
        state = perturbed(module.state_dict(), stable_seed(self.settings.split, self.settings.seed, self.path, number))
        if sum(t.numel() for t in state.values()) > LARGEST_STATE:
            raise Unencodable("too many parameters")
        case["state"] = {k: self.encoder.output_tensor(v) for k, v in state.items()}
        case["parameters"] = [n for n, _ in module.named_parameters()]

        module, inputs, output = self.execute(case)
        results = flatten_tensors(output)
        _, _, again = self.execute(case, seed=FORWARD_SEED + 1)
        is_random = self.path in RANDOM_MODULES or \
            not all(map(same_bits, results, flatten_tensors(again)))
        if is_random:
            case.update(compare="meta", random=True, seed=FORWARD_SEED)
        after = {k: v for k, v in module.state_dict().items() if not same_bits(v, state[k])}
        if after:
            case["state_after"] = {k: self.encoder.output_tensor(v) for k, v in after.items()}
        reference = None if is_random else self.wide(case)
        case["out"] = self.encoder.value(output, self.encoder.output_tensor)
        if self.record_tolerance(case, results, reference and reference[0], None) is None:
            case["compare"], case["unstable"] = "meta", True
            return case
        self.gradients(case, module, inputs, results, reference, number)
        return case

    def execute(self, case, seed=FORWARD_SEED, wide=False):
        path, init_args, init_kwargs, state, args, kwargs, inputs = self.decode_parts(case)
        dtype = torch.float64 if wide else torch.float32
        module = construct(path, init_args, init_kwargs, dtype)
        if wide:
            call, inputs = widened(Call("function", path, args, kwargs), inputs)
            args, kwargs = call.args, call.kwargs
            state = {k: v.double() if v.is_floating_point() else v for k, v in state.items()}
        return module, inputs, forward(module, state, case["training"], args, kwargs, seed)

    def wide(self, case):
        try:
            module, inputs, output = self.execute(case, wide=True)
            return flatten_tensors(output), inputs, module
        except Exception:
            return None

    def gradients(self, case, module, inputs, results, reference, number):
        def leaves(module, inputs):
            return [t for t in inputs if t.requires_grad] + list(module.parameters())

        outputs = [t for t in results if t.requires_grad]
        wanted = leaves(module, inputs)
        if not outputs or not wanted:
            return
        generator = torch.Generator().manual_seed(stable_seed(self.settings.split, self.path, number))
        cotangents = [uniform_like(t, generator) for t in outputs]
        try:
            grads = torch.autograd.grad(outputs, wanted, cotangents, allow_unused=True)
        except Exception as e:
            case["backward_error"] = error_record(e)
            return
        wide_grads = None
        if reference:
            wide_out, wide_inputs, wide_module = reference
            try:
                wide_outputs = [t for t in wide_out if t.requires_grad]
                wide_grads = torch.autograd.grad(
                    wide_outputs, leaves(wide_module, wide_inputs),
                    [c.to(o.dtype) for c, o in zip(cotangents, wide_outputs)], allow_unused=True)
            except Exception:
                wide_grads = None
        record = {}
        if self.record_tolerance(record, grads, wide_grads, None, compare.GRADIENT_RELAXATION) is None:
            case["grad_unstable"] = True
            return
        remaining = iter(cotangents)
        count = len(wanted) - len(case["parameters"])
        encoded = [None if g is None else self.encoder.output_tensor(g) for g in grads]
        case["grad"] = {
            "cotangents": [self.encoder.output_tensor(next(remaining)) if t.requires_grad else None for t in results],
            "grads": encoded[:count],
            "parameter_grads": dict(zip(case["parameters"], encoded[count:])),
            **record,
        }


def perturbed(state, seed):
    """Default initialisation plus noise, so that biases and norms are not trivial."""
    generator = torch.Generator().manual_seed(seed)
    result = {}
    for name, t in state.items():
        if t.is_floating_point() and "var" not in name:
            t = t + uniform_like(t, generator) * 0.25
        elif t.is_floating_point():
            t = t + uniform_like(t, generator, 0, 1) * 0.25
        result[name] = t.detach().clone()
    return result


def decode_parts(reader, case):
    init_args = [decode_argument(reader, a) for a in case["init"]["args"]]
    init_kwargs = {k: decode_argument(reader, v) for k, v in case["init"]["kwargs"].items()}
    state = {k: reader.value(v) for k, v in case["state"].items()}
    seen = []
    args = [reader.value(a, seen) for a in case["args"]]
    kwargs = {k: reader.value(v, seen) for k, v in case["kwargs"].items()}
    return case["path"], init_args, init_kwargs, state, args, kwargs, seen


def small(sample, limit=LARGEST_INPUT):
    return max((t.numel() for t in flatten_tensors([list(sample.call_args), sample.call_kwargs])), default=0) <= limit


def encodable(sample):
    try:
        encoder = ModuleEncoder()
        for v in [*sample.args, *sample.kwargs.values(), *sample.call_args, *sample.call_kwargs.values()]:
            encoder.value(v)
        return True
    except Unencodable:
        return False


def generate(settings, report, log):
    from torch.testing._internal.common_modules import module_db
    plan = {}
    for info in module_db:
        path = info.name
        seed = stable_seed("modules", settings.split, settings.seed, path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = list(samples_of(info, torch.float32, seed))
        except Exception as e:
            report.skip(path, f"sampling failed: {type(e).__name__}: {e}")
            continue
        coded = [(n, s) for n, s in enumerate(found) if encodable(s)]
        usable = [(n, s) for n, s in coded if small(s)] or \
            [(n, s) for n, s in coded if small(s, LARGEST_INPUT_FALLBACK)][:3]
        avoid = set()
        if settings.heldout:
            views = [(n, _ChoiceView(s)) for n, s in usable]
            avoid = set(choose(views, SAMPLES, set(), stable_seed("modules", path)))
        picked = choose([(n, _ChoiceView(s)) for n, s in usable], SAMPLES, avoid,
                        stable_seed("modules", path) if not settings.heldout else seed)
        plan[path] = ([found[n] for n in picked], info)
    generator = torch.Generator().manual_seed(stable_seed("extra modules", settings.split, settings.seed))

    def make(*shape):
        return uniform_like(torch.empty(shape), generator, -2, 2).requires_grad_()

    for name, args, kwargs, call_args in extra_modules(make):
        entry = plan.setdefault("nn." + name, ([], None))
        entry[0].append(Sample(args, kwargs, call_args, {}, "extra"))
    for path, (samples, info) in sorted(plan.items()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            generate_module(path, samples, info, settings, report)


def generate_module(path, samples, info, settings, report):
    builder, cases, errors, notes = ModuleCases(path, settings), [], [], []
    for number, sample in enumerate(samples):
        train = None
        for training in (True, False):
            try:
                case = builder.build(sample, training, number)
            except Exception as e:
                notes.append(f"{type(e).__name__}: {short(e, 120)}")
                continue
            # Eval mode is only worth keeping where it differs, or once per module.
            comparable = {k: v for k, v in case.items() if k != "training"}
            if not training and number > 0 and comparable == train:
                continue
            train = comparable
            cases.append({"id": f"{path}/{len(cases)}", **case})
    if info is not None and info.module_error_inputs_func is not None:
        errors = error_cases(path, info, builder, settings, notes)
    if not cases:
        report.skip(path, "no usable sample: " + "; ".join(notes[:2]))
        return
    size = builder.encoder.save(os.path.join(settings.out, "modules"), path,
                                {"module": path, "cases": cases, "errors": errors})
    report.add(path, len(cases), size, errors=len(errors), grad_cases=sum("grad" in c for c in cases),
               random_cases=sum(bool(c.get("random")) for c in cases), notes=sorted(set(notes))[:3])


def error_cases(path, info, builder, settings, notes):
    torch.manual_seed(stable_seed(settings.split, settings.seed))
    cases = []
    for entry in info.module_error_inputs_func(info, "cpu", torch.float32, False, True):
        built, called = entry.module_error_input.constructor_input, entry.module_error_input.forward_input
        encoder = builder.encoder
        try:
            case = {"path": path, "init": {"args": [encoder.value(a) for a in built.args],
                                           "kwargs": {k: encoder.value(v) for k, v in built.kwargs.items()}},
                    "args": [encoder.value(a) for a in called.args] if called else [],
                    "kwargs": {k: encoder.value(v) for k, v in called.kwargs.items()} if called else {}}
            on_construction = entry.error_on.name == "CONSTRUCTION_ERROR"
            case["stage"] = "construction" if on_construction else "forward"
            case["error"] = provoke(path, built, called, on_construction)
        except Exception as e:
            notes.append(f"error sample dropped: {type(e).__name__}: {short(e, 120)}")
            continue
        cases.append({"id": f"{path}/e{len(cases)}", **case})
    return cases


def provoke(path, built, called, on_construction):
    try:
        module = resolve(path)(*built.args, **built.kwargs)
        if not on_construction:
            module(*called.args, **called.kwargs)
    except Exception as e:
        return error_record(e)
    raise ValueError("no error raised")


def replay_case(reader, case):
    path, init_args, init_kwargs, state, args, kwargs, inputs = decode_parts(reader, case)
    module = construct(path, init_args, init_kwargs)
    if repr(module) != case["repr"]:
        return "repr differs"
    output = forward(module, state, case["training"], args, kwargs)
    tol = case.get("tol", (0.0, 0.0))
    problem = mismatch(output, reader.value(case["out"]), tol)
    after = module.state_dict()
    for name, body in case.get("state_after", {}).items():
        problem = problem or mismatch(after[name], reader.value(body), tol, name)
    if problem or "grad" not in case:
        return problem
    grad = case["grad"]
    outputs = [t for t in flatten_tensors(output) if t.requires_grad]
    wanted = [t for t in inputs if t.requires_grad]
    grads = torch.autograd.grad(outputs, wanted + list(module.parameters()),
                                [reader.value(c) for c in grad["cotangents"] if c is not None], allow_unused=True)
    expected = grad["grads"] + [grad["parameter_grads"][n] for n in case["parameters"]]
    return mismatch(list(grads), [reader.value(g) for g in expected], grad["tol"], "grad")
