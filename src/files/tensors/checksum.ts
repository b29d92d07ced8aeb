// The checksum of a safetensors file: SHA-256 over its header as well as its numbers, kept as one more field of its metadata.
// Checkpoints always have one; posteriors of older versions do not.

import { CheckpointError } from '../../errors.ts';
import { describeValue, mismatch, oneLine } from '../../messages.ts';
import type { FileHost } from '../fileHost.ts';
import { encodeSafetensors, type Safetensors, type Tensor } from './safetensors.ts';

const FIELD = 'sha256';

/** The metadata with the checksum of the file that it makes with these tensors. */
export function withChecksum(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly Tensor[],
  host: FileHost,
): Record<string, string> {
  return { ...metadata, [FIELD]: contentHash(metadata, tensors, host) };
}

export interface LoadOptions {
  /** Called for a file from before there were checksums. Default: the host's `warn`. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/**
 * Holds the file of a posterior to its checksum; one from before there were checksums is reported.
 * @throws CheckpointError when the content is not what was written
 */
export function holdToChecksum(
  file: Safetensors,
  path: string,
  host: FileHost,
  { onWarning = host.warn }: LoadOptions,
): void {
  if (hasChecksum(file, path, host)) return;
  onWarning(oneLine(`${path}: written before files had a checksum, so damage to it may not show`));
}

/** Whether the file has a checksum; one that has is held to it. @throws CheckpointError */
function hasChecksum({ metadata, tensors }: Safetensors, where: string, host: FileHost): boolean {
  const { [FIELD]: stated, ...covered } = metadata;
  // Damage to the field's name must not make the file look like one from before there were checksums.
  const renamed = Object.keys(covered).find((key) => /^[0-9a-f]{64}$/.test(covered[key]));
  if (stated === undefined && renamed === undefined) return false;
  const hash = contentHash(covered, tensors, host);
  if (stated === hash) return true;
  const [expected, got] =
    stated === undefined
      ? ['a SHA-256', `one under the name ${describeValue(renamed)}`]
      : [`content of SHA-256 ${describeValue(stated.slice(0, 16))}…`, `"${hash.slice(0, 16)}"…`];
  const next = 'the file is damaged: restore it from a copy, or train again';
  throw new CheckpointError(mismatch(where, expected, got, next));
}

/** SHA-256, in hex, of the file that these tensors and this metadata make. */
export function contentHash(
  metadata: Readonly<Record<string, string>>,
  tensors: readonly Tensor[],
  host: Pick<FileHost, 'sha256'>,
): string {
  return host.sha256(encodeSafetensors(tensors, metadata));
}
