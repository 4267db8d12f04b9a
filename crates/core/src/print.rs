//! `repr(tensor)`: PyTorch's columns, widths, summaries and suffixes.

use crate::dtype::DType;
use crate::error::Result;
use crate::ops::{join::cat_of, views::ViewOps};
use crate::state::default_dtype;
use crate::tensor::{Scalar, Tensor};
use num_complex::Complex;
use std::cell::Cell;

/// What `torch.set_printoptions` sets.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Digits after the point.
    pub precision: usize,
    /// More elements than this are summarised.
    pub threshold: usize,
    /// Elements shown at each end of a summary.
    pub edgeitems: usize,
    /// Characters in a line.
    pub linewidth: usize,
    /// Scientific notation always, never, or as needed.
    pub sci_mode: Option<bool>,
}

impl Options {
    /// The options PyTorch starts with.
    pub const DEFAULT: Options =
        Options { precision: 4, threshold: 1000, edgeitems: 3, linewidth: 80, sci_mode: None };
}

thread_local! {
    static OPTIONS: Cell<Options> = const { Cell::new(Options::DEFAULT) };
}

/// The options in force.
pub fn options() -> Options {
    OPTIONS.get()
}

/// Sets the options.
pub fn set_options(options: Options) {
    OPTIONS.set(options);
}

/// How the numbers of one tensor, or of one part of its complex numbers, are written.
struct Style {
    integers: bool,
    scientific: bool,
    width: usize,
    precision: usize,
}

/// Scientific notation as C writes it: a sign and at least two digits in the exponent.
fn scientific(x: f64, precision: usize) -> String {
    if !x.is_finite() {
        return fixed(x, precision);
    }
    let s = format!("{x:.precision$e}");
    let (mantissa, exponent) = s.split_once('e').unwrap_or((&s, "0"));
    let e: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if e < 0 { '-' } else { '+' }, e.abs())
}

fn fixed(x: f64, precision: usize) -> String {
    if x.is_nan() {
        "nan".into()
    } else if x.is_infinite() {
        if x > 0.0 { "inf".into() } else { "-inf".into() }
    } else {
        format!("{x:.precision$}")
    }
}

impl Style {
    /// Zeros and what is not finite have no say: they may even be wider than the column.
    fn new(values: impl Iterator<Item = f64>, options: Options) -> Style {
        let mut style = Style { integers: true, scientific: false, width: 1, precision: options.precision };
        let shown: Vec<f64> = values.filter(|x| x.is_finite() && *x != 0.0).collect();
        if shown.is_empty() {
            return style;
        }
        let sizes = shown.iter().map(|x| x.abs());
        let (max, min) = (sizes.clone().fold(0.0, f64::max), sizes.fold(f64::INFINITY, f64::min));
        style.integers = shown.iter().all(|x| *x == x.ceil());
        style.scientific = options.sci_mode.unwrap_or(max / min > 1000.0 || max > 1e8 || min < 1e-4);
        style.width = shown.iter().map(|x| style.write(*x).len()).max().unwrap_or(1);
        style
    }

    fn write(&self, x: f64) -> String {
        if self.scientific {
            scientific(x, self.precision)
        } else if self.integers {
            let s = fixed(x, 0);
            if x.is_finite() { s + "." } else { s }
        } else {
            fixed(x, self.precision)
        }
    }
}

/// How one element is written.
enum Writer {
    /// Integers and truth values, of this width.
    Words(usize),
    Float(Style),
    /// Real and imaginary part.
    Complex(Style, Style),
}

impl Writer {
    fn new(values: &[Scalar], dtype: DType, options: Options) -> Writer {
        let part = |f: fn(Complex<f64>) -> f64| Style::new(values.iter().map(|x| f(x.to())), options);
        if dtype.is_complex() {
            Writer::Complex(part(|z| z.re), part(|z| z.im))
        } else if dtype.is_floating_point() {
            Writer::Float(part(|z| z.re))
        } else {
            Writer::Words(values.iter().map(|x| word(*x).len()).max().unwrap_or(1))
        }
    }

    fn width(&self) -> usize {
        match self {
            Writer::Words(w) => *w,
            Writer::Float(s) => s.width,
            Writer::Complex(re, im) => re.width + im.width + 1,
        }
    }

    fn write(&self, x: Scalar) -> String {
        match self {
            Writer::Words(w) => format!("{:>w$}", word(x)),
            Writer::Float(s) => format!("{:>w$}", s.write(x.to_f64()), w = s.width),
            Writer::Complex(re, im) => {
                let z: Complex<f64> = x.to();
                let imaginary = im.write(z.im);
                let plus = if imaginary.starts_with('-') { "" } else { "+" };
                format!("{:>w$}{plus}{imaginary}j", re.write(z.re), w = re.width)
            }
        }
    }
}

