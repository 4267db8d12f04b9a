//! The tensor: a layout over a counted storage, with what autograd remembers about it.

use crate::autograd::{Node, TensorHooks, View};
use crate::dtype::{Convert, DType, Element};
use crate::error::{Error, Result};
use crate::layout::{checked_numel, Dims, Layout};
use crate::storage::Storage;
use crate::{dispatch, dispatch_compute, spares};
use num_complex::Complex;
use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::{Rc, Weak};

/// A number from outside: what a JavaScript number, bigint or boolean becomes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Scalar {
    /// Python's bool.
    Bool(bool),
    /// Python's int.
    Int(i64),
    /// Python's float.
    Float(f64),
    /// Python's complex.
    Complex(Complex<f64>),
}

impl Scalar {
    /// The dtype that `torch.tensor(scalar)` has.
    pub fn dtype(self) -> DType {
        match self {
            Scalar::Bool(_) => DType::Bool,
            Scalar::Int(_) => DType::Int64,
            Scalar::Float(_) => crate::state::default_dtype(),
            Scalar::Complex(_) => crate::state::default_dtype().to_complex(),
        }
    }

    /// Its real part.
    pub fn to_f64(self) -> f64 {
        self.to::<f64>()
    }

    /// Its value in another type, by the rules of `tensor.to`.
    pub fn to<T>(self) -> T
    where
        bool: Convert<T>,
        i64: Convert<T>,
        f64: Convert<T>,
        Complex<f64>: Convert<T>,
    {
        match self {
            Scalar::Bool(b) => b.convert(),
            Scalar::Int(i) => i.convert(),
            Scalar::Float(x) => x.convert(),
            Scalar::Complex(z) => z.convert(),
        }
    }
}

/// Tangents by level.
pub type Tangents = Option<Box<Vec<(u32, Tensor)>>>;

/// What autograd remembers about a tensor.
#[derive(Default)]
pub struct Meta {
    /// Set by the user on leaves; results carry `grad_fn` instead.
    pub requires_grad: bool,
    /// The accumulated gradient.
    pub grad: Option<Tensor>,
    /// The node that made it, and which of its outputs it is.
    pub grad_fn: Option<(Rc<Node>, usize)>,
    /// The leaf's own node, alive as long as a graph refers to it.
    pub accumulate: Weak<Node>,
    /// Whether a non-leaf keeps its gradient.
    pub retains_grad: bool,
    /// Its hooks.
    pub hooks: Option<Box<TensorHooks>>,
    /// What it is a view of, if it is one.
    pub view: Option<Box<View>>,
    /// The level of `torch.func.grad` that made a leaf; 0 for the user's own.
    pub level: u32,
    /// Its tangents, by level.
    pub tangents: Tangents,
    /// What lies behind it, if it stands for a batch.
    pub batch: Option<Rc<crate::batch::Batch>>,
}

impl Meta {
    /// Whether it is as in a new tensor.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        // Without branches: mostly all of it is true.
        !(self.requires_grad | self.retains_grad) & (self.level == 0) & self.grad.is_none() & self.grad_fn.is_none() & self.hooks.is_none()
            & self.view.is_none() & self.tangents.is_none() & self.batch.is_none() & self.accumulate.ptr_eq(&Weak::new())
    }
}

/// The shared part of a tensor.
pub struct TensorImpl {
    pub(crate) storage: Rc<Storage>,
    /// How often it was written, if not the storage counts that: for `.data`.
    pub(crate) version: Option<Rc<Cell<u32>>>,
    pub(crate) layout: Layout,
    /// What every op asks of the layout.
    pub(crate) numel: usize,
    row_major: bool,
    /// Made with a block of its own, from the first byte of which it is row-major.
    pub(crate) is_whole: bool,
    pub(crate) dtype: DType,
    /// Where it is kept when it is gone.
    pub(crate) bin: spares::Bin,
    /// Made in inference mode: autograd knows nothing of it.
    pub(crate) inference: bool,
    /// A Python number that became a tensor: it never widens the other operand's category.
    pub(crate) wrapped: bool,
    pub(crate) meta: RefCell<Meta>,
}

