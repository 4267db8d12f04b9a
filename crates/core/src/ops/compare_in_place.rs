//! Comparisons and logic in place: the first operand keeps its dtype, and what that means for gradients.

use super::prelude::*;
use crate::autograd::store;

/// No gradient passes a comparison.
fn none(g: &Tensor) -> Result {
    g.zeros_like(())
}

/// Leaves `result` in `target`; for autograd nothing has happened.
fn unseen(target: &Tensor, result: Result) -> Result {
    store(target, &result?);
    Ok(target.clone())
}

ops! { TABLE, CompareInPlaceOps;
    /// `eq` with a tensor, in place.
    fn eq_tensor_in_place "eq"(input: Tensor, other: Tensor) [hidden, inplace, EqBackward1] eval { input.eq(other) }
        d input = |g| none(g), d other = |g| none(g);

    /// `eq` with a number, in place.
    fn eq_in_place "eq"(input: Tensor, other: Scalar) [hidden, inplace, EqBackward0] eval { input.eq(other) }
        d input = |g| none(g);

    /// `ne` with a tensor, in place.
    fn ne_tensor_in_place "ne"(input: Tensor, other: Tensor) [hidden, inplace, NeBackward1, "not_equal"] eval { input.ne(other) }
        d input = |g| none(g), d other = |g| none(g);

    /// `ne` with a number, in place.
    fn ne_in_place "ne"(input: Tensor, other: Scalar) [hidden, inplace, NeBackward0, "not_equal"] eval { input.ne(other) }
        d input = |g| none(g);

    /// `lt` with a tensor, in place.
    fn lt_tensor_in_place "lt"(input: Tensor, other: Tensor) [hidden, inplace, LtBackward1, "less"] eval { input.lt(other) }
        d input = |g| none(g), d other = |g| none(g);

    /// `lt` with a number, in place.
    fn lt_in_place "lt"(input: Tensor, other: Scalar) [hidden, inplace, LtBackward0, "less"] eval { input.lt(other) }
        d input = |g| none(g);

    /// `le` with a tensor, in place.
    fn le_tensor_in_place "le"(input: Tensor, other: Tensor) [hidden, inplace, LeBackward1, "less_equal"] eval { input.le(other) }
        d input = |g| none(g), d other = |g| none(g);

    /// `le` with a number, in place.
    fn le_in_place "le"(input: Tensor, other: Scalar) [hidden, inplace, LeBackward0, "less_equal"] eval { input.le(other) }
        d input = |g| none(g);

    /// `gt` with a tensor, in place.
    fn gt_tensor_in_place "gt"(input: Tensor, other: Tensor) [hidden, inplace, GtBackward1, "greater"] eval { input.gt(other) }
        d input = |g| none(g), d other = |g| none(g);

    /// `gt` with a number, in place.
    fn gt_in_place "gt"(input: Tensor, other: Scalar) [hidden, inplace, GtBackward0, "greater"] eval { input.gt(other) }
        d input = |g| none(g);

    /// `ge` with a tensor, in place.
    fn ge_tensor_in_place "ge"(input: Tensor, other: Tensor) [hidden, inplace, GeBackward1, "greater_equal"] eval { input.ge(other) }
        d input = |g| none(g), d other = |g| none(g);

    /// `ge` with a number, in place.
    fn ge_in_place "ge"(input: Tensor, other: Scalar) [hidden, inplace, GeBackward0, "greater_equal"] eval { input.ge(other) }
        d input = |g| none(g);

    /// `logical_and`, in place.
    fn logical_and_in_place "logical_and"(input: Tensor, other: Tensor) [hidden, inplace, writes] eval {
        unseen(&input, input.logical_and(other))
    };

    /// `logical_or`, in place.
    fn logical_or_in_place "logical_or"(input: Tensor, other: Tensor) [hidden, inplace, writes] eval {
        unseen(&input, input.logical_or(other))
    };

    /// `logical_xor`, in place.
    fn logical_xor_in_place "logical_xor"(input: Tensor, other: Tensor) [hidden, inplace, writes] eval {
        unseen(&input, input.logical_xor(other))
    };

    /// `logical_not`, in place.
    fn logical_not_in_place "logical_not"(input: Tensor) [hidden, inplace, writes] eval {
        unseen(&input, input.logical_not())
    };
}
