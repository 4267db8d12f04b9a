//! Distances between all pairs of rows.

use super::loops::Real;
use super::prelude::*;

/// `sum(|a - b|^p)^(1/p)` of two rows, and its limits.
fn distance<T: Real>(a: &[T], b: &[T], p: f64) -> T {
    let pairs = || a.iter().zip(b).map(|(x, y)| (*x - *y).abs());
    if p == 0.0 {
        pairs().fold(T::nil(), |acc, d| if d == T::nil() { acc } else { acc + T::unit() })
    } else if p == 1.0 {
        pairs().fold(T::nil(), |acc, d| acc + d)
    } else if p == 2.0 {
        pairs().fold(T::nil(), |acc, d| acc + d * d).sqrt()
    } else if p.is_infinite() {
        pairs().fold(T::nil(), |acc, d| if d > acc || d.is_nan() { d } else { acc })
    } else {
        pairs().fold(T::nil(), |acc, d| acc + d.powf(T::of(p))).powf(T::of(1.0 / p))
    }
}

/// The gradient of `|d|_p` with respect to `d`, the norms being over the last dimension.
fn pull(g: &Tensor, d: &Tensor, norm: &Tensor, p: f64) -> Result {
    let (g, n) = (g.unsqueeze(-1i64)?, norm.unsqueeze(-1i64)?);
    if p == 0.0 {
        d.mul(0i64)
    } else if p == 1.0 {
        d.sgn().mul(g)
    } else if p == 2.0 {
        n.eq(0i64)?.where_op(0i64, g.mul(d).true_divide(n))
    } else if p.is_infinite() {
        let longest = d.abs().eq(n)?._to_copy(d.dtype());
        d.sgn().mul(longest).mul(g)
    } else {
        let t = d.sgn().mul(d.abs().pow_scalar(p - 1.0)).mul(g).true_divide(n.pow_scalar(p - 1.0));
        let none = if p < 1.0 { n.eq(0i64).logical_or(d.eq(0i64)) } else { n.eq(0i64) };
        none?.where_op(0i64, t)
    }
}

fn check_cdist(a: &Tensor, b: &Tensor, p: f64, mode: &str) -> Result<bool> {
    let mode = match mode {
        "use_mm_for_euclid_dist_if_necessary" => 0,
        "use_mm_for_euclid_dist" => 1,
        "donot_use_mm_for_euclid_dist" => 2,
        other => return Err(Error::value(format!("{other} is not a valid value for compute_mode"))),
    };
    for (name, t) in [("X1", a), ("X2", b)] {
        if t.ndim() < 2 {
            return Err(Error::runtime(format!("cdist only supports at least 2D tensors, {name} got: {}D", t.ndim())));
        }
    }
    let (m, n) = (a.sizes()[a.ndim() - 1], b.sizes()[b.ndim() - 1]);
    if m != n {
        return Err(Error::runtime(format!("X1 and X2 must have the same number of columns. X1: {m} X2: {n}")));
    }
    for (name, t) in [("X1", a), ("X2", b)] {
        if !t.dtype().is_floating_point() {
            return Err(Error::runtime(format!(
                "cdist only supports floating-point dtypes, {name} got: {}", t.dtype().scalar_type()
            )));
        }
    }
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "expected scalar type {} but found {}", a.dtype().scalar_type(), b.dtype().scalar_type()
        )));
    }
    if p < 0.0 || p.is_nan() {
        return Err(Error::runtime("cdist only supports non-negative p values"));
    }
    if !matches!(a.dtype(), DType::Float32 | DType::Float64) {
        return Err(Error::dtype("cdist", a.dtype()));
    }
    let many = a.sizes()[a.ndim() - 2] > 25 || b.sizes()[b.ndim() - 2] > 25;
    Ok(p == 2.0 && (mode == 1 || (mode == 0 && many)))
}