/// An n-dimensional array; cloning it is cloning a reference.
#[derive(Clone)]
pub struct Tensor(pub(crate) ManuallyDrop<Rc<TensorImpl>>);

impl Drop for Tensor {
    // There are ten thousand places where one goes.
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: nobody looks at it any more.
        let inner = unsafe { ManuallyDrop::take(&mut self.0) };
        if Rc::strong_count(&inner) == 1 {
            spares::give(inner);
        }
    }
}

impl std::fmt::Debug for Tensor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{:?}", self.dtype().name(), self.sizes())
    }
}

/// A counted structure whose parts are written where they stay: more than 64 bytes are moved by a call, which
/// takes as long as an op on a few elements. Every field must be named, in nested ones every field of theirs.
#[macro_export]
macro_rules! counted {
    ($t:ty { $($($field:ident).+ = $value:expr),* $(,)? }) => {{
        let mut room = std::rc::Rc::new(std::mem::MaybeUninit::<$t>::uninit());
        if let Some(inner) = std::rc::Rc::get_mut(&mut room) {
            let at = inner.as_mut_ptr();
            // SAFETY: the place is ours and nobody reads it yet.
            unsafe { $((&raw mut (*at).$($field).+).write($value);)* }
        }
        // SAFETY: it was just made, so nobody else has it, and all fields have been written; what may not yet be a
        // value lies as the value does.
        unsafe { std::rc::Rc::from_raw(std::rc::Rc::into_raw(room).cast::<$t>()) }
    }};
}

impl Tensor {
    /// Undefined elements of this number, row-major, in a block of their own.
    fn make_row_major(sizes: &[i64], numel: usize, dtype: DType) -> Result {
        if let Some(spare) = spares::take(sizes, numel, dtype) {
            return Ok(spare);
        }
        let (storage, layout) = (Self::room(numel, dtype)?, Layout::contiguous(sizes));
        Ok(Self::make(storage, None, layout, (numel, true, true), dtype, crate::state::inference_mode()))
    }

    /// The one place where tensors are made.
    #[inline]
    fn make(
        storage: Rc<Storage>, version: Option<Rc<Cell<u32>>>, layout: Layout, (numel, row_major, is_whole): (usize, bool, bool), dtype: DType,
        inference: bool,
    ) -> Tensor {
        let Layout { sizes, strides, offset } = layout;
        Self::of(crate::counted!(TensorImpl {
            storage = storage, version = version, layout.sizes = sizes, layout.strides = strides, layout.offset = offset,
            numel = numel, row_major = row_major, is_whole = is_whole, dtype = dtype, bin = Default::default(), inference = inference, wrapped = false, meta = RefCell::default()
        }))
    }

    pub(crate) fn of(inner: Rc<TensorImpl>) -> Tensor {
        Tensor(ManuallyDrop::new(inner))
    }

    /// Another view of its memory, as it is to be shared.
    fn share(&self, layout: Layout, dtype: DType) -> Tensor {
        let shape = (layout.numel(), layout.is_contiguous(), false);
        Self::make(self.0.storage.clone(), self.0.version.clone(), layout, shape, dtype, self.0.inference)
    }

    fn room(elements: usize, dtype: DType) -> Result<Rc<Storage>> {
        let bytes = elements.checked_mul(dtype.itemsize()).ok_or_else(|| Error::out_of_memory(usize::MAX, 0))?;
        Storage::new(bytes)
    }

    /// Undefined elements that lie in a block of their own as the strides say.
    pub fn empty_strided(sizes: &[i64], strides: &[i64], dtype: DType) -> Result {
        checked_numel(sizes)?;
        let layout = Layout { sizes: sizes.into(), strides: strides.into(), offset: 0 };
        let storage = Self::room(layout.extent(), dtype)?;
        let shape = (layout.numel(), layout.is_contiguous(), false);
        Ok(Self::make(storage, None, layout, shape, dtype, crate::state::inference_mode()))
    }

