// Versions of the formats of saved files.

import { CheckpointError } from '../../errors.ts';
import { describeValue, mismatch } from '../../messages.ts';

/** A file in a format that only a later varpool knows: do not fall back to an older file, do not replace it. */
export class NewerFormatError extends CheckpointError {}

/**
 * Checks the `formatVersion` in a file's metadata.
 * @param where starts the message of an error
 * @throws NewerFormatError for a later version, CheckpointError for anything else than `version`; in one line
 */
export function checkFormatVersion(
  metadata: Readonly<Record<string, string>>,
  version: number,
  where: string,
): void {
  const at = `${where}: metadata: formatVersion`;
  const got = Number(metadata.formatVersion);
  if (got > version) {
    throw new NewerFormatError(mismatch(at, `${version} or older`, `${got}`, 'use a newer varpool'));
  }
  if (got !== version) {
    throw new CheckpointError(
      mismatch(at, `${version}`, describeValue(metadata.formatVersion), 'the file is damaged'),
    );
  }
}
