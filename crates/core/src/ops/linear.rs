//! Products of vectors and matrices.

use super::prelude::*;
use super::loops::Arith;
use super::quick::Quick;
use crate::kernels::gemm::{batched, dot as dot_row, product, product_plus, Mat, Number, Out, Wrapping};

/// A number type and the dtype it multiplies for.
macro_rules! with_number {
    ($dtype:expr, $T:ident => $e:expr) => {
        match $dtype.compute() {
            DType::Int64 => { type $T = Wrapping; $e }
            DType::Float32 => { type $T = f32; $e }
            DType::Float64 => { type $T = f64; $e }
            DType::Complex64 => { type $T = Complex<f32>; $e }
            _ => { type $T = Complex<f64>; $e }
        }
    };
}

fn same_dtype(name: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    if a.dtype() == b.dtype() {
        return Ok(());
    }
    Err(Error::runtime(format!(
        "expected {name} have the same dtype, but got: {} != {}", a.dtype().cpp_name(), b.dtype().cpp_name()
    )))
}

/// In the compute type, with whatever strides it has.
fn as_compute(t: &Tensor) -> Result {
    let c = t.dtype().compute();
    if t.dtype() == c { Ok(t.clone()) } else { t.copied(c) }
}

fn finish(t: Tensor, dtype: DType) -> Result {
    if t.dtype() == dtype { Ok(t) } else { t.copied(dtype) }
}

/// The first element of a tensor and the steps of its last two dimensions.
fn matrix<T: Copy>(t: &Tensor) -> Mat<T> {
    let s = t.strides();
    Mat { ptr: t.first::<T>().cast_const(), row: s[s.len() - 2] as isize, col: s[s.len() - 1] as isize }
}

/// Writes the product of two matrices to a row-major tensor, or adds it; dtypes are alike.
fn multiply(a: &Tensor, b: &Tensor, out: &Tensor, add: bool) -> Result<()> {
    let dtype = a.dtype();
    let (a, b) = (as_compute(a)?, as_compute(b)?);
    let (m, k, n) = (a.sizes()[0] as usize, a.sizes()[1] as usize, b.sizes()[1] as usize);
    with_number!(dtype, T => {
        // SAFETY: the layouts were made from the tensors, the output is ours.
        unsafe { product::<T>((m, n, k), matrix(&a), matrix(&b), Out { ptr: out.first::<T>(), row: n, add }) };
    });
    Ok(())
}

/// A vector as a matrix of one column.
fn column(t: &Tensor) -> Tensor {
    let mut l = t.layout().clone();
    l.sizes.push(1);
    l.strides.push(0);
    t.alias(l)
}

/// `beta * input + alpha * product`, where a `beta` of zero leaves the input out, NaN or not.
fn combined(input: &Tensor, product: &Tensor, beta: Scalar, alpha: Scalar) -> Result {
    let dtype = input.dtype();
    let input = &input.detached().expand(product.sizes())?;
    dispatch_compute!(dtype, T => {
        let (b, a): (T, T) = (beta.to(), alpha.to());
        if b == T::nil() {
            map::<T, T>(product, dtype, |p| a.times(p))
        } else {
            zip::<T, T, T>(input, product, dtype, |x, p| b.times(x).plus(a.times(p)))
        }
    })
}

/// The gradient of the left matrix of a product, in the layout of that matrix.
fn left_grad(g: &Tensor, right: &Tensor, turned: bool) -> Result {
    if turned { right.conj()?.mm(g.t()?)?.t() } else { g.mm(right.t()?.conj()) }
}

/// The gradient of the right matrix of a product, in the layout of that matrix.
fn right_grad(g: &Tensor, left: &Tensor, turned: bool) -> Result {
    if turned { g.t()?.mm(left.conj()?)?.t() } else { left.t()?.conj()?.mm(g) }
}

/// A gradient times a factor that is mostly one.
fn scaled(g: Result, factor: Scalar) -> Result {
    match factor {
        Scalar::Int(1) | Scalar::Float(1.0) => g,
        Scalar::Complex(z) => g?.mul(Scalar::Complex(z.conj())),
        other => g?.mul(other),
    }
}

fn mm_of(name: &str, a: &Tensor, b: &Tensor) -> Result {
    check_mm(name, a, b)?;
    let out = Tensor::empty(&[a.sizes()[0], b.sizes()[1]], a.dtype().compute())?;
    multiply(a, b, &out, false)?;
    Ok(out)
}

