//! Complex numbers: their parts, as values and as views, and how they are put together.

use super::loops::Arith;
use super::prelude::*;

/// `i`, to be multiplied with.
const I: Scalar = Scalar::Complex(Complex::new(0.0, 1.0));

fn conjugated(t: &Tensor) -> Result {
    dispatch_compute!(t.dtype(), T => map(t, t.dtype(), |x: T| x.conjugate()))
}

impl Tensor {
    /// The complex conjugate; a real tensor itself, without a call, for formulas conjugate everything.
    pub fn conj(&self) -> Result {
        if self.dtype().is_complex() { ComplexOps::conj(self) } else { Ok(self.clone()) }
    }
}

fn part(t: &Tensor, imag: bool) -> Result {
    let mut l = t.layout().clone();
    for s in &mut l.strides {
        *s *= 2;
    }
    l.offset = l.offset * 2 + i64::from(imag);
    Ok(t.reinterpret(l, t.dtype().to_real()))
}

fn as_real(t: &Tensor) -> Result {
    if !t.dtype().is_complex() {
        return Err(Error::type_error("view_as_real is only supported for complex tensors"));
    }
    let mut l = t.layout().clone();
    for s in &mut l.strides {
        *s *= 2;
    }
    l.offset *= 2;
    l.sizes.push(2);
    l.strides.push(1);
    Ok(t.reinterpret(l, t.dtype().to_real()))
}

fn as_complex(t: &Tensor) -> Result {
    if t.dtype().is_complex() {
        return Err(Error::type_error("view_as_complex is not supported for complex tensors"));
    }
    if !matches!(t.dtype(), DType::Float32 | DType::Float64) {
        return Err(Error::not_implemented(format!(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of \
             scalar type: {}", t.dtype().scalar_type()
        )));
    }
    if t.ndim() == 0 {
        return Err(Error::runtime("Input tensor must have one or more dimensions"));
    }
    let mut l = t.layout().clone();
    if l.sizes.pop() != Some(2) {
        return Err(Error::runtime("Tensor must have a last dimension of size 2"));
    }
    if l.strides.pop() != Some(1) {
        return Err(Error::runtime("Tensor must have a last dimension with stride 1"));
    }
    for s in &mut l.strides {
        if *s % 2 != 0 {
            return Err(Error::runtime("Tensor must have a stride divisible by 2 for all but last dimension"));
        }
        *s /= 2;
    }
    if l.offset % 2 != 0 {
        return Err(Error::runtime("Tensor must have a storage_offset divisible by 2"));
    }
    l.offset /= 2;
    Ok(t.reinterpret(l, t.dtype().to_complex()))
}

fn angle_of(t: &Tensor) -> Result {
    match t.dtype().compute() {
        DType::Complex64 => map(t, DType::Float32, |z: Complex<f32>| z.im.atan2(z.re)),
        DType::Complex128 => map(t, DType::Float64, |z: Complex<f64>| z.im.atan2(z.re)),
        _ => real_map!("angle_cpu", t, |x| if x.is_nan() { x } else if x < 0.0 { F::acos(-1.0) } else { 0.0 }),
    }
}

/// Two real tensors of one dtype put together by `f`.
fn joined(a: &Tensor, b: &Tensor, f: fn(f64, f64) -> Complex<f64>) -> Result {
    let known = |d: DType| matches!(d, DType::Float16 | DType::Float32 | DType::Float64);
    let (p, q) = (a.dtype(), b.dtype());
    if !known(p) || !known(q) {
        return Err(Error::not_implemented(format!(
            "Expected both inputs to be Half, Float or Double tensors but got {} and {}",
            p.scalar_type(), q.scalar_type()
        )));
    }
    if p != q {
        return Err(Error::runtime(format!(
            "Expected object of scalar type {} but got scalar type {} for second argument",
            p.scalar_type(), q.scalar_type()
        )));
    }
    if p == DType::Float16 {
        return Err(Error::not_implemented("complex32 is not supported"));
    }
    zip(a, b, p.to_complex(), f)
}

ops! { TABLE, ComplexOps;
    /// The complex number with these real and imaginary parts.
    fn complex(real: Tensor, imag: Tensor) [function] eval { joined(&real, &imag, Complex::new) }
        d real = |g| g.real(),
        d imag = |g| g.imag();

    /// The complex number with this absolute value and angle.
    fn polar(abs: Tensor, angle: Tensor) [function] eval { joined(&abs, &angle, |r, a| Complex::new(r * a.cos(), r * a.sin())) }
        d abs = |g, abs, angle| g.conj()?.mul(turn(&abs, &angle)?)?.real(),
        d angle = |g, abs, angle| g.conj()?.mul(turn(&abs, &angle)?.mul(&abs)?.mul(I))?.real();

    /// The complex conjugate; real tensors are returned as they are.
    fn conj(input: Tensor) [] eval {
        if input.dtype().is_complex() { conjugated(&input) } else { Ok(input) }
    }
        d input = |g| g.conj();

    /// The complex conjugate in memory of its own; real tensors are returned as they are.
    fn conj_physical(input: Tensor) [inplace, (ConjPhysicalBackward1)] eval {
        if input.dtype().is_complex() { conjugated(&input) } else { Ok(input) }
    }
        d input = |g| g.conj_physical();

    /// The input: conjugation is never lazy here.
    fn resolve_conj(input: Tensor) [] compose { Ok::<_, Error>(input) };

    /// The input: negation is never lazy here.
    fn resolve_neg(input: Tensor) [] compose { Ok::<_, Error>(input) };

    /// The real parts, as a view; of a real tensor the tensor itself.
    fn real(input: Tensor) [function] compose {
        if input.dtype().is_complex() { input.part(false) } else { Ok(input) }
    };

    /// The imaginary parts, as a view.
    fn imag(input: Tensor) [function] compose {
        if !input.dtype().is_complex() {
            return Err(Error::type_error("imag is not implemented for tensors with non-complex dtypes."));
        }
        input.part(true)
    };

    /// One of the two parts of complex numbers, as a view.
    fn part(input: Tensor, imag: bool) [hidden, SelectBackward0] view { part(&input, imag) }
        d input = |g, imag, input| {
            let whole = crate::ops::cast(g, input.dtype())?;
            if imag { whole.mul(I) } else { Ok(whole) }
        };

    /// A complex tensor as a real one with a last dimension of 2.
    fn view_as_real(input: Tensor) [] view { as_real(&input) }
        d input = |g| g.contiguous(())?.view_as_complex();

    /// A real tensor whose last dimension is 2 as a complex one.
    fn view_as_complex(input: Tensor) [] view { as_complex(&input) }
        d input = |g| g.resolve_conj()?.view_as_real();

    /// The angle of complex numbers; of real ones 0 or pi.
    fn angle(input: Tensor) [] eval { angle_of(&input) }
        d input = |g, input| {
            if input.dtype().is_complex() {
                let turned = input.true_divide(input.abs().pow_scalar(2i64)).mul(I);
                input.eq(0i64)?.where_op(0i64, turned.mul(g))
            } else {
                g.zeros_like(())
            }
        };
}

/// `e^(i angle)`, differentiable.
fn turn(abs: &Tensor, angle: &Tensor) -> Result {
    crate::value::first(crate::autograd::call(
        &polar::OP, &[Value::Tensor(abs.ones_like(())?), Value::Tensor(angle.clone())],
    )?)
}