    /// Undefined elements, row-major.
    // Every loop calls it: inside each it would be a tenth of the module.
    #[inline(never)]
    pub fn empty(sizes: &[i64], dtype: DType) -> Result {
        let elements = match checked_numel(sizes) {
            Err(e) if sizes.iter().any(|n| *n < 0) => return Err(e),
            Err(_) => usize::MAX,
            Ok(n) => n,
        };
        if elements.checked_mul(dtype.itemsize()).is_none() {
            return Err(Error::storage_overflow(sizes));
        }
        Self::make_row_major(sizes, elements, dtype)
    }

    /// Undefined elements in the sizes and dtype of a tensor that is row-major; None without memory.
    #[inline]
    pub(crate) fn empty_alike(&self) -> Option<Tensor> {
        debug_assert!(self.is_contiguous());
        spares::take_alike(self).or_else(|| self.made_alike())
    }

    #[inline(never)]
    fn made_alike(&self) -> Option<Tensor> {
        Self::make_row_major(self.sizes(), self.numel(), self.dtype()).ok()
    }

    /// Every element the same.
    pub fn full(sizes: &[i64], value: Scalar, dtype: DType) -> Result {
        let out = Self::empty(sizes, dtype)?;
        dispatch!(dtype, T => out.data_mut::<T>().fill(value.to()));
        Ok(out)
    }

    /// Zeros.
    pub fn zeros(sizes: &[i64], dtype: DType) -> Result {
        Self::full(sizes, Scalar::Int(0), dtype)
    }

    /// A copy of `values`.
    pub fn from_slice<T: Element>(values: &[T], sizes: &[i64]) -> Result {
        let out = Self::empty(sizes, T::DTYPE)?;
        out.data_mut::<T>().copy_from_slice(values);
        Ok(out)
    }

    /// A number as a 0-dim tensor of its own dtype, weak in promotion.
    pub fn wrapped(value: Scalar) -> Result {
        // Kept in double precision: the op rounds it to its own type.
        let dtype = match value {
            Scalar::Float(_) => DType::Float64,
            Scalar::Complex(_) => DType::Complex128,
            other => other.dtype(),
        };
        let mut out = Self::empty(&[], dtype)?;
        match value {
            Scalar::Float(x) => out.data_mut::<f64>().fill(x),
            other => dispatch!(dtype, T => out.data_mut::<T>().fill(other.to())),
        }
        if let Some(inner) = Rc::get_mut(&mut out.0) {
            inner.wrapped = true;
        }
        Ok(out)
    }

    /// Another layout over the same storage and version counter.
    pub fn alias(&self, layout: Layout) -> Tensor {
        self.share(layout, self.0.dtype)
    }

    /// The same bytes as another dtype of the same or half the size (real parts of complex).
    pub fn reinterpret(&self, layout: Layout, dtype: DType) -> Tensor {
        self.share(layout, dtype)
    }

    /// The same elements without history.
    pub fn detached(&self) -> Tensor {
        if crate::state::transforming() {
            if let Some(batch) = self.batch() {
                return crate::batch::hide(batch.physical.detached(), &batch.levels);
            }
        }
        self.alias(self.0.layout.clone())
    }

    /// Sizes.
    #[inline]
    pub fn sizes(&self) -> &[i64] {
        &self.0.layout.sizes
    }

    /// Strides in elements.
    #[inline]
    pub fn strides(&self) -> &[i64] {
        &self.0.layout.strides
    }

    /// The layout.
    #[inline]
    pub fn layout(&self) -> &Layout {
        &self.0.layout
    }

    /// The element type.
    #[inline]
    pub fn dtype(&self) -> DType {
        self.0.dtype
    }

    /// The number of dimensions.
    #[inline]
    pub fn ndim(&self) -> usize {
        self.0.layout.sizes.len()
    }

