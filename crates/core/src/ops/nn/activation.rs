//! Activations of single elements, their gates and their noise.

use super::linked;
use crate::autograd::{call, call_in_place};
use crate::kernels::functions;
use crate::ops::loops::{slice_map, slice_zip};
use crate::ops::prelude::*;
use crate::ops::promote::fitted;
use crate::ops::rounding::clamp_numbers;
use crate::table::Op;
use crate::value::first;
use crate::random;
use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// Klambauer et al., "Self-Normalizing Neural Networks", 2017.
const SELU_ALPHA: f64 = 1.673_263_242_354_377_2;
const SELU_SCALE: f64 = 1.050_700_987_355_480_5;

/// What `inplace` of `nn.functional` does.
fn run(op: &'static Op, inplace: bool, input: Tensor, rest: &[Scalar]) -> Result {
    let args: Vec<Value> = std::iter::once(Value::Tensor(input)).chain(rest.iter().map(|s| Value::Scalar(*s))).collect();
    if inplace { call_in_place(op, &args) } else { first(call(op, &args)?) }
}

/// `g` where the mask is false, else zero; it counts as depending on `input`.
fn blocked(g: &Tensor, input: &Tensor, mask: Result) -> Result {
    linked(mask?.where_op(0i64, g), &[input])
}

fn relu_of(t: &Tensor) -> Result {
    if t.dtype() == DType::Bool {
        return Err(Error::not_implemented("Boolean inputs not supported for relu"));
    }
    if t.dtype().is_complex() {
        return Err(Error::not_implemented("clamp is not supported for complex types"));
    }
    ordered_map!("", t, |x| x.max(0), if x < 0.0 { 0.0 } else { x })
}

/// `g` where the result is not zero; in one pass where nothing is recorded.
fn relu_grad(g: &Tensor, out: &Tensor) -> Result {
    let plain = g.dtype() == DType::Float32 && out.dtype() == DType::Float32 && g.sizes() == out.sizes();
    if plain && crate::state::unobserved() {
        return slice_zip(g, out, out.dtype(), functions::relu_grad_all);
    }
    blocked(g, out, out.le(0i64))
}

/// `input` limited to a range that an integer tensor sees in its own type.
fn hard_tanh(t: &Tensor, low: f64, high: f64) -> Result {
    if t.dtype() == DType::Bool {
        return Err(Error::not_implemented("Bool inputs not supported for hardtanh"));
    }
    if t.dtype().is_integral() {
        return clamp_numbers(t, Some(Scalar::Int(low as i64)), Some(Scalar::Int(high as i64)));
    }
    clamp_numbers(t, Some(Scalar::Float(low)), Some(Scalar::Float(high)))
}

/// `x` above zero, below it `exp` less one: for `elu` and its relatives.
fn elu_of(t: &Tensor, alpha: f64, scale: f64, inner: f64) -> Result {
    only_real_map!("elu_cpu", t, |x| {
        if x < 0.0 { (x * inner as F).exp_m1() * (alpha * scale) as F } else { x * scale as F }
    })
}

fn elu_grad(g: &Tensor, input: &Tensor, alpha: f64, scale: f64, inner: f64) -> Result {
    let below = input.le(0i64)?;
    // Only what is below goes through `exp`, lest the other side overflow.
    let curve = below.where_op(input.mul(inner), 0i64).exp().mul(alpha * scale * inner);
    g.mul(below.where_op(curve, scale))
}

fn sigmoid_times(t: &Tensor) -> Result {
    if t.dtype().is_integral() {
        return Err(Error::dtype("silu_cpu", t.dtype()));
    }
    float_map!(t, functions::silu_all, |x| x / (1.0 + (-x).exp()), |z| z * crate::kernels::complex::logistic(z))
}

fn gelu_of(t: &Tensor, approximate: &str) -> Result {
    match approximate {
        "none" if t.dtype().compute() == DType::Float32 => slice_map(t, t.dtype(), functions::gelu_all),
        "tanh" if t.dtype().compute() == DType::Float32 => slice_map(t, t.dtype(), functions::gelu_tanh_all),
        "none" => only_real_map!("GeluKernelImpl", t, |x| {
            let cdf = 0.5 * (1.0 + libm::erf(f64::from(x) * FRAC_1_SQRT_2));
            x * cdf as F
        }),
        "tanh" => only_real_map!("GeluKernelImpl", t, |x| {
            let k = (FRAC_2_SQRT_PI * FRAC_1_SQRT_2) as F;
            0.5 * x * (1.0 + (k * (x + 0.044715 * x * x * x)).tanh())
        }),
        _ => Err(Error::runtime("approximate argument must be either none or tanh.")),
    }
}

