//! The op table: one entry gives name, doc, signature, forward and backward; the rest follows.
//!
//! An entry reads
//!
//! ```text
//! /// Natural logarithm of `1 + input`.
//! fn log1p(input: Tensor) [inplace] eval { map_float(...) }
//!     d input = |g, input| g.div(input.add(1.0, 1.0));
//! ```
//!
//! `eval` records a node, `view` also makes the result a view of the first input, `compose` is
//! written in other ops and needs no rule. A literal after the name is the public name where that
//! is not the Rust one (`fn max_dim "max"`, `fn erf_inv "special.erfinv"`); entries with the same
//! public name are overloads, tried in order. `-> (values, indices)` names several results. The
//! words after `g` are what the rule needs: a tensor named there is saved (only if this input needs
//! a gradient), a parameter comes typed as declared, `out` is the first result, `sizes` the sizes
//! of the input being differentiated, `turned` whether that is a matrix of adjacent columns.
//!
//! Gradients that share their work may have a joint formula beside those of their own, last:
//!
//! ```text
//!     joint (query, key, value) = |g, wanted, query, key, value| all_at_once(...);
//! ```
//!
//! `wanted` tells, in the order of the names in front, which of the gradients are needed; the formula
//! gives one for each, `None` where it was not asked, or none at all (`Ok(None)`) where it does not
//! apply. It works on plain data: the engine runs it where gradients are not recorded and more than
//! one is needed, and the single formulas otherwise, which can always be called one by one.
//!
//! A shorter way for plain float32 tensors, which must give the same, may stand between the body of an
//! entry and its formulas, `quick (quick_zip!(|x, y| x + y))`: see `ops/quick.rs`.
//!
//! Every entry with rules is checked against differences, twice, by `tests/gradcheck.rs`, on default
//! arguments that its types suggest. An entry that needs others gets a row, `("narrow", "x(2,5), 1,
//! 1, 3")`, in its family's file of `tests/samples`, whose `mod.rs` describes how rows are written.

use crate::autograd::Kept;
use crate::error::Result;
use crate::layout::{Dims, Layout};
use crate::ops::quick::Quick;
use crate::tensor::Tensor;
use crate::value::Value;
use smallvec::SmallVec;

/// One parameter of a signature. `Tensor` takes tensors only; `Operand` and `AsTensor` are tensors
/// too, and tell the facade where a number may stand instead.
#[derive(Debug)]
pub struct Param {
    /// PyTorch's name.
    pub name: &'static str,
    /// The Rust type, from which the TypeScript type follows.
    pub ty: &'static str,
    /// The default, as JavaScript; `None` when the argument is required.
    pub default: Option<&'static str>,
    /// Only by name.
    pub keyword: bool,
}

/// The gradients of a node's inputs.
pub type Grads = SmallVec<[Option<Tensor>; 2]>;

/// What a formula can name besides the parameters, and the numbers of all of them.
pub mod saves {
    /// Numbers below are parameters.
    pub const FIRST: u8 = 250;
    /// The first output.
    pub const OUT: u8 = 250;
    /// All outputs.
    pub const OUTS: u8 = 251;
    /// The layout of the first tensor.
    pub const LAYOUT: u8 = 252;
    /// Whether the tensor differentiated is a matrix of adjacent columns.
    pub const TURNED: u8 = 253;
    /// Sizes, list sizes, gradients of all outputs: always at hand.
    pub const FREE: u8 = 254;

    const fn same(a: &str, b: &str) -> bool {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        if a.len() != b.len() {
            return false;
        }
        let mut i = 0;
        while i < a.len() {
            if a[i] != b[i] {
                return false;
            }
            i += 1;
        }
        true
    }

