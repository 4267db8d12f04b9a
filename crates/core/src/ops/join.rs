//! Tensors joined, and tensors expanded or combined with each other.

use super::prelude::*;
use super::views::all_at_least;
use crate::kernels::copy::copy as copy_elements;

/// `torch.cat` for formulas.
pub(crate) fn cat_of(tensors: Vec<Tensor>, dim: i64) -> Result {
    crate::value::first(crate::autograd::call(&cat::OP, &[
        Value::Tensors(tensors.into_iter().map(Some).collect()),
        Value::Scalar(Scalar::Int(dim)),
    ])?)
}

/// `torch.stack` for other entries.
pub(crate) fn stack_of(tensors: Vec<Tensor>, dim: i64) -> Result {
    crate::value::first(crate::autograd::call(&stack::OP, &[
        Value::Tensors(tensors.into_iter().map(Some).collect()),
        Value::Scalar(Scalar::Int(dim)),
    ])?)
}

/// A one-dimensional empty tensor joins with anything, as it always has in PyTorch.
fn skipped(sizes: &[i64]) -> bool {
    sizes == [0]
}

fn joined(tensors: &[Tensor], dim: i64) -> Result {
    if tensors.is_empty() {
        return Err(Error::value("torch.cat(): expected a non-empty list of Tensors"));
    }
    for (i, t) in tensors.iter().enumerate() {
        if t.ndim() == 0 {
            return Err(Error::runtime(format!("zero-dimensional tensor (at position {i}) cannot be concatenated")));
        }
    }
    let all: Vec<&Tensor> = tensors.iter().collect();
    let dtype = result_type(&all);
    let Some(model) = tensors.iter().find(|t| !skipped(t.sizes())) else {
        return Tensor::empty(&[0], dtype);
    };
    let d = wrap_dim(dim, model.ndim())?;
    let mut sizes = model.dims();
    sizes[d] = 0;
    for (i, t) in tensors.iter().enumerate().filter(|(_, t)| !skipped(t.sizes())) {
        if t.ndim() != sizes.len() {
            return Err(Error::runtime(format!(
                "Tensors must have same number of dimensions: got {} and {}", model.ndim(), t.ndim()
            )));
        }
        for k in 0..sizes.len() {
            if k != d && t.sizes()[k] != sizes[k] {
                return Err(Error::runtime(format!(
                    "Sizes of tensors must match except in dimension {d}. Expected size {} but got size {} for tensor number {i} in the list.",
                    sizes[k], t.sizes()[k]
                )));
            }
        }
        sizes[d] += t.sizes()[d];
    }
    let out = Tensor::empty(&sizes, dtype)?;
    let mut at = 0;
    for t in tensors.iter().filter(|t| !skipped(t.sizes())) {
        let mut l = out.layout().clone();
        l.offset += at * l.strides[d];
        l.sizes[d] = t.sizes()[d];
        copy_elements(t, &out.alias(l));
        at += t.sizes()[d];
    }
    Ok(out)
}

fn split_grad(g: &Tensor, lists: &[Dims], dim: i64) -> Result<Vec<Tensor>> {
    let d = wrap_dim(dim, g.ndim())?;
    let mut at = 0;
    lists.iter().map(|s| {
        if skipped(s) {
            return Tensor::zeros(s, g.dtype());
        }
        at += s[d];
        g.narrow(d as i64, at - s[d], s[d])
    }).collect()
}

fn stacked(tensors: &[Tensor], dim: i64) -> Result {
    let Some(first) = tensors.first() else { return Err(Error::runtime("stack expects a non-empty TensorList")) };
    let d = wrap_dim(dim, first.ndim() + 1)? as i64;
    if let Some((i, t)) = tensors.iter().enumerate().find(|(_, t)| t.sizes() != first.sizes()) {
        return Err(Error::runtime(format!(
            "stack expects each tensor to be equal size, but got {:?} at entry 0 and {:?} at entry {i}", first.sizes(), t.sizes()
        )));
    }
    let parts: Result<Vec<Tensor>> = tensors.iter().map(|t| t.detached().unsqueeze(d)).collect();
    joined(&parts?, d)
}

fn not_empty(name: &str, tensors: &[Tensor]) -> Result<()> {
    if tensors.is_empty() { Err(Error::runtime(format!("{name} expects a non-empty TensorList"))) } else { Ok(()) }
}

