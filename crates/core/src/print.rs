//! `repr(tensor)`: PyTorch's columns, widths, summaries and suffixes.

use crate::dtype::DType;
use crate::error::Result;
use crate::tensor::{Scalar, Tensor};
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

/// How the elements of one tensor are written.
struct Style {
    integers: bool,
    scientific: bool,
    width: usize,
    options: Options,
}

/// `{:.p e}` as C writes it: at least two digits of exponent, with its sign.
fn scientific(x: f64, precision: usize) -> String {
    if !x.is_finite() {
        return plain(x, precision);
    }
    let s = format!("{x:.precision$e}");
    let (mantissa, exponent) = s.split_once('e').unwrap_or((&s, "0"));
    let e: i32 = exponent.parse().unwrap_or(0);
    format!("{mantissa}e{}{:02}", if e < 0 { '-' } else { '+' }, e.abs())
}

fn plain(x: f64, precision: usize) -> String {
    if x.is_nan() {
        "nan".into()
    } else if x.is_infinite() {
        if x > 0.0 { "inf".into() } else { "-inf".into() }
    } else {
        format!("{x:.precision$}")
    }
}

impl Style {
    fn new(values: &[f64], floating: bool, options: Options) -> Style {
        let mut style = Style { integers: !floating, scientific: false, width: 1, options };
        if !floating {
            style.width = values.iter().map(|x| format!("{x}").len()).max().unwrap_or(1);
            return style;
        }
        let shown: Vec<f64> = values.iter().copied().filter(|x| x.is_finite() && *x != 0.0).collect();
        if shown.is_empty() {
            // Nothing to measure: only the widest of nan, inf and zero.
            style.integers = true;
            style.width = values.iter().map(|x| style.write(*x).len()).max().unwrap_or(1).max(1);
            style.scientific = options.sci_mode.unwrap_or(false);
            return style;
        }
        let sizes = shown.iter().map(|x| x.abs());
        let (max, min) = (sizes.clone().fold(0.0, f64::max), sizes.fold(f64::INFINITY, f64::min));
        style.integers = shown.iter().all(|x| *x == x.ceil());
        style.scientific = options.sci_mode.unwrap_or(if style.integers {
            max / min > 1000.0 || max > 1e8
        } else {
            max / min > 1000.0 || max > 1e8 || min < 1e-4
        });
        style.width = shown.iter().map(|x| style.write(*x).len()).max().unwrap_or(1);
        style.width = style.width.max(values.iter().filter(|x| !x.is_finite()).map(|x| plain(*x, 0).len()).max().unwrap_or(0));
        style
    }

    fn write(&self, x: f64) -> String {
        if self.scientific {
            scientific(x, self.options.precision)
        } else if self.integers {
            let s = plain(x, 0);
            if x.is_finite() { s + "." } else { s }
        } else {
            plain(x, self.options.precision)
        }
    }

    fn pad(&self, s: &str) -> String {
        format!("{s:>width$}", width = self.width)
    }
}

/// How one element is written: real parts, imaginary parts, or words.
enum Writer {
    Words(usize),
    Float(Style),
    Complex(Style, Style),
}

impl Writer {
    fn width(&self) -> usize {
        match self {
            Writer::Words(w) => *w,
            Writer::Float(s) => s.width,
            Writer::Complex(a, b) => a.width + b.width + 1,
        }
    }

    fn write(&self, x: Scalar) -> String {
        match (self, x) {
            (Writer::Words(w), Scalar::Bool(b)) => format!("{:>w$}", if b { "True" } else { "False" }),
            (Writer::Words(w), Scalar::Int(i)) => format!("{i:>w$}"),
            (Writer::Complex(a, b), Scalar::Complex(z)) => {
                let re = a.pad(&a.write(z.re));
                let im = b.write(z.im) + "j";
                let im = format!("{im:>width$}", width = b.width + 1);
                if im.trim_start().starts_with('-') { re + im.trim_start() } else { re + "+" + im.trim_start() }
            }
            (Writer::Float(s), x) => s.pad(&s.write(x.to_f64())),
            (Writer::Words(w), x) => format!("{:>w$}", x.to_f64()),
            (Writer::Complex(a, _), x) => a.pad(&a.write(x.to_f64())),
        }
    }
}

/// The part of a tensor that a summary shows.
fn edges(sizes: &[i64], at: usize, flat: usize, edge: usize, summarise: bool, out: &mut Vec<usize>) {
    if at == sizes.len() {
        return out.push(flat);
    }
    let n = sizes[at] as usize;
    for i in 0..n {
        if !summarise || n <= 2 * edge || i < edge || i >= n - edge {
            edges(sizes, at + 1, flat * n + i, edge, summarise, out);
        }
    }
}

