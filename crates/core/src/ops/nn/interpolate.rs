//! Resampling to another size: nearest, linear, cubic (Keys, "Cubic Convolution Interpolation for
//! Digital Image Processing", 1981), with or without a filter against aliasing, and by areas.

use super::{by, triple};
use crate::kernels::resample::{gather, scatter, Taps};
use crate::ops::prelude::*;

/// How results are made of the places near them.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Nearest,
    NearestExact,
    Linear,
    Cubic,
    /// With a filter against aliasing: linear, cubic, Lanczos.
    Smooth(Filter),
}

#[derive(Clone, Copy, PartialEq)]
enum Filter {
    Triangle,
    Cubic,
    Lanczos,
}

impl Filter {
    fn reach(self) -> f64 {
        match self {
            Filter::Triangle => 1.0,
            Filter::Cubic => 2.0,
            Filter::Lanczos => 3.0,
        }
    }

    fn at(self, x: f64) -> f64 {
        let x = x.abs();
        match self {
            Filter::Triangle => (1.0 - x).max(0.0),
            Filter::Cubic => cubic(x, -0.5),
            Filter::Lanczos if x >= 3.0 => 0.0,
            Filter::Lanczos => sinc(x) * sinc(x / 3.0),
        }
    }
}

fn sinc(x: f64) -> f64 {
    let t = std::f64::consts::PI * x;
    if t == 0.0 { 1.0 } else { t.sin() / t }
}

/// Keys' cubic with slope `a` at one.
fn cubic(x: f64, a: f64) -> f64 {
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((x - 5.0) * x + 8.0) * x * a - 4.0 * a
    } else {
        0.0
    }
}

/// The step in the source for one in the result.
fn step(from: usize, to: usize, corners: bool, scale: Option<f64>) -> f64 {
    match scale {
        _ if corners => if to > 1 { (from - 1) as f64 / (to - 1) as f64 } else { 0.0 },
        Some(s) if s > 0.0 => 1.0 / s,
        _ => from as f64 / to as f64,
    }
}

fn nearest(from: usize, to: usize, half: f32, scale: Option<f64>) -> Taps {
    // In single precision, as PyTorch finds its neighbours.
    let step = match scale {
        Some(s) if s > 0.0 => (1.0 / s) as f32,
        _ => from as f32 / to as f32,
    };
    let place = |o: usize| match (half == 0.0, from, to) {
        (true, a, b) if a == b => o,
        (true, a, b) if b == 2 * a => o / 2,
        _ => (((o as f32 + half) * step).floor() as usize).min(from - 1),
    };
    Taps { each: 1, at: (0..to).map(place).collect(), weight: vec![1.0; to] }
}

fn smooth(from: usize, to: usize, step: f64, filter: Filter) -> Taps {
    let stretch = step.max(1.0);
    let reach = filter.reach() * stretch;
    let each = 2 * reach.ceil() as usize + 1;
    let (mut at, mut weight) = (Vec::with_capacity(to * each), Vec::with_capacity(to * each));
    for o in 0..to {
        let centre = step * (o as f64 + 0.5);
        let first = (centre - reach + 0.5).max(0.0) as usize;
        let count = (((centre + reach + 0.5) as usize).min(from)).saturating_sub(first).min(each);
        let raw: Vec<f64> = (0..count).map(|j| filter.at(((j + first) as f64 - centre + 0.5) / stretch)).collect();
        let total: f64 = raw.iter().sum();
        for j in 0..each {
            at.push((first + j).min(from - 1));
            weight.push(raw.get(j).map_or(0.0, |w| if total == 0.0 { *w } else { w / total }));
        }
    }
    Taps { each, at, weight }
}

fn taps(mode: Mode, from: usize, to: usize, corners: bool, scale: Option<f64>) -> Taps {
    let step = match mode {
        Mode::Nearest => return nearest(from, to, 0.0, scale),
        Mode::NearestExact => return nearest(from, to, 0.5, scale),
        _ => step(from, to, corners, scale),
    };
    let source = |o: usize| if corners { step * o as f64 } else { step * (o as f64 + 0.5) - 0.5 };
    let last = from as i64 - 1;
    let mut out = Taps { each: 0, at: Vec::new(), weight: Vec::new() };
    match mode {
        Mode::Smooth(filter) => return smooth(from, to, step, filter),
        Mode::Cubic => {
            out.each = 4;
            for o in 0..to {
                let x = source(o);
                let floor = x.floor();
                for k in -1..3 {
                    out.at.push((floor as i64 + k).clamp(0, last) as usize);
                    out.weight.push(cubic((x - floor - k as f64).abs(), -0.75));
                }
            }
        }
        _ => {
            out.each = 2;
            for o in 0..to {
                let x = if from == to { o as f64 } else { source(o).max(0.0) };
                let first = (x as i64).min(last);
                let part = (x - first as f64).clamp(0.0, 1.0);
                out.at.extend([first as usize, (first + 1).min(last) as usize]);
                out.weight.extend([1.0 - part, part]);
            }
        }
    }
    out
}

