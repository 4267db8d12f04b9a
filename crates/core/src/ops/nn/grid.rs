//! Images sampled at the places of a grid (Jaderberg et al., "Spatial Transformer Networks", 2015),
//! written in ops; the gradients are those of these ops.

use crate::autograd::{backward, Backward};
use crate::ops::prelude::*;

/// How samples are made, and what lies outside of the image.
#[derive(Clone, Copy)]
struct Sampler {
    /// 0 linear, 1 nearest, 2 cubic.
    mode: i64,
    /// 0 zeros, 1 the border, 2 a reflection.
    padding: i64,
    corners: bool,
}

/// Weights and integer places along one dimension.
type Taps = Vec<(Option<Tensor>, Tensor)>;

impl Sampler {
    /// A place in [-1, 1] in elements.
    fn unnormalised(&self, x: &Tensor, size: i64) -> Result {
        let x = x.add(1i64, 1i64)?;
        if self.corners { x.mul((size - 1) as f64 / 2.0) } else { x.mul(size as f64)?.sub(1i64, 1i64)?.mul(0.5) }
    }

    /// A place brought inside, where the padding does so.
    fn padded(&self, x: Tensor, size: i64) -> Result {
        let x = match self.padding {
            0 => return Ok(x),
            2 if self.corners => reflected(&x, 0.0, (size - 1) as f64)?,
            2 => reflected(&x, -0.5, size as f64 - 0.5)?,
            _ => x,
        };
        x.clamp_scalar(0i64, size - 1)
    }

    /// Which elements make up the samples along one dimension of an image.
    fn taps(&self, grid: &Tensor, size: i64) -> Result<Taps> {
        let x = self.unnormalised(grid, size)?;
        match self.mode {
            1 => {
                let x = self.padded(x, size)?;
                Ok(vec![(None, x.detached().round()?)])
            }
            2 => {
                let floor = x.detached().floor()?;
                let t = x.sub(&floor, 1i64)?;
                (-1..3i64).map(|k| Ok((Some(keys(&t.sub(k, 1i64)?.abs()?)?), self.padded(floor.add(k, 1i64)?, size)?))).collect()
            }
            _ => {
                let x = self.padded(x, size)?;
                let floor = x.detached().floor()?;
                let t = x.sub(&floor, 1i64)?;
                Ok(vec![(Some(t.rsub(1i64, 1i64)?), floor.clone()), (Some(t), floor.add(1i64, 1i64)?)])
            }
        }
    }

    /// The samples of `input`, `[n, c, ...]`, at `grid`, `[n, ..., dims]`, whose last dimension
    /// counts from the width.
    fn sample(&self, input: &Tensor, grid: &Tensor) -> Result {
        let (x, n) = (input.sizes(), input.ndim() - 2);
        let points = grid.sizes()[1..=n].iter().product::<i64>();
        let flat = input.reshape([x[0], x[1], x[2..].iter().product::<i64>()])?;
        let along: Vec<Taps> = (0..n).map(|d| {
            let coordinate = grid.select(-1i64, (n - 1 - d) as i64)?.reshape([x[0], 1, points])?;
            self.taps(&coordinate, x[d + 2])
        }).collect::<Result<_>>()?;
        let mut sum: Option<Tensor> = None;
        let combinations: usize = along.iter().map(Vec::len).product();
        for c in 0..combinations {
            let mut rest = c;
            let (mut place, mut inside, mut weight) = (None::<Tensor>, None::<Tensor>, None::<Tensor>);
            for d in (0..n).rev() {
                let (w, at) = &along[d][rest % along[d].len()];
                rest /= along[d].len();
                let size = x[d + 2];
                let here = at.detached().ge(0i64)?.logical_and(at.detached().lt(size)?)?;
                // What is outside counts for nothing; any element may stand there.
                let index = at.detached().masked_fill(here.logical_not()?, 0i64)?._to_copy(DType::Int64)?;
                let stride: i64 = x[d + 3..].iter().product();
                place = Some(combined(place, index.mul(stride)?, |p, q| p.add(q, 1i64))?);
                inside = Some(combined(inside, here, |p, q| p.logical_and(q))?);
                if let Some(w) = w {
                    weight = Some(combined(weight, w.clone(), |p, q| p.mul(q))?);
                }
            }
            let (Some(place), Some(inside)) = (place, inside) else { continue };
            let values = flat.gather(2i64, place.expand([x[0], x[1], points])?, false)?.masked_fill(inside.logical_not()?, 0i64)?;
            let part = match weight {
                Some(w) => values.mul(w.masked_fill(inside.logical_not()?, 0i64)?)?,
                None => values,
            };
            sum = Some(combined(sum, part, |p, q| p.add(q, 1i64))?);
        }
        let mut sizes: Dims = x[..2].into();
        sizes.extend_from_slice(&grid.sizes()[1..=n]);
        match sum {
            Some(s) => s.reshape(&sizes),
            None => Tensor::zeros(&sizes, input.dtype()),
        }
    }

