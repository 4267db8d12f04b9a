//! Padding: with a number, by reflection, by repetition of the edge, around in a circle.

use super::{linked, triple};
use crate::kernels::copy::copy as copy_elements;
use crate::kernels::gemm::Wrapping;
use crate::kernels::remap::Remap;
use crate::ops::prelude::*;

fn constant(input: &Tensor, pad: &[i64], value: Scalar) -> Result {
    let n = input.ndim();
    if pad.len() % 2 != 0 {
        return Err(Error::runtime(format!("Length of pad must be even but instead it equals {}", pad.len())));
    }
    if pad.len() > 2 * n {
        return Err(Error::runtime(format!(
            "Length of pad should be no more than twice the number of dimensions of the input. Pad length is {}while the input has {n}dimensions.",
            pad.len()
        )));
    }
    let (mut inner, mut sizes) = (input.layout().clone(), input.dims());
    let mut starts = Dims::from_elem(0, n);
    for (i, pair) in pad.chunks_exact(2).enumerate() {
        let d = n - 1 - i;
        let (cut, cut_end) = ((-pair[0]).max(0), (-pair[1]).max(0));
        if inner.sizes[d] < cut || inner.sizes[d] - cut < cut_end {
            return Err(Error::runtime("narrow(): length must be non-negative."));
        }
        inner.sizes[d] -= cut + cut_end;
        inner.offset += cut * inner.strides[d];
        sizes[d] = sizes[d].checked_add(pair[0]).and_then(|s| s.checked_add(pair[1])).unwrap_or(i64::MAX);
        starts[d] = pair[0].max(0);
    }
    let out = Tensor::full(&sizes, value, input.dtype())?;
    let mut place = out.layout().clone();
    for d in 0..n {
        place.offset += starts[d] * place.strides[d];
    }
    place.sizes = inner.sizes.clone();
    copy_elements(&input.alias(inner), &out.alias(place));
    Ok(out)
}

/// Where the place `i` of a padded dimension comes from.
fn source(reflect: bool, i: i64, size: i64) -> i64 {
    if !reflect {
        i.clamp(0, size - 1)
    } else if i < 0 {
        -i
    } else if i >= size {
        2 * (size - 1) - i
    } else {
        i
    }
}

fn check_mode(input: &[i64], pad: &[i64], reflect: bool) -> Result<Dims> {
    let dims = pad.len() / 2;
    let k = input.len();
    let empty = input[k - dims - 1..].contains(&0) || (k == dims + 2 && input[1] == 0);
    if !(k == dims + 1 || k == dims + 2) || empty {
        return Err(Error::runtime(format!(
            "Expected {}D or {}D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {input:?}",
            dims + 1, dims + 2
        )));
    }
    let mut sizes: Dims = input.into();
    for (i, pair) in pad.chunks_exact(2).enumerate() {
        let d = k - 1 - i;
        if reflect && (pair[0] >= input[d] || pair[1] >= input[d]) {
            let number = 4 + 2 * i;
            return Err(Error::runtime(format!(
                "Argument #{number}: Padding size should be less than the corresponding input dimension, but got: padding ({}, {}) at dimension {d} of input {input:?}",
                pair[0], pair[1]
            )));
        }
        sizes[d] = input[d].saturating_add(pair[0]).saturating_add(pair[1]);
    }
    let spatial = &sizes[k - dims..];
    if spatial.iter().any(|n| *n < 1) {
        let names = &["D", "H", "W"][3 - dims..];
        let list = |s: &[i64], sep: &str| names.iter().zip(s).map(|(n, s)| format!("{n}: {s}")).collect::<Vec<_>>().join(sep);
        let inner = &input[k - dims..];
        return Err(Error::runtime(if dims == 1 {
            format!("input (W: {}) is too small. Calculated output W: {}", inner[0], spatial[0])
        } else {
            format!("Calculated output {} must be >= 1 in every dimension (input {})", list(spatial, " "), list(inner, ", "))
        }));
    }
    Ok(sizes)
}

fn remap(input: &[i64], pad: &[i64], reflect: bool) -> Remap {
    let dims = pad.len() / 2;
    let from = triple(input, dims, 1);
    let at = std::array::from_fn(|d| {
        let i = 2 - d;
        let (lo, hi) = if i < dims { (pad[2 * i], pad[2 * i + 1]) } else { (0, 0) };
        let n = from[d] as i64;
        (-lo..n + hi).map(|p| source(reflect, p, n) as usize).collect()
    });
    Remap { from, at }
}

