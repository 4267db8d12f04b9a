//! Sample arguments for every entry of the table, written as calls: `"x(2,3), [0], keepdim=true"`.
//!
//! A family's file holds rows `(id, arguments)`, the id being the entry's name in Rust; entries
//! without rows get default ones by the types of their parameters, from the domain in `DOMAINS`.
//! Arguments: numbers, `true`, `none`, `'words'`, dtypes, lists, and tensors that need a gradient:
//!
//! - `x(2,3)` away from zero, one half, one and so on; `pos(..)` above zero, `big(..)` above one,
//!   `unit(..)` in (-1, 1), `prob(..)` in (0, 1), `spd(3)` symmetric and positive definite, `tril(3)` its lower half;
//! - without a gradient: `const(2,3)`, `const_pos(2,3)` and so on, `int(2,3; 5)` below five, `bool(2,3)`;
//! - with given elements: `values[1.5, 2]` and, without a gradient, `long[[0, 1]]`, `pivots[1, 2]`, `mask[true]`.

// Each test that shares the samples uses a part of what is here.
#![allow(dead_code)]

mod activation;
mod arith;
mod create;
mod domains;
mod fft;
mod index;
mod join;
mod linalg;
mod linear;
mod nn;
mod reduce;
mod unary;
mod views;

use cresset_core::dtype::DType;
use cresset_core::layout::Dims;
use cresset_core::table::{How, Op};
use cresset_core::tensor::{Scalar, Tensor};
use cresset_core::value::Value;
use num_complex::Complex;

/// A family's rows.
pub type Rows = &'static [(&'static str, &'static str)];

const FAMILIES: &[Rows] = &[
    arith::ROWS, unary::ROWS, reduce::ROWS, views::ROWS, join::ROWS, linear::ROWS, create::ROWS, activation::ROWS,
    nn::ROWS, index::ROWS, fft::ROWS, linalg::ROWS,
];

/// What is known not to hold: id, what (`complex`, `second order`, `strides`, `in place`), why.
pub const EXCEPTIONS: &[(&str, &str, &str)] = domains::EXCEPTIONS;

/// What a matrix is, whatever a difference does to it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Equal to its conjugate transpose.
    Symmetric,
    /// Zero above the diagonal.
    Lower,
}

/// One call of an entry.
pub struct Sample {
    /// As it is written.
    pub text: String,
    /// Its arguments, all of them.
    pub args: Vec<Value>,
    /// Which of its tensors are symmetric or lower triangular, whatever a difference does to them.
    pub shaped: Vec<(usize, Shape)>,
    /// Whether somebody wrote it for this entry, so that it must run.
    pub meant: bool,
}

/// The arguments with their tensors replaced, in order.
pub fn with_tensors(args: &[Value], tensors: &[Tensor]) -> Vec<Value> {
    let mut next = tensors.iter().cloned();
    args.iter()
        .map(|v| match v {
            Value::Tensor(_) => next.next().map_or(Value::None, Value::Tensor),
            Value::Tensors(list) => Value::Tensors(list.iter().map(|t| t.as_ref().and_then(|_| next.next())).collect()),
            other => other.clone(),
        })
        .collect()
}

/// The tensors among arguments, in order.
pub fn tensors_of(args: &[Value]) -> Vec<Tensor> {
    args.iter().flat_map(Value::tensors).cloned().collect()
}

impl Sample {
    /// Its tensors, moved, with the symmetry that they must have.
    pub fn shape(&self, list: &[Tensor]) -> cresset_core::error::Result<Vec<Tensor>> {
        use cresset_core::ops::prelude::*;
        let mut list = list.to_vec();
        for &(i, shape) in &self.shaped {
            list[i] = match shape {
                Shape::Symmetric => list[i].add(list[i].transpose(-2i64, -1i64).conj(), 1i64)?.mul(0.5)?,
                Shape::Lower => list[i].tril(0i64)?,
            };
        }
        Ok(list)
    }
}

