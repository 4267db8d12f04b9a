//! Numbers do not depend on how many threads compute them.

use cresset_core::autograd::{grad, Grad};
use cresset_core::ops::prelude::*;
use cresset_core::parallel;

/// Numbers between -1 and 1 that need a gradient.
fn leaf(sizes: &[i64], seed: i64) -> Result {
    let n: i64 = sizes.iter().product();
    let values: Vec<f32> = (0..n).map(|i| ((i + 31 * seed) as f32 * 12.9898).sin()).collect();
    let t = Tensor::from_slice(&values, sizes)?;
    t.set_requires_grad(true)?;
    Ok(t)
}

/// The bits of a result and of the gradients of its leaves.
fn bits(out: &Tensor, leaves: &[Tensor]) -> Result<Vec<Vec<u32>>> {
    let grads = grad(&[out.sum(())?], leaves, &[None], &Grad::default())?;
    let all = std::iter::once(out.clone()).chain(grads.into_iter().flatten());
    Ok(all.map(|t| t.to_vec::<f32>().into_iter().map(f32::to_bits).collect()).collect())
}

fn images() -> Result<Vec<Vec<u32>>> {
    let leaves = [leaf(&[16, 3, 24, 24], 1)?, leaf(&[8, 3, 3, 3], 2)?, leaf(&[8], 3)?, leaf(&[10, 288], 4)?];
    let [x, w, b, fully] = &leaves;
    let y = x.conv2d(w, b, [1], [1], [1], 1i64)?.relu()?.max_pool2d([2], (), [0], [1], false, false)?;
    let y = y.avg_pool2d([2], (), [0], false, true, ())?.flatten(1i64, -1i64)?.linear(fully, ())?;
    bits(&y.tanh()?, &leaves)
}

fn words() -> Result<Vec<Vec<u32>>> {
    let leaves = [leaf(&[4, 96, 64], 5)?, leaf(&[64], 6)?, leaf(&[64], 7)?, leaf(&[192, 64], 8)?, leaf(&[192], 9)?, leaf(&[128, 64], 10)?];
    let [x, scale, shift, qkv, bias, up] = &leaves;
    let y = x.layer_norm([64], scale, shift, 1e-5)?.linear(qkv, bias)?.view([4, 96, 3, 4, 16])?.permute([2, 0, 3, 1, 4])?;
    let [q, k, v] = [y.select(0i64, 0i64)?, y.select(0i64, 1i64)?, y.select(0i64, 2i64)?];
    let y = q.scaled_dot_product_attention(k, v, (), 0.0, true, (), false)?.transpose(1i64, 2i64)?.reshape([4, 96, 64])?;
    let y = y.add(x, 1i64)?.linear(up, ())?.gelu("tanh")?.log_softmax(-1i64, ())?;
    bits(&y.mul(&y)?, &leaves)
}

/// Folds of one long line, of lines side by side and one after the other, and searches.
fn folds() -> Result<Vec<Vec<u32>>> {
    let x = &leaf(&[900, 1111], 11)?.detach()?;
    let long = &leaf(&[(1 << 22) + 200_001], 12)?.detach()?;
    let places = |t: Tensor| t.copied(DType::Float32);
    let all = [
        long.sum(())?, long.mean(())?, long.copied(DType::Float64)?.sum(())?.unsqueeze(0i64)?.view_dtype(DType::Float32)?,
        x.sum(())?, x.t()?.sum(())?, x.mean(())?, x.max()?, x.argmax((), false).and_then(places)?,
        x.sum_dim([0], false, ())?, x.sum_dim([1], false, ())?, x.var_op([0], (), false)?, x.norm(2.0, [1], false, ())?,
        x.argmin(1i64, false).and_then(places)?, x.narrow(1i64, 3i64, 1000i64)?.sum(())?, x.logsumexp([0], false)?,
    ];
    Ok(all.iter().map(|t| t.to_vec::<f32>().into_iter().map(f32::to_bits).collect()).collect())
}

fn steps() -> Result<Vec<Vec<u32>>> {
    let leaves = [leaf(&[5, 40, 24], 11)?, leaf(&[40, 136], 12)?, leaf(&[544, 24], 13)?, leaf(&[544, 136], 14)?, leaf(&[408, 136], 15)?, leaf(&[408, 136], 16)?];
    let [x, h, w, w2, v, v2] = &leaves;
    let y = x._lstm_layer(h, h, w, w2, (), (), false)?._gru_layer(h, v, v2, (), (), true)?;
    bits(&y.reshape([40, 136, 5])?.batch_norm((), (), (), (), true, 0.1, 1e-5)?, &leaves)
}

fn normalised() -> Result<Vec<Vec<u32>>> {
    let leaves = [leaf(&[8, 12, 30, 30], 17)?, leaf(&[12], 18)?, leaf(&[12], 19)?];
    let [x, w, b] = &leaves;
    let y = x.batch_norm((), (), w, b, true, 0.1, 1e-5)?.group_norm(3i64, w, b, 1e-5)?;
    bits(&y.mul(&y)?.mul(&y)?, &leaves)
}

#[test]
fn threads_change_no_bit() -> Result<()> {
    parallel::native(|| 1.0);
    parallel::set_threads(1);
    let kinds: [(&str, fn() -> Result<Vec<Vec<u32>>>); 5] =
        [("images", images), ("words", words), ("folds", folds), ("steps", steps), ("normalised", normalised)];
    let alone = kinds.map(|(_, f)| f());
    parallel::set_threads(3);
    for ((name, f), alone) in kinds.into_iter().zip(alone) {
        assert!(f()? == alone?, "{name}");
    }
    Ok(())
}
