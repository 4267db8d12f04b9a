//! What entries write their loops with: one expression, compiled for each type it is computed in,
//! over tensors that are converted, broadcast and walked here.

use super::promote::{common, float_type};
use crate::dispatch;
use crate::dtype::{DType, Element};
use crate::error::{Error, Result};
use crate::kernels::complex::C;
use crate::kernels::elementwise::{binary, ternary, unary, walk, Block, Operand};
use crate::kernels::functions;
use crate::kernels::rows::{self, RowLoops};
use crate::layout::{broadcast, Dims, Loop};
use crate::parallel::{grain, parallel_for, Shared};
use crate::tensor::Tensor;
use num_complex::Complex;
use std::ops::Range;

/// The result in the dtype asked for.
fn finish(out: Tensor, dtype: DType) -> Result {
    if out.dtype() == dtype { Ok(out) } else { out.copied(dtype) }
}

/// The steps of an operand broadcast to `sizes`.
fn steps(t: &Tensor, sizes: &[i64]) -> Dims {
    if t.sizes() == sizes {
        return t.strides().into();
    }
    t.layout().expand(sizes).map_or_else(|| Dims::from_elem(0, sizes.len()), |l| l.strides)
}

/// The elements as an operand of a loop.
fn operand(t: &Tensor) -> Operand {
    Operand { first: t.ptr_bytes().cast_const(), size: t.dtype().itemsize() }
}

/// A loop over operands that are converted to `types` and broadcast; its result, of type `result`, comes in `dtype`.
/// `f` is what it does with a block. All that does not depend on expressions is here, compiled once for them.
#[inline(never)]
fn computed<const N: usize>(operands: [&Tensor; N], types: [DType; N], result: DType, dtype: DType, f: &(dyn Fn(&Block<N>) + Sync)) -> Result {
    if let Some(k) = (0..N).find(|k| operands[*k].ndim() > 0 && operands[*k].dtype() != types[*k]) {
        let typed = operands[k].copied(types[k])?;
        let mut operands = operands;
        operands[k] = &typed;
        return computed(operands, types, result, dtype, f);
    }
    // The usual cases, of which there are many with few elements: all lie alike, or some are numbers.
    let whole = operands.iter().find(|t| t.ndim() > 0).unwrap_or(&operands[0]);
    let fits = |t: &&Tensor| t.ndim() == 0 || t.is_contiguous() && t.sizes() == whole.sizes();
    if !operands.iter().all(fits) {
        return broadcast_loop(operands, types, result, dtype, f);
    }
    let out = Tensor::empty(whole.sizes(), result)?;
    let mut numbers = [[0u64; 2]; N];
    let mut from = operands.map(operand);
    for k in 0..N {
        if operands[k].dtype() != types[k] {
            let number = operands[k].scalar()?;
            from[k] = Operand { first: numbers[k].as_ptr().cast(), size: types[k].itemsize() };
            // SAFETY: a number of any type has room there.
            dispatch!(types[k], T => unsafe { numbers[k].as_mut_ptr().cast::<T>().write(T::from_scalar(number)) });
        }
    }
    let step = operands.map(|t| i64::from(t.ndim() == whole.ndim()));
    Block::row(out.numel(), from, step, out.ptr_bytes(), result.itemsize()).share(f);
    finish(out, dtype)
}

/// The same of operands with whatever sizes and strides they have.
#[inline(never)]
fn broadcast_loop<const N: usize>(operands: [&Tensor; N], types: [DType; N], result: DType, dtype: DType, f: &(dyn Fn(&Block<N>) + Sync)) -> Result {
    let mut sizes = operands[0].dims();
    for t in &operands[1..] {
        sizes = broadcast(&sizes, t.sizes())?;
    }
    let mut operands = operands.map(Tensor::clone);
    for (number, dtype) in operands.iter_mut().zip(types).filter(|(t, dtype)| t.dtype() != *dtype) {
        *number = number.copied(dtype)?;
    }
    let out = Tensor::empty(&sizes, result)?;
    while out.numel() > 0 {
        let strides = operands.each_ref().map(|t| steps(t, &sizes));
        let l = Loop::new(&sizes, strides.each_ref().map(|s| &s[..]));
        match walk(&l, operands.each_ref().map(operand), out.ptr_bytes(), result.itemsize(), f) {
            Ok(()) => break,
            // Copies lie in the order of the loop, and are made in blocks that fit the cache.
            Err(step) => {
                for (t, _) in operands.iter_mut().zip(step).filter(|(t, step)| *step != 1 && !t.is_contiguous()) {
                    *t = t.copied(t.dtype())?;
                }
            }
        }
    }
    finish(out, dtype)
}

