//! Every sentence that a user can read as an error, and the Python class it is raised as.

use crate::dtype::DType;
use std::fmt::Write;

/// The result of an op: a tensor unless said otherwise.
pub type Result<T = crate::tensor::Tensor> = std::result::Result<T, Error>;

/// The Python exception that PyTorch raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `RuntimeError`
    Runtime,
    /// `IndexError`
    Index,
    /// `ValueError`
    Value,
    /// `TypeError`
    Type,
    /// `NotImplementedError`
    NotImplemented,
    /// `AssertionError`
    Assertion,
}

/// An error: one address, which every `?` hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Failure>);

/// What an error says: PyTorch's sentence first and, once it has passed the door, the call last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The class it is raised as.
    pub kind: Kind,
    /// What a user reads.
    pub message: String,
    /// Whether the line that names the call is already there.
    pub located: bool,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl std::ops::Deref for Error {
    type Target = Failure;
    fn deref(&self) -> &Failure {
        &self.0
    }
}

macro_rules! constructors {
    ($($(#[doc = $doc:literal])* $name:ident: $kind:ident;)*) => { $(
        $(#[doc = $doc])*
        #[cold]
        #[inline(never)]
        pub fn $name(message: impl Into<String>) -> Error {
            Error::new(Kind::$kind, message.into())
        }
    )* };
}

/// A number as C++ streams write it: six significant digits, an exponent where that is shorter.
pub fn general(x: f64) -> String {
    if !x.is_finite() {
        return if x.is_nan() { "nan" } else if x > 0.0 { "inf" } else { "-inf" }.to_string();
    }
    let scientific = format!("{x:.5e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |s: &str| if s.contains('.') { s.trim_end_matches('0').trim_end_matches('.').to_string() } else { s.to_string() };
    if (-4..6).contains(&exponent) {
        return trim(&format!("{x:.*}", (5 - exponent) as usize));
    }
    format!("{}e{}{:02}", trim(mantissa), if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

impl Error {
    fn new(kind: Kind, message: String) -> Error {
        Error(Box::new(Failure { kind, message, located: false }))
    }

    constructors! {
        /// A `RuntimeError`.
        runtime: Runtime;
        /// An `IndexError`.
        index: Index;
        /// A `ValueError`.
        value: Value;
        /// A `TypeError`.
        type_error: Type;
        /// A `NotImplementedError`.
        not_implemented: NotImplemented;
        /// An `AssertionError`.
        assertion: Assertion;
    }

    /// A block that the machine could not give.
    pub fn out_of_memory(asked: usize, live: usize) -> Error {
        Error::runtime(format!(
            "not enough memory: you tried to allocate {asked} bytes ({live} bytes are live)"
        ))
    }

    /// Operands that do not broadcast.
    pub fn broadcast(a: usize, b: usize, dim: usize) -> Error {
        Error::runtime(format!(
            "The size of tensor a ({a}) must match the size of tensor b ({b}) at non-singleton \
             dimension {dim}"
        ))
    }

    /// A dimension outside of `[-ndim, ndim - 1]`.
    pub fn dim_range(dim: i64, ndim: usize) -> Error {
        let n = ndim.max(1) as i64;
        Error::index(format!(
            "Dimension out of range (expected to be in range of [{}, {}], but got {dim})",
            -n,
            n - 1
        ))
    }

    /// An index outside of `[-size, size - 1]`, or of `[0, size - 1]` where none may be negative.
    pub fn out_of_bounds(kind: Kind, index: i64, dim: usize, size: i64) -> Error {
        let message = format!("index {index} is out of bounds for dimension {dim} with size {size}");
        Error::new(kind, message)
    }

    /// A dimension named of a tensor that has none.
    pub fn no_dimensions(dim: i64) -> Error {
        Error::index(format!("Dimension specified as {dim} but tensor has no dimensions"))
    }

    /// More elements than an integer can count.
    pub fn numel_overflow() -> Error {
        Error::runtime("numel: integer multiplication overflow")
    }

    /// Sizes whose bytes an integer cannot count.
    pub fn storage_overflow(sizes: &[i64]) -> Error {
        Error::runtime(format!("Storage size calculation overflowed with sizes={sizes:?}"))
    }

    /// A kernel that has no body for this dtype.
    pub fn dtype(kernel: &str, dtype: DType) -> Error {
        Error::not_implemented(format!("\"{kernel}\" not implemented for '{}'", dtype.scalar_type()))
    }

    /// A number that a dtype cannot hold.
    pub fn overflow(dtype: DType) -> Error {
        let name = match dtype {
            DType::UInt8 => "uint8_t",
            DType::Int8 => "int8_t",
            DType::Int16 => "int16_t",
            DType::Int64 => "int64_t",
            other => other.cpp_name(),
        };
        Error::runtime(format!("value cannot be converted to type {name} without overflow"))
    }

    /// A result that cannot be stored in the given type.
    pub fn cast(from: DType, to: DType) -> Error {
        Error::runtime(format!(
            "result type {} can't be cast to the desired output type {}",
            from.scalar_type(),
            to.scalar_type()
        ))
    }

    /// A number is asked of a tensor that stands for a batch.
    pub fn batched_item() -> Error {
        Error::runtime(
            "vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item() on a Tensor, \
             please try to rewrite what you're doing with other operations. If error is occurring somewhere inside PyTorch \
             internals, please file a bug report.",
        )
    }

    /// Whether such a tensor is true is asked.
    pub fn batched_truth() -> Error {
        Error::runtime(
            "vmap: It looks like you're attempting to use a Tensor in some data-dependent control flow. We don't support that \
             yet, please file an issue at https://github.com/pytorch/pytorch/issues .",
        )
    }

    /// A tensor is used outside of the vmap that made it.
    pub fn escaped_batch() -> Error {
        Error::runtime(
            "Either your tensor may have escaped from inside a function being vmapped and this is a user error (see \
             https://pytorch.org/functorch/stable/ux_limitations.html), or there is an internal functorch error in \
             `gen_vmap_plumbing` Please file an issue if it looks like the latter",
        )
    }

    /// An in-place write to a leaf that requires a gradient.
    pub fn leaf_in_place() -> Error {
        Error::runtime(
            "a leaf Variable that requires grad is being used in an in-place operation.",
        )
    }

    /// A view of such a leaf, written in place.
    pub fn leaf_view_in_place() -> Error {
        Error::runtime(
            "a view of a leaf Variable that requires grad is being used in an in-place operation.",
        )
    }

    /// A graph whose saved tensors are gone.
    pub fn freed_graph() -> Error {
        Error::runtime(
            "Trying to backward through the graph a second time (or directly access saved tensors \
             after they have already been freed). Saved intermediate values of the graph are freed \
             when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to \
             backward through the graph a second time or if you need to access saved tensors after \
             calling backward.",
        )
    }

    /// A saved tensor that was written after it was saved.
    pub fn modified(what: &str, name: Option<(&str, usize)>, now: u32, saved: u32, traced: bool) -> Error {
        let origin = name.map_or(String::new(), |(n, i)| format!(", which is output {i} of {n},"));
        let hint = if traced {
            "the backtrace further above shows the operation that failed to compute its gradient. The variable in \
             question was changed in there or anywhere later. Good luck!"
        } else {
            "enable anomaly detection to find the operation that failed to compute its gradient, with \
             torch.autograd.set_detect_anomaly(True, check_nan=False)."
        };
        Error::runtime(format!(
            "one of the variables needed for gradient computation has been modified by an inplace \
             operation: [{what}]{origin} is at version {now}; expected version {saved} instead. Hint: {hint}"
        ))
    }

    /// A tensor made in inference mode that a formula would need.
    pub fn saved_inference() -> Error {
        Error::runtime(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in \
             computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it \
             in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`.",
        )
    }

    /// Such a tensor, written outside of inference mode.
    pub fn inference_in_place() -> Error {
        Error::runtime(
            "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal \
             tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details.",
        )
    }

    /// `backward()` on something that is not a scalar.
    pub fn not_scalar() -> Error {
        Error::runtime("grad can be implicitly created only for scalar outputs")
    }

    /// `backward()` from a tensor that has no history.
    pub fn no_grad_fn(index: usize) -> Error {
        Error::runtime(format!(
            "element {index} of tensors does not require grad and does not have a grad_fn"
        ))
    }

    /// An input of `autograd.grad` that the outputs do not depend on.
    pub fn unused_input(index: usize) -> Error {
        Error::runtime(format!(
            "The differentiated Tensor at index {index} appears to not have been used in the graph. Set \
             allow_unused=True if this is the desired behavior."
        ))
    }

    /// Names the call that failed, once.
    pub fn located(mut self, call: impl FnOnce() -> String) -> Error {
        if !self.located {
            let _ = write!(self.0.message, "\nin {}", call());
            self.0.located = true;
        }
        self
    }

    /// The same with other words in its sentence.
    pub fn reworded(mut self, words: &str, others: &str) -> Error {
        self.0.message = self.message.replacen(words, others, 1);
        self
    }
}