/// Both operands with the batch dimensions that they have together, and those dimensions.
fn batched(a: &Tensor, b: &Tensor) -> Result<(Tensor, Tensor, Dims)> {
    let lead = broadcast(&a.sizes()[..a.ndim() - 2], &b.sizes()[..b.ndim() - 2])?;
    let wide = |t: &Tensor| {
        let mut sizes = lead.clone();
        sizes.extend_from_slice(&t.sizes()[t.ndim() - 2..]);
        t.expand(&sizes)
    };
    Ok((wide(a)?, wide(b)?, lead))
}

fn all_pairs(a: &Tensor, b: &Tensor, p: f64) -> Result {
    let (a, b, mut sizes) = batched(&a.detached(), &b.detached())?;
    let (a, b) = (a.contiguous_data()?, b.contiguous_data()?);
    let (r, s, m) = (a.sizes()[a.ndim() - 2], b.sizes()[b.ndim() - 2], a.sizes()[a.ndim() - 1] as usize);
    let batch: i64 = sizes.iter().product();
    sizes.extend([r, s]);
    let out = Tensor::empty(&sizes, a.dtype())?;
    fn run<T: Real>(a: &Tensor, b: &Tensor, out: &Tensor, dims: (i64, i64, i64), m: usize, p: f64) {
        let (batch, r, s) = dims;
        let (x, y) = (a.data::<T>(), b.data::<T>());
        let row = |i: i64| i as usize * m..(i as usize + 1) * m;
        let mut to = out.data_mut::<T>().iter_mut();
        for k in 0..batch {
            for i in 0..r {
                for j in 0..s {
                    if let Some(d) = to.next() {
                        *d = distance(&x[row(k * r + i)], &y[row(k * s + j)], p);
                    }
                }
            }
        }
    }
    if a.dtype() == DType::Float32 {
        run::<f32>(&a, &b, &out, (batch, r, s), m, p);
    } else {
        run::<f64>(&a, &b, &out, (batch, r, s), m, p);
    }
    Ok(out)
}

/// The gradient of all distances for their first operand.
fn pairs_grad(g: &Tensor, a: &Tensor, b: &Tensor, out: &Tensor, p: f64) -> Result {
    let d = a.unsqueeze(-2i64)?.sub(b.unsqueeze(-3i64)?, 1i64)?;
    pull(g, &d, out, p)?.sum_dim([-2], false, ())
}

/// Euclidean distances by one matrix product: `|a|^2 - 2 a b + |b|^2`, in double precision, because
/// what is left of the large terms would else be their rounding errors.
fn by_product(a: &Tensor, b: &Tensor) -> Result {
    let dtype = a.dtype();
    let (a, b) = (&a.as_contiguous(DType::Float64)?, &b.as_contiguous(DType::Float64)?);
    let square = |t: &Tensor| t.mul(t)?.sum_dim([-1], true, ());
    let (p, q) = (square(a)?, square(b)?);
    let one = |t: &Tensor| Tensor::full(t.sizes(), Scalar::Int(1), t.dtype());
    let x = crate::ops::join::cat_of(vec![a.mul(-2i64)?, p.clone(), one(&p)?], -1)?;
    let y = crate::ops::join::cat_of(vec![b.clone(), one(&q)?, q], -1)?;
    x.matmul(y.transpose(-1i64, -2i64)?)?.clamp_min(0i64)?.sqrt()?.as_contiguous(dtype)
}

/// A gradient over distances, zero where the distance is.
fn ratio(g: &Tensor, out: &Tensor) -> Result {
    out.eq(0i64)?.where_op(0i64, g.true_divide(out))
}

/// The numbers of the first and the second row of each pair.
fn pair_rows(n: i64) -> Result<(Tensor, Tensor)> {
    let pairs: Vec<(i64, i64)> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).collect();
    let side = |f: fn(&(i64, i64)) -> i64| {
        Tensor::from_slice(&pairs.iter().map(f).collect::<Vec<_>>(), &[pairs.len() as i64])
    };
    Ok((side(|p| p.0)?, side(|p| p.1)?))
}