/// The product of two float32 matrices that lie row by row.
fn plain_product(a: &Tensor, b: Option<&Tensor>) -> Option<Tensor> {
    let b = b?;
    let (&[m, k], &[rows, n]) = (a.sizes(), b.sizes()) else { return None };
    let plain = |t: &Tensor| t.dtype() == DType::Float32 && t.is_contiguous();
    if k != rows || !plain(a) || !plain(b) {
        return None;
    }
    let out = Tensor::empty(&[m, n], DType::Float32).ok()?;
    multiply(a, b, &out, false).ok()?;
    Some(out)
}

fn check_mm(name: &str, a: &Tensor, b: &Tensor) -> Result<()> {
    for (what, t) in [("self", a), ("mat2", b)] {
        if t.ndim() != 2 {
            return Err(Error::runtime(format!("{name}: {what} must be a matrix, got {}-D tensor", t.ndim())));
        }
    }
    if a.sizes()[1] != b.sizes()[0] {
        return Err(Error::runtime(format!(
            "{name}: mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})",
            a.sizes()[0], a.sizes()[1], b.sizes()[0], b.sizes()[1]
        )));
    }
    same_dtype("m1 and m2 to", a, b)?;
    not_bool("addmm_impl_cpu_", a)
}

/// `beta * input + alpha * a @ b`: the product is added to a copy of `input` where that is all.
fn addmm_of(input: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result {
    check_addmm(input, a, b)?;
    let one = |s: Scalar| matches!(s, Scalar::Int(1)) || matches!(s, Scalar::Float(x) if x == 1.0);
    if !(one(beta) && one(alpha) && matches!(a.dtype(), DType::Float32 | DType::Float64)) {
        return combined(input, &mm_of("addmm", a, b)?, beta, alpha);
    }
    check_mm("addmm", a, b)?;
    if let Some(out) = with_bias(input, a, b)? {
        return Ok(out);
    }
    let out = input.detached().expand([a.sizes()[0], b.sizes()[1]])?.copied(a.dtype())?;
    multiply(a, b, &out, true)?;
    Ok(out)
}

/// `input + a @ b` where `input` is a row of adjacent numbers, added as the product is written.
fn with_bias(input: &Tensor, a: &Tensor, b: &Tensor) -> Result<Option<Tensor>> {
    let size = (a.sizes()[0] as usize, b.sizes()[1] as usize, a.sizes()[1] as usize);
    let is_row = matches!(input.sizes(), [n] | [1, n] if *n as usize == size.1) && input.is_contiguous();
    if !is_row {
        return Ok(None);
    }
    let out = Tensor::empty(&[a.sizes()[0], b.sizes()[1]], a.dtype())?;
    dispatch_real!(a.dtype(), T => {
        let to = Out { ptr: out.first::<T>(), row: size.1, add: false };
        // SAFETY: the layouts were made from the tensors, the output is ours.
        unsafe { product_plus::<T>(size, matrix(a), matrix(b), to, input.first::<T>()) };
    });
    Ok(Some(out))
}

/// Truth values are not multiplied.
fn not_bool(kernel: &str, t: &Tensor) -> Result<()> {
    if t.dtype() == DType::Bool { Err(Error::dtype(kernel, DType::Bool)) } else { Ok(()) }
}

/// The dtypes of `addmm`: that of both matrices, then that of what is added.
fn check_addmm(input: &Tensor, a: &Tensor, b: &Tensor) -> Result<()> {
    for (what, other, t) in [("mat1 and mat2", a, b), ("self and mat2", input, b)] {
        if other.dtype() != t.dtype() {
            return Err(Error::runtime(format!(
                "{what} must have the same dtype, but got {} and {}", other.dtype().scalar_type(), t.dtype().scalar_type()
            )));
        }
    }
    Ok(())
}

fn bmm_of(a: &Tensor, b: &Tensor) -> Result {
    if a.ndim() != 3 {
        return Err(Error::runtime("batch1 must be a 3D tensor"));
    }
    if b.ndim() != 3 {
        return Err(Error::runtime("batch2 must be a 3D tensor"));
    }
    let (p, q) = (a.sizes(), b.sizes());
    if p[0] != q[0] || p[2] != q[1] {
        return Err(Error::runtime(format!(
            "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].",
            p[0], p[2], q[0], q[1]
        )));
    }
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "expected scalar type {} but found {}", a.dtype().scalar_type(), b.dtype().scalar_type()
        )));
    }
    not_bool("baddbmm_with_gemm", a)?;
    let dtype = a.dtype();
    let out = Tensor::empty(&[p[0], p[1], q[2]], dtype.compute())?;
    let (a, b) = (as_compute(a)?, as_compute(b)?);
    let (batch, size) = (p[0] as usize, (p[1] as usize, q[2] as usize, p[2] as usize));
    with_number!(dtype, T => {
        let each = |t: &Tensor| (matrix::<T>(t), t.strides()[0] as isize);
        // SAFETY: the layouts were made from the tensors, the output is ours.
        unsafe { batched(batch, size, each(&a), each(&b), Out { ptr: out.first::<T>(), row: size.1, add: false }) };
    });
    Ok(out)
}

