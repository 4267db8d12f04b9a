//! Sliding blocks: the patches of images as columns, and columns added up to images.

use super::by;
use crate::kernels::conv::Geometry;
use crate::kernels::gemm::Wrapping;
use crate::ops::prelude::*;

/// The numbers of the blocks, for height and width.
struct Blocks {
    kernel: Dims,
    dilation: Dims,
    padding: Dims,
    stride: Dims,
}

impl Blocks {
    fn new(kernel: &Dims, dilation: &Dims, padding: &Dims, stride: &Dims) -> Result<Blocks> {
        let two = |name: &str, list: &Dims| match list.len() {
            1 => Ok(Dims::from_elem(list[0], 2)),
            2 => Ok(list.clone()),
            n => Err(Error::runtime(format!("It is expected {name} equals to 2, but got size {n}"))),
        };
        let b = Blocks { kernel: two("kernel_size", kernel)?, dilation: two("dilation", dilation)?, padding: two("padding", padding)?, stride: two("stride", stride)? };
        let fail = |what: &str, than: &str, prefix: &str, list: &Dims| {
            Err(Error::runtime(format!("{what} should be {than}, but got {prefix}_height: {} {prefix}_width: {}", list[0], list[1])))
        };
        for (what, prefix, list) in [("kernel size", "kernel", &b.kernel), ("dilation", "dilation", &b.dilation)] {
            if list.iter().any(|v| *v <= 0) {
                return fail(what, "greater than zero", prefix, list);
            }
        }
        if b.padding.iter().any(|v| *v < 0) {
            return fail("padding", "non-negative", "pad", &b.padding);
        }
        if b.stride.iter().any(|v| *v <= 0) {
            return fail("stride", "greater than zero", "stride", &b.stride);
        }
        Ok(b)
    }

    /// How many blocks lie along height and width.
    fn count(&self, image: &[i64]) -> Dims {
        (0..2).map(|d| {
            let reach = self.dilation[d].saturating_mul(self.kernel[d] - 1);
            (image[d] + 2 * self.padding[d] - reach - 1).div_euclid(self.stride[d]) + 1
        }).collect()
    }

    fn volume(&self) -> i64 {
        self.kernel[0].saturating_mul(self.kernel[1])
    }

    fn geometry(&self, batch: i64, channels: i64, image: &[i64]) -> Geometry {
        let wide = |list: &[i64], fill: usize| [fill, list[0] as usize, list[1] as usize];
        Geometry {
            batch: batch as usize,
            groups: 1,
            channels: channels as usize,
            filters: 0,
            input: wide(image, 1),
            kernel: wide(&self.kernel, 1),
            output: wide(&self.count(image), 1),
            stride: wide(&self.stride, 1),
            padding: wide(&self.padding, 0),
            dilation: wide(&self.dilation, 1),
        }
    }

    fn told(&self, what: &[&str]) -> String {
        let all = [("kernel_size", &self.kernel), ("dilation", &self.dilation), ("padding", &self.padding), ("stride", &self.stride)];
        all.iter().filter(|a| what.contains(&a.0)).map(|(n, l)| format!("{n}=({})", by(l, ", "))).collect::<Vec<_>>().join(", ")
    }
}

fn unfolded(input: &Tensor, b: &Blocks) -> Result {
    let s = input.sizes();
    let fits = matches!(s.len(), 3 | 4) && !s[s.len().saturating_sub(3)..].contains(&0);
    if s.len() < 3 {
        return Err(Error::dim_range(2, s.len()));
    }
    if !fits {
        return Err(Error::runtime(format!(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {s:?}"
        )));
    }
    let (n, c, image) = (if s.len() == 4 { s[0] } else { 1 }, s[s.len() - 3], &s[s.len() - 2..]);
    let count = b.count(image);
    if count.iter().any(|v| *v < 1) {
        return Err(Error::runtime(format!(
            "Given input with spatial size ({}), {}, calculated shape of the array of sliding blocks as ({}), but its components must be at least one.",
            by(image, ", "), b.told(&["kernel_size", "dilation", "padding"]), by(&count, ", ")
        )));
    }
    if input.dtype().is_integral() && input.dtype() != DType::Bool {
        return Err(Error::dtype("im2col_out_cpu", input.dtype()));
    }
    let mut sizes: Dims = s[..s.len() - 3].into();
    sizes.extend([c * b.volume(), count[0] * count[1]]);
    let out = Tensor::empty(&sizes, input.dtype())?;
    let (x, g) = (input.contiguous_data()?, b.geometry(n, c, image));
    dispatch!(input.dtype(), T => g.unfold::<T>(x.data(), out.data_mut()));
    Ok(out)
}