/// A resampling as its entry is called.
struct Resample<'a> {
    mode: Mode,
    output: &'a Dims,
    scales: Option<&'a Floats>,
    corners: bool,
}

impl Resample<'_> {
    fn taps(&self, from: [usize; 3]) -> [Taps; 3] {
        let n = self.output.len();
        let to = triple(self.output, n, 1);
        std::array::from_fn(|d| match (d + n).checked_sub(3) {
            None => Taps { each: 1, at: vec![0], weight: vec![1.0] },
            Some(k) => taps(self.mode, from[d], to[d], self.corners, self.scales.and_then(|s| s.0.get(k).copied())),
        })
    }

    fn check(&self, input: &Tensor) -> Result<()> {
        let n = self.output.len();
        let (x, names) = (&input.sizes()[2..], &["D", "H", "W"][3 - n..]);
        if x.iter().chain(self.output).any(|s| *s <= 0) {
            let told = |list: &[i64]| names.iter().zip(list).map(|(l, s)| format!("{l}: {s}")).collect::<Vec<_>>().join(", ");
            let and = if n == 1 { "and " } else { "" };
            return Err(Error::runtime(format!(
                "Input and output sizes should be greater than 0, but got input ({}) {and}output ({})", told(x), told(self.output)
            )));
        }
        if input.sizes()[1] == 0 {
            return Err(Error::runtime(format!("Non-empty {}D data tensor expected but got a tensor with sizes {:?}", n + 2, input.sizes())));
        }
        let dtype = input.dtype();
        let bytes = n == 2 || matches!(self.mode, Mode::Nearest | Mode::NearestExact);
        if dtype.is_floating_point() || (dtype == DType::UInt8 && bytes) {
            return Ok(());
        }
        Err(Error::dtype(match (self.mode, n) {
            (Mode::Nearest | Mode::NearestExact, 2) => "upsample_nearest2d_channels_last",
            (Mode::Nearest | Mode::NearestExact, _) => "compute_indices_weights_nearest",
            (Mode::Linear, 2) => "upsample_bilinear2d_channels_last",
            (Mode::Linear, _) => "compute_indices_weights_linear",
            (Mode::Cubic, _) => "compute_indices_weights_cubic",
            (Mode::Smooth(_), _) => "compute_indices_weights_aa",
        }, dtype))
    }

    fn forward(&self, input: &Tensor) -> Result {
        self.check(input)?;
        let from = triple(input.sizes(), self.output.len(), 1);
        let mut sizes: Dims = input.sizes()[..2].into();
        sizes.extend_from_slice(self.output);
        let dtype = input.dtype();
        let work = if dtype.is_integral() { DType::Float64 } else { dtype.compute() };
        let (x, out) = (input.as_contiguous(work)?, Tensor::empty(&sizes, work)?);
        let taps = self.taps(from);
        match work {
            DType::Float32 => gather::<f32>(from, &taps, x.data(), out.data_mut()),
            _ => gather::<f64>(from, &taps, x.data(), out.data_mut()),
        }
        if dtype == DType::UInt8 {
            out.data_mut::<f64>().iter_mut().for_each(|v| *v = (*v + 0.5).floor().clamp(0.0, 255.0));
        }
        out.as_contiguous(dtype)
    }

    fn back(&self, grad: &Tensor, sizes: &[i64]) -> Result {
        let from = triple(sizes, self.output.len(), 1);
        let work = grad.dtype().compute();
        let (g, out) = (grad.as_contiguous(work)?, Tensor::empty(sizes, work)?);
        let taps = self.taps(from);
        match work {
            DType::Float32 => scatter::<f32>(from, &taps, g.data(), out.data_mut()),
            DType::Float64 => scatter::<f64>(from, &taps, g.data(), out.data_mut()),
            other => return Err(Error::dtype("upsample_backward", other)),
        }
        out.as_contiguous(grad.dtype())
    }
}

/// The mode by its number in the hidden entries.
fn mode(number: i64) -> Mode {
    match number {
        0 => Mode::Nearest,
        1 => Mode::NearestExact,
        2 => Mode::Linear,
        3 => Mode::Cubic,
        4 => Mode::Smooth(Filter::Triangle),
        5 => Mode::Smooth(Filter::Cubic),
        _ => Mode::Smooth(Filter::Lanczos),
    }
}