fn moded(input: &Tensor, pad: &[i64], reflect: bool) -> Result {
    let sizes = check_mode(input.sizes(), pad, reflect)?;
    if input.dtype() == DType::Bool {
        let name = if reflect { "reflection" } else { "replication" };
        return Err(Error::dtype(&format!("{name}_pad{}d", pad.len() / 2), input.dtype()));
    }
    let map = remap(input.sizes(), pad, reflect);
    let x = input.contiguous_data()?;
    let out = Tensor::empty(&sizes, input.dtype())?;
    dispatch!(input.dtype(), T => map.gather::<T>(x.data(), out.data_mut()));
    Ok(out)
}

fn moded_back(grad: &Tensor, sizes: &[i64], pad: &[i64], reflect: bool) -> Result {
    let map = remap(sizes, pad, reflect);
    super::accumulated(grad, sizes, |g, out| match g.dtype() {
        DType::Float32 => map.scatter::<f32>(g.data(), out.data_mut()),
        DType::Float64 => map.scatter::<f64>(g.data(), out.data_mut()),
        DType::Complex64 => map.scatter::<Complex<f32>>(g.data(), out.data_mut()),
        DType::Complex128 => map.scatter::<Complex<f64>>(g.data(), out.data_mut()),
        _ => {
            let wrap = |list: &[i64]| list.iter().map(|x| Wrapping(*x)).collect::<Vec<_>>();
            let mut sums = wrap(out.data::<i64>());
            map.scatter(&wrap(g.data::<i64>()), &mut sums);
            out.data_mut::<i64>().iter_mut().zip(sums).for_each(|(d, s)| *d = s.0);
        }
    })
}

/// The input in the middle, then each dimension's ends copied from the other side.
fn circular(input: &Tensor, pad: &[i64]) -> Result {
    let (dims, k) = (pad.len() / 2, input.ndim());
    let mut sizes = input.dims();
    for (i, pair) in pad.chunks_exact(2).enumerate() {
        let d = k - 1 - i;
        if pair[0] > sizes[d] || pair[1] > sizes[d] {
            return Err(Error::runtime("Padding value causes wrapping around more than once."));
        }
        sizes[d] += pair[0] + pair[1];
        if sizes[d] < 0 {
            return Err(Error::runtime("Negative padding value is resulting in an empty dimension"));
        }
    }
    let out = input.new_empty(&sizes, ())?;
    let slice = |t: &Tensor, d: usize, from: i64, to: i64| t.narrow(d as i64, from, to - from);
    let (mut to, mut from) = (out.clone(), input.clone());
    for i in 0..dims {
        let (d, lo, hi) = (k - dims + i, pad[2 * (dims - 1 - i)], pad[2 * (dims - 1 - i) + 1]);
        to = slice(&to, d, lo.max(0), sizes[d] - hi.max(0))?;
        from = slice(&from, d, (-lo).max(0), input.sizes()[d] - (-hi).max(0))?;
    }
    crate::autograd::write_to(&to, &from)?;
    for i in 0..dims {
        let (d, lo, hi) = (k - dims + i, pad[2 * (dims - 1 - i)], pad[2 * (dims - 1 - i) + 1]);
        let n = sizes[d];
        if lo > 0 {
            crate::autograd::write_to(&slice(&out, d, 0, lo)?, &slice(&out, d, n - lo - hi.max(0), n - hi.max(0))?)?;
        }
        if hi > 0 {
            crate::autograd::write_to(&slice(&out, d, n - hi, n)?, &slice(&out, d, lo.max(0), lo.max(0) + hi)?)?;
        }
    }
    Ok(out)
}

