//! Loops over places that indices name. The indices were checked before these run.

/// Runs `$body` with `$t` naming a type as wide as an element of `$dtype`: enough to move elements.
#[macro_export]
macro_rules! by_width {
    ($dtype:expr, $t:ident => $body:expr) => {
        match $dtype.itemsize() {
            1 => { type $t = u8; $body }
            2 => { type $t = i16; $body }
            4 => { type $t = i32; $body }
            8 => { type $t = i64; $body }
            _ => { type $t = num_complex::Complex<f64>; $body }
        }
    };
}

/// A row-major tensor around one of its dimensions: `outer` times `n` slices of `inner` elements.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    /// Everything before the dimension.
    pub outer: usize,
    /// The dimension.
    pub n: usize,
    /// Everything after it.
    pub inner: usize,
}

impl Around {
    /// Sizes seen from dimension `d`; no dimensions at all count as one of size one.
    pub fn new(sizes: &[i64], d: usize) -> Around {
        let product = |s: &[i64]| s.iter().product::<i64>() as usize;
        Around {
            outer: product(&sizes[..d.min(sizes.len())]),
            n: sizes.get(d).map_or(1, |n| *n as usize),
            inner: product(sizes.get(d + 1..).unwrap_or(&[])),
        }
    }

    /// Calls `f(start among the slices named, start among all slices)` for each of `places`.
    #[inline(always)]
    pub fn each(self, places: &[i64], mut f: impl FnMut(usize, usize)) {
        let mut at = 0;
        for o in 0..self.outer {
            for &p in places {
                f(at, (o * self.n + p as usize) * self.inner);
                at += self.inner;
            }
        }
    }

    /// The slices that `places` name, one after another.
    pub fn select<T: Copy>(self, from: &[T], places: &[i64], to: &mut [T]) {
        if self.inner == 1 {
            return self.each(places, |i, o| to[i] = from[o]);
        }
        self.each(places, |i, o| to[i..i + self.inner].copy_from_slice(&from[o..o + self.inner]));
    }

    /// Writes slices to the places named.
    pub fn replace<T: Copy>(self, to: &mut [T], places: &[i64], from: &[T]) {
        self.each(places, |i, o| to[o..o + self.inner].copy_from_slice(&from[i..i + self.inner]));
    }
}

/// Calls `f(place in index, place in other)` for every element of a row-major `index` of `sizes`,
/// where the row-major `other` is entered at the same place but along `dim`, where the index rules.
#[inline(always)]
pub fn each_place(index: &[i64], sizes: &[i64], other: &[i64], dim: usize, mut f: impl FnMut(usize, usize)) {
    let along = crate::layout::contiguous_strides(other)[dim] as usize;
    let step = usize::from(dim + 1 != sizes.len());
    each_row(index, sizes, other, dim, |first, row, base| {
        for (i, v) in row.iter().enumerate() {
            f(first + i, base + i * step + *v as usize * along);
        }
        true
    });
}

/// Calls `f(place in index, row, place in other)` for every row of such an index, until it returns false.
#[inline(always)]
fn each_row(index: &[i64], sizes: &[i64], other: &[i64], dim: usize, mut f: impl FnMut(usize, &[i64], usize) -> bool) {
    let (Some((&len, outer)), false) = (sizes.split_last(), index.is_empty()) else { return };
    let strides = crate::layout::contiguous_strides(other);
    let mut at = vec![0i64; outer.len()];
    let mut base = 0usize;
    for (r, row) in index.chunks_exact(len as usize).enumerate() {
        if !f(r * row.len(), row, base) {
            return;
        }
        for k in (0..outer.len()).rev() {
            let s = if k == dim { 0 } else { strides[k] as usize };
            at[k] += 1;
            base += s;
            if at[k] < outer[k] {
                break;
            }
            base -= s * at[k] as usize;
            at[k] = 0;
        }
    }
}

/// Reads the elements that an unchecked `index` of `sizes` names along `dim` of `from`, which has the sizes
/// `other`; the first index that names none, if there is one, is the error.
pub fn read_places<T: Copy>(
    from: &[T], other: &[i64], index: &[i64], sizes: &[i64], dim: usize, to: &mut [T],
) -> Result<(), i64> {
    let n = other[dim] as usize;
    let along = crate::layout::contiguous_strides(other)[dim] as usize;
    let mut bad = Ok(());
    each_row(index, sizes, other, dim, |first, places, base| {
        let to = &mut to[first..first + places.len()];
        bad = if dim + 1 == sizes.len() {
            read_along(from.get(base..base + n).unwrap_or(&[]), places, to)
        } else {
            read_across(from.get(base..).unwrap_or(&[]), n, along, places, to)
        };
        bad.is_ok()
    });
    bad
}

/// The elements of a row that `places` name.
fn read_along<T: Copy>(row: &[T], places: &[i64], to: &mut [T]) -> Result<(), i64> {
    for (t, &i) in to.iter_mut().zip(places) {
        if i as u64 >= row.len() as u64 {
            return Err(i);
        }
        *t = row[i as usize];
    }
    Ok(())
}

/// For each of neighbouring columns, the element in the row that its place names.
fn read_across<T: Copy>(from: &[T], n: usize, along: usize, places: &[i64], to: &mut [T]) -> Result<(), i64> {
    for (j, (t, &i)) in to.iter_mut().zip(places).enumerate() {
        if i as u64 >= n as u64 {
            return Err(i);
        }
        *t = from[i as usize * along + j];
    }
    Ok(())
}

/// Where an advanced index leads: every sum of one offset of each list is a run of elements.
#[derive(Debug, Default)]
pub struct Places {
    /// Offsets of the dimensions before the result's indexed ones.
    pub before: Vec<usize>,
    /// Offsets that the index tensors name together.
    pub named: Vec<usize>,
    /// Offsets of the dimensions after them, up to the run.
    pub after: Vec<usize>,
    /// How many elements in a row.
    pub run: usize,
}

impl Places {
    /// Calls `f(start in the result, start in the indexed tensor)` for each run.
    #[inline(always)]
    pub fn each(&self, mut f: impl FnMut(usize, usize)) {
        let mut at = 0;
        for b in &self.before {
            for n in &self.named {
                for a in &self.after {
                    f(at, b + n + a);
                    at += self.run;
                }
            }
        }
    }

    /// Reads all places.
    pub fn read<T: Copy>(&self, from: &[T], to: &mut [T]) {
        if self.run == 1 {
            return self.each(|i, o| to[i] = from[o]);
        }
        self.each(|i, o| to[i..i + self.run].copy_from_slice(&from[o..o + self.run]));
    }

    /// Writes all places.
    pub fn write<T: Copy>(&self, to: &mut [T], from: &[T]) {
        if self.run == 1 {
            return self.each(|i, o| to[o] = from[i]);
        }
        self.each(|i, o| to[o..o + self.run].copy_from_slice(&from[i..i + self.run]));
    }
}

/// The offsets of all elements of sizes with strides, row-major.
pub fn offsets(sizes: &[i64], strides: &[i64]) -> Vec<usize> {
    let mut out = vec![0];
    for (&n, &s) in sizes.iter().zip(strides) {
        let step = |o: usize| (0..n as usize).map(move |i| o + i * s as usize);
        out = out.into_iter().flat_map(step).collect();
    }
    out
}