    fn forward(&self, input: &Tensor, grid: &Tensor) -> Result {
        let dtype = input.dtype();
        if !dtype.is_floating_point() {
            let n = input.ndim() - 2;
            return Err(Error::dtype(&format!("grid_sampler_{n}d_cpu{}", if n == 2 { "_kernel_impl" } else { "" }), dtype));
        }
        let wide = |t: &Tensor| crate::ops::cast(&t.detached(), dtype.compute());
        crate::ops::cast(&self.sample(&wide(input)?, &wide(grid)?)?, dtype)
    }

    /// The gradient of the image, or of the grid.
    fn grad(&self, g: &Tensor, input: &Tensor, grid: &Tensor, of_grid: bool) -> Result {
        let recorded = crate::state::grad_enabled();
        // Recorded, the gradient must lead to the inputs again; otherwise it ends at copies.
        let own = |t: &Tensor, asked: bool| -> Result {
            if recorded && t.requires_grad() {
                return t.detach_view();
            }
            let t = t.detached();
            if asked {
                t.set_requires_grad(true)?;
            }
            Ok(t)
        };
        let (x, y) = (own(input, !of_grid)?, own(grid, of_grid)?);
        let asked = if of_grid { y.clone() } else { x.clone() };
        let zeros = || Tensor::zeros(asked.sizes(), asked.dtype());
        let out = crate::state::with_grad(true, || self.sample(&x, &y))?;
        if !out.requires_grad() {
            return zeros();
        }
        let ask = Backward { create_graph: recorded, retain_graph: recorded, inputs: Some(std::slice::from_ref(&asked)), accumulate: false };
        backward(&[out], &[Some(g.clone())], &ask)?.swap_remove(0).map_or_else(zeros, Ok)
    }
}

/// Two parts put together, the first of which may be missing.
fn combined(a: Option<Tensor>, b: Tensor, f: impl FnOnce(&Tensor, &Tensor) -> Result) -> Result {
    match a {
        Some(a) => f(&a, &b),
        None => Ok(b),
    }
}

/// A place reflected at both ends until it lies between them.
fn reflected(x: &Tensor, low: f64, high: f64) -> Result {
    let span = high - low;
    if span <= 0.0 {
        return x.mul(0i64);
    }
    let far = x.sub(low, 1i64)?.abs()?;
    let flips = far.detached().true_divide(span)?.floor()?;
    let rest = far.sub(flips.mul(span)?, 1i64)?;
    let odd = flips.sub(flips.mul(0.5)?.floor()?.mul(2i64)?, 1i64)?.ne(0i64)?;
    odd.where_op(rest.rsub(span, 1i64)?, &rest)?.add(low, 1i64)
}

/// Keys' cubic with slope -0.75, of a distance.
fn keys(x: &Tensor) -> Result {
    let near = x.mul(1.25)?.sub(2.25, 1i64)?.mul(x)?.mul(x)?.add(1i64, 1i64)?;
    let far = x.sub(5i64, 1i64)?.mul(x)?.add(8i64, 1i64)?.mul(x)?.sub(4i64, 1i64)?.mul(-0.75)?;
    x.lt(1i64)?.where_op(near, far)
}

