// ONNX Runtime, native: what the processor gives outside of wasm.
import { readdirSync } from 'node:fs';
import { kindsOf, note } from './onnx.mjs';
import { file, load, version } from './peer.mjs';

export const name = 'ort-node';
/** The native library, of this machine's kind alone. */
export const files = () => {
  const folder = `onnxruntime-node/bin/napi-v6/${process.platform}/${process.arch}/`;
  return readdirSync(file(folder)).map((path) => file(folder + path));
};

export function open({ threads }) {
  return { kinds: kindsOf(load('onnxruntime-node'), threads, 'cpu'), version: version('onnxruntime-node'), note };
}
