//! Rows along a dimension turned into rows, whatever the strides.

use super::reduce::{finish, typed};
use crate::dtype::{DType, Element};
use crate::error::Result;
use crate::layout::{Dims, Loop};
use crate::tensor::Tensor;

/// `f` turns every row along `dim` into another; the result is row-major.
pub fn along<T: Element, R: Element>(t: &Tensor, dim: usize, dtype: DType, mut f: impl FnMut(&[T], &mut [R])) -> Result {
    in_rows::<T, R>(t, dim, dtype, &mut |n, from, to| {
        for (from, to) in from.chunks_exact(n).zip(to.chunks_exact_mut(n)) {
            f(from, to);
        }
    })
}

/// A function of several rows of so many elements.
type OfRows<'a, T, R> = &'a mut dyn FnMut(usize, &[T], &mut [R]);

/// The same for a function of several rows; compiled once for all of these types.
fn in_rows<T: Element, R: Element>(t: &Tensor, dim: usize, dtype: DType, f: OfRows<T, R>) -> Result {
    let source = typed(t, T::DTYPE)?;
    let out = Tensor::empty(t.sizes(), R::DTYPE)?;
    if out.numel() == 0 {
        return finish(out, dtype);
    }
    let n = t.sizes().get(dim).map_or(1, |n| *n as usize);
    if dim + 1 >= t.ndim() && source.is_contiguous() {
        f(n, source.data(), out.data_mut());
        return finish(out, dtype);
    }
    // Neighbouring rows are copied together, so that every line of cache that is read is used.
    const TOGETHER: usize = 16;
    let mut from = vec![T::default(); TOGETHER * n];
    let mut to = vec![R::default(); TOGETHER * n];
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
                f(n, &from[..w * n], &mut to[..w * n]);
                for i in 0..n {
                    for j in 0..w {
                        let place = at[1] + (k + j as i64) * step[1] + i as i64 * d;
                        *dst.offset(place as isize) = to[j * n + i];
                    }
                }
            }
        }
    });
    finish(out, dtype)
}
