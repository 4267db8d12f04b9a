//! Random numbers: uniform, normal and other continuous ones, integers, permutations. Each distribution
//! draws from the generator as PyTorch's CPU kernels do, so that one seed gives one stream in both.

use super::prelude::*;
use crate::error::general;
use crate::kernels::order::places;
use crate::random::{with_generator, Generator};
use crate::state;

/// The elements of a tensor in the order of memory, as kernels without order of their own visit
/// them: `f` fills sizes from the largest stride to the smallest.
pub(super) fn in_memory_order(input: &Tensor, f: impl FnOnce(&[i64]) -> Result) -> Result {
    let l = input.layout();
    if l.is_contiguous() {
        return f(&l.sizes);
    }
    let order = places(l.sizes.len(), &|a, b| l.strides[b].cmp(&l.strides[a]));
    let sizes: Dims = order.iter().map(|d| l.sizes[*d]).collect();
    let mut back = l.sizes.clone();
    for (i, d) in order.iter().enumerate() {
        back[*d] = i as i64;
    }
    f(&sizes)?.permute(&back)
}

/// One number after another, each computed in double precision.
pub(super) fn one_by_one(sizes: &[i64], dtype: DType, mut draw: impl FnMut(&mut Generator) -> f64) -> Result {
    let out = Tensor::empty(sizes, DType::Float64)?;
    with_generator(|r| out.data_mut::<f64>().iter_mut().for_each(|x| *x = draw(r)));
    out.as_contiguous(dtype)
}

/// A kernel for floats only, by the name that PyTorch gives it.
pub(super) fn floats(kernel: &str, dtype: DType) -> Result<()> {
    if dtype.is_floating_point() { Ok(()) } else { Err(Error::dtype(kernel, dtype)) }
}

fn float_dtype(dtype: Option<DType>) -> DType {
    dtype.unwrap_or_else(state::default_dtype)
}

/// Uniform numbers in `[from, to)`: scaled with a fused multiply-add, so rounded once.
fn uniform_of(sizes: &[i64], dtype: DType, from: f64, to: f64) -> Result {
    if dtype.is_complex() {
        return complex_of(sizes, dtype, |sizes, part| uniform_of(sizes, part, from, to));
    }
    floats("check_uniform_bounds", dtype)?;
    let (least, most) = limits(dtype);
    for (what, x) in [("from", from), ("to", to)] {
        if !(least..=most).contains(&x) {
            return Err(Error::runtime(format!("{what} is out of bounds for {}", dtype.cpp_name())));
        }
    }
    if from > to {
        return Err(Error::runtime(format!(
            "uniform_ expects to return a [from, to) range, but found from={} > to={}", general(from), general(to)
        )));
    }
    if to - from > most {
        return Err(Error::runtime(format!(
            "uniform_ expects to-from <= std::numeric_limits<{}>::max(), but found to={} and from={} which result in \
             to-from to exceed the limit",
            dtype.scalar_type(), general(to), general(from)
        )));
    }
    let out = Tensor::empty(sizes, dtype.compute())?;
    let rounded = |x: f64| Tensor::full(&[], Scalar::Float(x), dtype)?.scalar().map(Scalar::to_f64);
    let (from, to) = (rounded(from)?, rounded(to)?);
    with_generator(|r| match dtype {
        DType::Float64 if from == 0.0 => out.data_mut::<f64>().iter_mut().for_each(|x| *x = r.double() * to),
        DType::Float64 => out.data_mut::<f64>().iter_mut().for_each(|x| *x = r.double().mul_add(to - from, from)),
        _ => {
            let (width, low, out) = (to as f32 - from as f32, from as f32, out.data_mut::<f32>());
            r.singles(out);
            if from == 0.0 {
                out.iter_mut().for_each(|x| *x *= width);
            } else {
                out.iter_mut().for_each(|x| *x = x.mul_add(width, low));
            }
        }
    });
    let out = out.as_contiguous(dtype)?;
    if dtype.itemsize() == 2 {
        // What rounds up to the end of the range starts anew.
        dispatch!(dtype, T => {
            let (low, high): (T, T) = (Scalar::Float(from).to(), Scalar::Float(to).to());
            for x in out.data_mut::<T>() {
                let (value, end): (f32, f32) = (x.convert(), high.convert());
                if value == end { *x = low; }
            }
        });
    }
    Ok(out)
}

