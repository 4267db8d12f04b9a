//! Sizes and strides: a list of integers that is copied in a few instructions while it is short.
//!
//! Every op makes and copies several of these. `SmallVec` clones element by element, which was a
//! quarter of the time of an op on a few elements.

use std::ops::{Deref, DerefMut};

/// How many integers live without an allocation.
const INLINE: usize = 5;

/// A short list of sizes or strides; up to five live without an allocation.
pub struct Dims {
    /// All of them, once there are too many.
    many: Option<Box<Vec<i64>>>,
    len: usize,
    few: [i64; INLINE],
}

/// A list of these integers, or of one of them repeated: `dims![2, 3]`, `dims![1; n]`.
macro_rules! dims {
    ($value:expr; $n:expr) => { $crate::layout::Dims::from_elem($value, $n) };
    ($($value:expr),*) => { $crate::layout::Dims::from([$($value),*]) };
}

impl Dims {
    /// None.
    #[inline]
    pub const fn new() -> Dims {
        Dims { many: None, len: 0, few: [0; INLINE] }
    }

    /// None, with room for `n`.
    pub fn with_capacity(n: usize) -> Dims {
        let many = if n > INLINE { Some(Box::new(Vec::with_capacity(n))) } else { None };
        Dims { many, ..Dims::new() }
    }

    /// The same `n` times.
    #[inline]
    pub fn from_elem(value: i64, n: usize) -> Dims {
        if n <= INLINE {
            return Dims { many: None, len: n, few: [value; INLINE] };
        }
        vec![value; n].into()
    }

    /// A copy of a slice.
    #[inline]
    pub fn from_slice(list: &[i64]) -> Dims {
        if list.len() > INLINE {
            return list.to_vec().into();
        }
        let mut out = Dims { len: list.len(), ..Dims::new() };
        // A loop: a block copy of unknown length is a call.
        for (to, from) in out.few.iter_mut().zip(list) {
            *to = *from;
        }
        out
    }

    /// The list as a slice.
    #[inline]
    pub fn as_slice(&self) -> &[i64] {
        match &self.many {
            Some(many) => many,
            None => &self.few[..self.len.min(INLINE)],
        }
    }

    /// The list as a slice to write to.
    #[inline]
    pub fn as_mut_slice(&mut self) -> &mut [i64] {
        match &mut self.many {
            Some(many) => many,
            None => &mut self.few[..self.len.min(INLINE)],
        }
    }

    /// The list as a vector.
    fn spill(&mut self) -> &mut Vec<i64> {
        let few = &self.few[..self.len.min(INLINE)];
        self.many.get_or_insert_with(|| Box::new(few.to_vec()))
    }

    /// Adds one at the end.
    #[inline]
    pub fn push(&mut self, value: i64) {
        if self.many.is_none() && self.len < INLINE {
            self.few[self.len] = value;
            self.len += 1;
        } else {
            self.spill().push(value);
        }
    }

    /// Adds one before the `at`th.
    pub fn insert(&mut self, at: usize, value: i64) {
        self.push(value);
        self.as_mut_slice()[at..].rotate_right(1);
    }

    /// Takes the last away.
    pub fn pop(&mut self) -> Option<i64> {
        let last = self.last().copied()?;
        self.truncate(self.len() - 1);
        Some(last)
    }

    /// Takes the `at`th away.
    pub fn remove(&mut self, at: usize) -> i64 {
        let value = self[at];
        self.as_mut_slice()[at..].rotate_left(1);
        self.truncate(self.len() - 1);
        value
    }

    /// Keeps the first `n`.
    pub fn truncate(&mut self, n: usize) {
        match &mut self.many {
            Some(many) => many.truncate(n),
            None => self.len = self.len.min(n),
        }
    }

    /// Makes it `n` long.
    pub fn resize(&mut self, n: usize, value: i64) {
        self.truncate(n);
        while self.len() < n {
            self.push(value);
        }
    }