fn gelu_grad(g: &Tensor, x: &Tensor, approximate: &str) -> Result {
    let plain = g.dtype() == DType::Float32 && x.dtype() == DType::Float32 && g.sizes() == x.sizes();
    if plain && crate::state::unobserved() {
        let run = if approximate == "none" { functions::gelu_grad_all } else { functions::gelu_tanh_grad_all };
        return slice_zip(g, x, x.dtype(), run);
    }
    if approximate == "none" {
        let cdf = x.mul(FRAC_1_SQRT_2).erf().add(1i64, 1i64).mul(0.5);
        let pdf = x.mul(x).mul(-0.5).exp().mul(FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * 0.5);
        return g.mul(cdf.add(x.mul(pdf), 1i64));
    }
    let k = FRAC_2_SQRT_PI * FRAC_1_SQRT_2;
    let square = x.mul(x)?;
    let t = square.mul(0.044715).add(1i64, 1i64).mul(x).mul(k).tanh()?;
    let inner = square.mul(3.0 * 0.044715).add(1i64, 1i64).mul(k);
    let bend = t.mul(&t).rsub(1i64, 1i64).mul(inner).mul(x);
    g.mul(t.add(1i64, 1i64).add(bend, 1i64).mul(0.5))
}

/// The two halves of a tensor: values and gates.
fn halves(t: &Tensor, dim: i64) -> Result<(Tensor, Tensor)> {
    if t.ndim() == 0 {
        return Err(Error::runtime("glu does not support scalars because halving size must be even"));
    }
    let d = wrap_dim(dim, t.ndim())?;
    let n = t.sizes()[d];
    if n % 2 != 0 {
        return Err(Error::runtime(format!("Halving dimension must be even, but dimension {d} is size {n}")));
    }
    Ok((t.narrow(d as i64, 0i64, n / 2)?, t.narrow(d as i64, n / 2, n / 2)?))
}

/// The weight of `prelu` laid along the channels, checked.
fn channel_weight(input: &Tensor, weight: &Tensor) -> Result {
    if input.dtype() != weight.dtype() {
        return Err(Error::runtime(format!(
            "prelu: Type promoting not supported. Got {} and {}",
            input.dtype().scalar_type(), weight.dtype().scalar_type()
        )));
    }
    let n = weight.numel();
    if n != 1 {
        if input.ndim() == 0 {
            return Err(Error::runtime("Not allow zero-dim input tensor."));
        }
        let channels = if input.ndim() > 1 { input.sizes()[1] } else { 1 };
        if n as i64 != channels {
            return Err(Error::runtime(format!(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = {n} and channel \
                 size = {channels}."
            )));
        }
    }
    if weight.ndim() > 1 {
        return Err(Error::runtime(format!(
            "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {}", weight.ndim()
        )));
    }
    if input.ndim() < 2 {
        return weight.reshape(Dims::from_elem(1, input.ndim()));
    }
    let mut sizes = Dims::from_elem(1, input.ndim());
    sizes[1] = n as i64;
    weight.reshape(&sizes)
}

/// The slope of each element: a random one where the element is not positive.
fn noise(t: &Tensor, lower: f64, upper: f64) -> Result {
    let values: Vec<f64> = random::with_generator(|r| {
        t.to_vec::<f64>().into_iter().map(|x| if x <= 0.0 { lower + (upper - lower) * r.double() } else { 1.0 }).collect()
    });
    Tensor::from_slice(&values, t.sizes())?.copied(t.dtype())
}

fn soft_limit(t: &Tensor, lambd: f64) -> Result<()> {
    let most = match t.dtype() {
        DType::Float16 => "65504",
        DType::BFloat16 => "3.38953e+38",
        DType::Float32 => "3.40282e+38",
        DType::Float64 => "1.79769e+308",
        d => return Err(Error::dtype("softshrink_check", d)),
    };
    if lambd >= 0.0 {
        return Ok(());
    }
    Err(Error::runtime(format!(
        "lambda must be in range [0, {most}] for input dtype {}, but found {lambd}", t.dtype().scalar_type()
    )))
}

