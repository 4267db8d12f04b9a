/** What users find in `torch.autograd`. */
import { once_differentiable } from './function.js';

export { detect_anomaly, set_detect_anomaly, type AnomalyOptions } from './anomaly.js';
export { Function, FunctionCtx } from './function.js';
export * as forward_ad from './forward_ad.js';
export * as functional from './functional.js';
export { gradcheck, GradcheckError, gradgradcheck, type GradcheckOptions } from './gradcheck.js';
export * as graph from './graph.js';
export { enable_grad, inference_mode, no_grad, set_grad_enabled } from './modes.js';
export { backward, grad, type BackwardOptions, type GradOptions } from './passes.js';

/** `torch.autograd.function`. */
export const function_ = { once_differentiable };
export { function_ as function };