/// `f` of every element.
pub fn map<A: Element, R: Element>(a: &Tensor, dtype: DType, f: impl Fn(A) -> R + Sync) -> Result {
    // SAFETY: blocks are of the types that are named.
    computed([a], [A::DTYPE], R::DTYPE, dtype, &|block| unsafe { unary(block, &f) })
}

/// Calls `f` with parts of a new tensor and where they lie; threads share them.
fn in_parts<R: Element>(out: &Tensor, f: impl Fn(Range<usize>, &mut [R]) + Sync) {
    let to = Shared(out.ptr::<R>());
    parallel_for(out.numel(), grain::COMPUTED, |range| {
        // SAFETY: the parts are apart, and within the tensor.
        let part = unsafe { std::slice::from_raw_parts_mut(to.get().add(range.start), range.len()) };
        f(range, part);
    });
}

/// A function of `f32` slices, of every element; threads share the work.
pub fn slice_map(a: &Tensor, dtype: DType, f: fn(&[f32], &mut [f32])) -> Result {
    let a = a.as_contiguous(DType::Float32)?;
    let out = Tensor::empty(a.sizes(), DType::Float32)?;
    let x = a.data::<f32>();
    in_parts(&out, |range, part| f(&x[range], part));
    finish(out, dtype)
}

/// `slice_map` for two operands of the same sizes.
pub fn slice_zip(a: &Tensor, b: &Tensor, dtype: DType, f: fn(&[f32], &[f32], &mut [f32])) -> Result {
    let (a, b) = (a.as_contiguous(DType::Float32)?, b.as_contiguous(DType::Float32)?);
    let out = Tensor::empty(a.sizes(), DType::Float32)?;
    let (x, y) = (a.data::<f32>(), b.data::<f32>());
    in_parts(&out, |range, part| f(&x[range.clone()], &y[range], part));
    finish(out, dtype)
}

/// `f` of every pair, broadcast.
pub fn zip<A: Element, B: Element, R: Element>(
    a: &Tensor, b: &Tensor, dtype: DType, f: impl Fn(A, B) -> R + Sync,
) -> Result {
    // SAFETY: blocks are of the types that are named.
    computed([a, b], [A::DTYPE, B::DTYPE], R::DTYPE, dtype, &|block| unsafe { binary(block, &f) })
}

/// `f` of every triple, broadcast.
pub fn zip3<A: Element, B: Element, C: Element, R: Element>(
    a: &Tensor, b: &Tensor, c: &Tensor, dtype: DType, f: impl Fn(A, B, C) -> R + Sync,
) -> Result {
    // SAFETY: blocks are of the types that are named.
    computed([a, b, c], [A::DTYPE, B::DTYPE, C::DTYPE], R::DTYPE, dtype, &|block| unsafe { ternary(block, &f) })
}

