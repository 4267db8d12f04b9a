//! Reductions of stretches of one dimension, each of a length of its own.

use super::arith::no_formula;
use super::prelude::*;
use crate::kernels::order::Ordered;

/// How the elements of a segment are combined.
#[derive(Clone, Copy, PartialEq)]
enum Reduce {
    Sum,
    Mean,
    Prod,
    Max,
    Min,
}

impl Reduce {
    fn of(word: &str) -> Result<Reduce> {
        Ok(match word {
            "sum" => Reduce::Sum,
            "mean" => Reduce::Mean,
            "prod" => Reduce::Prod,
            "max" | "amax" => Reduce::Max,
            "min" | "amin" => Reduce::Min,
            _ => {
                return Err(Error::runtime(format!(
                    "reduce argument must be either sum, prod, mean, amax or amin, got {word}"
                )))
            }
        })
    }

    /// What a segment with no elements holds.
    fn start(self, initial: Option<f64>) -> f64 {
        initial.unwrap_or(match self {
            Reduce::Sum | Reduce::Mean => 0.0,
            Reduce::Prod => 1.0,
            Reduce::Max => f64::NEG_INFINITY,
            Reduce::Min => f64::INFINITY,
        })
    }
}

/// Where segments lie in a row-major tensor: rows along the axis, `inner` elements apart.
struct Segments {
    /// Of each segment: the first row and one past the last.
    rows: Vec<(usize, usize)>,
    inner: usize,
}

impl Segments {
    /// Segments along the last dimension that `lengths` has; those that reach beyond the data are refused.
    fn new(data: &Tensor, lengths: &Tensor) -> Result<Segments> {
        let axis = lengths.ndim() - 1;
        let n = data.sizes()[axis] as usize;
        let count = lengths.sizes()[axis] as usize;
        let inner = data.sizes()[axis + 1..].iter().product::<i64>() as usize;
        let list = lengths.to_vec::<i64>();
        let mut rows = Vec::with_capacity(list.len());
        for (at, lengths) in list.chunks(count.max(1)).enumerate() {
            let mut first = 0;
            for length in lengths {
                let last = usize::try_from(*length).ok().and_then(|l| l.checked_add(first)).filter(|last| *last <= n);
                let Some(last) = last else {
                    return Err(Error::index("segment_reduce(): a segment reaches beyond the data"));
                };
                rows.push((at * n + first, at * n + last));
                first = last;
            }
        }
        Ok(Segments { rows, inner })
    }

    /// Calls `f(place in the result, the places in the data)` for every element of the result.
    fn each(&self, mut f: impl FnMut(usize, &mut dyn Iterator<Item = usize>)) {
        for (s, (first, last)) in self.rows.iter().enumerate() {
            for k in 0..self.inner {
                f(s * self.inner + k, &mut (*first..*last).map(|row| row * self.inner + k));
            }
        }
    }
}

fn reduced(data: &Tensor, how: Reduce, lengths: &Tensor, initial: Option<f64>) -> Result {
    if !data.dtype().is_floating_point() {
        return Err(Error::dtype("_segment_reduce_cpu", data.dtype()));
    }
    let segments = Segments::new(data, lengths)?;
    let mut sizes = lengths.dims();
    sizes.extend(data.sizes()[lengths.ndim()..].iter().copied());
    let from = data.detached().as_contiguous(DType::Float64)?;
    let out = Tensor::empty(&sizes, DType::Float64)?;
    let (x, to) = (from.data::<f64>(), out.data_mut::<f64>());
    segments.each(|o, places| {
        let (mut value, mut count) = (how.start(initial), 0.0);
        for i in places {
            value = match how {
                Reduce::Sum | Reduce::Mean => value + x[i],
                Reduce::Prod => value * x[i],
                Reduce::Max => value.greatest(x[i]),
                Reduce::Min => value.least(x[i]),
            };
            count += 1.0;
        }
        to[o] = match how {
            Reduce::Mean if count > 0.0 => value / count,
            Reduce::Mean if initial.is_none() => f64::NAN,
            _ => value,
        };
    });
    out.as_contiguous(data.dtype())
}