struct Page<'a> {
    sizes: &'a [i64],
    values: &'a [Scalar],
    writer: Writer,
    options: Options,
    summarise: bool,
}

impl Page<'_> {
    fn rows(&self, dim: usize, flat: usize, indent: usize) -> String {
        let Some(&n) = self.sizes.get(dim) else { return self.writer.write(self.values[flat]) };
        let (n, edge) = (n as usize, self.options.edgeitems);
        let cut = self.summarise && n > 2 * edge;
        let shown: Vec<Option<usize>> = if cut {
            (0..edge).map(Some).chain([None]).chain((n - edge..n).map(Some)).collect()
        } else {
            (0..n).map(Some).collect()
        };
        if dim + 1 == self.sizes.len() {
            let per_line = ((self.options.linewidth.saturating_sub(indent)) / (self.writer.width() + 2)).max(1);
            let words: Vec<String> = shown.iter().map(|i| match i {
                Some(i) => self.writer.write(self.values[flat * n + i]),
                None => " ...".into(),
            }).collect();
            let lines: Vec<String> = words.chunks(per_line).map(|c| c.join(", ")).collect();
            return format!("[{}]", lines.join(&format!(",\n{}", " ".repeat(indent + 1))));
        }
        let parts: Vec<String> = shown.iter().map(|i| match i {
            Some(i) => self.rows(dim + 1, flat * n + i, indent + 1),
            None => "...".into(),
        }).collect();
        let gap = format!(",{}{}", "\n".repeat(self.sizes.len() - dim - 1), " ".repeat(indent + 1));
        format!("[{}]", parts.join(&gap))
    }
}

/// `repr(tensor)`.
pub fn repr(t: &Tensor) -> Result<String> {
    let options = options();
    let dtype = t.dtype();
    let prefix = "tensor(";
    let indent = prefix.len();
    let mut suffixes = Vec::new();
    let default = matches!(dtype, DType::Int64 | DType::Bool)
        || dtype == crate::state::default_dtype()
        || dtype == crate::state::default_dtype().to_complex();
    let body = if t.numel() == 0 {
        if t.ndim() != 1 {
            suffixes.push(format!("size=({}{})", t.sizes().iter().map(i64::to_string).collect::<Vec<_>>().join(", "), if t.ndim() == 1 { "," } else { "" }));
        }
        if dtype != crate::state::default_dtype() {
            suffixes.push(format!("dtype=torch.{}", dtype.name()));
        }
        "[]".to_string()
    } else {
        if !default {
            suffixes.push(format!("dtype=torch.{}", dtype.name()));
        }
        let mut values = Vec::with_capacity(t.numel());
        t.for_each_value(|x| values.push(x));
        let summarise = t.numel() > options.threshold;
        let mut shown = Vec::new();
        edges(t.sizes(), 0, 0, options.edgeitems, summarise, &mut shown);
        let writer = if dtype.is_complex() {
            let parts = |f: fn(num_complex::Complex<f64>) -> f64| -> Vec<f64> { shown.iter().map(|&i| f(values[i].to())).collect() };
            let (mut a, mut b) = (Style::new(&parts(|z| z.re), true, options), Style::new(&parts(|z| z.im), true, options));
            if a.integers != b.integers || a.scientific != b.scientific {
                let both = a.scientific || b.scientific;
                (a.scientific, b.scientific) = (both, both);
            }
            Writer::Complex(a, b)
        } else if dtype.is_floating_point() {
            Writer::Float(Style::new(&shown.iter().map(|&i| values[i].to_f64()).collect::<Vec<_>>(), true, options))
        } else {
            Writer::Words(shown.iter().map(|&i| match values[i] {
                Scalar::Bool(b) => if b { 4 } else { 5 },
                Scalar::Int(i) => i.to_string().len(),
                _ => 1,
            }).max().unwrap_or(1))
        };
        Page { sizes: t.sizes(), values: &values, writer, options, summarise }.rows(0, 0, indent)
    };
    if let Some((node, _)) = t.grad_fn() {
        suffixes.push(format!("grad_fn=<{}>", node.name()));
    } else if t.requires_grad() {
        suffixes.push("requires_grad=True".into());
    }
    let mut out = prefix.to_string() + &body;
    let mut last = out.len() - out.rfind('\n').map_or(0, |i| i + 1);
    for s in suffixes {
        if last + s.len() + 2 > options.linewidth {
            out += &format!(",\n{}{s}", " ".repeat(indent));
            last = indent + s.len();
        } else {
            out += &format!(", {s}");
            last += s.len() + 2;
        }
    }
    Ok(out + ")")
}
