//! Quantiles, interpolated between the sorted elements.

use super::prelude::*;

/// Checks the operands as PyTorch does, in its order.
fn check(input: &Tensor, q: &Tensor, interpolation: &str) -> Result<()> {
    if !matches!(input.dtype(), DType::Float32 | DType::Float64) {
        return Err(Error::runtime("quantile() input tensor must be either float or double dtype"));
    }
    if q.ndim() > 1 {
        return Err(Error::runtime("quantile() q must be a scalar or 1D tensor"));
    }
    if q.dtype() != input.dtype() {
        return Err(Error::runtime("quantile() q tensor must be same dtype as the input tensor"));
    }
    if input.numel() == 0 {
        return Err(Error::runtime("quantile() input tensor must be non-empty"));
    }
    if !matches!(interpolation, "linear" | "lower" | "higher" | "midpoint" | "nearest") {
        return Err(Error::runtime(format!(
            "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}"
        )));
    }
    Ok(())
}

/// Sorts along a dimension and reads at the ranks that `q` names.
fn quantiles(input: &Tensor, q: &Tensor, dim: Option<i64>, keepdim: bool, how: &str, skip_nan: bool) -> Result {
    check(input, q, how)?;
    if q.to_vec::<f64>().iter().any(|q| !(0.0..=1.0).contains(q)) {
        return Err(Error::runtime("quantile() q values must be in the range [0, 1]"));
    }
    // The values in question become the last dimension; what they leave is of size one, or gone.
    let rows = match dim {
        None if keepdim => {
            let mut sizes = Dims::from_elem(1, input.ndim());
            sizes.push(input.numel() as i64);
            input.reshape(&sizes)?
        }
        None => input.reshape([-1])?,
        Some(d) => {
            let d = wrap_dim(d, input.ndim())? as i64;
            match (input.ndim(), keepdim) {
                (0, _) => input.reshape([1])?,
                (_, true) => input.unsqueeze(-1i64)?.transpose(d, -1i64)?,
                (_, false) => input.movedim([d], [-1])?,
            }
        }
    };
    let sorted = rows.sort(-1i64, false)?;
    let last = sorted.sizes()[sorted.ndim() - 1] - 1;
    let nan = sorted.detached().isnan()?;
    let q_row = q.reshape([-1])?;
    let ranks = if skip_nan {
        let numbers = nan.logical_not()?.sum_dim([-1], true, ())?;
        let ranks = q_row.mul(numbers.sub(1i64, 1i64)?)?;
        ranks.masked_fill_scalar(ranks.lt(0i64), 0i64)?
    } else {
        // A row with NaN answers NaN, which is its last.
        let any = nan.sum_dim([-1], true, ())?.gt(0i64)?;
        let ranks = q_row.mul(last)?.expand(&broadcast(q_row.sizes(), any.sizes())?)?;
        ranks.masked_fill_scalar(any, last)?
    };
    let ranks = match how {
        "lower" => ranks.floor()?,
        "higher" => ranks.ceil()?,
        "nearest" => ranks.round()?,
        _ => ranks,
    };
    let below = ranks.detached()._to_copy(DType::Int64)?;
    let mut values = sorted.gather(-1i64, &below, false)?;
    if matches!(how, "linear" | "midpoint") {
        let weights = if how == "linear" { ranks.sub(&below, 1i64)? } else { Tensor::full(&[], Scalar::Float(0.5), sorted.dtype())? };
        let above = sorted.gather(-1i64, ranks.detached().ceil()?._to_copy(DType::Int64)?, false)?;
        values = values.lerp(above, weights)?;
    }
    if q.ndim() == 0 {
        values._squeeze_last()
    } else {
        values.unsqueeze(0i64)?.transpose(0i64, -1i64)?._squeeze_last()
    }
}

/// A number as `q` in the dtype of `input`, whose own fitness is checked later.
fn scalar_q(input: &Tensor, q: f64) -> Result {
    if !(0.0..=1.0).contains(&q) {
        return Err(Error::runtime(format!("quantile() q must be in the range [0, 1] but got {q}")));
    }
    Tensor::full(&[], Scalar::Float(q), input.dtype())
}

ops! { TABLE, QuantileOps;
    /// The elements at the shares `q` of the way through a sorted dimension.
    fn quantile_tensor "quantile"(input: Tensor, q: Tensor, dim: Option<i64> = "null", keepdim: bool = "false"; interpolation: String = "'linear'") [] compose {
        quantiles(&input, &q, dim, keepdim, &interpolation, false) };
    /// The element at the share `q` of the way through a sorted dimension.
    fn quantile(input: Tensor, q: f64, dim: Option<i64> = "null", keepdim: bool = "false"; interpolation: String = "'linear'") [] compose {
        quantiles(&input, &scalar_q(&input, q)?, dim, keepdim, &interpolation, false) };
    /// As `quantile`, of the elements that are numbers.
    fn nanquantile_tensor "nanquantile"(input: Tensor, q: Tensor, dim: Option<i64> = "null", keepdim: bool = "false"; interpolation: String = "'linear'") [] compose {
        quantiles(&input, &q, dim, keepdim, &interpolation, true) };
    /// As `quantile`, of the elements that are numbers.
    fn nanquantile(input: Tensor, q: f64, dim: Option<i64> = "null", keepdim: bool = "false"; interpolation: String = "'linear'") [] compose {
        quantiles(&input, &scalar_q(&input, q)?, dim, keepdim, &interpolation, true) };
    /// The last dimension, of size one, dropped.
    fn _squeeze_last(input: Tensor) [hidden, SqueezeBackward4] view {
        let mut l = input.layout().clone();
        l.sizes.pop();
        l.strides.pop();
        Ok::<_, Error>(input.alias(l)) }
        d input = |g| g.unsqueeze(-1i64);
}