fn padded(input: &Tensor, pad: &Dims, mode: &str, value: Option<Scalar>) -> Result {
    let k = input.ndim();
    if pad.len() % 2 != 0 {
        return Err(Error::runtime("Padding length must be divisible by 2"));
    }
    if pad.len() > 2 * k {
        return Err(Error::runtime(format!(
            "Padding length should be less than or equal to two times the input dimension but got padding length {} and input of dimension {k}",
            pad.len()
        )));
    }
    if mode == "constant" {
        return input.constant_pad_nd(pad, value.unwrap_or(Scalar::Int(0)));
    }
    if value.is_some_and(|v| v.to_f64() != 0.0) {
        return Err(Error::runtime(format!("Padding mode \"{mode}\" doesn't take in value argument")));
    }
    let dims = pad.len() / 2;
    if !(1..=3).contains(&dims) || !(k == dims + 1 || k == dims + 2) {
        return Err(Error::not_implemented(format!(
            "Padding size {} is not supported for {k}D input tensor.\n\
             Supported combinations for non-constant padding:\n  \
             - 2D or 3D input: padding size = 2 (pads last dimension)\n  \
             - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n  \
             - 4D or 5D input: padding size = 6 (pads last 3 dimensions)",
            pad.len()
        )));
    }
    match (mode, dims) {
        ("reflect", 1) => input.reflection_pad1d(pad),
        ("reflect", 2) => input.reflection_pad2d(pad),
        ("reflect", _) => input.reflection_pad3d(pad),
        ("replicate", 1) => input.replication_pad1d(pad),
        ("replicate", 2) => input.replication_pad2d(pad),
        ("replicate", _) => input.replication_pad3d(pad),
        ("circular", _) => circular(input, pad),
        _ => Err(Error::not_implemented(format!("Unrecognised padding mode {mode}"))),
    }
}

ops! { TABLE, PadOps;
    /// The input padded at the ends of its last dimensions: `pad` has two numbers for each, the last first; `mode` is
    /// `'constant'`, `'reflect'`, `'replicate'` or `'circular'`.
    fn pad "nn.functional.pad"(input: Tensor, pad: Dims, mode: String = "'constant'", value: Option<Scalar> = "null") [function] compose { padded(&input, &pad, &mode, value) };
    /// The input padded with a number; negative padding cuts off.
    fn constant_pad_nd(input: Tensor, pad: Dims, value: Scalar = "0") [function] eval { constant(&input, &pad, value) }
        d input = |g, pad| { let back: Dims = pad.iter().map(|p| -p).collect(); g.constant_pad_nd(&back, 0i64) };
    /// Padding of the last dimension by reflection.
    fn reflection_pad1d(input: Tensor, padding: Dims) [hidden, ReflectionPad1DBackward0] eval { moded(&input, &padding, true) }
        d input = |g, input, padding| linked(g._pad_back(input.dims(), &padding, true), &[&input]);
    /// Padding of the last two dimensions by reflection.
    fn reflection_pad2d(input: Tensor, padding: Dims) [hidden, ReflectionPad2DBackward0] eval { moded(&input, &padding, true) }
        d input = |g, input, padding| linked(g._pad_back(input.dims(), &padding, true), &[&input]);
    /// Padding of the last three dimensions by reflection.
    fn reflection_pad3d(input: Tensor, padding: Dims) [hidden, ReflectionPad3DBackward0] eval { moded(&input, &padding, true) }
        d input = |g, input, padding| linked(g._pad_back(input.dims(), &padding, true), &[&input]);
    /// Padding of the last dimension with its edges.
    fn replication_pad1d(input: Tensor, padding: Dims) [hidden, ReplicationPad1DBackward0] eval { moded(&input, &padding, false) }
        d input = |g, input, padding| linked(g._pad_back(input.dims(), &padding, false), &[&input]);
    /// Padding of the last two dimensions with their edges.
    fn replication_pad2d(input: Tensor, padding: Dims) [hidden, ReplicationPad2DBackward0] eval { moded(&input, &padding, false) }
        d input = |g, input, padding| linked(g._pad_back(input.dims(), &padding, false), &[&input]);
    /// Padding of the last three dimensions with their edges.
    fn replication_pad3d(input: Tensor, padding: Dims) [hidden, ReplicationPad3DBackward0] eval { moded(&input, &padding, false) }
        d input = |g, input, padding| linked(g._pad_back(input.dims(), &padding, false), &[&input]);
    /// The sums of what padding copied from each element.
    fn _pad_back(input: Tensor, sizes: Dims, padding: Dims, reflect: bool) [hidden] eval { moded_back(&input, &sizes, &padding, reflect) }
        d input = |g, padding, reflect| match (padding.len() / 2, reflect) {
            (1, true) => g.reflection_pad1d(&padding), (2, true) => g.reflection_pad2d(&padding), (_, true) => g.reflection_pad3d(&padding),
            (1, false) => g.replication_pad1d(&padding), (2, false) => g.replication_pad2d(&padding), (_, false) => g.replication_pad3d(&padding) };
}