ops! { TABLE, ActivationOps;
    /// `max(input, 0)`.
    fn relu(input: Tensor) [inplace] eval { relu_of(&input) }
        d input = |g, out| relu_grad(g, &out);

    /// `max(input, 0)`.
    fn relu_fn "nn.functional.relu"(input: Tensor, inplace: bool = "false") [] compose {
        run(&relu::OP, inplace, input, &[])
    };

    /// Elements limited to `[min_val, max_val]`.
    fn _hardtanh "hardtanh"(input: Tensor, min_val: f64, max_val: f64) [hidden] eval {
        hard_tanh(&input, min_val, max_val)
    }
        d input = |g, input, min_val, max_val| {
            blocked(g, &input, input.le(min_val).logical_or(input.ge(max_val)))
        };

    /// Elements limited to `[min_val, max_val]`.
    fn hardtanh "nn.functional.hardtanh"(input: Tensor, min_val: f64 = "-1.0", max_val: f64 = "1.0",
        inplace: bool = "false") [] compose {
        if min_val > max_val { return Err(Error::value("min_val cannot be greater than max_val")); }
        run(&_hardtanh::OP, inplace, input, &[Scalar::Float(min_val), Scalar::Float(max_val)])
    };

    /// `min(max(input, 0), 6)`.
    fn relu6 "nn.functional.relu6"(input: Tensor, inplace: bool = "false") [] compose {
        run(&_hardtanh::OP, inplace, input, &[Scalar::Float(0.0), Scalar::Float(6.0)])
    };

    /// `input` above zero, else `negative_slope * input`.
    fn _leaky_relu "leaky_relu"(input: Tensor, negative_slope: f64) [hidden] eval {
        only_real_map!("leaky_relu_cpu", &input, |x| if x > 0.0 { x } else { x * negative_slope as F })
    }
        d input = |g, input, negative_slope| {
            linked(input.gt(0i64)?.where_op(g, g.mul(negative_slope)), &[&input])
        };

    /// `input` above zero, else `negative_slope * input`.
    fn leaky_relu "nn.functional.leaky_relu"(input: Tensor, negative_slope: f64 = "0.01", inplace: bool = "false")
        [] compose { run(&_leaky_relu::OP, inplace, input, &[Scalar::Float(negative_slope)]) };

    /// `elu` with a scale, and a factor within the exponential.
    fn _elu "elu"(input: Tensor, alpha: f64, scale: f64) [hidden] eval { elu_of(&input, alpha, scale, 1.0) }
        d input = |g, input, alpha, scale| elu_grad(g, &input, alpha, scale, 1.0);

    /// `input` above zero, else `alpha * (exp(input) - 1)`.
    fn elu "nn.functional.elu"(input: Tensor, alpha: f64 = "1.0", inplace: bool = "false") [] compose {
        run(&_elu::OP, inplace, input, &[Scalar::Float(alpha), Scalar::Float(1.0)])
    };

    /// `elu` with the constants that keep mean and variance.
    fn selu(input: Tensor) [function, inplace, EluBackward0] eval { elu_of(&input, SELU_ALPHA, SELU_SCALE, 1.0) }
        d input = |g, input| elu_grad(g, &input, SELU_ALPHA, SELU_SCALE, 1.0);

    /// `elu` with the constants that keep mean and variance.
    fn selu_fn "nn.functional.selu"(input: Tensor, inplace: bool = "false") [] compose {
        run(&selu::OP, inplace, input, &[])
    };

    /// `input` above zero, else `alpha * (exp(input / alpha) - 1)`.
    fn celu(input: Tensor, alpha: f64 = "1.0") [function, inplace] eval {
        if alpha == 0.0 { return Err(Error::runtime("ZeroDivisionError: alpha cannot be 0 for CELU")); }
        elu_of(&input, alpha, 1.0, 1.0 / alpha)
    }
        d input = |g, input, alpha| elu_grad(g, &input, alpha, 1.0, 1.0 / alpha);

    /// `input` above zero, else `alpha * (exp(input / alpha) - 1)`.
    fn celu_fn "nn.functional.celu"(input: Tensor, alpha: f64 = "1.0", inplace: bool = "false") [] compose {
        run(&celu::OP, inplace, input, &[Scalar::Float(alpha)])
    };

    /// The Gaussian error linear unit; `approximate` is `'none'` or `'tanh'`.
    fn gelu "nn.functional.gelu"(input: Tensor; approximate: String = "'none'") [] eval { gelu_of(&input, &approximate) }
        d input = |g, input, approximate| gelu_grad(g, &input, &approximate);

    /// `input * sigmoid(input)`.
    fn _silu "silu"(input: Tensor) [hidden] eval { sigmoid_times(&input) }
        d input = |g, input| {
            let s = input.sigmoid()?;
            g.mul(s.rsub(1i64, 1i64).mul(&input).add(1i64, 1i64).mul(&s).conj())
        };

    /// `input * sigmoid(input)`.
    fn silu "nn.functional.silu"(input: Tensor, inplace: bool = "false") [] compose {
        run(&_silu::OP, inplace, input, &[])
    };

    /// `input * tanh(softplus(input))`.
    fn _mish "mish"(input: Tensor) [hidden] eval {
        only_real_map!("mish_cpu", &input, |x| x * x.exp().ln_1p().tanh())
    }
        d input = |g, input| {
            let t = input.softplus(1.0, 20.0).tanh()?;
            let bend = t.mul(&t).rsub(1i64, 1i64).mul(input.sigmoid()).mul(&input);
            g.mul(t.add(bend, 1i64))
        };

    /// `input * tanh(softplus(input))`.
    fn mish "nn.functional.mish"(input: Tensor, inplace: bool = "false") [] compose {
        run(&_mish::OP, inplace, input, &[])
    };

    /// `log(1 + exp(beta * input)) / beta`, linear above `threshold`.
    fn softplus "nn.functional.softplus"(input: Tensor, beta: f64 = "1.0", threshold: f64 = "20.0") [] eval {
        only_real_map!("softplus_cpu", &input, |x| {
            let y = x * beta as F;
            if y > threshold as F { x } else { y.exp().ln_1p() / beta as F }
        })
    }
        d input = |g, input, beta, threshold| {
            let y = input.mul(beta)?;
            y.gt(threshold)?.where_op(g, g.mul(y.sigmoid()))
        };

    /// `log(sigmoid(input))`.
    fn logsigmoid "nn.functional.logsigmoid"(input: Tensor) [LogSigmoidBackward0] eval {
        only_real_map!("log_sigmoid_cpu", &input, |x| {
            let low = if x > 0.0 { 0.0 } else { x };
            low - (-x.abs()).exp().ln_1p()
        })
    }
        d input = |g, input| g.mul(input.neg().sigmoid());

    /// `relu6(input + 3) / 6`.
    fn _hardsigmoid "hardsigmoid"(input: Tensor) [hidden] eval {
        only_real_map!("hardsigmoid_cpu", &input, |x| if x.is_nan() { x } else { (x + 3.0).clamp(0.0, 6.0) / 6.0 })
    }
        d input = |g, input| {
            let slope = input.gt(-3.0).logical_and(input.lt(3.0));
            linked(slope?.where_op(g.true_divide(6.0), 0i64), &[&input])
        };

    /// `relu6(input + 3) / 6`.
    fn hardsigmoid "nn.functional.hardsigmoid"(input: Tensor, inplace: bool = "false") [] compose {
        run(&_hardsigmoid::OP, inplace, input, &[])
    };

    /// `input * relu6(input + 3) / 6`.
    fn _hardswish "hardswish"(input: Tensor) [hidden] eval {
        only_real_map!("hardswish_cpu", &input, |x| {
            if x.is_nan() { x } else { x * (x + 3.0).clamp(0.0, 6.0) / 6.0 }
        })
    }
        d input = |g, input| {
            let curve = g.mul(input.true_divide(3.0).add(0.5, 1i64));
            let upper = input.lt(3.0)?.where_op(curve, g);
            input.le(-3.0)?.where_op(0i64, upper)
        };

    /// `input * relu6(input + 3) / 6`.
    fn hardswish "nn.functional.hardswish"(input: Tensor, inplace: bool = "false") [] compose {
        run(&_hardswish::OP, inplace, input, &[])
    };

    /// `input`, zero in `[-lambd, lambd]`.
    fn hardshrink(input: Tensor, lambd: f64 = "0.5") ["nn.functional.hardshrink"] eval {
        only_real_map!("hardshrink_cpu", &input, |x| if x >= -lambd as F && x <= lambd as F { 0.0 } else { x })
    }
        d input = |g, input, lambd| blocked(g, &input, input.ge(-lambd).logical_and(input.le(lambd)));

    /// `input` moved towards zero by `lambd`.
    fn softshrink "nn.functional.softshrink"(input: Tensor, lambd: f64 = "0.5") [] eval {
        soft_limit(&input, lambd)?;
        only_real_map!("softshrink_cpu", &input, |x| {
            let l = lambd as F;
            if x > l { x - l } else if x < -l { x + l } else { x * 0.0 }
        })
    }
        d input = |g, input, lambd| blocked(g, &input, input.ge(-lambd).logical_and(input.le(lambd)));

    /// `input - tanh(input)`.
    fn tanhshrink "nn.functional.tanhshrink"(input: Tensor) [] compose { input.sub(input.tanh(), 1i64) };

    /// `input / (1 + |input|)`.
    fn softsign "nn.functional.softsign"(input: Tensor) [] compose {
        input.true_divide(input.abs().add(1i64, 1i64))
    };

    /// `input` above `threshold`, else `value`.
    fn threshold(input: Tensor, threshold: Scalar, value: Scalar) [function, inplace] eval {
        let dtype = input.dtype();
        if dtype == DType::Bool { return Err(Error::dtype("threshold_cpu", dtype)); }
        ranked!("threshold_cpu", dtype, {
            let (limit, value): (T, T) = (fitted(threshold, dtype)?, fitted(value, dtype)?);
            map(&input, dtype, |x: T| if x <= limit { value } else { x })
        })
    }
        d input = |g, input, threshold| blocked(g, &input, input.le(threshold));

    /// `input` above `threshold`, else `value`.
    fn threshold_fn "nn.functional.threshold"(input: Tensor, threshold: Scalar, value: Scalar,
        inplace: bool = "false") [] compose { run(&threshold::OP, inplace, input, &[threshold, value]) };

    /// The first half along `dim` times the logistic function of the second.
    fn glu "nn.functional.glu"(input: Tensor, dim: i64 = "-1") [] eval {
        let (value, gate) = halves(&input.detached(), dim)?;
        if !input.dtype().is_floating_point() { return Err(Error::dtype("glu_cpu", input.dtype())); }
        real_zip!("glu_cpu", &value, &gate, |x, y| x / (1.0 + (-y).exp()))
    }
        d input = |g, input, dim| {
            let (value, gate) = halves(&input, dim)?;
            let s = gate.sigmoid()?;
            let slope = g.mul(&s).mul(s.rsub(1i64, 1i64)).mul(value)?;
            crate::ops::join::cat_of(vec![g.mul(&s)?, slope], dim)
        };

    /// `input` above zero, else `weight * input`, with a weight for each channel or one for all.
    fn prelu(input: Tensor, weight: Tensor) ["nn.functional.prelu"] compose {
        input._prelu_kernel(channel_weight(&input, &weight)?)
    };

    /// `prelu` with a weight that broadcasts.
    fn _prelu_kernel(input: Tensor, weight: Tensor) [hidden] eval {
        real!("prelu_cpu", input.dtype(), {
            zip(&input, &weight, input.dtype(), |x: F, w: F| if x > 0.0 { x } else { w * x })
        })
    }
        d input = |g, input, weight| linked(input.gt(0i64)?.where_op(g, g.mul(&weight)), &[&input, &weight]),
        d weight = |g, input, weight| linked(input.gt(0i64)?.where_op(0i64, g.mul(&input)), &[&input, &weight]);

    /// `leaky_relu` with a slope for each element.
    fn _rrelu "rrelu_with_noise"(input: Tensor, slopes: Tensor) [hidden] eval {
        real!("leaky_relu_cpu", input.dtype(), {
            zip(&input, &slopes, input.dtype(), |x: F, s: F| if x > 0.0 { x } else { x * s })
        })
    }
        d input = |g, input, slopes| linked(input.gt(0i64)?.where_op(g, g.mul(slopes)), &[&input]);

    /// `leaky_relu` with random slopes while training, with their mean otherwise.
    fn rrelu(input: Tensor, lower: f64 = "0.125", upper: f64 = "0.3333333333333333", training: bool = "false")
        [function] compose { randomized(input, lower, upper, training, false) };

    /// `leaky_relu` with random slopes while training, with their mean otherwise.
    fn rrelu_fn "nn.functional.rrelu"(input: Tensor, lower: f64 = "0.125", upper: f64 = "0.3333333333333333",
        training: bool = "false", inplace: bool = "false") [] compose {
        randomized(input, lower, upper, training, inplace)
    };
}

fn randomized(input: Tensor, lower: f64, upper: f64, training: bool, inplace: bool) -> Result {
    if lower > upper {
        return Err(Error::runtime("Lower bound should be less than or equal to the upper bound"));
    }
    if !input.dtype().is_floating_point() {
        return Err(Error::dtype("leaky_relu_cpu", input.dtype()));
    }
    let slopes = if training {
        noise(&input, lower, upper)?
    } else {
        Tensor::full(&[], Scalar::Float((lower + upper) / 2.0), input.dtype())?
    };
    let args = [Value::Tensor(input), Value::Tensor(slopes)];
    if inplace { call_in_place(&_rrelu::OP, &args) } else { first(call(&_rrelu::OP, &args)?) }
}