/// The entry whose node PyTorch would make.
fn entry(name: &str, spatial: usize, smooth: bool) -> Option<(&'static crate::table::Op, i64)> {
    Some(match (name, spatial, smooth) {
        ("nearest", 1, _) => (&upsample_nearest1d::OP, 0),
        ("nearest", 2, _) => (&upsample_nearest2d::OP, 0),
        ("nearest", 3, _) => (&upsample_nearest3d::OP, 0),
        ("nearest-exact", 1, _) => (&upsample_nearest_exact1d::OP, 1),
        ("nearest-exact", 2, _) => (&upsample_nearest_exact2d::OP, 1),
        ("nearest-exact", 3, _) => (&upsample_nearest_exact3d::OP, 1),
        ("linear", 1, _) => (&upsample_linear1d::OP, 2),
        ("bilinear", 2, false) => (&upsample_bilinear2d::OP, 2),
        ("trilinear", 3, _) => (&upsample_trilinear3d::OP, 2),
        ("bicubic", 2, false) => (&upsample_bicubic2d::OP, 3),
        ("bilinear", 2, true) => (&upsample_bilinear2d_aa::OP, 4),
        ("bicubic", 2, true) => (&upsample_bicubic2d_aa::OP, 5),
        ("lanczos", 2, true) => (&upsample_lanczos2d_aa::OP, 6),
        _ => return None,
    })
}

/// What `interpolate` is asked for.
struct Ask {
    size: Option<Dims>,
    scale: Option<Floats>,
    mode: String,
    corners: Option<bool>,
    recompute: Option<bool>,
    smooth: bool,
}

/// A list as Python prints a tuple of floats.
fn tuple(list: &[f64]) -> String {
    let all: Vec<String> = list.iter().map(|x| format!("{x:?}")).collect();
    format!("({}{})", all.join(", "), if list.len() == 1 { "," } else { "" })
}

/// The output size and, where they count, the scales.
fn extent(input: &Tensor, ask: &Ask) -> Result<(Dims, Option<Floats>)> {
    let spatial = input.sizes().get(2..).unwrap_or(&[]);
    let n = spatial.len();
    let fits = |len: usize| len == 1 && n != 1 || len == n;
    match (&ask.size, &ask.scale) {
        (Some(_), Some(_)) => Err(Error::value("only one of size or scale_factor should be defined")),
        (None, None) => Err(Error::value("either size or scale_factor should be defined")),
        (Some(size), None) => {
            if !fits(size.len()) {
                return Err(Error::value(format!(
                    "Input and output must have the same number of spatial dimensions, but got input with spatial dimensions of {spatial:?} \
                     and output size of ({}). Please provide input tensor in (N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) format.",
                    by(size, ", ")
                )));
            }
            if ask.recompute == Some(true) {
                return Err(Error::value("recompute_scale_factor is not meaningful with an explicit size."));
            }
            Ok((if size.len() == n { size.clone() } else { Dims::from_elem(size[0], n) }, None))
        }
        (None, Some(scale)) => {
            if !fits(scale.0.len()) {
                return Err(Error::value(format!(
                    "Input and scale_factor must have the same number of spatial dimensions, but got input with spatial dimensions of {spatial:?} \
                     and scale_factor of shape {}. Please provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in (s1, s2, ...,sK) format.",
                    tuple(&scale.0)
                )));
            }
            let scales: Vec<f64> = if scale.0.len() == n { scale.0.clone() } else { vec![scale.0[0]; n] };
            let size = spatial.iter().zip(&scales).map(|(s, f)| (*s as f64 * f) as i64).collect();
            let kept = ask.recompute != Some(true) && ask.mode != "area";
            Ok((size, kept.then_some(Floats(scales))))
        }
    }
}

fn interpolated(input: &Tensor, ask: &Ask) -> Result {
    let (k, name) = (input.ndim(), ask.mode.as_str());
    if matches!(name, "nearest" | "area" | "nearest-exact") && ask.corners.is_some() {
        return Err(Error::value("align_corners option can only be set with the interpolating modes: linear | bilinear | bicubic | trilinear"));
    }
    let (size, scales) = extent(input, ask)?;
    if ask.smooth && !(matches!(name, "bilinear" | "bicubic" | "lanczos") && k == 4) {
        return Err(Error::value("Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires a 4-D tensor as input"));
    }
    let corners = ask.corners.unwrap_or(false);
    match (name, k) {
        ("area", 3) => return input.adaptive_avg_pool1d(&size),
        ("area", 4) => return input.adaptive_avg_pool2d(&size),
        ("area", 5) => return input.adaptive_avg_pool3d(&size),
        ("lanczos", 4) if corners => return Err(Error::value("Lanczos mode does not support align_corners=True")),
        ("lanczos", 4) if !ask.smooth => return Err(Error::value("Lanczos mode requires antialias=True")),
        _ => {}
    }
    let Some((op, number)) = entry(name, k.wrapping_sub(2), ask.smooth) else {
        let needs = match name {
            "linear" => 3,
            "bilinear" => 4,
            "trilinear" => 5,
            _ => 0,
        };
        return Err(Error::not_implemented(if (3..=5).contains(&k) && needs != 0 {
            format!("Got {k}D input, but {name} mode needs {needs}D input")
        } else {
            format!(
                "Input Error: Only 3D, 4D and 5D input Tensors supported (got {k}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | \
                 lanczos | area | nearest-exact (got {name})"
            )
        }));
    };
    let scales = scales.map_or(Value::None, |s| Value::Floats(s.0));
    let int = |i: i64| Value::Scalar(Scalar::Int(i));
    crate::value::first(crate::autograd::call(op, &[Value::Tensor(input.clone()), Value::Ints(size), scales, Value::Scalar(Scalar::Bool(corners)), int(number)])?)
}

