//! Moving elements: between layouts, between dtypes.

use crate::dispatch;
use crate::dtype::{Convert, Element};
use crate::layout::Loop;
use crate::tensor::Tensor;

/// Copies the elements of `from` to `to`, which has the same sizes, converting them.
pub fn copy(from: &Tensor, to: &Tensor) {
    if from.dtype() == to.dtype() {
        return match from.dtype().itemsize() {
            1 => copy_same::<u8>(from, to),
            2 => copy_same::<i16>(from, to),
            4 => copy_same::<i32>(from, to),
            8 => copy_same::<i64>(from, to),
            _ => copy_same::<num_complex::Complex<f64>>(from, to),
        };
    }
    dispatch!(to.dtype(), T => convert_to::<T>(from, to));
}

fn copy_same<T: Copy>(from: &Tensor, to: &Tensor) {
    let (src, dst) = (from.first::<T>(), to.first::<T>());
    let l = Loop::<2>::new(from.sizes(), [to.strides(), from.strides()]);
    if l.sizes.len() >= 2 {
        let d = l.sizes.len() - 2;
        let (n, m) = (l.sizes[d], l.sizes[d + 1]);
        // A transpose goes in blocks, so that both sides stay in cache.
        if l.strides[d + 1] == [1, l.strides[d + 1][1]] && l.strides[d][1] == 1 && n >= 16 && m >= 16 {
            return transpose(&l, src, dst);
        }
    }
    l.runs(|len, at, step| {
        // SAFETY: layouts were checked against their storages.
        unsafe {
            let (mut d, mut s) = (dst.offset(at[0] as isize), src.offset(at[1] as isize).cast_const());
            match step {
                [1, 1] => std::ptr::copy_nonoverlapping(s, d, len),
                [1, 0] => std::slice::from_raw_parts_mut(d, len).fill(*s),
                _ => {
                    for _ in 0..len {
                        *d = *s;
                        d = d.wrapping_offset(step[0] as isize);
                        s = s.wrapping_offset(step[1] as isize);
                    }
                }
            }
        }
    });
}

fn transpose<T: Copy>(l: &Loop<2>, src: *mut T, dst: *mut T) {
    const BLOCK: i64 = 16;
    let d = l.sizes.len() - 2;
    let (n, m) = (l.sizes[d], l.sizes[d + 1]);
    let (dn, sm) = (l.strides[d][0], l.strides[d + 1][1]);
    let mut outer = Loop::<2> { sizes: l.sizes[..d].into(), strides: l.strides[..d].into() };
    if d == 0 {
        outer = Loop { sizes: dims![1], strides: smallvec::smallvec![[0, 0]] };
    }
    outer.runs(|len, at, step| {
        for k in 0..len as i64 {
            let (to, from) = (at[0] + k * step[0], at[1] + k * step[1]);
            for i0 in (0..n).step_by(BLOCK as usize) {
                for j0 in (0..m).step_by(BLOCK as usize) {
                    for i in i0..(i0 + BLOCK).min(n) {
                        for j in j0..(j0 + BLOCK).min(m) {
                            // SAFETY: inside both layouts.
                            unsafe {
                                *dst.offset((to + i * dn + j) as isize) =
                                    *src.offset((from + i + j * sm) as isize);
                            }
                        }
                    }
                }
            }
        }
    });
}

fn convert_to<T: Element>(from: &Tensor, to: &Tensor)
where
    bool: Convert<T>,
    u8: Convert<T>,
    i8: Convert<T>,
    i16: Convert<T>,
    i32: Convert<T>,
    i64: Convert<T>,
    half::f16: Convert<T>,
    half::bf16: Convert<T>,
    f32: Convert<T>,
    f64: Convert<T>,
    num_complex::Complex<f32>: Convert<T>,
    num_complex::Complex<f64>: Convert<T>,
{
    dispatch!(from.dtype(), S => convert_loop::<S, T>(from, to));
}

fn convert_loop<S: Element + Convert<T>, T: Element>(from: &Tensor, to: &Tensor) {
    let (src, dst) = (from.ptr::<S>().cast_const(), to.ptr::<T>());
    Loop::<2>::new(from.sizes(), [to.strides(), from.strides()]).runs(|len, at, step| {
        let (mut d, mut s) = (dst.wrapping_offset(at[0] as isize), src.wrapping_offset(at[1] as isize));
        for _ in 0..len {
            // SAFETY: inside both layouts.
            unsafe { *d = (*s).convert() };
            d = d.wrapping_offset(step[0] as isize);
            s = s.wrapping_offset(step[1] as isize);
        }
    });
}

/// Row-major values converted to `T`.
pub fn to_vec<T: Element>(t: &Tensor) -> Vec<T> {
    match t.as_contiguous(T::DTYPE) {
        Ok(c) => c.data::<T>().to_vec(),
        Err(_) => Vec::new(),
    }
}