/// The samples of an entry in a dtype: those written for it, or what its types suggest.
pub fn of(op: &Op, dtype: DType) -> Parsed<Vec<Sample>> {
    // The form of a view that copies takes what the view takes.
    let id = if op.how == How::Copy { op.id.trim_end_matches("_copy") } else { op.id };
    let rows: Vec<&str> = FAMILIES.iter().flat_map(|f| f.iter()).filter(|r| r.0 == id).map(|r| r.1).collect();
    let meant = !rows.is_empty();
    let texts: Vec<String> = if meant { rows.iter().map(ToString::to_string).collect() } else { defaults(op) };
    texts
        .into_iter()
        .map(|text| {
            let mut parser = Parser { text: text.as_bytes(), at: 0, seed: 1, dtype, tensors: 0, shaped: Vec::new() };
            let args = parser.arguments(op);
            let shaped = parser.shaped;
            let args = args.map_err(|e| format!("{}({text}): {e}", op.id))?;
            Ok(Sample { text, args, shaped, meant })
        })
        .collect()
}

fn is_tensor(ty: &str) -> bool {
    matches!(ty, "Tensor" | "Operand" | "AsTensor")
}

/// Calls that fit the types: one tensor, or several that broadcast. Parts of other entries have
/// none: they are checked where those are differentiated twice.
fn defaults(op: &Op) -> Vec<String> {
    if op.is("hidden") {
        return Vec::new();
    }
    let kind = domains::DOMAINS.iter().find(|d| d.0 == op.id).map_or("x", |d| d.1);
    let required: Vec<_> = op.params.iter().filter(|p| p.default.is_none()).collect();
    let tensors = required.iter().filter(|p| is_tensor(p.ty)).count();
    let shapes: &[&[&str]] = match tensors {
        0 | 1 => &[&["2,3"], &[""], &["2,2,2"], &["3"]],
        2 => &[&["2,3", "2,3"], &["2,3", "3"], &["2,1", "3"], &["", "2"], &["3,3", "3,3"], &["3", "3"]],
        _ => &[&["2,3", "2,3", "2,3"], &["2,1", "3", ""], &["3,3", "3,3", "3,3"], &["3", "3", "3"]],
    };
    let write = |shape: &&[&str]| {
        let (mut tensor, mut dim) = (0, 0);
        let args: Vec<String> = required
            .iter()
            .map(|p| match p.ty {
                ty if is_tensor(ty) => {
                    tensor += 1;
                    format!("{kind}({})", shape[(tensor - 1).min(shape.len() - 1)])
                }
                "i64" => {
                    dim += 1;
                    (dim - 1).to_string()
                }
                "Dims" | "Option<Dims>" | "Option < Dims >" => "[0]".into(),
                "Vec<Tensor>" | "Vec < Tensor >" => format!("[{kind}({s}), {kind}({s})]", s = shape[0]),
                "bool" => "false".into(),
                _ => "0.7".into(),
            })
            .collect();
        args.join(", ")
    };
    shapes.iter().map(write).collect()
}

/// Reads one call.
struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    seed: u64,
    dtype: DType,
    tensors: usize,
    shaped: Vec<(usize, Shape)>,
}

/// A value, or what is wrong with how it is written.
pub type Parsed<T> = Result<T, String>;

