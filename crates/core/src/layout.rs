//! Sizes, strides and offsets: views, broadcasting, and the order in which loops visit elements.

use crate::error::{Error, Result};
use smallvec::SmallVec;

pub use crate::dims::Dims;

/// Where the elements of a tensor lie in its storage, counted in elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The size of each dimension.
    pub sizes: Dims,
    /// The step from one index to the next of each dimension.
    pub strides: Dims,
    /// The place of the first element.
    pub offset: i64,
}

/// Row-major strides.
#[inline]
pub fn contiguous_strides(sizes: &[i64]) -> Dims {
    let mut strides = Dims::from_elem(1, sizes.len());
    for d in (0..sizes.len().saturating_sub(1)).rev() {
        strides[d] = strides[d + 1].saturating_mul(sizes[d + 1].max(1));
    }
    strides
}

/// The number of elements, or an error when it does not fit.
pub fn checked_numel(sizes: &[i64]) -> Result<usize> {
    let mut n: i64 = 1;
    for &s in sizes {
        if s < 0 {
            return Err(Error::runtime(format!(
                "Trying to create tensor with negative dimension {s}: {sizes:?}"
            )));
        }
        n = n.checked_mul(s).ok_or_else(Error::numel_overflow)?;
    }
    // An address has fewer bits in WebAssembly.
    usize::try_from(n).map_err(|_| Error::numel_overflow())
}

/// A dimension from the front; `ndim` of 0 counts as 1.
pub fn wrap_dim(dim: i64, ndim: usize) -> Result<usize> {
    let n = ndim.max(1) as i64;
    if dim < -n || dim >= n {
        return Err(Error::dim_range(dim, ndim));
    }
    Ok(if dim < 0 { dim + n } else { dim } as usize)
}

impl Layout {
    /// Row-major from the start of the storage.
    pub fn contiguous(sizes: &[i64]) -> Layout {
        Layout { sizes: sizes.into(), strides: contiguous_strides(sizes), offset: 0 }
    }

    /// The number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.sizes.iter().product::<i64>() as usize
    }

    /// Row-major, ignoring the strides of dimensions of size one.
    pub fn is_contiguous(&self) -> bool {
        let mut expected = 1;
        for d in (0..self.sizes.len()).rev() {
            if self.sizes[d] == 0 {
                return true;
            }
            if self.sizes[d] != 1 {
                if self.strides[d] != expected {
                    return false;
                }
                expected *= self.sizes[d];
            }
        }
        true
    }

    /// Elements that the storage must hold for every index to be inside.
    pub fn extent(&self) -> usize {
        if self.numel() == 0 {
            return 0;
        }
        let reach: i64 = self.sizes.iter().zip(&self.strides).map(|(n, s)| (n - 1) * s).sum();
        (self.offset + reach + 1) as usize
    }

    /// `extent`, for sizes and strides that nobody has checked.
    pub fn checked_extent(&self) -> Option<usize> {
        let mut last = self.offset;
        if self.sizes.contains(&0) {
            return Some(0);
        }
        for (n, s) in self.sizes.iter().zip(&self.strides) {
            last = last.checked_add(n.checked_sub(1)?.checked_mul(*s)?)?;
        }
        last.checked_add(1)?.try_into().ok()
    }

    /// Strides under which dimensions of size one stand for every index: expansion to `sizes`.
    pub fn expand(&self, sizes: &[i64]) -> Option<Layout> {
        let lead = sizes.len().checked_sub(self.sizes.len())?;
        let mut strides = Dims::from_elem(0, sizes.len());
        for d in lead..sizes.len() {
            let have = self.sizes[d - lead];
            if have == sizes[d] {
                strides[d] = self.strides[d - lead];
            } else if have != 1 {
                return None;
            }
        }
        Some(Layout { sizes: sizes.into(), strides, offset: self.offset })
    }

    /// The strides of a view with other sizes, where one exists without copying
    /// (PyTorch's `computeStride`).
    pub fn view(&self, sizes: &[i64]) -> Option<Layout> {
        if self.numel() == 0 || self.is_contiguous() {
            let strides = if self.sizes[..] == *sizes {
                self.strides.clone()
            } else {
                contiguous_strides(sizes)
            };
            return Some(Layout { sizes: sizes.into(), strides, offset: self.offset });
        }
        let mut strides = Dims::from_elem(0, sizes.len());
        let mut view_d = sizes.len() as i64 - 1;
        let mut base = *self.strides.last()?;
        let (mut t_numel, mut v_numel) = (1i64, 1i64);
        for d in (0..self.sizes.len()).rev() {
            t_numel *= self.sizes[d];
            if d == 0
                || (self.sizes[d - 1] != 1 && self.strides[d - 1] != t_numel * base)
            {
                while view_d >= 0 && (v_numel < t_numel || sizes[view_d as usize] == 1) {
                    strides[view_d as usize] = v_numel * base;
                    v_numel *= sizes[view_d as usize];
                    view_d -= 1;
                }
                if v_numel != t_numel {
                    return None;
                }
                if d > 0 {
                    base = self.strides[d - 1];
                    t_numel = 1;
                    v_numel = 1;
                }
            }
        }
        (view_d == -1).then(|| Layout { sizes: sizes.into(), strides, offset: self.offset })
    }
}

