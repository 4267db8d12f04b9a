//! Dropout: single elements or whole channels left out at random, as zeros or at the value that
//! keeps mean and variance (Klambauer et al., "Self-normalizing neural networks", 2017).

use super::prelude::*;

/// The value that a SELU takes far left, without sign: where alpha dropout puts what it leaves out.
const FAR_LEFT: f64 = 1.758_099_340_847_376_6;

fn check(p: f64) -> Result<()> {
    if (0.0..=1.0).contains(&p) { Ok(()) } else {
        Err(Error::value(format!("dropout probability has to be between 0 and 1, but got {p:?}")))
    }
}

/// `input` with elements, or channels of all examples, left out.
fn dropped(input: &Tensor, p: f64, training: bool, channels: bool, alpha: bool) -> Result {
    check(p)?;
    if p == 0.0 || !training || input.numel() == 0 {
        return Ok(input.clone());
    }
    if p == 1.0 {
        return input.mul(Tensor::zeros(&[], input.dtype()));
    }
    let mut sizes = input.dims();
    if channels {
        if sizes.len() < 2 {
            return Err(Error::runtime("Feature dropout requires at least 2 dimensions in the input"));
        }
        sizes[2..].fill(1);
    }
    let dtype = if input.dtype().is_complex() { input.dtype().to_real() } else { input.dtype() };
    let kept = Tensor::empty(&sizes, dtype)?.bernoulli_fill(1.0 - p)?;
    if !alpha {
        if dtype.is_integral() {
            return Err(Error::cast(float_type(dtype), dtype));
        }
        return input.mul(kept.div(1.0 - p, ()));
    }
    let a = 1.0 / ((FAR_LEFT * FAR_LEFT * p + 1.0) * (1.0 - p)).sqrt();
    let moved = kept.add(-1i64, 1i64)?.mul(FAR_LEFT * a)?.add(FAR_LEFT * a * p, 1i64)?;
    input.mul(kept.mul(a))?.add(moved, 1i64)
}

/// Channel dropout where a first dimension may be missing.
fn dropped_unbatched(input: &Tensor, p: f64, training: bool, batched: bool) -> Result {
    check(p)?;
    if batched {
        return dropped(input, p, training, true, false);
    }
    dropped(&input.unsqueeze(0i64)?, p, training, true, false)?.squeeze_dim(0i64)
}

ops! { TABLE, DropoutOps;
    /// Each element left out with probability `p`, the others scaled up to keep the mean.
    fn dropout "nn.functional.dropout"(input: Tensor, p: f64 = "0.5", training: bool = "true", inplace: bool = "false") []
        compose { let _ = inplace; dropped(&input, p, training, false, false) };
    /// Each channel of sequences left out with probability `p`.
    fn dropout1d "nn.functional.dropout1d"(input: Tensor, p: f64 = "0.5", training: bool = "true", inplace: bool = "false") []
        compose {
        let _ = inplace; check(p)?; let n = input.ndim();
        if !matches!(n, 2 | 3) { return Err(Error::runtime(format!(
            "dropout1d: Expected 2D or 3D input, but received a {n}D input. Note that dropout1d exists to provide channel-wise \
             dropout on inputs with 1 spatial dimension, a channel dimension, and an optional batch dimension (i.e. 2D or 3D \
             inputs)."))); }
        dropped_unbatched(&input, p, training, n == 3) };
    /// Each channel of images left out with probability `p`.
    fn dropout2d "nn.functional.dropout2d"(input: Tensor, p: f64 = "0.5", training: bool = "true", inplace: bool = "false") []
        compose { let _ = inplace; dropped(&input, p, training, true, false) };
    /// Each channel of volumes left out with probability `p`.
    fn dropout3d "nn.functional.dropout3d"(input: Tensor, p: f64 = "0.5", training: bool = "true", inplace: bool = "false") []
        compose { let _ = inplace; dropped_unbatched(&input, p, training, input.ndim() == 5) };
    /// Each element set to a low value with probability `p`, then all moved back to the old mean and variance.
    fn alpha_dropout "nn.functional.alpha_dropout"(input: Tensor, p: f64 = "0.5", training: bool = "false",
        inplace: bool = "false") [] compose { let _ = inplace; dropped(&input, p, training, false, true) };
    /// `alpha_dropout` of whole channels.
    fn feature_alpha_dropout "nn.functional.feature_alpha_dropout"(input: Tensor, p: f64 = "0.5", training: bool = "false",
        inplace: bool = "false") [] compose { let _ = inplace; dropped(&input, p, training, true, true) };
}
