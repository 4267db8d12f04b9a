//! Values reduced into the places that an index names, one by one (`scatter_reduce`) or a slice at
//! a time (`index_reduce`).

use super::loops::Arith;
use super::pick::check_source;
use super::prelude::*;
use super::scatter::prepare;
use crate::kernels::index::Around;
use crate::kernels::order::Ordered;

/// How values are combined.
#[derive(Clone, Copy, PartialEq)]
enum Reduce {
    Sum,
    Prod,
    Mean,
    Min,
    Max,
}

impl Reduce {
    fn of(word: &str) -> Option<Reduce> {
        Some(match word {
            "sum" => Reduce::Sum,
            "prod" => Reduce::Prod,
            "mean" => Reduce::Mean,
            "amin" => Reduce::Min,
            "amax" => Reduce::Max,
            _ => return None,
        })
    }
}

/// What a place holds before anything is combined into it.
fn identity(how: Reduce, dtype: DType) -> Scalar {
    match how {
        Reduce::Sum | Reduce::Mean => Scalar::Int(0),
        Reduce::Prod => Scalar::Int(1),
        Reduce::Min | Reduce::Max if dtype.is_integral() => Scalar::Int(if how == Reduce::Min { i64::MAX } else { i64::MIN }),
        Reduce::Min => Scalar::Float(f64::INFINITY),
        Reduce::Max => Scalar::Float(f64::NEG_INFINITY),
    }
}

/// Combines `source` into `input`; `each` calls back with a place in the source and one in the result.
fn reduced(
    input: &Tensor, source: &Tensor, how: Reduce, include_self: bool, each: &dyn Fn(&mut dyn FnMut(usize, usize)),
) -> Result {
    let dtype = input.dtype();
    let (out, source) = (input.copied(dtype.compute())?, source.as_contiguous(dtype.compute())?);
    let mut counts = vec![i64::from(include_self); if how == Reduce::Mean { out.numel() } else { 0 }];
    macro_rules! run {
        ($t:ty, $over:expr) => {{
            let (from, to) = (source.data::<$t>(), out.data_mut::<$t>());
            if !include_self {
                let first: $t = identity(how, dtype).to();
                each(&mut |_, o| to[o] = first);
            }
            match how {
                Reduce::Sum => each(&mut |i, o| to[o] = to[o].plus(from[i])),
                Reduce::Prod => each(&mut |i, o| to[o] = to[o].times(from[i])),
                Reduce::Mean => {
                    each(&mut |i, o| { to[o] = to[o].plus(from[i]); counts[o] += 1; });
                    let divide: fn($t, i64) -> $t = $over;
                    to.iter_mut().zip(&counts).for_each(|(x, n)| *x = divide(*x, (*n).max(1)));
                }
                _ => {}
            }
        }};
    }
    macro_rules! extreme {
        ($t:ty) => {{
            let (from, to) = (source.data::<$t>(), out.data_mut::<$t>());
            match how {
                Reduce::Min => each(&mut |i, o| to[o] = to[o].least(from[i])),
                Reduce::Max => each(&mut |i, o| to[o] = to[o].greatest(from[i])),
                _ => {}
            }
        }};
    }
    match dtype.compute() {
        DType::Int64 => { run!(i64, |x, n| x.div_euclid(n)); extreme!(i64); }
        DType::Float32 => { run!(f32, |x, n| x / n as f32); extreme!(f32); }
        DType::Float64 => { run!(f64, |x, n| x / n as f64); extreme!(f64); }
        DType::Complex64 => run!(Complex<f32>, |x, n| x / n as f32),
        _ => run!(Complex<f64>, |x, n| x / n as f64),
    }
    out.as_contiguous(dtype)
}

fn scattered(input: &Tensor, dim: i64, index: &Tensor, src: &Tensor, reduce: &str, include_self: bool) -> Result {
    let work = prepare(input, dim, index, Some(src))?;
    let how = Reduce::of(reduce).ok_or_else(|| {
        Error::runtime(format!("reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"))
    })?;
    let Some(work) = work else { return input.copied(input.dtype()) };
    let refused = match how {
        Reduce::Mean => input.dtype() == DType::Bool,
        Reduce::Min | Reduce::Max => input.dtype().is_complex(),
        _ => false,
    };
    if refused {
        return Err(Error::dtype(&format!("scatter_gather_tensor_cpu_reduce_{reduce}"), input.dtype()));
    }
    let source = work.source.clone().unwrap_or_else(|| src.clone());
    reduced(input, &source, how, include_self, &|f| work.each(f))
}

fn sliced(input: &Tensor, dim: i64, index: &Tensor, source: &Tensor, reduce: &str, include_self: bool) -> Result {
    let how = Reduce::of(reduce).filter(|how| *how != Reduce::Sum).ok_or_else(|| {
        Error::runtime(format!("index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."))
    })?;
    let d = check_source("index_reduce", input, dim, index, source)?;
    let refused = match how {
        Reduce::Mean if input.dtype() == DType::Bool => Some("div_floor_cpu"),
        Reduce::Min if input.dtype().is_complex() => Some("minimum_cpu"),
        Reduce::Max if input.dtype().is_complex() => Some("maximum_cpu"),
        _ => None,
    };
    if let Some(kernel) = refused {
        return Err(Error::dtype(kernel, input.dtype()));
    }
    let (places, around) = (index.to_vec::<i64>(), Around::new(input.sizes(), d));
    if places.iter().any(|i| *i < 0 || *i >= around.n as i64) {
        return Err(Error::index("index out of range in self"));
    }
    let inner = around.inner;
    reduced(input, source, how, include_self, &|f| around.each(&places, |i, o| (0..inner).for_each(|k| f(i + k, o + k))))
}

