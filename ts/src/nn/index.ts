/** `torch.nn`. */
export { nn_functional as functional } from '../generated.js';
export * as init from './init.js';
export { Module, Parameter } from './module.js';
export type { ForwardHook, ForwardPreHook, IncompatibleKeys, StateDict } from './module.js';
export * from './containers.js';
export * from './linear.js';
export * from './shape.js';
export { Conv1d, Conv2d, Conv3d } from './conv.js';
export * from './activation.js';
export * from './loss.js';