/// Arithmetic of every compute type; integers wrap.
pub trait Arith: Copy + 'static {
    /// Sum.
    fn plus(self, o: Self) -> Self;
    /// Difference.
    fn minus(self, o: Self) -> Self;
    /// Product.
    fn times(self, o: Self) -> Self;
    /// Negative.
    fn negative(self) -> Self;
    /// Zero.
    fn nil() -> Self;
    /// One.
    fn unit() -> Self;
    /// Complex conjugate.
    fn conjugate(self) -> Self;
}
macro_rules! arith_float {
    ($($t:ty: $one:expr, $conj:expr);*) => { $(impl Arith for $t {
        #[inline(always)] fn plus(self, o: Self) -> Self { self + o }
        #[inline(always)] fn minus(self, o: Self) -> Self { self - o }
        #[inline(always)] fn times(self, o: Self) -> Self { self * o }
        #[inline(always)] fn negative(self) -> Self { -self }
        #[inline(always)] fn nil() -> Self { Self::default() }
        #[inline(always)] fn unit() -> Self { $one }
        #[inline(always)] fn conjugate(self) -> Self { let f: fn(Self) -> Self = $conj; f(self) }
    })* };
}
arith_float!(f32: 1.0, |x| x; f64: 1.0, |x| x;
    Complex<f32>: Complex::new(1.0, 0.0), |z| z.conj();
    Complex<f64>: Complex::new(1.0, 0.0), |z| z.conj());
impl Arith for i64 {
    #[inline(always)]
    fn plus(self, o: Self) -> Self {
        self.wrapping_add(o)
    }
    #[inline(always)]
    fn minus(self, o: Self) -> Self {
        self.wrapping_sub(o)
    }
    #[inline(always)]
    fn times(self, o: Self) -> Self {
        self.wrapping_mul(o)
    }
    #[inline(always)]
    fn negative(self) -> Self {
        self.wrapping_neg()
    }
    fn nil() -> Self {
        0
    }
    fn unit() -> Self {
        1
    }
    fn conjugate(self) -> Self {
        self
    }
}

/// Real arithmetic of the two floating compute types, for kernels written once as a function.
pub trait Real:
    Arith + PartialOrd + std::ops::Add<Output = Self> + std::ops::Sub<Output = Self>
    + std::ops::Mul<Output = Self> + std::ops::Div<Output = Self> + std::ops::Neg<Output = Self>
    + std::ops::AddAssign + std::ops::MulAssign + Default + crate::dtype::Element
    + crate::kernels::gemm::Number + Sync
{
    /// From double precision.
    fn of(x: f64) -> Self;
    /// To double precision.
    fn f64(self) -> f64;
    /// Natural exponential.
    fn exp(self) -> Self;
    /// `exp(x - m)` of every element, and the sum.
    fn exp_less(x: &[Self], m: Self, y: &mut [Self]) -> Self;
    /// `exp(x - m)` in the place of every element, and the sum.
    fn exp_in_place(x: &mut [Self], m: Self) -> Self;
    /// The greatest element; NaN is passed over.
    fn greatest(x: &[Self]) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Sine and cosine.
    fn sin_cos(self) -> (Self, Self);
    /// Power.
    fn powf(self, e: Self) -> Self;
    /// Not a number.
    fn is_nan(self) -> bool;
    /// The loops over rows or channels of so many elements.
    fn row_loops(width: usize) -> &'static RowLoops<Self>;
    /// Negative infinity.
    const NEG_INF: Self;
}
macro_rules! impl_real {
    ($($t:ident: $exp_less:expr, $in_place:expr, $greatest:expr, $rows:expr);*) => { $(impl Real for $t {
        #[inline(always)] fn of(x: f64) -> Self { x as $t }
        #[inline(always)] fn f64(self) -> f64 { self as f64 }
        #[inline(always)] fn exp(self) -> Self { $t::exp(self) }
        #[inline(always)] fn exp_less(x: &[Self], m: Self, y: &mut [Self]) -> Self { $exp_less(x, m, y) }
        #[inline(always)] fn exp_in_place(x: &mut [Self], m: Self) -> Self { $in_place(x, m) }
        #[inline(always)] fn greatest(x: &[Self]) -> Self { $greatest(x) }
        #[inline(always)] fn ln(self) -> Self { $t::ln(self) }
        #[inline(always)] fn sqrt(self) -> Self { $t::sqrt(self) }
        #[inline(always)] fn abs(self) -> Self { $t::abs(self) }
        #[inline(always)] fn tanh(self) -> Self { $t::tanh(self) }
        #[inline(always)] fn sin_cos(self) -> (Self, Self) { $t::sin_cos(self) }
        #[inline(always)] fn powf(self, e: Self) -> Self { $t::powf(self, e) }
        #[inline(always)] fn is_nan(self) -> bool { $t::is_nan(self) }
        #[inline(always)] fn row_loops(width: usize) -> &'static RowLoops<Self> { $rows(width) }
        const NEG_INF: Self = $t::NEG_INFINITY;
    })* };
}
impl_real!(f32: functions::exp_less_all, functions::exp_less_in_place, functions::greatest, rows::singles;
    f64: |x: &[f64], m: f64, y: &mut [f64]| {
            y.copy_from_slice(x);
            exp_less_in_place(y, m)
        }, exp_less_in_place,
        |x: &[f64]| x.iter().fold(f64::NEG_INFINITY, |m, x| if *x > m { *x } else { m }), rows::doubles);