    /// A parameter's name without the mark that lets Rust take a word of its own, `r#unsafe`.
    pub const fn spelled(word: &'static str) -> &'static str {
        match word.as_bytes() {
            [b'r', b'#', ..] => word.split_at(2).1,
            _ => word,
        }
    }

    /// The number of a word after the gradient in a formula, found when the table is compiled.
    pub const fn slot(params: &[&str], word: &str) -> u8 {
        let mut i = 0;
        while i < params.len() {
            if same(params[i], word) {
                return i as u8;
            }
            i += 1;
        }
        if same(word, "out") {
            OUT
        } else if same(word, "outs") {
            OUTS
        } else if same(word, "layout") {
            LAYOUT
        } else if same(word, "turned") {
            TURNED
        } else {
            FREE
        }
    }
}

/// How an op's body is treated by the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Recorded as one node.
    Eval,
    /// Recorded as one node; the result shares the first input's storage.
    View,
    /// A view's other form: recorded as one node; the result is a copy.
    Copy,
    /// Written in other ops, which are recorded instead.
    Compose,
}

/// One backward formula.
pub struct Rule {
    /// The parameter whose gradient it gives.
    pub wrt: usize,
    /// What it needs.
    pub saves: &'static [u8],
    /// The formula.
    pub run: fn(&Tensor, &Kept) -> Result<Grads>,
}

/// A backward formula for several inputs at once, of what is not differentiated again.
pub struct Joint {
    /// The parameters whose gradients it gives.
    pub wrt: &'static [usize],
    /// What it needs.
    pub saves: &'static [u8],
    /// The formula; it is told which gradients are needed.
    pub run: fn(&Tensor, &[bool], &Kept) -> Result<Option<Grads>>,
}

/// One entry of the table.
pub struct Op {
    /// The name in Rust, which tells overloads apart.
    pub id: &'static str,
    /// PyTorch's public name, with its namespace; entries that share one are its overloads.
    pub name: &'static str,
    /// First line of the docs and what follows; empty in WebAssembly, where nobody reads it.
    pub doc: &'static str,
    /// The signature.
    pub params: &'static [Param],
    /// The names of several results, or one of `bool`, `number`, `list`, `none` where the result
    /// is not a tensor; `tensors` where the arguments tell whether there is one or several.
    pub returns: &'static [&'static str],
    /// What stands in brackets: `inplace` (also as `name_`), `method` or `function` (only so),
    /// `create` (takes `requires_grad`), `copy` (a view that has a form of its own that copies),
    /// `first` (of several results only the first has a gradient), `writes` (in place it writes its
    /// first argument itself), `resizes` (in place it may give its first argument other sizes), `exact_out` and `input_out` (`out` must have the dtype of the result,
    /// or of the input), `apart` (`out` may share no memory with the inputs), `hidden` (for other
    /// entries only), the class name of the node where it does not follow from the name
    /// (`NotImplemented`: it cannot be differentiated), in parentheses the one it has in place, and aliases as
    /// string literals.
    pub marks: &'static [&'static str],
    /// How the door treats it.
    pub how: How,
    /// The forward.
    pub eval: fn(&[Value]) -> Result<Value>,
    /// The forward of few numbers.
    pub quick: Option<Quick>,
    /// The backward, one rule for each differentiable input.
    pub rules: &'static [Rule],
    /// The formula that stands for several of them, where there is one.
    pub joint: Option<Joint>,
    /// The form of a view that copies, as `permute_copy`; in the table where the view is marked `copy`.
    pub copy: Option<&'static Op>,
}

impl Op {
    /// Runs the body; autograd knows nothing of it.
    #[inline]
    pub(crate) fn evaluate(&self, args: &[Value]) -> Result<Value> {
        match self.quick.and_then(|quick| quick.run(args)) {
            Some(out) => Ok(Value::Tensor(out)),
            None => (self.eval)(args),
        }
    }

