// Checkpoints on disk, each written whole or not at all.

import type { TrainingState } from '../../core/training/trainingState.ts';
import { readSafetensors, writeSafetensors } from '../../files/tensors/safetensorsFile.ts';
import { nodeFileHost } from '../fileHost.ts';
import { type Checkpoint, checkpointRecord, decodeCheckpoint } from './checkpoint.ts';

/**
 * Writes a checkpoint whole or not at all.
 * @param kernels see Checkpoint; null where they need not be the same when it is read
 * @throws CheckpointError if it cannot be written; the file that was there is then as it was
 */
export function writeCheckpoint(path: string, state: TrainingState, kernels: string | null = null): void {
  const { tensors, metadata } = checkpointRecord(state, kernels, nodeFileHost);
  writeSafetensors(path, tensors, metadata);
}

/**
 * Reads a checkpoint and holds every byte of it to its checksum. Whether it fits a training, `runtime.train` says when it is resumed.
 * @throws CheckpointError, in one line, naming the file and what is wrong; NewerFormatError for a later format
 */
export function readCheckpoint(path: string): Checkpoint {
  return decodeCheckpoint(readSafetensors(path), path, nodeFileHost);
}