/// The common shape of two operands.
pub fn broadcast(a: &[i64], b: &[i64]) -> Result<Dims> {
    if a == b {
        return Ok(a.into());
    }
    let n = a.len().max(b.len());
    let at = |s: &[i64], d: usize| if d + s.len() < n { 1 } else { s[d + s.len() - n] };
    let mut out = Dims::with_capacity(n);
    for d in 0..n {
        let (p, q) = (at(a, d), at(b, d));
        if p != q && p != 1 && q != 1 {
            // PyTorch names the last dimension that does not fit.
            let bad = (0..n).rev().find(|&d| {
                let (p, q) = (at(a, d), at(b, d));
                p != q && p != 1 && q != 1
            });
            let d = bad.unwrap_or(d);
            return Err(Error::broadcast(at(a, d) as usize, at(b, d) as usize, d));
        }
        out.push(if p == 1 { q } else { p });
    }
    Ok(out)
}

/// A loop over several operands of one shape: dimensions of size one dropped, neighbours that are
/// contiguous in every operand merged, so that the innermost run is as long as it can be.
pub struct Loop<const N: usize> {
    /// Sizes from the outermost to the innermost.
    pub sizes: Dims,
    /// For each dimension the step of each operand, in elements.
    pub strides: SmallVec<[[i64; N]; 5]>,
}

impl<const N: usize> Loop<N> {
    /// The loop over `sizes` with these strides for each operand.
    pub fn new(sizes: &[i64], strides: [&[i64]; N]) -> Loop<N> {
        let mut out = Loop { sizes: Dims::new(), strides: SmallVec::new() };
        for d in 0..sizes.len() {
            if sizes[d] == 1 {
                continue;
            }
            let step: [i64; N] = std::array::from_fn(|k| strides[k][d]);
            if let (Some(last), Some(n)) = (out.strides.last_mut(), out.sizes.last_mut()) {
                if (0..N).all(|k| last[k] == step[k] * sizes[d]) {
                    *n *= sizes[d];
                    *last = step;
                    continue;
                }
            }
            out.sizes.push(sizes[d]);
            out.strides.push(step);
        }
        out
    }

    /// Calls `f(length, offsets, steps)` for each innermost run, in row-major order.
    #[inline(always)]
    pub fn runs(&self, mut f: impl FnMut(usize, [i64; N], [i64; N])) {
        if self.sizes.contains(&0) {
            return;
        }
        let outer = self.sizes.len().saturating_sub(1);
        let (len, steps) = match self.sizes.last() {
            Some(&n) => (n as usize, self.strides[outer]),
            None => (1, [0; N]),
        };
        let mut place = Place { index: Dims::from_elem(0, outer), at: [0; N] };
        loop {
            f(len, place.at, steps);
            if !self.next(&mut place) {
                return;
            }
        }
    }

    /// The two innermost dimensions, the outer one first: sizes and steps.
    pub fn inner(&self) -> [(usize, [i64; N]); 2] {
        [2, 1].map(|back| self.sizes.len().checked_sub(back).map_or((1, [0; N]), |d| (self.sizes[d] as usize, self.strides[d])))
    }

    /// Calls `f(offsets)` for each block of the two innermost dimensions, in row-major order.
    pub fn blocks(&self, mut f: impl FnMut([i64; N])) {
        if self.sizes.contains(&0) {
            return;
        }
        let outer = self.sizes.len().saturating_sub(2);
        Loop { sizes: self.sizes[..outer].into(), strides: self.strides[..outer].into() }.runs(|count, at, step: [i64; N]| {
            for i in 0..count as i64 {
                f(std::array::from_fn(|k| at[k] + i * step[k]));
            }
        });
    }

    /// Goes on to the next run; false after the last. Apart from `runs`, so that it is compiled once.
    #[inline(never)]
    fn next(&self, place: &mut Place<N>) -> bool {
        for d in (0..place.index.len()).rev() {
            place.index[d] += 1;
            let inside = place.index[d] < self.sizes[d];
            for k in 0..N {
                place.at[k] += self.strides[d][k] * if inside { 1 } else { 1 - self.sizes[d] };
            }
            if inside {
                return true;
            }
            place.index[d] = 0;
        }
        false
    }
}

/// Where a loop is: the index in each outer dimension, and the offset of each operand.
struct Place<const N: usize> {
    index: Dims,
    at: [i64; N],
}