fn check(input: &Tensor, grid: &Tensor) -> Result<()> {
    let (x, g) = (input.sizes(), grid.sizes());
    let fail = |m: String| Err(Error::runtime(m));
    if x.first() != g.first() {
        return fail(format!("grid_sampler(): expected grid and input to have same batch size, but got input with sizes {x:?} and grid with sizes {g:?}"));
    }
    let n = input.ndim() as i64 - 2;
    if g.last() != Some(&n) {
        return fail(format!("grid_sampler(): expected grid to have size {n} in last dimension, but got grid with sizes {g:?}"));
    }
    if let Some(d) = (2..x.len()).find(|d| x[*d] == 0) {
        return fail(format!("grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes {x:?} with dimension {d} being empty"));
    }
    if !matches!(x.len(), 4 | 5) || g.len() != x.len() {
        return fail(format!(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got input with sizes {x:?} and grid with sizes {g:?}"
        ));
    }
    if input.dtype() != grid.dtype() {
        return fail(format!("expected scalar type {} but found {}", input.dtype().scalar_type(), grid.dtype().scalar_type()));
    }
    Ok(())
}

fn sampled(input: &Tensor, grid: &Tensor, s: Sampler) -> Result {
    check(input, grid)?;
    if input.ndim() == 4 {
        input.grid_sampler_2d(grid, s.mode, s.padding, s.corners)
    } else if s.mode == 2 {
        Err(Error::runtime("grid_sampler(): bicubic interpolation only supports 4D input"))
    } else {
        input.grid_sampler_3d(grid, s.mode, s.padding, s.corners)
    }
}

/// The numbers of the words for modes and paddings.
fn numbers(mode: &str, padding: &str) -> Result<(i64, i64)> {
    let find = |list: [&str; 3], word: &str| list.iter().position(|w| *w == word).map(|i| i as i64);
    let mode = find(["bilinear", "nearest", "bicubic"], mode).ok_or_else(|| Error::value(format!(
        "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: '{mode}'"
    )))?;
    let padding = find(["zeros", "border", "reflection"], padding).ok_or_else(|| Error::value(format!(
        "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or 'reflection', but got: '{padding}'"
    )))?;
    Ok((mode, padding))
}

/// The places of all elements of an image of these sizes, `[points, dims + 1]`, the last one being 1.
fn base_grid(spatial: &[i64], corners: bool, dtype: DType) -> Result {
    let n = spatial.len();
    let points = spatial.iter().product::<i64>() as usize;
    let mut out = vec![1.0; points * (n + 1)];
    let place = |i: i64, size: i64| match size {
        0 | 1 => 0.0,
        s if corners => 2.0 * i as f64 / (s - 1) as f64 - 1.0,
        s => (2 * i + 1) as f64 / s as f64 - 1.0,
    };
    for p in 0..points {
        let mut rest = p as i64;
        for d in (0..n).rev() {
            out[p * (n + 1) + n - 1 - d] = place(rest % spatial[d], spatial[d]);
            rest /= spatial[d];
        }
    }
    Tensor::from_slice(&out, &[points as i64, n as i64 + 1])?.as_contiguous(dtype)
}

fn check_affine(theta: &Tensor, size: &Dims) -> Result<()> {
    let t = theta.sizes();
    let told = format!("({})", super::by(size, ", "));
    if !theta.dtype().is_floating_point() {
        return Err(Error::value(format!("Expected theta to have floating point type, but got torch.{}", theta.dtype().name())));
    }
    let n = match size.len() {
        4 => 2,
        5 => 3,
        _ => return Err(Error::not_implemented(format!(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. Got size {told}."
        ))),
    };
    if t.len() != 3 || t[1..] != [n, n + 1] {
        return Err(Error::value(format!(
            "Expected a batch of {n}D affine matrices of shape Nx{n}x{} for size {told}. Got torch.Size({t:?}).", n + 1
        )));
    }
    if size.iter().any(|s| *s <= 0) {
        return Err(Error::value(format!("Expected non-zero, positive output size. Got {told}")));
    }
    if t[0] != size[0] {
        return Err(Error::runtime(format!(
            "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].", size[0], n + 1, t[0], n + 1
        )));
    }
    Ok(())
}