/// The gradient for the data; elements in no segment get none.
fn reduced_grad(
    g: &Tensor, out: &Tensor, data: &Tensor, how: Reduce, lengths: &Tensor, initial: Option<f64>,
) -> Result {
    let segments = Segments::new(data, lengths)?;
    let wide = |t: &Tensor| t.detached().as_contiguous(DType::Float64);
    let (g, out, from) = (wide(g)?, wide(out)?, wide(data)?);
    let grad = Tensor::zeros(data.sizes(), DType::Float64)?;
    let (g, out, x, to) = (g.data::<f64>(), out.data::<f64>(), from.data::<f64>(), grad.data_mut::<f64>());
    segments.each(|o, places| {
        let places: Vec<usize> = places.collect();
        match how {
            Reduce::Sum => places.iter().for_each(|i| to[*i] = g[o]),
            Reduce::Mean => places.iter().for_each(|i| to[*i] = g[o] / places.len() as f64),
            Reduce::Max | Reduce::Min => {
                let chosen = |i: &&usize| x[**i].is_nan() || x[**i] == out[o];
                let share = g[o] / places.iter().filter(chosen).count() as f64;
                places.iter().filter(chosen).for_each(|i| to[*i] = share);
            }
            Reduce::Prod => {
                // Products of what comes before and after, so that zeros need no care.
                let mut before = how.start(initial) * g[o];
                for i in &places {
                    to[*i] = before;
                    before *= x[*i];
                }
                let mut after = 1.0;
                for i in places.iter().rev() {
                    to[*i] *= after;
                    after *= x[*i];
                }
            }
        }
    });
    grad.as_contiguous(data.dtype())
}

/// The lengths of the segments, checked, from either way to give them.
fn lengths_of(data: &Tensor, lengths: Option<Tensor>, offsets: Option<Tensor>, axis: i64, unchecked: bool) -> Result {
    let axis = wrap_dim(axis, data.ndim())?;
    let (name, given) = match (&lengths, &offsets) {
        (Some(t), _) => ("lengths", t),
        (None, Some(t)) => ("offsets", t),
        (None, None) => return Err(Error::runtime("segment_reduce(): Either lengths or offsets must be defined.")),
    };
    if data.ndim() < given.ndim() {
        return Err(Error::runtime(format!(
            "Expected data.dim() >= {name}_value.dim() to be true, but got false.  (Could this error message be improved?  \
             If so, please report an enhancement request to PyTorch.)"
        )));
    }
    if axis + 1 != given.ndim() {
        return Err(Error::runtime(format!(
            "segment_reduce(): Expected axis to be the last dimension of {name} but got {axis}."
        )));
    }
    if !matches!(given.dtype(), DType::Int32 | DType::Int64) {
        return Err(Error::dtype(&format!("_segment_reduce_{name}_cpu_kernel1"), given.dtype()));
    }
    if given.sizes()[..axis] != data.sizes()[..axis] {
        return Err(Error::runtime(format!("segment_reduce(): Expected {name} to have the sizes of data before axis.")));
    }
    if lengths.is_none() {
        return given.detached().diff(1i64, -1i64, (), ());
    }
    if !unchecked {
        let list = given.to_vec::<i64>();
        if list.iter().any(|n| *n < 0) {
            return Err(Error::runtime("lengths contains negative value!"));
        }
        let (count, n) = (given.sizes()[axis] as usize, data.sizes()[axis]);
        let total = |row: &[i64]| row.iter().try_fold(0i64, |sum, n| sum.checked_add(*n));
        if list.chunks(count.max(1)).any(|row| total(row) != Some(n)) {
            return Err(Error::runtime(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when !unsafe.",
            ));
        }
    }
    Ok(given.detached())
}

ops! { TABLE, SegmentOps;
    /// The reduction of segments whose lengths were checked.
    fn _segment_reduce(data: Tensor, reduce: String, lengths: Tensor, initial: Option<f64> = "null")
        [hidden, SegmentReduceBackward0] eval { reduced(&data, Reduce::of(&reduce)?, &lengths, initial) }
        d data = |g, data, out, reduce, lengths, initial| g._segment_reduce_backward(&out, &data, &reduce, &lengths, initial);
    /// The gradient of a reduction of segments; PyTorch has no formula for its own.
    fn _segment_reduce_backward(grad: Tensor, output: Tensor, data: Tensor, reduce: String, lengths: Tensor,
        initial: Option<f64> = "null") [hidden] eval {
        reduced_grad(&grad, &output, &data, Reduce::of(&reduce)?, &lengths, initial) }
        d grad = |_g| no_formula("_segment_reduce_backward"),
        d output = |_g| no_formula("_segment_reduce_backward"),
        d data = |_g| no_formula("_segment_reduce_backward");
    /// Segments of `data` along `axis` reduced by `'sum'`, `'mean'`, `'max'`, `'min'` or `'prod'`.
    fn segment_reduce(data: Tensor, reduce: String; lengths: Option<Tensor> = "null", indices: Option<Tensor> = "null",
        offsets: Option<Tensor> = "null", axis: i64 = "0", r#unsafe: bool = "false", initial: Option<Scalar> = "null")
        [function] compose {
        Reduce::of(&reduce)?;
        if indices.is_some() {
            return Err(Error::runtime("segment_reduce(): indices based reduction is not supported yet."));
        }
        let lengths = lengths_of(&data, lengths, offsets, axis, r#unsafe)?;
        data._segment_reduce(&reduce, &lengths, initial.map(|s| s.to::<f64>())) };
}
