/** `torch.nn`. */
export { nn_functional as functional } from '../generated.js';
export * as init from './init.js';
export { Module, Parameter } from './module.js';
export type { ForwardHook, ForwardPreHook, IncompatibleKeys, StateDict } from './module.js';
export * from './activation.js';
export * from './containers.js';
export * from './conv.js';
export * from './distance.js';
export * from './dropout.js';
export * from './linear.js';
export * from './loss.js';
export * from './norm.js';
export * from './padding.js';
export * from './pooling.js';
export * from './shape.js';
export * from './sparse.js';
