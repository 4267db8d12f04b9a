//! Gradients checked against central differences: `torch.autograd.gradcheck` and `gradgradcheck`.

use super::{backward, Backward};
use crate::dtype::DType;
use crate::error::{Error, Result};
use crate::print;
use crate::state;
use crate::tensor::Tensor;

/// A function of tensors, to be checked.
pub type Function<'a> = dyn Fn(&[Tensor]) -> Result<Vec<Tensor>> + 'a;

/// How closely, and how, gradients are compared.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The step of the differences.
    pub eps: f64,
    /// Absolute tolerance.
    pub atol: f64,
    /// Relative tolerance.
    pub rtol: f64,
    /// Compare one random projection of each Jacobian instead of all its entries.
    pub fast: bool,
}

impl Default for Check {
    fn default() -> Check {
        Check { eps: 1e-6, atol: 1e-5, rtol: 1e-3, fast: false }
    }
}

/// The elements as real numbers: a complex one is two.
fn coordinates(t: &Tensor) -> Vec<f64> {
    if t.dtype().is_complex() {
        t.to_vec::<num_complex::Complex<f64>>().into_iter().flat_map(|z| [z.re, z.im]).collect()
    } else {
        t.to_vec()
    }
}

/// A row-major tensor of the sizes and dtype of another, with these coordinates.
fn from_coordinates(like: &Tensor, values: &[f64]) -> Result {
    if like.dtype().is_complex() {
        let pairs: Vec<_> = values.chunks_exact(2).map(|p| num_complex::Complex::new(p[0], p[1])).collect();
        Tensor::from_slice(&pairs, like.sizes())
    } else {
        Tensor::from_slice(values, like.sizes())
    }
}

/// A leaf laid out like another, with these coordinates.
fn moved_leaf(like: &Tensor, values: &[f64]) -> Result {
    let room = Tensor::zeros(&[like.layout().extent() as i64], like.dtype())?;
    let out = room.alias(like.layout().clone());
    crate::kernels::copy::copy(&from_coordinates(like, values)?, &out);
    out.set_requires_grad(like.requires_grad())?;
    Ok(out)
}

/// Numbers in [-1, 1] that look random and are the same every time (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014).
fn directions(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = state;
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        })
        .collect()
}

/// The results that gradients flow through, by their place.
fn outputs_of(f: &Function, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let all = state::with_grad(true, || f(inputs))?;
    Ok(all.into_iter().filter(Tensor::requires_grad).collect())
}

/// Fresh leaves with the data of the inputs, so that a check leaves no trace on them.
fn leaves(inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let checked = |t: &Tensor| t.requires_grad() && t.dtype().to_real() == DType::Float64;
    inputs.iter().map(|t| if checked(t) { moved_leaf(t, &coordinates(t)) } else { Ok(t.clone()) }).collect()
}

/// How all outputs change, a coordinate each, when one input moves along `way`.
fn difference(f: &Function, inputs: &[Tensor], which: usize, way: &[f64], eps: f64) -> Result<Vec<Vec<f64>>> {
    let base = coordinates(&inputs[which]);
    let at = |step: f64| -> Result<Vec<Vec<f64>>> {
        let moved: Vec<f64> = base.iter().zip(way).map(|(x, w)| x + step * w).collect();
        let mut list = inputs.to_vec();
        list[which] = moved_leaf(&inputs[which], &moved)?;
        Ok(outputs_of(f, &list)?.iter().map(coordinates).collect())
    };
    let (up, down) = (at(eps)?, at(-eps)?);
    if up.len() != down.len() {
        return Err(Error::runtime("gradcheck: the function returned different numbers of outputs"));
    }
    Ok(up.iter().zip(&down).map(|(u, d)| u.iter().zip(d).map(|(u, d)| (u - d) / (2.0 * eps)).collect()).collect())
}

/// The gradient of one output along `way` with respect to every leaf, in coordinates.
fn pulled(out: &Tensor, way: &[f64], leaves: &[Tensor]) -> Result<Vec<Vec<f64>>> {
    let targets: Vec<Tensor> = leaves.iter().filter(|t| t.requires_grad()).cloned().collect();
    let grad = from_coordinates(out, way)?;
    let ask = Backward { retain_graph: true, inputs: Some(&targets), ..Backward::default() };
    let mut grads = backward(&[out.clone()], &[Some(grad)], &ask)?.into_iter();
    Ok(leaves
        .iter()
        .map(|t| match t.requires_grad().then(|| grads.next().flatten()).flatten() {
            Some(g) => coordinates(&g),
            None => vec![0.0; t.numel() * (1 + usize::from(t.dtype().is_complex()))],
        })
        .collect())
}

fn close(analytical: f64, numerical: f64, atol: f64, rtol: f64) -> bool {
    (analytical - numerical).abs() <= atol + rtol * numerical.abs()
}

fn mismatch(output: usize, input: usize, columns: usize, numerical: &[f64], analytical: &[f64]) -> Error {
    let show = |values: &[f64]| {
        let rows = (values.len() / columns.max(1)) as i64;
        Tensor::from_slice(values, &[rows, columns as i64]).and_then(|t| print::repr(&t)).unwrap_or_default()
    };
    Error::runtime(format!(
        "Jacobian mismatch for output {output} with respect to input {input},\nnumerical:{}\nanalytical:{}\n",
        show(numerical),
        show(analytical)
    ))
}

