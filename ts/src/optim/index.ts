/** `torch.optim`. */
export { Optimizer } from './optimizer.js';
export type { OptimizerState, ParamGroup, Params } from './optimizer.js';
export { SGD } from './sgd.js';
export { Adam, AdamW } from './adam.js';