fn check_fold(s: &[i64], output: &[i64], b: &Blocks) -> Result<()> {
    let fail = |m: String| Err(Error::runtime(m));
    let k = s.len();
    if output.len() != 2 {
        return fail(format!("It is expected output_size equals to 2, but got size {}", output.len()));
    }
    if !matches!(k, 2 | 3) || s[k - 2..].contains(&0) {
        return fail(format!("Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {s:?}"));
    }
    if s[k - 2] % b.volume() != 0 {
        return fail(format!(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got input.size(1)={} and kernel_size=({}).",
            s[k - 2], by(&b.kernel, ", ")
        ));
    }
    let count = b.count(output);
    let blocks = count[0].saturating_mul(count[1]);
    if blocks != s[k - 1] || count.iter().any(|c| *c < 1) {
        return fail(format!(
            "Given output_size=({}), {}, expected size of input's dimension 2 to match the calculated number of sliding blocks {} * {} = {blocks}, but got input.size(2)={}.",
            by(output, ", "), b.told(&["kernel_size", "dilation", "padding", "stride"]), count[0], count[1], s[k - 1]
        ));
    }
    if output.iter().any(|o| *o < 1) {
        return fail(format!("Expected output spatial size to be positive, but got: output_size=({}).", by(output, ", ")));
    }
    Ok(())
}

fn folded(input: &Tensor, output: &Dims, b: &Blocks) -> Result {
    let output = if output.len() == 1 { Dims::from_elem(output[0], 2) } else { output.clone() };
    let s = input.sizes();
    check_fold(s, &output, b)?;
    let k = s.len();
    let (n, c) = (if k == 3 { s[0] } else { 1 }, s[k - 2] / b.volume());
    if input.dtype().is_integral() && input.dtype() != DType::Bool {
        return Err(Error::dtype("col2im_out_cpu", input.dtype()));
    }
    let mut sizes: Dims = s[..k - 2].into();
    sizes.push(c);
    sizes.extend_from_slice(&output);
    crate::layout::checked_numel(&sizes)?;
    let g = b.geometry(n, c, &output);
    super::accumulated(input, &sizes, |x, out| match x.dtype() {
        DType::Float32 => g.fold::<f32>(x.data(), out.data_mut()),
        DType::Float64 => g.fold::<f64>(x.data(), out.data_mut()),
        DType::Complex64 => g.fold::<Complex<f32>>(x.data(), out.data_mut()),
        DType::Complex128 => g.fold::<Complex<f64>>(x.data(), out.data_mut()),
        _ => {
            let cols: Vec<Wrapping> = x.data::<i64>().iter().map(|v| Wrapping(*v)).collect();
            let mut sums = vec![Wrapping(0); out.numel()];
            g.fold(&cols, &mut sums);
            out.data_mut::<i64>().iter_mut().zip(sums).for_each(|(d, s)| *d = s.0);
        }
    })
}

ops! { TABLE, FoldOps;
    /// The patches of each image as columns.
    fn unfold_patches "nn.functional.unfold"(input: Tensor, kernel_size: Dims, dilation: Dims = "1", padding: Dims = "0", stride: Dims = "1") [function, Im2ColBackward0] eval {
        unfolded(&input, &Blocks::new(&kernel_size, &dilation, &padding, &stride)?) }
        d input = |g, sizes, kernel_size, dilation, padding, stride| { let n = sizes.len(); g.fold([sizes[n - 2], sizes[n - 1]], &kernel_size, &dilation, &padding, &stride) };
    /// Columns of patches added up to images of `output_size`.
    fn fold "nn.functional.fold"(input: Tensor, output_size: Dims, kernel_size: Dims, dilation: Dims = "1", padding: Dims = "0", stride: Dims = "1") [function, Col2ImBackward0] eval {
        folded(&input, &output_size, &Blocks::new(&kernel_size, &dilation, &padding, &stride)?) }
        d input = |g, kernel_size, dilation, padding, stride| g.unfold_patches(&kernel_size, &dilation, &padding, &stride);
}