/// The least and the greatest finite number of a floating dtype.
fn limits(dtype: DType) -> (f64, f64) {
    let most = match dtype {
        DType::Float16 => half::f16::MAX.to_f64(),
        DType::BFloat16 => half::bf16::MAX.to_f64(),
        DType::Float32 => f64::from(f32::MAX),
        _ => f64::MAX,
    };
    (-most, most)
}

/// Complex numbers whose parts are drawn one after the other.
fn complex_of(sizes: &[i64], dtype: DType, draw: impl FnOnce(&[i64], DType) -> Result) -> Result {
    let mut pairs: Dims = sizes.into();
    pairs.push(2);
    let parts = draw(&pairs, dtype.to_real())?;
    Ok(parts.reinterpret(Layout::contiguous(sizes), dtype))
}

/// Normal numbers: from 16 elements on in blocks of 16, below one by one.
pub(crate) fn normal_of(sizes: &[i64], dtype: DType, mean: f64, std: f64) -> Result {
    if std < 0.0 {
        return Err(Error::runtime(format!("normal expects std >= 0.0, but found std {}", general(std))));
    }
    if dtype.is_complex() {
        let half = std / std::f64::consts::SQRT_2;
        return complex_of(sizes, dtype, |sizes, part| normal_of(sizes, part, mean, half));
    }
    floats("normal_kernel_cpu", dtype)?;
    if crate::layout::checked_numel(sizes)? < 16 {
        return one_by_one(sizes, dtype, |r| r.normal() * std + mean);
    }
    let out = Tensor::empty(sizes, dtype.compute())?;
    // The half types do not draw for the elements after the last whole block.
    let waste = dtype.itemsize() > 2;
    with_generator(|r| match dtype {
        DType::Float64 => normal_blocks(out.data_mut::<f64>(), mean, std, waste, || r.double()),
        _ => normal_blocks(out.data_mut::<f32>(), mean as f32, std as f32, waste, || r.single()),
    });
    out.as_contiguous(dtype)
}

/// Blocks of 16: eight radii and eight angles. A last part of less is 16 elements drawn anew.
fn normal_blocks<T: super::loops::Real>(data: &mut [T], mean: T, std: T, waste: bool, mut draw: impl FnMut() -> T) {
    let whole = data.len() / 16 * 16;
    let drawn = if waste { data.len() } else { whole };
    data[..drawn].iter_mut().for_each(|x| *x = draw());
    let block = |part: &mut [T]| for j in 0..8 {
        let radius = (T::of(-2.0) * (T::of(1.0) - part[j]).ln()).sqrt();
        let (sin, cos) = (T::of(2.0 * std::f64::consts::PI) * part[j + 8]).sin_cos();
        part[j] = radius * cos * std + mean;
        part[j + 8] = radius * sin * std + mean;
    };
    data.chunks_exact_mut(16).for_each(block);
    if whole < data.len() {
        let start = data.len() - 16;
        data[start..].iter_mut().for_each(|x| *x = draw());
        block(&mut data[start..]);
    }
}

/// The bits of precision of a dtype that integers are drawn for.
fn digits(dtype: DType) -> u32 {
    match dtype {
        DType::Bool => 1,
        DType::UInt8 | DType::BFloat16 => 8,
        DType::Int8 => 7,
        DType::Int16 => 15,
        DType::Int32 => 31,
        DType::Int64 => 63,
        DType::Float16 => 11,
        DType::Float32 => 24,
        _ => 53,
    }
}

/// A bound that a floating dtype cannot hold moves inwards to one that it can.
fn held(dtype: DType, bound: i64, upper: bool) -> Result<i64> {
    let near = if upper { bound.wrapping_sub(1) } else { bound.wrapping_add(1) };
    let rounded: i64 = Tensor::full(&[], Scalar::Int(near), dtype)?.scalar()?.to();
    if !dtype.is_floating_point() || (upper && rounded < bound) || (!upper && rounded >= bound) {
        return Ok(bound);
    }
    let log = 63 - i64::from(near.unsigned_abs().max(1).leading_zeros());
    let step = 1i64 << (log - i64::from(digits(dtype)) + 1).clamp(0, 62);
    Ok(if upper { rounded.wrapping_sub(step) } else { rounded.wrapping_add(step) })
}

