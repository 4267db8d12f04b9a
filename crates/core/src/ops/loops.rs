//! What entries write their loops with: one expression, compiled for each type it is computed in,
//! over tensors that are converted, broadcast and walked here.

use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::kernels::elementwise::{binary, ternary, unary, Strided};
use crate::layout::{broadcast, Dims};
use crate::tensor::Tensor;
use num_complex::Complex;

/// The operand in its compute type, with whatever strides it has.
fn typed<T: Element>(t: &Tensor) -> Result {
    if t.dtype() == T::DTYPE { Ok(t.clone()) } else { t.copied(T::DTYPE) }
}

/// The result in the dtype asked for.
fn finish(out: Tensor, dtype: DType) -> Result {
    if out.dtype() == dtype { Ok(out) } else { out.copied(dtype) }
}

/// The steps of an operand broadcast to `sizes`.
fn steps(t: &Tensor, sizes: &[i64]) -> Dims {
    t.layout().expand(sizes).map_or_else(|| Dims::from_elem(0, sizes.len()), |l| l.strides)
}

/// `f` of every element.
pub fn map<A: Element, R: Element>(a: &Tensor, dtype: DType, f: impl Fn(A) -> R) -> Result {
    let a = typed::<A>(a)?;
    let out = Tensor::empty(a.sizes(), R::DTYPE)?;
    unary(a.sizes(), Strided { data: a.reach(), strides: a.strides() }, out.data_mut::<R>(), f);
    finish(out, dtype)
}

/// `f` of every pair, broadcast.
pub fn zip<A: Element, B: Element, R: Element>(
    a: &Tensor, b: &Tensor, dtype: DType, f: impl Fn(A, B) -> R,
) -> Result {
    let sizes = broadcast(a.sizes(), b.sizes())?;
    let (a, b) = (typed::<A>(a)?, typed::<B>(b)?);
    let out = Tensor::empty(&sizes, R::DTYPE)?;
    let (p, q) = (steps(&a, &sizes), steps(&b, &sizes));
    let (x, y) = (Strided { data: a.reach(), strides: &p }, Strided { data: b.reach(), strides: &q });
    binary(&sizes, x, y, out.data_mut::<R>(), f);
    finish(out, dtype)
}

/// `f` of every triple, broadcast.
pub fn zip3<A: Element, B: Element, C: Element, R: Element>(
    a: &Tensor, b: &Tensor, c: &Tensor, dtype: DType, f: impl Fn(A, B, C) -> R,
) -> Result {
    let sizes = broadcast(&broadcast(a.sizes(), b.sizes())?, c.sizes())?;
    let (a, b, c) = (typed::<A>(a)?, typed::<B>(b)?, typed::<C>(c)?);
    let out = Tensor::empty(&sizes, R::DTYPE)?;
    let [p, q, r] = [&a, &b, &c].map(|t| steps(t, &sizes));
    let x = Strided { data: a.reach(), strides: &p };
    let y = Strided { data: b.reach(), strides: &q };
    let z = Strided { data: c.reach(), strides: &r };
    ternary(&sizes, x, y, z, out.data_mut::<R>(), f);
    finish(out, dtype)
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
    + crate::kernels::gemm::Number
{
    /// From double precision.
    fn of(x: f64) -> Self;
    /// To double precision.
    fn f64(self) -> f64;
    /// Natural exponential.
    fn exp(self) -> Self;
    /// Natural logarithm.
    fn ln(self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// Hyperbolic tangent.
    fn tanh(self) -> Self;
    /// Power.
    fn powf(self, e: Self) -> Self;
    /// Not a number.
    fn is_nan(self) -> bool;
    /// Negative infinity.
    const NEG_INF: Self;
}
macro_rules! real {
    ($($t:ident),*) => { $(impl Real for $t {
        #[inline(always)] fn of(x: f64) -> Self { x as $t }
        #[inline(always)] fn f64(self) -> f64 { self as f64 }
        #[inline(always)] fn exp(self) -> Self { $t::exp(self) }
        #[inline(always)] fn ln(self) -> Self { $t::ln(self) }
        #[inline(always)] fn sqrt(self) -> Self { $t::sqrt(self) }
        #[inline(always)] fn abs(self) -> Self { $t::abs(self) }
        #[inline(always)] fn tanh(self) -> Self { $t::tanh(self) }
        #[inline(always)] fn powf(self, e: Self) -> Self { $t::powf(self, e) }
        #[inline(always)] fn is_nan(self) -> bool { $t::is_nan(self) }
        const NEG_INF: Self = $t::NEG_INFINITY;
    })* };
}
real!(f32, f64);

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

/// One expression over floats and complex numbers; integers become floats first.
#[macro_export]
macro_rules! float_map {
    ($a:expr, |$x:ident| $e:expr) => {{
        let a = $a;
        let dtype = $crate::ops::promote::float_type(a.dtype());
        use $crate::ops::loops::map;
        match dtype.compute() {
            $crate::dtype::DType::Float32 => map::<f32, f32>(a, dtype, |$x: f32| $e),
            $crate::dtype::DType::Float64 => map::<f64, f64>(a, dtype, |$x: f64| $e),
            $crate::dtype::DType::Complex64 => map(a, dtype, |$x: num_complex::Complex<f32>| $e),
            _ => map(a, dtype, |$x: num_complex::Complex<f64>| $e),
        }
    }};
}

/// One expression over floats; integers become floats first, complex numbers are refused in the
/// name of PyTorch's kernel.
#[macro_export]
macro_rules! real_map {
    ($kernel:literal, $a:expr, |$x:ident| $e:expr) => {{
        let a = $a;
        let dtype = $crate::ops::promote::float_type(a.dtype());
        use $crate::ops::loops::map;
        match dtype.compute() {
            $crate::dtype::DType::Float32 => { #[allow(dead_code)] type F = f32; map::<f32, f32>(a, dtype, |$x: f32| $e) }
            $crate::dtype::DType::Float64 => { #[allow(dead_code)] type F = f64; map::<f64, f64>(a, dtype, |$x: f64| $e) }
            _ => Err($crate::error::Error::dtype($kernel, a.dtype())),
        }
    }};
}

/// One expression over two operands as floats.
#[macro_export]
macro_rules! real_zip {
    ($kernel:literal, $a:expr, $b:expr, |$x:ident, $y:ident| $e:expr) => {{
        let (a, b) = ($a, $b);
        let dtype = $crate::ops::promote::float_type($crate::ops::promote::result_type(&[a, b]));
        use $crate::ops::loops::zip;
        match dtype.compute() {
            $crate::dtype::DType::Float32 => { #[allow(dead_code)] type F = f32; zip::<f32, f32, f32>(a, b, dtype, |$x: f32, $y: f32| $e) }
            $crate::dtype::DType::Float64 => { #[allow(dead_code)] type F = f64; zip::<f64, f64, f64>(a, b, dtype, |$x: f64, $y: f64| $e) }
            _ => Err($crate::error::Error::dtype($kernel, dtype)),
        }
    }};
}
