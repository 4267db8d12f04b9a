/** `torch.nn.utils`. */
export * from './gradients.js';
export * as rnn from './rnn.js';