fn exp_less_in_place(x: &mut [f64], m: f64) -> f64 {
    x.iter_mut().for_each(|x| *x = (*x - m).exp());
    super::reduce::sum_row(x)
}

/// A function of complex numbers in double precision, applied in either precision.
pub fn complex_map(a: &Tensor, dtype: DType, f: fn(C) -> C) -> Result {
    match dtype {
        DType::Complex64 => map(a, dtype, |z: Complex<f32>| narrow(f(widen(z)))),
        _ => map(a, dtype, f),
    }
}

/// `complex_map` for two operands.
pub fn complex_zip(a: &Tensor, b: &Tensor, dtype: DType, f: fn(C, C) -> C) -> Result {
    match dtype {
        DType::Complex64 => zip(a, b, dtype, |x: Complex<f32>, y: Complex<f32>| narrow(f(widen(x), widen(y)))),
        _ => zip(a, b, dtype, f),
    }
}

fn widen(z: Complex<f32>) -> C {
    C::new(z.re.into(), z.im.into())
}

fn narrow(z: C) -> Complex<f32> {
    Complex::new(z.re as f32, z.im as f32)
}

/// Whether a function that PyTorch has for float32 and float64 takes the half precisions too.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// It does.
    Too,
    /// It refuses them.
    No,
}

fn special_type(kernel: &str, dtype: DType, half: Half) -> Result<DType> {
    let dtype = float_type(dtype);
    let refused = dtype.is_complex() || (half == Half::No && dtype.itemsize() == 2);
    if refused { Err(Error::dtype(kernel, dtype)) } else { Ok(dtype) }
}

/// A function of real numbers in double precision, for what is too rare to be compiled twice.
pub fn special_map(kernel: &str, half: Half, a: &Tensor, f: impl Fn(f64) -> f64 + Sync) -> Result {
    let dtype = special_type(kernel, a.dtype(), half)?;
    map(a, dtype, f)
}

/// `special_map` for two operands.
pub fn special_zip(kernel: &str, half: Half, a: &Tensor, b: &Tensor, f: impl Fn(f64, f64) -> f64 + Sync) -> Result {
    let (a, b, dtype) = common(a, b)?;
    let dtype = special_type(kernel, dtype, half)?;
    zip(&a, &b, dtype, f)
}

/// One expression over two promoted operands, for every dtype.
#[macro_export]
macro_rules! arith {
    ($a:expr, $b:expr, |$x:ident, $y:ident| $e:expr) => {{
        let (a, b) = ($a, $b);
        let dtype = $crate::ops::promote::result_type(&[a, b]);
        $crate::dispatch_compute!(dtype, T =>
            $crate::ops::loops::zip::<T, T, T>(a, b, dtype, |$x: T, $y: T| $e))
    }};
}