fn word(x: Scalar) -> String {
    match x {
        Scalar::Bool(b) => if b { "True" } else { "False" }.to_string(),
        other => other.to::<i64>().to_string(),
    }
}

/// The ends of every dimension that is too long to be shown.
fn summary(t: &Tensor, edge: i64) -> Result {
    let mut out = t.detached();
    for d in 0..t.ndim() {
        let n = t.sizes()[d];
        if n > 2 * edge {
            let ends = vec![out.narrow(d as i64, 0i64, edge)?, out.narrow(d as i64, n - edge, edge)?];
            out = cat_of(ends, d as i64)?;
        }
    }
    Ok(out)
}

/// The elements to be shown and how.
struct Page {
    sizes: Vec<usize>,
    /// The dimensions of which only `edgeitems` at each end are shown.
    cut: Vec<bool>,
    values: Vec<Scalar>,
    writer: Writer,
    options: Options,
}

impl Page {
    fn new(t: &Tensor, options: Options) -> Result<Page> {
        let edge = options.edgeitems as i64;
        let summarise = t.numel() > options.threshold;
        let cut = t.sizes().iter().map(|n| summarise && *n > 2 * edge).collect();
        let shown = if summarise { summary(t, edge)? } else { t.detached() };
        let mut values = Vec::with_capacity(shown.numel());
        shown.for_each_value(|x| values.push(x));
        let writer = Writer::new(&values, t.dtype(), options);
        Ok(Page { sizes: shown.sizes().iter().map(|n| *n as usize).collect(), cut, values, writer, options })
    }

    /// What stands in the brackets of the part of dimension `dim` that has this number.
    fn rows(&self, dim: usize, part: usize, indent: usize) -> String {
        let Some(&n) = self.sizes.get(dim) else { return self.writer.write(self.values[part]) };
        let last = dim + 1 == self.sizes.len();
        let mut items: Vec<String> =
            (part * n..(part + 1) * n).map(|i| self.rows(dim + 1, i, indent + 1)).collect();
        if self.cut[dim] {
            let dots = if last && n > 0 { " ..." } else { "..." };
            items.insert(self.options.edgeitems, dots.into());
        }
        let margin = " ".repeat(indent + 1);
        if last {
            let room = self.options.linewidth.saturating_sub(indent) / (self.writer.width() + 2);
            let lines: Vec<String> = items.chunks(room.max(1)).map(|line| line.join(", ")).collect();
            format!("[{}]", lines.join(&format!(",\n{margin}")))
        } else {
            let breaks = "\n".repeat(self.sizes.len() - dim - 1);
            format!("[{}]", items.join(&format!(",{breaks}{margin}")))
        }
    }
}

/// What follows the elements: sizes, dtype, history.
fn suffixes(t: &Tensor, options: Options) -> Vec<String> {
    let mut out = Vec::new();
    let (dtype, default) = (t.dtype(), default_dtype());
    let empty = t.numel() == 0;
    if if empty { t.ndim() != 1 } else { options.edgeitems == 0 } {
        let sizes: Vec<String> = t.sizes().iter().map(i64::to_string).collect();
        out.push(format!("size=({}{})", sizes.join(", "), if sizes.len() == 1 { "," } else { "" }));
    }
    // Without elements nothing tells integers and complex numbers from floats.
    let implied = matches!(dtype, DType::Int64 | DType::Bool) || dtype == default.to_complex();
    if dtype != default && (empty || !implied) {
        out.push(format!("dtype=torch.{}", dtype.name()));
    }
    match t.grad_fn() {
        Ok(Some((node, _))) => out.push(format!("grad_fn=<{}>", node.name())),
        Ok(None) if t.requires_grad() => out.push("requires_grad=True".into()),
        Ok(None) => {}
        // A view that a write has made useless.
        Err(_) => out.push("grad_fn=<Invalid>".into()),
    }
    if let Some(tangent) = t.last_tangent() {
        out.push(format!("tangent={}", repr(&tangent).unwrap_or_default()));
    }
    out
}

/// `repr(tensor)`.
pub fn repr(t: &Tensor) -> Result<String> {
    let options = options();
    let mut out = "tensor(".to_string();
    let indent = out.len();
    if t.numel() == 0 {
        out += "[]";
    } else {
        out += &Page::new(t, options)?.rows(0, 0, indent);
    }
    // PyTorch counts two characters more than there are.
    let mut column = out.len() - out.rfind('\n').map_or(0, |i| i + 1) + 2;
    for suffix in suffixes(t, options) {
        if column + suffix.len() + 2 > options.linewidth {
            out += &format!(",\n{}{suffix}", " ".repeat(indent));
            column = indent + suffix.len();
        } else {
            out += &format!(", {suffix}");
            column += suffix.len() + 2;
        }
    }
    Ok(out + ")")
}
