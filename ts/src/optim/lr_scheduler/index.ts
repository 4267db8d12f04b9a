/** `torch.optim.lr_scheduler`. */
export { LRScheduler } from './base.js';
export * from './simple.js';
export * from './cyclic.js';
export * from './combined.js';