/// Integers in `[from, to)`, or to the greatest of the dtype.
fn integers_of(sizes: &[i64], dtype: DType, from: i64, to: Option<i64>) -> Result {
    if dtype.is_complex() {
        return Err(Error::runtime("check_random_bounds handles only integral, floating-point and boolean types"));
    }
    let ordered = |from: i64, to: i64, casted: &str| if from < to { Ok(()) } else {
        Err(Error::runtime(format!(
            "random_ expects 'from'{casted} to be less than 'to'{casted}, but got from={from} >= to={to}"
        )))
    };
    let (most, least) = if dtype.is_floating_point() { (i64::MAX, i64::MIN) } else {
        let bits = digits(dtype);
        let most = ((1u64 << bits) - 1) as i64;
        (most, if matches!(dtype, DType::Bool | DType::UInt8) { 0 } else { -most - 1 })
    };
    let within = |x: i64, what: &str| {
        let fits = if dtype.is_floating_point() { (x as f64).abs() <= limits(dtype).1 } else { (least..=most).contains(&x) };
        if fits { Ok(()) } else {
            Err(Error::runtime(format!("{what} is out of bounds for {}", dtype.cpp_name())))
        }
    };
    let (from, range) = match to {
        Some(to) => {
            ordered(from, to, "")?;
            let (low, high) = (held(dtype, from, false)?, held(dtype, to, true)?);
            if (low, high) != (from, to) {
                ordered(low, high, " casted to dtype")?;
            }
            within(low, "from")?;
            within(high - 1, "to - 1")?;
            (low, high.wrapping_sub(low) as u64)
        }
        None => {
            let last = if dtype.is_floating_point() { 1i64 << digits(dtype) } else { most };
            let low = held(dtype, from, false)?;
            if low > last {
                ordered(low, last, "")?;
            }
            within(low, "from")?;
            // A range of all 64 bits is written as zero.
            (low, (last.wrapping_sub(low) as u64).wrapping_add(1))
        }
    };
    let draw = |r: &mut Generator| match range {
        0 => r.next64() as i64,
        _ if range >= 1 << 28 => (r.next64() % range).wrapping_add(from as u64) as i64,
        _ => (u64::from(r.next32()) % range).wrapping_add(from as u64) as i64,
    };
    filled(sizes, dtype, draw)
}

/// Integers of every size that the dtype holds exactly.
fn any_integers(sizes: &[i64], dtype: DType) -> Result {
    if dtype.is_complex() {
        return Err(Error::dtype("random_kernel_cpu", dtype));
    }
    let range = (1u64 << digits(dtype)) + u64::from(dtype.is_floating_point());
    let wide = dtype.itemsize() == 8;
    filled(sizes, dtype, |r| (if wide { r.next64() } else { u64::from(r.next32()) } % range) as i64)
}

fn filled(sizes: &[i64], dtype: DType, draw: impl Fn(&mut Generator) -> i64) -> Result {
    let out = Tensor::empty(sizes, DType::Int64)?;
    with_generator(|r| out.data_mut::<i64>().iter_mut().for_each(|x| *x = draw(r)));
    out.as_contiguous(dtype)
}

/// A random order: Fisher and Yates' shuffle from the front.
fn permutation(n: i64, dtype: DType) -> Result {
    if n < 0 {
        return Err(Error::runtime(format!("n must be non-negative, got {n}")));
    }
    if dtype == DType::Bool || dtype.is_complex() {
        return Err(Error::dtype("randperm", dtype));
    }
    let last: i64 = match dtype {
        d if d.is_floating_point() => {
            let limit = (1i64 << digits(d)) + 1;
            if n > limit {
                return Err(Error::runtime(format!("n cannot be greater than {limit} for {} type.", d.scalar_type())));
            }
            n
        }
        d => Tensor::full(&[], Scalar::Int(n), d)?.scalar()?.to(),
    };
    if last != n {
        return Err(Error::runtime(format!("value cannot be converted to type {}_t without overflow", dtype.name())));
    }
    let out = Tensor::empty(&[n], DType::Int64)?;
    let data = out.data_mut::<i64>();
    for (i, x) in data.iter_mut().enumerate() {
        *x = i as i64;
    }
    let wide = n as u64 >= u64::from(u32::MAX / 20);
    with_generator(|r| for i in 0..data.len().saturating_sub(1) {
        let z = if wide { r.next64() } else { u64::from(r.next32()) };
        data.swap(i, i + (z % (n as u64 - i as u64)) as usize);
    });
    out.as_contiguous(dtype)
}

/// A distribution computed in double precision from each element's own draws.
fn continuous(input: &Tensor, draw: impl FnMut(&mut Generator) -> f64) -> Result {
    in_memory_order(input, |sizes| one_by_one(sizes, input.dtype(), draw))
}

