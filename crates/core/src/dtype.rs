//! Data types: their names, sizes, conversions and PyTorch's promotion rules.

use half::{bf16, f16};
use num_complex::Complex;

/// The element type of a tensor, in the order of promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DType {
    /// One byte, 0 or 1.
    Bool,
    /// Unsigned 8-bit integer.
    UInt8,
    /// Signed 8-bit integer.
    Int8,
    /// Signed 16-bit integer.
    Int16,
    /// Signed 32-bit integer.
    Int32,
    /// Signed 64-bit integer.
    Int64,
    /// IEEE half precision.
    Float16,
    /// The upper half of a float32.
    BFloat16,
    /// IEEE single precision.
    Float32,
    /// IEEE double precision.
    Float64,
    /// Two float32: real and imaginary part.
    Complex64,
    /// Two float64: real and imaginary part.
    Complex128,
}

use DType::{
    BFloat16, Bool, Complex128, Complex64, Float16, Float32, Float64, Int16, Int32, Int64, Int8,
    UInt8,
};

impl DType {
    /// Every dtype, in the order of its number.
    pub const ALL: [DType; 12] = [
        Bool, UInt8, Int8, Int16, Int32, Int64, Float16, BFloat16, Float32, Float64, Complex64,
        Complex128,
    ];

    /// The dtype with this number, as it crosses the JS boundary.
    pub fn from_index(index: usize) -> Option<DType> {
        Self::ALL.get(index).copied()
    }

    /// PyTorch's name without the `torch.` prefix.
    pub fn name(self) -> &'static str {
        [
            "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
            "float64", "complex64", "complex128",
        ][self as usize]
    }

    /// The C++ name that kernels' error messages use.
    pub fn scalar_type(self) -> &'static str {
        [
            "Bool", "Byte", "Char", "Short", "Int", "Long", "Half", "BFloat16", "Float", "Double",
            "ComplexFloat", "ComplexDouble",
        ][self as usize]
    }

    /// The old class name's prefix: `Float` in `torch.FloatTensor`.
    pub fn class_prefix(self) -> &'static str {
        self.scalar_type()
    }

    /// The C++ spelling used where PyTorch prints a `ScalarType` by its C++ type.
    pub fn cpp_name(self) -> &'static str {
        [
            "bool", "unsigned char", "signed char", "short int", "int", "long int", "c10::Half",
            "c10::BFloat16", "float", "double", "c10::complex<float>", "c10::complex<double>",
        ][self as usize]
    }

    /// Bytes of one element.
    pub fn itemsize(self) -> usize {
        [1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16][self as usize]
    }

    /// float16, bfloat16, float32 or float64.
    pub fn is_floating_point(self) -> bool {
        (Float16..=Float64).contains(&self)
    }

    /// complex64 or complex128.
    pub fn is_complex(self) -> bool {
        self >= Complex64
    }

    /// An integer type or bool.
    pub fn is_integral(self) -> bool {
        self <= Int64
    }

    /// Only these may require gradients.
    pub fn is_differentiable(self) -> bool {
        self >= Float16
    }

    /// The type of the real and imaginary parts; other types are their own.
    pub fn to_real(self) -> DType {
        match self {
            Complex64 => Float32,
            Complex128 => Float64,
            other => other,
        }
    }

    /// The complex type whose parts have this precision.
    pub fn to_complex(self) -> DType {
        match self {
            Float64 | Complex128 => Complex128,
            _ => Complex64,
        }
    }

    /// The type in which a kernel computes values of this type.
    pub fn compute(self) -> DType {
        match self {
            Float16 | BFloat16 => Float32,
            d if d.is_integral() => Int64,
            d => d,
        }
    }

    /// 0 bool, 1 integer, 2 floating, 3 complex: a wider category always wins promotion.
    pub fn category(self) -> u8 {
        match self {
            Bool => 0,
            d if d <= Int64 => 1,
            d if d <= Float64 => 2,
            _ => 3,
        }
    }

    /// The smallest type both convert to: `torch.promote_types`.
    pub fn promote(self, other: DType) -> DType {
        if self == other {
            return self;
        }
        let (low, high) = if self < other { (self, other) } else { (other, self) };
        match (low, high) {
            (UInt8, Int8) => Int16,
            (Float16, BFloat16) => Float32,
            (Float64, Complex64) => Complex128,
            _ => high,
        }
    }
}