impl Parser<'_> {
    fn arguments(&mut self, op: &Op) -> Parsed<Vec<Value>> {
        let mut args: Vec<Option<Value>> = vec![None; op.params.len()];
        let mut next = 0;
        while self.peek().is_some() {
            let start = self.at;
            let word = self.word();
            let place = match op.params.iter().position(|p| p.name == word) {
                Some(i) if self.eat(b'=') => i,
                _ => {
                    self.at = start;
                    next += 1;
                    next - 1
                }
            };
            let value = self.value()?;
            *args.get_mut(place).ok_or("too many arguments")? = Some(value);
            if !self.eat(b',') {
                break;
            }
        }
        if self.peek().is_some() {
            return Err(format!("junk at {}", self.at));
        }
        let fill = |(given, p): (Option<Value>, &cresset_core::table::Param)| match (given, p.default) {
            (Some(v), _) => Ok(v),
            (None, Some(js)) => default(js),
            (None, None) => Err(format!("`{}` is missing", p.name)),
        };
        args.into_iter().zip(op.params).map(fill).collect()
    }

    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at) == Some(&b' ') {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, c: u8) -> bool {
        let found = self.peek() == Some(c);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self) -> String {
        self.peek();
        let start = self.at;
        while self.text.get(self.at).is_some_and(|c| c.is_ascii_alphanumeric() || b"_.+-".contains(c)) {
            self.at += 1;
        }
        String::from_utf8_lossy(&self.text[start..self.at]).into_owned()
    }

    fn value(&mut self) -> Parsed<Value> {
        match self.peek() {
            Some(b'\'') => {
                let start = self.at + 1;
                self.at = start;
                while self.text.get(self.at).is_some_and(|c| *c != b'\'') {
                    self.at += 1;
                }
                self.at += 1;
                Ok(Value::Str(String::from_utf8_lossy(&self.text[start..self.at - 1]).into_owned()))
            }
            Some(b'[') => self.list(),
            _ => {
                let word = self.word();
                match self.peek() {
                    Some(b'(') => self.made(&word),
                    Some(b'[') => self.given(&word),
                    _ => plain(&word),
                }
            }
        }
    }

    fn list(&mut self) -> Parsed<Value> {
        let mut items = Vec::new();
        self.eat(b'[');
        while !self.eat(b']') {
            items.push(self.value()?);
            self.eat(b',');
        }
        let number = |v: &Value| match v {
            Value::Scalar(s) => Some(*s),
            _ => None,
        };
        if let Some(numbers) = items.iter().map(number).collect::<Option<Vec<Scalar>>>() {
            return Ok(if numbers.iter().all(|s| matches!(s, Scalar::Int(_))) {
                Value::Ints(numbers.iter().map(|s| s.to::<i64>()).collect())
            } else {
                Value::Floats(numbers.iter().map(|s| s.to_f64()).collect())
            });
        }
        let tensor = |v: Value| match v {
            Value::Tensor(t) => Ok(Some(t)),
            Value::None => Ok(None),
            other => Err(format!("a list of {}", other.kind())),
        };
        Ok(Value::Tensors(items.into_iter().map(tensor).collect::<Parsed<_>>()?))
    }

    fn number(&mut self) -> Parsed<i64> {
        let word = self.word();
        word.parse().map_err(|_| format!("`{word}` is no size"))
    }

    /// `kind(sizes)`.
    fn made(&mut self, kind: &str) -> Parsed<Value> {
        let mut sizes = Dims::new();
        let mut high = 2;
        self.eat(b'(');
        while !self.eat(b')') {
            if self.eat(b';') {
                high = self.number()?;
            } else {
                sizes.push(self.number()?);
                self.eat(b',');
            }
        }
        match kind {
            "spd" => self.shaped.push((self.tensors, Shape::Symmetric)),
            "tril" => self.shaped.push((self.tensors, Shape::Lower)),
            _ => {}
        }
        self.tensors += 1;
        let count: i64 = sizes.iter().product();
        let mut draw = || {
            self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.seed >> 11) as f64 / (1u64 << 53) as f64
        };
        let tensor = match kind {
            "int" => {
                let data: Vec<i64> = (0..count).map(|_| (draw() * high as f64) as i64).collect();
                Tensor::from_slice(&data, &sizes)
            }
            "bool" => {
                let data: Vec<bool> = (0..count).map(|_| draw() < 0.5).collect();
                Tensor::from_slice(&data, &sizes)
            }
            "spd" | "tril" => {
                let n = sizes[0] as usize;
                let root: Vec<f64> = (0..n * n).map(|_| draw() - 0.5).collect();
                let entry = |i: usize, j: usize| {
                    (0..n).map(|k| root[i * n + k] * root[j * n + k]).sum::<f64>() + f64::from(u8::from(i == j))
                };
                let whole = |p: usize| kind == "spd" || p % n <= p / n;
                let data: Vec<f64> = (0..n * n).map(|p| if whole(p) { entry(p / n, p % n) } else { 0.0 }).collect();
                self.leaf(&data, &data.iter().map(|_| 0.0).collect::<Vec<_>>(), &[n as i64, n as i64])
            }
            _ => {
                let mut one = |kind: &str| -> Parsed<f64> {
                    // Never near a multiple of one half, where functions have their kinks.
                    let (step, rest) = ((draw() * 10.0).floor() - 5.0, 0.1 + 0.8 * draw());
                    let x = 0.5 * (step + rest);
                    Ok(match kind {
                        "x" => x,
                        "pos" => x.abs() + 0.01,
                        "big" => x.abs() + 1.1,
                        "unit" => x / 2.8,
                        "prob" => 0.5 + x / 6.0,
                        _ => return Err(format!("no kind of tensor is called `{kind}`")),
                    })
                };
                let (kind, constant) = match kind.strip_prefix("const") {
                    Some("") => ("x", true),
                    Some(kind) => (kind.trim_start_matches('_'), true),
                    None => (kind, false),
                };
                let re = (0..count).map(|_| one(kind)).collect::<Parsed<Vec<f64>>>()?;
                let im = (0..count).map(|_| one("x").map(|y| y / 3.0)).collect::<Parsed<Vec<f64>>>()?;
                let t = self.leaf(&re, &im, &sizes);
                if constant { t.map(|t| t.detached()) } else { t }
            }
        };
        tensor.map(Value::Tensor).map_err(|e| e.to_string())
    }

    fn leaf(&self, re: &[f64], im: &[f64], sizes: &[i64]) -> cresset_core::error::Result {
        let t = if self.dtype.is_complex() {
            let data: Vec<_> = re.iter().zip(im).map(|(r, i)| Complex::new(*r, *i)).collect();
            Tensor::from_slice(&data, sizes)?
        } else {
            Tensor::from_slice(re, sizes)?
        };
        t.set_requires_grad(true)?;
        Ok(t)
    }

    /// `kind[elements]`.
    fn given(&mut self, kind: &str) -> Parsed<Value> {
        self.tensors += 1;
        let (mut data, mut sizes) = (Vec::new(), Dims::new());
        self.elements(0, &mut data, &mut sizes)?;
        let floats: Vec<f64> = data.iter().map(|s| s.to_f64()).collect();
        let tensor = match kind {
            "pivots" => Tensor::from_slice(&data.iter().map(|s| s.to::<i32>()).collect::<Vec<_>>(), &sizes),
            "long" => Tensor::from_slice(&data.iter().map(|s| s.to::<i64>()).collect::<Vec<_>>(), &sizes),
            "mask" => Tensor::from_slice(&data.iter().map(|s| s.to::<bool>()).collect::<Vec<_>>(), &sizes),
            "values" => self.leaf(&floats, &floats, &sizes),
            _ => return Err(format!("no kind of tensor is called `{kind}`")),
        };
        tensor.map(Value::Tensor).map_err(|e| e.to_string())
    }

    fn elements(&mut self, depth: usize, data: &mut Vec<Scalar>, sizes: &mut Dims) -> Parsed<()> {
        let mut count = 0;
        if sizes.len() == depth {
            sizes.push(0);
        }
        self.eat(b'[');
        while !self.eat(b']') {
            if self.peek() == Some(b'[') {
                self.elements(depth + 1, data, sizes)?;
            } else {
                let word = self.word();
                match plain(&word)? {
                    Value::Scalar(s) => data.push(s),
                    other => return Err(format!("an element that is {}", other.kind())),
                }
            }
            count += 1;
            self.eat(b',');
        }
        sizes[depth] = count;
        Ok(())
    }
}

