//! Channels and pixels in another order.

use crate::ops::prelude::*;

/// The result of views as memory of its own.
fn own(t: Result) -> Result {
    let t = t?;
    t.copied(t.dtype())
}

fn shuffled(input: &Tensor, r: i64) -> Result {
    let s = input.sizes();
    if s.len() < 3 {
        return Err(Error::runtime(format!("pixel_shuffle expects input to have at least 3 dimensions, but got input with {} dimension(s)", s.len())));
    }
    if r <= 0 {
        return Err(Error::runtime(format!("pixel_shuffle expects a positive upscale_factor, but got {r}")));
    }
    let n = s.len();
    let square = r.checked_mul(r).ok_or_else(|| Error::runtime("upscale factor is too large, (upscale_factor)^2 overflowed"))?;
    let (c, h, w) = (s[n - 3], s[n - 2], s[n - 1]);
    if c % square != 0 {
        return Err(Error::runtime(format!(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={c} is not divisible by {square}"
        )));
    }
    let batch = s[..n - 3].iter().product::<i64>();
    let mut sizes: Dims = s[..n - 3].into();
    sizes.extend([c / square, h * r, w * r]);
    own(input.detached().reshape([batch, c / square, r, r, h, w])?.permute([0, 1, 4, 2, 5, 3])?.reshape(&sizes))
}

fn unshuffled(input: &Tensor, r: i64) -> Result {
    let s = input.sizes();
    if s.len() < 3 {
        return Err(Error::runtime(format!("pixel_unshuffle expects input to have at least 3 dimensions, but got input with {} dimension(s)", s.len())));
    }
    if r <= 0 {
        return Err(Error::runtime(format!("pixel_unshuffle expects a positive downscale_factor, but got {r}")));
    }
    let n = s.len();
    let (c, h, w) = (s[n - 3], s[n - 2], s[n - 1]);
    for (name, at, size) in [("height", -2, h), ("width", -1, w)] {
        if size % r != 0 {
            return Err(Error::runtime(format!(
                "pixel_unshuffle expects {name} to be divisible by downscale_factor, but input.size({at})={size} is not divisible by {r}"
            )));
        }
    }
    let batch = s[..n - 3].iter().product::<i64>();
    let mut sizes: Dims = s[..n - 3].into();
    sizes.extend([c * r * r, h / r, w / r]);
    own(input.detached().reshape([batch, c, h / r, r, w / r, r])?.permute([0, 1, 3, 5, 2, 4])?.reshape(&sizes))
}

fn mixed(input: &Tensor, groups: i64) -> Result {
    let s = input.sizes();
    if s.len() <= 2 {
        return Err(Error::runtime(format!("channel_shuffle expects input with > 2 dims, but got input with sizes {s:?}")));
    }
    if groups <= 0 {
        return Err(Error::runtime(format!("Number of groups to divide channels in must be positive. Value of groups:{groups}")));
    }
    if s[1] % groups != 0 {
        return Err(Error::runtime(format!("Number of channels must be divisible by groups. Got {} channels and {groups} groups.", s[1])));
    }
    let space = s[2..].iter().product::<i64>();
    own(input.detached().reshape([s[0], groups, s[1] / groups, space])?.transpose(1i64, 2i64)?.reshape(s))
}

ops! { TABLE, ShuffleOps;
    /// Channels laid out as pixels: `[c r^2, h, w]` becomes `[c, h r, w r]`.
    fn pixel_shuffle(input: Tensor, upscale_factor: i64) ["nn.functional.pixel_shuffle", function] eval { shuffled(&input, upscale_factor) }
        d input = |g, upscale_factor| g.pixel_unshuffle(upscale_factor);
    /// Pixels laid out as channels: `[c, h r, w r]` becomes `[c r^2, h, w]`.
    fn pixel_unshuffle(input: Tensor, downscale_factor: i64) ["nn.functional.pixel_unshuffle", function] eval { unshuffled(&input, downscale_factor) }
        d input = |g, downscale_factor| g.pixel_shuffle(downscale_factor);
    /// The channels of each group spread over all groups.
    fn channel_shuffle(input: Tensor, groups: i64) ["nn.functional.channel_shuffle", function] eval { mixed(&input, groups) }
        d input = |g, groups| g.channel_shuffle(g.sizes()[1] / groups);
}
