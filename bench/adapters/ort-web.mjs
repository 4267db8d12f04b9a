// ONNX Runtime, compiled to wasm.
import { kindsOf, note } from './onnx.mjs';
import { file, importFile, version } from './peer.mjs';

export const name = 'ort-web';
/** What a page loads. */
export const files = () => ['ort.wasm.bundle.min.mjs', 'ort-wasm-simd-threaded.wasm'].map((path) => file(`onnxruntime-web/dist/${path}`));

export async function open({ threads }) {
  const { default: ort } = await importFile('onnxruntime-web/dist/ort.node.min.mjs');
  ort.env.wasm.numThreads = threads;
  ort.env.logLevel = 'error';
  return { kinds: kindsOf(ort, threads, 'wasm'), version: version('onnxruntime-web'), note };
}
