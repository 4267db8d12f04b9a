/** The functions that write to their first argument: `torch.exp_(x)` is `x.exp_()`. */
import { invoke } from './call.js';
import type { Tensor } from './tensor.js';

/** Leaves the result of an op in its first argument, which it returns. */
export type Writer = (input: Tensor, ...args: unknown[]) => Tensor;

const writer = (name: string): Writer => (input, ...args) => invoke(name, [input, ...args], true) as Tensor;
export const
  abs_ = writer('abs'), acos_ = writer('acos'), acosh_ = writer('acosh'), addmv_ = writer('addmv'),
  arccos_ = writer('arccos'), arccosh_ = writer('arccosh'), arcsin_ = writer('arcsin'), arcsinh_ = writer('arcsinh'),
  arctan_ = writer('arctan'), arctanh_ = writer('arctanh'), as_strided_ = writer('as_strided'),
  asin_ = writer('asin'), asinh_ = writer('asinh'), atan_ = writer('atan'), atanh_ = writer('atanh'),
  ceil_ = writer('ceil'), celu_ = writer('celu'), clamp_ = writer('clamp'), clamp_max_ = writer('clamp_max'),
  clamp_min_ = writer('clamp_min'), clip_ = writer('clip'), conj_physical_ = writer('conj_physical'),
  cos_ = writer('cos'), cosh_ = writer('cosh'), deg2rad_ = writer('deg2rad'), erf_ = writer('erf'),
  erfc_ = writer('erfc'), exp2_ = writer('exp2'), exp_ = writer('exp'), expm1_ = writer('expm1'),
  fill_ = writer('fill'), fix_ = writer('fix'), floor_ = writer('floor'), frac_ = writer('frac'),
  gcd_ = writer('gcd'), i0_ = writer('i0'), index_put_ = writer('index_put'), lcm_ = writer('lcm'),
  ldexp_ = writer('ldexp'), log10_ = writer('log10'), log1p_ = writer('log1p'), log2_ = writer('log2'),
  log_ = writer('log'), logit_ = writer('logit'), nan_to_num_ = writer('nan_to_num'), neg_ = writer('neg'),
  negative_ = writer('negative'), rad2deg_ = writer('rad2deg'), reciprocal_ = writer('reciprocal'),
  relu_ = writer('relu'), resize_as_ = writer('resize_as'), round_ = writer('round'), rsqrt_ = writer('rsqrt'),
  selu_ = writer('selu'), sigmoid_ = writer('sigmoid'), sin_ = writer('sin'), sinc_ = writer('sinc'),
  sinh_ = writer('sinh'), sqrt_ = writer('sqrt'), square_ = writer('square'), tan_ = writer('tan'),
  tanh_ = writer('tanh'), threshold_ = writer('threshold'), trunc_ = writer('trunc'), xlogy_ = writer('xlogy'),
  zero_ = writer('zero');

/** Cuts a tensor off from its history, in place. */
export function detach_(input: Tensor): Tensor { return input.detach_(); }
