/** `torch.optim`. */
export { Optimizer } from './optimizer.js';
export type { OptimizerState, ParamGroup, Params, Rate, StepHook } from './optimizer.js';
export { Adam, AdamW } from './adam.js';
export { LBFGS } from './lbfgs.js';
export { Adamax, NAdam, RAdam } from './moments.js';
export { Muon } from './muon.js';
export { ASGD, Rprop } from './rprop.js';
export { SGD } from './sgd.js';
export { Adadelta, Adafactor, Adagrad, RMSprop } from './squares.js';
export * as lr_scheduler from './lr_scheduler/index.js';
export * as swa_utils from './swa_utils.js';