    /// Adds the elements of a slice.
    pub fn extend_from_slice(&mut self, list: &[i64]) {
        self.extend(list.iter().copied());
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        *self = Dims::new();
    }
}

impl Default for Dims {
    fn default() -> Self {
        Dims::new()
    }
}

impl Clone for Dims {
    #[inline]
    fn clone(&self) -> Self {
        Dims { many: self.many.clone(), len: self.len, few: self.few }
    }
}

impl Deref for Dims {
    type Target = [i64];
    #[inline]
    fn deref(&self) -> &[i64] {
        self.as_slice()
    }
}

impl DerefMut for Dims {
    #[inline]
    fn deref_mut(&mut self) -> &mut [i64] {
        self.as_mut_slice()
    }
}

impl AsRef<[i64]> for Dims {
    fn as_ref(&self) -> &[i64] {
        self
    }
}

impl std::fmt::Debug for Dims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.as_slice().fmt(f)
    }
}

impl PartialEq for Dims {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Dims {}

impl From<&[i64]> for Dims {
    #[inline]
    fn from(list: &[i64]) -> Self {
        Dims::from_slice(list)
    }
}

impl<const N: usize> From<[i64; N]> for Dims {
    #[inline]
    fn from(list: [i64; N]) -> Self {
        Dims::from_slice(&list)
    }
}

impl From<Vec<i64>> for Dims {
    fn from(list: Vec<i64>) -> Self {
        if list.len() <= INLINE { Dims::from_slice(&list) } else { Dims { many: Some(Box::new(list)), ..Dims::new() } }
    }
}

impl Extend<i64> for Dims {
    #[inline]
    fn extend<I: IntoIterator<Item = i64>>(&mut self, list: I) {
        for value in list {
            self.push(value);
        }
    }
}

impl FromIterator<i64> for Dims {
    #[inline]
    fn from_iter<I: IntoIterator<Item = i64>>(list: I) -> Self {
        let mut out = Dims::new();
        out.extend(list);
        out
    }
}

impl<'a> IntoIterator for &'a Dims {
    type Item = &'a i64;
    type IntoIter = std::slice::Iter<'a, i64>;
    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Dims {
    type Item = &'a mut i64;
    type IntoIter = std::slice::IterMut<'a, i64>;
    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

/// The elements of a list, one by one.
pub struct IntoIter {
    list: Dims,
    at: usize,
}

impl Iterator for IntoIter {
    type Item = i64;
    #[inline]
    fn next(&mut self) -> Option<i64> {
        let value = self.list.get(self.at).copied();
        self.at += 1;
        value
    }
}

impl IntoIterator for Dims {
    type Item = i64;
    type IntoIter = IntoIter;
    #[inline]
    fn into_iter(self) -> IntoIter {
        IntoIter { list: self, at: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::Dims;

    /// Does the same to a list and to a vector, below, at and above the inline length.
    #[test]
    fn as_a_vector() {
        for n in 0..9usize {
            let plain: Vec<i64> = (0..n as i64).collect();
            let mut list: Dims = plain.iter().copied().collect();
            let mut vector = plain.clone();
            assert_eq!(list.as_slice(), vector);
            list.insert(n / 2, 70);
            vector.insert(n / 2, 70);
            assert_eq!(list.as_slice(), vector);
            list.push(71);
            vector.push(71);
            assert_eq!((list.remove(n / 3), list.as_slice()), (vector.remove(n / 3), vector.as_slice()));
            assert_eq!((list.pop(), list.as_slice()), (vector.pop(), vector.as_slice()));
            list.resize(6, 5);
            vector.resize(6, 5);
            assert_eq!(list.clone().as_slice(), vector);
            assert_eq!(list.into_iter().collect::<Vec<_>>(), vector);
            assert_eq!((Dims::from(plain.clone()), Dims::from_elem(3, n).len()), (Dims::from_slice(&plain), n));
        }
    }
}