/// `normal(mean, std)` of tensors: standard numbers, scaled and moved.
fn normal_around(mean: &Tensor, std: &Tensor) -> Result {
    if std.dtype().is_complex() {
        return Err(Error::runtime("normal expects standard deviation to be non-complex"));
    }
    let deviations = std.as_contiguous(DType::Float64)?;
    if deviations.data::<f64>().iter().any(|s| !(*s >= 0.0)) {
        return Err(Error::runtime(if std.ndim() == 0 && std.0.wrapped {
            format!("normal expects std >= 0.0, but found std {}", general(deviations.data::<f64>()[0]))
        } else {
            "normal expects all elements of std >= 0.0".to_string()
        }));
    }
    let sizes = broadcast(mean.sizes(), std.sizes())?;
    let dtype = if mean.0.wrapped { std.dtype() } else { mean.dtype() };
    crate::ops::cast(&normal_of(&sizes, dtype, 0.0, 1.0)?.mul(std.detached())?.add(mean.detached(), 1i64)?, dtype)
}

pub(super) fn zeros_of(g: &Tensor) -> Result {
    Tensor::zeros(g.sizes(), g.dtype())
}

ops! { TABLE, RandomOps;
    /// Uniform numbers in `[0, 1)`.
    fn rand(size: Dims; dtype: Option<DType> = "null") [create] eval { uniform_of(&size, float_dtype(dtype), 0.0, 1.0) };
    /// Uniform numbers in `[0, 1)` in the sizes and dtype of `input`.
    fn rand_like(input: Tensor; dtype: Option<DType> = "null", memory_format: Option<String> = "null") [create] eval {
        uniform_of(input.sizes(), dtype.unwrap_or(input.dtype()), 0.0, 1.0) };
    /// Normal numbers with mean 0 and variance 1.
    fn randn(size: Dims; dtype: Option<DType> = "null") [create] eval { normal_of(&size, float_dtype(dtype), 0.0, 1.0) };
    /// Normal numbers with mean 0 and variance 1 in the sizes and dtype of `input`.
    fn randn_like(input: Tensor; dtype: Option<DType> = "null", memory_format: Option<String> = "null") [create] eval {
        normal_of(input.sizes(), dtype.unwrap_or(input.dtype()), 0.0, 1.0) };
    /// Integers from 0, below `high`.
    fn randint(high: i64, size: Dims; dtype: Option<DType> = "null") [create] eval {
        integers_of(&size, dtype.unwrap_or(DType::Int64), 0, Some(high)) };
    /// Integers from `low`, below `high`.
    fn randint_low "randint"(low: i64, high: i64, size: Dims; dtype: Option<DType> = "null") [create] eval {
        integers_of(&size, dtype.unwrap_or(DType::Int64), low, Some(high)) };
    /// Integers from 0, below `high`, in the sizes and dtype of `input`.
    fn randint_like(input: Tensor, high: i64; dtype: Option<DType> = "null", memory_format: Option<String> = "null")
        [create] eval { integers_of(input.sizes(), dtype.unwrap_or(input.dtype()), 0, Some(high)) };
    /// Integers from `low`, below `high`, in the sizes and dtype of `input`.
    fn randint_like_low "randint_like"(input: Tensor, low: i64, high: i64; dtype: Option<DType> = "null",
        memory_format: Option<String> = "null") [create] eval {
        integers_of(input.sizes(), dtype.unwrap_or(input.dtype()), low, Some(high)) };
    /// The integers below `n` in random order.
    fn randperm(n: i64; dtype: Option<DType> = "null") [create] eval { permutation(n, dtype.unwrap_or(DType::Int64)) };

    /// Uniform numbers in `[from, to)`.
    fn uniform(input: Tensor, from: f64 = "0", to: f64 = "1") [inplace, hidden] eval {
        in_memory_order(&input, |sizes| uniform_of(sizes, input.dtype(), from, to)) }
        d input = |g| zeros_of(g);
    /// Normal numbers.
    fn normal_fill "normal"(input: Tensor, mean: f64 = "0", std: f64 = "1") [inplace, hidden] eval {
        if input.is_contiguous() || std < 0.0 || !input.dtype().is_floating_point() {
            normal_of(input.sizes(), input.dtype(), mean, std)
        } else { continuous(&input, |r| r.normal() * std + mean) } }
        d input = |g| zeros_of(g);
    /// Integers from `from`, below `to`, or up to the greatest that the dtype holds exactly.
    fn random_from "random"(input: Tensor, from: i64, to: Option<i64>) [inplace, hidden, RandomBackward0] eval {
        in_memory_order(&input, |sizes| integers_of(sizes, input.dtype(), from, to)) }
        d input = |g| zeros_of(g);
    /// Integers from 0, below `to`.
    fn random_to "random"(input: Tensor, to: i64) [inplace, hidden, RandomBackward1] eval {
        in_memory_order(&input, |sizes| integers_of(sizes, input.dtype(), 0, Some(to))) }
        d input = |g| zeros_of(g);
    /// Integers of every size that the dtype holds exactly.
    fn random(input: Tensor) [inplace, hidden, RandomBackward2] eval {
        in_memory_order(&input, |sizes| any_integers(sizes, input.dtype())) }
        d input = |g| zeros_of(g);
    /// Exponential numbers of rate `lambd`.
    fn exponential(input: Tensor, lambd: f64 = "1") [inplace, hidden] eval {
        if !input.dtype().is_floating_point() { return Err(Error::runtime(format!(
            "Exponential distribution is a continuous probability distribution. dtype must be a floating point but you specified {}",
            input.dtype().scalar_type()))); }
        if !(lambd > 0.0) { return Err(Error::runtime(format!("exponential_ expects lambda > 0.0, but found lambda={}", general(lambd)))); }
        continuous(&input, |r| -1.0 / lambd * (-r.double()).ln_1p()) }
        d input = |g| zeros_of(g);
    /// How many trials of probability `p` until the first success.
    fn geometric(input: Tensor, p: f64) [inplace, hidden] eval {
        if !(p > 0.0 && p < 1.0) { return Err(Error::runtime(format!("geometric_ expects p to be in (0, 1), but got p={}", general(p)))); }
        if input.dtype() == DType::Bool || input.dtype().is_complex() { return Err(Error::dtype("geometric_cpu", input.dtype())); }
        continuous(&input, |r| (r.double().ln() / (-p).ln_1p()).ceil()) }
        d input = |g| zeros_of(g);
    /// Numbers whose logarithm is normal.
    fn log_normal(input: Tensor, mean: f64 = "1", std: f64 = "2") [inplace, hidden] eval {
        if !(std > 0.0) { return Err(Error::runtime(format!("log_normal_ expects std > 0.0, but found std={}", general(std)))); }
        floats("log_normal_cpu", input.dtype())?;
        continuous(&input, |r| (r.normal() * std + mean).exp()) }
        d input = |g| zeros_of(g);
    /// Numbers of a Cauchy distribution.
    fn cauchy(input: Tensor, median: f64 = "0", sigma: f64 = "1") [inplace, hidden] eval {
        if !(sigma > 0.0) { return Err(Error::runtime(format!("cauchy_ expects sigma > 0.0, but found sigma={}", general(sigma)))); }
        if !input.dtype().is_floating_point() { return Err(Error::runtime(format!(
            "Cauchy distribution is a continuous probability distribution. dtype must be a floating point but you specified {}",
            input.dtype().cpp_name()))); }
        continuous(&input, |r| {
            // The tangent has poles at both ends.
            let u = r.double().clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            median + sigma * (std::f64::consts::PI * (u - 0.5)).tan() }) }
        d input = |g| zeros_of(g);

    /// Normal numbers around each element of `mean`.
    fn normal(mean: Tensor, std: Tensor) [function, NormalBackward3] eval { normal_around(&mean, &std) }
        d mean = |g| zeros_of(g), d std = |g| zeros_of(g);
    /// Normal numbers of one deviation around each element of `mean`.
    fn normal_mean "normal"(mean: Tensor, std: f64 = "1") [function, NormalBackward1] eval {
        normal_around(&mean, &Tensor::wrapped(Scalar::Float(std))?) } d mean = |g| zeros_of(g);
    /// Normal numbers of each deviation around one mean.
    fn normal_std "normal"(mean: f64, std: Tensor) [function, NormalBackward2] eval {
        normal_around(&Tensor::wrapped(Scalar::Float(mean))?, &std) } d std = |g| zeros_of(g);
    /// Normal numbers of one deviation around one mean.
    fn normal_size "normal"(mean: f64, std: f64, size: Dims; dtype: Option<DType> = "null") [create] eval {
        normal_of(&size, float_dtype(dtype), mean, std) };
}