    /// Other public names of the same op.
    pub fn aliases(&self) -> impl Iterator<Item = &'static str> {
        self.marks.iter().filter_map(|m| m.strip_prefix('"')?.strip_suffix('"'))
    }

    /// The class name of its node: a mark that names one, or the op's name in capitals.
    pub fn node_name(&self, in_place: bool) -> String {
        if let Some(name) = self.marks.iter().filter(|_| in_place).find_map(|m| m.strip_prefix('(')?.strip_suffix(')')) {
            return name.to_string();
        }
        let named = |m: &&&str| m.contains("Backward") && !m.starts_with('(') || matches!(**m, "CopySlices" | "NotImplemented");
        let suffix = if self.how == How::Copy { "_copy" } else { "" };
        if let Some(name) = self.marks.iter().find(named) {
            return (*name).to_string() + suffix;
        }
        let mut out = String::new();
        // A letter after a digit counts as the start of a word: `log1p` is `Log1P`.
        let mut start = true;
        let name = self.name.strip_prefix("nn.functional.").unwrap_or(self.name);
        for c in name.strip_suffix(suffix).unwrap_or(name).chars() {
            if c.is_ascii_alphabetic() && start {
                out.push(c.to_ascii_uppercase());
            } else if c.is_ascii_alphanumeric() {
                out.push(c);
            }
            start = !c.is_ascii_alphabetic();
        }
        out + "Backward0" + suffix
    }

    /// Whether the entry carries this mark.
    pub fn is(&self, mark: &str) -> bool {
        self.marks.contains(&mark)
    }
}

/// What a formula may name besides the parameters.
pub trait Beside<'a> {
    /// Where it comes from.
    fn kept(&self) -> &Kept<'a>;
    /// The first output.
    fn out(&self) -> Result {
        self.kept().out(0)
    }
    /// All outputs.
    fn outs(&self) -> Result<Vec<Tensor>> {
        self.kept().outs()
    }
    /// The sizes of the input differentiated.
    fn sizes(&self) -> Result<Dims> {
        Ok(self.kept().sizes.clone())
    }
    /// The layout of the first tensor.
    fn layout(&self) -> Result<Layout> {
        self.kept().layout()
    }
    /// Whether the input differentiated is a matrix of adjacent columns.
    fn turned(&self) -> Result<bool> {
        Ok(self.kept().turned())
    }
    /// The sizes of the tensors in a list.
    fn lists(&self) -> Result<Vec<Dims>> {
        Ok(self.kept().lists().to_vec())
    }
    /// The gradients of all outputs.
    fn grads(&self) -> Result<Vec<Option<Tensor>>> {
        Ok(self.kept().grads.to_vec())
    }
}

/// What a body may return.
pub trait IntoValue {
    /// It as a value.
    fn into_value(self) -> Value;
}
impl IntoValue for Value {
    fn into_value(self) -> Value {
        self
    }
}
impl IntoValue for Tensor {
    fn into_value(self) -> Value {
        Value::Tensor(self)
    }
}
impl IntoValue for Vec<Tensor> {
    fn into_value(self) -> Value {
        Value::Tensors(self.into_iter().map(Some).collect())
    }
}
impl IntoValue for bool {
    fn into_value(self) -> Value {
        Value::Scalar(crate::tensor::Scalar::Bool(self))
    }
}
impl IntoValue for crate::tensor::Scalar {
    fn into_value(self) -> Value {
        Value::Scalar(self)
    }
}

/// What a backward formula may return.
pub trait IntoGrads {
    /// One gradient for each tensor of the parameter.
    fn into_grads(self) -> Result<Grads>;
}
impl IntoGrads for Result {
    fn into_grads(self) -> Result<Grads> {
        self.map(|t| Grads::from_elem(Some(t), 1))
    }
}
impl IntoGrads for Result<Option<Tensor>> {
    fn into_grads(self) -> Result<Grads> {
        self.map(|t| Grads::from_elem(t, 1))
    }
}
impl IntoGrads for Result<Vec<Tensor>> {
    fn into_grads(self) -> Result<Grads> {
        self.map(|list| list.into_iter().map(Some).collect())
    }
}

