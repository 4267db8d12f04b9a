//! Elements named by a mask.

use super::prelude::*;

ops! { TABLE, MaskOps;
    /// `value` where `mask` is true.
    fn masked_fill(input: Tensor, mask: Tensor, value: Tensor) [inplace] eval {
            if mask.dtype() != DType::Bool { return Err(Error::runtime("masked_fill_ only supports boolean masks, but got mask with dtype ".to_string() + mask.dtype().cpp_name())); }
            if value.ndim() > 0 { return Err(Error::runtime(format!("masked_fill only supports a 0-dimensional value tensor, but got tensor with {} dimension(s).", value.ndim()))); }
            mask.where_op(crate::ops::cast(&value.detached(), input.dtype()), input.detached()) }
        d input = |g, mask| g.masked_fill(mask, 0i64), d value = |g, mask| mask.where_op(g, 0i64).sum(());
}
