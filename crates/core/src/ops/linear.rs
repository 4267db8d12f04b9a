//! Products of vectors and matrices.

use super::prelude::*;
use crate::kernels::gemm::{dot as dot_row, gemm, Mat, Number, Wrapping};

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
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "expected {} have the same dtype, but got: {} != {}", name, a.dtype().cpp_name(), b.dtype().cpp_name()
        )));
    }
    Ok(())
}

fn as_compute(t: &Tensor) -> Result {
    let c = t.dtype().compute();
    if t.dtype() == c { Ok(t.clone()) } else { t.copied(c) }
}

/// Batches of matrices multiplied: `[b, m, k]` and `[b, k, n]`.
fn product(a: &Tensor, b: &Tensor, sizes: &[i64]) -> Result {
    let dtype = a.dtype();
    let (a, b) = (as_compute(a)?, as_compute(b)?);
    let out = Tensor::empty(sizes, dtype.compute())?;
    let (batch, m, k, n) = (a.sizes()[0], a.sizes()[1] as usize, a.sizes()[2] as usize, b.sizes()[2] as usize);
    with_number!(dtype, T => {
        let c: *mut T = out.first::<T>();
        for i in 0..batch as isize {
            let mat = |t: &Tensor| {
                let s = t.strides();
                Mat { ptr: t.first::<T>().cast_const().wrapping_offset(i * s[0] as isize), row: s[1] as isize, col: s[2] as isize }
            };
            // SAFETY: the layouts were made from the tensors, the output is ours.
            unsafe { gemm(m, n, k, mat(&a), mat(&b), std::slice::from_raw_parts_mut(c.offset(i * (m * n) as isize), m * n)) };
        }
    });
    if out.dtype() == dtype { Ok(out) } else { out.copied(dtype) }
}

fn lift(t: &Tensor) -> Tensor {
    let mut l = t.layout().clone();
    l.sizes.insert(0, 1);
    l.strides.insert(0, 0);
    t.alias(l)
}

fn mm_of(a: &Tensor, b: &Tensor) -> Result {
    if a.ndim() != 2 {
        return Err(Error::runtime("self must be a matrix"));
    }
    if b.ndim() != 2 {
        return Err(Error::runtime("mat2 must be a matrix"));
    }
    if a.sizes()[1] != b.sizes()[0] {
        return Err(Error::runtime(format!(
            "mat1 and mat2 shapes cannot be multiplied ({}x{} and {}x{})", a.sizes()[0], a.sizes()[1], b.sizes()[0], b.sizes()[1]
        )));
    }
    same_dtype("m1 and m2 to", a, b)?;
    product(&lift(a), &lift(b), &[a.sizes()[0], b.sizes()[1]])
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
            "Expected size for first two dimensions of batch2 tensor to be: [{}, {}] but got: [{}, {}].", p[0], p[2], q[0], q[1]
        )));
    }
    product(a, b, &[p[0], p[1], q[2]])
}

