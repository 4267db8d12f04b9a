// ONNX Runtime, compiled to wasm.
import { kindsOf } from './onnx.mjs';
import { importFile, version } from './peer.mjs';

export const name = 'ort-web';

export async function open({ threads }) {
  const { default: ort } = await importFile('onnxruntime-web/dist/ort.node.min.mjs');
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  return { kinds: kindsOf(ort, threads, 'wasm'), version: version('onnxruntime-web') };
}
