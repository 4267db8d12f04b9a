//! Times the tape: `cargo run --release --example tape`.

use cresset_core::autograd::{backward, Backward};
use cresset_core::error::Result;
use cresset_core::ops::prelude::*;
use std::time::Instant;

fn leaf(sizes: &[i64]) -> Result {
    let t = Tensor::full(sizes, Scalar::Float(1.0), DType::Float32)?;
    t.set_requires_grad(true)?;
    Ok(t)
}

fn timed<T>(what: &str, count: usize, run: impl FnOnce() -> Result<T>) -> Result<T> {
    let start = Instant::now();
    let out = run()?;
    println!("{what}: {:.0} ns", start.elapsed().as_nanos() as f64 / count as f64);
    Ok(out)
}

fn pass(root: &Tensor) -> Result<()> {
    backward(std::slice::from_ref(root), &[], &Backward::default()).map(|_| ())
}

fn main() -> Result<()> {
    let n = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let x = leaf(&[4])?;
    for _ in 0..3 {
        timed("2 * dot(x, x), forward", n, || (0..n).try_for_each(|_| x.dot(&x)?.mul(2.0).map(|_| ())))?;
        timed("2 * dot(x, x), forward and backward", n, || (0..n).try_for_each(|_| pass(&x.dot(&x)?.mul(2.0)?)))?;
    }
    let one = leaf(&[1])?;
    let chain = timed("a step of a chain", n, || (0..n).try_fold(one.clone(), |y, _| y.add(1.0, 1i64)))?;
    timed("its backward", n, || pass(&chain))?;
    timed("its end", n, || {
        drop(chain);
        Ok(())
    })?;
    let squares = timed("a step of a chain that saves", n, || (0..n).try_fold(one.clone(), |y, _| y.mul(&y)))?;
    timed("its end", n, || {
        drop(squares);
        Ok(())
    })?;
    let wide = timed("a branch of a wide graph", n, || (0..n).map(|_| one.mul(2.0)).collect::<Result<Vec<_>>>())?;
    let roots = Backward::default();
    timed("its backward", n, || backward(&wide, &[], &roots))?;
    timed("its end", n, || {
        drop(wide);
        Ok(())
    })?;
    Ok(())
}
