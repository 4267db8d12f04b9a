//! Indices made: of triangles, of flat places, of combinations.

use super::join::stack_of;
use super::prelude::*;

/// How many elements the rows of a triangle have in all: row `r` of `rows` has `first + r`, at most `columns`.
fn triangle_size(rows: i128, columns: i128, first: i128) -> i128 {
    let growing = (columns - first).clamp(0, rows);
    growing * first + growing * (growing - 1) / 2 + (rows - growing) * columns
}

/// The coordinates of a triangle of a matrix, row by row.
fn triangle(row: i64, column: i64, offset: i64, dtype: DType, name: &str, lower: bool) -> Result {
    for (what, n) in [("row", row), ("col", column)] {
        if n < 0 {
            return Err(Error::runtime(format!("{what} must be non-negative, got{n}")));
        }
    }
    if !matches!(dtype, DType::Int32 | DType::Int64) {
        return Err(Error::dtype(name, dtype));
    }
    // The rows that have any element, and the columns of each.
    let (from, to) = if lower { (offset.saturating_neg().clamp(0, row), row) } else { (0, column.saturating_sub(offset).clamp(0, row)) };
    let to = if column == 0 { from } else { to };
    let columns = |r: i64| {
        let edge = r.saturating_add(offset);
        if lower { (0, edge.saturating_add(1).clamp(0, column)) } else { (edge.clamp(0, column), column) }
    };
    let (wide, high) = (i128::from(column), i128::from(to - from));
    let count = if high == 0 {
        0
    } else if lower {
        triangle_size(high, wide, i128::from(columns(from).1))
    } else {
        // Read from the last row up, it grows like a lower one.
        let (start, end) = columns(to - 1);
        triangle_size(high, wide, i128::from(end - start))
    };
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let out = Tensor::empty(&[2, count], DType::Int64)?;
    let (rows, cols) = out.data_mut::<i64>().split_at_mut(count as usize);
    let mut at = 0;
    for r in from..to {
        let (start, end) = columns(r);
        for c in start..end {
            (rows[at], cols[at]) = (r, c);
            at += 1;
        }
    }
    out.as_contiguous(dtype)
}

fn unraveled(indices: &Tensor, shape: &[i64]) -> Result<Vec<Tensor>> {
    if !indices.dtype().is_integral() || indices.dtype() == DType::Bool {
        return Err(Error::type_error(format!("expected 'indices' to be integer dtype, but got torch.{}", indices.dtype().name())));
    }
    let tuple = || format!("({}{})", shape.iter().map(i64::to_string).collect::<Vec<_>>().join(", "), if shape.len() == 1 { "," } else { "" });
    if shape.iter().any(|n| *n < 0) {
        return Err(Error::value(format!("'shape' cannot have negative values, but got {}", tuple())));
    }
    if indices.numel() > 0 && shape.contains(&0) {
        return Err(Error::value(format!("'shape' cannot have zero dimensions when 'indices' is non-empty, but got {}", tuple())));
    }
    let places = indices.to_vec::<i64>();
    let mut stride = 1i64;
    let mut out = Vec::with_capacity(shape.len());
    for &n in shape.iter().rev() {
        let part: Vec<i64> = places.iter().map(|p| p.div_euclid(stride.max(1)).rem_euclid(n)).collect();
        out.push(Tensor::from_slice(&part, indices.sizes())?);
        stride = stride.wrapping_mul(n);
    }
    out.reverse();
    Ok(out)
}

/// `n` over `r`, as far as it fits.
fn binomial(n: i64, r: i64) -> i64 {
    let r = r.min(n - r);
    if r < 0 {
        return 0;
    }
    let all = (0..i128::from(r)).try_fold(1i128, |c, i| c.checked_mul(i128::from(n) - i).map(|c| c / (i + 1)));
    all.and_then(|c| i64::try_from(c).ok()).unwrap_or(i64::MAX)
}

/// All combinations of `r` of `n` places in order, a row for each.
fn choices(n: i64, r: i64, again: bool) -> Result {
    let count = if again { if n == 0 { 0 } else { binomial(n.saturating_add(r - 1), r) } } else { binomial(n, r) };
    let out = Tensor::empty(&[count, r], DType::Int64)?;
    let mut now: Vec<i64> = (0..r).map(|k| if again { 0 } else { k }).collect();
    for row in out.data_mut::<i64>().chunks_exact_mut(r as usize) {
        row.copy_from_slice(&now);
        // The last place that can still move does, and those after it follow closely.
        let limit = |k: i64| if again { n - 1 } else { n - r + k };
        if let Some(k) = (0..r).rev().find(|&k| now[k as usize] < limit(k)) {
            let v = now[k as usize] + 1;
            (k..r).for_each(|j| now[j as usize] = if again { v } else { v + j - k });
        }
    }
    Ok(out)
}

fn combined(input: &Tensor, r: i64, again: bool) -> Result {
    if input.ndim() != 1 {
        return Err(Error::runtime(format!("Expect a 1D vector, but got shape {:?}", input.sizes())));
    }
    if r < 0 {
        return Err(Error::runtime(format!("Expect a non-negative number, but got {r}")));
    }
    if r == 0 {
        return Tensor::empty(&[0], input.dtype());
    }
    input.index(vec![Some(choices(input.sizes()[0], r, again)?)])
}

fn product(tensors: &[Tensor]) -> Result {
    if let Some(t) = tensors.iter().find(|t| t.ndim() != 1) {
        return Err(Error::runtime(format!("Expect a 1D vector, but got shape {:?}", t.sizes())));
    }
    let Some(first) = tensors.first() else { return Err(Error::runtime("meshgrid expects a non-empty TensorList")) };
    if tensors.len() == 1 {
        return Ok(first.clone());
    }
    if tensors.iter().any(|t| t.dtype() != first.dtype()) {
        return Err(Error::runtime("meshgrid expects all tensors to have the same dtype"));
    }
    let sizes: Dims = tensors.iter().map(|t| t.sizes()[0]).collect();
    let columns = tensors.iter().enumerate().map(|(d, t)| {
        let mut own = Dims::from_elem(1, sizes.len());
        own[d] = sizes[d];
        t.view(&own)?.expand(&sizes)?.reshape([sizes.iter().product::<i64>()])
    });
    stack_of(columns.collect::<Result<Vec<_>>>()?, 1)
}

ops! { TABLE, IndicesOps;
    /// The coordinates of the lower triangle of a `row` by `col` matrix, in two rows.
    fn tril_indices(row: i64, col: i64, offset: i64 = "0"; dtype: Option<DType> = "null") [create] eval {
        triangle(row, col, offset, dtype.unwrap_or(DType::Int64), "tril_indices", true) };
    /// The coordinates of the upper triangle of a `row` by `col` matrix, in two rows.
    fn triu_indices(row: i64, col: i64, offset: i64 = "0"; dtype: Option<DType> = "null") [create] eval {
        triangle(row, col, offset, dtype.unwrap_or(DType::Int64), "triu_indices", false) };
    /// The coordinates, in a tensor of `shape`, of flat places: a tensor for each dimension.
    fn unravel_index(indices: Tensor, shape: Dims) -> (list) [function] eval { unraveled(&indices, &shape) };
    /// All combinations of `r` elements of a vector, a row for each.
    fn combinations(input: Tensor, r: i64 = "2", with_replacement: bool = "false") [function] compose { combined(&input, r, with_replacement) };
    /// All ways to take one element of each vector, a row for each.
    fn cartesian_prod(tensors: Vec<Tensor>) [function] compose { product(&tensors) };
}