/// Compares the gradients of `f` with central differences, in every coordinate (complex numbers
/// count as two) or, if `fast`, along random directions.
pub fn gradcheck(f: &Function, inputs: &[Tensor], check: &Check) -> Result<()> {
    let inputs = leaves(inputs)?;
    let checked: Vec<usize> = (0..inputs.len()).filter(|&i| inputs[i].requires_grad()).collect();
    if checked.is_empty() {
        return Err(Error::value(
            "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True.",
        ));
    }
    let outs = outputs_of(f, &inputs)?;
    if check.fast { along_directions(f, &inputs, &checked, &outs, check) } else { everywhere(f, &inputs, &checked, &outs, check) }
}

/// Every entry of every Jacobian; rows are coordinates of the input.
fn everywhere(f: &Function, inputs: &[Tensor], checked: &[usize], outs: &[Tensor], check: &Check) -> Result<()> {
    let wide: Vec<usize> = outs.iter().map(|o| coordinates(o).len()).collect();
    let tall: Vec<usize> = inputs.iter().map(|t| coordinates(t).len()).collect();
    let blank = || -> Vec<Vec<Vec<f64>>> { wide.iter().map(|w| tall.iter().map(|n| vec![0.0; w * n]).collect()).collect() };
    let (mut numerical, mut analytical) = (blank(), blank());
    for &i in checked {
        for row in 0..tall[i] {
            let mut way = vec![0.0; tall[i]];
            way[row] = 1.0;
            for (o, change) in difference(f, inputs, i, &way, check.eps)?.into_iter().enumerate() {
                numerical[o][i][row * wide[o]..(row + 1) * wide[o]].copy_from_slice(&change);
            }
        }
    }
    for (o, out) in outs.iter().enumerate() {
        for column in 0..wide[o] {
            let mut way = vec![0.0; wide[o]];
            way[column] = 1.0;
            for (i, grad) in pulled(out, &way, inputs)?.into_iter().enumerate() {
                for (row, g) in grad.into_iter().enumerate() {
                    analytical[o][i][row * wide[o] + column] = g;
                }
            }
        }
        for &i in checked {
            let pairs = analytical[o][i].iter().zip(&numerical[o][i]);
            if !pairs.clone().all(|(a, n)| close(*a, *n, check.atol, check.rtol)) {
                return Err(mismatch(o, i, wide[o], &numerical[o][i], &analytical[o][i]));
            }
        }
    }
    Ok(())
}

/// One number for each pair of output and input.
fn along_directions(f: &Function, inputs: &[Tensor], checked: &[usize], outs: &[Tensor], check: &Check) -> Result<()> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let size = |a: &[f64]| a.iter().map(|x| x.abs()).sum::<f64>().max(1.0);
    let out_ways: Vec<Vec<f64>> = outs.iter().enumerate().map(|(o, t)| directions(coordinates(t).len(), o as u64)).collect();
    let pulls = outs.iter().zip(&out_ways).map(|(o, way)| pulled(o, way, inputs)).collect::<Result<Vec<_>>>()?;
    for &i in checked {
        let way = directions(coordinates(&inputs[i]).len(), 1000 + i as u64);
        for (o, change) in difference(f, inputs, i, &way, check.eps)?.iter().enumerate() {
            let (numerical, analytical) = (dot(change, &out_ways[o]), dot(&pulls[o][i], &way));
            if !close(analytical, numerical, check.atol * size(&way) * size(&out_ways[o]).sqrt(), check.rtol) {
                return Err(mismatch(o, i, 1, &[numerical], &[analytical]));
            }
        }
    }
    Ok(())
}

/// Checks the gradients of the gradients of `f`, for output gradients given or made up.
pub fn gradgradcheck(f: &Function, inputs: &[Tensor], grad_outputs: Option<&[Tensor]>, check: &Check) -> Result<()> {
    let first = leaves(inputs)?;
    let outs = outputs_of(f, &first)?;
    let mut all = first;
    let count = all.len();
    for (i, out) in outs.iter().enumerate() {
        let grad = match grad_outputs.and_then(|g| g.get(i)) {
            Some(g) => g.clone(),
            None => from_coordinates(out, &directions(coordinates(out).len(), 77 + i as u64))?,
        };
        let grad = grad.copied(grad.dtype())?;
        grad.set_requires_grad(true)?;
        all.push(grad);
    }
    let slopes = |list: &[Tensor]| -> Result<Vec<Tensor>> {
        let (inputs, grads) = list.split_at(count);
        let outs = outputs_of(f, inputs)?;
        let targets: Vec<Tensor> = inputs.iter().filter(|t| t.requires_grad()).cloned().collect();
        let ask = Backward { retain_graph: true, create_graph: true, inputs: Some(&targets), ..Backward::default() };
        let grads: Vec<Option<Tensor>> = grads.iter().cloned().map(Some).collect();
        Ok(backward(&outs, &grads, &ask)?.into_iter().flatten().collect())
    };
    gradcheck(&slopes, &all, check)
}