/// `$run` with `F` naming the type that floats of `$dtype` are computed in; other dtypes are
/// refused in the name of PyTorch's kernel.
#[macro_export]
macro_rules! real {
    ($kernel:expr, $dtype:expr, $run:expr) => {
        match $dtype.compute() {
            $crate::dtype::DType::Float32 => { #[allow(dead_code)] type F = f32; $run }
            $crate::dtype::DType::Float64 => { #[allow(dead_code)] type F = f64; $run }
            _ => Err($crate::error::Error::dtype($kernel, $dtype)),
        }
    };
}

/// `$run` with `T` naming the type that ordered numbers of `$dtype` are computed in; complex ones
/// are refused in the name of PyTorch's kernel.
#[macro_export]
macro_rules! ranked {
    ($kernel:expr, $dtype:expr, $run:expr) => {
        match $dtype.compute() {
            $crate::dtype::DType::Int64 => { type T = i64; $run }
            $crate::dtype::DType::Float32 => { type T = f32; $run }
            $crate::dtype::DType::Float64 => { type T = f64; $run }
            _ => Err($crate::error::Error::dtype($kernel, $dtype)),
        }
    };
}

/// One expression over floats, and a function of complex numbers; integers become floats first. A
/// function of slices in front takes what is computed in float32.
#[macro_export]
macro_rules! float_map {
    ($a:expr, $slices:path, |$x:ident| $e:expr, $complex:expr) => {{
        let a: &$crate::tensor::Tensor = $a;
        let dtype = $crate::ops::promote::float_type(a.dtype());
        match dtype.compute() {
            $crate::dtype::DType::Float32 => $crate::ops::loops::slice_map(a, dtype, $slices),
            $crate::dtype::DType::Float64 => $crate::ops::loops::map::<f64, f64>(a, dtype, |$x: f64| $e),
            _ => $crate::ops::loops::complex_map(a, dtype, $complex),
        }
    }};
    ($a:expr, |$x:ident| $e:expr, $complex:expr) => {{
        let a: &$crate::tensor::Tensor = $a;
        let dtype = $crate::ops::promote::float_type(a.dtype());
        if dtype.is_complex() {
            $crate::ops::loops::complex_map(a, dtype, $complex)
        } else {
            $crate::real!("", dtype, $crate::ops::loops::map::<F, F>(a, dtype, |$x: F| $e))
        }
    }};
}

/// One expression over floats; integers become floats first, complex numbers are refused in the
/// name of PyTorch's kernel.
#[macro_export]
macro_rules! real_map {
    ($kernel:literal, $a:expr, |$x:ident| $e:expr) => {{
        let a: &$crate::tensor::Tensor = $a;
        let dtype = $crate::ops::promote::float_type(a.dtype());
        $crate::real!($kernel, dtype, $crate::ops::loops::map::<F, F>(a, dtype, |$x: F| $e))
    }};
}

/// One expression over floats, refusing every other dtype.
#[macro_export]
macro_rules! only_real_map {
    ($kernel:literal, $a:expr, |$x:ident| $e:expr) => {{
        let a: &$crate::tensor::Tensor = $a;
        $crate::real!($kernel, a.dtype(), $crate::ops::loops::map::<F, F>(a, a.dtype(), |$x: F| $e))
    }};
}

/// One expression over two operands as floats.
#[macro_export]
macro_rules! real_zip {
    ($kernel:literal, $a:expr, $b:expr, |$x:ident, $y:ident| $e:expr) => {{
        let (a, b) = ($a, $b);
        let dtype = $crate::ops::promote::float_type($crate::ops::promote::result_type(&[a, b]));
        $crate::real!($kernel, dtype, $crate::ops::loops::zip::<F, F, F>(a, b, dtype, |$x: F, $y: F| $e))
    }};
}

/// Integers and floats each in their compute type, the dtype kept; complex numbers are refused.
#[macro_export]
macro_rules! ordered_map {
    ($kernel:literal, $a:expr, |$x:ident| $int:expr, $float:expr) => {{
        let a: &$crate::tensor::Tensor = $a;
        match a.dtype().compute() {
            $crate::dtype::DType::Int64 => $crate::ops::loops::map(a, a.dtype(), |$x: i64| $int),
            _ => $crate::real!($kernel, a.dtype(), $crate::ops::loops::map::<F, F>(a, a.dtype(), |$x: F| $float)),
        }
    }};
}
