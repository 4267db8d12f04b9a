//! Products beyond `matmul`: contractions, chains, powers, Kronecker and cross products, blocks.

use super::prelude::*;

/// The last dimensions of one operand contracted with the first of another, or lists of both.
fn contract(a: &Tensor, b: &Tensor, left: &[i64], right: &[i64]) -> Result {
    if left.len() != right.len() {
        return Err(Error::runtime("both dimension lists should have same length"));
    }
    if a.dtype() != b.dtype() {
        return Err(Error::runtime("both inputs should have same dtype"));
    }
    let wrapped = |list: &[i64], t: &Tensor| -> Result<Dims> {
        list.iter().map(|&d| wrap_dim(d, t.ndim()).map(|d| d as i64)).collect()
    };
    let (p, q) = (wrapped(left, a)?, wrapped(right, b)?);
    let (mut a, mut b) = (a.clone(), b.clone());
    for i in 0..p.len() {
        let (m, n) = (a.sizes()[p[i] as usize], b.sizes()[q[i] as usize]);
        // A dimension of size one goes along with any other, which is summed alone.
        if n == 1 {
            a = a.sum_dim([p[i]], true, ())?;
        } else if m == 1 {
            b = b.sum_dim([q[i]], true, ())?;
        } else if m != n {
            return Err(Error::runtime(format!(
                "contracted dimensions need to match, but first has size {m} in dim {} and second has size {n} in dim {}",
                left[i], right[i]
            )));
        }
    }
    let rest = |t: &Tensor, out: &Dims| -> Dims { (0..t.ndim() as i64).filter(|d| !out.contains(d)).collect() };
    let (rows, columns) = (rest(&a, &p), rest(&b, &q));
    let size = |t: &Tensor, dims: &Dims| -> i64 { dims.iter().map(|d| t.sizes()[*d as usize]).product() };
    let joined = |x: &Dims, y: &Dims| -> Dims { x.iter().chain(y).copied().collect() };
    let sizes: Dims = rows.iter().map(|d| a.sizes()[*d as usize])
        .chain(columns.iter().map(|d| b.sizes()[*d as usize])).collect();
    let (m, k, n) = (size(&a, &rows), size(&a, &p), size(&b, &columns));
    let x = a.permute(joined(&rows, &p))?.reshape([m, k])?;
    let y = b.permute(joined(&q, &columns))?.reshape([k, n])?;
    x.mm(y)?.view(&sizes)
}

fn contract_count(a: &Tensor, b: &Tensor, dims: i64) -> Result {
    if dims < 0 {
        return Err(Error::runtime(format!("tensordot expects dims >= 0, but got dims={dims}")));
    }
    if dims > (a.ndim().min(b.ndim())) as i64 {
        return Err(Error::runtime(format!("tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")));
    }
    let left: Dims = (-dims..0).collect();
    let right: Dims = (0..dims).collect();
    contract(a, b, &left, &right)
}

fn inner_of(a: &Tensor, b: &Tensor) -> Result {
    if a.ndim() == 0 || b.ndim() == 0 {
        return a.mul(b);
    }
    if a.sizes().last() != b.sizes().last() {
        return Err(Error::runtime(format!(
            "inner() the last dimension must match on both input tensors but got shapes {:?} and {:?}",
            a.sizes(), b.sizes()
        )));
    }
    contract(a, b, &[-1], &[-1])
}

/// The order of products with the fewest multiplications (Cormen and others, "Introduction to
/// Algorithms", section on matrix-chain multiplication): where to split each range.
fn best_order(sizes: &[i64]) -> Vec<Vec<usize>> {
    let n = sizes.len() - 1;
    let mut cost = vec![vec![0f64; n]; n];
    let mut split = vec![vec![0; n]; n];
    for len in 1..n {
        for i in 0..n - len {
            let j = i + len;
            cost[i][j] = f64::INFINITY;
            for k in i..j {
                let here = cost[i][k] + cost[k + 1][j] + sizes[i] as f64 * sizes[k + 1] as f64 * sizes[j + 1] as f64;
                if here < cost[i][j] {
                    cost[i][j] = here;
                    split[i][j] = k;
                }
            }
        }
    }
    split
}

fn multiplied(list: &[Tensor], split: &[Vec<usize>], i: usize, j: usize) -> Result {
    if i == j {
        return Ok(list[i].clone());
    }
    let k = split[i][j];
    multiplied(list, split, i, k)?.mm(multiplied(list, split, k + 1, j)?)
}

