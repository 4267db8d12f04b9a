/** `torch.utils.data`. */
export { ConcatDataset, Dataset, IterableDataset, random_split, Subset, TensorDataset } from './datasets.js';
export type { Batched, MapStyle } from './datasets.js';
export { BatchSampler, RandomSampler, Sampler, SequentialSampler, SubsetRandomSampler, WeightedRandomSampler } from './samplers.js';
export { DataLoader, default_collate } from './loader.js';
export type { DataLoaderOptions } from './loader.js';
