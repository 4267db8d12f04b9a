/** `torch.nn.utils.rnn`: sequences of different lengths in one batch. */
import { AssertionError, RuntimeError, ValueError } from '../../errors.js';
import { cat, full, stack } from '../../generated.js';
import { tensor } from '../../creation.js';
import { int64 } from '../../dtype.js';
import { isTensor, type Int, type Tensor } from '../../tensor.js';

/** The steps of all sequences, step by step: at each step those sequences that have it, the longest first. */
export class PackedSequence {
  constructor(readonly data: Tensor, readonly batch_sizes: Tensor, readonly sorted_indices: Tensor | null = null, readonly unsorted_indices: Tensor | null = null) {}
  *[Symbol.iterator](): IterableIterator<Tensor | null> { yield* [this.data, this.batch_sizes, this.sorted_indices, this.unsorted_indices]; }
}

type Lengths = Tensor | readonly Int[];
const numbers = (t: Lengths): number[] => (isTensor(t) ? (t.tolist() as unknown as Int[]) : t).map(Number);
const indices = (list: readonly number[]): Tensor => tensor(list as number[], { dtype: int64 });
/** The permutation that undoes one. */
export function invert_permutation(permutation: Tensor | null): Tensor | null { return permutation && permutation.argsort(); }

interface PackOptions { batch_first?: boolean; enforce_sorted?: boolean }
/** Packs a batch of padded sequences, `[time, batch, ...]`. */
export function pack_padded_sequence(input: Tensor, lengths: Lengths, { batch_first = false, enforce_sorted = true }: PackOptions = {}): PackedSequence {
  const given = numbers(lengths);
  let order: number[] | null = null;
  if (!enforce_sorted) order = given.map((_, i) => i).sort((a, b) => given[b]! - given[a]! || a - b);
  const sizes = order ? order.map((i) => given[i]!) : given, sorted = order && indices(order);
  let x = batch_first ? input.transpose(0, 1) : input;
  if (sizes.length !== x.shape[1]) throw new RuntimeError(`Expected \`len(lengths)\` to be equal to batch_size, but got ${sizes.length} (batch_size=${x.shape[1]})`);
  if (sizes.some((n) => n <= 0)) throw new RuntimeError('Length of all samples has to be greater than 0, but found an element in \'lengths\' that is <= 0');
  if (sizes.some((n, i) => i > 0 && n > sizes[i - 1]!)) {
    throw new RuntimeError('`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. '
      + 'You can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do not need ONNX exportability.');
  }
  if (sorted) x = x.index_select(1, sorted);
  const batch_sizes = Array.from({ length: sizes[0]! }, (_, t) => sizes.filter((n) => n > t).length);
  const data = cat(batch_sizes.map((n, t) => x.select(0, t).narrow(0, 0, n)));
  return new PackedSequence(data, indices(batch_sizes), sorted, invert_permutation(sorted));
}
interface PadOptions { batch_first?: boolean; padding_value?: number; total_length?: number | null }
/** A padded batch of what is packed, and the lengths. */
export function pad_packed_sequence(sequence: PackedSequence, { batch_first = false, padding_value = 0, total_length = null }: PadOptions = {}): [Tensor, Tensor] {
  const sizes = numbers(sequence.batch_sizes), longest = sizes.length, batch = sizes[0]!;
  if (total_length !== null && total_length < longest) {
    throw new ValueError('Expected total_length to be at least the length of the longest sequence in input, '
      + `but got total_length=${total_length} and max sequence length being ${longest}`);
  }
  const rest = sequence.data.shape.slice(1), padding = (n: number): Tensor => full([n, ...rest], padding_value, { dtype: sequence.data.dtype });
  const rows = sequence.data.split(sizes).map((t, i) => (sizes[i]! < batch ? cat([t, padding(batch - sizes[i]!)]) : t));
  for (let t = longest; t < (total_length ?? longest); t++) rows.push(padding(batch));
  let out = stack(rows, batch_first ? 1 : 0), lengths = indices(Array.from({ length: batch }, (_, i) => sizes.filter((n) => n > i).length));
  if (sequence.unsorted_indices) {
    out = out.index_select(batch_first ? 0 : 1, sequence.unsorted_indices);
    lengths = lengths.index_select(0, sequence.unsorted_indices);
  }
  return [out, lengths];
}
/** Sequences of different lengths, padded to that of the longest. */
export function pad_sequence(sequences: readonly Tensor[], { batch_first = false, padding_value = 0, padding_side = 'right' }:
{ batch_first?: boolean; padding_value?: number; padding_side?: 'left' | 'right' } = {}): Tensor {
  if (sequences.length === 0) throw new RuntimeError('received an empty list of sequences');
  if (padding_side !== 'left' && padding_side !== 'right') {
    throw new AssertionError(`Expected \`padding_side\` to be either 'left' or 'right', but got ${padding_side as string}`);
  }
  const longest = Math.max(...sequences.map((s) => s.shape[0]!));
  const padded = sequences.map((s) => {
    const missing = longest - s.shape[0]!;
    if (missing === 0) return s;
    const padding = full([missing, ...s.shape.slice(1)], padding_value, { dtype: s.dtype });
    return cat(padding_side === 'left' ? [padding, s] : [s, padding]);
  });
  return stack(padded, batch_first ? 0 : 1);
}
/** The sequences of a padded batch, by their lengths. */
export function unpad_sequence(padded_sequences: Tensor, lengths: Lengths, batch_first = false): Tensor[] {
  const x = batch_first ? padded_sequences : padded_sequences.transpose(0, 1);
  return numbers(lengths).map((n, i) => x.select(0, i).narrow(0, 0, n));
}
/** Packs sequences of different lengths. */
export function pack_sequence(sequences: readonly Tensor[], enforce_sorted = true): PackedSequence {
  return pack_padded_sequence(pad_sequence(sequences), sequences.map((s) => s.shape[0]!), { enforce_sorted });
}
/** The sequences of what is packed. */
export function unpack_sequence(packed: PackedSequence): Tensor[] {
  const [padded, lengths] = pad_packed_sequence(packed, { batch_first: true });
  return unpad_sequence(padded, lengths, true);
}