/// Either way of naming places, for gradients that hold for both.
struct Route<'a> {
    dim: i64,
    index: &'a Tensor,
    slices: bool,
}

impl Route<'_> {
    fn read(&self, from: &Tensor) -> Result {
        if self.slices { from.index_select(self.dim, self.index) } else { from.gather(self.dim, self.index, false) }
    }

    fn add(&self, to: &Tensor, source: &Tensor) -> Result {
        if self.slices { to.index_add(self.dim, self.index, source, 1i64) } else { to.scatter_add(self.dim, self.index, source) }
    }

    fn product(&self, to: &Tensor, source: &Tensor, include_self: bool) -> Result {
        if self.slices {
            to.index_reduce(self.dim, self.index, source, "prod", include_self)
        } else {
            to.scatter_reduce(self.dim, self.index, source, "prod", include_self)
        }
    }

    fn clear(&self, g: &Tensor) -> Result {
        if self.slices { g.index_fill_scalar(self.dim, self.index, 0i64) } else { g.scatter_value(self.dim, self.index, 0i64) }
    }

    /// How many values each place averages.
    fn counts(&self, g: &Tensor, source: &Tensor, include_self: bool) -> Result {
        let start = Tensor::full(g.sizes(), Scalar::Bool(include_self), g.dtype())?;
        let n = self.add(&start, &Tensor::full(source.sizes(), Scalar::Int(1), g.dtype())?)?;
        n.masked_fill_scalar(n.eq(0i64), 1i64)
    }

    /// Which elements are their place's extreme, and each place's share of the gradient.
    fn shares(&self, g: &Tensor, input: &Tensor, source: &Tensor, out: &Tensor) -> Result<[Tensor; 3]> {
        let source_is = source.eq(self.read(out)?)?._to_copy(g.dtype())?;
        let input_is = input.eq(out)?._to_copy(g.dtype())?;
        let share = g.div(self.add(&input_is, &source_is)?, ())?;
        Ok([input_is, source_is, share])
    }

    fn input_grad(&self, g: &Tensor, input: &Tensor, source: &Tensor, out: &Tensor, how: &str, include_self: bool) -> Result {
        let grad = match how {
            "sum" => Ok(g.clone()),
            "mean" => g.div(self.counts(g, source, include_self)?, ()),
            "prod" => {
                // A zero is taken out of the product that the others make.
                let masked = input.masked_fill_scalar(input.eq(0i64), 1i64)?;
                g.mul(self.product(&masked, source, include_self)?.div(&masked, ()).conj())
            }
            _ => {
                let [input_is, _, share] = self.shares(g, input, source, out)?;
                input_is.mul(share)
            }
        }?;
        if include_self { Ok(grad) } else { self.clear(&grad) }
    }

    fn source_grad(&self, g: &Tensor, input: &Tensor, source: &Tensor, out: &Tensor, how: &str, include_self: bool) -> Result {
        match how {
            "sum" => self.read(g),
            "mean" => self.read(g)?.div(self.read(&self.counts(g, source, include_self)?)?, ()),
            "prod" => {
                let zero = source.eq(0i64)?;
                let zeros = self.add(&Tensor::zeros(input.sizes(), input.dtype())?, &zero._to_copy(input.dtype())?)?;
                let single = zero.logical_and(self.read(&zeros)?.eq(1i64))?;
                let masked = source.masked_fill_scalar(&single, 1i64)?;
                let others = self.product(input, &masked, include_self)?;
                let at_zero = self.read(&g.mul(others.conj())?)?;
                let elsewhere = self.read(&g.mul(out.conj())?)?.div(source.masked_fill_scalar(&zero, 1i64)?.conj(), ())?;
                single.where_op(at_zero, elsewhere)
            }
            _ => {
                let [_, source_is, share] = self.shares(g, input, source, out)?;
                source_is.mul(self.read(&share)?)
            }
        }
    }
}

ops! { TABLE, ScatterReduceOps;
    /// `src` reduced ("sum", "prod", "mean", "amin" or "amax") into the places that `index` names along a dimension.
    fn scatter_reduce(input: Tensor, dim: i64, index: Tensor, src: Tensor, reduce: String; include_self: bool = "true") [inplace] eval {
        scattered(&input, dim, &index, &src, &reduce, include_self) }
        d input = |g, input, dim, index, src, reduce, include_self, out| Route { dim, index: &index, slices: false }.input_grad(g, &input, &src, &out, &reduce, include_self),
        d src = |g, input, dim, index, src, reduce, include_self, out| Route { dim, index: &index, slices: false }.source_grad(g, &input, &src, &out, &reduce, include_self);
    /// Slices of `source` reduced ("prod", "mean", "amin" or "amax") into those that `index` names.
    fn index_reduce(input: Tensor, dim: i64, index: Tensor, source: Tensor, reduce: String; include_self: bool = "true") [inplace] eval {
        sliced(&input, dim, &index, &source, &reduce, include_self) }
        d input = |g, input, dim, index, source, reduce, include_self, out| Route { dim, index: &index, slices: true }.input_grad(g, &input, &source, &out, &reduce, include_self),
        d source = |g, input, dim, index, source, reduce, include_self, out| Route { dim, index: &index, slices: true }.source_grad(g, &input, &source, &out, &reduce, include_self);
}