/// Rows and columns of a block.
fn block_sizes(sizes: &[i64]) -> (i64, i64) {
    match sizes {
        [] => (1, 1),
        [n] => (1, *n),
        [m, n, ..] => (*m, *n),
    }
}

/// A matrix with the tensors along its diagonal.
fn blocks(tensors: &[Tensor]) -> Result {
    if let Some((i, t)) = tensors.iter().enumerate().find(|(_, t)| t.ndim() > 2) {
        return Err(Error::runtime(format!(
            "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {} dimensions", t.ndim()
        )));
    }
    if tensors.is_empty() {
        return Tensor::zeros(&[1, 0], crate::state::default_dtype());
    }
    let sizes: Vec<(i64, i64)> = tensors.iter().map(|t| block_sizes(t.sizes())).collect();
    let (m, n) = sizes.iter().fold((0, 0), |(m, n), s| (m + s.0, n + s.1));
    let out = Tensor::zeros(&[m, n], result_type(&tensors.iter().collect::<Vec<_>>()))?;
    let (mut row, mut col) = (0, 0);
    for (t, (m, n)) in tensors.iter().zip(sizes) {
        let block = out.narrow(0i64, row, m)?.narrow(1i64, col, n)?;
        copy_elements(&t.detached().reshape([m, n])?, &block);
        (row, col) = (row + m, col + n);
    }
    Ok(out)
}

fn blocks_grad(g: &Tensor, lists: &[Dims]) -> Result<Vec<Tensor>> {
    let (mut row, mut col) = (0, 0);
    lists.iter().map(|sizes| {
        let (m, n) = block_sizes(sizes);
        let block = g.narrow(0i64, row, m)?.narrow(1i64, col, n)?.reshape(sizes);
        (row, col) = (row + m, col + n);
        block
    }).collect()
}

/// Each tensor along a dimension of its own, expanded over those of the others.
fn grid(tensors: &[Tensor], indexing: &str) -> Result<Vec<Tensor>> {
    not_empty("meshgrid", tensors)?;
    if let Some(t) = tensors.iter().find(|t| t.ndim() > 1) {
        return Err(Error::runtime(format!("torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {}", format!("{t:?}"))));
    }
    if tensors.iter().any(|t| t.dtype() != tensors[0].dtype()) {
        return Err(Error::runtime("meshgrid expects all tensors to have the same dtype"));
    }
    let swap = match indexing {
        "xy" => tensors.len() > 1,
        "ij" => false,
        other => return Err(Error::runtime(format!(
            "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: {other}"
        ))),
    };
    let n = tensors.len();
    // With "xy" the first two dimensions change places.
    let place = |i: usize| if swap && i < 2 { 1 - i } else { i };
    let mut sizes = Dims::from_elem(1, n);
    for (i, t) in tensors.iter().enumerate() {
        sizes[place(i)] = t.numel() as i64;
    }
    tensors.iter().enumerate().map(|(i, t)| {
        let mut own = Dims::from_elem(1, n);
        own[place(i)] = -1;
        t.view(&own)?.expand(&sizes)
    }).collect()
}

fn vectors(tensors: &[Tensor]) -> Result<()> {
    match tensors.iter().find(|t| t.ndim() != 1) {
        Some(t) => Err(Error::runtime(format!("Expect a 1D vector, but got shape {:?}", t.sizes()))),
        None => Ok(()),
    }
}

/// The indices of all choices of `r` of `n`, in lexicographic order.
fn choices(n: i64, r: i64, again: bool) -> Result {
    if r == 0 {
        return Tensor::empty(&[0], DType::Int64);
    }
    let (n, r) = (n as usize, r as usize);
    let mut out: Vec<i64> = Vec::new();
    let mut choice: Vec<usize> = (0..r).map(|i| if again { 0 } else { i }).collect();
    let most = |i: usize| if again { n } else { n + i + 1 - r };
    let any = if again { n > 0 } else { r <= n };
    while any {
        out.extend(choice.iter().map(|i| *i as i64));
        // The last place that can move on does, and those after it follow as close as they may.
        let Some(at) = (0..r).rev().find(|&i| choice[i] + 1 < most(i)) else { break };
        let start = choice[at] + 1;
        for (k, c) in choice[at..].iter_mut().enumerate() {
            *c = if again { start } else { start + k };
        }
    }
    let count = (out.len() / r) as i64;
    Tensor::from_slice(&out, &[count, r as i64])
}

