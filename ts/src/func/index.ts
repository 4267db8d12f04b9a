/** `torch.func`: transforms of functions. */
export type { Argnums } from './argnums.js';
export { grad, grad_and_value, jvp, linearize, vjp } from './grad.js';
export { hessian, jacfwd, jacrev } from './jacobian.js';
export { functional_call, stack_module_state } from './module.js';
export type { Tree } from './tree.js';
export { vmap } from './vmap.js';
export type { Dims, Randomness, VmapOptions } from './vmap.js';