fn affine(theta: &Tensor, size: &Dims, corners: bool) -> Result {
    let spatial = &size[2..];
    let grid = base_grid(spatial, corners, theta.dtype())?.matmul(theta.detached().transpose(1i64, 2i64)?)?;
    let mut sizes: Dims = dims![size[0]];
    sizes.extend_from_slice(spatial);
    sizes.push(spatial.len() as i64);
    grid.view(&sizes)
}

ops! { TABLE, GridOps;
    /// The input sampled at the places that `grid` names, from -1 to 1 along each dimension.
    fn grid_sample "nn.functional.grid_sample"(input: Tensor, grid: Tensor, mode: String = "'bilinear'", padding_mode: String = "'zeros'", align_corners: Option<bool> = "null") [function] compose {
        let (mode, padding) = numbers(&mode, &padding_mode)?;
        sampled(&input, &grid, Sampler { mode, padding, corners: align_corners.unwrap_or(false) }) };
    /// `grid_sample` with numbers for the modes.
    fn grid_sampler(input: Tensor, grid: Tensor, interpolation_mode: i64, padding_mode: i64, align_corners: bool) [function] compose {
        sampled(&input, &grid, Sampler { mode: interpolation_mode, padding: padding_mode, corners: align_corners }) };
    /// `grid_sampler` of images.
    fn grid_sampler_2d(input: Tensor, grid: Tensor, interpolation_mode: i64, padding_mode: i64, align_corners: bool) [function, GridSampler2DBackward0] eval {
        check(&input, &grid)?; Sampler { mode: interpolation_mode, padding: padding_mode, corners: align_corners }.forward(&input, &grid) }
        d input = |g, input, grid, interpolation_mode, padding_mode, align_corners| Sampler { mode: interpolation_mode, padding: padding_mode, corners: align_corners }.grad(g, &input, &grid, false),
        d grid = |g, input, grid, interpolation_mode, padding_mode, align_corners| Sampler { mode: interpolation_mode, padding: padding_mode, corners: align_corners }.grad(g, &input, &grid, true);
    /// `grid_sampler` of volumes.
    fn grid_sampler_3d(input: Tensor, grid: Tensor, interpolation_mode: i64, padding_mode: i64, align_corners: bool) [function, GridSampler3DBackward0] eval {
        check(&input, &grid)?; Sampler { mode: interpolation_mode, padding: padding_mode, corners: align_corners }.forward(&input, &grid) }
        d input = |g, input, grid, interpolation_mode, padding_mode, align_corners| Sampler { mode: interpolation_mode, padding: padding_mode, corners: align_corners }.grad(g, &input, &grid, false),
        d grid = |g, input, grid, interpolation_mode, padding_mode, align_corners| Sampler { mode: interpolation_mode, padding: padding_mode, corners: align_corners }.grad(g, &input, &grid, true);
    /// The grid that an affine map makes of the places of an image of `size`.
    fn affine_grid "nn.functional.affine_grid"(theta: Tensor, size: Dims, align_corners: Option<bool> = "null") [function] compose {
        check_affine(&theta, &size)?; theta._affine_grid(&size, align_corners.unwrap_or(false)) };
    /// `affine_grid` of arguments that fit.
    fn _affine_grid(theta: Tensor, size: Dims, align_corners: bool) [hidden, AffineGridGeneratorBackward0] eval { affine(&theta, &size, align_corners) }
        d theta = |g, size, align_corners| { let n = size.len() as i64 - 2;
            g.reshape([size[0], size[2..].iter().product::<i64>(), n])?.transpose(1i64, 2i64)?.matmul(base_grid(&size[2..], align_corners, g.dtype())) };
}
