//! `torch.masked`: reductions and normalisations that see only the elements where a mask is true.

use super::prelude::*;

/// The dimensions in order; all where none is named.
fn ordered(dim: &Option<Dims>, ndim: usize) -> Result<Dims> {
    let Some(dim) = dim.as_ref().filter(|d| !d.is_empty()) else {
        return Ok((0..ndim as i64).collect());
    };
    let mut dims = Dims::new();
    for (i, &d) in dim.iter().enumerate() {
        if dim[..i].contains(&d) {
            return Err(Error::runtime(format!("dim={d} appears multiple times in the list of dims")));
        }
        dims.push(wrap_dim(d, ndim)? as i64);
    }
    dims.sort_unstable();
    Ok(dims)
}

fn one(dim: i64, ndim: usize) -> Result<i64> {
    wrap_dim(dim, ndim).map(|d| d as i64)
}

/// The mask as booleans in the sizes of the input.
fn canonical(input: &Tensor, mask: &Tensor) -> Result {
    if mask.ndim() > input.ndim() {
        return Err(Error::index(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the input)",
        ));
    }
    crate::ops::cast(&mask.expand(input.sizes())?, DType::Bool)
}

/// What changes nothing in an operation: the value of elements that are masked out.
#[derive(Clone, Copy)]
enum Identity {
    Zero,
    One,
    Least(&'static str),
    Greatest(&'static str),
    LeastOfAll,
    Nan,
}

impl Identity {
    fn of(self, dtype: DType) -> Result<Scalar> {
        let float = !dtype.is_integral() && !dtype.is_complex();
        let bounds = match dtype {
            DType::UInt8 => Some((0, 255)),
            DType::Int8 => Some((-128, 127)),
            DType::Int16 => Some((-32768, 32767)),
            DType::Int32 => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
            DType::Int64 => Some((i64::MIN, i64::MAX)),
            _ => None,
        };
        let unknown = |name: &str| Error::not_implemented(format!("identity of {name} on torch.{} input", dtype.name()));
        Ok(match (self, bounds) {
            (Identity::Zero, _) => Scalar::Int(0),
            (Identity::One, _) => Scalar::Int(1),
            (Identity::Nan, _) => Scalar::Float(f64::NAN),
            (Identity::Least(_) | Identity::LeastOfAll, Some((least, _))) => Scalar::Int(least),
            (Identity::Greatest(_), Some((_, greatest))) => Scalar::Int(greatest),
            (Identity::Least(_) | Identity::LeastOfAll, _) if float => Scalar::Float(f64::NEG_INFINITY),
            (Identity::LeastOfAll, _) if dtype.is_complex() => Scalar::Complex(Complex::new(f64::NEG_INFINITY, 0.0)),
            (Identity::Greatest(_), _) if float => Scalar::Float(f64::INFINITY),
            (Identity::Least(name) | Identity::Greatest(name), _) => return Err(unknown(name)),
            (Identity::LeastOfAll, _) => return Err(unknown("logsumexp")),
        })
    }
}

/// The input with the identity where the mask is false.
fn filled(input: &Tensor, mask: &Option<Tensor>, identity: Identity) -> Result {
    let Some(mask) = mask else { return Ok(input.clone()) };
    let mask = canonical(input, mask)?;
    mask.where_op(input, Tensor::full(&[], identity.of(input.dtype())?, input.dtype())?)
}

/// Sums and products of small integers are int64.
fn widened(input: &Tensor, dtype: Option<DType>) -> DType {
    dtype.unwrap_or(if input.dtype().is_integral() { DType::Int64 } else { input.dtype() })
}

fn total(input: &Tensor, dim: &Option<Dims>, keepdim: bool, dtype: Option<DType>, mask: &Option<Tensor>) -> Result {
    let dims = ordered(dim, input.ndim())?;
    filled(input, mask, Identity::Zero)?.sum_dim(&dims, keepdim, widened(input, dtype))
}

/// How many elements are seen.
fn counted(input: &Tensor, dim: &Option<Dims>, keepdim: bool, mask: &Option<Tensor>) -> Result {
    let seen = match mask {
        Some(mask) => canonical(input, mask)?,
        None => Tensor::full(input.sizes(), Scalar::Bool(true), DType::Bool)?,
    };
    total(&seen, dim, keepdim, None, &None)
}

fn average(input: &Tensor, dim: &Option<Dims>, keepdim: bool, dtype: Option<DType>, mask: &Option<Tensor>) -> Result {
    let source = if dtype.is_some() { "Optional" } else { "Input" };
    let dtype = dtype.unwrap_or(input.dtype());
    if dtype.is_integral() {
        return Err(Error::value(format!(
            "mean(): Could not infer output dtype. {source} dtype must be either a floating point or complex dtype. \
             Got: torch.{}", dtype.name()
        )));
    }
    let count = counted(input, dim, keepdim, mask)?;
    total(input, dim, keepdim, Some(dtype), mask)?.true_divide(count)
}

/// What `var` and `std` are asked to do.
struct Spread {
    unbiased: Option<bool>,
    correction: Option<f64>,
    keepdim: bool,
    dtype: Option<DType>,
}

fn variance(input: &Tensor, dim: &Option<Dims>, ask: &Spread, mask: &Option<Tensor>) -> Result {
    if ask.unbiased.is_some() && ask.correction.is_some() {
        return Err(Error::value("Only one of unbiased and correction may be given"));
    }
    let correction = ask.correction.unwrap_or(if ask.unbiased == Some(false) { 0.0 } else { 1.0 });
    let dtype = ask.dtype.unwrap_or(if input.dtype().is_integral() { DType::Float32 } else { input.dtype() });
    let compute = if dtype.is_integral() { DType::Float32 } else { dtype };
    let count = counted(input, dim, true, mask)?;
    let mean = total(input, dim, true, Some(dtype), mask)?.true_divide(&count)?;
    let x = input.sub(mean, 1i64)?;
    let sum = total(&x.mul(x.conj()?)?, dim, ask.keepdim, Some(compute), mask)?;
    let mut count = if ask.keepdim { count } else { count.reshape(sum.sizes())? };
    if correction != 0.0 {
        let left = crate::ops::cast(&count, compute.to_real())?.sub(correction, 1i64)?;
        count = left.maximum(Tensor::zeros(&[], left.dtype())?)?;
    }
    crate::ops::cast(&sum.true_divide(count)?, dtype)
}

fn product(input: &Tensor, dim: &Option<Dims>, keepdim: bool, dtype: Option<DType>, mask: &Option<Tensor>) -> Result {
    let dims = ordered(dim, input.ndim())?;
    let mut out = crate::ops::cast(&filled(input, mask, Identity::One)?, widened(input, dtype))?;
    for &d in dims.iter().rev() {
        out = out.prod_dim(d, keepdim, ())?;
    }
    Ok(out)
}

fn length(input: &Tensor, ord: f64, dim: &Option<Dims>, keepdim: bool, dtype: Option<DType>, mask: &Option<Tensor>) -> Result {
    let identity = if ord == f64::NEG_INFINITY { Identity::Greatest("norm") } else { Identity::Zero };
    let seen = filled(input, mask, identity)?;
    seen.vector_norm(ord, &ordered(dim, input.ndim())?, keepdim, dtype.unwrap_or(input.dtype()))
}

fn middle(input: &Tensor, dim: i64, keepdim: bool, dtype: Option<DType>, mask: &Option<Tensor>) -> Result {
    let dim = one(dim, input.ndim())?;
    let float = input.dtype().is_floating_point();
    let x = if float { input.clone() } else { crate::ops::cast(input, DType::Float32)? };
    let out = filled(&x, mask, Identity::Nan)?.nanmedian_dim(dim, keepdim)?;
    if float {
        return Ok(out);
    }
    if out.to_vec::<f32>().iter().any(|x| x.is_nan()) {
        return Err(Error::value("masked median expects no fully masked out rows if dtype is not floating point"));
    }
    crate::ops::cast(&out, dtype.unwrap_or(input.dtype()))
}

ops! { TABLE, MaskedOps;
    /// The sum of the elements where `mask` is true.
    fn masked_sum "masked.sum"(input: Tensor, dim: Option<Dims> = "null"; keepdim: bool = "false", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose { total(&input, &dim, keepdim, dtype, &mask) };
    /// The product of the elements where `mask` is true.
    fn masked_prod "masked.prod"(input: Tensor, dim: Option<Dims> = "null"; keepdim: bool = "false", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose { product(&input, &dim, keepdim, dtype, &mask) };
    /// The mean of the elements where `mask` is true.
    fn masked_mean "masked.mean"(input: Tensor, dim: Option<Dims> = "null"; keepdim: bool = "false", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose { average(&input, &dim, keepdim, dtype, &mask) };
    /// The median of the elements where `mask` is true; NaN where it nowhere is.
    fn masked_median "masked.median"(input: Tensor, dim: i64 = "-1"; keepdim: bool = "false", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose { middle(&input, dim, keepdim, dtype, &mask) };
    /// The variance of the elements where `mask` is true.
    fn masked_var "masked.var"(input: Tensor, dim: Option<Dims> = "null", unbiased: Option<bool> = "null";
        correction: Option<f64> = "null", keepdim: bool = "false", dtype: Option<DType> = "null", mask: Option<Tensor> = "null")
        [function] compose { variance(&input, &dim, &Spread { unbiased, correction, keepdim, dtype }, &mask) };
    /// The deviation of the elements where `mask` is true.
    fn masked_std "masked.std"(input: Tensor, dim: Option<Dims> = "null", unbiased: Option<bool> = "null";
        correction: Option<f64> = "null", keepdim: bool = "false", dtype: Option<DType> = "null", mask: Option<Tensor> = "null")
        [function] compose { variance(&input, &dim, &Spread { unbiased, correction, keepdim, dtype }, &mask)?.sqrt() };
    /// The norm of the elements where `mask` is true.
    fn masked_norm "masked.norm"(input: Tensor, ord: f64 = "2.0", dim: Option<Dims> = "null"; keepdim: bool = "false",
        dtype: Option<DType> = "null", mask: Option<Tensor> = "null") [function] compose {
        length(&input, ord, &dim, keepdim, dtype, &mask)
    };
    /// The greatest of the elements where `mask` is true.
    fn masked_amax "masked.amax"(input: Tensor, dim: Option<Dims> = "null"; keepdim: bool = "false", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose {
        let out = filled(&input, &mask, Identity::Least("amax"))?.amax(&ordered(&dim, input.ndim())?, keepdim)?;
        crate::ops::cast(&out, dtype.unwrap_or(input.dtype()))
    };
    /// The least of the elements where `mask` is true.
    fn masked_amin "masked.amin"(input: Tensor, dim: Option<Dims> = "null"; keepdim: bool = "false", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose {
        let out = filled(&input, &mask, Identity::Greatest("amin"))?.amin(&ordered(&dim, input.ndim())?, keepdim)?;
        crate::ops::cast(&out, dtype.unwrap_or(input.dtype()))
    };
    /// The place of the greatest of the elements where `mask` is true.
    fn masked_argmax "masked.argmax"(input: Tensor, dim: Option<i64> = "null"; keepdim: bool = "false", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose {
        let out = filled(&input, &mask, Identity::Least("argmax"))?.argmax(dim, keepdim)?;
        crate::ops::cast(&out, dtype.unwrap_or(input.dtype()))
    };
    /// The place of the least of the elements where `mask` is true.
    fn masked_argmin "masked.argmin"(input: Tensor, dim: Option<i64> = "null"; keepdim: bool = "false", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose {
        let out = filled(&input, &mask, Identity::Greatest("argmin"))?.argmin(dim, keepdim)?;
        crate::ops::cast(&out, dtype.unwrap_or(input.dtype()))
    };
    /// The logarithm of the sum of the exponentials of the elements where `mask` is true.
    fn masked_logsumexp "masked.logsumexp"(input: Tensor, dim: Option<Dims> = "null"; keepdim: bool = "false",
        dtype: Option<DType> = "null", mask: Option<Tensor> = "null") [function] compose {
        let out = filled(&input, &mask, Identity::LeastOfAll)?.logsumexp(&ordered(&dim, input.ndim())?, keepdim)?;
        crate::ops::cast(&out, dtype.unwrap_or(input.dtype()))
    };
    /// `logaddexp` of the elements where the masks are true.
    fn masked_logaddexp "masked.logaddexp"(input: Tensor, other: Tensor; dtype: Option<DType> = "null",
        input_mask: Option<Tensor> = "null", other_mask: Option<Tensor> = "null") [function] compose {
        let identity = Identity::Least("logaddexp");
        let out = filled(&input, &input_mask, identity)?.logaddexp(filled(&other, &other_mask, identity)?)?;
        crate::ops::cast(&out, dtype.unwrap_or(input.dtype()))
    };
    /// Sums of the elements so far, of those where `mask` is true.
    fn masked_cumsum "masked.cumsum"(input: Tensor, dim: i64; dtype: Option<DType> = "null", mask: Option<Tensor> = "null")
        [function] compose {
        let dtype = dtype.unwrap_or(input.dtype());
        crate::ops::cast(&filled(&input, &mask, Identity::Zero)?.cumsum(one(dim, input.ndim())?, dtype)?, dtype)
    };
    /// Products of the elements so far, of those where `mask` is true.
    fn masked_cumprod "masked.cumprod"(input: Tensor, dim: i64; dtype: Option<DType> = "null", mask: Option<Tensor> = "null")
        [function] compose {
        let dtype = dtype.unwrap_or(input.dtype());
        crate::ops::cast(&filled(&input, &mask, Identity::One)?.cumprod(one(dim, input.ndim())?, dtype)?, dtype)
    };
    /// `softmax` of the elements where `mask` is true.
    fn masked_softmax "masked.softmax"(input: Tensor, dim: i64; dtype: Option<DType> = "null", mask: Option<Tensor> = "null")
        [function] compose {
        filled(&input, &mask, Identity::Least("amax"))?.softmax(one(dim, input.ndim())?, dtype.unwrap_or(input.dtype()))
    };
    /// `log_softmax` of the elements where `mask` is true.
    fn masked_log_softmax "masked.log_softmax"(input: Tensor, dim: i64; dtype: Option<DType> = "null", mask: Option<Tensor> = "null")
        [function] compose {
        filled(&input, &mask, Identity::Least("amax"))?.log_softmax(one(dim, input.ndim())?, dtype.unwrap_or(input.dtype()))
    };
    /// `softmin` of the elements where `mask` is true.
    fn masked_softmin "masked.softmin"(input: Tensor, dim: i64; dtype: Option<DType> = "null", mask: Option<Tensor> = "null")
        [function] compose {
        filled(&input, &mask, Identity::Greatest("amin"))?.softmin(one(dim, input.ndim())?, dtype.unwrap_or(input.dtype()))
    };
    /// The elements where `mask` is true over their norm.
    fn masked_normalize "masked.normalize"(input: Tensor, ord: f64, dim: i64; eps: f64 = "1e-12", dtype: Option<DType> = "null",
        mask: Option<Tensor> = "null") [function] compose {
        let norm = length(&input, ord, &Some([dim].into_iter().collect()), true, dtype, &mask)?;
        let floor = Tensor::full(&[], Scalar::Float(eps), norm.dtype())?;
        filled(&input, &mask, Identity::Zero)?.true_divide(norm.maximum(floor)?)
    };
}