fn chain(list: &[Tensor]) -> Result {
    let n = list.len();
    if n < 2 {
        return Err(Error::runtime(format!("multi_dot(): expected at least 2 tensors but got {n}")));
    }
    let mut list = list.to_vec();
    let mut out = Dims::new();
    for (name, i) in [("first", 0), ("last", n - 1)] {
        match list[i].ndim() {
            1 => list[i] = list[i].unsqueeze(if i == 0 { 0i64 } else { -1 })?,
            2 => out.push(list[i].sizes()[usize::from(i != 0)]),
            d => return Err(Error::runtime(format!("multi_dot(): the {name} tensor must be 1D or 2D but got {d}D"))),
        }
    }
    for (i, t) in list.iter().enumerate() {
        if t.ndim() != 2 {
            return Err(Error::runtime(format!("multi_dot(): tensor {i} must be 2D but got {}D", t.ndim())));
        }
        if t.dtype() != list[0].dtype() {
            return Err(Error::runtime(format!(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is {} and tensor {i} {}",
                list[0].dtype().cpp_name(), t.dtype().cpp_name()
            )));
        }
        if i > 0 && list[i - 1].sizes()[1] != t.sizes()[0] {
            return Err(Error::runtime(format!(
                "multi_dot(): tensors {} and {i} with shapes {:?} and {:?} cannot be multiplied",
                i - 1, list[i - 1].sizes(), t.sizes()
            )));
        }
    }
    let mut sizes: Vec<i64> = list.iter().map(|t| t.sizes()[0]).collect();
    sizes.push(list[n - 1].sizes()[1]);
    multiplied(&list, &best_order(&sizes), 0, n - 1)?.view(&out)
}

/// A power by repeated squaring.
fn matrix_power_of(t: &Tensor, n: i64) -> Result {
    const NAME: &str = "linalg.matrix_power";
    if t.ndim() < 2 {
        return Err(Error::runtime(format!("{NAME}: The input tensor A must have at least 2 dimensions.")));
    }
    let (rows, columns) = (t.sizes()[t.ndim() - 2], t.sizes()[t.ndim() - 1]);
    if rows != columns {
        return Err(Error::runtime(format!(
            "{NAME}: A must be batches of square matrices, but they are {rows} by {columns} matrices"
        )));
    }
    if n == 0 {
        let one = Tensor::zeros(&[rows, rows], t.dtype())?;
        one.diagonal(0i64, 0i64, 1i64)?.write_all(Scalar::Int(1))?;
        return t.copy(one, false);
    }
    let base = if n < 0 { t.inv()? } else { t.clone() };
    match n.unsigned_abs() {
        1 => return if n < 0 { Ok(base) } else { base.clone_op(()) },
        3 => return base.matmul(&base)?.matmul(&base),
        _ => {}
    }
    let (mut left, mut square, mut out) = (n.unsigned_abs(), base, None::<Tensor>);
    loop {
        if left % 2 == 1 {
            out = Some(match out {
                Some(o) => o.matmul(&square)?,
                None => square.clone(),
            });
        }
        left /= 2;
        match (left, out) {
            (0, Some(o)) => return Ok(o),
            (_, o) => out = o,
        }
        square = square.matmul(&square)?;
    }
}

fn kronecker(a: &Tensor, b: &Tensor) -> Result {
    let n = a.ndim().max(b.ndim());
    let padded = |t: &Tensor| -> Dims {
        std::iter::repeat_n(1, n - t.ndim()).chain(t.sizes().iter().copied()).collect()
    };
    let (p, q) = (padded(a), padded(b));
    let (mut left, mut right, mut out) = (Dims::new(), Dims::new(), Dims::new());
    for d in 0..n {
        left.extend([p[d], 1]);
        right.extend([1, q[d]]);
        out.push(p[d].checked_mul(q[d]).ok_or_else(|| Error::runtime("numel: integer multiplication overflow"))?);
    }
    a.reshape(&left)?.mul(b.reshape(&right))?._unsafe_view(&out)
}