fn dot_of(a: &Tensor, b: &Tensor) -> Result {
    if a.ndim() != 1 || b.ndim() != 1 {
        return Err(Error::runtime(format!("1D tensors expected, but got {}D and {}D tensors", a.ndim(), b.ndim())));
    }
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "dot : expected both vectors to have same dtype, but found {} and {}",
            a.dtype().scalar_type(), b.dtype().scalar_type()
        )));
    }
    if a.numel() != b.numel() {
        return Err(Error::runtime(format!(
            "inconsistent tensor size, expected tensor [{0}] and src [{1}] to have the same number of elements, \
             but got {0} and {1} elements respectively", a.numel(), b.numel()
        )));
    }
    let (x, y) = (as_compute(a)?.contiguous_data()?, as_compute(b)?.contiguous_data()?);
    let out = Tensor::empty(&[], a.dtype().compute())?;
    fn run<T: Number>(x: &Tensor, y: &Tensor, out: &Tensor) {
        // SAFETY: both are row-major with the same number of elements.
        unsafe {
            let row = |t: &Tensor| std::slice::from_raw_parts(t.first::<T>().cast_const(), t.numel());
            *out.first::<T>() = dot_row(row(x), row(y));
        }
    }
    with_number!(a.dtype(), T => run::<T>(&x, &y, &out));
    finish(out, a.dtype())
}

/// A matrix times a vector; `rows` is the size of what it is added to.
fn mv_of(input: &Tensor, rows: i64, a: &Tensor, x: &Tensor) -> Result {
    if a.ndim() != 2 || x.ndim() != 1 {
        return Err(Error::runtime(format!(
            "vector + matrix @ vector expected, got 1, {}, {}", a.ndim(), x.ndim()
        )));
    }
    if a.sizes()[1] != x.sizes()[0] || (rows != a.sizes()[0] && rows != 1) {
        return Err(Error::runtime(format!(
            "size mismatch, got input ({rows}), mat ({}x{}), vec ({})",
            a.sizes()[0], a.sizes()[1], x.sizes()[0]
        )));
    }
    if input.dtype() != a.dtype() || a.dtype() != x.dtype() {
        return Err(Error::runtime(format!(
            "addmv input tensors must have the same dtype, but got {}, {}, and {}",
            input.dtype().scalar_type(), a.dtype().scalar_type(), x.dtype().scalar_type()
        )));
    }
    not_bool("addmv_impl_cpu", a)?;
    let out = Tensor::empty(&[a.sizes()[0]], a.dtype().compute())?;
    multiply(a, &column(x), &out, false)?;
    Ok(out)
}

/// `vec1` as a column times `vec2` as a row.
fn outer_of(a: &Tensor, b: &Tensor) -> Result {
    for (name, t) in [("vec1", a), ("vec2", b)] {
        if t.ndim() != 1 {
            return Err(Error::runtime(format!("outer: Expected 1-D argument {}, but got {}-D",
                if name == "vec1" { "self" } else { name }, t.ndim())));
        }
    }
    a.reshape([a.sizes()[0], 1])?.mul(b)
}

