//! Loops over elements: one, two or three operands in the type they are computed in, broadcast by
//! strides; a result in any dtype.

use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::{broadcast, Dims, Layout, Loop};
use crate::tensor::Tensor;

/// The operand in its compute type, with whatever strides it has.
fn typed<T: Element>(t: &Tensor) -> Result {
    if t.dtype() == T::DTYPE { Ok(t.clone()) } else { t.copied(T::DTYPE) }
}

/// The result in the dtype asked for.
fn finish(out: Tensor, dtype: DType) -> Result {
    if out.dtype() == dtype { Ok(out) } else { out.copied(dtype) }
}

fn expanded(t: &Tensor, sizes: &[i64]) -> Dims {
    t.layout().expand(sizes).unwrap_or_else(|| Layout::contiguous(sizes)).strides
}

/// `f` of every element.
pub fn map<A: Element, R: Element>(a: &Tensor, dtype: DType, f: impl Fn(A) -> R) -> Result {
    let a = typed::<A>(a)?;
    let out = Tensor::empty(a.sizes(), R::DTYPE)?;
    let to = out.data_mut::<R>();
    if a.is_contiguous() {
        for (d, s) in to.iter_mut().zip(a.data::<A>()) {
            *d = f(*s);
        }
    } else {
        let src = a.ptr::<A>().cast_const();
        let mut next = 0;
        Loop::<1>::new(a.sizes(), [a.strides()]).runs(|len, at, step| {
            let mut s = src.wrapping_offset(at[0] as isize);
            for d in &mut to[next..next + len] {
                // SAFETY: inside the layout.
                *d = f(unsafe { *s });
                s = s.wrapping_offset(step[0] as isize);
            }
            next += len;
        });
    }
    finish(out, dtype)
}

/// `f` of every pair, broadcast.
pub fn zip<A: Element, B: Element, R: Element>(
    a: &Tensor, b: &Tensor, dtype: DType, f: impl Fn(A, B) -> R,
) -> Result {
    let (a, b) = (typed::<A>(a)?, typed::<B>(b)?);
    let sizes = broadcast(a.sizes(), b.sizes())?;
    let out = Tensor::empty(&sizes, R::DTYPE)?;
    let to = out.data_mut::<R>();
    if a.sizes() == b.sizes() && a.is_contiguous() && b.is_contiguous() {
        for ((d, x), y) in to.iter_mut().zip(a.data::<A>()).zip(b.data::<B>()) {
            *d = f(*x, *y);
        }
        return finish(out, dtype);
    }
    let (pa, pb) = (a.ptr::<A>().cast_const(), b.ptr::<B>().cast_const());
    let mut next = 0;
    Loop::<2>::new(&sizes, [&expanded(&a, &sizes), &expanded(&b, &sizes)]).runs(|len, at, step| {
        let to = &mut to[next..next + len];
        next += len;
        // SAFETY: inside both layouts.
        unsafe {
            let (mut p, mut q) = (pa.offset(at[0] as isize), pb.offset(at[1] as isize));
            match step {
                [1, 1] => {
                    let (x, y) = (std::slice::from_raw_parts(p, len), std::slice::from_raw_parts(q, len));
                    for i in 0..len {
                        to[i] = f(x[i], y[i]);
                    }
                }
                [1, 0] => {
                    let (x, y) = (std::slice::from_raw_parts(p, len), *q);
                    for i in 0..len {
                        to[i] = f(x[i], y);
                    }
                }
                [0, 1] => {
                    let (x, y) = (*p, std::slice::from_raw_parts(q, len));
                    for i in 0..len {
                        to[i] = f(x, y[i]);
                    }
                }
                _ => {
                    for d in to {
                        *d = f(*p, *q);
                        p = p.wrapping_offset(step[0] as isize);
                        q = q.wrapping_offset(step[1] as isize);
                    }
                }
            }
        }
    });
    finish(out, dtype)
}

/// `f` of every triple, broadcast.
pub fn zip3<A: Element, B: Element, C: Element, R: Element>(
    a: &Tensor, b: &Tensor, c: &Tensor, dtype: DType, f: impl Fn(A, B, C) -> R,
) -> Result {
    let (a, b, c) = (typed::<A>(a)?, typed::<B>(b)?, typed::<C>(c)?);
    let sizes = broadcast(&broadcast(a.sizes(), b.sizes())?, c.sizes())?;
    let out = Tensor::empty(&sizes, R::DTYPE)?;
    let to = out.data_mut::<R>();
    let (pa, pb, pc) = (a.ptr::<A>(), b.ptr::<B>(), c.ptr::<C>());
    let mut next = 0;
    let strides = [&expanded(&a, &sizes)[..], &expanded(&b, &sizes), &expanded(&c, &sizes)];
    Loop::<3>::new(&sizes, strides).runs(|len, at, step| {
        for (i, d) in to[next..next + len].iter_mut().enumerate() {
            let i = i as i64;
            // SAFETY: inside the three layouts.
            unsafe {
                *d = f(
                    *pa.offset((at[0] + i * step[0]) as isize),
                    *pb.offset((at[1] + i * step[1]) as isize),
                    *pc.offset((at[2] + i * step[2]) as isize),
                );
            }
        }
        next += len;
    });
    finish(out, dtype)
}
