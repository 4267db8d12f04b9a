// ONNX Runtime, native: what the processor gives outside of wasm.
import { kindsOf } from './onnx.mjs';
import { load, version } from './peer.mjs';

export const name = 'ort-node';

export function open({ threads }) {
  return { kinds: kindsOf(load('onnxruntime-node'), threads, 'cpu'), version: version('onnxruntime-node') };
}
