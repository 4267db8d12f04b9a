//! Advanced indexing: tensors of integers and masks as indices, read, write and accumulate.

use super::loops::Arith;
use super::masks::coordinates;
use super::prelude::*;
use crate::by_width;
use crate::error::Kind;
use crate::kernels::index::{offsets, Places};

/// What an index names: the sizes of the result, and the places in the row-major input.
struct Target {
    sizes: Dims,
    places: Places,
}

/// Masks become the coordinates of their true elements; all other indices are int64.
fn expanded(sizes: &[i64], indices: &[Option<Tensor>]) -> Result<Vec<Option<Tensor>>> {
    if indices.is_empty() {
        return Err(Error::index("at least one index must be provided"));
    }
    if indices.len() > sizes.len() {
        return Err(Error::index(format!("too many indices for tensor of dimension {} (got {})", sizes.len(), indices.len())));
    }
    let mut out: Vec<Option<Tensor>> = Vec::with_capacity(indices.len());
    for index in indices {
        let Some(index) = index else {
            out.push(None);
            continue;
        };
        match index.dtype() {
            DType::Int64 | DType::Int32 => out.push(Some(index.as_contiguous(DType::Int64)?)),
            DType::Bool | DType::UInt8 => {
                // A mask without dimensions stands for one along a dimension of size one.
                let mask = if index.ndim() == 0 { index.alias(one_dim(index)) } else { index.clone() };
                let first = out.len();
                for (j, &n) in mask.sizes().iter().enumerate() {
                    let have = *sizes.get(first + j).ok_or_else(|| Error::dim_range((first + j) as i64, sizes.len()))?;
                    if n != have {
                        return Err(Error::index(format!(
                            "The shape of the mask {:?} at index {j} does not match the shape of the indexed tensor {sizes:?} at index {}",
                            mask.sizes(), first + j
                        )));
                    }
                }
                out.extend(coordinates(&mask)?.into_iter().map(Some));
            }
            _ => return Err(Error::index("tensors used as indices must be long, int, byte or bool tensors")),
        }
    }
    if out.len() > sizes.len() {
        return Err(Error::index(format!("too many indices for tensor of dimension {} (got {})", sizes.len(), out.len())));
    }
    Ok(out)
}

/// The layout of a tensor without dimensions as one of size one.
pub(crate) fn one_dim(t: &Tensor) -> Layout {
    Layout { sizes: dims![1], strides: dims![1], offset: t.layout().offset }
}

/// The index tensors broadcast together, with the dimensions they index.
fn together(indices: &[Option<Tensor>]) -> Result<(Dims, Vec<(usize, Tensor)>)> {
    let named = || indices.iter().enumerate().filter_map(|(d, t)| t.as_ref().map(|t| (d, t)));
    let mut shape = Dims::new();
    for (_, t) in named() {
        shape = broadcast(&shape, t.sizes()).map_err(|_| {
            let all: Vec<String> = named().map(|(_, t)| format!("{:?}", t.sizes())).collect();
            Error::index(format!("shape mismatch: indexing tensors could not be broadcast together with shapes {}", all.join(", ")))
        })?;
    }
    let spread = named().map(|(d, t)| {
        let l = t.layout().expand(&shape).unwrap_or_else(|| t.layout().clone());
        Ok((d, t.alias(l).contiguous_data()?))
    });
    let spread = spread.collect::<Result<Vec<_>>>()?;
    Ok((shape, spread))
}