    /// The number of elements.
    #[inline]
    pub fn numel(&self) -> usize {
        self.0.numel
    }

    /// Row-major from its offset.
    #[inline]
    pub fn is_contiguous(&self) -> bool {
        self.0.row_major
    }

    /// Whether both are the same object.
    #[inline]
    pub fn is(&self, other: &Tensor) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    /// Whether both share a storage.
    pub fn shares_storage(&self, other: &Tensor) -> bool {
        Rc::ptr_eq(&self.0.storage, &other.0.storage)
    }

    fn counter(&self) -> &Cell<u32> {
        self.0.version.as_deref().unwrap_or(&self.0.storage.version)
    }

    /// How often the storage was written in place.
    pub fn version(&self) -> u32 {
        self.counter().get()
    }

    /// Records a write.
    pub fn bump_version(&self) {
        if !self.0.inference {
            self.counter().set(self.counter().get().wrapping_add(1));
        }
    }

    /// `_version`, which tensors made in inference mode do not have.
    pub fn tracked_version(&self) -> Result<u32> {
        if self.0.inference {
            return Err(Error::runtime("Inference tensors do not track version counter."));
        }
        Ok(self.version())
    }

    /// Whether it was made in inference mode.
    pub fn is_inference(&self) -> bool {
        self.0.inference
    }

    /// The same memory without history, and with a count of writes of its own: `.data`.
    pub fn variable_data(&self) -> Tensor {
        let mut out = self.detached();
        if let Some(inner) = Rc::get_mut(&mut out.0) {
            inner.version = Some(Rc::default());
        }
        out
    }

    /// How many bytes the storage holds.
    pub fn storage_bytes(&self) -> usize {
        self.0.storage.bytes()
    }

    /// The address of the first element, as any type of the right size.
    pub(crate) fn first<T>(&self) -> *mut T {
        debug_assert_eq!(std::mem::size_of::<T>(), self.0.dtype.itemsize());
        self.0.storage.ptr().cast::<T>().wrapping_offset(self.0.layout.offset as isize)
    }

    /// The address of the first element in bytes.
    pub fn ptr_bytes(&self) -> *mut u8 {
        let at = self.0.layout.offset * self.dtype().itemsize() as i64;
        self.0.storage.ptr().wrapping_offset(at as isize)
    }

    /// The address of the first element.
    #[inline(always)]
    pub fn ptr<T: Element>(&self) -> *mut T {
        debug_assert_eq!(T::DTYPE.itemsize(), self.0.dtype.itemsize());
        // SAFETY: layouts are checked against the storage when they are made.
        unsafe { self.0.storage.ptr().cast::<T>().offset(self.0.layout.offset as isize) }
    }

    /// The elements of a contiguous tensor.
    #[inline]
    pub fn data<T: Element>(&self) -> &[T] {
        debug_assert!(self.is_contiguous());
        // SAFETY: contiguous, so `numel` elements follow; no `&mut` outlives a kernel call.
        unsafe { std::slice::from_raw_parts(self.ptr::<T>(), self.numel()) }
    }

    /// The elements from the first to the last that the layout reaches, and what lies between.
    pub fn reach<T: Element>(&self) -> &[T] {
        let len = self.0.layout.extent().saturating_sub(self.0.layout.offset as usize);
        // SAFETY: layouts are checked against the storage when they are made.
        unsafe { std::slice::from_raw_parts(self.ptr::<T>(), len) }
    }

    /// The elements of a contiguous tensor, to be written by the kernel that made it.
    #[allow(clippy::mut_from_ref)]
    #[inline]
    pub fn data_mut<T: Element>(&self) -> &mut [T] {
        debug_assert!(self.is_contiguous());
        // SAFETY: as in `data`; kernels run one at a time.
        unsafe { std::slice::from_raw_parts_mut(self.ptr::<T>(), self.numel()) }
    }