/// Declares the entries that differ in their node's name alone.
macro_rules! resamplings {
    ($($name:ident $node:ident)*) => {
        ops! { TABLE, InterpolateOps;
            /// The input resampled to `size`, or by `scale_factor`.
            fn interpolate "nn.functional.interpolate"(input: Tensor, size: Option<Dims> = "null", scale_factor: Option<Floats> = "null", mode: String = "'nearest'", align_corners: Option<bool> = "null", recompute_scale_factor: Option<bool> = "null", antialias: bool = "false") [function] compose {
                interpolated(&input, &Ask { size, scale: scale_factor, mode, corners: align_corners, recompute: recompute_scale_factor, smooth: antialias }) };
            /// `interpolate`, by its older name.
            fn upsample "nn.functional.upsample"(input: Tensor, size: Option<Dims> = "null", scale_factor: Option<Floats> = "null", mode: String = "'nearest'", align_corners: Option<bool> = "null") [function] compose {
                interpolated(&input, &Ask { size, scale: scale_factor, mode, corners: align_corners, recompute: None, smooth: false }) };
            /// `interpolate` with the nearest elements.
            fn upsample_nearest "nn.functional.upsample_nearest"(input: Tensor, size: Option<Dims> = "null", scale_factor: Option<Floats> = "null") [function] compose {
                interpolated(&input, &Ask { size, scale: scale_factor, mode: "nearest".into(), corners: None, recompute: None, smooth: false }) };
            /// `interpolate` of images, linear between aligned corners.
            fn upsample_bilinear "nn.functional.upsample_bilinear"(input: Tensor, size: Option<Dims> = "null", scale_factor: Option<Floats> = "null") [function] compose {
                interpolated(&input, &Ask { size, scale: scale_factor, mode: "bilinear".into(), corners: Some(true), recompute: None, smooth: false }) };
            /// The transpose of a resampling.
            fn _resample_back(input: Tensor, sizes_in: Dims, size: Dims, scales: Option<Floats>, align_corners: bool, mode: i64) [hidden] eval {
                Resample { mode: crate::ops::nn::interpolate::mode(mode), output: &size, scales: scales.as_ref(), corners: align_corners }.back(&input, &sizes_in) }
                d input = |g, size, scales, align_corners, mode| g.upsample_nearest1d(&size, &scales, align_corners, mode);
            $(
            /// A resampling; `mode` tells how.
            fn $name(input: Tensor, size: Dims, scales: Option<Floats>, align_corners: bool, mode: i64) [hidden, $node] eval {
                Resample { mode: crate::ops::nn::interpolate::mode(mode), output: &size, scales: scales.as_ref(), corners: align_corners }.forward(&input) }
                d input = |g, sizes, size, scales, align_corners, mode| g._resample_back(&sizes, &size, &scales, align_corners, mode);
            )*
        }
    };
}

resamplings! {
    upsample_nearest1d UpsampleNearest1DBackward0
    upsample_nearest2d UpsampleNearest2DBackward0
    upsample_nearest3d UpsampleNearest3DBackward0
    upsample_nearest_exact1d UpsampleNearestExact1DBackward0
    upsample_nearest_exact2d UpsampleNearestExact2DBackward0
    upsample_nearest_exact3d UpsampleNearestExact3DBackward0
    upsample_linear1d UpsampleLinear1DBackward0
    upsample_bilinear2d UpsampleBilinear2DBackward0
    upsample_trilinear3d UpsampleTrilinear3DBackward0
    upsample_bicubic2d UpsampleBicubic2DBackward0
    upsample_bilinear2d_aa UpsampleBilinear2DAaBackward0
    upsample_bicubic2d_aa UpsampleBicubic2DAaBackward0
    upsample_lanczos2d_aa UpsampleLanczos2DAaBackward0
}
