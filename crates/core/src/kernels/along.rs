//! Rows along a dimension turned into rows, whatever the strides.

use super::reduce::{finish, typed};
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::{Dims, Loop};
use crate::tensor::Tensor;

/// `f` turns every row along `dim` into a row of `len` elements; the result is row-major.
pub fn along<T: Element, R: Element>(
    t: &Tensor, dim: usize, len: usize, dtype: DType, mut f: impl FnMut(&[T], &mut [R]),
) -> Result {
    if t.ndim() == 0 {
        let out = Tensor::empty(if len == 1 { &[] } else { std::slice::from_ref(&0) }, R::DTYPE)?;
        f(typed::<T>(t)?.data(), out.data_mut());
        return finish(out, dtype);
    }
    let source = typed::<T>(t)?;
    let n = t.sizes()[dim] as usize;
    let mut sizes = t.dims();
    sizes[dim] = len as i64;
    let out = Tensor::empty(&sizes, R::DTYPE)?;
    if dim + 1 == t.ndim() && source.is_contiguous() {
        if len > 0 {
            let from = source.data::<T>();
            for (i, row) in out.data_mut::<R>().chunks_exact_mut(len).enumerate() {
                f(&from[i * n..(i + 1) * n], row);
            }
        }
        return finish(out, dtype);
    }
    // Neighbouring rows are copied together, so that every line of cache that is read is used.
    const TOGETHER: usize = 16;
    let mut from = vec![T::default(); TOGETHER * n];
    let mut to = vec![R::default(); TOGETHER * len];
    let (src, dst) = (source.ptr::<T>().cast_const(), out.ptr::<R>());
    let (s, d) = (source.strides()[dim], out.strides()[dim]);
    let others = |l: &[i64]| -> Dims { (0..l.len()).filter(|k| *k != dim).map(|k| l[k]).collect() };
    let all = [&others(source.strides())[..], &others(out.strides())];
    Loop::<2>::new(&others(t.sizes()), all).runs(|count, at, step| {
        for k in (0..count as i64).step_by(TOGETHER) {
            let w = TOGETHER.min(count - k as usize);
            // SAFETY: offsets inside both layouts.
            unsafe {
                for i in 0..n {
                    for j in 0..w {
                        let place = at[0] + (k + j as i64) * step[0] + i as i64 * s;
                        from[j * n + i] = *src.offset(place as isize);
                    }
                }
                for j in 0..w {
                    f(&from[j * n..(j + 1) * n], &mut to[j * len..(j + 1) * len]);
                }
                for i in 0..len {
                    for j in 0..w {
                        let place = at[1] + (k + j as i64) * step[1] + i as i64 * d;
                        *dst.offset(place as isize) = to[j * len + i];
                    }
                }
            }
        }
    });
    finish(out, dtype)
}
