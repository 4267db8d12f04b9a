//! Moving elements: between layouts, between dtypes.

use super::elementwise::each;
use super::simd::{F32x4, F64x2, Lane};
use crate::dispatch;
use crate::dtype::{Convert, DType, Element};
use crate::layout::Loop;
use crate::parallel::{grain, parallel_for, Shared};
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
    convert(from, to);
}

#[inline(never)]
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
    if let ([rows, len], [down, [1, 1]]) = (&l.sizes[..], &l.strides[..]) {
        for i in 0..*rows as isize {
            // SAFETY: layouts were checked against their storages.
            unsafe { std::ptr::copy_nonoverlapping(src.offset(i * down[1] as isize).cast_const(), dst.offset(i * down[0] as isize), *len as usize) }
        }
        return;
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

/// Rows and columns of a block that is turned at once: each side is read or written in whole lines of
/// the cache, and few enough of them that lines a power of two apart do not push each other out.
const BLOCK: usize = 16;

/// Turns blocks straight from one side to the other.
fn transpose<T: Copy>(l: &Loop<2>, src: *mut T, dst: *mut T) {
    let d = l.sizes.len() - 2;
    let (n, m) = (l.sizes[d] as usize, l.sizes[d + 1] as usize);
    let (dn, sm) = (l.strides[d][0] as isize, l.strides[d + 1][1] as isize);
    let mut outer = Loop::<2> { sizes: l.sizes[..d].into(), strides: l.strides[..d].into() };
    if d == 0 {
        outer = Loop { sizes: dims![1], strides: smallvec::smallvec![[0, 0]] };
    }
    let down = n.div_ceil(BLOCK);
    outer.runs(|len, at, step| {
        for k in 0..len as i64 {
            let to = Shared(dst.wrapping_offset((at[0] + k * step[0]) as isize));
            let from = Shared(src.wrapping_offset((at[1] + k * step[1]) as isize));
            parallel_for(down, grain::rounds(grain::COMPUTED, BLOCK * m), |range| {
                for i in range.map(|i| i * BLOCK) {
                    for j in (0..m).step_by(BLOCK) {
                        let (from, to) = (from.get().wrapping_offset(i as isize + j as isize * sm), to.get().wrapping_offset(i as isize * dn).wrapping_add(j));
                        // SAFETY: inside both layouts; threads write rows of their own.
                        unsafe { turn(from, sm, to, dn, BLOCK.min(n - i), BLOCK.min(m - j)) }
                    }
                }
            });
        }
    });
}

/// `w` rows of `h` elements, `step` apart, as columns of rows `to_step` apart.
///
/// # Safety
/// The rows must be readable, and the columns writable.
#[inline(always)]
unsafe fn turn<T: Copy>(from: *const T, step: isize, to: *mut T, to_step: isize, h: usize, w: usize) {
    // SAFETY: the caller's promise; lanes move four or eight bytes whatever they mean.
    unsafe {
        match (size_of::<T>(), h, w) {
            (4, BLOCK, BLOCK) if to_step > 0 => lanes::<F32x4>(from.cast(), step, to.cast(), to_step as usize),
            (8, BLOCK, BLOCK) if to_step > 0 => lanes::<F64x2>(from.cast(), step, to.cast(), to_step as usize),
            _ => {
                for i in 0..h as isize {
                    for j in 0..w as isize {
                        *to.offset(i * to_step + j) = *from.offset(j * step + i);
                    }
                }
            }
        }
    }
}

/// A whole block.
///
/// # Safety
/// As `turn`.
#[inline(always)]
unsafe fn lanes<L: Lane>(from: *const L::Elem, step: isize, to: *mut L::Elem, to_step: usize) {
    for i in (0..BLOCK).step_by(L::N) {
        for j in (0..BLOCK).step_by(L::N) {
            // SAFETY: the caller's promise.
            unsafe { L::transpose(|r| from.offset((j + r) as isize * step + i as isize), to.add(i * to_step + j), to_step) }
        }
    }
}

/// Rows of elements that are converted, and the steps of source and target from row to row and in a row.
struct Rows {
    rows: usize,
    len: usize,
    down: [i64; 2],
    step: [i64; 2],
}

/// Converts rows from an address to another.
type Conversion = unsafe fn(&Rows, *const u8, *mut u8);

fn conversion_to<T: Element>(from: DType) -> Conversion
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
    dispatch!(from, S => convert_rows::<S, T>)
}

/// # Safety
/// The elements must be there, and of these types.
// Each pair of dtypes apart: as one function they take V8 40 MB to compile.
unsafe fn convert_rows<S: Element + Convert<T>, T: Element>(block: &Rows, src: *const u8, dst: *mut u8) {
    // What vectors have instructions for.
    let wide = matches!(S::DTYPE, DType::Int32 | DType::Float32 | DType::Float64) && !matches!(T::DTYPE, DType::Float16 | DType::BFloat16);
    for row in 0..block.rows as isize {
        let mut s = src.cast::<S>().wrapping_offset(row * block.down[0] as isize);
        let mut d = dst.cast::<T>().wrapping_offset(row * block.down[1] as isize);
        // SAFETY: the caller's promise.
        unsafe {
            if wide && block.step == [1, 1] {
                each(std::slice::from_raw_parts(s, block.len), std::slice::from_raw_parts_mut(d, block.len), &|x: S| x.convert());
                continue;
            }
            for _ in 0..block.len {
                *d = (*s).convert();
                s = s.wrapping_offset(block.step[0] as isize);
                d = d.wrapping_offset(block.step[1] as isize);
            }
        }
    }
}

fn convert(from: &Tensor, to: &Tensor) {
    let conversion = dispatch!(to.dtype(), T => conversion_to::<T>(from.dtype()));
    let bytes = |t: &Tensor, elements: i64| t.ptr_bytes().wrapping_offset(elements as isize * t.dtype().itemsize() as isize);
    let l = Loop::<2>::new(from.sizes(), [from.strides(), to.strides()]);
    let [(rows, down), (len, step)] = l.inner();
    let block = Rows { rows, len, down, step };
    l.blocks(|at| {
        // SAFETY: layouts were checked against their storages.
        unsafe { conversion(&block, bytes(from, at[0]).cast_const(), bytes(to, at[1])) }
    });
}

/// Row-major values converted to `T`.
pub fn to_vec<T: Element>(t: &Tensor) -> Vec<T> {
    match t.as_contiguous(T::DTYPE) {
        Ok(c) => c.data::<T>().to_vec(),
        Err(_) => Vec::new(),
    }
}
