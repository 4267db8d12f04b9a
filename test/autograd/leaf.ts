/** What the translated programs share. */
import type { Any } from '../conformance/adapter.ts';

/** A leaf with the values of `t`. */
export const leaf = (t: Any): Any => t.clone().requires_grad_();
/** The class name of the node that made `t`. */
export const madeBy = (t: Any): string => t.grad_fn.name();