/// Resolves `indices` on a row-major tensor of `sizes`.
fn resolve(sizes: &[i64], indices: &[Option<Tensor>]) -> Result<Target> {
    let strides = crate::layout::contiguous_strides(sizes);
    let (shape, named) = together(&expanded(sizes, indices)?)?;
    let is_named = |d: usize| named.iter().any(|(k, _)| *k == d);
    let adjacent = named.windows(2).all(|w| w[0].0 + 1 == w[1].0);
    // Separated indices put their common dimensions first.
    let lead = if adjacent { named.first().map_or(0, |(d, _)| *d) } else { 0 };
    let rest: Vec<usize> = (lead..sizes.len()).filter(|d| !is_named(*d)).collect();
    let pick = |of: &[i64]| -> Dims { rest.iter().map(|&d| of[d]).collect() };
    let (mut tail, mut steps) = (pick(sizes), pick(&strides));
    let mut result: Dims = sizes[..lead].into();
    result.extend_from_slice(&shape);
    result.extend_from_slice(&tail);

    let empty = |s: &[i64]| s.contains(&0);
    if named.iter().any(|(d, _)| sizes[*d] == 0) && !empty(&shape) {
        return Err(Error::index("index is out of bounds for dimension with size 0"));
    }
    if empty(&result) {
        return Ok(Target { sizes: result, places: Places::default() });
    }
    let mut offset = vec![0usize; shape.iter().product::<i64>() as usize];
    for (nth, (d, t)) in named.iter().enumerate() {
        let n = sizes[*d];
        for (o, &i) in offset.iter_mut().zip(t.data::<i64>()) {
            if i < -n || i >= n {
                return Err(Error::out_of_bounds(Kind::Index, i, nth, n));
            }
            *o += (if i < 0 { i + n } else { i } * strides[*d]) as usize;
        }
    }
    let mut run = 1;
    while steps.last() == Some(&run) {
        run *= tail.pop().unwrap_or(1);
        steps.pop();
    }
    let places = Places {
        before: offsets(&sizes[..lead], &strides[..lead]),
        named: offset,
        after: offsets(&tail, &steps),
        run: run as usize,
    };
    Ok(Target { sizes: result, places })
}

fn indexed(input: &Tensor, indices: &[Option<Tensor>]) -> Result {
    let target = resolve(input.sizes(), indices)?;
    let out = Tensor::empty(&target.sizes, input.dtype())?;
    let x = input.contiguous_data()?;
    by_width!(input.dtype(), T => target.places.read(x.data::<T>(), out.data_mut::<T>()));
    Ok(out)
}

/// Whether the write is a fill under one mask, which takes a value of any dtype.
fn is_masked_fill(indices: &[Option<Tensor>], values: &Tensor) -> bool {
    let mut named = indices.iter().flatten();
    values.numel() == 1 && named.next().is_some_and(|t| matches!(t.dtype(), DType::Bool | DType::UInt8)) && named.next().is_none()
}

fn put_at(input: &Tensor, indices: &[Option<Tensor>], values: &Tensor, accumulate: bool) -> Result {
    let dtype = input.dtype();
    let target = resolve(input.sizes(), indices)?;
    let fitted = values.layout().expand(&target.sizes).ok_or_else(|| Error::runtime(format!(
        "shape mismatch: value tensor of shape {:?} cannot be broadcast to indexing result of shape {:?}",
        values.sizes(), target.sizes.as_slice()
    )))?;
    if values.dtype() != dtype && !values.0.wrapped && (accumulate || !is_masked_fill(indices, values)) {
        return Err(Error::runtime(format!(
            "Index put requires the source and destination dtypes match, got {} for the destination and {} for the source.",
            dtype.scalar_type(), values.dtype().scalar_type()
        )));
    }
    let values = values.alias(fitted);
    if accumulate {
        let (out, values) = (input.copied(dtype.compute())?, values.as_contiguous(dtype.compute())?);
        dispatch_compute!(dtype, T => {
            let (from, to) = (values.data::<T>(), out.data_mut::<T>());
            let run = target.places.run;
            target.places.each(|i, o| for k in 0..run { to[o + k] = to[o + k].plus(from[i + k]); });
        });
        return out.as_contiguous(dtype);
    }
    let (out, values) = (input.copied(dtype)?, values.as_contiguous(dtype)?);
    by_width!(dtype, T => target.places.write(out.data_mut::<T>(), values.data::<T>()));
    Ok(out)
}