ops! { TABLE, JoinOps;
    /// Tensors joined along a dimension.
    fn cat(tensors: Vec<Tensor>, dim: i64 = "0") ["concat", "concatenate"] eval { joined(&tensors, dim) }
        d tensors = |g, lists, dim| split_grad(g, &lists, dim);
    /// Tensors of one shape joined along a new dimension.
    fn stack(tensors: Vec<Tensor>, dim: i64 = "0") [] eval { stacked(&tensors, dim) }
        d tensors = |g, lists, dim| (0..lists.len() as i64).map(|i| g.select(dim, i)).collect::<Result<Vec<Tensor>>>();
    /// Tensors side by side: along the second dimension, or the only one.
    fn hstack(tensors: Vec<Tensor>) [] compose {
        not_empty("hstack", &tensors)?; let all = all_at_least(1, &tensors)?;
        let dim = i64::from(all[0].ndim() > 1); cat_of(all, dim) };
    /// Tensors one below the other, vectors as rows.
    fn vstack(tensors: Vec<Tensor>) ["row_stack"] compose {
        not_empty("vstack", &tensors)?; cat_of(all_at_least(2, &tensors)?, 0) };
    /// Tensors one behind the other, along the third dimension.
    fn dstack(tensors: Vec<Tensor>) [] compose { not_empty("dstack", &tensors)?; cat_of(all_at_least(3, &tensors)?, 2) };
    /// Tensors side by side, vectors as columns.
    fn column_stack(tensors: Vec<Tensor>) [] compose {
        not_empty("column_stack", &tensors)?;
        let columns: Result<Vec<Tensor>> = tensors.iter().map(|t| if t.ndim() > 1 { Ok(t.clone()) } else { t.reshape([t.numel() as i64, 1]) }).collect();
        cat_of(columns?, 1) };
    /// A matrix with the tensors along its diagonal.
    fn block_diag(tensors: Vec<Tensor>) [] eval { blocks(&tensors) } d tensors = |g, lists| blocks_grad(g, &lists);
    /// Tensors expanded to the sizes they have together.
    fn broadcast_tensors(tensors: Vec<Tensor>) -> (list) [] compose {
        let mut sizes = Dims::new();
        for t in &tensors { sizes = broadcast(&sizes, t.sizes())?; }
        tensors.iter().map(|t| t.expand(&sizes)).collect::<Result<Vec<Tensor>>>() };
    /// The coordinates of a grid: each tensor along a dimension of its own, expanded over the others.
    fn meshgrid(tensors: Vec<Tensor>; indexing: String = "'ij'") -> (list) [] compose { grid(&tensors, &indexing) };
    /// All rows that have one element of each vector.
    fn cartesian_prod(tensors: Vec<Tensor>) [] compose {
        not_empty("cartesian_prod", &tensors)?; vectors(&tensors)?;
        if tensors.len() == 1 { return Ok(Value::Tensor(tensors[0].clone())); }
        let flat: Result<Vec<Tensor>> = grid(&tensors, "ij")?.iter().map(|t| t.flatten(0i64, -1i64)).collect();
        crate::autograd::call(&stack::OP, &[Value::Tensors(flat?.into_iter().map(Some).collect()), Value::Scalar(Scalar::Int(1))]) };
    /// All choices of `r` elements in their order, one in a row.
    fn combinations(input: Tensor, r: i64 = "2", with_replacement: bool = "false") [IndexBackward0] eval {
        vectors(std::slice::from_ref(&input))?;
        if r < 0 { return Err(Error::runtime(format!("Expect a non-negative number, but got {r}"))); }
        let places = choices(input.numel() as i64, r, with_replacement)?;
        input.detached().index_select(0i64, places.reshape([-1]))?.reshape(places.sizes()) }
        d input = |g, sizes, r, with_replacement| { let places = choices(sizes[0], r, with_replacement)?.reshape([-1])?;
            Tensor::zeros(&sizes, g.dtype())?.index_add(0i64, places, g.reshape([-1]), 1i64) };
}