fn addr_of(input: &Tensor, a: &Tensor, b: &Tensor, beta: Scalar, alpha: Scalar) -> Result {
    if a.ndim() != 1 || b.ndim() != 1 {
        return Err(Error::runtime(format!(
            "addr: Expected 1-D argument vec{}, but got {}-D",
            if a.ndim() == 1 { 2 } else { 1 }, if a.ndim() == 1 { b.ndim() } else { a.ndim() }
        )));
    }
    let product = outer_of(&a.detached(), &b.detached())?;
    let dtype = result_type(&[input, &product]);
    for (name, factor) in [("beta", beta), ("alpha", alpha)] {
        if dtype.is_integral() && dtype != DType::Bool && matches!(factor, Scalar::Float(_) | Scalar::Complex(_)) {
            return Err(Error::runtime(format!(
                "For integral input tensors, argument {name} must not be a floating point number."
            )));
        }
    }
    let (input, product) = (crate::ops::cast(&input.detached(), dtype)?, crate::ops::cast(&product, dtype)?);
    if dtype == DType::Bool {
        let on = |s: Scalar| s.to::<bool>();
        let product = product.logical_and(Tensor::wrapped(Scalar::Bool(on(alpha)))?)?;
        return if on(beta) { input.logical_or(product) } else { Ok(product) };
    }
    combined(&input, &product, beta, alpha)
}

/// Whether the larger operand of `matmul` becomes one matrix of all its rows: always when the
/// smaller one needs a gradient, which a batch would make as large as the other; else when that
/// costs no copy.
fn folds(a: &Tensor, b: &Tensor) -> Result<bool> {
    let (large, small) = if a.ndim() >= b.ndim() { (a.clone(), b) } else { (b.transpose(-1i64, -2i64)?, a) };
    if large.ndim() < 3 || small.ndim() > 2 {
        return Ok(false);
    }
    if small.requires_grad() {
        return Ok(true);
    }
    if a.ndim() == 2 {
        return Ok(false);
    }
    let (n, s) = (large.sizes(), large.strides());
    Ok(large.numel() == 0 || (0..large.ndim() - 2).all(|d| s[d] == s[d + 1] * n[d + 1]))
}

/// `torch.matmul`: vectors are rows or columns, leading dimensions are batches.
fn matmul_of(a: &Tensor, b: &Tensor) -> Result {
    match (a.ndim(), b.ndim()) {
        (0, _) | (_, 0) => return Err(Error::runtime(format!(
            "both arguments to matmul need to be at least 1D, but they are {}D and {}D", a.ndim(), b.ndim()
        ))),
        (1, 1) => return a.dot(b),
        (2, 1) => return a.mv(b),
        (1, 2) => return a.unsqueeze(0i64)?.mm(b)?._squeeze_first(),
        (2, 2) => return a.mm(b),
        _ => {}
    }
    if folds(a, b)? {
        let swap = b.ndim() > a.ndim();
        let (large, small) = if swap {
            (b.transpose(-1i64, -2i64)?, if a.ndim() == 2 { a.t()? } else { a.clone() })
        } else {
            (a.clone(), b.clone())
        };
        let mut sizes = large.dims();
        let k = sizes.pop().unwrap_or(1);
        let rows = large.reshape([sizes.iter().product::<i64>(), k])?;
        if small.ndim() == 1 {
            return rows.mv(small)?._unsafe_view(&sizes);
        }
        sizes.push(small.sizes()[1]);
        let out = rows.mm(small)?._unsafe_view(&sizes)?;
        return if swap { out.transpose(-1i64, -2i64)?.contiguous(()) } else { Ok(out) };
    }
    // One batch for all of the other: as above, for the sake of its gradient.
    if a.ndim() == 3 && b.ndim() == 3 && a.sizes()[0] != b.sizes()[0] {
        if a.sizes()[0] == 1 && a.requires_grad() {
            return a.squeeze_dims([0])?.matmul(b);
        }
        if b.sizes()[0] == 1 && b.requires_grad() {
            return a.matmul(b.squeeze_dims([0])?);
        }
    }
    let (p, q) = (a.ndim(), b.ndim());
    let lead = broadcast(&a.sizes()[..p.max(2) - 2], &b.sizes()[..q.max(2) - 2])?;
    let count = lead.iter().product::<i64>();
    let batch = |t: &Tensor, last: [i64; 2], vector: bool| -> Result {
        let mut sizes = lead.clone();
        sizes.extend(last);
        let t = if vector { t.unsqueeze(1i64)? } else { t.clone() };
        t.expand(&sizes)?.reshape([count, last[0], last[1]])
    };
    let n = if p > 1 { a.sizes()[p - 2] } else { 1 };
    let m = if q > 1 { b.sizes()[q - 2] } else { b.sizes()[0] };
    let k = if q > 1 { b.sizes()[q - 1] } else { 1 };
    let out = batch(a, [n, a.sizes()[p - 1]], false)?.bmm(batch(b, [m, k], q == 1)?)?;
    let mut sizes = lead.clone();
    if p > 1 {
        sizes.push(n);
    }
    if q == 1 {
        return out.squeeze_dims([-1])?._unsafe_view(&sizes);
    }
    sizes.push(k);
    out._unsafe_view(&sizes)
}