/// Declares entries of the table; see the module.
#[macro_export]
macro_rules! ops {
    ($table:ident, $tr:ident; $(
        $(#[doc = $doc:literal])*
        fn $name:ident $($path:literal)? ($($sig:tt)*) $(-> ($($result:ident),+))? [$($mark:tt),*] $how:ident $body:block
        $(quick ($quick:expr))?
        $(d $wrt:ident = |$g:ident $(, $keep:ident)*| $rule:expr),*
        $(, joint ($($of:ident),+) = |$jg:ident, $wanted:ident $(, $jkeep:ident)*| $joint:expr)?
    ;)*) => {
        $(#[allow(non_snake_case)] mod $name {
            #[allow(unused_imports)] use super::*;
            $crate::ops!(@args ($($sig)*));
            const PLAIN: $crate::table::Op = $crate::table::Op {
                id: stringify!($name),
                name: $crate::ops!(@name $name $($path)?),
                doc: if cfg!(target_family = "wasm") { "" } else { concat!($($doc, "\n"),*) },
                params: $crate::ops!(@params ($($sig)*)),
                returns: &[$($(stringify!($result)),+)?],
                marks: &[$(stringify!($mark)),*],
                how: $crate::ops!(@how $how),
                eval: |v| { $crate::ops!(@bind v ($($sig)*)); Ok($crate::table::IntoValue::into_value($body?)) },
                copy: None,
                quick: $crate::ops!(@quick $($quick)?),
                rules: &[$($crate::table::Rule {
                    wrt: Ix::$wrt as usize,
                    saves: &[$($crate::table::saves::slot(NAMES, stringify!($keep))),*],
                    run: |$g, kept| {
                        #[allow(unused_imports)] use $crate::table::Beside;
                        let args = Args(kept, $crate::value::arguments(kept.values)?);
                        $(let $keep = args.$keep()?;)*
                        let _ = &args;
                        $crate::table::IntoGrads::into_grads($rule)
                    },
                }),*],
                joint: $crate::ops!(@joint $(($($of),+) |$jg, $wanted $(, $jkeep)*| $joint)?),
            };
            $crate::ops!(@statics $how ($name $($path)?) [$($mark),*]);
        })*
        /// The entries of this file.
        pub static $table: &[&$crate::table::Op] = &[$(&$name::OP),*];
        /// The entries of this file as methods.
        #[allow(non_snake_case)]
        pub trait $tr: $crate::value::Receiver { $($crate::ops!{@method $name ($($sig)*) [$($doc)*]})* }
        impl $tr for $crate::tensor::Tensor {}
        impl $tr for $crate::error::Result {}
    };
    (@statics view ($name:ident $($path:literal)?) [$($mark:tt),*]) => {
        pub static OP: $crate::table::Op = $crate::table::Op { copy: Some(&COPY), ..PLAIN };
        static COPY: $crate::table::Op = $crate::table::Op {
            name: concat!($crate::ops!(@name $name $($path)?), "_copy"),
            id: concat!(stringify!($name), "_copy"),
            marks: &["function", $($crate::ops!(@class $mark)),*],
            how: $crate::table::How::Copy,
            ..PLAIN
        };
    };
    (@statics $how:ident ($($name:tt)*) [$($mark:tt),*]) => { pub static OP: $crate::table::Op = PLAIN; };
    // Of a view's marks its other form has only the class name.
    (@class hidden) => { "" };
    (@class method) => { "" };
    (@class inplace) => { "" };
    (@class copy) => { "" };
    (@class $mark:literal) => { "" };
    (@class ($($in_place:tt)*)) => { "" };
    (@class $mark:ident) => { stringify!($mark) };
    (@quick) => { None };
    (@quick $quick:expr) => { Some($quick) };
    (@joint) => { None };
    (@joint ($($of:ident),+) |$g:ident, $wanted:ident $(, $keep:ident)*| $rule:expr) => {
        Some($crate::table::Joint {
            wrt: &[$(Ix::$of as usize),+],
            saves: &[$($crate::table::saves::slot(NAMES, stringify!($keep))),*],
            run: |$g, $wanted, kept| {
                #[allow(unused_imports)] use $crate::table::Beside;
                let args = Args(kept, $crate::value::arguments(kept.values)?);
                $(let $keep = args.$keep()?;)*
                let _ = &args;
                Ok(Option::map($rule?, $crate::table::Grads::from_iter))
            },
        })
    };
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $path:literal) => { $path };
    (@how eval) => { $crate::table::How::Eval };
    (@how view) => { $crate::table::How::View };
    (@how compose) => { $crate::table::How::Compose };
    (@args ($($arg:ident: $ty:ty $(= $def:literal)?),* $(; $($kw:ident: $kty:ty = $kdef:literal),*)?)) => {
        #[allow(non_camel_case_types, dead_code, clippy::upper_case_acronyms)]
        enum Ix { $($arg,)* $($($kw,)*)? }
        #[allow(dead_code)]
        const NAMES: &[&str] = &[$(stringify!($arg),)* $($(stringify!($kw),)*)?];
        struct Args<'a>(&'a $crate::autograd::Kept<'a>, &'a [$crate::value::Value; NAMES.len()]);
        impl<'a> $crate::table::Beside<'a> for Args<'a> {
            fn kept(&self) -> &$crate::autograd::Kept<'a> { self.0 }
        }
        #[allow(dead_code)]
        impl Args<'_> {
            $(fn $arg(&self) -> Result<$ty> {
                $crate::value::FromValue::from_value(&self.1[Ix::$arg as usize]) })*
            $($(fn $kw(&self) -> Result<$kty> {
                $crate::value::FromValue::from_value(&self.1[Ix::$kw as usize]) })*)?
        }
    };
    (@params ($($arg:ident: $ty:ty $(= $def:literal)?),* $(; $($kw:ident: $kty:ty = $kdef:literal),*)?)) => { &[
        $($crate::table::Param { name: $crate::table::saves::spelled(stringify!($arg)), ty: stringify!($ty),
            default: $crate::ops!(@opt $($def)?), keyword: false },)*
        $($($crate::table::Param { name: $crate::table::saves::spelled(stringify!($kw)), ty: stringify!($kty),
            default: Some($kdef), keyword: true },)*)?
    ] };
    (@opt) => { None };
    (@opt $d:literal) => { Some($d) };
    (@bind $v:ident ($($arg:ident: $ty:ty $(= $def:literal)?),* $(; $($kw:ident: $kty:ty = $kdef:literal),*)?)) => {
        let $v: &[_; NAMES.len()] = $crate::value::arguments($v)?;
        $(let $arg: $ty = $crate::value::FromValue::from_value(&$v[Ix::$arg as usize])?;)*
        $($(let $kw: $kty = $crate::value::FromValue::from_value(&$v[Ix::$kw as usize])?;
            let _ = &$kw;)*)?
    };
    (@method $name:ident ($first:ident: Tensor $(, $arg:ident: $ty:ty $(= $def:literal)?)*
        $(; $($kw:ident: $kty:ty = $kdef:literal),*)?) [$($doc:literal)*]) => {
        $(#[doc = $doc])*
        #[inline(never)]
        fn $name(&self $(, $arg: impl $crate::value::Arg)* $($(, $kw: impl $crate::value::Arg)*)?)
            -> Result {
            $crate::value::given($crate::autograd::call(&$name::OP,
                &[self.value()? $(, $arg.arg()?)* $($(, $kw.arg()?)*)?]))
        }
    };
    (@method $name:ident ($first:ident: Operand $($rest:tt)*) [$($doc:literal)*]) => {
        $crate::ops!{@method $name ($first: Tensor $($rest)*) [$($doc)*]}
    };
    (@method $name:ident ($first:ident: AsTensor $($rest:tt)*) [$($doc:literal)*]) => {
        $crate::ops!{@method $name ($first: Tensor $($rest)*) [$($doc)*]}
    };
    // Entries that do not start with a tensor are no methods.
    (@method $name:ident ($($sig:tt)*) [$($doc:literal)*]) => {};
}

/// A number that changes when the signatures do (FNV-1a).
pub fn hash() -> u32 {
    let mut h: u32 = 0x811c_9dc5;
    let mut eat = |s: &str| {
        for b in s.bytes().chain([0]) {
            h = (h ^ u32::from(b)).wrapping_mul(0x0100_0193);
        }
    };
    for op in crate::ops::all() {
        eat(op.name);
        op.marks.iter().chain(op.returns).for_each(|m| eat(m));
        for p in op.params {
            eat(p.name);
            eat(p.ty);
            eat(p.default.unwrap_or("-"));
        }
    }
    h
}
