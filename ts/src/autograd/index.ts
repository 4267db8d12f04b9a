/** `torch.autograd`. */
import './cycles.js';
import * as namespace from './namespace.js';

export type { FunctionCtx } from './function.js';
export { addAccumulateHook, addHook, retainGrad } from './hooks.js';
export { enable_grad, inference_mode, is_grad_enabled, is_inference_mode_enabled, no_grad, quietly, set_grad_enabled } from './modes.js';
export { is_anomaly_check_nan_enabled, is_anomaly_enabled } from './anomaly.js';
export { gradFn, noteLeaf, type GradientEdge, type Node, type RemovableHandle } from './node.js';
export { runBackward, type BackwardOptions, type GradOptions } from './passes.js';
export { namespace as autograd };