fn plain(word: &str) -> Parsed<Value> {
    if let Ok(i) = word.parse::<i64>() {
        return Ok(Value::Scalar(Scalar::Int(i)));
    }
    if let Some(dtype) = (0..).map_while(DType::from_index).find(|d| d.name() == word) {
        return Ok(Value::DType(dtype));
    }
    Ok(match word {
        "true" => Value::Scalar(Scalar::Bool(true)),
        "false" => Value::Scalar(Scalar::Bool(false)),
        "none" => Value::None,
        _ => Value::Scalar(Scalar::Float(word.parse().map_err(|_| format!("`{word}` means nothing"))?)),
    })
}

/// A default as the facade writes it, in JavaScript.
fn default(js: &str) -> Parsed<Value> {
    match js {
        "null" | "undefined" => Ok(Value::None),
        "Infinity" => Ok(Value::Scalar(Scalar::Float(f64::INFINITY))),
        "-Infinity" => Ok(Value::Scalar(Scalar::Float(f64::NEG_INFINITY))),
        list if list.starts_with('[') || list.starts_with('\'') => {
            let dtype = DType::Float64;
            Parser { text: list.as_bytes(), at: 0, seed: 1, dtype, tensors: 0, shaped: Vec::new() }.value()
        }
        word => plain(word.strip_suffix('n').filter(|w| w.parse::<i64>().is_ok()).unwrap_or(word)),
    }
}