/// The cross product of vectors of three numbers along a dimension.
fn crossed(a: &Tensor, b: &Tensor, dim: i64) -> Result {
    if a.ndim() != b.ndim() {
        return Err(Error::runtime("linalg.cross: inputs must have the same number of dimensions."));
    }
    let d = wrap_dim(dim, a.ndim())?;
    let size = |t: &Tensor| t.sizes().get(d).copied().unwrap_or(1);
    if size(a) != 3 || size(b) != 3 {
        return Err(Error::runtime(format!(
            "linalg.cross: inputs dimension {dim} must have length 3. Got {} and {}", size(a), size(b)
        )));
    }
    let sizes = broadcast(a.sizes(), b.sizes())?;
    let (a, b) = (a.detached().expand(&sizes)?, b.detached().expand(&sizes)?);
    let on = |t: &Tensor, by: i64| t.roll([-by], [d as i64]);
    on(&a, 1)?.mul(on(&b, 2))?.sub(on(&a, 2)?.mul(on(&b, 1)), 1i64)
}

/// The first dimension of three elements, where none is named.
fn cross_dim(a: &Tensor, b: &Tensor) -> Result<i64> {
    let sizes = if a.ndim() == b.ndim() { broadcast(a.sizes(), b.sizes())? } else { a.dims() };
    match sizes.iter().position(|n| *n == 3) {
        Some(d) => Ok(d as i64),
        None => Err(Error::runtime("no dimension of size 3 in input")),
    }
}

/// Rows and columns of a block, counting vectors as one row.
fn block_sizes(sizes: &[i64]) -> (i64, i64) {
    match sizes {
        [] => (1, 1),
        [n] => (1, *n),
        [rows, columns, ..] => (*rows, *columns),
    }
}

fn blocks(list: &[Tensor]) -> Result {
    let mut dtype: Option<DType> = None;
    let (mut rows, mut columns) = (0, 0);
    for (i, t) in list.iter().enumerate() {
        if t.ndim() > 2 {
            return Err(Error::runtime(format!(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has {} dimensions", t.ndim()
            )));
        }
        dtype = Some(dtype.map_or(t.dtype(), |d| d.promote(t.dtype())));
        let (r, c) = block_sizes(t.sizes());
        rows += r;
        columns += c;
    }
    let sizes = if list.is_empty() { [1, 0] } else { [rows, columns] };
    let out = Tensor::zeros(&sizes, dtype.unwrap_or_else(crate::state::default_dtype))?;
    let (mut top, mut left) = (0, 0);
    for t in list {
        let (r, c) = block_sizes(t.sizes());
        let to = out.narrow(0i64, top, r)?.narrow(1i64, left, c)?;
        crate::kernels::copy::copy(&t.detached().view([r, c]).or_else(|_| t.detached().reshape([r, c]))?, &to);
        top += r;
        left += c;
    }
    Ok(out)
}

fn blocks_grad(g: &Tensor, lists: &[Dims]) -> Result<Vec<Tensor>> {
    let (mut top, mut left) = (0, 0);
    lists.iter().map(|sizes| {
        let (r, c) = block_sizes(sizes);
        let part = g.narrow(0i64, top, r)?.narrow(1i64, left, c)?;
        top += r;
        left += c;
        if sizes.len() == 2 { Ok(part) } else { part.reshape(sizes) }
    }).collect()
}

/// `x1^T weight[o] x2 + bias[o]` for every output `o`.
fn bilinear_of(a: &Tensor, b: &Tensor, weight: &Tensor, bias: Option<Tensor>) -> Result {
    if a.ndim() != b.ndim() {
        return Err(Error::runtime(format!(
            "bilinear(): input dimensions do not match: got {} and {}", a.ndim(), b.ndim()
        )));
    }
    let last = |t: &Tensor| t.sizes().last().copied().unwrap_or(1);
    for d in 0..a.ndim().saturating_sub(1) {
        if a.sizes()[d] != b.sizes()[d] {
            return Err(Error::runtime(format!(
                "bilinear(): input batch dimensions do not match at dim {d}: got {} and {}", a.sizes()[d], b.sizes()[d]
            )));
        }
    }
    for (k, t) in [a, b].into_iter().enumerate() {
        let want = weight.sizes()[wrap_dim(k as i64 + 1, weight.ndim())?];
        if last(t) != want {
            return Err(Error::runtime(format!(
                "bilinear(): input{} size does not match weight size: got {} but expected {want}", k + 1, last(t)
            )));
        }
    }
    let (outputs, m, n) = (weight.sizes()[0], last(a), last(b));
    if let Some(b) = &bias {
        if b.numel() as i64 != outputs {
            return Err(Error::runtime(format!(
                "bilinear(): bias size does not match weight size: got {} but expected {outputs}", b.numel()
            )));
        }
    }
    let mut sizes: Dims = a.sizes()[..a.ndim().saturating_sub(1)].into();
    let rows: i64 = sizes.iter().product();
    let (x, y) = (a.reshape([rows, m])?, b.reshape([rows, n])?);
    let across = weight.permute([1, 0, 2])?.reshape([m, outputs * n])?;
    let half = x.mm(across)?.view([rows, outputs, n])?;
    sizes.push(outputs);
    let out = half.bmm(y.unsqueeze(2i64))?.view(&sizes)?;
    match bias {
        Some(b) => out.add(b, 1i64),
        None => Ok(out),
    }
}