/// The flat places that `index` names in `input`, negative ones from the end.
fn flat(input: &Tensor, index: &Tensor, name: &str, empty: &str) -> Result<Vec<i64>> {
    if index.dtype() != DType::Int64 {
        return Err(Error::runtime(format!("{name}(): Expected a long tensor for index, but got {}", index.dtype().scalar_type())));
    }
    let n = input.numel() as i64;
    if n == 0 && index.numel() > 0 {
        return Err(Error::index(empty));
    }
    let mut places = index.to_vec::<i64>();
    for p in &mut places {
        if *p < -n || *p >= n {
            return Err(Error::index(format!("out of range: tried to access index {p} on a tensor of {n} elements.")));
        }
        *p += if *p < 0 { n } else { 0 };
    }
    Ok(places)
}

fn taken(input: &Tensor, index: &Tensor) -> Result {
    let places = flat(input, index, "take", "take(): tried to take from an empty tensor")?;
    let (x, out) = (input.contiguous_data()?, Tensor::empty(index.sizes(), input.dtype())?);
    by_width!(input.dtype(), T => {
        let from = x.data::<T>();
        for (to, p) in out.data_mut::<T>().iter_mut().zip(&places) {
            *to = from[*p as usize];
        }
    });
    Ok(out)
}

fn put_flat(input: &Tensor, index: &Tensor, source: &Tensor, accumulate: bool) -> Result {
    let dtype = input.dtype();
    if index.dtype() == DType::Int64 && source.dtype() != dtype {
        return Err(Error::runtime(format!(
            "put_(): self and source expected to have the same dtype, but got self.dtype = {} and source.dtype = {}",
            dtype.scalar_type(), source.dtype().scalar_type()
        )));
    }
    if index.dtype() == DType::Int64 && source.numel() != index.numel() {
        return Err(Error::index(format!(
            "put_(): Expected source and index to have the same number of elements, but got source.numel() = {}, index.numel() = {}",
            source.numel(), index.numel()
        )));
    }
    let places = flat(input, index, "put_", "put_(): Tried to put elements into an empty tensor")?;
    if accumulate {
        let (out, source) = (input.copied(dtype.compute())?, source.as_contiguous(dtype.compute())?);
        dispatch_compute!(dtype, T => {
            let to = out.data_mut::<T>();
            for (x, p) in source.data::<T>().iter().zip(&places) {
                to[*p as usize] = to[*p as usize].plus(*x);
            }
        });
        return out.as_contiguous(dtype);
    }
    let (out, source) = (input.copied(dtype)?, source.contiguous_data()?);
    by_width!(dtype, T => {
        let to = out.data_mut::<T>();
        for (x, p) in source.data::<T>().iter().zip(&places) {
            to[*p as usize] = *x;
        }
    });
    Ok(out)
}

ops! { TABLE, IndexOps;
    /// The elements that index tensors name together; masks stand for the coordinates of their true elements, null for a whole dimension.
    fn index(input: Tensor, indices: Vec<Option<Tensor>>) [hidden] eval { indexed(&input, &indices) }
        d input = |g, sizes, indices| Tensor::zeros(&sizes, g.dtype())?.index_put(indices, g, true);
    /// `values` written to, or added at, the places that index tensors name together.
    fn index_put(input: Tensor, indices: Vec<Option<Tensor>>, values: Tensor, accumulate: bool = "false") [inplace] eval {
        put_at(&input, &indices, &values, accumulate) }
        d input = |g, indices, accumulate| if accumulate { Ok(g.clone()) } else { g.index_put(indices, Tensor::zeros(&[], g.dtype())?, false) },
        d values = |g, indices| g.index(indices);
    /// The elements at flat places, in the shape of `index`.
    fn take(input: Tensor, index: Tensor) [apart] eval { taken(&input, &index) }
        d input = |g, sizes, index| Tensor::zeros(&sizes, g.dtype())?.put(index, g, true);
    /// `source` written to, or added at, flat places.
    fn put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = "false") [inplace] eval {
        put_flat(&input, &index, &source, accumulate) }
        d input = |g, index, accumulate| if accumulate { Ok(g.clone()) } else { let z = Tensor::zeros(index.sizes(), g.dtype())?; g.put(index, z, false) },
        d source = |g, sizes, index| g.take(index).reshape(&sizes);
}