/// Whether `torch.can_cast(from, to)`: a value never moves to a lower category.
pub fn can_cast(from: DType, to: DType) -> bool {
    from.category() <= to.category()
}

/// A Rust type that elements are stored in.
pub trait Element: Copy + Default + Send + Sync + 'static {
    /// The dtype it stores.
    const DTYPE: DType;
    /// A number in this type, by the rules of `tensor.to`.
    fn from_scalar(value: crate::tensor::Scalar) -> Self;
}

macro_rules! element {
    ($($t:ty => $d:ident),*) => { $(impl Element for $t {
        const DTYPE: DType = $d;
        fn from_scalar(value: crate::tensor::Scalar) -> Self { value.to() }
    })* };
}
element!(bool => Bool, u8 => UInt8, i8 => Int8, i16 => Int16, i32 => Int32, i64 => Int64,
    f16 => Float16, bf16 => BFloat16, f32 => Float32, f64 => Float64,
    Complex<f32> => Complex64, Complex<f64> => Complex128);

/// Runs `$body` with `$t` naming the Rust type that stores `$dtype`: the one dispatch over dtypes.
#[macro_export]
macro_rules! dispatch {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype {
            $crate::dtype::DType::Bool => { type $t = bool; $body }
            $crate::dtype::DType::UInt8 => { type $t = u8; $body }
            $crate::dtype::DType::Int8 => { type $t = i8; $body }
            $crate::dtype::DType::Int16 => { type $t = i16; $body }
            $crate::dtype::DType::Int32 => { type $t = i32; $body }
            $crate::dtype::DType::Int64 => { type $t = i64; $body }
            $crate::dtype::DType::Float16 => { type $t = half::f16; $body }
            $crate::dtype::DType::BFloat16 => { type $t = half::bf16; $body }
            $crate::dtype::DType::Float32 => { type $t = f32; $body }
            $crate::dtype::DType::Float64 => { type $t = f64; $body }
            $crate::dtype::DType::Complex64 => { type $t = num_complex::Complex<f32>; $body }
            $crate::dtype::DType::Complex128 => { type $t = num_complex::Complex<f64>; $body }
        }
    };
}

/// Runs `$body` with `$t` naming the Rust type in which values of `$dtype` are computed.
#[macro_export]
macro_rules! dispatch_compute {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype.compute() {
            $crate::dtype::DType::Int64 => { type $t = i64; $body }
            $crate::dtype::DType::Float32 => { type $t = f32; $body }
            $crate::dtype::DType::Float64 => { type $t = f64; $body }
            $crate::dtype::DType::Complex64 => { type $t = num_complex::Complex<f32>; $body }
            _ => { type $t = num_complex::Complex<f64>; $body }
        }
    };
}

/// Runs `$body` with `$t` naming the Rust type of a real floating compute type: f64, else f32.
#[macro_export]
macro_rules! dispatch_real {
    ($dtype:expr, $t:ident => $body:expr) => {
        if $dtype == $crate::dtype::DType::Float64 { type $t = f64; $body } else { type $t = f32; $body }
    };
}

/// Conversion of one element, as `tensor.to(dtype)` does it.
pub trait Convert<To> {
    /// The value in the other type: integers wrap, floats truncate, complex drops its imaginary part.
    fn convert(self) -> To;
}

