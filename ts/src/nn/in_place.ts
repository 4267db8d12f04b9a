/** The functions of `torch.nn.functional` that write to their first argument: `relu_(x)`. */
import { isKeywords } from '../signatures.js';
import { nn_functional } from '../generated.js';
import type { Tensor } from '../tensor.js';
import type { Writer } from '../writers.js';

const activation = (name: keyof typeof nn_functional): Writer => (input, ...args) => {
  const last = args[args.length - 1], keywords = isKeywords(last) ? last : {};
  const places = isKeywords(last) ? args.slice(0, -1) : args;
  return (nn_functional[name] as (...all: unknown[]) => Tensor)(input, ...places, { ...keywords, inplace: true });
};

/** All of them. */
export const activations = {
  celu_: activation('celu'), elu_: activation('elu'), hardtanh_: activation('hardtanh'), leaky_relu_: activation('leaky_relu'),
  relu_: activation('relu'), rrelu_: activation('rrelu'), selu_: activation('selu'), threshold_: activation('threshold'),
};