    /// Its values, row-major, converted to the compute type `T`.
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        crate::kernels::copy::to_vec(self)
    }

    /// The only element as a number.
    pub fn scalar(&self) -> Result<Scalar> {
        if crate::state::transforming() && self.is_batched() {
            return Err(Error::batched_item());
        }
        if self.numel() != 1 {
            return Err(Error::runtime(format!(
                "a Tensor with {} elements cannot be converted to Scalar",
                self.numel()
            )));
        }
        Ok(self.first_element())
    }

    /// The number that stands at every place, where all of them are one place in memory: a sum's gradient.
    pub(crate) fn number_everywhere(&self) -> Option<Scalar> {
        let is_one = self.sizes().iter().zip(self.strides()).all(|(n, step)| *n == 1 || *step == 0);
        (is_one && self.numel() > 0).then(|| self.first_element())
    }

    /// The first of its elements, of which there must be one.
    fn first_element(&self) -> Scalar {
        // SAFETY: there is an element at the offset.
        dispatch!(self.dtype(), T => {
            let x = unsafe { *self.ptr::<T>() };
            match self.dtype() {
                DType::Bool => Scalar::Bool(x.convert()),
                d if d.is_integral() => Scalar::Int(x.convert()),
                d if d.is_complex() => Scalar::Complex(x.convert()),
                _ => Scalar::Float(x.convert()),
            }
        })
    }

    /// A row-major copy, or itself.
    pub fn contiguous_data(&self) -> Result {
        if self.is_contiguous() { Ok(self.clone()) } else { self.copied(self.dtype()) }
    }

    /// A fresh row-major copy in another dtype, without history.
    pub fn copied(&self, dtype: DType) -> Result {
        let out = Self::empty(self.sizes(), dtype)?;
        crate::kernels::copy::copy(self, &out);
        Ok(out)
    }

    /// Row-major in `dtype`: a copy only where one is needed; without history.
    pub fn as_contiguous(&self, dtype: DType) -> Result {
        if self.dtype() == dtype { self.contiguous_data() } else { self.copied(dtype) }
    }

    /// Whether its elements are all that there is of it: nothing else holds the tensor or its storage
    /// (but a base that it alone is a view of), it has no gradient and no hook, and its history, if
    /// any, has been run backward.
    pub fn is_evacuable(&self) -> bool {
        let meta = self.0.meta.borrow();
        let owners = match &meta.view {
            None => 1,
            Some(view) if Rc::strong_count(&view.base.0) == 1 => 2,
            Some(_) => return false,
        };
        Rc::strong_count(&self.0) == 1 && Rc::strong_count(&self.0.storage) == owners
            && !self.0.wrapped && !self.0.inference && !meta.requires_grad && meta.grad.is_none()
            && meta.hooks.is_none() && meta.tangents.is_none() && meta.batch.is_none() && meta.grad_fn.as_ref().is_none_or(|(node, _)| node.is_freed())
    }

    /// A copy of sizes as a list.
    pub fn dims(&self) -> Dims {
        self.0.layout.sizes.clone()
    }

    /// Whether any element is not zero or false, for a tensor of one element.
    pub fn truth(&self) -> Result<bool> {
        if crate::state::transforming() && self.is_batched() {
            return Err(Error::batched_truth());
        }
        match self.numel() {
            1 => Ok(self.scalar()?.to()),
            0 => Err(Error::runtime("Boolean value of Tensor with no values is ambiguous")),
            _ => Err(Error::runtime(
                "Boolean value of Tensor with more than one value is ambiguous",
            )),
        }
    }

    /// Row-major values in the compute type of the dtype, for printing and `tolist`.
    pub fn for_each_value(&self, mut f: impl FnMut(Scalar)) {
        let dtype = self.dtype();
        dispatch_compute!(dtype, T => for x in self.to_vec::<T>() {
            f(match dtype {
                DType::Bool => Scalar::Bool(x.convert()),
                d if d.is_integral() => Scalar::Int(x.convert()),
                d if d.is_complex() => Scalar::Complex(x.convert()),
                _ => Scalar::Float(x.convert()),
            });
        });
    }
}
