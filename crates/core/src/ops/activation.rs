//! Activations.

use super::prelude::*;

ops! { TABLE, ActivationOps;
    /// `max(input, 0)`.
    fn relu(input: Tensor) [inplace] eval {
        match input.dtype().compute() {
            DType::Int64 if input.dtype() == DType::Bool => Err(Error::runtime("Boolean inputs not supported for relu")),
            DType::Int64 => map(&input, input.dtype(), |x: i64| x.max(0)),
            DType::Float32 => map(&input, input.dtype(), |x: f32| if x <= 0.0 { 0.0 } else { x }),
            DType::Float64 => map(&input, input.dtype(), |x: f64| if x <= 0.0 { 0.0 } else { x }),
            _ => Err(Error::dtype("clamp_min_scalar_cpu", input.dtype())) } }
        d input = |g, out| g.mul(out.gt(0i64)?._to_copy(g.dtype()));
    /// The Gaussian error linear unit; `approximate` is `'none'` or `'tanh'`.
    fn gelu "nn.functional.gelu"(input: Tensor; approximate: String = "'none'") [] compose {
        if approximate == "tanh" {
            let inner = input.pow_scalar(3i64)?.mul(0.044715)?.add(&input, 1i64)?.mul((2.0 / std::f64::consts::PI).sqrt())?;
            inner.tanh()?.add(1i64, 1i64)?.mul(&input)?.mul(0.5)
        } else { input.mul(std::f64::consts::FRAC_1_SQRT_2)?.erf()?.add(1i64, 1i64)?.mul(&input)?.mul(0.5) } };
    /// `input * sigmoid(input)`.
    fn silu "nn.functional.silu"(input: Tensor) [] compose { input.mul(input.sigmoid()) };
}
