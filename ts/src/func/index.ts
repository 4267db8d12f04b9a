/** `torch.func`: transforms of functions. */
export { grad, grad_and_value, jvp, linearize, vjp } from './grad.js';