macro_rules! convert_number {
    ($from:ty: $($to:ty),*) => { $(impl Convert<$to> for $from {
        #[inline(always)] fn convert(self) -> $to { self as $to } })* };
}
macro_rules! convert_from_int {
    ($($from:ty),*) => { $(
        convert_number!($from: u8, i8, i16, i32, i64, f32, f64);
        impl Convert<bool> for $from { #[inline(always)] fn convert(self) -> bool { self != 0 } }
    )* };
}
macro_rules! convert_from_float {
    ($($from:ty),*) => { $(
        convert_number!($from: f32, f64);
        // Through i32, so that what is out of range wraps as it does in PyTorch.
        impl Convert<u8> for $from { #[inline(always)] fn convert(self) -> u8 { to_int32(self as f64) as u8 } }
        impl Convert<i8> for $from { #[inline(always)] fn convert(self) -> i8 { to_int32(self as f64) as i8 } }
        impl Convert<i16> for $from { #[inline(always)] fn convert(self) -> i16 { to_int32(self as f64) as i16 } }
        impl Convert<i32> for $from { #[inline(always)] fn convert(self) -> i32 { to_int32(self as f64) } }
        impl Convert<i64> for $from { #[inline(always)] fn convert(self) -> i64 { to_int(self as f64) } }
        impl Convert<bool> for $from { #[inline(always)] fn convert(self) -> bool { self != 0.0 } }
    )* };
}
convert_from_int!(u8, i8, i16, i32, i64);
convert_from_float!(f32, f64);

/// x86's conversion, which PyTorch's answers carry: what does not fit becomes the least integer.
#[inline(always)]
fn to_int(x: f64) -> i64 {
    if x.is_nan() || !(-9.223_372_036_854_776e18..9.223_372_036_854_776e18).contains(&x) {
        i64::MIN
    } else {
        x as i64
    }
}

/// The same for 32 bits.
#[inline(always)]
fn to_int32(x: f64) -> i32 {
    if x > -2_147_483_649.0 && x < 2_147_483_648.0 { x as i32 } else { i32::MIN }
}

macro_rules! convert_from_bool {
    ($($to:ty),*) => { $(impl Convert<$to> for bool {
        #[inline(always)] fn convert(self) -> $to { u8::from(self) as $to } })* };
}
convert_from_bool!(u8, i8, i16, i32, i64, f32, f64);
impl Convert<bool> for bool {
    #[inline(always)]
    fn convert(self) -> bool {
        self
    }
}

macro_rules! convert_half {
    ($h:ty: $($other:ty),*) => { $(
        impl Convert<$other> for $h {
            #[inline(always)] fn convert(self) -> $other { self.to_f32().convert() } }
        impl Convert<$h> for $other {
            #[inline(always)] fn convert(self) -> $h {
                let x: f32 = self.convert(); <$h>::from_f32(x) } }
    )* };
}
convert_half!(f16: bool, u8, i8, i16, i32, i64, f32, f64);
convert_half!(bf16: bool, u8, i8, i16, i32, i64, f32, f64);
impl Convert<f16> for f16 {
    fn convert(self) -> f16 {
        self
    }
}
impl Convert<bf16> for bf16 {
    fn convert(self) -> bf16 {
        self
    }
}
impl Convert<bf16> for f16 {
    fn convert(self) -> bf16 {
        bf16::from_f32(self.to_f32())
    }
}
impl Convert<f16> for bf16 {
    fn convert(self) -> f16 {
        f16::from_f32(self.to_f32())
    }
}

macro_rules! convert_complex {
    ($p:ty: $($other:ty),*) => { $(
        impl Convert<Complex<$p>> for $other {
            #[inline(always)] fn convert(self) -> Complex<$p> { Complex::new(self.convert(), 0.0) } }
        impl Convert<$other> for Complex<$p> {
            #[inline(always)] fn convert(self) -> $other { self.re.convert() } }
    )* };
}
convert_complex!(f32: u8, i8, i16, i32, i64, f16, bf16, f32, f64);
convert_complex!(f64: u8, i8, i16, i32, i64, f16, bf16, f32, f64);
macro_rules! complex_pair {
    ($($p:ty),*) => { $(
        impl Convert<Complex<$p>> for bool {
            fn convert(self) -> Complex<$p> { Complex::new(self.convert(), 0.0) } }
        impl Convert<bool> for Complex<$p> {
            fn convert(self) -> bool { self.re != 0.0 || self.im != 0.0 } }
        impl Convert<Complex<f32>> for Complex<$p> {
            fn convert(self) -> Complex<f32> { Complex::new(self.re as f32, self.im as f32) } }
        impl Convert<Complex<f64>> for Complex<$p> {
            fn convert(self) -> Complex<f64> { Complex::new(self.re as f64, self.im as f64) } }
    )* };
}
complex_pair!(f32, f64);

/// The name by which most of PyTorch's sentences call a dtype: `Float`, `Long`.
pub fn spelled(dtype: DType) -> &'static str {
    dtype.scalar_type()
}
