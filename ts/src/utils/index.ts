/** `torch.utils`. */
export * as checkpoint from './checkpoint.js';
export * as data from './data.js';