fn dot_of(a: &Tensor, b: &Tensor) -> Result {
    if a.ndim() != 1 || b.ndim() != 1 {
        return Err(Error::runtime(format!("1D tensors expected, but got {}D and {}D tensors", a.ndim(), b.ndim())));
    }
    if a.dtype() != b.dtype() {
        return Err(Error::runtime(format!(
            "dot : expected both vectors to have same dtype, but found {} and {}", a.dtype().scalar_type(), b.dtype().scalar_type()
        )));
    }
    if a.numel() != b.numel() {
        return Err(Error::runtime(format!(
            "inconsistent tensor size, expected tensor [{}] and src [{}] to have the same number of elements, but got {} and {} elements respectively",
            a.numel(), b.numel(), a.numel(), b.numel()
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
    if out.dtype() == a.dtype() { Ok(out) } else { out.copied(a.dtype()) }
}

fn mv_of(a: &Tensor, x: &Tensor) -> Result {
    if a.ndim() != 2 || x.ndim() != 1 {
        return Err(Error::runtime(format!("vector + matrix @ vector expected, got 1, {}, {}", a.ndim(), x.ndim())));
    }
    if a.sizes()[1] != x.sizes()[0] {
        return Err(Error::runtime(format!("size mismatch, got input ({}), mat ({}x{}), vec ({})", a.sizes()[0], a.sizes()[0], a.sizes()[1], x.sizes()[0])));
    }
    same_dtype("mat and vec to", a, x)?;
    let mut l = x.layout().clone();
    l.sizes.push(1);
    l.strides.push(1);
    product(&lift(a), &lift(&x.alias(l)), &[a.sizes()[0]])
}

/// `torch.matmul`: vectors are rows or columns, leading dimensions are batches.
fn matmul_of(a: &Tensor, b: &Tensor) -> Result {
    match (a.ndim(), b.ndim()) {
        (0, _) | (_, 0) => Err(Error::runtime(format!(
            "both arguments to matmul need to be at least 1D, but they are {}D and {}D", a.ndim(), b.ndim()
        ))),
        (1, 1) => a.dot(b),
        (2, 1) => a.mv(b),
        (1, 2) => a.unsqueeze(0i64)?.mm(b)?.squeeze_dims([0]),
        (2, 2) => a.mm(b),
        // One matrix for all batches: one product over all rows.
        (n, 1 | 2) if n >= 3 => {
            let mut sizes = a.dims();
            let k = sizes.pop().unwrap_or(1);
            let rows = a.reshape([sizes.iter().product::<i64>(), k])?;
            if b.ndim() == 2 { sizes.push(b.sizes()[1]); }
            let out = if b.ndim() == 1 { rows.mv(b) } else { rows.mm(b) };
            out?._unsafe_view(&sizes)
        }
        (1, _) => a.unsqueeze(0i64)?.matmul(b)?.squeeze_dims([-2]),
        (p, q) => {
            let (lead_a, lead_b) = (&a.sizes()[..p - 2], &b.sizes()[..q.max(2) - 2]);
            let lead = broadcast(lead_a, lead_b)?;
            let count = lead.iter().product::<i64>();
            let wide = |t: &Tensor| -> Result {
                let last = &t.sizes()[t.ndim() - 2..];
                let mut s = lead.clone();
                s.extend_from_slice(last);
                t.expand(&s)?.reshape([count, last[0], last[1]])
            };
            let mut sizes = lead.clone();
            sizes.extend([a.sizes()[p - 2], b.sizes()[q - 1]]);
            wide(a)?.bmm(wide(b)?)?._unsafe_view(&sizes)
        }
    }
}

ops! { TABLE, LinearOps;
    /// The product of two matrices.
    fn mm(input: Tensor, mat2: Tensor) [] eval { mm_of(&input, &mat2) }
        d input = |g, mat2| g.mm(mat2.t()?.conj()), d mat2 = |g, input| input.t()?.conj()?.mm(g);
    /// The products of two batches of matrices.
    fn bmm(input: Tensor, mat2: Tensor) [] eval { bmm_of(&input, &mat2) }
        d input = |g, mat2| g.bmm(mat2.transpose(1i64, 2i64)?.conj()), d mat2 = |g, input| input.transpose(1i64, 2i64)?.conj()?.bmm(g);
    /// The product of a matrix and a vector.
    fn mv(input: Tensor, vec: Tensor) [] eval { mv_of(&input, &vec) }
        d input = |g, vec| g.unsqueeze(1i64)?.mul(vec.conj()), d vec = |g, input| input.t()?.conj()?.mv(g);
    /// The dot product of two vectors.
    fn dot(input: Tensor, tensor: Tensor) [] eval { dot_of(&input, &tensor) }
        d input = |g, tensor| g.mul(tensor.conj()), d tensor = |g, input| g.mul(input.conj());
    /// The product of vectors, matrices and batches of matrices, with broadcasting.
    fn matmul(input: Tensor, other: Tensor) [] compose { matmul_of(&input, &other) };
    /// `beta * input + alpha * mat1 @ mat2`.
    fn addmm(input: Tensor, mat1: Tensor, mat2: Tensor; beta: Scalar = "1", alpha: Scalar = "1") [] eval {
            let p = mm_of(&mat1, &mat2)?; let p = if alpha == Scalar::Int(1) { p } else { p.mul(alpha)? };
            let b = input.detached(); let b = if beta == Scalar::Int(1) { b } else { b.mul(beta)? }; p.add(b, 1i64) }
        d input = |g, beta| if beta == Scalar::Int(1) { Ok(g.clone()) } else { g.mul(beta) },
        d mat1 = |g, mat2, alpha| { let x = g.mm(mat2.t()?.conj()); if alpha == Scalar::Int(1) { x } else { x.mul(alpha) } },
        d mat2 = |g, mat1, alpha| { let x = mat1.t()?.conj()?.mm(g); if alpha == Scalar::Int(1) { x } else { x.mul(alpha) } };
    /// `input @ weight^T + bias`.
    fn linear "nn.functional.linear"(input: Tensor, weight: Tensor, bias: Option<Tensor> = "null") [] compose {
        match bias {
            Some(b) if input.ndim() == 2 => b.addmm(&input, weight.t(), 1i64, 1i64),
            Some(b) => input.matmul(weight.t())?.add(b, 1i64),
            None => input.matmul(weight.t()),
        } };
}