ops! { TABLE, ContractOps;
    /// Sums of products over the last dimension of both.
    fn inner(input: Tensor, other: Tensor) [] compose { inner_of(&input, &other) };
    /// Sums of products over the last `dims` dimensions of `a` and the first of `b`.
    fn tensordot(a: Tensor, b: Tensor, dims: i64 = "2") [function] compose { contract_count(&a, &b, dims) };
    /// Sums of products over the dimensions listed for `a` and for `b`.
    fn tensordot_dims "tensordot"(a: Tensor, b: Tensor, dims: DimPair) [function] compose {
        contract(&a, &b, &dims.0, &dims.1) };
    /// The product of matrices in the order that costs least.
    fn chain_matmul(matrices: Vec<Tensor>) [function] compose {
        match &matrices[..] {
            [] => Err(Error::runtime("chain_matmul(): Expected one or more matrices")),
            [one] => Ok(one.clone()),
            many => chain(many),
        } };
    /// The product of matrices in the order that costs least; the first and the last may be vectors.
    fn multi_dot "linalg.multi_dot"(tensors: Vec<Tensor>) [] compose { chain(&tensors) };
    /// Dot products along a dimension, the first operand conjugated.
    fn vecdot "linalg.vecdot"(x: Tensor, y: Tensor; dim: i64 = "-1") [] compose {
        if x.dtype().is_integral() {
            return Err(Error::not_implemented(format!(
                "linalg.vecdot: Expected a floating point or complex tensor as input. Got {}", x.dtype().scalar_type())));
        }
        if x.ndim() == 1 && y.ndim() == 1 { x.vdot(y) } else { x.conj()?.mul(y)?.sum_dim([dim], false, ()) } };
    /// A square matrix multiplied by itself `n` times; its inverse where `n` is negative.
    fn matrix_power "linalg.matrix_power"(A: Tensor, n: i64) ["matrix_power"] compose { matrix_power_of(&A, n) };
    /// The Kronecker product.
    fn kron(input: Tensor, other: Tensor) [] compose { kronecker(&input, &other) };
    /// The cross product of vectors of three numbers.
    fn linalg_cross "linalg.cross"(input: Tensor, other: Tensor; dim: i64 = "-1") [] eval { crossed(&input, &other, dim) }
        d input = |g, other, dim| other.conj().linalg_cross(g, dim),
        d other = |g, input, dim| g.linalg_cross(input.conj(), dim);
    /// The cross product along `dim`, or the first dimension of three elements.
    fn cross(input: Tensor, other: Tensor, dim: Option<i64> = "null") [] compose {
        let d = match dim { Some(d) => d, None => cross_dim(&input, &other)? };
        input.linalg_cross(other, d) };
    /// The sum of the diagonal of a matrix.
    fn trace(input: Tensor) [] eval {
            if input.ndim() != 2 {
                return Err(Error::runtime(format!("trace: expected a matrix, but got tensor with dim {}", input.ndim())));
            }
            input.detached().diagonal(0i64, 0i64, 1i64)?.sum(()) }
        d input = |g, sizes| { let n = sizes[0].min(sizes[1]);
            Tensor::zeros(&sizes, g.dtype())?.diagonal_scatter(g.expand([n]), 0i64, 0i64, 1i64) };
    /// Matrices along the diagonal of a larger one.
    fn block_diag(tensors: Vec<Tensor>) [function] eval { blocks(&tensors) }
        d tensors = |g, lists| blocks_grad(g, &lists);
    /// `x1^T weight[o] x2 + bias[o]` for every output `o`.
    fn bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Option<Tensor> = "null")
        [function, "nn.functional.bilinear"] compose { bilinear_of(&input1, &input2, &weight, bias) };
}
