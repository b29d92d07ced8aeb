// Safetensors on disk: read piece by piece, written whole or not at all.

import { CheckpointError } from '../../errors.ts';
import { writeFileAtomic } from '../atomicFile.ts';
import { readExactly, withFile } from '../fileProblems.ts';
import { dataSection, decodeFrom, encodeSafetensors, type Safetensors, type Tensor } from './safetensors.ts';
import { sha256 } from './sha256.ts';

/**
 * Writes a file whole or not at all.
 * @throws CheckpointError if it cannot be written; TypeError as encodeSafetensors
 */
export function writeSafetensors(
  path: string,
  tensors: readonly Tensor[],
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeFileAtomic(path, encodeSafetensors(tensors, metadata), CheckpointError);
}

/**
 * Reads a file; memory is taken only for bytes that are there.
 * @throws CheckpointError naming file and place
 */
export function readSafetensors(path: string): Safetensors {
  return withFile(path, 'a safetensors file', CheckpointError, (fd, size) => {
    const read = (length: number, position: number) =>
      readExactly(fd, length, position, path, CheckpointError);
    return decodeFrom(read, size, path);
  });
}

/**
 * SHA-256, in hex, of the data section a file of these tensors has.
 * @param tensors in the order of the file
 */
export function dataSectionSha256(tensors: readonly Tensor[]): string {
  return sha256(dataSection(tensors));
}