/// `input @ weight^T + bias`, rows of all leading dimensions as one matrix.
fn linear_of(input: &Tensor, weight: &Tensor, bias: Option<Tensor>) -> Result {
    if weight.ndim() > 2 {
        return Err(Error::runtime(format!("linear(): expected weight to be at most 2D, but got {}D", weight.ndim())));
    }
    let across = if weight.ndim() == 2 { weight.t()? } else { weight.clone() };
    match bias {
        None => input.matmul(across),
        Some(b) if input.ndim() == 2 && weight.ndim() == 2 => b.addmm(input, across, 1i64, 1i64),
        Some(b) if weight.ndim() == 2 && input.ndim() > 0 && input.is_contiguous() => {
            let mut sizes = input.dims();
            let k = sizes.pop().unwrap_or(1);
            let rows = input.reshape([sizes.iter().product::<i64>(), k])?;
            sizes.push(weight.sizes()[0]);
            b.addmm(rows, across, 1i64, 1i64)?._unsafe_view(&sizes)
        }
        Some(b) => input.matmul(across)?.add(b, 1i64),
    }
}

ops! { TABLE, LinearOps;
    /// The product of two matrices.
    fn mm(input: Tensor, mat2: Tensor) [] eval { finish(mm_of("mm", &input, &mat2)?, input.dtype()) }
        quick (Quick::Other(plain_product))
        d input = |g, mat2, turned| left_grad(g, &mat2, turned),
        d mat2 = |g, input, turned| right_grad(g, &input, turned);
    /// The products of two batches of matrices.
    fn bmm(input: Tensor, mat2: Tensor) [] eval { finish(bmm_of(&input, &mat2)?, input.dtype()) }
        d input = |g, mat2| g.bmm(mat2.transpose(1i64, 2i64)?.conj()),
        d mat2 = |g, input| input.transpose(1i64, 2i64)?.conj()?.bmm(g);
    /// The product of a matrix and a vector.
    fn mv(input: Tensor, vec: Tensor) [] eval { finish(mv_of(&vec, input.sizes()[0], &input, &vec)?, input.dtype()) }
        d input = |g, vec| g.unsqueeze(1i64)?.mul(vec.conj()), d vec = |g, input| input.t()?.conj()?.mv(g);
    /// The dot product of two vectors.
    fn dot(input: Tensor, tensor: Tensor) [] eval { dot_of(&input, &tensor) }
        d input = |g, tensor| g.mul(tensor.conj()), d tensor = |g, input| g.mul(input.conj());
    /// The dot product of two vectors, the first one conjugated.
    fn vdot(input: Tensor, other: Tensor) [] eval {
            if input.dtype().is_complex() && input.ndim() == 1 { dot_of(&input.detached().conj()?, &other) }
            else { dot_of(&input, &other) } }
        d input = |g, other| g.conj().mul(other), d other = |g, input| g.mul(input);
    /// The product of vectors, matrices and batches of matrices, with broadcasting.
    fn matmul(input: Tensor, other: Tensor) ["linalg.matmul", "__matmul__"] compose { matmul_of(&input, &other) }
        quick (Quick::Other(plain_product));
    /// `other @ input`.
    fn __rmatmul__(input: Tensor, other: Tensor) [method] compose { matmul_of(&other, &input) };
    /// `beta * input + alpha * mat1 @ mat2`.
    fn addmm(input: Tensor, mat1: Tensor, mat2: Tensor; beta: Scalar = "1", alpha: Scalar = "1") [inplace] eval {
            addmm_of(&input, &mat1, &mat2, beta, alpha) }
        d input = |g, beta| scaled(Ok(g.clone()), beta),
        d mat1 = |g, mat2, alpha, turned| scaled(left_grad(g, &mat2, turned), alpha),
        d mat2 = |g, mat1, alpha, turned| scaled(right_grad(g, &mat1, turned), alpha);
    /// `beta * input + alpha * mat @ vec`.
    fn addmv(input: Tensor, mat: Tensor, vec: Tensor; beta: Scalar = "1", alpha: Scalar = "1") [inplace] eval {
            combined(&input, &mv_of(&input, input.sizes().first().copied().unwrap_or(1), &mat, &vec)?, beta, alpha) }
        d input = |g, beta| scaled(Ok(g.clone()), beta),
        d mat = |g, vec, alpha| scaled(g.unsqueeze(1i64)?.mul(vec.conj()), alpha),
        d vec = |g, mat, alpha| scaled(mat.t()?.conj()?.mv(g), alpha);
    /// `beta * input + alpha * batch1 @ batch2`, batch by batch.
    fn baddbmm(input: Tensor, batch1: Tensor, batch2: Tensor; beta: Scalar = "1", alpha: Scalar = "1") [inplace] eval {
            let dtypes = [&input, &batch1, &batch2].map(|t| t.dtype());
            if dtypes[0] != dtypes[1] || dtypes[1] != dtypes[2] {
                return Err(Error::runtime(format!("Input dtypes must be the same, got: input {}, batch1: {}, batch2: {}",
                    dtypes[0].cpp_name(), dtypes[1].cpp_name(), dtypes[2].cpp_name())));
            }
            combined(&input, &bmm_of(&batch1, &batch2)?, beta, alpha) }
        d input = |g, beta| scaled(Ok(g.clone()), beta),
        d batch1 = |g, batch2, alpha| scaled(g.bmm(batch2.transpose(1i64, 2i64)?.conj()), alpha),
        d batch2 = |g, batch1, alpha| scaled(batch1.transpose(1i64, 2i64)?.conj()?.bmm(g), alpha);
    /// `beta * input + alpha * sum(batch1 @ batch2)` over the batch.
    fn addbmm(input: Tensor, batch1: Tensor, batch2: Tensor; beta: Scalar = "1", alpha: Scalar = "1") [inplace, resizes] eval {
            if let ([_, n, k], [_, m, p]) = (batch1.sizes(), batch2.sizes()) {
                if k != m {
                    return Err(Error::runtime(format!("Incompatible matrix sizes for bmm ({n}x{k} and {m}x{p})")));
                }
            }
            let product = bmm_of(&batch1, &batch2)?;
            check_addmm(&input, &batch1, &batch2)?;
            combined(&input, &product.sum_dim([0], false, product.dtype())?, beta, alpha) }
        d input = |g, beta| scaled(Ok(g.clone()), beta),
        d batch1 = |g, batch2, alpha| { let (b, n) = (batch2.sizes()[0], g.dims());
            scaled(g.unsqueeze(0i64)?.expand([b, n[0], n[1]])?.bmm(batch2.transpose(1i64, 2i64)?.conj()), alpha) },
        d batch2 = |g, batch1, alpha| { let (b, n) = (batch1.sizes()[0], g.dims());
            scaled(batch1.transpose(1i64, 2i64)?.conj()?.bmm(g.unsqueeze(0i64)?.expand([b, n[0], n[1]])), alpha) };
    /// `beta * input + alpha * outer(vec1, vec2)`.
    fn addr(input: Tensor, vec1: Tensor, vec2: Tensor; beta: Scalar = "1", alpha: Scalar = "1") [inplace] eval {
            addr_of(&input, &vec1, &vec2, beta, alpha) }
        d input = |g, beta| scaled(Ok(g.clone()), beta),
        d vec1 = |g, vec2, alpha| scaled(g.mv(vec2.conj()), alpha),
        d vec2 = |g, vec1, alpha| scaled(g.t()?.mv(vec1.conj()), alpha);
    /// The products of all pairs of elements of two vectors.
    fn outer(input: Tensor, vec2: Tensor) ["ger"] compose { outer_of(&input, &vec2) };
    /// `input @ weight^T + bias`.
    fn linear "nn.functional.linear"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null") [] compose {
        linear_of(&input, &weight, bias) };
    /// The first dimension, of size one, taken away: `matmul` squeezes in place, so that its node is another.
    fn _squeeze_first(input: Tensor) [hidden, SqueezeBackward4] view {
            let mut l = input.layout().clone();
            l.sizes.remove(0);
            l.strides.remove(0);
            Ok::<_, Error>(input.alias(l)) }
        d input = |g| g.unsqueeze(0i64);
}