fn own_pairs(t: &Tensor, p: f64) -> Result {
    if t.ndim() != 2 {
        return Err(Error::runtime(format!("pdist only supports 2D tensors, got: {}D", t.ndim())));
    }
    if !t.dtype().is_floating_point() {
        return Err(Error::runtime("pdist only supports floating-point dtypes"));
    }
    if p < 0.0 || p.is_nan() {
        return Err(Error::runtime("pdist only supports non-negative p values"));
    }
    if !matches!(t.dtype(), DType::Float32 | DType::Float64) {
        return Err(Error::dtype("pdist", t.dtype()));
    }
    let t = t.contiguous_data()?;
    let (n, m) = (t.sizes()[0] as usize, t.sizes()[1] as usize);
    fn run<T: Real>(t: &Tensor, n: usize, m: usize, p: f64) -> Result {
        let x = t.data::<T>();
        let row = |i: usize| &x[i * m..(i + 1) * m];
        let all: Vec<T> = (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j)))
            .map(|(i, j)| distance(row(i), row(j), p)).collect();
        Tensor::from_slice(&all, &[all.len() as i64])
    }
    if t.dtype() == DType::Float32 { run::<f32>(&t, n, m, p) } else { run::<f64>(&t, n, m, p) }
}

fn own_pairs_grad(g: &Tensor, t: &Tensor, out: &Tensor, p: f64) -> Result {
    let (i, j) = pair_rows(t.sizes()[0])?;
    let d = t.index_select(0i64, &i)?.sub(t.index_select(0i64, &j)?, 1i64)?;
    let pulled = pull(g, &d, out, p)?;
    Tensor::zeros(t.sizes(), t.dtype())?.index_add(0i64, &i, &pulled, 1i64)?.index_add(0i64, &j, pulled.neg(), 1i64)
}

ops! { TABLE, DistanceOps;
    /// Distances between each row of `x1` and each row of `x2`, in the norm of order `p`.
    fn cdist(x1: Tensor, x2: Tensor, p: f64 = "2", compute_mode: String = "'use_mm_for_euclid_dist_if_necessary'")
        [function] compose {
            if check_cdist(&x1, &x2, p, &compute_mode)? {
                let (a, b, mut sizes) = batched(&x1, &x2)?;
                sizes.extend([a.sizes()[a.ndim() - 2], b.sizes()[b.ndim() - 2]]);
                a._euclidean_dist(b)?.view(&sizes)
            } else { x1._cdist_forward(x2, p) } };
    /// Distances between all rows, one by one.
    fn _cdist_forward(x1: Tensor, x2: Tensor, p: f64) [hidden, CdistBackward0] eval { all_pairs(&x1, &x2, p) }
        d x1 = |g, x1, x2, out, p| pairs_grad(g, &x1, &x2, &out, p),
        d x2 = |g, x1, x2, out, p| pairs_grad(&g.transpose(-1i64, -2i64)?, &x2, &x1, &out.transpose(-1i64, -2i64)?, p);
    /// Euclidean distances between all rows, by a matrix product.
    fn _euclidean_dist(x1: Tensor, x2: Tensor) [hidden] eval { by_product(&x1.detached(), &x2.detached()) }
        d x1 = |g, x1, x2, out| { let r = ratio(g, &out)?;
            x1.mul(r.sum_dim([-1], true, ())).sub(r.matmul(x2), 1i64) },
        d x2 = |g, x1, x2, out| { let r = ratio(g, &out)?.transpose(-1i64, -2i64)?;
            x2.mul(r.sum_dim([-1], true, ())).sub(r.matmul(x1), 1i64) };
    /// Distances between each pair of rows, in the norm of order `p`.
    fn pdist(input: Tensor, p: f64 = "2") [function, "nn.functional.pdist"] eval { own_pairs(&input, p) }
        d input = |g, input, out, p| own_pairs_grad(g, &input, &out, p);
}
