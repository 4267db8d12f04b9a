/** `torch.nn`. */
import { nn_functional } from '../generated.js';
import { multi_head_attention_forward } from './attention.js';
import { activations } from './in_place.js';
import { triplet_margin_with_distance_loss } from './loss.js';
export * as init from './init.js';
export { deepcopy, Module, Parameter, UninitializedParameter } from './module.js';
export type { BackwardHook, BackwardPreHook, ForwardHook, ForwardPreHook } from './hooks.js';
export type { IncompatibleKeys, StateDict } from './module.js';
export * as utils from './utils/index.js';
export * from './activation.js';
export * from './adaptive.js';
export { MultiheadAttention } from './attention.js';
export type { AttentionOptions } from './attention.js';
export { GRUCell, LSTMCell, RNNCell } from './cells.js';
export * from './containers.js';
export { Conv1d, Conv2d, Conv3d, ConvTranspose1d, ConvTranspose2d, ConvTranspose3d } from './conv.js';
export type { ConvOptions, ConvTransposeOptions } from './conv.js';
export * from './distance.js';
export * from './dropout.js';
export * from './lazy.js';
export * from './linear.js';
export * from './loss.js';
export {
  BatchNorm1d, BatchNorm2d, BatchNorm3d, GroupNorm, InstanceNorm1d, InstanceNorm2d, InstanceNorm3d, LayerNorm, LocalResponseNorm, RMSNorm,
} from './norm.js';
export * from './padding.js';
export * from './pooling.js';
export * from './rnn.js';
export * from './shape.js';
export * from './sparse.js';
export { Transformer, TransformerDecoder, TransformerDecoderLayer, TransformerEncoder, TransformerEncoderLayer } from './transformer.js';

/** `torch.nn.functional`. */
export const functional = { ...nn_functional, ...activations, multi_head_attention_forward, triplet_margin_with_distance_loss };
